/* Records of the audit file, in which a build's attempts are: what comes of them is a policy file, whatever they say.
 * The first byte's lowest bit asks for what was refused, too. */
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <stdio.h>

static const uint8_t *input;
static size_t input_length;

static FILE *open_input(void)
{
        FILE *file = fmemopen((void *)(uintptr_t)input, input_length, "r");

        must(file != NULL, "there is memory");
        return file;
}
#define fopen(path, mode) open_input()
#include "runtime/egress_learn.c"
#undef fopen

#include "policies/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
        auto_arena struct arena arena = { NULL };
        auto_buffer struct text_buffer left_out = { 0 }, out = { 0 };
        struct egress_learn learn = { .arena = &arena, .left_out = &left_out };
        struct policy_file file;
        struct error err = { 0 };

        if (length < 2)
                return 0;
        learn.has_refused = (bytes[0] & 1) != 0;
        input = bytes + 1;
        input_length = length - 1;
        must(egress_learn_read(&learn, "audit.jsonl", &err) == 0, "bad lines are counted, and no failure");
        must(egress_learn_write(&learn, &out, &err) == 0, "there is memory");
        for (size_t i = 0; i < left_out.length; i++)
                must(left_out.text[i] == '\n' || isprint((unsigned char)left_out.text[i]),
                     "nothing reaches the terminal but text");
        if (policy_file_read(&arena, out.text, out.length, "p.json", &file, &err) < 0) {
                fprintf(stderr, "%s\n%s", err.text, out.text);
                must(0, "what is learnt is a policy file");
        }
        for (size_t i = 0; i < learn.n; i++)
                must(learn.items[i].port != 0 && policy_egress_kind(&learn.items[i].address) != POLICY_EGRESS_CLOSED,
                     "what no list may have is not in it");
        return 0;
}
