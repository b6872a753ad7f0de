/* Hooks: programs of the host, run with its power; only files that nobody but root could have put there. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Refuses hooks that others than root can write or that the build can, and createContainer hooks where the profile has
 * none. and those that the profile's list has not. Rules "hooks", "hooks.allowPaths", "hooks.createContainer". */
int policy_hooks_judge(struct judge *judge, struct sandbox *sandbox);
