/* start, from the outside of a container that create has made: what must still hold, its record, and then the fifo. */
#include "runtime/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "hooks/hooks.h"
#include "runtime/audit.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"
#include "runtime/contain.h"
#include "runtime/deadline.h"
#include "runtime/denials.h"
#include "runtime/egress_control.h"
#include "runtime/host.h"
#include "runtime/launch_private.h"
#include "runtime/listener.h"
#include "runtime/notify.h"

int launch_audit_start(const struct state *state, struct error *err)
{
        return audit_write_state(state, &(struct audit_record){ .event = "start", .namespaces_of = state->init_pid }, err);
}

/* Opens the fifo's other end, which lets init go, and waits until its program has been executed. */
static int let_go(const struct state_dir *dir, const struct state *state, const struct spec_seccomp *seccomp, int pidfd,
                  struct child_message *ret_message, struct error *err)
{
        __attribute__((cleanup(listener_close))) struct listener_service service = {
                .seccomp = seccomp, .state = state, .status = STATE_CREATED, .pid = state->init_pid, .agent_fd = UNSET_FD,
                .watch_fd = UNSET_FD,
        };
        auto_close int channel = UNSET_FD, watch_fd = UNSET_FD;
        struct pollfd polled[3] = { { .events = POLLIN }, { .fd = pidfd, .events = POLLIN }, { .fd = -1, .events = POLLIN } };
        auto_close int fifo = openat(dir->fd, "exec.fifo", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
        ssize_t n;
        int r;

        if (fifo < 0)
                return error_errno(err, errno, "open %s/%s/exec.fifo", dir->root, dir->id);
        polled[0].fd = fifo;
        if (spec_seccomp_notifies(seccomp) || state->is_explained) {
                r = listener_open(dir->fd, &channel, err);
                if (r == 0 && state->is_explained)
                        r = denials_begin(dir->fd, &watch_fd, err);
                if (r < 0)
                        return r;
                service.watch_fd = watch_fd;
                polled[2].fd = channel;
        }
        for (;;) {
                if (poll(polled, 3, -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        return error_errno(err, errno, "wait for container init");
                }
                if (polled[0].revents != 0) {
                        n = read(fifo, ret_message, sizeof *ret_message);
                        if (n == (ssize_t)sizeof *ret_message)
                                return 1;
                        if (n == 0)     /* closed by exec */
                                return 0;
                        if (n < 0 && errno != EAGAIN && errno != EINTR)
                                return error_errno(err, errno, "read %s/%s/exec.fifo", dir->root, dir->id);
                        continue;
                }
                if (polled[2].revents != 0) {
                        auto_close int fd = UNSET_FD;

                        r = child_receive(channel, ret_message, &fd);
                        if (r > 0) {
                                r = listener_answer(&service, channel, ret_message, fd, err);
                                if (r < 0)
                                        return r;
                        } else {
                                polled[2].fd = -1;      /* closed by exec, or by its end */
                        }
                        continue;
                }
                if (polled[1].revents != 0)
                        return error_set(err, ECHILD, "container init of %s ended before it could start", state->id);
        }
}

int launch_poststart(struct arena *arena, const struct spec *spec, const struct state *state, struct error *err)
{
        const struct spec_hook_list *list = &spec->hooks[SPEC_HOOK_POSTSTART];
        auto_buffer struct text_buffer buffer = { 0 };
        auto_close int pidfd = UNSET_FD;
        int *fds = NULL;
        int r;

        if (list->n == 0)
                return 0;
        state_to_oci(state, STATE_RUNNING, true, &buffer);
        if (buffer.is_broken)
                return error_errno(err, ENOMEM, "hooks");
        r = hooks_prepare(arena, list, SPEC_HOOK_POSTSTART, &fds, err);
        /* create has judged what the name led to then. */
        for (size_t i = 0; i < list->n && r == 0; i++)
                if (!host_is_root_only_file(arena, fds[i]))
                        r = error_set(err, EACCES, "hooks.poststart[%zu].path: %s can be written by others than root by "
                                      "now, or lies in another mount namespace; make it root's alone", i,
                                      list->hooks[i].path);
        if (r == 0)
                r = hooks_run(list, SPEC_HOOK_POSTSTART, fds, buffer.text, true, err);
        hooks_close(fds, list->n);
        /* runtime-spec 1.3, runtime.md "Lifecycle": the runtime must stop the container. */
        if (r < 0 && state_open_init(state, &pidfd) == 0)
                sys_pidfd_send_signal(pidfd, SIGKILL);
        return r;
}

/* Another tool of the host's can have flushed the rules since. */
static int check_egress(const struct state_dir *dir, const struct state *state, struct arena *arena, struct error *err)
{
        struct findings findings = { .arena = arena };
        struct error ignored = { 0 };
        struct policy policy;
        int r = egress_check(dir, state, err);

        if (r < 0 && err->rule != NULL && state->policy_digest != NULL && policy_kept(dir, state, arena, &policy, &ignored) == 0)
                r = audit_judged(&policy, "start", state->id, &findings, r, err);
        return r;
}

int launch_start(const char *root, const char *id, struct arena *arena, struct error *err)
{
        auto_state_dir struct state_dir dir = { 0 };
        auto_close int pidfd = UNSET_FD, notify_fd = UNSET_FD;
        auto_free char *config = NULL;
        struct child_message message;
        struct process_plan process;
        struct state state;
        struct spec spec;
        size_t length;
        int r;

        r = state_open(root, id, false, &dir, err);
        if (r == 0)
                r = state_read(&dir, arena, &state, err);
        if (r < 0)
                return r;
        if (state.contained != NULL)
                return contain_refuse(&state, "start", err);
        deadline_check(&dir, &state);
        switch (state_status(&state)) {
        case STATE_CREATED:
                break;
        case STATE_RUNNING:
        case STATE_PAUSED:
                return error_set(err, EEXIST, "cannot start an already running container");
        case STATE_STOPPED:
                return error_set(err, ESRCH, "cannot start a container that has stopped");
        case STATE_CREATING:
                return error_set(err, EBUSY, "cannot start a container that is being created");
        }
        r = state_open_init(&state, &pidfd);
        if (r < 0)
                return error_set(err, ESRCH, "cannot start a container that has stopped");
        /* The copy of create: the bundle's file may have changed since. */
        r = fd_read_file(dir.fd, "config.json", SPEC_CONFIG_LIMIT_BYTES, &config, &length);
        if (r < 0)
                return error_errno(err, r, "read %s/%s/config.json", root, id);
        r = spec_read(arena, config, length, "config.json", &spec, err);
        if (r == 0)
                r = spec_check_program(&spec, "start", err);
        if (r < 0)
                return r;
        if (notify_wanted(NULL) != NULL) {
                r = notify_bind(dir.fd, &notify_fd, err);
                if (r < 0)
                        return r;
        }
        r = check_egress(&dir, &state, arena, err);
        if (r < 0)
                return r;
        r = launch_audit_start(&state, err);
        if (r == 0)
                r = let_go(&dir, &state, &spec.linux_.seccomp, pidfd, &message, err);
        if (r < 0)
                return r;
        log_debug("%s: its program %s", id, r == 0 ? "has been executed" : "could not be executed");
        unlinkat(dir.fd, "exec.fifo", 0);
        if (spec_seccomp_notifies(&spec.linux_.seccomp) || state.is_explained)
                unlinkat(dir.fd, LISTENER_SOCKET, 0);
        state.is_started = true;
        if (r > 0) {
                state_write(&dir, &state, NULL);
                r = process_plan_make(arena, &spec.process, &process, err);
                if (r < 0)
                        return r;
                process.start_hooks = spec.hooks[SPEC_HOOK_START_CONTAINER];
                process_explain(&process, &message, err);
                return error_context(err, "unable to start container process");
        }
        r = state_write(&dir, &state, err);
        if (r == 0)
                r = launch_poststart(arena, &spec, &state, err);
        if (state.is_restacked && restack_refresh(state.rootfs, state.rootfs_device, NULL) < 0)
                log_warning("refresh %s: the engine may see an old view of it", state.rootfs);
        if (r == 0 && notify_fd >= 0) {
                /* Others may exec, kill and delete while the service manager waits for the container with us. */
                state_unlock(&dir);
                r = notify_forward(notify_fd, pidfd, state.init_pid, notify_wanted(NULL), err);
        }
        return r;
}
