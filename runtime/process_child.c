/* Between clone and exec: system calls only, no heap, no host path. See process.h for the order and why. */
#include "runtime/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/ioprio.h>
#include <linux/magic.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/sys.h"
#include "runtime/landlock.h"
#include "runtime/listener.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif
#ifndef PIPEFS_MAGIC
#define PIPEFS_MAGIC 0x50495045
#endif

/* Of /etc/passwd, in which an image can put anything: a sparse file of a terabyte, too. */
#define PASSWD_LIMIT_BYTES ((size_t)8 << 20)
#define FEW_FILES 256

/* sched_setattr(2), the version of Linux 5.3: the shorter one knows no clamps, SCHED_FLAG_UTIL_CLAMP_MIN and _MAX. */
struct sched_attributes {
        uint32_t size;
        uint32_t sched_policy;
        uint64_t sched_flags;
        int32_t sched_nice;
        uint32_t sched_priority;
        uint64_t sched_runtime;
        uint64_t sched_deadline;
        uint64_t sched_period;
        uint32_t sched_util_min;
        uint32_t sched_util_max;
};

static int write_number(int dir_fd, const char *path, uint32_t number)
{
        char text[12], *p = text + sizeof text;
        auto_close int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);
        size_t length;

        if (fd < 0)
                return -1;
        do
                *--p = (char)('0' + number % 10);
        while ((number /= 10) > 0);
        length = (size_t)(text + sizeof text - p);
        return write(fd, p, length) == (ssize_t)length ? 0 : -1;
}

/* So few files that we would get no number for what we open until exec, which needs none. What is no more than we have can be
 * set at any time; what is more needs a capability, and is not needed to be put off. */
static bool is_put_off(const struct spec_rlimit *limit)
{
        struct rlimit ours;

        return limit->resource == RLIMIT_NOFILE && limit->soft < FEW_FILES && limit->soft <= limit->hard &&
               getrlimit(RLIMIT_NOFILE, &ours) == 0 && limit->hard <= ours.rlim_max;
}

static void set_rlimits(const struct process_plan *plan, bool has_put_off, int error_fd)
{
        const struct spec_process *process = plan->process;

        for (size_t i = 0; i < process->n_rlimits; i++) {
                const struct rlimit limit = { .rlim_cur = process->rlimits[i].soft, .rlim_max = process->rlimits[i].hard };

                if (is_put_off(&process->rlimits[i]) == has_put_off &&
                    setrlimit((__rlimit_resource_t)process->rlimits[i].resource, &limit) < 0)
                        child_fail(error_fd, STEP_RLIMIT, (uint32_t)i, errno);
        }
}

void process_child_limits(const struct process_plan *plan, const struct process_ready *ready)
{
        const struct spec_process *process = plan->process;

        set_rlimits(plan, false, ready->report_fd);
        if (process->scheduler.is_given) {
                struct sched_attributes attributes = {
                        .size = sizeof attributes,
                        .sched_policy = (uint32_t)process->scheduler.policy,
                        .sched_flags = process->scheduler.flags,
                        .sched_nice = process->scheduler.nice,
                        .sched_priority = (uint32_t)process->scheduler.priority,
                        .sched_runtime = process->scheduler.runtime_ns,
                        .sched_deadline = process->scheduler.deadline_ns,
                        .sched_period = process->scheduler.period_ns,
                };

                if (syscall(SYS_sched_setattr, 0, &attributes, 0) < 0)
                        child_fail(ready->report_fd, STEP_SCHEDULER, 0, errno);
        }
        if (process->has_io_priority &&
            syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, process->io_priority) < 0)
                child_fail(ready->report_fd, STEP_IO_PRIORITY, 0, errno);
        /* The cgroup has been joined, which moved us to its processors. */
        if (plan->final_cpus != NULL && syscall(SYS_sched_setaffinity, 0, SPEC_CPUS_BYTES, plan->final_cpus) < 0)
                child_fail(ready->report_fd, STEP_AFFINITY, 0, errno);
        /* Nodes count as those of the cgroup, which has been joined. One bit more than there are: the call counts so. */
        if (plan->memory_policy.is_given &&
            syscall(SYS_set_mempolicy, plan->memory_policy.mode | plan->memory_policy.flags,
                    plan->memory_policy.nodes == NULL ? NULL : plan->memory_nodes,
                    plan->memory_policy.nodes == NULL ? 0ul : SPEC_NODES_LIMIT + 1ul) < 0)
                child_fail(ready->report_fd, STEP_MEMORY_POLICY, 0, errno);
        for (uint32_t i = 0; i < plan->n_labels; i++) {
                /* Through our own procfs: a file of the image in its place would take the label and do nothing
                 * (CVE-2019-16884, CVE-2025-52881). It counts from exec on. */
                auto_close int fd = openat(ready->proc_fd, plan->labels[i].file, O_WRONLY | O_CLOEXEC);
                size_t length = strlen(plan->labels[i].text);

                if (fd < 0 || write(fd, plan->labels[i].text, length) != (ssize_t)length)
                        child_fail(ready->report_fd, STEP_LSM, i, errno);
        }
        if (plan->has_personality && personality(plan->personality) < 0)
                child_fail(ready->report_fd, STEP_PERSONALITY, 0, errno);
}

void process_child_stdio(const struct process_plan *plan, const struct process_ready *ready)
{
        /* /dev/stdout is reopened by path in many builds; a pipe of the host's root could not be. Only pipes without a
         * name: files, named pipes, sockets, terminals and /dev/null of the host keep their owner. */
        for (int fd = 0; fd <= 2; fd++) {
                struct stat st;
                struct statfs fs;

                if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode) || fstatfs(fd, &fs) < 0 || fs.f_type != PIPEFS_MAGIC)
                        continue;
                if (fchown(fd, plan->stdio_uid, plan->stdio_gid) < 0 && errno != EPERM && errno != EROFS && errno != EINVAL)
                        child_fail(ready->report_fd, STEP_STDIO_OWNER, (uint32_t)fd, errno);
        }
}

static void set_caps(const struct process_plan *plan, const struct process_ready *ready)
{
        const struct spec_caps *caps = &plan->process->caps;
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct now[2], data[2] = {
                { (uint32_t)caps->effective, (uint32_t)caps->permitted, 0 },
                { (uint32_t)(caps->effective >> 32), (uint32_t)(caps->permitted >> 32), 0 },
        };

        /* setresuid(2) from 0 to another id emptied the effective set; PR_SET_KEEPCAPS kept the permitted one. */
        if (syscall(SYS_capget, &header, now) < 0)
                child_fail(ready->report_fd, STEP_CAPS, 0, errno);
        now[0].effective = now[0].permitted;
        now[1].effective = now[1].permitted;
        if (syscall(SYS_capset, &header, now) < 0)
                child_fail(ready->report_fd, STEP_CAPS, 0, errno);
        /* Entering a user namespace filled the sets again. Bounding first: dropping it needs CAP_SETPCAP. */
        for (unsigned cap = 0; cap < 64; cap++) {
                if (caps->bounding & (UINT64_C(1) << cap))
                        continue;
                if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
                        if (errno == EINVAL)    /* beyond the last one that the kernel knows */
                                break;
                        child_fail(ready->report_fd, STEP_CAPS, cap, errno);
                }
        }
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
                child_fail(ready->report_fd, STEP_CAPS, 0, errno);
        /* securebits survive exec: the build gets the ordinary ones. Needs CAP_SETPCAP too. */
        if (prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) < 0)
                child_fail(ready->report_fd, STEP_CAPS, 0, errno);
        data[0].inheritable = (uint32_t)caps->inheritable;
        data[1].inheritable = (uint32_t)(caps->inheritable >> 32);
        /* seccomp(2): without no_new_privs a filter takes CAP_SYS_ADMIN. Permitted only, until raise_for_filters(); exec
         * computes the set anew from those above, capabilities(7). */
        if (!plan->process->no_new_privileges)
                data[0].permitted |= 1u << CAP_SYS_ADMIN;
        if (syscall(SYS_capset, &header, data) < 0)
                child_fail(ready->report_fd, STEP_CAPS, 0, errno);
        for (unsigned cap = 0; caps->ambient != 0 && cap < 64; cap++)
                if ((caps->ambient & (UINT64_C(1) << cap)) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
                        child_fail(ready->report_fd, STEP_CAPS, cap, errno);
}

static int raise_for_filters(const struct process_plan *plan)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2];

        if (plan->process->no_new_privileges)
                return 0;
        if (syscall(SYS_capget, &header, data) < 0)
                return -1;
        data[0].effective |= 1u << CAP_SYS_ADMIN;
        return (int)syscall(SYS_capset, &header, data);
}

/* A regular file alone: /dev/zero has no end, and a FIFO can make us wait. */
static int open_passwd(void)
{
        auto_close int fd = openat(AT_FDCWD, "/etc/passwd", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;

        return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? take_fd(&fd) : UNSET_FD;
}

/* HOME from /etc/passwd of the container, as runc does; "/" when there is none. Read with the final credentials. */
static void find_home(struct process_plan *plan)
{
        const uint32_t uid = plan->process->user.uid;
        char buffer[4096];
        size_t have = 0, home_length = 0, total = 0;
        auto_close int fd = open_passwd();
        bool is_skipping = false;
        ssize_t n;

        memcpy(plan->home, "HOME=/", sizeof "HOME=/");
        while (fd >= 0 && home_length == 0 && total < PASSWD_LIMIT_BYTES &&
               (n = read(fd, buffer + have, sizeof buffer - have)) > 0) {
                char *line = buffer, *end;

                have += (size_t)n;
                total += (size_t)n;
                while (home_length == 0 && (end = memchr(line, '\n', have - (size_t)(line - buffer))) != NULL) {
                        const char *field[7] = { line };
                        unsigned n_fields = 1;
                        uint64_t number = 0;
                        bool is_number;

                        *end = '\0';
                        for (char *p = line; *p != '\0' && n_fields < 7; p++)
                                if (*p == ':') {
                                        *p = '\0';
                                        field[n_fields++] = p + 1;
                                }
                        is_number = n_fields == 7 && field[2][0] != '\0';
                        for (const char *p = is_number ? field[2] : ""; *p != '\0'; p++) {
                                if (*p < '0' || *p > '9' || number > UINT32_MAX) {
                                        is_number = false;
                                        break;
                                }
                                number = number * 10 + (uint64_t)(*p - '0');
                        }
                        if (!is_skipping && is_number && number == uid && field[5][0] != '\0') {
                                home_length = strlen(field[5]);
                                if (home_length + sizeof "HOME=" <= sizeof plan->home)
                                        memcpy(plan->home + strlen("HOME="), field[5], home_length + 1);
                        }
                        is_skipping = false;
                        line = end + 1;
                }
                have -= (size_t)(line - buffer);
                memmove(buffer, line, have);
                if (have == sizeof buffer) {            /* a line longer than any real one: drop it */
                        have = 0;
                        is_skipping = true;
                }
        }
        /* The slots behind n_env: this one and the NULL that ends the list. */
        for (size_t i = 0; i < plan->n_env; i++)
                if (strncmp(plan->env[i], "HOME=", strlen("HOME=")) == 0) {     /* an empty one */
                        plan->env[i] = plan->home;
                        return;
                }
        plan->env[plan->n_env] = plan->home;
}

/* Go's exec.LookPath rule: an existing file that is no folder and has an x bit for us. */
static int check_program(const struct process_ready *ready, const char *path)
{
        struct stat program, self;

        if (stat(path, &program) < 0)
                return -errno;
        if (S_ISDIR(program.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
                return -EACCES;
        /* /proc/self/exe, or a link to it: the runtime itself must never run with the build's hands on it. */
        if (ready->self_fd >= 0 && fstat(ready->self_fd, &self) == 0 && self.st_dev == program.st_dev &&
            self.st_ino == program.st_ino)
                return -ELIBBAD;
        return 0;
}

static void look_up(const struct process_plan *plan, const struct process_ready *ready, char *ret_path, size_t size)
{
        const char *name = plan->process->args[0], *folder, *end;
        size_t name_length, folder_length;
        int r;

        /* Created without a program, it can never be started. */
        if (name == NULL) {
                ret_path[0] = '\0';
                return;
        }
        name_length = strlen(name);
        if (strchr(name, '/') != NULL) {
                r = name_length < size ? check_program(ready, name) : -ENAMETOOLONG;
                if (r == -ELIBBAD)
                        child_fail(ready->report_fd, STEP_LOOKUP_SELF, 0, EACCES);
                if (r < 0)
                        child_fail(ready->report_fd, STEP_LOOKUP_STAT, 0, -r);
                memcpy(ret_path, name, name_length + 1);
                return;
        }
        for (folder = plan->path; folder != NULL && name_length > 0; folder = *end == ':' ? end + 1 : NULL) {
                end = strchrnul(folder, ':');
                folder_length = (size_t)(end - folder);
                /* A relative entry of PATH would run a program of the working folder: passed over. */
                if (folder_length == 0 || folder[0] != '/' || folder_length + 1 + name_length >= size)
                        continue;
                memcpy(ret_path, folder, folder_length);
                ret_path[folder_length] = '/';
                memcpy(ret_path + folder_length + 1, name, name_length + 1);
                r = check_program(ready, ret_path);
                if (r == 0)
                        return;
                if (r == -ELIBBAD)
                        child_fail(ready->report_fd, STEP_LOOKUP_SELF, 0, EACCES);
        }
        child_fail(ready->report_fd, STEP_LOOKUP_PATH, 0, ENOENT);
}

static void enter_cwd(const struct process_plan *plan, const struct process_ready *ready)
{
        char here[PATH_MAX];
        long n;

        if (chdir(plan->process->cwd) < 0)
                child_fail(ready->report_fd, STEP_CWD, 0, errno);
        /* CVE-2024-21626: a path such as /proc/self/fd/7 can land outside; getcwd(2) then answers "(unreachable)". */
        n = syscall(SYS_getcwd, here, sizeof here);
        if (n < 0)
                child_fail(ready->report_fd, STEP_CWD, 0, errno);
        if (here[0] != '/')
                child_fail(ready->report_fd, STEP_CWD_OUTSIDE, 0, ENOENT);
}

/* What the build may mount it mounts in a copy of the tree that its own user namespace owns. The kernel locks in it every
 * mount that is there already: none can be unmounted, moved away or get back what its flags deny (mount_namespaces(7),
 * "Restrictions on mount namespaces"). Last of all that touches mounts. */
static void take_mounts(const struct process_plan *plan, const struct process_ready *ready)
{
        static const char *const limits[] = {
                "sys/user/max_mnt_namespaces", "sys/user/max_pid_namespaces", "sys/user/max_net_namespaces",
                "sys/user/max_ipc_namespaces", "sys/user/max_uts_namespaces", "sys/user/max_cgroup_namespaces",
                "sys/user/max_time_namespaces",
        };

        for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
                if (write_number(ready->proc_fd, limits[i], plan->max_namespaces) < 0 && errno != ENOENT)
                        child_fail(ready->report_fd, STEP_USERNS_LIMITS, 0, errno);
        if (unshare(CLONE_NEWNS) < 0)
                child_fail(ready->report_fd, STEP_MOUNTS_OWN, 0, errno);
}

void process_child_become(struct process_plan *plan, const struct process_ready *ready, char *ret_path, size_t size)
{
        const struct spec_user *user = &plan->process->user;

        if (ready->userns_fd >= 0) {
                if (setns(ready->userns_fd, CLONE_NEWUSER) < 0)
                        child_fail(ready->report_fd, STEP_USERNS_ENTER, 0, errno);
                /* Through our own procfs; the namespace is the current one's. The ids may not be ours yet: the
                 * capability over the new namespace is what counts. Missing files are an older kernel's. */
                if (plan->is_init) {
                        if (write_number(ready->proc_fd, "sys/user/max_user_namespaces", plan->max_user_namespaces) < 0 &&
                            errno != ENOENT)
                                child_fail(ready->report_fd, STEP_USERNS_LIMITS, 0, errno);
                        if (write_number(ready->proc_fd, "sys/user/max_inotify_instances", plan->max_inotify_instances) < 0 &&
                            errno != ENOENT)
                                child_fail(ready->report_fd, STEP_USERNS_LIMITS, 1, errno);
                }
                if (plan->is_init && plan->max_namespaces > 0)
                        take_mounts(plan, ready);
        }
        /* Before the ids, which empty the effective set, and no_new_privs: landlock_restrict_self(2) asks for the latter or
         * for CAP_SYS_ADMIN here. */
        if ((plan->is_abstract_scoped || plan->tcp_ports.is_limited) &&
            landlock_child_restrict(plan->is_abstract_scoped, &plan->tcp_ports) < 0)
                child_fail(ready->report_fd, STEP_LANDLOCK, 0, errno);
        if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
                child_fail(ready->report_fd, STEP_CAPS, 0, errno);
        /* Exactly the listed groups: CVE-2023-25173. */
        if (plan->can_set_groups && syscall(SYS_setgroups, user->n_groups, user->groups) < 0)
                child_fail(ready->report_fd, STEP_GROUPS, 0, errno);
        if (!plan->can_set_groups && user->n_groups > 0)
                child_fail(ready->report_fd, STEP_GROUPS, 0, EPERM);
        if (syscall(SYS_setresgid, user->gid, user->gid, user->gid) < 0)
                child_fail(ready->report_fd, STEP_GID, 0, errno);
        if (syscall(SYS_setresuid, user->uid, user->uid, user->uid) < 0)
                child_fail(ready->report_fd, STEP_UID, 0, errno);
        /* After the ids, so that it is the build's; always, else the build reads and plants the host's keys.
         * ENOSYS: a kernel without keys has none to protect. */
        if (sys_keyring_new() < 0 && errno != ENOSYS)
                child_fail(ready->report_fd, STEP_KEYRING, 0, errno);
        umask(user->has_umask ? user->umask : 022);

        set_caps(plan, ready);
        if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
                child_fail(ready->report_fd, STEP_CAPS, 0, errno);
        if (plan->process->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                child_fail(ready->report_fd, STEP_NO_NEW_PRIVS, 0, errno);

        enter_cwd(plan, ready);
        if (plan->needs_home)
                find_home(plan);
        look_up(plan, ready, ret_path, size);
}

static int load_filters(const struct process_ready *ready, uint32_t *ret_index)
{
        for (uint32_t i = 0; i < 2; i++) {
                *ret_index = i;
                if (seccomp_child_load(&ready->filters[i]) < 0)
                        return errno;
        }
        return 0;
}

/* The agent hears of the container's processes, not of hooks: what it would be asked answers ENOSYS to them. */
static int load_filters_of_hook(void *context)
{
        const struct process_ready *ready = context;

        return seccomp_child_load(&ready->filters[0]) < 0 || seccomp_child_load_deaf(&ready->filters[1]) < 0 ? errno : 0;
}

/* startContainer hooks are programs of the image: they run as the build does, never with more. */
static void run_start_hooks(const struct process_plan *plan, const struct process_ready *ready, int error_fd)
{
        for (uint32_t i = 0; i < plan->start_hooks.n; i++) {
                struct hooks_outcome outcome;
                const struct hooks_call call = {
                        .hook = &plan->start_hooks.hooks[i], .exec_fd = UNSET_FD,
                        .state = plan->hook_state, .state_length = plan->hook_state_length,
                        .before_exec = load_filters_of_hook, .context = (void *)(uintptr_t)ready,
                };

                if (!hooks_child_run(&call, &outcome))
                        child_fail(error_fd, STEP_HOOK, i, (int)outcome.end << 16 | (outcome.value & 0xffff));
        }
}

void process_child_exec(struct process_plan *plan, const struct process_ready *ready, const char *path, int error_fd)
{
        uint32_t index = 0;
        int error;

        set_rlimits(plan, true, error_fd);
        if (raise_for_filters(plan) < 0)
                child_fail(error_fd, STEP_CAPS, CAP_SYS_ADMIN, errno);
        if (plan->is_init)
                run_start_hooks(plan, ready, error_fd);
        /* Everything is close-on-exec at birth; once more, since one fd of the host is a way out (CVE-2024-21626). */
        if (syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
                child_fail(error_fd, STEP_EXEC, 0, errno);
        /* Asked for by --preserve-fds. */
        for (unsigned i = 0; i < ready->preserve_fds; i++)
                fcntl(3 + (int)i, F_SETFD, 0);
        /* After no_new_privs, or with CAP_SYS_ADMIN in the build's own user namespace where an exception lets that fall. */
        if (listener_is_wanted(&ready->filters[1]))
                listener_child_exec(plan, ready, path, error_fd);
        error = load_filters(ready, &index);
        if (error != 0)
                child_fail(error_fd, STEP_SECCOMP, index, error);
        execve(path, plan->process->args, plan->env);
        child_fail(error_fd, STEP_EXEC, 0, errno);
}
