/* Is the table what egress.c would send? Read back attribute by attribute, and compared with the same messages. */
#include "runtime/egress.h"

#include <assert.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime/base/auto.h"
#include "runtime/egress_internal.h"

static bool is_zero(struct netlink_attrs value)
{
        for (size_t i = 0; i < value.length; i++)
                if (value.bytes[i] != 0)
                        return false;
        return true;
}

/* Everything that was sent is there with its value, and what is there besides says nothing: the kernel prints defaults
 * that were not given (an operation 0, a counter at 0). */
static bool is_same(struct netlink_attrs sent, struct netlink_attrs found)
{
        struct netlink_attrs rest = sent, value, other;
        struct nlattr header;

        while (netlink_next_attr(&rest, &header, &value)) {
                if (!netlink_find_attr(found, header.nla_type & NLA_TYPE_MASK, &other))
                        return false;
                if (header.nla_type & NLA_F_NESTED) {
                        if (!is_same(value, other))
                                return false;
                } else if (value.length != other.length || memcmp(value.bytes, other.bytes, value.length) != 0) {
                        return false;
                }
        }
        rest = found;
        while (netlink_next_attr(&rest, &header, &value))
                if (!netlink_find_attr(sent, header.nla_type & NLA_TYPE_MASK, &other) && !is_zero(value))
                        return false;
        return true;
}

/* A counter has counted: its numbers are no part of the rules. */
static bool is_counter(struct netlink_attrs expression)
{
        static const char name[] = "counter";
        struct netlink_attrs value;

        return netlink_find_attr(expression, NFTA_EXPR_NAME, &value) && value.length == sizeof name &&
               memcmp(value.bytes, name, sizeof name) == 0;
}

/* Expressions in their order. */
static bool is_same_list(struct netlink_attrs sent, struct netlink_attrs found)
{
        struct nlattr header;
        struct netlink_attrs one, other;

        while (netlink_next_attr(&sent, &header, &one))
                if (!netlink_next_attr(&found, &header, &other) ||
                    (!(is_counter(one) && is_counter(other)) && !is_same(one, other)))
                        return false;
        return !netlink_next_attr(&found, &header, &other);
}

bool egress_message_attrs(const struct nlmsghdr *header, uint16_t type, struct netlink_attrs *ret_attrs)
{
        size_t start = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));

        if (header->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | type) || header->nlmsg_len < start)
                return false;
        *ret_attrs = (struct netlink_attrs){ (const char *)header + start, header->nlmsg_len - start };
        return true;
}

static bool is_text(struct netlink_attrs attrs, uint16_t type, const char *text)
{
        struct netlink_attrs value;

        return netlink_find_attr(attrs, type, &value) && value.length == strlen(text) + 1 && memcmp(value.bytes, text, value.length) == 0;
}

/* Walks what would be sent; the cursor is an offset. @name NULL: any. False at the end. */
static bool next_sent(const struct egress_batch *batch, size_t *at, uint16_t type, uint16_t name_type, const char *name,
                      struct netlink_attrs *ret_attrs)
{
        while (*at < batch->length) {
                const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)((const char *)batch->bytes + *at);

                *at += NLMSG_ALIGN(header->nlmsg_len);
                if (egress_message_attrs(header, type, ret_attrs) && (name == NULL || is_text(*ret_attrs, name_type, name)))
                        return true;
        }
        return false;
}

/* What is compared of each kind: names and the rest are how it was asked for. A chain without a hook has none of it. */
static bool is_chain_same(struct netlink_attrs sent, struct netlink_attrs found)
{
        static const uint16_t types[] = { NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY, NFTA_CHAIN_TYPE };
        struct netlink_attrs one, other;

        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
                bool is_sent = netlink_find_attr(sent, types[i], &one);

                if (is_sent != netlink_find_attr(found, types[i], &other))
                        return false;
                if (!is_sent)
                        continue;
                if (types[i] == NFTA_CHAIN_HOOK ? !is_same(one, other)
                                                : one.length != other.length || memcmp(one.bytes, other.bytes, one.length) != 0)
                        return false;
        }
        return true;
}

/* A dormant table has no hooks. */
static bool is_table_same(struct netlink_attrs found)
{
        struct netlink_attrs flags;

        return netlink_find_attr(found, NFTA_TABLE_FLAGS, &flags) && is_zero(flags);
}

int egress_ask(struct egress_reader *reader, uint16_t type, uint16_t flags, const char *name)
{
        char bytes[256] __attribute__((aligned(NLMSG_ALIGNTO)));
        struct netlink_writer w = { .bytes = bytes, .size = sizeof bytes };
        struct iovec part = { .iov_base = bytes };

        static_assert((int)NFTA_TABLE_NAME == (int)NFTA_CHAIN_TABLE && (int)NFTA_TABLE_NAME == (int)NFTA_RULE_TABLE &&
                              (int)NFTA_TABLE_NAME == (int)NFTA_SET_ELEM_LIST_TABLE,
                      "one number in all");
        egress_table_message(&w, type, flags);
        netlink_attr_text(&w, NFTA_TABLE_NAME, EGRESS_TABLE);
        if (name != NULL)
                netlink_attr_text(&w, type == NFT_MSG_GETRULE  ? NFTA_RULE_CHAIN :
                                      type == NFT_MSG_GETCHAIN ? NFTA_CHAIN_NAME : NFTA_SET_ELEM_LIST_SET, name);
        netlink_message_end(&w);
        part.iov_len = w.length;
        reader->header = NULL;
        reader->left = 0;
        return netlink_send(reader->fd, &part, 1) < 0 ? -errno : 0;
}

int egress_ask_generation(struct egress_reader *reader)
{
        char bytes[64] __attribute__((aligned(NLMSG_ALIGNTO)));
        struct netlink_writer w = { .bytes = bytes, .size = sizeof bytes };
        struct iovec part = { .iov_base = bytes };

        egress_message(&w, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, 0, AF_UNSPEC, 0);
        netlink_message_end(&w);
        part.iov_len = w.length;
        reader->header = NULL;
        reader->left = 0;
        return netlink_send(reader->fd, &part, 1) < 0 ? -errno : 0;
}

int egress_next_answer(struct egress_reader *reader)
{
        const struct nlmsgerr *error;
        ssize_t n;

        if (reader->header != NULL)
                reader->header = NLMSG_NEXT(reader->header, reader->left);
        if (reader->header == NULL || !NLMSG_OK(reader->header, reader->left)) {
                n = netlink_receive(reader->fd, reader->bytes, sizeof reader->bytes);
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
                /* errno(3): no number is larger (MAX_ERRNO of the kernel). */
                return error->error < 0 && error->error >= -4095 ? error->error : -EPROTO;
        }
        return 1;
}

/* The answer to a question about one thing. */
static int read_one(struct egress_reader *reader, uint16_t type, struct netlink_attrs *ret_attrs)
{
        int r = egress_next_answer(reader);

        if (r <= 0)
                return r < 0 ? r : -EPROTO;
        return egress_message_attrs(reader->header, type, ret_attrs) ? 0 : -EPROTO;
}

static int verify_rules(struct egress_reader *reader, const struct egress_batch *batch, const char *chain, struct error *err)
{
        struct netlink_attrs sent, found, one, other;
        size_t at = 0, n = 0;
        int r = egress_ask(reader, NFT_MSG_GETRULE, NLM_F_DUMP, chain);

        if (r < 0)
                return r;
        while ((r = egress_next_answer(reader)) > 0) {
                if (!egress_message_attrs(reader->header, NFT_MSG_NEWRULE, &found))
                        return -EPROTO;
                n++;
                if (!next_sent(batch, &at, NFT_MSG_NEWRULE, NFTA_RULE_CHAIN, chain, &sent) ||
                    !netlink_find_attr(sent, NFTA_RULE_EXPRESSIONS, &one) || !netlink_find_attr(found, NFTA_RULE_EXPRESSIONS, &other) ||
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

/* A sum over all elements that does not depend on their order, nor hides that one of them changed. */
struct sum {
        uint64_t n, hash;
};

static uint64_t hash_bytes(uint64_t hash, struct netlink_attrs value)
{
        for (size_t i = 0; i < value.length; i++)       /* FNV-1a */
                hash = (hash ^ (unsigned char)value.bytes[i]) * UINT64_C(1099511628211);
        return hash;
}

static void add_elements(struct netlink_attrs message, struct sum *sum)
{
        static const uint16_t keys[] = { NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_KEY_END };
        struct netlink_attrs list, element, key, value;
        struct nlattr header;

        if (!netlink_find_attr(message, NFTA_SET_ELEM_LIST_ELEMENTS, &list))
                return;
        while (netlink_next_attr(&list, &header, &element)) {
                uint64_t hash = UINT64_C(14695981039346656037);

                for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
                        if (netlink_find_attr(element, keys[i], &key) && netlink_find_attr(key, NFTA_DATA_VALUE, &value))
                                hash = hash_bytes(hash, value);
                sum->n++;
                sum->hash += hash;
        }
}

static int verify_elements(struct egress_reader *reader, const struct egress_batch *batch, const char *set, struct error *err)
{
        struct sum sent = { 0 }, found = { 0 };
        struct netlink_attrs message;
        size_t at = 0;
        int r;

        while (next_sent(batch, &at, NFT_MSG_NEWSETELEM, NFTA_SET_ELEM_LIST_SET, set, &message))
                add_elements(message, &sent);
        r = egress_ask(reader, NFT_MSG_GETSETELEM, NLM_F_DUMP, set);
        if (r < 0)
                return r;
        while ((r = egress_next_answer(reader)) > 0) {
                if (!egress_message_attrs(reader->header, NFT_MSG_NEWSETELEM, &message))
                        return -EPROTO;
                add_elements(message, &found);
        }
        if (r < 0)
                return r;
        if (sent.n == found.n && sent.hash == found.hash)
                return 0;
        error_set(err, EPERM, "its set %s is not the one that was installed", set);
        return 1;
}

/* Up to the list, or the whole. */
static size_t mark_length(struct netlink_attrs mark)
{
        static const char list[] = ", list ";

        for (size_t i = 0; i + sizeof list - 1 <= mark.length; i++)
                if (memcmp(mark.bytes + i, list, sizeof list - 1) == 0)
                        return i;
        /* Without the end of the text. */
        return mark.length > 0 ? mark.length - 1 : 0;
}

enum egress_mark egress_compare_mark(const struct egress_batch *batch, struct netlink_attrs found)
{
        const size_t head = 2;          /* its type and length, which depends on the list */
        struct netlink_attrs sent, one, other;
        size_t at = batch->head_length + batch->remove_length;

        if (!next_sent(batch, &at, NFT_MSG_NEWTABLE, 0, NULL, &sent) || !netlink_find_attr(sent, NFTA_TABLE_USERDATA, &one) ||
            !netlink_find_attr(found, NFTA_TABLE_USERDATA, &other))
                return EGRESS_MARK_OTHER;
        if (one.length == other.length && memcmp(one.bytes, other.bytes, one.length) == 0)
                return EGRESS_MARK_SAME;
        if (mark_length(one) < head || mark_length(one) != mark_length(other) ||
            memcmp(one.bytes + head, other.bytes + head, mark_length(one) - head) != 0)
                return EGRESS_MARK_OTHER;
        return EGRESS_MARK_SAME_RULES;
}

/* 0: all is there; 1: it is not, and *err says what; a negative errno. */
static int verify_once(int fd, const struct egress_batch *batch, struct error *err)
{
        struct egress_reader reader = { .fd = fd };
        struct netlink_attrs sent, found, name;
        enum egress_mark mark;
        size_t at = 0;
        int r = egress_ask(&reader, NFT_MSG_GETTABLE, 0, NULL);

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
        mark = egress_compare_mark(batch, found);
        if (mark == EGRESS_MARK_OTHER) {
                error_set(err, EPERM, "it is that of another profile, or of another version of it");
                return 1;
        }
        while (next_sent(batch, &at, NFT_MSG_NEWCHAIN, 0, NULL, &sent)) {
                if (!netlink_find_attr(sent, NFTA_CHAIN_NAME, &name))
                        return -EPROTO;
                r = egress_ask(&reader, NFT_MSG_GETCHAIN, 0, name.bytes);
                if (r == 0)
                        r = read_one(&reader, NFT_MSG_NEWCHAIN, &found);
                if (r == -ENOENT) {
                        error_set(err, ENOENT, "its chain %s has been removed", name.bytes);
                        return 1;
                }
                if (r < 0)
                        return r;
                if (!is_chain_same(sent, found)) {
                        error_set(err, EPERM, "its chain %s has another hook or policy", name.bytes);
                        return 1;
                }
                r = verify_rules(&reader, batch, name.bytes, err);
                if (r != 0)
                        return r;
        }
        /* Those that the kernel fills are as they are; the list can be that of a later container of the pod, with ours in it. */
        for (enum egress_set set = EGRESS_ALLOWED_4; set < EGRESS_SETS && mark == EGRESS_MARK_SAME; set++) {
                at = 0;
                if (!next_sent(batch, &at, NFT_MSG_NEWSET, NFTA_SET_NAME, egress_set_name(set), &sent))
                        continue;
                r = verify_elements(&reader, batch, egress_set_name(set), err);
                if (r != 0)
                        return r;
        }
        return 0;
}

int egress_verify(int fd, const struct egress_batch *batch, struct error *err)
{
        int r = -EINTR;

        for (unsigned tries = 0; r == -EINTR && tries < 8; tries++)
                r = verify_once(fd, batch, err);
        if (r < 0)
                return error_errno(err, r, "egress: reading the table inet " EGRESS_TABLE " of the network namespace");
        if (r > 0)
                error_context(err, "egress: the table inet " EGRESS_TABLE " of the network namespace is not what was installed");
        return r == 0;
}
