#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/unit/policies/request.h"

static struct request q;

static void setup(void)
{
        request_init(&q);
}

static void teardown(void)
{
        request_free(&q);
}

TestSuite(policy_namespaces, .init = setup, .fini = teardown);

static void leave_out(enum spec_ns kind)
{
        q.spec.linux_.namespaces[kind].is_given = false;
}

static struct host_namespace *join(enum spec_ns kind)
{
        q.spec.linux_.namespaces[kind] = (struct spec_namespace){ .is_given = true, .path = "/run/netns/pod" };
        return &q.host.namespaces[kind];
}

Test(policy_namespaces, adds_user_ipc_uts_and_cgroup)
{
        static const enum spec_ns added[] = { SPEC_NS_USER, SPEC_NS_IPC, SPEC_NS_UTS, SPEC_NS_CGROUP };

        for (size_t i = 0; i < 4; i++)
                leave_out(added[i]);
        request_passes(&q);
        for (size_t i = 0; i < 4; i++) {
                cr_assert(q.sandbox.spec.linux_.namespaces[added[i]].is_given, "%s", spec_ns_name(added[i]));
                cr_assert_null(q.sandbox.spec.linux_.namespaces[added[i]].path);
        }
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "namespaces.user"));
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "namespaces.uts"));
}

Test(policy_namespaces, a_time_namespace_comes_only_when_asked)
{
        request_passes(&q);
        cr_assert_not(q.sandbox.spec.linux_.namespaces[SPEC_NS_TIME].is_given);
        q.spec.linux_.namespaces[SPEC_NS_TIME].is_given = true;
        request_passes(&q);
        cr_assert(q.sandbox.spec.linux_.namespaces[SPEC_NS_TIME].is_given);
}

Test(policy_namespaces, refuses_the_hosts_processes)
{
        leave_out(SPEC_NS_PID);
        request_is_refused(&q, "namespaces.pid");
}

Test(policy_namespaces, refuses_the_hosts_network)
{
        leave_out(SPEC_NS_NET);
        request_is_refused(&q, "namespaces.network");
        cr_assert_not_null(strstr(q.err.text, "\"network.host\""));
}

Test(policy_namespaces, refuses_the_hosts_mounts)
{
        leave_out(SPEC_NS_MOUNT);
        request_is_refused(&q, "namespaces.mount");
}

Test(policy_namespaces, joins_those_of_a_pod)
{
        static const enum spec_ns shared[] = { SPEC_NS_PID, SPEC_NS_NET, SPEC_NS_IPC, SPEC_NS_UTS };

        for (size_t i = 0; i < 4; i++)
                join(shared[i]);
        request_passes(&q);
        for (size_t i = 0; i < 4; i++)
                cr_assert_str_eq(q.sandbox.spec.linux_.namespaces[shared[i]].path, "/run/netns/pod");
}

Test(policy_namespaces, refuses_the_hosts_named_by_path)
{
        static const struct {
                enum spec_ns kind;
                const char *rule;
        } kinds[] = {
                { SPEC_NS_PID, "namespaces.pid" },   { SPEC_NS_NET, "namespaces.network" },
                { SPEC_NS_IPC, "namespaces.ipc" },   { SPEC_NS_UTS, "namespaces.uts" },
                { SPEC_NS_USER, "namespaces.user" },
        };

        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
                request_init(&q);
                join(kinds[i].kind)->is_host = true;
                request_is_refused(&q, kinds[i].rule);
        }
}

Test(policy_namespaces, refuses_a_mount_namespace_by_path)
{
        join(SPEC_NS_MOUNT);
        request_is_refused(&q, "namespaces.mount");
}

Test(policy_namespaces, makes_a_cgroup_namespace_instead_of_joining_the_hosts)
{
        join(SPEC_NS_CGROUP)->is_host = true;
        request_passes(&q);
        cr_assert_null(q.sandbox.spec.linux_.namespaces[SPEC_NS_CGROUP].path);
}

Test(policy_namespaces, a_file_of_another_type_is_an_invalid_request)
{
        join(SPEC_NS_NET)->is_right_type = false;
        cr_assert_eq(request_judge(&q), -EINVAL);
        cr_assert_not_null(strstr(q.err.text, "/run/netns/pod is not a network namespace"), "%s", q.err.text);
}

Test(policy_namespaces, a_missing_file_is_left_to_whoever_opens_it)
{
        *join(SPEC_NS_NET) = (struct host_namespace){ .is_known = true, .error = ENOENT };
        request_passes(&q);
}

Test(policy_namespaces, a_rootless_engines_own_user_namespace_gets_a_child)
{
        static const struct spec_id_map own[] = { { 0, 1000, 1 }, { 1, 100000, 65536 } };

        q.host.privilege = HOST_ENGINE_ROOT;
        q.host.own_uid_map = q.host.own_gid_map = own;
        q.host.n_own_uid_map = q.host.n_own_gid_map = 2;
        join(SPEC_NS_USER)->is_host = true;
        request_passes(&q);
        cr_assert_null(q.sandbox.spec.linux_.namespaces[SPEC_NS_USER].path);
        cr_assert_eq(q.sandbox.ids, SANDBOX_IDS_IDENTITY);
        cr_assert_eq(q.sandbox.n_uid_map, 2);
}

Test(policy_namespaces, time_offsets_count_in_a_new_time_namespace_alone)
{
        q.spec.linux_.has_time_offsets = true;
        cr_assert_eq(request_judge(&q), -EINVAL);
        cr_assert_not_null(strstr(q.err.text, "linux.timeOffsets: there is no time namespace"), "%s", q.err.text);
        join(SPEC_NS_TIME)->is_right_type = true;
        cr_assert_eq(request_judge(&q), -EINVAL);
        cr_assert_not_null(strstr(q.err.text, "time namespace /run/netns/pod, which is joined"), "%s", q.err.text);
        q.spec.linux_.namespaces[SPEC_NS_TIME].path = NULL;
        request_passes(&q);
}

/* ---- zones ---- */

static const enum spec_ns joinable[] = { SPEC_NS_PID, SPEC_NS_NET, SPEC_NS_IPC, SPEC_NS_UTS, SPEC_NS_CGROUP, SPEC_NS_TIME };

static void is_of(enum spec_ns kind, const char *profile)
{
        struct host_namespace *fact = join(kind);

        fact->container = "other";
        fact->profile = profile;
}

Test(policy_namespaces, another_profile_s_is_another_zone)
{
        static const char *const rules[] = { "namespaces.pid", "namespaces.network", "namespaces.ipc",
                                             "namespaces.uts", "namespaces.cgroup",  "namespaces.time" };

        for (size_t i = 0; i < sizeof joinable / sizeof *joinable; i++) {
                request_init(&q);
                is_of(joinable[i], "branch");
                request_is_refused(&q, rules[i]);
                cr_assert_not_null(strstr(q.err.text, "container other, which has the profile \"branch\""), "%s", q.err.text);
                is_of(joinable[i], "untrusted+branch");
                request_is_refused(&q, rules[i]);
        }
}

Test(policy_namespaces, the_same_profile_s_is_the_same_zone)
{
        for (size_t i = 0; i < sizeof joinable / sizeof *joinable; i++)
                is_of(joinable[i], "untrusted");
        request_passes(&q);
        for (size_t i = 0; i < sizeof joinable / sizeof *joinable; i++)
                cr_assert_str_eq(q.sandbox.spec.linux_.namespaces[joinable[i]].path, "/run/netns/pod");
}

Test(policy_namespaces, a_user_namespace_of_another_profile_is_refused_too)
{
        static const struct spec_id_map map = { 0, 1879048192, 65536 };
        struct host_namespace *fact = join(SPEC_NS_USER);

        fact->uid_map = fact->gid_map = &map;
        fact->n_uid_map = fact->n_gid_map = 1;
        request_passes(&q);
        is_of(SPEC_NS_USER, "branch");
        request_is_refused(&q, "namespaces.user");
}
