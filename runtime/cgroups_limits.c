/* Which limits were asked for, whether this host can hold them, and in which order they are written: at create, and by
 * update, which takes all of a change or nothing of it. */
#include "runtime/cgroups_private.h"

#include <errno.h>
#include <string.h>

bool cgroup_group_is_asked(const struct spec_resources *r, enum cgroup_group group)
{
        switch (group) {
        case GROUP_PIDS:
                return r->pids_limit.is_given;
        case GROUP_MEMORY:
                return number_is_set(r->memory.limit) || number_is_set(r->memory.reservation) ||
                       number_is_set(r->memory.swap) || number_is_set(r->memory.disable_oom_killer) ||
                       (r->memory.swappiness.is_given && r->memory.swappiness.value != -1);
        case GROUP_CPU:
                return number_is_set(r->cpu.shares) || number_is_set(r->cpu.quota_us) || number_is_set(r->cpu.period_us) ||
                       number_is_set(r->cpu.burst_us) || number_is_set(r->cpu.rt_runtime_us) ||
                       number_is_set(r->cpu.rt_period_us) || number_is_set(r->cpu.idle);
        case GROUP_CPUSET:
                return !text_is_empty(r->cpu.cpus) || !text_is_empty(r->cpu.mems);
        case GROUP_IO:
                return number_is_set(r->block.weight) || number_is_set(r->block.leaf_weight) || r->block.n_devices > 0 ||
                       r->block.n_read_bps > 0 || r->block.n_write_bps > 0 || r->block.n_read_iops > 0 ||
                       r->block.n_write_iops > 0;
        case GROUP_HUGETLB:
                return r->n_huge > 0;
        case GROUP_NET_CLS:
                return number_is_set(r->network.class_id);
        case GROUP_NET_PRIO:
                return r->network.n_priorities > 0;
        case GROUP_RDMA:
                return r->n_rdma > 0;
        case GROUPS:
                break;
        }
        return false;
}

bool cgroup_group_is_demanded(const struct spec_resources *demanded, enum cgroup_group group)
{
        const char *name = cgroup_group_name(group);
        size_t length = strlen(name);

        for (size_t i = 0; i < demanded->n_unified; i++)
                if (strncmp(demanded->unified[i].key, name, length) == 0 && demanded->unified[i].key[length] == '.')
                        return true;
        return cgroup_group_is_asked(demanded, group);
}

const char *cgroup_group_name(enum cgroup_group group)
{
        static const char *const names[GROUPS] = { "pids", "memory", "cpu", "cpuset", "io", "hugetlb", "net_cls", "net_prio",
                                                   "rdma" };

        return names[group];
}

bool cgroup_leave_out(struct cgroup_limits *limits, const char *name, bool is_demanded)
{
        if (is_demanded || limits->ready == NULL || limits->ready->n_left_out == CGROUPS_LEFT_OUT_MAX)
                return false;
        limits->ready->left_out[limits->ready->n_left_out++] = name;
        return true;
}

bool cgroups_has_oom_group(const char *const *paths, size_t n_paths)
{
        auto_cgroup_set struct cgroup_set set = { 0 };
        const struct cgroup_folder *at;
        uint64_t value;

        if (cgroup_set_open(paths, n_paths, &set, NULL) < 0)
                return false;
        at = cgroup_set_find(&set, CGROUP_OOM_GROUP);
        return at != NULL && cgroup_read_number(at, CGROUP_OOM_GROUP, &value) == 0 && value == 1;
}

int cgroups_set_oom_group(const char *const *paths, size_t n_paths, struct error *err)
{
        auto_cgroup_set struct cgroup_set set = { 0 };
        const struct cgroup_folder *at;
        int r = cgroup_set_open(paths, n_paths, &set, err);

        at = r < 0 ? NULL : cgroup_set_find(&set, CGROUP_OOM_GROUP);
        return at == NULL ? r : cgroup_write(at, "unified", CGROUP_OOM_GROUP, "1", err);
}

int cgroup_write_limits(const struct cgroup_set *set, bool is_v2, const struct spec_resources *resources,
                        const struct spec_resources *demanded, struct cgroups_ready *ready, struct error *err)
{
        struct cgroup_limits limits = { .resources = resources, .demanded = demanded, .ready = demanded == NULL ? NULL : ready };
        int r = is_v2 ? cgroup_v2_find(set, &limits, err) : cgroup_v1_find(set, &limits, err);

        if (r < 0)
                return r;
        for (enum cgroup_group group = 0; group < GROUPS; group++) {
                if (limits.at[group] != NULL || !cgroup_group_is_asked(resources, group))
                        continue;
                /* Nothing to hold: "unlimited" needs no controller. */
                if (group == GROUP_PIDS && resources->pids_limit.value < 0)
                        continue;
                if (cgroup_leave_out(&limits, cgroup_group_name(group),
                                     demanded == NULL || cgroup_group_is_demanded(demanded, group)))
                        continue;
                return error_set(err, ENODEV, "linux.resources: cannot set a %s limit: the controller is not available in %s; "
                                 "%s, or ask for no such limit", cgroup_group_name(group),
                                 set->n > 0 ? set->folders[0].path : CGROUP_ROOT,
                                 is_v2 ? "enable it in cgroup.subtree_control of each cgroup above, none of which may have "
                                 "processes of its own (systemd: Delegate=yes)" : "mount it below " CGROUP_ROOT);
        }
        return is_v2 ? cgroup_v2_write(&limits, err) : cgroup_v1_write(&limits, err);
}

int cgroup_check_usage(const struct cgroup_folder *at, const char *file, int64_t limit, struct error *err)
{
        uint64_t usage;

        if (limit <= 0 || cgroup_read_number(at, file, &usage) < 0 || (uint64_t)limit > usage)
                return 0;
        return error_set(err, EBUSY, "linux.resources.memory.limit: rejecting memory limit %lld <= usage %llu "
                         "(checkBeforeUpdate)", (long long)limit, (unsigned long long)usage);
}

bool cgroup_asks_for_anything(const struct spec_resources *resources)
{
        for (enum cgroup_group group = 0; group < GROUPS; group++)
                if (cgroup_group_is_asked(resources, group))
                        return true;
        return resources->n_unified > 0;
}

int cgroups_update(const char *const *paths, size_t n_paths, bool is_v2, const struct spec_resources *resources,
                   struct error *err)
{
        auto_cgroup_set struct cgroup_set set = { 0 };
        struct cgroup_journal journal = { 0 };
        struct spec_resources asked = *resources;
        int r = cgroup_set_open(paths, n_paths, &set, err);

        if (r < 0)
                return r;
        /* dockerd fills in zeros for all that it leaves as it is. */
        asked.pids_limit.is_given = number_is_set(asked.pids_limit);
        if (set.n == 0 && cgroup_asks_for_anything(&asked))
                return error_set(err, ENODEV, "the container has no cgroup to set limits in");
        for (size_t i = 0; i < set.n; i++)
                set.folders[i].journal = &journal;
        r = cgroup_write_limits(&set, is_v2, &asked, NULL, NULL, err);
        if (r < 0)
                cgroup_journal_undo(&journal);
        cgroup_journal_end(&journal);
        return r;
}
