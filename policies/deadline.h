/* How long a container may run. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Fills in wall_s and grace_s of the sandbox. Rule "limits.wall". */
int policy_deadline_judge(struct judge *judge, struct sandbox *sandbox);
