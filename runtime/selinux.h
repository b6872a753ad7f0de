/* SELinux, where it was chosen at configure time (selinux.c); without it selinux_none.c answers. */
#pragma once

#include "runtime/base/error.h"

/* Is SELinux enabled here and the context valid? Returns 0 or a negative errno with the reason. */
int selinux_check(const char *label, struct error *err);
