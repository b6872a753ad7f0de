/* The process of exec, from clone to exec: it joins everything around the build first and the build's user namespace
 * last. System calls only. */
#include "runtime/join_child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/enter_child.h"

void join_child(struct process_plan *plan, struct join_ready *ready)
{
        const int report_fd = ready->report_fd;
        auto_close int root_fd = UNSET_FD;
        char program[PATH_MAX];

        ready->process.proc_fd = enter_child_begin(plan->process, &ready->cgroups, ready->is_host_pid, report_fd);
        /* pidfd with setns(2): Linux 5.8. Atomic: all of them or none; the mount namespace gives us its root. */
        if (setns(ready->init_pidfd, ready->namespaces) < 0)
                child_fail(report_fd, STEP_NS_JOIN, SPEC_NS_MOUNT, errno);
        /* From here on no path is walked before process_child_become() has given the host's power up: whoever owns the mount
         * namespace has put there what it likes, and could have us read and make what only the host's root may. */
        process_child_limits(plan, &ready->process);
        if (!plan->process->is_terminal)        /* else those of the caller stay the caller's */
                process_child_stdio(plan, &ready->process);
        process_child_become(plan, &ready->process, program, sizeof program);
        if (plan->process->is_terminal) {
                root_fd = open("/", O_PATH | O_CLOEXEC);
                if (root_fd < 0)
                        child_fail(report_fd, STEP_TERMINAL, 0, errno);
                enter_child_terminal(plan, root_fd, ready->console_fd, report_fd);
        }
        if (ready->dies_with_parent && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
                child_fail(report_fd, STEP_SYNC, 0, errno);
        child_say(report_fd, CHILD_READY, 0);
        child_wait_go(report_fd);
        process_child_exec(plan, &ready->process, program, report_fd);
}
