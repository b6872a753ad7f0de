/* Two profiles together never give more than either: by thousands of pairs, looked at member by member and by what
 * requests get under them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "policies/hooks.h"
#include "tests/unit/policies/request.h"

#define N(array) (sizeof(array) / sizeof *(array))

static uint32_t seed;

static uint32_t below(uint32_t n)
{
        seed = seed * 1664525u + 1013904223u;
        return (seed >> 8) % n;
}

static const char *const patterns[] = { "/srv/**", "/srv/a", "/srv/a/**", "/srv/*/x", "/", "/home/ada/**", "/etc/**", "/root/**" };
static const char *const places[] = { "/srv", "/srv/a", "/srv/a/x", "/srv/b", "/home/ada/src", "/root", "/opt", "/opt/listener" };
static const char *const names[] = { "*_TOKEN", "PATH", "SECRET*" };
static const char *const hook_paths[] = { "/usr/libexec/oci/hooks.d/", "/usr/libexec/oci/", "/usr/bin/hook" };
static const struct policy_device devices[] = {
        { "/dev/fuse", S_IFCHR, 10, 229 }, { "/dev/kvm", S_IFCHR, 10, 232 }, { "/dev/fuse", S_IFBLK, 8, 0 },
        { "/dev/fuse", S_IFCHR, 10, 200 }, { "/dev/fuse", S_IFCHR, 11, 229 },
};
static const struct policy_ports ports[] = { { 443, 443 }, { 80, 90 }, { 22, 22 } };

static struct policy_texts some(struct arena *arena, const char *const *pool, size_t n)
{
        const char **items = arena_array(arena, n, sizeof *items);
        size_t count = 0;

        for (size_t i = 0; i < n; i++) {
                if (below(3) == 0)
                        items[count++] = pool[i];
        }
        return (struct policy_texts){ items, count };
}

static struct policy_profile any_profile(struct arena *arena)
{
        struct policy_profile profile = {
                .name = below(2) ? "a" : "b",
                .caps = (uint64_t)below(1u << 20) << 20 | below(1u << 20),
                .seccomp_base = below(3),
                .seccomp_user_namespaces = below(2),
                .seccomp_setuid_files = below(2),
                .rootfs = below(3),
                .mounts = { some(arena, patterns, N(patterns)), some(arena, patterns, N(patterns)), below(2), NULL },
                .egress_mode = below(2),
                .egress_proxy = below(2) ? "10.0.0.1:3128" : NULL,
                .ingress = below(2),
                .landlock_tcp_ports = below(2),
                .env_deny = some(arena, names, N(names)), .systemd_properties = some(arena, names, N(names)),
                .env_on_match = below(2),
                .hooks = { below(2), some(arena, hook_paths, N(hook_paths)), NULL },
                .allow_create_container_hooks = below(2),
        };
        struct policy_device *nodes = arena_array(arena, N(devices), sizeof *nodes);
        struct policy_destination *allow = arena_array(arena, 3, sizeof *allow);

        for (size_t i = 0; i < N(devices); i++) {
                if (below(2))
                        nodes[profile.n_devices++] = devices[i];
        }
        profile.devices = nodes;
        for (size_t i = 0; i < 3; i++) {
                uint32_t from = below(3);

                if (below(2))
                        allow[profile.n_egress_allow++] = (struct policy_destination){
                                i == 0 ? "a.org" : NULL, i == 0 ? NULL : i == 1 ? "10.0.0.0/8" : "10.1.0.0/16",
                                ports + from, 3 - from, below(3) == 0,
                        };
        }
        profile.egress_allow = allow;
        for (size_t i = 0; i < POLICY_LIMITS; i++)
                profile.limits[i] = (struct policy_limit_value){ below(2), below(2), 1 + below(10000) };
        return profile;
}

static bool has_device(const struct policy_profile *profile, const struct policy_device *device)
{
        for (size_t i = 0; i < profile->n_devices; i++) {
                if (strcmp(profile->devices[i].path, device->path) == 0 && profile->devices[i].type == device->type &&
                    profile->devices[i].major == device->major && profile->devices[i].minor == device->minor)
                        return true;
        }
        return false;
}

static bool reaches(const struct policy_profile *profile, const struct policy_destination *to, struct policy_ports port)
{
        for (size_t i = 0; i < profile->n_egress_allow; i++) {
                const struct policy_destination *one = &profile->egress_allow[i];

                if ((one->host == NULL) != (to->host == NULL) ||
                    strcmp(one->host != NULL ? one->host : one->cidr, to->host != NULL ? to->host : to->cidr) != 0)
                        continue;
                for (size_t j = 0; j < one->n_ports; j++) {
                        if (one->ports[j].first <= port.first && one->ports[j].last >= port.last && one->is_udp == to->is_udp)
                                return true;
                }
        }
        return false;
}

static bool has_text(const struct policy_texts *texts, const char *text)
{
        for (size_t i = 0; i < texts->n; i++)
                if (strcmp(texts->items[i], text) == 0)
                        return true;
        return false;
}

/* Member by member, of those that can be compared without a request. */
static void is_within(const struct policy_profile *less, const struct policy_profile *more)
{
        cr_assert_eq(less->caps & ~more->caps, 0);
        cr_assert_eq(policy_profile_caps(less) & ~policy_profile_caps(more), 0);
        cr_assert(less->seccomp_base == more->seccomp_base || less->seccomp_base == POLICY_SECCOMP_BASE_BUILD);
        cr_assert(!less->seccomp_user_namespaces || more->seccomp_user_namespaces);
        cr_assert(!less->seccomp_setuid_files || more->seccomp_setuid_files);
        cr_assert_geq(less->rootfs, more->rootfs);
        cr_assert_geq(less->egress_mode, more->egress_mode);
        cr_assert_geq(less->ingress, more->ingress);
        cr_assert(less->landlock_tcp_ports || !more->landlock_tcp_ports);
        for (size_t i = 0; i < less->systemd_properties.n; i++)
                cr_assert(has_text(&more->systemd_properties, less->systemd_properties.items[i]));
        cr_assert_geq(less->env_on_match, more->env_on_match);
        cr_assert(!less->allow_create_container_hooks || more->allow_create_container_hooks);
        cr_assert(less->egress_proxy == NULL || more->egress_proxy != NULL);
        for (enum policy_limit limit = 0; limit < POLICY_LIMITS; limit++) {
                cr_assert_leq(policy_limit_most(less, limit), policy_limit_most(more, limit));
                cr_assert(!more->limits[limit].is_set || !more->limits[limit].is_demanded || less->limits[limit].is_demanded ||
                          less->limits[limit].value < more->limits[limit].value);
        }
        for (size_t i = 0; i < less->n_devices; i++)
                cr_assert(has_device(more, &less->devices[i]));
        for (size_t i = 0; i < less->n_egress_allow; i++) {
                for (size_t j = 0; j < less->egress_allow[i].n_ports; j++)
                        cr_assert(reaches(more, &less->egress_allow[i], less->egress_allow[i].ports[j]));
        }
}

static struct request q;
static struct host_hook hook_fact;
static struct spec_hook hook;

/* One bind, one hook, everything else as engines ask it. */
static int judge_under(const struct policy_profile *profile, const char *place, const char *hook_path)
{
        request_init(&q);
        q.policy.profile = *profile;
        /* What no version enforces yet refuses all of them, which would say nothing. */
        q.policy.profile.rootfs = q.policy.profile.rootfs == POLICY_ROOTFS_EPHEMERAL ? POLICY_ROOTFS_READONLY : profile->rootfs;
        q.policy.profile.egress_mode = POLICY_EGRESS_DENY;
        q.policy.profile.ingress = POLICY_INGRESS_ESTABLISHED;
        q.policy.profile.egress_proxy = NULL;
        q.policy.profile.n_egress_allow = q.policy.profile.n_devices = 0;
        for (enum policy_limit limit = 0; limit < POLICY_LIMITS; limit++)
                q.policy.profile.limits[limit].is_demanded = false;
        q.host.nofile = q.host.fsize = (struct host_rlimit){ 5000, 5000 };
        request_bind(&q, place, "/work")->mode = strstr(place, "listener") != NULL ? S_IFSOCK | 0666 : S_IFDIR | 0755;
        hook = (struct spec_hook){ .path = hook_path };
        hook_fact = (struct host_hook){ .is_root_only = true, .real_path = hook_path };
        q.spec.hooks[SPEC_HOOK_PRESTART] = (struct spec_hook_list){ &hook, 1 };
        q.host.hooks[SPEC_HOOK_PRESTART] = &hook_fact;
        return request_judge(&q);
}

struct result {
        int r;
        uint64_t caps;
        size_t n_env;
        int64_t pids, memory, swap, quota;
        uint64_t nofile, fsize;
        bool is_readonly, setuid_files, user_namespaces;
        uint32_t max_user_namespaces;
};

static uint64_t rlimit(int resource, uint64_t otherwise)
{
        const struct spec_process *process = &q.sandbox.spec.process;

        for (size_t i = 0; i < process->n_rlimits; i++) {
                if (process->rlimits[i].resource == resource)
                        return process->rlimits[i].hard;
        }
        return otherwise;
}

static int64_t number(struct spec_number value)
{
        return value.is_given && value.value > 0 ? value.value : INT64_MAX;
}

static struct result result_under(const struct policy_profile *profile, const char *place, const char *hook_path)
{
        struct result result = { .r = judge_under(profile, place, hook_path) };
        const struct spec_resources *resources = &q.sandbox.spec.linux_.resources;

        if (result.r == 0)
                result = (struct result){
                        0, q.sandbox.spec.process.caps.bounding, q.sandbox.spec.process.n_env, number(resources->pids_limit),
                        number(resources->memory.limit), number(resources->memory.swap), number(resources->cpu.quota_us),
                        rlimit(RLIMIT_NOFILE, 5000), rlimit(RLIMIT_FSIZE, 5000), q.sandbox.spec.is_root_readonly,
                        q.sandbox.seccomp_setuid_files, q.sandbox.seccomp_user_namespaces, q.sandbox.max_user_namespaces,
                };
        request_free(&q);
        return result;
}

static void gives_no_more(const struct result *less, const struct result *more)
{
        if (more->r < 0)
                cr_assert_lt(less->r, 0);
        if (less->r < 0)
                return;
        cr_assert_eq(less->caps & ~more->caps, 0);
        cr_assert_leq(less->n_env, more->n_env);
        cr_assert_leq(less->pids, more->pids);
        cr_assert_leq(less->memory, more->memory);
        cr_assert_leq(less->swap, more->swap);
        cr_assert_leq(less->quota, more->quota);
        cr_assert_leq(less->nofile, more->nofile);
        cr_assert_leq(less->fsize, more->fsize);
        cr_assert(less->is_readonly || !more->is_readonly);
        cr_assert(!less->setuid_files || more->setuid_files);
        cr_assert(!less->user_namespaces || more->user_namespaces);
        cr_assert_leq(less->max_user_namespaces, more->max_user_namespaces);
}

Test(policy_profile, two_together_are_within_each)
{
        for (seed = 0; seed < 4000000000u; seed += 1000003u) {
                struct arena arena = { 0 };
                uint32_t kept = seed;
                struct policy_profile a = any_profile(&arena), b = any_profile(&arena), both, again;

                cr_assert_eq(policy_profile_meet(&arena, &a, &b, &both), 0);
                is_within(&both, &a);
                is_within(&both, &b);
                /* Nothing is lost by asking twice. */
                cr_assert_eq(policy_profile_meet(&arena, &both, &a, &again), 0);
                is_within(&again, &both);
                is_within(&both, &again);
                arena_free(&arena);
                seed = kept;
        }
}

Test(policy_profile, requests_get_no_more_under_two_than_under_each)
{
        size_t n_passed = 0, n_refused = 0;

        for (unsigned round = 0; round < 3000; round++) {
                struct arena arena = { 0 };
                struct policy_profile a, b, c, two, three;
                struct result of_a, of_b, of_two, of_three;
                const char *place, *path;

                seed = round * 2654435761u;
                a = any_profile(&arena);
                b = any_profile(&arena);
                c = any_profile(&arena);
                place = places[below(N(places))];
                path = below(2) ? "/usr/libexec/oci/hooks.d/x" : "/usr/bin/hook";
                cr_assert_eq(policy_profile_meet(&arena, &a, &b, &two), 0);
                cr_assert_eq(policy_profile_meet(&arena, &two, &c, &three), 0);
                of_a = result_under(&a, place, path);
                of_b = result_under(&b, place, path);
                of_two = result_under(&two, place, path);
                of_three = result_under(&three, place, path);
                gives_no_more(&of_two, &of_a);
                gives_no_more(&of_two, &of_b);
                gives_no_more(&of_three, &of_two);
                /* and no less, where only one bind and one hook decide: both pass, so do they together. (What one strips
                 * of the environment and the other would refuse is refused.) */
                if (of_a.r == 0 && of_b.r == 0 && a.env_on_match == b.env_on_match)
                        cr_assert_eq(of_two.r, 0, "round %u: %s", round, place);
                *(of_two.r == 0 ? &n_passed : &n_refused) += 1;
                arena_free(&arena);
        }
        cr_assert_gt(n_passed, 100, "%zu", n_passed);
        cr_assert_gt(n_refused, 100, "%zu", n_refused);
}

static void two_destinations(struct policy_destination *one, struct policy_destination *other)
{
        *one = *other = (struct policy_destination){ NULL, "10.0.0.0/8", ports, 2, false };
}

Test(policy_profile, a_device_that_both_list_stays)
{
        struct policy_profile a = *policy_profile_builtin("untrusted"), b = a, both;
        struct arena arena = { 0 };

        a.devices = devices;
        a.n_devices = 2;
        b.devices = devices + 1;
        b.n_devices = 2;
        cr_assert_eq(policy_profile_meet(&arena, &a, &b, &both), 0);
        cr_assert_eq(both.n_devices, 1);
        cr_assert_str_eq(both.devices[0].path, "/dev/kvm");
        arena_free(&arena);
}

Test(policy_profile, what_both_let_out_goes_out_and_nothing_else)
{
        struct policy_destination one, other;
        struct policy_profile a = *policy_profile_builtin("untrusted"), b = a, both;
        struct arena arena = { 0 };

        a.egress_allow = &one;
        b.egress_allow = &other;
        a.n_egress_allow = b.n_egress_allow = 1;
        two_destinations(&one, &other);
        cr_assert_eq(policy_profile_meet(&arena, &a, &b, &both), 0);
        cr_assert_eq(both.n_egress_allow, 1);
        cr_assert_eq(both.egress_allow[0].n_ports, 2);
        cr_assert_str_eq(both.egress_allow[0].cidr, "10.0.0.0/8");
        other.is_udp = true;
        cr_assert_eq(policy_profile_meet(&arena, &a, &b, &both), 0);
        cr_assert_eq(both.n_egress_allow, 0);
        one.is_udp = true;
        cr_assert_eq(policy_profile_meet(&arena, &a, &b, &both), 0);
        cr_assert_eq(both.n_egress_allow, 1);
        cr_assert(both.egress_allow[0].is_udp);
        two_destinations(&one, &other);
        other.cidr = "10.1.0.0/16";
        cr_assert_eq(policy_profile_meet(&arena, &a, &b, &both), 0);
        cr_assert_eq(both.n_egress_allow, 0);
        two_destinations(&one, &other);
        other.cidr = NULL;
        other.host = "10.0.0.0/8";
        cr_assert_eq(policy_profile_meet(&arena, &a, &b, &both), 0);
        cr_assert_eq(both.n_egress_allow, 0);
        arena_free(&arena);
}

Test(policy_profile, the_builtin_policy_is_within_the_untrusted_profile_but_for_time_and_number)
{
        struct policy_profile builtin = policy_builtin()->profile;

        builtin.limits[POLICY_LIMIT_WALL] = policy_profile_builtin("untrusted")->limits[POLICY_LIMIT_WALL];
        builtin.limits[POLICY_LIMIT_CONCURRENT] = policy_profile_builtin("untrusted")->limits[POLICY_LIMIT_CONCURRENT];
        is_within(&builtin, policy_profile_builtin("untrusted"));
        is_within(policy_profile_builtin("untrusted"), &builtin);
}

Test(policy_profile, names_tell_what_it_was_made_of)
{
        struct arena arena = { 0 };
        struct policy_profile both;

        cr_assert_eq(policy_profile_meet(&arena, policy_profile_builtin("branch"), policy_profile_builtin("untrusted"), &both), 0);
        cr_assert_str_eq(both.name, "branch+untrusted");
        cr_assert_eq(policy_profile_meet(&arena, policy_profile_builtin("branch"), policy_profile_builtin("branch"), &both), 0);
        cr_assert_str_eq(both.name, "branch");
        arena_free(&arena);
}
