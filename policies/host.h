/* The facts about this host that policy judges by. Gathered once by runtime/host.c, read-only afterwards:
 * judging makes no system call. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "oci-spec/spec.h"

enum host_privilege {
        HOST_REAL_ROOT,         /* root of the initial user namespace */
        HOST_ENGINE_ROOT,       /* root of a user namespace that the engine made (rootless engine) */
        HOST_PLAIN_USER,        /* no privilege: runb first makes a user namespace of the caller's ids */
};

/* What lies at a bind's source, seen before judging. */
struct host_source {
        const char *real_path;  /* links resolved; NULL where there is nothing */
        int error;              /* errno of looking, 0 when found */
        mode_t mode;            /* file type and permissions */
        uid_t uid;
        gid_t gid;
        dev_t rdev;             /* device number of a node */
        long fs_magic;          /* statfs(2) f_type */
        uint64_t mount_flags;   /* ST_ flags of statvfs(3) */
        bool is_private_folder; /* a folder above bars other users (no o+x), POLICY "Writable id-mapped binds" */
};

/* What a hook's path is. */
struct host_hook {
        int error;              /* errno of looking, 0 when found */
        bool is_root_only;      /* it and its folders are writable by root (or, rootless, the caller) only */
        bool is_in_rootfs;      /* it lies in the rootfs or in a bind's source */
        const char *real_path;
};

/* A namespace named by path. */
struct host_namespace {
        int error;              /* errno of looking at it, 0 when found */
        uint64_t inode;
        bool is_right_type;
        bool is_host;           /* the caller's own or pid 1's */
        bool is_owned_below;    /* its owner is a user namespace below ours (engine's own mapping) */
};

struct host {
        enum host_privilege privilege;
        unsigned kernel_major, kernel_minor;
        const struct spec_id_map *own_uid_map, *own_gid_map;    /* /proc/self/uid_map: what an identity map repeats */
        size_t n_own_uid_map, n_own_gid_map;
        uint32_t caller_uid, caller_gid;        /* real ids in our user namespace */
        bool is_cgroup2;        /* the unified hierarchy is mounted at /sys/fs/cgroup */
        bool has_nf_tables;
        bool has_seccomp;
        int landlock_abi;       /* 0: none */
        const char *rootfs_real_path;   /* absolute; NULL where there is none */
        int rootfs_error;
        long rootfs_magic;      /* statfs(2) f_type of the rootfs */
        const struct host_source *sources;      /* one per spec mount, same index; zeros for what is no bind */
        const struct host_hook *hooks[SPEC_HOOK_KINDS]; /* one per hook, same index */
        struct host_namespace namespaces[SPEC_NS_KINDS];        /* for those given by path */
};
