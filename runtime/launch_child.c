/* Init, from clone to exec: the host builds the walls, the build enters last. System calls only.
 *
 * Up to process_child_become() this process holds the privilege of the runtime inside the new namespaces; it runs no
 * code of the image, follows no path of the host, and cannot be traced or read from inside (not dumpable). */
#include "runtime/launch_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/securebits.h>
#include <signal.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/enter_child.h"
#include "runtime/netlink.h"

/* The namespace has a table of ours: whether it may be replaced takes a look at who lives there, which is the parent's. */
static void share_egress(int report_fd, int proc_fd)
{
        struct child_message message = { .kind = CHILD_EGRESS };
        auto_close int fd = netlink_open(NETLINK_NETFILTER);
        struct stat st;

        if (fd < 0 || fstatat(proc_fd, "self/ns/net", &st, 0) < 0)
                child_fail(report_fd, STEP_EGRESS, 0, errno);
        message.value = st.st_ino;
        if (fd_send(report_fd, fd, &message, sizeof message) < 0)
                child_fail(report_fd, STEP_SYNC, 0, EPIPE);
        child_wait_go(report_fd);
}

/* It lives as long as this socket, so the counters can be read when its processes have ended. */
static void share_counters(int report_fd, int fd)
{
        const struct child_message message = { .kind = CHILD_COUNTERS };

        if (fd_send(report_fd, fd, &message, sizeof message) < 0)
                child_fail(report_fd, STEP_SYNC, 0, EPIPE);
}

/* Returns the inode of the network namespace: the parent may not look into a process that is not dumpable. 0 for the host's,
 * of which nothing is set: it is no pod's, and its rules are the host's. */
static uint64_t prepare_network(const struct plan *plan, const struct launch_ready *ready, int proc_fd)
{
        struct stat st;

        if (plan->namespaces.is_host_net)
                return 0;
        if (plan->namespaces.has_new_net && egress_child_loopback_up() < 0)
                child_fail(ready->report_fd, STEP_LOOPBACK, 0, errno);
        if (ready->egress.length > 0) {
                auto_close int counters_fd = UNSET_FD;

                if (egress_child_install(&ready->egress, ready->wants_egress_end ? &counters_fd : NULL) == 0) {
                        if (counters_fd >= 0)
                                share_counters(ready->report_fd, counters_fd);
                } else if (errno == EEXIST) {
                        share_egress(ready->report_fd, proc_fd);
                } else {
                        child_fail(ready->report_fd, STEP_EGRESS, 0, errno);
                }
        }
        /* Nothing inside has CAP_NET_BIND_SERVICE over this namespace, which the host owns. */
        if (enter_child_write(proc_fd, "sys/net/ipv4/ip_unprivileged_port_start", "0") < 0 && errno != ENOENT)
                child_fail(ready->report_fd, STEP_NET_DEFAULTS, 0, errno);
        if (fstatat(proc_fd, "self/ns/net", &st, 0) < 0)
                child_fail(ready->report_fd, STEP_NET_DEFAULTS, 1, errno);
        return st.st_ino;
}

/* The parent may not look into a process that is not dumpable; it gets what it needs, and init waits. */
static void share_network(int report_fd, int proc_fd)
{
        struct child_message message = { .kind = CHILD_NETNS };
        auto_close int ns_fd = openat(proc_fd, "self/ns/net", O_RDONLY | O_CLOEXEC);
        auto_close int route_fd = netlink_open(NETLINK_ROUTE);
        int r;

        if (ns_fd < 0 || route_fd < 0)
                child_fail(report_fd, STEP_NET_DEVICES, 0, errno);
        r = fd_send(report_fd, ns_fd, &message, sizeof message);
        message.kind = CHILD_ROUTE;
        if (r >= 0)
                r = fd_send(report_fd, route_fd, &message, sizeof message);
        if (r < 0)
                child_fail(report_fd, STEP_NET_DEVICES, 0, -r);
        child_wait_go(report_fd);
}

/* Opens exec.fifo for writing, which blocks until start opens it for reading. By way of our own procfs: no path of the
 * host can be named any more. */
static int wait_for_start(const struct launch_ready *ready)
{
        char name[FD_NAME_SIZE];
        int fd;

        fd_name_in_proc(ready->process.fifo_fd, name);
        do
                fd = openat(ready->process.proc_fd, name, O_WRONLY | O_CLOEXEC);
        while (fd < 0 && errno == EINTR);
        return fd;
}

void launch_child(struct plan *plan, struct launch_ready *ready)
{
        const int report_fd = ready->report_fd, root_fd = ready->root_fd;
        const struct spec_hook_list *create_hooks = &plan->spec->hooks[SPEC_HOOK_CREATE_CONTAINER];
        char program[PATH_MAX];
        int proc_fd, error_fd = report_fd;
        uint64_t netns;

        proc_fd = enter_child_begin(&plan->spec->process, &ready->cgroups, plan->namespaces.is_host_pid, report_fd);
        ready->process.proc_fd = proc_fd;
        namespaces_child_join(&plan->namespaces, &ready->namespaces, report_fd);
        netns = prepare_network(plan, ready, proc_fd);
        if (ready->has_net_devices)
                share_network(report_fd, proc_fd);
        if (ready->has_hooks_to_wait_for) {
                child_say(report_fd, CHILD_NAMESPACES_READY, 0);
                child_wait_go(report_fd);
        }

        /* After the hooks, which may start something there. */
        if (plan->landlock.is_scoped_if_found) {
                int r = landlock_child_find_abstract(proc_fd);

                if (r < 0)
                        child_fail(report_fd, STEP_LANDLOCK, 0, errno);
                plan->process.is_abstract_scoped = r > 0;
                if (r > 0)
                        child_say(report_fd, CHILD_SCOPED, 0);
        }

        /* What is made inside the image belongs to the range (EOVERFLOW otherwise); capabilities stay as they are. */
        if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0)
                child_fail(report_fd, STEP_FS_IDS, 0, errno);
        setfsgid(plan->mounts.root_gid);
        setfsuid(plan->mounts.root_uid);
        if ((uint32_t)setfsuid((uid_t)-1) != plan->mounts.root_uid || (uint32_t)setfsgid((gid_t)-1) != plan->mounts.root_gid)
                child_fail(report_fd, STEP_FS_IDS, 0, EPERM);

        mounts_child_attach_root(&ready->mounts, root_fd, plan->rootfs, create_hooks->n > 0, report_fd);
        mounts_child_all(&plan->mounts, &ready->mounts, root_fd, report_fd);
        devices_child_all(&plan->devices, &ready->devices, &ready->mounts, root_fd, proc_fd, report_fd);
        enter_child_terminal(&plan->process, root_fd, ready->console_fd, report_fd);
        for (uint32_t i = 0; i < plan->n_sysctls; i++)
                if (enter_child_write(proc_fd, plan->sysctls[i].path, plan->sysctls[i].value) < 0)
                        child_fail(report_fd, STEP_SYSCTL, i, errno);
        /* Before anything gets read-only: they write to the rootfs (runtime-spec, config.md "CreateContainer Hooks"). */
        create_hooks_child_run(create_hooks, &ready->create_hooks, root_fd, plan->mounts.root_uid, plan->mounts.root_gid,
                               report_fd);
        mounts_child_paths(&plan->mounts, root_fd, report_fd);
        mounts_child_pivot(&plan->mounts, &ready->mounts, root_fd, report_fd);

        process_child_limits(&plan->process, &ready->process);
        process_child_stdio(&plan->process, &ready->process);
        process_child_become(&plan->process, &ready->process, program, sizeof program);
        if (ready->dies_with_parent) {
                /* After the ids, which reset it, prctl(2). The parent may have gone before. */
                if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
                        child_fail(report_fd, STEP_SYNC, 0, errno);
        }
        child_say(report_fd, CHILD_READY, netns);
        child_wait_go(report_fd);
        if (ready->process.fifo_fd >= 0) {
                close(report_fd);
                error_fd = wait_for_start(ready);
                if (error_fd < 0)
                        _exit(1);
        }
        process_child_exec(&plan->process, &ready->process, program, error_fd);
}
