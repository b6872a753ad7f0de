/* What a container's sandbox was, as an in-toto Statement v1 about the files that its build made, to be signed by somebody else.
 *
 * The predicate is https://in-toto.io/attestation/runtime-trace/v0.1: the environment as the record and, while it runs, the kernel
 * have it; what its network refused and let out; and what of all this is complete. Its subjects are digests of regular files
 * beneath the root file system, or of the image where the engine names it by digest.
 *
 * Withstands a build that puts links, devices, pipes or a file that grows in the place of an output: a path is walked beneath the
 * root without following any link, only a regular file is read, and one that changes while it is read is refused. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/policy.h"
#include "runtime/state.h"

#define EVIDENCE_FILES_MOST 1000u
#define EVIDENCE_BYTES_MOST ((uint64_t)64 << 30)        /* of all outputs together */

struct evidence_subject { const char *name, *sha256; };
struct evidence_outputs {
        struct evidence_subject *subjects; size_t n;    /* sorted by name */
        const char **missing; size_t n_missing;         /* where that is no error */
};

struct evidence_wanted {
        const struct state_dir *dir;
        const struct state *state;
        /* Absolute paths in the container, of files, or of folders whose files all count. None: it is about the image, or else about
         * the container's configuration. */
        const char *const *outputs; size_t n_outputs;
        unsigned patience_ms;           /* to read outputs; 0: without end */
        /* What of them is missing or cannot be read is no error, and said in the statement: no build keeps its own from being made. */
        bool is_lenient;
};

/* @policy: that it was created with.
 *
 * While the container has processes, a path is what they see; afterwards what the engine's root file system and the sources of
 * binds hold. What lay in memory, or on a file system of its own, is refused then, and not taken from below it. */
int evidence_hash_outputs(const struct evidence_wanted *wanted, const struct policy *policy, struct arena *arena,
                          struct evidence_outputs *ret_outputs, struct error *err);

/* The statement in one line, without a line break.
 * @ret_why: where it is lenient: what kept the outputs out of it, in the arena; NULL: nothing did. */
int evidence_make(const struct evidence_wanted *wanted, struct arena *arena, struct text_buffer *out, const char **ret_why,
                  struct error *err);

struct plan;
/* At create of a container whose profile leaves a statement: what it is made as. */
int evidence_note(const struct state_dir *dir, const struct plan *plan, struct error *err);
/* At exec, before the program is executed: one append. */
int evidence_note_exec(const struct state_dir *dir, const struct state *state, const struct spec_process *process,
                       struct error *err);

/* What is true of each build of a profile, as an object for BuildKit's provenanceEnvDir, whose files' members it puts into
 * buildDefinition.internalParameters of its SLSA v1 provenance. */
int evidence_make_builder(const struct policy_source *source, struct arena *arena, struct text_buffer *out, struct error *err);

/* At delete, where the profile has a folder for it: FOLDER/ID-CREATED.json. What fails is told to the log, or else to the caller, and
 * to the audit log. */
void evidence_keep(const struct state_dir *dir, const struct state *state);

/* ---- evidence_sign.c: DSSE ---- */

#define EVIDENCE_PAYLOAD_TYPE "application/vnd.in-toto+json"

/* DSSE's pre-authentication encoding, which is what is signed. */
void evidence_pae(const char *payload, size_t length, struct text_buffer *out);
void evidence_base64(const void *bytes, size_t length, struct text_buffer *out);

/* One of them signs: a program that gets the PAE on its standard input, or who listens at a unix stream socket. Either answers
 * with two lines: the key's id, and the signature in base64. */
struct evidence_signer {
        const char *program, *socket;
        unsigned patience_ms;           /* for all of it; 0: a minute */
};
/* The DSSE envelope of @payload. */
int evidence_sign(const struct evidence_signer *signer, const char *payload, size_t length, struct text_buffer *out,
                  struct error *err);
