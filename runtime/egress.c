/* Owns the table `inet runb`: what is in it, and whether it still is.
 *
 * Output, at priority 0 (behind conntrack at -200 and NAT at -100: earlier, replies have no state and an address can
 * still change), in this order:
 *   - the kernel's own ICMP errors pass: without them a refused attempt hangs until its time-out;
 *   - what was DNATed, and 127.0.0.11, is rejected: docker's resolver is reached so through loopback, and a resolver is a
 *     tunnel;
 *   - loopback passes;
 *   - answers to connections from outside pass, in the direction of answers only, so a connection that something opened
 *     in this namespace before the table was there is of no use to the build;
 *   - IPv6 neighbour discovery passes;
 *   - what the policy allows is counted by address, protocol and port, and passes: each packet of it, by where it goes;
 *   - the rest is counted in the same way, where anybody will read it (a set for that costs 0.1 ms), and rejected as
 *     "administratively prohibited": connect(2) fails with EHOSTUNREACH (IPv6: EACCES), where a reset would mislead as
 *     "connection refused". When: UDP at once (EPERM); TCP over IPv4 at once on a socket that does not block; else after a
 *     second, with the first repetition, as the kernel takes an ICMP error for final only while nobody is inside a call on
 *     the socket (tcp_v4_err(), tcp_v6_err()). Never by time-out.
 * Input: loopback, answers and neighbour discovery; the rest where the policy says so. Forward: nothing.
 *
 * In audit mode the allowed ranges are everything that is not closed always, and docker's resolver passes.
 *
 * The messages are encoded by us (egress_encode.c), not by libnftnl: most builds have the same table, so all of it is a few
 * hundred lines of attributes that need no library to load, no heap and no order of calls; and the check of what the
 * kernel has reads them back the same way. They are sent as one batch, which the kernel applies whole or not at all.
 *
 * Withstands: a namespace that had a table of ours before (engines pool them), rules or chains removed or changed by a
 * tool of the host (egress_verify() says so). Nothing in the build can change them: it owns no capability over
 * the namespace. */
#include "runtime/egress.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/auto.h"
#include "runtime/egress_internal.h"

#define LOOPBACK_INDEX 1        /* net_namespace(7): the first interface, always */
#define DESTINATION_PORT 2      /* of TCP and UDP: RFC 9293, RFC 768 */

/* ---- the rules ---- */

static void match_loopback(struct netlink_writer *w, uint32_t key)
{
        static const uint32_t loopback = LOOPBACK_INDEX;

        egress_load_meta(w, key);
        egress_compare(w, NFT_CMP_EQ, &loopback, sizeof loopback);
}

static void match_protocol(struct netlink_writer *w, uint8_t protocol)
{
        egress_load_meta(w, NFT_META_L4PROTO);
        egress_compare_u8(w, NFT_CMP_EQ, protocol);
}

static void match_family(struct netlink_writer *w, uint8_t family)
{
        egress_load_meta(w, NFT_META_NFPROTO);
        egress_compare_u8(w, NFT_CMP_EQ, family);
}

static void match_state(struct netlink_writer *w, uint32_t bits)
{
        egress_load_ct(w, NFT_CT_STATE);
        egress_has_any_bit(w, bits);
}

/* RFC 4861: router solicitation and advertisement, neighbour solicitation and advertisement. Redirects are left out. */
static void put_neighbour_discovery(struct netlink_writer *w, const char *chain)
{
        struct egress_rule rule = egress_rule_begin(w, chain);

        match_protocol(w, IPPROTO_ICMPV6);
        egress_load_payload(w, NFT_PAYLOAD_TRANSPORT_HEADER, offsetof(struct icmp6_hdr, icmp6_type), 1);
        egress_compare_u8(w, NFT_CMP_GTE, ND_ROUTER_SOLICIT);
        egress_compare_u8(w, NFT_CMP_LTE, ND_NEIGHBOR_ADVERT);
        egress_verdict(w, NF_ACCEPT);
        egress_rule_end(&rule);
}

static void put_icmp_errors(struct netlink_writer *w, uint8_t protocol)
{
        struct egress_rule rule = egress_rule_begin(w, "output");

        match_protocol(w, protocol);
        match_state(w, NF_CT_STATE_BIT(IP_CT_RELATED));
        egress_verdict(w, NF_ACCEPT);
        egress_rule_end(&rule);
}

/* Address, protocol and port of the packet, from the first register on. */
static void load_destination(struct netlink_writer *w, bool is_v6, bool has_port)
{
        const uint32_t protocol = is_v6 ? NFT_REG_2 : NFT_REG32_01, port = is_v6 ? NFT_REG32_05 : NFT_REG32_02;

        if (is_v6)
                egress_load_payload(w, NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct ip6_hdr, ip6_dst), 16);
        else
                egress_load_payload(w, NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct iphdr, daddr), 4);
        egress_load_meta_to(w, protocol, NFT_META_L4PROTO);
        if (has_port)
                egress_load_payload_to(w, port, NFT_PAYLOAD_TRANSPORT_HEADER, DESTINATION_PORT, 2);
        else
                egress_load_zero_to(w, port);
}

static void refuse_or_pass(struct netlink_writer *w, bool is_refused)
{
        if (is_refused)
                egress_reject(w);
        else
                egress_verdict(w, NF_ACCEPT);
}

/* TCP and UDP by port; of others the bytes there are no port, and would make one entry each. What finds no place in a set
 * that is full goes on to the last rule, which has the same verdict and only adds it up. */
static void put_counting(struct netlink_writer *w, const char *chain, enum egress_set set_v4, bool is_refused)
{
        static const uint8_t families[] = { NFPROTO_IPV4, NFPROTO_IPV6 }, protocols[] = { IPPROTO_TCP, IPPROTO_UDP };
        struct egress_rule rule;

        for (unsigned family = 0; family < 2; family++) {
                for (unsigned i = 0; i < 3; i++) {
                        rule = egress_rule_begin(w, chain);
                        match_family(w, families[family]);
                        egress_load_meta(w, NFT_META_L4PROTO);
                        if (i < 2) {
                                egress_compare_u8(w, NFT_CMP_EQ, protocols[i]);
                        } else {
                                egress_compare_u8(w, NFT_CMP_NEQ, protocols[0]);
                                egress_compare_u8(w, NFT_CMP_NEQ, protocols[1]);
                        }
                        load_destination(w, family == 1, i < 2);
                        egress_count_in(w, egress_set_name(set_v4 + family));
                        refuse_or_pass(w, is_refused);
                        egress_rule_end(&rule);
                }
        }
        rule = egress_rule_begin(w, chain);
        egress_count(w);
        refuse_or_pass(w, is_refused);
        egress_rule_end(&rule);
}

static void put_allowed(struct netlink_writer *w, bool is_v6)
{
        struct egress_rule rule = egress_rule_begin(w, "output");

        match_family(w, is_v6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
        load_destination(w, is_v6, true);
        egress_lookup(w, egress_set_name(is_v6 ? EGRESS_ALLOWED_6 : EGRESS_ALLOWED_4));
        egress_go_to(w, EGRESS_PASSED);
        egress_rule_end(&rule);
}

static void refuse(struct netlink_writer *w, const struct sandbox_egress *rules)
{
        if (rules->is_counted)
                egress_go_to(w, EGRESS_REFUSED);
        else
                egress_reject(w);
}

static void put_output(struct netlink_writer *w, const struct sandbox_egress *rules)
{
        const uint32_t resolver = htonl(0x7f00000b);
        const uint8_t answer = IP_CT_DIR_REPLY;
        struct egress_rule rule;

        put_icmp_errors(w, IPPROTO_ICMP);
        put_icmp_errors(w, IPPROTO_ICMPV6);

        if (!rules->is_audit) {
                rule = egress_rule_begin(w, "output");
                egress_load_ct(w, NFT_CT_STATUS);
                egress_has_any_bit(w, IPS_DST_NAT);
                refuse(w, rules);
                egress_rule_end(&rule);

                rule = egress_rule_begin(w, "output");
                match_family(w, NFPROTO_IPV4);
                egress_load_payload(w, NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct iphdr, daddr), sizeof resolver);
                egress_compare(w, NFT_CMP_EQ, &resolver, sizeof resolver);
                refuse(w, rules);
                egress_rule_end(&rule);
        }

        rule = egress_rule_begin(w, "output");
        match_loopback(w, NFT_META_OIF);
        egress_verdict(w, NF_ACCEPT);
        egress_rule_end(&rule);

        rule = egress_rule_begin(w, "output");
        match_state(w, NF_CT_STATE_BIT(IP_CT_ESTABLISHED));
        egress_load_ct(w, NFT_CT_DIRECTION);
        egress_compare(w, NFT_CMP_EQ, &answer, sizeof answer);
        egress_verdict(w, NF_ACCEPT);
        egress_rule_end(&rule);

        put_neighbour_discovery(w, "output");

        if (rules->has_list) {
                put_allowed(w, false);
                put_allowed(w, true);
        }
        rule = egress_rule_begin(w, "output");
        refuse(w, rules);
        egress_rule_end(&rule);
}

static void put_input(struct netlink_writer *w, const struct sandbox_egress *rules)
{
        struct egress_rule rule;

        rule = egress_rule_begin(w, "input");
        match_loopback(w, NFT_META_IIF);
        egress_verdict(w, NF_ACCEPT);
        egress_rule_end(&rule);

        rule = egress_rule_begin(w, "input");
        match_state(w, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
        egress_verdict(w, NF_ACCEPT);
        egress_rule_end(&rule);

        put_neighbour_discovery(w, "input");

        if (rules->is_ingress_open) {
                rule = egress_rule_begin(w, "input");
                egress_verdict(w, NF_ACCEPT);
                egress_rule_end(&rule);
        }
}


/* Host names can have other addresses when the next container of a pod comes: a list that is another one on purpose is told by
 * its mark. */
static uint32_t list_number(const struct sandbox_egress *rules)
{
        uint32_t hash = 2166136261u;

        for (size_t i = 0; i < rules->n_ranges; i++) {
                const struct egress_range *range = &rules->ranges[i];
                const uint64_t parts[] = { (uint64_t)(range->first >> 64), (uint64_t)range->first, (uint64_t)(range->last >> 64),
                                           (uint64_t)range->last, range->protocol_first, range->port_first, range->port_last };

                for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++)
                        hash = (hash ^ (uint32_t)(parts[k] ^ parts[k] >> 32)) * 16777619u;
        }
        return hash;
}

/* Read back by egress_compare_mark(). */
static void put_mark(const struct sandbox_egress *rules, char *mark, size_t size)
{
        char digest[24] = "", list[24] = "";

        if (rules->digest != 0)
                snprintf(digest, sizeof digest, ", rules %08x", rules->digest);
        if (rules->has_list)
                snprintf(list, sizeof list, ", list %08x", list_number(rules));
        snprintf(mark, size, "profile %.130s%s%s", rules->profile, digest, list);
}

bool egress_put_batch(const struct sandbox_egress *rules, struct egress_batch *batch, size_t size)
{
        struct netlink_writer w = { .bytes = batch->bytes, .size = size };
        char mark[EGRESS_MARK_SIZE];

        put_mark(rules, mark, sizeof mark);
        egress_message(&w, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
        netlink_message_end(&w);
        batch->head_length = w.length;
        /* Removing what is not there is an error, so it is made first. */
        egress_put_table(&w, NFT_MSG_NEWTABLE, NLM_F_CREATE, NULL);
        egress_put_table(&w, NFT_MSG_DELTABLE, 0, NULL);
        batch->remove_length = w.length - batch->head_length;
        egress_put_table(&w, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, mark);
        egress_put_chain(&w, "output", NF_INET_LOCAL_OUT);
        egress_put_chain(&w, "forward", NF_INET_FORWARD);
        egress_put_chain(&w, "input", NF_INET_LOCAL_IN);
        if (rules->is_counted)
                egress_put_subchain(&w, EGRESS_REFUSED);
        if (rules->has_list)
                egress_put_subchain(&w, EGRESS_PASSED);
        egress_put_sets(&w, rules);
        egress_put_elements(&w, rules);
        put_input(&w, rules);
        put_output(&w, rules);
        if (rules->has_list)
                put_counting(&w, EGRESS_PASSED, EGRESS_PASSED_4, false);
        if (rules->is_counted)
                put_counting(&w, EGRESS_REFUSED, EGRESS_REFUSED_4, true);
        /* The last one that the kernel acknowledges; any error comes before it, also one found in committing. */
        if (!w.is_full)
                ((struct nlmsghdr *)(w.bytes + w.message))->nlmsg_flags |= NLM_F_ACK;
        egress_message(&w, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
        netlink_message_end(&w);
        batch->length = w.length;
        return !w.is_full;
}

int egress_explain(int error, struct error *err)
{
        switch (error) {
        case EPROTONOSUPPORT:
        case EAFNOSUPPORT:
        case EOPNOTSUPP:
                return error_refuse(err, "egress", "this kernel has no nf_tables (errno %d), so nothing would hold the build back; load "
                                    "the module nf_tables, or run a kernel with CONFIG_NF_TABLES and CONFIG_NF_TABLES_INET", error);
        case ENOENT:
                return error_refuse(err, "egress", "this kernel's nf_tables lacks something of the egress rules; load the modules nft_ct, "
                                    "nf_conntrack and nft_reject_inet (CONFIG_NFT_CT, CONFIG_NFT_REJECT, CONFIG_NF_TABLES_INET)");
        case EPERM:
                return error_refuse(err, "egress", "the network namespace belongs to a user namespace that this runtime has no power "
                                    "over, so the egress rules cannot be installed; let the engine make it, or leave its path out");
        default:
                return error_errno(err, error, "install the egress rules");
        }
}

int egress_prepare(const struct sandbox_egress *rules, struct egress_batch *ret_batch, struct error *err)
{
        const size_t size = EGRESS_BATCH_SIZE + (rules->n_ranges > 0 ? egress_elements_size(rules) : 0);
        auto_free char *bytes = malloc(size);
        struct egress_batch batch = { .bytes = bytes };

        if (bytes == NULL)
                return error_errno(err, ENOMEM, "egress rules");
        if (!egress_put_batch(rules, &batch, size))
                return error_set(err, E2BIG, "egress rules: more than %zu bytes", size);
        take_pointer(bytes);
        *ret_batch = batch;
        return 0;
}

void egress_batch_free(struct egress_batch *batch)
{
        free(batch->bytes);
        *batch = (struct egress_batch){ 0 };
}
