/* How many containers of a profile there may be at once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/policy.h"

/* Of the @i-th of the profiles that the policy was made of: a container counts for each of them, so that nobody who may
 * choose to be narrowed gets a number of his own. Returns false where the file sets none. */
bool policy_concurrent_limit(const struct policy *policy, size_t i, uint64_t *ret_most);

/* Is there any? */
bool policy_concurrent_is_bounded(const struct policy *policy);
