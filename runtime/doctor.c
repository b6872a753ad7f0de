/* The order of the looks, and the child in which something is tried. */
#include "runtime/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/userns.h"

#define TRY_SECONDS 5u

const char *doctor_state_name(enum doctor_state state)
{
        switch (state) {
        case DOCTOR_OK:
                return "ok";
        case DOCTOR_WEAKER:
                return "weaker";
        case DOCTOR_MISSING:
                return "missing";
        }
        return "unknown";
}

static const char *copy(struct doctor *doctor, const char *text)
{
        char *copied = arena_string(doctor->arena, text != NULL ? text : "");

        if (copied == NULL)
                doctor->is_broken = true;
        return copied;
}

void doctor_add(struct doctor *doctor, enum doctor_state state, const char *name, const char *found, const char *lost,
                const char *remedy)
{
        struct doctor_fact *fact = arena_new(doctor->arena, struct doctor_fact);

        if (fact == NULL) {
                doctor->is_broken = true;
                return;
        }
        *fact = (struct doctor_fact){ .name = copy(doctor, name), .state = state, .found = copy(doctor, found) };
        if (state != DOCTOR_OK) {
                fact->lost = copy(doctor, lost);
                fact->remedy = copy(doctor, remedy);
        }
        if (doctor->last != NULL)
                doctor->last->next = fact;
        else
                doctor->first = fact;
        doctor->last = fact;
        if (state > doctor->worst)
                doctor->worst = state;
}

int doctor_try(const struct doctor *doctor,
               int (*attempt)(const struct doctor *doctor, const char *argument, struct error *err),
               const char *argument, struct error *err)
{
        struct error answer = { 0 };
        int ends[2], status, r = 0;
        ssize_t n;
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return error_errno(err, errno, "pipe");
        pid = fork();
        if (pid < 0) {
                r = error_errno(err, errno, "fork");
                close(ends[0]);
                close(ends[1]);
                return r;
        }
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                alarm(TRY_SECONDS);
                if (doctor->privilege == HOST_PLAIN_USER)
                        r = userns_enter_rootless(&answer);
                if (r == 0)
                        r = attempt(doctor, argument, &answer);
                if (r < 0 && answer.code == 0)
                        error_errno(&answer, r, "attempt");
                _exit(write(ends[1], &answer, sizeof answer) != (ssize_t)sizeof answer);
        }
        close(ends[1]);
        do
                n = read(ends[0], &answer, sizeof answer);
        while (n < 0 && errno == EINTR);
        close(ends[0]);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (n != (ssize_t)sizeof answer)
                return error_set(err, ECHILD, "the attempt ended by signal %d",
                                 WIFSIGNALED(status) ? WTERMSIG(status) : 0);
        if (answer.code != 0)
                *err = answer;
        return -answer.code;
}

void doctor_look(struct doctor *doctor, const char *policy_error, bool has_policy)
{
        if (policy_error != NULL)
                doctor_add(doctor, DOCTOR_MISSING, "policy.file", policy_error, "every create is refused",
                           "repair the file; `runb policy lint FILE` names what is wrong in it");
        else
                doctor_add(doctor, DOCTOR_OK, "policy.file", has_policy ? "in order" : "none: the built-in policy holds", NULL, NULL);
        doctor_look_at_kernel(doctor);
        doctor_look_at_ids(doctor);
        doctor_look_at_mounts(doctor);
        doctor_look_at_limits(doctor);
}
