/* hold-at TEXT FILE COMMAND [ARG]...: runs a command and holds it where it is about to make a file whose path has TEXT in it
 * (openat(2) with O_CREAT), once. FILE.held is there while it is held; it goes on when FILE is there. Only this process:
 * what it clones runs free. The exit code is the command's. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int makes(pid_t pid, const char *text)
{
        struct __ptrace_syscall_info info;
        char path[4096];
        struct iovec to = { path, sizeof path - 1 }, from;
        ssize_t n;

        if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) < 0 ||
            info.op != PTRACE_SYSCALL_INFO_ENTRY || info.entry.nr != SYS_openat || !(info.entry.args[2] & O_CREAT))
                return 0;
        /* To the end of the page, where the next one may not be readable. */
        from = (struct iovec){ (void *)info.entry.args[1], 4096 - info.entry.args[1] % 4096 };
        n = process_vm_readv(pid, &to, 1, &from, 1, 0);
        if (n <= 0)
                return 0;
        path[n] = '\0';
        return strstr(path, text) != NULL;
}

static void hold(const char *file)
{
        char held[4096];

        snprintf(held, sizeof held, "%s.held", file);
        close(open(held, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        while (access(file, F_OK) < 0)
                usleep(10000);
        unlink(held);
}

int main(int argc, char **argv)
{
        int status, pass = 0;
        pid_t pid;

        if (argc < 4)
                return 2;
        pid = fork();
        if (pid == 0) {
                ptrace(PTRACE_TRACEME, 0, NULL, NULL);
                raise(SIGSTOP);
                execv(argv[3], argv + 3);
                _exit(127);
        }
        if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
                return 2;
        ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC);
        for (;;) {
                ptrace(PTRACE_SYSCALL, pid, NULL, pass);
                pass = 0;
                if (waitpid(pid, &status, 0) < 0)
                        return 2;
                if (!WIFSTOPPED(status))
                        break;
                if (status >> 16 != 0)
                        continue;
                if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
                        pass = WSTOPSIG(status);
                        continue;
                }
                if (makes(pid, argv[1])) {
                        hold(argv[2]);
                        ptrace(PTRACE_DETACH, pid, NULL, NULL);
                        waitpid(pid, &status, 0);
                        break;
                }
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
