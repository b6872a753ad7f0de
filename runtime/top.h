/* What runs on a host, as numbers: for `runb top`. Only looks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/state.h"

struct top_row {
        const char *root, *id, *profile;
        enum state_status status;
        bool is_unreadable;             /* its record: all else is unknown */
        bool is_contained, has_deadline, has_cpu, has_memory, has_pids, has_denied;
        uint64_t age_ms;
        int64_t left_ms;                /* until its deadline; less than 0: it is past it */
        uint64_t cpu_ns;
        uint64_t memory_bytes, memory_limit;    /* limit 0: none */
        uint64_t pids, pids_limit;
        uint64_t denied;                /* packets that its network refused */
        struct top_row *next;
};

/* "running", "contained", "unreadable" */
const char *top_status_name(const struct top_row *row);

/* The container of this host, whatever its state folder, whose id is @id or begins with it (4 characters at least). Returns 0,
 * -ENOENT, -ENOTUNIQ (the error names them) or another negative errno. */
int top_find(const char *id, struct arena *arena, const char **ret_root, const char **ret_id, struct error *err);

/* Those of @root, sorted by id; @is_all: besides, those of every other root that has a lease, a deadline or a counted place on
 * this host. One that ends meanwhile is left out. */
int top_read(const char *root, bool is_all, struct arena *arena, struct top_row **ret_rows, struct error *err);

/* {"time":...,"containers":[...]} and a line break. */
void top_to_json(const struct top_row *rows, struct text_buffer *out);
