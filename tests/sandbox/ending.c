/* delete and kill on containers made by hand: run by tests/sandbox/ending.sh in namespaces of its own. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"
#include "runtime/cgroups.h"
#include "runtime/delete.h"
#include "runtime/leases.h"
#include "runtime/state.h"

static const char *runb, *kill_at;
static char folder[256], root[300];
static struct arena arena;
static struct error err;

#define want(claim) \
        do { \
                if (!(claim)) { \
                        printf("# line %d: %s (%s)\n", __LINE__, #claim, err.text); \
                        return 1; \
                } \
        } while (0)

struct box {
        struct state state;
        struct cgroups_plan cgroups;
        pid_t init;
        char work[400];
};

enum { BOX_PIDNS = 1, BOX_SHARED = 2, BOX_CREATED = 4, BOX_HOOK = 8 };

static bool is_gone(pid_t pid)
{
        uint64_t start;
        bool is_zombie;

        return state_process_start_time(pid, &start, &is_zombie) < 0 || is_zombie;
}

static void sleep_for_ever(void)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
                pause();
}

/* A process in the box's cgroup; a new pid namespace with it, if asked for. Its first child is there, too. */
static pid_t start_process(struct cgroups_ready *ready, bool has_pidns, bool has_child)
{
        struct clone_args args = { .flags = has_pidns ? CLONE_NEWPID : 0, .exit_signal = SIGCHLD };
        int told[2];
        char byte = 0;
        pid_t pid;

        if (pipe2(told, O_CLOEXEC) < 0)
                return -1;
        if (ready->v2_fd >= 0) {
                args.flags |= CLONE_INTO_CGROUP;
                args.cgroup = (uint64_t)(unsigned)ready->v2_fd;
        }
        fflush(NULL);
        pid = sys_clone3(&args);
        if (pid == 0) {
                for (size_t i = 0; i < ready->n_join_fds; i++)
                        if (write(ready->join_fds[i], "0", 1) != 1)
                                _exit(1);
                if (has_child && fork() == 0) {
                        if (write(told[1], &byte, 1) != 1)
                                _exit(1);
                        for (;;)
                                pause();
                }
                if (write(told[1], &byte, 1) != 1)
                        _exit(1);
                sleep_for_ever();
        }
        for (int i = 0; i <= has_child; i++)
                if (read(told[0], &byte, 1) != 1)
                        return -1;
        close(told[0]);
        close(told[1]);
        return pid;
}

static int write_config(struct state_dir *dir, unsigned flags)
{
        auto_buffer struct text_buffer text = { 0 };

        text_add(&text, "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"}");
        if (flags & BOX_HOOK)
                text_addf(&text, ",\"hooks\":{\"poststop\":[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"cat >> %s/said\"]}]}", folder);
        text_add(&text, "}");
        return fd_replace_file(dir->fd, "config.json", text.text, text.length, 0600);
}

static int make_box(const char *id, unsigned flags, struct box *box)
{
        auto_cgroups_ready struct cgroups_ready ready = { .v2_fd = UNSET_FD };
        auto_state_dir struct state_dir dir = { 0 };
        const struct spec_resources none = { 0 };
        char path[300];
        struct lease lease;
        bool is_zombie;

        *box = (struct box){ .init = -1 };
        want(state_create(root, id, &dir, &err) == 0);
        snprintf(path, sizeof path, "/ending-%s", id);
        want(cgroups_plan(path, id, &none, false, &arena, &box->cgroups, &err) == 0);
        snprintf(box->work, sizeof box->work, "%s/runb-work-%s", folder, id);
        box->state = (struct state){
                .id = id, .oci_version = "1.0.2", .bundle = "/b", .rootfs = "/b/rootfs", .created = "2026-11-21T07:00:00Z",
                .cgroups = box->cgroups.paths, .n_cgroups = box->cgroups.n_paths, .is_cgroup2 = box->cgroups.is_v2,
                .is_cgroup_shared = flags & BOX_SHARED, .has_own_pidns = flags & BOX_PIDNS, .overlay_work = box->work,
        };
        want(state_set_creator(&box->state, &err) == 0 && state_write(&dir, &box->state, &err) == 0);
        want(write_config(&dir, flags) == 0);
        want(leases_take(root, id, NULL, 65536, id, 0, &lease, &err) == 0);
        want(cgroups_prepare(&box->cgroups, false, &ready, &err) == 0);
        box->init = start_process(&ready, flags & BOX_PIDNS, true);
        want(box->init > 0);
        box->state.init_pid = box->init;
        want(state_process_start_time(box->init, &box->state.init_start_time, &is_zombie) == 0);
        box->state.is_created = true;
        box->state.is_started = !(flags & BOX_CREATED);
        want(state_write(&dir, &box->state, &err) == 0);
        return 0;
}

static size_t count(const char *path)
{
        auto_closedir DIR *dir = opendir(path);
        struct dirent *entry;
        size_t n = 0;

        while (dir != NULL && (entry = readdir(dir)) != NULL)
                n += entry->d_name[0] != '.';
        return n;
}

/* Nothing of the box is left. */
static int want_gone(const struct box *box, const char *id)
{
        char path[600];

        want(box->init < 0 || is_gone(box->init));
        for (size_t i = 0; i < box->cgroups.n_paths; i++)
                want(access(box->cgroups.paths[i], F_OK) < 0);
        snprintf(path, sizeof path, "%s/%s", root, id);
        want(access(path, F_OK) < 0);
        want(count("/run/runb/leases") == 0);
        want(count("/run/runb/groups") == 0);
        while (waitpid(-1, NULL, WNOHANG) > 0)
                continue;
        return 0;
}

static int delete_it(const char *id, bool is_forced)
{
        err.text[0] = '\0';
        return delete_container(root, id, is_forced, false, &arena, &err);
}

/* ---- the cases ---- */

static int running_ones(void)
{
        struct box box;

        want(make_box("a", BOX_PIDNS, &box) == 0);
        want(delete_it("a", false) == -EBUSY);
        want(strcmp(err.text, "cannot delete container a that is not stopped: running") == 0);
        want(!is_gone(box.init));
        want(delete_it("a", true) == 0);
        want(want_gone(&box, "a") == 0);
        want(delete_it("a", true) == 0);
        want(delete_it("a", false) == -ENOENT && strcmp(err.text, "container does not exist") == 0);
        return 0;
}

static int created_and_stopped_ones(void)
{
        struct box box;
        siginfo_t info;

        want(make_box("a", BOX_PIDNS | BOX_CREATED, &box) == 0);
        want(delete_it("a", false) == 0);
        want(want_gone(&box, "a") == 0);
        want(make_box("a", BOX_PIDNS, &box) == 0);
        kill(box.init, SIGKILL);
        want(waitid(P_PID, (id_t)box.init, &info, WEXITED | WNOWAIT) == 0);
        want(delete_it("a", false) == 0);       /* a zombie has ended */
        want(want_gone(&box, "a") == 0);
        return 0;
}

static int outlived_ones(void)
{
        struct box box;

        want(make_box("a", 0, &box) == 0);
        kill(box.init, SIGKILL);
        want(waitpid(box.init, NULL, 0) == box.init);
        want(delete_it("a", false) == 0);
        want(want_gone(&box, "a") == 0);
        want(make_box("a", 0, &box) == 0);
        want(delete_it("a", true) == 0);
        want(want_gone(&box, "a") == 0);
        return 0;
}

static int paused_ones(void)
{
        struct box box;

        want(make_box("a", BOX_PIDNS, &box) == 0);
        if (cgroups_freeze(box.state.cgroups, box.state.n_cgroups, box.state.is_cgroup2, true, &err) < 0) {
                delete_it("a", true);
                return 77;
        }
        want(state_status(&box.state) == STATE_PAUSED);
        want(delete_it("a", false) == -EBUSY && strstr(err.text, "not stopped: paused") != NULL);
        want(delete_it("a", true) == 0);
        want(want_gone(&box, "a") == 0);
        return 0;
}

static int sub_cgroups(void)
{
        struct box box;
        char path[512];

        want(make_box("a", BOX_PIDNS, &box) == 0);
        for (size_t i = 0; i < box.cgroups.n_paths; i++) {
                snprintf(path, sizeof path, "%s/sub", box.cgroups.paths[i]);
                want(mkdir(path, 0755) == 0);
        }
        snprintf(path, sizeof path, "%s/work", box.work);
        want(mkdir(box.work, 0700) == 0 && mkdir(path, 0) == 0);
        want(delete_it("a", true) == 0);
        want(want_gone(&box, "a") == 0);
        want(access(box.work, F_OK) < 0);
        return 0;
}

static int neighbours(void)
{
        auto_cgroups_ready struct cgroups_ready ready = { .v2_fd = UNSET_FD };
        const struct spec_resources none = { 0 };
        struct cgroups_plan plan;
        struct box box;
        pid_t other;

        /* A folder of somebody else's, with a process in it. */
        want(cgroups_plan("/ending-a", "x", &none, false, &arena, &plan, &err) == 0);
        for (size_t i = 0; i < plan.n_paths; i++)
                want(mkdir(plan.paths[i], 0755) == 0 || errno == EEXIST);
        want(cgroups_prepare(&plan, false, &ready, &err) == 0);
        other = start_process(&ready, false, false);
        want(other > 0);
        want(make_box("a", BOX_PIDNS | BOX_SHARED, &box) == 0);
        want(delete_it("a", true) == 0);
        want(is_gone(box.init) && !is_gone(other));
        kill(other, SIGKILL);
        waitpid(other, NULL, 0);
        for (size_t i = 0; i < plan.n_paths; i++)
                rmdir(plan.paths[i]);
        want(want_gone(&box, "a") == 0);
        return 0;
}

static int unfinished_ones(void)
{
        const struct box nothing = { .init = -1 };
        auto_state_dir struct state_dir dir = { 0 };
        struct lease lease;

        for (int is_forced = 0; is_forced < 2; is_forced++) {
                want(state_create(root, "a", &dir, &err) == 0);
                want(fd_replace_file(dir.fd, "state.json.new-17", "{\"id\":", 6, 0600) == 0);
                want(leases_take(root, "a", NULL, 65536, NULL, 0, &lease, &err) == 0);
                state_dir_close(&dir);
                want(delete_it("a", is_forced) == 0);
                want(want_gone(&nothing, "a") == 0);
        }
        return 0;
}

static int poststop_hooks(void)
{
        struct box box;
        char path[300];
        auto_free char *said = NULL;

        want(make_box("a", BOX_PIDNS | BOX_HOOK, &box) == 0);
        want(delete_it("a", true) == 0);
        want(want_gone(&box, "a") == 0);
        snprintf(path, sizeof path, "%s/said", folder);
        want(fd_read_file(AT_FDCWD, path, 4096, &said, NULL) == 0);
        want(strstr(said, "\"status\":\"stopped\"") != NULL && strstr(said, "\"pid\"") == NULL);
        unlink(path);
        return 0;
}

static int who_waits_for_it(void)
{
        struct box box;
        int told[2];
        char byte = 0;
        pid_t holder;

        want(make_box("a", BOX_PIDNS, &box) == 0);
        want(pipe2(told, O_CLOEXEC) == 0);
        fflush(NULL);
        holder = fork();
        if (holder == 0) {
                struct pollfd event = { .events = POLLIN };
                struct state_dir dir = { 0 };

                if (state_open(root, "a", false, &dir, &err) < 0 || state_open_init(&box.state, &event.fd) < 0 ||
                    write(told[1], &byte, 1) != 1 || poll(&event, 1, 20000) != 1)
                        _exit(1);
                _exit(0);
        }
        want(read(told[0], &byte, 1) == 1);
        alarm(20);
        want(delete_it("a", true) == 0);
        alarm(0);
        want(waitpid(holder, NULL, 0) == holder);
        want(want_gone(&box, "a") == 0);
        return 0;
}

static int run_program(char *const *args)
{
        int status;
        pid_t pid;

        fflush(NULL);
        pid = fork();
        if (pid == 0) {
                if (freopen("/dev/null", "w", stderr) == NULL)
                        _exit(126);
                execv(args[0], args);
                _exit(127);
        }
        return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int killed_deletes(void)
{
        struct box box;
        char number[16];
        int r = 0, n = 0;

        for (n = 1; r == 0; n++) {
                char *const args[] = { (char *)kill_at, number, (char *)runb, (char *)"--root", root, (char *)"delete",
                                       (char *)"--force", (char *)"a", NULL };

                snprintf(number, sizeof number, "%d", n);
                want(make_box("a", BOX_PIDNS, &box) == 0);
                want(mkdir(box.work, 0700) == 0);
                r = run_program(args);
                want(r == 0 || r == 3);
                if (delete_it("a", true) != 0 || want_gone(&box, "a") != 0) {
                        printf("# killed at system call %d\n", n);
                        return 1;
                }
                want(access(box.work, F_OK) < 0);
        }
        printf("# killed at each of %d system calls\n", n - 2);
        want(n > 30);
        return 0;
}

static int n_failed;

static void check(const char *sentence, int (*function)(void))
{
        int r;

        alarm(0);
        r = function();
        if (r == 77)
                printf("SKIP %s: this cgroup layout cannot: %s\n", sentence, err.text);
        else
                printf("%s %s\n", r == 0 ? "PASS" : "FAIL", sentence);
        n_failed += r != 0 && r != 77;
}

int main(int argc, char **argv)
{
        const char *t = getenv("T");

        setvbuf(stdout, NULL, _IOLBF, 0);
        if (argc < 3 || t == NULL)
                return 2;
        runb = argv[1];
        kill_at = argv[2];
        snprintf(folder, sizeof folder, "%s", t);
        snprintf(root, sizeof root, "%s/state", t);
        check("a running container is deleted by force only, and twice without an error", running_ones);
        check("delete takes created containers, and stopped ones whose init nobody has reaped", created_and_stopped_ones);
        check("without a pid namespace, what outlived init ends with the cgroup", outlived_ones);
        check("a paused container is ended by force", paused_ones);
        check("sub-cgroups and the work folder go, too", sub_cgroups);
        check("others in a cgroup that was there before live on", neighbours);
        check("a folder that a killed create left is removed, with its lease", unfinished_ones);
        check("poststop hooks are told that it has stopped", poststop_hooks);
        check("delete --force ends whoever holds the lock and waits for the container", who_waits_for_it);
        check("a delete that is killed at any system call is finished by the next one", killed_deletes);
        return n_failed > 0;
}
