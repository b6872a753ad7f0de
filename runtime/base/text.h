/* Text: numbers that are checked, and a buffer that grows, with JSON and shell-free quoting. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits only: no sign, blank, base prefix or overflow. Returns 0, -EINVAL or -ERANGE. */
int text_to_u64(const char *text, uint64_t *ret_value);
int text_to_u32(const char *text, uint32_t *ret_value);
int text_to_i64(const char *text, int64_t *ret_value);  /* one leading minus sign allowed */

/* A duration as Go's time.ParseDuration takes it: "5s", "1h30m", "1.5ms", "-0.5us", "0". Returns 0, -EINVAL or -ERANGE. */
int text_to_duration(const char *text, int64_t *ret_ns);

static inline bool text_is_empty(const char *text)
{
        return text == NULL || text[0] == '\0';
}
bool text_starts_with(const char *text, const char *prefix);

/* shell-style pattern with * and ? (fnmatch without classes), for policy names. */
bool text_matches(const char *pattern, const char *text);

/* In place: "\040" becomes a blank, as proc_pid_mountinfo(5) writes blanks, tabs, line ends and backslashes; what is not
 * a backslash with three octal digits of one byte stays. Returns @text. */
char *text_unescape_octal(char *text);

/* A growing buffer. Zero it to begin; free(buffer.text) or text_buffer_free() at the end. When memory runs out
 * is_broken is set and everything else is ignored, so that only the end needs a check. */
struct text_buffer {
        char *text;
        size_t length;
        size_t size;
        bool is_broken;
};

void text_add(struct text_buffer *buffer, const char *text);
void text_add_n(struct text_buffer *buffer, const char *bytes, size_t length);
void text_addf(struct text_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool text_is_utf8(const char *text);
/* As a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void text_add_json(struct text_buffer *buffer, const char *text);
/* The beginning of an object's member, "key":, or of an array's where @key is NULL, with the comma that it may need. */
void text_add_key(struct text_buffer *buffer, const char *key);
/* A whole member, or an item of an array where @key is NULL; a text that is NULL is "". */
void text_add_member(struct text_buffer *buffer, const char *key, const char *text);
void text_add_number(struct text_buffer *buffer, const char *key, uint64_t value);
void text_add_flag(struct text_buffer *buffer, const char *key, bool value);
/* The beginning of one: the caller adds the "}" or "]". */
void text_add_object(struct text_buffer *buffer, const char *key);
void text_add_list(struct text_buffer *buffer, const char *key);
void text_buffer_free(struct text_buffer *buffer);
#define auto_buffer __attribute__((cleanup(text_buffer_free)))

/* RFC 3339 in UTC with nanoseconds. @ret_text: at least 40 bytes. */
void text_time_now(char *ret_text, size_t size);
