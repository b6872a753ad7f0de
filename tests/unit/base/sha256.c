#include <criterion/criterion.h>
#include <string.h>

#include "runtime/base/sha256.h"

static void expect(const char *text, size_t chunk, const char *expected)
{
        size_t length = strlen(text);
        uint8_t digest[SHA256_LENGTH];
        char hex[SHA256_TEXT_SIZE];
        struct sha256 sha256;

        sha256_begin(&sha256);
        for (size_t i = 0; i < length; i += chunk)
                sha256_add(&sha256, text + i, length - i < chunk ? length - i : chunk);
        sha256_end(&sha256, digest);
        sha256_text(digest, hex);
        cr_assert_str_eq(hex, expected);
}

/* The examples of FIPS 180-2, appendix B, and the empty message. */
Test(sha256, gives_the_digests_of_the_standard)
{
        expect("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        expect("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        expect("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

Test(sha256, a_million_bytes)
{
        struct sha256 sha256;
        uint8_t digest[SHA256_LENGTH];
        char hex[SHA256_TEXT_SIZE], a[1000];

        memset(a, 'a', sizeof a);
        sha256_begin(&sha256);
        for (unsigned i = 0; i < 1000; i++)
                sha256_add(&sha256, a, sizeof a);
        sha256_end(&sha256, digest);
        sha256_text(digest, hex);
        cr_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

Test(sha256, does_not_depend_on_how_the_bytes_are_cut)
{
        /* 119 to 121 bytes: around where the length no longer fits into the last block. */
        static const char text[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                                   "0123456789abcdef0123456789abcdef0123456789abcdef0123456";
        char whole[SHA256_TEXT_SIZE], cut[SHA256_TEXT_SIZE];
        uint8_t digest[SHA256_LENGTH];
        struct sha256 sha256;

        for (size_t length = 50; length < sizeof text; length++) {
                sha256_begin(&sha256);
                sha256_add(&sha256, text, length);
                sha256_end(&sha256, digest);
                sha256_text(digest, whole);
                for (size_t chunk = 1; chunk < 70; chunk += 3) {
                        sha256_begin(&sha256);
                        for (size_t i = 0; i < length; i += chunk)
                                sha256_add(&sha256, text + i, length - i < chunk ? length - i : chunk);
                        sha256_end(&sha256, digest);
                        sha256_text(digest, cut);
                        cr_assert_str_eq(cut, whole);
                }
        }
}
