/* Two filters as one program, and what it answers. The kernel takes the stricter answer of two filters, and of two
 * errnos the one of the filter that was loaded last (seccomp(2)), which is the engine's: so the engine's program
 * comes first, and where it allows a call the policy's goes on. */
#include "runtime/denials.h"

#include <endian.h>
#include <errno.h>
#include <linux/bpf_common.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "runtime/base/auto.h"

#define LOW_HALF(arg)                                                                                                  \
        (offsetof(struct seccomp_data, args) + (arg) * sizeof(uint64_t) + (__BYTE_ORDER == __LITTLE_ENDIAN ? 0 : sizeof(uint32_t)))

static uint32_t watched(uint32_t answer, uint32_t whose)
{
        uint32_t code = answer & SECCOMP_RET_DATA;

        /* 0: the caller is told that it worked (`ulimit -c 0`), which is no refusal. */
        if ((answer & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ERRNO || code == 0)
                return answer;
        return SECCOMP_RET_USER_NOTIF | whose | (code > DENIALS_ERRNO ? DENIALS_ERRNO : code);
}

static bool is_supported(const struct seccomp_filter *engine)
{
        for (unsigned short i = 0; i < engine->n; i++) {
                const struct sock_filter *line = &engine->code[i];

                if (BPF_CLASS(line->code) != BPF_RET)
                        continue;
                switch (line->k & SECCOMP_RET_ACTION_FULL) {
                case SECCOMP_RET_ALLOW:
                case SECCOMP_RET_ERRNO:
                case SECCOMP_RET_KILL_PROCESS:
                case SECCOMP_RET_KILL_THREAD:
                case SECCOMP_RET_TRAP:
                        if (line->code == (BPF_RET | BPF_K))
                                break;
                        return false;
                default:
                        return false;
                }
        }
        return true;
}

/* Of two listeners the kernel asks the one of the newer filter (seccomp_run_filters() in kernel/seccomp.c), which may let the
 * call go on. As long as ours is there it takes no second one (EBUSY, has_duplicate_listener()); when its process has been
 * killed, or for hooks, which have none, the build's own would be the only one: so the filter says what the kernel says.
 * The low halves: both arguments are unsigned int. On another ABI the number is another call's, which is refused as well. */
static const struct sock_filter no_other_listener[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(0)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SECCOMP_SET_MODE_FILTER, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_HALF(1)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SECCOMP_FILTER_FLAG_NEW_LISTENER, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EBUSY),
};
#define N_BEFORE (sizeof no_other_listener / sizeof no_other_listener[0])

int denials_merge(struct seccomp_filter *policy, struct seccomp_filter *engine, struct error *err)
{
        size_t n = N_BEFORE + (size_t)engine->n + policy->n;
        struct sock_filter *code, *at;

        if (engine->code != NULL && !is_supported(engine))
                return error_set(err, EOPNOTSUPP,
                                 "seccomp.explain: the engine's filter has SCMP_ACT_NOTIFY, _TRACE or _LOG, "
                                 "which do not go with it; use a profile without seccomp.explain");
        if (n > BPF_MAXINSNS)
                return error_set(err, E2BIG,
                                 "seccomp.explain: both filters together have %zu instructions, and %d are the most; "
                                 "use a profile without seccomp.explain",
                                 n, BPF_MAXINSNS);
        code = calloc(n, sizeof *code);
        if (code == NULL)
                return error_errno(err, ENOMEM, "seccomp.explain");
        memcpy(code, no_other_listener, sizeof no_other_listener);
        at = code + N_BEFORE;
        for (size_t i = 0; i < engine->n; i++, at++) {
                *at = engine->code[i];
                if (BPF_CLASS(at->code) != BPF_RET)
                        continue;
                if ((at->k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ALLOW)
                        *at = (struct sock_filter){ BPF_JMP | BPF_JA, 0, 0, (uint32_t)(engine->n - i - 1) };
                else
                        at->k = watched(at->k, DENIALS_BY_ENGINE);
        }
        for (size_t i = 0; i < policy->n; i++, at++) {
                *at = policy->code[i];
                if (at->code == (BPF_RET | BPF_K))
                        at->k = watched(at->k, 0);
        }
        seccomp_filter_free(policy);
        seccomp_filter_free(engine);
        *engine = (struct seccomp_filter){
                .code = code,
                .n = (unsigned short)n,
                .flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
        };
        return 0;
}

/* Linux, Documentation/networking/filter.rst; seccomp_check_filter() has the few instructions that a filter may be
 * made of. */
uint32_t denials_evaluate(const struct seccomp_filter *filter, const struct seccomp_data *data)
{
        uint32_t a = 0, x = 0, memory[BPF_MEMWORDS] = { 0 };

        for (size_t at = 0; at < filter->n; at++) {
                const struct sock_filter *line = &filter->code[at];
                uint32_t operand = BPF_SRC(line->code) == BPF_X ? x : line->k;
                bool is_true = false;

                switch (BPF_CLASS(line->code)) {
                case BPF_LD:
                case BPF_LDX: {
                        uint32_t value = line->k;

                        if (BPF_MODE(line->code) == BPF_ABS && line->k <= sizeof *data - sizeof value)
                                memcpy(&value, (const char *)data + line->k, sizeof value);
                        else if (BPF_MODE(line->code) == BPF_MEM && line->k < BPF_MEMWORDS)
                                value = memory[line->k];
                        else if (BPF_MODE(line->code) == BPF_LEN)
                                value = sizeof *data;
                        else if (BPF_MODE(line->code) != BPF_IMM)
                                return SECCOMP_RET_KILL_PROCESS;
                        *(BPF_CLASS(line->code) == BPF_LD ? &a : &x) = value;
                        break;
                }
                case BPF_ST:
                case BPF_STX:
                        if (line->k >= BPF_MEMWORDS)
                                return SECCOMP_RET_KILL_PROCESS;
                        memory[line->k] = BPF_CLASS(line->code) == BPF_ST ? a : x;
                        break;
                case BPF_ALU:
                        switch (BPF_OP(line->code)) {
                        case BPF_AND:
                                a &= operand;
                                break;
                        case BPF_OR:
                                a |= operand;
                                break;
                        case BPF_XOR:
                                a ^= operand;
                                break;
                        case BPF_ADD:
                                a += operand;
                                break;
                        case BPF_SUB:
                                a -= operand;
                                break;
                        case BPF_LSH:
                                a = operand < 32 ? a << operand : 0;
                                break;
                        case BPF_RSH:
                                a = operand < 32 ? a >> operand : 0;
                                break;
                        default:
                                return SECCOMP_RET_KILL_PROCESS;
                        }
                        break;
                case BPF_JMP:
                        switch (BPF_OP(line->code)) {
                        case BPF_JA:
                                at += line->k;
                                continue;
                        case BPF_JEQ:
                                is_true = a == operand;
                                break;
                        case BPF_JGT:
                                is_true = a > operand;
                                break;
                        case BPF_JGE:
                                is_true = a >= operand;
                                break;
                        case BPF_JSET:
                                is_true = (a & operand) != 0;
                                break;
                        default:
                                return SECCOMP_RET_KILL_PROCESS;
                        }
                        at += is_true ? line->jt : line->jf;
                        break;
                case BPF_MISC:
                        if (BPF_MISCOP(line->code) == BPF_TAX)
                                x = a;
                        else
                                a = x;
                        break;
                case BPF_RET:
                        return BPF_RVAL(line->code) == BPF_A ? a : line->k;
                }
        }
        return SECCOMP_RET_KILL_PROCESS;
}
