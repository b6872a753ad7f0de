/* Carries a plan out: create and run. Decides nothing; reading launch_create() is reading the sandbox. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/plan.h"
#include "runtime/state.h"

struct launch_request {
        const char *root;               /* the state folder */
        const char *id;
        const char *bundle;
        const char *config;             /* --config; NULL: the bundle's config.json */
        const char *console_socket;
        const char *pid_file;
        const char *pidfd_socket;
        unsigned preserve_fds;
        unsigned listen_fds;            /* of them by LISTEN_FDS, sd_listen_fds(3) */
        bool is_run;                    /* start at once, without the fifo */
        bool is_detached;               /* create, or run --detach */
        bool is_kept;                   /* run --keep */
        bool is_cgroup_disabled;
        bool is_systemd_cgroup;
        bool no_pivot, no_new_keyring;  /* of the command line: recorded, and not done */
        struct policy_source policy;
};

/* What a foreground run goes on with. The fds are the caller's. */
struct launched {
        pid_t pid;
        int pidfd;
        int master_fd;                  /* the pty to proxy, UNSET_FD: none */
        int notify_fd;                  /* NOTIFY_SOCKET's, see notify.h; UNSET_FD: none */
        uint32_t egress_generation;     /* of the rules when they were installed; 0: not known */
        int egress_fd;                  /* reads what is counted (egress_control.h), of a foreground run; UNSET_FD: nothing is */
        int deadline_fd;                /* the lock of whoever sees to the deadline, see deadline.h; UNSET_FD: none */
        struct state state;
        struct state_dir dir;           /* open and locked; state_dir_close() */
        struct plan *plan;
};

/* Returns 0 when the container is `created` (or, run, when its program has been executed). On a failure
 * nothing is left. */
int launch_create(const struct launch_request *request, struct arena *arena, struct launched *ret_launched,
                  struct error *err);

/* Lets a created container go. Runs the poststart hooks. */
int launch_start(const char *root, const char *id, struct arena *arena, struct error *err);

/* Poststart hooks of a container whose program has been executed; a failure ends it (runtime-spec 1.3, "Lifecycle"). */
int launch_poststart(struct arena *arena, const struct spec *spec, const struct state *state, struct error *err);
