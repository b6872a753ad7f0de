/* Between clone and exec: system calls only. */
#include "runtime/namespaces.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/sys.h"
#include "runtime/child.h"

void namespaces_child_join(const struct namespaces_plan *plan, const struct namespaces_ready *ready, int report_fd)
{
        static const enum spec_ns order[] = { SPEC_NS_NET, SPEC_NS_IPC, SPEC_NS_UTS, SPEC_NS_CGROUP, SPEC_NS_TIME,
                                              SPEC_NS_MOUNT };

        for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
                if (ready->fds[order[i]] >= 0 && setns(ready->fds[order[i]], 0) < 0)
                        child_fail(report_fd, STEP_NS_JOIN, order[i], errno);
        /* After the cgroup was joined, so that the namespace's root is it. */
        if (plan->has_new_cgroup && unshare(CLONE_NEWCGROUP) < 0)
                child_fail(report_fd, STEP_NS_UNSHARE, SPEC_NS_CGROUP, errno);
        if (plan->hostname != NULL && sethostname(plan->hostname, strlen(plan->hostname)) < 0)
                child_fail(report_fd, STEP_HOSTNAME, 0, errno);
        if (plan->domainname != NULL && setdomainname(plan->domainname, strlen(plan->domainname)) < 0)
                child_fail(report_fd, STEP_DOMAINNAME, 0, errno);
}
