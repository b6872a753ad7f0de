/* How many containers of a profile run on this host at once, whatever --root they have (limits.concurrent). */
#pragma once

#include "policies/policy.h"
#include "runtime/base/error.h"
#include "runtime/state.h"

/* Counts the container, whose record says is_counted by now, or refuses it (EPERM, rule "limits.concurrent") with the
 * numbers. What counts: a container that is not stopped; a sandbox of a pod is one, too. Nothing where the file sets no
 * number. */
int concurrent_take(const struct policy *policy, const struct state_dir *dir, const struct state *state, struct error *err);
/* Strikes containers off that have gone or ended, for `reap`. */
int concurrent_sweep(const char *host_folder, struct error *err);
/* May run twice. */
int concurrent_free(const struct state_dir *dir, const struct state *state, struct error *err);
