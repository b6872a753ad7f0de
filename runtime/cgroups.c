/* The container's cgroup: where it is, making it, and the fds by which processes join.
 *
 * Version 1 has a folder in each hierarchy (the named ones and a v2 one beside them too, as systemd's "hybrid" set-up
 * has it), version 2 has one. Limits are written before the first process joins, so that a limit is never exceeded in
 * between, and we do not join ourselves: only init is charged.
 *
 * Folders are walked component by component from the mount point, never through a link or into another mount. Each
 * folder we make carries a mark, so that a later `delete` tells ours from one that an administrator or another
 * runtime made, and does not end foreign processes in it. */
#include "runtime/cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"
#include "runtime/cgroups_private.h"

/* ---- where ---- */

struct hierarchy {
        const char *key;        /* a controller, "name=x", or "" for v2 */
        const char *mount;
        const char *root;       /* the cgroup that the mount shows at its top */
        bool has_shares;        /* of CPU time or of the disks: v1's cpu and blkio, or v2 */
};

static bool has_option(const char *options, const char *wanted)
{
        size_t length = strlen(wanted), n;

        for (const char *word = options; *word != '\0'; word += n + (word[n] == ',')) {
                n = strcspn(word, ",");
                if (n == length && memcmp(word, wanted, n) == 0)
                        return true;
        }
        return false;
}

/* Which of our own cgroup's lines the mount's options speak of. */
static const char *find_key(const char *self_cgroup, char *options, struct arena *arena)
{
        char *rest = NULL;

        for (char *word = strtok_r(options, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest))
                if (strcmp(word, "rw") != 0 && cgroups_own_path(self_cgroup, word, arena) != NULL)
                        return arena_string(arena, word);
        return NULL;
}

/* The v1 mounts, and the v2 one at /sys/fs/cgroup/unified; the first of several mounts of one hierarchy. */
static int find_v1(const char *self_cgroup, struct arena *arena, struct hierarchy *found, size_t *ret_n, struct error *err)
{
        auto_fclose FILE *file = fopen("/proc/self/mountinfo", "re");
        auto_free char *line = NULL;
        size_t size = 0, n = 0;
        ssize_t length;

        if (file == NULL)
                return error_errno(err, errno, "open /proc/self/mountinfo");
        while ((length = getline(&line, &size, file)) >= 0) {
                char *fields[6], *rest = NULL, *tail = strstr(line, " - "), *type, *options;
                struct hierarchy h = { 0 };
                size_t i = 0;
                bool is_known = false;

                if (tail == NULL || strncmp(tail, " - cgroup", 9) != 0)
                        continue;
                if (line[length - 1] == '\n')
                        line[length - 1] = '\0';
                *tail = '\0';
                for (char *word = strtok_r(line, " ", &rest); word != NULL && i < 6; word = strtok_r(NULL, " ", &rest))
                        fields[i++] = word;
                if (i < 6)
                        continue;
                type = strtok_r(tail + 3, " ", &rest);
                strtok_r(NULL, " ", &rest);
                options = strtok_r(NULL, " ", &rest);
                if (type == NULL || options == NULL)
                        continue;
                h.root = arena_string(arena, text_unescape_octal(fields[3]));
                h.mount = arena_string(arena, text_unescape_octal(fields[4]));
                if (strcmp(type, "cgroup2") == 0) {
                        /* Others mount one elsewhere for their eBPF programs: not the host's own tree. */
                        if (cgroups_below(h.mount, CGROUP_ROOT) == NULL)
                                continue;
                        h.key = "";
                } else {
                        h.has_shares = has_option(options, "cpu") || has_option(options, "blkio");
                        h.key = find_key(self_cgroup, options, arena);
                        if (h.key == NULL)
                                continue;
                }
                for (i = 0; i < n; i++)
                        if (strcmp(found[i].key, h.key) == 0)
                                is_known = true;
                if (is_known)
                        continue;
                if (n == CGROUPS_MAX)
                        return error_set(err, E2BIG, "more than %d cgroup hierarchies are mounted", CGROUPS_MAX);
                found[n++] = h;
        }
        *ret_n = n;
        return 0;
}

/* A name for a container that was given none, and for what lies above those of a profile. */
static const char *default_name(const char *prefix, const char *id, struct arena *arena)
{
        uint64_t hash = 14695981039346656037ull;        /* FNV-1a */

        if (strlen(id) <= 240)
                return arena_format(arena, "%s%s", prefix, id);
        for (const char *p = id; *p != '\0'; p++)
                hash = (hash ^ (unsigned char)*p) * 1099511628211ull;
        return arena_format(arena, "%s%.200s-%016llx", prefix, id, (unsigned long long)hash);
}

/* Whether a folder can be made at @path (or, when it is there, be used). */
static bool is_writable(const char *path, struct arena *arena)
{
        char *copy = arena_string(arena, path), *slash;

        while (copy != NULL && faccessat(AT_FDCWD, copy, F_OK, AT_EACCESS) < 0 && errno == ENOENT) {
                slash = strrchr(copy, '/');
                if (slash == NULL || slash == copy)
                        return false;
                *slash = '\0';
        }
        return copy != NULL && faccessat(AT_FDCWD, copy, W_OK | X_OK, AT_EACCESS) == 0;
}

/* Its folders are the administrator's to make: one that we made would hold nothing. */
static bool has_parent(const char *mount, const char *parent, struct arena *arena)
{
        const char *path = arena_format(arena, "%s%s", mount, parent);

        return path != NULL && faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0;
}

/* @parent: the administrator's, absolute; @profile: whose containers have one cgroup above them where we choose the place.
 * Both or one can be NULL. */
static int plan_folders(const char *cgroups_path, const char *parent, const char *profile, const char *id,
                        const struct spec_resources *resources, bool is_rootless, struct arena *arena,
                        struct cgroups_plan *ret_plan, struct error *err)
{
        struct cgroups_plan plan = { .resources = resources };
        struct hierarchy found[CGROUPS_MAX];
        auto_free char *self_cgroup = NULL;
        const char **paths, **mounts, *inner, *grouped, *group = NULL, *denied = NULL;
        struct statfs fs;
        size_t n = 0;
        bool is_absolute, is_below = false;
        int r;

        if (text_is_empty(cgroups_path)) {
                is_absolute = false;
                inner = default_name("runb-", id, arena);
                if (inner == NULL)
                        return error_errno(err, ENOMEM, "cgroup of %s", id);
        } else {
                if (cgroups_is_systemd_triple(cgroups_path))
                        return error_set(err, EINVAL, "linux.cgroupsPath: \"%s\" is a name for systemd: give --systemd-cgroup, "
                                         "or set the engine's cgroup manager to cgroupfs",
                                         cgroups_path);
                is_absolute = cgroups_path[0] == '/';
                r = cgroups_normalise(cgroups_path, arena, &inner, err);
                if (r < 0)
                        return r;
        }
        grouped = inner;
        if (profile != NULL && !is_absolute) {
                group = default_name(CGROUP_GROUP_PREFIX, profile, arena);
                grouped = group == NULL ? NULL : arena_format(arena, "%s/%s", group, inner);
                if (grouped == NULL)
                        return error_errno(err, ENOMEM, "cgroup of %s", id);
                plan.is_grouped = true;
        }
        r = fd_read_file(AT_FDCWD, "/proc/self/cgroup", CGROUP_FILE_LIMIT_BYTES, &self_cgroup, NULL);
        if (r < 0)
                return error_errno(err, r, "read /proc/self/cgroup");
        if (statfs(CGROUP_ROOT, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC) {
                plan.is_v2 = true;
                found[n++] = (struct hierarchy){ .key = "", .mount = CGROUP_ROOT, .root = "/", .has_shares = true };
        } else {
                r = find_v1(self_cgroup, arena, found, &n, err);
                if (r < 0)
                        return r;
        }
        paths = arena_array(arena, n + 1, sizeof *paths);
        mounts = arena_array(arena, n + 1, sizeof *mounts);
        if (paths == NULL || mounts == NULL)
                return error_errno(err, ENOMEM, "cgroup of %s", id);
        for (size_t i = 0; i < n; i++) {
                const char *own = is_absolute ? "" : cgroups_own_path(self_cgroup, found[i].key, arena);
                size_t length;

                /* Ours as the mount shows it: a container's mount can begin further down, and a cgroup outside of our
                 * cgroup namespace begins with "/..". */
                own = own == NULL ? "" : is_absolute ? own : cgroups_below(own, found[i].root);
                if (own == NULL || strncmp(own, "..", 2) == 0)
                        own = "";
                length = strlen(own);
                if (plan.is_v2) {
                        /* cgroups(7), "no internal processes": ours has some (us), so that it could not pass
                         * controllers on. */
                        while (length > 0 && own[length - 1] != '/')
                                length--;
                }
                while (length > 0 && own[length - 1] == '/')
                        length--;
                mounts[plan.n_paths] = found[i].mount;
                if (parent != NULL && has_parent(found[i].mount, parent, arena)) {
                        is_below = true;
                        paths[plan.n_paths] = arena_format(arena, "%s%s/%s", found[i].mount, parent, inner);
                } else {
                        paths[plan.n_paths] = arena_format(arena, "%s/%.*s%s%s", found[i].mount, (int)length, own,
                                                   length > 0 ? "/" : "", found[i].has_shares ? grouped : inner);
                }
                if (paths[plan.n_paths] == NULL)
                        return error_errno(err, ENOMEM, "cgroup of %s", id);
                if (is_rootless && !is_writable(paths[plan.n_paths], arena)) {
                        denied = paths[plan.n_paths];
                        continue;
                }
                plan.n_paths++;
        }
        if (parent != NULL && (!is_below || plan.n_paths == 0))
                return error_refuse(err, "cgroupParent", "refused by the policy (cgroupParent): there is no cgroup %s below any mount; "
                                    "make it, with its limits, or name one that there is", parent);
        plan.paths = paths;
        plan.mounts = mounts;
        if (plan.n_paths == 0) {
                if (!is_rootless)
                        return error_set(err, ENODEV, "no cgroup hierarchy is mounted; mount cgroup2 on " CGROUP_ROOT);
                plan.is_disabled = true;
                plan.disabled_because = denied == NULL ? CGROUP_ROOT : denied;
        }
        *ret_plan = plan;
        return 0;
}

int cgroups_plan(const char *cgroups_path, const char *id, const struct spec_resources *resources, bool is_rootless,
                 struct arena *arena, struct cgroups_plan *ret_plan, struct error *err)
{
        return plan_folders(cgroups_path, NULL, NULL, id, resources, is_rootless, arena, ret_plan, err);
}

int cgroups_plan_grouped(const char *cgroups_path, const char *profile, const char *id, const struct spec_resources *resources,
                         bool is_rootless, struct arena *arena, struct cgroups_plan *ret_plan, struct error *err)
{
        return plan_folders(cgroups_path, NULL, profile, id, resources, is_rootless, arena, ret_plan, err);
}

int cgroups_plan_below(const char *parent, const char *id, const struct spec_resources *resources, bool is_rootless,
                       struct arena *arena, struct cgroups_plan *ret_plan, struct error *err)
{
        return plan_folders(NULL, parent, NULL, id, resources, is_rootless, arena, ret_plan, err);
}

/* ---- making ---- */

struct making {
        bool was_made[CGROUPS_MAX];     /* parallel to the set */
};

/* Makes @path below @mount, and what is missing between. */
static int make_folder_once(const char *mount, const char *path, const struct spec_resources *resources,
                       struct cgroup_folder *ret_folder, bool *ret_was_made, struct error *err)
{
        auto_close int parent = cgroup_open_folder(AT_FDCWD, mount);
        const char *rest = cgroups_below(path, mount);
        bool is_v2, is_pure_v2, is_cpuset, is_last = false, was_made = false;
        int r;

        if (parent < 0)
                return error_errno(err, errno, "open %s", mount);
        if (text_is_empty(rest))
                return error_set(err, EINVAL, "%s is not a cgroup folder below %s", path, mount);
        r = cgroup_check_folder(parent, mount, &is_v2, err);
        if (r < 0)
                return r;
        is_pure_v2 = is_v2 && strcmp(mount, CGROUP_ROOT) == 0;
        is_cpuset = !is_v2 && cgroup_has_file(parent, "cpuset.cpus");
        while (!is_last) {
                size_t length = strcspn(rest, "/");
                char name[NAME_MAX + 1], sofar[PATH_MAX];
                struct cgroup_folder folder = { .path = sofar, .is_v2 = is_v2 };

                if (length == 0 || length > NAME_MAX || (size_t)(rest + length - path) >= sizeof sofar)
                        return error_set(err, EINVAL, "%s is not a normalised cgroup folder", path);
                memcpy(name, rest, length);
                name[length] = '\0';
                memcpy(sofar, path, (size_t)(rest + length - path));
                sofar[rest + length - path] = '\0';
                rest += length;
                is_last = *rest == '\0';
                rest += *rest == '/';

                /* In a hybrid set-up the v2 tree is only joined; its controllers are enabled for a demanded limit alone. */
                if (is_pure_v2)
                        cgroup_v2_enable(parent, NULL);
                else if (is_v2 && cgroup_group_is_asked(resources, GROUP_HUGETLB))
                        cgroup_v2_enable(parent, "hugetlb");
                was_made = mkdirat(parent, name, 0755) == 0;
                if (!was_made && errno != EEXIST)
                        return error_errno(err, errno, "mkdir %s", sofar);
                folder.fd = cgroup_open_folder(parent, name);
                if (folder.fd < 0) {
                        r = error_errno(err, errno, "open %s", sofar);
                        if (was_made)
                                unlinkat(parent, name, AT_REMOVEDIR);
                        return r;
                }
                r = 0;
                if (is_cpuset)
                        r = cgroup_v1_fill_cpuset(parent, &folder, err);
                else if (is_pure_v2)
                        r = cgroup_v2_check_type(&folder, resources, err);
                if (r < 0) {
                        close(folder.fd);
                        if (was_made)
                                unlinkat(parent, name, AT_REMOVEDIR);
                        return r;
                }
                close(parent);
                parent = folder.fd;
        }
        *ret_folder = (struct cgroup_folder){ .path = path, .fd = take_fd(&parent), .is_v2 = is_v2 };
        *ret_was_made = was_made;
        return 0;
}

#define ATTEMPTS 100

/* The profile's cgroup can go with the last of its containers (cgroups_remove_groups()) before ours is in it. */
static int make_folder(const char *mount, const char *path, const struct spec_resources *resources,
                       struct cgroup_folder *ret_folder, bool *ret_was_made, struct error *err)
{
        const struct timespec moment = { .tv_nsec = 100000 };
        int r = -ENOENT;

        for (unsigned i = 0; i < ATTEMPTS && (r == -ENOENT || r == -ENODEV); i++) {
                if (i > 0)
                        nanosleep(&moment, NULL);
                r = make_folder_once(mount, path, resources, ret_folder, ret_was_made, err);
        }
        return r;
}

/* Ours, another container's of ours, or somebody else's? */
static void mark_folder(const struct cgroup_folder *folder, bool was_made, bool *was_there)
{
        if (was_made) {
                cgroup_mark_write(folder->fd, CGROUP_MARK_OWN);
                return;
        }
        switch (cgroup_mark_read(folder->fd)) {
        case CGROUP_MARK_OWN:
                /* With processes: another container was given the same path and lives. Without: left by a killed one. */
                if (cgroup_is_populated(folder))
                        cgroup_mark_write(folder->fd, CGROUP_MARK_SHARED);
                break;
        case CGROUP_MARK_SHARED:
                if (!cgroup_is_populated(folder))
                        cgroup_mark_write(folder->fd, CGROUP_MARK_OWN);
                break;
        case CGROUP_MARK_NONE:
                cgroup_mark_write(folder->fd, CGROUP_MARK_FOREIGN);
                *was_there = true;
                break;
        case CGROUP_MARK_FOREIGN:
        case CGROUP_MARK_UNKNOWN:
                *was_there = true;
                break;
        }
}

static int open_joins(const struct cgroup_set *set, bool is_v2, struct cgroups_ready *ready, struct error *err)
{
        for (size_t i = 0; i < set->n; i++) {
                const struct cgroup_folder *folder = &set->folders[i];
                int fd;

                if (is_v2) {
                        ready->v2_fd = fcntl(folder->fd, F_DUPFD_CLOEXEC, 3);
                        if (ready->v2_fd < 0)
                                return error_errno(err, errno, "open %s", folder->path);
                        continue;
                }
                fd = openat(folder->fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
                if (fd < 0)
                        return error_errno(err, errno, "open %s/cgroup.procs", folder->path);
                ready->join_fds[ready->n_join_fds++] = fd;
        }
        return 0;
}

void cgroups_ready_close(struct cgroups_ready *ready)
{
        auto_close_cleanup(&ready->v2_fd);
        for (size_t i = 0; i < ready->n_join_fds; i++)
                auto_close_cleanup(&ready->join_fds[i]);
        ready->n_join_fds = 0;
}

/* Made by systemd: the folders above are its own to change. 1 where it has none in this hierarchy. */
static int open_given(const char *path, struct cgroup_folder *ret_folder, struct error *err)
{
        struct cgroup_folder folder = { .path = path, .fd = cgroup_open_folder(AT_FDCWD, path) };
        int r;

        if (folder.fd < 0)
                return errno == ENOENT ? 1 : error_errno(err, errno, "open %s", path);
        r = cgroup_check_folder(folder.fd, path, &folder.is_v2, err);
        if (r < 0) {
                close(folder.fd);
                return r;
        }
        *ret_folder = folder;
        return 0;
}

static int prepare(const struct cgroups_plan *plan, bool is_rootless, struct cgroup_set *set, struct making *making,
                   struct cgroups_ready *ready, struct error *err)
{
        struct spec_resources roomy = *plan->resources;
        const struct spec_resources *resources = plan->resources;
        int r;

        if (plan->is_given && roomy.pids_limit.is_given && roomy.pids_limit.value >= 0) {
                /* Init and the placeholder; systemd sets what was asked for when that one has gone (TasksMax). */
                roomy.pids_limit.value = (roomy.pids_limit.value == 0 ? 1 : roomy.pids_limit.value) + 1;
                resources = &roomy;
        }
        for (size_t i = 0; i < plan->n_paths; i++) {
                r = plan->is_given ? open_given(plan->paths[i], &set->folders[set->n], err) : 1;
                if (r == 0) {
                        cgroup_mark_write(set->folders[set->n++].fd, CGROUP_MARK_OWN);
                        continue;
                }
                if (r > 0)
                        r = make_folder(plan->mounts[i], plan->paths[i], plan->resources, &set->folders[set->n],
                                &making->was_made[set->n], err);
                if (r < 0)
                        return r;
                set->n++;
                if (!making->was_made[set->n - 1]) {
                        r = cgroup_thaw_leftover(&set->folders[set->n - 1], err);
                        if (r < 0)
                                return r;
                }
                mark_folder(&set->folders[set->n - 1], making->was_made[set->n - 1], &ready->was_there);
        }
        r = cgroup_write_limits(set, plan->is_v2, resources, plan->demanded, ready, err);
        if (r < 0)
                return is_rootless && (r == -EACCES || r == -EPERM || r == -ENODEV) ?
                       error_context(err, "rootless needs a delegated cgroup for limits (systemd: Delegate=yes)") : r;
        return open_joins(set, plan->is_v2, ready, err);
}

int cgroups_prepare(const struct cgroups_plan *plan, bool is_rootless, struct cgroups_ready *ret_ready, struct error *err)
{
        auto_cgroup_set struct cgroup_set set = { 0 };
        auto_cgroups_ready struct cgroups_ready ready = { .v2_fd = UNSET_FD };
        const struct spec_resources *demanded = plan->demanded == NULL ? plan->resources : plan->demanded;
        struct making making = { 0 };
        int r;

        if (plan->is_disabled) {
                if (plan->disabled_because != NULL && cgroup_asks_for_anything(demanded))
                        return error_set(err, EACCES, "limits are asked for, but %s cannot be made by this user: delegate the "
                                         "cgroup above it (systemd: Delegate=yes for user@.service), or ask for no limits",
                                         plan->disabled_because);
                if (cgroup_asks_for_anything(demanded))
                        return error_set(err, EINVAL, "linux.resources: limits are asked for, but --cgroup-manager disabled makes "
                                         "no cgroup to hold them; leave out the limits or the option");
                for (enum cgroup_group group = 0; group < GROUPS; group++)
                        if (cgroup_group_is_asked(plan->resources, group))
                                ready.left_out[ready.n_left_out++] = cgroup_group_name(group);
                *ret_ready = ready;
                ready = (struct cgroups_ready){ .v2_fd = UNSET_FD };
                return 0;
        }
        if (plan->n_paths > CGROUPS_MAX)
                return error_set(err, E2BIG, "%zu cgroup folders, more than %d", plan->n_paths, CGROUPS_MAX);
        r = prepare(plan, is_rootless, &set, &making, &ready, err);
        if (r < 0) {
                for (size_t i = 0; i < set.n; i++)
                        if (making.was_made[i])
                                rmdir(set.folders[i].path);
                return r;
        }
        *ret_ready = ready;
        ready = (struct cgroups_ready){ .v2_fd = UNSET_FD };
        return 0;
}

int cgroups_open(const char *const *paths, size_t n_paths, bool is_v2, const char *const *subs, size_t n_subs,
                 struct cgroups_ready *ret_ready, struct error *err)
{
        auto_cgroup_set struct cgroup_set set = { 0 };
        auto_cgroups_ready struct cgroups_ready ready = { .v2_fd = UNSET_FD };
        int r = cgroup_set_open(paths, n_paths, &set, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < n_paths; i++)
                if (i >= set.n || set.folders[i].path != paths[i])
                        return error_set(err, ENODEV, "the container's cgroup %s is gone", paths[i]);
        r = cgroup_set_enter_subs(&set, is_v2, subs, n_subs, err);
        if (r < 0)
                return r;
        r = open_joins(&set, is_v2, &ready, err);
        if (r < 0)
                return r;
        *ret_ready = ready;
        ready = (struct cgroups_ready){ .v2_fd = UNSET_FD };
        return 0;
}
