#include "runtime/cli/cli.h"
#include "runtime/launch.h"

int cmd_start(struct cli *cli, int argc, char **argv)
{
        const struct cli_usage usage = {
                .synopsis = "start ID",
                .summary = "Executes the program of a created container.",
                .min_arguments = 1, .max_arguments = 1,
        };
        struct error err = { 0 };
        char **arguments;
        size_t n;
        int r;

        r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);
        if (r > 0)
                return 0;
        if (r == 0)
                r = launch_start(cli->root, arguments[0], cli->arena, &err);
        return r < 0 ? cli_fail(&err, 1) : 0;
}
