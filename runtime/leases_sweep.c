/* All leases of the host, for `reap` and for whoever looks for a container of another engine. */
#include "runtime/leases_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/text.h"

struct list {
        struct lease_holder *holders;
        size_t n, size;
};

static int add(struct list *list, struct arena *arena, const struct lease_record *record)
{
        struct lease_holder *larger;

        for (size_t i = 0; i < record->n_users; i++) {
                if (record->users[i].is_gone)
                        continue;
                if (list->n == list->size) {
                        list->size = list->size == 0 ? 32 : list->size * 2;
                        larger = arena_array(arena, list->size, sizeof *larger);
                        if (larger == NULL)
                                return -ENOMEM;
                        if (list->n > 0)
                                memcpy(larger, list->holders, list->n * sizeof *larger);
                        list->holders = larger;
                }
                list->holders[list->n++] = (struct lease_holder){ record->users[i].root, record->users[i].id, record->base,
                                                                  record->size };
        }
        return 0;
}

int leases_sweep(struct arena *arena, struct lease_holder **ret_holders, size_t *ret_n, unsigned *ret_n_freed,
                 struct error *err)
{
        auto_lease_house struct lease_house house = { .fd = UNSET_FD, .lock_fd = UNSET_FD };
        auto_closedir DIR *dir = NULL;
        struct dirent *entry;
        struct list list = { 0 };
        unsigned n_freed = 0;
        uint32_t base;
        int fd, r = lease_house_open(&house, err);

        if (r < 0)
                return r;
        fd = openat(house.fd, "leases", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_errno(err, errno, "read %s/leases", house.path);
        dir = fdopendir(fd);
        if (dir == NULL) {
                close(fd);
                return error_errno(err, ENOMEM, "read %s/leases", house.path);
        }
        while ((entry = readdir(dir)) != NULL) {
                struct lease_record record;

                if (text_to_u32(entry->d_name, &base) < 0)
                        continue;
                if (lease_make_free(&house, base)) {
                        n_freed++;
                        continue;
                }
                /* The further units of a larger one are no record. */
                if (lease_read_record(&house, base, arena, &record) == 0 && add(&list, arena, &record) < 0)
                        return error_errno(err, ENOMEM, "read %s/leases", house.path);
        }
        *ret_holders = list.holders;
        *ret_n = list.n;
        *ret_n_freed = n_freed;
        return 0;
}

int leases_list(const char *folder, struct arena *arena, struct lease_holder **ret_holders, size_t *ret_n, struct error *err)
{
        struct lease_house house = { .lock_fd = UNSET_FD };     /* no lock: a record is replaced whole */
        auto_close int house_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        auto_closedir DIR *dir = NULL;
        struct dirent *entry;
        struct list list = { 0 };
        uint32_t base;
        int fd = house_fd < 0 ? -1 : openat(house_fd, "leases", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        *ret_holders = NULL;
        *ret_n = 0;
        if (fd < 0)
                return errno == ENOENT ? 0 : error_errno(err, errno, "read %s/leases", folder);
        house.fd = house_fd;
        dir = fdopendir(fd);
        if (dir == NULL) {
                close(fd);
                return error_errno(err, ENOMEM, "read %s/leases", folder);
        }
        while ((entry = readdir(dir)) != NULL) {
                struct lease_record record;

                if (text_to_u32(entry->d_name, &base) == 0 && lease_read_record(&house, base, arena, &record) == 0 &&
                    add(&list, arena, &record) < 0)
                        return error_errno(err, ENOMEM, "read %s/leases", folder);
        }
        *ret_holders = list.holders;
        *ret_n = list.n;
        return 0;
}

int leases_list_network(const char *folder, uint64_t inode, struct arena *arena, struct lease_holder **ret_holders,
                        size_t *ret_n, struct error *err)
{
        struct lease_house house = { .lock_fd = UNSET_FD };     /* as above */
        auto_close int house_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct lease_record record;
        struct list list = { 0 };
        char name[64];
        uint32_t base;

        *ret_holders = NULL;
        *ret_n = 0;
        lease_net_name(inode, name, sizeof name);
        if (house_fd < 0 || lease_read_link(house_fd, name, &base) < 0)
                return 0;
        house.fd = house_fd;
        if (lease_read_record(&house, base, arena, &record) < 0 || record.netns != inode)
                return 0;
        if (add(&list, arena, &record) < 0)
                return error_errno(err, ENOMEM, "read %s/%s", folder, name);
        *ret_holders = list.holders;
        *ret_n = list.n;
        return 0;
}
