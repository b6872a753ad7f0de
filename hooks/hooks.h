/* OCI hooks: in which order, as whom, with which state on stdin, and for how long. */
#pragma once

#include <stddef.h>

#include "oci-spec/spec.h"
#include "runtime/base/error.h"

struct hooks_file { int fd; };

/* Opens every hook's executable once on the host (O_PATH|O_CLOEXEC), so that it is the file that was judged that
 * runs, by that fd (execveat). @ret_fds: n fds in the arena, the caller closes them with hooks_close(). */
int hooks_prepare(struct arena *arena, const struct spec_hook_list *list, enum spec_hook_kind kind, int **ret_fds,
                  struct error *err);
void hooks_close(int *fds, size_t n);

/* Runs them one after another in the caller's namespaces, the OCI state on stdin, the environment exactly the hook's, stdout and
 * stderr of the hook kept from ours and quoted (first 512 bytes) in the error. A hook over its timeout is killed with what it started.
 * Errors keep runc's words: "error running createRuntime hook #0: exit status 1, stdout: ..., stderr: ...".
 * @is_failure_fatal: false for poststop: a warning to the log, and the others still run. */
int hooks_run(const struct spec_hook_list *list, enum spec_hook_kind kind, const int *fds, const char *state_json,
              bool is_failure_fatal, struct error *err);
