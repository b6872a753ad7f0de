/* The cgroups room on the real kernel: run by tests/sandbox/cgroups.sh in a cgroup namespace of its own. */
#include "tests/sandbox/cgroups_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/sys.h"

struct arena arena;
const struct spec_resources no_limits = { 0 };
static char why[2048];
static unsigned n_failed;

int no(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(why, sizeof why, format, args);
        va_end(args);
        return 1;
}

static void check(const char *sentence, int (*test)(void))
{
        int r;

        why[0] = '\0';
        r = test();
        if (r == SKIP) {
                printf("SKIP %s: %s\n", sentence, why);
        } else if (r != 0) {
                printf("FAIL %s\n# %s\n", sentence, why);
                n_failed++;
        } else {
                printf("PASS %s\n", sentence);
        }
        fflush(stdout);
}

int skip(const char *reason)
{
        snprintf(why, sizeof why, "%s", reason);
        return SKIP;
}

bool is_v2(void)
{
        struct cgroups_plan plan = { 0 };
        const struct spec_resources none = { 0 };

        return cgroups_plan("/probe", "probe", &none, false, &arena, &plan, NULL) == 0 && plan.is_v2;
}

void nap_ms(long ms)
{
        struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000 };

        nanosleep(&time, NULL);
}

pid_t spawn(const struct cgroups_ready *ready, void (*function)(void *), void *context)
{
        struct clone_args args = { .exit_signal = SIGCHLD };
        int joined[2];
        pid_t pid;
        char word;

        if (ready->v2_fd >= 0) {
                args.flags = CLONE_INTO_CGROUP;
                args.cgroup = (uint64_t)ready->v2_fd;
        }
        if (pipe2(joined, O_CLOEXEC) < 0)
                return -1;
        pid = sys_clone3(&args);
        if (pid != 0) {
                close(joined[1]);
                if (pid > 0 && read(joined[0], &word, 1) != 1)
                        pid = -1;
                close(joined[0]);
                return pid;
        }
        for (size_t i = 0; i < ready->n_join_fds; i++)
                if (write(ready->join_fds[i], "0", 1) != 1)
                        _exit(100);
        if (write(joined[1], "j", 1) != 1)
                _exit(100);
        close(joined[0]);
        close(joined[1]);
        function(context);
        _exit(0);
}

void wait_for_ever(void *context)
{
        (void)context;
        for (;;)
                pause();
}

/* The file of the container's folder, wherever it is. */
const char *value_of(const struct cgroups_plan *plan, const char *file)
{
        struct cgroup_set set;
        const struct cgroup_folder *at;
        char *text = NULL;

        if (cgroup_set_open(plan->paths, plan->n_paths, &set, NULL) < 0)
                return "(no folder)";
        at = cgroup_set_find(&set, file);
        if (at == NULL || cgroup_read(at, file, &text) < 0)
                text = strdup("(no file)");
        cgroup_set_close(&set);
        text[strcspn(text, "\n")] = '\0';
        return text;
}

bool has_file(const struct cgroups_plan *plan, const char *file)
{
        return strcmp(value_of(plan, file), "(no file)") != 0;
}

bool is_gone(const struct cgroups_plan *plan)
{
        for (size_t i = 0; i < plan->n_paths; i++)
                if (access(plan->paths[i], F_OK) == 0)
                        return false;
        return true;
}

size_t count(const struct cgroups_plan *plan)
{
        pid_t *pids;
        size_t n = 9999;

        cgroups_pids(plan->paths, plan->n_paths, plan->is_v2, &arena, &pids, &n, NULL);
        return n;
}

void box_end(struct box *box)
{
        struct error err = { 0 };

        cgroups_ready_close(&box->ready);
        if (box->plan.n_paths > 0 && cgroups_remove(box->plan.paths, box->plan.n_paths, box->plan.is_v2, &err) < 0)
                printf("# %s\n", err.text);
}

int box_make(struct box *box, const char *path, const struct spec_resources *resources, struct error *err)
{
        int r;

        memset(box, 0, sizeof *box);
        box->ready.v2_fd = UNSET_FD;
        r = cgroups_plan(path, "id", resources, false, &arena, &box->plan, err);
        return r < 0 ? r : cgroups_prepare(&box->plan, false, &box->ready, err);
}

void try_open(void *context)
{
        struct opening *opening = context;
        int fd = open(opening->path, opening->flags);

        _exit(fd >= 0 ? 0 : errno == EPERM ? 1 : 2);
}

int main(void)
{
        struct cgroups_plan plan = { 0 };
        struct error err = { 0 };

        if (cgroups_plan("/t", "id", &no_limits, false, &arena, &plan, &err) < 0) {
                printf("SKIP needs a cgroup hierarchy: %s\n", err.text);
                return 77;
        }
        check("a process joins every hierarchy, and removing leaves none", joins_every_hierarchy);
        check("limits read back as they were asked for", limits_are_read_back);
        check("update raises, lowers, lifts, and takes zeros for nothing", update_goes_up_and_down);
        check("an update that is refused in part changes nothing", a_refused_update_changes_nothing);
        check("nor of a device or the OOM killer", a_refused_update_changes_no_device);
        check("quota and period change together below a limited cgroup", quota_and_period_change_together);
        check("a limit that fails names the file and leaves no folder", failed_limit_leaves_no_folder);
        check("a demanded limit without controller is an error, another is left out and told", missing_controller);
        check("everything in a cgroup is killed, a fork bomb too", fork_bomb_ends);
        check("freezing stops, resuming goes on, killing works when frozen", freezing_stops_and_resuming_goes_on);
        check("freezing succeeds while processes come", freezing_while_processes_come);
        check("a signal reaches every process", signals_reach_all);
        check("sub-cgroups are joined by name, never outside, and removed", nested_cgroups_go_too);
        check("a shared cgroup goes with its last container", shared_cgroup_goes_with_the_last);
        check("a cgroup that others made is left alone", foreign_cgroup_is_left_alone);
        check("what a crash left is taken over and removed", residue_of_a_crash_is_ours);
        check("an empty cgroup left frozen is thawed, a paused container's is refused", frozen_residue_is_thawed);
        check("we neither freeze nor kill ourselves", our_own_cgroup_is_not_frozen);
        check("a hierarchy's root and a climbing path are refused", a_hierarchys_root_is_refused);
        check("device rules hold and are replaced", device_rules_hold);
        check("two thousand device rules load", many_device_rules_load);
        check("a restricted parent's devices are not widened", a_restricted_parent_is_not_widened);
        check("unified keeps off the runtime's own files", unified_keeps_off_our_own_files);
        check("one megabyte of memory is enough to join", a_megabyte_is_enough);
        check("a container without a path gets runb-<id>", without_a_path_the_name_is_ours);
        check("without rights there is no cgroup, and a limit says how to get one", without_rights_there_is_no_cgroup);
        for (size_t i = 0; i < plan.n_paths; i++)
                rmdir(plan.paths[i]);
        while (waitpid(-1, NULL, WNOHANG) > 0)
                ;
        return n_failed != 0;
}
