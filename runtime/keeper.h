/* Under systemd a container's cgroup goes with its last process, and what it had used with it, before anybody could read it.
 * Where the audit file is to tell of that, a process of ours stays in a cgroup below the container's: when init has ended it
 * writes ROOT/<id>/usage (ending.h) and ends too, and systemd finds the cgroup empty.
 *
 * It is this program again, without stdio, environment and fds of its maker, and on cgroup v2 one of the processes that
 * limits.pids counts. Where it is killed the numbers are those that the cgroup has when it is deleted, or none. */
#pragma once

#include <stdbool.h>

#include "runtime/base/error.h"
#include "runtime/cgroups.h"
#include "runtime/state.h"
#include "runtime/systemd.h"

/* @limits: of the cgroup. Not where it would take a share of them that counts. */
bool keeper_is_wanted(const struct state *state, const struct spec_resources *limits);
/* While the scope has another process in it, and init none of its program. @scope: as in systemd_attach(), where the keeper has
 * to be moved in by systemd; else NULL. */
int keeper_start(const struct state_dir *dir, const struct state *state, int init_pidfd, struct systemd_scope *scope,
                 struct error *err);
/* Its whole life. */
int keeper_run(const char *root, const char *id, struct error *err);
