#include <criterion/criterion.h>
#include <errno.h>
#include <time.h>

#include "runtime/base/error.h"
#include "runtime/base/text.h"

Test(text, reads_digits_only)
{
        uint64_t value = 7;

        cr_assert_eq(text_to_u64("18446744073709551615", &value), 0);
        cr_assert_eq(value, UINT64_MAX);
        cr_assert_eq(text_to_u64("18446744073709551616", &value), -ERANGE);
        cr_assert_eq(text_to_u64("-1", &value), -EINVAL);
        cr_assert_eq(text_to_u64("+1", &value), -EINVAL);
        cr_assert_eq(text_to_u64(" 1", &value), -EINVAL);
        cr_assert_eq(text_to_u64("1 ", &value), -EINVAL);
        cr_assert_eq(text_to_u64("0x1", &value), -EINVAL);
        cr_assert_eq(text_to_u64("", &value), -EINVAL);
        cr_assert_eq(value, UINT64_MAX, "a failure leaves the value alone");
}

Test(text, an_id_beyond_32_bits_does_not_wrap_to_root)
{
        uint32_t value = 7;

        cr_assert_eq(text_to_u32("4294967296", &value), -ERANGE);
        cr_assert_eq(value, 7);
}

Test(text, reads_the_smallest_signed_number)
{
        int64_t value;

        cr_assert_eq(text_to_i64("-9223372036854775808", &value), 0);
        cr_assert_eq(value, INT64_MIN);
        cr_assert_eq(text_to_i64("-9223372036854775809", &value), -ERANGE);
        cr_assert_eq(text_to_i64("9223372036854775808", &value), -ERANGE);
}

Test(text, quotes_json_and_replaces_what_is_not_utf8)
{
        auto_buffer struct text_buffer buffer = { 0 };

        text_add_json(&buffer, "a\"b\\\n\x01\xc3\xa9\xff\xed\xa0\x80");
        cr_assert_str_eq(buffer.text,
                         "\"a\\\"b\\\\\\n\\u0001\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

Test(error, prints_errno_texts_in_lower_case)
{
        struct error err = { 0 };

        cr_assert_eq(error_errno(&err, ENOENT, "stat /nope"), -ENOENT);
        cr_assert_str_eq(err.text, "stat /nope: no such file or directory");
        error_context(&err, "process.cwd");
        cr_assert_str_eq(err.text, "process.cwd: stat /nope: no such file or directory");
}

Test(text, the_time_is_the_one_of_the_calendar)
{
        time_t now = time(NULL);
        char text[40];
        struct tm utc = { 0 };

        text_time_now(text, sizeof text);
        cr_assert_eq(strlen(text), strlen("2026-11-21T08:00:00.000000000Z"));
        cr_assert_not_null(strptime(text, "%Y-%m-%dT%H:%M:%S", &utc));
        cr_assert(timegm(&utc) >= now && timegm(&utc) <= now + 5, "%s", text);
}

Test(text, unescapes_the_octal_digits_of_mountinfo)
{
        static const struct {
                const char *escaped, *plain;
        } cases[] = {
                { "", "" }, { "/a", "/a" }, { "\\040", " " }, { "a\\011\\012\\134b", "a\t\n\\b" },
                { "\\377", "\377" },
                /* Not three octal digits of one byte: as it is. */
                { "\\", "\\" }, { "\\04", "\\04" }, { "\\048", "\\048" }, { "\\400", "\\400" }, { "\\\\040", "\\ " },
        };

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                char text[32];

                strcpy(text, cases[i].escaped);
                cr_assert_str_eq(text_unescape_octal(text), cases[i].plain, "%s", cases[i].escaped);
        }
}

Test(text, members_of_json_have_the_commas_that_they_need)
{
        struct text_buffer out = { 0 };

        text_add(&out, "{");
        text_add_member(&out, "a", "x\n\"");
        text_add_member(&out, "b", NULL);
        text_add_number(&out, "c", UINT64_MAX);
        text_add_flag(&out, "d", true);
        text_add_list(&out, "e");
        text_add_member(&out, NULL, "[");
        text_add_number(&out, NULL, 0);
        text_add_object(&out, NULL);
        text_add(&out, "}]");
        text_add_object(&out, "f");
        text_add_flag(&out, "{", false);
        text_add(&out, "}}");
        cr_assert_str_eq(out.text, "{\"a\":\"x\\n\\\"\",\"b\":\"\",\"c\":18446744073709551615,\"d\":true,"
                                   "\"e\":[\"[\",0,{}],\"f\":{\"{\":false}}");
        text_buffer_free(&out);
}

Test(text, a_duration_is_gos)
{
        static const struct { const char *text; int64_t ns; } good[] = {
                { "0", 0 }, { "-0", 0 }, { "5s", 5000000000 }, { "+5s", 5000000000 }, { "-5s", -5000000000 }, { ".5s", 500000000 },
                { "5.s", 5000000000 }, { "1.004s", 1004000000 }, { "1h1m1.5ms", 3660001500000 }, { "3us", 3000 },
                { "3\xc2\xb5s", 3000 }, { "3\xce\xbcs", 3000 }, { "1ns", 1 }, { "0.3333333333333333333h", 1199999999999 },
                { "9223372036854775807ns", INT64_MAX }, { "100ms", 100000000 },
        };
        static const char *const bad[] = { "", "3", "-", "s", ".", "-.", ".s", "+.s", "1x", "1h5", "5 s", "1e3s", "--5s", "00",
                                           "9223372036854775808ns", "99999999999999999999s", "3000000h" };
        int64_t ns;

        for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
                cr_assert_eq(text_to_duration(good[i].text, &ns), 0, "%s", good[i].text);
                cr_assert_eq(ns, good[i].ns, "%s: %lld", good[i].text, (long long)ns);
        }
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                cr_assert_lt(text_to_duration(bad[i], &ns), 0, "%s", bad[i]);
}

Test(error, is_one_line_whatever_it_names)
{
        struct error err;

        error_set(&err, EINVAL, "the key \"%s\"", "a\nlevel=info\x1b[2J\x7f");
        cr_assert_str_eq(err.text, "the key \"a?level=info?[2J?\"");
        error_context(&err, "folder %s", "b\rc");
        cr_assert_str_eq(err.text, "folder b?c: the key \"a?level=info?[2J?\"");
}

Test(error, one_that_is_too_long_keeps_its_property_and_its_remedy)
{
        static char name[100000];
        struct error err;

        memset(name, 'x', sizeof name - 1);
        error_set(&err, EINVAL, "mounts[3]: %s is no folder; make one", name);
        cr_assert_eq(strlen(err.text), sizeof err.text - 1);
        cr_assert_not_null(strstr(err.text, "mounts[3]: xxx"));
        cr_assert_not_null(strstr(err.text, "xx...xx"));
        cr_assert_not_null(strstr(err.text, "xxx is no folder; make one"));
        error_context(&err, "config.json");
        cr_assert_not_null(strstr(err.text, "config.json: mounts[3]: xxx"));
        cr_assert_not_null(strstr(err.text, "xxx is no folder; make one"));
        error_errno(&err, ENOENT, "open %s", name);
        cr_assert_not_null(strstr(err.text, "open xxx"));
        cr_assert_not_null(strstr(err.text, "xxx: no such file or directory"));
        cr_assert_eq(strlen(err.text), sizeof err.text - 1);
}
