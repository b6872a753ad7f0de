#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/policies/request.h"

static struct request q;

static void setup(void)
{
        request_init(&q);
        q.spec.linux_.sysctl = q.pairs;
        q.spec.linux_.n_sysctl = 1;
        q.pairs[0].value = "1";
}

static void teardown(void)
{
        request_free(&q);
}

TestSuite(policy_sysctl, .init = setup, .fini = teardown);

Test(policy_sysctl, takes_those_of_the_builds_namespaces)
{
        static const char *const names[] = {
                "net.ipv4.ip_forward", "net.ipv4.ping_group_range", "net/ipv4/conf/eth0.1/forwarding", "kernel.shmmax", "kernel.sem",
                "kernel.msgmax", "kernel.shm_rmid_forced", "fs.mqueue.msg_max", "kernel.domainname", "kernel/shmall",
                "net.ipv4.conf.eth0/1.forwarding", "fs/mqueue/msg_max",
        };

        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                q.pairs[0].key = names[i];
                request_passes(&q);
                cr_assert_eq(q.sandbox.spec.linux_.n_sysctl, 1);
        }
}

Test(policy_sysctl, refuses_the_hosts)
{
        static const char *const names[] = {
                "kernel.core_pattern", "vm.overcommit_memory", "kernel.shmmaxx", "kernel.sem.x", "fs.mqueue", "fs.file-max", "net",
                "netx.y", "kernel.randomize_va_space", "user.max_user_namespaces", "net/../kernel/core_pattern",
                "net.ipv4/../../kernel/core_pattern", "net//ipv4", "net..ipv4", "fsxmqueue.msg_max", "fs.mqueuex.y", "kernelxsem", "net.", "/net/ipv4/x", "", "net/./x",
        };

        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                q.pairs[0].key = names[i];
                request_is_refused(&q, "sysctl");
        }
}

Test(policy_sysctl, the_host_name_has_a_field_of_its_own)
{
        q.pairs[0].key = "kernel.hostname";
        request_is_refused(&q, "sysctl");
        cr_assert_not_null(strstr(q.err.text, "conflicts with the OCI \"hostname\" field"), "%s", q.err.text);
}

Test(policy_sysctl, never_writes_those_of_a_namespace_of_the_host)
{
        static const struct { const char *name; enum spec_ns kind; } cases[] = {
                { "net.ipv4.ip_forward", SPEC_NS_NET }, { "kernel.shmmax", SPEC_NS_IPC }, { "fs.mqueue.msg_max", SPEC_NS_IPC },
                { "kernel.domainname", SPEC_NS_UTS },
        };

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct spec_namespace *ns = &q.spec.linux_.namespaces[cases[i].kind];

                q.pairs[0].key = cases[i].name;
                *ns = (struct spec_namespace){ .is_given = true, .path = "/run/netns/host" };
                q.host.namespaces[cases[i].kind] = (struct host_namespace){ .is_known = true, .is_right_type = true };
                request_passes(&q);
                q.host.namespaces[cases[i].kind].is_host = true;
                cr_assert_lt(request_judge(&q), 0);
                cr_assert_not_null(request_finding(&q, FINDING_REFUSED, "sysctl"), "%s", cases[i].name);
                *ns = (struct spec_namespace){ .is_given = true };
        }
}
