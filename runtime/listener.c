/* The parent's side of the listener: the connection to the agent, and the one message that goes over it. Withstands an
 * agent that accepts nobody or reads nothing (time limit), and one that has gone (an error, and no build). */
#include "runtime/listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/denials.h"

/* One piece of a stream socket's queue: taken whole or not at all. */
#define FIRST_PIECE_BYTES ((size_t)16384)

int listener_bind(int dir_fd, int *ret_fd, struct error *err)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return error_errno(err, errno, "make a socket for the seccomp listener");
        /* sun_path holds 108 bytes: by way of the folder's fd the name is short. */
        snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" LISTENER_SOCKET, dir_fd);
        if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0)
                return error_errno(err, errno, "bind " LISTENER_SOCKET);
        *ret_fd = take_fd(&fd);
        return 0;
}

int listener_open(int dir_fd, int *ret_fd, struct error *err)
{
        char path[64];

        snprintf(path, sizeof path, "/proc/self/fd/%d/" LISTENER_SOCKET, dir_fd);
        return fd_connect_unix(path, SOCK_SEQPACKET, ret_fd, err);
}

void listener_close(struct listener_service *service)
{
        auto_close_cleanup(&service->agent_fd);
}

static int connect_agent(struct listener_service *service, struct error *err)
{
        listener_close(service);
        return fd_connect_unix(service->seccomp->listener_path, SOCK_STREAM, &service->agent_fd, err);
}

/* config-linux.md, "The Container Process State". */
static void add_process_state(const struct listener_service *service, struct text_buffer *buffer)
{
        text_add(buffer, "{\"ociVersion\":");
        text_add_json(buffer, service->state->oci_version);
        text_addf(buffer, ",\"fds\":[\"seccompFd\"],\"pid\":%d", (int)service->pid);
        if (service->seccomp->listener_metadata != NULL) {
                text_add(buffer, ",\"metadata\":");
                text_add_json(buffer, service->seccomp->listener_metadata);
        }
        text_add(buffer, ",\"state\":");
        state_to_oci(service->state, service->status, true, buffer);
        text_add(buffer, "}");
}

static int send_state(const struct listener_service *service, int listener_fd, struct error *err)
{
        auto_buffer struct text_buffer buffer = { 0 };
        size_t at;
        ssize_t n;
        int r;

        add_process_state(service, &buffer);
        if (buffer.is_broken)
                return error_errno(err, ENOMEM, "state");
        /* "If more than one sendmsg(2) is used, the file descriptors MUST be sent only in the first call." */
        at = buffer.length < FIRST_PIECE_BYTES ? buffer.length : FIRST_PIECE_BYTES;
        r = fd_send(service->agent_fd, listener_fd, buffer.text, at);
        if (r < 0)
                return error_errno(err, r, "send to %s", service->seccomp->listener_path);
        while (at < buffer.length) {
                n = send(service->agent_fd, buffer.text + at, buffer.length - at, MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_errno(err, errno, "send to %s", service->seccomp->listener_path);
                at += (size_t)n;
        }
        return 0;
}

int listener_answer(struct listener_service *service, int channel_fd, const struct child_message *message, int fd,
                    struct error *err)
{
        int r;

        if (service->watch_fd >= 0 && message->kind == CHILD_LISTENER_NEXT) {
                r = 0;
        } else if (service->watch_fd >= 0 && fd >= 0) {
                r = denials_hand_over(service->watch_fd, fd, err);
        } else if (message->kind == CHILD_LISTENER_NEXT) {
                r = connect_agent(service, err);
        } else if (fd < 0 || service->agent_fd < 0) {
                r = error_set(err, EPROTO, "the process sent no listener");
        } else {
                r = send_state(service, fd, err);
                listener_close(service);
        }
        if (r < 0)
                return error_context(err, "linux.seccomp.listenerPath");
        child_say(channel_fd, CHILD_GO, 0);
        return 0;
}
