/* linux.intelRdt: the shares of caches and memory bandwidth, which belong to the host. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Rule "intelRdt.closID": the default class is every process's that is in no other, so its shares are not a build's to
 * set; and a class that exists already is joined only where this runtime made it or an administrator opened it, which
 * is found out when the group is opened. Returns 0. */
int policy_intelrdt_judge(struct judge *judge, struct sandbox *sandbox);
