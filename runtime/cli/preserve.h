/* --preserve-fds and LISTEN_FDS: which of the caller's fds the program keeps. */
#pragma once

#include "oci-spec/spec.h"
#include "runtime/cli/cli.h"

/* Every other fd of the caller is closed, not just at exec: buildah's are the far ends of the container's own pipes,
 * and whoever reads them waits for their end, also while a created container waits for start.
 *
 * Checks that fds 3 to 3 + N - 1 are open, N being the larger of @asked and what LISTEN_FDS says for us
 * (sd_listen_fds(3):
 * LISTEN_PID must be our pid). @ret_n: N. @ret_listen: what LISTEN_FDS said, 0: nothing. To be called before any file
 * is opened. */
int preserve_check(uint32_t asked, unsigned *ret_n, unsigned *ret_listen, struct error *err);
