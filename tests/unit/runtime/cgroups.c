/* The pure parts of the cgroups room: paths, conversions, device rules and the eBPF program made of them. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <criterion/criterion.h>

#include "runtime/cgroups_private.h"

static const char *normalise(const char *path)
{
        static struct arena arena;
        const char *out = NULL;

        return cgroups_normalise(path, &arena, &out, NULL) == 0 ? out : NULL;
}

Test(cgroups, a_path_loses_doubled_slashes_and_dots)
{
        cr_assert_str_eq(normalise("/default/a"), "default/a");
        cr_assert_str_eq(normalise("//default///a/"), "default/a");
        cr_assert_str_eq(normalise("./a/./b/."), "a/b");
        cr_assert_str_eq(normalise("a..b/..c/d.."), "a..b/..c/d..");
}

Test(cgroups, a_path_with_two_dots_is_refused_anywhere)
{
        struct arena arena = { 0 };
        struct error err = { 0 };
        const char *out;

        cr_assert_null(normalise(".."));
        cr_assert_null(normalise("/.."));
        cr_assert_null(normalise("/../x"));
        cr_assert_null(normalise("a/../b"));
        cr_assert_null(normalise("a/b/.."));
        cr_assert_eq(cgroups_normalise("/a/../../b", &arena, &out, &err), -EINVAL);
        cr_assert_str_eq(err.text, "linux.cgroupsPath: \"/a/../../b\" has \"..\" in it");
        arena_free(&arena);
}

Test(cgroups, the_root_of_a_hierarchy_is_nobodys_cgroup)
{
        cr_assert_null(normalise("/"));
        cr_assert_null(normalise("///"));
        cr_assert_null(normalise("."));
        cr_assert_null(normalise("/./"));
}

Test(cgroups, a_newline_in_a_path_is_refused)
{
        cr_assert_null(normalise("/a\n0::/b"));
}

Test(cgroups, a_path_lies_below_another_by_component)
{
        cr_assert_str_eq(cgroups_below("/a/b/c", "/a/b"), "c");
        cr_assert_str_eq(cgroups_below("/a/b", "/a/b"), "");
        cr_assert_str_eq(cgroups_below("/a", "/"), "a");
        cr_assert_null(cgroups_below("/a/bc", "/a/b"));
        cr_assert_null(cgroups_below("/x", "/a"));
}

Test(cgroups, systemds_names_are_told_from_paths)
{
        cr_assert(cgroups_is_systemd_triple("system.slice:docker:abc"));
        cr_assert(cgroups_is_systemd_triple(":crio:abc"));
        cr_assert_not(cgroups_is_systemd_triple("/a:b:c"));
        cr_assert_not(cgroups_is_systemd_triple("a:b:c"));
        cr_assert_not(cgroups_is_systemd_triple("a.slice:b"));
        cr_assert_not(cgroups_is_systemd_triple("a.slice:b:c:d"));
}

Test(cgroups, our_own_cgroup_is_found_by_controller)
{
        struct arena arena = { 0 };
        const char *text = "9:name=systemd:/init.scope\n8:pids,misc:/p\n4:cpu,cpuacct:/c:d\n0::/unified\n";

        cr_assert_str_eq(cgroups_own_path(text, "name=systemd", &arena), "/init.scope");
        cr_assert_str_eq(cgroups_own_path(text, "misc", &arena), "/p");
        cr_assert_str_eq(cgroups_own_path(text, "cpuacct", &arena), "/c:d");
        cr_assert_str_eq(cgroups_own_path(text, "", &arena), "/unified");
        cr_assert_null(cgroups_own_path(text, "cpuset", &arena));
        cr_assert_null(cgroups_own_path(text, "pid", &arena));
        arena_free(&arena);
}

Test(cgroups, shares_become_weights_on_the_curve_through_minimum_default_and_maximum)
{
        cr_assert_eq(cgroups_weight_from_shares(0), 0);
        cr_assert_eq(cgroups_weight_from_shares(1), 1);
        cr_assert_eq(cgroups_weight_from_shares(2), 1);
        cr_assert_eq(cgroups_weight_from_shares(1024), 100);
        cr_assert_eq(cgroups_weight_from_shares(262144), 10000);
        cr_assert_eq(cgroups_weight_from_shares(UINT64_MAX), 10000);
        for (uint64_t shares = 3; shares < 262144; shares++) {
                double l = log2((double)shares), value = pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0);

                cr_assert_eq(cgroups_weight_from_shares(shares), (uint64_t)ceil(value - 1e-9), "%llu",
                             (unsigned long long)shares);
        }
}

Test(cgroups, block_weights_are_stretched)
{
        cr_assert_eq(cgroups_io_weight(0), 0);
        cr_assert_eq(cgroups_io_weight(10), 1);
        cr_assert_eq(cgroups_io_weight(500), 4950);
        cr_assert_eq(cgroups_io_weight(1000), 10000);
}

Test(cgroups, swap_is_the_sum_less_memory)
{
        struct error err = { 0 };
        int64_t swap;
        bool is_given;

        cr_assert_eq(cgroups_swap_only(100, 300, &is_given, &swap, NULL), 0);
        cr_assert(is_given && swap == 200);
        cr_assert_eq(cgroups_swap_only(100, 100, &is_given, &swap, NULL), 0);
        cr_assert(is_given && swap == 0);
        cr_assert_eq(cgroups_swap_only(100, 0, &is_given, &swap, NULL), 0);
        cr_assert_not(is_given);
        cr_assert_eq(cgroups_swap_only(100, -1, &is_given, &swap, NULL), 0);
        cr_assert(is_given && swap == -1);
        cr_assert_eq(cgroups_swap_only(-1, 0, &is_given, &swap, NULL), 0);
        cr_assert(is_given && swap == -1);
        cr_assert_eq(cgroups_swap_only(300, 100, &is_given, &swap, &err), -EINVAL);
        cr_assert_not_null(strstr(err.text, "should be >= memory limit"));
        cr_assert_eq(cgroups_swap_only(0, 100, &is_given, &swap, &err), -EINVAL);
}

/* ---- devices ---- */

#define MKNOD 1u
#define READ 2u
#define WRITE 4u
#define ALL 7u

/* Runs the few instructions that the generator uses. */
static int interpret(const struct bpf_insn *program, size_t n, char type, uint32_t major, uint32_t minor, unsigned access)
{
        uint32_t context[3] = { access << 16 | (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR), major, minor };
        uint64_t reg[11] = { 0 };

        for (size_t pc = 0, steps = 0; pc < n; pc++, steps++) {
                const struct bpf_insn *p = &program[pc];
                bool is_taken = false;

                cr_assert_lt(steps, n, "a jump goes backwards");
                switch (p->code) {
                case BPF_LDX | BPF_MEM | BPF_W:
                        cr_assert_eq(p->src_reg, BPF_REG_1);
                        reg[p->dst_reg] = context[p->off / 4];
                        break;
                case BPF_LD | BPF_IMM | BPF_DW:
                        reg[p->dst_reg] = (uint32_t)p->imm | (uint64_t)(uint32_t)p[1].imm << 32;
                        pc++;
                        break;
                case BPF_ALU64 | BPF_MOV | BPF_X: reg[p->dst_reg] = reg[p->src_reg]; break;
                case BPF_ALU64 | BPF_MOV | BPF_K: reg[p->dst_reg] = (uint64_t)(int64_t)p->imm; break;
                case BPF_ALU64 | BPF_AND | BPF_K: reg[p->dst_reg] &= (uint64_t)(int64_t)p->imm; break;
                case BPF_ALU64 | BPF_RSH | BPF_K: reg[p->dst_reg] >>= p->imm; break;
                case BPF_ALU64 | BPF_LSH | BPF_K: reg[p->dst_reg] <<= p->imm; break;
                case BPF_ALU64 | BPF_OR | BPF_X: reg[p->dst_reg] |= reg[p->src_reg]; break;
                case BPF_ALU64 | BPF_XOR | BPF_X: reg[p->dst_reg] ^= reg[p->src_reg]; break;
                case BPF_ALU64 | BPF_XOR | BPF_K: reg[p->dst_reg] ^= (uint64_t)(int64_t)p->imm; break;
                case BPF_JMP32 | BPF_JEQ | BPF_K: is_taken = (uint32_t)reg[p->dst_reg] == (uint32_t)p->imm; break;
                case BPF_JMP | BPF_JNE | BPF_K: is_taken = reg[p->dst_reg] != (uint64_t)(int64_t)p->imm; break;
                case BPF_JMP | BPF_JSET | BPF_K: is_taken = (reg[p->dst_reg] & (uint64_t)(int64_t)p->imm) != 0; break;
                case BPF_JMP | BPF_JA: is_taken = true; break;
                case BPF_JMP | BPF_EXIT: return (int)reg[0];
                default: cr_assert_fail("unknown instruction %#x", p->code);
                }
                if (is_taken)
                        pc += (size_t)p->off;
        }
        cr_assert_fail("the program runs off its end");
        return -1;
}

/* What the specification says: in order, the last rule that speaks of a kind of access decides. */
static bool by_the_book(const struct spec_device_rule *rules, size_t n, char type, int64_t major, int64_t minor, unsigned access)
{
        unsigned allowed = 0;

        for (size_t i = 0; i < n; i++) {
                if ((rules[i].type != 'a' && rules[i].type != type) || (rules[i].major != -1 && rules[i].major != major) ||
                    (rules[i].minor != -1 && rules[i].minor != minor))
                        continue;
                if (rules[i].is_allow)
                        allowed |= rules[i].access;
                else
                        allowed &= ~rules[i].access;
        }
        return (access & ~allowed) == 0;
}

static bool may(const struct spec_device_rule *rules, size_t n_rules, char type, uint32_t major, uint32_t minor, unsigned access)
{
        struct arena arena = { 0 };
        struct bpf_insn *program;
        size_t n;
        bool answer;

        cr_assert_eq(device_program_make(rules, n_rules, &arena, &program, &n, NULL), 0);
        answer = interpret(program, n, type, major, minor, access) == 1;
        arena_free(&arena);
        return answer;
}

Test(cgroups, without_rules_no_device_opens)
{
        cr_assert_not(may(NULL, 0, 'c', 1, 3, READ));
        cr_assert_not(may(NULL, 0, 'b', 8, 0, MKNOD));
}

Test(cgroups, a_later_device_rule_wins)
{
        const struct spec_device_rule rules[] = {
                { false, 'a', -1, -1, ALL }, { true, 'c', 1, -1, ALL }, { false, 'c', 1, 11, ALL }, { true, 'c', 5, 0, READ },
                { true, 'c', 5, 0, WRITE },
        };

        cr_assert(may(rules, 5, 'c', 1, 3, READ | WRITE));
        cr_assert_not(may(rules, 5, 'c', 1, 11, READ));
        cr_assert(may(rules, 5, 'c', 5, 0, READ | WRITE));
        cr_assert_not(may(rules, 5, 'c', 5, 0, MKNOD));
        cr_assert_not(may(rules, 5, 'b', 1, 3, READ));
}

Test(cgroups, everything_allowed_but_one_device)
{
        const struct spec_device_rule rules[] = { { true, 'a', -1, -1, ALL }, { false, 'b', 8, 0, WRITE } };

        cr_assert(may(rules, 2, 'c', 200, 200, ALL));
        cr_assert(may(rules, 2, 'b', 8, 0, READ));
        cr_assert_not(may(rules, 2, 'b', 8, 0, READ | WRITE));
}

Test(cgroups, numbers_that_no_device_has_match_none)
{
        const struct spec_device_rule rules[] = { { true, 'c', 4096, 3, ALL }, { true, 'c', 1, 1 << 20, ALL },
                                                  { true, 'c', 4294967295, -1, READ }, { true, 'b', 4095, (1 << 20) - 1, ALL } };

        cr_assert_not(may(rules, 4, 'c', 0, 3, ALL));
        cr_assert_not(may(rules, 4, 'c', 1, 0, ALL));
        cr_assert_not(may(rules, 4, 'c', 4095, 0, READ));
        cr_assert(may(rules, 4, 'b', 4095, (1 << 20) - 1, ALL));
}

Test(cgroups, more_rules_than_a_jump_can_pass_are_refused)
{
        static struct spec_device_rule rules[2501];
        struct arena arena = { 0 };
        struct bpf_insn *program;
        size_t n;

        for (size_t i = 0; i < 2501; i++)
                rules[i] = (struct spec_device_rule){ true, 'c', (int64_t)(i % 4096), (int64_t)i, READ };
        cr_assert_eq(device_program_make(rules, 2501, &arena, &program, &n, NULL), -E2BIG);
        cr_assert_eq(device_program_make(rules, 2500, &arena, &program, &n, NULL), 0);
        for (size_t i = 0; i < n; i++)
                cr_assert_geq(program[i].off, 0);
        cr_assert_eq(interpret(program, n, 'c', 0, 0, READ), 1);
        cr_assert_eq(interpret(program, n, 'c', 0, 1, READ), 0);
        arena_free(&arena);
}

Test(cgroups, the_program_agrees_with_the_specification_on_random_rules)
{
        uint32_t seed = 20261121;

        for (unsigned round = 0; round < 3000; round++) {
                struct spec_device_rule rules[8];
                size_t n = round % 8 + 1;
                struct arena arena = { 0 };
                struct bpf_insn *program;
                size_t size;

                for (size_t i = 0; i < n; i++) {
                        seed = seed * 1664525 + 1013904223;
                        rules[i].is_allow = seed >> 31;
                        rules[i].type = "abc"[(seed >> 16) % 3];
                        rules[i].major = (int64_t)((seed >> 8) % 4) - 1;
                        rules[i].minor = (int64_t)((seed >> 12) % 4) - 1;
                        rules[i].access = (seed >> 20) % 8;
                }
                cr_assert_eq(device_program_make(rules, n, &arena, &program, &size, NULL), 0);
                for (unsigned i = 0; i < 2 * 3 * 3 * 7; i++) {
                        char type = "bc"[i % 2];
                        uint32_t major = i / 2 % 3, minor = i / 6 % 3;
                        unsigned access = i / 18 + 1;

                        cr_assert_eq(interpret(program, size, type, major, minor, access),
                                     by_the_book(rules, n, type, major, minor, access));
                }
                arena_free(&arena);
        }
}

Test(cgroups, v1_keeps_a_default_and_exceptions)
{
        const struct spec_device_rule rules[] = {
                { true, 'a', -1, -1, ALL }, { false, 'a', -1, -1, ALL }, { true, 'c', 1, 3, READ }, { true, 'c', 1, 3, WRITE },
                { true, 'a', 10, 200, ALL }, { true, 'c', 5, 1, ALL }, { false, 'c', 5, -1, ALL },
        };
        struct arena arena = { 0 };
        struct device_list list, other;

        cr_assert_eq(device_list_make(rules, 7, &arena, &list, NULL), 0);
        cr_assert_eq(device_list_parse("c 1:3 rw\nb 10:200 rwm\nc 10:200 rwm\n", &arena, &other), 0);
        cr_assert(device_list_equals(&list, &other));
        cr_assert_eq(device_list_parse("c 1:3 rwm\nb 10:200 rwm\nc 10:200 rwm\n", &arena, &other), 0);
        cr_assert_not(device_list_equals(&list, &other));
        arena_free(&arena);
}

Test(cgroups, v1_refuses_a_hole_that_the_kernel_would_not_make)
{
        const struct spec_device_rule rules[] = { { true, 'c', 1, -1, ALL }, { false, 'c', 1, 11, ALL } };
        struct arena arena = { 0 };
        struct device_list list;
        struct error err = { 0 };

        cr_assert_eq(device_list_make(rules, 2, &arena, &list, &err), -EINVAL);
        cr_assert_not_null(strstr(err.text, "cannot take \"c 1:11 rwm\" out of \"c 1:* rwm\""));
        arena_free(&arena);
}

Test(cgroups, the_kernels_device_list_is_read)
{
        struct arena arena = { 0 };
        struct device_list list;

        cr_assert_eq(device_list_parse("a *:* rwm\n", &arena, &list), 0);
        cr_assert(list.is_default_allow && list.n == 0);
        cr_assert_eq(device_list_parse("", &arena, &list), 0);
        cr_assert(!list.is_default_allow && list.n == 0);
        cr_assert_eq(device_list_parse("c *:* m\n", &arena, &list), 0);
        cr_assert(list.n == 1 && list.entries[0].major == -1 && list.entries[0].access == MKNOD);
        cr_assert_eq(device_list_parse("c 1:x r\n", &arena, &list), -EINVAL);
        cr_assert_eq(device_list_parse("d 1:1 r\n", &arena, &list), -EINVAL);
        arena_free(&arena);
}

Test(cgroups, a_device_rule_out_of_range_is_refused)
{
        const struct spec_device_rule wide = { true, 'c', 4294967296, 0, ALL }, type = { true, 'u', 1, 3, ALL };
        struct arena arena = { 0 };
        struct bpf_insn *program;
        size_t n;

        cr_assert_eq(device_program_make(&wide, 1, &arena, &program, &n, NULL), -EINVAL);
        cr_assert_eq(device_program_make(&type, 1, &arena, &program, &n, NULL), -EINVAL);
        arena_free(&arena);
}

Test(cgroups, words_of_a_list_are_compared_whole)
{
        cr_assert(cgroup_list_has("cpuset cpu io\n", "cpu"));
        cr_assert_not(cgroup_list_has("cpuset io\n", "cpu"));
        cr_assert_not(cgroup_list_has("", "cpu"));
}
