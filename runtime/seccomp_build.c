/* Makes the program of a filter of policies/seccomp_build.c: a search tree over the numbers of the native ABI, whose
 * leaves are an answer or a few checks of arguments.
 *
 * Not by libseccomp's rules, because they compare 64 bits where the kernel looks at 32, and have no "else" for
 * a system call (any family but these: EAFNOSUPPORT). Neighbours with one answer share a leaf, so the program is a third
 * of the size and loads faster; the names come from libseccomp. Numbers past the last name have the default answer,
 * ENOSYS: x32's too, which start at 0x40000000. */
#include "runtime/seccomp.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "policies/seccomp_build.h"
#include "runtime/base/auto.h"

#define ENTRIES_MAX 640
#define LEAVES_MAX (2 * ENTRIES_MAX + 1)

/* What a number gets: a rule, or where there is none a plain result. */
struct entry {
        uint32_t number;
        const struct policy_seccomp_rule *rule;
        int result;
};

struct leaf {
        uint32_t first;         /* and all numbers below the next leaf's */
        const struct policy_seccomp_rule *rule;
        int result;
};

struct program {
        struct sock_filter code[BPF_MAXINSNS];
        size_t n;
        bool is_full;
};

static void add(struct program *program, uint16_t code, uint8_t if_true, uint8_t if_false, uint32_t k)
{
        if (program->n == BPF_MAXINSNS) {
                program->is_full = true;
                return;
        }
        program->code[program->n++] = (struct sock_filter){ code, if_true, if_false, k };
}

static void add_result(struct program *program, int result)
{
        add(program, BPF_RET | BPF_K, 0, 0,
            result == POLICY_SECCOMP_ALLOW ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | (uint32_t)result);
}

static void add_load(struct program *program, uint8_t arg, bool is_high)
{
        bool is_second = is_high == (__BYTE_ORDER == __LITTLE_ENDIAN);

        add(program, BPF_LD | BPF_W | BPF_ABS, 0, 0,
            (uint32_t)(offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t) + (is_second ? sizeof(uint32_t) : 0)));
}

/* Jumps to the next check are left at FAIL and set when its place is known; none is as far as 255. */
#define FAIL 0xff
#define NEXT 0

static void add_term(struct program *program, const struct policy_seccomp_term *term)
{
        switch (term->op) {
        case POLICY_SECCOMP_IS:
        case POLICY_SECCOMP_IS_NOT:
                add_load(program, term->arg, false);
                if (term->mask != UINT32_MAX)
                        add(program, BPF_ALU | BPF_AND | BPF_K, 0, 0, term->mask);
                if (term->op == POLICY_SECCOMP_IS)
                        add(program, BPF_JMP | BPF_JEQ | BPF_K, NEXT, FAIL, term->value);
                else
                        add(program, BPF_JMP | BPF_JEQ | BPF_K, FAIL, NEXT, term->value);
                break;
        case POLICY_SECCOMP_IS_NULL:
                add_load(program, term->arg, false);
                add(program, BPF_JMP | BPF_JEQ | BPF_K, NEXT, FAIL, 0);
                add_load(program, term->arg, true);
                add(program, BPF_JMP | BPF_JEQ | BPF_K, NEXT, FAIL, 0);
                break;
        case POLICY_SECCOMP_IS_NOT_NULL:
                add_load(program, term->arg, false);
                add(program, BPF_JMP | BPF_JEQ | BPF_K, NEXT, 2, 0);
                add_load(program, term->arg, true);
                add(program, BPF_JMP | BPF_JEQ | BPF_K, FAIL, NEXT, 0);
                break;
        }
}

static void add_check(struct program *program, const struct policy_seccomp_check *check)
{
        size_t start = program->n, end;

        for (size_t i = 0; i < check->n_terms; i++)
                add_term(program, &check->terms[i]);
        add_result(program, check->result);
        end = program->n;
        for (size_t at = start; at < end; at++) {
                struct sock_filter *instruction = &program->code[at];

                if (BPF_CLASS(instruction->code) != BPF_JMP)
                        continue;
                if (instruction->jt == FAIL)
                        instruction->jt = (uint8_t)(end - at - 1);
                if (instruction->jf == FAIL)
                        instruction->jf = (uint8_t)(end - at - 1);
        }
}

static void add_leaf(struct program *program, const struct leaf *leaf)
{
        if (leaf->rule == NULL) {
                add_result(program, leaf->result);
                return;
        }
        for (size_t i = 0; i < leaf->rule->n_checks; i++)
                add_check(program, &leaf->rule->checks[i]);
        add_result(program, leaf->rule->otherwise);
}

static void add_tree(struct program *program, const struct leaf *leaves, size_t n)
{
        size_t middle = n / 2, at, length;

        if (n == 1) {
                add_leaf(program, leaves);
                return;
        }
        /* A conditional jump reaches 255 instructions and BPF_JA any number; room for the second, used where needed. */
        at = program->n;
        add(program, BPF_JMP | BPF_JGE | BPF_K, 0, 1, leaves[middle].first);
        add(program, BPF_JMP | BPF_JA, 0, 0, 0);
        add_tree(program, leaves, middle);
        if (program->is_full)
                return;
        length = program->n - at - 2;
        if (length <= UINT8_MAX) {
                memmove(&program->code[at + 1], &program->code[at + 2], length * sizeof program->code[0]);
                program->n--;
                program->code[at].jt = (uint8_t)length;
                program->code[at].jf = 0;
        } else {
                program->code[at + 1].k = (uint32_t)length;
        }
        add_tree(program, leaves + middle, n - middle);
}

static int compare_entries(const void *a, const void *b)
{
        const struct entry *one = a, *other = b;

        return one->number < other->number ? -1 : one->number > other->number;
}

/* Puts the entry at its number's place; what is there already is stronger. */
static void put_entry(struct entry *entries, size_t *n, uint32_t arch, const char *name,
                      const struct policy_seccomp_rule *rule, int result)
{
        int number = seccomp_syscall_resolve_name_arch(arch, name);

        /* Negative: unknown to this libseccomp, or not of this ABI. It keeps the default answer. */
        if (number < 0)
                return;
        for (size_t i = 0; i < *n; i++)
                if (entries[i].number == (uint32_t)number)
                        return;
        assert(*n < ENTRIES_MAX);
        entries[(*n)++] = (struct entry){ (uint32_t)number, rule, result };
}

static size_t gather_entries(uint32_t arch, const struct policy_seccomp_choice *choice, struct entry *entries)
{
        size_t n = 0;

        for (const struct policy_seccomp *policy = policy_seccomp_of(choice->base); policy != NULL; policy = policy->beneath) {
                for (size_t i = 0; i < policy->n_rules; i++) {
                        const struct policy_seccomp_rule *rule = &policy->rules[i];

                        if (rule->applies == NULL || rule->applies(choice))
                                put_entry(entries, &n, arch, rule->name, rule->n_checks > 0 ? rule : NULL,
                                          rule->otherwise);
                }
                for (size_t i = 0; i < policy->n_refused; i++)
                        put_entry(entries, &n, arch, policy->refused[i], NULL, EPERM);
                for (size_t i = 0; i < policy->n_allowed; i++)
                        put_entry(entries, &n, arch, policy->allowed[i], NULL, POLICY_SECCOMP_ALLOW);
        }
        qsort(entries, n, sizeof entries[0], compare_entries);
        return n;
}

static void put_leaf(struct leaf *leaves, size_t *n, uint32_t first, const struct policy_seccomp_rule *rule, int result)
{
        if (*n > 0 && rule == NULL && leaves[*n - 1].rule == NULL && leaves[*n - 1].result == result)
                return;
        leaves[(*n)++] = (struct leaf){ first, rule, result };
}

static uint32_t audit_arch(uint32_t arch)
{
        switch (arch) {
        case SCMP_ARCH_X86_64:
                return AUDIT_ARCH_X86_64;
        case SCMP_ARCH_AARCH64:
                return AUDIT_ARCH_AARCH64;
        default:
                return 0;
        }
}

int seccomp_compile_build(uint32_t arch, const struct policy_seccomp_choice *choice, struct seccomp_filter *ret_filter,
                          struct error *err)
{
        auto_free struct entry *entries = calloc(ENTRIES_MAX, sizeof *entries);
        auto_free struct leaf *leaves = calloc(LEAVES_MAX, sizeof *leaves);
        auto_free struct program *program = calloc(1, sizeof *program);
        struct sock_filter *code;
        size_t n_entries, n_leaves = 0;
        uint32_t next = 0;

        if (entries == NULL || leaves == NULL || program == NULL)
                return error_errno(err, ENOMEM, "seccomp: build filter");
        if (arch == SCMP_ARCH_NATIVE)
                arch = seccomp_arch_native();
        if (audit_arch(arch) == 0)
                return error_set(err, ENOTSUP, "seccomp: no build filter for this processor (only x86-64 and arm64)");

        n_entries = gather_entries(arch, choice, entries);
        for (size_t i = 0; i < n_entries; i++) {
                if (entries[i].number > next)
                        put_leaf(leaves, &n_leaves, next, NULL, ENOSYS);
                put_leaf(leaves, &n_leaves, entries[i].number, entries[i].rule, entries[i].result);
                next = entries[i].number + 1;
        }
        put_leaf(leaves, &n_leaves, next, NULL, ENOSYS);

        add(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
        add(program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, audit_arch(arch));
        add_result(program, ENOSYS);
        add(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
        add_tree(program, leaves, n_leaves);
        if (program->is_full)
                return error_set(err, E2BIG, "seccomp: the build filter has more than %d instructions", BPF_MAXINSNS);

        code = malloc(program->n * sizeof *code);
        if (code == NULL)
                return error_errno(err, ENOMEM, "seccomp: build filter");
        memcpy(code, program->code, program->n * sizeof *code);
        *ret_filter = (struct seccomp_filter){ .code = code, .n = (unsigned short)program->n };
        return 0;
}
