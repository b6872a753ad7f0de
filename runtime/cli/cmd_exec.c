#include <errno.h>
#include <sys/wait.h>

#include "runtime/base/auto.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/preserve.h"
#include "runtime/join.h"
#include "runtime/restack.h"
#include "runtime/terminal.h"

/* runc: every failure of exec itself is 255, which no engine takes for the program's status. */
#define EXEC_FAILED 255

static int fail(struct error *err)
{
        error_context(err, "exec failed");
        return cli_fail(err, EXEC_FAILED);
}

int cmd_exec(struct cli *cli, int argc, char **argv)
{
        struct join_request request = { .root = cli->root };
        struct cli_strings env = { 0 }, caps = { 0 }, groups = { 0 }, cgroups = { 0 };
        uint32_t preserve_fds = 0;
        unsigned listen;
        const struct cli_option list[] = {
                { "process", 'p', CLI_STRING, &request.process_file, "FILE", "file that holds the process object" },
                { "console-socket", 0, CLI_STRING, &request.console_socket, "PATH",
                  "unix socket that gets the terminal's master" },
                { "pidfd-socket", 0, CLI_STRING, &request.pidfd_socket, "PATH",
                  "unix socket that gets a pidfd of the process" },
                { "pid-file", 0, CLI_STRING, &request.pid_file, "FILE", "file that gets the pid of the process" },
                { "detach", 'd', CLI_FLAG, &request.is_detached, NULL, "return when the program runs" },
                { "tty", 't', CLI_FLAG, &request.is_tty, NULL, "give it a terminal" },
                { "cwd", 0, CLI_STRING, &request.cwd, "DIR", "working folder in the container" },
                { "env", 'e', CLI_STRINGS, &env, "NAME=VALUE", "add to the environment" },
                { "user", 'u', CLI_STRING, &request.user, "UID[:GID]", "ids in the container" },
                { "additional-gids", 'g', CLI_STRINGS, &groups, "GID", "add a supplementary group" },
                { "cap", 'c', CLI_STRINGS, &caps, "NAME", "add a capability, within the profile" },
                { "no-new-privs", 0, CLI_FLAG, &request.no_new_privileges, NULL,
                  "set already, unless an exception lets it fall" },
                { "process-label", 0, CLI_STRING, &request.selinux_label, "LABEL", "SELinux label of the process" },
                { "apparmor", 0, CLI_STRING, &request.apparmor, "PROFILE", "AppArmor profile of the process" },
                { "preserve-fds", 0, CLI_U32, &preserve_fds, "N", "pass N more fds than stdio (3 to 2 + N)" },
                { "cgroup", 0, CLI_STRINGS, &cgroups, "[CTRL[,...]:]PATH",
                  "run in this sub-cgroup of the container's; before the colon, cgroup v1's controllers that it holds "
                  "for" },
                { "ignore-paused", 0, CLI_FLAG, &request.is_paused_ignored, NULL, "allow it in a paused container" },
                { "no-subreaper", 0, CLI_IGNORED_FLAG, NULL, NULL, NULL },
        };
        const struct cli_usage usage = {
                .synopsis = "exec [options] ID COMMAND [ARGUMENT...]  |  exec [options] --process FILE ID",
                .summary = "Executes one more program in a container. The exit status is the program's, 128 + N when "
                           "signal N ended it, 255 when exec itself failed.",
                .options = list,
                .n_options = sizeof list / sizeof list[0],
                .min_arguments = 1,
                .max_arguments = SIZE_MAX,
                .stops_at_first_argument = true,
        };
        struct error err = { 0 };
        struct joined joined;
        char **arguments;
        size_t n;
        int r, status = 0;

        r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);
        if (r > 0)
                return 0;
        if (r < 0)
                return cli_fail(&err, EXEC_FAILED);
        request.id = arguments[0];
        request.policy = cli->policy;
        request.args = arguments + 1;
        request.n_args = n - 1;
        request.env = env.values;
        request.n_env = env.n;
        request.caps = caps.values;
        request.n_caps = caps.n;
        request.groups = groups.values;
        request.n_groups = groups.n;
        request.has_tty = request.is_tty;
        if (request.process_file == NULL && n < 2) {
                error_set(&err, EINVAL, "process args cannot be empty");
                return fail(&err);
        }
        request.cgroups = cgroups.values;
        request.n_cgroups = cgroups.n;
        r = preserve_check(preserve_fds, &request.preserve_fds, &listen, &err);
        if (r == 0 && !request.is_detached)
                r = terminal_proxy_prepare(&err);
        if (r == 0)
                r = join_exec(&request, cli->arena, &joined, &err);
        if (r < 0)
                return fail(&err);
        if (request.is_detached) {
                auto_close_cleanup(&joined.pidfd);
                return 0;
        }
        r = terminal_proxy(joined.master_fd, joined.pidfd, &status, &err);
        /* What the program made is what the caller looks for next. */
        if (joined.is_restacked && restack_refresh(joined.rootfs, joined.rootfs_device, NULL) < 0)
                log_warning("refresh %s: the engine may see an old view of it", joined.rootfs);
        if (r < 0)
                return fail(&err);
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
