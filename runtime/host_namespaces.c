/* Namespaces that the spec names by path: whose they are, and which ids a user namespace maps. */
#include "runtime/host_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/sys.h"

static const struct {
        const char *file;
        uint64_t initial;       /* include/linux/proc_ns.h: fixed inodes of the first ones; 0: not fixed */
} ns_files[SPEC_NS_KINDS] = {
        [SPEC_NS_USER] = { "user", 0xeffffffd },     [SPEC_NS_MOUNT] = { "mnt", 0 },
        [SPEC_NS_PID] = { "pid", 0xeffffffc },       [SPEC_NS_NET] = { "net", 0 },
        [SPEC_NS_IPC] = { "ipc", 0xefffffff },       [SPEC_NS_UTS] = { "uts", 0xeffffffe },
        [SPEC_NS_CGROUP] = { "cgroup", 0xeffffffb }, [SPEC_NS_TIME] = { "time", 0xeffffffa },
};

static bool is_inode_of(const char *process, enum spec_ns kind, uint64_t inode)
{
        char path[64];
        struct stat st;

        snprintf(path, sizeof path, "/proc/%s/ns/%s", process, ns_files[kind].file);
        return stat(path, &st) == 0 && st.st_ino == inode;
}

/* A process in @userns_fd, held until the maps have been read. Non-dumpable first: entering a user namespace makes a
 * process its root's prey (ptrace(2)). */
static pid_t park_in(int userns_fd, int *ret_hold_fd)
{
        int hold[2], ready[2];
        char byte = 0;
        pid_t pid;

        if (pipe2(hold, O_CLOEXEC) < 0)
                return -1;
        if (pipe2(ready, O_CLOEXEC) < 0) {
                close(hold[0]);
                close(hold[1]);
                return -1;
        }
        pid = fork();
        if (pid == 0) {
                close(hold[1]);
                close(ready[0]);
                if (prctl(PR_SET_DUMPABLE, 0) < 0 || setns(userns_fd, CLONE_NEWUSER) < 0 ||
                    write(ready[1], &byte, 1) != 1)
                        _exit(1);
                (void)!read(hold[0], &byte, 1);
                _exit(0);
        }
        close(hold[0]);
        close(ready[1]);
        if (pid > 0 && read(ready[0], &byte, 1) != 1) {
                waitpid(pid, NULL, 0);
                pid = -1;
        }
        close(ready[0]);
        if (pid < 0)
                close(hold[1]);
        else
                *ret_hold_fd = hold[1];
        return pid;
}

static int read_maps_of(struct arena *arena, const char *process, struct host_namespace *fact)
{
        char path[64];
        int r;

        snprintf(path, sizeof path, "/proc/%s/uid_map", process);
        r = host_read_map(arena, AT_FDCWD, path, &fact->uid_map, &fact->n_uid_map);
        if (r < 0)
                return r;
        snprintf(path, sizeof path, "/proc/%s/gid_map", process);
        return host_read_map(arena, AT_FDCWD, path, &fact->gid_map, &fact->n_gid_map);
}

/* The maps as seen from here. Engines name a process of the pod; its maps are the namespace's as long as it is still
 * the same process, so the inode is looked at again afterwards. */
static int look_at_userns_maps(struct arena *arena, const char *path, int fd, struct host_namespace *fact)
{
        auto_close int hold_fd = UNSET_FD;
        char process[16];
        int n = 0, r;
        pid_t pid;

        if (sscanf(path, "/proc/%15[0-9]/ns/user%n", process, &n) == 1 && n > 0 && path[n] == '\0' &&
            read_maps_of(arena, process, fact) == 0 && is_inode_of(process, SPEC_NS_USER, fact->inode))
                return 0;

        pid = park_in(fd, &hold_fd);
        if (pid < 0) {
                fact->error = EPERM;
                return 0;
        }
        snprintf(process, sizeof process, "%d", (int)pid);
        r = read_maps_of(arena, process, fact);
        close(take_fd(&hold_fd));
        waitpid(pid, NULL, 0);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                fact->error = -r;
        return 0;
}

/* Whose process names it, "/proc/PID/ns/net". The inode is looked at afterwards: the pid may be another's by now. */
static void look_at_process(const char *path, struct host_namespace *fact)
{
        char process[16], folder[32];
        struct stat st;
        int n = 0;

        if (sscanf(path, "/proc/%15[0-9]/ns/net%n", process, &n) != 1 || n == 0 || path[n] != '\0')
                return;
        snprintf(folder, sizeof folder, "/proc/%s", process);
        if (stat(folder, &st) < 0 || !is_inode_of(process, SPEC_NS_NET, fact->inode))
                return;
        fact->is_of_process = true;
        fact->process_uid = st.st_uid;
}

int host_look_at_namespace(struct arena *arena, enum spec_ns kind, const char *path, struct host_namespace *fact)
{
        auto_close int fd = UNSET_FD;
        struct statfs fs;
        struct stat st;

        fact->is_known = true;
        /* Non-blocking: a fifo in its place must not hold us. */
        fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0) {
                fact->error = errno;
                return 0;
        }
        fact->is_right_type = fs.f_type == NSFS_MAGIC && ioctl(fd, NS_GET_NSTYPE) == spec_ns_clone_flag(kind);
        if (!fact->is_right_type)
                return 0;
        fact->inode = st.st_ino;
        fact->is_host = is_inode_of("self", kind, st.st_ino) || is_inode_of("1", kind, st.st_ino) ||
                        (ns_files[kind].initial != 0 && ns_files[kind].initial == st.st_ino);
        if (kind == SPEC_NS_NET)
                look_at_process(path, fact);
        if (kind != SPEC_NS_USER || fact->is_host)
                return 0;
        return look_at_userns_maps(arena, path, fd, fact);
}
