#include "runtime/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/arena.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"

int namespaces_plan_make(struct arena *arena, const struct spec *spec, struct namespaces_plan *ret_plan, struct error *err)
{
        const struct spec_linux *config = &spec->linux_;
        struct namespaces_plan plan = { .hostname = spec->hostname, .domainname = spec->domainname };

        for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS; kind++) {
                const struct spec_namespace *ns = &config->namespaces[kind];

                if (!ns->is_given || kind == SPEC_NS_USER)
                        continue;
                if (ns->path != NULL)
                        plan.paths[kind] = ns->path;
                else if (kind == SPEC_NS_CGROUP)
                        plan.has_new_cgroup = true;
                else if (kind == SPEC_NS_TIME)
                        plan.has_new_time = true;
                else
                        plan.clone_flags |= (uint64_t)(unsigned)spec_ns_clone_flag(kind);
        }
        plan.has_new_net = plan.clone_flags & CLONE_NEWNET;
        plan.is_host_net = !config->namespaces[SPEC_NS_NET].is_given;
        plan.is_host_pid = !config->namespaces[SPEC_NS_PID].is_given;
        if (plan.has_new_time && (config->monotonic.is_given || config->boottime.is_given)) {
                plan.time_offsets = arena_format(arena, "%s%s",
                        config->monotonic.is_given ? arena_format(arena, "monotonic %lld %u\n",
                                (long long)config->monotonic.seconds, config->monotonic.nanoseconds) : "",
                        config->boottime.is_given ? arena_format(arena, "boottime %lld %u\n",
                                (long long)config->boottime.seconds, config->boottime.nanoseconds) : "");
                if (plan.time_offsets == NULL)
                        return error_errno(err, ENOMEM, "linux.timeOffsets");
        }
        *ret_plan = plan;
        return 0;
}

int namespaces_prepare(const struct namespaces_plan *plan, struct namespaces_ready *ret_ready, struct error *err)
{
        struct namespaces_ready ready;
        int r = 0, type;
        struct stat st;

        for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS; kind++)
                ready.fds[kind] = UNSET_FD;
        for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS && r == 0; kind++) {
                if (plan->paths[kind] == NULL)
                        continue;
                ready.fds[kind] = open(plan->paths[kind], O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
                if (ready.fds[kind] < 0) {
                        r = error_errno(err, errno, "linux.namespaces: open %s", plan->paths[kind]);
                        break;
                }
                /* Opened once: what was checked is what is joined. */
                type = ioctl(ready.fds[kind], NS_GET_NSTYPE);
                if (fstat(ready.fds[kind], &st) < 0 || st.st_ino != plan->inodes[kind])
                        r = error_set(err, ESTALE, "linux.namespaces: %s is another file than the one that was judged a moment ago",
                                      plan->paths[kind]);
                else if (type != spec_ns_clone_flag(kind))
                        r = error_set(err, EINVAL, "linux.namespaces: %s is no %s namespace", plan->paths[kind],
                                      spec_ns_name(kind));
        }
        if (r == 0 && ready.fds[SPEC_NS_PID] >= 0 && setns(ready.fds[SPEC_NS_PID], CLONE_NEWPID) < 0)
                r = error_errno(err, errno, "linux.namespaces: join %s", plan->paths[SPEC_NS_PID]);
        if (r == 0 && plan->has_new_time) {
                /* Not by clone3: the offsets can only be set while the namespace has no process. */
                if (unshare(CLONE_NEWTIME) < 0)
                        r = error_errno(err, errno, "linux.namespaces: make a time namespace");
                else if (plan->time_offsets != NULL) {
                        r = fd_write_file(AT_FDCWD, "/proc/self/timens_offsets", plan->time_offsets);
                        if (r < 0)
                                error_errno(err, r, "linux.timeOffsets");
                }
        }
        if (r < 0) {
                namespaces_ready_close(&ready);
                return r;
        }
        *ret_ready = ready;
        return 0;
}

static int come_back(const char *path, int flag, const char *name, struct error *err)
{
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return error_errno(err, errno, "open %s", path);
        /* EPERM: a rootless engine's root has no power over the namespace that it is in itself. */
        if (setns(fd, flag) < 0 && errno != EPERM)
                return error_errno(err, errno, "come back to our own %s namespace", name);
        return 0;
}

int namespaces_come_back(const struct namespaces_plan *plan, struct error *err)
{
        int r = 0;

        /* Not ns/pid_for_children: that is the container's by now. */
        if (plan->paths[SPEC_NS_PID] != NULL)
                r = come_back("/proc/self/ns/pid", CLONE_NEWPID, "pid", err);
        if (r == 0 && plan->has_new_time)
                r = come_back("/proc/self/ns/time", CLONE_NEWTIME, "time", err);
        return r;
}

void namespaces_ready_close(struct namespaces_ready *ready)
{
        for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS; kind++)
                auto_close_cleanup(&ready->fds[kind]);
}
