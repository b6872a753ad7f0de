/* Abstract sockets of a network namespace that the build does not have to itself (CVE-2020-15257): no file stands for
 * one, so neither ids nor mounts keep the build from a daemon that listens on it.
 *
 * Landlock's scope does (LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET), at a price. A domain is handed on by fork alone: init
 * and what exec starts later can never be in the same one, and siblings reach neither each other's abstract sockets
 * nor, as with any domain, /proc/PID/fd, exe and environ. CI systems start each step of a job by exec, the X server in
 * one and its clients in the next, and log to /proc/1/fd/1. A process in the domain that forks for exec would be a
 * daemon. So the scope is put up where there is somebody to be kept from, and only there:
 *
 *   a namespace that we make              open: nobody else is in it
 *   the host's (by an exception only)     scoped
 *   one named by a process                open where that process has an id of the build's own range, which only its
 * pod
 *                                         has: containers of a pod share loopback just so; else scoped. One to one maps
 *                                         (rootless) tell nobody apart: as the next line
 *   one with a name of its own            what engines make for a container, empty when they call us, or what the
 * host's
 *                                         administrator made for others: scoped where an abstract name is in use when
 * it
 *                                         is joined. Open where the engine says whose pod it is.
 *
 * No other scope and no rule for files: init and exec have to signal each other, and mount(2) fails in a domain that
 * handles files.
 *
 * TCP ports, where the profile asks for it (landlock.tcpPorts): connect(2) to a port that no entry of egress.allow has
 * fails, whatever becomes of the table of the network namespace. Never by itself, as Landlock sees a port and no
 * address: a test that talks to a server on a loopback port of its own choice, as most suites do, fails with
 * "permission denied" (tests/sandbox/landlock_ports.sh shows both). It costs what a domain costs, see above: init and
 * exec do not see into each other's /proc/PID. */
#include "policies/landlock.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "policies/judge.h"
#include "runtime/base/auto.h"
#include "runtime/base/text.h"

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

static int compare_ports(const void *a, const void *b)
{
        const struct policy_ports *one = a, *other = b;

        return (int)one->first - (int)other->first;
}

/* Of all that the table lets out, wherever it lies. */
static int gather_ports(struct arena *arena, const struct sandbox_egress *egress, struct sandbox_tcp_ports *ports)
{
        struct policy_ports *items = arena_array(arena, egress->n_ranges + 1, sizeof *items);
        size_t n = 0, n_merged = 0;

        if (items == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < egress->n_ranges; i++) {
                const struct egress_range *range = &egress->ranges[i];

                if (range->protocol_first <= IPPROTO_TCP && range->protocol_last >= IPPROTO_TCP)
                        items[n++] = (struct policy_ports){ range->port_first, range->port_last };
        }
        qsort(items, n, sizeof *items, compare_ports);
        for (size_t i = 0; i < n; i++) {
                struct policy_ports *last = n_merged > 0 ? &items[n_merged - 1] : NULL;

                if (last == NULL || items[i].first > (uint32_t)last->last + 1)
                        items[n_merged++] = items[i];
                else if (items[i].last > last->last)
                        last->last = items[i].last;
        }
        ports->items = items;
        ports->n = n_merged;
        return 0;
}

static size_t count_ports(const struct sandbox_tcp_ports *ports)
{
        size_t n = 0;

        for (size_t i = 0; i < ports->n; i++)
                n += (size_t)ports->items[i].last - ports->items[i].first + 1;
        return n;
}

static int judge_ports(struct judge *judge, struct sandbox *sandbox)
{
        const char *const rule = "landlock.tcpPorts", *const property = "linux.namespaces (network)";
        const char *const asked = "TCP to any port";
        auto_buffer struct text_buffer said = { 0 };
        struct sandbox_tcp_ports ports = { .is_limited = true };
        size_t n;

        if (!judge->policy->profile.landlock_tcp_ports)
                return 0;
        if (sandbox->egress.is_audit) {
                judge_record(judge, rule, property, asked, "any port: egress.mode is audit, which lets them all out");
                return 0;
        }
        if (judge->host->landlock_abi < POLICY_LANDLOCK_TCP_ABI) {
                judge_record(
                        judge, rule, property, asked,
                        "the table of the network namespace alone holds: this kernel has no Landlock rules for TCP "
                        "(Linux 6.7, CONFIG_SECURITY_LANDLOCK, lsm=landlock)");
                return 0;
        }
        if (gather_ports(judge->arena, &sandbox->egress, &ports) < 0)
                return -ENOMEM;
        n = count_ports(&ports);
        if (n > POLICY_LANDLOCK_MAX_PORTS) {
                judge_refuse(
                        judge, rule, property, asked, NULL,
                        "egress.allow has %zu TCP ports, and Landlock takes them one by one, %d at most; list fewer, "
                        "or leave landlock.tcpPorts away",
                        n, POLICY_LANDLOCK_MAX_PORTS);
                return 0;
        }
        for (size_t i = 0; i < ports.n; i++) {
                text_addf(&said, "%s%u", i == 0 ? "to " : ", ", ports.items[i].first);
                if (ports.items[i].last > ports.items[i].first)
                        text_addf(&said, "-%u", ports.items[i].last);
        }
        text_addf(&said, "%s; on loopback, too; init and exec do not see into each other's /proc/PID",
                  n == 0 ? "to none" : "");
        if (said.is_broken)
                return -ENOMEM;
        judge_tighten(judge, rule, property, asked, said.text);
        sandbox->tcp_ports = ports;
        return 0;
}

static void judge_scope(struct judge *judge, struct sandbox *sandbox)
{
        const char *path = sandbox->spec.linux_.namespaces[SPEC_NS_NET].path;
        const char *asked = path != NULL ? path : "the host's network";
        const char *const property = "linux.namespaces (network)";

        sandbox->abstract_sockets = of_namespace(judge, sandbox);
        if (sandbox->abstract_sockets == SANDBOX_ABSTRACT_OPEN)
                return;
        if (judge->host->landlock_abi < POLICY_LANDLOCK_SCOPE_ABI) {
                sandbox->abstract_sockets = SANDBOX_ABSTRACT_OPEN;
                judge_record(
                        judge, "landlock", property, asked,
                        "abstract sockets of others in it stay within reach: this kernel has no Landlock scope for "
                        "them (Linux 6.12, CONFIG_SECURITY_LANDLOCK, lsm=landlock)");
        } else if (sandbox->abstract_sockets == SANDBOX_ABSTRACT_SCOPED) {
                judge_tighten(judge, "landlock", property, asked, POLICY_LANDLOCK_SCOPED);
        }
}

int policy_landlock_judge(struct judge *judge, struct sandbox *sandbox)
{
        judge_scope(judge, sandbox);
        return judge_ports(judge, sandbox);
}
