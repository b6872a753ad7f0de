#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/lock.h"
#include "runtime/state.h"
#include "runtime/userns.h"
#include "tests/unit/fork.h"

static char root[256];
static struct error err;
static struct arena arena;

static void make_root(void)
{
        char folder[] = "/tmp/runb-state-XXXXXX";

        cr_assert_not_null(mkdtemp(folder));
        snprintf(root, sizeof root, "%s/a/root", folder);
}

static void remove_root(void)
{
        auto_close int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        *strstr(root, "/a/root") = '\0';
        cr_assert_eq(fd_remove_tree(fd, root + strlen("/tmp/")), 0);
        arena_free(&arena);
}

TestSuite(state, .init = make_root, .fini = remove_root, .timeout = 30);

static void want_bad_id(const char *id)
{
        struct state_dir dir = { 0 };

        err.text[0] = '\0';
        cr_expect_eq(state_check_id(id, &err), -EINVAL, "%s", id);
        cr_expect(text_starts_with(err.text, "invalid container id"), "%s", err.text);
        cr_expect_eq(state_create(root, id, &dir, &err), -EINVAL, "%s", id);
        cr_expect_eq(state_open(root, id, false, &dir, &err), -EINVAL, "%s", id);
        cr_expect_eq(state_open(root, id, true, &dir, &err), -EINVAL, "%s", id);
        cr_expect_lt(access(root, F_OK), 0, "nothing is made for a bad id");
}

Test(state, refuses_ids_that_are_paths_options_or_too_long)
{
        static const char *const bad[] = { "", ".", "..", "../x", "a/b", "/", "/etc", "a/", "-x", "--force", "+x", ".x", "a b",
                                           "a\nb", "\xc3\xa9", "a\\b", "a:b", "*", "a\x01" };
        char id[257];

        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                want_bad_id(bad[i]);
        memset(id, 'a', 256);
        id[256] = '\0';
        want_bad_id(id);
        id[255] = '\0';
        cr_assert_eq(state_check_id(id, &err), 0);
}

Test(state, takes_the_ids_that_engines_use)
{
        static const char *const good[] = { "a", "0", "_x", "buildah-buildah259571898", "zq0j3n9l5b8x6r2m1k7v4t0cw", "a..b",
                                            "A-1_2.3+4", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" };

        for (size_t i = 0; i < sizeof good / sizeof *good; i++)
                cr_expect_eq(state_check_id(good[i], &err), 0, "%s", good[i]);
}

static const struct spec_pair annotations[] = { { "io.example/a", "x \"y\"\n" }, { "b", "" } };
static const struct spec_id_map map[] = { { 0, 1879048192u, 65536 }, { 65536, 4294901759u, 65535 } };
static const char *const cgroups[] = { "/sys/fs/cgroup/pids/a", "/sys/fs/cgroup/memory/a" };
static struct finding second = { .property = "process.capabilities", .rule = "capabilities", .action = FINDING_TIGHTENED };
static struct finding first = { .property = "mounts[1]", .asked = "rw", .got = "ro", .rule = "mounts",
                                .action = FINDING_RECORDED, .next = &second };

static const struct policy_ports ports[] = { { 443, 443 }, { 8000, 8010 } };

static struct state full_state(const char *id)
{
        return (struct state){
                .id = id, .oci_version = "1.0.2", .bundle = "/b \"quoted\"", .rootfs = "/b/rootfs",
                .created = "2026-11-21T07:00:00.123456789Z", .owner = "root", .owner_uid = 4294967294u,
                .annotations = annotations, .n_annotations = 2, .init_pid = 2147483647, .init_start_time = UINT64_MAX,
                .creator_pid = 17, .creator_start_time = 18, .is_created = true, .is_started = true,
                .cgroups = cgroups, .n_cgroups = 2, .is_cgroup2 = true, .is_cgroup_shared = true,
                .lease_base = 1879048192u, .lease_size = 65536, .host_folder = "/run/runb", .uid_map = map,
                .gid_map = map, .n_uid_map = 2, .n_gid_map = 1, .overlay_work = "/w", .rootfs_device = 0xffffffffffffull,
                .is_restacked = true, .netns_inode = 4026531840u, .userns_inode = 4026531837u, .is_abstract_scoped = true,
                .tcp_ports = { true, ports, 2 },
                .has_own_pidns = true, .is_userns_nested = true,
                .apparmor_profile = "p", .selinux_label = "l", .profile = "untrusted", .policy_revision = "built-in",
                .findings = &first, .n_findings = 2,
        };
}

Test(state, reads_back_everything_that_it_wrote)
{
        auto_state_dir struct state_dir dir = { 0 };
        const struct state wrote = full_state("a");
        struct state got;

        cr_assert_eq(state_create(root, "a", &dir, &err), 0, "%s", err.text);
        cr_assert_eq(state_write(&dir, &wrote, &err), 0, "%s", err.text);
        cr_assert_eq(state_read(&dir, &arena, &got, &err), 0, "%s", err.text);
        cr_expect_str_eq(got.id, "a");
        cr_expect_str_eq(got.oci_version, wrote.oci_version);
        cr_expect_str_eq(got.bundle, wrote.bundle);
        cr_expect_str_eq(got.rootfs, wrote.rootfs);
        cr_expect_str_eq(got.created, wrote.created);
        cr_expect_str_eq(got.owner, wrote.owner);
        cr_expect_eq(got.owner_uid, wrote.owner_uid);
        cr_assert_eq(got.n_annotations, 2);
        cr_expect_str_eq(got.annotations[0].key, annotations[0].key);
        cr_expect_str_eq(got.annotations[0].value, annotations[0].value);
        cr_expect_str_eq(got.annotations[1].value, "");
        cr_expect_eq(got.init_pid, wrote.init_pid);
        cr_expect_eq(got.init_start_time, wrote.init_start_time);
        cr_expect_eq(got.creator_pid, wrote.creator_pid);
        cr_expect_eq(got.creator_start_time, wrote.creator_start_time);
        cr_expect(got.is_created && got.is_started && got.is_cgroup2 && got.is_cgroup_shared &&
                  got.is_restacked && got.is_abstract_scoped && got.has_own_pidns && got.is_userns_nested);
        cr_assert(got.tcp_ports.is_limited && got.tcp_ports.n == 2);
        cr_assert(got.tcp_ports.items[0].first == 443 && got.tcp_ports.items[1].last == 8010);
        cr_assert_eq(got.n_cgroups, 2);
        cr_expect_str_eq(got.cgroups[1], cgroups[1]);
        cr_expect_eq(got.lease_base, wrote.lease_base);
        cr_expect_eq(got.lease_size, wrote.lease_size);
        cr_expect_str_eq(got.host_folder, wrote.host_folder);
        cr_assert_eq(got.n_uid_map, 2);
        cr_assert_eq(got.n_gid_map, 1);
        cr_expect_eq(memcmp(got.uid_map, map, sizeof map), 0);
        cr_expect_eq(memcmp(got.gid_map, map, sizeof *map), 0);
        cr_expect_str_eq(got.overlay_work, wrote.overlay_work);
        cr_expect_eq(got.rootfs_device, wrote.rootfs_device);
        cr_expect_eq(got.netns_inode, wrote.netns_inode);
        cr_expect_eq(got.userns_inode, wrote.userns_inode);
        cr_expect_str_eq(got.apparmor_profile, "p");
        cr_expect_str_eq(got.selinux_label, "l");
        cr_expect_str_eq(got.profile, "untrusted");
        cr_expect_str_eq(got.policy_revision, "built-in");
        cr_assert_eq(got.n_findings, 2);
        cr_expect_str_eq(got.findings->asked, "rw");
        cr_expect_eq(got.findings->action, FINDING_RECORDED);
        cr_expect_null(got.findings->next->asked);
        cr_expect_null(got.findings->next->next);
}

Test(state, reads_back_a_record_with_nothing_in_it)
{
        auto_state_dir struct state_dir dir = { 0 };
        const struct state wrote = { .id = "a" };
        struct state got;

        cr_assert_eq(state_create(root, "a", &dir, &err), 0);
        cr_assert_eq(state_write(&dir, &wrote, &err), 0);
        cr_assert_eq(state_read(&dir, &arena, &got, &err), 0, "%s", err.text);
        cr_expect_null(got.bundle);
        cr_expect_null(got.findings);
        cr_expect_eq(state_status(&got), STATE_STOPPED);
}

Test(state, says_which_record_is_damaged)
{
        static const char *const damaged[] = {
                "", "{", "null", "[]", "{}", "{\"id\":\"b\"}", "{\"id\":7}", "{\"id\":\"a\",\"initPid\":-1}",
                "{\"id\":\"a\",\"initPid\":4294967296}", "{\"id\":\"a\",\"isStarted\":1}", "{\"id\":\"a\",\"cgroups\":[1]}",
                "{\"id\":\"a\",\"uidMap\":[[0,1]]}", "{\"id\":\"a\",\"annotations\":[[\"x\"]]}", "{\"id\":\"a\"}x",
                "{\"id\":\"a\",\"findings\":[{\"action\":99}]}", "{\"id\":\"a\",\"findings\":[7]}",
        };
        auto_state_dir struct state_dir dir = { 0 };
        struct state got;

        cr_assert_eq(state_create(root, "a", &dir, &err), 0);
        cr_assert_eq(state_read(&dir, &arena, &got, &err), -ENODATA);
        for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
                cr_assert_eq(fd_replace_file(dir.fd, "state.json", damaged[i], strlen(damaged[i]), 0600), 0);
                err.text[0] = '\0';
                cr_expect_lt(state_read(&dir, &arena, &got, &err), 0, "%s", damaged[i]);
                cr_expect_not_null(strstr(err.text, "/a/state.json"), "%s: %s", damaged[i], err.text);
        }
}

Test(state, makes_an_id_once)
{
        auto_state_dir struct state_dir one = { 0 }, two = { 0 };
        struct stat st;

        cr_assert_eq(state_create(root, "a", &one, &err), 0, "%s", err.text);
        cr_assert_eq(stat(root, &st), 0);
        cr_expect_eq(st.st_mode & 0777, 0700);
        cr_expect_eq(state_create(root, "a", &two, &err), -EEXIST);
        cr_expect_str_eq(err.text, "container with given ID already exists");
        cr_expect_eq(state_remove(&one, &err), 0);
        cr_expect_eq(state_remove(&one, &err), 0);
        cr_expect_eq(state_create(root, "a", &two, &err), 0);
}

Test(state, says_does_not_exist_for_an_unknown_id_and_an_unknown_root)
{
        auto_state_dir struct state_dir dir = { 0 };

        cr_expect_eq(state_open(root, "a", true, &dir, &err), -ENOENT);
        cr_expect_str_eq(err.text, "container does not exist");
        cr_assert_eq(state_create(root, "b", &dir, &err), 0);
        state_dir_close(&dir);
        cr_expect_eq(state_open(root, "a", false, &dir, &err), -ENOENT);
        cr_expect_str_eq(err.text, "container does not exist");
}

Test(state, follows_no_link_in_the_place_of_a_container)
{
        auto_state_dir struct state_dir dir = { 0 };
        char path[300];

        cr_assert_eq(state_create(root, "a", &dir, &err), 0);
        state_dir_close(&dir);
        snprintf(path, sizeof path, "%s/link", root);
        cr_assert_eq(symlink("a", path), 0);
        cr_expect_eq(state_open(root, "link", true, &dir, &err), -ENOTDIR, "%s", err.text);
        cr_expect_eq(state_create(root, "link", &dir, &err), -EEXIST);
}

Test(state, refuses_a_root_that_others_may_write_to)
{
        auto_state_dir struct state_dir dir = { 0 };
        const char *const *ids;
        size_t n;

        cr_assert_eq(state_create(root, "a", &dir, &err), 0);
        state_dir_close(&dir);
        cr_assert_eq(chmod(root, 0777), 0);
        cr_expect_eq(state_create(root, "b", &dir, &err), -EPERM);
        cr_expect_not_null(strstr(err.text, root));
        cr_expect_eq(state_open(root, "a", true, &dir, &err), -EPERM);
        cr_expect_eq(state_list(root, &arena, &ids, &n, &err), -EPERM);
        cr_assert_eq(chmod(root, 01777), 0);
        cr_expect_eq(state_open(root, "a", true, &dir, &err), 0, "%s", err.text);
}

Test(state, refuses_a_root_of_another_user)
{
        auto_state_dir struct state_dir dir = { 0 };

        if (geteuid() != 0)
                cr_skip_test("needs root, to give a folder away");
        cr_assert_eq(state_create(root, "a", &dir, &err), 0);
        state_dir_close(&dir);
        cr_assert_eq(chown(root, 4242, 4242), 0);
        cr_expect_eq(state_open(root, "a", true, &dir, &err), -EPERM);
        cr_expect_not_null(strstr(err.text, "belongs to user 4242"), "%s", err.text);
        cr_expect_eq(state_create(root, "b", &dir, &err), -EPERM);
        cr_assert_eq(chown(root, 0, 0), 0);
}

Test(state, lists_ids_in_order_and_nothing_else)
{
        static const char *const made[] = { "b", "a", "c.1" };
        const char *const *ids;
        char path[300];
        size_t n;

        cr_assert_eq(state_list(root, &arena, &ids, &n, &err), 0);
        cr_expect_eq(n, 0);
        for (size_t i = 0; i < 3; i++) {
                auto_state_dir struct state_dir dir = { 0 };

                cr_assert_eq(state_create(root, made[i], &dir, &err), 0);
        }
        snprintf(path, sizeof path, "%s/.hidden", root);
        cr_assert_eq(mkdir(path, 0700), 0);
        cr_assert_eq(state_list(root, &arena, &ids, &n, &err), 0);
        cr_assert_eq(n, 3);
        cr_expect_str_eq(ids[0], "a");
        cr_expect_str_eq(ids[1], "b");
        cr_expect_str_eq(ids[2], "c.1");
}

/* ---- the process ---- */

static pid_t start_sleeper(void)
{
        pid_t pid = test_fork();

        if (pid == 0) {
                prctl(PR_SET_NAME, ") Z 1 (");       /* what a build may call itself */
                for (;;)
                        pause();
        }
        while (kill(pid, 0) < 0)
                continue;
        return pid;
}

static struct state state_of(pid_t pid)
{
        struct state state = { .id = "a", .init_pid = pid, .is_created = true };
        bool is_zombie;

        cr_assert_eq(state_process_start_time(pid, &state.init_start_time, &is_zombie), 0);
        cr_assert_not(is_zombie);
        return state;
}

Test(state, tells_created_running_and_stopped_apart)
{
        pid_t pid = start_sleeper();
        struct state state = state_of(pid);
        siginfo_t info;
        int pidfd;

        cr_expect_eq(state_status(&state), STATE_CREATED);
        state.is_started = true;
        cr_expect_eq(state_status(&state), STATE_RUNNING);
        state.is_created = false;
        cr_expect_eq(state_status(&state), STATE_CREATING);
        state.is_created = true;
        cr_assert_eq(state_open_init(&state, &pidfd), 0);
        close(pidfd);

        kill(pid, SIGKILL);
        cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
        cr_expect_eq(state_status(&state), STATE_STOPPED, "a zombie is stopped");
        cr_expect_eq(state_open_init(&state, &pidfd), -ESRCH);
        waitpid(pid, NULL, 0);
        cr_expect_eq(state_status(&state), STATE_STOPPED);
        cr_expect_eq(state_open_init(&state, &pidfd), -ESRCH);
}

Test(state, a_pid_that_somebody_else_got_is_stopped)
{
        pid_t pid = start_sleeper();
        struct state state = state_of(pid);
        int pidfd;

        state.is_started = true;
        state.init_start_time--;
        cr_expect_eq(state_status(&state), STATE_STOPPED);
        cr_expect_eq(state_open_init(&state, &pidfd), -ESRCH);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

Test(state, is_creating_for_as_long_as_its_creator_lives)
{
        struct state state = { .id = "a" };
        pid_t pid = start_sleeper();
        bool is_zombie;

        cr_expect_eq(state_status(&state), STATE_STOPPED);
        cr_assert_eq(state_set_creator(&state, &err), 0);
        cr_expect_eq(state_status(&state), STATE_CREATING);
        state.creator_pid = pid;
        cr_assert_eq(state_process_start_time(pid, &state.creator_start_time, &is_zombie), 0);
        cr_expect_eq(state_status(&state), STATE_CREATING);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        cr_expect_eq(state_status(&state), STATE_STOPPED);
}

/* ---- what others read ---- */

Test(state, prints_the_members_in_runcs_order)
{
        auto_buffer struct text_buffer out = { 0 };
        struct state state = full_state("a");

        state_to_oci(&state, STATE_RUNNING, false, &out);
        cr_assert_str_eq(out.text, "{\n"
                         "  \"ociVersion\": \"1.0.2\",\n"
                         "  \"id\": \"a\",\n"
                         "  \"pid\": 2147483647,\n"
                         "  \"status\": \"running\",\n"
                         "  \"bundle\": \"/b \\\"quoted\\\"\",\n"
                         "  \"rootfs\": \"/b/rootfs\",\n"
                         "  \"created\": \"2026-11-21T07:00:00.123456789Z\",\n"
                         "  \"annotations\": {\n"
                         "    \"io.example/a\": \"x \\\"y\\\"\\n\",\n"
                         "    \"b\": \"\"\n"
                         "  },\n"
                         "  \"owner\": \"root\"\n"
                         "}");
}

Test(state, prints_pid_0_of_what_is_stopped)
{
        auto_buffer struct text_buffer out = { 0 }, hook = { 0 };
        struct state state = full_state("a");

        state.n_annotations = 0;
        state_to_oci(&state, STATE_STOPPED, false, &out);
        cr_expect_not_null(strstr(out.text, "\n  \"pid\": 0,\n  \"status\": \"stopped\",\n"), "%s", out.text);
        cr_expect_null(strstr(out.text, "annotations"));
        state_to_oci(&state, STATE_STOPPED, true, &hook);
        cr_expect_str_eq(hook.text, "{\"ociVersion\":\"1.0.2\",\"id\":\"a\",\"status\":\"stopped\",\"bundle\":\"/b \\\"quoted\\\"\"}");
}

Test(state, prints_the_same_in_one_line_for_list)
{
        auto_buffer struct text_buffer out = { 0 };
        struct state state = full_state("a");

        state_to_oci_line(&state, STATE_PAUSED, &out);
        cr_assert_str_eq(out.text, "{\"ociVersion\":\"1.0.2\",\"id\":\"a\",\"pid\":2147483647,\"status\":\"paused\","
                         "\"bundle\":\"/b \\\"quoted\\\"\",\"rootfs\":\"/b/rootfs\","
                         "\"created\":\"2026-11-21T07:00:00.123456789Z\","
                         "\"annotations\":{\"io.example/a\":\"x \\\"y\\\"\\n\",\"b\":\"\"},\"owner\":\"root\"}");
}

Test(state, tells_hooks_in_one_line)
{
        auto_buffer struct text_buffer out = { 0 };
        struct state state = full_state("a");

        state_to_oci(&state, STATE_CREATING, true, &out);
        cr_assert_str_eq(out.text, "{\"ociVersion\":\"1.0.2\",\"id\":\"a\",\"status\":\"creating\",\"pid\":2147483647,"
                         "\"bundle\":\"/b \\\"quoted\\\"\",\"annotations\":{\"io.example/a\":\"x \\\"y\\\"\\n\",\"b\":\"\"}}");
}

/* ---- locks ---- */

Test(state, a_reader_waits_for_nobody)
{
        auto_state_dir struct state_dir dir = { 0 };
        pid_t pid;
        int status;

        cr_assert_eq(state_create(root, "a", &dir, &err), 0);
        pid = test_fork();
        if (pid == 0) {
                struct state_dir reader = { 0 };

                _exit(state_open(root, "a", true, &reader, NULL) == 0 ? 0 : 1);
        }
        waitpid(pid, &status, 0);
        cr_expect_eq(status, 0);
}

Test(state, a_writer_finds_out_that_it_waited_for_a_deletion)
{
        auto_state_dir struct state_dir dir = { 0 };
        int ready[2], status;
        char byte = 0;
        pid_t pid;

        cr_assert_eq(state_create(root, "a", &dir, &err), 0);
        cr_assert_eq(pipe(ready), 0);
        pid = test_fork();
        if (pid == 0) {
                struct state_dir writer = { 0 };

                /* A copy of the holder's fds holds nothing. */
                if (state_open(root, "a", true, &writer, NULL) < 0 || write(ready[1], &byte, 1) != 1)
                        _exit(1);
                _exit(state_lock(&writer, &err) == -ENOENT && strcmp(err.text, "container does not exist") == 0 ? 0 : 2);
        }
        cr_assert_eq(read(ready[0], &byte, 1), 1);
        usleep(20000);
        cr_assert_eq(state_remove(&dir, &err), 0);
        state_dir_close(&dir);
        waitpid(pid, &status, 0);
        cr_expect_eq(status, 0);
}

Test(state, a_killed_holder_lets_go_although_its_child_lives)
{
        auto_state_dir struct state_dir dir = { 0 };
        int ready[2];
        pid_t pid, child = 0;

        cr_assert_eq(pipe(ready), 0);
        pid = test_fork();
        if (pid == 0) {
                if (state_create(root, "a", &dir, NULL) < 0)
                        _exit(1);
                child = test_fork();
                if (child == 0) {
                        /* It outlives its parent on purpose. */
                        prctl(PR_SET_PDEATHSIG, 0);
                        alarm(60);
                        for (;;)
                                pause();
                }
                if (write(ready[1], &child, sizeof child) < 0)
                        _exit(1);
                for (;;)
                        pause();
        }
        cr_assert_eq(read(ready[0], &child, sizeof child), sizeof child);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        cr_expect_eq(state_open(root, "a", false, &dir, &err), 0, "%s", err.text);
        kill(child, SIGKILL);
}

Test(lock, waits_no_longer_than_told_and_names_the_holder, .timeout = 30)
{
        char name[] = "/tmp/runb-lock-XXXXXX";
        int fd = mkstemp(name), ready[2];
        struct sigaction action;
        pid_t pid, holder = 0;
        char byte = 0;

        cr_assert_eq(pipe(ready), 0);
        pid = test_fork();
        if (pid == 0) {
                if (lock_take(fd, true, 0, NULL) < 0 || write(ready[1], &byte, 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        cr_assert_eq(read(ready[0], &byte, 1), 1);
        cr_expect_eq(lock_take(fd, true, 120, &holder), -ETIMEDOUT);
        cr_expect_eq(holder, pid);
        cr_expect_eq(sigaction(SIGALRM, NULL, &action), 0);
        cr_expect_eq(action.sa_handler, SIG_DFL);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        cr_expect_eq(lock_take(fd, true, 120, &holder), 0);
        unlink(name);
}

static void *sleep_on(void *context)
{
        while (pause() < 0)
                continue;
        return context;
}

/* What a build's init may do so that it looks dead. */
static pid_t start_headless(void)
{
        pid_t pid = test_fork();
        pthread_t thread;

        if (pid == 0) {
                pthread_create(&thread, NULL, sleep_on, NULL);
                syscall(SYS_exit, 0);
        }
        return pid;
}

static bool shows_as_zombie(pid_t pid)
{
        char path[32], text[256] = "";
        FILE *file;

        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        file = fopen(path, "re");
        if (file != NULL) {
                text[fread(text, 1, sizeof text - 1, file)] = '\0';
                fclose(file);
        }
        return strstr(text, ") Z ") != NULL;
}

Test(state, an_init_whose_first_thread_has_ended_lives_by_the_others)
{
        pid_t pid = start_headless();
        struct state state = { .id = "a", .init_pid = pid, .is_created = true, .is_started = true };
        bool is_zombie = true;
        int pidfd;

        while (!shows_as_zombie(pid))
                usleep(1000);
        cr_assert_eq(state_process_start_time(pid, &state.init_start_time, &is_zombie), 0);
        cr_expect_not(is_zombie);
        cr_expect_eq(state_status(&state), STATE_RUNNING);
        cr_assert_eq(state_open_init(&state, &pidfd), 0);
        close(pidfd);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        cr_expect_eq(state_status(&state), STATE_STOPPED);
}
