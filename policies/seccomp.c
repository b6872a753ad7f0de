/* Which filters are loaded. Two are stacked, and the kernel takes the stricter answer of the two (seccomp(2)), so the
 * engine's can only take away. */
#include "policies/seccomp.h"

#include "policies/judge.h"

int policy_seccomp_judge(struct judge *judge, struct sandbox *sandbox)
{
        struct spec_seccomp *seccomp = &sandbox->spec.linux_.seccomp;

        sandbox->seccomp_setuid_files = judge->policy->profile.seccomp_setuid_files;
        sandbox->seccomp_user_namespaces = judge->policy->profile.seccomp_user_namespaces;
        if (!judge->host->has_seccomp)
                judge_refuse(judge, "seccomp", "linux.seccomp", seccomp->is_given ? "a filter" : "none", NULL,
                             "this kernel has no system call filters; boot one with CONFIG_SECCOMP_FILTER");
        judge_tighten(judge, "seccomp", "linux.seccomp", seccomp->is_given ? "the engine's filter" : "no filter",
                      seccomp->is_given ? "the engine's filter and the profile's" : "the profile's filter");
        if (seccomp->flags & SPEC_SECCOMP_FLAG_SPEC_ALLOW) {
                judge_tighten(judge, "seccomp", "linux.seccomp.flags", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
                              "speculation stays mitigated");
                seccomp->flags &= ~SPEC_SECCOMP_FLAG_SPEC_ALLOW;
        }
        return 0;
}
