/* A plan's cgroup by systemd: between the plan, the systemd room and the cgroups room. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/cgroups.h"
#include "runtime/plan.h"
#include "runtime/systemd.h"

/* Starts the unit, and fills in @plan's cgroups with the folders that systemd made for it. */
int scope_begin(struct plan *plan, struct arena *arena, struct systemd_scope *ret_scope, struct error *err);
/* A user's, whose own cgroup (session-N.scope of a login) lies outside of those that systemd has delegated to him: the kernel
 * moves no process of his from there. Then @ready is for a process that is cloned outside and moved by systemd_attach(). */
bool scope_has_to_move(const char *bus, const char *const *paths, size_t n_paths, bool is_v2, struct cgroups_ready *ready);
/* Once init is in them. */
int scope_complete(const struct plan *plan, struct systemd_scope *scope, struct error *err);

/* The same change in systemd's record as in the files, which are to be changed first; @earlier is put back in both where
 * systemd refuses. */
struct state;
int scope_update(const struct state *state, const struct spec_resources *change, const struct spec_resources *earlier,
                 struct error *err);
