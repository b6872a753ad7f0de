/* What the build sees of /proc and /sys, and which folders of the host can be an image at all.
 *
 * The lists are what engines ask for themselves; they are added since an engine can be told to leave them out
 * (--security-opt unmask=ALL), and since most of these files tell of the host or control it. */
#include "policies/paths.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "policies/judge.h"

static const char *const masked_paths[] = {
        "/proc/acpi",
        "/proc/asound",
        "/proc/interrupts",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/sched_debug",
        "/proc/scsi",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/sys/dev/block",
        "/sys/devices/virtual/powercap",
        "/sys/firmware",
        "/sys/fs/selinux",
};

static const char *const readonly_paths[] = {
        "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

/* Folders of a host that nobody means as an image. */
static const char *const host_folders[] = {
        "/",     "/bin", "/boot", "/dev", "/etc",    "/home",    "/lib", "/lib64", "/opt", "/proc",
        "/root", "/run", "/sbin", "/sys", "/tmp",    "/usr",     "/var", "/var/lib", "/var/run", "/var/tmp",
};

const char *policy_paths_clean(struct arena *arena, const char *path)
{
        char *clean = arena_alloc(arena, strlen(path) + 2);
        size_t length = 0;

        if (clean == NULL)
                return NULL;
        while (*path != '\0') {
                size_t n;

                path += strspn(path, "/");
                n = strcspn(path, "/");
                if (n == 2 && path[0] == '.' && path[1] == '.') {
                        while (length > 0 && clean[--length] != '/')
                                ;
                } else if (n > 0 && !(n == 1 && path[0] == '.')) {
                        clean[length++] = '/';
                        memcpy(clean + length, path, n);
                        length += n;
                }
                path += n;
        }
        if (length == 0)
                clean[length++] = '/';
        clean[length] = '\0';
        return clean;
}

bool policy_paths_is_in(const char *path, const char *folder)
{
        size_t length = strlen(folder);

        if (strcmp(folder, "/") == 0)
                return true;
        return strncmp(path, folder, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

int policy_paths_depth_in(const char *path, const char *folder)
{
        int depth = 0;

        if (!policy_paths_is_in(path, folder))
                return -1;
        if (strcmp(folder, "/") != 0)
                path += strlen(folder);
        for (; *path != '\0'; path++)
                depth += *path == '/' && path[1] != '\0';
        return depth;
}

static int add_paths(struct judge *judge, const char *property, const char *const *wanted, size_t n_wanted,
                     const char *const **paths, size_t *n_paths)
{
        const char **all = arena_array(judge->arena, *n_paths + n_wanted, sizeof *all);
        char added[512] = "";
        size_t length = 0, n = *n_paths;

        if (all == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < *n_paths; i++)
                all[i] = (*paths)[i];
        for (size_t i = 0; i < n_wanted; i++) {
                bool is_there = false;

                for (size_t k = 0; k < *n_paths && !is_there; k++)
                        is_there = strcmp(all[k], wanted[i]) == 0;
                if (is_there)
                        continue;
                all[n++] = wanted[i];
                if (length < sizeof added)
                        length += (size_t)snprintf(added + length, sizeof added - length, "%s%s",
                                                   length > 0 ? ", " : "", wanted[i]);
        }
        if (n > *n_paths)
                judge_tighten(judge, "paths", property, arena_format(judge->arena, "%zu paths", *n_paths),
                              arena_format(judge->arena, "%zu paths, with %s", n, added));
        *paths = all;
        *n_paths = n;
        return 0;
}

static void judge_rootfs(struct judge *judge, struct sandbox *sandbox)
{
        const char *path = judge->host->rootfs_real_path;

        if (path != NULL) {
                for (size_t i = 0; i < sizeof host_folders / sizeof *host_folders; i++) {
                        if (strcmp(path, host_folders[i]) == 0)
                                judge_refuse(judge, "rootfs.host", "root.path", path, NULL,
                                             "%s is the host's own, not an image; unpack an image somewhere else",
                                             path);
                }
                if (policy_paths_is_in(path, "/proc") || policy_paths_is_in(path, "/sys"))
                        judge_refuse(judge, "rootfs.host", "root.path", path, NULL,
                                     "%s is a view of the kernel, not an image; unpack an image somewhere else", path);
        }
        /* The tree is a clone of its own all the same: its peers are those of the container's mount namespace. */
        if ((sandbox->spec.linux_.rootfs_propagation & MS_SHARED) &&
            !judge_excepts(judge, "rootfs.propagation", "linux.rootfsPropagation", "rootfs.propagation"))
                judge_refuse(judge, "rootfs.propagation", "linux.rootfsPropagation", "shared", "rootfs.propagation",
                             "rootfsPropagation \"shared\" would show mounts of the build to the host; ask for "
                             "\"rslave\" or \"private\"");
}

static void judge_cgroup(struct judge *judge, const struct spec_linux *linux_)
{
        const char *path = linux_->cgroups_path;
        bool is_named = false;

        if (path == NULL || path[0] == '\0')
                return;
        for (const char *part = path; *part != '\0';) {
                size_t n;

                part += strspn(part, "/:");
                n = strcspn(part, "/:");
                if (n == 2 && part[0] == '.' && part[1] == '.') {
                        judge_refuse(judge, "cgroups.path", "linux.cgroupsPath", path, NULL,
                                     "cgroupsPath %s climbs with \"..\"; name the cgroup itself", path);
                        return;
                }
                is_named = is_named || (n > 0 && !(n == 1 && part[0] == '.'));
                part += n;
        }
        if (!is_named && strchr(path, ':') == NULL)
                judge_refuse(judge, "cgroups.path", "linux.cgroupsPath", path, NULL,
                             "cgroupsPath %s is the root of the hierarchy; name a cgroup below it", path);
}

int policy_paths_judge(struct judge *judge, struct sandbox *sandbox)
{
        struct spec_linux *linux_ = &sandbox->spec.linux_;
        int r;

        judge_rootfs(judge, sandbox);
        judge_cgroup(judge, linux_);
        r = add_paths(judge, "linux.maskedPaths", masked_paths, sizeof masked_paths / sizeof *masked_paths,
                      &linux_->masked_paths, &linux_->n_masked_paths);
        if (r < 0)
                return r;
        return add_paths(judge, "linux.readonlyPaths", readonly_paths, sizeof readonly_paths / sizeof *readonly_paths,
                         &linux_->readonly_paths, &linux_->n_readonly_paths);
}
