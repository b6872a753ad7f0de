#include <criterion/criterion.h>

#include "tests/unit/policies/request.h"

static struct request q;

static void setup(void)
{
        request_init(&q);
        q.spec.linux_.intel_rdt.is_given = true;
}

static void teardown(void)
{
        request_free(&q);
}

TestSuite(policy_intelrdt, .init = setup, .fini = teardown);

Test(policy_intelrdt, the_default_class_is_the_hosts)
{
        static const char *const lines[] = { "L2:0=1" };

        q.spec.linux_.intel_rdt.clos_id = "/";
        request_passes(&q);
        cr_assert_not_null(request_finding(&q, FINDING_RECORDED, "intelRdt.closID"));
        q.spec.linux_.intel_rdt.l3_cache_schema = "L3:0=1";
        request_is_refused(&q, "intelRdt.closID");
        q.spec.linux_.intel_rdt.l3_cache_schema = NULL;
        q.spec.linux_.intel_rdt.mem_bw_schema = "MB:0=10";
        request_is_refused(&q, "intelRdt.closID");
        q.spec.linux_.intel_rdt.mem_bw_schema = NULL;
        q.spec.linux_.intel_rdt.schemata = lines;
        q.spec.linux_.intel_rdt.n_schemata = 1;
        request_is_refused(&q, "intelRdt.closID");
}

Test(policy_intelrdt, a_class_is_on_record)
{
        request_passes(&q);
        cr_assert_not_null(request_finding(&q, FINDING_RECORDED, "intelRdt.closID"));
        q.spec.linux_.intel_rdt.clos_id = "gold";
        request_passes(&q);
        cr_assert_not_null(request_finding(&q, FINDING_RECORDED, "intelRdt.closID"));
        q.spec.linux_.intel_rdt.is_given = false;
        request_passes(&q);
        cr_assert_null(request_finding(&q, FINDING_RECORDED, "intelRdt.closID"));
}
