/* `runb delete`: engines call it after every container, by force also for ids that never were. */
#include "runtime/cli/cli.h"

#include "runtime/delete.h"

int cmd_delete(struct cli *cli, int argc, char **argv)
{
        bool is_forced = false, gives_up = false;
        const struct cli_option options[] = {
                { "force", 'f', CLI_FLAG, &is_forced, NULL, "kill it first where it runs; an unknown one is no error" },
                { "contained", 0, CLI_FLAG, &gives_up, NULL, "one that is contained (`runb contain`), too" },
        };
        const struct cli_usage usage = {
                .synopsis = "delete [options] ID",
                .summary = "Removes a stopped container: its cgroup, its ids, what lies on disk for it, its record.",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
        };
        struct error err = { 0 };
        const char *id;
        int r;

        r = cli_parse_id(cli, &usage, argc, argv, &id, &err);
        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, 1);
        r = delete_container(cli->root, id, is_forced, gives_up, cli->arena, &err);
        return r < 0 ? cli_fail(&err, 1) : 0;
}
