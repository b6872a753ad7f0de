/* `runb ps`: the processes of a container, as pids of the caller's pid namespace (JSON, for engines), or the lines of
 * ps(1) that speak of them. */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/cgroups.h"
#include "runtime/state.h"

#define OUTPUT_LIMIT_BYTES ((size_t)64 << 20)

static int list_pids(struct cli *cli, const char *id, pid_t **ret_pids, size_t *ret_n, struct error *err)
{
        auto_state_dir struct state_dir dir = { 0 };
        struct state state;
        int r;

        r = cli_open_container(cli, id, true, &dir, &state, err);
        if (r < 0)
                return r;
        if (state.n_cgroups == 0)
                return error_set(err, ENODEV,
                                 "the container has no cgroup, which alone tells its processes from others");
        return cgroups_pids(state.cgroups, state.n_cgroups, state.is_cgroup2, cli->arena, ret_pids, ret_n, err);
}

static int print_json(const pid_t *pids, size_t n, struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };

        /* Go's encoding of an empty list, which engines expect of runc. */
        text_add(&out, n == 0 ? "null" : "[");
        for (size_t i = 0; i < n; i++)
                text_addf(&out, "%s%d", i == 0 ? "" : ",", pids[i]);
        text_add(&out, n == 0 ? "\n" : "]\n");
        return cli_print(&out, err);
}

/* Runs ps(1) and takes what it says, on stderr too. */
static int run_ps(char *const *argv, char **ret_text, struct error *err)
{
        auto_close int read_fd = UNSET_FD, write_fd = UNSET_FD;
        auto_free char *text = NULL;
        posix_spawn_file_actions_t actions;
        int fds[2], r, status;
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return error_errno(err, errno, "pipe");
        read_fd = fds[0];
        write_fd = fds[1];
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, write_fd, STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, write_fd, STDERR_FILENO);
        r = posix_spawnp(&pid, "ps", &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        if (r != 0)
                return error_set(err, r, "cannot run ps(1), which prints the table: %s; ask for --format json",
                                 r == ENOENT ? "it is not installed" : error_text(r));
        close(take_fd(&write_fd));
        r = fd_read_all(read_fd, OUTPUT_LIMIT_BYTES, &text, NULL);
        close(take_fd(&read_fd));
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (r < 0)
                return error_errno(err, r, "read what ps(1) says");
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                text[strcspn(text, "\n")] = '\0';
                return error_set(err, EINVAL, "ps(1) failed with exit status %d: %.400s",
                                 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), text);
        }
        *ret_text = take_pointer(text);
        return 0;
}

/* The blank-separated word at @index of a line; NULL. */
static const char *word_at(const char *line, size_t index, size_t *ret_length)
{
        const char *p = line;

        for (size_t i = 0;; i++) {
                p += strspn(p, " \t");
                if (*p == '\0')
                        return NULL;
                *ret_length = strcspn(p, " \t");
                if (i == index)
                        return p;
                p += *ret_length;
        }
}

static int print_table(const pid_t *pids, size_t n_pids, char **arguments, size_t n_arguments, struct arena *arena,
                       struct error *err)
{
        static char name[] = "ps", every_column[] = "-ef";
        char **argv = arena_array(arena, n_arguments + 3, sizeof *argv);
        auto_buffer struct text_buffer out = { 0 };
        auto_free char *text = NULL;
        size_t column = 0, length;
        const char *word;
        char *rest = NULL;
        int r;

        if (argv == NULL)
                return error_errno(err, ENOMEM, "ps");
        argv[0] = name;
        if (n_arguments == 0)
                argv[1] = every_column;
        for (size_t i = 0; i < n_arguments; i++)
                argv[i + 1] = arguments[i];
        r = run_ps(argv, &text, err);
        if (r < 0)
                return r;
        for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
                if (out.length == 0) {
                        while ((word = word_at(line, column, &length)) != NULL &&
                               (length != 3 || memcmp(word, "PID", 3) != 0))
                                column++;
                        if (word == NULL)
                                return error_set(err, EINVAL,
                                                 "couldn't find PID field in ps output; ask ps for that column");
                        text_addf(&out, "%s\n", line);
                        continue;
                }
                word = word_at(line, column, &length);
                for (size_t i = 0; word != NULL && i < n_pids; i++)
                        if (strtol(word, NULL, 10) == pids[i])
                                text_addf(&out, "%s\n", line);
        }
        return cli_print(&out, err);
}

int cmd_ps(struct cli *cli, int argc, char **argv)
{
        const char *format = "table";
        const struct cli_option options[] = {
                { "format", 'f', CLI_STRING, &format, "FORMAT", "table (default), or json: the pids alone" },
        };
        const struct cli_usage usage = {
                .synopsis = "ps [options] ID [options of ps(1)]",
                .summary = "Lists the processes of a container, with host pids.",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
                .min_arguments = 1,
                .max_arguments = SIZE_MAX,
                .stops_at_first_argument = true,
        };
        struct error err = { 0 };
        char **arguments;
        pid_t *pids;
        size_t n, n_pids;
        bool is_json;
        int r;

        r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);
        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, 1);
        is_json = strcmp(format, "json") == 0;
        if (!is_json && strcmp(format, "table") != 0) {
                error_set(&err, EINVAL, "invalid format option \"%s\": table or json is wanted", format);
                return cli_fail(&err, 1);
        }
        r = list_pids(cli, arguments[0], &pids, &n_pids, &err);
        if (r == 0)
                r = is_json ? print_json(pids, n_pids, &err) :
                              print_table(pids, n_pids, arguments + 1, n - 1, cli->arena, &err);
        return r < 0 ? cli_fail(&err, 1) : 0;
}
