/* OCI hooks: in which order, as whom, with which state on stdin, and for how long. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "oci-spec/spec.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"

/* Opens every hook's executable once on the host (O_PATH|O_CLOEXEC), so that it is the file that was judged that
 * runs, by that fd (execveat). @ret_fds: list->n fds in the arena (NULL when there are none), the caller closes them
 * with hooks_close(). */
int hooks_prepare(struct arena *arena, const struct spec_hook_list *list, enum spec_hook_kind kind, int **ret_fds,
                  struct error *err);

/* Accepts NULL. May run twice. */
void hooks_close(int *fds, size_t n);

/* Runs them one after another in the caller's namespaces, the OCI state on stdin, the environment exactly the hook's,
 * stdout and stderr of the hook kept from ours and quoted (first 512 bytes) in the error. A hook over its timeout is
 * killed with its process group. The caller's working folder, ids and capabilities are the hook's.
 * @fds: from hooks_prepare(); NULL: by path. A hook without a path is left out.
 * Errors keep runc's words: "error running createRuntime hook #0: exit status 1, stdout: ..., stderr: ...".
 * @is_failure_fatal: false for poststop: a warning to the log, and the others still run. */
int hooks_run(const struct spec_hook_list *list, enum spec_hook_kind kind, const int *fds, const char *state_json,
              bool is_failure_fatal, struct error *err);

/* ---- One hook, by system calls only: startContainer hooks are run by init itself, between clone and exec. ---- */

#define HOOKS_OUTPUT_BYTES 512u

enum hooks_end {
        HOOKS_SUCCEEDED,        /* exit status 0 */
        HOOKS_EXITED,           /* value: the exit status */
        HOOKS_SIGNALED,         /* value: the signal */
        HOOKS_TIMED_OUT,        /* value: 0; it was killed */
        HOOKS_NOT_READY,        /* value: errno of before_exec() */
        HOOKS_NOT_EXECUTED,     /* value: errno of execve(2) */
        HOOKS_NOT_STARTED,      /* value: errno of a system call of ours before the hook existed */
};

struct hooks_call {
        const struct spec_hook *hook;
        int exec_fd;                    /* the executable, O_PATH; UNSET_FD: by hook->path, as the caller sees it */
        const char *state;              /* the OCI state */
        size_t state_length;
        /* Called in the hook's process last before exec, when its stdio is set up and every other fd is close-on-exec:
         * the launcher loads seccomp there. Returns 0 or a positive errno. NULL: nothing. */
        int (*before_exec)(void *context);
        void *context;
};

struct hooks_outcome {
        enum hooks_end end;
        int value;
        char output[HOOKS_OUTPUT_BYTES];        /* the first bytes of stdout, as they came */
        char errors[HOOKS_OUTPUT_BYTES];        /* the first bytes of stderr */
        size_t output_length, errors_length;
};

/* Runs one hook to its end in a process of its own (new session, default signals, empty mask, stdin the state, no other
 * fd). Safe between clone and exec. Returns whether it succeeded. */
bool hooks_child_run(const struct hooks_call *call, struct hooks_outcome *ret_outcome);

/* Writes the sentence for an outcome that is no success. @index: of the hook in its list. Returns a negative errno. */
int hooks_describe(enum spec_hook_kind kind, size_t index, const struct spec_hook *hook,
                   const struct hooks_outcome *outcome, struct error *err);
