/* `runb list`: runc's table, or its JSON. For people; no engine calls it. */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/deadline.h"
#include "runtime/state.h"

enum { COLUMN_ID, COLUMN_PID, COLUMN_STATUS, COLUMN_BUNDLE, COLUMN_CREATED, COLUMN_OWNER, N_COLUMNS };

struct row {
        const char *cells[N_COLUMNS];
        struct state state;
        enum state_status status;
};

/* Returns 1 where there is nothing to say of it: it is just being made, or has just gone. */
static int read_row(const struct cli *cli, const char *id, struct row *ret_row, struct error *err)
{
        auto_state_dir struct state_dir dir = { 0 };
        struct row row;
        int r;

        r = state_open(cli->root, id, true, &dir, err);
        if (r == 0)
                r = state_read(&dir, cli->arena, &row.state, err);
        if (r < 0) {
                log_warning("container %s: %s", id, err->text);
                return 1;
        }
        deadline_check(&dir, &row.state);
        row.status = state_status(&row.state);
        row.cells[COLUMN_ID] = row.state.id;
        row.cells[COLUMN_PID] = arena_format(cli->arena, "%d", row.status == STATE_STOPPED ? 0 : row.state.init_pid);
        row.cells[COLUMN_STATUS] = state_status_name(row.status);
        row.cells[COLUMN_BUNDLE] = row.state.bundle == NULL ? "" : row.state.bundle;
        row.cells[COLUMN_CREATED] = row.state.created == NULL ? "" : row.state.created;
        row.cells[COLUMN_OWNER] = row.state.owner == NULL ? "" : row.state.owner;
        if (row.cells[COLUMN_PID] == NULL)
                return error_errno(err, ENOMEM, "list");
        *ret_row = row;
        return 0;
}

/* Columns at least 12 wide, three blanks apart, as runc's. */
static void add_table(const struct row *rows, size_t n, struct text_buffer *out)
{
        static const char *const titles[N_COLUMNS] = { "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER" };
        size_t widths[N_COLUMNS];

        for (size_t column = 0; column < N_COLUMNS; column++) {
                widths[column] = strlen(titles[column]);
                for (size_t i = 0; i < n; i++)
                        if (strlen(rows[i].cells[column]) > widths[column])
                                widths[column] = strlen(rows[i].cells[column]);
                widths[column] = widths[column] + 3 < 12 ? 12 : widths[column] + 3;
        }
        for (size_t i = 0; i <= n; i++) {
                const char *const *cells = i == 0 ? titles : rows[i - 1].cells;

                for (size_t column = 0; column + 1 < N_COLUMNS; column++)
                        text_addf(out, "%-*s", (int)widths[column], cells[column]);
                text_addf(out, "%s\n", cells[N_COLUMNS - 1]);
        }
}

static void add_json(const struct row *rows, size_t n, struct text_buffer *out)
{
        /* runc's Go prints a list without members so. */
        if (n == 0) {
                text_add(out, "null\n");
                return;
        }
        for (size_t i = 0; i < n; i++) {
                text_add(out, i == 0 ? "[" : ",");
                state_to_oci_line(&rows[i].state, rows[i].status, out);
        }
        text_add(out, "]\n");
}

static int print_list(const struct cli *cli, bool is_json, bool is_quiet, struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };
        const char *const *ids;
        struct row *rows;
        size_t n_ids, n = 0;
        int r;

        r = state_list(cli->root, cli->arena, &ids, &n_ids, err);
        if (r < 0)
                return r;
        if (is_quiet) {
                for (size_t i = 0; i < n_ids; i++)
                        text_addf(&out, "%s\n", ids[i]);
                return cli_print(&out, err);
        }
        rows = arena_array(cli->arena, n_ids + 1, sizeof *rows);
        if (rows == NULL)
                return error_errno(err, ENOMEM, "list");
        for (size_t i = 0; i < n_ids; i++) {
                r = read_row(cli, ids[i], &rows[n], err);
                if (r < 0)
                        return r;
                n += r == 0;
        }
        if (is_json)
                add_json(rows, n, &out);
        else
                add_table(rows, n, &out);
        return cli_print(&out, err);
}

int cmd_list(struct cli *cli, int argc, char **argv)
{
        const char *format = "table";
        bool is_quiet = false;
        const struct cli_option options[] = {
                { "format", 'f', CLI_STRING, &format, "FORMAT", "table (default) or json" },
                { "quiet", 'q', CLI_FLAG, &is_quiet, NULL, "only the ids" },
        };
        const struct cli_usage usage = {
                .synopsis = "list [options]",
                .summary = "Lists the containers of this state folder (--root).",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
        };
        struct error err = { 0 };
        char **arguments;
        size_t n;
        int r;

        r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);
        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, 1);
        if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0) {
                error_set(&err, EINVAL, "invalid format option \"%s\": table or json is wanted", format);
                return cli_fail(&err, 1);
        }
        return print_list(cli, strcmp(format, "json") == 0, is_quiet, &err) < 0 ? cli_fail(&err, 1) : 0;
}
