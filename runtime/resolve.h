/* Host names to addresses, at a create whose policy lists some. */
#pragma once

#include "policies/host.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"

/* How long all names together may take. */
#define RESOLVE_LIMIT_MS 6000

/* Looks @names up in /etc/hosts, then asks the name servers of /etc/resolv.conf for the rest, all at once, as they are
 * (no search list). NULL names are left out. @ret_names: as many; what has no address says why. */
int resolve_names(struct arena *arena, const char *const *names, size_t n, struct host_name *ret_names, struct error *err);

/* ---- resolve_message.c: RFC 1035 ---- */

#define RESOLVE_MESSAGE_SIZE 1232       /* of an answer by UDP, without fragments */
#define RESOLVE_MAX_ADDRESSES 64

/* Writes a question for @name's addresses. Returns its length; 0 where the name is none. @message: 300 bytes. */
size_t resolve_write_question(const char *name, bool is_v6, uint16_t id, unsigned char *message);

enum resolve_outcome {
        RESOLVE_FOUND,          /* perhaps with no address */
        RESOLVE_UNKNOWN,        /* there is no such name */
        RESOLVE_CUT,            /* ask by TCP */
        RESOLVE_FAILED,         /* ask another server */
        RESOLVE_OTHER,          /* no answer to this question: go on waiting */
};

/* Reads an answer from whoever sent it: nothing in it is trusted. @ret_addresses: RESOLVE_MAX_ADDRESSES. */
enum resolve_outcome resolve_read_answer(const unsigned char *message, size_t length, const char *name, bool is_v6, uint16_t id,
                                         struct host_address *ret_addresses, size_t *ret_n);
