/* A container is not to speak to the service manager itself: MAINPID=, FDSTORE=1 or STOPPING=1 are matters of the host. Its
 * socket is ours, and one constant line goes on. */
#include "runtime/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

#define BARRIER_TIMEOUT_MS 30000

const char *notify_wanted(const struct spec_process *process)
{
        const char *socket_path = getenv("NOTIFY_SOCKET");

        if (text_is_empty(socket_path))
                return NULL;
        for (size_t i = 0; process != NULL && i < process->n_env; i++) {
                if (text_starts_with(process->env[i], "NOTIFY_SOCKET="))
                        return NULL;
        }
        return socket_path;
}

int notify_prepare(int state_fd, struct error *err)
{
        if (mkdirat(state_fd, NOTIFY_FOLDER, 0755) < 0 && errno != EEXIST)
                return error_errno(err, errno, "NOTIFY_SOCKET: make its folder");
        /* whatever the umask */
        if (fchmodat(state_fd, NOTIFY_FOLDER, 0755, 0) < 0)
                return error_errno(err, errno, "NOTIFY_SOCKET: mode of its folder");
        return 0;
}

int notify_bind(int state_fd, int *ret_fd, struct error *err)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        auto_close int folder_fd = openat(state_fd, NOTIFY_FOLDER, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        auto_close int fd = UNSET_FD;

        if (folder_fd < 0 && errno == ENOENT) {
                *ret_fd = UNSET_FD;
                return 0;
        }
        if (folder_fd < 0)
                return error_errno(err, errno, "NOTIFY_SOCKET: open its folder");
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return error_errno(err, errno, "NOTIFY_SOCKET: socket");
        /* Left by a start that was killed. */
        if (unlinkat(folder_fd, "notify.sock", 0) < 0 && errno != ENOENT)
                return error_errno(err, errno, "NOTIFY_SOCKET: remove the old socket");
        /* By way of the fd: the state folder's path can be longer than sun_path. */
        snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/notify.sock", folder_fd);
        if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
                return error_errno(err, errno, "NOTIFY_SOCKET: bind");
        /* Writable for every id of the container, of which the host knows none. */
        if (fchmodat(folder_fd, "notify.sock", 0777, 0) < 0)
                return error_errno(err, errno, "NOTIFY_SOCKET: mode of the socket");
        *ret_fd = take_fd(&fd);
        return 0;
}

bool notify_is_ready(int fd)
{
        char text[4096];
        const char *line;
        ssize_t n;

        /* fds that came along are dropped by the kernel: no room for control messages is given */
        do
                n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
                return false;
        text[n] = '\0';
        for (line = text; line != NULL; line = strchr(line, '\n'), line = line != NULL ? line + 1 : NULL) {
                if (text_starts_with(line, "READY=1") && (line[7] == '\n' || line[7] == '\0'))
                        return true;
        }
        return false;
}

static int connect_to_host(const char *path, int *ret_fd, struct error *err)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        size_t length = strlen(path);
        auto_close int fd = UNSET_FD;

        if (path[0] != '@')
                return fd_connect_unix(path, SOCK_DGRAM, ret_fd, err);
        if (length > sizeof address.sun_path)
                return error_set(err, ENAMETOOLONG, "NOTIFY_SOCKET: %s is too long", path);
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return error_errno(err, errno, "NOTIFY_SOCKET: socket");
        memcpy(address.sun_path + 1, path + 1, length - 1);     /* the abstract namespace: a NUL byte for the "@" */
        if (connect(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
                return error_errno(err, errno, "NOTIFY_SOCKET: connect to %s", path);
        *ret_fd = take_fd(&fd);
        return 0;
}

static int say(int fd, const char *text, struct error *err)
{
        if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
                return error_errno(err, errno, "NOTIFY_SOCKET: send %s", text);
        return 0;
}

/* sd_notify_barrier(3): the other end closes our pipe when it has read what came before. */
static int wait_for_barrier(int fd, struct error *err)
{
        static const char text[] = "BARRIER=1";
        struct pollfd reader = { .events = POLLIN };
        int pair[2], r;

        if (pipe2(pair, O_CLOEXEC) < 0)
                return error_errno(err, errno, "NOTIFY_SOCKET: pipe");
        r = fd_send(fd, pair[1], text, sizeof text - 1);
        close(pair[1]);
        reader.fd = pair[0];
        if (r == 0 && poll(&reader, 1, BARRIER_TIMEOUT_MS) == 0)
                log_warning("NOTIFY_SOCKET: no answer to the barrier within 30 s; going on");
        close(pair[0]);
        return r < 0 ? error_errno(err, r, "NOTIFY_SOCKET: send BARRIER=1") : 0;
}

int notify_tell(pid_t pid, const char *host_socket, bool waits, struct error *err)
{
        auto_close int fd = UNSET_FD;
        char main_pid[40];
        int r;

        r = connect_to_host(host_socket, &fd, err);
        if (r < 0)
                return r;
        r = say(fd, "READY=1\n", err);
        if (r < 0)
                return r;
        if (pid > 0) {
                snprintf(main_pid, sizeof main_pid, "MAINPID=%d\n", pid);
                r = say(fd, main_pid, err);
                if (r < 0)
                        return r;
        }
        return waits ? wait_for_barrier(fd, err) : 0;
}

int notify_forward(int fd, int pidfd, pid_t pid, const char *host_socket, struct error *err)
{
        struct pollfd fds[] = { { .fd = fd, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };

        for (;;) {
                if (poll(fds, 2, -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        return error_errno(err, errno, "NOTIFY_SOCKET: wait");
                }
                if (fds[0].revents != 0 && notify_is_ready(fd))
                        return notify_tell(pid, host_socket, true, err);
                if (fds[1].revents != 0 && fds[0].revents == 0)
                        return 0;
        }
}
