/* What is written into which file, seen in a folder of plain files: no machine has every controller in both versions. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "runtime/base/fd.h"
#include "runtime/cgroups_private.h"

static struct cgroup_set set;
static struct cgroup_limits limits;
static struct spec_resources asked;
static struct error err;
static char folder[] = "/tmp/runb-unit-cgroups-XXXXXX";

#define NUMBER(n) ((struct spec_number){ .is_given = true, .value = (n) })

static void file(const char *name, const char *text)
{
        int fd = openat(set.folders[0].fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        cr_assert_geq(fd, 0);
        cr_assert_eq(fd_write_all(fd, text, strlen(text)), 0);
        close(fd);
}

static void begin(bool is_v2, const char *controllers)
{
        cr_assert_not_null(mkdtemp(folder));
        set.folders[0] = (struct cgroup_folder){ .path = folder, .is_v2 = is_v2 };
        set.folders[0].fd = open(folder, O_PATH | O_CLOEXEC);
        set.n = 1;
        limits.resources = &asked;
        if (is_v2)
                file("cgroup.controllers", controllers);
}

static void end(void)
{
        int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (set.n > 0)
                fd_remove_tree(tmp, folder + strlen("/tmp/"));
        close(tmp);
}

TestSuite(cgroups_limits, .fini = end);

static const char *content(const char *name)
{
        static char *text;

        free(text);
        text = NULL;
        return fd_read_file(set.folders[0].fd, name, 4096, &text, NULL) < 0 ? "(none)" : text;
}

static int write_v2(void)
{
        int r;

        memset(limits.at, 0, sizeof limits.at);
        r = cgroup_v2_find(&set, &limits, &err);
        return r < 0 ? r : cgroup_v2_write(&limits, &err);
}

static int write_v1(void)
{
        int r;

        memset(limits.at, 0, sizeof limits.at);
        r = cgroup_v1_find(&set, &limits, &err);
        return r < 0 ? r : cgroup_v1_write(&limits, &err);
}

Test(cgroups_limits, v2_converts_memory_and_swap)
{
        begin(true, "memory pids");
        file("memory.max", "");
        file("memory.swap.max", "");
        file("memory.low", "");
        file("pids.max", "");
        asked.memory.limit = NUMBER(1000);
        asked.memory.swap = NUMBER(3000);
        asked.memory.reservation = NUMBER(500);
        asked.pids_limit = NUMBER(0);
        cr_assert_eq(write_v2(), 0, "%s", err.text);
        cr_assert_str_eq(content("memory.max"), "1000");
        cr_assert_str_eq(content("memory.swap.max"), "2000");
        cr_assert_str_eq(content("memory.low"), "500");
        cr_assert_str_eq(content("pids.max"), "1");
}

Test(cgroups_limits, v2_takes_minus_one_as_max)
{
        begin(true, "memory pids");
        file("memory.max", "");
        file("memory.swap.max", "");
        file("pids.max", "");
        asked.memory.limit = NUMBER(-1);
        asked.pids_limit = NUMBER(-1);
        cr_assert_eq(write_v2(), 0, "%s", err.text);
        cr_assert_str_eq(content("memory.max"), "max");
        cr_assert_str_eq(content("memory.swap.max"), "max");
        cr_assert_str_eq(content("pids.max"), "max");
}

Test(cgroups_limits, v2_updates_swap_against_the_limit_that_is_there)
{
        begin(true, "memory");
        file("memory.max", "4096\n");
        file("memory.swap.max", "");
        asked.memory.swap = NUMBER(5096);
        cr_assert_eq(write_v2(), 0, "%s", err.text);
        cr_assert_str_eq(content("memory.swap.max"), "1000");
        asked.memory.swap = NUMBER(4000);
        cr_assert_eq(write_v2(), -EINVAL);
}

Test(cgroups_limits, v2_without_swap_needs_no_file_for_none)
{
        begin(true, "memory");
        file("memory.max", "");
        asked.memory.limit = NUMBER(1000);
        asked.memory.swap = NUMBER(1000);
        cr_assert_eq(write_v2(), 0, "%s", err.text);
        asked.memory.swap = NUMBER(2000);
        cr_assert_eq(write_v2(), -ENOENT);
        cr_assert_null(strstr(err.text, "no such file"), "engines take these words for a missing program");
        cr_assert_not_null(strstr(err.text, "linux.resources.memory.swap"));
}

Test(cgroups_limits, v2_refuses_a_limit_below_the_usage_when_asked_to_look)
{
        begin(true, "memory");
        file("memory.max", "");
        file("memory.current", "5000\n");
        asked.memory.limit = NUMBER(4000);
        asked.memory.check_before_update = NUMBER(1);
        cr_assert_eq(write_v2(), -EBUSY);
        cr_assert_not_null(strstr(err.text, "rejecting memory limit 4000 <= usage 5000"));
        asked.memory.limit = NUMBER(6000);
        cr_assert_eq(write_v2(), 0);
}

Test(cgroups_limits, v1_refuses_a_limit_below_the_usage_when_asked_to_look)
{
        begin(false, NULL);
        file("memory.limit_in_bytes", "8000\n");
        file("memory.usage_in_bytes", "5000\n");
        asked.memory.limit = NUMBER(4000);
        asked.memory.check_before_update = NUMBER(1);
        cr_assert_eq(write_v1(), -EBUSY);
        cr_assert_not_null(strstr(err.text, "rejecting memory limit 4000 <= usage 5000"));
        cr_assert_str_eq(content("memory.limit_in_bytes"), "8000\n");
        asked.memory.limit = NUMBER(6000);
        cr_assert_eq(write_v1(), 0);
}

Test(cgroups_limits, v2_keeps_the_half_of_cpu_max_that_is_not_asked_for)
{
        begin(true, "cpu");
        file("cpu.max", "max 50000\n");
        file("cpu.weight", "");
        file("cpu.max.burst", "");
        asked.cpu.quota_us = NUMBER(20000);
        asked.cpu.shares = NUMBER(1024);
        asked.cpu.burst_us = NUMBER(0);
        cr_assert_eq(write_v2(), 0, "%s", err.text);
        cr_assert_str_eq(content("cpu.max"), "20000 50000");
        cr_assert_str_eq(content("cpu.weight"), "100");
        cr_assert_str_eq(content("cpu.max.burst"), "0");
        file("cpu.max", "20000 50000\n");
        asked = (struct spec_resources){ .cpu.period_us = NUMBER(60000) };
        cr_assert_eq(write_v2(), 0, "%s", err.text);
        cr_assert_str_eq(content("cpu.max"), "20000 60000\n");
        file("cpu.max", "20000 50000\n");
        asked = (struct spec_resources){ .cpu.quota_us = NUMBER(-1) };
        cr_assert_eq(write_v2(), 0, "%s", err.text);
        cr_assert(strncmp(content("cpu.max"), "max 50000", 9) == 0);
}

Test(cgroups_limits, v2_gives_an_idle_group_no_weight)
{
        begin(true, "cpu");
        file("cpu.idle", "");
        asked.cpu.idle = NUMBER(1);
        asked.cpu.shares = NUMBER(500);
        cr_assert_eq(write_v2(), 0, "%s", err.text);
        cr_assert_str_eq(content("cpu.idle"), "1");
        cr_assert_str_eq(content("cpu.weight"), "(none)");
}

Test(cgroups_limits, v2_writes_block_limits_in_its_own_words)
{
        const struct spec_block_rate bps[] = { { 8, 0, 1048576 }, { 8, 16, 0 } };
        const struct spec_block_device devices[] = { { .major = 8, .minor = 0, .has_weight = true, .weight = 500 } };

        begin(true, "io");
        file("io.weight", "");
        file("io.max", "");
        asked.block.weight = NUMBER(10);
        cr_assert_eq(write_v2(), 0, "%s", err.text);
        cr_assert_str_eq(content("io.weight"), "default 1");
        asked = (struct spec_resources){ .block = { .devices = devices, .n_devices = 1, .read_bps = bps, .n_read_bps = 1 } };
        file("io.weight", "");
        cr_assert_eq(write_v2(), 0, "%s", err.text);
        cr_assert_str_eq(content("io.weight"), "8:0 4950");
        cr_assert_str_eq(content("io.max"), "8:0 rbps=1048576");
        file("io.max", "");
        asked = (struct spec_resources){ .block = { .write_iops = bps + 1, .n_write_iops = 1 } };
        cr_assert_eq(write_v2(), 0, "%s", err.text);
        cr_assert_str_eq(content("io.max"), "8:16 wiops=max");
        file("io.bfq.weight", "");
        asked = (struct spec_resources){ .block = { .devices = devices, .n_devices = 1 } };
        cr_assert_eq(write_v2(), 0, "%s", err.text);
        cr_assert_str_eq(content("io.bfq.weight"), "8:0 500");
}

Test(cgroups_limits, v2_says_what_it_has_no_word_for)
{
        begin(true, "memory cpu io");
        asked = (struct spec_resources){ .memory.swappiness = NUMBER(10) };
        cr_assert_eq(write_v2(), -ENOTSUP);
        asked = (struct spec_resources){ .memory.disable_oom_killer = NUMBER(1) };
        cr_assert_eq(write_v2(), -ENOTSUP);
        asked = (struct spec_resources){ .cpu.rt_runtime_us = NUMBER(1) };
        cr_assert_eq(write_v2(), -ENOTSUP);
        asked = (struct spec_resources){ .block.leaf_weight = NUMBER(100) };
        cr_assert_eq(write_v2(), -ENOTSUP);
        asked = (struct spec_resources){ .network.class_id = NUMBER(1) };
        cr_assert_eq(write_v2(), -ENOTSUP);
        /* What docker and podman send without meaning anything. */
        asked = (struct spec_resources){ .memory.swappiness = NUMBER(-1), .memory.disable_oom_killer = NUMBER(0) };
        cr_assert_eq(write_v2(), 0, "%s", err.text);
}

Test(cgroups_limits, huge_pages_are_limited_with_their_reservations)
{
        const struct spec_huge_limit huge[] = { { "2MB", 4194304 } }, wrong[] = { { "../x", 1 } };

        begin(true, "hugetlb");
        file("hugetlb.2MB.max", "");
        file("hugetlb.2MB.rsvd.max", "");
        asked = (struct spec_resources){ .huge = huge, .n_huge = 1 };
        cr_assert_eq(write_v2(), 0, "%s", err.text);
        cr_assert_str_eq(content("hugetlb.2MB.max"), "4194304");
        cr_assert_str_eq(content("hugetlb.2MB.rsvd.max"), "4194304");
        asked = (struct spec_resources){ .huge = wrong, .n_huge = 1 };
        cr_assert_eq(write_v2(), -EINVAL);
}

Test(cgroups_limits, unified_values_are_written_a_line_at_a_time)
{
        const struct spec_pair pairs[] = { { "memory.high", "5000" }, { "misc.max", "res_a 1" } };

        begin(true, "memory misc");
        file("memory.high", "");
        file("misc.max", "");
        asked = (struct spec_resources){ .unified = pairs, .n_unified = 2 };
        cr_assert_eq(write_v2(), 0, "%s", err.text);
        cr_assert_str_eq(content("memory.high"), "5000");
        cr_assert_str_eq(content("misc.max"), "res_a 1");
}

Test(cgroups_limits, unified_without_a_value_is_not_taken_for_done)
{
        const struct spec_pair pair = { "memory.high", "\n" };

        begin(true, "memory");
        file("memory.high", "");
        asked = (struct spec_resources){ .unified = &pair, .n_unified = 1 };
        cr_assert_eq(write_v2(), -EINVAL);
        cr_assert_not_null(strstr(err.text, "\"memory.high\" has no value"));
}

Test(cgroups_limits, rdma_limits_are_one_line_a_device)
{
        const struct spec_rdma rdma[] = { { .device = "mlx4_0", .has_handles = true, .handles = 3, .has_objects = true,
                                            .objects = 10000 } };

        begin(true, "rdma");
        file("rdma.max", "");
        asked = (struct spec_resources){ .rdma = rdma, .n_rdma = 1 };
        cr_assert_eq(write_v2(), 0, "%s", err.text);
        cr_assert_str_eq(content("rdma.max"), "mlx4_0 hca_handle=3 hca_object=10000");
}

Test(cgroups_limits, v1_has_names_of_its_own)
{
        const struct spec_huge_limit huge[] = { { "1GB", 7 } };
        const struct spec_name_priority priorities[] = { { "eth0", 5 } };

        begin(false, NULL);
        file("hugetlb.1GB.limit_in_bytes", "");
        file("hugetlb.1GB.rsvd.limit_in_bytes", "");
        file("net_cls.classid", "");
        file("net_prio.ifpriomap", "");
        file("blkio.throttle.read_bps_device", "");
        file("blkio.bfq.weight", "");
        file("cpu.shares", "");
        file("cpu.rt_period_us", "");
        file("cpu.rt_runtime_us", "");
        asked = (struct spec_resources){ .huge = huge, .n_huge = 1, .network = { .class_id = NUMBER(0x100001),
                                         .priorities = priorities, .n_priorities = 1 }, .block.weight = NUMBER(700),
                                         .cpu = { .rt_period_us = NUMBER(1000000), .rt_runtime_us = NUMBER(95000) } };
        cr_assert_eq(write_v1(), 0, "%s", err.text);
        cr_assert_str_eq(content("hugetlb.1GB.limit_in_bytes"), "7");
        cr_assert_str_eq(content("hugetlb.1GB.rsvd.limit_in_bytes"), "7");
        cr_assert_str_eq(content("net_cls.classid"), "1048577");
        cr_assert_str_eq(content("net_prio.ifpriomap"), "eth0 5");
        cr_assert_str_eq(content("blkio.bfq.weight"), "700");
        cr_assert_str_eq(content("cpu.rt_period_us"), "1000000");
        cr_assert_str_eq(content("cpu.rt_runtime_us"), "95000");
}

Test(cgroups_limits, v1_without_swap_accounting_says_so)
{
        begin(false, NULL);
        file("memory.limit_in_bytes", "");
        asked = (struct spec_resources){ .memory = { .limit = NUMBER(1000), .swap = NUMBER(2000) } };
        cr_assert_eq(write_v1(), -ENODEV);
        cr_assert_not_null(strstr(err.text, "swapaccount=1"));
        asked.memory.swap = NUMBER(-1);
        cr_assert_eq(write_v1(), 0, "%s", err.text);
}

Test(cgroups_limits, v1_takes_a_swap_limit_that_only_we_filled_in_as_left_out)
{
        struct spec_resources demanded = { .memory.limit = NUMBER(1000) };
        struct cgroups_ready ready = { 0 };

        begin(false, NULL);
        file("memory.limit_in_bytes", "");
        asked = (struct spec_resources){ .memory = { .limit = NUMBER(1000), .swap = NUMBER(1000) } };
        limits.demanded = &demanded;
        limits.ready = &ready;
        cr_assert_eq(write_v1(), 0, "%s", err.text);
        cr_assert_eq(ready.n_left_out, 1);
        cr_assert_str_eq(ready.left_out[0], "memory.swap");
}

Test(cgroups_limits, what_lets_more_through_than_was_set_is_weaker)
{
        static const struct { const char *file, *wanted, *same, *weaker; } cases[] = {
                { "pids.max", "100", "100", "101" },
                { "memory.high", "4096", "4095", "max" },
                { "cpu.shares", "512", "512", "1024" },
                { "cpu.weight", "59", "1", "60" },
                { "io.weight", "default 100", "default 100\n8:0 50", "default 101" },
                { "io.weight", "8:0 50", "default 100\n8:0 50", "default 100\n8:1 50" },
                { "io.bfq.weight", "default 100", "100", "101" },
                { "io.max", "8:0 rbps=1000", "8:0 rbps=1000 wbps=max riops=max wiops=max", "8:0 rbps=max wbps=1000 riops=max wiops=max" },
                { "io.max", "8:0 wiops=10", "8:1 rbps=1\n8:0 rbps=max wbps=max riops=max wiops=9", "" },
                { "io.max", "8:0 rbps=10", "8:0 rbps=10", "8:00 rbps=10\n18:0 rbps=10" },
                { "blkio.throttle.read_bps_device", "8:0 1000", "8:16 1\n8:0 1000", "8:16 1000" },
                { "rdma.max", "mlx4_0 hca_handle=2 hca_object=2000", "mlx4_0 hca_handle=2 hca_object=2000", "mlx4_0 hca_handle=3 hca_object=max" },
                { "hugetlb.2MB.max", "0", "0", "2097152" },
                { "cpu.max", "50000 100000", "5000 10000", "50001 100000" },
                { "cpu.max", "50000 100000", "50000 200000", "max 100000" },
                { "cpuset.cpus", "0-3", "1,2", "0-4" },
                { "cpuset.mems", "0", "0", "0-1" },
                { "cpu.idle", "1", "1", "0" },
                { "memory.swappiness", "5", "5", "55" },
                { "cgroup.max.depth", "3", "2", "max" },
        };

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                cr_assert(!cgroup_wish_is_weaker(cases[i].file, cases[i].wanted, cases[i].same), "%s: %s", cases[i].file, cases[i].same);
                cr_assert(cgroup_wish_is_weaker(cases[i].file, cases[i].wanted, cases[i].weaker), "%s: %s", cases[i].file, cases[i].weaker);
        }
        /* Nothing was limited. */
        cr_assert(!cgroup_wish_is_weaker("pids.max", "max", "max"));
        cr_assert(!cgroup_wish_is_weaker("cpu.max", "max 100000", "max 50000"));
        cr_assert(!cgroup_wish_is_weaker("io.max", "8:0 rbps=max", ""));
        cr_assert(!cgroup_wish_is_weaker("blkio.throttle.read_bps_device", "8:0 0", ""));
        cr_assert(!cgroup_wish_is_weaker("memory.limit_in_bytes", "-1", "9223372036854771712"));
}
