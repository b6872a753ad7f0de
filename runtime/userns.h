/* The build's own user namespace: made early by a short-lived helper, entered last by init.
 *
 * Made with euid and egid inside the range (capabilities kept), so that what the build uses up (inotify instances,
 * queued signals, namespaces) is charged to an id of the range and not to the host's root: user_namespaces(7) charges
 * the effective user that made a namespace, and its ancestors. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oci-spec/spec.h"
#include "runtime/base/error.h"

/* Makes a user namespace with these maps (outside = ids of our own user namespace). It is made by the outside id of
 * inside 0 (of the first line where 0 is not mapped); where that is our own id, as under a rootless engine, no id
 * changes. Returns 0 and an fd (nsfs, O_CLOEXEC) that the caller owns. No process stays, also when we are killed.
 * Works whether this process is dumpable or not; it is as dumpable afterwards as before. */
int userns_make(const struct spec_id_map *uid_map, size_t n_uid_map, const struct spec_id_map *gid_map,
                size_t n_gid_map, int *ret_fd, struct error *err);

/* A plain user: enters a new user namespace of the caller's ids: newuidmap(1)/newgidmap(1) with /etc/subuid and
 * /etc/subgid where there are entries (0 is the caller, 1 and up their ids), else the caller's one id mapped to 0 and
 * setgroups denied. Afterwards this process is root in there; it still is in the caller's other namespaces. */
int userns_enter_rootless(struct error *err);
/* Whether AppArmor may be why one cannot be made: by our own profile, or by Ubuntu's sysctl for programs without one. */
bool userns_is_apparmors(void);
/* Returns the error of a @step of entering one, with what to look at. @error: an errno. */
int userns_explain_refusal(int error, const char *step, struct error *err);

/* Enters the user namespace around a container's (exec by a plain user, whose pipeline made one more around it).
 * @userns_fd: init's. Where that one is our own already, nothing happens. */
int userns_enter_parent_of(int userns_fd, struct error *err);

/* From the user namespace of a container's init to the one that we made for it, which lies around it where a build that may
 * make user namespaces has moved init on into one of its own. @userns_fd: replaced. @inode: of ours; 0: not known. */
int userns_find_outer(int *userns_fd, uint64_t inode, struct error *err);

/* Outside id of an inside one, or -1 when it is not mapped. */
int64_t userns_map_id(const struct spec_id_map *map, size_t n, uint32_t inside);

/* Are we in the host's own user namespace? user_namespaces(7). Without /proc: no. */
bool userns_is_initial(void);

/* May setgroups(2) be used in here? /proc/self/setgroups, user_namespaces(7). */
bool userns_can_setgroups(void);
