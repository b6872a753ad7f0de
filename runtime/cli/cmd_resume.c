/* `runb resume`: lets the processes of a paused container go on. */
#include "runtime/cli/cli.h"

#include <errno.h>

#include "runtime/cgroups.h"
#include "runtime/contain.h"
#include "runtime/state.h"

static int resume_container(struct cli *cli, const char *id, struct error *err)
{
        auto_state_dir struct state_dir dir = { 0 };
        struct state state;
        int r;

        r = cli_open_container(cli, id, false, &dir, &state, err);
        if (r < 0)
                return r;
        if (state.contained != NULL)
                return contain_refuse(&state, "resume", err);
        if (state_status(&state) != STATE_PAUSED)
                return error_set(err, EINVAL, "container not paused");
        return cgroups_freeze(state.cgroups, state.n_cgroups, state.is_cgroup2, false, err);
}

int cmd_resume(struct cli *cli, int argc, char **argv)
{
        const struct cli_usage usage = {
                .synopsis = "resume ID",
                .summary = "Lets the processes of a paused container go on.",
        };
        struct error err = { 0 };
        const char *id;
        int r;

        r = cli_parse_id(cli, &usage, argc, argv, &id, &err);
        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, 1);
        return resume_container(cli, id, &err) < 0 ? cli_fail(&err, 1) : 0;
}
