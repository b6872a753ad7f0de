/* The table of commands. Nothing else lists them: `runb help`, the completions and the dispatch all read this. */
#include "runtime/cli/cli.h"

#include <string.h>

static const struct cli_command commands[] = {
        { "create", "make a container and leave its init waiting for start", cmd_create, true, true },
        { "start", "let the program of a created container go", cmd_start, true, false },
        { "run", "create and start a container, and wait for its end", cmd_run, true, true },
        { "exec", "run another program in a container", cmd_exec, true, false },
        { "state", "print the state of a container", cmd_state, true, false },
        { "kill", "send a signal to a container's init", cmd_kill, true, false },
        { "delete", "remove what a container held", cmd_delete, true, false },
        { "list", "list the containers of --root", cmd_list, true, false },
        { "ps", "list the processes of a container", cmd_ps, true, false },
        { "events", "print what a container uses, and when it runs out of memory", cmd_events, true, false },
        { "egress", "print what a container tried to reach", cmd_egress, true, false },
        { "report", "tell what a container is by the kernel, and whether it still holds", cmd_report, true, false },
        { "evidence", "print an in-toto statement about a build and its sandbox", cmd_evidence, true, false },
        { "top", "show the sandboxes of a host, and what they use, again and again", cmd_top, true, false },
        { "contain", "hold a container as it is: network closed, processes frozen, nothing removed", cmd_contain, true,
          false },
        { "pause", "stop all processes of a container where they are", cmd_pause, true, false },
        { "resume", "let a paused container go on", cmd_resume, true, false },
        { "update", "change the limits of a container", cmd_update, true, false },
        { "reap", "end containers that are past their deadline, and free what dead ones hold", cmd_reap, false, false },
        { "spec", "write a config.json to begin with", cmd_spec, false, false },
        { "check", "tell what create would make of a config.json", cmd_check, true, false },
        { "doctor", "tell whether this host can hold the policy", cmd_doctor, true, false },
        { "explain", "tell what policy changed for a container, and what was refused to it", cmd_explain, true, false },
        { "selftest", "try to get out of a sandbox, and tell what held", cmd_selftest, true, false },
        { "audit", "begin, verify and search the audit log", cmd_audit, false, false },
        { "policy", "show, check and compare policy files", cmd_policy, false, false },
        { "features", "print what this runtime can do, as JSON", cmd_features, false, false },
        { "completion", "print the completions of a shell", cmd_completion, false, false },
        { "help", "show this text, or the one of a command", cmd_help, false, false },
};

const struct cli_command *cli_commands(size_t *ret_n)
{
        *ret_n = sizeof commands / sizeof commands[0];
        return commands;
}

const struct cli_command *cli_find_command(const char *name)
{
        for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
                if (strcmp(commands[i].name, name) == 0)
                        return &commands[i];
        }
        return NULL;
}
