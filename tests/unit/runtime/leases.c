#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/leases.h"
#include "runtime/state.h"
#include "runtime/userns.h"
#include "tests/unit/fork.h"

static char folder[] = "/tmp/runb-leases-XXXXXX", root[128], house[256];
static struct error err;
static bool has_own_etc;

static void put(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        cr_assert_geq(fd, 0, "%s", path);
        cr_assert_eq(fd_write_all(fd, text, strlen(text)), 0);
        close(fd);
}

/* A /run and an /etc/subuid of our own where we are root, a $XDG_RUNTIME_DIR of our own where not. */
static void make_house(void)
{
        cr_assert_not_null(mkdtemp(folder));
        snprintf(root, sizeof root, "%s/root", folder);
        setenv("XDG_RUNTIME_DIR", folder, 1);
        if (geteuid() != 0 || !userns_is_initial()) {
                snprintf(house, sizeof house, "%s/runb", folder);
                return;
        }
        snprintf(house, sizeof house, "/run/runb");
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0)
                cr_skip_test("needs a /run of its own");
        for (const char *const *name = (const char *const[]){ "subuid", "subgid", NULL }; *name != NULL; name++) {
                char path[160], target[32];

                snprintf(path, sizeof path, "/run/%s", *name);
                snprintf(target, sizeof target, "/etc/%s", *name);
                put(path, "");
                if (access(target, F_OK) < 0)
                        put(target, "");
                cr_assert_eq(mount(path, target, NULL, MS_BIND, NULL), 0);
        }
        has_own_etc = true;
}

static void remove_house(void)
{
        auto_close int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        cr_assert_eq(fd_remove_tree(fd, folder + strlen("/tmp/")), 0);
}

static void set_etc(const char *subuid, const char *subgid)
{
        if (!has_own_etc)
                cr_skip_test("needs root, for an /etc/subuid of its own");
        put("/etc/subuid", subuid);
        put("/etc/subgid", subgid);
}

TestSuite(leases, .init = make_house, .fini = remove_house, .timeout = 120);

static void container(const char *id)
{
        auto_state_dir struct state_dir dir = { 0 };

        cr_assert_eq(state_create(root, id, &dir, &err), 0, "%s", err.text);
}

static void remove_container(const char *id)
{
        auto_close int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        cr_assert_eq(fd_remove_tree(fd, id), 0);
}

static struct lease take(const char *id, const char *key, uint64_t inode)
{
        struct lease lease = { 0 };

        container(id);
        cr_assert_eq(leases_take(root, id, NULL, 65536, key, inode, &lease, &err), 0, "%s: %s", id, err.text);
        return lease;
}

static size_t count(const char *name)
{
        char path[300];
        auto_closedir DIR *dir = NULL;
        struct dirent *entry;
        size_t n = 0;

        snprintf(path, sizeof path, "%s/%s", house, name);
        dir = opendir(path);
        cr_assert_not_null(dir, "%s", path);
        while ((entry = readdir(dir)) != NULL)
                n += entry->d_name[0] != '.';
        return n;
}

static void want_empty(void)
{
        cr_expect_eq(count("leases"), 0);
        cr_expect_eq(count("groups"), 0);
}

Test(leases, gives_each_container_a_range_and_takes_it_back)
{
        struct lease a = take("a", NULL, 0), b = take("b", NULL, 0), again;

        cr_expect_geq(a.base, LEASE_FIRST);
        cr_expect_eq(a.base % 65536, 0);
        cr_expect_eq(a.size, 65536);
        cr_expect_neq(a.base, b.base);
        cr_assert_eq(leases_take(root, "a", NULL, 65536, NULL, 0, &again, &err), 0);
        cr_expect_eq(again.base, a.base, "asked again, the same answer");
        cr_expect_eq(count("leases"), 2);
        cr_expect_eq(leases_free(root, "a", &err), 0);
        cr_expect_eq(leases_free(root, "a", &err), 0);
        cr_expect_eq(leases_free(root, "unknown", &err), 0);
        cr_expect_eq(leases_free("/nowhere", "a", &err), 0);
        cr_expect_eq(leases_free(root, "..", &err), 0);
        cr_expect_eq(count("leases"), 1);
        cr_expect_eq(leases_free(root, "b", &err), 0);
        want_empty();
}

Test(leases, a_range_just_freed_rests)
{
        struct lease a = take("a", NULL, 0), b;

        cr_assert_eq(leases_free(root, "a", &err), 0);
        b = take("b", NULL, 0);
        cr_expect_neq(a.base, b.base);
}

Test(leases, two_roots_share_the_machine)
{
        struct lease a = take("a", NULL, 0), b;

        snprintf(root, sizeof root, "%s/other", folder);
        b = take("a", NULL, 0);
        cr_expect_neq(a.base, b.base);
        cr_expect_eq(leases_free(root, "a", &err), 0);
        cr_expect_eq(count("leases"), 1, "the other engine's stays");
}

Test(leases, a_root_is_the_same_however_it_is_written)
{
        char other[256];

        take("a", NULL, 0);
        snprintf(other, sizeof other, "%s/../root//./", root);
        cr_expect_eq(leases_free(other, "a", &err), 0);
        want_empty();
}

Test(leases, fifty_at_once_get_fifty_ranges)
{
        enum { N = 50, ROUNDS = 4 };
        pid_t pids[N];
        int results[2], gate[2], status;
        uint32_t bases[N * ROUNDS], base;
        size_t n = 0;
        char id[16];

        cr_assert_eq(pipe(results), 0);
        cr_assert_eq(pipe(gate), 0);
        container("first");
        for (int i = 0; i < N; i++) {
                pids[i] = test_fork();
                if (pids[i] != 0)
                        continue;
                close(gate[1]);
                if (read(gate[0], id, 1) != 0)
                        _exit(1);
                for (int round = 0; round < ROUNDS; round++) {
                        struct state_dir dir = { 0 };
                        struct lease lease;

                        snprintf(id, sizeof id, "c%d-%d", i, round);
                        if (state_create(root, id, &dir, NULL) < 0)
                                _exit(2);
                        state_dir_close(&dir);
                        if (leases_take(root, id, NULL, 65536, NULL, 0, &lease, NULL) < 0)
                                _exit(3);
                        if (write(results[1], &lease.base, sizeof lease.base) != sizeof lease.base)
                                _exit(4);
                        /* Some come and go. */
                        if (round % 2 == 0 && leases_take(root, id, NULL, 65536, NULL, 0, &lease, NULL) < 0)
                                _exit(5);
                }
                _exit(0);
        }
        close(gate[1]);
        close(results[1]);
        while (read(results[0], &base, sizeof base) == sizeof base) {
                for (size_t j = 0; j < n; j++)
                        cr_assert_neq(bases[j], base, "two have %u", base);
                bases[n++] = base;
        }
        for (int i = 0; i < N; i++) {
                waitpid(pids[i], &status, 0);
                cr_expect_eq(status, 0, "process %d: %d", i, status);
        }
        cr_expect_eq(n, N * ROUNDS);
        cr_expect_eq(count("leases"), N * ROUNDS);
}

/* Does process @pid wait for a lock of @fd's file? proc(5), /proc/locks: "1: -> POSIX ADVISORY WRITE PID MAJ:MIN:INODE 0 EOF" */
static bool waits_for(pid_t pid, int fd)
{
        auto_fclose FILE *locks = fopen("/proc/locks", "re");
        char line[256], of_pid[32], of_file[32];
        struct stat st;

        cr_assert(locks != NULL && fstat(fd, &st) == 0);
        snprintf(of_pid, sizeof of_pid, " %d ", pid);
        snprintf(of_file, sizeof of_file, ":%llu ", (unsigned long long)st.st_ino);
        while (fgets(line, sizeof line, locks) != NULL)
                if (strstr(line, "->") != NULL && strstr(line, of_pid) != NULL && strstr(line, of_file) != NULL)
                        return true;
        return false;
}

static int lock_now(const char *path)
{
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        cr_assert(fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0);
        return fd;
}

Test(leases, a_lock_that_was_removed_while_one_waited_for_it_is_none)
{
        struct lease lease;
        char path[300];
        int first, second, status;
        pid_t pid;

        take("a", NULL, 0);
        container("b");
        snprintf(path, sizeof path, "%s/lock", house);
        first = lock_now(path);
        pid = test_fork();
        if (pid == 0)
                _exit(leases_take(root, "b", NULL, 65536, NULL, 0, &lease, NULL) < 0);
        while (!waits_for(pid, first))
                usleep(1000);
        cr_assert_eq(unlink(path), 0);
        second = lock_now(path);
        close(first);
        while (!waits_for(pid, second)) {
                cr_assert_eq(waitpid(pid, &status, WNOHANG), 0, "it went on beside the one that has the lock");
                usleep(1000);
        }
        close(second);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert_eq(status, 0);
}

Test(leases, says_how_many_there_are_when_all_are_taken)
{
        struct lease lease;

        set_etc("runb:200000000:196608\n", "runb:200000000:196608\n");
        cr_expect_eq(take("a", NULL, 0).base, 200000000);
        cr_expect_eq(take("b", NULL, 0).base, 200065536);
        cr_expect_eq(take("c", NULL, 0).base, 200131072);
        container("d");
        cr_expect_eq(leases_take(root, "d", NULL, 65536, NULL, 0, &lease, &err), -ENOSPC);
        cr_expect_not_null(strstr(err.text, "all 3 of"), "%s", err.text);
        cr_assert_eq(leases_free(root, "b", &err), 0);
        cr_assert_eq(leases_take(root, "d", NULL, 65536, NULL, 0, &lease, &err), 0, "%s", err.text);
        cr_expect_eq(lease.base, 200065536);
}

Test(leases, takes_over_what_a_removed_folder_held)
{
        struct lease lease;

        set_etc("runb:200000000:65536\n", "runb:200000000:65536\n");
        take("a", "pod", 5);
        remove_container("a");
        container("b");
        cr_assert_eq(leases_take(root, "b", NULL, 65536, NULL, 0, &lease, &err), 0, "%s", err.text);
        cr_expect_eq(count("groups"), 0);

        /* The same name again is not the same container. */
        remove_container("b");
        container("b");
        container("c");
        cr_assert_eq(leases_take(root, "c", NULL, 65536, NULL, 0, &lease, &err), 0, "%s", err.text);
        cr_expect_eq(leases_free(root, "b", &err), 0);
        cr_expect_eq(count("leases"), 1);
}

Test(leases, leaves_a_range_alone_in_which_a_process_lives)
{
        struct lease lease;
        pid_t test, pid;

        /* No other test's range: they run at the same time. */
        set_etc("runb:350000000:65536\n", "runb:350000000:65536\n");
        take("a", NULL, 0);
        remove_container("a");
        test = getpid();
        pid = test_fork();
        if (pid == 0) {
                if (setresuid(350000007, 350000007, 350000007) < 0)
                        _exit(1);
                test_die_with(test);
                for (;;)
                        pause();
        }
        usleep(50000);
        container("b");
        cr_expect_eq(leases_take(root, "b", NULL, 65536, NULL, 0, &lease, &err), -ENOSPC);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        cr_expect_eq(leases_take(root, "b", NULL, 65536, NULL, 0, &lease, &err), 0, "%s", err.text);
}

Test(leases, both_files_have_to_say_the_same)
{
        struct lease lease;

        container("a");
        set_etc("runb:200000000:65536\n", "runb:300000000:65536\n");
        cr_expect_eq(leases_take(root, "a", NULL, 65536, NULL, 0, &lease, &err), -EINVAL);
        cr_expect_not_null(strstr(err.text, "/etc/subgid"));
        set_etc("runb:200000000:65536\n", "");
        cr_expect_eq(leases_take(root, "a", NULL, 65536, NULL, 0, &lease, &err), -EINVAL);
        set_etc("runb:200000000:65535\n", "runb:200000000:65535\n");
        cr_expect_eq(leases_take(root, "a", NULL, 65536, NULL, 0, &lease, &err), -EINVAL);
        set_etc("runb:1000:65536\n", "runb:1000:65536\n");
        cr_expect_eq(leases_take(root, "a", NULL, 65536, NULL, 0, &lease, &err), -EINVAL);
        set_etc("runb:2147287040:131072\n", "runb:2147287040:131072\n");
        cr_expect_eq(leases_take(root, "a", NULL, 65536, NULL, 0, &lease, &err), -EINVAL);
        set_etc("runb:abc:65536\n", "");
        cr_expect_eq(leases_take(root, "a", NULL, 65536, NULL, 0, &lease, &err), -EINVAL);
        cr_expect_not_null(strstr(err.text, "/etc/subuid, line 1"), "%s", err.text);
        want_empty();
        set_etc("x:1:1\nrunb:200000000:65536\nrunb:400000000:65536\n", "runb:200000000:65536\ny:2:2\nrunb:400000000:65536\n");
        cr_expect_eq(leases_take(root, "a", NULL, 65536, NULL, 0, &lease, &err), 0, "%s", err.text);
        cr_expect_eq(take("b", NULL, 0).base, 400000000);
}

Test(leases, a_user_that_is_named_has_the_range_in_both_files_or_none_is_given)
{
        static const struct { const char *subuid, *subgid, *says; } bad[] = {
                { "", "", "\"builds\"" },
                { "runb:200000000:65536\n", "runb:200000000:65536\n", "\"builds\"" },
                { "builds:200000000:65536\n", "runb:200000000:65536\n", "different entries for builds" },
                { "builds:200000000:65535\n", "builds:200000000:65535\n", "range of builds holds less than" },
                { "builds:nonsense:65536\n", "builds:200000000:65536\n", "/etc/subuid, line 1" },
                { "builds:1000:65536\n", "builds:1000:65536\n", "range of builds" },
        };
        struct lease lease;

        container("a");
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                set_etc(bad[i].subuid, bad[i].subgid);
                cr_expect_lt(leases_take(root, "a", "builds", 65536, NULL, 0, &lease, &err), 0);
                cr_expect_not_null(strstr(err.text, bad[i].says), "%s", err.text);
                cr_expect_lt(leases_check("builds", 65536, &err), 0);
        }
        want_empty();
        set_etc("builds:200000000:131072\nrunb:300000000:65536\n", "builds:200000000:131072\nrunb:300000000:65536\n");
        cr_expect_eq(leases_take(root, "a", "builds", 200000, NULL, 0, &lease, &err), -ENOSPC);
        cr_expect_not_null(strstr(err.text, "131072 in one piece; give user builds"), "%s", err.text);
        cr_expect_eq(leases_check("builds", 65536, &err), 0);
        cr_expect_eq(leases_take(root, "a", "builds", 65536, NULL, 0, &lease, &err), 0, "%s", err.text);
        cr_expect_eq(lease.base, 200000000);
        cr_expect_eq(take("b", NULL, 0).base, 300000000, "whoever is named nobody has runb's");
        set_etc("builds:200000000:131072\n", "builds:200000000:131072\n");
        cr_expect_eq(leases_check("runb", 65536, &err), 0, "the default, spelled out");
        container("c");
        cr_expect_eq(leases_take(root, "c", "builds", 65536, NULL, 0, &lease, &err), 0, "%s", err.text);
        cr_expect_eq(lease.base, 200065536);
}

Test(leases, ids_of_other_users_are_left_out)
{
        set_etc("ada:1879048192:65537\n", "bob:1879179264:1\n");
        cr_expect_eq(take("a", NULL, 0).base, LEASE_FIRST + 3 * 65536);
}

Test(leases, larger_ranges_and_a_changed_subuid_never_overlap)
{
        struct lease a, b, c;

        set_etc("runb:200000000:327680\n", "runb:200000000:327680\n");
        container("a");
        container("b");
        container("c");
        cr_assert_eq(leases_take(root, "a", NULL, 100000, NULL, 0, &a, &err), 0, "%s", err.text);
        cr_expect_eq(a.size, 100000);
        cr_assert_eq(leases_take(root, "b", NULL, 1, NULL, 0, &b, &err), 0, "%s", err.text);
        cr_expect_eq(b.base, a.base + 2 * 65536);
        cr_expect_eq(count("leases"), 3);

        /* Slots that lie half across the ones of before. */
        set_etc("runb:200032768:196608\n", "runb:200032768:196608\n");
        cr_expect_eq(leases_take(root, "c", NULL, 65536, NULL, 0, &c, &err), -ENOSPC);
        cr_assert_eq(leases_free(root, "a", &err), 0);
        cr_expect_eq(count("leases"), 1);
        cr_assert_eq(leases_take(root, "c", NULL, 65536, NULL, 0, &c, &err), 0, "%s", err.text);
        cr_expect_eq(c.base, 200032768);
        cr_assert_eq(leases_free(root, "b", &err), 0);
        cr_assert_eq(leases_free(root, "c", &err), 0);
        want_empty();
}

/* ---- pods ---- */

static void want_refused(const char *id, const char *key, uint64_t inode)
{
        struct lease lease;

        container(id);
        cr_expect_eq(leases_take(root, id, NULL, 65536, key, inode, &lease, &err), -EPERM, "%s", id);
        cr_expect_not_null(err.rule);
        cr_expect_eq(leases_free(root, id, &err), 0);
}

Test(leases, a_pod_shares_one_range_until_its_last_container_goes)
{
        struct lease a = take("a", "pod1", 71), b = take("b", "pod1", 71), c = take("c", NULL, 71), d = take("d", "pod1", 0);
        struct lease other = take("e", "pod2", 72);

        cr_expect_eq(a.base, b.base);
        cr_expect_eq(a.base, c.base);
        cr_expect_eq(a.base, d.base);
        cr_expect_neq(a.base, other.base);
        cr_expect_eq(leases_free(root, "a", &err), 0);
        cr_expect_eq(leases_free(root, "b", &err), 0);
        cr_expect_eq(leases_free(root, "d", &err), 0);
        cr_expect_eq(take("f", "pod1", 71).base, c.base);
        cr_expect_eq(leases_free(root, "c", &err), 0);
        cr_expect_eq(leases_free(root, "f", &err), 0);
        cr_expect_eq(leases_free(root, "e", &err), 0);
        want_empty();
}

Test(leases, a_pods_new_network_namespace_is_learnt_afterwards)
{
        struct lease a = take("a", NULL, 0);

        cr_assert_eq(leases_set_group(root, "a", NULL, 81, &err), 0, "%s", err.text);
        cr_expect_eq(take("b", NULL, 81).base, a.base);
        cr_expect_neq(take("c", NULL, 82).base, a.base);
        container("d");
        cr_expect_eq(leases_set_group(root, "d", NULL, 83, &err), 0, "a container without a lease");
}

Test(leases, a_container_that_names_one_pod_and_joins_another_is_refused)
{
        take("a", "pod1", 91);
        take("b", "pod2", 92);
        want_refused("c", "pod1", 92);
        want_refused("d", "pod3", 91);
        want_refused("e", "pod1", 93);
        take("f", NULL, 94);
        want_refused("g", "pod1", 94);
        take("h", "pod1", 0);
        cr_expect_eq(leases_set_group(root, "h", "pod1", 95, &err), -EPERM);
}

Test(leases, a_sandbox_id_that_is_a_path_is_refused)
{
        static const char *const bad[] = { "../../x", "", "a b", "a\nuser x /" };
        struct lease lease;

        container("a");
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                cr_expect_eq(leases_take(root, "a", NULL, 65536, bad[i], 0, &lease, &err), -EINVAL, "%s", bad[i]);
}

static void set_dead(const char *id)
{
        auto_state_dir struct state_dir dir = { 0 };
        const struct state state = { .id = id, .init_pid = 1, .init_start_time = UINT64_MAX, .is_created = true };

        cr_assert_eq(state_open(root, id, false, &dir, &err), 0);
        cr_assert_eq(state_write(&dir, &state, &err), 0);
}

Test(leases, a_dead_pods_namespace_number_may_be_used_again)
{
        struct lease a = take("a", "pod1", 101), b;

        set_dead("a");
        b = take("b", "pod2", 101);
        cr_expect_neq(a.base, b.base);
        cr_expect_eq(take("c", "pod2", 101).base, b.base);
        /* The old sandbox comes back with a new namespace. */
        cr_expect_eq(take("d", "pod1", 102).base, a.base);
        cr_expect_eq(take("e", NULL, 102).base, a.base);
        cr_expect_eq(take("f", NULL, 101).base, b.base);
}

Test(leases, whatever_a_killed_one_leaves_is_cleared_up)
{
        char path[300];
        struct lease lease;

        set_etc("runb:200000000:65536\n", "runb:200000000:65536\n");
        take("a", "pod1", 111);
        /* Killed between its links and its lease. */
        snprintf(path, sizeof path, "%s/leases/200000000", house);
        cr_assert_eq(unlink(path), 0);
        snprintf(path, sizeof path, "%s/leases/200065536", house);
        put(path, "of 200000000\n");
        snprintf(path, sizeof path, "%s/leases/new", house);
        put(path, "size 655");
        cr_expect_eq(leases_free(root, "a", &err), 0);
        want_empty();

        /* A lease that is damaged. */
        take("b", NULL, 0);
        snprintf(path, sizeof path, "%s/leases/200000000", house);
        put(path, "size 655");
        container("c");
        cr_expect_eq(leases_take(root, "c", NULL, 65536, NULL, 0, &lease, &err), 0, "%s", err.text);
        snprintf(path, sizeof path, "%s/lock", house);
        put(path, "rubbish");
        cr_expect_eq(leases_free(root, "c", &err), 0);
        cr_expect_eq(leases_free(root, "b", &err), 0);
        take("d", NULL, 0);
        cr_expect_eq(leases_free(root, "d", &err), 0);
        want_empty();
}

Test(leases, a_folder_that_others_may_write_to_is_refused)
{
        struct lease lease;

        take("a", NULL, 0);
        container("b");
        cr_assert_eq(chmod(house, 0777), 0);
        cr_expect_eq(leases_take(root, "b", NULL, 65536, NULL, 0, &lease, &err), -EPERM);
        cr_expect_not_null(strstr(err.text, house));
}

Test(leases, what_nobody_has_waited_for_yet_holds_no_ids)
{
        const uint32_t base = 3000000000u;       /* no range that leases of a test beside could have */
        siginfo_t info;
        pid_t pid;

        if (geteuid() != 0)
                cr_skip_test("needs root, to become another user");
        cr_assert_not(lease_is_populated(base, 65536));
        pid = test_fork();
        if (pid == 0) {
                if (setresuid(base + 5, base + 5, base + 5) < 0)
                        _exit(1);
                for (;;)
                        pause();
        }
        while (!lease_is_populated(base, 65536))
                cr_assert_eq(waitpid(pid, NULL, WNOHANG), 0, "no such user id here");
        cr_expect_not(lease_is_populated(base, 5));
        kill(pid, SIGKILL);
        cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
        cr_expect_not(lease_is_populated(base, 65536));
        waitpid(pid, NULL, 0);
}
