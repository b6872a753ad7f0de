#include "runtime/denials.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

static struct seccomp_filter filter_of(const struct sock_filter *code, size_t n)
{
        struct seccomp_filter filter = { .code = calloc(n, sizeof *code), .n = (unsigned short)n };

        memcpy(filter.code, code, n * sizeof *code);
        return filter;
}
#define FILTER(...)                                                                                                    \
        filter_of((const struct sock_filter[]){ __VA_ARGS__ },                                                         \
                  sizeof((const struct sock_filter[]){ __VA_ARGS__ }) / sizeof(struct sock_filter))
#define NUMBER BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define IF(number, answer) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, answer)
#define ELSE(answer) BPF_STMT(BPF_RET | BPF_K, answer)
#define ANSWER(number) denials_evaluate(&engine, &(struct seccomp_data){ .nr = number })

Test(denials, two_filters_as_one_answer_as_the_kernel_would_for_both)
{
        struct seccomp_filter policy =
                FILTER(NUMBER, IF(1, SECCOMP_RET_ERRNO | EPERM), IF(2, SECCOMP_RET_ERRNO | EPERM),
                       IF(5, SECCOMP_RET_ERRNO | 0), ELSE(SECCOMP_RET_ALLOW));
        struct seccomp_filter engine =
                FILTER(NUMBER, IF(2, SECCOMP_RET_ERRNO | EACCES), IF(3, SECCOMP_RET_ERRNO | EROFS),
                       IF(4, SECCOMP_RET_KILL_PROCESS), ELSE(SECCOMP_RET_ALLOW));
        struct error err = { 0 };

        cr_assert_eq(denials_merge(&policy, &engine, &err), 0);
        cr_assert_null(policy.code);
        cr_assert_eq(engine.flags, SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
        cr_assert_eq(ANSWER(0), SECCOMP_RET_ALLOW);
        cr_assert_eq(ANSWER(1), SECCOMP_RET_USER_NOTIF | EPERM);
        cr_assert_eq(ANSWER(2), SECCOMP_RET_USER_NOTIF | DENIALS_BY_ENGINE | EACCES,
                     "of two errnos the one loaded last");
        cr_assert_eq(ANSWER(3), SECCOMP_RET_USER_NOTIF | DENIALS_BY_ENGINE | EROFS);
        cr_assert_eq(ANSWER(4), SECCOMP_RET_KILL_PROCESS);
        cr_assert_eq(ANSWER(5), SECCOMP_RET_ERRNO, "told that it worked, which nobody has to be asked for");
        seccomp_filter_free(&engine);
}

Test(denials, without_a_filter_of_the_engine)
{
        struct seccomp_filter policy = FILTER(NUMBER, IF(1, SECCOMP_RET_ERRNO | ENOSYS), ELSE(SECCOMP_RET_ALLOW)),
                              engine = { 0 };
        struct error err = { 0 };

        cr_assert_eq(denials_merge(&policy, &engine, &err), 0);
        cr_assert_eq(ANSWER(1), SECCOMP_RET_USER_NOTIF | ENOSYS);
        cr_assert_eq(ANSWER(2), SECCOMP_RET_ALLOW);
        seccomp_filter_free(&engine);
}

Test(denials, no_listener_is_made_but_ours)
{
        struct seccomp_filter policy = FILTER(ELSE(SECCOMP_RET_ALLOW)), engine = { 0 };
        struct error err = { 0 };
        static const struct { uint64_t operation, flags; uint32_t answer; } calls[] = {
                { SECCOMP_SET_MODE_FILTER, 0, SECCOMP_RET_ALLOW },
                { SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_RET_ALLOW },
                { SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_RET_ERRNO | EBUSY },
                { SECCOMP_SET_MODE_FILTER | 1ull << 32, SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC | 1ull << 40,
                  SECCOMP_RET_ERRNO | EBUSY },
                { SECCOMP_GET_NOTIF_SIZES, SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_RET_ALLOW },
        };

        cr_assert_eq(denials_merge(&policy, &engine, &err), 0);
        for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
                struct seccomp_data data = { .nr = SYS_seccomp, .args = { calls[i].operation, calls[i].flags } };

                cr_assert_eq(denials_evaluate(&engine, &data), calls[i].answer, "%zu", i);
        }
        seccomp_filter_free(&engine);
}

Test(denials, what_does_not_go_with_a_listener_is_an_error)
{
        const uint32_t others[] = { SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE, SECCOMP_RET_LOG };

        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
                struct seccomp_filter policy = FILTER(ELSE(SECCOMP_RET_ALLOW)),
                                      engine = FILTER(NUMBER, IF(1, others[i]), ELSE(SECCOMP_RET_ALLOW));
                struct error err = { 0 };

                cr_assert_eq(denials_merge(&policy, &engine, &err), -EOPNOTSUPP);
                cr_assert_not_null(policy.code);
                seccomp_filter_free(&policy);
                seccomp_filter_free(&engine);
        }
}

Test(denials, a_program_that_runs_off_its_end_kills)
{
        struct seccomp_filter engine = FILTER(NUMBER, BPF_STMT(BPF_JMP | BPF_JA, 100));

        cr_assert_eq(ANSWER(1), SECCOMP_RET_KILL_PROCESS);
        seccomp_filter_free(&engine);
}
