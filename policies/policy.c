/* The law that holds on a host whose administrator wrote none: what a pull request from a stranger may have. */
#include "policies/policy.h"

#include <linux/capability.h>

#define CAP_BIT(number) (UINT64_C(1) << (number))

/* What dpkg, rpm, apk, useradd and a test suite need of root: files, ids and processes of their own. All of it counts
 * in the build's user namespace only. */
#define UNTRUSTED_CAPS                                                                                                 \
        (CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_FSETID) |                  \
         CAP_BIT(CAP_SETGID) | CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETPCAP) | CAP_BIT(CAP_SETFCAP) | CAP_BIT(CAP_KILL) | \
         CAP_BIT(CAP_SYS_CHROOT) | CAP_BIT(CAP_NET_BIND_SERVICE))

const struct policy *policy_builtin(void)
{
        static const struct policy builtin = {
                .revision = "built-in",
                .profile = {
                        .name = "untrusted",
                        .caps = UNTRUSTED_CAPS,
                        .seccomp_setuid_files = true,
                        .seccomp_user_namespaces = false,
                        .allow_create_container_hooks = false,
                        .pids_limit = 4096,
                        .core_limit_bytes = 1,
                        .max_user_namespaces = 0,
                        .max_inotify_instances = 128,
                        .ids_size = 65536,
                        .env_deny = NULL,
                },
        };

        return &builtin;
}
