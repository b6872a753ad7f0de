/* The mount tree of a sandbox: binds, the kernel's file systems, tmpfs, masked and read-only paths, pivot_root.
 *
 * Order: the parent clones every bind source as a detached, id-mapped, flagged tree before it clones init; init makes its
 * mount namespace private, attaches the rootfs, then each mount in config.json's order, the devices, /dev/console, read-only
 * and masked paths, and pivots. Everything is owned by the user namespace outside the build, so the build can change
 * none of it. Withstands: links at /proc, /sys, /dev and mount targets (CVE-2019-19921, 2021-30465, 2023-27561, 2024-45310,
 * 2025-31133, 2025-52565), a /dev/null that is no null device, propagation to the host. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "oci-spec/spec.h"
#include "policies/sandbox.h"
#include "runtime/base/arena.h"
#include "runtime/child.h"

/* One call of fsconfig(2). */
struct mount_option {
        const char *key;
        const char *value;              /* NULL: a flag */
};

struct mount_plan {
        const struct spec_mount *mount;
        const char *source;             /* binds: absolute */
        struct sandbox_bind bind;       /* whose ids it has, and which file was judged; zeros for what is no bind */
        const struct spec_id_map *uid_map, *gid_map;    /* SANDBOX_BIND_MAPPED: outside = ids of our user namespace */
        bool is_judged;                 /* bind says which file it must be */
        const struct mount_option *options;     /* for what is made anew, or changed by a remount */
        size_t n_options;
        bool has_super_flags;           /* iversion, noiversion: mount(2) alone can set it */
        unsigned long super_flags;      /* MS_, all that mount(2) replaces then */
        bool takes_mode;                /* tmpfs without mode=: as the folder below it */
        bool no_links;                  /* /proc, /sys, /dev */
        bool may_be_proc;               /* policy let it lie in procfs */
};

/* One cgroup v1 hierarchy shown in the container. */
struct mount_hierarchy {
        const char *name;               /* "memory", "cpu,cpuacct", "unified" */
        const char *path;               /* the container's folder in it */
};

struct mounts_plan {
        const struct mount_plan *mounts;
        size_t n;
        const char *const *masked; size_t n_masked;
        const char *const *readonly; size_t n_readonly;
        const char *cwd;
        const char *label;              /* linux.mountLabel; NULL: none */
        bool is_root_readonly;
        bool is_proc_allowed;           /* the build may mount a procfs of pid namespaces that it makes */
        unsigned long root_propagation; /* MS_PRIVATE or MS_SLAVE */
        bool is_cgroup2;
        const struct mount_hierarchy *hierarchies;      /* v1 */
        size_t n_hierarchies;
        uint32_t root_uid, root_gid;    /* outside ids of the container's root */
};

struct mounts_ready {
        int *tree_fds;                  /* one a mount, UNSET_FD for what init makes itself (init keeps read-only tmpfs here) */
        bool *is_folder;
        dev_t *devices;                 /* init's own, st_dev of what it made; NULL: nothing asks for it */
        bool *is_renewed;               /* a clone that comes after something that init makes: see mounts_child_attach_root() */
        size_t n;
        int *hierarchy_fds;
        size_t n_hierarchies;
        int shelf_fd;                   /* a folder of ours as a detached mount; UNSET_FD: nothing is renewed */
        int shelf_folder_fd, shelf_file_fd;     /* places in it */
};

#define MOUNTS_NONE_READY { .shelf_fd = UNSET_FD, .shelf_folder_fd = UNSET_FD, .shelf_file_fd = UNSET_FD }

/* A folder of ours that holds @folder, which holds @file. Nothing is done to them. What is put there lies on the engine's rootfs
 * in init's mount namespace until the pivot: nobody else may live in it, and the rootfs be no root of the host's. */
struct mounts_shelf {
        int fd;                         /* UNSET_FD: none; mounts are listed in the order of their making then */
        const char *folder, *file;
        bool is_wanted;                 /* mounts_child_attach_clone() will be called */
};

/* More than that is an error: the kernel's own limit (fs.mount-max, 100,000 in a namespace) is reached only after seconds. */
#define MOUNTS_MOST 10000

int mounts_check_number(const struct spec *spec, struct error *err);

int mounts_plan_make(struct arena *arena, const struct sandbox *sandbox, const char *bundle, const struct spec_id_map *uid_map,
                     size_t n_uid_map, const struct spec_id_map *gid_map, size_t n_gid_map, struct mounts_plan *ret_plan,
                     struct error *err);

/* Binds a namespace (/proc/PID/ns/net) to a new file of a folder, so that it stays. 0 or a negative errno; nothing is left then. */
int mounts_pin_namespace(const char *ns_path, int dir_fd, const char *name);
/* The file goes, too. Success where there is none. */
int mounts_unpin_namespace(int dir_fd, const char *name);

/* One more bind, of the runtime's own: read-only, nosuid, nodev, noexec, ids as they are. The texts stay the caller's. */
int mounts_plan_add_bind(struct arena *arena, struct mounts_plan *plan, const char *source, const char *target,
                         struct error *err);

/* Parent. @userns_fd: the build's, for id maps. */
int mounts_prepare(struct arena *arena, const struct mounts_plan *plan, int userns_fd, const struct mounts_shelf *shelf,
                   struct mounts_ready *ret_ready, struct error *err);
void mounts_ready_close(struct mounts_ready *ready);

/* Parent: one file or folder of our mount namespace as a detached mount. Init could not clone it: it is in another
 * mount namespace by then. Returns an fd or -1 and errno. */
int mounts_clone(int fd);

/* Child, in this order. @root_fd: the rootfs tree, afterwards the root of everything. */
/* @path: of the rootfs on the host, links resolved. @is_seen: the tree has to be found there until the pivot. */
void mounts_child_attach_root(struct mounts_ready *ready, int root_fd, const char *path, bool is_seen, int report_fd);
void mounts_child_all(const struct mounts_plan *plan, const struct mounts_ready *ready, int root_fd, int report_fd);
void mounts_child_bind_file(int root_fd, int source_fd, const char *path, enum child_step step, uint32_t index, int report_fd);
/* @tree_fd: of mounts_clone(). */
void mounts_child_attach_clone(const struct mounts_ready *ready, int root_fd, int tree_fd, const char *path, enum child_step step,
                               uint32_t index, int report_fd);
void mounts_child_paths(const struct mounts_plan *plan, int root_fd, int report_fd);
void mounts_child_pivot(const struct mounts_plan *plan, const struct mounts_ready *ready, int root_fd, int report_fd);
/* Child: a detached procfs of the own pid namespace; O_PATH of its root. */
int mounts_child_private_proc(bool is_host_pid, int report_fd);

/* Child: copies the folder @from below the (tmpfs) folder @to: modes, owners, times, links. -1 and errno. */
int mounts_child_copyup(int from_fd, int to_fd);
