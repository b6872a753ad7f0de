/* The processes in a container's cgroup: listing, stopping, killing them, and removing the folders afterwards.
 *
 * A build can fork faster than one kills. On v2 cgroup.kill does it in one step; before Linux 5.14 and on v1 the
 * cgroup is frozen first, so that nobody forks while the signals go out, and thawed after (SIGKILL waits for that on
 * v1). Waiting goes by pidfds and cgroup.events; the kernel tells of changes to the latter at most once in 10 ms, and
 * v1 has no such file, so there short waits that grow stand beside. */
#include "runtime/cgroups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/cgroups_private.h"

#define PATIENCE_MS 10000
#define DEPTH_MAX 200

static int64_t now_us(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void wait_us(int64_t us)
{
        struct timespec time = { .tv_sec = us / 1000000, .tv_nsec = (us % 1000000) * 1000 };

        nanosleep(&time, NULL);
}

/* ---- listing ---- */

struct pid_list {
        pid_t *pids;
        size_t n, size;
};

static void pid_list_free(struct pid_list *list)
{
        free(list->pids);
        *list = (struct pid_list){ 0 };
}
#define auto_pid_list __attribute__((cleanup(pid_list_free)))

static int pid_list_add(struct pid_list *list, pid_t pid)
{
        if (list->n == list->size) {
                size_t size = list->size == 0 ? 64 : list->size * 2;
                pid_t *larger = reallocarray(list->pids, size, sizeof *larger);

                if (larger == NULL)
                        return -ENOMEM;
                list->pids = larger;
                list->size = size;
        }
        list->pids[list->n++] = pid;
        return 0;
}

static int compare_pids(const void *a, const void *b)
{
        pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

        return (x > y) - (x < y);
}

static void pid_list_sort(struct pid_list *list)
{
        size_t kept = 0;

        if (list->n == 0)
                return;
        qsort(list->pids, list->n, sizeof *list->pids, compare_pids);
        for (size_t i = 0; i < list->n; i++)
                if (kept == 0 || list->pids[i] != list->pids[kept - 1])
                        list->pids[kept++] = list->pids[i];
        list->n = kept;
}

/* Calls @visit for each folder below @fd, and for itself last: children first. */
static int walk(int fd, unsigned depth, int (*visit)(int parent_fd, const char *name, int fd, void *context), void *context)
{
        auto_closedir DIR *dir = NULL;
        struct dirent *entry;
        int own, r, first = 0;

        if (depth > DEPTH_MAX)
                return -ELOOP;
        own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (own < 0)
                return errno == ENOENT || errno == ENODEV ? 0 : -errno;
        dir = fdopendir(own);
        if (dir == NULL) {
                close(own);
                return -ENOMEM;
        }
        while ((entry = readdir(dir)) != NULL) {
                auto_close int child = UNSET_FD;

                if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                child = openat(own, entry->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (child < 0)
                        continue;
                r = walk(child, depth + 1, visit, context);
                if (r == 0)
                        r = visit(own, entry->d_name, child, context);
                if (r < 0 && first == 0)
                        first = r;
        }
        return first;
}

static int add_pids_of(int fd, struct pid_list *list)
{
        auto_free char *text = NULL;
        int r = fd_read_file(fd, "cgroup.procs", (size_t)64 << 20, &text, NULL);

        /* cgroups(7): a threaded cgroup lists threads only; its processes stand in the domain above. */
        if (r == -EOPNOTSUPP)
                r = fd_read_file(fd, "cgroup.threads", (size_t)64 << 20, &text, NULL);
        if (r == -ENODEV || r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        for (char *p = text, *end; *p != '\0'; p = end + (*end == '\n')) {
                long pid = strtol(p, &end, 10);

                if (end == p)
                        return -EINVAL;
                /* 0: a process of another pid namespace that ours does not see. */
                if (pid > 0 && (r = pid_list_add(list, (pid_t)pid)) < 0)
                        return r;
        }
        return 0;
}

static int visit_pids(int parent_fd, const char *name, int fd, void *context)
{
        (void)parent_fd;
        (void)name;
        return add_pids_of(fd, context);
}

static int list_pids(const struct cgroup_set *set, struct pid_list *ret_list)
{
        int r = 0;

        ret_list->n = 0;
        for (size_t i = 0; i < set->n && r == 0; i++) {
                r = add_pids_of(set->folders[i].fd, ret_list);
                if (r == 0)
                        r = walk(set->folders[i].fd, 0, visit_pids, ret_list);
        }
        pid_list_sort(ret_list);
        return r;
}

/* Without our own one. Its folder tells it as long as it is ours: a build that may write cgroups makes no such one. */
static void drop_keeper(const struct cgroup_set *set, struct pid_list *list)
{
        for (size_t i = 0; i < set->n; i++) {
                auto_close int fd = cgroup_open_folder(set->folders[i].fd, CGROUP_KEEPER);
                auto_pid_list struct pid_list keeper = { 0 };
                struct stat st;
                size_t kept = 0;

                if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() || add_pids_of(fd, &keeper) < 0)
                        continue;
                for (size_t k = 0; k < list->n; k++) {
                        size_t m = 0;

                        while (m < keeper.n && keeper.pids[m] != list->pids[k])
                                m++;
                        if (m == keeper.n)
                                list->pids[kept++] = list->pids[k];
                }
                list->n = kept;
        }
}

int cgroups_pids(const char *const *paths, size_t n_paths, bool is_v2, struct arena *arena, pid_t **ret_pids,
                 size_t *ret_n, struct error *err)
{
        auto_cgroup_set struct cgroup_set set = { 0 };
        auto_pid_list struct pid_list list = { 0 };
        pid_t *pids;
        int r = cgroup_set_open(paths, n_paths, &set, err);

        (void)is_v2;
        if (r < 0)
                return r;
        r = list_pids(&set, &list);
        if (r < 0)
                return error_errno(err, r, "unable to get all container pids");
        drop_keeper(&set, &list);
        pids = arena_array(arena, list.n + 1, sizeof *pids);
        if (pids == NULL)
                return error_errno(err, ENOMEM, "unable to get all container pids");
        if (list.n > 0)
                memcpy(pids, list.pids, list.n * sizeof *pids);
        *ret_pids = pids;
        *ret_n = list.n;
        return 0;
}

/* ---- freezing ---- */

static bool has_ourselves(const struct pid_list *list)
{
        for (size_t i = 0; i < list->n; i++)
                if (list->pids[i] == getpid())
                        return true;
        return false;
}

static bool has_word(const struct cgroup_folder *folder, const char *file, const char *word)
{
        auto_free char *text = NULL;

        return cgroup_read(folder, file, &text) == 0 && strstr(text, word) != NULL;
}

/* Waits until @word stands in cgroup.events. Returns 0, -ETIMEDOUT or what reading said (the cgroup went). */
static int wait_for_event(const struct cgroup_folder *folder, const char *word)
{
        auto_close int fd = openat(folder->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
        int64_t end = now_us() + (int64_t)PATIENCE_MS * 1000, left, pause_us = 200;
        char text[256];
        ssize_t n;

        if (fd < 0)
                return -errno;
        for (;;) {
                struct pollfd event = { .fd = fd, .events = POLLPRI };
                struct timespec time;

                n = pread(fd, text, sizeof text - 1, 0);
                if (n < 0)
                        return -errno;
                text[n] = '\0';
                if (strstr(text, word) != NULL)
                        return 0;
                left = end - now_us();
                if (left <= 0)
                        return -ETIMEDOUT;
                if (left > pause_us)
                        left = pause_us;
                time = (struct timespec){ .tv_sec = left / 1000000, .tv_nsec = (left % 1000000) * 1000 };
                ppoll(&event, 1, &time, NULL);
                pause_us = pause_us < 50000 ? pause_us * 2 : 100000;
        }
}

static int freeze_v2(const struct cgroup_folder *at, bool is_frozen, struct error *err)
{
        int r = fd_write_file(at->fd, "cgroup.freeze", is_frozen ? "1" : "0");

        if (r == 0)
                r = wait_for_event(at, is_frozen ? "frozen 1" : "frozen 0");
        if (r == -ETIMEDOUT && is_frozen) {
                fd_write_file(at->fd, "cgroup.freeze", "0");
                return error_set(err, ETIMEDOUT, "unable to freeze %s within %d seconds: a process is stuck in the kernel",
                                 at->path, PATIENCE_MS / 1000);
        }
        if (r == -ETIMEDOUT)
                return error_set(err, EBUSY, "%s stays frozen: a cgroup above it is frozen", at->path);
        if (r < 0)
                return error_errno(err, r, "write to %s/cgroup.freeze", at->path);
        return 0;
}

/* "A cgroup v1 can stay FREEZING while new processes come": write again, and now and then thaw to let them settle. */
static int freeze_v1(const struct cgroup_folder *at, bool is_frozen, struct error *err)
{
        const char *wanted = is_frozen ? "FROZEN" : "THAWED";
        int64_t end = now_us() + (int64_t)PATIENCE_MS * 1000, pause_us = 50;
        int r;

        for (unsigned round = 1;; round++) {
                r = fd_write_file(at->fd, "freezer.state", wanted);
                if (r < 0)
                        return error_errno(err, r, "write %s to %s/freezer.state", wanted, at->path);
                if (has_word(at, "freezer.state", wanted))
                        return 0;
                if (now_us() > end)
                        break;
                wait_us(pause_us);
                pause_us = pause_us < 10000 ? pause_us * 2 : 10000;
                if (is_frozen && round % 16 == 0) {
                        fd_write_file(at->fd, "freezer.state", "THAWED");
                        pause_us = 50;
                }
        }
        if (!is_frozen)
                return error_set(err, EBUSY, "%s stays frozen: a cgroup above it is frozen", at->path);
        fd_write_file(at->fd, "freezer.state", "THAWED");
        return error_set(err, ETIMEDOUT, "unable to freeze %s within %d seconds", at->path, PATIENCE_MS / 1000);
}

/* The folder that freezes: v1's controller where it is mounted, as engines look there. */
static const struct cgroup_folder *find_freezer(const struct cgroup_set *set, bool *ret_is_v1)
{
        const struct cgroup_folder *at = cgroup_set_find(set, "freezer.state");

        *ret_is_v1 = at != NULL;
        return at != NULL ? at : cgroup_set_find(set, "cgroup.freeze");
}

int cgroups_freeze(const char *const *paths, size_t n_paths, bool is_v2, bool is_frozen, struct error *err)
{
        auto_cgroup_set struct cgroup_set set = { 0 };
        auto_pid_list struct pid_list list = { 0 };
        const struct cgroup_folder *at;
        bool is_v1;
        int r = cgroup_set_open(paths, n_paths, &set, err);

        (void)is_v2;
        if (r < 0)
                return r;
        at = find_freezer(&set, &is_v1);
        if (at == NULL)
                return error_set(err, ENODEV, "cannot toggle freezer: cgroups not configured for container");
        if (is_frozen) {
                r = list_pids(&set, &list);
                if (r < 0)
                        return error_errno(err, r, "list the processes of %s", at->path);
                if (has_ourselves(&list))
                        return error_set(err, EDEADLK, "cannot freeze %s: this very process is in it", at->path);
        }
        return is_v1 ? freeze_v1(at, is_frozen, err) : freeze_v2(at, is_frozen, err);
}

int cgroup_thaw_leftover(const struct cgroup_folder *folder, struct error *err)
{
        bool is_v1 = !folder->is_v2;

        if (is_v1 ? !has_word(folder, "freezer.self_freezing", "1") : !has_word(folder, "cgroup.freeze", "1"))
                return 0;
        if (cgroup_is_populated(folder))
                return error_set(err, EBUSY, "cgroup %s is frozen, with processes of another container in it; resume that one, or "
                                 "name another linux.cgroupsPath", folder->path);
        return is_v1 ? freeze_v1(folder, false, err) : freeze_v2(folder, false, err);
}

static bool has_file_at(const char *folder, const char *file)
{
        char path[PATH_MAX];

        return snprintf(path, sizeof path, "%s/%s", folder, file) < (int)sizeof path && access(path, F_OK) == 0;
}

/* As find_freezer(), by name: every command that tells a state looks here, and v1 has ten folders to open. */
static const char *const *find_freezer_path(const char *const *paths, size_t n_paths, bool *ret_is_v1)
{
        *ret_is_v1 = true;
        for (size_t i = 0; i < n_paths; i++)
                if (cgroups_below(paths[i], CGROUP_ROOT "/freezer") != NULL && has_file_at(paths[i], "freezer.state"))
                        return &paths[i];
        for (size_t i = 0; i < n_paths; i++)
                if (has_file_at(paths[i], "freezer.state"))
                        return &paths[i];
        *ret_is_v1 = false;
        for (size_t i = 0; i < n_paths; i++)
                if (has_file_at(paths[i], "cgroup.freeze"))
                        return &paths[i];
        return NULL;
}

int cgroups_is_frozen(const char *const *paths, size_t n_paths, bool is_v2)
{
        auto_cgroup_set struct cgroup_set set = { 0 };
        const char *const *path;
        bool is_v1;
        int r;

        (void)is_v2;
        path = find_freezer_path(paths, n_paths, &is_v1);
        if (path == NULL)
                return 0;
        r = cgroup_set_open(path, 1, &set, NULL);
        if (r < 0 || set.n == 0)
                return r;
        /* Frozen by itself, not by a cgroup above: that one is not the container's state. */
        if (is_v1)
                return has_word(&set.folders[0], "freezer.state", "FR") && has_word(&set.folders[0], "freezer.self_freezing", "1");
        return has_word(&set.folders[0], "cgroup.freeze", "1");
}

/* ---- killing ---- */

#define BATCH 128

/* By pidfds that were opened before a second look at the cgroup: a process that ended meanwhile can have left its pid to
 * one of the host's, which must not get the signal. */
static int signal_all(const struct cgroup_set *set, const struct pid_list *list, int signal_number)
{
        int first = 0;

        for (size_t start = 0; start < list->n; start += BATCH) {
                auto_pid_list struct pid_list again = { 0 };
                size_t n = list->n - start < BATCH ? list->n - start : BATCH;
                int fds[BATCH], r;

                for (size_t i = 0; i < n; i++)
                        fds[i] = list->pids[start + i] == getpid() ? UNSET_FD : sys_pidfd_open(list->pids[start + i], 0);
                r = list_pids(set, &again);
                for (size_t i = 0; i < n; i++) {
                        bool is_there = r == 0 && again.n > 0 &&
                                        bsearch(&list->pids[start + i], again.pids, again.n, sizeof *again.pids, compare_pids);

                        if (fds[i] >= 0 && is_there && sys_pidfd_send_signal(fds[i], signal_number) < 0 && errno != ESRCH &&
                            r == 0)
                                r = -errno;
                        if (fds[i] >= 0)
                                close(fds[i]);
                }
                if (r < 0 && first == 0)
                        first = r;
        }
        return first;
}

/* So that nobody forks between our look and the signals. A second at most: who forks on is met in the next round. */
static void stop_for_killing(const struct cgroup_folder *freezer, bool is_v1)
{
        int64_t end = now_us() + 1000000, pause_us = 20;

        do {
                fd_write_file(freezer->fd, is_v1 ? "freezer.state" : "cgroup.freeze", is_v1 ? "FROZEN" : "1");
                if (has_word(freezer, is_v1 ? "freezer.state" : "cgroup.events", is_v1 ? "FROZEN" : "frozen 1"))
                        return;
                wait_us(pause_us);
                pause_us = pause_us < 5000 ? pause_us * 2 : 5000;
        } while (now_us() < end);
}

/* SIGKILL to everything. @list: who was there before. */
static int kill_set(const struct cgroup_set *set, struct pid_list *list, struct error *err)
{
        const struct cgroup_folder *killer, *freezer;
        bool is_v1, is_stopped = false;
        int r = list_pids(set, list);

        if (r < 0)
                return error_errno(err, r, "list the processes of %s", set->folders[0].path);
        killer = has_ourselves(list) ? NULL : cgroup_set_find(set, "cgroup.kill");
        if (killer != NULL)
                fd_write_file(killer->fd, "cgroup.kill", "1");
        freezer = find_freezer(set, &is_v1);
        /* We would freeze with them. */
        if (freezer != NULL && killer == NULL && !has_ourselves(list) && list->n > 0) {
                stop_for_killing(freezer, is_v1);
                is_stopped = true;
                r = list_pids(set, list);
        }
        if (r == 0)
                r = signal_all(set, list, SIGKILL);
        /* Frozen by us or by `pause`: on v1 the signal waits for the thaw. */
        if (freezer != NULL && (is_stopped || is_v1))
                fd_write_file(freezer->fd, is_v1 ? "freezer.state" : "cgroup.freeze", is_v1 ? "THAWED" : "0");
        return r < 0 ? error_errno(err, r, "kill the processes of %s", set->folders[0].path) : 0;
}

/* Those in which all processes are one container's. The fds stay the set's. */
static struct cgroup_set only_ours(const struct cgroup_set *set)
{
        struct cgroup_set ours = { 0 };

        for (size_t i = 0; i < set->n; i++) {
                enum cgroup_mark mark = cgroup_mark_read(set->folders[i].fd);

                if (mark == CGROUP_MARK_OWN || mark == CGROUP_MARK_UNKNOWN)
                        ours.folders[ours.n++] = set->folders[i];
        }
        return ours;
}

int cgroups_kill(const char *const *paths, size_t n_paths, bool is_v2, int signal_number, struct error *err)
{
        auto_cgroup_set struct cgroup_set set = { 0 };
        auto_pid_list struct pid_list list = { 0 };
        const struct cgroup_folder *freezer;
        struct cgroup_set ours;
        bool is_v1;
        int r = cgroup_set_open(paths, n_paths, &set, err);

        (void)is_v2;
        if (r < 0 || set.n == 0)
                return r;
        ours = only_ours(&set);
        if (signal_number == SIGKILL) {
                r = ours.n == 0 ? 0 : kill_set(&ours, &list, err);
                /* A shared one: the caller ends init, and its pid namespace goes with it, once it is thawed. */
                freezer = ours.n == set.n ? NULL : find_freezer(&set, &is_v1);
                if (freezer != NULL && is_v1)
                        fd_write_file(freezer->fd, "freezer.state", "THAWED");
                return r;
        }
        if (ours.n == 0)
                return error_set(err, EBUSY, "cgroup %s is shared with others, whose processes cannot be told from the container's; "
                                 "send the signal without --all", set.folders[0].path);
        r = list_pids(&ours, &list);
        drop_keeper(&ours, &list);
        if (r == 0)
                r = signal_all(&ours, &list, signal_number);
        return r < 0 ? error_errno(err, r, "signal %d to the processes of %s", signal_number, ours.folders[0].path) : 0;
}

/* ---- removing ---- */

static int visit_remove(int parent_fd, const char *name, int fd, void *context)
{
        (void)fd;
        (void)context;
        return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* The folder and all below. Returns 0 (gone), -EBUSY (processes), another negative errno. */
static int remove_tree(const struct cgroup_folder *folder, bool is_ours)
{
        if (rmdir(folder->path) == 0 || errno == ENOENT)
                return 0;
        if (!is_ours)
                return errno == ENOTEMPTY ? -EBUSY : -errno;
        /* The sub-cgroups that the build made. */
        walk(folder->fd, 0, visit_remove, NULL);
        if (rmdir(folder->path) == 0 || errno == ENOENT)
                return 0;
        return errno == ENOTEMPTY ? -EBUSY : -errno;
}

/* Waits until the processes of @list have ended, @left_us at most. */
static void wait_for_ends(const struct pid_list *list, int64_t end_us)
{
        for (size_t i = 0; i < list->n; i++) {
                auto_close int fd = list->pids[i] == getpid() ? UNSET_FD : sys_pidfd_open(list->pids[i], 0);
                struct pollfd event = { .fd = fd, .events = POLLIN };
                int64_t left = end_us - now_us();

                if (fd >= 0 && left > 0)
                        poll(&event, 1, (int)(left / 1000) + 1);
        }
}

/* Others still live in it: none of ours is left there, as the caller has seen its pid namespace end. */
static bool has_others(const struct cgroup_folder *folder)
{
        auto_pid_list struct pid_list list = { 0 };

        return add_pids_of(folder->fd, &list) < 0 || list.n > 0;
}

/* One folder, once. Returns 0 when there is nothing (more) to do about it, -EBUSY where processes are left that are
 * dying or, with @ret_is_ours, ours to end. */
static int remove_once(const struct cgroup_folder *folder, bool *ret_is_ours)
{
        enum cgroup_mark mark = cgroup_mark_read(folder->fd);
        int r;

        *ret_is_ours = mark == CGROUP_MARK_OWN;
        if (mark == CGROUP_MARK_FOREIGN)
                return 0;
        r = remove_tree(folder, *ret_is_ours);
        return r == -EBUSY && !*ret_is_ours && has_others(folder) ? 0 : r;
}

int cgroups_remove(const char *const *paths, size_t n_paths, bool is_v2, struct error *err)
{
        auto_cgroup_set struct cgroup_set set = { 0 };
        int64_t end, pause_us = 100;
        int r = cgroup_set_open(paths, n_paths, &set, err), first = 0;

        (void)is_v2;
        if (r < 0)
                return r;
        end = now_us() + (int64_t)PATIENCE_MS * 1000;
        for (unsigned round = 0;; round++) {
                auto_pid_list struct pid_list list = { 0 };
                struct cgroup_set ours = { 0 };
                size_t n_left = 0;

                for (size_t i = 0; i < set.n; i++) {
                        bool is_ours;

                        r = remove_once(&set.folders[i], &is_ours);
                        if (r != -EBUSY) {
                                if (r < 0 && first == 0)
                                        first = error_errno(err, r, "remove %s", set.folders[i].path);
                                close(set.folders[i].fd);
                                continue;
                        }
                        if (is_ours)
                                ours.folders[ours.n++] = set.folders[i];
                        set.folders[n_left++] = set.folders[i];
                }
                set.n = n_left;
                if (n_left == 0)
                        return first;
                if (ours.n > 0) {
                        r = kill_set(&ours, &list, first == 0 ? err : NULL);
                        if (r < 0)
                                return first == 0 ? r : first;
                }
                if (now_us() > end)
                        return error_set(err, EBUSY, "cgroup %s is not empty: process %d does not end", set.folders[0].path,
                                         list.n > 0 ? (int)list.pids[0] : 0);
                wait_for_ends(&list, end);
                /* An ended process leaves its cgroup a moment later, and nothing tells of it on v1. */
                if (round > 0 || list.n == 0) {
                        wait_us(pause_us);
                        pause_us = pause_us < 20000 ? pause_us * 2 : 20000;
                }
        }
}
