/* A container that something has gone wrong in is held as it is: its network closed, its processes frozen, its root file system
 * and record kept for whoever looks into it.
 *
 * ROOT/<id>/contained is there from before the first step until after the last one of a release. Meanwhile start, exec, kill,
 * resume and delete without --force refuse, the deadline does not end it, and a foreground `run` leaves it where it is.
 *
 * The network is closed by a table of its own, `inet runb-contained`: chains without rules at every hook, before conntrack, whose
 * policy is drop, so that nothing passes, loopback and established connections neither. The table of create stays as it was, with
 * what it has counted. */
#pragma once

#include <stdbool.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/state.h"

#define CONTAIN_TABLE "runb-contained"
#define CONTAIN_MARK "contained"

/* @dir: locked. May run twice. What can be done is done, and recorded, also where a part fails: the first failure is returned.
 * @reason: of the caller, for the record; NULL: none. */
int contain_begin(struct state_dir *dir, struct state *state, const char *reason, struct arena *arena, struct error *err);
/* Undoes it, the processes last. -EINVAL: it is not contained. */
int contain_release(struct state_dir *dir, struct state *state, struct arena *arena, struct error *err);

/* By the mark, for who has read the record long ago. */
bool contain_is_marked(const struct state_dir *dir);
/* EBUSY, and says what to do. */
int contain_refuse(const struct state *state, const char *what, struct error *err);
/* Before its network namespace is given back: engines use them again. */
void contain_undo(const struct state_dir *dir, const struct state *state);
