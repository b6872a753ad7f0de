/* The number that the file sets for each profile by itself; what the profile narrowed by another has is the lower of
 * both, which would let neither be counted alone. */
#include "policies/concurrent.h"

#include "policies/file.h"

bool policy_concurrent_limit(const struct policy *policy, size_t i, uint64_t *ret_most)
{
        const struct policy_profile *profile = policy->file == NULL ? NULL :
                                               policy_file_profile(policy->file, policy->profile_names[i]);

        if (profile == NULL || !profile->limits[POLICY_LIMIT_CONCURRENT].is_demanded)
                return false;
        *ret_most = profile->limits[POLICY_LIMIT_CONCURRENT].value;
        return true;
}

bool policy_concurrent_is_bounded(const struct policy *policy)
{
        uint64_t most;

        for (size_t i = 0; i < policy->n_profile_names; i++) {
                if (policy_concurrent_limit(policy, i, &most))
                        return true;
        }
        return false;
}
