/* kill-at N COMMAND [ARG]...: runs a command and kills it (SIGKILL) where it is about to make its Nth system call.
 * Only this process: what it clones runs free. Exit code 0: killed there; 3: it had ended before, with its own exit code on stderr. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
        unsigned long wanted, seen = 0;
        int status, is_entry = 1, pass;
        pid_t pid;

        if (argc < 3)
                return 2;
        wanted = strtoul(argv[1], NULL, 10);
        pid = fork();
        if (pid == 0) {
                ptrace(PTRACE_TRACEME, 0, NULL, NULL);
                raise(SIGSTOP);
                execv(argv[2], argv + 2);
                _exit(127);
        }
        if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
                return 2;
        ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC);
        /* To the exec of the command, and the end of that system call. */
        do {
                ptrace(PTRACE_CONT, pid, NULL, NULL);
                if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
                        return 2;
        } while (status >> 8 != (SIGTRAP | PTRACE_EVENT_EXEC << 8));
        ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
        if (waitpid(pid, &status, 0) < 0)
                return 2;
        pass = 0;
        for (;;) {
                ptrace(PTRACE_SYSCALL, pid, NULL, pass);
                pass = 0;
                if (waitpid(pid, &status, 0) < 0)
                        return 2;
                if (!WIFSTOPPED(status)) {
                        fprintf(stderr, "%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
                        return 3;
                }
                if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
                        pass = WSTOPSIG(status);
                        continue;
                }
                if (is_entry && ++seen == wanted) {
                        kill(pid, SIGKILL);
                        while (waitpid(pid, &status, 0) > 0 && WIFSTOPPED(status))
                                continue;
                        return 0;
                }
                is_entry = !is_entry;
        }
}
