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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/cgroups_private.h"
#include "runtime/report_private.h"
#include "runtime/stats.h"

#define NO_LIMIT (UINT64_MAX >> 2)      /* v1 shows the highest page count there is */
#define PERIOD_US 100000u
#define FDS_MOST 256
#define NODES_MOST 10000u         /* names in /dev, which the build may fill */

static const char *amount(struct report *report, uint64_t value)
{
        return value >= NO_LIMIT ? "none" : report_text(report, "%" PRIu64, value);
}

static void add_row(struct report *report, struct report_limit limit)
{
        if (report->n_limits < REPORT_LIMITS_MOST)
                report->limits[report->n_limits++] = limit;
}

/* @wanted, 0: none was set. The kernel rounds bytes down to pages. */
static void add_limit(struct report *report, const char *name, bool is_there, uint64_t limit, const char *use, uint64_t wanted)
{
        const struct report_limit limited = { name, is_there ? amount(report, limit) : "", use, wanted == 0 ? "" : amount(report, wanted) };
        const struct report_limit *row = &limited;

        add_row(report, limited);
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
        add_row(report, (struct report_limit){ "cpuset", report_text(report, "%s", text), "", wanted });
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

/* Those that have a row of their own above, with their use. */
static bool is_told(const char *file)
{
        static const char *const files[] = { "pids.max", "memory.max", "memory.limit_in_bytes", "memory.swap.max",
                                             "memory.memsw.limit_in_bytes", "cpu.max", "cpuset.cpus" };

        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
                if (strcmp(file, files[i]) == 0)
                        return true;
        return text_starts_with(file, "cpu.cfs_quota") || text_starts_with(file, "cpu.cfs_period");
}

/* What create would write now is what it wrote; the last line about a matter counts. */
static bool is_overwritten(const struct cgroup_wish *wish)
{
        const size_t device = strcspn(wish->value, " "), key = strcspn(wish->value, "=");
        const size_t length = wish->value[device] == '\0' ? 0 : wish->value[key] == '\0' ? device + 1 : key + 1;

        for (const struct cgroup_wish *later = wish->next; later != NULL; later = later->next)
                if (later->at == wish->at && strcmp(later->file, wish->file) == 0 && strncmp(later->value, wish->value, length) == 0)
                        return true;
        return false;
}

static void judge_wish(struct report *report, const struct cgroup_wish *wish)
{
        auto_free char *text = NULL;
        bool has_key = strchr(wish->value, ' ') != NULL;
        const char *shown;
        int r = cgroup_read(wish->at, wish->file, &text);

        if (is_told(wish->file) || is_overwritten(wish))
                return;
        if (r < 0) {
                report_add(report, "limits", r == -ENOENT ? REPORT_WEAKENED : REPORT_UNKNOWN, "%s: %s, and it was set to %s", wish->file,
                           error_text(r), wish->value);
                return;
        }
        for (char *p = text + strlen(text); p > text && p[-1] == '\n';)
                *--p = '\0';
        for (char *p = text; *p != '\0'; p++)
                *p = *p == '\n' ? ';' : *p;
        shown = report_text(report, "%.200s", text);
        for (char *p = text; *p != '\0'; p++)
                *p = *p == ';' ? '\n' : *p;
        add_row(report, (struct report_limit){ wish->file, text[0] == '\0' ? "none" : shown, "", wish->value });
        if (cgroup_wish_is_weaker(wish->file, wish->value, text))
                report_add(report, "limits", REPORT_WEAKENED, "%s%s%.*s: the kernel has %s, and it was set to %s", wish->file,
                           has_key ? " of " : "", has_key ? (int)strcspn(wish->value, " ") : 0, wish->value,
                           text[0] == '\0' ? "none" : shown, wish->value);
}

/* All that is set of weights, of block devices, huge pages, RDMA, and by the names of v2's files. */
static void look_wishes(struct report *report, const struct cgroup_set *set)
{
        struct cgroup_wishes wishes = { .arena = report->arena };
        struct spec_resources wanted = report->sandbox.spec.linux_.resources;
        const struct spec_resources nothing = { 0 };
        struct cgroups_ready missing = { 0 };
        struct cgroup_set asked = *set;
        struct error err = { 0 };

        for (size_t i = 0; i < asked.n; i++)
                asked.folders[i].wishes = &wishes;
        wanted.memory.check_before_update.is_given = false;
        /* Nothing is demanded: so what has no controller comes back, and its record tells whether it had one at create. */
        if (cgroup_write_limits(&asked, report->state->is_cgroup2, &wanted, &nothing, &missing, &err) < 0)
                report_add(report, "limits", REPORT_UNKNOWN, "what was set of them cannot be told: %s", err.text);
        for (size_t i = 0; i < missing.n_left_out; i++)
                if (!is_left_out(report, missing.left_out[i]))
                        report_add(report, "limits", REPORT_WEAKENED, "%s: the cgroup has no such limit any more", missing.left_out[i]);
        for (const struct cgroup_wish *wish = wishes.first; wish != NULL; wish = wish->next)
                judge_wish(report, wish);
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
        add_limit(report, "memory", has_memory, stats.memory.usage.limit,
                  has_memory ? report_text(report, "%" PRIu64, stats.memory.usage.usage) : "", number_of(wanted->memory.limit));
        /* Of memory and swap together, where the kernel counts swap. */
        add_limit(report, "memory and swap", has_swap, swap, has_swap ? report_text(report, "%" PRIu64, stats.memory.swap.usage) : "",
                  has_swap ? number_of(wanted->memory.swap) : 0);
        add_limit(report, "cpus (1/1000)", has_cpus, cpus, report_text(report, "%" PRIu64 " ms", stats.cpu.total_ns / 1000000),
                  cpus_wanted);
        look_cpuset(report, set, wanted->cpu.cpus);
        look_wishes(report, set);
}

/* cgroup v2: the program that create attached is still there. Others beside it can only hold back more. */
static void look_program(struct report *report, const struct cgroup_folder *at)
{
        const struct spec_resources *wanted = &report->sandbox.spec.linux_.resources;
        auto_close int fd = UNSET_FD;
        struct bpf_insn *program;
        struct error err = { 0 };
        unsigned n_programs = 0;
        size_t n;
        int r = device_program_make(wanted->devices, wanted->n_devices, report->arena, &program, &n, &err);

        if (r == 0)
                fd = device_program_load(program, n, NULL, 0);
        r = r < 0 ? r : fd < 0 ? -errno : device_program_is_attached(at, fd, &n_programs);
        if (r == -EPERM || r == -EACCES)
                report_holds(report, "devices", "the kernel tells only root of the host; no node can be made inside");
        else if (r < 0)
                report_add(report, "devices", REPORT_UNKNOWN, "the programs of the cgroup: %s",
                           err.code != 0 ? err.text : error_text(r));
        else if (n_programs == 0)
                report_add(report, "devices", REPORT_WEAKENED, "no program holds back devices in the cgroup any more");
        else if (r == 0)
                report_add(report, "devices", REPORT_WEAKENED, "the program that holds back devices in the cgroup is not the one of create");
        else
                report_holds(report, "devices", "the program of create, among %u of the cgroup", n_programs);
}

/* The build can make none: what is there is create's, or was put there by hand. */
static void look_nodes(struct report *report)
{
        static const struct { unsigned major, minor; } own[] = { { 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 }, { 1, 9 }, { 5, 0 }, { 5, 2 } };
        const struct spec_linux *linux_ = &report->sandbox.spec.linux_;
        auto_close int root_fd = openat(report->proc_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int fd = root_fd < 0 ? UNSET_FD : sys_open_in_root(root_fd, "/dev", O_RDONLY | O_DIRECTORY | O_NONBLOCK);
        auto_closedir DIR *folder = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *entry;
        size_t n = 0;

        if (folder == NULL && fd >= 0)
                close(fd);
        while (folder != NULL && n++ < NODES_MOST && (entry = readdir(folder)) != NULL) {
                bool is_wanted = false;
                struct stat st;

                if ((entry->d_type != DT_BLK && entry->d_type != DT_CHR && entry->d_type != DT_UNKNOWN) ||
                    fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !(S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode)))
                        continue;
                for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
                        is_wanted |= S_ISCHR(st.st_mode) && st.st_rdev == makedev(own[i].major, own[i].minor);
                for (size_t i = 0; i < linux_->n_devices; i++)
                        is_wanted |= linux_->devices[i].type == (st.st_mode & S_IFMT) &&
                                     st.st_rdev == makedev((unsigned)linux_->devices[i].major, (unsigned)linux_->devices[i].minor);
                /* The terminal. */
                is_wanted |= S_ISCHR(st.st_mode) && strcmp(entry->d_name, "console") == 0 &&
                             report->sandbox.spec.process.is_terminal;
                if (!is_wanted)
                        report_add(report, "devices", REPORT_WEAKENED, "/dev/%s, the %s device %u:%u, was not made by create", entry->d_name,
                                   S_ISBLK(st.st_mode) ? "block" : "character", major(st.st_rdev), minor(st.st_rdev));
        }
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
                look_program(report, &set->folders[0]);
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

/* ---- init ---- */

/* What config.json asked for, within the profile's; programs of exec may have been given others, and are held to the profile's. */
void report_look_rlimits(struct report *report)
{
        static const struct { int resource; const char *line; } lines[] = {
                { RLIMIT_CPU, "Max cpu time" }, { RLIMIT_FSIZE, "Max file size" }, { RLIMIT_DATA, "Max data size" },
                { RLIMIT_STACK, "Max stack size" }, { RLIMIT_CORE, "Max core file size" }, { RLIMIT_RSS, "Max resident set" },
                { RLIMIT_NPROC, "Max processes" }, { RLIMIT_NOFILE, "Max open files" }, { RLIMIT_MEMLOCK, "Max locked memory" },
                { RLIMIT_AS, "Max address space" }, { RLIMIT_LOCKS, "Max file locks" }, { RLIMIT_SIGPENDING, "Max pending signals" },
                { RLIMIT_MSGQUEUE, "Max msgqueue size" }, { RLIMIT_NICE, "Max nice priority" },
                { RLIMIT_RTPRIO, "Max realtime priority" }, { RLIMIT_RTTIME, "Max realtime timeout" },
        };
        const struct spec_process *process = &report->sandbox.spec.process;
        auto_free char *text = NULL;
        size_t length;

        /* Set right before the program is executed. */
        if (report->status == STATE_CREATED || !report->has_sandbox ||
            fd_read_file(report->proc_fd, "limits", REPORT_STATUS_LIMIT_BYTES, &text, &length) < 0)
                return;         /* gone: its processes say so */
        for (size_t i = 0; i < process->n_rlimits; i++) {
                const struct spec_rlimit *wanted = &process->rlimits[i];

                for (size_t j = 0; j < sizeof lines / sizeof lines[0]; j++) {
                        uint64_t hard = lines[j].resource == wanted->resource ? report_hard_limit(text, lines[j].line) : 0;

                        if (hard > wanted->hard)
                                report_add(report, "rlimits", REPORT_WEAKENED, "init may raise its %s to %s, over the %" PRIu64 " of create",
                                           wanted->name, hard == UINT64_MAX ? "any number" : report_text(report, "%" PRIu64, hard),
                                           wanted->hard);
                }
        }
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
        /* A build that may mount can have a /dev of its own. */
        if (report->has_sandbox && report->policy.profile.seccomp_base != POLICY_SECCOMP_BASE_IMAGE_BUILD)
                look_nodes(report);
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
