/* The tables' interpreter. It walks each object once, in the document's order, so that reading is linear in the size
 * of the document however many properties a table has. */
#include "oci-spec/reader.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "oci-spec/spec.h"

struct sentence {
        char text[sizeof ((struct error *)NULL)->text];
        size_t length;
};

__attribute__((format(printf, 2, 0))) static void say_args(struct sentence *s, const char *format, va_list args)
{
        int n = vsnprintf(s->text + s->length, sizeof s->text - s->length, format, args);

        if (n > 0)
                s->length += (size_t)n;
        if (s->length >= sizeof s->text)
                s->length = sizeof s->text - 1;
}

__attribute__((format(printf, 2, 3))) static void say(struct sentence *s, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        say_args(s, format, args);
        va_end(args);
}

static void say_way(struct sentence *s, const struct reader_step *step)
{
        if (step == NULL)
                return;
        say_way(s, step->up);
        if (step->name == NULL)
                say(s, "[%zu]", step->index);
        else if (step->is_key)
                say(s, "[%s]", READER_QUOTE(step->name));
        else
                say(s, "%s%s", step->up == NULL ? "" : ".", step->name);
}

__attribute__((format(printf, 3, 0)))
static int fail_args(const struct reader *reader, int code, const char *format, va_list args)
{
        struct sentence s = { .length = 0 };

        say(&s, "%s: ", reader->file);
        say_way(&s, reader->at);
        say(&s, "%s", reader->at == NULL ? "" : ": ");
        say_args(&s, format, args);
        return error_set(reader->err, code, "%s", s.text);
}

int reader_fail(const struct reader *reader, int code, const char *format, ...)
{
        va_list args;
        int r;

        va_start(args, format);
        r = fail_args(reader, code, format, args);
        va_end(args);
        return r;
}

int reader_fail_below(struct reader *reader, const char *name, const char *format, ...)
{
        struct reader_step step = { .up = reader->at, .name = name };
        va_list args;
        int r;

        reader->at = &step;
        va_start(args, format);
        r = fail_args(reader, EINVAL, format, args);
        va_end(args);
        reader->at = step.up;
        return r;
}

int reader_fail_no_memory(const struct reader *reader)
{
        return reader_fail(reader, ENOMEM, "out of memory");
}

const char *reader_quote(struct reader_quoted *quoted, const char *text)
{
        char *out = quoted->text, *end = quoted->text + sizeof quoted->text - sizeof "...\"";

        *out++ = '"';
        for (; *text != '\0' && out < end; text++) {
                unsigned char c = (unsigned char)*text;

                /* Never a terminal's control sequence or a second line, from any document. */
                if (c < 0x20 || c == 0x7f)
                        *out++ = '?';
                else
                        *out++ = *text;
        }
        if (*text != '\0') {
                /* Not within a UTF-8 sequence. */
                while (((unsigned char)*text & 0xc0) == 0x80) {
                        text--;
                        out--;
                }
                out = stpcpy(out, "...");
        }
        strcpy(out, "\"");
        return quoted->text;
}

int reader_expect(const struct reader *reader, const struct json_node *node, enum json_type type)
{
        if (node->type == type || (type == JSON_TRUE && node->type == JSON_FALSE))
                return 0;
        return reader_fail(reader, EINVAL, "expected %s, found %s", json_type_text(type), json_type_text(node->type));
}

static int read_field(struct reader *reader, const struct json_node *node, const struct reader_field *field,
                      char *object)
{
        void *items;
        size_t n;
        int r;

        if (field->kind == READER_VALUE) {
                r = field->read(reader, node, object + field->offset);
                if (r == 0 && field->claim != READER_NONE)
                        *(bool *)(object + field->claim) = true;
                return r;
        }
        r = reader_children(reader, node, field->kind, field->read, field->item_size, &items, &n);
        if (r < 0)
                return r;
        memcpy(object + field->offset, &items, sizeof items);
        memcpy(object + field->claim, &n, sizeof n);
        return 0;
}

int reader_object(struct reader *reader, const struct json_node *node, const struct reader_field *fields,
                  size_t n_fields, void *object)
{
        uint64_t seen = 0;
        size_t i;
        int r;

        assert(n_fields <= 64);
        r = reader_expect(reader, node, JSON_OBJECT);
        if (r < 0)
                return r;
        json_for_each(member, node) {
                struct reader_step step = { .up = reader->at };

                for (i = 0; i < n_fields; i++)
                        if (member->key[0] == fields[i].name[0] && strcmp(member->key, fields[i].name) == 0)
                                break;
                if (i == n_fields || member->type == JSON_NULL)
                        continue;
                step.name = fields[i].name;
                reader->at = &step;
                r = read_field(reader, member, &fields[i], object);
                reader->at = step.up;
                if (r < 0)
                        return r;
                seen |= UINT64_C(1) << i;
        }
        for (i = 0; i < n_fields; i++)
                if (fields[i].is_required && (seen & UINT64_C(1) << i) == 0)
                        return reader_fail_below(reader, fields[i].name, "is required and missing");
        return 0;
}

int reader_children(struct reader *reader, const struct json_node *node, enum reader_kind kind, reader_function *read,
                    size_t item_size, void **ret_items, size_t *ret_n)
{
        struct reader_step step = { .up = reader->at };
        char *items = NULL;
        size_t n = 0;
        int r;

        r = reader_expect(reader, node, kind == READER_MAP ? JSON_OBJECT : JSON_ARRAY);
        if (r < 0)
                return r;
        if (node->n > 0) {
                items = arena_array(reader->arena, node->n, item_size);
                if (items == NULL)
                        return reader_fail_no_memory(reader);
        }
        json_for_each(child, node) {
                /* As for the other properties: Go's decoders skip null, and so its encoders may write it. */
                if (kind == READER_MAP && child->type == JSON_NULL)
                        continue;
                step.name = child->key;
                step.is_key = kind == READER_MAP;
                reader->at = &step;
                r = read(reader, child, items + n * item_size);
                reader->at = step.up;
                if (r < 0)
                        return r;
                n++;
                step.index++;
        }
        *ret_items = items;
        *ret_n = n;
        return 0;
}

static int fail_number(const struct reader *reader, const struct json_node *node, int r)
{
        if (r == -EINVAL)
                return reader_fail(reader, EINVAL, "expected a whole number without fraction or exponent, found %.40s",
                                   node->text);
        return 0;
}

int reader_unsigned(const struct reader *reader, const struct json_node *node, uint64_t highest, uint64_t *ret_value)
{
        uint64_t value = 0;
        int r = reader_expect(reader, node, JSON_NUMBER);

        if (r < 0)
                return r;
        r = json_to_u64(node, &value);
        if (r == -EINVAL && (node->text[0] != '-' || strpbrk(node->text, ".eE") != NULL))
                return fail_number(reader, node, r);
        if (r < 0 || value > highest)
                return reader_fail(reader, EINVAL, "%.40s is out of range (0 to %llu)", node->text,
                                   (unsigned long long)highest);
        *ret_value = value;
        return 0;
}

int reader_signed(const struct reader *reader, const struct json_node *node, int64_t lowest, int64_t highest,
                  int64_t *ret_value)
{
        int64_t value = 0;
        int r = reader_expect(reader, node, JSON_NUMBER);

        if (r < 0)
                return r;
        r = json_to_i64(node, &value);
        if (r == -EINVAL)
                return fail_number(reader, node, r);
        if (r < 0 || value < lowest || value > highest)
                return reader_fail(reader, EINVAL, "%.40s is out of range (%lld to %lld)", node->text,
                                   (long long)lowest, (long long)highest);
        *ret_value = value;
        return 0;
}

int reader_bool(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_expect(reader, node, JSON_TRUE);

        if (r == 0)
                *(bool *)into = node->type == JSON_TRUE;
        return r;
}

int reader_u16(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t value;
        int r = reader_unsigned(reader, node, UINT16_MAX, &value);

        if (r == 0)
                *(uint16_t *)into = (uint16_t)value;
        return r;
}

int reader_u32(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t value;
        int r = reader_unsigned(reader, node, UINT32_MAX, &value);

        if (r == 0)
                *(uint32_t *)into = (uint32_t)value;
        return r;
}

int reader_id(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t value;
        int r = reader_unsigned(reader, node, UINT32_MAX - 1, &value);

        if (r == 0)
                *(uint32_t *)into = (uint32_t)value;
        return r;
}

int reader_u64(struct reader *reader, const struct json_node *node, void *into)
{
        return reader_unsigned(reader, node, UINT64_MAX, into);
}

int reader_i32(struct reader *reader, const struct json_node *node, void *into)
{
        int64_t value = 0;
        int r = reader_signed(reader, node, INT32_MIN, INT32_MAX, &value);

        if (r == 0)
                *(int32_t *)into = (int32_t)value;
        return r;
}

int reader_string(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_expect(reader, node, JSON_STRING);

        if (r == 0)
                *(const char **)into = node->text;
        return r;
}

int reader_text(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_expect(reader, node, JSON_STRING);

        if (r == 0 && node->n > 0)
                *(const char **)into = node->text;
        return r;
}

int reader_absolute_path(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        if (node->text[0] != '/')
                return reader_fail(reader, EINVAL, "%s is not an absolute path", READER_QUOTE(node->text));
        *(const char **)into = node->text;
        return 0;
}

int reader_pair(struct reader *reader, const struct json_node *node, void *into)
{
        struct spec_pair *pair = into;

        /* config.md "Annotations": keys must not be empty; the other maps have no use for one either. */
        if (node->key[0] == '\0')
                return reader_fail(reader, EINVAL, "the key is empty");
        pair->key = node->key;
        return reader_string(reader, node, &pair->value);
}

int reader_one_of(const struct reader *reader, const struct json_node *node, const struct reader_name *names,
                  size_t n_names, const char *what, int64_t *ret_value)
{
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        for (size_t i = 0; i < n_names; i++)
                if (strcmp(node->text, names[i].name) == 0) {
                        *ret_value = names[i].value;
                        return 0;
                }
        return reader_fail(reader, EINVAL, "%s is not %s", READER_QUOTE(node->text), what);
}

int reader_flags(struct reader *reader, const struct json_node *node, const struct reader_name *names, size_t n_names,
                 const char *what, uint64_t *ret_flags)
{
        struct reader_step step = { .up = reader->at };
        uint64_t flags = 0;
        int64_t flag;
        int r = reader_expect(reader, node, JSON_ARRAY);

        if (r < 0)
                return r;
        json_for_each(child, node) {
                reader->at = &step;
                r = reader_one_of(reader, child, names, n_names, what, &flag);
                reader->at = step.up;
                if (r < 0)
                        return r;
                flags |= (uint64_t)flag;
                step.index++;
        }
        *ret_flags = flags;
        return 0;
}

int reader_strings(struct reader *reader, const struct json_node *node, char ***ret_strings, size_t *ret_n)
{
        struct reader_step step = { .up = reader->at };
        char **strings;
        int r = reader_expect(reader, node, JSON_ARRAY);

        if (r < 0)
                return r;
        strings = arena_array(reader->arena, (size_t)node->n + 1, sizeof *strings);
        if (strings == NULL)
                return reader_fail_no_memory(reader);
        json_for_each(child, node) {
                reader->at = &step;
                r = reader_string(reader, child, &strings[step.index]);
                reader->at = step.up;
                if (r < 0)
                        return r;
                step.index++;
        }
        *ret_strings = strings;
        *ret_n = step.index;
        return 0;
}
