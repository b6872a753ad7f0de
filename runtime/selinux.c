#include "runtime/selinux.h"

#include <dlfcn.h>
#include <errno.h>

int selinux_check(const char *label, struct error *err)
{
        int (*is_enabled)(void);
        int (*check_context)(const char *);
        void *library = dlopen("libselinux.so.1", RTLD_NOW | RTLD_LOCAL);
        int r = 0;

        if (library == NULL)
                return error_set(err, ENOENT, "%s: libselinux.so.1 cannot be loaded; install libselinux1", label);
        is_enabled = (int (*)(void))dlsym(library, "is_selinux_enabled");
        check_context = (int (*)(const char *))dlsym(library, "security_check_context");
        if (is_enabled == NULL || check_context == NULL)
                r = error_set(err, ENOSYS, "%s: libselinux lacks is_selinux_enabled() or security_check_context()", label);
        else if (is_enabled() != 1)
                r = error_set(err, ENOSYS, "%s: SELinux is not enabled on this host; leave the label out, or boot with it", label);
        else if (check_context(label) < 0)
                r = error_set(err, EINVAL, "%s is no valid context of the loaded policy", label);
        dlclose(library);
        return r;
}
