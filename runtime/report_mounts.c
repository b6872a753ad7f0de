/* The mounts that init sees, held against those that create makes.
 *
 * Two questions, from both ends. Is what lies at each destination what belongs there: found by looking the path up in the
 * container's own root, as a process of it would, so that whatever was put on top of it counts; and is there a mount that nobody
 * planned. A link that the build turns while it is looked up can make the first answer wrong, but not both.
 *
 * A build that may mount (image-build) has a copy of the tree of its own, with locks on all that is ours; there nothing is looked
 * up by path, which it could have a file system of its own answer, and mounts of its own are no surprise. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "policies/exceptions.h"
#include "policies/paths.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/host.h"
#include "runtime/notify.h"
#include "runtime/report_private.h"

#define FLAGS (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif

/* ---- what is there ---- */

static uint64_t flags_of(const char *options)
{
        static const struct { const char *name; uint64_t flag; } names[] = {
                { "ro", MOUNT_ATTR_RDONLY }, { "nosuid", MOUNT_ATTR_NOSUID }, { "nodev", MOUNT_ATTR_NODEV },
                { "noexec", MOUNT_ATTR_NOEXEC },
        };
        uint64_t flags = 0;

        for (const char *p = options; *p != '\0'; p += p[strcspn(p, ",")] == ',' ? strcspn(p, ",") + 1 : strcspn(p, ","))
                for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                        if (strlen(names[i].name) == strcspn(p, ",") && strncmp(p, names[i].name, strcspn(p, ",")) == 0)
                                flags |= names[i].flag;
        return flags;
}

/* proc_pid_mountinfo(5): "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue". */
static bool parse_line(char *line, struct report_mount *ret_mount)
{
        struct report_mount mount = { .shared = "" };
        char *words[11] = { NULL }, *rest = NULL, *word;
        size_t n = 0;
        bool is_behind = false;

        for (word = strtok_r(line, " ", &rest); word != NULL && n < 11; word = strtok_r(NULL, " ", &rest)) {
                if (n >= 6 && !is_behind) {
                        if (strcmp(word, "-") == 0)
                                is_behind = true;
                        else if (text_starts_with(word, "shared:"))
                                mount.shared = word;
                        continue;
                }
                words[n++] = text_unescape_octal(word);
        }
        if (n < 8)
                return false;
        mount.id = strtoull(words[0], NULL, 10);
        mount.parent = strtoull(words[1], NULL, 10);
        mount.root = words[3];
        mount.target = words[4];
        mount.options = words[5];
        mount.flags = flags_of(words[5]);
        mount.fstype = words[6];
        mount.source = words[7];
        mount.super = n > 8 ? words[8] : "";
        *ret_mount = mount;
        return true;
}

static int read_mounts(struct report *report)
{
        auto_free char *text = NULL;
        char *copy, *rest = NULL;
        size_t length, lines = 1;
        int r = fd_read_file(report->proc_fd, "mountinfo", REPORT_MOUNTINFO_LIMIT_BYTES, &text, &length);

        if (r < 0)
                return r;
        for (const char *p = text; *p != '\0'; p++)
                lines += *p == '\n';
        copy = arena_string_n(report->arena, text, length);
        report->mounts = arena_array(report->arena, lines, sizeof *report->mounts);
        if (copy == NULL || report->mounts == NULL)
                return -ENOMEM;
        for (char *line = strtok_r(copy, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
                if (parse_line(line, &report->mounts[report->n_mounts]))
                        report->n_mounts++;
        return 0;
}

static int by_id(const void *a, const void *b)
{
        const struct report_mount *const *one = a, *const *other = b;

        return (*one)->id < (*other)->id ? -1 : (*one)->id > (*other)->id;
}

struct index { struct report_mount **items; size_t n; };

static struct report_mount *find_id(const struct index *index, uint64_t id)
{
        struct report_mount key = { .id = id }, *at = &key, **found;

        found = index->n == 0 ? NULL : bsearch(&at, index->items, index->n, sizeof index->items[0], by_id);
        return found == NULL ? NULL : *found;
}

/* What another mount lies upon, root upon root, nobody reaches. */
static bool make_index(struct report *report, struct index *index)
{
        index->items = arena_array(report->arena, report->n_mounts + 1, sizeof index->items[0]);
        if (index->items == NULL)
                return false;
        for (size_t i = 0; i < report->n_mounts; i++)
                index->items[index->n++] = &report->mounts[i];
        qsort(index->items, index->n, sizeof index->items[0], by_id);
        for (size_t i = 0; i < report->n_mounts; i++) {
                struct report_mount *below = find_id(index, report->mounts[i].parent);

                if (below != NULL && below != &report->mounts[i] && strcmp(below->target, report->mounts[i].target) == 0)
                        below->is_covered = true;
        }
        return true;
}

/* ---- what lies at a path ---- */

struct place {
        int fd;                         /* UNSET_FD: only looked for by name */
        bool is_mount_root;
        struct stat st;
        struct report_mount *mount;
};

struct look {
        struct report *report;
        struct index index;
        int root_fd;
        bool is_by_name;
};

/* 1: there is no such path; 0; or a negative errno. */
static int find_place(const struct look *look, const char *path, struct place *ret_place)
{
        struct place place = { .fd = UNSET_FD };
        struct statx stx;

        if (look->is_by_name) {
                for (size_t i = 0; i < look->report->n_mounts; i++) {
                        struct report_mount *mount = &look->report->mounts[i];

                        /* The first one: what the build puts upon it is its own. */
                        if (strcmp(mount->target, path) == 0 && (place.mount == NULL || text_starts_with(mount->fstype, "proc")))
                                place.mount = mount;
                }
                place.is_mount_root = place.mount != NULL;
                *ret_place = place;
                return place.mount == NULL;
        }
        place.fd = sys_open_in_root(look->root_fd, path, O_PATH);
        if (place.fd < 0)
                return errno == ENOENT || errno == ENOTDIR ? 1 : -errno;
        if (fstat(place.fd, &place.st) < 0 || statx(place.fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0) {
                int r = -errno;

                close(place.fd);
                return r;
        }
        place.is_mount_root = (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
        place.mount = find_id(&look->index, stx.stx_mnt_id);
        *ret_place = place;
        return 0;
}

static const char *missing(uint64_t wanted, uint64_t has)
{
        return wanted & ~has & MOUNT_ATTR_RDONLY   ? "read-only"
               : wanted & ~has & MOUNT_ATTR_NODEV  ? "nodev"
               : wanted & ~has & MOUNT_ATTR_NOSUID ? "nosuid"
               : wanted & ~has & MOUNT_ATTR_NOEXEC ? "noexec"
                                                   : NULL;
}

static bool have_flags(struct report *report, const char *path, const struct place *place, uint64_t wanted)
{
        const char *lost = place->mount == NULL ? NULL : missing(wanted, place->mount->flags);

        if (place->mount == NULL)
                report_add(report, "mounts", REPORT_UNKNOWN, "%s: its mount is not in mountinfo any more", path);
        else if (lost != NULL)
                report_add(report, "mounts", REPORT_WEAKENED, "%s is not %s any more", path, lost);
        return lost == NULL && place->mount != NULL;
}

static void expect_place(struct place *place)
{
        if (place->mount != NULL && place->is_mount_root)
                place->mount->is_expected = true;
        auto_close_cleanup(&place->fd);
}

/* ---- the mounts of config.json ---- */

/* What create binds from the container's own folder. */
static const struct { const char *file, *target; } own_binds[] = { { "hosts", "/etc/hosts" }, { NOTIFY_FOLDER, NOTIFY_TARGET } };
#define OWN_BINDS (sizeof own_binds / sizeof own_binds[0])

static bool has_own_bind(const struct report *report, size_t index, struct stat *ret_st)
{
        return fstatat(report->dir->fd, own_binds[index].file, ret_st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void judge_own_bind(struct look *look, size_t index)
{
        const char *target = own_binds[index].target;
        struct place place;
        struct stat st;
        int r;

        if (!has_own_bind(look->report, index, &st))
                return;
        r = find_place(look, target, &place);
        if (r != 0 || !place.is_mount_root || (place.fd >= 0 && (place.st.st_dev != st.st_dev || place.st.st_ino != st.st_ino)))
                report_add(look->report, "mounts", REPORT_WEAKENED, "%s is not the file that create put there", target);
        else
                have_flags(look->report, target, &place, FLAGS);
        if (r == 0)
                expect_place(&place);
}

/* What a later entry, a mask or a read-only path lies upon, or beneath. */
static bool is_hidden(const struct report *report, const struct spec *spec, size_t index)
{
        const char *target = spec->mounts[index].target;
        struct stat st;

        for (size_t i = 0; i < OWN_BINDS; i++)
                if (strcmp(target, own_binds[i].target) == 0 && has_own_bind(report, i, &st))
                        return true;
        for (size_t i = index + 1; i < spec->n_mounts; i++)
                if (!spec->mounts[i].is_remount && policy_paths_is_in(target, spec->mounts[i].target))
                        return true;
        for (size_t i = 0; i < spec->linux_.n_masked_paths; i++)
                if (policy_paths_is_in(target, spec->linux_.masked_paths[i]))
                        return true;
        return false;
}

static uint64_t flags_at_the_end(const struct spec *spec, size_t index)
{
        const struct spec_mount *mount = &spec->mounts[index];
        uint64_t flags = (mount->attr_set | mount->attr_set_recursive) & FLAGS;

        for (size_t i = index + 1; i < spec->n_mounts; i++) {
                const struct spec_mount *later = &spec->mounts[i];

                if (!later->is_remount || strcmp(later->target, mount->target) != 0)
                        continue;
                flags &= ~(later->attr_clear | later->attr_clear_recursive);
                flags |= (later->attr_set | later->attr_set_recursive) & FLAGS;
        }
        return flags;
}

static const char *type_of(const struct report *report, const struct spec_mount *mount)
{
        if (mount->kind == SPEC_MOUNT_CGROUP)
                return report->state->is_cgroup2 ? "cgroup2" : "tmpfs";
        return mount->fstype;
}

static void judge_mount(struct look *look, size_t index)
{
        struct report *report = look->report;
        const struct sandbox *sandbox = &report->sandbox;
        const struct spec_mount *mount = &sandbox->spec.mounts[index];
        const struct sandbox_bind *bind = sandbox->binds == NULL ? NULL : &sandbox->binds[index];
        struct place place;
        int r;

        if (mount->is_remount || is_hidden(report, &sandbox->spec, index) || (bind != NULL && bind->link != NULL))
                return;
        r = find_place(look, mount->target, &place);
        if (r != 0 && look->is_by_name && !(flags_at_the_end(&sandbox->spec, index) & MOUNT_ATTR_RDONLY))
                return;         /* behind a link of the image, or covered by the build itself */
        if (r < 0) {
                report_add(report, "mounts", REPORT_UNKNOWN, "%s: %s", mount->target, error_text(r));
                return;
        }
        if (r > 0 || !place.is_mount_root)
                report_add(report, "mounts", REPORT_WEAKENED, "%s is not mounted any more", mount->target);
        else if (have_flags(report, mount->target, &place, flags_at_the_end(&sandbox->spec, index))) {
                if (mount->kind != SPEC_MOUNT_BIND && !text_is_empty(type_of(report, mount)) &&
                    strcmp(place.mount->fstype, type_of(report, mount)) != 0)
                        report_add(report, "mounts", REPORT_WEAKENED, "%s is of type %s, not %s", mount->target, place.mount->fstype,
                                   type_of(report, mount));
                else if (mount->kind == SPEC_MOUNT_BIND && place.fd >= 0 && bind != NULL && bind->is_source_known &&
                         (place.st.st_dev != bind->source_device || place.st.st_ino != bind->source_inode))
                        report_add(report, "mounts", REPORT_WEAKENED, "%s is another file than what lies at its source %s on the host",
                                   mount->target, mount->source);
        }
        if (r == 0)
                expect_place(&place);
}

/* What is to be masked or read-only: whether there is such a path. */
static bool find_guarded(struct look *look, const char *path, const char *how, struct place *ret_place)
{
        int r = find_place(look, path, ret_place);

        if (r > 0 && look->is_by_name)
                /* Not looked up: the kernel's files are the same here. */
                r = access(path, F_OK) == 0 ? -ENOENT : 1;
        if (r < 0)
                report_add(look->report, "mounts", look->is_by_name ? REPORT_WEAKENED : REPORT_UNKNOWN, "%s, to be %s: %s", path, how,
                           error_text(r));
        return r == 0;
}

static void judge_readonly(struct look *look, const char *path)
{
        struct place place;

        if (!find_guarded(look, path, "read-only", &place))
                return;
        if (!place.is_mount_root)
                report_add(look->report, "mounts", REPORT_WEAKENED, "%s is not read-only any more", path);
        else
                have_flags(look->report, path, &place, MOUNT_ATTR_RDONLY);
        expect_place(&place);
}

/* An empty folder that nobody can write to, or the null device. */
static bool is_mask(const struct place *place)
{
        struct statfs fs;

        if (place->fd < 0)
                return strcmp(place->mount->root, "/null") == 0 ||
                       (strcmp(place->mount->fstype, "tmpfs") == 0 && (place->mount->flags & MOUNT_ATTR_RDONLY));
        if (S_ISCHR(place->st.st_mode))
                return place->st.st_rdev == makedev(1, 3);
        return S_ISDIR(place->st.st_mode) && fstatfs(place->fd, &fs) == 0 && (unsigned long)fs.f_type == TMPFS_MAGIC &&
               place->mount != NULL && (place->mount->flags & MOUNT_ATTR_RDONLY) && place->st.st_nlink == 2;
}

static void judge_mask(struct look *look, const char *path)
{
        struct place place;

        if (!find_guarded(look, path, "masked", &place))
                return;
        if (!place.is_mount_root || !is_mask(&place))
                report_add(look->report, "mounts", REPORT_WEAKENED, "%s is not masked any more", path);
        expect_place(&place);
}

static void judge_root(struct look *look)
{
        const struct spec *spec = &look->report->sandbox.spec;
        struct place place;
        int r = find_place(look, "/", &place);

        if (r != 0) {
                report_add(look->report, "mounts", REPORT_UNKNOWN, "the root: %s", error_text(r > 0 ? ENOENT : r));
                return;
        }
        have_flags(look->report, "the root file system", &place,
                   MOUNT_ATTR_NODEV | (spec->is_root_readonly ? MOUNT_ATTR_RDONLY : 0));
        place.is_mount_root = true;
        expect_place(&place);
}

/* ---- and the other way round ---- */

/* Where no node can be made the host's are bound. */
static bool is_device(const struct report *report, const char *target)
{
        const struct spec_linux *linux_ = &report->sandbox.spec.linux_;

        for (size_t i = 0; i < linux_->n_devices; i++)
                if (strcmp(linux_->devices[i].path, target) == 0)
                        return host_privilege() != HOST_REAL_ROOT || report->state->is_userns_nested;
        return false;
}

/* Below an entry that brings others along. */
static bool is_brought_along(const struct report *report, const char *target)
{
        const struct spec *spec = &report->sandbox.spec;

        for (size_t i = 0; i < spec->n_mounts; i++) {
                const struct spec_mount *mount = &spec->mounts[i];

                if ((mount->kind == SPEC_MOUNT_CGROUP || (mount->kind == SPEC_MOUNT_BIND && mount->is_recursive) ||
                     (mount->propagation & MS_SLAVE)) &&
                    strcmp(target, mount->target) != 0 && policy_paths_is_in(target, mount->target))
                        return true;
        }
        for (size_t i = 0; i < spec->linux_.n_readonly_paths; i++)
                if (strcmp(target, spec->linux_.readonly_paths[i]) != 0 && policy_paths_is_in(target, spec->linux_.readonly_paths[i]))
                        return true;
        return (spec->linux_.rootfs_propagation & MS_SLAVE) != 0;
}

static void judge_surprises(struct look *look)
{
        struct report *report = look->report;
        const bool may_be_shared = policy_exceptions_find(&report->policy, "rootfs.propagation") != NULL;

        for (size_t i = 0; i < report->n_mounts; i++) {
                struct report_mount *mount = &report->mounts[i];

                if (!text_is_empty(mount->shared) && !may_be_shared)
                        report_add(report, "mounts", REPORT_WEAKENED, "%s is shared: what is mounted there shows elsewhere", mount->target);
                if (mount->is_expected || mount->is_covered || look->is_by_name)
                        continue;
                mount->is_expected = is_device(report, mount->target) || is_brought_along(report, mount->target);
                if (!mount->is_expected)
                        report_add(report, "mounts", REPORT_WEAKENED, "%s (%s from %s) was not mounted by create%s", mount->target,
                                   mount->fstype, mount->source,
                                   report->sandbox.spec.hooks[SPEC_HOOK_CREATE_CONTAINER].n > 0 ? ", or by its createContainer hooks" : "");
        }
}

static void judge_console(struct look *look)
{
        struct place place;

        if (!look->is_by_name && look->report->sandbox.spec.process.is_terminal && find_place(look, "/dev/console", &place) == 0)
                expect_place(&place);
}

void report_look_mounts(struct report *report)
{
        struct look look = { .report = report, .root_fd = UNSET_FD,
                             .is_by_name = report->policy.profile.seccomp_base == POLICY_SECCOMP_BASE_IMAGE_BUILD };
        const struct spec *spec = &report->sandbox.spec;
        auto_close int root_fd = UNSET_FD;
        int r = read_mounts(report);

        if (r < 0 || !make_index(report, &look.index)) {
                report_add(report, "mounts", REPORT_UNKNOWN, "mountinfo of init: %s", error_text(r < 0 ? r : ENOMEM));
                return;
        }
        if (!report->has_sandbox) {
                report_add(report, "mounts", REPORT_UNKNOWN, "what was to be mounted cannot be told, see policy");
                return;
        }
        root_fd = openat(report->proc_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0) {
                report_add(report, "mounts", REPORT_UNKNOWN, "the root of init: %s", error_text(errno));
                return;
        }
        look.root_fd = root_fd;
        judge_root(&look);
        for (size_t i = 0; i < spec->n_mounts; i++)
                judge_mount(&look, i);
        for (size_t i = 0; i < spec->linux_.n_readonly_paths; i++) {
                bool is_masked = false;

                for (size_t j = 0; j < spec->linux_.n_masked_paths; j++)
                        is_masked |= policy_paths_is_in(spec->linux_.readonly_paths[i], spec->linux_.masked_paths[j]);
                if (!is_masked)
                        judge_readonly(&look, spec->linux_.readonly_paths[i]);
        }
        for (size_t i = 0; i < spec->linux_.n_masked_paths; i++)
                judge_mask(&look, spec->linux_.masked_paths[i]);
        judge_console(&look);
        for (size_t i = 0; i < OWN_BINDS; i++)
                judge_own_bind(&look, i);
        judge_surprises(&look);
        report_holds(report, "mounts", "%zu, as create made them, and nothing over them", report->n_mounts);
}
