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
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/restack_overlay.h"

#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif

int restack_plan_make(struct arena *arena, const char *rootfs, bool is_mapped, const char *token,
                      struct restack_plan *ret_plan, struct error *err)
{
        struct restack_plan plan = { .rootfs = rootfs, .is_mapped = is_mapped };
        auto_close int fd = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct statfs fs;
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
                return error_errno(err, errno, "root.path: open %s", rootfs);
        plan.device = st.st_dev;
        plan.is_overlay = is_mapped && (unsigned long)fs.f_type == OVERLAYFS_SUPER_MAGIC;
        if (plan.is_overlay) {
                r = restack_overlay_plan(arena, fd, rootfs, token, &plan.overlay, err);
                if (r < 0)
                        return error_context(err, "root.path");
                plan.work = plan.overlay->work;
        }
        *ret_plan = plan;
        return 0;
}

static const char *fs_name(const char *path)
{
        struct statfs fs;

        if (statfs(path, &fs) < 0)
                return "unknown";
        switch ((unsigned long)fs.f_type) {
        case FUSE_SUPER_MAGIC: return "FUSE (fuse-overlayfs?)";
        case NFS_SUPER_MAGIC: return "NFS";
        case TMPFS_MAGIC: return "tmpfs (Linux 6.3 can map its ids)";
        default: return "of a kind that this kernel cannot map ids on";
        }
}

static int clone_plain(const struct restack_plan *plan, int userns_fd, int *ret_tree_fd, struct error *err)
{
        /* Image layers can hold device nodes: only our own /dev may. With what the engine mounted below. */
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_NODEV, .propagation = MS_PRIVATE };
        auto_close int fd = open_tree(AT_FDCWD, plan->rootfs, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

        if (fd < 0)
                return error_errno(err, errno, "root.path: open %s", plan->rootfs);
        if (plan->is_mapped) {
                attr.attr_set |= MOUNT_ATTR_IDMAP;
                attr.userns_fd = (uint64_t)(unsigned)userns_fd;
        }
        if (mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0) {
                if (!plan->is_mapped || (errno != EINVAL && errno != EPERM))
                        return error_errno(err, errno, "root.path: set the flags of %s", plan->rootfs);
                return error_set(err, EOPNOTSUPP, "root.path: the file system of %s is %s; let the engine map the ids "
                                 "(podman --userns=auto, Kubernetes hostUsers: false, docker userns-remap) or use overlay storage",
                                 plan->rootfs, fs_name(plan->rootfs));
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

int restack_prepare(const struct restack_plan *plan, int userns_fd, uid_t range_uid, gid_t range_gid, int *ret_tree_fd,
                    struct error *err)
{
        auto_close int tree = UNSET_FD;
        int r, sub;

        if (!plan->is_overlay)
                return clone_plain(plan, userns_fd, ret_tree_fd, err);
        r = make_work(plan, err);
        if (r < 0)
                return r;
        r = restack_overlay_mount(plan->overlay, RESTACK_DETACHED, userns_fd, range_uid, range_gid, &tree, err);
        /* Linux < 6.15 takes no detached layers (EINVAL) and < 6.7 no lowerdir+ (EINVAL too). The other way makes the very same mount. */
        if (r == -EINVAL)
                r = restack_overlay_mount(plan->overlay, RESTACK_ATTACHED, userns_fd, range_uid, range_gid, &tree, err);
        if (r < 0)
                return error_context(err, "root.path: %s", plan->rootfs);
        if (strcmp(plan->overlay->subfolder, "/") != 0) {
                sub = open_tree(tree, plan->overlay->subfolder + 1, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
                if (sub < 0)
                        return error_errno(err, errno, "root.path: %s is a folder of an overlay, %s in it, not its root "
                                           "(Linux 6.15 takes that)", plan->rootfs, plan->overlay->subfolder);
                auto_close_cleanup(&tree);
                tree = sub;
        }
        *ret_tree_fd = take_fd(&tree);
        return 0;
}

int restack_refresh(const char *rootfs, dev_t device, struct error *err)
{
        auto_close int fd = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
        auto_close int fs_fd = UNSET_FD;
        struct statfs fs;
        struct stat st;

        /* By fd from here on: the path can hold something else by now, or nothing. */
        if (fd < 0)
                return 0;
        if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0 || (unsigned long)fs.f_type != OVERLAYFS_SUPER_MAGIC ||
            st.st_dev != device)
                return 0;
        fs_fd = fspick(fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
        if (fs_fd < 0) {
                if (errno != EINVAL)
                        return error_errno(err, errno, "refresh %s", rootfs);
                /* fspick(2) wants the root of a mount: a folder of the overlay has no refresh of its own. */
                return 0;
        }
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
