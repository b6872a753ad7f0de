/* SHA-256 (FIPS 180-4), for names of cache entries: what is hashed may be shaped by someone who wants a collision. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_LENGTH 32
#define SHA256_TEXT_SIZE (2 * SHA256_LENGTH + 1)

struct sha256 {
        uint32_t state[8];
        uint64_t length_bytes;
        uint8_t block[64];
};

void sha256_begin(struct sha256 *sha256);
void sha256_add(struct sha256 *sha256, const void *bytes, size_t length);
void sha256_end(struct sha256 *sha256, uint8_t ret_digest[SHA256_LENGTH]);

/* The three at once. */
void sha256_of(const void *bytes, size_t length, uint8_t ret_digest[SHA256_LENGTH]);

/* In lower-case hexadecimal. */
void sha256_text(const uint8_t digest[SHA256_LENGTH], char ret_text[SHA256_TEXT_SIZE]);
