/* Exceptions: what an administrator lets a profile's containers have for a while, by name. None turns off the user
 * namespace or the filter of system calls, as there is no word for that. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/policy.h"

/* "network.host", "pid.host", "ipc.host", "uts.host", "noNewPrivileges", "capabilities.inheritable",
 * "capabilities.ambient", "mount.namespace", "rootfs.propagation", "hooks.createContainer". */
bool policy_exceptions_is_word(const char *token);
/* The path of "mount:/path", "device:/path", "hook:/path"; NULL of anything else. */
const char *policy_exceptions_path(const char *token);
/* "ids:1000-2999": users and groups of the host that a mapping may name. Never 0, which is the host's root. */
bool policy_exceptions_ids(const char *token, uint32_t *ret_first, uint32_t *ret_last);
/* "/run/x" of "/var/run/x"; any other path as it is. */
const char *policy_exceptions_real(const char *path);

/* What two tokens both let pass, in the arena: the same one, or of two ranges of ids those in both. NULL: nothing, or
 * no memory. */
const char *policy_exceptions_meet(struct arena *arena, const char *a, const char *b);

/* The exception in force that has this token; NULL: none. */
const struct policy_exception *policy_exceptions_find(const struct policy *policy, const char *token);
/* One that had it until its day had ended; @ret_index: in the file. */
const struct policy_exception *policy_exceptions_find_ended(const struct policy *policy, const char *token,
                                                            size_t *ret_index);
/* The one whose "ids:" hold all of @first to @last; @ret_token: which they are. */
const struct policy_exception *policy_exceptions_find_ids(const struct policy *policy, uint32_t first, uint32_t last,
                                                          const char **ret_token);
