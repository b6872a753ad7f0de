/* Default-deny egress: an nftables table `inet runb` in the build's network namespace, one netlink batch. It lets
 * loopback pass, and what the policy allows. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/sandbox.h"
#include "runtime/base/error.h"

/* Why installing failed, in a sentence. @error: the errno. */
int egress_explain(int error, struct error *err);

struct egress_batch {
        void *bytes;                    /* owned: free() */
        size_t length;
        size_t head_length;             /* the batch's first message */
        size_t remove_length;           /* behind it: the messages that remove an older table */
};

/* Builds the batch that adds or replaces the table in one transaction. Parent, before clone. Makes no system call. */
int egress_prepare(const struct sandbox_egress *rules, struct egress_batch *ret_batch, struct error *err);
void egress_batch_free(struct egress_batch *batch);

/* Child, inside the network namespace, with CAP_NET_ADMIN over it: sends the batch and reads what the kernel
 * says to it. Returns 0 or -1 and errno (EEXIST: a table is there, see egress_take_over(); EPROTONOSUPPORT, EOPNOTSUPP: no
 * nf_tables in this kernel; ENOENT: one of its modules nft_ct, nft_reject_inet is missing; EPERM: no CAP_NET_ADMIN over the
 * namespace). No heap.
 * @ret_fd: set on success: the socket that it was sent by; NULL: it is closed. */
int egress_child_install(const struct egress_batch *batch, int *ret_fd);
/* Child: loopback up by rtnetlink. Returns 0 or -1 and errno. */
int egress_child_loopback_up(void);

/* Is the table still what was installed? @fd: a NETLINK_NETFILTER socket of the network namespace; the caller has
 * CAP_NET_ADMIN over it. @batch: as it was installed. Returns 1 when it holds; 0 when it has gone or changed, and *err says
 * what; a negative errno when that cannot be found out. */
int egress_verify(int fd, const struct egress_batch *batch, struct error *err);
