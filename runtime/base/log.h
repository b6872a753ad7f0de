/* The log that engines read: runc's fields, in text or JSON, one line a message. */
#pragma once

#include <stdbool.h>

enum log_level { LOG_ERROR_, LOG_WARNING_, LOG_INFO_, LOG_DEBUG_ };

/* Opens the log file (O_APPEND, shared by concurrent calls). @path: NULL for stderr.
 * @is_json: {"level":...,"msg":...,"time":...}, time in RFC 3339 with nanoseconds.
 * @is_debug: lets debug lines through. Returns 0 or a negative errno. */
int log_open(const char *path, bool is_json, bool is_debug);

/* The fatal message: one line to the log file when there is one, and the bare
 * text on stderr always (engines read either). Everything else stays off stderr unless --debug. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A warning to a person who typed something that has no effect; no engine does. On stderr or in the log, as runc's are. */
void log_warning_to_caller(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

bool log_is_debug(void);

/* The log file's fd, UNSET_FD when there is none: what closes everything else must leave it. */
int log_fd(void);
