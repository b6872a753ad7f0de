/* The `build` filter on the real kernel. Each refusal is tried twice, in a child without the filter and in one with it:
 * the second must get the named errno, the first must get something else, else the filter was not what refused. Where
 * a call that works would harm the machine its arguments are senseless, and "something else" is EFAULT or EINVAL. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/seccomp.h"

#define BAD ((void *)1)         /* EFAULT */

static struct seccomp_filter filters[2][2];     /* [user namespaces][setuid files] */
static bool has_failed;

/* ---- attempts: 0 or an errno ---- */

#define RESULT(call) ((call) < 0 ? errno : 0)
#define ATTEMPT(name, call) static int try_##name(void) { return RESULT(call); }

ATTEMPT(unshare_user, unshare(CLONE_NEWUSER))
ATTEMPT(unshare_mount, unshare(CLONE_NEWNS))
ATTEMPT(unshare_net, unshare(CLONE_NEWNET))
ATTEMPT(unshare_time, unshare(0x80))
ATTEMPT(unshare_files, unshare(CLONE_FILES | CLONE_FS))
ATTEMPT(setns, setns(-1, 0))
ATTEMPT(mount, syscall(SYS_mount, BAD, BAD, BAD, 0, 0))
ATTEMPT(umount, syscall(SYS_umount2, BAD, 0))
ATTEMPT(pivot_root, syscall(SYS_pivot_root, BAD, BAD))
ATTEMPT(fsopen, syscall(SYS_fsopen, BAD, 0))
ATTEMPT(fsconfig, syscall(SYS_fsconfig, -1, 0, 0, 0, 0))
ATTEMPT(fsmount, syscall(SYS_fsmount, -1, 0, 0))
ATTEMPT(fspick, syscall(SYS_fspick, -1, BAD, 0))
ATTEMPT(open_tree, syscall(SYS_open_tree, -1, BAD, 0))
ATTEMPT(move_mount, syscall(SYS_move_mount, -1, BAD, -1, BAD, 0))
ATTEMPT(mount_setattr, syscall(SYS_mount_setattr, -1, BAD, 0, BAD, 0))
ATTEMPT(open_by_handle, syscall(SYS_open_by_handle_at, -1, BAD, 0))
ATTEMPT(quotactl, syscall(SYS_quotactl, -1, BAD, 0, BAD))
ATTEMPT(fanotify_init, syscall(SYS_fanotify_init, -1, 0))
ATTEMPT(add_key, syscall(SYS_add_key, BAD, BAD, BAD, 1, 0))
ATTEMPT(request_key, syscall(SYS_request_key, BAD, BAD, BAD, 0))
ATTEMPT(keyctl, syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -3 /* the session's */, 0))
ATTEMPT(bpf, syscall(SYS_bpf, -1, BAD, 0))
ATTEMPT(perf, syscall(SYS_perf_event_open, BAD, 0, -1, -1, 0))
ATTEMPT(userfaultfd, syscall(SYS_userfaultfd, -1))
ATTEMPT(io_setup, syscall(SYS_io_setup, 1, BAD))
ATTEMPT(io_uring_setup, syscall(SYS_io_uring_setup, 1, BAD))
ATTEMPT(io_uring_enter, syscall(SYS_io_uring_enter, -1, 0, 0, 0, 0, 0))
ATTEMPT(io_uring_register, syscall(SYS_io_uring_register, -1, 0, 0, 0))
ATTEMPT(kcmp, syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0))
ATTEMPT(pidfd_getfd, syscall(SYS_pidfd_getfd, -1, 0, 0))
ATTEMPT(process_vm_readv, syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0))
ATTEMPT(process_vm_writev, syscall(SYS_process_vm_writev, getpid(), NULL, 0, NULL, 0, 0))
ATTEMPT(acct, syscall(SYS_acct, BAD))
ATTEMPT(adjtimex, syscall(SYS_adjtimex, BAD))
ATTEMPT(clock_adjtime, syscall(SYS_clock_adjtime, 0, BAD))
ATTEMPT(clock_settime, syscall(SYS_clock_settime, 0, BAD))
ATTEMPT(settimeofday, syscall(SYS_settimeofday, BAD, NULL))
ATTEMPT(init_module, syscall(SYS_init_module, BAD, 1, BAD))
ATTEMPT(finit_module, syscall(SYS_finit_module, -1, BAD, -1))
ATTEMPT(delete_module, syscall(SYS_delete_module, BAD, 0))
ATTEMPT(kexec_load, syscall(SYS_kexec_load, 0, -1L, BAD, -1L))
ATTEMPT(reboot, syscall(SYS_reboot, 0, 0, 0, 0))
ATTEMPT(sethostname, syscall(SYS_sethostname, BAD, -1))
ATTEMPT(setdomainname, syscall(SYS_setdomainname, BAD, -1))
ATTEMPT(swapon, syscall(SYS_swapon, BAD, 0))
ATTEMPT(swapoff, syscall(SYS_swapoff, BAD))
ATTEMPT(syslog, syscall(SYS_syslog, 10 /* SIZE_BUFFER */, NULL, 0))
ATTEMPT(vhangup, syscall(SYS_vhangup))
#ifdef SYS_iopl
ATTEMPT(iopl, syscall(SYS_iopl, 99))
ATTEMPT(ioperm, syscall(SYS_ioperm, -1L, 1, 1))
#endif
ATTEMPT(vsock, socket(40, SOCK_STREAM, 0))
ATTEMPT(packet, socket(AF_PACKET, SOCK_RAW, 0))
ATTEMPT(alg, socket(38, SOCK_SEQPACKET, 0))
ATTEMPT(audit, socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT))
ATTEMPT(netfilter, socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER))
ATTEMPT(raw_sctp, socket(AF_INET, SOCK_RAW, 132))
ATTEMPT(personality, personality(READ_IMPLIES_EXEC))

static int try_socketpair(void)
{
        int fds[2];

        return RESULT(socketpair(AF_PACKET, SOCK_STREAM, 0, fds));
}

static int try_clone3(void)
{
        struct clone_args args = { .exit_signal = SIGCHLD };
        long pid = syscall(SYS_clone3, &args, sizeof args);

        if (pid == 0)
                _exit(0);
        return RESULT(pid);
}

static int clone_with(unsigned long flags)
{
        long pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, 0);

        if (pid == 0)
                _exit(0);
        return RESULT(pid);
}

static int try_clone_user(void) { return clone_with(CLONE_NEWUSER); }
static int try_clone_net(void) { return clone_with(CLONE_NEWNET); }
static int try_clone_high_bits(void) { return clone_with(1ul << 40 | CLONE_NEWUTS); }

/* A terminal of its own, which takes the characters. */
static int tty_ioctl(unsigned long request, void *arg)
{
        int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

        if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
                return 200;
        setsid();
        slave = open(ptsname(master), O_RDWR);
        return slave < 0 ? 200 : RESULT(syscall(SYS_ioctl, slave, request, arg));
}

static int try_tiocsti(void) { return tty_ioctl(TIOCSTI, (char *)(uintptr_t)"x"); }
static int try_tiocsti_high(void) { return tty_ioctl(1ul << 32 | TIOCSTI, (char *)(uintptr_t)"x"); }
static int try_tioclinux(void) { return tty_ioctl(0x541c, (char *)(uintptr_t)"\3"); }
static int try_tioclinux_high(void) { return tty_ioctl(5ul << 40 | 0x541c, (char *)(uintptr_t)"\3"); }

static int try_tiocsetd(void)
{
        int none = 0;

        return tty_ioctl(TIOCSETD, &none);
}

static int trace(long request)
{
        pid_t pid = fork();
        int r;

        if (pid == 0) {
                pause();
                _exit(0);
        }
        r = RESULT(ptrace(request, pid, 0, 0));
        kill(pid, SIGKILL);
        return r;
}

static int try_attach(void) { return trace(PTRACE_ATTACH); }
static int try_seize(void) { return trace(PTRACE_SEIZE); }

#ifdef __x86_64__
static int try_i386(void)
{
        long r;

        /* getpid of i386 */
        __asm__ volatile("int $0x80" : "=a"(r) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
        return r < 0 ? (int)-r : 0;
}
#endif

/* The limit that is there afterwards, or 255 for a call that failed. */
static int try_core_limit(void)
{
        struct rlimit limit = { 0, 0 };

        if (setrlimit(RLIMIT_CORE, &limit) < 0 || prlimit(0, RLIMIT_CORE, NULL, &limit) < 0)
                return 255;
        return (int)limit.rlim_cur;
}

static int try_core_limit_by_the_old_call(void)
{
        struct rlimit limit = { 0, 0 };

        if (syscall(SYS_setrlimit, RLIMIT_CORE, &limit) < 0 || getrlimit(RLIMIT_CORE, &limit) < 0)
                return 255;
        return (int)limit.rlim_cur;
}

static int try_core_limit_with_question(void)
{
        struct rlimit limit = { 0, 0 }, old;

        return RESULT(prlimit(0, RLIMIT_CORE, &limit, &old));
}

static int with_file(int (*act)(int fd, const char *path))
{
        char path[] = "/tmp/runb-mode-XXXXXX";
        int fd = mkstemp(path), r;

        if (fd < 0)
                return 200;
        r = act(fd, path);
        unlink(path);
        return r;
}

static int act_fchmod(int fd, const char *path) { (void)path; return RESULT(fchmod(fd, 04755)); }
static int act_chmod(int fd, const char *path) { (void)fd; return RESULT(chmod(path, 02755)); }
static int act_fchmodat(int fd, const char *path) { (void)fd; return RESULT(fchmodat(AT_FDCWD, path, 06755, 0)); }
static int act_open(int fd, const char *path) { (void)fd; unlink(path); return RESULT(open(path, O_CREAT | O_RDWR, 04755)); }
static int act_mknod(int fd, const char *path) { (void)fd; unlink(path); return RESULT(mknod(path, S_IFREG | 04755, 0)); }
static int act_openat2(int fd, const char *path)
{
        struct open_how how = { .flags = O_CREAT | O_RDWR, .mode = 04755 };

        (void)fd;
        unlink(path);
        return RESULT(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
}
static int act_plain(int fd, const char *path)
{
        return RESULT(fchmod(fd, 0755)) || RESULT(chmod(path, 01644)) || RESULT(open(path, O_RDONLY, 04755));
}

static int try_fchmod(void) { return with_file(act_fchmod); }
static int try_chmod(void) { return with_file(act_chmod); }
static int try_fchmodat(void) { return with_file(act_fchmodat); }
static int try_open_setuid(void) { return with_file(act_open); }
static int try_mknod_setuid(void) { return with_file(act_mknod); }
static int try_openat2(void) { return with_file(act_openat2); }
static int try_plain_modes(void) { return with_file(act_plain); }

/* ---- what a build does all the time ---- */

static void *thread_body(void *arg)
{
        return arg;
}

static int try_threads(void)
{
        pthread_t thread;
        int r = pthread_create(&thread, NULL, thread_body, NULL);

        return r != 0 ? r : pthread_join(thread, NULL);
}

static int try_programs(void)
{
        char *args[] = { (char *)(uintptr_t)"true", NULL };
        int status = 1;
        pid_t pid;
        int r = posix_spawnp(&pid, "true", NULL, NULL, args, args + 1);

        if (r != 0)
                return r;
        waitpid(pid, &status, 0);
        return status != 0 || system("echo x | grep -q x && (ulimit -c 0)") != 0;
}

static int try_debugger(void)
{
        pid_t pid = fork();
        int status = 0;

        if (pid == 0) {
                ptrace(PTRACE_TRACEME, 0, 0, 0);
                raise(SIGSTOP);
                _exit(0);
        }
        if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
                return 1;
        if (ptrace(PTRACE_CONT, pid, 0, 0) < 0)
                return errno;
        waitpid(pid, &status, 0);
        return !WIFEXITED(status);
}

static int try_sockets(void)
{
        const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
        int fds[2];

        for (size_t i = 0; i < 4; i++)
                if (socket(families[i], SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0)
                        return errno;
        return RESULT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
}

static int try_the_rest(void)
{
        struct statx stx;
        struct rlimit limit;
        struct open_how how = { .flags = O_RDONLY };

        if (statx(AT_FDCWD, "/", 0, STATX_ALL, &stx) < 0 || memfd_create("x", MFD_CLOEXEC) < 0 || inotify_init1(0) < 0)
                return errno;
        if (getrlimit(RLIMIT_CORE, &limit) < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0 || setrlimit(RLIMIT_NOFILE, &limit) < 0)
                return errno;
        if (syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof how) < 0 || personality(0xffffffff) < 0)
                return errno;
        if (mprotect(NULL, 0, PROT_READ) < 0 || syscall(SYS_getrandom, &stx, 8, 0) < 0)
                return errno;
        return RESULT(syscall(SYS_seccomp, 2 /* GET_ACTION_AVAIL */, 0, &(uint32_t){ 0x7fff0000 }));
}

/* ---- judging ---- */

/* What @attempt gives in a child: its value, or 1000 and the signal that ended it. */
static int in_child(int (*attempt)(void), const struct seccomp_filter *filter)
{
        int status;
        pid_t pid;

        fflush(stdout);
        pid = fork();
        if (pid == 0) {
                const struct rlimit core = { 1, 1 };

                /* Before the filter: what the runtime gives a build. */
                setsid();
                setrlimit(RLIMIT_CORE, &core);
                if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || (filter != NULL && seccomp_child_load(filter) < 0))
                        _exit(201);
                _exit(attempt());
        }
        waitpid(pid, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void say(bool is_good, const char *what, const char *sentence, int without, int with)
{
        if (is_good) {
                printf("PASS the build filter: %s%s\n", what, sentence);
                return;
        }
        has_failed = true;
        printf("FAIL the build filter: %s%s\n# without the filter %d, with it %d\n", what, sentence, without, with);
}

static void refuses(const char *what, int (*attempt)(void), int wanted, const struct seccomp_filter *filter)
{
        int without = in_child(attempt, NULL), with = in_child(attempt, filter);
        char sentence[64];

        snprintf(sentence, sizeof sentence, " gives %s", strerrorname_np(wanted) == NULL ? "?" : strerrorname_np(wanted));
        if (without == wanted)
                printf("SKIP the build filter: %s%s: this kernel says so without it\n", what, sentence);
        else
                say(with == wanted, what, sentence, without, with);
}

static void allows(const char *what, int (*attempt)(void), const struct seccomp_filter *filter)
{
        int without = in_child(attempt, NULL), with = in_child(attempt, filter);

        say(without == 0 && with == 0, what, " works", without, with);
}

static void keeps_core_limit(const char *what, int (*attempt)(void), const struct seccomp_filter *filter)
{
        int without = in_child(attempt, NULL), with = in_child(attempt, filter);

        say(without == 0 && with == 1, what, " seems to work and the limit stays 1", without, with);
}

int main(void)
{
        const struct seccomp_filter *plain = &filters[0][1], *no_setuid = &filters[0][0], *user = &filters[1][1];
        struct error err = { 0 };

        for (int i = 0; i < 4; i++) {
                const struct policy_seccomp_choice choice = { .user_namespaces = i & 1, .setuid_files = i & 2 };

                if (seccomp_prepare_build(&choice, NULL, &filters[i & 1][i >> 1], &err) < 0) {
                        printf("FAIL the build filter: %s\n", err.text);
                        return 1;
                }
        }
#define REFUSES(name, wanted) refuses(#name, try_##name, wanted, plain)
        REFUSES(unshare_user, EPERM);
        REFUSES(unshare_mount, EPERM);
        REFUSES(unshare_net, EPERM);
        REFUSES(unshare_time, EPERM);
        REFUSES(clone_user, EPERM);
        REFUSES(clone_net, EPERM);
        REFUSES(clone_high_bits, EPERM);
        REFUSES(clone3, ENOSYS);
        REFUSES(setns, EPERM);
        REFUSES(mount, EPERM);
        REFUSES(umount, EPERM);
        REFUSES(pivot_root, EPERM);
        REFUSES(fsopen, EPERM);
        REFUSES(fsconfig, EPERM);
        REFUSES(fsmount, EPERM);
        REFUSES(fspick, EPERM);
        REFUSES(open_tree, EPERM);
        REFUSES(move_mount, EPERM);
        REFUSES(mount_setattr, EPERM);
        REFUSES(open_by_handle, EPERM);
        REFUSES(quotactl, EPERM);
        REFUSES(fanotify_init, EPERM);
        REFUSES(add_key, EPERM);
        REFUSES(request_key, EPERM);
        REFUSES(keyctl, EPERM);
        REFUSES(bpf, EPERM);
        REFUSES(perf, EPERM);
        REFUSES(userfaultfd, EPERM);
        REFUSES(io_setup, ENOSYS);
        REFUSES(io_uring_setup, EPERM);
        REFUSES(io_uring_enter, EPERM);
        REFUSES(io_uring_register, EPERM);
        REFUSES(kcmp, EPERM);
        REFUSES(pidfd_getfd, EPERM);
        REFUSES(process_vm_readv, EPERM);
        REFUSES(process_vm_writev, EPERM);
        REFUSES(acct, EPERM);
        REFUSES(adjtimex, EPERM);
        REFUSES(clock_adjtime, EPERM);
        REFUSES(clock_settime, EPERM);
        REFUSES(settimeofday, EPERM);
        REFUSES(init_module, EPERM);
        REFUSES(finit_module, EPERM);
        REFUSES(delete_module, EPERM);
        REFUSES(kexec_load, EPERM);
        REFUSES(reboot, EPERM);
        REFUSES(sethostname, EPERM);
        REFUSES(setdomainname, EPERM);
        REFUSES(swapon, EPERM);
        REFUSES(swapoff, EPERM);
        REFUSES(syslog, EPERM);
        REFUSES(vhangup, EPERM);
#ifdef SYS_iopl
        REFUSES(iopl, EPERM);
        REFUSES(ioperm, EPERM);
#endif
        REFUSES(vsock, EAFNOSUPPORT);
        REFUSES(packet, EAFNOSUPPORT);
        REFUSES(alg, EAFNOSUPPORT);
        REFUSES(audit, EAFNOSUPPORT);
        REFUSES(netfilter, EAFNOSUPPORT);
        REFUSES(raw_sctp, EPROTONOSUPPORT);
        REFUSES(socketpair, EAFNOSUPPORT);
        REFUSES(personality, EPERM);
        REFUSES(tiocsti, EPERM);
        REFUSES(tiocsti_high, EPERM);
        REFUSES(tioclinux, EPERM);
        REFUSES(tioclinux_high, EPERM);
        REFUSES(tiocsetd, EPERM);
        REFUSES(attach, EPERM);
        REFUSES(seize, EPERM);
#ifdef __x86_64__
        REFUSES(i386, ENOSYS);
#endif
        REFUSES(core_limit_with_question, EPERM);
        keeps_core_limit("a core limit of 0", try_core_limit, plain);
        keeps_core_limit("a core limit of 0 by setrlimit(2)", try_core_limit_by_the_old_call, plain);

        refuses("fchmod u+s without setuid files", try_fchmod, EPERM, no_setuid);
        refuses("chmod g+s without setuid files", try_chmod, EPERM, no_setuid);
        refuses("fchmodat ug+s without setuid files", try_fchmodat, EPERM, no_setuid);
        refuses("making a setuid file without setuid files", try_open_setuid, EPERM, no_setuid);
        refuses("mknod of a setuid file without setuid files", try_mknod_setuid, EPERM, no_setuid);
        refuses("openat2 without setuid files", try_openat2, ENOSYS, no_setuid);
        allows("other modes without setuid files", try_plain_modes, no_setuid);
        allows("fchmod u+s", try_fchmod, plain);
        allows("openat2 of a setuid file", try_openat2, plain);

        allows("a user namespace where the profile has them", try_unshare_user, user);
        refuses("a mount namespace even so", try_unshare_mount, EPERM, user);

        allows("a thread", try_threads, plain);
        allows("starting programs", try_programs, plain);
        allows("unshare of files", try_unshare_files, plain);
        allows("tracing one's own child", try_debugger, plain);
        allows("sockets of the four families", try_sockets, plain);
        allows("the rest", try_the_rest, plain);
        return has_failed;
}
