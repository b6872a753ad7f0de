/* The parent's part: what each mount needs is decided here, and every source on the host is opened and cloned here, by
 * the privileged step and before the image has had a hand in anything. */
#include "runtime/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "policies/mounts.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/userns.h"

#define OPTIONS_MAX 64
#define OPTION_MAX_BYTES 255    /* fs/fsopen.c, strndup_user(): key and value each, with their NUL */

struct options {
        struct mount_option list[OPTIONS_MAX];
        size_t n;
};

static int add_option(struct options *options, const char *key, const char *value, struct error *err)
{
        if (options->n == OPTIONS_MAX)
                return error_set(err, E2BIG, "options: more than %d for the file system", OPTIONS_MAX);
        if (strlen(key) > OPTION_MAX_BYTES || (value != NULL && strlen(value) > OPTION_MAX_BYTES))
                return error_set(err, E2BIG, "options: %.32s... is longer than %d bytes, which the kernel does not take", key,
                                 OPTION_MAX_BYTES);
        options->list[options->n++] = (struct mount_option){ key, value };
        return 0;
}

/* gid=5 in config.json is an id of the container; the host makes the mount, so the host's id goes in. */
static int add_mapped(struct arena *arena, struct options *options, const char *key, const char *value,
                      const struct spec_id_map *map, size_t n_map, bool may_drop, struct error *err)
{
        uint32_t inside;
        int64_t outside;

        if (text_to_u32(value, &inside) < 0)
                return error_set(err, EINVAL, "%s=%s is no id", key, value);
        outside = userns_map_id(map, n_map, inside);
        if (outside < 0 && may_drop)    /* podman sends gid=5 to namespaces of one id */
                return 0;
        if (outside < 0)
                return error_set(err, EINVAL, "%s=%s is not mapped in the user namespace", key, value);
        value = arena_format(arena, "%u", (uint32_t)outside);
        return value == NULL ? error_errno(err, ENOMEM, "%s", key) : add_option(options, key, value, err);
}

struct id_maps {
        const struct spec_id_map *uid, *gid;
        size_t n_uid, n_gid;
        const char *label;      /* linux.mountLabel */
};

/* fs/fs_context.c, vfs_parse_sb_flag(). dirsync has no opposite there. */
static const struct {
        unsigned long flag;
        const char *set, *clear;
} super_options[] = {
        { MS_SYNCHRONOUS, "sync", "async" },
        { MS_LAZYTIME, "lazytime", "nolazytime" },
        { MS_MANDLOCK, "mand", "nomand" },
        { MS_DIRSYNC, "dirsync", NULL },        /* last: nothing asks for its removal */
};

/* linux.mountLabel on what is made anew, as runc has it: not on /proc and /sys, whose files SELinux labels itself, nor on
 * binds, which keep the labels of their files. An mqueue is there since its ipc namespace is, and then takes no option
 * (selinux_set_mnt_opts()): its root is labelled as a file, and new queues are labelled by who makes them. */
static const char *label_option(enum spec_mount_kind kind)
{
        switch (kind) {
        case SPEC_MOUNT_DEVPTS:
        case SPEC_MOUNT_TMPFS:
        case SPEC_MOUNT_OVERLAY:
        case SPEC_MOUNT_OTHER:
                return "context";
        case SPEC_MOUNT_MQUEUE:
        case SPEC_MOUNT_BIND:
        case SPEC_MOUNT_PROC:
        case SPEC_MOUNT_SYSFS:
        case SPEC_MOUNT_CGROUP:
                break;
        }
        return NULL;
}

static int plan_options(struct arena *arena, const struct id_maps *maps, uint32_t root_uid, uint32_t root_gid,
                        struct mount_plan *plan, struct error *err)
{
        const struct spec_mount *mount = plan->mount;
        struct options options = { .n = 0 };
        bool has_mode = false, has_uid = false, has_gid = false, has_ptmxmode = false;
        bool is_tmpfs = mount->kind == SPEC_MOUNT_TMPFS, is_devpts = mount->kind == SPEC_MOUNT_DEVPTS;
        bool is_new = !mount->is_remount, has_gid_option = is_tmpfs || is_devpts || mount->kind == SPEC_MOUNT_PROC;
        char *data, *part, *value, *rest = NULL;
        int r = 0;

        data = arena_string(arena, mount->data == NULL ? "" : mount->data);
        if (data == NULL)
                return error_errno(err, ENOMEM, "options");
        for (part = strtok_r(data, ",", &rest); part != NULL && r == 0; part = strtok_r(NULL, ",", &rest)) {
                value = strchr(part, '=');
                if (value != NULL)
                        *value++ = '\0';
                if (is_devpts && strcmp(part, "newinstance") == 0)
                        continue;       /* always so since Linux 4.7 */
                if ((is_tmpfs || is_devpts) && value != NULL && strcmp(part, "uid") == 0) {
                        has_uid = true;
                        r = add_mapped(arena, &options, "uid", value, maps->uid, maps->n_uid, is_devpts, err);
                } else if (has_gid_option && value != NULL && strcmp(part, "gid") == 0) {
                        has_gid = true;
                        r = add_mapped(arena, &options, "gid", value, maps->gid, maps->n_gid, is_devpts, err);
                } else {
                        has_mode |= strcmp(part, "mode") == 0;
                        has_ptmxmode |= strcmp(part, "ptmxmode") == 0;
                        r = add_option(&options, part, value, err);
                }
        }
        if (r == 0 && is_new && is_tmpfs && !has_uid)
                r = add_option(&options, "uid", arena_format(arena, "%u", root_uid), err);
        if (r == 0 && is_new && is_tmpfs && !has_gid)
                r = add_option(&options, "gid", arena_format(arena, "%u", root_gid), err);
        /* The kernel's default is 0, for root's capabilities alone; exec opens a terminal as the user that it will be. */
        if (r == 0 && is_new && is_devpts && !has_ptmxmode)
                r = add_option(&options, "ptmxmode", "0666", err);
        if (r == 0 && is_new && !text_is_empty(mount->source) && mount->kind != SPEC_MOUNT_CGROUP)
                r = add_option(&options, "source", mount->source, err);
        /* silent and loud: nothing to do, fsopen(2) gives the messages of a file system to its caller and never to the
         * kernel's log. */
        for (size_t i = 0; i < sizeof super_options / sizeof *super_options && r == 0; i++) {
                if (mount->sb_flags & super_options[i].flag)
                        r = add_option(&options, super_options[i].set, NULL, err);
                else if (!is_new && (mount->sb_flags_clear & super_options[i].flag))
                        r = add_option(&options, super_options[i].clear, NULL, err);
        }
        plan->has_super_flags = ((mount->sb_flags | mount->sb_flags_clear) & MS_I_VERSION) != 0;
        plan->super_flags = mount->sb_flags & (MS_I_VERSION | MS_SYNCHRONOUS | MS_LAZYTIME | MS_MANDLOCK);
        if (r == 0 && is_new && label_option(mount->kind) != NULL && !text_is_empty(maps->label))
                r = add_option(&options, label_option(mount->kind), maps->label, err);
        if (r < 0)
                return r;
        plan->takes_mode = is_new && is_tmpfs && !has_mode;
        plan->options = arena_array(arena, options.n, sizeof *plan->options);
        if (plan->options == NULL)
                return error_errno(err, ENOMEM, "options");
        memcpy((void *)(uintptr_t)plan->options, options.list, options.n * sizeof options.list[0]);
        plan->n_options = options.n;
        return 0;
}

int mounts_check_number(const struct spec *spec, struct error *err)
{
        if (spec->n_mounts > MOUNTS_MOST)
                return error_set(err, E2BIG, "config.json: mounts: %zu entries, and %d are the most; bind a folder that holds "
                                 "what they name", spec->n_mounts, MOUNTS_MOST);
        /* Each is a mount, too, and those of one place lie on each other, to be walked by whoever comes next. */
        if (spec->linux_.n_masked_paths > MOUNTS_MOST)
                return error_set(err, E2BIG, "config.json: linux.maskedPaths: %zu entries, and %d are the most; mask a folder that "
                                 "holds them", spec->linux_.n_masked_paths, MOUNTS_MOST);
        if (spec->linux_.n_readonly_paths > MOUNTS_MOST)
                return error_set(err, E2BIG, "config.json: linux.readonlyPaths: %zu entries, and %d are the most; name a folder that "
                                 "holds them", spec->linux_.n_readonly_paths, MOUNTS_MOST);
        return 0;
}

/* The map of a mount in ids of our user namespace. */
static const struct spec_id_map *translate_map(struct arena *arena, const struct spec_id_map *map, size_t n,
                                               const struct spec_id_map *build, size_t n_build, bool is_lease)
{
        struct spec_id_map *translated;

        if (!is_lease)
                return map;
        translated = arena_array(arena, n, sizeof *translated);
        for (size_t i = 0; i < n && translated != NULL; i++) {
                translated[i] = map[i];
                /* A lease is one line, and policy has seen that the whole line lies in it. */
                translated[i].outside = (uint32_t)userns_map_id(build, n_build, map[i].outside);
        }
        return translated;
}

/* Asked for on nothing but binds that are new. */
static int plan_bind(struct arena *arena, const struct sandbox *sandbox, const struct id_maps *maps, const char *bundle,
                     struct mount_plan *plan, struct error *err)
{
        const struct spec_mount *mount = plan->mount;
        bool is_lease = sandbox->ids == SANDBOX_IDS_LEASE;

        if (text_is_empty(mount->source))
                return error_set(err, EINVAL, "a bind without a source");
        plan->source = mount->source[0] == '/' ? mount->source : arena_format(arena, "%s/%s", bundle, mount->source);
        if (plan->source == NULL)
                return error_errno(err, ENOMEM, "source");
        if (plan->bind.ids != SANDBOX_BIND_MAPPED)
                return 0;
        plan->uid_map = translate_map(arena, mount->uid_map, mount->n_uid_map, maps->uid, maps->n_uid, is_lease);
        plan->gid_map = translate_map(arena, mount->gid_map, mount->n_gid_map, maps->gid, maps->n_gid, is_lease);
        return plan->uid_map == NULL || plan->gid_map == NULL ? error_errno(err, ENOMEM, "uidMappings") : 0;
}

int mounts_plan_make(struct arena *arena, const struct sandbox *sandbox, const char *bundle, const struct spec_id_map *uid_map,
                     size_t n_uid_map, const struct spec_id_map *gid_map, size_t n_gid_map, struct mounts_plan *ret_plan,
                     struct error *err)
{
        const struct spec *spec = &sandbox->spec;
        const struct id_maps maps = { uid_map, gid_map, n_uid_map, n_gid_map, spec->linux_.mount_label };
        int64_t root_uid = userns_map_id(uid_map, n_uid_map, 0), root_gid = userns_map_id(gid_map, n_gid_map, 0);
        struct mounts_plan plan = {
                .n = spec->n_mounts,
                .masked = spec->linux_.masked_paths, .n_masked = spec->linux_.n_masked_paths,
                .readonly = spec->linux_.readonly_paths, .n_readonly = spec->linux_.n_readonly_paths,
                .cwd = spec->process.cwd,
                .label = spec->linux_.mount_label,
                .is_root_readonly = spec->is_root_readonly,
                /* A slave it has been since restack_prepare(). */
                .root_propagation = spec->linux_.rootfs_propagation & MS_UNBINDABLE ? MS_UNBINDABLE
                                    : spec->linux_.rootfs_propagation & MS_SHARED   ? MS_SHARED
                                    : spec->linux_.rootfs_propagation & MS_SLAVE    ? 0 : MS_PRIVATE,
        };
        struct mount_plan *mounts;
        int r;

        if (root_uid < 0 || root_gid < 0)
                return error_set(err, EINVAL, "linux.uidMappings: container id 0 is not mapped");
        plan.root_uid = (uint32_t)root_uid;
        plan.root_gid = (uint32_t)root_gid;
        mounts = arena_array(arena, spec->n_mounts, sizeof *mounts);
        if (mounts == NULL)
                return error_errno(err, ENOMEM, "mounts");
        for (size_t i = 0; i < spec->n_mounts; i++) {
                const struct spec_mount *mount = &spec->mounts[i];

                mounts[i] = (struct mount_plan){ .mount = mount, .may_be_proc = policy_mounts_covers_proc(mount->target) };
                mounts[i].no_links = strcmp(mount->target, "/proc") == 0 || strcmp(mount->target, "/sys") == 0 ||
                                     strcmp(mount->target, "/dev") == 0;
                if (sandbox->binds != NULL) {
                        mounts[i].bind = sandbox->binds[i];
                        mounts[i].is_judged = true;
                }
                if (mount->is_remount && !mounts[i].bind.is_file_system_changed)
                        continue;       /* its flags only */
                if (mount->kind == SPEC_MOUNT_BIND)
                        r = plan_bind(arena, sandbox, &maps, bundle, &mounts[i], err);
                else
                        r = plan_options(arena, &maps, plan.root_uid, plan.root_gid, &mounts[i], err);
                if (r < 0)
                        return error_context(err, "mounts[%zu] (%s)", i, mount->target);
        }
        plan.mounts = mounts;
        *ret_plan = plan;
        return 0;
}

int mounts_plan_add_bind(struct arena *arena, struct mounts_plan *plan, const char *source, const char *target,
                         struct error *err)
{
        struct mount_plan *mounts = arena_array(arena, plan->n + 1, sizeof *mounts);
        struct spec_mount *mount = arena_new(arena, struct spec_mount);

        if (mounts == NULL || mount == NULL)
                return error_errno(err, ENOMEM, "mounts");
        *mount = (struct spec_mount){
                .kind = SPEC_MOUNT_BIND, .source = source, .target = target, .fstype = "bind", .data = "",
                .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
        };
        if (plan->n > 0)
                memcpy(mounts, plan->mounts, plan->n * sizeof *mounts);
        mounts[plan->n] = (struct mount_plan){ .mount = mount, .source = source };
        plan->mounts = mounts;
        plan->n++;
        return 0;
}

static const char *fs_name(int fd, char *buffer, size_t size)
{
        struct statfs fs;

        if (fstatfs(fd, &fs) < 0)
                return "unknown file system";
        switch ((unsigned long)fs.f_type) {
        case TMPFS_MAGIC: return "tmpfs (id-mapped mounts of it need Linux 6.3)";
        case NFS_SUPER_MAGIC: return "NFS";
        case FUSE_SUPER_MAGIC: return "FUSE (id-mapped mounts of it need Linux 6.12 and the server's consent)";
        case OVERLAYFS_SUPER_MAGIC: return "overlayfs";
        case PROC_SUPER_MAGIC: return "procfs";
        case SYSFS_MAGIC: return "sysfs";
        default:
                snprintf(buffer, size, "file system 0x%lx", (unsigned long)fs.f_type);
                return buffer;
        }
}

static int id_map_tree(int fd, const struct mounts_plan *all, const struct mount_plan *plan, int userns_fd, struct error *err)
{
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
        auto_close int owner_fd = UNSET_FD;
        char buffer[64];
        int r;

        if (plan->bind.ids == SANDBOX_BIND_PLAIN)
                return 0;
        if (plan->bind.ids == SANDBOX_BIND_OWNER) {
                const struct spec_id_map uid = { plan->bind.owner_uid, all->root_uid, 1 };
                const struct spec_id_map gid = { plan->bind.owner_gid, all->root_gid, 1 };

                r = userns_make(&uid, 1, &gid, 1, &owner_fd, err);
                if (r < 0)
                        return r;
        } else if (plan->bind.ids == SANDBOX_BIND_MAPPED) {
                r = userns_make(plan->uid_map, plan->mount->n_uid_map, plan->gid_map, plan->mount->n_gid_map, &owner_fd, err);
                if (r < 0)
                        return r;
        }
        attr.userns_fd = (uint64_t)(unsigned)(owner_fd >= 0 ? owner_fd : userns_fd);
        if (mount_setattr(fd, "", AT_EMPTY_PATH | (plan->bind.is_ids_recursive ? AT_RECURSIVE : 0), &attr, sizeof attr) == 0)
                return 0;
        if (errno != EINVAL && errno != EOPNOTSUPP)
                return error_errno(err, errno, "map the ids of %s", plan->source);
        /* Read-only inputs may show as nobody's; what the build is to write must not be silently unwritable. */
        if (!plan->bind.is_ids_wanted)
                return 0;
        if (plan->mount->is_idmap)
                return error_set(err, EOPNOTSUPP,
                                 "%s: the ids of %s cannot be mapped on %s%s; drop the mappings, or bind from another file system",
                                 plan->bind.is_ids_recursive ? "ridmap" : "idmap", plan->source,
                                 fs_name(fd, buffer, sizeof buffer), plan->bind.is_ids_recursive ? ", or below it" : "");
        return error_set(err, EOPNOTSUPP,
                         "a writable bind of %s on %s: its ids cannot be mapped on %s; mount it read-only, or from another file system",
                         plan->source, plan->mount->target, fs_name(fd, buffer, sizeof buffer));
}

/* Policy judged a file, not a name: another one in its place, by a link or a rename since then, is not it. */
static int check_source(int fd, const struct mount_plan *plan, const struct stat *st, struct error *err)
{
        struct statfs fs;

        if (plan->bind.kernel_magic != 0)
                return fstatfs(fd, &fs) == 0 && fs.f_type == plan->bind.kernel_magic ? 0 :
                        error_set(err, EINVAL, "%s of the host is none of its kernel's; mount it there", plan->source);
        if (!plan->is_judged ||
            (plan->bind.is_source_known && st->st_dev == plan->bind.source_device && st->st_ino == plan->bind.source_inode))
                return 0;
        return error_set(err, ESTALE, "%s became another file while the container was made; try again", plan->source);
}

/* mount_setattr(2): changing an atime flag needs the whole field cleared. */
static void fix_atime(struct mount_attr *attr)
{
        if ((attr->attr_set & MOUNT_ATTR__ATIME) || (attr->attr_clr & MOUNT_ATTR__ATIME))
                attr->attr_clr |= MOUNT_ATTR__ATIME;
}

static int flag_tree(int fd, const struct mount_plan *plan, struct error *err)
{
        const struct spec_mount *mount = plan->mount;
        /* A flag that guards goes for the mounts below as well: a device node must not open there either. */
        const uint64_t guards = mount->attr_set & (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
        struct mount_attr below = {
                .attr_set = mount->attr_set_recursive | guards,
                .attr_clr = mount->attr_clear_recursive & ~guards,
                /* Slaves below a slave as well, as with runc. Nothing reaches the host from either. Unbindable is set by init,
                 * which may have to clone them. */
                .propagation = mount->propagation & MS_SLAVE ? MS_SLAVE : MS_PRIVATE,
        };
        struct mount_attr top = { .attr_set = mount->attr_set, .attr_clr = mount->attr_clear & ~mount->attr_set };

        fix_atime(&below);
        fix_atime(&top);
        if (mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &below, sizeof below) < 0)
                return error_errno(err, errno, "set the flags of %s", plan->source);
        if ((top.attr_set | top.attr_clr) != 0 && mount_setattr(fd, "", AT_EMPTY_PATH, &top, sizeof top) < 0)
                return error_errno(err, errno, "set the flags of %s", plan->source);
        return 0;
}

/* Where it cannot be had (a mount that is unbindable), the mounts are the same, and only listed in another order. */
static void prepare_shelf(struct mounts_ready *ready, const struct mounts_shelf *shelf)
{
        ready->shelf_fd = open_tree(shelf->fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
        if (ready->shelf_fd >= 0)
                ready->shelf_folder_fd = openat(ready->shelf_fd, shelf->folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (ready->shelf_folder_fd >= 0)
                ready->shelf_file_fd = openat(ready->shelf_folder_fd, shelf->file, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (ready->shelf_file_fd >= 0)
                return;
        log_debug("binds will be listed before what the container's init mounts: no clone of the state folder: %s",
                  error_text(errno));
        auto_close_cleanup(&ready->shelf_fd);
}

int mounts_prepare(struct arena *arena, const struct mounts_plan *plan, int userns_fd, const struct mounts_shelf *shelf,
                   struct mounts_ready *ret_ready, struct error *err)
{
        struct mounts_ready ready = MOUNTS_NONE_READY;
        bool is_late = false, is_shelf_needed = shelf->is_wanted || plan->n_hierarchies > 0;
        size_t i;
        int r = 0;

        ready.tree_fds = arena_array(arena, plan->n, sizeof *ready.tree_fds);
        ready.is_folder = arena_array(arena, plan->n, sizeof *ready.is_folder);
        ready.is_renewed = arena_array(arena, plan->n, sizeof *ready.is_renewed);
        ready.hierarchy_fds = arena_array(arena, plan->n_hierarchies, sizeof *ready.hierarchy_fds);
        if (ready.tree_fds == NULL || ready.is_folder == NULL || ready.is_renewed == NULL || ready.hierarchy_fds == NULL)
                return error_errno(err, ENOMEM, "mounts");
        ready.n = plan->n;
        ready.n_hierarchies = plan->n_hierarchies;
        for (i = 0; i < plan->n; i++) {
                ready.tree_fds[i] = UNSET_FD;
                if (!plan->mounts[i].bind.is_file_system_changed || ready.devices != NULL)
                        continue;
                ready.devices = arena_array(arena, plan->n, sizeof *ready.devices);
                if (ready.devices == NULL)
                        return error_errno(err, ENOMEM, "mounts");
        }
        for (i = 0; i < plan->n_hierarchies; i++)
                ready.hierarchy_fds[i] = UNSET_FD;
        for (i = 0; i < plan->n && r == 0; i++) {
                const struct mount_plan *mount = &plan->mounts[i];
                struct stat st;

                if (mount->mount->is_remount || mount->bind.link != NULL)
                        continue;
                if (mount->mount->kind != SPEC_MOUNT_BIND) {
                        is_late = true;
                        continue;
                }
                ready.is_renewed[i] = is_late;
                is_shelf_needed |= is_late;
                ready.tree_fds[i] = open_tree(AT_FDCWD, mount->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
                                              (mount->mount->is_recursive ? AT_RECURSIVE : 0));
                if (ready.tree_fds[i] < 0) {
                        r = error_errno(err, errno, "mounts[%zu]: mount %s on %s: open %s", i, mount->source,
                                        mount->mount->target, mount->source);
                        break;
                }
                if (fstat(ready.tree_fds[i], &st) < 0) {
                        r = error_errno(err, errno, "mounts[%zu]: stat %s", i, mount->source);
                        break;
                }
                ready.is_folder[i] = S_ISDIR(st.st_mode);
                r = check_source(ready.tree_fds[i], mount, &st, err);
                if (r == 0)
                        r = id_map_tree(ready.tree_fds[i], plan, mount, userns_fd, err);
                if (r == 0)
                        r = flag_tree(ready.tree_fds[i], mount, err);
                if (r < 0)
                        r = error_context(err, "mounts[%zu]", i);
        }
        for (i = 0; i < plan->n_hierarchies && r == 0; i++) {
                struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                                       MOUNT_ATTR_NOEXEC, .propagation = MS_PRIVATE };

                ready.hierarchy_fds[i] = open_tree(AT_FDCWD, plan->hierarchies[i].path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
                if (ready.hierarchy_fds[i] < 0 ||
                    mount_setattr(ready.hierarchy_fds[i], "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
                        r = error_errno(err, errno, "open the cgroup %s", plan->hierarchies[i].path);
        }
        if (r < 0) {
                mounts_ready_close(&ready);
                return r;
        }
        if (is_shelf_needed)
                prepare_shelf(&ready, shelf);
        *ret_ready = ready;
        return 0;
}

void mounts_ready_close(struct mounts_ready *ready)
{
        for (size_t i = 0; i < ready->n; i++)
                auto_close_cleanup(&ready->tree_fds[i]);
        for (size_t i = 0; i < ready->n_hierarchies; i++)
                auto_close_cleanup(&ready->hierarchy_fds[i]);
        auto_close_cleanup(&ready->shelf_file_fd);
        auto_close_cleanup(&ready->shelf_folder_fd);
        auto_close_cleanup(&ready->shelf_fd);
        ready->n = ready->n_hierarchies = 0;
}

int mounts_clone(int fd)
{
        return open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
}

/* ---- a namespace that is to stay ---- */

int mounts_pin_namespace(const char *ns_path, int dir_fd, const char *name)
{
        auto_close int tree = open_tree(AT_FDCWD, ns_path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        auto_close int file = UNSET_FD;
        int r;

        if (tree < 0)
                return -errno;
        file = openat(dir_fd, name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0);
        if (file < 0)
                return -errno;
        if (move_mount(tree, "", dir_fd, name, MOVE_MOUNT_F_EMPTY_PATH) == 0)
                return 0;
        r = -errno;
        unlinkat(dir_fd, name, 0);
        return r;
}

int mounts_unpin_namespace(int dir_fd, const char *name)
{
        char folder[FD_NAME_SIZE], path[NAME_MAX + 64];

        if (faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
                return 0;
        snprintf(path, sizeof path, "/proc/%s/%s", fd_name_in_proc(dir_fd, folder), name);
        /* EINVAL: no mount, or one of another mount namespace, which goes with the file. */
        if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT && errno != EPERM)
                return -errno;
        return unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}
