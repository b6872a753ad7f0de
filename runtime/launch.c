/* create and run, from the parent's side. The order:
 *
 *   plan, state folder, state record, range of ids, user namespace, rootfs tree, mounts, devices, filters, egress
 *   batch, terminal, hooks' files, fifo, cgroup   (all prepared while nothing runs)
 *   clone3 of init into everything
 *   prestart and createRuntime hooks, while init waits
 *   the record with init's pid, the pid file, and only then init may go on
 *
 * Killed at any point, init ends by itself (its report pipe ends) and `delete --force` finds the rest by the record. */
#include "runtime/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hooks/hooks.h"
#include "runtime/audit.h"
#include "policies/concurrent.h"
#include "policies/landlock.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"
#include "runtime/concurrent.h"
#include "runtime/deadline.h"
#include "runtime/delete.h"
#include "runtime/denials.h"
#include "runtime/egress_control.h"
#include "runtime/egress_names.h"
#include "runtime/egress_who.h"
#include "runtime/evidence.h"
#include "runtime/host.h"
#include "runtime/inherit.h"
#include "runtime/keeper.h"
#include "runtime/launch_child.h"
#include "runtime/launch_private.h"
#include "runtime/leases.h"
#include "runtime/listener.h"
#include "runtime/netdevices.h"
#include "runtime/notify.h"
#include "runtime/scope.h"
#include "runtime/terminal.h"
#include "runtime/trace.h"
#include "runtime/userns.h"

#define MOMENT_MS 5000
#define STARTS_IN_BYTES ((int64_t)1 << 20)      /* tests/cli/limits.sh */

/* Everything that a creation holds open. */
struct work {
        const struct launch_request *request;
        struct arena *arena;
        struct plan *plan;
        struct state_dir dir;
        struct state state;
        struct launch_ready ready;
        struct intelrdt_ready rdt;
        struct systemd_scope scope;
        int userns_fd;
        int report_fd;                  /* our end */
        int pidfd;
        pid_t pid;
        int master_fd;
        int notify_fd;
        int watch_fd;                   /* denials.h */
        int egress_fd;
        uint32_t egress_generation;
        int deadline_fd;
        int *hook_fds[SPEC_HOOK_KINDS];
        struct netdevices net_devices;
        uid_t owner;                    /* who called, as the caller's user namespace knows it */
        bool is_nested;                 /* a plain user's: we made a user namespace around all of this */
};

static void work_close(struct work *work)
{
        struct launch_ready *ready = &work->ready;

        auto_close_cleanup(&work->userns_fd);
        auto_close_cleanup(&work->report_fd);
        auto_close_cleanup(&work->watch_fd);
        auto_close_cleanup(&ready->report_fd);
        auto_close_cleanup(&ready->root_fd);
        auto_close_cleanup(&ready->console_fd);
        auto_close_cleanup(&ready->process.self_fd);
        auto_close_cleanup(&ready->process.fifo_fd);
        auto_close_cleanup(&ready->process.listener_fd);
        cgroups_ready_close(&ready->cgroups);
        systemd_scope_close(&work->scope);
        intelrdt_ready_close(&work->rdt);
        namespaces_ready_close(&ready->namespaces);
        mounts_ready_close(&ready->mounts);
        devices_ready_close(&ready->devices);
        egress_batch_free(&ready->egress);
        netdevices_close(&work->net_devices);
        seccomp_filter_free(&ready->process.filters[0]);
        seccomp_filter_free(&ready->process.filters[1]);
        for (enum spec_hook_kind kind = 0; kind < SPEC_HOOK_KINDS; kind++)
                if (work->hook_fds[kind] != NULL)
                        hooks_close(work->hook_fds[kind], work->plan->spec->hooks[kind].n);
}

static const char *owner_name(struct arena *arena, uid_t uid)
{
        /* Not getpwuid(3): it loads libraries of the name service and reads files for a name that nobody parses. */
        return uid == 0 ? "root" : arena_format(arena, "%u", (unsigned)uid);
}

static int record(struct work *work, struct error *err)
{
        return state_write(&work->dir, &work->state, err);
}

/* Others than those of a container for which the policy says nothing of the network. */
static bool has_own_rules(const struct sandbox_egress *egress)
{
        return egress->has_list || egress->is_counted || egress->is_audit || egress->is_ingress_open;
}

/* The record before anything exists that it would have to name. */
static int begin_record(struct work *work, struct error *err)
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
                r = record(work, err);
        if (r < 0)
                return r;
        r = fd_replace_file(work->dir.fd, "config.json", plan->config_text, plan->config_length, 0600);
        if (r < 0)
                return error_errno(err, r, "write %s/%s/config.json", work->dir.root, work->dir.id);
        return policy_keep(&work->dir, &plan->policy, work->arena, &state->policy_digest, err);
}

/* systemd says where the cgroup is; the record has named the unit before. */
static int begin_scope(struct work *work, struct error *err)
{
        int r = scope_begin(work->plan, work->arena, &work->scope, err);

        /* Nothing was started, so there is nothing to stop. */
        if (r < 0 && work->scope.pid == 0)
                work->state.systemd_unit = NULL;
        if (r < 0)
                return r;
        work->state.cgroups = work->plan->cgroups.paths;
        work->state.n_cgroups = work->plan->cgroups.n_paths;
        return record(work, err);
}

static int take_ids(struct work *work, struct error *err)
{
        struct plan *plan = work->plan;
        struct lease lease = { 0, 0 };
        struct stat st;
        int r;

        if (plan->sandbox.ids == SANDBOX_IDS_LEASE) {
                r = leases_take(work->dir.root, plan->id, plan->sandbox.ids_user, plan->sandbox.ids_size, plan->sandbox.group_key,
                                plan->namespaces.is_host_net ? 0 : plan->host.namespaces[SPEC_NS_NET].inode, &lease, err);
                if (r < 0)
                        return r;
        }
        work->state.lease_base = lease.base;
        work->state.lease_size = lease.size;
        r = plan_set_ids(plan, work->arena, lease.base, lease.size, err);
        if (r < 0)
                return r;
        work->state.uid_map = plan->uid_map;
        work->state.n_uid_map = plan->n_uid_map;
        work->state.gid_map = plan->gid_map;
        work->state.n_gid_map = plan->n_gid_map;
        r = userns_make(plan->uid_map, plan->n_uid_map, plan->gid_map, plan->n_gid_map, &work->userns_fd, err);
        /* For exec; only a build that may make user namespaces can move its init on into another one. */
        if (r == 0 && plan->sandbox.max_user_namespaces > 0 && fstat(work->userns_fd, &st) == 0)
                work->state.userns_inode = st.st_ino;
        return r;
}

/* For who asks later whether they are still what the processes have (report.h). */
static int note_filter(struct work *work, const struct seccomp_filter *filter, const char **ret_digest, struct error *err)
{
        char digest[SECCOMP_DIGEST_SIZE];

        if (filter->code == NULL)
                return 0;
        seccomp_filter_digest(filter, digest);
        *ret_digest = arena_string(work->arena, digest);
        return *ret_digest == NULL ? error_errno(err, ENOMEM, "linux.seccomp") : 0;
}

static int prepare_filters(struct work *work, struct error *err)
{
        const struct sandbox *sandbox = &work->plan->sandbox;
        const struct policy_seccomp_choice choice = {
                .base = sandbox->seccomp_base, .user_namespaces = sandbox->seccomp_user_namespaces,
                .setuid_files = sandbox->seccomp_setuid_files, .tcp_ports = sandbox->tcp_ports.is_limited,
        };
        struct process_ready *process = &work->ready.process;
        char cache[PATH_MAX];
        int r;

        if ((size_t)snprintf(cache, sizeof cache, "%s/seccomp", work->state.host_folder) >= sizeof cache)
                return error_errno(err, ENAMETOOLONG, "%s", work->state.host_folder);
        r = seccomp_prepare_build(&choice, cache, &process->filters[0], err);
        if (r == 0)
                r = seccomp_prepare_engine(&sandbox->spec.linux_.seccomp, cache, &process->filters[1], err);
        if (r == 0 && sandbox->seccomp_explain)
                r = denials_merge(&process->filters[0], &process->filters[1], err);
        /* For exec, which loads the very filters that init got. */
        if (r == 0)
                r = seccomp_filter_save(&process->filters[0], work->dir.fd, "seccomp-policy.bpf", err);
        if (r == 0 && process->filters[1].code != NULL)
                r = seccomp_filter_save(&process->filters[1], work->dir.fd, "seccomp-engine.bpf", err);
        if (r == 0)
                r = note_filter(work, &process->filters[0], &work->state.seccomp_digest, err);
        if (r == 0)
                r = note_filter(work, &process->filters[1], &work->state.seccomp_engine_digest, err);
        if (r == 0 && listener_is_wanted(&process->filters[1]) && !work->request->is_run)
                r = listener_bind(work->dir.fd, &process->listener_fd, err);
        return r;
}

static int prepare_fifo(struct work *work, struct error *err)
{
        if (work->request->is_run)
                return 0;
        /* Writable for the build's root, which nobody on the host is: the folder above bars everybody else. */
        if (mkfifoat(work->dir.fd, "exec.fifo", 0622) < 0 || fchmodat(work->dir.fd, "exec.fifo", 0622, 0) < 0)
                return error_errno(err, errno, "make %s/%s/exec.fifo", work->dir.root, work->dir.id);
        work->ready.process.fifo_fd = openat(work->dir.fd, "exec.fifo", O_PATH | O_CLOEXEC | O_NOFOLLOW);
        if (work->ready.process.fifo_fd < 0)
                return error_errno(err, errno, "open %s/%s/exec.fifo", work->dir.root, work->dir.id);
        return 0;
}

/* The state for hooks that init runs. */
static int make_inner_state(struct work *work, enum state_status status, const char **ret_text, size_t *ret_length,
                            struct error *err)
{
        auto_buffer struct text_buffer buffer = { 0 };
        struct state seen = work->state;
        const char *text;

        seen.init_pid = seen.has_own_pidns ? 1 : 0;     /* as the hook itself sees init */
        state_to_oci(&seen, status, true, &buffer);
        text = buffer.is_broken ? NULL : arena_string(work->arena, buffer.text);
        if (text == NULL)
                return error_errno(err, ENOMEM, "hooks");
        *ret_text = text;
        *ret_length = strlen(text);
        return 0;
}

static int prepare_inner_hooks(struct work *work, struct error *err)
{
        struct process_plan *process = &work->plan->process;
        struct create_hooks_ready *create = &work->ready.create_hooks;
        int r = 0;

        create->fds = work->hook_fds[SPEC_HOOK_CREATE_CONTAINER];
        if (work->plan->spec->hooks[SPEC_HOOK_CREATE_CONTAINER].n > 0)
                r = make_inner_state(work, STATE_CREATING, &create->state, &create->state_length, err);
        if (r == 0 && process->start_hooks.n > 0)
                r = make_inner_state(work, STATE_CREATED, &process->hook_state, &process->hook_state_length, err);
        return r;
}

static void record_left_out(struct work *work)
{
        const struct cgroups_ready *cgroups = &work->ready.cgroups;

        for (size_t i = 0; i < cgroups->n_left_out; i++)
                findings_add(&work->plan->findings, FINDING_RECORDED, "linux.resources", "limits", cgroups->left_out[i],
                             work->plan->cgroups.is_disabled && work->plan->cgroups.disabled_because == NULL ?
                                     "left out: --cgroup-manager disabled makes no cgroup for it" :
                                     "left out: this host has no controller for it");
        work->state.findings = work->plan->findings.first;
        work->state.n_findings = work->plan->findings.n;
}

static int prepare_shares(struct work *work, struct error *err)
{
        const struct intelrdt_plan *plan = &work->plan->intelrdt;
        struct intelrdt_root root;
        int r;

        if (!plan->is_given)
                return 0;
        r = intelrdt_root_open(plan->root, &root, err);
        if (r < 0)
                return r;
        r = intelrdt_prepare(&root, plan, &work->rdt, err);
        auto_close_cleanup(&root.fd);
        /* It took back what it made; what else is there of that name is not ours. */
        if (r < 0)
                work->state.rdt_group = NULL;
        return r;
}

static int prepare(struct work *work, struct error *err)
{
        struct plan *plan = work->plan;
        struct launch_ready *ready = &work->ready;
        const struct spec *spec = plan->spec;
        /* Others live in a mount namespace that is joined, and would see it. */
        const bool has_shelf = plan->namespaces.paths[SPEC_NS_MOUNT] == NULL && strcmp(plan->rootfs, "/") != 0;
        const struct mounts_shelf shelf = { has_shelf ? work->dir.root_fd : UNSET_FD, plan->id, "config.json",
                                            plan->devices.is_bound };
        int r;

        r = restack_prepare(&plan->restack, work->userns_fd, plan->mounts.root_uid, plan->mounts.root_gid,
                            &ready->root_fd, err);
        if (r < 0)
                return r;
        /* Without a cgroup too: limits that somebody asked for are an error then. */
        r = cgroups_prepare(&plan->cgroups, plan->host.privilege != HOST_REAL_ROOT, &ready->cgroups, err);
        if (r < 0)
                return r;
        record_left_out(work);
        if (plan->systemd.unit != NULL)
                scope_has_to_move(plan->systemd.bus, plan->cgroups.paths, plan->cgroups.n_paths, plan->cgroups.is_v2,
                                  &ready->cgroups);
        if (!plan->cgroups.is_disabled) {
                r = cgroups_set_devices(&plan->cgroups, spec->linux_.resources.devices,
                                        spec->linux_.resources.n_devices, err);
                if (r < 0)
                        return r;
                if (ready->cgroups.was_there) {
                        /* Shared by several containers (buildah --cgroup-parent): not ours to remove. */
                        work->state.is_cgroup_shared = true;
                        r = record(work, err);
                        if (r < 0)
                                return r;
                }
        }
        r = prepare_shares(work, err);
        if (r == 0)
                r = mounts_prepare(work->arena, &plan->mounts, work->userns_fd, &shelf, &ready->mounts, err);
        if (r == 0)
                r = devices_prepare(work->arena, &plan->devices, &ready->devices, err);
        if (r == 0)
                r = prepare_filters(work, err);
        if (r == 0 && plan->sandbox.egress_deny)
                r = egress_prepare(&plan->sandbox.egress, &ready->egress, err);
        for (enum spec_hook_kind kind = 0; kind < SPEC_HOOK_KINDS && r == 0; kind++)
                if (kind == SPEC_HOOK_PRESTART || kind == SPEC_HOOK_CREATE_RUNTIME || kind == SPEC_HOOK_CREATE_CONTAINER)
                        r = hooks_prepare(work->arena, &spec->hooks[kind], kind, &work->hook_fds[kind], err);
        if (r == 0)
                r = prepare_inner_hooks(work, err);
        if (r == 0)
                r = prepare_fifo(work, err);
        if (r < 0)
                return r;
        ready->process.self_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
        if (ready->process.self_fd < 0)
                return error_errno(err, errno, "open /proc/self/exe");
        return 0;
}

static int explain(struct work *work, const struct child_message *message, struct error *err)
{
        const struct plan *plan = work->plan;
        const char *step = child_step_text(message->step);
        uint32_t i = message->index;

        switch ((enum child_step)message->step) {
        case STEP_MOUNT_TARGET:
        case STEP_MOUNT_TARGET_LINK:
        case STEP_MOUNT_MAKE:
        case STEP_MOUNT_PARAMETER:
        case STEP_MOUNT_LINK:
        case STEP_MOUNT_OPTION:
        case STEP_MOUNT_ATTACH:
        case STEP_MOUNT_COPYUP:
                if (i < plan->mounts.n) {
                        const struct spec_mount *mount = plan->mounts.mounts[i].mount;
                        const struct mount_option *option = NULL;

                        if (message->step == STEP_MOUNT_PARAMETER && message->value < plan->mounts.mounts[i].n_options)
                                option = &plan->mounts.mounts[i].options[message->value];
                        if (option != NULL)
                                return error_errno(err, message->error, "mounts[%u]: mount %s on %s: option %s%s%s", i,
                                                   text_is_empty(mount->fstype) ? "none" : mount->fstype, mount->target,
                                                   option->key, option->value != NULL ? "=" : "",
                                                   option->value != NULL ? option->value : "");
                        return error_errno(err, message->error, "mounts[%u]: mount %s (%s) on %s: %s", i,
                                           text_is_empty(mount->source) ? "none" : mount->source,
                                           text_is_empty(mount->fstype) ? "bind" : mount->fstype, mount->target, step);
                }
                break;
        case STEP_DEVICE:
        case STEP_DEVICE_OTHER:
                if (i < plan->devices.n)
                        return error_errno(err, message->error, "linux.devices[%u]: %s: %s", i, plan->devices.devices[i].path,
                                           step);
                break;
        case STEP_DEVICE_LINK:
                return error_errno(err, message->error, "%s: %s", step, devices_link_name(i));
        case STEP_SYSCTL:
                /* Not ENOENT's words, by which engines know a program that is not there. */
                if (i < plan->n_sysctls && message->error == ENOENT)
                        return error_set(err, ENOENT, "linux.sysctl: this kernel has no \"%s\" in the container's namespaces",
                                         plan->sysctls[i].key);
                if (i < plan->n_sysctls)
                        return error_errno(err, message->error, "linux.sysctl: write %s", plan->sysctls[i].key);
                break;
        case STEP_READONLY_PATH:
                if (i < plan->mounts.n_readonly)
                        return error_errno(err, message->error, "linux.readonlyPaths: %s", plan->mounts.readonly[i]);
                break;
        case STEP_MASKED_PATH:
        case STEP_MASK_NULL:
                if (i < plan->mounts.n_masked)
                        return error_errno(err, message->error, "linux.maskedPaths: %s: %s", plan->mounts.masked[i], step);
                break;
        case STEP_EGRESS:
                return egress_explain(message->error, err);
        case STEP_NS_JOIN:
                return error_errno(err, message->error, "linux.namespaces: %s (%s)", step,
                                   i < SPEC_NS_KINDS ? spec_ns_name((enum spec_ns)i) : "?");
        case STEP_CREATE_HOOK:
                return process_explain_hook(SPEC_HOOK_CREATE_CONTAINER, &plan->spec->hooks[SPEC_HOOK_CREATE_CONTAINER],
                                            message, err);
        default:
                return process_explain(&plan->process, message, err);
        }
        return error_errno(err, message->error, "%s", step);
}

/* Init ended without a word: killed, most likely for memory. */
static int explain_silence(struct work *work, struct error *err)
{
        const struct spec_number *memory = &work->plan->spec->linux_.resources.memory.limit;
        struct pollfd event = { .fd = work->pidfd, .events = POLLIN };
        siginfo_t info = { 0 };

        /* Its end of the socket is closed before it has ended. */
        poll(&event, 1, MOMENT_MS);
        if (waitid(P_PIDFD, (id_t)work->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
                return error_set(err, ECHILD, "container init ended unexpectedly");
        if (info.si_status == SIGKILL && memory->is_given && memory->value > 0 && memory->value < STARTS_IN_BYTES)
                return error_set(err, ENOMEM, "linux.resources.memory.limit: %lld bytes are too few for a container to start: its "
                                 "init was killed; give it 1 MiB at least", (long long)memory->value);
        if (info.si_code != CLD_EXITED)
                return error_set(err, ECHILD, "container init was killed by signal %d%s", info.si_status,
                                 info.si_status == SIGKILL ? " (out of memory? see linux.resources.memory.limit)" : "");
        return error_set(err, ECHILD, "container init ended unexpectedly");
}

static int run_hooks(struct work *work, enum spec_hook_kind kind, enum state_status status, struct error *err)
{
        const struct spec_hook_list *list = &work->plan->spec->hooks[kind];
        auto_buffer struct text_buffer buffer = { 0 };

        if (list->n == 0)
                return 0;
        state_to_oci(&work->state, status, true, &buffer);
        if (buffer.is_broken)
                return error_errno(err, ENOMEM, "hooks");
        return hooks_run(list, kind, work->hook_fds[kind], buffer.text, true, err);
}

static int take_egress(struct work *work, int fd, uint64_t netns, struct error *err)
{
        const struct plan *plan = work->plan;
        bool is_joined;
        int r = egress_take_over(fd, &plan->sandbox.egress, netns, work->pid, &work->ready.egress, &is_joined, err);

        if (r == 0 && is_joined)
                r = egress_keep(&work->dir, &work->ready.egress, err);
        return r < 0 && err->rule != NULL ? audit_judged(&plan->policy, "create", plan->id, &plan->findings, r, err) : r;
}

/* Follows init up to CHILD_READY. */
static int follow(struct work *work, struct error *err)
{
        const struct spec_linux *linux_ = &work->plan->spec->linux_;
        struct child_message message;
        int fd, r;

        for (;;) {
                fd = UNSET_FD;
                r = child_receive(work->report_fd, &message, &fd);
                if (r < 0)
                        return error_errno(err, r, "read from container init");
                if (r == 0)
                        return explain_silence(work, err);
                switch ((enum child_message_kind)message.kind) {
                case CHILD_FAILED:
                        explain(work, &message, err);
                        r = error_context(err, "unable to start container process");
                        return err->rule == NULL ? r : audit_judged(&work->plan->policy, "create", work->plan->id,
                                                                    &work->plan->findings, r, err);
                case CHILD_NAMESPACES_READY:
                        r = run_hooks(work, SPEC_HOOK_PRESTART, STATE_CREATING, err);
                        if (r == 0)
                                r = run_hooks(work, SPEC_HOOK_CREATE_RUNTIME, STATE_CREATING, err);
                        if (r < 0)
                                return error_context(err, "unable to start container process: error during container init");
                        child_say(work->report_fd, CHILD_GO, 0);
                        break;
                case CHILD_SCOPED:
                        work->plan->process.is_abstract_scoped = true;
                        break;
                case CHILD_EGRESS:
                        r = take_egress(work, fd, message.value, err);
                        auto_close_cleanup(&fd);
                        if (r < 0)
                                return r;
                        child_say(work->report_fd, CHILD_GO, 0);
                        break;
                case CHILD_COUNTERS:
                        auto_close_cleanup(&work->egress_fd);
                        work->egress_fd = fd;
                        work->egress_generation = egress_generation(fd);
                        break;
                case CHILD_NETNS:
                        auto_close_cleanup(&work->net_devices.ns_fd);
                        work->net_devices.ns_fd = fd;
                        break;
                case CHILD_ROUTE:
                        auto_close_cleanup(&work->net_devices.route_fd);
                        work->net_devices.route_fd = fd;
                        r = netdevices_move(work->arena, linux_->net_devices, linux_->n_net_devices, &work->net_devices,
                                            err);
                        if (r < 0)
                                return r;
                        child_say(work->report_fd, CHILD_GO, 0);
                        break;
                case CHILD_MASTER:
                        auto_close_cleanup(&work->master_fd);
                        work->master_fd = fd;
                        break;
                case CHILD_READY:
                        work->state.netns_inode = message.value;
                        return 0;
                case CHILD_LISTENER_NEXT:
                case CHILD_LISTENER:
                case CHILD_GO:
                        auto_close_cleanup(&fd);
                        return error_set(err, EPROTO, "container init sent an unexpected message");
                }
        }
}

static int clone_init(struct work *work, struct error *err)
{
        struct plan *plan = work->plan;
        struct launch_ready *ready = &work->ready;
        struct clone_args args = {
                .flags = plan->namespaces.clone_flags | CLONE_PIDFD,
                .pidfd = (uint64_t)(uintptr_t)&work->pidfd,
                .exit_signal = SIGCHLD,
        };
        int pair[2], r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return error_errno(err, errno, "make a socket pair");
        work->report_fd = pair[0];
        ready->report_fd = pair[1];
        ready->process.report_fd = pair[1];
        ready->process.userns_fd = work->userns_fd;
        if (ready->cgroups.v2_fd >= 0) {
                args.flags |= CLONE_INTO_CGROUP;
                args.cgroup = (uint64_t)(unsigned)ready->cgroups.v2_fd;
        }
        work->pid = sys_clone3(&args);
        if (work->pid < 0)
                return error_errno(err, errno, "clone container init");
        if (work->pid == 0) {
                close(work->report_fd);
                launch_child(plan, ready);
        }
        auto_close_cleanup(&ready->report_fd);
        work->state.init_pid = work->pid;
        r = namespaces_come_back(&plan->namespaces, err);
        if (r == 0 && ready->cgroups.is_moved_in) {
                r = systemd_attach(&work->scope, work->pid, "", err);
                if (r == 0)
                        child_say(work->report_fd, CHILD_GO, 0);
        }
        if (r == 0)
                r = intelrdt_join(&work->rdt, work->pid, err);
        if (r < 0)
                return r;
        return state_process_start_time(work->pid, &work->state.init_start_time, &(bool){ false });
}

static int write_pid_file(const char *path, pid_t pid, struct error *err)
{
        char text[16];
        int r;

        if (text_is_empty(path))
                return 0;
        /* Digits only: containerd's shim reads it with Atoi. */
        r = fd_replace_file(AT_FDCWD, path, text, (size_t)snprintf(text, sizeof text, "%d", pid), 0644);
        return r < 0 ? error_errno(err, r, "--pid-file %s", path) : 0;
}

static int note_network(struct work *work, struct error *err)
{
        if (work->plan->sandbox.ids != SANDBOX_IDS_LEASE)
                return 0;
        return leases_set_group(work->dir.root, work->plan->id, work->plan->sandbox.group_key, work->state.netns_inode, err);
}

/* What a service manager gives to us and means for the program: sd_listen_fds(3), sd_notify(3). */
static int pass_service_manager(struct work *work, struct error *err)
{
        const struct launch_request *request = work->request;
        struct plan *plan = work->plan;
        const char *folder;
        int r;

        if (request->listen_fds > 0) {
                /* The program is 1 there, which LISTEN_PID must say. */
                process_plan_add_env(&plan->process, arena_format(work->arena, "LISTEN_FDS=%u", request->listen_fds));
                process_plan_add_env(&plan->process, "LISTEN_PID=1");
        }
        if (notify_wanted(&plan->spec->process) == NULL)
                return 0;
        folder = arena_format(work->arena, "%s/%s/" NOTIFY_FOLDER, work->dir.root, work->dir.id);
        if (folder == NULL)
                return error_errno(err, ENOMEM, "NOTIFY_SOCKET");
        r = notify_prepare(work->dir.fd, err);
        if (r == 0)
                r = mounts_plan_add_bind(work->arena, &plan->mounts, folder, NOTIFY_TARGET, err);
        if (r == 0)
                process_plan_add_env(&plan->process, NOTIFY_ENV);
        return r;
}

/* Known only now: policy has said so itself where no question was open. */
static void record_scope(struct work *work)
{
        struct plan *plan = work->plan;

        work->state.is_abstract_scoped = plan->process.is_abstract_scoped;
        work->state.tcp_ports = plan->process.tcp_ports;
        if (!plan->process.is_abstract_scoped || plan->sandbox.abstract_sockets == SANDBOX_ABSTRACT_SCOPED)
                return;
        findings_add(&plan->findings, FINDING_TIGHTENED, "linux.namespaces (network)", "landlock",
                     plan->namespaces.paths[SPEC_NS_NET], POLICY_LANDLOCK_SCOPED);
        work->state.findings = plan->findings.first;
        work->state.n_findings = plan->findings.n;
}

/* The pipe ends when the program has been executed. */
static int follow_to_exec(struct work *work, struct error *err)
{
        __attribute__((cleanup(listener_close))) struct listener_service service = {
                .seccomp = &work->plan->spec->linux_.seccomp, .state = &work->state, .status = STATE_CREATED,
                .pid = work->pid, .agent_fd = UNSET_FD, .watch_fd = work->watch_fd,
        };
        struct child_message message;
        int r;

        for (;;) {
                auto_close int fd = UNSET_FD;

                r = child_receive(work->report_fd, &message, &fd);
                if (r < 0)
                        return error_errno(err, r, "read from container init");
                if (r == 0)
                        return 0;
                if (message.kind != CHILD_LISTENER_NEXT && message.kind != CHILD_LISTENER) {
                        explain(work, &message, err);
                        return error_context(err, "unable to start container process");
                }
                r = listener_answer(&service, work->report_fd, &message, fd, err);
                if (r < 0)
                        return r;
        }
}

/* Before its program runs, which could end, and its network namespace with it, before anybody looks. Init has sent them, but
 * where it found a table there. */
static void open_counters(struct work *work)
{
        struct error why = { 0 };

        if (work->ready.wants_counters && work->egress_fd < 0 && egress_open(&work->dir, &work->state, &work->egress_fd, &why) < 0)
                log_warning("%s", why.text);
}

static int record_creation(struct work *work, struct error *err)
{
        const struct plan *plan = work->plan;
        int r = audit_write(&plan->policy, &(struct audit_record){ .event = "create", .id = plan->id, .findings = &plan->findings,
                                                                   .state = &work->state, .plan = plan }, err);

        /* What was never made has no end to be told of. */
        if (r < 0)
                work->state.audit_path = NULL;
        return r;
}

/* What init does not wait for, while it builds its namespaces and mounts on another processor. A failure ends it. */
static int prepare_beside(struct work *work, bool is_recorded, struct error *err)
{
        const struct cgroups_plan *cgroups = &work->plan->cgroups;
        int r = is_recorded ? record_creation(work, err) : 0;

        if (r == 0 && work->state.has_egress_rules)
                r = egress_keep(&work->dir, &work->ready.egress, err);
        if (r == 0 && work->state.is_egress_counted && !cgroups->is_disabled && !work->ready.cgroups.was_there)
                egress_who_attach(&work->dir, cgroups->paths, cgroups->n_paths);
        return r;
}

/* While the placeholder is in the scope, so that it is never empty. Nobody asked for the container to fail for it. */
static void keep_usage(struct work *work)
{
        struct systemd_scope *scope = work->ready.cgroups.is_moved_in ? &work->scope : NULL;
        struct error why = { 0 };

        if (!keeper_is_wanted(&work->state, &work->plan->spec->linux_.resources))
                return;
        work->state.is_usage_kept = keeper_start(&work->dir, &work->state, work->pidfd, scope, &why) == 0;
        if (!work->state.is_usage_kept)
                log_warning("what %s uses is not recorded: %s", work->state.id, why.text);
}

static int create(struct work *work, struct error *err)
{
        const struct launch_request *request = work->request;
        struct plan *plan = work->plan;
        struct launch_ready *ready = &work->ready;
        bool is_recorded_first;
        int r;

        r = begin_record(work, err);
        if (r == 0 && work->state.is_counted) {
                r = concurrent_take(&plan->policy, &work->dir, &work->state, err);
                if (r < 0)
                        r = audit_judged(&plan->policy, "create", plan->id, &plan->findings, r, err);
        }
        if (r == 0 && plan->systemd.unit != NULL)
                r = begin_scope(work, err);
        if (r == 0)
                r = terminal_prepare(plan->spec->process.is_terminal, request->is_detached, request->console_socket,
                                     &ready->console_fd, err);
        if (r == 0)
                r = take_ids(work, err);
        if (r == 0) {
                trace_ids(plan);
                r = pass_service_manager(work, err);
                if (r == 0)
                        r = egress_names_prepare(work->arena, &work->dir, plan, &work->state, err);
        }
        if (r == 0)
                r = prepare(work, err);
        if (r == 0)
                r = namespaces_prepare(&plan->namespaces, &ready->namespaces, err);
        if (r < 0)
                return r;
        ready->has_hooks_to_wait_for = plan->spec->hooks[SPEC_HOOK_PRESTART].n + plan->spec->hooks[SPEC_HOOK_CREATE_RUNTIME].n > 0;
        ready->has_net_devices = plan->spec->linux_.n_net_devices > 0;
        ready->dies_with_parent = request->is_run && !request->is_detached;
        ready->wants_counters = ready->dies_with_parent && work->state.is_egress_counted;
        ready->process.preserve_fds = request->preserve_fds;
        r = deadline_check_reach(&work->state, err);
        if (r < 0) {
                work->state.audit_path = NULL;
                return audit_judged(&plan->policy, "create", plan->id, &plan->findings, r, err);
        }
        /* Nothing runs unrecorded. These hooks are the only ones that init runs without asking us before. */
        is_recorded_first = plan->spec->hooks[SPEC_HOOK_CREATE_CONTAINER].n > 0;
        if (is_recorded_first)
                r = record_creation(work, err);
        if (r == 0)
                r = clone_init(work, err);
        if (r == 0)
                r = prepare_beside(work, !is_recorded_first, err);
        if (r < 0)
                return r;
        log_debug("container init is process %d", work->pid);
        r = follow(work, err);
        if (r < 0)
                return r;
        log_debug("container init is ready: namespaces, mounts, devices, ids");
        keep_usage(work);
        /* Not before: on cgroup v1 it is init that enters the cgroup. */
        r = plan->systemd.unit == NULL ? 0 : scope_complete(plan, &work->scope, err);
        if (r == 0)
                r = note_network(work, err);
        if (r < 0)
                return r;
        record_scope(work);
        /* Of a foreground run, this process keeps it; but delete asks once more, for its evidence. */
        if (!ready->dies_with_parent || request->is_kept || work->state.has_evidence)
                egress_pin(&work->dir, &work->state);
        work->state.is_created = true;
        work->state.is_started = request->is_run;
        r = deadline_prepare(&work->dir, &work->state, &work->deadline_fd, err);
        if (r == 0 && work->state.has_evidence)
                r = evidence_note(&work->dir, plan, err);
        if (r == 0)
                r = record(work, err);
        if (r == 0 && work->deadline_fd >= 0 && request->is_detached)
                r = deadline_start_guard(&work->dir, work->deadline_fd, err);
        if (r == 0)
                r = write_pid_file(request->pid_file, work->pid, err);
        if (r == 0 && !text_is_empty(request->pidfd_socket)) {
                r = fd_send_to_path(request->pidfd_socket, work->pidfd, err);
                if (r < 0)
                        error_context(err, "--pidfd-socket");
        }
        if (r == 0 && request->is_run && notify_wanted(&plan->spec->process) != NULL)
                r = notify_bind(work->dir.fd, &work->notify_fd, err);
        if (r == 0 && request->is_run && work->state.is_explained)
                r = denials_begin(work->dir.fd, &work->watch_fd, err);
        if (r == 0 && request->is_run)
                r = launch_audit_start(&work->state, err);
        if (r == 0)
                open_counters(work);
        if (r < 0)
                return r;
        log_debug("%s is recorded%s%s; init may go on", work->state.id, text_is_empty(request->pid_file) ? "" : ", its pid in ",
                  text_is_empty(request->pid_file) ? "" : request->pid_file);
        child_say(work->report_fd, CHILD_GO, 0);
        return request->is_run ? follow_to_exec(work, err) : 0;
}

int launch_create(const struct launch_request *request, struct arena *arena, struct launched *ret_launched,
                  struct error *err)
{
        struct work work = {
                .request = request, .arena = arena, .owner = getuid(), .rdt = { UNSET_FD, UNSET_FD }, .scope = SYSTEMD_SCOPE_NONE,
                .userns_fd = UNSET_FD, .report_fd = UNSET_FD, .pidfd = UNSET_FD,
                .master_fd = UNSET_FD, .notify_fd = UNSET_FD, .watch_fd = UNSET_FD, .egress_fd = UNSET_FD,
                .deadline_fd = UNSET_FD,
                .net_devices = NETDEVICES_NONE, .plan = arena_new(arena, struct plan),
                .ready = { .report_fd = UNSET_FD, .root_fd = UNSET_FD, .console_fd = UNSET_FD,
                           .cgroups = { .v2_fd = UNSET_FD }, .mounts = MOUNTS_NONE_READY,
                           .process = { .userns_fd = UNSET_FD, .proc_fd = UNSET_FD, .self_fd = UNSET_FD,
                                        .fifo_fd = UNSET_FD, .listener_fd = UNSET_FD } },
        };
        const struct plan_request plan_request = { request->id, request->bundle, request->is_cgroup_disabled, request->policy,
                                                   request->root, request->config, request->is_run, request->is_systemd_cgroup,
                                                   request->no_pivot, request->no_new_keyring };
        struct error ignored;
        int r;

        if (work.plan == NULL)
                return error_errno(err, ENOMEM, "plan");
        for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS; kind++)
                work.ready.namespaces.fds[kind] = UNSET_FD;
        r = state_check_id(request->id, err);
        if (r == 0 && geteuid() != 0) {
                /* One pipeline, one step before it: from here on this process is root of the caller's ids. */
                work.is_nested = true;
                r = userns_enter_rootless(err);
                if (r == 0 && unshare(CLONE_NEWNS) < 0)
                        r = error_errno(err, errno, "make a mount namespace");
        }
        if (r == 0)
                r = plan_make(&plan_request, arena, work.plan, err);
        if (r < 0 && work.plan->policy.audit.path != NULL)
                r = audit_judged(&work.plan->policy, "create", request->id, &work.plan->findings, r, err);
        if (r < 0)
                trace_findings(&work.plan->findings);
        if (r == 0)
                r = state_create(request->root, request->id, &work.dir, err);
        if (r < 0) {
                work_close(&work);
                return r;
        }
        trace_plan(work.plan);
        r = create(&work, err);
        if (r < 0) {
                log_debug("undoing the creation of %s", request->id);
                /* Nothing may stay: buildah calls no delete after a failed create. Devices first: those that are no
                 * hardware end with the network namespace. */
                if (netdevices_undo(&work.net_devices, &ignored) < 0)
                        log_warning("undo the creation of %s: %s", request->id, ignored.text);
                if (work.pid > 0) {
                        sys_pidfd_send_signal(work.pidfd, SIGKILL);
                        auto_close_cleanup(&work.report_fd);
                        waitid(P_PIDFD, (id_t)work.pidfd, &(siginfo_t){ 0 }, WEXITED);
                        if (!text_is_empty(request->pid_file))
                                unlink(request->pid_file);
                }
                work_close(&work);
                auto_close_cleanup(&work.master_fd);
                auto_close_cleanup(&work.notify_fd);
                auto_close_cleanup(&work.egress_fd);
                auto_close_cleanup(&work.deadline_fd);
                auto_close_cleanup(&work.pidfd);
                if (delete_undo(&work.dir, &work.state, NULL, &ignored) < 0)
                        log_warning("undo the creation of %s: %s", request->id, ignored.text);
                state_dir_close(&work.dir);
                return r;
        }
        work_close(&work);
        *ret_launched = (struct launched){ work.pid, work.pidfd, work.master_fd, work.notify_fd, work.egress_generation, work.egress_fd, work.deadline_fd,
                                           work.state, work.dir, work.plan };
        return 0;
}
