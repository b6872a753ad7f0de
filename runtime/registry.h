/* Lists of containers of this host, whatever --root they have: folders of the host-wide folder (leases.h) with a small
 * file for each container, which holds "ROOT/ID".
 *
 *   deadlines/<key>            has a deadline (deadline.h)
 *   slots/<profile>.<key>      counts for the profile (concurrent.h)
 *
 * An entry is written after the container's record and is a hint only: whoever reads it looks at the record. One whose
 * container is gone is removed by the next who meets it. */
#pragma once

#include <stddef.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"

#define REGISTRY_DEADLINES "deadlines"
#define REGISTRY_SLOTS "slots"

struct registry_entry {
        const char *name;               /* of the file; NULL: of no file */
        const char *root, *id;
};

/* @host_folder: leases_folder(). @list: one of the folders above, made where missing. @prefix: "" or a profile and a dot. */
int registry_add(const char *host_folder, const char *list, const char *prefix, const char *root, const char *id,
                 struct error *err);
/* May run twice; one that is not there is success. */
int registry_remove(const char *host_folder, const char *list, const char *prefix, const char *root, const char *id,
                    struct error *err);

/* Those whose names begin with @prefix; what is no entry (cut by a full disk or kill -9) is
 * removed after a minute. */
int registry_read(const char *host_folder, const char *list, const char *prefix, struct arena *arena,
                  struct registry_entry **ret_entries, size_t *ret_n, struct error *err);
void registry_drop(const char *host_folder, const char *list, const char *name);
