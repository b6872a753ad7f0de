/* Statistics of cgroup v2 (kernel docs admin-guide/cgroup-v2) in v1's terms, as runc converts them. */
#include "runtime/stats_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/auto.h"

/* "avg10=0.00 ": goes on behind the blank. */
static bool take_average(const char **at, const char *key, char ret_text[16])
{
        size_t length;

        if (!text_starts_with(*at, key))
                return false;
        *at += strlen(key);
        length = strspn(*at, "0123456789.");
        if (length == 0 || length >= 16 || (*at)[length] != ' ')
                return false;
        memcpy(ret_text, *at, length);
        ret_text[length] = '\0';
        *at += length + 1;
        return true;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", and a line "full" (cpu: since Linux 5.13). */
void stats_read_pressure(const struct cgroup_folder *at, const char *file, struct stats_pressure *pressure)
{
        auto_free char *text = NULL;
        char *rest = NULL;

        /* EOPNOTSUPP: psi=0 on the kernel's command line. */
        if (cgroup_read(at, file, &text) < 0)
                return;
        for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
                bool is_some = text_starts_with(line, "some ");
                const char *word = line + strlen("some ");
                char avg10[16], avg60[16], avg300[16];
                uint64_t total;

                /* By hand: sscanf(3) costs more than the kernel takes to tell. */
                if ((!is_some && !text_starts_with(line, "full ")) || !take_average(&word, "avg10=", avg10) ||
                    !take_average(&word, "avg60=", avg60) || !take_average(&word, "avg300=", avg300) || !text_starts_with(word, "total="))
                        continue;
                total = strtoull(word + strlen("total="), NULL, 10);
                pressure->is_given = true;
                strcpy(is_some ? pressure->some.avg10 : pressure->full.avg10, avg10);
                strcpy(is_some ? pressure->some.avg60 : pressure->full.avg60, avg60);
                strcpy(is_some ? pressure->some.avg300 : pressure->full.avg300, avg300);
                *(is_some ? &pressure->some.total_us : &pressure->full.total_us) = total;
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

/* Not memory.stat, for which the kernel adds up what all processors have, nor the limits. */
int stats_read_end_v2(const struct cgroup_set *set, struct arena *arena, struct stats *stats, struct error *err)
{
        const struct cgroup_folder *at = set->n > 0 ? &set->folders[0] : NULL;

        if (at == NULL)
                return 0;
        read_cpu(at, stats);
        stats->memory.usage.max = stats_number(at, "memory.peak");
        stats_read_pressure(at, "memory.pressure", &stats->memory.pressure);
        return read_io(at, arena, stats, err);
}
