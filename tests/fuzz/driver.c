/* Runs a fuzz target without libFuzzer: every file of a corpus, and mutations of it that are the same in every run.
 * Usage: TARGET.fuzz FOLDER [MUTATIONS] */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>

#include "oci-spec/spec.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"

static uint64_t state = 1;

static uint64_t next_random(void)
{
        /* xorshift64 (Marsaglia): the same numbers on every machine. */
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return state;
}

static size_t below(size_t n)
{
        return n == 0 ? 0 : (size_t)(next_random() % n);
}

/* One change of a kind that breaks parsers: a byte, a cut, a doubled or moved piece, a token at the wrong place. */
static size_t mutate(uint8_t *bytes, size_t length, size_t size)
{
        static const char *const tokens[] = {
                "{", "}", "[", "]", ",", ":", "\"", "null", "true", "-1", "0", "1e9", "1.0", "4294967295", "4294967296",
                "18446744073709551616", "-9223372036854775809", "\"\"", "\"\\u0000\"", "\"\\ud800\"", "\\", "\n",
                "\"\\\\\"", "{}", "[]", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "\xff", "\xc0\x80", "//", "\"a\":",
                "\"uid\":", "\"=\"", "\"/\"", " ", ":", "0 0 4294967295\n", "\\040", "\\377", ",", "=", "user a /b\n", "::",
        };
        size_t at = below(length), n = below(length - at) % 64;
        const char *token;

        switch (next_random() % 6) {
        case 0:
                if (length > 0)
                        bytes[at] = (uint8_t)next_random();
                return length;
        case 1:
                if (length > 0)
                        bytes[at] ^= (uint8_t)(1u << next_random() % 8);
                return length;
        case 2:
                return at;
        case 3: /* a piece is lost */
                memmove(bytes + at, bytes + at + n, length - at - n);
                return length - n;
        case 4: /* a piece is there twice */
                if (length + n > size)
                        return length;
                memmove(bytes + at + n, bytes + at, length - at);
                return length + n;
        default:
                token = tokens[next_random() % (sizeof tokens / sizeof tokens[0])];
                n = strlen(token);
                if (length + n > size)
                        return length;
                memmove(bytes + at + n, bytes + at, length - at);
                memcpy(bytes + at, token, n);
                return length + n;
        }
}

static void run_file(const char *text, size_t length, unsigned n_mutations)
{
        size_t size = length + 4096, mutated;
        auto_free uint8_t *bytes = malloc(size);

        must(bytes != NULL, "there is memory");
        LLVMFuzzerTestOneInput((const uint8_t *)text, length);
        for (unsigned i = 0; i < n_mutations; i++) {
                memcpy(bytes, text, length);
                mutated = length;
                for (size_t n = 1 + below(4); n > 0; n--)
                        mutated = mutate(bytes, mutated, size);
                LLVMFuzzerTestOneInput(bytes, mutated);
        }
}

int main(int argc, char **argv)
{
        struct dirent **entries;
        unsigned n_files = 0, n_mutations = argc > 2 ? (unsigned)atoi(argv[2]) : 1000;
        int n;

        n = argc > 1 ? scandir(argv[1], &entries, NULL, alphasort) : -1;
        if (n < 0) {
                fprintf(stderr, "usage: %s FOLDER [MUTATIONS]\n", argv[0]);
                return 2;
        }
        for (int i = 0; i < n; i++) {
                auto_free char *text = NULL;
                char path[4096];
                size_t length;

                snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
                free(entries[i]);
                if (fd_read_file(AT_FDCWD, path, SPEC_CONFIG_LIMIT_BYTES, &text, &length) < 0)
                        continue;
                run_file(text, length, n_mutations);
                n_files++;
        }
        free(entries);
        printf("%s: %u files, %u mutations of each\n", argv[0], n_files, n_mutations);
        return n_files == 0;
}
