/* Paths in a tree that nobody trusts. Runs as anyone: the trees are folders of the test's own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/targets.h"

static char base[PATH_MAX];
static int root_fd = -1;

static void set_up(void)
{
        char path[PATH_MAX + 16];

        snprintf(base, sizeof base, "/tmp/runb-targets-XXXXXX");
        cr_assert_not_null(mkdtemp(base));
        snprintf(path, sizeof path, "%s/root", base);
        cr_assert_eq(mkdir(path, 0755), 0);
        snprintf(path, sizeof path, "%s/outside", base);
        cr_assert_eq(mkdir(path, 0755), 0);
        snprintf(path, sizeof path, "%s/root", base);
        root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(root_fd, 0);
}

static void tear_down(void)
{
        auto_close int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

        close(root_fd);
        cr_assert_eq(fd_remove_tree(tmp, base + strlen("/tmp/")), 0);
}

static void link_to(const char *target, const char *name)
{
        cr_assert_eq(symlinkat(target, root_fd, name), 0);
}

static bool is_there(const char *path)
{
        struct stat st;

        return fstatat(root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool outside_is_empty(void)
{
        char path[PATH_MAX + 16];

        snprintf(path, sizeof path, "%s/outside", base);
        return rmdir(path) == 0 && mkdir(path, 0755) == 0;
}

TestSuite(targets, .init = set_up, .fini = tear_down);

Test(targets, makes_missing_folders_and_a_file)
{
        auto_close int fd = UNSET_FD;
        bool was_made = false;
        struct stat st;

        fd = target_open(root_fd, "/a/b/c", TARGET_FILE, false, &was_made);
        cr_assert_geq(fd, 0);
        cr_assert(was_made);
        cr_assert_eq(fstat(fd, &st), 0);
        cr_assert(S_ISREG(st.st_mode));
        cr_assert(is_there("a/b/c"));
}

Test(targets, opens_what_is_there_and_makes_nothing)
{
        auto_close int fd = UNSET_FD;
        bool was_made = true;

        cr_assert_eq(mkdirat(root_fd, "etc", 0700), 0);
        fd = target_open(root_fd, "/etc/", TARGET_FOLDER, false, &was_made);
        cr_assert_geq(fd, 0);
        cr_assert_not(was_made);
}

Test(targets, an_absolute_link_counts_from_the_root_of_the_tree)
{
        auto_close int fd = UNSET_FD;
        char target[PATH_MAX + 16];

        /* CVE-2024-45310: a link in the way must not make files on the host. */
        snprintf(target, sizeof target, "%s/outside", base);
        link_to(target, "escape");
        fd = target_open(root_fd, "/escape/made", TARGET_FILE, false, NULL);
        cr_assert_geq(fd, 0);
        cr_assert(outside_is_empty());
        memmove(target, target + 1, strlen(target));
        cr_assert(is_there(target), "the link was followed inside the tree");
}

Test(targets, dots_stop_at_the_root)
{
        auto_close int fd = UNSET_FD;

        link_to("../../../../outside", "up");
        fd = target_open(root_fd, "/up/x", TARGET_FOLDER, false, NULL);
        cr_assert_geq(fd, 0);
        cr_assert(outside_is_empty());
        cr_assert(is_there("outside/x"));
}

Test(targets, makes_what_a_dangling_link_names)
{
        auto_close int fd = UNSET_FD;

        cr_assert_eq(mkdirat(root_fd, "etc", 0755), 0);
        link_to("../run/systemd/resolve/stub-resolv.conf", "etc/resolv.conf");
        fd = target_open(root_fd, "/etc/resolv.conf", TARGET_FILE, false, NULL);
        cr_assert_geq(fd, 0);
        cr_assert(is_there("run/systemd/resolve/stub-resolv.conf"));
}

Test(targets, a_circle_of_links_is_an_error)
{
        link_to("b", "a");
        link_to("a", "b");
        cr_assert_eq(target_open(root_fd, "/a/x", TARGET_FILE, false, NULL), -1);
        cr_assert_eq(errno, ELOOP);
}

Test(targets, no_link_where_procfs_belongs)
{
        cr_assert_eq(mkdirat(root_fd, "other", 0755), 0);
        link_to("other", "proc");
        /* CVE-2019-19921, CVE-2023-27561 */
        cr_assert_eq(target_open(root_fd, "/proc", TARGET_FOLDER, true, NULL), -1);
        cr_assert_eq(errno, ELOOP);
        cr_assert_geq(target_open(root_fd, "/proc", TARGET_FOLDER, false, NULL), 0, "elsewhere links are followed");
}

Test(targets, a_file_is_no_folder_and_a_folder_no_file)
{
        cr_assert_eq(mknodat(root_fd, "file", S_IFREG | 0644, 0), 0);
        cr_assert_eq(mkdirat(root_fd, "folder", 0755), 0);
        cr_assert_eq(target_open(root_fd, "/file", TARGET_FOLDER, false, NULL), -1);
        cr_assert_eq(errno, ENOTDIR);
        cr_assert_eq(target_open(root_fd, "/folder", TARGET_FILE, false, NULL), -1);
        cr_assert_eq(errno, EISDIR);
}

Test(targets, a_name_that_is_too_long_is_an_error)
{
        char path[PATH_MAX + 64];

        memset(path, 'x', sizeof path - 1);
        path[sizeof path - 1] = '\0';
        path[0] = '/';
        cr_assert_eq(target_open(root_fd, path, TARGET_FILE, false, NULL), -1);
        cr_assert_eq(errno, ENAMETOOLONG);
        path[300] = '\0';
        cr_assert_eq(target_open(root_fd, path, TARGET_FILE, false, NULL), -1);
        cr_assert_eq(errno, ENAMETOOLONG);
}

Test(targets, the_folder_of_a_path_and_its_last_name)
{
        auto_close int fd = UNSET_FD;
        const char *name = NULL;

        fd = target_open_parent(root_fd, "/dev/net/tun", &name);
        cr_assert_geq(fd, 0);
        cr_assert_str_eq(name, "tun");
        cr_assert(is_there("dev/net"));
        cr_assert_eq(target_open_parent(root_fd, "/dev/..", &name), -1);
        cr_assert_eq(target_open_parent(root_fd, "/", &name), -1);
}
