/* What the runtime encodes by hand, read by libraries that know the format from elsewhere: libmnl walks the batch,
 * libnftnl parses each message, and what it understood is compared, as text, with what is promised. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/egress.h"

static const struct sandbox_egress rules = { .profile = "untrusted" };

/* One line a message; numbers that compare with a register follow what was loaded: bytes of the packet as such, the
 * kernel's own numbers as such. */
/* In one line: the counting of what was tried, which several chains do. */
#define COUNTS(chain, set, verdict) \
        "rule inet runb " chain ": family; is 2; protocol; is 6; network header 16+4; protocol (register 9); transport header 2+2 (register 10); " \
        "count in " set "4; " verdict ", create, append\n" \
        "rule inet runb " chain ": family; is 2; protocol; is 17; network header 16+4; protocol (register 9); transport header 2+2 (register 10); " \
        "count in " set "4; " verdict ", create, append\n" \
        "rule inet runb " chain ": family; is 2; protocol; is not 6; is not 17; network header 16+4; protocol (register 9); zero (register 10); " \
        "count in " set "4; " verdict ", create, append\n" \
        "rule inet runb " chain ": family; is 10; protocol; is 6; network header 24+16; protocol (register 2); transport header 2+2 (register 13); " \
        "count in " set "6; " verdict ", create, append\n" \
        "rule inet runb " chain ": family; is 10; protocol; is 17; network header 24+16; protocol (register 2); transport header 2+2 (register 13); " \
        "count in " set "6; " verdict ", create, append\n" \
        "rule inet runb " chain ": family; is 10; protocol; is not 6; is not 17; network header 24+16; protocol (register 2); zero (register 13); " \
        "count in " set "6; " verdict ", create, append\n"

#define BEGINNING(mark) \
        "batch begin, for subsystem 10\n" \
        "new table inet runb, flags 0, create\n" \
        "delete table inet runb\n" \
        "new table inet runb, flags 0, \"profile untrusted" mark "\", create, must not exist\n" \
        "new chain inet runb output: filter, hook 3, priority 0, policy 0, create\n" \
        "new chain inet runb forward: filter, hook 2, priority 0, policy 0, create\n" \
        "new chain inet runb input: filter, hook 1, priority 0, policy 0, create\n"
#define REFUSED_SETS \
        "new set inet runb refused4: 12 bytes, flags 0x20, type 0x730d, id 1, at most 4096, create\n" \
        "new set inet runb refused6: 24 bytes, flags 0x20, type 0x830d, id 2, at most 4096, create\n"
#define INPUT \
        "rule inet runb input: interface-in; is 1; accept, create, append\n" \
        "rule inet runb input: connection state; & 0x6 ^ 0; is not 0; accept, create, append\n" \
        "rule inet runb input: protocol; is 58; transport header 0+1; >= 133; <= 136; accept, create, append\n"
#define ICMP_ERRORS \
        "rule inet runb output: protocol; is 1; connection state; & 0x4 ^ 0; is not 0; accept, create, append\n" \
        "rule inet runb output: protocol; is 58; connection state; & 0x4 ^ 0; is not 0; accept, create, append\n"
#define RESOLVER(refused) \
        "rule inet runb output: connection status; & 0x20 ^ 0; is not 0; " refused ", create, append\n" \
        "rule inet runb output: family; is 2; network header 16+4; is 7f00000b; " refused ", create, append\n"
#define LOOPBACK_AND_ANSWERS \
        "rule inet runb output: interface-out; is 1; accept, create, append\n" \
        "rule inet runb output: connection state; & 0x2 ^ 0; is not 0; connection direction; is 1; accept, create, " \
        "append\n" \
        "rule inet runb output: protocol; is 58; transport header 0+1; >= 133; <= 136; accept, create, append\n"
#define END \
        "rule inet runb refused: count; reject 2 code 3, create, append, acknowledge\n" \
        "batch end, for subsystem 10\n"

static const char promised[] =
        BEGINNING("") INPUT ICMP_ERRORS RESOLVER("reject 2 code 3") LOOPBACK_AND_ANSWERS
        "rule inet runb output: reject 2 code 3, create, append, acknowledge\n"
        "batch end, for subsystem 10\n";

static const char promised_counts[] =
        BEGINNING("") "new chain inet runb refused, create\n" REFUSED_SETS
        INPUT ICMP_ERRORS RESOLVER("go to refused") LOOPBACK_AND_ANSWERS
        "rule inet runb output: go to refused, create, append\n"
        COUNTS("refused", "refused", "reject 2 code 3") END;

static const char promised_list[] =
        BEGINNING(", list aad02388") "new chain inet runb refused, create\n" "new chain inet runb passed, create\n" REFUSED_SETS
        "new set inet runb passed4: 12 bytes, flags 0x20, type 0x730d, id 3, at most 4096, create\n"
        "new set inet runb passed6: 24 bytes, flags 0x20, type 0x830d, id 4, at most 4096, create\n"
        "new set inet runb allowed4: 12 bytes, flags 0x84, type 0x730d, id 5, fields 4 1 2, create\n"
        "new set inet runb allowed6: 24 bytes, flags 0x84, type 0x830d, id 6, fields 16 1 2, create\n"
        "elements inet runb allowed4: 0a0000000600000000500000-0affffff06000000005a0000, create, must not exist\n"
        "elements inet runb allowed6: 20010db80000000000000000000000001100000001bb0000-"
        "20010db80000000000000000000000011100000001bb0000, create, must not exist\n"
        INPUT ICMP_ERRORS RESOLVER("go to refused") LOOPBACK_AND_ANSWERS
        "rule inet runb output: family; is 2; network header 16+4; protocol (register 9); transport header 2+2 (register 10); "
        "in allowed4; go to passed, create, append\n"
        "rule inet runb output: family; is 10; network header 24+16; protocol (register 2); transport header 2+2 "
        "(register 13); in allowed6; go to passed, create, append\n"
        "rule inet runb output: go to refused, create, append\n"
        COUNTS("passed", "passed", "accept") "rule inet runb passed: count; accept, create, append\n"
        COUNTS("refused", "refused", "reject 2 code 3") END;

struct page {
        char text[32768];
        size_t length;
        bool is_of_packet;      /* the register holds bytes of a packet */
};

__attribute__((format(printf, 2, 3)))
static void say(struct page *page, const char *format, ...)
{
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(page->text + page->length, sizeof page->text - page->length, format, args);
        va_end(args);
        if (n > 0 && page->length + (size_t)n < sizeof page->text)
                page->length += (size_t)n;
}

static const char *name_of(const char *const *names, size_t n, uint32_t number)
{
        return number < n && names[number] != NULL ? names[number] : "?";
}

#define NAME_OF(names, number) name_of(names, sizeof names / sizeof names[0], number)

/* -1 where the attribute is missing, which no number here is. */
static int64_t number(const struct nftnl_expr *expr, uint16_t type)
{
        return nftnl_expr_is_set(expr, type) ? (int64_t)nftnl_expr_get_u32(expr, type) : -1;
}

static void say_register(struct page *page, const struct nftnl_expr *expr, uint16_t type)
{
        if (number(expr, type) != NFT_REG_1)
                say(page, " (register %lld)", (long long)number(expr, type));
}

/* The kernel's own numbers are compared in host order. */
static void say_data(struct page *page, const struct nftnl_expr *expr, uint16_t type, const char *format)
{
        uint32_t length = 0, value32;
        const unsigned char *data = nftnl_expr_is_set(expr, type) ? nftnl_expr_get(expr, type, &length) : NULL;

        if (data == NULL)
                say(page, "nothing");
        else if (length == 1)
                say(page, "%u", data[0]);
        else if (length == sizeof value32 && !page->is_of_packet) {
                memcpy(&value32, data, sizeof value32);
                say(page, format, value32);
        } else
                for (uint32_t i = 0; i < length; i++)
                        say(page, "%02x", data[i]);
}

static int say_expression(struct nftnl_expr *expr, void *into)
{
        static const char *const meta[] = { [NFT_META_L4PROTO] = "protocol", [NFT_META_NFPROTO] = "family",
                                            [NFT_META_OIF] = "interface-out", [NFT_META_IIF] = "interface-in" };
        static const char *const ct[] = { [NFT_CT_STATE] = "state", [NFT_CT_STATUS] = "status",
                                          [NFT_CT_DIRECTION] = "direction" };
        static const char *const headers[] = { [NFT_PAYLOAD_NETWORK_HEADER] = "network",
                                               [NFT_PAYLOAD_TRANSPORT_HEADER] = "transport" };
        static const char *const operators[] = { [NFT_CMP_EQ] = "is", [NFT_CMP_NEQ] = "is not", [NFT_CMP_LTE] = "<=",
                                                 [NFT_CMP_GTE] = ">=" };
        const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);
        struct page *page = into;

        say(page, page->text[page->length - 1] == ':' ? " " : "; ");
        if (strcmp(name, "meta") == 0) {
                page->is_of_packet = false;
                say(page, "%s", NAME_OF(meta, (uint32_t)number(expr, NFTNL_EXPR_META_KEY)));
                say_register(page, expr, NFTNL_EXPR_META_DREG);
        } else if (strcmp(name, "ct") == 0) {
                page->is_of_packet = false;
                say(page, "connection %s", NAME_OF(ct, (uint32_t)number(expr, NFTNL_EXPR_CT_KEY)));
                say_register(page, expr, NFTNL_EXPR_CT_DREG);
        } else if (strcmp(name, "payload") == 0) {
                page->is_of_packet = true;
                say(page, "%s header %lld+%lld", NAME_OF(headers, (uint32_t)number(expr, NFTNL_EXPR_PAYLOAD_BASE)),
                    (long long)number(expr, NFTNL_EXPR_PAYLOAD_OFFSET),
                    (long long)number(expr, NFTNL_EXPR_PAYLOAD_LEN));
                say_register(page, expr, NFTNL_EXPR_PAYLOAD_DREG);
        } else if (strcmp(name, "cmp") == 0) {
                say(page, "%s ", NAME_OF(operators, (uint32_t)number(expr, NFTNL_EXPR_CMP_OP)));
                say_data(page, expr, NFTNL_EXPR_CMP_DATA, "%u");
                say_register(page, expr, NFTNL_EXPR_CMP_SREG);
        } else if (strcmp(name, "bitwise") == 0) {
                say(page, "& ");
                say_data(page, expr, NFTNL_EXPR_BITWISE_MASK, "%#x");
                say(page, " ^ ");
                say_data(page, expr, NFTNL_EXPR_BITWISE_XOR, "%#x");
                say_register(page, expr, NFTNL_EXPR_BITWISE_SREG);
                say_register(page, expr, NFTNL_EXPR_BITWISE_DREG);
                if (number(expr, NFTNL_EXPR_BITWISE_LEN) != 4)
                        say(page, " (%lld bytes)", (long long)number(expr, NFTNL_EXPR_BITWISE_LEN));
        } else if (strcmp(name, "lookup") == 0) {
                say(page, "in %s", nftnl_expr_get_str(expr, NFTNL_EXPR_LOOKUP_SET));
                say_register(page, expr, NFTNL_EXPR_LOOKUP_SREG);
        } else if (strcmp(name, "dynset") == 0) {
                const struct nftnl_expr *counter = nftnl_expr_get(expr, NFTNL_EXPR_DYNSET_EXPR, &(uint32_t){ 0 });

                say(page, "%s in %s", counter != NULL && strcmp(nftnl_expr_get_str(counter, NFTNL_EXPR_NAME), "counter") == 0 &&
                                      nftnl_expr_get_u64(counter, NFTNL_EXPR_CTR_BYTES) == 0 &&
                                      nftnl_expr_get_u64(counter, NFTNL_EXPR_CTR_PACKETS) == 0 &&
                                      number(expr, NFTNL_EXPR_DYNSET_OP) == NFT_DYNSET_OP_ADD ? "count" : "something",
                    nftnl_expr_get_str(expr, NFTNL_EXPR_DYNSET_SET_NAME));
                say_register(page, expr, NFTNL_EXPR_DYNSET_SREG_KEY);
        } else if (strcmp(name, "immediate") == 0 && number(expr, NFTNL_EXPR_IMM_DREG) != NFT_REG_VERDICT) {
                uint32_t length = 0;
                const char *data = nftnl_expr_get(expr, NFTNL_EXPR_IMM_DATA, &length);

                say(page, "%s", length == 4 && memcmp(data, "\0\0\0", 4) == 0 ? "zero" : "some number");
                say_register(page, expr, NFTNL_EXPR_IMM_DREG);
        } else if (strcmp(name, "immediate") == 0 && number(expr, NFTNL_EXPR_IMM_VERDICT) == (int64_t)(uint32_t)NFT_GOTO) {
                say(page, "go to %s", nftnl_expr_get_str(expr, NFTNL_EXPR_IMM_CHAIN));
        } else if (strcmp(name, "immediate") == 0) {
                if (number(expr, NFTNL_EXPR_IMM_DREG) == NFT_REG_VERDICT &&
                    number(expr, NFTNL_EXPR_IMM_VERDICT) == NF_ACCEPT)
                        say(page, "accept");
                else
                        say(page, "some other verdict");
        } else if (strcmp(name, "counter") == 0) {
                say(page, nftnl_expr_get_u64(expr, NFTNL_EXPR_CTR_BYTES) == 0 && nftnl_expr_get_u64(expr, NFTNL_EXPR_CTR_PACKETS) == 0 ?
                    "count" : "count from something on");
        } else if (strcmp(name, "reject") == 0) {
                say(page, "reject %lld code ", (long long)number(expr, NFTNL_EXPR_REJECT_TYPE));
                say(page, "%d", nftnl_expr_is_set(expr, NFTNL_EXPR_REJECT_CODE) ?
                                nftnl_expr_get_u8(expr, NFTNL_EXPR_REJECT_CODE) : -1);
        } else {
                say(page, "what is \"%s\"?", name);
        }
        return 0;
}

static void say_text(struct page *page, const char *text)
{
        say(page, " %s", text != NULL ? text : "(unnamed)");
}

static void say_family(struct page *page, uint32_t family)
{
        if (family == NFPROTO_INET)
                say(page, " inet");
        else
                say(page, " family %u", family);
}

static void say_table(struct page *page, const struct nlmsghdr *header, bool has_flags)
{
        struct nftnl_table *table = nftnl_table_alloc();

        if (nftnl_table_nlmsg_parse(header, table) < 0) {
                say(page, " not understood");
        } else {
                say_family(page, nftnl_table_get_u32(table, NFTNL_TABLE_FAMILY));
                say_text(page, nftnl_table_get_str(table, NFTNL_TABLE_NAME));
                if (has_flags && nftnl_table_is_set(table, NFTNL_TABLE_FLAGS))
                        say(page, ", flags %u", nftnl_table_get_u32(table, NFTNL_TABLE_FLAGS));
                if (nftnl_table_is_set(table, NFTNL_TABLE_USERDATA)) {
                        uint32_t length = 0;
                        const char *data = nftnl_table_get_data(table, NFTNL_TABLE_USERDATA, &length);

                        /* A comment, libnftnl/udata.h: type, length with the end, text. */
                        if (length < 3)
                                say(page, ", no comment");
                        else
                                say(page, data[0] == 0 && data[1] == (char)(length - 2) && data[length - 1] == 0 ?
                                    ", \"%.*s\"" : ", data %.*s", (int)length - 2, data + 2);
                }
        }
        nftnl_table_free(table);
}

static void say_chain(struct page *page, const struct nlmsghdr *header)
{
        static const uint16_t needed[] = { NFTNL_CHAIN_HOOKNUM, NFTNL_CHAIN_PRIO, NFTNL_CHAIN_POLICY,
                                           NFTNL_CHAIN_TYPE };
        struct nftnl_chain *chain = nftnl_chain_alloc();
        bool is_whole = nftnl_chain_nlmsg_parse(header, chain) == 0, has_hook = nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM);

        for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
                is_whole = is_whole && nftnl_chain_is_set(chain, needed[i]) == has_hook;
        if (!is_whole) {
                say(page, " not understood");
        } else {
                say_family(page, nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY));
                say_text(page, nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE));
                say_text(page, nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME));
                if (has_hook)
                        say(page, ": %s, hook %u, priority %d, policy %u", nftnl_chain_get_str(chain, NFTNL_CHAIN_TYPE),
                    nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM), nftnl_chain_get_s32(chain, NFTNL_CHAIN_PRIO),
                    nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY));
        }
        nftnl_chain_free(chain);
}

static void say_rule(struct page *page, const struct nlmsghdr *header)
{
        struct nftnl_rule *rule = nftnl_rule_alloc();

        if (nftnl_rule_nlmsg_parse(header, rule) < 0) {
                say(page, " not understood");
        } else {
                say_family(page, nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY));
                say_text(page, nftnl_rule_get_str(rule, NFTNL_RULE_TABLE));
                say_text(page, nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN));
                say(page, ":");
                nftnl_expr_foreach(rule, say_expression, page);
        }
        nftnl_rule_free(rule);
}

static void say_set(struct page *page, const struct nlmsghdr *header)
{
        struct nftnl_set *set = nftnl_set_alloc();
        uint32_t length = 0;

        if (nftnl_set_nlmsg_parse(header, set) < 0) {
                say(page, " not understood");
        } else {
                say_family(page, nftnl_set_get_u32(set, NFTNL_SET_FAMILY));
                say_text(page, nftnl_set_get_str(set, NFTNL_SET_TABLE));
                say_text(page, nftnl_set_get_str(set, NFTNL_SET_NAME));
                say(page, ": %u bytes, flags %#x, type %#x", nftnl_set_get_u32(set, NFTNL_SET_KEY_LEN),
                    nftnl_set_get_u32(set, NFTNL_SET_FLAGS), nftnl_set_get_u32(set, NFTNL_SET_KEY_TYPE));
                say(page, ", id %d", nftnl_set_is_set(set, NFTNL_SET_ID) ? (int)nftnl_set_get_u32(set, NFTNL_SET_ID) : -1);
                if (nftnl_set_is_set(set, NFTNL_SET_DESC_SIZE))
                        say(page, ", at most %u", nftnl_set_get_u32(set, NFTNL_SET_DESC_SIZE));
                if (nftnl_set_is_set(set, NFTNL_SET_DESC_CONCAT)) {
                        const uint8_t *fields = nftnl_set_get_data(set, NFTNL_SET_DESC_CONCAT, &length);

                        say(page, ", fields");
                        for (uint32_t i = 0; i < length && fields[i] != 0; i++)
                                say(page, " %u", fields[i]);
                }
        }
        nftnl_set_free(set);
}

static void say_elements(struct page *page, const struct nlmsghdr *header)
{
        static const uint16_t keys[] = { NFTNL_SET_ELEM_KEY, NFTNL_SET_ELEM_KEY_END };
        struct nftnl_set *set = nftnl_set_alloc();
        struct nftnl_set_elems_iter *iter;
        struct nftnl_set_elem *element;

        if (nftnl_set_elems_nlmsg_parse(header, set) < 0) {
                say(page, " not understood");
                nftnl_set_free(set);
                return;
        }
        say_family(page, nftnl_set_get_u32(set, NFTNL_SET_FAMILY));
        say_text(page, nftnl_set_get_str(set, NFTNL_SET_TABLE));
        say_text(page, nftnl_set_get_str(set, NFTNL_SET_NAME));
        say(page, ":");
        iter = nftnl_set_elems_iter_create(set);
        while ((element = nftnl_set_elems_iter_next(iter)) != NULL) {
                for (size_t k = 0; k < 2; k++) {
                        uint32_t length = 0;
                        const unsigned char *key = nftnl_set_elem_get(element, keys[k], &length);

                        say(page, k == 0 ? " " : "-");
                        for (uint32_t i = 0; i < length; i++)
                                say(page, "%02x", key[i]);
                }
        }
        nftnl_set_elems_iter_destroy(iter);
        nftnl_set_free(set);
}

static void say_message(struct page *page, const struct nlmsghdr *header)
{
        const struct nfgenmsg *general = mnl_nlmsg_get_payload(header);
        uint16_t flags = header->nlmsg_flags;

        switch (header->nlmsg_type) {
        case NFNL_MSG_BATCH_BEGIN:
        case NFNL_MSG_BATCH_END:
                say(page, "batch %s, for subsystem %u", header->nlmsg_type == NFNL_MSG_BATCH_BEGIN ? "begin" : "end",
                    ntohs(general->res_id));
                break;
        case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE:
                say(page, "new table");
                say_table(page, header, true);
                break;
        case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE:
                say(page, "delete table");
                say_table(page, header, false);
                break;
        case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN:
                say(page, "new chain");
                say_chain(page, header);
                break;
        case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE:
                say(page, "rule");
                say_rule(page, header);
                break;
        case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSET:
                say(page, "new set");
                say_set(page, header);
                break;
        case NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM:
                say(page, "elements");
                say_elements(page, header);
                break;
        default:
                say(page, "message of type %u", header->nlmsg_type);
        }
        /* netlink(7): the same bits mean other things in other requests; all here are of one kind. */
        say(page, "%s%s%s%s", flags & NLM_F_CREATE ? ", create" : "", flags & NLM_F_EXCL ? ", must not exist" : "",
            flags & NLM_F_APPEND ? ", append" : "", flags & NLM_F_ACK ? ", acknowledge" : "");
        flags &= (uint16_t)~(NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND | NLM_F_ACK);
        if (flags != NLM_F_REQUEST)
                say(page, ", flags %#x", flags);
        if (general->version != NFNETLINK_V0)
                say(page, ", version %u", general->version);
        say(page, "\n");
}

static void say_batch(struct page *page, const void *bytes, size_t length)
{
        const struct nlmsghdr *header = bytes;
        int left = (int)length;
        uint32_t sequence = 0;

        page->length = 0;
        page->is_of_packet = false;
        page->text[0] = '\0';
        for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
                if (header->nlmsg_seq != sequence++)
                        say(page, "out of sequence: ");
                say_message(page, header);
        }
        if (left != 0)
                say(page, "%d bytes are left\n", left);
}

#define DOCUMENTATION_6 ((egress_address)0x20010db8 << 96)

static const struct egress_range ranges[] = {
        { .first = 0x0a000000, .last = 0x0affffff, .protocol_first = 6, .protocol_last = 6, .port_first = 80, .port_last = 90 },
        { .first = DOCUMENTATION_6, .last = DOCUMENTATION_6 + 1, .is_v6 = true, .protocol_first = 17, .protocol_last = 17,
          .port_first = 443, .port_last = 443 },
};
static const struct sandbox_egress listed = { .profile = "untrusted", .has_list = true, .is_counted = true, .ranges = ranges, .n_ranges = 2 };

static void is_promised(const struct sandbox_egress *some, const char *text)
{
        static struct page page;
        struct egress_batch batch = { 0 };
        struct error err = { 0 };

        cr_assert_eq(egress_prepare(some, &batch, &err), 0, "%s", err.text);
        say_batch(&page, batch.bytes, batch.length);
        cr_assert_str_eq(page.text, text);
        egress_batch_free(&batch);
}

Test(egress_rules, are_what_is_promised)
{
        is_promised(&rules, promised);
}

Test(egress_rules, that_count_are_what_is_promised)
{
        is_promised(&(struct sandbox_egress){ .profile = "untrusted", .is_counted = true }, promised_counts);
}

Test(egress_rules, of_audit_mode_let_resolvers_and_callers_pass)
{
        is_promised(&(struct sandbox_egress){ .profile = "untrusted", .is_audit = true, .is_ingress_open = true },
                    BEGINNING("") INPUT "rule inet runb input: accept, create, append\n" ICMP_ERRORS LOOPBACK_AND_ANSWERS
                    "rule inet runb output: reject 2 code 3, create, append, acknowledge\n"
                    "batch end, for subsystem 10\n");
}

Test(egress_rules, of_a_list_are_what_is_promised)
{
        is_promised(&listed, promised_list);
}

/* A list of attributes is 64 KiB at most: several messages, and none of them may lose one. */
Test(egress_rules, of_ten_thousand_ranges_are_whole)
{
        static struct egress_range many[10000];
        struct sandbox_egress some = { .profile = "untrusted", .has_list = true, .is_counted = true, .ranges = many, .n_ranges = 10000 };
        struct egress_batch batch = { 0 };
        const struct nlmsghdr *header;
        struct error err = { 0 };
        unsigned n[2] = { 0 };
        int left;

        for (uint32_t i = 0; i < 10000; i++) {
                many[i] = ranges[i % 2];
                many[i].first = many[i].last = (i % 2 ? DOCUMENTATION_6 : 0x0a000000) + i * 7;
        }
        cr_assert_eq(egress_prepare(&some, &batch, &err), 0, "%s", err.text);
        left = (int)batch.length;
        for (header = batch.bytes; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
                struct nftnl_set *set = nftnl_set_alloc();
                struct nftnl_set_elems_iter *iter;
                struct nftnl_set_elem *element;

                if (header->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM)) {
                        cr_assert_eq(nftnl_set_elems_nlmsg_parse(header, set), 0);
                        iter = nftnl_set_elems_iter_create(set);
                        while ((element = nftnl_set_elems_iter_next(iter)) != NULL) {
                                bool is_v6 = strcmp(nftnl_set_get_str(set, NFTNL_SET_NAME), "allowed6") == 0;
                                uint32_t length = 0;
                                const unsigned char *key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &length);
                                egress_address address = 0;

                                for (unsigned i = 0; i < (is_v6 ? 16u : 4u); i++)
                                        address = address << 8 | key[i];
                                cr_assert(address == many[2 * n[is_v6] + is_v6].first);
                                n[is_v6]++;
                        }
                        nftnl_set_elems_iter_destroy(iter);
                }
                nftnl_set_free(set);
        }
        cr_assert_eq(left, 0);
        cr_assert(n[0] == 5000 && n[1] == 5000, "%u and %u", n[0], n[1]);
        egress_batch_free(&batch);
}

/* The judge itself: whatever value of an attribute changes, it says something else. */
static unsigned n_changed, n_missed;

static void change_values(struct egress_batch *batch, const struct nlattr *list, size_t length, struct page *page)
{
        const struct nlattr *attribute;

        for (attribute = list; mnl_attr_ok(attribute, (int)((const char *)list + length - (const char *)attribute));
             attribute = mnl_attr_next(attribute)) {
                unsigned char *value = mnl_attr_get_payload(attribute);
                uint16_t size = mnl_attr_get_payload_len(attribute);

                if (attribute->nla_type & NLA_F_NESTED) {
                        change_values(batch, mnl_attr_get_payload(attribute), size, page);
                        continue;
                }
                for (uint16_t i = 0; i < size; i++) {
                        value[i] ^= 1;
                        say_batch(page, batch->bytes, batch->length);
                        value[i] ^= 1;
                        n_changed++;
                        n_missed += strcmp(page->text, promised_list) == 0;
                }
        }
}

Test(egress_rules, are_noticed_when_a_byte_of_them_changes)
{
        static struct page page;
        struct egress_batch batch = { 0 };
        struct error err = { 0 };
        const struct nlmsghdr *header;
        int left;

        cr_assert_eq(egress_prepare(&listed, &batch, &err), 0, "%s", err.text);
        left = (int)batch.length;
        for (header = batch.bytes; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left))
                change_values(&batch, mnl_nlmsg_get_payload_offset(header, sizeof(struct nfgenmsg)),
                              mnl_nlmsg_get_payload_len(header) - sizeof(struct nfgenmsg), &page);
        cr_assert_gt(n_changed, 800);
        /* libnftnl keeps one byte of the four of a field's length, and there are six fields. */
        cr_assert_eq(n_missed, 6 * 3, "%u of %u", n_missed, n_changed);
        egress_batch_free(&batch);
}
