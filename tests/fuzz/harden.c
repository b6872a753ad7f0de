/* harden() never gives more than the profile, whatever is asked: the bytes choose a request, a host and a profile. */
#include "tests/fuzz/fuzz.h"

#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "policies/sandbox.h"
#include "runtime/base/auto.h"

#define MOUNTS_MAX 12
#define N(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t *input;
static size_t left;

static unsigned pick(unsigned n)
{
        if (left == 0 || n == 0)
                return 0;
        left--;
        return *input++ % n;
}

static uint64_t number(void)
{
        static const uint64_t edges[] = { 0, 1, 2, 4096, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX, 1u << 30 };
        uint64_t value = 0;

        if (pick(2) == 0)
                return edges[pick(N(edges))];
        for (int i = 0; i < 8; i++)
                value = value << 8 | pick(256);
        return value;
}

static const char *word(void)
{
        static const char *const words[] = {
                "/", "/etc", "/etc/passwd", "/proc", "/proc/sys", "/proc/self", "/sys", "/sys/fs/cgroup", "/dev", "/dev/null", "/dev/shm",
                "/dev/pts", "/run/docker.sock", "/var/lib/a", "/srv/x", "/root", "/home/u", "/x", "/x/y", "/work", "/tmp",
                "/usr/bin/hook", "/rootfs", "/rootfs/x", "/dev/console", "/proc/acpi",
        };

        return words[pick(N(words))];
}

static struct spec_number maybe(void)
{
        if (pick(2) == 0)
                return (struct spec_number){ 0 };
        return (struct spec_number){ .is_given = true, .value = pick(3) == 0 ? -1 : (int64_t)(number() & INT64_MAX) };
}

static void choose_mounts(struct spec *spec, struct host *host, struct spec_mount *mounts, struct host_source *sources)
{
        spec->n_mounts = pick(MOUNTS_MAX);
        for (size_t i = 0; i < spec->n_mounts; i++) {
                struct spec_mount *m = &mounts[i];
                static const char *const types[] = { "bind", "proc", "sysfs", "cgroup", "devpts", "mqueue", "tmpfs", "overlay", "ext4" };
                static const unsigned long propagations[] = { 0, MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE };

                *m = (struct spec_mount){ .kind = (enum spec_mount_kind)pick(SPEC_MOUNT_OTHER + 1), .target = word(), .source = word(),
                                          .data = "" };
                m->fstype = types[m->kind];
                m->attr_set = pick(256) & ~(unsigned)MOUNT_ATTR__ATIME;
                m->attr_clear = pick(256) & ~m->attr_set & ~(unsigned)MOUNT_ATTR__ATIME;
                m->attr_set_recursive = pick(4) == 0 ? m->attr_set : 0;
                m->attr_clear_recursive = pick(4) == 0 ? m->attr_clear : 0;
                m->propagation = propagations[pick(5)];
                m->is_recursive = pick(2);
                m->is_propagation_recursive = pick(2);
                m->is_remount = pick(16) == 0;
                m->is_tmpcopyup = m->kind == SPEC_MOUNT_TMPFS && pick(2);
                if (m->kind != SPEC_MOUNT_BIND)
                        continue;
                sources[i] = (struct host_source){
                        .is_known = pick(16) != 0, .error = pick(8) == 0 ? 2 : 0, .real_path = m->source, .device = 5, .inode = 9,
                        .mode = (pick(4) == 0 ? S_IFSOCK : pick(2) ? S_IFREG : S_IFDIR) | pick(256), .uid = pick(3) * 1000,
                        .fs_magic = pick(2) ? 0xEF53 : 0x01021994, .is_private_folder = pick(2),
                        .mount_flags = pick(16),
                };
        }
        spec->mounts = mounts;
        host->sources = sources;
}

static void choose(struct spec *spec, struct host *host, struct arena *arena)
{
        static char *args[] = { (char *)"sh", NULL }, *env[] = { (char *)"A=b", NULL };
        static const char *const paths[] = { "/proc/keys", "/proc/sys", "/sys/firmware" };
        static const struct spec_id_map whole[] = { { 0, 0, UINT32_MAX } };
        struct spec_rlimit *rlimits = arena_array(arena, 4, sizeof *rlimits);
        struct spec_hook *hooks = arena_array(arena, 1, sizeof *hooks);
        struct host_hook *facts = arena_array(arena, 1, sizeof *facts);
        struct spec_id_map *map = arena_array(arena, 1, sizeof *map);
        struct host_ids *ids = arena_array(arena, 1, sizeof *ids);
        struct spec_mount *mounts = arena_array(arena, MOUNTS_MAX, sizeof *mounts);
        struct host_source *sources = arena_array(arena, MOUNTS_MAX, sizeof *sources);
        struct spec_process *process = &spec->process;
        struct spec_linux *linux_ = &spec->linux_;

        must(sources != NULL && mounts != NULL && ids != NULL, "there is memory");
        *spec = (struct spec){ .oci_version = "1.0.2", .root_path = "/rootfs", .has_process = true, .is_root_readonly = pick(2) };
        *host = (struct host){
                .privilege = pick(8) == 0 ? HOST_PLAIN_USER : pick(8) == 0 ? HOST_ENGINE_ROOT : HOST_REAL_ROOT,
                .kernel_major = 6, .kernel_minor = pick(19), .can_map_tmpfs = pick(2), .own_uid_map = whole, .own_gid_map = whole,
                .n_own_uid_map = 1, .n_own_gid_map = 1, .is_cgroup2 = pick(2), .has_nf_tables = pick(16) != 0,
                .has_seccomp = pick(16) != 0, .core_limit_most = pick(4) == 0 ? 0 : UINT64_MAX, .rootfs_real_path = "/rootfs",
        };
        *process = (struct spec_process){ .cwd = "/", .args = args, .n_args = 1, .env = env, .n_env = 1,
                                          .no_new_privileges = pick(2), .has_oom_score_adj = pick(2),
                                          .oom_score_adj = (int)pick(256) * 8 - 1000 };
        process->caps = (struct spec_caps){ .is_given = pick(4) != 0, .effective = number(), .bounding = number(),
                                            .inheritable = number(), .permitted = number(), .ambient = number() };
        process->n_rlimits = pick(4);
        for (size_t i = 0; i < process->n_rlimits; i++) {
                static const struct { int resource; const char *name; } known[] = {
                        { RLIMIT_NOFILE, "RLIMIT_NOFILE" }, { RLIMIT_CORE, "RLIMIT_CORE" }, { RLIMIT_NPROC, "RLIMIT_NPROC" } };

                rlimits[i] = (struct spec_rlimit){ known[i].resource, known[i].name, 0, number() };
                rlimits[i].soft = pick(2) ? rlimits[i].hard : rlimits[i].hard / 2;
        }
        process->rlimits = rlimits;
        for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS; kind++) {
                linux_->namespaces[kind].is_given = pick(8) != 0;
                if (linux_->namespaces[kind].is_given && pick(8) == 0)
                        linux_->namespaces[kind].path = "/run/ns";
                host->namespaces[kind] = (struct host_namespace){ .is_known = true, .is_right_type = pick(8) != 0, .inode = 7,
                                                                  .is_host = pick(4) == 0, .error = pick(8) == 0 ? 2 : 0 };
        }
        if (linux_->namespaces[SPEC_NS_USER].is_given && linux_->namespaces[SPEC_NS_USER].path == NULL && pick(2)) {
                *map = (struct spec_id_map){ 0, (uint32_t)pick(4) * 100000, 1 + pick(256) * 256 };
                linux_->uid_map = linux_->gid_map = map;
                linux_->n_uid_map = linux_->n_gid_map = 1;
                *ids = (struct host_ids){ .user = pick(2) ? "ada" : NULL, .id = 1000, .is_delegated = pick(2) };
                host->uid_map_ids = host->gid_map_ids = ids;
        }
        choose_mounts(spec, host, mounts, sources);
        linux_->seccomp = (struct spec_seccomp){ .is_given = pick(2), .default_action = SPEC_SECCOMP_ALLOW, .flags = pick(16) };
        linux_->resources.pids_limit = maybe();
        linux_->resources.memory.limit = maybe();
        linux_->resources.memory.swap = maybe();
        linux_->resources.cpu.quota_us = maybe();
        linux_->resources.cpu.period_us = maybe();
        linux_->masked_paths = linux_->readonly_paths = paths;
        linux_->n_masked_paths = pick(4);
        linux_->n_readonly_paths = pick(4);
        linux_->rootfs_propagation = pick(8) == 0 ? MS_SHARED : pick(2) ? MS_SLAVE : 0;
        for (enum spec_hook_kind kind = 0; kind < SPEC_HOOK_KINDS; kind++) {
                if (pick(16) != 1)
                        continue;
                *hooks = (struct spec_hook){ .path = word(), .args = args, .env = env };
                *facts = (struct host_hook){ .is_root_only = pick(2), .is_in_rootfs = pick(4) == 0, .real_path = hooks->path };
                spec->hooks[kind] = (struct spec_hook_list){ hooks, 1 };
                host->hooks[kind] = facts;
        }
}

static bool has_path(const char *const *paths, size_t n, const char *path)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(paths[i], path) == 0)
                        return true;
        return false;
}

static void check_process(const struct spec_process *asked, const struct spec_process *got, const struct policy *policy)
{
        const uint64_t most = policy_profile_caps(&policy->profile);
        const struct spec_caps *caps = &got->caps;

        must((caps->bounding & ~most) == 0 && (caps->effective & ~most) == 0 && (caps->permitted & ~most) == 0,
             "capabilities are the profile's at most");
        must((caps->bounding & ~asked->caps.bounding) == 0 && (caps->effective & ~asked->caps.effective) == 0 &&
             (caps->permitted & ~asked->caps.permitted) == 0, "capabilities are what was asked for at most");
        must(caps->inheritable == 0 && caps->ambient == 0, "nothing is inherited");
        must(got->no_new_privileges, "no_new_privs is set");
        must(!got->has_oom_score_adj || got->oom_score_adj >= 0, "the build is not spared by the oom killer");
        for (size_t i = 0; i < got->n_rlimits; i++) {
                const struct spec_rlimit *limit = &got->rlimits[i];

                must(limit->soft <= limit->hard, "a soft limit is not above the hard one");
                for (size_t j = 0; j < asked->n_rlimits; j++)
                        must(asked->rlimits[j].resource != limit->resource || limit->resource == RLIMIT_CORE ||
                             limit->hard <= asked->rlimits[j].hard, "a limit is not above what was asked for");
                if (limit->resource == RLIMIT_NOFILE && policy->profile.limits[POLICY_LIMIT_NOFILE].is_set)
                        must(limit->hard <= policy->profile.limits[POLICY_LIMIT_NOFILE].value, "files are the profile's at most");
        }
}

static void check_mounts(const struct spec *spec)
{
        const uint64_t kept = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

        for (size_t i = 0; i < spec->n_mounts; i++) {
                const struct spec_mount *m = &spec->mounts[i];
                uint64_t set = m->attr_set | m->attr_set_recursive;

                must((m->propagation & MS_SHARED) == 0, "nothing is shared with the host");
                must((m->attr_clear & m->attr_set & ~(uint64_t)MOUNT_ATTR__ATIME) == 0, "set or cleared");
                if (m->kind == SPEC_MOUNT_BIND && !m->is_remount)
                        must((set & MOUNT_ATTR_NOSUID) && (set & MOUNT_ATTR_NODEV), "a bind is nosuid and nodev");
                if (m->kind == SPEC_MOUNT_CGROUP && !m->is_remount)
                        must(set & MOUNT_ATTR_RDONLY, "cgroups are read-only");
                if (m->is_remount)
                        must(((m->attr_clear | m->attr_clear_recursive) & kept) == 0, "a remount takes no flag away");
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
        static const enum spec_ns always[] = { SPEC_NS_MOUNT, SPEC_NS_PID, SPEC_NS_NET, SPEC_NS_IPC, SPEC_NS_UTS, SPEC_NS_CGROUP };
        auto_arena struct arena arena = { NULL };
        struct findings findings = { .arena = &arena };
        struct policy policy = *policy_builtin();
        struct sandbox sandbox;
        struct error err = { 0 };
        const struct policy_profile *profiles;
        struct host host;
        struct spec spec;
        size_t n;
        int r;

        input = bytes;
        left = length;
        profiles = policy_profile_builtins(&n);
        if (pick(2))
                policy.profile = profiles[pick((unsigned)n)];
        choose(&spec, &host, &arena);
        r = harden(&spec, &policy, &host, &arena, &sandbox, &findings, &err);
        if (r < 0) {
                must(err.code != 0 && err.text[0] != '\0' && strchr(err.text, '\n') == NULL, "a refusal is one line");
                return 0;
        }
        must(host.has_seccomp, "no filters, no build");
        must(host.has_nf_tables || !sandbox.egress_deny, "no rules, no build");
        check_process(&spec.process, &sandbox.spec.process, &policy);
        check_mounts(&sandbox.spec);
        for (size_t i = 0; i < N(always); i++) {
                const struct spec_namespace *ns = &sandbox.spec.linux_.namespaces[always[i]];

                must(ns->is_given, "every namespace is the build's own or a named one");
                /* What could not be looked at cannot be joined either. */
                must(ns->path == NULL || host.namespaces[always[i]].error != 0 || !host.namespaces[always[i]].is_host, "none of them is the host's");
        }
        must(sandbox.ids != SANDBOX_IDS_ENGINE || sandbox.n_uid_map == 0 || sandbox.uid_map[0].outside != 0 ||
             host.privilege != HOST_REAL_ROOT, "the host's root is not mapped");
        must((sandbox.spec.linux_.seccomp.flags & SPEC_SECCOMP_FLAG_SPEC_ALLOW) == 0, "speculation stays mitigated");
        must((sandbox.spec.linux_.rootfs_propagation & MS_SHARED) == 0, "the rootfs is not shared");
        must(policy.profile.seccomp_user_namespaces || !sandbox.seccomp_user_namespaces, "no user namespaces but the profile's");
        must(policy.profile.seccomp_setuid_files || !sandbox.seccomp_setuid_files, "no setuid files but the profile's");
        for (size_t i = 0; i < spec.linux_.n_masked_paths; i++)
                must(has_path(sandbox.spec.linux_.masked_paths, sandbox.spec.linux_.n_masked_paths, spec.linux_.masked_paths[i]),
                     "what was masked stays so");
        for (size_t i = 0; i < spec.linux_.n_readonly_paths; i++)
                must(has_path(sandbox.spec.linux_.readonly_paths, sandbox.spec.linux_.n_readonly_paths, spec.linux_.readonly_paths[i]) ||
                     has_path(sandbox.spec.linux_.masked_paths, sandbox.spec.linux_.n_masked_paths, spec.linux_.readonly_paths[i]),
                     "what was read-only stays so");
        if (policy.profile.limits[POLICY_LIMIT_PIDS].is_set) {
                const struct spec_number *pids = &sandbox.spec.linux_.resources.pids_limit;

                must(pids->is_given && pids->value >= 0 && (uint64_t)pids->value <= policy.profile.limits[POLICY_LIMIT_PIDS].value,
                     "processes are the profile's at most");
        }
        if (policy.profile.limits[POLICY_LIMIT_MEMORY].is_set) {
                const struct spec_number *memory = &sandbox.spec.linux_.resources.memory.limit;

                must(memory->is_given && memory->value > 0 &&
                     (uint64_t)memory->value <= policy.profile.limits[POLICY_LIMIT_MEMORY].value, "memory is the profile's at most");
        }
        must(!findings.is_broken, "the findings are whole");
        return 0;
}
