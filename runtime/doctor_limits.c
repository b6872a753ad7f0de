/* Limits: which controllers of cgroups there are, against what the profiles set; and what bounds the caller itself,
 * which no build can exceed. */
#include "runtime/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/systemd.h"

#define TOP "/sys/fs/cgroup"
#define FILE_LIMIT ((size_t)1 << 20)

struct controllers {
        bool is_v2;
        const char *folder; /* v2: whose controllers count; v1: TOP */
        char *available; /* v2: cgroup.controllers */
};

static char *read_text(struct arena *arena, const char *path)
{
        auto_free char *text = NULL;
        size_t length;

        if (fd_read_file(AT_FDCWD, path, FILE_LIMIT, &text, &length) < 0)
                return NULL;
        text[strcspn(text, "\n") == length - 1 ? length - 1 : length] = '\0';
        return arena_string(arena, text);
}

static bool has_word(const char *list, const char *word)
{
        size_t length = strlen(word), n;

        for (const char *at = list; at != NULL && *at != '\0'; at += n) {
                at += strspn(at, " \n,");
                n = strcspn(at, " \n,");
                if (n == length && memcmp(at, word, n) == 0)
                        return true;
        }
        return false;
}

/* v1: is there a hierarchy of it, by /proc/self/mounts? One that another mount covers is out of
 * reach. */
static bool has_hierarchy(struct arena *arena, const char *name)
{
        char *mounts = read_text(arena, "/proc/self/mounts"), *rest = NULL;

        for (char *line = mounts != NULL ? strtok_r(mounts, "\n", &rest) : NULL; line != NULL;
             line = strtok_r(NULL, "\n", &rest)) {
                char path[256], type[32], options[512];
                struct statfs fs;

                if (sscanf(line, "%*s %255s %31s %511s", path, type, options) == 3 && strcmp(type, "cgroup") == 0 &&
                    has_word(options, name) && statfs(path, &fs) == 0 && fs.f_type == CGROUP_SUPER_MAGIC)
                        return true;
        }
        return false;
}

static bool has_controller(struct doctor *doctor, const struct controllers *controllers, const char *v2, const char *v1)
{
        return controllers->is_v2 ? has_word(controllers->available, v2) : has_hierarchy(doctor->arena, v1);
}

/* The folder below which a plain user's containers go: the one above his own (runtime/cgroups.c). */
static const char *delegated_folder(struct doctor *doctor)
{
        char *text = read_text(doctor->arena, "/proc/self/cgroup"), *path = text != NULL ? strstr(text, "0::/") : NULL,
             *slash;

        if (path == NULL)
                return TOP;
        path += strlen("0::");
        path[strcspn(path, "\n")] = '\0';
        slash = strrchr(path, '/');
        return arena_format(doctor->arena, TOP "%.*s", (int)(slash - path), path);
}

static void look_at_cgroups(struct doctor *doctor, struct controllers *controllers)
{
        struct statfs fs;

        controllers->is_v2 = statfs(TOP, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
        controllers->folder =
                controllers->is_v2 && doctor->privilege != HOST_REAL_ROOT ? delegated_folder(doctor) : TOP;
        if (controllers->is_v2 && controllers->folder != NULL) {
                char *path = arena_format(doctor->arena, "%s/cgroup.controllers", controllers->folder);

                controllers->available = path != NULL ? read_text(doctor->arena, path) : NULL;
        }
        if (!controllers->is_v2)
                doctor_add(doctor, DOCTOR_WEAKER, "cgroups", "version 1",
                           "plain users have no limits, a cgroup is ended process by "
                           "process, and memory and I/O are counted apart",
                           "boot with systemd.unified_cgroup_hierarchy=1");
        else if (doctor->privilege != HOST_REAL_ROOT && access(controllers->folder, W_OK) < 0)
                doctor_add(doctor, DOCTOR_WEAKER, "cgroups",
                           arena_format(doctor->arena, "version 2; %s is not this user's", controllers->folder),
                           "this user's builds have no limits; those that are asked for are refused",
                           "let systemd delegate it (Delegate=yes of the user's service or scope)");
        else
                doctor_add(doctor, DOCTOR_OK, "cgroups", "version 2", NULL, NULL);
}

/* Where systemd runs, engines ask for its cgroups by default. */
static void look_at_systemd(struct doctor *doctor)
{
        if (access("/run/systemd/system", F_OK) < 0)
                return;
        if (!systemd_is_supported())
                doctor_add(doctor, DOCTOR_WEAKER, "cgroups.systemd", "built without libsystemd",
                           "engines whose cgroup manager is systemd are refused",
                           "set it to cgroupfs, or build runb with libsystemd-dev installed");
        else if (access(RUNB_SYSTEMD_HELPER, X_OK) < 0)
                doctor_add(doctor, DOCTOR_WEAKER, "cgroups.systemd", RUNB_SYSTEMD_HELPER " is not there",
                           "engines whose cgroup manager is systemd are refused", "make install");
        else
                doctor_add(doctor, DOCTOR_OK, "cgroups.systemd", "by " RUNB_SYSTEMD_HELPER, NULL, NULL);
}

/* Which profile sets the limit? NULL: none. One of the file's own demands comes first. */
static const char *who_sets(const struct doctor *doctor, enum policy_limit limit, bool *ret_is_demanded)
{
        const char *name = NULL;

        *ret_is_demanded = false;
        for (size_t i = 0; i < doctor->n_profiles; i++) {
                const struct policy_limit_value *value = &doctor->profiles[i].limits[limit];

                if (!value->is_set || (name != NULL && !value->is_demanded))
                        continue;
                name = doctor->profiles[i].name;
                *ret_is_demanded = value->is_demanded;
                if (value->is_demanded)
                        break;
        }
        return name;
}

static bool has_swap(const struct controllers *controllers)
{
        /* The root of v2 has no such file; every other cgroup has where swap is counted. */
        if (controllers->is_v2)
                return has_word(controllers->available, "memory") && access("/proc/swaps", F_OK) == 0;
        return access(TOP "/memory/memory.memsw.limit_in_bytes", F_OK) == 0;
}

static void look_at_controllers(struct doctor *doctor, const struct controllers *controllers)
{
        static const struct {
                const char *name, *v2, *v1;
                enum policy_limit limit;
        } limits[] = {
                { "limits.pids", "pids", "pids", POLICY_LIMIT_PIDS },
                { "limits.memory", "memory", "memory", POLICY_LIMIT_MEMORY },
                { "limits.swap", "memory", "memory", POLICY_LIMIT_SWAP },
                { "limits.cpus", "cpu", "cpu", POLICY_LIMIT_CPUS },
                { "limits.ioWeight", "io", "blkio", POLICY_LIMIT_IO_WEIGHT },
        };

        for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
                bool is_there = has_controller(doctor, controllers, limits[i].v2, limits[i].v1), is_demanded;
                const char *profile = who_sets(doctor, limits[i].limit, &is_demanded);

                if (limits[i].limit == POLICY_LIMIT_SWAP && is_there)
                        is_there = has_swap(controllers);
                if (is_there)
                        doctor_add(doctor, DOCTOR_OK, limits[i].name, controllers->is_v2 ? limits[i].v2 : limits[i].v1,
                                   NULL, NULL);
                else if (is_demanded)
                        doctor_add(doctor, DOCTOR_MISSING, limits[i].name, "no controller",
                                   arena_format(doctor->arena,
                                                "profile \"%s\" "
                                                "sets it: its containers are refused",
                                                profile),
                                   "mount the controller, or have it delegated");
                else
                        doctor_add(doctor, DOCTOR_WEAKER, limits[i].name, "no controller",
                                   profile != NULL ? "the built-in limit is left "
                                                     "out; a config.json that asks for one is refused"
                                                   : "a config.json that asks for it is refused",
                                   "mount the controller, or have it delegated");
        }
        if (!controllers->is_v2 && doctor->privilege == HOST_REAL_ROOT && !has_hierarchy(doctor->arena, "devices"))
                doctor_add(doctor, DOCTOR_WEAKER, "cgroups.devices", "no controller",
                           "the list of devices has one guard less (no "
                           "device node can be made or opened in a rootfs either way)",
                           "mount the controller");
}

/* ---- the caller ---- */

static void look_at_rlimits(struct doctor *doctor)
{
        static const struct {
                const char *name;
                __rlimit_resource_t resource;
                rlim_t least;
        } limits[] = {
                { "caller.nofile", RLIMIT_NOFILE, 1024 },
                { "caller.nproc", RLIMIT_NPROC, 4096 },
        };

        for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
                struct rlimit limit;
                char found[32];

                if (getrlimit(limits[i].resource, &limit) < 0)
                        continue;
                if (limit.rlim_max == RLIM_INFINITY)
                        snprintf(found, sizeof found, "no limit");
                else
                        snprintf(found, sizeof found, "%llu", (unsigned long long)limit.rlim_max);
                doctor_add(doctor, limit.rlim_max < limits[i].least ? DOCTOR_WEAKER : DOCTOR_OK, limits[i].name, found,
                           "builds inherit it and may run out",
                           "raise it for the engine's service (LimitNOFILE=, LimitNPROC=)");
        }
}

/* The limits of the cgroup that this command runs in: a shell's, not the engine's, so found and not judged. */
static void look_at_own_cgroup(struct doctor *doctor, const struct controllers *controllers)
{
        static const struct {
                const char *name, *file;
        } files[] = { { "caller.memory", "memory.max" }, { "caller.pids", "pids.max" } };
        char *text = read_text(doctor->arena, "/proc/self/cgroup"), *path = text != NULL ? strstr(text, "0::/") : NULL;

        if (!controllers->is_v2 || path == NULL)
                return;
        path += strlen("0::");
        path[strcspn(path, "\n")] = '\0';
        for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
                char *file = arena_format(doctor->arena, TOP "%s/%s", path, files[i].file);
                char *value = file != NULL ? read_text(doctor->arena, file) : NULL;

                if (value != NULL)
                        doctor_add(doctor, DOCTOR_OK, files[i].name, strcmp(value, "max") == 0 ? "no limit" : value,
                                   NULL, NULL);
        }
}

void doctor_look_at_limits(struct doctor *doctor)
{
        struct controllers controllers = { 0 };

        look_at_cgroups(doctor, &controllers);
        look_at_systemd(doctor);
        look_at_controllers(doctor, &controllers);
        look_at_rlimits(doctor);
        look_at_own_cgroup(doctor, &controllers);
}
