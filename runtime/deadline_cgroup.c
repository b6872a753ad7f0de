/* The guards' own cgroup, GUARDS_CGROUP at the top of each hierarchy: an engine that ends or limits its own cgroup means its
 * processes, and a guard is none of them.
 *
 * The guard goes there itself, so that who makes it waits for nothing, and executes this program anew, since memory stays
 * charged to the cgroup that it was taken in (kernel docs, cgroup-v2, "Memory Ownership"). Where it cannot (a plain user, a
 * cgroup file system that is read-only) it stays where its maker is, and so it does with systemd, whose tree is its own to
 * arrange.
 *
 * Who ends removes the folders, which works when no other guard is left in them: a guard that ends by itself, else whoever
 * deletes the container, having killed it. One that comes at that moment makes them again. */
#include "runtime/deadline.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/cgroups.h"
#include "runtime/host.h"

#define GUARDS_CGROUP "/runb-guards"
#define ATTEMPTS 20
#define MOMENT_NS 1000000       /* between two */

static int plan_folders(struct arena *arena, struct cgroups_plan *ret_plan)
{
        static const struct spec_resources nothing;

        return cgroups_plan(GUARDS_CGROUP, "", &nothing, false, arena, ret_plan, NULL);
}

static bool is_wanted(const struct state *state)
{
        return state->n_cgroups > 0 && state->systemd_unit == NULL && host_privilege() == HOST_REAL_ROOT;
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
        int r;

        if (!is_wanted(state) || plan_folders(&arena, &plan) < 0)
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

void deadline_cgroup_leave(void)
{
        auto_arena struct arena arena = { 0 };
        struct cgroups_plan plan;

        if (plan_folders(&arena, &plan) < 0)
                return;
        for (size_t i = 0; i < plan.n_paths; i++) {
                auto_close int above = open(plan.mounts[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

                /* The last process of a cgroup keeps it, whatever it is about to do. */
                if (above >= 0 && fd_write_file(above, "cgroup.procs", "0") == 0)
                        rmdir(plan.paths[i]);
        }
}

void deadline_cgroup_remove(const struct state *state)
{
        auto_arena struct arena arena = { 0 };
        struct cgroups_plan plan;

        if (!is_wanted(state) || plan_folders(&arena, &plan) < 0)
                return;
        /* EBUSY: another container's guard is in it, or one that is about to leave. */
        for (size_t i = 0; i < plan.n_paths; i++)
                rmdir(plan.paths[i]);
}
