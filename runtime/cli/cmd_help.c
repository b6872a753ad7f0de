/* `runb help`, `runb help COMMAND`, and a call without any command. */
#include "runtime/cli/cli.h"

#include <errno.h>

#include "runtime/base/text.h"

static int print_commands(struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };
        const struct cli_command *commands;
        size_t n;

        cli_add_help(cli_global_usage(), &out);
        text_add(&out, "\ncommands:\n");
        commands = cli_commands(&n);
        for (size_t i = 0; i < n; i++)
                text_addf(&out, "  %-12s%s\n", commands[i].name, commands[i].summary);
        text_add(&out, "\nExit status: 0, or 1 after an error. `run` and `exec` give the program's own status, 128 and the\n"
                       "signal's number after a signal; 255 where exec itself failed. Manual: runb(8).\n");
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
                return print_commands(&err) < 0 ? cli_fail(&err, 1) : 0;
        command = cli_find_command(arguments[0]);
        if (command == NULL) {
                error_set(&err, EINVAL, "unknown command \"%s\"; `runb help` lists the commands", arguments[0]);
                return cli_fail(&err, 1);
        }
        command_argv[0] = arguments[0];
        return command->function(cli, 2, command_argv);
}
