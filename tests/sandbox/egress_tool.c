/* The egress room by hand, and something to try it with, for egress.sh. In the caller's network namespace:
 *   egress_tool up | install | verify ...   verify: exit 0 when the table holds, 1 when not (says why), 2: not known
 *   egress_tool serve PORT [ADDRESS]        TCP and UDP on every address, IPv4 and IPv6, or on one; an answer to each
 *   egress_tool tcp|udp ADDRESS PORT        prints "answer", or the name of the errno ("silence" after 2 s)
 *   in the environment: PROFILE, and ALLOW="10.0.0.0/8:6:80-90 ..." (protocol by number), which must not overlap
 *   egress_tool packet INTERFACE            sends a frame by AF_PACKET; prints "sent" or the errno
 *   egress_tool echo ADDRESS                a raw ICMP echo request; the same */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "policies/egress_ranges.h"
#include "runtime/egress.h"
#include "runtime/netlink.h"

static double now_us(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

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

static int talk(int type, const char *where, uint16_t port)
{
        struct sockaddr_storage to;
        socklen_t length = address(where, port, &to);
        int fd = socket(to.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;
        struct pollfd wait = { .fd = fd, .events = type == SOCK_STREAM ? POLLOUT : POLLIN };
        socklen_t size = sizeof error;
        char answer[16];

        if (connect(fd, (struct sockaddr *)&to, length) < 0 && errno != EINPROGRESS)
                return say_errno();
        if (type == SOCK_DGRAM && send(fd, "x", 1, 0) < 0)
                return say_errno();
        if (poll(&wait, 1, 2000) == 0)
                return say("silence");
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) {
                errno = error;
                return say_errno();
        }
        wait.events = POLLIN;
        if (poll(&wait, 1, 2000) == 0)
                return say("silence");
        return recv(fd, answer, sizeof answer, 0) < 0 ? say_errno() : say("answer");
}

static int serve(uint16_t port, const char *where)
{
        int tcp = socket(AF_INET6, SOCK_STREAM, 0), udp = socket(AF_INET6, SOCK_DGRAM, 0), fd, on = 1;
        struct sockaddr_storage any, from;
        socklen_t length = address(where, port, &any);
        char byte;

        setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(tcp, (struct sockaddr *)&any, length) < 0 || bind(udp, (struct sockaddr *)&any, length) < 0 || listen(tcp, 9) < 0) {
                perror("serve");
                return 2;
        }
        say("ready");
        fflush(stdout);
        for (;;) {
                struct pollfd wait[] = { { .fd = tcp, .events = POLLIN }, { .fd = udp, .events = POLLIN } };

                poll(wait, 2, -1);
                if (wait[0].revents != 0) {
                        fd = accept(tcp, NULL, NULL);
                        if (write(fd, "y", 1) < 0)
                                perror("write");
                        close(fd);
                }
                length = sizeof from;
                if (wait[1].revents != 0 && recvfrom(udp, &byte, 1, 0, (struct sockaddr *)&from, &length) == 1)
                        sendto(udp, "y", 1, 0, (struct sockaddr *)&from, length);
        }
}

static int send_frame(const char *interface)
{
        struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface), .sll_halen = 6,
                                  .sll_protocol = htons(ETH_P_IP), .sll_addr = { 255, 255, 255, 255, 255, 255 } };
        int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));

        if (fd < 0 || sendto(fd, "0123456789012345678901234567890123456789", 40, 0, (struct sockaddr *)&to, sizeof to) < 0)
                return say_errno();
        return say("sent");
}

static int send_echo(const char *where)
{
        struct icmphdr echo = { .type = ICMP_ECHO, .checksum = htons(0xf7ff) };
        int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
        struct sockaddr_storage to;
        socklen_t length = address(where, 0, &to);

        if (fd < 0 || sendto(fd, &echo, sizeof echo, 0, (struct sockaddr *)&to, length) < 0)
                return say_errno();
        return say("sent");
}

static void read_rules(struct sandbox_egress *rules)
{
        static struct egress_range ranges[20000];
        char *allow = getenv("ALLOW"), *one, *at;

        rules->profile = getenv("PROFILE") != NULL ? getenv("PROFILE") : "untrusted";
        rules->ranges = ranges;
        while ((one = strsep(&allow, " ")) != NULL) {
                struct egress_range *range = &ranges[rules->n_ranges];

                rules->has_list = rules->is_counted = true;
                at = strrchr(one, '-');
                if (at == NULL)
                        continue;
                range->port_last = (uint16_t)atoi(at + 1);
                *at = '\0';
                at = strrchr(one, ':');
                range->port_first = (uint16_t)atoi(at + 1);
                *at = '\0';
                at = strrchr(one, ':');
                *at = '\0';
                if (!egress_range_of_cidr(one, range))
                        exit(2);
                range->protocol_first = range->protocol_last = (uint8_t)atoi(at + 1);
                rules->n_ranges++;
        }
}

static int verify(const struct sandbox_egress *rules, struct error *err)
{
        struct egress_batch batch;
        int fd = netlink_open(NETLINK_NETFILTER), r = egress_prepare(rules, &batch, err);

        if (r == 0)
                r = egress_verify(fd, &batch, err);
        egress_batch_free(&batch);
        close(fd);
        return r;
}

int main(int argc, char **argv)
{
        struct sandbox_egress rules = { 0 };
        struct egress_batch batch = { 0 };
        struct error err = { 0 };
        double start;
        int r;

        if (argc == 4 && strcmp(argv[1], "tcp") == 0)
                return talk(SOCK_STREAM, argv[2], (uint16_t)atoi(argv[3]));
        if (argc == 4 && strcmp(argv[1], "udp") == 0)
                return talk(SOCK_DGRAM, argv[2], (uint16_t)atoi(argv[3]));
        if (argc >= 3 && strcmp(argv[1], "serve") == 0)
                return serve((uint16_t)atoi(argv[2]), argc > 3 ? argv[3] : "::");
        if (argc == 3 && strcmp(argv[1], "packet") == 0)
                return send_frame(argv[2]);
        if (argc == 3 && strcmp(argv[1], "echo") == 0)
                return send_echo(argv[2]);
        read_rules(&rules);
        for (int i = 1; i < argc; i++) {
                start = now_us();
                if (strcmp(argv[i], "up") == 0) {
                        if (egress_child_loopback_up() < 0) {
                                say_errno();
                                return 2;
                        }
                } else if (strcmp(argv[i], "install") == 0) {
                        if (egress_prepare(&rules, &batch, &err) < 0) {
                                say(err.text);
                                return 2;
                        }
                        if (egress_child_install(&batch) < 0) {
                                say_errno();
                                return 2;
                        }
                        egress_batch_free(&batch);
                } else if (strcmp(argv[i], "verify") == 0) {
                        r = verify(&rules, &err);
                        if (r < 1) {
                                say(err.text);
                                return r == 0 ? 1 : 2;
                        }
                } else {
                        return 2;
                }
                fprintf(stderr, "# %s: %.0f us\n", argv[i], now_us() - start);
        }
        return 0;
}
