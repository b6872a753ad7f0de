/* The wall clock of a container (limits.wall): a deadline in its record, on CLOCK_BOOTTIME, which goes on while the machine
 * sleeps.
 *
 * At the deadline init gets SIGTERM, and after the grace time every process of the container SIGKILL. Who sees to that:
 * a foreground `run` itself; for a container that outlives the call that made it, a guard: a process of this program, in a
 * session and with a memory of its own, without stdio, which ends with init. Whoever it is holds a lock on ROOT/<id>/guard
 * meanwhile; the next command on the container that finds it free makes a new guard, or, when it is too late for a grace
 * time, ends the container at once. The guard writes there, too, when init ended, for the audit log. ROOT/<id>/deadline says that the deadline was reached. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/state.h"

uint64_t deadline_now_ms(void);         /* CLOCK_BOOTTIME */

/* Refuses a container with a deadline whose processes could not be ended. @state: its cgroup has been made. */
int deadline_check_reach(const struct state *state, struct error *err);
/* Before the record with init's pid is written, so that whoever reads that finds somebody in charge: lists the container
 * for `runb reap` and takes the lock. @ret_lock_fd: UNSET_FD without a deadline. */
int deadline_prepare(const struct state_dir *dir, const struct state *state, int *ret_lock_fd, struct error *err);
/* Starts the guard, which has the lock from then on. @lock_fd: borrowed. */
int deadline_start_guard(const struct state_dir *dir, int lock_fd, struct error *err);
/* The guard's whole life. @has_moved: DEADLINE_MOVED was given after the id: it is in its cgroup. */
#define DEADLINE_MOVED "moved"
/* Where in the lock's file the time of the end stands, behind the guard's number: a file of its own could come while delete removes
 * the folder. */
#define DEADLINE_ENDED_AT 32
int deadline_guard(const char *root, const char *id, bool has_moved, struct error *err);
/* Moves this process, a guard, into the guards' cgroup. Returns false where it is to stay where it is. */
bool deadline_cgroup_enter(const struct state *state);
/* Leaves it, and removes it where nobody is in it any more. */
void deadline_cgroup_leave(void);
/* Removes it where nobody is in it any more, for a guard that was killed. */
void deadline_cgroup_remove(const struct state *state);

/* For whoever waits for init by himself: @timer_fd is readable when deadline_step() is to be called. */
struct deadline_watch {
        const struct state_dir *dir;
        const struct state *state;
        int timer_fd;
        bool is_over;                   /* SIGTERM has been sent */
        bool has_to_tell;               /* the audit file */
};
int deadline_watch_open(const struct state_dir *dir, const struct state *state, struct deadline_watch *ret_watch,
                        struct error *err);
void deadline_watch_close(struct deadline_watch *watch);
void deadline_step(struct deadline_watch *watch);
/* By whomever: another command may have ended it while a foreground `run` was stopped. */
bool deadline_was_reached(const struct state_dir *dir);

/* What every command does before it looks at what the container is doing. Needs no lock, waits for a moment at most. */
void deadline_check(const struct state_dir *dir, struct state *state);
/* The same for `reap`. Returns 1 where it ended the container, 2 where it made a new guard, else 0. */
int deadline_reap(const struct state_dir *dir, struct state *state);

/* When the guard saw the end (CLOCK_BOOTTIME). 0: it has not, or there was none. */
uint64_t deadline_ended_ms(const struct state_dir *dir);

/* Once no process is left: ends the guard and strikes the container off the list. May run twice. */
int deadline_undo(const struct state_dir *dir, const struct state *state, struct error *err);
