#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "runtime/audit.h"
#include "runtime/base/auto.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/cli/create_options.h"
#include "runtime/contain.h"
#include "runtime/deadline.h"
#include "runtime/delete.h"
#include "runtime/ending.h"
#include "runtime/egress_control.h"
#include "runtime/egress_who.h"
#include "runtime/notify.h"
#include "runtime/restack.h"
#include "runtime/terminal.h"

/* Others may have changed the record meanwhile. */
static int keep_note(struct launched *launched, struct error *err)
{
        auto_arena struct arena arena = { 0 };
        struct state state;
        int r = state_lock(&launched->dir, err);

        if (r == -ENOENT)
                return 0;
        if (r == 0)
                r = state_read(&launched->dir, &arena, &state, err);
        if (r < 0)
                return r;
        state.ended_ms = launched->state.ended_ms;
        state.exit_status = launched->state.exit_status;
        r = state_write(&launched->dir, &state, err);
        state_unlock(&launched->dir);
        return r;
}

/* So many destinations are named. */
#define TOLD 8

/* One line of what was refused: whoever reads the build's output looks for the reason there. */
static void tell_refused(const struct egress_attempt *attempts, size_t n)
{
        auto_buffer struct text_buffer line = { 0 };
        size_t n_refused = 0;
        char text[EGRESS_ATTEMPT_TEXT];

        while (n_refused < n && attempts[n_refused].is_refused && !attempts[n_refused].is_rest)
                n_refused++;
        if (n_refused == 0)
                return;
        for (size_t i = 0; i < n_refused && i < TOLD; i++) {
                egress_attempt_text(&attempts[i], text, sizeof text);
                text_addf(&line, "%s%s", i == 0 ? "" : ", ", text);
        }
        if (n_refused > TOLD)
                text_addf(&line, " and %zu more", n_refused - TOLD);
        if (n_refused < n && attempts[n_refused].is_refused)
                text_addf(&line,
                          ", and %" PRIu64 " packets to destinations that are not listed, of which there were too many",
                          attempts[n_refused].packets);
        if (!line.is_broken)
                fprintf(stderr, "runb: egress: refused by the policy: %s\n", line.text);
}

/* Its evidence says what its network counted: delete reads that, where the namespace is kept beyond our socket. */
static bool is_left_to_delete(const struct launched *launched)
{
        auto_close int fd = UNSET_FD;

        return launched->state.has_evidence && egress_open(&launched->dir, &launched->state, &fd, NULL) == 0;
}

/* The socket has kept the network namespace, whose processes have ended. */
static void tell_egress(struct launched *launched, bool is_kept, struct arena *arena, struct egress_told *ret_told)
{
        struct error why = { 0 };
        const struct egress_end end = { launched->egress_fd, UNSET_FD, launched->egress_generation };

        if (end.fd < 0)
                return;
        /* Of one that is kept delete writes the record. */
        if (egress_tell(&end, !is_kept && launched->state.audit_path != NULL, &launched->dir, &launched->state, arena,
                        ret_told, &why) < 0)
                log_warning("%s", why.text);
        tell_refused(ret_told->attempts, ret_told->n);
        /* That is done: not once more when it is deleted. */
        if (!is_kept) {
                egress_who_undo(&launched->dir);
                launched->state.is_egress_counted = false;
        }
}

/* After the program has ended: the container goes too, or stays `stopped` for a later delete (--keep). */
static int finish(const struct create_options *options, struct launched *launched, int status,
                  struct audit_record *egress, struct error *err)
{
        int r;

        /* What we know of the record is older than that. */
        if (contain_is_marked(&launched->dir)) {
                log_warning_to_caller("%s is contained, and is kept", launched->state.id);
                return 0;
        }
        if (launched->state.audit_path != NULL || launched->state.has_evidence)
                ending_note(&launched->state, status);
        if (options->keeps) {
                if (launched->state.audit_path != NULL || launched->state.has_evidence) {
                        r = keep_note(launched, err);
                        if (r < 0)
                                return r;
                }
                if (launched->state.is_restacked)
                        return restack_refresh(launched->state.rootfs, launched->state.rootfs_device, err);
                return 0;
        }
        r = state_lock(&launched->dir, err);
        if (r == -ENOENT)       /* somebody else deleted it meanwhile */
                return 0;
        return r < 0 ? r : delete_undo(&launched->dir, &launched->state, egress, err);
}

/* It goes with the container's end, with one write. One that did not end so is told of all the same. */
static void write_rest(const struct launched *launched, const struct audit_record *egress)
{
        struct error why = { 0 };

        if (egress->event != NULL && audit_write(&launched->plan->policy, egress, &why) < 0)
                log_warning("%s", why.text);
}

/* The service manager waits for us: we are the service's main process, so no MAINPID. */
static bool tell_when_ready(int fd, void *context)
{
        struct error err = { 0 };

        (void)context;
        if (!notify_is_ready(fd))
                return true;
        if (notify_tell(0, notify_wanted(NULL), false, &err) < 0)
                log_warning("NOTIFY_SOCKET: %s", err.text);
        return false;
}

static bool step_deadline(int fd, void *context)
{
        (void)fd;
        deadline_step(context);
        return true;
}

int cmd_run(struct cli *cli, int argc, char **argv)
{
        struct create_options options = { 0 };
        const struct cli_option list[] = {
                CREATE_OPTIONS(&options),
                { "detach", 'd', CLI_FLAG, &options.is_detached, NULL, "return when the program runs" },
                { "keep", 0, CLI_FLAG, &options.keeps, NULL, "do not delete the container when its program has ended" },
        };
        const struct cli_usage usage = {
                .synopsis = "run [options] ID",
                .summary =
                        "Creates a container, executes its program, waits for its end and deletes the container. The "
                        "exit status is the program's, 128 + N when signal N ended it, 137 when its deadline did.",
                .options = list,
                .n_options = sizeof list / sizeof list[0],
                .min_arguments = 1,
                .max_arguments = 1,
        };
        struct launch_request request;
        struct launched launched;
        struct egress_told told = { 0 };
        struct audit_record egress;
        struct deadline_watch watch = { .timer_fd = UNSET_FD };
        struct error err = { 0 };
        char **arguments;
        size_t n;
        int r, status = 0;

        r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);
        if (r > 0)
                return 0;
        if (r == 0)
                r = create_request_fill(cli, &options, arguments[0], true, &request, &err);
        if (r == 0)
                request.is_kept = options.keeps;
        if (r == 0 && !options.is_detached)
                r = terminal_proxy_prepare(&err);
        if (r == 0)
                r = launch_create(&request, cli->arena, &launched, &err);
        if (r < 0) {
                error_context(&err, "runb run failed");
                return cli_fail(&err, 1);
        }
        r = launch_poststart(cli->arena, launched.plan->spec, &launched.state, &err);
        if (r < 0) {
                struct error ignored = { 0 };

                delete_undo(&launched.dir, &launched.state, NULL, &ignored);
                error_context(&err, "runb run failed");
                return cli_fail(&err, 1);
        }
        /* Others may exec, kill and pause while it runs. */
        state_unlock(&launched.dir);
        if (options.is_detached) {
                if (launched.notify_fd >= 0)
                        r = notify_forward(launched.notify_fd, launched.pidfd, launched.pid, notify_wanted(NULL), &err);
                auto_close_cleanup(&launched.deadline_fd);
                state_dir_close(&launched.dir);
                return r < 0 ? cli_fail(&err, 1) : 0;
        }
        if (launched.notify_fd >= 0)
                terminal_proxy_watch(launched.notify_fd, tell_when_ready, NULL);
        if (launched.deadline_fd >= 0) {
                r = deadline_watch_open(&launched.dir, &launched.state, &watch, &err);
                if (r < 0) {
                        struct error ignored = { 0 };

                        if (state_lock(&launched.dir, &ignored) == 0)
                                delete_undo(&launched.dir, &launched.state, NULL, &ignored);
                        return cli_fail(&err, 1);
                }
                terminal_proxy_watch(watch.timer_fd, step_deadline, &watch);
        }
        r = terminal_proxy(launched.master_fd, launched.pidfd, &status, &err);
        auto_close_cleanup(&launched.master_fd);
        auto_close_cleanup(&launched.notify_fd);
        if (launched.deadline_fd >= 0)
                launched.state.is_deadline_over = watch.is_over || deadline_was_reached(&launched.dir);
        if (r == 0 && launched.state.is_deadline_over)
                status = SIGKILL;
        deadline_watch_close(&watch);
        tell_egress(&launched, options.keeps || is_left_to_delete(&launched), cli->arena, &told);
        egress_told_record(&told, &launched.state, &egress);
        if (r == 0)
                r = finish(&options, &launched, status, &egress, &err);
        write_rest(&launched, &egress);
        text_buffer_free(&told.json);
        auto_close_cleanup(&launched.egress_fd);
        auto_close_cleanup(&launched.deadline_fd);
        auto_close_cleanup(&launched.pidfd);
        state_dir_close(&launched.dir);
        if (r < 0)
                return cli_fail(&err, 1);
        if (launched.state.is_deadline_over) {
                error_set(&err, ETIMEDOUT,
                          "container %s was ended at its deadline: limits.wall of profile \"%s\" is %llu s", request.id,
                          launched.state.profile,
                          (unsigned long long)(launched.state.deadline_ms - launched.state.created_ms) / 1000);
                return cli_fail(&err, 128 + SIGKILL);
        }
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
