/* This program once more, beside the container: its guard, its keeper. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Starts /proc/self/exe with argv and environment in a session of its own, in "/", with /dev/null as its standard files,
 * every signal let through and at its default, and fds[i] as 3 + i; n_fds of them, none of which may be among the numbers
 * that they get but its own. Other file descriptors are closed by their FD_CLOEXEC. Returns 0 or -errno of posix_spawn(3). */
int beside_spawn(char *const argv[], char *const environment[], const int *fds, size_t n_fds, pid_t *ret_pid);
