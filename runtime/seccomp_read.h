/* The system call filters that threads have, as the kernel holds them: seccomp(2)'s programs, by their digests.
 *
 * ptrace(2), PTRACE_SECCOMP_GET_FILTER: the thread stands still for it, some ten microseconds. As after any stop, a call that it
 * waits in goes on; some, epoll_wait(2) among them, answer EINTR (signal(7), "Interruption of system calls by stop signals"). */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/sha256.h"

struct seccomp_thread {
        pid_t tid;
        uint64_t start_time;            /* proc_pid_stat(5), field 22: one that is another's by now is left alone */
        int error;                      /* 0: read; ESRCH: it has ended; EPERM: it is traced by another; ETIMEDOUT: it did not stop */
        size_t first, n;                /* of the programs below; the oldest first */
};

struct seccomp_program {
        uint8_t digest[SHA256_LENGTH];
        uint32_t n;                     /* instructions */
};

/* NULL; or why no filter of any thread can be read by us, in words that can follow "not read: ". */
const char *seccomp_read_obstacle(void);

/* Reads those of @n threads, of which `tid` and `start_time` are set.
 * @ret_programs: in the arena.
 * Returns 0, whatever became of each; -EACCES and the like where the kernel tells nothing; a negative errno.
 * Done by a process of its own, as whoever traces must not outlive it by an unfinished stop: the kernel lets go all that it holds
 * when it ends. */
int seccomp_read_threads(struct seccomp_thread *threads, size_t n, struct arena *arena, struct seccomp_program **ret_programs,
                         struct error *err);
