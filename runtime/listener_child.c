/* The process's side: two threads from the load of the filters to exec, because the first one may make no system call but
 * execve(2) then. What they share is a few words of memory. Errno is one of them: the thread touches it only while the
 * first one does not. */
#include "runtime/listener.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"

#define NOT_YET (-1)
#define STACK_BYTES 32768

struct shared {
        int channel_fd, error_fd;
        atomic_int listener_fd;         /* NOT_YET, or what seccomp(2) returned */
        atomic_int failed_step, error;  /* error != 0: the first thread cannot go on */
        atomic_int is_delivered;
};

static char stack[STACK_BYTES] __attribute__((aligned(16)));

static void nap(long ns)
{
        const struct timespec time = { 0, ns };

        syscall(SYS_nanosleep, &time, NULL);
}

/* The kernel is not asked: nothing may be. */
static void wait_in_memory(const atomic_int *flag)
{
        while (atomic_load(flag) == 0) {
#if defined(__x86_64__) || defined(__i386__)
                __builtin_ia32_pause();
#elif defined(__aarch64__)
                __asm__ volatile("yield");
#endif
        }
}

static int speak(void *context)
{
        struct shared *shared = context;
        const struct child_message message = { .kind = CHILD_LISTENER };
        int fd;

        while ((fd = atomic_load(&shared->listener_fd)) == NOT_YET && atomic_load(&shared->error) == 0)
                nap(20000);
        if (fd != NOT_YET) {
                /* A parent that has gone, or that could not reach the agent, is the end of both threads (_exit(2)). */
                if (fd_send(shared->channel_fd, fd, &message, sizeof message) < 0)
                        child_fail(shared->error_fd, STEP_LISTENER, 0, EPIPE);
                child_wait_go(shared->channel_fd);
                atomic_store(&shared->is_delivered, 1);
        }
        /* The first thread's exec is the end of this one. Where it fails, its filter may bar it from saying so. */
        while (atomic_load(&shared->error) == 0)
                nap(1000000);
        child_fail(shared->error_fd, (enum child_step)atomic_load(&shared->failed_step), 1, atomic_load(&shared->error));
}

static void give_up(struct shared *shared, enum child_step step, int error)
{
        static const atomic_int never;

        atomic_store(&shared->failed_step, (int)step);
        atomic_store(&shared->error, error);
        wait_in_memory(&never);
}

void listener_child_exec(const struct process_plan *plan, const struct process_ready *ready, const char *path, int error_fd)
{
        struct shared shared = { .channel_fd = ready->report_fd, .error_fd = error_fd, .listener_fd = NOT_YET };
        int fd;

        if (ready->listener_fd >= 0) {          /* create has gone: it is start that listens */
                shared.channel_fd = accept4(ready->listener_fd, NULL, NULL, SOCK_CLOEXEC);
                if (shared.channel_fd < 0)
                        child_fail(error_fd, STEP_LISTENER, 0, errno);
        }
        child_say(shared.channel_fd, CHILD_LISTENER_NEXT, 0);
        child_wait_go(shared.channel_fd);
        if (clone(speak, stack + sizeof stack,
                  CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, &shared) < 0)
                child_fail(error_fd, STEP_LISTENER, 0, errno);
        if (seccomp_child_load(&ready->filters[0]) < 0)
                give_up(&shared, STEP_SECCOMP, errno);
        fd = seccomp_child_load_listener(&ready->filters[1]);
        if (fd < 0)
                give_up(&shared, STEP_SECCOMP, errno);
        atomic_store(&shared.listener_fd, fd);
        wait_in_memory(&shared.is_delivered);
        execve(path, plan->process->args, plan->env);
        give_up(&shared, STEP_EXEC, errno);
        __builtin_unreachable();
}
