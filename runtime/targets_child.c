/* Each part of a path is looked at from the fd of a folder that was itself reached beneath the root without links, so a
 * racing rename can make this fail but never lead it outside. */
#include "runtime/targets.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/sys.h"

#define LINKS_MAX 40    /* as the kernel's MAXSYMLINKS */

static int open_plain(int root_fd, const char *path)
{
        int fd;

        for (unsigned tries = 0; tries < 128; tries++) {
                fd = sys_openat2(root_fd, path[0] == '\0' ? "." : path, O_PATH, 0,
                                 RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
                if (fd >= 0 || errno != EAGAIN)
                        return fd;
        }
        return fd;
}

/* Puts @before and the rest of @rest together in @rest. */
static int put_before(char *rest, size_t size, const char *before, size_t before_length)
{
        size_t length = strlen(rest);

        if (before_length + 1 + length + 1 > size) {
                errno = ENAMETOOLONG;
                return -1;
        }
        memmove(rest + before_length + 1, rest, length + 1);
        memcpy(rest, before, before_length);
        rest[before_length] = '/';
        return 0;
}

/* Walks @path part by part. @done: the part without links that exists, relative to the root. */
static int walk_and_make(int root_fd, const char *path, enum target_kind kind, bool *ret_was_made)
{
        char done[PATH_MAX] = "", rest[PATH_MAX], link[PATH_MAX];
        size_t done_length = 0, length = strlen(path);
        unsigned n_links = 0;

        if (length >= sizeof rest) {
                errno = ENAMETOOLONG;
                return -1;
        }
        memcpy(rest, path, length + 1);
        for (;;) {
                char *part = rest + strspn(rest, "/"), name[NAME_MAX + 1];
                size_t part_length = strcspn(part, "/");
                auto_close int folder = UNSET_FD;
                struct stat st;
                bool is_last;

                if (part_length == 0)
                        return open_plain(root_fd, done);
                if (part_length > NAME_MAX) {
                        errno = ENAMETOOLONG;
                        return -1;
                }
                memcpy(name, part, part_length);
                name[part_length] = '\0';
                memmove(rest, part + part_length, strlen(part + part_length) + 1);
                is_last = rest[strspn(rest, "/")] == '\0';
                if (strcmp(name, ".") == 0)
                        continue;
                if (strcmp(name, "..") == 0) {          /* at the root it stays there */
                        while (done_length > 0 && done[--done_length] != '/')
                                ;
                        done[done_length] = '\0';
                        continue;
                }
                folder = open_plain(root_fd, done);
                if (folder < 0)
                        return -1;
                if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                        int r;

                        if (errno != ENOENT)
                                return -1;
                        /* As runc makes them (files 0644 since 1.1.15, before that 0755): what is made here stays in the
                         * image that is built. */
                        if (is_last && kind == TARGET_FILE)
                                r = mknodat(folder, name, S_IFREG | 0644, 0);
                        else
                                r = mkdirat(folder, name, 0755);
                        if (r < 0 && errno != EEXIST)
                                return -1;
                        if (ret_was_made != NULL)
                                *ret_was_made = true;
                } else if (S_ISLNK(st.st_mode)) {
                        ssize_t n = readlinkat(folder, name, link, sizeof link);

                        if (n < 0)
                                return -1;
                        if ((size_t)n >= sizeof link || ++n_links > LINKS_MAX) {
                                errno = ELOOP;
                                return -1;
                        }
                        if (n > 0 && link[0] == '/') {
                                done[0] = '\0';
                                done_length = 0;
                        }
                        if (put_before(rest, sizeof rest, link, (size_t)n) < 0)
                                return -1;
                        continue;
                }
                if (done_length + 1 + part_length + 1 > sizeof done) {
                        errno = ENAMETOOLONG;
                        return -1;
                }
                if (done_length > 0)
                        done[done_length++] = '/';
                memcpy(done + done_length, name, part_length + 1);
                done_length += part_length;
        }
}

int target_open(int root_fd, const char *path, enum target_kind kind, bool no_links, bool *ret_was_made)
{
        struct stat st;
        int fd;

        if (ret_was_made != NULL)
                *ret_was_made = false;
        if (no_links) {
                fd = open_plain(root_fd, path);
                if (fd < 0 && errno == ENOENT) {
                        if (walk_and_make(root_fd, path, kind, ret_was_made) < 0)
                                return -1;
                        fd = open_plain(root_fd, path);
                }
        } else {
                fd = sys_open_in_root(root_fd, path, O_PATH);
                if (fd < 0 && errno == ENOENT)
                        fd = walk_and_make(root_fd, path, kind, ret_was_made);
        }
        if (fd < 0)
                return -1;
        if (fstat(fd, &st) < 0 || (kind == TARGET_FOLDER) != !!S_ISDIR(st.st_mode)) {
                close(fd);
                errno = kind == TARGET_FOLDER ? ENOTDIR : EISDIR;
                return -1;
        }
        return fd;
}

int target_open_parent(int root_fd, const char *path, const char **ret_name)
{
        char folder[PATH_MAX];
        const char *slash = strrchr(path, '/');
        size_t length = slash == NULL ? 0 : (size_t)(slash - path);

        if (length >= sizeof folder) {
                errno = ENAMETOOLONG;
                return -1;
        }
        memcpy(folder, path, length);
        folder[length] = '\0';
        *ret_name = slash == NULL ? path : slash + 1;
        if ((*ret_name)[0] == '\0' || strcmp(*ret_name, ".") == 0 || strcmp(*ret_name, "..") == 0) {
                errno = EINVAL;
                return -1;
        }
        return target_open(root_fd, length == 0 ? "/" : folder, TARGET_FOLDER, false, NULL);
}
