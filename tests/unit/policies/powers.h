/* What a sandbox gives, as a measure that can be compared in each dimension; and the small world that requests and profiles
 * are made of where it is taken. */
#pragma once

#include "tests/unit/policies/request.h"

#define N(array) (sizeof(array) / sizeof *(array))
#define OWN_LIMIT 5000u /* what a build would inherit where nothing is said */

enum {
        N_VARIABLES = 5,
        N_ENV_PATTERNS = 3,
        N_DEVICES = 3,
        N_PLACES = 6,
        N_PLACE_PATTERNS = 5,
        N_HOOK_LISTS = 2,
        N_CIDRS = 5,
        N_PORT_LISTS = 3,
        N_DOORS = 10,
        N_MASKED = 4,
        N_READONLY = 3,
};

struct place {
        const char *path;
        mode_t type;
        bool is_closed; /* by itself */
};

/* What is knocked at; IPv4. */
struct door {
        uint32_t address;
        uint8_t protocol;
        uint16_t port;
        bool is_closed, is_private; /* always; unless a private network is listed */
};

extern const char *const variables[N_VARIABLES], *const env_patterns[N_ENV_PATTERNS];
extern const struct policy_device devices[N_DEVICES];
extern const struct place places[N_PLACES];
extern const char *const place_patterns[N_PLACE_PATTERNS], *const hook_lists[N_HOOK_LISTS], *const cidrs[N_CIDRS];
extern const struct policy_ports port_lists[N_PORT_LISTS];
extern const struct door doors[N_DOORS];
/* What no sandbox may lack, picked by hand from what runc masks. */
extern const char *const masked[N_MASKED], *const readonly[N_READONLY];

enum { BOUNDING, EFFECTIVE, PERMITTED, INHERITABLE, AMBIENT, SETS };

struct powers {
        uint64_t caps[SETS];
        bool can_gain_privileges;
        uint64_t core, nofile, fsize, rtprio, nice;
        int oom_score;
        double pids, memory, swap, cpus, weight, wall;
        unsigned variables; /* bits, as in the worlds above */
        unsigned access[N(devices)]; /* of the control group's rules; bit 3: the node is made */
        unsigned doors, tcp_ports;
        bool is_open_inside, is_audit, is_scoped, has_landlock_ports;
        bool writes_tree, writes_root, setuid_files;
        uint32_t user_namespaces, namespaces;
        enum policy_seccomp_base base;
        bool speculates;
        unsigned lost_masks, lost_readonly; /* of those that each sandbox has */
        unsigned hosts_namespaces;
        unsigned places, writable, suid, dev; /* which of them are seen, and how */
        unsigned n_hooks;
};

/* Of a request that passed. */
void powers_measure(const struct request *q, struct powers *ret_powers);
/* Fails the test where @less has more than @more of anything. @what: says which it was. */
void powers_give_no_more(const struct powers *less, const struct powers *more, const char *what);
