/* linux.intelRdt: the container's group in the resctrl file system (kernel docs arch/x86/resctrl; runtime-spec,
 * config-linux.md "IntelRdt"). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "oci-spec/spec.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"

struct intelrdt_plan {
        bool is_given;
        const char *root;               /* where resctrl is mounted */
        const char *group;              /* "/": the default one */
        bool is_private;                /* named after the container: ours alone */
        const char *lines;              /* l3CacheSchema and memBwSchema, NULL: none */
        const char *schemata;           /* written after them, NULL: none */
        const char *monitor;            /* the monitoring group's name, NULL: none */
};

/* An open resctrl file system. */
struct intelrdt_root {
        int fd;
        int open_flags;                 /* O_WRONLY; a test's plain folder, in which mkdir(2) makes no files, adds O_CREAT */
};

struct intelrdt_ready {
        int tasks_fd;                   /* UNSET_FD: nothing to join */
        int monitor_fd;                 /* UNSET_FD: not monitored */
};

/* Finds the file system and says which group is whose. Fails where none is mounted. Changes nothing. */
int intelrdt_plan_make(const struct spec *spec, const char *id, struct arena *arena, struct intelrdt_plan *ret_plan,
                       struct error *err);

int intelrdt_root_open(const char *path, struct intelrdt_root *ret_root, struct error *err);

/* Makes or opens the group, writes its shares and opens what processes join by; removes what it made when it fails. */
int intelrdt_prepare(const struct intelrdt_root *root, const struct intelrdt_plan *plan, struct intelrdt_ready *ret_ready,
                     struct error *err);
/* Opens a group for a process that joins the container later. @monitor: as in the plan. */
int intelrdt_open(const struct intelrdt_root *root, const char *group, const char *monitor, struct intelrdt_ready *ret_ready,
                  struct error *err);
/* What it forks later is in the group, too. */
int intelrdt_join(const struct intelrdt_ready *ready, pid_t pid, struct error *err);
void intelrdt_ready_close(struct intelrdt_ready *ready);

/* Removes a private group, and the monitoring group of any; a shared one that we made goes when it has no task left. May
 * run twice. */
int intelrdt_undo(const struct intelrdt_root *root, const char *group, bool is_private, const char *monitor, struct error *err);

/* New shares for a private group. @l3, @bandwidth: NULL where they stay. */
int intelrdt_update(const struct intelrdt_root *root, const char *group, const char *l3, const char *bandwidth,
                    struct error *err);
