/* createContainer hooks: programs of the host, run inside the new namespaces when everything is mounted and nothing is
 * pivoted yet (runtime-spec, config.md "CreateContainer Hooks"). Only a policy that allows them lets one come here.
 *
 * The rootfs then lies at its path of the host, where such a hook looks for it, and it is the hook's working folder. The
 * hook has the runtime's capabilities, and the ids of the build's root: on disk those are the image's 0, while a file made
 * as the host's 0 would belong to nobody in an id-mapped mount (EOVERFLOW). mount(8) and the like, which ask for uid 0
 * where mount(2) asks for a capability, are of no use to it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "oci-spec/spec.h"

struct create_hooks_ready {
        const int *fds;                 /* the executables, from hooks_prepare(); borrowed */
        const char *state;              /* the OCI state JSON */
        size_t state_length;
};

/* Child: runs them in order and ends with the first that fails (STEP_CREATE_HOOK). @uid, @gid: outside ids of the
 * container's root. */
void create_hooks_child_run(const struct spec_hook_list *hooks, const struct create_hooks_ready *ready, int root_fd,
                            uint32_t uid, uint32_t gid, int report_fd);
