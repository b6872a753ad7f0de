/* What the build's network namespace lets out: loopback only, whoever made the namespace. An interface of the host
 * that is moved in is a wire past that decision's author: the host loses it and the build's namespace holds its
 * addresses. */
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
                judge_refuse(judge, "netDevices", "linux.netDevices", linux_->net_devices[i].name, NULL,
                             "network device \"%s\" of the host would move into the build; drop it from "
                             "linux.netDevices", linux_->net_devices[i].name);
        return 0;
}
