#include <criterion/criterion.h>
#include <string.h>

#include "policies/landlock.h"
#include "tests/unit/policies/request.h"

static struct request q;

static void setup(void)
{
        request_init(&q);
        q.host.landlock_abi = POLICY_LANDLOCK_SCOPE_ABI;
}

static void teardown(void)
{
        request_free(&q);
}

TestSuite(policy_landlock, .init = setup, .fini = teardown);

static struct host_namespace *join(const char *path)
{
        q.spec.linux_.namespaces[SPEC_NS_NET] = (struct spec_namespace){ .is_given = true, .path = path };
        q.host.namespaces[SPEC_NS_NET] = (struct host_namespace){ .is_known = true, .is_right_type = true, .inode = 4026532000 };
        return &q.host.namespaces[SPEC_NS_NET];
}

Test(policy_landlock, leaves_a_namespace_of_its_own_alone)
{
        request_passes(&q);
        cr_assert_eq(q.sandbox.abstract_sockets, SANDBOX_ABSTRACT_OPEN);
        cr_assert_null(request_finding(&q, FINDING_RECORDED, "landlock"));
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "landlock"));
}

Test(policy_landlock, asks_what_is_in_a_namespace_with_a_name)
{
        join("/run/netns/cni-1");
        request_passes(&q);
        cr_assert_eq(q.sandbox.abstract_sockets, SANDBOX_ABSTRACT_IF_FOUND);
}

Test(policy_landlock, believes_the_engine_about_its_pods)
{
        q.pairs[0] = (struct spec_pair){ "io.kubernetes.cri.sandbox-id", "abc" };
        q.spec.annotations = q.pairs;
        q.spec.n_annotations = 1;
        join("/run/netns/cni-1");
        request_passes(&q);
        cr_assert_eq(q.sandbox.abstract_sockets, SANDBOX_ABSTRACT_OPEN);
        /* Not about a process: whose ids it has is the better answer. */
        join("/proc/7/ns/net")->is_of_process = true;
        request_passes(&q);
        cr_assert_eq(q.sandbox.abstract_sockets, SANDBOX_ABSTRACT_UNLESS_POD);
}

Test(policy_landlock, records_a_kernel_without_scopes)
{
        q.host.landlock_abi = POLICY_LANDLOCK_SCOPE_ABI - 1;
        join("/run/netns/cni-1");
        request_passes(&q);
        cr_assert_eq(q.sandbox.abstract_sockets, SANDBOX_ABSTRACT_OPEN);
        cr_assert_not_null(request_finding(&q, FINDING_RECORDED, "landlock"));
}

/* ---- TCP ports ---- */

static const struct policy_ports listed[] = { { 8000, 8002 }, { 443, 443 }, { 8003, 8010 } };
static const struct policy_destination allow[] = {
        { NULL, "203.0.113.0/24", listed, 2, false },
        { NULL, "203.0.113.9/32", listed + 2, 1, false },
        { NULL, "203.0.113.9/32", (const struct policy_ports[]){ { 53, 53 } }, 1, true },
};

static void list(size_t n)
{
        q.policy.profile.landlock_tcp_ports = true;
        q.policy.profile.egress_allow = allow;
        q.policy.profile.n_egress_allow = n;
}

Test(policy_landlock, holds_tcp_to_the_ports_of_the_list_where_the_profile_says_so)
{
        const struct finding *finding;

        list(3);
        request_passes(&q);
        cr_assert(q.sandbox.tcp_ports.is_limited);
        cr_assert_eq(q.sandbox.tcp_ports.n, 2);
        cr_assert_eq(q.sandbox.tcp_ports.items[0].first, 443);
        cr_assert_eq(q.sandbox.tcp_ports.items[0].last, 443);
        cr_assert_eq(q.sandbox.tcp_ports.items[1].first, 8000);
        cr_assert_eq(q.sandbox.tcp_ports.items[1].last, 8010);
        finding = request_finding(&q, FINDING_TIGHTENED, "landlock.tcpPorts");
        cr_assert_not_null(finding);
        cr_assert(strncmp(finding->got, "to 443, 8000-8010; on loopback, too", 35) == 0, "%s", finding->got);
        /* Nothing listed: nowhere. */
        list(0);
        request_passes(&q);
        cr_assert(q.sandbox.tcp_ports.is_limited);
        cr_assert_eq(q.sandbox.tcp_ports.n, 0);
}

Test(policy_landlock, leaves_ports_alone_where_the_profile_does_not)
{
        list(3);
        q.policy.profile.landlock_tcp_ports = false;
        request_passes(&q);
        cr_assert_not(q.sandbox.tcp_ports.is_limited);
        for (const struct finding *finding = q.findings.first; finding != NULL; finding = finding->next)
                cr_assert_str_neq(finding->rule, "landlock.tcpPorts");
}

Test(policy_landlock, adds_the_port_of_the_proxy)
{
        list(0);
        q.policy.profile.egress_proxy = "203.0.113.1:3128";
        request_passes(&q);
        cr_assert_eq(q.sandbox.tcp_ports.n, 1);
        cr_assert_eq(q.sandbox.tcp_ports.items[0].first, 3128);
}

Test(policy_landlock, says_when_no_ports_are_held)
{
        list(3);
        q.host.landlock_abi = POLICY_LANDLOCK_TCP_ABI - 1;
        request_passes(&q);
        cr_assert_not(q.sandbox.tcp_ports.is_limited);
        cr_assert_not_null(request_finding(&q, FINDING_RECORDED, "landlock.tcpPorts"));
        q.host.landlock_abi = POLICY_LANDLOCK_TCP_ABI;
        request_passes(&q);
        cr_assert(q.sandbox.tcp_ports.is_limited);
        q.policy.profile.egress_mode = POLICY_EGRESS_AUDIT;
        request_passes(&q);
        cr_assert_not(q.sandbox.tcp_ports.is_limited);
        cr_assert_not_null(request_finding(&q, FINDING_RECORDED, "landlock.tcpPorts"));
}

Test(policy_landlock, takes_so_many_ports_and_no_more)
{
        const struct policy_ports ports = { 1000, 1000 + POLICY_LANDLOCK_MAX_PORTS - 1 }, more = { 1000, 1000 + POLICY_LANDLOCK_MAX_PORTS };
        struct policy_destination one = { NULL, "203.0.113.0/24", &ports, 1, false };

        list(0);
        q.policy.profile.egress_allow = &one;
        q.policy.profile.n_egress_allow = 1;
        request_passes(&q);
        one.ports = &more;
        request_is_refused(&q, "landlock.tcpPorts");
}
