/* With a cgroup of the administrator's above all containers of a profile, its limits hold for all of them together, and
 * its weights count against those of other profiles, however many containers each has. The engine's own place gives
 * way: a cgroup has one parent. */
#include "policies/cgroups.h"

#include "policies/judge.h"
#include "runtime/base/text.h"

int policy_cgroups_judge(struct judge *judge, struct sandbox *sandbox)
{
        const struct policy_profile *profile = &judge->policy->profile;
        const char *asked = sandbox->spec.linux_.cgroups_path;

        if (profile->cgroup_parent == NULL)
                return 0;
        if (profile->has_other_cgroup_parent)
                judge_refuse(
                        judge, "cgroupParent", "linux.cgroupsPath", asked, NULL,
                        "the profile and the one that narrows it have different cgroups above their containers, and a "
                        "cgroup has one parent; give both the same");
        sandbox->cgroup_parent = profile->cgroup_parent;
        judge_tighten(judge, "cgroupParent", "linux.cgroupsPath", text_is_empty(asked) ? "none" : asked,
                      arena_format(judge->arena, "below %s", profile->cgroup_parent));
        return 0;
}
