/* Security modules: which labels exist is the host's and the engine's matter, and another label than the engine's would
 * not fit the files it has labelled. One that confines nothing is recorded. */
#include "policies/lsm.h"

#include <string.h>

#include "policies/judge.h"

int policy_lsm_judge(struct judge *judge, struct spec_process *process)
{
        if (process->apparmor_profile != NULL && strcmp(process->apparmor_profile, "unconfined") == 0)
                judge_record(judge, "lsm", "process.apparmorProfile", "unconfined", "unconfined");
        if (process->selinux_label != NULL && (strstr(process->selinux_label, ":spc_t:") != NULL ||
                                               strstr(process->selinux_label, ":unconfined_t:") != NULL))
                judge_record(judge, "lsm", "process.selinuxLabel", process->selinux_label, process->selinux_label);
        return 0;
}
