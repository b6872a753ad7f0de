/* The container's cgroup, version 1 (all hierarchies, hybrid too) or 2, by cgroupfs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "oci-spec/spec.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"

struct cgroups_plan {
        bool is_v2;
        bool is_disabled;               /* --cgroup-manager disabled, or rootless without delegation */
        const char *const *paths; size_t n_paths;       /* absolute folders, one a hierarchy (one in all on v2) */
        const struct spec_resources *resources;
};

#define CGROUPS_MAX 16
struct cgroups_ready {
        int v2_fd;                      /* O_PATH folder for CLONE_INTO_CGROUP; UNSET_FD on v1 */
        int join_fds[CGROUPS_MAX];      /* v1: open cgroup.procs (a process writes "0" to join) */
        size_t n_join_fds;
        bool was_there;                 /* some folder existed before: shared, not ours to remove */
};

/* Where the container's cgroup is. @cgroups_path: config's linux.cgroupsPath, NULL: /runb/<id> below our own cgroup's root as
 * runc does. ".." is refused, components normalised. A systemd triple ("a:b:c") without systemd is an error as in runc.
 * Reads /proc/self/mountinfo and /proc/self/cgroup; makes nothing. */
int cgroups_plan(const char *cgroups_path, const char *id, const struct spec_resources *resources, bool is_rootless,
                 struct arena *arena, struct cgroups_plan *ret_plan, struct error *err);

/* Makes the folders, enables controllers (v2), writes the limits, opens the fds. Errors name the property and the file.
 * A demanded limit whose controller is missing is an error; rootless, one that only policy filled in is left out. */
int cgroups_prepare(const struct cgroups_plan *plan, bool is_rootless, struct cgroups_ready *ret_ready, struct error *err);
void cgroups_ready_close(struct cgroups_ready *ready);

/* Attaches the device rules (v2: eBPF; v1: devices.allow/deny). Apart from prepare, since it must follow the device list. */
int cgroups_set_devices(const struct cgroups_plan *plan, const struct spec_device_rule *rules, size_t n_rules,
                        struct error *err);

/* Opens an existing container's cgroup for a process that joins it (exec). @sub: a sub-cgroup of it, or NULL. */
int cgroups_open(const char *const *paths, size_t n_paths, bool is_v2, const char *sub, struct cgroups_ready *ret_ready,
                 struct error *err);

/* On a live container. */
int cgroups_update(const char *const *paths, size_t n_paths, bool is_v2, const struct spec_resources *resources,
                   struct error *err);
int cgroups_freeze(const char *const *paths, size_t n_paths, bool is_v2, bool is_frozen, struct error *err);
int cgroups_is_frozen(const char *const *paths, size_t n_paths, bool is_v2);   /* 1, 0 or a negative errno */
/* All pids in it and below, in our pid namespace, sorted. */
int cgroups_pids(const char *const *paths, size_t n_paths, bool is_v2, struct arena *arena, pid_t **ret_pids,
                 size_t *ret_n, struct error *err);
/* Sends a signal to every process in it and below (v2 SIGKILL: cgroup.kill), thawing afterwards for SIGKILL. */
int cgroups_kill(const char *const *paths, size_t n_paths, bool is_v2, int signal_number, struct error *err);
/* Kills what is left, waits (by events, not by sleeping where the kernel tells) until empty and removes folders and
 * the sub-cgroups that the build made. May run twice; missing ones are success. */
int cgroups_remove(const char *const *paths, size_t n_paths, bool is_v2, struct error *err);
