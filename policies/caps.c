/* Cuts the capability sets.
 *
 * Inheritable and ambient go entirely, unless an exception has them: a set that is not empty hands capabilities to
 * programs that asked for none (CVE-2022-29162, CVE-2022-27650). The other three are intersected with the profile's, so
 * that subsets stay subsets. */
#include "policies/caps.h"

#include <stdio.h>
#include <string.h>

#include "policies/judge.h"

static const char *names_of(struct arena *arena, uint64_t caps)
{
        char text[2048] = "none";
        size_t length = 0;

        for (int number = 0; number < 64; number++) {
                const char *name = spec_cap_name(number);
                int n;

                if ((caps & UINT64_C(1) << number) == 0)
                        continue;
                if (name != NULL)
                        n = snprintf(text + length, sizeof text - length, "%s%s", length > 0 ? "," : "", name);
                else
                        n = snprintf(text + length, sizeof text - length, "%s%d", length > 0 ? "," : "", number);
                if (n < 0 || (size_t)n >= sizeof text - length)
                        break;
                length += (size_t)n;
        }
        return arena_string(arena, text);
}

static void cut(struct judge *judge, const char *property, uint64_t most, uint64_t *set)
{
        uint64_t got = *set & most;

        if (got == *set)
                return;
        judge_tighten(judge, "capabilities", property, names_of(judge->arena, *set), names_of(judge->arena, got));
        *set = got;
}

/* What the exception "capabilities.SET" leaves of a set that is not empty: the profile's. */
static uint64_t most_of(struct judge *judge, const char *set, uint64_t asked)
{
        const char *token = arena_format(judge->arena, "capabilities.%s", set);

        return asked != 0 && judge_excepts(judge, "capabilities", arena_format(judge->arena, "process.%s", token),
                                           token) ?
                       policy_profile_caps(&judge->policy->profile) :
                       0;
}

int policy_caps_judge(struct judge *judge, struct spec_process *process)
{
        uint64_t most = policy_profile_caps(&judge->policy->profile);
        struct spec_caps *caps = &process->caps;

        if (!caps->is_given)
                *caps = (struct spec_caps){ .is_given = true };
        /* runtime-spec has a runtime warn about what it cannot grant. This is a name that no Linux has: a typing error
         * in a document that decides about privilege, and warnings of a runtime are read by nobody. */
        for (size_t i = 0; i < caps->n_unknown; i++)
                judge_invalid(judge, "process.capabilities: there is no capability \"%s\"; see capabilities(7)",
                              caps->unknown[i]);
        cut(judge, "process.capabilities.bounding", most, &caps->bounding);
        cut(judge, "process.capabilities.effective", most, &caps->effective);
        cut(judge, "process.capabilities.permitted", most, &caps->permitted);
        cut(judge, "process.capabilities.inheritable", most_of(judge, "inheritable", caps->inheritable),
            &caps->inheritable);
        cut(judge, "process.capabilities.ambient", most_of(judge, "ambient", caps->ambient), &caps->ambient);
        /* capabilities(7): inheritable ones come from the bounding set, ambient ones are permitted and inheritable. */
        cut(judge, "process.capabilities.inheritable", caps->bounding, &caps->inheritable);
        cut(judge, "process.capabilities.ambient", caps->permitted & caps->inheritable, &caps->ambient);
        return 0;
}
