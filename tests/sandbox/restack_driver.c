/* Stacks a rootfs anew and runs a command in it, in a user namespace of its own and nothing else of the sandbox: for
 * tests/sandbox/restack.sh.
 *
 *   restack-driver [-o] [-p] [-n] [-k] [-b BYTES] [-l TARGET] ROOTFS COMMAND [ARG]...
 *     -o: as Linux before 6.15 needs it   -p: plain, ids not mapped   -n: no refresh   -k: keep the work folder
 *     -b: with an upper layer of its own, of so many bytes
 *     -l: between the look at ROOTFS and its use, it becomes a link to TARGET
 *     -r: chroot into the tree and run the command there by its name in there
 * Without -r the command runs with the tree on $TREE (mounted there in a mount namespace of its own). */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/restack.h"
#include "runtime/restack_overlay.h"
#include "runtime/userns.h"

#define BASE 1879048192u

static int fail(const struct error *err)
{
        fprintf(stderr, "%s\n", err->text);
        return 99;
}

static int in_tree(int tree_fd, int userns_fd, bool is_mapped, bool is_root, char **argv)
{
        const char *target = getenv("TREE");
        pid_t pid;
        int status;

        pid = fork();
        if (pid == 0) {
                if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
                    move_mount(tree_fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0 || chdir(target) < 0 ||
                    (is_root && chroot(".") < 0) || (is_mapped && setns(userns_fd, CLONE_NEWUSER) < 0) ||
                    setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0) {
                        perror("enter");
                        _exit(98);
                }
                execvp(argv[0], argv);
                perror(argv[0]);
                _exit(97);
        }
        close(tree_fd);
        waitpid(pid, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 96;
}

static long us_between(const struct timespec *a, const struct timespec *b)
{
        return (b->tv_sec - a->tv_sec) * 1000000 + (b->tv_nsec - a->tv_nsec) / 1000;
}

static void get_caps(struct __user_cap_data_struct caps[2])
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

        syscall(SYS_capget, &header, caps);
}

/* The second of the ways that restack_prepare() tries. */
static int prepare_older(const struct restack_plan *plan, int userns_fd, int *ret_tree_fd, struct error *err)
{
        if (plan->work != NULL && mkdir(plan->work, 0700) < 0)
                return error_errno(err, errno, "make %s", plan->work);
        return restack_overlay_mount(plan->overlay, RESTACK_ATTACHED, userns_fd, BASE, BASE, ret_tree_fd, err);
}

int main(int argc, char **argv)
{
        struct spec_id_map map = { .inside = 0, .outside = BASE, .size = 65536 };
        auto_arena struct arena arena = { 0 };
        struct restack_request request = { .token = "test" };
        struct restack_plan plan;
        struct error err = { 0 };
        auto_close int userns_fd = UNSET_FD;
        bool is_refreshed = true, is_kept = false, is_root = false, is_mapped = true, is_older = false;
        struct timespec t0, t1, t2, t3;
        struct __user_cap_data_struct before[2], after[2];
        const char *rootfs, *leads_to = NULL;
        int tree_fd, option, r;

        while ((option = getopt(argc, argv, "+opnkrb:l:")) != -1)
                switch (option) {
                case 'o': is_older = true; break;
                case 'p': is_mapped = false; break;
                case 'n': is_refreshed = false; break;
                case 'k': is_kept = true; break;
                case 'r': is_root = true; break;
                case 'b': request.upper_bytes = strtoull(optarg, NULL, 10); break;
                case 'l': leads_to = optarg; break;
                default: return 2;
                }
        if (argc - optind < 2)
                return 2;
        rootfs = request.rootfs = argv[optind++];
        request.is_mapped = is_mapped;
        if (userns_make(&map, 1, &map, 1, &userns_fd, &err) < 0)
                return fail(&err);
        get_caps(before);
        clock_gettime(CLOCK_MONOTONIC, &t0);
        if (restack_plan_make(&arena, &request, &plan, &err) < 0)
                return fail(&err);
        clock_gettime(CLOCK_MONOTONIC, &t1);
        /* Whoever owns the folder that it is in swaps it. */
        if (leads_to != NULL && (rename(rootfs, "was") < 0 || symlink(leads_to, rootfs) < 0))
                return 97;
        r = is_older ? prepare_older(&plan, userns_fd, &tree_fd, &err)
                     : restack_prepare(&plan, userns_fd, BASE, BASE, &tree_fd, &err);
        get_caps(after);
        if (memcmp(before, after, sizeof before) != 0 || setfsuid((uid_t)-1) != 0 || setfsgid((gid_t)-1) != 0) {
                fprintf(stderr, "the credentials are not what they were\n");
                return 95;
        }
        if (r < 0)
                return fail(&err);
        clock_gettime(CLOCK_MONOTONIC, &t2);
        if (getenv("SHOW") != NULL)
                fprintf(stderr, "work %s overlay %d plan %ld us prepare %ld us\n", plan.work ? plan.work : "-",
                        plan.is_overlay, us_between(&t0, &t1), us_between(&t1, &t2));
        r = in_tree(tree_fd, userns_fd, is_mapped, is_root, argv + optind);
        clock_gettime(CLOCK_MONOTONIC, &t2);
        if (is_refreshed && plan.is_overlay && restack_refresh(rootfs, plan.device, &err) < 0)
                return fail(&err);
        clock_gettime(CLOCK_MONOTONIC, &t3);
        if (getenv("SHOW") != NULL)
                fprintf(stderr, "refresh %ld us\n", us_between(&t2, &t3));
        if (!is_kept && (restack_undo(plan.work, &err) < 0 || restack_undo(plan.work, &err) < 0))
                return fail(&err);
        return r;
}
