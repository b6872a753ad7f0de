/* What --debug says of a sandbox before it is made: the plan in words, a line a fact. Never a value of the environment, an
 * argument behind the program's name, or an annotation: any of them can be a secret, and logs are kept. */
#include "runtime/trace.h"

#include "runtime/base/log.h"
#include "runtime/base/text.h"

static const char *or_none(const char *text)
{
        return text_is_empty(text) ? "(none)" : text;
}

void trace_findings(const struct findings *findings)
{
        for (const struct finding *finding = findings->first; finding != NULL; finding = finding->next)
                log_debug("policy: %s %s: asked for %s, got %s (rule %s)", finding_action_name(finding->action),
                          finding->property, finding->asked, finding->got, finding->rule);
}

static void trace_namespaces(const struct plan *plan)
{
        for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS; kind++) {
                const struct spec_namespace *ns = &plan->spec->linux_.namespaces[kind];

                if (ns->is_given)
                        log_debug("%s namespace: %s", spec_ns_name(kind), ns->path == NULL ? "a new one" : ns->path);
        }
}

void trace_plan(const struct plan *plan)
{
        const struct spec_process *process = &plan->spec->process;

        if (!log_is_debug())
                return;
        log_debug("bundle %s, rootfs %s", plan->bundle, plan->rootfs);
        log_debug("profile %s, policy %s", plan->sandbox.profile, plan->sandbox.policy_revision);
        trace_findings(&plan->findings);
        trace_namespaces(plan);
        if (plan->cgroups.is_disabled)
                log_debug("no cgroup");
        for (size_t i = 0; i < plan->cgroups.n_paths && !plan->cgroups.is_disabled; i++)
                log_debug("cgroup %s", plan->cgroups.paths[i]);
        log_debug("program %s with %zu more arguments and %zu environment variables, in %s, as %u:%u", process->args[0],
                  process->n_args - 1, process->n_env, or_none(process->cwd), process->user.uid, process->user.gid);
        log_debug("capabilities: bounding %#llx, effective %#llx", (unsigned long long)process->caps.bounding,
                  (unsigned long long)process->caps.effective);
        for (enum spec_hook_kind kind = 0; kind < SPEC_HOOK_KINDS; kind++)
                if (plan->spec->hooks[kind].n > 0)
                        log_debug("hooks: %zu %s", plan->spec->hooks[kind].n, spec_hook_name(kind));
}

void trace_ids(const struct plan *plan)
{
        if (!log_is_debug())
                return;
        for (size_t i = 0; i < plan->n_uid_map; i++)
                log_debug("user ids %u to %u are %u to %u outside", plan->uid_map[i].inside,
                          plan->uid_map[i].inside + (plan->uid_map[i].size - 1), plan->uid_map[i].outside,
                          plan->uid_map[i].outside + (plan->uid_map[i].size - 1));
        for (size_t i = 0; i < plan->mounts.n; i++) {
                const struct mount_plan *mount = &plan->mounts.mounts[i];

                log_debug("mount %s: %s %s", mount->mount->target,
                          text_is_empty(mount->mount->fstype) ? "bind of" : mount->mount->fstype,
                          mount->source != NULL ? mount->source : or_none(mount->mount->source));
        }
        for (size_t i = 0; i < plan->devices.n; i++)
                log_debug("device %s", plan->devices.devices[i].path);
        log_debug("%zu masked and %zu read-only paths, %zu sysctls", plan->mounts.n_masked, plan->mounts.n_readonly,
                  plan->n_sysctls);
}
