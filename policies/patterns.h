/* Patterns of the policy file: of paths and of names. */
#pragma once

#include <stdbool.h>

#include "policies/policy.h"

/* Paths, compared component by component: "*" and "?" match within one, a final "/" followed by "**" matches the folder
 * itself and everything below it. All absolute and clean. */
bool policy_patterns_match(const char *pattern, const char *path);

/* Something at or below @folder could match: who gets the folder gets that, too. */
bool policy_patterns_reach(const char *pattern, const char *folder);

/* The first pattern of the list that does; NULL: none. */
const char *policy_patterns_find_match(const struct policy_texts *patterns, const char *path);
const char *policy_patterns_find_reach(const struct policy_texts *patterns, const char *folder);

/* Of an environment variable's name: "*" and "?". */
bool policy_patterns_match_name(const char *pattern, const char *name);
