/* Asks the kernel itself, as libapparmor's aa_is_enabled(3) does: no library for one line of a file. */
#include "runtime/apparmor.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "runtime/base/auto.h"

int apparmor_check(const char *profile, struct error *err)
{
        auto_close int fd = open("/sys/module/apparmor/parameters/enabled", O_RDONLY | O_CLOEXEC | O_NOCTTY);
        char answer = 'N';

        if (fd < 0 && errno != ENOENT)
                return error_errno(err, errno, "%s: open /sys/module/apparmor/parameters/enabled", profile);
        if (fd >= 0 && read(fd, &answer, 1) < 0)
                return error_errno(err, errno, "%s: read /sys/module/apparmor/parameters/enabled", profile);
        if (answer != 'Y')
                return error_set(err, ENOSYS, "apparmor: config provided but apparmor not supported (%s); leave the profile out, "
                                 "or boot with AppArmor", profile);
        return 0;
}
