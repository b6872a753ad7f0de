/* One line for each member that has no room yet. Whoever builds the room deletes the line. */
#include "policies/unenforced.h"

#include <string.h>

#include "policies/judge.h"

#define P const struct policy *p

static bool has_subid_user(P) { return strcmp(p->subid_user, policy_builtin()->subid_user) != 0; }

static const struct {
        const char *member;
        bool (*is_used)(const struct policy *policy);
} members[] = {
        { "ids.subidUser", has_subid_user },
};

void policy_unenforced_list(const struct policy *policy, void (*say)(const char *member, void *context), void *context)
{
        for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
                if (members[i].is_used(policy))
                        say(members[i].member, context);
        }
}

int policy_unenforced_judge(struct judge *judge, struct sandbox *sandbox)
{
        const struct policy *policy = judge->policy;

        (void)sandbox;
        for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
                if (members[i].is_used(policy))
                        judge_refuse(judge, members[i].member, members[i].member, "what the policy file says", NULL,
                                     "the policy file sets %s to what this version of runb cannot enforce; change it there",
                                     members[i].member);
        }
        return 0;
}
