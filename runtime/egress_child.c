/* Sends what was prepared, inside the network namespace. */
#include "runtime/egress.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "runtime/netlink.h"

/* net_namespace(7): loopback is made first; the kernel insists on this number (LOOPBACK_IFINDEX). */
#define LOOPBACK_INDEX 1

int egress_child_install(const struct egress_batch *batch)
{
        char *bytes = batch->bytes;
        size_t start = batch->head_length + batch->remove_length;
        const struct iovec fresh[] = { { bytes, batch->head_length }, { bytes + start, batch->length - start } };
        const struct iovec replacing = { bytes, batch->length };

        /* A removal makes the close of the socket wait for an RCU grace period, about 10 ms: the common case, a
         * namespace that has no table of ours, is tried without. */
        if (netlink_transact(NETLINK_NETFILTER, fresh, 2) == 0)
                return 0;
        return errno == EEXIST ? netlink_transact(NETLINK_NETFILTER, &replacing, 1) : -1;
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
