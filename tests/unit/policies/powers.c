#include "tests/unit/policies/powers.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

const char *const variables[N_VARIABLES] = { "PATH", "API_TOKEN", "SECRET_A", "HOME", "AWS_KEY" };
const char *const env_patterns[N_ENV_PATTERNS] = { "*_TOKEN", "SECRET_*", "AWS_*" };
const struct policy_device devices[N_DEVICES] = {
        { "/dev/fuse", S_IFCHR, 10, 229 },
        { "/dev/kvm", S_IFCHR, 10, 232 },
        { "/dev/sda", S_IFBLK, 8, 0 },
};
const struct place places[N_PLACES] = {
        { "/srv/a", S_IFDIR, false },     { "/srv/secret/x", S_IFDIR, false }, { "/home/ada/src", S_IFDIR, false },
        { "/srv/agent", S_IFSOCK, true }, { "/root", S_IFDIR, true },          { "/run/docker.sock", S_IFSOCK, true },
};
const char *const place_patterns[N_PLACE_PATTERNS] = { "/srv/**", "/srv/secret/**", "/home/**", "/srv/agent", "/root" };
const char *const hook_lists[N_HOOK_LISTS] = { "/usr/libexec/oci/hooks.d/", "/usr/bin/hook" };
const char *const cidrs[N_CIDRS] = { "203.0.113.0/24", "203.0.113.7/32", "0.0.0.0/0", "10.0.0.0/8", "2001:db8::/32" };
const struct policy_ports port_lists[N_PORT_LISTS] = { { 443, 443 }, { 80, 90 }, { 1, 65535 } };

const struct door doors[N_DOORS] = {
        { 0xcb007107, IPPROTO_TCP, 443, false, false }, { 0xcb007107, IPPROTO_UDP, 443, false, false },
        { 0xcb007108, IPPROTO_TCP, 85, false, false },  { 0x08080808, IPPROTO_TCP, 443, false, false },
        { 0x08080808, IPPROTO_TCP, 22, false, false },  { 0x0a000001, IPPROTO_TCP, 443, false, true },
        { 0xa9fea9fe, IPPROTO_TCP, 80, true, false },   { 0x7f000001, IPPROTO_TCP, 443, true, false },
        { 0x64400001, IPPROTO_TCP, 443, false, true },  { 0x08080808, IPPROTO_ICMP, 0, false, false },
};

/* What no sandbox may lack: picked from what runc masks, by hand. */
const char *const masked[N_MASKED] = { "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware" };
const char *const readonly[N_READONLY] = { "/proc/sys", "/proc/sysrq-trigger", "/proc/irq" };

static double most(struct spec_number value)
{
        return value.is_given && value.value > 0 ? (double)value.value : 1e300;
}

static uint64_t rlimit(const struct request *q, int resource, uint64_t otherwise)
{
        const struct spec_process *process = &q->sandbox.spec.process;

        for (size_t i = 0; i < process->n_rlimits; i++) {
                if (process->rlimits[i].resource == resource)
                        return process->rlimits[i].hard > process->rlimits[i].soft ? process->rlimits[i].hard
                                                                                   : process->rlimits[i].soft;
        }
        return otherwise;
}

static unsigned access_of(const struct request *q, const struct policy_device *device)
{
        const struct spec_linux *l = &q->sandbox.spec.linux_;
        unsigned access = 0;

        for (size_t i = 0; i < l->resources.n_devices; i++) {
                const struct spec_device_rule *rule = &l->resources.devices[i];

                if ((rule->type == 'a' || rule->type == (device->type == S_IFBLK ? 'b' : 'c')) &&
                    (rule->major == -1 || rule->major == device->major) &&
                    (rule->minor == -1 || rule->minor == device->minor))
                        access = rule->is_allow ? access | rule->access : access & ~rule->access;
        }
        for (size_t i = 0; i < l->n_devices; i++) {
                if (l->devices[i].type == device->type && l->devices[i].major == device->major &&
                    l->devices[i].minor == device->minor)
                        access |= 8;
        }
        return access;
}

static bool opens(const struct request *q, size_t door)
{
        const struct sandbox_egress *egress = &q->sandbox.egress;

        if (!q->sandbox.egress_deny)
                return true;
        for (size_t i = 0; i < egress->n_ranges; i++) {
                const struct egress_range *range = &egress->ranges[i];

                if (!range->is_v6 && doors[door].address >= range->first && doors[door].address <= range->last &&
                    doors[door].protocol >= range->protocol_first && doors[door].protocol <= range->protocol_last &&
                    doors[door].port >= range->port_first && doors[door].port <= range->port_last)
                        return true;
        }
        return false;
}

static bool has_path(const char *const *list, size_t n, const char *path)
{
        for (size_t i = 0; i < n; i++) {
                if (strcmp(list[i], path) == 0)
                        return true;
        }
        return false;
}

static void measure_mounts(const struct request *q, struct powers *powers)
{
        for (size_t i = 0; i < q->sandbox.spec.n_mounts; i++) {
                const struct spec_mount *mount = &q->sandbox.spec.mounts[i];
                uint64_t set = mount->attr_set | mount->attr_set_recursive;

                for (size_t k = 0; k < N(places) && mount->kind == SPEC_MOUNT_BIND; k++) {
                        if (mount->source == NULL || strcmp(mount->source, places[k].path) != 0)
                                continue;
                        powers->places |= 1u << k;
                        powers->writable |= (set & MOUNT_ATTR_RDONLY ? 0u : 1u) << k;
                        powers->suid |= (mount->attr_set & MOUNT_ATTR_NOSUID ? 0u : 1u) << k;
                        powers->dev |= (mount->attr_set & MOUNT_ATTR_NODEV ? 0u : 1u) << k;
                }
        }
}

/* io.weight of a weight of blkio, as the kernel and engines count it. */
static double io_weight(double weight)
{
        return 1 + (weight - 10) * 9999 / 990;
}

/* The files win over the properties: they are written last. */
static void measure_files(const struct request *q, struct powers *powers)
{
        const struct spec_resources *resources = &q->sandbox.spec.linux_.resources;

        for (size_t i = 0; i < resources->n_unified && q->host.is_cgroup2; i++) {
                const char *key = resources->unified[i].key, *value = resources->unified[i].value;
                double number =
                        strncmp(value, "max", 3) == 0 ? 1e300 : strtod(value + strcspn(value, "0123456789"), NULL);

                if (strcmp(key, "memory.max") == 0)
                        powers->memory = number;
                if (strcmp(key, "memory.swap.max") == 0)
                        powers->swap = powers->memory + number;
                if (strcmp(key, "pids.max") == 0)
                        powers->pids = number;
                if (strcmp(key, "cpu.max") == 0)
                        powers->cpus = number / 100000;
                if (strcmp(key, "io.weight") == 0 || strcmp(key, "io.bfq.weight") == 0)
                        powers->weight = number;
        }
        for (size_t i = 0; i < resources->block.n_devices; i++) {
                if (resources->block.devices[i].has_weight &&
                    io_weight(resources->block.devices[i].weight) > powers->weight)
                        powers->weight = io_weight(resources->block.devices[i].weight);
        }
}

void powers_measure(const struct request *q, struct powers *powers)
{
        const struct sandbox *sandbox = &q->sandbox;
        const struct spec *spec = &sandbox->spec;
        const struct spec_caps *caps = &spec->process.caps;
        const struct spec_resources *resources = &spec->linux_.resources;

        *powers = (struct powers){
                .caps = { caps->bounding, caps->effective, caps->permitted, caps->inheritable, caps->ambient },
                .can_gain_privileges = !spec->process.no_new_privileges,
                .core = rlimit(q, RLIMIT_CORE, UINT64_MAX),
                .nofile = rlimit(q, RLIMIT_NOFILE, OWN_LIMIT),
                .fsize = rlimit(q, RLIMIT_FSIZE, OWN_LIMIT),
                .rtprio = rlimit(q, RLIMIT_RTPRIO, q->host.rtprio_limit),
                .nice = rlimit(q, RLIMIT_NICE, q->host.nice_limit),
                .oom_score = spec->process.has_oom_score_adj ? spec->process.oom_score_adj : 0,
                .pids = most(resources->pids_limit),
                .memory = most(resources->memory.limit),
                .swap = most(resources->memory.swap),
                .weight = resources->block.weight.is_given && resources->block.weight.value > 0
                                  ? io_weight((double)resources->block.weight.value)
                                  : 100,
                .cpus = most(resources->cpu.quota_us) /
                        (resources->cpu.period_us.is_given && resources->cpu.period_us.value > 0
                                 ? (double)resources->cpu.period_us.value
                                 : 100000),
                .wall = sandbox->wall_s > 0 ? (double)sandbox->wall_s : 1e300,
                .is_open_inside = sandbox->egress.is_ingress_open,
                .is_audit = sandbox->egress.is_audit,
                .is_scoped = sandbox->abstract_sockets != SANDBOX_ABSTRACT_OPEN,
                .has_landlock_ports = sandbox->tcp_ports.is_limited,
                .writes_tree = sandbox->rootfs_upper_bytes == 0,
                .writes_root = !spec->is_root_readonly,
                .setuid_files = sandbox->seccomp_setuid_files,
                .base = sandbox->seccomp_base,
                .user_namespaces = sandbox->seccomp_user_namespaces ? sandbox->max_user_namespaces : 0,
                .namespaces = sandbox->max_namespaces,
                .speculates = spec->linux_.seccomp.flags & SPEC_SECCOMP_FLAG_SPEC_ALLOW,
        };
        for (size_t i = 0; i < spec->process.n_env; i++) {
                for (size_t k = 0; k < N(variables); k++) {
                        size_t length = strlen(variables[k]);

                        if (strncmp(spec->process.env[i], variables[k], length) == 0 &&
                            spec->process.env[i][length] == '=')
                                powers->variables |= 1u << k;
                }
        }
        for (size_t i = 0; i < N(devices); i++)
                powers->access[i] = access_of(q, &devices[i]);
        for (size_t i = 0; i < N(doors); i++)
                powers->doors |= (unsigned)opens(q, i) << i;
        for (size_t i = 0; i < sandbox->tcp_ports.n; i++) {
                for (size_t k = 0; k < N(doors); k++) {
                        if (doors[k].port >= sandbox->tcp_ports.items[i].first &&
                            doors[k].port <= sandbox->tcp_ports.items[i].last)
                                powers->tcp_ports |= 1u << k;
                }
        }
        for (size_t i = 0; i < N(masked); i++)
                powers->lost_masks += !has_path(spec->linux_.masked_paths, spec->linux_.n_masked_paths, masked[i]);
        for (size_t i = 0; i < N(readonly); i++)
                powers->lost_readonly +=
                        !has_path(spec->linux_.readonly_paths, spec->linux_.n_readonly_paths, readonly[i]);
        for (size_t kind = 0; kind < SPEC_NS_TIME; kind++) {
                const struct spec_namespace *ns = &spec->linux_.namespaces[kind];

                powers->hosts_namespaces += !ns->is_given || (ns->path != NULL && q->host.namespaces[kind].is_host);
        }
        for (size_t kind = 0; kind < SPEC_HOOK_KINDS; kind++)
                powers->n_hooks += (unsigned)spec->hooks[kind].n;
        measure_mounts(q, powers);
        measure_files(q, powers);
}

#define NO_MORE(member) cr_assert_leq(less->member, more->member, "%s: " #member, what)
#define NO_BIT_MORE(member) cr_assert_eq(less->member & ~more->member, 0, "%s: " #member, what)
#define AT_LEAST(member) cr_assert_geq(less->member, more->member, "%s: " #member, what)

void powers_give_no_more(const struct powers *less, const struct powers *more, const char *what)
{
        for (int set = 0; set < SETS; set++)
                NO_BIT_MORE(caps[set]);
        NO_MORE(can_gain_privileges);
        NO_MORE(core);
        NO_MORE(nofile);
        NO_MORE(fsize);
        NO_MORE(rtprio);
        NO_MORE(nice);
        AT_LEAST(oom_score);
        NO_MORE(pids);
        NO_MORE(memory);
        NO_MORE(swap);
        NO_MORE(cpus);
        NO_MORE(weight);
        NO_MORE(wall);
        NO_BIT_MORE(variables);
        for (size_t i = 0; i < N(devices); i++)
                NO_BIT_MORE(access[i]);
        NO_BIT_MORE(doors);
        if (more->has_landlock_ports && !less->is_audit) {
                cr_assert(less->has_landlock_ports, "%s: Landlock's ports", what);
                NO_BIT_MORE(tcp_ports);
        }
        NO_MORE(is_open_inside);
        NO_MORE(is_audit);
        AT_LEAST(is_scoped);
        NO_MORE(writes_tree);
        NO_MORE(writes_root);
        NO_MORE(setuid_files);
        NO_MORE(user_namespaces);
        NO_MORE(namespaces);
        cr_assert(less->base == more->base || less->base == POLICY_SECCOMP_BASE_BUILD, "%s: seccomp.base", what);
        NO_MORE(speculates);
        NO_MORE(lost_masks);
        NO_MORE(lost_readonly);
        NO_MORE(hosts_namespaces);
        NO_BIT_MORE(places);
        NO_BIT_MORE(writable);
        NO_BIT_MORE(suid);
        NO_BIT_MORE(dev);
        NO_MORE(n_hooks);
}
