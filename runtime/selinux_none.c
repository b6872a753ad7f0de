#include "runtime/selinux.h"

#include <errno.h>

int selinux_check(const char *label, struct error *err)
{
        return error_set(err, ENOSYS, "selinux label is specified in config, but selinux is disabled or not supported "
                         "(%s): this runb was built without SELinux; configure it without --without-selinux", label);
}
