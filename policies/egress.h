/* Egress: denied by default. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Refuses a host that cannot hold the rules; notes devices moved into the build. Rules "egress", "netDevices". */
int policy_egress_judge(struct judge *judge, struct sandbox *sandbox);
