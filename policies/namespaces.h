/* Namespaces: all of them are the build's own, or those of its pod; never the host's, but for four
 * of them by an exception. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Refuses a missing pid, mount or network namespace and one that is the host's; adds user, ipc, uts and cgroup; takes
 * a time namespace only when asked. Rules "namespaces.<kind>". */
int policy_namespaces_judge(struct judge *judge, struct sandbox *sandbox);

/* After that: the build has the host's namespace of this kind, by an exception. */
bool policy_namespaces_is_hosts(const struct judge *judge, const struct sandbox *sandbox, enum spec_ns kind);
