/* What of the host a bind may show at all.
 *
 * Sources are judged by what they are (a socket, a device, a view of the kernel, a folder that holds the engine's
 * sockets or this very rootfs), and by well-known places; engines keep their own files in many. */
#include "policies/mounts_private.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "policies/devices.h"
#include "policies/paths.h"
#include "policies/patterns.h"
#include "runtime/base/text.h"

#define CONFIGFS_MAGIC_ 0x62656570      /* fs/configfs/mount.c */

/* Nothing in them is for a build: the kernel's views, the administrator's own, runtimes' records. */
static const char *const denied_trees[] = {
        "/boot", "/dev", "/proc", "/root", "/run/containerd/runc", "/run/crun", "/run/docker/runtime-runc", "/run/runb",
        "/run/runc", "/sys", "/var/lib/kubelet/pki",
};

/* They hold engines' sockets, everyone's keys or all of an engine's containers; what lies below may be fine. */
static const char *const denied_folders[] = {
        "/",
        "/etc",
        "/home",
        "/run",
        "/run/buildkit",
        "/run/containers",
        "/run/crio",
        "/run/dbus",
        "/run/podman",
        "/run/systemd",
        "/run/user",
        "/var",
        "/var/lib",
        "/var/lib/containers",
};

/* Engines' storage: kind of thing, then its name, then what a container may be given. */
static const char *const storage_roots[] = {
        "/run/containerd", "/run/containers/storage", "/run/docker", "/var/lib/buildkit", "/var/lib/containerd",
        "/var/lib/containers/storage", "/var/lib/crio", "/var/lib/docker", "/var/lib/kubelet",
};

/* Folders of people's keys, wherever they are. */
static const char *const key_folders[] = { ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker" };

static const long kernel_views[] = {
        BPF_FS_MAGIC, CGROUP2_SUPER_MAGIC, CGROUP_SUPER_MAGIC, CONFIGFS_MAGIC_, DEBUGFS_MAGIC, EFIVARFS_MAGIC,
        NSFS_MAGIC, PROC_SUPER_MAGIC, PSTOREFS_MAGIC, SECURITYFS_MAGIC, SELINUX_MAGIC, SYSFS_MAGIC, TRACEFS_MAGIC,
};

static bool has_component(const char *path, const char *name)
{
        size_t length = strlen(name);

        for (const char *at = strstr(path, name); at != NULL; at = strstr(at + 1, name)) {
                if (at > path && at[-1] == '/' && (at[length] == '\0' || at[length] == '/'))
                        return true;
        }
        return false;
}

/* Why this path may not be bound; NULL when it may. */
static const char *why_place_denied(struct judge *judge, const char *path)
{
        const char *rootfs = judge->host->rootfs_real_path;

        for (size_t i = 0; i < sizeof denied_trees / sizeof *denied_trees; i++) {
                if (policy_paths_is_in(path, denied_trees[i]))
                        return arena_format(judge->arena, "%s is in %s, which is not for builds; drop the mount", path,
                                            denied_trees[i]);
        }
        if (IS_ONE_OF(path, denied_folders) || policy_paths_depth_in(path, "/home") == 1 ||
            policy_paths_depth_in(path, "/run/user") == 1)
                return arena_format(judge->arena, "%s holds sockets and keys of the host; mount a folder below it that "
                                    "the build needs", path);
        for (size_t i = 0; i < sizeof storage_roots / sizeof *storage_roots; i++) {
                int depth = policy_paths_depth_in(path, storage_roots[i]);

                if (depth == 0 || depth == 1)
                        return arena_format(judge->arena, "%s holds what belongs to all containers of an engine; mount "
                                            "a volume instead", path);
        }
        for (size_t i = 0; i < sizeof key_folders / sizeof *key_folders; i++) {
                if (has_component(path, key_folders[i]))
                        return arena_format(judge->arena, "%s is where people keep their keys; hand over a secret "
                                            "instead", path);
        }
        if (rootfs != NULL && strcmp(path, rootfs) != 0 && policy_paths_is_in(rootfs, path))
                return arena_format(judge->arena, "%s holds the build's own rootfs, so an engine's storage; mount a "
                                    "folder beside it", path);
        return NULL;
}

bool mounts_is_standard_device(const struct host_source *source)
{
        return S_ISCHR(source->mode) &&
               policy_devices_is_standard(S_IFCHR, major(source->rdev), minor(source->rdev));
}

/* Files that every user of the host may read anyway. */
static bool is_public(const struct host_source *source)
{
        mode_t needed = S_ISDIR(source->mode) ? S_IROTH | S_IXOTH : S_IROTH;

        return (S_ISREG(source->mode) || S_ISDIR(source->mode)) && (source->mode & needed) == needed;
}

bool mounts_is_of_etc(const struct host_source *source)
{
        return policy_paths_is_in(source->real_path, "/etc") ||
               (source->origin_path != NULL && policy_paths_is_in(source->origin_path, "/etc"));
}

static bool is_engine_socket(const char *name)
{
        static const char *const patterns[] = {
                "*docker*.sock", "*podman*.sock", "*containerd*.sock", "*crio*.sock", "*buildkit*.sock",
        };

        for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
                if (text_matches(patterns[i], name))
                        return true;
        }
        return false;
}

/* Each of the profiles that were put together lists it: then neither our places nor their denials count. */
static bool is_listed(const struct policy_mounts *mounts, const char *path)
{
        for (; mounts != NULL; mounts = mounts->also) {
                if (policy_patterns_find_match(&mounts->allow, path) == NULL)
                        return false;
        }
        return true;
}

static bool may_be_socket(const struct policy_mounts *mounts, const char *path)
{
        for (; mounts != NULL; mounts = mounts->also) {
                if (mounts->sockets == POLICY_SOCKETS_REFUSE &&
                    policy_patterns_find_match(&mounts->allow, path) == NULL)
                        return false;
        }
        return true;
}

/* Why the profile denies it; NULL when it does not. A folder shows what lies below, so it is denied with that. */
static const char *why_denied_by_profile(struct judge *judge, const char *path)
{
        for (const struct policy_mounts *mounts = &judge->policy->profile.mounts; mounts != NULL;
             mounts = mounts->also) {
                const char *pattern = policy_patterns_find_reach(&mounts->deny, path);

                if (pattern == NULL || policy_patterns_find_match(&mounts->allow, path) != NULL)
                        continue;
                if (policy_patterns_match(pattern, path))
                        return arena_format(judge->arena, "%s is denied by \"%s\"; drop the mount", path, pattern);
                return arena_format(judge->arena, "%s holds what \"%s\" denies; mount a folder below it that the build "
                                    "needs", path, pattern);
        }
        return NULL;
}

/* By the profile, or by our own list of places. */
static const char *why_denied(struct judge *judge, const char *path)
{
        const char *why = why_denied_by_profile(judge, path);

        if (why == NULL && !is_listed(&judge->policy->profile.mounts, path))
                why = why_place_denied(judge, path);
        return why;
}

/* Returns false when refused. */
bool mounts_judge_source(struct judge *judge, struct mount_candidate *c)
{
        const struct host_source *source = c->source;
        const char *name = c->mount.source != NULL ? c->mount.source : "";
        const char *why;

        if (source == NULL || !source->is_known) {
                mounts_refuse_source(judge, c, "mounts.sources",
                       arena_format(judge->arena, "%s was not looked at; drop the mount", name));
                return false;
        }
        if (source->error != 0) /* carrying it out says why, with the errno's own words */
                return true;
        if (!S_ISCHR(source->mode) && !S_ISBLK(source->mode) &&
            judge_excepts(judge, "mounts.sources", mounts_property(judge, c),
                          arena_format(judge->arena, "mount:%s", source->real_path)))
                return true;
        if (S_ISSOCK(source->mode)) {
                bool is_engines = is_engine_socket(name) || is_engine_socket(source->real_path) ||
                                  is_engine_socket(c->mount.target);

                if (!is_engines && may_be_socket(&judge->policy->profile.mounts, source->real_path)) {
                        why = why_denied_by_profile(judge, source->real_path);
                        if (why != NULL)
                                mounts_refuse_source(judge, c, "mounts.sources", why);
                        return why == NULL;
                }
                if (mounts_drop_trace_socket(judge, c))
                        return false;
                why = is_engines
                              ? "is an engine socket"
                              : "is a socket, behind which a program of the host listens";
                mounts_refuse_source(judge, c, "mounts.sockets",
                              arena_format(judge->arena, "%s %s; drop the mount", name, why));
                return false;
        }
        if (S_ISCHR(source->mode) || S_ISBLK(source->mode)) {
                c->is_device = mounts_is_standard_device(source) ||
                               policy_devices_is_listed(judge, source->mode & S_IFMT, major(source->rdev),
                                                        minor(source->rdev)) ||
                               policy_devices_excepts(judge, mounts_property(judge, c), source->mode & S_IFMT,
                                                      major(source->rdev), minor(source->rdev));
                if (c->is_device)
                        return true;
                judge_refuse(judge, "devices", mounts_property(judge, c), name,
                             arena_format(judge->arena, "device:%s", name),
                             "device %s (%c %u:%u) is not one of null, zero, full, random, urandom and tty; drop the "
                             "mount, have the policy file list it in the profile's \"devices\"",
                             name, S_ISBLK(source->mode) ? 'b' : 'c', major(source->rdev), minor(source->rdev));
                return false;
        }
        for (size_t i = 0; i < sizeof kernel_views / sizeof *kernel_views; i++) {
                if ((unsigned long)source->fs_magic == (unsigned long)kernel_views[i]) {
                        mounts_refuse_source(judge, c, "mounts.sources",
                               arena_format(judge->arena, "%s is a view of the host's kernel; drop the mount", name));
                        return false;
                }
        }
        if (source->engine_socket != NULL) {
                mounts_refuse_source(judge, c, "mounts.sockets",
                       arena_format(judge->arena, "%s holds the engine socket %s; mount a folder below it that the "
                                    "build needs", name, source->engine_socket));
                return false;
        }
        if (source->below_view != NULL) {
                mounts_refuse_source(
                        judge, c, "mounts.sources",
                        arena_format(judge->arena,
                                     "%s holds %s, a mount that is a view of the host's kernel; mount it with \"bind\" "
                                     "and not \"rbind\", or a folder beside it",
                                     name, source->below_view));
                return false;
        }
        if (source->below_socket != NULL) {
                mounts_refuse_source(
                        judge, c, "mounts.sockets",
                        arena_format(judge->arena,
                                     "%s holds %s, a mount that an engine's or another program's socket is in; mount "
                                     "it with \"bind\" and not \"rbind\", or a folder beside it",
                                     name, source->below_socket));
                return false;
        }
        if (policy_paths_depth_in(source->real_path, "/dev/shm") > 0 &&
            why_denied_by_profile(judge, source->real_path) == NULL)
                return true;
        if (mounts_is_of_etc(source) && !is_public(source) &&
            !is_listed(&judge->policy->profile.mounts, source->real_path)) {
                mounts_refuse_source(judge, c, "mounts.sources",
                       arena_format(judge->arena, "%s is in /etc and not for every user to read; hand over a secret "
                                    "instead", name));
                return false;
        }
        why = why_denied(judge, source->real_path);
        if (why == NULL && source->origin_path != NULL)
                why = why_denied(judge, source->origin_path);
        if (why != NULL) {
                mounts_refuse_source(judge, c, "mounts.sources", why);
                return false;
        }
        return true;
}
