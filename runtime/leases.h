/* Ranges of ids for builds, and pods that share one.
 *
 * The host-wide folder (/run/runb, rootless $XDG_RUNTIME_DIR/runb), whatever --root says, holds:
 *   leases/<base>        who has the range: size, pod, and every user as "user ID ROOT"
 *   groups/net-<inode>   a link to the base of the lease that a pod shares, by network namespace
 *   groups/key-<id>      the same by sandbox id
 *   lock                 locked around every change; holds the slot to be tried next
 * and each container's folder a link `lease` to its base. A lease is held as long as one of its users' folders points
 * back at it: what kill -9 leaves between two steps, or rm -rf of a state folder, is taken over.
 *
 * Withstands: engines with different roots at once; a kill -9 at any point; ranges of real users (/etc/subuid and
 * /etc/subgid); inode numbers of network namespaces that have been used before (a group counts only while an init of it
 * lives). Ids from 2147352576 up (systemd's foreign range) are never touched. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"

#define LEASE_FIRST 1879048192u         /* systemd, UIDS-GIDS: unused by anyone */
#define LEASE_END 2147352576u           /* systemd's foreign range begins */
#define LEASE_UNIT 65536u               /* ranges are whole multiples of this, a smaller one has it alone */
#define LEASE_OWNER "runb"              /* whose entry of /etc/subuid is used instead, where there is one */

struct lease {
        uint32_t base;
        uint32_t size;
};

/* The host-wide folder for this caller, made 0711 where missing. @ret_path: in the buffer. */
int leases_folder(char *ret_path, size_t size, struct error *err);

/* Takes a free range, or the one that the group already has.
 * @root, @id: of a container folder that exists (state_create()). Asked again for the same one: the same answer.
 * @user: whose entries of /etc/subuid and /etc/subgid it comes from, which must be there; LEASE_OWNER or NULL: that one's,
 * or the built-in ones.
 * @group_key: pod's sandbox id, may be NULL. @netns_inode: of a joined network namespace, 0 for a new one.
 * Both known and naming different groups: refused (EPERM).
 * A container of a group with a shared range is added to its users; @ret_lease then has the group's size, at least
 * @size. ENOSPC: every range is taken; says how many. */
int leases_take(const char *root, const char *id, const char *user, uint32_t size, const char *group_key,
                uint64_t netns_inode, struct lease *ret_lease, struct error *err);

/* Could there be one, if all were free? Changes nothing, takes no lock. */
int leases_check(const char *user, uint32_t size, struct error *err);

/* Records which network namespace a new one turned out to be, so that later containers of the pod find the range.
 * EPERM where the rest of its pod lives in another one. A container without a lease: success. */
int leases_set_group(const char *root, const char *id, const char *group_key, uint64_t netns_inode,
                     struct error *err);

/* Gives it back; the last user of a group frees the range. Must only be called when the container's cgroup and pid
 * namespace are empty, and before its folder goes. May run twice; unknown ids are success. */
int leases_free(const char *root, const char *id, struct error *err);

/* Everybody who has a range, in the arena; ranges that nobody has any more and no process runs in are freed.
 * @ret_n_freed: how many. */
struct lease_holder { const char *root, *id; uint32_t base, size; };
int leases_sweep(struct arena *arena, struct lease_holder **ret_holders, size_t *ret_n, unsigned *ret_n_freed,
                 struct error *err);
/* Everybody who has a range, without a lock; nothing is freed or made. @folder: state_runtime_folder(). */
int leases_list(const char *folder, struct arena *arena, struct lease_holder **ret_holders, size_t *ret_n, struct error *err);
/* The same of the range whose pod has the network namespace @inode; none: *ret_n is 0. Looks at one link and one record. */
int leases_list_network(const char *folder, uint64_t inode, struct arena *arena, struct lease_holder **ret_holders,
                        size_t *ret_n, struct error *err);
/* Does a process run as an id of the range? */
bool lease_is_populated(uint32_t base, uint32_t size);
