/* The last steps of every process that enters a sandbox: init and exec share this code.
 *
 * Order: scheduling, rlimits and labels while privilege is left; the user namespace; (init of a profile that mounts: a
 * copy of the mount namespace, which the new user namespace owns;) groups, gid, uid; a new session
 * keyring; capabilities; no_new_privs; the working folder and the program looked up with the final credentials;
 * (the wait for start); the filters; exec. Where no_new_privs is not set, CAP_SYS_ADMIN over the build's own user namespace
 * stays permitted until the filters are loaded, and goes by exec. Withstands: leaked working folders (CVE-2024-21626), the runtime's
 * own binary as the program (CVE-2019-5736), left inheritable capabilities (CVE-2022-29162), planted keys. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hooks/hooks.h"
#include "oci-spec/spec.h"
#include "policies/sandbox.h"
#include "runtime/base/arena.h"
#include "runtime/child.h"
#include "runtime/seccomp.h"

#define PROCESS_ENV_SPARE 8        /* entries of our own, HOME= and the NULL at the end */

struct process_plan {
        const struct spec_process *process;
        bool has_personality;
        unsigned long personality;
        struct spec_memory_policy memory_policy;
        uint64_t memory_nodes[SPEC_NODES_LIMIT / 64];
        uint32_t stdio_uid, stdio_gid;  /* ids outside, for pipes on stdio */
        bool can_set_groups;            /* false: a plain user's single-id namespace, setgroups(2) is denied */
        uint32_t max_user_namespaces, max_inotify_instances;
        uint32_t max_namespaces;        /* of each other kind; 0: init does not take the mounts over either */
        bool is_abstract_scoped;        /* abstract sockets of others are out of reach, see landlock.h */
        struct sandbox_tcp_ports tcp_ports;
        bool is_init;                   /* writes the limits above; runs startContainer hooks */
        struct spec_hook_list start_hooks;
        const char *hook_state;         /* OCI state JSON for them */
        size_t hook_state_length;
        char **env;                     /* the process's, with room for HOME= */
        size_t n_env;
        bool needs_home;
        char home[PATH_MAX + 8];        /* "HOME=..." is written here by the child */
        const char *path;               /* value of PATH in env, NULL: none */
        struct process_label {
                const char *file;       /* below the private procfs: "self/attr/apparmor/exec" */
                const char *text;
        } labels[2];                    /* see lsm.h */
        size_t n_labels;
        const unsigned char *initial_cpus, *final_cpus; /* execCPUAffinity, exec only; SPEC_CPUS_BYTES, NULL: none */
};

struct process_ready {
        int report_fd;
        int userns_fd;                  /* UNSET_FD: none to enter */
        int proc_fd;                    /* set by the child: the private procfs */
        int self_fd;                    /* O_PATH of our own executable, to refuse it as a program */
        int fifo_fd;                    /* O_PATH of exec.fifo, UNSET_FD: do not wait */
        int listener_fd;                /* UNSET_FD: a filter's listener goes over report_fd; else start connects here */
        unsigned preserve_fds;
        struct seccomp_filter filters[2];       /* 0: the policy's, loaded first; 1: the engine's */
};

/* Parent: prepares the environment. @process: hardened. */
int process_plan_make(struct arena *arena, const struct spec_process *process, struct process_plan *ret_plan,
                      struct error *err);

/* @policy: linux.memoryPolicy; set for exec too, as threads that did not come from init have the host's otherwise. */
int process_plan_memory_policy(struct process_plan *plan, const struct spec_memory_policy *policy, struct error *err);
/* config.md, "execCPUAffinity" is for exec: fills in the masks, which for init stay away. */
int process_plan_affinity(struct arena *arena, struct process_plan *plan, struct error *err);
/* Parent: moves itself, and with it whom it clones, to the initial processors: before the cgroup is joined. */
int process_set_initial_affinity(const struct process_plan *plan, struct error *err);

/* Refuses a host on which a process that changes its ids shows itself to others at once: fs.suid_dumpable 1 (prctl(2),
 * PR_SET_DUMPABLE). Container root could trace what enters, before it gives its power up. */
int process_check_dumpable(struct error *err);

/* Adds an entry of our own (LISTEN_FDS=, NOTIFY_SOCKET=); the text stays the caller's. */
void process_plan_add_env(struct process_plan *plan, const char *entry);

/* Child: rlimits, scheduling, oom score; before the user namespace. */
void process_child_limits(const struct process_plan *plan, const struct process_ready *ready);
/* Child: pipes on stdio belong to the build. */
void process_child_stdio(const struct process_plan *plan, const struct process_ready *ready);
/* Child: user namespace, ids, keyring, capabilities, no_new_privs, cwd, look-up of args[0].
 * @ret_program: an O_PATH fd of the program. */
void process_child_become(struct process_plan *plan, const struct process_ready *ready, char *ret_path, size_t size);
/* Child: (start hooks), filters, exec. @error_fd: where a failure is reported from here on. */
void process_child_exec(struct process_plan *plan, const struct process_ready *ready, const char *path, int error_fd)
        __attribute__((noreturn));

/* Parent: a hook that failed in the child, as a sentence. */
int process_explain_hook(enum spec_hook_kind kind, const struct spec_hook_list *hooks, const struct child_message *message,
                         struct error *err);

/* Parent: a reported failure as a sentence in runc's words. @plan may be NULL for steps that do not concern it. */
int process_explain(const struct process_plan *plan, const struct child_message *message, struct error *err);
