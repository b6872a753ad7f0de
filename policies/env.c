/* Strips what the profile calls secret from the environment, or refuses it, as the profile says. The built-in profile
 * denies nothing: guessing at names would break builds that mean theirs. */
#include "policies/env.h"

#include <errno.h>
#include <string.h>

#include "policies/judge.h"
#include "policies/patterns.h"

static bool is_denied(const struct policy_texts *patterns, const char *name)
{
        for (size_t i = 0; i < patterns->n; i++) {
                if (policy_patterns_match_name(patterns->items[i], name))
                        return true;
        }
        return false;
}

int policy_env_judge(struct judge *judge, struct spec_process *process)
{
        const struct policy_texts *patterns = &judge->policy->profile.env_deny;
        bool is_refused = judge->policy->profile.env_on_match == POLICY_ENV_REFUSE;
        char **env;
        size_t n = 0;

        if (patterns->n == 0 || process->n_env == 0)
                return 0;
        env = arena_array(judge->arena, process->n_env + 1, sizeof *env);
        if (env == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < process->n_env; i++) {
                const char *name = arena_string_n(judge->arena, process->env[i], strcspn(process->env[i], "="));

                if (name == NULL)
                        return -ENOMEM;
                if (is_denied(patterns, name) && is_refused)
                        judge_refuse(judge, "env", "process.env", name, NULL,
                                     "the environment variable %s is one that the policy denies; drop it", name);
                else if (is_denied(patterns, name))
                        judge_tighten(judge, "env", "process.env", name, "left out");
                else
                        env[n++] = process->env[i];
        }
        process->env = env;
        process->n_env = n;
        return 0;
}
