/* Answers of name servers, or of whoever answers in their place: nothing of the message is trusted. The first byte says
 * whether IPv6 is asked for, then a name, a NUL, and the message. */
#include "tests/fuzz/fuzz.h"

#include <ctype.h>

#include "runtime/base/auto.h"
#include "runtime/resolve.h"

#define ID 7

static void read_answer(const char *name, bool is_v6, const uint8_t *bytes, size_t length)
{
        struct host_address addresses[RESOLVE_MAX_ADDRESSES];
        auto_free unsigned char *message = malloc(length + 1);
        enum resolve_outcome outcome;
        size_t n = 0;

        must(message != NULL, "there is memory");
        /* Of exactly its size: reading past it is seen. */
        message = realloc(message, length > 0 ? length : 1);
        memcpy(message, bytes, length);
        outcome = resolve_read_answer(message, length, name, is_v6, ID, addresses, &n);
        must(n <= RESOLVE_MAX_ADDRESSES, "no more addresses than there is room for");
        must(outcome == RESOLVE_OTHER ||
             (length > 12 && message[0] == 0 && message[1] == ID && (message[2] & 0x80) != 0),
             "what has another number, or is no answer, is not taken for one");
        must(outcome == RESOLVE_FOUND || outcome == RESOLVE_FAILED || n == 0, "without an answer there is no address");
        for (size_t i = 0; i < n; i++) {
                must(addresses[i].is_v6 == is_v6, "addresses are of the family that was asked for");
                must(memmem(message, length, addresses[i].bytes, is_v6 ? 16 : 4) != NULL,
                     "addresses are those of the message");
        }
}

/* What is asked is what is understood. */
static void ask(const char *name, bool is_v6)
{
        struct host_address addresses[RESOLVE_MAX_ADDRESSES];
        auto_free unsigned char *message = malloc(300);
        size_t length, n, end = strlen(name);
        bool is_plain = true;

        must(message != NULL, "there is memory");
        length = resolve_write_question(name, is_v6, ID, message);
        must(length <= 300 && (length == 0 || length >= 12 + 6), "a question fits");
        for (size_t i = 0; i < end; i++)
                is_plain &= isalnum((unsigned char)name[i]) || strchr("-_.", name[i]) != NULL;
        if (length == 0 || !is_plain || name[end - 1] == '.')
                return;
        must(resolve_read_answer(message, length, name, is_v6, ID, addresses, &n) == RESOLVE_OTHER,
             "a question is no answer");
        message[2] |= 0x80;
        must(resolve_read_answer(message, length, name, is_v6, ID, addresses, &n) == RESOLVE_FOUND && n == 0,
             "an answer to the question is one");
        must(resolve_read_answer(message, length, name, !is_v6, ID, addresses, &n) == RESOLVE_OTHER,
             "not to the other");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
        auto_free char *name = NULL;
        bool is_v6;
        size_t n;

        if (length == 0)
                return 0;
        is_v6 = (bytes[0] & 1) != 0;
        name = fuzz_text(bytes + 1, length - 1);
        n = 1 + strlen(name) + 1;
        ask(name, is_v6);
        if (n <= length)
                read_answer(name, is_v6, bytes + n, length - n);
        return 0;
}
