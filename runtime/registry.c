/* Names of files are digests, since a root and an id together are longer than a name may be. */
#include "runtime/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sha256.h"
#include "runtime/base/text.h"
#include "runtime/state.h"

#define ENTRY_LIMIT_BYTES ((size_t)PATH_MAX + NAME_MAX + 2)
#define KEY_LENGTH 32

/* "FOLDER/slots/untrusted.<key>" */
static int entry_path(const char *host_folder, const char *list, const char *prefix, const char *root, const char *id,
                      char path[PATH_MAX])
{
        uint8_t digest[SHA256_LENGTH];
        char key[SHA256_TEXT_SIZE];
        struct sha256 sha256;

        sha256_begin(&sha256);
        sha256_add(&sha256, root, strlen(root));
        sha256_add(&sha256, "/", 1);
        sha256_add(&sha256, id, strlen(id));
        sha256_end(&sha256, digest);
        sha256_text(digest, key);
        return snprintf(path, PATH_MAX, "%s/%s/%s%.*s", host_folder, list, prefix, KEY_LENGTH, key) < PATH_MAX ?
                       0 : -ENAMETOOLONG;
}

int registry_add(const char *host_folder, const char *list, const char *prefix, const char *root, const char *id,
                 struct error *err)
{
        auto_close int fd = UNSET_FD;
        char path[PATH_MAX], folder[PATH_MAX], text[ENTRY_LIMIT_BYTES];
        int length = snprintf(text, sizeof text, "%s/%s\n", root, id);
        int r = entry_path(host_folder, list, prefix, root, id, path);

        if (r < 0 || length >= (int)sizeof text)
                return error_errno(err, ENAMETOOLONG, "%s/%s", host_folder, list);
        /* Not by a temporary name, which nobody would find after a kill -9: one that was cut counts for nothing. */
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno == ENOENT) {
                snprintf(folder, sizeof folder, "%s/%s", host_folder, list);
                if (mkdir(folder, 0700) < 0 && errno != EEXIST)
                        return error_errno(err, errno, "make %s", folder);
                fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        }
        if (fd < 0)
                return error_errno(err, errno, "write %s", path);
        r = fd_write_all(fd, text, (size_t)length);
        return r < 0 ? error_errno(err, r, "write %s", path) : 0;
}

int registry_remove(const char *host_folder, const char *list, const char *prefix, const char *root, const char *id,
                    struct error *err)
{
        char path[PATH_MAX];

        if (entry_path(host_folder, list, prefix, root, id, path) == 0 && unlink(path) < 0 && errno != ENOENT)
                return error_errno(err, errno, "remove %s", path);
        return 0;
}

static int read_entry(int list_fd, const char *name, struct arena *arena, struct registry_entry *ret_entry)
{
        auto_free char *text = NULL;
        size_t length;
        char *slash;
        int r = fd_read_file(list_fd, name, ENTRY_LIMIT_BYTES, &text, &length);

        if (r < 0)
                return r;
        if (text[0] != '/' || length < 4 || text[length - 1] != '\n')
                return -EINVAL;
        text[length - 1] = '\0';
        slash = strrchr(text, '/');
        *slash = '\0';
        if (slash == text || state_check_id(slash + 1, NULL) < 0)
                return -EINVAL;
        *ret_entry = (struct registry_entry){ arena_string(arena, name), arena_string(arena, text),
                                              arena_string(arena, slash + 1) };
        return ret_entry->name == NULL || ret_entry->root == NULL || ret_entry->id == NULL ? -ENOMEM : 0;
}

/* One that is empty may be about to be written. */
static bool is_old(int list_fd, const char *name)
{
        struct stat st;

        return fstatat(list_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && time(NULL) - st.st_mtime > 60;
}

int registry_read(const char *host_folder, const char *list, const char *prefix, struct arena *arena,
                  struct registry_entry **ret_entries, size_t *ret_n, struct error *err)
{
        auto_closedir DIR *dir = NULL;
        struct registry_entry *entries = NULL, *larger;
        struct dirent *entry;
        char folder[PATH_MAX];
        size_t n = 0, size = 0;
        int r;

        *ret_entries = NULL;
        *ret_n = 0;
        snprintf(folder, sizeof folder, "%s/%s", host_folder, list);
        dir = opendir(folder);
        if (dir == NULL)
                return errno == ENOENT ? 0 : error_errno(err, errno, "read %s", folder);
        while ((entry = readdir(dir)) != NULL) {
                if (entry->d_name[0] == '.' || !text_starts_with(entry->d_name, prefix))
                        continue;
                if (n == size) {
                        size = size == 0 ? 32 : size * 2;
                        larger = arena_array(arena, size, sizeof *larger);
                        if (larger == NULL)
                                return error_errno(err, ENOMEM, "read %s", folder);
                        if (n > 0)
                                memcpy(larger, entries, n * sizeof *entries);
                        entries = larger;
                }
                r = read_entry(dirfd(dir), entry->d_name, arena, &entries[n]);
                if (r == -ENOMEM)
                        return error_errno(err, r, "read %s", folder);
                if (r == -EINVAL && is_old(dirfd(dir), entry->d_name))
                        unlinkat(dirfd(dir), entry->d_name, 0);
                n += r == 0;
        }
        *ret_entries = entries;
        *ret_n = n;
        return 0;
}

void registry_drop(const char *host_folder, const char *list, const char *name)
{
        char path[PATH_MAX];

        if (name != NULL && snprintf(path, sizeof path, "%s/%s/%s", host_folder, list, name) < (int)sizeof path)
                unlink(path);
}
