/* A folder that everyone can enter looks private when it is bound below a private one, and /etc looks like any folder:
 * what is judged by its place has to be judged by every place. buildah hands over each volume as such a bind.
 *
 * The root of a bind mount tells the path in its file system (proc(5), mountinfo), and any mount that shows more of
 * the same device tells where that is. The common cases are told apart before mountinfo is read, which is long on a
 * busy host: files on the mount of / itself, and mounts of a whole file system (statmount(2), Linux 6.8). */
#include "runtime/origins.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"

#define MOUNTINFO_LIMIT_BYTES ((size_t)64 << 20)

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U     /* Linux 6.8 */
#endif
#ifndef SYS_statmount
#define SYS_statmount 457               /* Linux 6.8, the same number on every architecture */
#endif
#define STATMOUNT_ROOT_ 0x8U            /* STATMOUNT_MNT_ROOT of linux/mount.h */
#define STATMOUNT_STRINGS_AT 512        /* offsetof(struct statmount, str) */
#define STATMOUNT_ROOT_AT 104           /* offsetof(struct statmount, mnt_root) */

struct mount_request {                  /* struct mnt_id_req, version 0 */
        uint32_t size;
        uint32_t spare;
        uint64_t id;
        uint64_t mask;
};

/* Does the mount of @fd show a whole file system? 1 and 0; -ENOSYS where the kernel is too old to say so cheaply. */
static int is_mount_whole(int fd)
{
        union {
                char bytes[STATMOUNT_STRINGS_AT + PATH_MAX];
                uint64_t align;
        } answer;
        struct mount_request request = { .size = sizeof request, .mask = STATMOUNT_ROOT_ };
        struct statx stx;
        uint32_t root;

        if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID_UNIQUE, &stx) < 0 || (stx.stx_mask & STATX_MNT_ID_UNIQUE) == 0)
                return -ENOSYS;
        request.id = stx.stx_mnt_id;
        if (syscall(SYS_statmount, &request, &answer, sizeof answer, 0) < 0)
                return -ENOSYS;
        memcpy(&root, answer.bytes + STATMOUNT_ROOT_AT, sizeof root);
        return root < PATH_MAX - 2 && strcmp(answer.bytes + STATMOUNT_STRINGS_AT + root, "/") == 0;
}

static int64_t mount_id_of(int fd)
{
        struct statx stx;

        if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0 || (stx.stx_mask & STATX_MNT_ID) == 0)
                return -1;
        return (int64_t)stx.stx_mnt_id;
}

/* Most files lie on the mount of /. */
static bool is_on_root(struct origins *origins, int64_t id)
{
        if (!origins->is_root_known) {
                auto_close int fd = open("/", O_PATH | O_CLOEXEC);

                origins->root_id = fd >= 0 ? mount_id_of(fd) : -1;
                origins->is_root_known = true;
        }
        return id >= 0 && id == origins->root_id;
}

/* A line of /proc/self/mountinfo, proc(5). */
struct mount_line {
        int id;
        unsigned device_major, device_minor;
        char root[PATH_MAX];
        char target[PATH_MAX];
};

static bool read_mount_line(const char *text, struct mount_line *ret_line)
{
        static_assert(PATH_MAX == 4096, "the widths below");

        if (sscanf(text, "%d %*d %u:%u %4095s %4095s", &ret_line->id, &ret_line->device_major, &ret_line->device_minor,
                   ret_line->root, ret_line->target) != 5)
                return false;
        text_unescape_octal(ret_line->root);
        text_unescape_octal(ret_line->target);
        return true;
}

static const char *next_line(const char *text)
{
        text = strchr(text, '\n');
        return text != NULL && text[1] != '\0' ? text + 1 : NULL;
}

/* The part of @path below @folder, beginning with a slash; "" when it is @folder, NULL when it is not in it. */
static const char *rest_below(const char *path, const char *folder)
{
        size_t length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

        if (strncmp(path, folder, length) != 0 || (path[length] != '\0' && path[length] != '/'))
                return NULL;
        return strcmp(path + length, "/") == 0 ? "" : path + length;
}

static bool find_line(const char *mountinfo, int64_t id, struct mount_line *ret_line)
{
        for (const char *line = mountinfo; line != NULL; line = next_line(line)) {
                if (read_mount_line(line, ret_line) && ret_line->id == id)
                        return true;
        }
        return false;
}

/* The file's path through @other, when that mount shows more of the file system than @own and the file is really there
 * (another mount may lie over it). Returns false otherwise. */
static bool path_through(const struct mount_line *other, const struct mount_line *own, const char *below,
                         const struct stat *st, char *ret_path, size_t size)
{
        const char *rest = rest_below(own->root, other->root);
        struct stat there;

        if (other->id == own->id || other->device_major != own->device_major ||
            other->device_minor != own->device_minor || rest == NULL)
                return false;
        if ((size_t)snprintf(ret_path, size, "%s%s%s", strcmp(other->target, "/") == 0 ? "" : other->target, rest,
                             below) >= size)
                return false;
        if (ret_path[0] == '\0')
                snprintf(ret_path, size, "/");
        return lstat(ret_path, &there) == 0 && there.st_dev == st->st_dev && there.st_ino == st->st_ino;
}

static int find_in_mountinfo(const char *mountinfo, struct arena *arena, int64_t id, const char *real_path,
                             const struct stat *st, struct origin *origin)
{
        static struct mount_line own, other;    /* 16 KiB of paths: not on the stack; one thread */
        char path[PATH_MAX];
        const char *below;
        size_t best = SIZE_MAX;

        if (!find_line(mountinfo, id, &own))
                return 0;
        origin->is_whole = strcmp(own.root, "/") == 0;
        origin->top = arena_string(arena, own.target);
        if (origin->top == NULL)
                return -ENOMEM;
        below = rest_below(real_path, own.target);
        if (origin->is_whole || below == NULL)
                return 0;
        for (const char *line = mountinfo; line != NULL; line = next_line(line)) {
                if (!read_mount_line(line, &other) || strlen(other.root) >= best ||
                    !path_through(&other, &own, below, st, path, sizeof path))
                        continue;
                best = strlen(other.root);
                origin->path = arena_string(arena, path);
                if (origin->path == NULL)
                        return -ENOMEM;
        }
        return 0;
}

static int read_mountinfo(struct origins *origins)
{
        size_t length;
        int r;

        if (origins->mountinfo != NULL)
                return 0;
        r = fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_LIMIT_BYTES, &origins->mountinfo, &length);
        if (r < 0)
                origins->mountinfo = NULL;
        return r;
}

int origins_find(struct origins *origins, struct arena *arena, int fd, const char *real_path, struct origin *ret_origin)
{
        struct origin origin = { .is_whole = false };
        int64_t id = mount_id_of(fd);
        struct stat st;
        int r;

        if (is_on_root(origins, id) || is_mount_whole(fd) == 1) {
                *ret_origin = (struct origin){ .is_whole = true };
                return 0;
        }
        if (read_mountinfo(origins) == -ENOMEM)
                return -ENOMEM;
        if (origins->mountinfo != NULL && id >= 0 && fstat(fd, &st) == 0) {
                r = find_in_mountinfo(origins->mountinfo, arena, id, real_path, &st, &origin);
                if (r < 0)
                        return r;
        }
        *ret_origin = origin;
        return 0;
}

/* The type is what stands after the separator " - ", proc(5); blanks in names are escaped. */
static void read_type(const char *line, char *ret_type, size_t size)
{
        const char *end = strchrnul(line, '\n'), *type = strstr(line, " - ");
        size_t length;

        ret_type[0] = '\0';
        if (type == NULL || type >= end)
                return;
        type += strlen(" - ");
        length = strcspn(type, " \n");
        if (length >= size)
                return;
        memcpy(ret_type, type, length);
        ret_type[length] = '\0';
}

static bool is_type(const char *const *list, size_t n, const char *type)
{
        for (size_t i = 0; i < n; i++) {
                if (strcmp(list[i], type) == 0)
                        return true;
        }
        return false;
}

/* As mounts_sources.c has them for the source itself, and what /dev is made of. */
static const char *const kernel_views[] = {
        "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs", "fusectl", "mqueue",
        "nfsd", "nsfs", "proc", "pstore", "resctrl", "rpc_pipefs", "securityfs", "selinuxfs", "smackfs", "sysfs", "tracefs",
};

/* A server that is gone would have us wait, and an automounter mount. */
static const char *const not_looked_into[] = { "9p", "afs", "autofs", "ceph", "cifs", "nfs", "nfs4", "smb3", "virtiofs" };

/* What another mount covers is not shown by a bind. */
static bool is_seen(const struct mount_line *mount)
{
        struct stat st;

        return lstat(mount->target, &st) == 0 && major(st.st_dev) == mount->device_major && minor(st.st_dev) == mount->device_minor;
}

/* Most lines are told by their fifth field as it is written; names with what is escaped there are read whole. */
static bool may_be_below(const char *line, const char *folder)
{
        for (int i = 0; i < 4; i++) {
                line += strcspn(line, " \n");
                line += *line == ' ';
        }
        return strpbrk(folder, " \t\n\\") != NULL || text_starts_with(line, folder);
}

int origins_look_below(struct origins *origins, struct arena *arena, const char *real_path,
                       bool (*look)(const char *path), const char **ret_view, const char **ret_socket)
{
        static struct mount_line mount;         /* as above */
        const char *view = NULL, *socket = NULL, *rest;
        char type[64];
        int r = read_mountinfo(origins);

        if (r < 0)
                return r;
        for (const char *line = origins->mountinfo; line != NULL && *line != '\0'; line = next_line(line)) {
                if (!may_be_below(line, real_path))
                        continue;
                if (!read_mount_line(line, &mount))
                        return -EINVAL;
                rest = rest_below(mount.target, real_path);
                if (rest == NULL || rest[0] == '\0')
                        continue;
                read_type(line, type, sizeof type);
                if (is_type(kernel_views, sizeof kernel_views / sizeof *kernel_views, type)) {
                        if (view != NULL || !is_seen(&mount))
                                continue;
                        view = arena_string(arena, mount.target);
                        if (view == NULL)
                                return -ENOMEM;
                } else if (socket == NULL && !text_starts_with(type, "fuse") &&
                           !is_type(not_looked_into, sizeof not_looked_into / sizeof *not_looked_into, type) &&
                           look(mount.target)) {
                        socket = arena_string(arena, mount.target);
                        if (socket == NULL)
                                return -ENOMEM;
                }
        }
        *ret_view = view;
        *ret_socket = socket;
        return 0;
}

void origins_free(struct origins *origins)
{
        free(origins->mountinfo);
        *origins = (struct origins){ 0 };
}
