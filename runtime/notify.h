/* NOTIFY_SOCKET: a service manager's readiness protocol (sd_notify(3)) for the program in a container.
 *
 * Where the runtime is called with NOTIFY_SOCKET, create gives the container a folder at NOTIFY_TARGET and NOTIFY_ENV;
 * start (or run) puts a datagram socket into it, waits for READY=1 and tells the service manager. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "oci-spec/spec.h"
#include "runtime/base/error.h"

#define NOTIFY_FOLDER "notify"                  /* in the container's state folder: the source of the bind */
#define NOTIFY_TARGET "/run/notify"             /* its target: bind, ro, nosuid, nodev, noexec */
#define NOTIFY_ENV "NOTIFY_SOCKET=/run/notify/notify.sock"

/* The service manager's socket, from our environment; NULL when there is none. @process: where the engine has put a
 * NOTIFY_SOCKET of its own into the container's environment (podman with conmon as proxy), it is left alone: NULL. May be
 * NULL itself (start). */
const char *notify_wanted(const struct spec_process *process);

/* create: makes the folder (0755, empty) in the state folder. */
int notify_prepare(int state_fd, struct error *err);

/* start, before the program is let go: binds the socket in the folder.
 * @ret_fd: the caller's; UNSET_FD where create has made no folder. */
int notify_bind(int state_fd, int *ret_fd, struct error *err);

/* Waits until the container says READY=1 or its init ends (no error), and passes that on: READY=1, MAINPID=@pid (0: not
 * sent), and a barrier, so that the service manager has read both when we return. Nothing else that the container says
 * is passed on. @pidfd: of init. @host_socket: from notify_wanted(). */
int notify_forward(int fd, int pidfd, pid_t pid, const char *host_socket, struct error *err);

/* One look, for a foreground run that has other things to do: reads one datagram. Returns whether it said READY=1. */
bool notify_is_ready(int fd);

/* Tells the service manager; what notify_forward() does at its end. @waits: with the barrier, at most 30 s; a foreground
 * run, whose pid does not change, does without. */
int notify_tell(pid_t pid, const char *host_socket, bool waits, struct error *err);
