/* /etc/subuid and /etc/subgid: which ids belong to whom (subuid(5)). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"

struct subid_range {
        const char *owner;      /* a name or a decimal uid */
        uint32_t first;
        uint32_t count;
};

/* Reads every line. A missing file is an empty one. A line that cannot be understood is skipped, as shadow does;
 * unless it is @owner's (NULL: nobody's), whose faults are errors that name file and line.
 * @ret_ranges: in the file's order, in the arena. */
int subid_read(const char *path, const char *owner, struct arena *arena, struct subid_range **ret_ranges, size_t *ret_n,
               struct error *err);

/* The name of a uid by /etc/passwd alone (no NSS module is loaded into the runtime). NULL where there is none. */
const char *subid_user_name(struct arena *arena, uint32_t uid);
