/* Only the log itself changes: rotated files keep their names and bytes, and go only by the policy's "keep". So the chain is
 * locked for as long as it takes to open one file, and no build waits for a reader of gigabytes. */
#include "runtime/audit_snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/audit_line.h"
#include "runtime/audit_log.h"
#include "runtime/audit_verify.h"
#include "runtime/base/auto.h"
#include "runtime/base/text.h"
#include "runtime/lock.h"

#define LOCK_TIMEOUT_MS 10000u

static bool is_rotated_name(const char *path)
{
        const char *dot = strrchr(path, '.');

        return dot != NULL && strlen(dot + 1) == AUDIT_ROTATED_DIGITS && strspn(dot + 1, "0123456789") == AUDIT_ROTATED_DIGITS;
}

static int open_regular(const char *path, int *ret_fd, uint64_t *ret_bytes, struct error *err)
{
        /* O_NONBLOCK: a FIFO in its place must not hang us. */
        auto_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return error_errno(err, errno, "audit file %s", path);
        if (!S_ISREG(st.st_mode))
                return error_set(err, EINVAL, "audit file %s: is no regular file", path);
        *ret_bytes = (uint64_t)st.st_size;
        *ret_fd = take_fd(&fd);
        return 0;
}

static int open_files(const char *path, struct arena *arena, struct audit_snapshot *snapshot, struct error *err)
{
        struct audit_file *files;
        uint64_t bytes;
        size_t n;
        int r;

        snapshot->is_part = is_rotated_name(path);
        if (snapshot->is_part) {
                files = arena_new(arena, struct audit_file);
                n = 1;
                if (files != NULL)
                        files->path = path;
        } else {
                r = audit_log_files(path, arena, &files, &n, err);
                if (r < 0)
                        return r;
        }
        snapshot->files = arena_array(arena, n + 1, sizeof *snapshot->files);
        if (files == NULL || snapshot->files == NULL)
                return error_errno(err, ENOMEM, "audit file %s", path);
        if (n == 0)
                return error_errno(err, ENOENT, "audit file %s", path);
        for (size_t i = 0; i < n; i++)
                snapshot->files[i] = (struct audit_snapshot_file){ files[i].path, UINT64_MAX };
        snapshot->n = n;
        r = open_regular(snapshot->files[n - 1].path, &snapshot->last_fd, &bytes, err);
        if (r == 0)
                snapshot->files[n - 1].limit_bytes = bytes;
        return r;
}

int audit_snapshot_open(const char *path, struct arena *arena, struct audit_snapshot *ret_snapshot, struct error *err)
{
        struct audit_snapshot snapshot = { .last_fd = UNSET_FD };
        auto_close int chain_fd = UNSET_FD;
        char name[PATH_MAX];
        int r = 0;

        *ret_snapshot = snapshot;
        if (snprintf(name, sizeof name, "%s" AUDIT_CHAIN_SUFFIX, path) >= (int)sizeof name)
                return error_errno(err, ENAMETOOLONG, "audit file %s", path);
        if (!is_rotated_name(path))
                chain_fd = open(name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
        if (chain_fd >= 0) {
                r = lock_take(chain_fd, false, LOCK_TIMEOUT_MS, NULL);
                if (r < 0)
                        return error_errno(err, r, "audit file %s: lock %s", path, name);
                r = audit_chain_load(chain_fd, path, &snapshot.chain, err);
                snapshot.has_chain = r == 0 && snapshot.chain.sequence > 0;
        }
        if (r == 0)
                r = open_files(path, arena, &snapshot, err);
        if (r < 0)
                audit_snapshot_close(&snapshot);
        else
                *ret_snapshot = snapshot;
        audit_chain_wipe(&snapshot.chain);
        return r;
}

void audit_snapshot_close(struct audit_snapshot *snapshot)
{
        auto_close_cleanup(&snapshot->last_fd);
        audit_chain_wipe(&snapshot->chain);
}

int audit_snapshot_file(const struct audit_snapshot *snapshot, size_t i, int *ret_fd, bool *ret_is_ours, struct error *err)
{
        uint64_t ignored;

        *ret_is_ours = i + 1 == snapshot->n;
        if (!*ret_is_ours)
                return open_regular(snapshot->files[i].path, ret_fd, &ignored, err);
        *ret_fd = snapshot->last_fd;
        return lseek(*ret_fd, 0, SEEK_SET) < 0 ? error_errno(err, errno, "audit file %s", snapshot->files[i].path) : 0;
}

struct last { bool is_there; uint64_t sequence; uint8_t hash[SHA256_LENGTH]; };

static int take_last(const struct audit_read_line *line, void *context)
{
        struct last *last = context;
        struct audit_line read;

        if (line->is_whole && line->is_ended && audit_line_read(line->text, line->length, &read) == 0) {
                last->is_there = true;
                last->sequence = read.sequence;
                audit_line_hash(line->text, line->length, last->hash);
        }
        return 0;
}

int audit_snapshot_head(const struct audit_snapshot *snapshot, uint64_t *ret_sequence, uint8_t ret_hash[SHA256_LENGTH],
                        struct error *err)
{
        struct last last = { .is_there = false };

        for (size_t i = snapshot->n; i > 0 && !last.is_there; i--) {
                uint64_t limit = snapshot->files[i - 1].limit_bytes, bytes;
                auto_close int fd = UNSET_FD;
                struct stat st;
                bool is_ours;
                int at, r = audit_snapshot_file(snapshot, i - 1, &at, &is_ours, err);

                if (r < 0)
                        return r;
                if (!is_ours)
                        fd = at;
                /* Lines are shorter than what is read of the end; the first one there may be cut, and is none then. */
                bytes = fstat(at, &st) == 0 && (uint64_t)st.st_size < limit ? (uint64_t)st.st_size : limit;
                if (bytes > 2 * AUDIT_LINE_LIMIT_BYTES) {
                        lseek(at, (off_t)(bytes - 2 * AUDIT_LINE_LIMIT_BYTES), SEEK_SET);
                        bytes = 2 * AUDIT_LINE_LIMIT_BYTES;
                }
                r = audit_read_lines(at, bytes, take_last, &last);
                if (r < 0)
                        return error_errno(err, r, "audit file %s", snapshot->files[i - 1].path);
        }
        if (!last.is_there)
                return error_set(err, ENODATA, "audit file %s: there is no record in it", snapshot->files[snapshot->n - 1].path);
        *ret_sequence = last.sequence;
        memcpy(ret_hash, last.hash, SHA256_LENGTH);
        return 0;
}
