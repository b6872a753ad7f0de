/* What the build's network namespace lets out: loopback only, whoever made the namespace.
 *
 * A device that config.json moves in (linux.netDevices) is taken like the interfaces that an engine's network plugin puts
 * there: the request is the engine's, which is root's, not the build's; and the table of the namespace holds for whatever
 * device there is or comes, as the build has no power over the namespace to change it, nor packet sockets to pass by it. What
 * is written down is that the host gave a device away and that little goes through it. */
#include "policies/egress.h"

#include "policies/judge.h"

int policy_egress_judge(struct judge *judge, struct sandbox *sandbox)
{
        const struct spec_linux *linux_ = &sandbox->spec.linux_;

        sandbox->egress_deny = true;
        if (!judge->host->has_nf_tables)
                judge_refuse(judge, "egress", "linux.namespaces (network)", "a network", NULL,
                             "this kernel has no nf_tables, so nothing would hold the build back; load the module "
                             "nf_tables");
        judge_tighten(judge, "egress", "linux.namespaces (network)", "whatever the namespace reaches",
                      "loopback and replies");
        for (size_t i = 0; i < linux_->n_net_devices; i++)
                judge_tighten(judge, "netDevices", "linux.netDevices", linux_->net_devices[i].name,
                              "moved from the caller's network namespace; answers and loopback alone leave the build");
        return 0;
}
