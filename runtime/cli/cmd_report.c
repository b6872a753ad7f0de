/* `runb report`: a container as the kernel shows it, and whether it is still what it was made as. */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/base/auto.h"
#include "runtime/base/text.h"
#include "runtime/cli/table.h"
#include "runtime/deadline.h"
#include "runtime/report.h"

#define EXIT_WEAKENED 3
#define ROWS_MOST 200   /* of a table for people; --format json has the rest */

static void begin(struct table *table, struct arena *arena, const char *const *titles, size_t n)
{
        *table = (struct table){ .arena = arena, .n_columns = n };
        table_add(table, TABLE_PLAIN, titles);
}

static void end(const struct table *table, const char *title, struct text_buffer *out)
{
        if (out->length > 0)
                text_add(out, "\n");
        text_addf(out, "%s\n", title);
        table_write(table, table_width(), table_has_colours(), out);
}

static const char *hex(struct arena *arena, uint64_t set)
{
        return arena_format(arena, "%010" PRIx64, set);
}

static void add_processes(const struct report *report, struct text_buffer *out)
{
        static const char *const titles[] = {
                "PID", "NAME", "UID", "EFFECTIVE", "BOUNDING", "NNP", "SECCOMP", "STATE"
        };
        struct arena *arena = report->arena;
        struct table table;

        begin(&table, arena, titles, sizeof titles / sizeof titles[0]);
        for (size_t i = 0; i < report->n_processes && i < ROWS_MOST; i++) {
                const struct report_process *process = &report->processes[i];
                const char *pid = process->pid == process->thread ?
                                          arena_format(arena, "%d", process->pid) :
                                          arena_format(arena, "%d/%d", process->pid, process->thread);

                table_add(&table, TABLE_PLAIN, (const char *const[]){
                        pid, process->name, arena_format(arena, "%u", process->uids[1]), hex(arena, process->effective),
                        hex(arena, process->bounding), process->no_new_privs == 1 ? "yes" : "no",
                        process->seccomp != 2 ? "none" :
                        arena_format(arena, "%d filter%s", process->filters, process->filters == 1 ? "" : "s"),
                        process->is_zombie ? "ended" : !process->is_in_cgroup ? "outside" : "" });
        }
        end(&table, "PROCESSES", out);
}

static void add_filters(const struct report *report, struct text_buffer *out)
{
        static const char *const titles[] = { "FILTER", "INSTRUCTIONS", "DIGEST" };
        struct arena *arena = report->arena;
        struct table table;

        if (report->n_filters == 0)
                return;
        begin(&table, arena, titles, sizeof titles / sizeof titles[0]);
        for (size_t i = 0; i < report->n_filters; i++)
                table_add(&table, TABLE_PLAIN,
                          (const char *const[]){ text_is_empty(report->filters[i].whose) ? "another" :
                                                                                           report->filters[i].whose,
                                                 arena_format(arena, "%" PRIu32, report->filters[i].n_instructions),
                                                 report->filters[i].digest });
        end(&table, "SYSTEM CALLS", out);
}

static void add_namespaces(const struct report *report, struct text_buffer *out)
{
        static const char *const titles[] = { "TYPE", "INODE", "OWNED BY", "MADE BY UID", "" };
        struct arena *arena = report->arena;
        struct table table;

        begin(&table, arena, titles, sizeof titles / sizeof titles[0]);
        for (size_t i = 0; i < report->n_namespaces; i++) {
                const struct report_namespace *ns = &report->namespaces[i];

                table_add(&table, TABLE_PLAIN,
                          (const char *const[]){
                                  spec_ns_name(ns->kind), arena_format(arena, "%" PRIu64, ns->inode),
                                  ns->owner_inode == 0 ? "above" : arena_format(arena, "%" PRIu64, ns->owner_inode),
                                  ns->has_owner_uid ? arena_format(arena, "%u", ns->owner_uid) : "",
                                  ns->is_hosts ? "the host's" : "" });
        }
        end(&table, "NAMESPACES", out);
}

static void add_mounts(const struct report *report, struct text_buffer *out)
{
        static const char *const titles[] = { "TARGET", "TYPE", "OPTIONS", "SOURCE" };
        struct table table;

        begin(&table, report->arena, titles, sizeof titles / sizeof titles[0]);
        for (size_t i = 0; i < report->n_mounts && i < ROWS_MOST; i++)
                table_add(&table, TABLE_PLAIN,
                          (const char *const[]){ report->mounts[i].target, report->mounts[i].fstype,
                                                 report->mounts[i].options, report->mounts[i].source });
        end(&table, "MOUNTS", out);
        if (report->n_mounts > ROWS_MOST)
                text_addf(out, "and %zu more\n", report->n_mounts - ROWS_MOST);
}

static void add_network(const struct report *report, struct text_buffer *out)
{
        static const char *const titles[] = { "TABLE", "CHAINS", "RULES" }, *const tried[] = { "DESTINATION", "VERDICT",
                                                                                               "PACKETS" };
        struct arena *arena = report->arena;
        struct table table;
        char text[EGRESS_ATTEMPT_TEXT];

        begin(&table, arena, titles, sizeof titles / sizeof titles[0]);
        for (size_t i = 0; i < report->n_tables; i++)
                table_add(&table, TABLE_PLAIN,
                          (const char *const[]){
                                  arena_format(arena, "%s %s", report->tables[i].family, report->tables[i].name),
                                  arena_format(arena, "%zu", report->tables[i].n_chains),
                                  arena_format(arena, "%zu", report->tables[i].n_rules) });
        end(&table, "NETWORK", out);
        if (report->n_attempts == 0)
                return;
        begin(&table, arena, tried, sizeof tried / sizeof tried[0]);
        for (size_t i = 0; i < report->n_attempts && i < ROWS_MOST; i++) {
                egress_attempt_text(&report->attempts[i], text, sizeof text);
                table_add(&table, TABLE_PLAIN,
                          (const char *const[]){ text, report->attempts[i].is_refused ? "refused" : "passed",
                                                 arena_format(arena, "%" PRIu64, report->attempts[i].packets) });
        }
        end(&table, "TRIED", out);
}

static void add_limits(const struct report *report, struct text_buffer *out)
{
        static const char *const titles[] = { "LIMIT", "SET TO", "KERNEL HAS", "IN USE" };
        struct table table;

        begin(&table, report->arena, titles, sizeof titles / sizeof titles[0]);
        for (size_t i = 0; i < report->n_limits; i++)
                table_add(&table, TABLE_PLAIN,
                          (const char *const[]){ report->limits[i].name, report->limits[i].wanted,
                                                 report->limits[i].limit, report->limits[i].use });
        end(&table, "LIMITS", out);
}

static void add_checks(const struct report *report, struct text_buffer *out)
{
        static const char *const titles[] = { "CONTROL", "VERDICT", "" };
        struct table table;

        begin(&table, report->arena, titles, sizeof titles / sizeof titles[0]);
        for (const struct report_check *check = report->first; check != NULL; check = check->next)
                table_add(&table,
                          check->verdict == REPORT_HOLDS  ? TABLE_GREEN :
                          check->verdict == REPORT_UNREAD ? TABLE_YELLOW :
                                                            TABLE_RED,
                          (const char *const[]){ check->control, report_verdict_name(check->verdict), check->text });
        text_add(out, "\nCONTROLS\n");
        /* The sentences are what it is about: none of them is cut. */
        table_write(&table, 0, table_has_colours(), out);
}

static bool has_unread(const struct report *report)
{
        const struct report_check *check = report->first;

        while (check != NULL && check->verdict != REPORT_UNREAD)
                check = check->next;
        return check != NULL;
}

static void add_table(const struct report *report, struct text_buffer *out)
{
        add_processes(report, out);
        add_filters(report, out);
        add_namespaces(report, out);
        add_mounts(report, out);
        add_network(report, out);
        add_limits(report, out);
        add_checks(report, out);
        text_addf(out, "\n%s (%s, profile %s) %s%s\n", report->state->id, state_status_name(report->status),
                  report->state->profile,
                  report->holds ? "holds: it is what it was made as" : "DOES NOT HOLD: see what is not \"holds\" above",
                  has_unread(report) ? "; what was not read is above, too" : "");
}

/* Returns 1 where it does not hold. */
static int show(struct cli *cli, const char *id, bool is_json, bool may_stop, struct error *err)
{
        auto_state_dir struct state_dir dir = { 0 };
        auto_buffer struct text_buffer out = { 0 };
        auto_report struct report report = { .proc_fd = UNSET_FD, .userns_fd = UNSET_FD };
        struct state state;
        int r = cli_find_container(cli, id, true, &dir, &state, err);

        if (r < 0)
                return r;
        deadline_check(&dir, &state);
        r = report_make(&dir, &state, may_stop, cli->arena, &report, err);
        if (r < 0)
                return r;
        if (is_json)
                report_to_json(&report, &out);
        else
                add_table(&report, &out);
        r = cli_print(&out, err);
        return r < 0 ? r : !report.holds;
}

int cmd_report(struct cli *cli, int argc, char **argv)
{
        const char *format = "table";
        bool is_undisturbed = false;
        const struct cli_option options[] = {
                { "format", 'f', CLI_STRING, &format, "table|json", "as tables, or as JSON" },
                { "undisturbed", 0, CLI_FLAG, &is_undisturbed, NULL, "stop no thread to read which filters it has" },
        };
        const struct cli_usage usage = {
                .synopsis = "report [options] ID",
                .summary = "Prints a container as the kernel shows it: processes, namespaces, mounts, network, limits; "
                           "and for each control whether it is what create made. Exits with 0 where all of them hold, "
                           "with 3 where one does not, with 1 where it could not look.",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
                .min_arguments = 1,
                .max_arguments = 1,
        };
        struct error err = { 0 };
        char **arguments;
        bool is_json = false;
        size_t n;
        int r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);

        if (r > 0)
                return 0;
        if (r == 0)
                r = cli_read_format(format, &is_json, &err);
        if (r == 0)
                r = show(cli, arguments[0], is_json, !is_undisturbed, &err);
        return r < 0 ? cli_fail(&err, 1) : r > 0 ? EXIT_WEAKENED : 0;
}
