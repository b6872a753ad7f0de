/* Statistics of cgroups that are plain folders: the files of controllers that the machine may lack. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/fd.h"
#include "runtime/stats_private.h"

static char folder[] = "/tmp/runb-stats-XXXXXX";
static struct arena arena;
static struct cgroup_set set;
static struct stats stats;
static struct error err;

static void setup(void)
{
        cr_assert_not_null(mkdtemp(folder));
        set.n = 1;
        set.folders[0] = (struct cgroup_folder){ .path = folder, .fd = open(folder, O_PATH | O_DIRECTORY) };
        cr_assert_geq(set.folders[0].fd, 0);
}

static void teardown(void)
{
        fd_remove_tree(AT_FDCWD, folder);
        arena_free(&arena);
}

TestSuite(stats, .init = setup, .fini = teardown);

static void put(const char *file, const char *text)
{
        int fd = openat(set.folders[0].fd, file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        cr_assert_geq(fd, 0);
        cr_assert_eq(fd_write_all(fd, text, strlen(text)), 0);
        close(fd);
}

static const char *json(void)
{
        struct text_buffer buffer = { 0 };
        int r = set.folders[0].is_v2 ? stats_read_v2(&set, &arena, &stats, &err) : stats_read_v1(&set, &arena, &stats, &err);

        cr_assert_eq(r, 0, "%s", err.text);
        stats_to_json(&stats, "c", &buffer);
        cr_assert_not(buffer.is_broken);
        return buffer.text;
}

static void assert_has(const char *text, const char *part)
{
        cr_assert_not_null(strstr(text, part), "no %s in %s", part, text);
}

Test(stats, v2_speaks_in_v1s_terms)
{
        const char *text;

        set.folders[0].is_v2 = true;
        put("cpu.stat", "usage_usec 7\nuser_usec 4\nsystem_usec 3\nnr_periods 5\nnr_throttled 2\nthrottled_usec 9\n");
        put("cpu.pressure", "some avg10=1.50 avg60=0.00 avg300=10.00 total=12\nfull avg10=0.05 avg60=0.00 avg300=0.00 total=1\n");
        put("memory.stat", "file 100\nanon 50\n");
        put("memory.current", "1000\n");
        put("memory.max", "4096\n");
        put("memory.peak", "2000\n");
        put("memory.swap.current", "10\n");
        put("memory.swap.max", "96\n");
        put("memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
        put("pids.current", "3\n");
        put("pids.max", "max\n");
        put("io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n259:1 rbytes=0 wbytes=7 rios=0 wios=1\n");
        put("hugetlb.2MB.max", "max\n");
        put("hugetlb.2MB.current", "1\n");
        put("hugetlb.2MB.rsvd.max", "max\n");
        put("hugetlb.2MB.rsvd.current", "4194304\n");
        put("hugetlb.2MB.events", "max 3\n");
        put("hugetlb.1GB.max", "max\n");
        put("hugetlb.1GB.current", "0\n");
        text = json();
        assert_has(text, "\"cpu\":{\"usage\":{\"total\":7000,\"kernel\":3000,\"user\":4000},\"throttling\":{\"periods\":5,"
                         "\"throttledPeriods\":2,\"throttledTime\":9000},\"psi\":{\"some\":{\"avg10\":1.5,\"avg60\":0,"
                         "\"avg300\":10,\"total\":12},\"full\":{\"avg10\":0.05,\"avg60\":0,\"avg300\":0,\"total\":1}}}");
        assert_has(text, "\"memory\":{\"cache\":100,\"usage\":{\"limit\":4096,\"usage\":1000,\"max\":2000,\"failcnt\":0},"
                         "\"swap\":{\"limit\":4192,\"usage\":1010,\"failcnt\":0},\"kernel\":{\"limit\":0,\"failcnt\":0},"
                         "\"kernelTCP\":{\"limit\":0,\"failcnt\":0},\"raw\":{\"anon\":50,\"file\":100},\"psi\":{");
        assert_has(text, "\"pids\":{\"current\":3},");
        assert_has(text, "\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":1},{\"major\":8,\"op\":"
                         "\"Write\",\"value\":2},{\"major\":259,\"minor\":1,\"op\":\"Read\"},{\"major\":259,\"minor\":1,\"op\":"
                         "\"Write\",\"value\":7}],\"ioServicedRecursive\":[");
        assert_has(text, "\"hugetlb\":{\"2MB\":{\"usage\":4194304,\"failcnt\":3},\"1GB\":{\"failcnt\":0}}");
        assert_has(text, "\"intel_rdt\":{},\"network_interfaces\":null}}\n");
}

Test(stats, no_limit_on_v2_is_the_highest_number)
{
        const char *text;

        set.folders[0].is_v2 = true;
        put("memory.stat", "file 0\n");
        put("memory.current", "5\n");
        put("memory.max", "max\n");
        put("memory.swap.max", "max\n");
        text = json();
        assert_has(text, "\"usage\":{\"limit\":18446744073709551615,\"usage\":5,\"failcnt\":0},"
                         "\"swap\":{\"limit\":18446744073709551615,\"usage\":5,\"failcnt\":0}");
}

Test(stats, v1_reads_the_scheduler_that_counts)
{
        const char *text;

        put("blkio.throttle.read_bps_device", "");
        put("blkio.bfq.io_serviced_recursive", "");
        put("blkio.throttle.io_serviced_recursive", "8:0 Read 2\n8:0 Total 2\nTotal 2\n");
        put("blkio.throttle.io_service_bytes_recursive", "8:0 Read 4096\nTotal 4096\n");
        put("blkio.throttle.io_serviced", "1:1 Read 9\n");
        text = json();
        assert_has(text, "\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":4096}],"
                         "\"ioServicedRecursive\":[{\"major\":8,\"op\":\"Read\",\"value\":2},{\"major\":8,\"op\":\"Total\","
                         "\"value\":2}]},");
        put("blkio.bfq.io_serviced_recursive", "7:1 Write 3\n");
        put("blkio.bfq.io_service_bytes_recursive", "7:1 Write 30\n");
        memset(&stats, 0, sizeof stats);
        assert_has(json(), "\"ioServicedRecursive\":[{\"major\":7,\"minor\":1,\"op\":\"Write\",\"value\":3}]}");
        put("blkio.sectors_recursive", "8:0 5\n");
        put("blkio.bfq.sectors_recursive", "8:0 6\n");
        put("blkio.bfq.io_service_time_recursive", "");
        memset(&stats, 0, sizeof stats);
        assert_has(json(), "\"sectorsRecursive\":[{\"major\":8,\"value\":6}]}");
}

Test(stats, v1_counts_reserved_huge_pages)
{
        put("hugetlb.2MB.limit_in_bytes", "0\n");
        put("hugetlb.2MB.usage_in_bytes", "7\n");
        assert_has(json(), "\"hugetlb\":{\"2MB\":{\"usage\":7,\"failcnt\":0}}");
        put("hugetlb.2MB.rsvd.limit_in_bytes", "0\n");
        put("hugetlb.2MB.rsvd.usage_in_bytes", "1\n");
        put("hugetlb.2MB.rsvd.max_usage_in_bytes", "2\n");
        put("hugetlb.2MB.rsvd.failcnt", "3\n");
        memset(&stats, 0, sizeof stats);
        assert_has(json(), "\"hugetlb\":{\"2MB\":{\"usage\":1,\"max\":2,\"failcnt\":3}}");
}

Test(stats, v1_lists_cpus_one_by_one)
{
        put("cpuset.cpus", "0-2,5\n");
        put("cpuset.mems", "0\n");
        put("cpuset.sched_relax_domain_level", "-1\n");
        put("cpuset.sched_load_balance", "1\n");
        assert_has(json(), "\"cpuset\":{\"cpus\":[0,1,2,5],\"cpu_exclusive\":0,\"mems\":[0],\"mem_hardwall\":0,\"mem_exclusive\":0,"
                           "\"memory_migrate\":0,\"memory_spread_page\":0,\"memory_spread_slab\":0,\"memory_pressure\":0,"
                           "\"sched_load_balance\":1,\"sched_relax_domain_level\":-1}");
}
