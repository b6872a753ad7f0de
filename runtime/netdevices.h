/* linux.netDevices: network devices of the caller's network namespace that the container gets (runtime-spec 1.3,
 * config-linux.md "Network Devices"). */
#pragma once

#include <stddef.h>

#include "oci-spec/spec.h"
#include "runtime/base/arena.h"
#include "runtime/base/auto.h"
#include "runtime/base/error.h"

struct netdevices_moved;

/* The two ends. NETDEVICES_NONE is one that holds nothing. */
struct netdevices {
        int own_ns_fd, own_fd;          /* the caller's namespace, and a NETLINK_ROUTE socket in it */
        int ns_fd, route_fd;            /* the container's, both from init: it alone need be in there */
        struct netdevices_moved *moved; /* a list, the last one first */
};
#define NETDEVICES_NONE { UNSET_FD, UNSET_FD, UNSET_FD, UNSET_FD, NULL }

/* Moves each device with its permanent global addresses, names it and sets it up. ns_fd and route_fd have been filled in.
 * On a failure what has been moved is in @devices->moved, for netdevices_undo(). */
int netdevices_move(struct arena *arena, const struct spec_net_device *list, size_t n, struct netdevices *devices,
                    struct error *err);

/* Gives the devices back as they were, where a creation fails. Routes through them went with the move. May run twice. */
int netdevices_undo(struct netdevices *devices, struct error *err);

void netdevices_close(struct netdevices *devices);
