/* sodium_init() is not called: it seeds a generator of random numbers that is not used here, and looks for a faster BLAKE2b at
 * a price (cpuid traps in virtual machines) that a few kilobytes never bring back. Without it the portable code runs. */
#include "runtime/audit_mac.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static_assert(AUDIT_KEY_LENGTH >= crypto_generichash_blake2b_KEYBYTES_MIN && AUDIT_KEY_LENGTH <= crypto_generichash_blake2b_KEYBYTES_MAX,
              "a key that BLAKE2b takes");

static const unsigned char mac_person[crypto_generichash_blake2b_PERSONALBYTES] = "runb audit mac";
static const unsigned char key_person[crypto_generichash_blake2b_PERSONALBYTES] = "runb audit key";

/* BLAKE2b's code calls it where a length is wrong. libsodium's own one lies in one file with sodium_init(), which brings every
 * implementation of everything into a static program: 200 KiB of code that nobody calls. Weak, so that a library that needs that
 * file for something else still links. */
__attribute__((weak, noreturn)) void sodium_misuse(void)
{
        abort();
}

bool audit_mac_is_available(void)
{
        return true;
}

void audit_mac_make(const uint8_t key[AUDIT_KEY_LENGTH], const void *bytes, size_t length, uint8_t ret_mac[AUDIT_MAC_LENGTH])
{
        crypto_generichash_blake2b_salt_personal(ret_mac, AUDIT_MAC_LENGTH, bytes, length, key, AUDIT_KEY_LENGTH, NULL, mac_person);
}

void audit_mac_move_key(uint8_t key[AUDIT_KEY_LENGTH])
{
        uint8_t next[AUDIT_KEY_LENGTH];

        crypto_generichash_blake2b_salt_personal(next, sizeof next, NULL, 0, key, AUDIT_KEY_LENGTH, NULL, key_person);
        memcpy(key, next, sizeof next);
        sodium_memzero(next, sizeof next);
}

int audit_mac_new_key(uint8_t ret_key[AUDIT_KEY_LENGTH])
{
        ssize_t n = getrandom(ret_key, AUDIT_KEY_LENGTH, 0);

        return n == AUDIT_KEY_LENGTH ? 0 : n < 0 ? -errno : -EIO;
}

bool audit_mac_is_same(const uint8_t *a, const uint8_t *b, size_t length)
{
        return sodium_memcmp(a, b, length) == 0;
}
