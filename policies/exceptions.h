/* Exceptions: what an administrator lets a profile's containers have for a while, by name. None turns off the user
 * namespace or the filter of system calls, as there is no word for that. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/policy.h"

/* "network.host", "pid.host", "ipc.host", "uts.host", "noNewPrivileges". */
bool policy_exceptions_is_word(const char *token);
/* The path of "mount:/path", "device:/path", "hook:/path"; NULL of anything else. */
const char *policy_exceptions_path(const char *token);
/* "/run/x" of "/var/run/x"; any other path as it is. */
const char *policy_exceptions_real(const char *path);
/* This version can carry it out. */
bool policy_exceptions_is_enforced(const char *token);

/* The exception in force that has this token; NULL: none. */
const struct policy_exception *policy_exceptions_find(const struct policy *policy, const char *token);
