/* The rootfs as a detached, id-mapped mount tree.
 *
 * On ext4, xfs, btrfs, tmpfs: a clone with MOUNT_ATTR_IDMAP. On overlayfs, which refuses that (also Linux 6.18): a
 * second overlay over the same layers, reached through one id-mapped clone of each mount on which they lie, with a
 * work folder of its own beside the upper one. The engine's own mount then holds stale dentries: restack_refresh()
 * makes it true again.
 *
 * With an upper layer of its own (the profile's rootfs "ephemeral"): always an overlay, over the engine's layers, or over the
 * rootfs as the one lower layer where that is no overlay or its ids are not mapped.
 *
 * Withstands: layers by relative names and links (each opened once and held by fd), names with colons, commas,
 * blanks and backslashes, hundreds of layers, an engine's mount with `volatile`; a rootfs path that holds something
 * else by the time of the refresh (checked by fd). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
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
        bool is_private;                /* with an upper layer of its own, in memory: the engine's tree is not written to */
        const char *work;               /* the work folder that restack_prepare() makes; NULL: none */
        const struct restack_overlay *overlay;
};

struct restack_request {
        const char *rootfs;
        bool is_mapped;
        const char *token;              /* unique text for the work folder's name, "runb-work-<token>" */
        uint64_t upper_bytes;           /* not 0: an upper layer of its own, of that size, on a tmpfs that nothing but this mount
                                         * holds, so that it ends with the last process of the container */
        bool is_unprivileged;           /* in a user namespace: overlayfs keeps its notes in user.* attributes */
};

/* Looks at the rootfs; makes nothing. */
int restack_plan_make(struct arena *arena, const struct restack_request *request, struct restack_plan *ret_plan,
                      struct error *err);

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
