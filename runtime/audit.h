/* The audit log: one line of JSON for each thing that was decided and each step of a container's life, where the policy has an
 * audit section. Without one nothing here costs anything. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "oci-spec/spec.h"
#include "policies/findings.h"
#include "policies/policy.h"
#include "runtime/base/error.h"

struct plan;
struct state;

struct audit_record {
        const char *event;              /* "create", "exec", "update" ... */
        const char *id;
        const struct findings *findings;        /* NULL: nothing was judged */
        const struct error *refusal;    /* NULL: it goes on */
        const char *more;               /* members of JSON, as they are; NULL: none */

        const struct state *state;      /* of the container; NULL */
        const struct plan *plan;        /* create: what is made; NULL */
        const struct spec_process *process;     /* exec: what is executed; NULL */
        const struct spec_resources *resources; /* update; NULL */
        pid_t namespaces_of;            /* start: of init; 0: not told */
        bool is_closing;                /* of what runs already: it may have the room that is kept free for it */
};

/* As audit_write() of a judgement that ended with @r: a refusal is recorded, too, and stays what it is; other failures
 * are none of the audit's. Returns @r, or the failure to record. */
int audit_judged(const struct policy *policy, const char *event, const char *id, const struct findings *findings, int r,
                 struct error *err);
/* The same of a record that says more. Its refusal is filled in. */
int audit_judged_record(const struct policy *policy, const struct audit_record *record, int r, struct error *err);

/* Appends the record. Nothing where the policy has no audit section. Where it has "onError": "warn" a failure goes to
 * the log, else it is one. Names and digests only: findings hold no value of a variable or an argument. */
int audit_write(const struct policy *policy, const struct audit_record *record, struct error *err);
/* Several at once, with one write. */
int audit_write_all(const struct policy *policy, const struct audit_record *records, size_t n, struct error *err);

/* What a record of a container needs of the policy that it was created with, by its state: revision, profile, where to. */
void audit_policy_of_state(const struct state *state, struct policy *ret_policy);
/* audit_write() by that. */
int audit_write_state(const struct state *state, const struct audit_record *record, struct error *err);
