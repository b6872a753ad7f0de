/* Whether an audit log is what was written: every record by its MAC and by the hash in the next one, the order by the numbers,
 * the end by a head that somebody noted, or by where the chain stands on this host. Reads, and changes nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/audit_chain.h"
#include "runtime/audit_line.h"
#include "runtime/base/error.h"

/* What is wrong, and where. */
struct audit_problem {
        const char *file;
        uint64_t line;          /* from 1; 0: of the whole */
        uint64_t sequence;      /* 0: of no record */
        char text[256];
};

struct audit_verifier {
        /* To be filled in; the rest zeros. */
        bool has_key;
        uint8_t key[AUDIT_KEY_LENGTH];  /* of the record @key_sequence */
        uint64_t key_sequence;
        bool has_anchor;
        uint8_t anchor[SHA256_LENGTH];  /* a head that was noted: the hash of a record that must be there */
        uint64_t anchor_sequence;       /* 0: not noted */
        const struct audit_chain *chain;        /* where it stands on this host; NULL: not known */
        bool is_part;                   /* what comes before need not be there */
        void (*tell)(const struct audit_problem *problem, void *context);
        void *context;

        /* Results. */
        uint64_t n_records, n_macs, n_problems;
        uint64_t first_sequence, sequence;      /* of what was read */
        uint8_t head[SHA256_LENGTH];
        uint64_t n_unnoted;             /* records that a killed writer had not noted */
        bool has_half_line;             /* so it was before the next record, and that is in order */

        /* Of the work. */
        struct audit_chain live;
        bool has_begun, is_resynced, has_macs, is_anchor_seen;
        uint64_t n_bad;                 /* lines since the last record that counted, each of which was one once */
        uint64_t n_steps;               /* that the key was moved to try */
        uint64_t dropped_up_to, last_good_line;
        const char *last_file;
};

/* @key: what `runb audit init` printed, "runb-audit-key:1:64 digits" and perhaps a line break. */
int audit_key_read(const char *text, uint64_t *ret_sequence, uint8_t ret_key[AUDIT_KEY_LENGTH]);
/* @head: what `runb audit head` prints, "12:64 digits"; or the digits alone. */
int audit_head_read(const char *text, uint64_t *ret_sequence, uint8_t ret_hash[SHA256_LENGTH]);

void audit_verify_begin(struct audit_verifier *verifier);
/* @line: without its break; the next one of @file. */
void audit_verify_line(struct audit_verifier *verifier, const char *file, uint64_t number, const char *line, size_t length);
/* What stands at the end of the last file without a line break. */
void audit_verify_half(struct audit_verifier *verifier, const char *file, uint64_t number, size_t length);
void audit_verify_end(struct audit_verifier *verifier);

/* Hands over every line of a file, of at most @limit_bytes: longer ones cut, with @is_whole false; the last one, without a break,
 * with @is_ended false. Ends early where @take returns something else than 0, and returns that. */
struct audit_read_line { const char *text; size_t length; uint64_t number; bool is_whole, is_ended; };
typedef int audit_take(const struct audit_read_line *line, void *context);
int audit_read_lines(int fd, uint64_t limit_bytes, audit_take *take, void *context);

/* By the two above. */
int audit_verify_file(struct audit_verifier *verifier, int fd, const char *file, uint64_t limit_bytes, bool is_last);
