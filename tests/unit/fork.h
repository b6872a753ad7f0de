/* fork(2) for tests: the child ends with the test's process. A test that fails or runs out of time leaves its function at
 * once, and what it had started would stay on the machine. */
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Credentials that change take the signal away again (prctl(2)). */
static inline void test_die_with(pid_t parent)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(1);
}

static inline pid_t test_fork(void)
{
        pid_t parent = getpid(), pid = fork();

        if (pid == 0)
                test_die_with(parent);
        return pid;
}
