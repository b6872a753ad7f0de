/* tmpcopyup: what the image has in a folder shows in the tmpfs that is mounted over it (podman --read-only asks for
 * it on /tmp, /var/tmp and /run): files, folders, links, FIFOs and sockets with their owners, modes, times, ACLs and user
 * attributes. Hard links become files of their own, device nodes stay behind, and so do capabilities of files: they
 * count for nothing on a nosuid mount. System calls only; bounded in depth; nothing is followed. */
#include "runtime/mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/sys.h"

#define DEPTH_MAX 64

/* getdents64(2) */
struct entry {
        uint64_t d_ino;
        int64_t d_off;
        unsigned short d_reclen;
        unsigned char d_type;
        char d_name[];
};

static int copy_bytes(int from, int to, off_t length)
{
        char buffer[16384];
        ssize_t n, m, done;

        while (length > 0 && (n = read(from, buffer, sizeof buffer)) != 0) {
                if (n < 0)
                        return -1;
                for (done = 0; done < n; done += m) {
                        m = write(to, buffer + done, (size_t)(n - done));
                        if (m < 0)
                                return -1;
                }
                length -= n;
        }
        return 0;
}

static bool is_copied(const char *name)
{
        return strncmp(name, "user.", 5) == 0 || strcmp(name, "system.posix_acl_access") == 0 ||
               strcmp(name, "system.posix_acl_default") == 0;
}

/* xattr(7). The ids in an ACL are ours on both sides (the container's, mapped), so they need no translation. */
static int copy_attributes(int from, int to)
{
        char names[4096], value[4096];
        ssize_t length = flistxattr(from, names, sizeof names), n;

        if (length < 0)
                return errno == EOPNOTSUPP ? 0 : -1;
        for (const char *name = names; name < names + length; name += strlen(name) + 1) {
                if (!is_copied(name))
                        continue;
                n = fgetxattr(from, name, value, sizeof value);
                /* Linux < 6.6: no user attributes on a tmpfs. */
                if (n < 0 || (fsetxattr(to, name, value, (size_t)n, 0) < 0 && errno != EOPNOTSUPP))
                        return -1;
        }
        return 0;
}

static int copy_tree(int from, int to, unsigned depth);

static int copy_entry(int from, int to, const char *name, unsigned depth)
{
        struct timespec times[2];
        struct stat st;
        auto_close int in = UNSET_FD, out = UNSET_FD;
        char link[PATH_MAX];
        ssize_t n;

        if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -1;
        switch (st.st_mode & S_IFMT) {
        case S_IFDIR:
                if (mkdirat(to, name, 0700) < 0)
                        return -1;
                in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (in < 0 || out < 0 || copy_tree(in, out, depth + 1) < 0)
                        return -1;
                break;
        case S_IFREG:
                /* Another container can swap it while we look (a shared volume): no FIFO holds us up, no device is read. */
                in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
                out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
                if (in >= 0 && fstat(in, &st) == 0 && !S_ISREG(st.st_mode)) {
                        errno = ESTALE;
                        return -1;
                }
                if (in < 0 || out < 0 || copy_bytes(in, out, st.st_size) < 0)
                        return -1;
                break;
        case S_IFLNK:
                n = readlinkat(from, name, link, sizeof link - 1);
                if (n < 0)
                        return -1;
                link[n] = '\0';
                if (symlinkat(link, to, name) < 0)
                        return -1;
                break;
        case S_IFIFO:
        case S_IFSOCK:
                if (mknodat(to, name, st.st_mode & (S_IFMT | 07777), 0) < 0)
                        return -1;
                break;
        default:
                return 0;       /* device nodes of an image are never taken over */
        }
        if (fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
                return -1;
        if (!S_ISLNK(st.st_mode) && fchmodat(to, name, st.st_mode & 07777, 0) < 0)
                return -1;
        /* After the mode, which an ACL is part of. */
        if (in >= 0 && copy_attributes(in, out) < 0)
                return -1;
        times[0] = st.st_atim;
        times[1] = st.st_mtim;
        return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW);
}

static int copy_tree(int from, int to, unsigned depth)
{
        char buffer[4096] __attribute__((aligned(8)));
        long n;

        if (depth > DEPTH_MAX) {
                errno = ELOOP;
                return -1;
        }
        while ((n = syscall(SYS_getdents64, from, buffer, sizeof buffer)) > 0)
                for (long at = 0; at < n;) {
                        const struct entry *entry = (const struct entry *)(buffer + at);

                        at += entry->d_reclen;
                        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                                continue;
                        if (copy_entry(from, to, entry->d_name, depth) < 0)
                                return -1;
                }
        return n < 0 ? -1 : 0;
}

int mounts_child_copyup(int from_fd, int to_fd)
{
        auto_close int from = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        auto_close int to = openat(to_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct stat st;

        if (from < 0 || to < 0 || fstat(from, &st) < 0)
                return -1;
        if (copy_tree(from, to, 0) < 0 || copy_attributes(from, to) < 0)
                return -1;
        return fchown(to, st.st_uid, st.st_gid);
}
