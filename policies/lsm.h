/* Labels of AppArmor and SELinux: the engine's. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Keeps the labels and records those that confine nothing. Rule "lsm". */
int policy_lsm_judge(struct judge *judge, struct spec_process *process);
