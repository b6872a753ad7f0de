/* The command line: options common to all commands, and one function a command (cmd_<verb>.c).
 *
 * Accepts every spelling that engines use: --flag value, --flag=value, -flag value (Go's single dash), -f value;
 * an unknown flag is an error (exit 1). Nothing below this layer prints an error or ends the process. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/policy.h"

struct text_buffer;
struct cli_usage;
struct state;
struct state_dir;
struct finding;

struct cli {
        const char *argv0;              /* as called; its basename can choose a profile */
        const char *root;               /* --root, or state_default_root() */
        bool is_root_given;
        bool is_debug;
        bool is_systemd_cgroup;         /* --systemd-cgroup or --cgroup-manager systemd */
        bool is_cgroup_disabled;        /* --cgroup-manager disabled */
        struct policy_source policy;    /* --policy, --profile */
        struct arena *arena;            /* lives until the process ends */

        /* Set while shell completions are made: cli_parse() hands its usage over and returns 1, so that a command is
         * asked for its options by calling it. */
        void (*list_options)(const struct cli_usage *usage, void *context);
        void *list_context;
};

enum cli_option_kind {
        CLI_FLAG,               /* bool *: --x, --x=true, --x=false */
        CLI_STRING,             /* const char ** */
        CLI_STRINGS,            /* struct cli_strings *: may be repeated; a comma separates nothing */
        CLI_U32,                /* uint32_t *: strict decimal */
        CLI_IGNORED_FLAG,       /* accepted without effect or output */
};

struct cli_strings {
        const char **values;
        size_t n;
};

struct cli_option {
        const char *name;       /* "pid-file" */
        char letter;            /* 'p', 0: none */
        enum cli_option_kind kind;
        void *target;
        const char *value_name; /* "FILE", for --help */
        const char *help;       /* one line; NULL: not shown */
};

struct cli_usage {
        const char *synopsis;   /* "create [options] ID" */
        const char *summary;    /* a sentence or a short paragraph */
        const struct cli_option *options;
        size_t n_options;
        size_t min_arguments, max_arguments;    /* positional ones; SIZE_MAX: any number */
        bool stops_at_first_argument;           /* exec, kill, ps: what follows the first positional is not parsed */
        bool is_global;                         /* the options before the command */
};

/* Parses argv[1..]; a command calls this before anything else. @ret_arguments: NULL-terminated positional ones, in the
 * arena. An option that was not given leaves its target alone; one that is given twice counts the second time.
 * Returns 0; 1 when --help was printed (exit 0); a negative errno with the error set. */
int cli_parse(const struct cli *cli, const struct cli_usage *usage, int argc, char **argv, char ***ret_arguments,
              size_t *ret_n, struct error *err);

/* The same of a command whose one argument is a container's id; the usage need not say how many. @ret_id: as it was
 * given. */
int cli_parse_id(const struct cli *cli, const struct cli_usage *usage, int argc, char **argv, const char **ret_id,
                 struct error *err);

/* --format: table or json. Returns 0, or -EINVAL with the error set. */
int cli_read_format(const char *format, bool *ret_is_json, struct error *err);

/* Prints the fatal message (log and stderr) and returns @status, so that a command can `return cli_fail(&err, 1)`. */
int cli_fail(const struct error *err, int status);

/* What --help prints. */
void cli_add_help(const struct cli_usage *usage, struct text_buffer *out);

/* Writes the buffer to standard output, all of it or an error (a full disk, a closed pipe). */
int cli_print(const struct text_buffer *buffer, struct error *err);

/* For people, who do not know an engine's state folder: without --root, one that is not in the default folder is looked
 * for in all that this host knows of, by its id or the beginning of it; cli->root is set to where it is. Else as
 * cli_open_container(). */
int cli_find_container(struct cli *cli, const char *id, bool is_shared, struct state_dir *ret_dir,
                       struct state *ret_state, struct error *err);

/* Opens a container and reads its state. @is_shared: as a reader, without the lock. Close @ret_dir with
 * state_dir_close(), after a failure, too. -ENOENT: "container does not exist". */
int cli_open_container(const struct cli *cli, const char *id, bool is_shared, struct state_dir *ret_dir,
                       struct state *ret_state, struct error *err);

/* Members of a JSON object, the first one or another: "name":"text", and "findings":[{"action":...}] of two lists. */
void cli_add_member(struct text_buffer *out, const char *name, const char *text);
void cli_add_findings(const struct finding *findings, const struct finding *more, struct text_buffer *out);

/* The commands, in the order of `runb help`: runtime/cli/commands.c. */
struct cli_command {
        const char *name;
        const char *summary;            /* one line */
        int (*function)(struct cli *cli, int argc, char **argv);
        bool needs_root;                /* uses cli->root */
        bool makes_cgroups;             /* cannot do with --systemd-cgroup */
};
const struct cli_command *cli_commands(size_t *ret_n);
/* NULL when there is none of that name. */
const struct cli_command *cli_find_command(const char *name);
const struct cli_usage *cli_global_usage(void);

#define CLI_SPEC_VERSION "1.3.0"        /* of the runtime-spec that this runtime follows */

/* Each returns the exit status of the process. argv[0] is the command's name. */
int cmd_create(struct cli *cli, int argc, char **argv);
int cmd_start(struct cli *cli, int argc, char **argv);
int cmd_run(struct cli *cli, int argc, char **argv);
int cmd_exec(struct cli *cli, int argc, char **argv);
int cmd_state(struct cli *cli, int argc, char **argv);
int cmd_kill(struct cli *cli, int argc, char **argv);
int cmd_delete(struct cli *cli, int argc, char **argv);
int cmd_egress(struct cli *cli, int argc, char **argv);
int cmd_list(struct cli *cli, int argc, char **argv);
int cmd_ps(struct cli *cli, int argc, char **argv);
int cmd_events(struct cli *cli, int argc, char **argv);
int cmd_pause(struct cli *cli, int argc, char **argv);
int cmd_resume(struct cli *cli, int argc, char **argv);
int cmd_update(struct cli *cli, int argc, char **argv);
int cmd_check(struct cli *cli, int argc, char **argv);
int cmd_doctor(struct cli *cli, int argc, char **argv);
int cmd_explain(struct cli *cli, int argc, char **argv);
int cmd_selftest(struct cli *cli, int argc, char **argv);
int cmd_reap(struct cli *cli, int argc, char **argv);
int cmd_guard(struct cli *cli, int argc, char **argv);
int cmd_keeper(struct cli *cli, int argc, char **argv);
int cmd_contain(struct cli *cli, int argc, char **argv);
int cmd_top(struct cli *cli, int argc, char **argv);
int cmd_evidence(struct cli *cli, int argc, char **argv);
int cmd_report(struct cli *cli, int argc, char **argv);
int cmd_audit(struct cli *cli, int argc, char **argv);
int cmd_policy(struct cli *cli, int argc, char **argv);
int cmd_spec(struct cli *cli, int argc, char **argv);
int cmd_features(struct cli *cli, int argc, char **argv);
int cmd_completion(struct cli *cli, int argc, char **argv);
int cmd_help(struct cli *cli, int argc, char **argv);
