/* Follows init by its messages, and does for it what only the host can: hooks, egress rules that somebody else left,
 * network devices. */
#include "runtime/launch_work.h"

#include <errno.h>

#include "hooks/hooks.h"
#include "runtime/audit.h"
#include "runtime/base/auto.h"
#include "runtime/base/text.h"
#include "runtime/egress_control.h"
#include "runtime/launch_child.h"
#include "runtime/listener.h"

static int run_hooks(struct launch_work *work, enum spec_hook_kind kind, enum state_status status, struct error *err)
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

static int take_egress(struct launch_work *work, int fd, uint64_t netns, struct error *err)
{
        const struct plan *plan = work->plan;
        bool is_joined;
        int r = egress_take_over(fd, &plan->sandbox.egress, netns, work->pid, &work->ready.egress, &is_joined, err);

        if (r == 0 && is_joined)
                r = egress_keep(&work->dir, &work->ready.egress, err);
        return r < 0 && err->rule != NULL ? audit_judged(&plan->policy, "create", plan->id, &plan->findings, r, err) :
                                            r;
}

/* Follows init up to CHILD_READY. */
int launch_follow(struct launch_work *work, struct error *err)
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
                        return launch_explain_silence(work, err);
                switch ((enum child_message_kind)message.kind) {
                case CHILD_FAILED:
                        launch_explain(work, &message, err);
                        r = error_context(err, "unable to start container process");
                        return err->rule == NULL ? r : audit_judged(&work->plan->policy, "create", work->plan->id,
                                                                    &work->plan->findings, r, err);
                case CHILD_NAMESPACES_READY:
                        r = run_hooks(work, SPEC_HOOK_PRESTART, STATE_CREATING, err);
                        if (r == 0)
                                r = run_hooks(work, SPEC_HOOK_CREATE_RUNTIME, STATE_CREATING, err);
                        if (r < 0)
                                return error_context(err,
                                                     "unable to start container process: error during container init");
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

/* The pipe ends when the program has been executed. */
int launch_follow_to_exec(struct launch_work *work, struct error *err)
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
                        launch_explain(work, &message, err);
                        return error_context(err, "unable to start container process");
                }
                r = listener_answer(&service, work->report_fd, &message, fd, err);
                if (r < 0)
                        return r;
        }
}
