/* The guard: this program again, so that it has nothing of its maker's memory (config.json holds secrets) and fds, only the
 * lock. It is in a cgroup of all guards (deadline_cgroup.c), or else in its maker's, never in the container's; an engine's
 * reaper meets it when it ends, which is when init does. */
#include "runtime/deadline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/sys.h"
#include "runtime/beside.h"
#include "runtime/cgroups.h"

#define LOCK_FD 3

/* After a container that joins a pid namespace: where a rootless engine's runtime could not come back from it, whatever we
 * make would see other pids than the record has. */
static int check_namespace(struct error *err)
{
        struct stat own, children;

        if (stat("/proc/self/ns/pid", &own) < 0 || stat("/proc/self/ns/pid_for_children", &children) < 0)
                return error_errno(err, errno, "stat /proc/self/ns/pid");
        if (own.st_ino != children.st_ino)
                return error_set(err, EPERM, "limits.wall: nothing can watch the deadline of a container that joins a pid "
                                 "namespace here; give it one of its own");
        return 0;
}

int deadline_start_guard(const struct state_dir *dir, int lock_fd, struct error *err)
{
        char *argv[] = { (char *)"runb", (char *)"--root", (char *)dir->root, (char *)"guard", (char *)dir->id, NULL };
        auto_free char *folder = NULL;
        char *environment[] = { NULL, NULL };
        char text[16];
        pid_t pid;
        int r = check_namespace(err);

        if (r < 0)
                return r;
        /* Where the host's folder is. Nothing else of the environment, which is a caller's. */
        if (getenv("XDG_RUNTIME_DIR") != NULL) {
                if (asprintf(&folder, "XDG_RUNTIME_DIR=%s", getenv("XDG_RUNTIME_DIR")) < 0)
                        return error_errno(err, ENOMEM, "limits.wall");
                environment[0] = folder;
        }
        r = beside_spawn(argv, environment, &lock_fd, 1, &pid);
        if (r < 0)
                return error_errno(err, r, "limits.wall: start the process that watches the deadline");
        if (pwrite(lock_fd, text, (size_t)snprintf(text, sizeof text, "%d", pid), 0) < 0)
                return error_errno(err, errno, "write %s/%s/guard", dir->root, dir->id);
        return 0;
}

/* Processes that outlive init, where it is not the first of a pid namespace. */
static bool has_others(const struct state *state, struct arena *arena)
{
        pid_t *pids;
        size_t n;

        return !state->has_own_pidns && state->n_cgroups > 0 && !state->is_cgroup_shared &&
               cgroups_pids(state->cgroups, state->n_cgroups, state->is_cgroup2, arena, &pids, &n, NULL) == 0 && n > 0;
}

static void note_end(void)
{
        char text[24];
        int length = snprintf(text, sizeof text, "%llu", (unsigned long long)deadline_now_ms());

        if (pwrite(LOCK_FD, text, (size_t)length, DEADLINE_ENDED_AT) < 0)
                return;         /* the record of the end then says that nobody saw it */
}

static void watch_container(struct deadline_watch *watch, int pidfd)
{
        struct pollfd polled[] = { { .fd = pidfd, .events = POLLIN }, { .fd = watch->timer_fd, .events = POLLIN } };

        for (;;) {
                auto_arena struct arena arena = { 0 };

                if (poll(polled, 2, -1) < 0) {
                        if (errno != EINTR)
                                return;
                        continue;
                }
                /* Init before the timer: where nothing is left any more, the cgroup of that name may be another container's. */
                if (polled[0].revents != 0) {
                        note_end();
                        polled[0].fd = -1;
                }
                if (polled[0].fd < 0 && !has_others(watch->state, &arena))
                        return;
                if (polled[1].revents != 0)
                        deadline_step(watch);
        }
}

/* Anew, now that memory is charged elsewhere. Returns where that cannot be. */
static void start_over(const char *root, const char *id)
{
        char *argv[] = { (char *)"runb", (char *)"--root", (char *)root, (char *)"guard", (char *)id, (char *)DEADLINE_MOVED, NULL };

        if (fcntl(LOCK_FD, F_SETFD, 0) == 0)
                execv("/proc/self/exe", argv);
}

static int guard(const char *root, const char *id, bool has_moved, struct error *err)
{
        auto_state_dir struct state_dir dir = { 0 };
        auto_arena struct arena arena = { 0 };
        auto_close int pidfd = UNSET_FD;
        struct deadline_watch watch;
        struct state state;
        int r;

        r = state_open(root, id, true, &dir, err);
        if (r == 0)
                r = state_read(&dir, &arena, &state, err);
        if (r < 0)
                return r;
        if (state.deadline_ms == 0)
                return error_set(err, EINVAL, "container %s has no deadline", id);
        if (!has_moved && deadline_cgroup_enter(&state))
                start_over(root, id);
        if (state_open_init(&state, &pidfd) < 0)
                return 0;
        r = deadline_watch_open(&dir, &state, &watch, err);
        if (r < 0)
                return r;
        watch_container(&watch, pidfd);
        deadline_watch_close(&watch);
        return 0;
}

int deadline_guard(const char *root, const char *id, bool has_moved, struct error *err)
{
        int r;

        /* In lists of processes, since /proc/self/exe is what was executed. */
        prctl(PR_SET_NAME, "runb-guard", 0, 0, 0);
        r = guard(root, id, has_moved, err);
        if (has_moved)
                deadline_cgroup_leave();
        return r;
}
