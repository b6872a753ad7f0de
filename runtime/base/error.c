/* Errors are flat values so that failing never allocates. The errno texts are lower case because
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

static void put(struct error *err, int code, const char *rule, const char *format, va_list args)
{
        if (err == NULL)
                return;
        err->code = code;
        err->rule = rule;
        vsnprintf(err->text, sizeof err->text, format, args);
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
        size_t length;

        va_start(args, format);
        put(err, abs(code), NULL, format, args);
        va_end(args);
        if (err != NULL) {
                length = strlen(err->text);
                snprintf(err->text + length, sizeof err->text - length, ": %s", error_text(code));
        }
        return -abs(code);
}

int error_context(struct error *err, const char *format, ...)
{
        char rest[sizeof err->text];
        va_list args;
        size_t length;

        if (err == NULL)
                return -EINVAL;
        memcpy(rest, err->text, sizeof rest);
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        length = strlen(err->text);
        snprintf(err->text + length, sizeof err->text - length, ": %s", rest);
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
