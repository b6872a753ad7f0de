/* Where a profile's containers have their cgroup. */
#pragma once

#include "policies/sandbox.h"

struct judge;

int policy_cgroups_judge(struct judge *judge, struct sandbox *sandbox);
