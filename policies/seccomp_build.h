/* The policy's own filters of system calls, as data: runtime/seccomp_build.c makes a program of one.
 *
 * A list of what a build may call. Whatever is not named answers ENOSYS, which is what an older kernel says: programs
 * have a fall-back for it, and a system call that comes with a later kernel is closed until someone has looked at
 * it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/policy.h"

enum policy_seccomp_op {
        POLICY_SECCOMP_IS,              /* (low 32 bits of the argument & mask) == value */
        POLICY_SECCOMP_IS_NOT,
        POLICY_SECCOMP_IS_NULL,         /* all 64 bits: a pointer */
        POLICY_SECCOMP_IS_NOT_NULL,
};

/* The kernel looks only at the low 32 bits of int and unsigned arguments (TIOCSTI with a high bit set is TIOCSTI
 * still: CVE-2019-10063), and so does a term. */
struct policy_seccomp_term {
        uint8_t arg;
        enum policy_seccomp_op op;
        uint32_t mask, value;
};

/* What of a profile chooses among the rules. */
struct policy_seccomp_choice {
        enum policy_seccomp_base base;
        bool user_namespaces;
        bool setuid_files;      /* true: chmod and its like may set the setuid and setgid bits */
        bool tcp_ports;         /* Landlock holds TCP to listed ports: what it does not see of TCP is refused */
};

#define POLICY_SECCOMP_ALLOW (-1)

#define POLICY_SECCOMP_TERMS 3
struct policy_seccomp_check {
        uint8_t n_terms;
        struct policy_seccomp_term terms[POLICY_SECCOMP_TERMS];        /* all must hold */
        int result;             /* POLICY_SECCOMP_ALLOW or an errno; 0: nothing happens, and the caller sees success */
};

/* The first check that holds decides, else @otherwise. */
struct policy_seccomp_rule {
        const char *name;
        bool (*applies)(const struct policy_seccomp_choice *choice);     /* NULL: always */
        const struct policy_seccomp_check *checks;
        size_t n_checks;
        int otherwise;
};

struct policy_seccomp {
        const char *const *allowed; size_t n_allowed;
        const char *const *refused; size_t n_refused;           /* EPERM: what a build asks for and must not get */
        const struct policy_seccomp_rule *rules; size_t n_rules;       /* stronger than the two lists */
        const struct policy_seccomp *beneath;   /* for what is not named here; NULL: nothing is */
};

/* The filter that a profile's "seccomp.base" names. All lie on `build`, whose answers count where theirs end. */
const struct policy_seccomp *policy_seccomp_of(enum policy_seccomp_base base);
