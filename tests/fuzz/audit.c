/* A log that somebody else wrote, to whoever verifies it; keys, heads and chain files too. */
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "runtime/audit_verify.h"

static void hear(const struct audit_problem *problem, void *context)
{
        uint64_t *n = context;

        (*n)++;
        must(problem->text[0] != '\0' && strchr(problem->text, '\n') == NULL, "one line a problem");
}

static void verify(int fd, const uint8_t *bytes, size_t length, bool has_key, const struct audit_chain *chain)
{
        uint64_t n = 0;
        struct audit_verifier verifier = { .has_key = has_key, .key_sequence = 1, .chain = chain, .tell = hear, .context = &n,
                                           /* not the time that a far number takes */
                                           .n_steps = 100000000 - 1000 };
        const uint8_t *end = bytes + length;
        uint64_t n_lines = 0;

        for (const uint8_t *at = bytes; at < end; at++)
                n_lines += *at == '\n';
        audit_verify_begin(&verifier);
        must(lseek(fd, 0, SEEK_SET) == 0 && audit_verify_file(&verifier, fd, "log", UINT64_MAX, true) == 0, "the file is read");
        audit_verify_end(&verifier);
        must(n == verifier.n_problems, "problems are counted");
        must(verifier.n_records <= n_lines, "no more records than lines");
        must(verifier.n_macs <= verifier.n_records, "no more MACs than records");
        must(!has_key || verifier.n_records == 0 || verifier.n_macs == verifier.n_records || n > 0, "a record without its MAC is a problem");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
        struct audit_chain chain = { 0 };
        struct audit_line line;
        uint8_t digest[32];
        uint64_t sequence;
        char *text = fuzz_text(bytes, length);
        int fd;

        audit_key_read(text, &sequence, digest);
        audit_head_read(text, &sequence, digest);
        free(text);
        if (audit_line_read((const char *)bytes, length, &line) == 0)
                must(line.sequence > 0 && line.n_covered <= length, "a line is within its bytes");
        if (length <= AUDIT_CHAIN_BYTES && audit_chain_decode(bytes, length, &chain) == 0 && length > 0) {
                uint8_t again[AUDIT_CHAIN_BYTES];

                audit_chain_encode(&chain, again);
                must(memcmp(again, bytes, sizeof again) == 0 || length != sizeof again, "what is read is written");
        }
        fd = memfd_create("log", 0);
        must(fd >= 0 && write(fd, bytes, length) == (ssize_t)length, "there is memory");
        chain = (struct audit_chain){ .sequence = 3, .log_bytes = length / 2 };
        verify(fd, bytes, length, false, NULL);
        verify(fd, bytes, length, true, NULL);
        verify(fd, bytes, length, false, &chain);
        chain.has_key = true;
        verify(fd, bytes, length, true, &chain);
        close(fd);
        return 0;
}
