/* explain: why a build does not get what it wants: each thing that policy changed when the container was made, and,
 * where the profile has it counted, each system call that a filter refused. As long as the container is there;
 * afterwards the audit file has both. */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/base/text.h"
#include "runtime/cli/table.h"
#include "runtime/denials.h"
#include "runtime/state.h"

static void write_json(struct arena *arena, const struct state *state, const struct denials *denials,
                       struct text_buffer *out)
{
        text_add(out, "{");
        cli_add_member(out, "id", state->id);
        cli_add_member(out, "profile", state->profile);
        cli_add_member(out, "profileChosenBy", state->chosen_by);
        cli_add_member(out, "policyRevision", state->policy_revision);
        cli_add_findings(state->findings, NULL, out);
        text_add_flag(out, "isCounted", state->is_explained);
        text_add_list(out, "denials");
        for (size_t i = 0; i < denials->n; i++) {
                const struct denial *denial = &denials->all[i];

                text_add(out, i == 0 ? "{" : ",{");
                cli_add_member(out, "call", denials_call(arena, denial));
                text_add_number(out, "count", denial->count);
                cli_add_member(out, "program", denial->program);
                cli_add_member(out, "name", denial->name);
                cli_add_member(out, "why", denials_remedy(arena, denial, state->profile));
                text_add(out, "}");
        }
        text_add(out, "]}\n");
}

static void write_table(struct arena *arena, const struct state *state, const struct denials *denials,
                        struct text_buffer *out)
{
        static const char *const head[] = { "ACTION", "PROPERTY", "ASKED", "GETS", "RULE" };
        static const char *const denied_head[] = { "REFUSED", "TIMES", "PROGRAM", "NAME", "WHY" };
        struct table table = { .arena = arena, .n_columns = 5 };
        struct table denied = { .arena = arena, .n_columns = 5 };

        if (state->findings != NULL)
                table_add(&table, TABLE_PLAIN, head);
        for (const struct finding *finding = state->findings; finding != NULL; finding = finding->next) {
                const char *cells[] = { finding_action_name(finding->action), finding->property, finding->asked,
                                        finding->got, finding->rule };

                table_add(&table, TABLE_PLAIN, cells);
        }
        table_write(&table, table_width(), table_has_colours(), out);
        text_add(out, state->findings != NULL ? "\n" : "");
        if (denials->n > 0)
                table_add(&denied, TABLE_PLAIN, denied_head);
        for (size_t i = 0; i < denials->n; i++) {
                const struct denial *denial = &denials->all[i];
                const char *cells[] = { denials_call(arena, denial), arena_format(arena, "%" PRIu64, denial->count),
                                        denial->program, denial->name, denials_remedy(arena, denial, state->profile) };

                table_add(&denied, TABLE_RED, cells);
        }
        /* Whole, whatever the terminal's width: a remedy that is cut is none. */
        table_write(&denied, 0, table_has_colours(), out);
        if (!state->is_explained)
                text_addf(out,
                          "System calls that a filter refuses are not counted here: \"seccomp\": { \"explain\": true } "
                          "in the "
                          "profile \"%s\" counts them, from the next create on.\n",
                          state->profile);
        else if (denials->n == 0)
                text_add(out, "No system call has been refused by a filter.\n");
}

int cmd_explain(struct cli *cli, int argc, char **argv)
{
        const char *format = "table";
        const struct cli_option options[] = {
                { "format", 0, CLI_STRING, &format, "FORMAT", "table (default) or json" },
        };
        const struct cli_usage usage = {
                .synopsis = "explain [options] ID",
                .summary =
                        "Tells what policy changed for a container when it was made and, where its profile has it "
                        "counted, which "
                        "system calls the filters refused: how often, to which program, and what would let them pass.",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
        };
        auto_buffer struct text_buffer out = { 0 };
        auto_state_dir struct state_dir dir = { 0 };
        struct denials denials = { 0 };
        struct error err = { 0 };
        struct state state;
        const char *id;
        bool is_json = false;
        int r = cli_parse_id(cli, &usage, argc, argv, &id, &err);

        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, 1);
        r = cli_read_format(format, &is_json, &err);
        if (r == 0)
                r = cli_find_container(cli, id, true, &dir, &state, &err);
        if (r == 0 && state.is_explained)
                r = denials_read(dir.fd, cli->arena, &denials, &err);
        if (r < 0)
                return cli_fail(&err, 1);
        if (is_json)
                write_json(cli->arena, &state, &denials, &out);
        else
                write_table(cli->arena, &state, &denials, &out);
        return cli_print(&out, &err) < 0 ? cli_fail(&err, 1) : 0;
}
