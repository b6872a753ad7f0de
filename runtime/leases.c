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

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/arena.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/leases_private.h"
#include "runtime/state.h"

/* ---- pods ---- */

/* Does an init of the group live, other than that of @except (NULL: none)? Only then its network namespace's inode
 * number cannot be another's by now. */
static bool is_group_alive(const struct lease_record *record, const struct lease_user *except)
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
static int find_group(const struct lease_house *house, const char *name, struct arena *arena,
                      struct lease_record *ret_record)
{
        uint32_t base;

        if (lease_read_link(house->fd, name, &base) < 0)
                return 0;
        if (lease_read_record(house, base, arena, ret_record) == 0 && lease_is_held(ret_record))
                return 1;
        unlinkat(house->fd, name, 0);
        return 0;
}

/* Finds the lease that the pod has. Returns 1, 0 where there is none yet, or a negative errno for a contradiction. */
static int find_pod(const struct lease_house *house, const char *key, uint64_t inode, struct arena *arena,
                    struct lease_record *ret_record, struct error *err)
{
        struct lease_record by_key = { 0 }, by_net = { 0 };
        char name[NAME_MAX + 16];
        bool has_key = false, has_net = false;

        if (inode != 0) {
                lease_net_name(inode, name, sizeof name);
                has_net = find_group(house, name, arena, &by_net) && by_net.netns == inode &&
                          is_group_alive(&by_net, NULL);
        }
        if (key != NULL) {
                lease_key_name(key, name, sizeof name);
                has_key = find_group(house, name, arena, &by_key) && by_key.key != NULL && strcmp(by_key.key, key) == 0;
        }
        if (has_net && key != NULL && by_net.key != NULL && strcmp(by_net.key, key) != 0)
                return error_refuse(err, "ids.pod",
                                    "the container says that it belongs to sandbox %s, but joins the network "
                                    "namespace of sandbox %s; a pod's containers name the same sandbox", key,
                                    by_net.key);
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
static void learn_pod(const struct lease_house *house, struct lease_record *record, const char *key, uint64_t inode)
{
        char name[NAME_MAX + 16];

        if (inode != 0 && inode != record->netns) {
                if (record->netns != 0) {
                        lease_net_name(record->netns, name, sizeof name);
                        lease_drop_link(house->fd, name, record->base);
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
static void sweep_folder(const struct lease_house *house, const char *folder, uint32_t base,
                         bool (*is_ours)(const struct lease_house *house, int dir_fd, const char *name, uint32_t base))
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

static bool names_base(const struct lease_house *house, int dir_fd, const char *name, uint32_t base)
{
        uint32_t named;

        (void)house;
        return lease_read_link(dir_fd, name, &named) == 0 && named == base;
}

static bool is_further_unit(const struct lease_house *house, int dir_fd, const char *name, uint32_t base)
{
        uint32_t unit, first;

        (void)dir_fd;
        return text_to_u32(name, &unit) == 0 && lease_read_further_unit(house, unit, &first) == 0 && first == base;
}

/* What a leases_take() that was killed before it had written its lease leaves: further units; and links, were the
 * lease lost. */
static void sweep(const struct lease_house *house, uint32_t base)
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

static struct lease_user *find_user(struct lease_record *record, const char *root, const char *id)
{
        for (size_t i = 0; i < record->n_users; i++)
                if (strcmp(record->users[i].id, id) == 0 && strcmp(record->users[i].root, root) == 0)
                        return &record->users[i];
        return NULL;
}

static int add_user(struct lease_record *record, const char *root, const char *id, struct arena *arena)
{
        struct lease_user *users;

        if (find_user(record, root, id) != NULL) {
                find_user(record, root, id)->is_gone = false;
                return 0;
        }
        users = arena_array(arena, record->n_users + 1, sizeof *users);
        if (users == NULL)
                return -ENOMEM;
        if (record->n_users > 0)
                memcpy(users, record->users, record->n_users * sizeof *users);
        users[record->n_users++] = (struct lease_user){ .id = id, .root = root };
        record->users = users;
        return 0;
}

/* The lease that the container has already. Returns 1, or 0 where it has none. */
static int find_own(const struct lease_house *house, int container_fd, const char *root, const char *id,
                    struct arena *arena, struct lease_record *ret_record)
{
        uint32_t base;

        return lease_read_link(container_fd, "lease", &base) == 0 &&
               lease_read_record(house, base, arena, ret_record) == 0 && find_user(ret_record, root, id) != NULL;
}

int leases_take(const char *root, const char *id, const char *user, uint32_t size, const char *group_key,
                uint64_t netns_inode, struct lease *ret_lease, struct error *err)
{
        auto_lease_house struct lease_house house = { .fd = UNSET_FD, .lock_fd = UNSET_FD };
        auto_arena struct arena arena = { 0 };
        auto_close int container_fd = UNSET_FD;
        auto_free char *real = NULL;
        struct lease_record record = { 0 };
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
        r = lease_house_open(&house, err);
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
                record = (struct lease_record){ .size = size };
                r = lease_find_free(&house, user, size, &record.base, err);
                if (r < 0)
                        return r;
        }
        learn_pod(&house, &record, group_key, netns_inode);
        r = add_user(&record, real, id, &arena);
        if (r < 0)
                return error_errno(err, r, "lease ids");
        r = lease_write_link(container_fd, "lease", record.base);
        if (r < 0)
                return error_errno(err, r, "write %s/%s/lease", real, id);
        if (record.n_users == 1)
                r = lease_write_units(&house, &record, err);
        if (r == 0)
                r = lease_write_record(&house, &record, err);
        if (r == 0)
                r = lease_write_group_links(&house, &record, err);
        if (r < 0)
                return r;
        *ret_lease = (struct lease){ record.base, record.size };
        return 0;
}

int leases_set_group(const char *root, const char *id, const char *group_key, uint64_t netns_inode, struct error *err)
{
        auto_lease_house struct lease_house house = { .fd = UNSET_FD, .lock_fd = UNSET_FD };
        auto_arena struct arena arena = { 0 };
        auto_close int container_fd = UNSET_FD;
        auto_free char *real = NULL;
        struct lease_record record;
        int r;

        r = check_key(group_key, err);
        if (r == 0)
                r = real_root(root, &real, err);
        if (r < 0)
                return r;
        r = open_container(real, id, &container_fd);
        if (r < 0)
                return error_errno(err, r, "open %s/%s", real, id);
        r = lease_house_open(&house, err);
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
        r = lease_write_record(&house, &record, err);
        if (r == 0)
                r = lease_write_group_links(&house, &record, err);
        return r;
}

int leases_free(const char *root, const char *id, struct error *err)
{
        auto_lease_house struct lease_house house = { .fd = UNSET_FD, .lock_fd = UNSET_FD };
        auto_arena struct arena arena = { 0 };
        auto_close int container_fd = UNSET_FD;
        auto_free char *real = realpath(root, NULL);
        struct lease_record record;
        uint32_t base = 0;
        char name[32];
        int r;

        if (real == NULL || state_check_id(id, NULL) < 0 || open_container(real, id, &container_fd) < 0)
                return 0;
        if (lease_read_link(container_fd, "lease", &base) == -ENOENT)
                return 0;
        r = lease_house_open(&house, err);
        if (r < 0)
                return r;
        if (find_own(&house, container_fd, real, id, &arena, &record)) {
                find_user(&record, real, id)->is_gone = true;
                r = lease_is_held(&record) ? lease_write_record(&house, &record, err) :
                                             lease_remove(&house, &record, err);
                if (r < 0)
                        return r;
        } else if (base != 0) {
                lease_file_name(base, name, sizeof name);
                if (faccessat(house.fd, name, F_OK, 0) < 0 && errno == ENOENT)
                        sweep(&house, base);
        }
        unlinkat(house.fd, "leases/new", 0);
        if (unlinkat(container_fd, "lease", 0) < 0 && errno != ENOENT)
                return error_errno(err, errno, "remove %s/%s/lease", real, id);
        return 0;
}
