/* Finds exceptions. Which of them are in force was decided when the policy was chosen: those of its profile that have
 * not ended. Paths are compared as they are, with links resolved by whoever asks. */
#include "policies/exceptions.h"

#include <string.h>

#include "runtime/base/text.h"

static const char *const words[] = { "network.host", "pid.host", "ipc.host", "uts.host", "noNewPrivileges" };

bool policy_exceptions_is_word(const char *token)
{
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
                if (strcmp(words[i], token) == 0)
                        return true;
        }
        return false;
}

const char *policy_exceptions_path(const char *token)
{
        static const char *const kinds[] = { "mount:", "device:", "hook:" };

        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
                if (text_starts_with(token, kinds[i]))
                        return token + strlen(kinds[i]);
        }
        return NULL;
}

bool policy_exceptions_is_enforced(const char *token)
{
        return text_starts_with(token, "mount:") || text_starts_with(token, "hook:");
}

/* /var/run is a link to /run on every system, and the name that people know sockets by. Other links are not followed:
 * whoever can replace one would choose what is excepted. */
const char *policy_exceptions_real(const char *path)
{
        return text_starts_with(path, "/var/run/") ? path + strlen("/var") : path;
}

static bool is_same(const char *a, const char *b)
{
        const char *path_a = policy_exceptions_path(a), *path_b = policy_exceptions_path(b);

        if (path_a == NULL || path_b == NULL || path_a - a != path_b - b || strncmp(a, b, (size_t)(path_a - a)) != 0)
                return strcmp(a, b) == 0;
        return strcmp(policy_exceptions_real(path_a), policy_exceptions_real(path_b)) == 0;
}

const struct policy_exception *policy_exceptions_find(const struct policy *policy, const char *token)
{
        for (size_t i = 0; i < policy->n_exceptions; i++) {
                const struct policy_exception *exception = &policy->exceptions[i];

                for (size_t j = 0; j < exception->allow.n; j++) {
                        if (is_same(exception->allow.items[j], token))
                                return exception;
                }
        }
        return NULL;
}
