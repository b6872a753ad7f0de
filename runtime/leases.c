/* Who has which ids of this host.
 *
 * A lease and its container name each other: leases/<base> lists the container as a user, and the container's folder
 * has a link `lease` to the base. Only both together hold a range. The folder's link is made first, then the lease,
 * then the links of its pod, which it names; they are removed the other way round. So whatever a kill -9 leaves is
 * either whole, or held by nobody and found out when the next one comes by. Every change happens under one lock of the
 * host.
 *
 * The next slot to be tried is remembered, so that taking a range is looking at one name, and a range just freed rests
 * until the others have had their turn: a file that a build left behind with an id of its range meets no other build
 * soon. */
#include "runtime/leases.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/arena.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/lock.h"
#include "runtime/state.h"
#include "runtime/subid.h"

/* Nobody holds it for longer than a few hundred file operations. */
#define LOCK_TIMEOUT_MS 20000
#define RANGES_MAX 64
#define RECORD_LIMIT_BYTES ((size_t)1 << 20)

struct range {
        uint32_t first;
        uint32_t n_slots;
};

/* The host's folder, locked. */
struct house {
        int fd;
        int lock_fd;
        char path[PATH_MAX];
};

struct user {
        const char *id;
        const char *root;
        bool is_gone;           /* its folder does not name this lease */
};

/* leases/<base>. Strings lie in the arena. */
struct record {
        uint32_t base;
        uint32_t size;
        const char *key;        /* NULL: none */
        uint64_t netns;         /* 0: not known */
        struct user *users;
        size_t n_users;
};

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
                                 "%s has to be a folder that belongs to user %u and that no one else may write to",
                                 folder, geteuid());
        strcpy(ret_path, folder);
        return 0;
}

static void house_close(struct house *house)
{
        auto_close_cleanup(&house->lock_fd);
        auto_close_cleanup(&house->fd);
}

static int open_lock(struct house *house)
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

static int house_open(struct house *house, struct error *err)
{
        pid_t holder = 0;
        int r;

        r = leases_folder(house->path, sizeof house->path, err);
        if (r < 0)
                return r;
        house->fd = open(house->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (house->fd < 0)
                return error_errno(err, errno, "open %s", house->path);
        r = open_lock(house);
        if (r < 0)
                return error_errno(err, r, "open %s/lock", house->path);
        r = lock_take(house->lock_fd, true, LOCK_TIMEOUT_MS, &holder);
        if (r == -ETIMEDOUT)
                return error_set(err, EBUSY,
                                 "%s/lock is held by process %d, which has not let go for %d seconds", house->path,
                                 holder, LOCK_TIMEOUT_MS / 1000);
        return r < 0 ? error_errno(err, r, "lock %s/lock", house->path) : 0;
}

#define auto_house __attribute__((cleanup(house_close)))

/* ---- links ---- */

/* Reads a link that is a base. Returns 0 or a negative errno. */
static int read_link(int dir_fd, const char *name, uint32_t *ret_base)
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

static int write_link(int dir_fd, const char *name, uint32_t base)
{
        char text[16];

        snprintf(text, sizeof text, "%u", base);
        if (symlinkat(text, dir_fd, name) == 0)
                return 0;
        if (errno != EEXIST || unlinkat(dir_fd, name, 0) < 0 || symlinkat(text, dir_fd, name) < 0)
                return -errno;
        return 0;
}

/* Removes a link if it still names @base. */
static void drop_link(int dir_fd, const char *name, uint32_t base)
{
        uint32_t named;

        if (read_link(dir_fd, name, &named) == 0 && named == base)
                unlinkat(dir_fd, name, 0);
}

static void net_name(uint64_t inode, char *name, size_t size)
{
        snprintf(name, size, "groups/net-%" PRIu64, inode);
}

static void key_name(const char *key, char *name, size_t size)
{
        snprintf(name, size, "groups/key-%s", key);
}

static void drop_group_links(const struct house *house, const struct record *record)
{
        char name[NAME_MAX + 16];

        if (record->netns != 0) {
                net_name(record->netns, name, sizeof name);
                drop_link(house->fd, name, record->base);
        }
        if (record->key != NULL) {
                key_name(record->key, name, sizeof name);
                drop_link(house->fd, name, record->base);
        }
}

static int write_group_links(const struct house *house, const struct record *record, struct error *err)
{
        char name[NAME_MAX + 16];
        int r = 0;

        if (record->netns != 0) {
                net_name(record->netns, name, sizeof name);
                r = write_link(house->fd, name, record->base);
        }
        if (r == 0 && record->key != NULL) {
                key_name(record->key, name, sizeof name);
                r = write_link(house->fd, name, record->base);
        }
        return r < 0 ? error_errno(err, r, "write %s/%s", house->path, name) : 0;
}

/* ---- records: lines of "word value" ---- */

static void lease_name(uint32_t base, char *name, size_t size)
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
        return read_link(fd, name, &named) == 0 && named == base;
}

static uint32_t units_of(uint32_t size)
{
        return size / LEASE_UNIT + (size % LEASE_UNIT != 0);
}

static int parse_record(char *text, struct arena *arena, struct record *record)
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
                        struct user *user = &record->users[record->n_users];

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

/* Returns 0; -ENOENT where the range is free; -EINVAL where the file is no record (a further unit of a larger lease, or
 * damaged). Users whose folders name this lease no more are marked. */
static int read_record(const struct house *house, uint32_t base, struct arena *arena, struct record *ret_record)
{
        struct record record = { .base = base };
        auto_free char *text = NULL;
        char name[32];
        int r;

        lease_name(base, name, sizeof name);
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

static bool is_held(const struct record *record)
{
        for (size_t i = 0; i < record->n_users; i++)
                if (!record->users[i].is_gone)
                        return true;
        return false;
}

/* Replaces a file of leases/. Only the lock's holder writes, so that one name does for what is not finished yet, and
 * what a kill -9 leaves of it is the next one's to overwrite. */
static int replace_file(const struct house *house, const char *name, const char *text, size_t length)
{
        auto_close int fd = openat(house->fd, "leases/new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
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

/* Users that are gone are left out. */
static int write_record(const struct house *house, const struct record *record, struct error *err)
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
        lease_name(record->base, name, sizeof name);
        r = text.is_broken ? -ENOMEM : replace_file(house, name, text.text, text.length);
        return r < 0 ? error_errno(err, r, "write %s/%s", house->path, name) : 0;
}

/* The further units of a lease larger than one name its base. */
static int write_units(const struct house *house, const struct record *record, struct error *err)
{
        char name[32], text[32];
        int r = 0;

        for (uint32_t unit = 1; unit < units_of(record->size) && r == 0; unit++) {
                lease_name(record->base + unit * LEASE_UNIT, name, sizeof name);
                snprintf(text, sizeof text, "of %u\n", record->base);
                r = replace_file(house, name, text, strlen(text));
        }
        return r < 0 ? error_errno(err, r, "write %s/%s", house->path, name) : 0;
}

static int remove_lease(const struct house *house, const struct record *record, struct error *err)
{
        char name[32];

        drop_group_links(house, record);
        for (uint32_t unit = 0; unit < units_of(record->size); unit++) {
                lease_name(record->base + unit * LEASE_UNIT, name, sizeof name);
                if (unlinkat(house->fd, name, 0) < 0 && errno != ENOENT)
                        return error_errno(err, errno, "remove %s/%s", house->path, name);
        }
        return 0;
}

/* ---- taking over what nobody holds ---- */

/* Does some process run as an id of the range? Its container's folder may have been removed by hand. */
static bool is_populated(uint32_t base, uint32_t size)
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
                    st.st_uid >= base && st.st_uid - base < size)
                        return true;
        return false;
}

static int read_further_unit(const struct house *house, uint32_t base, uint32_t *ret_first)
{
        auto_free char *text = NULL;
        char name[32];
        int r;

        lease_name(base, name, sizeof name);
        r = fd_read_file(house->fd, name, 64, &text, NULL);
        if (r < 0)
                return r;
        if (!text_starts_with(text, "of ") || strchr(text, '\n') == NULL)
                return -EINVAL;
        *strchr(text, '\n') = '\0';
        return text_to_u32(text + 3, ret_first);
}

/* Is the unit at @base free? What nobody holds is removed first. */
static bool make_free(const struct house *house, uint32_t base)
{
        auto_arena struct arena arena = { 0 };
        struct record record;
        uint32_t first;
        char name[32];
        int r;

        r = read_record(house, base, &arena, &record);
        if (r == -ENOENT)
                return true;
        if (r == 0) {
                if (is_held(&record) || is_populated(record.base, record.size))
                        return false;
                return remove_lease(house, &record, NULL) == 0;
        }
        if (r != -EINVAL)
                return false;
        if (read_further_unit(house, base, &first) == 0 && read_record(house, first, &arena, &record) == 0 &&
            base > first && base - first < record.size) {
                if (is_held(&record) || is_populated(record.base, record.size))
                        return false;
                return remove_lease(house, &record, NULL) == 0;
        }
        /* Nobody was told of a lease whose file was not finished. */
        if (is_populated(base, LEASE_UNIT))
                return false;
        lease_name(base, name, sizeof name);
        return unlinkat(house->fd, name, 0) == 0 || errno == ENOENT;
}

/* ---- which ranges there are ---- */

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
        return a < b + b_size && b < a + a_size;
}

struct layout {
        struct range ranges[RANGES_MAX];
        size_t n_ranges;
        uint32_t n_slots;
        /* Ids of others, to be left out. */
        struct subid_range *taken[2];
        size_t n_taken[2];
        bool is_default;
        char text[512];                 /* tells one layout from another */
};

static int add_range(struct layout *layout, uint64_t first, uint64_t count, struct error *err)
{
        if (layout->n_ranges == RANGES_MAX)
                return error_set(err, E2BIG, "/etc/subuid has more than %d entries for %s", RANGES_MAX, LEASE_OWNER);
        layout->ranges[layout->n_ranges++] = (struct range){ (uint32_t)first, (uint32_t)(count / LEASE_UNIT) };
        layout->n_slots += (uint32_t)(count / LEASE_UNIT);
        return 0;
}

/* Our entries in both files, in order: the same, or an error. */
static int add_own_ranges(struct layout *layout, struct error *err)
{
        const struct subid_range *ours[2];
        size_t i[2] = { 0, 0 };
        int r;

        for (;;) {
                for (size_t file = 0; file < 2; file++) {
                        ours[file] = NULL;
                        while (i[file] < layout->n_taken[file] && ours[file] == NULL) {
                                const struct subid_range *range = &layout->taken[file][i[file]++];

                                if (strcmp(range->owner, LEASE_OWNER) == 0)
                                        ours[file] = range;
                        }
                }
                if (ours[0] == NULL && ours[1] == NULL)
                        return 0;
                if (ours[0] == NULL || ours[1] == NULL || ours[0]->first != ours[1]->first || ours[0]->count != ours[1]->count)
                        return error_set(err, EINVAL,
                                         "/etc/subuid and /etc/subgid have different entries for %s: a build's user "
                                         "and group ids come from one range, give it the same one in both", LEASE_OWNER);
                if (ours[0]->first < LEASE_UNIT || overlaps(ours[0]->first, ours[0]->count, LEASE_END, LEASE_UNIT))
                        return error_set(err, EINVAL,
                                         "/etc/subuid: the range of %s, %u ids from %u, holds ids of the host (below "
                                         "%u) or of systemd's foreign images (from %u)", LEASE_OWNER, ours[0]->count, ours[0]->first,
                                         LEASE_UNIT, LEASE_END);
                r = add_range(layout, ours[0]->first, ours[0]->count, err);
                if (r < 0)
                        return r;
        }
}

static int read_layout(struct layout *layout, struct arena *arena, struct error *err)
{
        size_t length = 0;
        int r;

        r = subid_read("/etc/subuid", LEASE_OWNER, arena, &layout->taken[0], &layout->n_taken[0], err);
        if (r == 0)
                r = subid_read("/etc/subgid", LEASE_OWNER, arena, &layout->taken[1], &layout->n_taken[1], err);
        if (r == 0)
                r = add_own_ranges(layout, err);
        if (r < 0)
                return r;
        if (layout->n_ranges == 0) {
                layout->is_default = true;
                add_range(layout, LEASE_FIRST, LEASE_END - LEASE_FIRST, err);
        }
        if (layout->n_slots == 0)
                return error_set(err, EINVAL,
                                 "/etc/subuid: the range of %s holds less than the %u ids that one build takes",
                                 LEASE_OWNER, LEASE_UNIT);
        for (size_t i = 0; i < layout->n_ranges && length < sizeof layout->text; i++)
                length += (size_t)snprintf(layout->text + length, sizeof layout->text - length, "%s%u+%u", i == 0 ? "" : ",",
                                           layout->ranges[i].first, layout->ranges[i].n_slots);
        return 0;
}

/* The base of a slot, and how many slots of its range follow. */
static uint32_t slot_base(const struct layout *layout, uint32_t slot, uint32_t *ret_left)
{
        for (size_t i = 0; i < layout->n_ranges; i++) {
                if (slot < layout->ranges[i].n_slots) {
                        *ret_left = layout->ranges[i].n_slots - slot;
                        return layout->ranges[i].first + slot * LEASE_UNIT;
                }
                slot -= layout->ranges[i].n_slots;
        }
        *ret_left = 0;
        return 0;
}

static bool is_slot(const struct layout *layout, uint32_t base)
{
        for (size_t i = 0; i < layout->n_ranges; i++)
                if (base >= layout->ranges[i].first && (base - layout->ranges[i].first) % LEASE_UNIT == 0 &&
                    (base - layout->ranges[i].first) / LEASE_UNIT < layout->ranges[i].n_slots)
                        return true;
        return false;
}

/* Do ids from @base belong to somebody else? */
static bool is_somebodys(const struct layout *layout, uint32_t base, uint32_t size)
{
        for (size_t file = 0; file < 2; file++)
                for (size_t i = 0; i < layout->n_taken[file]; i++)
                        if (strcmp(layout->taken[file][i].owner, LEASE_OWNER) != 0 &&
                            overlaps(base, size, layout->taken[file][i].first, layout->taken[file][i].count))
                                return true;
        return false;
}

/* ---- finding a free range ---- */

/* What the lock file remembers: "<next slot> <layout>". */
static uint32_t read_hint(const struct house *house, const struct layout *layout, bool *ret_is_other_layout)
{
        char text[600];
        ssize_t n = pread(house->lock_fd, text, sizeof text - 1, 0);
        char *blank;
        uint32_t next;

        *ret_is_other_layout = n > 0;
        if (n <= 0)
                return 0;
        text[n] = '\0';
        text[strcspn(text, "\n")] = '\0';
        blank = strchr(text, ' ');
        if (blank == NULL)
                return 0;
        *blank = '\0';
        *ret_is_other_layout = strcmp(blank + 1, layout->text) != 0;
        if (*ret_is_other_layout || text_to_u32(text, &next) < 0)
                return 0;
        return next % layout->n_slots;
}

static void write_hint(const struct house *house, uint32_t next, const char *layout)
{
        char text[600];
        int length = snprintf(text, sizeof text, "%u %s\n", next, layout);

        /* A hint: where it cannot be written (a full disk) the next search takes longer. */
        if (length > 0 && pwrite(house->lock_fd, text, (size_t)length, 0) == length && ftruncate(house->lock_fd, length) < 0)
                return;
}

/* Leases that lie across the slots of today's layout: /etc/subuid has been changed while they were held. */
static int find_misfits(const struct house *house, const struct layout *layout, struct arena *arena, uint32_t **ret_bases,
                        size_t *ret_n)
{
        auto_closedir DIR *dir = NULL;
        struct dirent *entry;
        uint32_t *bases = NULL, *larger, base;
        size_t n = 0, size = 0;
        int fd = openat(house->fd, "leases", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (dir == NULL) {
                close(fd);
                return -ENOMEM;
        }
        while ((entry = readdir(dir)) != NULL) {
                if (text_to_u32(entry->d_name, &base) < 0 || is_slot(layout, base) || make_free(house, base))
                        continue;
                if (n == size) {
                        size = size == 0 ? 64 : size * 2;
                        larger = arena_array(arena, size, sizeof *larger);
                        if (larger == NULL)
                                return -ENOMEM;
                        if (n > 0)
                                memcpy(larger, bases, n * sizeof *bases);
                        bases = larger;
                }
                bases[n++] = base;
        }
        *ret_bases = bases;
        *ret_n = n;
        return 0;
}

static bool meets_misfit(const uint32_t *bases, size_t n, uint32_t base, uint32_t size)
{
        for (size_t i = 0; i < n; i++)
                if (overlaps(base, size, bases[i], LEASE_UNIT))
                        return true;
        return false;
}

static int find_free(const struct house *house, uint32_t size, uint32_t *ret_base, struct error *err)
{
        auto_arena struct arena arena = { 0 };
        struct layout layout = { .n_slots = 0 };
        const uint32_t units = units_of(size);
        uint32_t *misfits = NULL, next, slot, base = 0, left, unit;
        size_t n_misfits = 0;
        bool is_other_layout;
        int r;

        r = read_layout(&layout, &arena, err);
        if (r < 0)
                return r;
        next = read_hint(house, &layout, &is_other_layout);
        if (is_other_layout) {
                r = find_misfits(house, &layout, &arena, &misfits, &n_misfits);
                if (r < 0)
                        return error_errno(err, r, "read %s/leases", house->path);
        }
        for (uint32_t tried = 0; tried < layout.n_slots; tried++) {
                slot = (next + tried) % layout.n_slots;
                base = slot_base(&layout, slot, &left);
                if (left < units || is_somebodys(&layout, base, units * LEASE_UNIT) ||
                    meets_misfit(misfits, n_misfits, base, units * LEASE_UNIT))
                        continue;
                for (unit = 0; unit < units; unit++)
                        if (!make_free(house, base + unit * LEASE_UNIT))
                                break;
                if (unit < units)
                        continue;
                /* While misfits are about, every search has to look for them. */
                write_hint(house, (slot + units) % layout.n_slots, n_misfits > 0 ? "mixed" : layout.text);
                *ret_base = base;
                return 0;
        }
        return error_set(err, ENOSPC,
                         "no range of %u ids is free: all %u of %s are taken; delete containers, or give user %s a "
                         "larger range in /etc/subuid and /etc/subgid", size, layout.n_slots,
                         layout.is_default ? "the built-in range" : "its range in /etc/subuid", LEASE_OWNER);
}

/* ---- pods ---- */

/* Does an init of the group live, other than that of @except (NULL: none)? Only then its network namespace's inode
 * number cannot be another's by now. */
static bool is_group_alive(const struct record *record, const struct user *except)
{
        for (size_t i = 0; i < record->n_users; i++) {
                auto_arena struct arena arena = { 0 };
                auto_state_dir struct state_dir dir = { 0 };
                struct state state;

                if (record->users[i].is_gone || &record->users[i] == except)
                        continue;
                if (state_open(record->users[i].root, record->users[i].id, true, &dir, NULL) < 0)
                        continue;
                /* Without a record yet: it is being made. */
                if (state_read(&dir, &arena, &state, NULL) < 0 || state_status(&state) != STATE_STOPPED)
                        return true;
        }
        return false;
}

/* Returns 1 and the record that a link of groups/ leads to, 0 where there is none that counts (the link is dropped). */
static int find_group(const struct house *house, const char *name, struct arena *arena, struct record *ret_record)
{
        uint32_t base;

        if (read_link(house->fd, name, &base) < 0)
                return 0;
        if (read_record(house, base, arena, ret_record) == 0 && is_held(ret_record))
                return 1;
        unlinkat(house->fd, name, 0);
        return 0;
}

/* Finds the lease that the pod has. Returns 1, 0 where there is none yet, or a negative errno for a contradiction. */
static int find_pod(const struct house *house, const char *key, uint64_t inode, struct arena *arena,
                    struct record *ret_record, struct error *err)
{
        struct record by_key = { 0 }, by_net = { 0 };
        char name[NAME_MAX + 16];
        bool has_key = false, has_net = false;

        if (inode != 0) {
                net_name(inode, name, sizeof name);
                has_net = find_group(house, name, arena, &by_net) && by_net.netns == inode && is_group_alive(&by_net, NULL);
        }
        if (key != NULL) {
                key_name(key, name, sizeof name);
                has_key = find_group(house, name, arena, &by_key) && by_key.key != NULL && strcmp(by_key.key, key) == 0;
        }
        if (has_net && key != NULL && by_net.key != NULL && strcmp(by_net.key, key) != 0)
                return error_refuse(err, "ids.pod",
                                    "the container says that it belongs to sandbox %s, but joins the network "
                                    "namespace of sandbox %s; a pod's containers name the same sandbox", key, by_net.key);
        if (has_net && has_key && by_net.base != by_key.base)
                return error_refuse(err, "ids.pod",
                                    "the container says that it belongs to sandbox %s, but joins the network "
                                    "namespace of other containers", key);
        if (has_key && inode != 0 && by_key.netns != 0 && by_key.netns != inode && is_group_alive(&by_key, NULL))
                return error_refuse(err, "ids.pod",
                                    "the container says that it belongs to sandbox %s, but has another network "
                                    "namespace than the sandbox", key);
        if (!has_key && !has_net)
                return 0;
        *ret_record = has_key ? by_key : by_net;
        return 1;
}

/* Adds what is known now of a pod to its record; the links of what was known before go. */
static void learn_pod(const struct house *house, struct record *record, const char *key, uint64_t inode)
{
        char name[NAME_MAX + 16];

        if (inode != 0 && inode != record->netns) {
                if (record->netns != 0) {
                        net_name(record->netns, name, sizeof name);
                        drop_link(house->fd, name, record->base);
                }
                record->netns = inode;
        }
        if (key != NULL && record->key == NULL)
                record->key = key;
}

static int check_key(const char *key, struct error *err)
{
        if (key == NULL)
                return 0;
        if (state_check_id(key, NULL) < 0 || strlen(key) > NAME_MAX - 8)
                return error_set(err, EINVAL,
                                 "the sandbox id of the annotations is none: only letters, digits and _ . + - may be "
                                 "in it");
        return 0;
}

/* Removes the entries of a folder for which @is_ours. */
static void sweep_folder(const struct house *house, const char *folder, uint32_t base,
                         bool (*is_ours)(const struct house *house, int dir_fd, const char *name, uint32_t base))
{
        auto_closedir DIR *dir = NULL;
        struct dirent *entry;
        int fd = openat(house->fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return;
        dir = fdopendir(fd);
        if (dir == NULL) {
                close(fd);
                return;
        }
        while ((entry = readdir(dir)) != NULL)
                if (entry->d_name[0] != '.' && is_ours(house, dirfd(dir), entry->d_name, base))
                        unlinkat(dirfd(dir), entry->d_name, 0);
}

static bool names_base(const struct house *house, int dir_fd, const char *name, uint32_t base)
{
        uint32_t named;

        (void)house;
        return read_link(dir_fd, name, &named) == 0 && named == base;
}

static bool is_further_unit(const struct house *house, int dir_fd, const char *name, uint32_t base)
{
        uint32_t unit, first;

        (void)dir_fd;
        return text_to_u32(name, &unit) == 0 && read_further_unit(house, unit, &first) == 0 && first == base;
}

/* What a leases_take() that was killed before it had written its lease leaves: further units; and links, were the
 * lease lost. */
static void sweep(const struct house *house, uint32_t base)
{
        sweep_folder(house, "groups", base, names_base);
        sweep_folder(house, "leases", base, is_further_unit);
}

/* ---- the verbs ---- */

/* The same folder, whichever way its path was written: the users of a lease are compared by it. */
static int real_root(const char *root, char **ret_root, struct error *err)
{
        auto_free char *real = realpath(root, NULL);

        if (real == NULL)
                return error_errno(err, errno, "state folder %s", root);
        if (strchr(real, '\n') != NULL)
                return error_set(err, EINVAL, "the state folder's path has a line break in it");
        *ret_root = take_pointer(real);
        return 0;
}

static int open_container(const char *root, const char *id, int *ret_fd)
{
        auto_close int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (root_fd < 0)
                return -errno;
        *ret_fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        return *ret_fd < 0 ? -errno : 0;
}

static struct user *find_user(struct record *record, const char *root, const char *id)
{
        for (size_t i = 0; i < record->n_users; i++)
                if (strcmp(record->users[i].id, id) == 0 && strcmp(record->users[i].root, root) == 0)
                        return &record->users[i];
        return NULL;
}

static int add_user(struct record *record, const char *root, const char *id, struct arena *arena)
{
        struct user *users;

        if (find_user(record, root, id) != NULL) {
                find_user(record, root, id)->is_gone = false;
                return 0;
        }
        users = arena_array(arena, record->n_users + 1, sizeof *users);
        if (users == NULL)
                return -ENOMEM;
        if (record->n_users > 0)
                memcpy(users, record->users, record->n_users * sizeof *users);
        users[record->n_users++] = (struct user){ .id = id, .root = root };
        record->users = users;
        return 0;
}

/* The lease that the container has already. Returns 1, or 0 where it has none. */
static int find_own(const struct house *house, int container_fd, const char *root, const char *id, struct arena *arena,
                    struct record *ret_record)
{
        uint32_t base;

        return read_link(container_fd, "lease", &base) == 0 && read_record(house, base, arena, ret_record) == 0 &&
               find_user(ret_record, root, id) != NULL;
}

int leases_take(const char *root, const char *id, uint32_t size, const char *group_key, uint64_t netns_inode,
                struct lease *ret_lease, struct error *err)
{
        auto_house struct house house = { .fd = UNSET_FD, .lock_fd = UNSET_FD };
        auto_arena struct arena arena = { 0 };
        auto_close int container_fd = UNSET_FD;
        auto_free char *real = NULL;
        struct record record = { 0 };
        int r;

        if (size == 0 || size > LEASE_END - LEASE_FIRST)
                return error_set(err, EINVAL, "a build cannot have %u ids", size);
        r = check_key(group_key, err);
        if (r == 0)
                r = state_check_id(id, err);
        if (r == 0)
                r = real_root(root, &real, err);
        if (r < 0)
                return r;
        r = open_container(real, id, &container_fd);
        if (r < 0)
                return error_errno(err, r, "open %s/%s", real, id);
        r = house_open(&house, err);
        if (r < 0)
                return r;
        if (find_own(&house, container_fd, real, id, &arena, &record)) {
                *ret_lease = (struct lease){ record.base, record.size };
                return 0;
        }

        r = find_pod(&house, group_key, netns_inode, &arena, &record, err);
        if (r < 0)
                return r;
        if (r == 1 && record.size < size)
                return error_set(err, EINVAL, "the pod has %u ids, the container needs %u", record.size, size);
        if (r == 0) {
                record = (struct record){ .size = size };
                r = find_free(&house, size, &record.base, err);
                if (r < 0)
                        return r;
        }
        learn_pod(&house, &record, group_key, netns_inode);
        r = add_user(&record, real, id, &arena);
        if (r < 0)
                return error_errno(err, r, "lease ids");
        r = write_link(container_fd, "lease", record.base);
        if (r < 0)
                return error_errno(err, r, "write %s/%s/lease", real, id);
        if (record.n_users == 1)
                r = write_units(&house, &record, err);
        if (r == 0)
                r = write_record(&house, &record, err);
        if (r == 0)
                r = write_group_links(&house, &record, err);
        if (r < 0)
                return r;
        *ret_lease = (struct lease){ record.base, record.size };
        return 0;
}

int leases_set_group(const char *root, const char *id, const char *group_key, uint64_t netns_inode, struct error *err)
{
        auto_house struct house house = { .fd = UNSET_FD, .lock_fd = UNSET_FD };
        auto_arena struct arena arena = { 0 };
        auto_close int container_fd = UNSET_FD;
        auto_free char *real = NULL;
        struct record record;
        int r;

        r = check_key(group_key, err);
        if (r == 0)
                r = real_root(root, &real, err);
        if (r < 0)
                return r;
        r = open_container(real, id, &container_fd);
        if (r < 0)
                return error_errno(err, r, "open %s/%s", real, id);
        r = house_open(&house, err);
        if (r < 0)
                return r;
        if (!find_own(&house, container_fd, real, id, &arena, &record))
                return 0;
        if (netns_inode != 0 && record.netns != 0 && record.netns != netns_inode &&
            is_group_alive(&record, find_user(&record, real, id)))
                return error_refuse(err, "ids.pod",
                                    "the container says that it belongs to sandbox %s, but has another network "
                                    "namespace than the sandbox", record.key == NULL ? "(none)" : record.key);
        learn_pod(&house, &record, group_key, netns_inode);
        r = write_record(&house, &record, err);
        if (r == 0)
                r = write_group_links(&house, &record, err);
        return r;
}

int leases_free(const char *root, const char *id, struct error *err)
{
        auto_house struct house house = { .fd = UNSET_FD, .lock_fd = UNSET_FD };
        auto_arena struct arena arena = { 0 };
        auto_close int container_fd = UNSET_FD;
        auto_free char *real = realpath(root, NULL);
        struct record record;
        uint32_t base = 0;
        char name[32];
        int r;

        if (real == NULL || state_check_id(id, NULL) < 0 || open_container(real, id, &container_fd) < 0)
                return 0;
        if (read_link(container_fd, "lease", &base) == -ENOENT)
                return 0;
        r = house_open(&house, err);
        if (r < 0)
                return r;
        if (find_own(&house, container_fd, real, id, &arena, &record)) {
                find_user(&record, real, id)->is_gone = true;
                r = is_held(&record) ? write_record(&house, &record, err) : remove_lease(&house, &record, err);
                if (r < 0)
                        return r;
        } else if (base != 0) {
                lease_name(base, name, sizeof name);
                if (faccessat(house.fd, name, F_OK, 0) < 0 && errno == ENOENT)
                        sweep(&house, base);
        }
        unlinkat(house.fd, "leases/new", 0);
        if (unlinkat(container_fd, "lease", 0) < 0 && errno != ENOENT)
                return error_errno(err, errno, "remove %s/%s/lease", real, id);
        return 0;
}
