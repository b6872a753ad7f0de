/* survivor HOW...: a build that tries to outlive its deadline, each HOW one more way:
 *   deaf       no signal that can be ignored is taken, and the parent's death sends none
 *   fork       children in sessions of their own, each of which forks on and lets go
 *   stopped    a child that is stopped, and one that is held by ptrace(2)
 *   headless   the first thread ends while another goes on, so that the process looks like one that has ended
 * Says "ready" when all of it is done. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void wait_for_ever(void)
{
        for (;;)
                pause();
}

static void be_deaf(void)
{
        for (int number = 1; number < NSIG; number++)
                signal(number, SIG_IGN);
        signal(SIGCHLD, SIG_DFL);
        prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
}

/* A chain: each lives for a moment only, so that whoever lists processes lists what has gone. */
static void fork_on(void)
{
        for (int i = 0; i < 3; i++) {
                if (fork() != 0)
                        continue;
                setsid();
                for (;;) {
                        if (fork() > 0) {
                                usleep(20000);
                                _exit(0);
                        }
                        usleep(1000);
                }
        }
}

static void stop_children(void)
{
        pid_t pid = fork();

        if (pid == 0) {
                raise(SIGSTOP);
                wait_for_ever();
        }
        pid = fork();
        if (pid == 0) {
                ptrace(PTRACE_TRACEME, 0, NULL, NULL);
                raise(SIGSTOP);
                wait_for_ever();
        }
        waitpid(pid, NULL, WUNTRACED);
}

static void *go_on(void *context)
{
        puts("ready");
        fflush(stdout);
        wait_for_ever();
        return context;
}

int main(int argc, char **argv)
{
        pthread_t thread;

        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "deaf") == 0)
                        be_deaf();
                else if (strcmp(argv[i], "fork") == 0)
                        fork_on();
                else if (strcmp(argv[i], "stopped") == 0)
                        stop_children();
                else if (strcmp(argv[i], "headless") == 0 && pthread_create(&thread, NULL, go_on, NULL) == 0)
                        syscall(SYS_exit, 0);
                else
                        return 2;
        }
        go_on(NULL);
        return 0;
}
