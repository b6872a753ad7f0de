/* An interpreter of the few instructions that seccomp(2) takes: every number and argument can be tried, of other
 * processors too. */
#pragma once

#include <criterion/criterion.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>

#include "runtime/seccomp.h"

#define ERRNO(code) (SECCOMP_RET_ERRNO | (uint32_t)(code))

static inline uint32_t run(const struct seccomp_filter *filter, const struct seccomp_data *data)
{
        uint32_t a = 0;

        for (size_t pc = 0; pc < filter->n; pc++) {
                const struct sock_filter *f = &filter->code[pc];

                switch (f->code) {
                case BPF_LD | BPF_W | BPF_ABS:
                        cr_assert(f->k + 4 <= sizeof *data && f->k % 4 == 0);
                        memcpy(&a, (const char *)data + f->k, 4);
                        break;
                case BPF_ALU | BPF_AND | BPF_K:
                        a &= f->k;
                        break;
                case BPF_JMP | BPF_JA:
                        pc += f->k;
                        break;
                case BPF_JMP | BPF_JEQ | BPF_K:
                        pc += a == f->k ? f->jt : f->jf;
                        break;
                case BPF_JMP | BPF_JGE | BPF_K:
                        pc += a >= f->k ? f->jt : f->jf;
                        break;
                case BPF_JMP | BPF_JGT | BPF_K:
                        pc += a > f->k ? f->jt : f->jf;
                        break;
                case BPF_JMP | BPF_JSET | BPF_K:
                        pc += (a & f->k) != 0 ? f->jt : f->jf;
                        break;
                case BPF_RET | BPF_K:
                        return f->k;
                default:
                        cr_assert_fail("instruction %#x", f->code);
                }
        }
        cr_assert_fail("ran over the end");
        return 0;
}

static inline uint32_t call(const struct seccomp_filter *filter, uint32_t arch, const char *name, uint64_t a0, uint64_t a1,
                     uint64_t a2, uint64_t a3)
{
        struct seccomp_data data = {
                .nr = seccomp_syscall_resolve_name_arch(arch, name), .arch = arch, .args = { a0, a1, a2, a3 },
        };

        cr_assert_geq(data.nr, 0, "%s", name);
        return run(filter, &data);
}

static const uint32_t arches[] __attribute__((unused)) = { SCMP_ARCH_X86_64, SCMP_ARCH_AARCH64 };
#define expect(got, wanted) cr_assert_eq(got, wanted, #got " gave %#x", got)
