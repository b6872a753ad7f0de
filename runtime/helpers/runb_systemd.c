/* runb-systemd: what runb has to say to systemd over D-Bus, in a program of its own, so that runb itself needs neither
 * libsystemd nor a dynamic linker. runb starts it, and nobody else; it decides nothing.
 *
 *   runb-systemd ADDRESS start UNIT DESCRIPTION    properties on standard input, up to a line "."
 *   runb-systemd ADDRESS set UNIT                  likewise
 *   runb-systemd ADDRESS attach UNIT               a line "attach", a pid and a cgroup below, and then one "."
 *   runb-systemd ADDRESS stop UNIT DESCRIPTION
 *
 * ADDRESS is "system" or that of a user's bus. A property is a line: name, type and values, with tabs between. It answers
 * with one line, "ok TEXT" or "error ERRNO TEXT".
 *
 * A scope has to have a process from its first moment to its last. init cannot be that one: it is cloned straight into
 * the cgroup, which must be there before. So a placeholder begins it, a process that touches no memory; after "ok CGROUP"
 * runb clones init and sends a second list of properties, and the placeholder goes. Where runb is killed meanwhile the
 * pipe between them ends, the placeholder with it, and systemd removes the scope. Before the second list there can be one
 * of a single line "attach": init was cloned outside, and is moved in. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#define SERVICE "org.freedesktop.systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define PATIENCE_US (UINT64_C(60) * 1000 * 1000)
#define LINE_LIMIT 65536
#define LINES_MAX 512
#define CPUS_MAX 8192

static sd_bus *bus;

static int fail(int error, const char *what, const sd_bus_error *why)
{
        const char *text = why != NULL && why->message != NULL ? why->message : strerror(error < 0 ? -error : error);

        printf("error %d %s: ", error < 0 ? -error : error, what);
        for (; *text != '\0'; text++)
                putchar((unsigned char)*text < 0x20 ? ' ' : *text);
        putchar('\n');
        fflush(stdout);
        return EXIT_FAILURE;
}

static void answer(const char *text)
{
        printf("ok %s\n", text);
        fflush(stdout);
}

/* In a user namespace the ids differ from those that the bus sees: sd-bus names none, and the socket's own count. */
static int connect_bus(const char *address)
{
        int r;

        if (strcmp(address, "system") == 0)
                return sd_bus_open_system(&bus);
        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, address);
        if (r >= 0)
                r = sd_bus_set_bus_client(bus, true);
        return r < 0 ? r : sd_bus_start(bus);
}

/* ---- properties ---- */

struct lines { char *items[LINES_MAX]; size_t n; };

/* Up to a line "."; false at the end of the input, and where a line is too long: its end must not be taken for another. */
static bool read_lines(struct lines *lines)
{
        static char room[LINE_LIMIT];
        char *end;

        lines->n = 0;
        while (fgets(room, sizeof room, stdin) != NULL) {
                end = strchr(room, '\n');
                if (end == NULL)
                        return false;
                *end = '\0';
                if (strcmp(room, ".") == 0)
                        return true;
                if (lines->n == LINES_MAX || (lines->items[lines->n] = strdup(room)) == NULL)
                        return false;
                lines->n++;
        }
        return false;
}

/* "0-2,4" as systemd's bit mask: bit n of byte n / 8. */
static int append_cpus(sd_bus_message *message, const char *list)
{
        uint8_t mask[CPUS_MAX / 8] = { 0 };
        size_t length = 0;
        const char *p = list;

        while (*p != '\0') {
                char *end;
                unsigned long first = strtoul(p, &end, 10), last = first;

                if (end == p)
                        return -EINVAL;
                if (*end == '-') {
                        p = end + 1;
                        last = strtoul(p, &end, 10);
                        if (end == p)
                                return -EINVAL;
                }
                if (first > last || last >= CPUS_MAX || (*end != '\0' && *end != ','))
                        return -EINVAL;
                for (unsigned long i = first; i <= last; i++)
                        mask[i / 8] |= (uint8_t)(1u << i % 8);
                if (last / 8 + 1 > length)
                        length = last / 8 + 1;
                p = *end == ',' ? end + 1 : end;
        }
        return sd_bus_message_append_array(message, 'y', mask, length);
}

static int append_basic(sd_bus_message *message, char type, const char *text)
{
        int64_t number = strtoll(text, NULL, 10);
        uint64_t natural = strtoull(text, NULL, 10);

        switch (type) {
        case 's':
                return sd_bus_message_append_basic(message, 's', text);
        case 'b':
                return sd_bus_message_append_basic(message, 'b', &(int){ strcmp(text, "true") == 0 });
        case 'y':
                return sd_bus_message_append_basic(message, 'y', &(uint8_t){ (uint8_t)natural });
        case 'n':
                return sd_bus_message_append_basic(message, 'n', &(int16_t){ (int16_t)number });
        case 'q':
                return sd_bus_message_append_basic(message, 'q', &(uint16_t){ (uint16_t)natural });
        case 'i':
                return sd_bus_message_append_basic(message, 'i', &(int32_t){ (int32_t)number });
        case 'u':
                return sd_bus_message_append_basic(message, 'u', &(uint32_t){ (uint32_t)natural });
        case 'x':
                return sd_bus_message_append_basic(message, 'x', &number);
        case 't':
                return sd_bus_message_append_basic(message, 't', &natural);
        default:
                return -EINVAL;
        }
}

static int append_value(sd_bus_message *message, const char *type, char *values)
{
        bool is_pairs = strcmp(type, "a(ss)") == 0;
        char item[2] = { type[0], '\0' }, *rest = NULL;
        int r;

        if (strcmp(type, "ay") == 0)
                return append_cpus(message, values == NULL ? "" : values);
        if (type[0] != 'a')
                return append_basic(message, type[0], values == NULL ? "" : values);
        item[0] = type[1];
        r = sd_bus_message_open_container(message, 'a', is_pairs ? "(ss)" : item);
        for (char *value = strtok_r(values, "\t", &rest); value != NULL && r >= 0; value = strtok_r(NULL, "\t", &rest)) {
                if (is_pairs) {
                        const char *second = strtok_r(NULL, "\t", &rest);

                        r = second == NULL ? -EINVAL : sd_bus_message_append(message, "(ss)", value, second);
                } else {
                        r = append_basic(message, type[1], value);
                }
        }
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static int append_property(sd_bus_message *message, char *line)
{
        char *type = strchr(line, '\t'), *values;
        int r;

        if (type == NULL)
                return -EINVAL;
        *type++ = '\0';
        values = strchr(type, '\t');
        if (values != NULL)
                *values++ = '\0';
        r = sd_bus_message_open_container(message, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(message, "s", line);
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'v', type);
        if (r >= 0)
                r = append_value(message, type, values);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

/* ---- jobs ---- */

struct job { const char *path; char result[64]; bool is_over; };

/* org.freedesktop.systemd1(5): JobRemoved(u id, o job, s unit, s result). */
static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *ignored)
{
        struct job *job = userdata;
        const char *path, *unit, *result;

        (void)ignored;
        if (job->path == NULL || sd_bus_message_read(message, "uoss", &(uint32_t){ 0 }, &path, &unit, &result) < 0 ||
            strcmp(path, job->path) != 0)
                return 0;
        snprintf(job->result, sizeof job->result, "%s", result);
        job->is_over = true;
        return 0;
}

static uint64_t now_us(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Signals that come with or before the call's reply are still in the queue: the match was there before the call. */
static int wait_for_job(struct job *job)
{
        uint64_t end = now_us() + PATIENCE_US;
        int r;

        while (!job->is_over) {
                r = sd_bus_process(bus, NULL);
                if (r < 0)
                        return r;
                if (r > 0)
                        continue;
                if (now_us() >= end)
                        return -ETIMEDOUT;
                r = sd_bus_wait(bus, end - now_us());
                if (r < 0 && r != -EINTR)
                        return r;
        }
        return 0;
}

static int watch_jobs(struct job *job)
{
        int r = sd_bus_match_signal(bus, NULL, SERVICE, MANAGER_PATH, MANAGER, "JobRemoved", on_job_removed, job);

        if (r >= 0)
                r = sd_bus_call_method(bus, SERVICE, MANAGER_PATH, MANAGER, "Subscribe", NULL, NULL, NULL);
        return r;
}

static int read_unit(const char *unit, const char *interface, const char *property, char **ret_text, sd_bus_error *error)
{
        char *path = NULL;
        int r = sd_bus_path_encode(MANAGER_PATH "/unit", unit, &path);

        if (r >= 0)
                r = sd_bus_get_property_string(bus, SERVICE, path, interface, property, error, ret_text);
        free(path);
        return r;
}

/* ---- start ---- */

static int begin_placeholder(pid_t *ret_pid)
{
        int fds[2];
        pid_t pid;
        char byte;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                close(fds[1]);
                close(STDIN_FILENO);
                close(STDOUT_FILENO);
                while (read(fds[0], &byte, 1) < 0 && errno == EINTR)
                        ;
                _exit(0);
        }
        close(fds[0]);
        *ret_pid = pid;
        return fds[1];
}

static int call_start(const char *unit, const char *description, pid_t pid, const struct lines *lines, sd_bus_message **ret_reply,
                      sd_bus_error *error)
{
        sd_bus_message *message = NULL;
        int r = sd_bus_message_new_method_call(bus, &message, SERVICE, MANAGER_PATH, MANAGER, "StartTransientUnit");

        if (r >= 0)
                r = sd_bus_message_append(message, "ss", unit, "fail");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'a', "(sv)");
        if (r >= 0)
                r = sd_bus_message_append(message, "(sv)(sv)", "Description", "s", description, "PIDs", "au", 1, (uint32_t)pid);
        for (size_t i = 0; i < lines->n && r >= 0; i++) {
                char *line = strdup(lines->items[i]);

                r = line == NULL ? -ENOMEM : append_property(message, line);
                free(line);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        if (r >= 0)
                r = sd_bus_message_append(message, "a(sa(sv))", 0);
        if (r >= 0)
                r = sd_bus_call(bus, message, PATIENCE_US, error, ret_reply);
        sd_bus_message_unref(message);
        return r;
}

static int set_properties(const char *unit, const struct lines *lines, sd_bus_error *error)
{
        sd_bus_message *message = NULL;
        int r;

        if (lines->n == 0)
                return 0;
        r = sd_bus_message_new_method_call(bus, &message, SERVICE, MANAGER_PATH, MANAGER, "SetUnitProperties");
        if (r >= 0)
                r = sd_bus_message_append(message, "sb", unit, true);
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'a', "(sv)");
        for (size_t i = 0; i < lines->n && r >= 0; i++)
                r = append_property(message, lines->items[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        if (r >= 0)
                r = sd_bus_call(bus, message, PATIENCE_US, error, NULL);
        sd_bus_message_unref(message);
        return r;
}

/* A user's systemd that may not move the process itself asks the system's, which does where the caller, the process and the
 * unit are of one user (systemd's commit dcf5e00c59ca; polkit has no part in it). */
static int attach(const char *unit, const char *text, sd_bus_error *error)
{
        char *below;
        uint32_t pid = (uint32_t)strtoul(text, &below, 10);

        if (pid == 0 || *below++ != '\t')
                return -EINVAL;
        return sd_bus_call_method(bus, SERVICE, MANAGER_PATH, MANAGER, "AttachProcessesToUnit", error, NULL, "ssau", unit, below, 1, pid);
}

#define ATTACH "attach\t"
static bool is_attach(const struct lines *lines)
{
        return lines->n == 1 && strncmp(lines->items[0], ATTACH, strlen(ATTACH)) == 0;
}

static int stop(const char *unit, const char *description, sd_bus_error *error)
{
        sd_bus_error ignored = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        struct job job = { 0 };
        char *whose = NULL;
        int r;

        r = read_unit(unit, SERVICE ".Unit", "Description", &whose, error);
        /* A unit that is not loaded is loaded for the question, with its name as its description. Another's is not ours. */
        if (r < 0 || strcmp(whose, description) != 0) {
                free(whose);
                return r;
        }
        free(whose);
        r = watch_jobs(&job);
        if (r < 0)
                return r;
        sd_bus_call_method(bus, SERVICE, MANAGER_PATH, MANAGER, "KillUnit", &ignored, NULL, "ssi", unit, "all", SIGKILL);
        sd_bus_error_free(&ignored);
        r = sd_bus_call_method(bus, SERVICE, MANAGER_PATH, MANAGER, "StopUnit", error, &reply, "ss", unit, "replace");
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &job.path);
        if (r >= 0)
                r = wait_for_job(&job);
        if (sd_bus_error_has_name(error, SERVICE ".NoSuchUnit")) {
                sd_bus_error_free(error);
                r = 0;
        }
        sd_bus_call_method(bus, SERVICE, MANAGER_PATH, MANAGER, "ResetFailedUnit", &ignored, NULL, "s", unit);
        sd_bus_error_free(&ignored);
        sd_bus_message_unref(reply);
        return r;
}

static int do_attach(const char *unit, const struct lines *lines)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = attach(unit, lines->items[0] + strlen(ATTACH), &error);

        if (r < 0)
                fail(r, "AttachProcessesToUnit", &error);
        else
                answer("");
        sd_bus_error_free(&error);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int do_start(const char *address, const char *unit, const char *description)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        struct lines lines;
        struct job job = { 0 };
        char *cgroup = NULL;
        pid_t pid = 0;
        int hold, r;

        if (!read_lines(&lines))
                return fail(E2BIG, "read the properties (512 of 64 KiB at most)", NULL);
        hold = begin_placeholder(&pid);
        if (hold < 0)
                return fail(hold, "begin the scope's placeholder", NULL);
        r = connect_bus(address);
        if (r < 0)
                return fail(r, "connect to systemd", NULL);
        r = watch_jobs(&job);
        if (r < 0)
                return fail(r, "watch systemd's jobs", NULL);
        r = call_start(unit, description, pid, &lines, &reply, &error);
        if (sd_bus_error_has_name(&error, SERVICE ".UnitExists")) {
                /* Of an earlier life, failed, and kept for somebody to look at. A living one cannot be reset. */
                sd_bus_error_free(&error);
                sd_bus_call_method(bus, SERVICE, MANAGER_PATH, MANAGER, "ResetFailedUnit", NULL, NULL, "s", unit);
                r = call_start(unit, description, pid, &lines, &reply, &error);
        }
        if (r < 0)
                return fail(r, "StartTransientUnit", &error);
        r = sd_bus_message_read(reply, "o", &job.path);
        if (r >= 0)
                r = wait_for_job(&job);
        if (r < 0)
                return fail(r, "wait for systemd's job", NULL);
        if (strcmp(job.result, "done") != 0) {
                snprintf(job.result + strlen(job.result), sizeof job.result - strlen(job.result), " (the job's result)");
                return fail(ECANCELED, job.result, NULL);
        }
        r = read_unit(unit, SERVICE ".Scope", "ControlGroup", &cgroup, &error);
        if (r < 0)
                return fail(r, "read ControlGroup", &error);
        answer(cgroup);

        for (;;) {
                if (!read_lines(&lines)) {
                        /* runb is gone, or has given up. */
                        close(hold);
                        waitpid(pid, NULL, 0);
                        stop(unit, description, &error);
                        return EXIT_FAILURE;
                }
                if (!is_attach(&lines))
                        break;
                do_attach(unit, &lines);
        }
        close(hold);
        waitpid(pid, NULL, 0);
        r = set_properties(unit, &lines, &error);
        if (r < 0)
                return fail(r, "SetUnitProperties", &error);
        answer("");
        return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        struct lines lines;
        const char *verb = argc > 3 ? argv[2] : "";
        int r;

        signal(SIGPIPE, SIG_IGN);
        if (strcmp(verb, "start") == 0 && argc == 5)
                return do_start(argv[1], argv[3], argv[4]);
        if (strcmp(verb, "set") == 0 && argc == 4) {
                if (!read_lines(&lines))
                        return fail(E2BIG, "read the properties (512 of 64 KiB at most)", NULL);
                r = connect_bus(argv[1]);
                if (r < 0)
                        return fail(r, "connect to systemd", NULL);
                r = set_properties(argv[3], &lines, &error);
                if (r < 0)
                        return fail(r, "SetUnitProperties", &error);
                answer("");
                return EXIT_SUCCESS;
        }
        if (strcmp(verb, "attach") == 0 && argc == 4) {
                r = connect_bus(argv[1]);
                if (r < 0)
                        return fail(r, "connect to systemd", NULL);
                /* Where runb ends before it has a process to move there is nothing to do. */
                return read_lines(&lines) && is_attach(&lines) ? do_attach(argv[3], &lines) : EXIT_FAILURE;
        }
        if (strcmp(verb, "stop") == 0 && argc == 5) {
                r = connect_bus(argv[1]);
                if (r < 0)
                        return fail(r, "connect to systemd", NULL);
                r = stop(argv[3], argv[4], &error);
                if (r < 0)
                        return fail(r, "StopUnit", &error);
                answer("");
                return EXIT_SUCCESS;
        }
        fprintf(stderr, "runb-systemd is started by runb (--systemd-cgroup) and of no use otherwise\n");
        return EXIT_FAILURE;
}
