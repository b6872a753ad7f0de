/* One thread after the other: seize, interrupt, read, let go. What does not stop in time (it sleeps in the kernel, or is frozen) is
 * passed over; so many of them in a row end it. */
#include "runtime/seccomp_read.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/host.h"
#include "runtime/state.h"

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif

#define PROGRAMS_MOST 256u              /* of a thread; a build may add its own to ours */
#define STOP_MS 2000u                   /* a CPU quota holds a thread back for a period at a time */
#define ALL_MS 10000u                   /* what those that do not stop may cost together */

/* From the one that traces. */
struct answer {
        uint32_t thread;
        int32_t error;                  /* the end of a thread's where is_end */
        uint32_t is_end;
        struct seccomp_program program;
};

const char *seccomp_read_obstacle(void)
{
        /* kernel/seccomp.c, get_nth_filter(): CAP_SYS_ADMIN of the host, and no filter of one's own. */
        if (host_privilege() != HOST_REAL_ROOT)
                return "the kernel shows them to the host's root only";
        if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 0)
                return "the kernel shows them to nobody who has a filter himself, as runb has here";
        return NULL;
}

static uint64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the one that traces ---- */

/* @ret_signal: what was just being delivered, and is owed to it when it is let go; 0: nothing. */
static int wait_for_stop(pid_t tid, uint64_t *budget_ms, int *ret_signal)
{
        const struct timespec pause = { 0, 10000000 };
        const uint64_t begin = now_ms(), most = *budget_ms < STOP_MS ? *budget_ms : STOP_MS;
        sigset_t stops;
        int status;

        sigemptyset(&stops);
        sigaddset(&stops, SIGCHLD);
        for (;;) {
                pid_t r = waitpid(tid, &status, __WALL | WNOHANG);

                if (r == tid && WIFSTOPPED(status))
                        *ret_signal = status >> 16 == 0 ? WSTOPSIG(status) : 0;
                if (r == tid)
                        return WIFSTOPPED(status) ? 0 : -ESRCH;
                if (r < 0 && errno != EINTR)
                        return -ESRCH;
                if (now_ms() - begin > most) {
                        *budget_ms -= most;
                        return -ETIMEDOUT;
                }
                sigtimedwait(&stops, NULL, &pause);     /* SIGCHLD, which is blocked */
        }
}

static bool is_same(const struct seccomp_thread *thread)
{
        uint64_t start_time;
        bool is_zombie;

        return state_process_start_time(thread->tid, &start_time, &is_zombie) == 0 && start_time == thread->start_time;
}

static bool send_answer(int fd, const struct answer *answer)
{
        return write(fd, answer, sizeof *answer) == (ssize_t)sizeof *answer;    /* less than PIPE_BUF: whole */
}

static int read_programs(uint32_t index, pid_t tid, struct sock_filter *code, int fd)
{
        for (unsigned long i = 0; i < PROGRAMS_MOST; i++) {
                struct answer answer = { .thread = index };
                long n = ptrace(PTRACE_SECCOMP_GET_FILTER, tid, i, NULL);

                if (n > 0 && n <= BPF_MAXINSNS)
                        n = ptrace(PTRACE_SECCOMP_GET_FILTER, tid, i, code);
                /* ENOENT: there are no more; EINVAL for the first: it has none. */
                if (n < 0)
                        return errno == ENOENT || (errno == EINVAL && i == 0) ? 0 : -errno;
                answer.program.n = (uint32_t)n;
                sha256_of(code, (size_t)n * sizeof *code, answer.program.digest);
                if (!send_answer(fd, &answer))
                        return -EPIPE;
        }
        return 0;
}

static int read_one(const struct seccomp_thread *thread, uint32_t index, struct sock_filter *code, int fd, uint64_t *budget_ms)
{
        int r, owed = 0;

        if (*budget_ms == 0)
                return -ETIMEDOUT;
        if (ptrace(PTRACE_SEIZE, thread->tid, NULL, NULL) < 0)
                return -errno;
        /* Held from here on: its number cannot become another's. */
        if (!is_same(thread))
                r = -ESRCH;
        else if (ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL) < 0)
                r = -errno;
        else
                r = wait_for_stop(thread->tid, budget_ms, &owed);
        if (r == 0)
                r = read_programs(index, thread->tid, code, fd);
        ptrace(PTRACE_DETACH, thread->tid, NULL, (void *)(intptr_t)owed);
        return r;
}

static _Noreturn void read_all(const struct seccomp_thread *threads, size_t n, struct sock_filter *code, int fd)
{
        uint64_t budget_ms = ALL_MS;
        sigset_t stops;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGCHLD, SIG_DFL);       /* an ignored one would not tell of stops */
        signal(SIGPIPE, SIG_IGN);
        sigemptyset(&stops);
        sigaddset(&stops, SIGCHLD);
        sigprocmask(SIG_BLOCK, &stops, NULL);
        for (size_t i = 0; i < n; i++) {
                struct answer answer = { .thread = (uint32_t)i, .is_end = 1 };

                answer.error = -read_one(&threads[i], (uint32_t)i, code, fd, &budget_ms);
                if (!send_answer(fd, &answer))
                        break;
        }
        _exit(0);
}

/* ---- the one that asks ---- */

static int take_answer(int fd, struct answer *ret_answer)
{
        ssize_t n;

        do
                n = read(fd, ret_answer, sizeof *ret_answer);   /* written whole, so read whole: pipe(7) */
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n == (ssize_t)sizeof *ret_answer && ret_answer->thread < UINT32_MAX ? 0 : -EPROTO;
}

static int take_answers(int fd, struct seccomp_thread *threads, size_t n, struct arena *arena, struct seccomp_program **ret_programs)
{
        struct seccomp_program *programs = NULL;
        size_t n_programs = 0, room = 0, n_ended = 0, begin = 0;
        struct answer answer;

        while (n_ended < n) {
                int r = take_answer(fd, &answer);

                if (r < 0 || answer.thread >= n)
                        return r < 0 ? r : -EPROTO;
                if (answer.is_end) {
                        threads[answer.thread].error = answer.error;
                        threads[answer.thread].first = begin;
                        threads[answer.thread].n = n_programs - begin;
                        begin = n_programs;
                        n_ended++;
                        continue;
                }
                if (n_programs == room) {
                        struct seccomp_program *larger = arena_array(arena, room == 0 ? 64 : 2 * room, sizeof *larger);

                        if (larger == NULL)
                                return -ENOMEM;
                        if (n_programs > 0)
                                memcpy(larger, programs, n_programs * sizeof *larger);
                        programs = larger;
                        room = room == 0 ? 64 : 2 * room;
                }
                programs[n_programs++] = answer.program;
        }
        *ret_programs = programs;
        return 0;
}

int seccomp_read_threads(struct seccomp_thread *threads, size_t n, struct arena *arena, struct seccomp_program **ret_programs,
                         struct error *err)
{
        auto_free struct sock_filter *code = calloc(BPF_MAXINSNS, sizeof *code);
        auto_close int ours = UNSET_FD, theirs = UNSET_FD;
        int ends[2], r;
        pid_t pid;

        if (code == NULL)
                return error_errno(err, ENOMEM, "read the filters of system calls");
        if (pipe2(ends, O_CLOEXEC) < 0)
                return error_errno(err, errno, "read the filters of system calls: pipe");
        ours = ends[0];
        theirs = ends[1];
        pid = fork();
        if (pid < 0)
                return error_errno(err, errno, "read the filters of system calls: fork");
        if (pid == 0)
                read_all(threads, n, code, theirs);
        close(take_fd(&theirs));
        r = take_answers(ours, threads, n, arena, ret_programs);
        close(take_fd(&ours));
        if (r < 0)
                kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        return r < 0 ? error_errno(err, r, "read the filters of system calls") : 0;
}
