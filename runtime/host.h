/* Gathers the facts that policy judges by (policies/host.h). */
#pragma once

#include "oci-spec/spec.h"
#include "policies/host.h"
#include "policies/policy.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"

/* Looks at what the spec names and at little else. Nothing stays open and nothing is changed.
 * @bundle: absolute, relative sources and the rootfs count from it. What cannot be found out is recorded in the facts,
 * not an error; only the lack of memory or of /proc is. */
int host_gather(const struct spec *spec, const char *bundle, struct arena *arena, struct host *ret_host,
                struct error *err);

/* Of the caller, without anything else: what exec and update need (has_seccomp, limits and ids are filled in, too). */
int host_gather_caller(struct arena *arena, struct host *ret_host, struct error *err);

/* The limits of this process that @policy limits, too. */
void host_gather_rlimits(const struct policy *policy, struct host *host);

/* The devices that @policy's exceptions name. */
int host_gather_devices(const struct policy *policy, struct arena *arena, struct host *host, struct error *err);

/* Can only root (or, rootless, the caller) change what is at @path (absolute)? */
bool host_is_root_only(const char *path, enum host_privilege privilege);
/* The same of an open file (O_PATH), by the path that leads to it here. */
bool host_is_root_only_file(struct arena *arena, int fd);

/* What @policy's egress list asks for: the addresses of the caller's network namespace, and those of the listed host names,
 * which are asked for in it within a few seconds. Nothing where nothing is listed. What has no address is a fact, no error. */
int host_gather_network(const struct policy *policy, struct arena *arena, struct host *host, struct error *err);

/* Real root is root of the initial user namespace, by /proc/self/uid_map. Without /proc: a plain user. */
enum host_privilege host_privilege(void);
