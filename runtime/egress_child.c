/* Sends what was prepared, inside the network namespace. */
#include "runtime/egress.h"

#include <errno.h>
#include <limits.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "runtime/base/auto.h"
#include "runtime/egress_internal.h"

/* net_namespace(7): loopback is made first; the kernel insists on this number (LOOPBACK_IFINDEX). */
#define LOOPBACK_INDEX 1
/* Within any socket buffer, net.core.wmem_default. */
#define SMALL_BATCH 65536

/* netlink(7): a message longer than the socket's buffer is EMSGSIZE. The limit of the machine's is for those without power
 * over the namespace. */
int egress_child_make_room(int fd, size_t length)
{
        const int size = length < INT_MAX / 4 ? (int)length * 2 : INT_MAX / 2;

        return length < SMALL_BATCH ? 0 : setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
}

int egress_child_install(const struct egress_batch *batch, int *ret_fd)
{
        char *bytes = batch->bytes;
        size_t start = batch->head_length + batch->remove_length;
        /* A removal makes the close of the socket wait for an RCU grace period, about 10 ms: the common case, a
         * namespace that has no table of ours, goes without. */
        const struct iovec fresh[] = { { bytes, batch->head_length }, { bytes + start, batch->length - start } };
        auto_close int fd = netlink_open(NETLINK_NETFILTER);

        if (fd < 0 || egress_child_make_room(fd, batch->length) < 0)
                return -1;
        if (netlink_call(fd, fresh, 2) < 0)
                return -1;
        if (ret_fd != NULL)
                *ret_fd = take_fd(&fd);
        return 0;
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
