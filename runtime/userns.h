/* The build's own user namespace: made early by a short-lived helper, entered last by init.
 *
 * Made with euid and egid inside the range (capabilities kept), so that what the build uses up (inotify instances,
 * queued signals) is charged to the range and not to the host's root (DESIGN 5.1). */
#pragma once

#include <stddef.h>

#include "oci-spec/spec.h"
#include "runtime/base/error.h"

/* Makes a user namespace with these maps (outside = ids of our own user namespace). With @is_identity the ids
 * are not changed before. Returns 0 and an fd (nsfs, O_CLOEXEC) that the caller owns. No process stays. */
int userns_make(const struct spec_id_map *uid_map, size_t n_uid_map, const struct spec_id_map *gid_map,
                size_t n_gid_map, int *ret_fd, struct error *err);

/* A plain user: enters a new user namespace of the caller's ids: newuidmap(1)/newgidmap(1) with /etc/subuid where there
 * is an entry, else the caller's one id mapped to 0. Afterwards this process is root in there, with a mount namespace of its own
 * made by the caller of this. */
int userns_enter_rootless(struct error *err);

/* Enters the user namespaces above a container's (exec by a plain user). @userns_fd: init's. */
int userns_enter_parent_of(int userns_fd, struct error *err);

/* Outside id of an inside one, or -1 when it is not mapped. */
int64_t userns_map_id(const struct spec_id_map *map, size_t n, uint32_t inside);
