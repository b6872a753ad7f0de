/* Whose a namespace is that config.json names by path: a zone is what containers of one profile share, and a container of
 * another profile is not let in. */
#pragma once

#include "oci-spec/spec.h"
#include "policies/host.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"

/* Fills in which container lives in each of the namespaces that are joined, and its profile. No system call where none is.
 * @root: the caller's --root, the first to be looked at. */
int zones_gather(const char *root, const struct spec *spec, struct arena *arena, struct host *host, struct error *err);
