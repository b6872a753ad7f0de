/* Reads what a cgroup's files tell and writes it as runc does: the same members in the same order, numbers that are 0 left
 * out where runc leaves them out. go-runc decodes it for whoever asks for statistics through the runtime. */
#include "runtime/stats_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/auto.h"

#define HUGE_MAX 32

/* ---- reading ---- */

static uint64_t parse_number(const char *text)
{
        uint64_t value;

        if (strcmp(text, "max") == 0)
                return UINT64_MAX;
        return text_to_u64(text, &value) < 0 ? 0 : value;
}

uint64_t stats_number(const struct cgroup_folder *at, const char *file)
{
        auto_free char *text = NULL;

        if (cgroup_read(at, file, &text) < 0)
                return 0;
        text[strcspn(text, "\n")] = '\0';
        return parse_number(text);
}

uint64_t stats_keyed(const struct cgroup_folder *at, const char *file, const char *key)
{
        auto_free char *text = NULL;
        size_t length = strlen(key);
        char *rest = NULL;

        if (cgroup_read(at, file, &text) < 0)
                return 0;
        for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
                if (strncmp(line, key, length) == 0 && line[length] == ' ')
                        return parse_number(line + length + 1);
        return 0;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(((const struct stats_named *)a)->name, ((const struct stats_named *)b)->name);
}

int stats_read_named(const struct cgroup_folder *at, const char *file, struct arena *arena, struct stats_named **ret_named,
                     size_t *ret_n, struct error *err)
{
        auto_free char *text = NULL;
        struct stats_named *named;
        char *copy, *rest = NULL;
        size_t n = 0, most = 1;
        int r = cgroup_read(at, file, &text);

        if (r < 0)
                return error_errno(err, r, "read %s/%s", at->path, file);
        for (const char *p = text; *p != '\0'; p++)
                most += *p == '\n';
        named = arena_array(arena, most, sizeof *named);
        copy = arena_string(arena, text);
        if (named == NULL || copy == NULL)
                return error_errno(err, ENOMEM, "read %s/%s", at->path, file);
        for (char *line = strtok_r(copy, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
                char *blank = strchr(line, ' ');

                if (blank == NULL)
                        continue;
                *blank = '\0';
                named[n++] = (struct stats_named){ line, parse_number(blank + 1) };
        }
        qsort(named, n, sizeof *named, compare_names);
        *ret_named = named;
        *ret_n = n;
        return 0;
}

int stats_add_io(struct stats_io_list *list, struct arena *arena, struct stats_io entry)
{
        /* Full at each power of two. */
        if ((list->n & (list->n - 1)) == 0) {
                struct stats_io *larger = arena_array(arena, list->n == 0 ? 1 : 2 * list->n, sizeof *larger);

                if (larger == NULL)
                        return -ENOMEM;
                if (list->n > 0)
                        memcpy(larger, list->entries, list->n * sizeof *larger);
                list->entries = larger;
        }
        list->entries[list->n++] = entry;
        return 0;
}

int stats_read_huge(const struct cgroup_folder *at, struct arena *arena, struct stats *stats, struct error *err)
{
        static const char *const units[] = { "KB", "MB", "GB" };
        char name[80], size[24];

        stats->huge = arena_array(arena, HUGE_MAX, sizeof *stats->huge);
        if (stats->huge == NULL)
                return error_errno(err, ENOMEM, "hugetlb");
        /* The sizes are the powers of two that have files here: 64KB to 16GB on the machines of today. */
        for (unsigned shift = 0; shift < 30 && stats->n_huge < HUGE_MAX; shift++) {
                struct stats_entry entry = { 0 };
                const char *rsvd = "";

                snprintf(size, sizeof size, "%u%s", 1u << shift % 10, units[shift / 10]);
                snprintf(name, sizeof name, "hugetlb.%s.%s", size, at->is_v2 ? "max" : "limit_in_bytes");
                if (!cgroup_has_file(at->fd, name))
                        continue;
                /* Reserved pages are what is limited, where the kernel counts them: Linux 5.7. */
                snprintf(name, sizeof name, "hugetlb.%s.rsvd.%s", size, at->is_v2 ? "max" : "limit_in_bytes");
                if (cgroup_has_file(at->fd, name))
                        rsvd = "rsvd.";
                snprintf(name, sizeof name, "hugetlb.%s.%s%s", size, rsvd, at->is_v2 ? "current" : "usage_in_bytes");
                entry.usage = stats_number(at, name);
                if (at->is_v2) {
                        snprintf(name, sizeof name, "hugetlb.%s.events", size);
                        entry.failures = stats_keyed(at, name, "max");
                } else {
                        snprintf(name, sizeof name, "hugetlb.%s.%smax_usage_in_bytes", size, rsvd);
                        entry.max = stats_number(at, name);
                        snprintf(name, sizeof name, "hugetlb.%s.%sfailcnt", size, rsvd);
                        entry.failures = stats_number(at, name);
                }
                stats->huge[stats->n_huge].page_size = arena_string(arena, size);
                if (stats->huge[stats->n_huge].page_size == NULL)
                        return error_errno(err, ENOMEM, "hugetlb");
                stats->huge[stats->n_huge++].entry = entry;
        }
        return 0;
}

int stats_read(const char *const *paths, size_t n_paths, bool is_v2, struct arena *arena, struct stats *ret_stats,
               struct error *err)
{
        auto_cgroup_set struct cgroup_set set = { 0 };
        struct stats stats = { 0 };
        int r = cgroup_set_open(paths, n_paths, &set, err);

        if (r < 0)
                return r;
        /* A rootless container without a delegated cgroup: nobody counts for it. */
        if (set.n == 0 && n_paths > 0)
                return error_set(err, ENODEV, "the container's cgroup %s is gone", paths[0]);
        r = is_v2 ? stats_read_v2(&set, arena, &stats, err) : stats_read_v1(&set, arena, &stats, err);
        if (r == 0)
                *ret_stats = stats;
        return r;
}

/* ---- writing ---- */

static void add_if_not_zero(struct text_buffer *buffer, const char *key, uint64_t value)
{
        if (value != 0)
                text_add_number(buffer, key, value);
}

static void add_numbers(struct text_buffer *buffer, const char *key, const struct stats_numbers *numbers)
{
        if (numbers->n == 0)
                return;
        text_add_key(buffer, key);
        for (size_t i = 0; i < numbers->n; i++)
                text_addf(buffer, "%s%" PRIu64, i == 0 ? "[" : ",", numbers->values[i]);
        text_add(buffer, "]");
}

/* "12.50" as Go writes the number: 12.5. */
static void add_average(struct text_buffer *buffer, const char *key, const char *text)
{
        size_t length = strlen(text);

        if (strchr(text, '.') != NULL) {
                while (text[length - 1] == '0')
                        length--;
                length -= text[length - 1] == '.';
        }
        text_add_key(buffer, key);
        text_add_n(buffer, length == 0 ? "0" : text, length == 0 ? 1 : length);
}

static void add_pressure(struct text_buffer *buffer, const struct stats_pressure *pressure)
{
        if (!pressure->is_given)
                return;
        text_add_object(buffer, "psi");
        text_add_object(buffer, "some");
        add_average(buffer, "avg10", pressure->some.avg10);
        add_average(buffer, "avg60", pressure->some.avg60);
        add_average(buffer, "avg300", pressure->some.avg300);
        text_add_number(buffer, "total", pressure->some.total_us);
        text_add(buffer, "}");
        text_add_object(buffer, "full");
        add_average(buffer, "avg10", pressure->full.avg10);
        add_average(buffer, "avg60", pressure->full.avg60);
        add_average(buffer, "avg300", pressure->full.avg300);
        text_add_number(buffer, "total", pressure->full.total_us);
        text_add(buffer, "}}");
}

static void add_cpu(const struct stats *stats, struct text_buffer *buffer)
{
        text_add_object(buffer, "cpu");
        text_add_object(buffer, "usage");
        add_if_not_zero(buffer, "total", stats->cpu.total_ns);
        add_numbers(buffer, "percpu", &stats->cpu.percpu_ns);
        add_numbers(buffer, "percpu_kernel", &stats->cpu.percpu_kernel_ns);
        add_numbers(buffer, "percpu_user", &stats->cpu.percpu_user_ns);
        text_add_number(buffer, "kernel", stats->cpu.kernel_ns);
        text_add_number(buffer, "user", stats->cpu.user_ns);
        text_add(buffer, "}");
        text_add_object(buffer, "throttling");
        add_if_not_zero(buffer, "periods", stats->cpu.periods);
        add_if_not_zero(buffer, "throttledPeriods", stats->cpu.throttled_periods);
        add_if_not_zero(buffer, "throttledTime", stats->cpu.throttled_ns);
        text_add(buffer, "}");
        add_pressure(buffer, &stats->cpu.pressure);
        text_add(buffer, "}");
}

static void add_cpuset(const struct stats *stats, struct text_buffer *buffer)
{
        static const char *const names[STATS_CPUSET] = {
                "cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page",
                "memory_spread_slab", "memory_pressure", "sched_load_balance", "sched_relax_domain_level",
        };

        text_add_object(buffer, "cpuset");
        add_numbers(buffer, "cpus", &stats->cpuset.cpus);
        for (enum stats_cpuset i = 0; i < STATS_CPUSET; i++) {
                if (i == STATS_MEM_HARDWALL)
                        add_numbers(buffer, "mems", &stats->cpuset.mems);
                text_add_key(buffer, names[i]);
                text_addf(buffer, "%" PRId64, stats->cpuset.values[i]);
        }
        text_add(buffer, "}");
}

static void add_entry(struct text_buffer *buffer, const char *key, const struct stats_entry *entry)
{
        text_add_object(buffer, key);
        text_add_number(buffer, "limit", entry->limit);
        add_if_not_zero(buffer, "usage", entry->usage);
        add_if_not_zero(buffer, "max", entry->max);
        text_add_number(buffer, "failcnt", entry->failures);
        text_add(buffer, "}");
}

static void add_memory(const struct stats *stats, struct text_buffer *buffer)
{
        text_add_object(buffer, "memory");
        add_if_not_zero(buffer, "cache", stats->memory.cache);
        add_entry(buffer, "usage", &stats->memory.usage);
        add_entry(buffer, "swap", &stats->memory.swap);
        add_entry(buffer, "kernel", &stats->memory.kernel);
        add_entry(buffer, "kernelTCP", &stats->memory.kernel_tcp);
        if (stats->memory.n_raw > 0) {
                text_add_object(buffer, "raw");
                for (size_t i = 0; i < stats->memory.n_raw; i++)
                        text_add_number(buffer, stats->memory.raw[i].name, stats->memory.raw[i].value);
                text_add(buffer, "}");
        }
        add_pressure(buffer, &stats->memory.pressure);
        text_add(buffer, "}");
}

static void add_io(const struct stats *stats, struct text_buffer *buffer)
{
        static const char *const names[STATS_IO_KINDS] = {
                "ioServiceBytesRecursive", "ioServicedRecursive", "ioQueueRecursive", "ioServiceTimeRecursive",
                "ioWaitTimeRecursive", "ioMergedRecursive", "ioTimeRecursive", "sectorsRecursive",
        };

        text_add_object(buffer, "blkio");
        for (enum stats_io_kind kind = 0; kind < STATS_IO_KINDS; kind++) {
                const struct stats_io_list *list = &stats->io.lists[kind];

                if (list->n == 0)
                        continue;
                text_add_list(buffer, names[kind]);
                for (size_t i = 0; i < list->n; i++) {
                        text_add_object(buffer, NULL);
                        add_if_not_zero(buffer, "major", list->entries[i].major);
                        add_if_not_zero(buffer, "minor", list->entries[i].minor);
                        if (!text_is_empty(list->entries[i].op))
                                text_add_member(buffer, "op", list->entries[i].op);
                        add_if_not_zero(buffer, "value", list->entries[i].value);
                        text_add(buffer, "}");
                }
                text_add(buffer, "]");
        }
        add_pressure(buffer, &stats->io.pressure);
        text_add(buffer, "}");
}

void stats_to_json(const struct stats *stats, const char *id, struct text_buffer *buffer)
{
        text_add(buffer, "{\"type\":\"stats\",\"id\":");
        text_add_json(buffer, id);
        text_add_object(buffer, "data");
        add_cpu(stats, buffer);
        add_cpuset(stats, buffer);
        add_memory(stats, buffer);
        text_add_object(buffer, "pids");
        add_if_not_zero(buffer, "current", stats->pids.current);
        add_if_not_zero(buffer, "limit", stats->pids.limit);
        text_add(buffer, "}");
        add_io(stats, buffer);
        text_add_object(buffer, "hugetlb");
        for (size_t i = 0; i < stats->n_huge; i++) {
                text_add_object(buffer, stats->huge[i].page_size);
                add_if_not_zero(buffer, "usage", stats->huge[i].entry.usage);
                add_if_not_zero(buffer, "max", stats->huge[i].entry.max);
                text_add_number(buffer, "failcnt", stats->huge[i].entry.failures);
                text_add(buffer, "}");
        }
        /* runc fills the interfaces in for containers of its own library only, never for an OCI one. */
        text_add(buffer, "},\"intel_rdt\":{},\"network_interfaces\":null}}\n");
}
