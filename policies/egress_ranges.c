/* Ranges of addresses, protocols and ports, as arithmetic: closed parts are cut out, and what overlaps is made
 * disjoint, as the kernel's sets of ranges must not hold a pair that does.
 *
 * Disjoint: all borders of ports of a family and protocol cut the ports into pieces within which each range is there or
 * not; within a piece the addresses are sorted and joined; neighbouring pieces with the same addresses become one. */
#include "policies/egress_ranges.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int egress_ranges_add(struct egress_ranges *ranges, const struct egress_range *range)
{
        if (ranges->n == ranges->room) {
                size_t room = ranges->room == 0 ? 64 : 2 * ranges->room;
                struct egress_range *items = arena_array(ranges->arena, room, sizeof *items);

                if (items == NULL)
                        return -ENOMEM;
                if (ranges->n > 0)
                        memcpy(items, ranges->items, ranges->n * sizeof *items);
                ranges->items = items;
                ranges->room = room;
        }
        ranges->items[ranges->n++] = *range;
        return 0;
}

int egress_ranges_add_without(struct egress_ranges *ranges, const struct egress_range *range,
                              const struct egress_range *closed, size_t n)
{
        struct egress_range rest = *range, before;
        int r;

        for (size_t i = 0; i < n; i++) {
                if (closed[i].is_v6 != rest.is_v6 || closed[i].last < rest.first || closed[i].first > rest.last)
                        continue;
                /* What lies before it has the other closed ones to pass, too. */
                if (closed[i].first > rest.first) {
                        before = rest;
                        before.last = closed[i].first - 1;
                        r = egress_ranges_add_without(ranges, &before, closed + i + 1, n - i - 1);
                        if (r < 0)
                                return r;
                }
                if (closed[i].last >= rest.last)
                        return 0;
                rest.first = closed[i].last + 1;
        }
        return egress_ranges_add(ranges, &rest);
}

static int compare_address(const void *a, const void *b)
{
        const struct egress_range *one = a, *other = b;

        return one->first < other->first ? -1 : one->first > other->first;
}

static int compare_border(const void *a, const void *b)
{
        const uint32_t *one = a, *other = b;

        return *one < *other ? -1 : *one > *other;
}

/* The addresses of the ranges of @all that hold the port, sorted and joined. @into: room for all. */
static size_t join_addresses(const struct egress_ranges *all, const struct egress_range *like, uint32_t port,
                             struct egress_range *into)
{
        size_t n = 0, joined = 0;

        for (size_t i = 0; i < all->n; i++) {
                const struct egress_range *range = &all->items[i];

                if (range->is_v6 == like->is_v6 && range->protocol_first == like->protocol_first &&
                    range->protocol_last == like->protocol_last && range->port_first <= port &&
                    range->port_last >= port)
                        into[n++] = *range;
        }
        if (n == 0)
                return 0;
        qsort(into, n, sizeof *into, compare_address);
        for (size_t i = 1; i < n; i++) {
                struct egress_range *last = &into[joined];

                /* At the last address of all there is no next one. */
                if (into[i].first <= last->last || into[i].first - 1 == last->last) {
                        if (into[i].last > last->last)
                                last->last = into[i].last;
                } else {
                        into[++joined] = into[i];
                }
        }
        return joined + 1;
}

static bool is_same_addresses(const struct egress_range *a, const struct egress_range *b, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (a[i].first != b[i].first || a[i].last != b[i].last)
                        return false;
        return true;
}

/* One family and protocol, those of @like. */
static int normalize_like(const struct egress_ranges *all, const struct egress_range *like, struct egress_ranges *out)
{
        uint32_t *borders = arena_array(out->arena, 2 * all->n + 1, sizeof *borders);
        struct egress_range *now = arena_array(out->arena, all->n + 1, sizeof *now);
        size_t n_borders = 0, previous = 0, n_previous = 0;
        int r;

        if (borders == NULL || now == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < all->n; i++) {
                borders[n_borders++] = all->items[i].port_first;
                borders[n_borders++] = all->items[i].port_last + 1u;
        }
        qsort(borders, n_borders, sizeof *borders, compare_border);
        for (size_t i = 0; i + 1 < n_borders; i++) {
                size_t n;

                if (borders[i] == borders[i + 1])
                        continue;
                n = join_addresses(all, like, borders[i], now);
                if (n > 0 && n == n_previous && out->items[previous].port_last + 1u == borders[i] &&
                    is_same_addresses(now, &out->items[previous], n)) {
                        for (size_t j = 0; j < n; j++)
                                out->items[previous + j].port_last = (uint16_t)(borders[i + 1] - 1);
                        continue;
                }
                previous = out->n;
                n_previous = n;
                for (size_t j = 0; j < n; j++) {
                        now[j].port_first = (uint16_t)borders[i];
                        now[j].port_last = (uint16_t)(borders[i + 1] - 1);
                        r = egress_ranges_add(out, &now[j]);
                        if (r < 0)
                                return r;
                }
                if (out->n > 4 * EGRESS_MAX_RANGES)     /* too many in any case */
                        return 0;
        }
        return 0;
}

int egress_ranges_normalize(struct egress_ranges *ranges)
{
        struct egress_ranges out = { .arena = ranges->arena };
        struct { bool is_v6; uint8_t first, last; } done[2 * 3] = { 0 };
        size_t n_done = 0;
        int r;

        for (size_t i = 0; i < ranges->n; i++) {
                const struct egress_range *like = &ranges->items[i];
                bool is_done = false;

                for (size_t j = 0; j < n_done; j++)
                        is_done |= done[j].is_v6 == like->is_v6 && done[j].first == like->protocol_first &&
                                   done[j].last == like->protocol_last;
                if (is_done || n_done == sizeof done / sizeof done[0])
                        continue;
                done[n_done].is_v6 = like->is_v6;
                done[n_done].first = like->protocol_first;
                done[n_done++].last = like->protocol_last;
                r = normalize_like(ranges, like, &out);
                if (r < 0)
                        return r;
        }
        *ranges = out;
        return 0;
}

struct egress_range egress_range_of_address(bool is_v6, const unsigned char *bytes)
{
        struct egress_range range = { .is_v6 = is_v6 };

        for (size_t i = 0; i < (is_v6 ? 16u : 4u); i++)
                range.first = range.first << 8 | bytes[i];
        range.last = range.first;
        return range;
}

bool egress_range_of_cidr(const char *text, struct egress_range *ret_range)
{
        const char *slash = strchr(text, '/');
        unsigned char bytes[16] = { 0 };
        egress_address hosts;
        char address[64];
        unsigned long prefix;
        unsigned bits;
        bool is_v6;

        if (slash == NULL || (size_t)(slash - text) >= sizeof address)
                return false;
        memcpy(address, text, (size_t)(slash - text));
        address[slash - text] = '\0';
        is_v6 = strchr(address, ':') != NULL;
        prefix = strtoul(slash + 1, NULL, 10);
        bits = is_v6 ? 128 : 32;
        if (prefix > bits || inet_pton(is_v6 ? AF_INET6 : AF_INET, address, bytes) != 1)
                return false;
        *ret_range = egress_range_of_address(is_v6, bytes);
        hosts = prefix == 0 ? (is_v6 ? ~(egress_address)0 : (egress_address)UINT32_MAX) :
                              ((egress_address)1 << (bits - prefix)) - 1;
        ret_range->first &= ~hosts;
        ret_range->last = ret_range->first | hosts;
        return true;
}

int egress_range_lies_in(const struct egress_range *range, const struct egress_range *list, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (list[i].is_v6 == range->is_v6 && list[i].first <= range->first && list[i].last >= range->last)
                        return (int)i;
        return -1;
}
