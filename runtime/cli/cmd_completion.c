/* Completions, made from the option tables of the commands themselves: each command is called once in a mode in which
 * cli_parse() only hands over its usage. They cannot fall behind. */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/text.h"

enum shell { BASH, ZSH, FISH };

struct listing {
        struct text_buffer *out;
        enum shell shell;
        const char *command;            /* NULL: the options before the command */
        char words[256];                /* which of them may follow the command, "show lint diff" */
};

/* The alternatives of a synopsis: "policy show | lint FILE | diff OLD NEW". */
static void find_words(const char *synopsis, const char *command, struct listing *listing)
{
        const char *at = synopsis + strcspn(synopsis, " ");
        size_t used = 0;

        listing->words[0] = '\0';
        while (*at != '\0') {
                size_t length;

                at += strspn(at, " |");
                length = strspn(at, "abcdefghijklmnopqrstuvwxyz");
                /* exec's second form begins with its own name. */
                if (length > 0 && strchr(" |", at[length]) != NULL && strncmp(at, command, length) != 0 &&
                    used + length + 2 < sizeof listing->words)
                        used += (size_t)snprintf(listing->words + used, sizeof listing->words - used, "%s%.*s",
                                                 used > 0 ? " " : "", (int)length, at);
                at += strcspn(at, "|");
        }
}

/* Both of them, wherever there are two. */
static bool is_format(const struct cli_option *option)
{
        return strcmp(option->name, "format") == 0;
}

static bool takes_value(const struct cli_option *option)
{
        return option->kind != CLI_FLAG && option->kind != CLI_IGNORED_FLAG;
}

/* Inside single quotes of a shell; fish and the others agree on '\'' only when it stands outside. */
static void add_quoted(struct text_buffer *out, const char *text, enum shell shell)
{
        text_add(out, "'");
        for (; *text != '\0'; text++) {
                if (*text == '\'')
                        text_add(out, shell == FISH ? "\\'" : "'\\''");
                else if (shell == FISH && *text == '\\')
                        text_add(out, "\\\\");
                else if (shell == ZSH && (*text == '[' || *text == ']' || *text == ':'))
                        text_addf(out, "\\%c", *text);
                else
                        text_add_n(out, text, 1);
        }
        text_add(out, "'");
}

static void add_bash_option(struct text_buffer *out, const struct cli_option *option)
{
        text_addf(out, " --%s", option->name);
        if (option->letter != 0)
                text_addf(out, " -%c", option->letter);
}

/* Which kind of value: files and folders are completed, other values are typed. */
static bool is_path(const struct cli_option *option)
{
        return option->value_name != NULL && (strstr(option->value_name, "FILE") != NULL ||
                                              strstr(option->value_name, "DIR") != NULL ||
                                              strstr(option->value_name, "PATH") != NULL);
}

static void add_zsh_option(struct text_buffer *out, const struct cli_option *option)
{
        const char *action = !takes_value(option) ? "" : is_path(option) ? ":value:_files" :
                             is_format(option) ? ":value:(table json)" : ":value: ";

        for (int is_short = 0; is_short <= (option->letter != 0); is_short++) {
                text_add(out, " \\\n\t\t\t'*'");
                if (is_short)
                        text_addf(out, "-%c", option->letter);
                else
                        text_addf(out, "--%s%s", option->name, takes_value(option) ? "=" : "");
                text_add(out, "'['");
                add_quoted(out, option->help, ZSH);
                text_addf(out, "']%s'", action);
        }
}

static void add_fish_option(struct text_buffer *out, const char *command, const struct cli_option *option)
{
        text_add(out, "complete -c runb");
        if (command != NULL)
                text_addf(out, " -n '__fish_seen_subcommand_from %s'", command);
        else
                text_add(out, " -n '__fish_use_subcommand'");
        text_addf(out, " -l %s", option->name);
        if (option->letter != 0)
                text_addf(out, " -s %c", option->letter);
        if (takes_value(option))
                text_add(out, is_path(option) ? " -r -F" : is_format(option) ? " -x -a 'table json'" : " -x");
        text_add(out, " -d ");
        add_quoted(out, option->help, FISH);
        text_add(out, "\n");
}

static void list(const struct cli_usage *usage, void *context)
{
        static const struct cli_option help = { "help", 'h', CLI_FLAG, NULL, NULL, "show this text and end" };
        struct listing *listing = context;

        listing->words[0] = '\0';
        if (listing->command != NULL)
                find_words(usage->synopsis, listing->command, listing);
        for (size_t i = 0; i <= usage->n_options; i++) {
                const struct cli_option *option = i < usage->n_options ? &usage->options[i] : &help;

                if (option->help == NULL)
                        continue;
                switch (listing->shell) {
                case BASH:
                        add_bash_option(listing->out, option);
                        break;
                case ZSH:
                        add_zsh_option(listing->out, option);
                        break;
                case FISH:
                        add_fish_option(listing->out, listing->command, option);
                        break;
                }
        }
}

static void list_command(struct cli *cli, struct listing *listing, const struct cli_command *command)
{
        char name[32];
        char *argv[] = { name, NULL };

        listing->command = command != NULL ? command->name : NULL;
        if (command == NULL) {
                list(cli_global_usage(), listing);
                return;
        }
        snprintf(name, sizeof name, "%s", command->name);
        cli->list_options = list;
        cli->list_context = listing;
        command->function(cli, 1, argv);
        cli->list_options = NULL;
}

static void add_names(struct text_buffer *out)
{
        const struct cli_command *commands;
        size_t n;

        commands = cli_commands(&n);
        for (size_t i = 0; i < n; i++)
                text_addf(out, " %s", commands[i].name);
}

/* One that is there: create and run name a new one. */
static bool names_a_container(const struct cli_command *command)
{
        return command->needs_root && !command->makes_cgroups && strcmp(command->name, "list") != 0 &&
               strcmp(command->name, "doctor") != 0 && strcmp(command->name, "check") != 0 &&
               strcmp(command->name, "selftest") != 0;
}

static void write_bash(struct cli *cli, struct listing *listing)
{
        const struct cli_usage *global = cli_global_usage();
        struct text_buffer *out = listing->out;
        const struct cli_command *commands;
        size_t n;

        commands = cli_commands(&n);
        text_add(out, "# bash completion for runb; written by `runb completion bash`\n"
                      "_runb() {\n"
                      "\tlocal current=${COMP_WORDS[COMP_CWORD]} command= root= words= i\n"
                      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
                      "\t\tcase ${COMP_WORDS[i]} in\n"
                      "\t\t--root) root=${COMP_WORDS[++i]} ;;\n\t\t");
        for (size_t i = 0; i < global->n_options; i++)
                if (takes_value(&global->options[i]) && strcmp(global->options[i].name, "root") != 0)
                        text_addf(out, "--%s | ", global->options[i].name);
        text_add(out, "-) ((i++)) ;;\n"
                      "\t\t-*) ;;\n"
                      "\t\t*) command=${COMP_WORDS[i]}; break ;;\n"
                      "\t\tesac\n"
                      "\tdone\n"
                      "\tif [[ $command && ${COMP_WORDS[COMP_CWORD - 1]} = --format ]]; then\n"
                      "\t\tCOMPREPLY=($(compgen -W 'table json' -- \"$current\"))\n"
                      "\t\treturn\n"
                      "\tfi\n"
                      "\tcase $command in\n"
                      "\t'') words='");
        list_command(cli, listing, NULL);
        add_names(out);
        text_add(out, "' ;;\n");
        for (size_t i = 0; i < n; i++) {
                text_addf(out, "\t%s) words='", commands[i].name);
                list_command(cli, listing, &commands[i]);
                if (strcmp(commands[i].name, "help") == 0)
                        add_names(out);
                else if (listing->words[0] != '\0')
                        text_addf(out, " %s", listing->words);
                text_add(out, "'");
                /* what is there to be named; create and run name a new one */
                if (names_a_container(&commands[i]))
                        text_add(out, "; [[ $current == -* ]] || words=$(runb ${root:+--root \"$root\"} list -q "
                                      "2>/dev/null)");
                /* files after the word: `complete -o default` */
                else if (listing->words[0] != '\0')
                        text_addf(out, "; [[ $current == -* || ${COMP_WORDS[COMP_CWORD - 1]} == %s ]] || words=",
                                  commands[i].name);
                text_add(out, " ;;\n");
        }
        text_add(out, "\tesac\n"
                      "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
                      "}\n"
                      "complete -o default -F _runb runb\n");
}

static void write_zsh(struct cli *cli, struct listing *listing)
{
        struct text_buffer *out = listing->out;
        const struct cli_command *commands;
        size_t n;

        commands = cli_commands(&n);
        text_add(out, "#compdef runb\n# zsh completion for runb; written by `runb completion zsh`\n"
                      "_runb() {\n\tlocal context state line\n\tlocal -a commands\n\tcommands=(\n");
        for (size_t i = 0; i < n; i++) {
                text_addf(out, "\t\t%s':'", commands[i].name);
                add_quoted(out, commands[i].summary, ZSH);
                text_add(out, "\n");
        }
        text_add(out, "\t)\n\t_arguments -C");
        list_command(cli, listing, NULL);
        text_add(out, " \\\n\t\t'1: :->command' '*:: :->rest'\n"
                      "\tcase $state in\n"
                      "\tcommand) _describe command commands ;;\n"
                      "\trest)\n"
                      "\t\tcase $words[1] in\n");
        for (size_t i = 0; i < n; i++) {
                text_addf(out, "\t\t%s) _arguments", commands[i].name);
                list_command(cli, listing, &commands[i]);
                if (names_a_container(&commands[i]))
                        text_add(out, " \\\n\t\t\t'*:container:($(runb list -q 2>/dev/null))' ;;\n");
                else if (listing->words[0] != '\0')
                        text_addf(out, " \\\n\t\t\t'1: :(%s)' '*: :_files' ;;\n", listing->words);
                else
                        text_add(out, " \\\n\t\t\t'*: :_files' ;;\n");
        }
        text_add(out, "\t\tesac ;;\n\tesac\n}\n_runb \"$@\"\n");
}

static void write_fish(struct cli *cli, struct listing *listing)
{
        struct text_buffer *out = listing->out;
        const struct cli_command *commands;
        size_t n;

        commands = cli_commands(&n);
        text_add(out, "# fish completion for runb; written by `runb completion fish`\ncomplete -c runb -f\n");
        list_command(cli, listing, NULL);
        for (size_t i = 0; i < n; i++) {
                text_addf(out, "complete -c runb -n '__fish_use_subcommand' -a %s -d ", commands[i].name);
                add_quoted(out, commands[i].summary, FISH);
                text_add(out, "\n");
                list_command(cli, listing, &commands[i]);
                if (names_a_container(&commands[i]))
                        text_addf(out,
                                  "complete -c runb -n '__fish_seen_subcommand_from %s' -a '(runb list -q "
                                  "2>/dev/null)'\n",
                                  commands[i].name);
                else if (listing->words[0] != '\0')
                        text_addf(out, "complete -c runb -n '__fish_seen_subcommand_from %s' -F -a '%s'\n",
                                  commands[i].name, listing->words);
        }
}

int cmd_completion(struct cli *cli, int argc, char **argv)
{
        const struct cli_usage usage = {
                .synopsis = "completion bash|zsh|fish",
                .summary = "Prints the completions of a shell: `. <(runb completion bash)`.",
                .min_arguments = 1,
                .max_arguments = 1,
        };
        auto_buffer struct text_buffer out = { 0 };
        struct listing listing = { .out = &out };
        struct error err = { 0 };
        char **arguments;
        size_t n;
        int r;

        r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);
        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, 1);
        if (strcmp(arguments[0], "bash") == 0) {
                listing.shell = BASH;
                write_bash(cli, &listing);
        } else if (strcmp(arguments[0], "zsh") == 0) {
                listing.shell = ZSH;
                write_zsh(cli, &listing);
        } else if (strcmp(arguments[0], "fish") == 0) {
                listing.shell = FISH;
                write_fish(cli, &listing);
        } else {
                error_set(&err, EINVAL, "no completions for \"%s\": bash, zsh or fish is wanted", arguments[0]);
                return cli_fail(&err, 1);
        }
        return cli_print(&out, &err) < 0 ? cli_fail(&err, 1) : 0;
}
