/* Sysctls: namespaced ones only. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Refuses every name that is not known to belong to the build's own namespaces. Rule "sysctl". */
int policy_sysctl_judge(struct judge *judge, struct sandbox *sandbox);
