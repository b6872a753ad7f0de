/* The administrator's law. Until a policy file is read, the built-in one: the `untrusted` profile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oci-spec/spec.h"

struct policy_profile {
        const char *name;               /* "untrusted" */
        uint64_t caps;                  /* the most that any of the sets may hold; bit n is capability n */
        bool seccomp_setuid_files;      /* true: chmod may set the setuid bits */
        bool seccomp_user_namespaces;   /* false: clone/unshare of user namespaces fail */
        bool allow_create_container_hooks;      /* hooks with the host's power in a tree that the image shaped */
        int64_t pids_limit;             /* filled in where none or more was asked */
        uint64_t core_limit_bytes;      /* RLIMIT_CORE; 1 and not 0: with a piped core_pattern a limit of 0 still runs the
                                         * host's helper as root (core(5)), 1 does not */
        uint32_t max_user_namespaces;   /* written to the build's user namespace */
        uint32_t max_inotify_instances;
        uint32_t ids_size;              /* ids of a range, 65536 */
        const char *const *env_deny;    /* patterns of names that are stripped, ends with NULL; NULL: none */
};

struct policy {
        const char *revision;           /* "built-in" */
        struct policy_profile profile;  /* the one chosen */
};

/* The policy that holds when there is no file. */
const struct policy *policy_builtin(void);
