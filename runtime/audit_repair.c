/* Nothing is thrown away in silence. Whole lines that continue the chain are taken in. Half a line at the end, which only a
 * killed writer or a full disk leaves, is cut off and told, with its length and its hash: whoever wrote it had not gone on yet.
 * Zeros at the end, which a crash of the machine leaves, go the same way. Whatever else is there stays, is told, and fails `runb audit verify`. */
#include "runtime/audit_repair.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/audit_line.h"
#include "runtime/audit_record.h"
#include "runtime/base/auto.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

/* Of one reading: more than the largest record. */
#define TAIL_BYTES (2 * AUDIT_LINE_LIMIT_BYTES)

struct found {
        uint64_t taken_in;
        uint64_t cut_bytes, zero_bytes, foreign_bytes, missing_bytes;
        uint8_t cut[SHA256_LENGTH];
        bool is_chain_lost;
        char moved[PATH_MAX];
};

static int read_at(int fd, uint64_t from, uint64_t length, char **ret_text)
{
        auto_free char *text = malloc(length + 1);
        uint64_t n = 0;

        if (text == NULL)
                return -ENOMEM;
        while (n < length) {
                ssize_t got = pread(fd, text + n, length - n, (off_t)(from + n));

                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        return got < 0 ? -errno : -EIO;
                n += (uint64_t)got;
        }
        text[length] = '\0';
        *ret_text = text;
        text = NULL;
        return 0;
}

static int fail_read(const struct audit_log *log, int code, struct error *err)
{
        return error_errno(err, code, "audit file %s: read it", log->settings->path);
}

/* From @from on: what continues the chain, then what does not. */
static int take_in(struct audit_log *log, uint64_t from, struct found *found, struct error *err)
{
        while (from < log->bytes) {
                uint64_t length = log->bytes - from < TAIL_BYTES ? log->bytes - from : TAIL_BYTES, taken = 0;
                auto_free char *text = NULL;
                char *line, *end;
                int r = read_at(log->fd, from, length, &text);

                if (r < 0)
                        return fail_read(log, r, err);
                for (line = text; (end = memchr(line, '\n', length - taken)) != NULL; line = end + 1) {
                        if (!audit_chain_take(&log->chain, line, (size_t)(end - line)))
                                break;
                        found->taken_in++;
                        taken = (uint64_t)(end + 1 - text);
                }
                from += taken;
                if (taken > 0 && end == NULL && from < log->bytes && length == TAIL_BYTES)
                        continue;
                if (from == log->bytes)
                        return 0;
                if (end == NULL && log->bytes - from <= AUDIT_LINE_LIMIT_BYTES) {
                        found->cut_bytes = log->bytes - from;
                        audit_line_hash(line, found->cut_bytes, found->cut);
                        if (ftruncate(log->fd, (off_t)from) < 0)
                                return error_errno(err, errno, "audit file %s: cut half a record off", log->settings->path);
                        log->bytes = from;
                        return 0;
                }
                found->foreign_bytes = log->bytes - from;
                return 0;
        }
        return 0;
}

/* After a crash of the machine ext4 and xfs can show a file as long as it was, with zeros where its last bytes never came to the
 * disk. No record has a zero in it; the next one would go on in that line. */
static int cut_zeros(struct audit_log *log, struct found *found, struct error *err)
{
        char block[4096];
        uint64_t end = log->bytes;

        while (end > 0) {
                size_t length = end < sizeof block ? (size_t)end : sizeof block, n = length;
                ssize_t got = pread(log->fd, block, length, (off_t)(end - length));

                if (got != (ssize_t)length)
                        return fail_read(log, got < 0 ? errno : EIO, err);
                while (n > 0 && block[n - 1] == '\0')
                        n--;
                end -= length - n;
                if (n > 0)
                        break;
        }
        found->zero_bytes = log->bytes - end;
        if (found->zero_bytes > 0 && ftruncate(log->fd, (off_t)end) < 0)
                return error_errno(err, errno, "audit file %s: cut the zeros at its end off", log->settings->path);
        log->bytes = end;
        return 0;
}

/* One byte instead of the whole: what all but a crash leaves. */
static bool ends_in_zero(const struct audit_log *log)
{
        char last = '\n';

        return log->bytes > 0 && pread(log->fd, &last, 1, (off_t)log->bytes - 1) == 1 && last == '\0';
}

/* The last line of the log, in *ret_text. Returns 1 where it has none that ends. */
static int last_line(const struct audit_log *log, char **ret_text, size_t *ret_length, struct error *err)
{
        uint64_t length = log->bytes < TAIL_BYTES ? log->bytes : TAIL_BYTES;
        auto_free char *text = NULL;
        char *begin;
        int r = read_at(log->fd, log->bytes - length, length, &text);

        if (r < 0)
                return fail_read(log, r, err);
        if (length == 0 || text[length - 1] != '\n')
                return 1;
        begin = memrchr(text, '\n', length - 1);
        begin = begin != NULL ? begin + 1 : text;
        *ret_length = (size_t)(text + length - 1 - begin);
        memmove(text, begin, *ret_length);
        *ret_text = text;
        text = NULL;
        return 0;
}

static bool ends_with_head(const struct audit_log *log)
{
        auto_free char *line = NULL;
        uint8_t hash[SHA256_LENGTH];
        size_t length;

        if (last_line(log, &line, &length, NULL) != 0)
                return false;
        audit_line_hash(line, length, hash);
        return memcmp(hash, log->chain.head, sizeof hash) == 0;
}

/* ---- a log without a chain ---- */

static int move_aside(struct audit_log *log, struct found *found, struct error *err)
{
        const char *path = log->settings->path;
        struct stat st;

        for (unsigned n = 1; n < 1000; n++) {
                if (snprintf(found->moved, sizeof found->moved, "%s.before-%u", path, n) >= (int)sizeof found->moved)
                        return error_errno(err, ENAMETOOLONG, "audit file %s", path);
                if (renameat2(AT_FDCWD, path, AT_FDCWD, found->moved, RENAME_NOREPLACE) == 0)
                        break;
                if (errno != EEXIST || n == 999)
                        return error_errno(err, errno, "audit file %s: move it aside, since it is no chain", path);
        }
        auto_close_cleanup(&log->fd);
        log->bytes = log->allocated = 0;
        return audit_log_open_file(path, O_EXCL, &log->fd, &st, err);
}

/* The first record's number, of the log that is there. */
static uint64_t read_first(const struct audit_log *log)
{
        auto_free char *text = NULL;
        struct audit_line read;
        uint64_t length = log->bytes < AUDIT_LINE_LIMIT_BYTES ? log->bytes : AUDIT_LINE_LIMIT_BYTES;
        char *end;

        if (read_at(log->fd, 0, length, &text) < 0 || (end = memchr(text, '\n', length)) == NULL ||
            audit_line_read(text, (size_t)(end - text), &read) < 0)
                return 0;
        return read.sequence;
}

/* The chain file is new. A log of an older runb has no chain, and goes aside; one of ours is gone on with. */
static int begin_chain(struct audit_log *log, struct found *found, struct error *err)
{
        auto_free char *line = NULL;
        struct audit_line read;
        size_t length;
        int r;

        if (log->bytes == 0)
                return 0;
        r = last_line(log, &line, &length, err);
        if (r < 0)
                return r;
        if (r > 0 || audit_line_read(line, length, &read) < 0)
                return move_aside(log, found, err);
        found->is_chain_lost = true;
        log->chain.sequence = read.sequence;
        audit_line_hash(line, length, log->chain.head);
        log->chain.first_sequence = read_first(log);
        return 0;
}

/* ---- comparing ---- */

static int rotated_name(const struct audit_log *log, uint64_t first, char ret_name[PATH_MAX], struct error *err)
{
        if (snprintf(ret_name, PATH_MAX, "%s.%0*" PRIu64, log->settings->path, AUDIT_ROTATED_DIGITS, first) >= PATH_MAX)
                return error_errno(err, ENAMETOOLONG, "audit file %s", log->settings->path);
        return 0;
}

/* The log that the chain knows got its rotated name, and whoever did that went no further. */
static bool is_half_rotated(const struct audit_log *log)
{
        struct error ignored = { 0 };
        char name[PATH_MAX];
        struct stat st;

        return rotated_name(log, log->chain.first_sequence, name, &ignored) == 0 && lstat(name, &st) == 0 &&
               S_ISREG(st.st_mode) && st.st_ino == log->chain.log_inode;
}

static void add_rotate(struct audit_log *log);

static int compare(struct audit_log *log, const struct stat *st, struct found *found, struct error *err)
{
        struct audit_chain *chain = &log->chain;
        int r;

        if (chain->sequence == 0)
                return begin_chain(log, found, err);
        if (st->st_ino == chain->log_inode) {
                if (log->bytes < chain->log_bytes) {
                        found->missing_bytes = chain->log_bytes - log->bytes;
                        /* Whole lines, or half of one: nothing of it is ours to cut. */
                        return 0;
                }
                return take_in(log, chain->log_bytes, found, err);
        }
        if (is_half_rotated(log)) {
                r = take_in(log, 0, found, err);
                if (r == 0 && log->bytes == 0)
                        add_rotate(log);
                chain->first_sequence = log->kept.sequence + 1;
                return r;
        }
        /* A copy that was put back is the same log. */
        if (ends_with_head(log))
                return 0;
        found->missing_bytes = chain->log_bytes;
        r = take_in(log, 0, found, err);
        chain->first_sequence = log->kept.sequence + 1;
        return r;
}

static int end_line(struct audit_log *log, struct error *err)
{
        char last = '\n';

        if (log->bytes > 0 && pread(log->fd, &last, 1, (off_t)log->bytes - 1) != 1)
                return fail_read(log, errno, err);
        if (last == '\n')
                return 0;
        if (write(log->fd, "\n", 1) != 1)
                return error_errno(err, errno, "audit file %s", log->settings->path);
        log->bytes++;
        return 0;
}

static void tell(struct audit_log *log, const struct found *found)
{
        auto_buffer struct text_buffer members = { 0 };
        const char *name = strrchr(found->moved, '/');
        char hex[SHA256_TEXT_SIZE];

        if (found->cut_bytes == 0 && found->zero_bytes == 0 && found->foreign_bytes == 0 && found->missing_bytes == 0 && !found->is_chain_lost &&
            found->moved[0] == '\0')
                return;
        audit_record_begin(&members, "recover");
        if (found->taken_in > 0)
                text_add_number(&members, "takenIn", found->taken_in);
        if (found->cut_bytes > 0) {
                text_add_number(&members, "cutBytes", found->cut_bytes);
                sha256_text(found->cut, hex);
                text_addf(&members, ",\"cutDigest\":\"sha256:%s\"", hex);
        }
        if (found->zero_bytes > 0)
                text_add_number(&members, "zeroBytes", found->zero_bytes);
        if (found->foreign_bytes > 0)
                text_add_number(&members, "foreignBytes", found->foreign_bytes);
        if (found->missing_bytes > 0)
                text_add_number(&members, "missingBytes", found->missing_bytes);
        if (found->is_chain_lost)
                text_add(&members, ",\"chainLost\":true");
        if (found->moved[0] != '\0')
                text_add_member(&members, "movedAside", name != NULL ? name + 1 : found->moved);
        log->pending.is_broken |= members.is_broken;
        if (!members.is_broken)
                audit_log_add(log, members.text);
}

int audit_repair(struct audit_log *log, const struct stat *st, struct error *err)
{
        struct found found = { 0 };
        struct audit_chain before;
        struct stat now;
        bool has_zeros = ends_in_zero(log);
        int r = 0;

        if (log->chain.sequence > 0 && st->st_ino == log->chain.log_inode && log->bytes == log->chain.log_bytes && !has_zeros)
                return 0;
        if (has_zeros)
                r = cut_zeros(log, &found, err);
        if (r == 0)
                r = compare(log, st, &found, err);
        if (r == 0 && log->bytes > 0)
                r = end_line(log, err);
        if (r < 0)
                return r;
        if (fstat(log->fd, &now) == 0)
                log->chain.log_inode = now.st_ino;
        log->chain.log_bytes = log->bytes;
        /* What was taken in must not be taken for foreign by the next one, whatever becomes of what is pending. A log that
         * was just rotated keeps the old one's inode until its first record is in it. */
        if (log->bytes > 0 && log->pending.length == 0) {
                r = audit_chain_save(log->chain_fd, log->settings->path, &log->chain, log->settings->is_synced, err);
                if (r < 0)
                        return r;
                before = log->chain;
                log->kept = before;
                audit_chain_wipe(&before);
        }
        tell(log, &found);
        return 0;
}

/* ---- rotation ---- */

static int by_sequence(const void *a, const void *b)
{
        uint64_t x = ((const struct audit_file *)a)->first_sequence, y = ((const struct audit_file *)b)->first_sequence;

        return x < y ? -1 : x > y;
}

int audit_log_files(const char *path, struct arena *arena, struct audit_file **ret_files, size_t *ret_n, struct error *err)
{
        const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
        const char *folder = slash == NULL ? "." : slash == path ? "/" : arena_string_n(arena, path, (size_t)(slash - path));
        __attribute__((cleanup(auto_closedir_cleanup))) DIR *dir = folder != NULL ? opendir(folder) : NULL;
        struct audit_file *files = NULL, *more;
        size_t n = 0, size = 0, length = strlen(name);
        struct dirent *entry;
        struct stat st;

        if (dir == NULL)
                return error_errno(err, errno, "audit file %s: its folder", path);
        while ((entry = readdir(dir)) != NULL) {
                const char *digits = entry->d_name + length + 1;
                uint64_t first;

                if (strncmp(entry->d_name, name, length) != 0 || entry->d_name[length] != '.' ||
                    strlen(digits) != AUDIT_ROTATED_DIGITS || text_to_u64(digits, &first) < 0)
                        continue;
                if (n + 1 >= size) {
                        size = size == 0 ? 16 : 2 * size;
                        more = arena_array(arena, size, sizeof *files);
                        if (more == NULL)
                                return error_errno(err, ENOMEM, "audit file %s", path);
                        if (n > 0)
                                memcpy(more, files, n * sizeof *files);
                        files = more;
                }
                files[n++] = (struct audit_file){ arena_format(arena, "%s%s%s", slash != NULL ? folder : "", slash != NULL &&
                                                               slash != path ? "/" : "", entry->d_name), first };
                if (files[n - 1].path == NULL)
                        return error_errno(err, ENOMEM, "audit file %s", path);
        }
        if (n > 0)
                qsort(files, n, sizeof *files, by_sequence);
        else
                files = arena_array(arena, 1, sizeof *files);
        if (files == NULL)
                return error_errno(err, ENOMEM, "audit file %s", path);
        if (lstat(path, &st) == 0)
                files[n++] = (struct audit_file){ path, 0 };
        *ret_files = files;
        *ret_n = n;
        return 0;
}

/* Which rotated files "keep" leaves; the record says so before the others go. */
static void choose_kept(struct audit_log *log, uint64_t *ret_first)
{
        auto_arena struct arena arena = { 0 };
        struct audit_file *files;
        struct error ignored = { 0 };
        size_t n;

        if (log->settings->keep == 0 || audit_log_files(log->settings->path, &arena, &files, &n, &ignored) < 0)
                return;
        while (n > 0 && files[n - 1].first_sequence == 0)
                n--;
        if (n <= log->settings->keep)
                return;
        *ret_first = files[0].first_sequence;
        log->drop_below = files[n - log->settings->keep].first_sequence;
}

static void add_rotate(struct audit_log *log)
{
        auto_buffer struct text_buffer members = { 0 };
        uint64_t first = 0;
        char digits[32];

        choose_kept(log, &first);
        audit_record_begin(&members, "rotate");
        snprintf(digits, sizeof digits, "%0*" PRIu64, AUDIT_ROTATED_DIGITS, log->chain.first_sequence);
        text_add_member(&members, "rotated", digits);
        if (log->drop_below > 0)
                text_addf(&members, ",\"dropped\":{\"first\":%" PRIu64 ",\"last\":%" PRIu64 "}", first, log->drop_below - 1);
        log->pending.is_broken |= members.is_broken;
        if (!members.is_broken)
                audit_log_add(log, members.text);
}

int audit_rotate(struct audit_log *log, struct error *err)
{
        const char *path = log->settings->path;
        auto_close int fd = UNSET_FD;
        char name[PATH_MAX];
        struct stat st;
        int r = rotated_name(log, log->chain.first_sequence, name, err);

        if (r < 0)
                return r;
        /* What was kept free on the disk behind its end. */
        if (log->allocated > log->bytes && ftruncate(log->fd, (off_t)log->bytes) < 0)
                log_debug("audit file %s: %s", path, error_text(errno));
        if (renameat2(AT_FDCWD, path, AT_FDCWD, name, RENAME_NOREPLACE) < 0)
                return error_errno(err, errno, "audit file %s: rename it to %s", path, name);
        r = audit_log_open_file(path, O_EXCL, &fd, &st, err);
        if (r < 0)
                return r;
        auto_close_cleanup(&log->fd);
        log->fd = take_fd(&fd);
        log->bytes = log->allocated = 0;
        add_rotate(log);
        return 0;
}

void audit_rotate_finish(struct audit_log *log)
{
        auto_arena struct arena arena = { 0 };
        struct audit_file *files;
        struct error ignored = { 0 };
        size_t n;

        if (log->drop_below == 0 || audit_log_files(log->settings->path, &arena, &files, &n, &ignored) < 0)
                return;
        for (size_t i = 0; i < n; i++) {
                if (files[i].first_sequence > 0 && files[i].first_sequence < log->drop_below && unlink(files[i].path) < 0)
                        log_warning("audit file %s: remove it: %s", files[i].path, error_text(errno));
        }
        log->drop_below = 0;
}
