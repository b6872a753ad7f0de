/* Ids: a private range of the build's own, or the engine's mapping after it has been checked. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Decides where the build's ids come from, and that none of the host's users is among them. Needs the namespaces
 * judged. Sets ids, ids_size, the maps and group_key. Rules "ids.*". Returns 0 or -ENOMEM. */
int policy_userns_judge(struct judge *judge, struct sandbox *sandbox);
