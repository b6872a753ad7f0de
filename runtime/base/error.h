/* What went wrong, as one flat value: a code and a sentence. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* Owned by the caller, usually on its stack. Filling it allocates nothing. */
struct error {
        int code;               /* positive errno, 0 when unset */
        const char *rule;       /* a policy refusal's rule (static text), else NULL */
        char text[1024];        /* without a final newline */
};

/* Sets the sentence. Returns -code, so that a caller can write `return error_set(...)`.
 * @code: a positive errno value. @err may be NULL. */
int error_set(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Like error_set(), with ": " and the errno's text in lower case appended, as Go
 * programs print it (engines match these texts case-sensitively).
 * @code: a positive or negative errno value; its sign is ignored. */
int error_errno(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "subject: " before the sentence that is there. Returns -err->code. */
int error_context(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A refusal by policy: code EPERM, rule kept apart. @rule: static text such as "mounts.sockets". */
int error_refuse(struct error *err, const char *rule, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* The errno's text in lower case ("no such file or directory"). Static storage. */
const char *error_text(int code);
