/* resctrl as a plain folder: what is written where, and who may join what. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/base/fd.h"
#include "runtime/intelrdt.h"

static char folder[] = "/tmp/runb-resctrl-XXXXXX";
static struct intelrdt_root root;
static struct intelrdt_ready ready = { -EBADF, -EBADF };
static struct error err;

static void setup(void)
{
        cr_assert_not_null(mkdtemp(folder));
        root = (struct intelrdt_root){ open(folder, O_PATH | O_DIRECTORY), O_WRONLY | O_CREAT };
        cr_assert_geq(root.fd, 0);
}

static void teardown(void)
{
        fd_remove_tree(AT_FDCWD, folder);
}

TestSuite(intelrdt, .init = setup, .fini = teardown);

static void assert_file(const char *name, const char *text)
{
        char *got = NULL;

        cr_assert_eq(fd_read_file(root.fd, name, 4096, &got, NULL), 0, "%s", name);
        cr_assert_str_eq(got, text, "%s", name);
        free(got);
}

static void put(const char *name, const char *text)
{
        int fd = openat(root.fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        cr_assert_geq(fd, 0, "%s", name);
        cr_assert_eq(fd_write_all(fd, text, strlen(text)), 0);
        close(fd);
}

static bool is_there(const char *name)
{
        return faccessat(root.fd, name, F_OK, 0) == 0;
}

/* Whether this user may: trusted attributes are root's. */
static bool mark(const char *group)
{
        char path[128];

        snprintf(path, sizeof path, "%s/%s", folder, group);
        return setxattr(path, "trusted.runb", "open", 4, 0) == 0;
}

static int prepare(struct intelrdt_plan plan)
{
        plan.is_given = true;
        plan.root = folder;
        return intelrdt_prepare(&root, &plan, &ready, &err);
}

Test(intelrdt, a_group_of_its_own_holds_its_shares_and_tasks)
{
        cr_assert_eq(prepare((struct intelrdt_plan){ .group = "c1", .is_private = true, .lines = "L3:0=f\nMB:0=20\n",
                                                     .schemata = "L2:0=3\n" }), 0, "%s", err.text);
        /* The kernel takes each write for itself; a plain file keeps the last over the first. */
        assert_file("c1/schemata", "L2:0=3\nMB:0=20\n");
        cr_assert_eq(intelrdt_join(&ready, 4242, &err), 0);
        assert_file("c1/tasks", "4242\n");
        cr_assert_lt(ready.monitor_fd, 0);
        cr_assert_eq(intelrdt_undo(&root, "c1", true, NULL, &err), 0, "%s", err.text);
        cr_assert_not(is_there("c1"));
        cr_assert_eq(intelrdt_undo(&root, "c1", true, NULL, &err), 0, "twice");
}

Test(intelrdt, no_shares_asked_for_are_none_written)
{
        cr_assert_eq(prepare((struct intelrdt_plan){ .group = "c1", .is_private = true }), 0);
        cr_assert_not(is_there("c1/schemata"));
        put("tasks", "");
        cr_assert_eq(prepare((struct intelrdt_plan){ .group = "/" }), 0);
        cr_assert_eq(intelrdt_join(&ready, 7, &err), 0);
        assert_file("tasks", "7\n");
        cr_assert_not(is_there("schemata"));
        cr_assert_eq(intelrdt_undo(&root, "/", false, NULL, &err), 0);
        cr_assert(is_there("tasks"));
}

Test(intelrdt, a_group_that_is_there_is_not_the_containers_own)
{
        mkdirat(root.fd, "c1", 0755);
        cr_assert_eq(prepare((struct intelrdt_plan){ .group = "c1", .is_private = true }), -EEXIST);
        cr_assert(is_there("c1"));
}

Test(intelrdt, another_ones_class_is_refused)
{
        mkdirat(root.fd, "gold", 0755);
        put("gold/tasks", "1\n");
        put("gold/schemata", "    L3:0=ff\n");
        cr_assert_eq(prepare((struct intelrdt_plan){ .group = "gold" }), -EPERM);
        cr_assert_not_null(strstr(err.text, "linux.intelRdt.closID: refused"), "%s", err.text);
        cr_assert_eq(prepare((struct intelrdt_plan){ .group = "gold", .lines = "L3:0=ff\n" }), -EPERM);
        assert_file("gold/schemata", "    L3:0=ff\n");
        assert_file("gold/tasks", "1\n");
        cr_assert_eq(prepare((struct intelrdt_plan){ .group = "none" }), -ENOENT);
        cr_assert_not_null(strstr(err.text, "no resctrl group \"none\""));
        cr_assert_not(is_there("none"));
}

Test(intelrdt, a_class_is_shared_with_the_same_shares)
{
        if (prepare((struct intelrdt_plan){ .group = "ours", .lines = "L3:0=0f;1=3\nMB:0=20\n" }) < 0 || !mark("ours"))
                cr_skip_test("trusted extended attributes are root's");
        put("ours/schemata", "    MB:0= 20;1=100\n    L3:0=00f;1=3\n");
        cr_assert_eq(prepare((struct intelrdt_plan){ .group = "ours" }), 0, "%s", err.text);
        cr_assert_eq(prepare((struct intelrdt_plan){ .group = "ours", .lines = "L3:1=3;0=F\n" }), 0, "%s", err.text);
        cr_assert_eq(prepare((struct intelrdt_plan){ .group = "ours", .schemata = "MB:1=100\n" }), 0, "%s", err.text);
        cr_assert_eq(prepare((struct intelrdt_plan){ .group = "ours", .lines = "L3:0=ff\n" }), -EINVAL);
        cr_assert_eq(prepare((struct intelrdt_plan){ .group = "ours", .lines = "L3:2=f\n" }), -EINVAL);
        cr_assert_eq(prepare((struct intelrdt_plan){ .group = "ours", .schemata = "L2:0=f\n" }), -EINVAL);
        assert_file("ours/schemata", "    MB:0= 20;1=100\n    L3:0=00f;1=3\n");
        put("ours/tasks", "12\n");
        cr_assert_eq(intelrdt_undo(&root, "ours", false, NULL, &err), 0);
        cr_assert(is_there("ours"), "its tasks would fall back to the default class");
        put("ours/tasks", "");
        cr_assert_eq(intelrdt_undo(&root, "ours", false, NULL, &err), 0);
        cr_assert_not(is_there("ours"));
}

Test(intelrdt, monitoring_is_a_group_below)
{
        mkdirat(root.fd, "mon_groups", 0755);
        put("tasks", "");
        cr_assert_eq(prepare((struct intelrdt_plan){ .group = "/", .monitor = "c1" }), 0, "%s", err.text);
        cr_assert_eq(intelrdt_join(&ready, 5, &err), 0);
        assert_file("mon_groups/c1/tasks", "5\n");
        assert_file("tasks", "5\n");
        unlinkat(root.fd, "mon_groups/c1/tasks", 0);
        cr_assert_eq(intelrdt_undo(&root, "/", false, "c1", &err), 0, "%s", err.text);
        cr_assert_not(is_there("mon_groups/c1"));
        cr_assert_eq(prepare((struct intelrdt_plan){ .group = "c2", .is_private = true, .monitor = "c2" }), -ENOTSUP);
        cr_assert_not(is_there("c2"), "nothing stays behind");
}

Test(intelrdt, what_the_kernel_refuses_is_said_in_its_words)
{
        mkdirat(root.fd, "info", 0755);
        put("info/last_cmd_status", "Mask out of range\n");
        mkdirat(root.fd, "c1", 0755);
        mkdirat(root.fd, "c1/schemata", 0755);  /* cannot be written */
        cr_assert_lt(intelrdt_update(&root, "c1", "L3:0=fffff", NULL, &err), 0);
        cr_assert_not_null(strstr(err.text, "Mask out of range"), "%s", err.text);
}

Test(intelrdt, an_update_replaces_lines)
{
        cr_assert_eq(prepare((struct intelrdt_plan){ .group = "c1", .is_private = true }), 0);
        cr_assert_eq(intelrdt_update(&root, "c1", "L3:0=f\nMB:0=10", "MB:0=20", &err), 0);
        assert_file("c1/schemata", "L3:0=f\nMB:0=20\n");
        cr_assert_eq(intelrdt_update(&root, "c1", NULL, NULL, &err), 0);
        cr_assert_lt(intelrdt_update(&root, "gone", "L3:0=f", NULL, &err), 0);
}
