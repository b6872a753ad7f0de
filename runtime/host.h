/* Gathers the facts that policy judges by (policies/host.h). */
#pragma once

#include "oci-spec/spec.h"
#include "policies/host.h"
#include "runtime/base/arena.h"

/* @bundle: absolute, relative sources count from it. What cannot be found out is recorded in the facts,
 * not an error; only the lack of memory or of /proc is. */
int host_gather(const struct spec *spec, const char *bundle, struct arena *arena, struct host *ret_host,
                struct error *err);

enum host_privilege host_privilege(void);
