#include "runtime/apparmor.h"

#include <errno.h>

int apparmor_check(const char *profile, struct error *err)
{
        return error_set(err, ENOSYS, "apparmor: config provided but apparmor not supported (%s): this runb was built without "
                         "AppArmor; configure it without --without-apparmor", profile);
}
