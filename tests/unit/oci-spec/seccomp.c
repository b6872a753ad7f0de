#include "tests/unit/oci-spec/check.h"

static const struct spec_seccomp *good(const char *members)
{
        static struct spec spec;
        char text[4096];

        snprintf(text, sizeof text, "\"linux\": {\"seccomp\": {%s}}", members);
        check_good(text, &spec);
        cr_assert(spec.linux_.seccomp.is_given);
        return &spec.linux_.seccomp;
}

#define assert_refused(members, sentence) assert_bad("\"linux\": {\"seccomp\": {" members "}}", "linux.seccomp" sentence)
#define RULE(members) "\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{" members "}]"

Test(seccomp, a_default_action_is_all_that_is_required)
{
        const struct spec_seccomp *seccomp = good("\"defaultAction\": \"SCMP_ACT_ALLOW\"");

        cr_assert_eq(seccomp->default_action, SPEC_SECCOMP_ALLOW);
        cr_assert_eq(seccomp->n_rules, 0);
        cr_assert_eq(seccomp->flags, 0, "no SPEC_ALLOW of our own doing");
        assert_refused("", ".defaultAction: is required and missing");
        assert_refused("\"defaultAction\": \"ALLOW\"", ".defaultAction: \"ALLOW\" is not an action of seccomp");
        assert_refused("\"defaultAction\": 0", ".defaultAction: expected a string, found a number");
}

Test(seccomp, knows_every_action)
{
        static const struct { const char *name; int action; } actions[] = {
                { "KILL", SPEC_SECCOMP_KILL_THREAD }, { "KILL_THREAD", SPEC_SECCOMP_KILL_THREAD },
                { "KILL_PROCESS", SPEC_SECCOMP_KILL_PROCESS }, { "TRAP", SPEC_SECCOMP_TRAP },
                { "ERRNO", SPEC_SECCOMP_ERRNO }, { "TRACE", SPEC_SECCOMP_TRACE },
                { "LOG", SPEC_SECCOMP_LOG }, { "ALLOW", SPEC_SECCOMP_ALLOW },
        };
        char text[128];

        for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
                snprintf(text, sizeof text, "\"defaultAction\": \"SCMP_ACT_%s\"", actions[i].name);
                cr_assert_eq(good(text)->default_action, actions[i].action);
        }
}

Test(seccomp, knows_every_architecture)
{
        static const char *const names[] = { "X86", "X86_64", "X32", "ARM", "AARCH64", "MIPS", "MIPS64", "MIPS64N32",
                                             "MIPSEL", "MIPSEL64", "MIPSEL64N32", "PPC", "PPC64", "PPC64LE", "S390",
                                             "S390X", "PARISC", "PARISC64", "RISCV64", "LOONGARCH64", "M68K", "SH",
                                             "SHEB" };
        char text[128];

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                const struct spec_seccomp *seccomp;

                snprintf(text, sizeof text, "\"defaultAction\": \"SCMP_ACT_LOG\", \"architectures\": [\"SCMP_ARCH_%s\"]",
                         names[i]);
                seccomp = good(text);
                cr_assert_eq(seccomp->n_architectures, 1);
                cr_assert_str_eq(seccomp->architectures[0] + 10, names[i]);
        }
        assert_refused("\"defaultAction\": \"SCMP_ACT_LOG\", \"architectures\": [\"SCMP_ARCH_X86\", \"SCMP_ARCH_VAX\"]",
                       ".architectures[1]: \"SCMP_ARCH_VAX\" is not an architecture of seccomp");
}

Test(seccomp, knows_every_flag)
{
        cr_assert_eq(good("\"defaultAction\": \"SCMP_ACT_LOG\", \"flags\": [\"SECCOMP_FILTER_FLAG_TSYNC\"]")->flags, 1);
        cr_assert_eq(good("\"defaultAction\": \"SCMP_ACT_LOG\", \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\","
                          "\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\", \"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]")->flags, 14);
        assert_refused("\"defaultAction\": \"SCMP_ACT_LOG\", \"flags\": [\"LOG\"]",
                       ".flags[0]: \"LOG\" is not a flag of seccomp(2)");
}

Test(seccomp, reads_rules_with_arguments)
{
        const struct spec_seccomp *seccomp =
                good("\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38, \"syscalls\": [{\"names\": [\"read\","
                     "\"write\"], \"action\": \"SCMP_ACT_ALLOW\"}, {\"names\": [\"personality\"], \"action\": \"SCMP_ACT_ERRNO\","
                     "\"errnoRet\": 0, \"args\": [{\"index\": 5, \"value\": 18446744073709551615, \"valueTwo\": 2,"
                     "\"op\": \"SCMP_CMP_MASKED_EQ\"}, {\"index\": 0, \"value\": 0, \"op\": \"SCMP_CMP_NE\"}]}]");
        const struct spec_seccomp_rule *rule;

        cr_assert(seccomp->has_default_errno);
        cr_assert_eq(seccomp->default_errno, 38);
        cr_assert_eq(seccomp->n_rules, 2);
        rule = &seccomp->rules[0];
        cr_assert_eq(rule->n_names, 2);
        cr_assert_str_eq(rule->names[1], "write");
        cr_assert_not(rule->has_errno);
        rule = &seccomp->rules[1];
        cr_assert(rule->has_errno);
        cr_assert_eq(rule->errno_ret, 0);
        cr_assert_eq(rule->n_args, 2);
        cr_assert_eq(rule->args[0].index, 5);
        cr_assert_eq(rule->args[0].value, UINT64_MAX);
        cr_assert_eq(rule->args[0].value_two, 2);
        cr_assert_eq(rule->args[0].op, SPEC_SECCOMP_MASKED_EQ);
        cr_assert_eq(rule->args[1].op, SPEC_SECCOMP_NE);
}

Test(seccomp, knows_every_comparison)
{
        static const struct { const char *name; int op; } ops[] = {
                { "NE", SPEC_SECCOMP_NE }, { "LT", SPEC_SECCOMP_LT }, { "LE", SPEC_SECCOMP_LE },
                { "EQ", SPEC_SECCOMP_EQ }, { "GE", SPEC_SECCOMP_GE }, { "GT", SPEC_SECCOMP_GT },
                { "MASKED_EQ", SPEC_SECCOMP_MASKED_EQ },
        };
        char text[512];

        for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
                snprintf(text, sizeof text, RULE("\"names\": [\"a\"], \"action\": \"SCMP_ACT_LOG\", \"args\": [{\"index\": 1,"
                                                 "\"value\": 1, \"op\": \"SCMP_CMP_%s\"}]"), ops[i].name);
                cr_assert_eq(good(text)->rules[0].args[0].op, ops[i].op);
        }
}

Test(seccomp, refuses_rules_that_are_not_whole)
{
        assert_refused(RULE("\"action\": \"SCMP_ACT_LOG\""), ".syscalls[0].names: is required and missing or empty");
        assert_refused(RULE("\"names\": [], \"action\": \"SCMP_ACT_LOG\""),
                       ".syscalls[0].names: is required and missing or empty");
        assert_refused(RULE("\"names\": [\"a\"]"), ".syscalls[0].action: is required and missing");
        assert_refused(RULE("\"names\": [\"a\"], \"action\": \"SCMP_ACT_LOG\", \"args\": [{\"index\": 6, \"value\": 1,"
                            "\"op\": \"SCMP_CMP_EQ\"}]"), ".syscalls[0].args[0].index: 6 is out of range (0 to 5)");
        assert_refused(RULE("\"names\": [\"a\"], \"action\": \"SCMP_ACT_LOG\", \"args\": [{\"index\": 0, \"value\": 1,"
                            "\"op\": \"==\"}]"), ".syscalls[0].args[0].op: \"==\" is not a comparison of seccomp");
        assert_refused(RULE("\"names\": [\"a\"], \"action\": \"SCMP_ACT_LOG\", \"args\": [{\"index\": 0,"
                            "\"op\": \"SCMP_CMP_EQ\"}]"), ".syscalls[0].args[0].value: is required and missing");
        assert_refused(RULE("\"names\": [\"a\"], \"action\": \"SCMP_ACT_LOG\", \"args\": [{\"index\": 0, \"value\": -1,"
                            "\"op\": \"SCMP_CMP_EQ\"}]"),
                       ".syscalls[0].args[0].value: -1 is out of range (0 to 18446744073709551615)");
}

Test(seccomp, an_errno_needs_an_action_that_takes_it)
{
        assert_refused(RULE("\"names\": [\"a\"], \"action\": \"SCMP_ACT_ALLOW\", \"errnoRet\": 1"),
                       ".syscalls[0].errnoRet: only SCMP_ACT_ERRNO and SCMP_ACT_TRACE take one");
        assert_refused("\"defaultAction\": \"SCMP_ACT_KILL\", \"defaultErrnoRet\": 1",
                       ".defaultErrnoRet: only SCMP_ACT_ERRNO and SCMP_ACT_TRACE take one");
        assert_refused(RULE("\"names\": [\"a\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 4096"),
                       ".syscalls[0].errnoRet: 4096 is out of range (0 to 4095)");
        good(RULE("\"names\": [\"a\"], \"action\": \"SCMP_ACT_TRACE\", \"errnoRet\": 65535"));
        good(RULE("\"names\": [\"a\"], \"action\": \"SCMP_ACT_ALLOW\", \"errnoRet\": null"));
}

#define NOTIFY(name) "\"names\": [\"" name "\"], \"action\": \"SCMP_ACT_NOTIFY\""

Test(seccomp, who_notifies_names_a_listener)
{
        assert_refused(RULE(NOTIFY("mkdir")), ".listenerPath: is required for SCMP_ACT_NOTIFY");
        assert_refused(RULE(NOTIFY("mkdir")) ", \"listenerPath\": \"s\"", ".listenerPath: must be an absolute path");
        assert_refused(RULE(NOTIFY("write")) ", \"listenerPath\": \"/s\"", ".syscalls[0].names[0]: write cannot have SCMP_ACT_NOTIFY");
        assert_refused("\"defaultAction\": \"SCMP_ACT_NOTIFY\", \"listenerPath\": \"/s\"",
                       ".defaultAction: SCMP_ACT_NOTIFY is for rules only; name the system calls in syscalls");
}

Test(seccomp, metadata_need_a_listener)
{
        const struct spec_seccomp *seccomp = good(RULE(NOTIFY("mkdir")) ", \"listenerPath\": \"/s\", \"listenerMetadata\": \"m\"");

        cr_assert_str_eq(seccomp->listener_path, "/s");
        cr_assert_str_eq(seccomp->listener_metadata, "m");
        cr_assert(spec_seccomp_notifies(seccomp));
        assert_refused("\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerMetadata\": \"m\"",
                       ".listenerMetadata: is given without listenerPath");
        cr_assert_not(spec_seccomp_notifies(good("\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"s\"")));
}
