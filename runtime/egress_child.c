/* Sends what was prepared, inside the network namespace. */
#include "runtime/egress.h"

#include <errno.h>
#include <limits.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime/base/auto.h"
#include "runtime/egress_internal.h"

/* net_namespace(7): loopback is made first; the kernel insists on this number (LOOPBACK_IFINDEX). */
#define LOOPBACK_INDEX 1
/* Within any socket buffer, net.core.wmem_default. */
#define SMALL_BATCH 65536

/* netlink(7): a message longer than the socket's buffer is EMSGSIZE. The limit of the machine's is for those without power
 * over the namespace. */
static int make_room(int fd, size_t length)
{
        const int size = length < INT_MAX / 4 ? (int)length * 2 : INT_MAX / 2;

        return length < SMALL_BATCH ? 0 : setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
}

/* What lies behind the table's own header in the answer, or in what is to be sent, must hold the same mark. */
static bool has_mark(const char *bytes, size_t length, const struct egress_batch *batch)
{
        struct netlink_attrs all = { bytes, length }, found, mine;
        const char *ours = (const char *)batch->bytes + batch->head_length + batch->remove_length;
        const size_t start = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));
        const struct netlink_attrs sent = { ours + start, ((const struct nlmsghdr *)(const void *)ours)->nlmsg_len - start };

        return netlink_find_attr(sent, NFTA_TABLE_USERDATA, &mine) && netlink_find_attr(all, NFTA_TABLE_USERDATA, &found) &&
               egress_is_same_profile(mine, found);
}

/* Whose table is there? Another profile's must not be replaced: that would open what another build is refused. */
static int check_whose(int fd, const struct egress_batch *batch)
{
        char bytes[1024] __attribute__((aligned(NLMSG_ALIGNTO)));
        struct netlink_writer w = { .bytes = bytes, .size = sizeof bytes };
        const size_t start = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));
        const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)bytes;
        struct iovec part = { .iov_base = bytes };
        ssize_t n;

        egress_table_message(&w, NFT_MSG_GETTABLE, 0);
        netlink_attr_text(&w, NFTA_TABLE_NAME, EGRESS_TABLE);
        netlink_message_end(&w);
        part.iov_len = w.length;
        if (netlink_send(fd, &part, 1) < 0)
                return -1;
        n = netlink_receive(fd, bytes, sizeof bytes);
        if (n < 0)
                return -1;
        if (!NLMSG_OK(header, (size_t)n) || header->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE) ||
            header->nlmsg_len < start || !has_mark(bytes + start, header->nlmsg_len - start, batch)) {
                errno = EXDEV;
                return -1;
        }
        return 0;
}

int egress_child_install(const struct egress_batch *batch)
{
        char *bytes = batch->bytes;
        size_t start = batch->head_length + batch->remove_length;
        const struct iovec fresh[] = { { bytes, batch->head_length }, { bytes + start, batch->length - start } };
        const struct iovec replacing = { bytes, batch->length };
        auto_close int fd = netlink_open(NETLINK_NETFILTER);

        if (fd < 0 || make_room(fd, batch->length) < 0)
                return -1;
        /* A removal makes the close of the socket wait for an RCU grace period, about 10 ms: the common case, a
         * namespace that has no table of ours, is tried without. */
        if (netlink_call(fd, fresh, 2) == 0)
                return 0;
        if (errno != EEXIST)
                return -1;
        auto_close_cleanup(&fd);
        /* Answers to the rest of the batch lie in the first one's socket. */
        fd = netlink_open(NETLINK_NETFILTER);
        if (fd < 0 || make_room(fd, batch->length) < 0 || check_whose(fd, batch) < 0)
                return -1;
        return netlink_call(fd, &replacing, 1);
}

int egress_child_loopback_up(void)
{
        /* rtnetlink(7): the flags in ifi_change only; 127.0.0.1 and ::1 come by themselves. */
        const struct {
                struct nlmsghdr header;
                struct ifinfomsg link;
        } request = {
                .header = { .nlmsg_len = sizeof request, .nlmsg_type = RTM_NEWLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
                .link = { .ifi_family = AF_UNSPEC, .ifi_index = LOOPBACK_INDEX, .ifi_flags = IFF_UP, .ifi_change = IFF_UP },
        };
        const struct iovec part = { (void *)(uintptr_t)&request, sizeof request };

        return netlink_transact(NETLINK_ROUTE, &part, 1);
}
