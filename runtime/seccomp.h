/* System call filters: the policy's `build` filter stacked with the engine's, compiled once and cached by digest. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

#include "oci-spec/spec.h"
#include "runtime/base/error.h"

struct seccomp_filter {
        struct sock_filter *code;       /* owned: free(); NULL: none */
        unsigned short n;
        unsigned flags;                 /* SECCOMP_FILTER_FLAG_ of seccomp(2) */
};

/* The filter of config.json's linux.seccomp. From the cache (@cache_folder: owned by us and not writable by others,
 * else it is not used) when it has been compiled before on this kernel by this libseccomp; compiled and put there
 * otherwise (atomically). SPEC_ALLOW is never set by our own doing. @ret_filter->code NULL when none was asked.
 * Unknown system call names are skipped as runc does; system calls newer than the profile get ENOSYS. */
int seccomp_prepare_engine(const struct spec_seccomp *seccomp, const char *cache_folder,
                           struct seccomp_filter *ret_filter, struct error *err);

/* The policy's own filter ("build"): foreign ABIs, clone3 -> ENOSYS, user namespace flags, mount calls, io_uring, keys, bpf,
 * perf, userfaultfd, ptrace of others, socket families (EAFNOSUPPORT), TIOCSTI/TIOCLINUX on the low 32 bits, ... THREATS rule 11. */
int seccomp_prepare_build(bool user_namespaces, bool setuid_files, const char *cache_folder,
                          struct seccomp_filter *ret_filter, struct error *err);

void seccomp_filter_free(struct seccomp_filter *filter);

/* Child: loads one filter. Needs no_new_privs. Returns 0 or -1 and errno. */
int seccomp_child_load(const struct seccomp_filter *filter);

/* To and from a file of the state folder, for exec. */
int seccomp_filter_save(const struct seccomp_filter *filter, int dir_fd, const char *name, struct error *err);
int seccomp_filter_restore(int dir_fd, const char *name, struct seccomp_filter *ret_filter, struct error *err);
