/* Egress: denied by default. */
#pragma once

#include "policies/sandbox.h"

struct judge;
struct host_address;

/* What an address is whatever host it is looked at from. */
enum policy_egress_kind { POLICY_EGRESS_PUBLIC, POLICY_EGRESS_PRIVATE, POLICY_EGRESS_CLOSED };
enum policy_egress_kind policy_egress_kind(const struct host_address *address);

/* Refuses a host that cannot hold the rules; notes devices moved into the build. Rules "egress", "netDevices". */
/* Of a process that the profile gives a proxy: sets the variables that name it, whatever they were. Rule
 * "egress.proxy". */
int policy_egress_judge_process(struct judge *judge, struct spec_process *process);

int policy_egress_judge(struct judge *judge, struct sandbox *sandbox);
