/* SHA-256 as FIPS 180-4 gives it, with the processor's instructions for it where it has them (a cryptography library costs half a
 * millisecond and a megabyte at each start). Not for secrets: nothing here is wiped. */
#include "runtime/base/sha256.h"

#include <string.h>
#if defined(__x86_64__) && defined(__has_include)
#if __has_include(<sys/platform/x86.h>)
#include <immintrin.h>
#include <sys/platform/x86.h>
#define HAS_SHA_INSTRUCTIONS 1
#endif
#endif

/* FIPS 180-4, 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_constants[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned n)
{
        return x >> n | x << (32 - n);
}

static void add_block_plainly(uint32_t state[8], const uint8_t *block)
{
        uint32_t w[64], v[8], t1, t2;

        for (unsigned i = 0; i < 16; i++)
                w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
                       (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
        for (unsigned i = 16; i < 64; i++)
                w[i] = w[i - 16] + w[i - 7] +
                       (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
                       (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
        memcpy(v, state, sizeof v);
        /* The eight variables a to h do not move; which of them V(0), a, is does. */
#define V(k) v[((k) - i) & 7]
#pragma GCC unroll 64
        for (unsigned i = 0; i < 64; i++) {
                t1 = V(7) + (rotate(V(4), 6) ^ rotate(V(4), 11) ^ rotate(V(4), 25)) +
                     ((V(4) & V(5)) ^ (~V(4) & V(6))) + round_constants[i] + w[i];
                t2 = (rotate(V(0), 2) ^ rotate(V(0), 13) ^ rotate(V(0), 22)) +
                     ((V(0) & V(1)) ^ (V(0) & V(2)) ^ (V(1) & V(2)));
                V(3) += t1;
                V(7) = t1 + t2;
        }
#undef V
        for (unsigned i = 0; i < 8; i++)
                state[i] += v[i];
}

#ifdef HAS_SHA_INSTRUCTIONS
/* The processor's own rounds, two an instruction (Intel SDM, SHA256RNDS2: it takes the state as the words ABEF and CDGH): an
 * audited run hashes some twenty kilobytes. */
__attribute__((target("sha,sse4.1")))
static void add_block_by_instructions(uint32_t state[8], const uint8_t *block)
{
        const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
        __m128i dcba = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)&state[0]), 0xb1);
        __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)&state[4]), 0x1b);
        __m128i abef = _mm_alignr_epi8(dcba, hgfe, 8), cdgh = _mm_blend_epi16(hgfe, dcba, 0xf0);
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4], sum;

        for (unsigned i = 0; i < 4; i++)
                w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i)), swap);
        for (unsigned i = 0; i < 16; i++) {
                sum = _mm_add_epi32(w[0], _mm_loadu_si128((const __m128i *)(const void *)&round_constants[4 * i]));
                cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
                abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
                /* The four words of sixteen rounds later. */
                sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[0], w[1]), _mm_alignr_epi8(w[3], w[2], 4));
                w[0] = w[1];
                w[1] = w[2];
                w[2] = w[3];
                w[3] = _mm_sha256msg2_epu32(sum, w[3]);
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
        dcba = _mm_shuffle_epi32(abef, 0x1b);
        hgfe = _mm_shuffle_epi32(cdgh, 0xb1);
        _mm_storeu_si128((__m128i *)(void *)&state[0], _mm_blend_epi16(dcba, hgfe, 0xf0));
        _mm_storeu_si128((__m128i *)(void *)&state[4], _mm_alignr_epi8(hgfe, dcba, 8));
}
#endif

static void add_block(uint32_t state[8], const uint8_t *block)
{
#ifdef HAS_SHA_INSTRUCTIONS
        /* What libc found at its start: cpuid costs microseconds in a virtual machine. */
        if (CPU_FEATURE_PRESENT(SHA) && CPU_FEATURE_PRESENT(SSE4_1)) {
                add_block_by_instructions(state, block);
                return;
        }
#endif
        add_block_plainly(state, block);
}

void sha256_begin(struct sha256 *sha256)
{
        *sha256 = (struct sha256){
                .state = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                           0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 },
        };
}

void sha256_add(struct sha256 *sha256, const void *bytes, size_t length)
{
        size_t used = sha256->length_bytes % sizeof sha256->block;
        const uint8_t *p = bytes;
        size_t n;

        sha256->length_bytes += length;
        while (length > 0) {
                if (used == 0 && length >= sizeof sha256->block) {
                        n = sizeof sha256->block;
                        add_block(sha256->state, p);
                } else {
                        n = sizeof sha256->block - used < length ? sizeof sha256->block - used : length;
                        memcpy(sha256->block + used, p, n);
                        if (used + n == sizeof sha256->block)
                                add_block(sha256->state, sha256->block);
                        used = (used + n) % sizeof sha256->block;
                }
                p += n;
                length -= n;
        }
}

void sha256_end(struct sha256 *sha256, uint8_t ret_digest[SHA256_LENGTH])
{
        static const uint8_t padding[64] = { 0x80 };
        uint64_t length_bits = sha256->length_bytes * 8;
        size_t used = sha256->length_bytes % 64;
        uint8_t end[8];

        for (unsigned i = 0; i < 8; i++)
                end[i] = (uint8_t)(length_bits >> (56 - 8 * i));
        sha256_add(sha256, padding, used < 56 ? 56 - used : 120 - used);
        sha256_add(sha256, end, sizeof end);
        for (unsigned i = 0; i < SHA256_LENGTH; i++)
                ret_digest[i] = (uint8_t)(sha256->state[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256_of(const void *bytes, size_t length, uint8_t ret_digest[SHA256_LENGTH])
{
        struct sha256 sha256;

        sha256_begin(&sha256);
        sha256_add(&sha256, bytes, length);
        sha256_end(&sha256, ret_digest);
}

void sha256_text(const uint8_t digest[SHA256_LENGTH], char ret_text[SHA256_TEXT_SIZE])
{
        static const char digits[] = "0123456789abcdef";

        for (unsigned i = 0; i < SHA256_LENGTH; i++) {
                ret_text[2 * i] = digits[digest[i] >> 4];
                ret_text[2 * i + 1] = digits[digest[i] & 15];
        }
        ret_text[2 * SHA256_LENGTH] = '\0';
}
