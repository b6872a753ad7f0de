/* Whether what the build writes into its root reaches the engine's tree. */
#pragma once

#include <stddef.h>

#include "policies/sandbox.h"

struct judge;

#define POLICY_ROOTFS_MOUNTS 3

/* Rule "rootfs". Always 0. */
int policy_rootfs_judge(struct judge *judge, struct sandbox *sandbox);

/* What a read-only root has to write to, as the first of all mounts, so that those of the engine lie in them.
 * @ret_mounts: room for POLICY_ROOTFS_MOUNTS. Returns how many there are. */
size_t policy_rootfs_add_mounts(struct judge *judge, struct spec_mount *ret_mounts);
