/* create and run, from the parent's side. The order:
 *
 *   plan, state folder, state record, range of ids, user namespace, rootfs tree, mounts, devices, filters, egress
 *   batch, terminal, hooks' files, fifo, cgroup   (all prepared while nothing runs)
 *   clone3 of init into everything
 *   prestart and createRuntime hooks, while init waits
 *   the record with init's pid, the pid file, and only then init may go on
 *
 * What is prepared is in launch_prepare.c, the record in launch_record.c, the talk with init in launch_follow.c, and
 * what went wrong in it in launch_explain.c. Killed at any point, init ends by itself (its report pipe ends) and
 * `delete --force` finds the rest by the record. */
#include "runtime/launch_work.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hooks/hooks.h"
#include "policies/landlock.h"
#include "runtime/audit.h"
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

static void work_close(struct launch_work *work)
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

/* systemd says where the cgroup is; the record has named the unit before. */
static int begin_scope(struct launch_work *work, struct error *err)
{
        int r = scope_begin(work->plan, work->arena, &work->scope, err);

        /* Nothing was started, so there is nothing to stop. */
        if (r < 0 && work->scope.pid == 0)
                work->state.systemd_unit = NULL;
        if (r < 0)
                return r;
        work->state.cgroups = work->plan->cgroups.paths;
        work->state.n_cgroups = work->plan->cgroups.n_paths;
        return launch_record(work, err);
}

static int take_ids(struct launch_work *work, struct error *err)
{
        struct plan *plan = work->plan;
        struct lease lease = { 0, 0 };
        struct stat st;
        int r;

        if (plan->sandbox.ids == SANDBOX_IDS_LEASE) {
                r = leases_take(work->dir.root, plan->id, plan->sandbox.ids_user, plan->sandbox.ids_size,
                                plan->sandbox.group_key,
                                plan->namespaces.is_host_net ? 0 : plan->host.namespaces[SPEC_NS_NET].inode, &lease,
                                err);
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

static int clone_init(struct launch_work *work, struct error *err)
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

static int note_network(struct launch_work *work, struct error *err)
{
        if (work->plan->sandbox.ids != SANDBOX_IDS_LEASE)
                return 0;
        return leases_set_group(work->dir.root, work->plan->id, work->plan->sandbox.group_key, work->state.netns_inode,
                                err);
}

/* What a service manager gives to us and means for the program: sd_listen_fds(3), sd_notify(3). */
static int pass_service_manager(struct launch_work *work, struct error *err)
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
static void record_scope(struct launch_work *work)
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

/* Before its program runs, which could end, and its network namespace with it, before anybody looks. Init has sent
 * them, but where it found a table there. */
static void open_counters(struct launch_work *work)
{
        struct error why = { 0 };

        if (work->ready.wants_egress_end && work->egress_fd < 0 &&
            egress_open(&work->dir, &work->state, &work->egress_fd, &why) < 0)
                log_warning("%s", why.text);
}

static int record_creation(struct launch_work *work, struct error *err)
{
        const struct plan *plan = work->plan;
        int r = audit_write(&plan->policy,
                            &(struct audit_record){ .event = "create",
                                                    .id = plan->id,
                                                    .findings = &plan->findings,
                                                    .state = &work->state,
                                                    .plan = plan },
                            err);

        /* What was never made has no end to be told of. */
        if (r < 0)
                work->state.audit_path = NULL;
        return r;
}

/* A namespace of its own has loopback alone. Where nobody has a way to give it an interface before its end, by a hook or by init's
 * number, whatever it tries fails for want of a route, before the rules see it. */
static bool may_get_network(const struct launch_work *work)
{
        const struct plan *plan = work->plan;
        const struct launch_request *request = work->request;

        for (enum spec_hook_kind kind = 0; kind < SPEC_HOOK_KINDS; kind++)
                if (plan->spec->hooks[kind].n > 0)
                        return true;
        return !request->is_run || request->is_detached || request->is_kept || !plan->namespaces.has_new_net || plan->spec->linux_.n_net_devices > 0 ||
               !text_is_empty(request->pid_file) || !text_is_empty(request->pidfd_socket);
}

/* What nothing comes to is not counted for the audit log: that costs as much as all its records. The rules are those of a policy
 * without a log. A list is counted, whose rules are made anyway, and so is what a statement is made about. */
static void leave_uncounted(struct launch_work *work)
{
        struct sandbox_egress *egress = &work->plan->sandbox.egress;

        if (!egress->is_counted || egress->has_list || work->plan->policy.profile.evidence.folder != NULL || may_get_network(work))
                return;
        egress->is_counted = false;
        if (!egress->is_ingress_open)
                egress->digest = 0;
}

/* What init does not wait for, while it builds its namespaces and mounts on another processor. A failure ends it. */
static int prepare_beside(struct launch_work *work, bool is_recorded, struct error *err)
{
        const struct cgroups_plan *cgroups = &work->plan->cgroups;
        int r = is_recorded ? record_creation(work, err) : 0;

        if (r == 0 && work->state.has_egress_rules)
                r = egress_keep(&work->dir, &work->ready.egress, err);
        if (r == 0 && work->state.is_egress_counted && !cgroups->is_disabled && !work->ready.cgroups.was_there && may_get_network(work))
                egress_who_attach(&work->dir, cgroups->paths, cgroups->n_paths);
        return r;
}

/* While the placeholder is in the scope, so that it is never empty. Nobody asked for the container to fail for it. */
static void keep_usage(struct launch_work *work)
{
        struct systemd_scope *scope = work->ready.cgroups.is_moved_in ? &work->scope : NULL;
        struct error why = { 0 };

        if (!keeper_is_wanted(&work->state, &work->plan->spec->linux_.resources))
                return;
        work->state.is_usage_kept = keeper_start(&work->dir, &work->state, work->pidfd, scope, &why) == 0;
        if (!work->state.is_usage_kept)
                log_warning("what %s uses is not recorded: %s", work->state.id, why.text);
}

static int create(struct launch_work *work, struct error *err)
{
        const struct launch_request *request = work->request;
        struct plan *plan = work->plan;
        struct launch_ready *ready = &work->ready;
        bool is_recorded_first;
        int r;

        leave_uncounted(work);
        r = launch_record_begin(work, err);
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
                r = launch_prepare(work, err);
        if (r == 0)
                r = namespaces_prepare(&plan->namespaces, &ready->namespaces, err);
        if (r < 0)
                return r;
        ready->has_hooks_to_wait_for =
                plan->spec->hooks[SPEC_HOOK_PRESTART].n + plan->spec->hooks[SPEC_HOOK_CREATE_RUNTIME].n > 0;
        ready->has_net_devices = plan->spec->linux_.n_net_devices > 0;
        ready->dies_with_parent = request->is_run && !request->is_detached;
        ready->wants_egress_end = ready->dies_with_parent && work->state.egress_version != 0 &&
                                  (work->state.is_egress_counted || work->state.audit_path != NULL);
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
        r = launch_follow(work, err);
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
                r = launch_record(work, err);
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
        log_debug("%s is recorded%s%s; init may go on", work->state.id,
                  text_is_empty(request->pid_file) ? "" : ", its pid in ",
                  text_is_empty(request->pid_file) ? "" : request->pid_file);
        child_say(work->report_fd, CHILD_GO, 0);
        return request->is_run ? launch_follow_to_exec(work, err) : 0;
}

int launch_create(const struct launch_request *request, struct arena *arena, struct launched *ret_launched,
                  struct error *err)
{
        struct launch_work work = {
                .request = request,
                .arena = arena,
                .owner = getuid(),
                .rdt = { UNSET_FD, UNSET_FD },
                .scope = SYSTEMD_SCOPE_NONE,
                .userns_fd = UNSET_FD,
                .report_fd = UNSET_FD,
                .pidfd = UNSET_FD,
                .master_fd = UNSET_FD,
                .notify_fd = UNSET_FD,
                .watch_fd = UNSET_FD,
                .egress_fd = UNSET_FD,
                .deadline_fd = UNSET_FD,
                .net_devices = NETDEVICES_NONE,
                .plan = arena_new(arena, struct plan),
                .ready = { .report_fd = UNSET_FD,
                           .root_fd = UNSET_FD,
                           .console_fd = UNSET_FD,
                           .cgroups = { .v2_fd = UNSET_FD },
                           .mounts = MOUNTS_NONE_READY,
                           .process = { .userns_fd = UNSET_FD,
                                        .proc_fd = UNSET_FD,
                                        .self_fd = UNSET_FD,
                                        .fifo_fd = UNSET_FD,
                                        .listener_fd = UNSET_FD } },
        };
        const struct plan_request plan_request = { request->id,
                                                   request->bundle,
                                                   request->is_cgroup_disabled,
                                                   request->policy,
                                                   request->root,
                                                   request->config,
                                                   request->is_run,
                                                   request->is_systemd_cgroup,
                                                   request->no_pivot,
                                                   request->no_new_keyring };
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
                        r = userns_explain_refusal(errno, "make a mount namespace", err);
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
        *ret_launched = (struct launched){
                work.pid, work.pidfd, work.master_fd, work.notify_fd, work.egress_generation, work.egress_fd,
                work.deadline_fd, work.state, work.dir, work.plan };
        return 0;
}
