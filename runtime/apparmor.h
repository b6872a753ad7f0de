/* AppArmor, where it was chosen at configure time (apparmor.c); without it apparmor_none.c answers. */
#pragma once

#include "runtime/base/error.h"

/* Is AppArmor enabled here? Returns 0 or a negative errno with the reason. */
int apparmor_check(const char *profile, struct error *err);
