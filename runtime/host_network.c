/* The facts that an egress list is judged by. */
#include "runtime/host.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>

#include "runtime/base/auto.h"
#include "runtime/netlink.h"
#include "runtime/resolve.h"

static bool address_of(const struct sockaddr *from, struct host_address *ret_address)
{
        if (from == NULL)
                return false;
        if (from->sa_family == AF_INET) {
                ret_address->is_v6 = false;
                memcpy(ret_address->bytes, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
                return true;
        }
        ret_address->is_v6 = true;
        if (from->sa_family != AF_INET6)
                return false;
        memcpy(ret_address->bytes, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
        return true;
}

static int gather_own(struct arena *arena, struct host *host, struct error *err)
{
        struct host_address *addresses;
        struct ifaddrs *list;
        size_t n = 0;

        if (getifaddrs(&list) < 0)
                return error_errno(err, errno, "egress.allow: the addresses of this host");
        for (const struct ifaddrs *one = list; one != NULL; one = one->ifa_next)
                n++;
        addresses = arena_array(arena, n + 1, sizeof *addresses);
        n = 0;
        for (const struct ifaddrs *one = list; one != NULL && addresses != NULL; one = one->ifa_next)
                if (address_of(one->ifa_addr, &addresses[n]))
                        n++;
        freeifaddrs(list);
        if (addresses == NULL)
                return error_errno(err, ENOMEM, "egress.allow");
        host->addresses = addresses;
        host->n_addresses = n;
        return 0;
}

/* ---- the gateways of its default routes ---- */

#define MAX_GATEWAYS 512         /* of routes with many ways */

struct gateways {
        struct host_address items[MAX_GATEWAYS];
        size_t n;
        bool is_cut;
};

static void add_gateway(struct gateways *gateways, int family, struct netlink_attrs value)
{
        const size_t length = family == AF_INET6 ? 16 : 4;
        struct host_address *at = &gateways->items[gateways->n];

        if ((family != AF_INET && family != AF_INET6) || value.length != length)
                return;
        if (gateways->n == MAX_GATEWAYS) {
                gateways->is_cut = true;
                return;
        }
        *at = (struct host_address){ .is_v6 = family == AF_INET6 };
        memcpy(at->bytes, value.bytes, length);
        gateways->n++;
}

/* rtnetlink(7): RTA_GATEWAY is of the route's family, RTA_VIA names its own. */
static void add_gateways_of(struct gateways *gateways, int family, struct netlink_attrs attrs)
{
        struct netlink_attrs value;
        uint16_t via;

        if (netlink_find_attr(attrs, RTA_GATEWAY, &value))
                add_gateway(gateways, family, value);
        if (netlink_find_attr(attrs, RTA_VIA, &value) && value.length > sizeof via) {
                memcpy(&via, value.bytes, sizeof via);
                value.bytes += sizeof via;
                value.length -= sizeof via;
                add_gateway(gateways, via, value);
        }
}

static void add_route(struct gateways *gateways, const struct nlmsghdr *header)
{
        const struct rtmsg *route = NLMSG_DATA(header);
        struct netlink_attrs attrs, hops;
        struct rtnexthop hop;

        if (header->nlmsg_type != RTM_NEWROUTE || header->nlmsg_len < NLMSG_LENGTH(sizeof *route) || route->rtm_dst_len != 0)
                return;
        attrs = (struct netlink_attrs){ (const char *)header + NLMSG_SPACE(sizeof *route),
                                        header->nlmsg_len - NLMSG_LENGTH(sizeof *route) };
        add_gateways_of(gateways, route->rtm_family, attrs);
        if (!netlink_find_attr(attrs, RTA_MULTIPATH, &hops))
                return;
        while (hops.length >= sizeof hop) {
                memcpy(&hop, hops.bytes, sizeof hop);
                if (hop.rtnh_len < sizeof hop || hop.rtnh_len > hops.length)
                        return;
                add_gateways_of(gateways, route->rtm_family,
                                (struct netlink_attrs){ hops.bytes + sizeof hop, hop.rtnh_len - sizeof hop });
                if (NLMSG_ALIGN(hop.rtnh_len) > hops.length)
                        return;
                hops.bytes += NLMSG_ALIGN(hop.rtnh_len);
                hops.length -= NLMSG_ALIGN(hop.rtnh_len);
        }
}

static int read_gateways(struct gateways *gateways)
{
        const struct {
                struct nlmsghdr header;
                struct rtmsg route;
        } request = {
                .header = { .nlmsg_len = sizeof request, .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
                .route = { .rtm_family = AF_UNSPEC },
        };
        const struct iovec part = { (void *)(uintptr_t)&request, sizeof request };
        char bytes[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
        auto_close int fd = netlink_open(NETLINK_ROUTE);

        if (fd < 0 || netlink_send(fd, &part, 1) < 0)
                return -errno;
        for (;;) {
                const struct nlmsghdr *header = (const struct nlmsghdr *)bytes;
                ssize_t n = netlink_receive(fd, bytes, sizeof bytes);
                size_t left;

                if (n < 0)
                        return -errno;
                left = (size_t)n;
                if (!NLMSG_OK(header, left))
                        return -EPROTO;
                for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
                        if (header->nlmsg_type == NLMSG_DONE)
                                return 0;
                        if (header->nlmsg_type == NLMSG_ERROR)
                                return -EPROTO;
                        add_route(gateways, header);
                }
        }
}

static int gather_gateways(struct arena *arena, struct host *host, struct error *err)
{
        struct gateways gateways = { .n = 0 };
        struct host_address *items;
        int r = read_gateways(&gateways);

        if (r < 0)
                return error_errno(err, r, "egress.allow: the routes of this host");
        if (gateways.is_cut)
                return error_set(err, E2BIG, "egress.allow: this host has more than %d default gateways", MAX_GATEWAYS);
        items = arena_array(arena, gateways.n + 1, sizeof *items);
        if (items == NULL)
                return error_errno(err, ENOMEM, "egress.allow");
        memcpy(items, gateways.items, gateways.n * sizeof *items);
        host->gateways = items;
        host->n_gateways = gateways.n;
        return 0;
}

int host_gather_network(const struct policy *policy, struct arena *arena, struct host *host, struct error *err)
{
        const struct policy_profile *profile = &policy->profile;
        const char **names;
        struct host_name *found;
        bool has_names = false;
        int r;

        if (profile->egress_mode != POLICY_EGRESS_AUDIT && profile->n_egress_allow == 0 && profile->egress_proxy == NULL)
                return 0;
        r = gather_own(arena, host, err);
        if (r == 0)
                r = gather_gateways(arena, host, err);
        if (r < 0)
                return r;
        names = arena_array(arena, profile->n_egress_allow + 1, sizeof *names);
        found = arena_array(arena, profile->n_egress_allow + 1, sizeof *found);
        if (names == NULL || found == NULL)
                return error_errno(err, ENOMEM, "egress.allow");
        for (size_t i = 0; i < profile->n_egress_allow; i++) {
                names[i] = profile->egress_allow[i].host;
                has_names |= names[i] != NULL;
        }
        host->egress_names = found;
        return has_names ? resolve_names(arena, names, profile->n_egress_allow, found, err) : 0;
}
