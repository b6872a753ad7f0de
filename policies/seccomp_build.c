/* The filters of the profiles: `build`, and the two that are wider. Withstands: reaching the kernel by the system calls that its holes were found in and that no build
 * needs (bpf, io_uring, keys, userfaultfd, perf, new namespaces, mounts, odd socket families), by a second entrance
 * (other ABIs, clone3 with its flags behind a pointer), and by pushing input into a terminal. Numbers of one ABI only:
 * names that it does not have are skipped. */
#include "policies/seccomp_build.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef IPPROTO_SMC
#define IPPROTO_SMC 256
#endif
#define TIOCLINUX_ 0x541C       /* ioctl_console(2); <linux/tiocl.h> has only the sub-commands */

#define ALLOW POLICY_SECCOMP_ALLOW
#define ALL_BITS 0xffffffffu
#define IS(arg_, value_) { .arg = (arg_), .op = POLICY_SECCOMP_IS, .mask = ALL_BITS, .value = (value_) }
#define HAS_NONE(arg_, bits) { .arg = (arg_), .op = POLICY_SECCOMP_IS, .mask = (bits), .value = 0 }
#define HAS_ANY(arg_, bits) { .arg = (arg_), .op = POLICY_SECCOMP_IS_NOT, .mask = (bits), .value = 0 }
#define IS_NULL(arg_) { .arg = (arg_), .op = POLICY_SECCOMP_IS_NULL }
#define IS_NOT_NULL(arg_) { .arg = (arg_), .op = POLICY_SECCOMP_IS_NOT_NULL }

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define CHECKS(array) .checks = (array), .n_checks = N(array)

static const char *const allowed[] = {
        /* files */
        "access", "chdir", "chmod", "chown", "chroot", "close", "close_range", "copy_file_range", "creat", "dup", "dup2",
        "dup3", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2",
        "fchown", "fchownat", "fcntl", "fdatasync", "fgetxattr", "file_getattr", "file_setattr", "flistxattr", "flock",
        "fremovexattr", "fsetxattr", "fstat", "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd", "getdents",
        "getdents64", "getxattr", "getxattrat", "inotify_add_watch", "inotify_init", "inotify_init1",
        "inotify_rm_watch", "lchown", "lgetxattr", "link", "linkat", "listxattr", "listxattrat", "llistxattr",
        "lremovexattr", "lseek", "lsetxattr", "lstat", "mkdir", "mkdirat", "mknod", "mknodat", "name_to_handle_at",
        "newfstatat", "open", "openat", "openat2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2",
        "read", "readahead", "readlink", "readlinkat", "readv", "removexattr", "removexattrat", "rename", "renameat",
        "renameat2", "rmdir", "sendfile", "setxattr", "setxattrat", "splice", "stat", "statfs", "statx", "symlink",
        "symlinkat", "sync", "sync_file_range", "syncfs", "tee", "truncate", "umask", "unlink", "unlinkat", "utime",
        "utimensat", "utimes", "vmsplice", "write", "writev",
        /* waiting */
        "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2",
        "pause", "pipe", "pipe2", "poll", "ppoll", "pselect6", "select", "signalfd", "signalfd4", "timerfd_create", "timerfd_gettime",
        "timerfd_settime",
        /* memory */
        "brk", "cachestat", "madvise", "map_shadow_stack", "membarrier", "memfd_create", "memfd_secret", "mincore",
        "mlock", "mlock2", "mlockall", "mmap", "mprotect", "mremap", "mseal", "msync", "munlock", "munlockall", "munmap",
        "pkey_alloc", "pkey_free", "pkey_mprotect", "process_mrelease", "remap_file_pages",
        /* processes, signals, threads */
        "alarm", "arch_prctl", "capget", "capset", "execve", "execveat", "exit", "exit_group", "fork", "futex",
        "futex_requeue", "futex_wait", "futex_waitv", "futex_wake", "get_robust_list", "getcpu", "getegid", "geteuid",
        "getgid", "getgroups", "getitimer", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getresgid",
        "getresuid", "getrlimit", "getrusage", "getsid", "gettid", "getuid", "ioprio_get", "ioprio_set", "kill",
        "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "pidfd_open", "pidfd_send_signal",
        "prctl", "restart_syscall", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo",
        "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo", "sched_get_priority_max",
        "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler",
        "sched_rr_get_interval", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler",
        "sched_yield", "seccomp", "set_robust_list", "set_tid_address", "setfsgid", "setfsuid", "setgid", "setgroups",
        "setitimer", "setpgid", "setpriority", "setregid", "setresgid", "setresuid", "setreuid", "setsid", "setuid",
        "sigaltstack", "tgkill", "tkill", "uretprobe", "vfork", "wait4", "waitid",
        /* System V and POSIX queues, semaphores and shared memory: of the build's own ipc namespace */
        "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink", "msgctl", "msgget",
        "msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop", "shmat", "shmctl", "shmdt", "shmget",
        /* sockets, once there is one */
        "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recvfrom",
        "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
        /* the clock, read */
        "clock_getres", "clock_gettime", "clock_nanosleep", "gettimeofday", "nanosleep", "time", "timer_create",
        "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime", "times",
        /* the rest */
        "getrandom", "sysinfo", "uname",
};

/* Each of these has callers that take EPERM for an answer. Most need a capability over the initial user namespace
 * anyway; then this is the second lock. */
static const char *const refused[] = {
        /* mounts, by the old calls and by the new */
        "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount", "open_tree", "open_tree_attr",
        "pivot_root", "umount2", "open_by_handle_at", "quotactl", "quotactl_fd", "fanotify_init", "fanotify_mark",
        /* where the kernel's holes are found */
        "add_key", "keyctl", "request_key", "bpf", "perf_event_open", "userfaultfd", "io_uring_enter",
        "io_uring_register", "io_uring_setup",
        /* other processes' memory and files; ptrace has a rule */
        "kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev",
        /* the machine */
        "acct", "adjtimex", "clock_adjtime", "clock_settime", "delete_module", "finit_module", "init_module", "ioperm",
        "iopl", "kexec_file_load", "kexec_load", "reboot", "setdomainname", "sethostname", "settimeofday", "swapoff",
        "swapon", "syslog", "vhangup",
};

static bool without_user_namespaces(const struct policy_seccomp_choice *choice)
{
        return !choice->user_namespaces;
}

static bool with_user_namespaces(const struct policy_seccomp_choice *choice)
{
        return choice->user_namespaces;
}

static bool without_setuid_files(const struct policy_seccomp_choice *choice)
{
        return !choice->setuid_files;
}

static bool with_tcp_ports(const struct policy_seccomp_choice *choice)
{
        return choice->tcp_ports;
}

/* AF_INET is 2 and AF_INET6 is 10: one bit apart. */
#define IS_INET(arg_) { .arg = (arg_), .op = POLICY_SECCOMP_IS, .mask = ~(uint32_t)(AF_INET ^ AF_INET6), .value = AF_INET }
static_assert((AF_INET & ~(AF_INET ^ AF_INET6)) == AF_INET && (AF_INET ^ AF_INET6) == 8, "one bit apart");

/* EAFNOSUPPORT is what a kernel without the family says; EPERM on an audit socket aborts useradd. AF_VSOCK reaches the
 * hypervisor from any network namespace. Protocols: SCTP, DCCP and L2TP are modules that socket(2) loads, with a history. */
#define SOCKET_TYPE 0xf /* SOCK_TYPE_MASK of <linux/net.h>; above are SOCK_CLOEXEC and SOCK_NONBLOCK */
/* An AF_INET socket of this type is a packet socket: packet(7), and __sock_create() in net/socket.c. */
#define IS_OLD_PACKET(arg_) { .arg = (arg_), .op = POLICY_SECCOMP_IS, .mask = SOCKET_TYPE, .value = SOCK_PACKET }

/* Multipath TCP, which Go listens with since 1.24, and SMC carry TCP past Landlock's rules for ports, which ask of TCP
 * sockets alone (hook_socket_connect() of security/landlock/net.c); both fall back to TCP when there is no such protocol. */
#define NO_TCP_BY_ANOTHER_NAME                                                                                         \
        { 2, { IS_INET(0), IS(2, IPPROTO_MPTCP) }, EPROTONOSUPPORT },                                                  \
        { 2, { IS_INET(0), IS(2, IPPROTO_SMC) }, EPROTONOSUPPORT }

#define BUILD_SOCKETS                                                                                                  \
        { 1, { IS(0, AF_UNIX) }, ALLOW },                                                                              \
        { 1, { IS_OLD_PACKET(1) }, EAFNOSUPPORT },                                                                     \
        { 2, { IS_INET(0), IS(2, 0) }, ALLOW },                                                                        \
        { 2, { IS_INET(0), IS(2, IPPROTO_TCP) }, ALLOW },                                                              \
        { 2, { IS_INET(0), IS(2, IPPROTO_UDP) }, ALLOW },                                                              \
        { 2, { IS_INET(0), IS(2, IPPROTO_ICMP) }, ALLOW },                                                             \
        { 2, { IS_INET(0), IS(2, IPPROTO_ICMPV6) }, ALLOW },                                                           \
        { 2, { IS_INET(0), IS(2, IPPROTO_MPTCP) }, ALLOW },                                                            \
        { 1, { IS_INET(0) }, EPROTONOSUPPORT },                                                                        \
        { 2, { IS(0, AF_NETLINK), IS(2, NETLINK_ROUTE) }, ALLOW }

static const struct policy_seccomp_check socket_checks[] = { BUILD_SOCKETS };
static const struct policy_seccomp_check tcp_socket_checks[] = { NO_TCP_BY_ANOTHER_NAME, BUILD_SOCKETS };

/* A first packet with data connects without connect(2), tcp(7) TCP_FASTOPEN, and Landlock is not asked (seen on Linux 6.18).
 * What the kernel says where this is switched off (tcp_sendmsg_fastopen()). */
static const struct policy_seccomp_check send_flags_2_checks[] = {
        { 1, { HAS_ANY(2, MSG_FASTOPEN) }, EOPNOTSUPP },
};

static const struct policy_seccomp_check send_flags_3_checks[] = {
        { 1, { HAS_ANY(3, MSG_FASTOPEN) }, EOPNOTSUPP },
};

static const struct policy_seccomp_check socketpair_checks[] = {
        { 1, { IS(0, AF_UNIX) }, ALLOW },
};

/* clone(2): the lowest byte is the signal to send, so CLONE_NEWTIME cannot be asked for here. */
#define CLONE_SPACES (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static const struct policy_seccomp_check clone_checks[] = {
        { 1, { HAS_NONE(0, CLONE_SPACES) }, ALLOW },
};

static const struct policy_seccomp_check clone_user_checks[] = {
        { 1, { HAS_NONE(0, CLONE_SPACES & ~CLONE_NEWUSER) }, ALLOW },
};

static const struct policy_seccomp_check unshare_checks[] = {
        { 1, { HAS_NONE(0, CLONE_SPACES | CLONE_NEWTIME) }, ALLOW },
};

static const struct policy_seccomp_check unshare_user_checks[] = {
        { 1, { HAS_NONE(0, (CLONE_SPACES | CLONE_NEWTIME) & ~CLONE_NEWUSER) }, ALLOW },
};

static const struct policy_seccomp_check setns_user_checks[] = {
        { 1, { IS(1, CLONE_NEWUSER) }, ALLOW },
};

/* TIOCSTI types into the terminal, TIOCLINUX pastes into a console (ioctl_console(2)); TIOCSETD loads line
 * disciplines, n_hdlc and n_gsm among them (CVE-2017-2636, CVE-2023-6546). */
static const struct policy_seccomp_check ioctl_checks[] = {
        { 1, { IS(1, TIOCSTI) }, EPERM },
        { 1, { IS(1, TIOCLINUX_) }, EPERM },
        { 1, { IS(1, TIOCSETD) }, EPERM },
};

/* Debuggers start what they trace (PTRACE_TRACEME; strace falls back to it); a process that runs already is another's.
 * LeakSanitizer attaches to its own threads, which cannot be told apart here: it needs ASAN_OPTIONS=detect_leaks=0. */
static const struct policy_seccomp_check ptrace_checks[] = {
        { 1, { IS(0, PTRACE_ATTACH) }, EPERM },
        { 1, { IS(0, PTRACE_SEIZE) }, EPERM },
};

/* personality(2): Linux, 32-bit uname, their two with UNAME26, no address randomisation (gdb, ThreadSanitizer), and the
 * question. What else there is changes the layout of memory, and each was a help for exploits. */
static const struct policy_seccomp_check personality_checks[] = {
        { 1, { IS(0, PER_LINUX) }, ALLOW },
        { 1, { IS(0, PER_LINUX32) }, ALLOW },
        { 1, { IS(0, UNAME26) }, ALLOW },
        { 1, { IS(0, UNAME26 | PER_LINUX32) }, ALLOW },
        { 1, { IS(0, ADDR_NO_RANDOMIZE) }, ALLOW },
        { 1, { IS(0, ADDR_NO_RANDOMIZE | PER_LINUX32) }, ALLOW },
        { 1, { IS(0, ALL_BITS) }, ALLOW },
};

/* core(5): with a piped core_pattern the host's helper runs as root for a limit of 0 as for any other, and only a limit
 * of 1 keeps it from starting. So the limit that the build was given stays. `ulimit -c 0` is in many scripts: it is told
 * that it worked. Asking for the old limit in the same call cannot be answered, and fails. */
static const struct policy_seccomp_check setrlimit_checks[] = {
        { 1, { IS(0, RLIMIT_CORE) }, 0 },
};

static const struct policy_seccomp_check prlimit_checks[] = {
        { 3, { IS(1, RLIMIT_CORE), IS_NOT_NULL(2), IS_NULL(3) }, 0 },
        { 2, { IS(1, RLIMIT_CORE), IS_NOT_NULL(2) }, EPERM },
};

/* Files that run as their owner: the mode is argument 1 or 2. (mkdir(2) drops these bits by itself.) */
#define SET_IDS (S_ISUID | S_ISGID)

static const struct policy_seccomp_check mode_1_checks[] = {
        { 1, { HAS_ANY(1, SET_IDS) }, EPERM },
};

static const struct policy_seccomp_check mode_2_checks[] = {
        { 1, { HAS_ANY(2, SET_IDS) }, EPERM },
};

/* open(2): the mode is read only where a file may be made; without these flags the register holds anything. The bit that
 * O_TMPFILE adds to O_DIRECTORY. */
#define MAKES_A_FILE (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))

static const struct policy_seccomp_check open_checks[] = {
        { 2, { HAS_ANY(1, MAKES_A_FILE), HAS_ANY(2, SET_IDS) }, EPERM },
};

static const struct policy_seccomp_check openat_checks[] = {
        { 2, { HAS_ANY(2, MAKES_A_FILE), HAS_ANY(3, SET_IDS) }, EPERM },
};

static const struct policy_seccomp_rule rules[] = {
        { "socket", with_tcp_ports, CHECKS(tcp_socket_checks), EAFNOSUPPORT },
        { "socket", NULL, CHECKS(socket_checks), EAFNOSUPPORT },
        { "sendmsg", with_tcp_ports, CHECKS(send_flags_2_checks), ALLOW },
        { "sendto", with_tcp_ports, CHECKS(send_flags_3_checks), ALLOW },
        { "sendmmsg", with_tcp_ports, CHECKS(send_flags_3_checks), ALLOW },
        { "socketpair", NULL, CHECKS(socketpair_checks), EAFNOSUPPORT },
        { "clone", without_user_namespaces, CHECKS(clone_checks), EPERM },
        { "clone", with_user_namespaces, CHECKS(clone_user_checks), EPERM },
        /* The flags lie behind a pointer. glibc and Go use clone(2) instead when told ENOSYS. */
        { "clone3", NULL, NULL, 0, ENOSYS },
        { "unshare", without_user_namespaces, CHECKS(unshare_checks), EPERM },
        { "unshare", with_user_namespaces, CHECKS(unshare_user_checks), EPERM },
        { "setns", without_user_namespaces, NULL, 0, EPERM },
        { "setns", with_user_namespaces, CHECKS(setns_user_checks), EPERM },
        { "ioctl", NULL, CHECKS(ioctl_checks), ALLOW },
        { "ptrace", NULL, CHECKS(ptrace_checks), ALLOW },
        { "personality", NULL, CHECKS(personality_checks), EPERM },
        { "setrlimit", NULL, CHECKS(setrlimit_checks), ALLOW },
        { "prlimit64", NULL, CHECKS(prlimit_checks), ALLOW },
        { "chmod", without_setuid_files, CHECKS(mode_1_checks), ALLOW },
        { "creat", without_setuid_files, CHECKS(mode_1_checks), ALLOW },
        { "fchmod", without_setuid_files, CHECKS(mode_1_checks), ALLOW },
        { "mknod", without_setuid_files, CHECKS(mode_1_checks), ALLOW },
        { "fchmodat", without_setuid_files, CHECKS(mode_2_checks), ALLOW },
        { "fchmodat2", without_setuid_files, CHECKS(mode_2_checks), ALLOW },
        { "mknodat", without_setuid_files, CHECKS(mode_2_checks), ALLOW },
        { "open", without_setuid_files, CHECKS(open_checks), ALLOW },
        { "openat", without_setuid_files, CHECKS(openat_checks), ALLOW },
        /* The mode lies behind a pointer. */
        { "openat2", without_setuid_files, NULL, 0, ENOSYS },
};

static const struct policy_seccomp build = {
        .allowed = allowed, .n_allowed = N(allowed),
        .refused = refused, .n_refused = N(refused),
        .rules = rules, .n_rules = N(rules),
};

/* ---- engine: what docker's default filter lets a container without further capabilities call ---- */

/* Of docker's list (moby/profiles, seccomp/default.json) whatever `build` leaves out, but io_uring, which it has left out
 * since 2023. Most of them ask for a capability that a build does not have, or only tell. The io_ calls are missing in
 * `build`, as in a kernel without CONFIG_AIO, which databases know: one build could take all the events that there are for
 * the whole machine (fs.aio-max-nr, 65,536), and the host's own databases and virtual machines would get none. */
static const char *const engine_allowed[] = {
        "adjtimex", "clock_adjtime", "fanotify_mark", "get_thread_area", "io_cancel", "io_destroy", "io_getevents",
        "io_pgetevents", "io_setup", "io_submit", "listmount", "modify_ldt", "process_vm_readv",
        "process_vm_writev", "ptrace", "set_thread_area", "statmount",
};

/* Any protocol, where docker has any family but AF_VSOCK: what other families there are (AF_ALG, AF_PACKET, Bluetooth,
 * TIPC, ...) are modules with a history that socket(2) loads, and egress rules do not know most of them. */
#define ENGINE_SOCKETS                                                                                                 \
        { 1, { IS(0, AF_UNIX) }, ALLOW },                                                                              \
        { 1, { IS_OLD_PACKET(1) }, EAFNOSUPPORT },                                                                     \
        { 1, { IS_INET(0) }, ALLOW },                                                                                  \
        { 1, { IS(0, AF_NETLINK) }, ALLOW }

static const struct policy_seccomp_check engine_socket_checks[] = { ENGINE_SOCKETS };
static const struct policy_seccomp_check engine_tcp_socket_checks[] = { NO_TCP_BY_ANOTHER_NAME, ENGINE_SOCKETS };

static const struct policy_seccomp_rule engine_rules[] = {
        { "socket", with_tcp_ports, CHECKS(engine_tcp_socket_checks), EAFNOSUPPORT },
        { "socket", NULL, CHECKS(engine_socket_checks), EAFNOSUPPORT },
};

static const struct policy_seccomp engine = {
        .allowed = engine_allowed, .n_allowed = N(engine_allowed),
        .rules = engine_rules, .n_rules = N(engine_rules),
        .beneath = &build,
};

/* ---- image-build: what makes containers and images within one ---- */

/* Each asks for a capability over the namespace that it changes, and the build owns only what it has made itself: the host
 * names and mounts around it stay. (open_by_handle_at(2), quotas and fanotify(7) on whole mounts are not among them.) */
static const char *const image_allowed[] = {
        "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount", "open_tree", "open_tree_attr",
        "pivot_root", "umount2", "setns", "sethostname", "setdomainname",
};

/* Not CLONE_NEWTIME, which nothing that builds images asks for. clone3(2) stays unknown: without user namespaces its
 * flags would have to be read, and whoever builds images falls back to clone(2) and unshare(2). */
static const struct policy_seccomp_check image_clone_checks[] = {
        { 1, { HAS_NONE(0, CLONE_NEWUSER) }, ALLOW },
};

static const struct policy_seccomp_check image_unshare_checks[] = {
        { 1, { HAS_NONE(0, CLONE_NEWUSER | CLONE_NEWTIME) }, ALLOW },
};

static const struct policy_seccomp_check image_unshare_user_checks[] = {
        { 1, { HAS_NONE(0, CLONE_NEWTIME) }, ALLOW },
};

static const struct policy_seccomp_rule image_rules[] = {
        { "clone", without_user_namespaces, CHECKS(image_clone_checks), EPERM },
        { "clone", with_user_namespaces, NULL, 0, ALLOW },
        { "unshare", without_user_namespaces, CHECKS(image_unshare_checks), EPERM },
        { "unshare", with_user_namespaces, CHECKS(image_unshare_user_checks), EPERM },
        /* As from a kernel without keys: crun and runc go on without a keyring of their container's then, and take EPERM for
         * the end. */
        { "keyctl", NULL, NULL, 0, ENOSYS },
};

static const struct policy_seccomp image_build = {
        .allowed = image_allowed, .n_allowed = N(image_allowed),
        .rules = image_rules, .n_rules = N(image_rules),
        .beneath = &build,
};

const struct policy_seccomp *policy_seccomp_of(enum policy_seccomp_base base)
{
        switch (base) {
        case POLICY_SECCOMP_BASE_BUILD:
                return &build;
        case POLICY_SECCOMP_BASE_ENGINE:
                return &engine;
        case POLICY_SECCOMP_BASE_IMAGE_BUILD:
                return &image_build;
        }
        return &build;
}
