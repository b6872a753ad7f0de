/* Limits: what a build may use up, and how loud it may be. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Of the process: core size, oom score, scheduling. Rules "limits.*". Returns 0 or -ENOMEM. */
int policy_limits_judge_process(struct judge *judge, struct spec_process *process);

/* Of its cgroup: fills in the profile's limits. */
int policy_limits_judge_resources(struct judge *judge, struct spec_resources *resources);

/* Of update: what is missing or zero stays as it is. */
int policy_limits_judge_update(struct judge *judge, struct spec_resources *resources);
