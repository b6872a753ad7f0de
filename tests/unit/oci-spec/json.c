#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oci-spec/json.h"
#include "runtime/base/text.h"

static struct arena arena;
static struct error err;

static int parse_n(const char *text, size_t length, const struct json_node **ret_root)
{
        memset(&err, 0, sizeof err);
        return json_parse(&arena, text, length, "f.json", ret_root, &err);
}

static const struct json_node *parse(const char *text)
{
        const struct json_node *root = NULL;

        cr_assert_eq(parse_n(text, strlen(text), &root), 0, "%s: %s", text, err.text);
        return root;
}

static const char *fail(const char *text)
{
        const struct json_node *root = NULL;
        int r = parse_n(text, strlen(text), &root);

        cr_assert_lt(r, 0, "taken: %s", text);
        cr_assert_eq(r, -err.code);
        cr_assert_null(root, "nothing is returned on failure");
        cr_assert_null(strchr(err.text, '\n'));
        return err.text;
}

#define assert_fails(text, sentence) cr_assert_str_eq(fail(text), sentence)

Test(json, reads_every_type)
{
        const struct json_node *root = parse(" { \"a\" : null,\"b\":true,\"c\":false,\n\t\"d\":[-1,2.5e3,\"x\"],\"e\":{} } \r\n");
        const struct json_node *node = root->first;

        cr_assert_eq(root->type, JSON_OBJECT);
        cr_assert_eq(root->n, 5);
        cr_assert_str_eq(node->key, "a");
        cr_assert_eq(node->type, JSON_NULL);
        node = node->next;
        cr_assert_eq(node->type, JSON_TRUE);
        node = node->next;
        cr_assert_eq(node->type, JSON_FALSE);
        node = node->next;
        cr_assert_eq(node->type, JSON_ARRAY);
        cr_assert_eq(node->n, 3);
        cr_assert_str_eq(node->first->text, "-1");
        cr_assert_str_eq(node->first->next->text, "2.5e3");
        cr_assert_str_eq(node->first->next->next->text, "x");
        node = node->next;
        cr_assert_eq(node->type, JSON_OBJECT);
        cr_assert_eq(node->n, 0);
        cr_assert_null(node->first);
        cr_assert_null(node->next);
}

Test(json, a_scalar_is_a_document)
{
        cr_assert_str_eq(parse("17")->text, "17");
        cr_assert_str_eq(parse("\"a\"")->text, "a");
        cr_assert_eq(parse("null")->type, JSON_NULL);
}

Test(json, unescapes_strings_in_place)
{
        const struct json_node *root = parse("[\"\", \"\\\"\\\\\\/\\b\\f\\n\\r\\t\", \"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\", \"pl\xc3\xa4in\"]");
        const struct json_node *node = root->first;

        cr_assert_str_eq(node->text, "");
        cr_assert_eq(node->n, 0);
        node = node->next;
        cr_assert_str_eq(node->text, "\"\\/\b\f\n\r\t");
        node = node->next;
        cr_assert_str_eq(node->text, "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
        cr_assert_eq(node->n, 10);
        cr_assert_str_eq(node->next->text, "pl\xc3\xa4in");
}

Test(json, unescapes_names_of_members_too)
{
        const struct json_node *root = parse("{\"a\\u0062\": \"1\", \"c\\nd\" : \"2\"}");

        cr_assert_str_eq(json_member(root, "ab")->text, "1");
        cr_assert_str_eq(json_member(root, "c\nd")->text, "2");
}

Test(json, a_null_member_is_an_absent_one)
{
        const struct json_node *root = parse("{\"a\": null, \"b\": 1}");

        cr_assert_null(json_member(root, "a"));
        cr_assert_not_null(json_member(root, "b"));
        cr_assert_null(json_member(root, "c"));
        cr_assert_null(json_member(NULL, "c"));
        cr_assert_null(json_member(parse("[]"), "c"));
}

Test(json, whole_numbers_are_exact_or_an_error)
{
        const struct json_node *n = parse("[18446744073709551615, 18446744073709551616, -9223372036854775808,"
                                          " -9223372036854775809, 1.0, 1e3, -0, 9007199254740993, \"1\"]")->first;
        uint64_t u = 7;
        int64_t i = 7;

        cr_assert_eq(json_to_u64(n, &u), 0);
        cr_assert_eq(u, UINT64_MAX);
        cr_assert_eq(json_to_i64(n, &i), -ERANGE);
        n = n->next;
        cr_assert_eq(json_to_u64(n, &u), -ERANGE);
        n = n->next;
        cr_assert_eq(json_to_i64(n, &i), 0);
        cr_assert_eq(i, INT64_MIN);
        cr_assert_eq(json_to_u64(n, &u), -EINVAL);
        n = n->next;
        cr_assert_eq(json_to_i64(n, &i), -ERANGE);
        n = n->next;
        cr_assert_eq(json_to_u64(n, &u), -EINVAL);
        n = n->next;
        cr_assert_eq(json_to_u64(n, &u), -EINVAL);
        n = n->next;
        cr_assert_eq(json_to_i64(n, &i), 0);
        cr_assert_eq(i, 0);
        n = n->next;
        cr_assert_eq(json_to_u64(n, &u), 0);
        cr_assert_eq(u, UINT64_C(9007199254740993), "a double would have made it ...992");
        cr_assert_eq(json_to_u64(n->next, &u), -EINVAL);
}

Test(json, says_where_the_grammar_is_broken)
{
        assert_fails("", "f.json: is empty");
        assert_fails("   ", "f.json: line 1 (byte 3): the JSON text ends too early");
        assert_fails("{\"a\": [1,\n 2", "f.json: line 2 (byte 12): the JSON text ends too early");
        assert_fails("{\"a\": \"unended", "f.json: line 1 (byte 14): the JSON text ends too early");
        assert_fails("{\"a\": tru", "f.json: line 1 (byte 9): the JSON text ends too early");
        fail("{\"a\": tru}");
        fail("{\"a\" 1}");
        fail("{\"a\": 1,}");
        fail("[1,]");
        fail("[1 2]");
        fail("[01]");
        fail("[+1]");
        fail("[.5]");
        fail("[1.]");
        fail("[0x10]");
        fail("[NaN]");
        fail("[Infinity]");
        fail("['a']");
        fail("{a: 1}");
        fail("[\"a\nb\"]");
        fail("[\"a\tb\"]");
        fail("[\"\\x41\"]");
        fail("[\"\\u12\"]");
        fail("// c\n[]");
        fail("/* c */ []");
        fail("[]]");
        fail("{} {}");
        fail("{}\n{}");
        fail("{} x");
        fail("\xef\xbb\xbf{}");
}

Test(json, counts_lines_past_newlines_that_were_escapes)
{
        cr_assert_not_null(strstr(fail("[\"a\\nb\\nc\",\n x]"), "f.json: line 2 (byte 14"), "%s", err.text);
}

Test(json, refuses_a_nul_byte_wherever_it_stands)
{
        const struct json_node *root = NULL;

        cr_assert_lt(parse_n("{\"a\": \"b\0c\"}", 12, &root), 0);
        cr_assert_lt(parse_n("{\0}", 3, &root), 0);
        cr_assert_lt(parse_n("{}\0", 3, &root), 0);
        cr_assert_not_null(strstr(fail("{\"a\": \"b\\u0000c\"}"), "a string holds \\u0000"), "%s", err.text);
        cr_assert_not_null(strstr(fail("{\"a\\u0000\": 1}"), "a string holds \\u0000"), "%s", err.text);
        /* An escaped backslash before u0000 is six harmless characters. */
        cr_assert_str_eq(parse("\"\\\\u0000\"")->text, "\\u0000");
}

Test(json, refuses_half_surrogates)
{
        fail("[\"\\ud83d\"]");
        fail("[\"\\ud83dx\"]");
        fail("[\"\\ud83d\\u0041\"]");
        fail("[\"\\ud83d\\ud83d\"]");
        fail("[\"\\ude00\"]");
        fail("[\"\\ud83d\\\\ude00\"]");
        parse("[\"\\ud7ff\\ue000\"]");
}

Test(json, refuses_what_is_not_utf8)
{
        /* stray continuation, overlong forms of '/', NUL and U+07FF, a surrogate, beyond U+10FFFF, cut sequences */
        static const char *const bad[] = { "\x80", "\xc0\xaf", "\xc0\x80", "\xe0\x9f\xbf", "\xed\xa0\x80",
                                           "\xf4\x90\x80\x80", "\xf0\x8f\xbf\xbf", "\xf8\x88\x80\x80\x80", "\xc3",
                                           "\xe2\x82", "\xf0\x9f\x98", "\xff", "\xfe" };
        static const char *const good[] = { "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                                            "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf" };
        char text[64];

        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                /* At every place within the eight bytes that are looked at together. */
                for (unsigned before = 0; before < 9; before++) {
                        snprintf(text, sizeof text, "[\"%.*s%s\"]", before, "12345678", bad[i]);
                        cr_assert_not_null(strstr(fail(text), "a byte that is not UTF-8"), "%zu: %s", i, err.text);
                }
        }
        for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
                snprintf(text, sizeof text, "[\"%s\"]", good[i]);
                parse(text);
        }
        cr_assert_lt(parse_n("\"a\xf0", 3, &(const struct json_node *){ NULL }), 0, "cut at the end of the text");
}

Test(json, refuses_a_member_that_is_given_twice)
{
        auto_buffer struct text_buffer text = { 0 };

        assert_fails("{\"a\": 1,\n \"b\": 2, \"a\": 3}",
                     "f.json: line 2 (byte 25): the object that ends here has the member \"a\" twice");
        fail("{\"x\": {\"a\": 1, \"\\u0061\": 3}}");
        fail("{\"\": 1, \"\": 2}");
        parse("[{\"a\": 1}, {\"a\": 1}]");
        parse("{\"a\": {\"a\": 1}}");

        /* The way of objects with many members. */
        text_add(&text, "{");
        for (unsigned i = 0; i < 1000; i++)
                text_addf(&text, "\"k%u\": %u, ", i, i);
        text_add(&text, "\"k1000\": 0}");
        parse(text.text);
        text.length -= strlen("\"k1000\": 0}");
        text_add(&text, "\"k500\": 0}");
        cr_assert_not_null(strstr(fail(text.text), "the member \"k500\" twice"), "%s", err.text);
}

Test(json, a_hostile_name_stays_on_one_line_of_the_error)
{
        const char *text = fail("{\"\\n\\u001b[2J\": 1, \"\\n\\u001b[2J\": 2}");

        cr_assert_null(strchr(text, 27));
}

Test(json, limits_the_depth)
{
        char text[2 * JSON_LIMIT_DEPTH + 8];

        memset(text, '[', JSON_LIMIT_DEPTH);
        memset(text + JSON_LIMIT_DEPTH, ']', JSON_LIMIT_DEPTH);
        text[2 * JSON_LIMIT_DEPTH] = '\0';
        parse(text);
        memset(text, '[', JSON_LIMIT_DEPTH + 1);
        memset(text + JSON_LIMIT_DEPTH + 1, ']', JSON_LIMIT_DEPTH + 1);
        text[2 * JSON_LIMIT_DEPTH + 2] = '\0';
        cr_assert_not_null(strstr(fail(text), "nested more than 64 deep"), "%s", err.text);
        cr_assert_eq(err.code, E2BIG);
}

Test(json, a_million_brackets_end_at_the_limit)
{
        char *text = malloc(1000001);

        memset(text, '[', 1000000);
        text[1000000] = '\0';
        fail(text);
        free(text);
}

Test(json, limits_the_number_of_values)
{
        size_t length = 2 * (JSON_LIMIT_VALUES + 1) + 1;
        char *text = malloc(length);
        const struct json_node *root = NULL;

        memset(text, '0', length);
        for (size_t i = 2; i < length; i += 2)
                text[i] = ',';
        text[0] = '[';
        text[length - 1] = ']';
        cr_assert_eq(parse_n(text, length, &root), -E2BIG);
        cr_assert_not_null(strstr(err.text, "more than 2000000 values"), "%s", err.text);
        free(text);
}

Test(json, a_string_of_ten_megabytes_is_a_string)
{
        size_t length = 10 << 20;
        char *text = malloc(length + 3);
        const struct json_node *root = NULL;

        memset(text, 'a', length + 2);
        text[0] = text[length + 1] = '"';
        cr_assert_eq(parse_n(text, length + 2, &root), 0);
        cr_assert_eq(root->n, length);
        free(text);
}

Test(json, leaves_the_callers_text_alone)
{
        char text[] = "[\"a\\nb\"]";
        const struct json_node *root = NULL;

        cr_assert_eq(json_parse(&arena, text, strlen(text), "f.json", &root, &err), 0);
        cr_assert_str_eq(text, "[\"a\\nb\"]");
}

Test(json, works_without_an_error_to_fill)
{
        const struct json_node *root = NULL;

        cr_assert_eq(json_parse(&arena, "[", 1, "f.json", &root, NULL), -EINVAL);
        cr_assert_eq(json_parse(&arena, "{\"a\":1,\"a\":1}", 13, "f.json", &root, NULL), -EINVAL);
}
