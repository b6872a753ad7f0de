/* The keyed hash of the audit log, and how its key moves on. audit_mac_none.c where runb is built without libsodium.
 *
 * BLAKE2b-256 (RFC 7693) with a key of 32 bytes; the personalization tells its two uses apart, so that no MAC is ever a key:
 *
 *   MAC of a record   BLAKE2b-256(key, person "runb audit mac", the record's bytes)
 *   next key          BLAKE2b-256(key, person "runb audit key", nothing) */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_KEY_LENGTH 32
#define AUDIT_MAC_LENGTH 32

bool audit_mac_is_available(void);

void audit_mac_make(const uint8_t key[AUDIT_KEY_LENGTH], const void *bytes, size_t length, uint8_t ret_mac[AUDIT_MAC_LENGTH]);

/* In place: the old key is nowhere afterwards. */
void audit_mac_move_key(uint8_t key[AUDIT_KEY_LENGTH]);

/* From the kernel (getrandom(2)). Returns 0 or a negative errno. */
int audit_mac_new_key(uint8_t ret_key[AUDIT_KEY_LENGTH]);

/* In a time that does not depend on where they differ. */
bool audit_mac_is_same(const uint8_t *a, const uint8_t *b, size_t length);
