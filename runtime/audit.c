/* Each record is one write(2) of a whole line to a file opened with O_APPEND, under a lock, so that lines of concurrent
 * calls do not mix. A line that was cut (a full disk) is ended by the next one, so that one record at most is broken. */
#include "runtime/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/log.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"
#include "runtime/host.h"

#define ID_NOBODY 65534         /* what an unmapped owner looks like (proc(5), overflowuid) */
#define LOCK_TRIES 50u          /* half a second */

static void member(struct text_buffer *line, const char *name, const char *text)
{
        text_addf(line, "%s\"%s\":", line->length > 1 ? "," : "", name);
        text_add_json(line, text != NULL ? text : "");
}

static void write_line(const struct policy *policy, const struct audit_record *record, struct text_buffer *line)
{
        char now[40];

        text_time_now(now, sizeof now);
        text_add(line, "{");
        member(line, "time", now);
        member(line, "event", record->event);
        member(line, "id", record->id);
        member(line, "profile", policy->profile.name);
        member(line, "chosenBy", policy->chosen_by);
        member(line, "policy", policy->revision);
        member(line, "outcome", record->refusal == NULL ? "allowed" : "refused");
        if (record->refusal != NULL)
                member(line, "error", record->refusal->text);
        text_add(line, ",\"findings\":[");
        for (const struct finding *finding = record->findings->first; finding != NULL; finding = finding->next) {
                text_addf(line, "%s{\"action\":\"%s\"", finding == record->findings->first ? "" : ",",
                          finding_action_name(finding->action));
                member(line, "rule", finding->rule);
                member(line, "property", finding->property);
                member(line, "asked", finding->asked);
                member(line, "got", finding->got);
                text_add(line, "}");
        }
        text_add(line, "]");
        if (record->more != NULL)
                text_addf(line, ",%s", record->more);
        text_add(line, "}\n");
}

/* flock(2) is open to whoever may read the file, and one who does not let go must not stop every build of the host. What the
 * lock is for is tidiness: without it, a line that is being written now looks cut, and an empty one follows it. */
static void lock_for_a_moment(int fd)
{
        const struct timespec pause = { 0, 10000000 };

        for (unsigned tries = 0; tries < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB) < 0; tries++)
                nanosleep(&pause, NULL);
}

/* @path: of the policy file, so of somebody who is root or the caller; a link at its end is none of theirs. */
int audit_append(const char *path, struct text_buffer *line, struct error *err)
{
        auto_close int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
        auto_buffer struct text_buffer whole = { 0 };
        struct stat st;
        char last = '\n';
        ssize_t n;

        if (fd < 0)
                return error_errno(err, errno, "audit file %s", path);
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return error_set(err, EINVAL, "audit file %s: is no regular file", path);
        /* In a folder like /tmp somebody else may have made it first, and would read and shape it. Below a user namespace
         * the host's root is nobody. */
        if (st.st_uid != 0 && st.st_uid != geteuid() && (st.st_uid != ID_NOBODY || host_privilege() == HOST_REAL_ROOT))
                return error_set(err, EPERM, "audit file %s: belongs to uid %u, who is not root; chown it", path,
                                 (unsigned)st.st_uid);
        if (st.st_mode & (S_IWGRP | S_IWOTH))
                return error_set(err, EPERM, "audit file %s: others than its owner can write to it; chmod go-w it", path);
        lock_for_a_moment(fd);
        if (fstat(fd, &st) == 0 && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1)
                last = '\n';
        if (last != '\n') {
                text_add(&whole, "\n");
                text_add_n(&whole, line->text, line->length);
                if (whole.is_broken)
                        return error_errno(err, ENOMEM, "audit file %s", path);
                line = &whole;
        }
        n = write(fd, line->text, line->length);
        if (n < 0)
                return error_errno(err, errno, "audit file %s", path);
        if ((size_t)n != line->length)
                return error_errno(err, ENOSPC, "audit file %s", path);
        return 0;
}

int audit_write(const struct policy *policy, const struct audit_record *record, struct error *err)
{
        auto_buffer struct text_buffer line = { 0 };
        struct error failure = { 0 };
        int r;

        if (policy->audit.path == NULL)
                return 0;
        write_line(policy, record, &line);
        r = line.is_broken ? error_errno(&failure, ENOMEM, "audit file %s", policy->audit.path) :
                             audit_append(policy->audit.path, &line, &failure);
        if (r == 0)
                return 0;
        if (!policy->audit.is_required) {
                log_warning("%s", failure.text);
                return 0;
        }
        return error_set(err, failure.code, "%s; without a record nothing is made, as the policy file has it", failure.text);
}

int audit_judged(const struct policy *policy, const char *event, const char *id, const struct findings *findings, int r,
                 struct error *err)
{
        struct audit_record entry = { .event = event, .id = id, .findings = findings };
        struct error failure = { 0 };

        if (r == 0)
                return audit_write(policy, &entry, err);
        if (err->rule == NULL || policy->revision == NULL)
                return r;
        entry.refusal = err;
        /* It is refused anyway: what could not be recorded is said besides. */
        if (audit_write(policy, &entry, &failure) < 0)
                log_warning("%s", failure.text);
        return r;
}
