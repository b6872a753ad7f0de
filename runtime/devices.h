/* /dev: nodes, links, ptmx. Made beneath the fd of our own tmpfs, or, where this user namespace may make no nodes
 * (rootless), bound from the host's, each checked to be the device that it claims to be. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "oci-spec/spec.h"
#include "runtime/base/arena.h"
#include "runtime/child.h"
#include "runtime/mounts.h"

struct device_plan {
        const char *path;               /* in the container */
        mode_t mode;                    /* type and permissions */
        dev_t device;
        uint32_t uid, gid;              /* outside */
};

struct devices_plan {
        const struct device_plan *devices;
        size_t n;
        bool is_bound;                  /* bind the host's nodes */
        bool has_proc;                  /* a procfs lies at /proc */
};

struct devices_ready {
        int *fds;                       /* detached mounts of the host's nodes; UNSET_FD where made */
        size_t n;
};

int devices_plan_make(struct arena *arena, const struct spec *spec, const struct spec_id_map *uid_map, size_t n_uid_map,
                      const struct spec_id_map *gid_map, size_t n_gid_map, bool is_bound, struct devices_plan *ret_plan,
                      struct error *err);
int devices_prepare(struct arena *arena, const struct devices_plan *plan, struct devices_ready *ret_ready, struct error *err);
void devices_ready_close(struct devices_ready *ready);

/* Child: nodes, then the links fd, stdin, stdout, stderr, core and ptmx. @proc_fd: the private procfs. */
void devices_child_all(const struct devices_plan *plan, const struct devices_ready *ready, const struct mounts_ready *mounts,
                       int root_fd, int proc_fd, int report_fd);
const char *devices_link_name(uint32_t index);
