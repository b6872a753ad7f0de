/* The host's side of the self test. One process plays the host, in namespaces of its own, and everything that it makes
 * ends with it: the bundle is on its tmpfs, the network in its namespace. The container itself is an ordinary one, in
 * the given --root, and `runb run` removes it. */
#include "runtime/selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "oci-spec/spec.h"
#include "policies/landlock.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/plan.h"
#include "runtime/userns.h"

#define TOP "/tmp"
#define BUNDLE TOP "/bundle"
#define ROOTFS BUNDLE "/rootfs"
#define TIME_LIMIT_SECONDS 90
#define EXECS 6
#define LINES_LIMIT_BYTES ((size_t)64 << 10)

struct stage {
        const struct selftest *selftest;
        char id[48];
        struct selftest_facts facts;
        int listeners[SELFTEST_LISTENERS];
        pid_t build_pid; /* holds the build's network namespace */
        int out_fd; /* to who asked for the test */
};

/* ---- what the container is made of ---- */

static int copy_file(const char *from, const char *to, mode_t mode, struct error *err)
{
        auto_close int source = open(from, O_RDONLY | O_CLOEXEC);
        auto_close int copy = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
        struct stat st;
        ssize_t n = 1;

        if (source < 0 || copy < 0 || fstat(source, &st) < 0)
                return error_errno(err, errno, "copy %s to %s", from, to);
        for (off_t at = 0; at < st.st_size && n > 0;)
                n = sendfile(copy, source, &at, (size_t)(st.st_size - at));
        if (n <= 0 || fchmod(copy, mode) < 0)
                return error_errno(err, n == 0 ? EIO : errno, "copy %s to %s", from, to);
        return 0;
}

/* A library, or the loader, of a program that is not linked statically: to where the loader finds it again. */
static int copy_library(struct dl_phdr_info *info, size_t size, void *context)
{
        struct error *err = context;
        char path[PATH_MAX], *end;
        int r;

        (void)size;
        if (info->dlpi_name == NULL || info->dlpi_name[0] != '/')
                return 0;
        if ((size_t)snprintf(path, sizeof path, ROOTFS "%s", info->dlpi_name) >= sizeof path)
                return error_errno(err, ENAMETOOLONG, "%s", info->dlpi_name);
        end = strrchr(path, '/');
        *end = '\0';
        r = fd_make_folders(path, 0755);
        *end = '/';
        return r < 0 ? error_errno(err, r, "mkdir for %s", path) : copy_file(info->dlpi_name, path, 0755, err);
}

static int copy_self(struct error *err)
{
        /* A setuid file of root: it must not help a plain user inside. */
        int r = copy_file("/proc/self/exe", ROOTFS SELFTEST_PROGRAM, 04755, err);

        return r < 0 ? r : dl_iterate_phdr(copy_library, err);
}

static void add_capabilities(struct text_buffer *out, const char *set, bool is_last)
{
        const char *name;

        text_addf(out, "\"%s\": [", set);
        for (int number = 0; (name = spec_cap_name(number)) != NULL; number++)
                text_addf(out, "%s\"%s\"", number == 0 ? "" : ",", name);
        text_add(out, is_last ? "]" : "],");
}

/* As much as an engine could ask for: what holds is then the policy's work. */
static void write_config(const struct stage *stage, struct text_buffer *out)
{
        text_add(out, "{\"ociVersion\": \"1.0.2\", \"hostname\": \"selftest\", \"root\": {\"path\": \"rootfs\"}, "
                      "\"process\": {"
                      "\"user\": {\"uid\": 0, \"gid\": 0}, \"cwd\": \"/\", \"noNewPrivileges\": false,"
                      "\"env\": [\"PATH=/\", \"HOME=/\"], \"args\": [\"" SELFTEST_PROGRAM
                      "\", \"selftest\", \"--inside\", \"");
        text_addf(out, SELFTEST_FACTS, stage->facts.is_root, stage->facts.has_net, stage->facts.has_pids,
                  stage->facts.has_userns, stage->facts.has_mounts, stage->facts.has_ports, stage->facts.caps);
        text_add(out, "\"], \"capabilities\": {");
        add_capabilities(out, "bounding", false);
        add_capabilities(out, "effective", false);
        add_capabilities(out, "inheritable", false);
        add_capabilities(out, "permitted", false);
        add_capabilities(out, "ambient", true);
        text_add(out,
                 "}}, \"mounts\": ["
                 "{\"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\"},"
                 "{\"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"tmpfs\", \"options\": [\"nosuid\", "
                 "\"mode=755\"]},"
                 "{\"destination\": \"/dev/pts\", \"type\": \"devpts\", \"source\": \"devpts\","
                 " \"options\": [\"newinstance\", \"ptmxmode=0666\", \"mode=0620\"]},"
                 "{\"destination\": \"/sys\", \"type\": \"sysfs\", \"source\": \"sysfs\", \"options\": [\"ro\"]},"
                 "{\"destination\": \"/sys/fs/cgroup\", \"type\": \"cgroup\", \"source\": \"cgroup\", \"options\": "
                 "[\"ro\"]},"
                 "{\"destination\": \"/tmp\", \"type\": \"tmpfs\", \"source\": \"tmpfs\", \"options\": [\"mode=1777\"]}"
                 "], \"linux\": {");
        if (stage->facts.has_pids)
                text_addf(out, "\"resources\": {\"pids\": {\"limit\": %d}}, ", SELFTEST_PIDS);
        text_add(
                out,
                "\"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"ipc\"}, {\"type\": \"uts\"}, {\"type\": \"mount\"},"
                " {\"type\": \"cgroup\"}, {\"type\": \"network\"");
        if (stage->facts.has_net)
                text_addf(out, ", \"path\": \"/proc/%d/ns/net\"", stage->build_pid);
        text_add(out, "}]}}\n");
}

static int write_bundle(const struct stage *stage, struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };
        int r;

        write_config(stage, &out);
        r = out.is_broken ? -ENOMEM : fd_replace_file(AT_FDCWD, BUNDLE "/config.json", out.text, out.length, 0600);
        return r < 0 ? error_errno(err, r, "write %s/config.json", BUNDLE) : 0;
}

static int make_rootfs(struct error *err)
{
        static const char *const folders[] = { "proc", "dev", "sys", "tmp", "etc", "run" };
        char path[64];

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", TOP, "tmpfs", 0, "mode=755") < 0)
                return error_errno(err, errno, "a mount namespace with a tmpfs");
        if (mkdir(BUNDLE, 0755) < 0 || mkdir(ROOTFS, 0755) < 0 || chmod(ROOTFS, 0777) < 0)
                return error_errno(err, errno, "mkdir %s", ROOTFS);
        for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
                snprintf(path, sizeof path, ROOTFS "/%s", folders[i]);
                if (mkdir(path, 0755) < 0)
                        return error_errno(err, errno, "mkdir %s", path);
        }
        /* As a node in a layer of an image; a user namespace cannot make one. */
        if (mknod(ROOTFS SELFTEST_DEVICE, S_IFCHR | 0666, makedev(1, 5)) == 0 &&
            chmod(ROOTFS SELFTEST_DEVICE, 0666) < 0)
                return error_errno(err, errno, "chmod %s", SELFTEST_DEVICE);
        return copy_self(err);
}

/* ---- the network ---- */

static int hold_abstract_socket(void)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        memcpy(address.sun_path + 1, SELFTEST_ABSTRACT, strlen(SELFTEST_ABSTRACT));
        if (fd < 0 || bind(fd, (struct sockaddr *)&address,
                           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(SELFTEST_ABSTRACT))) < 0)
                return -1;
        return listen(fd, 8);
}

/* A daemon of the host in the network namespace that the build is going to join. Says a byte when each step is done. */
static _Noreturn void play_daemon(int channel)
{
        char byte = 0;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWNET) < 0 || write(channel, "n", 1) != 1 || read(channel, &byte, 1) != 1 || byte != 'v' ||
            selftest_net_build() < 0 || hold_abstract_socket() < 0 || write(channel, "r", 1) != 1)
                _exit(1);
        for (;;)
                pause();
}

/* What cannot be played is not tried, and the result says so. */
static int play_network(struct stage *stage, struct error *err)
{
        auto_close int ours = UNSET_FD, theirs = UNSET_FD, netns_fd = UNSET_FD;
        char path[64], byte;
        int pair[2];

        if (unshare(CLONE_NEWNET) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return error_errno(err, errno, "a network namespace");
        ours = pair[0];
        theirs = pair[1];
        stage->build_pid = fork();
        if (stage->build_pid < 0)
                return error_errno(err, errno, "fork");
        if (stage->build_pid == 0) {
                close(take_fd(&ours));
                play_daemon(theirs);
        }
        close(take_fd(&theirs));
        if (read(ours, &byte, 1) != 1)
                return 0;
        snprintf(path, sizeof path, "/proc/%d/ns/net", stage->build_pid);
        netns_fd = open(path, O_RDONLY | O_CLOEXEC);
        if (netns_fd < 0 || selftest_net_host(netns_fd, stage->listeners) < 0)
                return 0;
        stage->facts.has_net = write(ours, "v", 1) == 1 && read(ours, &byte, 1) == 1;
        return 0;
}

/* ---- the runtime ---- */

/* Executes this very program as the runtime. @last: the words behind the global options. */
static _Noreturn void be_runtime(const struct stage *stage, const char *const *last)
{
        const struct selftest *selftest = stage->selftest;
        const char *arguments[24];
        size_t n = 0;

        arguments[n++] = selftest->policy.argv0;
        arguments[n++] = "--root";
        arguments[n++] = selftest->root;
        if (selftest->policy.path != NULL) {
                arguments[n++] = "--policy";
                arguments[n++] = selftest->policy.path;
        }
        if (selftest->policy.profile != NULL) {
                arguments[n++] = "--profile";
                arguments[n++] = selftest->policy.profile;
        }
        if (selftest->is_cgroup_disabled) {
                arguments[n++] = "--cgroup-manager";
                arguments[n++] = "disabled";
        }
        while (*last != NULL)
                arguments[n++] = *last++;
        arguments[n] = NULL;
        execv("/proc/self/exe", (char *const *)(uintptr_t)arguments);
        _exit(127);
}

static pid_t start_run(const struct stage *stage, int out_fd, int err_fd)
{
        const char *const words[] = { "run", "--bundle", BUNDLE, stage->id, NULL };
        pid_t pid = fork();
        int null;

        if (pid != 0)
                return pid;
        null = open("/dev/null", O_RDONLY);
        /* What an engine may leave open, and a secret that it may have. */
        if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0 ||
            dup2(err_fd, STDERR_FILENO) < 0 || open("/", O_RDONLY | O_DIRECTORY) < 0 ||
            setenv(SELFTEST_SECRET, "leaked", 1) < 0)
                _exit(127);
        be_runtime(stage, words);
}

/* Joins the container some times, as an engine's exec does; the battery lies in wait. */
static void play_execs(const struct stage *stage)
{
        const char *const words[] = { "exec", stage->id, SELFTEST_PROGRAM, "--version", NULL };

        for (int i = 0; i < EXECS; i++) {
                pid_t pid = fork();
                int null;

                if (pid == 0) {
                        null = open("/dev/null", O_RDWR);
                        if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
                            dup2(null, STDERR_FILENO) < 0)
                                _exit(127);
                        be_runtime(stage, words);
                }
                if (pid > 0)
                        waitpid(pid, NULL, 0);
        }
        close(open(ROOTFS SELFTEST_DONE, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

/* Passes the battery's lines on until it ends. @fd: its output. */
static int follow(const struct stage *stage, int fd, struct error *err)
{
        const time_t end = time(NULL) + TIME_LIMIT_SECONDS;
        struct pollfd polled[] = { { .fd = fd, .events = POLLIN },
                                   { .fd = stage->listeners[0], .events = POLLIN },
                                   { .fd = stage->listeners[1], .events = POLLIN },
                                   { .fd = stage->listeners[2], .events = POLLIN } };
        char line[512];
        size_t length = 0;

        while (time(NULL) < end) {
                char byte;

                if (poll(polled, 1 + SELFTEST_LISTENERS, 1000) < 0 && errno != EINTR)
                        return error_errno(err, errno, "poll");
                if (polled[1].revents != 0 || polled[2].revents != 0 || polled[3].revents != 0)
                        selftest_net_answer(stage->listeners);
                if (polled[0].revents == 0)
                        continue;
                if (read(fd, &byte, 1) != 1)
                        return 0;
                if (length < sizeof line)
                        line[length++] = byte;
                if (byte != '\n')
                        continue;
                if (length == strlen(SELFTEST_NOW) && memcmp(line, SELFTEST_NOW, length) == 0)
                        play_execs(stage);
                else if (fd_write_all(stage->out_fd, line, length) < 0)
                        return error_errno(err, errno, "write");
                length = 0;
        }
        return error_set(err, ETIMEDOUT, "the battery did not end within %d seconds", TIME_LIMIT_SECONDS);
}

/* Whose is on the disk what the build's root made? */
static void look_at_owner(const struct stage *stage)
{
        char line[160];
        struct stat st;

        if (!stage->facts.is_root || stat(ROOTFS SELFTEST_MADE, &st) < 0)
                snprintf(line, sizeof line,
                         "files of the build on the disk\tuntried\tit could make none, or has the caller's ids\n");
        else
                snprintf(line, sizeof line, "files of the build on the disk\t%s\tthey belong to %u:%u\n",
                         st.st_uid == 0 && st.st_gid == 0 ? "held" : "FAILED", st.st_uid, st.st_gid);
        fd_write_all(stage->out_fd, line, strlen(line));
}

static int run(struct stage *stage, struct error *err)
{
        const char *const words[] = { "delete", "--force", stage->id, NULL };
        auto_close int said = memfd_create("stderr", MFD_CLOEXEC);
        auto_free char *text = NULL;
        size_t length;
        int ends[2], status = 0, r;
        pid_t pid;

        if (said < 0 || pipe2(ends, O_CLOEXEC) < 0)
                return error_errno(err, errno, "pipe");
        pid = start_run(stage, ends[1], said);
        close(ends[1]);
        if (pid < 0)
                return error_errno(err, errno, "fork");
        r = follow(stage, ends[0], err);
        close(ends[0]);
        if (r < 0) {
                kill(pid, SIGKILL);
                waitpid(pid, NULL, 0);
                pid = fork();
                if (pid == 0)
                        be_runtime(stage, words);
                waitpid(pid, NULL, 0);
                return r;
        }
        waitpid(pid, &status, 0);
        if (status == 0) {
                look_at_owner(stage);
                return 0;
        }
        if (lseek(said, 0, SEEK_SET) < 0 || fd_read_all(said, LINES_LIMIT_BYTES, &text, &length) < 0 || length == 0)
                return error_set(err, EPROTO, "the battery ended with status %d", status);
        text[strcspn(text, "\n")] = '\0';
        return error_set(err, EPERM, "%s", text);
}

/* What the policy makes of the request: the same that run is going to see. */
static int judge(struct stage *stage, struct error *err)
{
        const struct selftest *selftest = stage->selftest;
        const struct plan_request request = { stage->id, BUNDLE, selftest->is_cgroup_disabled, selftest->policy,
                                              .root = selftest->root };
        struct plan *plan = arena_new(selftest->arena, struct plan);
        char line[200];
        int r;

        if (plan == NULL)
                return error_errno(err, ENOMEM, "plan");
        r = plan_make(&request, selftest->arena, plan, err);
        if (r < 0)
                return r;
        stage->facts.is_root = plan->host.privilege == HOST_REAL_ROOT;
        stage->facts.has_pids = stage->facts.is_root && !plan->cgroups.is_disabled;
        stage->facts.has_userns = plan->policy.profile.seccomp_user_namespaces;
        stage->facts.has_mounts = plan->policy.profile.seccomp_base == POLICY_SECCOMP_BASE_IMAGE_BUILD;
        stage->facts.has_ports = plan->policy.profile.landlock_tcp_ports && !plan->sandbox.egress.is_audit &&
                                 plan->host.landlock_abi >= POLICY_LANDLOCK_TCP_ABI;
        stage->facts.caps = policy_profile_caps(&plan->policy.profile);
        snprintf(line, sizeof line, "profile\t%s\t\n", plan->policy.profile.name);
        return fd_write_all(stage->out_fd, line, strlen(line));
}

static int play_host(struct stage *stage, struct error *err)
{
        int r = 0;

        if (geteuid() != 0)
                r = userns_enter_rootless(err);
        if (r == 0)
                r = make_rootfs(err);
        if (r == 0)
                r = play_network(stage, err);
        if (r == 0)
                r = write_bundle(stage, err);
        if (r == 0)
                r = judge(stage, err);
        if (r == 0)
                r = write_bundle(stage, err);
        if (r < 0)
                return r;
        /* A session keyring with a key, as a login has one. */
        if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0)
                syscall(SYS_add_key, "user", SELFTEST_KEY, "secret", (size_t)6, KEY_SPEC_SESSION_KEYRING);
        return run(stage, err);
}

/* ---- who asked ---- */

static int take_line(struct selftest *selftest, char *line)
{
        struct selftest_result *result;
        char *verdict = strchr(line, '\t'), *how = verdict != NULL ? strchr(verdict + 1, '\t') : NULL;

        if (how == NULL)
                return 0;
        *verdict++ = '\0';
        *how++ = '\0';
        if (strcmp(line, "profile") == 0) {
                selftest->profile = arena_string(selftest->arena, verdict);
                return selftest->profile == NULL ? -ENOMEM : 0;
        }
        result = arena_new(selftest->arena, struct selftest_result);
        if (result == NULL)
                return -ENOMEM;
        result->attempt = arena_string(selftest->arena, line);
        result->how = arena_string(selftest->arena, how);
        result->verdict = strcmp(verdict, selftest_verdict_name(SELFTEST_HELD)) == 0      ? SELFTEST_HELD
                          : strcmp(verdict, selftest_verdict_name(SELFTEST_UNTRIED)) == 0 ? SELFTEST_UNTRIED
                                                                                          : SELFTEST_FAILED;
        if (result->attempt == NULL || result->how == NULL)
                return -ENOMEM;
        selftest->n[result->verdict]++;
        if (selftest->last != NULL)
                selftest->last->next = result;
        else
                selftest->first = result;
        selftest->last = result;
        return 0;
}

int selftest_run(struct selftest *selftest, struct error *err)
{
        struct stage stage = { .selftest = selftest, .listeners = { UNSET_FD, UNSET_FD, UNSET_FD } };
        struct error answer = { 0 };
        auto_close int lines_fd = UNSET_FD;
        auto_free char *text = NULL;
        int lines[2], answers[2], r, status;
        char *rest = NULL;
        size_t length;
        pid_t pid;
        ssize_t n;

        snprintf(stage.id, sizeof stage.id, "selftest-%d", getpid());
        if (pipe2(lines, O_CLOEXEC) < 0 || pipe2(answers, O_CLOEXEC) < 0)
                return error_errno(err, errno, "pipe");
        lines_fd = lines[0];
        pid = fork();
        if (pid < 0)
                return error_errno(err, errno, "fork");
        if (pid == 0) {
                stage.out_fd = lines[1];
                prctl(PR_SET_PDEATHSIG, SIGTERM);
                play_host(&stage, &answer);
                if (stage.build_pid > 0)
                        kill(stage.build_pid, SIGKILL);
                _exit(write(answers[1], &answer, sizeof answer) < 0);
        }
        close(lines[1]);
        close(answers[1]);
        r = fd_read_all(lines_fd, LINES_LIMIT_BYTES, &text, &length);
        n = read(answers[0], &answer, sizeof answer);
        close(answers[0]);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (r < 0 || n != (ssize_t)sizeof answer)
                return error_set(err, ECHILD, "the process that plays the host ended unexpectedly");
        for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
                if (take_line(selftest, line) < 0)
                        return error_errno(err, ENOMEM, "results");
        if (answer.code != 0) {
                *err = answer;
                return -answer.code;
        }
        return selftest->first == NULL ? error_set(err, EPROTO, "the battery said nothing") : 0;
}
