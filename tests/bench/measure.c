/* Times commands against each other, interleaved, as a script on standard input says.
 *
 *   measure ROUNDS [PAUSE_MS] < script
 *
 * A line is   GROUP LABEL COMMAND ;; @COMMAND ;; COMMAND
 * Its commands run in order, in each round; the one with the @ is timed. %n is the round's number, leading NAME=VALUE
 * words are environment. Lines of one group are run one after the other within each round, so that the machine's load
 * falls on all of them alike. Prints p10, median and p95 in milliseconds, processor time, and the peak resident set
 * (wait4(2), of the command and of what it waited for). Nothing is printed for a label whose command fails: the line
 * says so instead.
 *
 *   measure parallel TOTAL WIDTH COMMAND...    runs TOTAL commands, WIDTH at a time; prints the milliseconds of each */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_LINES 64
#define MAX_STEPS 8
#define MAX_WORDS 64
#define MAX_ROUNDS 2000

struct line {
        char *group, *label, *steps[MAX_STEPS];
        int n_steps, timed;
        double ms[MAX_ROUNDS], cpu_ms;
        long rss_kib;
        int n, failed;
};
static struct line lines[MAX_LINES];
static int n_lines;
extern char **environ;

static double now_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* Splits at spaces, %n replaced; all in the caller's buffer. */
static int split(const char *text, int round, char *buffer, size_t size, char **words)
{
        size_t used = 0;
        int n = 0;

        while (*text && n < MAX_WORDS - 1) {
                while (*text == ' ')
                        text++;
                if (!*text)
                        break;
                words[n++] = buffer + used;
                while (*text && *text != ' ' && used + 16 < size) {
                        if (text[0] == '%' && text[1] == 'n') {
                                used += (size_t)snprintf(buffer + used, size - used, "%d", round);
                                text += 2;
                        } else {
                                buffer[used++] = *text++;
                        }
                }
                buffer[used++] = '\0';
        }
        words[n] = NULL;
        return n;
}

static void become(char **words, int quiet)
{
        static char *environment[MAX_WORDS + 256];
        int at = 0, n = 0;

        for (char **e = environ; *e && n < 250; e++)
                environment[n++] = *e;
        for (; words[at] && strchr(words[at], '=') && words[at][0] != '-' && words[at][0] != '/'; at++)
                environment[n++] = words[at];
        environment[n] = NULL;
        if (quiet) {
                int fd = open("/dev/null", O_RDWR);

                dup2(fd, 0);
                dup2(fd, 1);
                if (quiet > 1)
                        dup2(fd, 2);
                if (fd > 2)
                        close(fd);
        }
        execvpe(words[at], words + at, environment);
        _exit(127);
}

static pid_t start(char **words, int quiet)
{
        /* vfork(2): the parent's size must not be in the figures. */
        pid_t pid = vfork();

        if (pid == 0)
                become(words, quiet);
        return pid;
}

static int run(const char *text, int round, double *ret_ms, double *ret_cpu_ms, long *ret_rss_kib)
{
        static char buffer[16384];
        char *words[MAX_WORDS];
        struct rusage usage;
        double begin;
        int status;
        pid_t pid;

        split(text, round, buffer, sizeof(buffer), words);
        begin = now_ms();
        pid = start(words, ret_ms ? 1 : 2);
        if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
                return -1;
        if (ret_ms) {
                *ret_ms = now_ms() - begin;
                *ret_cpu_ms = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
                              (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
                *ret_rss_kib = usage.ru_maxrss;
        }
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

static int by_size(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static void read_script(void)
{
        static char text[MAX_LINES][4096];

        while (n_lines < MAX_LINES && fgets(text[n_lines], sizeof(text[0]), stdin)) {
                struct line *line = &lines[n_lines];
                char *rest = text[n_lines], *step;

                rest[strcspn(rest, "\n")] = '\0';
                if (!*rest || *rest == '#')
                        continue;
                line->group = strsep(&rest, " ");
                line->label = strsep(&rest, " ");
                line->timed = -1;
                while (rest && line->n_steps < MAX_STEPS) {
                        step = rest;
                        rest = strstr(rest, ";;");
                        if (rest) {
                                *rest = '\0';
                                rest += 2;
                        }
                        while (*step == ' ')
                                step++;
                        if (*step == '@') {
                                line->timed = line->n_steps;
                                step++;
                        }
                        line->steps[line->n_steps++] = step;
                }
                n_lines++;
        }
}

static int measure_parallel(int argc, char **argv)
{
        int total = atoi(argv[2]), width = atoi(argv[3]), failed = 0, running = 0;
        char text[8192] = "";
        double begin = now_ms();

        for (int i = 4; i < argc; i++) {
                strncat(text, argv[i], sizeof(text) - strlen(text) - 2);
                strcat(text, " ");
        }
        for (int i = 0; i < total || running > 0;) {
                int status;

                if (i < total && running < width) {
                        static char buffer[16384];
                        char *words[MAX_WORDS];

                        split(text, i++, buffer, sizeof(buffer), words);
                        if (start(words, 2) > 0)
                                running++;
                        continue;
                }
                if (wait(&status) > 0) {
                        running--;
                        failed += !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
                }
        }
        printf("%.2f ms each, %d of %d failed\n", (now_ms() - begin) / total, failed, total);
        return failed > 0;
}

int main(int argc, char **argv)
{
        int rounds = argc > 1 ? atoi(argv[1]) : 20, pause_ms = argc > 2 ? atoi(argv[2]) : 0;
        const char *group = "";

        if (argc > 4 && !strcmp(argv[1], "parallel"))
                return measure_parallel(argc, argv);
        if (rounds < 1 || rounds > MAX_ROUNDS)
                rounds = 20;
        read_script();
        for (int round = -2; round < rounds; round++) {         /* two to warm up */
                for (int i = 0; i < n_lines; i++) {
                        struct line *line = &lines[i];

                        if (line->failed)
                                continue;
                        for (int s = 0; s < line->n_steps; s++) {
                                double ms, cpu_ms;
                                long rss_kib;
                                int r;

                                if (s != line->timed) {
                                        run(line->steps[s], round + 2, NULL, NULL, NULL);
                                        continue;
                                }
                                if (pause_ms > 0)
                                        usleep((useconds_t)pause_ms * 1000);
                                r = run(line->steps[s], round + 2, &ms, &cpu_ms, &rss_kib);
                                if (r != 0)
                                        line->failed = 1;
                                if (r != 0 || round < 0)
                                        continue;
                                line->ms[line->n++] = ms;
                                line->cpu_ms += cpu_ms;
                                if (rss_kib > line->rss_kib)
                                        line->rss_kib = rss_kib;
                        }
                }
        }
        for (int i = 0; i < n_lines; i++) {
                struct line *line = &lines[i];

                if (strcmp(line->group, group)) {
                        group = line->group;
                        printf("%-10s %-14s %8s %8s %8s %8s %9s\n", group, "", "p10 ms", "median", "p95", "cpu ms", "peak KiB");
                }
                if (line->failed || line->n == 0) {
                        printf("%-10s %-14s failed\n", "", line->label);
                        continue;
                }
                qsort(line->ms, (size_t)line->n, sizeof(double), by_size);
                printf("%-10s %-14s %8.2f %8.2f %8.2f %8.2f %9ld\n", "", line->label, line->ms[line->n / 10],
                       line->ms[line->n / 2], line->ms[line->n * 95 / 100], line->cpu_ms / line->n, line->rss_kib);
        }
        return 0;
}
