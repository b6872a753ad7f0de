/* The guards' own cgroup, GUARDS_CGROUP at the top of each hierarchy: an engine that ends or limits its own cgroup means its
 * processes, and a guard is none of them.
 *
 * The guard goes there itself, so that who makes it waits for nothing, and executes this program anew, since memory stays
 * charged to the cgroup that it was taken in (kernel docs, cgroup-v2, "Memory Ownership"). Where it cannot (a plain user, a
 * cgroup file system that is read-only) it stays where its maker is, and so it does with systemd, whose tree is its own to
 * arrange.
 *
 * Whoever deletes a container removes the folders, which works when no guard is left in them; one that comes at that moment
 * makes them again. */
#include "runtime/deadline.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/cgroups.h"
#include "runtime/host.h"

#define GUARDS_CGROUP "/runb-guards"
#define ATTEMPTS 20
#define MOMENT_NS 1000000       /* between two */

static int plan_folders(const struct state *state, struct arena *arena, struct cgroups_plan *ret_plan)
{
        static const struct spec_resources nothing;

        if (state->n_cgroups == 0 || state->systemd_unit != NULL || host_privilege() != HOST_REAL_ROOT)
                return -EOPNOTSUPP;
        return cgroups_plan(GUARDS_CGROUP, "", &nothing, false, arena, ret_plan, NULL);
}

static int join(const struct cgroups_plan *plan)
{
        auto_cgroups_ready struct cgroups_ready ready = { .v2_fd = UNSET_FD };
        int r = cgroups_prepare(plan, false, &ready, NULL);

        if (r < 0)
                return r;
        /* Nothing waits for one of them to be the last: a controller that takes no process leaves us with the others. */
        for (size_t i = 0; i < ready.n_join_fds; i++)
                if (write(ready.join_fds[i], "0", 1) < 0 && r == 0)
                        r = -errno;
        return ready.v2_fd >= 0 ? fd_write_file(ready.v2_fd, "cgroup.procs", "0") : r;
}

bool deadline_cgroup_enter(const struct state *state)
{
        const struct timespec moment = { .tv_nsec = MOMENT_NS };
        auto_arena struct arena arena = { 0 };
        struct cgroups_plan plan;
        int r = plan_folders(state, &arena, &plan);

        if (r < 0)
                return false;
        for (unsigned i = 0; i < ATTEMPTS; i++) {
                r = join(&plan);
                /* Removed meanwhile by whoever thought nobody was coming. */
                if (r != -ENODEV && r != -ENOENT)
                        break;
                nanosleep(&moment, NULL);
        }
        return r == 0;
}

/* Is nobody in them but the guard @pid, which is about to end? */
static bool is_ending(const struct cgroups_plan *plan, pid_t pid, struct arena *arena)
{
        pid_t *pids;
        size_t n;

        return cgroups_pids(plan->paths, plan->n_paths, plan->is_v2, arena, &pids, &n, NULL) == 0 &&
               (n == 0 || (n == 1 && pids[0] == pid));
}

void deadline_cgroup_remove(const struct state *state, pid_t pid)
{
        const struct timespec moment = { .tv_nsec = MOMENT_NS };
        auto_arena struct arena arena = { 0 };
        struct cgroups_plan plan;
        bool is_busy = false;

        if (plan_folders(state, &arena, &plan) < 0)
                return;
        for (unsigned i = 0; i < ATTEMPTS; i++) {
                is_busy = false;
                for (size_t at = 0; at < plan.n_paths; at++)
                        is_busy |= rmdir(plan.paths[at]) < 0 && errno == EBUSY;
                if (!is_busy || !is_ending(&plan, pid, &arena))
                        break;
                nanosleep(&moment, NULL);
        }
}
