/* The build's user namespace, made by the host's root, by root of a user namespace and by a plain user. */
#include <fcntl.h>
#include <grp.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/userns.h"

#define BASE 1879048192u
#define SKIP 77

static struct error err;
static char why[2048];

#define want(claim) \
        do { \
                if (!(claim)) { \
                        dprintf(STDOUT_FILENO, "# line %d: %s (%s; errno %s)\n", __LINE__, #claim, err.text, \
                                error_text(errno)); \
                        return 1; \
                } \
        } while (0)

static int in_child(int (*function)(void *), void *context)
{
        int status;
        pid_t pid;

        fflush(NULL);
        pid = fork();
        if (pid == 0)
                _exit(function(context));
        if (waitpid(pid, &status, 0) < 0)
                return 1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int n_failed;

static void check(const char *sentence, int (*function)(void *))
{
        int r = in_child(function, NULL);

        if (r == SKIP)
                printf("SKIP %s: %s\n", sentence, why[0] == '\0' ? "see above" : why);
        else
                printf("%s %s\n", r == 0 ? "PASS" : "FAIL", sentence);
        n_failed += r != 0 && r != SKIP;
}

static bool file_is(const char *path, const char *wanted)
{
        auto_free char *text = NULL;
        char *from, *to;

        if (fd_read_file(AT_FDCWD, path, 4096, &text, NULL) < 0)
                return false;
        /* Blanks in a row count as one. */
        for (from = to = text; *from != '\0'; from++)
                if (*from != ' ' || (to > text && to[-1] != ' ' && to[-1] != '\n'))
                        *to++ = *from;
        *to = '\0';
        if (strcmp(text, wanted) != 0)
                dprintf(STDOUT_FILENO, "# %s is: %s", path, text);
        return strcmp(text, wanted) == 0;
}

static int make(uint32_t base, uint32_t size, int *ret_fd)
{
        const struct spec_id_map map = { .inside = 0, .outside = base, .size = size };

        return userns_make(&map, 1, &map, 1, ret_fd, &err);
}

static bool has_child(void)
{
        return waitpid(-1, NULL, __WALL | WNOHANG) != -1 || errno != ECHILD;
}

static int owner_of(int fd)
{
        uid_t owner = (uid_t)-1;

        return ioctl(fd, NS_GET_OWNER_UID, &owner) < 0 ? -1 : (int)owner;
}

/* ---- the host's root ---- */

static int root_makes_one(void *context)
{
        int fd = UNSET_FD;

        (void)context;
        prctl(PR_SET_DUMPABLE, 0);
        signal(SIGCHLD, SIG_IGN);       /* as some callers leave it to us */
        want(make(BASE, 65536, &fd) == 0);
        want(!has_child());
        want(geteuid() == 0 && getegid() == 0);
        want(prctl(PR_GET_DUMPABLE) == 0);
        want((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        want(owner_of(fd) == (int)BASE);
        want(setns(fd, CLONE_NEWUSER) == 0);
        want(file_is("/proc/self/uid_map", "0 1879048192 65536\n"));
        want(file_is("/proc/self/gid_map", "0 1879048192 65536\n"));
        want(userns_can_setgroups());
        want(setresgid(7, 7, 7) == 0 && setresuid(7, 7, 7) == 0);
        return 0;
}

static int root_keeps_its_dumpable_flag(void *context)
{
        int fd = UNSET_FD;

        (void)context;
        prctl(PR_SET_DUMPABLE, 1);
        want(make(BASE, 65536, &fd) == 0);
        want(prctl(PR_GET_DUMPABLE) == 1);
        return 0;
}

static int errors_name_the_map(void *context)
{
        const struct spec_id_map good = { 0, BASE, 65536 }, twice[] = { { 0, BASE, 10 }, { 5, BASE + 100, 10 } };
        struct spec_id_map wraps = { 0, UINT32_MAX - 10, 20 }, many[341];
        int fd = UNSET_FD;

        (void)context;
        want(userns_make(&good, 0, &good, 1, &fd, &err) == -EINVAL);
        want(userns_make(&wraps, 1, &good, 1, &fd, &err) == -EINVAL && strstr(err.text, "uidMappings[0]") != NULL);
        wraps = (struct spec_id_map){ 0, UINT32_MAX - 9, 10 };
        want(userns_make(&good, 1, &wraps, 1, &fd, &err) == -EINVAL && strstr(err.text, "gidMappings[0]") != NULL);
        want(userns_make(twice, 2, &good, 1, &fd, &err) < 0 && strstr(err.text, "uid_map") != NULL);
        want(userns_make(&good, 1, twice, 2, &fd, &err) < 0 && strstr(err.text, "gid_map") != NULL);
        for (uint32_t i = 0; i < 341; i++)
                many[i] = (struct spec_id_map){ i * 10, BASE + i * 10, 1 };
        want(userns_make(many, 341, &good, 1, &fd, &err) == -E2BIG);
        want(fd == UNSET_FD && !has_child());
        want(geteuid() == 0);
        return 0;
}

/* ---- root of another user namespace ---- */

static const struct spec_id_map engine_map[] = { { 0, BASE + 1000, 1 }, { 1, BASE + 100000, 50000 },
                                                 { 60000, BASE + 200000, 70000 } };

/* We are what a rootless engine starts: its root, not the host's, and the host's root is no id in here. */
static int become_engine_root(void)
{
        auto_close int fd = UNSET_FD;

        want(userns_make(engine_map, 3, engine_map, 3, &fd, &err) == 0);
        want(setns(fd, CLONE_NEWUSER) == 0);
        want(setgroups(0, NULL) == 0 && setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0);
        prctl(PR_SET_DUMPABLE, 0);
        want(!userns_is_initial());
        return 0;
}

static int engine_root_maps_one_to_one(void *context)
{
        const struct spec_id_map same[] = { { 0, 0, 1 }, { 1, 1, 50000 }, { 60000, 60000, 70000 } };
        int fd = UNSET_FD;

        (void)context;
        want(become_engine_root() == 0);
        want(userns_make(same, 3, same, 3, &fd, &err) == 0);
        want(!has_child());
        want(prctl(PR_GET_DUMPABLE) == 0);
        want(setns(fd, CLONE_NEWUSER) == 0);
        want(file_is("/proc/self/uid_map", "0 0 1\n1 1 50000\n60000 60000 70000\n"));
        return 0;
}

static int engine_root_is_told_what_it_may_not_map(void *context)
{
        int fd = UNSET_FD;

        (void)context;
        want(become_engine_root() == 0);
        /* 50001 and up is a hole in what the engine has. */
        want(make(40000, 20000, &fd) == -EPERM && strstr(err.text, "uid_map") != NULL);
        want(strstr(err.text, "40000 20000") != NULL);
        want(!has_child());
        return 0;
}

/* ---- whom the kernel charges ---- */

#define LIMIT 8

static int use_up_inotify(void *context)
{
        int n = 0;

        if (setns(*(int *)context, CLONE_NEWUSER) < 0)
                return 100;
        while (n < 50 && inotify_init1(IN_CLOEXEC) >= 0)
                n++;
        /* Held until somebody else has tried. */
        if (inotify_init1(IN_CLOEXEC) >= 0 || errno != EMFILE)
                return 101;
        return n;
}

/* With a build that has used up everything: how many instances are left to the root that made its namespace? */
static int left_to_root(int userns_fd, int *ret_used)
{
        int hold[2], told[2], status, n = 0;
        char byte = 0;
        pid_t pid;

        if (pipe2(hold, O_CLOEXEC) < 0 || pipe2(told, O_CLOEXEC) < 0)
                return -1;
        pid = fork();
        if (pid == 0) {
                close(hold[1]);
                byte = (char)use_up_inotify(&userns_fd);
                if (write(told[1], &byte, 1) != 1 || read(hold[0], &byte, 1) < 0)
                        _exit(1);
                _exit(0);
        }
        if (read(told[0], &byte, 1) != 1)
                return -1;
        *ret_used = byte;
        while (n < LIMIT && inotify_init1(IN_CLOEXEC) >= 0)
                n++;
        close(hold[1]);
        waitpid(pid, &status, 0);
        return n;
}

static int a_build_uses_up_its_own_share(void *context)
{
        int fd = UNSET_FD, used = 0;

        (void)context;
        /* In a namespace of our own, whose knob is ours to turn: its root stands for the host's. */
        want(become_engine_root() == 0);
        want(fd_write_file(AT_FDCWD, "/proc/sys/user/max_inotify_instances", "8") == 0);
        want(make(1000, 1000, &fd) == 0);
        want(owner_of(fd) == 1000);
        want(left_to_root(fd, &used) == LIMIT);
        want(used == LIMIT);
        return 0;
}


static int without_the_ids_it_uses_up_roots(void *context)
{
        const char *const map = "0 1000 1000\n";
        int gate[2], told[2], fd, used = 0;
        char path[64], byte = 0;
        pid_t pid;

        (void)context;
        want(become_engine_root() == 0);
        prctl(PR_SET_DUMPABLE, 1);
        want(fd_write_file(AT_FDCWD, "/proc/sys/user/max_inotify_instances", "8") == 0);
        want(pipe2(gate, O_CLOEXEC) == 0 && pipe2(told, O_CLOEXEC) == 0);
        pid = fork();
        if (pid == 0) {
                close(gate[1]);
                if (unshare(CLONE_NEWUSER) < 0 || write(told[1], &byte, 1) != 1 || read(gate[0], &byte, 1) < 0)
                        _exit(1);
                _exit(0);
        }
        want(read(told[0], &byte, 1) == 1);
        snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
        want(fd_write_file(AT_FDCWD, path, map) == 0);
        snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
        want(fd_write_file(AT_FDCWD, path, map) == 0);
        snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        want(fd >= 0);
        close(gate[1]);
        waitpid(pid, NULL, 0);
        want(owner_of(fd) == 0);
        want(left_to_root(fd, &used) == 0);
        return 0;
}

/* ---- a plain user ---- */

#define USER 4242

static int become_user(void)
{
        want(setgroups(0, NULL) == 0);
        want(setresgid(USER, USER, USER) == 0 && setresuid(USER, USER, USER) == 0);
        return 0;
}

static int put_file(const char *path, const char *text)
{
        char name[] = "/tmp/runb-userns-XXXXXX";
        int fd = mkstemp(name);

        want(fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0 && fchmod(fd, 0644) == 0);
        close(fd);
        if (access(path, F_OK) < 0)
                close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
        want(mount(name, path, NULL, MS_BIND, NULL) == 0);
        unlink(name);
        return 0;
}

/* An /etc of our own: nobody else sees these mounts. */
static int own_etc(const char *subuid, const char *subgid)
{
        want(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
        want(put_file("/etc/passwd", "root:x:0:0::/:/bin/sh\nada:x:4242:4242::/:/bin/sh\n") == 0);
        want(put_file("/etc/subuid", subuid) == 0);
        want(put_file("/etc/subgid", subgid) == 0);
        return 0;
}

static int user_with_one_id(void *context)
{
        int fd = UNSET_FD;

        (void)context;
        want(own_etc("bob:300000:65536\n", "bob:300000:65536\n") == 0 && become_user() == 0);
        prctl(PR_SET_DUMPABLE, 0);
        want(userns_enter_rootless(&err) == 0);
        want(prctl(PR_GET_DUMPABLE) == 0);
        want(getuid() == 0 && getgid() == 0);
        want(file_is("/proc/self/uid_map", "0 4242 1\n"));
        want(!userns_can_setgroups());
        want(make(0, 1, &fd) == 0);
        want(unshare(CLONE_NEWNS) == 0);
        want(setns(fd, CLONE_NEWUSER) == 0);
        want(file_is("/proc/self/uid_map", "0 0 1\n"));
        return 0;
}

static int user_with_ranges(void *context)
{
        const struct spec_id_map same[] = { { 0, 0, 1 }, { 1, 1, 65536 }, { 65537, 65537, 1000 } };
        int fd = UNSET_FD;

        (void)context;
        if (access("/usr/bin/newuidmap", X_OK) < 0) {
                dprintf(STDOUT_FILENO, "# newuidmap is not installed\n");
                return SKIP;
        }
        want(own_etc("ada:300000:65536\nbob:900000:65536\n4242:500000:1000\n", "4242:600000:65536\nada:700000:1000\n") == 0);
        want(become_user() == 0);
        signal(SIGCHLD, SIG_IGN);
        want(userns_enter_rootless(&err) == 0);
        want(getuid() == 0 && getgid() == 0 && !has_child());
        want(file_is("/proc/self/uid_map", "0 4242 1\n1 300000 65536\n65537 500000 1000\n"));
        want(file_is("/proc/self/gid_map", "0 4242 1\n1 600000 65536\n65537 700000 1000\n"));
        want(userns_can_setgroups());
        prctl(PR_SET_DUMPABLE, 0);
        want(userns_make(same, 3, same, 3, &fd, &err) == 0);
        want(setns(fd, CLONE_NEWUSER) == 0);
        want(file_is("/proc/self/uid_map", "0 0 1\n1 1 65536\n65537 65537 1000\n"));
        return 0;
}

static int a_broken_entry_is_named(void *context)
{
        (void)context;
        want(own_etc("x:1:2\nada:300000\n", "ada:300000:65536\n") == 0 && become_user() == 0);
        want(userns_enter_rootless(&err) == -EINVAL);
        want(strstr(err.text, "/etc/subuid, line 2") != NULL);
        return 0;
}

static int exec_finds_the_way_in(void *context)
{
        int gate[2], told[2], userns_fd;
        char path[64], byte = 0;
        struct stat outer, init, now;
        pid_t pid;

        (void)context;
        want(own_etc("", "") == 0 && become_user() == 0);
        want(pipe2(gate, O_CLOEXEC) == 0 && pipe2(told, O_CLOEXEC) == 0);
        pid = fork();
        if (pid == 0) {
                int fd;

                close(gate[1]);
                if (userns_enter_rootless(&err) < 0 || make(0, 1, &fd) < 0 || setns(fd, CLONE_NEWUSER) < 0 ||
                    prctl(PR_SET_DUMPABLE, 1) < 0 || write(told[1], &byte, 1) != 1 || read(gate[0], &byte, 1) < 0)
                        _exit(1);
                _exit(0);
        }
        close(told[1]);
        want(read(told[0], &byte, 1) == 1);
        prctl(PR_SET_DUMPABLE, 0);
        snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
        userns_fd = open(path, O_RDONLY | O_CLOEXEC);
        want(userns_fd >= 0);
        want(userns_enter_parent_of(userns_fd, &err) == 0);
        want(getuid() == 0);
        want(fstat(userns_fd, &init) == 0 && stat("/proc/self/ns/user", &outer) == 0 && outer.st_ino != init.st_ino);
        want(userns_enter_parent_of(userns_fd, &err) == 0);     /* there already */
        want(stat("/proc/self/ns/user", &now) == 0 && now.st_ino == outer.st_ino);
        want(setns(userns_fd, CLONE_NEWUSER) == 0);
        close(gate[1]);
        waitpid(pid, NULL, 0);
        return 0;
}

int main(void)
{
        setvbuf(stdout, NULL, _IOLBF, 0);
        if (geteuid() != 0 || !userns_is_initial()) {
                printf("SKIP userns: needs the host's root\n");
                return SKIP;
        }
        check("root makes a namespace owned by an id of its range, and no process stays", root_makes_one);
        check("root is as dumpable after making a namespace as before", root_keeps_its_dumpable_flag);
        check("a map that cannot be is an error that names it", errors_name_the_map);
        check("root of an engine's namespace maps all its ids one to one", engine_root_maps_one_to_one);
        check("root of an engine's namespace cannot map what it has not", engine_root_is_told_what_it_may_not_map);
        check("a build that uses up its inotify instances leaves root's alone", a_build_uses_up_its_own_share);
        check("a namespace made without taking the range's ids is charged to root", without_the_ids_it_uses_up_roots);
        check("a plain user without an entry in /etc/subuid gets one id", user_with_one_id);
        check("a plain user with entries in /etc/subuid and /etc/subgid gets all of them", user_with_ranges);
        check("a broken entry of the caller in /etc/subuid is named", a_broken_entry_is_named);
        check("exec by a plain user enters the namespace around the container's first", exec_finds_the_way_in);
        return n_failed > 0;
}
