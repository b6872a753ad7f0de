/* One line a message, written with one write(2) to a file opened O_APPEND: concurrent calls share it (BuildKit's
 * runc-log.json). podman parses the whole file as one object, so a call that does not debug writes the error and
 * nothing else. */
#include "runtime/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"

static struct {
        int fd;
        bool is_json;
        bool is_debug;
} the_log = { .fd = UNSET_FD };

int log_open(const char *path, bool is_json, bool is_debug)
{
        int fd = UNSET_FD, high;

        if (!text_is_empty(path)) {
                fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
                if (fd < 0)
                        return -errno;
                /* Out of the way of --preserve-fds, whose fds are numbered from 3. */
                high = fcntl(fd, F_DUPFD_CLOEXEC, 512);
                if (high >= 0) {
                        close(fd);
                        fd = high;
                }
        }
        the_log.fd = fd;
        the_log.is_json = is_json;
        the_log.is_debug = is_debug;
        return 0;
}

bool log_is_debug(void)
{
        return the_log.is_debug;
}

int log_fd(void)
{
        return the_log.fd;
}

static void put(int fd, const char *level, const char *message)
{
        auto_buffer struct text_buffer line = { 0 };
        char now[40];

        text_time_now(now, sizeof now);
        if (the_log.is_json) {
                text_addf(&line, "{\"level\":\"%s\",\"msg\":", level);
                text_add_json(&line, message);
                text_addf(&line, ",\"time\":\"%s\"}\n", now);
        } else {
                text_addf(&line, "time=\"%s\" level=%s msg=", now, level);
                text_add_json(&line, message);
                text_add(&line, "\n");
        }
        if (!line.is_broken)
                fd_write_all(fd, line.text, line.length);
}

static void say(enum log_level level, const char *format, va_list args)
{
        static const char *const names[] = { "error", "warning", "info", "debug" };
        char message[2048];
        bool is_error = level == LOG_ERROR_;

        vsnprintf(message, sizeof message, format, args);
        if (the_log.fd >= 0 && (is_error || the_log.is_debug))
                put(the_log.fd, names[level], message);
        else if (the_log.fd < 0 && the_log.is_debug && !is_error)
                put(STDERR_FILENO, names[level], message);
        if (is_error) {
                auto_buffer struct text_buffer line = { 0 };

                text_addf(&line, "%s\n", message);
                if (!line.is_broken)
                        fd_write_all(STDERR_FILENO, line.text, line.length);
        }
}

void log_error(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        say(LOG_ERROR_, format, args);
        va_end(args);
}

void log_warning(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        say(LOG_WARNING_, format, args);
        va_end(args);
}

void log_warning_to_caller(const char *format, ...)
{
        char message[512];
        va_list args;

        va_start(args, format);
        vsnprintf(message, sizeof message, format, args);
        va_end(args);
        put(the_log.fd >= 0 ? the_log.fd : STDERR_FILENO, "warning", message);
}

void log_debug(const char *format, ...)
{
        va_list args;

        if (!the_log.is_debug)
                return;
        va_start(args, format);
        say(LOG_DEBUG_, format, args);
        va_end(args);
}
