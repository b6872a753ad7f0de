/* The floor of the benchmark: only the kernel work that a hardened container cannot avoid, in a row, with nothing
 * checked, parsed, recorded or explained.
 *
 *   floor [--plain] [--seccomp FILE] ROOTFS CGROUP PROGRAM [ARG]...
 *
 * One clone3(2) into a new cgroup with all namespaces; the root file system id-mapped; /proc, /dev, /sys and a cgroup2
 * mount; masked and read-only paths; loopback up; the egress table; a device program; then the user namespace, its limits,
 * ids, a session keyring, capabilities, no_new_privs, the filter (FILE: a struct sock_filter array), exec. --plain leaves
 * out the user namespace, the id-mapping, the table, the device program and the filter.
 *
 * The table and the device program are the runtime's own (their bytes are what the kernel has to work on). */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cgroups_private.h"
#include "runtime/egress.h"

#define BASE 1879048192u

/* mount(2) is not in linux/mount.h, and sys/mount.h clashes with it in older libcs. */
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
int umount2(const char *target, int flags);
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

static void die(const char *what)
{
        dprintf(STDERR_FILENO, "floor: %s: %s\n", what, strerror(errno));
        _exit(125);
}

static void must(long result, const char *what)
{
        if (result < 0)
                die(what);
}

static void put(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        must(fd, path);
        must(write(fd, text, strlen(text)), path);
        close(fd);
}

/* A user namespace held by nobody but the fd. */
static int make_userns(void)
{
        struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
        char path[64], map[64];
        long pid = syscall(SYS_clone3, &args, sizeof(args));
        int fd;

        must(pid, "clone3 of the user namespace");
        if (pid == 0) {
                pause();
                _exit(0);
        }
        snprintf(map, sizeof(map), "0 %u 65536\n", BASE);
        snprintf(path, sizeof(path), "/proc/%ld/uid_map", pid);
        put(path, map);
        snprintf(path, sizeof(path), "/proc/%ld/gid_map", pid);
        put(path, map);
        snprintf(path, sizeof(path), "/proc/%ld/ns/user", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        must(fd, path);
        kill((pid_t)pid, SIGKILL);
        waitpid((pid_t)pid, NULL, 0);
        return fd;
}

static void lift_loopback(void)
{
        struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        must(fd, "socket");
        must(ioctl(fd, SIOCSIFFLAGS, &request), "lo");
        close(fd);
}

/* As every build has it: null, zero, full, random, urandom, tty, the pty multiplexer and ptys. */
static void guard_devices(const char *cgroup)
{
        static const struct spec_device_rule rules[] = {
                { false, 'a', -1, -1, 7 }, { true, 'c', 1, 3, 7 }, { true, 'c', 1, 5, 7 }, { true, 'c', 1, 7, 7 }, { true, 'c', 1, 8, 7 },
                { true, 'c', 1, 9, 7 }, { true, 'c', 5, 0, 7 }, { true, 'c', 5, 2, 7 }, { true, 'c', 136, -1, 7 },
        };
        struct arena arena = { 0 };
        struct bpf_insn *program;
        union bpf_attr attr;
        size_t n;
        int fd;

        if (device_program_make(rules, sizeof(rules) / sizeof(*rules), &arena, &program, &n, NULL) < 0)
                _exit(125);
        memset(&attr, 0, sizeof(attr));
        attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
        attr.insns = (uint64_t)(uintptr_t)program;
        attr.insn_cnt = (uint32_t)n;
        attr.license = (uint64_t)(uintptr_t)"GPL";
        fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
        must(fd, "bpf");
        memset(&attr, 0, sizeof(attr));
        attr.target_fd = (uint32_t)open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        attr.attach_bpf_fd = (uint32_t)fd;
        attr.attach_type = BPF_CGROUP_DEVICE;
        attr.attach_flags = BPF_F_ALLOW_MULTI;
        must(syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)), "bpf attach");
        close((int)attr.target_fd);
        close(fd);
}

static void make_device(const char *name, unsigned major, unsigned minor, uint32_t owner)
{
        char path[32];

        snprintf(path, sizeof(path), "dev/%s", name);
        must(mknod(path, S_IFCHR | 0666, makedev(major, minor)), path);
        must(chmod(path, 0666), path);
        must(chown(path, owner, owner), path);
}

static void mask(const char *path, int empty_fd, const char *null)
{
        struct stat st;

        if (stat(path, &st) < 0)
                return;
        if (S_ISDIR(st.st_mode)) {
                char from[32];

                snprintf(from, sizeof(from), "/proc/self/fd/%d", empty_fd);
                must(mount(from, path, NULL, 4096 /* MS_BIND */, NULL), path);
        } else {
                must(mount(null, path, NULL, 4096, NULL), path);
        }
}

static void read_only(const char *path)
{
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
        int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | 0x8000 /* AT_RECURSIVE */);

        if (fd < 0)
                return;
        must(syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | 0x8000, &attr, sizeof(attr)), path);
        must(syscall(SYS_move_mount, fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH), path);
        close(fd);
}

enum { NOSUID = 2, NODEV = 4, NOEXEC = 8, REC = 16384, PRIVATE = 1 << 18 };

static int build_root(int tree_fd, const char *rootfs, uint32_t owner)
{
        static const char *const masked[] = { "proc/acpi", "proc/keys", "proc/timer_list", "proc/interrupts", "sys/firmware",
                                             "sys/dev/block" };
        static const char *const locked[] = { "proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger" };
        char options[64];
        int empty_fd, sysctl_fd;

        must(mount(NULL, "/", NULL, REC | PRIVATE, NULL), "private");
        must(syscall(SYS_move_mount, tree_fd, "", AT_FDCWD, rootfs, MOVE_MOUNT_F_EMPTY_PATH), "move_mount");
        must(chdir(rootfs), rootfs);
        must(mount("proc", "proc", "proc", NOSUID | NODEV | NOEXEC, NULL), "proc");
        sysctl_fd = open("proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
        must(sysctl_fd, "proc/sys");
        put("proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
        snprintf(options, sizeof(options), "mode=755,size=65536k,uid=%u,gid=%u", owner, owner);
        must(mount("tmpfs", "dev", "tmpfs", NOSUID, options), "dev");
        must(mkdir("dev/pts", 0755), "dev/pts");
        must(mkdir("dev/shm", 0755), "dev/shm");
        must(mkdir("dev/mqueue", 0755), "dev/mqueue");
        snprintf(options, sizeof(options), "newinstance,ptmxmode=0666,mode=0620,gid=%u", owner + 5);
        must(mount("devpts", "dev/pts", "devpts", NOSUID | NOEXEC, options), "devpts");
        must(mount("shm", "dev/shm", "tmpfs", NOSUID | NOEXEC | NODEV, "mode=1777,size=65536k"), "shm");
        must(mount("mqueue", "dev/mqueue", "mqueue", NOSUID | NOEXEC | NODEV, NULL), "mqueue");
        make_device("null", 1, 3, owner);
        make_device("zero", 1, 5, owner);
        make_device("full", 1, 7, owner);
        make_device("random", 1, 8, owner);
        make_device("urandom", 1, 9, owner);
        make_device("tty", 5, 0, owner);
        must(symlink("pts/ptmx", "dev/ptmx"), "ptmx");
        must(symlink("/proc/self/fd", "dev/fd"), "fd");
        must(symlink("/proc/self/fd/0", "dev/stdin"), "stdin");
        must(symlink("/proc/self/fd/1", "dev/stdout"), "stdout");
        must(symlink("/proc/self/fd/2", "dev/stderr"), "stderr");
        must(mount("sysfs", "sys", "sysfs", NOSUID | NODEV | NOEXEC | 1, NULL), "sysfs");
        must(mount("cgroup2", "sys/fs/cgroup", "cgroup2", NOSUID | NODEV | NOEXEC | 1, NULL), "cgroup2");
        empty_fd = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
        must(empty_fd, "fsopen");
        must(syscall(SYS_fsconfig, empty_fd, FSCONFIG_SET_STRING, "nr_inodes", "1", 0), "nr_inodes");
        must(syscall(SYS_fsconfig, empty_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "fsconfig");
        empty_fd = (int)syscall(SYS_fsmount, empty_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
        must(empty_fd, "fsmount");
        for (size_t i = 0; i < sizeof(locked) / sizeof(*locked); i++)
                read_only(locked[i]);
        for (size_t i = 0; i < sizeof(masked) / sizeof(*masked); i++) {
                struct stat st;
                int clone_fd;

                if (stat(masked[i], &st) < 0)
                        continue;
                if (!S_ISDIR(st.st_mode)) {
                        mask(masked[i], -1, "dev/null");
                        continue;
                }
                clone_fd = (int)syscall(SYS_open_tree, empty_fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
                must(clone_fd, "open_tree of the empty folder");
                must(syscall(SYS_move_mount, clone_fd, "", AT_FDCWD, masked[i], MOVE_MOUNT_F_EMPTY_PATH), masked[i]);
                close(clone_fd);
        }
        close(empty_fd);
        must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
        must(umount2(".", 2 /* MNT_DETACH */), "umount");
        must(chdir("/"), "/");
        return sysctl_fd;
}

static void put_at(int folder_fd, const char *path, const char *text)
{
        int fd = openat(folder_fd, path, O_WRONLY | O_CLOEXEC);

        must(fd, path);
        must(write(fd, text, strlen(text)), path);
        close(fd);
}

static void give_up(int userns_fd, int sysctl_fd, const struct sock_fprog *filter)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        uint32_t kept = 0x400005fb;     /* chown ... setpcap, net_bind_service, sys_chroot, setfcap as in the bundle */
        struct __user_cap_data_struct data[2] = { { kept & 0x7fffffff, kept & 0x7fffffff, 0 }, { 0, 0, 0 } };

        if (userns_fd >= 0) {
                must(setns(userns_fd, CLONE_NEWUSER), "setns");
                put_at(sysctl_fd, "user/max_user_namespaces", "0");
                put_at(sysctl_fd, "user/max_inotify_instances", "128");
                must(syscall(SYS_setgroups, 0, NULL), "setgroups");
                must(syscall(SYS_setresgid, 0, 0, 0), "setresgid");
                must(syscall(SYS_setresuid, 0, 0, 0), "setresuid");
        }
        must(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL), "keyctl");
        for (int cap = 0; cap <= 40; cap++)
                if (cap > 31 || !(kept & (1u << cap)))
                        prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
        must(syscall(SYS_capset, &header, data), "capset");
        must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
        if (filter->len > 0)
                must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter), "seccomp");
}

int main(int argc, char **argv)
{
        static struct sock_filter code[4096];
        struct sock_fprog filter = { .filter = code };
        struct clone_args args = {
                .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
                         CLONE_INTO_CGROUP,
                .exit_signal = SIGCHLD,
        };
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_NODEV };
        int userns_fd = -1, tree_fd, sysctl_fd, status, at = 1;
        struct egress_batch egress = { 0 };
        uint32_t owner = BASE;
        long pid;

        for (; at < argc && argv[at][0] == '-'; at++) {
                if (!strcmp(argv[at], "--plain")) {
                        owner = 0;
                } else if (!strcmp(argv[at], "--seccomp") && at + 1 < argc) {
                        int fd = open(argv[++at], O_RDONLY | O_CLOEXEC);
                        ssize_t n = fd < 0 ? -1 : read(fd, code, sizeof(code));

                        must(n, argv[at]);
                        filter.len = (unsigned short)((size_t)n / sizeof(*code));
                        close(fd);
                }
        }
        if (argc - at < 3) {
                dprintf(STDERR_FILENO, "floor [--plain] [--seccomp FILE] ROOTFS CGROUP PROGRAM [ARG]...\n");
                return 125;
        }
        must(mkdir(argv[at + 1], 0755), argv[at + 1]);
        args.cgroup = (uint64_t)open(argv[at + 1], O_PATH | O_CLOEXEC);
        tree_fd = (int)syscall(SYS_open_tree, AT_FDCWD, argv[at], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        must(tree_fd, argv[at]);
        if (owner != 0) {
                userns_fd = make_userns();
                guard_devices(argv[at + 1]);
                if (egress_prepare(&(const struct sandbox_egress){ .profile = "floor" }, &egress, NULL) < 0)
                        return 125;
                attr.attr_set |= MOUNT_ATTR_IDMAP;
                attr.userns_fd = (uint64_t)userns_fd;
        }
        must(syscall(SYS_mount_setattr, tree_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)), "mount_setattr");
        pid = syscall(SYS_clone3, &args, sizeof(args));
        must(pid, "clone3");
        if (pid == 0) {
                sysctl_fd = build_root(tree_fd, argv[at], owner);
                sethostname("floor", 5);
                lift_loopback();
                if (owner != 0)
                        must(egress_child_install(&egress, NULL), "egress");
                setsid();
                give_up(userns_fd, sysctl_fd, &filter);
                execv(argv[at + 2], argv + at + 2);
                die(argv[at + 2]);
        }
        must(waitpid((pid_t)pid, &status, 0), "waitpid");
        rmdir(argv[at + 1]);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
