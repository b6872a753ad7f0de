#include "runtime/cli/create_options.h"

#include "runtime/base/auto.h"

int cmd_create(struct cli *cli, int argc, char **argv)
{
        struct create_options options = { 0 };
        const struct cli_option list[] = {
                CREATE_OPTIONS(&options),
                { "detach", 'd', CLI_IGNORED_FLAG, NULL, NULL, NULL }, /* go-runc has it for both; create always is */
        };
        const struct cli_usage usage = {
                .synopsis = "create [options] ID",
                .summary = "Creates a container from a bundle: everything but its program, which `start` executes.",
                .options = list, .n_options = sizeof list / sizeof list[0],
        };
        struct launch_request request;
        struct launched launched;
        struct error err = { 0 };
        const char *id;
        int r;

        r = cli_parse_id(cli, &usage, argc, argv, &id, &err);
        if (r > 0)
                return 0;
        if (r == 0)
                r = create_request_fill(cli, &options, id, false, &request, &err);
        if (r == 0)
                r = launch_create(&request, cli->arena, &launched, &err);
        if (r < 0) {
                error_context(&err, "runb create failed");
                return cli_fail(&err, 1);
        }
        auto_close_cleanup(&launched.pidfd);
        auto_close_cleanup(&launched.deadline_fd);
        state_dir_close(&launched.dir);
        return 0;
}
