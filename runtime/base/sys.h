/* System calls that glibc 2.36 (Debian 12) has no wrapper for, and their missing constants.
 * Each keeps libc's convention: -1 and errno. Safe between clone and exec. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* openat2(2) with the resolve flags given; @mode only with O_CREAT or O_TMPFILE. O_CLOEXEC is added. */
static inline int sys_openat2(int dir_fd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
        struct open_how how = {
                .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
                .mode = mode,
                .resolve = resolve,
        };

        return (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
}

/* Opens a path of an untrusted tree: links count from the tree's root, /proc's magic links fail (ELOOP). */
static inline int sys_open_in_root(int root_fd, const char *path, int flags)
{
        int fd;

        /* openat2(2): RESOLVE_IN_ROOT may answer EAGAIN when a rename races; the path is walked anew. */
        for (unsigned tries = 0; tries < 128; tries++) {
                fd = sys_openat2(root_fd, path, flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
                if (fd >= 0 || errno != EAGAIN)
                        return fd;
        }
        return fd;
}

/* clone3(2) without a new stack: returns twice, as fork does. The caller must have one thread. */
static inline pid_t sys_clone3(struct clone_args *args)
{
        return (pid_t)syscall(SYS_clone3, args, sizeof *args);
}

static inline int sys_pivot_root(const char *new_root, const char *put_old)
{
        return (int)syscall(SYS_pivot_root, new_root, put_old);
}

static inline int sys_pidfd_open(pid_t pid, unsigned flags)
{
        return (int)syscall(SYS_pidfd_open, pid, flags);
}

static inline int sys_pidfd_send_signal(int pidfd, int signal_number)
{
        return (int)syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0);
}

/* keyctl(2), KEYCTL_JOIN_SESSION_KEYRING with a name of NULL: a new anonymous session keyring. */
static inline long sys_keyring_new(void)
{
        return syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL);
}

/* Default dispositions for all signals and an empty mask, as a program is owed at exec. glibc's sigaction(3) refuses 32 and
 * 33, which it keeps for itself, but an ignored one is inherited like any other. */
static inline void sys_signals_reset(void)
{
        /* struct sigaction of the kernel, all zero: SIG_DFL, no flags, no restorer, an empty mask of 64 signals */
        static const unsigned long action[4] = { 0 };
        static const uint64_t none = 0;

        for (int number = 1; number <= 64; number++)
                syscall(SYS_rt_sigaction, number, action, NULL, sizeof none);   /* KILL and STOP answer EINVAL */
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}
