/* What lies where the spec points to: the rootfs and the sources of binds, opened with O_PATH, so that a look neither
 * blocks on a fifo nor touches a device; with what else leads there, and whether others than root can walk there. The facts name the
 * inode that was seen, so that whoever mounts it later can tell when another file has taken its place. */
#include "runtime/host_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include "runtime/base/auto.h"
#include "runtime/origins.h"

/* The path of an open file, links resolved; NULL where it has none. */
const char *host_path_of(struct arena *arena, int fd)
{
        char link[64], path[PATH_MAX];
        ssize_t length;

        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        length = readlink(link, path, sizeof path);
        if (length <= 0 || (size_t)length >= sizeof path || path[0] != '/')
                return NULL;
        return arena_string_n(arena, path, (size_t)length);
}

static const char *from_bundle(struct arena *arena, const char *bundle, const char *path)
{
        return path[0] == '/' ? path : arena_format(arena, "%s/%s", bundle, path);
}

static bool bars_everyone(const struct stat *st)
{
        return S_ISDIR(st->st_mode) && st->st_uid == 0 && (st->st_mode & S_IXOTH) == 0 &&
               ((st->st_mode & S_IXGRP) == 0 || st->st_gid == 0);
}

/* Is @path, or a folder above it down to but without @top, root's alone? @top: a folder above, "" for all of them. */
static bool is_in_private_folder(const char *path, const char *top)
{
        char folder[PATH_MAX];
        size_t length = strlen(path);
        struct stat st;

        if (length >= sizeof folder)
                return false;
        memcpy(folder, path, length + 1);
        while (length > strlen(top) && length > 1) {
                if (lstat(folder, &st) == 0 && bars_everyone(&st))
                        return true;
                while (length > 0 && folder[--length] != '/')
                        ;
                folder[length] = '\0';
        }
        return false;
}

static int look_at_origin(struct origins *origins, struct arena *arena, int fd, const struct stat *st, bool is_writable,
                          struct host_source *source)
{
        struct origin origin;
        int r = origins_find(origins, arena, fd, source->real_path, &origin);

        if (r < 0)
                return r;
        source->origin_path = origin.path;
        /* Only what the build can write to poses the question. */
        if (!is_writable)
                return 0;
        if (origin.path != NULL)
                source->is_private_folder = is_in_private_folder(origin.path, "");
        else if (origin.is_whole)
                source->is_private_folder = is_in_private_folder(source->real_path, "");
        else /* nothing above the mount counts: who knows where else it is */
                source->is_private_folder = bars_everyone(st) ||
                                            (origin.top != NULL && is_in_private_folder(source->real_path, origin.top));
        return 0;
}

static const char *engine_socket_in(int folder_fd)
{
        static const char *const names[] = {
                "docker.sock",     "podman/podman.sock", "podman.sock",          "containerd/containerd.sock",
                "containerd.sock", "crio/crio.sock",     "buildkit/buildkitd.sock", "buildkitd.sock",
        };
        struct stat st;

        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                if (fstatat(folder_fd, names[i], &st, AT_NO_AUTOMOUNT) == 0 && S_ISSOCK(st.st_mode))
                        return names[i];
        }
        return NULL;
}

/* Of a mount: it is an engine's socket, or a folder with one in it. */
static bool is_engine_socket_at(const char *path)
{
        auto_close int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return false;
        return S_ISSOCK(st.st_mode) || (S_ISDIR(st.st_mode) && engine_socket_in(fd) != NULL);
}

static int look_at_source(struct origins *origins, struct arena *arena, const char *path, bool is_writable,
                          struct host_source *source)
{
        auto_close int fd = UNSET_FD;
        struct stat st;
        struct statfs fs;

        source->is_known = true;
        fd = open(path, O_PATH | O_CLOEXEC);
        if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == AUTOFS_SUPER_MAGIC) {
                /* open(2): O_PATH alone stops before what would be mounted there; mounting it does not. */
                close(take_fd(&fd));
                fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        }
        if (fd < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0) {
                source->error = errno;
                return 0;
        }
        source->real_path = host_path_of(arena, fd);
        if (source->real_path == NULL) {
                source->error = ENOENT;
                return 0;
        }
        source->mode = st.st_mode;
        source->uid = st.st_uid;
        source->gid = st.st_gid;
        source->device = st.st_dev;
        source->inode = st.st_ino;
        source->rdev = st.st_rdev;
        source->fs_magic = fs.f_type;
        source->fs_bytes = (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize;
        source->mount_flags = (uint64_t)fs.f_flags;
        if (S_ISDIR(st.st_mode))
                source->engine_socket = engine_socket_in(fd);
        return look_at_origin(origins, arena, fd, &st, is_writable && (fs.f_flags & ST_NOSUID) == 0, source);
}

/* copy-symlink of crun: where the source is a link, the link is what is wanted. */
static int look_at_link(struct arena *arena, const char *path, struct host_source *source)
{
        char text[PATH_MAX];
        ssize_t n = readlink(path, text, sizeof text);

        if (n <= 0 || (size_t)n >= sizeof text)
                return 0;
        source->link = arena_string_n(arena, text, (size_t)n);
        return source->link == NULL ? -ENOMEM : 0;
}

bool host_is_writable_bind(const struct spec_mount *mount)
{
        return ((mount->attr_set | mount->attr_set_recursive) & MOUNT_ATTR_RDONLY) == 0;
}

int host_look_at_sources(const struct spec *spec, const char *bundle, struct arena *arena, struct host *host)
{
        auto_origins struct origins origins = { 0 };
        struct host_source *sources;
        int r;

        if (spec->n_mounts == 0)
                return 0;
        sources = arena_array(arena, spec->n_mounts, sizeof *sources);
        if (sources == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < spec->n_mounts; i++) {
                const struct spec_mount *mount = &spec->mounts[i];
                const char *path;

                if (mount->kind != SPEC_MOUNT_BIND || mount->is_remount || mount->source == NULL)
                        continue;
                path = from_bundle(arena, bundle, mount->source);
                if (path == NULL)
                        return -ENOMEM;
                if (mount->is_copy_symlink) {
                        r = look_at_link(arena, path, &sources[i]);
                        if (r < 0)
                                return r;
                        if (sources[i].link != NULL)
                                continue;
                }
                r = look_at_source(&origins, arena, path, host_is_writable_bind(mount), &sources[i]);
                if (r == 0 && mount->is_recursive && sources[i].error == 0 && S_ISDIR(sources[i].mode))
                        r = origins_look_below(&origins, arena, sources[i].real_path, is_engine_socket_at,
                                               &sources[i].below_view, &sources[i].below_socket);
                if (r < 0)
                        return r;
        }
        host->sources = sources;
        return 0;
}

void host_look_at_rootfs(const struct spec *spec, const char *bundle, struct arena *arena, struct host *host)
{
        const char *path = from_bundle(arena, bundle, spec->root_path != NULL ? spec->root_path : "rootfs");
        auto_close int fd = UNSET_FD;

        if (path == NULL) {
                host->rootfs_error = ENOMEM;
                return;
        }
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                host->rootfs_error = errno;
                return;
        }
        host->rootfs_real_path = host_path_of(arena, fd);
        if (host->rootfs_real_path == NULL)
                host->rootfs_error = ENOENT;
}
