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
#define NICE_LIMIT_OF_0 20      /* getrlimit(2): the lowest nice value is 20 less the limit */

static const char *number(struct arena *arena, int64_t value)
{
        return arena_format(arena, "%" PRId64, value);
}

/* A limit as "SOFT:HARD". */
static const char *limit_text(struct arena *arena, const struct spec_rlimit *limit)
{
        return arena_format(arena, "%" PRIu64 ":%" PRIu64, limit->soft, limit->hard);
}

/* 1 and not 0, unless 0 is the most. */
static uint64_t within(uint64_t asked, uint64_t most)
{
        if (asked == 0)
                asked = 1;
        return asked < most ? asked : most;
}

/* core(5): with a piped core_pattern a limit of 0 still runs the host's helper as root; 1 does not. Where the process
 * may not raise its hard limit of 0, 0 is what it is. */
static void judge_core(struct judge *judge, const struct spec_rlimit *asked, struct spec_process *process,
                       struct spec_rlimit *limits)
{
        uint64_t core = policy_limit_most(&judge->policy->profile, POLICY_LIMIT_CORE);
        struct spec_rlimit limit;

        if (core > judge->host->core_limit_most)
                core = judge->host->core_limit_most;
        limit = (struct spec_rlimit){ .resource = RLIMIT_CORE, .name = "RLIMIT_CORE", .soft = core, .hard = core };
        if (asked != NULL) {
                limit.soft = within(asked->soft, core);
                limit.hard = within(asked->hard, core);
        }
        limits[process->n_rlimits++] = limit;
        if (asked != NULL && limit.soft == asked->soft && limit.hard == asked->hard)
                return;
        judge_tighten(judge, "limits.core", "process.rlimits (RLIMIT_CORE)",
                      asked == NULL ? "the caller's" : limit_text(judge->arena, asked),
                      limit.soft == limit.hard ? number(judge->arena, (int64_t)limit.hard) :
                                                 limit_text(judge->arena, &limit));
}

/* With these two the build could take by itself, by sched_setscheduler(2) or nice(2), what process.scheduler is not
 * given; the caller's own are inherited (limits.d gives the group `audio` 95 on many a desktop). */
static void judge_priority(struct judge *judge, int resource, const char *name, uint64_t most, uint64_t inherited,
                           const struct spec_rlimit *asked, struct spec_process *process, struct spec_rlimit *limits)
{
        if ((asked != NULL ? asked->hard : inherited) <= most) {
                if (asked != NULL)
                        limits[process->n_rlimits++] = *asked;
                return;
        }
        /* 0, which everybody may set, and not the most that would do no harm. */
        limits[process->n_rlimits++] = (struct spec_rlimit){ .resource = resource, .name = name };
        judge_tighten(judge, "limits.scheduler", arena_format(judge->arena, "process.rlimits (%s)", name),
                      asked == NULL ? "the caller's" : limit_text(judge->arena, asked), "0");
}

static int judge_rlimits(struct judge *judge, struct spec_process *process)
{
        const struct spec_rlimit *before = process->rlimits, *core = NULL, *rtprio = NULL, *nice = NULL;
        const size_t n = process->n_rlimits;
        struct spec_rlimit *limits = arena_array(judge->arena, n + 3, sizeof *limits);

        if (limits == NULL)
                return -ENOMEM;
        process->rlimits = limits;
        process->n_rlimits = 0;
        for (size_t i = 0; i < n; i++) {
                switch (before[i].resource) {
                case RLIMIT_CORE:
                        core = &before[i];
                        break;
                case RLIMIT_RTPRIO:
                        rtprio = &before[i];
                        break;
                case RLIMIT_NICE:
                        nice = &before[i];
                        break;
                default:
                        limits[process->n_rlimits++] = before[i];
                }
        }
        judge_core(judge, core, process, limits);
        judge_priority(judge, RLIMIT_RTPRIO, "RLIMIT_RTPRIO", 0, judge->host->rtprio_limit, rtprio, process, limits);
        judge_priority(judge, RLIMIT_NICE, "RLIMIT_NICE", NICE_LIMIT_OF_0, judge->host->nice_limit, nice, process,
                       limits);
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
        int r = judge_rlimits(judge, process);

        if (r == 0)
                r = policy_limits_judge_rlimits(judge, process);
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

/* Less than zero means no limit, and so does 0, though the runtime-spec takes it at its word since 1.3: podman 4 writes
 * 0 for --pids-limit -1. */
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

/* What no kernel of today does: without effect since Linux 5.16 (kmem limits) and 5.11 (use_hierarchy). */
static void record_obsolete(struct judge *judge, const struct spec_resources *resources)
{
        if (resources->memory.kernel.is_given && resources->memory.kernel.value != 0)
                judge_record(judge, "limits.memory", "linux.resources.memory.kernel",
                             number(judge->arena, resources->memory.kernel.value), "ignored: obsolete");
        if (resources->memory.kernel_tcp.is_given && resources->memory.kernel_tcp.value != 0)
                judge_record(judge, "limits.memory", "linux.resources.memory.kernelTCP",
                             number(judge->arena, resources->memory.kernel_tcp.value), "ignored: obsolete");
        if (resources->memory.use_hierarchy.is_given && resources->memory.use_hierarchy.value == 0)
                judge_record(judge, "limits.memory", "linux.resources.memory.useHierarchy", "false", "true");
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
        policy_limits_judge_profile(judge, resources, false);
        record_obsolete(judge, resources);
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
        policy_limits_judge_profile(judge, resources, true);
        record_obsolete(judge, resources);
        judge_real_time(judge, resources);
        return 0;
}
