/* What the kernel has: its version, the system calls that runb is built on, filters of system calls and of the network,
 * security modules. */
#include "runtime/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "policies/landlock.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"
#include "runtime/egress.h"
#include "runtime/landlock.h"
#include "runtime/netlink.h"

#define FUSE_DEVICE makedev(10, 229) /* kernel docs, admin-guide/devices.txt */

static void look_at_version(struct doctor *doctor)
{
        unsigned major = 0, minor = 0;
        struct utsname name = { 0 };

        if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
                doctor_add(doctor, DOCTOR_MISSING, "kernel", name.release, "its version cannot be told",
                           "run Linux 5.19 or later");
        else if (major < 5 || (major == 5 && minor < 19))
                doctor_add(doctor, DOCTOR_MISSING, "kernel", name.release,
                           "image layers cannot be given a build's own ids: every "
                           "create of an engine with overlay storage is refused",
                           "run Linux 5.19 or later");
        else if (major == 5 || (major == 6 && minor < 3))
                doctor_add(doctor, DOCTOR_WEAKER, "kernel", name.release,
                           "writable binds of tmpfs are refused, as its ids cannot "
                           "be mapped",
                           "run Linux 6.3 or later");
        else
                doctor_add(doctor, DOCTOR_OK, "kernel", name.release, NULL, NULL);
}

/* ---- system calls: asked with what fails for another reason where they are there ---- */

static bool has_mount_setattr(void)
{
        struct mount_attr attr = { 0 };

        return mount_setattr(-1, "", AT_EMPTY_PATH, &attr, sizeof attr) == 0 || errno != ENOSYS;
}

static bool has_pidfd(void)
{
        auto_close int fd = sys_pidfd_open(getpid(), 0);

        return fd >= 0;
}

static bool has_clone_into_cgroup(void)
{
        struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = INT32_MAX };
        pid_t pid = sys_clone3(&args);

        if (pid == 0)
                _exit(0);
        return pid < 0 && errno == EBADF; /* E2BIG, EINVAL: it does not know the flag */
}

static bool has_time_namespaces(void)
{
        return access("/proc/self/ns/time", F_OK) == 0;
}

static bool has_openat2(void)
{
        auto_close int fd = sys_openat2(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, RESOLVE_NO_MAGICLINKS);

        return fd >= 0;
}

static bool has_close_range(void)
{
        return syscall(SYS_close_range, ~0u - 1, ~0u, 1u << 2 /* CLOSE_RANGE_CLOEXEC */) == 0;
}

static void look_at_calls(struct doctor *doctor)
{
        static const struct {
                const char *name;
                bool (*is_there)(void);
                enum doctor_state state;
                const char *lost, *remedy;
        } calls[] = {
                { "kernel.openat2", has_openat2, DOCTOR_MISSING, "paths of an image cannot be opened safely",
                  "run Linux 5.6 or later" },
                { "kernel.close_range", has_close_range, DOCTOR_MISSING, "inherited files cannot be kept from a build",
                  "run Linux 5.11 or later" },
                { "kernel.mount_setattr", has_mount_setattr, DOCTOR_MISSING,
                  "mounts cannot be given ids or made read-only with what is below them",
                  "run Linux 5.12 or later" },
                { "kernel.pidfd", has_pidfd, DOCTOR_MISSING, "processes cannot be named safely",
                  "run Linux 5.3 or later" },
                { "kernel.clone_into_cgroup", has_clone_into_cgroup, DOCTOR_MISSING,
                  "no build can be started in a cgroup of version 2", "run Linux 5.7 or later" },
                { "kernel.time_namespaces", has_time_namespaces, DOCTOR_WEAKER, "linux.timeOffsets are refused",
                  "run a kernel with CONFIG_TIME_NS" },
        };

        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
                bool is_there = calls[i].is_there();

                doctor_add(doctor, is_there ? DOCTOR_OK : calls[i].state, calls[i].name,
                           is_there ? "there" : "not there", calls[i].lost, calls[i].remedy);
        }
}

/* ---- filters ---- */

static bool has_action(uint32_t action)
{
        return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static void look_at_seccomp(struct doctor *doctor)
{
        if (prctl(PR_GET_SECCOMP) < 0 || !has_action(SECCOMP_RET_ERRNO) || !has_action(SECCOMP_RET_KILL_PROCESS))
                doctor_add(doctor, DOCTOR_MISSING, "seccomp.filter", "not there",
                           "system calls cannot be filtered: every create is "
                           "refused",
                           "run a kernel with CONFIG_SECCOMP_FILTER");
        else
                doctor_add(doctor, DOCTOR_OK, "seccomp.filter", "there", NULL, NULL);
        if (!has_action(SECCOMP_RET_USER_NOTIF))
                doctor_add(doctor, DOCTOR_WEAKER, "seccomp.notify", "not there",
                           "a config.json with SCMP_ACT_NOTIFY is refused", "run Linux 5.0 or later");
        else
                doctor_add(doctor, DOCTOR_OK, "seccomp.notify", "there", NULL, NULL);
}

static int try_egress(const struct doctor *doctor, const char *argument, struct error *err)
{
        /* With all that a policy can ask for. */
        const struct sandbox_egress rules = { .profile = "doctor", .has_list = true, .is_counted = true };
        auto_close int fd = UNSET_FD;
        struct egress_batch batch;
        int r;

        (void)doctor;
        (void)argument;
        if (unshare(CLONE_NEWNET) < 0)
                return error_errno(err, errno, "make a network namespace");
        if (egress_child_loopback_up() < 0)
                return error_errno(err, errno, "set up loopback");
        r = egress_prepare(&rules, &batch, err);
        if (r < 0)
                return r;
        if (egress_child_install(&batch, NULL) < 0)
                return error_errno(err, errno, "install the table");
        fd = netlink_open(NETLINK_NETFILTER);
        if (fd < 0)
                return error_errno(err, errno, "open a netlink socket");
        r = egress_verify(fd, &batch, err);
        return r > 0 ? 0 : r == 0 ? -EPROTO : r;
}

static void look_at_egress(struct doctor *doctor)
{
        struct error err = { 0 };

        if (doctor_try(doctor, try_egress, NULL, &err) < 0)
                doctor_add(doctor, DOCTOR_MISSING, "egress.nf_tables", err.text,
                           "what a build reaches cannot be limited: every "
                           "create is refused",
                           "load nf_tables, nf_tables_inet, nft_ct, nft_reject_inet and nf_conntrack");
        else
                doctor_add(doctor, DOCTOR_OK, "egress.nf_tables", "the table can be installed", NULL, NULL);
}

/* ---- security modules ---- */

static void look_at_modules(struct doctor *doctor)
{
        auto_free char *list = NULL;
        bool has_apparmor, has_selinux;
        char found[256];
        size_t length;

        if (fd_read_file(AT_FDCWD, "/sys/kernel/security/lsm", 4096, &list, &length) < 0)
                list = NULL;
        has_apparmor = access("/sys/kernel/security/apparmor/profiles", F_OK) == 0;
        has_selinux = access("/sys/fs/selinux/enforce", F_OK) == 0;
        snprintf(found, sizeof found, "%.200s",
                 list != NULL   ? list
                 : has_apparmor ? "apparmor"
                 : has_selinux  ? "selinux"
                                : "none seen");
        if (!has_apparmor && !has_selinux)
                doctor_add(doctor, DOCTOR_WEAKER, "lsm", found,
                           "a config.json that names an AppArmor profile or an SELinux label is "
                           "refused, and there is one layer less around builds",
                           "switch AppArmor or SELinux on (lsm= of the kernel's "
                           "command line; /sys/kernel/security has to be mounted)");
        else
                doctor_add(doctor, DOCTOR_OK, "lsm", found, NULL, NULL);
}

static void look_at_landlock(struct doctor *doctor)
{
        unsigned abi = landlock_abi();
        char found[32];

        snprintf(found, sizeof found, abi > 0 ? "version %u" : "not there", abi);
        doctor_add(doctor, abi < POLICY_LANDLOCK_SCOPE_ABI ? DOCTOR_WEAKER : DOCTOR_OK, "landlock", found,
                   abi < POLICY_LANDLOCK_TCP_ABI ? "abstract sockets of others in a network namespace that a build "
                                                   "shares stay within its reach, and landlock.tcpPorts does nothing" :
                                                   "abstract sockets of others in a network namespace that a build "
                                                   "shares stay within its reach",
                   "run Linux 6.12 or later with CONFIG_SECURITY_LANDLOCK and landlock in lsm=");
}

static void look_at_fuse(struct doctor *doctor)
{
        struct stat st;

        if (stat("/dev/fuse", &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == FUSE_DEVICE)
                doctor_add(doctor, DOCTOR_OK, "device.fuse", "/dev/fuse", NULL, NULL);
        else
                doctor_add(doctor, DOCTOR_WEAKER, "device.fuse", "no /dev/fuse",
                           "builds of images inside a build have no fuse-overlayfs", "modprobe fuse");
}

void doctor_look_at_kernel(struct doctor *doctor)
{
        look_at_version(doctor);
        look_at_calls(doctor);
        look_at_seccomp(doctor);
        look_at_egress(doctor);
        look_at_modules(doctor);
        look_at_landlock(doctor);
        look_at_fuse(doctor);
}
