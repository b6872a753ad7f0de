/* `runb pause`: stops every process of a container where it is, and returns when all of them have stopped. */
#include "runtime/cli/cli.h"

#include <errno.h>

#include "runtime/base/log.h"
#include "runtime/cgroups.h"
#include "runtime/restack.h"
#include "runtime/state.h"

static int pause_container(struct cli *cli, const char *id, struct error *err)
{
        auto_state_dir struct state_dir dir = { 0 };
        struct error refresh_err = { 0 };
        struct state state;
        enum state_status status;
        int r;

        r = cli_open_container(cli, id, false, &dir, &state, err);
        if (r < 0)
                return r;
        status = state_status(&state);
        if (status != STATE_RUNNING && status != STATE_CREATED)
                return error_set(err, ESRCH, "container not running");
        r = cgroups_freeze(state.cgroups, state.n_cgroups, state.is_cgroup2, true, err);
        if (r < 0)
                return r;
        /* Init can have ended meanwhile. A dead container's cgroup that stays frozen would freeze the next one that is
         * given the same path. */
        if (state_status(&state) == STATE_STOPPED) {
                cgroups_freeze(state.cgroups, state.n_cgroups, state.is_cgroup2, false, NULL);
                return error_set(err, ESRCH, "container not running");
        }
        /* Engines pause before they commit: what they read through their own mount must be what the build wrote. */
        if (state.is_restacked && restack_refresh(state.rootfs, state.rootfs_device, &refresh_err) < 0)
                log_warning("pause: the engine's view of the rootfs may be old: %s", refresh_err.text);
        return 0;
}

int cmd_pause(struct cli *cli, int argc, char **argv)
{
        const struct cli_usage usage = {
                .synopsis = "pause ID",
                .summary = "Stops all processes of a container where they are.",
        };
        struct error err = { 0 };
        const char *id;
        int r;

        r = cli_parse_id(cli, &usage, argc, argv, &id, &err);
        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, 1);
        return pause_container(cli, id, &err) < 0 ? cli_fail(&err, 1) : 0;
}
