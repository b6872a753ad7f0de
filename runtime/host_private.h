/* What the files of the host room share. */
#pragma once

#include "runtime/host.h"

#define HOST_ID_NOBODY 65534    /* what an unmapped owner looks like (proc(5), overflowuid) */

/* Each returns 0, or a negative errno where memory or /proc is missing. What cannot be found out is a fact. */
void host_look_at_rootfs(const struct spec *spec, const char *bundle, struct arena *arena, struct host *host);
int host_look_at_sources(const struct spec *spec, const char *bundle, struct arena *arena, struct host *host);
/* After the two above. */
int host_look_at_hooks(const struct spec *spec, struct arena *arena, struct host *host);
int host_look_at_listener(const struct spec *spec, struct arena *arena, struct host *host);
int host_look_at_namespace(struct arena *arena, enum spec_ns kind, const char *path, struct host_namespace *fact);
/* A fact for each line of the maps. */
int host_look_at_ids(struct arena *arena, const struct spec_id_map *uid_map, size_t n_uid_map,
                     const struct spec_id_map *gid_map, size_t n_gid_map, const struct host_ids **ret_users,
                     const struct host_ids **ret_groups);

/* The path of an open file, links resolved; NULL where it has none. */
const char *host_path_of(struct arena *arena, int fd);
bool host_is_writable_bind(const struct spec_mount *mount);
/* A uid_map or gid_map, outside = ids of our own user namespace. */
int host_read_map(struct arena *arena, int dir_fd, const char *path, const struct spec_id_map **ret_map, size_t *ret_n);
