/* What root of a container in which images are built may try in order to get out, all of it, by system calls: statically
 * linked, so that it runs in any root.
 *
 *   escape SECRET [NAME]...  prints "did NAME" for each attempt that worked, of all or of those named, and "end"
 *
 * SECRET is a file of the host's. Nothing is changed for good: what opens a knob of the machine writes nothing to it, what is
 * written is a knob of a namespace. With the right to do all this (root of the host, in namespaces of its own) it does. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *secret;
static char place[] = "/tmp/escape.XXXXXX";     /* an empty folder of ours */

static bool opens(const char *path, int flags)
{
        int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd >= 0)
                close(fd);
        return fd >= 0;
}

static bool write_text(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        bool is_done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

        if (fd >= 0)
                close(fd);
        return is_done;
}

/* A fresh mount at @place in a mount namespace of our own. */
static bool fresh(const char *fstype, const char *options)
{
        return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
               mount("none", place, fstype, 0, options) == 0;
}

/* A file of the machine, below /proc as it is, in a remounted one, and in a procfs of a pid namespace of our own. */
static bool opens_proc(const char *name, int flags)
{
        char path[256];
        int status;
        pid_t child;

        snprintf(path, sizeof path, "/proc/%s", name);
        if (opens(path, flags))
                return true;
        if (unshare(CLONE_NEWNS | CLONE_NEWPID) < 0)
                return false;
        for (const char *at = "/proc/sys\0/proc\0/\0"; *at != '\0'; at += strlen(at) + 1)
                mount(NULL, at, NULL, MS_REMOUNT | MS_BIND, NULL);
        umount2("/proc/sys", MNT_DETACH);
        umount2(path, MNT_DETACH);
        if (opens(path, flags))
                return true;
        child = fork();
        if (child == 0) {
                snprintf(path, sizeof path, "%s/%s", place, name);
                _exit(mount("none", place, "proc", 0, NULL) == 0 && opens(path, flags) ? 0 : 1);
        }
        return waitpid(child, &status, 0) == child && status == 0;
}

static bool core_pattern(void) { return opens_proc("sys/kernel/core_pattern", O_WRONLY); }
static bool modprobe(void) { return opens_proc("sys/kernel/modprobe", O_WRONLY); }
static bool sysrq(void) { return opens_proc("sysrq-trigger", O_WRONLY); }
static bool kcore(void) { return opens_proc("kcore", O_RDONLY); }
static bool forward(void) { return opens_proc("sys/net/ipv4/ip_forward", O_WRONLY); }
static bool hostname(void) { return sethostname("escaped", 7) == 0; }
static bool packet(void) { return socket(AF_PACKET, SOCK_RAW, 0) >= 0; }
static bool old_packet(void) { return socket(AF_INET, SOCK_PACKET, 0) >= 0; }
static bool own_packet(void) { return unshare(CLONE_NEWNET) == 0 && (packet() || old_packet()); }
static bool netfilter(void) { return socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER) >= 0; }
static bool raw(void) { return socket(AF_INET, SOCK_RAW, 1) >= 0; }
static bool keys(void) { return syscall(SYS_keyctl, 0 /* GET_KEYRING_ID */, -4 /* the user's */, 1) >= 0; }
static bool debugfs(void) { return fresh("debugfs", NULL); }
static bool devtmpfs(void) { return fresh("devtmpfs", NULL); }
static bool tracing(void) { return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0) < 0 && errno == EFAULT; }
static bool uring(void) { return syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == EFAULT; }
static bool modules(void) { return syscall(SYS_delete_module, NULL, 0) < 0 && errno == EFAULT; }
static bool ends(void) { return syscall(SYS_reboot, 0, 0, 0, 0) < 0 && errno == EINVAL; }     /* the magic is wrong */

static bool bpf(void)
{
        union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1 };

        return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr) >= 0;
}

static bool device(void)
{
        char path[256];

        snprintf(path, sizeof path, "%s/kmsg", place);
        if (fresh("tmpfs", NULL) && mknod(path, S_IFCHR | 0600, makedev(1, 11)) == 0 && opens(path, O_RDONLY))
                return true;
        return opens("/dev/kmsg", O_RDONLY) || opens("/dev/mem", O_RDONLY);
}

static bool handle(void)
{
        union { struct file_handle handle; char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ]; } name = {
                .handle = { .handle_bytes = MAX_HANDLE_SZ } };
        int id, fd = open("/", O_RDONLY | O_DIRECTORY);

        if (name_to_handle_at(AT_FDCWD, "/etc", &name.handle, &id, 0) < 0) {
                /* Not every file system has handles: then the call itself is the question. */
                name.handle = (struct file_handle){ .handle_bytes = 8, .handle_type = 1 };
                return open_by_handle_at(fd, &name.handle, O_RDONLY) >= 0 || errno == ESTALE || errno == EOPNOTSUPP;
        }
        return open_by_handle_at(fd, &name.handle, O_RDONLY) >= 0;
}

/* Out of a root by a working folder that lies outside of it, the oldest way. */
static bool chroot_out(void)
{
        char inner[256];

        snprintf(inner, sizeof inner, "%s/jail", place);
        mkdir(inner, 0700);
        if (chroot(inner) < 0)
                return false;
        for (int i = 0; i < 100; i++)
                if (chdir("..") < 0)
                        return false;
        return chroot(".") == 0 && opens(secret, O_RDONLY);
}

static bool unmount_out(void)
{
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return false;
        for (int i = 0; i < 20; i++)
                if (umount2("/", MNT_DETACH) < 0 && syscall(SYS_pivot_root, ".", ".") < 0)
                        break;
        return opens(secret, O_RDONLY);
}

/* Through whichever process shows itself, init last. */
static bool process_roots(void)
{
        DIR *dir = opendir("/proc");
        struct dirent *entry;
        char path[512];

        while (dir != NULL && (entry = readdir(dir)) != NULL) {
                if (strspn(entry->d_name, "0123456789") == 0)
                        continue;
                for (const char *link = "root\0cwd\0"; *link != '\0'; link += strlen(link) + 1) {
                        snprintf(path, sizeof path, "/proc/%s/%s/../../../../../../../../%s", entry->d_name, link, secret);
                        if (opens(path, O_RDONLY))
                                return true;
                }
        }
        return false;
}

static bool namespaces(void)
{
        /* Back to what owns us: the namespaces of init, of our parent, by pidfd. */
        for (pid_t pid = 1; pid < 3; pid++) {
                int fd = (int)syscall(SYS_pidfd_open, pid, 0);

                if (fd >= 0 && setns(fd, CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC) == 0 &&
                    opens(secret, O_RDONLY))
                        return true;
        }
        return false;
}

static bool cgroup_made(const char *fstype, const char *options)
{
        static const char *const knobs[] = { "cgroup.procs", "release_agent", "notify_on_release", "pids.max", "cpu.max",
                                             "cpu.shares", "tasks" };
        char path[256];
        bool is_made;

        if (unshare(CLONE_NEWCGROUP) < 0 || !fresh(fstype, options))
                return false;
        snprintf(path, sizeof path, "%s/escaped", place);
        is_made = mkdir(path, 0755) == 0;
        if (is_made)
                rmdir(path);
        for (size_t i = 0; i < sizeof knobs / sizeof knobs[0] && !is_made; i++) {
                snprintf(path, sizeof path, "%s/%s", place, knobs[i]);
                is_made = opens(path, O_WRONLY);
        }
        return is_made;
}

/* Whichever this machine has: one of the two works where nothing bars it. */
static bool cgroups(void)
{
        pid_t child = fork();
        int status;

        if (child == 0)
                _exit(!(cgroup_made("cgroup2", NULL) || cgroup_made("cgroup", "none,name=escaped")));
        if (waitpid(child, &status, 0) == child && status == 0)
                return true;
        return cgroup_made("cgroup", "cpu") || opens("/sys/fs/cgroup/cgroup.procs", O_WRONLY) ||
               opens("/sys/fs/cgroup/cpu/tasks", O_WRONLY);
}

static bool sysfs_written(void)
{
        mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND, NULL);
        return opens("/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY) || opens("/sys/kernel/uevent_helper", O_WRONLY) ||
               opens("/sys/power/state", O_WRONLY);
}

/* Root of the host in disguise: what is written to our own maps counts within ours alone. */
static bool mapped_root(void)
{
        pid_t child;
        int status;

        child = fork();
        if (child == 0) {
                if (unshare(CLONE_NEWUSER) < 0)
                        _exit(1);
                sleep(2);
                _exit(opens("/proc/sys/kernel/core_pattern", O_WRONLY) ? 0 : 1);
        } else {
                char path[64];

                usleep(300000);
                snprintf(path, sizeof path, "/proc/%d/uid_map", child);
                write_text(path, "0 0 4294967295");
        }
        return waitpid(child, &status, 0) == child && status == 0;
}

static const struct {
        const char *name;
        bool (*attempt)(void);
} attempts[] = {
        { "core_pattern", core_pattern }, { "modprobe", modprobe }, { "sysrq", sysrq }, { "kcore", kcore },
        { "forward", forward }, { "hostname", hostname }, { "packet", packet }, { "old_packet", old_packet },
        { "own_packet", own_packet }, { "netfilter", netfilter }, { "raw", raw }, { "keys", keys }, { "debugfs", debugfs },
        { "devtmpfs", devtmpfs }, { "perf", tracing }, { "io_uring", uring }, { "modules", modules }, { "reboot", ends },
        { "bpf", bpf }, { "device", device }, { "handle", handle }, { "chroot", chroot_out }, { "unmount", unmount_out },
        { "process_roots", process_roots }, { "namespaces", namespaces }, { "cgroups", cgroups }, { "sysfs", sysfs_written },
        { "mapped_root", mapped_root },
};

int main(int argc, char **argv)
{
        if (argc < 2)
                return 2;
        secret = argv[1];
        if (mkdtemp(place) == NULL)
                return 2;
        for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
                bool is_wanted = argc == 2;
                int status = 1;
                pid_t child;

                for (int j = 2; j < argc; j++)
                        is_wanted |= strcmp(argv[j], attempts[i].name) == 0;
                if (!is_wanted)
                        continue;
                child = fork();
                if (child == 0) {
                        alarm(20);
                        _exit(attempts[i].attempt() ? 0 : 1);
                }
                if (waitpid(child, &status, 0) == child && status == 0)
                        printf("did %s\n", attempts[i].name);
        }
        puts("end");
        return 0;
}
