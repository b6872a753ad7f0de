/* Numbers from untrusted text are read strictly: digits only, range checked. strtoul(3) takes signs and blanks, and
 * crun CVE-2026-30892 was an id parsed that way. */
#include "runtime/base/text.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int text_to_u64(const char *text, uint64_t *ret_value)
{
        uint64_t value = 0;

        if (text_is_empty(text))
                return -EINVAL;
        for (; *text != '\0'; text++) {
                if (*text < '0' || *text > '9')
                        return -EINVAL;
                if (__builtin_mul_overflow(value, 10, &value) ||
                    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
                        return -ERANGE;
        }
        *ret_value = value;
        return 0;
}

int text_to_u32(const char *text, uint32_t *ret_value)
{
        uint64_t value;
        int r = text_to_u64(text, &value);

        if (r < 0)
                return r;
        if (value > UINT32_MAX)
                return -ERANGE;
        *ret_value = (uint32_t)value;
        return 0;
}

int text_to_i64(const char *text, int64_t *ret_value)
{
        bool is_negative = text != NULL && text[0] == '-';
        uint64_t value;
        int r = text_to_u64(is_negative ? text + 1 : text, &value);

        if (r < 0)
                return r;
        if (value > (uint64_t)INT64_MAX + is_negative)
                return -ERANGE;
        *ret_value = is_negative ? (int64_t)(0 - value) : (int64_t)value;
        return 0;
}

int text_to_duration(const char *text, int64_t *ret_ns)
{
        static const struct { const char *name; uint64_t ns; } units[] = {
                { "ns", 1 }, { "us", 1000 }, { "\u00b5s", 1000 }, { "\u03bcs", 1000 }, { "ms", 1000000 },
                { "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 },
        };
        bool is_negative = *text == '-';
        const char *p = text + (*text == '-' || *text == '+');
        unsigned __int128 sum = 0;

        if (strcmp(p, "0") == 0) {
                *ret_ns = 0;
                return 0;
        }
        if (*p == '\0')
                return -EINVAL;
        while (*p != '\0') {
                unsigned __int128 whole = 0, part = 0, scale = 1;
                bool has_digits = false;
                size_t length, unit;

                for (; *p >= '0' && *p <= '9'; p++, has_digits = true) {
                        whole = whole * 10 + (unsigned)(*p - '0');
                        if (whole > INT64_MAX)
                                return -ERANGE;
                }
                if (*p == '.') {
                        for (p++; *p >= '0' && *p <= '9'; p++, has_digits = true) {
                                if (scale >= 1000000000000000)
                                        continue;
                                part = part * 10 + (unsigned)(*p - '0');
                                scale *= 10;
                        }
                }
                length = strcspn(p, "+-.0123456789");
                for (unit = 0; unit < sizeof units / sizeof *units; unit++)
                        if (strlen(units[unit].name) == length && memcmp(units[unit].name, p, length) == 0)
                                break;
                if (!has_digits || unit == sizeof units / sizeof *units)
                        return -EINVAL;
                p += length;
                sum += whole * units[unit].ns + part * units[unit].ns / scale;
                if (sum > INT64_MAX)
                        return -ERANGE;
        }
        *ret_ns = is_negative ? -(int64_t)sum : (int64_t)sum;
        return 0;
}

bool text_starts_with(const char *text, const char *prefix)
{
        return strncmp(text, prefix, strlen(prefix)) == 0;
}

char *text_unescape_octal(char *text)
{
        char *out = text;

        for (const char *in = text; *in != '\0';) {
                if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' && in[3] >= '0' &&
                    in[3] <= '7') {
                        *out++ = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
                        in += 4;
                } else {
                        *out++ = *in++;
                }
        }
        *out = '\0';
        return text;
}

bool text_matches(const char *pattern, const char *text)
{
        return fnmatch(pattern, text, FNM_NOESCAPE) == 0;
}

static bool make_room(struct text_buffer *buffer, size_t more)
{
        size_t size = buffer->size == 0 ? 256 : buffer->size;
        char *text;

        if (buffer->is_broken || more > SIZE_MAX / 4 || buffer->length > SIZE_MAX / 4) {
                buffer->is_broken = true;
                return false;
        }
        if (buffer->text != NULL && buffer->size - buffer->length > more)
                return true;
        while (size - buffer->length <= more)
                size *= 2;
        text = realloc(buffer->text, size);
        if (text == NULL) {
                buffer->is_broken = true;
                return false;
        }
        buffer->text = text;
        buffer->size = size;
        return true;
}

void text_add_n(struct text_buffer *buffer, const char *bytes, size_t length)
{
        if (!make_room(buffer, length))
                return;
        memcpy(buffer->text + buffer->length, bytes, length);
        buffer->length += length;
        buffer->text[buffer->length] = '\0';
}

void text_add(struct text_buffer *buffer, const char *text)
{
        text_add_n(buffer, text, strlen(text));
}

void text_addf(struct text_buffer *buffer, const char *format, ...)
{
        va_list args, again;
        size_t room;
        int length;

        va_start(args, format);
        va_copy(again, args);
        /* Mostly it fits where it goes. */
        room = make_room(buffer, 64) ? buffer->size - buffer->length : 0;
        length = vsnprintf(room > 0 ? buffer->text + buffer->length : NULL, room, format, args);
        if (length < 0)
                buffer->is_broken = true;
        if (length >= 0 && (size_t)length < room) {
                buffer->length += (size_t)length;
        } else if (length >= 0 && make_room(buffer, (size_t)length)) {
                vsnprintf(buffer->text + buffer->length, (size_t)length + 1, format, again);
                buffer->length += (size_t)length;
        }
        va_end(again);
        va_end(args);
}

/* Length of the UTF-8 sequence at @s, 0 when there is none (RFC 3629: no overlong forms, no surrogates). */
static size_t utf8_length(const unsigned char *s)
{
        size_t n, i;
        uint32_t c;

        if (s[0] < 0x80)
                return 1;
        n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
        if (n == 0 || s[0] > 0xf4)
                return 0;
        c = s[0] & (0x7fu >> n);
        for (i = 1; i < n; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3f);
        }
        if ((n == 3 && (c < 0x800 || (c >= 0xd800 && c <= 0xdfff))) || (n == 4 && (c < 0x10000 || c > 0x10ffff)))
                return 0;
        return n;
}

bool text_is_utf8(const char *text)
{
        const unsigned char *s = (const unsigned char *)text;
        size_t n;

        for (; *s != '\0'; s += n) {
                n = utf8_length(s);
                if (n == 0)
                        return false;
        }
        return true;
}

void text_add_json(struct text_buffer *buffer, const char *text)
{
        const unsigned char *s = (const unsigned char *)text;
        size_t n;

        text_add_n(buffer, "\"", 1);
        for (; *s != '\0'; s += n == 0 ? 1 : n) {
                for (n = 0; s[n] >= 0x20 && s[n] < 0x7f && s[n] != '"' && s[n] != '\\';)
                        n++;
                if (n > 0) {
                        text_add_n(buffer, (const char *)s, n);
                        continue;
                }
                n = utf8_length(s);
                if (n == 0)
                        text_add(buffer, "\xef\xbf\xbd");
                else if (*s == '"' || *s == '\\')
                        text_addf(buffer, "\\%c", *s);
                else if (*s == '\n')
                        text_add(buffer, "\\n");
                else if (*s == '\t')
                        text_add(buffer, "\\t");
                else if (*s < 0x20 || *s == 0x7f)
                        text_addf(buffer, "\\u%04x", *s);
                else
                        text_add_n(buffer, (const char *)s, n);
        }
        text_add_n(buffer, "\"", 1);
}

void text_add_key(struct text_buffer *buffer, const char *key)
{
        char last = buffer->length > 0 ? buffer->text[buffer->length - 1] : '{';

        if (last != '{' && last != '[')
                text_add(buffer, ",");
        if (key != NULL) {
                text_add_json(buffer, key);
                text_add(buffer, ":");
        }
}

void text_add_member(struct text_buffer *buffer, const char *key, const char *text)
{
        text_add_key(buffer, key);
        text_add_json(buffer, text == NULL ? "" : text);
}

void text_add_number(struct text_buffer *buffer, const char *key, uint64_t value)
{
        text_add_key(buffer, key);
        text_addf(buffer, "%" PRIu64, value);
}

void text_add_flag(struct text_buffer *buffer, const char *key, bool value)
{
        text_add_key(buffer, key);
        text_add(buffer, value ? "true" : "false");
}

void text_add_object(struct text_buffer *buffer, const char *key)
{
        text_add_key(buffer, key);
        text_add(buffer, "{");
}

void text_add_list(struct text_buffer *buffer, const char *key)
{
        text_add_key(buffer, key);
        text_add(buffer, "[");
}

void text_buffer_free(struct text_buffer *buffer)
{
        free(buffer->text);
        *buffer = (struct text_buffer){ 0 };
}

/* Not gmtime_r(3): it reads the host's time zone for a time that has none. The proleptic Gregorian calendar, in years that
 * begin in March, so that the day that some years have more is their last. */
void text_time_now(char *ret_text, size_t size)
{
        struct timespec now;
        unsigned era, day_of_era, year, day, month, second;
        uint64_t days;

        clock_gettime(CLOCK_REALTIME, &now);
        days = (uint64_t)now.tv_sec / 86400 + 719468;   /* since 0000-03-01 */
        second = (unsigned)((uint64_t)now.tv_sec % 86400);
        era = (unsigned)(days / 146097);                /* of 400 years */
        day_of_era = (unsigned)(days % 146097);
        year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
        day = day_of_era - (365 * year + year / 4 - year / 100);
        month = (5 * day + 2) / 153;                    /* 0: March */
        day = day - (153 * month + 2) / 5 + 1;
        year += era * 400 + (month >= 10);
        month = month < 10 ? month + 3 : month - 9;
        snprintf(ret_text, size, "%04u-%02u-%02uT%02u:%02u:%02u.%09ldZ", year, month, day, second / 3600, second / 60 % 60,
                 second % 60, now.tv_nsec);
}
