/* What the files of the leases room share. All of it wants the lock, which lease_house_open() takes. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/leases.h"

/* The host's folder, locked. */
struct lease_house {
        int fd;
        int lock_fd;
        char path[PATH_MAX];
};

struct lease_user {
        const char *id;
        const char *root;
        bool is_gone;           /* its folder does not name this lease */
};

/* leases/<base>. Strings lie in the arena. */
struct lease_record {
        uint32_t base;
        uint32_t size;
        const char *key;        /* NULL: none */
        uint64_t netns;         /* 0: not known */
        struct lease_user *users;
        size_t n_users;
};

/* ---- leases_record.c ---- */

int lease_house_open(struct lease_house *house, struct error *err);
void lease_house_close(struct lease_house *house);
#define auto_lease_house __attribute__((cleanup(lease_house_close)))

/* Links whose text is a base. Reading: 0 or a negative errno. Dropping removes it if it still names @base. */
int lease_read_link(int dir_fd, const char *name, uint32_t *ret_base);
int lease_write_link(int dir_fd, const char *name, uint32_t base);
void lease_drop_link(int dir_fd, const char *name, uint32_t base);

/* Names below the house: groups/net-<inode>, groups/key-<key>, leases/<base>. */
void lease_net_name(uint64_t inode, char *name, size_t size);
void lease_key_name(const char *key, char *name, size_t size);
void lease_file_name(uint32_t base, char *name, size_t size);

/* Returns 0; -ENOENT where the range is free; -EINVAL where the file is no record (a further unit of a larger lease, or
 * damaged). Users whose folders name this lease no more are marked. */
int lease_read_record(const struct lease_house *house, uint32_t base, struct arena *arena,
                      struct lease_record *ret_record);
/* Users that are gone are left out. */
int lease_write_record(const struct lease_house *house, const struct lease_record *record, struct error *err);
int lease_write_group_links(const struct lease_house *house, const struct lease_record *record, struct error *err);
/* The further units of a lease larger than one name its base. */
int lease_write_units(const struct lease_house *house, const struct lease_record *record, struct error *err);
int lease_read_further_unit(const struct lease_house *house, uint32_t base, uint32_t *ret_first);
int lease_remove(const struct lease_house *house, const struct lease_record *record, struct error *err);

bool lease_is_held(const struct lease_record *record);
uint32_t lease_units(uint32_t size);
/* Is the unit at @base free? What nobody holds is removed first. */
bool lease_make_free(const struct lease_house *house, uint32_t base);

/* ---- leases_slots.c ---- */

/* A range of @size that nobody has; remembers where to look next. ENOSPC: says how many there are. @user: leases_take(). */
int lease_find_free(const struct lease_house *house, const char *user, uint32_t size, uint32_t *ret_base, struct error *err);
