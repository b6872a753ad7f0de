/* What create, run and start share. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/state.h"

/* Before its program runs. Returns 0, or a negative errno where the policy refuses what cannot be recorded. */
int launch_audit_start(const struct state *state, struct error *err);
