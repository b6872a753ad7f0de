/* The foreground: what stands between the caller and a container that it waits for.
 *
 * Signals are forwarded from the handler itself, so that a reader of ours who stalls our write to stdout cannot keep a
 * SIGTERM from the container. Bytes go through poll(2) and two small buffers.
 *
 * The caller's terminal is in raw mode meanwhile, only its output processing stays: the build's pty does the rest (echo,
 * Ctrl-C). It is put back on every way out; of the signals that end us only SIGKILL leaves it raw. Nothing of the
 * build's reaches the caller's terminal but bytes: it never holds an fd of it, so there is no TIOCSTI. */
#include "runtime/terminal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/sys.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* PIPE_BUF: where poll(2) says that a pipe is writable, this much does not block. */
#define CHUNK_BYTES 4096u

/* More than a pty can hold back (64 KiB in its queue, 4 KiB in its line discipline): what comes after that was written after
 * the process had ended, by something that it left behind. */
#define REST_LIMIT_BYTES ((size_t)128 << 10)

struct stream {
        char bytes[CHUNK_BYTES];
        size_t length, done;
};

/* What the handlers need. Set before they are installed. */
static struct {
        int pidfd;
        int master_fd;
        int raw_fd;                     /* the terminal that is in raw mode, UNSET_FD: none */
        int size_fd;                    /* the terminal whose size counts, UNSET_FD: none */
        struct termios before, raw;
} proxy = { .pidfd = UNSET_FD, .master_fd = UNSET_FD, .raw_fd = UNSET_FD, .size_fd = UNSET_FD };

/* terminal_proxy_watch() */
#define WATCHED_MAX 2
static struct {
        int fd;
        bool (*on_readable)(int fd, void *context);
        void *context;
} watched[WATCHED_MAX] = { { .fd = UNSET_FD }, { .fd = UNSET_FD } };

static bool is_fault(int number)
{
        return number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE || number == SIGABRT ||
               number == SIGTRAP || number == SIGSYS;
}

static bool is_taken(int number)
{
        return number != SIGKILL && number != SIGSTOP && number != SIGCHLD && number != SIGPIPE && number != SIGURG;
}

/* A terminal that is the controlling one of a job in the background must be left alone. */
static bool is_ours(int fd)
{
        pid_t group = tcgetpgrp(fd);

        return group < 0 || group == getpgrp();
}

static void restore_terminal(void)
{
        if (proxy.raw_fd >= 0 && is_ours(proxy.raw_fd))
                tcsetattr(proxy.raw_fd, TCSANOW, &proxy.before);
}

static void enter_raw_mode(void)
{
        if (proxy.raw_fd >= 0 && is_ours(proxy.raw_fd))
                tcsetattr(proxy.raw_fd, TCSANOW, &proxy.raw);
}

/* As in terminal_child_set_proxied(). */
static void copy_size(void)
{
        struct winsize size;

        if (proxy.master_fd >= 0 && proxy.size_fd >= 0 && ioctl(proxy.size_fd, TIOCGWINSZ, &size) == 0 &&
            (size.ws_row != 0 || size.ws_col != 0))
                ioctl(proxy.master_fd, TIOCSWINSZ, &size);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
        int saved = errno;
        bool is_from_user = info->si_code <= 0;

        (void)context;
        if (is_fault(number) && (!is_from_user || info->si_pid == getpid())) {
                /* Our own fault, or abort(3): it ends us at the return from here, now without a handler. */
                restore_terminal();
                signal(number, SIG_DFL);
                raise(number);
        } else if (number == SIGWINCH) {
                copy_size();
        } else if ((number == SIGTTIN || number == SIGTTOU) && !is_from_user) {
                /* about our own terminal */
        } else {
                if (number == SIGCONT) {
                        /* The shell that had stopped us has set its own modes meanwhile. */
                        enter_raw_mode();
                        copy_size();
                }
                sys_pidfd_send_signal(proxy.pidfd, number);
        }
        errno = saved;
}

static void fill_set(sigset_t *set, bool with_faults)
{
        sigemptyset(set);
        for (int number = 1; number < NSIG; number++) {
                if (is_taken(number) && (with_faults || !is_fault(number)))
                        sigaddset(set, number);         /* libc's own two are refused */
        }
}

int terminal_proxy_prepare(struct error *err)
{
        sigset_t set;

        /* A blocked fault would end the process all the same, but without any handler. */
        fill_set(&set, false);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return error_errno(err, errno, "block signals");
        return 0;
}

static void install_handlers(void)
{
        struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART };
        sigset_t set;

        fill_set(&action.sa_mask, false);
        for (int number = 1; number < NSIG; number++) {
                if (is_taken(number))
                        sigaction(number, &action, NULL);
        }
        fill_set(&set, true);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void remove_handlers(void)
{
        const struct sigaction plain = { .sa_handler = SIG_DFL };

        terminal_proxy_prepare(NULL);
        for (int number = 1; number < NSIG; number++) {
                if (is_taken(number))
                        sigaction(number, &plain, NULL);
        }
}

/* Takes what there is to read. Returns the bytes read, 0 at the end of the file, or a negative errno. */
static ssize_t fill(struct stream *stream, int fd)
{
        ssize_t n;

        do
                n = read(fd, stream->bytes, sizeof stream->bytes);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                n = -errno;
        stream->done = 0;
        stream->length = n > 0 ? (size_t)n : 0;
        return n;
}

static bool is_empty(const struct stream *stream)
{
        return stream->done == stream->length;
}

/* Writes what the fd takes. Returns false when nobody reads it any more; the bytes are dropped then. */
static bool drain(struct stream *stream, int fd)
{
        ssize_t n;

        do
                n = write(fd, stream->bytes + stream->done, stream->length - stream->done);
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno == EAGAIN)
                return true;
        if (n < 0) {
                stream->done = stream->length;
                return false;
        }
        stream->done += (size_t)n;
        return true;
}

/* The end of a stdin that is no terminal, said as a terminal says it: Ctrl-D at the beginning of a line. In the middle of one
 * the first only ends the line. */
static void say_end(struct stream *input, int master_fd, char last)
{
        struct termios modes;

        if (tcgetattr(master_fd, &modes) < 0 || (modes.c_lflag & ICANON) == 0)
                return;
        input->done = 0;
        input->length = 0;
        if (last != '\n')
                input->bytes[input->length++] = (char)modes.c_cc[VEOF];
        input->bytes[input->length++] = (char)modes.c_cc[VEOF];
}

void terminal_proxy_watch(int fd, bool (*on_readable)(int fd, void *context), void *context)
{
        size_t i = 0;

        while (watched[i].fd >= 0)
                i++;
        assert(i < WATCHED_MAX);
        watched[i].fd = fd;
        watched[i].on_readable = on_readable;
        watched[i].context = context;
}

/* @fds: WATCHED_MAX of them. */
static void look_at_watched(const struct pollfd *fds)
{
        for (size_t i = 0; i < WATCHED_MAX; i++)
                if (fds[i].revents != 0 && watched[i].fd >= 0 && !watched[i].on_readable(watched[i].fd, watched[i].context))
                        watched[i].fd = UNSET_FD;
}

static int wait_for_signals_only(int pidfd)
{
        for (;;) {
                struct pollfd fds[] = { { pidfd, POLLIN, 0 }, { watched[0].fd, POLLIN, 0 }, { watched[1].fd, POLLIN, 0 } };

                if (poll(fds, 1 + WATCHED_MAX, -1) < 0) {
                        if (errno != EINTR)
                                return -errno;
                        continue;
                }
                look_at_watched(&fds[1]);
                if (fds[0].revents != 0)
                        return 0;
        }
}

/* What is copied from where to where, and what is over. */
struct copy {
        struct stream input, output;
        bool has_input, has_output, has_master, has_ended;
        char last;                      /* byte of the input */
        size_t n_after_end;             /* bytes read after the process had ended */
};

static void take_input(struct copy *copy, int master_fd)
{
        ssize_t n = fill(&copy->input, STDIN_FILENO);

        if (n > 0) {
                copy->last = copy->input.bytes[n - 1];
        } else if (n != -EAGAIN && !(n == -EIO && !is_ours(STDIN_FILENO))) {
                copy->has_input = false;
                if (!isatty(STDIN_FILENO))
                        say_end(&copy->input, master_fd, copy->last);
        }
}

static void take_output(struct copy *copy, int master_fd)
{
        ssize_t n = fill(&copy->output, master_fd);

        if (n <= 0 && n != -EAGAIN)
                copy->has_master = false;
        if (n > 0 && copy->has_ended)
                copy->n_after_end += (size_t)n;
        if (copy->n_after_end > REST_LIMIT_BYTES)
                copy->has_master = false;
        if (!copy->has_output)
                copy->output.done = copy->output.length;        /* read on, or the build would block */
}

static int copy_until_end(int master_fd, int pidfd)
{
        enum { PROCESS, INPUT, MASTER, OUTPUT, WATCHED, N = WATCHED + WATCHED_MAX };
        struct copy copy = { .has_input = true, .has_output = true, .has_master = true, .last = '\n' };
        bool was_ours = true;

        for (;;) {
                /* The job can come to the foreground again without any signal; nothing but looking tells. */
                bool is_foreground = proxy.raw_fd < 0 || is_ours(proxy.raw_fd);
                bool wants_input = copy.has_input && is_foreground && !copy.has_ended && is_empty(&copy.input);
                struct pollfd fds[N] = {
                        [PROCESS] = { copy.has_ended ? -1 : pidfd, POLLIN, 0 },
                        [INPUT] = { wants_input ? STDIN_FILENO : -1, POLLIN, 0 },
                        [MASTER] = { copy.has_master ? master_fd : -1, 0, 0 },
                        [OUTPUT] = { is_empty(&copy.output) ? -1 : STDOUT_FILENO, POLLOUT, 0 },
                        [WATCHED] = { copy.has_ended ? -1 : watched[0].fd, POLLIN, 0 },
                        [WATCHED + 1] = { copy.has_ended ? -1 : watched[1].fd, POLLIN, 0 },
                };
                int timeout_ms = copy.has_ended && is_empty(&copy.output) ? 0 : is_foreground ? -1 : 500;

                if (is_foreground && !was_ours) {
                        enter_raw_mode();
                        copy_size();
                }
                was_ours = is_foreground;
                if (is_empty(&copy.output))
                        fds[MASTER].events |= POLLIN;
                if (!is_empty(&copy.input) && !copy.has_ended)
                        fds[MASTER].events |= POLLOUT;
                if (poll(fds, N, timeout_ms) < 0) {
                        if (errno != EINTR)
                                return -errno;
                        continue;
                }

                look_at_watched(&fds[WATCHED]);
                if (fds[OUTPUT].revents != 0 && !drain(&copy.output, STDOUT_FILENO))
                        copy.has_output = false;
                /* After the end: whatever is there now, and no waiting for more. What the process wrote is there, since
                 * poll(2) of a pty looks through the kernel's queue (n_tty_poll) before it says no. */
                if ((fds[MASTER].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && is_empty(&copy.output))
                        take_output(&copy, master_fd);
                else if (copy.has_ended && is_empty(&copy.output) && fds[OUTPUT].revents == 0)
                        return 0;
                if ((fds[MASTER].revents & POLLOUT) != 0 && !is_empty(&copy.input))
                        drain(&copy.input, master_fd);
                if (fds[INPUT].revents != 0)
                        take_input(&copy, master_fd);
                if (fds[PROCESS].revents != 0)
                        copy.has_ended = true;
        }
}

static int reap(int pidfd, int *ret_status, struct error *err)
{
        siginfo_t info = { 0 };

        while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0) {
                if (errno != EINTR)
                        return error_errno(err, errno, "wait for the container's process");
        }
        if (info.si_code == CLD_EXITED)
                *ret_status = (info.si_status & 0xff) << 8;
        else
                *ret_status = info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
        return 0;
}

static void find_terminals(int master_fd)
{
        proxy.raw_fd = UNSET_FD;
        proxy.size_fd = UNSET_FD;
        if (master_fd < 0)
                return;
        for (int number = STDERR_FILENO; number >= STDIN_FILENO; number--) {
                if (isatty(number))
                        proxy.size_fd = number;
        }
        if (tcgetattr(STDIN_FILENO, &proxy.before) < 0)
                return;
        proxy.raw = proxy.before;
        cfmakeraw(&proxy.raw);
        /* The inner pty has ONLCR off: lines of the build and of others on this terminal end alike. */
        proxy.raw.c_oflag = proxy.before.c_oflag;
        proxy.raw_fd = STDIN_FILENO;
}

int terminal_proxy(int master_fd, int pidfd, int *ret_status, struct error *err)
{
        auto_close int slave_fd = UNSET_FD;
        int r;

        if (master_fd >= 0) {
                int flags = fcntl(master_fd, F_GETFL);

                if (flags < 0 || fcntl(master_fd, F_SETFL, flags | O_NONBLOCK) < 0)
                        return error_errno(err, errno, "terminal");
                if (terminal_child_set_proxied(master_fd) < 0)
                        return error_errno(err, errno, "terminal");
                /* One open slave of ours: a build that closes its terminal for a while hangs nothing up. */
                slave_fd = ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
                if (slave_fd < 0)
                        return error_errno(err, errno, "terminal: the pty's other end");
        }
        proxy.pidfd = pidfd;
        proxy.master_fd = master_fd;
        find_terminals(master_fd);
        install_handlers();
        enter_raw_mode();
        copy_size();

        r = master_fd >= 0 ? copy_until_end(master_fd, pidfd) : wait_for_signals_only(pidfd);

        remove_handlers();
        restore_terminal();
        proxy.raw_fd = UNSET_FD;
        if (r < 0)
                return error_errno(err, r, "wait for the container's process");
        return reap(pidfd, ret_status, err);
}
