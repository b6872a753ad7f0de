/* Device rules of cgroup v2: an eBPF program of the container's cgroup, attached beside whatever others have attached. The
 * last rule that matches decides, for each of read, write and mknod apart. */
#include "runtime/cgroups_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/auto.h"

#define PROGRAM_NAME "runb_devices"

/* The kernel's verifier walks every path through a program, and gives up after a million instructions. So the program
 * keeps nothing in a register that tells one path from another: what was compared is a copy. Then all paths that meet
 * at a rule look alike there, and the walk is as long as the program. */
struct program {
        struct bpf_insn *insns;
        size_t n;
};

static void emit(struct program *program, uint8_t code, uint8_t into, uint8_t from, int16_t offset, int32_t value)
{
        program->insns[program->n++] = (struct bpf_insn){ .code = code, .dst_reg = into, .src_reg = from, .off = offset,
                                                          .imm = value };
}

static void emit_answer(struct program *program, bool is_allow)
{
        emit(program, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, is_allow);
        emit(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Linux keeps 12 bits of a major and 20 of a minor number (dev_t inside the kernel, <linux/kdev_t.h>). */
#define MAJOR_BITS 12
#define MINOR_BITS 20

/* r6 = type, r7 = type and major, r8 = type and minor, r9 = all three, r3 = the access asked for. */
static void emit_keys(struct program *program)
{
        /* bpf(2), struct bpf_cgroup_dev_ctx: access_type (type in the lower half, access in the upper), major, minor. */
        emit(program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_6, BPF_REG_1, 0, 0);
        emit(program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_6, 0, 0);
        emit(program, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_6, 0, 0, 0xffff);
        emit(program, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
        emit(program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1, 4, 0);
        emit(program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_5, BPF_REG_1, 8, 0);
        emit(program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_7, BPF_REG_6, 0, 0);
        emit(program, BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_7, 0, 0, MAJOR_BITS);
        emit(program, BPF_ALU64 | BPF_OR | BPF_X, BPF_REG_7, BPF_REG_4, 0, 0);
        emit(program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_8, BPF_REG_6, 0, 0);
        emit(program, BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_8, 0, 0, MINOR_BITS);
        emit(program, BPF_ALU64 | BPF_OR | BPF_X, BPF_REG_8, BPF_REG_5, 0, 0);
        emit(program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_9, BPF_REG_7, 0, 0);
        emit(program, BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_9, 0, 0, MINOR_BITS);
        emit(program, BPF_ALU64 | BPF_OR | BPF_X, BPF_REG_9, BPF_REG_5, 0, 0);
}

/* Goes on behind itself for the rule's devices of @type, and skips @n_skip instructions for others. */
static void emit_match(struct program *program, const struct spec_device_rule *rule, char type, int16_t n_skip)
{
        uint64_t key = type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
        uint8_t held = BPF_REG_6;

        if (rule->major != -1 && rule->minor != -1) {
                held = BPF_REG_9;
                key = ((key << MAJOR_BITS | (uint64_t)rule->major) << MINOR_BITS) | (uint64_t)rule->minor;
        } else if (rule->major != -1) {
                held = BPF_REG_7;
                key = key << MAJOR_BITS | (uint64_t)rule->major;
        } else if (rule->minor != -1) {
                held = BPF_REG_8;
                key = key << MINOR_BITS | (uint64_t)rule->minor;
        }
        emit(program, BPF_LD | BPF_IMM | BPF_DW, BPF_REG_0, 0, 0, (int32_t)(uint32_t)key);
        emit(program, 0, 0, 0, 0, (int32_t)(uint32_t)(key >> 32));
        emit(program, BPF_ALU64 | BPF_XOR | BPF_X, BPF_REG_0, held, 0, 0);
        emit(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, n_skip, 0);
}

static bool can_exist(const struct spec_device_rule *rule)
{
        return rule->major < 1 << MAJOR_BITS && rule->minor < 1 << MINOR_BITS;
}

/* Answers at once where any of @rules speaks of the device. They all say the same about every kind of access, so that
 * their order does not matter and one comparison each is enough; the exact ones leave the type to one in front of them. */
static void emit_any(struct program *program, const struct spec_device_rule *rules, size_t n_rules, bool is_allow)
{
        const size_t begin = program->n;
        size_t skip, answer;

        for (const char *type = "bc"; *type != '\0'; type++) {
                const uint32_t key = *type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;

                emit(program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_0, BPF_REG_6, 0, 0);
                emit(program, BPF_ALU64 | BPF_XOR | BPF_K, BPF_REG_0, 0, 0, (int32_t)key);
                skip = program->n;
                emit(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 0, 0);
                for (size_t i = 0; i < n_rules; i++) {
                        const struct spec_device_rule *rule = &rules[i];
                        uint32_t major = (uint32_t)rule->major, minor = (uint32_t)rule->minor;

                        if ((rule->type != 'a' && rule->type != *type) || rule->access != DEVICE_ACCESS_ALL || !can_exist(rule))
                                continue;
                        if (rule->major != -1 && rule->minor != -1)
                                emit(program, BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_9, 0, 0, (int32_t)(major << MINOR_BITS | minor));
                        else if (rule->major != -1)
                                emit(program, BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_7, 0, 0, (int32_t)(key << MAJOR_BITS | major));
                        else if (rule->minor != -1)
                                emit(program, BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_8, 0, 0, (int32_t)(key << MINOR_BITS | minor));
                        else
                                emit(program, BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_6, 0, 0, (int32_t)key);
                }
                program->insns[skip].off = (int16_t)(program->n - skip - 1);
                if (program->n == skip + 1)
                        program->n = skip - 2;
        }
        if (program->n == begin)
                return;
        emit(program, BPF_JMP | BPF_JA, 0, 0, 2, 0);
        answer = program->n;
        emit_answer(program, is_allow);
        for (size_t i = begin; i < answer; i++)
                if (program->insns[i].code == (BPF_JMP32 | BPF_JEQ | BPF_K))
                        program->insns[i].off = (int16_t)(answer - i - 1);
}

/* The rules on one kind of access, from the last to the first; falls through where it is granted. */
static void emit_access(struct program *program, const struct spec_device_rule *rules, size_t n_rules, unsigned access,
                        bool is_default_allow)
{
        size_t begin, end;
        bool is_decided = false;

        emit(program, BPF_JMP | BPF_JSET | BPF_K, BPF_REG_3, 0, 1, (int32_t)access);
        begin = program->n;
        emit(program, BPF_JMP | BPF_JA, 0, 0, 0, 0);
        for (size_t i = n_rules; i > 0 && !is_decided; i--) {
                const struct spec_device_rule *rule = &rules[i - 1];

                if ((rule->access & access) == 0 || !can_exist(rule))
                        continue;
                if (rule->type == 'a' && rule->major == -1 && rule->minor == -1) {
                        is_default_allow = rule->is_allow;
                        is_decided = true;
                        continue;
                }
                for (const char *type = "bc"; *type != '\0'; type++) {
                        if (rule->type != 'a' && rule->type != *type)
                                continue;
                        emit_match(program, rule, *type, rule->is_allow ? 1 : 2);
                        if (rule->is_allow)
                                emit(program, BPF_JMP | BPF_JA, 0, 0, 0, 0);
                        else
                                emit_answer(program, false);
                }
        }
        if (!is_default_allow)
                emit_answer(program, false);
        end = program->n;
        /* Granted, or not asked for: on to the next kind. */
        for (size_t i = begin; i < end; i++) {
                if (program->insns[i].code == (BPF_LD | BPF_IMM | BPF_DW))
                        i++;
                else if (program->insns[i].code == (BPF_JMP | BPF_JA))
                        program->insns[i].off = (int16_t)(end - i - 1);
        }
}

/* For a rule of type 'a': twice the match and the answer; three kinds of access, and the few around. */
#define RULE_INSNS (2 * 6 * 3)
/* A jump reaches 32,767 instructions far (bpf_insn.off). */
#define RULES_MAX 2500

int device_program_make(const struct spec_device_rule *rules, size_t n_rules, struct arena *arena,
                        struct bpf_insn **ret_program, size_t *ret_n, struct error *err)
{
        struct program program = { 0 };
        struct spec_device_rule *rest;
        size_t first = 0, tail = n_rules, n = 0;
        bool is_default_allow = false;
        int r;

        if (n_rules > RULES_MAX)
                return error_set(err, E2BIG, "linux.resources.devices: %zu rules are more than %d", n_rules, RULES_MAX);
        for (size_t i = 0; i < n_rules; i++) {
                r = device_rule_check(&rules[i], i, err);
                if (r < 0)
                        return r;
                if (device_rule_is_everything(&rules[i])) {
                        first = i + 1;
                        is_default_allow = rules[i].is_allow;
                }
        }
        program.insns = arena_array(arena, n_rules * RULE_INSNS + 64, sizeof *program.insns);
        rest = arena_array(arena, n_rules + 1, sizeof *rest);
        if (program.insns == NULL || rest == NULL)
                return error_errno(err, ENOMEM, "linux.resources.devices");
        emit_keys(&program);
        /* The last ones mostly allow, and every access at once. Their order among themselves does not matter, so these
         * come first, and once instead of three times. */
        while (tail > first && rules[tail - 1].is_allow == rules[n_rules - 1].is_allow)
                tail--;
        for (size_t i = first; i < n_rules; i++)
                if (i < tail || rules[i].access != DEVICE_ACCESS_ALL)
                        rest[n++] = rules[i];
        if (tail < n_rules)
                emit_any(&program, rules + tail, n_rules - tail, rules[n_rules - 1].is_allow);
        if (n > 0) {
                for (unsigned access = 1; access <= 4; access *= 2)
                        emit_access(&program, rest, n, access, is_default_allow);
                emit_answer(&program, true);
        } else {
                emit_answer(&program, is_default_allow);
        }
        *ret_program = program.insns;
        *ret_n = program.n;
        return 0;
}

static int sys_bpf(int command, union bpf_attr *attr)
{
        return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

int device_program_load(const struct bpf_insn *program, size_t n, char *log, size_t log_size)
{
        union bpf_attr attr = { 0 };

        attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
        attr.expected_attach_type = BPF_CGROUP_DEVICE;
        attr.insns = (uint64_t)(uintptr_t)program;
        attr.insn_cnt = (uint32_t)n;
        attr.license = (uint64_t)(uintptr_t)"GPL";
        memcpy(attr.prog_name, PROGRAM_NAME, sizeof PROGRAM_NAME);
        if (log != NULL) {
                attr.log_buf = (uint64_t)(uintptr_t)log;
                attr.log_size = (uint32_t)log_size;
                attr.log_level = 1;
        }
        return sys_bpf(BPF_PROG_LOAD, &attr);
}

static int describe(int fd, struct bpf_prog_info *ret_info)
{
        union bpf_attr attr = { 0 };

        memset(ret_info, 0, sizeof *ret_info);
        attr.info.bpf_fd = (uint32_t)fd;
        attr.info.info_len = sizeof *ret_info;
        attr.info.info = (uint64_t)(uintptr_t)ret_info;
        return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

int device_program_is_attached(const struct cgroup_folder *at, int program_fd, unsigned *ret_n)
{
        auto_close int cgroup_fd = open(at->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct bpf_prog_info wanted, found;
        union bpf_attr attr = { 0 };
        uint32_t ids[64];

        attr.query.target_fd = (uint32_t)cgroup_fd;
        attr.query.attach_type = BPF_CGROUP_DEVICE;
        attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
        attr.query.prog_cnt = sizeof ids / sizeof ids[0];
        if (cgroup_fd < 0 || sys_bpf(BPF_PROG_QUERY, &attr) < 0)
                return -errno;
        *ret_n = attr.query.prog_cnt;
        if (program_fd >= 0 && describe(program_fd, &wanted) < 0)
                return -errno;
        for (unsigned i = 0; i < *ret_n && program_fd >= 0; i++) {
                union bpf_attr by_id = { .prog_id = ids[i] };
                auto_close int fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &by_id);

                if (fd >= 0 && describe(fd, &found) == 0 && memcmp(found.tag, wanted.tag, sizeof found.tag) == 0)
                        return 1;
        }
        return 0;
}

/* Attached programs all have to agree, so another's (systemd's DeviceAllow) stays: it can only tighten. Ours is
 * replaced in one step, unless another container shares the cgroup: then both hold. */
int device_program_attach(const struct cgroup_folder *at, int program_fd, struct error *err)
{
        auto_close int folder_fd = open(at->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        auto_close int old_fd = UNSET_FD;
        bool is_shared = cgroup_mark_read(at->fd) == CGROUP_MARK_SHARED;
        struct bpf_prog_info ours, other;
        union bpf_attr attr = { 0 };
        uint32_t ids[64];

        if (folder_fd < 0)
                return error_errno(err, errno, "open %s", at->path);
        attr.query.target_fd = (uint32_t)folder_fd;
        attr.query.attach_type = BPF_CGROUP_DEVICE;
        attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
        attr.query.prog_cnt = sizeof ids / sizeof *ids;
        if (sys_bpf(BPF_PROG_QUERY, &attr) < 0)
                return error_errno(err, errno, "linux.resources.devices: ask for the eBPF programs of %s", at->path);
        for (uint32_t i = 0, count = attr.query.prog_cnt; i < count; i++) {
                union bpf_attr by_id = { 0 };
                int fd;

                if (i == 0 && describe(program_fd, &ours) < 0)
                        return error_errno(err, errno, "linux.resources.devices: describe an eBPF program");
                by_id.prog_id = ids[i];
                fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &by_id);
                if (fd < 0)
                        continue;
                if (describe(fd, &other) < 0 || strncmp(other.name, PROGRAM_NAME, sizeof other.name) != 0) {
                        close(fd);
                        continue;
                }
                if (memcmp(other.tag, ours.tag, sizeof other.tag) == 0) {
                        close(fd);
                        return 0;
                }
                if (is_shared || old_fd >= 0)
                        close(fd);
                else
                        old_fd = fd;
        }
        attr = (union bpf_attr){ 0 };
        attr.target_fd = (uint32_t)folder_fd;
        attr.attach_bpf_fd = (uint32_t)program_fd;
        attr.attach_type = BPF_CGROUP_DEVICE;
        attr.attach_flags = BPF_F_ALLOW_MULTI;
        if (old_fd >= 0) {
                attr.attach_flags |= BPF_F_REPLACE;
                attr.replace_bpf_fd = (uint32_t)old_fd;
        }
        if (sys_bpf(BPF_PROG_ATTACH, &attr) < 0)
                return error_errno(err, errno, "linux.resources.devices: attach the eBPF program to %s", at->path);
        return 0;
}
