/* The environment: names that the profile denies go. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Strips denied names, or refuses them; findings name them, never their values. Rule "env". Returns 0 or -ENOMEM. */
int policy_env_judge(struct judge *judge, struct spec_process *process);
