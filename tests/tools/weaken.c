/* runb with one control of the sandbox taken away, named in RUNB_TEST_WEAKEN: `runb selftest` has to notice each.
 * Linked around harden(), what loads filters, and the system calls that the rest is made of. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "policies/sandbox.h"
#include "runtime/seccomp.h"

typedef int harden_function(const struct spec *spec, const struct policy *policy, const struct host *host,
                            struct arena *arena, struct sandbox *ret_sandbox, struct findings *findings,
                            struct error *err);
harden_function __real_harden, __wrap_harden;
int __real_seccomp_child_load(const struct seccomp_filter *filter);
int __wrap_seccomp_child_load(const struct seccomp_filter *filter);
int __real_close_range(unsigned first, unsigned last, int flags),
        __wrap_close_range(unsigned first, unsigned last, int flags);
long __real_syscall(long number, ...), __wrap_syscall(long number, ...);
typedef int mount_setattr_function(int dir_fd, const char *path, unsigned flags, struct mount_attr *attributes,
                                   size_t size);
mount_setattr_function __real_mount_setattr, __wrap_mount_setattr;

static int is_weak(const char *word)
{
        const size_t length = strlen(word);

        for (const char *at = getenv("RUNB_TEST_WEAKEN"); at != NULL && *at != '\0'; at += *at == ',') {
                const size_t n = strcspn(at, ",");

                if (n == length && strncmp(at, word, n) == 0)
                        return 1;
                at += n;
        }
        return 0;
}

/* Of the kinds that show the host and are read-only: writable. */
static void weaken_mounts(struct spec *weak)
{
        struct spec_mount *mounts = (struct spec_mount *)(uintptr_t)weak->mounts;

        for (size_t i = 0; i < weak->n_mounts; i++) {
                if ((mounts[i].kind == SPEC_MOUNT_CGROUP && is_weak("cgroup")) ||
                    (mounts[i].kind == SPEC_MOUNT_SYSFS && is_weak("sysfs")))
                        mounts[i].attr_set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
        }
}

int __wrap_harden(const struct spec *spec, const struct policy *policy, const struct host *host, struct arena *arena,
                  struct sandbox *ret_sandbox, struct findings *findings, struct error *err)
{
        static const struct spec_id_map hosts = { 0, 0, 65536 };
        static struct spec_device nodes[16] = {
                { .type = S_IFCHR, .path = "/dev/loop-control", .major = 1, .minor = 5 }
        };
        static char path[] = "PATH=/", home[] = "HOME=/", secret[] = "RUNB_SELFTEST_SECRET=leaked";
        static char *const leaked[] = { path, home, secret, NULL };
        int r = __real_harden(spec, policy, host, arena, ret_sandbox, findings, err);
        struct spec *weak = &ret_sandbox->spec;

        if (r < 0)
                return r;
        if (is_weak("egress"))
                ret_sandbox->egress_deny = false;
        if (is_weak("landlock"))
                ret_sandbox->abstract_sockets = SANDBOX_ABSTRACT_OPEN;
        if (is_weak("ports"))
                ret_sandbox->tcp_ports.is_limited = false;
        if (is_weak("userns"))
                ret_sandbox->max_user_namespaces = 64;
        if (is_weak("caps"))
                weak->process.caps.bounding = weak->process.caps.effective = weak->process.caps.permitted =
                        (1ull << 40) - 1;
        if (is_weak("nnp"))
                weak->process.no_new_privileges = false;
        if (is_weak("masks"))
                weak->linux_.n_masked_paths = weak->linux_.n_readonly_paths = 0;
        if (is_weak("pids"))
                weak->linux_.resources.pids_limit = (struct spec_number){ 0 };
        if (is_weak("rlimits"))
                weak->process.n_rlimits = 0;
        if (is_weak("env")) {
                weak->process.env = leaked;
                weak->process.n_env = 3;
        }
        weaken_mounts(weak);
        if (is_weak("inotify"))
                ret_sandbox->max_inotify_instances = 1 << 20;
        if (is_weak("pidns"))
                weak->linux_.namespaces[SPEC_NS_PID].is_given = false;
        if (is_weak("devices"))
                weak->linux_.resources.n_devices = 0;
        if (is_weak("nodes") && weak->linux_.n_devices < 15) {
                memcpy(nodes + 1, weak->linux_.devices, weak->linux_.n_devices * sizeof *nodes);
                weak->linux_.devices = nodes;
                weak->linux_.n_devices++;
        }
        if (is_weak("mounts"))
                ret_sandbox->max_namespaces = POLICY_MAX_NAMESPACES;
        if (is_weak("ids")) {
                ret_sandbox->ids = SANDBOX_IDS_ENGINE;
                ret_sandbox->uid_map = ret_sandbox->gid_map = &hosts;
                ret_sandbox->n_uid_map = ret_sandbox->n_gid_map = 1;
        }
        return 0;
}

int __wrap_seccomp_child_load(const struct seccomp_filter *filter)
{
        return is_weak("seccomp") ? 0 : __real_seccomp_child_load(filter);
}

long __wrap_syscall(long number, ...)
{
        long arguments[6];
        va_list list;

        va_start(list, number);
        for (int i = 0; i < 6; i++)
                arguments[i] = va_arg(list, long);
        va_end(list);
        if ((number == SYS_keyctl && is_weak("keyring")) || (number == SYS_close_range && is_weak("fds")))
                return 0;
        return __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                              arguments[5]);
}

int __wrap_mount_setattr(int dir_fd, const char *path, unsigned flags, struct mount_attr *attributes, size_t size)
{
        if (is_weak("idmap") && attributes->attr_set == MOUNT_ATTR_IDMAP)
                return 0;
        if (is_weak("nodev"))
                attributes->attr_set &= ~(uint64_t)MOUNT_ATTR_NODEV;
        if (is_weak("cgroup") || is_weak("sysfs"))
                attributes->attr_set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
        return __real_mount_setattr(dir_fd, path, flags, attributes, size);
}

int __wrap_close_range(unsigned first, unsigned last, int flags)
{
        return is_weak("fds") ? 0 : __real_close_range(first, last, flags);
}
