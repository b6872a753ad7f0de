/* What an allow list lets out, as ranges that do not overlap. */
#pragma once

#include "policies/sandbox.h"
#include "runtime/base/arena.h"

/* So many a set of the kernel's takes without making a start slow. */
#define EGRESS_MAX_RANGES 16384

struct egress_ranges {
        struct arena *arena;
        struct egress_range *items;
        size_t n, room;
};

/* Returns 0 or -ENOMEM. */
int egress_ranges_add(struct egress_ranges *ranges, const struct egress_range *range);

/* Adds @range without the parts that @n closed ones cover (addresses count; protocols and ports of those do not). */
int egress_ranges_add_without(struct egress_ranges *ranges, const struct egress_range *range,
                              const struct egress_range *closed, size_t n);

/* Makes them disjoint: what lies in several is there once. Returns 0 or -ENOMEM. */
int egress_ranges_normalize(struct egress_ranges *ranges);

/* "10.0.0.0/8" as a range of addresses; protocol and ports are zero. False where it is none. */
bool egress_range_of_cidr(const char *text, struct egress_range *ret_range);
struct egress_range egress_range_of_address(bool is_v6, const unsigned char *bytes);
/* Is all of @range in one of @n? The index, or -1. */
int egress_range_lies_in(const struct egress_range *range, const struct egress_range *list, size_t n);
