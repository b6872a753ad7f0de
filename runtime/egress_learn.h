/* From what was let out, as the audit file has it, to a list that lets out just that. */
#pragma once

#include <stddef.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

struct egress_learn {
        struct arena *arena;
        const char *const *ids; size_t n_ids;   /* of these containers; 0: of all */
        bool has_refused;               /* what was refused is wanted in the list, too */
        struct egress_learnt *items;
        size_t n, room;
        size_t n_records, n_bad_lines;
        struct text_buffer *left_out;   /* lines, one for each thing that no list can have */
};

/* Reads one file of records; lines that are none are counted. */
int egress_learn_read(struct egress_learn *learn, const char *path, struct error *err);

/* Destinations whose address one of @names has now are told by that name. */
int egress_learn_name(struct egress_learn *learn, const char *const *names, size_t n, struct error *err);

/* A policy file with the list of each profile that there was a record of. */
int egress_learn_write(struct egress_learn *learn, struct text_buffer *out, struct error *err);
