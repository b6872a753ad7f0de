/* Which terminal a container gets, decided before anything is made. */
#include "runtime/terminal.h"

#include <errno.h>
#include <sys/socket.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"

int terminal_prepare(bool is_terminal, bool is_detached, const char *console_socket, int *ret_socket_fd,
                     struct error *err)
{
        bool has_socket = !text_is_empty(console_socket);

        if (is_terminal && is_detached && !has_socket)
                return error_set(err, EINVAL, "cannot allocate tty if runc will detach without setting console socket; "
                                              "give --console-socket, or process.terminal false");
        if (has_socket && !(is_terminal && is_detached))
                return error_set(err, EINVAL, "cannot use console socket if runc will not detach or allocate tty; leave "
                                              "--console-socket out, or set process.terminal");
        if (!has_socket) {
                *ret_socket_fd = UNSET_FD;
                return 0;
        }
        if (fd_connect_unix(console_socket, SOCK_STREAM, ret_socket_fd, err) < 0)
                return error_context(err, "--console-socket");
        return 0;
}
