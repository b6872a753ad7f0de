/* User namespaces: the build's own, and the one around it that a plain user needs.
 *
 * The build's namespace has to exist before the sandbox does (id-mapped mounts name it by fd) and is entered last, so a
 * helper makes it and goes. The helper takes the effective ids of the range first: the kernel charges a namespace's
 * inotify instances, queued signals and nested namespaces to the effective user that made it and so on outwards. Made
 * by root, a build could use up root's share for the whole machine.
 *
 * The maps are written by us from outside, since only that needs no id of the range to have a privilege. How we reach
 * the helper's /proc files depends on who we are:
 * - The host's root may open them whatever their owner is. The helper shares our memory (vfork's way, 40 us cheaper
 *   than a copy) and is gone when we go on: as a zombie it still has credentials, hence maps.
 * - Inside another user namespace, files of a process that is a zombie or not dumpable may belong to the *host's* root
 *   (proc(5), "/proc/pid": ownership), which is unmapped here, so that not even CAP_DAC_OVERRIDE opens them. There the
 *   helper is a copy of us that makes itself dumpable and waits until its maps are written. */
#include "runtime/userns.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"
#include "runtime/subid.h"

/* include/linux/proc_ns.h: fixed, PROC_USER_INIT_INO. */
#define INITIAL_USERNS_INODE 0xEFFFFFFDu

/* kernel/user_namespace.c, map_write(): one write(2) of less than a page. */
#define MAP_TEXT_SIZE 4096

enum helper_step { HELPER_DONE, HELPER_GID, HELPER_UID, HELPER_CAPS, HELPER_UNSHARE };

struct helper_report {
        int step;
        int code;
};

struct helper {
        uint32_t uid, gid;      /* outside ids to make the namespace with */
        bool changes_ids;
        int socket_fd;          /* the copy's end; UNSET_FD where memory is shared */
        struct helper_report report;
};

int64_t userns_map_id(const struct spec_id_map *map, size_t n, uint32_t inside)
{
        for (size_t i = 0; i < n; i++)
                if (inside >= map[i].inside && inside - map[i].inside < map[i].size)
                        return (int64_t)map[i].outside + (inside - map[i].inside);
        return -1;
}

bool userns_is_initial(void)
{
        struct stat st;

        return stat("/proc/self/ns/user", &st) == 0 && st.st_ino == INITIAL_USERNS_INODE;
}

bool userns_can_setgroups(void)
{
        auto_free char *text = NULL;

        return fd_read_file(AT_FDCWD, "/proc/self/setgroups", 64, &text, NULL) == 0 && text_starts_with(text, "allow");
}

/* Who makes the namespace: the outside id of root inside. */
static uint32_t maker_of(const struct spec_id_map *map, size_t n)
{
        int64_t id = userns_map_id(map, n, 0);

        return id < 0 ? map[0].outside : (uint32_t)id;
}

static int format_map(const struct spec_id_map *map, size_t n, const char *name, char *text, size_t *ret_length,
                      struct error *err)
{
        size_t length = 0;
        int r;

        if (n == 0)
                return error_set(err, EINVAL, "%s: no id is mapped", name);
        for (size_t i = 0; i < n; i++) {
                /* (uid_t)-1 is no id: chown(2) and setresuid(2) take it for "leave as it is". */
                if (map[i].size == 0 || (uint64_t)map[i].inside + map[i].size > UINT32_MAX ||
                    (uint64_t)map[i].outside + map[i].size > UINT32_MAX)
                        return error_set(err, EINVAL, "%s[%zu]: %u ids from %u at %u leave the 32 bits", name, i,
                                         map[i].size, map[i].inside, map[i].outside);
                r = snprintf(text + length, MAP_TEXT_SIZE - length, "%u %u %u\n", map[i].inside, map[i].outside,
                             map[i].size);
                if (r < 0 || (size_t)r >= MAP_TEXT_SIZE - length)
                        return error_set(err, E2BIG, "%s: %zu lines are more than the kernel takes", name, n);
                length += (size_t)r;
        }
        *ret_length = length;
        return 0;
}

/* ---- the helper: system calls only; its memory may be ours ---- */

static int helper_run(void *context)
{
        struct helper *helper = context;
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];
        struct helper_report report;
        int step = HELPER_DONE;
        char byte;

        /* Raw calls: glibc's setresuid(3) would address every thread of the process. Real and saved ids stay 0, so that
         * the permitted capabilities stay (capabilities(7)); made effective again, since kernels that let only a
         * privileged user make namespaces ask for CAP_SYS_ADMIN. */
        if (helper->changes_ids) {
                if (syscall(SYS_setresgid, -1, helper->gid, -1) < 0)
                        step = HELPER_GID;
                else if (syscall(SYS_setresuid, -1, helper->uid, -1) < 0)
                        step = HELPER_UID;
                else if (syscall(SYS_capget, &header, caps) < 0)
                        step = HELPER_CAPS;
                for (size_t i = 0; step == HELPER_DONE && i < _LINUX_CAPABILITY_U32S_3; i++)
                        caps[i].effective = caps[i].permitted;
                if (step == HELPER_DONE && syscall(SYS_capset, &header, caps) < 0)
                        step = HELPER_CAPS;
        }
        if (step == HELPER_DONE && syscall(SYS_unshare, CLONE_NEWUSER) < 0)
                step = HELPER_UNSHARE;
        report.step = step;
        report.code = step == HELPER_DONE ? 0 : errno;
        helper->report = report;
        if (helper->socket_fd < 0)
                _exit(0);

        /* A copy: nobody but the owner of our own namespace sees this process, and it holds our arguments only. */
        prctl(PR_SET_DUMPABLE, 1);
        if (write(helper->socket_fd, &report, sizeof report) == sizeof report)
                while (read(helper->socket_fd, &byte, 1) < 0 && errno == EINTR)
                        continue;
        _exit(0);
}

static int helper_error(const struct helper *helper, struct error *err)
{
        switch ((enum helper_step)helper->report.step) {
        case HELPER_DONE:
                return 0;
        case HELPER_GID:
                return error_errno(err, helper->report.code, "user namespace: take group %u of the range", helper->gid);
        case HELPER_UID:
                return error_errno(err, helper->report.code, "user namespace: take user %u of the range", helper->uid);
        case HELPER_CAPS:
                return error_errno(err, helper->report.code,
                                   "user namespace: keep capabilities as user %u", helper->uid);
        case HELPER_UNSHARE:
                break;
        }
        if (helper->report.code == ENOSPC)
                return error_set(err, ENOSPC, "user namespace: no more of them for user %u "
                                 "(raise sysctl user.max_user_namespaces)", helper->uid);
        if (helper->report.code == EUSERS)
                return error_set(err, EUSERS, "user namespace: nested more than 32 deep");
        return error_errno(err, helper->report.code, "user namespace: unshare");
}

/* ---- ours ---- */

static int write_map(pid_t pid, const char *name, const char *text, size_t length, struct error *err)
{
        auto_close int fd = UNSET_FD;
        char path[64];

        snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return error_errno(err, errno, "user namespace: open %s", path);
        if (write(fd, text, length) == (ssize_t)length)
                return 0;
        if (errno == EPERM)
                return error_set(err, EPERM,
                                 "user namespace: %s \"%.*s\" is not within the ids and capabilities of the caller",
                                 name, (int)strcspn(text, "\n"), text);
        return error_errno(err, errno, "user namespace: write %s \"%.*s\"", name, (int)strcspn(text, "\n"), text);
}

static void reap(pid_t pid)
{
        /* __WALL: the helper that shares our memory sends no SIGCHLD when it ends (clone(2)). */
        while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
                continue;
}

/* Starts the helper and returns when the namespace exists or the helper has said why not. */
static int start_sharing(struct helper *helper, pid_t *ret_pid, struct error *err)
{
        _Alignas(16) char stack[8192];
        pid_t pid;

        /* Exit signal 0: with SIGCHLD ignored by whoever started us it would be reaped before its maps are written. */
        pid = clone(helper_run, stack + sizeof stack, CLONE_VM | CLONE_VFORK, helper);
        if (pid < 0)
                return error_errno(err, errno, "user namespace: clone");
        *ret_pid = pid;
        return 0;
}

static int start_copy(struct helper *helper, int *ret_socket_fd, pid_t *ret_pid, struct error *err)
{
        struct helper_report report = { HELPER_UNSHARE, ECHILD };
        struct clone_args args = { .exit_signal = 0 };
        auto_close int ours = UNSET_FD, theirs = UNSET_FD;
        int pair[2];
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return error_errno(err, errno, "user namespace: socketpair");
        ours = pair[0];
        theirs = pair[1];
        helper->socket_fd = theirs;
        pid = sys_clone3(&args);
        if (pid < 0)
                return error_errno(err, errno, "user namespace: clone3");
        if (pid == 0) {
                close(ours);
                helper_run(helper);
        }
        *ret_pid = pid;
        close(take_fd(&theirs));
        while (read(ours, &report, sizeof report) < 0 && errno == EINTR)
                continue;
        helper->report = report;
        *ret_socket_fd = take_fd(&ours);
        return 0;
}

int userns_make(const struct spec_id_map *uid_map, size_t n_uid_map, const struct spec_id_map *gid_map,
                size_t n_gid_map, int *ret_fd, struct error *err)
{
        char uids[MAP_TEXT_SIZE], gids[MAP_TEXT_SIZE], path[64];
        struct helper helper = { .socket_fd = UNSET_FD, .report = { HELPER_UNSHARE, ECHILD } };
        auto_close int socket_fd = UNSET_FD, fd = UNSET_FD;
        size_t uids_length, gids_length;
        int dumpable, r;
        pid_t pid = -1;

        r = format_map(uid_map, n_uid_map, "uidMappings", uids, &uids_length, err);
        if (r == 0)
                r = format_map(gid_map, n_gid_map, "gidMappings", gids, &gids_length, err);
        if (r < 0)
                return r;
        helper.uid = maker_of(uid_map, n_uid_map);
        helper.gid = maker_of(gid_map, n_gid_map);
        helper.changes_ids = helper.uid != geteuid() || helper.gid != getegid();

        if (userns_is_initial()) {
                dumpable = prctl(PR_GET_DUMPABLE);
                r = start_sharing(&helper, &pid, err);
                /* Whoever changes credentials makes the memory, ours too, what fs.suid_dumpable says (prctl(2)). */
                if (prctl(PR_GET_DUMPABLE) != dumpable)
                        prctl(PR_SET_DUMPABLE, dumpable == 1 ? 1 : 0);
        } else {
                r = start_copy(&helper, &socket_fd, &pid, err);
        }
        if (r < 0)
                return r;

        r = helper_error(&helper, err);
        if (r == 0)
                r = write_map(pid, "uid_map", uids, uids_length, err);
        if (r == 0)
                r = write_map(pid, "gid_map", gids, gids_length, err);
        if (r == 0) {
                snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
                fd = open(path, O_RDONLY | O_CLOEXEC);
                if (fd < 0)
                        r = error_errno(err, errno, "user namespace: open %s", path);
        }
        /* Its end: the copy waits for this before it goes. */
        if (socket_fd >= 0)
                shutdown(socket_fd, SHUT_RDWR);
        reap(pid);
        if (r < 0)
                return r;
        *ret_fd = take_fd(&fd);
        return 0;
}

/* ---- a plain user ---- */

#define ROOTLESS_MAPS_MAX 32

struct rootless {
        struct spec_id_map uid_map[ROOTLESS_MAPS_MAX], gid_map[ROOTLESS_MAPS_MAX];
        size_t n_uid_map, n_gid_map;
};

/* The caller as 0, then the ids of its entries from 1 up. */
static int rootless_map(const char *path, const char *name, const char *number, uint32_t id, struct arena *arena,
                        struct spec_id_map *map, size_t *ret_n, struct error *err)
{
        struct subid_range *ranges;
        uint32_t inside = 1;
        size_t n_ranges, n = 1;
        int r;

        map[0] = (struct spec_id_map){ .inside = 0, .outside = id, .size = 1 };
        r = subid_read(path, name, arena, &ranges, &n_ranges, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_ranges && n < ROOTLESS_MAPS_MAX; i++) {
                if (strcmp(ranges[i].owner, number) != 0 && (name == NULL || strcmp(ranges[i].owner, name) != 0))
                        continue;
                if ((uint64_t)inside + ranges[i].count > UINT32_MAX)
                        break;
                map[n++] = (struct spec_id_map){ .inside = inside, .outside = ranges[i].first, .size = ranges[i].count };
                inside += ranges[i].count;
        }
        *ret_n = n;
        return 0;
}

/* In the mapper process: replaces itself by newuidmap or newgidmap, with its messages on @out_fd. */
static void exec_mapper(const char *program, pid_t target, const struct spec_id_map *map, size_t n, int out_fd)
{
        static const char *const folders[] = { "/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/run/wrappers/bin" };
        char numbers[2 + 3 * ROOTLESS_MAPS_MAX][16], path[64];
        char *args[3 + 3 * ROOTLESS_MAPS_MAX], *env[] = { NULL };
        size_t n_args = 0;

        args[n_args] = numbers[n_args];
        snprintf(numbers[n_args++], sizeof numbers[0], "%s", program);
        args[n_args] = numbers[n_args];
        snprintf(numbers[n_args++], sizeof numbers[0], "%d", target);
        for (size_t i = 0; i < n; i++) {
                const uint32_t values[] = { map[i].inside, map[i].outside, map[i].size };

                for (size_t j = 0; j < 3; j++) {
                        args[n_args] = numbers[n_args];
                        snprintf(numbers[n_args++], sizeof numbers[0], "%u", values[j]);
                }
        }
        args[n_args] = NULL;
        dup2(out_fd, STDOUT_FILENO);
        dup2(out_fd, STDERR_FILENO);
        for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
                snprintf(path, sizeof path, "%s/%s", folders[i], program);
                execve(path, args, env);
        }
        dprintf(STDERR_FILENO, "%s was not found (install the package uidmap or shadow-utils)", program);
        _exit(127);
}

/* The mapper: a copy of us that stays outside until @go_fd says that the namespace exists. Exit 0: both maps are
 * written. */
static void run_mapper(const struct rootless *rootless, pid_t target, int go_fd, int out_fd)
{
        pid_t pids[2];
        int status, worst = 0;
        char byte;

        while (read(go_fd, &byte, 1) < 0 && errno == EINTR)
                continue;
        for (size_t i = 0; i < 2; i++) {
                pids[i] = fork();
                if (pids[i] == 0)
                        exec_mapper(i == 0 ? "newuidmap" : "newgidmap", target,
                                    i == 0 ? rootless->uid_map : rootless->gid_map,
                                    i == 0 ? rootless->n_uid_map : rootless->n_gid_map, out_fd);
                if (pids[i] < 0)
                        worst = 1;
        }
        for (size_t i = 0; i < 2; i++) {
                if (pids[i] < 0)
                        continue;
                while (waitpid(pids[i], &status, 0) < 0)
                        if (errno != EINTR)
                                _exit(1);
                if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                        worst = 1;
        }
        _exit(worst);
}

bool userns_is_apparmors(void)
{
        auto_free char *restricted = NULL, *label = NULL;

        if (fd_read_file(AT_FDCWD, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 64, &restricted, NULL) == 0 &&
            restricted[0] == '1')
                return true;
        /* "name (enforce)", and "unconfined" of a program that has none. */
        return fd_read_file(AT_FDCWD, "/proc/self/attr/apparmor/current", 4096, &label, NULL) == 0 &&
               strstr(label, "(enforce)") != NULL;
}

/* Linux 6.7 asks AppArmor of programs with a profile. Ubuntu's kernel does of those without one, too; or it lets them, and
 * then takes all power in the new namespace from them (its profile unprivileged_userns). */
int userns_explain_refusal(int error, const char *step, struct error *err)
{
        bool is_refused = error == EACCES || error == EPERM;

        return error_errno(err, error, "user namespace: %s as user %u (%s)", step, getuid(), is_refused && userns_is_apparmors() ?
                           "AppArmor allows user namespaces to programs whose profile says so: load contrib/apparmor/runb" :
                           "is sysctl user.max_user_namespaces 0, or kernel.unprivileged_userns_clone?");
}

static int enter_with_helpers(const struct rootless *rootless, struct error *err)
{
        auto_close int go_read = UNSET_FD, go_write = UNSET_FD, out_read = UNSET_FD, out_write = UNSET_FD;
        auto_free char *said = NULL;
        pid_t pid, target = getpid();
        int pair[2], status, r;
        struct clone_args args = { .exit_signal = 0 };

        if (pipe2(pair, O_CLOEXEC) < 0)
                return error_errno(err, errno, "user namespace: pipe");
        go_read = pair[0];
        go_write = pair[1];
        if (pipe2(pair, O_CLOEXEC) < 0)
                return error_errno(err, errno, "user namespace: pipe");
        out_read = pair[0];
        out_write = pair[1];

        pid = sys_clone3(&args);
        if (pid < 0)
                return error_errno(err, errno, "user namespace: clone3");
        if (pid == 0) {
                /* SIG_IGN would have the kernel reap newuidmap before its status is read. */
                signal(SIGCHLD, SIG_DFL);
                close(go_write);
                run_mapper(rootless, target, go_read, out_write);
        }
        close(take_fd(&out_write));
        r = unshare(CLONE_NEWUSER) < 0 ? -errno : 0;
        if (r < 0) {
                /* The mapper would write the maps of the namespace that we did not leave; newuidmap(1) refuses that. */
                kill(pid, SIGKILL);
                reap(pid);
                return userns_explain_refusal(-r, "unshare", err);
        }
        close(take_fd(&go_write));
        if (fd_read_all(out_read, 4096, &said, NULL) < 0)
                said = NULL;
        while ((r = waitpid(pid, &status, __WALL)) < 0 && errno == EINTR)
                continue;
        if (r < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                for (char *p = said; p != NULL && *p != '\0'; p++)
                        if ((unsigned char)*p < 0x20)
                                *p = p[1] == '\0' ? '\0' : ' ';
                return error_set(err, ECANCELED, "user namespace: newuidmap or newgidmap failed: %s",
                                 text_is_empty(said) ? "no message" : said);
        }
        return 0;
}

static int enter_alone(const struct rootless *rootless, struct error *err)
{
        char uids[MAP_TEXT_SIZE], gids[MAP_TEXT_SIZE];
        size_t length;
        int r;

        r = format_map(rootless->uid_map, 1, "uid_map", uids, &length, err);
        if (r == 0)
                r = format_map(rootless->gid_map, 1, "gid_map", gids, &length, err);
        if (r < 0)
                return r;
        if (unshare(CLONE_NEWUSER) < 0)
                return userns_explain_refusal(errno, "unshare", err);
        /* user_namespaces(7): an unprivileged gid_map needs setgroups denied first. */
        r = fd_write_file(AT_FDCWD, "/proc/self/setgroups", "deny");
        if (r < 0)
                return error_errno(err, r, "user namespace: write /proc/self/setgroups");
        r = fd_write_file(AT_FDCWD, "/proc/self/uid_map", uids);
        if (r < 0)
                return error_errno(err, r, "user namespace: write /proc/self/uid_map");
        r = fd_write_file(AT_FDCWD, "/proc/self/gid_map", gids);
        if (r < 0)
                return error_errno(err, r, "user namespace: write /proc/self/gid_map");
        return 0;
}

/* All three of each, so that nothing of ours is an unmapped id. */
static int become_root(struct error *err)
{
        if (setresgid(0, 0, 0) < 0)
                return userns_explain_refusal(errno, "take group 0", err);
        if (setresuid(0, 0, 0) < 0)
                return userns_explain_refusal(errno, "take user 0", err);
        return 0;
}

int userns_enter_rootless(struct error *err)
{
        struct rootless rootless = { .n_uid_map = 0 };
        auto_arena struct arena arena = { 0 };
        int dumpable = prctl(PR_GET_DUMPABLE), r;
        const char *name;
        char number[16];

        snprintf(number, sizeof number, "%u", getuid());
        name = subid_user_name(&arena, getuid());
        r = rootless_map("/etc/subuid", name, number, geteuid(), &arena, rootless.uid_map, &rootless.n_uid_map, err);
        if (r == 0)
                r = rootless_map("/etc/subgid", name, number, getegid(), &arena, rootless.gid_map, &rootless.n_gid_map,
                                 err);
        if (r < 0)
                return r;
        /* /proc/self/uid_map of a process that is not dumpable belongs to root (proc(5)), and newuidmap(1) with file
         * capabilities runs as the caller. Nothing has been joined yet, and who could look in is the caller itself. */
        prctl(PR_SET_DUMPABLE, 1);
        if (rootless.n_uid_map > 1 && rootless.n_gid_map > 1)
                r = enter_with_helpers(&rootless, err);
        else
                r = enter_alone(&rootless, err);
        if (r == 0)
                r = become_root(err);
        prctl(PR_SET_DUMPABLE, dumpable == 1 ? 1 : 0);
        return r;
}

int userns_enter_parent_of(int userns_fd, struct error *err)
{
        auto_close int parent_fd = ioctl(userns_fd, NS_GET_PARENT);
        struct stat parent, own;

        /* ioctl_ns(2): EPERM where the parent lies outside of what our namespace can see. */
        if (parent_fd < 0)
                return error_errno(err, errno, "user namespace: find the one around the container's");
        if (fcntl(parent_fd, F_SETFD, FD_CLOEXEC) < 0 || fstat(parent_fd, &parent) < 0 || stat("/proc/self/ns/user", &own) < 0)
                return error_errno(err, errno, "user namespace: look at the one around the container's");
        if (parent.st_dev == own.st_dev && parent.st_ino == own.st_ino)
                return 0;
        if (setns(parent_fd, CLONE_NEWUSER) < 0)
                return error_errno(err, errno, "user namespace: enter the one around the container's");
        return become_root(err);
}

int userns_find_outer(int *userns_fd, uint64_t inode, struct error *err)
{
        struct stat st;

        if (inode == 0)
                return 0;
        for (;;) {
                int parent_fd;

                if (fstat(*userns_fd, &st) < 0)
                        return error_errno(err, errno, "user namespace: look at init's");
                if (st.st_ino == inode)
                        return 0;
                /* EPERM: as far up as our own, whose parent is none of our business. user_namespaces(7): 32 levels. */
                parent_fd = ioctl(*userns_fd, NS_GET_PARENT);
                if (parent_fd < 0 && errno == EPERM)
                        return error_set(err, ESRCH, "init is no longer in the container's user namespace");
                if (parent_fd < 0)
                        return error_errno(err, errno, "user namespace: find the one around init's");
                close(*userns_fd);
                *userns_fd = parent_fd;
                if (fcntl(parent_fd, F_SETFD, FD_CLOEXEC) < 0)
                        return error_errno(err, errno, "user namespace: look at the one around init's");
        }
}
