#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/terminal.h"
#include "tests/unit/fork.h"

TestSuite(terminal, .timeout = 60);

/* A devpts of the test's own, as a container has one; mounted nowhere. */
static int open_devpts(void)
{
        int fs_fd, fd;

        if (geteuid() != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                cr_skip_test("no user namespace to mount a devpts in");
        fs_fd = fsopen("devpts", FSOPEN_CLOEXEC);
        if (fs_fd < 0 || fsconfig(fs_fd, FSCONFIG_SET_STRING, "ptmxmode", "0666", 0) < 0 ||
            fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                cr_skip_test("no devpts may be mounted here");
        fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, 0);
        cr_assert(fd >= 0);
        close(fs_fd);
        return fd;
}

static void remove_folder(const char *path)
{
        auto_close int parent = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

        cr_assert_eq(fd_remove_tree(parent, path + strlen("/tmp/")), 0);
}

static void open_pty(int *ret_master, int *ret_slave)
{
        int devpts_fd = open_devpts();

        if (terminal_child_open(devpts_fd, 33, 111, getuid(), getgid(), ret_master, ret_slave) < 0) {
                if (geteuid() != 0)
                        cr_skip_test("a devpts of ours cannot be used here: %s", strerror(errno));
                cr_assert_fail("%s", strerror(errno));
        }
        close(devpts_fd);
}

/* ---- what is decided before ---- */

Test(terminal, a_detached_one_needs_a_console_socket)
{
        struct error err = { 0 };
        int fd = 77;

        cr_assert_eq(terminal_prepare(true, true, NULL, &fd, &err), -EINVAL);
        cr_assert_not_null(strstr(err.text, "will detach without setting console socket"), "%s", err.text);
        cr_assert_eq(terminal_prepare(true, true, "", &fd, &err), -EINVAL);
        cr_assert_eq(terminal_prepare(false, true, "/x", &fd, &err), -EINVAL);
        cr_assert_not_null(strstr(err.text, "cannot use console socket if"), "%s", err.text);
        cr_assert_eq(terminal_prepare(true, false, "/x", &fd, &err), -EINVAL);
        cr_assert_eq(fd, 77, "a failure leaves the result alone");
        cr_assert_eq(terminal_prepare(true, false, NULL, &fd, &err), 0);
        cr_assert_eq(fd, UNSET_FD);
        cr_assert_eq(terminal_prepare(false, true, NULL, &fd, &err), 0);
}

Test(terminal, a_console_socket_that_is_not_there_is_named)
{
        struct error err = { 0 };
        int fd;

        cr_assert_eq(terminal_prepare(true, true, "/nope/console.sock", &fd, &err), -ENOENT);
        cr_assert_not_null(strstr(err.text, "--console-socket: "), "%s", err.text);
        cr_assert_not_null(strstr(err.text, "/nope/console.sock"), "%s", err.text);
}

Test(terminal, the_master_goes_over_in_one_message_with_one_fd_through_a_long_path)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char folder[32] = "/tmp/runb-console-XXXXXX", path[400], name[128];
        char data[4096], control[CMSG_SPACE(sizeof(int)) + 64];
        struct iovec io = { data, sizeof data };
        struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control,
                                  .msg_controllen = sizeof control };
        int listener, connection, socket_fd, master, slave, received, folder_fd;
        struct cmsghdr *header;
        struct winsize size;
        struct error err = { 0 };
        ssize_t n;

        open_pty(&master, &slave);
        cr_assert_not_null(mkdtemp(folder));
        memset(name, 'l', 120);
        name[120] = '\0';
        snprintf(path, sizeof path, "%s/%s", folder, name);
        cr_assert_eq(mkdir(path, 0700), 0);
        folder_fd = open(path, O_PATH | O_DIRECTORY);
        snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/console.sock", folder_fd);
        listener = socket(AF_UNIX, SOCK_STREAM, 0);
        cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
        cr_assert_eq(listen(listener, 1), 0);
        snprintf(path, sizeof path, "%s/%s/console.sock", folder, name);

        cr_assert_eq(terminal_prepare(true, true, path, &socket_fd, &err), 0, "%s", err.text);
        cr_assert_neq(fcntl(socket_fd, F_GETFD) & FD_CLOEXEC, 0);
        cr_assert_eq(terminal_send_master(socket_fd, master), 0);
        connection = accept(listener, NULL, NULL);
        n = recvmsg(connection, &message, 0);
        cr_assert(n >= 1 && n < 4096, "go-runc refuses 4096 bytes");
        header = CMSG_FIRSTHDR(&message);
        cr_assert_not_null(header);
        cr_assert_eq(header->cmsg_type, SCM_RIGHTS);
        cr_assert_eq(header->cmsg_len, CMSG_LEN(sizeof(int)), "exactly one fd");
        cr_assert_null(CMSG_NXTHDR(&message, header));
        memcpy(&received, CMSG_DATA(header), sizeof received);
        cr_assert_eq(ioctl(received, TIOCGWINSZ, &size), 0);
        cr_assert_eq(size.ws_row, 33);
        cr_assert_eq(size.ws_col, 111);
        remove_folder(folder);
}

/* ---- the pty ---- */

Test(terminal, has_the_size_and_owner_that_were_asked_for)
{
        struct winsize size;
        struct stat st;
        struct termios modes;
        int master, slave;

        open_pty(&master, &slave);
        cr_assert_eq(ioctl(slave, TIOCGWINSZ, &size), 0);
        cr_assert_eq(size.ws_row, 33);
        cr_assert_eq(size.ws_col, 111);
        cr_assert_eq(fstat(slave, &st), 0);
        cr_assert_eq(st.st_uid, getuid());
        cr_assert_eq(st.st_gid, getgid());
        cr_assert_neq(fcntl(master, F_GETFD) & FD_CLOEXEC, 0);
        cr_assert_neq(fcntl(slave, F_GETFD) & FD_CLOEXEC, 0);
        cr_assert_eq(tcgetattr(slave, &modes), 0);
        cr_assert_neq(modes.c_oflag & ONLCR, 0, "an engine's own terminal is left as the kernel made it");
        cr_assert_eq(terminal_child_set_proxied(master), 0);
        cr_assert_eq(tcgetattr(slave, &modes), 0);
        cr_assert_eq(modes.c_oflag & ONLCR, 0);
}

Test(terminal, a_ptmx_that_is_no_devpts_is_refused)
{
        char folder[] = "/tmp/runb-ptmx-XXXXXX";
        int master, slave, folder_fd;

        cr_assert_not_null(mkdtemp(folder));
        folder_fd = open(folder, O_PATH | O_DIRECTORY);
        cr_assert_eq(terminal_child_open(folder_fd, 0, 0, getuid(), getgid(), &master, &slave), -1);
        cr_assert_eq(errno, ENOENT);
        close(openat(folder_fd, "ptmx", O_CREAT | O_WRONLY, 0600));
        cr_assert_eq(terminal_child_open(folder_fd, 0, 0, getuid(), getgid(), &master, &slave), -1);
        cr_assert_eq(errno, ENOTTY);
        unlinkat(folder_fd, "ptmx", 0);
        cr_assert_eq(symlinkat("/dev/ptmx", folder_fd, "ptmx"), 0);
        cr_assert_eq(terminal_child_open(folder_fd, 0, 0, getuid(), getgid(), &master, &slave), -1);
        cr_assert_neq(errno, 0);
        remove_folder(folder);
}

/* ---- the foreground proxy ---- */

struct foreground {
        pid_t pid;              /* of the runtime's stand-in */
        int input, output;      /* our ends of its stdin and stdout */
};

static pid_t start_shell(const char *text, int slave)
{
        pid_t pid = test_fork();
        sigset_t none;

        if (pid != 0)
                return pid;
        for (int number = 1; number < NSIG; number++)
                signal(number, SIG_DFL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (setsid() < 0 || (slave >= 0 && terminal_child_become(slave) < 0))
                _exit(99);
        execl("/bin/sh", "sh", "-c", text, (char *)NULL);
        _exit(98);
}

/* What `run` does: a shell as the container, the proxy between it and @stdin_fd and @stdout_fd. Exits with the shell's
 * status, 128 and the number after a signal. */
static _Noreturn void be_runtime(const char *text, bool has_terminal, int stdin_fd, int stdout_fd)
{
        int master = UNSET_FD, slave = UNSET_FD, status = 0, pidfd;
        struct error err = { 0 };
        pid_t pid;

        signal(SIGPIPE, SIG_IGN);
        dup2(stdin_fd, 0);
        dup2(stdout_fd, 1);
        if (has_terminal)
                open_pty(&master, &slave);
        if (terminal_proxy_prepare(&err) < 0)
                _exit(97);
        /* As init does it, before there is a program: what is written before has other line ends. */
        if (has_terminal && terminal_child_set_proxied(master) < 0)
                _exit(95);
        pid = start_shell(text, slave);
        if (slave >= 0)
                close(slave);
        syscall(SYS_close_range, 3, master >= 0 ? (unsigned)master - 1 : 3u, 0);
        pidfd = sys_pidfd_open(pid, 0);
        if (terminal_proxy(master, pidfd, &status, &err) < 0)
                _exit(96);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static struct foreground start(const char *text, bool has_terminal)
{
        struct foreground front;
        int in[2], out[2], master, slave;

        /* Here too, so that it is the test and not its child that is skipped. */
        open_pty(&master, &slave);
        close(master);
        close(slave);
        cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
        cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
        front.pid = test_fork();
        if (front.pid == 0)
                be_runtime(text, has_terminal, in[0], out[1]);
        close(in[0]);
        close(out[1]);
        front.input = in[1];
        front.output = out[0];
        return front;
}

static int wait_for(pid_t pid)
{
        int status;

        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFEXITED(status), "the runtime itself was killed by signal %d", WTERMSIG(status));
        return WEXITSTATUS(status);
}

static char *read_rest(int fd, size_t *ret_length)
{
        char *text = NULL;

        cr_assert_eq(fd_read_all(fd, (size_t)8 << 20, &text, ret_length), 0);
        return text;
}

/* Reads until @word has come; "" when it never does. */
static const char *read_until(int fd, const char *word)
{
        static char text[65536];
        size_t length = 0;
        ssize_t n;

        while (length < sizeof text - 1) {
                struct pollfd p = { fd, POLLIN, 0 };

                if (poll(&p, 1, 10000) <= 0)
                        break;
                n = read(fd, text + length, sizeof text - 1 - length);
                if (n <= 0)
                        break;
                length += (size_t)n;
                text[length] = '\0';
                if (strstr(text, word) != NULL)
                        return text;
        }
        text[length] = '\0';
        return "";
}

Test(terminal, no_byte_of_the_end_is_lost)
{
        for (unsigned round = 0; round < 5; round++) {
                struct foreground front = start("seq 1 30000; printf last; exit 7", true);
                size_t length, expected = 168894 + 4;      /* seq 1 30000 | wc -c */
                auto_free char *text = read_rest(front.output, &length);

                cr_assert_eq(length, expected, "%zu bytes", length);
                cr_assert_str_eq(text + length - 10, "30000\nlast");
                cr_assert_eq(wait_for(front.pid), 7);
                close(front.input);
                close(front.output);
        }
}

Test(terminal, a_slow_reader_loses_nothing_either)
{
        struct foreground front = start("seq 1 30000", true);
        auto_free char *text = NULL;
        size_t length;

        usleep(300000);
        text = read_rest(front.output, &length);
        cr_assert_eq(length, 168894);
        cr_assert_eq(wait_for(front.pid), 0);
}

Test(terminal, the_end_of_stdin_reaches_the_program_as_ctrl_d)
{
        struct foreground front = start("stty -echo; echo ready; cat; echo over", true);
        const char *text;

        text = read_until(front.output, "ready\n");
        cr_assert_str_eq(text, "ready\n");
        cr_assert_eq(write(front.input, "no line end", 11), 11);
        close(front.input);
        text = read_until(front.output, "over");
        cr_assert_not_null(strstr(text, "no line end"), "%s", text);
        cr_assert_eq(wait_for(front.pid), 0);
}

Test(terminal, a_stdin_at_its_end_costs_no_time)
{
        struct foreground front = start("sleep 1", true);
        struct timespec used;
        clockid_t clock_id;

        close(front.input);
        usleep(900000);
        cr_assert_eq(clock_getcpuclockid(front.pid, &clock_id), 0);
        cr_assert_eq(clock_gettime(clock_id, &used), 0);
        cr_assert(used.tv_sec == 0 && used.tv_nsec < 300000000, "%ld ns", used.tv_nsec);
        cr_assert_eq(wait_for(front.pid), 0);
}

Test(terminal, signals_reach_the_program)
{
        static const bool kinds[] = { true, false };

        for (unsigned i = 0; i < 2; i++) {
                struct foreground front = start("trap 'echo got; exit 5' TERM; trap 'echo usr' USR1; echo ready; "
                                                "while :; do sleep 0.05; done", kinds[i]);

                cr_assert_str_neq(read_until(front.output, "ready"), "");
                cr_assert_eq(kill(front.pid, SIGUSR1), 0);
                cr_assert_str_neq(read_until(front.output, "usr"), "");
                cr_assert_eq(kill(front.pid, SIGTERM), 0);
                cr_assert_str_neq(read_until(front.output, "got"), "");
                cr_assert_eq(wait_for(front.pid), 5);
        }
}

Test(terminal, a_reader_that_stalls_keeps_no_signal_from_the_program)
{
        struct foreground front = start("trap 'exit 5' TERM; printf '%s' ready; yes & wait", true);
        int status = 0;
        pid_t pid = 0;

        cr_assert_str_neq(read_until(front.output, "ready"), "");
        usleep(300000);         /* the pipe is full by now, and nobody reads it */
        cr_assert_eq(kill(front.pid, SIGTERM), 0);
        usleep(300000);
        close(front.output);
        for (unsigned i = 0; i < 500 && pid == 0; i++) {
                pid = waitpid(front.pid, &status, WNOHANG);
                usleep(10000);
        }
        cr_assert_eq(pid, front.pid);
        cr_assert(WIFEXITED(status));
        cr_assert_eq(WEXITSTATUS(status), 5);
}

Test(terminal, a_death_by_signal_is_told)
{
        struct foreground front = start("kill -9 $$", false);

        cr_assert_eq(wait_for(front.pid), 128 + SIGKILL);
}

Test(terminal, a_signal_sent_before_the_proxy_begins_is_not_lost)
{
        pid_t pid = test_fork();

        if (pid == 0) {
                struct error err = { 0 };
                int status, pidfd;
                pid_t shell;

                terminal_proxy_prepare(&err);
                raise(SIGTERM);
                shell = start_shell("exec sleep 30", UNSET_FD);
                pidfd = sys_pidfd_open(shell, 0);
                /* The shell has its own mask by the time that the signal is forwarded. */
                usleep(300000);
                if (terminal_proxy(UNSET_FD, pidfd, &status, &err) < 0)
                        _exit(96);
                _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : 0);
        }
        cr_assert_eq(wait_for(pid), 128 + SIGTERM);
}

Test(terminal, a_reader_that_went_away_does_not_hang_the_build)
{
        struct foreground front = start("seq 1 100000; exit 3", true);

        close(front.output);
        cr_assert_eq(wait_for(front.pid), 3);
}

Test(terminal, what_the_program_left_writing_does_not_keep_us)
{
        struct foreground front = start("trap '' HUP; yes & sleep 0.2; kill -9 $$", true);
        pid_t reader = test_fork();

        if (reader == 0) {
                char drop[4096];

                while (read(front.output, drop, sizeof drop) > 0)
                        ;
                _exit(0);
        }
        close(front.output);
        cr_assert_eq(wait_for(front.pid), 128 + SIGKILL);
        kill(reader, SIGKILL);
        waitpid(reader, NULL, 0);
}

Test(terminal, a_program_that_closes_its_terminal_for_a_while_is_heard_again)
{
        struct foreground front = start("exec 0<&- 1>&- 2>&-; sleep 0.3; echo back > /dev/tty", true);
        const char *text = read_until(front.output, "back");

        cr_assert_not_null(strstr(text, "back"), "%s", text);
        cr_assert_eq(wait_for(front.pid), 0);
}

/* The caller's own terminal: an outer pty, and the runtime the leader of its session. */
static struct foreground start_in_pty(const char *text, int *ret_outer_slave)
{
        struct winsize size = { .ws_row = 40, .ws_col = 120 };
        struct foreground front;
        int outer_master, outer_slave;

        open_pty(&outer_master, &outer_slave);
        cr_assert_eq(ioctl(outer_slave, TIOCSWINSZ, &size), 0);
        front.pid = test_fork();
        if (front.pid == 0) {
                setsid();
                ioctl(outer_slave, TIOCSCTTY, 0);
                dup2(outer_slave, 2);
                be_runtime(text, true, outer_slave, outer_slave);
        }
        front.input = outer_master;
        front.output = outer_master;
        *ret_outer_slave = outer_slave;
        return front;
}

Test(terminal, the_callers_terminal_is_raw_meanwhile_and_put_back)
{
        struct termios before, meanwhile, after;
        struct foreground front;
        int outer;

        front = start_in_pty("stty size; echo ready; read x; echo \"<$x>\"; exit 4", &outer);
        cr_assert_not_null(strstr(read_until(front.output, "ready"), "40 120\r\n"), "size and line ends");
        cr_assert_eq(tcgetattr(outer, &meanwhile), 0);
        cr_assert_eq(meanwhile.c_lflag & (ICANON | ECHO | ISIG), 0);
        cr_assert_neq(meanwhile.c_oflag & OPOST, 0);
        cr_assert_eq(write(front.input, "word\r", 5), 5);
        cr_assert_not_null(strstr(read_until(front.output, "<word>"), "<word>"));
        cr_assert_eq(wait_for(front.pid), 4);
        cr_assert_eq(tcgetattr(outer, &after), 0);
        open_pty(&front.input, &front.output);
        cr_assert_eq(tcgetattr(front.output, &before), 0);
        cr_assert_eq(after.c_lflag, before.c_lflag);
        cr_assert_eq(after.c_iflag, before.c_iflag);
        cr_assert_eq(after.c_oflag, before.c_oflag);
}

Test(terminal, ctrl_c_reaches_the_program_and_not_the_runtime)
{
        struct foreground front;
        int outer;

        front = start_in_pty("trap 'echo got; exit 6' INT; echo ready; while :; do sleep 0.05; done", &outer);
        cr_assert_str_neq(read_until(front.output, "ready"), "");
        cr_assert_eq(write(front.input, "\003", 1), 1);
        cr_assert_str_neq(read_until(front.output, "got"), "");
        cr_assert_eq(wait_for(front.pid), 6);
}

Test(terminal, the_size_is_there_before_the_program_is)
{
        struct winsize size = { .ws_row = 21, .ws_col = 91 };
        int outer_master, outer_slave, master, slave;

        open_pty(&outer_master, &outer_slave);
        open_pty(&master, &slave);
        cr_assert_eq(ioctl(outer_slave, TIOCSWINSZ, &size), 0);
        dup2(outer_slave, 0);
        cr_assert_eq(terminal_child_set_proxied(master), 0);
        cr_assert_eq(ioctl(slave, TIOCGWINSZ, &size), 0);
        cr_assert_eq(size.ws_row, 21);
        cr_assert_eq(size.ws_col, 91);
}

Test(terminal, a_new_size_is_passed_on)
{
        struct winsize size = { .ws_row = 50, .ws_col = 100 };
        struct foreground front;
        int outer;

        front = start_in_pty("trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done", &outer);
        cr_assert_str_neq(read_until(front.output, "ready"), "");
        cr_assert_eq(ioctl(front.input, TIOCSWINSZ, &size), 0);         /* the kernel sends SIGWINCH to the job */
        cr_assert_str_neq(read_until(front.output, "50 100"), "");
        cr_assert_eq(wait_for(front.pid), 0);
}

/* From now on a TIOCSWINSZ of this process is a fault (SIGSYS of the kernel's). */
static void fault_at_resize(void)
{
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TIOCSWINSZ, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const struct sock_fprog program = { sizeof code / sizeof code[0], code };

        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

Test(terminal, a_fault_of_ours_leaves_the_terminal_as_it_was)
{
        struct termios before, after;
        int master, slave, status, word[2], tell = 0;
        pid_t pid;

        open_pty(&master, &slave);
        cr_assert_eq(tcgetattr(slave, &before), 0);
        cr_assert_eq(pipe(word), 0);
        pid = test_fork();
        if (pid == 0) {
                struct error err = { 0 };
                int inner_master, inner_slave;

                setsid();
                ioctl(slave, TIOCSCTTY, 0);
                dup2(slave, 0);
                open_pty(&inner_master, &inner_slave);
                terminal_proxy_prepare(&err);
                fault_at_resize();      /* terminal_proxy() enters raw mode first and then copies the size */
                terminal_proxy(inner_master, sys_pidfd_open(getppid(), 0), &status, &err);
                _exit(0);
        }
        close(word[1]);
        cr_assert_eq(read(word[0], &tell, sizeof tell), 0, "the child has ended");
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFSIGNALED(status));
        cr_assert_eq(WTERMSIG(status), SIGSYS);
        cr_assert_eq(tcgetattr(slave, &after), 0);
        cr_assert_eq(after.c_lflag, before.c_lflag);
        cr_assert_eq(after.c_iflag, before.c_iflag);
}
