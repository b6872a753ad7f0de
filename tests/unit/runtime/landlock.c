#include <criterion/criterion.h>

#include "runtime/landlock.h"

static struct landlock_plan plan_of(enum sandbox_abstract answer, uint32_t process_uid)
{
        static const struct spec_id_map map[] = { { 0, 1879048192u, 65536 } };
        const struct sandbox sandbox = { .abstract_sockets = answer };
        struct host host = { .landlock_abi = 6 };
        struct landlock_plan plan;

        host.namespaces[SPEC_NS_NET] = (struct host_namespace){ .is_of_process = true, .process_uid = process_uid };
        landlock_plan_make(&sandbox, &host, map, 1, &plan);
        return plan;
}

Test(landlock, scopes_unless_the_namespace_is_of_the_builds_own_range)
{
        cr_assert(plan_of(SANDBOX_ABSTRACT_UNLESS_POD, 0).is_scoped);
        cr_assert(plan_of(SANDBOX_ABSTRACT_UNLESS_POD, 1879048191u).is_scoped);
        cr_assert(plan_of(SANDBOX_ABSTRACT_UNLESS_POD, 1879113728u).is_scoped);
        cr_assert_not(plan_of(SANDBOX_ABSTRACT_UNLESS_POD, 1879048192u).is_scoped);
        cr_assert_not(plan_of(SANDBOX_ABSTRACT_UNLESS_POD, 1879113727u).is_scoped);
        cr_assert(plan_of(SANDBOX_ABSTRACT_SCOPED, 1879048192u).is_scoped);
        cr_assert_not(plan_of(SANDBOX_ABSTRACT_OPEN, 0).is_scoped);
        cr_assert(plan_of(SANDBOX_ABSTRACT_IF_FOUND, 0).is_scoped_if_found);
}
