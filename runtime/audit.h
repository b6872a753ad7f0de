/* The audit file: one line of JSON for each thing that was decided, where the policy has an audit section. */
#pragma once

#include "policies/findings.h"
#include "policies/policy.h"
#include "runtime/base/error.h"

struct audit_record {
        const char *event;              /* "create", "exec", "update" */
        const char *id;
        const struct findings *findings;
        const struct error *refusal;    /* NULL: it goes on */
        const char *more;               /* members of JSON, as they are; NULL: none */
};

/* As audit_write() of a judgement that ended with @r: a refusal is recorded, too, and stays what it is; other failures
 * are none of the audit's. Returns @r, or the failure to record. */
int audit_judged(const struct policy *policy, const char *event, const char *id, const struct findings *findings, int r,
                 struct error *err);

/* Appends the record. Nothing where the policy has no audit section. Where it has "onError": "warn" a failure goes to
 * the log, else it is one. Names and digests only: findings hold no value of a variable or an argument. */
int audit_write(const struct policy *policy, const struct audit_record *record, struct error *err);

/* One line, with its line break, to an audit file. Nobody but its owner may be able to write to the file. */
struct text_buffer;
int audit_append(const char *path, struct text_buffer *line, struct error *err);
