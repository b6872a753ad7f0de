/* One limit has one judge: a file that a typed property writes, too, is taken as that property. As the runtime writes
 * unified last, its value wins over the typed one, as it would in the kernel. */
#include "policies/unified.h"

#include <errno.h>
#include <string.h>

#include "policies/judge.h"
#include "runtime/base/text.h"

/* memparse(): digits and a letter; strict otherwise, since what one parser takes for no number another takes for a
 * large one. "max" is -1. */
static int parse_size(const char *text, int64_t *ret_value)
{
        static const char units[] = "kmgtpe";
        size_t digits = strspn(text, "0123456789"), shift = 0;
        unsigned __int128 value = 0;

        if (strcmp(text, "max") == 0) {
                *ret_value = -1;
                return 0;
        }
        if (digits == 0 || digits > 19)
                return -EINVAL;
        if (text[digits] != '\0') {
                const char *unit = strchr(units, text[digits] | 0x20);

                if (unit == NULL || text[digits + 1] != '\0')
                        return -EINVAL;
                shift = 10 * (size_t)(unit - units + 1);
        }
        for (size_t i = 0; i < digits; i++)
                value = value * 10 + (unsigned)(text[i] - '0');
        value <<= shift;
        if (value > INT64_MAX)
                return -ERANGE;
        *ret_value = (int64_t)value;
        return 0;
}

static int parse_count(const char *text, int64_t *ret_value)
{
        uint64_t value = 0;
        int r = 0;

        if (strcmp(text, "max") == 0) {
                *ret_value = -1;
                return 0;
        }
        r = text_to_u64(text, &value);
        if (r == 0 && value > INT64_MAX)
                r = -ERANGE;
        *ret_value = (int64_t)value;
        return r;
}

static struct spec_number given(int64_t value)
{
        return (struct spec_number){ .is_given = true, .value = value };
}

/* "max", "50000", "50000 100000", "max 100000". */
static int fold_bandwidth(struct judge *judge, const char *text, struct spec_resources *resources)
{
        char *quota = arena_string(judge->arena, text), *period;
        int64_t quota_us, period_us;

        if (quota == NULL)
                return -ENOMEM;
        period = strchr(quota, ' ');
        if (period != NULL)
                *period++ = '\0';
        if (parse_count(quota, &quota_us) < 0 || quota_us == 0 ||
            (period != NULL && (parse_count(period, &period_us) < 0 || period_us <= 0)))
                return -EINVAL;
        resources->cpu.quota_us = given(quota_us);
        if (period != NULL)
                resources->cpu.period_us = given(period_us);
        return 0;
}

/* Of swap alone; the typed one is of memory and swap together, and says nothing without a limit on memory. */
static int fold_swap(const char *text, struct spec_resources *resources)
{
        const struct spec_number *limit = &resources->memory.limit;
        int64_t swap;

        if (parse_size(text, &swap) < 0)
                return -EINVAL;
        if (swap == -1) {
                resources->memory.swap = given(-1);
                return 1;
        }
        if (!limit->is_given || limit->value <= 0 || swap > INT64_MAX - limit->value)
                return 0;
        resources->memory.swap = given(limit->value + swap);
        return 1;
}

/* Returns 1 when the typed property holds it now, 0 when it stays a file, or a negative errno. */
static int fold(struct judge *judge, const struct spec_pair *pair, struct spec_resources *resources)
{
        int64_t value;
        int r;

        if (strcmp(pair->key, "memory.max") == 0) {
                r = parse_size(pair->value, &value);
                /* A typed 0 is one that was not given; as a file it lets nothing be used at all, which is within any
                 * limit. */
                if (r < 0 || value == 0)
                        return r;
                resources->memory.limit = given(value);
                return 1;
        }
        if (strcmp(pair->key, "memory.low") == 0) {
                r = parse_size(pair->value, &value);
                if (r < 0 || value == 0)
                        return r;
                resources->memory.reservation = given(value);
                return 1;
        }
        if (strcmp(pair->key, "pids.max") == 0) {
                r = parse_count(pair->value, &value);
                if (r < 0)
                        return r;
                /* The file's 0 lets nothing fork, which 1 does as well; a typed 0 is podman's "no limit". */
                resources->pids_limit = given(value == 0 ? 1 : value);
                return 1;
        }
        if (strcmp(pair->key, "cpu.max") == 0) {
                r = fold_bandwidth(judge, pair->value, resources);
                return r < 0 ? r : 1;
        }
        if (strcmp(pair->key, "cpuset.cpus") == 0) {
                resources->cpu.cpus = pair->value;
                return 1;
        }
        if (strcmp(pair->key, "cpuset.mems") == 0) {
                resources->cpu.mems = pair->value;
                return 1;
        }
        return 0;
}

/* cgroup.procs pulls processes of the host in, subtree_control hands the tree over. A partition takes CPUs away from
 * everybody else (kernel docs, cgroup-v2, "cpuset.cpus.partition"). */
static bool is_no_limit(const char *key)
{
        return strchr(key, '/') != NULL || strchr(key, '.') == NULL || key[0] == '.' ||
               (text_starts_with(key, "cgroup.") && !text_starts_with(key, "cgroup.max.") &&
                strcmp(key, "cgroup.pressure") != 0) ||
               strcmp(key, "cpuset.cpus.partition") == 0 || strcmp(key, "cpuset.cpus.exclusive") == 0;
}

static int judge_pair(struct judge *judge, const struct spec_pair *pair, struct spec_resources *resources)
{
        int r;

        if (is_no_limit(pair->key)) {
                judge_refuse(judge, "cgroups.unified", "linux.resources.unified", pair->key, NULL,
                             "\"%s\" in linux.resources.unified is no limit of a container; drop it", pair->key);
                return 0;
        }
        if (strcmp(pair->key, "io.prio.class") == 0 && strcmp(pair->value, "promote-to-rt") == 0) {
                judge_tighten(judge, "limits.scheduler", "linux.resources.unified (io.prio.class)", pair->value,
                              "left out");
                return 1;
        }
        if (!judge->host->is_cgroup2)
                return 0;
        r = fold(judge, pair, resources);
        if (r == -EINVAL || r == -ERANGE) {
                judge_invalid(judge, "linux.resources.unified: \"%.64s\" is no value for %s; give a number or max",
                              pair->value, pair->key);
                return 0;
        }
        return r;
}

int policy_unified_judge(struct judge *judge, struct spec_resources *resources)
{
        const struct spec_pair *asked = resources->unified;
        size_t n_asked = resources->n_unified, n = 0;
        struct spec_pair *left;
        int r;

        if (n_asked == 0)
                return 0;
        left = arena_array(judge->arena, n_asked, sizeof *left);
        if (left == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < n_asked; i++) {
                if (strcmp(asked[i].key, "memory.swap.max") == 0 && judge->host->is_cgroup2)
                        continue;
                r = judge_pair(judge, &asked[i], resources);
                if (r < 0)
                        return r;
                if (r == 0)
                        left[n++] = asked[i];
        }
        /* After memory.max, whatever the order, since it counts from there. */
        for (size_t i = 0; i < n_asked; i++) {
                if (strcmp(asked[i].key, "memory.swap.max") != 0 || !judge->host->is_cgroup2)
                        continue;
                r = fold_swap(asked[i].value, resources);
                if (r < 0)
                        judge_invalid(
                                judge,
                                "linux.resources.unified: \"%.64s\" is no value for memory.swap.max; give a number or "
                                "max",
                                asked[i].value);
                else if (r == 0)
                        left[n++] = asked[i];
        }
        resources->unified = left;
        resources->n_unified = n;
        return 0;
}
