/* What of Landlock a build is put under (landlock(7)): the scope of abstract sockets. */
#pragma once

#include "policies/sandbox.h"

struct judge;

#define POLICY_LANDLOCK_SCOPE_ABI 6     /* Linux 6.12: LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET */

/* What a finding says the build got. */
#define POLICY_LANDLOCK_SCOPED \
        "abstract sockets of others in it are out of reach; init and exec do not reach each other's, either"

#define POLICY_LANDLOCK_TCP_ABI 4       /* Linux 6.7: LANDLOCK_ACCESS_NET_CONNECT_TCP */
#define POLICY_LANDLOCK_MAX_PORTS 4096  /* each is a rule, and a system call of each create and exec */

/* Sets sandbox->abstract_sockets and sandbox->tcp_ports. Rules "landlock" and "landlock.tcpPorts". After the
 * namespaces, the ids and egress. */
int policy_landlock_judge(struct judge *judge, struct sandbox *sandbox);
