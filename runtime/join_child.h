/* The process of exec, from clone to exec. */
#pragma once

#include "runtime/cgroups.h"
#include "runtime/process.h"

struct join_ready {
        int report_fd;
        int init_pidfd;
        int namespaces;                 /* CLONE_NEW flags to join */
        int console_fd;                 /* UNSET_FD: the master goes to the parent */
        bool dies_with_parent;
        bool is_host_pid;               /* the container's pid namespace is the one that we are in */
        struct cgroups_ready cgroups;
        struct process_ready process;
};

void join_child(struct process_plan *plan, struct join_ready *ready) __attribute__((noreturn));
