/* What the files of a creation share: launch.c has the order. */
#pragma once

#include "runtime/launch.h"
#include "runtime/launch_child.h"
#include "runtime/netdevices.h"
#include "runtime/systemd.h"

/* Everything that a creation holds open. */
struct launch_work {
        const struct launch_request *request;
        struct arena *arena;
        struct plan *plan;
        struct state_dir dir;
        struct state state;
        struct launch_ready ready;
        struct intelrdt_ready rdt;
        struct systemd_scope scope;
        int userns_fd;
        int report_fd;                  /* our end */
        int pidfd;
        pid_t pid;
        int master_fd;
        int notify_fd;
        int watch_fd;                   /* denials.h */
        int egress_fd;
        uint32_t egress_generation;
        int deadline_fd;
        int *hook_fds[SPEC_HOOK_KINDS];
        struct netdevices net_devices;
        uid_t owner;                    /* who called, as the caller's user namespace knows it */
        bool is_nested;                 /* a plain user's: we made a user namespace around all of this */
};

/* Writes the record as it is now. */
int launch_record(struct launch_work *work, struct error *err);
/* The record before anything exists that it would have to name; config.json and the policy with it. */
int launch_record_begin(struct launch_work *work, struct error *err);

/* Rootfs, cgroup, mounts, devices, filters, egress batch, hooks' files, fifo. */
int launch_prepare(struct launch_work *work, struct error *err);

/* Follows init up to CHILD_READY; and, of a run, to its program. */
int launch_follow(struct launch_work *work, struct error *err);
int launch_follow_to_exec(struct launch_work *work, struct error *err);

/* Why init failed: by what it said, or that it said nothing. Return a negative errno with the error set. */
int launch_explain(struct launch_work *work, const struct child_message *message, struct error *err);
int launch_explain_silence(struct launch_work *work, struct error *err);
