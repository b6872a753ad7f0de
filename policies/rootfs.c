/* The profile's `rootfs`:
 *
 *   engine      the build writes to the engine's tree, as under any runtime
 *   ephemeral   it writes to a layer of its own over that tree, limits.scratch bytes of memory, until the container
 *               ends
 *   read-only   it writes to /tmp, /var/tmp and /run alone, tmpfs of limits.scratch bytes each
 *
 * In the latter two the engine's tree is a lower layer, so that not even a missing mount point is made in it. */
#include "policies/rootfs.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mount.h>

#include "policies/judge.h"
#include "policies/paths.h"

/* For mount points, a missing working folder, and what createContainer hooks leave (an ld.so.cache); read-only
 * afterwards. */
#define READONLY_UPPER_BYTES (UINT64_C(16) << 20)

/* With the page as the unit, so that files of no bytes end somewhere, too. */
#define BYTES_PER_INODE 4096
#define INODES_LEAST 1024

static uint64_t scratch_bytes(const struct judge *judge)
{
        uint64_t bytes = policy_limit_most(&judge->policy->profile, POLICY_LIMIT_SCRATCH);

        return bytes == UINT64_MAX ? POLICY_SCRATCH_BYTES : bytes;
}

int policy_rootfs_judge(struct judge *judge, struct sandbox *sandbox)
{
        switch (judge->policy->profile.rootfs) {
        case POLICY_ROOTFS_ENGINE:
                break;
        case POLICY_ROOTFS_EPHEMERAL:
                sandbox->rootfs_upper_bytes = scratch_bytes(judge);
                judge_tighten(judge, "rootfs", "root.path", "written to",
                              arena_format(judge->arena,
                                           "a layer of the container's own, %" PRIu64 " bytes, until delete",
                                           sandbox->rootfs_upper_bytes));
                break;
        case POLICY_ROOTFS_READONLY:
                sandbox->rootfs_upper_bytes = READONLY_UPPER_BYTES;
                if (!sandbox->spec.is_root_readonly)
                        judge_tighten(judge, "rootfs", "root.readonly", "false", "true");
                sandbox->spec.is_root_readonly = true;
                break;
        }
        return 0;
}

/* The engine has a mount at @folder or above it. */
static bool is_covered(struct judge *judge, const char *folder)
{
        for (size_t i = 0; i < judge->asked->n_mounts; i++) {
                const char *target = policy_paths_clean(judge->arena, judge->asked->mounts[i].target);

                if (target != NULL && !judge->asked->mounts[i].is_remount && policy_paths_is_in(folder, target))
                        return true;
        }
        return false;
}

size_t policy_rootfs_add_mounts(struct judge *judge, struct spec_mount *ret_mounts)
{
        /* hier(7), file-hierarchy(7). What an image has in /run its programs look for. */
        static const struct {
                const char *path, *mode;
                bool is_copied;
        } folders[POLICY_ROOTFS_MOUNTS] = {
                { "/run", "755", true },
                { "/tmp", "1777", false },
                { "/var/tmp", "1777", false },
        };
        uint64_t bytes = scratch_bytes(judge), inodes = bytes / BYTES_PER_INODE;
        size_t n = 0;

        if (judge->policy->profile.rootfs != POLICY_ROOTFS_READONLY)
                return 0;
        for (size_t i = 0; i < POLICY_ROOTFS_MOUNTS; i++) {
                const char *data;

                if (is_covered(judge, folders[i].path))
                        continue;
                data = arena_format(judge->arena, "mode=%s,size=%" PRIu64 ",nr_inodes=%" PRIu64, folders[i].mode, bytes,
                                    inodes < INODES_LEAST ? INODES_LEAST : inodes);
                ret_mounts[n++] = (struct spec_mount){
                        .kind = SPEC_MOUNT_TMPFS,
                        .target = folders[i].path,
                        .source = "tmpfs",
                        .fstype = "tmpfs",
                        .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                        .data = data,
                        .is_tmpcopyup = folders[i].is_copied,
                };
                judge_tighten(judge, "rootfs", arena_format(judge->arena, "mounts (%s)", folders[i].path),
                              "the image's", arena_format(judge->arena, "a tmpfs of %" PRIu64 " bytes", bytes));
        }
        return n;
}
