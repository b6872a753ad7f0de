/* Options: one parser for every command, so that all spellings which engines use work everywhere.
 *
 * Go's flag package, which runc's users write for, takes -name and --name as the same; go-runc really sends
 * `-no-subreaper`. A value follows as the next word or after "=". Texts of errors keep Go's words ("flag needs an
 * argument"), since podman and CRI-O look for them when they probe a runtime. */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

#define HELP_COLUMNS 80u
#define HELP_INDENT 30u

static bool takes_value(const struct cli_option *option)
{
        return option->kind != CLI_FLAG && option->kind != CLI_IGNORED_FLAG;
}

/* ParseBool of Go's strconv. */
static int read_bool(const char *text, bool *ret_value)
{
        static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
        static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

        for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
                if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
                        *ret_value = strcmp(text, yes[i]) == 0;
                        return 0;
                }
        }
        return -EINVAL;
}

static int add_string(const struct cli *cli, struct cli_strings *strings, const char *value)
{
        /* Twice the room whenever the count reaches a power of two; the arena keeps the old rows. */
        if ((strings->n & (strings->n - 1)) == 0) {
                const char **more = arena_array(cli->arena, strings->n == 0 ? 2 : strings->n * 2 + 1, sizeof *more);

                if (more == NULL)
                        return -ENOMEM;
                if (strings->n > 0)
                        memcpy(more, strings->values, strings->n * sizeof *more);
                strings->values = more;
        }
        strings->values[strings->n++] = value;
        return 0;
}

static int store(const struct cli *cli, const struct cli_option *option, const char *value, struct error *err)
{
        bool is_on = true;

        switch (option->kind) {
        case CLI_FLAG:
                if (value != NULL && read_bool(value, &is_on) < 0)
                        return error_set(err, EINVAL, "invalid value \"%s\" for flag --%s: true or false is wanted",
                                         value, option->name);
                *(bool *)option->target = is_on;
                return 0;
        case CLI_STRING:
                *(const char **)option->target = value;
                return 0;
        case CLI_STRINGS:
                if (add_string(cli, option->target, value) < 0)
                        return error_errno(err, ENOMEM, "--%s", option->name);
                return 0;
        case CLI_U32:
                if (text_to_u32(value, option->target) < 0)
                        return error_set(err, EINVAL,
                                         "invalid value \"%s\" for flag --%s: a whole number from 0 to %u is wanted",
                                         value, option->name, UINT32_MAX);
                return 0;
        case CLI_IGNORED_FLAG:
                if (value != NULL && read_bool(value, &is_on) < 0)
                        return error_set(err, EINVAL, "invalid value \"%s\" for flag --%s: true or false is wanted",
                                         value, option->name);
                return 0;
        }
        return error_set(err, EINVAL, "--%s", option->name);
}

/* @name: @length bytes, without dashes. */
static const struct cli_option *find_option(const struct cli_usage *usage, const char *name, size_t length)
{
        for (size_t i = 0; i < usage->n_options; i++) {
                const struct cli_option *option = &usage->options[i];

                if (strlen(option->name) == length && memcmp(option->name, name, length) == 0)
                        return option;
                if (length == 1 && option->letter != 0 && option->letter == name[0])
                        return option;
        }
        return NULL;
}

static bool is_help(const char *name, size_t length)
{
        return (length == 1 && name[0] == 'h') || (length == 4 && memcmp(name, "help", 4) == 0);
}

/* Writes @text, wrapped at the terminal's usual width, the second and later lines indented. */
static void add_wrapped(struct text_buffer *out, const char *text, size_t column, size_t indent)
{
        size_t word;

        while (*text != '\0') {
                if (*text == '\n') {
                        text_addf(out, "\n%*s", (int)indent, "");
                        column = indent;
                        text++;
                        continue;
                }
                word = strcspn(text, " \n");
                if (column > indent && column + 1 + word > HELP_COLUMNS) {
                        text_addf(out, "\n%*s", (int)indent, "");
                        column = indent;
                } else if (column > indent) {
                        text_add(out, " ");
                        column++;
                }
                text_add_n(out, text, word);
                column += word;
                text += word;
                while (*text == ' ')
                        text++;
        }
        text_add(out, "\n");
}

static void add_option_help(struct text_buffer *out, const struct cli_option *option)
{
        char left[128];
        int length;

        if (option->help == NULL)
                return;
        length = snprintf(left, sizeof left, "  %c%c%s --%s%s%s", option->letter != 0 ? '-' : ' ',
                          option->letter != 0 ? option->letter : ' ', option->letter != 0 ? "," : " ", option->name,
                          option->value_name != NULL ? " " : "", option->value_name != NULL ? option->value_name : "");
        if (length < 0)
                return;
        text_add(out, left);
        if ((size_t)length + 2 > HELP_INDENT)
                text_addf(out, "\n%*s", (int)HELP_INDENT, "");
        else
                text_addf(out, "%*s", (int)HELP_INDENT - length, "");
        add_wrapped(out, option->help, HELP_INDENT, HELP_INDENT);
}

void cli_add_help(const struct cli_usage *usage, struct text_buffer *out)
{
        const struct cli_option help = { "help", 'h', CLI_FLAG, NULL, NULL, "show this text and end" };
        const struct cli_command *commands;
        size_t n;

        text_addf(out, "usage: runb%s", usage->is_global ? "" : " [global options]");
        add_wrapped(out, usage->synopsis, usage->is_global ? 11 : 28, 10);
        text_add(out, "\n");
        add_wrapped(out, usage->summary, 0, 0);
        text_addf(out, "\n%s:\n", usage->is_global ? "global options" : "options");
        for (size_t i = 0; i < usage->n_options; i++)
                add_option_help(out, &usage->options[i]);
        add_option_help(out, &help);
        if (!usage->is_global)
                return;
        text_add(out, "\ncommands:\n");
        commands = cli_commands(&n);
        for (size_t i = 0; i < n; i++)
                text_addf(out, "  %-12s%s\n", commands[i].name, commands[i].summary);
        text_add(out,
                 "\nExit status: 0, or 1 after an error. `run` and `exec` give the program's own status, 128 and the\n"
                 "signal's number after a signal; 255 where exec itself failed. Manual: runb(8).\n");
}

int cli_read_format(const char *format, bool *ret_is_json, struct error *err)
{
        *ret_is_json = strcmp(format, "json") == 0;
        if (!*ret_is_json && strcmp(format, "table") != 0)
                return error_set(err, EINVAL, "invalid format \"%s\": table or json is wanted", format);
        return 0;
}

int cli_print(const struct text_buffer *buffer, struct error *err)
{
        int r;

        if (buffer->is_broken)
                return error_errno(err, ENOMEM, "output");
        r = fd_write_all(STDOUT_FILENO, buffer->text, buffer->length);
        if (r < 0)
                return error_errno(err, r, "write to standard output");
        return 0;
}

static int print_help(const struct cli_usage *usage, struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };
        int r;

        cli_add_help(usage, &out);
        r = cli_print(&out, err);
        return r < 0 ? r : 1;
}

static int check_count(const struct cli_usage *usage, const char *command, size_t n, struct error *err)
{
        const char *prefix = usage->is_global ? "" : command;
        const char *wanted;
        size_t limit;

        if (n >= usage->min_arguments && n <= usage->max_arguments)
                return 0;
        wanted = usage->min_arguments == usage->max_arguments ? "exactly" : n < usage->min_arguments ? "at least"
                                                                                                      : "at most";
        limit = n < usage->min_arguments ? usage->min_arguments : usage->max_arguments;
        if (limit == 0)
                return error_set(err, EINVAL, "\"%s\" takes no arguments; usage: runb %s", prefix, usage->synopsis);
        return error_set(err, EINVAL, "\"%s\" requires %s %zu argument%s; usage: runb %s", prefix, wanted, limit,
                         limit == 1 ? "" : "s", usage->synopsis);
}

int cli_parse(const struct cli *cli, const struct cli_usage *usage, int argc, char **argv, char ***ret_arguments,
              size_t *ret_n, struct error *err)
{
        const char *see = usage->is_global ? "" : argv[0];
        const char *gap = usage->is_global ? "" : " ";
        const struct cli_option *option;
        const char *name, *value;
        char **arguments;
        size_t length, n = 0;
        int i, r;

        if (cli->list_options != NULL) {
                cli->list_options(usage, cli->list_context);
                return 1;
        }
        arguments = arena_array(cli->arena, (size_t)argc + 1, sizeof *arguments);
        if (arguments == NULL)
                return error_errno(err, ENOMEM, "arguments");

        for (i = 1; i < argc; i++) {
                if (argv[i][0] != '-' || argv[i][1] == '\0') {
                        arguments[n++] = argv[i];
                        if (usage->stops_at_first_argument) {
                                i++;
                                break;
                        }
                        continue;
                }
                if (strcmp(argv[i], "--") == 0) {
                        i++;
                        break;
                }
                name = argv[i] + (argv[i][1] == '-' ? 2 : 1);
                length = strcspn(name, "=");
                value = name[length] == '=' ? name + length + 1 : NULL;
                option = find_option(usage, name, length);
                if (option == NULL && is_help(name, length))
                        return print_help(usage, err);
                if (option == NULL)
                        return error_set(err, EINVAL, "flag provided but not defined: %.*s; see `runb%s%s --help`",
                                         (int)(name - argv[i] + (ptrdiff_t)length), argv[i], gap, see);
                if (takes_value(option) && value == NULL) {
                        if (i + 1 == argc)
                                return error_set(err, EINVAL, "flag needs an argument: --%s; see `runb%s%s --help`",
                                                 option->name, gap, see);
                        value = argv[++i];
                }
                r = store(cli, option, value, err);
                if (r < 0)
                        return r;
        }
        while (i < argc)
                arguments[n++] = argv[i++];

        if (!usage->is_global) {
                r = check_count(usage, argv[0], n, err);
                if (r < 0)
                        return r;
        }
        *ret_arguments = arguments;
        *ret_n = n;
        return 0;
}

int cli_parse_id(const struct cli *cli, const struct cli_usage *usage, int argc, char **argv, const char **ret_id,
                 struct error *err)
{
        struct cli_usage one = *usage;
        char **arguments;
        size_t n;
        int r;

        one.min_arguments = one.max_arguments = 1;
        r = cli_parse(cli, &one, argc, argv, &arguments, &n, err);
        if (r == 0)
                *ret_id = arguments[0];
        return r;
}

int cli_fail(const struct error *err, int status)
{
        log_error("%s", err->text[0] != '\0' ? err->text : error_text(err->code));
        return status;
}
