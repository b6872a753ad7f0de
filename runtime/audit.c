/* The audit log: evidence of what was decided and done, for someone who was not there.
 *
 * A record is one line of JSON. audit_record.c says what is in it, audit_line.c how it is a link of a chain, audit_log.c how it
 * gets into the file, audit_repair.c what happens after a kill, audit_verify.c how it is checked, audit_sinks.c where else it goes.
 * No daemon keeps the log: every process that has something to say locks the chain, writes, and lets go.
 *
 *   AUDIT                          the records, O_APPEND, 0600
 *   AUDIT.chain                    where the chain stands: number, hash, key of the next record (audit_chain.h); 0600
 *   AUDIT.00000000000000000001     a rotated file, named after its first record
 *   AUDIT.before-1                 a log that was there when the chain began
 *
 * What it withstands:
 *
 * - A build: it cannot reach the files. Nothing of it gets into a record but names, numbers and digests.
 * - Somebody who becomes root later: each record has the hash of the one before, and a MAC whose key moves on, one way, with
 *   every record; the old one is overwritten. The past cannot be forged with the present key. Who holds the first key, handed
 *   out once by `runb audit init`, can check every MAC; who noted a head (`runb audit head`) elsewhere sees a tail that was cut.
 *   What such a root does from then on is his to write: that is what the sinks are for.
 * - A kill between any two system calls: the record is written first, then the chain moves. A record that is written and not
 *   noted is the one state in between, and whoever comes next takes it in by its MAC. Half a line is cut off, and told.
 * - A full disk: a record is whole in the file or not at all. New builds must leave room for the ends of those that run. What
 *   could not be written is counted, and told by a record of its own ("gap") as soon as one can be written.
 * - Readers: who can read the log cannot lock it.
 *
 * With "fsync" each record, and the overwritten key, is on the disk before what it tells of happens. Without it both are as soon
 * as the kernel writes them: after a crash of the machine the last records can be missing, which the next one tells. */
#include "runtime/audit.h"

#include <errno.h>
#include <string.h>

#include "policies/file.h"
#include "runtime/audit_log.h"
#include "runtime/audit_record.h"
#include "runtime/audit_sinks.h"
#include "runtime/base/auto.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/state.h"

/* What a line has besides its members: numbers, hashes, the program. */
#define LINE_OVERHEAD_BYTES 600

/* The policy file is another one than the last build was judged by. */
static void add_policy(const struct policy *policy, struct audit_log *log)
{
        auto_buffer struct text_buffer members = { 0 };
        const uint8_t *digest = policy->file != NULL ? policy->file->digest : NULL;
        char hex[SHA256_TEXT_SIZE];

        if (digest == NULL || (log->chain.has_policy && memcmp(digest, log->chain.policy, SHA256_LENGTH) == 0))
                return;
        audit_record_begin(&members, "policy");
        text_add_member(&members, "policy", policy->revision);
        sha256_text(digest, hex);
        text_addf(&members, ",\"policyDigest\":\"sha256:%s\"", hex);
        text_add_member(&members, "path", policy->file->name);
        if (log->chain.has_policy) {
                sha256_text(log->chain.policy, hex);
                text_addf(&members, ",\"policyDigestBefore\":\"sha256:%s\"", hex);
        }
        memcpy(log->chain.policy, digest, SHA256_LENGTH);
        log->chain.has_policy = true;
        log->pending.is_broken |= members.is_broken;
        if (!members.is_broken)
                audit_log_add(log, members.text);
}

/* @members: one text a record, each ended by a NUL. */
static int append(const struct policy *policy, const struct text_buffer *members, size_t n, bool is_closing,
                  struct text_buffer *ret_lines, struct error *err)
{
        auto_audit_log struct audit_log log;
        const char *at = members->text;
        int r = audit_log_open(&policy->audit, members->length + n * LINE_OVERHEAD_BYTES, &log, err);

        if (r == 0) {
                if (!is_closing)
                        add_policy(policy, &log);
                for (size_t i = 0; i < n; i++, at += strlen(at) + 1)
                        audit_log_add(&log, at);
                *ret_lines = log.pending;
                r = audit_log_commit(&log, !is_closing, err);
                if (r == 0)
                        log.pending = (struct text_buffer){ 0 };
                else
                        *ret_lines = (struct text_buffer){ 0 };
        }
        if (r < 0)
                audit_log_note_lost(&log, &policy->audit, err->code);
        return r;
}

static int write_records(const struct policy *policy, const struct audit_record *records, size_t n, struct error *err)
{
        auto_buffer struct text_buffer members = { 0 }, lines = { 0 };
        int r;

        for (size_t i = 0; i < n; i++) {
                auto_buffer struct text_buffer one = { 0 };

                audit_record_write(policy, &records[i], &one);
                members.is_broken |= one.is_broken;
                if (!one.is_broken)
                        text_add_n(&members, one.text, one.length + 1);
        }
        if (members.is_broken)
                return error_errno(err, ENOMEM, "audit file %s", policy->audit.path);
        r = append(policy, &members, n, records[0].is_closing, &lines, err);
        if (r == 0 && (policy->audit.is_journald || policy->audit.socket != NULL))
                r = audit_sinks_send(&policy->audit, lines.text, lines.length, err);
        return r;
}

/* Engines read what a call says that succeeds, so an administrator would hear of it only by the record of the gap, when there is one. */
static void alarm_once(const char *text)
{
        static bool is_said;

        if (!is_said)
                audit_sinks_alarm(text);
        is_said = true;
}

int audit_write_all(const struct policy *policy, const struct audit_record *records, size_t n, struct error *err)
{
        struct error failure = { 0 };

        if (policy->audit.path == NULL || n == 0 || write_records(policy, records, n, &failure) == 0)
                return 0;
        alarm_once(failure.text);
        if (!policy->audit.is_required) {
                log_warning("%s", failure.text);
                return 0;
        }
        return error_set(err, failure.code, "%s; %s", failure.text, records[0].is_closing ?
                         "what it would have told has happened all the same" :
                         "without a record nothing is made, as the policy file has it");
}

int audit_write(const struct policy *policy, const struct audit_record *record, struct error *err)
{
        return audit_write_all(policy, record, 1, err);
}

int audit_judged_record(const struct policy *policy, const struct audit_record *record, int r, struct error *err)
{
        struct audit_record entry = *record;
        struct error failure = { 0 };

        if (r == 0)
                return audit_write(policy, &entry, err);
        if (err->rule == NULL || policy->revision == NULL)
                return r;
        entry.refusal = err;
        /* It is refused anyway: what could not be recorded is said besides. */
        if (audit_write(policy, &entry, &failure) < 0)
                log_warning("%s", failure.text);
        return r;
}

int audit_judged(const struct policy *policy, const char *event, const char *id, const struct findings *findings, int r,
                 struct error *err)
{
        const struct audit_record record = { .event = event, .id = id, .findings = findings };

        return audit_judged_record(policy, &record, r, err);
}

void audit_policy_of_state(const struct state *state, struct policy *ret_policy)
{
        *ret_policy = (struct policy){
                .revision = state->policy_revision, .profile = { .name = state->profile }, .chosen_by = state->chosen_by,
                .audit = { .path = state->audit_path, .is_required = state->is_audit_required, .is_synced = state->is_audit_synced,
                           .is_chained = state->is_audit_chained, .max_bytes = state->audit_max_bytes, .keep = state->audit_keep,
                           .is_journald = state->is_audit_journald, .socket = state->audit_socket },
        };
}

int audit_write_state(const struct state *state, const struct audit_record *record, struct error *err)
{
        struct audit_record entry = *record;
        struct policy policy;

        if (state->audit_path == NULL)
                return 0;
        audit_policy_of_state(state, &policy);
        entry.state = state;
        if (entry.id == NULL)
                entry.id = state->id;
        return audit_write(&policy, &entry, err);
}
