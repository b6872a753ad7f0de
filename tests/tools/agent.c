/* A seccomp agent: listens on SOCKET, writes what it gets to LOG, a line each, and answers every notification.
 *
 *   agent SOCKET LOG continue|errno:N|value:N|silent|deaf|slow:MS
 *
 * Lines: "uid N fds N {state}", "call NR ARG0 ARG1", "end" (a listener's last process has gone). `silent` reads the state
 * and drops the listener, `deaf` accepts nobody, `slow` answers continue after that time. */
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTENERS_MAX 64

static FILE *log_file;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vfprintf(log_file, format, args);
        va_end(args);
        fflush(log_file);
}

static int accept_state(int socket_fd)
{
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(8 * sizeof(int))];
        } control;
        static char text[1 << 20];
        size_t length = 0;
        int connection = accept4(socket_fd, NULL, NULL, SOCK_CLOEXEC), fd = -1;
        unsigned n_fds = 0;
        struct ucred cred = { 0 };
        struct timeval limit = { .tv_usec = 500000 };
        socklen_t size = sizeof cred;
        ssize_t n;

        if (connection < 0)
                return -1;
        getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &cred, &size);
        /* crun keeps the connection. */
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        do {
                struct iovec io = { text + length, sizeof text - 1 - length };
                struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control,
                                          .msg_controllen = sizeof control };

                n = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
                if (n <= 0)
                        break;
                for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c))
                        if (c->cmsg_type == SCM_RIGHTS) {
                                n_fds += (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
                                memcpy(&fd, CMSG_DATA(c), sizeof fd);
                        }
                length += (size_t)n;
        } while (length < sizeof text - 1);
        text[length] = '\0';
        for (char *c = text; *c != '\0'; c++)
                if (*c == '\n')
                        *c = ' ';
        close(connection);
        say("uid %u fds %u %s\n", cred.uid, n_fds, text);
        return fd;
}

/* 0 at the end of the listener. */
static int answer(int fd, const char *how)
{
        struct seccomp_notif call = { 0 };
        struct seccomp_notif_resp response = { 0 };

        if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
                return errno == ENOENT || errno == EINTR;
        say("call %d %llu %llu\n", call.data.nr, call.data.args[0], call.data.args[1]);
        response.id = call.id;
        if (strncmp(how, "errno:", 6) == 0) {
                response.error = -atoi(how + 6);
        } else if (strncmp(how, "value:", 6) == 0) {
                response.val = atoi(how + 6);
        } else {
                if (strncmp(how, "slow:", 5) == 0)
                        usleep((unsigned)atoi(how + 5) * 1000);
                response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        }
        if (ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0)
                say("unanswered %d\n", errno);
        return 1;
}

int main(int argc, char **argv)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        struct pollfd polled[LISTENERS_MAX + 1];
        int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
        nfds_t n = 1;

        if (argc != 4 || strlen(argv[1]) >= sizeof address.sun_path) {
                fprintf(stderr, "usage: agent SOCKET LOG continue|errno:N|value:N|silent|deaf|slow:MS\n");
                return 2;
        }
        log_file = fopen(argv[2], "ae");
        strcpy(address.sun_path, argv[1]);
        unlink(argv[1]);
        if (log_file == NULL || bind(socket_fd, (struct sockaddr *)&address, sizeof address) < 0 ||
            listen(socket_fd, strcmp(argv[3], "deaf") == 0 ? 0 : 16) < 0) {
                perror(argv[1]);
                return 1;
        }
        say("listening\n");
        if (strcmp(argv[3], "deaf") == 0)
                for (;;)
                        pause();
        polled[0] = (struct pollfd){ .fd = socket_fd, .events = POLLIN };
        for (;;) {
                if (poll(polled, n, -1) < 0)
                        continue;
                if (polled[0].revents & POLLIN) {
                        fd = accept_state(socket_fd);
                        if (fd >= 0 && strcmp(argv[3], "silent") == 0)
                                close(fd);
                        else if (fd >= 0 && n <= LISTENERS_MAX)
                                polled[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
                        continue;
                }
                for (nfds_t i = 1; i < n; i++) {
                        if (polled[i].revents == 0 || ((polled[i].revents & POLLIN) && answer(polled[i].fd, argv[3])))
                                continue;
                        say("end\n");
                        close(polled[i].fd);
                        polled[i--] = polled[--n];
                }
        }
}
