/* Each rule twice: with a request on which it acts, and with the same request changed until it lies within policy, of which
 * the rule says nothing any more. tests/tools/rules.py holds this table to the code: what acts there has a row here, or is
 * named in tests/rules.txt with the test that tries it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "policies/landlock.h"
#include "tests/unit/policies/request.h"

#define BIT(number) (UINT64_C(1) << (number))
#define MB (1 << 20)

static struct request q;
static struct policy_profile *p;
static struct spec_linux *l;
static struct spec_process *process;

/* ---- pieces of requests */

static const char *tokens[1];
static const struct policy_exception exception = { .id = "EX-9", .allow = { tokens, 1 }, .expires = "2027-01-31" };

static void except(const char *token)
{
        tokens[0] = token;
        q.policy.exceptions = &exception;
        q.policy.n_exceptions = 1;
}

static void limit(enum policy_limit which, uint64_t value)
{
        p->limits[which] = (struct policy_limit_value){ true, true, value };
}

static struct spec_number given(int64_t value)
{
        return (struct spec_number){ true, value };
}

static struct host_namespace *join(enum spec_ns kind, bool is_host)
{
        l->namespaces[kind] = (struct spec_namespace){ .is_given = true, .path = "/proc/7/ns/x" };
        q.host.namespaces[kind] =
                (struct host_namespace){ .is_known = true, .is_right_type = true, .inode = 9, .is_host = is_host };
        return &q.host.namespaces[kind];
}

static struct host_source *bind(const char *source, mode_t mode)
{
        struct host_source *fact = request_bind(&q, source, "/work");

        request_last(&q)->attr_set = request_last(&q)->attr_set_recursive = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
        fact->mode = mode;
        return fact;
}

static void tmpfs(const char *target)
{
        struct spec_mount *mount = request_mount(&q, SPEC_MOUNT_TMPFS, target);

        mount->fstype = mount->source = "tmpfs";
        mount->attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
}

static void set_rlimit(int resource, const char *name, uint64_t value)
{
        static struct spec_rlimit one;

        one = (struct spec_rlimit){ resource, name, value, value };
        process->rlimits = &one;
        process->n_rlimits = 1;
}

static void set_pair(const struct spec_pair **list, size_t *n, const char *key, const char *value)
{
        q.pairs[0] = (struct spec_pair){ key, value };
        *list = q.pairs;
        *n = 1;
}

static void unified(const char *key, const char *value)
{
        q.host.is_cgroup2 = true;
        set_pair(&l->resources.unified, &l->resources.n_unified, key, value);
}

static struct spec_hook hook = { .path = "/usr/bin/hook" };
static struct host_hook hook_fact;

static void set_hook(enum spec_hook_kind kind)
{
        hook_fact = (struct host_hook){ .is_root_only = true, .real_path = "/usr/bin/hook" };
        q.spec.hooks[kind] = (struct spec_hook_list){ &hook, 1 };
        q.host.hooks[kind] = &hook_fact;
}

static struct spec_device fuse = {
        .path = "/dev/fuse", .type = S_IFCHR, .major = 10, .minor = 229, .has_mode = true, .mode = 0666
};
static const struct policy_device fuse_listed = { "/dev/fuse", S_IFCHR, 10, 229 };
static const struct host_device fuse_there = { "/dev/fuse", S_IFCHR, 10, 229 };

static void add_device(const char *path, mode_t type, uint32_t major_, uint32_t minor_)
{
        fuse.path = path;
        fuse.type = type;
        fuse.major = major_;
        fuse.minor = minor_;
        l->devices = &fuse;
        l->n_devices = 1;
}

static struct spec_id_map map;
static struct host_ids whose;

static void map_to(uint32_t outside)
{
        map = (struct spec_id_map){ 0, outside, 65536 };
        whose = (struct host_ids){ 0 };
        l->namespaces[SPEC_NS_USER].is_given = true;
        l->uid_map = l->gid_map = &map;
        l->n_uid_map = l->n_gid_map = 1;
        q.host.uid_map_ids = q.host.gid_map_ids = &whose;
}

static const struct policy_ports https[] = { { 443, 443 } }, many[] = { { 1, 5000 } };
static struct policy_destination destination;

static void allow(const char *cidr, const struct policy_ports *ports)
{
        destination = (struct policy_destination){ NULL, cidr, ports, 1, false };
        p->egress_allow = &destination;
        p->n_egress_allow = 1;
}

static const char *const notify_names[] = { "mkdir" };
static const struct spec_seccomp_rule notify = { .names = notify_names, .n_names = 1, .action = SPEC_SECCOMP_NOTIFY };
static struct host_listener listener;

static void set_agent(void)
{
        listener = (struct host_listener){ .is_socket = true, .is_root_only = true };
        l->seccomp = (struct spec_seccomp){ .is_given = true,
                                            .default_action = SPEC_SECCOMP_ALLOW,
                                            .rules = &notify,
                                            .n_rules = 1,
                                            .listener_path = "/run/agent.sock" };
        q.host.listener = &listener;
}

/* ---- the rules: with @within the same request, as it may be */

static void caps_cut(bool within)
{
        uint64_t asked = within ? BIT(CAP_CHOWN) : BIT(CAP_CHOWN) | BIT(CAP_SYS_ADMIN);

        process->caps =
                (struct spec_caps){ .is_given = true, .effective = asked, .bounding = asked, .permitted = asked };
}

static void caps_ambient(bool within)
{
        caps_cut(true);
        process->caps.inheritable = within ? 0 : BIT(CAP_CHOWN);
}

static void caps_excepted(bool within)
{
        caps_ambient(within);
        except("capabilities.inheritable");
}

static void new_privileges(bool within)
{
        process->no_new_privileges = within;
}

static void new_privileges_excepted(bool within)
{
        new_privileges(within);
        except("noNewPrivileges");
}

static const char *const properties[] = { "After" };
static const struct spec_pair property = { "org.systemd.property.TimeoutStopUSec", "uint64 1" },
                              property_listed = { "org.systemd.property.After", "['a.service']" };

static void property_left_out(bool within)
{
        q.host.is_systemd_cgroup = true;
        q.spec.annotations = within ? &property_listed : &property;
        q.spec.n_annotations = 1;
        p->systemd_properties = (struct policy_texts){ properties, 1 };
}

static void cgroup_parent(bool within)
{
        p->cgroup_parent = within ? NULL : "/ci.slice";
}

static void cgroup_parents(bool within)
{
        p->cgroup_parent = "/ci.slice";
        p->has_other_cgroup_parent = !within;
}

static const char *const secrets[] = { "SECRET_*" }, *const others[] = { "OTHER_*" };

static void env_strip(bool within)
{
        p->env_deny = (struct policy_texts){ within ? others : secrets, 1 };
}

static void env_refuse(bool within)
{
        env_strip(within);
        p->env_on_match = POLICY_ENV_REFUSE;
}

static void cgroup_path(bool within)
{
        l->cgroups_path = within ? "/builds/x" : "/builds/../x";
}
static void cgroup_file(bool within)
{
        unified(within ? "memory.high" : "cgroup.procs", within ? "1000000" : "1");
}

static void device_asked(bool within)
{
        add_device("/dev/fuse", S_IFCHR, 10, 229);
        p->devices = &fuse_listed;
        p->n_devices = within;
}

static void device_made(bool within)
{
        device_asked(true);
        if (within)
                l->n_devices = 0;
}

static void device_misplaced(bool within)
{
        add_device(within ? "/dev/zero" : "/srv/zero", S_IFCHR, 1, 5);
}

static void device_excepted(bool within)
{
        add_device(within ? "/dev/zero" : "/dev/fuse", S_IFCHR, within ? 1 : 10, within ? 5 : 229);
        except("device:/dev/fuse");
        q.host.devices = &fuse_there;
        q.host.n_devices = 1;
}

static void no_network_rules(bool within)
{
        q.host.has_nf_tables = within;
}

static void hosts_network(bool within)
{
        l->namespaces[SPEC_NS_NET].is_given = within;
        except("network.host");
}

/* The one namespace that is not closed is the host's, and the finding says so. */
static void network_closed(bool within)
{
        hosts_network(!within);
}

static void closed_destination(bool within)
{
        allow(within ? "203.0.113.0/24" : "169.254.169.254/32", https);
}

static struct host_name nowhere, somewhere;
static const struct host_address somewhere_at = { false, { 203, 0, 113, 5 } };

static void audited_destination(bool within)
{
        p->egress_mode = POLICY_EGRESS_AUDIT;
        allow(NULL, https);
        destination.host = "packages.example.org";
        nowhere = (struct host_name){ .why = "no name server knows it" };
        somewhere = (struct host_name){ &somewhere_at, 1, NULL };
        q.host.egress_names = within ? &somewhere : &nowhere;
}

static void mixed_destination(bool within)
{
        static const struct host_address mixed_at[] = { { false, { 203, 0, 113, 5 } },
                                                        { false, { 169, 254, 169, 254 } } };

        audited_destination(true);
        p->egress_mode = POLICY_EGRESS_DENY;
        somewhere = (struct host_name){ mixed_at, within ? 1 : 2, NULL };
}

static void closed_proxy(bool within)
{
        p->egress_proxy = within ? "203.0.113.5:3128" : "169.254.169.254:3128";
}

static void proxy_of_the_request(bool within)
{
        static char path[] = "PATH=/bin", proxy[] = "http_proxy=http://elsewhere:1", other[] = "home_proxy=x";
        static char *env[] = { path, proxy, NULL };

        env[1] = within ? other : proxy;
        process->env = env;
        p->egress_proxy = "203.0.113.5:3128";
}

static void hook_of_others(bool within)
{
        set_hook(SPEC_HOOK_PRESTART);
        hook_fact.is_root_only = within;
}

static const char *const hooks_listed[] = { "/usr/bin/hook" }, *const hooks_of_others[] = {
        "/usr/libexec/oci/hooks.d/"
};

static void hook_not_listed(bool within)
{
        set_hook(SPEC_HOOK_PRESTART);
        p->hooks.is_limited = true;
        p->hooks.allow_paths = (struct policy_texts){ within ? hooks_listed : hooks_of_others, 1 };
}

static void hook_excepted(bool within)
{
        hook_not_listed(within);
        except("hook:/usr/bin/hook");
}

static void hook_in_the_image(bool within)
{
        set_hook(within ? SPEC_HOOK_CREATE_RUNTIME : SPEC_HOOK_CREATE_CONTAINER);
}

static void hook_in_the_image_excepted(bool within)
{
        hook_in_the_image(within);
        except("hooks.createContainer");
}

static void range_leased(bool within)
{
        if (within)
                map_to(1000000);
}

static void map_beside_a_joined_one(bool within)
{
        struct host_namespace *joined = join(SPEC_NS_USER, false);

        map_to(1000000);
        joined->uid_map = joined->gid_map = &map;
        joined->n_uid_map = joined->n_gid_map = 1;
        l->namespaces[SPEC_NS_USER].path = "/proc/7/ns/user";
        if (within)
                l->n_uid_map = l->n_gid_map = 0;
}

static void two_pods(bool within)
{
        q.pairs[0] = (struct spec_pair){ "io.kubernetes.cri.sandbox-id", "one" };
        q.pairs[1] = (struct spec_pair){ "io.kubernetes.cri-o.SandboxID", within ? "one" : "two" };
        q.spec.annotations = q.pairs;
        q.spec.n_annotations = 2;
}

static void map_of_root(bool within)
{
        map_to(within ? 1000000 : 0);
}

static void map_of_users(bool within)
{
        map_to(1000000);
        if (!within)
                whose = (struct host_ids){ .user = "ada", .id = 1000001 };
}

static void map_excepted(bool within)
{
        map_of_users(within);
        except("ids:1000000-1065535");
}

static void ingress_open(bool within)
{
        p->ingress = within ? POLICY_INGRESS_ESTABLISHED : POLICY_INGRESS_ANY;
}

static void rdt_asked(bool within)
{
        l->intel_rdt.is_given = !within;
}

static void rdt_of_all(bool within)
{
        l->intel_rdt.is_given = !within;
        l->intel_rdt.clos_id = "/";
        l->intel_rdt.mem_bw_schema = "MB:0=10";
}

static void joined_network(bool within)
{
        q.host.landlock_abi = POLICY_LANDLOCK_SCOPE_ABI;
        join(SPEC_NS_NET, true);
        except("network.host");
        if (within)
                l->namespaces[SPEC_NS_NET] = (struct spec_namespace){ .is_given = true };
}

static void joined_network_unscoped(bool within)
{
        joined_network(within);
        q.host.landlock_abi = POLICY_LANDLOCK_SCOPE_ABI - 1;
}

static void ports_held(bool within)
{
        p->landlock_tcp_ports = !within;
        q.host.landlock_abi = POLICY_LANDLOCK_TCP_ABI;
        allow("203.0.113.0/24", https);
}

static void ports_not_held(bool within)
{
        ports_held(within);
        q.host.landlock_abi = POLICY_LANDLOCK_TCP_ABI - 1;
}

static void ports_too_many(bool within)
{
        ports_held(false);
        allow("203.0.113.0/24", within ? https : many);
}

static void core(bool within)
{
        set_rlimit(RLIMIT_CORE, "RLIMIT_CORE", within ? 1 : UINT64_MAX);
}

static void cpus_lowered(bool within)
{
        limit(POLICY_LIMIT_CPUS, 1000);
        l->resources.cpu.period_us = given(100000);
        l->resources.cpu.quota_us = given(within ? 100000 : 200000);
}

static void fsize(bool within)
{
        limit(POLICY_LIMIT_FSIZE, 1000);
        set_rlimit(RLIMIT_FSIZE, "RLIMIT_FSIZE", within ? 1000 : 1001);
}

static void nofile(bool within)
{
        limit(POLICY_LIMIT_NOFILE, 1000);
        set_rlimit(RLIMIT_NOFILE, "RLIMIT_NOFILE", within ? 1000 : 1001);
}

static void io_weight(bool within)
{
        limit(POLICY_LIMIT_IO_WEIGHT, 100);
        l->resources.block.weight = given(within ? 10 : 500);
}

static void memory(bool within)
{
        limit(POLICY_LIMIT_MEMORY, MB);
        l->resources.memory.limit = given(within ? MB : MB + 4096);
}

static void memory_obsolete(bool within)
{
        l->resources.memory.kernel = given(within ? 0 : MB);
}
static void oom_score(bool within)
{
        process->has_oom_score_adj = true;
        process->oom_score_adj = within ? 0 : -1;
}
static void pids(bool within)
{
        l->resources.pids_limit = given(within ? 4096 : 4097);
}
static void nice_value(bool within)
{
        process->scheduler = (struct spec_scheduler){ .is_given = true, .nice = within ? 0 : -1 };
}
static void swap(bool within)
{
        limit(POLICY_LIMIT_SWAP, 0);
        l->resources.memory.limit = given(MB);
        l->resources.memory.swap = given(within ? MB : 2 * MB);
}
static void swap_alone(bool within)
{
        swap(false);
        l->resources.memory.limit = given(within ? 2 * MB : 0);
}
static void wall(bool within)
{
        if (!within)
                limit(POLICY_LIMIT_WALL, 60);
}

static void unconfined(bool within)
{
        process->apparmor_profile = within ? "containers-default" : "unconfined";
}

static void unconfined_label(bool within)
{
        process->selinux_label = within ? "system_u:system_r:container_t:s0:c1,c2" : "system_u:system_r:spc_t:s0";
}

static void unconfined_login(bool within)
{
        process->selinux_label =
                within ? "system_u:system_r:container_t:s0" : "unconfined_u:unconfined_r:unconfined_t:s0";
}

static void cgroup_bind(bool within)
{
        struct host_source *fact = request_bind(&q, "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/systemd");

        fact->fs_magic = CGROUP_SUPER_MAGIC;
        if (within)
                q.spec.n_mounts--;
}

static void no_dev(bool within)
{
        q.mounts[1].target = within ? "/dev" : "/devices";
}

static void mount_flags(bool within)
{
        tmpfs("/scratch");
        request_last(&q)->attr_set = within ? MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV : 0;
}

static void ids_of_a_bind(bool within)
{
        bind("/srv/public", S_IFDIR | 0755)->is_private_folder = within;
}

static const struct spec_id_map own_ids = { 0, 0, 1000 }, others_ids = { 0, 65000, 1000 };

static void ids_of_a_map(bool within)
{
        bind("/srv/data", S_IFDIR | 0755);
        request_last(&q)->is_idmap = true;
        request_last(&q)->uid_map = request_last(&q)->gid_map = within ? &own_ids : &others_ids;
        request_last(&q)->n_uid_map = request_last(&q)->n_gid_map = 1;
}

static void shm_of_the_host(bool within)
{
        request_bind(&q, within ? "/srv/shm" : "/dev/shm", "/dev/shm")->fs_magic = TMPFS_MAGIC;
}

static void shm_excepted(bool within)
{
        shm_of_the_host(within);
        l->namespaces[SPEC_NS_IPC].is_given = false;
        except("ipc.host");
}

static void sysfs_of_the_host(bool within)
{
        q.mounts[2].kind = within ? SPEC_MOUNT_SYSFS : SPEC_MOUNT_BIND;
        if (!within) {
                q.mounts[2].source = "/sys";
                q.sources[2] = (struct host_source){
                        .is_known = true, .real_path = "/sys", .mode = S_IFDIR | 0555, .fs_magic = SYSFS_MAGIC
                };
        }
}

static void procfs_of_the_host(bool within)
{
        q.host.privilege = HOST_ENGINE_ROOT;
        l->namespaces[SPEC_NS_PID].is_given = within;
        except("pid.host");
}

static void mount_options(bool within)
{
        bind("/srv/data", S_IFDIR | 0755);
        request_last(&q)->sb_flags = within ? 0 : MS_SYNCHRONOUS;
}

static void over_proc(bool within)
{
        tmpfs(within ? "/var/proc" : "/proc/acpi");
}
static void over_root(bool within)
{
        tmpfs(within ? "/data" : "/");
}

static void remount(bool within)
{
        struct spec_mount *mount;

        tmpfs("/scratch");
        mount = request_mount(&q, SPEC_MOUNT_TMPFS, within ? "/scratch" : "/elsewhere");
        mount->is_remount = true;
        mount->data = "size=1m";
        mount->attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
}

static void socket_bind(bool within)
{
        bind("/srv/agent", within ? S_IFREG | 0600 : S_IFSOCK | 0600);
}

static void source_denied(bool within)
{
        static const char *const deny[] = { "/srv/secret/**" };

        p->mounts.deny = (struct policy_texts){ deny, 1 };
        bind(within ? "/srv/public" : "/srv/secret/keys", S_IFDIR | 0755);
}

static void source_excepted(bool within)
{
        source_denied(within);
        except("mount:/srv/secret/keys");
}

static void overlay_mount(bool within)
{
        tmpfs("/merged");
        if (!within)
                request_last(&q)->kind = SPEC_MOUNT_OVERLAY;
}

static void no_user(bool within)
{
        l->namespaces[SPEC_NS_USER].is_given = within;
        if (within)
                map_to(1000000);
}
static void no_ipc(bool within)
{
        l->namespaces[SPEC_NS_IPC].is_given = within;
}
static void no_uts(bool within)
{
        l->namespaces[SPEC_NS_UTS].is_given = within;
}
static void no_cgroup(bool within)
{
        l->namespaces[SPEC_NS_CGROUP].is_given = within;
}
static void no_pid(bool within)
{
        l->namespaces[SPEC_NS_PID].is_given = within;
}
static void no_network(bool within)
{
        l->namespaces[SPEC_NS_NET].is_given = within;
}
static void no_mounts(bool within)
{
        l->namespaces[SPEC_NS_MOUNT].is_given = within;
}
static void joined_time(bool within)
{
        join(SPEC_NS_TIME, !within);
}
static void pid_excepted(bool within)
{
        no_pid(within);
        except("pid.host");
}
static void ipc_excepted(bool within)
{
        no_ipc(within);
        except("ipc.host");
}
static void uts_excepted(bool within)
{
        no_uts(within);
        except("uts.host");
}

static void joined_mounts(bool within)
{
        join(SPEC_NS_MOUNT, false);
        except("mount.namespace");
        if (within)
                l->namespaces[SPEC_NS_MOUNT] = (struct spec_namespace){ .is_given = true };
}

static void net_device(bool within)
{
        static const struct spec_net_device device = { "eth1", NULL };

        l->net_devices = &device;
        l->n_net_devices = !within;
}

static const char *masked[64], *readonly[64];

static void copy_paths(const char **into, size_t *n, const char *const *from, size_t n_from)
{
        cr_assert_leq(n_from, 64);
        memcpy(into, from, n_from * sizeof *into);
        *n = n_from;
}

/* Within: an engine that asks for all of them by itself. */
static void paths(bool within)
{
        if (!within)
                return;
        request_passes(&q);
        copy_paths(masked, &l->n_masked_paths, q.sandbox.spec.linux_.masked_paths,
                   q.sandbox.spec.linux_.n_masked_paths);
        copy_paths(readonly, &l->n_readonly_paths, q.sandbox.spec.linux_.readonly_paths,
                   q.sandbox.spec.linux_.n_readonly_paths);
        l->masked_paths = masked;
        l->readonly_paths = readonly;
}

static void rootfs(bool within)
{
        p->rootfs = within ? POLICY_ROOTFS_ENGINE : POLICY_ROOTFS_EPHEMERAL;
}
static void rootfs_of_the_host(bool within)
{
        q.host.rootfs_real_path = within ? "/srv/image" : "/usr";
}
static void shared(bool within)
{
        l->rootfs_propagation = within ? MS_SLAVE : MS_SHARED;
}
static void shared_excepted(bool within)
{
        shared(within);
        except("rootfs.propagation");
}

static void no_filters(bool within)
{
        q.host.has_seccomp = within;
}

static void flags_without_an_agent(bool within)
{
        l->seccomp = (struct spec_seccomp){ .is_given = true,
                                            .default_action = SPEC_SECCOMP_ALLOW,
                                            .flags = within ? 0 : SPEC_SECCOMP_FLAG_WAIT_KILLABLE };
}

static void agent_and_counts(bool within)
{
        set_agent();
        p->seccomp_explain = !within;
}

static void agent_listens(bool within)
{
        if (!within)
                set_agent();
}

static void agent_of_others(bool within)
{
        set_agent();
        listener.is_root_only = within;
}

static void sysctl(bool within)
{
        set_pair(&l->sysctl, &l->n_sysctl, within ? "net.ipv4.ip_forward" : "kernel.core_pattern", "1");
}
static void subid_user(bool within)
{
        static const struct spec_id_map engines = { 0, 400000000, 65536 };

        l->uid_map = l->gid_map = &engines;
        l->n_uid_map = l->n_gid_map = 1;
        q.policy.subid_user = within ? NULL : "somebody";
}

static void nothing(bool within)
{
        (void)within;
}

/* A row a rule and what it does; `true` at the end: it acts on every request, so there is nothing within. */
static const struct row {
        const char *rule;
        enum finding_action action;
        void (*ask)(bool within);
        bool is_always;
} rows[] = {
        { "capabilities", FINDING_TIGHTENED, caps_cut, false },
        { "capabilities", FINDING_TIGHTENED, caps_ambient, false },
        { "capabilities", FINDING_ALLOWED, caps_excepted, false },
        { "cgroupParent", FINDING_REFUSED, cgroup_parents, false },
        { "cgroupParent", FINDING_TIGHTENED, cgroup_parent, false },
        { "cgroups.path", FINDING_REFUSED, cgroup_path, false },
        { "cgroups.unified", FINDING_REFUSED, cgroup_file, false },
        { "devices", FINDING_REFUSED, device_asked, false },
        { "devices", FINDING_RECORDED, device_made, false },
        { "devices", FINDING_TIGHTENED, device_misplaced, false },
        { "devices", FINDING_ALLOWED, device_excepted, false },
        { "egress", FINDING_REFUSED, no_network_rules, false },
        { "egress", FINDING_RECORDED, hosts_network, false },
        { "egress", FINDING_TIGHTENED, network_closed, false },
        { "egress.allow", FINDING_REFUSED, closed_destination, false },
        { "egress.allow", FINDING_RECORDED, audited_destination, false },
        { "egress.allow", FINDING_TIGHTENED, mixed_destination, false },
        { "egress.proxy", FINDING_REFUSED, closed_proxy, false },
        { "egress.proxy", FINDING_TIGHTENED, proxy_of_the_request, false },
        { "env", FINDING_TIGHTENED, env_strip, false },
        { "env", FINDING_REFUSED, env_refuse, false },
        { "hooks", FINDING_REFUSED, hook_of_others, false },
        { "hooks.allowPaths", FINDING_REFUSED, hook_not_listed, false },
        { "hooks.allowPaths", FINDING_ALLOWED, hook_excepted, false },
        { "hooks.createContainer", FINDING_REFUSED, hook_in_the_image, false },
        { "hooks.createContainer", FINDING_ALLOWED, hook_in_the_image_excepted, false },
        { "ids", FINDING_TIGHTENED, range_leased, false },
        { "ids", FINDING_RECORDED, map_beside_a_joined_one, false },
        { "ids.group", FINDING_REFUSED, two_pods, false },
        { "ids.root", FINDING_REFUSED, map_of_root, false },
        { "ids.subidUser", FINDING_RECORDED, subid_user, false },
        { "ids.users", FINDING_REFUSED, map_of_users, false },
        { "ids.users", FINDING_ALLOWED, map_excepted, false },
        { "ingress", FINDING_RECORDED, ingress_open, false },
        { "intelRdt.closID", FINDING_RECORDED, rdt_asked, false },
        { "intelRdt.closID", FINDING_REFUSED, rdt_of_all, false },
        { "landlock", FINDING_TIGHTENED, joined_network, false },
        { "landlock", FINDING_RECORDED, joined_network_unscoped, false },
        { "landlock.tcpPorts", FINDING_TIGHTENED, ports_held, false },
        { "landlock.tcpPorts", FINDING_RECORDED, ports_not_held, false },
        { "landlock.tcpPorts", FINDING_REFUSED, ports_too_many, false },
        { "limits.core", FINDING_TIGHTENED, core, false },
        { "limits.cpus", FINDING_TIGHTENED, cpus_lowered, false },
        { "limits.fsize", FINDING_TIGHTENED, fsize, false },
        { "limits.ioWeight", FINDING_TIGHTENED, io_weight, false },
        { "limits.memory", FINDING_TIGHTENED, memory, false },
        { "limits.memory", FINDING_RECORDED, memory_obsolete, false },
        { "limits.nofile", FINDING_TIGHTENED, nofile, false },
        { "limits.oomScoreAdj", FINDING_TIGHTENED, oom_score, false },
        { "limits.pids", FINDING_TIGHTENED, pids, false },
        { "limits.scheduler", FINDING_TIGHTENED, nice_value, false },
        { "limits.swap", FINDING_TIGHTENED, swap, false },
        { "limits.swap", FINDING_REFUSED, swap_alone, false },
        { "limits.wall", FINDING_TIGHTENED, wall, false },
        { "lsm", FINDING_RECORDED, unconfined, false },
        { "lsm", FINDING_RECORDED, unconfined_label, false },
        { "lsm", FINDING_RECORDED, unconfined_login, false },
        { "mounts.cgroup", FINDING_TIGHTENED, cgroup_bind, false },
        { "mounts.dev", FINDING_TIGHTENED, no_dev, false },
        { "mounts.flags", FINDING_TIGHTENED, mount_flags, false },
        { "mounts.ids", FINDING_TIGHTENED, ids_of_a_bind, false },
        { "mounts.ids", FINDING_REFUSED, ids_of_a_map, false },
        { "mounts.ipc", FINDING_TIGHTENED, shm_of_the_host, false },
        { "mounts.ipc", FINDING_RECORDED, shm_excepted, false },
        { "mounts.kernel", FINDING_TIGHTENED, sysfs_of_the_host, false },
        { "mounts.kernel", FINDING_RECORDED, procfs_of_the_host, false },
        { "mounts.options", FINDING_RECORDED, mount_options, false },
        { "mounts.proc", FINDING_REFUSED, over_proc, false },
        { "mounts.remount", FINDING_REFUSED, remount, false },
        { "mounts.sockets", FINDING_REFUSED, socket_bind, false },
        { "mounts.sources", FINDING_REFUSED, source_denied, false },
        { "mounts.sources", FINDING_ALLOWED, source_excepted, false },
        { "mounts.targets", FINDING_REFUSED, over_root, false },
        { "mounts.types", FINDING_REFUSED, overlay_mount, false },
        { "namespaces.cgroup", FINDING_TIGHTENED, no_cgroup, false },
        { "namespaces.ipc", FINDING_TIGHTENED, no_ipc, false },
        { "namespaces.ipc", FINDING_ALLOWED, ipc_excepted, false },
        { "namespaces.mount", FINDING_REFUSED, no_mounts, false },
        { "namespaces.mount", FINDING_ALLOWED, joined_mounts, false },
        { "namespaces.network", FINDING_REFUSED, no_network, false },
        { "namespaces.network", FINDING_ALLOWED, hosts_network, false },
        { "namespaces.pid", FINDING_REFUSED, no_pid, false },
        { "namespaces.pid", FINDING_ALLOWED, pid_excepted, false },
        { "namespaces.time", FINDING_RECORDED, joined_time, false },
        { "namespaces.user", FINDING_TIGHTENED, no_user, false },
        { "namespaces.uts", FINDING_TIGHTENED, no_uts, false },
        { "namespaces.uts", FINDING_ALLOWED, uts_excepted, false },
        { "netDevices", FINDING_TIGHTENED, net_device, false },
        { "noNewPrivileges", FINDING_TIGHTENED, new_privileges, false },
        { "noNewPrivileges", FINDING_ALLOWED, new_privileges_excepted, false },
        { "paths", FINDING_TIGHTENED, paths, false },
        { "rootfs", FINDING_TIGHTENED, rootfs, false },
        { "rootfs.host", FINDING_REFUSED, rootfs_of_the_host, false },
        { "rootfs.propagation", FINDING_REFUSED, shared, false },
        { "rootfs.propagation", FINDING_ALLOWED, shared_excepted, false },
        { "seccomp", FINDING_REFUSED, no_filters, false },
        { "seccomp", FINDING_RECORDED, flags_without_an_agent, false },
        { "seccomp", FINDING_TIGHTENED, nothing, true },
        { "seccomp.explain", FINDING_REFUSED, agent_and_counts, false },
        { "seccomp.listener", FINDING_RECORDED, agent_listens, false },
        { "seccomp.listener", FINDING_REFUSED, agent_of_others, false },
        { "systemd.properties", FINDING_TIGHTENED, property_left_out, false },
        { "sysctl", FINDING_REFUSED, sysctl, false },
};

static void begin(void)
{
        request_init(&q);
        p = &q.policy.profile;
        l = &q.spec.linux_;
        process = &q.spec.process;
        q.host.nofile = q.host.fsize = (struct host_rlimit){ 100, 100 };
}

static bool acts(const struct row *row)
{
        return request_finding(&q, row->action, row->rule) != NULL;
}

Test(policy_rules, each_acts_on_what_is_not_within_policy)
{
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                begin();
                rows[i].ask(false);
                if (rows[i].action == FINDING_REFUSED)
                        request_is_refused(&q, rows[i].rule);
                else
                        request_passes(&q);
                cr_assert(acts(&rows[i]), "row %zu, %s, did not act", i, rows[i].rule);
                request_free(&q);
        }
}

Test(policy_rules, each_leaves_the_same_request_alone_within_policy)
{
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                if (rows[i].is_always)
                        continue;
                begin();
                rows[i].ask(true);
                cr_assert_eq(request_judge(&q), 0, "row %zu, %s: %s", i, rows[i].rule, q.err.text);
                cr_assert_not(acts(&rows[i]), "row %zu, %s, acted", i, rows[i].rule);
                request_free(&q);
        }
}
