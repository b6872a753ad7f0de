/* doctor: can this host hold the policy? */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <string.h>

#include "policies/file.h"
#include "runtime/base/auto.h"
#include "runtime/base/text.h"
#include "runtime/cli/table.h"
#include "runtime/doctor.h"
#include "runtime/host.h"

#define EXIT_USAGE 2

static const int exits[] = { [DOCTOR_OK] = 0, [DOCTOR_WEAKER] = 1, [DOCTOR_MISSING] = 3 };

static void member(struct text_buffer *out, const char *name, const char *text)
{
        if (text == NULL)
                return;
        text_add_key(out, name);
        text_add_json(out, text);
}

static void write_json(const struct doctor *doctor, struct text_buffer *out)
{
        text_add(out, "{");
        member(out, "verdict", doctor_state_name(doctor->worst));
        text_add_list(out, "facts");
        for (const struct doctor_fact *fact = doctor->first; fact != NULL; fact = fact->next) {
                text_add(out, fact == doctor->first ? "{" : ",{");
                member(out, "name", fact->name);
                member(out, "state", doctor_state_name(fact->state));
                member(out, "found", fact->found);
                member(out, "lost", fact->lost);
                member(out, "remedy", fact->remedy);
                text_add(out, "}");
        }
        text_add(out, "]}\n");
}

static void write_table(const struct doctor *doctor, struct text_buffer *out)
{
        static const char *const head[] = { "STATE", "WHAT", "FOUND" };
        static const enum table_colour colours[] = {
                [DOCTOR_OK] = TABLE_GREEN, [DOCTOR_WEAKER] = TABLE_YELLOW, [DOCTOR_MISSING] = TABLE_RED
        };
        struct table table = { .arena = doctor->arena, .n_columns = 3 };
        bool is_first = true;

        table_add(&table, TABLE_PLAIN, head);
        for (const struct doctor_fact *fact = doctor->first; fact != NULL; fact = fact->next) {
                const char *cells[] = { doctor_state_name(fact->state), fact->name, fact->found };

                table_add(&table, colours[fact->state], cells);
        }
        table_write(&table, table_width(), table_has_colours(), out);
        for (const struct doctor_fact *fact = doctor->first; fact != NULL; fact = fact->next) {
                if (fact->state == DOCTOR_OK)
                        continue;
                text_addf(out, "%s%s (%s): %s.\n    Remedy: %s.\n", is_first ? "\n" : "", fact->name,
                          doctor_state_name(fact->state), fact->lost, fact->remedy);
                is_first = false;
        }
        text_addf(out, "\n%s\n",
                  doctor->worst == DOCTOR_OK       ? "ok: this host holds the policy"
                  : doctor->worst == DOCTOR_WEAKER ? "weaker: this host holds the policy, with what is said above"
                                                   : "missing: this host cannot hold the policy");
}

int cmd_doctor(struct cli *cli, int argc, char **argv)
{
        const char *format = "table";
        const struct cli_option options[] = {
                { "format", 0, CLI_STRING, &format, "FORMAT", "table (default) or json" },
        };
        const struct cli_usage usage = {
                .synopsis = "doctor [options]",
                .summary = "Tells whether this host can hold the policy: what is there, weaker or missing, what is "
                           "lost by that "
                           "and how to get it. Changes nothing. Exit status: 0 all is well, 1 something is weaker, 3 "
                           "the policy cannot "
                           "be held here, 2 the call is wrong.",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
        };
        struct doctor doctor = { .arena = cli->arena, .root = cli->root, .privilege = host_privilege() };
        auto_buffer struct text_buffer out = { 0 };
        const struct policy_file *file = NULL;
        struct error err = { 0 }, policy_error = { 0 };
        char **arguments;
        bool is_json;
        size_t n;
        int r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);

        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, EXIT_USAGE);
        if (cli_read_format(format, &is_json, &err) < 0)
                return cli_fail(&err, EXIT_USAGE);
        r = policy_load(&cli->policy, cli->arena, &file, &policy_error);
        doctor.profiles = file != NULL ? file->profiles : &policy_builtin()->profile;
        doctor.subid_user = file != NULL ? file->subid_user : NULL;
        doctor.n_profiles = file != NULL ? file->n_profiles : 1;
        doctor_look(&doctor, r < 0 ? policy_error.text : NULL, file != NULL);
        if (doctor.is_broken) {
                error_errno(&err, ENOMEM, "doctor");
                return cli_fail(&err, EXIT_USAGE);
        }
        if (is_json)
                write_json(&doctor, &out);
        else
                write_table(&doctor, &out);
        return cli_print(&out, &err) < 0 ? cli_fail(&err, EXIT_USAGE) : exits[doctor.worst];
}
