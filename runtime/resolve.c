/* A small client of the DNS. Not getaddrinfo(3): linked statically, it loads the shared libraries of the very libc that it
 * was built with, or fails; a program beside us would be one more to install, to find and to trust. What is asked here is
 * what a policy lists: names as they are, A and AAAA.
 *
 * All questions are under way at once, a socket each, so that an answer must come from the server asked, to the port that
 * the kernel chose at random, with the number that we chose at random (RFC 5452). */
#include "runtime/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"

#define MAX_SERVERS 3           /* resolv.conf(5), MAXNS */
#define MAX_AT_ONCE 64
#define TRY_MS 1200             /* until the next server is asked */
#define TRIES 5
#define FILE_LIMIT_BYTES ((size_t)4 << 20)

union address {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
};

struct servers {
        union address items[MAX_SERVERS];
        size_t n;
};

struct question {
        const char *name;
        bool is_v6, is_over;
        bool is_unknown;
        unsigned tries;
        int fd;
        uint16_t id;
        int64_t until_ms;
        struct host_address *addresses;         /* NULL: none */
        size_t n;
};

static int64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool parse_address(const char *text, struct host_address *ret_address)
{
        ret_address->is_v6 = false;
        if (inet_pton(AF_INET, text, ret_address->bytes) == 1)
                return true;
        ret_address->is_v6 = true;
        return inet_pton(AF_INET6, text, ret_address->bytes) == 1;
}

/* The next word of a line, ended in place; NULL: none. '#' begins a remark. */
static char *next_word(char **line)
{
        char *word = *line + strspn(*line, " \t\r");

        if (*word == '\0' || *word == '#')
                return NULL;
        *line = word + strcspn(word, " \t\r#");
        if (**line == '#')
                **line = '\0';
        else if (**line != '\0')
                *(*line)++ = '\0';
        return word;
}

static void add_server(struct servers *servers, char *text)
{
        char *scope = strchr(text, '%');
        union address *at = &servers->items[servers->n];
        struct host_address address;

        if (scope != NULL)
                *scope++ = '\0';
        if (servers->n == MAX_SERVERS || !parse_address(text, &address))
                return;
        memset(at, 0, sizeof *at);
        if (address.is_v6) {
                at->v6.sin6_family = AF_INET6;
                at->v6.sin6_port = htons(53);
                memcpy(&at->v6.sin6_addr, address.bytes, 16);
                at->v6.sin6_scope_id = scope != NULL ? if_nametoindex(scope) : 0;
        } else {
                at->v4.sin_family = AF_INET;
                at->v4.sin_port = htons(53);
                memcpy(&at->v4.sin_addr, address.bytes, 4);
        }
        servers->n++;
}

static void read_servers(struct servers *servers)
{
        auto_free char *text = NULL;
        char local[] = "127.0.0.1", *rest, *line;
        size_t length;

        servers->n = 0;
        if (fd_read_file(AT_FDCWD, "/etc/resolv.conf", FILE_LIMIT_BYTES, &text, &length) == 0) {
                rest = text;
                while ((line = strsep(&rest, "\n")) != NULL) {
                        char *word = next_word(&line);

                        if (word != NULL && strcmp(word, "nameserver") == 0 && (word = next_word(&line)) != NULL)
                                add_server(servers, word);
                }
        }
        if (servers->n == 0)    /* resolv.conf(5) */
                add_server(servers, local);
}

/* A host's /etc/hosts can be long (lists of advertisers), and so can a policy's list. */
struct wanted {
        const char *name;
        size_t index;
};

static int compare_wanted(const void *a, const void *b)
{
        return strcasecmp(((const struct wanted *)a)->name, ((const struct wanted *)b)->name);
}

static struct wanted *sort_wanted(struct arena *arena, const char *const *names, size_t n, size_t *ret_n)
{
        struct wanted *wanted = arena_array(arena, n + 1, sizeof *wanted);

        *ret_n = 0;
        for (size_t i = 0; i < n && wanted != NULL; i++)
                if (names[i] != NULL)
                        wanted[(*ret_n)++] = (struct wanted){ names[i], i };
        if (wanted != NULL && *ret_n > 0)
                qsort(wanted, *ret_n, sizeof *wanted, compare_wanted);
        return wanted;
}

static int add_address(struct arena *arena, struct host_name *name, const struct host_address *address)
{
        struct host_address *addresses;

        if (name->n == RESOLVE_MAX_ADDRESSES)
                return 0;
        addresses = arena_array(arena, name->n + 1, sizeof *addresses);
        if (addresses == NULL)
                return -ENOMEM;
        if (name->n > 0)
                memcpy(addresses, name->addresses, name->n * sizeof *addresses);
        addresses[name->n++] = *address;
        name->addresses = addresses;
        return 0;
}

/* Those that /etc/hosts has, all of them, are not asked for. */
static int look_into_hosts(struct arena *arena, const char *const *names, size_t n, struct host_name *ret_names)
{
        auto_free char *text = NULL;
        struct wanted *wanted;
        char *rest, *line, *word;
        size_t length, n_wanted;

        if (fd_read_file(AT_FDCWD, "/etc/hosts", FILE_LIMIT_BYTES, &text, &length) < 0)
                return 0;
        wanted = sort_wanted(arena, names, n, &n_wanted);
        if (wanted == NULL)
                return -ENOMEM;
        rest = text;
        while ((line = strsep(&rest, "\n")) != NULL) {
                struct host_address address = { 0 };

                word = next_word(&line);
                if (word == NULL || !parse_address(word, &address))
                        continue;
                while ((word = next_word(&line)) != NULL) {
                        const struct wanted like = { .name = word }, *end = wanted + n_wanted;
                        const struct wanted *one = bsearch(&like, wanted, n_wanted, sizeof *wanted, compare_wanted);

                        /* Listed more than once: with other ports. */
                        while (one != NULL && one > wanted && compare_wanted(one - 1, &like) == 0)
                                one--;
                        for (; one != NULL && one < end && compare_wanted(one, &like) == 0; one++) {
                                int r = add_address(arena, &ret_names[one->index], &address);

                                if (r < 0)
                                        return r;
                        }
                }
        }
        return 0;
}

static socklen_t size_of(const union address *server)
{
        return server->any.sa_family == AF_INET6 ? sizeof server->v6 : sizeof server->v4;
}

static const union address *server_of(const struct servers *servers, const struct question *question)
{
        return &servers->items[(question->tries - 1) % servers->n];
}

/* Asks the next server; is over after the last try. */
static void ask(struct question *question, const struct servers *servers)
{
        unsigned char message[300];
        const union address *server;
        size_t length;

        auto_close_cleanup(&question->fd);
        while (question->tries < TRIES) {
                question->tries++;
                server = server_of(servers, question);
                if (getrandom(&question->id, sizeof question->id, 0) != (ssize_t)sizeof question->id)
                        break;
                length = resolve_write_question(question->name, question->is_v6, question->id, message);
                question->fd = socket(server->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                if (length > 0 && question->fd >= 0 && connect(question->fd, &server->any, size_of(server)) == 0 &&
                    send(question->fd, message, length, 0) == (ssize_t)length) {
                        question->until_ms = now_ms() + TRY_MS;
                        return;
                }
                auto_close_cleanup(&question->fd);
        }
        question->is_over = true;
}

static bool wait_for(int fd, short events, int64_t until_ms)
{
        struct pollfd polled = { .fd = fd, .events = events };
        int64_t left = until_ms - now_ms();

        return left > 0 && poll(&polled, 1, (int)left) == 1;
}

static bool move_all(int fd, void *bytes, size_t length, bool is_sent, int64_t until_ms)
{
        char *at = bytes;

        while (length > 0) {
                ssize_t n;

                if (!wait_for(fd, is_sent ? POLLOUT : POLLIN, until_ms))
                        return false;
                n = is_sent ? send(fd, at, length, MSG_NOSIGNAL) : recv(fd, at, length, 0);
                if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
                        return false;
                if (n > 0) {
                        at += n;
                        length -= (size_t)n;
                }
        }
        return true;
}

/* RFC 1035, 4.2.2: the same, with its length before it. */
static enum resolve_outcome ask_by_tcp(const struct question *question, const union address *server, int64_t until_ms,
                                       struct host_address *ret_addresses, size_t *ret_n)
{
        auto_close int fd = socket(server->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        auto_free unsigned char *answer = malloc(UINT16_MAX);
        unsigned char message[302], size[2];
        size_t length = resolve_write_question(question->name, question->is_v6, question->id, message + 2);

        message[0] = (unsigned char)(length >> 8);
        message[1] = (unsigned char)length;
        if (fd < 0 || answer == NULL || (connect(fd, &server->any, size_of(server)) < 0 && errno != EINPROGRESS) ||
            !move_all(fd, message, length + 2, true, until_ms) || !move_all(fd, size, sizeof size, false, until_ms))
                return RESOLVE_FAILED;
        length = (size_t)size[0] << 8 | size[1];
        if (!move_all(fd, answer, length, false, until_ms))
                return RESOLVE_FAILED;
        return resolve_read_answer(answer, length, question->name, question->is_v6, question->id, ret_addresses, ret_n);
}

static int receive(struct question *question, const struct servers *servers, struct arena *arena, int64_t until_ms)
{
        struct host_address addresses[RESOLVE_MAX_ADDRESSES];
        unsigned char answer[4096];
        enum resolve_outcome outcome;
        ssize_t n = recv(question->fd, answer, sizeof answer, 0);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n < 0) {            /* nobody listens there */
                ask(question, servers);
                return 0;
        }
        outcome = resolve_read_answer(answer, (size_t)n, question->name, question->is_v6, question->id, addresses, &question->n);
        /* Others wait meanwhile: no longer than for an answer by UDP. */
        if (outcome == RESOLVE_CUT && until_ms > now_ms() + TRY_MS)
                until_ms = now_ms() + TRY_MS;
        if (outcome == RESOLVE_CUT)
                outcome = ask_by_tcp(question, server_of(servers, question), until_ms, addresses, &question->n);
        switch (outcome) {
        case RESOLVE_FOUND:
        case RESOLVE_UNKNOWN:
                question->is_over = true;
                question->is_unknown = outcome == RESOLVE_UNKNOWN;
                auto_close_cleanup(&question->fd);
                if (outcome == RESOLVE_UNKNOWN || question->n == 0) {
                        question->n = 0;
                        return 0;
                }
                question->addresses = arena_array(arena, question->n, sizeof addresses[0]);
                if (question->addresses == NULL)
                        return -ENOMEM;
                memcpy(question->addresses, addresses, question->n * sizeof addresses[0]);
                return 0;
        case RESOLVE_CUT:
        case RESOLVE_FAILED:
                question->n = 0;
                ask(question, servers);
                return 0;
        case RESOLVE_OTHER:
                return 0;
        }
        return 0;
}

static int ask_all(struct arena *arena, struct question *questions, size_t n, const struct servers *servers)
{
        const int64_t end_ms = now_ms() + RESOLVE_LIMIT_MS;
        int r = 0;

        for (size_t first = 0; r == 0;) {
                struct pollfd polled[MAX_AT_ONCE];
                struct question *waiting[MAX_AT_ONCE];
                int64_t now = now_ms(), next = end_ms;
                size_t n_waiting = 0;

                while (first < n && questions[first].is_over)
                        first++;
                if (first == n || now >= end_ms)
                        break;
                for (size_t i = first; i < n && n_waiting < MAX_AT_ONCE; i++) {
                        if (!questions[i].is_over && (questions[i].fd < 0 || questions[i].until_ms <= now))
                                ask(&questions[i], servers);
                        if (questions[i].is_over)
                                continue;
                        if (questions[i].until_ms < next)
                                next = questions[i].until_ms;
                        polled[n_waiting] = (struct pollfd){ .fd = questions[i].fd, .events = POLLIN };
                        waiting[n_waiting++] = &questions[i];
                }
                if (n_waiting == 0)
                        continue;
                if (poll(polled, n_waiting, next > now ? (int)(next - now) : 0) < 0 && errno != EINTR)
                        break;
                for (size_t i = 0; i < n_waiting && r == 0; i++)
                        if (polled[i].revents != 0)
                                r = receive(waiting[i], servers, arena, end_ms);
        }
        for (size_t i = 0; i < n; i++)
                auto_close_cleanup(&questions[i].fd);
        return r;
}

int resolve_names(struct arena *arena, const char *const *names, size_t n, struct host_name *ret_names, struct error *err)
{
        struct question *questions = arena_array(arena, 2 * n + 1, sizeof *questions);
        struct servers servers;
        size_t n_questions = 0;
        int r = questions == NULL ? -ENOMEM : look_into_hosts(arena, names, n, ret_names);

        if (r < 0)
                return error_errno(err, r, "egress.allow: host names");
        for (size_t i = 0; i < 2 * n; i++)
                if (names[i / 2] != NULL && ret_names[i / 2].n == 0)
                        questions[n_questions++] = (struct question){ .name = names[i / 2], .is_v6 = i % 2 == 1, .fd = UNSET_FD };
        if (n_questions == 0)
                return 0;
        read_servers(&servers);
        r = ask_all(arena, questions, n_questions, &servers);
        for (size_t i = 0, q = 0; i < n && r == 0; i++) {
                const struct question *pair = &questions[q];
                struct host_address *addresses;

                if (names[i] == NULL || ret_names[i].n > 0)
                        continue;
                q += 2;
                addresses = arena_array(arena, pair[0].n + pair[1].n + 1, sizeof *addresses);
                if (addresses == NULL)
                        r = -ENOMEM;
                else
                        for (size_t j = 0; j < pair[0].n + pair[1].n; j++)
                                addresses[j] = j < pair[0].n ? pair[0].addresses[j] : pair[1].addresses[j - pair[0].n];
                ret_names[i] = (struct host_name){ addresses, pair[0].n + pair[1].n, NULL };
                if (ret_names[i].n == 0)
                        ret_names[i].why = pair[0].is_unknown || pair[1].is_unknown ? "there is no such name" :
                                           pair[0].is_over && pair[0].tries < TRIES ? "it has none" :
                                           "no name server answered";
        }
        return r < 0 ? error_errno(err, r, "egress.allow: host names") : 0;
}
