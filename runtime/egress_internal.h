/* Between egress.c and egress_child.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* A netlink socket of the namespace that the caller is in, or -1 and errno. Safe between clone and exec. */
int egress_open(int protocol);
/* Sends to the kernel as one datagram; it has answered when this returns. */
int egress_send(int fd, const struct iovec *parts, size_t n_parts);
/* One datagram of the kernel's; -1 and errno, EPROTO when there is none to read or it was cut. */
ssize_t egress_receive(int fd, void *bytes, size_t size);
