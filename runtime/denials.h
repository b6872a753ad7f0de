/* Which system calls a filter refused, how often, and to which program; where the profile asks for it
 * (seccomp.explain).
 *
 * How it is obtained, and why so. The kernel's own record of a refused call (SECCOMP_FILTER_FLAG_LOG, audit type
 * 1326) is no count: without auditd it goes through printk's rate limit (ten lines in five seconds for the whole
 * host), with one the build waits for the host's audit queue, and neither names the container. A tracepoint slows
 * every call of the host down, ptrace every one of the build. So: the two filters become one program, in which
 * SECCOMP_RET_ERRNO is SECCOMP_RET_USER_NOTIF with the errno in its data; a small process, one a start and one an
 * exec, gets each of these calls, counts it, and answers with that very errno. What the filters let pass costs what
 * it did before; what they refuse costs two switches of process more. It is off unless asked for: it is a process
 * more a container, there can be but one listener (seccomp(2), EBUSY), so neither SCMP_ACT_NOTIFY of the engine nor a
 * listener of the build's goes with it.
 *
 * Nothing is let pass: that process knows no answer but an error, and where it has ended the kernel says ENOSYS. It
 * reads nothing of the build but names, of bounded length and number. One file a process, denials-<pid and time> in the
 * container's folder, replaced once a second at most; the sums are made by whoever reads. */
#pragma once

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/findings.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/seccomp.h"

/* The data of SECCOMP_RET_USER_NOTIF: the errno, and whose filter said so. */
#define DENIALS_BY_ENGINE 0x8000u
#define DENIALS_ERRNO 0x0fffu

#define DENIALS_MOST 128 /* kinds a process; what is beyond is counted in one */
#define DENIALS_NAME_MOST 128 /* bytes of a program's name */

struct denial {
        int32_t number; /* of the native ABI; -1: all those beyond DENIALS_MOST */
        uint32_t answer; /* as the data above */
        uint64_t count;
        uint64_t argument; /* the one that decides, of the first call; see denials_argument() */
        char program[DENIALS_NAME_MOST]; /* what /proc/PID/exe leads to, "/usr/bin/unshare" */
        char name[17]; /* comm of the first one: what a busybox was called by */
};

struct denials {
        struct denial *all;
        size_t n;
};

/* ---- the filter ---- */

/* Makes one program of both and leaves it in @engine, @policy without code. EOPNOTSUPP where the engine's has actions
 * that cannot be had with a listener. */
int denials_merge(struct seccomp_filter *policy, struct seccomp_filter *engine, struct error *err);
/* What a filter answers; SECCOMP_RET_KILL_PROCESS for a program that is none of ours. */
uint32_t denials_evaluate(const struct seccomp_filter *filter, const struct seccomp_data *data);

/* ---- the process that counts ---- */

/* Parent: makes it, before the process that it shall watch is let go. The filter is read from the container's folder.
 * @ret_fd: to hand it the listener by; closed without that, the process ends. Call in the host's pid namespace. */
int denials_begin(int dir_fd, int *ret_fd, struct error *err);
int denials_hand_over(int fd, int listener_fd, struct error *err);

/* Once no process of the container is left: waits until all has been written, two seconds at most. */
void denials_wait(int dir_fd);

/* ---- what was seen ---- */

/* The sums. None where nothing was refused or nobody counted. */
int denials_read(int dir_fd, struct arena *arena, struct denials *ret_denials, struct error *err);
/* "unshare(0x10000000)", in the arena. */
const char *denials_call(struct arena *arena, const struct denial *denial);
/* "EPERM by seccomp base build; profile image-build has it" */
const char *denials_remedy(struct arena *arena, const struct denial *denial, const char *profile);
/* One finding each, for the audit file. */
void denials_to_findings(const struct denials *denials, const char *profile, struct findings *findings);
/* Index of the argument that the filters decide a call by; -1: none. */
int denials_argument(const char *call);
