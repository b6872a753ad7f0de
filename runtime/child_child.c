/* The child's side of the report pipe: system calls only. */
#include "runtime/child.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

static void send_message(int report_fd, const struct child_message *message)
{
        ssize_t n;

        do
                n = write(report_fd, message, sizeof *message);
        while (n < 0 && errno == EINTR);
}

void child_fail_at(int report_fd, enum child_step step, uint32_t index, uint64_t value, int error)
{
        const struct child_message message = {
                .kind = CHILD_FAILED, .step = step, .index = index, .value = value, .error = error,
        };

        send_message(report_fd, &message);
        _exit(1);
}

void child_fail(int report_fd, enum child_step step, uint32_t index, int error)
{
        child_fail_at(report_fd, step, index, 0, error);
}

void child_say(int report_fd, enum child_message_kind kind, uint64_t value)
{
        const struct child_message message = { .kind = kind, .value = value };

        send_message(report_fd, &message);
}

void child_wait_go(int report_fd)
{
        struct child_message message;
        ssize_t n;

        do
                n = read(report_fd, &message, sizeof message);
        while (n < 0 && errno == EINTR);
        /* The end of the file: the parent was killed before it could record us. Nothing may stay. */
        if (n != (ssize_t)sizeof message || message.kind != CHILD_GO)
                _exit(1);
}
