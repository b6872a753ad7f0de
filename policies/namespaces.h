/* Namespaces: all of them are the build's own, or those of its pod; never the host's. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Refuses a missing pid, mount or network namespace and one that is the host's; adds user, ipc, uts and cgroup; takes
 * a time namespace only when asked. Rules "namespaces.<kind>". */
int policy_namespaces_judge(struct judge *judge, struct sandbox *sandbox);
