/* Each member of a profile: once where it acts, once with the same request within it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "policies/concurrent.h"
#include "policies/file.h"
#include "policies/systemd.h"
#include "tests/unit/policies/request.h"

static struct request q;
static struct policy_profile *p;

static void setup(void)
{
        request_init(&q);
        p = &q.policy.profile;
        q.host.nofile = q.host.fsize = (struct host_rlimit){ UINT64_MAX, UINT64_MAX };
}

static void teardown(void)
{
        request_free(&q);
}

TestSuite(policy_rooms, .init = setup, .fini = teardown);

static void limit(enum policy_limit which, uint64_t value)
{
        p->limits[which] = (struct policy_limit_value){ true, true, value };
}

static struct spec_resources *asked(void)
{
        return &q.spec.linux_.resources;
}

static const struct spec_resources *got(void)
{
        return &q.sandbox.spec.linux_.resources;
}

static struct spec_number given(int64_t value)
{
        return (struct spec_number){ true, value };
}

Test(policy_rooms, memory_is_filled_in_and_lowered)
{
        limit(POLICY_LIMIT_MEMORY, 1000000);
        request_passes(&q);
        cr_assert_eq(got()->memory.limit.value, 1000000);
        cr_assert_eq(q.sandbox.demanded.memory.limit.value, 1000000);
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "limits.memory"));
        asked()->memory.limit = given(2000000);
        asked()->memory.swap = given(2500000);
        request_passes(&q);
        cr_assert_eq(got()->memory.limit.value, 1000000);
        cr_assert_eq(got()->memory.swap.value, 2500000);
        asked()->memory.limit = given(-1);
        asked()->memory.swap = given(-1);
        request_passes(&q);
        cr_assert_eq(got()->memory.limit.value, 1000000);
}

Test(policy_rooms, memory_within_stays)
{
        limit(POLICY_LIMIT_MEMORY, 1000000);
        asked()->memory.limit = given(1000000);
        request_passes(&q);
        cr_assert_eq(got()->memory.limit.value, 1000000);
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "limits.memory"));
        p->limits[POLICY_LIMIT_MEMORY] = (struct policy_limit_value){ 0 };
        asked()->memory.limit = given(0);
        request_passes(&q);
        cr_assert_eq(got()->memory.limit.value, 0, "no policy, no change");
}

Test(policy_rooms, swap_counts_besides_memory)
{
        const struct spec_pair pair = { "memory.swap.max", "8589934592" };

        limit(POLICY_LIMIT_MEMORY, 1000000);
        limit(POLICY_LIMIT_SWAP, 0);
        request_passes(&q);
        cr_assert_eq(got()->memory.swap.value, 1000000);
        asked()->memory.limit = given(600000);
        asked()->memory.swap = given(-1);
        request_passes(&q);
        cr_assert_eq(got()->memory.swap.value, 600000);
        p->limits[POLICY_LIMIT_SWAP].value = 100000;
        asked()->memory.swap = given(650000);
        request_passes(&q);
        cr_assert_eq(got()->memory.swap.value, 650000);
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "limits.swap"));
        /* Neither by the file of the cgroup. */
        asked()->memory.limit = asked()->memory.swap = (struct spec_number){ 0 };
        asked()->unified = &pair;
        asked()->n_unified = 1;
        q.host.is_cgroup2 = true;
        request_passes(&q);
        cr_assert_eq(got()->memory.swap.value, 1100000);
        cr_assert_eq(got()->n_unified, 1, "memory.oom.group alone");
}

Test(policy_rooms, what_the_file_sets_is_demanded_of_the_host_and_nothing_else_is)
{
        const struct spec_resources *demanded = &q.sandbox.demanded;

        limit(POLICY_LIMIT_MEMORY, 1000000);
        limit(POLICY_LIMIT_SWAP, 5000);
        limit(POLICY_LIMIT_PIDS, 100);
        limit(POLICY_LIMIT_CPUS, 1000);
        limit(POLICY_LIMIT_IO_WEIGHT, 100);
        request_passes(&q);
        cr_assert_eq(demanded->memory.limit.value, 1000000);
        cr_assert_eq(demanded->memory.swap.value, 1005000);
        cr_assert_eq(demanded->pids_limit.value, 100);
        cr_assert_eq(demanded->cpu.quota_us.value, 100000);
        cr_assert_eq(demanded->block.weight.value, 19);
        for (size_t i = 0; i < POLICY_LIMITS; i++)
                p->limits[i].is_demanded = false;
        request_passes(&q);
        cr_assert_not(demanded->memory.limit.is_given || demanded->memory.swap.is_given || demanded->pids_limit.is_given ||
                      demanded->cpu.quota_us.is_given || demanded->block.weight.is_given);
        cr_assert_eq(got()->pids_limit.value, 100, "but it holds where it can");
}

Test(policy_rooms, what_is_not_dropped_of_the_files_stays)
{
        q.pairs[0] = (struct spec_pair){ "memory.swap.max", "1" };
        q.pairs[1] = (struct spec_pair){ "memory.high", "2" };
        q.pairs[2] = (struct spec_pair){ "cpu.idle", "1" };
        asked()->unified = q.pairs;
        asked()->n_unified = 3;
        limit(POLICY_LIMIT_MEMORY, 1000000);
        limit(POLICY_LIMIT_SWAP, 0);
        p->limits[POLICY_LIMIT_MEMORY].is_demanded = false;     /* that adds a file */
        q.host.is_cgroup2 = true;
        request_passes(&q);
        cr_assert_eq(got()->n_unified, 2);
        cr_assert_str_eq(got()->unified[0].key, "memory.high");
        cr_assert_str_eq(got()->unified[1].key, "cpu.idle");
}

Test(policy_rooms, cpus_are_a_quota_in_whatever_period)
{
        limit(POLICY_LIMIT_CPUS, 1500);
        request_passes(&q);
        cr_assert_eq(got()->cpu.quota_us.value, 150000);
        cr_assert_eq(got()->cpu.period_us.value, 100000);
        asked()->cpu.period_us = given(10000);
        asked()->cpu.quota_us = given(20000);
        request_passes(&q);
        cr_assert_eq(got()->cpu.quota_us.value, 15000);
        cr_assert_eq(got()->cpu.period_us.value, 10000);
        asked()->cpu.quota_us = given(-1);
        request_passes(&q);
        cr_assert_eq(got()->cpu.quota_us.value, 15000);
}

Test(policy_rooms, a_part_of_a_cpu_that_no_kernel_takes_in_the_period_is_the_same_part_of_a_longer_one)
{
        limit(POLICY_LIMIT_CPUS, 3);
        request_passes(&q);
        cr_assert_eq(got()->cpu.quota_us.value, 3000);
        cr_assert_eq(got()->cpu.period_us.value, 1000000);
        asked()->cpu.period_us = given(500000);
        asked()->cpu.quota_us = given(3000);
        request_passes(&q);
        cr_assert_eq(got()->cpu.quota_us.value, 1500);
        cr_assert_eq(got()->cpu.period_us.value, 500000);
        asked()->cpu.period_us = given(200000);
        asked()->cpu.quota_us = given(1000);
        request_passes(&q);
        cr_assert_eq(got()->cpu.quota_us.value, 3000);
        cr_assert_eq(got()->cpu.period_us.value, 1000000);
}

Test(policy_rooms, a_quota_within_stays)
{
        limit(POLICY_LIMIT_CPUS, 1500);
        asked()->cpu.period_us = given(50000);
        asked()->cpu.quota_us = given(75000);
        request_passes(&q);
        cr_assert_eq(got()->cpu.quota_us.value, 75000);
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "limits.cpus"));
}

Test(policy_rooms, the_weight_of_io_is_lowered_everywhere)
{
        const struct spec_block_device device = { 8, 0, true, false, 1000, 0 };
        const struct spec_pair pair = { "io.weight", "default 10000" };

        limit(POLICY_LIMIT_IO_WEIGHT, 100);
        asked()->block.weight = given(500);
        asked()->block.devices = &device;
        asked()->block.n_devices = 1;
        asked()->unified = &pair;
        asked()->n_unified = 1;
        request_passes(&q);
        cr_assert_eq(got()->block.weight.value, 19);    /* 1 + (19 - 10) * 9999 / 990 = 91 */
        cr_assert_eq(got()->block.devices[0].weight, 19);
        cr_assert_eq(got()->n_unified, 0);
        asked()->block.weight = given(15);
        asked()->block.n_devices = asked()->n_unified = 0;
        request_passes(&q);
        cr_assert_eq(got()->block.weight.value, 15);
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "limits.ioWeight"));
}

static const struct spec_rlimit *rlimit(int resource)
{
        for (size_t i = 0; i < q.sandbox.spec.process.n_rlimits; i++) {
                if (q.sandbox.spec.process.rlimits[i].resource == resource)
                        return &q.sandbox.spec.process.rlimits[i];
        }
        return NULL;
}

Test(policy_rooms, limits_of_the_process_are_filled_in_and_lowered)
{
        const struct spec_rlimit files[] = { { RLIMIT_NOFILE, "RLIMIT_NOFILE", 1024, 1048576 } };

        limit(POLICY_LIMIT_NOFILE, 4096);
        limit(POLICY_LIMIT_FSIZE, 1000);
        request_passes(&q);
        cr_assert_eq(rlimit(RLIMIT_NOFILE)->hard, 4096);
        cr_assert_eq(rlimit(RLIMIT_FSIZE)->soft, 1000);
        q.spec.process.rlimits = files;
        q.spec.process.n_rlimits = 1;
        request_passes(&q);
        cr_assert_eq(rlimit(RLIMIT_NOFILE)->soft, 1024);
        cr_assert_eq(rlimit(RLIMIT_NOFILE)->hard, 4096);
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "limits.nofile"));
}

Test(policy_rooms, limits_of_the_process_within_stay)
{
        const struct spec_rlimit files[] = { { RLIMIT_NOFILE, "RLIMIT_NOFILE", 1024, 4096 } };

        limit(POLICY_LIMIT_NOFILE, 4096);
        limit(POLICY_LIMIT_FSIZE, 1000);
        q.host.fsize = (struct host_rlimit){ 10, 1000 };
        q.spec.process.rlimits = files;
        q.spec.process.n_rlimits = 1;
        request_passes(&q);
        cr_assert_eq(rlimit(RLIMIT_NOFILE)->hard, 4096);
        cr_assert_null(rlimit(RLIMIT_FSIZE), "inherited, and within");
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "limits.nofile"));
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "limits.fsize"));
}

static int update(const struct spec_resources *resources, struct spec_resources *ret)
{
        q.findings = (struct findings){ .arena = &q.arena };
        q.err = (struct error){ 0 };
        return harden_resources(resources, &q.policy, &q.host, &q.arena, ret, &q.findings, &q.err);
}

Test(policy_rooms, an_update_raises_up_to_the_profiles_and_no_further)
{
        struct spec_resources change = { 0 }, result;

        limit(POLICY_LIMIT_MEMORY, 1000000);
        limit(POLICY_LIMIT_SWAP, 0);
        limit(POLICY_LIMIT_CPUS, 2000);
        cr_assert_eq(update(&change, &result), 0);
        cr_assert_not(result.memory.limit.is_given);
        cr_assert_not(result.cpu.quota_us.is_given);
        change.memory.limit = given(900000);
        cr_assert_eq(update(&change, &result), 0);
        cr_assert_eq(result.memory.limit.value, 900000);
        change.memory.limit = given(-1);
        change.memory.swap = given(-1);
        cr_assert_eq(update(&change, &result), 0);
        cr_assert_eq(result.memory.limit.value, 1000000);
        cr_assert_eq(result.memory.swap.value, 1000000);
}

Test(policy_rooms, with_a_limit_of_memory_a_build_ends_as_a_whole_on_cgroup_v2)
{
        const struct spec_pair pair = { "memory.oom.group", "0" };
        struct spec_resources change = { 0 }, result;

        q.host.is_cgroup2 = true;
        request_passes(&q);
        cr_assert_eq(got()->n_unified, 0, "no policy, no change");
        limit(POLICY_LIMIT_MEMORY, 1000000);
        request_passes(&q);
        cr_assert_eq(got()->n_unified, 1);
        cr_assert_str_eq(got()->unified[0].key, "memory.oom.group");
        cr_assert_str_eq(got()->unified[0].value, "1");
        asked()->unified = &pair;
        asked()->n_unified = 1;
        request_passes(&q);
        cr_assert_eq(got()->n_unified, 1);
        cr_assert_str_eq(got()->unified[0].value, "1");
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "limits.memory"));
        /* An update sets what it names, and no less. */
        cr_assert_eq(update(&change, &result), 0);
        cr_assert_eq(result.n_unified, 0);
        change.unified = &pair;
        change.n_unified = 1;
        cr_assert_eq(update(&change, &result), 0);
        cr_assert_str_eq(result.unified[0].value, "1");
        asked()->n_unified = 0;
        q.host.is_cgroup2 = false;
        request_passes(&q);
        cr_assert_eq(got()->n_unified, 0, "cgroup v1 has none");
}

/* memory.memsw.limit_in_bytes is of both: what memory loses, swap would get. */
Test(policy_rooms, an_update_of_memory_gives_nothing_to_swap_on_cgroup_v1)
{
        struct spec_resources change = { .memory.limit = given(900000) }, result;

        limit(POLICY_LIMIT_MEMORY, 1000000);
        limit(POLICY_LIMIT_SWAP, 1000);
        q.host.is_cgroup2 = false;
        cr_assert_eq(update(&change, &result), 0);
        cr_assert_eq(result.memory.swap.value, 901000);
        q.host.is_cgroup2 = true;
        cr_assert_eq(update(&change, &result), 0);
        cr_assert_not(result.memory.swap.is_given);
}

Test(policy_rooms, an_update_of_half_a_limit_is_refused)
{
        struct spec_resources change = { 0 }, result;

        limit(POLICY_LIMIT_MEMORY, 1000000);
        limit(POLICY_LIMIT_SWAP, 0);
        limit(POLICY_LIMIT_CPUS, 2000);
        change.cpu.period_us = given(1000);
        cr_assert_eq(update(&change, &result), -EPERM);
        cr_assert_str_eq(q.err.rule, "limits.cpus");
        change.cpu.quota_us = given(1500);
        cr_assert_eq(update(&change, &result), 0);
        cr_assert_eq(result.cpu.quota_us.value, 1500);
        change.memory.swap = given(5000000);
        cr_assert_eq(update(&change, &result), -EPERM);
        cr_assert_str_eq(q.err.rule, "limits.swap");
}

Test(policy_rooms, a_read_only_rootfs)
{
        request_passes(&q);
        cr_assert_not(q.sandbox.spec.is_root_readonly);
        p->rootfs = POLICY_ROOTFS_READONLY;
        request_passes(&q);
        cr_assert(q.sandbox.spec.is_root_readonly);
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "rootfs"));
        cr_assert_str_eq(request_finding(&q, FINDING_TIGHTENED, "rootfs")->property, "root.readonly");
        q.spec.is_root_readonly = true;
        request_passes(&q);
        cr_assert_str_neq(request_finding(&q, FINDING_TIGHTENED, "rootfs")->property, "root.readonly", "that was asked for");
}

Test(policy_rooms, without_setuid_files_no_capability_to_give_files_some)
{
        uint64_t setfcap = UINT64_C(1) << CAP_SETFCAP;

        q.spec.process.caps.bounding |= setfcap;
        request_passes(&q);
        cr_assert(q.sandbox.spec.process.caps.bounding & setfcap);
        cr_assert(q.sandbox.seccomp_setuid_files);
        p->seccomp_setuid_files = false;
        request_passes(&q);
        cr_assert_not(q.sandbox.spec.process.caps.bounding & setfcap);
        cr_assert_not(q.sandbox.seccomp_setuid_files);
}

Test(policy_rooms, who_may_mount_owns_a_copy_of_the_mounts_and_namespaces_are_counted)
{
        request_passes(&q);
        cr_assert_eq(q.sandbox.seccomp_base, POLICY_SECCOMP_BASE_BUILD);
        cr_assert_eq(q.sandbox.max_namespaces, 0);
        p->seccomp_base = POLICY_SECCOMP_BASE_ENGINE;
        request_passes(&q);
        cr_assert_eq(q.sandbox.seccomp_base, POLICY_SECCOMP_BASE_ENGINE);
        cr_assert_eq(q.sandbox.max_namespaces, 0);
        p->seccomp_base = POLICY_SECCOMP_BASE_IMAGE_BUILD;
        request_passes(&q);
        cr_assert_eq(q.sandbox.seccomp_base, POLICY_SECCOMP_BASE_IMAGE_BUILD);
        cr_assert_eq(q.sandbox.max_namespaces, POLICY_MAX_NAMESPACES);
}

Test(policy_rooms, user_namespaces_are_counted)
{
        request_passes(&q);
        cr_assert_eq(q.sandbox.max_user_namespaces, 0);
        p->seccomp_user_namespaces = true;
        request_passes(&q);
        cr_assert(q.sandbox.seccomp_user_namespaces);
        cr_assert_eq(q.sandbox.max_user_namespaces, POLICY_MAX_USER_NAMESPACES);
}

static void list(struct policy_texts *texts, const char *const *items, size_t n)
{
        *texts = (struct policy_texts){ items, n };
}

Test(policy_rooms, denied_sources_and_folders_that_hold_them)
{
        static const char *const deny[] = { "/srv/secret/**" };

        list(&p->mounts.deny, deny, 1);
        request_bind(&q, "/srv/public", "/work");
        request_passes(&q);
        q.sources[q.spec.n_mounts - 1].real_path = "/srv/secret/keys";
        request_is_refused(&q, "mounts.sources");
        cr_assert_not_null(strstr(q.err.text, "/srv/secret/keys is denied by \"/srv/secret/**\""), "%s", q.err.text);
        q.sources[q.spec.n_mounts - 1].real_path = "/srv";
        request_is_refused(&q, "mounts.sources");
        cr_assert_not_null(strstr(q.err.text, "/srv holds what \"/srv/secret/**\" denies"), "%s", q.err.text);
        q.sources[q.spec.n_mounts - 1].real_path = "/srv/public";
        q.sources[q.spec.n_mounts - 1].origin_path = "/srv/secret";
        request_is_refused(&q, "mounts.sources");
}

Test(policy_rooms, listed_sources_pass_the_denials_and_our_own_places)
{
        static const char *const deny[] = { "/srv/**" }, *const allow[] = { "/srv/cache/**", "/root/cache" };

        list(&p->mounts.deny, deny, 1);
        request_bind(&q, "/srv/cache/go", "/work");
        request_is_refused(&q, "mounts.sources");
        list(&p->mounts.allow, allow, 2);
        request_passes(&q);
        q.sources[q.spec.n_mounts - 1].real_path = "/root/cache";
        request_passes(&q);
        q.sources[q.spec.n_mounts - 1].real_path = "/root";
        request_is_refused(&q, "mounts.sources");
        /* A view of the kernel is one under any name. */
        q.sources[q.spec.n_mounts - 1].real_path = "/srv/cache/proc";
        q.sources[q.spec.n_mounts - 1].fs_magic = 0x9fa0;
        request_is_refused(&q, "mounts.sources");
}

Test(policy_rooms, sockets_pass_where_listed_but_never_an_engines)
{
        static const char *const allow[] = { "/run/agent.sock", "/run/docker.sock" };

        request_bind(&q, "/run/agent.sock", "/agent")->mode = S_IFSOCK | 0666;
        request_is_refused(&q, "mounts.sockets");
        list(&p->mounts.allow, allow, 2);
        request_passes(&q);
        p->mounts.allow.n = 0;
        p->mounts.sockets = POLICY_SOCKETS_ALLOW;
        request_passes(&q);
        p->mounts.allow.n = 2;
        q.sources[q.spec.n_mounts - 1].real_path = "/run/docker.sock";
        request_is_refused(&q, "mounts.sockets");
}

Test(policy_rooms, a_source_that_is_excepted_is_recorded)
{
        static const char *const tokens[] = { "mount:/var/run/docker.sock" };
        const struct policy_exception exception = { .id = "EX-7", .allow = { tokens, 1 }, .expires = "2027-01-31" };
        const struct finding *finding;

        request_bind(&q, "/run/docker.sock", "/docker.sock")->mode = S_IFSOCK | 0660;
        request_is_refused(&q, "mounts.sockets");
        q.policy.exceptions = &exception;
        q.policy.n_exceptions = 1;
        request_passes(&q);
        finding = request_finding(&q, FINDING_ALLOWED, "mounts.sources");
        cr_assert_not_null(finding);
        cr_assert_str_eq(finding->got, "exception EX-7 until 2027-01-31");
        q.sources[q.spec.n_mounts - 1].real_path = "/run/podman/podman.sock";
        request_is_refused(&q, "mounts.sockets");
}

Test(policy_rooms, a_variable_is_stripped_or_refused)
{
        static const char *const deny[] = { "SECRET_*" };

        list(&p->env_deny, deny, 1);
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.process.n_env, 1);
        p->env_on_match = POLICY_ENV_REFUSE;
        request_is_refused(&q, "env");
        cr_assert_not_null(strstr(q.err.text, "SECRET_TOKEN"));
        q.spec.process.n_env = 1;
        request_passes(&q);
}

Test(policy_rooms, properties_of_systemd_that_are_not_listed_are_left_out)
{
        static const char *const names[] = { "TimeoutStopUSec" };
        const struct spec_pair annotations[] = {
                { "org.systemd.property.TimeoutStopUSec", "uint64 5" }, { "org.systemd.property.MemoryMax", "uint64 5" }, { "x", "y" },
                { "org.systemd.property.", "1" },
        };

        q.spec.annotations = annotations;
        q.spec.n_annotations = 4;
        list(&p->systemd_properties, names, 1);
        /* By cgroupfs they mean nothing. */
        request_passes(&q);
        cr_assert_eq(q.sandbox.n_systemd_properties, 0);
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "systemd.properties"));
        q.host.is_systemd_cgroup = true;
        request_passes(&q);
        cr_assert_eq(q.sandbox.n_systemd_properties, 1);
        cr_assert_str_eq(q.sandbox.systemd_properties[0].key, "TimeoutStopUSec");
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "systemd.properties"));
        cr_assert_not(policy_systemd_may_list("MemoryMax"));
        cr_assert_not(policy_systemd_may_list("Slice"));
        cr_assert_not(policy_systemd_may_list("DeviceAllow"));
        cr_assert(policy_systemd_may_list("After"));
}

Test(policy_rooms, hooks_of_the_list)
{
        static const char *const paths[] = { "/usr/libexec/oci/hooks.d/" };
        static const char *const tokens[] = { "hook:/usr/bin/dockerd" };
        const struct policy_exception exception = { .id = "EX-8", .allow = { tokens, 1 }, .expires = "2027-01-31" };
        struct spec_hook hook = { .path = "/proc/7/exe" };
        struct host_hook fact = { .is_root_only = true, .real_path = "/usr/bin/dockerd" };

        q.spec.hooks[SPEC_HOOK_PRESTART] = (struct spec_hook_list){ &hook, 1 };
        q.host.hooks[SPEC_HOOK_PRESTART] = &fact;
        request_passes(&q);
        p->hooks.is_limited = true;
        request_is_refused(&q, "hooks.allowPaths");
        list(&p->hooks.allow_paths, paths, 1);
        request_is_refused(&q, "hooks.allowPaths");
        fact.real_path = "/usr/libexec/oci/hooks.d/x";
        request_passes(&q);
        fact.real_path = "/usr/libexec/oci/hooks.d2/x";
        request_is_refused(&q, "hooks.allowPaths");
        fact.real_path = "/usr/bin/dockerd";
        q.policy.exceptions = &exception;
        q.policy.n_exceptions = 1;
        request_passes(&q);
        cr_assert_not_null(request_finding(&q, FINDING_ALLOWED, "hooks.allowPaths"));
        fact.is_root_only = false;
        request_is_refused(&q, "hooks");
}

Test(policy_rooms, an_ephemeral_rootfs_writes_to_a_layer_of_its_own)
{
        p->rootfs = POLICY_ROOTFS_EPHEMERAL;
        request_passes(&q);
        cr_assert_eq(q.sandbox.rootfs_upper_bytes, POLICY_SCRATCH_BYTES);
        cr_assert_not(q.sandbox.spec.is_root_readonly);
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "rootfs"));
        limit(POLICY_LIMIT_SCRATCH, 1000);
        request_passes(&q);
        cr_assert_eq(q.sandbox.rootfs_upper_bytes, 1000);
        p->rootfs = POLICY_ROOTFS_ENGINE;
        request_passes(&q);
        cr_assert_eq(q.sandbox.rootfs_upper_bytes, 0);
}

static const struct spec_mount *mount_at(const char *target)
{
        const struct spec_mount *found = NULL;

        for (size_t i = 0; i < q.sandbox.spec.n_mounts; i++) {
                if (strcmp(q.sandbox.spec.mounts[i].target, target) == 0)
                        found = &q.sandbox.spec.mounts[i];
        }
        return found;
}

Test(policy_rooms, a_readonly_rootfs_has_places_to_write_to)
{
        p->rootfs = POLICY_ROOTFS_READONLY;
        limit(POLICY_LIMIT_SCRATCH, UINT64_C(64) << 20);
        request_passes(&q);
        cr_assert(q.sandbox.spec.is_root_readonly);
        cr_assert_gt(q.sandbox.rootfs_upper_bytes, 0, "not even a mount point is made in the engine's tree");
        cr_assert_str_eq(mount_at("/tmp")->data, "mode=1777,size=67108864,nr_inodes=16384");
        cr_assert_str_eq(mount_at("/var/tmp")->data, "mode=1777,size=67108864,nr_inodes=16384");
        cr_assert_str_eq(mount_at("/run")->data, "mode=755,size=67108864,nr_inodes=16384");
        cr_assert(mount_at("/run")->is_tmpcopyup, "what the image has there its programs look for");
        cr_assert_not(mount_at("/tmp")->is_tmpcopyup);
        cr_assert_not(mount_at("/var/tmp")->is_tmpcopyup);
        /* Where the engine mounts something, there or above, that stays. */
        request_mount(&q, SPEC_MOUNT_TMPFS, "/tmp")->data = "the engine's";
        request_mount(&q, SPEC_MOUNT_TMPFS, "/var/")->data = "the engine's";
        request_passes(&q);
        cr_assert_str_eq(mount_at("/tmp")->data, "the engine's");
        cr_assert_str_eq(mount_at("/run")->data, "mode=755,size=67108864,nr_inodes=16384");
        for (size_t i = 0, n_tmp = 0; i < q.sandbox.spec.n_mounts; i++) {
                n_tmp += strcmp(q.sandbox.spec.mounts[i].target, "/tmp") == 0;
                cr_assert_leq(n_tmp, 1);
                cr_assert_str_neq(q.sandbox.spec.mounts[i].target, "/var/tmp");
        }
        q.spec.n_mounts -= 2;
        /* A remount is no mount: the place is still to be made. */
        request_mount(&q, SPEC_MOUNT_TMPFS, "/tmp")->is_remount = true;
        request_passes(&q);
        cr_assert_str_eq(mount_at("/var/tmp")->data, "mode=1777,size=67108864,nr_inodes=16384");
        cr_assert_not(q.sandbox.spec.mounts[1].is_remount);
        cr_assert_str_eq(q.sandbox.spec.mounts[1].target, "/tmp");
}

Test(policy_rooms, whose_ranges_they_are_counts_where_a_range_is_given)
{
        static const struct spec_id_map map = { 0, 400000000, 65536 };

        request_passes(&q);
        cr_assert_null(q.sandbox.ids_user);
        q.policy.subid_user = "builds";
        request_passes(&q);
        cr_assert_str_eq(q.sandbox.ids_user, "builds");
        cr_assert_null(request_finding(&q, FINDING_RECORDED, "ids.subidUser"));
        q.spec.linux_.uid_map = q.spec.linux_.gid_map = &map;
        q.spec.linux_.n_uid_map = q.spec.linux_.n_gid_map = 1;
        request_passes(&q);
        cr_assert_not_null(request_finding(&q, FINDING_RECORDED, "ids.subidUser"));
}

Test(policy_rooms, the_wall_clock_comes_with_a_grace_time)
{
        request_passes(&q);
        cr_assert_eq(q.sandbox.wall_s, 0);
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "limits.wall"));
        p->limits[POLICY_LIMIT_WALL] = (struct policy_limit_value){ true, false, 1800 };
        request_passes(&q);
        cr_assert_eq(q.sandbox.wall_s, 1800, "our own default holds, too");
        cr_assert_eq(q.sandbox.grace_s, 10);
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "limits.wall"));
        limit(POLICY_LIMIT_GRACE, 3);
        request_passes(&q);
        cr_assert_eq(q.sandbox.grace_s, 3);
}

Test(policy_rooms, a_number_at_once_holds_for_each_profile_that_was_chosen)
{
        static const char *const names[] = { "branch", "untrusted" };
        struct policy_profile profiles[] = { { .name = "branch" }, { .name = "untrusted" } };
        const struct policy_file file = { .profiles = profiles, .n_profiles = 2 };
        struct policy policy = { .file = &file, .profile_names = names, .n_profile_names = 2 };
        uint64_t most;

        cr_assert_not(policy_concurrent_is_bounded(policy_builtin()), "without a file there is none");
        cr_assert_not(policy_concurrent_is_bounded(&policy));
        profiles[1].limits[POLICY_LIMIT_CONCURRENT] = (struct policy_limit_value){ true, true, 8 };
        cr_assert(policy_concurrent_is_bounded(&policy));
        cr_assert_not(policy_concurrent_limit(&policy, 0, &most));
        cr_assert(policy_concurrent_limit(&policy, 1, &most));
        cr_assert_eq(most, 8);
}
