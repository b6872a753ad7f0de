/* Sends what was prepared, inside the network namespace. The kernel works on a netlink message within sendto(2), so its
 * answer is there at once: nothing here waits, and an answer that is missing is an error. */
#include "runtime/egress.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/egress_internal.h"

/* net_namespace(7): loopback is made first; the kernel insists on this number (LOOPBACK_IFINDEX). */
#define LOOPBACK_INDEX 1

int egress_open(int protocol)
{
        return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
}

int egress_send(int fd, const struct iovec *parts, size_t n_parts)
{
        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        const struct msghdr message = { .msg_name = &kernel, .msg_namelen = sizeof kernel,
                                        .msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = n_parts };
        ssize_t n;

        do
                n = sendmsg(fd, &message, 0);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -1 : 0;
}

ssize_t egress_receive(int fd, void *bytes, size_t size)
{
        struct sockaddr_nl from;
        struct iovec io = { bytes, size };
        struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1 };
        ssize_t n;

        for (;;) {
                message.msg_name = &from;
                message.msg_namelen = sizeof from;
                n = recvmsg(fd, &message, MSG_DONTWAIT);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
                        errno = EPROTO;
                if (n < 0)
                        return -1;
                /* netlink(7): the kernel's port is 0; whoever else writes to us is not asked. */
                if (message.msg_namelen != sizeof from || from.nl_pid != 0)
                        continue;
                if (message.msg_flags & MSG_TRUNC) {
                        errno = EPROTO;
                        return -1;
                }
                return n;
        }
}

/* Sends, and reads the acknowledgement or the first error: errors come in the order of the messages, and only the last
 * one asks for an acknowledgement. */
static int transact(int protocol, const struct iovec *parts, size_t n_parts)
{
        auto_close int fd = egress_open(protocol);
        char answer[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
        const struct nlmsghdr *header;
        const struct nlmsgerr *error;
        ssize_t n;
        size_t left;
        int on = 1;

        if (fd < 0)
                return -1;
        /* Without the message that an error is about: the answer then has a fixed size. */
        if (setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on) < 0 || egress_send(fd, parts, n_parts) < 0)
                return -1;
        for (;;) {
                n = egress_receive(fd, answer, sizeof answer);
                if (n < 0)
                        return -1;
                left = (size_t)n;
                for (header = (const struct nlmsghdr *)answer; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
                        if (header->nlmsg_type != NLMSG_ERROR || header->nlmsg_len < NLMSG_LENGTH(sizeof *error))
                                continue;
                        error = NLMSG_DATA(header);
                        errno = -error->error;
                        return error->error == 0 ? 0 : -1;
                }
        }
}

int egress_child_install(const struct egress_batch *batch)
{
        char *bytes = batch->bytes;
        size_t start = batch->head_length + batch->remove_length;
        const struct iovec fresh[] = { { bytes, batch->head_length }, { bytes + start, batch->length - start } };
        const struct iovec replacing = { bytes, batch->length };

        /* A removal makes the close of the socket wait for an RCU grace period, about 10 ms: the common case, a
         * namespace that has no table of ours, is tried without. */
        if (transact(NETLINK_NETFILTER, fresh, 2) == 0)
                return 0;
        return errno == EEXIST ? transact(NETLINK_NETFILTER, &replacing, 1) : -1;
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

        return transact(NETLINK_ROUTE, &part, 1);
}
