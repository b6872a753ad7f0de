/* The rootfs as a detached, id-mapped mount tree.
 *
 * On ext4, xfs, btrfs, tmpfs: a clone with MOUNT_ATTR_IDMAP. On overlayfs, which refuses that: a second overlay over the
 * same layers, reached through id-mapped clones of the mounts on which they lie, with a work folder of its own; and the
 * engine's own mount refreshed afterwards (DESIGN section 2, rules 4, 8, 9). */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"

struct restack_plan {
        const char *rootfs;             /* absolute path of the engine's rootfs */
        bool is_mapped;                 /* false: ids are right already (identity, engine's own map): clone only */
        const char *token;              /* unique text for names: the work folder is "runb-work-<token>" */
};

/* Says where the work folder will be, before it is made (for the state). @ret_work: NULL when none is needed.
 * @ret_device: st_dev of the rootfs's mount. @ret_is_overlay: overlayfs, so refresh later. */
int restack_plan_work(const struct restack_plan *plan, struct arena *arena, const char **ret_work, dev_t *ret_device,
                      bool *ret_is_overlay, struct error *err);

/* Makes the tree: detached, private propagation, nodev (and nothing else) set. @userns_fd: the build's, for the id map;
 * @range_uid, @range_gid: ids for fsuid/fsgid of the overlay's mounter. @work: what restack_plan_work() said.
 * EOPNOTSUPP names the file system, the kernel and the engine's remedy. @ret_tree_fd is the caller's. */
int restack_prepare(const struct restack_plan *plan, const char *work, int userns_fd, uid_t range_uid, gid_t range_gid,
                    int *ret_tree_fd, struct error *err);

/* Drops the dentry cache of the engine's overlay, so that it sees what the build wrote. Checks by fd that @rootfs is
 * still overlayfs and @device. Nothing there, another device, EROFS: success. */
int restack_refresh(const char *rootfs, dev_t device, struct error *err);

/* Removes the work folder. May run twice; a missing one is success. */
int restack_undo(const char *work, struct error *err);
