/* A class of service that others use is a share that others counted on: a build gets one of its own, shares one with
 * other containers, or stays in the default class as it is. */
#include "policies/intelrdt.h"

#include <string.h>

#include "policies/judge.h"
#include "runtime/base/text.h"

int policy_intelrdt_judge(struct judge *judge, struct sandbox *sandbox)
{
        const struct spec_linux *linux_ = &sandbox->spec.linux_;
        const char *class = linux_->intel_rdt.clos_id;
        bool has_schema = !text_is_empty(linux_->intel_rdt.l3_cache_schema) ||
                          !text_is_empty(linux_->intel_rdt.mem_bw_schema) || linux_->intel_rdt.n_schemata > 0;

        if (!linux_->intel_rdt.is_given)
                return 0;
        if (text_is_empty(class))
                judge_record(judge, "intelRdt.closID", "linux.intelRdt", "a class of its own", "a class of its own");
        else if (strcmp(class, "/") == 0 && has_schema)
                judge_refuse(judge, "intelRdt.closID", "linux.intelRdt.closID", class, NULL,
                             "the shares of the default class \"/\" are the whole host's; leave closID out for a class "
                             "of the container's own, or l3CacheSchema, memBwSchema and schemata");
        else
                judge_record(judge, "intelRdt.closID", "linux.intelRdt.closID", class,
                             strcmp(class, "/") == 0 ? class : "joined only if made by this runtime or opened to it");
        return 0;
}
