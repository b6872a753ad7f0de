/* What "engine" and "image-build" have besides the filter `build`, and that they have no more than that. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "oci-spec/spec.h"
#include "runtime/base/arena.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/seccomp.h"
#include "tests/unit/runtime/seccomp_run.h"

#define BUILD POLICY_SECCOMP_BASE_BUILD
#define ENGINE POLICY_SECCOMP_BASE_ENGINE
#define IMAGE POLICY_SECCOMP_BASE_IMAGE_BUILD
#define HIGH (1ull << 32)
#define NUMBERS 700

static struct seccomp_filter made(uint32_t arch, enum policy_seccomp_base base, bool user_namespaces, bool setuid_files)
{
        const struct policy_seccomp_choice choice = { base, user_namespaces, setuid_files, .tcp_ports = false };
        struct seccomp_filter filter;
        struct error err = { 0 };

        cr_assert_eq(seccomp_compile_build(arch, &choice, &filter, &err), 0, "%s", err.text);
        return filter;
}

#define EACH_ARCH(filter, base, user_namespaces)                                                                \
        for (size_t i_ = 0; i_ < 2; i_++)                                                                       \
                for (struct seccomp_filter filter = made(arches[i_], base, user_namespaces, true);              \
                     filter.code != NULL; seccomp_filter_free(&filter))
#define CALL(name, a0, a1, a2) call(&filter, arches[i_], name, (uint64_t)(a0), (uint64_t)(a1), (uint64_t)(a2), 0)

static const char *name_of(uint32_t arch, int number)
{
        static char *last;

        free(last);
        last = seccomp_syscall_resolve_num_arch(arch, number);
        return last != NULL ? last : "?";
}

/* Whatever passes `build` passes the wider ones; what passes them besides is named in @more. */
static void is_wider_by(enum policy_seccomp_base base, bool user_namespaces, const char *const *more, size_t n)
{
        /* All zero, and as an ordinary caller has it: flags of a fork, a stream socket of IPv4. */
        static const uint64_t args[][3] = { { 0, 0, 0 }, { 17, 0, 0 }, { AF_INET, SOCK_STREAM, 0 }, { 0x80, 0x80, 0x80 },
                                            { UINT64_MAX, UINT64_MAX, UINT64_MAX } };

        for (size_t i = 0; i < 2; i++) {
                struct seccomp_filter narrow = made(arches[i], BUILD, user_namespaces, true);
                struct seccomp_filter wide = made(arches[i], base, user_namespaces, true);

                for (int number = 0; number < NUMBERS; number++) {
                        for (size_t k = 0; k < sizeof args / sizeof args[0]; k++) {
                                struct seccomp_data data = { .nr = number, .arch = arches[i],
                                                             .args = { args[k][0], args[k][1], args[k][2] } };
                                uint32_t before = run(&narrow, &data), now = run(&wide, &data);
                                bool is_named = false;

                                if (now == before)
                                        continue;
                                cr_assert_neq(before, SECCOMP_RET_ALLOW, "%s is narrower", name_of(arches[i], number));
                                for (size_t j = 0; j < n; j++)
                                        is_named |= strcmp(name_of(arches[i], number), more[j]) == 0;
                                cr_assert(is_named, "%s passes", name_of(arches[i], number));
                        }
                }
                seccomp_filter_free(&narrow);
                seccomp_filter_free(&wide);
        }
}

Test(seccomp_bases, engine_is_wider_by_these_calls)
{
        static const char *const more[] = {
                "adjtimex", "clock_adjtime", "fanotify_mark", "get_thread_area", "io_cancel", "io_destroy", "io_getevents",
                "io_pgetevents", "io_setup", "io_submit", "listmount", "modify_ldt",
                "process_vm_readv", "process_vm_writev", "ptrace", "set_thread_area", "socket", "statmount",
        };

        is_wider_by(ENGINE, false, more, sizeof more / sizeof more[0]);
}

Test(seccomp_bases, image_build_is_wider_by_these_calls)
{
        static const char *const more[] = {
                "clone", "fsconfig", "fsmount", "fsopen", "fspick", "keyctl", "mount", "mount_setattr", "move_mount", "open_tree",
                "open_tree_attr", "pivot_root", "setdomainname", "sethostname", "setns", "umount2", "unshare",
        };

        is_wider_by(IMAGE, true, more, sizeof more / sizeof more[0]);
        is_wider_by(IMAGE, false, more, sizeof more / sizeof more[0]);
}

/* tests/data/seccomp/docker.json is what docker sends; libseccomp makes the program of it. */
Test(seccomp_bases, engine_passes_what_docker_s_filter_passes)
{
        const char *folder = getenv("srcdir");
        auto_free char *profile = NULL, *config = NULL;
        struct arena arena = { 0 };
        struct seccomp_filter theirs, ours;
        struct error err = { 0 };
        struct spec spec;
        char path[4096];
        size_t length, n_passed = 0;

        if (seccomp_arch_native() != SCMP_ARCH_X86_64)
                cr_skip_test("docker's filter of an x86-64");
        snprintf(path, sizeof path, "%s/tests/data/seccomp/docker.json", folder != NULL ? folder : ".");
        cr_assert_eq(fd_read_file(AT_FDCWD, path, 1 << 20, &profile, &length), 0, "%s", path);
        cr_assert_gt(asprintf(&config, "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"linux\":{\"seccomp\":%s}}",
                              profile), 0);
        cr_assert_eq(spec_read(&arena, config, strlen(config), "config.json", &spec, &err), 0, "%s", err.text);
        cr_assert_eq(seccomp_compile_engine(&spec.linux_.seccomp, &theirs, &err), 0, "%s", err.text);
        ours = made(SCMP_ARCH_X86_64, ENGINE, false, true);
        for (int number = 0; number < NUMBERS; number++) {
                struct seccomp_data data = { .nr = number, .arch = SCMP_ARCH_X86_64, .args = { 1, 0, 0 } };

                if (run(&theirs, &data) != SECCOMP_RET_ALLOW)
                        continue;
                n_passed++;
                /* Older dockers let them pass, and runb never does; two that no kernel has had since 2.6. */
                if (strncmp(name_of(SCMP_ARCH_X86_64, number), "io_uring", strlen("io_uring")) == 0 ||
                    strncmp(name_of(SCMP_ARCH_X86_64, number), "epoll_", strlen("epoll_")) == 0)
                        continue;
                cr_assert_eq(run(&ours, &data), SECCOMP_RET_ALLOW, "%s", name_of(SCMP_ARCH_X86_64, number));
        }
        cr_assert_gt(n_passed, 250);
        for (uint64_t family = 0; family < 64; family++) {
                struct seccomp_data data = { .nr = seccomp_syscall_resolve_name("socket"), .arch = SCMP_ARCH_X86_64,
                                             .args = { family, SOCK_DGRAM, 5 } };

                if (run(&ours, &data) == SECCOMP_RET_ALLOW)
                        cr_assert_eq(run(&theirs, &data), SECCOMP_RET_ALLOW, "family %llu", (unsigned long long)family);
        }
        seccomp_filter_free(&theirs);
        seccomp_filter_free(&ours);
        arena_free(&arena);
}

Test(seccomp_bases, engine_keeps_the_walls_that_no_profile_lowers)
{
        EACH_ARCH(filter, ENGINE, false) {
                struct seccomp_data data = { .nr = 1, .arch = AUDIT_ARCH_I386 };

                expect(run(&filter, &data), ERRNO(ENOSYS));
                expect(CALL("ptrace", PTRACE_ATTACH, 1, 0), SECCOMP_RET_ALLOW);
                expect(CALL("io_uring_setup", 1, 0, 0), ERRNO(EPERM));
                expect(CALL("bpf", 0, 0, 0), ERRNO(EPERM));
                expect(CALL("keyctl", 0, 0, 0), ERRNO(EPERM));
                expect(CALL("userfaultfd", 0, 0, 0), ERRNO(EPERM));
                expect(CALL("mount", 0, 0, 0), ERRNO(EPERM));
                expect(CALL("clone3", 0, 88, 0), ERRNO(ENOSYS));
                expect(CALL("unshare", CLONE_NEWUSER, 0, 0), ERRNO(EPERM));
                expect(CALL("clone", CLONE_NEWNET | 17, 0, 0), ERRNO(EPERM));
                expect(CALL("ioctl", 0, HIGH | TIOCSTI, 0), ERRNO(EPERM));
                expect(CALL("setrlimit", RLIMIT_CORE, 0, 0), ERRNO(0));
        }
}

Test(seccomp_bases, engine_opens_four_families_of_sockets_with_any_protocol)
{
        EACH_ARCH(filter, ENGINE, false) {
                for (uint64_t family = 0; family < 300; family++) {
                        bool is_known = family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
                        uint32_t wanted = is_known ? SECCOMP_RET_ALLOW : ERRNO(EAFNOSUPPORT);

                        expect(CALL("socket", family, SOCK_STREAM, 132), wanted);
                        expect(CALL("socket", HIGH | family, SOCK_STREAM, 0), wanted);
                }
                expect(CALL("socket", AF_NETLINK, SOCK_RAW, NETLINK_AUDIT), SECCOMP_RET_ALLOW);
        }
}

/* AF_INET with SOCK_PACKET is AF_PACKET under its name of Linux 2.0. */
Test(seccomp_bases, none_opens_packet_sockets)
{
        for (enum policy_seccomp_base base = BUILD; base <= IMAGE; base++)
                EACH_ARCH(filter, base, true) {
                        expect(CALL("socket", AF_INET, SOCK_PACKET, 0), ERRNO(EAFNOSUPPORT));
                        expect(CALL("socket", AF_INET, SOCK_PACKET | SOCK_CLOEXEC, 0), ERRNO(EAFNOSUPPORT));
                        expect(CALL("socket", AF_INET, HIGH | SOCK_PACKET | SOCK_NONBLOCK, 6), ERRNO(EAFNOSUPPORT));
                        expect(CALL("socket", AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), SECCOMP_RET_ALLOW);
                        expect(CALL("socket", AF_PACKET, SOCK_RAW, 0), ERRNO(EAFNOSUPPORT));
                        expect(CALL("socket", 40, SOCK_STREAM, 0), ERRNO(EAFNOSUPPORT));
                        expect(CALL("socket", 38, SOCK_SEQPACKET, 0), ERRNO(EAFNOSUPPORT));
                }
}

Test(seccomp_bases, image_build_makes_namespaces_and_mounts)
{
        const uint64_t all = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;

        EACH_ARCH(filter, IMAGE, true) {
                expect(CALL("mount", 0, 0, 0), SECCOMP_RET_ALLOW);
                expect(CALL("unshare", all | CLONE_NEWUSER, 0, 0), SECCOMP_RET_ALLOW);
                expect(CALL("unshare", 0x80, 0, 0), ERRNO(EPERM));
                expect(CALL("clone", all | CLONE_NEWUSER | 17, 0, 0), SECCOMP_RET_ALLOW);
                expect(CALL("setns", 3, CLONE_NEWNS, 0), SECCOMP_RET_ALLOW);
        }
        EACH_ARCH(filter, IMAGE, false) {
                expect(CALL("unshare", all, 0, 0), SECCOMP_RET_ALLOW);
                expect(CALL("unshare", all | CLONE_NEWUSER, 0, 0), ERRNO(EPERM));
                expect(CALL("clone", all | 17, 0, 0), SECCOMP_RET_ALLOW);
                expect(CALL("clone", HIGH | CLONE_NEWUSER | 17, 0, 0), ERRNO(EPERM));
        }
}

Test(seccomp_bases, image_build_keeps_the_walls_that_no_profile_lowers)
{
        EACH_ARCH(filter, IMAGE, true) {
                struct seccomp_data data = { .nr = 0x40000001, .arch = arches[i_] };

                expect(run(&filter, &data), ERRNO(ENOSYS));
                expect(CALL("clone3", 0, 88, 0), ERRNO(ENOSYS));
                expect(CALL("ptrace", PTRACE_ATTACH, 1, 0), ERRNO(EPERM));
                expect(CALL("open_by_handle_at", 0, 0, 0), ERRNO(EPERM));
                expect(CALL("fanotify_init", 0, 0, 0), ERRNO(EPERM));
                expect(CALL("quotactl", 0, 0, 0), ERRNO(EPERM));
                expect(CALL("bpf", 0, 0, 0), ERRNO(EPERM));
                expect(CALL("keyctl", 0, 0, 0), ERRNO(ENOSYS));
                expect(CALL("add_key", 0, 0, 0), ERRNO(EPERM));
                expect(CALL("perf_event_open", 0, 0, 0), ERRNO(EPERM));
                expect(CALL("io_uring_setup", 1, 0, 0), ERRNO(EPERM));
                expect(CALL("socket", AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), ERRNO(EAFNOSUPPORT));
                expect(CALL("ioctl", 0, TIOCSTI, 0), ERRNO(EPERM));
        }
}

/* The last door: files with an owner's power, whatever the base. */
Test(seccomp_bases, none_makes_setuid_files_where_the_profile_has_none)
{
        for (enum policy_seccomp_base base = BUILD; base <= IMAGE; base++) {
                for (size_t i = 0; i < 2; i++) {
                        struct seccomp_filter filter = made(arches[i], base, true, false);

                        expect(call(&filter, arches[i], "fchmodat", 0, 0, 04755, 0), ERRNO(EPERM));
                        expect(call(&filter, arches[i], "fchmodat", 0, 0, 0755, 0), SECCOMP_RET_ALLOW);
                        expect(call(&filter, arches[i], "openat2", 0, 0, 0, 0), ERRNO(ENOSYS));
                        seccomp_filter_free(&filter);
                }
        }
}

static struct seccomp_filter with_ports(uint32_t arch, enum policy_seccomp_base base, bool tcp_ports)
{
        const struct policy_seccomp_choice choice = { base, true, true, .tcp_ports = tcp_ports };
        struct seccomp_filter filter;
        struct error err = { 0 };

        cr_assert_eq(seccomp_compile_build(arch, &choice, &filter, &err), 0, "%s", err.text);
        return filter;
}

static uint32_t answer(const struct seccomp_filter *filter, uint32_t arch, const char *name, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
        return call(filter, arch, name, a, b, c, d);
}

/* What connects without Landlock being asked; and where nobody asks Landlock, it passes. */
Test(seccomp_bases, tcp_by_another_name_is_refused_where_ports_are_held)
{
        static const enum policy_seccomp_base bases[] = { BUILD, ENGINE, IMAGE };

        for (size_t i = 0; i < 2; i++) {
                for (size_t j = 0; j < 3; j++) {
                        struct seccomp_filter held = with_ports(arches[i], bases[j], true);
                        struct seccomp_filter open = with_ports(arches[i], bases[j], false);

                        for (int family = AF_INET; family <= AF_INET6; family += AF_INET6 - AF_INET) {
                                cr_assert_eq(answer(&held, arches[i], "socket", (uint64_t)family, SOCK_STREAM, 262, 0), ERRNO(EPROTONOSUPPORT));
                                cr_assert_eq(answer(&held, arches[i], "socket", (uint64_t)family, SOCK_STREAM, HIGH | 262, 0), ERRNO(EPROTONOSUPPORT));
                                cr_assert_eq(answer(&held, arches[i], "socket", (uint64_t)family, SOCK_STREAM, 256, 0), ERRNO(EPROTONOSUPPORT));
                                cr_assert_eq(answer(&open, arches[i], "socket", (uint64_t)family, SOCK_STREAM, 262, 0), SECCOMP_RET_ALLOW);
                                cr_assert_eq(answer(&held, arches[i], "socket", (uint64_t)family, SOCK_STREAM, 0, 0), SECCOMP_RET_ALLOW);
                                cr_assert_eq(answer(&held, arches[i], "socket", (uint64_t)family, SOCK_DGRAM, IPPROTO_UDP, 0), SECCOMP_RET_ALLOW);
                        }
                        cr_assert_eq(answer(&held, arches[i], "sendto", 0, 0, 0, MSG_FASTOPEN), ERRNO(EOPNOTSUPP));
                        cr_assert_eq(answer(&held, arches[i], "sendto", 0, 0, 0, HIGH | MSG_FASTOPEN | MSG_NOSIGNAL), ERRNO(EOPNOTSUPP));
                        cr_assert_eq(answer(&held, arches[i], "sendmsg", 0, 0, MSG_FASTOPEN, 0), ERRNO(EOPNOTSUPP));
                        cr_assert_eq(answer(&held, arches[i], "sendmmsg", 0, 0, 0, MSG_FASTOPEN), ERRNO(EOPNOTSUPP));
                        cr_assert_eq(answer(&held, arches[i], "sendto", 0, 0, MSG_FASTOPEN, MSG_NOSIGNAL), SECCOMP_RET_ALLOW);
                        cr_assert_eq(answer(&held, arches[i], "sendmsg", 0, 0, MSG_NOSIGNAL, MSG_FASTOPEN), SECCOMP_RET_ALLOW);
                        cr_assert_eq(answer(&open, arches[i], "sendto", 0, 0, 0, MSG_FASTOPEN), SECCOMP_RET_ALLOW);
                        seccomp_filter_free(&held);
                        seccomp_filter_free(&open);
                }
        }
}
