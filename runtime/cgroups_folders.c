/* The folders of a container's cgroup and their files: opening, reading, writing, whose they are.
 *
 * Folders are walked through no link and into no other mount; a hierarchy's root is never one of ours. What an update
 * has written is kept in a journal until the last write has passed. */
#include "runtime/cgroups_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"

bool cgroup_has_file(int fd, const char *file)
{
        return faccessat(fd, file, F_OK, 0) == 0;
}

bool cgroup_list_has(const char *list, const char *word)
{
        size_t length = strlen(word), n;

        for (const char *p = list; *p != '\0'; p += n) {
                p += strspn(p, " \n");
                n = strcspn(p, " \n");
                if (n == length && memcmp(p, word, n) == 0)
                        return true;
        }
        return false;
}

int cgroup_open_folder(int dir_fd, const char *path)
{
        return sys_openat2(dir_fd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0,
                           RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | (dir_fd >= 0 ? RESOLVE_BENEATH | RESOLVE_NO_XDEV : 0));
}

int cgroup_check_folder(int fd, const char *path, bool *ret_is_v2, struct error *err)
{
        struct statfs fs;

        if (fstatfs(fd, &fs) < 0)
                return error_errno(err, errno, "statfs %s", path);
        if (fs.f_type != CGROUP2_SUPER_MAGIC && fs.f_type != CGROUP_SUPER_MAGIC)
                return error_set(err, EINVAL, "%s does not lie on a cgroup file system", path);
        *ret_is_v2 = fs.f_type == CGROUP2_SUPER_MAGIC;
        return 0;
}

int cgroup_set_open(const char *const *paths, size_t n_paths, struct cgroup_set *ret_set, struct error *err)
{
        struct statx about;
        int r;

        ret_set->n = 0;
        if (n_paths > CGROUPS_MAX)
                return error_set(err, E2BIG, "%zu cgroup folders, more than %d", n_paths, CGROUPS_MAX);
        for (size_t i = 0; i < n_paths; i++) {
                struct cgroup_folder folder = { .path = paths[i] };

                if (paths[i][0] != '/' || strstr(paths[i], "/../") != NULL)
                        return error_set(err, EINVAL, "\"%s\" is not a normalised cgroup folder", paths[i]);
                folder.fd = cgroup_open_folder(AT_FDCWD, paths[i]);
                if (folder.fd < 0 && (errno == ENOENT || errno == ENOTDIR))
                        continue;
                if (folder.fd < 0)
                        return error_errno(err, errno, "open %s", paths[i]);
                ret_set->folders[ret_set->n++] = folder;
                r = cgroup_check_folder(folder.fd, folder.path, &ret_set->folders[ret_set->n - 1].is_v2, err);
                if (r < 0)
                        return r;
                /* A hierarchy's root holds the whole machine: never to be frozen, killed or limited by us. */
                if (statx(folder.fd, "", AT_EMPTY_PATH, STATX_TYPE, &about) < 0)
                        return error_errno(err, errno, "statx %s", folder.path);
                if (about.stx_attributes & STATX_ATTR_MOUNT_ROOT)
                        return error_set(err, EINVAL, "%s is the root of a cgroup hierarchy, not a container's", folder.path);
        }
        return 0;
}

bool cgroups_can_enter(const char *path)
{
        auto_arena struct arena arena = { 0 };
        auto_free char *self_cgroup = NULL;
        const char *own, *inner = cgroups_below(path, CGROUP_ROOT), *procs;
        size_t same = 0;

        if (inner == NULL || fd_read_file(AT_FDCWD, "/proc/self/cgroup", CGROUP_FILE_LIMIT_BYTES, &self_cgroup, NULL) < 0)
                return true;
        own = cgroups_own_path(self_cgroup, "", &arena);
        if (own == NULL || strncmp(own, "/..", 3) == 0)
                return true;
        own += strspn(own, "/");
        /* The last one above both, whose cgroup.procs has to be writable beside the target's. */
        for (size_t i = 0;; i++) {
                const bool is_end = own[i] == '\0' || own[i] == '/', is_inner_end = inner[i] == '\0' || inner[i] == '/';

                if (is_end && is_inner_end)
                        same = i;
                if (own[i] != inner[i] || own[i] == '\0')
                        break;
        }
        procs = arena_format(&arena, CGROUP_ROOT "/%.*s%scgroup.procs", (int)same, inner, same > 0 ? "/" : "");
        return procs == NULL || faccessat(AT_FDCWD, procs, W_OK, AT_EACCESS) == 0;
}

void cgroup_set_close(struct cgroup_set *set)
{
        for (size_t i = 0; i < set->n; i++)
                auto_close_cleanup(&set->folders[i].fd);
        set->n = 0;
}

const struct cgroup_folder *cgroup_set_find(const struct cgroup_set *set, const char *file)
{
        for (int want_v2 = 0; want_v2 < 2; want_v2++)
                for (size_t i = 0; i < set->n; i++)
                        if (set->folders[i].is_v2 == (want_v2 == 1) && cgroup_has_file(set->folders[i].fd, file))
                                return &set->folders[i];
        return NULL;
}

/* xattr(7): trusted ones ask for CAP_SYS_ADMIN of the initial user namespace; user ones work on v2 since Linux 5.7. */
static const char *const mark_names[] = { "trusted.runb", "user.runb" };

static const char *const mark_values[] = {
        [CGROUP_MARK_OWN] = "own", [CGROUP_MARK_SHARED] = "shared", [CGROUP_MARK_FOREIGN] = "foreign",
};

enum cgroup_mark cgroup_mark_read(int fd)
{
        char name[64], value[16];
        bool is_unknown = false;
        ssize_t n;

        /* An O_PATH fd has no attribute calls of its own; its /proc name has. */
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        for (size_t i = 0; i < 2; i++) {
                n = getxattr(name, mark_names[i], value, sizeof value);
                for (enum cgroup_mark mark = CGROUP_MARK_OWN; mark <= CGROUP_MARK_FOREIGN; mark++)
                        if (n == (ssize_t)strlen(mark_values[mark]) && memcmp(value, mark_values[mark], (size_t)n) == 0)
                                return mark;
                if (n < 0 && errno != ENODATA)
                        is_unknown = true;
        }
        return is_unknown ? CGROUP_MARK_UNKNOWN : CGROUP_MARK_NONE;
}

void cgroup_mark_write(int fd, enum cgroup_mark mark)
{
        char name[64];

        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        for (size_t i = 0; i < 2; i++)
                if (setxattr(name, mark_names[i], mark_values[mark], strlen(mark_values[mark]), 0) == 0)
                        return;
}

int cgroup_read(const struct cgroup_folder *folder, const char *file, char **ret_text)
{
        return fd_read_file(folder->fd, file, CGROUP_FILE_LIMIT_BYTES, ret_text, NULL);
}

int cgroup_read_number(const struct cgroup_folder *folder, const char *file, uint64_t *ret_value)
{
        auto_free char *text = NULL;
        int r = cgroup_read(folder, file, &text);

        if (r < 0)
                return r;
        text[strcspn(text, "\n")] = '\0';
        return text_to_u64(text, ret_value);
}

bool cgroup_is_populated(const struct cgroup_folder *folder)
{
        auto_free char *text = NULL;

        if (folder->is_v2)
                return cgroup_read(folder, "cgroup.events", &text) == 0 && strstr(text, "populated 1") != NULL;
        return cgroup_read(folder, "cgroup.procs", &text) == 0 && text[0] != '\0';
}

/* What to write to have back what @value changes. Files of one line a device keep those of others, and have none of a device
 * that nothing was set for. Cuts @old; the caller frees what is returned. */
static char *text_to_undo(const char *file, const char *value, char *old)
{
        static const char none[][48] = { "0", "rbps=max wbps=max riops=max wiops=max" };
        const bool is_io = strcmp(file, "io.max") == 0;
        const size_t length = strcspn(value, " ");
        char *line, *rest = old, *text;

        if (strcmp(file, "memory.oom_control") == 0) {
                line = strpbrk(old, "0123456789");
                return strdup(line != NULL && *line == '1' ? "1" : "0");
        }
        if (!is_io && strncmp(file, "blkio.throttle.", strlen("blkio.throttle.")) != 0)
                return strdup(old);
        while ((line = strsep(&rest, "\n")) != NULL)
                if (strncmp(line, value, length) == 0 && line[length] == ' ')
                        return strdup(line);
        return asprintf(&text, "%.*s %s", (int)length, value, none[is_io]) < 0 ? NULL : text;
}

static void journal_note(struct cgroup_journal *journal, const struct cgroup_folder *at, const char *file, const char *value)
{
        auto_free char *old = NULL;
        char *text;

        if (journal->n == sizeof journal->entries / sizeof *journal->entries || strlen(file) >= sizeof journal->entries->file ||
            cgroup_read(at, file, &old) < 0)
                return;
        text = text_to_undo(file, value, old);
        if (text == NULL)
                return;
        journal->entries[journal->n].at = at;
        strcpy(journal->entries[journal->n].file, file);
        journal->entries[journal->n++].old = text;
}

/* Writes back, the last one first; twice, since a value can have to wait for another one (memory and memory+swap). */
void cgroup_journal_undo(const struct cgroup_journal *journal)
{
        for (int pass = 0; pass < 2; pass++) {
                for (size_t i = journal->n; i > 0; i--) {
                        auto_free char *lines = strdup(journal->entries[i - 1].old);
                        char *rest = NULL;

                        for (char *line = lines == NULL ? NULL : strtok_r(lines, "\n", &rest); line != NULL;
                             line = strtok_r(NULL, "\n", &rest))
                                fd_write_file(journal->entries[i - 1].at->fd, journal->entries[i - 1].file, line);
                }
        }
}

void cgroup_journal_end(struct cgroup_journal *journal)
{
        for (size_t i = 0; i < journal->n; i++)
                free(journal->entries[i].old);
        journal->n = 0;
}

static int note_wish(const struct cgroup_folder *folder, const char *property, const char *file, const char *value, struct error *err)
{
        struct cgroup_wishes *wishes = folder->wishes;
        struct cgroup_wish *wish = arena_new(wishes->arena, struct cgroup_wish);

        if (wish != NULL)
                *wish = (struct cgroup_wish){ folder, arena_string(wishes->arena, file), arena_string(wishes->arena, value), NULL };
        if (wish == NULL || wish->file == NULL || wish->value == NULL)
                return error_errno(err, ENOMEM, "linux.resources.%s", property);
        if (wishes->last != NULL)
                wishes->last->next = wish;
        else
                wishes->first = wish;
        wishes->last = wish;
        return 0;
}

int cgroup_write(const struct cgroup_folder *folder, const char *property, const char *file, const char *value,
                 struct error *err)
{
        int r;

        if (folder->wishes != NULL)
                return note_wish(folder, property, file, value, err);
        if (folder->journal != NULL)
                journal_note(folder->journal, folder, file, value);
        r = fd_write_file(folder->fd, file, value);

        /* Not the errno's words: engines take "no such file" for a missing program. */
        if (r == -ENOENT)
                return error_set(err, ENOENT, "linux.resources.%s: this kernel has no %s in %s", property, file, folder->path);
        if (r < 0)
                return error_errno(err, r, "linux.resources.%s: write %s to %s/%s", property, value, folder->path, file);
        return 0;
}

int cgroup_write_number(const struct cgroup_folder *folder, const char *property, const char *file, int64_t value,
                        struct error *err)
{
        char text[24];

        snprintf(text, sizeof text, "%lld", (long long)value);
        return cgroup_write(folder, property, file, text, err);
}

void cgroups_remove_groups(const char *const *paths, size_t n_paths)
{
        for (size_t i = 0; i < n_paths; i++) {
                char above[PATH_MAX];
                const char *end = strrchr(paths[i], '/'), *name;

                if (end == NULL || (size_t)(end - paths[i]) >= sizeof above)
                        continue;
                memcpy(above, paths[i], (size_t)(end - paths[i]));
                above[end - paths[i]] = '\0';
                name = strrchr(above, '/');
                /* EBUSY, ENOTEMPTY: there are others. */
                if (name != NULL && strncmp(name + 1, CGROUP_GROUP_PREFIX, strlen(CGROUP_GROUP_PREFIX)) == 0)
                        rmdir(above);
        }
}
