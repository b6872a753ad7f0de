/* Host names of a policy from /etc/hosts, /etc/resolv.conf and name servers: three parts with a line of "--" between
 * them, the last one datagrams, or what comes by TCP: two bytes of length and so many more. No socket is opened. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "runtime/base/arena.h"
#include "runtime/base/fd.h"

struct part {
        const uint8_t *bytes;
        size_t length;
};
static struct part hosts, servers_file, answers;
static int64_t clock_ms;
static unsigned n_open;

static int read_part(int dir_fd, const char *path, size_t limit, char **ret_text, size_t *ret_length)
{
        const struct part *part = strcmp(path, "/etc/hosts") == 0 ? &hosts : &servers_file;

        (void)dir_fd;
        (void)limit;
        if (part->bytes == NULL)
                return -ENOENT;
        *ret_text = fuzz_text(part->bytes, part->length);
        *ret_length = strlen(*ret_text);
        return 0;
}

static int open_nothing(int family, int type, int protocol)
{
        (void)protocol;
        must(family == AF_INET || family == AF_INET6, "addresses have a family");
        must((type & (SOCK_CLOEXEC | SOCK_NONBLOCK)) == (SOCK_CLOEXEC | SOCK_NONBLOCK), "nothing hangs on a socket");
        n_open++;
        return 1000000;         /* closed, it is EBADF */
}

static int reach_nothing(int fd, const struct sockaddr *address, socklen_t length)
{
        (void)fd;
        must(address != NULL && length >= sizeof(struct sockaddr_in), "there is an address");
        return 0;
}

static ssize_t send_nothing(int fd, const void *bytes, size_t length, int flags)
{
        (void)fd;
        (void)bytes;
        (void)flags;
        return (ssize_t)length;
}

static ssize_t take_answer(int fd, void *bytes, size_t size, int flags)
{
        size_t n;

        (void)fd;
        (void)flags;
        if (answers.length < 2) {
                errno = EAGAIN;
                return -1;
        }
        n = answers.bytes[0] | (size_t)answers.bytes[1] << 8;
        answers.bytes += 2;
        answers.length -= 2;
        n = n > answers.length ? answers.length : n;
        n = n > size ? size : n;
        memcpy(bytes, answers.bytes, n);
        answers.bytes += n;
        answers.length -= n;
        return (ssize_t)n;
}

/* Time goes by while nothing comes. */
static int wait_for_all(struct pollfd *polled, nfds_t n, int timeout_ms)
{
        must(timeout_ms >= 0, "it does not wait for ever");
        clock_ms += answers.length < 2 ? timeout_ms + 1 : 1;
        for (nfds_t i = 0; i < n; i++)
                polled[i].revents = answers.length < 2 ? 0 : polled[i].events;
        return answers.length < 2 ? 0 : (int)n;
}

static int tell_time(clockid_t clock, struct timespec *ret_now)
{
        (void)clock;
        *ret_now = (struct timespec){ .tv_sec = clock_ms / 1000, .tv_nsec = clock_ms % 1000 * 1000000 };
        return 0;
}

static ssize_t take_seven(void *bytes, size_t length, unsigned flags)
{
        const uint16_t seven = 7;

        (void)flags;
        must(length == sizeof seven, "a number of a question");
        memcpy(bytes, &seven, sizeof seven);
        return (ssize_t)length;
}
#define fd_read_file read_part
#define socket open_nothing
#define connect reach_nothing
#define send send_nothing
#define recv take_answer
#define poll wait_for_all
#define clock_gettime tell_time
#define getrandom take_seven
#define if_nametoindex(name) ((name)[0] == 'e' ? 2u : 0u)
#include "runtime/resolve.c"

static struct part next_part(struct part *rest)
{
        struct part part = *rest;
        const uint8_t *end = rest->length > 0 ? memmem(rest->bytes, rest->length, "--\n", 3) : NULL;

        if (end == NULL) {
                *rest = (struct part){ 0 };
                return part;
        }
        part.length = (size_t)(end - part.bytes);
        *rest = (struct part){ end + 3, rest->length - part.length - 3 };
        return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
        static const char *const names[] = { "a.org", NULL, "b.org", "long-name.of.an.example.org", "c" };
        struct host_name found[sizeof names / sizeof names[0]] = { 0 };
        struct part rest = { bytes, length };
        struct arena arena = { 0 };
        struct error err = { 0 };
        static volatile unsigned sum;
        int r;

        hosts = next_part(&rest);
        servers_file = next_part(&rest);
        answers = rest;
        clock_ms = 1000;
        n_open = 0;
        r = resolve_names(&arena, names, sizeof names / sizeof names[0], found, &err);
        must(r == 0, "whatever is answered, it is no failure of ours");
        must(clock_ms <= 1000 + RESOLVE_LIMIT_MS + (int64_t)length + TRY_MS, "it ends in time");
        must(n_open <= 8 * TRIES * 2, "no server is asked without end");
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                must(names[i] != NULL || (found[i].n == 0 && found[i].why == NULL),
                     "what is not asked for is not answered");
                if (names[i] == NULL)
                        continue;
                must(found[i].n <= 2 * RESOLVE_MAX_ADDRESSES, "no more addresses than there is room for");
                must((found[i].n == 0) == (found[i].why != NULL), "without an address there is a reason");
                for (size_t k = 0; k < found[i].n; k++)
                        sum += found[i].addresses[k].bytes[0];  /* for the address sanitizer to see */
        }
        arena_free(&arena);
        return 0;
}
