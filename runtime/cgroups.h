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
        const char *disabled_because;   /* rootless: the folder that cannot be written; NULL: was asked for */
        const char *const *paths; size_t n_paths;       /* absolute folders, one a hierarchy (one in all on v2) */
        const char *const *mounts;      /* the mount point above each path */
        const struct spec_resources *resources;
        bool is_grouped;                /* in the cgroup of its profile; see cgroups_plan_grouped() */
        bool is_given;                  /* systemd has made them for this container; a placeholder process is in them */

        /* Set by the caller after cgroups_plan(): what config.json or the policy file ask for. A controller that this
         * host lacks is an error when it is needed for one of these, and else left out. NULL: all of resources. */
        const struct spec_resources *demanded;
};

#define CGROUPS_MAX 24
#define CGROUPS_LEFT_OUT_MAX 12
struct cgroups_ready {
        int v2_fd;                      /* O_PATH folder for CLONE_INTO_CGROUP; UNSET_FD on v1 */
        int join_fds[CGROUPS_MAX];      /* v1: open cgroup.procs (a process writes "0" to join) */
        size_t n_join_fds;
        bool is_moved_in;               /* by systemd, whom the parent asks: the process waits for that (scope.h) */
        bool was_there;                 /* a folder existed that no container of ours made: not ours to remove */
        const char *left_out[CGROUPS_LEFT_OUT_MAX];     /* limits without a controller here: "pids", static text */
        size_t n_left_out;
};

/* Where the container's cgroup is. @cgroups_path: config's linux.cgroupsPath; absolute ones count from each hierarchy's
 * mount, others from our own cgroup (v2: from the one above it, since a cgroup with processes passes no controllers on),
 * as in runc. NULL: "runb-<id>" there. ".." is refused, components are normalised. A systemd triple ("a.slice:b:c") is
 * an error. Reads /proc/self/mountinfo and /proc/self/cgroup; makes nothing. */
int cgroups_plan(const char *cgroups_path, const char *id, const struct spec_resources *resources, bool is_rootless,
                 struct arena *arena, struct cgroups_plan *ret_plan, struct error *err);

/* As cgroups_plan(), but where the place is ours to choose (no path, or a relative one) the container lies in "runb.<profile>"
 * there, in each hierarchy that shares CPU time or disks out: what profiles get is then weighed against each other, however many
 * containers each has. */
int cgroups_plan_grouped(const char *cgroups_path, const char *profile, const char *id, const struct spec_resources *resources,
                         bool is_rootless, struct arena *arena, struct cgroups_plan *ret_plan, struct error *err);

/* As policy's cgroupParent has it: "runb-<id>" below @parent in each hierarchy that has such a cgroup, which one must; in the
 * others as without a path. */
int cgroups_plan_below(const char *parent, const char *id, const struct spec_resources *resources, bool is_rootless,
                       struct arena *arena, struct cgroups_plan *ret_plan, struct error *err);

/* Makes the folders, enables controllers (v2), writes the limits, opens the fds. Errors name the property and the file.
 * Removes again what it made when it fails. Source: cgroups(7), kernel docs admin-guide/cgroup-v1 and cgroup-v2. */
int cgroups_prepare(const struct cgroups_plan *plan, bool is_rootless, struct cgroups_ready *ret_ready, struct error *err);
void cgroups_ready_close(struct cgroups_ready *ready);
#define auto_cgroups_ready __attribute__((cleanup(cgroups_ready_close)))

/* memory.oom.group of cgroup v2. systemd takes the file for its own and writes it whenever it is told of a limit; it has no
 * property for it but OOMPolicy=kill, by which it kills what is left as well. So what is there before is written back. */
bool cgroups_has_oom_group(const char *const *paths, size_t n_paths);
int cgroups_set_oom_group(const char *const *paths, size_t n_paths, struct error *err);

/* Attaches the device rules (v2: eBPF; v1: devices.allow/deny), applied in their order to "nothing is allowed".
 * Apart from prepare, since it must follow the device list. Returns 0; 1 in a user namespace without the right to do
 * it (no device node can be made there either); a negative errno. */
int cgroups_set_devices(const struct cgroups_plan *plan, const struct spec_device_rule *rules, size_t n_rules,
                        struct error *err);

/* Opens an existing container's cgroup for a process that joins it (exec). @subs: sub-cgroups of it as exec --cgroup of
 * runc takes them: one path for all hierarchies, or "controller[,controller]:path" for some of cgroup v1. */
int cgroups_open(const char *const *paths, size_t n_paths, bool is_v2, const char *const *subs, size_t n_subs,
                 struct cgroups_ready *ret_ready, struct error *err);

/* cgroups(7), "Delegating": whether the kernel lets us put a process of our own cgroup into @path, of cgroup v2. True, too,
 * where that cannot be seen. */
bool cgroups_can_enter(const char *path);

/* On a live container. A zero means "leave as is" where the kernel's files take no zero (limits, shares, weights). Where
 * the kernel refuses a part, what was written before is written back. */
int cgroups_update(const char *const *paths, size_t n_paths, bool is_v2, const struct spec_resources *resources,
                   struct error *err);
/* Returns when every process has stopped (or runs again); a freeze that fails is undone. */
int cgroups_freeze(const char *const *paths, size_t n_paths, bool is_v2, bool is_frozen, struct error *err);
int cgroups_is_frozen(const char *const *paths, size_t n_paths, bool is_v2);   /* 1, 0 or a negative errno */
/* All pids in it and below, in our pid namespace, sorted. */
int cgroups_pids(const char *const *paths, size_t n_paths, bool is_v2, struct arena *arena, pid_t **ret_pids,
                 size_t *ret_n, struct error *err);
/* Sends a signal to every process in it and below (v2 SIGKILL: cgroup.kill), thawing afterwards for SIGKILL.
 * Never to ourselves. An empty or missing cgroup is success. Where others' processes are in it too, SIGKILL only thaws
 * (the caller ends init, and its pid namespace with it), and another signal is -EBUSY. */
int cgroups_kill(const char *const *paths, size_t n_paths, bool is_v2, int signal_number, struct error *err);
/* Kills what is left, waits (by events, not by sleeping where the kernel tells) until empty and removes folders and
 * the sub-cgroups that the build made. A folder that a second container shares is left with that one's processes, and
 * goes with the last; one that none of ours made is left as it is. May run twice; missing ones are success. */
int cgroups_remove(const char *const *paths, size_t n_paths, bool is_v2, struct error *err);

/* After that, of a container whose plan was grouped: removes the profiles' cgroups above it where it was the last in them. */
void cgroups_remove_groups(const char *const *paths, size_t n_paths);
