#include "runtime/cli/cli.h"
#include "runtime/launch.h"

int cmd_start(struct cli *cli, int argc, char **argv)
{
        const struct cli_usage usage = {
                .synopsis = "start ID",
                .summary = "Executes the program of a created container.",
        };
        struct error err = { 0 };
        const char *id;
        int r;

        r = cli_parse_id(cli, &usage, argc, argv, &id, &err);
        if (r > 0)
                return 0;
        if (r == 0)
                r = launch_start(cli->root, id, cli->arena, &err);
        return r < 0 ? cli_fail(&err, 1) : 0;
}
