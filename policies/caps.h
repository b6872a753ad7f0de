/* Capabilities: never more than the profile's, and none that survives an exec by inheritance. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Cuts all five sets to the profile's, and empties inheritable and ambient. Missing capabilities become empty sets.
 * Rule "capabilities". Returns 0 or -ENOMEM. */
int policy_caps_judge(struct judge *judge, struct spec_process *process);
