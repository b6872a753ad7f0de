/* Withstands a guard that is killed or stopped: whether there is one is a lock of the kernel's, which goes with it, and what
 * it did not do is done by the next command.
 *
 * The lock is of the open file (F_OFD_SETLK, fcntl(2)), so that create can take it and hand it over: there is no moment in
 * which a container has init and nobody in charge. */
#include "runtime/deadline.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "runtime/audit.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"
#include "runtime/contain.h"
#include "runtime/delete.h"
#include "runtime/leases.h"
#include "runtime/registry.h"

#define LOCK_FILE "guard"
#define AGAIN_MS 1000           /* between two attempts to kill */
#define TELLING_MS 2000         /* what a record may take */
#define CONTAINED_MS 10000      /* between two looks at a container that is contained */
#define MOMENT_MS 5000          /* what SIGKILL may take on a host that is busy */

uint64_t deadline_now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_BOOTTIME, &now);
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- who is in charge ---- */

/* Returns 0, or -EAGAIN where another has it. */
static int take_lock(const struct state_dir *dir, int *ret_fd)
{
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        auto_close int fd = openat(dir->fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
                return -errno;
        if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
                return errno == EACCES ? -EAGAIN : -errno;
        /* The pid of a guard that was killed. */
        if (ftruncate(fd, 0) < 0)
                return -errno;
        *ret_fd = take_fd(&fd);
        return 0;
}

static bool is_locked(int fd)
{
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

        return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int deadline_check_reach(const struct state *state, struct error *err)
{
        if (state->deadline_ms == 0 || state->has_own_pidns || (state->n_cgroups > 0 && !state->is_cgroup_shared))
                return 0;
        /* They would outlive init, and nothing tells them from others. */
        return error_refuse(err, "limits.wall", "refused by profile \"%s\" (limits.wall): nothing could end the processes of a "
                            "container that joins a pid namespace and has no cgroup of its own; give it one of the two "
                            "(policy %s)", state->profile, state->policy_revision);
}

int deadline_prepare(const struct state_dir *dir, const struct state *state, int *ret_lock_fd, struct error *err)
{
        int r;

        *ret_lock_fd = UNSET_FD;
        if (state->deadline_ms == 0)
                return 0;
        r = registry_add(state->host_folder, REGISTRY_DEADLINES, "", dir->root, dir->id, err);
        if (r < 0)
                return r;
        r = take_lock(dir, ret_lock_fd);
        return r < 0 ? error_errno(err, r, "lock %s/%s/" LOCK_FILE, dir->root, dir->id) : 0;
}

static bool read_pid(int fd, uint32_t *ret_pid)
{
        char text[16];
        ssize_t n = pread(fd, text, sizeof text - 1, 0);

        if (n <= 0)
                return false;
        text[n] = '\0';
        return text_to_u32(text, ret_pid) == 0 && *ret_pid > 0;
}

/* A pidfd of the guard, which wrote its pid into the file that it holds. Returns -ESRCH where there is none; a foreground
 * `run` is none. */
static int open_guard(const struct state_dir *dir, int *ret_pidfd)
{
        auto_close int fd = openat(dir->fd, LOCK_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        auto_close int pidfd = UNSET_FD;
        uint32_t pid, again;

        if (fd < 0)
                return -errno;
        if (!read_pid(fd, &pid))
                return -ESRCH;
        pidfd = sys_pidfd_open((pid_t)pid, 0);
        /* Looked at after the pid was opened: it is still the guard's, and not that of one before. */
        if (pidfd < 0 || !is_locked(fd) || !read_pid(fd, &again) || again != pid)
                return -ESRCH;
        *ret_pidfd = take_fd(&pidfd);
        return 0;
}

int deadline_undo(const struct state_dir *dir, const struct state *state, struct error *err)
{
        auto_close int pidfd = UNSET_FD;
        struct pollfd event = { .events = POLLIN };

        if (state->deadline_ms == 0)
                return 0;
        /* It would end by itself, but a caller who looks for what is left should not find it; and it may be stopped. */
        if (open_guard(dir, &pidfd) == 0) {
                event.fd = pidfd;
                /* It may still have to tell the audit file of the deadline. */
                if ((!state->is_deadline_over || poll(&event, 1, TELLING_MS) == 0) &&
                    sys_pidfd_send_signal(pidfd, SIGKILL) == 0)
                        poll(&event, 1, MOMENT_MS);
        }
        /* Another may have been killed before. */
        deadline_cgroup_remove(state);
        return registry_remove(state->host_folder, REGISTRY_DEADLINES, "", dir->root, dir->id, err);
}

/* ---- ending it ---- */

uint64_t deadline_ended_ms(const struct state_dir *dir)
{
        auto_close int fd = openat(dir->fd, LOCK_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        char text[24] = "";
        uint64_t ms;

        return fd >= 0 && pread(fd, text, sizeof text - 1, DEADLINE_ENDED_AT) > 0 && text_to_u64(text, &ms) == 0 ? ms : 0;
}

bool deadline_was_reached(const struct state_dir *dir)
{
        return faccessat(dir->fd, STATE_DEADLINE_MARK, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Returns true for the first who does, and who is to tell the audit file of it. */
static bool mark(const struct state_dir *dir)
{
        auto_close int fd = openat(dir->fd, STATE_DEADLINE_MARK, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0 && errno != EEXIST)
                log_warning("%s: its deadline has come, which %s/%s cannot record: %s", dir->id, dir->root, dir->id,
                            error_text(errno));
        return fd >= 0;
}

/* Not before the processes have been killed: a disk that hangs would keep them alive. */
static void tell_audit(const struct state *state)
{
        struct error err = { 0 };

        if (audit_write_state(state, &(struct audit_record){ .event = "deadline", .is_closing = true }, &err) < 0)
                log_warning("%s", err.text);
}

static int arm(int timer_fd, uint64_t at_ms)
{
        struct itimerspec when = { .it_value = { (time_t)(at_ms / 1000), (long)(at_ms % 1000) * 1000000 } };

        return timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL) < 0 ? -errno : 0;
}

int deadline_watch_open(const struct state_dir *dir, const struct state *state, struct deadline_watch *ret_watch,
                        struct error *err)
{
        struct deadline_watch watch = { .dir = dir, .state = state };

        watch.timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        if (watch.timer_fd < 0 || arm(watch.timer_fd, state->deadline_ms) < 0) {
                error_errno(err, errno, "limits.wall: make a timer");
                deadline_watch_close(&watch);
                return -err->code;
        }
        *ret_watch = watch;
        return 0;
}

void deadline_watch_close(struct deadline_watch *watch)
{
        auto_close_cleanup(&watch->timer_fd);
        if (watch->has_to_tell)
                tell_audit(watch->state);
        watch->has_to_tell = false;
}

void deadline_step(struct deadline_watch *watch)
{
        auto_close int pidfd = UNSET_FD;
        struct error err = { 0 };
        uint64_t n;

        if (read(watch->timer_fd, &n, sizeof n) < 0)
                return;
        /* What is held for somebody to look into is not ended by the clock; when it is released, it is. */
        if (contain_is_marked(watch->dir)) {
                arm(watch->timer_fd, deadline_now_ms() + CONTAINED_MS);
                return;
        }
        if (!watch->is_over) {
                watch->is_over = true;
                watch->has_to_tell = mark(watch->dir);
                /* The first process of a pid namespace gets it only where it has a handler (pid_namespaces(7)). */
                if (state_open_init(watch->state, &pidfd) == 0)
                        sys_pidfd_send_signal(pidfd, SIGTERM);
                arm(watch->timer_fd, deadline_now_ms() + (watch->state->grace_ms > 0 ? watch->state->grace_ms : 1));
                return;
        }
        if (delete_kill(watch->state, &err) < 0)
                log_warning("%s: its deadline has come: %s", watch->dir->id, err.text);
        arm(watch->timer_fd, deadline_now_ms() + AGAIN_MS);
        if (watch->has_to_tell)
                tell_audit(watch->state);
        watch->has_to_tell = false;
}

/* ---- what the other commands do ---- */

static int restart_guard(const struct state_dir *dir)
{
        auto_close int lock_fd = UNSET_FD;
        struct error err = { 0 };
        int r = take_lock(dir, &lock_fd);

        if (r == -EAGAIN)
                return 0;
        if (r < 0)
                error_errno(&err, r, "lock %s/%s/" LOCK_FILE, dir->root, dir->id);
        else
                r = deadline_start_guard(dir, lock_fd, &err);
        log_warning("%s: the process that watches its deadline had ended%s%s", dir->id, r < 0 ? ", and so it stays: " :
                    "; there is a new one", err.text);
        return r < 0 ? r : 2;
}

int deadline_reap(const struct state_dir *dir, struct state *state)
{
        auto_close int pidfd = UNSET_FD;
        struct pollfd event = { .events = POLLIN };
        struct error err = { 0 };
        int r;
        bool is_late, has_to_tell;

        if (state->deadline_ms == 0 || state->init_pid == 0 || state->contained != NULL)
                return 0;
        is_late = deadline_now_ms() >= state->deadline_ms + state->grace_ms;
        if (state_open_init(state, &pidfd) < 0) {
                /* Where init was not the first of a pid namespace, others may have outlived it. */
                if (is_late && !state->has_own_pidns)
                        delete_kill(state, NULL);
                return 0;
        }
        if (!is_late)
                return restart_guard(dir);
        /* Too late for a grace time; where there is a guard it is about to do the same. */
        has_to_tell = mark(dir);
        state->is_deadline_over = true;
        r = delete_kill(state, &err);
        if (has_to_tell)
                tell_audit(state);
        if (r < 0) {
                log_warning("%s: its deadline has passed: %s", dir->id, err.text);
                return 0;
        }
        event.fd = pidfd;
        poll(&event, 1, MOMENT_MS);
        return 1;
}

void deadline_check(const struct state_dir *dir, struct state *state)
{
        if (state->deadline_ms != 0)
                deadline_reap(dir, state);
}
