/* Ending a container: `delete`, the end of `run`, and the failure of `create`.
 *
 * Every step may have been done before, by a command that was killed: doing all of them again is how one finishes. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/state.h"

/* SIGKILL to every process of the container, paused or not. Waits for nothing and needs no lock: it is what ends a
 * command that waits for the container and holds the lock. A container that has ended is success. */
int delete_kill(const struct state *state, struct error *err);

/* Ends and removes everything that the record names, the record last: processes, cgroups, the re-stacked overlay (the
 * engine's own is refreshed), ids; then the poststop hooks run. @dir: locked; its folder is gone afterwards.
 * The ids are kept, and the record too, where a process does not end or a cgroup or work folder does not go: the next
 * `delete --force` tries again. Returns the first error; what has no bearing on others goes on.
 * @first_record: what goes into the audit log with its end; its event is NULL when it has been tried. NULL: nothing. */
struct audit_record;
int delete_undo(struct state_dir *dir, const struct state *state, struct audit_record *first_record, struct error *err);

/* `runb delete`. An unknown id is an error (ENOENT, "container does not exist") unless @is_forced. One that
 * is contained is refused (EBUSY), by force, too, unless @gives_up: engines remove by force. */
int delete_container(const char *root, const char *id, bool is_forced, bool gives_up, struct arena *arena, struct error *err);
