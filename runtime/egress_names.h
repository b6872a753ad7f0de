/* The host names of a policy's list: in /etc/hosts of the build, and in what is told of its destinations. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/plan.h"
#include "runtime/state.h"

/* Writes ROOT/<id>/hosts, adds its read-only bind to the plan, and notes in @state how much of it is the policy's. Nothing
 * where the list has no names. */
int egress_names_prepare(struct arena *arena, const struct state_dir *dir, struct plan *plan, struct state *state,
                         struct error *err);

struct egress_name {
        bool is_v6;
        unsigned char address[16];
        const char *name;
};

/* What egress_names_prepare() wrote, without what the engine or the image has in there. */
int egress_names_read(const struct state_dir *dir, const struct state *state, struct arena *arena,
                      struct egress_name **ret_names, size_t *ret_n, struct error *err);
