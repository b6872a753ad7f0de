/* What of Landlock a build is put under (landlock(7)): the scope of abstract sockets. */
#pragma once

#include "policies/sandbox.h"

struct judge;

#define POLICY_LANDLOCK_SCOPE_ABI 6     /* Linux 6.12: LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET */

/* What a finding says the build got. */
#define POLICY_LANDLOCK_SCOPED \
        "abstract sockets of others in it are out of reach; init and exec do not reach each other's, either"

/* Sets sandbox->abstract_sockets. Rule "landlock". After the namespaces and the ids. */
int policy_landlock_judge(struct judge *judge, struct sandbox *sandbox);
