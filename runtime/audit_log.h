/* The audit log as files: who may write, how a record gets in whole, what happens after a kill and on a full disk. See audit.c
 * for what this is to withstand. */
#pragma once

#include "policies/policy.h"
#include "runtime/audit_chain.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

/* A log that is locked. Everything that is added is written at once by audit_log_commit(), or not at all. */
struct audit_log {
        const struct policy_audit *settings;
        int chain_fd, fd;
        struct audit_chain chain;       /* as it will be after the commit */
        struct audit_chain kept;        /* as it is in the file */
        uint64_t bytes;                 /* of the log, without what is pending */
        uint64_t allocated;             /* on the disk for it */
        struct text_buffer pending;
        struct text_buffer program;     /* the member "runb" */
        uint64_t drop_below;            /* rotated files of earlier records go after the commit; 0: none */
        bool is_locked;
};

/* Opens the log and makes it whole: takes in what a killed writer had written but not noted, cuts half a line off, rotates.
 * What it did so goes into records of its own, which are pending then.
 * @more_bytes: about how much will be added. @log: close it, after a failure, too. */
int audit_log_open(const struct policy_audit *settings, size_t more_bytes, struct audit_log *log, struct error *err);

/* @members: ""time":...": audit_record.h. */
void audit_log_add(struct audit_log *log, const char *members);

/* Writes what is pending, moves the key on. @is_opening: of something that begins; it must leave room on the disk for the
 * records of what is running already. On a failure nothing of it is in the file, and the log is as it was. */
int audit_log_commit(struct audit_log *log, bool is_opening, struct error *err);

/* Makes the first key, and a record of that. @settings: is_chained is no matter yet. @ret_key: of the record @ret_sequence and,
 * moved on, of all after it. EEXIST: there is one. */
int audit_log_begin_chain(const struct policy_audit *settings, uint64_t *ret_sequence, uint8_t ret_key[AUDIT_KEY_LENGTH],
                          struct error *err);

void audit_log_close(struct audit_log *log);
#define auto_audit_log __attribute__((cleanup(audit_log_close)))

/* Notes that a record could not be written, for the next one that can. @log: open or not. @code: why, an errno. */
void audit_log_note_lost(struct audit_log *log, const struct policy_audit *settings, int code);

/* ---- reading ---- */

/* A rotated file: PATH.00000000000000000001, after the first sequence number in it. */
#define AUDIT_ROTATED_DIGITS 20
struct audit_file { const char *path; uint64_t first_sequence; };

/* The rotated files of a log, the oldest first, and the log itself at the end where it is there. In the arena. */
int audit_log_files(const char *path, struct arena *arena, struct audit_file **ret_files, size_t *ret_n, struct error *err);
