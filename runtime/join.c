/* exec from the parent's side. The process object, whoever wrote it, goes through the same harden_process() as create's;
 * the pid file appears only when the program has been executed, since conmon takes its absence for a failure. */
#include "runtime/join.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "policies/sandbox.h"
#include "runtime/audit.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"
#include "runtime/contain.h"
#include "runtime/deadline.h"
#include "runtime/egress_control.h"
#include "runtime/evidence.h"
#include "runtime/host.h"
#include "runtime/denials.h"
#include "runtime/inherit.h"
#include "runtime/intelrdt.h"
#include "runtime/join_child.h"
#include "runtime/listener.h"
#include "runtime/lsm.h"
#include "runtime/restack.h"
#include "runtime/scope.h"
#include "runtime/seccomp.h"
#include "runtime/state.h"
#include "runtime/terminal.h"
#include "runtime/trace.h"
#include "runtime/userns.h"

/* How long a process may take from its clone to its program. */
#define START_LIMIT_MS 30000

static int read_config(struct arena *arena, const struct state_dir *dir, struct spec *ret_spec, struct error *err)
{
        auto_free char *text = NULL;
        size_t length;
        int r = fd_read_file(dir->fd, "config.json", SPEC_CONFIG_LIMIT_BYTES, &text, &length);

        if (r < 0)
                return error_errno(err, r, "read %s/%s/config.json", dir->root, dir->id);
        return spec_read(arena, text, length, "config.json", ret_spec, err);
}

/* "UID" or "UID:GID", decimal and within 32 bits: 4294967296 must not become 0. */
static int parse_user(struct arena *arena, const char *text, struct spec_user *user, struct error *err)
{
        char *copy = arena_string(arena, text), *colon;

        if (copy == NULL)
                return error_errno(err, ENOMEM, "--user");
        colon = strchr(copy, ':');
        if (colon != NULL) {
                *colon = '\0';
                if (text_to_u32(colon + 1, &user->gid) < 0 || user->gid == UINT32_MAX)
                        return error_set(err, EINVAL, "--user %s: \"%s\" is no group id", text, colon + 1);
        }
        if (text_to_u32(copy, &user->uid) < 0 || user->uid == UINT32_MAX)
                return error_set(err, EINVAL, "--user %s: \"%s\" is no user id", text, copy);
        return 0;
}

static int add_groups(struct arena *arena, const struct join_request *request, struct spec_user *user, struct error *err)
{
        uint32_t *groups = arena_array(arena, user->n_groups + request->n_groups, sizeof *groups);

        if (groups == NULL)
                return error_errno(err, ENOMEM, "--additional-gids");
        if (user->n_groups > 0)
                memcpy(groups, user->groups, user->n_groups * sizeof *groups);
        for (size_t i = 0; i < request->n_groups; i++)
                if (text_to_u32(request->groups[i], &groups[user->n_groups + i]) < 0)
                        return error_set(err, EINVAL, "--additional-gids %s: no group id", request->groups[i]);
        user->groups = groups;
        user->n_groups += request->n_groups;
        return 0;
}

/* Of a name given twice the last value counts, at the place of the first, as in config.json's own list. */
static int set_env(struct spec_process *process, char **env, const char *entry, struct error *err)
{
        size_t length = strcspn(entry, "="), i;

        /* Never the value: it can be a secret. */
        if (entry[length] == '\0')
                return error_set(err, EINVAL, "--env: invalid environment variable: missing '='");
        if (length == 0)
                return error_set(err, EINVAL, "--env: invalid environment variable: the name is empty");
        for (i = 0; i < process->n_env && strncmp(env[i], entry, length + 1) != 0; i++)
                ;
        env[i] = (char *)(uintptr_t)entry;
        if (i == process->n_env)
                process->n_env++;
        return 0;
}

/* The process of config.json with what the command line says otherwise. */
static int build_process(struct arena *arena, const struct join_request *request, const struct spec *spec,
                         struct spec_process *ret_process, struct error *err)
{
        struct spec_process process = spec->process;
        char **env;
        int r;

        process.args = request->args;
        process.n_args = request->n_args;
        process.is_terminal = request->is_tty;
        process.has_console_size = false;
        if (!text_is_empty(request->cwd)) {
                if (request->cwd[0] != '/')
                        return error_set(err, EINVAL, "--cwd %s: must be an absolute path", request->cwd);
                process.cwd = request->cwd;
        }
        if (request->n_env > 0) {
                env = arena_array(arena, process.n_env + request->n_env + 1, sizeof *env);
                if (env == NULL)
                        return error_errno(err, ENOMEM, "--env");
                for (size_t i = 0; i < process.n_env; i++)
                        env[i] = process.env[i];
                for (size_t i = 0; i < request->n_env; i++) {
                        r = set_env(&process, env, request->env[i], err);
                        if (r < 0)
                                return r;
                }
                process.env = env;
        }
        for (size_t i = 0; i < request->n_caps; i++) {
                int cap = spec_cap_number(request->caps[i]);

                if (cap < 0)
                        return error_set(err, EINVAL, "--cap %s: no such capability", request->caps[i]);
                process.caps.bounding |= UINT64_C(1) << cap;
                process.caps.effective |= UINT64_C(1) << cap;
                process.caps.permitted |= UINT64_C(1) << cap;
        }
        if (request->no_new_privileges)
                process.no_new_privileges = true;
        if (request->apparmor != NULL)
                process.apparmor_profile = request->apparmor;
        if (request->selinux_label != NULL)
                process.selinux_label = request->selinux_label;
        if (request->user != NULL) {
                r = parse_user(arena, request->user, &process.user, err);
                if (r < 0)
                        return r;
        }
        r = request->n_groups > 0 ? add_groups(arena, request, &process.user, err) : 0;
        if (r < 0)
                return r;
        *ret_process = process;
        return 0;
}

static int read_process(struct arena *arena, const struct join_request *request, struct spec_process *ret_process,
                        struct error *err)
{
        auto_free char *text = NULL;
        size_t length;
        int r = fd_read_file(AT_FDCWD, request->process_file, SPEC_CONFIG_LIMIT_BYTES, &text, &length);

        if (r < 0)
                return error_errno(err, r, "--process %s: open", request->process_file);
        r = spec_read_process(arena, text, length, request->process_file, ret_process, err);
        if (r < 0)
                return r;
        /* conmon 2.1.6 sends --tty beside --process. */
        if (request->has_tty && request->is_tty)
                ret_process->is_terminal = true;
        return 0;
}

struct work {
        struct join_ready ready;
        struct process_plan plan;
        struct spec_process process;
        struct listener_service listener;
        int watch_fd;                   /* denials.h */
        const struct spec_linux *container;     /* zeros where nothing of it was needed */
        struct intelrdt_ready rdt;
        struct systemd_scope scope;
        int report_fd, pidfd, master_fd;
        pid_t pid;
};

static void work_close(struct work *work)
{
        auto_close_cleanup(&work->report_fd);
        auto_close_cleanup(&work->ready.report_fd);
        auto_close_cleanup(&work->ready.init_pidfd);
        auto_close_cleanup(&work->ready.console_fd);
        auto_close_cleanup(&work->ready.process.userns_fd);
        auto_close_cleanup(&work->ready.process.self_fd);
        listener_close(&work->listener);
        auto_close_cleanup(&work->watch_fd);
        cgroups_ready_close(&work->ready.cgroups);
        intelrdt_ready_close(&work->rdt);
        systemd_scope_close(&work->scope);
        seccomp_filter_free(&work->ready.process.filters[0]);
        seccomp_filter_free(&work->ready.process.filters[1]);
}

/* Everything but the user namespace, which comes last, and the pid namespace, which counts for children only. */
static int find_namespaces(const struct state *state, struct join_ready *ready, struct error *err)
{
        static const struct { const char *name; int flag; } all[] = {
                { "mnt", CLONE_NEWNS }, { "net", CLONE_NEWNET }, { "ipc", CLONE_NEWIPC }, { "uts", CLONE_NEWUTS },
                { "cgroup", CLONE_NEWCGROUP }, { "time", CLONE_NEWTIME }, { "pid", CLONE_NEWPID },
        };
        char theirs[64], ours[64];
        struct stat a, b;
        int flags = 0;

        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
                snprintf(theirs, sizeof theirs, "/proc/%d/ns/%s", state->init_pid, all[i].name);
                snprintf(ours, sizeof ours, "/proc/self/ns/%s", all[i].name);
                if (stat(theirs, &a) < 0 || stat(ours, &b) < 0) {
                        if (errno == ENOENT && all[i].flag == CLONE_NEWTIME)    /* a kernel without time namespaces */
                                continue;
                        return error_errno(err, errno, "stat %s", theirs);
                }
                if (a.st_dev != b.st_dev || a.st_ino != b.st_ino)
                        flags |= all[i].flag;
        }
        ready->is_host_pid = (flags & CLONE_NEWPID) == 0;
        ready->namespaces = flags & ~CLONE_NEWPID;
        return 0;
}

static int prepare_shares(struct work *work, const struct state *state, struct error *err)
{
        struct intelrdt_root root;
        int r;

        if (state->rdt_group == NULL)
                return 0;
        r = intelrdt_root_open(state->rdt_root, &root, err);
        if (r < 0)
                return r;
        r = intelrdt_open(&root, state->rdt_group, state->is_rdt_monitored ? state->id : NULL, &work->rdt, err);
        close(root.fd);
        return r;
}

/* Before we join the pid namespace: the helper that asks is born in ours. */
static int prepare_move(struct work *work, const struct join_request *request, const struct state *state, struct error *err)
{
        if (state->systemd_unit == NULL || state->systemd_bus == NULL ||
            !scope_has_to_move(state->systemd_bus, state->cgroups, state->n_cgroups, state->is_cgroup2, &work->ready.cgroups))
                return 0;
        if (request->n_cgroups > 0)
                return error_set(err, EACCES, "--cgroup %s: cannot be joined from a cgroup that is not the user's own (start the caller "
                                 "by systemd-run --user --scope)", request->cgroups[0]);
        return systemd_attach_begin(state->systemd_bus, state->systemd_unit, &work->scope, err);
}

static int prepare(struct work *work, const struct join_request *request, struct arena *arena, const struct state_dir *dir,
                   const struct state *state, struct error *err)
{
        struct join_ready *ready = &work->ready;
        struct process_ready *process = &ready->process;
        int64_t uid, gid;
        char path[64];
        int r;

        r = state_open_init(state, &ready->init_pidfd);
        if (r < 0)
                return error_set(err, ESRCH, "cannot exec in a stopped container");
        snprintf(path, sizeof path, "/proc/%d/ns/user", state->init_pid);
        process->userns_fd = open(path, O_RDONLY | O_CLOEXEC);
        if (process->userns_fd < 0)
                return error_errno(err, errno, "open %s", path);
        r = userns_find_outer(&process->userns_fd, state->userns_inode, err);
        if (r < 0)
                return r;
        if (state->is_userns_nested) {
                r = userns_enter_parent_of(process->userns_fd, err);
                /* Mounting our private procfs asks for power over the mount namespace that we are in. */
                if (r == 0 && unshare(CLONE_NEWNS) < 0)
                        r = userns_explain_refusal(errno, "make a mount namespace", err);
                if (r < 0)
                        return r;
        }
        r = find_namespaces(state, ready, err);
        if (r < 0)
                return r;
        r = process_plan_make(arena, &work->process, &work->plan, err);
        if (r < 0)
                return r;
        r = lsm_plan(arena, &work->process, &work->plan, err);
        if (r < 0)
                return r;
        uid = userns_map_id(state->uid_map, state->n_uid_map, work->process.user.uid);
        gid = userns_map_id(state->gid_map, state->n_gid_map, work->process.user.gid);
        if (uid < 0)
                return error_set(err, EINVAL, "process.user.uid: %u is not mapped in the container", work->process.user.uid);
        if (gid < 0)
                return error_set(err, EINVAL, "process.user.gid: %u is not mapped in the container", work->process.user.gid);
        work->plan.stdio_uid = (uint32_t)uid;
        work->plan.stdio_gid = (uint32_t)gid;
        work->plan.can_set_groups = userns_can_setgroups();
        work->plan.is_abstract_scoped = state->is_abstract_scoped;
        work->plan.tcp_ports = state->tcp_ports;
        work->plan.has_personality = work->container->has_personality;
        work->plan.personality = work->container->personality;
        r = process_plan_memory_policy(&work->plan, &state->memory_policy, err);
        if (r == 0)
                r = process_plan_affinity(arena, &work->plan, err);
        if (r < 0)
                return r;
        r = terminal_prepare(work->process.is_terminal, request->is_detached, request->console_socket, &ready->console_fd,
                             err);
        if (r < 0)
                return r;
        if (state->n_cgroups == 0 && request->n_cgroups > 0)
                return error_set(err, ENODEV, "--cgroup %s: the container has no cgroup", request->cgroups[0]);
        if (state->n_cgroups > 0) {
                r = cgroups_open(state->cgroups, state->n_cgroups, state->is_cgroup2, request->cgroups, request->n_cgroups,
                                 &ready->cgroups, err);
                if (r == 0)
                        r = prepare_move(work, request, state, err);
                if (r < 0)
                        return r;
        }
        r = prepare_shares(work, state, err);
        if (r < 0)
                return r;
        r = seccomp_filter_restore(dir->fd, "seccomp-policy.bpf", &process->filters[0], err);
        if (r < 0)
                return r;
        /* Absent where the engine asked for none. */
        r = seccomp_filter_restore(dir->fd, "seccomp-engine.bpf", &process->filters[1], err);
        if (r < 0 && r != -ENOENT)
                return r;
        if (listener_is_wanted(&process->filters[1])) {
                struct spec *spec = arena_new(arena, struct spec);

                r = spec == NULL ? error_errno(err, ENOMEM, "exec") : read_config(arena, dir, spec, err);
                if (r < 0)
                        return r;
                work->listener = (struct listener_service){ .seccomp = &spec->linux_.seccomp, .state = state,
                                                            .status = state_status(state), .agent_fd = UNSET_FD,
                                                            .watch_fd = UNSET_FD };
        }
        /* Before we join the pid namespace, in which it must not be born. */
        if (state->is_explained) {
                r = denials_begin(dir->fd, &work->watch_fd, err);
                if (r < 0)
                        return r;
                work->listener.watch_fd = work->watch_fd;
        }
        process->self_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
        if (process->self_fd < 0)
                return error_errno(err, errno, "open /proc/self/exe");
        /* Our child is born in the container's pid namespace, where container root could see it. */
        if (state->is_userns_nested == false && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return error_errno(err, errno, "prctl(PR_SET_DUMPABLE)");
        if (!ready->is_host_pid && setns(ready->init_pidfd, CLONE_NEWPID) < 0)
                return error_errno(err, errno, "join the pid namespace of %s", state->id);
        return 0;
}

static int64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Container root has the uid of the process that enters, and may stop it by a signal before it executes its program. */
static int wait_for_message(const struct work *work, int64_t deadline_ms, struct error *err)
{
        struct pollfd polled = { .fd = work->report_fd, .events = POLLIN };
        int64_t left_ms;
        int n;

        do {
                left_ms = deadline_ms < 0 ? -1 : deadline_ms - now_ms();
                n = poll(&polled, 1, deadline_ms >= 0 && left_ms < 0 ? 0 : (int)left_ms);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_errno(err, errno, "wait for the process");
        return n > 0 ? 0 : error_set(err, ETIMEDOUT, "the process did not execute its program within %d s (was it stopped?)",
                                     START_LIMIT_MS / 1000);
}

static int follow(struct work *work, const struct join_request *request, struct error *err)
{
        /* In a paused container it may wait as long as the pause lasts. */
        const int64_t deadline_ms = request->is_paused_ignored ? -1 : now_ms() + START_LIMIT_MS;
        struct child_message message;
        bool is_going = false;
        char text[16];
        int fd, r;

        for (;;) {
                fd = UNSET_FD;
                r = wait_for_message(work, deadline_ms, err);
                if (r < 0)
                        return r;
                r = child_receive(work->report_fd, &message, &fd);
                if (r < 0)
                        return error_errno(err, r, "read from the process");
                if (r == 0 && is_going)
                        break;
                if (r == 0)
                        return error_set(err, ECHILD, "the process ended before it could execute its program");
                switch ((enum child_message_kind)message.kind) {
                case CHILD_FAILED:
                        if (message.step == STEP_NS_JOIN)
                                return error_errno(err, message.error, "join the namespaces of the container");
                        process_explain(&work->plan, &message, err);
                        return error_context(err, "unable to start container process");
                case CHILD_MASTER:
                        auto_close_cleanup(&work->master_fd);
                        work->master_fd = fd;
                        break;
                case CHILD_READY:
                        if (!text_is_empty(request->pidfd_socket)) {
                                r = fd_send_to_path(request->pidfd_socket, work->pidfd, err);
                                if (r < 0)
                                        return error_context(err, "--pidfd-socket");
                        }
                        child_say(work->report_fd, CHILD_GO, 0);
                        is_going = true;
                        break;
                case CHILD_LISTENER_NEXT:
                case CHILD_LISTENER:
                        work->listener.pid = work->pid;
                        r = listener_answer(&work->listener, work->report_fd, &message, fd, err);
                        auto_close_cleanup(&fd);
                        if (r < 0)
                                return r;
                        break;
                case CHILD_NAMESPACES_READY:
                case CHILD_SCOPED:
                case CHILD_EGRESS:
                case CHILD_COUNTERS:
                case CHILD_NETNS:
                case CHILD_ROUTE:
                case CHILD_GO:
                        return error_set(err, EPROTO, "the process sent an unexpected message");
                }
        }
        log_debug("process %d has executed %s as %u:%u", work->pid, work->process.args[0], work->process.user.uid,
                  work->process.user.gid);
        if (text_is_empty(request->pid_file))
                return 0;
        r = fd_replace_file(AT_FDCWD, request->pid_file, text, (size_t)snprintf(text, sizeof text, "%d", work->pid), 0644);
        return r < 0 ? error_errno(err, r, "--pid-file %s", request->pid_file) : 0;
}

static int run(struct work *work, const struct join_request *request, struct error *err)
{
        struct clone_args args = { .flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&work->pidfd, .exit_signal = SIGCHLD };
        int pair[2], r;

        r = process_set_initial_affinity(&work->plan, err);
        if (r < 0)
                return r;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return error_errno(err, errno, "make a socket pair");
        work->report_fd = pair[0];
        work->ready.report_fd = work->ready.process.report_fd = pair[1];
        if (work->ready.cgroups.v2_fd >= 0) {
                args.flags |= CLONE_INTO_CGROUP;
                args.cgroup = (uint64_t)(unsigned)work->ready.cgroups.v2_fd;
        }
        work->pid = sys_clone3(&args);
        if (work->pid < 0)
                return error_errno(err, errno, "clone the process");
        if (work->pid == 0) {
                close(work->report_fd);
                join_child(&work->plan, &work->ready);
        }
        auto_close_cleanup(&work->ready.report_fd);
        r = intelrdt_join(&work->rdt, work->pid, err);
        if (r == 0 && work->ready.cgroups.is_moved_in) {
                r = systemd_attach(&work->scope, work->pid, "", err);
                if (r == 0)
                        child_say(work->report_fd, CHILD_GO, 0);
        }
        if (r == 0)
                r = follow(work, request, err);
        if (r < 0) {
                sys_pidfd_send_signal(work->pidfd, SIGKILL);
                waitid(P_PIDFD, (id_t)work->pidfd, &(siginfo_t){ 0 }, WEXITED);
                auto_close_cleanup(&work->pidfd);
                auto_close_cleanup(&work->master_fd);
        }
        return r;
}

int join_exec(const struct join_request *request, struct arena *arena, struct joined *ret_joined, struct error *err)
{
        struct work work = {
                .rdt = { UNSET_FD, UNSET_FD }, .scope = SYSTEMD_SCOPE_NONE, .report_fd = UNSET_FD, .pidfd = UNSET_FD,
                .master_fd = UNSET_FD, .listener = { .agent_fd = UNSET_FD, .watch_fd = UNSET_FD }, .watch_fd = UNSET_FD,
                .ready = { .report_fd = UNSET_FD, .init_pidfd = UNSET_FD, .console_fd = UNSET_FD,
                           .dies_with_parent = !request->is_detached,
                           .cgroups = { .v2_fd = UNSET_FD },
                           .process = { .userns_fd = UNSET_FD, .proc_fd = UNSET_FD, .self_fd = UNSET_FD,
                                        .fifo_fd = UNSET_FD, .listener_fd = UNSET_FD, .preserve_fds = request->preserve_fds } },
        };
        auto_state_dir struct state_dir dir = { 0 };
        struct findings findings = { .arena = arena };
        struct policy policy;
        struct spec_process asked;
        struct host host = { 0 };
        struct state state;
        struct spec spec = { 0 };
        uint32_t missing = 0;
        int r;

        r = process_check_dumpable(err);
        if (r == 0)
                r = state_open(request->root, request->id, true, &dir, err);
        if (r == 0)
                r = state_read(&dir, arena, &state, err);
        if (r < 0)
                return r;
        if (state.contained != NULL)
                return contain_refuse(&state, "exec in", err);
        deadline_check(&dir, &state);
        switch (state_status(&state)) {
        case STATE_STOPPED:
                return error_set(err, ESRCH, "cannot exec in a stopped container");
        case STATE_CREATING:
                return error_set(err, EBUSY, "cannot exec in a container that is being created");
        case STATE_PAUSED:
                if (!request->is_paused_ignored)
                        return error_set(err, EBUSY, "cannot exec in a paused container (use --ignore-paused to override)");
                break;
        case STATE_CREATED:
        case STATE_RUNNING:
                break;
        }
        if (request->process_file != NULL) {
                r = read_process(arena, request, &asked, err);
                missing = r == 0 ? inherit_missing(state.exec_inherits, &asked) : 0;
        }
        if (r == 0 && (request->process_file == NULL || missing != 0))
                r = read_config(arena, &dir, &spec, err);
        if (r == 0 && request->process_file == NULL)
                r = build_process(arena, request, &spec, &asked, err);
        else if (r == 0 && missing != 0)
                inherit_fill(&spec, missing, &asked);
        if (r < 0)
                return r;
        if (asked.n_args == 0)
                return error_set(err, EINVAL, "process.args: nothing to execute");
        if (text_is_empty(asked.apparmor_profile))
                asked.apparmor_profile = state.apparmor_profile;
        if (text_is_empty(asked.selinux_label))
                asked.selinux_label = state.selinux_label;
        r = host_gather_caller(arena, &host, err);
        if (r == 0)
                r = policy_for_container(&request->policy, &dir, &state, arena, &policy, err);
        if (r < 0)
                return r;
        host_gather_rlimits(&policy, &host);
        r = harden_process(&asked, &policy, &host, arena, &work.process, &findings, err);
        if (r == 0)
                r = egress_check(&dir, &state, err);
        r = audit_judged_record(&policy, &(struct audit_record){ .event = "exec", .id = request->id, .findings = &findings,
                                                                 .state = &state, .process = r == 0 ? &work.process : NULL }, r, err);
        work.container = &spec.linux_;
        trace_findings(&findings);
        if (r == 0)
                r = evidence_note_exec(&dir, &state, &work.process, err);
        if (r == 0)
                r = prepare(&work, request, arena, &dir, &state, err);
        if (r == 0)
                r = run(&work, request, err);
        work_close(&work);
        if (r < 0)
                return r;
        if (state.is_restacked && restack_refresh(state.rootfs, state.rootfs_device, NULL) < 0)
                log_warning("refresh %s: the engine may see an old view of it", state.rootfs);
        *ret_joined = (struct joined){ work.pid, work.pidfd, work.master_fd, state.is_restacked, state.rootfs,
                                       state.rootfs_device };
        return 0;
}
