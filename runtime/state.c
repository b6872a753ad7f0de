/* The record of a container and the locks around it.
 *
 * Everything that a container owns is named in ROOT/<id>/state.json before it is made, so that whatever a kill -9
 * leaves can be found and undone. The file is replaced by rename(2): readers, who take no lock, see the old record or
 * the whole new one. Writers hold a lock on ROOT/<id>/lock; it belongs to the process alone, so no init or hook keeps
 * it.
 *
 * Withstands: ids that are paths ("..", "a/b"), links in the place of a container's folder, a ROOT that somebody else
 * owns or may write to, and pids that have been used again. */
#include "runtime/state.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "oci-spec/reader.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/lock.h"
#include "runtime/userns.h"

/* A command that holds a container's lock for longer hangs: in a hook without a time limit, or stopped. */
#define LOCK_TIMEOUT_MS 30000

/* ---- where ---- */

int state_runtime_folder(struct arena *arena, const char **ret_folder, struct error *err)
{
        const char *folder = getenv("XDG_RUNTIME_DIR");

        /* The host's root keeps to /run, since engines run some commands with the variable and others without it. */
        if (text_is_empty(folder) || (geteuid() == 0 && userns_is_initial())) {
                *ret_folder = "/run/runb";
                return 0;
        }
        if (folder[0] != '/')
                return error_set(err, EINVAL, "XDG_RUNTIME_DIR is \"%s\", which is not an absolute path", folder);
        *ret_folder = arena_format(arena, "%s/runb", folder);
        return *ret_folder != NULL ? 0 : error_errno(err, ENOMEM, "XDG_RUNTIME_DIR");
}

int state_default_root(struct arena *arena, const char **ret_root, struct error *err)
{
        const char *folder;
        int r;

        r = state_runtime_folder(arena, &folder, err);
        if (r < 0)
                return r;
        *ret_root = arena_format(arena, "%s/containers", folder);
        return *ret_root != NULL ? 0 : error_errno(err, ENOMEM, "the state folder");
}

int state_check_id(const char *id, struct error *err)
{
        static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
        size_t length = id == NULL ? 0 : strlen(id);
        struct reader_quoted quoted;

        /* Quoted without what a terminal would obey, and in part: an id comes from whoever asks. */
        if (length == 0)
                return error_set(err, EINVAL, "invalid container id: it is empty");
        if (length > 255)
                return error_set(err, EINVAL, "invalid container id: %zu bytes are more than 255", length);
        if (strchr(word, id[0]) == NULL)
                return error_set(err, EINVAL, "invalid container id %s: it has to begin with a letter, a digit or _",
                                 reader_quote(&quoted, id));
        for (const char *p = id; *p != '\0'; p++)
                if (strchr(word, *p) == NULL && strchr(".+-", *p) == NULL)
                        return error_set(err, EINVAL,
                                         "invalid container id %s: only letters, digits and _ . + - may be in it",
                                         reader_quote(&quoted, id));
        return 0;
}

/* Refuses a folder in which somebody else could have put, or can exchange, a container's folder. */
static int check_root(const char *root, int root_fd, struct error *err)
{
        struct stat st;

        if (fstat(root_fd, &st) < 0)
                return error_errno(err, errno, "state folder %s", root);
        if (st.st_uid != geteuid())
                return error_set(err, EPERM,
                                 "state folder %s belongs to user %u and not to the caller (user %u): choose another "
                                 "with --root", root, st.st_uid, geteuid());
        if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (st.st_mode & S_ISVTX) == 0)
                return error_set(err, EPERM,
                                 "state folder %s may be written by others (mode %04o): chmod 0700 it, or choose "
                                 "another with --root", root, st.st_mode & 07777);
        return 0;
}

/* A plain user's mistake as a rule: another user's containers, or no folder of his own to begin with. */
static int fail_root(const char *root, const char *verb, int code, struct error *err)
{
        bool is_default = text_starts_with(root, "/run/runb/") && (geteuid() != 0 || !userns_is_initial());

        if (code != EACCES && code != -EACCES)
                return error_errno(err, code, "%sstate folder %s", verb, root);
        return error_set(err, EACCES, "%sstate folder %s: permission denied; %s", verb, root,
                         is_default ? "set XDG_RUNTIME_DIR, or name a folder of your own with --root" :
                                      "call runb as the user who made its containers, or choose another folder with --root");
}

static int open_root(const char *root, int *ret_fd, struct error *err)
{
        auto_close int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r;

        if (fd < 0)
                return fail_root(root, "", errno, err);
        r = check_root(root, fd, err);
        if (r < 0)
                return r;
        *ret_fd = take_fd(&fd);
        return 0;
}

static int make_root(const char *root, struct error *err)
{
        char parent[PATH_MAX];
        char *slash;
        int r;

        if (strlen(root) >= sizeof parent)
                return error_errno(err, ENAMETOOLONG, "state folder");
        strcpy(parent, root);
        for (size_t end = strlen(parent); end > 1 && parent[end - 1] == '/'; end--)
                parent[end - 1] = '\0';
        slash = strrchr(parent, '/');
        if (slash != NULL && slash != parent) {
                *slash = '\0';
                r = fd_make_folders(parent, 0711);
                if (r < 0)
                        return fail_root(root, "make ", r, err);
        }
        if (mkdir(root, 0700) < 0 && errno != EEXIST)
                return fail_root(root, "make ", errno, err);
        /* XDG base directory specification: what shall survive the clean-up of $XDG_RUNTIME_DIR has the sticky bit. */
        if (geteuid() != 0 || !userns_is_initial())
                chmod(root, 01700);
        return 0;
}

/* ---- locks ---- */

static int lock_error(const char *id, int code, pid_t holder, struct error *err)
{
        if (code == -ETIMEDOUT && holder > 0)
                return error_set(err, EBUSY,
                                 "container %s is locked by process %d, which has not let go for %d seconds", id,
                                 holder, LOCK_TIMEOUT_MS / 1000);
        if (code == -ETIMEDOUT)
                return error_set(err, EBUSY, "container %s is locked by a process that is not seen from here", id);
        return error_errno(err, code, "lock container %s", id);
}

int state_lock(struct state_dir *dir, struct error *err)
{
        struct stat st;
        pid_t holder = 0;
        int r;

        if (dir->lock_fd < 0) {
                dir->lock_fd = openat(dir->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
                if (dir->lock_fd < 0 && errno == ENOENT)        /* the folder has been removed */
                        return error_set(err, ENOENT, "container does not exist");
                if (dir->lock_fd < 0)
                        return error_errno(err, errno, "lock container %s", dir->id);
        }
        r = lock_take(dir->lock_fd, true, LOCK_TIMEOUT_MS, &holder);
        if (r < 0)
                return lock_error(dir->id, r, holder, err);
        /* Whoever held it may have been deleting. */
        if (fstat(dir->lock_fd, &st) < 0 || st.st_nlink == 0) {
                lock_release(dir->lock_fd);
                return error_set(err, ENOENT, "container does not exist");
        }
        return 0;
}

void state_unlock(struct state_dir *dir)
{
        if (dir->lock_fd >= 0)
                lock_release(dir->lock_fd);
}

void state_dir_close(struct state_dir *dir)
{
        if (dir->id == NULL)
                return;
        auto_close_cleanup(&dir->lock_fd);
        auto_close_cleanup(&dir->fd);
        auto_close_cleanup(&dir->root_fd);
        dir->id = NULL;
}

/* Opens ROOT/<id> itself, never what a link in its place names. */
static int open_folder(int root_fd, const char *id)
{
        struct stat st;
        auto_close int fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid())
                return -EPERM;
        return take_fd(&fd);
}

int state_create(const char *root, const char *id, struct state_dir *ret_dir, struct error *err)
{
        auto_state_dir struct state_dir dir = { .root = root, .id = id, .root_fd = UNSET_FD, .fd = UNSET_FD,
                                                .lock_fd = UNSET_FD };
        int r;

        r = state_check_id(id, err);
        if (r < 0)
                return r;
        dir.root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir.root_fd < 0 && errno == ENOENT) {
                r = make_root(root, err);
                if (r < 0)
                        return r;
                dir.root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
        if (dir.root_fd < 0)
                return error_errno(err, errno, "state folder %s", root);
        r = check_root(root, dir.root_fd, err);
        if (r < 0)
                return r;
        if (mkdirat(dir.root_fd, id, 0700) < 0) {
                if (errno == EEXIST)
                        return error_set(err, EEXIST, "container with given ID already exists");
                return error_errno(err, errno, "make %s/%s", root, id);
        }
        dir.fd = open_folder(dir.root_fd, id);
        if (dir.fd < 0)
                r = error_errno(err, dir.fd, "open %s/%s", root, id);
        else
                r = state_lock(&dir, err);
        if (r < 0) {
                /* A delete --force that came between has removed it: that is its right. */
                fd_remove_tree(dir.root_fd, id);
                return r;
        }
        *ret_dir = dir;
        dir.id = NULL;
        return 0;
}

int state_open(const char *root, const char *id, bool is_shared, struct state_dir *ret_dir, struct error *err)
{
        auto_state_dir struct state_dir dir = { .root = root, .id = id, .root_fd = UNSET_FD, .fd = UNSET_FD,
                                                .lock_fd = UNSET_FD };
        int r;

        r = state_check_id(id, err);
        if (r < 0)
                return r;
        r = open_root(root, &dir.root_fd, err);
        if (r == -ENOENT)
                return error_set(err, ENOENT, "container does not exist");
        if (r < 0)
                return r;
        dir.fd = open_folder(dir.root_fd, id);
        if (dir.fd == -ENOENT)
                return error_set(err, ENOENT, "container does not exist");
        if (dir.fd == -EPERM)
                return error_set(err, EPERM, "%s/%s belongs to another user", root, id);
        if (dir.fd == -ELOOP || dir.fd == -ENOTDIR)
                return error_set(err, ENOTDIR, "%s/%s is not a folder", root, id);
        if (dir.fd < 0)
                return error_errno(err, dir.fd, "open %s/%s", root, id);
        if (!is_shared) {
                r = state_lock(&dir, err);
                if (r < 0)
                        return r;
        }
        *ret_dir = dir;
        dir.id = NULL;
        return 0;
}

int state_remove(struct state_dir *dir, struct error *err)
{
        int r = 0;

        /* Whoever opens the folder while it is being emptied may put a new lock into it. */
        for (unsigned tries = 0; tries < 16; tries++) {
                r = fd_remove_tree(dir->root_fd, dir->id);
                if (r != -ENOTEMPTY)
                        break;
        }
        return r < 0 ? error_errno(err, r, "remove %s/%s", dir->root, dir->id) : 0;
}

static int compare_ids(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int state_list(const char *root, struct arena *arena, const char *const **ret_ids, size_t *ret_n, struct error *err)
{
        auto_closedir DIR *dir = NULL;
        struct dirent *entry;
        const char **ids = NULL, **larger;
        size_t n = 0, size = 0;
        int fd, r;

        *ret_ids = NULL;
        *ret_n = 0;
        r = open_root(root, &fd, err);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        dir = fdopendir(fd);
        if (dir == NULL) {
                close(fd);
                return error_errno(err, ENOMEM, "state folder %s", root);
        }
        while ((entry = readdir(dir)) != NULL) {
                if (state_check_id(entry->d_name, NULL) < 0)
                        continue;
                if (n == size) {
                        size = size == 0 ? 64 : size * 2;
                        larger = arena_array(arena, size, sizeof *larger);
                        if (larger == NULL)
                                return error_errno(err, ENOMEM, "state folder %s", root);
                        if (n > 0)
                                memcpy(larger, ids, n * sizeof *ids);
                        ids = larger;
                }
                ids[n] = arena_string(arena, entry->d_name);
                if (ids[n++] == NULL)
                        return error_errno(err, ENOMEM, "state folder %s", root);
        }
        if (n > 0)
                qsort(ids, n, sizeof *ids, compare_ids);
        *ret_ids = ids;
        *ret_n = n;
        return 0;
}
