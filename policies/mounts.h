/* Mounts: what the build may see of the host's files, and as whom it writes to them. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Judges every mount, adds /dev where it is missing, and decides whose ids the binds have. Needs the ids judged. Rules
 * "mounts.*". Returns 0 or -ENOMEM. */
int policy_mounts_judge(struct judge *judge, struct sandbox *sandbox);

/* Is @target one of the files of procfs that a bind may lie over? Everything else at or below /proc is refused, since a
 * write to /proc/self/attr/exec or /proc/sys must reach procfs. */
bool policy_mounts_covers_proc(const char *target);
