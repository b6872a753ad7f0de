/* What every fuzz target here has in common: LLVMFuzzerTestOneInput() takes any bytes, and must() is the property that
 * holds for them all. tests/fuzz/driver.c runs a target without libFuzzer. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static inline void must(int holds, const char *claim)
{
        if (holds)
                return;
        fprintf(stderr, "does not hold: %s\n", claim);
        abort();
}

/* The bytes up to the first NUL as a string that is freed by the caller, of exactly its size: reading past it is seen. */
static inline char *fuzz_text(const uint8_t *bytes, size_t length)
{
        size_t n = strnlen((const char *)bytes, length);
        char *text = malloc(n + 1);

        must(text != NULL, "there is memory");
        if (n > 0)
                memcpy(text, bytes, n);
        text[n] = '\0';
        return text;
}

/* The sum of its bytes: touches them all, for the address sanitizer to see. */
static inline void fuzz_touch(const char *text)
{
        static volatile size_t sum;

        if (text != NULL)
                sum += strlen(text);
}
