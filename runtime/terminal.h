/* Terminals: the pty made from the container's devpts, handed to the engine by the console socket or
 * proxied by a foreground `run -t`. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "oci-spec/spec.h"
#include "runtime/base/error.h"

/* Checks the combination of flags with runc's words ("cannot allocate tty if ... will detach without setting
 * console socket"), and connects the socket (paths longer than 108 bytes too).
 * @console_socket: NULL or "" when not given. @ret_socket_fd: UNSET_FD when no terminal or a proxied one. */
int terminal_prepare(bool is_terminal, bool is_detached, const char *console_socket, int *ret_socket_fd,
                     struct error *err);

/* Child: opens ptmx of the devpts at @devpts_fd (an fd of its root folder, O_PATH will do), the slave by TIOCGPTPEER
 * (never by name), sets the size (0 x 0: left alone), chowns the slave (its group only where the devpts has no gid=). Both fds are the caller's.
 * Returns 0 or -1 and errno (ENOTTY: @devpts_fd is no devpts). */
int terminal_child_open(int devpts_fd, uint16_t rows, uint16_t columns, uid_t uid, gid_t gid, int *ret_master,
                        int *ret_slave);

/* Child or parent, before the program runs and while stdio is still the caller's: the pty of a foreground `run -t`,
 * whichever end @fd is. Takes the size of the caller's terminal, so that the program does not start with a SIGWINCH, and
 * clears ONLCR, as runc does, since the outer terminal adds the carriage return. Returns 0 or -1 and errno. */
int terminal_child_set_proxied(int fd);

/* Parent or child: one sendmsg, one SCM_RIGHTS, one fd, and the pty's name as data (what runc sends: "/dev/ptmx").
 * Returns 0 or a negative errno. */
int terminal_send_master(int socket_fd, int master_fd);

/* Child, leader of a session without a terminal: makes the slave its stdin, stdout, stderr and controlling terminal.
 * @slave_fd stays open unless it is one of 0 to 2. Returns 0 or -1 and errno. */
int terminal_child_become(int slave_fd);

/* To be called before init is cloned: blocks the signals that terminal_proxy() takes, so that none is lost. (Init empties
 * its mask before exec.) */
int terminal_proxy_prepare(struct error *err);

/* Before terminal_proxy(): one more fd to look at meanwhile (NOTIFY_SOCKET's, a timer), two at most. @on_readable is called when it can be read;
 * where it returns false the fd is left alone from then on. It must not block. The fd stays the caller's. */
void terminal_proxy_watch(int fd, bool (*on_readable)(int fd, void *context), void *context);

/* Foreground proxy between our own stdio and @master_fd until the process behind @pidfd ends and its output is out: raw
 * mode (restored on every way out), SIGWINCH passed on as a size, other signals forwarded (not SIGCHLD, SIGPIPE, SIGURG).
 * @master_fd: borrowed, made non-blocking; UNSET_FD: no terminal, signals only.
 * @pidfd: of a child of ours, which is reaped.
 * @ret_status: as wait(2) gives it. The signals are blocked when it returns, so that no Ctrl-C cuts the clean-up in two.
 * Returns 0 or a negative errno. */
int terminal_proxy(int master_fd, int pidfd, int *ret_status, struct error *err);
