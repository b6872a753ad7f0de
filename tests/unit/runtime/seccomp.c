/* Programs are run here by an interpreter (seccomp_run.h). That the kernel agrees is tests/sandbox/seccomp.c's part. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policies/seccomp_build.h"
#include "runtime/base/fd.h"
#include "runtime/seccomp.h"
#include "tests/unit/runtime/seccomp_run.h"

static struct seccomp_filter build(uint32_t arch, bool user_namespaces, bool setuid_files)
{
        const struct policy_seccomp_choice choice = { POLICY_SECCOMP_BASE_BUILD, user_namespaces, setuid_files, .tcp_ports = false };
        struct seccomp_filter filter;
        struct error err = { 0 };

        cr_assert_eq(seccomp_compile_build(arch, &choice, &filter, &err), 0, "%s", err.text);
        return filter;
}

#define EACH_ARCH(filter, user_namespaces, setuid_files)                                                         \
        for (size_t i_ = 0; i_ < 2; i_++)                                                                       \
                for (struct seccomp_filter filter = build(arches[i_], user_namespaces, setuid_files);           \
                     filter.code != NULL; seccomp_filter_free(&filter))
#define CALL4(name, a0, a1, a2, a3) call(&filter, arches[i_], name, (uint64_t)(a0), (uint64_t)(a1), (uint64_t)(a2), (uint64_t)(a3))
#define CALL(name, a0, a1, a2) CALL4(name, a0, a1, a2, 0)
#define HIGH (1ull << 32)

Test(seccomp_build, lets_what_the_lists_allow_pass_and_nothing_else)
{
        const struct policy_seccomp *policy = policy_seccomp_of(POLICY_SECCOMP_BASE_BUILD);
        const struct policy_seccomp_choice choice = { .setuid_files = true };

        EACH_ARCH(filter, false, true) {
                for (uint32_t number = 0; number < 700; number++) {
                        struct seccomp_data data = { .nr = (int)number, .arch = arches[i_] };
                        uint32_t wanted = ERRNO(ENOSYS);
                        bool is_ruled = false;

                        for (size_t i = 0; i < policy->n_allowed; i++)
                                if (seccomp_syscall_resolve_name_arch(arches[i_], policy->allowed[i]) == (int)number)
                                        wanted = SECCOMP_RET_ALLOW;
                        for (size_t i = 0; i < policy->n_refused; i++)
                                if (seccomp_syscall_resolve_name_arch(arches[i_], policy->refused[i]) == (int)number)
                                        wanted = ERRNO(EPERM);
                        for (size_t i = 0; i < policy->n_rules; i++)
                                if (policy->rules[i].applies == NULL || policy->rules[i].applies(&choice))
                                        is_ruled |= seccomp_syscall_resolve_name_arch(arches[i_], policy->rules[i].name) == (int)number;
                        if (!is_ruled)
                                cr_assert_eq(run(&filter, &data), wanted, "number %u", number);
                }
        }
}

Test(seccomp_build, names_each_call_once)
{
        const struct policy_seccomp *policy = policy_seccomp_of(POLICY_SECCOMP_BASE_BUILD);

        for (size_t i = 0; i < policy->n_allowed; i++) {
                for (size_t j = 0; j < i; j++)
                        cr_assert_str_neq(policy->allowed[i], policy->allowed[j]);
                for (size_t j = 0; j < policy->n_refused; j++)
                        cr_assert_str_neq(policy->allowed[i], policy->refused[j]);
        }
}

Test(seccomp_build, other_abis_answer_enosys)
{
        EACH_ARCH(filter, false, true) {
                struct seccomp_data data = { .nr = 1, .arch = AUDIT_ARCH_I386 };

                expect(run(&filter, &data), ERRNO(ENOSYS));
                data.arch = AUDIT_ARCH_ARM;
                expect(run(&filter, &data), ERRNO(ENOSYS));
                data.arch = arches[i_];
                data.nr = 0x40000001;
                expect(run(&filter, &data), ERRNO(ENOSYS));
                data.nr = -1;
                expect(run(&filter, &data), ERRNO(ENOSYS));
        }
}

Test(seccomp_build, opens_no_namespaces)
{
        static const uint64_t spaces[] = { CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET,
                                           CLONE_NEWCGROUP };

        EACH_ARCH(filter, false, true) {
                expect(CALL("clone3", 0, 88, 0), ERRNO(ENOSYS));
                expect(CALL("clone", CLONE_VM | CLONE_VFORK | 17, 0, 0), SECCOMP_RET_ALLOW);
                expect(CALL("clone", CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, 0, 0),
                       SECCOMP_RET_ALLOW);
                expect(CALL("unshare", CLONE_FILES, 0, 0), SECCOMP_RET_ALLOW);
                expect(CALL("unshare", 0x80, 0, 0), ERRNO(EPERM));
                expect(CALL("setns", 3, 0, 0), ERRNO(EPERM));
                for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
                        expect(CALL("clone", spaces[i] | 17, 0, 0), ERRNO(EPERM));
                        expect(CALL("clone", HIGH | spaces[i], 0, 0), ERRNO(EPERM));
                        expect(CALL("unshare", spaces[i], 0, 0), ERRNO(EPERM));
                        expect(CALL("unshare", CLONE_FILES | spaces[i] | HIGH, 0, 0), ERRNO(EPERM));
                }
        }
}

Test(seccomp_build, opens_user_namespaces_alone_where_the_profile_has_them)
{
        EACH_ARCH(filter, true, true) {
                expect(CALL("unshare", CLONE_NEWUSER, 0, 0), SECCOMP_RET_ALLOW);
                expect(CALL("clone", CLONE_NEWUSER | 17, 0, 0), SECCOMP_RET_ALLOW);
                expect(CALL("setns", 3, CLONE_NEWUSER, 0), SECCOMP_RET_ALLOW);
                expect(CALL("setns", 3, 0, 0), ERRNO(EPERM));
                expect(CALL("unshare", CLONE_NEWUSER | CLONE_NEWNS, 0, 0), ERRNO(EPERM));
                expect(CALL("clone", CLONE_NEWUSER | CLONE_NEWNET, 0, 0), ERRNO(EPERM));
                expect(CALL("clone3", 0, 88, 0), ERRNO(ENOSYS));
        }
}

Test(seccomp_build, knows_four_socket_families)
{
        EACH_ARCH(filter, false, true) {
                for (uint64_t family = 0; family < 300; family++) {
                        bool is_known = family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;

                        expect(CALL("socket", family, SOCK_STREAM, 0), is_known ? SECCOMP_RET_ALLOW : ERRNO(EAFNOSUPPORT));
                        /* The kernel reads an int. */
                        expect(CALL("socket", HIGH | family, SOCK_STREAM, 0),
                               is_known ? SECCOMP_RET_ALLOW : ERRNO(EAFNOSUPPORT));
                        expect(CALL("socketpair", family, SOCK_STREAM, 0),
                               family == AF_UNIX ? SECCOMP_RET_ALLOW : ERRNO(EAFNOSUPPORT));
                }
                for (uint64_t protocol = 1; protocol < 64; protocol++)
                        expect(CALL("socket", AF_NETLINK, SOCK_RAW, protocol), ERRNO(EAFNOSUPPORT));
                for (uint64_t protocol = 0; protocol < 300; protocol++) {
                        bool is_known = protocol == 0 || protocol == 1 || protocol == 6 || protocol == 17 || protocol == 58 ||
                                        protocol == 262;

                        expect(CALL("socket", AF_INET, SOCK_STREAM, protocol),
                               is_known ? SECCOMP_RET_ALLOW : ERRNO(EPROTONOSUPPORT));
                        expect(CALL("socket", AF_INET6, SOCK_SEQPACKET, HIGH | protocol),
                               is_known ? SECCOMP_RET_ALLOW : ERRNO(EPROTONOSUPPORT));
                }
        }
}

Test(seccomp_build, types_nothing_into_terminals_whatever_the_high_bits)
{
        EACH_ARCH(filter, false, true) {
                expect(CALL("ioctl", 0, TCGETS, 0), SECCOMP_RET_ALLOW);
                expect(CALL("ioctl", 0, TIOCSTI, 0), ERRNO(EPERM));
                expect(CALL("ioctl", 0, HIGH | TIOCSTI, 0), ERRNO(EPERM));
                expect(CALL("ioctl", 0, 0xabcdull << 48 | TIOCSTI, 0), ERRNO(EPERM));
                expect(CALL("ioctl", 0, 0x541c, 0), ERRNO(EPERM));
                expect(CALL("ioctl", 0, HIGH | 0x541c, 0), ERRNO(EPERM));
                expect(CALL("ioctl", 0, TIOCSETD, 0), ERRNO(EPERM));
        }
}

Test(seccomp_build, traces_only_what_asked_to_be_traced)
{
        EACH_ARCH(filter, false, true) {
                expect(CALL("ptrace", PTRACE_TRACEME, 0, 0), SECCOMP_RET_ALLOW);
                expect(CALL("ptrace", PTRACE_CONT, 5, 0), SECCOMP_RET_ALLOW);
                expect(CALL("ptrace", PTRACE_ATTACH, 5, 0), ERRNO(EPERM));
                expect(CALL("ptrace", HIGH | PTRACE_ATTACH, 5, 0), ERRNO(EPERM));
                expect(CALL("ptrace", PTRACE_SEIZE, 5, 0), ERRNO(EPERM));
        }
}

Test(seccomp_build, keeps_the_core_limit_and_says_that_it_changed)
{
        EACH_ARCH(filter, false, true) {
                expect(CALL4("prlimit64", 0, RLIMIT_CORE, 0x7fff0000, 0), ERRNO(0));
                expect(CALL4("prlimit64", 0, RLIMIT_CORE | HIGH, 7 * HIGH, 0), ERRNO(0));
                expect(CALL4("prlimit64", 0, RLIMIT_CORE, 0x7fff0000, 0x7fff0010), ERRNO(EPERM));
                expect(CALL4("prlimit64", 0, RLIMIT_CORE, 7 * HIGH, 7 * HIGH), ERRNO(EPERM));
                expect(CALL4("prlimit64", 0, RLIMIT_CORE, 0, 0x7fff0010), SECCOMP_RET_ALLOW);
                expect(CALL4("prlimit64", 0, RLIMIT_NOFILE, 0x7fff0000, 0), SECCOMP_RET_ALLOW);
                expect(CALL("setrlimit", RLIMIT_CORE, 0x7fff0000, 0), ERRNO(0));
                expect(CALL("setrlimit", RLIMIT_STACK, 0x7fff0000, 0), SECCOMP_RET_ALLOW);
        }
}

Test(seccomp_build, takes_docker_s_personalities_and_no_randomisation)
{
        EACH_ARCH(filter, false, true) {
                expect(CALL("personality", 0xffffffff, 0, 0), SECCOMP_RET_ALLOW);
                expect(CALL("personality", PER_LINUX32, 0, 0), SECCOMP_RET_ALLOW);
                expect(CALL("personality", ADDR_NO_RANDOMIZE, 0, 0), SECCOMP_RET_ALLOW);
                expect(CALL("personality", READ_IMPLIES_EXEC, 0, 0), ERRNO(EPERM));
                expect(CALL("personality", MMAP_PAGE_ZERO, 0, 0), ERRNO(EPERM));
        }
}

Test(seccomp_build, makes_no_setuid_files_where_the_profile_has_none)
{
        EACH_ARCH(filter, false, false) {
                expect(CALL("fchmod", 3, 0755, 0), SECCOMP_RET_ALLOW);
                expect(CALL("fchmod", 3, 04755, 0), ERRNO(EPERM));
                expect(CALL("fchmod", 3, 02755, 0), ERRNO(EPERM));
                expect(CALL("fchmod", 3, HIGH | 04755, 0), ERRNO(EPERM));
                expect(CALL("fchmodat", 3, 0, 06755), ERRNO(EPERM));
                expect(CALL("fchmodat", 3, 0, 01777), SECCOMP_RET_ALLOW);
                expect(CALL("mknodat", 3, 0, S_IFREG | 04755), ERRNO(EPERM));
                expect(CALL4("openat", 3, 0, O_CREAT | O_WRONLY, 04755), ERRNO(EPERM));
                expect(CALL4("openat", 3, 0, O_TMPFILE | O_WRONLY, 04755), ERRNO(EPERM));
                expect(CALL4("openat", 3, 0, O_CREAT | O_WRONLY, 0755), SECCOMP_RET_ALLOW);
                expect(CALL4("openat", 3, 0, O_RDONLY | O_DIRECTORY, 04755), SECCOMP_RET_ALLOW);
                expect(CALL("openat2", 3, 0, 0), ERRNO(ENOSYS));
                if (arches[i_] == SCMP_ARCH_X86_64) {
                        expect(CALL("chmod", 0, 04755, 0), ERRNO(EPERM));
                        expect(CALL("creat", 0, 02755, 0), ERRNO(EPERM));
                        expect(CALL("mknod", 0, 04755, 0), ERRNO(EPERM));
                        expect(CALL("open", 0, O_CREAT, 04755), ERRNO(EPERM));
                        expect(CALL("open", 0, O_RDONLY, 04755), SECCOMP_RET_ALLOW);
                }
        }
        EACH_ARCH(filter, false, true) {
                expect(CALL("fchmod", 3, 04755, 0), SECCOMP_RET_ALLOW);
                expect(CALL("openat2", 3, 0, 0), SECCOMP_RET_ALLOW);
        }
}

/* ---- the engine's ---- */

#define NAMES(...) .names = (const char *const[]){ __VA_ARGS__ }, \
                   .n_names = sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)
#define RULES(array) .rules = (array), .n_rules = sizeof(array) / sizeof((array)[0])
#define ARGS(array) .args = (array), .n_args = sizeof(array) / sizeof((array)[0])

static struct seccomp_filter engine(const struct spec_seccomp *seccomp)
{
        struct seccomp_filter filter;
        struct error err = { 0 };

        cr_assert_eq(seccomp_compile_engine(seccomp, &filter, &err), 0, "%s", err.text);
        return filter;
}

#define NATIVE seccomp_arch_native()

Test(seccomp_engine, returns_each_action_with_its_number)
{
        const struct spec_seccomp_rule rules[] = {
                { NAMES("read"), .action = SPEC_SECCOMP_KILL_THREAD },
                { NAMES("write"), .action = SPEC_SECCOMP_KILL_PROCESS },
                { NAMES("close"), .action = SPEC_SECCOMP_TRAP },
                { NAMES("fstat"), .action = SPEC_SECCOMP_ERRNO },
                { NAMES("lseek"), .action = SPEC_SECCOMP_ERRNO, .has_errno = true, .errno_ret = 13 },
                { NAMES("mmap"), .action = SPEC_SECCOMP_TRACE, .has_errno = true, .errno_ret = 7 },
                { NAMES("munmap"), .action = SPEC_SECCOMP_LOG },
                { NAMES("brk", "no_such_call", "statx"), .action = SPEC_SECCOMP_ALLOW },
                { NAMES("mprotect"), .action = SPEC_SECCOMP_ERRNO, .has_errno = true, .errno_ret = 95 },
        };
        const struct spec_seccomp seccomp = {
                .is_given = true, .default_action = SPEC_SECCOMP_ERRNO, .has_default_errno = true, .default_errno = 95, RULES(rules),
        };
        struct seccomp_filter filter = engine(&seccomp);

        expect(call(&filter, NATIVE, "read", 0, 0, 0, 0), SECCOMP_RET_KILL_THREAD);
        expect(call(&filter, NATIVE, "write", 0, 0, 0, 0), SECCOMP_RET_KILL_PROCESS);
        expect(call(&filter, NATIVE, "close", 0, 0, 0, 0), SECCOMP_RET_TRAP);
        expect(call(&filter, NATIVE, "fstat", 0, 0, 0, 0), ERRNO(EPERM));
        expect(call(&filter, NATIVE, "lseek", 0, 0, 0, 0), ERRNO(13));
        expect(call(&filter, NATIVE, "mmap", 0, 0, 0, 0), SECCOMP_RET_TRACE | 7);
        expect(call(&filter, NATIVE, "munmap", 0, 0, 0, 0), SECCOMP_RET_LOG);
        expect(call(&filter, NATIVE, "brk", 0, 0, 0, 0), SECCOMP_RET_ALLOW);
        expect(call(&filter, NATIVE, "mprotect", 0, 0, 0, 0), ERRNO(95));
        expect(call(&filter, NATIVE, "dup", 0, 0, 0, 0), ERRNO(95));
        cr_assert_eq(filter.flags, 0, "SPEC_ALLOW is not set by our own doing");
        seccomp_filter_free(&filter);
}

Test(seccomp_engine, compares_arguments_with_each_operator)
{
        static const struct { int op; uint64_t value, two, holds, fails; } cases[] = {
                { SPEC_SECCOMP_NE, 5, 0, 6, 5 },
                { SPEC_SECCOMP_LT, 5, 0, 4, 5 },
                { SPEC_SECCOMP_LE, 5, 0, 5, 6 },
                { SPEC_SECCOMP_EQ, 5, 0, 5, 5 + HIGH },
                { SPEC_SECCOMP_GE, 5, 0, 5, 4 },
                { SPEC_SECCOMP_GT, 5, 0, HIGH, 5 },
                { SPEC_SECCOMP_MASKED_EQ, 0xf0, 0x20, 0x2f, 0x30 },
        };

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                const struct spec_seccomp_arg args[] = { { 1, cases[i].value, cases[i].two, cases[i].op } };
                const struct spec_seccomp_rule rules[] = { { NAMES("tee"), .action = SPEC_SECCOMP_ALLOW, ARGS(args) } };
                const struct spec_seccomp seccomp = { .is_given = true, .default_action = SPEC_SECCOMP_ERRNO, RULES(rules) };
                struct seccomp_filter filter = engine(&seccomp);

                expect(call(&filter, NATIVE, "tee", 0, cases[i].holds, 0, 0), SECCOMP_RET_ALLOW);
                expect(call(&filter, NATIVE, "tee", 0, cases[i].fails, 0, 0), ERRNO(EPERM));
                seccomp_filter_free(&filter);
        }
}

Test(seccomp_engine, takes_conditions_of_two_arguments_together_and_of_one_apart)
{
        const struct spec_seccomp_arg both[] = { { 0, 1, 0, SPEC_SECCOMP_EQ }, { 1, 2, 0, SPEC_SECCOMP_EQ } };
        const struct spec_seccomp_arg either[] = { { 0, 1, 0, SPEC_SECCOMP_EQ }, { 0, 2, 0, SPEC_SECCOMP_EQ } };
        const struct spec_seccomp_rule rules[] = {
                { NAMES("tee"), .action = SPEC_SECCOMP_ALLOW, ARGS(both) },
                { NAMES("dup3"), .action = SPEC_SECCOMP_ALLOW, ARGS(either) },
        };
        const struct spec_seccomp seccomp = { .is_given = true, .default_action = SPEC_SECCOMP_ERRNO, RULES(rules) };
        struct seccomp_filter filter = engine(&seccomp);

        expect(call(&filter, NATIVE, "tee", 1, 2, 0, 0), SECCOMP_RET_ALLOW);
        expect(call(&filter, NATIVE, "tee", 1, 3, 0, 0), ERRNO(EPERM));
        expect(call(&filter, NATIVE, "dup3", 1, 0, 0, 0), SECCOMP_RET_ALLOW);
        expect(call(&filter, NATIVE, "dup3", 2, 0, 0, 0), SECCOMP_RET_ALLOW);
        expect(call(&filter, NATIVE, "dup3", 3, 0, 0, 0), ERRNO(EPERM));
        seccomp_filter_free(&filter);
}

/* Without it glibc takes EPERM of a call that did not exist when the profile was written for a verdict. */
Test(seccomp_engine, answers_enosys_to_calls_newer_than_the_profile)
{
        const struct spec_seccomp_rule rules[] = { { NAMES("read", "statx"), .action = SPEC_SECCOMP_ALLOW } };
        struct spec_seccomp seccomp = { .is_given = true, .default_action = SPEC_SECCOMP_ERRNO, RULES(rules) };
        struct seccomp_filter filter = engine(&seccomp);
        struct seccomp_data data = { .arch = NATIVE };

        expect(call(&filter, NATIVE, "read", 0, 0, 0, 0), SECCOMP_RET_ALLOW);
        expect(call(&filter, NATIVE, "write", 0, 0, 0, 0), ERRNO(EPERM));
        expect(call(&filter, NATIVE, "statx", 0, 0, 0, 0), SECCOMP_RET_ALLOW);
        data.nr = seccomp_syscall_resolve_name("statx") + 1;
        expect(run(&filter, &data), ERRNO(ENOSYS));
        expect(call(&filter, NATIVE, "openat2", 0, 0, 0, 0), ERRNO(ENOSYS));
        seccomp_filter_free(&filter);

        /* A default that kills is replaced as well, one that lets pass is not. */
        seccomp.default_action = SPEC_SECCOMP_KILL_PROCESS;
        filter = engine(&seccomp);
        expect(call(&filter, NATIVE, "openat2", 0, 0, 0, 0), ERRNO(ENOSYS));
        expect(call(&filter, NATIVE, "write", 0, 0, 0, 0), SECCOMP_RET_KILL_PROCESS);
        seccomp_filter_free(&filter);
        seccomp.default_action = SPEC_SECCOMP_LOG;
        filter = engine(&seccomp);
        expect(call(&filter, NATIVE, "openat2", 0, 0, 0, 0), SECCOMP_RET_LOG);
        seccomp_filter_free(&filter);
}

Test(seccomp_engine, judges_each_abi_by_its_own_newest_call)
{
        if (NATIVE != SCMP_ARCH_X86_64)
                cr_skip_test("needs an x86-64");
        const struct spec_seccomp_rule rules[] = { { NAMES("read", "statx"), .action = SPEC_SECCOMP_ALLOW } };
        const char *const names[] = { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32" };
        const struct spec_seccomp seccomp = {
                .is_given = true, .default_action = SPEC_SECCOMP_ERRNO, RULES(rules), .architectures = names, .n_architectures = 3,
        };
        struct seccomp_filter filter = engine(&seccomp);
        struct seccomp_data data = { .arch = AUDIT_ARCH_X86_64, .nr = 333 };

        expect(run(&filter, &data), ERRNO(ENOSYS));             /* statx is 332 */
        data.nr = 331;
        expect(run(&filter, &data), ERRNO(EPERM));
        data.nr = 0x40000000 | 332;
        expect(run(&filter, &data), SECCOMP_RET_ALLOW);
        data.nr = 0x40000000 | 333;
        expect(run(&filter, &data), ERRNO(ENOSYS));
        data.nr = 0x40000000 | 331;
        expect(run(&filter, &data), ERRNO(EPERM));
        data.arch = AUDIT_ARCH_I386;
        data.nr = 383;                                          /* statx there */
        expect(run(&filter, &data), SECCOMP_RET_ALLOW);
        data.nr = 384;
        expect(run(&filter, &data), ERRNO(ENOSYS));
        data.nr = 340;
        expect(run(&filter, &data), ERRNO(EPERM));
        seccomp_filter_free(&filter);
}

Test(seccomp_engine, kills_abis_that_the_profile_does_not_list)
{
        if (NATIVE != SCMP_ARCH_X86_64)
                cr_skip_test("needs an x86-64");
        const struct spec_seccomp_rule rules[] = { { NAMES("read", "statx"), .action = SPEC_SECCOMP_ALLOW } };
        const struct spec_seccomp seccomp = { .is_given = true, .default_action = SPEC_SECCOMP_ERRNO, RULES(rules) };
        struct seccomp_filter filter = engine(&seccomp);
        struct seccomp_data data = { .arch = AUDIT_ARCH_I386, .nr = 3 };

        expect(run(&filter, &data), SECCOMP_RET_KILL_THREAD);
        data = (struct seccomp_data){ .arch = AUDIT_ARCH_X86_64, .nr = 0x40000000 };
        expect(run(&filter, &data), SECCOMP_RET_KILL_THREAD);
        data.nr = 0x40000fff;
        expect(run(&filter, &data), SECCOMP_RET_KILL_THREAD);
        seccomp_filter_free(&filter);
}

Test(seccomp_engine, refuses_what_it_cannot_do_by_name)
{
        const struct spec_seccomp_rule number[] = { { NAMES("read"), .action = SPEC_SECCOMP_ALLOW, .has_errno = true, .errno_ret = 1 } };
        struct spec_seccomp seccomp = { .is_given = true, .default_action = SPEC_SECCOMP_ERRNO, RULES(number) };
        struct seccomp_filter filter = { 0 };
        struct error err = { 0 };

        cr_assert_eq(seccomp_compile_engine(&seccomp, &filter, &err), -EINVAL);
        /* 65536 would be cut to 0, and a refused call would look as if it had worked. */
        seccomp = (struct spec_seccomp){ .is_given = true, .default_action = SPEC_SECCOMP_ERRNO, .has_default_errno = true,
                                         .default_errno = 65536 };
        cr_assert_eq(seccomp_compile_engine(&seccomp, &filter, &err), -EINVAL);
        cr_assert_null(filter.code);
}

Test(seccomp_engine, architectures_of_other_machines_add_no_instructions)
{
        const char *const others[] = { "SCMP_ARCH_S390X", "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_RISCV64", "SCMP_ARCH_SHEB" };
        struct spec_seccomp seccomp = { .is_given = true, .default_action = SPEC_SECCOMP_ALLOW };
        struct seccomp_filter alone = engine(&seccomp), among;

        seccomp.architectures = others;
        seccomp.n_architectures = 4;
        among = engine(&seccomp);
        cr_assert_eq(among.n, alone.n);
        cr_assert_eq(memcmp(among.code, alone.code, alone.n * sizeof alone.code[0]), 0);
        seccomp_filter_free(&alone);
        seccomp_filter_free(&among);
}

Test(seccomp_engine, has_a_listener_where_a_rule_notifies)
{
        const struct spec_seccomp_rule notify[] = { { NAMES("mkdir"), .action = SPEC_SECCOMP_NOTIFY } };
        struct spec_seccomp seccomp = { .is_given = true, .default_action = SPEC_SECCOMP_ALLOW, RULES(notify), .flags = 15 };
        struct seccomp_filter filter = engine(&seccomp);

        expect(call(&filter, NATIVE, "mkdir", 0, 0, 0, 0), SECCOMP_RET_USER_NOTIF);
        /* No TSYNC: beside a listener the kernel would say EINVAL. */
        cr_assert_eq(filter.flags, SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_LOG |
                                   SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
        seccomp_filter_free(&filter);
}

Test(seccomp_engine, passes_the_flags_that_were_asked_for)
{
        struct spec_seccomp seccomp = { .is_given = true, .default_action = SPEC_SECCOMP_ALLOW, .flags = 15 };
        struct seccomp_filter filter = engine(&seccomp);

        cr_assert_eq(filter.flags, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW);
        seccomp_filter_free(&filter);
}

/* ---- cache ---- */

static char folder[64];

static void make_folder(void)
{
        strcpy(folder, "/tmp/runb-seccomp-XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void)
{
        fd_remove_tree(AT_FDCWD, folder);
}

static const struct spec_seccomp_rule cached_rules[] = { { NAMES("read"), .action = SPEC_SECCOMP_ALLOW } };
static const struct spec_seccomp cached = { .is_given = true, .default_action = SPEC_SECCOMP_ERRNO, RULES(cached_rules) };

static unsigned count_entries(char *ret_path, size_t size)
{
        DIR *dir = opendir(folder);
        struct dirent *entry;
        unsigned n = 0;

        while ((entry = readdir(dir)) != NULL) {
                if (entry->d_name[0] == '.')
                        continue;
                n++;
                if (ret_path != NULL)
                        snprintf(ret_path, size, "%s/%s", folder, entry->d_name);
        }
        closedir(dir);
        return n;
}

static struct seccomp_filter prepare(const struct spec_seccomp *seccomp)
{
        struct seccomp_filter filter = { 0 };
        struct error err = { 0 };

        cr_assert_eq(seccomp_prepare_engine(seccomp, folder, &filter, &err), 0, "%s", err.text);
        return filter;
}

/* Turns one bit of the program. */
static void damage(const char *path)
{
        int fd = open(path, O_RDWR | O_CLOEXEC);
        char bytes[65536];
        ssize_t length = read(fd, bytes, sizeof bytes);

        cr_assert_gt(length, 64);
        bytes[length - 1] ^= 1;
        cr_assert_eq(pwrite(fd, bytes, (size_t)length, 0), length);
        close(fd);
}

Test(seccomp_cache, finds_what_was_compiled_before, .init = make_folder, .fini = remove_folder)
{
        struct seccomp_filter first = prepare(&cached), second;
        char path[512], before[64], after[64];
        struct stat st;

        cr_assert_eq(count_entries(path, sizeof path), 1);
        stat(path, &st);
        cr_assert_eq(st.st_mode, S_IFREG | 0600);
        snprintf(before, sizeof before, "%ju %ju", (uintmax_t)st.st_ino, (uintmax_t)st.st_mtim.tv_nsec);
        second = prepare(&cached);
        cr_assert_eq(first.n, second.n);
        cr_assert_eq(memcmp(first.code, second.code, first.n * sizeof *first.code), 0);
        stat(path, &st);
        snprintf(after, sizeof after, "%ju %ju", (uintmax_t)st.st_ino, (uintmax_t)st.st_mtim.tv_nsec);
        cr_assert_str_eq(before, after, "a hit writes nothing");
        seccomp_filter_free(&first);
        seccomp_filter_free(&second);
}

Test(seccomp_cache, keeps_apart_what_differs_in_any_value, .init = make_folder, .fini = remove_folder)
{
        const struct spec_seccomp_arg args[] = { { 0, 1, 0, SPEC_SECCOMP_EQ } };
        const struct spec_seccomp_rule with_args[] = { { NAMES("read"), .action = SPEC_SECCOMP_ALLOW, ARGS(args) } };
        const struct spec_seccomp_rule joined[] = { { NAMES("readwrite"), .action = SPEC_SECCOMP_ALLOW } };
        const struct spec_seccomp_rule apart[] = { { NAMES("read", "write"), .action = SPEC_SECCOMP_ALLOW } };
        const struct spec_seccomp_rule asked[] = { { NAMES("read"), .action = SPEC_SECCOMP_NOTIFY } };
        const struct spec_seccomp_rule number[] = { { NAMES("read"), .action = SPEC_SECCOMP_ERRNO, .has_errno = true } };
        const struct spec_seccomp others[] = {
                { .is_given = true, .default_action = SPEC_SECCOMP_ERRNO, RULES(asked) },
                { .is_given = true, .default_action = SPEC_SECCOMP_ERRNO, RULES(asked), .flags = SPEC_SECCOMP_FLAG_WAIT_KILLABLE },
                { .is_given = true, .default_action = SPEC_SECCOMP_ERRNO, RULES(number) },
                { .is_given = true, .default_action = SPEC_SECCOMP_KILL_PROCESS, RULES(cached_rules) },
                { .is_given = true, .default_action = SPEC_SECCOMP_ERRNO, .has_default_errno = true, RULES(cached_rules) },
                { .is_given = true, .default_action = SPEC_SECCOMP_ERRNO, .flags = SPEC_SECCOMP_FLAG_LOG, RULES(cached_rules) },
                { .is_given = true, .default_action = SPEC_SECCOMP_ERRNO, RULES(with_args) },
                { .is_given = true, .default_action = SPEC_SECCOMP_ERRNO, RULES(joined) },
                { .is_given = true, .default_action = SPEC_SECCOMP_ERRNO, RULES(apart) },
        };
        struct seccomp_filter filter = prepare(&cached);

        seccomp_filter_free(&filter);
        for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
                filter = prepare(&others[i]);
                seccomp_filter_free(&filter);
                cr_assert_eq(count_entries(NULL, 0), i + 2);
        }
}

Test(seccomp_cache, compiles_anew_what_is_damaged, .init = make_folder, .fini = remove_folder)
{
        struct seccomp_filter first = prepare(&cached), again;
        char path[512];

        count_entries(path, sizeof path);
        damage(path);
        again = prepare(&cached);
        cr_assert_eq(memcmp(first.code, again.code, first.n * sizeof *first.code), 0, "a changed bit");
        seccomp_filter_free(&again);
        cr_assert_eq(truncate(path, 72), 0);
        again = prepare(&cached);
        cr_assert_eq(again.n, first.n, "cut short");
        seccomp_filter_free(&again);
        cr_assert_eq(truncate(path, 0), 0);
        again = prepare(&cached);
        cr_assert_eq(again.n, first.n, "empty");
        seccomp_filter_free(&again);
        again = prepare(&cached);
        cr_assert_eq(again.n, first.n, "and whole again");
        seccomp_filter_free(&again);
        seccomp_filter_free(&first);
}

/* The entry of a loose profile, under the name of a strict one. */
Test(seccomp_cache, does_not_take_one_entry_for_another, .init = make_folder, .fini = remove_folder)
{
        const struct spec_seccomp loose = { .is_given = true, .default_action = SPEC_SECCOMP_ALLOW };
        struct seccomp_filter strict = prepare(&cached), filter;
        char path[512], other[512];

        count_entries(path, sizeof path);
        unlink(path);
        filter = prepare(&loose);
        seccomp_filter_free(&filter);
        count_entries(other, sizeof other);
        cr_assert_eq(rename(other, path), 0);
        filter = prepare(&cached);
        cr_assert_eq(filter.n, strict.n);
        cr_assert_eq(memcmp(filter.code, strict.code, strict.n * sizeof *strict.code), 0);
        seccomp_filter_free(&filter);
        seccomp_filter_free(&strict);
}

Test(seccomp_cache, uses_no_entry_that_others_could_have_written, .init = make_folder, .fini = remove_folder)
{
        struct seccomp_filter strict = prepare(&cached), filter;
        char path[512], target[128];
        struct stat st;

        count_entries(path, sizeof path);
        cr_assert_eq(chmod(path, 0620), 0);
        filter = prepare(&cached);
        seccomp_filter_free(&filter);
        stat(path, &st);
        cr_assert_eq(st.st_mode & 07777, 0600, "written anew");
        /* A link to a whole entry elsewhere is not followed, and a FIFO does not hang. */
        snprintf(target, sizeof target, "%s.other", folder);
        cr_assert_eq(rename(path, target), 0);
        cr_assert_eq(symlink(target, path), 0);
        filter = prepare(&cached);
        seccomp_filter_free(&filter);
        lstat(path, &st);
        cr_assert(S_ISREG(st.st_mode));
        unlink(target);
        unlink(path);
        cr_assert_eq(mkfifo(path, 0600), 0);
        filter = prepare(&cached);
        cr_assert_eq(filter.n, strict.n);
        seccomp_filter_free(&filter);
        if (geteuid() == 0) {
                cr_assert_eq(chown(path, 12345, 12345), 0);
                filter = prepare(&cached);
                seccomp_filter_free(&filter);
                stat(path, &st);
                cr_assert_eq(st.st_uid, 0, "another owner's is replaced");
        }
        seccomp_filter_free(&strict);
}

Test(seccomp_cache, does_without_a_folder_that_others_can_write, .init = make_folder, .fini = remove_folder)
{
        struct seccomp_filter filter;

        cr_assert_eq(chmod(folder, 0770), 0);
        filter = prepare(&cached);
        cr_assert_not_null(filter.code);
        seccomp_filter_free(&filter);
        cr_assert_eq(count_entries(NULL, 0), 0);
        if (geteuid() == 0) {
                cr_assert_eq(chmod(folder, 0700), 0);
                cr_assert_eq(chown(folder, 12345, 0), 0);
                filter = prepare(&cached);
                seccomp_filter_free(&filter);
                cr_assert_eq(count_entries(NULL, 0), 0);
        }
}

Test(seccomp_cache, makes_its_folder_private, .init = make_folder, .fini = remove_folder)
{
        char top[sizeof folder];
        struct seccomp_filter filter;
        struct stat st;

        strcpy(top, folder);
        strcat(folder, "/a");
        filter = prepare(&cached);
        seccomp_filter_free(&filter);
        cr_assert_eq(stat(folder, &st), 0);
        cr_assert_eq(st.st_mode & 07777, 0700);
        cr_assert_eq(count_entries(NULL, 0), 1);
        strcpy(folder, top);
}

Test(seccomp_cache, does_not_grow_for_ever, .init = make_folder, .fini = remove_folder)
{
        for (unsigned i = 0; i < 80; i++) {
                const struct spec_seccomp seccomp = { .is_given = true, .default_action = SPEC_SECCOMP_ERRNO,
                                                      .has_default_errno = true, .default_errno = 100 + i };
                struct seccomp_filter filter = prepare(&seccomp);

                seccomp_filter_free(&filter);
        }
        cr_assert_leq(count_entries(NULL, 0), 64);
}

Test(seccomp_state, comes_back_as_it_was_saved, .init = make_folder, .fini = remove_folder)
{
        struct seccomp_filter filter = engine(&cached), none = { 0 }, back = { 0 };
        int dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct error err = { 0 };
        char path[512];

        filter.flags = 2;
        cr_assert_eq(seccomp_filter_save(&filter, dir_fd, "engine.bpf", &err), 0);
        cr_assert_eq(seccomp_filter_restore(dir_fd, "engine.bpf", &back, &err), 0);
        cr_assert_eq(back.n, filter.n);
        cr_assert_eq(back.flags, 2);
        cr_assert_eq(memcmp(back.code, filter.code, filter.n * sizeof *filter.code), 0);
        seccomp_filter_free(&back);
        count_entries(path, sizeof path);
        damage(path);
        cr_assert_eq(seccomp_filter_restore(dir_fd, "engine.bpf", &back, &err), -EBADMSG, "a changed bit is an error");
        cr_assert_null(back.code);
        cr_assert_eq(seccomp_filter_restore(dir_fd, "missing.bpf", &back, &err), -ENOENT, "and so is a missing file");
        cr_assert_eq(seccomp_filter_save(&none, dir_fd, "none.bpf", &err), 0);
        cr_assert_eq(seccomp_filter_restore(dir_fd, "none.bpf", &back, &err), 0);
        cr_assert_null(back.code);
        seccomp_filter_free(&filter);
        close(dir_fd);
}
