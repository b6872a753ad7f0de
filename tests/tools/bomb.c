/* bomb fork|memory|files|tmpfs|cpu: takes of one thing all that it gets, and goes on. Says "full ..." where the kernel gives no more
 * and does not kill for it. Its first process stays small, so that who looks in has something to look at. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK ((size_t)1 << 20)

static void fork_on(void)
{
        signal(SIGCHLD, SIG_IGN);
        for (;;)
                if (fork() < 0)
                        usleep(10000);
}

static void take_memory(void)
{
        for (;;) {
                char *chunk = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

                if (chunk != MAP_FAILED)
                        memset(chunk, 1, CHUNK);
        }
}

static void open_files(void)
{
        int n, last = 2;

        while ((n = open("/dev/null", O_RDONLY)) >= 0)
                last = n;
        printf("full at %d: %s\n", last + 1, strerror(errno));
        fflush(stdout);
        for (;;)
                pause();
}

static void fill_tmpfs(const char *folder, int number)
{
        static char chunk[CHUNK];
        char path[64];
        int fd;

        snprintf(path, sizeof path, "%s/%d", folder, number);
        fd = open(path, O_WRONLY | O_CREAT, 0600);
        memset(chunk, 1, sizeof chunk);
        while (write(fd, chunk, sizeof chunk) > 0)
                continue;
        printf("full: %s: %s\n", folder, strerror(errno));
        fflush(stdout);
        usleep(10000);
        _exit(0);
}

static void spin(void)
{
        for (volatile unsigned i = 0;; i++)
                continue;
}

int main(int argc, char **argv)
{
        const char *what = argc == 2 ? argv[1] : "";
        int n = strcmp(what, "cpu") == 0 ? 16 : strcmp(what, "files") == 0 ? 4 : 1;

        for (int i = 0;; i++) {
                pid_t pid = i < n || n == 1 ? fork() : 1;

                if (pid == 0) {
                        if (strcmp(what, "fork") == 0)
                                fork_on();
                        if (strcmp(what, "memory") == 0)
                                take_memory();
                        if (strcmp(what, "files") == 0)
                                open_files();
                        if (strcmp(what, "tmpfs") == 0)
                                fill_tmpfs(i % 2 == 0 ? "/tmp" : "/dev/shm", i);
                        if (strcmp(what, "cpu") == 0)
                                spin();
                        _exit(2);
                }
                /* One at a time of those that are killed; the others all at once. */
                if (n == 1 || i >= n) {
                        while (wait(NULL) < 0)
                                usleep(10000);
                }
        }
}
