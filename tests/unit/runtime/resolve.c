#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/resolve.h"

static unsigned char message[512];
static size_t length;
static struct host_address addresses[RESOLVE_MAX_ADDRESSES];
static size_t n;

static void add(const void *bytes, size_t size)
{
        memcpy(message + length, bytes, size);
        length += size;
}
#define ADD(text) add(text, sizeof text - 1)

/* An answer to the question for a.org, number 7. */
static void answer(unsigned flags, unsigned n_answers)
{
        length = resolve_write_question("a.org", false, 7, message);
        message[2] = (unsigned char)(0x80 | flags >> 8);
        message[3] = (unsigned char)flags;
        message[7] = (unsigned char)n_answers;
}

static enum resolve_outcome outcome(void)
{
        return resolve_read_answer(message, length, "A.org", false, 7, addresses, &n);
}

Test(resolve, writes_a_question)
{
        static const unsigned char wanted[] = "\0\7\1\0\0\1\0\0\0\0\0\0\1a\3org\0\0\1\0";

        cr_assert_eq(resolve_write_question("a.org", false, 7, message), sizeof wanted);
        cr_assert_eq(memcmp(message, wanted, sizeof wanted - 1), 0);
        cr_assert_eq(message[sizeof wanted - 1], 1);
        cr_assert_eq(resolve_write_question("a..org", false, 7, message), 0);
        cr_assert_eq(resolve_write_question("", false, 7, message), 0);
}

Test(resolve, follows_aliases)
{
        answer(0, 3);
        ADD("\xc0\x0c\0\5\0\1\0\0\0\1\0\4\1b\xc0\x0e");         /* a.org is b.org */
        ADD("\1b\xc0\x0e\0\1\0\1\0\0\0\1\0\4\x0a\0\0\1");
        ADD("\1c\xc0\x0e\0\1\0\1\0\0\0\1\0\4\x0a\0\0\2");       /* of another name: not ours */
        cr_assert_eq(outcome(), RESOLVE_FOUND);
        cr_assert_eq(n, 1);
        cr_assert_eq(memcmp(addresses[0].bytes, "\x0a\0\0\1", 4), 0);
}

Test(resolve, says_what_it_is_not)
{
        answer(3, 0);
        cr_assert_eq(outcome(), RESOLVE_UNKNOWN);
        answer(2, 0);
        cr_assert_eq(outcome(), RESOLVE_FAILED);
        answer(0x200, 0);
        cr_assert_eq(outcome(), RESOLVE_CUT);
        answer(0, 0);
        cr_assert_eq(outcome(), RESOLVE_FOUND);
        cr_assert_eq(n, 0);
}

/* Off the path: another number, another question, a question instead of an answer. */
Test(resolve, ignores_answers_to_other_questions)
{
        answer(0, 0);
        message[1] = 8;
        cr_assert_eq(outcome(), RESOLVE_OTHER);
        answer(0, 0);
        message[13] = 'b';
        cr_assert_eq(outcome(), RESOLVE_OTHER);
        answer(0, 0);
        message[2] = 1;
        cr_assert_eq(outcome(), RESOLVE_OTHER);
        answer(0, 0);
        message[length - 3] = 28;
        cr_assert_eq(outcome(), RESOLVE_OTHER);
}

Test(resolve, ends_with_names_that_do_not)
{
        answer(0, 1);
        ADD("\xc0\x17\0\1\0\1\0\0\0\1\0\4\x0a\0\0\1");          /* a name that points to itself */
        cr_assert_eq(outcome(), RESOLVE_FAILED);
        answer(0, 2);
        ADD("\xc0\x0c\0\5\0\1\0\0\0\1\0\2\xc0\x0c");            /* an alias of itself */
        ADD("\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x0a\0\0\1");
        cr_assert_eq(outcome(), RESOLVE_FAILED);
}

/* Cut at each byte, with each byte changed: no address that is not there, and nothing read beyond the end. */
Test(resolve, takes_any_bytes)
{
        answer(0, 2);
        ADD("\xc0\x0c\0\5\0\1\0\0\0\1\0\4\1b\xc0\x0e");
        ADD("\1b\xc0\x0e\0\1\0\1\0\0\0\1\0\4\x0a\0\0\1");
        for (size_t i = 0; i < length; i++) {
                unsigned char *copy = malloc(i + 1), whole = message[i];

                memcpy(copy, message, i);
                if (resolve_read_answer(copy, i, "a.org", false, 7, addresses, &n) == RESOLVE_FOUND)
                        cr_assert_eq(n, 0);
                free(copy);
                for (unsigned value = 0; value < 256; value++) {
                        message[i] = (unsigned char)value;
                        outcome();
                        cr_assert_leq(n, 1);
                }
                message[i] = whole;
        }
}
