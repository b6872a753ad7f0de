/* Finding the layers of the engine's overlay. Relative names (docker and podman use "l/ABC" where absolute ones would be too
 * long) count from the storage folder, which is found by trying: a folder counts only when every layer is in it. */
#include "runtime/restack_overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"

#define MOUNTINFO_LIMIT_BYTES ((size_t)64 << 20)

/* proc_pid_mountinfo(5): the fields that matter here, unescaped. */
struct line {
        int id;
        const char *device, *root, *mount_point, *fstype, *options;
};

static void unescape(char *text)
{
        char *out = text;

        for (const char *in = text; *in != '\0'; in++) {
                if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] != '\0' && in[3] != '\0') {
                        *out++ = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
                        in += 3;
                } else {
                        *out++ = *in;
                }
        }
        *out = '\0';
}

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
        ret_line->fstype = strsep(&after, " ");
        if (after == NULL || strsep(&after, " ") == NULL || after == NULL)
                return false;
        ret_line->options = after;      /* unescaped where it is taken apart */
        unescape(field[3]);
        unescape(field[4]);
        return true;
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

/* Where relative names count from: two folders above <storage>/<id>/diff or <storage>/<id>/merged. */
static const char *find_base(struct arena *arena, const struct restack_text *text, const char *device, char *mountinfo)
{
        char *candidate, *next;
        struct line line;

        if (text->upper != NULL && text->upper[0] == '/') {
                candidate = parent_of(arena, text->upper);
                candidate = candidate == NULL ? NULL : parent_of(arena, candidate);
                if (is_base(candidate, text))
                        return candidate;
        }
        /* The mount may be seen in several places: a bind of it elsewhere tells nothing. */
        for (char *at = mountinfo; at != NULL && *at != '\0'; at = next) {
                next = strchr(at, '\n');
                if (next != NULL)
                        *next++ = '\0';
                if (!parse_line(at, &line) || strcmp(line.device, device) != 0)
                        continue;
                candidate = parent_of(arena, line.mount_point);
                candidate = candidate == NULL ? NULL : parent_of(arena, candidate);
                if (is_base(candidate, text))
                        return candidate;
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
        size_t i;
        int id, r;

        if (fd < 0)
                return error_errno(err, path == NULL ? ENOMEM : errno, "open its layer %s", name);
        r = mount_id_of(fd, &id);
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
        *ret_layer = (struct restack_layer){ path, i };
        return 0;
}

static int plan_layers(struct arena *arena, const struct restack_text *text, const char *base, const char *token,
                       struct restack_overlay *overlay, struct error *err)
{
        struct restack_layer *lower = arena_array(arena, text->n_lower, sizeof *lower);
        struct layers *layers = arena_new(arena, struct layers);
        int r = 0;

        if (lower == NULL || layers == NULL)
                return error_errno(err, ENOMEM, "layers");
        for (size_t i = 0; i < text->n_lower && r == 0; i++)
                r = add_layer(arena, layers, base, text->lower[i], false, &lower[i], err);
        if (r == 0 && text->upper != NULL)
                r = add_layer(arena, layers, base, text->upper, true, &overlay->upper, err);
        if (r < 0)
                return r;
        overlay->lower = lower;
        overlay->n_lower = text->n_lower;
        overlay->n_data = text->n_data;
        overlay->has_upper = text->upper != NULL;
        overlay->mounts = layers->mounts;
        overlay->n_mounts = layers->n_mounts;
        if (overlay->has_upper) {
                overlay->work = arena_format(arena, "%s/runb-work-%s", parent_of(arena, overlay->upper.path), token);
                if (overlay->work == NULL)
                        return error_errno(err, ENOMEM, "layers");
        }
        return 0;
}

int restack_overlay_plan(struct arena *arena, int rootfs_fd, const char *rootfs, const char *token,
                         const struct restack_overlay **ret_overlay, struct error *err)
{
        struct restack_overlay *overlay = arena_new(arena, struct restack_overlay);
        struct restack_text *text = arena_new(arena, struct restack_text);
        struct restack_option *options;
        auto_free char *mountinfo = NULL;
        auto_free char *again = NULL;
        struct line line = { .id = -1 };
        const char *base = NULL, *real;
        char *next;
        size_t length;
        int id, r;

        if (overlay == NULL || text == NULL)
                return error_errno(err, ENOMEM, "layers");
        r = mount_id_of(rootfs_fd, &id);
        if (r < 0)
                return error_errno(err, r, "statx %s", rootfs);
        r = fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_LIMIT_BYTES, &mountinfo, &length);
        if (r < 0)
                return error_errno(err, r, "read /proc/self/mountinfo");
        again = strdup(mountinfo);
        if (again == NULL)
                return error_errno(err, ENOMEM, "mountinfo");
        for (char *at = mountinfo; at != NULL && *at != '\0'; at = next) {
                next = strchr(at, '\n');
                if (next != NULL)
                        *next++ = '\0';
                if (atoi(at) == id && parse_line(at, &line))
                        break;
                line.id = -1;
        }
        if (line.id != id || strcmp(line.fstype, "overlay") != 0)
                return error_set(err, ENOENT, "the overlay mount of %s is not in /proc/self/mountinfo", rootfs);
        r = restack_parse_options(arena, line.options, text, err);
        if (r < 0)
                return error_context(err, "the overlay mount of %s", rootfs);
        if (has_relative(text)) {
                base = find_base(arena, text, line.device, again);
                if (base == NULL)
                        return error_set(err, ENOENT, "the overlay mount of %s names its layers (%s) relative to a folder that "
                                         "cannot be found; mount it with absolute names", rootfs, text->lower[0]);
        }
        r = plan_layers(arena, text, base, token, overlay, err);
        if (r < 0)
                return error_context(err, "the overlay mount of %s", rootfs);
        real = real_path_of(arena, rootfs_fd);
        overlay->subfolder = "/";
        if (real != NULL && text_starts_with(real, line.mount_point) && strcmp(real, line.mount_point) != 0)
                overlay->subfolder = arena_format(arena, "%s%s", strcmp(line.root, "/") == 0 ? "" : line.root,
                                                  real + (strcmp(line.mount_point, "/") == 0 ? 0 : strlen(line.mount_point)));
        else if (strcmp(line.root, "/") != 0)
                overlay->subfolder = arena_string(arena, line.root);
        options = arena_array(arena, text->n_options, sizeof *options);
        if (options == NULL || overlay->subfolder == NULL)
                return error_errno(err, ENOMEM, "options");
        memcpy(options, text->options, text->n_options * sizeof *options);
        overlay->options = options;
        overlay->n_options = text->n_options;
        *ret_overlay = overlay;
        return 0;
}
