#include "runtime/selftest_attempts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/error.h"

#define ATTEMPT(function_)                                                                                             \
        static enum selftest_verdict function_(const struct selftest_facts *facts __attribute__((unused)), char *how,  \
                                               size_t size)

enum selftest_verdict attempt_refused(long result, char *how, size_t size)
{
        snprintf(how, size, "%s", result < 0 ? error_text(errno) : "it worked");
        return result < 0 ? SELFTEST_HELD : SELFTEST_FAILED;
}

/* None of the files may open. */
static enum selftest_verdict all_closed(const char *const *paths, int flags, char *how, size_t size)
{
        const char *why = "none of them is there";

        for (; *paths != NULL; paths++) {
                int fd = open(*paths, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

                if (fd >= 0) {
                        close(fd);
                        snprintf(how, size, "%s opens", *paths);
                        return SELFTEST_FAILED;
                }
                if (errno != ENOENT)
                        why = error_text(errno);
        }
        snprintf(how, size, "%s", why);
        return SELFTEST_HELD;
}

/* What is masked is there and empty, or not there. */
static enum selftest_verdict all_empty(const char *const *paths, char *how, size_t size)
{
        for (; *paths != NULL; paths++) {
                auto_close int fd = open(*paths, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
                char byte;

                if (fd >= 0 && read(fd, &byte, 1) == 1) {
                        snprintf(how, size, "%s can be read", *paths);
                        return SELFTEST_FAILED;
                }
        }
        snprintf(how, size, "masked or not there");
        return SELFTEST_HELD;
}

ATTEMPT(mount_tmpfs)
{
        if (facts->has_mounts) {
                snprintf(how, size, "the profile lets builds mount, in a copy of the tree");
                return SELFTEST_UNTRIED;
        }
        return attempt_refused(mount("none", "/tmp", "tmpfs", 0, NULL), how, size);
}

ATTEMPT(mount_by_new_calls)
{
        if (facts->has_mounts) {
                snprintf(how, size, "the profile lets builds mount, in a copy of the tree");
                return SELFTEST_UNTRIED;
        }
        return attempt_refused(fsopen("tmpfs", 0), how, size);
}

ATTEMPT(remount_writable)
{
        if (mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL) == 0) {
                snprintf(how, size, "/proc/sys was remounted writable");
                return SELFTEST_FAILED;
        }
        return attempt_refused(mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND, NULL), how, size);
}

/* umount(2), MNT_EXPIRE: the first call only marks the mount, and says EAGAIN, or EBUSY where it is in use. */
ATTEMPT(unmount_mask)
{
        static const char *const paths[] = { "/proc/kcore", "/proc/sys", "/proc", "/sys" };

        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
                if (umount2(paths[i], MNT_EXPIRE) == 0 || errno == EAGAIN || errno == EBUSY) {
                        snprintf(how, size, "%s could be unmounted", paths[i]);
                        return SELFTEST_FAILED;
                }
        return attempt_refused(-1, how, size);
}

ATTEMPT(chroot_out)
{
        auto_close int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat own, found;

        if (mkdir("/tmp/jail", 0755) < 0 && errno != EEXIST) {
                snprintf(how, size, "no folder can be made: %s", error_text(errno));
                return SELFTEST_UNTRIED;
        }
        if (stat("/", &own) < 0 || chroot("/tmp/jail") < 0)
                return attempt_refused(-1, how, size);
        if (fchdir(top) < 0)
                return attempt_refused(-1, how, size);
        for (int i = 0; i < 64; i++)
                if (chdir("..") < 0)
                        return attempt_refused(-1, how, size);
        if (stat(".", &found) < 0)
                return attempt_refused(-1, how, size);
        if (found.st_dev == own.st_dev && found.st_ino == own.st_ino) {
                snprintf(how, size, "it ends at the container's own root");
                return SELFTEST_HELD;
        }
        snprintf(how, size, "another root was reached");
        return SELFTEST_FAILED;
}

ATTEMPT(proc_sys)
{
        static const char *const paths[] = { "/proc/sys/kernel/core_pattern",
                                             "/proc/sys/kernel/modprobe",
                                             "/proc/sys/kernel/hostname",
                                             "/proc/sys/vm/overcommit_memory",
                                             "/proc/sys/net/ipv4/ip_forward",
                                             "/proc/sys/fs/binfmt_misc/register",
                                             NULL };

        return all_closed(paths, O_WRONLY, how, size);
}

ATTEMPT(sysrq)
{
        static const char *const paths[] = { "/proc/sysrq-trigger", NULL };

        return all_closed(paths, O_WRONLY, how, size);
}

ATTEMPT(kcore)
{
        static const char *const paths[] = { "/proc/kcore",       "/proc/kmsg", "/proc/keys", "/proc/timer_list",
                                             "/proc/sched_debug", "/dev/mem",   "/dev/kmsg",  NULL };

        return all_empty(paths, how, size);
}

ATTEMPT(sys_write)
{
        static const char *const paths[] = { "/sys/kernel/uevent_helper",
                                             "/sys/kernel/mm/ksm/run",
                                             "/sys/power/state",
                                             "/sys/kernel/mm/transparent_hugepage/enabled",
                                             "/sys/module/kernel/parameters/panic",
                                             "/sys/fs/cgroup/release_agent",
                                             NULL };

        return all_closed(paths, O_WRONLY, how, size);
}

ATTEMPT(make_device)
{
        if (mknod("/tmp/disk", S_IFBLK | 0600, makedev(8, 0)) == 0 ||
            mknod("/tmp/mem", S_IFCHR | 0600, makedev(1, 1)) == 0) {
                snprintf(how, size, "a node was made");
                return SELFTEST_FAILED;
        }
        return attempt_refused(-1, how, size);
}

ATTEMPT(open_device)
{
        struct stat st;

        if (stat(SELFTEST_DEVICE, &st) < 0) {
                snprintf(how, size, "no node could be put into the root file system from outside");
                return SELFTEST_UNTRIED;
        }
        return attempt_refused(open(SELFTEST_DEVICE, O_RDONLY | O_CLOEXEC), how, size);
}

ATTEMPT(host_devices)
{
        static const char *const allowed[] = { "null", "zero",    "full", "random", "urandom",
                                               "tty",  "console", "ptmx", "fuse" };
        auto_closedir DIR *folder = opendir("/dev");
        struct dirent *entry;
        struct stat st;

        while (folder != NULL && (entry = readdir(folder)) != NULL) {
                bool is_allowed = false;

                if (fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                    !(S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
                        continue;
                for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
                        is_allowed |= strcmp(entry->d_name, allowed[i]) == 0;
                if (!is_allowed) {
                        snprintf(how, size, "/dev/%s is there", entry->d_name);
                        return SELFTEST_FAILED;
                }
        }
        snprintf(how, size, "only the standard ones are there");
        return SELFTEST_HELD;
}

ATTEMPT(cgroup_escape)
{
        static const char *const paths[] = {
                "/sys/fs/cgroup/cgroup.procs",         "/sys/fs/cgroup/pids/cgroup.procs",
                "/sys/fs/cgroup/memory/cgroup.procs",  "/sys/fs/cgroup/cpu/cgroup.procs",
                "/sys/fs/cgroup/systemd/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs",
                "/sys/fs/cgroup/memory.max",           "/sys/fs/cgroup/pids.max",
                "/sys/fs/cgroup/pids/pids.max",        NULL
        };

        return all_closed(paths, O_WRONLY, how, size);
}

ATTEMPT(release_agent)
{
        static const char *const paths[] = {
                "/sys/fs/cgroup/release_agent",      "/sys/fs/cgroup/memory/release_agent",
                "/sys/fs/cgroup/pids/release_agent", "/sys/fs/cgroup/systemd/release_agent",
                "/sys/fs/cgroup/cpu/release_agent",  NULL
        };

        if (!facts->has_mounts && mount("cgroup", "/tmp", "cgroup", 0, "none,name=runb-selftest") == 0) {
                snprintf(how, size, "a cgroup hierarchy was mounted");
                return SELFTEST_FAILED;
        }
        return all_closed(paths, O_WRONLY, how, size);
}

ATTEMPT(host_root)
{
        static const char *const paths[] = { "/proc/1/root/etc/shadow", "/proc/1/root/proc/1/root/etc/shadow",
                                             "/proc/1/cwd/../../../../etc/shadow", "/proc/self/root/../../etc/shadow",
                                             NULL };

        return all_closed(paths, O_RDONLY, how, size);
}

/* Before anything else is opened. */
ATTEMPT(leaked_fds)
{
        auto_closedir DIR *folder = opendir("/proc/self/fd");
        struct dirent *entry;
        char target[200];

        if (folder == NULL)
                return SELFTEST_UNTRIED;
        while ((entry = readdir(folder)) != NULL) {
                int fd = atoi(entry->d_name);
                ssize_t n;

                /* stdio, the folder, and the pipe to the battery */
                if (entry->d_name[0] == '.' || fd <= STDERR_FILENO || fd == dirfd(folder))
                        continue;
                n = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
                if (n > 0 && strncmp(target, "pipe:", 5) == 0)
                        continue;
                target[n > 0 ? n : 0] = '\0';
                snprintf(how, size, "fd %d leads to %s", fd, target);
                return SELFTEST_FAILED;
        }
        snprintf(how, size, "none but stdio");
        return SELFTEST_HELD;
}

ATTEMPT(leaked_environment)
{
        for (char **variable = environ; *variable != NULL; variable++) {
                if (strncmp(*variable, "PATH=", 5) == 0 || strncmp(*variable, "HOME=", 5) == 0 ||
                    strncmp(*variable, "HOSTNAME=", 9) == 0)
                        continue;
                snprintf(how, size, "%.*s was inherited", (int)strcspn(*variable, "="), *variable);
                return SELFTEST_FAILED;
        }
        snprintf(how, size, "only what config.json says");
        return SELFTEST_HELD;
}

static const struct attempt all[] = {
        { "inherited file descriptors", leaked_fds },
        { "inherited environment", leaked_environment },
        { "mount a tmpfs", mount_tmpfs },
        { "mount by the new calls", mount_by_new_calls },
        { "remount /proc/sys and /sys writable", remount_writable },
        { "unmount a mask", unmount_mask },
        { "chroot and out again", chroot_out },
        { "the host's files through /proc", host_root },
        { "write below /proc/sys", proc_sys },
        { "write to sysrq-trigger", sysrq },
        { "read kernel memory, log and keys", kcore },
        { "write below /sys", sys_write },
        { "make a device node", make_device },
        { "open a device node of the image", open_device },
        { "devices of the host in /dev", host_devices },
        { "leave the cgroup or its limits", cgroup_escape },
        { "release_agent of a cgroup", release_agent },
};

bool attempts_files(size_t i, struct attempt *ret_attempt)
{
        if (i >= sizeof all / sizeof *all)
                return false;
        *ret_attempt = all[i];
        return true;
}
