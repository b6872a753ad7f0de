/* The wall clock of a profile, from create on: engines have no property for it, so there is nothing to be lowered. */
#include "policies/deadline.h"

#include <inttypes.h>

#include "policies/judge.h"

#define GRACE_S 10      /* what docker stop and podman stop give, too */

int policy_deadline_judge(struct judge *judge, struct sandbox *sandbox)
{
        const struct policy_limit_value *limits = judge->policy->profile.limits;

        if (!limits[POLICY_LIMIT_WALL].is_set)
                return 0;
        sandbox->wall_s = limits[POLICY_LIMIT_WALL].value;
        sandbox->grace_s = limits[POLICY_LIMIT_GRACE].is_set ? limits[POLICY_LIMIT_GRACE].value : GRACE_S;
        judge_tighten(judge, "limits.wall", "limits.wall", "no limit",
                      arena_format(judge->arena, "%" PRIu64 " s", sandbox->wall_s));
        return 0;
}
