/* One record of the audit log as a line: what writer, verifier and recovery must agree upon, and nothing else.
 *
 *   {"seq":12,"prev":"64 hex digits", members... ,"mac":"64 hex digits"}
 *
 * These three members stand in these places and are written in this one way. So no JSON parser, which could be made to see
 * another document than the next one does, has a say in whether a line belongs to the chain. "prev" is the SHA-256 of the line
 * before, without its line break. "mac" is missing as long as nobody ran `runb audit init`; it covers the line up to the comma
 * before it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/audit_mac.h"
#include "runtime/base/sha256.h"

struct text_buffer;

#define AUDIT_LINE_LIMIT_BYTES ((size_t)4 << 20)

struct audit_line {
        uint64_t sequence;              /* from 1 */
        uint8_t prev[SHA256_LENGTH];    /* zeros before the first one */
        bool has_mac;
        uint8_t mac[AUDIT_MAC_LENGTH];
        size_t n_covered;               /* bytes that the MAC covers */
};

/* @line: @length bytes without the line break, from wherever. Returns 0, or -EBADMSG where it is no record. */
int audit_line_read(const char *line, size_t length, struct audit_line *ret_line);

void audit_line_hash(const char *line, size_t length, uint8_t ret_hash[SHA256_LENGTH]);

/* The line's MAC is the one of that key. */
bool audit_line_is_of_key(const char *line, const struct audit_line *read, const uint8_t key[AUDIT_KEY_LENGTH]);

/* Appends a line with its break to @out. @members: ""time":..., ...", not empty. @key: NULL: no MAC.
 * @ret_hash: the line's. */
void audit_line_write(struct text_buffer *out, uint64_t sequence, const uint8_t prev[SHA256_LENGTH], const char *const *members,
                      size_t n_members, const uint8_t *key, uint8_t ret_hash[SHA256_LENGTH]);

/* 64 digits, lower case. */
bool audit_hex_read(const char *text, uint8_t ret_bytes[SHA256_LENGTH]);
