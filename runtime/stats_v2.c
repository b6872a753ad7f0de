/* Statistics of cgroup v2 (kernel docs admin-guide/cgroup-v2) in v1's terms, as runc converts them. */
#include "runtime/stats_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/auto.h"

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", and a line "full" (cpu: since Linux 5.13). */
void stats_read_pressure(const struct cgroup_folder *at, const char *file, struct stats_pressure *pressure)
{
        auto_free char *text = NULL;
        char *rest = NULL;

        /* EOPNOTSUPP: psi=0 on the kernel's command line. */
        if (cgroup_read(at, file, &text) < 0)
                return;
        for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
                char kind[8], avg10[16], avg60[16], avg300[16];
                unsigned long long total;

                if (sscanf(line, "%7s avg10=%15[0-9.] avg60=%15[0-9.] avg300=%15[0-9.] total=%llu", kind, avg10, avg60, avg300,
                           &total) != 5)
                        continue;
                pressure->is_given = true;
                if (strcmp(kind, "some") == 0) {
                        strcpy(pressure->some.avg10, avg10);
                        strcpy(pressure->some.avg60, avg60);
                        strcpy(pressure->some.avg300, avg300);
                        pressure->some.total_us = total;
                } else {
                        strcpy(pressure->full.avg10, avg10);
                        strcpy(pressure->full.avg60, avg60);
                        strcpy(pressure->full.avg300, avg300);
                        pressure->full.total_us = total;
                }
        }
}

/* The file is read once: the kernel adds its numbers up whenever somebody does. */
static void read_cpu(const struct cgroup_folder *at, struct stats *stats)
{
        auto_free char *text = NULL;
        char *rest = NULL;
        struct { const char *key; uint64_t value; } numbers[] = {
                { "usage_usec ", 0 }, { "user_usec ", 0 }, { "system_usec ", 0 }, { "nr_periods ", 0 }, { "nr_throttled ", 0 },
                { "throttled_usec ", 0 },
        };

        if (cgroup_read(at, "cpu.stat", &text) == 0) {
                for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
                        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
                                if (text_starts_with(line, numbers[i].key))
                                        numbers[i].value = strtoull(line + strlen(numbers[i].key), NULL, 10);
                        }
                }
        }
        stats->cpu.total_ns = numbers[0].value * 1000;
        stats->cpu.user_ns = numbers[1].value * 1000;
        stats->cpu.kernel_ns = numbers[2].value * 1000;
        stats->cpu.periods = numbers[3].value;
        stats->cpu.throttled_periods = numbers[4].value;
        stats->cpu.throttled_ns = numbers[5].value * 1000;
        stats_read_pressure(at, "cpu.pressure", &stats->cpu.pressure);
}

static int read_memory(const struct cgroup_folder *at, struct arena *arena, struct stats *stats, struct error *err)
{
        struct stats_entry *usage = &stats->memory.usage, *swap = &stats->memory.swap;
        int r;

        if (!cgroup_has_file(at->fd, "memory.current"))
                return 0;
        r = stats_read_named(at, "memory.stat", arena, &stats->memory.raw, &stats->memory.n_raw, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < stats->memory.n_raw; i++)
                if (strcmp(stats->memory.raw[i].name, "file") == 0)
                        stats->memory.cache = stats->memory.raw[i].value;
        usage->usage = stats_number(at, "memory.current");
        usage->limit = stats_number(at, "memory.max");
        usage->max = stats_number(at, "memory.peak");           /* Linux 5.19 */
        /* v1's number is of memory and swap together. There is no peak of the sum. */
        swap->usage = stats_number(at, "memory.swap.current") + usage->usage;
        swap->limit = stats_number(at, "memory.swap.max");
        if (swap->limit != UINT64_MAX)
                swap->limit += usage->limit;
        stats_read_pressure(at, "memory.pressure", &stats->memory.pressure);
        return 0;
}

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6": discarding has no member in v1's terms. */
static int read_io(const struct cgroup_folder *at, struct arena *arena, struct stats *stats, struct error *err)
{
        static const struct { const char *word, *op; enum stats_io_kind kind; } words[] = {
                { "rbytes=", "Read", STATS_IO_BYTES }, { "wbytes=", "Write", STATS_IO_BYTES },
                { "rios=", "Read", STATS_IO_OPERATIONS }, { "wios=", "Write", STATS_IO_OPERATIONS },
        };
        auto_free char *text = NULL;
        char *rest = NULL;

        if (cgroup_read(at, "io.stat", &text) < 0)
                return 0;
        for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
                char *in_line = NULL, *device = strtok_r(line, " ", &in_line);
                unsigned long long major, minor;

                if (device == NULL || sscanf(device, "%llu:%llu", &major, &minor) != 2)
                        continue;
                for (char *word = strtok_r(NULL, " ", &in_line); word != NULL; word = strtok_r(NULL, " ", &in_line)) {
                        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
                                struct stats_io entry = { .major = major, .minor = minor, .op = words[i].op };

                                if (!text_starts_with(word, words[i].word))
                                        continue;
                                entry.value = strtoull(strchr(word, '=') + 1, NULL, 10);
                                if (stats_add_io(&stats->io.lists[words[i].kind], arena, entry) < 0)
                                        return error_errno(err, ENOMEM, "io.stat");
                        }
                }
        }
        stats_read_pressure(at, "io.pressure", &stats->io.pressure);
        return 0;
}

int stats_read_v2(const struct cgroup_set *set, struct arena *arena, struct stats *stats, struct error *err)
{
        const struct cgroup_folder *at = set->n > 0 ? &set->folders[0] : NULL;
        int r;

        if (at == NULL)
                return 0;
        read_cpu(at, stats);
        stats->pids.current = stats_number(at, "pids.current");
        stats->pids.limit = stats_number(at, "pids.max");
        if (stats->pids.limit == UINT64_MAX)
                stats->pids.limit = 0;
        r = read_memory(at, arena, stats, err);
        if (r == 0)
                r = read_io(at, arena, stats, err);
        return r < 0 ? r : stats_read_huge(at, arena, stats, err);
}
