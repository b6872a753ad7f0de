/* Terminals: the pty made from the container's devpts, handed to the engine by the console socket or
 * proxied by a foreground `run -t`. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "oci-spec/spec.h"
#include "runtime/base/error.h"

/* Checks the combination of flags with runc's words ("cannot allocate tty if runc will detach without setting
 * console socket"), and connects the socket (paths longer than 108 bytes too). @ret_socket_fd: UNSET_FD when no terminal or
 * a proxied one. */
int terminal_prepare(bool is_terminal, bool is_detached, const char *console_socket, int *ret_socket_fd,
                     struct error *err);

/* Child: opens ptmx of the devpts at @devpts_fd (an O_PATH fd of its root; or /dev/ptmx's folder), the slave by TIOCGPTPEER
 * (never by name), sets the size, clears ONLCR (runc's pty of `run -t` has it off), chowns the slave. Both fds are the caller's.
 * Returns 0 or -1 and errno. */
int terminal_child_open(int devpts_fd, uint16_t rows, uint16_t columns, uid_t uid, gid_t gid, int *ret_master,
                        int *ret_slave);

/* Parent or child: one sendmsg, one SCM_RIGHTS, one fd, and the pty's name as data. */
int terminal_send_master(int socket_fd, int master_fd);

/* Child: makes the slave stdin, stdout, stderr and the controlling terminal of this session. */
int terminal_child_become(int slave_fd);

/* Foreground proxy between our own stdio and @master_fd until the process behind @pidfd ends: raw mode (restored on every way
 * out), SIGWINCH passed on as a size, other signals forwarded to @pid. @master_fd UNSET_FD: no terminal, signals only.
 * @ret_status: as wait(2) gives it. */
int terminal_proxy(int master_fd, int pidfd, pid_t pid, int *ret_status, struct error *err);
/* To be called before init is cloned: blocks the signals that terminal_proxy() will take, so that none is lost. */
int terminal_proxy_prepare(struct error *err);
