/* RFC 8785: its own examples, and what ECMAScript says of numbers. */
#include <criterion/criterion.h>
#include <string.h>

#include "oci-spec/canonical.h"
#include "runtime/base/arena.h"
#include "runtime/base/text.h"

static void want(const char *document, const char *wanted)
{
        auto_arena struct arena arena = { 0 };
        auto_buffer struct text_buffer out = { 0 };
        const struct json_node *root;
        struct error err = { 0 };

        cr_assert_eq(json_parse(&arena, document, strlen(document), "document", &root, &err), 0, "%s", err.text);
        cr_assert_eq(json_write_canonical(root, &out), 0);
        cr_assert_str_eq(out.text, wanted);
}

Test(canonical, is_what_the_rfc_shows)
{
        want("{\"numbers\":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"
             "\"string\":\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\"literals\":[null,true,false]}",
             "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
             "\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

/* RFC 8785, 3.2.3: by UTF-16 units, so that what needs a surrogate pair comes before U+FB33. */
Test(canonical, names_are_sorted_by_utf_16_units)
{
        want("{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,\"\\u0080\":6,\"\\u00f6\":7}",
             "{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"\xc3\xb6\":7,\"\xe2\x82\xac\":1,\"\xf0\x9f\x98\x80\":5,\"\xef\xac\xb3\":3}");
        want("{\"ab\":1,\"a\":2,\"\":3}", "{\"\":3,\"a\":2,\"ab\":1}");
}

/* RFC 8785, appendix B. */
Test(canonical, numbers_are_written_as_ecmascript_does)
{
        want("[0,-0,-0.0,5e-324,-5e-324,1.7976931348623157e308,9007199254740992,-9007199254740992,295147905179352830000]",
             "[0,0,0,5e-324,-5e-324,1.7976931348623157e+308,9007199254740992,-9007199254740992,295147905179352830000]");
        want("[9.999999999999997e22,1e23,1.0000000000000001e23,999999999999999700000,999999999999999900000,1e21]",
             "[9.999999999999997e+22,1e+23,1.0000000000000001e+23,999999999999999700000,999999999999999900000,1e+21]");
        want("[9.999999999999997e-7,0.000001,333333333.3333332,333333333.33333325,-0.0000033333333333333333,1424953923781206.2]",
             "[9.999999999999997e-7,0.000001,333333333.3333332,333333333.33333325,-0.0000033333333333333333,1424953923781206.2]");
        /* What engines write for "no limit": beyond 2^53 others round it, too. */
        want("[9223372036854771712,18446744073709551615,100,1e2,0.1e1]", "[9223372036854772000,18446744073709552000,100,100,1]");
}

Test(canonical, a_number_beyond_all_is_refused)
{
        auto_arena struct arena arena = { 0 };
        auto_buffer struct text_buffer out = { 0 };
        const struct json_node *root;

        if (json_parse(&arena, "[1e999]", 7, "document", &root, NULL) == 0)
                cr_assert_lt(json_write_canonical(root, &out), 0);
}
