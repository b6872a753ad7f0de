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
        /* oci-spec/mounts.c has settled the two: neither takes away what the other sets. */
        return ((c->mount.attr_set | c->mount.attr_set_recursive) & MOUNT_ATTR_RDONLY) != 0;
}

/* The kernel keeps nosuid of the source only when nothing asks for its removal, and nothing does: mounts_force() has
 * set it. What counts is the source's own mount, through which users of the host reach the file. */
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

static bool is_same_map(const struct spec_id_map *a, size_t n_a, const struct spec_id_map *b, size_t n_b)
{
        for (size_t i = 0; i < n_a && n_a == n_b; i++) {
                if (a[i].inside != b[i].inside || a[i].outside != b[i].outside || a[i].size != b[i].size)
                        return false;
        }
        return n_a == n_b;
}

/* Whose they are: by their numbers outside, or, with @is_inside, by those that the container has for them. */
static bool has_ids(const struct spec_id_map *map, size_t n, bool is_inside, uint64_t first, uint64_t size)
{
        while (size > 0) {
                uint64_t left = 0;

                /* The lines of a map do not overlap, but neighbours may go on where one ends. */
                for (size_t i = 0; i < n && left == 0; i++) {
                        uint64_t start = is_inside ? map[i].inside : map[i].outside;

                        if (first >= start && first - start < map[i].size)
                                left = map[i].size - (first - start);
                }
                if (left == 0)
                        return false;
                if (left >= size)
                        return true;
                first += left;
                size -= left;
        }
        return true;
}

/* A map would give the build power over the ids that it leads to: none but its own. */
static bool maps_to_own_ids(struct judge *judge, const struct mount_candidate *c, const struct spec_id_map *own,
                            size_t n_own, bool is_inside, const struct spec_id_map *map, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++) {
                if (has_ids(own, n_own, is_inside, map[i].outside, map[i].size))
                        continue;
                mounts_refuse(judge, c, "mounts.ids",
                              arena_format(judge->arena,
                                           "%s[%zu] of the mount leads to host ids from %u to %llu, which are not all "
                                           "the container's; name ids that it has",
                                           name, i, map[i].outside,
                                           (unsigned long long)map[i].outside + map[i].size - 1));
                return false;
        }
        return true;
}

static void keep_disk_root(struct mount_candidate *c)
{
        if (!mounts_is_readonly(c) && maps_disk_root(&c->mount) && c->source->error == 0 &&
            !c->source->is_private_folder && !is_source_nosuid(c->source))
                mounts_force(c, MOUNT_ATTR_RDONLY);
}

/* The engine maps the container's ids and wants these mapped, too: by their own map, or by the container's. */
static void judge_engine_idmap(struct judge *judge, const struct sandbox *sandbox, struct mount_candidate *c)
{
        const struct spec_mount *mount = &c->mount;
        const struct spec_id_map *uid = sandbox->uid_map, *gid = sandbox->gid_map;
        size_t n_uid = sandbox->n_uid_map, n_gid = sandbox->n_gid_map;
        bool is_inside = false;

        if (!mount->is_idmap)
                return;
        if (judge->host->privilege == HOST_PLAIN_USER) {
                mounts_refuse(
                        judge, c, "mounts.ids",
                        "a plain user cannot map the ids of the host's file systems; drop idmap and the mappings");
                return;
        }
        if (sandbox->ids == SANDBOX_IDS_IDENTITY) {
                uid = judge->host->own_uid_map, n_uid = judge->host->n_own_uid_map;
                gid = judge->host->own_gid_map, n_gid = judge->host->n_own_gid_map;
                is_inside = true;       /* our user namespace's own numbers */
        }
        c->verdict.ids = SANDBOX_BIND_ROOT;
        c->verdict.is_ids_wanted = true;
        c->verdict.is_ids_recursive = mount->is_idmap_recursive && mount->is_recursive;
        keep_disk_root(c);
        if (mount->n_uid_map == 0 || (!is_inside && is_same_map(mount->uid_map, mount->n_uid_map, uid, n_uid) &&
                                      is_same_map(mount->gid_map, mount->n_gid_map, gid, n_gid)))
                return;
        if (maps_to_own_ids(judge, c, uid, n_uid, is_inside, mount->uid_map, mount->n_uid_map, "uidMappings") &&
            maps_to_own_ids(judge, c, gid, n_gid, is_inside, mount->gid_map, mount->n_gid_map, "gidMappings"))
                c->verdict.ids = SANDBOX_BIND_MAPPED;
}

static bool is_line_of(const struct spec_id_map *map, size_t n, uint32_t id)
{
        return n == 1 && map->size == 1 && map->inside == id && id != 0;
}

/* No namespace of the engine's: what its map calls the host's ids are those that the container would see, so they are
 * the build's. As with other binds, the build writes as ids of the disk other than the owner's only where no user of
 * the host finds the file. */
static void judge_own_map(struct judge *judge, const struct sandbox *sandbox, struct mount_candidate *c)
{
        const struct host_source *source = c->source;
        const struct spec_id_map build = { 0, 0, sandbox->ids_size };
        const struct spec_mount *mount = &c->mount;
        bool is_owner = is_line_of(mount->uid_map, mount->n_uid_map, source->uid) &&
                        is_line_of(mount->gid_map, mount->n_gid_map, source->gid);

        if (!maps_to_own_ids(judge, c, &build, 1, true, mount->uid_map, mount->n_uid_map, "uidMappings") ||
            !maps_to_own_ids(judge, c, &build, 1, true, mount->gid_map, mount->n_gid_map, "gidMappings"))
                return;
        if (!mounts_is_readonly(c) && !source->is_private_folder && !is_source_nosuid(source) && !is_owner)
                mounts_force(c, MOUNT_ATTR_RDONLY);
        c->verdict.ids = SANDBOX_BIND_MAPPED;
        c->verdict.is_ids_wanted = true;
        c->verdict.is_ids_recursive = mount->is_idmap_recursive && mount->is_recursive &&
                                      (source->is_private_folder ||
                                       (mount->attr_set_recursive & MOUNT_ATTR_RDONLY));
        if (mount->is_idmap_recursive && mount->is_recursive && !c->verdict.is_ids_recursive)
                mounts_note(c, "ridmap", "idmap");
}

void mounts_judge_ids(struct judge *judge, const struct sandbox *sandbox, struct mount_candidate *c)
{
        const struct host_source *source = c->source;

        if (sandbox->ids != SANDBOX_IDS_LEASE) {
                judge_engine_idmap(judge, sandbox, c);
                return;
        }
        if (source->error != 0 || c->is_device)
                return;
        if (mounts_is_of_etc(source)) { /* plain: only what every user may read stays readable below it */
                if (c->mount.is_idmap)
                        mounts_note(c, "idmap", "the host's ids");
                return;
        }
        if (c->mount.n_uid_map > 0) {
                judge_own_map(judge, sandbox, c);
                return;
        }
        if (!mounts_is_readonly(c) && !source->is_private_folder && !is_source_nosuid(source)) {
                if (source->uid != 0 &&
                    source->gid != 0) { /* a setgid file of group root is no better than a setuid one */
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
