/* Which filters are loaded. Two are stacked, and the kernel takes the stricter answer of the two (seccomp(2)), so the
 * engine's can only take away. */
#include "policies/seccomp.h"

#include "policies/judge.h"

/* Who answers for the kernel may also put fds of its own into the build: it must be root's, as hooks are. */
static void judge_listener(struct judge *judge, const struct spec_seccomp *seccomp)
{
        const struct host_listener *fact = judge->host->listener;
        const char *path = seccomp->listener_path, *rule = "seccomp.listener", *property = "linux.seccomp.listenerPath";

        if (fact == NULL || fact->error != 0 || !fact->is_socket)
                judge_refuse(judge, rule, property, path, NULL, "%s is no socket; start the agent first", path);
        else if (fact->is_reachable)
                judge_refuse(judge, rule, property, path, NULL,
                             "%s lies where a build can reach it; have the agent listen outside of the image and its "
                             "mounts",
                             path);
        else if (!fact->is_root_only)
                judge_refuse(judge, rule, property, path, NULL,
                             "%s, or a folder above it, can be replaced by others than root; make it root's alone",
                             path);
        else
                judge_record(judge, rule, property, path, "the agent answers what the profile's filter lets pass");
}

int policy_seccomp_judge(struct judge *judge, struct sandbox *sandbox)
{
        struct spec_seccomp *seccomp = &sandbox->spec.linux_.seccomp;

        sandbox->seccomp_base = judge->policy->profile.seccomp_base;
        sandbox->seccomp_setuid_files = judge->policy->profile.seccomp_setuid_files;
        sandbox->seccomp_user_namespaces = judge->policy->profile.seccomp_user_namespaces;
        sandbox->seccomp_explain = judge->policy->profile.seccomp_explain;
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
        if (spec_seccomp_notifies(seccomp) && sandbox->seccomp_explain)
                judge_refuse(
                        judge, "seccomp.explain", "linux.seccomp", "SCMP_ACT_NOTIFY", NULL,
                        "a filter can have one listener, and here it counts what is refused; use a profile without "
                        "seccomp.explain");
        else if (spec_seccomp_notifies(seccomp))
                judge_listener(judge, seccomp);
        else if (seccomp->flags & SPEC_SECCOMP_FLAG_WAIT_KILLABLE)
                judge_record(judge, "seccomp", "linux.seccomp.flags", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
                             "nothing: no rule has SCMP_ACT_NOTIFY");
        return 0;
}
