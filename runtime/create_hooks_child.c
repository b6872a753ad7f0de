/* Between clone and exec: system calls only. */
#include "runtime/create_hooks.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/hooks.h"
#include "runtime/child.h"

struct become {
        int root_fd;
        uint32_t uid, gid;
};

/* In the hook's own process. Returns errno. */
static int become_root_of_build(void *context)
{
        const struct become *become = context;
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2];

        if (fchdir(become->root_fd) < 0)
                return errno;
        /* Init's SECBIT_NO_SETUID_FIXUP keeps the capabilities here; across exec it is the ambient set that does. */
        if (syscall(SYS_setresgid, become->gid, become->gid, become->gid) < 0 ||
            syscall(SYS_setresuid, become->uid, become->uid, become->uid) < 0 || syscall(SYS_capget, &header, data) < 0)
                return errno;
        for (unsigned i = 0; i < 2; i++)
                data[i].inheritable = data[i].permitted;
        if (syscall(SYS_capset, &header, data) < 0)
                return errno;
        for (unsigned cap = 0; cap < 64; cap++)
                if ((data[cap / 32].permitted & 1u << cap % 32) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
                        return errno;
        if (prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) < 0)
                return errno;
        umask(022);
        return 0;
}

void create_hooks_child_run(const struct spec_hook_list *hooks, const struct create_hooks_ready *ready, int root_fd,
                            uint32_t uid, uint32_t gid, int report_fd)
{
        struct become become = { root_fd, uid, gid };

        for (uint32_t i = 0; i < hooks->n; i++) {
                struct hooks_outcome outcome;
                const struct hooks_call call = {
                        .hook = &hooks->hooks[i], .exec_fd = ready->fds[i],
                        .state = ready->state, .state_length = ready->state_length,
                        .before_exec = become_root_of_build, .context = &become,
                };

                if (!hooks_child_run(&call, &outcome))
                        child_fail(report_fd, STEP_CREATE_HOOK, i, (int)outcome.end << 16 | (outcome.value & 0xffff));
        }
}
