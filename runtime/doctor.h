/* Can this host hold the policy? Facts about it, one a control, for `runb doctor`.
 *
 * What can be tried is tried and not guessed from a version: in child processes, in namespaces that end with them, on
 * file systems of their own or reading only. Nothing of the host is changed; a kernel may load a module for it. */
#pragma once

#include <stdbool.h>

#include "policies/host.h"
#include "policies/policy.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"

enum doctor_state {
        DOCTOR_OK,
        DOCTOR_WEAKER, /* builds run, with something less around them or something they cannot do */
        DOCTOR_MISSING, /* create refuses, or would refuse what a profile here demands */
};

struct doctor_fact {
        const char *name; /* "egress.nf_tables" */
        enum doctor_state state;
        const char *found;
        const char *lost, *remedy; /* NULL where the state is ok */
        struct doctor_fact *next;
};

struct doctor {
        struct arena *arena;
        enum host_privilege privilege;
        const char *root; /* --root */
        const struct policy_profile *profiles;
        size_t n_profiles; /* those that can be chosen here */
        const char *subid_user; /* of the policy file; NULL: it names none */
        struct doctor_fact *first, *last;
        enum doctor_state worst;
        bool is_broken; /* memory ran out */
};

/* Looks at everything. @policy_error: why the policy file cannot be read, NULL: it can, or there is none. */
void doctor_look(struct doctor *doctor, const char *policy_error, bool has_policy);

const char *doctor_state_name(enum doctor_state state); /* "ok" */

/* ---- for doctor_*.c ---- */

void doctor_add(struct doctor *doctor, enum doctor_state state, const char *name, const char *found, const char *lost,
                const char *remedy);

/* Runs @attempt in a child, as root of a user namespace of the caller's where the caller is a plain user. Returns what it
 * returned. */
int doctor_try(const struct doctor *doctor,
               int (*attempt)(const struct doctor *doctor, const char *argument, struct error *err),
               const char *argument, struct error *err);

void doctor_look_at_kernel(struct doctor *doctor);
void doctor_look_at_ids(struct doctor *doctor);
void doctor_look_at_mounts(struct doctor *doctor);
void doctor_look_at_limits(struct doctor *doctor);
