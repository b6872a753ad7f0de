/* What a container is doing, by what the kernel says of its processes, and how that is told to others. Withstands pids that have
 * been used again. */
#include "runtime/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"
#include "runtime/cgroups.h"

/* ---- the kernel's side ---- */

int state_process_start_time(pid_t pid, uint64_t *ret_start_time, bool *ret_is_zombie)
{
        char path[32], text[1024];
        auto_close int fd = UNSET_FD;
        uint64_t value, n_threads = 0;
        ssize_t length;
        char *p, *end;
        char status;

        if (pid <= 0)
                return -ESRCH;
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        do
                length = read(fd, text, sizeof text - 1);
        while (length < 0 && errno == EINTR);
        if (length < 0)
                return -errno;          /* ESRCH: it went between the two */
        text[length] = '\0';
        /* proc(5): the name, field 2, may hold anything, ")" and blanks too. */
        p = strrchr(text, ')');
        if (p == NULL || p[1] != ' ' || p[2] == '\0')
                return -EPROTO;
        status = p[2];
        p += 2;
        for (unsigned field = 3; field < 22; field++) {
                p = strchr(p, ' ');
                if (p == NULL)
                        return -EPROTO;
                p++;
                if (field + 1 == 20)
                        n_threads = strtoull(p, NULL, 10);
        }
        end = strchr(p, ' ');
        if (end == NULL)
                return -EPROTO;
        *end = '\0';
        if (text_to_u64(p, &value) < 0)
                return -EPROTO;
        *ret_start_time = value;
        /* proc(5), num_threads: a first thread that has ended shows as Z while the others go on. */
        *ret_is_zombie = (status == 'Z' || status == 'X' || status == 'x') && n_threads <= 1;
        return 0;
}

static bool is_alive(pid_t pid, uint64_t start_time)
{
        uint64_t now;
        bool is_zombie;

        return pid > 0 && state_process_start_time(pid, &now, &is_zombie) == 0 && now == start_time && !is_zombie;
}

int state_open_init(const struct state *state, int *ret_pidfd)
{
        auto_close int fd = UNSET_FD;

        if (state->init_pid <= 0)
                return -ESRCH;
        fd = sys_pidfd_open(state->init_pid, 0);
        if (fd < 0)
                return -errno;
        /* Looked at after the fd is there: from here on the pid cannot become somebody else's under it. */
        if (!is_alive(state->init_pid, state->init_start_time))
                return -ESRCH;
        *ret_pidfd = take_fd(&fd);
        return 0;
}

int state_set_creator(struct state *state, struct error *err)
{
        bool is_zombie;
        int r;

        state->creator_pid = getpid();
        r = state_process_start_time(state->creator_pid, &state->creator_start_time, &is_zombie);
        return r < 0 ? error_errno(err, r, "read /proc/self/stat (is /proc mounted?)") : 0;
}

enum state_status state_status(const struct state *state)
{
        if (!is_alive(state->init_pid, state->init_start_time)) {
                /* No init yet: being created, as long as there is somebody who does it. */
                if (state->init_pid == 0 && is_alive(state->creator_pid, state->creator_start_time))
                        return STATE_CREATING;
                return STATE_STOPPED;
        }
        if (!state->is_created)
                return STATE_CREATING;
        if (state->n_cgroups > 0 && cgroups_is_frozen(state->cgroups, state->n_cgroups, state->is_cgroup2) == 1)
                return STATE_PAUSED;
        return state->is_started ? STATE_RUNNING : STATE_CREATED;
}

const char *state_status_name(enum state_status status)
{
        switch (status) {
        case STATE_CREATING:
                return "creating";
        case STATE_CREATED:
                return "created";
        case STATE_RUNNING:
                return "running";
        case STATE_PAUSED:
                return "paused";
        case STATE_STOPPED:
                return "stopped";
        }
        return "unknown";
}

/* ---- what others read ---- */

/* One object, in one line or indented as Go's encoder does. */
struct printer {
        struct text_buffer *buffer;
        bool is_indented;
        bool has_member;
};

static void add_key(struct printer *printer, const char *key, const char *indent)
{
        text_add(printer->buffer, printer->has_member ? "," : "");
        if (printer->is_indented)
                text_addf(printer->buffer, "\n%s", indent);
        text_add_json(printer->buffer, key);
        text_add(printer->buffer, printer->is_indented ? ": " : ":");
        printer->has_member = true;
}

static void add_text(struct printer *printer, const char *key, const char *value)
{
        add_key(printer, key, "  ");
        text_add_json(printer->buffer, value == NULL ? "" : value);
}

static void add_pid(struct printer *printer, pid_t pid)
{
        add_key(printer, "pid", "  ");
        text_addf(printer->buffer, "%d", (int)pid);
}

static void add_annotations(struct printer *printer, const struct state *state)
{
        if (state->n_annotations == 0 && !state->is_deadline_over && state->contained == NULL)
                return;
        add_key(printer, "annotations", "  ");
        text_add(printer->buffer, "{");
        printer->has_member = false;
        for (size_t i = 0; i < state->n_annotations; i++) {
                add_key(printer, state->annotations[i].key, "    ");
                text_add_json(printer->buffer, state->annotations[i].value);
        }
        if (state->is_deadline_over) {
                add_key(printer, STATE_ENDED_ANNOTATION, "    ");
                text_add_json(printer->buffer, "deadline");
        }
        if (state->contained != NULL) {
                add_key(printer, STATE_CONTAINED_ANNOTATION, "    ");
                text_add_json(printer->buffer, state->contained);
        }
        text_add(printer->buffer, printer->is_indented ? "\n  }" : "}");
        printer->has_member = true;
}

static pid_t shown_pid(const struct state *state, enum state_status status)
{
        return status == STATE_STOPPED ? 0 : state->init_pid;
}

/* runc's members, in runc's order. */
static void add_like_runc(struct printer *printer, const struct state *state, enum state_status status)
{
        text_add(printer->buffer, "{");
        add_text(printer, "ociVersion", state->oci_version);
        add_text(printer, "id", state->id);
        add_pid(printer, shown_pid(state, status));
        add_text(printer, "status", state_status_name(status));
        add_text(printer, "bundle", state->bundle);
        add_text(printer, "rootfs", state->rootfs);
        add_text(printer, "created", state->created);
        add_annotations(printer, state);
        add_text(printer, "owner", state->owner);
        text_add(printer->buffer, printer->is_indented ? "\n}" : "}");
}

void state_to_oci_line(const struct state *state, enum state_status status, struct text_buffer *buffer)
{
        struct printer printer = { .buffer = buffer };

        add_like_runc(&printer, state, status);
}

void state_to_oci(const struct state *state, enum state_status status, bool is_for_hooks, struct text_buffer *buffer)
{
        struct printer printer = { .buffer = buffer, .is_indented = !is_for_hooks };

        if (!is_for_hooks) {
                add_like_runc(&printer, state, status);
                return;
        }
        text_add(buffer, "{");
        add_text(&printer, "ociVersion", state->oci_version);
        add_text(&printer, "id", state->id);
        add_text(&printer, "status", state_status_name(status));
        /* runtime-spec, runtime.md "State": required while created or running, absent where there is no process. */
        if (shown_pid(state, status) > 0)
                add_pid(&printer, shown_pid(state, status));
        add_text(&printer, "bundle", state->bundle);
        add_annotations(&printer, state);
        text_add(buffer, "}");
}
