/* Files by fd. Everything opened here is O_CLOEXEC at birth. */
#include "runtime/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/sys.h"

int fd_read_all(int fd, size_t limit_bytes, char **ret_text, size_t *ret_length)
{
        size_t size = 4096, length = 0;
        auto_free char *text = malloc(size);
        char *larger;
        ssize_t n;

        if (text == NULL)
                return -ENOMEM;
        for (;;) {
                if (length + 1 == size) {
                        size *= 2;
                        larger = realloc(text, size);
                        if (larger == NULL)
                                return -ENOMEM;
                        text = larger;
                }
                n = read(fd, text + length, size - length - 1);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                length += (size_t)n;
                if (length > limit_bytes)
                        return -EFBIG;
        }
        text[length] = '\0';
        *ret_text = take_pointer(text);
        if (ret_length != NULL)
                *ret_length = length;
        return 0;
}

int fd_read_file(int dir_fd, const char *path, size_t limit_bytes, char **ret_text, size_t *ret_length)
{
        /* O_NONBLOCK: a FIFO put in the place of a file must not hang us. */
        auto_close int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

        if (fd < 0)
                return -errno;
        return fd_read_all(fd, limit_bytes, ret_text, ret_length);
}

int fd_write_all(int fd, const void *bytes, size_t length)
{
        const char *p = bytes;
        ssize_t n;

        while (length > 0) {
                n = write(fd, p, length);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                p += n;
                length -= (size_t)n;
        }
        return 0;
}

int fd_write_file(int dir_fd, const char *path, const char *text)
{
        auto_close int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        size_t length = strlen(text);
        ssize_t n;

        if (fd < 0)
                return -errno;
        do
                n = write(fd, text, length);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        return (size_t)n == length ? 0 : -EIO;
}

static int replace(int dir_fd, const char *path, const void *bytes, size_t length, mode_t mode, bool is_synced)
{
        char temporary[PATH_MAX];
        auto_close int fd = UNSET_FD;
        int r;

        if ((size_t)snprintf(temporary, sizeof temporary, "%s.new-%d", path, getpid()) >= sizeof temporary)
                return -ENAMETOOLONG;
        fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0 && errno == EEXIST) {
                /* Left by a killed process that had our pid. */
                unlinkat(dir_fd, temporary, 0);
                fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        }
        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, bytes, length);
        if (r == 0 && is_synced && fsync(fd) < 0)
                r = -errno;
        if (r == 0 && renameat(dir_fd, temporary, dir_fd, path) < 0)
                r = -errno;
        if (r < 0)
                unlinkat(dir_fd, temporary, 0);
        return r;
}

int fd_replace_file(int dir_fd, const char *path, const void *bytes, size_t length, mode_t mode)
{
        return replace(dir_fd, path, bytes, length, mode, false);
}

int fd_replace_file_synced(int dir_fd, const char *path, const void *bytes, size_t length, mode_t mode)
{
        return replace(dir_fd, path, bytes, length, mode, true);
}

int fd_make_folders(const char *path, mode_t mode)
{
        char copy[PATH_MAX];
        size_t length = strlen(path);
        char *slash;

        if (length == 0 || length >= sizeof copy)
                return -ENAMETOOLONG;
        memcpy(copy, path, length + 1);
        for (slash = copy + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
                *slash = '\0';
                if (mkdir(copy, mode) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        if (mkdir(copy, mode) < 0 && errno != EEXIST)
                return -errno;
        return 0;
}

static int remove_below(int dir_fd, const char *name, unsigned depth)
{
        auto_closedir DIR *dir = NULL;
        struct dirent *entry;
        int fd, first = 0, r;

        if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return -errno;
        if (depth > 1000)
                return -ELOOP;
        fd = sys_openat2(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
                         RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        dir = fdopendir(fd);
        if (dir == NULL) {
                close(fd);
                return -ENOMEM;
        }
        while ((entry = readdir(dir)) != NULL) {
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                r = remove_below(dirfd(dir), entry->d_name, depth + 1);
                if (r < 0 && first == 0)
                        first = r;
        }
        if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT && first == 0)
                first = -errno;
        return first;
}

int fd_remove_tree(int dir_fd, const char *name)
{
        return remove_below(dir_fd, name, 0);
}

const char *fd_name_in_proc(int fd, char buffer[FD_NAME_SIZE])
{
        static const char folder[] = "self/fd/";
        char digits[12], *p = digits + sizeof digits;

        *--p = '\0';
        do
                *--p = (char)('0' + fd % 10);
        while ((fd /= 10) > 0);
        memcpy(buffer, folder, sizeof folder - 1);
        memcpy(buffer + sizeof folder - 1, p, (size_t)(digits + sizeof digits - p));
        return buffer;
}

int fd_send(int socket_fd, int fd, const void *bytes, size_t length)
{
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct iovec io = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = length };
        struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control,
                                  .msg_controllen = sizeof control.room };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        ssize_t n;

        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
        do
                n = sendmsg(socket_fd, &message, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

ssize_t fd_receive(int socket_fd, void *bytes, size_t size, int *ret_fd)
{
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct iovec io = { .iov_base = bytes, .iov_len = size };
        struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control,
                                  .msg_controllen = sizeof control.room };
        struct cmsghdr *header;
        int fd = UNSET_FD;
        ssize_t n;

        do
                n = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        header = CMSG_FIRSTHDR(&message);
        if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
            header->cmsg_len == CMSG_LEN(sizeof(int)))
                memcpy(&fd, CMSG_DATA(header), sizeof fd);
        *ret_fd = fd;
        return n;
}

int fd_connect_unix(const char *path, int type, int *ret_fd, struct error *err)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        auto_close int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
        auto_close int target = UNSET_FD;
        const struct timeval limit = { .tv_sec = 10 };

        if (fd < 0)
                return error_errno(err, errno, "socket for %s", path);
        /* unix(7): for connect(2) too, which waits while the queue of somebody who accepts nobody is full. */
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        /* sun_path holds 108 bytes, and buildah's bundle path can pass them: by way of an fd the name is short. */
        target = open(path, O_PATH | O_CLOEXEC);
        if (target < 0)
                return error_errno(err, errno, "open %s", path);
        snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", target);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
                return error_errno(err, errno, "connect to %s", path);
        *ret_fd = take_fd(&fd);
        return 0;
}

int fd_send_to_path(const char *path, int fd, struct error *err)
{
        auto_close int socket_fd = UNSET_FD;
        int r = fd_connect_unix(path, SOCK_STREAM, &socket_fd, err);

        if (r < 0)
                return r;
        r = fd_send(socket_fd, fd, "pidfd", strlen("pidfd"));
        return r < 0 ? error_errno(err, r, "send to %s", path) : 0;
}
