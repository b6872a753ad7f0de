/* Talks to the helper program, which talks to systemd. It is started by the absolute path of the installation and with no
 * environment but the bus's address, whoever calls us. It has no part in a container that does not ask for systemd. */
#include "runtime/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"

/* The helper itself gives up earlier. */
#define PATIENCE_MS 150000

bool systemd_is_supported(void)
{
        return true;
}

/* sd_booted(3). */
static int check_host(const char *bus, struct error *err)
{
        if (strcmp(bus, SYSTEMD_SYSTEM_BUS) == 0 && access("/run/systemd/system", F_OK) < 0)
                return error_set(err, EOPNOTSUPP, "systemd not running on this host, cannot use systemd cgroups manager; set the "
                                 "engine's cgroup manager to cgroupfs");
        if (access(RUNB_SYSTEMD_HELPER, X_OK) < 0)
                return error_set(err, EOPNOTSUPP, "--systemd-cgroup: %s is not there: install it with runb (make install)",
                                 RUNB_SYSTEMD_HELPER);
        return 0;
}

static void become_helper(int in_fd, int out_fd, const char *const *arguments)
{
        static char *const environment[] = { NULL };
        sigset_t none;
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        sigemptyset(&none);
        if (null < 0 || dup2(in_fd, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0 ||
            syscall(SYS_close_range, 3, ~0u, 0) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0 || chdir("/") < 0)
                _exit(126);
        execve(RUNB_SYSTEMD_HELPER, (char *const *)arguments, environment);
        _exit(127);
}

static int start_helper(const char *bus, const char *verb, const char *unit, const char *description,
                        struct systemd_scope *ret_scope, struct error *err)
{
        const char *const arguments[] = { RUNB_SYSTEMD_HELPER, bus, verb, unit, description, NULL };
        int in[2], out[2];
        pid_t pid;
        int r = check_host(bus, err);

        if (r < 0)
                return r;
        if (pipe2(in, O_CLOEXEC) < 0)
                return error_errno(err, errno, "make a pipe");
        if (pipe2(out, O_CLOEXEC) < 0) {
                r = error_errno(err, errno, "make a pipe");
                close(in[0]);
                close(in[1]);
                return r;
        }
        pid = fork();
        if (pid == 0)
                become_helper(in[0], out[1], arguments);
        r = pid < 0 ? error_errno(err, errno, "fork for %s", RUNB_SYSTEMD_HELPER) : 0;
        close(in[0]);
        close(out[1]);
        if (r < 0) {
                close(in[1]);
                close(out[0]);
                return r;
        }
        *ret_scope = (struct systemd_scope){ pid, in[1], out[0] };
        return 0;
}

/* A helper that is gone must not take us along. */
static int say(const struct systemd_scope *scope, const struct text_buffer *properties)
{
        struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
        int r = properties->is_broken ? -ENOMEM : 0;

        sigaction(SIGPIPE, &ignore, &before);
        if (r == 0 && properties->length > 0)
                r = fd_write_all(scope->to_fd, properties->text, properties->length);
        if (r == 0)
                r = fd_write_all(scope->to_fd, ".\n", 2);
        sigaction(SIGPIPE, &before, NULL);
        return r;
}

static int64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One line, "ok TEXT" or "error ERRNO TEXT". */
static int hear(struct systemd_scope *scope, char *line, size_t size, struct error *err)
{
        int64_t end = now_ms() + PATIENCE_MS;
        char *text;
        size_t n = 0;
        long number;

        for (;;) {
                struct pollfd event = { .fd = scope->from_fd, .events = POLLIN };
                int64_t left = end - now_ms();
                ssize_t got;
                int r = poll(&event, 1, left > 0 ? (int)left : 0);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r == 0) {
                        kill(scope->pid, SIGKILL);
                        return error_set(err, ETIMEDOUT, "systemd does not answer, %d seconds after it was asked", PATIENCE_MS / 1000);
                }
                got = r < 0 ? -1 : read(scope->from_fd, line + n, size - 1 - n);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        return error_set(err, EPIPE, "%s ended without an answer", RUNB_SYSTEMD_HELPER);
                n += (size_t)got;
                line[n] = '\0';
                if (line[n - 1] == '\n' || n == size - 1)
                        break;
        }
        line[strcspn(line, "\n")] = '\0';
        if (text_starts_with(line, "ok ")) {
                memmove(line, line + 3, strlen(line + 3) + 1);
                return 0;
        }
        if (!text_starts_with(line, "error "))
                return error_set(err, EPROTO, "%s: unexpected answer", RUNB_SYSTEMD_HELPER);
        number = strtol(line + 6, &text, 10);
        return error_set(err, number > 0 && number < 4096 ? (int)number : EIO, "systemd:%s", text);
}

void systemd_scope_close(struct systemd_scope *scope)
{
        auto_close_cleanup(&scope->to_fd);
        if (scope->pid > 0)
                while (waitpid(scope->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        scope->pid = 0;
        auto_close_cleanup(&scope->from_fd);
}

int systemd_begin(const struct systemd_plan *plan, const struct text_buffer *properties, struct arena *arena,
                  struct systemd_scope *ret_scope, const char **ret_cgroup, struct error *err)
{
        struct systemd_scope scope = SYSTEMD_SCOPE_NONE;
        char line[4096 + 64];
        int r = start_helper(plan->bus, "start", plan->unit, plan->description, &scope, err);

        if (r < 0)
                return r;
        /* Where that fails the helper has ended, and says why, or says nothing. */
        say(&scope, properties);
        r = hear(&scope, line, sizeof line, err);
        if (r < 0)
                error_context(err, "unable to start unit \"%s\" (slice %s)", plan->unit, plan->slice);
        /* "/" is systemd's word for the root, which would be the whole machine. */
        if (r == 0 && (line[0] != '/' || line[1] == '\0'))
                r = error_set(err, EPROTO, "unit \"%s\" has no cgroup of its own (\"%s\")", plan->unit, line);
        if (r == 0) {
                *ret_cgroup = arena_string(arena, line);
                if (*ret_cgroup == NULL)
                        r = error_errno(err, ENOMEM, "unit \"%s\"", plan->unit);
        }
        if (r < 0) {
                systemd_scope_close(&scope);
                return r;
        }
        log_debug("systemd has started %s: cgroup %s", plan->unit, line);
        *ret_scope = scope;
        return 0;
}

int systemd_complete(struct systemd_scope *scope, const struct text_buffer *properties, struct error *err)
{
        char line[1024];
        int r;

        say(scope, properties);
        r = hear(scope, line, sizeof line, err);
        systemd_scope_close(scope);
        return r;
}

int systemd_attach_begin(const char *bus, const char *unit, struct systemd_scope *ret_scope, struct error *err)
{
        return start_helper(bus, "attach", unit, NULL, ret_scope, err);
}

int systemd_attach(struct systemd_scope *scope, pid_t pid, const char *below, struct error *err)
{
        auto_buffer struct text_buffer line = { 0 };
        char answer[1024];
        int r;

        text_addf(&line, "attach\t%d\t%s\n", pid, below);
        say(scope, &line);
        r = hear(scope, answer, sizeof answer, err);
        return r < 0 ? error_context(err, "move process %d, from a cgroup that is not the user's own, into the container's unit (start "
                                     "the caller by systemd-run --user --scope)", pid) : 0;
}

static int ask(const char *bus, const char *verb, const char *unit, const char *description,
               const struct text_buffer *properties, struct error *err)
{
        struct systemd_scope scope = SYSTEMD_SCOPE_NONE;
        char line[1024];
        int r = start_helper(bus, verb, unit, description, &scope, err);

        if (r < 0)
                return r;
        if (properties != NULL)
                say(&scope, properties);
        r = hear(&scope, line, sizeof line, err);
        systemd_scope_close(&scope);
        return r;
}

int systemd_set(const char *bus, const char *unit, const struct text_buffer *properties, struct error *err)
{
        int r = properties->is_broken ? error_errno(err, ENOMEM, "unit \"%s\"", unit) : 0;

        if (r == 0 && properties->length > 0)
                r = ask(bus, "set", unit, NULL, properties, err);
        return r < 0 ? error_context(err, "unable to set unit properties of \"%s\"", unit) : 0;
}

int systemd_stop(const char *bus, const char *unit, const char *description, struct error *err)
{
        int r = ask(bus, "stop", unit, description, NULL, err);

        return r < 0 ? error_context(err, "unable to stop unit \"%s\"", unit) : 0;
}
