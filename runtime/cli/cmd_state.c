/* `runb state`: the OCI state on stdout. buildah polls it ten times a second, BuildKit and CRI-O parse stdout and
 * stderr together: nothing but the document may be printed, and nobody is waited for. */
#include "runtime/cli/cli.h"

#include "runtime/base/text.h"
#include "runtime/state.h"

static int print_state(const struct cli *cli, const char *id, struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };
        auto_state_dir struct state_dir dir = { 0 };
        struct state state;
        int r;

        r = cli_open_container(cli, id, true, &dir, &state, err);
        if (r < 0)
                return r;
        state_to_oci(&state, state_status(&state), false, &out);
        text_add(&out, "\n");
        return cli_print(&out, err);
}

int cmd_state(struct cli *cli, int argc, char **argv)
{
        const struct cli_usage usage = {
                .synopsis = "state ID",
                .summary = "Prints what a container is doing, as the OCI state in JSON.",
                .min_arguments = 1,
                .max_arguments = 1,
        };
        struct error err = { 0 };
        char **arguments;
        size_t n;
        int r;

        r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);
        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, 1);
        return print_state(cli, arguments[0], &err) < 0 ? cli_fail(&err, 1) : 0;
}
