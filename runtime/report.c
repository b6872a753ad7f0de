/* The frame: what is expected, and the order in which the rooms look. */
#include "runtime/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/deadline.h"
#include "runtime/host.h"
#include "runtime/policy.h"
#include "runtime/report_private.h"
#include "runtime/userns.h"

#define ROWS_MOST 16    /* of a control: who weakens one for 4,096 processes is named by the first ones */

const char *report_verdict_name(enum report_verdict verdict)
{
        switch (verdict) {
        case REPORT_HOLDS:
                return "holds";
        case REPORT_WEAKENED:
                return "weakened";
        case REPORT_UNKNOWN:
                return "unknown";
        case REPORT_UNREAD:
                return "not read";
        }
        return "unknown";
}

static const char *text_of(struct report *report, const char *format, va_list arguments)
{
        char text[1024], *copy;

        vsnprintf(text, sizeof text, format, arguments);
        copy = arena_string(report->arena, text);
        if (copy == NULL)
                report->is_broken = true;
        return copy == NULL ? "" : copy;
}

const char *report_text(struct report *report, const char *format, ...)
{
        const char *text;
        va_list arguments;

        va_start(arguments, format);
        text = text_of(report, format, arguments);
        va_end(arguments);
        return text;
}

static void append(struct report *report, const char *control, enum report_verdict verdict, const char *text)
{
        struct report_check *check = arena_new(report->arena, struct report_check);

        if (check == NULL) {
                report->is_broken = true;
                return;
        }
        *check = (struct report_check){ control, verdict, text, NULL };
        if (report->last != NULL)
                report->last->next = check;
        else
                report->first = check;
        report->last = check;
}

/* What was not read says nothing of what was. */
static size_t count(const struct report *report, const char *control)
{
        size_t n = 0;

        for (const struct report_check *check = report->first; check != NULL; check = check->next)
                n += strcmp(check->control, control) == 0 && check->verdict != REPORT_UNREAD;
        return n;
}

void report_add(struct report *report, const char *control, enum report_verdict verdict, const char *format, ...)
{
        size_t n = count(report, control);
        va_list arguments;

        if (verdict == REPORT_WEAKENED || verdict == REPORT_UNKNOWN)
                report->holds = false;
        if (n > ROWS_MOST)
                return;
        va_start(arguments, format);
        append(report, control, verdict, n == ROWS_MOST ? "and more of the kind" : text_of(report, format, arguments));
        va_end(arguments);
}

void report_holds(struct report *report, const char *control, const char *format, ...)
{
        va_list arguments;

        if (count(report, control) > 0)
                return;
        va_start(arguments, format);
        append(report, control, REPORT_HOLDS, text_of(report, format, arguments));
        va_end(arguments);
}

bool report_may_nest(const struct report *report)
{
        return report->policy.profile.seccomp_user_namespaces ||
               report->policy.profile.seccomp_base == POLICY_SECCOMP_BASE_IMAGE_BUILD;
}

/* ---- what is expected ---- */

/* The last update's limits take the place of config.json's; device rules are those of create. */
static int read_resources(struct report *report, struct spec *spec, struct error *err)
{
        struct spec_resources resources;
        auto_free char *text = NULL;
        size_t length;
        char *copy;
        int r = fd_read_file(report->dir->fd, "resources.json", SPEC_CONFIG_LIMIT_BYTES, &text, &length);

        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return error_errno(err, r, "read resources.json");
        copy = arena_string_n(report->arena, text, length);
        if (copy == NULL)
                return error_errno(err, ENOMEM, "read resources.json");
        r = spec_read_resources(report->arena, copy, length, "resources.json", &resources, err);
        if (r < 0)
                return r;
        resources.devices = spec->linux_.resources.devices;
        resources.n_devices = spec->linux_.resources.n_devices;
        spec->linux_.resources = resources;
        return 0;
}

static int expect(struct report *report, struct error *err)
{
        struct findings findings = { .arena = report->arena };
        struct policy policy = report->policy;
        struct host host = { 0 };
        struct spec spec = { 0 };
        int r = spec_read_bundle(report->arena, report->dir->fd, &spec, NULL, NULL, err);

        if (r == 0)
                r = read_resources(report, &spec, err);
        if (r == 0)
                r = host_gather(&spec, report->state->bundle, report->arena, &host, err);
        if (r < 0)
                return r;
        host_gather_rlimits(&policy, &host);
        /* Names are not asked for again: what may go out is in the table that is kept. */
        policy.profile.n_egress_allow = 0;
        policy.profile.egress_proxy = NULL;
        policy.profile.landlock_tcp_ports = false;
        return harden(&spec, &policy, &host, report->arena, &report->sandbox, &findings, err);
}

/* ---- what the record alone can tell ---- */

static void look_lsm(struct report *report)
{
        const struct state *state = report->state;

        for (size_t i = 0; i < report->n_processes; i++) {
                const struct report_process *process = &report->processes[i];

                if (process->is_zombie || process->label == NULL)
                        continue;
                if (!text_is_empty(state->selinux_label) && strcmp(process->label, state->selinux_label) != 0)
                        report_add(report, "lsm", REPORT_WEAKENED, "process %d has the label %s, not %s", process->pid, process->label,
                                   state->selinux_label);
                else if (!text_is_empty(state->apparmor_profile) && strcmp(state->apparmor_profile, "unconfined") != 0 &&
                         !text_starts_with(process->label, state->apparmor_profile))
                        report_add(report, "lsm", REPORT_WEAKENED, "process %d has the profile %s, not %s", process->pid, process->label,
                                   state->apparmor_profile);
        }
        if (!text_is_empty(state->selinux_label) || !text_is_empty(state->apparmor_profile))
                report_holds(report, "lsm", "%s", text_is_empty(state->selinux_label) ? state->apparmor_profile : state->selinux_label);
        else
                report_holds(report, "lsm", "no label was asked for");
}

static void look_landlock(struct report *report)
{
        const struct state *state = report->state;

        if (!state->is_abstract_scoped && !state->tcp_ports.is_limited) {
                report_holds(report, "landlock", "nothing is asked of it");
                return;
        }
        /* landlock(7): there is no way to ask whether a process has a domain. */
        report_add(report, "landlock", REPORT_UNREAD, "%s%s%s, by the record: the kernel tells of nobody's domain",
                   state->is_abstract_scoped ? "abstract sockets are scoped" : "",
                   state->is_abstract_scoped && state->tcp_ports.is_limited ? ", " : "",
                   state->tcp_ports.is_limited ? "TCP goes to the listed ports" : "");
}

static void look_deadline(struct report *report)
{
        const struct state *state = report->state;
        uint64_t most = policy_limit_most(&report->policy.profile, POLICY_LIMIT_WALL), now = deadline_now_ms();

        if (most != UINT64_MAX && (state->deadline_ms == 0 || state->deadline_ms > state->created_ms + most * 1000))
                report_add(report, "deadline", REPORT_WEAKENED, "the profile ends it %llu s after create, its record does not",
                           (unsigned long long)most);
        else if (state->deadline_ms == 0)
                report_holds(report, "deadline", "none");
        else
                report_holds(report, "deadline", "%lld s are left", ((long long)state->deadline_ms - (long long)now) / 1000);
}

/* ---- the order ---- */

static int open_init(struct report *report, struct error *err)
{
        auto_close int pidfd = UNSET_FD, again = UNSET_FD;
        char path[64];
        struct stat st;
        int r;

        /* Held while the folder is opened, so that it is init's and not a later process's. */
        r = state_open_init(report->state, &pidfd);
        if (r < 0)
                return error_set(err, ESRCH, "container not running: %s has no processes that the kernel could tell of; `runb explain` and "
                                 "the audit log tell of its past", report->state->id);
        snprintf(path, sizeof path, "/proc/%d", report->state->init_pid);
        report->proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (report->proc_fd < 0)
                return error_errno(err, errno, "open %s", path);
        report->userns_fd = openat(report->proc_fd, "ns/user", O_RDONLY | O_CLOEXEC);
        if (report->userns_fd < 0)
                return error_errno(err, errno, "open %s/ns/user", path);
        if (userns_find_outer(&report->userns_fd, report->state->userns_inode, err) < 0)
                return error_context(err, "%s", report->state->id);
        if (fstat(report->userns_fd, &st) < 0)
                return error_errno(err, errno, "look at the user namespace");
        report->userns_inode = st.st_ino;
        if (state_open_init(report->state, &again) < 0)
                return error_set(err, ESRCH, "container not running: %s has just ended", report->state->id);
        return 0;
}

int report_make(const struct state_dir *dir, const struct state *state, bool may_stop, struct arena *arena,
                struct report *ret_report, struct error *err)
{
        struct report *report = ret_report;
        struct error why = { 0 };
        int r;

        *report = (struct report){ .arena = arena, .dir = dir, .state = state, .may_stop = may_stop, .proc_fd = UNSET_FD, .userns_fd = UNSET_FD,
                                   .holds = true };
        report->status = state_status(state);
        if (report->status == STATE_CREATING)
                return error_set(err, EBUSY, "container %s is being created; ask again", state->id);
        r = policy_kept(dir, state, arena, &report->policy, err);
        if (r == 0)
                r = open_init(report, err);
        if (r < 0)
                return r;
        r = expect(report, &why);
        report->has_sandbox = r == 0;
        if (r < 0) {
                report->why_no_sandbox = arena_string(arena, why.text);
                report_add(report, "policy", REPORT_UNKNOWN, "judged anew, its config.json does not pass: %s", why.text);
        }
        report_holds(report, "policy", "profile %s, %s", state->profile, state->policy_revision);
        report_look_namespaces(report);
        report_look_processes(report);
        report_look_rlimits(report);
        report_judge_processes(report);
        report_look_mounts(report);
        report_look_network(report);
        report_look_limits(report);
        look_lsm(report);
        look_landlock(report);
        look_deadline(report);
        return report->is_broken ? error_errno(err, ENOMEM, "report") : 0;
}

void report_close(struct report *report)
{
        auto_close_cleanup(&report->proc_fd);
        auto_close_cleanup(&report->userns_fd);
}
