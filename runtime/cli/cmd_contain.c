/* `runb contain`: holds a container as it is, for whoever has to look into it. */
#include "runtime/cli/cli.h"

#include <errno.h>

#include "runtime/base/text.h"
#include "runtime/contain.h"
#include "runtime/deadline.h"

static int contain(struct cli *cli, const char *id, const char *reason, bool is_released, struct error *err)
{
        auto_state_dir struct state_dir dir = { 0 };
        auto_buffer struct text_buffer out = { 0 };
        struct state state;
        int r = cli_find_container(cli, id, false, &dir, &state, err);

        if (r < 0)
                return r;
        if (is_released) {
                r = contain_release(&dir, &state, cli->arena, err);
                /* Its time may have run out meanwhile. */
                if (r == 0)
                        deadline_check(&dir, &state);
                return r;
        }
        r = contain_begin(&dir, &state, reason, cli->arena, err);
        if (r < 0)
                return error_context(err, "not all of %s is contained", state.id);
        text_addf(&out,
                  "%s is contained: its network is closed, its processes are %s, its root file system %s and its "
                  "record are kept\n",
                  state.id, state_status(&state) == STATE_STOPPED ? "gone" : "frozen", state.rootfs);
        return cli_print(&out, err);
}

int cmd_contain(struct cli *cli, int argc, char **argv)
{
        const char *reason = NULL;
        bool is_released = false;
        const struct cli_option options[] = {
                { "reason", 0, CLI_STRING, &reason, "TEXT", "for the audit log: why" },
                { "release", 0, CLI_FLAG, &is_released, NULL, "let a contained container go on as before" },
        };
        const struct cli_usage usage = {
                .synopsis = "contain [options] ID",
                .summary = "Holds a container as it is: closes its network, loopback and established connections too, "
                           "freezes its processes, and keeps its root file system and record. start, exec, kill, "
                           "resume and delete without --contained refuse it from then on, and its deadline does not "
                           "end it.",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
        };
        struct error err = { 0 };
        const char *id;
        int r = cli_parse_id(cli, &usage, argc, argv, &id, &err);

        if (r > 0)
                return 0;
        if (r == 0 && is_released && reason != NULL)
                r = error_set(&err, EINVAL, "--reason is for containing, not for --release");
        if (r == 0)
                r = contain(cli, id, reason, is_released, &err);
        return r < 0 ? cli_fail(&err, 1) : 0;
}
