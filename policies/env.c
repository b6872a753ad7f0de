/* Strips what the profile calls secret from the environment. The built-in profile denies nothing: guessing at names
 * would break builds that mean theirs. */
#include "policies/env.h"

#include <errno.h>
#include <string.h>

#include "policies/judge.h"
#include "runtime/base/text.h"

static bool is_denied(const char *const *patterns, const char *name)
{
        for (; *patterns != NULL; patterns++) {
                if (text_matches(*patterns, name))
                        return true;
        }
        return false;
}

int policy_env_judge(struct judge *judge, struct spec_process *process)
{
        const char *const *patterns = judge->policy->profile.env_deny;
        char **env;
        size_t n = 0;

        if (patterns == NULL || process->n_env == 0)
                return 0;
        env = arena_array(judge->arena, process->n_env + 1, sizeof *env);
        if (env == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < process->n_env; i++) {
                const char *name = arena_string_n(judge->arena, process->env[i], strcspn(process->env[i], "="));

                if (name == NULL)
                        return -ENOMEM;
                if (is_denied(patterns, name))
                        judge_tighten(judge, "env", "process.env", name, "left out");
                else
                        env[n++] = process->env[i];
        }
        process->env = env;
        process->n_env = n;
        return 0;
}
