/* Counting and adding happen under the lock of the host's folder, so that of a hundred that come at once exactly the limit
 * gets in. A container that was killed or forgotten counts no more: its record tells that nothing of it lives. */
#include "runtime/concurrent.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policies/concurrent.h"
#include "runtime/base/auto.h"
#include "runtime/leases_private.h"
#include "runtime/registry.h"

/* Is @name one of "branch+untrusted"? */
static bool is_of(const char *profile, const char *name)
{
        size_t length = strlen(name);

        for (const char *at = profile; at != NULL; at = strchr(at, '+')) {
                at += *at == '+';
                if (strncmp(at, name, length) == 0 && (at[length] == '\0' || at[length] == '+'))
                        return true;
        }
        return false;
}

static bool counts(const struct registry_entry *entry, const char *profile)
{
        auto_arena struct arena arena = { 0 };
        auto_state_dir struct state_dir dir = { 0 };
        struct state state;
        int r = state_open(entry->root, entry->id, true, &dir, NULL);

        if (r == 0)
                r = state_read(&dir, &arena, &state, NULL);
        if (r < 0)      /* not to be found out: it counts */
                return r != -ENOENT && r != -ENODATA;
        return state.is_counted && state.profile != NULL && is_of(state.profile, profile) &&
               state_status(&state) != STATE_STOPPED;
}

static int count(const char *host_folder, const char *profile, const struct state_dir *own, uint64_t *ret_n, struct error *err)
{
        auto_arena struct arena arena = { 0 };
        struct registry_entry *entries;
        char prefix[128];
        size_t n;
        uint64_t n_there = 0;
        int r;

        snprintf(prefix, sizeof prefix, "%s.", profile);
        r = registry_read(host_folder, REGISTRY_SLOTS, prefix, &arena, &entries, &n, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                /* Of one by the same name whose folder was removed by hand: this one's from now on. */
                if (strcmp(entries[i].id, own->id) == 0 && strcmp(entries[i].root, own->root) == 0)
                        continue;
                if (counts(&entries[i], profile))
                        n_there++;
                else
                        registry_drop(host_folder, REGISTRY_SLOTS, entries[i].name);
        }
        *ret_n = n_there;
        return 0;
}

int concurrent_take(const struct policy *policy, const struct state_dir *dir, const struct state *state, struct error *err)
{
        auto_lease_house struct lease_house house = { .fd = UNSET_FD, .lock_fd = UNSET_FD };
        uint64_t most, n;
        char prefix[128];
        int r;

        if (!policy_concurrent_is_bounded(policy))
                return 0;
        r = lease_house_open(&house, err);
        for (size_t i = 0; i < policy->n_profile_names && r == 0; i++) {
                const char *name = policy->profile_names[i];

                if (!policy_concurrent_limit(policy, i, &most))
                        continue;
                r = count(state->host_folder, name, dir, &n, err);
                if (r == 0 && n >= most)
                        return error_refuse(err, "limits.concurrent",
                                            "refused by profile \"%s\" (limits.concurrent): %" PRIu64 " of %" PRIu64
                                            " containers of profile %s run; wait for one of them to end, or raise "
                                            "limits.concurrent (policy %s)", policy->profile.name, n, most, name,
                                            policy->revision);
        }
        for (size_t i = 0; i < policy->n_profile_names && r == 0; i++) {
                if (!policy_concurrent_limit(policy, i, &most))
                        continue;
                snprintf(prefix, sizeof prefix, "%s.", policy->profile_names[i]);
                r = registry_add(state->host_folder, REGISTRY_SLOTS, prefix, dir->root, dir->id, err);
        }
        return r;
}

/* Under the lock, too: one that was deleted may be created anew by the same name meanwhile, which counts. */
int concurrent_sweep(const char *host_folder, struct error *err)
{
        auto_lease_house struct lease_house house = { .fd = UNSET_FD, .lock_fd = UNSET_FD };
        auto_arena struct arena arena = { 0 };
        struct registry_entry *entries;
        size_t n;
        int r = lease_house_open(&house, err);

        if (r == 0)
                r = registry_read(host_folder, REGISTRY_SLOTS, "", &arena, &entries, &n, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                /* A profile's name has no dot. */
                char *profile = strndup(entries[i].name, strcspn(entries[i].name, "."));

                if (profile != NULL && !counts(&entries[i], profile))
                        registry_drop(host_folder, REGISTRY_SLOTS, entries[i].name);
                free(profile);
        }
        return 0;
}

int concurrent_free(const struct state_dir *dir, const struct state *state, struct error *err)
{
        char prefix[128];
        int r = 0, one;

        if (!state->is_counted || state->profile == NULL)
                return 0;
        for (const char *at = state->profile; at != NULL; at = strchr(at, '+')) {
                at += *at == '+';
                snprintf(prefix, sizeof prefix, "%.*s.", (int)strcspn(at, "+"), at);
                one = registry_remove(state->host_folder, REGISTRY_SLOTS, prefix, dir->root, dir->id, r == 0 ? err : NULL);
                r = r < 0 ? r : one;
        }
        return r;
}
