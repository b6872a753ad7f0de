/* What reaches a neighbour in the network, by each way that there is; static, so that it runs in any root.
 *
 *   knock serve PORT [ADDRESS]         TCP and UDP on every address, IPv4 and IPv6, or on one; an answer to each
 *   knock serve-raw PROTOCOL           the same for a protocol of IP by raw sockets
 *   knock tcp|udp ADDRESS PORT         connects: "answer", or the name of the errno ("silence" after 2 s)
 *   knock sendto|fastopen ADDRESS PORT without a connect before: UDP; TCP with the data in its first packet
 *   knock uring|uring-udp ADDRESS PORT connect and send by io_uring
 *   knock ping ADDRESS                 an ICMP echo request by a socket of its own kind, which needs no power
 *   knock echo ADDRESS                 the same by a raw socket; prints "sent" or the errno
 *   knock raw PROTOCOL ADDRESS         a raw socket: "answer" or as above
 *   knock header ADDRESS PORT          a whole UDP packet by IP_HDRINCL; the same
 *   knock packet INTERFACE             a frame by AF_PACKET; prints "sent" or the errno
 *   knock join ADDRESS INTERFACE       a multicast group, of which the kernel tells the routers: "joined"
 *   knock flush                        removes the table inet runb: "flushed" or the errno
 *   knock flood ADDRESS N PORTS TIMES  UDP to N addresses from that one on, and so many ports of each, from 1 on
 *   knock held                         by fd 3, which is connected: as tcp and udp
 *   knock before NETNS tcp|udp ADDRESS PORT COMMAND...  runs it with such an fd 3, of that network namespace
 *   knock euid                         as a number
 *   knock nested COMMAND...            in a user namespace of its own, as its root */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/io_uring.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define LIMIT_MS 2000

static socklen_t address(const char *text, uint16_t port, struct sockaddr_storage *ret)
{
        struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

        memset(ret, 0, sizeof *ret);
        if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
                v4->sin_family = AF_INET;
                v4->sin_port = htons(port);
                return sizeof *v4;
        }
        if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1)
                exit(2);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        return sizeof *v6;
}

static int say(const char *text)
{
        puts(text);
        return 0;
}

static int say_errno(void)
{
        return say(strerrorname_np(errno));
}

static int say_socket_error(int fd)
{
        socklen_t size = sizeof errno;

        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &errno, &size) == 0 && errno != 0)
                return say_errno();
        return 0;
}

/* Reads an answer, as long as one may be waited for. */
static int hear(int fd)
{
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        char answer[2048];

        if (poll(&wait, 1, LIMIT_MS) == 0)
                return say("silence");
        return recv(fd, answer, sizeof answer, 0) < 0 ? say_errno() : say("answer");
}

static int talk(int type, const char *where, uint16_t port)
{
        struct sockaddr_storage to;
        socklen_t length = address(where, port, &to), size = sizeof(int);
        int fd = socket(to.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;
        struct pollfd wait = { .fd = fd, .events = type == SOCK_STREAM ? POLLOUT : POLLIN };

        if (connect(fd, (struct sockaddr *)&to, length) < 0 && errno != EINPROGRESS)
                return say_errno();
        if (type == SOCK_DGRAM && send(fd, "x", 1, 0) < 0)
                return say_errno();
        if (poll(&wait, 1, LIMIT_MS) == 0)
                return say("silence");
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) {
                errno = error;
                return say_errno();
        }
        if (type == SOCK_STREAM && send(fd, "x", 1, MSG_NOSIGNAL) < 0)
                return say_errno();
        return hear(fd);
}

static int send_unconnected(int type, int flags, const char *where, uint16_t port)
{
        struct sockaddr_storage to;
        socklen_t length = address(where, port, &to);
        int fd = socket(to.ss_family, type, 0);

        if (fd < 0 || sendto(fd, "x", 1, flags | MSG_NOSIGNAL, (struct sockaddr *)&to, length) < 0)
                return say_errno();
        return hear(fd);
}

/* ---- io_uring: one entry at a time, by the plain system calls ---- */

static int uring_do(struct io_uring_sqe entry)
{
        struct io_uring_params about = { 0 };
        int ring = (int)syscall(SYS_io_uring_setup, 4, &about);
        size_t sq_size = about.sq_off.array + about.sq_entries * sizeof(unsigned);
        size_t cq_size = about.cq_off.cqes + about.cq_entries * sizeof(struct io_uring_cqe);
        struct io_uring_sqe *entries;
        char *sq, *cq;
        int r;

        if (ring < 0)
                return -errno;
        sq = mmap(NULL, sq_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
        cq = mmap(NULL, cq_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
        entries = mmap(NULL, about.sq_entries * sizeof entry, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
                       IORING_OFF_SQES);
        if (sq == MAP_FAILED || cq == MAP_FAILED || entries == MAP_FAILED)
                return -errno;
        entries[0] = entry;
        *(unsigned *)(void *)(sq + about.sq_off.array) = 0;
        __atomic_store_n((unsigned *)(void *)(sq + about.sq_off.tail), 1, __ATOMIC_RELEASE);
        if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
                r = -errno;
        else
                r = ((struct io_uring_cqe *)(void *)(cq + about.cq_off.cqes))->res;
        close(ring);
        return r;
}

static int talk_by_uring(int type, const char *where, uint16_t port)
{
        struct sockaddr_storage to;
        socklen_t length = address(where, port, &to);
        struct iovec part = { "x", 1 };
        struct msghdr message = { .msg_name = &to, .msg_namelen = length, .msg_iov = &part, .msg_iovlen = 1 };
        int fd = socket(to.ss_family, type, 0), r;

        if (type == SOCK_STREAM)
                r = uring_do((struct io_uring_sqe){ .opcode = IORING_OP_CONNECT, .fd = fd, .addr = (uintptr_t)&to,
                                                    .off = length });
        else
                r = uring_do((struct io_uring_sqe){ .opcode = IORING_OP_SENDMSG, .fd = fd, .addr = (uintptr_t)&message,
                                                    .len = 1 });
        if (r < 0) {
                errno = -r;
                return say_errno();
        }
        if (type == SOCK_STREAM && send(fd, "x", 1, MSG_NOSIGNAL) < 0)
                return say_errno();
        return hear(fd);
}

/* ---- beside TCP and UDP ---- */

static uint16_t checksum(const void *bytes, size_t length)
{
        const uint16_t *words = bytes;
        uint32_t sum = 0;

        for (size_t i = 0; i < length / 2; i++)
                sum += words[i];
        sum = (sum >> 16) + (sum & 0xffff);
        return (uint16_t)~(sum + (sum >> 16));
}

/* @type SOCK_DGRAM: icmp(7), "ping_group_range". The kernel sums up ICMPv6. */
static int send_echo(int type, const char *where)
{
        struct icmphdr v4 = { .type = ICMP_ECHO };
        struct icmp6_hdr v6 = { .icmp6_type = ICMP6_ECHO_REQUEST };
        struct sockaddr_storage to;
        socklen_t length = address(where, 0, &to);
        int is_v6 = to.ss_family == AF_INET6, fd = socket(to.ss_family, type, is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);

        v4.checksum = checksum(&v4, sizeof v4);
        if (fd < 0 || sendto(fd, is_v6 ? (void *)&v6 : (void *)&v4, 8, 0, (struct sockaddr *)&to, length) < 0)
                return say_errno();
        return type == SOCK_DGRAM ? hear(fd) : say("sent");
}

static int send_raw(int protocol, const char *where)
{
        struct sockaddr_storage to;
        socklen_t length = address(where, 0, &to);
        int fd = socket(to.ss_family, SOCK_RAW, protocol);

        if (fd < 0 || connect(fd, (struct sockaddr *)&to, length) < 0 || send(fd, "0123456789abcdef", 16, 0) < 0)
                return say_errno();
        return hear(fd);
}

static int send_header(const char *where, uint16_t port)
{
        struct {
                struct iphdr ip;
                struct udphdr udp;
                char data[2];
        } packet = { .ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP,
                             .tot_len = htons(sizeof packet) },
                     .udp = { .source = htons(4444), .dest = htons(port), .len = htons(10) } };
        struct sockaddr_storage to;
        socklen_t length = address(where, 0, &to);
        int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);

        packet.ip.daddr = ((struct sockaddr_in *)&to)->sin_addr.s_addr;
        if (fd < 0 || sendto(fd, &packet, sizeof packet, 0, (struct sockaddr *)&to, length) < 0)
                return say_errno();
        return say("sent");
}

static int send_frame(const char *interface)
{
        struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface),
                                  .sll_protocol = htons(ETH_P_IP), .sll_halen = 6,
                                  .sll_addr = { 255, 255, 255, 255, 255, 255 } };
        static const char bytes[] = "0123456789012345678901234567890123456789";
        int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));

        if (fd < 0 || sendto(fd, bytes, sizeof bytes - 1, 0, (struct sockaddr *)&to, sizeof to) < 0)
                return say_errno();
        return say("sent");
}

static int join_group(const char *group, const char *interface)
{
        struct sockaddr_storage to;
        struct group_req request = { .gr_interface = if_nametoindex(interface) };
        socklen_t length = address(group, 0, &to);
        int fd = socket(to.ss_family, SOCK_DGRAM, 0);

        memcpy(&request.gr_group, &to, length);
        if (fd < 0 || setsockopt(fd, to.ss_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP, MCAST_JOIN_GROUP, &request,
                                 sizeof request) < 0)
                return say_errno();
        return say("joined");
}

/* Three messages: a batch's beginning, the removal, its end. */
static int flush_table(void)
{
        struct {
                struct nlmsghdr begin;
                struct nfgenmsg begin_family;
                struct nlmsghdr remove;
                struct nfgenmsg remove_family;
                struct nlattr name;
                char text[8];
                struct nlmsghdr end;
                struct nfgenmsg end_family;
        } batch = {
                .begin = { .nlmsg_len = 20, .nlmsg_type = NFNL_MSG_BATCH_BEGIN, .nlmsg_flags = NLM_F_REQUEST },
                .begin_family = { .res_id = htons(NFNL_SUBSYS_NFTABLES) },
                .remove = { .nlmsg_len = 32, .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE,
                            .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
                .remove_family = { .nfgen_family = 1 /* NFPROTO_INET */ },
                .name = { .nla_len = 9, .nla_type = NFTA_TABLE_NAME },
                .text = "runb",
                .end = { .nlmsg_len = 20, .nlmsg_type = NFNL_MSG_BATCH_END, .nlmsg_flags = NLM_F_REQUEST },
                .end_family = { .res_id = htons(NFNL_SUBSYS_NFTABLES) },
        };
        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
        char answer[256] __attribute__((aligned(4)));
        const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)answer;

        if (fd < 0 || sendto(fd, &batch, sizeof batch, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0 ||
            recv(fd, answer, sizeof answer, 0) < (ssize_t)(sizeof *header + sizeof(int)))
                return say_errno();
        errno = -((const struct nlmsgerr *)NLMSG_DATA(header))->error;
        return errno != 0 ? say_errno() : say("flushed");
}

/* Says how often it came to what. */
static int flood(const char *first, uint32_t n, uint32_t ports, uint32_t times)
{
        struct sockaddr_storage to;
        socklen_t length = address(first, 0, &to);
        struct sockaddr_in *v4 = (struct sockaddr_in *)&to;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&to;
        int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        uint32_t base, *last = to.ss_family == AF_INET ? &v4->sin_addr.s_addr : &v6->sin6_addr.s6_addr32[3];
        unsigned counts[256] = { 0 };

        base = ntohl(*last);
        for (uint32_t time = 0; time < times; time++) {
                for (uint32_t i = 0; i < n; i++) {
                        *last = htonl(base + i);
                        for (uint32_t port = 1; port <= ports; port++) {
                                if (to.ss_family == AF_INET)
                                        v4->sin_port = htons((uint16_t)port);
                                else
                                        v6->sin6_port = htons((uint16_t)port);
                                counts[sendto(fd, "x", 1, 0, (struct sockaddr *)&to, length) < 0 ? errno & 255 : 0]++;
                        }
                }
        }
        for (int i = 0; i < 256; i++)
                if (counts[i] > 0)
                        printf("%s %u\n", i == 0 ? "sent" : strerrorname_np(i), counts[i]);
        return 0;
}

/* ---- fds, and who runs it ---- */

static int use_held(void)
{
        if (say_socket_error(3) != 0)
                return 0;
        if (send(3, "x", 1, MSG_NOSIGNAL) < 0)
                return say_errno();
        return hear(3);
}

static int run_with_socket(char **argv)
{
        const int type = strcmp(argv[3], "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM;
        struct sockaddr_storage to;
        socklen_t length = address(argv[4], (uint16_t)atoi(argv[5]), &to);
        int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there = open(argv[2], O_RDONLY | O_CLOEXEC), fd;
        char byte;

        if (setns(there, CLONE_NEWNET) < 0)
                return say_errno();
        fd = socket(to.ss_family, type, 0);
        if (connect(fd, (struct sockaddr *)&to, length) < 0 || setns(here, CLONE_NEWNET) < 0)
                return say_errno();
        /* An answer makes it an established one to the kernel. */
        if (type == SOCK_DGRAM && (send(fd, "x", 1, 0) < 0 || recv(fd, &byte, 1, 0) < 0))
                return say_errno();
        if (fd != 3 && dup2(fd, 3) < 0)
                return say_errno();
        fcntl(3, F_SETFD, 0);
        execvp(argv[6], argv + 6);
        return say_errno();
}

static int write_file(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC), r = fd < 0 || write(fd, text, strlen(text)) < 0 ? -1 : 0;

        close(fd);
        return r;
}

static int run_nested(char **argv)
{
        char map[64];

        snprintf(map, sizeof map, "0 %u 1", geteuid());
        if (unshare(CLONE_NEWUSER) < 0 || write_file("/proc/self/uid_map", map) < 0)
                return say_errno();
        execvp(argv[2], argv + 2);
        return say_errno();
}

/* ---- the neighbour ---- */

/* By the address that was asked, of several. */
static void answer_datagram(int fd)
{
        struct sockaddr_storage from;
        char byte, control[256] __attribute__((aligned(8)));
        struct iovec part = { &byte, 1 };
        struct msghdr message = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1,
                                  .msg_control = control, .msg_controllen = sizeof control };

        if (recvmsg(fd, &message, 0) != 1)
                return;
        byte = 'y';
        if (sendmsg(fd, &message, 0) < 0)
                perror("sendmsg");
}

/* Once something has been said, or will not be. */
static void answer_stream(int fd)
{
        char byte;

        if (fork() != 0) {
                close(fd);
                return;
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (recv(fd, &byte, 1, 0) >= 0 && send(fd, "y", 1, MSG_NOSIGNAL) < 0)
                perror("send");
        _exit(0);
}

static int serve(uint16_t port, const char *where)
{
        int tcp = socket(AF_INET6, SOCK_STREAM, 0), udp = socket(AF_INET6, SOCK_DGRAM, 0), on = 1;
        struct sockaddr_storage any;
        socklen_t length = address(where, port, &any);

        signal(SIGCHLD, SIG_IGN);
        setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(udp, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
        if (bind(tcp, (struct sockaddr *)&any, length) < 0 || bind(udp, (struct sockaddr *)&any, length) < 0 ||
            listen(tcp, 64) < 0) {
                perror("serve");
                return 2;
        }
        say("ready");
        fflush(stdout);
        for (;;) {
                struct pollfd wait[] = { { .fd = tcp, .events = POLLIN }, { .fd = udp, .events = POLLIN } };

                poll(wait, 2, -1);
                if (wait[0].revents != 0)
                        answer_stream(accept(tcp, NULL, NULL));
                if (wait[1].revents != 0)
                        answer_datagram(udp);
        }
}

static int serve_raw(int protocol)
{
        struct pollfd wait[] = { { .fd = socket(AF_INET, SOCK_RAW, protocol), .events = POLLIN },
                                 { .fd = socket(AF_INET6, SOCK_RAW, protocol), .events = POLLIN } };
        struct sockaddr_storage from;
        char bytes[2048];

        if (wait[0].fd < 0 || wait[1].fd < 0) {
                perror("serve-raw");
                return 2;
        }
        say("ready");
        fflush(stdout);
        for (;;) {
                poll(wait, 2, -1);
                for (int i = 0; i < 2; i++) {
                        socklen_t length = sizeof from;

                        if (wait[i].revents == 0 ||
                            recvfrom(wait[i].fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &length) < 0)
                                continue;
                        sendto(wait[i].fd, "y", 1, 0, (struct sockaddr *)&from, length);
                }
        }
}

int main(int argc, char **argv)
{
        const char *verb = argc > 1 ? argv[1] : "";
        const uint16_t port = argc > 3 ? (uint16_t)atoi(argv[3]) : 0;

#define IS(name, least) (strcmp(verb, name) == 0 && argc >= (least))
        if (IS("serve", 3))
                return serve((uint16_t)atoi(argv[2]), argc > 3 ? argv[3] : "::");
        if (IS("serve-raw", 3))
                return serve_raw(atoi(argv[2]));
        if (IS("tcp", 4))
                return talk(SOCK_STREAM, argv[2], port);
        if (IS("udp", 4))
                return talk(SOCK_DGRAM, argv[2], port);
        if (IS("sendto", 4))
                return send_unconnected(SOCK_DGRAM, 0, argv[2], port);
        if (IS("fastopen", 4))
                return send_unconnected(SOCK_STREAM, MSG_FASTOPEN, argv[2], port);
        if (IS("uring", 4))
                return talk_by_uring(SOCK_STREAM, argv[2], port);
        if (IS("uring-udp", 4))
                return talk_by_uring(SOCK_DGRAM, argv[2], port);
        if (IS("ping", 3))
                return send_echo(SOCK_DGRAM, argv[2]);
        if (IS("echo", 3))
                return send_echo(SOCK_RAW, argv[2]);
        if (IS("raw", 4))
                return send_raw(atoi(argv[2]), argv[3]);
        if (IS("header", 4))
                return send_header(argv[2], port);
        if (IS("packet", 3))
                return send_frame(argv[2]);
        if (IS("join", 4))
                return join_group(argv[2], argv[3]);
        if (IS("flush", 2))
                return flush_table();
        if (IS("flood", 6))
                return flood(argv[2], (uint32_t)atoi(argv[3]), (uint32_t)atoi(argv[4]), (uint32_t)atoi(argv[5]));
        if (IS("held", 2))
                return use_held();
        if (IS("before", 7))
                return run_with_socket(argv);
        if (IS("euid", 2))
                return printf("%u\n", geteuid()) < 0;
        if (IS("nested", 3))
                return run_nested(argv);
        fprintf(stderr, "knock: no such verb, or too few words behind it: %s\n", verb);
        return 2;
}
