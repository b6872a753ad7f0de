/* Between egress.c, which writes the table, and egress_verify.c, which compares it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/egress.h"
#include "runtime/netlink.h"

#define EGRESS_TABLE "runb"
#define EGRESS_BATCH_SIZE 4096
#define EGRESS_N_CHAINS 3

struct egress_chain {
        const char *name;
        uint32_t hook;
};
extern const struct egress_chain egress_chains[EGRESS_N_CHAINS];

/* Begins a message about something of a table. */
void egress_table_message(struct netlink_writer *w, uint16_t type, uint16_t flags);
/* @batch: its bytes are @size long and get the messages. False where that does not suffice. */
bool egress_put_batch(struct egress_batch *batch, size_t size);
