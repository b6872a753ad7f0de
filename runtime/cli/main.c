/* Where every call begins: close what was inherited, read the options before the command, find the command.
 *
 * Two attacks end here. An fd that the engine left open (the shim's listening socket, pipe ends of buildah) must not
 * reach the build: everything above stdio is close-on-exec from the first line on, and only --preserve-fds clears
 * that again. And a call without stdin, stdout or stderr must not get a file of ours at that number, which would then
 * be handed to the container as its stdio. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/base/arena.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/state.h"
#include "runtime/systemd.h"
#include "runtime/userns.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x10u          /* Linux 6.3 */
#endif

static struct {
        const char *root, *log, *log_format, *cgroup_manager, *rootless, *criu, *policy, *profile;
        bool is_debug, is_systemd_cgroup, is_version;
} given;

static const struct cli_option options[] = {
        { "root", 0, CLI_STRING, &given.root, "DIR",
          "the folder of the containers' state (default: /run/runb/containers; $XDG_RUNTIME_DIR/runb/containers when "
          "not root)" },
        { "log", 0, CLI_STRING, &given.log, "FILE", "append the error to FILE, too" },
        { "log-format", 0, CLI_STRING, &given.log_format, "FORMAT", "of --log: text (default) or json" },
        { "debug", 0, CLI_FLAG, &given.is_debug, NULL, "log what is done, not only what failed" },
        { "cgroup-manager", 0, CLI_STRING, &given.cgroup_manager, "MANAGER",
          "cgroupfs (default), systemd or disabled" },
        { "systemd-cgroup", 0, CLI_FLAG, &given.is_systemd_cgroup, NULL,
          "ask systemd for the cgroup: a transient scope, which cgroupsPath names \"slice:prefix:name\"" },
        { "policy", 0, CLI_STRING, &given.policy, "FILE",
          "the policy file (default: " POLICY_PATH ", if it is there)" },
        { "profile", 0, CLI_STRING, &given.profile, "NAME",
          "of the policy file, for a new container; what else chooses a profile can only narrow it" },
        { "rootless", 0, CLI_STRING, &given.rootless, "WHEN",
          "true, false or auto: accepted as runc does; what holds is found out" },
        { "criu", 0, CLI_STRING, &given.criu, "PATH", NULL },
        { "version", 'v', CLI_FLAG, &given.is_version, NULL, "print the version and end" },
};

static const struct cli_usage usage = {
        .synopsis = "[global options] COMMAND [options] ...",
        .summary = "An OCI runtime for builds: runc for code you do not trust. Engines call it. `runb COMMAND --help` "
                   "prints the options of a command.",
        .options = options,
        .n_options = sizeof options / sizeof options[0],
        .max_arguments = SIZE_MAX,
        .stops_at_first_argument = true,
        .is_global = true,
};

const struct cli_usage *cli_global_usage(void)
{
        return &usage;
}

/* Opens /dev/null for each of 0, 1, 2 that is closed. */
static int fill_stdio(struct error *err)
{
        struct stat st;
        int fd;

        for (int number = STDIN_FILENO; number <= STDERR_FILENO; number++) {
                if (fcntl(number, F_GETFD) >= 0)
                        continue;
                /* The lowest free number is this one. Not close-on-exec: it is the container's stdio from now on. */
                fd = open("/dev/null", (number == STDIN_FILENO ? O_RDONLY : O_WRONLY) | O_NOCTTY);
                if (fd < 0)
                        return error_errno(err, errno, "fd %d is closed, and /dev/null", number);
                if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
                        return error_set(err, EINVAL, "fd %d is closed, and /dev/null is not the null device", number);
        }
        return 0;
}

/* A build can start us inside: as the interpreter of a script, "#!/proc/self/exe". It then opens /proc/PID/exe and
 * writes to it when that process has ended (CVE-2019-5736). Real root's builds have no id that may write to root's
 * file; a plain user's build is that user, and a binary of his own has to be out of its reach: a sealed copy runs
 * instead. The copy has to be made before anything else, while the fds are as they were inherited. */
static int run_sealed_copy(int argc, char **argv, struct error *err)
{
        const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
        auto_close int self = UNSET_FD, copy = UNSET_FD;
        bool starts_programs = false;
        struct stat st;
        ssize_t n = 0;
        int has;

        for (int i = 1; i < argc && !starts_programs; i++)
                starts_programs = strcmp(argv[i], "create") == 0 || strcmp(argv[i], "run") == 0 ||
                                  strcmp(argv[i], "exec") == 0;
        if (!starts_programs || (geteuid() == 0 && userns_is_initial()))
                return 0;
        self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        if (self < 0 || fstat(self, &st) < 0)
                return error_errno(err, errno, "open /proc/self/exe");
        has = fcntl(self, F_GET_SEALS);         /* -1 of a file that takes none */
        if ((st.st_uid != geteuid() && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0) || (has >= 0 && (has & seals) == seals))
                return 0;
        copy = memfd_create("runb", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
        if (copy < 0 && errno == EINVAL)        /* Linux < 6.3 has no MFD_EXEC */
                copy = memfd_create("runb", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        for (off_t at = 0; copy >= 0 && at < st.st_size && n >= 0;)
                if ((n = sendfile(copy, self, &at, (size_t)(st.st_size - at))) == 0)
                        return error_set(err, EIO, "/proc/self/exe: shorter than it was");
        if (copy >= 0 && n >= 0 && fchmod(copy, 0500) == 0 && fcntl(copy, F_ADD_SEALS, seals) == 0)
                syscall(SYS_execveat, copy, "", argv, environ, AT_EMPTY_PATH);
        return error_errno(err, errno,
                           "run a sealed copy of this binary, which builds could write to otherwise (install it so "
                           "that root owns it)");
}

static int begin(struct error *err)
{
        /* Linux < 5.11 has no CLOSE_RANGE_CLOEXEC; this runtime needs 5.19 anyway. */
        if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
                return error_errno(err, errno, "close_range (Linux 5.19 or later is needed)");

        /* An ignored SIGCHLD is inherited, and wait(2) then finds no children. SIGPIPE would end us in the middle of
         * a write to a hook or to the engine's log; it comes back as EPIPE instead. What the container gets is reset
         * before exec. */
        signal(SIGCHLD, SIG_DFL);
        signal(SIGPIPE, SIG_IGN);
        return fill_stdio(err);
}

static int print_version(struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };
        const struct scmp_version *seccomp = seccomp_version();

        text_addf(&out, "runb version %s\ncommit: %s\nspec: %s\n", PACKAGE_VERSION, RUNB_COMMIT, CLI_SPEC_VERSION);
        if (seccomp != NULL)
                text_addf(&out, "libseccomp: %u.%u.%u\n", seccomp->major, seccomp->minor, seccomp->micro);
        return cli_print(&out, err);
}

static bool is_one_of(const char *text, const char *const *words)
{
        for (; *words != NULL; words++) {
                if (strcmp(text, *words) == 0)
                        return true;
        }
        return false;
}

static int check_given(struct cli *cli, struct error *err)
{
        static const char *const formats[] = { "text", "json", NULL };
        static const char *const managers[] = { "cgroupfs", "systemd", "disabled", NULL };
        static const char *const whens[] = { "true", "false", "auto", NULL };
        bool is_json = false;
        int r;

        if (given.log_format != NULL) {
                if (!is_one_of(given.log_format, formats))
                        return error_set(err, EINVAL, "invalid log-format \"%s\": text or json is wanted",
                                         given.log_format);
                is_json = strcmp(given.log_format, "json") == 0;
        }
        r = log_open(given.log, is_json, given.is_debug);
        if (r < 0)
                return error_errno(err, r, "open log file %s", given.log);

        /* With --debug only: containerd once sent it with every call and reads the answers of some as one document. */
        if (given.criu != NULL)
                log_warning("--criu ignored (there is no checkpoint and restore); do not use");
        if (given.cgroup_manager != NULL && !is_one_of(given.cgroup_manager, managers))
                return error_set(err, EINVAL, "invalid cgroup-manager \"%s\": cgroupfs, systemd or disabled is wanted",
                                 given.cgroup_manager);
        if (given.rootless != NULL && !is_one_of(given.rootless, whens))
                return error_set(err, EINVAL, "invalid rootless \"%s\": true, false or auto is wanted",
                                 given.rootless);
        cli->is_debug = given.is_debug;
        cli->policy = (struct policy_source){ .path = given.policy, .profile = given.profile, .argv0 = cli->argv0 };
        cli->is_systemd_cgroup = given.is_systemd_cgroup;
        if (given.cgroup_manager != NULL) {
                cli->is_systemd_cgroup |= strcmp(given.cgroup_manager, "systemd") == 0;
                cli->is_cgroup_disabled = strcmp(given.cgroup_manager, "disabled") == 0;
        }
        if (cli->is_systemd_cgroup && cli->is_cgroup_disabled)
                return error_set(err, EINVAL, "--systemd-cgroup and --cgroup-manager disabled exclude each other");
        return 0;
}

/* --root as an absolute path without "." at its end, so that it means the same after a change of folder. */
static int find_root(struct cli *cli, struct error *err)
{
        auto_free char *cwd = NULL;
        const char *path = given.root;
        size_t length;

        cli->is_root_given = path != NULL;
        if (path == NULL)
                return state_default_root(cli->arena, &cli->root, err);
        if (path[0] == '\0')
                return error_set(err, EINVAL, "--root is empty; leave it out for the default");
        length = strlen(path);
        while (length > 1 && path[length - 1] == '/')
                length--;
        if (path[0] != '/') {
                cwd = getcwd(NULL, 0);
                if (cwd == NULL)
                        return error_errno(err, errno, "--root %s: the working folder", path);
                cli->root = arena_format(cli->arena, "%s/%.*s", cwd, (int)length, path);
        } else if (length == 1) {
                return error_set(err, EINVAL,
                                 "--root /: the root folder cannot hold the state; name a folder below it");
        } else {
                cli->root = arena_string_n(cli->arena, path, length);
        }
        return cli->root == NULL ? error_errno(err, ENOMEM, "--root") : 0;
}

/* podman and CRI-O ask `checkpoint --help` whether there is checkpoint and restore, and take any exit but 0 as a no;
 * `restore --lsm-mount-context` without a value must fail by the missing value. */
static int refuse_checkpoint(int argc, char **argv, struct error *err)
{
        if (strcmp(argv[0], "restore") == 0 && argc > 1 && strcmp(argv[argc - 1], "--lsm-mount-context") == 0)
                return error_set(err, EINVAL, "flag needs an argument: --lsm-mount-context");
        return error_set(err, ENOSYS,
                         "%s: checkpoint and restore are not supported by runb; run the build again instead", argv[0]);
}

static int dispatch(struct cli *cli, int argc, char **argv)
{
        const struct cli_command *command;
        struct error err = { 0 };

        if (strcmp(argv[0], "checkpoint") == 0 || strcmp(argv[0], "restore") == 0) {
                refuse_checkpoint(argc, argv, &err);
                return cli_fail(&err, 1);
        }
        if (strcmp(argv[0], "guard") == 0)      /* not for people, so in no list */
                return find_root(cli, &err) < 0 ? cli_fail(&err, 1) : cmd_guard(cli, argc, argv);
        if (strcmp(argv[0], "keeper") == 0)
                return find_root(cli, &err) < 0 ? cli_fail(&err, 1) : cmd_keeper(cli, argc, argv);
        command = cli_find_command(argv[0]);
        if (command == NULL) {
                error_set(&err, EINVAL, "unknown command \"%s\"; `runb help` lists the commands", argv[0]);
                return cli_fail(&err, 1);
        }
        if (command->makes_cgroups && cli->is_systemd_cgroup && !systemd_is_supported()) {
                systemd_begin(NULL, NULL, NULL, NULL, NULL, &err);
                return cli_fail(&err, 1);
        }
        if (command->needs_root && find_root(cli, &err) < 0)
                return cli_fail(&err, 1);
        return command->function(cli, argc, argv);
}

int main(int argc, char **argv)
{
        auto_arena struct arena arena = { 0 };
        struct cli cli = { .argv0 = argc > 0 ? argv[0] : "runb", .arena = &arena };
        struct error err = { 0 };
        char *help[] = { (char[]){ "help" }, NULL };
        char **arguments;
        size_t n;
        int r;

        if (run_sealed_copy(argc, argv, &err) < 0 || begin(&err) < 0)
                return cli_fail(&err, 1);
        if (argc < 1) {
                /* execve(2) with an empty argv: nothing of what follows may read beyond it. */
                error_set(&err, EINVAL, "called without argv[0]");
                return cli_fail(&err, 1);
        }
        r = cli_parse(&cli, &usage, argc, argv, &arguments, &n, &err);
        if (r > 0)
                return 0;
        if (r < 0 || check_given(&cli, &err) < 0)
                return cli_fail(&err, 1);
        if (given.is_version)
                return print_version(&err) < 0 ? cli_fail(&err, 1) : 0;
        if (n == 0)
                return cmd_help(&cli, 1, help);
        return dispatch(&cli, (int)n, arguments);
}
