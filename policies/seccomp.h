/* System call filters: the profile's own always, the engine's besides. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Keeps the engine's filter, drops its SPEC_ALLOW, and says what the profile's may. Refuses a kernel without filters.
 * Rule "seccomp". */
int policy_seccomp_judge(struct judge *judge, struct sandbox *sandbox);
