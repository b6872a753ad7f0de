/* The next free range: which ids may be leased at all, and in which order they are tried. The caller holds the lock. */
#include "runtime/leases_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/subid.h"

#define RANGES_MAX 64

struct range {
        uint32_t first;
        uint32_t n_slots;
};

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
        const char *owner;              /* whose entries count */
        bool is_default;
        char text[512];                 /* tells one layout from another */
};

static int add_range(struct layout *layout, uint64_t first, uint64_t count, struct error *err)
{
        if (layout->n_ranges == RANGES_MAX)
                return error_set(err, E2BIG, "/etc/subuid has more than %d entries for %s", RANGES_MAX, layout->owner);
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

                                if (strcmp(range->owner, layout->owner) == 0)
                                        ours[file] = range;
                        }
                }
                if (ours[0] == NULL && ours[1] == NULL)
                        return 0;
                if (ours[0] == NULL || ours[1] == NULL || ours[0]->first != ours[1]->first ||
                    ours[0]->count != ours[1]->count)
                        return error_set(err, EINVAL,
                                         "/etc/subuid and /etc/subgid have different entries for %s: a build's user "
                                         "and group ids come from one range, give it the same one in both",
                                         layout->owner);
                if (ours[0]->first < LEASE_UNIT || overlaps(ours[0]->first, ours[0]->count, LEASE_END, LEASE_UNIT))
                        return error_set(err, EINVAL,
                                         "/etc/subuid: the range of %s, %u ids from %u, holds ids of the host (below "
                                         "%u) or of systemd's foreign images (from %u)", layout->owner,
                                         ours[0]->count, ours[0]->first, LEASE_UNIT, LEASE_END);
                r = add_range(layout, ours[0]->first, ours[0]->count, err);
                if (r < 0)
                        return r;
        }
}

/* @user: NULL: LEASE_OWNER, who alone may have no entry. */
static int read_layout(struct layout *layout, const char *user, struct arena *arena, struct error *err)
{
        size_t length = 0;
        int r;

        layout->owner = user != NULL ? user : LEASE_OWNER;
        r = subid_read("/etc/subuid", layout->owner, arena, &layout->taken[0], &layout->n_taken[0], err);
        if (r == 0)
                r = subid_read("/etc/subgid", layout->owner, arena, &layout->taken[1], &layout->n_taken[1], err);
        if (r == 0)
                r = add_own_ranges(layout, err);
        if (r < 0)
                return r;
        if (layout->n_ranges == 0 && strcmp(layout->owner, LEASE_OWNER) != 0)
                return error_set(err, EINVAL,
                                 "ids.subidUser: /etc/subuid and /etc/subgid have no entry for \"%s\", whose ranges the policy "
                                 "file wants: give it the same one, of %u ids or more, in both, or change the policy file", user,
                                 LEASE_UNIT);
        if (layout->n_ranges == 0) {
                layout->is_default = true;
                add_range(layout, LEASE_FIRST, LEASE_END - LEASE_FIRST, err);
        }
        if (layout->n_slots == 0)
                return error_set(err, EINVAL,
                                 "/etc/subuid: the range of %s holds less than the %u ids that one build takes",
                                 layout->owner, LEASE_UNIT);
        for (size_t i = 0; i < layout->n_ranges && length < sizeof layout->text; i++)
                length += (size_t)snprintf(layout->text + length, sizeof layout->text - length, "%s%u+%u",
                                           i == 0 ? "" : ",", layout->ranges[i].first, layout->ranges[i].n_slots);
        return 0;
}

/* Slots in one piece, at most. */
static uint32_t largest(const struct layout *layout)
{
        uint32_t most = 0;

        for (size_t i = 0; i < layout->n_ranges; i++)
                if (layout->ranges[i].n_slots > most)
                        most = layout->ranges[i].n_slots;
        return most;
}

static int read_layout_for(struct layout *layout, const char *user, uint32_t size, struct arena *arena, struct error *err)
{
        int r = read_layout(layout, user, arena, err);

        if (r < 0 || largest(layout) >= lease_units(size))
                return r;
        return error_set(err, ENOSPC, "no range of %u ids can be had: %s holds %u in one piece; give user %s a larger one in "
                         "/etc/subuid and /etc/subgid, or set a smaller ids.size in the policy file", size,
                         layout->is_default ? "the built-in range" : "the longest one in /etc/subuid",
                         largest(layout) * LEASE_UNIT, layout->owner);
}

int leases_check(const char *user, uint32_t size, struct error *err)
{
        auto_arena struct arena arena = { 0 };
        struct layout layout = { .n_slots = 0 };

        return read_layout_for(&layout, user, size, &arena, err);
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
                        if (strcmp(layout->taken[file][i].owner, layout->owner) != 0 &&
                            overlaps(base, size, layout->taken[file][i].first, layout->taken[file][i].count))
                                return true;
        return false;
}

/* ---- finding a free range ---- */

/* What the lock file remembers: "<next slot> <layout>". */
static uint32_t read_hint(const struct lease_house *house, const struct layout *layout, bool *ret_is_other_layout)
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

static void write_hint(const struct lease_house *house, uint32_t next, const char *layout)
{
        char text[600];
        int length = snprintf(text, sizeof text, "%u %s\n", next, layout);

        /* A hint: where it cannot be written (a full disk) the next search takes longer. */
        if (length > 0 && pwrite(house->lock_fd, text, (size_t)length, 0) == length &&
            ftruncate(house->lock_fd, length) < 0)
                return;
}

/* Leases that lie across the slots of today's layout: /etc/subuid has been changed while they were held. */
static int find_misfits(const struct lease_house *house, const struct layout *layout, struct arena *arena,
                        uint32_t **ret_bases, size_t *ret_n)
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
                if (text_to_u32(entry->d_name, &base) < 0 || is_slot(layout, base) || lease_make_free(house, base))
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

int lease_find_free(const struct lease_house *house, const char *user, uint32_t size, uint32_t *ret_base,
                    struct error *err)
{
        auto_arena struct arena arena = { 0 };
        struct layout layout = { .n_slots = 0 };
        const uint32_t units = lease_units(size);
        uint32_t *misfits = NULL, next, slot, base = 0, left, unit;
        size_t n_misfits = 0;
        bool is_other_layout;
        int r;

        r = read_layout_for(&layout, user, size, &arena, err);
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
                        if (!lease_make_free(house, base + unit * LEASE_UNIT))
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
                         layout.is_default ? "the built-in range" : "its range in /etc/subuid", layout.owner);
}
