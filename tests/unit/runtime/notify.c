#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/notify.h"
#include "tests/unit/fork.h"

static char folder[32];
static int state_fd = UNSET_FD, host_fd = UNSET_FD;
static char host_path[64];

static void listen_as_service_manager(void)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        strcpy(folder, "/tmp/runb-notify-XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
        state_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        snprintf(host_path, sizeof host_path, "%s/host.sock", folder);
        strcpy(address.sun_path, host_path);
        host_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        cr_assert_eq(bind(host_fd, (struct sockaddr *)&address, sizeof address), 0);
}

static void clean_up(void)
{
        auto_close int parent = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

        close(host_fd);
        close(state_fd);
        fd_remove_tree(parent, folder + strlen("/tmp/"));
}

TestSuite(notify, .init = listen_as_service_manager, .fini = clean_up, .timeout = 60);

static pid_t say_from_container(const char *text, unsigned delay_ms)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        pid_t pid = test_fork();
        int fd;

        if (pid != 0)
                return pid;
        snprintf(address.sun_path, sizeof address.sun_path, "%s/notify/notify.sock", folder);
        fd = socket(AF_UNIX, SOCK_DGRAM, 0);
        usleep(delay_ms * 1000);
        if (text != NULL && sendto(fd, text, strlen(text), 0, (struct sockaddr *)&address, sizeof address) < 0)
                _exit(1);
        usleep(200000);
        _exit(0);
}

/* What the service manager gets within a second, the texts joined by "|"; it answers the barrier. */
static const char *heard(void)
{
        static char all[1024];
        char text[256];
        size_t length = 0;

        for (;;) {
                struct pollfd p = { host_fd, POLLIN, 0 };
                int fd;
                ssize_t n;

                if (poll(&p, 1, 1000) <= 0)
                        break;
                n = fd_receive(host_fd, text, sizeof text, &fd);
                if (n < 0)
                        break;
                memcpy(all + length, text, (size_t)n);
                length += (size_t)n;
                all[length++] = '|';
                if (fd >= 0) {
                        close(fd);
                        break;
                }
        }
        all[length] = '\0';
        return all;
}

static const char *forward(const char *text, pid_t main_pid, int *ret_status)
{
        pid_t container, helper;
        const char *got;
        int fd, pidfd;
        struct error err = { 0 };

        cr_assert_eq(notify_prepare(state_fd, &err), 0, "%s", err.text);
        cr_assert_eq(notify_bind(state_fd, &fd, &err), 0, "%s", err.text);
        container = say_from_container(text, 50);
        pidfd = sys_pidfd_open(container, 0);
        helper = test_fork();
        if (helper == 0)
                _exit(notify_forward(fd, pidfd, main_pid, host_path, &err) < 0);
        got = heard();
        cr_assert_eq(waitpid(helper, ret_status, 0), helper);
        waitpid(container, NULL, 0);
        return got;
}

Test(notify, tells_ready_and_the_main_pid)
{
        int status;

        cr_assert_str_eq(forward("READY=1", 4711, &status), "READY=1\n|MAINPID=4711\n|BARRIER=1|");
        cr_assert_eq(status, 0);
}

Test(notify, passes_nothing_else_on_that_the_container_says)
{
        int status;

        cr_assert_str_eq(forward("STATUS=x\nMAINPID=1\nREADY=1\nFDSTORE=1\n", 0, &status), "READY=1\n|BARRIER=1|");
        cr_assert_eq(status, 0);
}

Test(notify, is_not_fooled_by_what_only_begins_like_ready)
{
        int status;

        cr_assert_str_eq(forward("READY=10\nXREADY=1\nMAINPID=1", 1, &status), "");
        cr_assert_eq(status, 0, "the container's end is no error");
}

Test(notify, the_end_of_the_container_ends_the_wait)
{
        int status;

        cr_assert_str_eq(forward(NULL, 1, &status), "");
        cr_assert_eq(status, 0);
}

Test(notify, a_service_manager_that_is_gone_is_an_error)
{
        struct error err = { 0 };

        cr_assert_lt(notify_tell(1, "/nope/notify", true, &err), 0);
        cr_assert_not_null(strstr(err.text, "/nope/notify"));
}

Test(notify, every_id_of_the_container_may_write_to_the_socket)
{
        struct error err = { 0 };
        struct stat st;
        int fd;

        umask(077);
        cr_assert_eq(notify_bind(state_fd, &fd, &err), 0);
        cr_assert_eq(fd, UNSET_FD, "create has made no folder");
        cr_assert_eq(notify_prepare(state_fd, &err), 0);
        cr_assert_eq(notify_prepare(state_fd, &err), 0);
        cr_assert_eq(notify_bind(state_fd, &fd, &err), 0, "%s", err.text);
        cr_assert_eq(notify_bind(state_fd, &fd, &err), 0, "a second start: %s", err.text);
        cr_assert_eq(fstatat(state_fd, "notify", &st, 0), 0);
        cr_assert_eq(st.st_mode & 0777, 0755);
        cr_assert_eq(fstatat(state_fd, "notify/notify.sock", &st, 0), 0);
        cr_assert_eq(st.st_mode & 0777, 0777);
}

Test(notify, leaves_a_socket_of_the_engines_own_alone)
{
        char own[] = "NOTIFY_SOCKET=/run/other", other[] = "A=1";
        char *with[] = { own, NULL }, *without[] = { other, NULL };
        const struct spec_process engine = { .env = with, .n_env = 1 }, plain = { .env = without, .n_env = 1 };

        setenv("NOTIFY_SOCKET", "/run/x", 1);
        cr_assert_null(notify_wanted(&engine));
        cr_assert_str_eq(notify_wanted(&plain), "/run/x");
        cr_assert_str_eq(notify_wanted(NULL), "/run/x");
        setenv("NOTIFY_SOCKET", "", 1);
        cr_assert_null(notify_wanted(&plain));
}
