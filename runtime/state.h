/* The record of a container: one JSON file, written before the first side effect, so that `delete --force` can
 * undo everything after a kill -9 at any point.
 *
 *   ROOT/<id>/state.json     this record, replaced atomically
 *   ROOT/<id>/config.json    the config.json as it was read (later edits of the bundle have no effect)
 *   ROOT/<id>/exec.fifo      init waits here for start
 *   ROOT/<id>/seccomp-*.bpf  the compiled filters, for exec
 *   ROOT/<id>/listener.sock  init hands the listener of SCMP_ACT_NOTIFY to start here (listener.h)
 *   ROOT/<id>/egress.nft     the egress rules, where the policy has a list
 *   ROOT/<id>/netns         a mount of its network namespace, where its destinations are counted (egress_netns.c)
 *   ROOT/<id>/hosts          /etc/hosts of the build, where the policy lists host names
 *   ROOT/<id>/execs          a line for each exec, ROOT/<id>/evidence.json what it was made as (evidence_record.c)
 *   ROOT/<id>/lease          link to the base of its id range (leases.h)
 *   ROOT/<id>/guard          locked by the process that watches its deadline; ROOT/<id>/deadline: it has been reached
 *   ROOT/<id>/usage          what it had used when it ended, where its cgroup has gone with it (keeper.h)
 *   ROOT/<id>/lock           locked by every command that changes the container; readers take no lock
 *
 * The lock belongs to the process (fcntl(2), not flock(2)): children do not inherit it, and a process that
 * is killed lets go. A process opens a container once at a time: closing a second one would let go as well. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "oci-spec/spec.h"
#include "policies/sandbox.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"

enum state_status { STATE_CREATING, STATE_CREATED, STATE_RUNNING, STATE_PAUSED, STATE_STOPPED };

struct state {
        const char *id;
        const char *oci_version;
        const char *bundle;             /* absolute */
        const char *rootfs;             /* absolute, links resolved */
        const char *created;            /* RFC 3339 */
        const char *owner;              /* user name or number, runc's `owner` */
        uint32_t owner_uid;
        const struct spec_pair *annotations; size_t n_annotations;

        pid_t init_pid;                 /* in the caller's pid namespace; 0 until init exists */
        uint64_t init_start_time;       /* field 22 of /proc/PID/stat, proc(5): tells a reused pid */
        pid_t creator_pid;              /* who makes it: without an init it is `creating` as long as this one lives */
        uint64_t creator_start_time;
        bool is_created;                /* init waits at the fifo or later */
        bool is_started;                /* start has let it go */

        /* What was made for it; every name is here before the thing is made. */
        const char *const *cgroups; size_t n_cgroups;   /* absolute folders below /sys/fs/cgroup, ours to remove */
        bool is_cgroup2;
        bool is_cgroup_grouped;         /* the cgroup of its profile is above it (cgroups_plan_grouped()) */
        const char *systemd_unit, *systemd_bus, *systemd_description;      /* its scope (systemd.h); NULL: none */
        bool is_cgroup_shared;          /* the folder was there before: do not remove it */
        uint32_t lease_base, lease_size;/* 0: no lease */
        const char *host_folder;        /* where its lease lies, see leases.h */
        const struct spec_id_map *uid_map, *gid_map; size_t n_uid_map, n_gid_map;  /* the build's map */
        const char *overlay_work;       /* the re-stacked overlay's own work folder; NULL: none */
        const char *rdt_root, *rdt_group;       /* its group in resctrl; NULL: none */
        bool is_rdt_private, is_rdt_monitored;  /* named after it, ours to remove; with a monitoring group of its name */
        dev_t rootfs_device;            /* st_dev of the engine's mount, to refresh only what it is */
        bool is_restacked;              /* refresh the engine's overlay (restack_refresh) */
        uint64_t netns_inode;
        const char *network_path;       /* the network namespace's, where config.json names one; NULL: a new one */
        bool has_egress_rules;          /* kept beside the record (egress_control.h); else those of every container */
        bool is_egress_counted;
        uint64_t egress_names_length;   /* of ROOT/<id>/hosts: so much is the policy's */
        uint32_t egress_version;        /* of the rules; 0: unknown */
        uint64_t userns_inode;          /* the build's; 0: not known */
        bool is_abstract_scoped;        /* exec gets a Landlock domain, too (landlock.h) */
        struct sandbox_tcp_ports tcp_ports;     /* the same */
        bool is_usage_kept;             /* a process is in its cgroup to note what it has used (keeper.h) */
        bool has_own_pidns;             /* else kill every process of the cgroup */
        bool is_userns_nested;          /* a plain user's: exec first joins the parent of init's user namespace */
        const char *apparmor_profile, *selinux_label;   /* of init; exec's default */
        struct spec_memory_policy memory_policy;        /* exec's, too */
        const char *audit_path;         /* of the policy file at create; NULL: none */
        bool is_audit_required, is_audit_synced, is_audit_chained, is_audit_journald;  /* as struct policy_audit */
        uint64_t audit_max_bytes;
        uint32_t audit_keep;
        const char *audit_socket;
        const char *policy_file_digest; /* where there is an audit file: "sha256:" of the policy file at create */
        const char *seccomp_digest, *seccomp_engine_digest;     /* of the filters kept for exec, "sha256:"; NULL: none, or not known */
        bool is_explained;              /* refused calls are counted (denials.h): start and exec make a process for it */
        uint32_t exec_inherits;         /* see inherit.h: what config.json says that a process.json may leave out */
        const char *profile, *policy_revision;
        const char *policy_digest;      /* of the policy kept beside the record; NULL: the built-in one */
        const char *chosen_by;          /* how the profile was chosen */

        /* CLOCK_BOOTTIME in ms. See deadline.h and ending.h. */
        uint64_t created_ms;
        uint64_t deadline_ms, grace_ms; /* 0: none */
        uint64_t ended_ms;              /* as a foreground `run` saw it; 0: not seen */
        bool has_evidence;              /* the profile wants a statement when it is deleted (evidence.h) */
        const char *contained;          /* since when, RFC 3339 (contain.h); NULL: it is not */
        uint32_t exit_status;           /* with ended_ms: the program's, 128 + N when signal N ended it */
        bool is_deadline_over;          /* not in the record: its processes were ended for it (a file of the folder says so) */
        bool is_counted;                /* see concurrent.h */
        const struct finding *findings; size_t n_findings;      /* a list, by ->next */
};

/* Where the runtime keeps things for as long as the machine runs: /run/runb for the host's root, else
 * $XDG_RUNTIME_DIR/runb (empty counts as unset: /run/runb). Makes nothing. */
int state_runtime_folder(struct arena *arena, const char **ret_folder, struct error *err);

/* The default of --root: the folder "containers" of that. */
int state_default_root(struct arena *arena, const char **ret_root, struct error *err);

#define STATE_DEADLINE_MARK "deadline"
/* In what `runb state` and hooks are told, of a container whose deadline was reached: "deadline". */
#define STATE_ENDED_ANNOTATION "dev.runb.ended"
/* Of one that is contained (contain.h): since when. */
#define STATE_CONTAINED_ANNOTATION "dev.runb.contained"

/* An open container folder. Zeros are one that is not open. */
struct state_dir {
        const char *root;               /* the caller's */
        const char *id;                 /* the caller's; NULL: not open */
        int root_fd;
        int fd;                         /* ROOT/<id> */
        int lock_fd;                    /* UNSET_FD for readers */
};

/* runc's charset, first character alphanumeric or '_', no "." and "..", at most 255 bytes. Says "invalid container
 * id". */
int state_check_id(const char *id, struct error *err);

/* Makes ROOT (0700) and ROOT/<id> exclusively and locks it. EEXIST: "container with given ID already exists". A ROOT
 * that belongs to another user is refused by name. Close with state_dir_close(). */
int state_create(const char *root, const char *id, struct state_dir *ret_dir, struct error *err);

/* Opens, and locks unless @is_shared: a reader waits for nobody. -ENOENT: "container does not exist". EBUSY: another
 * process keeps the lock for 30 seconds; names it. */
int state_open(const char *root, const char *id, bool is_shared, struct state_dir *ret_dir, struct error *err);
/* Takes the lock that a reader did without, or that state_unlock() gave away (`run` while the container runs).
 * -ENOENT: it has been deleted meanwhile. */
int state_lock(struct state_dir *dir, struct error *err);
void state_unlock(struct state_dir *dir);
void state_dir_close(struct state_dir *dir);
#define auto_state_dir __attribute__((cleanup(state_dir_close)))

/* Replaces state.json. The values of env and args never enter it. */
int state_write(const struct state_dir *dir, const struct state *state, struct error *err);
/* Reads state.json into the arena. A folder without one (a kill -9 before the first write): -ENODATA. */
int state_read(const struct state_dir *dir, struct arena *arena, struct state *ret_state, struct error *err);

/* Fills in creator_pid and creator_start_time with ourselves. */
int state_set_creator(struct state *state, struct error *err);

/* A pidfd of init, by which it can be signalled and waited for without meeting a process that got its pid later.
 * Returns 0; -ESRCH where it has ended, is a zombie, or never was; or another negative errno. */
int state_open_init(const struct state *state, int *ret_pidfd);

/* Looks at the kernel: no such pid, another start time or a zombie is stopped; a frozen cgroup is paused. */
enum state_status state_status(const struct state *state);
const char *state_status_name(enum state_status status);

/* Removes ROOT/<id>. May run twice. */
int state_remove(struct state_dir *dir, struct error *err);

/* The OCI state JSON: for hooks (compact, on their stdin, no pid when stopped), and `runb state` (indented by two
 * blanks, runc's members and order, pid 0 when stopped, no newline at the end). */
struct text_buffer;
void state_to_oci(const struct state *state, enum state_status status, bool is_for_hooks, struct text_buffer *buffer);
/* What `runb state` prints, in one line. */
void state_to_oci_line(const struct state *state, enum state_status status, struct text_buffer *buffer);

/* The ids in ROOT, sorted; in the arena. */
int state_list(const char *root, struct arena *arena, const char *const **ret_ids, size_t *ret_n, struct error *err);

/* Field 22 of /proc/PID/stat; 0 and *ret_is_zombie on success, -ESRCH when there is no such process. */
int state_process_start_time(pid_t pid, uint64_t *ret_start_time, bool *ret_is_zombie);
