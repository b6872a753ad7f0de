#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "runtime/signals.h"

static struct error err;

static int parse(const char *text)
{
        int number = -1, r = signals_parse(text, &number, &err);

        return r < 0 ? r : number;
}

Test(signals, takes_numbers_and_names_in_every_spelling)
{
        cr_expect_eq(parse("0"), 0);
        cr_expect_eq(parse("9"), SIGKILL);
        cr_expect_eq(parse("64"), 64);
        cr_expect_eq(parse("KILL"), SIGKILL);
        cr_expect_eq(parse("kill"), SIGKILL);
        cr_expect_eq(parse("SIGTERM"), SIGTERM);
        cr_expect_eq(parse("sigUsr1"), SIGUSR1);
        cr_expect_eq(parse("SIGWINCH"), SIGWINCH);
        cr_expect_eq(parse("SYS"), SIGSYS);
        cr_expect_eq(parse("CLD"), SIGCHLD);
        cr_expect_eq(parse("IOT"), SIGABRT);
        cr_expect_eq(parse("POLL"), SIGPOLL);
        cr_expect_eq(parse("IO"), SIGIO);
        cr_expect_eq(parse("RTMIN"), SIGRTMIN);
        cr_expect_eq(parse("SIGRTMIN+3"), SIGRTMIN + 3);
        cr_expect_eq(parse("rtmax-1"), SIGRTMAX - 1);
        cr_expect_eq(parse("SIGRTMAX"), SIGRTMAX);
}

Test(signals, names_what_it_does_not_know)
{
        static const char *const bad[] = { "", "65", "-9", "-1", "+9", "9 ", "NOSUCH", "SIG", "SIG9", "SIGSIGKILL", "RTMIN-1",
                                           "RTMAX+1", "RTMIN+99", "RTMIN+", "RTMINx", "4294967305", "0x9" };

        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                cr_expect_eq(parse(bad[i]), -EINVAL, "%s", bad[i]);
                cr_expect_not_null(strstr(err.text, "unknown signal \""));
        }
}
