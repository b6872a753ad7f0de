/* The rootfs as a detached, id-mapped mount tree.
 *
 * On ext4, xfs, btrfs, tmpfs: a clone with MOUNT_ATTR_IDMAP. On overlayfs, which refuses that (also Linux 6.18): a
 * second overlay over the same layers, reached through one id-mapped clone of each mount on which they lie, with a
 * work folder of its own beside the upper one. The engine's own mount then holds stale dentries: restack_refresh()
 * makes it true again.
 *
 * Withstands: layers by relative names and links (each opened once and held by fd), names with colons, commas,
 * blanks and backslashes, hundreds of layers, an engine's mount with `volatile`; a rootfs path that holds something
 * else by the time of the refresh (checked by fd). */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"

struct restack_overlay;

struct restack_plan {
        const char *rootfs;             /* absolute path of the engine's rootfs */
        bool is_mapped;                 /* false: the ids are right already (identity, engine's own map): clone only */
        bool is_overlay;                /* mapped and on overlayfs: re-stacked */
        bool is_slave;                  /* rootfsPropagation: what the host mounts below it later is seen. Only a rootfs that
                                         * is no overlay can: a second overlay is nobody's peer */
        dev_t device;                   /* st_dev of the rootfs */
        const char *work;               /* the work folder that restack_prepare() makes; NULL: none */
        const struct restack_overlay *overlay;
};

/* Looks at the rootfs; makes nothing. @token: unique text for the work folder's name, "runb-work-<token>". */
int restack_plan_make(struct arena *arena, const char *rootfs, bool is_mapped, const char *token,
                      struct restack_plan *ret_plan, struct error *err);

/* Makes the tree: detached, private propagation (or slave), nodev. @userns_fd: the build's, for the id map; @range_uid,
 * @range_gid: ids for fsuid and fsgid of the overlay's mounter. EOPNOTSUPP names the file system, the kernel and
 * the engine's remedy. @ret_tree_fd is the caller's. Credentials and namespaces of this process are as before when
 * it returns. */
int restack_prepare(const struct restack_plan *plan, int userns_fd, uid_t range_uid, gid_t range_gid, int *ret_tree_fd,
                    struct error *err);

/* Drops the dentry cache of the engine's overlay, so that it sees what the build wrote. Checks by fd that @rootfs is
 * still overlayfs and @device. Nothing there, another device, EROFS (lower layers only): success. */
int restack_refresh(const char *rootfs, dev_t device, struct error *err);

/* Removes the work folder. May run twice; NULL and a missing one are success. */
int restack_undo(const char *work, struct error *err);
