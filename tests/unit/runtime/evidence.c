/* What a signer is given, byte for byte. */
#include "runtime/evidence.h"

#include <criterion/criterion.h>
#include <string.h>

static void is_encoded(const char *bytes, const char *wanted)
{
        auto_buffer struct text_buffer out = { 0 };

        evidence_base64(bytes, strlen(bytes), &out);
        cr_assert_str_eq(out.text == NULL ? "" : out.text, wanted);
}

/* RFC 4648, section 10. */
Test(evidence, base64_is_that_of_the_rfc)
{
        is_encoded("", "");
        is_encoded("f", "Zg==");
        is_encoded("fo", "Zm8=");
        is_encoded("foo", "Zm9v");
        is_encoded("foob", "Zm9vYg==");
        is_encoded("fooba", "Zm9vYmE=");
        is_encoded("foobar", "Zm9vYmFy");
        is_encoded("\xfb\xff\xbe", "+/++");
}

Test(evidence, the_pae_is_that_of_dsse)
{
        auto_buffer struct text_buffer out = { 0 };

        evidence_pae("hello world", 11, &out);
        cr_assert_str_eq(out.text, "DSSEv1 28 application/vnd.in-toto+json 11 hello world");
}

Test(evidence, a_signer_by_a_relative_path_is_refused)
{
        const struct evidence_signer signer = { .program = "sign" };
        auto_buffer struct text_buffer out = { 0 };
        struct error err = { 0 };

        cr_assert(evidence_sign(&signer, "{}", 2, &out, &err) < 0);
        cr_assert_eq(out.length, 0);
}
