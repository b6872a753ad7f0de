/* exec: one more process in a sandbox that is there. It gets what init got: the same last steps (process.h), the very
 * same filters, capabilities never beyond the profile's. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "oci-spec/spec.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/policy.h"

struct join_request {
        const char *root;
        const char *id;
        struct policy_source policy;
        const char *process_file;       /* --process; NULL: built from config.json and what follows */
        const char *console_socket;
        const char *pid_file;
        const char *pidfd_socket;
        unsigned preserve_fds;
        bool is_detached;
        bool is_paused_ignored;
        const char *const *cgroups; size_t n_cgroups;   /* sub-cgroups of the container's, see cgroups_open(); none: its own */
        /* Overrides of config.json's process; unset ones keep it. */
        char *const *args; size_t n_args;
        const char *cwd;
        const char *const *env; size_t n_env;
        const char *const *caps; size_t n_caps;
        const char *const *groups; size_t n_groups;
        const char *user;               /* "UID[:GID]" */
        const char *apparmor, *selinux_label;
        bool has_tty, is_tty;
        bool no_new_privileges;
};

struct joined {
        pid_t pid;
        int pidfd;
        int master_fd;                  /* UNSET_FD: none */
        bool is_restacked;              /* refresh the engine's overlay when the program has ended, too */
        const char *rootfs;
        dev_t rootfs_device;
};

/* Returns 0 when the program has been executed. The pid file is written only then. The fds are the caller's. */
int join_exec(const struct join_request *request, struct arena *arena, struct joined *ret_joined, struct error *err);
