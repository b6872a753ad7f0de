/* Where the chain of an audit log stands: PATH.chain beside the log, of its owner alone (0600), 512 bytes that are overwritten
 * in place, so that the key that was there is nowhere any more. Who has locked it may write to the log. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "runtime/audit_mac.h"
#include "runtime/base/error.h"
#include "runtime/base/sha256.h"

#define AUDIT_CHAIN_SUFFIX ".chain"
#define AUDIT_CHAIN_BYTES 512

struct audit_chain {
        uint64_t sequence;              /* of the last record; 0: there was none */
        uint8_t head[SHA256_LENGTH];    /* the last record's hash; zeros */
        uint64_t log_inode, log_bytes;  /* the log, as it was after the last record */
        uint64_t first_sequence;        /* of the first record in it */
        bool has_key;
        uint8_t key[AUDIT_KEY_LENGTH];  /* for the next record */
        uint64_t key_sequence;          /* the first record that has a MAC */

        /* Records that could not be written since. */
        uint64_t n_lost, lost_since_s;
        uint32_t lost_errno;

        bool has_policy;
        uint8_t policy[SHA256_LENGTH];  /* the policy file that the last build was judged by */

        /* A program of a megabyte is not hashed for every record: as long as it is the same file its digest is. */
        uint64_t program[5];            /* device, inode, bytes, changed (s, ns); zeros: not known */
        uint8_t program_digest[SHA256_LENGTH];
};

/* @bytes: of the file. An empty file is a chain that has not begun. Returns 0, or -EBADMSG. */
int audit_chain_decode(const uint8_t *bytes, size_t length, struct audit_chain *ret_chain);
void audit_chain_encode(const struct audit_chain *chain, uint8_t ret_bytes[AUDIT_CHAIN_BYTES]);

/* @fd: of the file, locked. @path: the log's, for the sentence. */
int audit_chain_load(int fd, const char *path, struct audit_chain *ret_chain, struct error *err);
int audit_chain_save(int fd, const char *path, const struct audit_chain *chain, bool is_synced, struct error *err);

/* Takes in a line that the chain continues with. Returns false where it does not: the chain stays as it is. */
struct audit_line;
bool audit_chain_take(struct audit_chain *chain, const char *line, size_t length);

/* Nobody can read it from a core or a stack later. */
void audit_chain_wipe(struct audit_chain *chain);
#define auto_audit_chain __attribute__((cleanup(audit_chain_wipe)))
