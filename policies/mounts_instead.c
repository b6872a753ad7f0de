/* Binds of the host's own kernel file systems and of its shared memory: the build gets the same thing of its own
 * namespaces, or nothing where it has that already.
 *
 * Where the namespace is the host's, by an exception, a new mount shows the host's. Making one asks for CAP_SYS_ADMIN
 * over the user namespace that owns the namespace (proc_init_fs_context(), sysfs_init_fs_context(),
 * mqueue_init_fs_context() set it, mount_capable() asks), which root of a user namespace has not: there what the host
 * has mounted is bound instead. */
#include "policies/mounts_private.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>

#include "policies/namespaces.h"
#include "policies/paths.h"

#define MQUEUE_MAGIC_ 0x19800202        /* ipc/mqueue.c */

/* podman --systemd binds a hierarchy over the same place of the cgroup mount, to have it writable. */
bool mounts_drop_cgroup_bind(struct judge *judge, struct mount_candidate *c)
{
        if (c->source == NULL || !c->source->is_known || c->source->error != 0 ||
            !policy_paths_is_in(c->source->real_path, "/sys/fs/cgroup") ||
            !policy_paths_is_in(c->mount.target, "/sys/fs/cgroup"))
                return false;
        judge_tighten(judge, "mounts.cgroup", mounts_property(judge, c), "the host's", "the build's own, read-only");
        c->is_dropped = true;
        return true;
}

/* buildkitd binds the socket where it takes traces into every step, and runs the step without it where there is none
 * (executor/oci/spec.go of BuildKit): so do we, since nothing of a build speaks to a program of the host. */
bool mounts_drop_trace_socket(struct judge *judge, struct mount_candidate *c)
{
        if (strcmp(c->mount.target, "/dev/otel-grpc.sock") != 0)
                return false;
        judge_tighten(judge, "mounts.sockets", mounts_property(judge, c), c->source->real_path, "left out");
        c->is_dropped = true;
        return true;
}

static void become_shm(struct mount_candidate *c, const char *data)
{
        c->mount = (struct spec_mount){
                .kind = SPEC_MOUNT_TMPFS, .target = "/dev/shm", .source = "shm", .fstype = "tmpfs",
                .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, .data = data,
        };
}

/* --ipc=host: the namespace is the build's own all the same, so what shows the host's becomes its own, too. Where it is
 * the host's: plainly, so that the build makes files of its own there and has no power over those of others. */
bool mounts_replace_ipc_bind(struct judge *judge, const struct sandbox *sandbox, struct mount_candidate *c)
{
        const struct host_source *source = c->source;
        const char *got = NULL;

        if (source == NULL || !source->is_known || source->error != 0)
                return false;
        if (policy_namespaces_is_hosts(judge, sandbox, SPEC_NS_IPC) && strcmp(c->mount.target, "/dev/shm") == 0 &&
            strcmp(source->real_path, "/dev/shm") == 0) {
                mounts_force(c, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
                c->verdict.is_source_known = true;
                c->verdict.source_device = source->device;
                c->verdict.source_inode = source->inode;
                c->mount.data = "";
                c->mount.is_tmpcopyup = c->mount.is_idmap = false;
                judge_record(judge, "mounts.ipc", mounts_property(judge, c), "the host's",
                             "the host's, as a user that nobody is; what the build leaves there stays");
                return true;
        }
        if (strcmp(c->mount.target, "/dev/shm") == 0 && strcmp(source->real_path, "/dev/shm") == 0) {
                become_shm(c, "mode=1777,size=65536k");
                got = "a tmpfs of the build's own";
        } else if (strcmp(c->mount.target, "/dev/mqueue") == 0 && strcmp(source->real_path, "/dev/mqueue") == 0) {
                c->mount = (struct spec_mount){
                        .kind = SPEC_MOUNT_MQUEUE, .target = "/dev/mqueue", .source = "mqueue", .fstype = "mqueue",
                        .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, .data = "",
                };
                got = "the build's own queues";
        }
        if (got == NULL)
                return false;
        judge_tighten(judge, "mounts.ipc", mounts_property(judge, c), "the host's", got);
        return true;
}

/* buildah binds the host's sysfs (and procfs) where it is rootless. The build gets the same file system of its own
 * namespaces instead: the host's would show the host's network devices. */
void mounts_replace_kernel_bind(struct judge *judge, const struct sandbox *sandbox, struct mount_candidate *c)
{
        const struct host_source *source = c->source;
        struct spec_mount mount = {
                .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, .data = "",
        };
        enum spec_ns kind = SPEC_NS_KINDS;

        if (c->mount.kind != SPEC_MOUNT_BIND || c->mount.is_remount || source == NULL || !source->is_known ||
            source->error != 0)
                return;
        if (strcmp(c->mount.target, "/sys") == 0 && source->fs_magic == SYSFS_MAGIC) {
                mount.kind = SPEC_MOUNT_SYSFS;
                mount.source = mount.fstype = "sysfs";
                kind = SPEC_NS_NET;
        } else if (strcmp(c->mount.target, "/proc") == 0 && source->fs_magic == PROC_SUPER_MAGIC) {
                mount.kind = SPEC_MOUNT_PROC;
                mount.source = mount.fstype = "proc";
                kind = SPEC_NS_PID;
        } else {
                return;
        }
        mount.target = c->mount.target;
        if (!policy_namespaces_is_hosts(judge, sandbox, kind))
                judge_tighten(judge, "mounts.kernel", mounts_property(judge, c), "the host's",
                              "the one of the build's own namespaces");
        c->mount = mount;
        c->source = NULL;
}

void mounts_bind_kernels(struct judge *judge, const struct sandbox *sandbox, struct mount_candidate *c)
{
        static const struct {
                enum spec_mount_kind kind;
                enum spec_ns ns;
                const char *path;
                long magic;
                uint64_t attrs;
        } all[] = {
                { SPEC_MOUNT_PROC, SPEC_NS_PID, "/proc", PROC_SUPER_MAGIC, 0 },
                { SPEC_MOUNT_SYSFS, SPEC_NS_NET, "/sys", SYSFS_MAGIC, MOUNT_ATTR_RDONLY },
                { SPEC_MOUNT_MQUEUE, SPEC_NS_IPC, "/dev/mqueue", MQUEUE_MAGIC_, 0 },
        };

        if (judge->host->privilege == HOST_REAL_ROOT || c->mount.is_remount)
                return;
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
                if (c->mount.kind != all[i].kind || strcmp(c->mount.target, all[i].path) != 0 ||
                    !policy_namespaces_is_hosts(judge, sandbox, all[i].ns))
                        continue;
                c->mount = (struct spec_mount){
                        .kind = SPEC_MOUNT_BIND,
                        .target = all[i].path,
                        .source = all[i].path,
                        .fstype = "bind",
                        .data = "",
                        .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | all[i].attrs,
                        .attr_set_recursive = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | all[i].attrs,
                        .is_recursive = true,
                };
                c->source = NULL;
                c->verdict.kernel_magic = all[i].magic;
                c->is_kernels = true;
                judge_record(judge, "mounts.kernel", mounts_property(judge, c), "a mount of its own",
                             "a bind of the host's: root of a user namespace can mount none that shows the host's");
        }
}

/* podman and Kubernetes make /dev/shm on the host and bind it, for a pod's containers to share. They lose that here. */
bool mounts_replace_shm_bind(struct judge *judge, const struct sandbox *sandbox, struct mount_candidate *c)
{
        const char *data = "mode=1777";

        if (strcmp(c->mount.target, "/dev/shm") != 0 || !mounts_cannot_map(judge, sandbox, c))
                return false;
        if (c->source->fs_bytes > 0)
                data = arena_format(judge->arena, "mode=1777,size=%llu", (unsigned long long)c->source->fs_bytes);
        judge_tighten(
                judge, "mounts.ipc", mounts_property(judge, c), "the engine's",
                "a tmpfs of the container's own, not shared in a pod: mapping the ids of a tmpfs needs Linux 6.3");
        become_shm(c, data);
        return true;
}
