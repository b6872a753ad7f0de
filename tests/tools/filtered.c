/* filtered N COMMAND [ARG]...: executes it with N system call filters, each of which allows everything.
 * filtered --hold PID: traces that process, and holds it so until it is ended itself; says "held". */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <unistd.h>

static int hold(pid_t pid)
{
        if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0) {
                fprintf(stderr, "seize %d: %s\n", pid, strerror(errno));
                return 1;
        }
        puts("held");
        fflush(stdout);
        for (;;)
                pause();
}

int main(int argc, char **argv)
{
        struct sock_filter allow[] = { { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW } };
        struct sock_fprog program = { 1, allow };

        if (argc < 3)
                return 2;
        if (strcmp(argv[1], "--hold") == 0)
                return hold(atoi(argv[2]));
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        for (int i = 0; i < atoi(argv[1]); i++) {
                if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
                        perror("seccomp");
                        return 1;
                }
        }
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        return 127;
}
