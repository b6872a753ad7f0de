/* Landlock (landlock(7)): what policies/landlock.c decides, as the kernel takes it.
 *
 * Put up in the build's user namespace while its CAP_SYS_ADMIN is there, so that it does not hang on no_new_privs, and
 * before the filters. Withstands CVE-2020-15257: a daemon's abstract socket in a network namespace that is shared. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/sandbox.h"

struct landlock_plan {
        bool is_scoped;                 /* abstract sockets of others are out of reach */
        bool is_scoped_if_found;        /* the same, where the network namespace has some when it is joined */
};

/* The version of the kernel's Landlock; 0: none, or it is not switched on. */
unsigned landlock_abi(void);

/* @uid_map: the build's, outside = ids of ours, in which the facts name the process. */
void landlock_plan_make(const struct sandbox *sandbox, const struct host *host, const struct spec_id_map *uid_map,
                        size_t n_uid_map, struct landlock_plan *ret_plan);

/* Child: does our network namespace have abstract sockets? @proc_fd: the private procfs. 1, 0; -1 and errno. */
int landlock_child_find_abstract(int proc_fd);
/* Child: puts us into a new domain, for both where both are wanted. -1 and errno. */
int landlock_child_restrict(bool is_scoped, const struct sandbox_tcp_ports *ports);
