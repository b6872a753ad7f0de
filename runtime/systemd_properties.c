/* Limits as systemd's properties, in the helper's lines: name, type, values, tabs between (systemd.resource-control(5),
 * org.freedesktop.systemd1(5)). Version 2's names: on v1 systemd takes them for their elders itself. What it has no
 * property for stays with the files of the cgroup. */
#include "runtime/systemd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/auto.h"
#include "runtime/cgroups_private.h"

#define ANNOTATION_MAX 16384     /* the helper takes lines of 64 KiB */
#define INFINITY_TEXT "18446744073709551615"

static void add_limit(struct text_buffer *out, const char *name, int64_t value)
{
        if (value < 0)
                text_addf(out, "%s\tt\t" INFINITY_TEXT "\n", name);
        else
                text_addf(out, "%s\tt\t%" PRId64 "\n", name, value);
}

void systemd_properties_add_always(const struct systemd_plan *plan, struct text_buffer *out)
{
        text_addf(out, "Slice\ts\t%s\n", plan->slice);
        /* The folder and what is below are ours to write to; and a failed scope stays for nobody to look at. */
        text_add(out, "Delegate\tb\ttrue\nDefaultDependencies\tb\tfalse\nCollectMode\ts\tinactive-or-failed\n"
                      "MemoryAccounting\tb\ttrue\nCPUAccounting\tb\ttrue\nIOAccounting\tb\ttrue\nTasksAccounting\tb\ttrue\n");
}

static void add_cpu(const struct spec_resources *resources, struct text_buffer *out)
{
        uint64_t period = number_is_set(resources->cpu.period_us) ? (uint64_t)resources->cpu.period_us.value : 0, each_second;

        if (number_is_set(resources->cpu.shares))
                text_addf(out, "CPUWeight\tt\t%" PRIu64 "\n",
                          cgroups_weight_from_shares((uint64_t)resources->cpu.shares.value));
        if (period > 0)
                add_limit(out, "CPUQuotaPeriodUSec", (int64_t)period);
        if (!number_is_set(resources->cpu.quota_us))
                return;
        if (resources->cpu.quota_us.value < 0) {
                add_limit(out, "CPUQuotaPerSecUSec", -1);
                return;
        }
        if (period == 0)
                period = 100000;
        /* Whole percents, so that a small quota does not become none: as runc rounds. */
        each_second = (uint64_t)resources->cpu.quota_us.value * 1000000 / period;
        if (each_second % 10000 != 0)
                each_second = (each_second / 10000 + 1) * 10000;
        text_addf(out, "CPUQuotaPerSecUSec\tt\t%" PRIu64 "\n", each_second);
}

static int add_memory(const struct spec_resources *resources, bool is_v2, struct text_buffer *out, struct error *err)
{
        int64_t limit = resources->memory.limit.is_given ? resources->memory.limit.value : 0;
        int64_t both = resources->memory.swap.is_given ? resources->memory.swap.value : 0, swap = 0;
        bool has_swap = false;
        int r;

        if (limit != 0)
                add_limit(out, "MemoryMax", limit);
        if (!is_v2)
                return 0;
        if (number_is_set(resources->memory.reservation))
                add_limit(out, "MemoryLow", resources->memory.reservation.value);
        /* The sum alone counts from the limit that is there, which the file's writer reads. */
        if (limit == 0)
                return 0;
        r = cgroups_swap_only(limit, both, &has_swap, &swap, err);
        if (r == 0 && has_swap)
                add_limit(out, "MemorySwapMax", swap);
        return r;
}

static void add_unified(const struct spec_resources *resources, struct text_buffer *out)
{
        static const struct { const char *file, *property; } known[] = {
                { "memory.high", "MemoryHigh" }, { "memory.min", "MemoryMin" }, { "memory.low", "MemoryLow" },
        };

        for (size_t i = 0; i < resources->n_unified; i++) {
                for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
                        uint64_t value;

                        if (strcmp(resources->unified[i].key, known[k].file) != 0)
                                continue;
                        if (strcmp(resources->unified[i].value, "max") == 0)
                                add_limit(out, known[k].property, -1);
                        else if (text_to_u64(resources->unified[i].value, &value) == 0 && value <= INT64_MAX)
                                add_limit(out, known[k].property, (int64_t)value);
                }
        }
}

static void add_tasks(const struct spec_resources *resources, struct text_buffer *out)
{
        int64_t limit = resources->pids_limit.value;

        /* As in the file: 0 lets nothing fork, and init itself is one. */
        add_limit(out, "TasksMax", limit < 0 ? -1 : limit == 0 ? 1 : limit);
}

int systemd_properties_add(const struct spec_resources *resources, bool is_v2, enum systemd_moment moment,
                           struct text_buffer *out, struct error *err)
{
        int r;

        if (resources->pids_limit.is_given &&
            (moment == SYSTEMD_COMPLETE || (moment == SYSTEMD_UPDATE && resources->pids_limit.value != 0)))
                add_tasks(resources, out);
        if (moment == SYSTEMD_COMPLETE)
                return 0;
        r = add_memory(resources, is_v2, out, err);
        if (r < 0)
                return r;
        add_cpu(resources, out);
        if (number_is_set(resources->block.weight) && resources->block.weight.value > 0)
                text_addf(out, "IOWeight\tt\t%" PRIu64 "\n", cgroups_io_weight((uint64_t)resources->block.weight.value));
        if (is_v2) {
                if (!text_is_empty(resources->cpu.cpus))
                        text_addf(out, "AllowedCPUs\tay\t%s\n", resources->cpu.cpus);
                if (!text_is_empty(resources->cpu.mems))
                        text_addf(out, "AllowedMemoryNodes\tay\t%s\n", resources->cpu.mems);
                add_unified(resources, out);
        }
        return 0;
}

/* ---- devices ---- */

/* The driver's name of a major number in /proc/devices, whose two lists are "Character devices:" and "Block devices:". */
static const char *driver_of(const char *majors, char type, int64_t major, char *name, size_t size)
{
        const char *p = strstr(majors, type == 'b' ? "Block devices:" : "Character devices:");

        for (p = p == NULL ? NULL : strchr(p, '\n'); p != NULL && p[1] != '\0' && p[1] != '\n'; p = strchr(p + 1, '\n')) {
                char *end;
                long number = strtol(p + 1, &end, 10);
                size_t length;

                if (end == p + 1 || number != major)
                        continue;
                end += strspn(end, " ");
                length = strcspn(end, "\n");
                if (length == 0 || length >= size)
                        return NULL;
                memcpy(name, end, length);
                name[length] = '\0';
                return name;
        }
        return NULL;
}

static void add_access(struct text_buffer *out, unsigned access)
{
        text_addf(out, "\t%s%s%s", access & 2 ? "r" : "", access & 4 ? "w" : "", access & 1 ? "m" : "");
}

int systemd_properties_add_devices(const struct spec_device_rule *rules, size_t n_rules, const char *majors,
                                   struct text_buffer *out, struct error *err)
{
        auto_arena struct arena arena = { 0 };
        struct device_list list;
        char name[128];
        int r = device_list_make(rules, n_rules, &arena, &list, err);

        if (r < 0)
                return r;
        if (list.is_default_allow)
                return error_set(err, EOPNOTSUPP, "linux.resources.devices: all but some are allowed, which systemd cannot hold; list "
                                 "what is allowed, or set the engine's cgroup manager to cgroupfs");
        text_add(out, "DevicePolicy\ts\tstrict\nDeviceAllow\ta(ss)");
        for (size_t i = 0; i < list.n; i++) {
                const struct device_entry *entry = &list.entries[i];
                const char *kind = entry->type == 'b' ? "block" : "char";

                if (entry->major == -1 && entry->minor == -1) {
                        text_addf(out, "\t%s-*", kind);
                } else if (entry->major == -1) {
                        return error_set(err, EOPNOTSUPP, "linux.resources.devices: \"%c *:%lld\" is nothing that systemd can hold; "
                                         "name the major number", entry->type, (long long)entry->minor);
                } else if (entry->minor == -1) {
                        /* Of a driver that is not there, no device can be opened either. */
                        if (driver_of(majors, entry->type, entry->major, name, sizeof name) == NULL)
                                continue;
                        text_addf(out, "\t%s-%s", kind, name);
                } else {
                        text_addf(out, "\t/dev/%s/%lld:%lld", kind, (long long)entry->major, (long long)entry->minor);
                }
                add_access(out, entry->access);
        }
        text_add(out, "\n");
        return 0;
}

/* ---- annotations ---- */

static int bad_value(const char *name, const char *value, struct error *err)
{
        return error_set(err, EINVAL, "annotation org.systemd.property.%s: \"%s\" is not in GVariant's text format: true, 'text', 5, "
                         "uint64 5, or ['text', 'text']", name, value);
}

/* 'text' or "text" at *@p, to the tab-separated @out. */
static bool take_string(const char **p, struct text_buffer *out)
{
        char quote = **p;
        const char *start = *p + 1, *end;

        if (quote != '\'' && quote != '"')
                return false;
        end = strchr(start, quote);
        if (end == NULL)
                return false;
        for (const char *c = start; c < end; c++)
                if ((unsigned char)*c < 0x20 || *c == '\\')
                        return false;
        text_add(out, "\t");
        text_add_n(out, start, (size_t)(end - start));
        *p = end + 1 + strspn(end + 1, " ");
        return true;
}

static bool take_strings(const char *p, struct text_buffer *out)
{
        p += 1 + strspn(p + 1, " ");
        while (*p != ']') {
                if (!take_string(&p, out))
                        return false;
                if (*p == ',')
                        p += 1 + strspn(p + 1, " ");
                else if (*p != ']')
                        return false;
        }
        return p[1] == '\0';
}

static bool is_within(const char *text, char type)
{
        static const struct { char type; int64_t least; uint64_t most; } ranges[] = {
                { 'y', 0, UINT8_MAX }, { 'n', INT16_MIN, INT16_MAX }, { 'q', 0, UINT16_MAX }, { 'i', INT32_MIN, INT32_MAX },
                { 'u', 0, UINT32_MAX }, { 'x', INT64_MIN, INT64_MAX }, { 't', 0, UINT64_MAX },
        };
        uint64_t natural;
        int64_t number;

        for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
                if (ranges[i].type != type)
                        continue;
                if (text[0] == '-')
                        return text_to_i64(text, &number) == 0 && number >= ranges[i].least;
                return text_to_u64(text, &natural) == 0 && natural <= ranges[i].most;
        }
        return false;
}

int systemd_properties_add_annotation(const char *name, const char *value, struct text_buffer *out, struct error *err)
{
        static const struct { const char *word; char type; } words[] = {
                { "byte ", 'y' }, { "int16 ", 'n' }, { "uint16 ", 'q' }, { "int32 ", 'i' },
                { "uint32 ", 'u' }, { "int64 ", 'x' }, { "uint64 ", 't' },
        };
        size_t n = strlen(name);
        const char *p = value;
        char type = 'i';

        if (n == 0 || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != n)
                return error_set(err, EINVAL, "annotation org.systemd.property.%s: that is no name of a property", name);
        if (strlen(value) > ANNOTATION_MAX)
                return error_set(err, E2BIG, "annotation org.systemd.property.%s: is longer than %d bytes", name, ANNOTATION_MAX);
        if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0) {
                text_addf(out, "%s\tb\t%s\n", name, value);
                return 0;
        }
        if (value[0] == '\'' || value[0] == '"') {
                text_addf(out, "%s\ts", name);
                if (!take_string(&p, out) || *p != '\0')
                        return bad_value(name, value, err);
                text_add(out, "\n");
                return 0;
        }
        if (value[0] == '[') {
                text_addf(out, "%s\tas", name);
                if (!take_strings(value, out))
                        return bad_value(name, value, err);
                text_add(out, "\n");
                return 0;
        }
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
                if (text_starts_with(value, words[i].word)) {
                        type = words[i].type;
                        p = value + strlen(words[i].word);
                        break;
                }
        }
        if (!is_within(p, type))
                return bad_value(name, value, err);
        /* runc: seconds for people, microseconds on the bus. */
        if (n > 3 && strcmp(name + n - 3, "Sec") == 0 && (n == 4 || strcmp(name + n - 4, "USec") != 0)) {
                uint64_t seconds;

                if (text_to_u64(p, &seconds) < 0 || seconds > UINT64_MAX / 1000000)
                        return bad_value(name, value, err);
                text_addf(out, "%.*sUSec\tt\t%" PRIu64 "\n", (int)(n - 3), name, seconds * 1000000);
                return 0;
        }
        text_addf(out, "%s\t%c\t%s\n", name, type, p);
        return 0;
}
