/* Init, from clone to exec. */
#pragma once

#include "runtime/create_hooks.h"
#include "runtime/egress.h"
#include "runtime/mounts.h"
#include "runtime/namespaces.h"
#include "runtime/plan.h"
#include "runtime/process.h"

struct launch_ready {
        int report_fd;
        int root_fd;                    /* the rootfs as a detached tree */
        int console_fd;                 /* connected console socket, UNSET_FD: the master goes to the parent */
        bool has_hooks_to_wait_for;
        bool has_net_devices;           /* the parent moves them, and needs our network namespace for it */
        bool dies_with_parent;
        bool wants_egress_end;          /* the parent looks at the rules and counters at the end */
        struct cgroups_ready cgroups;
        struct namespaces_ready namespaces;
        struct mounts_ready mounts;
        struct devices_ready devices;
        struct egress_batch egress;
        struct create_hooks_ready create_hooks;
        struct process_ready process;
};

void launch_child(struct plan *plan, struct launch_ready *ready) __attribute__((noreturn));
