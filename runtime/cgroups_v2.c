/* Limits of cgroup v2 (kernel docs admin-guide/cgroup-v2).
 *
 * config.json speaks v1's language; shares, weights and memory+swap are converted. What v2 has no equivalent for is an
 * error here and never dropped in silence. */
#include "runtime/cgroups_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"

void cgroup_v2_enable(int fd, const char *only)
{
        auto_free char *available = NULL;
        auto_free char *enabled = NULL;
        auto_buffer struct text_buffer wanted = { 0 };
        char *rest = NULL, one[64];

        if (fd_read_file(fd, "cgroup.controllers", 4096, &available, NULL) < 0 ||
            fd_read_file(fd, "cgroup.subtree_control", 4096, &enabled, NULL) < 0)
                return;
        for (char *word = strtok_r(available, " \n", &rest); word != NULL; word = strtok_r(NULL, " \n", &rest))
                if (!cgroup_list_has(enabled, word) && (only == NULL || strcmp(word, only) == 0))
                        text_addf(&wanted, "+%s ", word);
        if (wanted.length == 0 || wanted.is_broken || fd_write_file(fd, "cgroup.subtree_control", wanted.text) == 0)
                return;
        /* All or nothing in one write: a single controller in use by v1, or that needs a domain, spoils the rest. */
        rest = NULL;
        for (char *word = strtok_r(wanted.text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
                snprintf(one, sizeof one, "%s", word);
                fd_write_file(fd, "cgroup.subtree_control", one);
        }
}

static bool needs_domain(const struct spec_resources *resources)
{
        return cgroup_group_is_asked(resources, GROUP_MEMORY) || cgroup_group_is_asked(resources, GROUP_IO) ||
               cgroup_group_is_asked(resources, GROUP_HUGETLB) || cgroup_group_is_asked(resources, GROUP_RDMA);
}

int cgroup_v2_check_type(const struct cgroup_folder *folder, const struct spec_resources *resources, struct error *err)
{
        auto_free char *type = NULL;

        if (cgroup_read(folder, "cgroup.type", &type) < 0)
                return 0;
        type[strcspn(type, "\n")] = '\0';
        if (strcmp(type, "domain") == 0)
                return 0;
        if (needs_domain(resources))
                return error_set(err, EOPNOTSUPP, "linux.resources: cgroup %s is in \"%s\" mode, in which memory, io, hugetlb and "
                                 "rdma have no limits: a cgroup above it is threaded or has processes of its own", folder->path,
                                 type);
        /* cgroups(7): an invalid one takes processes only once it is threaded. */
        if (strcmp(type, "domain invalid") == 0 && fd_write_file(folder->fd, "cgroup.type", "threaded") < 0)
                return error_set(err, EOPNOTSUPP, "cgroup %s is in \"domain invalid\" mode: a cgroup above it is threaded",
                                 folder->path);
        return 0;
}

int cgroup_v2_find(const struct cgroup_set *set, struct cgroup_limits *limits, struct error *err)
{
        auto_free char *available = NULL;
        int r;

        if (set->n == 0)
                return 0;
        limits->unified = &set->folders[0];
        r = cgroup_read(&set->folders[0], "cgroup.controllers", &available);
        if (r < 0)
                return error_errno(err, r, "read %s/cgroup.controllers", set->folders[0].path);
        for (enum cgroup_group group = 0; group < GROUPS; group++) {
                if (group == GROUP_NET_CLS || group == GROUP_NET_PRIO) {
                        if (cgroup_group_is_asked(limits->resources, group))
                                return error_set(err, ENOTSUP, "linux.resources.network: cgroup v2 has no class id and no "
                                                 "priorities; leave them out");
                        continue;
                }
                if (cgroup_list_has(available, cgroup_group_name(group)))
                        limits->at[group] = &set->folders[0];
        }
        return 0;
}

static int write_limit(const struct cgroup_folder *at, const char *property, const char *file, int64_t value,
                       struct error *err)
{
        if (value == -1)
                return cgroup_write(at, property, file, "max", err);
        return cgroup_write_number(at, property, file, value, err);
}

static int write_pids(const struct cgroup_folder *at, const struct spec_resources *resources, struct error *err)
{
        int64_t limit = resources->pids_limit.value;

        /* runtime-spec 1.3, "PIDs": 0 lets nothing fork. The kernel counts init's own clone against a 0. */
        return write_limit(at, "pids.limit", "pids.max", limit < 0 ? -1 : limit == 0 ? 1 : limit, err);
}

/* ---- memory ---- */

static int write_memory(struct cgroup_limits *limits, struct error *err)
{
        const struct cgroup_folder *at = limits->at[GROUP_MEMORY];
        const struct spec_resources *resources = limits->resources;
        int64_t limit = resources->memory.limit.is_given ? resources->memory.limit.value : 0;
        int64_t both = resources->memory.swap.is_given ? resources->memory.swap.value : 0, swap = 0;
        uint64_t now;
        bool has_swap;
        int r;

        if (number_is_set(resources->memory.disable_oom_killer))
                return error_set(err, ENOTSUP, "linux.resources.memory.disableOOMKiller: cgroup v2 cannot switch the OOM killer "
                                 "off; leave it out");
        if (resources->memory.swappiness.is_given && resources->memory.swappiness.value != -1)
                return error_set(err, ENOTSUP, "linux.resources.memory.swappiness: cgroup v2 has no swappiness; leave it out");
        if (number_is_set(resources->memory.check_before_update)) {
                r = cgroup_check_usage(at, "memory.current", limit, err);
                if (r < 0)
                        return r;
        }
        /* An update of the sum alone counts from the limit that is there. */
        if (limit == 0 && both > 0 && cgroup_read_number(at, "memory.max", &now) == 0 && now <= INT64_MAX)
                r = cgroups_swap_only((int64_t)now, both, &has_swap, &swap, err);
        else
                r = cgroups_swap_only(limit, both, &has_swap, &swap, err);
        if (r < 0)
                return r;
        if (has_swap) {
                /* A kernel without swap has no such file: no swap, and no limit on it, both hold there. */
                if (cgroup_has_file(at->fd, "memory.swap.max") || swap > 0)
                        r = write_limit(at, "memory.swap", "memory.swap.max", swap, err);
                if (r < 0)
                        return r;
        }
        if (limit != 0)
                r = write_limit(at, "memory.limit", "memory.max", limit, err);
        if (r == 0 && number_is_set(resources->memory.reservation))
                r = write_limit(at, "memory.reservation", "memory.low", resources->memory.reservation.value, err);
        return r;
}

/* ---- cpu ---- */

static int write_bandwidth(const struct cgroup_folder *at, const struct spec_resources *resources, struct error *err)
{
        auto_free char *now = NULL;
        char quota[32] = "max", period[32] = "100000", text[80];
        int r;

        /* Both stand in one file; what is not asked for stays as it is. */
        if (cgroup_read(at, "cpu.max", &now) == 0)
                sscanf(now, "%31s %31s", quota, period);
        if (number_is_set(resources->cpu.quota_us)) {
                if (resources->cpu.quota_us.value > 0)
                        snprintf(quota, sizeof quota, "%lld", (long long)resources->cpu.quota_us.value);
                else
                        snprintf(quota, sizeof quota, "max");
        }
        if (number_is_set(resources->cpu.period_us))
                snprintf(period, sizeof period, "%llu", (unsigned long long)resources->cpu.period_us.value);
        snprintf(text, sizeof text, "%s %s", quota, period);
        r = cgroup_write(at, number_is_set(resources->cpu.quota_us) ? "cpu.quota" : "cpu.period", "cpu.max", text, err);
        return r;
}

static int write_cpu(const struct cgroup_folder *at, const struct spec_resources *resources, struct error *err)
{
        bool has_idle = resources->cpu.idle.is_given && (resources->cpu.idle.value != 0 || cgroup_has_file(at->fd, "cpu.idle"));
        bool has_bandwidth = number_is_set(resources->cpu.quota_us) || number_is_set(resources->cpu.period_us);
        bool has_burst = resources->cpu.burst_us.is_given &&
                         (resources->cpu.burst_us.value != 0 || cgroup_has_file(at->fd, "cpu.max.burst"));
        bool is_burst_later = false;
        uint64_t weight;
        int r = 0;

        if (number_is_set(resources->cpu.rt_runtime_us) || number_is_set(resources->cpu.rt_period_us))
                return error_set(err, ENOTSUP, "linux.resources.cpu: cgroup v2 has no realtimeRuntime and realtimePeriod; leave "
                                 "them out");
        if (has_idle)
                r = cgroup_write_number(at, "cpu.idle", "cpu.idle", resources->cpu.idle.value, err);
        /* An idle group has no weight of its own (EINVAL). */
        if (r == 0 && number_is_set(resources->cpu.shares) && !(has_idle && resources->cpu.idle.value != 0)) {
                weight = cgroups_weight_from_shares((uint64_t)resources->cpu.shares.value);
                r = cgroup_write_number(at, "cpu.shares", "cpu.weight", (int64_t)weight, err);
        }
        if (r == 0 && has_burst) {
                r = cgroup_write_number(at, "cpu.burst", "cpu.max.burst", resources->cpu.burst_us.value, err);
                /* Higher than the quota of the moment: again, after the new one. */
                if (r == -EINVAL && has_bandwidth) {
                        is_burst_later = true;
                        r = 0;
                }
        }
        if (r == 0 && has_bandwidth)
                r = write_bandwidth(at, resources, err);
        if (r == 0 && is_burst_later)
                r = cgroup_write_number(at, "cpu.burst", "cpu.max.burst", resources->cpu.burst_us.value, err);
        return r;
}

static int write_cpuset(const struct cgroup_folder *at, const struct spec_resources *resources, struct error *err)
{
        int r = 0;

        if (!text_is_empty(resources->cpu.cpus))
                r = cgroup_write(at, "cpu.cpus", "cpuset.cpus", resources->cpu.cpus, err);
        if (r == 0 && !text_is_empty(resources->cpu.mems))
                r = cgroup_write(at, "cpu.mems", "cpuset.mems", resources->cpu.mems, err);
        return r;
}

/* ---- block devices ---- */

static int write_rates(const struct cgroup_folder *at, const char *property, const char *key,
                       const struct spec_block_rate *rates, size_t n, struct error *err)
{
        char text[96], rate[24];
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++) {
                snprintf(rate, sizeof rate, "%llu", (unsigned long long)rates[i].rate);
                snprintf(text, sizeof text, "%lld:%lld %s=%s", (long long)rates[i].major, (long long)rates[i].minor, key,
                         rates[i].rate == 0 ? "max" : rate);
                r = cgroup_write(at, property, "io.max", text, err);
        }
        return r;
}

static int write_block(const struct cgroup_folder *at, const struct spec_resources *resources, struct error *err)
{
        /* BFQ's own file takes v1's range; io.weight (iocost) has v2's. */
        bool is_bfq = cgroup_has_file(at->fd, "io.bfq.weight");
        const char *file = is_bfq ? "io.bfq.weight" : "io.weight";
        char text[80];
        int r = 0;

        if (number_is_set(resources->block.leaf_weight))
                return error_set(err, ENOTSUP, "linux.resources.blockIO.leafWeight: cgroup v2 has none; leave it out");
        if (number_is_set(resources->block.weight)) {
                int64_t weight = resources->block.weight.value;

                if (weight < 10 || weight > 1000)
                        return error_set(err, ERANGE, "linux.resources.blockIO.weight: %lld is not in 10..1000",
                                         (long long)weight);
                snprintf(text, sizeof text, "default %llu",
                         (unsigned long long)(is_bfq ? (uint64_t)weight : cgroups_io_weight((uint64_t)weight)));
                r = cgroup_write(at, "blockIO.weight", file, text, err);
        }
        for (size_t i = 0; i < resources->block.n_devices && r == 0; i++) {
                const struct spec_block_device *device = &resources->block.devices[i];

                if (device->has_leaf_weight && device->leaf_weight != 0)
                        return error_set(err, ENOTSUP, "linux.resources.blockIO.weightDevice[%zu].leafWeight: cgroup v2 has none; "
                                         "leave it out", i);
                if (!device->has_weight || device->weight == 0)
                        continue;
                if (device->weight < 10 || device->weight > 1000)
                        return error_set(err, ERANGE, "linux.resources.blockIO.weightDevice[%zu].weight: %u is not in 10..1000", i,
                                         device->weight);
                snprintf(text, sizeof text, "%lld:%lld %llu", (long long)device->major, (long long)device->minor,
                         (unsigned long long)(is_bfq ? device->weight : cgroups_io_weight(device->weight)));
                r = cgroup_write(at, "blockIO.weightDevice", file, text, err);
        }
        if (r == 0)
                r = write_rates(at, "blockIO.throttleReadBpsDevice", "rbps", resources->block.read_bps,
                                resources->block.n_read_bps, err);
        if (r == 0)
                r = write_rates(at, "blockIO.throttleWriteBpsDevice", "wbps", resources->block.write_bps,
                                resources->block.n_write_bps, err);
        if (r == 0)
                r = write_rates(at, "blockIO.throttleReadIOPSDevice", "riops", resources->block.read_iops,
                                resources->block.n_read_iops, err);
        if (r == 0)
                r = write_rates(at, "blockIO.throttleWriteIOPSDevice", "wiops", resources->block.write_iops,
                                resources->block.n_write_iops, err);
        return r;
}

/* ---- unified ---- */

static int write_unified(const struct cgroup_folder *at, const struct spec_pair *pair, struct error *err)
{
        /* cgroup.procs would pull any process of the host in, cgroup.type or subtree_control change what we rely on. */
        static const char *const harmless[] = { "cgroup.max.depth", "cgroup.max.descendants", "cgroup.pressure" };
        auto_free char *available = NULL;
        auto_free char *lines = NULL;
        char controller[64], *rest = NULL;
        const char *dot = strchr(pair->key, '.');
        bool is_harmless = false;
        int r = 0;

        if (strchr(pair->key, '/') != NULL)
                return error_set(err, EINVAL, "linux.resources.unified: unified resource \"%s\" must be a file name (no slashes)",
                                 pair->key);
        if (dot == NULL || dot == pair->key || (size_t)(dot - pair->key) >= sizeof controller)
                return error_set(err, EINVAL, "linux.resources.unified: unified resource \"%s\" must be in the form "
                                 "CONTROLLER.PARAMETER", pair->key);
        memcpy(controller, pair->key, (size_t)(dot - pair->key));
        controller[dot - pair->key] = '\0';
        if (strcmp(controller, "cgroup") == 0) {
                for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
                        is_harmless = is_harmless || strcmp(pair->key, harmless[i]) == 0;
                if (!is_harmless)
                        return error_set(err, EINVAL, "linux.resources.unified: \"%s\" is the runtime's own business; leave it out",
                                         pair->key);
        } else if (cgroup_read(at, "cgroup.controllers", &available) == 0 && !cgroup_list_has(available, controller)) {
                return error_set(err, ENODEV, "linux.resources.unified: unified resource \"%s\" can't be set: controller \"%s\" "
                                 "not available", pair->key, controller);
        }
        if (pair->value[strspn(pair->value, "\n")] == '\0')
                return error_set(err, EINVAL, "linux.resources.unified: unified resource \"%s\" has no value; drop it", pair->key);
        /* io.max and its like take one line a write. */
        lines = strdup(pair->value);
        if (lines == NULL)
                return error_errno(err, ENOMEM, "linux.resources.unified");
        for (char *line = strtok_r(lines, "\n", &rest); line != NULL && r == 0; line = strtok_r(NULL, "\n", &rest))
                r = cgroup_write(at, "unified", pair->key, line, err);
        return r;
}

int cgroup_v2_write(struct cgroup_limits *limits, struct error *err)
{
        const struct spec_resources *resources = limits->resources;
        const struct cgroup_folder *const *at = limits->at;
        int r = 0;

        if (at[GROUP_PIDS] != NULL && resources->pids_limit.is_given)
                r = write_pids(at[GROUP_PIDS], resources, err);
        if (r == 0 && at[GROUP_MEMORY] != NULL && cgroup_group_is_asked(resources, GROUP_MEMORY))
                r = write_memory(limits, err);
        if (r == 0 && at[GROUP_IO] != NULL && cgroup_group_is_asked(resources, GROUP_IO))
                r = write_block(at[GROUP_IO], resources, err);
        if (r == 0 && at[GROUP_CPU] != NULL)
                r = write_cpu(at[GROUP_CPU], resources, err);
        if (r == 0 && at[GROUP_CPUSET] != NULL)
                r = write_cpuset(at[GROUP_CPUSET], resources, err);
        if (r == 0 && at[GROUP_HUGETLB] != NULL)
                r = cgroup_write_huge(at[GROUP_HUGETLB], resources, err);
        if (r == 0 && at[GROUP_RDMA] != NULL)
                r = cgroup_write_rdma(at[GROUP_RDMA], resources, err);
        for (size_t i = 0; i < resources->n_unified && r == 0; i++)
                r = write_unified(limits->unified, &resources->unified[i], err);
        return r;
}
