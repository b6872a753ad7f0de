/* The namespaces around the build. All but the user namespace are made by the clone of init, so the user namespace
 * outside the build owns them; those named by path are opened and checked by the parent and joined by init. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "oci-spec/spec.h"
#include "runtime/base/error.h"

struct namespaces_plan {
        uint64_t clone_flags;           /* for clone3(2); the cgroup namespace is unshared after the cgroup was joined */
        const char *paths[SPEC_NS_KINDS];       /* to join; NULL: none */
        uint64_t inodes[SPEC_NS_KINDS];         /* of what was judged at those paths; 0: nothing was there */
        bool has_new_net;
        bool is_host_net, is_host_pid;  /* the host's, by an exception */
        bool has_new_cgroup;
        bool has_new_time;
        const char *time_offsets;       /* as /proc/PID/timens_offsets takes them, time_namespaces(7); NULL: none */
        const char *hostname, *domainname;
};

struct namespaces_ready {
        int fds[SPEC_NS_KINDS];         /* UNSET_FD: nothing to join */
};

struct arena;
int namespaces_plan_make(struct arena *arena, const struct spec *spec, struct namespaces_plan *ret_plan, struct error *err);

/* Opens the paths, checks their types (ioctl_ns(2)), enters a pid namespace to join and makes a time namespace: both count
 * for the children of this process only. */
int namespaces_prepare(const struct namespaces_plan *plan, struct namespaces_ready *ret_ready, struct error *err);
/* Parent, after the clone of init: what it starts from here on, hooks above all, is in its own pid and time namespace
 * again. */
int namespaces_come_back(const struct namespaces_plan *plan, struct error *err);
void namespaces_ready_close(struct namespaces_ready *ready);

/* Child: joins what was opened (user and pid apart) and names the host. */
void namespaces_child_join(const struct namespaces_plan *plan, const struct namespaces_ready *ready, int report_fd);
