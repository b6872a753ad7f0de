/* The cgroups room on the real kernel: run by tests/sandbox/cgroups.sh in a cgroup namespace of its own. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/cgroups.h"
#include "runtime/cgroups_private.h"

static struct arena arena;
static char why[2048];
static unsigned n_failed;

/* ---- a small harness ---- */

static int no(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int no(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(why, sizeof why, format, args);
        va_end(args);
        return 1;
}

#define want(claim) do { if (!(claim)) return no("line %d: not so: %s", __LINE__, #claim); } while (0)
#define want_ok(call) do { int r_ = (call); if (r_ < 0) \
        return no("line %d: %s: %d %s", __LINE__, #call, r_, err.text); } while (0)
#define want_error(call, text_) do { int r_ = (call); if (r_ >= 0 || strstr(err.text, text_) == NULL) \
        return no("line %d: %s: %d, wanted an error with \"%s\", got: %s", __LINE__, #call, r_, text_, err.text); } while (0)
#define SKIP 77

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

static int skip(const char *reason)
{
        snprintf(why, sizeof why, "%s", reason);
        return SKIP;
}

static bool is_v2(void)
{
        struct cgroups_plan plan = { 0 };
        const struct spec_resources none = { 0 };

        return cgroups_plan("/probe", "probe", &none, false, &arena, &plan, NULL) == 0 && plan.is_v2;
}

static void nap_ms(long ms)
{
        struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000 };

        nanosleep(&time, NULL);
}

/* A child in the cgroup, running @function. */
static pid_t spawn(const struct cgroups_ready *ready, void (*function)(void *), void *context)
{
        struct clone_args args = { .exit_signal = SIGCHLD };
        pid_t pid;

        if (ready->v2_fd >= 0) {
                args.flags = CLONE_INTO_CGROUP;
                args.cgroup = (uint64_t)ready->v2_fd;
        }
        pid = sys_clone3(&args);
        if (pid != 0)
                return pid;
        for (size_t i = 0; i < ready->n_join_fds; i++)
                if (write(ready->join_fds[i], "0", 1) != 1)
                        _exit(100);
        function(context);
        _exit(0);
}

static void wait_for_ever(void *context)
{
        (void)context;
        for (;;)
                pause();
}

/* The file of the container's folder, wherever it is. */
static const char *value_of(const struct cgroups_plan *plan, const char *file)
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

static bool has_file(const struct cgroups_plan *plan, const char *file)
{
        return strcmp(value_of(plan, file), "(no file)") != 0;
}

static bool is_gone(const struct cgroups_plan *plan)
{
        for (size_t i = 0; i < plan->n_paths; i++)
                if (access(plan->paths[i], F_OK) == 0)
                        return false;
        return true;
}

static size_t count(const struct cgroups_plan *plan)
{
        pid_t *pids;
        size_t n = 9999;

        cgroups_pids(plan->paths, plan->n_paths, plan->is_v2, &arena, &pids, &n, NULL);
        return n;
}

static const struct spec_resources no_limits = { 0 };

/* A prepared cgroup "/t/<name>", removed at the end of the test whatever happens. */
struct box {
        struct cgroups_plan plan;
        struct cgroups_ready ready;
};

static void box_end(struct box *box)
{
        struct error err = { 0 };

        cgroups_ready_close(&box->ready);
        if (box->plan.n_paths > 0 && cgroups_remove(box->plan.paths, box->plan.n_paths, box->plan.is_v2, &err) < 0)
                printf("# %s\n", err.text);
}
#define auto_box __attribute__((cleanup(box_end)))

static int box_make(struct box *box, const char *path, const struct spec_resources *resources, struct error *err)
{
        int r;

        memset(box, 0, sizeof *box);
        box->ready.v2_fd = UNSET_FD;
        r = cgroups_plan(path, "id", resources, false, &arena, &box->plan, err);
        return r < 0 ? r : cgroups_prepare(&box->plan, false, &box->ready, err);
}

#define NUMBER(n) ((struct spec_number){ .is_given = true, .value = (n) })

/* ---- tests ---- */

static int joins_every_hierarchy(void)
{
        auto_box struct box box;
        struct error err = { 0 };
        char name[64];
        auto_free char *text = NULL;
        size_t n_lines = 0, n_in = 0;
        pid_t pid;

        want_ok(box_make(&box, "/t/join", &no_limits, &err));
        want(!box.ready.was_there);
        pid = spawn(&box.ready, wait_for_ever, NULL);
        want(pid > 0);
        nap_ms(50);
        want(count(&box.plan) == 1);
        snprintf(name, sizeof name, "/proc/%d/cgroup", pid);
        want(fd_read_file(AT_FDCWD, name, 65536, &text, NULL) == 0);
        for (char *rest = NULL, *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
                n_lines++;
                n_in += strstr(line, ":/t/join") != NULL;
        }
        if (box.plan.is_v2)
                want(n_in == 1);
        else
                want(n_in == box.plan.n_paths && n_in >= n_lines - 1);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        want_ok(cgroups_remove(box.plan.paths, box.plan.n_paths, box.plan.is_v2, &err));
        want(is_gone(&box.plan));
        want_ok(cgroups_remove(box.plan.paths, box.plan.n_paths, box.plan.is_v2, &err));
        return 0;
}

static int limits_are_read_back(void)
{
        auto_box struct box box = { 0 };
        struct spec_resources limits = { 0 };
        struct error err = { 0 };

        if (is_v2())
                return skip("the controllers are in the v1 hierarchies of this machine");
        limits.pids_limit = NUMBER(20);
        limits.memory.limit = NUMBER(64 << 20);
        limits.memory.swap = NUMBER(128 << 20);
        limits.memory.reservation = NUMBER(32 << 20);
        limits.memory.swappiness = NUMBER(10);
        limits.cpu.shares = NUMBER(512);
        limits.cpu.quota_us = NUMBER(50000);
        limits.cpu.period_us = NUMBER(200000);
        limits.cpu.burst_us = NUMBER(10000);
        limits.cpu.cpus = "0";
        limits.cpu.mems = "0";
        want_ok(box_make(&box, "/t/limits", &limits, &err));
        want(strcmp(value_of(&box.plan, "pids.max"), "20") == 0);
        want(strcmp(value_of(&box.plan, "memory.limit_in_bytes"), "67108864") == 0);
        want(strcmp(value_of(&box.plan, "memory.memsw.limit_in_bytes"), "134217728") == 0);
        want(strcmp(value_of(&box.plan, "memory.soft_limit_in_bytes"), "33554432") == 0);
        want(strcmp(value_of(&box.plan, "memory.swappiness"), "10") == 0);
        want(strcmp(value_of(&box.plan, "cpu.shares"), "512") == 0);
        want(strcmp(value_of(&box.plan, "cpu.cfs_quota_us"), "50000") == 0);
        want(strcmp(value_of(&box.plan, "cpu.cfs_period_us"), "200000") == 0);
        want(strcmp(value_of(&box.plan, "cpu.cfs_burst_us"), "10000") == 0);
        want(strcmp(value_of(&box.plan, "cpuset.cpus"), "0") == 0);
        want(strcmp(value_of(&box.plan, "cpuset.mems"), "0") == 0);
        return 0;
}

static int update_goes_up_and_down(void)
{
        auto_box struct box box = { 0 };
        struct spec_resources limits = { 0 }, change = { 0 };
        struct error err = { 0 };

        if (is_v2())
                return skip("the controllers are in the v1 hierarchies of this machine");
        limits.pids_limit = NUMBER(20);
        limits.memory.limit = NUMBER(64 << 20);
        limits.memory.swap = NUMBER(64 << 20);
        limits.cpu.quota_us = NUMBER(50000);
        want_ok(box_make(&box, "/t/update", &limits, &err));
#define update(c) cgroups_update(box.plan.paths, box.plan.n_paths, false, (c), &err)
        change.memory.limit = NUMBER(256 << 20);
        change.memory.swap = NUMBER(512 << 20);
        want_ok(update(&change));
        want(strcmp(value_of(&box.plan, "memory.memsw.limit_in_bytes"), "536870912") == 0);
        change.memory.limit = NUMBER(16 << 20);
        change.memory.swap = NUMBER(32 << 20);
        want_ok(update(&change));
        want(strcmp(value_of(&box.plan, "memory.limit_in_bytes"), "16777216") == 0);
        want(strcmp(value_of(&box.plan, "memory.memsw.limit_in_bytes"), "33554432") == 0);
        /* dockerd's zeros */
        change = (struct spec_resources){ .pids_limit = NUMBER(0) };
        change.memory.limit = change.memory.swap = change.cpu.quota_us = change.cpu.shares = change.block.weight = NUMBER(0);
        want_ok(update(&change));
        want(strcmp(value_of(&box.plan, "pids.max"), "20") == 0);
        want(strcmp(value_of(&box.plan, "memory.limit_in_bytes"), "16777216") == 0);
        want(strcmp(value_of(&box.plan, "cpu.cfs_quota_us"), "50000") == 0);
        change = (struct spec_resources){ .pids_limit = NUMBER(-1) };
        change.memory.limit = change.cpu.quota_us = NUMBER(-1);
        want_ok(update(&change));
        want(strcmp(value_of(&box.plan, "pids.max"), "max") == 0);
        want(strcmp(value_of(&box.plan, "cpu.cfs_quota_us"), "-1") == 0);
        want(strlen(value_of(&box.plan, "memory.limit_in_bytes")) > 15);
        change = (struct spec_resources){ 0 };
        change.cpu.shares = NUMBER(1000000);
        want_error(update(&change), "linux.resources.cpu.shares: 1000000: the maximum allowed cpu-shares is 262144");
        change = (struct spec_resources){ 0 };
        change.cpu.cpus = "4000";
        want_error(update(&change), "linux.resources.cpu.cpus: write 4000 to ");
        change = (struct spec_resources){ 0 };
        change.memory.limit = NUMBER(64 << 20);
        change.memory.swap = NUMBER(32 << 20);
        want_error(update(&change), "should be >= memory limit");
        change = (struct spec_resources){ .unified = &(struct spec_pair){ "memory.max", "1" }, .n_unified = 1 };
        want_error(update(&change), "cannot use unified on cgroup v1");
        return 0;
}

static int a_refused_update_changes_nothing(void)
{
        auto_box struct box box = { 0 };
        struct spec_resources limits = { 0 }, change = { 0 };
        struct error err = { 0 };

        if (is_v2())
                return skip("the controllers are in the v1 hierarchies of this machine");
        limits.memory.limit = NUMBER(64 << 20);
        limits.memory.swap = NUMBER(64 << 20);
        want_ok(box_make(&box, "/t/rollback", &limits, &err));
        change.memory.limit = NUMBER(256 << 20);
        change.memory.swap = NUMBER(512 << 20);
        change.cpu.quota_us = NUMBER(30000);
        change.cpu.shares = NUMBER(1000000);    /* written, clamped by the kernel, and then refused by us */
        want_error(update(&change), "the maximum allowed cpu-shares is 262144");
        want(strcmp(value_of(&box.plan, "memory.limit_in_bytes"), "67108864") == 0);
        want(strcmp(value_of(&box.plan, "memory.memsw.limit_in_bytes"), "67108864") == 0);
        want(strcmp(value_of(&box.plan, "cpu.shares"), "1024") == 0);
        want(strcmp(value_of(&box.plan, "cpu.cfs_quota_us"), "-1") == 0);
        change.cpu.shares = NUMBER(512);
        change.block.weight = NUMBER(100);
        if (has_file(&box.plan, "blkio.weight") || has_file(&box.plan, "blkio.bfq.weight"))
                return 0;
        want_error(update(&change), "blockIO.weight");
        want(strcmp(value_of(&box.plan, "memory.limit_in_bytes"), "67108864") == 0);
        want(strcmp(value_of(&box.plan, "cpu.shares"), "1024") == 0);
        want(strcmp(value_of(&box.plan, "cpu.cfs_quota_us"), "-1") == 0);
        return 0;
}

/* A period below the old one, with the quota of the moment, is refused by the kernel when a cgroup above has less. */
static int quota_and_period_change_together(void)
{
        auto_box struct box above = { 0 };
        auto_box struct box box = { 0 };
        struct spec_resources limits = { 0 }, change = { 0 };
        struct error err = { 0 };

        if (is_v2())
                return skip("the controllers are in the v1 hierarchies of this machine");
        limits.cpu.quota_us = NUMBER(50000);
        limits.cpu.period_us = NUMBER(100000);
        want_ok(box_make(&above, "/t/quota", &limits, &err));
        want_ok(box_make(&box, "/t/quota/below", &limits, &err));
        change.cpu.period_us = NUMBER(10000);
        change.cpu.quota_us = NUMBER(5000);
        want_ok(cgroups_update(box.plan.paths, box.plan.n_paths, false, &change, &err));
        want(strcmp(value_of(&box.plan, "cpu.cfs_period_us"), "10000") == 0);
        want(strcmp(value_of(&box.plan, "cpu.cfs_quota_us"), "5000") == 0);
        return 0;
}

static int failed_limit_leaves_no_folder(void)
{
        struct box box = { 0 };
        struct spec_resources limits = { 0 };
        struct error err = { 0 };

        if (is_v2()) {
                limits.unified = &(struct spec_pair){ "cgroup.max.depth", "rubbish" };
                limits.n_unified = 1;
                want_error(box_make(&box, "/t/failed", &limits, &err), "linux.resources.unified: write rubbish to ");
        } else {
                limits.cpu.cpus = "4000";
                want_error(box_make(&box, "/t/failed", &limits, &err), "linux.resources.cpu.cpus: write 4000 to ");
        }
        want(box.plan.n_paths > 0 && is_gone(&box.plan));
        return 0;
}

static int missing_controller(void)
{
        auto_box struct box box = { 0 };
        struct spec_resources limits = { 0 };
        struct error err = { 0 };

        if (!is_v2())
                limits.network.class_id = NUMBER(5);
        else
                limits.memory.limit = NUMBER(64 << 20);
        want_ok(cgroups_plan("/t/missing", "id", &limits, false, &arena, &box.plan, &err));
        if (has_file(&(struct cgroups_plan){ .paths = (const char *const[]){ "/sys/fs/cgroup/test" }, .n_paths = 1 }, "memory.max"))
                return skip("this machine has the memory controller in the v2 hierarchy");
        want_error(cgroups_prepare(&box.plan, false, &box.ready, &err), "the controller is not available");
        want(is_gone(&box.plan));
        box.plan.demanded = &no_limits;
        want_ok(cgroups_prepare(&box.plan, false, &box.ready, &err));
        want(box.ready.n_left_out == 1);
        want(strcmp(box.ready.left_out[0], is_v2() ? "memory" : "net_cls") == 0);
        return 0;
}

static void fork_bomb(void *context)
{
        const struct rlimit few = { 300, 300 };

        (void)context;
        signal(SIGTERM, SIG_IGN);
        /* Without a pids controller (v2 here) an id of its own bounds it. */
        if (setrlimit(RLIMIT_NPROC, &few) < 0 || setresuid(54321, 54321, 54321) < 0)
                _exit(1);
        for (;;)
                if (fork() < 0)
                        sched_yield();
}

static int fork_bomb_ends(void)
{
        auto_box struct box box = { 0 };
        struct spec_resources limits = { 0 };
        struct error err = { 0 };
        int64_t start;
        pid_t pid;

        if (!is_v2())
                limits.pids_limit = NUMBER(300);
        want_ok(box_make(&box, "/t/bomb", &limits, &err));
        start = time(NULL);
        pid = spawn(&box.ready, fork_bomb, NULL);
        want(pid > 0);
        nap_ms(300);
        want(count(&box.plan) > 50);
        want_ok(cgroups_kill(box.plan.paths, box.plan.n_paths, box.plan.is_v2, SIGKILL, &err));
        /* One call is enough. */
        for (int i = 0; i < 300 && count(&box.plan) > 0; i++)
                nap_ms(10);
        want(count(&box.plan) == 0);
        pid = spawn(&box.ready, fork_bomb, NULL);
        nap_ms(200);
        want_ok(cgroups_remove(box.plan.paths, box.plan.n_paths, box.plan.is_v2, &err));
        want(is_gone(&box.plan));
        want(time(NULL) - start < 9);
        while (waitpid(-1, NULL, WNOHANG) > 0)
                ;
        return 0;
}

static void count_up(void *context)
{
        volatile uint64_t *counter = context;

        for (;;)
                (*counter)++;
}

static int freezing_stops_and_resuming_goes_on(void)
{
        auto_box struct box box = { 0 };
        struct error err = { 0 };
        volatile uint64_t *counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        uint64_t seen;
        pid_t pid;

        want_ok(box_make(&box, "/t/freeze", &no_limits, &err));
#define FREEZE(on) cgroups_freeze(box.plan.paths, box.plan.n_paths, box.plan.is_v2, (on), &err)
#define IS_FROZEN() cgroups_is_frozen(box.plan.paths, box.plan.n_paths, box.plan.is_v2)
        pid = spawn(&box.ready, count_up, (void *)(uintptr_t)counter);
        want(pid > 0);
        while (*counter == 0)
                nap_ms(1);
        want(IS_FROZEN() == 0);
        want_ok(FREEZE(true));
        seen = *counter;
        nap_ms(50);
        want(*counter == seen);
        want(IS_FROZEN() == 1);
        want_ok(FREEZE(true));
        want_ok(FREEZE(false));
        want(IS_FROZEN() == 0);
        nap_ms(50);
        want(*counter != seen);
        /* A paused container still dies. */
        want_ok(FREEZE(true));
        want_ok(cgroups_kill(box.plan.paths, box.plan.n_paths, box.plan.is_v2, SIGKILL, &err));
        for (int i = 0; i < 200 && waitpid(pid, NULL, WNOHANG) == 0; i++)
                nap_ms(10);
        want(kill(pid, 0) < 0);
        munmap((void *)(uintptr_t)counter, 4096);
        return 0;
}

static int freezing_while_processes_come(void)
{
        auto_box struct box box = { 0 };
        struct spec_resources limits = { 0 };
        struct error err = { 0 };
        pid_t pid;

        if (!is_v2())
                limits.pids_limit = NUMBER(100);
        want_ok(box_make(&box, "/t/freezebomb", &limits, &err));
        pid = spawn(&box.ready, fork_bomb, NULL);
        want(pid > 0);
        nap_ms(100);
        for (int i = 0; i < 20; i++) {
                want_ok(FREEZE(true));
                want_ok(FREEZE(false));
        }
        want_ok(FREEZE(true));
        want_ok(cgroups_remove(box.plan.paths, box.plan.n_paths, box.plan.is_v2, &err));
        while (waitpid(-1, NULL, WNOHANG) > 0)
                ;
        return 0;
}

static int signals_reach_all(void)
{
        auto_box struct box box = { 0 };
        struct error err = { 0 };
        pid_t pids[3];
        int status;

        want_ok(box_make(&box, "/t/signal", &no_limits, &err));
        for (int i = 0; i < 3; i++)
                pids[i] = spawn(&box.ready, wait_for_ever, NULL);
        nap_ms(50);
        want(count(&box.plan) == 3);
        want_ok(cgroups_kill(box.plan.paths, box.plan.n_paths, box.plan.is_v2, 0, &err));
        want_ok(cgroups_kill(box.plan.paths, box.plan.n_paths, box.plan.is_v2, SIGUSR1, &err));
        for (int i = 0; i < 3; i++) {
                want(waitpid(pids[i], &status, 0) == pids[i]);
                want(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
        }
        want_ok(cgroups_kill(box.plan.paths, box.plan.n_paths, box.plan.is_v2, SIGKILL, &err));
        return 0;
}

static int nested_cgroups_go_too(void)
{
        auto_box struct box box = { 0 };
        struct cgroups_ready sub = { .v2_fd = UNSET_FD };
        struct error err = { 0 };
        char path[4096];

        want_ok(box_make(&box, "/t/nested", &no_limits, &err));
        for (size_t i = 0; i < box.plan.n_paths; i++) {
                auto_free char *text = NULL;
                struct cgroup_folder folder = { .path = path };
                int parent = open(box.plan.paths[i], O_PATH);

                snprintf(path, sizeof path, "%s/a", box.plan.paths[i]);
                mkdir(path, 0755);
                folder.fd = open(path, O_PATH);
                if (cgroup_has_file(folder.fd, "cpuset.cpus") && !box.plan.is_v2)
                        want_ok(cgroup_v1_fill_cpuset(parent, &folder, &err));
                close(parent);
                close(folder.fd);
                snprintf(path, sizeof path, "%s/a/b", box.plan.paths[i]);
                mkdir(path, 0755);
                snprintf(path, sizeof path, "%s/c", box.plan.paths[i]);
                mkdir(path, 0755);
        }
        want_error(cgroups_open(box.plan.paths, box.plan.n_paths, box.plan.is_v2, (const char *[]){ "../nested2" }, 1, &sub, &err),
                   "bad sub cgroup path: ../nested2");
        want_error(cgroups_open(box.plan.paths, box.plan.n_paths, box.plan.is_v2, (const char *[]){ "nothing" }, 1, &sub, &err), "sub cgroup nothing of");
        want_ok(cgroups_open(box.plan.paths, box.plan.n_paths, box.plan.is_v2, (const char *[]){ "/a" }, 1, &sub, &err));
        want(spawn(&sub, wait_for_ever, NULL) > 0);
        nap_ms(50);
        cgroups_ready_close(&sub);
        want(count(&box.plan) == 1);
        want_ok(cgroups_remove(box.plan.paths, box.plan.n_paths, box.plan.is_v2, &err));
        want(is_gone(&box.plan));
        while (waitpid(-1, NULL, WNOHANG) > 0)
                ;
        return 0;
}

static int shared_cgroup_goes_with_the_last(void)
{
        auto_box struct box first = { 0 };
        struct cgroups_ready second = { .v2_fd = UNSET_FD };
        struct error err = { 0 };
        pid_t one, two;

        want_ok(box_make(&first, "/t/shared", &no_limits, &err));
        one = spawn(&first.ready, wait_for_ever, NULL);
        nap_ms(50);
        want_ok(cgroups_prepare(&first.plan, false, &second, &err));
        want(!second.was_there);
        two = spawn(&second, wait_for_ever, NULL);
        nap_ms(50);
        cgroups_ready_close(&second);
        kill(one, SIGKILL);
        waitpid(one, NULL, 0);
        want_ok(cgroups_kill(first.plan.paths, first.plan.n_paths, first.plan.is_v2, SIGKILL, &err));
        want_error(cgroups_kill(first.plan.paths, first.plan.n_paths, first.plan.is_v2, SIGTERM, &err), "is shared with others");
        want_ok(cgroups_remove(first.plan.paths, first.plan.n_paths, first.plan.is_v2, &err));
        nap_ms(20);
        want(waitpid(two, NULL, WNOHANG) == 0);
        want(!is_gone(&first.plan));
        kill(two, SIGKILL);
        waitpid(two, NULL, 0);
        want_ok(cgroups_remove(first.plan.paths, first.plan.n_paths, first.plan.is_v2, &err));
        want(is_gone(&first.plan));
        return 0;
}

static int foreign_cgroup_is_left_alone(void)
{
        auto_box struct box box = { 0 };
        struct box foreign = { 0 };
        struct error err = { 0 };
        char command[8192];
        pid_t pid;

        /* Made by hand, with a process that is none of ours. */
        want_ok(box_make(&foreign, "/t/foreign", &no_limits, &err));
        for (size_t i = 0; i < foreign.plan.n_paths; i++) {
                snprintf(command, sizeof command, "setfattr -x trusted.runb %s", foreign.plan.paths[i]);
                want(system(command) == 0);
        }
        pid = spawn(&foreign.ready, wait_for_ever, NULL);
        nap_ms(50);
        want_ok(cgroups_plan("/t/foreign", "id", &no_limits, false, &arena, &box.plan, &err));
        want_ok(cgroups_prepare(&box.plan, false, &box.ready, &err));
        want(box.ready.was_there);
        want_ok(cgroups_remove(box.plan.paths, box.plan.n_paths, box.plan.is_v2, &err));
        nap_ms(20);
        want(waitpid(pid, NULL, WNOHANG) == 0);
        want_ok(cgroups_kill(box.plan.paths, box.plan.n_paths, box.plan.is_v2, SIGKILL, &err));
        nap_ms(20);
        want(waitpid(pid, NULL, WNOHANG) == 0);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        /* Empty, it stays too: its maker may have put limits on it. */
        want_ok(cgroups_remove(box.plan.paths, box.plan.n_paths, box.plan.is_v2, &err));
        want(access(box.plan.paths[0], F_OK) == 0);
        for (size_t i = 0; i < box.plan.n_paths; i++)
                for (int tries = 0; rmdir(box.plan.paths[i]) < 0 && tries < 100; tries++)
                        nap_ms(5);
        cgroups_ready_close(&foreign.ready);
        return 0;
}

static int residue_of_a_crash_is_ours(void)
{
        auto_box struct box box = { 0 };
        struct error err = { 0 };
        struct cgroups_ready again = { .v2_fd = UNSET_FD };

        want_ok(box_make(&box, "/t/residue", &no_limits, &err));
        want_ok(cgroups_prepare(&box.plan, false, &again, &err));
        want(!again.was_there);
        cgroups_ready_close(&again);
        /* Some folders only, as a kill in the middle leaves it. */
        rmdir(box.plan.paths[0]);
        want_ok(cgroups_remove(box.plan.paths, box.plan.n_paths, box.plan.is_v2, &err));
        want(is_gone(&box.plan));
        return 0;
}

static int frozen_residue_is_thawed(void)
{
        auto_box struct box box = { 0 };
        struct cgroups_ready again = { .v2_fd = UNSET_FD };
        struct error err = { 0 };
        pid_t pid;

        want_ok(box_make(&box, "/t/frozen", &no_limits, &err));
        want_ok(FREEZE(true));
        want_ok(cgroups_prepare(&box.plan, false, &again, &err));
        want(IS_FROZEN() == 0);
        pid = spawn(&again, wait_for_ever, NULL);
        cgroups_ready_close(&again);
        nap_ms(50);
        want_ok(FREEZE(true));
        /* Another container lives in it, paused. */
        want_error(cgroups_prepare(&box.plan, false, &again, &err), "is frozen, with processes of another container");
        want(IS_FROZEN() == 1);
        want_ok(cgroups_remove(box.plan.paths, box.plan.n_paths, box.plan.is_v2, &err));
        waitpid(pid, NULL, 0);
        return 0;
}

static int our_own_cgroup_is_not_frozen(void)
{
        auto_box struct box box = { 0 };
        struct error err = { 0 };
        int status;
        pid_t pid;

        want_ok(box_make(&box, "/t/own", &no_limits, &err));
        pid = fork();
        if (pid == 0) {
                alarm(5);
                for (size_t i = 0; i < box.plan.n_paths; i++) {
                        auto_close int fd = open(box.plan.paths[i], O_PATH);

                        if (fd_write_file(fd, "cgroup.procs", "0") < 0)
                                _exit(2);
                }
                if (FREEZE(true) != -EDEADLK)
                        _exit(3);
                /* Nor killed by ourselves. */
                _exit(cgroups_kill(box.plan.paths, box.plan.n_paths, box.plan.is_v2, SIGKILL, &err) == 0 ? 0 : 4);
        }
        want(waitpid(pid, &status, 0) == pid);
        want(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        return 0;
}

static int a_hierarchys_root_is_refused(void)
{
        struct box box = { 0 };
        struct error err = { 0 };
        char climbing[4096];
        const char *paths[1];

        want_ok(cgroups_plan("/t/root", "id", &no_limits, false, &arena, &box.plan, &err));
        paths[0] = box.plan.mounts[0];
        want_error(cgroups_kill(paths, 1, box.plan.is_v2, SIGURG, &err), "is the root of a cgroup hierarchy");
        want_error(cgroups_remove(paths, 1, box.plan.is_v2, &err), "is the root of a cgroup hierarchy");
        want_error(cgroups_freeze(paths, 1, box.plan.is_v2, false, &err), "is the root of a cgroup hierarchy");
        snprintf(climbing, sizeof climbing, "%s/t/../../etc", box.plan.mounts[0]);
        paths[0] = climbing;
        want_error(cgroups_kill(paths, 1, box.plan.is_v2, SIGURG, &err), "is not a normalised cgroup folder");
        paths[0] = "/tmp";
        want_error(cgroups_remove(paths, 1, box.plan.is_v2, &err), "does not lie on a cgroup file system");
        return 0;
}

struct opening { const char *path; int flags; };
static void try_open(void *context)
{
        struct opening *opening = context;
        int fd = open(opening->path, opening->flags);

        _exit(fd >= 0 ? 0 : errno == EPERM ? 1 : 2);
}

static int answer(const struct box *box, const char *path, int flags)
{
        struct opening opening = { path, flags };
        int status;
        pid_t pid = spawn(&box->ready, try_open, &opening);

        return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

static int device_rules_hold(void)
{
        const struct spec_device_rule read_null[] = { { false, 'a', -1, -1, 7 }, { true, 'c', 1, 3, 2 } };
        const struct spec_device_rule both[] = { { false, 'a', -1, -1, 7 }, { true, 'c', 1, 3, 6 }, { true, 'c', 1, 5, 2 } };
        const struct spec_device_rule hole[] = { { true, 'c', 1, -1, 7 }, { false, 'c', 1, 5, 7 } };
        auto_box struct box box = { 0 };
        struct error err = { 0 };

        want_ok(box_make(&box, "/t/devices", &no_limits, &err));
        want(answer(&box, "/dev/zero", O_RDONLY) == 0);
        want_ok(cgroups_set_devices(&box.plan, read_null, 2, &err));
        want(answer(&box, "/dev/null", O_RDONLY) == 0);
        want(answer(&box, "/dev/null", O_RDWR) == 1);
        want(answer(&box, "/dev/zero", O_RDONLY) == 1);
        want_ok(cgroups_set_devices(&box.plan, both, 3, &err));
        want(answer(&box, "/dev/null", O_RDWR) == 0);
        want(answer(&box, "/dev/zero", O_RDONLY) == 0);
        want(answer(&box, "/dev/zero", O_WRONLY) == 1);
        want(answer(&box, "/dev/full", O_RDONLY) == 1);
        want_ok(cgroups_set_devices(&box.plan, both, 3, &err));
        want(answer(&box, "/dev/null", O_RDWR) == 0);
        if (box.plan.is_v2) {
                want_ok(cgroups_set_devices(&box.plan, hole, 2, &err));
                want(answer(&box, "/dev/null", O_RDWR) == 0);
                want(answer(&box, "/dev/zero", O_RDONLY) == 1);
        } else {
                want_error(cgroups_set_devices(&box.plan, hole, 2, &err), "cannot take");
        }
        want_ok(cgroups_set_devices(&box.plan, read_null, 2, &err));
        want(answer(&box, "/dev/null", O_RDWR) == 1);
        return 0;
}

/* The kernel's verifier gives up after a million steps; a program that made it tell paths apart failed from 300 rules on. */
static int many_device_rules_load(void)
{
        static struct spec_device_rule rules[2001];
        auto_box struct box box = { 0 };
        struct error err = { 0 };
        struct timespec start, end;

        if (!is_v2())
                return skip("cgroup v2 only");
        for (unsigned i = 0; i < 2000; i++)
                rules[i] = (struct spec_device_rule){ i % 7 != 0, "cb"[i % 2], i % 5 != 0 ? (int64_t)i + 10 : -1,
                                                      i % 4 != 0 ? (int64_t)i * 3 + 10 : -1, i % 7 + 1 };
        rules[2000] = (struct spec_device_rule){ true, 'c', 1, 3, 6 };
        want_ok(box_make(&box, "/t/manyrules", &no_limits, &err));
        clock_gettime(CLOCK_MONOTONIC, &start);
        want_ok(cgroups_set_devices(&box.plan, rules, 2001, &err));
        clock_gettime(CLOCK_MONOTONIC, &end);
        want(end.tv_sec - start.tv_sec < 2);
        want(answer(&box, "/dev/null", O_RDWR) == 0);
        return 0;
}

static int a_restricted_parent_is_not_widened(void)
{
        const struct spec_device_rule null[] = { { true, 'c', 1, 3, 7 } };
        const struct spec_device_rule zero[] = { { true, 'c', 1, 5, 7 } };
        auto_box struct box above = { 0 };
        auto_box struct box box = { 0 };
        struct error err = { 0 };

        want_ok(box_make(&above, "/t/restricted", &no_limits, &err));
        want_ok(cgroups_set_devices(&above.plan, null, 1, &err));
        want_ok(box_make(&box, "/t/restricted/below", &no_limits, &err));
        if (box.plan.is_v2) {
                want_ok(cgroups_set_devices(&box.plan, zero, 1, &err));
                want(answer(&box, "/dev/zero", O_RDONLY) == 1);
        } else {
                want_error(cgroups_set_devices(&box.plan, zero, 1, &err), "the cgroup above does not allow this device");
        }
        return 0;
}

static int unified_keeps_off_our_own_files(void)
{
        auto_box struct box box = { 0 };
        struct spec_pair pairs[] = { { "cgroup.max.descendants", "7" } };
        struct spec_resources limits = { .unified = pairs, .n_unified = 1 };
        struct error err = { 0 };

        if (!is_v2())
                return skip("cgroup v2 only");
        want_ok(box_make(&box, "/t/unified", &limits, &err));
        want(strcmp(value_of(&box.plan, "cgroup.max.descendants"), "7") == 0);
#define TRY(k, v) (pairs[0] = (struct spec_pair){ (k), (v) }, cgroups_update(box.plan.paths, 1, true, &limits, &err))
        want_error(TRY("cgroup.procs", "1"), "is the runtime's own business");
        want_error(TRY("cgroup.kill", "1"), "is the runtime's own business");
        want_error(TRY("../x.y", "1"), "must be a file name (no slashes)");
        want_error(TRY("memory", "1"), "must be in the form CONTROLLER.PARAMETER");
        want_error(TRY("nonsense.max", "1"), "controller \"nonsense\" not available");
        return 0;
}

static int a_megabyte_is_enough(void)
{
        auto_box struct box box = { 0 };
        struct spec_resources limits = { 0 };
        struct error err = { 0 };
        int status;
        pid_t pid;

        if (is_v2())
                return skip("the memory controller is in a v1 hierarchy of this machine");
        limits.memory.limit = NUMBER(1 << 20);
        want_ok(box_make(&box, "/t/megabyte", &limits, &err));
        pid = spawn(&box.ready, try_open, &(struct opening){ "/dev/null", O_RDONLY });
        want(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        return 0;
}

static int without_a_path_the_name_is_ours(void)
{
        auto_box struct box box = { 0 };
        struct error err = { 0 };

        want_ok(box_make(&box, NULL, &no_limits, &err));
        for (size_t i = 0; i < box.plan.n_paths; i++)
                want(strstr(box.plan.paths[i], "/runb-id") != NULL);
        want_error(cgroups_plan("system.slice:runb:x", "id", &no_limits, false, &arena, &box.plan, &err), "a name for systemd");
        return 0;
}

static int without_rights_there_is_no_cgroup(void)
{
        struct spec_resources limits = { 0 };
        struct error err = { 0 };
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                struct cgroups_plan plan = { 0 };
                struct cgroups_ready ready;
                int wrong = 0;

                if (setresuid(12345, 12345, 12345) < 0)
                        _exit(50);
                /* Without a path and without limits: none. */
                if (cgroups_plan(NULL, "id", &limits, true, &arena, &plan, &err) < 0 || !plan.is_disabled ||
                    cgroups_prepare(&plan, true, &ready, &err) < 0 || ready.v2_fd >= 0 || ready.n_join_fds > 0)
                        wrong = 1;
                limits.pids_limit = NUMBER(100);
                if (cgroups_plan(NULL, "id", &limits, true, &arena, &plan, &err) < 0 ||
                    cgroups_prepare(&plan, true, &ready, &err) != -EACCES || strstr(err.text, "Delegate=yes") == NULL)
                        wrong = 2;
                plan.demanded = &no_limits;
                if (cgroups_prepare(&plan, true, &ready, &err) < 0 || ready.n_left_out != 1)
                        wrong = 3;
                if (cgroups_plan("/t/x", "id", &limits, true, &arena, &plan, &err) < 0 || !plan.is_disabled ||
                    cgroups_prepare(&plan, true, &ready, &err) != -EACCES)
                        wrong = 4;
                _exit(wrong);
        }
        want(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
        if (WEXITSTATUS(status) != 0)
                return no("step %d", WEXITSTATUS(status));
        return 0;
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
