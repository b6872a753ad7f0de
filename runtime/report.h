/* A container as the kernel shows it, and whether that is what it was made as.
 *
 * What is expected comes from the folder of the container: its config.json, the limits of its last update and the policy that it
 * was created with, judged once more. What is there comes from the kernel alone. Each control is a room's own verdict; one that
 * cannot be looked at does not hold. Nothing is changed, and no value of a variable or an argument is read.
 *
 * Withstands a hostile container: processes that end while they are looked at, threads, zombies, names with control characters
 * (whoever prints escapes them), more mounts than anybody would read. Processes that come and go faster than they can be read
 * may be missed: pause the container first. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "policies/sandbox.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/egress_control.h"
#include "runtime/state.h"

enum report_verdict {
        REPORT_HOLDS,
        REPORT_WEAKENED,
        REPORT_UNKNOWN,                 /* it could not be looked at: counts as weakened */
        REPORT_UNREAD,                  /* a detail that the kernel does not tell us here: counts as nothing, and is said */
};
const char *report_verdict_name(enum report_verdict verdict);   /* "holds" */

struct report_check {
        const char *control;            /* "capabilities", static text */
        enum report_verdict verdict;
        const char *text;
        struct report_check *next;
};

/* A program that filters system calls. */
struct report_filter {
        const char *digest;             /* "sha256:" of its instructions */
        uint32_t n_instructions;
        const char *whose;              /* "the profile's", "the engine's"; "": none that create loaded */
};
#define REPORT_FILTERS 2                /* those that create may load */

/* A thread that differs from the first one of its process stands for itself. */
struct report_process {
        pid_t pid, thread;              /* the same for a process; in our pid namespace */
        char name[64];                  /* comm: the build's own words */
        char state;
        bool is_zombie, is_in_cgroup, is_in_pidns;
        uint64_t start_time;            /* of the process: tells a pid that is used again */
        uint64_t thread_start_time;
        uint32_t uids[4], gids[4];      /* real, effective, saved, file system */
        uint64_t inheritable, permitted, effective, bounding, ambient;
        int no_new_privs, seccomp, filters;     /* -1: the kernel does not tell */
        const struct report_filter **programs; size_t n_programs;       /* the oldest first; none where they were not read */
        const char *groups;             /* blank-separated */
        uint64_t namespaces[SPEC_NS_KINDS];     /* inodes; 0: not told */
        uint64_t nofile, fsize, core, rtprio, nice;     /* hard limits */
        bool has_limits;
        const char *label;              /* of the LSM; NULL: none */
};

struct report_namespace {
        enum spec_ns kind;
        uint64_t inode, owner_inode;    /* owner: the user namespace that owns it, 0: not told */
        bool is_hosts;
        bool has_owner_uid;
        uint32_t owner_uid;             /* who made that user namespace */
};

struct report_mount {
        uint64_t id, parent;
        const char *target, *root, *fstype, *source;
        const char *options, *super;    /* "ro,nosuid"; of the file system */
        const char *shared;             /* "shared:5" and the like; "" */
        uint64_t flags;                 /* MOUNT_ATTR_RDONLY, NOSUID, NODEV, NOEXEC */
        bool is_covered, is_expected;
};

struct report_table {
        const char *family, *name;
        size_t n_chains, n_rules;
        const char *foreign;            /* a chain in our own table that create does not make; NULL: none */
        bool is_own;                    /* the one that create installed */
};

struct report_limit {
        const char *name;               /* "memory" */
        const char *limit, *use, *wanted;       /* "": not told, none */
};

#define REPORT_LIMITS_MOST 64   /* that are printed; all are judged */

struct report_fd { int number; const char *target; };

struct report {
        struct arena *arena;
        const struct state_dir *dir;
        const struct state *state;
        enum state_status status;
        struct policy policy;           /* that it was created with */
        struct sandbox sandbox;         /* expected; only with has_sandbox */
        bool has_sandbox;
        const char *why_no_sandbox;

        bool may_stop;                  /* threads, to read their filters */
        int proc_fd;                    /* /proc of init's, UNSET_FD */
        int userns_fd;                  /* the build's user namespace, UNSET_FD */
        uint64_t userns_inode;

        struct report_process *processes; size_t n_processes, n_ended;
        const char *filters_wanted[REPORT_FILTERS]; size_t n_filters_wanted;    /* digests; NULL: none */
        struct report_filter *filters; size_t n_filters;
        bool has_filters;               /* those of every thread were read */
        struct report_namespace namespaces[SPEC_NS_KINDS]; size_t n_namespaces;
        const char *uid_map, *gid_map;  /* as the kernel has them, one line */
        struct report_mount *mounts; size_t n_mounts;
        struct report_table *tables; size_t n_tables;
        bool has_tables;
        struct egress_attempt *attempts; size_t n_attempts;
        struct report_limit limits[REPORT_LIMITS_MOST]; size_t n_limits;
        struct report_fd *fds; size_t n_fds;

        struct report_check *first, *last;
        bool is_broken;                 /* memory ran out */
        bool holds;
};

/* Looks. @may_stop: stops each thread for an instant, to read its filters of system calls (seccomp_read.h). @dir and @state: of the container, which has an init. What could not be looked at is a check of its own; an error is the
 * lack of memory, and a container without processes. Close with report_close(), after a failure, too. */
int report_make(const struct state_dir *dir, const struct state *state, bool may_stop, struct arena *arena,
                struct report *ret_report, struct error *err);
void report_close(struct report *report);
#define auto_report __attribute__((cleanup(report_close)))

/* One object and a line break. */
void report_to_json(const struct report *report, struct text_buffer *out);
