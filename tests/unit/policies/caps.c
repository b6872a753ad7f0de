#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "tests/unit/policies/request.h"

#define BIT(number) (UINT64_C(1) << (number))

static struct request q;

static void setup(void)
{
        request_init(&q);
}

static void teardown(void)
{
        request_free(&q);
}

TestSuite(policy_caps, .init = setup, .fini = teardown);

Test(policy_caps, cuts_what_the_profile_does_not_have)
{
        const struct spec_caps *got = &q.sandbox.spec.process.caps;
        const struct finding *finding;

        request_passes(&q);
        cr_assert_eq(got->bounding, BIT(CAP_CHOWN) | BIT(CAP_SETUID));
        cr_assert_eq(got->effective, got->bounding);
        cr_assert_eq(got->permitted, got->bounding);
        finding = request_finding(&q, FINDING_TIGHTENED, "capabilities");
        cr_assert_not_null(finding);
        cr_assert_str_eq(finding->asked, "CAP_CHOWN,CAP_SETUID,CAP_NET_RAW,CAP_MKNOD");
        cr_assert_str_eq(finding->got, "CAP_CHOWN,CAP_SETUID");
}

Test(policy_caps, says_nothing_when_all_of_it_is_in_the_profile)
{
        q.spec.process.caps = (struct spec_caps){ .is_given = true, .bounding = BIT(CAP_CHOWN), .effective = BIT(CAP_CHOWN) };
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.process.caps.bounding, BIT(CAP_CHOWN));
        cr_assert_eq(q.sandbox.spec.process.caps.permitted, 0, "nothing is added");
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "capabilities"));
}

Test(policy_caps, empties_inheritable_and_ambient)
{
        q.spec.process.caps.inheritable = q.spec.process.caps.ambient = BIT(CAP_CHOWN);
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.process.caps.inheritable, 0);
        cr_assert_eq(q.sandbox.spec.process.caps.ambient, 0);
}

Test(policy_caps, missing_ones_are_none)
{
        q.spec.process.caps = (struct spec_caps){ .bounding = UINT64_MAX };
        request_passes(&q);
        cr_assert(q.sandbox.spec.process.caps.is_given);
        cr_assert_eq(q.sandbox.spec.process.caps.bounding, 0);
}

Test(policy_caps, every_capability_there_is_comes_down_to_the_profile)
{
        q.spec.process.caps = (struct spec_caps){ .is_given = true, .bounding = UINT64_MAX, .effective = UINT64_MAX,
                                                  .permitted = UINT64_MAX, .inheritable = UINT64_MAX, .ambient = UINT64_MAX };
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.process.caps.bounding, q.policy.profile.caps);
        cr_assert_eq(q.policy.profile.caps & (BIT(CAP_SYS_ADMIN) | BIT(CAP_NET_ADMIN) | BIT(CAP_SYS_PTRACE)), 0);
}

Test(policy_caps, a_name_that_no_linux_has_is_an_error)
{
        static const char *const unknown[] = { "CAP_NO_SUCH" };

        q.spec.process.caps.unknown = unknown;
        q.spec.process.caps.n_unknown = 1;
        cr_assert_eq(request_judge(&q), -EINVAL);
        cr_assert_not_null(strstr(q.err.text, "CAP_NO_SUCH"));
}
