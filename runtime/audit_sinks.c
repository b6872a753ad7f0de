/* A record is one datagram. To journald by its native protocol (systemd's "Journal Native Protocol"): fields of NAME=value lines;
 * a record has no line break inside. What is too long for a datagram goes there as a sealed memfd, as the protocol has it; a
 * socket of the administrator's is told so by EMSGSIZE.
 *
 * Withstands a receiver that has stopped reading: nothing blocks for longer than a second. */
#include "runtime/audit_sinks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"

#define JOURNALD_SOCKET "/run/systemd/journal/socket"
#define SYSLOG_SOCKET "/dev/log"
#define TIMEOUT_MS 1000
#define TRIES 100

static int open_socket(const char *path, int *ret_fd)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return -errno;
        if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s", path) >= sizeof address.sun_path)
                return -ENAMETOOLONG;
        if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
                return -errno;
        *ret_fd = take_fd(&fd);
        return 0;
}

static int send_datagram(int fd, const char *bytes, size_t length)
{
        struct pollfd polled = { .fd = fd, .events = POLLOUT };

        /* Writable, and then another sender was faster: a few times. */
        for (unsigned tries = 0; tries < TRIES; tries++) {
                if (send(fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length)
                        return 0;
                if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
                        return -errno;
                if (errno == EAGAIN && poll(&polled, 1, TIMEOUT_MS) == 0)
                        return -ETIMEDOUT;
        }
        return -ETIMEDOUT;
}

static int send_memfd(int fd, const char *bytes, size_t length)
{
        auto_close int memory_fd = memfd_create("runb-audit", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int r;

        if (memory_fd < 0)
                return -errno;
        r = fd_write_all(memory_fd, bytes, length);
        if (r == 0 && fcntl(memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
                r = -errno;
        return r < 0 ? r : fd_send(fd, memory_fd, NULL, 0);
}

/* The text of a member at the record's top, as it stands; "" where there is none. */
static void find_member(const char *line, size_t length, const char *key, struct text_buffer *out)
{
        const char *at = memmem(line, length, key, strlen(key));

        if (at == NULL)
                return;
        at += strlen(key);
        text_add_n(out, at, strcspn(at, "\"\\\n"));
}

static int send_journal(int fd, const char *line, size_t length)
{
        auto_buffer struct text_buffer fields = { 0 };
        int r;

        /* 5: notice, syslog(3). */
        text_add(&fields, "PRIORITY=5\nSYSLOG_IDENTIFIER=runb\nRUNB_EVENT=");
        find_member(line, length, ",\"event\":\"", &fields);
        text_add(&fields, "\nCONTAINER_ID=");
        find_member(line, length, ",\"id\":\"", &fields);
        text_add(&fields, "\nMESSAGE=");
        text_add_n(&fields, line, length);
        text_add(&fields, "\n");
        if (fields.is_broken)
                return -ENOMEM;
        r = send_datagram(fd, fields.text, fields.length);
        return r == -EMSGSIZE ? send_memfd(fd, fields.text, fields.length) : r;
}

static int send_all(const char *path, bool is_journal, const char *lines, size_t length, struct error *err)
{
        auto_close int fd = UNSET_FD;
        int r = open_socket(path, &fd);

        for (const char *end; r == 0 && length > 0; lines = end + 1) {
                end = memchr(lines, '\n', length);
                if (end == NULL)
                        break;
                length -= (size_t)(end + 1 - lines);
                r = is_journal ? send_journal(fd, lines, (size_t)(end - lines)) : send_datagram(fd, lines, (size_t)(end - lines));
        }
        return r < 0 ? error_errno(err, r, "audit: send a record to %s", path) : 0;
}

int audit_sinks_send(const struct policy_audit *settings, const char *lines, size_t length, struct error *err)
{
        struct error more = { 0 };
        int r = 0, second = 0;

        if (settings->is_journald)
                r = send_all(JOURNALD_SOCKET, true, lines, length, err);
        if (settings->socket != NULL)
                second = send_all(settings->socket, false, lines, length, r < 0 ? &more : err);
        return r < 0 ? r : second;
}

void audit_sinks_alarm(const char *text)
{
        auto_close int fd = UNSET_FD;
        char line[1024];
        int length;

        /* RFC 3164: facility authpriv (10), severity error (3). Not syslog(3), which reads the time zone and can wait. */
        length = snprintf(line, sizeof line, "<%d>runb[%d]: %s", 10 << 3 | 3, (int)getpid(), text);
        if (open_socket(SYSLOG_SOCKET, &fd) < 0 || length < 0)
                return;
        for (char *at = line; *at != '\0'; at++)
                if ((unsigned char)*at < ' ')
                        *at = '?';
        /* No second try: this is said besides. */
        (void)!send(fd, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1, MSG_NOSIGNAL);
}
