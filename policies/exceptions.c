/* Finds exceptions. Which of them are in force was decided when the policy was chosen: those of its profile that have
 * not ended. Paths are compared as they are, with links resolved by whoever asks. */
#include "policies/exceptions.h"

#include <string.h>

#include "policies/file.h"
#include "runtime/base/text.h"

#define IDS "ids:"

bool policy_exceptions_is_word(const char *token)
{
        static const char *const words[] = {
                "network.host", "pid.host", "ipc.host", "uts.host", "noNewPrivileges", "capabilities.inheritable",
                "capabilities.ambient", "mount.namespace", "rootfs.propagation", "hooks.createContainer",
        };

        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
                if (strcmp(words[i], token) == 0)
                        return true;
        }
        return false;
}

/* As people write numbers: no sign, no leading zero. Returns what follows it, or NULL. */
static const char *read_id(const char *text, uint32_t *ret_id)
{
        uint64_t id = 0;
        const char *p = text;

        for (; *p >= '0' && *p <= '9' && p - text < 10; p++)
                id = id * 10 + (uint64_t)(*p - '0');
        if (p == text || text[0] == '0' || id >= UINT32_MAX)
                return NULL;
        *ret_id = (uint32_t)id;
        return p;
}

bool policy_exceptions_ids(const char *token, uint32_t *ret_first, uint32_t *ret_last)
{
        uint32_t first, last;
        const char *p;

        if (!text_starts_with(token, IDS))
                return false;
        p = read_id(token + strlen(IDS), &first);
        if (p == NULL || *p != '-')
                return false;
        p = read_id(p + 1, &last);
        if (p == NULL || *p != '\0' || last < first)
                return false;
        *ret_first = first;
        *ret_last = last;
        return true;
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

const char *policy_exceptions_meet(struct arena *arena, const char *a, const char *b)
{
        uint32_t first[2], last[2];

        if (is_same(a, b))
                return a;
        if (!policy_exceptions_ids(a, &first[0], &last[0]) || !policy_exceptions_ids(b, &first[1], &last[1]))
                return NULL;
        if (first[1] > first[0])
                first[0] = first[1];
        if (last[1] < last[0])
                last[0] = last[1];
        return first[0] <= last[0] ? arena_format(arena, IDS "%u-%u", first[0], last[0]) : NULL;
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

const struct policy_exception *policy_exceptions_find_ended(const struct policy *policy, const char *token,
                                                            size_t *ret_index)
{
        const struct policy_exception *all = policy->file != NULL ? policy->file->exceptions : NULL;
        uint32_t first, last, from, to;
        bool is_ids = policy_exceptions_ids(token, &first, &last);

        for (size_t i = 0; all != NULL && i < policy->file->n_exceptions; i++) {
                bool is_of_profile = false;

                for (size_t j = 0; j < policy->n_profile_names; j++)
                        is_of_profile |= strcmp(policy->profile_names[j], all[i].profile) == 0;
                if (!is_of_profile || policy->judged_at < all[i].ends_at)
                        continue;
                for (size_t j = 0; j < all[i].allow.n; j++) {
                        if (!is_same(all[i].allow.items[j], token) &&
                            (!is_ids || !policy_exceptions_ids(all[i].allow.items[j], &from, &to) || first < from ||
                             last > to))
                                continue;
                        *ret_index = i;
                        return &all[i];
                }
        }
        return NULL;
}

const struct policy_exception *policy_exceptions_find_ids(const struct policy *policy, uint32_t first, uint32_t last,
                                                          const char **ret_token)
{
        for (size_t i = 0; i < policy->n_exceptions; i++) {
                const struct policy_exception *exception = &policy->exceptions[i];

                for (size_t j = 0; j < exception->allow.n; j++) {
                        uint32_t from, to;

                        if (policy_exceptions_ids(exception->allow.items[j], &from, &to) && first >= from &&
                            last <= to) {
                                *ret_token = exception->allow.items[j];
                                return exception;
                        }
                }
        }
        return NULL;
}
