/* The cgroup's limits, beside those of create and of the last update; what may be opened of devices; and what init holds open. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/cgroups_private.h"
#include "runtime/report_private.h"
#include "runtime/stats.h"

#define NO_LIMIT (UINT64_MAX >> 2)      /* v1 shows the highest page count there is */
#define PERIOD_US 100000u
#define FDS_MOST 256

static const char *amount(struct report *report, uint64_t value)
{
        return value >= NO_LIMIT ? "none" : report_text(report, "%" PRIu64, value);
}

/* @wanted, 0: none was set. The kernel rounds bytes down to pages. */
static void add_limit(struct report *report, const char *name, bool is_there, uint64_t limit, const char *use, uint64_t wanted)
{
        struct report_limit *row = &report->limits[report->n_limits++];

        *row = (struct report_limit){ name, is_there ? amount(report, limit) : "", use, wanted == 0 ? "" : amount(report, wanted) };
        if (wanted == 0 || wanted >= NO_LIMIT)
                return;
        if (is_there && limit > wanted)
                report_add(report, "limits", REPORT_WEAKENED, "%s: the kernel's limit is %s, and it was set to %s", name, row->limit,
                           row->wanted);
}

static uint64_t number_of(struct spec_number number)
{
        return number.is_given && number.value > 0 ? (uint64_t)number.value : 0;
}

/* Left out at create for want of a controller, and recorded then. */
static bool is_left_out(const struct report *report, const char *name)
{
        for (const struct finding *finding = report->state->findings; finding != NULL; finding = finding->next)
                if (strcmp(finding->rule, "limits") == 0 && strcmp(finding->asked, name) == 0)
                        return true;
        return false;
}

static void need_file(struct report *report, const char *name, const char *group, bool is_there, uint64_t wanted)
{
        if (!is_there && wanted != 0 && wanted < NO_LIMIT && !is_left_out(report, group))
                report_add(report, "limits", REPORT_WEAKENED, "%s: the cgroup has no limit any more, and it was set to %" PRIu64, name,
                           wanted);
}

/* Thousandths of a CPU. */
static bool read_cpus(const struct cgroup_set *set, bool is_v2, uint64_t *ret_limit)
{
        const struct cgroup_folder *at = cgroup_set_find(set, is_v2 ? "cpu.max" : "cpu.cfs_quota_us");
        auto_free char *text = NULL;
        unsigned long long quota, period;
        uint64_t number;

        if (at == NULL || cgroup_read(at, is_v2 ? "cpu.max" : "cpu.cfs_quota_us", &text) < 0)
                return false;
        *ret_limit = UINT64_MAX;
        if (is_v2 && sscanf(text, "%llu %llu", &quota, &period) == 2 && period > 0)
                *ret_limit = quota * 1000 / period;
        else if (!is_v2 && text[0] != '-' && cgroup_read_number(at, "cpu.cfs_period_us", &number) == 0 && number > 0)
                *ret_limit = strtoull(text, NULL, 10) * 1000 / number;
        return true;
}

static bool read_swap(const struct cgroup_set *set, bool is_v2, const struct stats *stats, uint64_t *ret_limit)
{
        if (cgroup_set_find(set, is_v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes") == NULL)
                return false;
        *ret_limit = stats->memory.swap.limit;
        return true;
}

static void look_cpuset(struct report *report, const struct cgroup_set *set, const char *wanted)
{
        const struct cgroup_folder *at = cgroup_set_find(set, "cpuset.cpus");
        unsigned char may[SPEC_CPUS_BYTES] = { 0 }, most[SPEC_CPUS_BYTES] = { 0 };
        auto_free char *text = NULL;

        if (text_is_empty(wanted) || at == NULL || cgroup_read(at, "cpuset.cpus", &text) < 0)
                return;
        text[strcspn(text, "\n")] = '\0';
        report->limits[report->n_limits++] = (struct report_limit){ "cpuset", report_text(report, "%s", text), "", wanted };
        if (spec_cpus_parse(wanted, most, sizeof most) < 0)
                return;
        if (spec_cpus_parse(text, may, sizeof may) < 0)
                report_add(report, "limits", REPORT_WEAKENED, "cpuset: no CPUs are set any more, and they were %s", wanted);
        for (size_t i = 0; i < sizeof may; i++) {
                if (may[i] & ~most[i]) {
                        report_add(report, "limits", REPORT_WEAKENED, "cpuset: the kernel has %s, and it was set to %s", text, wanted);
                        return;
                }
        }
}

static void look_cgroup(struct report *report, const struct cgroup_set *set)
{
        const struct spec_resources *wanted = &report->sandbox.spec.linux_.resources;
        const bool is_v2 = report->state->is_cgroup2;
        uint64_t cpus = 0, cpus_wanted = 0, swap = 0, period;
        bool has_pids, has_memory, has_cpus, has_swap;
        struct stats stats = { 0 };
        struct error err = { 0 };

        if (stats_read(report->state->cgroups, report->state->n_cgroups, is_v2, report->arena, &stats, &err) < 0) {
                report_add(report, "limits", REPORT_UNKNOWN, "%s", err.text);
                return;
        }
        has_pids = cgroup_set_find(set, "pids.max") != NULL;
        has_memory = cgroup_set_find(set, is_v2 ? "memory.max" : "memory.limit_in_bytes") != NULL;
        has_cpus = read_cpus(set, is_v2, &cpus);
        has_swap = read_swap(set, is_v2, &stats, &swap);
        period = number_of(wanted->cpu.period_us) > 0 ? number_of(wanted->cpu.period_us) : PERIOD_US;
        cpus_wanted = number_of(wanted->cpu.quota_us) * 1000 / period;
        add_limit(report, "pids", has_pids, stats.pids.limit == 0 ? UINT64_MAX : stats.pids.limit,
                  has_pids ? report_text(report, "%" PRIu64, stats.pids.current) : "", number_of(wanted->pids_limit));
        need_file(report, "pids", "pids", has_pids, number_of(wanted->pids_limit));
        add_limit(report, "memory", has_memory, stats.memory.usage.limit,
                  has_memory ? report_text(report, "%" PRIu64, stats.memory.usage.usage) : "", number_of(wanted->memory.limit));
        need_file(report, "memory", "memory", has_memory, number_of(wanted->memory.limit));
        /* Of memory and swap together, where the kernel counts swap. */
        add_limit(report, "memory and swap", has_swap, swap, has_swap ? report_text(report, "%" PRIu64, stats.memory.swap.usage) : "",
                  has_swap ? number_of(wanted->memory.swap) : 0);
        add_limit(report, "cpus (1/1000)", has_cpus, cpus, report_text(report, "%" PRIu64 " ms", stats.cpu.total_ns / 1000000),
                  cpus_wanted);
        need_file(report, "cpus", "cpu", has_cpus, cpus_wanted);
        look_cpuset(report, set, wanted->cpu.cpus);
}

/* bpf(2): how many programs watch the devices of the cgroup. */
static int count_programs(const struct cgroup_folder *at)
{
        auto_close int fd = open(at->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        union bpf_attr attr;

        memset(&attr, 0, sizeof attr);
        attr.query.target_fd = (uint32_t)fd;
        attr.query.attach_type = BPF_CGROUP_DEVICE;
        if (fd < 0 || syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof attr) < 0)
                return -errno;
        return (int)attr.query.prog_cnt;
}

static void look_devices(struct report *report, const struct cgroup_set *set)
{
        const struct spec_resources *wanted = &report->sandbox.spec.linux_.resources;
        const struct cgroup_folder *v1 = cgroup_set_find(set, "devices.list");
        struct device_list list, now;
        auto_free char *text = NULL;
        struct error err = { 0 };
        int r;

        if (v1 == NULL && report->state->is_cgroup2 && set->n > 0) {
                r = count_programs(&set->folders[0]);
                if (r == -EPERM)
                        report_holds(report, "devices", "the kernel tells only root of the host; no node can be made inside");
                else if (r < 0)
                        report_add(report, "devices", REPORT_UNKNOWN, "the programs of the cgroup: %s", error_text(r));
                else if (r == 0)
                        report_add(report, "devices", REPORT_WEAKENED, "no program holds back devices in the cgroup any more");
                else
                        report_holds(report, "devices", "%d program%s of the cgroup", r, r == 1 ? "" : "s");
                return;
        }
        if (v1 == NULL) {
                report_holds(report, "devices", "no controller; no node can be made inside");
                return;
        }
        r = cgroup_read(v1, "devices.list", &text);
        if (r == 0)
                r = device_list_parse(text, report->arena, &now);
        if (r == 0)
                r = device_list_make(wanted->devices, wanted->n_devices, report->arena, &list, &err);
        if (r < 0)
                report_add(report, "devices", REPORT_UNKNOWN, "devices.list: %s", err.code != 0 ? err.text : error_text(r));
        else if (now.is_default_allow && !list.is_default_allow)
                report_add(report, "devices", REPORT_WEAKENED, "devices.list lets every device be opened");
        else if (!device_list_equals(&now, &list) && cgroup_mark_read(v1->fd) != CGROUP_MARK_SHARED)
                report_add(report, "devices", REPORT_WEAKENED, "devices.list is not what create wrote");
        report_holds(report, "devices", "%zu kinds of device, by devices.list", now.n);
}

/* Where a descriptor leads, as a name: no file is opened. */
static void look_fds(struct report *report)
{
        int fd = openat(report->proc_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        auto_closedir DIR *folder = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *entry;

        if (folder == NULL && fd >= 0)
                close(fd);
        report->fds = arena_array(report->arena, FDS_MOST, sizeof *report->fds);
        while (folder != NULL && report->fds != NULL && report->n_fds < FDS_MOST && (entry = readdir(folder)) != NULL) {
                char target[PATH_MAX];
                ssize_t n = readlinkat(fd, entry->d_name, target, sizeof target - 1);

                if (n < 0 || atoi(entry->d_name) <= STDERR_FILENO)
                        continue;
                target[n] = '\0';
                report->fds[report->n_fds++] = (struct report_fd){ atoi(entry->d_name), arena_string(report->arena, target) };
        }
}

void report_look_limits(struct report *report)
{
        auto_cgroup_set struct cgroup_set set = { 0 };
        struct error err = { 0 };

        look_fds(report);
        if (!report->has_sandbox) {
                report_add(report, "limits", REPORT_UNKNOWN, "what was to be set cannot be told, see policy");
        } else if (report->state->n_cgroups == 0) {
                report_holds(report, "limits", "none: it was made without a cgroup");
                report_holds(report, "devices", "no cgroup; no node can be made inside");
        } else if (cgroup_set_open(report->state->cgroups, report->state->n_cgroups, &set, &err) < 0) {
                report_add(report, "limits", REPORT_UNKNOWN, "%s", err.text);
        } else {
                look_cgroup(report, &set);
                look_devices(report, &set);
        }
        report_holds(report, "limits", "as they were set, with every process in the cgroup");
}
