/* config.json as typed, read-only values (runtime-spec 1.3, config.md and config-linux.md).
 *
 * Everything lies in the arena it was read into. A string that was absent is NULL, an absent array has
 * n = 0; where zero means something else than "absent" there is a has_ claim beside it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"

/* ---- process ---- */

struct spec_rlimit {
        int resource;           /* RLIMIT_ of getrlimit(2) */
        const char *name;       /* as written, "RLIMIT_NOFILE" */
        uint64_t soft;
        uint64_t hard;
};

/* Bit n is capability n of capabilities(7). */
struct spec_caps {
        bool is_given;          /* the capabilities member was there */
        uint64_t effective, bounding, inheritable, permitted, ambient;
        const char *const *unknown; /* names that this build does not know; policies/caps.c says what comes of them */
        size_t n_unknown;
};

struct spec_user {
        uint32_t uid, gid;
        bool has_umask;
        uint32_t umask;
        const uint32_t *groups; /* additionalGids */
        size_t n_groups;
};

struct spec_scheduler {
        bool is_given;
        int policy;             /* SCHED_ of sched(7) */
        int32_t nice;
        int32_t priority;
        uint64_t flags;         /* SCHED_FLAG_ */
        uint64_t runtime_ns, deadline_ns, period_ns;
};

struct spec_process {
        bool is_terminal;
        bool has_console_size;
        uint16_t console_rows, console_columns;
        const char *cwd;        /* absolute */
        char *const *env;       /* ends with NULL; every entry has a name and '=', each name once (the last value) */
        size_t n_env;
        char *const *args;      /* ends with NULL; empty only where the member was absent */
        size_t n_args;
        struct spec_user user;
        const struct spec_rlimit *rlimits;
        size_t n_rlimits;
        struct spec_caps caps;
        bool no_new_privileges;
        bool has_oom_score_adj;
        int oom_score_adj;
        const char *apparmor_profile;
        const char *selinux_label;
        struct spec_scheduler scheduler;
        bool has_io_priority;
        int io_priority;        /* as ioprio_set(2) takes it: class << 13 | level */
        const char *affinity_initial;   /* execCPUAffinity: lists that spec_cpus_parse() takes, NULL where not given */
        const char *affinity_final;
};

/* ---- mounts ---- */

struct spec_id_map {
        uint32_t inside;        /* containerID */
        uint32_t outside;       /* hostID */
        uint32_t size;
};

enum spec_mount_kind {
        SPEC_MOUNT_BIND,        /* by the options bind or rbind, whatever the type says; or by type bind */
        SPEC_MOUNT_PROC,
        SPEC_MOUNT_SYSFS,
        SPEC_MOUNT_CGROUP,      /* type cgroup or cgroup2 */
        SPEC_MOUNT_DEVPTS,
        SPEC_MOUNT_MQUEUE,
        SPEC_MOUNT_TMPFS,
        SPEC_MOUNT_OVERLAY,
        SPEC_MOUNT_OTHER,       /* any other type, to be tried by name */
};

struct spec_mount {
        enum spec_mount_kind kind;
        const char *target;     /* destination, made absolute; no "//", ".", ".." or final slash in it */
        const char *source;     /* as written; relative ones count from the bundle; a bind always has one */
        const char *fstype;     /* as written, NULL where not given (binds) */
        uint64_t attr_set;      /* MOUNT_ATTR_ of mount_setattr(2), for this mount; access times as the call wants
                                 * them: where one is asked for, all of MOUNT_ATTR__ATIME is in attr_clear */
        uint64_t attr_clear;
        uint64_t attr_set_recursive;    /* rro, rnosuid, ...: AT_RECURSIVE, for this mount as well; the two above never
                                         * contradict these two */
        uint64_t attr_clear_recursive;
        unsigned long propagation;      /* MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE, 0 = not given */
        bool is_propagation_recursive;
        bool is_recursive;      /* rbind */
        bool is_remount;        /* remount: change flags of what is mounted there */
        bool is_tmpcopyup;
        bool is_idmap, is_idmap_recursive;      /* idmap, ridmap, or mappings given: binds only */
        unsigned long sb_flags; /* MS_SYNCHRONOUS, MS_DIRSYNC, MS_LAZYTIME, MS_MANDLOCK, MS_I_VERSION, MS_SILENT set */
        unsigned long sb_flags_clear;
        const char *data;       /* what only the file system knows, comma-separated; "" when none */
        const struct spec_id_map *uid_map, *gid_map;
        size_t n_uid_map, n_gid_map;
        bool is_copy_symlink;   /* crun's copy-symlink: podman sends it */
};

/* ---- hooks ---- */

enum spec_hook_kind {
        SPEC_HOOK_PRESTART, SPEC_HOOK_CREATE_RUNTIME, SPEC_HOOK_CREATE_CONTAINER,
        SPEC_HOOK_START_CONTAINER, SPEC_HOOK_POSTSTART, SPEC_HOOK_POSTSTOP, SPEC_HOOK_KINDS
};

struct spec_hook {
        const char *path;       /* absolute */
        char *const *args;      /* NULL-terminated, args[0] included; path alone where not given */
        char *const *env;       /* NULL-terminated; empty where not given (no inheritance) */
        int64_t timeout_seconds;        /* 0 = none */
};

struct spec_hook_list {
        const struct spec_hook *hooks;
        size_t n;
};

/* ---- linux ---- */

enum spec_ns { SPEC_NS_USER, SPEC_NS_MOUNT, SPEC_NS_PID, SPEC_NS_NET, SPEC_NS_IPC, SPEC_NS_UTS, SPEC_NS_CGROUP,
               SPEC_NS_TIME, SPEC_NS_KINDS };

struct spec_namespace {
        bool is_given;
        const char *path;       /* absolute; NULL: a new one */
};

struct spec_device {
        mode_t type;            /* S_IFCHR, S_IFBLK or S_IFIFO */
        const char *path;
        uint32_t major, minor;
        bool has_mode;
        mode_t mode;            /* permission bits only */
        bool has_owner;         /* either of uid and gid; the other one is 0 then */
        uint32_t uid, gid;
};

struct spec_device_rule {
        bool is_allow;
        char type;              /* 'a', 'b' or 'c' */
        int64_t major, minor;   /* -1: any */
        unsigned access;        /* 1 = m(knod), 2 = r, 4 = w */
};

struct spec_block_device { int64_t major, minor; bool has_weight, has_leaf_weight; uint16_t weight, leaf_weight; };
struct spec_block_rate { int64_t major, minor; uint64_t rate; };
struct spec_huge_limit { const char *page_size; uint64_t limit_bytes; };
struct spec_name_priority { const char *name; uint32_t priority; };
struct spec_rdma { const char *device; bool has_handles, has_objects; uint32_t handles, objects; };
struct spec_pair { const char *key; const char *value; };

/* A number that may be absent. -1 means unlimited where the spec says so. Sizes, shares, quotas, periods and weights
 * that are 0 count as absent, as with runc. */
struct spec_number { bool is_given; int64_t value; };

struct spec_resources {
        const struct spec_device_rule *devices;
        size_t n_devices;
        struct {
                struct spec_number limit, reservation, swap, kernel, kernel_tcp, swappiness;    /* bytes; percent */
                struct spec_number disable_oom_killer, use_hierarchy, check_before_update;      /* 0 or 1 */
        } memory;
        struct {
                struct spec_number shares, quota_us, period_us, burst_us, rt_runtime_us, rt_period_us, idle;
                const char *cpus, *mems;
        } cpu;
        struct spec_number pids_limit;
        struct {
                struct spec_number weight, leaf_weight;
                const struct spec_block_device *devices; size_t n_devices;
                const struct spec_block_rate *read_bps, *write_bps, *read_iops, *write_iops;
                size_t n_read_bps, n_write_bps, n_read_iops, n_write_iops;
        } block;
        const struct spec_huge_limit *huge; size_t n_huge;
        struct {
                struct spec_number class_id;
                const struct spec_name_priority *priorities;
                size_t n_priorities;
        } network;
        const struct spec_rdma *rdma; size_t n_rdma;
        const struct spec_pair *unified; size_t n_unified;
};

struct spec_seccomp_arg {
        unsigned index;
        uint64_t value, value_two;
        int op; /* enum scmp_compare's order: see seccomp.h */
};

struct spec_seccomp_rule {
        const char *const *names; size_t n_names;
        int action;             /* enum spec_seccomp_action */
        bool has_errno; uint32_t errno_ret;
        const struct spec_seccomp_arg *args; size_t n_args;
};

enum spec_seccomp_action { SPEC_SECCOMP_KILL_THREAD, SPEC_SECCOMP_KILL_PROCESS, SPEC_SECCOMP_TRAP, SPEC_SECCOMP_ERRNO,
                           SPEC_SECCOMP_NOTIFY, SPEC_SECCOMP_TRACE, SPEC_SECCOMP_LOG, SPEC_SECCOMP_ALLOW };
enum spec_seccomp_op { SPEC_SECCOMP_NE, SPEC_SECCOMP_LT, SPEC_SECCOMP_LE, SPEC_SECCOMP_EQ, SPEC_SECCOMP_GE,
                       SPEC_SECCOMP_GT, SPEC_SECCOMP_MASKED_EQ };
#define SPEC_SECCOMP_FLAG_TSYNC 1u
#define SPEC_SECCOMP_FLAG_LOG 2u
#define SPEC_SECCOMP_FLAG_SPEC_ALLOW 4u
#define SPEC_SECCOMP_FLAG_WAIT_KILLABLE 8u

struct spec_seccomp {
        bool is_given;
        int default_action;
        bool has_default_errno; uint32_t default_errno;
        const char *const *architectures; size_t n_architectures;       /* "SCMP_ARCH_X86_64", ... checked */
        unsigned flags;
        const char *listener_path, *listener_metadata;
        const struct spec_seccomp_rule *rules; size_t n_rules;
};

struct spec_net_device { const char *name; const char *new_name; };     /* a new name may end with %d */

/* The kernel's most: CONFIG_NODES_SHIFT goes to 10. */
#define SPEC_NODES_LIMIT 1024

/* As set_mempolicy(2) takes it. */
struct spec_memory_policy {
        bool is_given;
        uint32_t mode;                  /* MPOL_ */
        uint32_t flags;                 /* MPOL_F_, to be or-ed to the mode */
        const char *nodes;              /* "0-3,7"; NULL: none */
};
/* Does a rule have SCMP_ACT_NOTIFY? Then there is a listener_path. */
bool spec_seccomp_notifies(const struct spec_seccomp *seccomp);

struct spec_linux {
        struct spec_namespace namespaces[SPEC_NS_KINDS];
        const struct spec_id_map *uid_map, *gid_map;
        size_t n_uid_map, n_gid_map;
        bool has_time_offsets;
        struct { bool is_given; int64_t seconds; uint32_t nanoseconds; } monotonic, boottime;
        const struct spec_device *devices; size_t n_devices;
        const struct spec_net_device *net_devices; size_t n_net_devices;
        const char *cgroups_path;       /* NULL: not given */
        struct spec_resources resources;
        struct { bool is_given; const char *clos_id, *l3_cache_schema, *mem_bw_schema; const char *const *schemata;
                 size_t n_schemata; bool enable_monitoring; } intel_rdt;
        struct spec_memory_policy memory_policy;
        const struct spec_pair *sysctl; size_t n_sysctl;
        struct spec_seccomp seccomp;
        unsigned long rootfs_propagation;       /* MS_PRIVATE ... | MS_REC, 0 = not given */
        const char *const *masked_paths; size_t n_masked_paths;
        const char *const *readonly_paths; size_t n_readonly_paths;
        const char *mount_label;
        bool has_personality; unsigned long personality;        /* personality(2) */
};

/* ---- the whole ---- */

struct spec {
        const char *oci_version;
        const char *hostname, *domainname;
        const char *root_path;          /* as written; relative ones count from the bundle */
        bool is_root_readonly;
        bool has_process;
        struct spec_process process;
        const struct spec_mount *mounts; size_t n_mounts;
        struct spec_hook_list hooks[SPEC_HOOK_KINDS];
        const struct spec_pair *annotations; size_t n_annotations;
        struct spec_linux linux_;
};

/* The limit on documents from outside; json.h has those on depth and number of values. */
#define SPEC_CONFIG_LIMIT_BYTES ((size_t)16 << 20)

/* Reads a config.json. @text: @length bytes. @name: how errors call the file.
 * Strict JSON: one document, no trailing bytes, no doubled keys, no NUL in strings; unknown properties are
 * ignored, invalid values are errors that name the property ("process.rlimits[2].type").
 * The values point into @arena only. Returns 0 or a negative errno (EINVAL, ENOMEM, E2BIG). */
int spec_read(struct arena *arena, const char *text, size_t length, const char *name, struct spec *ret_spec,
              struct error *err);

/* Reads DIR/config.json with the limits above. @ret_text: when not NULL, a copy of the file's bytes in the
 * arena. ENOENT says, as runc does: "JSON specification file config.json not found". */
int spec_read_bundle(struct arena *arena, int bundle_fd, struct spec *ret_spec, const char **ret_text,
                     size_t *ret_length, struct error *err);

/* The same of another file than the bundle's config.json; a relative @path counts from the working folder. */
int spec_read_file(struct arena *arena, const char *path, struct spec *ret_spec, const char **ret_text,
                   size_t *ret_length, struct error *err);

/* Reads the process.json of exec (a process object alone). */
int spec_read_process(struct arena *arena, const char *text, size_t length, const char *name,
                      struct spec_process *ret_process, struct error *err);

/* Reads the LinuxResources of update. */
int spec_read_resources(struct arena *arena, const char *text, size_t length, const char *name,
                        struct spec_resources *ret_resources, struct error *err);

/* config.md, "Process": process and process.args are "REQUIRED when start is called", not before. @operation: "start".
 * Returns 0 or -EINVAL. */
int spec_check_program(const struct spec *spec, const char *operation, struct error *err);

/* Reads one capability name ("CAP_CHOWN"); returns its number or -EINVAL. Exact names only:
 * no lower case, no numbers. */
int spec_cap_number(const char *name);
/* "CAP_CHOWN" of 0; NULL beyond the last one known. */
const char *spec_cap_name(int number);

/* Reads a list of processors such as "0-3,7" (cpuset(7), "List format").
 * @mask: @size bytes, as sched_setaffinity(2) takes it; NULL: only checks. What is in it stays.
 * Returns 0, -EINVAL: no such list, or an empty one; -ERANGE: a number beyond @size bytes. */
int spec_cpus_parse(const char *text, unsigned char *mask, size_t size);
/* Bytes of such a mask: more processors than any kernel is built for (CONFIG_NR_CPUS). */
#define SPEC_CPUS_BYTES 1024u

/* The mount options that are not left to the file system, sorted; NULL beyond the last one. */
const char *spec_mount_option(size_t index);

/* Nodes as a mask; false where the text is not a list of them. */
bool spec_mempolicy_nodes(const char *text, uint64_t ret_mask[SPEC_NODES_LIMIT / 64]);
/* The names of modes and flags, sorted; NULL beyond the last one. */
const char *spec_mempolicy_mode(size_t index);
const char *spec_mempolicy_flag(size_t index);

const char *spec_ns_name(enum spec_ns kind);    /* "network", as config.json calls it */
int spec_ns_clone_flag(enum spec_ns kind);      /* CLONE_NEWNET */
const char *spec_hook_name(enum spec_hook_kind kind);   /* "createRuntime" */

/* NULL when there is no such annotation. */
const char *spec_annotation(const struct spec *spec, const char *key);
