/* Is the table what egress.c would send? Read back attribute by attribute, and compared with the same messages. */
#include "runtime/egress.h"

#include <assert.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>

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

/* Expressions in their order. */
static bool is_same_list(struct netlink_attrs sent, struct netlink_attrs found)
{
        struct nlattr header;
        struct netlink_attrs one, other;

        while (netlink_next_attr(&sent, &header, &one))
                if (!netlink_next_attr(&found, &header, &other) || !is_same(one, other))
                        return false;
        return !netlink_next_attr(&found, &header, &other);
}

/* The attributes of an nf_tables message of that type; empty for another. */
static bool message_attrs(const struct nlmsghdr *header, uint16_t type, struct netlink_attrs *ret_attrs)
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

/* Walks what would be sent; the cursor is an offset. False at the end. */
static bool next_sent(const struct egress_batch *batch, size_t *at, uint16_t type, uint16_t name_type, const char *name,
                      struct netlink_attrs *ret_attrs)
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
static bool is_chain_same(struct netlink_attrs sent, struct netlink_attrs found)
{
        static const uint16_t types[] = { NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY, NFTA_CHAIN_TYPE };
        struct netlink_attrs one, other;

        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
                if (!netlink_find_attr(sent, types[i], &one) || !netlink_find_attr(found, types[i], &other))
                        return false;
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
        struct netlink_writer w = { .bytes = bytes, .size = sizeof bytes };
        struct iovec part = { .iov_base = bytes };

        static_assert((int)NFTA_TABLE_NAME == (int)NFTA_CHAIN_TABLE && (int)NFTA_TABLE_NAME == (int)NFTA_RULE_TABLE,
                      "one number in all");
        egress_table_message(&w, type, flags);
        netlink_attr_text(&w, NFTA_TABLE_NAME, EGRESS_TABLE);
        if (chain != NULL)
                netlink_attr_text(&w, type == NFT_MSG_GETRULE ? NFTA_RULE_CHAIN : NFTA_CHAIN_NAME, chain);
        netlink_message_end(&w);
        part.iov_len = w.length;
        reader->header = NULL;
        reader->left = 0;
        return netlink_send(reader->fd, &part, 1) < 0 ? -errno : 0;
}

/* The next message of the answer; 0 at the end of a dump, 1, or a negative errno. */
static int next_answer(struct reader *reader)
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
                return error->error < 0 ? error->error : -EPROTO;
        }
        return 1;
}

/* The answer to a question about one thing. */
static int read_one(struct reader *reader, uint16_t type, struct netlink_attrs *ret_attrs)
{
        int r = next_answer(reader);

        if (r <= 0)
                return r < 0 ? r : -EPROTO;
        return message_attrs(reader->header, type, ret_attrs) ? 0 : -EPROTO;
}

static int verify_rules(struct reader *reader, const struct egress_batch *batch, const char *chain, struct error *err)
{
        struct netlink_attrs sent, found, one, other;
        size_t at = 0, n = 0;
        int r = ask(reader, NFT_MSG_GETRULE, NLM_F_DUMP, chain);

        if (r < 0)
                return r;
        while ((r = next_answer(reader)) > 0) {
                if (!message_attrs(reader->header, NFT_MSG_NEWRULE, &found))
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

/* 0: all is there; 1: it is not, and *err says what; a negative errno. */
static int verify_once(const struct egress_batch *batch, struct error *err)
{
        auto_close int fd = netlink_open(NETLINK_NETFILTER);
        struct reader reader = { .fd = fd };
        struct netlink_attrs sent, found;
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
        for (size_t i = 0; i < EGRESS_N_CHAINS; i++) {
                r = ask(&reader, NFT_MSG_GETCHAIN, 0, egress_chains[i].name);
                if (r == 0)
                        r = read_one(&reader, NFT_MSG_NEWCHAIN, &found);
                if (r == -ENOENT) {
                        error_set(err, ENOENT, "its chain %s has been removed", egress_chains[i].name);
                        return 1;
                }
                if (r < 0)
                        return r;
                if (!next_sent(batch, &at, NFT_MSG_NEWCHAIN, NFTA_CHAIN_NAME, egress_chains[i].name, &sent) ||
                    !is_chain_same(sent, found)) {
                        error_set(err, EPERM, "its chain %s has another hook or policy", egress_chains[i].name);
                        return 1;
                }
                r = verify_rules(&reader, batch, egress_chains[i].name, err);
                if (r != 0)
                        return r;
        }
        return 0;
}

int egress_verify(struct error *err)
{
        char bytes[EGRESS_BATCH_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
        struct egress_batch batch = { .bytes = bytes };
        int r = -EINTR;

        if (!egress_put_batch(&batch, sizeof bytes))
                return error_set(err, E2BIG, "egress rules: more than %d bytes", EGRESS_BATCH_SIZE);

        for (unsigned tries = 0; r == -EINTR && tries < 8; tries++)
                r = verify_once(&batch, err);
        if (r < 0)
                return error_errno(err, r, "egress: reading the table inet " EGRESS_TABLE " of the network namespace");
        if (r > 0)
                error_context(err, "egress: the table inet " EGRESS_TABLE " of the network namespace is not what was installed");
        return r == 0;
}
