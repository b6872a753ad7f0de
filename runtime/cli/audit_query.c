/* Withstands lines that are none of runb's: what is no JSON object is left out, and what a terminal would obey the
 * table replaces. */
#include "runtime/cli/audit_query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "oci-spec/json.h"
#include "runtime/audit_verify.h"
#include "runtime/base/auto.h"
#include "runtime/base/text.h"
#include "runtime/cli/table.h"

struct search {
        const struct audit_query *query;
        char since[40];
        struct table *table;
        struct text_buffer out;         /* of JSON, printed now and then */
        struct error *err;
};

#define PRINT_BYTES ((size_t)1 << 16)

static const char *text_of(const struct json_node *record, const char *key)
{
        const struct json_node *node = json_member(record, key);

        return node != NULL && (node->type == JSON_STRING || node->type == JSON_NUMBER) ? node->text : NULL;
}

static bool is_same(const struct json_node *record, const char *key, const char *wanted)
{
        const char *text = text_of(record, key);

        return wanted == NULL || (text != NULL && strcmp(text, wanted) == 0);
}

static bool is_wanted(const struct search *search, const struct json_node *record)
{
        const char *time_text = text_of(record, "time");

        return is_same(record, "id", search->query->id) && is_same(record, "event", search->query->event) &&
               is_same(record, "profile", search->query->profile) &&
               (search->since[0] == '\0' || (time_text != NULL && strcmp(time_text, search->since) >= 0));
}

static void add_detail(struct text_buffer *out, const char *before, const char *text)
{
        if (text != NULL)
                text_addf(out, "%s%s%s", out->length > 0 ? ", " : "", before, text);
}

static void describe(const struct json_node *record, struct text_buffer *out)
{
        const struct json_node *findings = json_member(record, "findings");

        text_add(out, "");
        add_detail(out, "profile ", text_of(record, "profile"));
        add_detail(out, "", text_of(record, "outcome"));
        add_detail(out, "", text_of(record, "reason"));
        add_detail(out, "status ", text_of(record, "exitStatus"));
        add_detail(out, "kills ", text_of(record, "oomKills"));
        add_detail(out, "records lost: ", text_of(record, "lost"));
        if (findings != NULL && findings->type == JSON_ARRAY && findings->n > 0)
                text_addf(out, ", %u finding%s", findings->n, findings->n == 1 ? "" : "s");
        add_detail(out, "", text_of(record, "error"));
}

static int show(const struct audit_read_line *line, void *context)
{
        struct search *search = context;
        auto_arena struct arena arena = { 0 };
        auto_buffer struct text_buffer detail = { 0 };
        const struct json_node *record;
        const char *cells[TABLE_COLUMNS] = { NULL };
        char when[24];

        if (!line->is_whole || !line->is_ended ||
            json_parse(&arena, line->text, line->length, "a record", &record, NULL) < 0 ||
            record->type != JSON_OBJECT || !is_wanted(search, record))
                return 0;
        if (search->query->is_json) {
                text_add_n(&search->out, line->text, line->length);
                text_add(&search->out, "\n");
                if (search->out.length < PRINT_BYTES)
                        return 0;
                if (cli_print(&search->out, search->err) < 0)
                        return -search->err->code;
                search->out.length = 0;
                return 0;
        }
        describe(record, &detail);
        snprintf(when, sizeof when, "%.19s", text_of(record, "time") != NULL ? text_of(record, "time") : "");
        cells[0] = text_of(record, "seq");
        cells[1] = when;
        cells[2] = text_of(record, "event");
        cells[3] = text_of(record, "id");
        cells[4] = detail.text;
        for (size_t i = 0; i < TABLE_COLUMNS; i++)
                cells[i] = cells[i] != NULL ? cells[i] : "";
        table_add(search->table, json_member(record, "error") != NULL ? TABLE_RED : TABLE_PLAIN, cells);
        return 0;
}

/* A duration back from now, or the beginning of a time as records have it. */
static int read_since(const char *text, char ret_since[40], struct error *err)
{
        struct timespec now;
        struct tm parts;
        int64_t ns;
        time_t then;

        ret_since[0] = '\0';
        if (text == NULL)
                return 0;
        if (text_to_duration(text, &ns) == 0 && ns >= 0) {
                clock_gettime(CLOCK_REALTIME, &now);
                then = now.tv_sec - (time_t)(ns / 1000000000);
                if (gmtime_r(&then, &parts) == NULL || strftime(ret_since, 40, "%Y-%m-%dT%H:%M:%S", &parts) == 0)
                        return error_set(err, EINVAL, "--since %s: that long ago there was no time", text);
                return 0;
        }
        if (strlen(text) >= 40 || strlen(text) < 4 || strspn(text, "0123456789-:T.Z") != strlen(text))
                return error_set(
                        err, EINVAL,
                        "--since %s: a duration (\"2h\"), or a time or its beginning (\"2026-11-21T10:00\", UTC) is "
                        "wanted",
                        text);
        /* "10:00Z" would sort behind "10:00:30". */
        snprintf(ret_since, 40, "%.*s", (int)strcspn(text, "Z"), text);
        return 0;
}

int audit_query_run(struct cli *cli, const struct audit_snapshot *snapshot, const struct audit_query *query,
                    struct error *err)
{
        static const char *const head[TABLE_COLUMNS] = { "SEQ", "TIME", "EVENT", "ID", "WHAT" };
        auto_buffer struct text_buffer out = { 0 };
        struct table table = { .arena = cli->arena, .n_columns = TABLE_COLUMNS };
        struct search search = { .query = query, .table = &table, .err = err };
        int r = read_since(query->since, search.since, err);

        table_add(&table, TABLE_PLAIN, head);
        for (size_t i = 0; i < snapshot->n && r == 0; i++) {
                auto_close int opened = UNSET_FD;
                bool is_ours;
                int fd;

                r = audit_snapshot_file(snapshot, i, &fd, &is_ours, err);
                if (r < 0)
                        break;
                if (!is_ours)
                        opened = fd;
                r = audit_read_lines(fd, snapshot->files[i].limit_bytes, show, &search);
                if (r < 0 && err->code == 0)
                        error_errno(err, r, "audit file %s", snapshot->files[i].path);
        }
        if (r == 0 && query->is_json && search.out.length > 0)
                r = cli_print(&search.out, err);
        text_buffer_free(&search.out);
        if (r < 0 || query->is_json)
                return r;
        if (table.is_broken)
                return error_errno(err, ENOMEM, "output");
        table_write(&table, table_width(), table_has_colours(), &out);
        return cli_print(&out, err);
}
