/* Does a sandbox hold on this host? A battery of attempts to get out of one, run inside a container that is made as any
 * other is, by `runb run`, from a root file system that holds nothing but this program.
 *
 *   cmd_selftest -> selftest_run(): a process with a mount and a network namespace of its own, which plays the host: a
 *                   tmpfs with the bundle, a network with listeners that the build must not reach
 *                   -> runb run -> selftest_inside(): the battery, an attempt a line
 *                   -> runb exec: while the battery lies in wait for the runtime's own processes
 *
 * An attempt that succeeds does no harm: files of the host are opened and not written, what would be reached is
 * played. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/policy.h"

enum selftest_verdict {
        SELFTEST_HELD,
        SELFTEST_FAILED, /* it worked */
        SELFTEST_UNTRIED, /* it could not be tried here, or the profile lets builds do it */
};

struct selftest_result {
        const char *attempt;
        const char *how; /* refused, or why it is a failure */
        enum selftest_verdict verdict;
        struct selftest_result *next;
};

struct selftest {
        struct arena *arena;
        const char *root; /* --root */
        bool is_cgroup_disabled;
        struct policy_source policy;
        const char *profile; /* what was chosen, after selftest_run() */
        struct selftest_result *first, *last;
        size_t n[SELFTEST_UNTRIED + 1];
};

/* Returns 0 when the battery ran to its end, whatever it found. */
int selftest_run(struct selftest *selftest, struct error *err);

/* The battery. @facts: SELFTEST_FACTS, from outside. Prints "attempt<tab>verdict<tab>how" lines. */
#define SELFTEST_FACTS "root=%d,net=%d,pids=%d,userns=%d,mounts=%d,ports=%d,caps=%llx"
struct selftest_facts {
        int is_root; /* real root runs the runtime: ids are a private range */
        int has_net; /* the played network is there */
        int has_pids; /* SELFTEST_PIDS were asked for */
        int has_userns, has_mounts; /* the profile lets builds have them */
        int has_ports; /* landlock.tcpPorts */
        unsigned long long caps; /* the most that the profile leaves */
};
int selftest_inside(const char *facts);
const char *selftest_verdict_name(enum selftest_verdict verdict); /* "held", "FAILED", "untried" */

/* What the two sides agree on. */
#define SELFTEST_HOST "192.0.2.1" /* RFC 5737: for documentation, nobody's */
#define SELFTEST_BUILD "192.0.2.2"
#define SELFTEST_HOST6 "fd00:db8::1"
#define SELFTEST_BUILD6 "fd00:db8::2"
#define SELFTEST_INTERNET "1.1.1.1"
#define SELFTEST_METADATA "169.254.169.254"
#define SELFTEST_TCP_PORT 80
#define SELFTEST_CLOSED_PORT 1 /* that no policy lists */
#define SELFTEST_UDP_PORT 53
#define SELFTEST_ABSTRACT "runb-selftest"
#define SELFTEST_KEY "runb-selftest"
#define SELFTEST_SECRET "RUNB_SELFTEST_SECRET"
#define SELFTEST_PROGRAM "/battery"
#define SELFTEST_DEVICE "/device" /* a node in the root file system: /dev/zero's */
#define SELFTEST_MADE "/made" /* by the build; the host looks whose it is */
#define SELFTEST_DONE "/done" /* by the host: no exec comes any more */
#define SELFTEST_NOW "now\n" /* by the battery: let an exec come */
#define SELFTEST_PIDS 64

/* ---- for selftest*.c ---- */

#define SELFTEST_LISTENERS 3

/* The played network: a veth pair from here to @netns_pid's network namespace, addresses on this end, and what listens
 * on them. 0 or a negative errno. Nothing stays when both namespaces have gone. */
int selftest_net_host(int netns_fd, int ret_listeners[SELFTEST_LISTENERS]);
/* The other end, called in there: its addresses and its routes, which lead here. */
int selftest_net_build(void);
/* Answers whoever came. */
void selftest_net_answer(const int listeners[SELFTEST_LISTENERS]);
