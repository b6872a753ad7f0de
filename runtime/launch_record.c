/* The record of a container that is being made: written before anything exists that it would have to name. */
#include "runtime/launch_work.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>

#include "policies/concurrent.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/deadline.h"
#include "runtime/egress_control.h"
#include "runtime/inherit.h"
#include "runtime/leases.h"

static const char *owner_name(struct arena *arena, uid_t uid)
{
        /* Not getpwuid(3): it loads libraries of the name service and reads files for a name that nobody parses. */
        return uid == 0 ? "root" : arena_format(arena, "%u", (unsigned)uid);
}

int launch_record(struct launch_work *work, struct error *err)
{
        return state_write(&work->dir, &work->state, err);
}

/* Others than those of a container for which the policy says nothing of the network. */
static bool has_own_rules(const struct sandbox_egress *egress)
{
        return egress->has_list || egress->is_counted || egress->is_audit || egress->is_ingress_open;
}

/* The record before anything exists that it would have to name. */
int launch_record_begin(struct launch_work *work, struct error *err)
{
        struct plan *plan = work->plan;
        struct state *state = &work->state;
        char now[40], folder[PATH_MAX];
        int r;

        text_time_now(now, sizeof now);
        r = leases_folder(folder, sizeof folder, err);
        if (r < 0)
                return r;
        *state = (struct state){
                .id = plan->id,
                .oci_version = plan->asked.oci_version,
                .bundle = plan->bundle,
                .rootfs = plan->rootfs,
                .created = arena_string(work->arena, now),
                .owner = owner_name(work->arena, work->owner),
                .owner_uid = work->owner,
                .annotations = plan->asked.annotations, .n_annotations = plan->asked.n_annotations,
                .cgroups = plan->cgroups.is_disabled ? NULL : plan->cgroups.paths,
                .n_cgroups = plan->cgroups.is_disabled ? 0 : plan->cgroups.n_paths,
                .is_cgroup2 = plan->cgroups.is_v2,
                .is_cgroup_grouped = plan->cgroups.is_grouped,
                .systemd_unit = plan->systemd.unit, .systemd_bus = plan->systemd.bus,
                .systemd_description = plan->systemd.description,
                .host_folder = arena_string(work->arena, folder),
                .overlay_work = plan->restack.work,
                .rdt_root = plan->intelrdt.root,
                .rdt_group = plan->intelrdt.group,
                .is_rdt_private = plan->intelrdt.is_private,
                .is_rdt_monitored = plan->intelrdt.monitor != NULL,
                .rootfs_device = plan->restack.device,
                .is_restacked = plan->restack.is_overlay && !plan->restack.is_private,
                .has_own_pidns = plan->namespaces.clone_flags & CLONE_NEWPID,
                .is_userns_nested = work->is_nested,
                .memory_policy = plan->spec->linux_.memory_policy,
                .apparmor_profile = plan->spec->process.apparmor_profile,
                .selinux_label = plan->spec->process.selinux_label,
                .network_path = plan->namespaces.paths[SPEC_NS_NET],
                .has_egress_rules = plan->sandbox.egress_deny && has_own_rules(&plan->sandbox.egress),
                .is_egress_counted = plan->sandbox.egress.is_counted,
                .egress_version = plan->sandbox.egress_deny ? EGRESS_VERSION : 0,
                .exec_inherits = inherit_note(&plan->asked),
                .is_explained = plan->sandbox.seccomp_explain,
                .audit_path = plan->policy.audit.path,
                .is_audit_required = plan->policy.audit.is_required,
                .is_audit_synced = plan->policy.audit.is_synced,
                .is_audit_chained = plan->policy.audit.is_chained,
                .is_audit_journald = plan->policy.audit.is_journald,
                .audit_max_bytes = plan->policy.audit.max_bytes,
                .audit_keep = plan->policy.audit.keep,
                .audit_socket = plan->policy.audit.socket,
                .policy_file_digest = policy_digest(work->arena, &plan->policy),
                .profile = plan->sandbox.profile,
                .has_evidence = plan->policy.profile.evidence.folder != NULL,
                .policy_revision = plan->sandbox.policy_revision,
                .chosen_by = plan->policy.chosen_by,
                .created_ms = deadline_now_ms(),
                .is_counted = policy_concurrent_is_bounded(&plan->policy),
                .findings = plan->findings.first, .n_findings = plan->findings.n,
        };
        if (state->created == NULL || state->host_folder == NULL)
                return error_errno(err, ENOMEM, "state");
        if (plan->sandbox.wall_s > 0) {
                state->deadline_ms = state->created_ms + plan->sandbox.wall_s * 1000;
                state->grace_ms = plan->sandbox.grace_s * 1000;
        }
        r = state_set_creator(state, err);
        if (r == 0)
                r = launch_record(work, err);
        if (r < 0)
                return r;
        r = fd_replace_file(work->dir.fd, "config.json", plan->config_text, plan->config_length, 0600);
        if (r < 0)
                return error_errno(err, r, "write %s/%s/config.json", work->dir.root, work->dir.id);
        return policy_keep(&work->dir, &plan->policy, work->arena, &state->policy_digest, err);
}
