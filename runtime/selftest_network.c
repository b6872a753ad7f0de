#include "runtime/selftest_attempts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/error.h"
#include "runtime/egress.h"

#define WAIT_MS 1500
#define IPPROTO_MPTCP_ 262      /* Debian 12 has it in a header of the kernel's only */
#define ATTEMPT(function_)                                                                                             \
        static enum selftest_verdict function_(const struct selftest_facts *facts __attribute__((unused)), char *how,  \
                                               size_t size)

static enum selftest_verdict refused_family(int family, int type, int protocol, char *how, size_t size)
{
        return attempt_refused(socket(family, type | SOCK_CLOEXEC, protocol), how, size);
}

ATTEMPT(raw)
{
        return refused_family(AF_INET, SOCK_RAW, IPPROTO_ICMP, how, size);
}
ATTEMPT(packet)
{
        return refused_family(AF_PACKET, SOCK_RAW, 0, how, size);
}
ATTEMPT(vsock)
{
        return refused_family(AF_VSOCK, SOCK_STREAM, 0, how, size);
}
ATTEMPT(algorithms)
{
        return refused_family(AF_ALG, SOCK_SEQPACKET, 0, how, size);
}

/* Not to be had as a socket, or no power over the table: what installs it is tried. */
ATTEMPT(replace_rules)
{
        const struct sandbox_egress rules = { .profile = "selftest" };
        struct egress_batch batch;
        struct error err = { 0 };
        int r;

        if (egress_prepare(&rules, &batch, &err) < 0) {
                snprintf(how, size, "%.100s", err.text);
                return SELFTEST_UNTRIED;
        }
        r = egress_child_install(&batch, NULL);
        if (r < 0 && errno == EEXIST)   /* whoever gets as far as the table has the power to change it */
                r = 0;
        return attempt_refused(r, how, size);
}

ATTEMPT(interface)
{
        struct ifreq request = { .ifr_name = "lo", .ifr_mtu = 1500 };
        auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        return attempt_refused(fd < 0 ? fd : ioctl(fd, SIOCSIFMTU, &request), how, size);
}

static socklen_t address_of(const char *text, uint16_t port, struct sockaddr_storage *ret_address)
{
        struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };

        if (strchr(text, ':') != NULL) {
                inet_pton(AF_INET6, text, &six.sin6_addr);
                memcpy(ret_address, &six, sizeof six);
                return sizeof six;
        }
        inet_pton(AF_INET, text, &four.sin_addr);
        memcpy(ret_address, &four, sizeof four);
        return sizeof four;
}

static enum selftest_verdict reach(const struct selftest_facts *facts, const char *text, int type, char *how,
                                   size_t size)
{
        struct sockaddr_storage address;
        socklen_t length = address_of(text, type == SOCK_STREAM ? SELFTEST_TCP_PORT : SELFTEST_UDP_PORT, &address);
        auto_close int fd = socket(address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct pollfd polled = { .fd = fd, .events = type == SOCK_STREAM ? POLLOUT : POLLIN };
        int code = 0;
        socklen_t code_length = sizeof code;

        if (!facts->has_net) {
                snprintf(how, size, "no network could be played (veth)");
                return SELFTEST_UNTRIED;
        }
        if (fd < 0 || (connect(fd, (struct sockaddr *)&address, length) < 0 && errno != EINPROGRESS))
                return attempt_refused(-1, how, size);
        if (type == SOCK_DGRAM && send(fd, "?", 1, 0) < 0)
                return attempt_refused(-1, how, size);
        if (poll(&polled, 1, WAIT_MS) <= 0) {
                snprintf(how, size, "no answer");
                return SELFTEST_HELD;
        }
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &code_length) == 0 && code != 0) {
                snprintf(how, size, "%s", error_text(code));
                return SELFTEST_HELD;
        }
        snprintf(how, size, "%s answered", text);
        return SELFTEST_FAILED;
}

ATTEMPT(tcp_internet)
{
        return reach(facts, SELFTEST_INTERNET, SOCK_STREAM, how, size);
}
ATTEMPT(tcp_metadata)
{
        return reach(facts, SELFTEST_METADATA, SOCK_STREAM, how, size);
}
ATTEMPT(tcp_host)
{
        return reach(facts, SELFTEST_HOST, SOCK_STREAM, how, size);
}
ATTEMPT(tcp_host6)
{
        return reach(facts, SELFTEST_HOST6, SOCK_STREAM, how, size);
}
ATTEMPT(udp_host)
{
        return reach(facts, SELFTEST_HOST, SOCK_DGRAM, how, size);
}
ATTEMPT(udp_internet)
{
        return reach(facts, SELFTEST_INTERNET, SOCK_DGRAM, how, size);
}

ATTEMPT(abstract_socket)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (!facts->has_net) {
                snprintf(how, size, "no network could be played (veth)");
                return SELFTEST_UNTRIED;
        }
        memcpy(address.sun_path + 1, SELFTEST_ABSTRACT, strlen(SELFTEST_ABSTRACT));
        return attempt_refused(
                connect(fd, (struct sockaddr *)&address,
                        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(SELFTEST_ABSTRACT))),
                how, size);
}

/* By each call that connects, to loopback, where Landlock alone is in the way. Nobody listens. */
ATTEMPT(port_off_the_list)
{
        static const struct { int protocol; bool is_fast; } ways[] = { { 0, false }, { IPPROTO_MPTCP_, false }, { 0, true } };
        struct sockaddr_storage address;
        const socklen_t length = address_of("127.0.0.1", SELFTEST_CLOSED_PORT, &address);

        if (!facts->has_ports) {
                snprintf(how, size, "the profile has no landlock.tcpPorts, or this kernel no rules for them");
                return SELFTEST_UNTRIED;
        }
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
                auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, ways[i].protocol);
                int r = fd;

                if (fd >= 0)
                        r = ways[i].is_fast ? (int)sendto(fd, "?", 1, MSG_FASTOPEN, (struct sockaddr *)&address, length) :
                                              connect(fd, (struct sockaddr *)&address, length);
                if (r >= 0 || (errno != EACCES && errno != EPROTONOSUPPORT && errno != EOPNOTSUPP)) {
                        snprintf(how, size, "went out: %s", r >= 0 ? "connected" : error_text(errno));
                        return SELFTEST_FAILED;
                }
        }
        return attempt_refused(-1, how, size);
}

static const struct attempt all[] = {
        { "a raw socket", raw },
        { "a packet socket", packet },
        { "a vsock socket", vsock },
        { "a socket of the kernel's ciphers", algorithms },
        { "replace the network's rules", replace_rules },
        { "change an interface", interface },
        { "TCP to " SELFTEST_INTERNET, tcp_internet },
        { "UDP to " SELFTEST_INTERNET, udp_internet },
        { "TCP to the metadata address", tcp_metadata },
        { "TCP to the host", tcp_host },
        { "UDP to the host", udp_host },
        { "TCP to the host by IPv6", tcp_host6 },
        { "an abstract socket of the host", abstract_socket },
        { "a TCP port off the list", port_off_the_list },
};

bool attempts_network(size_t i, struct attempt *ret_attempt)
{
        if (i >= sizeof all / sizeof *all)
                return false;
        *ret_attempt = all[i];
        return true;
}
