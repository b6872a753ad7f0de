/* Withstands a log that somebody else wrote: lines of any bytes and length, numbers that would make the key move forever.
 *
 * After something that is wrong it goes on with what is there, so that one edited record is one finding and not a thousand. */
#include "runtime/audit_verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/text.h"

#define KEY_PREFIX "runb-audit-key:"
/* How far a key is moved to reach a record: half a minute of work. */
#define STEPS_MOST UINT64_C(100000000)

static __attribute__((format(printf, 5, 6))) void tell(struct audit_verifier *verifier, const char *file, uint64_t line,
                                                       uint64_t sequence, const char *format, ...)
{
        struct audit_problem problem = { .file = file, .line = line, .sequence = sequence };
        va_list args;

        va_start(args, format);
        vsnprintf(problem.text, sizeof problem.text, format, args);
        va_end(args);
        verifier->n_problems++;
        if (verifier->tell != NULL)
                verifier->tell(&problem, verifier->context);
}

/* ---- what people keep ---- */

static int read_number(const char *text, const char *end, uint64_t *ret_number)
{
        char digits[24];

        if (end == NULL || end == text || (size_t)(end - text) >= sizeof digits)
                return -EINVAL;
        memcpy(digits, text, (size_t)(end - text));
        digits[end - text] = '\0';
        return text_to_u64(digits, ret_number);
}

static int read_digits(const char *text, uint8_t ret_bytes[SHA256_LENGTH])
{
        size_t length = strcspn(text, " \n");

        return length == 2 * SHA256_LENGTH && text[length + strspn(text + length, " \n")] == '\0' && audit_hex_read(text, ret_bytes) ?
                       0 : -EINVAL;
}

int audit_key_read(const char *text, uint64_t *ret_sequence, uint8_t ret_key[AUDIT_KEY_LENGTH])
{
        const char *number = text + strlen(KEY_PREFIX), *colon;

        if (!text_starts_with(text, KEY_PREFIX))
                return -EINVAL;
        colon = strchr(number, ':');
        if (read_number(number, colon, ret_sequence) < 0 || *ret_sequence == 0)
                return -EINVAL;
        return read_digits(colon + 1, ret_key);
}

int audit_head_read(const char *text, uint64_t *ret_sequence, uint8_t ret_hash[SHA256_LENGTH])
{
        const char *colon = strchr(text, ':');

        *ret_sequence = 0;
        if (colon != NULL && read_number(text, colon, ret_sequence) < 0)
                return -EINVAL;
        return read_digits(colon != NULL ? colon + 1 : text, ret_hash);
}

/* ---- one after the other ---- */

void audit_verify_begin(struct audit_verifier *verifier)
{
        if (verifier->chain != NULL)
                verifier->live = *verifier->chain;
}

/* The key of @sequence, which is not before the one that we have. */
static bool move_key_to(struct audit_verifier *verifier, uint64_t sequence)
{
        if (sequence - verifier->key_sequence > STEPS_MOST)
                return false;
        for (; verifier->key_sequence < sequence; verifier->key_sequence++)
                audit_mac_move_key(verifier->key);
        return true;
}

/* Returns whether the record is the one that was written, as far as a MAC tells. */
static bool check_mac(struct audit_verifier *verifier, const char *file, uint64_t number, const char *line, const struct audit_line *read)
{
        if (!read->has_mac) {
                if (verifier->has_macs || (verifier->has_key && read->sequence >= verifier->key_sequence)) {
                        tell(verifier, file, number, read->sequence, "has no MAC, which every record after `runb audit init` has");
                        return false;
                }
                return true;
        }
        verifier->has_macs = true;
        if (!verifier->has_key || read->sequence < verifier->key_sequence)
                return true;
        if (!move_key_to(verifier, read->sequence)) {
                tell(verifier, file, number, read->sequence, "its number is too far from the key's");
                return false;
        }
        if (!audit_line_is_of_key(line, read, verifier->key)) {
                tell(verifier, file, number, read->sequence, "was edited: its MAC is not the one of what it says");
                return false;
        }
        verifier->n_macs++;
        return true;
}

/* Rotation says which records went. Written by runb, so in one way. */
static void note_dropped(struct audit_verifier *verifier, const char *line, size_t length)
{
        static const char event[] = ",\"event\":\"rotate\",\"rotated\":\"", dropped[] = "\",\"dropped\":{\"first\":", last[] = ",\"last\":";
        const char *at = memmem(line, length, event, strlen(event)), *end = line + length;
        uint64_t number = 0;

        at = at != NULL ? memmem(at, (size_t)(end - at), dropped, strlen(dropped)) : NULL;
        at = at != NULL ? memmem(at, (size_t)(end - at), last, strlen(last)) : NULL;
        if (at == NULL)
                return;
        for (at += strlen(last); at < end && *at >= '0' && *at <= '9' && number < UINT64_MAX / 100; at++)
                number = number * 10 + (uint64_t)(*at - '0');
        if (number > verifier->dropped_up_to)
                verifier->dropped_up_to = number;
}

static void check_live(struct audit_verifier *verifier, const char *file, uint64_t number, const struct audit_line *read,
                       const char *line, size_t length)
{
        if (verifier->chain == NULL || read->sequence <= verifier->live.sequence)
                return;
        if (audit_chain_take(&verifier->live, line, length))
                verifier->n_unnoted++;
        else
                tell(verifier, file, number, read->sequence, "stands behind the end of the chain, and was not written with its key");
}

/* With a number that is not the next one: is it the record's own, so that others are missing, or was it edited? */
static bool is_own_number(struct audit_verifier *verifier, const char *line, const struct audit_line *read)
{
        uint8_t key[AUDIT_KEY_LENGTH];
        uint64_t steps;
        bool is_own;

        if (!verifier->has_key || !read->has_mac || read->sequence < verifier->key_sequence)
                return memcmp(read->prev, verifier->head, sizeof read->prev) != 0;
        steps = read->sequence - verifier->key_sequence;
        if (steps > STEPS_MOST - verifier->n_steps)
                return false;
        verifier->n_steps += steps;
        memcpy(key, verifier->key, sizeof key);
        for (; steps > 0; steps--)
                audit_mac_move_key(key);
        is_own = audit_line_is_of_key(line, read, key);
        explicit_bzero(key, sizeof key);
        return is_own;
}

/* Returns whether the record stands where it must, or at least where others are missing before it. */
static bool check_order(struct audit_verifier *verifier, const char *file, uint64_t number, const char *line, const struct audit_line *read)
{
        uint64_t expected = verifier->sequence + 1, gap;

        if (!verifier->has_begun) {
                verifier->first_sequence = read->sequence;
                return true;
        }
        if (read->sequence < expected) {
                tell(verifier, file, number, read->sequence, "is out of order, or was edited: it stands behind %" PRIu64, verifier->sequence);
                return false;
        }
        gap = read->sequence - expected;
        if (gap > 0 && !is_own_number(verifier, line, read)) {
                tell(verifier, file, number, read->sequence, "was edited: %" PRIu64 " was its number, or its MAC is not the one of what it "
                     "says", expected);
                return false;
        }
        if (gap > verifier->n_bad && gap == 1)
                tell(verifier, file, number, read->sequence, "record %" PRIu64 " before it is missing", expected);
        else if (gap > verifier->n_bad)
                tell(verifier, file, number, read->sequence, "records %" PRIu64 " to %" PRIu64 " before it are missing", expected,
                     read->sequence - 1);
        else if (gap == 0 && !verifier->is_resynced && memcmp(read->prev, verifier->head, sizeof read->prev) != 0)
                tell(verifier, file, number, read->sequence, "does not continue record %" PRIu64 " (line %" PRIu64 " of %s), which was "
                     "edited or replaced", verifier->sequence, verifier->last_good_line, verifier->last_file);
        return true;
}

void audit_verify_line(struct audit_verifier *verifier, const char *file, uint64_t number, const char *line, size_t length)
{
        struct audit_line read;
        bool is_good;

        if (audit_line_read(line, length, &read) < 0 || read.sequence == 0) {
                tell(verifier, file, number, verifier->has_begun ? verifier->sequence + verifier->n_bad + 1 : 0,
                     "is no record: it was edited, or is not of this log");
                verifier->n_bad++;
                return;
        }
        if (!check_order(verifier, file, number, line, &read)) {
                verifier->n_bad++;
                return;
        }
        is_good = check_mac(verifier, file, number, line, &read);
        verifier->n_records++;
        verifier->n_bad = 0;
        verifier->has_begun = true;
        verifier->is_resynced = !is_good;
        verifier->sequence = read.sequence;
        verifier->last_good_line = number;
        verifier->last_file = file;
        audit_line_hash(line, length, verifier->head);
        if (is_good) {
                note_dropped(verifier, line, length);
                check_live(verifier, file, number, &read, line, length);
        }
        if (verifier->has_anchor && !verifier->is_anchor_seen &&
            memcmp(verifier->head, verifier->anchor, sizeof verifier->anchor) == 0 &&
            (verifier->anchor_sequence == 0 || verifier->anchor_sequence == read.sequence))
                verifier->is_anchor_seen = true;
}

void audit_verify_half(struct audit_verifier *verifier, const char *file, uint64_t number, size_t length)
{
        if (length == 0)
                return;
        /* What a killed writer leaves, and the next record tells: all that was noted is there before it. Not by its offset: the log
         * may have been rotated in the same moment. */
        if (verifier->chain != NULL && verifier->n_bad == 0 && verifier->sequence >= verifier->chain->sequence)
                verifier->has_half_line = true;
        else
                tell(verifier, file, number, 0, "ends in the middle: %zu bytes of a record", length);
}

static void check_end(struct audit_verifier *verifier)
{
        const struct audit_chain *chain = verifier->chain;

        if (chain != NULL && chain->sequence > verifier->sequence)
                tell(verifier, NULL, 0, chain->sequence, "the log ends at record %" PRIu64 ", and the chain stands at %" PRIu64
                     ": %" PRIu64 " records were cut off", verifier->sequence, chain->sequence, chain->sequence - verifier->sequence);
        else if (chain != NULL && verifier->sequence == verifier->live.sequence && !verifier->is_resynced &&
                 memcmp(verifier->head, verifier->live.head, sizeof verifier->head) != 0)
                tell(verifier, NULL, 0, verifier->sequence, "is not the last record that was written: it was edited or replaced");
        if (!verifier->has_anchor || verifier->is_anchor_seen)
                return;
        if (verifier->anchor_sequence == 0)
                tell(verifier, NULL, 0, 0, "no record has the hash of the head that was noted: the log was cut before it, or rewritten");
        else if (verifier->anchor_sequence > verifier->sequence)
                tell(verifier, NULL, 0, verifier->anchor_sequence, "the log ends at record %" PRIu64 ", and the head that was noted is %"
                     PRIu64 ": %" PRIu64 " records were cut off", verifier->sequence, verifier->anchor_sequence,
                     verifier->anchor_sequence - verifier->sequence);
        else
                tell(verifier, NULL, 0, verifier->anchor_sequence, "is not the one that was noted: the log was rewritten");
}

void audit_verify_end(struct audit_verifier *verifier)
{
        /* Rotated files may be gone, where a record says so. */
        if (verifier->has_begun && !verifier->is_part && verifier->first_sequence > verifier->dropped_up_to + 1)
                tell(verifier, NULL, 0, verifier->first_sequence, "the log begins with record %" PRIu64 ", and nothing says that those "
                     "before it were dropped", verifier->first_sequence);
        check_end(verifier);
        audit_chain_wipe(&verifier->live);
        explicit_bzero(verifier->key, sizeof verifier->key);
}

/* ---- files ---- */

int audit_read_lines(int fd, uint64_t limit_bytes, audit_take *take, void *context)
{
        size_t size = 65536;
        auto_free char *text = malloc(size);
        struct audit_read_line line = { .number = 1, .is_whole = true, .is_ended = true };
        size_t begin = 0, end = 0;
        uint64_t at = 0;
        int r;

        if (text == NULL)
                return -ENOMEM;
        for (;;) {
                size_t room = size - end;
                ssize_t n = read(fd, text + end, limit_bytes - at < room ? (size_t)(limit_bytes - at) : room);
                char *stop;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                at += (uint64_t)n;
                end += (size_t)n;
                while ((stop = memchr(text + begin, '\n', end - begin)) != NULL) {
                        line.text = text + begin;
                        line.length = (size_t)(stop - line.text);
                        r = take(&line, context);
                        if (r != 0)
                                return r;
                        line.number++;
                        line.is_whole = true;
                        begin = (size_t)(stop + 1 - text);
                }
                if (n == 0)
                        break;
                if (begin == 0 && end == size && size <= AUDIT_LINE_LIMIT_BYTES) {
                        char *more = realloc(text, 2 * size);

                        if (more == NULL)
                                return -ENOMEM;
                        text = more;
                        size *= 2;
                        continue;
                }
                /* Nobody wrote such a line: its beginning goes, and what is left is told at its end. */
                if (begin == 0 && end == size) {
                        line.is_whole = false;
                        end = 0;
                        continue;
                }
                memmove(text, text + begin, end - begin);
                end -= begin;
                begin = 0;
        }
        line.text = text + begin;
        line.length = end - begin;
        line.is_ended = false;
        return line.length > 0 || !line.is_whole ? take(&line, context) : 0;
}

struct verified_file {
        struct audit_verifier *verifier;
        const char *name;
        bool is_last;
};

static int verify_line(const struct audit_read_line *line, void *context)
{
        const struct verified_file *file = context;

        if (!line->is_whole)
                audit_verify_line(file->verifier, file->name, line->number, "", 0);
        else if (line->is_ended)
                audit_verify_line(file->verifier, file->name, line->number, line->text, line->length);
        else if (file->is_last)
                audit_verify_half(file->verifier, file->name, line->number, line->length);
        else
                tell(file->verifier, file->name, line->number, 0, "ends in the middle: %zu bytes of a record", line->length);
        return 0;
}

int audit_verify_file(struct audit_verifier *verifier, int fd, const char *file, uint64_t limit_bytes, bool is_last)
{
        struct verified_file context = { verifier, file, is_last };

        return audit_read_lines(fd, limit_bytes, verify_line, &context);
}
