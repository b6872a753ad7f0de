/* Folders: whose they are, and who removes them. */
#include "tests/sandbox/cgroups_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/auto.h"

int nested_cgroups_go_too(void)
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
        cgroups_ready_close(&sub);
        want(count(&box.plan) == 1);
        want_ok(cgroups_remove(box.plan.paths, box.plan.n_paths, box.plan.is_v2, &err));
        want(is_gone(&box.plan));
        while (waitpid(-1, NULL, WNOHANG) > 0)
                ;
        return 0;
}

int shared_cgroup_goes_with_the_last(void)
{
        auto_box struct box first = { 0 };
        struct cgroups_ready second = { .v2_fd = UNSET_FD };
        struct error err = { 0 };
        pid_t one, two;

        want_ok(box_make(&first, "/t/shared", &no_limits, &err));
        one = spawn(&first.ready, wait_for_ever, NULL);
        want_ok(cgroups_prepare(&first.plan, false, &second, &err));
        want(!second.was_there);
        two = spawn(&second, wait_for_ever, NULL);
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

int foreign_cgroup_is_left_alone(void)
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

int residue_of_a_crash_is_ours(void)
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

int frozen_residue_is_thawed(void)
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
        want_ok(FREEZE(true));
        /* Another container lives in it, paused. */
        want_error(cgroups_prepare(&box.plan, false, &again, &err), "is frozen, with processes of another container");
        want(IS_FROZEN() == 1);
        want_ok(cgroups_remove(box.plan.paths, box.plan.n_paths, box.plan.is_v2, &err));
        waitpid(pid, NULL, 0);
        return 0;
}

int a_hierarchys_root_is_refused(void)
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

int without_a_path_the_name_is_ours(void)
{
        auto_box struct box box = { 0 };
        struct error err = { 0 };

        want_ok(box_make(&box, NULL, &no_limits, &err));
        for (size_t i = 0; i < box.plan.n_paths; i++)
                want(strstr(box.plan.paths[i], "/runb-id") != NULL);
        want_error(cgroups_plan("system.slice:runb:x", "id", &no_limits, false, &arena, &box.plan, &err), "a name for systemd");
        return 0;
}

int without_rights_there_is_no_cgroup(void)
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
