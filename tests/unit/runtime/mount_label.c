/* linux.mountLabel in the plan of the mounts; tests/vm/selinux.sh has it on a kernel with SELinux. */
#include <criterion/criterion.h>
#include <string.h>

#include "runtime/mounts.h"

#define LABEL "system_u:object_r:container_file_t:s0:c1,c2"

static const struct spec_id_map one_map = { 0, 0, 65536 };
static const struct spec_mount mounts[] = {
        { .kind = SPEC_MOUNT_TMPFS, .target = "/dev", .fstype = "tmpfs", .data = "mode=755" },
        { .kind = SPEC_MOUNT_DEVPTS, .target = "/dev/pts", .fstype = "devpts" },
        { .kind = SPEC_MOUNT_OTHER, .target = "/x", .fstype = "ramfs" },
        { .kind = SPEC_MOUNT_OVERLAY, .target = "/y", .fstype = "overlay" },
        { .kind = SPEC_MOUNT_MQUEUE, .target = "/dev/mqueue", .fstype = "mqueue" },
        { .kind = SPEC_MOUNT_PROC, .target = "/proc", .fstype = "proc" },
        { .kind = SPEC_MOUNT_SYSFS, .target = "/sys", .fstype = "sysfs" },
        { .kind = SPEC_MOUNT_CGROUP, .target = "/sys/fs/cgroup", .fstype = "cgroup" },
        { .kind = SPEC_MOUNT_BIND, .target = "/b", .source = "/etc" },
};
#define N (sizeof mounts / sizeof mounts[0])

static struct arena arena;
static struct mounts_plan plan;

static void make(const char *label)
{
        const struct sandbox sandbox = { .spec = { .mounts = mounts, .n_mounts = N, .process = { .cwd = "/" },
                                                   .linux_ = { .mount_label = label } } };
        struct error err = { 0 };

        cr_assert_eq(mounts_plan_make(&arena, &sandbox, "/bundle", &one_map, 1, &one_map, 1, &plan, &err), 0, "%s", err.text);
}

/* The option's name, where the mount has one with the label. */
static const char *label_of(size_t index)
{
        const struct mount_plan *mount = &plan.mounts[index];

        for (size_t i = 0; i < mount->n_options; i++)
                if (strstr(mount->options[i].key, "context") != NULL) {
                        cr_assert_str_eq(mount->options[i].value, LABEL);
                        return mount->options[i].key;
                }
        return "none";
}

static void teardown(void)
{
        arena_free(&arena);
}

TestSuite(mount_label, .fini = teardown);

Test(mount_label, is_the_context_of_what_is_made_anew)
{
        make(LABEL);
        for (size_t i = 0; i < 4; i++)
                cr_assert_str_eq(label_of(i), "context", "%s", mounts[i].target);
        cr_assert_str_eq(plan.label, LABEL, "for masks and the folder of the cgroups");
}

Test(mount_label, is_not_for_mqueue_proc_sys_cgroup_and_binds)
{
        make(LABEL);
        for (size_t i = 4; i < N; i++)
                cr_assert_str_eq(label_of(i), "none", "%s", mounts[i].target);
}

Test(mount_label, absent_is_no_option)
{
        make(NULL);
        for (size_t i = 0; i < N; i++)
                cr_assert_str_eq(label_of(i), "none", "%s", mounts[i].target);
        cr_assert_null(plan.label);
}
