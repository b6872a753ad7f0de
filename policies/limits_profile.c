/* The limits that a policy file sets: filled in where the engine gives none, lowered where it gives more.
 *
 * An update leaves what it does not name, so that one of two numbers that count only together is no way around: a
 * quota without its period, swap without memory. */
#include "policies/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

#include "policies/judge.h"

#define PERIOD_US 100000        /* kernel docs, cgroup-v2, cpu.max: the default */
/* min_cfs_quota_period, max_cfs_quota_period of kernel/sched/core.c */
#define QUOTA_LEAST_US 1000
#define PERIOD_MOST_US 1000000

static const char *number(struct arena *arena, int64_t value)
{
        return value < 0 ? "no limit" : arena_format(arena, "%" PRId64, value);
}

static const struct policy_limit_value *limit_of(const struct judge *judge, enum policy_limit limit)
{
        const struct policy_limit_value *value = &judge->policy->profile.limits[limit];

        return value->is_set ? value : NULL;
}

/* Zeros count as absent, less as unlimited. Returns true where the value has become the profile's. */
static bool lower(struct judge *judge, const char *rule, const char *property, uint64_t most, bool is_update,
                  struct spec_number *asked)
{
        bool is_absent = !asked->is_given || asked->value == 0;

        if (most > INT64_MAX)
                most = INT64_MAX;
        if ((is_absent && is_update) || (!is_absent && asked->value > 0 && (uint64_t)asked->value <= most))
                return false;
        judge_tighten(judge, rule, property, number(judge->arena, is_absent ? -1 : asked->value),
                      number(judge->arena, (int64_t)most));
        *asked = (struct spec_number){ .is_given = true, .value = (int64_t)most };
        return true;
}

static void drop_unified(struct judge *judge, const char *rule, const char *key, struct spec_resources *resources)
{
        struct spec_pair *left = arena_array(judge->arena, resources->n_unified + 1, sizeof *left);
        size_t n = 0;

        for (size_t i = 0; i < resources->n_unified && left != NULL; i++) {
                if (strcmp(resources->unified[i].key, key) != 0) {
                        left[n++] = resources->unified[i];
                        continue;
                }
                judge_tighten(judge, rule, arena_format(judge->arena, "linux.resources.unified (%s)", key),
                              resources->unified[i].value, "the profile's");
        }
        if (left == NULL) {
                judge->findings->is_broken = true;
                return;
        }
        resources->unified = left;
        resources->n_unified = n;
}

/* The typed property is of memory and swap together. */
static void judge_memory(struct judge *judge, struct spec_resources *resources, bool is_update)
{
        const struct policy_limit_value *memory = limit_of(judge, POLICY_LIMIT_MEMORY);
        const struct policy_limit_value *swap = limit_of(judge, POLICY_LIMIT_SWAP);
        struct spec_number *limit = &resources->memory.limit, *both = &resources->memory.swap;
        int64_t most;

        if (memory != NULL &&
            lower(judge, "limits.memory", "linux.resources.memory.limit", memory->value, is_update, limit) &&
            both->is_given && both->value > 0 && both->value < limit->value)
                both->value = limit->value;     /* less than memory alone is no value */
        if (swap == NULL)
                return;
        drop_unified(judge, "limits.swap", "memory.swap.max", resources);
        if (limit->is_given && limit->value > 0) {
                if (__builtin_add_overflow(limit->value, (int64_t)swap->value, &most))
                        most = INT64_MAX;
                /* v1 has a file for both together: less memory alone would leave the rest of it to swap. */
                if (is_update && !judge->host->is_cgroup2)
                        is_update = false;
                lower(judge, "limits.swap", "linux.resources.memory.swap", (uint64_t)most, is_update, both);
        } else if (both->is_given && both->value != 0) {
                judge_refuse(judge, "limits.swap", "linux.resources.memory.swap", number(judge->arena, both->value),
                             NULL,
                             "the limit of swap counts from the one of memory; give both, --memory and --memory-swap");
        }
}

#define OOM_GROUP "memory.oom.group"

/* A build of which one process was killed for memory may go on, to an image in which something is missing: it ends as a
 * whole instead (kernel docs, cgroup-v2). cgroup v1 has no such thing. */
static void judge_oom_group(struct judge *judge, struct spec_resources *resources, bool is_update)
{
        const struct policy_limit_value *memory = limit_of(judge, POLICY_LIMIT_MEMORY);
        struct spec_pair *pairs;
        size_t n = 0;

        if (memory == NULL || !memory->is_demanded || !judge->host->is_cgroup2)
                return;
        pairs = arena_array(judge->arena, resources->n_unified + 1, sizeof *pairs);
        if (pairs == NULL) {
                judge->findings->is_broken = true;
                return;
        }
        for (size_t i = 0; i < resources->n_unified; i++) {
                if (strcmp(resources->unified[i].key, OOM_GROUP) != 0)
                        pairs[n++] = resources->unified[i];
                else if (strcmp(resources->unified[i].value, "1") != 0)
                        judge_tighten(judge, "limits.memory", "linux.resources.unified (" OOM_GROUP ")",
                                      resources->unified[i].value, "1");
        }
        if (!is_update || n < resources->n_unified)
                pairs[n++] = (struct spec_pair){ OOM_GROUP, "1" };
        resources->unified = pairs;
        resources->n_unified = n;
}

static void judge_cpus(struct judge *judge, struct spec_resources *resources, bool is_update)
{
        const struct policy_limit_value *cpus = limit_of(judge, POLICY_LIMIT_CPUS);
        struct spec_number *quota = &resources->cpu.quota_us, *period = &resources->cpu.period_us;
        bool has_quota = quota->is_given && quota->value != 0, has_period = period->is_given && period->value != 0;
        int64_t period_us = has_period ? period->value : PERIOD_US, most;

        if (cpus == NULL || (is_update && !has_quota && !has_period))
                return;
        if (is_update && has_quota != has_period) {
                judge_refuse(judge, "limits.cpus",
                             has_quota ? "linux.resources.cpu.quota" : "linux.resources.cpu.period",
                             number(judge->arena, has_quota ? quota->value : period->value), NULL,
                             "a quota of CPU time counts in its period; give both, --cpu-quota and --cpu-period");
                return;
        }
        if (period_us < 0 || __builtin_mul_overflow(period_us, (int64_t)cpus->value, &most)) {
                judge_invalid(judge, "linux.resources.cpu.period: %" PRId64 " is no period", period_us);
                return;
        }
        most /= 1000;
        if (lower(judge, "limits.cpus", "linux.resources.cpu.quota", (uint64_t)(most > 0 ? most : 1), is_update,
                  quota)) {
                *period = (struct spec_number){ .is_given = true, .value = period_us };
                /* No kernel takes a shorter quota: the same part of a CPU in the longest period. */
                if (quota->value < QUOTA_LEAST_US) {
                        quota->value = (int64_t)cpus->value * (PERIOD_MOST_US / 1000);
                        period->value = PERIOD_MOST_US;
                }
        }
        if (resources->cpu.burst_us.is_given && resources->cpu.burst_us.value > quota->value)
                resources->cpu.burst_us.value = quota->value;
}

/* runtime-spec counts from 10 to 1000, io.weight from 1 to 10000. */
static void judge_io(struct judge *judge, struct spec_resources *resources, bool is_update)
{
        const struct policy_limit_value *weight = limit_of(judge, POLICY_LIMIT_IO_WEIGHT);
        struct spec_block_device *devices;
        uint64_t most;

        if (weight == NULL)
                return;
        most = 10 + (weight->value - 1) * 990 / 9999;
        lower(judge, "limits.ioWeight", "linux.resources.blockIO.weight", most, is_update, &resources->block.weight);
        drop_unified(judge, "limits.ioWeight", "io.weight", resources);
        drop_unified(judge, "limits.ioWeight", "io.bfq.weight", resources);
        if (resources->block.n_devices == 0)
                return;
        devices = arena_array(judge->arena, resources->block.n_devices, sizeof *devices);
        if (devices == NULL) {
                judge->findings->is_broken = true;
                return;
        }
        for (size_t i = 0; i < resources->block.n_devices; i++) {
                devices[i] = resources->block.devices[i];
                if (!devices[i].has_weight || devices[i].weight <= most)
                        continue;
                judge_tighten(judge, "limits.ioWeight", "linux.resources.blockIO.weightDevice",
                              number(judge->arena, devices[i].weight), number(judge->arena, (int64_t)most));
                devices[i].weight = (uint16_t)most;
        }
        resources->block.devices = devices;
}

void policy_limits_judge_profile(struct judge *judge, struct spec_resources *resources, bool is_update)
{
        judge_memory(judge, resources, is_update);
        judge_oom_group(judge, resources, is_update);
        judge_cpus(judge, resources, is_update);
        judge_io(judge, resources, is_update);
}

void policy_limits_demand(const struct policy *policy, const struct spec_resources *asked,
                          const struct spec_resources *judged, struct spec_resources *ret_demanded)
{
        const struct policy_limit_value *limits = policy->profile.limits;
        struct spec_resources demanded = *asked;

        if (limits[POLICY_LIMIT_PIDS].is_demanded)
                demanded.pids_limit = judged->pids_limit;
        if (limits[POLICY_LIMIT_MEMORY].is_demanded)
                demanded.memory.limit = judged->memory.limit;
        if (limits[POLICY_LIMIT_SWAP].is_demanded)
                demanded.memory.swap = judged->memory.swap;
        if (limits[POLICY_LIMIT_CPUS].is_demanded)
                demanded.cpu.quota_us = judged->cpu.quota_us;
        if (limits[POLICY_LIMIT_IO_WEIGHT].is_demanded)
                demanded.block.weight = judged->block.weight;
        *ret_demanded = demanded;
}

/* ---- of the process ---- */

static const char *pair(struct arena *arena, uint64_t soft, uint64_t hard)
{
        if (soft == UINT64_MAX && hard == UINT64_MAX)
                return "no limit";
        return arena_format(arena, "%" PRIu64 ":%" PRIu64, soft, hard);
}

/* @own: what this process has, which the build would inherit. */
static int judge_rlimit(struct judge *judge, struct spec_process *process, enum policy_limit which, int resource,
                        const char *name, const struct host_rlimit *own)
{
        const struct policy_limit_value *most = limit_of(judge, which);
        struct spec_rlimit *limits;
        size_t at = process->n_rlimits;
        uint64_t soft, hard;

        if (most == NULL)
                return 0;
        for (size_t i = 0; i < process->n_rlimits; i++) {
                if (process->rlimits[i].resource == resource)
                        at = i;
        }
        soft = at < process->n_rlimits ? process->rlimits[at].soft : own->soft;
        hard = at < process->n_rlimits ? process->rlimits[at].hard : own->hard;
        if (soft <= most->value && hard <= most->value)
                return 0;
        limits = arena_array(judge->arena, process->n_rlimits + 1, sizeof *limits);
        if (limits == NULL)
                return -ENOMEM;
        if (process->n_rlimits > 0)
                memcpy(limits, process->rlimits, process->n_rlimits * sizeof *limits);
        limits[at] = (struct spec_rlimit){
                .resource = resource, .name = name,
                .soft = soft < most->value ? soft : most->value,
                .hard = hard < most->value ? hard : most->value,
        };
        judge_tighten(judge, which == POLICY_LIMIT_NOFILE ? "limits.nofile" : "limits.fsize",
                      arena_format(judge->arena, "process.rlimits (%s)", name), pair(judge->arena, soft, hard),
                      pair(judge->arena, limits[at].soft, limits[at].hard));
        if (at == process->n_rlimits)
                process->n_rlimits++;
        process->rlimits = limits;
        return 0;
}

int policy_limits_judge_rlimits(struct judge *judge, struct spec_process *process)
{
        int r = judge_rlimit(judge, process, POLICY_LIMIT_NOFILE, RLIMIT_NOFILE, "RLIMIT_NOFILE", &judge->host->nofile);

        if (r == 0)
                r = judge_rlimit(judge, process, POLICY_LIMIT_FSIZE, RLIMIT_FSIZE, "RLIMIT_FSIZE", &judge->host->fsize);
        return r;
}
