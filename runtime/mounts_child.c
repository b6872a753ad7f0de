/* Between clone and exec: system calls only. Every destination is opened beneath the root's fd right before it is
 * used, and mounted on by that fd. */
#include "runtime/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/sys.h"
#include "runtime/targets.h"

#define MANY 100        /* mounts; fewer are not worth a system call each */

static int attach(int tree_fd, int target_fd)
{
        return move_mount(tree_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static bool is_fs(int fd, unsigned long magic)
{
        struct statfs fs;

        return fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == magic;
}

int mounts_child_private_proc(bool is_host_pid, int report_fd)
{
        auto_close int fs_fd = fsopen("proc", FSOPEN_CLOEXEC);
        int fd = UNSET_FD;

        if (fs_fd >= 0 && fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
                fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        /* Root of a user namespace mounts none of the host's pid namespace. We are in the host's mount namespace still, or in
         * a copy of it, and what is there tells of the same processes. */
        if (fd < 0 && errno == EPERM && is_host_pid) {
                fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (fd >= 0 && !is_fs(fd, PROC_SUPER_MAGIC))
                        child_fail(report_fd, STEP_PROC_OPEN, 0, ENODEV);
        }
        if (fd < 0)
                child_fail(report_fd, STEP_PROC_OPEN, 0, errno);
        return fd;
}

/* Since Linux 6.8 mounts are listed in the order in which they were made (mnt_id_unique, fs/namespace.c), no longer in that in
 * which they were attached; and who reads such a list takes the last entry of a place. The parent's clones are older than
 * whatever init makes, so those that come later are cloned once more when their turn comes. Only what lies in our own mount
 * namespace can be: the old one lies on a shelf, which lies on the engine's rootfs, below ours where anybody looks, and ends with
 * the old root. What is on the shelf already lies under it, so that nothing is cloned along.
 * The copy has the flags, locks, id maps and masters of the old one. Returns an fd, or -1 and errno. */
static int renew(const struct mounts_ready *ready, int tree_fd, bool is_folder)
{
        const int place = is_folder ? ready->shelf_folder_fd : ready->shelf_file_fd;

        /* The next one goes on this one: from the place itself the kernel would climb over all that lie there. */
        if (attach(tree_fd, place) < 0 || dup3(tree_fd, place, O_CLOEXEC) < 0)
                return -1;
        return open_tree(tree_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
}

static int attach_clone(const struct mounts_ready *ready, int tree_fd, bool is_folder, int target_fd)
{
        auto_close int fresh = UNSET_FD;

        if (ready->shelf_fd < 0)
                return attach(tree_fd, target_fd);
        fresh = renew(ready, tree_fd, is_folder);
        return fresh < 0 ? -1 : attach(fresh, target_fd);
}

void mounts_child_attach_root(struct mounts_ready *ready, int root_fd, const char *path, bool is_seen, int report_fd)
{
        auto_close int place = UNSET_FD, top = UNSET_FD;

        /* Nothing that we mount may reach the host, and nothing that the host mounts from here on reaches us. */
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                child_fail(report_fd, STEP_PROPAGATION, 0, errno);
        if (is_seen || ready->shelf_fd >= 0)
                place = sys_openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS);
        if (is_seen && place < 0)
                child_fail(report_fd, STEP_ROOT_ATTACH, 0, errno);
        if (ready->shelf_fd >= 0 && (place < 0 || attach(ready->shelf_fd, place) < 0))
                auto_close_cleanup(&ready->shelf_fd);
        /* On top of the root itself, which is there on every host; pivot_root(2) then swaps the two. */
        if (!is_seen)
                top = open("/", O_PATH | O_CLOEXEC);
        if ((!is_seen && top < 0) || attach(root_fd, is_seen ? place : top) < 0)
                child_fail(report_fd, STEP_ROOT_ATTACH, 0, errno);
}

/* Returns 0, or which option the kernel refused, counted from 1, and errno. */
static uint32_t set_options(int fs_fd, const struct mount_option *options, size_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                if (fsconfig(fs_fd, options[i].value == NULL ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, options[i].key,
                             options[i].value, 0) < 0)
                        return i + 1;
        }
        return 0;
}

/* A new superblock with @options, as a detached mount. @ret_option: NULL, or which option was refused, 0: none. */
static int make(const char *fstype, const struct mount_option *options, size_t n, bool is_readonly, uint64_t attr,
                uint32_t *ret_option)
{
        auto_close int fs_fd = fsopen(fstype, FSOPEN_CLOEXEC);
        uint32_t option;

        if (fs_fd < 0)
                return -1;
        option = set_options(fs_fd, options, n);
        if (ret_option != NULL)
                *ret_option = option;
        if (option > 0)
                return -1;
        if (is_readonly && fsconfig(fs_fd, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0)
                return -1;
        if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -1;
        return fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned)attr);
}

/* What is mounted inside it later, nodes and the working folder among it, needs a folder made there first. */
static bool is_readonly_later(const struct spec_mount *mount)
{
        return mount->kind == SPEC_MOUNT_TMPFS && !mount->is_remount &&
               ((mount->attr_set | mount->attr_set_recursive) & MOUNT_ATTR_RDONLY);
}

static int set_flags(int fd, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation)
{
        struct mount_attr attr = { .attr_set = set, .attr_clr = clear & ~set, .propagation = propagation };

        if ((attr.attr_set | attr.attr_clr) & MOUNT_ATTR__ATIME)
                attr.attr_clr |= MOUNT_ATTR__ATIME;
        return mount_setattr(fd, "", AT_EMPTY_PATH | flags, &attr, sizeof attr);
}

/* Of a mount that is new, or was mounted by an earlier entry (remount). Nothing is a peer of theirs: of the propagations
 * only unbindable differs from what they have, but for a bind that is a slave and is to be one no longer. */
static int change_flags(int fd, const struct spec_mount *mount)
{
        uint64_t set = mount->attr_set | mount->attr_set_recursive;
        uint64_t propagation = mount->is_remount ? mount->propagation : mount->propagation & MS_UNBINDABLE;

        if (is_readonly_later(mount))
                set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
        if (set_flags(fd, 0, set, mount->attr_clear | mount->attr_clear_recursive, propagation) < 0)
                return -1;
        if (!mount->is_remount)
                return 0;
        if (!mount->is_propagation_recursive)
                propagation = 0;
        if ((mount->attr_set_recursive | mount->attr_clear_recursive | propagation) == 0)
                return 0;
        return set_flags(fd, AT_RECURSIVE, mount->attr_set_recursive, mount->attr_clear_recursive, propagation);
}

/* MS_I_VERSION has no name in fsconfig(2). mount(2) takes a path, which the working folder is one for; it takes the flags of
 * the mount away as well: those that an earlier entry set are set again. statfs(2): the same bits. */
static int set_super_flags(int fd, const struct mount_plan *plan)
{
        struct statfs fs;

        if (fchdir(fd) < 0 || fstatfs(fd, &fs) < 0 || mount(NULL, ".", NULL, MS_REMOUNT | plan->super_flags, NULL) < 0)
                return -1;
        return set_flags(fd, 0, (uint64_t)fs.f_flags & (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                                        MOUNT_ATTR_NOEXEC), 0, 0);
}

/* Policy let the options of what an earlier entry made here be changed. A link of the image may lead to the same place
 * by another name, where a bind has come to lie since, and its file system is the host's. */
static bool is_as_made(const struct mounts_plan *plan, const struct mounts_ready *ready, uint32_t index, int target)
{
        const char *name = plan->mounts[index].mount->target;
        struct stat st;

        while (index-- > 0) {
                const struct spec_mount *mount = plan->mounts[index].mount;

                if (!mount->is_remount && strcmp(mount->target, name) == 0)
                        return fstat(target, &st) == 0 && st.st_dev == ready->devices[index];
        }
        return false;
}

/* The file system is the container's own: is_as_made() has seen to it. */
static void reconfigure(const struct mount_plan *plan, int target, uint32_t index, int report_fd)
{
        auto_close int fs_fd = fspick(target, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
        uint32_t option = 0;

        if (fs_fd >= 0)
                option = set_options(fs_fd, plan->options, plan->n_options);
        if (option > 0)
                child_fail_at(report_fd, STEP_MOUNT_PARAMETER, index, option - 1, errno);
        if (fs_fd < 0 || fsconfig(fs_fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
                child_fail(report_fd, STEP_MOUNT_OPTION, index, errno);
}

static void make_link(const struct mount_plan *plan, int root_fd, uint32_t index, int report_fd)
{
        const char *name = NULL;
        auto_close int folder = target_open_parent(root_fd, plan->mount->target, &name);
        char text[PATH_MAX];
        ssize_t n;

        if (folder < 0)
                child_fail(report_fd, STEP_MOUNT_TARGET, index, errno);
        if (!plan->may_be_proc && is_fs(folder, PROC_SUPER_MAGIC))
                child_fail(report_fd, STEP_MOUNT_TARGET_LINK, index, EACCES);
        if (symlinkat(plan->bind.link, folder, name) == 0)
                return;
        if (errno != EEXIST)
                child_fail(report_fd, STEP_MOUNT_LINK, index, errno);
        n = readlinkat(folder, name, text, sizeof text);
        if (n < 0 || (size_t)n != strlen(plan->bind.link) || memcmp(text, plan->bind.link, (size_t)n) != 0)
                child_fail(report_fd, STEP_MOUNT_LINK, index, EEXIST);
}

static void mount_cgroup1(const struct mounts_plan *plan, const struct mounts_ready *ready, int target, uint32_t index,
                          int report_fd)
{
        const struct mount_option options[] = { { "mode", "755" }, { "size", "64k" }, { "nr_inodes", "256" },
                                                { "context", plan->label } };
        struct mount_attr readonly = { .attr_set = MOUNT_ATTR_RDONLY };
        auto_close int top = make("tmpfs", options, plan->label == NULL ? 3 : 4, false,
                                  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, NULL);

        if (top < 0)
                child_fail(report_fd, STEP_MOUNT_MAKE, index, errno);
        if (attach(top, target) < 0)
                child_fail(report_fd, STEP_MOUNT_ATTACH, index, errno);
        for (size_t i = 0; i < plan->n_hierarchies; i++) {
                const char *name = plan->hierarchies[i].name, *part, *comma;
                auto_close int at = UNSET_FD;

                if (mkdirat(top, name, 0755) < 0)
                        child_fail(report_fd, STEP_MOUNT_MAKE, index, errno);
                at = openat(top, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
                if (at < 0 || attach_clone(ready, ready->hierarchy_fds[i], true, at) < 0)
                        child_fail(report_fd, STEP_MOUNT_ATTACH, index, errno);
                /* "cpu,cpuacct" is also known by each of its names. */
                for (part = name; strchr(name, ',') != NULL && part != NULL; part = comma == NULL ? NULL : comma + 1) {
                        char one[64];
                        size_t length;

                        comma = strchr(part, ',');
                        length = comma == NULL ? strlen(part) : (size_t)(comma - part);
                        if (length >= sizeof one)
                                continue;
                        memcpy(one, part, length);
                        one[length] = '\0';
                        if (symlinkat(name, top, one) < 0 && errno != EEXIST)
                                child_fail(report_fd, STEP_MOUNT_MAKE, index, errno);
                }
        }
        if (mount_setattr(top, "", AT_EMPTY_PATH, &readonly, sizeof readonly) < 0)
                child_fail(report_fd, STEP_MOUNT_OPTION, index, errno);
}

/* A user namespace may mount a procfs only where its mount namespace has a whole one, nothing of which is covered
 * (mount_too_revealing() in fs/namespace.c). The container's own has masks; this one lies beneath it, in a tmpfs whose root
 * the container's covers: no path leads there, and the locks on both keep it so. What the build's own procfs then shows of
 * the machine is what any user of the host may read; who may write goes by ids and by the owners of namespaces.
 * Returns the fd to attach the container's procfs to. */
static int hide_whole_proc(const struct mounts_plan *plan, int target, uint32_t index, int report_fd)
{
        const struct mount_option options[] = { { "mode", "0" }, { "size", "4k" }, { "nr_inodes", "2" },
                                                { "context", plan->label } };
        const uint64_t attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
        auto_close int cover = make("tmpfs", options, plan->label == NULL ? 3 : 4, false, attr, NULL);
        auto_close int whole = make("proc", NULL, 0, false, attr, NULL);
        auto_close int at = UNSET_FD;

        if (cover < 0 || whole < 0 || mkdirat(cover, "whole", 0) < 0)
                child_fail(report_fd, STEP_MOUNT_MAKE, index, errno);
        if (attach(cover, target) == 0)
                at = openat(cover, "whole", O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (at < 0 || attach(whole, at) < 0)
                child_fail(report_fd, STEP_MOUNT_ATTACH, index, errno);
        return take_fd(&cover);
}

static int label_root(int tree, const char *label)
{
        auto_close int root = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return root < 0 ? -1 : fsetxattr(root, "security.selinux", label, strlen(label) + 1, 0);
}

static int attach_bind(const struct mounts_ready *ready, uint32_t index, const struct spec_mount *mount, int target)
{
        auto_close int fresh = UNSET_FD;
        int tree = ready->tree_fds[index];

        if (ready->shelf_fd >= 0 && ready->is_renewed[index]) {
                tree = fresh = renew(ready, tree, ready->is_folder[index]);
                if (fresh < 0)
                        return -1;
        }
        if (attach(tree, target) < 0)
                return -1;
        if ((mount->propagation & MS_UNBINDABLE) == 0)
                return 0;
        return set_flags(tree, mount->is_propagation_recursive && !(mount->propagation & MS_SLAVE) ? AT_RECURSIVE : 0, 0, 0,
                         MS_UNBINDABLE);
}

static void mount_one(const struct mounts_plan *plan, const struct mounts_ready *ready, uint32_t index, int root_fd,
                      int report_fd)
{
        const struct mount_plan *mount = &plan->mounts[index];
        const struct spec_mount *spec = mount->mount;
        bool is_bind = spec->kind == SPEC_MOUNT_BIND;
        enum target_kind kind = is_bind && !spec->is_remount && !ready->is_folder[index] ? TARGET_FILE : TARGET_FOLDER;
        auto_close int target = UNSET_FD, tree = UNSET_FD;
        bool was_made = false, is_new = spec->kind == SPEC_MOUNT_TMPFS;
        uint32_t option = 0;
        struct stat st;

        if (mount->bind.link != NULL) {
                make_link(mount, root_fd, index, report_fd);
                return;
        }
        if (spec->is_remount)
                target = sys_open_in_root(root_fd, spec->target, O_PATH);
        else
                target = target_open(root_fd, spec->target, kind, mount->no_links, &was_made);
        if (target < 0)
                child_fail(report_fd, mount->no_links && (errno == ELOOP || errno == ENOTDIR) ? STEP_MOUNT_TARGET_LINK
                                                                                              : STEP_MOUNT_TARGET,
                           index, errno);
        /* Where a link of the image led us counts, not how the destination was spelt. */
        if (spec->kind != SPEC_MOUNT_PROC && !mount->may_be_proc && is_fs(target, PROC_SUPER_MAGIC))
                child_fail(report_fd, STEP_MOUNT_TARGET_LINK, index, EACCES);
        if (spec->is_remount) {
                if (mount->bind.is_file_system_changed && !is_as_made(plan, ready, index, target))
                        child_fail(report_fd, STEP_MOUNT_TARGET_LINK, index, EACCES);
                if (mount->bind.is_file_system_changed)
                        reconfigure(mount, target, index, report_fd);
                if ((mount->has_super_flags && set_super_flags(target, mount) < 0) || change_flags(target, spec) < 0)
                        child_fail(report_fd, STEP_MOUNT_OPTION, index, errno);
                return;
        }
        if (spec->kind == SPEC_MOUNT_PROC && plan->is_proc_allowed) {
                int cover = hide_whole_proc(plan, target, index, report_fd);

                close(target);
                target = cover;
        }
        switch (spec->kind) {
        case SPEC_MOUNT_BIND:
                if (attach_bind(ready, index, spec, target) < 0)
                        child_fail(report_fd, STEP_MOUNT_ATTACH, index, errno);
                return;
        case SPEC_MOUNT_CGROUP:
                if (!plan->is_cgroup2) {
                        mount_cgroup1(plan, ready, target, index, report_fd);
                        return;
                }
                /* In the new cgroup namespace: in the initial one this waits for an RCU grace period. */
                tree = make("cgroup2", NULL, 0, false, 0, NULL);
                break;
        case SPEC_MOUNT_PROC:
        case SPEC_MOUNT_SYSFS:
        case SPEC_MOUNT_DEVPTS:
        case SPEC_MOUNT_MQUEUE:
        case SPEC_MOUNT_TMPFS:
        case SPEC_MOUNT_OVERLAY:
        case SPEC_MOUNT_OTHER:
                tree = make(spec->fstype, mount->options, mount->n_options, false, 0, &option);
                break;
        }
        if (tree < 0 && option > 0)
                child_fail_at(report_fd, STEP_MOUNT_PARAMETER, index, option - 1, errno);
        if (tree < 0 || (ready->devices != NULL && fstat(tree, &st) < 0))
                child_fail(report_fd, STEP_MOUNT_MAKE, index, errno);
        if (ready->devices != NULL)
                ready->devices[index] = st.st_dev;
        if (spec->kind == SPEC_MOUNT_MQUEUE && plan->label != NULL && label_root(tree, plan->label) < 0)
                child_fail(report_fd, STEP_MOUNT_OPTION, index, errno);
        if (is_new && mount->takes_mode && !was_made && fstat(target, &st) == 0 &&
            fchmodat(tree, ".", st.st_mode & 07777, 0) < 0)
                child_fail(report_fd, STEP_MOUNT_OPTION, index, errno);
        if (is_new && spec->is_tmpcopyup && !was_made && mounts_child_copyup(target, tree) < 0)
                child_fail(report_fd, STEP_MOUNT_COPYUP, index, errno);
        if (!mount->has_super_flags && change_flags(tree, spec) < 0)
                child_fail(report_fd, STEP_MOUNT_OPTION, index, errno);
        if (attach(tree, target) < 0)
                child_fail(report_fd, STEP_MOUNT_ATTACH, index, errno);
        if (mount->has_super_flags && (set_super_flags(tree, mount) < 0 || change_flags(tree, spec) < 0))
                child_fail(report_fd, STEP_MOUNT_OPTION, index, errno);
        if (is_readonly_later(spec))
                ready->tree_fds[index] = take_fd(&tree);
}

/* By the fd of the mount itself: its path may lead elsewhere by now. */
static void make_tmpfs_readonly(const struct mounts_plan *plan, const struct mounts_ready *ready, int report_fd)
{
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

        for (uint32_t i = 0; i < plan->n; i++) {
                if (is_readonly_later(plan->mounts[i].mount) &&
                    mount_setattr(ready->tree_fds[i], "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
                        child_fail(report_fd, STEP_MOUNT_OPTION, i, errno);
        }
}

void mounts_child_all(const struct mounts_plan *plan, const struct mounts_ready *ready, int root_fd, int report_fd)
{
        /* runtime-spec, config.md "Mounts": in the listed order; a later entry may lie inside an earlier one. */
        for (uint32_t i = 0; i < plan->n; i++)
                mount_one(plan, ready, i, root_fd, report_fd);
        /* exec closes them. Where they are many, RLIMIT_NOFILE of the build would leave no number for what is opened until
         * then. */
        for (uint32_t i = 0; i < plan->n && plan->n > MANY; i++)
                if (!is_readonly_later(plan->mounts[i].mount))
                        auto_close_cleanup(&ready->tree_fds[i]);
}

void mounts_child_attach_clone(const struct mounts_ready *ready, int root_fd, int tree_fd, const char *path, enum child_step step,
                               uint32_t index, int report_fd)
{
        auto_close int target = target_open(root_fd, path, TARGET_FILE, true, NULL);

        if (target < 0 || attach_clone(ready, tree_fd, false, target) < 0)
                child_fail(report_fd, step, index, errno);
}

static void attach_file(int root_fd, int tree_fd, const char *path, enum child_step step, uint32_t index, int report_fd)
{
        auto_close int target = target_open(root_fd, path, TARGET_FILE, true, NULL);

        if (target < 0 || attach(tree_fd, target) < 0)
                child_fail(report_fd, step, index, errno);
}

void mounts_child_bind_file(int root_fd, int source_fd, const char *path, enum child_step step, uint32_t index, int report_fd)
{
        auto_close int tree = open_tree(source_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

        if (tree < 0)
                child_fail(report_fd, step, index, errno);
        attach_file(root_fd, tree, path, step, index, report_fd);
}

static void make_readonly(const struct mounts_plan *plan, uint32_t index, int root_fd, int report_fd)
{
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
        auto_close int target = sys_open_in_root(root_fd, plan->readonly[index], O_PATH);
        auto_close int tree = UNSET_FD;

        if (target < 0 && (errno == ENOENT || errno == ENOTDIR))
                return;
        if (target >= 0)
                tree = open_tree(target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
        if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0 ||
            attach(tree, target) < 0)
                child_fail(report_fd, STEP_READONLY_PATH, index, errno);
}

struct masks {
        int folder;     /* an empty read-only tmpfs that every masked folder shows */
        int null;       /* the container's null device, verified */
};

static void mask(const struct mounts_plan *plan, uint32_t index, struct masks *masks, int root_fd, int report_fd)
{
        auto_close int target = sys_open_in_root(root_fd, plan->masked[index], O_PATH);
        auto_close int tree = UNSET_FD;
        struct stat st;

        if (target < 0 && (errno == ENOENT || errno == ENOTDIR))
                return;
        if (target < 0 || fstat(target, &st) < 0)
                child_fail(report_fd, STEP_MASKED_PATH, index, errno);
        if (S_ISDIR(st.st_mode)) {
                const struct mount_option options[] = { { "size", "4k" }, { "nr_inodes", "1" }, { "mode", "755" },
                                                        { "context", plan->label } };

                /* The first one lies where it is wanted, and only then can it be cloned: Linux < 6.15 clones no mount that
                 * is not attached. */
                if (masks->folder < 0) {
                        masks->folder = make("tmpfs", options, plan->label == NULL ? 3 : 4, true,
                                             MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, NULL);
                        if (masks->folder < 0 || attach(masks->folder, target) < 0)
                                child_fail(report_fd, STEP_MASKED_PATH, index, errno);
                        return;
                }
                tree = open_tree(masks->folder, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
        } else {
                if (masks->null < 0) {
                        /* CVE-2025-31133: a link in its place would make the "mask" a writable bind of the link's target. */
                        masks->null = sys_openat2(root_fd, "dev/null", O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
                        if (masks->null < 0 || fstat(masks->null, &st) < 0 || !S_ISCHR(st.st_mode) ||
                            st.st_rdev != makedev(1, 3))
                                child_fail(report_fd, STEP_MASK_NULL, index, EINVAL);
                }
                tree = open_tree(masks->null, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
        }
        if (tree < 0 || attach(tree, target) < 0)
                child_fail(report_fd, STEP_MASKED_PATH, index, errno);
}

void mounts_child_paths(const struct mounts_plan *plan, int root_fd, int report_fd)
{
        struct masks masks = { UNSET_FD, UNSET_FD };

        for (uint32_t i = 0; i < plan->n_readonly; i++)
                make_readonly(plan, i, root_fd, report_fd);
        for (uint32_t i = 0; i < plan->n_masked; i++)
                mask(plan, i, &masks, root_fd, report_fd);
        auto_close_cleanup(&masks.folder);
        auto_close_cleanup(&masks.null);
}

void mounts_child_pivot(const struct mounts_plan *plan, const struct mounts_ready *ready, int root_fd, int report_fd)
{
        struct mount_attr attr = { .attr_set = plan->is_root_readonly ? MOUNT_ATTR_RDONLY : 0,
                                   .propagation = plan->root_propagation };
        auto_close int made = target_open(root_fd, plan->cwd, TARGET_FOLDER, false, NULL);
        struct statx root, above;

        /* runc makes a working folder that is missing; one that cannot be made or is no folder shows at chdir. */
        if (made < 0 && errno != EROFS && errno != ENOTDIR && errno != EACCES && errno != ELOOP)
                child_fail(report_fd, STEP_CWD_MAKE, 0, errno);
        make_tmpfs_readonly(plan, ready, report_fd);
        if (fchdir(root_fd) < 0)
                child_fail(report_fd, STEP_PIVOT, 0, errno);
        /* pivot_root(2), "pivot_root(\".\", \".\")": the old root comes to lie over the new one and is then unmounted. */
        if (sys_pivot_root(".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
                child_fail(report_fd, STEP_PIVOT, 0, errno);
        /* umount2(2) takes the topmost mount of a place: had anything lain on the old root, that one would be gone, and the host
         * be there for whoever asks for "..". */
        if (statx(root_fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &root) < 0 || statx(AT_FDCWD, "..", 0, STATX_MNT_ID, &above) < 0 ||
            root.stx_mnt_id != above.stx_mnt_id)
                child_fail(report_fd, STEP_OLD_ROOT, 0, EBUSY);
        if (mount_setattr(root_fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
                child_fail(report_fd, STEP_ROOT_FLAGS, 0, errno);
}
