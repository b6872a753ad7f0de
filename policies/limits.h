/* Limits: what a build may use up, and how loud it may be. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* What a policy file limits besides processes and core files: memory, swap, CPUs, I/O. After what unified says of them.
 * @is_update: what is missing or zero stays as it is. */
void policy_limits_judge_profile(struct judge *judge, struct spec_resources *resources, bool is_update);
/* Open files and the size of files. Returns 0 or -ENOMEM. */
int policy_limits_judge_rlimits(struct judge *judge, struct spec_process *process);
/* Those of the limits that somebody asked for, the engine or a policy file: a host that cannot hold them refuses. */
void policy_limits_demand(const struct policy *policy, const struct spec_resources *asked,
                          const struct spec_resources *judged, struct spec_resources *ret_demanded);

/* Of the process: core size, oom score, scheduling. Rules "limits.*". Returns 0 or -ENOMEM. */
int policy_limits_judge_process(struct judge *judge, struct spec_process *process);

/* Of its cgroup: fills in the profile's limits. */
int policy_limits_judge_resources(struct judge *judge, struct spec_resources *resources);

/* Of update: what is missing or zero stays as it is. */
int policy_limits_judge_update(struct judge *judge, struct spec_resources *resources);
