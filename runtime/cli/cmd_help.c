/* `runb help`, `runb help COMMAND`, and a call without any command. */
#include "runtime/cli/cli.h"

#include <errno.h>

#include "runtime/base/text.h"

static int print_all(struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };

        cli_add_help(cli_global_usage(), &out);
        return cli_print(&out, err);
}

int cmd_help(struct cli *cli, int argc, char **argv)
{
        const struct cli_usage usage = {
                .synopsis = "help [COMMAND]",
                .summary = "Prints what runb can do, or the options of one command.",
                .max_arguments = 1,
        };
        char *command_argv[] = { NULL, (char[]){ "--help" }, NULL };
        const struct cli_command *command;
        struct error err = { 0 };
        char **arguments;
        size_t n;
        int r;

        r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);
        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, 1);
        if (n == 0)
                return print_all(&err) < 0 ? cli_fail(&err, 1) : 0;
        command = cli_find_command(arguments[0]);
        if (command == NULL) {
                error_set(&err, EINVAL, "unknown command \"%s\"; `runb help` lists the commands", arguments[0]);
                return cli_fail(&err, 1);
        }
        command_argv[0] = arguments[0];
        return command->function(cli, 2, command_argv);
}
