/* Processes: joining, freezing, signals, killing. */
#include "tests/sandbox/cgroups_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"

int joins_every_hierarchy(void)
{
        auto_box struct box box;
        struct error err = { 0 };
        char name[64];
        auto_free char *text = NULL;
        size_t n_lines = 0, n_in = 0;
        pid_t pid;

        want_ok(box_make(&box, "/t/join", &no_limits, &err));
        want(!box.ready.was_there);
        pid = spawn(&box.ready, wait_for_ever, NULL);
        want(pid > 0);
        want(count(&box.plan) == 1);
        snprintf(name, sizeof name, "/proc/%d/cgroup", pid);
        want(fd_read_file(AT_FDCWD, name, 65536, &text, NULL) == 0);
        for (char *rest = NULL, *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
                n_lines++;
                n_in += strstr(line, ":/t/join") != NULL;
        }
        if (box.plan.is_v2)
                want(n_in == 1);
        else
                want(n_in == box.plan.n_paths && n_in >= n_lines - 1);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        want_ok(cgroups_remove(box.plan.paths, box.plan.n_paths, box.plan.is_v2, &err));
        want(is_gone(&box.plan));
        want_ok(cgroups_remove(box.plan.paths, box.plan.n_paths, box.plan.is_v2, &err));
        return 0;
}

static void fork_bomb(void *context)
{
        const struct rlimit few = { 300, 300 };

        (void)context;
        signal(SIGTERM, SIG_IGN);
        /* Without a pids controller (v2 here) an id of its own bounds it. */
        if (setrlimit(RLIMIT_NPROC, &few) < 0 || setresuid(54321, 54321, 54321) < 0)
                _exit(1);
        for (;;)
                if (fork() < 0)
                        sched_yield();
}

int fork_bomb_ends(void)
{
        auto_box struct box box = { 0 };
        struct spec_resources limits = { 0 };
        struct error err = { 0 };
        int64_t start;
        pid_t pid;

        if (!is_v2())
                limits.pids_limit = NUMBER(300);
        want_ok(box_make(&box, "/t/bomb", &limits, &err));
        start = time(NULL);
        pid = spawn(&box.ready, fork_bomb, NULL);
        want(pid > 0);
        for (int i = 0; i < 6000 && count(&box.plan) <= 50; i++)
                nap_ms(10);
        want(count(&box.plan) > 50);
        want_ok(cgroups_kill(box.plan.paths, box.plan.n_paths, box.plan.is_v2, SIGKILL, &err));
        /* One call is enough. */
        for (int i = 0; i < 6000 && count(&box.plan) > 0; i++)
                nap_ms(10);
        want(count(&box.plan) == 0);
        pid = spawn(&box.ready, fork_bomb, NULL);
        nap_ms(200);
        want_ok(cgroups_remove(box.plan.paths, box.plan.n_paths, box.plan.is_v2, &err));
        want(is_gone(&box.plan));
        want(time(NULL) - start < 9);
        while (waitpid(-1, NULL, WNOHANG) > 0)
                ;
        return 0;
}

static void count_up(void *context)
{
        volatile uint64_t *counter = context;

        for (;;)
                (*counter)++;
}

int freezing_stops_and_resuming_goes_on(void)
{
        auto_box struct box box = { 0 };
        struct error err = { 0 };
        volatile uint64_t *counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        uint64_t seen;
        pid_t pid;

        want_ok(box_make(&box, "/t/freeze", &no_limits, &err));
        pid = spawn(&box.ready, count_up, (void *)(uintptr_t)counter);
        want(pid > 0);
        while (*counter == 0)
                nap_ms(1);
        want(IS_FROZEN() == 0);
        want_ok(FREEZE(true));
        seen = *counter;
        nap_ms(50);
        want(*counter == seen);
        want(IS_FROZEN() == 1);
        want_ok(FREEZE(true));
        want_ok(FREEZE(false));
        want(IS_FROZEN() == 0);
        for (int i = 0; i < 6000 && *counter == seen; i++)
                nap_ms(10);
        want(*counter != seen);
        /* A paused container still dies. */
        want_ok(FREEZE(true));
        want_ok(cgroups_kill(box.plan.paths, box.plan.n_paths, box.plan.is_v2, SIGKILL, &err));
        for (int i = 0; i < 6000 && waitpid(pid, NULL, WNOHANG) == 0; i++)
                nap_ms(10);
        want(kill(pid, 0) < 0);
        munmap((void *)(uintptr_t)counter, 4096);
        return 0;
}

int freezing_while_processes_come(void)
{
        auto_box struct box box = { 0 };
        struct spec_resources limits = { 0 };
        struct error err = { 0 };
        pid_t pid;

        if (!is_v2())
                limits.pids_limit = NUMBER(100);
        want_ok(box_make(&box, "/t/freezebomb", &limits, &err));
        pid = spawn(&box.ready, fork_bomb, NULL);
        want(pid > 0);
        nap_ms(100);
        for (int i = 0; i < 20; i++) {
                want_ok(FREEZE(true));
                want_ok(FREEZE(false));
        }
        want_ok(FREEZE(true));
        want_ok(cgroups_remove(box.plan.paths, box.plan.n_paths, box.plan.is_v2, &err));
        while (waitpid(-1, NULL, WNOHANG) > 0)
                ;
        return 0;
}

int signals_reach_all(void)
{
        auto_box struct box box = { 0 };
        struct error err = { 0 };
        pid_t pids[3];
        int status;

        want_ok(box_make(&box, "/t/signal", &no_limits, &err));
        for (int i = 0; i < 3; i++)
                pids[i] = spawn(&box.ready, wait_for_ever, NULL);
        want(count(&box.plan) == 3);
        want_ok(cgroups_kill(box.plan.paths, box.plan.n_paths, box.plan.is_v2, 0, &err));
        want_ok(cgroups_kill(box.plan.paths, box.plan.n_paths, box.plan.is_v2, SIGUSR1, &err));
        for (int i = 0; i < 3; i++) {
                want(waitpid(pids[i], &status, 0) == pids[i]);
                want(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
        }
        want_ok(cgroups_kill(box.plan.paths, box.plan.n_paths, box.plan.is_v2, SIGKILL, &err));
        return 0;
}

int our_own_cgroup_is_not_frozen(void)
{
        auto_box struct box box = { 0 };
        struct error err = { 0 };
        int status;
        pid_t pid;

        want_ok(box_make(&box, "/t/own", &no_limits, &err));
        pid = fork();
        if (pid == 0) {
                alarm(5);
                for (size_t i = 0; i < box.plan.n_paths; i++) {
                        auto_close int fd = open(box.plan.paths[i], O_PATH);

                        if (fd_write_file(fd, "cgroup.procs", "0") < 0)
                                _exit(2);
                }
                if (FREEZE(true) != -EDEADLK)
                        _exit(3);
                /* Nor killed by ourselves. */
                _exit(cgroups_kill(box.plan.paths, box.plan.n_paths, box.plan.is_v2, SIGKILL, &err) == 0 ? 0 : 4);
        }
        want(waitpid(pid, &status, 0) == pid);
        want(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        return 0;
}
