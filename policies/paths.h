/* Paths: of the image that are masked, of the host that are no image, and how they are compared. */
#pragma once

#include "policies/sandbox.h"

struct judge;

/* Adds the masked and read-only paths that every engine knows, and judges the rootfs, its propagation and the cgroup's
 * path. Rules "paths.*", "rootfs", "rootfs.*", "cgroups.path". Returns 0 or -ENOMEM. */
int policy_paths_judge(struct judge *judge, struct sandbox *sandbox);

/* An absolute path without empty, "." and ".." components and without a final slash: "/" for the root. By its letters
 * only, links are not looked at. @path may be relative to "/". NULL when memory runs out. */
const char *policy_paths_clean(struct arena *arena, const char *path);

/* @path is @folder or lies below it, compared by component. Both clean. */
bool policy_paths_is_in(const char *path, const char *folder);
/* How many components of @path lie below @folder; 0 when it is @folder, -1 when it is not in it. Both clean. */
int policy_paths_depth_in(const char *path, const char *folder);
