/* Where a file of the host really lies: a bind mount shows it in a second place. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/arena.h"

/* What has been read for earlier questions. Zeros to begin with. */
struct origins {
        bool is_root_known;
        int64_t root_id;        /* mount id of / */
        char *mountinfo;        /* /proc/self/mountinfo; read when a question needs it */
};

void origins_free(struct origins *origins);
#define auto_origins __attribute__((cleanup(origins_free)))

struct origin {
        bool is_whole;          /* the mount shows a whole file system: the path tells where the file lies */
        const char *top;        /* where the mount is; NULL: not known, or not looked at */
        const char *path;       /* the file, reached through another mount that shows more; NULL: none does */
};

/* @fd: borrowed, O_PATH is enough. @real_path: its path, links resolved. Texts are in the arena.
 * Returns 0 or -ENOMEM; what cannot be found out is left as not known. */
int origins_find(struct origins *origins, struct arena *arena, int fd, const char *real_path, struct origin *ret_origin);

/* What a recursive bind of the folder @real_path would show besides. @look: tells whether a mount of that path, of a file
 * system of this machine, is or holds an engine's socket. Texts are in the arena, NULL where there is nothing of the kind.
 * Returns 0 or a negative errno. */
int origins_look_below(struct origins *origins, struct arena *arena, const char *real_path,
                       bool (*look)(const char *path), const char **ret_view, const char **ret_socket);
