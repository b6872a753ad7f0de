/* Id maps, of linux and of mounts: numbers that become lines of /proc/PID/uid_map (user_namespaces(7)). What the
 * kernel would answer with a bare EINVAL is said here with its place. Which host ids may be mapped is the policy's. */
#include "oci-spec/rooms.h"

#include <errno.h>

/* UID_GID_MAP_MAX_EXTENTS, since Linux 4.15. */
#define LINES_LIMIT 340

static const struct reader_field fields[] = {
        RF_REQUIRED(struct spec_id_map, "containerID", inside, reader_id),
        RF_REQUIRED(struct spec_id_map, "hostID", outside, reader_id),
        RF_REQUIRED(struct spec_id_map, "size", size, reader_u32),
};

int spec_userns_read(struct reader *reader, const struct json_node *node, void *into)
{
        struct spec_id_map *map = into;
        int r = reader_object(reader, node, fields, READER_COUNT(fields), map);

        if (r < 0)
                return r;
        if (map->size == 0)
                return reader_fail_below(reader, "size", "0 maps nothing");
        /* 4294967295 is no id, see reader_id(). */
        if (map->size > UINT32_MAX - map->inside)
                return reader_fail_below(reader, "size", "containerID %u and size %u reach beyond id 4294967294",
                                         map->inside, map->size);
        if (map->size > UINT32_MAX - map->outside)
                return reader_fail_below(reader, "size", "hostID %u and size %u reach beyond id 4294967294",
                                         map->outside, map->size);
        return 0;
}

static bool overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
        return a < b ? b - a < a_size : a - b < b_size;
}

int spec_userns_check(struct reader *reader, const char *property, const struct spec_id_map *maps, size_t n)
{
        if (n > LINES_LIMIT)
                return reader_fail_below(reader, property, "%zu entries; the kernel takes %d", n, LINES_LIMIT);
        for (size_t i = 0; i < n; i++)
                for (size_t k = i + 1; k < n; k++)
                        if (overlap(maps[i].inside, maps[i].size, maps[k].inside, maps[k].size) ||
                            overlap(maps[i].outside, maps[i].size, maps[k].outside, maps[k].size))
                                return reader_fail_below(reader, property, "entries %zu and %zu overlap", i, k);
        return 0;
}
