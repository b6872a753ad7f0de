/* Waits for what happens to a container. Out of memory is told by an eventfd on v1 (kernel docs cgroup-v1/memory,
 * "OOM Control"): before the kernel counts the kill, and where it kills nobody (disableOOMKiller), too. On v2 it is a
 * change of memory.events, told late; how many were killed is read from the file. */
#include "runtime/events.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/stats_private.h"

struct watch {
        const struct cgroup_folder *at; /* of the memory controller; NULL: none here */
        bool is_v2;
        int fd;
        uint64_t n_killed;              /* v2: oom_kill of memory.events as it was said last */
};

int events_say_stats(const struct state *state, events_say say, struct error *err)
{
        auto_arena struct arena arena = { 0 };
        auto_buffer struct text_buffer line = { 0 };
        struct stats stats;
        int r = stats_read(state->cgroups, state->n_cgroups, state->is_cgroup2, &arena, &stats, err);

        if (r < 0)
                return r;
        stats_to_json(&stats, state->id, &line);
        return say(&line, err);
}

static int watch_v1(struct watch *watch, struct error *err)
{
        auto_close int control_fd = openat(watch->at->fd, "memory.oom_control", O_RDONLY | O_CLOEXEC);
        char text[32];
        int r;

        watch->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (watch->fd < 0 || control_fd < 0)
                return error_errno(err, errno, "watch %s/memory.oom_control", watch->at->path);
        snprintf(text, sizeof text, "%d %d", watch->fd, control_fd);
        r = fd_write_file(watch->at->fd, "cgroup.event_control", text);
        return r < 0 ? error_errno(err, r, "watch %s/memory.oom_control", watch->at->path) : 0;
}

static int watch_v2(struct watch *watch, struct error *err)
{
        char path[FD_NAME_SIZE + 32], name[FD_NAME_SIZE];

        watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (watch->fd < 0)
                return error_errno(err, errno, "watch %s/memory.events", watch->at->path);
        /* By the fd that was walked to: a name could lead elsewhere. */
        snprintf(path, sizeof path, "/proc/%s/memory.events", fd_name_in_proc(watch->at->fd, name));
        if (inotify_add_watch(watch->fd, path, IN_MODIFY) < 0)
                return error_errno(err, errno, "watch %s/memory.events", watch->at->path);
        return 0;
}

static int watch_open(struct watch *watch, const struct cgroup_set *set, bool is_v2, struct error *err)
{
        int r;

        watch->at = cgroup_set_find(set, is_v2 ? "memory.events" : "memory.oom_control");
        if (watch->at == NULL) {
                log_warning("events: no memory controller here: nobody can tell when memory runs out");
                return 0;
        }
        watch->is_v2 = is_v2;
        watch->n_killed = is_v2 ? stats_keyed(watch->at, "memory.events", "oom_kill") : 0;
        r = is_v2 ? watch_v2(watch, err) : watch_v1(watch, err);
        return r;
}

/* How often memory has run out since the last call. */
static uint64_t count_new(struct watch *watch)
{
        char notices[4096];
        uint64_t n, n_told = 0;

        if (watch->fd < 0)
                return 0;
        while (read(watch->fd, notices, watch->is_v2 ? sizeof notices : sizeof n_told) > 0)
                n_told++;
        if (!watch->is_v2)
                return n_told;
        n = stats_keyed(watch->at, "memory.events", "oom_kill");
        n_told = n > watch->n_killed ? n - watch->n_killed : 0;
        watch->n_killed += n_told;
        return n_told;
}

static int say_out_of_memory(struct watch *watch, const char *id, events_say say, struct error *err)
{
        int r = 0;

        for (uint64_t n = count_new(watch); n > 0 && r == 0; n--) {
                auto_buffer struct text_buffer line = { 0 };

                text_add(&line, "{\"type\":\"oom\",\"id\":");
                text_add_json(&line, id);
                text_add(&line, "}\n");
                r = say(&line, err);
        }
        return r;
}

static int follow(const struct state *state, struct watch *watch, int timer_fd, int pidfd, events_say say, struct error *err)
{
        struct pollfd polled[] = { { .fd = timer_fd, .events = POLLIN }, { .fd = watch->fd, .events = POLLIN },
                                   { .fd = pidfd, .events = POLLIN } };
        uint64_t n_ticks;
        int r;

        for (;;) {
                if (poll(polled, sizeof polled / sizeof *polled, -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        return error_errno(err, errno, "wait for events");
                }
                r = say_out_of_memory(watch, state->id, say, err);
                if (r < 0 || polled[2].revents != 0)
                        return r;
                if (polled[0].revents != 0 && read(timer_fd, &n_ticks, sizeof n_ticks) == (ssize_t)sizeof n_ticks) {
                        r = events_say_stats(state, say, err);
                        if (r < 0)
                                return r;
                }
        }
}

int events_follow(const struct state *state, int64_t interval_ns, events_say say, struct error *err)
{
        const struct timespec interval = { interval_ns / 1000000000, interval_ns % 1000000000 };
        const struct itimerspec every = { interval, interval };
        auto_close int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        auto_close int pidfd = UNSET_FD;
        auto_cgroup_set struct cgroup_set set = { 0 };
        struct watch watch = { .fd = UNSET_FD };
        int r;

        if (timer_fd < 0 || timerfd_settime(timer_fd, 0, &every, NULL) < 0)
                return error_errno(err, errno, "make a timer");
        if (state_open_init(state, &pidfd) < 0)
                return error_set(err, ESRCH, "container with id %s is not running", state->id);
        r = cgroup_set_open(state->cgroups, state->n_cgroups, &set, err);
        if (r == 0)
                r = watch_open(&watch, &set, state->is_cgroup2, err);
        if (r == 0)
                r = follow(state, &watch, timer_fd, pidfd, say, err);
        auto_close_cleanup(&watch.fd);
        return r;
}
