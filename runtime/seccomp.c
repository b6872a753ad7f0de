/* Owns compiled filters: the cache, and the copy that exec reads from the state folder.
 *
 * Compiling podman's profile for three ABIs takes 12 to 18 ms, loading it 0.3 ms; so programs are kept by the SHA-256 of
 * everything that shapes them: the profile's values, the versions of libseccomp and of this format, the kernel.
 *
 * Withstands: a cache folder or an entry that somebody else made or could write (not used: compiled anew), an
 * entry that was cut short, changed or renamed (its key and checksum are in it), and a cache that grows for ever. */
#include "runtime/seccomp.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "policies/seccomp_build.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/sha256.h"

/* Raise it when a compiler here changes what it makes of the same input. */
#define FORMAT_VERSION 2
#define MAGIC 0x31706d63636573ffull     /* "\377seccmp1" */
#define CACHE_ENTRIES_MAX 64

struct file_header {
        uint64_t magic;
        uint32_t n;
        uint32_t flags;
        uint8_t key[SHA256_LENGTH];     /* zeros in a state folder */
        uint64_t checksum;
};

static const uint8_t no_key[SHA256_LENGTH];

/* Against accidents, not against people: nobody else can write the folder. FNV-1a over 64-bit words. */
static uint64_t checksum(const struct file_header *header, const struct sock_filter *code)
{
        uint64_t sum = 0xcbf29ce484222325ull, word;

        for (size_t i = 0; i < offsetof(struct file_header, checksum) / sizeof word; i++) {
                memcpy(&word, (const char *)header + i * sizeof word, sizeof word);
                sum = (sum ^ word) * 0x100000001b3ull;
        }
        for (size_t i = 0; i < header->n; i++) {
                memcpy(&word, &code[i], sizeof word);
                sum = (sum ^ word) * 0x100000001b3ull;
                sum ^= sum >> 29;
        }
        return sum;
}

static int write_file(int dir_fd, const char *name, const struct seccomp_filter *filter, const uint8_t *key)
{
        struct file_header header = { .magic = MAGIC, .n = filter->n, .flags = filter->flags };
        size_t code_bytes = filter->n * sizeof *filter->code;
        auto_free char *bytes = malloc(sizeof header + code_bytes);

        if (bytes == NULL)
                return -ENOMEM;
        memcpy(header.key, key, sizeof header.key);
        header.checksum = checksum(&header, filter->code);
        memcpy(bytes, &header, sizeof header);
        if (code_bytes > 0)
                memcpy(bytes + sizeof header, filter->code, code_bytes);
        return fd_replace_file(dir_fd, name, bytes, sizeof header + code_bytes, 0600);
}

/* -EBADMSG for whatever is not a whole file of ours under that key. */
static int read_file(int dir_fd, const char *name, const uint8_t *key, struct seccomp_filter *ret_filter)
{
        /* O_NONBLOCK: a FIFO in its place must not hang us. */
        auto_close int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        auto_free struct sock_filter *code = NULL;
        struct file_header header;
        struct iovec parts[2];
        struct stat st;
        size_t n;

        if (fd < 0)
                return errno == ENOENT ? -ENOENT : -EBADMSG;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
                return -EBADMSG;
        if (st.st_size < (off_t)sizeof header || (st.st_size - sizeof header) % sizeof *code != 0)
                return -EBADMSG;
        n = ((size_t)st.st_size - sizeof header) / sizeof *code;
        if (n > BPF_MAXINSNS)
                return -EBADMSG;
        if (n > 0) {
                code = malloc(n * sizeof *code);
                if (code == NULL)
                        return -ENOMEM;
        }
        parts[0] = (struct iovec){ &header, sizeof header };
        parts[1] = (struct iovec){ code, n * sizeof *code };
        if (readv(fd, parts, 2) != st.st_size || header.magic != MAGIC || header.n != n ||
            memcmp(header.key, key, sizeof header.key) != 0 || header.checksum != checksum(&header, code))
                return -EBADMSG;
        *ret_filter = (struct seccomp_filter){
                .code = take_pointer(code), .n = (unsigned short)n, .flags = header.flags,
        };
        return 0;
}

/* A folder that only we can write, else UNSET_FD. */
static int open_cache(const char *folder)
{
        auto_close int fd = UNSET_FD;
        struct stat st;

        if (folder == NULL)
                return UNSET_FD;
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 && errno == ENOENT && fd_make_folders(folder, 0700) == 0)
                fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fstat(fd, &st) < 0) {
                log_debug("seccomp cache %s: %s; compiling without it", folder, error_text(errno));
                return UNSET_FD;
        }
        if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
                log_warning("seccomp cache %s: owned by uid %u with mode %04o, so others could write it; compiling without it",
                            folder, st.st_uid, st.st_mode & 07777u);
                return UNSET_FD;
        }
        return take_fd(&fd);
}

/* Makes room for one more where the cache is full, by removing the oldest. Only after a compilation. */
static void prune_cache(int dir_fd)
{
        auto_close int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        auto_closedir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        char oldest[NAME_MAX + 1] = "";
        struct timespec oldest_time = { 0 };
        struct dirent *entry;
        unsigned n = 0;
        struct stat st;

        if (dir == NULL)
                return;
        take_fd(&fd);
        while ((entry = readdir(dir)) != NULL) {
                if (entry->d_name[0] == '.' || fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                n++;
                if (oldest[0] == '\0' || st.st_mtim.tv_sec < oldest_time.tv_sec ||
                    (st.st_mtim.tv_sec == oldest_time.tv_sec && st.st_mtim.tv_nsec < oldest_time.tv_nsec)) {
                        oldest_time = st.st_mtim;
                        snprintf(oldest, sizeof oldest, "%s", entry->d_name);
                }
        }
        if (n >= CACHE_ENTRIES_MAX)
                unlinkat(dir_fd, oldest, 0);
}

static void put_in_cache(int cache_fd, const char *name, const uint8_t *key, const struct seccomp_filter *filter)
{
        int r;

        if (cache_fd < 0)
                return;
        prune_cache(cache_fd);
        r = write_file(cache_fd, name, filter, key);
        if (r < 0)
                log_warning("seccomp cache entry %s cannot be written (%s); the next start compiles again", name,
                            error_text(r));
}

/* ---- keys: every number with its width, every list with its length, every string with the NUL that cannot be in it, so
 * that no two inputs have the same bytes ---- */

static void key_number(struct sha256 *sha256, uint64_t value)
{
        sha256_add(sha256, &value, sizeof value);
}

static void key_text(struct sha256 *sha256, const char *text)
{
        sha256_add(sha256, text, strlen(text) + 1);
}

static void key_begin(struct sha256 *sha256, const char *kind)
{
        const struct scmp_version *version = seccomp_version();
        struct utsname system = { 0 };

        uname(&system);
        sha256_begin(sha256);
        key_number(sha256, FORMAT_VERSION);
        key_text(sha256, kind);
        key_text(sha256, RUNB_COMMIT);
        key_number(sha256, (uint64_t)version->major << 32 | version->minor << 16 | version->micro);
        /* What the kernel can do as an action comes with its version; the machine's name tells the native ABI. */
        key_text(sha256, system.release);
        key_text(sha256, system.version);
        key_text(sha256, system.machine);
}

static void key_engine(const struct spec_seccomp *seccomp, uint8_t ret_key[SHA256_LENGTH])
{
        struct sha256 sha256;

        key_begin(&sha256, "engine");
        key_number(&sha256, (uint64_t)seccomp->default_action);
        key_number(&sha256, seccomp->has_default_errno ? 1 + (uint64_t)seccomp->default_errno : 0);
        key_number(&sha256, seccomp->flags);
        key_number(&sha256, seccomp->n_architectures);
        for (size_t i = 0; i < seccomp->n_architectures; i++)
                key_text(&sha256, seccomp->architectures[i]);
        key_number(&sha256, seccomp->n_rules);
        for (size_t i = 0; i < seccomp->n_rules; i++) {
                const struct spec_seccomp_rule *rule = &seccomp->rules[i];

                key_number(&sha256, (uint64_t)rule->action);
                key_number(&sha256, rule->has_errno ? 1 + (uint64_t)rule->errno_ret : 0);
                key_number(&sha256, rule->n_names);
                for (size_t j = 0; j < rule->n_names; j++)
                        key_text(&sha256, rule->names[j]);
                key_number(&sha256, rule->n_args);
                for (size_t j = 0; j < rule->n_args; j++) {
                        key_number(&sha256, rule->args[j].index);
                        key_number(&sha256, (uint64_t)rule->args[j].op);
                        key_number(&sha256, rule->args[j].value);
                        key_number(&sha256, rule->args[j].value_two);
                }
        }
        sha256_end(&sha256, ret_key);
}

/* A filter that was changed must not be answered by the one of yesterday's binary. The lists are our own, so
 * nobody seeks a collision, and FNV-1a is four times faster. */
static uint64_t sum_text(uint64_t sum, const char *text)
{
        do
                sum = (sum ^ (uint8_t)*text) * 0x100000001b3ull;
        while (*text++ != '\0');
        return sum;
}

static uint64_t sum_number(uint64_t sum, uint64_t value)
{
        sum = (sum ^ value) * 0x100000001b3ull;
        return sum ^ sum >> 29;
}

static uint64_t sum_policy(uint64_t sum, const struct policy_seccomp *policy,
                           const struct policy_seccomp_choice *choice)
{
        for (size_t i = 0; i < policy->n_allowed; i++)
                sum = sum_text(sum, policy->allowed[i]);
        sum = sum_number(sum, policy->n_allowed);
        for (size_t i = 0; i < policy->n_refused; i++)
                sum = sum_text(sum, policy->refused[i]);
        sum = sum_number(sum, policy->n_refused);
        for (size_t i = 0; i < policy->n_rules; i++) {
                const struct policy_seccomp_rule *rule = &policy->rules[i];

                if (rule->applies != NULL && !rule->applies(choice))
                        continue;
                sum = sum_text(sum, rule->name);
                sum = sum_number(sum, (uint64_t)rule->otherwise);
                sum = sum_number(sum, rule->n_checks);
                for (size_t j = 0; j < rule->n_checks; j++) {
                        const struct policy_seccomp_check *check = &rule->checks[j];

                        sum = sum_number(sum, (uint64_t)check->result);
                        sum = sum_number(sum, check->n_terms);
                        for (size_t k = 0; k < check->n_terms; k++) {
                                sum = sum_number(sum, (uint64_t)check->terms[k].arg << 8 | check->terms[k].op);
                                sum = sum_number(sum, (uint64_t)check->terms[k].mask << 32 | check->terms[k].value);
                        }
                }
        }
        return sum;
}

static void key_build(const struct policy_seccomp_choice *choice, uint8_t ret_key[SHA256_LENGTH])
{
        uint64_t sum = 0xcbf29ce484222325ull;
        struct sha256 sha256;

        for (const struct policy_seccomp *policy = policy_seccomp_of(choice->base); policy != NULL; policy = policy->beneath)
                sum = sum_policy(sum, policy, choice);
        key_begin(&sha256, "build");
        key_number(&sha256, sum);
        key_number(&sha256, choice->base);
        key_number(&sha256, choice->user_namespaces);
        key_number(&sha256, choice->setuid_files);
        key_number(&sha256, choice->tcp_ports);
        sha256_end(&sha256, ret_key);
}

int seccomp_prepare_engine(const struct spec_seccomp *seccomp, const char *cache_folder,
                           struct seccomp_filter *ret_filter, struct error *err)
{
        auto_close int cache_fd = UNSET_FD;
        uint8_t key[SHA256_LENGTH];
        char name[SHA256_TEXT_SIZE];
        int r;

        if (!seccomp->is_given) {
                *ret_filter = (struct seccomp_filter){ 0 };
                return 0;
        }
        key_engine(seccomp, key);
        sha256_text(key, name);
        cache_fd = open_cache(cache_folder);
        if (cache_fd >= 0) {
                r = read_file(cache_fd, name, key, ret_filter);
                if (r == 0 && ret_filter->code != NULL)
                        return 0;
                if (r != -ENOENT)
                        log_warning("seccomp cache entry %s/%s is damaged or not ours; compiling anew", cache_folder, name);
        }
        r = seccomp_compile_engine(seccomp, ret_filter, err);
        if (r == 0)
                put_in_cache(cache_fd, name, key, ret_filter);
        return r;
}

int seccomp_prepare_build(const struct policy_seccomp_choice *choice, const char *cache_folder,
                          struct seccomp_filter *ret_filter, struct error *err)
{
        auto_close int cache_fd = open_cache(cache_folder);
        uint8_t key[SHA256_LENGTH];
        char name[SHA256_TEXT_SIZE];
        int r;

        key_build(choice, key);
        sha256_text(key, name);
        if (cache_fd >= 0) {
                r = read_file(cache_fd, name, key, ret_filter);
                if (r == 0 && ret_filter->code != NULL)
                        return 0;
                if (r != -ENOENT)
                        log_warning("seccomp cache entry %s/%s is damaged or not ours; compiling anew", cache_folder, name);
        }
        r = seccomp_compile_build(SCMP_ARCH_NATIVE, choice, ret_filter, err);
        if (r == 0)
                put_in_cache(cache_fd, name, key, ret_filter);
        return r;
}

void seccomp_filter_free(struct seccomp_filter *filter)
{
        free(filter->code);
        *filter = (struct seccomp_filter){ 0 };
}

int seccomp_filter_save(const struct seccomp_filter *filter, int dir_fd, const char *name, struct error *err)
{
        int r = write_file(dir_fd, name, filter, no_key);

        return r < 0 ? error_errno(err, r, "write the seccomp program %s", name) : 0;
}

int seccomp_filter_restore(int dir_fd, const char *name, struct seccomp_filter *ret_filter, struct error *err)
{
        int r = read_file(dir_fd, name, no_key, ret_filter);

        if (r == -EBADMSG)
                return error_set(err, EBADMSG, "the seccomp program %s of the container is damaged or not ours; "
                                 "delete the container and create it again", name);
        return r < 0 ? error_errno(err, r, "read the seccomp program %s", name) : 0;
}

void seccomp_filter_digest(const struct seccomp_filter *filter, char ret_text[SECCOMP_DIGEST_SIZE])
{
        uint8_t digest[SHA256_LENGTH];

        static_assert(sizeof "sha256:" - 1 + SHA256_TEXT_SIZE <= SECCOMP_DIGEST_SIZE, "room for the text");
        ret_text[0] = '\0';
        if (filter->code == NULL)
                return;
        sha256_of(filter->code, filter->n * sizeof *filter->code, digest);
        strcpy(ret_text, "sha256:");
        sha256_text(digest, ret_text + strlen("sha256:"));
}
