/* Record locks rather than flock(2): an flock belongs to the open file, which a forked child shares. A container's
 * init, waiting for start, would keep the lock of a runtime that was killed. */
#include "runtime/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

static void on_alarm(int signal_number)
{
        (void)signal_number;
}

static long long now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static int wait_for(int fd, struct flock *lock, unsigned timeout_ms)
{
        /* Again and again: the first alarm may come before fcntl(2) sleeps. */
        const struct itimerval tick = { .it_interval = { .tv_usec = 50000 }, .it_value = { .tv_usec = 50000 } };
        const struct sigaction action = { .sa_handler = on_alarm };
        struct itimerval old_timer;
        struct sigaction old_action;
        sigset_t alarm_set, old_set;
        long long end = now_ms() + timeout_ms;
        int r;

        sigemptyset(&alarm_set);
        sigaddset(&alarm_set, SIGALRM);
        sigaction(SIGALRM, &action, &old_action);
        setitimer(ITIMER_REAL, &tick, &old_timer);
        sigprocmask(SIG_UNBLOCK, &alarm_set, &old_set);
        do
                r = fcntl(fd, F_SETLKW, lock) < 0 ? -errno : 0;
        while (r == -EINTR && now_ms() < end);
        sigprocmask(SIG_SETMASK, &old_set, NULL);
        setitimer(ITIMER_REAL, &old_timer, NULL);
        sigaction(SIGALRM, &old_action, NULL);
        return r == -EINTR ? -ETIMEDOUT : r;
}

int lock_take(int fd, bool is_exclusive, unsigned timeout_ms, pid_t *ret_holder)
{
        struct flock lock = { .l_type = is_exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };
        int r;

        if (fcntl(fd, F_SETLK, &lock) == 0)
                return 0;
        if (errno != EAGAIN && errno != EACCES)
                return -errno;
        r = wait_for(fd, &lock, timeout_ms);
        if (r == -ETIMEDOUT && ret_holder != NULL) {
                lock.l_pid = 0;
                *ret_holder = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0 ? lock.l_pid : 0;
        }
        return r;
}

void lock_release(int fd)
{
        struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

        fcntl(fd, F_SETLK, &lock);
}
