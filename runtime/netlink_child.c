/* The netlink socket. The kernel works on a netlink message within sendto(2), so its answer is there at once: nothing here
 * waits, and an answer that is missing is an error. System calls only: init uses this between clone and exec. */
#include "runtime/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "runtime/base/auto.h"

int netlink_open(int protocol)
{
        auto_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
        int on = 1;

        /* Without the message that an error is about: the answer then has a fixed size. */
        if (fd >= 0 && setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on) < 0)
                return -1;
        return take_fd(&fd);
}

int netlink_send(int fd, const struct iovec *parts, size_t n_parts)
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

ssize_t netlink_receive(int fd, void *bytes, size_t size)
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

/* Errors come in the order of the messages, and only the last one asks for an acknowledgement. */
int netlink_call(int fd, const struct iovec *parts, size_t n_parts)
{
        char answer[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
        const struct nlmsghdr *header;
        const struct nlmsgerr *error;
        ssize_t n;
        size_t left;

        if (netlink_send(fd, parts, n_parts) < 0)
                return -1;
        for (;;) {
                n = netlink_receive(fd, answer, sizeof answer);
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

int netlink_transact(int protocol, const struct iovec *parts, size_t n_parts)
{
        auto_close int fd = netlink_open(protocol);

        return fd < 0 ? -1 : netlink_call(fd, parts, n_parts);
}
