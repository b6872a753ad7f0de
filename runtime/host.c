/* Looks at the host before anything is judged.
 *
 * It lies on the way of every start, so it asks for what the spec names and stops at the first answer. Files are opened
 * with O_PATH: a look neither blocks on a fifo nor touches a device. The facts name the inode that was seen, so that
 * whoever mounts it later can tell when another file has taken its place. */
#include "runtime/host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"
#include "runtime/landlock.h"
#include "runtime/origins.h"
#include "runtime/subid.h"

#define MAP_LIMIT_BYTES ((size_t)64 << 10)      /* user_namespaces(7): 340 lines at most */
#define USERS_LIMIT_BYTES ((size_t)16 << 20)
#define ID_NOBODY 65534         /* what an unmapped owner looks like (proc(5), overflowuid) */

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

static int read_map(struct arena *arena, int dir_fd, const char *path, const struct spec_id_map **ret_map,
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

        if (read_map(&arena, AT_FDCWD, "/proc/self/uid_map", &map, &n) < 0)
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

        r = read_map(arena, AT_FDCWD, "/proc/self/uid_map", &host.own_uid_map, &host.n_own_uid_map);
        if (r < 0)
                return error_errno(err, r, "reading /proc/self/uid_map (is /proc mounted?)");
        host.privilege = privilege_of(host.own_uid_map, host.n_own_uid_map);
        if (host.privilege == HOST_REAL_ROOT) { /* the initial user namespace maps every group, too */
                host.own_gid_map = host.own_uid_map;
                host.n_own_gid_map = host.n_own_uid_map;
        } else {
                r = read_map(arena, AT_FDCWD, "/proc/self/gid_map", &host.own_gid_map, &host.n_own_gid_map);
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

/* ---- files ---- */

/* The path of an open file, links resolved; NULL where it has none. */
static const char *path_of(struct arena *arena, int fd)
{
        char link[64], path[PATH_MAX];
        ssize_t length;

        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        length = readlink(link, path, sizeof path);
        if (length <= 0 || (size_t)length >= sizeof path || path[0] != '/')
                return NULL;
        return arena_string_n(arena, path, (size_t)length);
}

static const char *from_bundle(struct arena *arena, const char *bundle, const char *path)
{
        return path[0] == '/' ? path : arena_format(arena, "%s/%s", bundle, path);
}

static bool bars_everyone(const struct stat *st)
{
        return S_ISDIR(st->st_mode) && st->st_uid == 0 && (st->st_mode & S_IXOTH) == 0 &&
               ((st->st_mode & S_IXGRP) == 0 || st->st_gid == 0);
}

/* Is @path, or a folder above it down to but without @top, root's alone? @top: a folder above, "" for all of them. */
static bool is_in_private_folder(const char *path, const char *top)
{
        char folder[PATH_MAX];
        size_t length = strlen(path);
        struct stat st;

        if (length >= sizeof folder)
                return false;
        memcpy(folder, path, length + 1);
        while (length > strlen(top) && length > 1) {
                if (lstat(folder, &st) == 0 && bars_everyone(&st))
                        return true;
                while (length > 0 && folder[--length] != '/')
                        ;
                folder[length] = '\0';
        }
        return false;
}

static int look_at_origin(struct origins *origins, struct arena *arena, int fd, const struct stat *st, bool is_writable,
                          struct host_source *source)
{
        struct origin origin;
        int r = origins_find(origins, arena, fd, source->real_path, &origin);

        if (r < 0)
                return r;
        source->origin_path = origin.path;
        /* Only what the build can write to poses the question. */
        if (!is_writable)
                return 0;
        if (origin.path != NULL)
                source->is_private_folder = is_in_private_folder(origin.path, "");
        else if (origin.is_whole)
                source->is_private_folder = is_in_private_folder(source->real_path, "");
        else /* nothing above the mount counts: who knows where else it is */
                source->is_private_folder = bars_everyone(st) ||
                                            (origin.top != NULL && is_in_private_folder(source->real_path, origin.top));
        return 0;
}

static const char *engine_socket_in(int folder_fd)
{
        static const char *const names[] = {
                "docker.sock",     "podman/podman.sock", "podman.sock",          "containerd/containerd.sock",
                "containerd.sock", "crio/crio.sock",     "buildkit/buildkitd.sock", "buildkitd.sock",
        };
        struct stat st;

        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                if (fstatat(folder_fd, names[i], &st, AT_NO_AUTOMOUNT) == 0 && S_ISSOCK(st.st_mode))
                        return names[i];
        }
        return NULL;
}

static int look_at_source(struct origins *origins, struct arena *arena, const char *path, bool is_writable,
                          struct host_source *source)
{
        auto_close int fd = UNSET_FD;
        struct stat st;
        struct statfs fs;

        source->is_known = true;
        fd = open(path, O_PATH | O_CLOEXEC);
        if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == AUTOFS_SUPER_MAGIC) {
                /* open(2): O_PATH alone stops before what would be mounted there; mounting it does not. */
                close(take_fd(&fd));
                fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        }
        if (fd < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0) {
                source->error = errno;
                return 0;
        }
        source->real_path = path_of(arena, fd);
        if (source->real_path == NULL) {
                source->error = ENOENT;
                return 0;
        }
        source->mode = st.st_mode;
        source->uid = st.st_uid;
        source->gid = st.st_gid;
        source->device = st.st_dev;
        source->inode = st.st_ino;
        source->rdev = st.st_rdev;
        source->fs_magic = fs.f_type;
        source->fs_bytes = (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize;
        source->mount_flags = (uint64_t)fs.f_flags;
        if (S_ISDIR(st.st_mode))
                source->engine_socket = engine_socket_in(fd);
        return look_at_origin(origins, arena, fd, &st, is_writable && (fs.f_flags & ST_NOSUID) == 0, source);
}

/* copy-symlink of crun: where the source is a link, the link is what is wanted. */
static int look_at_link(struct arena *arena, const char *path, struct host_source *source)
{
        char text[PATH_MAX];
        ssize_t n = readlink(path, text, sizeof text);

        if (n <= 0 || (size_t)n >= sizeof text)
                return 0;
        source->link = arena_string_n(arena, text, (size_t)n);
        return source->link == NULL ? -ENOMEM : 0;
}

static bool is_writable_bind(const struct spec_mount *mount)
{
        return ((mount->attr_set | mount->attr_set_recursive) & MOUNT_ATTR_RDONLY) == 0;
}

static int look_at_sources(const struct spec *spec, const char *bundle, struct arena *arena, struct host *host)
{
        auto_origins struct origins origins = { 0 };
        struct host_source *sources;
        int r;

        if (spec->n_mounts == 0)
                return 0;
        sources = arena_array(arena, spec->n_mounts, sizeof *sources);
        if (sources == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < spec->n_mounts; i++) {
                const struct spec_mount *mount = &spec->mounts[i];
                const char *path;

                if (mount->kind != SPEC_MOUNT_BIND || mount->is_remount || mount->source == NULL)
                        continue;
                path = from_bundle(arena, bundle, mount->source);
                if (path == NULL)
                        return -ENOMEM;
                if (mount->is_copy_symlink) {
                        r = look_at_link(arena, path, &sources[i]);
                        if (r < 0)
                                return r;
                        if (sources[i].link != NULL)
                                continue;
                }
                r = look_at_source(&origins, arena, path, is_writable_bind(mount), &sources[i]);
                if (r < 0)
                        return r;
        }
        host->sources = sources;
        return 0;
}

static void look_at_rootfs(const struct spec *spec, const char *bundle, struct arena *arena, struct host *host)
{
        const char *path = from_bundle(arena, bundle, spec->root_path != NULL ? spec->root_path : "rootfs");
        auto_close int fd = UNSET_FD;

        if (path == NULL) {
                host->rootfs_error = ENOMEM;
                return;
        }
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                host->rootfs_error = errno;
                return;
        }
        host->rootfs_real_path = path_of(arena, fd);
        if (host->rootfs_real_path == NULL)
                host->rootfs_error = ENOENT;
}

/* ---- hooks ---- */

/* Below a user namespace, the host's root is nobody, as every other user outside of it. */
static bool is_trusted_owner(uid_t uid, enum host_privilege privilege)
{
        return uid == 0 || (privilege != HOST_REAL_ROOT && (uid == geteuid() || uid == ID_NOBODY));
}

/* In a sticky folder nobody else can replace an entry, but anyone can make a missing one. */
bool host_is_root_only(const char *path, enum host_privilege privilege)
{
        char part[PATH_MAX];
        size_t length = strlen(path);
        bool is_sticky = false;
        struct stat st;

        if (length >= sizeof part)
                return false;
        for (size_t end = 1; end <= length; end++) {
                if (path[end] != '/' && path[end] != '\0' && end != 1)
                        continue;
                memcpy(part, path, end);
                part[end] = '\0';
                if (end > 1 && part[end - 1] == '/')
                        continue;
                if (lstat(part, &st) < 0)
                        return !is_sticky; /* the rest is missing, and only root could make it */
                /* Whose a link is may lead it elsewhere, whoever owns what it leads to now. */
                if (!is_trusted_owner(st.st_uid, privilege) || (S_ISLNK(st.st_mode) && stat(part, &st) < 0))
                        return false;
                if (!is_trusted_owner(st.st_uid, privilege))
                        return false;
                is_sticky = S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0;
                if (((st.st_mode & S_IWOTH) != 0 || ((st.st_mode & S_IWGRP) != 0 && st.st_gid != 0)) && !is_sticky)
                        return false;
        }
        return true;
}

static bool is_in_folder(const char *path, const char *folder)
{
        size_t length = strlen(folder);

        if (length == 1)
                return true;
        return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool is_writable_by_build(const struct spec *spec, const struct host *host, const char *path)
{
        if (host->rootfs_real_path != NULL && is_in_folder(path, host->rootfs_real_path))
                return true;
        for (size_t i = 0; i < spec->n_mounts; i++) {
                const struct host_source *source = &host->sources[i];

                if (source->is_known && source->error == 0 && is_writable_bind(&spec->mounts[i]) &&
                    is_in_folder(path, source->real_path))
                        return true;
        }
        return false;
}

static int look_at_hooks(const struct spec *spec, struct arena *arena, struct host *host)
{
        for (enum spec_hook_kind kind = 0; kind < SPEC_HOOK_KINDS; kind++) {
                const struct spec_hook_list *list = &spec->hooks[kind];
                struct host_hook *facts;

                if (list->n == 0 || kind == SPEC_HOOK_START_CONTAINER) /* a path of the image */
                        continue;
                facts = arena_array(arena, list->n, sizeof *facts);
                if (facts == NULL)
                        return -ENOMEM;
                for (size_t i = 0; i < list->n; i++) {
                        const char *path = list->hooks[i].path;
                        auto_close int fd = open(path, O_PATH | O_CLOEXEC);

                        facts[i].is_root_only = host_is_root_only(path, host->privilege);
                        if (fd < 0) {
                                facts[i].error = errno;
                                facts[i].is_in_rootfs = is_writable_by_build(spec, host, path);
                                continue;
                        }
                        facts[i].real_path = path_of(arena, fd);
                        if (facts[i].real_path == NULL) {
                                facts[i].error = ENOENT;
                                continue;
                        }
                        if (strcmp(facts[i].real_path, path) != 0)
                                facts[i].is_root_only = facts[i].is_root_only &&
                                                        host_is_root_only(facts[i].real_path, host->privilege);
                        facts[i].is_in_rootfs = is_writable_by_build(spec, host, facts[i].real_path);
                }
                host->hooks[kind] = facts;
        }
        return 0;
}

static int look_at_listener(const struct spec *spec, struct arena *arena, struct host *host)
{
        const char *path = spec->linux_.seccomp.listener_path, *real_path, *slash;
        struct host_listener *fact;
        auto_close int fd = UNSET_FD;
        struct stat st;

        if (!spec_seccomp_notifies(&spec->linux_.seccomp))
                return 0;
        fact = arena_new(arena, struct host_listener);
        if (fact == NULL)
                return -ENOMEM;
        host->listener = fact;
        fd = open(path, O_PATH | O_CLOEXEC);
        real_path = fd >= 0 && fstat(fd, &st) == 0 ? path_of(arena, fd) : NULL;
        slash = real_path != NULL ? strrchr(real_path, '/') : NULL;
        if (slash == NULL) {
                fact->error = fd < 0 ? errno : ENOENT;
                return 0;
        }
        fact->is_socket = S_ISSOCK(st.st_mode);
        /* To write to a socket is to connect to it, which its owner may allow to anyone. */
        fact->is_root_only = is_trusted_owner(st.st_uid, host->privilege) &&
                             host_is_root_only(slash == real_path ? "/" : arena_format(arena, "%.*s", (int)(slash - real_path),
                                                                                  real_path), host->privilege);
        fact->is_reachable = host->rootfs_real_path != NULL && is_in_folder(real_path, host->rootfs_real_path);
        /* A read-only bind as well: connect(2) does not ask whether the mount can be written. */
        for (size_t i = 0; i < spec->n_mounts; i++) {
                const struct host_source *source = &host->sources[i];

                if (source->is_known && source->error == 0 && is_in_folder(real_path, source->real_path))
                        fact->is_reachable = true;
        }
        return 0;
}

/* ---- namespaces ---- */

static const struct {
        const char *file;
        uint64_t initial;       /* include/linux/proc_ns.h: fixed inodes of the first ones; 0: not fixed */
} ns_files[SPEC_NS_KINDS] = {
        [SPEC_NS_USER] = { "user", 0xeffffffd },     [SPEC_NS_MOUNT] = { "mnt", 0 },
        [SPEC_NS_PID] = { "pid", 0xeffffffc },       [SPEC_NS_NET] = { "net", 0 },
        [SPEC_NS_IPC] = { "ipc", 0xefffffff },       [SPEC_NS_UTS] = { "uts", 0xeffffffe },
        [SPEC_NS_CGROUP] = { "cgroup", 0xeffffffb }, [SPEC_NS_TIME] = { "time", 0xeffffffa },
};

static bool is_inode_of(const char *process, enum spec_ns kind, uint64_t inode)
{
        char path[64];
        struct stat st;

        snprintf(path, sizeof path, "/proc/%s/ns/%s", process, ns_files[kind].file);
        return stat(path, &st) == 0 && st.st_ino == inode;
}

/* A process in @userns_fd, held until the maps have been read. Non-dumpable first: entering a user namespace makes a
 * process its root's prey (ptrace(2)). */
static pid_t park_in(int userns_fd, int *ret_hold_fd)
{
        int hold[2], ready[2];
        char byte = 0;
        pid_t pid;

        if (pipe2(hold, O_CLOEXEC) < 0)
                return -1;
        if (pipe2(ready, O_CLOEXEC) < 0) {
                close(hold[0]);
                close(hold[1]);
                return -1;
        }
        pid = fork();
        if (pid == 0) {
                close(hold[1]);
                close(ready[0]);
                if (prctl(PR_SET_DUMPABLE, 0) < 0 || setns(userns_fd, CLONE_NEWUSER) < 0 ||
                    write(ready[1], &byte, 1) != 1)
                        _exit(1);
                (void)!read(hold[0], &byte, 1);
                _exit(0);
        }
        close(hold[0]);
        close(ready[1]);
        if (pid > 0 && read(ready[0], &byte, 1) != 1) {
                waitpid(pid, NULL, 0);
                pid = -1;
        }
        close(ready[0]);
        if (pid < 0)
                close(hold[1]);
        else
                *ret_hold_fd = hold[1];
        return pid;
}

static int read_maps_of(struct arena *arena, const char *process, struct host_namespace *fact)
{
        char path[64];
        int r;

        snprintf(path, sizeof path, "/proc/%s/uid_map", process);
        r = read_map(arena, AT_FDCWD, path, &fact->uid_map, &fact->n_uid_map);
        if (r < 0)
                return r;
        snprintf(path, sizeof path, "/proc/%s/gid_map", process);
        return read_map(arena, AT_FDCWD, path, &fact->gid_map, &fact->n_gid_map);
}

/* The maps as seen from here. Engines name a process of the pod; its maps are the namespace's as long as it is still
 * the same process, so the inode is looked at again afterwards. */
static int look_at_userns_maps(struct arena *arena, const char *path, int fd, struct host_namespace *fact)
{
        auto_close int hold_fd = UNSET_FD;
        char process[16];
        int n = 0, r;
        pid_t pid;

        if (sscanf(path, "/proc/%15[0-9]/ns/user%n", process, &n) == 1 && n > 0 && path[n] == '\0' &&
            read_maps_of(arena, process, fact) == 0 && is_inode_of(process, SPEC_NS_USER, fact->inode))
                return 0;

        pid = park_in(fd, &hold_fd);
        if (pid < 0) {
                fact->error = EPERM;
                return 0;
        }
        snprintf(process, sizeof process, "%d", (int)pid);
        r = read_maps_of(arena, process, fact);
        close(take_fd(&hold_fd));
        waitpid(pid, NULL, 0);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                fact->error = -r;
        return 0;
}

/* Whose process names it, "/proc/PID/ns/net". The inode is looked at afterwards: the pid may be another's by now. */
static void look_at_process(const char *path, struct host_namespace *fact)
{
        char process[16], folder[32];
        struct stat st;
        int n = 0;

        if (sscanf(path, "/proc/%15[0-9]/ns/net%n", process, &n) != 1 || n == 0 || path[n] != '\0')
                return;
        snprintf(folder, sizeof folder, "/proc/%s", process);
        if (stat(folder, &st) < 0 || !is_inode_of(process, SPEC_NS_NET, fact->inode))
                return;
        fact->is_of_process = true;
        fact->process_uid = st.st_uid;
}

static int look_at_namespace(struct arena *arena, enum spec_ns kind, const char *path, struct host_namespace *fact)
{
        auto_close int fd = UNSET_FD;
        struct statfs fs;
        struct stat st;

        fact->is_known = true;
        /* Non-blocking: a fifo in its place must not hold us. */
        fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0) {
                fact->error = errno;
                return 0;
        }
        fact->is_right_type = fs.f_type == NSFS_MAGIC && ioctl(fd, NS_GET_NSTYPE) == spec_ns_clone_flag(kind);
        if (!fact->is_right_type)
                return 0;
        fact->inode = st.st_ino;
        fact->is_host = is_inode_of("self", kind, st.st_ino) || is_inode_of("1", kind, st.st_ino) ||
                        (ns_files[kind].initial != 0 && ns_files[kind].initial == st.st_ino);
        if (kind == SPEC_NS_NET)
                look_at_process(path, fact);
        if (kind != SPEC_NS_USER || fact->is_host)
                return 0;
        return look_at_userns_maps(arena, path, fd, fact);
}

/* ---- whose ids the engine maps ---- */

/* Field @index of a line of passwd(5) or group(5), as a number. */
static bool field_number(const char *line, unsigned index, uint32_t *ret_number)
{
        char text[16];
        size_t length;

        for (; index > 0; index--) {
                line = strpbrk(line, ":\n");
                if (line == NULL || *line == '\n')
                        return false;
                line++;
        }
        length = strcspn(line, ":\n");
        if (length >= sizeof text)
                return false;
        memcpy(text, line, length);
        text[length] = '\0';
        return text_to_u32(text, ret_number) == 0;
}

static int look_at_users(struct arena *arena, const char *users_file, const char *ranges_file,
                         const struct spec_id_map *map, size_t n, const struct host_ids **ret_ids)
{
        auto_free char *users = NULL;
        struct subid_range *ranges = NULL;
        struct host_ids *ids;
        size_t length, n_ranges = 0;

        if (n == 0)
                return 0;
        ids = arena_array(arena, n, sizeof *ids);
        if (ids == NULL)
                return -ENOMEM;
        if (fd_read_file(AT_FDCWD, users_file, USERS_LIMIT_BYTES, &users, &length) < 0)
                users = NULL;
        if (subid_read(ranges_file, NULL, arena, &ranges, &n_ranges, NULL) < 0)
                n_ranges = 0;
        for (const char *line = users; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL) {
                uint32_t id;

                if (!field_number(line, 2, &id))
                        continue;
                for (size_t i = 0; i < n; i++) {
                        if (ids[i].user != NULL || id < map[i].outside || id - map[i].outside >= map[i].size)
                                continue;
                        ids[i].id = id;
                        ids[i].user = arena_string_n(arena, line, strcspn(line, ":\n"));
                        if (ids[i].user == NULL)
                                return -ENOMEM;
                }
        }
        for (size_t k = 0; k < n_ranges; k++) {
                for (size_t i = 0; i < n; i++) {
                        if (map[i].outside >= ranges[k].first && map[i].size <= ranges[k].count &&
                            map[i].outside - ranges[k].first <= ranges[k].count - map[i].size)
                                ids[i].is_delegated = true;
                }
        }
        *ret_ids = ids;
        return 0;
}

/* ---- the whole ---- */

static int look_at_users_and_groups(struct arena *arena, const struct spec_id_map *uid_map, size_t n_uid_map,
                                    const struct spec_id_map *gid_map, size_t n_gid_map, const struct host_ids **ret_users,
                                    const struct host_ids **ret_groups)
{
        int r = look_at_users(arena, "/etc/passwd", "/etc/subuid", uid_map, n_uid_map, ret_users);

        return r < 0 ? r : look_at_users(arena, "/etc/group", "/etc/subgid", gid_map, n_gid_map, ret_groups);
}

static int look(const struct spec *spec, const char *bundle, struct arena *arena, struct host *host)
{
        const struct spec_linux *linux_ = &spec->linux_;
        struct host_namespace *joined = &host->namespaces[SPEC_NS_USER];
        int r;

        look_at_rootfs(spec, bundle, arena, host);
        r = look_at_sources(spec, bundle, arena, host);
        if (r < 0)
                return r;
        r = look_at_hooks(spec, arena, host);
        if (r == 0)
                r = look_at_listener(spec, arena, host);
        if (r < 0)
                return r;
        for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS; kind++) {
                if (linux_->namespaces[kind].path == NULL)
                        continue;
                r = look_at_namespace(arena, kind, linux_->namespaces[kind].path, &host->namespaces[kind]);
                if (r < 0)
                        return r;
        }
        if (linux_->namespaces[SPEC_NS_NET].path != NULL || !linux_->namespaces[SPEC_NS_NET].is_given)
                host->landlock_abi = landlock_abi();
        if (host->privilege != HOST_REAL_ROOT)
                return 0;
        r = look_at_users_and_groups(arena, linux_->uid_map, linux_->n_uid_map, linux_->gid_map, linux_->n_gid_map,
                                     &host->uid_map_ids, &host->gid_map_ids);
        if (r < 0)
                return r;
        return look_at_users_and_groups(arena, joined->uid_map, joined->n_uid_map, joined->gid_map, joined->n_gid_map,
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
