/* "audit" of the policy file: where records go, and what becomes of a build that cannot be recorded. */
#include "policies/file_private.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/text.h"

#define FIELDS(list) (list), READER_COUNT(list)
#define JOURNALD "journald"
#define UNIX "unix:"
#define SOCKET_PATH_LIMIT 107   /* sockaddr_un, unix(7), less its NUL */
#define KEEP_MOST 1000000u
#define MAX_BYTES (UINT64_C(64) << 20)

static int read_on_error(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name names[] = { { "refuse", true }, { "warn", false } };
        int64_t value;
        int r = reader_one_of(reader, node, FIELDS(names), "refuse or warn", &value);

        if (r == 0)
                *(bool *)into = value != 0;
        return r;
}

static int read_max_size(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t bytes = 0;
        int r = policy_read_size(reader, node, &bytes);

        if (r == 0 && bytes == 0)
                r = reader_fail(reader, EINVAL, "0 is no size; leave it out for 64M");
        if (r == 0)
                *(uint64_t *)into = bytes;
        return r;
}

static int read_keep(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t keep = 0;
        int r = reader_unsigned(reader, node, KEEP_MOST, &keep);

        if (r == 0)
                *(uint32_t *)into = (uint32_t)keep;
        return r;
}

static int read_sink(struct reader *reader, const struct json_node *node, struct policy_audit *audit)
{
        struct json_node path = { .type = JSON_STRING };

        if (strcmp(node->text, JOURNALD) == 0 && !audit->is_journald) {
                audit->is_journald = true;
                return 0;
        }
        if (!text_starts_with(node->text, UNIX) || node->n > strlen(UNIX) + SOCKET_PATH_LIMIT)
                return reader_fail(
                        reader, EINVAL,
                        "%s: \"journald\", or \"unix:\" and the path of a datagram socket (up to %d bytes) is wanted, "
                        "each once",
                        READER_QUOTE(node->text), SOCKET_PATH_LIMIT);
        if (audit->socket != NULL)
                return reader_fail(reader, EINVAL, "%s: there is another socket already", READER_QUOTE(node->text));
        path.text = node->text + strlen(UNIX);
        path.n = node->n - (uint32_t)strlen(UNIX);
        return policy_read_path(reader, &path, &audit->socket);
}

static int read_sinks(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_expect(reader, node, JSON_ARRAY);
        size_t i = 0;

        if (r < 0)
                return r;
        json_for_each(item, node) {
                struct reader_step step = { .up = reader->at, .index = i++ };
                const struct reader_step *up = reader->at;

                reader->at = &step;
                r = reader_expect(reader, item, JSON_STRING);
                if (r == 0)
                        r = read_sink(reader, item, into);
                reader->at = up;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_annotation(struct reader *reader, const struct json_node *node, void *into)
{
        int r = policy_read_sentence(reader, node, into);

        if (r == 0 && node->n > 255)
                r = reader_fail(reader, EINVAL, "the name of an annotation is wanted");
        return r;
}

static int read_annotations(struct reader *reader, const struct json_node *node, void *into)
{
        return policy_read_texts(reader, node, read_annotation, into);
}

int policy_read_audit(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_REQUIRED(struct policy_audit, "path", path, policy_read_path),
                RF_VALUE(struct policy_audit, "onError", is_required, read_on_error),
                RF_VALUE(struct policy_audit, "fsync", is_synced, reader_bool),
                RF_VALUE(struct policy_audit, "maxSize", max_bytes, read_max_size),
                RF_VALUE(struct policy_audit, "keep", keep, read_keep),
                RF_VALUE(struct policy_audit, "chain", is_chained, reader_bool),
                RF_WHOLE("sinks", read_sinks),
                RF_VALUE(struct policy_audit, "annotations", annotations, read_annotations),
        };
        struct policy_audit *audit = into;

        audit->is_required = true;
        audit->max_bytes = MAX_BYTES;
        return policy_read_object(reader, node, FIELDS(fields), audit);
}

/* ---- writing ---- */

static void add_texts(const struct policy_texts *list, struct text_buffer *out)
{
        text_add(out, "[");
        for (size_t i = 0; i < list->n; i++) {
                text_add_key(out, NULL);
                text_add_json(out, list->items[i]);
        }
        text_add(out, "]");
}

static void add_sinks(const struct policy_audit *audit, struct text_buffer *out)
{
        text_add(out, audit->is_journald ? "[\"" JOURNALD "\"" : "[");
        if (audit->socket != NULL) {
                auto_buffer struct text_buffer name = { 0 };

                text_addf(&name, UNIX "%s", audit->socket);
                text_add_key(out, NULL);
                text_add_json(out, name.is_broken ? "" : name.text);
                out->is_broken |= name.is_broken;
        }
        text_add(out, "]");
}

/* A member a call, so that both ways of writing have the same ones. */
static bool add_member(const struct policy_audit *audit, size_t i, const char **ret_name, struct text_buffer *value)
{
        static const char *const names[] = { "path", "onError", "fsync", "maxSize",
                                             "keep", "chain",   "sinks", "annotations" };

        if (i == READER_COUNT(names))
                return false;
        *ret_name = names[i];
        switch (i) {
        case 0: text_add_json(value, audit->path); break;
        case 1: text_add(value, audit->is_required ? "\"refuse\"" : "\"warn\""); break;
        case 2: text_add(value, audit->is_synced ? "true" : "false"); break;
        case 3: text_addf(value, "%llu", (unsigned long long)audit->max_bytes); break;
        case 4: text_addf(value, "%u", audit->keep); break;
        case 5: text_add(value, audit->is_chained ? "true" : "false"); break;
        case 6: add_sinks(audit, value); break;
        case 7: add_texts(&audit->annotations, value); break;
        }
        return true;
}

void policy_file_write_audit(const struct policy_audit *audit, bool is_line_by_line, struct text_buffer *out)
{
        const char *name;

        for (size_t i = 0;; i++) {
                auto_buffer struct text_buffer value = { 0 };

                if (!add_member(audit, i, &name, &value))
                        break;
                out->is_broken |= value.is_broken;
                if (value.is_broken)
                        return;
                if (is_line_by_line)
                        text_addf(out, "audit.%s: %s\n", name, value.text);
                else
                        text_addf(out, "%s \"%s\": %s", i == 0 ? "{" : ",", name, value.text);
        }
        if (!is_line_by_line)
                text_add(out, " }");
}
