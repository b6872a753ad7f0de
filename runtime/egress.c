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
 *   - the rest is rejected as "administratively prohibited": connect(2) fails with EHOSTUNREACH (IPv6: EACCES), where a
 *     reset would mislead as "connection refused". When: UDP at once (EPERM); TCP over IPv4 at once on a socket that does
 *     not block; else after a second, with the first repetition, as the kernel takes an ICMP error for final only
 *     while nobody is inside a call on the socket (tcp_v4_err(), tcp_v6_err()). Never by time-out.
 * Input: loopback, answers and neighbour discovery. Forward: nothing.
 *
 * The messages are encoded here (netlink.h), not by libnftnl: the table is the same for every build, so all of it is a few
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
#include <stdlib.h>
#include <string.h>

#include "runtime/base/auto.h"
#include "runtime/egress_internal.h"

#define LOOPBACK_INDEX 1        /* net_namespace(7): the first interface, always */

/* 16 bytes wide; what is loaded last is what is compared. The kernel dumps it by this name. */
#define REG_1 NFT_REG_1

/* ---- messages ---- */

/* nf_tables takes its numbers in network order. */
static void attr_u32(struct netlink_writer *w, uint16_t type, uint32_t value)
{
        uint32_t wire = htonl(value);

        netlink_attr(w, type, &wire, sizeof wire);
}

static void message(struct netlink_writer *w, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
        struct nfgenmsg *general;

        netlink_message(w, type, NLM_F_REQUEST | flags);
        general = netlink_put(w, sizeof *general);
        if (general == NULL)
                return;
        general->nfgen_family = family;
        general->version = NFNETLINK_V0;
        general->res_id = htons(resource);
}

void egress_table_message(struct netlink_writer *w, uint16_t type, uint16_t flags)
{
        message(w, NFNL_SUBSYS_NFTABLES << 8 | type, flags, NFPROTO_INET, 0);
}

static void put_table(struct netlink_writer *w, uint16_t type, uint16_t flags)
{
        egress_table_message(w, type, flags);
        netlink_attr_text(w, NFTA_TABLE_NAME, EGRESS_TABLE);
        if (type == NFT_MSG_NEWTABLE)
                attr_u32(w, NFTA_TABLE_FLAGS, 0);
        netlink_message_end(w);
}

static void put_chain(struct netlink_writer *w, const char *name, uint32_t hook)
{
        size_t at;

        egress_table_message(w, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
        netlink_attr_text(w, NFTA_CHAIN_TABLE, EGRESS_TABLE);
        netlink_attr_text(w, NFTA_CHAIN_NAME, name);
        at = netlink_nest(w, NFTA_CHAIN_HOOK);
        attr_u32(w, NFTA_HOOK_HOOKNUM, hook);
        attr_u32(w, NFTA_HOOK_PRIORITY, 0);
        netlink_nest_end(w, at);
        attr_u32(w, NFTA_CHAIN_POLICY, NF_DROP);
        netlink_attr_text(w, NFTA_CHAIN_TYPE, "filter");
        netlink_message_end(w);
}

/* ---- expressions of a rule ---- */

struct rule {
        struct netlink_writer *w;
        size_t expressions;
};

static struct rule rule_begin(struct netlink_writer *w, const char *chain)
{
        egress_table_message(w, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
        netlink_attr_text(w, NFTA_RULE_TABLE, EGRESS_TABLE);
        netlink_attr_text(w, NFTA_RULE_CHAIN, chain);
        return (struct rule){ w, netlink_nest(w, NFTA_RULE_EXPRESSIONS) };
}

static void rule_end(struct rule *rule)
{
        netlink_nest_end(rule->w, rule->expressions);
        netlink_message_end(rule->w);
}

struct expression {
        size_t element, data;
};

static struct expression expression_begin(struct netlink_writer *w, const char *name)
{
        struct expression expression;

        expression.element = netlink_nest(w, NFTA_LIST_ELEM);
        netlink_attr_text(w, NFTA_EXPR_NAME, name);
        expression.data = netlink_nest(w, NFTA_EXPR_DATA);
        return expression;
}

static void expression_end(struct netlink_writer *w, struct expression expression)
{
        netlink_nest_end(w, expression.data);
        netlink_nest_end(w, expression.element);
}

static void load_meta(struct netlink_writer *w, uint32_t key)
{
        struct expression e = expression_begin(w, "meta");

        attr_u32(w, NFTA_META_DREG, REG_1);
        attr_u32(w, NFTA_META_KEY, key);
        expression_end(w, e);
}

static void load_payload(struct netlink_writer *w, uint32_t base, uint32_t offset, uint32_t length)
{
        struct expression e = expression_begin(w, "payload");

        attr_u32(w, NFTA_PAYLOAD_DREG, REG_1);
        attr_u32(w, NFTA_PAYLOAD_BASE, base);
        attr_u32(w, NFTA_PAYLOAD_OFFSET, offset);
        attr_u32(w, NFTA_PAYLOAD_LEN, length);
        expression_end(w, e);
}

static void load_ct(struct netlink_writer *w, uint32_t key)
{
        struct expression e = expression_begin(w, "ct");

        attr_u32(w, NFTA_CT_DREG, REG_1);
        attr_u32(w, NFTA_CT_KEY, key);
        expression_end(w, e);
}

static void put_data(struct netlink_writer *w, uint16_t type, const void *value, size_t length)
{
        size_t at = netlink_nest(w, type);

        netlink_attr(w, NFTA_DATA_VALUE, value, length);
        netlink_nest_end(w, at);
}

/* The rule goes on where the first register and @value compare so. */
static void compare(struct netlink_writer *w, uint32_t op, const void *value, size_t length)
{
        struct expression e = expression_begin(w, "cmp");

        attr_u32(w, NFTA_CMP_SREG, REG_1);
        attr_u32(w, NFTA_CMP_OP, op);
        put_data(w, NFTA_CMP_DATA, value, length);
        expression_end(w, e);
}

static void compare_u8(struct netlink_writer *w, uint32_t op, uint8_t value)
{
        compare(w, op, &value, sizeof value);
}

/* Registers hold the kernel's own numbers in host order. */
static void has_any_bit(struct netlink_writer *w, uint32_t bits)
{
        static const uint32_t none;
        struct expression e = expression_begin(w, "bitwise");

        attr_u32(w, NFTA_BITWISE_SREG, REG_1);
        attr_u32(w, NFTA_BITWISE_DREG, REG_1);
        attr_u32(w, NFTA_BITWISE_LEN, sizeof bits);
        put_data(w, NFTA_BITWISE_MASK, &bits, sizeof bits);
        put_data(w, NFTA_BITWISE_XOR, &none, sizeof none);
        expression_end(w, e);
        compare(w, NFT_CMP_NEQ, &none, sizeof none);
}

static void verdict(struct netlink_writer *w, uint32_t code)
{
        struct expression e = expression_begin(w, "immediate");
        size_t data, at;

        attr_u32(w, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
        data = netlink_nest(w, NFTA_IMMEDIATE_DATA);
        at = netlink_nest(w, NFTA_DATA_VERDICT);
        attr_u32(w, NFTA_VERDICT_CODE, code);
        netlink_nest_end(w, at);
        netlink_nest_end(w, data);
        expression_end(w, e);
}

static void reject(struct netlink_writer *w)
{
        struct expression e = expression_begin(w, "reject");
        uint8_t code = NFT_REJECT_ICMPX_ADMIN_PROHIBITED;

        attr_u32(w, NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
        netlink_attr(w, NFTA_REJECT_ICMP_CODE, &code, sizeof code);
        expression_end(w, e);
}

/* ---- the rules ---- */

static void match_loopback(struct netlink_writer *w, uint32_t key)
{
        static const uint32_t loopback = LOOPBACK_INDEX;

        load_meta(w, key);
        compare(w, NFT_CMP_EQ, &loopback, sizeof loopback);
}

static void match_protocol(struct netlink_writer *w, uint8_t protocol)
{
        load_meta(w, NFT_META_L4PROTO);
        compare_u8(w, NFT_CMP_EQ, protocol);
}

static void match_family(struct netlink_writer *w, uint8_t family)
{
        load_meta(w, NFT_META_NFPROTO);
        compare_u8(w, NFT_CMP_EQ, family);
}

static void match_state(struct netlink_writer *w, uint32_t bits)
{
        load_ct(w, NFT_CT_STATE);
        has_any_bit(w, bits);
}

/* RFC 4861: router solicitation and advertisement, neighbour solicitation and advertisement. Redirects are left out. */
static void put_neighbour_discovery(struct netlink_writer *w, const char *chain)
{
        struct rule rule = rule_begin(w, chain);

        match_protocol(w, IPPROTO_ICMPV6);
        load_payload(w, NFT_PAYLOAD_TRANSPORT_HEADER, offsetof(struct icmp6_hdr, icmp6_type), 1);
        compare_u8(w, NFT_CMP_GTE, ND_ROUTER_SOLICIT);
        compare_u8(w, NFT_CMP_LTE, ND_NEIGHBOR_ADVERT);
        verdict(w, NF_ACCEPT);
        rule_end(&rule);
}

static void put_icmp_errors(struct netlink_writer *w, uint8_t protocol)
{
        struct rule rule = rule_begin(w, "output");

        match_protocol(w, protocol);
        match_state(w, NF_CT_STATE_BIT(IP_CT_RELATED));
        verdict(w, NF_ACCEPT);
        rule_end(&rule);
}

static void put_output(struct netlink_writer *w)
{
        const uint32_t resolver = htonl(0x7f00000b);
        const uint8_t answer = IP_CT_DIR_REPLY;
        struct rule rule;

        put_icmp_errors(w, IPPROTO_ICMP);
        put_icmp_errors(w, IPPROTO_ICMPV6);

        rule = rule_begin(w, "output");
        load_ct(w, NFT_CT_STATUS);
        has_any_bit(w, IPS_DST_NAT);
        reject(w);
        rule_end(&rule);

        rule = rule_begin(w, "output");
        match_family(w, NFPROTO_IPV4);
        load_payload(w, NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct iphdr, daddr), sizeof resolver);
        compare(w, NFT_CMP_EQ, &resolver, sizeof resolver);
        reject(w);
        rule_end(&rule);

        rule = rule_begin(w, "output");
        match_loopback(w, NFT_META_OIF);
        verdict(w, NF_ACCEPT);
        rule_end(&rule);

        rule = rule_begin(w, "output");
        match_state(w, NF_CT_STATE_BIT(IP_CT_ESTABLISHED));
        load_ct(w, NFT_CT_DIRECTION);
        compare(w, NFT_CMP_EQ, &answer, sizeof answer);
        verdict(w, NF_ACCEPT);
        rule_end(&rule);

        put_neighbour_discovery(w, "output");

        rule = rule_begin(w, "output");
        reject(w);
        rule_end(&rule);
}

static void put_input(struct netlink_writer *w)
{
        struct rule rule;

        rule = rule_begin(w, "input");
        match_loopback(w, NFT_META_IIF);
        verdict(w, NF_ACCEPT);
        rule_end(&rule);

        rule = rule_begin(w, "input");
        match_state(w, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
        verdict(w, NF_ACCEPT);
        rule_end(&rule);

        put_neighbour_discovery(w, "input");
}

const struct egress_chain egress_chains[EGRESS_N_CHAINS] = {
        { "output", NF_INET_LOCAL_OUT },
        { "forward", NF_INET_FORWARD },
        { "input", NF_INET_LOCAL_IN },
};

bool egress_put_batch(struct egress_batch *batch, size_t size)
{
        struct netlink_writer w = { .bytes = batch->bytes, .size = size };

        message(&w, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
        netlink_message_end(&w);
        batch->head_length = w.length;
        /* Removing what is not there is an error, so it is made first. */
        put_table(&w, NFT_MSG_NEWTABLE, NLM_F_CREATE);
        put_table(&w, NFT_MSG_DELTABLE, 0);
        batch->remove_length = w.length - batch->head_length;
        put_table(&w, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
        for (size_t i = 0; i < EGRESS_N_CHAINS; i++)
                put_chain(&w, egress_chains[i].name, egress_chains[i].hook);
        put_input(&w);
        put_output(&w);
        /* The last one that the kernel acknowledges; any error comes before it, also one found in committing. */
        if (!w.is_full)
                ((struct nlmsghdr *)(w.bytes + w.message))->nlmsg_flags |= NLM_F_ACK;
        message(&w, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
        netlink_message_end(&w);
        batch->length = w.length;
        return !w.is_full;
}

int egress_prepare(struct egress_batch *ret_batch, struct error *err)
{
        auto_free char *bytes = malloc(EGRESS_BATCH_SIZE);
        struct egress_batch batch = { .bytes = bytes };

        if (bytes == NULL)
                return error_errno(err, ENOMEM, "egress rules");
        if (!egress_put_batch(&batch, EGRESS_BATCH_SIZE))
                return error_set(err, E2BIG, "egress rules: more than %d bytes", EGRESS_BATCH_SIZE);
        take_pointer(bytes);
        *ret_batch = batch;
        return 0;
}

void egress_batch_free(struct egress_batch *batch)
{
        free(batch->bytes);
        *batch = (struct egress_batch){ 0 };
}
