/* Digests of what a build made. Each path is opened beneath the root as a place only, looked at, and read by that very fd. */
#include "runtime/evidence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policies/paths.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sha256.h"
#include "runtime/base/sys.h"

#define DEPTH_MOST 64u
#define ENTRIES_MOST 100000u            /* of folders, whatever they are */
#define STRICTLY (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

struct walk {
        struct arena *arena;
        struct error *err;
        struct evidence_subject *subjects;
        size_t n, n_entries;
        uint64_t bytes, resolve;
};

static bool is_changed(const struct stat *a, const struct stat *b)
{
        return a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec ||
               a->st_ctim.tv_sec != b->st_ctim.tv_sec || a->st_ctim.tv_nsec != b->st_ctim.tv_nsec;
}

/* @place: O_PATH. */
static int hash_file(struct walk *walk, int place, const struct stat *before, const char *name)
{
        char proc[FD_NAME_SIZE + sizeof "/proc/"] = "/proc/", block[65536], text[SHA256_TEXT_SIZE];
        auto_close int fd = UNSET_FD;
        uint8_t digest[SHA256_LENGTH];
        struct sha256 sha256;
        struct stat after;
        ssize_t n;

        if (walk->n == EVIDENCE_FILES_MOST)
                return error_set(walk->err, E2BIG, "more than %u files: name less of them, or an archive", EVIDENCE_FILES_MOST);
        fd_name_in_proc(place, proc + strlen("/proc/"));
        fd = open(proc, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return error_errno(walk->err, errno, "output %s", name);
        sha256_begin(&sha256);
        while ((n = read(fd, block, sizeof block)) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_errno(walk->err, errno, "output %s", name);
                walk->bytes += (uint64_t)n;
                if (walk->bytes > EVIDENCE_BYTES_MOST)
                        return error_set(walk->err, EFBIG, "the outputs hold more than %llu bytes; name less of them",
                                         (unsigned long long)EVIDENCE_BYTES_MOST);
                sha256_add(&sha256, block, (size_t)n);
        }
        sha256_end(&sha256, digest);
        if (fstat(fd, &after) < 0 || is_changed(before, &after))
                return error_set(walk->err, EBUSY, "output %s changed while it was read; pause the container first, or wait for its end",
                                 name);
        sha256_text(digest, text);
        walk->subjects[walk->n] = (struct evidence_subject){ arena_string(walk->arena, name), arena_string(walk->arena, text) };
        if (walk->subjects[walk->n].name == NULL || walk->subjects[walk->n].sha256 == NULL)
                return error_errno(walk->err, ENOMEM, "evidence");
        walk->n++;
        return 0;
}

static int take(struct walk *walk, int at, const char *path, const char *name, unsigned depth, bool is_named);

static int take_folder(struct walk *walk, int place, const char *name, unsigned depth)
{
        int fd = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        auto_closedir DIR *folder = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *entry;
        int r = 0;

        if (folder == NULL) {
                r = error_errno(walk->err, errno, "output %s", name);
                if (fd >= 0)
                        close(fd);
                return r;
        }
        if (depth == DEPTH_MOST)
                return error_set(walk->err, E2BIG, "output %s: folders deeper than %u", name, DEPTH_MOST);
        while (r == 0 && (entry = readdir(folder)) != NULL) {
                const char *inside;

                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                if (++walk->n_entries > ENTRIES_MOST)
                        return error_set(walk->err, E2BIG, "the outputs hold more than %u entries", ENTRIES_MOST);
                inside = arena_format(walk->arena, "%s/%s", name, entry->d_name);
                if (inside == NULL)
                        return error_errno(walk->err, ENOMEM, "evidence");
                r = take(walk, fd, entry->d_name, inside, depth + 1, false);
        }
        return r;
}

/* @is_named: by the caller, who is told when it is no file; what else lies in a folder is left out. */
static int take(struct walk *walk, int at, const char *path, const char *name, unsigned depth, bool is_named)
{
        auto_close int place = sys_openat2(at, path, O_PATH | O_NOFOLLOW, 0, walk->resolve);
        struct stat st;

        if (place < 0 && !is_named && (errno == ENOENT || errno == ELOOP))
                return 0;
        if (place < 0 && (errno == ELOOP || errno == EXDEV))
                return error_set(walk->err, ELOOP, "output %s: a link, or behind one; name the file itself", name);
        if (place < 0 || fstat(place, &st) < 0)
                return error_errno(walk->err, errno, "output %s", name);
        if (S_ISREG(st.st_mode))
                return hash_file(walk, place, &st, name);
        if (S_ISDIR(st.st_mode))
                return take_folder(walk, place, name, depth);
        return !is_named ? 0 : error_set(walk->err, EINVAL, "output %s: %s; name a regular file or a folder", name,
                                         S_ISLNK(st.st_mode) ? "a link" : "no regular file");
}

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct evidence_subject *)a)->name, ((const struct evidence_subject *)b)->name);
}

/* As the container's processes see it while there are some: volumes, and what is in memory, are there only then. */
static int open_root(const struct state *state, int *ret_fd, struct error *err)
{
        auto_close int pidfd = UNSET_FD;
        char path[64];

        if (state_open_init(state, &pidfd) == 0) {
                snprintf(path, sizeof path, "/proc/%d/root", state->init_pid);
                *ret_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
                return *ret_fd < 0 ? error_errno(err, errno, "the root file system of %s", state->id) : 0;
        }
        *ret_fd = open(state->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return *ret_fd < 0 ? error_errno(err, errno, "the root file system %s", state->rootfs) : 0;
}

int evidence_hash_outputs(const struct state *state, bool may_mount, const char *const *outputs, size_t n_outputs,
                          struct arena *arena, struct evidence_subject **ret_subjects, size_t *ret_n, struct error *err)
{
        struct walk walk = { .arena = arena, .err = err, .resolve = STRICTLY | (may_mount ? RESOLVE_NO_XDEV : 0) };
        auto_close int root = UNSET_FD;
        size_t n = 0;
        int r = open_root(state, &root, err);

        walk.subjects = arena_array(arena, EVIDENCE_FILES_MOST, sizeof *walk.subjects);
        if (r == 0 && walk.subjects == NULL)
                r = error_errno(err, ENOMEM, "evidence");
        for (size_t i = 0; r == 0 && i < n_outputs; i++) {
                const char *clean = policy_paths_clean(arena, outputs[i]);

                if (outputs[i][0] != '/' || strstr(outputs[i], "..") != NULL)
                        r = error_set(err, EINVAL, "output %s: an absolute path of the container is wanted, without \"..\"", outputs[i]);
                else if (clean == NULL)
                        r = error_errno(err, ENOMEM, "evidence");
                else if (clean[1] == '\0')
                        r = error_set(err, EINVAL, "output /: name what the build made");
                else
                        r = take(&walk, root, clean + 1, clean, 0, true);
        }
        if (r < 0)
                return r;
        if (walk.n > 0)
                qsort(walk.subjects, walk.n, sizeof walk.subjects[0], by_name);
        for (size_t i = 0; i < walk.n; i++)             /* one that two outputs name */
                if (i == 0 || strcmp(walk.subjects[n - 1].name, walk.subjects[i].name) != 0)
                        walk.subjects[n++] = walk.subjects[i];
        *ret_subjects = walk.subjects;
        *ret_n = n;
        return 0;
}
