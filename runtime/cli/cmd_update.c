/* `runb update`: changes the limits of a container, within what the policy allows.
 *
 * The change goes through the same judgement as create does. What came out is laid over the earlier limits and kept in
 * ROOT/<id>/resources.json, after the kernel took all of it. */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "policies/sandbox.h"
#include "runtime/audit.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/cgroups.h"
#include "runtime/host.h"
#include "runtime/intelrdt.h"
#include "runtime/resources.h"
#include "runtime/scope.h"
#include "runtime/state.h"

#define RESOURCES_FILE "resources.json"

/* The options as they were written; NULL where not given. */
struct given {
        const char *resources, *blkio_weight, *cpu_period, *cpu_quota, *cpu_burst, *cpu_share, *cpu_rt_period,
                *cpu_rt_runtime, *cpuset_cpus, *cpuset_mems, *cpu_idle, *memory, *memory_reservation, *memory_swap,
                *pids_limit, *l3_cache_schema, *mem_bw_schema, *kernel_memory, *kernel_memory_tcp;
};

static bool number_is_out_of(struct spec_number number, int64_t least, int64_t most)
{
        return number.is_given && number.value != 0 && (number.value < least || number.value > most);
}

static int read_number(const char *name, const char *text, bool is_signed, struct spec_number *ret_number,
                       struct error *err)
{
        uint64_t value = 0;
        int64_t value_signed = 0;
        int r;

        if (text_is_empty(text))
                return 0;
        if (is_signed) {
                r = text_to_i64(text, &value_signed);
        } else {
                r = text_to_u64(text, &value);
                if (r == 0 && value > INT64_MAX)
                        r = -ERANGE;
                value_signed = (int64_t)value;
        }
        if (r < 0)
                return error_set(err, EINVAL, "invalid value for %s: \"%s\" is not a %snumber", name, text,
                                 is_signed ? "" : "positive ");
        *ret_number = (struct spec_number){ .is_given = true, .value = value_signed };
        return 0;
}

static int read_size(const char *name, const char *text, struct spec_number *ret_number, struct error *err)
{
        int64_t bytes = -1;

        if (text_is_empty(text))
                return 0;
        if (strcmp(text, "-1") != 0 && resources_parse_size(text, &bytes) < 0)
                return error_set(err, EINVAL,
                                 "invalid value for %s: \"%s\" is not a size such as 67108864 or 64M, or -1", name,
                                 text);
        *ret_number = (struct spec_number){ .is_given = true, .value = bytes };
        return 0;
}

static int read_options(const struct given *given, struct spec_resources *ret_asked, struct error *err)
{
        const struct { const char *name, *text; bool is_signed; struct spec_number *number; } numbers[] = {
                { "blkio-weight", given->blkio_weight, false, &ret_asked->block.weight },
                { "cpu-period", given->cpu_period, false, &ret_asked->cpu.period_us },
                { "cpu-quota", given->cpu_quota, true, &ret_asked->cpu.quota_us },
                { "cpu-burst", given->cpu_burst, false, &ret_asked->cpu.burst_us },
                { "cpu-share", given->cpu_share, false, &ret_asked->cpu.shares },
                { "cpu-rt-period", given->cpu_rt_period, false, &ret_asked->cpu.rt_period_us },
                { "cpu-rt-runtime", given->cpu_rt_runtime, true, &ret_asked->cpu.rt_runtime_us },
                { "cpu-idle", given->cpu_idle, true, &ret_asked->cpu.idle },
                { "pids-limit", given->pids_limit, true, &ret_asked->pids_limit },
        };
        const struct { const char *name, *text; struct spec_number *number; } sizes[] = {
                { "memory", given->memory, &ret_asked->memory.limit },
                { "memory-reservation", given->memory_reservation, &ret_asked->memory.reservation },
                { "memory-swap", given->memory_swap, &ret_asked->memory.swap },
        };
        int r = 0;

        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && r == 0; i++)
                r = read_number(numbers[i].name, numbers[i].text, numbers[i].is_signed, numbers[i].number, err);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] && r == 0; i++)
                r = read_size(sizes[i].name, sizes[i].text, sizes[i].number, err);
        if (r == 0 && number_is_out_of(ret_asked->block.weight, 10, 1000))
                r = error_set(err, EINVAL, "invalid value for blkio-weight: %lld is not in 10..1000",
                              (long long)ret_asked->block.weight.value);
        ret_asked->cpu.cpus = given->cpuset_cpus;
        ret_asked->cpu.mems = given->cpuset_mems;
        return r;
}

static int read_document(const char *path, struct arena *arena, struct spec_resources *ret_asked, struct error *err)
{
        bool is_stdin = strcmp(path, "-") == 0;
        auto_close int fd = is_stdin ? UNSET_FD : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        auto_free char *text = NULL;
        size_t length;
        char *copy;
        int r;

        if (!is_stdin && fd < 0)
                return error_errno(err, errno, "open %s", path);
        r = fd_read_all(is_stdin ? STDIN_FILENO : fd, SPEC_CONFIG_LIMIT_BYTES, &text, &length);
        if (r < 0)
                return error_errno(err, r, "read %s", is_stdin ? "the standard input" : path);
        copy = arena_string_n(arena, text, length);
        if (copy == NULL)
                return error_errno(err, ENOMEM, "read %s", path);
        return spec_read_resources(arena, copy, length, is_stdin ? "standard input" : path, ret_asked, err);
}

/* What holds so far: the last update's result, else what config.json asked for. */
static int read_earlier(const struct state_dir *dir, struct arena *arena, struct spec_resources *ret_earlier,
                        struct error *err)
{
        auto_free char *text = NULL;
        struct spec spec;
        size_t length;
        char *copy;
        int r;

        r = fd_read_file(dir->fd, RESOURCES_FILE, SPEC_CONFIG_LIMIT_BYTES, &text, &length);
        if (r == -ENOENT) {
                r = spec_read_bundle(arena, dir->fd, &spec, NULL, NULL, err);
                if (r == 0)
                        *ret_earlier = spec.linux_.resources;
                return r;
        }
        if (r < 0)
                return error_errno(err, r, "read %s/%s/" RESOURCES_FILE, dir->root, dir->id);
        copy = arena_string_n(arena, text, length);
        if (copy == NULL)
                return error_errno(err, ENOMEM, "read " RESOURCES_FILE);
        return spec_read_resources(arena, copy, length, RESOURCES_FILE, ret_earlier, err);
}

static int judge(const struct state *state, const struct spec_resources *asked, const struct policy *policy,
                 struct arena *arena, struct spec_resources *ret_granted, struct error *err)
{
        const struct host host = { .privilege = host_privilege(), .is_cgroup2 = state->is_cgroup2 };
        struct findings findings = { .arena = arena };
        int r = harden_resources(asked, policy, &host, arena, ret_granted, &findings, err);

        for (const struct finding *finding = findings.first; finding != NULL; finding = finding->next)
                (finding->action == FINDING_RECORDED ?
                         log_warning :
                         log_debug)("update: %s %s: asked for %s, got %s (%s)", finding_action_name(finding->action),
                                    finding->property, finding->asked, finding->got, finding->rule);
        return audit_judged_record(policy,
                                   &(struct audit_record){ .event = "update",
                                                           .id = state->id,
                                                           .findings = &findings,
                                                           .state = state,
                                                           .resources = r == 0 ? ret_granted : NULL },
                                   r, err);
}

/* Of a group that is the container's alone: another's shares are not its own to change. */
static int update_shares(const struct state *state, const struct given *given, struct error *err)
{
        const char *l3 = given->l3_cache_schema, *bandwidth = given->mem_bw_schema;
        const char *option = text_is_empty(l3) ? "--mem-bw-schema" : "--l3-cache-schema";
        struct intelrdt_root root;
        int r;

        if (given->resources != NULL || (text_is_empty(l3) && text_is_empty(bandwidth)))
                return 0;
        if (!text_is_empty(bandwidth) && !text_starts_with(bandwidth, "MB:"))
                return error_set(err, EINVAL, "invalid value for mem-bw-schema: \"%s\" does not begin with \"MB:\"",
                                 bandwidth);
        if (!text_is_empty(bandwidth) && strchr(bandwidth, '\n') != NULL)
                return error_set(err, EINVAL, "invalid value for mem-bw-schema: must not contain a newline");
        if (state->rdt_group == NULL)
                return error_set(err, ENOTSUP,
                                 "Intel RDT/%s is not enabled: %s: the container has no resctrl group; create it with "
                                 "linux.intelRdt",
                                 text_is_empty(l3) ? "MBA: memory bandwidth schema" : "CAT: l3 cache schema", option);
        if (!state->is_rdt_private)
                return error_set(err, EPERM,
                                 "%s: the resctrl group \"%s\" is not the container's alone; create it without "
                                 "linux.intelRdt.closID",
                                 option, state->rdt_group);
        r = intelrdt_root_open(state->rdt_root, &root, err);
        if (r < 0)
                return r;
        r = intelrdt_update(&root, state->rdt_group, l3, bandwidth, err);
        close(root.fd);
        return r;
}

static int update_container(struct cli *cli, const char *id, const struct given *given, struct error *err)
{
        auto_state_dir struct state_dir dir = { 0 };
        auto_buffer struct text_buffer text = { 0 };
        struct spec_resources asked = { 0 }, granted, earlier, merged;
        struct policy policy;
        struct state state;
        int r;

        r = given->resources != NULL ? read_document(given->resources, cli->arena, &asked, err) :
                                       read_options(given, &asked, err);
        if (r < 0)
                return r;
        r = cli_open_container(cli, id, false, &dir, &state, err);
        if (r < 0)
                return r;
        if (state_status(&state) == STATE_STOPPED)
                return error_set(err, ESRCH, "container not running");
        /* Device rules are those of create: an update that knows nothing of them must not take them away. */
        asked.devices = NULL;
        asked.n_devices = 0;
        r = policy_for_container(&cli->policy, &dir, &state, cli->arena, &policy, err);
        if (r == 0)
                r = judge(&state, &asked, &policy, cli->arena, &granted, err);
        if (r == 0)
                r = read_earlier(&dir, cli->arena, &earlier, err);
        if (r == 0)
                r = resources_merge(&earlier, &granted, cli->arena, &merged, err);
        if (r < 0)
                return r;
        /* As asked at create, where the change does not say. */
        granted.memory.check_before_update = merged.memory.check_before_update;
        /* Before anything is changed: where there is no room for it, nothing shall be. */
        resources_to_json(&merged, &text);
        r = text.is_broken ? -ENOMEM : fd_replace_file(dir.fd, RESOURCES_FILE ".new", text.text, text.length, 0600);
        if (r < 0)
                return error_errno(err, r, "write %s/%s/" RESOURCES_FILE, dir.root, dir.id);
        r = update_shares(&state, given, err);
        if (r == 0)
                r = cgroups_update(state.cgroups, state.n_cgroups, state.is_cgroup2, &granted, err);
        if (r == 0 && state.systemd_unit != NULL)
                r = scope_update(&state, &granted, &earlier, err);
        if (r == 0 && renameat(dir.fd, RESOURCES_FILE ".new", dir.fd, RESOURCES_FILE) < 0)
                r = error_errno(err, errno, "write %s/%s/" RESOURCES_FILE, dir.root, dir.id);
        if (r < 0)
                unlinkat(dir.fd, RESOURCES_FILE ".new", 0);
        return r;
}

int cmd_update(struct cli *cli, int argc, char **argv)
{
        struct given given = { 0 };
        const struct cli_option options[] = {
                { "resources", 'r', CLI_STRING, &given.resources, "FILE",
                  "read a LinuxResources object from FILE, or - for standard input; other options are then ignored. "
                  "Zeros "
                  "and missing members leave a limit as it is, -1 lifts it" },
                { "memory", 0, CLI_STRING, &given.memory, "BYTES", "memory limit, with K, M, G as units; -1: none" },
                { "memory-swap", 0, CLI_STRING, &given.memory_swap, "BYTES",
                  "limit of memory and swap together; -1: none" },
                { "memory-reservation", 0, CLI_STRING, &given.memory_reservation, "BYTES", "soft limit of memory" },
                { "pids-limit", 0, CLI_STRING, &given.pids_limit, "N", "highest number of processes" },
                { "cpu-share", 0, CLI_STRING, &given.cpu_share, "N", "weight against other containers, 2 to 262144" },
                { "cpu-period", 0, CLI_STRING, &given.cpu_period, "USECS", "period of --cpu-quota" },
                { "cpu-quota", 0, CLI_STRING, &given.cpu_quota, "USECS", "CPU time in each period; -1: no limit" },
                { "cpu-burst", 0, CLI_STRING, &given.cpu_burst, "USECS", "unused quota that may be saved up" },
                { "cpu-idle", 0, CLI_STRING, &given.cpu_idle, "0|1", "1: run only where nothing else wants to" },
                { "cpu-rt-period", 0, CLI_STRING, &given.cpu_rt_period, "USECS", "period of --cpu-rt-runtime" },
                { "cpu-rt-runtime", 0, CLI_STRING, &given.cpu_rt_runtime, "USECS",
                  "real-time CPU time in each period" },
                { "cpuset-cpus", 0, CLI_STRING, &given.cpuset_cpus, "LIST", "CPUs to run on, such as 0-2,4" },
                { "cpuset-mems", 0, CLI_STRING, &given.cpuset_mems, "LIST", "memory nodes to use" },
                { "blkio-weight", 0, CLI_STRING, &given.blkio_weight, "N", "weight of block I/O, 10 to 1000" },
                { "l3-cache-schema", 0, CLI_STRING, &given.l3_cache_schema, "SCHEMA",
                  "shares of the L3 cache, for a container with a resctrl group of its own: L3:0=7f0;1=1f" },
                { "mem-bw-schema", 0, CLI_STRING, &given.mem_bw_schema, "SCHEMA",
                  "shares of memory bandwidth, likewise: MB:0=20;1=70" },
                { "kernel-memory", 0, CLI_STRING, &given.kernel_memory, "BYTES", NULL },
                { "kernel-memory-tcp", 0, CLI_STRING, &given.kernel_memory_tcp, "BYTES", NULL },
        };
        const struct cli_usage usage = {
                .synopsis = "update [options] ID",
                .summary = "Changes the limits of a container, within what the policy allows.",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
        };
        struct error err = { 0 };
        const char *id;
        int r;

        r = cli_parse_id(cli, &usage, argc, argv, &id, &err);
        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, 1);
        if (given.kernel_memory != NULL || given.kernel_memory_tcp != NULL)
                log_warning_to_caller("Kernel memory settings are ignored and will be removed");
        return update_container(cli, id, &given, &err) < 0 ? cli_fail(&err, 1) : 0;
}
