/* linux.resources.unified: files of cgroup v2 by name. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Refuses names that are no limit of the container's own, and turns those that set what a typed property sets
 * (memory.max, cpu.max, pids.max, ...) into that property, so that the rules on it count for both spellings. On v1,
 * which has no such files, they stay as they are. Rule "cgroups.unified". Returns 0 or -ENOMEM. */
int policy_unified_judge(struct judge *judge, struct spec_resources *resources);
