/* Ranges of ids for builds, and pods that share one.
 *
 * The host-wide folder (/run/runb, rootless $XDG_RUNTIME_DIR/runb), whatever --root says, holds:
 *   leases/<base>        who has the range: "ROOT\0ID" as JSON {"root":...,"id":...,"token":...,"users":[...]}
 *   groups/<netns inode> the lease that a pod shares
 *   lock                 flock around every change
 *
 * Withstands: two engines with two roots at once; a kill -9 at any point (a lease whose container folder is gone, or
 * whose state does not name it and has no live init, is taken over); ranges of real users (checked against
 * /etc/subuid and getpwent-free limits); systemd's foreign range from 2147352576 up is never touched. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

#define LEASE_FIRST 1879048192u         /* systemd, UIDS-GIDS: unused by anyone */
#define LEASE_END 2147352576u           /* systemd's foreign range begins */

struct lease {
        uint32_t base;
        uint32_t size;
};

/* The host-wide folder for this caller, made 0711 where missing. @ret_path: static or in the buffer. */
int leases_folder(char *ret_path, size_t size, struct error *err);

/* Takes a free range, or the one that the group already has.
 * @group_key: pod's sandbox id, may be NULL. @netns_inode: of a joined network namespace, 0 for a new one.
 * Both known and naming different groups: refused (EPERM).
 * A container of a group with a shared range is added to its users. */
int leases_take(const char *root, const char *id, uint32_t size, const char *group_key, uint64_t netns_inode,
                struct lease *ret_lease, struct error *err);

/* Records which network namespace a new one turned out to be, so that later containers of the pod find the range. */
int leases_set_group(const char *root, const char *id, const char *group_key, uint64_t netns_inode,
                     struct error *err);

/* Gives it back; the last user of a group frees the range. Must only be called when the container's cgroup and pid
 * namespace are empty. May run twice; unknown ids are success. */
int leases_free(const char *root, const char *id, struct error *err);
