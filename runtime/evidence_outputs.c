/* Digests of what a build made. Each path is opened beneath the root as a place only, looked at, and read by that very fd. */
#include "runtime/evidence_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "policies/paths.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/sha256.h"
#include "runtime/base/sys.h"
#include "runtime/restack.h"

#define DEPTH_MOST 64u
#define ENTRIES_MOST 100000u            /* of folders, whatever they are */
#define STRICTLY (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

struct walk {
        struct arena *arena;
        struct error *err;
        struct evidence_subject *subjects;
        size_t n, n_entries;
        uint64_t bytes, resolve;
        int64_t end_ms;                 /* INT64_MAX: none */
        unsigned patience_ms;
        /* Of what is looked at now: a build can have 100,000 entries with paths of 16 KiB each, which nobody shall keep in memory. */
        char name[PATH_MAX];
};

static int64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int check_time(const struct walk *walk)
{
        if (walk->end_ms == INT64_MAX || now_ms() < walk->end_ms)
                return 0;
        return error_set(walk->err, ETIMEDOUT, "output %s: the outputs were not read within %u ms; name less of them, or have "
                         "`runb evidence` read them before the container is deleted", walk->name, walk->patience_ms);
}

static bool is_changed(const struct stat *a, const struct stat *b)
{
        return a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec ||
               a->st_ctim.tv_sec != b->st_ctim.tv_sec || a->st_ctim.tv_nsec != b->st_ctim.tv_nsec;
}

/* @place: O_PATH. */
static int hash_file(struct walk *walk, int place, const struct stat *before)
{
        const char *name = walk->name;
        char proc[FD_NAME_SIZE + sizeof "/proc/"] = "/proc/", block[65536], text[SHA256_TEXT_SIZE];
        auto_close int fd = UNSET_FD;
        uint8_t digest[SHA256_LENGTH];
        struct sha256 sha256;
        uint64_t length = 0;
        struct stat after;
        ssize_t n;
        int r;

        if (walk->n == EVIDENCE_FILES_MOST)
                return error_set(walk->err, E2BIG, "more than %u files: name less of them, or an archive", EVIDENCE_FILES_MOST);
        /* Before a terabyte of holes is read. */
        if ((uint64_t)before->st_size > EVIDENCE_BYTES_MOST - walk->bytes)
                return error_set(walk->err, EFBIG, "output %s: the outputs hold more than %" PRIu64 " bytes; name less of them", name,
                                 EVIDENCE_BYTES_MOST);
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
                length += (uint64_t)n;
                if (length > (uint64_t)before->st_size)         /* it grows: its end may never come */
                        break;
                r = check_time(walk);
                if (r < 0)
                        return r;
                sha256_add(&sha256, block, (size_t)n);
        }
        walk->bytes += length;
        sha256_end(&sha256, digest);
        /* Those of procfs have no size and something in them. */
        if (fstat(fd, &after) < 0 || length != (uint64_t)before->st_size || is_changed(before, &after))
                return error_set(walk->err, EBUSY, "output %s changed while it was read; pause the container first, or wait for its "
                                 "end", name);
        sha256_text(digest, text);
        walk->subjects[walk->n] = (struct evidence_subject){ arena_string(walk->arena, name), arena_string(walk->arena, text) };
        if (walk->subjects[walk->n].name == NULL || walk->subjects[walk->n].sha256 == NULL)
                return error_errno(walk->err, ENOMEM, "evidence");
        walk->n++;
        return 0;
}

static int take(struct walk *walk, int at, const char *path, unsigned depth, bool is_named);

static int take_entry(struct walk *walk, int folder, const char *entry, unsigned depth)
{
        const size_t length = strlen(walk->name), more = strlen(entry);
        int r;

        if (++walk->n_entries > ENTRIES_MOST)
                return error_set(walk->err, E2BIG, "output %s: the outputs hold more than %u entries", walk->name, ENTRIES_MOST);
        r = check_time(walk);
        if (r < 0)
                return r;
        /* JSON has no other texts, and two such names must not become one. */
        if (!text_is_utf8(entry))
                return error_set(walk->err, EILSEQ, "output %s holds a name that is not UTF-8; name the files themselves, or an archive",
                                 walk->name);
        if (length + 1 + more >= sizeof walk->name)
                return error_set(walk->err, ENAMETOOLONG, "an output has a path of more than %u bytes", PATH_MAX - 1);
        walk->name[length] = '/';
        memcpy(walk->name + length + 1, entry, more + 1);
        r = take(walk, folder, entry, depth, false);
        walk->name[length] = '\0';
        return r;
}

static int take_folder(struct walk *walk, int place, unsigned depth)
{
        const char *name = walk->name;
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
        while (r == 0) {
                errno = 0;
                entry = readdir(folder);
                if (entry == NULL && errno != 0)
                        return error_errno(walk->err, errno, "output %s", name);
                if (entry == NULL)
                        break;
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        r = take_entry(walk, fd, entry->d_name, depth + 1);
        }
        return r;
}

/* @is_named: by the caller, who is told when it is no file; what else lies in a folder is left out. */
static int take_place(struct walk *walk, int place, unsigned depth, bool is_named)
{
        struct stat st;

        if (fstat(place, &st) < 0)
                return error_errno(walk->err, errno, "output %s", walk->name);
        if (S_ISREG(st.st_mode))
                return hash_file(walk, place, &st);
        if (S_ISDIR(st.st_mode))
                return take_folder(walk, place, depth);
        return !is_named ? 0 : error_set(walk->err, EINVAL, "output %s: %s; name a regular file or a folder", walk->name,
                                         S_ISLNK(st.st_mode) ? "a link" : "no regular file");
}

static int take(struct walk *walk, int at, const char *path, unsigned depth, bool is_named)
{
        const char *name = walk->name;
        auto_close int place = sys_openat2(at, path, O_PATH | O_NOFOLLOW, 0, walk->resolve);

        if (place < 0 && !is_named && (errno == ENOENT || errno == ELOOP))
                return 0;
        if (place < 0 && errno == ELOOP)
                return error_set(walk->err, ELOOP, "output %s: a link, or behind one; name the file itself", name);
        if (place < 0 && errno == EXDEV)
                return error_set(walk->err, EXDEV, "output %s: in another mount, which a build that may mount could have made", name);
        if (place < 0)
                return error_errno(walk->err, errno, "output %s", name);
        return take_place(walk, place, depth, is_named);
}

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct evidence_subject *)a)->name, ((const struct evidence_subject *)b)->name);
}

/* ---- where it lies ---- */

/* In the order of their mounting. */
struct places { struct evidence_place *items; size_t n; };

/* A target may lead over links of the image: as they are now. NULL when memory runs out. */
static const char *find_target(struct arena *arena, int root, const char *rootfs, const char *target)
{
        auto_close int fd = sys_open_in_root(root, target, O_PATH);
        char proc[FD_NAME_SIZE + sizeof "/proc/"] = "/proc/", path[4096];
        const size_t length = strlen(rootfs);
        ssize_t n;

        if (fd < 0)
                return policy_paths_clean(arena, target);
        fd_name_in_proc(fd, proc + strlen("/proc/"));
        n = readlink(proc, path, sizeof path - 1);
        if (n < 0 || (size_t)n <= length || strncmp(path, rootfs, length) != 0 || path[length] != '/')
                return policy_paths_clean(arena, target);
        path[n] = '\0';
        return policy_paths_clean(arena, path + length);
}

static int read_places(const struct evidence_wanted *wanted, int root, struct arena *arena, struct places *places, struct error *err)
{
        int r = evidence_read_places(wanted->dir, arena, &places->items, &places->n, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < places->n; i++) {
                places->items[i].target = find_target(arena, root, wanted->state->rootfs, places->items[i].target);
                if (places->items[i].target == NULL)
                        return error_errno(err, ENOMEM, "evidence");
        }
        return 0;
}

/* The source of a bind, by its name, if it is the file that it was. */
static int open_source(const struct evidence_place *place, const char *name, int *ret_fd, struct error *err)
{
        auto_close int fd = open(place->source, O_PATH | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return error_errno(err, errno, "output %s: the source %s of the mount at %s", name, place->source, place->target);
        if (st.st_dev != place->device || st.st_ino != place->inode)
                return error_set(err, ESTALE, "output %s: %s, the source of the mount at %s, is another file than at create", name,
                                 place->source, place->target);
        *ret_fd = take_fd(&fd);
        return 0;
}

/* Once nobody is left inside. A later mount covers an earlier one. */
static int take_ended(struct walk *walk, const struct evidence_wanted *wanted, const struct policy *policy,
                      const struct places *places, int root, const char *path)
{
        const struct evidence_place *place = NULL, *inner = NULL;
        auto_close int fd = UNSET_FD;
        const char *below;
        int r;

        for (size_t i = 0; i < places->n; i++) {
                if (policy_paths_is_in(path, places->items[i].target)) {
                        place = &places->items[i];
                        inner = NULL;
                } else if (policy_paths_is_in(places->items[i].target, path)) {
                        inner = &places->items[i];
                }
        }
        if (inner != NULL)
                return error_set(walk->err, EXDEV, "output %s: there was a mount at %s in it; name what lies beside it, or have "
                                 "`runb evidence` read it before the container has ended", path, inner->target);
        if (place == NULL && policy->profile.rootfs == POLICY_ROOTFS_EPHEMERAL)
                return error_set(walk->err, ENODATA, "output %s: the root file system was an ephemeral one, and has ended with %s; have "
                                 "the build write to a volume, or `runb evidence` read it before the end", path, wanted->state->id);
        if (place == NULL)
                return take(walk, root, path + 1, 0, true);
        if (place->source == NULL)
                return error_set(walk->err, ENODATA, "output %s: the mount at %s has ended with %s; have `runb evidence` read it before "
                                 "the end, or the profile name the output (evidence.outputs), if it is a volume", path,
                                 place->target, wanted->state->id);
        r = open_source(place, path, &fd, walk->err);
        if (r < 0)
                return r;
        below = path + strlen(place->target);
        return *below == '\0' ? take_place(walk, fd, 0, true) : take(walk, fd, below + 1, 0, true);
}

/* @places: NULL while it has processes. */
static int take_output(struct walk *walk, const struct evidence_wanted *wanted, const struct policy *policy, const struct places *places,
                       int root, const char *path)
{
        strcpy(walk->name, path);
        return places == NULL ? take(walk, root, path + 1, 0, true) : take_ended(walk, wanted, policy, places, root, path);
}

static bool goes_up(const char *path)
{
        for (const char *at = path; (at = strstr(at, "/..")) != NULL; at += strlen("/.."))
                if (at[3] == '/' || at[3] == '\0')
                        return true;
        return false;
}

/* As the container's processes see it while there are some; else the engine's mount, refreshed. */
static int open_root(const struct state *state, bool *ret_is_live, int *ret_fd, struct error *err)
{
        auto_close int pidfd = UNSET_FD, fd = UNSET_FD;
        struct error later = { 0 };
        char path[64];

        *ret_is_live = state_open_init(state, &pidfd) == 0;
        if (*ret_is_live) {
                snprintf(path, sizeof path, "/proc/%d/root", state->init_pid);
                fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
                /* Still init's, and not that of a process that got its number meanwhile. */
                if (fd < 0 || (sys_pidfd_send_signal(pidfd, 0) < 0 && errno == ESRCH))
                        return error_errno(err, errno, "the root file system of %s", state->id);
                *ret_fd = take_fd(&fd);
                return 0;
        }
        if (state->is_restacked && restack_refresh(state->rootfs, state->rootfs_device, &later) < 0)
                log_debug("%s", later.text);
        *ret_fd = open(state->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return *ret_fd < 0 ? error_errno(err, errno, "the root file system %s", state->rootfs) : 0;
}

int evidence_hash_outputs(const struct evidence_wanted *wanted, const struct policy *policy, struct arena *arena,
                          struct evidence_outputs *ret_outputs, struct error *err)
{
        const bool may_mount = policy->profile.seccomp_base == POLICY_SECCOMP_BASE_IMAGE_BUILD;
        struct walk walk = { .arena = arena, .err = err, .resolve = STRICTLY | (may_mount ? RESOLVE_NO_XDEV : 0),
                             .patience_ms = wanted->patience_ms,
                             .end_ms = wanted->patience_ms > 0 ? now_ms() + wanted->patience_ms : INT64_MAX };
        struct evidence_outputs outputs = { .missing = arena_array(arena, wanted->n_outputs + 1, sizeof *outputs.missing) };
        struct places places = { 0 };
        auto_close int root = UNSET_FD;
        bool is_live = false;
        size_t n = 0;
        int r = open_root(wanted->state, &is_live, &root, err);

        walk.subjects = arena_array(arena, EVIDENCE_FILES_MOST, sizeof *walk.subjects);
        if (r == 0 && (walk.subjects == NULL || outputs.missing == NULL))
                r = error_errno(err, ENOMEM, "evidence");
        if (r == 0 && !is_live)
                r = read_places(wanted, root, arena, &places, err);
        for (size_t i = 0; r == 0 && i < wanted->n_outputs; i++) {
                const char *output = wanted->outputs[i], *clean = policy_paths_clean(arena, output);

                if (output[0] != '/' || goes_up(output))
                        r = error_set(err, EINVAL, "output %s: an absolute path of the container is wanted, without \"..\"", output);
                else if (clean == NULL)
                        r = error_errno(err, ENOMEM, "evidence");
                else if (!text_is_utf8(clean))
                        r = error_set(err, EILSEQ, "output %s: its name is not UTF-8", output);
                else if (clean[1] == '\0')
                        r = error_set(err, EINVAL, "output /: name what the build made");
                else if (strlen(clean) >= sizeof walk.name)
                        r = error_set(err, ENAMETOOLONG, "an output has a path of more than %u bytes", PATH_MAX - 1);
                else
                        r = take_output(&walk, wanted, policy, is_live ? NULL : &places, root, clean);
                if (wanted->is_lenient && (r == -ENOENT || r == -ENOTDIR)) {
                        outputs.missing[outputs.n_missing++] = clean;
                        r = 0;
                }
        }
        if (r < 0)
                return r;
        if (walk.n > 0)
                qsort(walk.subjects, walk.n, sizeof walk.subjects[0], by_name);
        for (size_t i = 0; i < walk.n; i++)             /* one that two outputs name */
                if (i == 0 || strcmp(walk.subjects[n - 1].name, walk.subjects[i].name) != 0)
                        walk.subjects[n++] = walk.subjects[i];
        outputs.subjects = walk.subjects;
        outputs.n = n;
        *ret_outputs = outputs;
        return 0;
}
