/* As whom a build writes to the files of a bind, where it has a leased range of ids.
 *
 * Withstands this: through an id map in which the build's root is the disk's root, a build leaves a setuid root file in
 * a writable bind, and a user of the host runs it. So the build's root is the disk's only where nobody else can reach
 * the file (a folder above is root's alone, as engines' own folders are) or where it has no power (the source is
 * mounted nosuid, or the bind is read-only). Elsewhere it is the source's owner; and where that owner is root (its user
 * or its group), the bind is read-only. */
#include "policies/mounts_private.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

bool mounts_is_readonly(const struct mount_candidate *c)
{
        return ((c->mount.attr_set | c->mount.attr_set_recursive) & MOUNT_ATTR_RDONLY) != 0;
}

/* The kernel keeps nosuid of the source only when nothing asks for its removal, and nothing does: mounts_force() has set it.
 * What counts is the source's own mount, through which users of the host reach the file. */
static bool is_source_nosuid(const struct host_source *source)
{
        return (source->mount_flags & ST_NOSUID) != 0;
}

static bool maps_disk_root(const struct spec_mount *mount)
{
        for (size_t i = 0; i < mount->n_uid_map; i++) {
                if (mount->uid_map[i].inside == 0)
                        return true;
        }
        for (size_t i = 0; i < mount->n_gid_map; i++) {
                if (mount->gid_map[i].inside == 0)
                        return true;
        }
        return mount->n_uid_map == 0 && mount->n_gid_map == 0;
}

/* Where ids cannot be mapped, a build that has ids of its own cannot write. Only what engines themselves bind from
 * their tmpfs has an answer; anything else is refused when it is carried out. */
bool mounts_cannot_map(const struct judge *judge, const struct sandbox *sandbox, const struct mount_candidate *c)
{
        return sandbox->ids == SANDBOX_IDS_LEASE && !judge->host->can_map_tmpfs && c->source->error == 0 &&
               (unsigned long)c->source->fs_magic == TMPFS_MAGIC && !mounts_is_readonly(c);
}

/* podman keeps these in /run, root's and not writable by others: the build sees them as nobody's. The folder takes the
 * binds of the secrets themselves, so it is not mounted read-only. */
bool mounts_leave_unmapped(struct judge *judge, const struct sandbox *sandbox, struct mount_candidate *c)
{
        static const char *const files[] = { "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/run/.containerenv" };
        bool is_file = S_ISREG(c->source->mode) && IS_ONE_OF(c->mount.target, files);
        bool is_folder = S_ISDIR(c->source->mode) && strcmp(c->mount.target, "/run/secrets") == 0 &&
                         (c->source->mode & S_IWOTH) == 0;

        if ((!is_file && !is_folder) || !mounts_cannot_map(judge, sandbox, c))
                return false;
        judge_tighten(judge, "mounts.ids", mounts_property(judge, c), "writable",
                      "not writable: mapping the ids of a tmpfs needs Linux 6.3");
        if (is_file) {
                c->mount.attr_set |= MOUNT_ATTR_RDONLY; /* told already */
                mounts_force(c, MOUNT_ATTR_RDONLY);
        }
        return true;
}

static void judge_engine_idmap(struct mount_candidate *c)
{
        if (c->mount.is_idmap && !mounts_is_readonly(c) && maps_disk_root(&c->mount) && c->source->error == 0 &&
            !c->source->is_private_folder && !is_source_nosuid(c->source))
                mounts_force(c, MOUNT_ATTR_RDONLY);
}

void mounts_judge_ids(struct judge *judge, const struct sandbox *sandbox, struct mount_candidate *c)
{
        const struct host_source *source = c->source;

        if (sandbox->ids != SANDBOX_IDS_LEASE) {
                judge_engine_idmap(c);
                return;
        }
        if (c->mount.is_idmap) {
                /* Its outside ids would be the host's, and the build's are chosen later. */
                if (c->mount.n_uid_map > 0 || c->mount.n_gid_map > 0)
                        mounts_note(c, "an id map", "the build's own");
                c->mount.is_idmap = c->mount.is_idmap_recursive = false;
                c->mount.uid_map = c->mount.gid_map = NULL;
                c->mount.n_uid_map = c->mount.n_gid_map = 0;
        }
        if (source->error != 0 || mounts_is_standard_device(source))
                return;
        if (mounts_is_of_etc(source)) /* plain: only what every user may read stays readable below it */
                return;
        if (!mounts_is_readonly(c) && !source->is_private_folder && !is_source_nosuid(source)) {
                if (source->uid != 0 && source->gid != 0) { /* a setgid file of group root is no better than a setuid one */
                        c->verdict.ids = SANDBOX_BIND_OWNER;
                        c->verdict.owner_uid = source->uid;
                        c->verdict.owner_gid = source->gid;
                        c->verdict.is_ids_recursive = c->mount.is_recursive;
                        c->verdict.is_ids_wanted = true;
                        judge_tighten(
                                judge, "mounts.ids", mounts_property(judge, c), "written as the host's root",
                                arena_format(judge->arena, "written as the owner, %u:%u", source->uid, source->gid));
                        return;
                }
                judge_tighten(judge, "mounts.ids", mounts_property(judge, c), "written as the host's root",
                              "read-only: root owns it and other users can reach it; for a writable one, chown it "
                              "or chmod 0700 a folder above");
                c->mount.attr_set |= MOUNT_ATTR_RDONLY; /* told already */
                mounts_force(c, MOUNT_ATTR_RDONLY);
        }
        c->verdict.ids = SANDBOX_BIND_ROOT;
        c->verdict.is_ids_wanted = !mounts_is_readonly(c);
        /* A mount below may be neither private nor nosuid nor read-only: there the build's root is nobody. */
        c->verdict.is_ids_recursive = c->mount.is_recursive &&
                                      (source->is_private_folder || (c->mount.attr_set_recursive & MOUNT_ATTR_RDONLY));
}
