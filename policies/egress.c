/* What the build's network namespace lets out, whoever made the namespace: loopback, and what the profile lists.
 *
 * Closed always, whatever is listed: link-local networks and the metadata services of clouds, which give out
 * credentials; networks that lead to IPv4 by another name; multicast; each address of this host, and those by which it
 * is reached through an engine's network in user mode: 10.0.2.2 (slirp4netns) and its default gateways (pasta has the
 * same, and maps them to the host's loopback unless told not to). Closed unless listed: private networks.
 * A list that names more than a private network, such as 0.0.0.0/0, does not list it; nor does a host name, as whoever
 * answers for the name in the DNS would then choose which of our machines a build may reach.
 *
 * A device that config.json moves in (linux.netDevices) is taken like the interfaces that an engine's network plugin
 * puts there: the request is the engine's, which is root's, not the build's; and the table of the namespace holds for
 * whatever device there is or comes, as the build has no power over the namespace to change it, nor packet sockets to
 * pass by it. What is written down is that the host gave a device away and that little goes through it. */
#include "policies/egress.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policies/egress_ranges.h"
#include "policies/judge.h"
#include "policies/namespaces.h"
#include "runtime/base/auto.h"
#include "runtime/base/text.h"

/* IANA's special-purpose registries (RFC 6890), and the addresses at which clouds serve metadata. */
static const struct { const char *cidr, *what; } closed_always[] = {
        { "169.254.0.0/16", "link-local, where clouds serve metadata" },
        { "0.0.0.0/8", "this host" },
        { "10.0.2.2/32", "this host, as slirp4netns names it" },
        { "127.0.0.0/8", "loopback, which passes without being listed" },
        { "192.0.0.0/24", "IETF protocol assignments, a cloud's metadata among them" },
        { "100.100.100.200/32", "a cloud's metadata" },
        { "168.63.129.16/32", "a cloud's metadata" },
        { "224.0.0.0/4", "multicast" },
        { "240.0.0.0/4", "reserved, with the broadcast address" },
        { "::/96", "this host" },
        { "::ffff:0:0/96", "IPv4 in IPv6" },
        { "64:ff9b::/96", "NAT64, which leads to IPv4" },
        { "64:ff9b:1::/48", "NAT64, which leads to IPv4" },
        { "2001::/32", "Teredo, which leads to IPv4" },
        { "2002::/16", "6to4, which leads to IPv4" },
        { "fd00:ec2::/32", "a cloud's metadata" },
        { "fd20:ce::/32", "a cloud's metadata" },
        { "fd00:42::42/128", "a cloud's metadata" },
        { "fd00::2/128", "this host, as slirp4netns names it" },
        { "fe80::/10", "link-local" },
        { "fec0::/10", "site-local" },
        { "ff00::/8", "multicast" },
};

static const char *const closed_unless_listed[] = {
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15", "fc00::/7",
};

#define N(array) (sizeof (array) / sizeof *(array))

enum policy_egress_kind policy_egress_kind(const struct host_address *address)
{
        const struct egress_range range = egress_range_of_address(address->is_v6, address->bytes);
        struct egress_range network;

        for (size_t i = 0; i < N(closed_always); i++)
                if (egress_range_of_cidr(closed_always[i].cidr, &network) &&
                    egress_range_lies_in(&range, &network, 1) == 0)
                        return POLICY_EGRESS_CLOSED;
        for (size_t i = 0; i < N(closed_unless_listed); i++)
                if (egress_range_of_cidr(closed_unless_listed[i], &network) &&
                    egress_range_lies_in(&range, &network, 1) == 0)
                        return POLICY_EGRESS_PRIVATE;
        return POLICY_EGRESS_PUBLIC;
}

struct work {
        struct judge *judge;
        /* Always; then to @n_own this host's own; then to @n_closed its gateways; then, to @n_all, what is so unless
         * listed. */
        struct egress_range *closed;
        size_t n_always, n_own, n_closed, n_all;
        const struct egress_range *listed;      /* the networks of the list */
        size_t n_listed;
        struct egress_ranges ranges;
};

static int gather_closed(struct work *work)
{
        const struct host *host = work->judge->host;
        struct egress_range *closed =
                arena_array(work->judge->arena,
                            N(closed_always) + host->n_addresses + host->n_gateways + N(closed_unless_listed),
                            sizeof *closed);
        size_t n = 0;

        if (closed == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < N(closed_always); i++)
                egress_range_of_cidr(closed_always[i].cidr, &closed[n++]);
        work->n_always = n;
        for (size_t i = 0; i < host->n_addresses; i++)
                closed[n++] = egress_range_of_address(host->addresses[i].is_v6, host->addresses[i].bytes);
        work->n_own = n;
        for (size_t i = 0; i < host->n_gateways; i++)
                closed[n++] = egress_range_of_address(host->gateways[i].is_v6, host->gateways[i].bytes);
        work->n_closed = n;
        for (size_t i = 0; i < N(closed_unless_listed); i++)
                egress_range_of_cidr(closed_unless_listed[i], &closed[n++]);
        work->closed = closed;
        work->n_all = n;
        return 0;
}

static bool is_private(const struct work *work, const struct egress_range *range)
{
        return egress_range_lies_in(range, work->closed + work->n_closed, work->n_all - work->n_closed) >= 0;
}

static int add_ports(struct work *work, const struct egress_range *addresses,
                     const struct policy_destination *destination)
{
        /* Listed as such: then the private networks are not taken out. */
        size_t n = is_private(work, addresses) ? work->n_closed : work->n_all;
        int r = 0;

        for (size_t i = 0; i < destination->n_ports && r == 0; i++) {
                struct egress_range range = *addresses;

                range.protocol_first = range.protocol_last = destination->is_udp ? IPPROTO_UDP : IPPROTO_TCP;
                range.port_first = destination->ports[i].first;
                range.port_last = destination->ports[i].last;
                r = egress_ranges_add_without(&work->ranges, &range, work->closed, n);
        }
        return r;
}

static const char *why_closed(const struct work *work, int i)
{
        return (size_t)i < work->n_always ? closed_always[i].what :
               (size_t)i < work->n_own    ? "an address of this host" :
                                            "a gateway of this host, by which pasta maps the host's loopback";
}

static int add_network(struct work *work, const struct policy_destination *destination)
{
        struct egress_range range;
        int i;

        if (!egress_range_of_cidr(destination->cidr, &range)) {
                judge_refuse(work->judge, "egress.allow", "egress.allow", destination->cidr, NULL, "%s is no network",
                             destination->cidr);
                return 0;
        }
        i = egress_range_lies_in(&range, work->closed, work->n_closed);
        if (i >= 0) {
                judge_refuse(work->judge, "egress.allow", "egress.allow", destination->cidr, NULL,
                             "%s cannot be allowed: it is closed always (%s); take it off the list", destination->cidr,
                             why_closed(work, i));
                return 0;
        }
        return add_ports(work, &range, destination);
}

static int add_line(struct text_buffer *hosts, const struct host_address *address, const char *name)
{
        char text[INET6_ADDRSTRLEN];

        if (inet_ntop(address->is_v6 ? AF_INET6 : AF_INET, address->bytes, text, sizeof text) == NULL)
                return -EINVAL;
        text_addf(hosts, "%s\t%s\n", text, name);
        return hosts->is_broken ? -ENOMEM : 0;
}

static int add_host(struct work *work, const struct policy_destination *destination, const struct host_name *name,
                    struct text_buffer *hosts)
{
        const bool is_audit = work->judge->policy->profile.egress_mode == POLICY_EGRESS_AUDIT;
        char text[INET6_ADDRSTRLEN];
        size_t n = 0;
        int r = 0;

        /* What is learnt in audit mode is told by names where these are known: one that is not is no reason to stop. */
        if (is_audit && (name == NULL || name->n == 0)) {
                judge_record(work->judge, "egress.allow", "egress.allow", destination->host,
                             name != NULL && name->why != NULL ? name->why : "nobody was asked");
                return 0;
        }
        if (name == NULL || name->n == 0) {
                judge_refuse(work->judge, "egress.allow", "egress.allow", destination->host, NULL,
                             "the host name %s has no address that could be found out (%s); see to it in the DNS or "
                             "/etc/hosts, or take it off the list", destination->host,
                             name != NULL && name->why != NULL ? name->why : "nobody was asked");
                return 0;
        }
        for (size_t i = 0; i < name->n && r == 0; i++) {
                struct egress_range range = egress_range_of_address(name->addresses[i].is_v6, name->addresses[i].bytes);

                if (egress_range_lies_in(&range, work->closed, work->n_closed) >= 0 ||
                    (!is_audit && is_private(work, &range) &&
                     egress_range_lies_in(&range, work->listed, work->n_listed) < 0)) {
                        if (inet_ntop(name->addresses[i].is_v6 ? AF_INET6 : AF_INET, name->addresses[i].bytes, text,
                                      sizeof text) != NULL)
                                judge_tighten(work->judge, "egress.allow", "egress.allow",
                                              arena_format(work->judge->arena, "%s at %s", destination->host, text),
                                              "left out: that address is closed");
                        continue;
                }
                n++;
                if (!is_audit)
                        r = add_ports(work, &range, destination);
                if (r == 0)
                        r = add_line(hosts, &name->addresses[i], destination->host);
        }
        if (r == 0 && n == 0 && !is_audit)
                judge_refuse(
                        work->judge, "egress.allow", "egress.allow", destination->host, NULL,
                        "the host name %s has only addresses that are closed (private ones need their network in the "
                        "list, too: {\"cidr\": ...})",
                        destination->host);
        return r;
}

/* Those that name a private network, or part of one. */
static int gather_listed(struct work *work)
{
        const struct policy_profile *profile = &work->judge->policy->profile;
        struct egress_range *listed = arena_array(work->judge->arena, profile->n_egress_allow + 1, sizeof *listed);

        if (listed == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < profile->n_egress_allow; i++) {
                if (profile->egress_allow[i].cidr != NULL &&
                    egress_range_of_cidr(profile->egress_allow[i].cidr, &listed[work->n_listed]) &&
                    is_private(work, &listed[work->n_listed]))
                        work->n_listed++;
        }
        work->listed = listed;
        return 0;
}

/* "10.0.0.1:3128" or "[fd00::1]:3128", as policy_read_proxy() took it. */
static int add_proxy(struct work *work, const char *proxy)
{
        const char *colon = strrchr(proxy, ':');
        bool is_v6 = proxy[0] == '[';
        unsigned char bytes[16] = { 0 };
        struct egress_range range;
        char address[64] = "";
        size_t length = (size_t)(colon - proxy) - (is_v6 ? 2 : 0);
        int i;

        if (length < sizeof address)
                memcpy(address, proxy + (is_v6 ? 1 : 0), length);
        if (inet_pton(is_v6 ? AF_INET6 : AF_INET, address, bytes) != 1)
                return -EINVAL;
        range = egress_range_of_address(is_v6, bytes);
        /* One address and one port, named for this: it may be this host's own. */
        i = egress_range_lies_in(&range, work->closed, work->n_always);
        if (i >= 0) {
                judge_refuse(work->judge, "egress.proxy", "egress.proxy", proxy, NULL,
                             "%s cannot be the proxy: it is closed always (%s)", proxy, why_closed(work, i));
                return 0;
        }
        range.protocol_first = range.protocol_last = IPPROTO_TCP;
        range.port_first = range.port_last = (uint16_t)strtoul(colon + 1, NULL, 10);
        /* In audit mode it is let out as anything else, and no two ranges may overlap. */
        if (work->judge->policy->profile.egress_mode == POLICY_EGRESS_AUDIT &&
            egress_range_lies_in(&range, work->closed, work->n_closed) < 0)
                return 0;
        return egress_ranges_add(&work->ranges, &range);
}

/* What port 53 of is let out in audit mode: name servers at the host's own addresses (netavark's), at its gateways and
 * at link-local ones (pasta's), as a build that cannot ask for names would not get as far as to show where it goes. Not
 * where clouds serve metadata. */
static int add_resolvers(struct work *work)
{
        static const char *const local[] = { "169.254.0.0/16", "10.0.2.2/32", "fe80::/10" };
        static const char *const metadata[] = { "169.254.169.254/32" };
        static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };
        struct egress_range closed[N(metadata)], range;
        int r = 0;

        for (size_t i = 0; i < N(metadata); i++)
                egress_range_of_cidr(metadata[i], &closed[i]);
        for (size_t i = 0; i < N(local) + work->n_closed - work->n_always; i++) {
                if (i < N(local))
                        egress_range_of_cidr(local[i], &range);
                else
                        range = work->closed[work->n_always + i - N(local)];
                range.port_first = range.port_last = 53;
                for (size_t k = 0; k < N(protocols) && r == 0; k++) {
                        range.protocol_first = range.protocol_last = protocols[k];
                        r = egress_ranges_add_without(&work->ranges, &range, closed, N(closed));
                }
        }
        return r;
}

/* Audit mode: whatever is not closed always. */
static int add_everything(struct work *work)
{
        int r = 0;

        for (int is_v6 = 0; is_v6 <= 1 && r == 0; is_v6++) {
                struct egress_range all = { .is_v6 = is_v6, .protocol_last = UINT8_MAX, .port_last = UINT16_MAX };

                all.last = is_v6 ? ~(egress_address)0 : (egress_address)UINT32_MAX;
                r = egress_ranges_add_without(&work->ranges, &all, work->closed, work->n_closed);
        }
        return r;
}

static int judge_list(struct judge *judge, struct sandbox *sandbox)
{
        const struct policy_profile *profile = &judge->policy->profile;
        auto_buffer struct text_buffer hosts = { 0 };
        struct work work = { .judge = judge, .ranges = { .arena = judge->arena } };
        int r = gather_closed(&work);

        if (r == 0)
                r = gather_listed(&work);
        if (r == 0 && sandbox->egress.is_audit)
                r = add_everything(&work);
        if (r == 0 && sandbox->egress.is_audit)
                r = add_resolvers(&work);
        for (size_t i = 0; i < profile->n_egress_allow && r == 0; i++) {
                const struct policy_destination *destination = &profile->egress_allow[i];

                if (sandbox->egress.is_audit && destination->host == NULL)
                        continue;
                r = destination->cidr != NULL ?
                            add_network(&work, destination) :
                            add_host(&work, destination,
                                     judge->host->egress_names != NULL ? &judge->host->egress_names[i] : NULL, &hosts);
        }
        if (r == 0 && profile->egress_proxy != NULL)
                r = add_proxy(&work, profile->egress_proxy);
        if (r == 0)
                r = egress_ranges_normalize(&work.ranges);
        if (r < 0)
                return r;
        if (work.ranges.n > EGRESS_MAX_RANGES)
                judge_refuse(judge, "egress.allow", "egress.allow", "the list", NULL,
                             "the list comes to %zu%s separate ranges, more than %d; write larger networks",
                             work.ranges.n, work.ranges.n > 4 * EGRESS_MAX_RANGES ? " and more" : "",
                             EGRESS_MAX_RANGES);
        sandbox->egress.has_list = true;
        sandbox->egress.ranges = work.ranges.items;
        sandbox->egress.n_ranges = work.ranges.n;
        if (hosts.length > 0) {
                sandbox->egress.hosts = arena_string_n(judge->arena, hosts.text, hosts.length);
                sandbox->egress.hosts_length = hosts.length;
                if (sandbox->egress.hosts == NULL)
                        return -ENOMEM;
        }
        return 0;
}

static uint32_t hash_text(uint32_t hash, const char *text)
{
        for (const char *at = text != NULL ? text : ""; *at != '\0'; at++)
                hash = (hash ^ (unsigned char)*at) * 16777619u;         /* FNV-1a */
        return (hash ^ 0xff) * 16777619u;
}

/* The same for whoever gets the same rules, whatever host names are at the moment. Not against an adversary: a policy
 * is the administrator's. */
static uint32_t digest_of(const struct policy_profile *profile, bool is_counted)
{
        uint32_t hash = 2166136261u;
        char numbers[64];

        snprintf(numbers, sizeof numbers, "%d %d %d", profile->egress_mode, profile->ingress, is_counted);
        hash = hash_text(hash_text(hash, numbers), profile->egress_proxy);
        for (size_t i = 0; i < profile->n_egress_allow; i++) {
                const struct policy_destination *one = &profile->egress_allow[i];

                hash = hash_text(hash_text(hash, one->host), one->cidr);
                hash = hash_text(hash, one->is_udp ? "udp" : "tcp");
                for (size_t k = 0; k < one->n_ports; k++) {
                        snprintf(numbers, sizeof numbers, "%u-%u", one->ports[k].first, one->ports[k].last);
                        hash = hash_text(hash, numbers);
                }
        }
        return hash == 0 ? 1 : hash;
}

/* By the exception "network.host". A table there would hold for the host, so there is none; of what the list closes
 * nothing is closed but by the host's own rules. Landlock's ports, where the profile asks for them, are those of the
 * list all the same. */
static int judge_hosts(struct judge *judge, struct sandbox *sandbox)
{
        const char *property = "linux.namespaces (network)";
        const struct policy_profile *profile = &judge->policy->profile;
        int r = 0;

        sandbox->egress.profile = profile->name;
        sandbox->egress.is_audit = profile->egress_mode == POLICY_EGRESS_AUDIT;
        if (profile->landlock_tcp_ports && !sandbox->egress.is_audit)
                r = judge_list(judge, sandbox);
        sandbox->egress.has_list = false;
        judge_record(judge, "egress", property, "the host's network",
                     "not enforced: the host's own rules alone hold for what the build sends, its loopback included");
        judge_record(judge, "ingress", property, "the host's network",
                     "not enforced: what listens is reached as the host is");
        if (sandbox->spec.linux_.n_net_devices > 0)
                judge_invalid(
                        judge,
                        "linux.netDevices: unable to move network devices without a private network namespace; drop "
                        "them, or add {\"type\": \"network\"} to linux.namespaces");
        return r;
}

int policy_egress_judge(struct judge *judge, struct sandbox *sandbox)
{
        const struct spec_linux *linux_ = &sandbox->spec.linux_;
        const struct policy_profile *profile = &judge->policy->profile;
        const char *got = "loopback and replies";
        int r;

        if (policy_namespaces_is_hosts(judge, sandbox, SPEC_NS_NET))
                return judge_hosts(judge, sandbox);
        sandbox->egress_deny = true;
        sandbox->egress.profile = profile->name;
        sandbox->egress.is_audit = profile->egress_mode == POLICY_EGRESS_AUDIT;
        sandbox->egress.is_ingress_open = profile->ingress == POLICY_INGRESS_ANY;
        if (!judge->host->has_nf_tables)
                judge_refuse(judge, "egress", "linux.namespaces (network)", "a network", NULL,
                             "this kernel has no nf_tables, so nothing would hold the build back; load the module "
                             "nf_tables");
        if (sandbox->egress.is_audit || profile->n_egress_allow > 0 || profile->egress_proxy != NULL) {
                r = judge_list(judge, sandbox);
                if (r < 0)
                        return r;
                got = sandbox->egress.is_audit ? "whatever is not closed always, and it is written down (mode audit)" :
                                                 "loopback, replies and what the profile lists";
        }
        sandbox->egress.is_counted = sandbox->egress.has_list || judge->policy->audit.path != NULL;
        sandbox->egress.can_resize =
                judge->host->kernel_major > 6 || (judge->host->kernel_major == 6 && judge->host->kernel_minor >= 5);
        if (sandbox->egress.is_counted || sandbox->egress.is_ingress_open)
                sandbox->egress.digest = digest_of(profile, sandbox->egress.is_counted);
        judge_tighten(judge, "egress", "linux.namespaces (network)", "whatever the namespace reaches", got);
        if (sandbox->egress.is_ingress_open)
                judge_record(judge, "ingress", "linux.namespaces (network)", "connections from outside",
                             "pass: ingress \"any\"");
        for (size_t i = 0; i < linux_->n_net_devices; i++)
                judge_tighten(judge, "netDevices", "linux.netDevices", linux_->net_devices[i].name,
                              "moved from the caller's network namespace; the egress rules hold for it");
        return 0;
}

int policy_egress_judge_process(struct judge *judge, struct spec_process *process)
{
        static const char *const names[] = { "http_proxy",  "https_proxy", "HTTP_PROXY",
                                             "HTTPS_PROXY", "no_proxy",    "NO_PROXY" };
        const char *proxy = judge->policy->profile.egress_proxy;
        char **env;
        size_t n = 0;

        if (proxy == NULL)
                return 0;
        env = arena_array(judge->arena, process->n_env + N(names) + 1, sizeof *env);
        if (env == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < process->n_env; i++) {
                const char *name = NULL;

                for (size_t j = 0; j < N(names) && name == NULL; j++)
                        if (text_starts_with(process->env[i], names[j]) && process->env[i][strlen(names[j])] == '=')
                                name = names[j];
                if (name == NULL)
                        env[n++] = process->env[i];
                else
                        judge_tighten(judge, "egress.proxy", "process.env", name, "the profile's proxy");
        }
        for (size_t j = 0; j < N(names); j++) {
                env[n] = j < 4 ? arena_format(judge->arena, "%s=http://%s", names[j], proxy) :
                                 arena_format(judge->arena, "%s=localhost,127.0.0.1,::1", names[j]);
                if (env[n++] == NULL)
                        return -ENOMEM;
        }
        process->env = env;
        process->n_env = n;
        return 0;
}
