/* Which way the rootfs gets its ids, and the refresh of the engine's view afterwards. */
#include "runtime/restack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/sys.h"
#include "runtime/restack_overlay.h"

#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif

/* @path: real. A part of it that has become a link since, by whoever owns a folder on its way, is not the image that policy
 * judged: it could lead to the host's own root. */
static int open_rootfs(const char *path)
{
        return sys_openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS);
}

int restack_plan_make(struct arena *arena, const struct restack_request *request, struct restack_plan *ret_plan,
                      struct error *err)
{
        const char *rootfs = request->rootfs;
        struct restack_plan plan = { .rootfs = rootfs, .is_mapped = request->is_mapped, .is_private = request->upper_bytes > 0 };
        auto_close int fd = open_rootfs(rootfs);
        bool is_stacked;
        struct statfs fs;
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
                return error_errno(err, errno, "root.path: open %s", rootfs);
        plan.device = st.st_dev;
        is_stacked = plan.is_mapped && (unsigned long)fs.f_type == OVERLAYFS_SUPER_MAGIC;
        plan.is_overlay = is_stacked || plan.is_private;
        if (plan.is_overlay) {
                r = restack_overlay_plan(arena, fd, request, is_stacked, &plan.overlay, err);
                if (r < 0)
                        return error_context(err, "root.path");
                plan.work = plan.overlay->work;
        }
        *ret_plan = plan;
        return 0;
}

int restack_refuse(int fd, const char *what, int code, struct error *err)
{
        /* Since which kernel MOUNT_ATTR_IDMAP is taken: mount_setattr(2) and each file system's FS_ALLOW_IDMAP. */
        static const struct { unsigned long magic; const char *name, *since; } known[] = {
                { EXT4_SUPER_MAGIC, "ext4", "Linux 5.12 can" },
                { XFS_SUPER_MAGIC, "xfs", "Linux 5.12 can" },
                { BTRFS_SUPER_MAGIC, "btrfs", "Linux 5.15 can" },
                { TMPFS_MAGIC, "tmpfs", "Linux 6.3 can" },
                { OVERLAYFS_SUPER_MAGIC, "overlayfs", "no kernel can" },
                { FUSE_SUPER_MAGIC, "FUSE (fuse-overlayfs?)", "Linux 6.12 can where the server asks for it" },
                { NFS_SUPER_MAGIC, "NFS", "no kernel can" },
        };
        const char *since = "this kernel cannot";
        char name[64] = "a file system";
        struct statfs fs;

        if (fstatfs(fd, &fs) == 0) {
                snprintf(name, sizeof name, "file system %#lx", (unsigned long)fs.f_type);
                for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
                        if ((unsigned long)fs.f_type == known[i].magic) {
                                snprintf(name, sizeof name, "%s", known[i].name);
                                since = known[i].since;
                        }
        }
        if (code == EPERM)
                since = "this mount has a map already, or belongs to another user namespace";
        return error_set(err, EOPNOTSUPP, "%s lies on %s, whose ids cannot be mapped here (%s; %s): let the engine map "
                         "them (podman --userns=auto, Kubernetes hostUsers: false, docker userns-remap) or use overlay "
                         "storage on a local disk", what, name, since, error_text(code));
}

static int clone_plain(const struct restack_plan *plan, int userns_fd, int *ret_tree_fd, struct error *err)
{
        /* Image layers can hold device nodes: only our own /dev may. With what the engine mounted below, as runc's
         * bind has it. */
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_NODEV,
                                   .propagation = plan->is_slave ? MS_SLAVE : MS_PRIVATE };
        struct mount_attr map = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)(unsigned)userns_fd };
        auto_close int rootfs = open_rootfs(plan->rootfs), fd = UNSET_FD;

        if (rootfs >= 0)
                fd = open_tree(rootfs, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
        if (fd < 0)
                return error_errno(err, errno, "root.path: open %s", plan->rootfs);
        if (mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
                return error_errno(err, errno, "root.path: set the flags of %s", plan->rootfs);
        if (plan->is_mapped && mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &map, sizeof map) < 0) {
                /* All or none: a mount below may be of another kind (a /proc in a chroot). That one is left
                 * unmapped, so its files belong to nobody in the container. */
                if (mount_setattr(fd, "", AT_EMPTY_PATH, &map, sizeof map) < 0) {
                        restack_refuse(fd, plan->rootfs, errno, err);
                        return error_context(err, "root.path");
                }
                log_debug("root.path: a mount below %s cannot map ids", plan->rootfs);
        }
        *ret_tree_fd = take_fd(&fd);
        return 0;
}

static int make_work(const struct restack_plan *plan, struct error *err)
{
        if (plan->work == NULL)
                return 0;
        /* The host's root owns it on disk: container root through the id-mapped clone. */
        if (mkdir(plan->work, 0700) < 0 && errno != EEXIST)
                return error_errno(err, errno, "make %s", plan->work);
        return 0;
}

/* Asking by mounting would leave a line in the kernel's log for every container. */
static bool takes_detached_layers(void)
{
        unsigned major = 0, minor = 0;
        struct utsname name;

        if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
                return true;
        return major > 6 || (major == 6 && minor >= 15);
}

int restack_prepare(const struct restack_plan *plan, int userns_fd, uid_t range_uid, gid_t range_gid, int *ret_tree_fd,
                    struct error *err)
{
        int r;

        if (!plan->is_overlay)
                return clone_plain(plan, userns_fd, ret_tree_fd, err);
        r = make_work(plan, err);
        if (r < 0)
                return r;
        r = -EINVAL;
        if (takes_detached_layers())
                r = restack_overlay_mount(plan->overlay, RESTACK_DETACHED, userns_fd, range_uid, range_gid, ret_tree_fd,
                                          err);
        /* Linux < 6.15 takes no detached layers (EINVAL). The other way makes the very same mount. */
        if (r == -EINVAL)
                r = restack_overlay_mount(plan->overlay, RESTACK_ATTACHED, userns_fd, range_uid, range_gid, ret_tree_fd,
                                          err);
        return r < 0 ? error_context(err, "root.path: %s", plan->rootfs) : 0;
}

static bool is_overlay_of(int fd, dev_t device)
{
        struct statfs fs;
        struct stat st;

        return fstat(fd, &st) == 0 && fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == OVERLAYFS_SUPER_MAGIC &&
               st.st_dev == device;
}

int restack_refresh(const char *rootfs, dev_t device, struct error *err)
{
        auto_close int fd = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
        auto_close int fs_fd = UNSET_FD;
        int above;

        /* By fd from here on: the path can hold something else by now, or nothing. */
        if (fd < 0 || !is_overlay_of(fd, device))
                return 0;
        /* fspick(2) wants the root of a mount, and the rootfs may be a folder of one. */
        while ((fs_fd = fspick(fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH)) < 0 && errno == EINVAL) {
                above = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
                auto_close_cleanup(&fd);
                fd = above;
                if (fd < 0 || !is_overlay_of(fd, device))
                        return error_set(err, EINVAL, "refresh %s: its mount has no root that can be reached", rootfs);
        }
        if (fs_fd < 0)
                return error_errno(err, errno, "refresh %s", rootfs);
        /* A reconfiguration that changes nothing drops the dentry cache (reconfigure_super() in fs/super.c). */
        if (fsconfig(fs_fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0 && errno != EROFS)
                return error_errno(err, errno, "refresh %s", rootfs);
        return 0;
}

int restack_undo(const char *work, struct error *err)
{
        auto_close int folder = UNSET_FD;
        char path[PATH_MAX];
        const char *slash;
        int r;

        if (work == NULL)
                return 0;
        slash = strrchr(work, '/');
        if (slash == NULL || strncmp(slash, "/runb-work-", strlen("/runb-work-")) != 0 ||
            (size_t)snprintf(path, sizeof path, "%.*s", (int)(slash - work), work) >= sizeof path)
                return error_set(err, EINVAL, "%s is no work folder of ours", work);
        folder = open(path[0] == '\0' ? "/" : path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0)
                return errno == ENOENT || errno == ENOTDIR ? 0 : error_errno(err, errno, "open %s", path);
        r = fd_remove_tree(folder, slash + 1);
        return r < 0 ? error_errno(err, r, "remove %s", work) : 0;
}
