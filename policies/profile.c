/* Two profiles made into one that gives no more than either. What is a set of things allowed is intersected, what is a
 * list of things denied is united; rules of several steps (mounts, hooks) are kept side by side, to be asked one after
 * the other. */
#include "policies/policy.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#define STRICTER(a, b) ((a) > (b) ? (a) : (b))
#define LESS(a, b) ((a) < (b) ? (a) : (b))

static const char *const limit_names[POLICY_LIMITS] = {
        [POLICY_LIMIT_WALL] = "wall",           [POLICY_LIMIT_MEMORY] = "memory",
        [POLICY_LIMIT_SWAP] = "swap",           [POLICY_LIMIT_PIDS] = "pids",
        [POLICY_LIMIT_CPUS] = "cpus",           [POLICY_LIMIT_IO_WEIGHT] = "ioWeight",
        [POLICY_LIMIT_NOFILE] = "nofile",       [POLICY_LIMIT_CORE] = "core",
        [POLICY_LIMIT_FSIZE] = "fsize",         [POLICY_LIMIT_SCRATCH] = "scratch",
        [POLICY_LIMIT_CONCURRENT] = "concurrent", [POLICY_LIMIT_GRACE] = "grace",
};

const char *policy_limit_name(enum policy_limit limit)
{
        return limit < POLICY_LIMITS ? limit_names[limit] : NULL;
}

uint64_t policy_limit_most(const struct policy_profile *profile, enum policy_limit limit)
{
        return profile->limits[limit].is_set ? profile->limits[limit].value : UINT64_MAX;
}

/* Setting security.capability needs CAP_SETFCAP over the file's ids (cap_convert_nscap()), and a system call filter
 * cannot see the attribute's name: the capability is what can be kept away. */
uint64_t policy_profile_caps(const struct policy_profile *profile)
{
        return profile->seccomp_setuid_files ? profile->caps : profile->caps & ~(UINT64_C(1) << CAP_SETFCAP);
}

/* `build` is within both others, which have nothing else in common. */
static enum policy_seccomp_base stricter_base(enum policy_seccomp_base a, enum policy_seccomp_base b)
{
        return a == b ? a : POLICY_SECCOMP_BASE_BUILD;
}

static bool holds(const struct policy_texts *list, const char *text)
{
        for (size_t i = 0; i < list->n; i++) {
                if (strcmp(list->items[i], text) == 0)
                        return true;
        }
        return false;
}

static int unite(struct arena *arena, const struct policy_texts *a, const struct policy_texts *b,
                 struct policy_texts *ret_list)
{
        const char **items = arena_array(arena, a->n + b->n + 1, sizeof *items);
        size_t n = a->n;

        if (items == NULL)
                return -ENOMEM;
        if (a->n > 0)
                memcpy(items, a->items, a->n * sizeof *items);
        for (size_t i = 0; i < b->n; i++) {
                if (!holds(a, b->items[i]))
                        items[n++] = b->items[i];
        }
        *ret_list = (struct policy_texts){ items, n };
        return 0;
}

/* The links of @a, then those of @b: whatever asks walks them all. */
/* Those that both list. */
static int intersect(struct arena *arena, const struct policy_texts *a, const struct policy_texts *b,
                     struct policy_texts *ret_both)
{
        const char **items = arena_array(arena, a->n + 1, sizeof *items);
        size_t n = 0;

        if (items == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < a->n; i++) {
                for (size_t j = 0; j < b->n; j++) {
                        if (strcmp(a->items[i], b->items[j]) == 0) {
                                items[n++] = a->items[i];
                                break;
                        }
                }
        }
        *ret_both = (struct policy_texts){ items, n };
        return 0;
}

static int meet_mounts(struct arena *arena, const struct policy_mounts *a, const struct policy_mounts *b,
                       struct policy_mounts *ret_mounts)
{
        struct policy_mounts *rest = arena_new(arena, struct policy_mounts);
        int r = 0;

        if (rest == NULL)
                return -ENOMEM;
        if (a->also != NULL)
                r = meet_mounts(arena, a->also, b, rest);
        else
                *rest = *b;
        *ret_mounts = *a;
        ret_mounts->also = rest;
        return r;
}

static int meet_hooks(struct arena *arena, const struct policy_hooks *a, const struct policy_hooks *b,
                      struct policy_hooks *ret_hooks)
{
        struct policy_hooks *rest = arena_new(arena, struct policy_hooks);
        int r = 0;

        if (rest == NULL)
                return -ENOMEM;
        if (a->also != NULL)
                r = meet_hooks(arena, a->also, b, rest);
        else
                *rest = *b;
        *ret_hooks = *a;
        ret_hooks->also = rest;
        return r;
}

static bool is_same_device(const struct policy_device *a, const struct policy_device *b)
{
        return strcmp(a->path, b->path) == 0 && a->type == b->type && a->major == b->major && a->minor == b->minor;
}

static int meet_devices(struct arena *arena, const struct policy_profile *a, const struct policy_profile *b,
                        struct policy_profile *profile)
{
        struct policy_device *devices = arena_array(arena, a->n_devices + 1, sizeof *devices);
        size_t n = 0;

        if (devices == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < a->n_devices; i++) {
                for (size_t j = 0; j < b->n_devices; j++) {
                        if (is_same_device(&a->devices[i], &b->devices[j])) {
                                devices[n++] = a->devices[i];
                                break;
                        }
                }
        }
        profile->devices = devices;
        profile->n_devices = n;
        return 0;
}

static bool is_same_text(const char *a, const char *b)
{
        return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The ports that both have, of destinations that are written alike: a wider network that holds a narrower one counts
 * for nothing, which is less than it could be and never more. */
static int meet_egress(struct arena *arena, const struct policy_profile *a, const struct policy_profile *b,
                       struct policy_profile *profile)
{
        struct policy_destination *allow = arena_array(arena, a->n_egress_allow * b->n_egress_allow + 1, sizeof *allow);
        size_t n = 0;

        if (allow == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < a->n_egress_allow; i++) {
                for (size_t j = 0; j < b->n_egress_allow; j++) {
                        const struct policy_destination *x = &a->egress_allow[i], *y = &b->egress_allow[j];
                        struct policy_ports *ports;
                        size_t n_ports = 0;

                        if (!is_same_text(x->host, y->host) || !is_same_text(x->cidr, y->cidr) ||
                            x->is_udp != y->is_udp)
                                continue;
                        ports = arena_array(arena, x->n_ports * y->n_ports + 1, sizeof *ports);
                        if (ports == NULL)
                                return -ENOMEM;
                        for (size_t k = 0; k < x->n_ports; k++) {
                                for (size_t l = 0; l < y->n_ports; l++) {
                                        struct policy_ports both = { STRICTER(x->ports[k].first, y->ports[l].first),
                                                                     LESS(x->ports[k].last, y->ports[l].last) };

                                        if (both.first <= both.last)
                                                ports[n_ports++] = both;
                                }
                        }
                        if (n_ports > 0)
                                allow[n++] = (struct policy_destination){ x->host, x->cidr, ports, n_ports, x->is_udp };
                }
        }
        profile->egress_allow = allow;
        profile->n_egress_allow = n;
        profile->egress_proxy = is_same_text(a->egress_proxy, b->egress_proxy) ? a->egress_proxy : NULL;
        return 0;
}

/* Where both want a statement it is one, of all outputs. */
static int meet_evidence(struct arena *arena, const struct policy_evidence *a, const struct policy_evidence *b,
                         struct policy_evidence *ret_evidence)
{
        *ret_evidence = a->folder != NULL ? *a : *b;
        if (a->folder == NULL || b->folder == NULL)
                return 0;
        if (ret_evidence->signer == NULL)
                ret_evidence->signer = b->signer;
        return unite(arena, &a->outputs, &b->outputs, &ret_evidence->outputs);
}

static struct policy_limit_value meet_limit(const struct policy_limit_value *a, const struct policy_limit_value *b)
{
        struct policy_limit_value limit;

        if (!a->is_set)
                return *b;
        if (!b->is_set)
                return *a;
        limit = a->value <= b->value ? *a : *b;
        limit.is_demanded = a->is_demanded || b->is_demanded;
        return limit;
}

int policy_profile_meet(struct arena *arena, const struct policy_profile *a, const struct policy_profile *b,
                        struct policy_profile *ret_profile)
{
        struct policy_profile profile = {
                .name = strcmp(a->name, b->name) == 0 ? a->name : arena_format(arena, "%s+%s", a->name, b->name),
                .caps = a->caps & b->caps,
                .seccomp_base = stricter_base(a->seccomp_base, b->seccomp_base),
                .seccomp_user_namespaces = a->seccomp_user_namespaces && b->seccomp_user_namespaces,
                .seccomp_setuid_files = a->seccomp_setuid_files && b->seccomp_setuid_files,
                .seccomp_explain = a->seccomp_explain || b->seccomp_explain,
                .rootfs = STRICTER(a->rootfs, b->rootfs),
                .egress_mode = STRICTER(a->egress_mode, b->egress_mode),
                .ingress = STRICTER(a->ingress, b->ingress),
                .landlock_tcp_ports = a->landlock_tcp_ports || b->landlock_tcp_ports,
                .env_on_match = STRICTER(a->env_on_match, b->env_on_match),
                .allow_create_container_hooks = a->allow_create_container_hooks && b->allow_create_container_hooks,
        };
        int r = profile.name == NULL ? -ENOMEM : 0;

        profile.cgroup_parent = a->cgroup_parent != NULL ? a->cgroup_parent : b->cgroup_parent;
        profile.has_other_cgroup_parent = a->has_other_cgroup_parent || b->has_other_cgroup_parent ||
                                          (a->cgroup_parent != NULL && b->cgroup_parent != NULL &&
                                           strcmp(a->cgroup_parent, b->cgroup_parent) != 0);
        for (size_t i = 0; i < POLICY_LIMITS; i++)
                profile.limits[i] = meet_limit(&a->limits[i], &b->limits[i]);
        if (r == 0)
                r = meet_mounts(arena, &a->mounts, &b->mounts, &profile.mounts);
        if (r == 0)
                r = meet_hooks(arena, &a->hooks, &b->hooks, &profile.hooks);
        if (r == 0)
                r = meet_devices(arena, a, b, &profile);
        if (r == 0)
                r = meet_egress(arena, a, b, &profile);
        if (r == 0)
                r = unite(arena, &a->env_deny, &b->env_deny, &profile.env_deny);
        if (r == 0)
                r = meet_evidence(arena, &a->evidence, &b->evidence, &profile.evidence);
        if (r == 0)
                r = intersect(arena, &a->systemd_properties, &b->systemd_properties, &profile.systemd_properties);
        if (r == 0)
                *ret_profile = profile;
        return r;
}
