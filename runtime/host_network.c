/* The facts that an egress list is judged by. */
#include "runtime/host.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

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
        if (r < 0 || profile->egress_mode == POLICY_EGRESS_AUDIT)
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
