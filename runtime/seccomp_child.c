/* Loads a filter. After no_new_privs: without it seccomp(2) asks for CAP_SYS_ADMIN, see raise_for_filters(). */
#include "runtime/seccomp.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static long load(const struct seccomp_filter *filter, unsigned flags)
{
        struct sock_fprog program = { .len = filter->n, .filter = filter->code };

        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static int load_without_listener(const struct seccomp_filter *filter, unsigned flags)
{
        long r = load(filter, flags);

        if (r > 0) {
                /* seccomp(2), TSYNC: the thread that could not be brought along. */
                errno = EAGAIN;
                return -1;
        }
        return r < 0 ? -1 : 0;
}

int seccomp_child_load(const struct seccomp_filter *filter)
{
        return filter->code == NULL ? 0 : load_without_listener(filter, filter->flags);
}

int seccomp_child_load_listener(const struct seccomp_filter *filter)
{
        return (int)load(filter, filter->flags);
}

int seccomp_child_load_deaf(const struct seccomp_filter *filter)
{
        const unsigned of_listener = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

        return filter->code == NULL ? 0 : load_without_listener(filter, filter->flags & ~of_listener);
}
