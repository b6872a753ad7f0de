/* `runb top`: the sandboxes of a host, again and again, with what they use up.
 *
 * Live, it reads single keys; the terminal gets back what it was, whether by "q", a signal or an error. */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/text.h"
#include "runtime/cli/table.h"
#include "runtime/deadline.h"
#include "runtime/top.h"

#define ROWS_WITHOUT_TERMINAL 100000u
#define HEAD_ROWS 3u

/* "1d 2h", "3h 4m", "5m 6s", "7s" */
static const char *duration(struct arena *arena, uint64_t ms)
{
        uint64_t s = ms / 1000;

        if (s >= 86400)
                return arena_format(arena, "%" PRIu64 "d %" PRIu64 "h", s / 86400, s / 3600 % 24);
        if (s >= 3600)
                return arena_format(arena, "%" PRIu64 "h %" PRIu64 "m", s / 3600, s / 60 % 60);
        if (s >= 60)
                return arena_format(arena, "%" PRIu64 "m %" PRIu64 "s", s / 60, s % 60);
        return arena_format(arena, "%" PRIu64 "s", s);
}

static const char *size(struct arena *arena, uint64_t bytes)
{
        static const char units[] = "KMGTPE";
        uint64_t whole = bytes;
        size_t unit = 0;

        if (bytes < 1024)
                return arena_format(arena, "%" PRIu64, bytes);
        while (whole >= 1024 * 1024 && unit + 2 < sizeof units) {
                whole /= 1024;
                unit++;
        }
        return arena_format(arena, "%" PRIu64 ".%" PRIu64 "%c", whole / 1024, whole % 1024 * 10 / 1024, units[unit]);
}

static const char *of(struct arena *arena, const char *use, const char *limit)
{
        return limit == NULL ? use : arena_format(arena, "%s/%s", use, limit);
}

static const struct top_row *find(const struct top_row *rows, const struct top_row *like)
{
        for (; rows != NULL; rows = rows->next)
                if (strcmp(rows->id, like->id) == 0 && strcmp(rows->root, like->root) == 0)
                        return rows;
        return NULL;
}

/* Since the last look; the first time, since it was created. */
static const char *cpu(struct arena *arena, const struct top_row *row, const struct top_row *before, uint64_t passed_ms)
{
        const struct top_row *earlier = find(before, row);
        uint64_t ns = row->cpu_ns, ms = row->age_ms;

        if (!row->has_cpu)
                return "-";
        if (earlier != NULL && earlier->cpu_ns <= ns && passed_ms > 0) {
                ns -= earlier->cpu_ns;
                ms = passed_ms;
        }
        return ms == 0 ? "-" : arena_format(arena, "%" PRIu64 ".%" PRIu64 "%%", ns / 10000 / ms, ns / 1000 / ms % 10);
}

static void add_row(struct table *table, const struct top_row *row, const struct top_row *before, uint64_t passed_ms)
{
        struct arena *arena = table->arena;
        const bool is_late = row->has_deadline && row->left_ms < 60000;

        table_add(table,
                  row->is_contained || row->is_unreadable ? TABLE_RED :
                  is_late           ? TABLE_YELLOW :
                                      TABLE_PLAIN,
                  (const char *const[]){
                          row->id, row->profile, top_status_name(row),
                          duration(arena, row->age_ms),
                          !row->has_deadline ? "-" :
                          row->left_ms < 0   ? "over" :
                                               duration(arena, (uint64_t)row->left_ms),
                          cpu(arena, row, before, passed_ms),
                          row->has_cpu ? duration(arena, row->cpu_ns / 1000000) : "-",
                          row->has_memory ? of(arena, size(arena, row->memory_bytes),
                                               row->memory_limit == 0 ? NULL : size(arena, row->memory_limit)) :
                                            "-",
                          row->has_pids ?
                                  of(arena, arena_format(arena, "%" PRIu64, row->pids),
                                     row->pids_limit == 0 ? NULL : arena_format(arena, "%" PRIu64, row->pids_limit)) :
                                  "-",
                          row->has_denied ? arena_format(arena, "%" PRIu64, row->denied) : "-" });
}

static size_t height(void)
{
        struct winsize window;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) < 0 || window.ws_row <= HEAD_ROWS)
                return ROWS_WITHOUT_TERMINAL;
        return window.ws_row - HEAD_ROWS;
}

static void write_table(struct arena *arena, const struct top_row *rows, const struct top_row *before,
                        uint64_t passed_ms, bool is_live, struct text_buffer *out)
{
        static const char *const titles[TABLE_COLUMNS] = { "ID",  "PROFILE", "STATUS", "AGE",  "LEFT",
                                                           "CPU", "TIME",    "MEMORY", "PIDS", "DENIED" };
        struct table table = { .arena = arena, .n_columns = TABLE_COLUMNS };
        size_t n = 0, most = is_live ? height() : ROWS_WITHOUT_TERMINAL;

        table_add(&table, TABLE_PLAIN, titles);
        for (const struct top_row *row = rows; row != NULL; row = row->next, n++)
                if (n < most)
                        add_row(&table, row, before, passed_ms);
        if (is_live)
                text_addf(out, "%zu sandbox%s%s\n", n, n == 1 ? "" : "es", n > most ? ", the first ones:" : "");
        table_write(&table, table_width(), table_has_colours(), out);
}

/* Line by line over what is there, and then the rest of the screen: cleared first, it would flicker. */
static void redraw(const struct text_buffer *text, struct text_buffer *out)
{
        const char *line = text->text;

        text_add(out, "\033[H");
        while (line != NULL && *line != '\0') {
                size_t length = strcspn(line, "\n");

                text_add_n(out, line, length);
                text_add(out, "\033[K\n");
                line += length + (line[length] == '\n');
        }
        text_add(out, "\033[J");
}

/* ---- keys ---- */

static volatile sig_atomic_t ended_by;

static void end_by(int number)
{
        ended_by = number;
}

static void wake(int number)
{
        (void)number;
}

struct keys {
        bool has_keys;
        struct termios before;
        sigset_t mask;
};

/* Signals come in only while we wait. */
static void keys_begin(struct keys *keys)
{
        static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
        struct sigaction action = { .sa_handler = end_by };
        sigset_t blocked;

        sigemptyset(&blocked);
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
                struct sigaction was;

                /* nohup(1) and its like. */
                if (sigaction(ends[i], NULL, &was) < 0 || was.sa_handler == SIG_IGN)
                        continue;
                sigaction(ends[i], &action, NULL);
                sigaddset(&blocked, ends[i]);
        }
        action.sa_handler = wake;
        sigaction(SIGWINCH, &action, NULL);
        sigaddset(&blocked, SIGWINCH);
        sigprocmask(SIG_BLOCK, &blocked, &keys->mask);
        keys->has_keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &keys->before) == 0;
}

static bool is_in_foreground(void)
{
        return tcgetpgrp(STDIN_FILENO) == getpgrp();    /* else tcsetattr(3) would stop us */
}

static void keys_end(const struct keys *keys)
{
        if (keys->has_keys && is_in_foreground())
                tcsetattr(STDIN_FILENO, TCSANOW, &keys->before);
        if (ended_by == 0)
                return;
        signal(ended_by, SIG_DFL);
        sigprocmask(SIG_SETMASK, &keys->mask, NULL);
        raise(ended_by);
}

/* Until the next look: after @interval_s, at once for another size of the terminal or a key. False: the end was asked
 * for. */
static bool keys_wait(struct keys *keys, uint32_t interval_s)
{
        const struct timespec timeout = { (time_t)interval_s, 0 };
        struct pollfd input = { .fd = keys->has_keys && is_in_foreground() ? STDIN_FILENO : -1, .events = POLLIN };
        char key[16];
        ssize_t n;

        if (input.fd >= 0) {
                struct termios raw = keys->before;

                /* Each time: a shell sets its own while we are stopped. */
                raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
                raw.c_cc[VMIN] = 0;
                raw.c_cc[VTIME] = 0;
                tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        }
        if (ppoll(&input, 1, &timeout, &keys->mask) <= 0)
                return ended_by == 0;
        n = read(STDIN_FILENO, key, sizeof key);
        if (n <= 0 && !(input.revents & POLLIN))
                return false;           /* the terminal is gone */
        return n <= 0 || (memchr(key, 'q', (size_t)n) == NULL && memchr(key, 'Q', (size_t)n) == NULL);
}

struct request {
        bool is_all, is_once, is_json;
        uint32_t interval_s;
};

static int look(struct cli *cli, const struct request *request, struct arena *arena, const struct top_row *before,
                uint64_t passed_ms, struct top_row **ret_rows, struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };
        auto_buffer struct text_buffer screen = { 0 };
        int r = top_read(cli->root, request->is_all, arena, ret_rows, err);

        if (r < 0)
                return r;
        if (request->is_json)
                top_to_json(*ret_rows, &out);
        else
                write_table(arena, *ret_rows, before, passed_ms, !request->is_once, &out);
        if (request->is_once)
                return cli_print(&out, err);
        redraw(&out, &screen);
        screen.is_broken |= out.is_broken;
        return cli_print(&screen, err);
}

static int show(struct cli *cli, const struct request *request, struct error *err)
{
        struct arena arenas[2] = { { 0 }, { 0 } };      /* of this look and of the one before */
        struct top_row *rows = NULL, *before = NULL;
        uint64_t then = 0, now;
        struct keys keys = { 0 };
        int r;

        if (!request->is_once)
                keys_begin(&keys);
        for (unsigned i = 0;; i = !i) {
                arena_free(&arenas[i]);
                arenas[i] = (struct arena){ 0 };
                now = deadline_now_ms();
                r = look(cli, request, &arenas[i], before, now - then, &rows, err);
                if (r < 0 || request->is_once || !keys_wait(&keys, request->interval_s))
                        break;
                before = rows;
                then = now;
        }
        if (!request->is_once)
                keys_end(&keys);
        arena_free(&arenas[0]);
        arena_free(&arenas[1]);
        return r;
}

int cmd_top(struct cli *cli, int argc, char **argv)
{
        struct request request = { .interval_s = 2 };
        const char *format = "table";
        const struct cli_option options[] = {
                { "all", 'a', CLI_FLAG, &request.is_all, NULL,
                  "those of every state folder of this host, not of --root alone" },
                { "interval", 'i', CLI_U32, &request.interval_s, "SECONDS", "between two looks; 2" },
                { "once", 0, CLI_FLAG, &request.is_once, NULL,
                  "look once; so it does where standard output is no terminal" },
                { "format", 'f', CLI_STRING, &format, "table|json", "as a table, or as JSON, once" },
        };
        const struct cli_usage usage = {
                .synopsis = "top [options]",
                .summary = "Shows the sandboxes of a host with profile, age, the time that is left until the deadline, "
                           "CPU, memory, processes and how many packets the network refused.",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
        };
        struct error err = { 0 };
        char **arguments;
        size_t n;
        int r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);

        if (r > 0)
                return 0;
        if (r == 0)
                r = cli_read_format(format, &request.is_json, &err);
        if (r == 0 && request.interval_s == 0)
                r = error_set(&err, EINVAL, "--interval 0: a second at least");
        request.is_once |= request.is_json || !isatty(STDOUT_FILENO);
        if (r == 0)
                r = show(cli, &request, &err);
        return r < 0 ? cli_fail(&err, 1) : 0;
}
