#include "runtime/beside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

static int set_actions(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, const int *fds, size_t n_fds)
{
        sigset_t all, none;
        int r = 0;

        sigfillset(&all);
        sigemptyset(&none);
        for (int number = STDIN_FILENO; number <= STDERR_FILENO && r == 0; number++)
                r = posix_spawn_file_actions_addopen(actions, number, "/dev/null", O_RDWR, 0);
        for (size_t i = 0; i < n_fds && r == 0; i++)
                r = posix_spawn_file_actions_adddup2(actions, fds[i], STDERR_FILENO + 1 + (int)i);
        /* Not to keep a file system from being unmounted. */
        if (r == 0)
                r = posix_spawn_file_actions_addchdir_np(actions, "/");
        if (r == 0)
                r = posix_spawnattr_setsigdefault(attributes, &all);
        if (r == 0)
                r = posix_spawnattr_setsigmask(attributes, &none);
        if (r == 0)
                r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        return r;
}

int beside_spawn(char *const argv[], char *const environment[], const int *fds, size_t n_fds, pid_t *ret_pid)
{
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int r;

        if (posix_spawn_file_actions_init(&actions) != 0 || posix_spawnattr_init(&attributes) != 0)
                return -ENOMEM;
        r = set_actions(&actions, &attributes, fds, n_fds);
        if (r == 0)
                r = posix_spawn(ret_pid, "/proc/self/exe", &actions, &attributes, argv, environment);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        return -r;
}
