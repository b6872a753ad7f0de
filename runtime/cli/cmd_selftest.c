/* selftest: does a sandbox of a profile hold here? */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/text.h"
#include "runtime/cli/table.h"
#include "runtime/selftest.h"

#define EXIT_CANNOT_RUN 1
#define EXIT_DID_NOT_HOLD 3

static void write_json(const struct selftest *selftest, struct text_buffer *out)
{
        text_add(out, "{");
        text_add_member(out, "verdict", selftest->n[SELFTEST_FAILED] > 0 ? "failed" : "held");
        text_add_member(out, "profile", selftest->profile);
        text_add_list(out, "attempts");
        for (const struct selftest_result *result = selftest->first; result != NULL; result = result->next) {
                text_add(out, result == selftest->first ? "{" : ",{");
                text_add_member(out, "attempt", result->attempt);
                text_add_member(out, "verdict",
                       result->verdict == SELFTEST_FAILED ? "failed" : selftest_verdict_name(result->verdict));
                text_add_member(out, "how", result->how);
                text_add(out, "}");
        }
        text_add(out, "]}\n");
}

static void write_table(const struct selftest *selftest, struct text_buffer *out)
{
        static const enum table_colour colours[] = {
                [SELFTEST_HELD] = TABLE_GREEN, [SELFTEST_FAILED] = TABLE_RED, [SELFTEST_UNTRIED] = TABLE_YELLOW
        };
        struct table table = { .arena = selftest->arena, .n_columns = 3 };

        for (const struct selftest_result *result = selftest->first; result != NULL; result = result->next) {
                const char *cells[] = { selftest_verdict_name(result->verdict), result->attempt, result->how };

                table_add(&table, colours[result->verdict], cells);
        }
        table_write(&table, table_width(), table_has_colours(), out);
        text_addf(out, "\nprofile \"%s\": %zu held, %zu FAILED, %zu untried\n", selftest->profile,
                  selftest->n[SELFTEST_HELD], selftest->n[SELFTEST_FAILED], selftest->n[SELFTEST_UNTRIED]);
}

int cmd_selftest(struct cli *cli, int argc, char **argv)
{
        const char *format = "table", *profile = NULL, *inside = NULL;
        const struct cli_option options[] = {
                { "profile", 0, CLI_STRING, &profile, "NAME", "as the global option" },
                { "format", 0, CLI_STRING, &format, "FORMAT", "table (default) or json" },
                { "inside", 0, CLI_STRING, &inside, NULL, NULL }, /* the battery: what the container runs */
        };
        const struct cli_usage usage = {
                .synopsis = "selftest [options]",
                .summary = "Makes a container of this program alone, tries in it to get out, and prints what held. "
                           "Needs no image, "
                           "network or engine. Exit status: 0 everything held, 3 something did not, 1 it could not be "
                           "tried.",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
        };
        struct selftest selftest = { .arena = cli->arena,
                                     .root = cli->root,
                                     .policy = cli->policy,
                                     .is_cgroup_disabled = cli->is_cgroup_disabled };
        auto_buffer struct text_buffer out = { 0 };
        struct error err = { 0 };
        char **arguments;
        bool is_json;
        size_t n;
        int r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);

        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, EXIT_CANNOT_RUN);
        if (inside != NULL && strcmp(inside, "euid") == 0)
                return geteuid() == 0;
        if (inside != NULL)
                return selftest_inside(inside);
        if (cli_read_format(format, &is_json, &err) < 0)
                return cli_fail(&err, EXIT_CANNOT_RUN);
        if (profile != NULL)
                selftest.policy.profile = profile;
        if (selftest_run(&selftest, &err) < 0)
                return cli_fail(&err, EXIT_CANNOT_RUN);
        if (is_json)
                write_json(&selftest, &out);
        else
                write_table(&selftest, &out);
        if (cli_print(&out, &err) < 0)
                return cli_fail(&err, EXIT_CANNOT_RUN);
        return selftest.n[SELFTEST_FAILED] > 0 ? EXIT_DID_NOT_HOLD : 0;
}
