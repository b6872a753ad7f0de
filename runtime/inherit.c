#include "runtime/inherit.h"

enum {
        INHERIT_CAPS = 1u << 0,
        INHERIT_RLIMITS = 1u << 1,
        INHERIT_SCHEDULER = 1u << 2,
        INHERIT_IO_PRIORITY = 1u << 3,
        INHERIT_AFFINITY = 1u << 4,
        INHERIT_OOM_SCORE = 1u << 5,
        INHERIT_UMASK = 1u << 6,
        INHERIT_PERSONALITY = 1u << 7,  /* no process.json has one */
};

static uint32_t given(const struct spec_process *process)
{
        return (process->caps.is_given ? INHERIT_CAPS : 0u) | (process->n_rlimits > 0 ? INHERIT_RLIMITS : 0u) |
               (process->scheduler.is_given ? INHERIT_SCHEDULER : 0u) |
               (process->has_io_priority ? INHERIT_IO_PRIORITY : 0u) |
               (process->affinity_initial != NULL || process->affinity_final != NULL ? INHERIT_AFFINITY : 0u) |
               (process->has_oom_score_adj ? INHERIT_OOM_SCORE : 0u) | (process->user.has_umask ? INHERIT_UMASK : 0u);
}

uint32_t inherit_note(const struct spec *spec)
{
        return given(&spec->process) | (spec->linux_.has_personality ? INHERIT_PERSONALITY : 0u);
}

uint32_t inherit_missing(uint32_t noted, const struct spec_process *process)
{
        return noted & ~given(process);
}

void inherit_fill(const struct spec *spec, uint32_t missing, struct spec_process *process)
{
        const struct spec_process *container = &spec->process;

        if (missing & INHERIT_CAPS)
                process->caps = container->caps;
        if (missing & INHERIT_RLIMITS) {
                process->rlimits = container->rlimits;
                process->n_rlimits = container->n_rlimits;
        }
        if (missing & INHERIT_SCHEDULER)
                process->scheduler = container->scheduler;
        if (missing & INHERIT_IO_PRIORITY) {
                process->has_io_priority = true;
                process->io_priority = container->io_priority;
        }
        if (missing & INHERIT_AFFINITY) {
                process->affinity_initial = container->affinity_initial;
                process->affinity_final = container->affinity_final;
        }
        if (missing & INHERIT_OOM_SCORE) {
                process->has_oom_score_adj = true;
                process->oom_score_adj = container->oom_score_adj;
        }
        if (missing & INHERIT_UMASK) {
                process->user.has_umask = true;
                process->user.umask = container->user.umask;
        }
}
