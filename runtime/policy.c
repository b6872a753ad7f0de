/* Withstands a policy file that someone else than the administrator wrote or could have: its way is walked by fds, each
 * folder looked at through the fd by which the next one is opened, without following a link. */
#include "runtime/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/audit_mac.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sha256.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"
#include "runtime/host.h"

#define KEPT_FILE "policy.json"
#define ID_NOBODY 65534         /* what an unmapped owner looks like (proc(5), overflowuid) */

/* @path: of what @st tells, for the sentence. */
static int check_owner(const struct stat *st, const char *path, size_t length, enum host_privilege privilege,
                       struct error *err)
{
        bool is_folder = path[length] != '\0';
        int r = 0;

        /* Below a user namespace the host's root is nobody. */
        if (st->st_uid != 0 &&
            (privilege == HOST_REAL_ROOT || (st->st_uid != geteuid() && st->st_uid != ID_NOBODY)))
                r = error_set(err, EPERM, "belongs to uid %u, who is not root and so no administrator; chown it",
                              (unsigned)st->st_uid);
        else if (st->st_mode & (S_IWGRP | S_IWOTH))
                r = error_set(err, EPERM, "others than its owner can write to it; chmod go-w it%s",
                              is_folder ? ", or put the policy file into a folder that is root's alone" : "");
        if (r < 0 && is_folder)
                error_context(err, "its folder %.*s", (int)length, path);
        return r < 0 ? error_context(err, "policy file %s", path) : 0;
}

/* Opens the file for reading after looking at everything on its way. @path: absolute. */
static int open_trusted(const char *path, enum host_privilege privilege, int *ret_fd, struct error *err)
{
        auto_close int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        char name[NAME_MAX + 1];
        const char *part = path;
        struct stat st;
        int r;

        if (at < 0)
                return error_errno(err, errno, "policy file %s", path);
        for (;;) {
                size_t length, so_far = part > path ? (size_t)(part - path) : 1;
                bool is_last;
                int fd;

                if (fstat(at, &st) < 0)
                        return error_errno(err, errno, "policy file %s", path);
                r = check_owner(&st, path, so_far, privilege, err);
                if (r < 0)
                        return r;
                part += strspn(part, "/");
                length = strcspn(part, "/");
                is_last = part[length + strspn(part + length, "/")] == '\0';
                if (length == 0)
                        return error_set(err, EINVAL, "policy file %s: is a folder", path);
                if (length > NAME_MAX)
                        return error_errno(err, ENAMETOOLONG, "policy file %s", path);
                memcpy(name, part, length);
                name[length] = '\0';
                if (strcmp(name, "..") == 0)
                        return error_set(err, EINVAL, "policy file %s: write the path without \"..\"", path);
                part += length;
                fd = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
                if (fd < 0)
                        return error_errno(err, errno, "policy file %.*s", (int)(part - path), path);
                auto_close_cleanup(&at);
                at = fd;
                if (fstat(at, &st) < 0)
                        return error_errno(err, errno, "policy file %s", path);
                if (S_ISLNK(st.st_mode))
                        return error_set(err, ELOOP, "policy file %.*s: is a symbolic link; name what it leads to, or put the "
                                         "file there", (int)(part - path), path);
                if (!is_last && !S_ISDIR(st.st_mode))
                        return error_errno(err, ENOTDIR, "policy file %.*s", (int)(part - path), path);
                if (is_last)
                        break;
        }
        r = check_owner(&st, path, strlen(path), privilege, err);
        if (r < 0)
                return r;
        if (!S_ISREG(st.st_mode))
                return error_set(err, EINVAL, "policy file %s: is no regular file", path);
        /* By the fd: not what has taken its place. O_PATH cannot be read, and this opens the same inode. */
        {
                char proc[FD_NAME_SIZE + sizeof "/proc/"] = "/proc/";

                fd_name_in_proc(at, proc + strlen("/proc/"));
                *ret_fd = open(proc, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        }
        return *ret_fd < 0 ? error_errno(err, errno, "policy file %s", path) : 0;
}

static int absolute(struct arena *arena, const char *path, const char **ret_path, struct error *err)
{
        auto_free char *cwd = NULL;

        if (path[0] == '/') {
                *ret_path = path;
                return 0;
        }
        if (path[0] == '\0')
                return error_set(err, EINVAL, "--policy is empty; leave it out for %s", POLICY_PATH);
        while (text_starts_with(path, "./"))
                path += 2;
        cwd = getcwd(NULL, 0);
        if (cwd == NULL)
                return error_errno(err, errno, "--policy %s: the working folder", path);
        *ret_path = arena_format(arena, "%s/%s", cwd, path);
        return *ret_path == NULL ? error_errno(err, ENOMEM, "--policy") : 0;
}

/* One system call where there is none. A link on the way that leads nowhere is no missing file. */
static bool is_absent(const char *path)
{
        auto_close int fd = sys_openat2(AT_FDCWD, path, O_PATH, 0, RESOLVE_NO_SYMLINKS);

        return fd < 0 && errno == ENOENT;
}

/* For the audit's records; others need none. */
static int keep_digest(struct arena *arena, const char *text, size_t length, struct policy_file *file, struct error *err)
{
        uint8_t *digest = arena_alloc(arena, SHA256_LENGTH);

        if (digest == NULL)
                return error_errno(err, ENOMEM, "policy file %s", file->name);
        sha256_of(text, length, digest);
        file->digest = digest;
        return 0;
}

const char *policy_digest(struct arena *arena, const struct policy *policy)
{
        char name[SHA256_TEXT_SIZE];

        if (policy->file == NULL || policy->file->digest == NULL)
                return NULL;
        sha256_text(policy->file->digest, name);
        return arena_format(arena, "sha256:%s", name);
}

int policy_load(const struct policy_source *source, struct arena *arena, const struct policy_file **ret_file,
                struct error *err)
{
        auto_close int fd = UNSET_FD;
        auto_free char *text = NULL;
        struct policy_file *file;
        const char *path = POLICY_PATH;
        size_t length;
        int r;

        if (source->path == NULL && is_absent(path)) {
                *ret_file = NULL;
                return 0;
        }
        r = source->path != NULL ? absolute(arena, source->path, &path, err) : 0;
        if (r == 0)
                r = open_trusted(path, host_privilege(), &fd, err);
        if (r < 0)
                return r;
        r = fd_read_all(fd, POLICY_FILE_LIMIT_BYTES, &text, &length);
        if (r == -EFBIG)
                return error_set(err, EFBIG, "policy file %s: longer than %zu bytes", path, POLICY_FILE_LIMIT_BYTES);
        if (r < 0)
                return error_errno(err, r, "policy file %s", path);
        file = arena_new(arena, struct policy_file);
        if (file == NULL)
                return error_errno(err, ENOMEM, "policy file %s", path);
        r = policy_file_read(arena, text, length, path, file, err);
        if (r == 0 && file->audit.is_chained && !audit_mac_is_available())
                r = error_set(err, ENOSYS, "%s: audit.chain: this runb was built without libsodium", path);
        if (r == 0 && file->audit.path != NULL)
                r = keep_digest(arena, text, length, file, err);
        if (r < 0)
                return r;
        *ret_file = file;
        return 0;
}

int policy_for_create(const struct policy_source *source, const struct spec *spec, struct arena *arena,
                      struct policy *ret_policy, struct error *err)
{
        struct policy_request request = {
                .profile = source->profile, .argv0 = source->argv0,
                .annotations = spec->annotations, .n_annotations = spec->n_annotations,
        };
        const struct policy_file *file = NULL;
        int r = policy_load(source, arena, &file, err);

        if (r < 0)
                return r;
        if (file != NULL)
                request.now = time(NULL);
        return policy_select(file, &request, arena, ret_policy, err);
}

/* ---- what a container keeps ---- */

static const char *digest_of(struct arena *arena, const char *text, size_t length)
{
        uint8_t digest[SHA256_LENGTH];
        char name[SHA256_TEXT_SIZE];

        sha256_of(text, length, digest);
        sha256_text(digest, name);
        return arena_format(arena, "sha256:%s", name);
}

int policy_keep(const struct state_dir *dir, const struct policy *policy, struct arena *arena, const char **ret_digest,
                struct error *err)
{
        auto_buffer struct text_buffer text = { 0 };
        int r;

        if (policy->file == NULL) {
                *ret_digest = NULL;
                return 0;
        }
        policy_file_write_chosen(policy, &text);
        r = text.is_broken ? -ENOMEM : fd_replace_file(dir->fd, KEPT_FILE, text.text, text.length, 0600);
        if (r < 0)
                return error_errno(err, r, "write %s/%s/" KEPT_FILE, dir->root, dir->id);
        *ret_digest = digest_of(arena, text.text, text.length);
        return *ret_digest == NULL ? error_errno(err, ENOMEM, "state") : 0;
}

static int read_kept(const struct state_dir *dir, const struct state *state, int64_t now, struct arena *arena,
                     struct policy *ret_policy, struct error *err)
{
        auto_free char *text = NULL;
        struct policy_file *file;
        const char *digest;
        size_t length;
        int r;

        if (state->policy_digest == NULL) {
                *ret_policy = *policy_builtin();
                return 0;
        }
        r = fd_read_file(dir->fd, KEPT_FILE, POLICY_FILE_LIMIT_BYTES, &text, &length);
        if (r < 0)
                return error_errno(err, r, "read %s/%s/" KEPT_FILE, dir->root, dir->id);
        digest = digest_of(arena, text, length);
        file = arena_new(arena, struct policy_file);
        if (digest == NULL || file == NULL)
                return error_errno(err, ENOMEM, "read " KEPT_FILE);
        if (strcmp(digest, state->policy_digest) != 0)
                return error_set(err, EINVAL, "%s/%s/" KEPT_FILE " is not the one that the container was created with; delete "
                                 "the container", dir->root, dir->id);
        r = policy_file_read(arena, text, length, KEPT_FILE, file, err);
        return r < 0 ? r : policy_select_again(file, state->profile, now, arena, ret_policy, err);
}

int policy_kept(const struct state_dir *dir, const struct state *state, struct arena *arena, struct policy *ret_policy,
                struct error *err)
{
        return read_kept(dir, state, time(NULL), arena, ret_policy, err);
}

/* Engines hand --profile to every call (podman's --runtime-flag), so the container's own has to pass. Another one cannot be
 * carried out on what runs: its filters, mounts and network are made. */
static int check_profile(const char *asked, const struct state *state, struct error *err)
{
        const char *profile = state->profile != NULL ? state->profile : "";
        size_t length = asked != NULL ? strlen(asked) : 0;

        if (asked == NULL)
                return 0;
        for (const char *at = profile; *at != '\0'; at += strcspn(at, "+"), at += *at == '+') {
                if (strcspn(at, "+") == length && strncmp(at, asked, length) == 0)
                        return 0;
        }
        return error_set(err, EINVAL, "--profile %.63s: container %s was created with the profile \"%s\", which holds as long as it is "
                         "there; leave --profile out, or delete and create the container", asked, state->id, profile);
}

int policy_for_container(const struct policy_source *source, const struct state_dir *dir, const struct state *state,
                         struct arena *arena, struct policy *ret_policy, struct error *err)
{
        const struct policy_file *file = NULL;
        struct policy created, today;
        int64_t now = 0;
        int r = check_profile(source->profile, state, err);

        if (r == 0)
                r = policy_load(source, arena, &file, err);
        if (r < 0)
                return r;
        if (file == NULL && state->policy_digest == NULL) {
                *ret_policy = *policy_builtin();
                return 0;
        }
        now = time(NULL);
        r = read_kept(dir, state, now, arena, &created, err);
        if (r == 0)
                r = policy_select_again(file, state->profile, now, arena, &today, err);
        return r < 0 ? r : policy_narrow(&created, &today, arena, ret_policy, err);
}
