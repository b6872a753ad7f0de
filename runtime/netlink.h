/* netlink(7): messages as bytes, and the socket. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* ---- writing ---- */

/* @bytes: the caller's, aligned to NLMSG_ALIGNTO. */
struct netlink_writer {
        char *bytes;
        size_t size, length;
        size_t message;         /* where the current one begins */
        uint32_t sequence;
        bool is_full;           /* something did not fit: the whole is of no use */
};

/* Zeroed room behind what is there; NULL when it is full. */
void *netlink_put(struct netlink_writer *w, size_t length);
void netlink_attr(struct netlink_writer *w, uint16_t type, const void *value, size_t length);
void netlink_attr_text(struct netlink_writer *w, uint16_t type, const char *text);
size_t netlink_nest(struct netlink_writer *w, uint16_t type);
void netlink_nest_end(struct netlink_writer *w, size_t at);
void netlink_message(struct netlink_writer *w, uint16_t type, uint16_t flags);
void netlink_message_end(struct netlink_writer *w);

/* ---- reading ---- */

struct netlink_attrs {
        const char *bytes;
        size_t length;
};

struct nlattr;
/* Takes the first attribute off; false at the end. */
bool netlink_next_attr(struct netlink_attrs *attrs, struct nlattr *ret_header, struct netlink_attrs *ret_value);
bool netlink_find_attr(struct netlink_attrs attrs, uint16_t type, struct netlink_attrs *ret_value);

/* ---- the socket; safe between clone and exec ---- */

/* A netlink socket of the namespace that the caller is in, or -1 and errno. */
int netlink_open(int protocol);
/* Sends to the kernel as one datagram; it has answered when this returns. */
int netlink_send(int fd, const struct iovec *parts, size_t n_parts);
/* One datagram of the kernel's; -1 and errno, EPROTO when there is none to read or it was cut. */
ssize_t netlink_receive(int fd, void *bytes, size_t size);
/* Sends, and reads the acknowledgement (NLM_F_ACK) or the first error. 0, or -1 and errno. */
int netlink_call(int fd, const struct iovec *parts, size_t n_parts);
/* The same through a socket of its own. */
int netlink_transact(int protocol, const struct iovec *parts, size_t n_parts);
