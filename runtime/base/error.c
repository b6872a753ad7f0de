/* Errors are flat values so that failing allocates nothing, but for a sentence that is too long. The errno texts are lower case because
 * docker and podman decide exit codes by comparing them (126, 127). */
#include "runtime/base/error.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *error_text(int code)
{
        static char text[128];
        const char *plain = strerrordesc_np(abs(code));
        size_t i;

        if (plain == NULL) {
                snprintf(text, sizeof text, "errno %d", abs(code));
                return text;
        }
        for (i = 0; plain[i] != '\0' && i + 1 < sizeof text; i++)
                text[i] = (char)tolower((unsigned char)plain[i]);
        text[i] = '\0';
        return text;
}

#define GAP "..."

/* What does not fit loses its middle: the property stands at the front, the reason and the remedy at the end. */
static void fit(const char *whole, size_t length, char *text, size_t size)
{
        size_t head = (size - sizeof GAP) / 2, tail = size - sizeof GAP - head;

        if (length < size) {
                memcpy(text, whole, length + 1);
                return;
        }
        memcpy(text, whole, head);
        memcpy(text + head, GAP, sizeof GAP - 1);
        memcpy(text + head + sizeof GAP - 1, whole + length - tail, tail + 1);
}

/* One line, whatever the names in it hold: a key of config.json or a file's name could forge lines of a log, and speak
 * to the terminal of whoever reads it. */
static void print(char *text, size_t size, const char *format, va_list args)
{
        char *whole = NULL;
        va_list again;
        int length;

        va_copy(again, args);
        length = vsnprintf(text, size, format, args);
        /* Where there is no memory for a sentence of megabytes, its front has to do. */
        if (length >= 0 && (size_t)length >= size && vasprintf(&whole, format, again) >= 0) {
                fit(whole, (size_t)length, text, size);
                free(whole);
        }
        va_end(again);
        for (; *text != '\0'; text++)
                if ((unsigned char)*text < 0x20 || *text == 0x7f)
                        *text = '?';
}

/* @end: its own text or none of @err's. */
static void append(struct error *err, const char *end)
{
        char whole[2 * sizeof err->text + 2];
        int length = snprintf(whole, sizeof whole, "%s: %s", err->text, end);

        fit(whole, (size_t)length, err->text, sizeof err->text);
}

static void put(struct error *err, int code, const char *rule, const char *format, va_list args)
{
        if (err == NULL)
                return;
        err->code = code;
        err->rule = rule;
        print(err->text, sizeof err->text, format, args);
}

int error_set(struct error *err, int code, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        put(err, abs(code), NULL, format, args);
        va_end(args);
        return -abs(code);
}

int error_errno(struct error *err, int code, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        put(err, abs(code), NULL, format, args);
        va_end(args);
        if (err != NULL)
                append(err, error_text(code));
        return -abs(code);
}

int error_context(struct error *err, const char *format, ...)
{
        char rest[sizeof err->text];
        va_list args;

        if (err == NULL)
                return -EINVAL;
        memcpy(rest, err->text, sizeof rest);
        va_start(args, format);
        print(err->text, sizeof err->text, format, args);
        va_end(args);
        append(err, rest);
        return -err->code;
}

int error_refuse(struct error *err, const char *rule, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        put(err, EPERM, rule, format, args);
        va_end(args);
        return -EPERM;
}
