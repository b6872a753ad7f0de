/* What no command on a container came by to do: `runb reap`, from a timer. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/error.h"

/* All containers of this host, whatever --root they have: ends those whose deadline has passed (limits.wall), makes new
 * guards for those that lost theirs, and frees the ids and the slots of containers of which nothing lives; their records
 * stay for whoever made them. Goes on after a failure; returns the first one.
 * @say: is told what was done, a line each without the line break. */
int reap_all(struct arena *arena, void (*say)(const char *line, void *context), void *context, struct error *err);
