/* The law that holds on a host whose administrator wrote none, and the profiles that files begin with. How many run at
 * once is bounded where the file says so.
 *
 * The built-in policy is `untrusted`, what a pull request from a stranger may have, without a wall clock and without a
 * bound on how many run at once but the ranges of ids. */
#include "policies/policy.h"

#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>

#define CAP_BIT(number) (UINT64_C(1) << (number))

/* What dpkg, rpm, apk, useradd and a test suite need of root: files, ids and processes of their own. All of it counts
 * in the build's user namespace only. */
#define UNTRUSTED_CAPS                                                                                                 \
        (CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_FSETID) |                  \
         CAP_BIT(CAP_SETGID) | CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETPCAP) | CAP_BIT(CAP_SETFCAP) | CAP_BIT(CAP_KILL) | \
         CAP_BIT(CAP_SYS_CHROOT) | CAP_BIT(CAP_NET_BIND_SERVICE))

/* docker's default (14 of them) less NET_RAW, MKNOD and AUDIT_WRITE is the same list. */
#define BRANCH_CAPS UNTRUSTED_CAPS

#define MINUTES UINT64_C(60)
#define DEFAULT(number) { .is_set = true, .value = (number) }

/* core(5): with a piped core_pattern a limit of 0 still runs the host's helper as root, 1 does not. */
#define COMMON_LIMITS [POLICY_LIMIT_PIDS] = DEFAULT(4096), [POLICY_LIMIT_CORE] = DEFAULT(1)

#define COMMON_MEMBERS                                                                                                 \
        .seccomp_setuid_files = true, .mounts = { .sockets = POLICY_SOCKETS_REFUSE },                                  \
        .egress_mode = POLICY_EGRESS_DENY, .ingress = POLICY_INGRESS_ESTABLISHED

static const char *const untrusted_name[] = { "untrusted" };

const struct policy *policy_builtin(void)
{
        static const struct policy builtin = {
                .revision = "built-in",
                .profile = { .name = "untrusted", .caps = UNTRUSTED_CAPS, COMMON_MEMBERS, .limits = { COMMON_LIMITS } },
                .chosen_by = "no policy file",
                .profile_names = untrusted_name, .n_profile_names = 1,
                .ids_size = 65536,
        };

        return &builtin;
}

/* "/dev/fuse" for fuse-overlayfs. */
#define FUSE_MAJOR 10
#define FUSE_MINOR 229

static const struct policy_device image_build_devices[] = {
        { .path = "/dev/fuse", .type = S_IFCHR, .major = FUSE_MAJOR, .minor = FUSE_MINOR },
};

static const struct policy_profile builtins[] = {
        {
                .name = "untrusted", .caps = UNTRUSTED_CAPS, COMMON_MEMBERS,
                .limits = { COMMON_LIMITS, [POLICY_LIMIT_WALL] = DEFAULT(30 * MINUTES) },
        },
        {
                .name = "branch", .caps = BRANCH_CAPS, COMMON_MEMBERS, .seccomp_base = POLICY_SECCOMP_BASE_ENGINE,
                .limits = { COMMON_LIMITS, [POLICY_LIMIT_WALL] = DEFAULT(120 * MINUTES) },
        },
        {
                .name = "image-build", .caps = BRANCH_CAPS | CAP_BIT(CAP_SYS_ADMIN), COMMON_MEMBERS,
                .seccomp_base = POLICY_SECCOMP_BASE_IMAGE_BUILD, .seccomp_user_namespaces = true,
                .devices = image_build_devices, .n_devices = 1,
                .limits = { COMMON_LIMITS, [POLICY_LIMIT_WALL] = DEFAULT(60 * MINUTES) },
        },
        {
                .name = "release", .caps = CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE), COMMON_MEMBERS,
                .rootfs = POLICY_ROOTFS_READONLY,
                .limits = { COMMON_LIMITS, [POLICY_LIMIT_WALL] = DEFAULT(10 * MINUTES) },
        },
};

const struct policy_profile *policy_profile_builtins(size_t *ret_n)
{
        *ret_n = sizeof builtins / sizeof *builtins;
        return builtins;
}

const struct policy_profile *policy_profile_builtin(const char *name)
{
        for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++) {
                if (strcmp(builtins[i].name, name) == 0)
                        return &builtins[i];
        }
        return NULL;
}
