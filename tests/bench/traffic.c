/* What passing the egress rules costs, for tests/bench/egress.sh:
 *
 *   traffic serve PORT                 a byte for a byte by TCP and UDP; swallows a stream and answers at its end
 *   traffic connect ADDRESS PORT N     TCP: connect, a byte, its answer, close: prints the microseconds of each
 *   traffic ask ADDRESS PORT N         UDP: a byte and its answer
 *   traffic refused ADDRESS PORT N     UDP that is refused at once
 *   traffic send ADDRESS PORT MIB      a stream: prints MiB a second */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char block[1 << 18];

static double now_us(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int must(int result, const char *what)
{
        if (result < 0) {
                perror(what);
                exit(1);
        }
        return result;
}

static void serve_one(int fd)
{
        ssize_t n = recv(fd, block, sizeof block, 0);

        if (n > 1)
                while ((n = recv(fd, block, sizeof block, 0)) > 0)
                        ;
        if (send(fd, "y", 1, MSG_NOSIGNAL) < 0)
                perror("send");
        /* So that the client's end, not ours, waits in TIME_WAIT, and of that there is none after its reset. */
        recv(fd, block, 1, 0);
        close(fd);
}

static _Noreturn void serve(const struct sockaddr_in *any)
{
        int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
        struct sockaddr_in from;
        char byte;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        must(bind(tcp, (const struct sockaddr *)any, sizeof *any), "bind");
        must(bind(udp, (const struct sockaddr *)any, sizeof *any), "bind");
        must(listen(tcp, 64), "listen");
        puts("ready");
        fflush(stdout);
        for (;;) {
                struct pollfd wait[] = { { .fd = tcp, .events = POLLIN }, { .fd = udp, .events = POLLIN } };
                socklen_t length = sizeof from;

                poll(wait, 2, -1);
                if (wait[0].revents != 0)
                        serve_one(must(accept(tcp, NULL, NULL), "accept"));
                if (wait[1].revents != 0 && recvfrom(udp, &byte, 1, 0, (struct sockaddr *)&from, &length) == 1)
                        sendto(udp, "y", 1, 0, (const struct sockaddr *)&from, length);
        }
}

static int open_stream(const struct sockaddr_in *to)
{
        const struct linger reset = { .l_onoff = 1 };
        int fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket");

        must(connect(fd, (const struct sockaddr *)to, sizeof *to), "connect");
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        return fd;
}

static void run(const char *verb, const struct sockaddr_in *to, long n)
{
        int fd = -1;
        char byte;

        if (strcmp(verb, "connect") != 0) {
                fd = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
                must(connect(fd, (const struct sockaddr *)to, sizeof *to), "connect");
        }
        for (long i = 0; i < n; i++) {
                if (strcmp(verb, "refused") == 0) {
                        if (send(fd, "x", 1, 0) >= 0)
                                must(-1, "it was not refused");
                        continue;
                }
                if (strcmp(verb, "connect") == 0)
                        fd = open_stream(to);
                must((int)send(fd, "x", 1, 0), "send");
                must((int)recv(fd, &byte, 1, 0), "recv");
                if (strcmp(verb, "connect") == 0)
                        close(fd);
        }
}

int main(int argc, char **argv)
{
        struct sockaddr_in to = { .sin_family = AF_INET };
        double start;
        long n;
        int fd;

        if (argc == 3 && strcmp(argv[1], "serve") == 0) {
                to.sin_port = htons((uint16_t)atoi(argv[2]));
                serve(&to);
        }
        if (argc != 5 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
                return 2;
        to.sin_port = htons((uint16_t)atoi(argv[3]));
        n = atol(argv[4]);
        start = now_us();
        if (strcmp(argv[1], "send") != 0) {
                run(argv[1], &to, n);
                printf("%.3f\n", (now_us() - start) / (double)n);
                return 0;
        }
        fd = open_stream(&to);
        for (long left = n << 20; left > 0;)
                left -= must((int)send(fd, block, left < (long)sizeof block ? (size_t)left : sizeof block, 0), "send");
        shutdown(fd, SHUT_WR);
        must((int)recv(fd, block, 1, 0), "recv");
        printf("%.3f\n", (double)n / ((now_us() - start) / 1e6));
        return 0;
}
