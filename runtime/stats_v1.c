/* Statistics of cgroup v1 (kernel docs admin-guide/cgroup-v1), each from the hierarchy of its controller. */
#include "runtime/stats_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/auto.h"

static const struct cgroup_folder *find(const struct cgroup_set *set, const char *file)
{
        const struct cgroup_folder *at = cgroup_set_find(set, file);

        /* A v2 folder has a cpu.stat and a pids.max of other content. */
        return at == NULL || at->is_v2 ? NULL : at;
}

static int keep(struct stats_numbers *numbers, struct arena *arena, uint64_t value)
{
        if ((numbers->n & (numbers->n - 1)) == 0) {
                uint64_t *larger = arena_array(arena, numbers->n == 0 ? 1 : 2 * numbers->n, sizeof *larger);

                if (larger == NULL)
                        return -ENOMEM;
                if (numbers->n > 0)
                        memcpy(larger, numbers->values, numbers->n * sizeof *larger);
                numbers->values = larger;
        }
        numbers->values[numbers->n++] = value;
        return 0;
}

/* ---- cpu ---- */

static int read_per_cpu(const struct cgroup_folder *at, struct arena *arena, struct stats *stats)
{
        auto_free char *total = NULL;
        auto_free char *all = NULL;
        char *rest = NULL;
        int r = 0;

        if (cgroup_read(at, "cpuacct.usage_percpu", &total) == 0)
                for (char *word = strtok_r(total, " \n", &rest); word != NULL && r == 0; word = strtok_r(NULL, " \n", &rest))
                        r = keep(&stats->cpu.percpu_ns, arena, strtoull(word, NULL, 10));
        rest = NULL;
        /* A headline, "cpu user system", and a line for each. */
        if (r == 0 && cgroup_read(at, "cpuacct.usage_all", &all) == 0) {
                for (char *line = strtok_r(all, "\n", &rest); line != NULL && r == 0; line = strtok_r(NULL, "\n", &rest)) {
                        unsigned long long cpu, user, system;

                        if (sscanf(line, "%llu %llu %llu", &cpu, &user, &system) != 3)
                                continue;
                        r = keep(&stats->cpu.percpu_kernel_ns, arena, system);
                        if (r == 0)
                                r = keep(&stats->cpu.percpu_user_ns, arena, user);
                }
        }
        return r;
}

static int read_cpu(const struct cgroup_set *set, struct arena *arena, struct stats *stats)
{
        const struct cgroup_folder *cpu = find(set, "cpu.shares"), *account = find(set, "cpuacct.usage");
        long ticks = sysconf(_SC_CLK_TCK);

        if (cpu != NULL) {
                stats->cpu.periods = stats_keyed(cpu, "cpu.stat", "nr_periods");
                stats->cpu.throttled_periods = stats_keyed(cpu, "cpu.stat", "nr_throttled");
                stats->cpu.throttled_ns = stats_keyed(cpu, "cpu.stat", "throttled_time");
        }
        if (account == NULL)
                return 0;
        stats->cpu.total_ns = stats_number(account, "cpuacct.usage");
        stats->cpu.user_ns = stats_keyed(account, "cpuacct.stat", "user") * 1000000000ull / (uint64_t)ticks;
        stats->cpu.kernel_ns = stats_keyed(account, "cpuacct.stat", "system") * 1000000000ull / (uint64_t)ticks;
        return read_per_cpu(account, arena, stats);
}

/* ---- cpuset ---- */

/* "0-2,4" */
static int read_list(const struct cgroup_folder *at, const char *file, struct arena *arena, struct stats_numbers *numbers)
{
        auto_free char *text = NULL;
        char *rest = NULL;
        int r = 0;

        if (cgroup_read(at, file, &text) < 0)
                return 0;
        for (char *word = strtok_r(text, ",\n", &rest); word != NULL && r == 0; word = strtok_r(NULL, ",\n", &rest)) {
                unsigned first, last;
                int n = sscanf(word, "%u-%u", &first, &last);

                if (n < 1)
                        continue;
                if (n == 1)
                        last = first;
                for (; first <= last && last <= UINT16_MAX && r == 0; first++)
                        r = keep(numbers, arena, first);
        }
        return r;
}

static int read_cpuset(const struct cgroup_set *set, struct arena *arena, struct stats *stats)
{
        static const char *const files[STATS_CPUSET] = {
                "cpuset.cpu_exclusive", "cpuset.mem_hardwall", "cpuset.mem_exclusive", "cpuset.memory_migrate",
                "cpuset.memory_spread_page", "cpuset.memory_spread_slab", "cpuset.memory_pressure",
                "cpuset.sched_load_balance", "cpuset.sched_relax_domain_level",
        };
        const struct cgroup_folder *at = find(set, "cpuset.cpus");
        int r;

        if (at == NULL)
                return 0;
        for (enum stats_cpuset i = 0; i < STATS_CPUSET; i++) {
                auto_free char *text = NULL;

                if (cgroup_read(at, files[i], &text) == 0)
                        stats->cpuset.values[i] = strtoll(text, NULL, 10);
        }
        r = read_list(at, "cpuset.cpus", arena, &stats->cpuset.cpus);
        return r < 0 ? r : read_list(at, "cpuset.mems", arena, &stats->cpuset.mems);
}

/* ---- memory ---- */

static struct stats_entry read_entry(const struct cgroup_folder *at, const char *stem)
{
        char name[64];
        struct stats_entry entry;

        snprintf(name, sizeof name, "%s.limit_in_bytes", stem);
        entry.limit = stats_number(at, name);
        snprintf(name, sizeof name, "%s.usage_in_bytes", stem);
        entry.usage = stats_number(at, name);
        snprintf(name, sizeof name, "%s.max_usage_in_bytes", stem);
        entry.max = stats_number(at, name);
        snprintf(name, sizeof name, "%s.failcnt", stem);
        entry.failures = stats_number(at, name);
        return entry;
}

static int read_memory(const struct cgroup_set *set, struct arena *arena, struct stats *stats, struct error *err)
{
        const struct cgroup_folder *at = find(set, "memory.limit_in_bytes");
        int r;

        if (at == NULL)
                return 0;
        r = stats_read_named(at, "memory.stat", arena, &stats->memory.raw, &stats->memory.n_raw, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < stats->memory.n_raw; i++)
                if (strcmp(stats->memory.raw[i].name, "cache") == 0)
                        stats->memory.cache = stats->memory.raw[i].value;
        stats->memory.usage = read_entry(at, "memory");
        stats->memory.swap = read_entry(at, "memory.memsw");
        stats->memory.kernel = read_entry(at, "memory.kmem");
        stats->memory.kernel_tcp = read_entry(at, "memory.kmem.tcp");
        return 0;
}

/* ---- block devices ---- */

struct io_file { const char *name; enum stats_io_kind kind; };

/* Which scheduler counts: the first set whose first file has something to say, in runc's order. */
#define ALL_OF(stem) { \
        { stem "sectors_recursive", STATS_IO_SECTORS }, \
        { stem "io_service_time_recursive", STATS_IO_SERVICE_TIME }, \
        { stem "io_wait_time_recursive", STATS_IO_WAIT_TIME }, \
        { stem "io_merged_recursive", STATS_IO_MERGED }, \
        { stem "io_queued_recursive", STATS_IO_QUEUED }, \
        { stem "time_recursive", STATS_IO_TIME }, \
        { stem "io_serviced_recursive", STATS_IO_OPERATIONS }, \
        { stem "io_service_bytes_recursive", STATS_IO_BYTES } }
#define TWO_OF(stem, suffix) { \
        { stem "io_serviced" suffix, STATS_IO_OPERATIONS }, \
        { stem "io_service_bytes" suffix, STATS_IO_BYTES } }
static const struct io_file io_files[][8] = {
        ALL_OF("blkio.bfq."), TWO_OF("blkio.bfq.", "_recursive"), ALL_OF("blkio."),
        TWO_OF("blkio.throttle.", "_recursive"), TWO_OF("blkio.throttle.", ""),
};

/* "8:0 Read 4096", or without the word; a last line "Total 4096". */
static int read_io_file(const struct cgroup_folder *at, const char *file, struct arena *arena, struct stats_io_list *list)
{
        auto_free char *text = NULL;
        char *rest = NULL, op[32];
        int r = 0;

        if (cgroup_read(at, file, &text) < 0)
                return 0;
        for (char *line = strtok_r(text, "\n", &rest); line != NULL && r == 0; line = strtok_r(NULL, "\n", &rest)) {
                unsigned long long major, minor, value;
                struct stats_io entry = { 0 };

                if (sscanf(line, "%llu:%llu %31[A-Za-z] %llu", &major, &minor, op, &value) == 4)
                        entry.op = arena_string(arena, op);
                else if (sscanf(line, "%llu:%llu %llu", &major, &minor, &value) != 3)
                        continue;
                entry.major = major;
                entry.minor = minor;
                entry.value = value;
                r = stats_add_io(list, arena, entry);
        }
        return r;
}

static int read_io(const struct cgroup_set *set, struct arena *arena, struct stats *stats)
{
        const struct cgroup_folder *at = find(set, "blkio.throttle.read_bps_device");
        int r;

        for (size_t i = 0; i < sizeof io_files / sizeof *io_files && at != NULL; i++) {
                for (size_t j = 0; j < 8 && io_files[i][j].name != NULL; j++) {
                        struct stats_io_list *list = &stats->io.lists[io_files[i][j].kind];

                        r = read_io_file(at, io_files[i][j].name, arena, list);
                        if (r < 0)
                                return r;
                        if (list->n == 0 && j == 0)
                                break;
                        if (list->n == 0 || j == 7 || io_files[i][j + 1].name == NULL)
                                return 0;
                }
        }
        return 0;
}

int stats_read_v1(const struct cgroup_set *set, struct arena *arena, struct stats *stats, struct error *err)
{
        const struct cgroup_folder *pids = find(set, "pids.max");
        int r = read_cpu(set, arena, stats);

        if (r == 0)
                r = read_cpuset(set, arena, stats);
        if (r == 0)
                r = read_io(set, arena, stats);
        if (r < 0)
                return error_errno(err, r, "read the container's cgroups");
        if (pids != NULL) {
                stats->pids.current = stats_number(pids, "pids.current");
                stats->pids.limit = stats_number(pids, "pids.max");
                if (stats->pids.limit == UINT64_MAX)
                        stats->pids.limit = 0;
        }
        r = read_memory(set, arena, stats, err);
        /* In a hybrid set-up the controller can be v2's: there where a limit was asked for. */
        for (size_t i = 0; i < set->n && r == 0 && stats->n_huge == 0; i++)
                r = stats_read_huge(&set->folders[i], arena, stats, err);
        return r;
}
