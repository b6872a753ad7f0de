/* The administrator's law, as values. policy_file.h reads it, policy_select() chooses what holds for one container, and
 * harden() judges by that.
 *
 * A profile is a ceiling in each of its members. policy_profile_meet() of two is the stricter one in each of them, so
 * that whatever is added to a choice can only narrow it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "oci-spec/spec.h"
#include "runtime/base/arena.h"

struct policy_texts { const char *const *items; size_t n; };

/* Members of "limits", in the order of limit_names[] (profile_limits.c). */
enum policy_limit {
        POLICY_LIMIT_WALL,              /* seconds */
        POLICY_LIMIT_MEMORY,            /* bytes */
        POLICY_LIMIT_SWAP,              /* bytes, besides memory */
        POLICY_LIMIT_PIDS,
        POLICY_LIMIT_CPUS,              /* thousandths of one */
        POLICY_LIMIT_IO_WEIGHT,         /* 1 to 10000, as io.weight of cgroup v2 */
        POLICY_LIMIT_NOFILE,            /* RLIMIT_NOFILE */
        POLICY_LIMIT_CORE,              /* RLIMIT_CORE, bytes */
        POLICY_LIMIT_FSIZE,             /* RLIMIT_FSIZE, bytes */
        POLICY_LIMIT_SCRATCH,           /* bytes of what rootfs "ephemeral" and "read-only" give to write to */
        POLICY_LIMIT_CONCURRENT,        /* containers of the profile at once */
        POLICY_LIMIT_GRACE,             /* seconds from SIGTERM at the end of WALL to SIGKILL */
        POLICY_LIMITS
};

struct policy_limit_value {
        bool is_set;
        bool is_demanded;               /* the file has it: a host that cannot hold it refuses. Else our own default */
        uint64_t value;
};

enum policy_seccomp_base {              /* which filter; see stricter_base() of profile.c for their order */
        POLICY_SECCOMP_BASE_BUILD,
        POLICY_SECCOMP_BASE_ENGINE,     /* as wide as engines' own, less io_uring, vsock, packet, alg */
        /* build, and the calls that mount and that make namespaces; the container owns a copy of its mounts, in which
         * the kernel has locked all that is ours (mount_namespaces(7)) */
        POLICY_SECCOMP_BASE_IMAGE_BUILD,
};

/* From the widest to the strictest: the stricter of two is the greater. */
enum policy_rootfs { POLICY_ROOTFS_ENGINE, POLICY_ROOTFS_EPHEMERAL, POLICY_ROOTFS_READONLY };
enum policy_sockets { POLICY_SOCKETS_ALLOW, POLICY_SOCKETS_REFUSE };
enum policy_egress_mode { POLICY_EGRESS_AUDIT, POLICY_EGRESS_DENY };
enum policy_ingress { POLICY_INGRESS_ANY, POLICY_INGRESS_ESTABLISHED };
enum policy_on_match { POLICY_ENV_STRIP, POLICY_ENV_REFUSE };

/* Sources of binds, by patterns (patterns.h). @allow goes before @deny and before the built-in places. */
struct policy_mounts {
        struct policy_texts deny, allow;
        enum policy_sockets sockets;
        const struct policy_mounts *also;       /* of another profile, which must let the source pass, too */
};

struct policy_hooks {
        bool is_limited;                /* allowPaths was given */
        struct policy_texts allow_paths;
        const struct policy_hooks *also;
};

struct policy_device {
        const char *path;
        mode_t type;                    /* S_IFCHR or S_IFBLK */
        uint32_t major, minor;
};

/* A statement about each build, written when it is deleted. It asks nothing of the build. */
struct policy_evidence {
        const char *folder;             /* NULL: none is written */
        struct policy_texts outputs;    /* what builds make, paths of the container */
        const char *signer;             /* a program; NULL: not signed */
};

struct policy_ports { uint16_t first, last; };

struct policy_destination {
        const char *host, *cidr;        /* one of them */
        const struct policy_ports *ports; size_t n_ports;
        bool is_udp;                    /* else TCP */
};

struct policy_profile {
        const char *name;               /* "untrusted"; "branch+untrusted" where one was narrowed by another */
        uint64_t caps;                  /* the most that any of the sets may hold; bit n is capability n */
        enum policy_seccomp_base seccomp_base;
        bool seccomp_user_namespaces;   /* false: clone/unshare of user namespaces fail */
        bool seccomp_setuid_files;      /* true: chmod may set the setuid bits, and files may get capabilities */
        bool seccomp_explain; /* what the filters refuse is counted, by call and program; nothing else changes */
        enum policy_rootfs rootfs;
        struct policy_mounts mounts;
        const struct policy_device *devices; size_t n_devices;  /* besides the standard ones */
        enum policy_egress_mode egress_mode;
        const struct policy_destination *egress_allow; size_t n_egress_allow;
        const char *egress_proxy;       /* "10.0.0.1:3128"; NULL: none */
        enum policy_ingress ingress;
        bool landlock_tcp_ports;        /* Landlock, too, holds TCP to the ports of the list: loopback's as well */
        struct policy_limit_value limits[POLICY_LIMITS];
        struct policy_texts env_deny;   /* patterns of names */
        enum policy_on_match env_on_match;
        struct policy_hooks hooks;
        struct policy_evidence evidence;
        struct policy_texts systemd_properties; /* that annotations may set of the container's scope */
        const char *cgroup_parent;      /* NULL: where the engine has it */
        bool has_other_cgroup_parent;   /* two profiles were made into one that name different ones */
        bool allow_create_container_hooks;      /* hooks with the host's power in a tree that the image shaped */
};

/* What an administrator lets pass for a while. */
struct policy_exception {
        const char *id;
        const char *profile;
        struct policy_texts allow;      /* "mount:/srv/cache", see exceptions.h */
        const char *expires;            /* "2027-01-31": the last day on which it holds, UTC */
        int64_t ends_at;                /* seconds since 1970: the first second on which it does not */
        const char *reason, *approved_by;
};

struct policy_audit {
        const char *path;               /* NULL: none */
        bool is_required;               /* a record that cannot be written refuses */
        bool is_synced;                 /* each record is on the disk before what it tells of happens */
        bool is_chained;                /* no record without a MAC: `runb audit init` must have been run */
        uint64_t max_bytes;             /* of one file */
        uint32_t keep;                  /* rotated files; 0: all of them */
        bool is_journald;               /* records go there, too */
        const char *socket;             /* and to this datagram socket; NULL: none */
        struct policy_texts annotations;/* names of those whose values are recorded */
};

/* What holds for one container. */
struct policy {
        const char *revision;           /* "built-in" */
        struct policy_profile profile;  /* the one chosen */
        const char *chosen_by;          /* "--profile", "defaultProfile"; by several: with " and " between */
        const char *const *profile_names; size_t n_profile_names;       /* those that it was made of */
        /* In force today: of the profile; of several, what each of them has one for. And those that they were made
         * of. */
        const struct policy_exception *exceptions; size_t n_exceptions;
        const struct policy_exception *sources; size_t n_sources;
        int64_t judged_at;              /* when exceptions were looked at, seconds since 1970 */
        uint32_t ids_size;              /* ids of a range, 65536 */
        const char *subid_user;         /* whose entries of /etc/subuid and /etc/subgid give the ranges; NULL: those of
                                         * "runb" where it has some, else ids that nobody has (leases.h) */
        struct policy_audit audit;
        const struct policy_file *file; /* NULL: the built-in policy */
};

/* Written to the build's user namespace. */
#define POLICY_MAX_USER_NAMESPACES 64u  /* where the profile has them; nested ones count, too */
#define POLICY_MAX_INOTIFY_INSTANCES 128u
#define POLICY_MAX_NAMESPACES 256u      /* of each other kind, where the filter lets the build make them */

/* The policy that holds when there is no file. */
const struct policy *policy_builtin(void);

/* The four profiles that a file's own ones begin with; NULL: none of that name. */
const struct policy_profile *policy_profile_builtin(const char *name);
const struct policy_profile *policy_profile_builtins(size_t *ret_n);

/* The stricter of both in each member: never more than either. Lists come into the arena. Returns 0 or -ENOMEM. */
int policy_profile_meet(struct arena *arena, const struct policy_profile *a, const struct policy_profile *b,
                        struct policy_profile *ret_profile);

/* The most that the sets may hold, after what follows from the other members: without setuid files no CAP_SETFCAP. */
uint64_t policy_profile_caps(const struct policy_profile *profile);

/* Of POLICY_LIMIT_SCRATCH where the profile sets none. */
#define POLICY_SCRATCH_BYTES (UINT64_C(1) << 30)

/* Where the profile sets no limit: UINT64_MAX. */
uint64_t policy_limit_most(const struct policy_profile *profile, enum policy_limit limit);
const char *policy_limit_name(enum policy_limit limit);         /* "ioWeight" */
