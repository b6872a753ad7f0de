/* The names of the processes behind what was tried, where the host has a cgroup of version 2 and lets us attach to it. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/egress_control.h"

/* Attaches what records to the container's cgroup. Nothing where that cannot be done: the rules do not depend on it. */
void egress_who_attach(const struct state_dir *dir, const char *const *cgroups, size_t n_cgroups);

/* The recorded, which stay as long as the fd; UNSET_FD: there is nothing. */
int egress_who_open(const struct state_dir *dir, const struct state *state);

/* Before the container's folder goes. May run twice. */
void egress_who_undo(const struct state_dir *dir);

/* Tells attempts by the processes that made them. @fd: of egress_who_open(). Returns 0 or -ENOMEM. */
int egress_who_tell(int fd, struct arena *arena, struct egress_attempt *attempts, size_t n);
