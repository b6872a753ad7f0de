/* The one door from a request to a sandbox: the order in which the rooms judge, and nothing else.
 *
 * Pure: what is not in spec, policy and host is not known here. Every room is heard even when one has refused, so that
 * the findings are whole; the first refusal is the error. */
#include "policies/sandbox.h"

#include <errno.h>

#include "policies/caps.h"
#include "policies/cgroups.h"
#include "policies/deadline.h"
#include "policies/devices.h"
#include "policies/egress.h"
#include "policies/env.h"
#include "policies/hooks.h"
#include "policies/intelrdt.h"
#include "policies/judge.h"
#include "policies/landlock.h"
#include "policies/limits.h"
#include "policies/lsm.h"
#include "policies/mounts.h"
#include "policies/namespaces.h"
#include "policies/paths.h"
#include "policies/rootfs.h"
#include "policies/seccomp.h"
#include "policies/sysctl.h"
#include "policies/systemd.h"
#include "policies/userns.h"

static int judge_process(struct judge *judge, struct spec_process *process)
{
        int r;

        r = policy_caps_judge(judge, process);
        if (r < 0)
                return r;
        if (!process->no_new_privileges &&
            !judge_excepts(judge, "noNewPrivileges", "process.noNewPrivileges", "noNewPrivileges")) {
                judge_tighten(judge, "noNewPrivileges", "process.noNewPrivileges", "false", "true");
                process->no_new_privileges = true;
        }
        r = policy_limits_judge_process(judge, process);
        if (r < 0)
                return r;
        r = policy_lsm_judge(judge, process);
        if (r < 0)
                return r;
        r = policy_env_judge(judge, process);
        return r < 0 ? r : policy_egress_judge_process(judge, process);
}

static int judge_all(struct judge *judge, struct sandbox *sandbox)
{
        /* Namespaces before ids and mounts: the ids depend on the user namespace, the mounts on the ids. */
        static int (*const rooms[])(struct judge *judge, struct sandbox *sandbox) = {
                policy_namespaces_judge, policy_userns_judge, policy_paths_judge,
                policy_rootfs_judge,     policy_mounts_judge,     policy_devices_judge, policy_hooks_judge,
                policy_sysctl_judge,     policy_seccomp_judge,    policy_egress_judge,  policy_landlock_judge,
                policy_intelrdt_judge,   policy_deadline_judge,   policy_systemd_judge, policy_cgroups_judge,
        };
        int r;

        for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
                r = rooms[i](judge, sandbox);
                if (r < 0)
                        return r;
        }
        r = policy_limits_judge_resources(judge, &sandbox->spec.linux_.resources);
        if (r < 0)
                return r;
        policy_limits_demand(judge->policy, &judge->asked->linux_.resources, &sandbox->spec.linux_.resources,
                             &sandbox->demanded);
        return judge_process(judge, &sandbox->spec.process);
}

/* @r: what the rooms said, which is 0 or the lack of memory. */
static int conclude(const struct judge *judge, int r)
{
        if (r == 0 && judge->findings->is_broken)
                r = -ENOMEM;
        if (r < 0)
                return error_errno(judge->err, r, "judging config.json");
        return judge->failure;
}

int harden(const struct spec *spec, const struct policy *policy, const struct host *host, struct arena *arena,
           struct sandbox *ret_sandbox, struct findings *findings, struct error *err)
{
        struct judge judge = {
                .asked = spec, .policy = policy, .host = host, .arena = arena, .findings = findings, .err = err,
        };
        struct sandbox sandbox = {
                .spec = *spec,
                .profile = policy->profile.name,
                .policy_revision = policy->revision,
                .max_user_namespaces = policy->profile.seccomp_user_namespaces ? POLICY_MAX_USER_NAMESPACES : 0,
                .max_inotify_instances = POLICY_MAX_INOTIFY_INSTANCES,
                .max_namespaces =
                        policy->profile.seccomp_base == POLICY_SECCOMP_BASE_IMAGE_BUILD ? POLICY_MAX_NAMESPACES : 0,
        };
        int r = conclude(&judge, judge_all(&judge, &sandbox));

        if (r < 0)
                return r;
        *ret_sandbox = sandbox;
        return 0;
}

int harden_process(const struct spec_process *asked, const struct policy *policy, const struct host *host,
                   struct arena *arena, struct spec_process *ret_process, struct findings *findings,
                   struct error *err)
{
        struct judge judge = { .policy = policy, .host = host, .arena = arena, .findings = findings, .err = err };
        struct spec_process process = *asked;
        int r = conclude(&judge, judge_process(&judge, &process));

        if (r < 0)
                return r;
        *ret_process = process;
        return 0;
}

int harden_resources(const struct spec_resources *asked, const struct policy *policy, const struct host *host,
                     struct arena *arena, struct spec_resources *ret_resources, struct findings *findings,
                     struct error *err)
{
        struct judge judge = { .policy = policy, .host = host, .arena = arena, .findings = findings, .err = err };
        struct spec_resources resources = *asked;
        int r = 0;

        /* No rules: leave those that are there. */
        if (resources.n_devices > 0)
                r = policy_devices_judge_rules(&judge, &resources);
        if (r == 0)
                r = policy_limits_judge_update(&judge, &resources);
        r = conclude(&judge, r);
        if (r < 0)
                return r;
        *ret_resources = resources;
        return 0;
}
