/* The only file that knows yajl: its events become nodes. Every limit is enforced here, before anything reads the
 * document, so that a config.json from a hostile or broken caller costs a bounded amount of time and memory.
 *
 * yajl 2.1 is lenient where two parsers of one document could come to differ: it takes overlong UTF-8, turns a lone
 * surrogate into "?", and passes doubled names and NUL on. Those are refused here.
 *
 * Strings are ended and unescaped inside the text: yajl has passed them by then, and an unescaped string is never
 * longer than its source. That saves a copy of every string, and the dirty pages that clone would have to copy. */
#include "oci-spec/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "runtime/base/text.h"

struct level {
        struct json_node *node;
        struct json_node *last;         /* its last child so far */
};

struct parser {
        struct arena *arena;
        struct error *err;
        const char *name;
        char *text;
        size_t length;
        yajl_handle yajl;
        size_t before;                  /* offset of the end of the token before this one */
        const char *key;                /* of the value to come */
        struct json_node *root;
        struct level levels[JSON_LIMIT_DEPTH];
        unsigned depth;
        size_t n_values;
        int stopped_with;               /* what a callback failed with */
        size_t n_unescaped_newlines;    /* "\\n" in strings so far: newlines now, but no lines of the document */
        const char **names;             /* room to sort an object's names in */
        size_t n_names;
};

static int fail_at(struct parser *p, int code, size_t offset, const char *what)
{
        size_t line = 1;

        for (size_t i = 0; i < offset && i < p->length; i++)
                line += p->text[i] == '\n';
        return error_set(p->err, code, "%s: line %zu (byte %zu): %s", p->name, line - p->n_unescaped_newlines, offset,
                         what);
}

/* yajl's callbacks answer 0 to stop; the error is set by then. */
static int stop(struct parser *p, int code, const char *what)
{
        p->stopped_with = fail_at(p, code, p->before, what);
        return 0;
}

static void token_done(struct parser *p)
{
        p->before = yajl_get_bytes_consumed(p->yajl);
}

static struct json_node *add_node(struct parser *p, enum json_type type)
{
        struct json_node *node;
        struct level *level;

        if (p->n_values++ == JSON_LIMIT_VALUES) {
                stop(p, E2BIG, "more than 2000000 values");
                return NULL;
        }
        node = arena_new(p->arena, struct json_node);
        if (node == NULL) {
                stop(p, ENOMEM, "out of memory");
                return NULL;
        }
        node->type = type;
        node->key = p->key;
        p->key = NULL;
        if (p->depth == 0) {
                p->root = node;
                return node;
        }
        level = &p->levels[p->depth - 1];
        if (level->last == NULL)
                level->node->first = node;
        else
                level->last->next = node;
        level->last = node;
        level->node->n++;
        return node;
}

static int on_null(void *context)
{
        struct json_node *node = add_node(context, JSON_NULL);

        token_done(context);
        return node != NULL;
}

static int on_bool(void *context, int value)
{
        struct json_node *node = add_node(context, value ? JSON_TRUE : JSON_FALSE);

        token_done(context);
        return node != NULL;
}

static int on_number(void *context, const char *text, size_t length)
{
        struct parser *p = context;
        struct json_node *node = add_node(p, JSON_NUMBER);

        if (node == NULL)
                return 0;
        /* The byte after a number belongs to the next token, so it cannot be ended in place. */
        node->text = arena_string_n(p->arena, text, length);
        node->n = (uint32_t)length;
        if (node->text == NULL)
                return stop(p, ENOMEM, "out of memory");
        token_done(p);
        return 1;
}

static int hex4(const char *s)
{
        int value = 0;

        for (unsigned i = 0; i < 4; i++) {
                if (s[i] >= '0' && s[i] <= '9')
                        value = value * 16 + (s[i] - '0');
                else
                        value = value * 16 + ((s[i] | 0x20) - 'a' + 10);
        }
        return value;
}

/* yajl has checked the grammar of the escapes in @raw; this is about what they stand for. */
static const char *judge_escapes(const char *raw, size_t length)
{
        for (size_t i = 0; i + 1 < length; i++) {
                int unit;

                if (raw[i] != '\\')
                        continue;
                i++;
                if (raw[i] != 'u' || i + 4 >= length)
                        continue;
                unit = hex4(raw + i + 1);
                i += 4;
                if (unit == 0)
                        return "a string holds \\u0000";
                if (unit < 0xd800 || unit > 0xdfff)
                        continue;
                if (unit > 0xdbff || i + 6 >= length || raw[i + 1] != '\\' || raw[i + 2] != 'u' ||
                    (hex4(raw + i + 3) & 0xfc00) != 0xdc00)
                        return "a string holds half of a surrogate pair";
                i += 6;
        }
        return NULL;
}

/* Puts the string that yajl has just read into its own place in the text, and ends it there. */
static char *settle_string(struct parser *p, const unsigned char *text, size_t length)
{
        size_t end = yajl_get_bytes_consumed(p->yajl);
        char *open = memchr(p->text + p->before, '"', end - p->before);
        const char *complaint;

        /* Between the token before and this one lie only blanks, ',' and ':'. */
        if (open == NULL || end > p->length || (size_t)(p->text + end - open) < length + 2) {
                stop(p, EINVAL, "a string that has no beginning");
                return NULL;
        }
        open++;
        if ((const char *)text != open) {
                complaint = judge_escapes(open, (size_t)(p->text + end - 1 - open));
                if (complaint != NULL) {
                        stop(p, EINVAL, complaint);
                        return NULL;
                }
                memcpy(open, text, length);
                for (size_t i = 0; i < length; i++)
                        p->n_unescaped_newlines += open[i] == '\n';
        }
        open[length] = '\0';
        p->before = end;
        return open;
}

static int on_string(void *context, const unsigned char *text, size_t length)
{
        struct parser *p = context;
        struct json_node *node = add_node(p, JSON_STRING);

        if (node == NULL)
                return 0;
        node->text = settle_string(p, text, length);
        node->n = (uint32_t)length;
        return node->text != NULL;
}

static int on_key(void *context, const unsigned char *text, size_t length)
{
        struct parser *p = context;

        p->key = settle_string(p, text, length);
        return p->key != NULL;
}

static int begin(struct parser *p, enum json_type type)
{
        struct json_node *node;

        if (p->depth == JSON_LIMIT_DEPTH)
                return stop(p, E2BIG, "nested more than 64 deep");
        node = add_node(p, type);
        if (node == NULL)
                return 0;
        p->levels[p->depth++] = (struct level){ .node = node };
        token_done(p);
        return 1;
}

static int on_object(void *context)
{
        return begin(context, JSON_OBJECT);
}

static int on_array(void *context)
{
        return begin(context, JSON_ARRAY);
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A name that stands twice in @object, or NULL. Sorted when there are many: 100,000 annotations must not take
 * 100,000 squared comparisons, and sorting has no worst case that a hash table's collisions would open. */
static int find_doubled(struct parser *p, const struct json_node *object, const char **ret_name)
{
        const char **larger;
        size_t i = 0;

        *ret_name = NULL;
        if (object->n <= 12) {
                json_for_each(a, object)
                        for (const struct json_node *b = a->next; b != NULL; b = b->next)
                                if (a->key[0] == b->key[0] && strcmp(a->key, b->key) == 0)
                                        *ret_name = a->key;
                return 0;
        }
        if (p->n_names < object->n) {
                larger = reallocarray(p->names, object->n, sizeof *larger);
                if (larger == NULL)
                        return -ENOMEM;
                p->names = larger;
                p->n_names = object->n;
        }
        json_for_each(member, object)
                p->names[i++] = member->key;
        qsort(p->names, i, sizeof *p->names, compare_names);
        for (i = 1; i < object->n; i++)
                if (strcmp(p->names[i - 1], p->names[i]) == 0)
                        *ret_name = p->names[i];
        return 0;
}

static int on_object_end(void *context)
{
        struct parser *p = context;
        const struct json_node *object = p->levels[--p->depth].node;
        auto_buffer struct text_buffer quoted = { 0 };
        const char *doubled;

        token_done(p);
        if (find_doubled(p, object, &doubled) < 0)
                return stop(p, ENOMEM, "out of memory");
        if (doubled != NULL) {
                text_add_json(&quoted, doubled);
                stop(p, EINVAL, "");
                if (p->err != NULL && !quoted.is_broken)
                        snprintf(p->err->text + strlen(p->err->text), sizeof p->err->text - strlen(p->err->text),
                                 "the object that ends here has the member %.80s twice", quoted.text);
                return 0;
        }
        return 1;
}

static int on_array_end(void *context)
{
        struct parser *p = context;

        p->depth--;
        token_done(p);
        return 1;
}

static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_bool,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_start_map = on_object,
        .yajl_map_key = on_key,
        .yajl_end_map = on_object_end,
        .yajl_start_array = on_array,
        .yajl_end_array = on_array_end,
};

/* Offset of the first byte that is no UTF-8 (RFC 3629: no overlong forms, no surrogates), or @length.
 * The byte after the text is NUL, which ends a sequence that is cut short. */
static size_t utf8_end(const char *text, size_t length)
{
        const unsigned char *s = (const unsigned char *)text;
        size_t i = 0;

        while (i < length) {
                unsigned char c = s[i], low = 0x80, high = 0xbf;
                uint64_t eight;
                unsigned n;

                if (i + sizeof eight <= length) {
                        memcpy(&eight, s + i, sizeof eight);
                        if ((eight & 0x8080808080808080) == 0) {
                                i += sizeof eight;
                                continue;
                        }
                }
                if (c < 0x80) {
                        i++;
                        continue;
                }
                if (c < 0xc2 || c > 0xf4)
                        return i;
                n = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
                if (c == 0xe0)
                        low = 0xa0;
                else if (c == 0xed)
                        high = 0x9f;
                else if (c == 0xf0)
                        low = 0x90;
                else if (c == 0xf4)
                        high = 0x8f;
                if (s[i + 1] < low || s[i + 1] > high)
                        return i;
                for (unsigned k = 2; k <= n; k++)
                        if ((s[i + k] & 0xc0) != 0x80)
                                return i;
                i += n + 1;
        }
        return length;
}

/* yajl's sentence in our form: one line, without its "parse error: " and the picture below it. */
static int fail_syntax(struct parser *p, size_t offset)
{
        unsigned char *sentence;
        char *text, *end;
        int r;

        if (offset >= p->length)
                return fail_at(p, EINVAL, p->length, "the JSON text ends too early");
        sentence = yajl_get_error(p->yajl, 0, NULL, 0);
        text = (char *)sentence;
        if (text == NULL)
                return error_set(p->err, ENOMEM, "%s: out of memory", p->name);
        end = strchr(text, '\n');
        if (end != NULL)
                *end = '\0';
        end = text + strlen(text);
        if (end > text && end[-1] == '.')
                end[-1] = '\0';
        end = strstr(text, "error: ");
        r = fail_at(p, EINVAL, offset, end == NULL ? text : end + strlen("error: "));
        yajl_free_error(p->yajl, sentence);
        return r;
}

static int parse(struct parser *p)
{
        size_t offset = utf8_end(p->text, p->length);
        yajl_status status;

        if (p->length == 0)
                return error_set(p->err, EINVAL, "%s: is empty", p->name);
        if (offset < p->length)
                return fail_at(p, EINVAL, offset, "a byte that is not UTF-8");
        p->yajl = yajl_alloc(&callbacks, NULL, p);
        /* The whole text has been checked, more strictly than yajl would. */
        if (p->yajl == NULL || yajl_config(p->yajl, yajl_dont_validate_strings, 1) == 0)
                return error_set(p->err, ENOMEM, "%s: out of memory", p->name);

        status = yajl_parse(p->yajl, (const unsigned char *)p->text, p->length);
        offset = yajl_get_bytes_consumed(p->yajl);
        if (status == yajl_status_ok) {
                status = yajl_complete_parse(p->yajl);
                offset = p->length;
        }
        switch (status) {
        case yajl_status_ok:
                return 0;
        case yajl_status_client_canceled:
                return p->stopped_with;
        case yajl_status_error:
                return fail_syntax(p, offset);
        }
        return error_set(p->err, EINVAL, "%s: is not JSON", p->name);
}

int json_parse_in_place(struct arena *arena, char *text, size_t length, const char *name,
                        const struct json_node **ret_root, struct error *err)
{
        struct parser p = { .arena = arena, .err = err, .name = name, .text = text, .length = length };
        int r;

        /* struct json_node counts in 32 bits. */
        if (length > UINT32_MAX / 2)
                return error_set(err, E2BIG, "%s: longer than 2 GiB", name);
        text[length] = '\0';
        r = parse(&p);
        if (p.yajl != NULL)
                yajl_free(p.yajl);
        free(p.names);
        if (r < 0)
                return r;
        *ret_root = p.root;
        return 0;
}

int json_parse(struct arena *arena, const char *text, size_t length, const char *name,
               const struct json_node **ret_root, struct error *err)
{
        char *copy = arena_string_n(arena, text, length);

        if (copy == NULL)
                return error_set(err, ENOMEM, "%s: out of memory", name);
        return json_parse_in_place(arena, copy, length, name, ret_root, err);
}

const struct json_node *json_member(const struct json_node *object, const char *key)
{
        if (object == NULL || object->type != JSON_OBJECT)
                return NULL;
        json_for_each(member, object)
                if (strcmp(member->key, key) == 0)
                        return member->type == JSON_NULL ? NULL : member;
        return NULL;
}

int json_to_u64(const struct json_node *node, uint64_t *ret_value)
{
        return node->type == JSON_NUMBER ? text_to_u64(node->text, ret_value) : -EINVAL;
}

int json_to_i64(const struct json_node *node, int64_t *ret_value)
{
        return node->type == JSON_NUMBER ? text_to_i64(node->text, ret_value) : -EINVAL;
}

const char *json_type_text(enum json_type type)
{
        switch (type) {
        case JSON_NULL:
                return "null";
        case JSON_FALSE:
        case JSON_TRUE:
                return "a boolean";
        case JSON_NUMBER:
                return "a number";
        case JSON_STRING:
                return "a string";
        case JSON_ARRAY:
                return "an array";
        case JSON_OBJECT:
                return "an object";
        }
        return "nothing";
}
