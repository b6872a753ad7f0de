/* Limits of cgroup v1 (kernel docs admin-guide/cgroup-v1), also in a hybrid set-up, where a controller that has moved to
 * the v2 tree (hugetlb here and there) is limited there.
 *
 * The kernel checks each write against the other values of the moment, so the order of writes decides whether a raise
 * or a cut passes: memory before or after memory+swap, quota and period. */
#include "runtime/cgroups_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"

/* A file that every folder of the controller's hierarchy has. */
static const char *const probes[GROUPS] = {
        [GROUP_PIDS] = "pids.max", [GROUP_MEMORY] = "memory.limit_in_bytes", [GROUP_CPU] = "cpu.shares",
        [GROUP_CPUSET] = "cpuset.cpus", [GROUP_IO] = "blkio.throttle.read_bps_device",
        [GROUP_NET_CLS] = "net_cls.classid", [GROUP_NET_PRIO] = "net_prio.ifpriomap", [GROUP_RDMA] = "rdma.max",
};

static bool is_page_size(const char *size)
{
        return size != NULL && strspn(size, "0123456789KMGB") == strlen(size) && size[0] != '\0' && strlen(size) < 24;
}

int cgroup_v1_find(const struct cgroup_set *set, struct cgroup_limits *limits, struct error *err)
{
        char name[64];

        if (limits->resources->n_unified > 0)
                return error_set(err, EINVAL, "linux.resources.unified: invalid configuration: cannot use unified on cgroup v1");
        for (enum cgroup_group group = 0; group < GROUPS; group++)
                if (probes[group] != NULL && cgroup_group_is_asked(limits->resources, group))
                        limits->at[group] = cgroup_set_find(set, probes[group]);
        /* A zero of theirs is a value, which needs no controller and has to be written where there is one. */
        if (limits->resources->cpu.idle.is_given || limits->resources->cpu.burst_us.is_given)
                limits->at[GROUP_CPU] = cgroup_set_find(set, probes[GROUP_CPU]);
        if (limits->resources->memory.disable_oom_killer.is_given)
                limits->at[GROUP_MEMORY] = cgroup_set_find(set, probes[GROUP_MEMORY]);
        for (size_t i = 0; i < limits->resources->n_huge && limits->at[GROUP_HUGETLB] == NULL; i++) {
                if (!is_page_size(limits->resources->huge[i].page_size))
                        return error_set(err, EINVAL, "linux.resources.hugepageLimits[%zu].pageSize: \"%.32s\" is not a size "
                                         "such as 2MB", i, limits->resources->huge[i].page_size);
                snprintf(name, sizeof name, "hugetlb.%s.limit_in_bytes", limits->resources->huge[i].page_size);
                limits->at[GROUP_HUGETLB] = cgroup_set_find(set, name);
                if (limits->at[GROUP_HUGETLB] == NULL) {
                        snprintf(name, sizeof name, "hugetlb.%s.max", limits->resources->huge[i].page_size);
                        limits->at[GROUP_HUGETLB] = cgroup_set_find(set, name);
                }
        }
        return 0;
}

int cgroup_v1_fill_cpuset(int parent_fd, const struct cgroup_folder *folder, struct error *err)
{
        static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };

        for (size_t i = 0; i < 2; i++) {
                auto_free char *own = NULL;
                auto_free char *above = NULL;
                int r = cgroup_read(folder, files[i], &own);

                if (r < 0)
                        return error_errno(err, r, "read %s/%s", folder->path, files[i]);
                if (own[0] != '\0' && own[0] != '\n')
                        continue;
                r = fd_read_file(parent_fd, files[i], 65536, &above, NULL);
                if (r < 0)
                        return error_errno(err, r, "read %s of the cgroup above %s", files[i], folder->path);
                above[strcspn(above, "\n")] = '\0';
                r = fd_write_file(folder->fd, files[i], above);
                if (r < 0)
                        return error_errno(err, r, "write %s to %s/%s", above, folder->path, files[i]);
        }
        return 0;
}

static int write_pids(const struct cgroup_folder *at, const struct spec_resources *r, struct error *err)
{
        /* runtime-spec 1.3, "PIDs": -1 is no limit. 0 lets nothing fork, which is what 1 does once init is in. */
        if (r->pids_limit.value < 0)
                return cgroup_write(at, "pids.limit", "pids.max", "max", err);
        return cgroup_write_number(at, "pids.limit", "pids.max", r->pids_limit.value == 0 ? 1 : r->pids_limit.value, err);
}

/* ---- memory ---- */

#define MEMORY_LIMIT "memory.limit_in_bytes"
#define MEMORY_SWAP "memory.memsw.limit_in_bytes"

static int write_memory_limit(const struct cgroup_folder *at, int64_t value, struct error *err)
{
        uint64_t usage = 0, peak = 0;
        int r = cgroup_write_number(at, "memory.limit", MEMORY_LIMIT, value, err);

        if (r != -EBUSY)
                return r;
        cgroup_read_number(at, "memory.usage_in_bytes", &usage);
        cgroup_read_number(at, "memory.max_usage_in_bytes", &peak);
        return error_set(err, EBUSY, "linux.resources.memory.limit: write %lld to %s/" MEMORY_LIMIT ": unable to set memory "
                         "limit to %lld (current usage: %llu, peak usage: %llu): device or resource busy", (long long)value,
                         at->path, (long long)value, (unsigned long long)usage, (unsigned long long)peak);
}

static int write_memory_swap(const struct cgroup_folder *at, int64_t value, struct error *err)
{
        return cgroup_write_number(at, "memory.swap", MEMORY_SWAP, value, err);
}

static int write_memory_and_swap(struct cgroup_limits *limits, struct error *err)
{
        const struct cgroup_folder *at = limits->at[GROUP_MEMORY];
        int64_t limit = limits->resources->memory.limit.is_given ? limits->resources->memory.limit.value : 0;
        int64_t swap = limits->resources->memory.swap.is_given ? limits->resources->memory.swap.value : 0;
        bool has_swap = cgroup_has_file(at->fd, MEMORY_SWAP);
        uint64_t current = 0;
        int r = 0;

        if (limit > 0 && swap > 0 && swap < limit)
                return error_set(err, EINVAL, "linux.resources.memory.swap: memory+swap limit %lld should be >= memory limit "
                                 "%lld", (long long)swap, (long long)limit);
        /* Memory without limit cannot lie below a limit on memory+swap. */
        if (limit == -1 && swap == 0 && has_swap)
                swap = -1;
        if (swap != 0 && !has_swap) {
                if (swap > 0 && !cgroup_leave_out(limits, "memory.swap", limits->demanded == NULL ||
                                                  number_is_set(limits->demanded->memory.swap)))
                        return error_set(err, ENODEV, "linux.resources.memory.swap: this kernel does not count swap; boot with "
                                         "swapaccount=1, or ask for no swap limit");
                swap = 0;
        }
        if (limit != 0 && swap != 0) {
                r = cgroup_read_number(at, MEMORY_LIMIT, &current);
                if (r < 0)
                        return error_errno(err, r, "read %s/" MEMORY_LIMIT, at->path);
                /* At every moment memory <= memory+swap: raising begins with the sum, lowering with memory. */
                if (swap == -1 || current < (uint64_t)swap) {
                        r = write_memory_swap(at, swap, err);
                        return r < 0 ? r : write_memory_limit(at, limit, err);
                }
        }
        if (limit != 0)
                r = write_memory_limit(at, limit, err);
        if (r == 0 && swap != 0)
                r = write_memory_swap(at, swap, err);
        return r;
}

static int write_memory(struct cgroup_limits *limits, struct error *err)
{
        const struct cgroup_folder *at = limits->at[GROUP_MEMORY];
        const struct spec_resources *resources = limits->resources;
        int r = 0;

        if (number_is_set(resources->memory.check_before_update) && resources->memory.limit.is_given)
                r = cgroup_check_usage(at, "memory.usage_in_bytes", resources->memory.limit.value, err);
        if (r == 0)
                r = write_memory_and_swap(limits, err);
        if (r == 0 && number_is_set(resources->memory.reservation))
                r = cgroup_write_number(at, "memory.reservation", "memory.soft_limit_in_bytes",
                                        resources->memory.reservation.value, err);
        /* memory.kernel and kernelTCP: obsolete, without effect since Linux 5.16 (memory.kmem.limit_in_bytes), and runc
         * ignores both. */
        if (r == 0 && number_is_set(resources->memory.disable_oom_killer))
                r = cgroup_write(at, "memory.disableOOMKiller", "memory.oom_control", "1", err);
        else if (r == 0 && resources->memory.disable_oom_killer.is_given && at->journal != NULL)
                r = cgroup_write(at, "memory.disableOOMKiller", "memory.oom_control", "0", err);
        if (r < 0 || !resources->memory.swappiness.is_given || resources->memory.swappiness.value == -1)
                return r;
        if (resources->memory.swappiness.value < 0 || resources->memory.swappiness.value > 100)
                return error_set(err, EINVAL, "linux.resources.memory.swappiness: invalid memory swappiness value: %lld (valid "
                                 "range is 0-100)", (long long)resources->memory.swappiness.value);
        return cgroup_write_number(at, "memory.swappiness", "memory.swappiness", resources->memory.swappiness.value, err);
}

/* ---- cpu ---- */

static int write_shares(const struct cgroup_folder *at, int64_t shares, struct error *err)
{
        uint64_t now = 0;
        int r = cgroup_write_number(at, "cpu.shares", "cpu.shares", shares, err);

        /* The kernel clamps in silence. */
        if (r < 0 || at->wishes != NULL || cgroup_read_number(at, "cpu.shares", &now) < 0 || (uint64_t)shares == now)
                return r;
        return error_set(err, EINVAL, "linux.resources.cpu.shares: %lld: the %s allowed cpu-shares is %llu", (long long)shares,
                         (uint64_t)shares > now ? "maximum" : "minimum", (unsigned long long)now);
}

/* Writes @first, @second; where the kernel refuses @first (EINVAL) because of the old value of @second, the other way
 * round. A zero value is not written. */
struct cpu_value { const char *property, *file; int64_t value; };
static int write_pair(const struct cgroup_folder *at, struct cpu_value first, struct cpu_value second, struct error *err)
{
        bool is_later = false;
        int r = 0;

        if (first.value != 0) {
                r = cgroup_write_number(at, first.property, first.file, first.value, err);
                if (r == -EINVAL && second.value != 0) {
                        is_later = true;
                        r = 0;
                }
        }
        if (r == 0 && second.value != 0)
                r = cgroup_write_number(at, second.property, second.file, second.value, err);
        if (r == 0 && is_later)
                r = cgroup_write_number(at, first.property, first.file, first.value, err);
        return r;
}

static int64_t value_of(struct spec_number number)
{
        return number.is_given ? number.value : 0;
}

static int write_cpu(const struct cgroup_folder *at, const struct spec_resources *resources, struct error *err)
{
        bool has_idle = resources->cpu.idle.is_given && (resources->cpu.idle.value != 0 || cgroup_has_file(at->fd, "cpu.idle"));
        bool is_idle = has_idle && resources->cpu.idle.value != 0;
        int r = 0;

        /* An idle group has no weight of its own (EINVAL): leave that state first. */
        if (has_idle)
                r = cgroup_write_number(at, "cpu.idle", "cpu.idle", resources->cpu.idle.value, err);
        if (r == 0 && number_is_set(resources->cpu.shares) && !is_idle)
                r = write_shares(at, resources->cpu.shares.value, err);
        if (r == 0)
                r = write_pair(at, (struct cpu_value){ "cpu.period", "cpu.cfs_period_us", value_of(resources->cpu.period_us) },
                               (struct cpu_value){ "cpu.quota", "cpu.cfs_quota_us", value_of(resources->cpu.quota_us) }, err);
        if (r == 0 && resources->cpu.burst_us.is_given &&
            (resources->cpu.burst_us.value != 0 || cgroup_has_file(at->fd, "cpu.cfs_burst_us")))
                r = cgroup_write_number(at, "cpu.burst", "cpu.cfs_burst_us", resources->cpu.burst_us.value, err);
        if (r == 0)
                r = write_pair(at, (struct cpu_value){ "cpu.realtimePeriod", "cpu.rt_period_us",
                                                       value_of(resources->cpu.rt_period_us) },
                               (struct cpu_value){ "cpu.realtimeRuntime", "cpu.rt_runtime_us",
                                                   value_of(resources->cpu.rt_runtime_us) }, err);
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

static int write_rates(const struct cgroup_folder *at, const char *property, const char *file,
                       const struct spec_block_rate *rates, size_t n, struct error *err)
{
        char text[80];
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++) {
                snprintf(text, sizeof text, "%lld:%lld %llu", (long long)rates[i].major, (long long)rates[i].minor,
                         (unsigned long long)rates[i].rate);
                r = cgroup_write(at, property, file, text, err);
        }
        return r;
}

static int write_device_weight(const struct cgroup_folder *at, const char *property, const char *file,
                               const struct spec_block_device *device, unsigned weight, struct error *err)
{
        char text[80];

        snprintf(text, sizeof text, "%lld:%lld %u", (long long)device->major, (long long)device->minor, weight);
        return cgroup_write(at, property, file, text, err);
}

static int write_block(const struct cgroup_folder *at, const struct spec_resources *resources, struct error *err)
{
        /* CFQ had blkio.weight; since Linux 5.0 the BFQ scheduler has a file of its own. */
        bool is_plain = cgroup_has_file(at->fd, "blkio.weight");
        const char *weight = is_plain ? "blkio.weight" : "blkio.bfq.weight";
        const char *weight_device = is_plain ? "blkio.weight_device" : "blkio.bfq.weight_device";
        int r = 0;

        if (number_is_set(resources->block.weight))
                r = cgroup_write_number(at, "blockIO.weight", weight, resources->block.weight.value, err);
        if (r == 0 && number_is_set(resources->block.leaf_weight))
                r = cgroup_write_number(at, "blockIO.leafWeight", "blkio.leaf_weight", resources->block.leaf_weight.value, err);
        for (size_t i = 0; i < resources->block.n_devices && r == 0; i++) {
                const struct spec_block_device *device = &resources->block.devices[i];

                if (device->has_weight && device->weight != 0)
                        r = write_device_weight(at, "blockIO.weightDevice", weight_device, device, device->weight, err);
                if (r == 0 && device->has_leaf_weight && device->leaf_weight != 0)
                        r = write_device_weight(at, "blockIO.weightDevice", "blkio.leaf_weight_device", device,
                                                device->leaf_weight, err);
        }
        if (r == 0)
                r = write_rates(at, "blockIO.throttleReadBpsDevice", "blkio.throttle.read_bps_device",
                                resources->block.read_bps, resources->block.n_read_bps, err);
        if (r == 0)
                r = write_rates(at, "blockIO.throttleWriteBpsDevice", "blkio.throttle.write_bps_device",
                                resources->block.write_bps, resources->block.n_write_bps, err);
        if (r == 0)
                r = write_rates(at, "blockIO.throttleReadIOPSDevice", "blkio.throttle.read_iops_device",
                                resources->block.read_iops, resources->block.n_read_iops, err);
        if (r == 0)
                r = write_rates(at, "blockIO.throttleWriteIOPSDevice", "blkio.throttle.write_iops_device",
                                resources->block.write_iops, resources->block.n_write_iops, err);
        return r;
}

/* ---- the rest ---- */

/* v1's names, or v2's: the folder says which. */
int cgroup_write_huge(const struct cgroup_folder *at, const struct spec_resources *resources, struct error *err)
{
        const char *suffix = at->is_v2 ? "max" : "limit_in_bytes";
        char name[80], value[24];
        int r;

        for (size_t i = 0; i < resources->n_huge; i++) {
                const struct spec_huge_limit *huge = &resources->huge[i];

                if (!is_page_size(huge->page_size))
                        return error_set(err, EINVAL, "linux.resources.hugepageLimits[%zu].pageSize: \"%.32s\" is not a size "
                                         "such as 2MB", i, huge->page_size);
                snprintf(value, sizeof value, "%llu", (unsigned long long)huge->limit_bytes);
                snprintf(name, sizeof name, "hugetlb.%s.%s", huge->page_size, suffix);
                r = cgroup_write(at, "hugepageLimits", name, value, err);
                if (r < 0)
                        return r;
                /* Reservations are counted apart since Linux 5.7: without a limit there a build could reserve all pages. */
                snprintf(name, sizeof name, "hugetlb.%s.rsvd.%s", huge->page_size, suffix);
                if (cgroup_has_file(at->fd, name)) {
                        r = cgroup_write(at, "hugepageLimits", name, value, err);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

int cgroup_write_rdma(const struct cgroup_folder *at, const struct spec_resources *resources, struct error *err)
{
        int r = 0;

        for (size_t i = 0; i < resources->n_rdma && r == 0; i++) {
                const struct spec_rdma *rdma = &resources->rdma[i];
                auto_buffer struct text_buffer text = { 0 };

                text_add(&text, rdma->device);
                if (rdma->has_handles)
                        text_addf(&text, " hca_handle=%u", rdma->handles);
                if (rdma->has_objects)
                        text_addf(&text, " hca_object=%u", rdma->objects);
                if (text.is_broken)
                        return error_errno(err, ENOMEM, "linux.resources.rdma");
                r = cgroup_write(at, "rdma", "rdma.max", text.text, err);
        }
        return r;
}

static int write_priorities(const struct cgroup_folder *at, const struct spec_resources *resources, struct error *err)
{
        char text[80];
        int r = 0;

        for (size_t i = 0; i < resources->network.n_priorities && r == 0; i++) {
                const struct spec_name_priority *priority = &resources->network.priorities[i];

                snprintf(text, sizeof text, "%.32s %u", priority->name, priority->priority);
                r = cgroup_write(at, "network.priorities", "net_prio.ifpriomap", text, err);
        }
        return r;
}

int cgroup_v1_write(struct cgroup_limits *limits, struct error *err)
{
        const struct spec_resources *resources = limits->resources;
        const struct cgroup_folder *const *at = limits->at;
        int r = 0;

        if (at[GROUP_CPUSET] != NULL)
                r = write_cpuset(at[GROUP_CPUSET], resources, err);
        if (r == 0 && at[GROUP_MEMORY] != NULL)
                r = write_memory(limits, err);
        if (r == 0 && at[GROUP_CPU] != NULL)
                r = write_cpu(at[GROUP_CPU], resources, err);
        if (r == 0 && at[GROUP_PIDS] != NULL)
                r = write_pids(at[GROUP_PIDS], resources, err);
        if (r == 0 && at[GROUP_IO] != NULL)
                r = write_block(at[GROUP_IO], resources, err);
        if (r == 0 && at[GROUP_HUGETLB] != NULL)
                r = cgroup_write_huge(at[GROUP_HUGETLB], resources, err);
        if (r == 0 && at[GROUP_NET_CLS] != NULL)
                r = cgroup_write_number(at[GROUP_NET_CLS], "network.classID", "net_cls.classid",
                                        resources->network.class_id.value, err);
        if (r == 0 && at[GROUP_NET_PRIO] != NULL)
                r = write_priorities(at[GROUP_NET_PRIO], resources, err);
        if (r == 0 && at[GROUP_RDMA] != NULL)
                r = cgroup_write_rdma(at[GROUP_RDMA], resources, err);
        return r;
}
