/* Programs and sockets of the host that the spec names: the hooks, and the agent of linux.seccomp. Who could have put
 * them there, and whether the build can reach or replace them. */
#include "runtime/host_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/auto.h"

/* Below a user namespace, the host's root is nobody, as every other user outside of it. */
static bool is_trusted_owner(uid_t uid, enum host_privilege privilege)
{
        return uid == 0 || (privilege != HOST_REAL_ROOT && (uid == geteuid() || uid == HOST_ID_NOBODY));
}

/* In a sticky folder nobody else can replace an entry, but anyone can make a missing one. */
bool host_is_root_only(const char *path, enum host_privilege privilege)
{
        char part[PATH_MAX];
        size_t length = strlen(path);
        bool is_sticky = false;
        struct stat st;

        if (length >= sizeof part)
                return false;
        for (size_t end = 1; end <= length; end++) {
                if (path[end] != '/' && path[end] != '\0' && end != 1)
                        continue;
                memcpy(part, path, end);
                part[end] = '\0';
                if (end > 1 && part[end - 1] == '/')
                        continue;
                if (lstat(part, &st) < 0)
                        return !is_sticky; /* the rest is missing, and only root could make it */
                /* Whose a link is may lead it elsewhere, whoever owns what it leads to now. */
                if (!is_trusted_owner(st.st_uid, privilege) || (S_ISLNK(st.st_mode) && stat(part, &st) < 0))
                        return false;
                if (!is_trusted_owner(st.st_uid, privilege))
                        return false;
                is_sticky = S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0;
                if (((st.st_mode & S_IWOTH) != 0 || ((st.st_mode & S_IWGRP) != 0 && st.st_gid != 0)) && !is_sticky)
                        return false;
        }
        return true;
}

static bool is_in_folder(const char *path, const char *folder)
{
        size_t length = strlen(folder);

        if (length == 1)
                return true;
        return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool is_writable_by_build(const struct spec *spec, const struct host *host, const char *path)
{
        if (host->rootfs_real_path != NULL && is_in_folder(path, host->rootfs_real_path))
                return true;
        for (size_t i = 0; i < spec->n_mounts; i++) {
                const struct host_source *source = &host->sources[i];

                if (source->is_known && source->error == 0 && host_is_writable_bind(&spec->mounts[i]) &&
                    is_in_folder(path, source->real_path))
                        return true;
        }
        return false;
}

/* A name like /proc/PID/root/opt/hook leads into another tree, where the file has a path that says nothing of ours. */
static bool is_at(int fd, const char *real_path, dev_t *ret_device, ino_t *ret_inode)
{
        struct stat st, there;

        if (fstat(fd, &st) < 0 || stat(real_path, &there) < 0 || st.st_dev != there.st_dev || st.st_ino != there.st_ino)
                return false;
        *ret_device = st.st_dev;
        *ret_inode = st.st_ino;
        return true;
}

bool host_is_root_only_file(struct arena *arena, int fd)
{
        const char *path = host_path_of(arena, fd);
        dev_t device;
        ino_t inode;

        return path != NULL && is_at(fd, path, &device, &inode) && host_is_root_only(path, host_privilege());
}

int host_look_at_hooks(const struct spec *spec, struct arena *arena, struct host *host)
{
        for (enum spec_hook_kind kind = 0; kind < SPEC_HOOK_KINDS; kind++) {
                const struct spec_hook_list *list = &spec->hooks[kind];
                struct host_hook *facts;

                if (list->n == 0 || kind == SPEC_HOOK_START_CONTAINER) /* a path of the image */
                        continue;
                facts = arena_array(arena, list->n, sizeof *facts);
                if (facts == NULL)
                        return -ENOMEM;
                for (size_t i = 0; i < list->n; i++) {
                        const char *path = list->hooks[i].path;
                        auto_close int fd = open(path, O_PATH | O_CLOEXEC);

                        facts[i].is_root_only = host_is_root_only(path, host->privilege);
                        if (fd < 0) {
                                facts[i].error = errno;
                                facts[i].is_in_rootfs = is_writable_by_build(spec, host, path);
                                continue;
                        }
                        facts[i].real_path = host_path_of(arena, fd);
                        if (facts[i].real_path == NULL) {
                                facts[i].error = ENOENT;
                                continue;
                        }
                        facts[i].is_root_only = facts[i].is_root_only &&
                                                is_at(fd, facts[i].real_path, &facts[i].device, &facts[i].inode) &&
                                                (strcmp(facts[i].real_path, path) == 0 ||
                                                 host_is_root_only(facts[i].real_path, host->privilege));
                        facts[i].is_in_rootfs = is_writable_by_build(spec, host, facts[i].real_path);
                }
                host->hooks[kind] = facts;
        }
        return 0;
}

int host_look_at_listener(const struct spec *spec, struct arena *arena, struct host *host)
{
        const char *path = spec->linux_.seccomp.listener_path, *real_path, *slash;
        struct host_listener *fact;
        auto_close int fd = UNSET_FD;
        struct stat st;

        if (!spec_seccomp_notifies(&spec->linux_.seccomp))
                return 0;
        fact = arena_new(arena, struct host_listener);
        if (fact == NULL)
                return -ENOMEM;
        host->listener = fact;
        fd = open(path, O_PATH | O_CLOEXEC);
        real_path = fd >= 0 && fstat(fd, &st) == 0 ? host_path_of(arena, fd) : NULL;
        slash = real_path != NULL ? strrchr(real_path, '/') : NULL;
        if (slash == NULL) {
                fact->error = fd < 0 ? errno : ENOENT;
                return 0;
        }
        fact->is_socket = S_ISSOCK(st.st_mode);
        /* To write to a socket is to connect to it, which its owner may allow to anyone. */
        fact->is_root_only = is_trusted_owner(st.st_uid, host->privilege) &&
                             host_is_root_only(slash == real_path ? "/" :
                                               arena_format(arena, "%.*s", (int)(slash - real_path), real_path),
                                               host->privilege);
        fact->is_reachable = host->rootfs_real_path != NULL && is_in_folder(real_path, host->rootfs_real_path);
        /* A read-only bind as well: connect(2) does not ask whether the mount can be written. */
        for (size_t i = 0; i < spec->n_mounts; i++) {
                const struct host_source *source = &host->sources[i];

                if (source->is_known && source->error == 0 && is_in_folder(real_path, source->real_path))
                        fact->is_reachable = true;
        }
        return 0;
}
