/* Limits: written, read back, changed, refused. */
#include "tests/sandbox/cgroups_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

int limits_are_read_back(void)
{
        auto_box struct box box = { 0 };
        struct spec_resources limits = { 0 };
        struct error err = { 0 };

        if (is_v2())
                return skip("of the files of cgroup v1; tests/spec/resources.sh has those of v2");
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

int update_goes_up_and_down(void)
{
        auto_box struct box box = { 0 };
        struct spec_resources limits = { 0 }, change = { 0 };
        struct error err = { 0 };

        if (is_v2())
                return skip("of the files of cgroup v1; tests/spec/resources.sh has those of v2");
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

int a_refused_update_changes_nothing(void)
{
        auto_box struct box box = { 0 };
        struct spec_resources limits = { 0 }, change = { 0 };
        struct error err = { 0 };

        if (is_v2())
                return skip("of the files of cgroup v1; tests/spec/resources.sh has those of v2");
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

/* Files that show more than what can be written to them, and one line a device. */
int a_refused_update_changes_no_device(void)
{
        const struct spec_block_rate nowhere = { .major = 999, .minor = 999, .rate = 1000 };
        struct spec_block_rate rate = { .rate = 1000 };
        auto_box struct box box = { 0 };
        struct spec_resources limits = { 0 }, change = { 0 };
        struct error err = { 0 };
        unsigned major, minor;
        glob_t found;
        FILE *file;

        if (is_v2())
                return skip("of the files of cgroup v1; tests/spec/resources.sh has those of v2");
        if (glob("/sys/block/*/dev", 0, NULL, &found) != 0)
                return skip("needs a block device");
        file = fopen(found.gl_pathv[0], "re");
        want(file != NULL && fscanf(file, "%u:%u", &major, &minor) == 2);
        fclose(file);
        globfree(&found);
        rate.major = major;
        rate.minor = minor;
        want_ok(box_make(&box, "/t/rollback", &limits, &err));
        change.memory.disable_oom_killer = NUMBER(1);
        change.block.read_bps = &rate;
        change.block.n_read_bps = 1;
        change.block.write_bps = &nowhere;
        change.block.n_write_bps = 1;
        want_error(update(&change), "999:999");
        want(strcmp(value_of(&box.plan, "memory.oom_control"), "oom_kill_disable 0") == 0);
        want(strcmp(value_of(&box.plan, "blkio.throttle.read_bps_device"), "") == 0);
        change.block.n_write_bps = 0;
        want_ok(update(&change));
        want(strcmp(value_of(&box.plan, "memory.oom_control"), "oom_kill_disable 1") == 0);
        want(strstr(value_of(&box.plan, "blkio.throttle.read_bps_device"), " 1000") != NULL);
        rate.rate = 2000;
        change.block.n_write_bps = 1;
        want_error(update(&change), "999:999");
        want(strstr(value_of(&box.plan, "blkio.throttle.read_bps_device"), " 1000") != NULL);
        return 0;
}

/* A period below the old one, with the quota of the moment, is refused by the kernel when a cgroup above has less. */
int quota_and_period_change_together(void)
{
        auto_box struct box above = { 0 };
        auto_box struct box box = { 0 };
        struct spec_resources limits = { 0 }, change = { 0 };
        struct error err = { 0 };

        if (is_v2())
                return skip("of the files of cgroup v1; tests/spec/resources.sh has those of v2");
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

int failed_limit_leaves_no_folder(void)
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

int missing_controller(void)
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

int unified_keeps_off_our_own_files(void)
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

int a_megabyte_is_enough(void)
{
        auto_box struct box box = { 0 };
        struct spec_resources limits = { 0 };
        struct error err = { 0 };
        int status;
        pid_t pid;

        if (is_v2())
                return skip("of the files of cgroup v1; tests/vm/systemd.sh and tests/spec/resources.sh have those of v2");
        limits.memory.limit = NUMBER(1 << 20);
        want_ok(box_make(&box, "/t/megabyte", &limits, &err));
        pid = spawn(&box.ready, try_open, &(struct opening){ "/dev/null", O_RDONLY });
        want(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        return 0;
}
