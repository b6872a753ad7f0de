/* Each exception: without it the request is refused or tightened, with it (and not with another) it passes, and the use is
 * recorded with the exception's id. */
#include "policies/exceptions.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "policies/file.h"
#include "tests/unit/policies/request.h"

#define BIT(number) (UINT64_C(1) << (number))

static struct request q;
static const char *tokens[1];
static const struct policy_exception exception = { .id = "EX-9", .allow = { tokens, 1 }, .expires = "2027-01-31" };

static void setup(void)
{
        request_init(&q);
}

static void teardown(void)
{
        request_free(&q);
}

TestSuite(policy_exceptions, .init = setup, .fini = teardown);

static void except(const char *token)
{
        tokens[0] = token;
        q.policy.exceptions = &exception;
        q.policy.n_exceptions = 1;
}

static void is_recorded(const char *rule)
{
        const struct finding *finding = request_finding(&q, FINDING_ALLOWED, rule);

        cr_assert_not_null(finding, "%s", rule);
        cr_assert_str_eq(finding->asked, tokens[0]);
        cr_assert_str_eq(finding->got, "exception EX-9 until 2027-01-31");
}

Test(policy_exceptions, no_new_privileges_falls_by_its_own_only)
{
        q.spec.process.no_new_privileges = false;
        except("capabilities.ambient");
        request_passes(&q);
        cr_assert(q.sandbox.spec.process.no_new_privileges);
        except("noNewPrivileges");
        request_passes(&q);
        cr_assert_not(q.sandbox.spec.process.no_new_privileges);
        is_recorded("noNewPrivileges");
        q.spec.process.no_new_privileges = true;
        request_passes(&q);
        cr_assert(q.sandbox.spec.process.no_new_privileges, "an exception asks for nothing");
        cr_assert_null(request_finding(&q, FINDING_ALLOWED, "noNewPrivileges"));
}

Test(policy_exceptions, inheritable_and_ambient_capabilities_stay_within_the_profile)
{
        struct spec_caps *asked = &q.spec.process.caps;
        const struct spec_caps *got = &q.sandbox.spec.process.caps;

        *asked = (struct spec_caps){ .is_given = true };
        asked->bounding = asked->permitted = asked->inheritable = asked->ambient = BIT(CAP_CHOWN) | BIT(CAP_SYS_ADMIN);
        except("capabilities.inheritable");
        request_passes(&q);
        cr_assert_eq(got->inheritable, BIT(CAP_CHOWN));
        cr_assert_eq(got->ambient, 0);
        is_recorded("capabilities");
        except("capabilities.ambient");
        request_passes(&q);
        cr_assert_eq(got->inheritable, 0);
        cr_assert_eq(got->ambient, 0, "what is not inheritable is not ambient, capabilities(7)");
}

Test(policy_exceptions, both_of_them)
{
        static const char *const both[] = { "capabilities.inheritable", "capabilities.ambient" };
        static const struct policy_exception two = { .id = "EX-9", .allow = { both, 2 }, .expires = "2027-01-31" };
        struct spec_caps *asked = &q.spec.process.caps;

        *asked = (struct spec_caps){ .is_given = true, .bounding = BIT(CAP_CHOWN) };
        asked->permitted = asked->inheritable = asked->ambient = BIT(CAP_CHOWN) | BIT(CAP_SETUID);
        q.policy.exceptions = &two;
        q.policy.n_exceptions = 1;
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.process.caps.inheritable, BIT(CAP_CHOWN), "not beyond the bounding set");
        cr_assert_eq(q.sandbox.spec.process.caps.ambient, BIT(CAP_CHOWN));
}

Test(policy_exceptions, ids_of_the_host_are_those_named_and_never_its_root)
{
        static struct spec_id_map map = { .inside = 0, .outside = 1000, .size = 2000 };
        static struct host_ids ids = { .user = "ada", .id = 1000 };

        q.spec.linux_.namespaces[SPEC_NS_USER].is_given = true;
        q.spec.linux_.uid_map = q.spec.linux_.gid_map = &map;
        q.spec.linux_.n_uid_map = q.spec.linux_.n_gid_map = 1;
        q.host.uid_map_ids = q.host.gid_map_ids = &ids;
        request_is_refused(&q, "ids.users");
        cr_assert_not_null(strstr(q.err.text, "\"ids:1000-2999\""), "%s", q.err.text);
        except("ids:1000-2998");
        request_is_refused(&q, "ids.users");
        except("ids:1001-2999");
        request_is_refused(&q, "ids.users");
        except("ids:1000-2999");
        request_passes(&q);
        is_recorded("ids.users");
        map.outside = 0;
        except("ids:1-4294967294");
        request_is_refused(&q, "ids.root");
}

Test(policy_exceptions, a_mount_namespace_can_be_joined_but_for_the_hosts)
{
        q.spec.linux_.namespaces[SPEC_NS_MOUNT] = (struct spec_namespace){ .is_given = true, .path = "/proc/7/ns/mnt" };
        q.host.namespaces[SPEC_NS_MOUNT] = (struct host_namespace){ .is_known = true, .is_right_type = true };
        request_is_refused(&q, "namespaces.mount");
        cr_assert_not_null(strstr(q.err.text, "\"mount.namespace\""), "%s", q.err.text);
        except("mount.namespace");
        request_passes(&q);
        is_recorded("namespaces.mount");
        q.host.namespaces[SPEC_NS_MOUNT].is_host = true;
        request_is_refused(&q, "namespaces.mount");
        cr_assert_null(strstr(q.err.text, "\"mount.namespace\""), "%s", q.err.text);
        q.spec.linux_.namespaces[SPEC_NS_MOUNT] = (struct spec_namespace){ .is_given = false };
        request_is_refused(&q, "namespaces.mount");
}

Test(policy_exceptions, one_of_another_kind_is_none)
{
        static const char *const others[] = { "hook:/srv/agent", "device:/srv/agent", "mount:/srv/agent2", "mount:/srv" };

        request_bind(&q, "/srv/agent", "/agent")->mode = S_IFSOCK | 0600;
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
                except(others[i]);
                request_is_refused(&q, "mounts.sockets");
        }
        except("mount:/srv/agent");
        request_passes(&q);
}

Test(policy_exceptions, shared_propagation)
{
        q.spec.linux_.rootfs_propagation = MS_SHARED;
        request_is_refused(&q, "rootfs.propagation");
        except("rootfs.propagation");
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.linux_.rootfs_propagation, MS_SHARED);
        is_recorded("rootfs.propagation");
}

/* ---- the host's namespaces ---- */

static const struct {
        enum spec_ns kind;
        const char *token, *rule;
} hosts[] = {
        { SPEC_NS_NET, "network.host", "namespaces.network" },
        { SPEC_NS_PID, "pid.host", "namespaces.pid" },
        { SPEC_NS_IPC, "ipc.host", "namespaces.ipc" },
        { SPEC_NS_UTS, "uts.host", "namespaces.uts" },
};
#define N_HOSTS (sizeof hosts / sizeof *hosts)

static struct spec_namespace *leave_out(enum spec_ns kind)
{
        struct spec_namespace *ns = &q.spec.linux_.namespaces[kind];

        *ns = (struct spec_namespace){ .is_given = false };
        return ns;
}

static bool is_hosts(enum spec_ns kind)
{
        return !q.sandbox.spec.linux_.namespaces[kind].is_given;
}

Test(policy_exceptions, a_namespace_of_the_host_is_had_by_its_own_only)
{
        for (size_t i = 0; i < N_HOSTS; i++) {
                for (size_t j = 0; j < N_HOSTS; j++) {
                        request_init(&q);
                        leave_out(hosts[i].kind);
                        except(hosts[j].token);
                        if (i == j) {
                                request_passes(&q);
                                is_recorded(hosts[i].rule);
                        } else if (request_judge(&q) == 0) {
                                cr_assert_not(is_hosts(hosts[i].kind), "%s by %s", hosts[i].rule, hosts[j].token);
                        } else {
                                cr_assert_str_eq(q.err.rule, hosts[i].rule);
                        }
                        cr_assert(i != j || is_hosts(hosts[i].kind));
                        cr_assert(q.err.rule != NULL || q.sandbox.spec.linux_.namespaces[SPEC_NS_USER].is_given);
                }
        }
}

Test(policy_exceptions, the_host_s_by_path_is_the_same_request)
{
        for (size_t i = 0; i < N_HOSTS; i++) {
                request_init(&q);
                q.spec.linux_.namespaces[hosts[i].kind] = (struct spec_namespace){ .is_given = true, .path = "/proc/1/ns/x" };
                q.host.namespaces[hosts[i].kind].is_host = true;
                request_is_refused(&q, hosts[i].rule);
                except(hosts[i].token);
                request_passes(&q);
                cr_assert(is_hosts(hosts[i].kind));
                cr_assert_null(q.sandbox.spec.linux_.namespaces[hosts[i].kind].path);
                is_recorded(hosts[i].rule);
        }
}

Test(policy_exceptions, an_exception_asks_for_nothing)
{
        for (size_t i = 0; i < N_HOSTS; i++) {
                request_init(&q);
                except(hosts[i].token);
                request_passes(&q);
                cr_assert_not(is_hosts(hosts[i].kind), "%s", hosts[i].token);
                cr_assert(q.sandbox.egress_deny);
                cr_assert_null(request_finding(&q, FINDING_ALLOWED, hosts[i].rule));
        }
}

Test(policy_exceptions, none_turns_off_the_user_namespace)
{
        static const char *const no_words[] = { "user.host", "mount.host", "cgroup.host", "seccomp" };

        for (size_t i = 0; i < sizeof no_words / sizeof *no_words; i++) {
                cr_assert_not(policy_exceptions_is_word(no_words[i]));
                leave_out(SPEC_NS_USER);
                except(no_words[i]);
                request_passes(&q);
                cr_assert_not(is_hosts(SPEC_NS_USER));
        }
}

Test(policy_exceptions, in_the_host_s_network_no_table_is_made_and_that_is_said)
{
        leave_out(SPEC_NS_NET);
        except("network.host");
        q.host.landlock_abi = 6;
        request_passes(&q);
        cr_assert_not(q.sandbox.egress_deny);
        cr_assert_not_null(strstr(request_finding(&q, FINDING_RECORDED, "egress")->got, "not enforced"));
        cr_assert_not_null(strstr(request_finding(&q, FINDING_RECORDED, "ingress")->got, "not enforced"));
        cr_assert_eq(q.sandbox.abstract_sockets, SANDBOX_ABSTRACT_SCOPED);
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "egress"));
        q.host.has_nf_tables = false;   /* nothing that it is missing for */
        request_passes(&q);
        q.policy.profile.landlock_tcp_ports = true;
        q.policy.profile.egress_allow = &(struct policy_destination){
                .cidr = "203.0.113.0/24", .ports = &(struct policy_ports){ 443, 443 }, .n_ports = 1 };
        q.policy.profile.n_egress_allow = 1;
        request_passes(&q);
        cr_assert(q.sandbox.tcp_ports.is_limited && q.sandbox.tcp_ports.n == 1, "those of the list all the same");
        cr_assert_eq(q.sandbox.tcp_ports.items[0].first, 443);
        cr_assert_not(q.sandbox.egress_deny || q.sandbox.egress.has_list);
        q.policy.profile.egress_mode = POLICY_EGRESS_AUDIT;
        request_passes(&q);
        cr_assert_not(q.sandbox.tcp_ports.is_limited);
        q.spec.linux_.net_devices = &(struct spec_net_device){ .name = "eth1" };
        q.spec.linux_.n_net_devices = 1;
        cr_assert_eq(request_judge(&q), -EINVAL);
}

Test(policy_exceptions, the_sysctls_of_the_host_s_namespaces_stay)
{
        static const char *const names[N_HOSTS] = { "net.ipv4.ip_forward", NULL, "kernel.shmmax", "kernel.domainname" };

        for (size_t i = 0; i < N_HOSTS; i++) {
                if (names[i] == NULL)
                        continue;
                request_init(&q);
                leave_out(hosts[i].kind);
                except(hosts[i].token);
                q.pairs[0] = (struct spec_pair){ names[i], "1" };
                q.spec.linux_.sysctl = q.pairs;
                q.spec.linux_.n_sysctl = 1;
                request_is_refused(&q, "sysctl");
        }
}

Test(policy_exceptions, the_host_s_name_is_not_to_be_set)
{
        leave_out(SPEC_NS_UTS);
        except("uts.host");
        q.spec.hostname = "build";
        cr_assert_eq(request_judge(&q), -EINVAL);
        cr_assert_not_null(strstr(q.err.text, "private UTS namespace"), "%s", q.err.text);
        q.spec.hostname = NULL;
        q.spec.domainname = "build";
        cr_assert_eq(request_judge(&q), -EINVAL);
}

Test(policy_exceptions, the_host_s_shared_memory_is_bound_plainly)
{
        struct host_source *source = request_bind(&q, "/dev/shm", "/dev/shm");

        source->fs_magic = TMPFS_MAGIC;
        request_passes(&q);
        cr_assert_eq(request_mount_at(&q, "/dev/shm")->kind, SPEC_MOUNT_TMPFS, "the build's own");
        leave_out(SPEC_NS_IPC);
        except("ipc.host");
        request_passes(&q);
        cr_assert_eq(request_mount_at(&q, "/dev/shm")->kind, SPEC_MOUNT_BIND);
        cr_assert_eq(request_bind_at(&q, "/dev/shm")->ids, SANDBOX_BIND_PLAIN);
        cr_assert(request_bind_at(&q, "/dev/shm")->is_source_known);
        cr_assert_eq(request_bind_at(&q, "/dev/shm")->source_device, source->device);
        cr_assert_eq(request_bind_at(&q, "/dev/shm")->source_inode, source->inode);
        cr_assert_eq(request_mount_at(&q, "/dev/shm")->attr_set & (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC),
                     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

Test(policy_exceptions, who_cannot_mount_the_host_s_procfs_binds_it)
{
        static const struct {
                const char *token, *target;
                enum spec_ns kind;
                enum spec_mount_kind mount;
                long magic;
        } all[] = {
                { "pid.host", "/proc", SPEC_NS_PID, SPEC_MOUNT_PROC, PROC_SUPER_MAGIC },
                { "network.host", "/sys", SPEC_NS_NET, SPEC_MOUNT_SYSFS, SYSFS_MAGIC },
                { "ipc.host", "/dev/mqueue", SPEC_NS_IPC, SPEC_MOUNT_MQUEUE, 0x19800202 },
        };

        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
                request_init(&q);
                leave_out(all[i].kind);
                except(all[i].token);
                request_passes(&q);
                cr_assert_eq(request_mount_at(&q, all[i].target)->kind, all[i].mount, "real root mounts it");
                q.host.privilege = HOST_ENGINE_ROOT;
                request_passes(&q);
                cr_assert_eq(request_mount_at(&q, all[i].target)->kind, SPEC_MOUNT_BIND);
                cr_assert_str_eq(request_mount_at(&q, all[i].target)->source, all[i].target);
                cr_assert_eq(request_bind_at(&q, all[i].target)->kernel_magic, all[i].magic);
                cr_assert(request_mount_at(&q, all[i].target)->attr_set_recursive & MOUNT_ATTR_NOSUID);
                q.spec.linux_.namespaces[all[i].kind].is_given = true;
                request_passes(&q);
                cr_assert_eq(request_mount_at(&q, all[i].target)->kind, all[i].mount, "its own namespace");
        }
        cr_assert(request_mount_at(&q, "/sys")->attr_set & MOUNT_ATTR_RDONLY);
}

/* ---- devices ---- */

Test(policy_exceptions, a_device_is_the_one_that_the_host_has_there)
{
        static const struct host_device kvm = { "/dev/kvm", S_IFCHR, 10, 232 };
        static const struct spec_device_rule rules[] = {
                { .is_allow = false, .type = 'a', .major = -1, .minor = -1, .access = 7 },
                { .is_allow = true, .type = 'c', .major = 10, .minor = 232, .access = 6 },
        };
        struct spec_device node = { .type = S_IFCHR, .path = "/dev/kvm", .major = 10, .minor = 232 };
        struct spec_resources *resources = &q.spec.linux_.resources;

        q.spec.linux_.devices = &node;
        q.spec.linux_.n_devices = 1;
        resources->devices = rules;
        resources->n_devices = 2;
        q.host.devices = &kvm;
        q.host.n_devices = 1;
        request_is_refused(&q, "devices");
        cr_assert_not_null(strstr(q.err.text, "\"device:/dev/kvm\""), "%s", q.err.text);
        except("device:/dev/fuse");
        request_is_refused(&q, "devices");
        except("device:/dev/kvm");
        request_passes(&q);
        is_recorded("devices");
        cr_assert_eq(q.sandbox.spec.linux_.n_devices, 7);
        cr_assert_eq(q.sandbox.spec.linux_.resources.devices[1].minor, 232);
        cr_assert_eq(q.sandbox.spec.linux_.resources.devices[1].access, 7);

        /* Another one by that name, by --device /dev/sda:/dev/kvm. */
        node.type = S_IFBLK;
        node.major = 8;
        node.minor = 0;
        request_is_refused(&q, "devices");
}

Test(policy_exceptions, a_wide_rule_is_of_the_excepted_device_and_recorded)
{
        static const struct host_device kvm = { "/dev/kvm", S_IFCHR, 10, 232 };
        static const struct spec_device_rule rule = { .is_allow = true, .type = 'c', .major = 10, .minor = -1, .access = 6 };

        q.spec.linux_.resources.devices = &rule;
        q.spec.linux_.resources.n_devices = 1;
        q.host.devices = &kvm;
        q.host.n_devices = 1;
        except("device:/dev/kvm");
        request_passes(&q);
        is_recorded("devices");
        cr_assert_eq(q.sandbox.spec.linux_.resources.devices[1].minor, 232);
        for (size_t i = 2; i < q.sandbox.spec.linux_.resources.n_devices; i++)
                cr_assert_neq(q.sandbox.spec.linux_.resources.devices[i].major, 10);
}

Test(policy_exceptions, a_device_can_be_bound)
{
        static const struct host_device kvm = { "/dev/kvm", S_IFCHR, 10, 232 };
        struct host_source *source = request_bind(&q, "/dev/kvm", "/dev/kvm");

        source->mode = S_IFCHR | 0666;
        source->rdev = makedev(10, 232);
        q.host.devices = &kvm;
        q.host.n_devices = 1;
        request_is_refused(&q, "devices");
        except("device:/dev/kvm");
        request_passes(&q);
        cr_assert_not(request_mount_at(&q, "/dev/kvm")->attr_set & MOUNT_ATTR_NODEV, "it could not be opened");
        is_recorded("devices");
}

/* ---- each opens what it names, and nothing else ---- */

static const struct host_device kvm_there = { "/dev/kvm", S_IFCHR, 10, 232 };
static const struct spec_device kvm_asked = { .type = S_IFCHR, .path = "/dev/kvm", .major = 10, .minor = 232 };

enum { WANTS = 9 };
static const struct {
        const char *token;
        bool is_refused;        /* else made less without it */
} wants[WANTS] = {
        { "network.host", true }, { "pid.host", true }, { "ipc.host", false }, { "uts.host", false },
        { "noNewPrivileges", false }, { "capabilities.inheritable", false }, { "rootfs.propagation", true },
        { "device:/dev/kvm", true }, { "mount:/root", true },
};

static void ask_for(unsigned asked)
{
        static const enum spec_ns kinds[] = { SPEC_NS_NET, SPEC_NS_PID, SPEC_NS_IPC, SPEC_NS_UTS };

        request_init(&q);
        for (unsigned i = 0; i < 4; i++)
                q.spec.linux_.namespaces[kinds[i]].is_given = !(asked & 1u << i);
        q.spec.process.no_new_privileges = !(asked & 1u << 4);
        q.spec.process.caps.inheritable = asked & 1u << 5 ? BIT(CAP_CHOWN) : 0;
        q.spec.linux_.rootfs_propagation = asked & 1u << 6 ? MS_SHARED : 0;
        q.spec.linux_.devices = &kvm_asked;
        q.spec.linux_.n_devices = asked & 1u << 7 ? 1 : 0;
        q.host.devices = &kvm_there;
        q.host.n_devices = 1;
        if (asked & 1u << 8)
                request_bind(&q, "/root", "/roots");
}

static unsigned granted(void)
{
        const struct spec *spec = &q.sandbox.spec;
        unsigned got = 0;

        got |= is_hosts(SPEC_NS_NET) && !q.sandbox.egress_deny ? 1u << 0 : 0;
        got |= is_hosts(SPEC_NS_PID) ? 1u << 1 : 0;
        got |= is_hosts(SPEC_NS_IPC) ? 1u << 2 : 0;
        got |= is_hosts(SPEC_NS_UTS) ? 1u << 3 : 0;
        got |= !spec->process.no_new_privileges ? 1u << 4 : 0;
        got |= spec->process.caps.inheritable != 0 ? 1u << 5 : 0;
        got |= spec->linux_.rootfs_propagation & MS_SHARED ? 1u << 6 : 0;
        got |= spec->linux_.n_devices > 6 ? 1u << 7 : 0;
        for (size_t i = 0; i < spec->n_mounts; i++)
                got |= strcmp(spec->mounts[i].target, "/roots") == 0 ? 1u << 8 : 0;
        return got;
}

/* Every request under every set of exceptions: what is granted is what was asked for and excepted, so that one more
 * exception never gives anything but its own, and one less never anything more. */
Test(policy_exceptions, what_is_granted_is_what_was_asked_for_and_excepted, .timeout = 120)
{
        const char *list[WANTS];
        struct policy_exception some = { .id = "EX-9", .allow = { list, 0 }, .expires = "2027-01-31" };

        for (unsigned asked = 0; asked < 1u << WANTS; asked++) {
                for (unsigned excepted = 0; excepted < 1u << WANTS; excepted++) {
                        bool is_refused = false;
                        int r;

                        ask_for(asked);
                        some.allow.n = 0;
                        for (unsigned i = 0; i < WANTS; i++) {
                                if (excepted & 1u << i)
                                        list[some.allow.n++] = wants[i].token;
                                is_refused |= (asked & ~excepted & 1u << i) && wants[i].is_refused;
                        }
                        q.policy.exceptions = &some;
                        q.policy.n_exceptions = 1;
                        r = request_judge(&q);
                        cr_assert_eq(r < 0, is_refused, "asked %x, excepted %x: %s", asked, excepted, q.err.text);
                        if (r == 0) {
                                cr_assert_eq(granted(), asked & excepted, "asked %x, excepted %x", asked, excepted);
                                cr_assert(!is_hosts(SPEC_NS_USER) && !is_hosts(SPEC_NS_MOUNT) && !is_hosts(SPEC_NS_CGROUP));
                                cr_assert_eq(q.sandbox.seccomp_base, q.policy.profile.seccomp_base);
                                cr_assert_eq(q.sandbox.ids, SANDBOX_IDS_LEASE);
                                cr_assert_eq(q.sandbox.spec.process.caps.bounding & ~policy_profile_caps(&q.policy.profile), 0);
                        }
                        request_free(&q);
                }
        }
        request_init(&q);
}

/* ---- one that has ended ---- */

Test(policy_exceptions, one_that_has_ended_is_named_with_its_place_in_the_file)
{
        static const char *const names[] = { "untrusted" };
        const char *items[] = { "network.host", "ids:1000-1999" };
        struct policy_exception all[] = {
                { .id = "EX-0", .profile = "branch", .allow = { items, 2 }, .expires = "2026-01-01", .ends_at = 100 },
                { .id = "EX-1", .profile = "untrusted", .allow = { items, 2 }, .expires = "2026-01-31", .ends_at = 200 },
        };
        const struct policy_file file = { .name = "/etc/runb/policy.json", .exceptions = all, .n_exceptions = 2 };

        leave_out(SPEC_NS_NET);
        q.policy.file = &file;
        q.policy.profile_names = names;
        q.policy.n_profile_names = 1;
        q.policy.judged_at = 200;
        request_is_refused(&q, "namespaces.network");
        cr_assert_not_null(strstr(q.err.text, "exception EX-1 renewed, which ended with 2026-01-31: exceptions[1].expires of "
                                              "/etc/runb/policy.json"), "%s", q.err.text);
        q.policy.judged_at = 199;       /* in force, had it been chosen */
        request_is_refused(&q, "namespaces.network");
        cr_assert_not_null(strstr(q.err.text, "ask for an exception \"network.host\""), "%s", q.err.text);
}

Test(policy_exceptions, create_container_hooks)
{
        static char *args[] = { (char *)"h", NULL };
        static const struct spec_hook hook = { .path = "/usr/bin/h", .args = args };
        static struct host_hook fact = { .is_root_only = true, .real_path = "/usr/bin/h" };

        q.spec.hooks[SPEC_HOOK_CREATE_CONTAINER] = (struct spec_hook_list){ &hook, 1 };
        q.host.hooks[SPEC_HOOK_CREATE_CONTAINER] = &fact;
        request_is_refused(&q, "hooks.createContainer");
        except("hook:/usr/bin/h");
        request_is_refused(&q, "hooks.createContainer");
        except("hooks.createContainer");
        request_passes(&q);
        is_recorded("hooks.createContainer");
        fact.is_root_only = false;      /* the rules for other hooks go on */
        request_is_refused(&q, "hooks");
        fact.is_root_only = true;
}
