/* Ends with init, whatever becomes of the others: whoever kills all processes of the cgroup kills it, too, which costs the
 * numbers and nothing else. It is moved into the cgroup when it has all the memory that it needs, so that hardly any of it
 * is the container's. */
#include "runtime/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"
#include "runtime/beside.h"
#include "runtime/cgroups_private.h"
#include "runtime/ending.h"

#define INIT_FD 3
#define READY_FD 4
#define READY_MS 10000          /* emulated and loaded machines are slow */
/* Fewer processes than this, and one less would be felt. */
#define PIDS_LEAST 8

bool keeper_is_wanted(const struct state *state, const struct spec_resources *limits)
{
        const struct spec_number *pids = &limits->pids_limit;

        /* Others that outlive init go on using. */
        return state->audit_path != NULL && state->systemd_unit != NULL && state->has_own_pidns &&
               (!state->is_cgroup2 || !pids->is_given || pids->value < 0 || pids->value >= PIDS_LEAST);
}

/* ---- starting it ---- */

static int spawn(const struct state_dir *dir, int init_pidfd, int ready_fd, pid_t *ret_pid, struct error *err)
{
        char *argv[] = { (char *)"runb", (char *)"--root", (char *)dir->root, (char *)"keeper", (char *)dir->id, NULL };
        char *environment[] = { NULL };
        /* Both are above READY_FD: dup2() onto itself would leave FD_CLOEXEC. */
        auto_close int pidfd = fcntl(init_pidfd, F_DUPFD_CLOEXEC, READY_FD + 1);
        auto_close int ready = fcntl(ready_fd, F_DUPFD_CLOEXEC, READY_FD + 1);
        int r;

        if (pidfd < 0 || ready < 0)
                return error_errno(err, errno, "duplicate a file descriptor");
        r = beside_spawn(argv, environment, (int[]){ pidfd, ready }, 2, ret_pid);
        return r < 0 ? error_errno(err, r, "start a process") : 0;
}

/* On v1 only where systemd looks whether the scope is empty: what counts and limits is elsewhere. */
static bool is_systemds(const struct cgroup_folder *folder)
{
        return folder->is_v2 || text_starts_with(folder->path, CGROUP_ROOT "/systemd/");
}

static int move(const struct state *state, pid_t pid, struct systemd_scope *scope, struct error *err)
{
        auto_cgroup_set struct cgroup_set set = { 0 };
        char text[16];
        int r = cgroup_set_open(state->cgroups, state->n_cgroups, &set, err);

        for (size_t i = 0; i < set.n && r == 0; i++) {
                if (!is_systemds(&set.folders[i]))
                        continue;
                if (mkdirat(set.folders[i].fd, CGROUP_KEEPER, 0755) < 0 && errno != EEXIST)
                        return error_errno(err, errno, "mkdir %s/" CGROUP_KEEPER, set.folders[i].path);
                if (scope != NULL) {
                        r = systemd_attach(scope, pid, "/" CGROUP_KEEPER, err);
                        continue;
                }
                snprintf(text, sizeof text, "%d", pid);
                r = fd_write_file(set.folders[i].fd, CGROUP_KEEPER "/cgroup.procs", text);
                if (r < 0)
                        return error_errno(err, r, "write %s/" CGROUP_KEEPER "/cgroup.procs", set.folders[i].path);
        }
        return r;
}

int keeper_start(const struct state_dir *dir, const struct state *state, int init_pidfd, struct systemd_scope *scope,
                 struct error *err)
{
        struct pollfd polled = { .events = POLLIN };
        auto_close int ours = UNSET_FD, pidfd = UNSET_FD;
        int pair[2], r;
        pid_t pid;
        char byte;

        if (pipe2(pair, O_CLOEXEC) < 0)
                return error_errno(err, errno, "make a pipe");
        ours = polled.fd = pair[0];
        r = spawn(dir, init_pidfd, pair[1], &pid, err);
        close(pair[1]);
        if (r < 0)
                return r;
        pidfd = sys_pidfd_open(pid, 0);
        if (poll(&polled, 1, READY_MS) <= 0 || read(ours, &byte, 1) != 1)
                r = error_set(err, ETIMEDOUT, "the process that is to note what the container uses does not begin");
        if (r == 0)
                r = move(state, pid, scope, err);
        if (r < 0 && pidfd >= 0)
                sys_pidfd_send_signal(pidfd, SIGKILL);
        return r;
}

/* ---- being it ---- */

int keeper_run(const char *root, const char *id, struct error *err)
{
        auto_state_dir struct state_dir dir = { 0 };
        auto_arena struct arena arena = { 0 };
        struct pollfd event = { .fd = INIT_FD, .events = POLLIN };
        auto_close int score = UNSET_FD;
        struct state state;
        int r;

        prctl(PR_SET_NAME, "runb-keeper", 0, 0, 0);
        /* systemd's and a shutdown's to everybody: init may have something to do about it yet. */
        signal(SIGTERM, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        signal(SIGPIPE, SIG_IGN);
        r = state_open(root, id, true, &dir, err);
        if (r == 0)
                r = state_read(&dir, &arena, &state, err);
        if (r < 0)
                return r;
        /* memory.oom.group spares who has this (kernel docs, cgroup-v2); a plain user may not. */
        score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        if (score >= 0 && write(score, "-1000", 5) < 0)
                errno = 0;
        auto_close_cleanup(&score);
        /* As it will be, for the memory that this takes. */
        state.is_usage_kept = true;
        ending_keep(&dir, &state, false);
        if (write(READY_FD, "", 1) != 1)
                return error_errno(err, errno, "keeper: is started by runb itself");
        close(READY_FD);
        while (poll(&event, 1, -1) < 0)
                if (errno != EINTR)
                        return error_errno(err, errno, "keeper: is started by runb itself");
        ending_keep(&dir, &state, true);
        return 0;
}
