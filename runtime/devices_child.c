/* Between clone and exec: system calls only. */
#include "runtime/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/mounts.h"
#include "runtime/targets.h"

#define FDS "/proc/self/fd"

static const struct {
        const char *name, *target;
        const char *source;     /* "if the source file exists after processing mounts", runtime-linux.md; NULL: ours */
        bool is_always;         /* every procfs has the source */
} links[] = {
        { "fd", FDS, FDS, true },
        { "stdin", FDS "/0", FDS, true },
        { "stdout", FDS "/1", FDS, true },
        { "stderr", FDS "/2", FDS, true },
        { "core", "/proc/kcore", "/proc/kcore", false },
        { "ptmx", "pts/ptmx", NULL, false },
};

const char *devices_link_name(uint32_t index)
{
        return index < sizeof links / sizeof links[0] ? links[index].name : "?";
}

/* Linux < 6.6 has no fchmodat2(2), and fchmod(2) takes no O_PATH fd. */
static int change_mode(int proc_fd, int fd, mode_t mode)
{
        char name[FD_NAME_SIZE];

        return fchmodat(proc_fd, fd_name_in_proc(fd, name), mode, 0);
}

static void make_node(const struct device_plan *device, uint32_t index, int root_fd, int proc_fd, int report_fd)
{
        const char *name = NULL;
        auto_close int folder = target_open_parent(root_fd, device->path, &name);
        auto_close int node = UNSET_FD;
        struct stat st;

        if (folder < 0)
                child_fail(report_fd, STEP_DEVICE, index, errno);
        if (mknodat(folder, name, device->mode, device->device) < 0 && errno != EEXIST)
                child_fail(report_fd, STEP_DEVICE, index, errno);
        /* By fd from here on: the folder can be a volume that another container writes to, and a link put in the node's
         * place would lead chmod(2) to a file of the host. */
        node = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (node < 0 || fstat(node, &st) < 0)
                child_fail(report_fd, STEP_DEVICE, index, errno);
        /* runtime-spec, config-linux.md "Devices": a file that is there and differs is an error. */
        if ((st.st_mode & S_IFMT) != (device->mode & S_IFMT) || (!S_ISFIFO(st.st_mode) && st.st_rdev != device->device))
                child_fail(report_fd, STEP_DEVICE_OTHER, index, EEXIST);
        /* fsuid and fsgid are the range's, so most nodes have the right owner already. */
        if ((st.st_uid != device->uid || st.st_gid != device->gid) &&
            fchownat(node, "", device->uid, device->gid, AT_EMPTY_PATH) < 0)
                child_fail(report_fd, STEP_DEVICE, index, errno);
        if ((st.st_mode & 07777) != (device->mode & 07777) && change_mode(proc_fd, node, device->mode & 07777) < 0)
                child_fail(report_fd, STEP_DEVICE, index, errno);
}

void devices_child_all(const struct devices_plan *plan, const struct devices_ready *ready, const struct mounts_ready *mounts,
                       int root_fd, int proc_fd, int report_fd)
{
        auto_close int dev = UNSET_FD;
        struct statfs fs;
        struct stat st;

        for (uint32_t i = 0; i < plan->n; i++) {
                if (plan->is_bound && !S_ISFIFO(plan->devices[i].mode))
                        mounts_child_attach_clone(mounts, root_fd, ready->fds[i], plan->devices[i].path, STEP_DEVICE, i, report_fd);
                else
                        make_node(&plan->devices[i], i, root_fd, proc_fd, report_fd);
        }
        dev = target_open(root_fd, "/dev", TARGET_FOLDER, true, NULL);
        if (dev < 0)
                child_fail(report_fd, STEP_DEVICE_LINK, 0, errno);
        for (uint32_t i = 0; i < sizeof links / sizeof links[0]; i++) {
                bool is_ptmx = strcmp(links[i].name, "ptmx") == 0;

                if (links[i].source != NULL && !(plan->has_proc && links[i].is_always)) {
                        auto_close int source = sys_open_in_root(root_fd, links[i].source, O_PATH);

                        if (source < 0)
                                continue;
                }
                /* Only in a /dev of our own: a tmpfs. The image's own entries are never removed. */
                if (is_ptmx && fstatfs(dev, &fs) == 0 && (unsigned long)fs.f_type == TMPFS_MAGIC)
                        unlinkat(dev, "ptmx", 0);
                if (symlinkat(links[i].target, dev, links[i].name) < 0 &&
                    (errno != EEXIST || fstatat(dev, links[i].name, &st, AT_SYMLINK_NOFOLLOW) < 0))
                        child_fail(report_fd, STEP_DEVICE_LINK, i, errno);
        }
}
