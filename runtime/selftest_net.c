/* A network in which everything that a build must not reach answers: were there no rules, each attempt would succeed.
 * No packet leaves it. */
#include "runtime/selftest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/egress.h"
#include "runtime/netlink.h"

#define HOST_END "runb-host"
#define BUILD_END "eth0"

static int call(struct netlink_writer *w)
{
        const struct iovec part = { w->bytes, w->length };

        if (w->is_full)
                return -E2BIG;
        return netlink_transact(NETLINK_ROUTE, &part, 1) < 0 ? -errno : 0;
}

static int make_pair(int netns_fd)
{
        char bytes[512] __attribute__((aligned(8)));
        struct netlink_writer w = { .bytes = bytes, .size = sizeof bytes };
        size_t info, data, peer;

        netlink_message(&w, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
        netlink_put(&w, sizeof(struct ifinfomsg));
        netlink_attr_text(&w, IFLA_IFNAME, HOST_END);
        info = netlink_nest(&w, IFLA_LINKINFO);
        netlink_attr_text(&w, IFLA_INFO_KIND, "veth");
        data = netlink_nest(&w, IFLA_INFO_DATA);
        peer = netlink_nest(&w, VETH_INFO_PEER);
        netlink_put(&w, sizeof(struct ifinfomsg));
        netlink_attr_text(&w, IFLA_IFNAME, BUILD_END);
        netlink_attr(&w, IFLA_NET_NS_FD, &netns_fd, sizeof netns_fd);
        netlink_nest_end(&w, peer);
        netlink_nest_end(&w, data);
        netlink_nest_end(&w, info);
        netlink_message_end(&w);
        return call(&w);
}

static int add_address(const char *interface, const char *text, unsigned char prefix)
{
        char bytes[256] __attribute__((aligned(8)));
        struct netlink_writer w = { .bytes = bytes, .size = sizeof bytes };
        const bool is_6 = strchr(text, ':') != NULL;
        const uint32_t flags = is_6 ? IFA_F_NODAD : 0; /* nobody else has it: no second of waiting */
        struct ifaddrmsg *address;
        struct in6_addr value;

        if (inet_pton(is_6 ? AF_INET6 : AF_INET, text, &value) != 1)
                return -EINVAL;
        netlink_message(&w, RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE);
        address = netlink_put(&w, sizeof *address);
        if (address == NULL)
                return -E2BIG;
        address->ifa_family = is_6 ? AF_INET6 : AF_INET;
        address->ifa_prefixlen = prefix;
        address->ifa_index = if_nametoindex(interface);
        netlink_attr(&w, IFA_LOCAL, &value, is_6 ? 16 : 4);
        netlink_attr(&w, IFA_ADDRESS, &value, is_6 ? 16 : 4);
        netlink_attr(&w, IFA_FLAGS, &flags, sizeof flags);
        netlink_message_end(&w);
        return call(&w);
}

static int set_up(const char *interface)
{
        char bytes[128] __attribute__((aligned(8)));
        struct netlink_writer w = { .bytes = bytes, .size = sizeof bytes };
        struct ifinfomsg *link;

        netlink_message(&w, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK);
        link = netlink_put(&w, sizeof *link);
        if (link == NULL)
                return -E2BIG;
        link->ifi_index = (int)if_nametoindex(interface);
        link->ifi_flags = link->ifi_change = IFF_UP;
        netlink_message_end(&w);
        return call(&w);
}

static int add_default_route(const char *gateway)
{
        char bytes[256] __attribute__((aligned(8)));
        struct netlink_writer w = { .bytes = bytes, .size = sizeof bytes };
        struct rtmsg *route;
        struct in_addr value;

        if (inet_pton(AF_INET, gateway, &value) != 1)
                return -EINVAL;
        netlink_message(&w, RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE);
        route = netlink_put(&w, sizeof *route);
        if (route == NULL)
                return -E2BIG;
        *route = (struct rtmsg){ .rtm_family = AF_INET,
                                 .rtm_table = RT_TABLE_MAIN,
                                 .rtm_protocol = RTPROT_BOOT,
                                 .rtm_scope = RT_SCOPE_UNIVERSE,
                                 .rtm_type = RTN_UNICAST };
        netlink_attr(&w, RTA_GATEWAY, &value, sizeof value);
        netlink_message_end(&w);
        return call(&w);
}

/* @text: an IPv6 address, "::" for every one of both families. */
static int listen_at(int type, const char *text, uint16_t port)
{
        struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        auto_close int fd = socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        const int off = 0;

        /* One socket for both families (ipv6(7)). */
        if (inet_pton(AF_INET6, text, &address.sin6_addr) != 1)
                return -EINVAL;
        if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0 ||
            bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
            (type == SOCK_STREAM && listen(fd, 16) < 0))
                return -errno;
        return take_fd(&fd);
}

int selftest_net_host(int netns_fd, int ret_listeners[SELFTEST_LISTENERS])
{
        int r = egress_child_loopback_up() < 0 ? -errno : 0;

        if (r == 0)
                r = make_pair(netns_fd);
        if (r == 0)
                r = add_address(HOST_END, SELFTEST_HOST, 24);
        if (r == 0)
                r = add_address("lo", SELFTEST_INTERNET, 32);
        if (r == 0)
                r = add_address("lo", SELFTEST_METADATA, 32);
        if (r == 0)
                r = add_address(HOST_END, SELFTEST_HOST6, 64);
        if (r == 0)
                r = set_up(HOST_END);
        if (r < 0)
                return r;
        /* An answer by UDP has to come from the address that was asked. */
        ret_listeners[0] = listen_at(SOCK_STREAM, "::", SELFTEST_TCP_PORT);
        ret_listeners[1] = listen_at(SOCK_DGRAM, "::ffff:" SELFTEST_HOST, SELFTEST_UDP_PORT);
        ret_listeners[2] = listen_at(SOCK_DGRAM, "::ffff:" SELFTEST_INTERNET, SELFTEST_UDP_PORT);
        for (size_t i = 0; i < SELFTEST_LISTENERS; i++)
                if (ret_listeners[i] < 0)
                        return ret_listeners[i];
        return 0;
}

int selftest_net_build(void)
{
        int r = egress_child_loopback_up() < 0 ? -errno : 0;

        if (r == 0)
                r = add_address(BUILD_END, SELFTEST_BUILD, 24);
        if (r == 0)
                r = add_address(BUILD_END, SELFTEST_BUILD6, 64);
        if (r == 0)
                r = set_up(BUILD_END);
        if (r == 0)
                r = add_default_route(SELFTEST_HOST);
        return r;
}

void selftest_net_answer(const int listeners[SELFTEST_LISTENERS])
{
        int fd = accept4(listeners[0], NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0)
                close(fd);
        for (size_t i = 1; i < SELFTEST_LISTENERS; i++) {
                struct sockaddr_storage from;
                socklen_t length = sizeof from;
                char bytes[64];
                ssize_t n = recvfrom(listeners[i], bytes, sizeof bytes, 0, (struct sockaddr *)&from, &length);

                if (n > 0)
                        sendto(listeners[i], bytes, (size_t)n, 0, (const struct sockaddr *)&from, length);
        }
}
