/* Built without libsodium: there are no keys, so nobody gets here with one. */
#include "runtime/audit_mac.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

bool audit_mac_is_available(void)
{
        return false;
}

void audit_mac_make(const uint8_t key[AUDIT_KEY_LENGTH], const void *bytes, size_t length, uint8_t ret_mac[AUDIT_MAC_LENGTH])
{
        (void)key;
        (void)bytes;
        (void)length;
        memset(ret_mac, 0, AUDIT_MAC_LENGTH);
        assert(!"a MAC without libsodium");
}

void audit_mac_move_key(uint8_t key[AUDIT_KEY_LENGTH])
{
        memset(key, 0, AUDIT_KEY_LENGTH);
        assert(!"a key without libsodium");
}

int audit_mac_new_key(uint8_t ret_key[AUDIT_KEY_LENGTH])
{
        memset(ret_key, 0, AUDIT_KEY_LENGTH);
        return -ENOSYS;
}

bool audit_mac_is_same(const uint8_t *a, const uint8_t *b, size_t length)
{
        return memcmp(a, b, length) == 0;
}
