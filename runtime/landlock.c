/* Before clone: what the kernel can do, and the last question that policy leaves open, which needs the range of ids. */
#include "runtime/landlock.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/userns.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#ifndef LANDLOCK_CREATE_RULESET_VERSION
#define LANDLOCK_CREATE_RULESET_VERSION (1u << 0)
#endif

unsigned landlock_abi(void)
{
        /* landlock_create_ruleset(2): ENOSYS, not built; EOPNOTSUPP, not switched on. */
        long version = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);

        return version > 0 ? (unsigned)version : 0;
}

static bool is_in_range(uint32_t id, const struct spec_id_map *map, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (id >= map[i].outside && id - map[i].outside < map[i].size)
                        return true;
        return false;
}

void landlock_plan_make(const struct sandbox *sandbox, const struct host *host, const struct spec_id_map *uid_map,
                        size_t n_uid_map, struct landlock_plan *ret_plan)
{
        struct landlock_plan plan = { 0 };

        switch (sandbox->abstract_sockets) {
        case SANDBOX_ABSTRACT_OPEN:
                break;
        case SANDBOX_ABSTRACT_SCOPED:
                plan.is_scoped = true;
                break;
        case SANDBOX_ABSTRACT_IF_FOUND:
                plan.is_scoped_if_found = true;
                break;
        case SANDBOX_ABSTRACT_UNLESS_POD:
                plan.is_scoped = !is_in_range(host->namespaces[SPEC_NS_NET].process_uid, uid_map, n_uid_map);
                break;
        }
        *ret_plan = plan;
}
