/* Asks the kernel itself, as libselinux does: selinuxfs is mounted where SELinux is enabled, and its file "context" takes
 * what is a context of the loaded policy. No library for that. */
#include "runtime/selinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/base/auto.h"

int selinux_check(const char *label, struct error *err)
{
        auto_close int fd = UNSET_FD;
        struct statfs fs;

        if (statfs("/sys/fs/selinux", &fs) < 0 || (unsigned long)fs.f_type != SELINUX_MAGIC)
                return error_set(err, ENOSYS, "selinux label is specified in config, but selinux is disabled or not supported "
                                 "(%s); leave the label out, or boot with SELinux", label);
        fd = open("/sys/fs/selinux/context", O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return error_errno(err, errno, "%s: open /sys/fs/selinux/context", label);
        /* With its NUL, in one write: security/selinux/selinuxfs.c, sel_write_context(). */
        if (write(fd, label, strlen(label) + 1) < 0)
                return errno == EINVAL ? error_set(err, EINVAL, "%s is no valid context of the loaded policy", label) :
                                         error_errno(err, errno, "%s: write /sys/fs/selinux/context", label);
        return 0;
}
