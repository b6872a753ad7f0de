/* The parent's side of the report pipe. The texts are the middle of a sentence whose subject the caller knows. */
#include "runtime/child.h"

#include <errno.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"

int child_receive(int report_fd, struct child_message *ret_message, int *ret_fd)
{
        int fd = UNSET_FD;
        ssize_t n = fd_receive(report_fd, ret_message, sizeof *ret_message, &fd);

        if (n == -ECONNRESET)
                n = 0;
        if (n < 0)
                return (int)n;
        if (n == 0)
                return 0;
        if (n != (ssize_t)sizeof *ret_message) {
                if (fd >= 0)
                        close(fd);
                return -EPROTO;
        }
        if (ret_fd != NULL)
                *ret_fd = fd;
        else if (fd >= 0)
                close(fd);
        return 1;
}

const char *child_step_text(enum child_step step)
{
        static const char *const texts[STEP_N] = {
                [STEP_SETSID] = "start a session",
                [STEP_CGROUP_JOIN] = "join the cgroup",
                [STEP_NS_JOIN] = "join the namespace",
                [STEP_NS_UNSHARE] = "make the cgroup namespace",
                [STEP_PROC_OPEN] = "mount a private procfs",
                [STEP_OOM_SCORE] = "process.oomScoreAdj",
                [STEP_HOSTNAME] = "set the hostname",
                [STEP_DOMAINNAME] = "set the domainname",
                [STEP_LOOPBACK] = "bring up the loopback interface",
                [STEP_EGRESS] = "install the egress rules",
                [STEP_NET_DEVICES] = "linux.netDevices: hand the network namespace over",
                [STEP_SYNC] = "wait for the runtime",
                [STEP_FS_IDS] = "take the ids of the range for file access",
                [STEP_PROPAGATION] = "make the mount namespace private",
                [STEP_ROOT_ATTACH] = "mount the rootfs",
                [STEP_MOUNT_TARGET] = "open or make the mount's destination",
                [STEP_MOUNT_TARGET_LINK] = "the mount's destination is a link or no folder",
                [STEP_MOUNT_MAKE] = "make the mount",
                [STEP_MOUNT_PARAMETER] = "set the option",
                [STEP_MOUNT_LINK] = "make the link (copy-symlink)",
                [STEP_MOUNT_OPTION] = "set the mount's options",
                [STEP_MOUNT_ATTACH] = "attach the mount",
                [STEP_MOUNT_COPYUP] = "copy the folder below a tmpfs (tmpcopyup)",
                [STEP_DEVICE] = "make the device",
                [STEP_DEVICE_LINK] = "make the link in /dev",
                [STEP_DEVICE_OTHER] = "another file is in the place of the device",
                [STEP_CONSOLE] = "mount /dev/console",
                [STEP_CONSOLE_SEND] = "send the terminal to the console socket",
                [STEP_TERMINAL] = "open a terminal",
                [STEP_SYSCTL] = "write the sysctl",
                [STEP_NET_DEFAULTS] = "write net.ipv4.ip_unprivileged_port_start",
                [STEP_READONLY_PATH] = "make the path read-only",
                [STEP_MASKED_PATH] = "mask the path",
                [STEP_MASK_NULL] = "/dev/null of the container is not the null device",
                [STEP_CWD_MAKE] = "make the working folder",
                [STEP_OLD_ROOT] = "leave the host's root: something was mounted on it",
                [STEP_PIVOT] = "pivot_root",
                [STEP_ROOT_FLAGS] = "set the flags of the root mount",
                [STEP_RLIMIT] = "error setting rlimit",
                [STEP_SCHEDULER] = "process.scheduler",
                [STEP_IO_PRIORITY] = "process.ioPriority",
                [STEP_AFFINITY] = "process.execCPUAffinity",
                [STEP_PERSONALITY] = "linux.personality",
                [STEP_MEMORY_POLICY] = "linux.memoryPolicy",
                [STEP_STDIO_OWNER] = "change the owner of a standard stream",
                [STEP_LSM] = "set the security label",
                [STEP_USERNS_ENTER] = "enter the user namespace",
                [STEP_USERNS_LIMITS] = "limit what the user namespace may make",
                [STEP_MOUNTS_OWN] = "make the build's own mount namespace",
                [STEP_LANDLOCK] = "put abstract sockets or TCP ports out of reach (Landlock)",
                [STEP_GROUPS] = "set the supplementary groups",
                [STEP_GID] = "set the group id",
                [STEP_UID] = "set the user id",
                [STEP_KEYRING] = "make a session keyring",
                [STEP_CAPS] = "unable to apply caps",
                [STEP_NO_NEW_PRIVS] = "set no_new_privs",
                [STEP_CWD] = "chdir to cwd",
                [STEP_CWD_OUTSIDE] = "the working folder lies outside the rootfs",
                [STEP_LOOKUP_STAT] = "exec",
                [STEP_LOOKUP_PATH] = "exec",
                [STEP_LOOKUP_SELF] = "exec",
                [STEP_FIFO] = "wait for start",
                [STEP_CREATE_HOOK] = "error running createContainer hook",
                [STEP_HOOK] = "error running startContainer hook",
                [STEP_SECCOMP] = "load the system call filter",
                [STEP_LISTENER] = "hand over the listener of SCMP_ACT_NOTIFY",
                [STEP_EXEC] = "exec",
        };

        return step < STEP_N && texts[step] != NULL ? texts[step] : "unknown step";
}
