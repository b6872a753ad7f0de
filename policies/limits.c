/* Limits are lowered and filled in, never raised. What the profile says nothing of stays as the engine asked. */
#include "policies/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "policies/judge.h"
#include "policies/unified.h"
#include "runtime/base/text.h"

#define IOPRIO_CLASS_SHIFT 13   /* ioprio_set(2) */
#define IOPRIO_CLASS_REALTIME 1

static const char *number(struct arena *arena, int64_t value)
{
        return arena_format(arena, "%" PRId64, value);
}

/* core(5): with a piped core_pattern a limit of 0 still runs the host's helper as root; 1 does not. Where the process
 * may not raise its hard limit of 0, 0 is what it is. */
static int judge_core(struct judge *judge, struct spec_process *process)
{
        uint64_t core = policy_limit_most(&judge->policy->profile, POLICY_LIMIT_CORE);
        struct spec_rlimit *limits;
        const char *asked = "the caller's";
        size_t n = 0;

        if (core > judge->host->core_limit_most)
                core = judge->host->core_limit_most;
        limits = arena_array(judge->arena, process->n_rlimits + 1, sizeof *limits);
        if (limits == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < process->n_rlimits; i++) {
                if (process->rlimits[i].resource == RLIMIT_CORE)
                        asked = arena_format(judge->arena, "%" PRIu64 ":%" PRIu64, process->rlimits[i].soft,
                                             process->rlimits[i].hard);
                else
                        limits[n++] = process->rlimits[i];
        }
        limits[n++] = (struct spec_rlimit){
                .resource = RLIMIT_CORE, .name = "RLIMIT_CORE", .soft = core, .hard = core,
        };
        process->rlimits = limits;
        process->n_rlimits = n;
        judge_tighten(judge, "limits.core", "process.rlimits (RLIMIT_CORE)", asked,
                      number(judge->arena, (int64_t)core));
        return 0;
}

static void judge_scheduling(struct judge *judge, struct spec_process *process)
{
        struct spec_scheduler *scheduler = &process->scheduler;

        if (scheduler->is_given && (scheduler->policy == SCHED_FIFO || scheduler->policy == SCHED_RR ||
                                    scheduler->policy == 6 /* SCHED_DEADLINE */)) {
                judge_tighten(judge, "limits.scheduler", "process.scheduler", "a real-time policy", "SCHED_OTHER");
                *scheduler = (struct spec_scheduler){ .is_given = false };
        } else if (scheduler->is_given && scheduler->nice < 0) {
                judge_tighten(judge, "limits.scheduler", "process.scheduler.nice",
                              number(judge->arena, scheduler->nice), "0");
                scheduler->nice = 0;
        }
        if (process->has_io_priority && process->io_priority >> IOPRIO_CLASS_SHIFT == IOPRIO_CLASS_REALTIME) {
                judge_tighten(judge, "limits.scheduler", "process.ioPriority", "IOPRIO_CLASS_RT", "the default");
                process->has_io_priority = false;
                process->io_priority = 0;
        }
}

int policy_limits_judge_process(struct judge *judge, struct spec_process *process)
{
        int r = judge_core(judge, process);

        if (r < 0)
                return r;
        /* Missing stays missing: the caller's own score is inherited, as engines expect. */
        if (process->has_oom_score_adj && process->oom_score_adj < 0) {
                judge_tighten(judge, "limits.oomScoreAdj", "process.oomScoreAdj",
                              number(judge->arena, process->oom_score_adj), "0");
                process->oom_score_adj = 0;
        }
        judge_scheduling(judge, process);
        return 0;
}

/* Less than zero means no limit, and so does 0, though the runtime-spec takes it at its word since 1.3: podman 4 writes 0
 * for --pids-limit -1. */
static bool is_within(const struct judge *judge, int64_t limit)
{
        return limit > 0 && limit <= (int64_t)policy_limit_most(&judge->policy->profile, POLICY_LIMIT_PIDS);
}

static void judge_real_time(struct judge *judge, struct spec_resources *resources)
{
        if (resources->cpu.rt_runtime_us.is_given && resources->cpu.rt_runtime_us.value != 0) {
                judge_tighten(judge, "limits.scheduler", "linux.resources.cpu.realtimeRuntime",
                              number(judge->arena, resources->cpu.rt_runtime_us.value), "none");
                resources->cpu.rt_runtime_us = (struct spec_number){ .is_given = false };
                resources->cpu.rt_period_us = (struct spec_number){ .is_given = false };
        }
}

int policy_limits_judge_resources(struct judge *judge, struct spec_resources *resources)
{
        int64_t most = (int64_t)policy_limit_most(&judge->policy->profile, POLICY_LIMIT_PIDS);
        struct spec_number *pids = &resources->pids_limit;
        int r = policy_unified_judge(judge, resources);

        if (r < 0)
                return r;
        if (!pids->is_given || !is_within(judge, pids->value)) {
                bool was_limit = pids->is_given && pids->value > 0;

                judge_tighten(judge, "limits.pids", "linux.resources.pids.limit",
                              was_limit ? number(judge->arena, pids->value) : "no limit", number(judge->arena, most));
                *pids = (struct spec_number){ .is_given = true, .value = most };
        }
        judge_real_time(judge, resources);
        return 0;
}

int policy_limits_judge_update(struct judge *judge, struct spec_resources *resources)
{
        int64_t most = (int64_t)policy_limit_most(&judge->policy->profile, POLICY_LIMIT_PIDS);
        struct spec_number *pids = &resources->pids_limit;
        int r = policy_unified_judge(judge, resources);

        if (r < 0)
                return r;
        if (pids->is_given && pids->value != 0 && !is_within(judge, pids->value)) {
                judge_tighten(judge, "limits.pids", "linux.resources.pids.limit",
                              pids->value < 0 ? "no limit" : number(judge->arena, pids->value),
                              number(judge->arena, most));
                pids->value = most;
        }
        judge_real_time(judge, resources);
        return 0;
}
