/* The order of a commit: room on the disk, one write(2), fsync where the policy has it, and then the chain file, with which the
 * old key goes. A writer that is killed before the last step leaves records that the chain has not noted: the next one takes
 * them in by their MACs (audit_repair.c). A write that the disk cuts is taken back at once.
 *
 * flock(2) on the log itself would be open to whoever may read it; the chain file is its owner's alone. */
#include "runtime/audit_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/audit_line.h"
#include "runtime/audit_record.h"
#include "runtime/audit_repair.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/host.h"
#include "runtime/leases.h"
#include "runtime/lock.h"

#define ID_NOBODY 65534         /* what an unmapped owner looks like (proc(5), overflowuid) */
#define LOCK_TIMEOUT_MS 10000u
/* Kept free for what is running already: some three kilobytes for the end of each. */
#define RESERVE_BYTES ((uint64_t)1 << 20)
#define LOST_FILE "audit-lost"
#define LOST_LIMIT_BYTES ((size_t)64 << 10)

/* ---- whose files ---- */

static int check_file(int fd, const char *path, bool is_secret, struct stat *ret_st, struct error *err)
{
        if (fstat(fd, ret_st) < 0 || !S_ISREG(ret_st->st_mode))
                return error_set(err, EINVAL, "audit file %s: is no regular file", path);
        /* In a folder like /tmp somebody else may have made it first, and would read and shape it. Below a user namespace
         * the host's root is nobody. */
        if (ret_st->st_uid != 0 && ret_st->st_uid != geteuid() &&
            (ret_st->st_uid != ID_NOBODY || host_privilege() == HOST_REAL_ROOT))
                return error_set(err, EPERM, "audit file %s: belongs to uid %u, who is not root; chown it", path,
                                 (unsigned)ret_st->st_uid);
        if (is_secret && ret_st->st_mode & (S_IRWXG | S_IRWXO))
                return error_set(err, EPERM, "audit file %s: others than its owner can open it, who could forge records; chmod 600 it",
                                 path);
        if (ret_st->st_mode & (S_IWGRP | S_IWOTH))
                return error_set(err, EPERM, "audit file %s: others than its owner can write to it; chmod go-w it", path);
        return 0;
}

/* @path: of the policy file, so of somebody who is root or the caller; a link at its end is none of theirs. */
int audit_log_open_file(const char *path, int flags, int *ret_fd, struct stat *ret_st, struct error *err)
{
        auto_close int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags, 0600);
        int r;

        if (fd < 0)
                return error_errno(err, errno, "audit file %s", path);
        r = check_file(fd, path, false, ret_st, err);
        if (r == 0)
                *ret_fd = take_fd(&fd);
        return r;
}

/* Whoever can write to the folder of both files can take them away, and a new log would begin as if there had been none. (In a
 * folder like /tmp nobody can take away what is not his.) */
static int check_folder(const char *path, struct error *err)
{
        const char *slash = strrchr(path, '/');
        char folder[PATH_MAX];
        struct stat st;

        snprintf(folder, sizeof folder, "%.*s", slash > path ? (int)(slash - path) : 1, slash != NULL ? path : ".");
        if (stat(folder, &st) == 0 && (st.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH)
                return error_set(err, EPERM, "audit file %s: everybody can write to the folder %s, and take it away; chmod o-w it", path,
                                 folder);
        return 0;
}

static int open_chain(const char *path, int *ret_fd, struct error *err)
{
        char name[PATH_MAX];
        auto_close int fd = UNSET_FD, log_fd = UNSET_FD;
        struct stat st;
        int r;

        if (snprintf(name, sizeof name, "%s" AUDIT_CHAIN_SUFFIX, path) >= (int)sizeof name)
                return error_errno(err, ENAMETOOLONG, "audit file %s", path);
        r = check_folder(path, err);
        if (r < 0)
                return r;
        fd = open(name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT) {
                /* Nothing beside a log that is refused. */
                r = audit_log_open_file(path, 0, &log_fd, &st, err);
                if (r < 0)
                        return r;
                fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
        }
        if (fd < 0)
                return error_errno(err, errno, "audit file %s", name);
        *ret_fd = take_fd(&fd);
        return 0;
}

static int lock_chain(struct audit_log *log, struct error *err)
{
        const char *path = log->settings->path;
        char name[PATH_MAX];
        struct stat st;
        pid_t holder = 0;
        int r;

        /* Again where it was replaced before we had it (`runb audit init` after somebody moved it away). */
        for (;;) {
                r = open_chain(path, &log->chain_fd, err);
                if (r < 0)
                        return r;
                r = lock_take(log->chain_fd, true, LOCK_TIMEOUT_MS, &holder);
                if (r == -ETIMEDOUT)
                        return error_set(err, EBUSY, "audit file %s: process %d has kept it locked for %u seconds", path, holder,
                                         LOCK_TIMEOUT_MS / 1000);
                if (r < 0)
                        return error_errno(err, r, "audit file %s: lock it", path);
                snprintf(name, sizeof name, "%s" AUDIT_CHAIN_SUFFIX, path);
                r = check_file(log->chain_fd, name, true, &st, err);
                if (r < 0)
                        return r;
                if (st.st_nlink > 0)
                        break;
                auto_close_cleanup(&log->chain_fd);
        }
        log->is_locked = true;
        return 0;
}

static int check_key(const struct audit_log *log, struct error *err)
{
        const char *path = log->settings->path;

        if (log->chain.has_key && !audit_mac_is_available())
                return error_set(err, ENOSYS, "audit file %s: its records carry MACs, and this runb was built without libsodium; install "
                                 "one that was built with it", path);
        if (log->settings->is_chained && !log->chain.has_key)
                return error_set(err, ENOKEY, "audit file %s: the policy has \"chain\", and there is no key yet; run `runb audit init`",
                                 path);
        return 0;
}

/* ---- records that were lost ---- */

static int lost_path(char path[PATH_MAX], struct error *err)
{
        char folder[PATH_MAX];
        int r = leases_folder(folder, sizeof folder, err);

        if (r == 0 && snprintf(path, PATH_MAX, "%s/" LOST_FILE, folder) >= PATH_MAX)
                r = error_errno(err, ENAMETOOLONG, "%s", folder);
        return r;
}

static void count_lost(struct audit_chain *chain, uint64_t since_s, uint64_t code)
{
        if (chain->n_lost++ == 0) {
                chain->lost_since_s = since_s;
                chain->lost_errno = (uint32_t)code;
        }
}

/* Lines of "seconds errno path", of logs that could not even be opened. */
static void take_lost(struct audit_log *log)
{
        auto_free char *text = NULL;
        auto_buffer struct text_buffer rest = { 0 };
        static bool is_taken;           /* once a process: whoever loses a record later knows where to note it */
        char path[PATH_MAX], *next;
        struct error ignored = { 0 };
        auto_close int fd = UNSET_FD;
        size_t length;

        if (is_taken)
                return;
        is_taken = true;
        if (lost_path(path, &ignored) < 0)
                return;
        fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || lock_take(fd, true, LOCK_TIMEOUT_MS, NULL) < 0 || fd_read_all(fd, LOST_LIMIT_BYTES, &text, &length) < 0)
                return;
        for (char *line = text; line != NULL && *line != '\0'; line = next) {
                uint64_t since_s, code;
                int n = 0;

                next = strchr(line, '\n');
                if (next == NULL)
                        break;
                *next++ = '\0';
                if (sscanf(line, "%" SCNu64 " %" SCNu64 " %n", &since_s, &code, &n) == 2 && n > 0 &&
                    strcmp(line + n, log->settings->path) == 0)
                        count_lost(&log->chain, since_s, code);
                else
                        text_addf(&rest, "%s\n", line);
        }
        if (rest.is_broken || ftruncate(fd, 0) < 0 || (rest.length > 0 && pwrite(fd, rest.text, rest.length, 0) < 0))
                log_warning("%s: cannot be written", path);
        else if (rest.length == 0)
                unlink(path);
}

static void note_elsewhere(const char *log_path, int code)
{
        char path[PATH_MAX], line[PATH_MAX + 64];
        struct error ignored = { 0 };
        auto_close int fd = UNSET_FD;
        struct stat st;
        int length;

        if (lost_path(path, &ignored) < 0)
                return;
        length = snprintf(line, sizeof line, "%lld %d %s\n", (long long)time(NULL), code, log_path);
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 || length >= (int)sizeof line || lock_take(fd, true, LOCK_TIMEOUT_MS, NULL) < 0 || fstat(fd, &st) < 0 ||
            st.st_size + length > (off_t)LOST_LIMIT_BYTES || write(fd, line, (size_t)length) != length)
                log_debug("%s: cannot be written", path);
}

void audit_log_note_lost(struct audit_log *log, const struct policy_audit *settings, int code)
{
        struct error ignored = { 0 };

        if (log->is_locked && log->chain_fd >= 0) {
                /* Where it stands in the file, not where it would stand. */
                count_lost(&log->kept, (uint64_t)time(NULL), (uint64_t)code);
                if (audit_chain_save(log->chain_fd, settings->path, &log->kept, false, &ignored) == 0)
                        return;
        }
        note_elsewhere(settings->path, code);
}

static void add_gap(struct audit_log *log)
{
        auto_buffer struct text_buffer members = { 0 };

        if (log->chain.n_lost == 0)
                return;
        audit_record_begin(&members, "gap");
        text_add_number(&members, "lost", log->chain.n_lost);
        text_add_number(&members, "since", log->chain.lost_since_s);
        text_add_member(&members, "error", error_text((int)log->chain.lost_errno));
        log->chain.n_lost = log->chain.lost_since_s = log->chain.lost_errno = 0;
        log->pending.is_broken |= members.is_broken;
        if (!members.is_broken)
                audit_log_add(log, members.text);
}

/* ---- which program ---- */

static int hash_program(int fd, uint8_t ret_digest[SHA256_LENGTH])
{
        struct sha256 sha256;
        char block[16384];
        ssize_t n;

        sha256_begin(&sha256);
        while ((n = read(fd, block, sizeof block)) > 0)
                sha256_add(&sha256, block, (size_t)n);
        sha256_end(&sha256, ret_digest);
        return n < 0 ? -errno : 0;
}

static void describe_program(struct audit_log *log)
{
        struct audit_chain *chain = &log->chain;
        auto_close int fd = UNSET_FD;
        static uint64_t now[5];         /* what a process runs stays the same */
        char hex[SHA256_TEXT_SIZE];
        struct stat st;

        if (now[1] == 0 && stat("/proc/self/exe", &st) == 0) {
                now[0] = st.st_dev;
                now[1] = st.st_ino;
                now[2] = (uint64_t)st.st_size;
                now[3] = (uint64_t)st.st_ctim.tv_sec;
                now[4] = (uint64_t)st.st_ctim.tv_nsec;
        }
        if (memcmp(now, chain->program, sizeof now) != 0) {
                fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
                if (fd < 0 || hash_program(fd, chain->program_digest) < 0)
                        memset(now, 0, sizeof now);
                memcpy(chain->program, now, sizeof now);
        }
        text_addf(&log->program, "\"runb\":{\"version\":\"%s\",\"commit\":\"%s\"", PACKAGE_VERSION, RUNB_COMMIT);
        if (now[1] != 0) {
                sha256_text(chain->program_digest, hex);
                text_addf(&log->program, ",\"digest\":\"sha256:%s\"", hex);
        }
        text_add(&log->program, "}");
}

/* ---- writing ---- */

int audit_log_open(const struct policy_audit *settings, size_t more_bytes, struct audit_log *log, struct error *err)
{
        struct stat st;
        int r;

        *log = (struct audit_log){ .settings = settings, .chain_fd = UNSET_FD, .fd = UNSET_FD };
        r = lock_chain(log, err);
        if (r == 0)
                r = audit_chain_load(log->chain_fd, settings->path, &log->kept, err);
        log->chain = log->kept;
        if (r == 0)
                r = check_key(log, err);
        if (r == 0)
                r = audit_log_open_file(settings->path, 0, &log->fd, &st, err);
        if (r < 0)
                return r;
        describe_program(log);
        log->bytes = (uint64_t)st.st_size;
        log->allocated = (uint64_t)st.st_blocks * 512;
        r = audit_repair(log, &st, err);
        if (r == 0 && settings->max_bytes > 0 && log->bytes > 0 && log->bytes + log->pending.length + more_bytes > settings->max_bytes)
                r = audit_rotate(log, err);
        if (r < 0)
                return r;
        take_lost(log);
        add_gap(log);
        return 0;
}

void audit_log_add(struct audit_log *log, const char *members)
{
        const char *const parts[] = { log->program.text, members };
        struct audit_chain *chain = &log->chain;

        log->pending.is_broken |= log->program.is_broken;
        if (log->pending.is_broken)
                return;
        audit_line_write(&log->pending, chain->sequence + 1, chain->head, parts, 2, chain->has_key ? chain->key : NULL, chain->head);
        chain->sequence++;
        if (chain->has_key)
                audit_mac_move_key(chain->key);
}

/* A disk that is full must not lose how those ended that run by now. Most calls find room from the last time. */
static int reserve(struct audit_log *log, struct error *err)
{
        uint64_t needed = log->pending.length + RESERVE_BYTES;

        if (log->allocated >= log->bytes + needed ||
            fallocate(log->fd, FALLOC_FL_KEEP_SIZE, (off_t)log->bytes, (off_t)(needed + RESERVE_BYTES)) == 0 ||
            fallocate(log->fd, FALLOC_FL_KEEP_SIZE, (off_t)log->bytes, (off_t)needed) == 0)
                return 0;
        /* Not every file system can. */
        if (errno != ENOSPC && errno != EDQUOT && errno != EFBIG)
                return 0;
        return error_errno(err, errno, "audit file %s: room for the records of what is running already", log->settings->path);
}

static void sync_folder(const char *path)
{
        auto_close int fd = UNSET_FD;
        char folder[PATH_MAX];
        const char *slash = strrchr(path, '/');

        snprintf(folder, sizeof folder, "%.*s", slash > path ? (int)(slash - path) : 1, slash != NULL ? path : ".");
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
                fsync(fd);
}

static int write_pending(struct audit_log *log, struct error *err)
{
        const char *path = log->settings->path;
        ssize_t n = write(log->fd, log->pending.text, log->pending.length);
        int code = n < 0 ? errno : ENOSPC;

        if (n == (ssize_t)log->pending.length)
                return 0;
        if (n > 0 && ftruncate(log->fd, (off_t)log->bytes) < 0)
                log_warning("audit file %s: half a record stays in it: %s", path, error_text(errno));
        return error_errno(err, code, "audit file %s", path);
}

int audit_log_commit(struct audit_log *log, bool is_opening, struct error *err)
{
        const struct policy_audit *settings = log->settings;
        struct stat st;
        int r;

        if (log->pending.is_broken)
                return error_errno(err, ENOMEM, "audit file %s", settings->path);
        /* Where nothing is refused for it, a record more is worth more than the room. */
        r = is_opening && settings->is_required ? reserve(log, err) : 0;
        if (r == 0)
                r = write_pending(log, err);
        if (r < 0)
                return r;
        if (settings->is_synced && fdatasync(log->fd) < 0)
                return error_errno(err, errno, "audit file %s", settings->path);
        if (settings->is_synced && log->bytes == 0)
                sync_folder(settings->path);
        if (log->bytes == 0 && fstat(log->fd, &st) == 0) {
                log->chain.log_inode = st.st_ino;
                log->chain.first_sequence = log->kept.sequence + 1;
        }
        log->bytes += log->pending.length;
        log->chain.log_bytes = log->bytes;
        r = audit_chain_save(log->chain_fd, settings->path, &log->chain, settings->is_synced, err);
        if (r < 0)
                return r;
        log->kept = log->chain;
        log->pending.length = 0;
        audit_rotate_finish(log);
        return 0;
}

int audit_log_begin_chain(const struct policy_audit *settings, uint64_t *ret_sequence, uint8_t ret_key[AUDIT_KEY_LENGTH],
                          struct error *err)
{
        struct policy_audit open_settings = *settings;
        auto_buffer struct text_buffer members = { 0 };
        auto_audit_log struct audit_log log;
        int r;

        open_settings.is_chained = false;
        open_settings.is_synced = true;         /* the key is handed out but once */
        r = audit_log_open(&open_settings, 0, &log, err);
        if (r < 0)
                return r;
        if (!audit_mac_is_available())
                return error_set(err, ENOSYS, "this runb was built without libsodium, and can make no key");
        if (log.chain.has_key)
                return error_set(err, EEXIST, "audit file %s: there is a key since record %" PRIu64 ", which was handed out then; "
                                 "to begin anew, move the log and all files beside it away", settings->path, log.chain.key_sequence);
        r = audit_mac_new_key(log.chain.key);
        if (r < 0)
                return error_errno(err, r, "make a key");
        log.chain.has_key = true;
        log.chain.key_sequence = log.chain.sequence + 1;
        *ret_sequence = log.chain.key_sequence;
        memcpy(ret_key, log.chain.key, AUDIT_KEY_LENGTH);
        audit_record_begin(&members, "init");
        log.pending.is_broken |= members.is_broken;
        if (!members.is_broken)
                audit_log_add(&log, members.text);
        r = audit_log_commit(&log, true, err);
        if (r < 0)
                explicit_bzero(ret_key, AUDIT_KEY_LENGTH);
        return r;
}

void audit_log_close(struct audit_log *log)
{
        if (log->is_locked)
                lock_release(log->chain_fd);
        log->is_locked = false;
        auto_close_cleanup(&log->chain_fd);
        auto_close_cleanup(&log->fd);
        text_buffer_free(&log->pending);
        text_buffer_free(&log->program);
        audit_chain_wipe(&log->chain);
        audit_chain_wipe(&log->kept);
}
