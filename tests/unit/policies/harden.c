/* Whole requests: the law holds whatever is asked, asking for more than the law gives no more, and asking twice gives
 * the same. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "runtime/base/text.h"
#include "tests/unit/policies/request.h"

static struct request q;

static void setup(void)
{
        request_init(&q);
}

static void teardown(void)
{
        request_free(&q);
}

TestSuite(policy_harden, .init = setup, .fini = teardown);

Test(policy_harden, a_refusal_leaves_the_result_alone)
{
        struct sandbox before;

        memset(&q.sandbox, 0x5a, sizeof q.sandbox);
        memcpy(&before, &q.sandbox, sizeof before);
        q.spec.linux_.namespaces[SPEC_NS_PID].is_given = false;
        cr_assert_eq(request_judge(&q), -EPERM);
        cr_assert_arr_eq(&q.sandbox, &before, sizeof before);
}

Test(policy_harden, all_refusals_are_findings_and_the_first_is_the_error)
{
        size_t n = 0;

        q.spec.linux_.namespaces[SPEC_NS_PID].is_given = false;
        q.spec.linux_.namespaces[SPEC_NS_NET].is_given = false;
        request_bind(&q, "/root", "/x");
        cr_assert_eq(request_judge(&q), -EPERM);
        cr_assert_str_eq(q.err.rule, "namespaces.pid");
        for (const struct finding *finding = q.findings.first; finding != NULL; finding = finding->next)
                n += finding->action == FINDING_REFUSED;
        cr_assert_eq(n, 3);
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "capabilities"));
}

Test(policy_harden, the_request_itself_is_not_changed)
{
        struct spec before;
        struct spec_mount mounts[REQUEST_MOUNTS];

        request_bind(&q, "/srv/src", "/work");
        q.spec.mounts = q.mounts;
        memcpy(&before, &q.spec, sizeof before);
        memcpy(mounts, q.mounts, sizeof mounts);
        request_passes(&q);
        cr_assert_arr_eq(&q.spec, &before, sizeof before);
        cr_assert_arr_eq(q.mounts, mounts, sizeof mounts);
}

/* Everything that a sandbox is, as text. */
static char *describe(const struct sandbox *sandbox)
{
        struct text_buffer text = { 0 };
        const struct spec *spec = &sandbox->spec;
        const struct spec_linux *linux_ = &spec->linux_;
        const struct spec_caps *caps = &spec->process.caps;

        text_addf(&text, "caps %llx %llx %llx %llx %llx nnp %d oom %d/%d sched %d/%d nice %d io %d\n",
                  (unsigned long long)caps->bounding, (unsigned long long)caps->effective,
                  (unsigned long long)caps->permitted, (unsigned long long)caps->inheritable,
                  (unsigned long long)caps->ambient, spec->process.no_new_privileges, spec->process.has_oom_score_adj,
                  spec->process.oom_score_adj, spec->process.scheduler.is_given, spec->process.scheduler.policy,
                  spec->process.scheduler.nice, spec->process.has_io_priority);
        for (size_t i = 0; i < spec->process.n_rlimits; i++)
                text_addf(&text, "rlimit %d %llu %llu\n", spec->process.rlimits[i].resource,
                          (unsigned long long)spec->process.rlimits[i].soft,
                          (unsigned long long)spec->process.rlimits[i].hard);
        for (size_t i = 0; i < SPEC_NS_KINDS; i++)
                text_addf(&text, "ns %d %s\n", linux_->namespaces[i].is_given,
                          linux_->namespaces[i].path != NULL ? linux_->namespaces[i].path : "-");
        for (size_t i = 0; i < spec->n_mounts; i++)
                text_addf(&text, "mount %s %d %llx %llx %llx %llx %lx ids %d %u %u %d\n", spec->mounts[i].target,
                          spec->mounts[i].kind, (unsigned long long)spec->mounts[i].attr_set,
                          (unsigned long long)spec->mounts[i].attr_clear,
                          (unsigned long long)spec->mounts[i].attr_set_recursive,
                          (unsigned long long)spec->mounts[i].attr_clear_recursive, spec->mounts[i].propagation,
                          sandbox->binds[i].ids, sandbox->binds[i].owner_uid, sandbox->binds[i].owner_gid,
                          sandbox->binds[i].is_ids_recursive);
        for (size_t i = 0; i < linux_->n_devices; i++)
                text_addf(&text, "device %s %u:%u\n", linux_->devices[i].path, linux_->devices[i].major,
                          linux_->devices[i].minor);
        for (size_t i = 0; i < linux_->resources.n_devices; i++)
                text_addf(&text, "rule %d %c %lld %lld %u\n", linux_->resources.devices[i].is_allow,
                          linux_->resources.devices[i].type, (long long)linux_->resources.devices[i].major,
                          (long long)linux_->resources.devices[i].minor, linux_->resources.devices[i].access);
        text_addf(&text, "pids %lld rt %d masked %zu readonly %zu seccomp %d flags %x setuid %d userns %d/%u egress %d ids %d\n",
                  (long long)linux_->resources.pids_limit.value, linux_->resources.cpu.rt_runtime_us.is_given,
                  linux_->n_masked_paths, linux_->n_readonly_paths, linux_->seccomp.is_given, linux_->seccomp.flags,
                  sandbox->seccomp_setuid_files, sandbox->seccomp_user_namespaces, sandbox->max_user_namespaces,
                  sandbox->egress_deny, sandbox->ids);
        cr_assert_not(text.is_broken);
        return text.text;
}

Test(policy_harden, judging_twice_gives_the_same)
{
        char *first, *second;

        request_bind(&q, "/srv/src", "/work");
        request_passes(&q);
        first = describe(&q.sandbox);
        request_passes(&q);
        second = describe(&q.sandbox);
        cr_assert_str_eq(first, second);
        free(first);
        free(second);
}

/* ---- more than the law ---- */

/* A request that asks for exactly what the profile has. */
static void ask_for_the_law(void)
{
        uint64_t caps = policy_builtin()->profile.caps;
        static const struct spec_rlimit core = { RLIMIT_CORE, "RLIMIT_CORE", 1, 1 };

        request_free(&q);
        request_init(&q);
        q.spec.process.caps = (struct spec_caps){ .is_given = true, .bounding = caps, .effective = caps, .permitted = caps };
        q.spec.process.no_new_privileges = true;
        q.spec.process.rlimits = &core;
        q.spec.process.n_rlimits = 1;
        q.spec.process.has_oom_score_adj = true;
        q.spec.linux_.resources.pids_limit = (struct spec_number){ true, 4096 };
        for (size_t kind = 0; kind < SPEC_NS_TIME; kind++)
                q.spec.linux_.namespaces[kind].is_given = true;
        request_bind(&q, "/srv/open", "/work")->is_private_folder = false;
        request_last(&q)->attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
        request_last(&q)->attr_set_recursive = request_last(&q)->attr_set;
        request_last(&q)->propagation = MS_PRIVATE;
}

static void more_caps(void)
{
        q.spec.process.caps.bounding = q.spec.process.caps.effective = q.spec.process.caps.permitted = UINT64_MAX;
}

static void inherited_caps(void)
{
        q.spec.process.caps.inheritable = q.spec.process.caps.ambient = UINT64_MAX;
}

static void new_privileges(void)
{
        q.spec.process.no_new_privileges = false;
}

static void cores(void)
{
        static const struct spec_rlimit core = { RLIMIT_CORE, "RLIMIT_CORE", UINT64_MAX, UINT64_MAX };

        q.spec.process.rlimits = &core;
}

static void no_core_limit(void)
{
        q.spec.process.n_rlimits = 0;
}

static void never_killed(void)
{
        q.spec.process.oom_score_adj = -1000;
}

static void real_time(void)
{
        q.spec.process.scheduler = (struct spec_scheduler){ .is_given = true, .policy = SCHED_RR, .priority = 99 };
        q.spec.linux_.resources.cpu.rt_runtime_us = (struct spec_number){ true, 950000 };
}

static void many_processes(void)
{
        q.spec.linux_.resources.pids_limit = (struct spec_number){ true, -1 };
}

static void host_names(void)
{
        q.spec.linux_.namespaces[SPEC_NS_UTS].is_given = q.spec.linux_.namespaces[SPEC_NS_IPC].is_given = false;
}

static void host_users(void)
{
        q.spec.linux_.namespaces[SPEC_NS_USER].is_given = q.spec.linux_.namespaces[SPEC_NS_CGROUP].is_given = false;
}

static void more_devices(void)
{
        static const struct spec_device_rule rule = { .is_allow = true, .type = 'c', .major = 10, .minor = -1, .access = 7 };

        q.spec.linux_.resources.devices = &rule;
        q.spec.linux_.resources.n_devices = 1;
}

static void setuid_bind(void)
{
        request_last(&q)->attr_set = request_last(&q)->attr_set_recursive = MOUNT_ATTR_RDONLY;
        request_last(&q)->attr_clear = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
        request_last(&q)->is_recursive = true;
}

static void shared_bind(void)
{
        request_last(&q)->propagation = MS_SHARED;
}

static void writable_cgroups(void)
{
        q.mounts[5].attr_set = 0;
        q.mounts[5].attr_clear = MOUNT_ATTR_RDONLY;
}

static void speculation(void)
{
        q.spec.linux_.seccomp.flags = SPEC_SECCOMP_FLAG_SPEC_ALLOW;
}

static void (*const additions[])(void) = {
        more_caps,  inherited_caps, new_privileges, cores,        no_core_limit, never_killed, real_time,   many_processes,
        host_names, host_users,     more_devices,   setuid_bind,  shared_bind,   writable_cgroups, speculation,
};
#define N_ADDITIONS (sizeof additions / sizeof *additions)

Test(policy_harden, asking_for_more_than_the_law_gives_no_more)
{
        char *law;

        ask_for_the_law();
        request_passes(&q);
        law = describe(&q.sandbox);
        for (size_t i = 0; i < N_ADDITIONS; i++) {
                for (size_t k = i; k < N_ADDITIONS; k++) {
                        char *got;

                        ask_for_the_law();
                        additions[i]();
                        additions[k]();
                        request_passes(&q);
                        got = describe(&q.sandbox);
                        cr_assert_str_eq(got, law, "additions %zu and %zu", i, k);
                        free(got);
                }
        }
        free(law);
}

Test(policy_harden, asking_for_less_gives_less)
{
        ask_for_the_law();
        q.spec.process.caps.bounding = UINT64_C(1) << CAP_CHOWN;
        q.spec.linux_.resources.pids_limit.value = 10;
        q.spec.process.oom_score_adj = 700;
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.process.caps.bounding, UINT64_C(1) << CAP_CHOWN);
        cr_assert_eq(q.sandbox.spec.linux_.resources.pids_limit.value, 10);
        cr_assert_eq(q.sandbox.spec.process.oom_score_adj, 700);
}

/* ---- whatever is asked ---- */

static uint64_t dice_state = 88172645463325252u;

static uint64_t dice(uint64_t sides)
{
        dice_state ^= dice_state << 13;
        dice_state ^= dice_state >> 7;
        dice_state ^= dice_state << 17;
        return dice_state % sides;
}

static void ask_anything(void)
{
        static const char *const sources[] = {
                "/srv/a", "/etc/ssl", "/var/lib/docker/volumes/v/_data", "/home/ada/x", "/tmp/y", "/run/z", "/root", "/",
        };
        static const char *const targets[] = { "/a", "/etc/hosts", "/proc/stat", "/sys/x", "/dev/x", "/proc/1", "/b/../c" };
        struct spec_linux *linux_ = &q.spec.linux_;

        request_free(&q);
        request_init(&q);
        q.spec.process.caps = (struct spec_caps){
                .is_given = dice(2), .bounding = dice(UINT64_MAX), .effective = dice(UINT64_MAX),
                .permitted = dice(UINT64_MAX), .inheritable = dice(UINT64_MAX), .ambient = dice(UINT64_MAX),
        };
        q.spec.process.has_oom_score_adj = dice(2);
        q.spec.process.oom_score_adj = (int)dice(2001) - 1000;
        linux_->resources.pids_limit = (struct spec_number){ dice(2), (int64_t)dice(10000) - 100 };
        for (size_t kind = 0; kind < SPEC_NS_KINDS; kind++) {
                linux_->namespaces[kind].is_given = dice(12) != 0;
                if (linux_->namespaces[kind].is_given && dice(6) == 0)
                        linux_->namespaces[kind].path = "/proc/7/ns/x";
                q.host.namespaces[kind].is_host = dice(6) == 0;
                q.host.namespaces[kind].is_right_type = dice(9) != 0;
        }
        q.host.privilege = (enum host_privilege)dice(3);
        for (uint64_t n = dice(5); n > 0; n--) {
                struct host_source *source = request_bind(&q, sources[dice(8)], targets[dice(7)]);
                struct spec_mount *mount = request_last(&q);

                source->is_private_folder = dice(2);
                source->uid = (uid_t)dice(2) * 1000;
                source->gid = (gid_t)dice(2) * 1000;
                source->mount_flags = dice(4);
                source->mode = (dice(9) == 0 ? S_IFSOCK : dice(2) ? S_IFDIR : S_IFREG) | (mode_t)dice(01000);
                mount->attr_set = dice(16);
                mount->attr_clear = dice(16);
                mount->attr_set_recursive = dice(16);
                mount->attr_clear_recursive = dice(16);
                mount->is_recursive = dice(2);
                mount->is_remount = dice(9) == 0;
                mount->propagation = dice(3) == 0 ? MS_SHARED : 0;
        }
}

static void holds_the_law(void)
{
        const struct spec *spec = &q.sandbox.spec;
        const struct spec_caps *caps = &spec->process.caps, *asked = &q.spec.process.caps;
        uint64_t most = asked->is_given ? q.policy.profile.caps : 0;

        cr_assert_eq(caps->bounding & ~(asked->bounding & most), 0);
        cr_assert_eq(caps->effective & ~(asked->effective & most), 0);
        cr_assert_eq(caps->permitted & ~(asked->permitted & most), 0);
        cr_assert_eq(caps->inheritable | caps->ambient, 0);
        cr_assert(spec->process.no_new_privileges && q.sandbox.egress_deny);
        cr_assert(!spec->process.has_oom_score_adj || spec->process.oom_score_adj >= 0);
        cr_assert(spec->linux_.resources.pids_limit.value > 0 && spec->linux_.resources.pids_limit.value <= 4096);
        cr_assert_not(spec->linux_.resources.devices[0].is_allow);
        for (size_t kind = 0; kind < SPEC_NS_TIME; kind++) {
                const struct spec_namespace *ns = &spec->linux_.namespaces[kind];

                cr_assert(ns->is_given);
                cr_assert(ns->path == NULL || !q.host.namespaces[kind].is_host);
        }
        for (size_t i = 0; i < spec->n_mounts; i++) {
                const struct spec_mount *mount = &spec->mounts[i];
                const struct sandbox_bind *bind = &q.sandbox.binds[i];
                bool is_readonly = mount->attr_set & MOUNT_ATTR_RDONLY;

                if (mount->kind != SPEC_MOUNT_BIND)
                        continue;
                cr_assert(mount->attr_set & MOUNT_ATTR_NOSUID);
                cr_assert_not(mount->attr_clear & MOUNT_ATTR_NOSUID);
                cr_assert_not(mount->attr_clear_recursive & MOUNT_ATTR_NOSUID);
                cr_assert(!mount->is_recursive || mount->attr_set_recursive & MOUNT_ATTR_NOSUID);
                cr_assert_neq(mount->propagation, MS_SHARED);
                if (mount->is_remount)
                        continue;
                cr_assert(mount->attr_set & MOUNT_ATTR_NODEV);
                if (bind->ids == SANDBOX_BIND_PLAIN)
                        continue;
                cr_assert_eq(q.sandbox.ids, SANDBOX_IDS_LEASE);
                for (size_t k = 0; k < q.spec.n_mounts; k++) { /* /dev may have been added: the indexes differ */
                        const struct host_source *source = &q.sources[k];

                        if (!source->is_known || strcmp(q.mounts[k].target, mount->target) != 0 ||
                            q.mounts[k].source != mount->source || q.mounts[k].attr_set & ~mount->attr_set)
                                continue;
                        if (bind->ids == SANDBOX_BIND_OWNER)
                                cr_assert(bind->owner_uid != 0 && bind->owner_gid != 0);
                }
                if (bind->ids == SANDBOX_BIND_ROOT && !is_readonly && !(mount->attr_set_recursive & MOUNT_ATTR_RDONLY)) {
                        const struct host_source *source = NULL;

                        for (size_t k = 0; k < q.spec.n_mounts; k++) {
                                if (q.sources[k].is_known && q.mounts[k].source == mount->source &&
                                    (q.sources[k].is_private_folder || q.sources[k].mount_flags & 2 /* ST_NOSUID */))
                                        source = &q.sources[k];
                        }
                        cr_assert_not_null(source, "the disk's root, writable, where everyone can reach it");
                }
        }
}

Test(policy_harden, the_law_holds_whatever_is_asked)
{
        unsigned passed = 0, refused = 0;

        for (unsigned round = 0; round < 30000; round++) {
                int r;

                ask_anything();
                r = request_judge(&q);
                if (r == 0) {
                        holds_the_law();
                        passed++;
                } else {
                        cr_assert(r == -EPERM || r == -EINVAL, "%d %s", r, q.err.text);
                        cr_assert_neq(q.err.text[0], '\0');
                        refused++;
                }
        }
        cr_assert_gt(passed, 500, "%u", passed);
        cr_assert_gt(refused, 500, "%u", refused);
}
