/* Whose ids an engine maps: the users and groups of this host among them, and what /etc/subuid and /etc/subgid give
 * away. */
#include "runtime/host_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/subid.h"

#define USERS_LIMIT_BYTES ((size_t)16 << 20)

/* Field @index of a line of passwd(5) or group(5), as a number. */
static bool field_number(const char *line, unsigned index, uint32_t *ret_number)
{
        char text[16];
        size_t length;

        for (; index > 0; index--) {
                line = strpbrk(line, ":\n");
                if (line == NULL || *line == '\n')
                        return false;
                line++;
        }
        length = strcspn(line, ":\n");
        if (length >= sizeof text)
                return false;
        memcpy(text, line, length);
        text[length] = '\0';
        return text_to_u32(text, ret_number) == 0;
}

static int look_at_users(struct arena *arena, const char *users_file, const char *ranges_file,
                         const struct spec_id_map *map, size_t n, const struct host_ids **ret_ids)
{
        auto_free char *users = NULL;
        struct subid_range *ranges = NULL;
        struct host_ids *ids;
        size_t length, n_ranges = 0;

        if (n == 0)
                return 0;
        ids = arena_array(arena, n, sizeof *ids);
        if (ids == NULL)
                return -ENOMEM;
        if (fd_read_file(AT_FDCWD, users_file, USERS_LIMIT_BYTES, &users, &length) < 0)
                users = NULL;
        if (subid_read(ranges_file, NULL, arena, &ranges, &n_ranges, NULL) < 0)
                n_ranges = 0;
        for (const char *line = users; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL) {
                uint32_t id;

                if (!field_number(line, 2, &id))
                        continue;
                for (size_t i = 0; i < n; i++) {
                        if (ids[i].user != NULL || id < map[i].outside || id - map[i].outside >= map[i].size)
                                continue;
                        ids[i].id = id;
                        ids[i].user = arena_string_n(arena, line, strcspn(line, ":\n"));
                        if (ids[i].user == NULL)
                                return -ENOMEM;
                }
        }
        for (size_t k = 0; k < n_ranges; k++) {
                for (size_t i = 0; i < n; i++) {
                        if (map[i].outside >= ranges[k].first && map[i].size <= ranges[k].count &&
                            map[i].outside - ranges[k].first <= ranges[k].count - map[i].size)
                                ids[i].is_delegated = true;
                }
        }
        *ret_ids = ids;
        return 0;
}

int host_look_at_ids(struct arena *arena, const struct spec_id_map *uid_map, size_t n_uid_map,
                     const struct spec_id_map *gid_map, size_t n_gid_map, const struct host_ids **ret_users,
                     const struct host_ids **ret_groups)
{
        int r = look_at_users(arena, "/etc/passwd", "/etc/subuid", uid_map, n_uid_map, ret_users);

        return r < 0 ? r : look_at_users(arena, "/etc/group", "/etc/subgid", gid_map, n_gid_map, ret_groups);
}
