/* `runb kill`. The texts of its errors are what containerd and CRI-O tell an ended container from a broken runtime
 * by. */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <signal.h>

#include "runtime/base/auto.h"
#include "runtime/base/log.h"
#include "runtime/base/sys.h"
#include "runtime/cgroups.h"
#include "runtime/contain.h"
#include "runtime/delete.h"
#include "runtime/restack.h"
#include "runtime/signals.h"
#include "runtime/state.h"

static int signal_init(const struct state *state, int number, struct error *err)
{
        auto_close int pidfd = UNSET_FD;
        int r;

        r = state_open_init(state, &pidfd);
        if (r == -ESRCH)
                return error_set(err, ESRCH, "container not running");
        if (r < 0)
                return error_errno(err, r, "open container init (process %d)", state->init_pid);
        if (sys_pidfd_send_signal(pidfd, number) < 0) {
                if (errno == ESRCH)
                        return error_set(err, ESRCH, "container not running");
                return error_errno(err, errno,
                                   "send signal %d to container init (process %d)", number, state->init_pid);
        }
        return 0;
}

/* Every process of the container. Where the cgroup is others' too, only init can be told from them; with SIGKILL its
 * pid namespace goes with it. */
static int signal_all(const struct state *state, int number, struct error *err)
{
        if (number == SIGKILL)
                return delete_kill(state, err);
        if (state->n_cgroups == 0 || state->is_cgroup_shared)
                return signal_init(state, number, err);
        return cgroups_kill(state->cgroups, state->n_cgroups, state->is_cgroup2, number, err);
}

static int kill_container(const struct cli *cli, const char *id, int number, bool is_all, struct error *err)
{
        auto_state_dir struct state_dir dir = { 0 };
        struct state state;
        int r;

        /* As a reader: who holds the lock may be waiting for just this signal. */
        r = cli_open_container(cli, id, true, &dir, &state, err);
        if (r < 0)
                return r;
        if (state.contained != NULL)
                return contain_refuse(&state, "signal", err);
        if (state_status(&state) == STATE_STOPPED) {
                /* Without a pid namespace of its own, others may have outlived init; as in runc, SIGKILL is for them
                 * even where it was sent without --all. */
                if (!state.has_own_pidns && (is_all || number == SIGKILL))
                        return signal_all(&state, number, err);
                return is_all ? 0 : error_set(err, ESRCH, "container not running");
        }
        log_debug("%s: signal %d to %s (process %d)", id, number,
                  is_all || number == SIGKILL ? "all its processes" : "its init", state.init_pid);
        /* A frozen process takes SIGKILL on v1 only when it is thawed, and without a pid namespace of its own the
         * others would outlive init: one and the same call sees to both. */
        if (is_all || number == SIGKILL)
                r = signal_all(&state, number, err);
        else
                r = signal_init(&state, number, err);
        if (r == 0 && number != 0 && state.is_restacked && restack_refresh(state.rootfs, state.rootfs_device, NULL) < 0)
                log_warning("refresh %s: the engine may see an old view of it", state.rootfs);
        return r;
}

int cmd_kill(struct cli *cli, int argc, char **argv)
{
        bool is_all = false;
        const struct cli_option options[] = {
                { "all", 'a', CLI_FLAG, &is_all, NULL,
                  "to every process of the container; one that has ended is no error" },
        };
        const struct cli_usage usage = {
                .synopsis = "kill [options] ID [SIGNAL]",
                .summary = "Sends a signal (TERM by default; a number, or a name with or without SIG) to the "
                           "container's init.",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
                .min_arguments = 1,
                .max_arguments = 2,
                .stops_at_first_argument = true,
        };
        struct error err = { 0 };
        char **arguments;
        int number = SIGTERM, r;
        size_t n;

        r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);
        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, 1);
        if (n > 1)
                r = signals_parse(arguments[1], &number, &err);
        if (r == 0)
                r = kill_container(cli, arguments[0], number, is_all, &err);
        return r < 0 ? cli_fail(&err, 1) : 0;
}
