/* Each exception: without it the request is refused or tightened, with it (and not with another) it passes, and the use is
 * recorded with the exception's id. */
#include "policies/exceptions.h"

#include <criterion/criterion.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/mount.h>

#include "tests/unit/policies/request.h"

#define BIT(number) (UINT64_C(1) << (number))

static struct request q;
static const char *tokens[1];
static const struct policy_exception exception = { .id = "EX-9", .allow = { tokens, 1 }, .expires = "2027-01-31" };

static void setup(void)
{
        request_init(&q);
}

static void teardown(void)
{
        request_free(&q);
}

TestSuite(policy_exceptions, .init = setup, .fini = teardown);

static void except(const char *token)
{
        cr_assert(policy_exceptions_is_enforced(token), "%s", token);
        tokens[0] = token;
        q.policy.exceptions = &exception;
        q.policy.n_exceptions = 1;
}

static void is_recorded(const char *rule)
{
        const struct finding *finding = request_finding(&q, FINDING_ALLOWED, rule);

        cr_assert_not_null(finding, "%s", rule);
        cr_assert_str_eq(finding->asked, tokens[0]);
        cr_assert_str_eq(finding->got, "exception EX-9 until 2027-01-31");
}

Test(policy_exceptions, no_new_privileges_falls_by_its_own_only)
{
        q.spec.process.no_new_privileges = false;
        except("capabilities.ambient");
        request_passes(&q);
        cr_assert(q.sandbox.spec.process.no_new_privileges);
        except("noNewPrivileges");
        request_passes(&q);
        cr_assert_not(q.sandbox.spec.process.no_new_privileges);
        is_recorded("noNewPrivileges");
        q.spec.process.no_new_privileges = true;
        request_passes(&q);
        cr_assert(q.sandbox.spec.process.no_new_privileges, "an exception asks for nothing");
        cr_assert_null(request_finding(&q, FINDING_ALLOWED, "noNewPrivileges"));
}

Test(policy_exceptions, inheritable_and_ambient_capabilities_stay_within_the_profile)
{
        struct spec_caps *asked = &q.spec.process.caps;
        const struct spec_caps *got = &q.sandbox.spec.process.caps;

        *asked = (struct spec_caps){ .is_given = true };
        asked->bounding = asked->permitted = asked->inheritable = asked->ambient = BIT(CAP_CHOWN) | BIT(CAP_SYS_ADMIN);
        except("capabilities.inheritable");
        request_passes(&q);
        cr_assert_eq(got->inheritable, BIT(CAP_CHOWN));
        cr_assert_eq(got->ambient, 0);
        is_recorded("capabilities");
        except("capabilities.ambient");
        request_passes(&q);
        cr_assert_eq(got->inheritable, 0);
        cr_assert_eq(got->ambient, 0, "what is not inheritable is not ambient, capabilities(7)");
}

Test(policy_exceptions, both_of_them)
{
        static const char *const both[] = { "capabilities.inheritable", "capabilities.ambient" };
        static const struct policy_exception two = { .id = "EX-9", .allow = { both, 2 }, .expires = "2027-01-31" };
        struct spec_caps *asked = &q.spec.process.caps;

        *asked = (struct spec_caps){ .is_given = true, .bounding = BIT(CAP_CHOWN) };
        asked->permitted = asked->inheritable = asked->ambient = BIT(CAP_CHOWN) | BIT(CAP_SETUID);
        q.policy.exceptions = &two;
        q.policy.n_exceptions = 1;
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.process.caps.inheritable, BIT(CAP_CHOWN), "not beyond the bounding set");
        cr_assert_eq(q.sandbox.spec.process.caps.ambient, BIT(CAP_CHOWN));
}

Test(policy_exceptions, ids_of_the_host_are_those_named_and_never_its_root)
{
        static struct spec_id_map map = { .inside = 0, .outside = 1000, .size = 2000 };
        static struct host_ids ids = { .user = "ada", .id = 1000 };

        q.spec.linux_.namespaces[SPEC_NS_USER].is_given = true;
        q.spec.linux_.uid_map = q.spec.linux_.gid_map = &map;
        q.spec.linux_.n_uid_map = q.spec.linux_.n_gid_map = 1;
        q.host.uid_map_ids = q.host.gid_map_ids = &ids;
        request_is_refused(&q, "ids.users");
        cr_assert_not_null(strstr(q.err.text, "\"ids:1000-2999\""), "%s", q.err.text);
        except("ids:1000-2998");
        request_is_refused(&q, "ids.users");
        except("ids:1001-2999");
        request_is_refused(&q, "ids.users");
        except("ids:1000-2999");
        request_passes(&q);
        is_recorded("ids.users");
        map.outside = 0;
        except("ids:1-4294967294");
        request_is_refused(&q, "ids.root");
}

Test(policy_exceptions, a_mount_namespace_can_be_joined_but_for_the_hosts)
{
        q.spec.linux_.namespaces[SPEC_NS_MOUNT] = (struct spec_namespace){ .is_given = true, .path = "/proc/7/ns/mnt" };
        q.host.namespaces[SPEC_NS_MOUNT] = (struct host_namespace){ .is_known = true, .is_right_type = true };
        request_is_refused(&q, "namespaces.mount");
        cr_assert_not_null(strstr(q.err.text, "\"mount.namespace\""), "%s", q.err.text);
        except("mount.namespace");
        request_passes(&q);
        is_recorded("namespaces.mount");
        q.host.namespaces[SPEC_NS_MOUNT].is_host = true;
        request_is_refused(&q, "namespaces.mount");
        cr_assert_null(strstr(q.err.text, "\"mount.namespace\""), "%s", q.err.text);
        q.spec.linux_.namespaces[SPEC_NS_MOUNT] = (struct spec_namespace){ .is_given = false };
        request_is_refused(&q, "namespaces.mount");
}

Test(policy_exceptions, shared_propagation)
{
        q.spec.linux_.rootfs_propagation = MS_SHARED;
        request_is_refused(&q, "rootfs.propagation");
        except("rootfs.propagation");
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.linux_.rootfs_propagation, MS_SHARED);
        is_recorded("rootfs.propagation");
}
