/* Binds of the host's own kernel file systems and of its shared memory: the build gets the same thing of its own
 * namespaces, or nothing where it has that already. */
#include "policies/mounts_private.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>

#include "policies/paths.h"

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

static void become_shm(struct mount_candidate *c, const char *data)
{
        c->mount = (struct spec_mount){
                .kind = SPEC_MOUNT_TMPFS, .target = "/dev/shm", .source = "shm", .fstype = "tmpfs",
                .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, .data = data,
        };
}

/* --ipc=host: the namespace is the build's own all the same, so what shows the host's becomes its own, too. */
bool mounts_replace_ipc_bind(struct judge *judge, struct mount_candidate *c)
{
        const struct host_source *source = c->source;
        const char *got = NULL;

        if (source == NULL || !source->is_known || source->error != 0)
                return false;
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
void mounts_replace_kernel_bind(struct judge *judge, struct mount_candidate *c)
{
        const struct host_source *source = c->source;
        struct spec_mount mount = {
                .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, .data = "",
        };

        if (c->mount.kind != SPEC_MOUNT_BIND || c->mount.is_remount || source == NULL || !source->is_known ||
            source->error != 0)
                return;
        if (strcmp(c->mount.target, "/sys") == 0 && source->fs_magic == SYSFS_MAGIC) {
                mount.kind = SPEC_MOUNT_SYSFS;
                mount.source = mount.fstype = "sysfs";
        } else if (strcmp(c->mount.target, "/proc") == 0 && source->fs_magic == PROC_SUPER_MAGIC) {
                mount.kind = SPEC_MOUNT_PROC;
                mount.source = mount.fstype = "proc";
        } else {
                return;
        }
        mount.target = c->mount.target;
        judge_tighten(judge, "mounts.kernel", mounts_property(judge, c), "the host's", "the one of the build's own namespaces");
        c->mount = mount;
        c->source = NULL;
}

/* podman and Kubernetes make /dev/shm on the host and bind it, for a pod's containers to share. They lose that here. */
bool mounts_replace_shm_bind(struct judge *judge, const struct sandbox *sandbox, struct mount_candidate *c)
{
        const char *data = "mode=1777";

        if (strcmp(c->mount.target, "/dev/shm") != 0 || !mounts_cannot_map(judge, sandbox, c))
                return false;
        if (c->source->fs_bytes > 0)
                data = arena_format(judge->arena, "mode=1777,size=%llu", (unsigned long long)c->source->fs_bytes);
        judge_tighten(judge, "mounts.ipc", mounts_property(judge, c), "the engine's",
                      "a tmpfs of the container's own, not shared in a pod: mapping the ids of a tmpfs needs Linux 6.3");
        become_shm(c, data);
        return true;
}
