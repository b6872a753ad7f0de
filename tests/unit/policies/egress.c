#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

#include "policies/egress.h"
#include "policies/egress_ranges.h"
#include "policies/host.h"

static struct arena arena;
static struct egress_ranges ranges;

static void begin(void)
{
        arena = (struct arena){ 0 };
        ranges = (struct egress_ranges){ .arena = &arena };
}

static void end(void)
{
        arena_free(&arena);
}

static struct egress_range net(const char *cidr, uint16_t first, uint16_t last)
{
        struct egress_range range = { 0 };

        cr_assert(egress_range_of_cidr(cidr, &range), "%s", cidr);
        range.protocol_first = range.protocol_last = 6;
        range.port_first = first;
        range.port_last = last;
        return range;
}

TestSuite(egress_ranges, .init = begin, .fini = end);

Test(egress_ranges, of_networks_are_first_and_last_address)
{
        struct egress_range range;

        cr_assert(egress_range_of_cidr("10.0.0.0/8", &range));
        cr_assert(range.first == 0x0a000000 && range.last == 0x0affffff && !range.is_v6);
        cr_assert(egress_range_of_cidr("0.0.0.0/0", &range) && range.first == 0 && range.last == UINT32_MAX);
        cr_assert(egress_range_of_cidr("::/0", &range) && range.first == 0 && range.last == ~(egress_address)0);
        cr_assert(egress_range_of_cidr("::1/128", &range) && range.first == 1 && range.last == 1 && range.is_v6);
        cr_assert(!egress_range_of_cidr("10.0.0.0", &range) && !egress_range_of_cidr("10.0.0.0/33", &range) &&
                  !egress_range_of_cidr("x/8", &range));
}

Test(egress_ranges, leave_out_what_is_closed)
{
        const struct egress_range closed[] = { net("10.0.1.0/24", 0, 0), net("10.0.0.0/32", 0, 0), net("10.0.255.255/32", 0, 0),
                                               net("10.0.1.128/25", 0, 0), net("::/0", 0, 0) };
        const struct egress_range all = net("10.0.0.0/16", 1, 9);

        cr_assert_eq(egress_ranges_add_without(&ranges, &all, closed, 5), 0);
        cr_assert_eq(ranges.n, 2);
        cr_assert(ranges.items[0].first == 0x0a000001 && ranges.items[0].last == 0x0a0000ff);
        cr_assert(ranges.items[1].first == 0x0a000200 && ranges.items[1].last == 0x0a00fffe);
        ranges.n = 0;
        cr_assert_eq(egress_ranges_add_without(&ranges, &closed[3], closed, 5), 0);
        cr_assert_eq(ranges.n, 0);
}

/* By brute force over a small world: the same points before and after, and none of them twice. */
Test(egress_ranges, are_disjoint_and_the_same)
{
        unsigned seed = 1;

        for (unsigned round = 0; round < 400; round++) {
                static unsigned char before[2][16][16], after[2][16][16];

                memset(before, 0, sizeof before);
                memset(after, 0, sizeof after);
                ranges.n = 0;
                for (unsigned i = 0; i < 1 + round % 12; i++) {
                        struct egress_range range = { 0 };
                        unsigned values[5];

                        for (unsigned k = 0; k < 5; k++)
                                values[k] = (seed = seed * 1103515245 + 12345) >> 16 & 15;
                        range.first = values[0] < values[1] ? values[0] : values[1];
                        range.last = values[0] < values[1] ? values[1] : values[0];
                        range.port_first = (uint16_t)(values[2] < values[3] ? values[2] : values[3]);
                        range.port_last = (uint16_t)(values[2] < values[3] ? values[3] : values[2]);
                        range.protocol_first = range.protocol_last = values[4] & 1 ? 17 : 6;
                        cr_assert_eq(egress_ranges_add(&ranges, &range), 0);
                        for (unsigned a = (unsigned)range.first; a <= range.last; a++)
                                for (unsigned p = range.port_first; p <= range.port_last; p++)
                                        before[values[4] & 1][a][p] = 1;
                }
                cr_assert_eq(egress_ranges_normalize(&ranges), 0);
                for (size_t i = 0; i < ranges.n; i++)
                        for (unsigned a = (unsigned)ranges.items[i].first; a <= ranges.items[i].last; a++)
                                for (unsigned p = ranges.items[i].port_first; p <= ranges.items[i].port_last; p++)
                                        after[ranges.items[i].protocol_first == 17][a][p]++;
                cr_assert_eq(memcmp(before, after, sizeof before), 0, "round %u", round);
        }
}

Test(egress_ranges, reach_the_last_address_and_port)
{
        struct egress_range all = net("::/0", 1, 65535), same = net("ffff::/16", 65535, 65535);

        egress_ranges_add(&ranges, &all);
        egress_ranges_add(&ranges, &same);
        cr_assert_eq(egress_ranges_normalize(&ranges), 0);
        cr_assert_eq(ranges.n, 1);
        cr_assert(ranges.items[0].last == ~(egress_address)0 && ranges.items[0].port_last == 65535);
}

static enum policy_egress_kind kind(const char *text)
{
        struct host_address address = { .is_v6 = strchr(text, ':') != NULL };

        cr_assert_eq(inet_pton(address.is_v6 ? AF_INET6 : AF_INET, text, address.bytes), 1, "%s", text);
        return policy_egress_kind(&address);
}

Test(policy_egress, knows_what_is_closed_and_what_is_private)
{
        static const char *const closed[] = { "169.254.169.254", "169.254.0.0", "100.100.100.200", "168.63.129.16", "10.0.2.2", "127.0.0.11",
                                              "0.0.0.0", "255.255.255.255", "224.0.0.22", "::", "::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
                                              "64:ff9b:1::1", "2002:808:808::1", "fe80::1", "ff02::1", "fd00:ec2::254", "fd00::2", "fec0::1" };
        static const char *const private[] = { "10.0.2.3", "10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1",
                                               "198.18.0.1", "fd00::3", "fc00::1" };
        static const char *const public[] = { "8.8.8.8", "172.32.0.0", "11.0.0.0", "9.255.255.255", "192.169.0.0", "169.253.255.255", "169.255.0.0",
                                              "2001:4860::8888", "2a00::1" };

        for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
                cr_assert_eq(kind(closed[i]), POLICY_EGRESS_CLOSED, "%s", closed[i]);
        for (size_t i = 0; i < sizeof private / sizeof *private; i++)
                cr_assert_eq(kind(private[i]), POLICY_EGRESS_PRIVATE, "%s", private[i]);
        for (size_t i = 0; i < sizeof public / sizeof *public; i++)
                cr_assert_eq(kind(public[i]), POLICY_EGRESS_PUBLIC, "%s", public[i]);
}
