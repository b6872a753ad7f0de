/* `runb reap`, for a timer (contrib/systemd), and `runb guard` and `runb keeper`, which runb starts itself. */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/text.h"
#include "runtime/deadline.h"
#include "runtime/keeper.h"
#include "runtime/reap.h"

static void add_line(const char *line, void *context)
{
        struct text_buffer *out = context;

        if (line != NULL)
                text_addf(out, "%s\n", line);
}

int cmd_reap(struct cli *cli, int argc, char **argv)
{
        bool is_quiet = false;
        const struct cli_option options[] = {
                { "quiet", 'q', CLI_FLAG, &is_quiet, NULL, "say nothing of what was done" },
        };
        const struct cli_usage usage = {
                .synopsis = "reap [options]",
                .summary = "Ends containers of this host whose deadline (limits.wall) has passed though nothing "
                           "watched it any more, makes new guards for those that lost theirs, and frees the ids of "
                           "containers of which nothing lives.",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
        };
        auto_buffer struct text_buffer out = { 0 };
        struct error err = { 0 }, print_err = { 0 };
        char **arguments;
        size_t n;
        int r;

        r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);
        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, 1);
        r = reap_all(cli->arena, add_line, &out, &err);
        if (!is_quiet && out.length > 0 && cli_print(&out, &print_err) < 0 && r == 0)
                return cli_fail(&print_err, 1);
        return r < 0 ? cli_fail(&err, 1) : 0;
}

/* Its stdio is /dev/null: nobody reads what it says. */
int cmd_guard(struct cli *cli, int argc, char **argv)
{
        struct error err = { 0 };

        const bool has_moved = argc == 3 && strcmp(argv[2], DEADLINE_MOVED) == 0;

        if (argc != 2 && !has_moved) {
                error_set(&err, EINVAL, "guard: is started by runb itself; `runb reap` starts those that are missing");
                return cli_fail(&err, 1);
        }
        return deadline_guard(cli->root, argv[1], has_moved, &err) < 0 ? cli_fail(&err, 1) : 0;
}

int cmd_keeper(struct cli *cli, int argc, char **argv)
{
        struct error err = { 0 };

        if (argc != 2) {
                error_set(&err, EINVAL, "keeper: is started by runb itself");
                return cli_fail(&err, 1);
        }
        return keeper_run(cli->root, argv[1], &err) < 0 ? cli_fail(&err, 1) : 0;
}
