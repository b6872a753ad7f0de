/* Default-deny egress: an nftables table `inet runb` in the build's network namespace, one netlink batch
 * (POLICY.md "Egress"). Here: only loopback passes; the allow list comes with issue "runb 4". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

struct egress_batch {
        void *bytes;                    /* owned: free() */
        size_t length;
        unsigned n_acks;                /* acknowledgements to expect */
};

/* Builds the batch that adds and replaces the table in one transaction. Parent, before clone. */
int egress_prepare(struct egress_batch *ret_batch, struct error *err);
void egress_batch_free(struct egress_batch *batch);

/* Child, inside the network namespace, with CAP_NET_ADMIN over it: sends the batch and reads every acknowledgement.
 * Returns 0 or -1 and errno (ENOPROTOOPT/EPROTONOSUPPORT: no nf_tables in this kernel). No heap. */
int egress_child_install(const struct egress_batch *batch);
/* Child: loopback up by rtnetlink. Returns 0 or -1 and errno. */
int egress_child_loopback_up(void);

/* Is the table still what was installed? Called in the network namespace (a forked child that joined it, or
 * after setns). Returns 1 when it holds, 0 when it has gone or changed, a negative errno. */
int egress_verify(struct error *err);
