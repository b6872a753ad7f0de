/* What the lock of the host's folder guards: the folder itself, the links of pods, the record of each lease, and
 * whether somebody still holds it. */
#include "runtime/leases_private.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/lock.h"
#include "runtime/state.h"

/* Nobody holds it for longer than a few hundred file operations. */
#define LOCK_TIMEOUT_MS 20000
#define RECORD_LIMIT_BYTES ((size_t)1 << 20)

/* ---- the folder ---- */

int leases_folder(char *ret_path, size_t size, struct error *err)
{
        auto_arena struct arena arena = { 0 };
        const char *folder;
        struct stat st;
        int r;

        r = state_runtime_folder(&arena, &folder, err);
        if (r < 0)
                return r;
        if (strlen(folder) >= size)
                return error_errno(err, ENAMETOOLONG, "%s", folder);
        if (stat(folder, &st) < 0) {
                r = errno == ENOENT ? fd_make_folders(folder, 0711) : -errno;
                if (r == 0 && stat(folder, &st) < 0)
                        r = -errno;
                if (r < 0)
                        return error_errno(err, r, "make %s", folder);
                /* XDG base directory specification: what shall survive the clean-up has the sticky bit. */
                if (strcmp(folder, "/run/runb") != 0)
                        chmod(folder, 01711);
        }
        if (st.st_uid != geteuid() || !S_ISDIR(st.st_mode) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
                return error_set(err, EPERM,
                                 "%s has to be a folder that belongs to user %u and that no one else may write to%s",
                                 folder, geteuid(), geteuid() != 0 && strcmp(folder, "/run/runb") == 0 ?
                                 "; set XDG_RUNTIME_DIR to a folder of that user's" : "");
        strcpy(ret_path, folder);
        return 0;
}

void lease_house_close(struct lease_house *house)
{
        auto_close_cleanup(&house->lock_fd);
        auto_close_cleanup(&house->fd);
}

static int open_lock(struct lease_house *house)
{
        house->lock_fd = openat(house->fd, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (house->lock_fd >= 0 || errno != ENOENT)
                return house->lock_fd < 0 ? -errno : 0;
        if ((mkdirat(house->fd, "leases", 0700) < 0 && errno != EEXIST) ||
            (mkdirat(house->fd, "groups", 0700) < 0 && errno != EEXIST))
                return -errno;
        house->lock_fd = openat(house->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        return house->lock_fd < 0 ? -errno : 0;
}

/* Removed by hand while we waited, it locks nobody out who comes after that. */
static bool is_lock_gone(int fd)
{
        struct stat st;

        return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

int lease_house_open(struct lease_house *house, struct error *err)
{
        pid_t holder = 0;
        int r;

        r = leases_folder(house->path, sizeof house->path, err);
        if (r < 0)
                return r;
        house->fd = open(house->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (house->fd < 0)
                return error_errno(err, errno, "open %s", house->path);
        do {
                auto_close_cleanup(&house->lock_fd);
                r = open_lock(house);
                if (r < 0)
                        return error_errno(err, r, "open %s/lock", house->path);
                r = lock_take(house->lock_fd, true, LOCK_TIMEOUT_MS, &holder);
        } while (r == 0 && is_lock_gone(house->lock_fd));
        if (r == -ETIMEDOUT)
                return error_set(err, EBUSY,
                                 "%s/lock is held by process %d, which has not let go for %d seconds", house->path,
                                 holder, LOCK_TIMEOUT_MS / 1000);
        return r < 0 ? error_errno(err, r, "lock %s/lock", house->path) : 0;
}

/* ---- links ---- */

int lease_read_link(int dir_fd, const char *name, uint32_t *ret_base)
{
        char text[16];
        ssize_t n = readlinkat(dir_fd, name, text, sizeof text);

        if (n < 0)
                return -errno;
        if (n == 0 || (size_t)n >= sizeof text)
                return -EINVAL;
        text[n] = '\0';
        return text_to_u32(text, ret_base);
}

int lease_write_link(int dir_fd, const char *name, uint32_t base)
{
        char text[16];

        snprintf(text, sizeof text, "%u", base);
        if (symlinkat(text, dir_fd, name) == 0)
                return 0;
        if (errno != EEXIST || unlinkat(dir_fd, name, 0) < 0 || symlinkat(text, dir_fd, name) < 0)
                return -errno;
        return 0;
}

void lease_drop_link(int dir_fd, const char *name, uint32_t base)
{
        uint32_t named;

        if (lease_read_link(dir_fd, name, &named) == 0 && named == base)
                unlinkat(dir_fd, name, 0);
}

void lease_net_name(uint64_t inode, char *name, size_t size)
{
        snprintf(name, size, "groups/net-%" PRIu64, inode);
}

void lease_key_name(const char *key, char *name, size_t size)
{
        snprintf(name, size, "groups/key-%s", key);
}

static void drop_group_links(const struct lease_house *house, const struct lease_record *record)
{
        char name[NAME_MAX + 16];

        if (record->netns != 0) {
                lease_net_name(record->netns, name, sizeof name);
                lease_drop_link(house->fd, name, record->base);
        }
        if (record->key != NULL) {
                lease_key_name(record->key, name, sizeof name);
                lease_drop_link(house->fd, name, record->base);
        }
}

int lease_write_group_links(const struct lease_house *house, const struct lease_record *record, struct error *err)
{
        char name[NAME_MAX + 16];
        int r = 0;

        if (record->netns != 0) {
                lease_net_name(record->netns, name, sizeof name);
                r = lease_write_link(house->fd, name, record->base);
        }
        if (r == 0 && record->key != NULL) {
                lease_key_name(record->key, name, sizeof name);
                r = lease_write_link(house->fd, name, record->base);
        }
        return r < 0 ? error_errno(err, r, "write %s/%s", house->path, name) : 0;
}

/* ---- records: lines of "word value" ---- */

void lease_file_name(uint32_t base, char *name, size_t size)
{
        snprintf(name, size, "leases/%u", base);
}

static bool user_holds(const char *root, const char *id, uint32_t base)
{
        auto_close int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        char name[NAME_MAX + 8];
        uint32_t named;

        if (fd < 0)
                return false;
        snprintf(name, sizeof name, "%s/lease", id);
        return lease_read_link(fd, name, &named) == 0 && named == base;
}

uint32_t lease_units(uint32_t size)
{
        return size / LEASE_UNIT + (size % LEASE_UNIT != 0);
}

static int parse_record(char *text, struct arena *arena, struct lease_record *record)
{
        char *line, *rest = text, *value, *blank;
        size_t n_lines = 1;

        for (const char *p = text; *p != '\0'; p++)
                n_lines += *p == '\n';
        record->users = arena_array(arena, n_lines, sizeof *record->users);
        if (record->users == NULL)
                return -ENOMEM;
        while ((line = strsep(&rest, "\n")) != NULL && line[0] != '\0') {
                value = strchr(line, ' ');
                if (value == NULL)
                        return -EINVAL;
                *value++ = '\0';
                if (strcmp(line, "size") == 0) {
                        if (text_to_u32(value, &record->size) < 0)
                                return -EINVAL;
                } else if (strcmp(line, "netns") == 0) {
                        if (text_to_u64(value, &record->netns) < 0)
                                return -EINVAL;
                } else if (strcmp(line, "key") == 0) {
                        record->key = arena_string(arena, value);
                } else if (strcmp(line, "user") == 0) {
                        struct lease_user *user = &record->users[record->n_users];

                        blank = strchr(value, ' ');
                        if (blank == NULL || blank[1] != '/')
                                return -EINVAL;
                        *blank = '\0';
                        user->id = arena_string(arena, value);
                        user->root = arena_string(arena, blank + 1);
                        if (state_check_id(value, NULL) < 0 || user->id == NULL || user->root == NULL)
                                return -EINVAL;
                        record->n_users++;
                } else {
                        return -EINVAL;
                }
        }
        return record->size == 0 ? -EINVAL : 0;
}

int lease_read_record(const struct lease_house *house, uint32_t base, struct arena *arena,
                      struct lease_record *ret_record)
{
        struct lease_record record = { .base = base };
        auto_free char *text = NULL;
        char name[32];
        int r;

        lease_file_name(base, name, sizeof name);
        r = fd_read_file(house->fd, name, RECORD_LIMIT_BYTES, &text, NULL);
        if (r == 0)
                r = parse_record(text, arena, &record);
        if (r < 0)
                return r;
        for (size_t i = 0; i < record.n_users; i++)
                record.users[i].is_gone = !user_holds(record.users[i].root, record.users[i].id, base);
        *ret_record = record;
        return 0;
}

bool lease_is_held(const struct lease_record *record)
{
        for (size_t i = 0; i < record->n_users; i++)
                if (!record->users[i].is_gone)
                        return true;
        return false;
}

/* Replaces a file of leases/. Only the lock's holder writes, so that one name does for what is not finished yet, and
 * what a kill -9 leaves of it is the next one's to overwrite. */
static int replace_file(const struct lease_house *house, const char *name, const char *text, size_t length)
{
        auto_close int fd = openat(house->fd, "leases/new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                                   0600);
        int r;

        if (fd < 0)
                return -errno;
        r = fd_write_all(fd, text, length);
        if (r == 0 && renameat(house->fd, "leases/new", house->fd, name) < 0)
                r = -errno;
        if (r < 0)
                unlinkat(house->fd, "leases/new", 0);
        return r;
}

int lease_write_record(const struct lease_house *house, const struct lease_record *record, struct error *err)
{
        auto_buffer struct text_buffer text = { 0 };
        char name[32];
        int r;

        text_addf(&text, "size %u\n", record->size);
        if (record->netns != 0)
                text_addf(&text, "netns %" PRIu64 "\n", record->netns);
        if (record->key != NULL)
                text_addf(&text, "key %s\n", record->key);
        for (size_t i = 0; i < record->n_users; i++)
                if (!record->users[i].is_gone)
                        text_addf(&text, "user %s %s\n", record->users[i].id, record->users[i].root);
        lease_file_name(record->base, name, sizeof name);
        r = text.is_broken ? -ENOMEM : replace_file(house, name, text.text, text.length);
        return r < 0 ? error_errno(err, r, "write %s/%s", house->path, name) : 0;
}

int lease_write_units(const struct lease_house *house, const struct lease_record *record, struct error *err)
{
        char name[32], text[32];
        int r = 0;

        for (uint32_t unit = 1; unit < lease_units(record->size) && r == 0; unit++) {
                lease_file_name(record->base + unit * LEASE_UNIT, name, sizeof name);
                snprintf(text, sizeof text, "of %u\n", record->base);
                r = replace_file(house, name, text, strlen(text));
        }
        return r < 0 ? error_errno(err, r, "write %s/%s", house->path, name) : 0;
}

int lease_remove(const struct lease_house *house, const struct lease_record *record, struct error *err)
{
        char name[32];

        drop_group_links(house, record);
        for (uint32_t unit = 0; unit < lease_units(record->size); unit++) {
                lease_file_name(record->base + unit * LEASE_UNIT, name, sizeof name);
                if (unlinkat(house->fd, name, 0) < 0 && errno != ENOENT)
                        return error_errno(err, errno, "remove %s/%s", house->path, name);
        }
        return 0;
}

/* ---- taking over what nobody holds ---- */

/* What nobody has waited for yet keeps its ids and does nothing with them; its parent may be an engine that is busy. */
static bool lives(const char *name)
{
        uint64_t start_time;
        bool is_zombie;
        int r = state_process_start_time((pid_t)strtol(name, NULL, 10), &start_time, &is_zombie);

        return r == 0 ? !is_zombie : r != -ESRCH;
}

/* Its container's folder may have been removed by hand. */
bool lease_is_populated(uint32_t base, uint32_t size)
{
        auto_closedir DIR *proc = opendir("/proc");
        struct dirent *entry;
        struct stat st;

        /* Not to be found out: leave it alone. */
        if (proc == NULL)
                return true;
        while ((entry = readdir(proc)) != NULL)
                /* proc(5): /proc/PID itself always belongs to the effective user. */
                if (isdigit((unsigned char)entry->d_name[0]) && fstatat(dirfd(proc), entry->d_name, &st, 0) == 0 &&
                    st.st_uid >= base && st.st_uid - base < size && lives(entry->d_name))
                        return true;
        return false;
}

int lease_read_further_unit(const struct lease_house *house, uint32_t base, uint32_t *ret_first)
{
        auto_free char *text = NULL;
        char name[32];
        int r;

        lease_file_name(base, name, sizeof name);
        r = fd_read_file(house->fd, name, 64, &text, NULL);
        if (r < 0)
                return r;
        if (!text_starts_with(text, "of ") || strchr(text, '\n') == NULL)
                return -EINVAL;
        *strchr(text, '\n') = '\0';
        return text_to_u32(text + 3, ret_first);
}

bool lease_make_free(const struct lease_house *house, uint32_t base)
{
        auto_arena struct arena arena = { 0 };
        struct lease_record record;
        uint32_t first;
        char name[32];
        int r;

        r = lease_read_record(house, base, &arena, &record);
        if (r == -ENOENT)
                return true;
        if (r == 0) {
                if (lease_is_held(&record) || lease_is_populated(record.base, record.size))
                        return false;
                return lease_remove(house, &record, NULL) == 0;
        }
        if (r != -EINVAL)
                return false;
        if (lease_read_further_unit(house, base, &first) == 0 &&
            lease_read_record(house, first, &arena, &record) == 0 && base > first && base - first < record.size) {
                if (lease_is_held(&record) || lease_is_populated(record.base, record.size))
                        return false;
                return lease_remove(house, &record, NULL) == 0;
        }
        /* Nobody was told of a lease whose file was not finished. */
        if (lease_is_populated(base, LEASE_UNIT))
                return false;
        lease_file_name(base, name, sizeof name);
        return unlinkat(house->fd, name, 0) == 0 || errno == ENOENT;
}
