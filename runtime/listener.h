/* The listener of SCMP_ACT_NOTIFY: made by seccomp(2) in the process that is to be filtered, sent by the runtime to the
 * engine's agent (runtime-spec, config-linux.md "Seccomp" and "The Container Process State").
 *
 * The parent connects to the agent, as itself, just before the filter is loaded, and sends one state and the fd; nothing
 * of the agent's is ever in a process of the build. Between the load and exec no system call of ours could be answered by
 * an agent that does not have the fd yet, or be refused by the filter; so a second thread, which has no filter, speaks to
 * the parent, the first one waits for it in memory alone, and exec ends it before the build's first instruction.
 *
 * What an agent answers can widen nothing: the profile's filter is loaded first, without a listener, and of two filters
 * the kernel takes the stricter answer (seccomp(2)), so a call that the profile refuses never reaches the agent, and
 * SECCOMP_USER_NOTIF_FLAG_CONTINUE runs the call as the build. What it does by its own power is the agent's: policy
 * asks for a socket that only root can have put there. */
#pragma once

#include <sys/types.h>

#include "oci-spec/spec.h"
#include "runtime/base/error.h"
#include "runtime/child.h"
#include "runtime/process.h"
#include "runtime/seccomp.h"
#include "runtime/state.h"

/* In the container's folder, from create to start: by it start speaks to init, which has no other way to hand it an fd. */
#define LISTENER_SOCKET "listener.sock"

static inline bool listener_is_wanted(const struct seccomp_filter *filter)
{
        return filter->code != NULL && (filter->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0;
}

/* Parent, create: binds LISTENER_SOCKET below the folder at @dir_fd. @ret_fd: the caller's, for init to accept on. */
int listener_bind(int dir_fd, int *ret_fd, struct error *err);
/* Parent, start: connects to it. */
int listener_open(int dir_fd, int *ret_fd, struct error *err);

/* What the parent needs to answer a process. All is borrowed but @agent_fd, which is UNSET_FD to begin with and closed by
 * listener_close(). */
struct listener_service {
        const struct spec_seccomp *seccomp;
        const struct state *state;
        enum state_status status;       /* of the container, as the agent shall see it */
        pid_t pid;                      /* of the process, as we see it */
        int agent_fd;
        int watch_fd;                   /* >= 0: what denials_begin() made gets the listener, and no agent; borrowed */
};

/* Parent: answers CHILD_LISTENER_NEXT (connects to the agent) and CHILD_LISTENER (sends it the state and @fd, and closes
 * the connection). @fd stays the caller's. Returns 0 or a negative errno (the process must not go on then). */
int listener_answer(struct listener_service *service, int channel_fd, const struct child_message *message, int fd,
                    struct error *err);
void listener_close(struct listener_service *service);

/* Child: loads both filters, hands the listener over and executes @path. @error_fd: as process_child_exec() has it. */
void listener_child_exec(const struct process_plan *plan, const struct process_ready *ready, const char *path, int error_fd)
        __attribute__((noreturn));
