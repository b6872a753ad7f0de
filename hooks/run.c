/* The hooks of one kind, in the order of config.json, on the host.
 *
 * They have the runtime's own power, so what may run was judged before: each executable is opened once, and it is that
 * fd which is executed and never its name again. */
#include "hooks/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/log.h"

int hooks_prepare(struct arena *arena, const struct spec_hook_list *list, enum spec_hook_kind kind, int **ret_fds,
                  struct error *err)
{
        struct stat st;
        int *fds = NULL;
        int r;

        if (list->n > 0) {
                fds = arena_array(arena, list->n, sizeof *fds);
                if (fds == NULL)
                        return error_errno(err, ENOMEM, "hooks.%s", spec_hook_name(kind));
        }
        for (size_t i = 0; i < list->n; i++)
                fds[i] = UNSET_FD;
        for (size_t i = 0; i < list->n; i++) {
                fds[i] = open(list->hooks[i].path, O_PATH | O_CLOEXEC);
                if (fds[i] < 0 || fstat(fds[i], &st) < 0) {
                        r = error_errno(err, errno, "hooks.%s[%zu].path: open %s", spec_hook_name(kind), i,
                                        list->hooks[i].path);
                        hooks_close(fds, list->n);
                        return r;
                }
                if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0) {
                        r = error_set(err, EACCES, "hooks.%s[%zu].path: %s is not an executable file",
                                      spec_hook_name(kind), i, list->hooks[i].path);
                        hooks_close(fds, list->n);
                        return r;
                }
        }
        *ret_fds = fds;
        return 0;
}

void hooks_close(int *fds, size_t n)
{
        int saved = errno;

        for (size_t i = 0; fds != NULL && i < n; i++) {
                if (fds[i] >= 0)
                        close(fds[i]);
                fds[i] = UNSET_FD;
        }
        errno = saved;
}

/* What a hook wrote goes into one line of a log and onto terminals: no line ends, no escape sequences. */
static const char *one_line(const char *bytes, size_t length, char *room)
{
        while (length > 0 && (bytes[length - 1] == '\n' || bytes[length - 1] == ' '))
                length--;
        for (size_t i = 0; i < length; i++)
                room[i] = (unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f ? ' ' : bytes[i];
        room[length] = '\0';
        return room;
}

static int add_output(const struct hooks_outcome *outcome, struct error *err)
{
        char output[HOOKS_OUTPUT_BYTES + 1], errors[HOOKS_OUTPUT_BYTES + 1];
        size_t length = strlen(err->text);

        /* stderr is worth more than stdout when both do not fit: it is given at least half of the room. */
        one_line(outcome->errors, outcome->errors_length, errors);
        one_line(outcome->output, outcome->output_length, output);
        if (strlen(errors) + strlen(output) > 700 && strlen(output) > 256)
                output[256] = '\0';
        snprintf(err->text + length, sizeof err->text - length, ", stdout: %s, stderr: %s", output, errors);
        return -err->code;
}

int hooks_describe(enum spec_hook_kind kind, size_t index, const struct spec_hook *hook,
                   const struct hooks_outcome *outcome, struct error *err)
{
        struct error own = { 0 };
        const char *name = spec_hook_name(kind);
        struct error *e = err != NULL ? err : &own;

        switch (outcome->end) {
        case HOOKS_SUCCEEDED:
                return 0;
        case HOOKS_EXITED:
                error_set(e, ECHILD, "error running %s hook #%zu: exit status %d", name, index, outcome->value);
                return add_output(outcome, e);
        case HOOKS_SIGNALED:
                error_set(e, ECHILD, "error running %s hook #%zu: signal: %s", name, index,
                          sigdescr_np(outcome->value) != NULL ? sigdescr_np(outcome->value) : "unknown");
                return add_output(outcome, e);
        case HOOKS_TIMED_OUT:
                error_set(e, ETIMEDOUT, "error running %s hook #%zu: hook ran past specified timeout of %.1fs", name,
                          index, (double)hook->timeout_seconds);
                return add_output(outcome, e);
        case HOOKS_NOT_READY:
                return error_errno(e, outcome->value, "error running %s hook #%zu: before exec of %s", name, index,
                                   hook->path);
        case HOOKS_NOT_EXECUTED:
                return error_errno(e, outcome->value, "error running %s hook #%zu: exec %s", name, index, hook->path);
        case HOOKS_NOT_STARTED:
                return error_errno(e, outcome->value, "error running %s hook #%zu: starting %s", name, index,
                                   hook->path);
        }
        return error_set(e, EINVAL, "error running %s hook #%zu", name, index);
}

int hooks_run(const struct spec_hook_list *list, enum spec_hook_kind kind, const int *fds, const char *state_json,
              bool is_failure_fatal, struct error *err)
{
        struct hooks_outcome outcome;
        struct error one;
        int r;

        for (size_t i = 0; i < list->n; i++) {
                const struct hooks_call call = {
                        .hook = &list->hooks[i],
                        .exec_fd = fds != NULL ? fds[i] : UNSET_FD,
                        .state = state_json,
                        .state_length = strlen(state_json),
                };

                if (list->hooks[i].path == NULL)
                        continue;
                log_debug("running %s hook #%zu", spec_hook_name(kind), i);
                if (hooks_child_run(&call, &outcome))
                        continue;
                memset(&one, 0, sizeof one);
                r = hooks_describe(kind, i, &list->hooks[i], &outcome, &one);
                if (is_failure_fatal) {
                        if (err != NULL)
                                *err = one;
                        return r;
                }
                log_warning("%s; the other hooks go on", one.text);
        }
        return 0;
}
