#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "hooks/hooks.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"

#define STATE "{\"ociVersion\":\"1.3.0\",\"id\":\"x\",\"status\":\"created\",\"pid\":42,\"bundle\":\"/b\"}"

static char folder[64];

static void make_folder(void)
{
        strcpy(folder, "/tmp/runb-hooks-XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void)
{
        auto_close int parent = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

        cr_assert_eq(fd_remove_tree(parent, folder + strlen("/tmp/")), 0);
}

TestSuite(hooks, .init = make_folder, .fini = remove_folder, .timeout = 30);

static const char *in_folder(const char *name)
{
        static char paths[4][128];
        static unsigned next;
        char *path = paths[next++ % 4];

        snprintf(path, sizeof paths[0], "%s/%s", folder, name);
        return path;
}

static const char *contents(const char *name)
{
        static char copy[4096];
        auto_free char *text = NULL;

        cr_assert_eq(fd_read_file(AT_FDCWD, in_folder(name), sizeof copy - 1, &text, NULL), 0, "%s", name);
        return strcpy(copy, text);
}

static void write_script(const char *name, const char *text, mode_t mode)
{
        int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_CLOEXEC | O_TRUNC, mode);

        cr_assert(fd >= 0);
        cr_assert_eq(fd_write_all(fd, text, strlen(text)), 0);
        cr_assert_eq(fchmod(fd, mode), 0);
        close(fd);
}

/* Runs `sh -c @text` as the only hook, in the test's folder. */
static int run_shell(const char *text, int64_t timeout_seconds, bool is_failure_fatal, struct error *err)
{
        char *args[] = { (char[]){ "sh" }, (char[]){ "-c" }, strdup(text), NULL };
        char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
        char *env[] = { path, NULL };
        const struct spec_hook hook = { "/bin/sh", args, env, timeout_seconds };
        const struct spec_hook_list list = { &hook, 1 };
        int r;

        cr_assert_eq(chdir(folder), 0);
        r = hooks_run(&list, SPEC_HOOK_CREATE_RUNTIME, NULL, STATE, is_failure_fatal, err);
        free(args[2]);
        return r;
}

static double now_seconds(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

Test(hooks, get_the_state_on_stdin)
{
        struct error err = { 0 };

        cr_assert_eq(run_shell("cat > state", 0, true, &err), 0, "%s", err.text);
        cr_assert_str_eq(contents("state"), STATE);
}

Test(hooks, a_hook_that_reads_no_stdin_is_no_failure)
{
        size_t length = (size_t)1 << 20;        /* more than a pipe holds */
        char *state = malloc(length + 1);
        char *args[] = { (char[]){ "true" }, NULL }, *env[] = { NULL };
        const struct spec_hook hook = { "/bin/true", args, env, 0 };
        const struct spec_hook_list list = { &hook, 1 };
        struct error err = { 0 };

        memset(state, 'x', length);
        state[length] = '\0';
        cr_assert_eq(hooks_run(&list, SPEC_HOOK_POSTSTART, NULL, state, true, &err), 0, "%s", err.text);
        free(state);
}

Test(hooks, cannot_change_the_state_that_the_next_one_reads)
{
        struct error err = { 0 };

        cr_assert_lt(run_shell("echo y > /proc/self/fd/0", 0, true, &err), 0);
}

Test(hooks, get_exactly_their_environment)
{
        char *args[] = { (char[]){ "env" }, NULL };
        char *env[] = { (char[]){ "B=2" }, (char[]){ "A=1 2" }, NULL };
        const struct spec_hook hook = { "/usr/bin/env", args, env, 0 };
        const struct hooks_call call = { &hook, UNSET_FD, STATE, sizeof STATE - 1, NULL, NULL };
        struct hooks_outcome outcome;

        setenv("SECRET_OF_THE_ENGINE", "1", 1);
        cr_assert(hooks_child_run(&call, &outcome));
        cr_assert_eq(outcome.output_length, strlen("B=2\nA=1 2\n"));
        cr_assert_eq(memcmp(outcome.output, "B=2\nA=1 2\n", outcome.output_length), 0);
}

Test(hooks, an_empty_environment_is_empty)
{
        char *args[] = { (char[]){ "env" }, NULL }, *none[] = { NULL };
        const struct spec_hook hook = { "/usr/bin/env", args, none, 0 };
        const struct hooks_call call = { &hook, UNSET_FD, STATE, sizeof STATE - 1, NULL, NULL };
        struct hooks_outcome outcome;

        setenv("SECRET_OF_THE_ENGINE", "1", 1);
        cr_assert(hooks_child_run(&call, &outcome));
        cr_assert_eq(outcome.output_length, 0, "%.*s", (int)outcome.output_length, outcome.output);
}

Test(hooks, errors_keep_the_words_of_runc)
{
        struct error err = { 0 };

        cr_assert_eq(run_shell("echo out; echo err >&2; exit 3", 0, true, &err), -ECHILD);
        cr_assert_str_eq(err.text, "error running createRuntime hook #0: exit status 3, stdout: out, stderr: err");
}

Test(hooks, an_error_is_one_line_without_escape_sequences)
{
        struct error err = { 0 };

        cr_assert_lt(run_shell("printf 'a\\nb\\033[2Jc\\n' >&2; exit 1", 0, true, &err), 0);
        cr_assert_str_eq(err.text, "error running createRuntime hook #0: exit status 1, stdout: , stderr: a b [2Jc");
}

Test(hooks, a_long_stderr_is_cut_and_does_not_block_the_hook)
{
        struct error err = { 0 };

        cr_assert_lt(run_shell("head -c 1000000 /dev/zero | tr '\\0' e >&2; head -c 300000 /dev/zero | tr '\\0' o; exit 9",
                               0, true, &err), 0);
        cr_assert_not_null(strstr(err.text, "exit status 9, stdout: ooo"));
        cr_assert_not_null(strstr(err.text, ", stderr: eee"));
        cr_assert_eq(strlen(strstr(err.text, ", stderr: ")), strlen(", stderr: ") + HOOKS_OUTPUT_BYTES);
}

Test(hooks, a_signal_is_named)
{
        struct error err = { 0 };

        cr_assert_lt(run_shell("kill -9 $$", 0, true, &err), 0);
        cr_assert_str_eq(err.text, "error running createRuntime hook #0: signal: Killed, stdout: , stderr: ");
}

Test(hooks, one_over_its_timeout_is_killed_though_it_ignores_sigterm)
{
        struct error err = { 0 };
        double start = now_seconds();

        cr_assert_eq(run_shell("trap '' TERM; echo $$ > pid; while :; do sleep 1000; done", 1, true, &err), -ETIMEDOUT);
        cr_assert_lt(now_seconds() - start, 5);
        cr_assert_str_eq(err.text, "error running createRuntime hook #0: hook ran past specified timeout of 1.0s, stdout: , "
                                   "stderr: ");
        cr_assert_eq(kill(atoi(contents("pid")), 0), -1);
        cr_assert_eq(errno, ESRCH);
}

/* Whether the process has ended; one whose parent does not reap it stays as a zombie. */
static bool has_ended(pid_t pid)
{
        char path[64];
        auto_free char *text = NULL;

        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        if (fd_read_file(AT_FDCWD, path, 4096, &text, NULL) < 0)
                return true;
        return strstr(text, ") Z ") != NULL || strstr(text, ") X ") != NULL;
}

Test(hooks, one_over_its_timeout_is_killed_with_what_it_started)
{
        struct error err = { 0 };
        pid_t pid;

        cr_assert_eq(run_shell("sleep 1000 & echo $! > pid; wait", 1, true, &err), -ETIMEDOUT);
        pid = atoi(contents("pid"));
        for (unsigned i = 0; i < 200 && !has_ended(pid); i++)
                usleep(10000);
        cr_assert(has_ended(pid));
}

Test(hooks, a_daemon_that_holds_the_pipes_does_not_keep_us)
{
        struct error err = { 0 };
        double start = now_seconds();

        cr_assert_eq(run_shell("(trap '' HUP; echo $$ > /dev/null; exec sleep 20) & echo $! > pid; exit 0", 0, true, &err),
                     0, "%s", err.text);
        cr_assert_lt(now_seconds() - start, 5);
        cr_assert_eq(kill(atoi(contents("pid")), SIGKILL), 0, "the daemon of a good hook lives on");
}

Test(hooks, a_daemon_that_writes_without_end_does_not_keep_us)
{
        struct error err = { 0 };
        double start = now_seconds();

        cr_assert_eq(run_shell("yes & exit 0", 0, true, &err), 0, "%s", err.text);
        cr_assert_lt(now_seconds() - start, 5);
}

Test(hooks, a_missing_executable_is_named)
{
        char *args[] = { (char[]){ "x" }, NULL }, *env[] = { NULL };
        const struct spec_hook hook = { "/nope/hook", args, env, 0 };
        const struct spec_hook_list list = { &hook, 1 };
        struct arena arena = { 0 };
        struct error err = { 0 };
        int *fds = NULL;

        cr_assert_eq(hooks_run(&list, SPEC_HOOK_CREATE_CONTAINER, NULL, STATE, true, &err), -ENOENT);
        cr_assert_str_eq(err.text, "error running createContainer hook #0: exec /nope/hook: no such file or directory");
        cr_assert_eq(hooks_prepare(&arena, &list, SPEC_HOOK_POSTSTOP, &fds, &err), -ENOENT);
        cr_assert_str_eq(err.text, "hooks.poststop[0].path: open /nope/hook: no such file or directory");
        arena_free(&arena);
}

Test(hooks, a_file_that_cannot_be_executed_is_refused_before_anything_runs)
{
        struct spec_hook hook = { NULL, (char *[]){ (char[]){ "x" }, NULL }, (char *[]){ NULL }, 0 };
        const struct spec_hook_list list = { &hook, 1 };
        struct arena arena = { 0 };
        struct error err = { 0 };
        int *fds = NULL;

        write_script("plain", "no program\n", 0644);
        hook.path = in_folder("plain");
        cr_assert_eq(hooks_prepare(&arena, &list, SPEC_HOOK_PRESTART, &fds, &err), -EACCES);
        cr_assert_not_null(strstr(err.text, "is not an executable file"));
        hook.path = folder;
        cr_assert_eq(hooks_prepare(&arena, &list, SPEC_HOOK_PRESTART, &fds, &err), -EACCES);
        arena_free(&arena);
}

Test(hooks, the_file_that_was_opened_runs_though_its_name_means_another_by_then)
{
        char *args[] = { (char[]){ "hook" }, (char[]){ "one" }, NULL }, path[] = "PATH=/usr/bin:/bin";
        struct spec_hook hook = { NULL, args, (char *[]){ path, NULL }, 0 };
        const struct spec_hook_list list = { &hook, 1 };
        struct arena arena = { 0 };
        struct error err = { 0 };
        int *fds = NULL;

        cr_assert_eq(chdir(folder), 0);
        write_script("hook.sh", "#!/bin/sh\necho judged $1 > ran\n", 0755);
        write_script("other.sh", "#!/bin/sh\necho swapped > ran\n", 0755);
        hook.path = in_folder("hook.sh");
        cr_assert_eq(hooks_prepare(&arena, &list, SPEC_HOOK_PRESTART, &fds, &err), 0, "%s", err.text);
        cr_assert_eq(rename(in_folder("other.sh"), in_folder("hook.sh")), 0);
        cr_assert_eq(hooks_run(&list, SPEC_HOOK_PRESTART, fds, STATE, true, &err), 0, "%s", err.text);
        cr_assert_str_eq(contents("ran"), "judged one\n");
        hooks_close(fds, 1);
        hooks_close(fds, 1);
        arena_free(&arena);
}

Test(hooks, get_no_other_fd)
{
        struct error err = { 0 };
        int fd = open("/dev/null", O_RDONLY);   /* not close-on-exec */

        cr_assert(fd > 2);
        cr_assert_eq(run_shell("for f in 3 4 5 6 7 8 9; do if [ -e /proc/$$/fd/$f ]; then echo $f >&2; exit 1; fi; done", 0,
                               true, &err), 0, "%s", err.text);
        close(fd);
}

static void ignore_signal_of_libc(void)
{
        const unsigned long ignore[4] = { 1 /* SIG_IGN */ };

        cr_assert_eq(syscall(SYS_rt_sigaction, 32, ignore, NULL, (size_t)8), 0);
}

Test(hooks, get_default_signals_and_an_empty_mask_and_a_session_of_their_own)
{
        char *args[] = { (char[]){ "awk" },
                         (char[]){ "/^Sig(Blk|Ign):/ { print $2 } FILENAME ~ /stat$/ { print $1 == $6 }" },
                         (char[]){ "/proc/self/status" }, (char[]){ "/proc/self/stat" }, NULL };
        char *none[] = { NULL };
        const struct spec_hook hook = { "/usr/bin/awk", args, none, 0 };
        const struct hooks_call call = { &hook, UNSET_FD, STATE, sizeof STATE - 1, NULL, NULL };
        const char *expected = "0000000000000000\n0000000000000000\n1\n";
        struct hooks_outcome outcome;
        sigset_t mask;

        signal(SIGPIPE, SIG_IGN);
        signal(SIGUSR1, SIG_IGN);
        ignore_signal_of_libc();
        sigemptyset(&mask);
        sigaddset(&mask, SIGUSR2);
        sigprocmask(SIG_BLOCK, &mask, NULL);
        cr_assert(hooks_child_run(&call, &outcome), "%.*s", (int)outcome.errors_length, outcome.errors);
        cr_assert_eq(outcome.output_length, strlen(expected), "%.*s", (int)outcome.output_length, outcome.output);
        cr_assert_eq(memcmp(outcome.output, expected, strlen(expected)), 0, "%.*s",
                     (int)outcome.output_length, outcome.output);
}

Test(hooks, the_first_failure_stops_the_rest)
{
        char *bad[] = { (char[]){ "false" }, NULL }, *none[] = { NULL };
        char *touch[] = { (char[]){ "touch" }, (char[]){ "ran" }, NULL };
        const struct spec_hook hooks[] = { { "/bin/false", bad, none, 0 }, { "/usr/bin/touch", touch, none, 0 } };
        const struct spec_hook_list list = { hooks, 2 };
        struct error err = { 0 };

        cr_assert_eq(chdir(folder), 0);
        cr_assert_lt(hooks_run(&list, SPEC_HOOK_CREATE_RUNTIME, NULL, STATE, true, &err), 0);
        cr_assert_eq(access(in_folder("ran"), F_OK), -1);
        /* poststop: a warning, and the others still run */
        cr_assert_eq(hooks_run(&list, SPEC_HOOK_POSTSTOP, NULL, STATE, false, &err), 0);
        cr_assert_eq(access(in_folder("ran"), F_OK), 0);
}

static int refuse(void *context)
{
        return *(int *)context;
}

Test(hooks, what_must_hold_before_exec_holds_or_nothing_runs)
{
        char *args[] = { (char[]){ "touch" }, (char[]){ "ran" }, NULL }, *none[] = { NULL };
        const struct spec_hook hook = { "/usr/bin/touch", args, none, 0 };
        int code = EPERM;
        const struct hooks_call call = { &hook, UNSET_FD, STATE, sizeof STATE - 1, refuse, &code };
        struct hooks_outcome outcome;
        struct error err = { 0 };

        cr_assert_eq(chdir(folder), 0);
        cr_assert_not(hooks_child_run(&call, &outcome));
        cr_assert_eq(outcome.end, HOOKS_NOT_READY);
        cr_assert_eq(outcome.value, EPERM);
        cr_assert_eq(access(in_folder("ran"), F_OK), -1);
        cr_assert_eq(hooks_describe(SPEC_HOOK_START_CONTAINER, 2, &hook, &outcome, &err), -EPERM);
        cr_assert_str_eq(err.text, "error running startContainer hook #2: before exec of /usr/bin/touch: operation not "
                                   "permitted");
        code = 0;
        cr_assert(hooks_child_run(&call, &outcome));
        cr_assert_eq(access(in_folder("ran"), F_OK), 0);
}

Test(hooks, leave_no_fd_behind)
{
        struct error err = { 0 };
        int before = dup(0), after;

        for (unsigned i = 0; i < 3; i++) {
                run_shell("exit 1", 0, true, &err);
                run_shell("exit 0", 0, true, &err);
        }
        after = dup(0);
        cr_assert_eq(after, before + 1);
}
