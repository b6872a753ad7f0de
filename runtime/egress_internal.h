/* Between egress.c, which says what is in the table, egress_encode.c and egress_sets.c, which write it as messages, and
 * egress_verify.c and egress_read.c, which read it back. */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/egress.h"
#include "runtime/netlink.h"

#define EGRESS_TABLE "runb"
/* Chains that count what goes no further, and what goes out. */
#define EGRESS_REFUSED "refused"
#define EGRESS_PASSED "passed"
/* Enough for everything but the elements of the sets. */
#define EGRESS_BATCH_SIZE 16384
/* Of the text that says whose table it is, with its end. */
#define EGRESS_MARK_SIZE 192

/* Sets of addresses with protocol and port. */
enum egress_set {
        EGRESS_REFUSED_4, EGRESS_REFUSED_6,     /* what was tried and refused, with counters */
        EGRESS_PASSED_4, EGRESS_PASSED_6,       /* what went out, with counters */
        EGRESS_ALLOWED_4, EGRESS_ALLOWED_6,     /* what may go out */
        EGRESS_SETS
};
const char *egress_set_name(enum egress_set set);
/* The bytes of a key: address, protocol and port, in registers of four bytes each. */
#define EGRESS_KEY_4 12
#define EGRESS_KEY_6 24

/* What the mark of a table, its user data, says of it: "profile NAME, rules HASH, list HASH", the two only where there is more
 * than every container gets. */
enum egress_mark { EGRESS_MARK_OTHER, EGRESS_MARK_SAME_RULES, EGRESS_MARK_SAME };

/* ---- egress_encode.c ---- */

struct egress_rule {
        struct netlink_writer *w;
        size_t expressions;
};

void egress_attr_u32(struct netlink_writer *w, uint16_t type, uint32_t value);
void egress_message(struct netlink_writer *w, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource);
/* Begins a message about something of a table. */
void egress_table_message(struct netlink_writer *w, uint16_t type, uint16_t flags);
void egress_put_table(struct netlink_writer *w, uint16_t type, uint16_t flags, const char *mark);
void egress_put_chain(struct netlink_writer *w, const char *name, uint32_t hook);
void egress_put_subchain(struct netlink_writer *w, const char *name);

struct egress_rule egress_rule_begin(struct netlink_writer *w, const char *chain);
void egress_rule_end(struct egress_rule *rule);
void egress_load_meta(struct netlink_writer *w, uint32_t key);
void egress_load_meta_to(struct netlink_writer *w, uint32_t to, uint32_t key);
void egress_load_payload(struct netlink_writer *w, uint32_t base, uint32_t offset, uint32_t length);
void egress_load_payload_to(struct netlink_writer *w, uint32_t to, uint32_t base, uint32_t offset, uint32_t length);
void egress_load_zero_to(struct netlink_writer *w, uint32_t to);
void egress_load_ct(struct netlink_writer *w, uint32_t key);
void egress_compare(struct netlink_writer *w, uint32_t op, const void *value, size_t length);
void egress_compare_u8(struct netlink_writer *w, uint32_t op, uint8_t value);
void egress_has_any_bit(struct netlink_writer *w, uint32_t bits);
void egress_verdict(struct netlink_writer *w, uint32_t code);
void egress_go_to(struct netlink_writer *w, const char *chain);
void egress_reject(struct netlink_writer *w);
/* Goes on where the set has what the first register and those behind it hold. */
void egress_lookup(struct netlink_writer *w, const char *set);
/* Puts that into the set, or counts it there; a set that is full ends the rule. */
void egress_count_in(struct netlink_writer *w, const char *set);
/* Counts whatever comes by. */
void egress_count(struct netlink_writer *w);

/* ---- egress_sets.c ---- */

/* The sets of @rules that the kernel fills. */
void egress_put_sets(struct netlink_writer *w, const struct sandbox_egress *rules);
/* How many bytes the elements need; and the elements. */
size_t egress_elements_size(const struct sandbox_egress *rules);
void egress_put_elements(struct netlink_writer *w, const struct sandbox_egress *rules);

/* ---- egress_verify.c: what the kernel has ---- */

struct egress_reader {
        int fd;
        char bytes[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
        size_t left;
        struct nlmsghdr *header;
};

/* Asks; @name: of the chain or set, NULL: none. Returns 0 or a negative errno. */
int egress_ask(struct egress_reader *reader, uint16_t type, uint16_t flags, const char *name);
/* Asks for the generation of the rules. */
int egress_ask_generation(struct egress_reader *reader);
/* The next message of the answer; 0 at the end of a dump, 1, or a negative errno. */
int egress_next_answer(struct egress_reader *reader);
/* The attributes of an nf_tables message of that type; false for another. */
bool egress_message_attrs(const struct nlmsghdr *header, uint16_t type, struct netlink_attrs *ret_attrs);

/* @found: attributes of a table. */
enum egress_mark egress_compare_mark(const struct egress_batch *batch, struct netlink_attrs found);

/* ---- egress_child.c ---- */

/* So that a message of that length can be sent. 0, or -1 and errno. */
int egress_child_make_room(int fd, size_t length);

/* ---- egress.c ---- */

/* @batch: its bytes are @size long and get the messages. False where that does not suffice. */
bool egress_put_batch(const struct sandbox_egress *rules, struct egress_batch *batch, size_t size);
