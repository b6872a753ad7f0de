/* Loads a filter. After no_new_privs: without it seccomp(2) asks for CAP_SYS_ADMIN, which is gone by then. */
#include "runtime/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

int seccomp_child_load(const struct seccomp_filter *filter)
{
        struct sock_fprog program = { .len = filter->n, .filter = filter->code };
        long r;

        if (filter->code == NULL)
                return 0;
        r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &program);
        if (r > 0) {
                /* seccomp(2), TSYNC: the thread that could not be brought along. */
                errno = EAGAIN;
                return -1;
        }
        return r < 0 ? -1 : 0;
}
