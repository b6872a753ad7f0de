/* process.scheduler, process.ioPriority and execCPUAffinity on the real kernel, as they are applied: no policy lets a
 * build have the real-time policies, so no container shows them. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/process.h"

#define DEADLINE 6
#define RESET_ON_FORK 1u

struct attributes {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
        uint32_t util_min, util_max;
};

struct seen {
        int error;              /* of the step that failed */
        uint32_t step;
        struct attributes scheduler;
        int io_priority;
        unsigned char cpus[128];
};

/* What a process has after process_child_limits(). */
static struct seen apply(const struct spec_process *process, const unsigned char *final_cpus)
{
        struct process_plan plan = { .process = process, .final_cpus = final_cpus };
        struct seen seen = { 0 };
        struct child_message message;
        int reports[2], results[2];
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, reports) < 0 || pipe(results) < 0)
                return (struct seen){ .error = errno };
        pid = fork();
        if (pid == 0) {
                struct process_ready ready = { .report_fd = reports[1], .userns_fd = -1, .proc_fd = -1 };

                /* SCHED_IDLE leaves the nice value as it was, and who runs the tests may have lowered it. */
                setpriority(PRIO_PROCESS, 0, 0);
                process_child_limits(&plan, &ready);
                seen.scheduler.size = sizeof seen.scheduler;
                if (syscall(SYS_sched_getattr, 0, &seen.scheduler, sizeof seen.scheduler, 0) < 0)
                        seen.error = errno;
                seen.io_priority = (int)syscall(SYS_ioprio_get, 1, 0);
                syscall(SYS_sched_getaffinity, 0, sizeof seen.cpus, seen.cpus);
                _exit(write(results[1], &seen, sizeof seen) != (ssize_t)sizeof seen);
        }
        close(reports[1]);
        close(results[1]);
        if (read(results[0], &seen, sizeof seen) != (ssize_t)sizeof seen) {
                seen = (struct seen){ .error = EPROTO };
                if (read(reports[0], &message, sizeof message) == (ssize_t)sizeof message) {
                        seen.error = message.error;
                        seen.step = message.step;
                }
        }
        close(reports[0]);
        close(results[0]);
        waitpid(pid, NULL, 0);
        return seen;
}

static int failures;

static void say(const char *sentence, int is_right, const struct seen *seen)
{
        if (is_right) {
                printf("PASS %s\n", sentence);
        } else if (seen->error == EPERM || seen->error == EOPNOTSUPP) {
                printf("SKIP %s: %s\n", sentence, strerror(seen->error));
        } else {
                printf("FAIL %s\n# error %d, policy %u, nice %d, priority %u, io %d\n", sentence, seen->error,
                       seen->scheduler.policy, seen->scheduler.nice, seen->scheduler.priority, seen->io_priority);
                failures++;
        }
}

static void policies(void)
{
        static const struct { const char *sentence; struct spec_scheduler scheduler; } cases[] = {
                { "SCHED_OTHER with nice 7", { true, SCHED_OTHER, 7, 0, 0, 0, 0, 0 } },
                { "SCHED_OTHER with nice -7", { true, SCHED_OTHER, -7, 0, 0, 0, 0, 0 } },
                { "SCHED_BATCH with nice 3", { true, SCHED_BATCH, 3, 0, 0, 0, 0, 0 } },
                { "SCHED_IDLE", { true, SCHED_IDLE, 0, 0, 0, 0, 0, 0 } },
                { "SCHED_FIFO with priority 12", { true, SCHED_FIFO, 0, 12, 0, 0, 0, 0 } },
                { "SCHED_RR with priority 99, reset on fork", { true, SCHED_RR, 0, 99, RESET_ON_FORK, 0, 0, 0 } },
                { "SCHED_DEADLINE with runtime, deadline and period",
                  { true, DEADLINE, 0, 0, 0, 1000000, 20000000, 40000000 } },
        };

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                const struct spec_scheduler *asked = &cases[i].scheduler;
                const struct spec_process process = { .scheduler = *asked };
                struct seen seen = apply(&process, NULL);

                say(cases[i].sentence,
                    seen.error == 0 && (int)seen.scheduler.policy == asked->policy && seen.scheduler.nice == asked->nice &&
                    (int)seen.scheduler.priority == asked->priority &&
                    (seen.scheduler.flags & RESET_ON_FORK) == (asked->flags & RESET_ON_FORK) &&
                    (asked->policy != DEADLINE || (seen.scheduler.runtime == asked->runtime_ns &&
                     seen.scheduler.deadline == asked->deadline_ns && seen.scheduler.period == asked->period_ns)), &seen);
        }
}

static void clamps(void)
{
        /* EINVAL with the structure of before Linux 5.3; EOPNOTSUPP without CONFIG_UCLAMP_TASK. */
        const struct spec_process process = { .scheduler = { .is_given = true, .policy = SCHED_OTHER, .flags = 0x20 } };
        struct seen seen = apply(&process, NULL);

        say("SCHED_FLAG_UTIL_CLAMP_MIN is passed on", seen.error == 0, &seen);
}

static void io_classes(void)
{
        for (int class = 1; class <= 3; class++)
                for (int level = 0; level <= 7; level += 7) {
                        const struct spec_process process = { .has_io_priority = true, .io_priority = class << 13 | level };
                        struct seen seen = apply(&process, NULL);
                        char sentence[64];

                        snprintf(sentence, sizeof sentence, "I/O class %d with priority %d", class, level);
                        say(sentence, seen.error == 0 && seen.io_priority == (class << 13 | level), &seen);
                }
}

static void affinity(void)
{
        static const struct spec_process process = { .affinity_final = "0" };
        static unsigned char cpus[SPEC_CPUS_BYTES];
        struct seen seen;

        cpus[0] = 1;
        seen = apply(&process, cpus);
        say("the final processors alone are the process's", seen.error == 0 && seen.cpus[0] == 1 && seen.cpus[1] == 0, &seen);
        memset(cpus, 0, sizeof cpus);
        cpus[sizeof cpus - 1] = 0x80;
        seen = apply(&process, cpus);
        say("processors that are not there are an error of that step", seen.error == EINVAL && seen.step == STEP_AFFINITY, &seen);
}

int main(void)
{
        policies();
        clamps();
        io_classes();
        affinity();
        return failures > 0;
}
