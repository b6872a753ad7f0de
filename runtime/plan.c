/* From a bundle to a plan. Nothing here needs privilege or changes anything. */
#include "runtime/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/text.h"
#include "runtime/host.h"
#include "runtime/lsm.h"
#include "runtime/userns.h"
#include "runtime/zones.h"

/* A name that no other creation has: the time since boot and our pid. */
static const char *make_token(struct arena *arena, const char *id)
{
        struct timespec now;

        clock_gettime(CLOCK_BOOTTIME, &now);
        return arena_format(arena, "%.32s-%llx%x", id,
                            (unsigned long long)now.tv_sec * 1000000000ull + (unsigned long long)now.tv_nsec,
                            (unsigned)getpid());
}

/* systemd would start a slice of any name, one without limits. */
static int plan_slice(struct plan *plan, struct error *err)
{
        const char *parent = plan->sandbox.cgroup_parent, *name = parent == NULL ? NULL : strrchr(parent, '/') + 1;
        const char *mount = plan->host.is_cgroup2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/systemd";
        char path[PATH_MAX];

        if (parent == NULL)
                return 0;
        if (strlen(name) <= 6 || strcmp(name + strlen(name) - 6, ".slice") != 0)
                return error_refuse(err, "cgroupParent", "refused by profile \"%s\" (cgroupParent): --systemd-cgroup needs a slice, "
                                    "which %s is not; name one (policy %s)", plan->sandbox.profile, parent,
                                    plan->sandbox.policy_revision);
        if (snprintf(path, sizeof path, "%s%s", mount, parent) >= (int)sizeof path || access(path, F_OK) < 0)
                return error_refuse(err, "cgroupParent", "refused by profile \"%s\" (cgroupParent): there is no %s%s; start the "
                                    "slice, or name one that there is (policy %s)", plan->sandbox.profile, mount, parent,
                                    plan->sandbox.policy_revision);
        plan->systemd.slice = name;
        return 0;
}

static int plan_cgroups(struct plan *plan, struct arena *arena, struct error *err)
{
        bool is_rootless = plan->host.privilege != HOST_REAL_ROOT;

        if (plan->sandbox.cgroup_parent != NULL)
                return cgroups_plan_below(plan->sandbox.cgroup_parent, plan->id, &plan->spec->linux_.resources, is_rootless, arena,
                                          &plan->cgroups, err);
        return cgroups_plan_grouped(plan->spec->linux_.cgroups_path, plan->sandbox.profile, plan->id,
                                    &plan->spec->linux_.resources, is_rootless, arena, &plan->cgroups, err);
}

int plan_make(const struct plan_request *request, struct arena *arena, struct plan *ret_plan, struct error *err)
{
        struct plan *plan = ret_plan;
        auto_close int bundle_fd = UNSET_FD;
        char resolved[PATH_MAX];
        int r;

        *plan = (struct plan){ .findings = { .arena = arena } };
        plan->id = request->id;
        if (realpath(request->bundle, resolved) == NULL)
                return error_errno(err, errno, "--bundle %s", request->bundle);
        plan->bundle = arena_string(arena, resolved);
        bundle_fd = open(resolved, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (bundle_fd < 0)
                return error_errno(err, errno, "--bundle %s", request->bundle);
        r = text_is_empty(request->config) ?
                    spec_read_bundle(arena, bundle_fd, &plan->asked, &plan->config_text, &plan->config_length, err) :
                    spec_read_file(arena, request->config, &plan->asked, &plan->config_text, &plan->config_length, err);
        if (r < 0)
                return r;
        if (request->is_run) {
                r = spec_check_program(&plan->asked, "run", err);
                if (r < 0)
                        return r;
        }
        r = mounts_check_number(&plan->asked, err);
        if (r < 0)
                return r;
        r = host_gather(&plan->asked, plan->bundle, arena, &plan->host, err);
        if (r < 0)
                return r;
        if (plan->host.rootfs_real_path == NULL)
                return error_errno(err, plan->host.rootfs_error == 0 ? ENOENT : plan->host.rootfs_error,
                                   "config.json: root.path: invalid rootfs: stat %s",
                                   plan->asked.root_path == NULL ? "(not given)" : plan->asked.root_path);
        plan->rootfs = plan->host.rootfs_real_path;
        r = policy_for_create(&request->policy, &plan->asked, arena, &plan->policy, err);
        if (r < 0)
                return r;
        host_gather_rlimits(&plan->policy, &plan->host);
        plan->host.is_systemd_cgroup = request->is_systemd_cgroup;
        if (plan->policy.profile.landlock_tcp_ports)
                plan->host.landlock_abi = landlock_abi();
        r = zones_gather(request->root, &plan->asked, arena, &plan->host, err);
        if (r < 0)
                return r;
        r = host_gather_devices(&plan->policy, arena, &plan->host, err);
        if (r == 0)
                r = host_gather_network(&plan->policy, arena, &plan->host, err);
        if (r < 0)
                return r;
        if (request->no_pivot)
                findings_add(&plan->findings, FINDING_RECORDED, "--no-pivot", "rootfs", "no pivot_root(2)",
                             "pivot_root(2) all the same: without it the host's root stays below the container's");
        if (request->no_new_keyring)
                findings_add(&plan->findings, FINDING_RECORDED, "--no-new-keyring", "namespaces.keyring", "the caller's session keyring",
                             "a new one all the same: the caller's holds keys of the host");
        r = harden(&plan->asked, &plan->policy, &plan->host, arena, &plan->sandbox, &plan->findings, err);
        if (r < 0)
                return r;
        plan->spec = &plan->sandbox.spec;
        r = namespaces_plan_make(arena, plan->spec, &plan->namespaces, err);
        if (r < 0)
                return r;
        for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS; kind++)
                plan->namespaces.inodes[kind] = plan->host.namespaces[kind].inode;
        if (request->is_cgroup_disabled) {
                if (plan->sandbox.cgroup_parent != NULL)
                        return error_refuse(err, "cgroupParent", "refused by profile \"%s\" (cgroupParent): --cgroup-manager "
                                            "disabled makes no cgroup, which would lie below %s; leave out the option (policy %s)",
                                            plan->sandbox.profile, plan->sandbox.cgroup_parent, plan->sandbox.policy_revision);
                plan->cgroups = (struct cgroups_plan){ .is_disabled = true, .is_v2 = plan->host.is_cgroup2,
                                                       .resources = &plan->spec->linux_.resources };
        } else if (request->is_systemd_cgroup) {
                plan->cgroups = (struct cgroups_plan){ .is_v2 = plan->host.is_cgroup2,
                                                       .resources = &plan->spec->linux_.resources };
                r = systemd_plan_make(plan->spec->linux_.cgroups_path, plan->id, request->root,
                                      plan->host.privilege != HOST_REAL_ROOT, arena, &plan->systemd, err);
                if (r < 0)
                        return r;
                r = plan_slice(plan, err);
                if (r < 0)
                        return r;
                plan->systemd.annotations = plan->sandbox.systemd_properties;
                plan->systemd.n_annotations = plan->sandbox.n_systemd_properties;
        } else {
                r = plan_cgroups(plan, arena, err);
                if (r < 0)
                        return r;
        }
        /* A limit that somebody asked for needs its controller; one that only the built-in policy fills in is left out, and
         * recorded, where the host has none. */
        plan->cgroups.demanded = &plan->sandbox.demanded;
        r = intelrdt_plan_make(plan->spec, plan->id, arena, &plan->intelrdt, err);
        if (r < 0)
                return r;
        r = restack_plan_make(arena, &(struct restack_request){
                                      .rootfs = plan->rootfs, .is_mapped = plan->sandbox.ids == SANDBOX_IDS_LEASE,
                                      .token = make_token(arena, plan->id), .upper_bytes = plan->sandbox.rootfs_upper_bytes,
                                      .is_unprivileged = plan->host.privilege != HOST_REAL_ROOT,
                              }, &plan->restack, err);
        if (r < 0 || (plan->spec->linux_.rootfs_propagation & MS_SLAVE) == 0)
                return r;
        plan->restack.is_slave = !plan->restack.is_overlay;
        if (plan->restack.is_overlay)
                findings_add(&plan->findings, FINDING_TIGHTENED, "linux.rootfsPropagation", "rootfs.propagation", "slave",
                             "private: the rootfs is an overlay of its own");
        return 0;
}

/* "a b" of ids of the container, in ids of the host: the host owns the network namespace, so it reads the file so. */
static const char *translate_group_range(const struct plan *plan, struct arena *arena, const char *value)
{
        unsigned long long first, last;
        int64_t outside;

        if (sscanf(value, "%llu %llu", &first, &last) != 2 || first > last)
                return value;
        for (size_t i = 0; i < plan->n_gid_map; i++) {
                const struct spec_id_map *map = &plan->gid_map[i];

                if (first < map->inside || first - map->inside >= map->size)
                        continue;
                outside = (int64_t)map->outside + (int64_t)(first - map->inside);
                if (last - map->inside >= map->size)
                        last = (unsigned long long)map->inside + map->size - 1;
                return arena_format(arena, "%lld %lld", (long long)outside, (long long)(outside + (int64_t)(last - first)));
        }
        return value;
}

static int plan_sysctls(struct plan *plan, struct arena *arena, struct error *err)
{
        size_t n = plan->spec->linux_.n_sysctl;
        struct plan_sysctl *sysctls = arena_array(arena, n + 1, sizeof *sysctls);
        char *path;

        if (sysctls == NULL)
                return error_errno(err, ENOMEM, "linux.sysctl");
        for (size_t i = 0; i < n; i++) {
                const struct spec_pair *pair = &plan->spec->linux_.sysctl[i];

                path = arena_format(arena, "sys/%s", pair->key);
                if (path == NULL)
                        return error_errno(err, ENOMEM, "linux.sysctl");
                /* sysctl.d(5): where the first separator is a dot, dots and slashes change places. */
                if (strchr(pair->key, '/') == NULL || (strchr(pair->key, '.') != NULL &&
                                                       strchr(pair->key, '.') < strchr(pair->key, '/')))
                        for (char *p = path + strlen("sys/"); *p != '\0'; p++)
                                *p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
                if (strstr(path, "..") != NULL)
                        return error_set(err, EINVAL, "linux.sysctl: \"%s\" is no name of a sysctl", pair->key);
                sysctls[i] = (struct plan_sysctl){ pair->key, path, pair->value };
                if (strcmp(path, "sys/net/ipv4/ping_group_range") == 0)
                        sysctls[i].value = translate_group_range(plan, arena, pair->value);
        }
        plan->sysctls = sysctls;
        plan->n_sysctls = n;
        return 0;
}

int plan_set_ids(struct plan *plan, struct arena *arena, uint32_t lease_base, uint32_t lease_size, struct error *err)
{
        const struct spec *spec = plan->spec;
        struct spec_id_map *map;
        int64_t uid, gid;
        int r;

        if (plan->sandbox.ids == SANDBOX_IDS_LEASE) {
                map = arena_new(arena, struct spec_id_map);
                if (map == NULL)
                        return error_errno(err, ENOMEM, "ids");
                *map = (struct spec_id_map){ 0, lease_base, lease_size };
                plan->uid_map = plan->gid_map = map;
                plan->n_uid_map = plan->n_gid_map = 1;
        } else {
                plan->uid_map = plan->sandbox.uid_map;
                plan->n_uid_map = plan->sandbox.n_uid_map;
                plan->gid_map = plan->sandbox.gid_map;
                plan->n_gid_map = plan->sandbox.n_gid_map;
        }
        r = lsm_check_mount_label(spec->linux_.mount_label, err);
        if (r < 0)
                return r;
        r = mounts_plan_make(arena, &plan->sandbox, plan->bundle, plan->uid_map, plan->n_uid_map, plan->gid_map, plan->n_gid_map,
                             &plan->mounts, err);
        if (r < 0)
                return r;
        plan->mounts.is_cgroup2 = plan->cgroups.is_v2;
        plan->mounts.is_proc_allowed = plan->sandbox.max_namespaces > 0;
        if (!plan->cgroups.is_v2 && !plan->cgroups.is_disabled) {
                struct mount_hierarchy *hierarchies = arena_array(arena, plan->cgroups.n_paths, sizeof *hierarchies);
                const char *const top = "/sys/fs/cgroup/";
                size_t n = 0;

                if (hierarchies == NULL)
                        return error_errno(err, ENOMEM, "cgroups");
                for (size_t i = 0; i < plan->cgroups.n_paths; i++) {
                        const char *path = plan->cgroups.paths[i], *name = path + strlen(top);

                        if (!text_starts_with(path, top))
                                continue;
                        hierarchies[n++] = (struct mount_hierarchy){
                                arena_string_n(arena, name, strcspn(name, "/")), path };
                }
                plan->mounts.hierarchies = hierarchies;
                plan->mounts.n_hierarchies = n;
        }
        r = devices_plan_make(arena, spec, plan->uid_map, plan->n_uid_map, plan->gid_map, plan->n_gid_map,
                              plan->host.privilege != HOST_REAL_ROOT, &plan->devices, err);
        if (r < 0)
                return r;
        r = process_plan_make(arena, &spec->process, &plan->process, err);
        if (r < 0)
                return r;
        r = lsm_plan(arena, &spec->process, &plan->process, err);
        if (r < 0)
                return r;
        uid = userns_map_id(plan->uid_map, plan->n_uid_map, spec->process.user.uid);
        gid = userns_map_id(plan->gid_map, plan->n_gid_map, spec->process.user.gid);
        if (uid < 0)
                return error_set(err, EINVAL, "process.user.uid: %u is not mapped: the container has %u ids; "
                                 "ids.size in the policy file sets a larger range", spec->process.user.uid, plan->uid_map[0].size);
        if (gid < 0)
                return error_set(err, EINVAL, "process.user.gid: %u is not mapped: the container has %u ids; "
                                 "ids.size in the policy file sets a larger range", spec->process.user.gid, plan->gid_map[0].size);
        plan->process.stdio_uid = (uint32_t)uid;
        plan->process.stdio_gid = (uint32_t)gid;
        landlock_plan_make(&plan->sandbox, &plan->host, plan->uid_map, plan->n_uid_map, &plan->landlock);
        plan->process.is_abstract_scoped = plan->landlock.is_scoped;
        plan->process.tcp_ports = plan->sandbox.tcp_ports;
        plan->process.is_init = true;
        plan->process.can_set_groups = userns_can_setgroups();
        plan->process.max_user_namespaces = plan->sandbox.max_user_namespaces;
        plan->process.max_inotify_instances = plan->sandbox.max_inotify_instances;
        plan->process.max_namespaces = plan->sandbox.max_namespaces;
        plan->process.start_hooks = spec->hooks[SPEC_HOOK_START_CONTAINER];
        plan->process.has_personality = spec->linux_.has_personality;
        plan->process.personality = spec->linux_.personality;
        r = process_plan_memory_policy(&plan->process, &spec->linux_.memory_policy, err);
        if (r < 0)
                return r;
        return plan_sysctls(plan, arena, err);
}
