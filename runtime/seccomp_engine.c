/* Makes the program of config.json's linux.seccomp by libseccomp, as runc would, and puts before it what runc puts
 * before it: system calls newer than the newest one that the profile names answer ENOSYS. A profile written before such
 * a call existed cannot have meant to refuse it with EPERM, and glibc falls back on ENOSYS only. */
#include "runtime/seccomp.h"

#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/base/auto.h"

#define X32_BIT 0x40000000u

/* The architectures of runtime-spec, config-linux.md "Seccomp", as libseccomp's tokens. Those it has no token for are
 * kept with 0: an error only where they are asked for. */
static const struct architecture {
        const char *name;
        uint32_t token;
} architectures[] = {
        { "SCMP_ARCH_X86", SCMP_ARCH_X86 },
        { "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64 },
        { "SCMP_ARCH_X32", SCMP_ARCH_X32 },
        { "SCMP_ARCH_ARM", SCMP_ARCH_ARM },
        { "SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64 },
        { "SCMP_ARCH_MIPS", SCMP_ARCH_MIPS },
        { "SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64 },
        { "SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32 },
        { "SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL },
        { "SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64 },
        { "SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32 },
        { "SCMP_ARCH_PPC", SCMP_ARCH_PPC },
        { "SCMP_ARCH_PPC64", SCMP_ARCH_PPC64 },
        { "SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE },
        { "SCMP_ARCH_S390", SCMP_ARCH_S390 },
        { "SCMP_ARCH_S390X", SCMP_ARCH_S390X },
        { "SCMP_ARCH_PARISC", SCMP_ARCH_PARISC },
        { "SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64 },
        { "SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64 },
#ifdef SCMP_ARCH_LOONGARCH64
        { "SCMP_ARCH_LOONGARCH64", SCMP_ARCH_LOONGARCH64 },
#endif
#ifdef SCMP_ARCH_M68K
        { "SCMP_ARCH_M68K", SCMP_ARCH_M68K },
#endif
#ifdef SCMP_ARCH_SH
        { "SCMP_ARCH_SH", SCMP_ARCH_SH },
        { "SCMP_ARCH_SHEB", SCMP_ARCH_SHEB },
#endif
};

#define N_ARCHITECTURES (sizeof architectures / sizeof architectures[0])

static void release_context(scmp_filter_ctx *context)
{
        if (*context != NULL)
                seccomp_release(*context);
}
#define auto_context __attribute__((cleanup(release_context)))

static uint32_t action_of(int action, bool has_errno, uint32_t errno_ret)
{
        /* config-linux.md: EPERM where errnoRet is not given. */
        uint32_t code = has_errno ? errno_ret : EPERM;

        switch ((enum spec_seccomp_action)action) {
        case SPEC_SECCOMP_KILL_THREAD:
                return SCMP_ACT_KILL_THREAD;
        case SPEC_SECCOMP_KILL_PROCESS:
                return SCMP_ACT_KILL_PROCESS;
        case SPEC_SECCOMP_TRAP:
                return SCMP_ACT_TRAP;
        case SPEC_SECCOMP_ERRNO:
                return SCMP_ACT_ERRNO(code);
        case SPEC_SECCOMP_TRACE:
                return SCMP_ACT_TRACE(code);
        case SPEC_SECCOMP_LOG:
                return SCMP_ACT_LOG;
        case SPEC_SECCOMP_ALLOW:
                return SCMP_ACT_ALLOW;
        case SPEC_SECCOMP_NOTIFY:
                return SCMP_ACT_NOTIFY;
        }
        return SCMP_ACT_KILL_PROCESS;
}

static int check_action(int action, bool has_errno, uint32_t errno_ret, struct error *err)
{
        if (!has_errno)
                return 0;
        /* config-linux.md: an error for an action that has no number to return. */
        if (action != SPEC_SECCOMP_ERRNO && action != SPEC_SECCOMP_TRACE)
                return error_set(err, EINVAL, "errnoRet is given, but only SCMP_ACT_ERRNO and SCMP_ACT_TRACE return one");
        /* SECCOMP_RET_DATA has 16 bits; a larger number would lose its upper part and might become 0, success. */
        if (errno_ret > UINT16_MAX)
                return error_set(err, EINVAL, "errnoRet %u is above 65535", errno_ret);
        return 0;
}

static enum scmp_compare compare_of(int op)
{
        switch ((enum spec_seccomp_op)op) {
        case SPEC_SECCOMP_NE:
                return SCMP_CMP_NE;
        case SPEC_SECCOMP_LT:
                return SCMP_CMP_LT;
        case SPEC_SECCOMP_LE:
                return SCMP_CMP_LE;
        case SPEC_SECCOMP_EQ:
                return SCMP_CMP_EQ;
        case SPEC_SECCOMP_GE:
                return SCMP_CMP_GE;
        case SPEC_SECCOMP_GT:
                return SCMP_CMP_GT;
        case SPEC_SECCOMP_MASKED_EQ:
                return SCMP_CMP_MASKED_EQ;
        }
        return (enum scmp_compare)0;
}

static int find_architecture(const char *name, uint32_t *ret_token, struct error *err)
{
        for (size_t i = 0; i < N_ARCHITECTURES; i++) {
                if (strcmp(architectures[i].name, name) == 0) {
                        *ret_token = architectures[i].token;
                        return 0;
                }
        }
        return error_set(err, ENOTSUP, "%s: not known to the libseccomp that runb was built with", name);
}

/* No process of this machine makes calls of such an ABI, so its rules hold without instructions for them; and libseccomp
 * can put no other byte order into one program. */
static bool is_foreign(const char *name)
{
        static const char *const x86[] = { "SCMP_ARCH_X86", "SCMP_ARCH_X86_64", "SCMP_ARCH_X32", NULL };
        static const char *const arm[] = { "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", NULL };
        const char *const *family = seccomp_arch_native() == SCMP_ARCH_X86_64 ? x86 :
                                    seccomp_arch_native() == SCMP_ARCH_AARCH64 ? arm : NULL;

        for (size_t i = 0; family != NULL && family[i] != NULL; i++)
                if (strcmp(family[i], name) == 0)
                        return false;
        return family != NULL;
}

static int add_rule(scmp_filter_ctx context, const struct spec_seccomp_rule *rule, int number, uint32_t action,
                    struct error *err)
{
        struct scmp_arg_cmp compares[6];
        unsigned seen = 0;
        bool is_repeated = false;
        int r;

        for (size_t i = 0; i < rule->n_args; i++) {
                if (rule->args[i].index > 5)
                        return error_set(err, EINVAL, "args[%zu].index %u is above 5", i, rule->args[i].index);
                is_repeated |= (seen & 1u << rule->args[i].index) != 0;
                seen |= 1u << rule->args[i].index;
        }
        /* libseccomp takes each argument once a rule. As runc does (and docker's profiles rely on): when one is
         * repeated, each condition is a rule of its own, so any of them suffices. */
        if (is_repeated) {
                for (size_t i = 0; i < rule->n_args; i++) {
                        const struct spec_seccomp_arg *arg = &rule->args[i];

                        compares[0] = (struct scmp_arg_cmp){ arg->index, compare_of(arg->op), arg->value, arg->value_two };
                        r = seccomp_rule_add_array(context, action, number, 1, compares);
                        if (r < 0)
                                return error_errno(err, r, "args[%zu]", i);
                }
                return 0;
        }
        for (size_t i = 0; i < rule->n_args; i++) {
                const struct spec_seccomp_arg *arg = &rule->args[i];

                compares[i] = (struct scmp_arg_cmp){ arg->index, compare_of(arg->op), arg->value, arg->value_two };
        }
        r = seccomp_rule_add_array(context, action, number, (unsigned)rule->n_args, compares);
        return r < 0 ? error_errno(err, r, "libseccomp refuses the rule") : 0;
}

/* libseccomp's time grows with the square of the conditions: those that can fit into no program are told apart before. */
static int check_size(const struct spec_seccomp *seccomp, struct error *err)
{
        size_t n = 0;

        for (size_t i = 0; i < seccomp->n_rules; i++)
                n += seccomp->rules[i].n_names * (seccomp->rules[i].n_args > 0 ? seccomp->rules[i].n_args : 1);
        if (n > BPF_MAXINSNS)
                return error_set(err, E2BIG, "syscalls: %zu conditions; the kernel takes programs of at most %d instructions", n,
                                 BPF_MAXINSNS);
        return 0;
}

static int add_rules(scmp_filter_ctx context, const struct spec_seccomp *seccomp, uint32_t default_action,
                     struct error *err)
{
        for (size_t i = 0; i < seccomp->n_rules; i++) {
                const struct spec_seccomp_rule *rule = &seccomp->rules[i];
                uint32_t action;

                if (check_action(rule->action, rule->has_errno, rule->errno_ret, err) < 0)
                        return error_context(err, "syscalls[%zu]", i);
                action = action_of(rule->action, rule->has_errno, rule->errno_ret);
                /* libseccomp refuses (EACCES) a rule that says what happens anyway. */
                if (action == default_action)
                        continue;
                for (size_t j = 0; j < rule->n_names; j++) {
                        int number = seccomp_syscall_resolve_name(rule->names[j]);

                        /* Of a later kernel than this libseccomp: profiles list them for those who have it. */
                        if (number == __NR_SCMP_ERROR)
                                continue;
                        if (add_rule(context, rule, number, action, err) < 0)
                                return error_context(err, "syscalls[%zu] (%s)", i, rule->names[j]);
                }
        }
        return 0;
}

/* Reads what libseccomp exported, behind room for @n_before instructions. */
static int export_code(scmp_filter_ctx context, size_t n_before, struct sock_filter **ret_code, size_t *ret_n,
                       struct error *err)
{
        auto_close int fd = memfd_create("seccomp", MFD_CLOEXEC);
        auto_free struct sock_filter *code = NULL;
        struct stat st;
        size_t n;
        int r;

        if (fd < 0)
                return error_errno(err, errno, "memfd_create for a seccomp program");
        r = seccomp_export_bpf(context, fd);
        if (r < 0)
                return error_errno(err, r, "libseccomp cannot make a program of it");
        if (fstat(fd, &st) < 0)
                return error_errno(err, errno, "stat of a seccomp program");
        n = (size_t)st.st_size / sizeof *code;
        if (n == 0 || n * sizeof *code != (size_t)st.st_size)
                return error_set(err, EIO, "libseccomp made a program of %jd bytes", (intmax_t)st.st_size);
        if (n + n_before > BPF_MAXINSNS)
                return error_set(err, E2BIG, "the program has %zu instructions, the kernel takes %d", n + n_before,
                                 BPF_MAXINSNS);
        code = calloc(n + n_before, sizeof *code);
        if (code == NULL)
                return error_errno(err, ENOMEM, "seccomp program");
        if (pread(fd, code + n_before, n * sizeof *code, 0) != (ssize_t)(n * sizeof *code))
                return error_set(err, EIO, "reading back a seccomp program");
        *ret_code = take_pointer(code);
        *ret_n = n + n_before;
        return 0;
}

/* The newest system call that the profile names: its highest number in that ABI; -1 where it names none. */
static int64_t newest_number(const struct spec_seccomp *seccomp, uint32_t token)
{
        int64_t newest = -1;

        for (size_t i = 0; i < seccomp->n_rules; i++) {
                for (size_t j = 0; j < seccomp->rules[i].n_names; j++) {
                        int number = seccomp_syscall_resolve_name_arch(token, seccomp->rules[i].names[j]);

                        if (number > newest)
                                newest = number;
                }
        }
        return newest;
}

/* x32 has no audit arch of its own. */
static uint32_t audit_arch_of(uint32_t token)
{
        return token == SCMP_ARCH_X32 ? AUDIT_ARCH_X86_64 : token;
}

/* Six instructions for each ABI: {is it this one? is the number above the newest? ENOSYS}. They fall through to the
 * program behind them, which begins with its own loads. */
#define STUB_LENGTH 6

static void put_stub(struct sock_filter *code, uint32_t token, uint32_t newest)
{
        const struct sock_filter load_arch = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
        const struct sock_filter load_number = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
        const struct sock_filter no_such_call = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);

        code[0] = load_arch;
        code[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, audit_arch_of(token), 0, 4);
        code[2] = load_number;
        /* x86-64's and x32's numbers share an audit arch: each is judged by its own newest one. */
        if (token == SCMP_ARCH_X86_64)
                code[3] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, X32_BIT, 2, 0);
        else if (token == SCMP_ARCH_X32)
                code[3] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, X32_BIT, 0, 2);
        else
                code[3] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, 0, 0, 0);
        code[4] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, newest, 0, 1);
        code[5] = no_such_call;
}

/* A default that lets calls through (or asks a tracer, or only logs) lets new ones through too; and a default of ENOSYS
 * says already what the stub would. */
static bool needs_stub(const struct spec_seccomp *seccomp)
{
        switch ((enum spec_seccomp_action)seccomp->default_action) {
        case SPEC_SECCOMP_ALLOW:
        case SPEC_SECCOMP_LOG:
        case SPEC_SECCOMP_TRACE:
                return false;
        case SPEC_SECCOMP_ERRNO:
                return !seccomp->has_default_errno || seccomp->default_errno != ENOSYS;
        case SPEC_SECCOMP_KILL_THREAD:
        case SPEC_SECCOMP_KILL_PROCESS:
        case SPEC_SECCOMP_TRAP:
        case SPEC_SECCOMP_NOTIFY:
                return true;
        }
        return true;
}

static unsigned flags_of(const struct spec_seccomp *seccomp)
{
        unsigned flags = 0;

        const bool has_listener = spec_seccomp_notifies(seccomp);

        /* Beside a listener the kernel has another rule for it (EINVAL); there is one thread to filter, and so the flag asks
         * for what is so anyway. */
        if ((seccomp->flags & SPEC_SECCOMP_FLAG_TSYNC) && !has_listener)
                flags |= SECCOMP_FILTER_FLAG_TSYNC;
        if (seccomp->flags & SPEC_SECCOMP_FLAG_LOG)
                flags |= SECCOMP_FILTER_FLAG_LOG;
        if (seccomp->flags & SPEC_SECCOMP_FLAG_SPEC_ALLOW)
                flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
        if (has_listener)
                flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
        /* Without a listener seccomp(2) answers EINVAL; policy has said so. */
        if (has_listener && (seccomp->flags & SPEC_SECCOMP_FLAG_WAIT_KILLABLE))
                flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
        return flags;
}

int seccomp_compile_engine(const struct spec_seccomp *seccomp, struct seccomp_filter *ret_filter, struct error *err)
{
        auto_context scmp_filter_ctx context = NULL;
        auto_free struct sock_filter *code = NULL;
        uint32_t default_action, tokens[N_ARCHITECTURES + 1];
        size_t n_tokens = 0, n_stub = 0, n = 0;
        struct sock_filter stub[STUB_LENGTH * (N_ARCHITECTURES + 1)];
        int r;

        r = check_action(seccomp->default_action, seccomp->has_default_errno, seccomp->default_errno, err);
        if (r == 0)
                r = check_size(seccomp, err);
        if (r < 0)
                return error_context(err, "linux.seccomp");
        default_action = action_of(seccomp->default_action, seccomp->has_default_errno, seccomp->default_errno);
        context = seccomp_init(default_action);
        if (context == NULL)
                return error_set(err, ENOTSUP, "linux.seccomp.defaultAction: not possible with this kernel and libseccomp");
        /* A binary tree: half the time to load, as the kernel runs the program once for each number then. */
        r = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        if (r < 0)
                return error_errno(err, r, "linux.seccomp: libseccomp's binary tree");

        tokens[n_tokens++] = seccomp_arch_native();
        for (size_t i = 0; i < seccomp->n_architectures; i++) {
                uint32_t token = 0;

                if (is_foreign(seccomp->architectures[i]))
                        continue;
                if (find_architecture(seccomp->architectures[i], &token, err) < 0)
                        return error_context(err, "linux.seccomp.architectures[%zu]", i);
                r = seccomp_arch_add(context, token);
                if (r == -EEXIST)
                        continue;
                if (r < 0)
                        return error_errno(err, r, "linux.seccomp.architectures[%zu]: %s on this processor", i,
                                           seccomp->architectures[i]);
                tokens[n_tokens++] = token;
        }
        if (add_rules(context, seccomp, default_action, err) < 0)
                return error_context(err, "linux.seccomp");

        for (size_t i = 0; needs_stub(seccomp) && i < n_tokens; i++) {
                int64_t newest = newest_number(seccomp, tokens[i]);

                /* Names nothing of this ABI: there is no newest one, and the default answer stands. */
                if (newest < 0)
                        continue;
                put_stub(stub + n_stub, tokens[i], (uint32_t)newest);
                n_stub += STUB_LENGTH;
        }
        r = export_code(context, n_stub, &code, &n, err);
        if (r < 0)
                return error_context(err, "linux.seccomp");
        memcpy(code, stub, n_stub * sizeof stub[0]);
        *ret_filter = (struct seccomp_filter){
                .code = take_pointer(code), .n = (unsigned short)n, .flags = flags_of(seccomp),
        };
        return 0;
}
