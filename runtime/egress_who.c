/* Who tried: four eBPF programs of the container's cgroup that look at connect(2) and at sends to an address, and keep the
 * destination with the name of the process (comm) in a map. They let everything pass: what refuses is the table. A build can
 * call its processes as it likes, and fill the map; it tells what an honest build did, and is no evidence.
 *
 * The map lives as long as the programs are attached, that is as long as the cgroup, and is found by their name. systemd removes
 * a scope with its last process, before delete: so where a bpffs is mounted, the map is pinned there until delete, by a name
 * that follows from the container's.
 *
 * Without a cgroup of version 2, without the right to attach (bpf(2) asks for CAP_BPF and CAP_NET_ADMIN of the host) or
 * without the helper (cgroup programs may ask for the name from Linux 6.1 on, other programs could before) destinations are
 * told without names. */
#include "runtime/egress_who.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/log.h"

#define NAME "runb_egress"
#define MOST_ENTRIES 4096
#define COMM_SIZE 16
#define MOST_NAMES 16           /* of one destination */

struct key {
        uint8_t address[16];    /* of IPv4 the first four bytes */
        uint16_t port;          /* network order */
        uint8_t protocol, is_v6;
        char comm[COMM_SIZE];
};
static_assert(sizeof(struct key) == 36, "no padding: every byte is compared");

static const uint32_t hooks[] = {
        BPF_CGROUP_INET4_CONNECT, BPF_CGROUP_UDP4_SENDMSG, BPF_CGROUP_INET6_CONNECT, BPF_CGROUP_UDP6_SENDMSG,
};
#define N_HOOKS (sizeof hooks / sizeof *hooks)

static bool is_v6_hook(size_t i)
{
        return i >= 2;
}

static int sys_bpf(int command, union bpf_attr *attr)
{
        return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

/* ---- where it is pinned ---- */

#define BPFFS "/sys/fs/bpf"
#define PIN_SIZE 64

static void pin_name(const struct state_dir *dir, char path[PIN_SIZE])
{
        const char *const parts[] = { dir->root, dir->id };
        uint64_t hash = UINT64_C(14695981039346656037);         /* FNV-1a */

        for (size_t i = 0; i < 2; i++) {
                for (const char *at = parts[i]; *at != '\0'; at++)
                        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
                hash = (hash ^ '/') * UINT64_C(1099511628211);
        }
        snprintf(path, PIN_SIZE, BPFFS "/runb-%016" PRIx64, hash);
}

static void pin(const struct state_dir *dir, int map_fd)
{
        union bpf_attr attr = { 0 };
        char path[PIN_SIZE];
        struct statfs fs;

        if (statfs(BPFFS, &fs) < 0 || fs.f_type != BPF_FS_MAGIC)
                return;
        pin_name(dir, path);
        /* One that lost its folder to rm -rf. */
        unlink(path);
        attr.pathname = (uint64_t)(uintptr_t)path;
        attr.bpf_fd = (uint32_t)map_fd;
        if (sys_bpf(BPF_OBJ_PIN, &attr) < 0)
                log_debug("egress: pin the names of processes to %s: %s", path, error_text(errno));
}

void egress_who_undo(const struct state_dir *dir)
{
        char path[PIN_SIZE];

        pin_name(dir, path);
        unlink(path);
}

/* ---- the program ---- */

struct program {
        struct bpf_insn insns[64];
        size_t n;
};

static void emit(struct program *program, uint8_t code, uint8_t into, uint8_t from, int16_t offset, int32_t value)
{
        program->insns[program->n++] = (struct bpf_insn){ .code = code, .dst_reg = into, .src_reg = from, .off = offset,
                                                          .imm = value };
}

static void emit_call(struct program *program, int32_t helper)
{
        emit(program, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

/* Map and key, as the helpers of maps take them. */
static void emit_map_key(struct program *program, int map_fd, int16_t key)
{
        emit(program, BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map_fd);
        emit(program, 0, 0, 0, 0, 0);
        emit(program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0);
        emit(program, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, key);
}

/* Puts (destination, name) into the map; always 1, "go on". What is there already stays (EEXIST). Not a call more: the kernel looks at
 * four of these programs at every start of a container, and at each call longer than at ten other instructions. */
static void make_program(struct program *program, bool is_v6, int map_fd)
{
        const int16_t key = -40, one = -48;
        const size_t address = is_v6 ? offsetof(struct bpf_sock_addr, user_ip6) : offsetof(struct bpf_sock_addr, user_ip4);

        program->n = 0;
        emit(program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0);
        for (int16_t i = 0; i < 4; i++) {
                if (is_v6 || i == 0)
                        emit(program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_0, BPF_REG_6, (int16_t)(address + 4 * (size_t)i), 0);
                else
                        emit(program, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
                emit(program, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, BPF_REG_0, (int16_t)(key + 4 * i), 0);
        }
        emit(program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_0, BPF_REG_6, offsetof(struct bpf_sock_addr, user_port), 0);
        emit(program, BPF_STX | BPF_MEM | BPF_H, BPF_REG_10, BPF_REG_0, key + (int16_t)offsetof(struct key, port), 0);
        emit(program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_0, BPF_REG_6, offsetof(struct bpf_sock_addr, protocol), 0);
        emit(program, BPF_STX | BPF_MEM | BPF_B, BPF_REG_10, BPF_REG_0, key + (int16_t)offsetof(struct key, protocol), 0);
        emit(program, BPF_ST | BPF_MEM | BPF_B, BPF_REG_10, 0, key + (int16_t)offsetof(struct key, is_v6), is_v6);
        emit(program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_10, 0, 0);
        emit(program, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, key + (int16_t)offsetof(struct key, comm));
        emit(program, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, COMM_SIZE);
        emit_call(program, BPF_FUNC_get_current_comm);
        emit(program, BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, one, 1);
        emit_map_key(program, map_fd, key);
        emit(program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_10, 0, 0);
        emit(program, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_3, 0, 0, one);
        emit(program, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_4, 0, 0, BPF_NOEXIST);
        emit_call(program, BPF_FUNC_map_update_elem);
        emit(program, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1);
        emit(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int make_map(void)
{
        union bpf_attr attr = { 0 };

        attr.map_type = BPF_MAP_TYPE_HASH;
        attr.key_size = sizeof(struct key);
        attr.value_size = sizeof(uint64_t);     /* a map must have one */
        attr.max_entries = MOST_ENTRIES;
        attr.map_flags = BPF_F_NO_PREALLOC;     /* most builds go to a few places */
        memcpy(attr.map_name, NAME, sizeof NAME);
        return sys_bpf(BPF_MAP_CREATE, &attr);
}

static int load(size_t hook, int map_fd)
{
        struct program program;
        union bpf_attr attr = { 0 };

        make_program(&program, is_v6_hook(hook), map_fd);
        attr.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
        attr.expected_attach_type = hooks[hook];
        attr.insns = (uint64_t)(uintptr_t)program.insns;
        attr.insn_cnt = (uint32_t)program.n;
        attr.license = (uint64_t)(uintptr_t)"GPL";
        memcpy(attr.prog_name, NAME, sizeof NAME);
        return sys_bpf(BPF_PROG_LOAD, &attr);
}

/* ---- the cgroup ---- */

/* The folder of version 2 among them, perhaps beside those of version 1. */
static int open_cgroup(const char *const *cgroups, size_t n_cgroups)
{
        struct statfs fs;

        for (size_t i = 0; i < n_cgroups; i++) {
                auto_close int fd = open(cgroups[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

                if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
                        return take_fd(&fd);
        }
        return UNSET_FD;
}

static int attach(int cgroup_fd, size_t hook, int map_fd)
{
        auto_close int program_fd = load(hook, map_fd);
        union bpf_attr attr = { 0 };

        if (program_fd < 0)
                return -errno;
        attr.target_fd = (uint32_t)cgroup_fd;
        attr.attach_bpf_fd = (uint32_t)program_fd;
        attr.attach_type = hooks[hook];
        attr.attach_flags = BPF_F_ALLOW_MULTI;
        return sys_bpf(BPF_PROG_ATTACH, &attr) < 0 ? -errno : 0;
}

void egress_who_attach(const struct state_dir *dir, const char *const *cgroups, size_t n_cgroups)
{
        auto_close int cgroup_fd = open_cgroup(cgroups, n_cgroups), map_fd = UNSET_FD;
        int r = 0;

        if (cgroup_fd < 0)
                return;
        map_fd = make_map();
        if (map_fd < 0)
                r = -errno;
        for (size_t i = 0; i < N_HOOKS && r == 0; i++)
                r = attach(cgroup_fd, i, map_fd);
        if (r == 0)
                pin(dir, map_fd);
        else
                log_debug("egress: destinations are told without the names of processes: %s", error_text(r));
}

/* ---- reading ---- */

static int map_of(uint32_t program_id)
{
        union bpf_attr attr = { 0 };
        struct bpf_prog_info info = { 0 };
        uint32_t map_ids[4] = { 0 };
        auto_close int fd = UNSET_FD;

        attr.prog_id = program_id;
        fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr);
        if (fd < 0)
                return -1;
        info.nr_map_ids = sizeof map_ids / sizeof *map_ids;
        info.map_ids = (uint64_t)(uintptr_t)map_ids;
        attr = (union bpf_attr){ 0 };
        attr.info.bpf_fd = (uint32_t)fd;
        attr.info.info_len = sizeof info;
        attr.info.info = (uint64_t)(uintptr_t)&info;
        if (sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0 || strncmp(info.name, NAME, sizeof info.name) != 0 || info.nr_map_ids != 1)
                return -1;
        attr = (union bpf_attr){ 0 };
        attr.map_id = map_ids[0];
        return sys_bpf(BPF_MAP_GET_FD_BY_ID, &attr);
}

static int open_attached(const struct state *state)
{
        auto_close int cgroup_fd = open_cgroup(state->cgroups, state->n_cgroups);
        union bpf_attr attr = { 0 };
        uint32_t ids[64];

        if (cgroup_fd < 0)
                return UNSET_FD;
        attr.query.target_fd = (uint32_t)cgroup_fd;
        attr.query.attach_type = hooks[0];
        attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
        attr.query.prog_cnt = sizeof ids / sizeof *ids;
        if (sys_bpf(BPF_PROG_QUERY, &attr) < 0)
                return UNSET_FD;
        for (uint32_t i = 0; i < attr.query.prog_cnt; i++) {
                int fd = map_of(ids[i]);

                if (fd >= 0)
                        return fd;
        }
        return UNSET_FD;
}

static int open_pinned(const struct state_dir *dir)
{
        union bpf_attr attr = { 0 };
        char path[PIN_SIZE];

        pin_name(dir, path);
        attr.pathname = (uint64_t)(uintptr_t)path;
        return sys_bpf(BPF_OBJ_GET, &attr);
}

int egress_who_open(const struct state_dir *dir, const struct state *state)
{
        int pinned_fd = open_pinned(dir);

        return pinned_fd >= 0 ? pinned_fd : open_attached(state);
}

/* Goes on with the next one; false at the end. @key: the last one, @is_first: none yet. */
static bool next_key(int fd, struct key *key, bool is_first)
{
        union bpf_attr attr = { 0 };
        struct key next;

        attr.map_fd = (uint32_t)fd;
        attr.key = is_first ? 0 : (uint64_t)(uintptr_t)key;
        attr.next_key = (uint64_t)(uintptr_t)&next;
        if (sys_bpf(BPF_MAP_GET_NEXT_KEY, &attr) < 0)
                return false;
        *key = next;
        return true;
}

/* ::ffff:a.b.c.d of a socket for both is IPv4 on the wire. */
static void unmap(struct key *key)
{
        static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

        if (!key->is_v6 || memcmp(key->address, mapped, sizeof mapped) != 0)
                return;
        memmove(key->address, key->address + sizeof mapped, 4);
        memset(key->address + 4, 0, 12);
        key->is_v6 = false;
}

/* By what an attempt and a key have in common; the name last. */
static int compare_keys(const void *a, const void *b)
{
        return memcmp(a, b, sizeof(struct key));
}

static int read_keys(int fd, struct arena *arena, struct key **ret_keys, size_t *ret_n)
{
        struct key *keys = arena_array(arena, MOST_ENTRIES, sizeof *keys);
        struct key key;
        size_t n = 0;

        if (keys == NULL)
                return -ENOMEM;
        for (bool is_first = true; n < MOST_ENTRIES && next_key(fd, &key, is_first); is_first = false) {
                keys[n] = key;
                if (keys[n].protocol != IPPROTO_TCP && keys[n].protocol != IPPROTO_UDP)
                        keys[n].port = 0;
                keys[n].comm[COMM_SIZE - 1] = '\0';
                unmap(&keys[n++]);
        }
        if (n > 0)
                qsort(keys, n, sizeof *keys, compare_keys);
        *ret_keys = keys;
        *ret_n = n;
        return 0;
}

/* The first key that is not before @wanted. */
static size_t find(const struct key *keys, size_t n, const struct key *wanted)
{
        size_t low = 0, high = n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare_keys(&keys[middle], wanted) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

int egress_who_tell(int fd, struct arena *arena, struct egress_attempt *attempts, size_t n)
{
        struct key *keys;
        size_t n_keys;
        int r;

        if (fd < 0 || n == 0)
                return 0;
        r = read_keys(fd, arena, &keys, &n_keys);
        for (size_t i = 0; i < n && r == 0; i++) {
                struct key wanted = { .port = htons(attempts[i].port), .protocol = attempts[i].protocol,
                                      .is_v6 = attempts[i].is_v6 };
                const char **names = NULL;

                memcpy(wanted.address, attempts[i].address, sizeof wanted.address);
                for (size_t at = find(keys, n_keys, &wanted); at < n_keys && attempts[i].n_processes < MOST_NAMES &&
                     memcmp(&keys[at], &wanted, offsetof(struct key, comm)) == 0; at++) {
                        if (names == NULL)
                                names = arena_array(arena, MOST_NAMES, sizeof *names);
                        if (names == NULL)
                                return -ENOMEM;
                        if (attempts[i].n_processes > 0 && strcmp(names[attempts[i].n_processes - 1], keys[at].comm) == 0)
                                continue;
                        names[attempts[i].n_processes++] = keys[at].comm;
                }
                attempts[i].processes = names;
        }
        return r;
}
