/* Every process of the container, as /proc/PID/status has it: all in its cgroup, and all in its pid namespace, so that one that
 * was moved out of either is still found. Each is read through an fd of its own folder of /proc, which never becomes that of a
 * later process. Threads have credentials of their own: one that differs from its process is a row of its own. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "policies/exceptions.h"
#include "policies/select.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/cgroups.h"
#include "runtime/report_private.h"

#define MAY_BE_JOINING_TRIES 10u        /* a second: `exec` becomes the build's only right before it executes its program */

struct found { pid_t pid; bool is_in_pidns; size_t n_cgroups; };
struct list { struct report *report; struct found *items; size_t n, room; };

static struct found *add_found(struct list *list, pid_t pid)
{
        for (size_t i = list->n; i > 0; i--)            /* most come in order */
                if (list->items[i - 1].pid == pid)
                        return &list->items[i - 1];
        if (list->n == list->room) {
                size_t room = list->room == 0 ? 64 : 2 * list->room;
                struct found *items = arena_array(list->report->arena, room, sizeof *items);

                if (items == NULL) {
                        list->report->is_broken = true;
                        return NULL;
                }
                if (list->n > 0)
                        memcpy(items, list->items, list->n * sizeof *items);
                list->items = items;
                list->room = room;
        }
        list->items[list->n] = (struct found){ .pid = pid };
        return &list->items[list->n++];
}

/* ---- who is there ---- */

static uint64_t own_inode(const struct report *report, enum spec_ns kind)
{
        for (size_t i = 0; i < report->n_namespaces; i++)
                if (report->namespaces[i].kind == kind)
                        return report->namespaces[i].inode;
        return 0;
}

/* Others' processes may be in a pid namespace that the engine made for a pod. */
static bool has_pidns_alone(const struct report *report)
{
        return report->state->has_own_pidns &&
               !(report->has_sandbox && report->sandbox.spec.linux_.namespaces[SPEC_NS_PID].path != NULL);
}

/* ioctl_ns(2): a pid namespace below the container's, of a build that may make some. */
static bool is_pidns_below(const char *path, uint64_t inode)
{
        auto_close int at = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;

        for (;;) {
                int parent = at < 0 ? -1 : ioctl(at, NS_GET_PARENT);

                if (parent < 0)
                        return false;
                close(at);
                at = parent;
                fcntl(at, F_SETFD, FD_CLOEXEC);
                if (fstat(at, &st) == 0 && st.st_ino == inode)
                        return true;
        }
}

static void find_by_pidns(struct report *report, struct list *list)
{
        uint64_t inode = own_inode(report, SPEC_NS_PID), ours = 0;
        auto_closedir DIR *folder = opendir("/proc");
        const struct dirent *entry;
        struct found *found;
        char path[64];
        struct stat st;

        if (stat("/proc/self/ns/pid", &st) == 0)
                ours = st.st_ino;
        while (folder != NULL && (entry = readdir(folder)) != NULL) {
                int pid = atoi(entry->d_name);

                if (pid <= 0)
                        continue;
                snprintf(path, sizeof path, "/proc/%d/ns/pid", pid);
                if (stat(path, &st) < 0 || st.st_ino == ours)
                        continue;
                if (st.st_ino != inode && !(report_may_nest(report) && is_pidns_below(path, inode)))
                        continue;
                found = add_found(list, pid);
                if (found != NULL)
                        found->is_in_pidns = true;
        }
}

static void find_by_cgroup(struct report *report, struct list *list)
{
        const struct state *state = report->state;
        struct error err = { 0 };

        for (size_t i = 0; i < state->n_cgroups; i++) {
                size_t n = 0;
                pid_t *pids;

                if (cgroups_pids(&state->cgroups[i], 1, state->is_cgroup2, report->arena, &pids, &n, &err) < 0)
                        report_add(report, "limits", REPORT_UNKNOWN, "%s", err.text);
                for (size_t j = 0; j < n; j++) {
                        struct found *found = pids[j] > 0 ? add_found(list, pids[j]) : NULL;

                        if (found != NULL)
                                found->n_cgroups++;
                }
        }
}

/* ---- one of them ---- */

static const char *value_of(const char *status, const char *name)
{
        size_t length = strlen(name);

        for (const char *line = status; line != NULL; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (strncmp(line, name, length) == 0 && line[length] == ':')
                        return line + length + 1 + strspn(line + length + 1, " \t");
        }
        return NULL;
}

static uint64_t hex(const char *status, const char *name)
{
        const char *value = value_of(status, name);

        return value == NULL ? UINT64_MAX : strtoull(value, NULL, 16);
}

static int number(const char *status, const char *name)
{
        const char *value = value_of(status, name);

        return value == NULL ? -1 : atoi(value);
}

static void ids(const char *status, const char *name, uint32_t ret_ids[4])
{
        const char *value = value_of(status, name);

        if (value == NULL || sscanf(value, "%u %u %u %u", &ret_ids[0], &ret_ids[1], &ret_ids[2], &ret_ids[3]) != 4)
                memset(ret_ids, 0, 4 * sizeof ret_ids[0]);      /* as root's: nothing passes as looked at */
}

static int read_status(struct report *report, int fd, struct report_process *process)
{
        auto_free char *status = NULL;
        const char *groups, *name;
        size_t length;
        int r = fd_read_file(fd, "status", REPORT_STATUS_LIMIT_BYTES, &status, &length);

        if (r < 0)
                return r;
        name = value_of(status, "Name");
        if (name != NULL)
                snprintf(process->name, sizeof process->name, "%.*s", (int)strcspn(name, "\n"), name);
        process->state = value_of(status, "State") == NULL ? '?' : *value_of(status, "State");
        process->is_zombie = process->state == 'Z' || process->state == 'X' || process->state == 'x';
        ids(status, "Uid", process->uids);
        ids(status, "Gid", process->gids);
        groups = value_of(status, "Groups");
        process->groups = groups == NULL ? "" : arena_string_n(report->arena, groups, strcspn(groups, "\n"));
        process->inheritable = hex(status, "CapInh");
        process->permitted = hex(status, "CapPrm");
        process->effective = hex(status, "CapEff");
        process->bounding = hex(status, "CapBnd");
        process->ambient = hex(status, "CapAmb");
        process->no_new_privs = number(status, "NoNewPrivs");
        process->seccomp = number(status, "Seccomp");
        process->filters = number(status, "Seccomp_filters");
        for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS; kind++) {
                char file[32];
                struct stat st;

                snprintf(file, sizeof file, "ns/%s", report_ns_file(kind));
                process->namespaces[kind] = fstatat(fd, file, &st, 0) == 0 ? st.st_ino : 0;
        }
        if (process->groups == NULL)
                report->is_broken = true;
        return 0;
}

/* "Max open files            1024                 1024                 files" */
uint64_t report_hard_limit(const char *text, const char *name)
{
        const char *line = strstr(text, name);
        char soft[32], hard[32];

        if (line == NULL || sscanf(line + strlen(name), "%31s %31s", soft, hard) != 2)
                return 0;
        return strcmp(hard, "unlimited") == 0 ? UINT64_MAX : strtoull(hard, NULL, 10);
}

static void read_rest(struct report *report, int fd, struct report_process *process)
{
        auto_free char *limits = NULL;
        auto_free char *label = NULL;
        size_t length;

        if (fd_read_file(fd, "limits", REPORT_STATUS_LIMIT_BYTES, &limits, &length) == 0) {
                process->has_limits = true;
                process->nofile = report_hard_limit(limits, "Max open files");
                process->fsize = report_hard_limit(limits, "Max file size");
                process->core = report_hard_limit(limits, "Max core file size");
                process->rtprio = report_hard_limit(limits, "Max realtime priority");
                process->nice = report_hard_limit(limits, "Max nice priority");
        }
        if (fd_read_file(fd, "attr/current", REPORT_STATUS_LIMIT_BYTES, &label, &length) == 0 && label[0] != '\0') {
                label[strcspn(label, "\n")] = '\0';
                process->label = arena_string(report->arena, label);
        }
}

static bool is_same_thread(const struct report_process *a, const struct report_process *b)
{
        return memcmp(a->uids, b->uids, sizeof a->uids) == 0 && memcmp(a->gids, b->gids, sizeof a->gids) == 0 &&
               a->inheritable == b->inheritable && a->permitted == b->permitted && a->effective == b->effective &&
               a->bounding == b->bounding && a->ambient == b->ambient && a->no_new_privs == b->no_new_privs &&
               a->seccomp == b->seccomp && a->filters == b->filters && strcmp(a->groups, b->groups) == 0 &&
               memcmp(a->namespaces, b->namespaces, sizeof a->namespaces) == 0;
}

static struct report_process *add_process(struct report *report, const struct report_process *process)
{
        /* Powers of two, from the arena. */
        if (report->n_processes == 0 || (report->n_processes >= 16 && (report->n_processes & (report->n_processes - 1)) == 0)) {
                size_t room = report->n_processes == 0 ? 16 : 2 * report->n_processes;
                struct report_process *larger = arena_array(report->arena, room, sizeof *larger);

                if (larger == NULL) {
                        report->is_broken = true;
                        return NULL;
                }
                if (report->n_processes > 0)
                        memcpy(larger, report->processes, report->n_processes * sizeof *larger);
                report->processes = larger;
        }
        report->processes[report->n_processes] = *process;
        return &report->processes[report->n_processes++];
}

static void look_threads(struct report *report, int fd, const struct report_process *process)
{
        int task = openat(fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        auto_closedir DIR *folder = task < 0 ? NULL : fdopendir(task);
        const struct dirent *entry;

        if (folder == NULL && task >= 0)
                close(task);
        while (folder != NULL && (entry = readdir(folder)) != NULL) {
                struct report_process thread = *process;
                auto_close int at = UNSET_FD;

                thread.thread = atoi(entry->d_name);
                if (thread.thread <= 0 || thread.thread == process->pid)
                        continue;
                at = openat(task, entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
                state_process_start_time(thread.thread, &thread.thread_start_time, &(bool){ false });
                if (at >= 0 && read_status(report, at, &thread) == 0 && !thread.is_zombie &&
                    (process->is_zombie || !is_same_thread(process, &thread)))
                        add_process(report, &thread);
        }
}

static void look_one(struct report *report, const struct found *found)
{
        struct report_process process = { .pid = found->pid, .thread = found->pid, .is_in_pidns = found->is_in_pidns,
                                          .is_in_cgroup = found->n_cgroups == report->state->n_cgroups };
        auto_close int fd = UNSET_FD;
        char path[32];

        snprintf(path, sizeof path, "/proc/%d", found->pid);
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || read_status(report, fd, &process) < 0) {
                report->n_ended++;
                return;
        }
        state_process_start_time(found->pid, &process.start_time, &(bool){ false });
        process.thread_start_time = process.start_time;
        read_rest(report, fd, &process);
        add_process(report, &process);
        look_threads(report, fd, &process);
}

static int by_pid(const void *a, const void *b)
{
        const struct found *one = a, *other = b;

        return one->pid < other->pid ? -1 : one->pid > other->pid;
}

void report_look_processes(struct report *report)
{
        struct list list = { .report = report };

        report->processes = NULL;
        report->n_processes = report->n_ended = 0;
        find_by_cgroup(report, &list);
        if (report->state->has_own_pidns)
                find_by_pidns(report, &list);
        if (list.n > 0)
                qsort(list.items, list.n, sizeof list.items[0], by_pid);
        for (size_t i = 0; i < list.n; i++) {
                const struct found *found = &list.items[i];

                /* Of a cgroup that several containers share, or a pod's pid namespace: not ours. */
                if (!found->is_in_pidns && report->state->is_cgroup_shared)
                        continue;
                if (found->n_cgroups == 0 && !has_pidns_alone(report))
                        continue;
                look_one(report, found);
        }
}

/* ---- the verdict ---- */

/* Says it, or only counts it. */
#define weak(control, ...) \
        do { \
                n++; \
                if (is_said) \
                        report_add(report, control, REPORT_WEAKENED, __VA_ARGS__); \
        } while (0)

static bool is_mapped(const struct spec_id_map *map, size_t n, uint32_t id)
{
        if (n == 0)
                return true;
        for (size_t i = 0; i < n; i++)
                if (id >= map[i].outside && id - map[i].outside < map[i].size)
                        return true;
        return false;
}

const char *report_who(struct report *report, const struct report_process *process)
{
        if (process->pid == process->thread)
                return report_text(report, "process %d (%s)", process->pid, process->name);
        return report_text(report, "thread %d of process %d (%s)", process->thread, process->pid, process->name);
}

static size_t judge_caps(struct report *report, const struct report_process *process, bool is_said)
{
        const struct { const char *name; uint64_t has, most; } sets[] = {
                { "bounding", process->bounding, policy_profile_caps(&report->policy.profile) },
                { "permitted", process->permitted, policy_profile_caps(&report->policy.profile) },
                { "effective", process->effective, policy_profile_caps(&report->policy.profile) },
                { "inheritable", process->inheritable, policy_exceptions_find(&report->policy, "capabilities.inheritable") == NULL ? 0 :
                                                               policy_profile_caps(&report->policy.profile) },
                { "ambient", process->ambient, policy_exceptions_find(&report->policy, "capabilities.ambient") == NULL ? 0 :
                                                       policy_profile_caps(&report->policy.profile) },
        };
        size_t n = 0;

        for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
                uint64_t more = sets[i].has & ~sets[i].most;
                const char *first;

                if (more == 0)
                        continue;
                first = spec_cap_name(__builtin_ctzll(more));
                weak("capabilities", "%s has %s%s in its %s set, which the profile does not give", report_who(report, process),
                     first == NULL ? "unknown ones" : first, more & (more - 1) ? " and others" : "", sets[i].name);
        }
        return n;
}

static size_t judge_ids(struct report *report, const struct report_process *process, bool is_said)
{
        const struct state *state = report->state;
        size_t n = 0;

        /* The record's ids are those of a namespace in between, which the kernel does not show here. */
        if (state->is_userns_nested)
                return 0;
        for (size_t i = 0; i < 4; i++) {
                if (!is_mapped(state->uid_map, state->n_uid_map, process->uids[i])) {
                        weak("ids", "%s has uid %u, which is not of the container", report_who(report, process), process->uids[i]);
                        break;
                }
        }
        for (size_t i = 0; i < 4; i++) {
                if (!is_mapped(state->gid_map, state->n_gid_map, process->gids[i])) {
                        weak("ids", "%s has gid %u, which is not of the container", report_who(report, process), process->gids[i]);
                        break;
                }
        }
        for (const char *p = process->groups; *p != '\0';) {
                char *end;
                unsigned long group = strtoul(p, &end, 10);

                if (end == p)
                        break;
                p = end;
                if (!is_mapped(state->gid_map, state->n_gid_map, (uint32_t)group)) {
                        weak("ids", "%s has the group %lu, which is not of the container", report_who(report, process), group);
                        break;
                }
        }
        return n;
}

/* 1: the namespace belongs to the build; else 0. */
static bool is_builds(const struct report *report, const struct report_process *process, enum spec_ns kind)
{
        auto_close int fd = UNSET_FD, owner = UNSET_FD;
        char path[64];

        snprintf(path, sizeof path, "/proc/%d/task/%d/ns/%s", process->pid, process->thread, report_ns_file(kind));
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        if (kind == SPEC_NS_USER)
                return report_is_within(report, fd) > 0;
        owner = ioctl(fd, NS_GET_USERNS);
        return owner >= 0 && report_is_within(report, owner) > 0;
}

static size_t judge_namespaces(struct report *report, const struct report_process *process, bool is_said)
{
        size_t n = 0;

        for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS; kind++) {
                uint64_t wanted = kind == SPEC_NS_USER ? report->userns_inode : own_inode(report, kind);

                if (wanted == process->namespaces[kind] || (report_may_nest(report) && is_builds(report, process, kind)))
                        continue;
                if (process->namespaces[kind] == 0)
                        weak("namespaces", "%s: its %s namespace cannot be looked at", report_who(report, process), spec_ns_name(kind));
                else
                        weak("namespaces", "%s is in another %s namespace", report_who(report, process), spec_ns_name(kind));
        }
        return n;
}

static size_t judge_limits(struct report *report, const struct report_process *process, bool is_said)
{
        const struct policy_profile *profile = &report->policy.profile;
        uint64_t core = policy_limit_most(profile, POLICY_LIMIT_CORE);
        const struct { const char *name; uint64_t has, most; } limits[] = {
                { "RLIMIT_NOFILE", process->nofile, policy_limit_most(profile, POLICY_LIMIT_NOFILE) },
                { "RLIMIT_FSIZE", process->fsize, policy_limit_most(profile, POLICY_LIMIT_FSIZE) },
                { "RLIMIT_CORE", process->core, core > 1 ? core : 1 },
                { "RLIMIT_RTPRIO", process->rtprio, 0 },
                { "RLIMIT_NICE", process->nice, 20 },
        };
        size_t n = 0;

        for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
                if (process->has_limits && process->pid == process->thread && limits[i].has > limits[i].most)
                        weak("rlimits", "%s may raise its %s to %llu, over the profile's %llu", report_who(report, process), limits[i].name,
                             (unsigned long long)limits[i].has, (unsigned long long)limits[i].most);
        return n;
}

static size_t judge_one(struct report *report, const struct report_process *process, int n_filters, bool is_said)
{
        const bool is_waiting = report->status == STATE_CREATED && process->pid == report->state->init_pid;
        size_t n = 0;

        if (process->is_zombie)
                return 0;
        if (!process->is_in_cgroup)
                weak("limits", "%s is not in the container's cgroup", report_who(report, process));
        if (report->state->has_own_pidns && !process->is_in_pidns)
                weak("namespaces", "%s is in the container's cgroup, but not in its pid namespace", report_who(report, process));
        /* The filters are loaded right before the program is executed. */
        if (!is_waiting && process->seccomp != 2)
                weak("seccomp", "%s runs without a filter of system calls", report_who(report, process));
        else if (!is_waiting && process->filters >= 0 && process->filters < n_filters)
                weak("seccomp", "%s has %d filter%s of system calls, not %d", report_who(report, process), process->filters,
                     process->filters == 1 ? "" : "s", n_filters);
        if (process->no_new_privs != 1 && policy_exceptions_find(&report->policy, "noNewPrivileges") == NULL)
                weak("no_new_privs", "%s may gain privileges by executing a file", report_who(report, process));
        /* In a namespace that it made itself a build has them all, over nothing but that. */
        if (process->namespaces[SPEC_NS_USER] == report->userns_inode || !report_may_nest(report))
                n += judge_caps(report, process, is_said);
        n += judge_ids(report, process, is_said);
        n += judge_namespaces(report, process, is_said);
        return n + judge_limits(report, process, is_said);
}

/* Who has been weak at each look. */
struct suspects { struct suspect { pid_t pid, thread; uint64_t start_time; } *items; size_t n; };

static bool is_suspected(const struct suspects *suspects, const struct report_process *process)
{
        for (size_t i = 0; i < suspects->n; i++)
                if (suspects->items[i].pid == process->pid && suspects->items[i].thread == process->thread &&
                    suspects->items[i].start_time == process->start_time)
                        return true;
        return false;
}

static void suspect(struct report *report, int n_filters, bool is_first, struct suspects *suspects)
{
        struct suspects now = { .items = arena_array(report->arena, report->n_processes + 1, sizeof *now.items) };

        if (now.items == NULL) {
                report->is_broken = true;
                return;
        }
        for (size_t i = 0; i < report->n_processes; i++) {
                const struct report_process *process = &report->processes[i];

                if (judge_one(report, process, n_filters, false) > 0 && (is_first || is_suspected(suspects, process)))
                        now.items[now.n++] = (struct suspect){ process->pid, process->thread, process->start_time };
        }
        *suspects = now;
}

void report_judge_processes(struct report *report)
{
        const struct timespec pause = { 0, 100000000 };
        struct suspects suspects = { 0 };
        size_t n_alive = 0;
        const char *unread;
        int n_filters;

        report_expect_filters(report);
        n_filters = (int)report->n_filters_wanted;
        suspect(report, n_filters, true, &suspects);
        for (unsigned tries = 0; tries < MAY_BE_JOINING_TRIES && suspects.n > 0 && report->status != STATE_PAUSED; tries++) {
                nanosleep(&pause, NULL);
                report_look_processes(report);
                suspect(report, n_filters, false, &suspects);
        }
        for (size_t i = 0; i < report->n_processes && suspects.n > 0; i++)
                if (is_suspected(&suspects, &report->processes[i]))
                        judge_one(report, &report->processes[i], n_filters, true);
        for (size_t i = 0; i < report->n_processes; i++)
                n_alive += !report->processes[i].is_zombie;
        if (n_alive == 0)
                report_add(report, "processes", REPORT_UNKNOWN, "no process could be looked at");
        unread = report_look_filters(report);
        report_holds(report, "capabilities", "within the profile's, in every process");
        report_holds(report, "no_new_privs", "set in every process");
        report_holds(report, "seccomp", report->status == STATE_CREATED ? "loaded when it is started" :
                                        report_text(report, "%s, %s every process",
                                                    report->state->is_explained ? "the filter that explains itself" :
                                                    n_filters == 2 ? "the profile's filter and the engine's" : "the profile's filter",
                                                    report->has_filters ? "read in" : "by their number in"));
        if (unread != NULL)
                report_add(report, "seccomp", REPORT_UNREAD, "%s", unread);
        report_holds(report, "ids", "%s", text_is_empty(report->uid_map) ? "of the container" : report->uid_map);
        report_holds(report, "namespaces", "all its own, owned outside of it");
        report_holds(report, "rlimits", "within the profile's");
}
