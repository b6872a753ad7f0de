/* The battery: runs as the program of a container, as its root. Each attempt is a process of its own, so that one that
 * the kernel ends (a filter that kills) is an answer, too. What opens must not open; nothing of it is written to. */
#include "runtime/selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/selftest_attempts.h"

#define ATTEMPT_SECONDS 20u

struct answer {
        enum selftest_verdict verdict;
        char how[160];
};

const char *selftest_verdict_name(enum selftest_verdict verdict)
{
        switch (verdict) {
        case SELFTEST_HELD:
                return "held";
        case SELFTEST_FAILED:
                return "FAILED";
        case SELFTEST_UNTRIED:
                return "untried";
        }
        return "unknown";
}

static void say(const char *name, const struct answer *answer)
{
        printf("%s\t%s\t%s\n", name, selftest_verdict_name(answer->verdict), answer->how);
        fflush(stdout);
}

static struct answer try(const struct attempt *attempt, const struct selftest_facts *facts)
{
        struct answer answer = { .verdict = SELFTEST_UNTRIED };
        int ends[2], status = 0;
        ssize_t n;
        pid_t pid;

        if (pipe(ends) < 0 || (pid = fork()) < 0) {
                snprintf(answer.how, sizeof answer.how, "no process for it: %s", error_text(errno));
                return answer;
        }
        if (pid == 0) {
                close(ends[0]);
                alarm(ATTEMPT_SECONDS);
                answer.verdict = attempt->function(facts, answer.how, sizeof answer.how);
                _exit(write(ends[1], &answer, sizeof answer) < 0);
        }
        close(ends[1]);
        n = read(ends[0], &answer, sizeof answer);
        close(ends[0]);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (n == (ssize_t)sizeof answer)
                return answer;
        answer.verdict = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? SELFTEST_UNTRIED : SELFTEST_HELD;
        snprintf(answer.how, sizeof answer.how, "ended by signal %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
        return answer;
}

int selftest_inside(const char *text)
{
        struct selftest_facts facts = { 0 };
        struct attempt attempt;

        signal(SIGINT, SIG_IGN);
        signal(SIGCHLD, SIG_DFL);
        if (sscanf(text, SELFTEST_FACTS, &facts.is_root, &facts.has_net, &facts.has_pids, &facts.has_userns,
                   &facts.has_mounts, &facts.has_ports, &facts.caps) != 7)
                return 2;
        umask(022);
        /* The host looks whose it is, and adds its line. */
        close(open(SELFTEST_MADE, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
        for (size_t i = 0; attempts_files(i, &attempt); i++) {
                struct answer answer = try(&attempt, &facts);

                say(attempt.name, &answer);
        }
        for (size_t i = 0; attempts_kernel(i, &attempt); i++) {
                struct answer answer = try(&attempt, &facts);

                say(attempt.name, &answer);
        }
        for (size_t i = 0; attempts_network(i, &attempt); i++) {
                struct answer answer = try(&attempt, &facts);

                say(attempt.name, &answer);
        }
        return 0;
}
