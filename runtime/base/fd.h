/* Reading, writing and naming files by fd. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/base/error.h"

/* Reads to the end, at most @limit_bytes, into a new buffer that ends with a NUL byte (not counted).
 * @ret_text: the caller frees it. Returns 0 or a negative errno (EFBIG over the limit). */
int fd_read_all(int fd, size_t limit_bytes, char **ret_text, size_t *ret_length);

/* Opens relative to @dir_fd (AT_FDCWD too) and reads as fd_read_all() does. */
int fd_read_file(int dir_fd, const char *path, size_t limit_bytes, char **ret_text, size_t *ret_length);

/* Writes everything, whatever write(2) cuts. Returns 0 or a negative errno. Safe between clone and exec. */
int fd_write_all(int fd, const void *bytes, size_t length);

/* Opens an existing file for writing, writes @text in one write(2), closes. For procfs and cgroupfs. */
int fd_write_file(int dir_fd, const char *path, const char *text);

/* Writes to a temporary name beside @path and renames: readers see the old file or the whole new one.
 * Not synced: the runtime's files live in /run, which a crash of the machine empties anyway. */
int fd_replace_file(int dir_fd, const char *path, const void *bytes, size_t length, mode_t mode);
/* For what is to last: after a crash of the machine the file is whole, or is not there. */
int fd_replace_file_synced(int dir_fd, const char *path, const void *bytes, size_t length, mode_t mode);

/* mkdir -p with @mode for what is made. @path absolute or relative to the working folder. */
int fd_make_folders(const char *path, mode_t mode);

/* Removes the tree @name of @dir_fd without following links and without crossing into
 * another mount. A missing tree is success. Returns 0 or the first negative errno. */
int fd_remove_tree(int dir_fd, const char *name);

/* "self/fd/N", to be opened below a procfs. Returns @buffer. Safe between clone and exec. */
#define FD_NAME_SIZE 24
const char *fd_name_in_proc(int fd, char buffer[FD_NAME_SIZE]);

/* Sends one fd with @length bytes of data in one message (SCM_RIGHTS, unix(7)); 0 or a negative errno. */
int fd_send(int socket_fd, int fd, const void *bytes, size_t length);
/* Receives one; the caller owns *ret_fd (UNSET_FD when the message carried none). Returns bytes or -errno. */
ssize_t fd_receive(int socket_fd, void *bytes, size_t size, int *ret_fd);

/* Connects a stream socket to @path even where it is longer than sun_path holds (108 bytes). */
int fd_connect_unix(const char *path, int type, int *ret_fd, struct error *err);

/* Connects and sends one fd, with "pidfd" as the data: runc's --pidfd-socket. */
int fd_send_to_path(const char *path, int fd, struct error *err);
