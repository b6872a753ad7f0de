/* System call filters: the profile's own filter stacked with the engine's, compiled once and cached by digest.
 *
 * The kernel takes the stricter answer of the two. Load the profile's first: it allows seccomp(2), which the engine's
 * need not. */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oci-spec/spec.h"
#include "policies/seccomp_build.h"
#include "runtime/base/error.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)       /* Linux 5.19 */
#endif

struct seccomp_filter {
        struct sock_filter *code;       /* owned: free(); NULL: none */
        unsigned short n;
        unsigned flags;                 /* SECCOMP_FILTER_FLAG_ of seccomp(2) */
};

/* The filter of config.json's linux.seccomp. From the cache (@cache_folder: made 0700 where missing; must be owned by us
 * and not writable by others, else it is not used; NULL: no cache) when it has been compiled before on this kernel by
 * this libseccomp; compiled and put there otherwise (atomically). SPEC_ALLOW is never set by our own doing.
 * @ret_filter->code NULL when none was asked. Unknown system call names are skipped as runc does; system calls newer
 * than the profile get ENOSYS. SCMP_ACT_NOTIFY sets SECCOMP_FILTER_FLAG_NEW_LISTENER in its flags (listener.h). Returns 0 or a
 * negative errno. */
int seccomp_prepare_engine(const struct spec_seccomp *seccomp, const char *cache_folder,
                           struct seccomp_filter *ret_filter, struct error *err);

/* The profile's own filter (policies/seccomp_build.c). Foreign ABIs answer ENOSYS. Without setuid files chmod and its like
 * may not set the setuid and setgid bits, openat2 answers ENOSYS; file capabilities are CAP_SETFCAP's matter, since a
 * filter cannot read the attribute's name. */
int seccomp_prepare_build(const struct policy_seccomp_choice *choice, const char *cache_folder,
                          struct seccomp_filter *ret_filter, struct error *err);

/* Owner of nothing afterwards; accepts zeros. */
void seccomp_filter_free(struct seccomp_filter *filter);

/* Child: loads one filter. Needs no_new_privs. Returns 0 or -1 and errno. Success when there is none to load. */
int seccomp_child_load(const struct seccomp_filter *filter);
/* Child: the same for one with a listener, whose fd (O_CLOEXEC) it returns. */
int seccomp_child_load_listener(const struct seccomp_filter *filter);
/* Child: one with a listener, but without it: what it would ask answers ENOSYS (seccomp(2)). */
int seccomp_child_load_deaf(const struct seccomp_filter *filter);

/* To and from a file of the state folder, for exec. A filter without code is kept too, so that a missing file is an
 * error (ENOENT) and not an open door; what is not whole is EBADMSG. */
int seccomp_filter_save(const struct seccomp_filter *filter, int dir_fd, const char *name, struct error *err);
int seccomp_filter_restore(int dir_fd, const char *name, struct seccomp_filter *ret_filter, struct error *err);

/* Of a filter's instructions, as the kernel holds them: "sha256:" and 64 digits. "" where it has none. */
#define SECCOMP_DIGEST_SIZE 72
void seccomp_filter_digest(const struct seccomp_filter *filter, char ret_text[SECCOMP_DIGEST_SIZE]);

/* The compilers behind the two, without a cache. @arch: a token of libseccomp (SCMP_ARCH_X86_64, SCMP_ARCH_NATIVE). */
int seccomp_compile_engine(const struct spec_seccomp *seccomp, struct seccomp_filter *ret_filter, struct error *err);
int seccomp_compile_build(uint32_t arch, const struct policy_seccomp_choice *choice, struct seccomp_filter *ret_filter,
                          struct error *err);
