/* The words of nf_tables, as egress.c and egress_sets.c say them: messages and expressions of a rule, on netlink.h. */
#include "runtime/egress.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>

#include "runtime/egress_internal.h"

/* 16 bytes wide; what is loaded last is what is compared. The kernel dumps it by this name. */
#define REG_1 NFT_REG_1

/* nf_tables takes its numbers in network order. */
void egress_attr_u32(struct netlink_writer *w, uint16_t type, uint32_t value)
{
        uint32_t wire = htonl(value);

        netlink_attr(w, type, &wire, sizeof wire);
}

void egress_message(struct netlink_writer *w, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
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
        egress_message(w, NFNL_SUBSYS_NFTABLES << 8 | type, flags, NFPROTO_INET, 0);
}

void egress_put_table(struct netlink_writer *w, uint16_t type, uint16_t flags, const char *mark)
{
        egress_table_message(w, type, flags);
        netlink_attr_text(w, NFTA_TABLE_NAME, EGRESS_TABLE);
        if (type == NFT_MSG_NEWTABLE)
                egress_attr_u32(w, NFTA_TABLE_FLAGS, 0);
        if (mark != NULL) {
                /* As nft(8) writes a comment, and shows it: a type (0), a length and the text with its end. */
                char data[EGRESS_MARK_SIZE + 2] = { 0 };
                size_t length = strnlen(mark, EGRESS_MARK_SIZE - 1);

                data[1] = (char)(length + 1);
                memcpy(data + 2, mark, length);
                netlink_attr(w, NFTA_TABLE_USERDATA, data, length + 3);
        }
        netlink_message_end(w);
}

void egress_put_subchain(struct netlink_writer *w, const char *name)
{
        egress_table_message(w, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
        netlink_attr_text(w, NFTA_CHAIN_TABLE, EGRESS_TABLE);
        netlink_attr_text(w, NFTA_CHAIN_NAME, name);
        netlink_message_end(w);
}

void egress_put_chain(struct netlink_writer *w, const char *name, uint32_t hook)
{
        size_t at;

        egress_table_message(w, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
        netlink_attr_text(w, NFTA_CHAIN_TABLE, EGRESS_TABLE);
        netlink_attr_text(w, NFTA_CHAIN_NAME, name);
        at = netlink_nest(w, NFTA_CHAIN_HOOK);
        egress_attr_u32(w, NFTA_HOOK_HOOKNUM, hook);
        egress_attr_u32(w, NFTA_HOOK_PRIORITY, 0);
        netlink_nest_end(w, at);
        egress_attr_u32(w, NFTA_CHAIN_POLICY, NF_DROP);
        netlink_attr_text(w, NFTA_CHAIN_TYPE, "filter");
        netlink_message_end(w);
}

/* ---- expressions of a rule ---- */

struct egress_rule egress_rule_begin(struct netlink_writer *w, const char *chain)
{
        egress_table_message(w, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
        netlink_attr_text(w, NFTA_RULE_TABLE, EGRESS_TABLE);
        netlink_attr_text(w, NFTA_RULE_CHAIN, chain);
        return (struct egress_rule){ w, netlink_nest(w, NFTA_RULE_EXPRESSIONS) };
}

void egress_rule_end(struct egress_rule *rule)
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

void egress_load_meta_to(struct netlink_writer *w, uint32_t to, uint32_t key)
{
        struct expression e = expression_begin(w, "meta");

        egress_attr_u32(w, NFTA_META_DREG, to);
        egress_attr_u32(w, NFTA_META_KEY, key);
        expression_end(w, e);
}

void egress_load_meta(struct netlink_writer *w, uint32_t key)
{
        egress_load_meta_to(w, REG_1, key);
}

void egress_load_payload_to(struct netlink_writer *w, uint32_t to, uint32_t base, uint32_t offset, uint32_t length)
{
        struct expression e = expression_begin(w, "payload");

        egress_attr_u32(w, NFTA_PAYLOAD_DREG, to);
        egress_attr_u32(w, NFTA_PAYLOAD_BASE, base);
        egress_attr_u32(w, NFTA_PAYLOAD_OFFSET, offset);
        egress_attr_u32(w, NFTA_PAYLOAD_LEN, length);
        expression_end(w, e);
}

void egress_load_payload(struct netlink_writer *w, uint32_t base, uint32_t offset, uint32_t length)
{
        egress_load_payload_to(w, REG_1, base, offset, length);
}

void egress_load_ct(struct netlink_writer *w, uint32_t key)
{
        struct expression e = expression_begin(w, "ct");

        egress_attr_u32(w, NFTA_CT_DREG, REG_1);
        egress_attr_u32(w, NFTA_CT_KEY, key);
        expression_end(w, e);
}

static void put_data(struct netlink_writer *w, uint16_t type, const void *value, size_t length)
{
        size_t at = netlink_nest(w, type);

        netlink_attr(w, NFTA_DATA_VALUE, value, length);
        netlink_nest_end(w, at);
}

/* The rule goes on where the first register and @value compare so. */
void egress_compare(struct netlink_writer *w, uint32_t op, const void *value, size_t length)
{
        struct expression e = expression_begin(w, "cmp");

        egress_attr_u32(w, NFTA_CMP_SREG, REG_1);
        egress_attr_u32(w, NFTA_CMP_OP, op);
        put_data(w, NFTA_CMP_DATA, value, length);
        expression_end(w, e);
}

void egress_compare_u8(struct netlink_writer *w, uint32_t op, uint8_t value)
{
        egress_compare(w, op, &value, sizeof value);
}

/* Registers hold the kernel's own numbers in host order. */
void egress_has_any_bit(struct netlink_writer *w, uint32_t bits)
{
        static const uint32_t none;
        struct expression e = expression_begin(w, "bitwise");

        egress_attr_u32(w, NFTA_BITWISE_SREG, REG_1);
        egress_attr_u32(w, NFTA_BITWISE_DREG, REG_1);
        egress_attr_u32(w, NFTA_BITWISE_LEN, sizeof bits);
        put_data(w, NFTA_BITWISE_MASK, &bits, sizeof bits);
        put_data(w, NFTA_BITWISE_XOR, &none, sizeof none);
        expression_end(w, e);
        egress_compare(w, NFT_CMP_NEQ, &none, sizeof none);
}

static void verdict_to(struct netlink_writer *w, uint32_t code, const char *chain)
{
        struct expression e = expression_begin(w, "immediate");
        size_t data, at;

        egress_attr_u32(w, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
        data = netlink_nest(w, NFTA_IMMEDIATE_DATA);
        at = netlink_nest(w, NFTA_DATA_VERDICT);
        egress_attr_u32(w, NFTA_VERDICT_CODE, code);
        if (chain != NULL)
                netlink_attr_text(w, NFTA_VERDICT_CHAIN, chain);
        netlink_nest_end(w, at);
        netlink_nest_end(w, data);
        expression_end(w, e);
}

void egress_verdict(struct netlink_writer *w, uint32_t code)
{
        verdict_to(w, code, NULL);
}

void egress_go_to(struct netlink_writer *w, const char *chain)
{
        verdict_to(w, (uint32_t)NFT_GOTO, chain);
}

/* A number of the kernel's into a register. */
void egress_load_zero_to(struct netlink_writer *w, uint32_t to)
{
        static const uint32_t none;
        struct expression e = expression_begin(w, "immediate");

        egress_attr_u32(w, NFTA_IMMEDIATE_DREG, to);
        put_data(w, NFTA_IMMEDIATE_DATA, &none, sizeof none);
        expression_end(w, e);
}

/* The set is found by its name, which the batch has made before. */
void egress_lookup(struct netlink_writer *w, const char *set)
{
        struct expression e = expression_begin(w, "lookup");

        netlink_attr_text(w, NFTA_LOOKUP_SET, set);
        egress_attr_u32(w, NFTA_LOOKUP_SREG, REG_1);
        expression_end(w, e);
}

void egress_count_in(struct netlink_writer *w, const char *set)
{
        static const uint64_t none;
        struct expression e = expression_begin(w, "dynset");
        size_t counter, data;

        netlink_attr_text(w, NFTA_DYNSET_SET_NAME, set);
        egress_attr_u32(w, NFTA_DYNSET_OP, NFT_DYNSET_OP_ADD);
        egress_attr_u32(w, NFTA_DYNSET_SREG_KEY, REG_1);
        counter = netlink_nest(w, NFTA_DYNSET_EXPR);
        netlink_attr_text(w, NFTA_EXPR_NAME, "counter");
        data = netlink_nest(w, NFTA_EXPR_DATA);
        netlink_attr(w, NFTA_COUNTER_BYTES, &none, sizeof none);
        netlink_attr(w, NFTA_COUNTER_PACKETS, &none, sizeof none);
        netlink_nest_end(w, data);
        netlink_nest_end(w, counter);
        expression_end(w, e);
}

void egress_count(struct netlink_writer *w)
{
        static const uint64_t none;
        struct expression e = expression_begin(w, "counter");

        netlink_attr(w, NFTA_COUNTER_BYTES, &none, sizeof none);
        netlink_attr(w, NFTA_COUNTER_PACKETS, &none, sizeof none);
        expression_end(w, e);
}

void egress_reject(struct netlink_writer *w)
{
        struct expression e = expression_begin(w, "reject");
        uint8_t code = NFT_REJECT_ICMPX_ADMIN_PROHIBITED;

        egress_attr_u32(w, NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
        netlink_attr(w, NFTA_REJECT_ICMP_CODE, &code, sizeof code);
        expression_end(w, e);
}
