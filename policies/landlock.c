/* Abstract sockets of a network namespace that the build does not have to itself (CVE-2020-15257): no file stands for
 * one, so neither ids nor mounts keep the build from a daemon that listens on it.
 *
 * Landlock's scope does (LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET), at a price. A domain is handed on by fork alone: init and
 * what exec starts later can never be in the same one, and siblings reach neither each other's abstract sockets nor,
 * as with any domain, /proc/PID/fd, exe and environ. CI systems start each step of a job by exec, the X server in one
 * and its clients in the next, and log to /proc/1/fd/1. A process in the domain that forks for exec would be a daemon.
 * So the scope is put up where there is somebody to be kept from, and only there:
 *
 *   a namespace that we make              open: nobody else is in it
 *   the host's (by an exception only)     scoped
 *   one named by a process                open where that process has an id of the build's own range, which only its pod
 *                                         has: containers of a pod share loopback just so; else scoped. One to one maps
 *                                         (rootless) tell nobody apart: as the next line
 *   one with a name of its own            what engines make for a container, empty when they call us, or what the host's
 *                                         administrator made for others: scoped where an abstract name is in use when it
 *                                         is joined. Open where the engine says whose pod it is.
 *
 * No other scope and no rule for files: init and exec have to signal each other, and mount(2) fails in a domain that
 * handles files. */
#include "policies/landlock.h"

#include "policies/judge.h"

static enum sandbox_abstract of_namespace(const struct judge *judge, const struct sandbox *sandbox)
{
        const struct spec_namespace *ns = &sandbox->spec.linux_.namespaces[SPEC_NS_NET];
        const struct host_namespace *fact = &judge->host->namespaces[SPEC_NS_NET];

        if (!ns->is_given)
                return SANDBOX_ABSTRACT_SCOPED;
        if (ns->path == NULL)
                return SANDBOX_ABSTRACT_OPEN;
        if (fact->is_host)
                return SANDBOX_ABSTRACT_SCOPED;
        if (fact->is_of_process && sandbox->ids != SANDBOX_IDS_IDENTITY)
                return SANDBOX_ABSTRACT_UNLESS_POD;
        return sandbox->group_key != NULL ? SANDBOX_ABSTRACT_OPEN : SANDBOX_ABSTRACT_IF_FOUND;
}

int policy_landlock_judge(struct judge *judge, struct sandbox *sandbox)
{
        const char *path = sandbox->spec.linux_.namespaces[SPEC_NS_NET].path;
        const char *asked = path != NULL ? path : "the host's network";
        const char *const property = "linux.namespaces (network)";

        sandbox->abstract_sockets = of_namespace(judge, sandbox);
        if (sandbox->abstract_sockets == SANDBOX_ABSTRACT_OPEN)
                return 0;
        if (judge->host->landlock_abi < POLICY_LANDLOCK_SCOPE_ABI) {
                sandbox->abstract_sockets = SANDBOX_ABSTRACT_OPEN;
                judge_record(judge, "landlock", property, asked,
                             "abstract sockets of others in it stay within reach: this kernel has no Landlock scope for "
                             "them (Linux 6.12, CONFIG_SECURITY_LANDLOCK, lsm=landlock)");
        } else if (sandbox->abstract_sockets == SANDBOX_ABSTRACT_SCOPED) {
                judge_tighten(judge, "landlock", property, asked, POLICY_LANDLOCK_SCOPED);
        }
        return 0;
}
