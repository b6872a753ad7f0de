/* The rooms with little to say, and exec. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>
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

TestSuite(policy_process, .init = setup, .fini = teardown);

Test(policy_process, gains_no_privileges)
{
        request_passes(&q);
        cr_assert(q.sandbox.spec.process.no_new_privileges);
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "noNewPrivileges"));
        q.spec.process.no_new_privileges = true;
        request_passes(&q);
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "noNewPrivileges"));
}

Test(policy_process, the_builtin_profile_leaves_the_environment_alone)
{
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.process.env, q.spec.process.env);
}

Test(policy_process, denied_names_go_and_their_values_are_told_nowhere)
{
        static const char *const deny[] = { "*_TOKEN" };
        const struct finding *finding;

        q.policy.profile.env_deny = (struct policy_texts){ deny, 1 };
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.process.n_env, 1);
        cr_assert_str_eq(q.sandbox.spec.process.env[0], "PATH=/bin");
        cr_assert_null(q.sandbox.spec.process.env[1]);
        finding = request_finding(&q, FINDING_TIGHTENED, "env");
        cr_assert_str_eq(finding->asked, "SECRET_TOKEN");
}

Test(policy_process, unconfined_labels_are_recorded)
{
        q.spec.process.apparmor_profile = "docker-default";
        request_passes(&q);
        cr_assert_null(request_finding(&q, FINDING_RECORDED, "lsm"));
        q.spec.process.apparmor_profile = "unconfined";
        q.spec.process.selinux_label = "system_u:system_r:spc_t:s0";
        request_passes(&q);
        cr_assert_not_null(request_finding(&q, FINDING_RECORDED, "lsm"));
        cr_assert_str_eq(q.sandbox.spec.process.selinux_label, "system_u:system_r:spc_t:s0");
}

Test(policy_process, the_profiles_filter_is_stacked_on_the_engines)
{
        q.spec.linux_.seccomp = (struct spec_seccomp){ .is_given = true, .default_action = SPEC_SECCOMP_ERRNO,
                                                       .flags = SPEC_SECCOMP_FLAG_SPEC_ALLOW | SPEC_SECCOMP_FLAG_LOG };
        request_passes(&q);
        cr_assert(q.sandbox.spec.linux_.seccomp.is_given);
        cr_assert_eq(q.sandbox.spec.linux_.seccomp.flags, SPEC_SECCOMP_FLAG_LOG);
        cr_assert_not(q.sandbox.seccomp_user_namespaces);
        cr_assert_eq(q.sandbox.max_user_namespaces, 0);
}

Test(policy_process, a_seccomp_agent_is_roots_and_out_of_reach)
{
        static const char *const names[] = { "mkdir" };
        static const struct spec_seccomp_rule rule = { .names = names, .n_names = 1, .action = SPEC_SECCOMP_NOTIFY };
        struct host_listener fact = { .is_socket = true, .is_root_only = true };

        q.spec.linux_.seccomp = (struct spec_seccomp){ .is_given = true, .default_action = SPEC_SECCOMP_ALLOW,
                                                       .listener_path = "/run/agent", .rules = &rule, .n_rules = 1 };
        request_is_refused(&q, "seccomp.listener");
        q.host.listener = &fact;
        request_passes(&q);
        cr_assert_not_null(request_finding(&q, FINDING_RECORDED, "seccomp.listener"));
        fact.is_root_only = false;
        request_is_refused(&q, "seccomp.listener");
        fact = (struct host_listener){ .is_socket = true, .is_root_only = true, .is_reachable = true };
        request_is_refused(&q, "seccomp.listener");
        fact = (struct host_listener){ .is_root_only = true };
        request_is_refused(&q, "seccomp.listener");
        fact = (struct host_listener){ .error = 2 };
        request_is_refused(&q, "seccomp.listener");
}

Test(policy_process, a_host_that_cannot_hold_the_rules_refuses)
{
        q.host.has_seccomp = false;
        request_is_refused(&q, "seccomp");
        q.host.has_seccomp = true;
        q.host.has_nf_tables = false;
        request_is_refused(&q, "egress");
        q.host.has_nf_tables = true;
        request_passes(&q);
        cr_assert(q.sandbox.egress_deny);
}

Test(policy_process, notes_a_device_that_moves_into_the_build_and_keeps_its_egress_closed)
{
        static const struct spec_net_device device = { .name = "eth0" };

        q.spec.linux_.net_devices = &device;
        q.spec.linux_.n_net_devices = 1;
        request_passes(&q);
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "netDevices"));
        cr_assert_eq(q.sandbox.spec.linux_.n_net_devices, 1);
        cr_assert(q.sandbox.egress_deny);
}

Test(policy_process, exec_gets_no_more_than_init)
{
        struct spec_process asked = {
                .caps = { .is_given = true, .bounding = UINT64_MAX, .effective = UINT64_MAX, .ambient = UINT64_MAX },
                .has_oom_score_adj = true, .oom_score_adj = -1000,
        };
        struct spec_process got;

        q.findings = (struct findings){ .arena = &q.arena };
        cr_assert_eq(harden_process(&asked, &q.policy, &q.host, &q.arena, &got, &q.findings, &q.err), 0);
        cr_assert_eq(got.caps.bounding, q.policy.profile.caps);
        cr_assert_eq(got.caps.ambient, 0);
        cr_assert_eq(got.caps.permitted, 0);
        cr_assert(got.no_new_privileges);
        cr_assert_eq(got.oom_score_adj, 0);
        cr_assert_eq(got.n_rlimits, 1);
}
