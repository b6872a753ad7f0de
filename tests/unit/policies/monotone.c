/* What a sandbox gives, as a measure: in each dimension it can be compared with another one. Two things must hold of it,
 * whatever is asked and whatever the profile says:
 *
 *   a request never gets more than the profile has, however much is added to it;
 *   a profile that is made stricter in one member never gives more, and refuses what it refused.
 *
 * What a profile has is worked out here from its members, not by the code that is tested. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "policies/landlock.h"
#include "tests/unit/policies/powers.h"

#define ROUNDS 4000

static struct request q;

static uint64_t dice_state = 88172645463325252u;

static uint64_t dice(uint64_t sides)
{
        dice_state ^= dice_state << 13;
        dice_state ^= dice_state >> 7;
        dice_state ^= dice_state << 17;
        return dice_state % sides;
}

/* ---- requests */

static char *const *some_variables(void)
{
        static char texts[N(variables)][32];
        static char *list[N(variables) + 1];
        size_t n = 0;

        for (size_t i = 0; i < N(variables); i++) {
                if (dice(2)) {
                        snprintf(texts[i], sizeof texts[i], "%s=x", variables[i]);
                        list[n++] = texts[i];
                }
        }
        list[n] = NULL;
        q.spec.process.n_env = n;
        return list;
}

static struct spec_number some_number(int64_t size)
{
        static const int64_t odd[] = { -1, 0, INT64_MAX };

        if (dice(3) == 0)
                return (struct spec_number){ 0 };
        return (struct spec_number){ true, dice(5) == 0 ? odd[dice(3)] : 1 + (int64_t)dice((uint64_t)size) };
}

static void some_resources(void)
{
        static const char *const files[] = { "memory.max", "memory.swap.max", "pids.max",     "cpu.max",
                                             "io.weight",  "memory.high",     "io.bfq.weight" };
        static const char *const values[] = { "max", "4000000", "900000", "max", "default 9000", "0", "700" };
        static struct spec_pair pairs[3];
        static struct spec_block_device weights[1];
        static struct spec_device_rule rules[4];
        struct spec_resources *resources = &q.spec.linux_.resources;

        resources->pids_limit = some_number(6000);
        resources->memory.limit = some_number(4000000);
        resources->memory.swap = some_number(8000000);
        resources->cpu.quota_us = some_number(400000);
        if (dice(2))
                resources->cpu.period_us = (struct spec_number){ true, 1000 + (int64_t)dice(900000) };
        resources->cpu.rt_runtime_us = some_number(1000000);
        resources->block.weight = some_number(1000);
        weights[0] = (struct spec_block_device){ 8, 0, true, false, (uint16_t)(10 + dice(990)), 0 };
        resources->block.devices = weights;
        resources->block.n_devices = dice(3) == 0;
        resources->unified = pairs;
        for (resources->n_unified = 0; resources->n_unified < dice(3);) {
                size_t file = dice(N(files));

                pairs[resources->n_unified++] =
                        (struct spec_pair){ files[file], file < 4 ? values[dice(4)] : values[file] };
        }
        for (size_t i = 0; i < N(rules); i++) {
                const struct policy_device *device = &devices[dice(N(devices))];

                rules[i] = (struct spec_device_rule){ .is_allow = dice(4) != 0,
                                                      .type = device->type == S_IFBLK ? 'b' : 'c',
                                                      .major = dice(4) ? (int64_t)device->major : -1,
                                                      .minor = dice(4) ? (int64_t)device->minor : -1,
                                                      .access = 1 + (uint32_t)dice(7) };
        }
        resources->devices = rules;
        resources->n_devices = dice(N(rules) + 1);
}

static void some_limits(void)
{
        static const struct {
                int resource;
                const char *name;
        } kinds[] = {
                { RLIMIT_CORE, "RLIMIT_CORE" },   { RLIMIT_NOFILE, "RLIMIT_NOFILE" },
                { RLIMIT_FSIZE, "RLIMIT_FSIZE" }, { RLIMIT_RTPRIO, "RLIMIT_RTPRIO" },
                { RLIMIT_NICE, "RLIMIT_NICE" },
        };
        static struct spec_rlimit limits[N(kinds)];
        size_t n = 0;

        for (size_t i = 0; i < N(kinds); i++) {
                uint64_t hard = dice(5) == 0 ? UINT64_MAX : dice(9000);

                if (dice(2))
                        limits[n++] = (struct spec_rlimit){ kinds[i].resource, kinds[i].name, dice(2) ? hard : hard / 2,
                                                            hard };
        }
        q.spec.process.rlimits = limits;
        q.spec.process.n_rlimits = n;
}

static void some_mounts(void)
{
        static const char *const targets[] = { "/m0", "/m1", "/m2", "/m3", "/m4", "/m5" };

        for (size_t i = 0; i < N(places); i++) {
                struct host_source *source;

                if (dice(4) != 0)
                        continue;
                source = request_bind(&q, places[i].path, targets[i]);
                source->mode = places[i].type | 0755;
                source->is_private_folder = dice(2);
                source->uid = source->gid = (uid_t)dice(2) * 1000;
                request_last(&q)->attr_set = dice(16);
                request_last(&q)->attr_clear = ~request_last(&q)->attr_set & dice(16);
                request_last(&q)->is_recursive = dice(2);
                request_last(&q)->propagation = dice(3) == 0 ? MS_SHARED : 0;
        }
}

static void some_hooks(void)
{
        static const char *const paths[] = { "/usr/libexec/oci/hooks.d/x", "/usr/bin/hook", "/opt/hook" };
        static struct spec_hook hook;
        static struct host_hook fact;
        enum spec_hook_kind kind = (enum spec_hook_kind)dice(SPEC_HOOK_KINDS);

        if (dice(4) != 0)
                return;
        hook = (struct spec_hook){ .path = paths[dice(3)] };
        fact = (struct host_hook){ .is_root_only = dice(4) != 0, .real_path = hook.path };
        q.spec.hooks[kind] = (struct spec_hook_list){ &hook, 1 };
        q.host.hooks[kind] = &fact;
}

/* Anything that engines can ask for, on any host that holds what policy wants. */
static void ask(void)
{
        static struct spec_device nodes[2];
        struct spec_linux *l;

        request_init(&q);
        l = &q.spec.linux_;
        q.host.landlock_abi = POLICY_LANDLOCK_SCOPE_ABI;
        q.host.nofile = q.host.fsize = (struct host_rlimit){ OWN_LIMIT, OWN_LIMIT };
        q.host.rtprio_limit = dice(2) * 95;
        q.host.nice_limit = dice(2) * 40;
        q.host.is_cgroup2 = dice(2);
        q.spec.process.caps = (struct spec_caps){ .is_given = true,
                                                  .bounding = dice(UINT64_MAX),
                                                  .effective = dice(UINT64_MAX),
                                                  .permitted = dice(UINT64_MAX),
                                                  .inheritable = dice(UINT64_MAX),
                                                  .ambient = dice(UINT64_MAX) };
        q.spec.process.no_new_privileges = dice(2);
        q.spec.process.has_oom_score_adj = dice(2);
        q.spec.process.oom_score_adj = (int)dice(2001) - 1000;
        q.spec.process.env = some_variables();
        q.spec.is_root_readonly = dice(2);
        some_limits();
        some_resources();
        some_mounts();
        some_hooks();
        for (size_t i = 0; i < N(nodes); i++) {
                const struct policy_device *device = &devices[dice(N(devices))];

                nodes[i] = (struct spec_device){
                        .type = device->type, .path = device->path, .major = device->major, .minor = device->minor
                };
        }
        l->devices = nodes;
        l->n_devices = dice(4) == 0 ? 1 + dice(2) : 0;
        l->masked_paths = masked;
        l->n_masked_paths = dice(N(masked) + 1);
        l->readonly_paths = readonly;
        l->n_readonly_paths = dice(N(readonly) + 1);
        l->seccomp.is_given = dice(2);
        l->seccomp.default_action = SPEC_SECCOMP_ALLOW;
        l->seccomp.flags = (unsigned)dice(16) & ~SPEC_SECCOMP_FLAG_WAIT_KILLABLE;
        l->namespaces[SPEC_NS_USER].is_given = false;
        for (size_t kind = 0; kind < SPEC_NS_TIME; kind++) {
                if (kind == SPEC_NS_USER || dice(10) != 0)
                        continue;
                l->namespaces[kind].is_given = dice(2);
                if (l->namespaces[kind].is_given)
                        l->namespaces[kind].path = "/proc/7/ns/x";
                q.host.namespaces[kind].is_host = dice(2);
        }
}

/* ---- profiles */

struct world {
        struct policy_profile profile;
        const char *env[N(env_patterns)], *deny[N(place_patterns)], *allow[N(place_patterns)], *hooks[N(hook_lists)];
        struct policy_device nodes[N(devices)];
        struct policy_destination destinations[N(cidrs)];
        struct policy_ports ports[N(cidrs)];
};

static struct policy_texts some_texts(const char **into, const char *const *pool, size_t n)
{
        size_t count = 0;

        for (size_t i = 0; i < n; i++) {
                if (dice(3) == 0)
                        into[count++] = pool[i];
        }
        return (struct policy_texts){ into, count };
}

static void make_world(struct world *w)
{
        static const uint64_t limits[POLICY_LIMITS] = {
                [POLICY_LIMIT_WALL] = 100,       [POLICY_LIMIT_MEMORY] = 3000000, [POLICY_LIMIT_SWAP] = 3000000,
                [POLICY_LIMIT_PIDS] = 5000,      [POLICY_LIMIT_CPUS] = 4000,      [POLICY_LIMIT_IO_WEIGHT] = 9000,
                [POLICY_LIMIT_NOFILE] = 9000,    [POLICY_LIMIT_CORE] = 5000,      [POLICY_LIMIT_FSIZE] = 9000,
                [POLICY_LIMIT_SCRATCH] = 100000, [POLICY_LIMIT_CONCURRENT] = 10,  [POLICY_LIMIT_GRACE] = 10,
        };
        struct policy_profile *p = &w->profile;

        *p = (struct policy_profile){
                .name = "untrusted",
                .caps = dice(UINT64_MAX),
                .seccomp_base = (enum policy_seccomp_base)dice(3),
                .seccomp_user_namespaces = dice(2),
                .seccomp_setuid_files = dice(2),
                .rootfs = (enum policy_rootfs)dice(3),
                .mounts = { some_texts(w->deny, place_patterns, N(place_patterns)),
                            some_texts(w->allow, place_patterns, N(place_patterns)), (enum policy_sockets)dice(2),
                            NULL },
                .egress_mode = dice(5) == 0 ? POLICY_EGRESS_AUDIT : POLICY_EGRESS_DENY,
                .egress_proxy = dice(4) == 0 ? "203.0.113.8:85" : NULL,
                .ingress = (enum policy_ingress)dice(2),
                .landlock_tcp_ports = dice(2),
                .env_deny = some_texts(w->env, env_patterns, N(env_patterns)),
                .env_on_match = dice(4) == 0 ? POLICY_ENV_REFUSE : POLICY_ENV_STRIP,
                .hooks = { dice(2), some_texts(w->hooks, hook_lists, N(hook_lists)), NULL },
                .allow_create_container_hooks = dice(2),
        };
        p->devices = w->nodes;
        for (size_t i = 0; i < N(devices); i++) {
                if (dice(2))
                        w->nodes[p->n_devices++] = devices[i];
        }
        p->egress_allow = w->destinations;
        for (size_t i = 0; i < N(cidrs); i++) {
                w->ports[i] = port_lists[dice(N(port_lists))];
                if (dice(3) == 0)
                        w->destinations[p->n_egress_allow++] =
                                (struct policy_destination){ NULL, cidrs[i], &w->ports[i], 1, dice(3) == 0 };
        }
        for (size_t i = 0; i < POLICY_LIMITS; i++) {
                bool is_set = dice(2) || i == POLICY_LIMIT_PIDS || i == POLICY_LIMIT_CORE;

                p->limits[i] = (struct policy_limit_value){ is_set, dice(2), 1 + dice(limits[i]) };
        }
        /* "swap" counts from "memory": the file has both or neither. */
        if (!p->limits[POLICY_LIMIT_MEMORY].is_set)
                p->limits[POLICY_LIMIT_SWAP].is_set = false;
}

static int judge_under(const struct world *w, struct powers *ret_powers)
{
        int r;

        q.policy.profile = w->profile;
        r = request_judge(&q);
        if (r == 0)
                powers_measure(&q, ret_powers);
        return r;
}

static uint64_t limit_of(const struct policy_profile *p, enum policy_limit limit, uint64_t otherwise)
{
        return p->limits[limit].is_set && p->limits[limit].value < otherwise ? p->limits[limit].value : otherwise;
}

static double bound(const struct policy_profile *p, enum policy_limit limit)
{
        return p->limits[limit].is_set ? (double)p->limits[limit].value : 1e300;
}

static bool is_listed(const struct policy_profile *p, size_t door)
{
        static const struct {
                uint32_t first, last;
                bool is_private;
        } networks[] = {
                { 0xcb007100, 0xcb0071ff, false },
                { 0xcb007107, 0xcb007107, false },
                { 0, UINT32_MAX, false },
                { 0x0a000000, 0x0affffff, true },
                { 1, 0, false },
        };

        if (p->egress_mode == POLICY_EGRESS_AUDIT)
                return true;
        for (size_t i = 0; i < p->n_egress_allow; i++) {
                const struct policy_destination *one = &p->egress_allow[i];
                size_t network = 0;

                while (strcmp(cidrs[network], one->cidr) != 0)
                        network++;
                if (doors[door].address >= networks[network].first && doors[door].address <= networks[network].last &&
                    doors[door].protocol == (one->is_udp ? IPPROTO_UDP : IPPROTO_TCP) &&
                    doors[door].port >= one->ports->first && doors[door].port <= one->ports->last &&
                    (!doors[door].is_private || networks[network].is_private))
                        return true;
        }
        return p->egress_proxy != NULL && doors[door].address == 0xcb007108 && doors[door].protocol == IPPROTO_TCP &&
               doors[door].port == 85;
}

/* The most that a profile has to give, member by member. */
static struct powers ceiling(const struct policy_profile *p)
{
        const uint64_t caps = p->seccomp_setuid_files ? p->caps : p->caps & ~(UINT64_C(1) << CAP_SETFCAP);
        struct powers powers = {
                .caps = { caps, caps, caps, 0, 0 },
                .core = p->limits[POLICY_LIMIT_CORE].value,
                .nofile = limit_of(p, POLICY_LIMIT_NOFILE, UINT64_MAX),
                .fsize = limit_of(p, POLICY_LIMIT_FSIZE, UINT64_MAX),
                .nice = 20,
                .oom_score = 0,
                .pids = bound(p, POLICY_LIMIT_PIDS),
                .memory = bound(p, POLICY_LIMIT_MEMORY),
                .swap = p->limits[POLICY_LIMIT_SWAP].is_set
                                ? bound(p, POLICY_LIMIT_MEMORY) + bound(p, POLICY_LIMIT_SWAP)
                                : 1e300,
                .cpus = bound(p, POLICY_LIMIT_CPUS) / 1000,
                .weight = bound(p, POLICY_LIMIT_IO_WEIGHT),
                .wall = bound(p, POLICY_LIMIT_WALL),
                .variables = UINT32_MAX,
                .is_open_inside = p->ingress == POLICY_INGRESS_ANY,
                .is_audit = p->egress_mode == POLICY_EGRESS_AUDIT,
                .has_landlock_ports = p->landlock_tcp_ports,
                .tcp_ports = UINT32_MAX,
                .writes_tree = p->rootfs == POLICY_ROOTFS_ENGINE,
                .writes_root = p->rootfs != POLICY_ROOTFS_READONLY,
                .setuid_files = p->seccomp_setuid_files,
                .user_namespaces = p->seccomp_user_namespaces ? POLICY_MAX_USER_NAMESPACES : 0,
                .namespaces = p->seccomp_base == POLICY_SECCOMP_BASE_IMAGE_BUILD ? POLICY_MAX_NAMESPACES : 0,
                .base = p->seccomp_base,
                .writable = UINT32_MAX,
                .n_hooks = UINT32_MAX,
        };

        for (size_t i = 0; i < p->env_deny.n; i++) {
                for (size_t k = 0; k < N(env_patterns); k++) {
                        if (strcmp(p->env_deny.items[i], env_patterns[k]) == 0)
                                powers.variables &= ~(1u << (k == 2 ? 4 : k + 1)); /* the one that it is written for */
                }
        }
        for (size_t i = 0; i < N(devices); i++) {
                for (size_t k = 0; k < p->n_devices; k++) {
                        if (strcmp(p->devices[k].path, devices[i].path) == 0)
                                powers.access[i] = 15;
                }
        }
        for (size_t i = 0; i < N(doors); i++)
                powers.doors |= (unsigned)(!doors[i].is_closed && is_listed(p, i)) << i;
        for (size_t i = 0; i < N(places); i++) {
                bool is_open = !places[i].is_closed;

                for (size_t k = 0; k < p->mounts.deny.n; k++)
                        if (strncmp(p->mounts.deny.items[k], places[i].path, strcspn(p->mounts.deny.items[k], "*")) ==
                            0)
                                is_open = false;
                for (size_t k = 0; k < p->mounts.allow.n; k++)
                        if (strncmp(p->mounts.allow.items[k], places[i].path, strcspn(p->mounts.allow.items[k], "*")) ==
                            0)
                                is_open = true;
                if (p->mounts.sockets == POLICY_SOCKETS_ALLOW && places[i].type == S_IFSOCK)
                        is_open = true;
                if (i == 5) /* an engine's, whatever is listed */
                        is_open = false;
                powers.places |= (unsigned)is_open << i;
        }
        return powers;
}

Test(policy_monotone, a_request_never_gets_more_than_the_profile_has)
{
        unsigned n_passed = 0, n_refused = 0;

        for (unsigned round = 0; round < ROUNDS; round++) {
                struct world w;
                struct powers got, has;

                make_world(&w);
                ask();
                if (judge_under(&w, &got) == 0) {
                        has = ceiling(&w.profile);
                        powers_give_no_more(&got, &has, "the ceiling");
                        n_passed++;
                } else {
                        n_refused++;
                }
                request_free(&q);
        }
        cr_assert_gt(n_passed, ROUNDS / 10, "%u", n_passed);
        cr_assert_gt(n_refused, ROUNDS / 10, "%u", n_refused);
}

/* ---- tightening */

static bool lower_limit(struct policy_profile *p, enum policy_limit limit)
{
        if (limit == POLICY_LIMIT_SWAP && !p->limits[POLICY_LIMIT_MEMORY].is_set)
                return false;
        p->limits[limit].value = p->limits[limit].is_set ? 1 + p->limits[limit].value / 2 : 50;
        p->limits[limit].is_set = true;
        return true;
}

static const char *added_deny[N(place_patterns) + 1], *added_env[N(env_patterns) + 1];

static void add_text(const char **into, struct policy_texts *list, const char *text)
{
        memcpy(into, list->items, list->n * sizeof *into);
        into[list->n] = text;
        *list = (struct policy_texts){ into, list->n + 1 };
}

/* One member made stricter; NULL where it is as strict as it gets. */
static const char *tighten(struct world *w)
{
        struct policy_profile *p = &w->profile;

        switch (dice(20)) {
        case 0:
                p->caps &= dice(UINT64_MAX);
                return "capabilities";
        case 1:
                p->seccomp_base = POLICY_SECCOMP_BASE_BUILD;
                return "seccomp.base";
        case 2:
                p->seccomp_user_namespaces = false;
                return "seccomp.userNamespaces";
        case 3:
                p->seccomp_setuid_files = false;
                return "seccomp.setuidFiles";
        case 4:
                if (p->rootfs == POLICY_ROOTFS_READONLY)
                        return NULL;
                p->rootfs++;
                return "rootfs";
        case 5:
                add_text(added_deny, &p->mounts.deny, place_patterns[dice(N(place_patterns))]);
                return "mounts.denySources";
        case 6:
                if (p->mounts.allow.n == 0)
                        return NULL;
                p->mounts.allow.n--;
                return "mounts.allow";
        case 7:
                p->mounts.sockets = POLICY_SOCKETS_REFUSE;
                return "mounts.sockets";
        case 8:
                if (p->n_devices == 0)
                        return NULL;
                p->n_devices--;
                return "devices";
        case 9:
                if (p->n_egress_allow == 0 || p->egress_mode == POLICY_EGRESS_AUDIT)
                        return NULL;
                p->n_egress_allow--;
                return "egress.allow";
        case 10:
                if (p->n_egress_allow == 0)
                        return NULL;
                for (size_t i = 0; i < N(cidrs); i++)
                        w->ports[i].last = w->ports[i].first;
                return "egress.allow[].ports";
        case 11:
                p->egress_mode = POLICY_EGRESS_DENY;
                return "egress.mode";
        case 12:
                p->egress_proxy = NULL;
                return "egress.proxy";
        case 13:
                p->ingress = POLICY_INGRESS_ESTABLISHED;
                return "ingress";
        case 14:
                p->landlock_tcp_ports = true;
                return "landlock.tcpPorts";
        case 15:
                add_text(added_env, &p->env_deny, env_patterns[dice(N(env_patterns))]);
                return "env.deny";
        case 16:
                p->env_on_match = POLICY_ENV_REFUSE;
                return "env.onMatch";
        case 17:
                if (p->hooks.is_limited && p->hooks.allow_paths.n > 0)
                        p->hooks.allow_paths.n--;
                else if (!p->hooks.is_limited)
                        p->hooks.is_limited = true;
                else
                        return NULL;
                return "hooks.allowPaths";
        case 18:
                p->allow_create_container_hooks = false;
                return "createContainer hooks";
        default: {
                enum policy_limit limit = (enum policy_limit)dice(POLICY_LIMITS);

                return lower_limit(p, limit) ? policy_limit_name(limit) : NULL;
        }
        }
}

/* Refusals of the profile itself, which a stricter one need not have. */
static bool is_of_the_profile(void)
{
        return q.err.rule != NULL &&
               (strncmp(q.err.rule, "egress.", 7) == 0 || strcmp(q.err.rule, "landlock.tcpPorts") == 0);
}

Test(policy_monotone, a_stricter_profile_never_gives_more)
{
        unsigned n_passed = 0, n_refused = 0;

        for (unsigned round = 0; round < ROUNDS; round++) {
                struct world w;
                struct powers before = { 0 }, after = { 0 };
                const char *what;
                bool is_profiles;
                int r, stricter;

                make_world(&w);
                ask();
                r = judge_under(&w, &before);
                is_profiles = r < 0 && is_of_the_profile();
                what = tighten(&w);
                if (what == NULL || is_profiles) {
                        request_free(&q);
                        continue;
                }
                stricter = judge_under(&w, &after);
                if (r < 0)
                        cr_assert_lt(stricter, 0, "%s: what was refused passes", what);
                if (stricter == 0) {
                        powers_give_no_more(&after, &before, what);
                        n_passed++;
                } else {
                        n_refused++;
                }
                request_free(&q);
        }
        cr_assert_gt(n_passed, ROUNDS / 10, "%u", n_passed);
        cr_assert_gt(n_refused, ROUNDS / 10, "%u", n_refused);
}

/* ---- exec and update, by the other two doors */

Test(policy_monotone, exec_and_update_get_no_more_than_the_profile_has)
{
        unsigned n_passed[2] = { 0, 0 };

        for (unsigned round = 0; round < ROUNDS; round++) {
                struct spec_process process;
                struct spec_resources resources;
                struct powers got, has, base = { 0 };
                struct world w;

                make_world(&w);
                ask();
                if (judge_under(&w, &base) < 0) {
                        request_free(&q);
                        continue;
                }
                has = ceiling(&w.profile);
                /* Another process and other limits than the container was made with. */
                q.spec.process.caps.bounding = q.spec.process.caps.ambient = dice(UINT64_MAX);
                q.spec.process.oom_score_adj = (int)dice(2001) - 1000;
                some_limits();
                some_resources();
                q.findings = (struct findings){ .arena = &q.arena };
                q.err = (struct error){ 0 };
                if (harden_process(&q.spec.process, &q.policy, &q.host, &q.arena, &process, &q.findings, &q.err) == 0) {
                        q.sandbox.spec.process = process;
                        powers_measure(&q, &got);
                        powers_give_no_more(&got, &has, "exec");
                        n_passed[0]++;
                }
                /* What update leaves out stays as it is, which was within. */
                if (harden_resources(&q.spec.linux_.resources, &q.policy, &q.host, &q.arena, &resources, &q.findings,
                                     &q.err) == 0) {
                        struct spec_resources *now = &q.sandbox.spec.linux_.resources;

                        if (resources.pids_limit.is_given && resources.pids_limit.value != 0)
                                now->pids_limit = resources.pids_limit;
                        if (resources.memory.limit.is_given && resources.memory.limit.value != 0)
                                now->memory.limit = resources.memory.limit;
                        if (resources.cpu.quota_us.is_given && resources.cpu.quota_us.value != 0)
                                now->cpu.quota_us = resources.cpu.quota_us;
                        if (resources.cpu.period_us.is_given && resources.cpu.period_us.value != 0)
                                now->cpu.period_us = resources.cpu.period_us;
                        if (resources.memory.swap.is_given && resources.memory.swap.value != 0)
                                now->memory.swap = resources.memory.swap;
                        if (resources.n_devices > 0) {
                                now->devices = resources.devices;
                                now->n_devices = resources.n_devices;
                        }
                        powers_measure(&q, &got);
                        powers_give_no_more(&got, &has, "update");
                        n_passed[1]++;
                }
                request_free(&q);
        }
        cr_assert_gt(n_passed[0], ROUNDS / 10, "%u", n_passed[0]);
        cr_assert_gt(n_passed[1], ROUNDS / 20, "%u", n_passed[1]);
}
