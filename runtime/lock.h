/* A lock on a file that is waited for no longer than told. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Locks the whole file of @fd (opened for writing, for reading where @is_exclusive is false), by fcntl(2)'s record
 * locks: they belong to this process, so no child inherits one, and they go with it however it ends. Closing any other
 * fd of the same file in this process lets go, too.
 * Returns 0; -ETIMEDOUT after @timeout_ms with the holder's pid in *ret_holder (0 where it is not to be seen); or
 * another negative errno. Uses SIGALRM and the real-time interval timer while it waits, and puts both back. */
int lock_take(int fd, bool is_exclusive, unsigned timeout_ms, pid_t *ret_holder);
void lock_release(int fd);
