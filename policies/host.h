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

/* What lies at a bind's source, seen before judging. All zeros for a mount that is no bind. */
struct host_source {
        bool is_known;          /* it was looked at */
        int error;              /* errno of looking, 0 when found; the rest counts only when found */
        const char *real_path;  /* links resolved */
        const char *origin_path; /* where else it lies, when real_path leads through a bind of a folder (buildah hands
                                  * those over); NULL: nowhere else, or nobody can tell */
        mode_t mode;            /* file type and permissions */
        uid_t uid;
        gid_t gid;
        dev_t device;           /* st_dev and st_ino: what carries the plan out checks that it is still the same file */
        ino_t inode;
        dev_t rdev;             /* device number of a node */
        long fs_magic;          /* statfs(2) f_type */
        uint64_t fs_bytes;      /* how much its file system holds; 0: without a limit */
        uint64_t mount_flags;   /* ST_ flags of statvfs(3) */
        const char *link; /* copy-symlink, and the source itself is a link: its text; nothing else was looked at */
        const char *engine_socket;      /* a folder: the name of an engine's socket in it, else NULL */
        const char *below_view, *below_socket; /* a recursive bind: mounts below it that are a view of the host's
                                                * kernel, and an engine's socket or a folder with one in it; NULL:
                                                * none */
        bool is_private_folder; /* it, or a folder above (of its origin, too), is root's and bars everyone else; only
                                 * looked at for writable binds */
};

/* What a hook's path is. */
struct host_hook {
        int error;              /* errno of looking, 0 when found */
        bool is_root_only;      /* it and its folders are writable by root (or, rootless, the caller) only */
        bool is_in_rootfs;      /* it lies in the rootfs or in a writable bind's source */
        const char *real_path;  /* NULL when not found */
        dev_t device;           /* of the file that was looked at; 0 where it was not found, or is_root_only is false */
        ino_t inode;
};

/* The agent's socket of linux.seccomp.listenerPath. */
struct host_listener {
        int error;              /* errno of looking, 0 when found; the rest counts only when found */
        bool is_socket;
        bool is_root_only;      /* only root (or, rootless, the caller) can have put it there */
        bool is_reachable; /* it lies in the rootfs or in a bind's source, so that a build could speak to the agent */
};

/* What the host knows of the ids that a line of a map names. */
struct host_ids {
        const char *user;       /* /etc/passwd or /etc/group has this one among them; NULL: none */
        uint32_t id;            /* its id */
        bool is_delegated;      /* all of them lie in a range of /etc/subuid or /etc/subgid */
};

/* A namespace named by path. */
struct host_namespace {
        bool is_known;          /* it was looked at */
        int error;              /* errno of looking at it, 0 when found; the rest counts only when found */
        uint64_t inode;
        bool is_right_type;
        bool is_host;           /* the caller's own or pid 1's */
        const char *container, *profile;        /* of ours that lives in it; NULL: none */
        /* Of a network namespace that is named by one of its processes, /proc/PID/ns/net. */
        bool is_of_process;
        uint32_t process_uid;
        /* Of a user namespace: its maps, outside = ids of our own user namespace. */
        const struct spec_id_map *uid_map, *gid_map;
        size_t n_uid_map, n_gid_map;
        const struct host_ids *uid_map_ids, *gid_map_ids;       /* one per line (real root only) */
};

/* A device of the host, by its path. */
struct host_device {
        const char *path;
        mode_t type;            /* S_IFCHR or S_IFBLK; 0: the path leads to none */
        uint32_t major, minor;
};

/* A limit of this process, getrlimit(2): what the build would inherit. */
struct host_rlimit { uint64_t soft, hard; };

/* An IP address. Of IPv4 the first four bytes. */
struct host_address {
        bool is_v6;
        unsigned char bytes[16];
};

/* What a host name of the policy's list is. */
struct host_name {
        const struct host_address *addresses;
        size_t n;
        const char *why;        /* 0 of them: "no name server knows it" */
};

struct host {
        enum host_privilege privilege;
        unsigned kernel_major, kernel_minor;
        bool can_map_tmpfs;     /* the kernel has id-mapped mounts of tmpfs: Linux 6.3 */
        const struct spec_id_map *own_uid_map, *own_gid_map;    /* /proc/self/uid_map: what an identity map repeats */
        size_t n_own_uid_map, n_own_gid_map;
        bool is_systemd_cgroup; /* the caller has asked for a scope of systemd */
        bool is_cgroup2;        /* the unified hierarchy is mounted at /sys/fs/cgroup */
        bool has_nf_tables; /* false: known to be missing; true may still fail when the table is installed, as asking
                             * the kernel would load modules */
        bool has_seccomp;
        unsigned landlock_abi;  /* 0: not there, or not looked at: only where a network namespace is joined or the
                                 * host's, or the policy wants TCP ports held */
        struct host_rlimit nofile, fsize;       /* only looked at where a policy limits them */
        uint64_t core_limit_most;       /* the highest RLIMIT_CORE that this process may set */
        /* Hard RLIMIT_RTPRIO and RLIMIT_NICE of this process, which a build inherits. */
        uint64_t rtprio_limit, nice_limit;
        const char *rootfs_real_path;   /* absolute; NULL where there is none */
        int rootfs_error;
        const struct host_source *sources;      /* one per spec mount, same index; NULL where there are no mounts */
        const struct host_hook *hooks[SPEC_HOOK_KINDS]; /* one per hook, same index */
        const struct host_listener *listener;   /* NULL: SCMP_ACT_NOTIFY is not used */
        struct host_namespace namespaces[SPEC_NS_KINDS];        /* for those given by path */
        /* Only looked at where the policy lets something out. */
        const struct host_address *addresses; size_t n_addresses;       /* of the caller's network namespace */
        const struct host_address *gateways; size_t n_gateways;         /* of its default routes */
        const struct host_name *egress_names;   /* one per destination of the policy's list, same index */
        const struct host_ids *uid_map_ids, *gid_map_ids;       /* one per line of the engine's maps (real root only) */
        const struct host_device *devices; size_t n_devices;    /* those that exceptions in force name */
};
