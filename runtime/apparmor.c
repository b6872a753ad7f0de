#include "runtime/apparmor.h"

#include <dlfcn.h>
#include <errno.h>

int apparmor_check(const char *profile, struct error *err)
{
        int (*is_enabled)(void);
        void *library = dlopen("libapparmor.so.1", RTLD_NOW | RTLD_LOCAL);
        int r = 0;

        if (library == NULL)
                return error_set(err, ENOENT, "%s: libapparmor.so.1 cannot be loaded; install libapparmor1", profile);
        is_enabled = (int (*)(void))dlsym(library, "aa_is_enabled");
        if (is_enabled == NULL)
                r = error_set(err, ENOSYS, "%s: libapparmor has no aa_is_enabled()", profile);
        else if (!is_enabled())
                r = error_set(err, ENOSYS, "%s: AppArmor is not enabled on this host; leave the profile out, or boot with it", profile);
        dlclose(library);
        return r;
}
