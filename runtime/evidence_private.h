/* What the files of this room share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oci-spec/json.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/evidence.h"
#include "runtime/policy.h"
#include "runtime/state.h"

#define EVIDENCE_ENTRIES_MOST 1000u     /* of each list */

/* Member "capabilities". */
void evidence_add_caps(uint64_t set, struct text_buffer *out);

/* ---- evidence_record.c ---- */

/* Of a container whose profile leaves a statement; else *ret_environment is NULL. */
int evidence_read_environment(const struct state_dir *dir, struct arena *arena, const struct json_node **ret_environment,
                              struct error *err);

/* A mount, in the order of mounting. @source: of a bind, with the file that it was at create; NULL: nothing that lasts, or unknown. */
struct evidence_place { const char *target, *source; uint64_t device, inode; };
int evidence_read_places(const struct state_dir *dir, struct arena *arena, struct evidence_place **ret_places, size_t *ret_n,
                         struct error *err);

struct evidence_execs {
        const char **lines; size_t n;   /* JSON objects */
        uint64_t n_more;                /* for which there was no place */
        bool is_whole;                  /* all that were written can be read */
};
int evidence_read_execs(const struct state_dir *dir, struct arena *arena, struct evidence_execs *ret_execs, struct error *err);

/* ---- evidence_subject.c ---- */

struct evidence_about {
        const char *kind;               /* "outputs", "image", "configuration", static */
        const char *const *missing; size_t n_missing;
        const char *why;                /* the outputs could not be read; NULL: they were, or none are named */
};
/* What a statement is about, as elements of its list. */
int evidence_add_subjects(const struct evidence_wanted *wanted, const struct policy *policy, struct arena *arena,
                          struct text_buffer *out, struct evidence_about *ret_about, struct error *err);
/* A digest member. @sha256: hexadecimal. */
void evidence_add_digest(struct text_buffer *out, const char *sha256);
/* In hexadecimal. */
void evidence_sum(const void *bytes, size_t length, char ret_text[65]);

/* ---- evidence_trace.c: monitorLog ---- */

struct report;
/* Which of the lists are whole, and how much of each is left out. */
struct evidence_completeness {
        bool has_execs, has_network, has_verdict, has_mounts;
        uint64_t more_execs, more_processes, more_network, more_mounts, more_findings;
};
/* @report: NULL: none. */
void evidence_add_log(const struct state_dir *dir, const struct state *state, const struct report *report, struct arena *arena,
                      struct text_buffer *out, struct evidence_completeness *completeness);
