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
 * The messages are encoded here, not by libnftnl: the table is the same for every build, so all of it is a few
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

#define TABLE "runb"
#define LOOPBACK_INDEX 1        /* net_namespace(7): the first interface, always */
#define BATCH_SIZE 4096

/* 16 bytes wide; what is loaded last is what is compared. The kernel dumps it by this name. */
#define REG_1 NFT_REG_1

struct writer {
        char *bytes;
        size_t size, length;
        size_t message;         /* where the current one begins */
        uint32_t sequence;
        bool is_full;
};

/* ---- attributes ---- */

static void *put(struct writer *w, size_t length)
{
        size_t aligned = NLMSG_ALIGN(length);
        char *at = w->bytes + w->length;

        if (w->is_full || aligned > w->size - w->length) {
                w->is_full = true;
                return NULL;
        }
        memset(at, 0, aligned);
        w->length += aligned;
        return at;
}

static void attr(struct writer *w, uint16_t type, const void *value, size_t length)
{
        struct nlattr *attribute = put(w, NLA_HDRLEN + length);

        if (attribute == NULL)
                return;
        attribute->nla_type = type;
        attribute->nla_len = (uint16_t)(NLA_HDRLEN + length);
        memcpy((char *)attribute + NLA_HDRLEN, value, length);
}

static void attr_text(struct writer *w, uint16_t type, const char *text)
{
        attr(w, type, text, strlen(text) + 1);
}

/* nf_tables takes its numbers in network order. */
static void attr_u32(struct writer *w, uint16_t type, uint32_t value)
{
        uint32_t wire = htonl(value);

        attr(w, type, &wire, sizeof wire);
}

static size_t nest(struct writer *w, uint16_t type)
{
        size_t at = w->length;
        struct nlattr *attribute = put(w, NLA_HDRLEN);

        if (attribute != NULL)
                attribute->nla_type = type | NLA_F_NESTED;
        return at;
}

static void nest_end(struct writer *w, size_t at)
{
        if (!w->is_full)
                ((struct nlattr *)(w->bytes + at))->nla_len = (uint16_t)(w->length - at);
}

/* ---- messages ---- */

static void message(struct writer *w, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
        struct nlmsghdr *header;
        struct nfgenmsg *general;

        w->message = w->length;
        header = put(w, sizeof *header);
        general = put(w, sizeof *general);
        if (header == NULL || general == NULL)
                return;
        header->nlmsg_type = type;
        header->nlmsg_flags = NLM_F_REQUEST | flags;
        header->nlmsg_seq = w->sequence++;
        general->nfgen_family = family;
        general->version = NFNETLINK_V0;
        general->res_id = htons(resource);
}

static void message_end(struct writer *w)
{
        if (!w->is_full)
                ((struct nlmsghdr *)(w->bytes + w->message))->nlmsg_len = (uint32_t)(w->length - w->message);
}

static void table_message(struct writer *w, uint16_t type, uint16_t flags)
{
        message(w, NFNL_SUBSYS_NFTABLES << 8 | type, flags, NFPROTO_INET, 0);
}

static void put_table(struct writer *w, uint16_t type, uint16_t flags)
{
        table_message(w, type, flags);
        attr_text(w, NFTA_TABLE_NAME, TABLE);
        if (type == NFT_MSG_NEWTABLE)
                attr_u32(w, NFTA_TABLE_FLAGS, 0);
        message_end(w);
}

static void put_chain(struct writer *w, const char *name, uint32_t hook)
{
        size_t at;

        table_message(w, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
        attr_text(w, NFTA_CHAIN_TABLE, TABLE);
        attr_text(w, NFTA_CHAIN_NAME, name);
        at = nest(w, NFTA_CHAIN_HOOK);
        attr_u32(w, NFTA_HOOK_HOOKNUM, hook);
        attr_u32(w, NFTA_HOOK_PRIORITY, 0);
        nest_end(w, at);
        attr_u32(w, NFTA_CHAIN_POLICY, NF_DROP);
        attr_text(w, NFTA_CHAIN_TYPE, "filter");
        message_end(w);
}

/* ---- expressions of a rule ---- */

struct rule {
        struct writer *w;
        size_t expressions;
};

static struct rule rule_begin(struct writer *w, const char *chain)
{
        table_message(w, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
        attr_text(w, NFTA_RULE_TABLE, TABLE);
        attr_text(w, NFTA_RULE_CHAIN, chain);
        return (struct rule){ w, nest(w, NFTA_RULE_EXPRESSIONS) };
}

static void rule_end(struct rule *rule)
{
        nest_end(rule->w, rule->expressions);
        message_end(rule->w);
}

struct expression {
        size_t element, data;
};

static struct expression expression_begin(struct writer *w, const char *name)
{
        struct expression expression;

        expression.element = nest(w, NFTA_LIST_ELEM);
        attr_text(w, NFTA_EXPR_NAME, name);
        expression.data = nest(w, NFTA_EXPR_DATA);
        return expression;
}

static void expression_end(struct writer *w, struct expression expression)
{
        nest_end(w, expression.data);
        nest_end(w, expression.element);
}

static void load_meta(struct writer *w, uint32_t key)
{
        struct expression e = expression_begin(w, "meta");

        attr_u32(w, NFTA_META_DREG, REG_1);
        attr_u32(w, NFTA_META_KEY, key);
        expression_end(w, e);
}

static void load_payload(struct writer *w, uint32_t base, uint32_t offset, uint32_t length)
{
        struct expression e = expression_begin(w, "payload");

        attr_u32(w, NFTA_PAYLOAD_DREG, REG_1);
        attr_u32(w, NFTA_PAYLOAD_BASE, base);
        attr_u32(w, NFTA_PAYLOAD_OFFSET, offset);
        attr_u32(w, NFTA_PAYLOAD_LEN, length);
        expression_end(w, e);
}

static void load_ct(struct writer *w, uint32_t key)
{
        struct expression e = expression_begin(w, "ct");

        attr_u32(w, NFTA_CT_DREG, REG_1);
        attr_u32(w, NFTA_CT_KEY, key);
        expression_end(w, e);
}

static void put_data(struct writer *w, uint16_t type, const void *value, size_t length)
{
        size_t at = nest(w, type);

        attr(w, NFTA_DATA_VALUE, value, length);
        nest_end(w, at);
}

/* The rule goes on where the first register and @value compare so. */
static void compare(struct writer *w, uint32_t op, const void *value, size_t length)
{
        struct expression e = expression_begin(w, "cmp");

        attr_u32(w, NFTA_CMP_SREG, REG_1);
        attr_u32(w, NFTA_CMP_OP, op);
        put_data(w, NFTA_CMP_DATA, value, length);
        expression_end(w, e);
}

static void compare_u8(struct writer *w, uint32_t op, uint8_t value)
{
        compare(w, op, &value, sizeof value);
}

/* Registers hold the kernel's own numbers in host order. */
static void has_any_bit(struct writer *w, uint32_t bits)
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

static void verdict(struct writer *w, uint32_t code)
{
        struct expression e = expression_begin(w, "immediate");
        size_t data, at;

        attr_u32(w, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
        data = nest(w, NFTA_IMMEDIATE_DATA);
        at = nest(w, NFTA_DATA_VERDICT);
        attr_u32(w, NFTA_VERDICT_CODE, code);
        nest_end(w, at);
        nest_end(w, data);
        expression_end(w, e);
}

static void reject(struct writer *w)
{
        struct expression e = expression_begin(w, "reject");
        uint8_t code = NFT_REJECT_ICMPX_ADMIN_PROHIBITED;

        attr_u32(w, NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
        attr(w, NFTA_REJECT_ICMP_CODE, &code, sizeof code);
        expression_end(w, e);
}

/* ---- the rules ---- */

static void match_loopback(struct writer *w, uint32_t key)
{
        static const uint32_t loopback = LOOPBACK_INDEX;

        load_meta(w, key);
        compare(w, NFT_CMP_EQ, &loopback, sizeof loopback);
}

static void match_protocol(struct writer *w, uint8_t protocol)
{
        load_meta(w, NFT_META_L4PROTO);
        compare_u8(w, NFT_CMP_EQ, protocol);
}

static void match_family(struct writer *w, uint8_t family)
{
        load_meta(w, NFT_META_NFPROTO);
        compare_u8(w, NFT_CMP_EQ, family);
}

static void match_state(struct writer *w, uint32_t bits)
{
        load_ct(w, NFT_CT_STATE);
        has_any_bit(w, bits);
}

/* RFC 4861: router solicitation and advertisement, neighbour solicitation and advertisement. Redirects are left out. */
static void put_neighbour_discovery(struct writer *w, const char *chain)
{
        struct rule rule = rule_begin(w, chain);

        match_protocol(w, IPPROTO_ICMPV6);
        load_payload(w, NFT_PAYLOAD_TRANSPORT_HEADER, offsetof(struct icmp6_hdr, icmp6_type), 1);
        compare_u8(w, NFT_CMP_GTE, ND_ROUTER_SOLICIT);
        compare_u8(w, NFT_CMP_LTE, ND_NEIGHBOR_ADVERT);
        verdict(w, NF_ACCEPT);
        rule_end(&rule);
}

static void put_icmp_errors(struct writer *w, uint8_t protocol)
{
        struct rule rule = rule_begin(w, "output");

        match_protocol(w, protocol);
        match_state(w, NF_CT_STATE_BIT(IP_CT_RELATED));
        verdict(w, NF_ACCEPT);
        rule_end(&rule);
}

static void put_output(struct writer *w)
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

static void put_input(struct writer *w)
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

static const struct {
        const char *name;
        uint32_t hook;
} chains[] = {
        { "output", NF_INET_LOCAL_OUT },
        { "forward", NF_INET_FORWARD },
        { "input", NF_INET_LOCAL_IN },
};

#define N_CHAINS (sizeof chains / sizeof chains[0])

/* @batch: its bytes are @size long and get the messages. False where that does not suffice. */
static bool put_batch(struct egress_batch *batch, size_t size)
{
        struct writer w = { .bytes = batch->bytes, .size = size };

        message(&w, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
        message_end(&w);
        batch->head_length = w.length;
        /* Removing what is not there is an error, so it is made first. */
        put_table(&w, NFT_MSG_NEWTABLE, NLM_F_CREATE);
        put_table(&w, NFT_MSG_DELTABLE, 0);
        batch->remove_length = w.length - batch->head_length;
        put_table(&w, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
        for (size_t i = 0; i < N_CHAINS; i++)
                put_chain(&w, chains[i].name, chains[i].hook);
        put_input(&w);
        put_output(&w);
        /* The last one that the kernel acknowledges; any error comes before it, also one found in committing. */
        if (!w.is_full)
                ((struct nlmsghdr *)(w.bytes + w.message))->nlmsg_flags |= NLM_F_ACK;
        message(&w, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
        message_end(&w);
        batch->length = w.length;
        return !w.is_full;
}

int egress_prepare(struct egress_batch *ret_batch, struct error *err)
{
        auto_free char *bytes = malloc(BATCH_SIZE);
        struct egress_batch batch = { .bytes = bytes };

        if (bytes == NULL)
                return error_errno(err, ENOMEM, "egress rules");
        if (!put_batch(&batch, BATCH_SIZE))
                return error_set(err, E2BIG, "egress rules: more than %d bytes", BATCH_SIZE);
        take_pointer(bytes);
        *ret_batch = batch;
        return 0;
}

void egress_batch_free(struct egress_batch *batch)
{
        free(batch->bytes);
        *batch = (struct egress_batch){ 0 };
}

/* ---- is it still so? ---- */

struct attrs {
        const char *bytes;
        size_t length;
};

/* Takes the first attribute off; false at the end. */
static bool next_attr(struct attrs *attrs, struct nlattr *ret_header, struct attrs *ret_value)
{
        size_t step;

        if (attrs->length < NLA_HDRLEN)
                return false;
        memcpy(ret_header, attrs->bytes, sizeof *ret_header);
        if (ret_header->nla_len < NLA_HDRLEN || ret_header->nla_len > attrs->length)
                return false;
        *ret_value = (struct attrs){ attrs->bytes + NLA_HDRLEN, ret_header->nla_len - NLA_HDRLEN };
        step = NLMSG_ALIGN((size_t)ret_header->nla_len);
        if (step > attrs->length)
                step = attrs->length;
        attrs->bytes += step;
        attrs->length -= step;
        return true;
}

static bool find_attr(struct attrs attrs, uint16_t type, struct attrs *ret_value)
{
        struct nlattr header;
        struct attrs value;

        while (next_attr(&attrs, &header, &value)) {
                if ((header.nla_type & NLA_TYPE_MASK) == type) {
                        *ret_value = value;
                        return true;
                }
        }
        return false;
}

static bool is_zero(struct attrs value)
{
        for (size_t i = 0; i < value.length; i++)
                if (value.bytes[i] != 0)
                        return false;
        return true;
}

/* Everything that was sent is there with its value, and what is there besides says nothing: the kernel prints defaults
 * that were not given (an operation 0, a counter at 0). */
static bool is_same(struct attrs sent, struct attrs found)
{
        struct attrs rest = sent, value, other;
        struct nlattr header;

        while (next_attr(&rest, &header, &value)) {
                if (!find_attr(found, header.nla_type & NLA_TYPE_MASK, &other))
                        return false;
                if (header.nla_type & NLA_F_NESTED) {
                        if (!is_same(value, other))
                                return false;
                } else if (value.length != other.length || memcmp(value.bytes, other.bytes, value.length) != 0) {
                        return false;
                }
        }
        rest = found;
        while (next_attr(&rest, &header, &value))
                if (!find_attr(sent, header.nla_type & NLA_TYPE_MASK, &other) && !is_zero(value))
                        return false;
        return true;
}

/* Expressions in their order. */
static bool is_same_list(struct attrs sent, struct attrs found)
{
        struct nlattr header;
        struct attrs one, other;

        while (next_attr(&sent, &header, &one))
                if (!next_attr(&found, &header, &other) || !is_same(one, other))
                        return false;
        return !next_attr(&found, &header, &other);
}

/* The attributes of an nf_tables message of that type; empty for another. */
static bool message_attrs(const struct nlmsghdr *header, uint16_t type, struct attrs *ret_attrs)
{
        size_t start = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));

        if (header->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | type) || header->nlmsg_len < start)
                return false;
        *ret_attrs = (struct attrs){ (const char *)header + start, header->nlmsg_len - start };
        return true;
}

static bool is_text(struct attrs attrs, uint16_t type, const char *text)
{
        struct attrs value;

        return find_attr(attrs, type, &value) && value.length == strlen(text) + 1 && memcmp(value.bytes, text, value.length) == 0;
}

/* Walks what would be sent; the cursor is an offset. False at the end. */
static bool next_sent(const struct egress_batch *batch, size_t *at, uint16_t type, uint16_t name_type, const char *name,
                      struct attrs *ret_attrs)
{
        while (*at < batch->length) {
                const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)((const char *)batch->bytes + *at);

                *at += NLMSG_ALIGN(header->nlmsg_len);
                if (message_attrs(header, type, ret_attrs) && is_text(*ret_attrs, name_type, name))
                        return true;
        }
        return false;
}

/* What is compared of each kind: names and the rest are how it was asked for. */
static bool is_chain_same(struct attrs sent, struct attrs found)
{
        static const uint16_t types[] = { NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY, NFTA_CHAIN_TYPE };
        struct attrs one, other;

        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
                if (!find_attr(sent, types[i], &one) || !find_attr(found, types[i], &other))
                        return false;
                if (types[i] == NFTA_CHAIN_HOOK ? !is_same(one, other)
                                                : one.length != other.length || memcmp(one.bytes, other.bytes, one.length) != 0)
                        return false;
        }
        return true;
}

/* A dormant table has no hooks. */
static bool is_table_same(struct attrs found)
{
        struct attrs flags;

        return find_attr(found, NFTA_TABLE_FLAGS, &flags) && is_zero(flags);
}

struct reader {
        int fd;
        char bytes[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
        size_t left;
        struct nlmsghdr *header;
};

/* Asks; @chain may be NULL. */
static int ask(struct reader *reader, uint16_t type, uint16_t flags, const char *chain)
{
        char bytes[256] __attribute__((aligned(NLMSG_ALIGNTO)));
        struct writer w = { .bytes = bytes, .size = sizeof bytes };
        struct iovec part = { .iov_base = bytes };

        static_assert((int)NFTA_TABLE_NAME == (int)NFTA_CHAIN_TABLE && (int)NFTA_TABLE_NAME == (int)NFTA_RULE_TABLE,
                      "one number in all");
        table_message(&w, type, flags);
        attr_text(&w, NFTA_TABLE_NAME, TABLE);
        if (chain != NULL)
                attr_text(&w, type == NFT_MSG_GETRULE ? NFTA_RULE_CHAIN : NFTA_CHAIN_NAME, chain);
        message_end(&w);
        part.iov_len = w.length;
        reader->header = NULL;
        reader->left = 0;
        return egress_send(reader->fd, &part, 1) < 0 ? -errno : 0;
}

/* The next message of the answer; 0 at the end of a dump, 1, or a negative errno. */
static int next_answer(struct reader *reader)
{
        const struct nlmsgerr *error;
        ssize_t n;

        if (reader->header != NULL)
                reader->header = NLMSG_NEXT(reader->header, reader->left);
        if (reader->header == NULL || !NLMSG_OK(reader->header, reader->left)) {
                n = egress_receive(reader->fd, reader->bytes, sizeof reader->bytes);
                if (n < 0)
                        return -errno;
                reader->left = (size_t)n;
                reader->header = (struct nlmsghdr *)reader->bytes;
                if (!NLMSG_OK(reader->header, reader->left))
                        return -EPROTO;
        }
        /* netlink(7): rules changed while they were dumped. */
        if (reader->header->nlmsg_flags & NLM_F_DUMP_INTR)
                return -EINTR;
        if (reader->header->nlmsg_type == NLMSG_DONE)
                return 0;
        if (reader->header->nlmsg_type == NLMSG_ERROR) {
                error = NLMSG_DATA(reader->header);
                return error->error < 0 ? error->error : -EPROTO;
        }
        return 1;
}

/* The answer to a question about one thing. */
static int read_one(struct reader *reader, uint16_t type, struct attrs *ret_attrs)
{
        int r = next_answer(reader);

        if (r <= 0)
                return r < 0 ? r : -EPROTO;
        return message_attrs(reader->header, type, ret_attrs) ? 0 : -EPROTO;
}

static int verify_rules(struct reader *reader, const struct egress_batch *batch, const char *chain, struct error *err)
{
        struct attrs sent, found, one, other;
        size_t at = 0, n = 0;
        int r = ask(reader, NFT_MSG_GETRULE, NLM_F_DUMP, chain);

        if (r < 0)
                return r;
        while ((r = next_answer(reader)) > 0) {
                if (!message_attrs(reader->header, NFT_MSG_NEWRULE, &found))
                        return -EPROTO;
                n++;
                if (!next_sent(batch, &at, NFT_MSG_NEWRULE, NFTA_RULE_CHAIN, chain, &sent) ||
                    !find_attr(sent, NFTA_RULE_EXPRESSIONS, &one) || !find_attr(found, NFTA_RULE_EXPRESSIONS, &other) ||
                    !is_same_list(one, other)) {
                        error_set(err, EPERM, "rule %zu of its chain %s is not the one that was installed", n, chain);
                        return 1;
                }
        }
        if (r < 0)
                return r;
        if (next_sent(batch, &at, NFT_MSG_NEWRULE, NFTA_RULE_CHAIN, chain, &sent)) {
                error_set(err, EPERM, "its chain %s has only %zu of its rules", chain, n);
                return 1;
        }
        return 0;
}

/* 0: all is there; 1: it is not, and *err says what; a negative errno. */
static int verify_once(const struct egress_batch *batch, struct error *err)
{
        auto_close int fd = egress_open(NETLINK_NETFILTER);
        struct reader reader = { .fd = fd };
        struct attrs sent, found;
        size_t at = 0;
        int r;

        if (fd < 0)
                return -errno;
        r = ask(&reader, NFT_MSG_GETTABLE, 0, NULL);
        if (r == 0)
                r = read_one(&reader, NFT_MSG_NEWTABLE, &found);
        if (r == -ENOENT) {
                error_set(err, ENOENT, "it has been removed");
                return 1;
        }
        if (r < 0)
                return r;
        if (!is_table_same(found)) {
                error_set(err, EPERM, "it has been made dormant");
                return 1;
        }
        for (size_t i = 0; i < N_CHAINS; i++) {
                r = ask(&reader, NFT_MSG_GETCHAIN, 0, chains[i].name);
                if (r == 0)
                        r = read_one(&reader, NFT_MSG_NEWCHAIN, &found);
                if (r == -ENOENT) {
                        error_set(err, ENOENT, "its chain %s has been removed", chains[i].name);
                        return 1;
                }
                if (r < 0)
                        return r;
                if (!next_sent(batch, &at, NFT_MSG_NEWCHAIN, NFTA_CHAIN_NAME, chains[i].name, &sent) ||
                    !is_chain_same(sent, found)) {
                        error_set(err, EPERM, "its chain %s has another hook or policy", chains[i].name);
                        return 1;
                }
                r = verify_rules(&reader, batch, chains[i].name, err);
                if (r != 0)
                        return r;
        }
        return 0;
}

int egress_verify(struct error *err)
{
        char bytes[BATCH_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
        struct egress_batch batch = { .bytes = bytes };
        int r = -EINTR;

        if (!put_batch(&batch, sizeof bytes))
                return error_set(err, E2BIG, "egress rules: more than %d bytes", BATCH_SIZE);

        for (unsigned tries = 0; r == -EINTR && tries < 8; tries++)
                r = verify_once(&batch, err);
        if (r < 0)
                return error_errno(err, r, "egress: reading the table inet " TABLE " of the network namespace");
        if (r > 0)
                error_context(err, "egress: the table inet " TABLE " of the network namespace is not what was installed");
        return r == 0;
}
