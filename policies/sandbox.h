/* The sandbox as policy lets it be: the request tightened, and what the request did not say.
 *
 * harden() is the only door: create, run, exec and update all go through it. It is pure: spec, policy and host
 * facts in, sandbox and findings out, no system call. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oci-spec/spec.h"
#include "policies/findings.h"
#include "policies/host.h"
#include "policies/policy.h"

enum sandbox_ids {
        SANDBOX_IDS_LEASE,      /* a private range, chosen when the plan is carried out */
        SANDBOX_IDS_ENGINE,     /* the engine's mapping (uid_map of the spec), checked */
        SANDBOX_IDS_IDENTITY,   /* every id of the user namespace we are in, one to one (rootless; joined userns) */
};

/* How the ids of a bind's files look inside. */
enum sandbox_bind_ids {
        SANDBOX_BIND_PLAIN,     /* no id map: the ids are right already, or it is read-only and cannot be mapped */
        SANDBOX_BIND_ROOT,      /* container 0 is 0 on disk, and so on */
        SANDBOX_BIND_OWNER,     /* container 0 is the owner of the source; no other id exists */
};

struct sandbox_bind {
        enum sandbox_bind_ids ids;
        uint32_t owner_uid, owner_gid;
};

struct sandbox {
        /* The request with everything tightened in place: caps cut and ambient/inheritable emptied, mounts with
         * nosuid,nodev added and shared made private, /dev added where missing, masked and read-only paths added,
         * namespaces user, ipc, uts, cgroup added, rlimits lowered, env filtered, resources filled in,
         * no_new_privileges true. linux_.devices holds the default nodes too (null zero full random urandom tty). */
        struct spec spec;
        const struct sandbox_bind *binds;       /* one per spec.mounts, same index */
        const char *profile;
        const char *policy_revision;
        enum sandbox_ids ids;
        uint32_t ids_size;              /* for a lease */
        const struct spec_id_map *uid_map, *gid_map;    /* for ENGINE and IDENTITY; a lease fills in its own */
        size_t n_uid_map, n_gid_map;
        bool seccomp_setuid_files;
        bool seccomp_user_namespaces;
        uint32_t max_user_namespaces;
        uint32_t max_inotify_instances;
        const char *group_key;          /* io.kubernetes.cri.sandbox-id and its like; NULL: none */
        bool egress_deny;               /* install the table that lets only loopback pass */
};

/* Judges a whole config.json. @ret_sandbox points into @arena and into what @spec points to.
 * Returns 0, or -EPERM with err->rule set for a refusal ("refused by profile "untrusted" (mounts.sockets):
 * ..." names rule and remedy in one line), or another negative errno for an invalid request. */
int harden(const struct spec *spec, const struct policy *policy, const struct host *host, struct arena *arena,
           struct sandbox *ret_sandbox, struct findings *findings, struct error *err);

/* Judges the process object of exec with the same rules: caps, no_new_privileges, rlimits, oom score, env. */
int harden_process(const struct spec_process *asked, const struct policy *policy, const struct host *host,
                   struct arena *arena, struct spec_process *ret_process, struct findings *findings,
                   struct error *err);

/* Judges the resources of update: lower, or raise up to the profile's. */
int harden_resources(const struct spec_resources *asked, const struct policy *policy, const struct host *host,
                     struct arena *arena, struct spec_resources *ret_resources, struct findings *findings,
                     struct error *err);
