/* The programs that filter the system calls of each thread, by their digests, beside those that create loaded and kept.
 *
 * A count of filters, which /proc shows, does not tell an empty one from the profile's. Nor does a filter ever leave a thread: who
 * lacks the profile's own has come in by another way than create and exec. What may not be read is named as such. */
#include <errno.h>
#include <string.h>

#include "runtime/base/auto.h"
#include "runtime/report_private.h"
#include "runtime/seccomp.h"
#include "runtime/seccomp_read.h"

#define PROGRAMS_MOST 256u              /* a build may bring any number of its own: the rest is left out, not unjudged */

struct look {
        struct report *report;
        struct report_process **processes;      /* of each thread that is read */
        struct seccomp_thread *threads;
        size_t n;
        size_t n_unread;
        const struct seccomp_thread *first_unread;
};

/* ---- what is expected ---- */

static const struct kept { const char *file, *name; size_t digest_at; } kept[REPORT_FILTERS] = {
        { "seccomp-policy.bpf", "the profile's", offsetof(struct state, seccomp_digest) },
        { "seccomp-engine.bpf", "the engine's", offsetof(struct state, seccomp_engine_digest) },
};

static const char *recorded(const struct report *report, size_t which)
{
        return *(const char *const *)(const void *)((const char *)report->state + kept[which].digest_at);
}

/* Those that create kept for exec: explain makes one of the two, and one without code is none. */
void report_expect_filters(struct report *report)
{
        for (size_t i = 0; i < REPORT_FILTERS; i++) {
                struct seccomp_filter filter = { 0 };
                struct error err = { 0 };
                char digest[SECCOMP_DIGEST_SIZE] = "";
                const char *wanted = recorded(report, i);
                int r = seccomp_filter_restore(report->dir->fd, kept[i].file, &filter, &err);

                if (r == 0)
                        seccomp_filter_digest(&filter, digest);
                seccomp_filter_free(&filter);
                if (r < 0 && (r != -ENOENT || i == 0 || wanted != NULL))
                        report_add(report, "seccomp", REPORT_UNKNOWN, "%s", err.text);
                else if (wanted != NULL && strcmp(digest, wanted) != 0)
                        report_add(report, "seccomp", REPORT_WEAKENED, "%s filter that is kept for exec has been replaced: it is %s, and create "
                                   "made %s", kept[i].name, digest[0] == '\0' ? "empty" : digest, wanted);
                if (wanted == NULL && digest[0] != '\0')
                        wanted = report_text(report, "%s", digest);     /* a record of a version that did not note it */
                report->filters_wanted[i] = wanted;
                report->n_filters_wanted += wanted != NULL;
        }
}

/* ---- what is there ---- */

static const struct report_filter *find_filter(struct report *report, const struct seccomp_program *program)
{
        struct report_filter *filter;
        char digest[SECCOMP_DIGEST_SIZE], hex[SHA256_TEXT_SIZE];

        sha256_text(program->digest, hex);
        strcpy(digest, "sha256:");
        strcat(digest, hex);
        for (size_t i = 0; i < report->n_filters; i++)
                if (strcmp(report->filters[i].digest, digest) == 0)
                        return &report->filters[i];
        if (report->filters == NULL)
                report->filters = arena_array(report->arena, PROGRAMS_MOST, sizeof *report->filters);
        if (report->filters == NULL)
                report->is_broken = true;
        if (report->filters == NULL || report->n_filters == PROGRAMS_MOST)
                return NULL;
        filter = &report->filters[report->n_filters++];
        *filter = (struct report_filter){ report_text(report, "%s", digest), program->n, "" };
        for (size_t i = 0; i < REPORT_FILTERS; i++)
                if (report->filters_wanted[i] != NULL && strcmp(report->filters_wanted[i], digest) == 0)
                        filter->whose = kept[i].name;
        return filter;
}

static bool has_program(const struct seccomp_program *programs, size_t n, const char *wanted)
{
        for (size_t i = 0; i < n; i++) {
                char hex[SHA256_TEXT_SIZE];

                sha256_text(programs[i].digest, hex);
                if (strcmp(hex, wanted + strlen("sha256:")) == 0)
                        return true;
        }
        return false;
}

static void judge_thread(struct look *look, size_t index, const struct seccomp_program *programs)
{
        const struct seccomp_thread *thread = &look->threads[index];
        struct report_process *process = look->processes[index];
        struct report *report = look->report;

        if (thread->error == ESRCH)
                return;
        if (thread->error != 0) {
                look->n_unread++;
                if (look->first_unread == NULL)
                        look->first_unread = thread;
                return;
        }
        process->programs = arena_array(report->arena, thread->n + 1, sizeof *process->programs);
        if (process->programs == NULL) {
                report->is_broken = true;
                return;
        }
        for (size_t i = 0; i < thread->n; i++) {
                const struct report_filter *filter = find_filter(report, &programs[thread->first + i]);

                if (filter != NULL)
                        process->programs[process->n_programs++] = filter;
        }
        for (size_t i = 0; i < REPORT_FILTERS; i++)
                if (report->filters_wanted[i] != NULL && !has_program(programs + thread->first, thread->n, report->filters_wanted[i]))
                        report_add(report, "seccomp", REPORT_WEAKENED, "%s has %d filter%s of system calls, and %s is not among them",
                                   report_who(report, process), process->filters, process->filters == 1 ? "" : "s", kept[i].name);
}

static const char *words_of(struct report *report, const struct seccomp_thread *thread)
{
        if (thread->error == EPERM)
                return report_text(report, "%d is traced by another process", thread->tid);
        if (thread->error == ETIMEDOUT)
                return report_text(report, "%d did not stop in time", thread->tid);
        return report_text(report, "of %d: %s", thread->tid, error_text(thread->error));
}

/* Frozen by cgroup v1, nothing stops any more: it has, but not where ptrace(2) could ask it. */
static bool is_frozen_hard(const struct report *report)
{
        return report->status == STATE_PAUSED && !report->state->is_cgroup2;
}

static const char *find_obstacle(const struct report *report)
{
        if (!report->may_stop)
                return "no thread was to be stopped";
        if (is_frozen_hard(report))
                return "the processes are frozen, by cgroup v1, where none can be asked for its filters";
        return seccomp_read_obstacle();
}

const char *report_look_filters(struct report *report)
{
        struct look look = { .report = report };
        struct seccomp_program *programs = NULL;
        const char *obstacle = find_obstacle(report);
        struct error err = { 0 };

        if (report->n_filters_wanted == 0 || report->n_processes == 0)
                return NULL;
        if (obstacle != NULL)
                return report_text(report, "which filters they are: %s", obstacle);
        look.threads = arena_array(report->arena, report->n_processes, sizeof *look.threads);
        look.processes = arena_array(report->arena, report->n_processes, sizeof *look.processes);
        if (look.threads == NULL || look.processes == NULL) {
                report->is_broken = true;
                return NULL;
        }
        for (size_t i = 0; i < report->n_processes; i++) {
                struct report_process *process = &report->processes[i];

                /* Fewer than there should be: judged by that, or about to become the build's (exec), or waiting for start. */
                if (process->is_zombie || process->seccomp != 2 || process->filters < (int)report->n_filters_wanted)
                        continue;
                look.processes[look.n] = process;
                look.threads[look.n++] = (struct seccomp_thread){ .tid = process->thread, .start_time = process->thread_start_time };
        }
        if (look.n == 0)
                return NULL;
        if (seccomp_read_threads(look.threads, look.n, report->arena, &programs, &err) < 0)
                return report_text(report, "which filters they are: %s", err.text);
        for (size_t i = 0; i < look.n; i++)
                judge_thread(&look, i, programs);
        report->has_filters = look.n_unread == 0;
        return report->has_filters ? NULL : report_text(report, "which filters %zu of %zu threads have: %s", look.n_unread, look.n,
                                                        words_of(report, look.first_unread));
}
