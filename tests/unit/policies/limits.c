#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>

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

TestSuite(policy_limits, .init = setup, .fini = teardown);

static const struct spec_rlimit *limit_of(int resource)
{
        const struct spec_process *process = &q.sandbox.spec.process;
        const struct spec_rlimit *found = NULL;

        for (size_t i = 0; i < process->n_rlimits; i++) {
                if (process->rlimits[i].resource == resource) {
                        cr_assert_null(found, "twice");
                        found = &process->rlimits[i];
                }
        }
        return found;
}

Test(policy_limits, a_core_is_one_byte)
{
        static const struct spec_rlimit asked[] = {
                { RLIMIT_CORE, "RLIMIT_CORE", UINT64_MAX, UINT64_MAX }, { RLIMIT_NOFILE, "RLIMIT_NOFILE", 1024, 4096 },
        };

        request_passes(&q);
        cr_assert_eq(limit_of(RLIMIT_CORE)->soft, 1);
        cr_assert_eq(limit_of(RLIMIT_CORE)->hard, 1);
        q.spec.process.rlimits = asked;
        q.spec.process.n_rlimits = 2;
        request_passes(&q);
        cr_assert_eq(limit_of(RLIMIT_CORE)->hard, 1);
        cr_assert_eq(limit_of(RLIMIT_NOFILE)->soft, 1024, "others stay");
        cr_assert_eq(limit_of(RLIMIT_NOFILE)->hard, 4096);
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "limits.core"));
}

Test(policy_limits, a_core_is_never_more_than_asked)
{
        static const struct spec_rlimit asked[] = {
                { RLIMIT_CORE, "RLIMIT_CORE", 3, 4 }, { RLIMIT_CORE, "RLIMIT_CORE", 0, 0 }, { RLIMIT_CORE, "RLIMIT_CORE", 0, 9 },
        };

        q.policy.profile.limits[POLICY_LIMIT_CORE].value = 8;
        q.spec.process.rlimits = asked;
        q.spec.process.n_rlimits = 1;
        request_passes(&q);
        cr_assert_eq(limit_of(RLIMIT_CORE)->soft, 3);
        cr_assert_eq(limit_of(RLIMIT_CORE)->hard, 4);
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "limits.core"));
        q.spec.process.rlimits = asked + 1;
        request_passes(&q);
        cr_assert_eq(limit_of(RLIMIT_CORE)->hard, 1, "0 would run the host's helper");
        q.spec.process.rlimits = asked + 2;
        request_passes(&q);
        cr_assert_eq(limit_of(RLIMIT_CORE)->soft, 1);
        cr_assert_eq(limit_of(RLIMIT_CORE)->hard, 8);
}

Test(policy_limits, no_priority_is_left_for_the_build_to_take)
{
        static const struct spec_rlimit asked[] = {
                { RLIMIT_RTPRIO, "RLIMIT_RTPRIO", 0, 1 }, { RLIMIT_NICE, "RLIMIT_NICE", 5, 21 }, { RLIMIT_CPU, "RLIMIT_CPU", 1, 2 },
        }, harmless[] = {
                { RLIMIT_RTPRIO, "RLIMIT_RTPRIO", 0, 0 }, { RLIMIT_NICE, "RLIMIT_NICE", 5, 20 },
        };

        request_passes(&q);
        cr_assert_null(limit_of(RLIMIT_RTPRIO), "0 is inherited");
        cr_assert_null(limit_of(RLIMIT_NICE));
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "limits.scheduler"));
        q.spec.process.rlimits = asked;
        q.spec.process.n_rlimits = 3;
        request_passes(&q);
        cr_assert_eq(limit_of(RLIMIT_RTPRIO)->hard, 0);
        cr_assert_eq(limit_of(RLIMIT_NICE)->hard, 0);
        cr_assert_eq(limit_of(RLIMIT_NICE)->soft, 0);
        cr_assert_eq(limit_of(RLIMIT_CPU)->hard, 2);
        cr_assert_str_eq(request_finding(&q, FINDING_TIGHTENED, "limits.scheduler")->asked, "0:1");
        q.spec.process.rlimits = harmless;
        q.spec.process.n_rlimits = 2;
        request_passes(&q);
        cr_assert_eq(limit_of(RLIMIT_NICE)->hard, 20, "nice 0 is everybody's");
        cr_assert_eq(limit_of(RLIMIT_RTPRIO)->hard, 0);
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "limits.scheduler"));
}

Test(policy_limits, the_callers_own_priority_is_not_inherited)
{
        q.host.rtprio_limit = 95;
        q.host.nice_limit = 40;
        request_passes(&q);
        cr_assert_eq(limit_of(RLIMIT_RTPRIO)->hard, 0);
        cr_assert_eq(limit_of(RLIMIT_NICE)->hard, 0);
        cr_assert_str_eq(request_finding(&q, FINDING_TIGHTENED, "limits.scheduler")->asked, "the caller's");
}

Test(policy_limits, a_core_is_not_more_than_the_caller_may_set)
{
        q.host.core_limit_most = 0;
        request_passes(&q);
        cr_assert_eq(limit_of(RLIMIT_CORE)->hard, 0);
}

Test(policy_limits, the_oom_killer_takes_a_build_before_the_host)
{
        q.spec.process.has_oom_score_adj = true;
        q.spec.process.oom_score_adj = -999;
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.process.oom_score_adj, 0);
        q.spec.process.oom_score_adj = 500;
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.process.oom_score_adj, 500);
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "limits.oomScoreAdj"));
        q.spec.process.has_oom_score_adj = false;
        request_passes(&q);
        cr_assert_not(q.sandbox.spec.process.has_oom_score_adj, "missing means: as the caller's");
}

Test(policy_limits, no_real_time)
{
        q.spec.process.scheduler = (struct spec_scheduler){ .is_given = true, .policy = SCHED_FIFO, .priority = 10 };
        q.spec.process.has_io_priority = true;
        q.spec.process.io_priority = 1 << 13 | 4;
        q.spec.linux_.resources.cpu.rt_runtime_us = (struct spec_number){ true, 950000 };
        request_passes(&q);
        cr_assert_not(q.sandbox.spec.process.scheduler.is_given);
        cr_assert_not(q.sandbox.spec.process.has_io_priority);
        cr_assert_not(q.sandbox.spec.linux_.resources.cpu.rt_runtime_us.is_given);

        q.spec.process.scheduler = (struct spec_scheduler){ .is_given = true, .policy = SCHED_BATCH, .nice = 5 };
        q.spec.process.io_priority = 2 << 13 | 4;
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.process.scheduler.nice, 5);
        cr_assert(q.sandbox.spec.process.has_io_priority);
        q.spec.process.scheduler.nice = -5;
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.process.scheduler.nice, 0);
}

Test(policy_limits, processes_are_counted)
{
        static const struct {
                bool is_given;
                int64_t asked, got;
        } cases[] = {
                { false, 0, 4096 },  { true, 0, 4096 },    { true, -1, 4096 },        { true, 100, 100 },
                { true, 4096, 4096 }, { true, 4097, 4096 }, { true, INT64_MAX, 4096 },
        };

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                q.spec.linux_.resources.pids_limit = (struct spec_number){ cases[i].is_given, cases[i].asked };
                request_passes(&q);
                cr_assert(q.sandbox.spec.linux_.resources.pids_limit.is_given);
                cr_assert_eq(q.sandbox.spec.linux_.resources.pids_limit.value, cases[i].got, "%zu", i);
        }
}

Test(policy_limits, the_file_behind_the_limit_is_no_way_around)
{
        q.pairs[0] = (struct spec_pair){ "pids.max", "max" };
        q.spec.linux_.resources.unified = q.pairs;
        q.spec.linux_.resources.n_unified = 1;
        q.host.is_cgroup2 = true;
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.linux_.resources.n_unified, 0, "judged as pids.limit");
        cr_assert_eq(q.sandbox.spec.linux_.resources.pids_limit.value, 4096);
        q.pairs[0].value = "17";
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.linux_.resources.pids_limit.value, 17);
        q.spec.linux_.resources.pids_limit = (struct spec_number){ true, 3 };
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.linux_.resources.pids_limit.value, 17, "the file is written last");
        q.pairs[0].value = "0";
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.linux_.resources.pids_limit.value, 1, "and not taken for no limit");
}

static const struct spec_resources *unified(const char *key, const char *value)
{
        q.host.is_cgroup2 = true;
        q.pairs[0] = (struct spec_pair){ key, value };
        q.spec.linux_.resources.unified = q.pairs;
        q.spec.linux_.resources.n_unified = 1;
        request_passes(&q);
        return &q.sandbox.spec.linux_.resources;
}

Test(policy_limits, a_file_counts_as_the_property_that_writes_it)
{
        const struct spec_resources *got = unified("memory.max", "64M");

        cr_assert_eq(got->memory.limit.value, 64 << 20);
        cr_assert_eq(unified("memory.max", "max")->memory.limit.value, -1);
        cr_assert_eq(unified("memory.low", "4096")->memory.reservation.value, 4096);
        got = unified("cpu.max", "50000 100000");
        cr_assert(got->cpu.quota_us.value == 50000 && got->cpu.period_us.value == 100000);
        got = unified("cpu.max", "max");
        cr_assert(got->cpu.quota_us.value == -1 && !got->cpu.period_us.is_given);
        cr_assert_str_eq(unified("cpuset.cpus", "0-1")->cpu.cpus, "0-1");
        cr_assert_str_eq(unified("cpuset.mems", "0")->cpu.mems, "0");
        cr_assert_eq(got->n_unified, 0);
        cr_assert_eq(unified("memory.swap.max", "max")->memory.swap.value, -1);
        got = unified("memory.swap.max", "4096");
        cr_assert_eq(got->n_unified, 1, "without a limit on memory there is no sum");
        q.spec.linux_.resources.memory.limit = (struct spec_number){ true, 8192 };
        cr_assert_eq(unified("memory.swap.max", "4096")->memory.swap.value, 12288);
        q.pairs[1] = (struct spec_pair){ "memory.max", "16384" };
        q.spec.linux_.resources.n_unified = 2;
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.linux_.resources.memory.swap.value, 20480, "counted from the limit of the files");
        q.spec.linux_.resources.n_unified = 1;
        got = unified("memory.high", "4096");
        cr_assert(got->n_unified == 1 && strcmp(got->unified[0].value, "4096") == 0, "what has no property stays a file");
        got = unified("io.prio.class", "promote-to-rt");
        cr_assert_eq(got->n_unified, 0);
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "limits.scheduler"));
}

Test(policy_limits, a_value_that_two_parsers_could_read_in_two_ways_is_refused)
{
        static const struct spec_pair bad[] = {
                { "pids.max", "0x7fffffff" }, { "pids.max", "10\n99999" }, { "pids.max", " 10" }, { "pids.max", "-1" },
                { "pids.max", "99999999999999999999" }, { "pids.max", "" }, { "memory.max", "1x" }, { "memory.max", "1MB" },
                { "memory.max", "99999999999E" }, { "memory.max", "4096\nmax" }, { "cpu.max", "0" }, { "cpu.max", "1 2 3" },
                { "cpu.max", "50000 " }, { "cpu.max", "50000\nmax" }, { "memory.swap.max", "1\nmax" }, { "memory.low", "lots" },
        };

        q.host.is_cgroup2 = true;
        q.spec.linux_.resources.unified = q.pairs;
        q.spec.linux_.resources.n_unified = 1;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                q.pairs[0] = bad[i];
                cr_assert_eq(request_judge(&q), -EINVAL, "%s %s", bad[i].key, bad[i].value);
                cr_assert_not_null(strstr(q.err.text, bad[i].key), "%s", q.err.text);
        }
}

Test(policy_limits, unified_names_are_limits)
{
        static const char *const bad[] = { "../x/memory.max", "cgroup.procs", "cgroup.subtree_control", "..",
                                           "cgroup.kill", "cpuset.cpus.partition", "cpuset.cpus.exclusive", "memory", ".x",
                                           "cgroup.freeze", "cgroup.type" };

        q.spec.linux_.resources.unified = q.pairs;
        q.spec.linux_.resources.n_unified = 1;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                q.pairs[0] = (struct spec_pair){ bad[i], "1" };
                request_is_refused(&q, "cgroups.unified");
        }
        q.pairs[0] = (struct spec_pair){ "memory.high", "1000000" };
        request_passes(&q);
        q.pairs[0] = (struct spec_pair){ "cgroup.max.depth", "4" };
        request_passes(&q);
}

Test(policy_limits, obsolete_limits_are_on_record)
{
        struct spec_resources *resources = &q.spec.linux_.resources;

        request_passes(&q);
        cr_assert_null(request_finding(&q, FINDING_RECORDED, "limits.memory"));
        resources->memory.kernel = (struct spec_number){ true, 4096 };
        request_passes(&q);
        cr_assert_str_eq(request_finding(&q, FINDING_RECORDED, "limits.memory")->property, "linux.resources.memory.kernel");
        resources->memory.kernel.is_given = false;
        resources->memory.kernel_tcp = (struct spec_number){ true, 4096 };
        request_passes(&q);
        cr_assert_str_eq(request_finding(&q, FINDING_RECORDED, "limits.memory")->property, "linux.resources.memory.kernelTCP");
        resources->memory.kernel_tcp.is_given = false;
        resources->memory.use_hierarchy = (struct spec_number){ true, 0 };
        request_passes(&q);
        cr_assert_str_eq(request_finding(&q, FINDING_RECORDED, "limits.memory")->property, "linux.resources.memory.useHierarchy");
        resources->memory.use_hierarchy.value = 1;
        request_passes(&q);
        cr_assert_null(request_finding(&q, FINDING_RECORDED, "limits.memory"));
}

static struct spec_resources update_to(struct spec_number pids)
{
        struct spec_resources asked = { .pids_limit = pids }, got;

        arena_free(&q.arena);
        q.findings = (struct findings){ .arena = &q.arena };
        cr_assert_eq(harden_resources(&asked, &q.policy, &q.host, &q.arena, &got, &q.findings, &q.err), 0);
        return got;
}

Test(policy_limits, update_leaves_what_is_missing_or_zero)
{
        cr_assert_not(update_to((struct spec_number){ false, 0 }).pids_limit.is_given);
        cr_assert_eq(update_to((struct spec_number){ true, 0 }).pids_limit.value, 0);
        cr_assert_eq(update_to((struct spec_number){ true, 0 }).n_devices, 0);
        cr_assert_eq(q.findings.n, 0);
}

Test(policy_limits, update_raises_up_to_the_profiles)
{
        cr_assert_eq(update_to((struct spec_number){ true, 4000 }).pids_limit.value, 4000);
        cr_assert_eq(update_to((struct spec_number){ true, 5000 }).pids_limit.value, 4096);
        cr_assert_eq(update_to((struct spec_number){ true, -1 }).pids_limit.value, 4096);
}

Test(policy_limits, update_opens_no_device)
{
        static const struct spec_device_rule all = {
                .is_allow = true, .type = 'a', .major = -1, .minor = -1, .access = 7
        };
        struct spec_resources asked = { .devices = &all, .n_devices = 1 }, got;

        q.findings = (struct findings){ .arena = &q.arena };
        cr_assert_eq(harden_resources(&asked, &q.policy, &q.host, &q.arena, &got, &q.findings, &q.err), -EPERM);
}
