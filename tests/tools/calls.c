/* Makes system calls and says what they answered: calls [-x32|-i386] NUMBER[,ARG]... ...
 * A line each: "NUMBER ok VALUE" or "NUMBER errno N". Static, so that any root can run it. "status" prints the filters of
 * this process and whether speculation stays mitigated. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
