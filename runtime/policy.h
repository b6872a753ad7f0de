/* The administrator's policy file on this host: finding it, whether it can be trusted, and what a container keeps of it.
 *
 * Read by whatever makes or changes a sandbox (create, run, exec, update): where it cannot be read or trusted, they
 * refuse. start, kill, delete and the like do not look at it. */
#pragma once

#include "policies/select.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/state.h"

#define POLICY_PATH "/etc/runb/policy.json"

/* What the command line says of it. */
struct policy_source {
        const char *path;               /* --policy; NULL: POLICY_PATH */
        const char *profile;            /* --profile; NULL: not given */
        const char *argv0;
};

/* Reads the file. It must be a regular one of root (or, rootless, of the caller), and no one else may be able to write to
 * it or to a folder above; no component is a link.
 * @ret_file: in the arena; NULL where there is no file at POLICY_PATH (one that --policy names must be there). */
int policy_load(const struct policy_source *source, struct arena *arena, const struct policy_file **ret_file,
                struct error *err);

/* "sha256:" of the policy file, in the arena; NULL where nobody needs it (policies/file.h). */
const char *policy_digest(struct arena *arena, const struct policy *policy);

/* What holds for a new container. */
int policy_for_create(const struct policy_source *source, const struct spec *spec, struct arena *arena,
                      struct policy *ret_policy, struct error *err);

/* Keeps what was chosen in the container's folder, for exec and update. Nothing for the built-in policy.
 * @ret_digest: of what was written, in the arena; NULL where nothing was. */
int policy_keep(const struct state_dir *dir, const struct policy *policy, struct arena *arena, const char **ret_digest,
                struct error *err);

/* What it was created with, alone: for a last record of it. */
int policy_kept(const struct state_dir *dir, const struct state *state, struct arena *arena, struct policy *ret_policy,
                struct error *err);

/* What holds for a container that is there: what it was created with, narrowed by today's. --profile may only repeat what it
 * was created with. */
int policy_for_container(const struct policy_source *source, const struct state_dir *dir, const struct state *state,
                         struct arena *arena, struct policy *ret_policy, struct error *err);
