#include "runtime/selftest_attempts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/error.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"

#define EXEC_SECONDS 15
#define ATTEMPT(function_)                                                                                             \
        static enum selftest_verdict function_(const struct selftest_facts *facts __attribute__((unused)), char *how,  \
                                               size_t size)

/* The bytes that a status file of /proc has behind @name. */
static unsigned long long status_of(const char *name, int base)
{
        auto_free char *text = NULL;
        size_t length;
        const char *at;

        if (fd_read_file(AT_FDCWD, "/proc/self/status", 65536, &text, &length) < 0)
                return 0;
        at = strstr(text, name);
        return at != NULL ? strtoull(at + strlen(name), NULL, base) : 0;
}

/* ---- what it holds ---- */

ATTEMPT(capabilities)
{
        static const char *const sets[] = { "CapInh:\t", "CapPrm:\t", "CapEff:\t", "CapBnd:\t", "CapAmb:\t" };

        for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
                unsigned long long has = status_of(sets[i], 16);
                bool must_be_empty = i == 0 || i == 4;

                if ((has & ~facts->caps) != 0 || (must_be_empty && has != 0)) {
                        snprintf(how, size, "%.6s holds %llx", sets[i], must_be_empty ? has : has & ~facts->caps);
                        return SELFTEST_FAILED;
                }
        }
        snprintf(how, size, "no set holds more than the profile's");
        return SELFTEST_HELD;
}

ATTEMPT(no_new_privs)
{
        bool is_set = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;

        snprintf(how, size, "no_new_privs is %sset", is_set ? "" : "not ");
        return is_set ? SELFTEST_HELD : SELFTEST_FAILED;
}

ATTEMPT(filter)
{
        unsigned long long mode = status_of("Seccomp:\t", 10);

        snprintf(how, size, mode == 2 ? "a filter is loaded" : "no filter is loaded");
        return mode == 2 ? SELFTEST_HELD : SELFTEST_FAILED;
}

/* The program is a setuid file of root: a plain user executes it and looks. */
ATTEMPT(setuid_gain)
{
        const char *const arguments[] = { SELFTEST_PROGRAM, "selftest", "--inside", "euid", NULL };
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                if (setgid(1000) < 0 || setuid(1000) < 0)
                        _exit(99);
                execv(arguments[0], (char *const *)(uintptr_t)arguments);
                _exit(99);
        }
        if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) > 1) {
                snprintf(how, size, "no plain user could run it");
                return SELFTEST_UNTRIED;
        }
        snprintf(how, size, WEXITSTATUS(status) == 0 ? "it stays a plain user" : "it became root");
        return WEXITSTATUS(status) == 0 ? SELFTEST_HELD : SELFTEST_FAILED;
}

ATTEMPT(private_ids)
{
        auto_free char *text = NULL;
        unsigned inside, outside, n;
        size_t length;

        if (!facts->is_root) {
                snprintf(how, size, "rootless: the ids are the caller's");
                return SELFTEST_UNTRIED;
        }
        if (fd_read_file(AT_FDCWD, "/proc/self/uid_map", 65536, &text, &length) < 0 ||
            sscanf(text, "%u %u %u", &inside, &outside, &n) != 3)
                return attempt_refused(-1, how, size);
        snprintf(how, size, "uid 0 is %u outside", outside);
        return outside >= 65536 ? SELFTEST_HELD : SELFTEST_FAILED;
}

/* ---- namespaces ---- */

ATTEMPT(user_namespace)
{
        pid_t pid;

        if (facts->has_userns) {
                /* The profile has them; what they give must end at the namespaces around the build. */
                if (unshare(CLONE_NEWUSER) == 0 && sethostname("x", 1) == 0) {
                        snprintf(how, size, "one renames the host");
                        return SELFTEST_FAILED;
                }
                snprintf(how, size, "the profile has them; none rules the build's own namespaces");
                return SELFTEST_HELD;
        }
        if (unshare(CLONE_NEWUSER) == 0) {
                snprintf(how, size, "unshare made one");
                return SELFTEST_FAILED;
        }
        pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
        if (pid == 0)
                _exit(0);
        if (pid < 0) {
                struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };

                pid = sys_clone3(&args);
                if (pid == 0)
                        _exit(0);
        }
        return attempt_refused(pid, how, size);
}

ATTEMPT(other_namespaces)
{
        static const int flags[] = { CLONE_NEWNET, CLONE_NEWPID,    CLONE_NEWUTS,
                                     CLONE_NEWIPC, CLONE_NEWCGROUP, CLONE_NEWNS };

        if (facts->has_mounts) {
                snprintf(how, size, "the profile lets builds have them, below a user namespace");
                return SELFTEST_UNTRIED;
        }
        for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
                if (unshare(flags[i]) == 0) {
                        snprintf(how, size, "unshare of %#x worked", (unsigned)flags[i]);
                        return SELFTEST_FAILED;
                }
        return attempt_refused(-1, how, size);
}

ATTEMPT(hostname)
{
        return attempt_refused(sethostname("runb-selftest", 13), how, size);
}

ATTEMPT(namespace_limits)
{
        auto_free char *namespaces = NULL, *inotify = NULL;
        size_t length;

        if (fd_read_file(AT_FDCWD, "/proc/sys/user/max_user_namespaces", 64, &namespaces, &length) < 0 ||
            fd_read_file(AT_FDCWD, "/proc/sys/user/max_inotify_instances", 64, &inotify, &length) < 0)
                return attempt_refused(-1, how, size);
        snprintf(how, size, "%ld user namespaces, %ld inotify instances", atol(namespaces), atol(inotify));
        return atol(namespaces) <= (facts->has_userns ? 1024 : 0) && atol(inotify) <= 8192 ? SELFTEST_HELD
                                                                                           : SELFTEST_FAILED;
}

/* ---- system calls in which holes are found; with arguments that do nothing where they are let pass ---- */

ATTEMPT(keys)
{
        if (syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", SELFTEST_KEY, 0) >= 0) {
                snprintf(how, size, "a key of the host's session was found");
                return SELFTEST_FAILED;
        }
        return attempt_refused(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0), how, size);
}

ATTEMPT(bpf)
{
        union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1 };

        return attempt_refused(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr), how, size);
}

ATTEMPT(io_uring)
{
        unsigned char parameters[120] = { 0 }; /* struct io_uring_params, io_uring_setup(2) */

        return attempt_refused(syscall(SYS_io_uring_setup, 1, parameters), how, size);
}

ATTEMPT(perf)
{
        struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
                                        .size = sizeof attr,
                                        .config = PERF_COUNT_SW_CPU_CLOCK,
                                        .exclude_kernel = 1,
                                        .exclude_hv = 1 };

        return attempt_refused(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0ul), how, size);
}

ATTEMPT(faults)
{
        return attempt_refused(syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */), how, size);
}

/* The kernel asks for the right first: any other complaint means that it was there. */
static enum selftest_verdict without_right(long result, char *how, size_t size)
{
        bool is_refused = result < 0 && (errno == EPERM || errno == EACCES || errno == ENOSYS);

        snprintf(how, size, "%s%s", result < 0 ? error_text(errno) : "it worked",
                 is_refused ? "" : ": the right to it was there");
        return is_refused ? SELFTEST_HELD : SELFTEST_FAILED;
}

ATTEMPT(kexec)
{
        return without_right(syscall(SYS_kexec_load, 0ul, 0ul, NULL, ~0xffff0000ul), how, size);
}

ATTEMPT(modules)
{
        if (without_right(syscall(SYS_init_module, NULL, 0ul, ""), how, size) == SELFTEST_FAILED)
                return SELFTEST_FAILED;
        return without_right(syscall(SYS_delete_module, "runb-selftest-none", O_NONBLOCK), how, size);
}

ATTEMPT(file_handles)
{
        struct {
                unsigned bytes;
                int type;
                unsigned char handle[8];
        } handle = { .bytes = 8, .type = 1 };

        return without_right(syscall(SYS_open_by_handle_at, AT_FDCWD, &handle, O_RDONLY), how, size);
}

ATTEMPT(kernel_log)
{
        char bytes[64];

        return without_right(syscall(SYS_syslog, 3 /* SYSLOG_ACTION_READ_ALL */, bytes, (int)sizeof bytes), how, size);
}

ATTEMPT(terminal_input)
{
        return without_right(ioctl(STDIN_FILENO, TIOCSTI, "x"), how, size);
}

#ifdef __x86_64__
ATTEMPT(foreign_calls)
{
        long result;

        /* getpid of the 32-bit table: numbers that a filter of 64-bit ones misreads. A filter may end us here. */
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
        snprintf(how, size, result > 0 ? "a call of the 32-bit table worked" : "%s", error_text((int)-result));
        return result > 0 ? SELFTEST_FAILED : SELFTEST_HELD;
}
#endif

/* ---- limits and other processes ---- */

ATTEMPT(core_files)
{
        const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
        struct rlimit limit = all;
        int r = setrlimit(RLIMIT_CORE, &all), code = errno;

        if (getrlimit(RLIMIT_CORE, &limit) < 0 || limit.rlim_cur > 1 || limit.rlim_max > 1) {
                snprintf(how, size, "the limit is %llu", (unsigned long long)limit.rlim_max);
                return SELFTEST_FAILED;
        }
        snprintf(how, size, "%s", r < 0 ? error_text(code) : "the limit stays what it is, whatever setrlimit says");
        return SELFTEST_HELD;
}

ATTEMPT(oom_score)
{
        int r = fd_write_file(AT_FDCWD, "/proc/self/oom_score_adj", "-1000");

        errno = -r;
        return attempt_refused(r, how, size);
}

ATTEMPT(priority)
{
        return attempt_refused(setpriority(PRIO_PROCESS, 0, -20), how, size);
}

ATTEMPT(forks)
{
        static pid_t pids[4 * SELFTEST_PIDS];
        size_t n = 0;
        int code;

        if (!facts->has_pids) {
                snprintf(how, size, "no limit could be asked for: this caller has no cgroup for it");
                return SELFTEST_UNTRIED;
        }
        for (; n < sizeof pids / sizeof *pids; n++) {
                pids[n] = fork();
                if (pids[n] == 0) {
                        pause();
                        _exit(0);
                }
                if (pids[n] < 0)
                        break;
        }
        code = errno;
        for (size_t i = 0; i < n; i++) {
                kill(pids[i], SIGKILL);
                waitpid(pids[i], NULL, 0);
        }
        snprintf(how, size, "%zu processes, then: %s", n,
                 n == sizeof pids / sizeof *pids ? "still going" : error_text(code));
        return n <= SELFTEST_PIDS ? SELFTEST_HELD : SELFTEST_FAILED;
}

static bool is_ours(pid_t pid)
{
        auto_free char *name = NULL;
        char path[64];
        size_t length;

        snprintf(path, sizeof path, "/proc/%d/comm", pid);
        return fd_read_file(AT_FDCWD, path, 64, &name, &length) < 0 || strncmp(name, SELFTEST_PROGRAM + 1, 7) == 0;
}

/* Calls @look with each process that runs another program than ours, until it says true. */
static bool find_others(bool (*look)(pid_t pid, char *how, size_t size), char *how, size_t size)
{
        auto_closedir DIR *folder = opendir("/proc");
        struct dirent *entry;

        while (folder != NULL && (entry = readdir(folder)) != NULL) {
                pid_t pid = atoi(entry->d_name);

                if (pid > 0 && !is_ours(pid) && look(pid, how, size))
                        return true;
        }
        return false;
}

static bool name_it(pid_t pid, char *how, size_t size)
{
        snprintf(how, size, "process %d of another is seen", pid);
        return true;
}

ATTEMPT(host_processes)
{
        if (find_others(name_it, how, size))
                return SELFTEST_FAILED;
        snprintf(how, size, "none but our own are seen");
        return SELFTEST_HELD;
}

/* One of the runtime's that joins us: everything that would be ours with it. */
static bool attack(pid_t pid, char *how, size_t size)
{
        static const char *const files[] = { "exe", "cwd/.", "root/.", "mem", "environ", "maps" };
        auto_close int pidfd = sys_pidfd_open(pid, 0);
        const char *got = NULL;
        char path[64], byte;

        kill(pid, SIGSTOP); /* allowed by its uid; it gives us time */
        for (size_t i = 0; i < sizeof files / sizeof *files && got == NULL; i++) {
                auto_close int fd = UNSET_FD;

                snprintf(path, sizeof path, "/proc/%d/%s", pid, files[i]);
                fd = open(path, i == 0 ? O_RDONLY : O_RDONLY | O_NONBLOCK);
                if (fd >= 0 && (i <= 3 || read(fd, &byte, 1) == 1))
                        got = files[i];
        }
        for (int number = 0; number < 16 && got == NULL && pidfd >= 0; number++)
                if (syscall(SYS_pidfd_getfd, pidfd, number, 0) >= 0)
                        got = "a file descriptor";
        if (got == NULL && ptrace(PTRACE_SEIZE, pid, 0, 0) == 0)
                got = "ptrace";
        /* When it has executed its program it is one of ours, and everything above is right. */
        if (got != NULL && is_ours(pid))
                got = NULL;
        kill(pid, SIGCONT);
        if (got != NULL)
                snprintf(how, size, "%s of the runtime's process", got);
        else
                *how = '+';
        return got != NULL;
}

ATTEMPT(runtime_processes)
{
        const time_t end = time(NULL) + EXEC_SECONDS;
        char got[120] = "";

        if (write(STDOUT_FILENO, SELFTEST_NOW, strlen(SELFTEST_NOW)) < 0)
                return SELFTEST_UNTRIED;
        while (access(SELFTEST_DONE, F_OK) < 0 && time(NULL) < end)
                if (find_others(attack, got, sizeof got)) {
                        snprintf(how, size, "%s", got);
                        return SELFTEST_FAILED;
                }
        snprintf(how, size,
                 got[0] == '+' ? "seen on their way in, and nothing of them was to be had"
                               : "none was seen on its way in");
        return SELFTEST_HELD;
}

static const struct attempt all[] = {
        { "more capabilities than the profile's", capabilities },
        { "no_new_privs", no_new_privs },
        { "no filter of system calls", filter },
        { "a setuid file", setuid_gain },
        { "ids of the host", private_ids },
        { "a new user namespace", user_namespace },
        { "other new namespaces", other_namespaces },
        { "rename the host", hostname },
        { "use up namespaces and inotify instances", namespace_limits },
        { "keys of the host", keys },
        { "bpf", bpf },
        { "io_uring", io_uring },
        { "perf events", perf },
        { "userfaultfd", faults },
        { "kexec", kexec },
        { "kernel modules", modules },
        { "files by handle", file_handles },
        { "the kernel's log", kernel_log },
        { "input for a terminal", terminal_input },
#ifdef __x86_64__
        { "system calls of the 32-bit table", foreign_calls },
#endif
        { "whole core files", core_files },
        { "a better oom score", oom_score },
        { "a better priority", priority },
        { "more processes than the limit", forks },
        { "processes of the host", host_processes },
        { "the runtime's processes and program", runtime_processes },
};

bool attempts_kernel(size_t i, struct attempt *ret_attempt)
{
        if (i >= sizeof all / sizeof *all)
                return false;
        *ret_attempt = all[i];
        return true;
}
