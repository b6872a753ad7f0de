#include <criterion/criterion.h>

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
