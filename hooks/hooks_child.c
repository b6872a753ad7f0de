/* One hook in a process of its own, by system calls only, so that init can do it between clone and exec.
 *
 * The state lies in a sealed memfd and not in a pipe: a hook that does not read its stdin then costs no SIGPIPE and one
 * that reads slowly no time-out. stdout and stderr are pipes of ours that are read to the hook's end and no further: a
 * daemon that the hook left behind may hold them open for ever.
 *
 * The hook leads a session of its own: it has no terminal to push input into, and one kill(2) reaches its process
 * group while its leader is not yet reaped, so that the number cannot belong to anybody else. */
#include "hooks/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u              /* Linux 6.3 */
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* What a daemon of the hook may go on writing must not keep us here after the hook's end. */
#define DRAIN_LIMIT_BYTES ((size_t)1 << 20)

struct report {
        enum hooks_end end;
        int value;
};

static int make_state(const char *state, size_t length)
{
        const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
        /* vm.memfd_noexec=2 refuses a memfd without the flag, and Linux < 6.3 one with it. */
        auto_close int fd = memfd_create("state", flags | MFD_NOEXEC_SEAL);

        if (fd < 0 && errno == EINVAL)
                fd = memfd_create("state", flags);
        if (fd < 0)
                return -errno;
        if (fd_write_all(fd, state, length) < 0 || lseek(fd, 0, SEEK_SET) < 0 ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
                return -errno;
        return take_fd(&fd);
}

/* Puts @from at the stdio number @to, even when it is there already. */
static int put_at(int from, int to)
{
        if (from == to)
                return fcntl(from, F_SETFD, 0);
        return dup2(from, to) < 0 ? -1 : 0;
}

/* Returns errno. */
static int execute(const struct hooks_call *call)
{
        const struct spec_hook *hook = call->hook;

        if (call->exec_fd < 0) {
                execve(hook->path, hook->args, hook->env);
                return errno;
        }
        syscall(SYS_execveat, call->exec_fd, "", hook->args, hook->env, AT_EMPTY_PATH);
        if (errno != ENOENT)
                return errno;
        /* execveat(2), BUGS: the interpreter of a script opens it again as /dev/fd/N, which ENOENT says that it cannot
         * while the fd is close-on-exec. The hook then has that one fd more. */
        if (fcntl(call->exec_fd, F_SETFD, 0) == 0)
                syscall(SYS_execveat, call->exec_fd, "", hook->args, hook->env, AT_EMPTY_PATH);
        return errno;
}

static _Noreturn void be_hook(const struct hooks_call *call, pid_t parent, int state_fd, int output_fd, int errors_fd,
                              int report_fd)
{
        struct report report = { HOOKS_NOT_STARTED, 0 };

        /* A runtime that is killed takes its hook along: what the hook made later would outlive `delete --force`. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                goto failed;
        /* 0: the parent is outside of our pid namespace, and cannot be told from a dead one. */
        if (getppid() != parent && getppid() != 0)
                _exit(1);
        if (setsid() < 0)
                goto failed;
        /* The four fds are above 2, since 0 to 2 are open in the runtime, so that none is overwritten here. */
        if (put_at(state_fd, STDIN_FILENO) < 0 || put_at(output_fd, STDOUT_FILENO) < 0 ||
            put_at(errors_fd, STDERR_FILENO) < 0)
                goto failed;
        if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
                goto failed;
        sys_signals_reset();
        if (call->before_exec != NULL) {
                report.end = HOOKS_NOT_READY;
                errno = call->before_exec(call->context);
                /* Again: a change of ids resets it, prctl(2). */
                if (errno != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                        goto failed;
        }
        report.end = HOOKS_NOT_EXECUTED;
        errno = execute(call);
failed:
        report.value = errno;
        fd_write_all(report_fd, &report, sizeof report);
        _exit(127);
}

/* Milliseconds as poll(2) takes them: -1 for no limit, 0 when it is over. */
static int time_left_ms(int64_t deadline_ms)
{
        struct timespec now;
        int64_t left;

        if (deadline_ms < 0)
                return -1;
        clock_gettime(CLOCK_MONOTONIC, &now);
        left = deadline_ms - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
        return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static int64_t deadline_after(int64_t seconds)
{
        struct timespec now;
        int64_t ms;

        if (seconds <= 0 || __builtin_mul_overflow(seconds, (int64_t)1000, &ms))
                return -1;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (__builtin_add_overflow(ms, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, &ms))
                return -1;
        return ms;
}

/* Keeps what there is room for, drops the rest. @is_once: one read, else until there is nothing more now.
 * Returns false at the end of the file. */
static bool take_output(int fd, char *room, size_t *length, bool is_once)
{
        char drop[1024];
        size_t total = 0, more;
        ssize_t n;

        do {
                n = read(fd, drop, sizeof drop);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 && errno == EAGAIN;
                total += (size_t)n;
                more = (size_t)n < HOOKS_OUTPUT_BYTES - *length ? (size_t)n : HOOKS_OUTPUT_BYTES - *length;
                memcpy(room + *length, drop, more);
                *length += more;
        } while (!is_once && total < DRAIN_LIMIT_BYTES);
        return true;
}

static void wait_for_end(pid_t pid, int pidfd, int64_t timeout_seconds, int output_fd, int errors_fd,
                         struct hooks_outcome *outcome)
{
        struct pollfd fds[3] = {
                { .fd = pidfd, .events = POLLIN },
                { .fd = output_fd, .events = POLLIN },
                { .fd = errors_fd, .events = POLLIN },
        };
        int64_t deadline_ms = deadline_after(timeout_seconds);
        siginfo_t info = { 0 };
        bool is_late = false;

        for (;;) {
                int n = poll(fds, 3, time_left_ms(deadline_ms));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 || (n == 0 && time_left_ms(deadline_ms) == 0)) {
                        is_late = n == 0;
                        kill(-pid, SIGKILL);
                        sys_pidfd_send_signal(pidfd, SIGKILL);  /* before its setsid(2) it leads no group */
                        break;
                }
                if (fds[1].revents != 0 && !take_output(output_fd, outcome->output, &outcome->output_length, true))
                        fds[1].fd = -1;
                if (fds[2].revents != 0 && !take_output(errors_fd, outcome->errors, &outcome->errors_length, true))
                        fds[2].fd = -1;
                if (fds[0].revents != 0)
                        break;
        }
        while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
                ;
        take_output(output_fd, outcome->output, &outcome->output_length, false);
        take_output(errors_fd, outcome->errors, &outcome->errors_length, false);

        outcome->value = info.si_status;
        if (is_late) {
                outcome->end = HOOKS_TIMED_OUT;
                outcome->value = 0;
        } else if (info.si_code == CLD_EXITED) {
                outcome->end = info.si_status == 0 ? HOOKS_SUCCEEDED : HOOKS_EXITED;
        } else {
                outcome->end = HOOKS_SIGNALED;
        }
}

static int run(const struct hooks_call *call, struct hooks_outcome *outcome)
{
        auto_close int state_fd = UNSET_FD, output_read = UNSET_FD, output_write = UNSET_FD, errors_read = UNSET_FD,
                       errors_write = UNSET_FD, report_read = UNSET_FD, report_write = UNSET_FD, pidfd = UNSET_FD;
        struct clone_args args = { .flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD };
        struct report report;
        pid_t pid, parent = getpid();
        int pair[2];

        state_fd = make_state(call->state, call->state_length);
        if (state_fd < 0)
                return -state_fd;
        if (pipe2(pair, O_CLOEXEC) < 0)
                return errno;
        output_read = pair[0];
        output_write = pair[1];
        if (pipe2(pair, O_CLOEXEC) < 0)
                return errno;
        errors_read = pair[0];
        errors_write = pair[1];
        if (pipe2(pair, O_CLOEXEC) < 0)
                return errno;
        report_read = pair[0];
        report_write = pair[1];
        /* Our ends only: the hook's own must block. */
        if (fcntl(output_read, F_SETFL, O_NONBLOCK) < 0 || fcntl(errors_read, F_SETFL, O_NONBLOCK) < 0)
                return errno;

        pid = sys_clone3(&args);
        if (pid < 0)
                return errno;
        if (pid == 0)
                be_hook(call, parent, state_fd, output_write, errors_write, report_write);

        close(take_fd(&output_write));
        close(take_fd(&errors_write));
        close(take_fd(&report_write));
        wait_for_end(pid, pidfd, call->hook->timeout_seconds, output_read, errors_read, outcome);
        /* The hook has ended, so that all writers are gone: a whole report or nothing. */
        if (read(report_read, &report, sizeof report) == (ssize_t)sizeof report && outcome->end == HOOKS_EXITED) {
                outcome->end = report.end;
                outcome->value = report.value;
        }
        return 0;
}

bool hooks_child_run(const struct hooks_call *call, struct hooks_outcome *ret_outcome)
{
        int code;

        memset(ret_outcome, 0, sizeof *ret_outcome);
        code = run(call, ret_outcome);
        if (code != 0) {
                ret_outcome->end = HOOKS_NOT_STARTED;
                ret_outcome->value = code;
        }
        return ret_outcome->end == HOOKS_SUCCEEDED;
}
