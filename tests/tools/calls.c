/* Makes system calls and says what they answered: calls [-x32|-i386|-over|-thread] NUMBER[,ARG]... ...
 * A line each: "NUMBER ok VALUE" or "NUMBER errno N". Static, so that any root can run it. "status" prints the filters of
 * this process and whether speculation stays mitigated. Calls behind "-over" are made below a filter of this program's own,
 * whose listener lets them go on (seccomp_unotify(2)): the kernel asks the listener that came last. "-thread" starts one,
 * which does nothing. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void print_status(void)
{
        char line[256];
        FILE *file = fopen("/proc/self/status", "re");

        while (file != NULL && fgets(line, sizeof line, file) != NULL)
                if (strncmp(line, "Seccomp", 7) == 0 || strncmp(line, "Speculation", 11) == 0 || strncmp(line, "Threads", 7) == 0)
                        fputs(line, stdout);
        if (file != NULL)
                fclose(file);
}

static long call_i386(const unsigned long *a)
{
#ifdef __x86_64__
        long r;

        __asm__ volatile("int $0x80" : "=a"(r) : "a"(a[0]), "b"(a[1]), "c"(a[2]), "d"(a[3]) : "memory", "r8", "r9", "r10", "r11");
        if ((int)r < 0 && (int)r > -4096) {
                errno = -(int)r;
                return -1;
        }
        return (int)r;
#else
        (void)a;
        errno = ENOSYS;
        return -1;
#endif
}

/* Everything but what the answering process needs. */
static void let_go_on(void)
{
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { sizeof code / sizeof code[0], code };
        struct seccomp_notif notice;
        struct seccomp_notif_resp answer;
        int pair[2], fd;

        /* The listener is made by a thread of fork(2)'s that shares the fds: what it makes is under the filter, we are not. */
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (pipe(pair) < 0)
                exit(1);
        if (syscall(SYS_clone, 0x400 /* CLONE_FILES */ | 17 /* SIGCHLD */, 0, 0, 0, 0) == 0) {
                fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
                if (fd < 0)
                        printf("listener errno %d\n", errno);
                if (write(pair[1], &fd, sizeof fd) != sizeof fd)
                        exit(1);
                return;
        }
        if (read(pair[0], &fd, sizeof fd) != sizeof fd || fd < 0)
                exit(0);
        for (;;) {
                memset(&notice, 0, sizeof notice);
                if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &notice) < 0)
                        exit(0);
                memset(&answer, 0, sizeof answer);
                answer.id = notice.id;
                answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
                ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
        }
}

static void *stay(void *context)
{
        for (;;)
                pause();
        return context;
}

int main(int argc, char **argv)
{
        unsigned long bits = 0;
        int is_i386 = 0;

        setvbuf(stdout, NULL, _IONBF, 0);
        for (int i = 1; i < argc; i++) {
                unsigned long a[7] = { 0 };
                char *p = argv[i];
                long r;

                if (strcmp(p, "status") == 0) {
                        print_status();
                        continue;
                }
                if (strcmp(p, "-x32") == 0) {
                        bits = 0x40000000;
                        continue;
                }
                if (strcmp(p, "-thread") == 0) {
                        pthread_t thread;

                        if (pthread_create(&thread, NULL, stay, NULL) != 0)
                                return 1;
                        continue;
                }
                if (strcmp(p, "-over") == 0) {
                        let_go_on();
                        continue;
                }
                if (strcmp(p, "-i386") == 0) {
                        is_i386 = 1;
                        continue;
                }
                for (int n = 0; n < 7 && *p != '\0'; n++) {
                        a[n] = strtoul(p, &p, 0);
                        if (*p == ',')
                                p++;
                }
                errno = 0;
                a[0] |= bits;
                r = is_i386 ? call_i386(a) : syscall((long)a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
                if (r == -1)
                        printf("%lu errno %d\n", a[0] & ~bits, errno);
                else
                        printf("%lu ok %ld\n", a[0] & ~bits, r);
        }
        return 0;
}
