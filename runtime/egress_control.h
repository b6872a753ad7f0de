/* The egress table of a container that is there: whether it still holds, and what it has counted. */
#pragma once

#include "policies/findings.h"
#include "policies/policy.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/egress.h"
#include "runtime/state.h"

/* What goes into state.egress_version: the table of another version of ours cannot be compared. */
#define EGRESS_VERSION 2u

/* One destination and how much went, or was to go, there. */
struct egress_attempt {
        bool is_refused, is_v6;
        bool is_rest;                   /* of all destinations that found no place in a full list: only packets and bytes */
        unsigned char address[16];      /* of IPv4 the first four bytes */
        uint8_t protocol;
        uint16_t port;                  /* 0: a protocol without ports */
        uint64_t packets, bytes;
        const char *name;               /* the policy's host name for the address; NULL */
        const char *const *processes; size_t n_processes;       /* of those that tried, where that is known */
};

/* Keeps the batch beside the record, for those that check it later. */
int egress_keep(const struct state_dir *dir, const struct egress_batch *batch, struct error *err);

/* Where egress_child_install() found a table: it stays, is replaced or this container is refused (rule "egress"), according to
 * whether a container lives by it. Parent, while init waits.
 * @fd: a NETLINK_NETFILTER socket of the network namespace. @batch: of @rules; another one where the lists of both had to be
 * joined. */
int egress_take_over(int fd, const struct sandbox_egress *rules, uint64_t netns, pid_t init, struct egress_batch *batch,
                     bool *ret_is_joined, struct error *err);

/* Keeps the network namespace of a container whose destinations are counted until egress_unpin(), whoever else leaves it. Where
 * this caller may not mount: nothing. */
void egress_pin(const struct state_dir *dir, const struct state *state);
/* Before the container's folder goes. Success where there is nothing; may run twice. */
bool egress_is_pinned(const struct state_dir *dir);
int egress_unpin(const struct state_dir *dir, struct error *err);

/* A NETLINK_NETFILTER socket of the container's network namespace, which lives as long as the socket. -ESRCH: it has ended
 * with its last process. May be called by anybody who may exec in the container. */
int egress_open(const struct state_dir *dir, const struct state *state, int *ret_fd, struct error *err);

/* Refuses (rule "egress") where the table of a container is not what was installed. */
int egress_check(const struct state_dir *dir, const struct state *state, struct error *err);

/* The same by a socket of its network namespace. */
int egress_check_by(int fd, const struct state_dir *dir, const struct state *state, struct error *err);

/* The number of changes to any nf_tables rules of the namespace of @fd, which the kernel counts: the same one later means that
 * they are the same. 0: not known. */
uint32_t egress_generation(int fd);

/* Reads what was counted. @fd: of egress_open(). The list is the arena's, the refused ones first. */
int egress_read(int fd, struct arena *arena, struct egress_attempt **ret_attempts, size_t *ret_n, struct error *err);

/* Tells those by name that the container's policy knows by name. */
int egress_name_attempts(const struct state_dir *dir, const struct state *state, struct arena *arena,
                         struct egress_attempt *attempts, size_t n, struct error *err);

#define EGRESS_ATTEMPT_TEXT 384
/* "203.0.113.5 tcp 443", "203.0.113.5 tcp 80 (pkg.example.org)", "more destinations". @ret_text: EGRESS_ATTEMPT_TEXT bytes. */
void egress_attempt_text(const struct egress_attempt *attempt, char *ret_text, size_t size);
const char *egress_protocol_name(uint8_t protocol);

/* As members of a JSON object: "refused":[{"address":...}],"passed":[...]; and "refusedRest":{"packets":...,"bytes":...} and
 * "passedRest", of destinations that found no place in a full list, where there were some. */
void egress_write_json(const struct egress_attempt *attempts, size_t n, struct text_buffer *out);

struct egress_end {
        int fd;                         /* of egress_open() */
        int who_fd;                     /* of egress_who_open(); UNSET_FD: it is opened where there is something to tell */
        uint32_t generation;            /* when the table was whole; 0: not known */
};

struct egress_told {
        struct egress_attempt *attempts; size_t n;      /* with names */
        struct findings findings;       /* the table is not what was installed */
        struct text_buffer json;        /* owned: what the audit log gets; empty: nothing */
};

/* At the end of a container: checks the table and reads it. Success where that cannot be read: there is nothing, then.
 * @has_log: it is for a record, too. @ret_told: set in any case. */
int egress_tell(const struct egress_end *end, bool has_log, const struct state_dir *dir, const struct state *state, struct arena *arena,
                struct egress_told *ret_told, struct error *err);
struct audit_record;
/* @told: as long as the record. Its event is NULL where there is nothing to tell. */
void egress_told_record(const struct egress_told *told, const struct state *state, struct audit_record *ret_record);
/* Both, and writes it into the audit file of @policy. Returns 0, also where there is nothing to read; or what audit_write() says. */
int egress_record(const struct egress_end *end, const struct policy *policy, const struct state_dir *dir, const struct state *state,
                  struct arena *arena, struct error *err);
