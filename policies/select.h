/* Which profile holds for a container, and what of the file holds with it. */
#pragma once

#include "policies/file.h"
#include "runtime/base/error.h"

struct policy_request {
        const char *profile;            /* --profile; NULL: not given */
        const char *argv0;              /* as the program was called */
        const struct spec_pair *annotations; size_t n_annotations;
        int64_t now;                    /* seconds since 1970 */
};

/* The strongest first: --profile, argv[0], select.match, and the default where none of them spoke; then the user's
 * annotation, along select.annotation.allow. Each one after the first narrows by policy_profile_meet().
 * @file: NULL, there is none: the built-in policy.
 * @ret_policy: points into @file and @arena. Returns 0, -EPERM for a refusal, or another negative errno. */
int policy_select(const struct policy_file *file, const struct policy_request *request, struct arena *arena,
                  struct policy *ret_policy, struct error *err);

/* The same of a name that the state of a container holds, "branch+untrusted". Where @file has no such profile any more
 * its default stands in. */
int policy_select_again(const struct policy_file *file, const char *name, int64_t now, struct arena *arena,
                        struct policy *ret_policy, struct error *err);

/* What both give: for a container that was created by one policy and is changed under another. The name and the way in
 * which it was chosen are @created's, the revision is @today's; an exception must be in both. */
int policy_narrow(const struct policy *created, const struct policy *today, struct arena *arena,
                  struct policy *ret_policy, struct error *err);
