/* Finding the layers of the engine's overlay. Relative names (docker and podman use "l/ABC" where absolute ones
 * would be too long) count from the storage folder, which is found by trying: a folder counts only when every layer
 * is in it. */
#include "runtime/restack_overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"

#define MOUNTINFO_LIMIT_BYTES ((size_t)64 << 20)

/* proc_pid_mountinfo(5): the fields that matter here, unescaped. */
struct line {
        int id;
        const char *device, *root, *mount_point, *flags, *fstype, *options;
};

static bool parse_line(char *text, struct line *ret_line)
{
        char *field[6], *rest = text, *after;

        for (size_t i = 0; i < 6; i++) {
                field[i] = strsep(&rest, " ");
                if (field[i] == NULL || rest == NULL)
                        return false;
        }
        after = text_starts_with(rest, "- ") ? rest + 2 : strstr(rest, " - ");
        if (after == NULL)
                return false;
        if (after[0] == ' ')
                after += 3;
        ret_line->id = atoi(field[0]);
        ret_line->device = field[2];
        ret_line->root = field[3];
        ret_line->mount_point = field[4];
        ret_line->flags = field[5];
        ret_line->fstype = strsep(&after, " ");
        if (after == NULL || strsep(&after, " ") == NULL || after == NULL)
                return false;
        ret_line->options = after;      /* unescaped where it is taken apart */
        text_unescape_octal(field[3]);
        text_unescape_octal(field[4]);
        return true;
}

struct lines {
        struct line *all;
        size_t n;
};

static int read_lines(struct arena *arena, struct lines *ret_lines, struct error *err)
{
        auto_free char *text = NULL;
        struct lines lines = { 0 };
        size_t length, n = 1;
        char *copy, *next;
        int r;

        r = fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_LIMIT_BYTES, &text, &length);
        if (r < 0)
                return error_errno(err, r, "read /proc/self/mountinfo");
        copy = arena_string_n(arena, text, length);
        for (const char *p = text; *p != '\0'; p++)
                n += *p == '\n';
        lines.all = arena_array(arena, n, sizeof *lines.all);
        if (copy == NULL || lines.all == NULL)
                return error_errno(err, ENOMEM, "mountinfo");
        for (char *at = copy; at != NULL && *at != '\0'; at = next) {
                next = strchr(at, '\n');
                if (next != NULL)
                        *next++ = '\0';
                lines.n += parse_line(at, &lines.all[lines.n]);
        }
        *ret_lines = lines;
        return 0;
}

static bool has_word(const char *list, const char *word)
{
        size_t length = strlen(word);

        for (const char *p = list; p != NULL; p = strchr(p, ',')) {
                p += *p == ',';
                if (strncmp(p, word, length) == 0 && (p[length] == ',' || p[length] == '\0'))
                        return true;
        }
        return false;
}

/* The flags of the engine's mount; nodev is set in any case. */
static uint64_t read_attributes(const struct line *line)
{
        static const struct { const char *word; uint64_t attribute; } known[] = {
                { "ro", MOUNT_ATTR_RDONLY }, { "nosuid", MOUNT_ATTR_NOSUID }, { "nodev", MOUNT_ATTR_NODEV },
                { "noexec", MOUNT_ATTR_NOEXEC }, { "nosymfollow", MOUNT_ATTR_NOSYMFOLLOW },
                { "noatime", MOUNT_ATTR_NOATIME }, { "nodiratime", MOUNT_ATTR_NODIRATIME },
        };
        uint64_t attributes = 0;

        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
                if (has_word(line->flags, known[i].word))
                        attributes |= known[i].attribute;
        if (has_word(line->options, "ro"))
                attributes |= MOUNT_ATTR_RDONLY;
        return attributes;
}

static int mount_id_of(int fd, int *ret_id)
{
        struct statx st;

        if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
                return -errno;
        if (!(st.stx_mask & STATX_MNT_ID))
                return -EOPNOTSUPP;
        *ret_id = (int)st.stx_mnt_id;
        return 0;
}

static const char *real_path_of(struct arena *arena, int fd)
{
        char link[64], path[PATH_MAX];
        ssize_t n;

        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof path);
        return n <= 0 || (size_t)n >= sizeof path || path[0] != '/' ? NULL : arena_string_n(arena, path, (size_t)n);
}

/* The folder above @path, in place of it. */
static char *parent_of(struct arena *arena, const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash == NULL ? NULL : arena_string_n(arena, path, slash == path ? 1 : (size_t)(slash - path));
}

static bool is_base(const char *base, const struct restack_text *text)
{
        auto_close int fd = base == NULL ? UNSET_FD : open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat st;

        if (fd < 0)
                return false;
        for (size_t i = 0; i < text->n_lower; i++)
                if (fstatat(fd, text->lower[i], &st, 0) < 0 || !S_ISDIR(st.st_mode))
                        return false;
        return text->upper == NULL || (fstatat(fd, text->upper, &st, 0) == 0 && S_ISDIR(st.st_mode));
}

static bool has_relative(const struct restack_text *text)
{
        for (size_t i = 0; i < text->n_lower; i++)
                if (text->lower[i][0] != '/')
                        return true;
        return text->upper != NULL && text->upper[0] != '/';
}

/* Where relative names count from: the engines change to their storage folder before mounting. containerd's has
 * N/fs, docker's and podman's have ID/diff and ID/merged; so it is two folders above the upper layer or a
 * mountpoint, or one. */
static const char *find_base(struct arena *arena, const struct restack_text *text, const char *device,
                             const struct lines *lines)
{
        const char *place;

        /* The mount may be seen in several places: a bind of it elsewhere tells nothing. */
        for (size_t i = 0; i <= lines->n; i++) {
                if (i > 0 && strcmp(lines->all[i - 1].device, device) != 0)
                        continue;
                place = i > 0 ? lines->all[i - 1].mount_point : text->upper;
                for (int up = 0; up < 2 && place != NULL && place[0] == '/'; up++) {
                        place = parent_of(arena, place);
                        if (is_base(place, text))
                                return place;
                }
        }
        return NULL;
}

struct layers {
        struct restack_mount mounts[64];
        size_t n_mounts;
};

/* The longest folder above both. */
static const char *common(struct arena *arena, const char *a, const char *b)
{
        size_t same = 0, i;

        for (i = 0; a[i] == b[i] && a[i] != '\0'; i++)
                if (a[i] == '/')
                        same = i;
        if ((a[i] == '\0' || a[i] == '/') && (b[i] == '\0' || b[i] == '/'))
                same = i;
        return arena_string_n(arena, a, same == 0 ? 1 : same);
}

static int add_layer(struct arena *arena, struct layers *layers, const char *base, const char *name, bool is_upper,
                     struct restack_layer *ret_layer, struct error *err)
{
        const char *path = name[0] == '/' ? name : arena_format(arena, "%s/%s", base, name), *folder;
        auto_close int fd = path == NULL ? UNSET_FD : open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat st;
        size_t i;
        int id = -1, r;

        /* An fd of the process that mounted it; ours of that number is something else. */
        if (text_starts_with(name, "/proc/") || text_starts_with(name, "/dev/fd/"))
                return error_set(err, EOPNOTSUPP, "its layer %s is named by an fd that its mounter had: let the engine map "
                                 "the ids (podman --userns=auto, Kubernetes hostUsers: false, docker userns-remap)", name);
        if (fd < 0)
                return error_errno(err, path == NULL ? ENOMEM : errno, "open its layer %s", name);
        r = mount_id_of(fd, &id);
        if (r == 0 && fstat(fd, &st) < 0)
                r = -errno;
        if (r < 0)
                return error_errno(err, r, "statx its layer %s", path);
        path = real_path_of(arena, fd);
        if (path == NULL)
                return error_set(err, ENOENT, "its layer %s has no path", name);
        /* Beside the upper layer lies our work folder: the clone begins above it. */
        folder = is_upper ? parent_of(arena, path) : path;
        if (folder == NULL)
                return error_errno(err, ENOMEM, "layers");
        for (i = 0; i < layers->n_mounts && layers->mounts[i].id != id; i++)
                ;
        if (i == sizeof layers->mounts / sizeof layers->mounts[0])
                return error_set(err, E2BIG, "its layers lie on more than %zu mounts", i);
        if (i == layers->n_mounts)
                layers->mounts[layers->n_mounts++] = (struct restack_mount){ id, folder };
        else
                layers->mounts[i].folder = common(arena, layers->mounts[i].folder, folder);
        if (layers->mounts[i].folder == NULL)
                return error_errno(err, ENOMEM, "layers");
        *ret_layer = (struct restack_layer){ path, i, st.st_dev, st.st_ino };
        return 0;
}

static int plan_layers(struct arena *arena, const struct restack_text *text, const char *base, const char *token,
                       struct restack_overlay *overlay, struct error *err)
{
        /* Read-only, or with an upper layer of our own: the engine's becomes the topmost lower one. Nothing is made beside it,
         * and no upper layer is mounted twice. */
        bool is_lowered = text->upper != NULL && ((overlay->attributes & MOUNT_ATTR_RDONLY) != 0 || overlay->upper_bytes > 0);
        struct restack_layer *lower = arena_array(arena, text->n_lower + is_lowered, sizeof *lower);
        struct layers *layers = arena_new(arena, struct layers);
        int r = 0;

        if (lower == NULL || layers == NULL)
                return error_errno(err, ENOMEM, "layers");
        if (is_lowered)
                r = add_layer(arena, layers, base, text->upper, false, &lower[0], err);
        for (size_t i = 0; i < text->n_lower && r == 0; i++)
                r = add_layer(arena, layers, base, text->lower[i], false, &lower[i + is_lowered], err);
        if (r == 0 && text->upper != NULL && !is_lowered)
                r = add_layer(arena, layers, base, text->upper, true, &overlay->upper, err);
        if (r < 0)
                return r;
        overlay->lower = lower;
        overlay->n_lower = text->n_lower + is_lowered;
        overlay->n_data = text->n_data;
        overlay->has_upper = text->upper != NULL && !is_lowered;
        overlay->mounts = layers->mounts;
        overlay->n_mounts = layers->n_mounts;
        if (overlay->has_upper) {
                overlay->work = arena_format(arena, "%s/runb-work-%s", parent_of(arena, overlay->upper.path), token);
                if (overlay->work == NULL)
                        return error_errno(err, ENOMEM, "layers");
        }
        return 0;
}

/* What a mount without an upper layer may have: it follows redirects but makes none. */
static bool adapt_option(const struct restack_overlay *overlay, struct restack_option *option)
{
        if (overlay->has_upper || overlay->upper_bytes > 0)
                return true;
        if (strcmp(option->key, "redirect_dir") == 0 && option->value != NULL && strcmp(option->value, "on") == 0)
                option->value = "follow";
        return strcmp(option->key, "uuid") != 0 && strcmp(option->key, "volatile") != 0;
}

static int plan_options(struct arena *arena, const struct restack_text *text, struct restack_overlay *overlay,
                        struct error *err)
{
        struct restack_option *options = arena_array(arena, text->n_options, sizeof *options);

        if (options == NULL)
                return error_errno(err, ENOMEM, "options");
        for (size_t i = 0; i < text->n_options; i++) {
                options[overlay->n_options] = text->options[i];
                overlay->n_options += adapt_option(overlay, &options[overlay->n_options]);
        }
        overlay->options = options;
        return 0;
}

/* @path below @folder, without a leading slash; NULL: it is not below. */
static const char *path_below(const char *path, const char *folder)
{
        size_t length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

        if (strncmp(path, folder, length) != 0 || (path[length] != '/' && path[length] != '\0'))
                return NULL;
        return path[length] == '/' ? path + length + 1 : path + length;
}

/* Shorter first, which no mount is than the one that it lies on; of one place in the order of the list: its lines, which the
 * names point into. */
static int compare_submounts(const void *a, const void *b)
{
        const struct restack_submount *one = a, *other = b;
        size_t length = strlen(one->path), other_length = strlen(other->path);

        if (length != other_length)
                return length < other_length ? -1 : 1;
        return one->path < other->path ? -1 : one->path > other->path;
}

static int plan_submounts(struct arena *arena, const struct lines *lines, const char *rootfs, struct restack_overlay *overlay,
                          struct error *err)
{
        struct restack_submount *submounts = arena_array(arena, lines->n, sizeof *submounts);

        if (submounts == NULL)
                return error_errno(err, ENOMEM, "mounts");
        for (size_t i = 0; i < lines->n; i++) {
                const char *path = lines->all[i].mount_point, *below = path_below(path, rootfs);

                if (below != NULL && *below != '\0')
                        submounts[overlay->n_submounts++] = (struct restack_submount){ path, below };
        }
        /* Since Linux 6.8 the list has the order in which the mounts were made, not that in which they were attached. */
        if (overlay->n_submounts > 1)
                qsort(submounts, overlay->n_submounts, sizeof *submounts, compare_submounts);
        overlay->submounts = submounts;
        return 0;
}

/* @rootfs: real path. */
static int plan_places(struct arena *arena, const struct lines *lines, const struct line *line, const char *rootfs,
                       struct restack_overlay *overlay, struct error *err)
{
        const char *below = path_below(rootfs, line->mount_point);

        if (below == NULL)
                return error_set(err, ESTALE, "it is not at %s any more", line->mount_point);
        overlay->subfolder = arena_format(arena, "%s%s%s", line->root,
                                          *below == '\0' || line->root[1] == '\0' ? "" : "/", below);
        if (overlay->subfolder == NULL)
                return error_errno(err, ENOMEM, "mounts");
        return plan_submounts(arena, lines, rootfs, overlay, err);
}

/* A rootfs that is no overlay, or one whose ids are right as they are: its tree is the one layer below ours. */
static int plan_one_layer(struct arena *arena, const struct lines *lines, const char *rootfs, struct restack_overlay *overlay,
                          struct error *err)
{
        struct restack_layer *lower = arena_new(arena, struct restack_layer);
        struct layers *layers = arena_new(arena, struct layers);
        int r;

        if (lower == NULL || layers == NULL)
                return error_errno(err, ENOMEM, "layers");
        r = add_layer(arena, layers, NULL, rootfs, false, lower, err);
        if (r < 0)
                return r;
        overlay->lower = lower;
        overlay->n_lower = 1;
        overlay->mounts = layers->mounts;
        overlay->n_mounts = layers->n_mounts;
        overlay->subfolder = "/";
        return plan_submounts(arena, lines, rootfs, overlay, err);
}

int restack_overlay_plan(struct arena *arena, int rootfs_fd, const struct restack_request *request, bool is_stacked,
                         const struct restack_overlay **ret_overlay, struct error *err)
{
        const char *rootfs = request->rootfs;
        struct restack_overlay *overlay = arena_new(arena, struct restack_overlay);
        struct restack_text *text = arena_new(arena, struct restack_text);
        const char *real = real_path_of(arena, rootfs_fd), *base = NULL;
        const struct line *line = NULL;
        struct lines lines = { 0 };
        int id, r;

        if (overlay == NULL || text == NULL)
                return error_errno(err, ENOMEM, "layers");
        if (real == NULL)
                return error_set(err, ENOENT, "%s has no path", rootfs);
        r = mount_id_of(rootfs_fd, &id);
        if (r < 0)
                return error_errno(err, r, "statx %s", rootfs);
        r = read_lines(arena, &lines, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < lines.n; i++)
                if (lines.all[i].id == id)
                        line = &lines.all[i];
        if (line == NULL || (is_stacked && strcmp(line->fstype, "overlay") != 0))
                return error_set(err, ENOENT, "the %smount of %s is not in /proc/self/mountinfo", is_stacked ? "overlay " : "",
                                 rootfs);
        overlay->attributes = read_attributes(line);
        overlay->is_mapped = request->is_mapped;
        overlay->upper_bytes = request->upper_bytes;
        overlay->is_user_xattr = request->is_unprivileged;
        if (!is_stacked) {
                r = plan_one_layer(arena, &lines, real, overlay, err);
                if (r == 0)
                        *ret_overlay = overlay;
                return r;
        }
        r = restack_parse_options(arena, line->options, text, err);
        if (r < 0)
                return error_context(err, "the overlay mount of %s", rootfs);
        if (has_relative(text) && !restack_storage_name_layers(arena, text, &base)) {
                base = find_base(arena, text, line->device, &lines);
                if (base == NULL)
                        return error_set(err, ENOENT, "the overlay mount of %s names its layers (%s) relative to a folder "
                                         "that cannot be found; mount it with absolute names", rootfs, text->lower[0]);
        }
        r = plan_layers(arena, text, base, request->token, overlay, err);
        if (r == 0)
                r = plan_options(arena, text, overlay, err);
        if (r == 0)
                r = plan_places(arena, &lines, line, real, overlay, err);
        if (r < 0)
                return error_context(err, "the overlay mount of %s", rootfs);
        *ret_overlay = overlay;
        return 0;
}
