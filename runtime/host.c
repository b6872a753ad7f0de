/* Looks at the host before anything is judged.
 *
 * It lies on the way of every start, so it asks for what the spec names and stops at the first answer. What concerns
 * files, hooks, namespaces and ids is in host_files.c and its like; this one knows the caller. */
#include "runtime/host_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/landlock.h"

#define MAP_LIMIT_BYTES ((size_t)64 << 10)      /* user_namespaces(7): 340 lines at most */

/* ---- the caller ---- */

/* Lines of /proc/PID/uid_map: inside, outside, size. */
static int parse_map(struct arena *arena, char *text, const struct spec_id_map **ret_map, size_t *ret_n)
{
        struct spec_id_map *map;
        size_t n = 0, lines = 0;

        for (const char *s = text; *s != '\0'; s++)
                lines += *s == '\n';
        map = arena_array(arena, lines + 1, sizeof *map);
        if (map == NULL)
                return -ENOMEM;
        for (char *line = text; *line != '\0';) {
                char *end = strchrnul(line, '\n');
                bool is_last = *end == '\0';

                *end = '\0';
                if (n <= lines &&
                    sscanf(line, "%u %u %u", &map[n].inside, &map[n].outside, &map[n].size) == 3)
                        n++;
                line = is_last ? end : end + 1;
        }
        *ret_map = map;
        *ret_n = n;
        return 0;
}

int host_read_map(struct arena *arena, int dir_fd, const char *path, const struct spec_id_map **ret_map,
                  size_t *ret_n)
{
        auto_free char *text = NULL;
        size_t length;
        int r = fd_read_file(dir_fd, path, MAP_LIMIT_BYTES, &text, &length);

        if (r < 0)
                return r;
        return parse_map(arena, text, ret_map, ret_n);
}

static bool is_whole(const struct spec_id_map *map, size_t n)
{
        return n == 1 && map[0].inside == 0 && map[0].outside == 0 && map[0].size == UINT32_MAX;
}

static enum host_privilege privilege_of(const struct spec_id_map *map, size_t n)
{
        if (geteuid() != 0)
                return HOST_PLAIN_USER;
        return is_whole(map, n) ? HOST_REAL_ROOT : HOST_ENGINE_ROOT;
}

enum host_privilege host_privilege(void)
{
        auto_arena struct arena arena = { 0 };
        const struct spec_id_map *map;
        size_t n;

        if (host_read_map(&arena, AT_FDCWD, "/proc/self/uid_map", &map, &n) < 0)
                return HOST_PLAIN_USER;
        return privilege_of(map, n);
}

static bool has_capability(unsigned number)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

        if (syscall(SYS_capget, &header, data) < 0)
                return false;
        return (data[number / 32].effective & 1u << number % 32) != 0;
}

/* setrlimit(2): a hard limit is raised only with CAP_SYS_RESOURCE in the initial user namespace. */
static uint64_t core_limit_most(enum host_privilege privilege)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_CORE, &limit) < 0 || limit.rlim_max == RLIM_INFINITY)
                return UINT64_MAX;
        if (privilege == HOST_REAL_ROOT && has_capability(CAP_SYS_RESOURCE))
                return UINT64_MAX;
        return limit.rlim_max;
}

static uint64_t hard_limit(__rlimit_resource_t resource)
{
        struct rlimit limit;

        return getrlimit(resource, &limit) == 0 ? limit.rlim_max : UINT64_MAX;
}

static struct host_rlimit own_rlimit(int resource)
{
        struct rlimit limit;

        if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
                return (struct host_rlimit){ UINT64_MAX, UINT64_MAX };
        return (struct host_rlimit){ limit.rlim_cur, limit.rlim_max };
}

void host_gather_rlimits(const struct policy *policy, struct host *host)
{
        if (policy->profile.limits[POLICY_LIMIT_NOFILE].is_set)
                host->nofile = own_rlimit(RLIMIT_NOFILE);
        if (policy->profile.limits[POLICY_LIMIT_FSIZE].is_set)
                host->fsize = own_rlimit(RLIMIT_FSIZE);
}

int host_gather_caller(struct arena *arena, struct host *ret_host, struct error *err)
{
        struct host host = { .has_nf_tables = true };
        struct utsname name;
        struct statfs fs;
        int r;

        r = host_read_map(arena, AT_FDCWD, "/proc/self/uid_map", &host.own_uid_map, &host.n_own_uid_map);
        if (r < 0)
                return error_errno(err, r, "reading /proc/self/uid_map (is /proc mounted?)");
        host.privilege = privilege_of(host.own_uid_map, host.n_own_uid_map);
        if (host.privilege == HOST_REAL_ROOT) { /* the initial user namespace maps every group, too */
                host.own_gid_map = host.own_uid_map;
                host.n_own_gid_map = host.n_own_uid_map;
        } else {
                r = host_read_map(arena, AT_FDCWD, "/proc/self/gid_map", &host.own_gid_map, &host.n_own_gid_map);
                if (r < 0)
                        return error_errno(err, r, "reading /proc/self/gid_map");
        }

        if (uname(&name) == 0 && sscanf(name.release, "%u.%u", &host.kernel_major, &host.kernel_minor) != 2)
                host.kernel_major = host.kernel_minor = 0;
        host.can_map_tmpfs = host.kernel_major > 6 || (host.kernel_major == 6 && host.kernel_minor >= 3);
        host.is_cgroup2 = statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
        host.has_seccomp = prctl(PR_GET_SECCOMP) >= 0;
        host.core_limit_most = core_limit_most(host.privilege);
        host.rtprio_limit = hard_limit(RLIMIT_RTPRIO);
        host.nice_limit = hard_limit(RLIMIT_NICE);
        *ret_host = host;
        return 0;
}

/* ---- the whole ---- */

static int look(const struct spec *spec, const char *bundle, struct arena *arena, struct host *host)
{
        const struct spec_linux *linux_ = &spec->linux_;
        struct host_namespace *joined = &host->namespaces[SPEC_NS_USER];
        int r;

        host_look_at_rootfs(spec, bundle, arena, host);
        r = host_look_at_sources(spec, bundle, arena, host);
        if (r < 0)
                return r;
        r = host_look_at_hooks(spec, arena, host);
        if (r == 0)
                r = host_look_at_listener(spec, arena, host);
        if (r < 0)
                return r;
        for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS; kind++) {
                if (linux_->namespaces[kind].path == NULL)
                        continue;
                r = host_look_at_namespace(arena, kind, linux_->namespaces[kind].path, &host->namespaces[kind]);
                if (r < 0)
                        return r;
        }
        if (linux_->namespaces[SPEC_NS_NET].path != NULL || !linux_->namespaces[SPEC_NS_NET].is_given)
                host->landlock_abi = landlock_abi();
        if (host->privilege != HOST_REAL_ROOT)
                return 0;
        r = host_look_at_ids(arena, linux_->uid_map, linux_->n_uid_map, linux_->gid_map, linux_->n_gid_map,
                                     &host->uid_map_ids, &host->gid_map_ids);
        if (r < 0)
                return r;
        return host_look_at_ids(arena, joined->uid_map, joined->n_uid_map, joined->gid_map, joined->n_gid_map,
                                        &joined->uid_map_ids, &joined->gid_map_ids);
}

int host_gather(const struct spec *spec, const char *bundle, struct arena *arena, struct host *ret_host,
                struct error *err)
{
        struct host host;
        int r = host_gather_caller(arena, &host, err);

        if (r < 0)
                return r;
        r = look(spec, bundle, arena, &host);
        if (r < 0)
                return error_errno(err, r, "looking at the host");
        *ret_host = host;
        return 0;
}
