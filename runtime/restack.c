#include "runtime/restack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/base/auto.h"

int restack_plan_work(const struct restack_plan *plan, struct arena *arena, const char **ret_work, dev_t *ret_device,
                      bool *ret_is_overlay, struct error *err)
{
        struct statfs fs;
        struct stat st;

        (void)arena;
        if (stat(plan->rootfs, &st) < 0 || statfs(plan->rootfs, &fs) < 0)
                return error_errno(err, errno, "stat %s", plan->rootfs);
        *ret_work = NULL;
        *ret_device = st.st_dev;
        *ret_is_overlay = (unsigned long)fs.f_type == OVERLAYFS_SUPER_MAGIC;
        return 0;
}

int restack_prepare(const struct restack_plan *plan, const char *work, int userns_fd, uid_t range_uid, gid_t range_gid,
                    int *ret_tree_fd, struct error *err)
{
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_NODEV, .propagation = MS_PRIVATE };
        auto_close int fd = open_tree(AT_FDCWD, plan->rootfs, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

        (void)work, (void)range_uid, (void)range_gid;
        if (fd < 0)
                return error_errno(err, errno, "open %s", plan->rootfs);
        if (plan->is_mapped) {
                attr.attr_set |= MOUNT_ATTR_IDMAP;
                attr.userns_fd = (uint64_t)(unsigned)userns_fd;
        }
        if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
                return error_errno(err, errno, "map the ids of %s", plan->rootfs);
        *ret_tree_fd = take_fd(&fd);
        return 0;
}

int restack_refresh(const char *rootfs, dev_t device, struct error *err)
{
        (void)rootfs, (void)device, (void)err;
        return 0;
}

int restack_undo(const char *work, struct error *err)
{
        (void)work, (void)err;
        return 0;
}
