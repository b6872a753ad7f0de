#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/unit/policies/request.h"

static struct request q;
static struct spec_id_map map[2];
static struct host_ids ids[2];

static void setup(void)
{
        request_init(&q);
        memset(ids, 0, sizeof ids);
}

static void teardown(void)
{
        request_free(&q);
}

TestSuite(policy_userns, .init = setup, .fini = teardown);

static void engine_maps(uint32_t inside, uint32_t outside, uint32_t size)
{
        map[0] = (struct spec_id_map){ .inside = inside, .outside = outside, .size = size };
        q.spec.linux_.namespaces[SPEC_NS_USER].is_given = true;
        q.spec.linux_.uid_map = q.spec.linux_.gid_map = map;
        q.spec.linux_.n_uid_map = q.spec.linux_.n_gid_map = 1;
        q.host.uid_map_ids = q.host.gid_map_ids = ids;
}

Test(policy_userns, leases_a_range_where_the_engine_maps_nothing)
{
        request_passes(&q);
        cr_assert_eq(q.sandbox.ids, SANDBOX_IDS_LEASE);
        cr_assert_eq(q.sandbox.ids_size, 65536);
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "ids"));
}

Test(policy_userns, keeps_the_engines_mapping)
{
        engine_maps(0, 100000, 65536);
        request_passes(&q);
        cr_assert_eq(q.sandbox.ids, SANDBOX_IDS_ENGINE);
        cr_assert_eq(q.sandbox.uid_map[0].outside, 100000);
        cr_assert_eq(q.sandbox.n_gid_map, 1);
}

Test(policy_userns, refuses_to_map_the_hosts_root)
{
        engine_maps(0, 0, 65536);
        request_is_refused(&q, "ids.root");
        engine_maps(1000, 0, 1);
        request_is_refused(&q, "ids.root");
}

Test(policy_userns, refuses_to_map_a_user_of_the_host)
{
        engine_maps(0, 100000, 65536);
        ids[0] = (struct host_ids){ .user = "ada", .id = 100500, .is_delegated = true };
        request_is_refused(&q, "ids.users");
        cr_assert_not_null(strstr(q.err.text, "\"ada\" (100500)"), "%s", q.err.text);
}

Test(policy_userns, refuses_low_ids_that_nobody_delegated)
{
        engine_maps(0, 1000, 1);
        request_is_refused(&q, "ids.users");
        engine_maps(0, 20000, 1000);
        ids[0].is_delegated = true;
        request_passes(&q);
}

Test(policy_userns, refuses_a_map_that_wraps_around)
{
        engine_maps(0, 4294967290u, 100);
        cr_assert_eq(request_judge(&q), -EINVAL);
        engine_maps(4294967290u, 100000, 100);
        cr_assert_eq(request_judge(&q), -EINVAL);
        engine_maps(0, 100000, 0);
        cr_assert_eq(request_judge(&q), -EINVAL);
}

Test(policy_userns, the_last_id_of_all_is_not_an_id)
{
        engine_maps(0, 4294967295u, 1);
        cr_assert_eq(request_judge(&q), -EINVAL);
        engine_maps(0, 4294967294u, 1);
        request_passes(&q);
}

Test(policy_userns, needs_both_maps)
{
        engine_maps(0, 100000, 65536);
        q.spec.linux_.n_gid_map = 0;
        cr_assert_eq(request_judge(&q), -EINVAL);
        cr_assert_not_null(strstr(q.err.text, "gidMappings"));
}

Test(policy_userns, a_rootless_engine_repeats_its_own_ids_line_by_line)
{
        static const struct spec_id_map own[] = { { 0, 1000, 1 }, { 1, 100000, 65536 } };

        q.host.privilege = HOST_ENGINE_ROOT;
        q.host.own_uid_map = q.host.own_gid_map = own;
        q.host.n_own_uid_map = q.host.n_own_gid_map = 2;
        request_passes(&q);
        cr_assert_eq(q.sandbox.ids, SANDBOX_IDS_IDENTITY);
        cr_assert_eq(q.sandbox.n_uid_map, 2);
        cr_assert_eq(q.sandbox.uid_map[1].inside, 1);
        cr_assert_eq(q.sandbox.uid_map[1].outside, 1);
        cr_assert_eq(q.sandbox.uid_map[1].size, 65536);
}

Test(policy_userns, a_rootless_engine_may_map_its_root)
{
        q.host.privilege = HOST_ENGINE_ROOT;
        engine_maps(0, 0, 1000);
        request_passes(&q);
        cr_assert_eq(q.sandbox.ids, SANDBOX_IDS_ENGINE);
}

Test(policy_userns, a_plain_users_map_is_repeated_inside)
{
        q.host.privilege = HOST_PLAIN_USER;
        request_passes(&q);
        cr_assert_eq(q.sandbox.ids, SANDBOX_IDS_IDENTITY);
        cr_assert_eq(q.sandbox.n_uid_map, 0, "what is entered first tells it");
        engine_maps(0, 1000, 1);
        request_passes(&q);
        cr_assert_eq(q.sandbox.ids, SANDBOX_IDS_IDENTITY);
        cr_assert_eq(q.sandbox.uid_map[0].outside, 0);
        cr_assert_eq(q.sandbox.uid_map[0].size, 1);
}

Test(policy_userns, a_joined_user_namespace_gives_its_ids_as_the_host_sees_them)
{
        static const struct spec_id_map pod[] = { { 0, 200000, 65536 } };

        q.spec.linux_.namespaces[SPEC_NS_USER] = (struct spec_namespace){ .is_given = true, .path = "/proc/9/ns/user" };
        q.host.namespaces[SPEC_NS_USER].uid_map = q.host.namespaces[SPEC_NS_USER].gid_map = pod;
        q.host.namespaces[SPEC_NS_USER].n_uid_map = q.host.namespaces[SPEC_NS_USER].n_gid_map = 1;
        request_passes(&q);
        cr_assert_eq(q.sandbox.ids, SANDBOX_IDS_ENGINE);
        cr_assert_eq(q.sandbox.uid_map[0].inside, 0);
        cr_assert_eq(q.sandbox.uid_map[0].outside, 200000);
        cr_assert_eq(q.sandbox.uid_map[0].size, 65536);
        cr_assert_eq(q.sandbox.gid_map[0].outside, 200000);
}

Test(policy_userns, refuses_a_joined_user_namespace_that_cannot_be_looked_at)
{
        q.spec.linux_.namespaces[SPEC_NS_USER] = (struct spec_namespace){ .is_given = true, .path = "/proc/9/ns/user" };
        cr_assert_eq(request_judge(&q), -EINVAL);
        cr_assert_not_null(strstr(q.err.text, "user namespace /proc/9/ns/user"), "%s", q.err.text);
        q.host.namespaces[SPEC_NS_USER].error = ENOENT;
        cr_assert_eq(request_judge(&q), -EINVAL);
        cr_assert_not_null(strstr(q.err.text, "user namespace /proc/9/ns/user: no such file"), "%s", q.err.text);
}

Test(policy_userns, refuses_a_joined_user_namespace_that_has_half_a_map)
{
        static const struct spec_id_map pod[] = { { 0, 200000, 65536 } };
        struct host_namespace *fact = &q.host.namespaces[SPEC_NS_USER];

        q.spec.linux_.namespaces[SPEC_NS_USER] = (struct spec_namespace){ .is_given = true, .path = "/proc/9/ns/user" };
        fact->uid_map = fact->gid_map = pod;
        for (int is_uid = 0; is_uid < 2; is_uid++) {
                fact->n_uid_map = (size_t)is_uid;
                fact->n_gid_map = (size_t)!is_uid;
                cr_assert_eq(request_judge(&q), -EINVAL);
                cr_assert_not_null(strstr(q.err.text, "maps no ids yet"), "%s", q.err.text);
        }
}

Test(policy_userns, refuses_a_joined_user_namespace_that_holds_the_hosts_root)
{
        static const struct spec_id_map pod[] = { { 0, 0, 65536 } };

        q.spec.linux_.namespaces[SPEC_NS_USER] = (struct spec_namespace){ .is_given = true, .path = "/proc/9/ns/user" };
        q.host.namespaces[SPEC_NS_USER].uid_map = q.host.namespaces[SPEC_NS_USER].gid_map = pod;
        q.host.namespaces[SPEC_NS_USER].n_uid_map = q.host.namespaces[SPEC_NS_USER].n_gid_map = 1;
        request_is_refused(&q, "ids.root");
}

static void join_pod(const struct spec_id_map *line, const struct host_ids *known)
{
        struct host_namespace *fact = &q.host.namespaces[SPEC_NS_USER];

        q.spec.linux_.namespaces[SPEC_NS_USER] = (struct spec_namespace){ .is_given = true, .path = "/proc/9/ns/user" };
        fact->uid_map = fact->gid_map = line;
        fact->n_uid_map = fact->n_gid_map = 1;
        fact->uid_map_ids = fact->gid_map_ids = known;
}

Test(policy_userns, refuses_a_joined_user_namespace_that_holds_a_user_of_the_hosts)
{
        static const struct spec_id_map own[] = { { 0, 1000, 1 } }, far[] = { { 0, 70000, 65536 } };
        static const struct host_ids ada = { .user = "ada", .id = 1000 }, bob = { .user = "bob", .id = 70001 },
                                     nobody = { 0 }, delegated = { .is_delegated = true };

        join_pod(own, &ada);
        request_is_refused(&q, "ids.users");
        join_pod(far, &bob);
        request_is_refused(&q, "ids.users");
        join_pod(own, &nobody);
        request_is_refused(&q, "ids.users");
        join_pod(own, NULL);
        request_is_refused(&q, "ids.users");
        join_pod(own, &delegated);
        request_passes(&q);
        join_pod(far, &nobody);
        request_passes(&q);
}

Test(policy_userns, an_id_beyond_the_range_is_told_before_setuid_does)
{
        q.spec.process.user.uid = 65535;
        request_passes(&q);
        q.spec.process.user.uid = 65536;
        cr_assert_eq(request_judge(&q), -EINVAL);
        cr_assert_not_null(strstr(q.err.text, "process.user.uid"), "%s", q.err.text);
        q.spec.process.user.uid = 0;
        q.spec.process.user.groups = (const uint32_t[]){ 5, 70000 };
        q.spec.process.user.n_groups = 2;
        cr_assert_eq(request_judge(&q), -EINVAL);
        cr_assert_not_null(strstr(q.err.text, "additionalGids"), "%s", q.err.text);
}

Test(policy_userns, an_id_outside_of_the_engines_map_is_told_too)
{
        engine_maps(0, 100000, 1000);
        q.spec.process.user.uid = 1000;
        cr_assert_eq(request_judge(&q), -EINVAL);
}

Test(policy_userns, a_pod_is_known_by_its_annotation)
{
        q.pairs[0] = (struct spec_pair){ "io.kubernetes.cri.sandbox-id", "pod1" };
        q.spec.annotations = q.pairs;
        q.spec.n_annotations = 1;
        request_passes(&q);
        cr_assert_str_eq(q.sandbox.group_key, "pod1");
        q.pairs[1] = (struct spec_pair){ "io.kubernetes.cri-o.SandboxID", "pod2" };
        q.spec.n_annotations = 2;
        request_is_refused(&q, "ids.group");
}
