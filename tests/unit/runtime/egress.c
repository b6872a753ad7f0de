#include <criterion/criterion.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "runtime/egress.h"

static const struct sandbox_egress rules = { .profile = "untrusted" };

/* Returns how many messages there are; every byte belongs to one. */
static unsigned walk(const char *bytes, size_t length, unsigned *ret_acks, int *ret_first, int *ret_last)
{
        unsigned n = 0;

        *ret_acks = 0;
        while (length > 0) {
                const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)bytes;

                cr_assert_geq(length, sizeof *header);
                cr_assert_geq(header->nlmsg_len, NLMSG_LENGTH(sizeof(struct nfgenmsg)));
                cr_assert_leq(NLMSG_ALIGN(header->nlmsg_len), length);
                if (n++ == 0)
                        *ret_first = header->nlmsg_type;
                *ret_last = header->nlmsg_type;
                *ret_acks += (header->nlmsg_flags & NLM_F_ACK) != 0;
                bytes += NLMSG_ALIGN(header->nlmsg_len);
                length -= NLMSG_ALIGN(header->nlmsg_len);
        }
        return n;
}

Test(egress, is_one_batch_with_one_acknowledgement)
{
        struct egress_batch batch = { 0 };
        struct error err = { 0 };
        unsigned acks;
        int first, last;

        cr_assert_eq(egress_prepare(&rules, &batch, &err), 0, "%s", err.text);
        cr_assert_gt(walk(batch.bytes, batch.length, &acks, &first, &last), 10);
        cr_assert_eq(first, NFNL_MSG_BATCH_BEGIN);
        cr_assert_eq(last, NFNL_MSG_BATCH_END);
        cr_assert_eq(acks, 1);
        egress_batch_free(&batch);
        cr_assert_null(batch.bytes);
}

/* What is sent without the middle must be whole messages, too. */
Test(egress, can_leave_the_removal_out)
{
        struct egress_batch batch = { 0 };
        struct error err = { 0 };
        unsigned acks;
        int first, last;
        char *bytes;

        egress_prepare(&rules, &batch, &err);
        bytes = batch.bytes;
        cr_assert_eq(walk(bytes, batch.head_length, &acks, &first, &last), 1);
        cr_assert_eq(first, NFNL_MSG_BATCH_BEGIN);
        cr_assert_eq(walk(bytes + batch.head_length, batch.remove_length, &acks, &first, &last), 2);
        cr_assert_eq(last, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE);
        bytes += batch.head_length + batch.remove_length;
        walk(bytes, batch.length - batch.head_length - batch.remove_length, &acks, &first, &last);
        cr_assert_eq(first, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE);
        cr_assert_eq(last, NFNL_MSG_BATCH_END);
        cr_assert_eq(acks, 1);
        egress_batch_free(&batch);
}
