/* Judges mounts one by one, in this order: may this kind be at this target; may this source be seen at all; which
 * flags does it get; and, for binds of a build with a leased range, whose ids its files have.
 *
 * The last question withstands this: through an id map in which the build's root is the disk's root, a build leaves a
 * setuid root file in a writable bind, and a user of the host runs it. So the build's root is the disk's only where
 * nobody else can reach the file (a folder above is root's alone, as engines' own folders are) or where it has no
 * power (the source is mounted nosuid, or the bind is read-only). Elsewhere it is the source's owner; and where that
 * owner is root (its user or its group), the bind is read-only.
 *
 * Sources are judged by what they are (a socket, a device, a view of the kernel, a folder that holds the engine's
 * sockets or this very rootfs), and by well-known places; engines keep their own files in many. */
#include "policies/mounts.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "policies/devices.h"
#include "policies/judge.h"
#include "policies/paths.h"
#include "runtime/base/text.h"

#ifndef MQUEUE_MAGIC
#define MQUEUE_MAGIC 0x19800202 /* ipc/mqueue.c */
#endif
#define CONFIGFS_MAGIC_ 0x62656570      /* fs/configfs/mount.c */

/* One mount on its way through the rooms below. */
struct candidate {
        size_t index;                   /* in config.json */
        struct spec_mount mount;        /* as it will be */
        struct sandbox_bind verdict;
        const struct host_source *source;
        char asked[160], got[160];      /* what was changed, for the finding */
        bool is_dropped;
};

static void note(struct candidate *c, const char *asked, const char *got)
{
        size_t a = strlen(c->asked), g = strlen(c->got);

        snprintf(c->asked + a, sizeof c->asked - a, "%s%s", a > 0 ? "," : "", asked);
        snprintf(c->got + g, sizeof c->got - g, "%s%s", g > 0 ? "," : "", got);
}

static const char *property_of(struct judge *judge, const struct candidate *c)
{
        return arena_format(judge->arena, "mounts[%zu] (%s)", c->index, c->mount.target);
}

/* A mount that no exception allows. */
static void refuse(struct judge *judge, const struct candidate *c, const char *rule, const char *sentence)
{
        judge_refuse(judge, rule, property_of(judge, c), c->mount.fstype, NULL, "%s", sentence);
}

static void refuse_source(struct judge *judge, const struct candidate *c, const char *rule, const char *sentence)
{
        const char *source = c->mount.source != NULL ? c->mount.source : "";

        judge_refuse(judge, rule, property_of(judge, c), source, arena_format(judge->arena, "mount:%s", source), "%s",
                     sentence);
}

/* Words of the flags in the order in which they are told. */
static const struct {
        uint64_t attr;
        const char *asked, *got;
} attr_words[] = {
        { MOUNT_ATTR_RDONLY, "rw", "ro" },
        { MOUNT_ATTR_NOSUID, "suid", "nosuid" },
        { MOUNT_ATTR_NODEV, "dev", "nodev" },
        { MOUNT_ATTR_NOEXEC, "exec", "noexec" },
};

/* Sets flags, on the mounts below as well where there are any. */
static void force(struct candidate *c, uint64_t attrs)
{
        for (size_t i = 0; i < sizeof attr_words / sizeof *attr_words; i++) {
                if ((attrs & attr_words[i].attr) && !(c->mount.attr_set & attr_words[i].attr) &&
                    !(c->mount.attr_set_recursive & attr_words[i].attr))
                        note(c, attr_words[i].asked, attr_words[i].got);
        }
        c->mount.attr_set |= attrs;
        c->mount.attr_clear &= ~attrs;
        c->mount.attr_clear_recursive &= ~attrs;
        if (c->mount.is_recursive)
                c->mount.attr_set_recursive |= attrs;
}

static bool is_one_of(const char *text, const char *const *list, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (strcmp(text, list[i]) == 0)
                        return true;
        }
        return false;
}
#define IS_ONE_OF(text, list) is_one_of((text), (list), sizeof(list) / sizeof *(list))

/* ---- where ---- */

/* What container hosts lay over procfs (lxcfs), and nothing that a runtime writes to or a program trusts. */
static const char *const proc_binds[] = {
        "/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo",
        "/proc/slabinfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
};

bool policy_mounts_covers_proc(const char *target)
{
        return IS_ONE_OF(target, proc_binds);
}

/* Returns false when refused. */
static bool judge_target(struct judge *judge, const struct candidate *c)
{
        const char *target = c->mount.target;
        const char *only = NULL;
        enum spec_mount_kind kind = c->mount.kind;

        if (strcmp(target, "/") == 0) {
                refuse(judge, c, "mounts.targets", "a mount over / would hide the rootfs; use root.path");
                return false;
        }
        if (policy_paths_is_in(target, "/proc") && !(kind == SPEC_MOUNT_PROC && strcmp(target, "/proc") == 0) &&
            !(c->mount.is_remount && strcmp(target, "/proc") == 0) &&
            !(kind == SPEC_MOUNT_BIND && policy_mounts_covers_proc(target))) {
                refuse(judge, c, "mounts.proc",
                       arena_format(judge->arena, "a mount at %s would stand in for the kernel's files; drop the mount",
                                    target));
                return false;
        }
        switch (kind) {
        case SPEC_MOUNT_PROC:
                only = "/proc";
                break;
        case SPEC_MOUNT_SYSFS:
                only = "/sys";
                break;
        case SPEC_MOUNT_DEVPTS:
                only = "/dev/pts";
                break;
        case SPEC_MOUNT_MQUEUE:
                only = "/dev/mqueue";
                break;
        case SPEC_MOUNT_CGROUP:
                if (policy_paths_is_in(target, "/sys/fs/cgroup"))
                        return true;
                only = "/sys/fs/cgroup";
                break;
        case SPEC_MOUNT_BIND:
        case SPEC_MOUNT_OVERLAY:
                if (strcmp(target, "/dev") != 0 && strcmp(target, "/sys") != 0)
                        return true;
                if (c->mount.is_remount)
                        return true;
                refuse(judge, c, "mounts.targets",
                       arena_format(judge->arena, "a folder of the host cannot stand in for the build's %s; drop the "
                                    "mount", target));
                return false;
        case SPEC_MOUNT_TMPFS:
        case SPEC_MOUNT_OTHER:
                return true;
        }
        if (strcmp(target, only) == 0)
                return true;
        refuse(judge, c, "mounts.targets",
               arena_format(judge->arena, "a mount of type %s belongs at %s, not at %s; drop the mount",
                            c->mount.fstype != NULL ? c->mount.fstype : "none", only, target));
        return false;
}

/* ---- what ---- */

/* Nothing in them is for a build: the kernel's views, the administrator's own, runtimes' records. */
static const char *const denied_trees[] = {
        "/boot", "/dev", "/proc", "/root", "/run/containerd/runc", "/run/crun", "/run/docker/runtime-runc", "/run/runb",
        "/run/runc", "/sys", "/var/lib/kubelet/pki",
};

/* They hold engines' sockets, everyone's keys or all of an engine's containers; what lies below may be fine. */
static const char *const denied_folders[] = {
        "/",
        "/etc",
        "/home",
        "/run",
        "/run/buildkit",
        "/run/containers",
        "/run/crio",
        "/run/dbus",
        "/run/podman",
        "/run/systemd",
        "/run/user",
        "/var",
        "/var/lib",
        "/var/lib/containers",
};

/* Engines' storage: kind of thing, then its name, then what a container may be given. */
static const char *const storage_roots[] = {
        "/run/containerd", "/run/containers/storage", "/run/docker", "/var/lib/buildkit", "/var/lib/containerd",
        "/var/lib/containers/storage", "/var/lib/crio", "/var/lib/docker", "/var/lib/kubelet",
};

/* Folders of people's keys, wherever they are. */
static const char *const key_folders[] = { ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker" };

static const long kernel_views[] = {
        BPF_FS_MAGIC, CGROUP2_SUPER_MAGIC, CGROUP_SUPER_MAGIC, CONFIGFS_MAGIC_, DEBUGFS_MAGIC, EFIVARFS_MAGIC,
        NSFS_MAGIC, PROC_SUPER_MAGIC, PSTOREFS_MAGIC, SECURITYFS_MAGIC, SELINUX_MAGIC, SYSFS_MAGIC, TRACEFS_MAGIC,
};

static bool has_component(const char *path, const char *name)
{
        size_t length = strlen(name);

        for (const char *at = strstr(path, name); at != NULL; at = strstr(at + 1, name)) {
                if (at > path && at[-1] == '/' && (at[length] == '\0' || at[length] == '/'))
                        return true;
        }
        return false;
}

/* Why this path may not be bound; NULL when it may. */
static const char *why_place_denied(struct judge *judge, const char *path)
{
        const char *rootfs = judge->host->rootfs_real_path;

        for (size_t i = 0; i < sizeof denied_trees / sizeof *denied_trees; i++) {
                if (policy_paths_is_in(path, denied_trees[i]))
                        return arena_format(judge->arena, "%s is in %s, which is not for builds; drop the mount", path,
                                            denied_trees[i]);
        }
        if (IS_ONE_OF(path, denied_folders) || policy_paths_depth_in(path, "/home") == 1 ||
            policy_paths_depth_in(path, "/run/user") == 1)
                return arena_format(judge->arena, "%s holds sockets and keys of the host; mount a folder below it that "
                                    "the build needs", path);
        for (size_t i = 0; i < sizeof storage_roots / sizeof *storage_roots; i++) {
                int depth = policy_paths_depth_in(path, storage_roots[i]);

                if (depth == 0 || depth == 1)
                        return arena_format(judge->arena, "%s holds what belongs to all containers of an engine; mount "
                                            "a volume instead", path);
        }
        for (size_t i = 0; i < sizeof key_folders / sizeof *key_folders; i++) {
                if (has_component(path, key_folders[i]))
                        return arena_format(judge->arena, "%s is where people keep their keys; hand over a secret "
                                            "instead", path);
        }
        if (rootfs != NULL && strcmp(path, rootfs) != 0 && policy_paths_is_in(rootfs, path))
                return arena_format(judge->arena, "%s holds the build's own rootfs, so an engine's storage; mount a "
                                    "folder beside it", path);
        return NULL;
}

static bool is_standard_device(const struct host_source *source)
{
        return S_ISCHR(source->mode) &&
               policy_devices_is_standard(S_IFCHR, major(source->rdev), minor(source->rdev));
}

/* Files that every user of the host may read anyway. */
static bool is_public(const struct host_source *source)
{
        mode_t needed = S_ISDIR(source->mode) ? S_IROTH | S_IXOTH : S_IROTH;

        return (S_ISREG(source->mode) || S_ISDIR(source->mode)) && (source->mode & needed) == needed;
}

static bool is_of_etc(const struct host_source *source)
{
        return policy_paths_is_in(source->real_path, "/etc") ||
               (source->origin_path != NULL && policy_paths_is_in(source->origin_path, "/etc"));
}

static bool is_engine_socket(const char *name)
{
        static const char *const patterns[] = {
                "*docker*.sock", "*podman*.sock", "*containerd*.sock", "*crio*.sock", "*buildkit*.sock",
        };

        for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
                if (text_matches(patterns[i], name))
                        return true;
        }
        return false;
}

/* Returns false when refused. */
static bool judge_source(struct judge *judge, const struct candidate *c)
{
        const struct host_source *source = c->source;
        const char *name = c->mount.source != NULL ? c->mount.source : "";
        const char *why;

        if (source == NULL || !source->is_known) {
                refuse_source(judge, c, "mounts.sources",
                       arena_format(judge->arena, "%s was not looked at; drop the mount", name));
                return false;
        }
        if (source->error != 0) /* carrying it out says why, with the errno's own words */
                return true;
        if (S_ISSOCK(source->mode)) {
                why = is_engine_socket(name) || is_engine_socket(c->mount.target)
                              ? "is an engine socket"
                              : "is a socket, behind which a program of the host listens";
                refuse_source(judge, c, "mounts.sockets",
                              arena_format(judge->arena, "%s %s; drop the mount", name, why));
                return false;
        }
        if (S_ISCHR(source->mode) || S_ISBLK(source->mode)) {
                if (is_standard_device(source))
                        return true;
                judge_refuse(judge, "devices", property_of(judge, c), name,
                             arena_format(judge->arena, "device:%s", name),
                             "device %s (%c %u:%u) is not one of null, zero, full, random, urandom and tty; drop the "
                             "mount", name, S_ISBLK(source->mode) ? 'b' : 'c', major(source->rdev),
                             minor(source->rdev));
                return false;
        }
        for (size_t i = 0; i < sizeof kernel_views / sizeof *kernel_views; i++) {
                if ((unsigned long)source->fs_magic == (unsigned long)kernel_views[i]) {
                        refuse_source(judge, c, "mounts.sources",
                               arena_format(judge->arena, "%s is a view of the host's kernel; drop the mount", name));
                        return false;
                }
        }
        if (source->engine_socket != NULL) {
                refuse_source(judge, c, "mounts.sockets",
                       arena_format(judge->arena, "%s holds the engine socket %s; mount a folder below it that the "
                                    "build needs", name, source->engine_socket));
                return false;
        }
        if (policy_paths_depth_in(source->real_path, "/dev/shm") > 0)
                return true;
        if (is_of_etc(source) && !is_public(source)) {
                refuse_source(judge, c, "mounts.sources",
                       arena_format(judge->arena, "%s is in /etc and not for every user to read; hand over a secret "
                                    "instead", name));
                return false;
        }
        why = why_place_denied(judge, source->real_path);
        if (why == NULL && source->origin_path != NULL)
                why = why_place_denied(judge, source->origin_path);
        if (why != NULL) {
                refuse_source(judge, c, "mounts.sources", why);
                return false;
        }
        return true;
}

/* podman --systemd binds a hierarchy over the same place of the cgroup mount, to have it writable. */
static bool drop_cgroup_bind(struct judge *judge, struct candidate *c)
{
        if (c->source == NULL || !c->source->is_known || c->source->error != 0 ||
            !policy_paths_is_in(c->source->real_path, "/sys/fs/cgroup") ||
            !policy_paths_is_in(c->mount.target, "/sys/fs/cgroup"))
                return false;
        judge_tighten(judge, "mounts.cgroup", property_of(judge, c), "the host's", "the build's own, read-only");
        c->is_dropped = true;
        return true;
}

static void become_shm(struct candidate *c, const char *data)
{
        c->mount = (struct spec_mount){
                .kind = SPEC_MOUNT_TMPFS, .target = "/dev/shm", .source = "shm", .fstype = "tmpfs",
                .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, .data = data,
        };
}

/* --ipc=host: the namespace is the build's own all the same, so what shows the host's becomes its own, too. */
static bool replace_ipc_bind(struct judge *judge, struct candidate *c)
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
        judge_tighten(judge, "mounts.ipc", property_of(judge, c), "the host's", got);
        return true;
}

/* buildah binds the host's sysfs (and procfs) where it is rootless. The build gets the same file system of its own
 * namespaces instead: the host's would show the host's network devices. */
static void replace_kernel_bind(struct judge *judge, struct candidate *c)
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
        judge_tighten(judge, "mounts.kernel", property_of(judge, c), "the host's", "the one of the build's own namespaces");
        c->mount = mount;
        c->source = NULL;
}

/* ---- as whom ---- */

static bool is_readonly(const struct candidate *c)
{
        return ((c->mount.attr_set | c->mount.attr_set_recursive) & MOUNT_ATTR_RDONLY) != 0;
}

/* The kernel keeps nosuid of the source only when nothing asks for its removal, and nothing does: force() has set it.
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
static bool cannot_map(const struct judge *judge, const struct sandbox *sandbox, const struct candidate *c)
{
        return sandbox->ids == SANDBOX_IDS_LEASE && !judge->host->can_map_tmpfs && c->source->error == 0 &&
               (unsigned long)c->source->fs_magic == TMPFS_MAGIC && !is_readonly(c);
}

/* podman and Kubernetes make /dev/shm on the host and bind it, for a pod's containers to share. They lose that here. */
static bool replace_shm_bind(struct judge *judge, const struct sandbox *sandbox, struct candidate *c)
{
        const char *data = "mode=1777";

        if (strcmp(c->mount.target, "/dev/shm") != 0 || !cannot_map(judge, sandbox, c))
                return false;
        if (c->source->fs_bytes > 0)
                data = arena_format(judge->arena, "mode=1777,size=%llu", (unsigned long long)c->source->fs_bytes);
        judge_tighten(judge, "mounts.ipc", property_of(judge, c), "the engine's",
                      "a tmpfs of the container's own, not shared in a pod: mapping the ids of a tmpfs needs Linux 6.3");
        become_shm(c, data);
        return true;
}

/* podman keeps these in /run, root's and not writable by others: the build sees them as nobody's. The folder takes the
 * binds of the secrets themselves, so it is not mounted read-only. */
static bool leave_unmapped(struct judge *judge, const struct sandbox *sandbox, struct candidate *c)
{
        static const char *const files[] = { "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/run/.containerenv" };
        bool is_file = S_ISREG(c->source->mode) && IS_ONE_OF(c->mount.target, files);
        bool is_folder = S_ISDIR(c->source->mode) && strcmp(c->mount.target, "/run/secrets") == 0 &&
                         (c->source->mode & S_IWOTH) == 0;

        if ((!is_file && !is_folder) || !cannot_map(judge, sandbox, c))
                return false;
        judge_tighten(judge, "mounts.ids", property_of(judge, c), "writable",
                      "not writable: mapping the ids of a tmpfs needs Linux 6.3");
        if (is_file) {
                c->mount.attr_set |= MOUNT_ATTR_RDONLY; /* told already */
                force(c, MOUNT_ATTR_RDONLY);
        }
        return true;
}

static void judge_engine_idmap(struct candidate *c)
{
        if (c->mount.is_idmap && !is_readonly(c) && maps_disk_root(&c->mount) && c->source->error == 0 &&
            !c->source->is_private_folder && !is_source_nosuid(c->source))
                force(c, MOUNT_ATTR_RDONLY);
}

static void judge_ids(struct judge *judge, const struct sandbox *sandbox, struct candidate *c)
{
        const struct host_source *source = c->source;

        if (sandbox->ids != SANDBOX_IDS_LEASE) {
                judge_engine_idmap(c);
                return;
        }
        if (c->mount.is_idmap) {
                /* Its outside ids would be the host's, and the build's are chosen later. */
                if (c->mount.n_uid_map > 0 || c->mount.n_gid_map > 0)
                        note(c, "an id map", "the build's own");
                c->mount.is_idmap = c->mount.is_idmap_recursive = false;
                c->mount.uid_map = c->mount.gid_map = NULL;
                c->mount.n_uid_map = c->mount.n_gid_map = 0;
        }
        if (source->error != 0 || is_standard_device(source))
                return;
        if (is_of_etc(source)) /* plain: only what every user may read stays readable below it */
                return;
        if (!is_readonly(c) && !source->is_private_folder && !is_source_nosuid(source)) {
                if (source->uid != 0 && source->gid != 0) { /* a setgid file of group root is no better than a setuid one */
                        c->verdict.ids = SANDBOX_BIND_OWNER;
                        c->verdict.owner_uid = source->uid;
                        c->verdict.owner_gid = source->gid;
                        c->verdict.is_ids_recursive = c->mount.is_recursive;
                        c->verdict.is_ids_wanted = true;
                        judge_tighten(
                                judge, "mounts.ids", property_of(judge, c), "written as the host's root",
                                arena_format(judge->arena, "written as the owner, %u:%u", source->uid, source->gid));
                        return;
                }
                judge_tighten(judge, "mounts.ids", property_of(judge, c), "written as the host's root",
                              "read-only: root owns it and other users can reach it; for a writable one, chown it "
                              "or chmod 0700 a folder above");
                c->mount.attr_set |= MOUNT_ATTR_RDONLY; /* told already */
                force(c, MOUNT_ATTR_RDONLY);
        }
        c->verdict.ids = SANDBOX_BIND_ROOT;
        c->verdict.is_ids_wanted = !is_readonly(c);
        /* A mount below may be neither private nor nosuid nor read-only: there the build's root is nobody. */
        c->verdict.is_ids_recursive = c->mount.is_recursive &&
                                      (source->is_private_folder || (c->mount.attr_set_recursive & MOUNT_ATTR_RDONLY));
}

/* ---- how ---- */

static void judge_propagation(struct candidate *c)
{
        if (c->mount.propagation & MS_SHARED) {
                note(c, "shared", "private");
                c->mount.propagation = MS_PRIVATE;
        }
}

static void judge_bind(struct judge *judge, const struct sandbox *sandbox, struct candidate *c)
{
        if (replace_ipc_bind(judge, c) || drop_cgroup_bind(judge, c))
                return;
        if (!judge_source(judge, c) || replace_shm_bind(judge, sandbox, c))
                return;
        /* A device node behind nodev cannot be opened; these six are in every /dev. */
        if (c->source->error == 0 && is_standard_device(c->source))
                force(c, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
        else
                force(c, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
        if (c->source->error == 0) {
                c->verdict.is_source_known = true;
                c->verdict.source_device = c->source->device;
                c->verdict.source_inode = c->source->inode;
                if (is_of_etc(c->source))
                        force(c, MOUNT_ATTR_RDONLY);
        }
        if (!leave_unmapped(judge, sandbox, c))
                judge_ids(judge, sandbox, c);
}

/* remount: flags of what an earlier entry mounted. It may add to them and not take away. */
static void judge_remount(struct candidate *c)
{
        uint64_t kept = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

        if ((c->mount.attr_clear | c->mount.attr_clear_recursive) & kept)
                note(c, "flags taken away", "kept");
        c->mount.attr_clear &= ~kept;
        c->mount.attr_clear_recursive &= ~kept;
        force(c,
              policy_paths_is_in(c->mount.target, "/dev") ? MOUNT_ATTR_NOSUID : MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

static void judge_one(struct judge *judge, const struct sandbox *sandbox, struct candidate *c)
{
        replace_kernel_bind(judge, c);
        if (!judge_target(judge, c))
                return;
        judge_propagation(c);
        if (c->mount.is_remount) {
                judge_remount(c);
                return;
        }
        switch (c->mount.kind) {
        case SPEC_MOUNT_BIND:
                judge_bind(judge, sandbox, c);
                return;
        case SPEC_MOUNT_PROC:
        case SPEC_MOUNT_MQUEUE:
                force(c, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
                return;
        case SPEC_MOUNT_SYSFS:
        case SPEC_MOUNT_CGROUP:
                force(c, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
                return;
        case SPEC_MOUNT_DEVPTS: /* its nodes are terminals, made for this mount alone */
                force(c, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
                return;
        case SPEC_MOUNT_TMPFS:
                force(c, strcmp(c->mount.target, "/dev") == 0 ? MOUNT_ATTR_NOSUID
                                                              : MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
                return;
        case SPEC_MOUNT_OVERLAY:
                refuse(judge, c, "mounts.types",
                       arena_format(judge->arena, "an overlay at %s would show folders of the host that no rule has "
                                    "looked at; mount a volume without :O", c->mount.target));
                return;
        case SPEC_MOUNT_OTHER:
                refuse(judge, c, "mounts.types",
                       arena_format(judge->arena,
                                    "a mount of type \"%s\" at %s is none that a build needs; drop the mount",
                                    c->mount.fstype != NULL ? c->mount.fstype : "", c->mount.target));
                return;
        }
}

static bool has_dev(const struct spec *spec)
{
        for (size_t i = 0; i < spec->n_mounts; i++) {
                if (strcmp(spec->mounts[i].target, "/dev") == 0 && !spec->mounts[i].is_remount)
                        return true;
        }
        return false;
}

int policy_mounts_judge(struct judge *judge, struct sandbox *sandbox)
{
        const struct spec *asked = judge->asked;
        struct spec_mount *mounts = arena_array(judge->arena, asked->n_mounts + 1, sizeof *mounts);
        struct sandbox_bind *verdicts = arena_array(judge->arena, asked->n_mounts + 1, sizeof *verdicts);
        size_t n = 0;

        if (mounts == NULL || verdicts == NULL)
                return -ENOMEM;

        /* The rootfs is nodev: without a /dev of its own a build has no device at all. First, so that the listed ones
         * lie in it. */
        if (!has_dev(asked)) {
                mounts[n++] = (struct spec_mount){
                        .kind = SPEC_MOUNT_TMPFS, .target = "/dev", .source = "tmpfs", .fstype = "tmpfs",
                        .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME, .attr_clear = MOUNT_ATTR__ATIME,
                        .data = "mode=755,size=65536k",
                };
                judge_tighten(judge, "mounts.dev", "mounts (/dev)", "the image's", "a tmpfs with the standard devices");
        }
        for (size_t i = 0; i < asked->n_mounts; i++) {
                struct candidate c = {
                        .index = i,
                        .mount = asked->mounts[i],
                        .source = judge->host->sources != NULL ? &judge->host->sources[i] : NULL,
                };

                c.mount.target = policy_paths_clean(judge->arena, c.mount.target);
                if (c.mount.target == NULL)
                        return -ENOMEM;
                judge_one(judge, sandbox, &c);
                if (c.asked[0] != '\0')
                        judge_tighten(judge, "mounts.flags", property_of(judge, &c), c.asked, c.got);
                if (c.is_dropped)
                        continue;
                mounts[n] = c.mount;
                verdicts[n++] = c.verdict;
        }
        sandbox->spec.mounts = mounts;
        sandbox->spec.n_mounts = n;
        sandbox->binds = verdicts;
        return 0;
}
