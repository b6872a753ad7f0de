/* What a policy file can say and this version does not carry out. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Refuses by each member of the table that the file has: a control is never accepted without being one. A default of
 * ours that cannot hold yet is recorded. The rule is the member's name. Always 0. */
int policy_unenforced_judge(struct judge *judge, struct sandbox *sandbox);

/* The members that @policy uses and that cannot be enforced, for `policy lint`: calls @say for each. */
void policy_unenforced_list(const struct policy *policy, void (*say)(const char *member, void *context), void *context);
