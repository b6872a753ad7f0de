/* System calls only: this runs between clone and exec. */
#include "runtime/enter_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/mounts.h"
#include "runtime/targets.h"
#include "runtime/terminal.h"

static void join_cgroups(const struct cgroups_ready *cgroups, int report_fd)
{
        for (uint32_t i = 0; i < cgroups->n_join_fds; i++)
                if (write(cgroups->join_fds[i], "0", 1) != 1)
                        child_fail(report_fd, STEP_CGROUP_JOIN, i, errno);
}

int enter_child_write(int proc_fd, const char *path, const char *text)
{
        auto_close int fd = openat(proc_fd, path, O_WRONLY | O_CLOEXEC);
        size_t length = strlen(text);

        if (fd < 0)
                return -1;
        return write(fd, text, length) == (ssize_t)length ? 0 : -1;
}

static void write_oom_score(const struct spec_process *process, int proc_fd, int report_fd)
{
        char text[8], *p = text + sizeof text;
        int score = process->oom_score_adj;
        unsigned number = score < 0 ? (unsigned)-score : (unsigned)score;

        if (!process->has_oom_score_adj)
                return;
        *--p = '\0';
        do
                *--p = (char)('0' + number % 10);
        while ((number /= 10) > 0);
        if (score < 0)
                *--p = '-';
        if (enter_child_write(proc_fd, "self/oom_score_adj", p) < 0)
                child_fail(report_fd, STEP_OOM_SCORE, 0, errno);
}

int enter_child_begin(const struct spec_process *process, const struct cgroups_ready *cgroups, bool is_host_pid, int report_fd)
{
        int proc_fd;

        /* Before anything is done that a limit could be asked for. */
        if (cgroups->is_moved_in)
                child_wait_go(report_fd);
        sys_signals_reset();      /* conmon's podman runs with SIGUSR1 blocked; mask and SIG_IGN survive exec */
        umask(0);
        if (setsid() < 0)
                child_fail(report_fd, STEP_SETSID, 0, errno);
        join_cgroups(cgroups, report_fd);
        proc_fd = mounts_child_private_proc(is_host_pid, report_fd);
        write_oom_score(process, proc_fd, report_fd);
        /* Before the first setns: what is inside a joined namespace must not reach into us. Never set back;
         * exec does that. Not earlier: rootless, our own files in procfs would no longer be ours to write. */
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                child_fail(report_fd, STEP_NS_JOIN, SPEC_NS_USER, errno);
        return proc_fd;
}

void enter_child_terminal(const struct process_plan *plan, int root_fd, int console_fd, int report_fd)
{
        const struct spec_process *process = plan->process;
        /* Init still has the host's ids here, exec the build's. */
        const uid_t uid = plan->is_init ? plan->stdio_uid : process->user.uid;
        const gid_t gid = plan->is_init ? plan->stdio_gid : process->user.gid;
        auto_close int pts = UNSET_FD;
        int master = UNSET_FD, slave = UNSET_FD;
        struct statfs fs;
        int r;

        if (!process->is_terminal)
                return;
        if (plan->is_init)
                pts = target_open(root_fd, "/dev/pts", TARGET_FOLDER, true, NULL);
        else
                pts = sys_openat2(root_fd, "dev/pts", O_PATH | O_DIRECTORY, 0,
                                  RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
        if (pts < 0 || fstatfs(pts, &fs) < 0)
                child_fail(report_fd, STEP_TERMINAL, 0, errno);
        if ((unsigned long)fs.f_type != DEVPTS_SUPER_MAGIC)     /* CVE-2025-52565 */
                child_fail(report_fd, STEP_TERMINAL, 1, ENODEV);
        if (terminal_child_open(pts, process->has_console_size ? process->console_rows : 0,
                                process->has_console_size ? process->console_columns : 0, uid, gid, &master, &slave) < 0)
                child_fail(report_fd, STEP_TERMINAL, 0, errno);
        if (plan->is_init)
                mounts_child_bind_file(root_fd, slave, "/dev/console", STEP_CONSOLE, 0, report_fd);
        if (console_fd < 0) {
                const struct child_message message = { .kind = CHILD_MASTER };

                if (terminal_child_set_proxied(master) < 0)
                        child_fail(report_fd, STEP_TERMINAL, 0, errno);
                r = fd_send(report_fd, master, &message, sizeof message);
                if (r < 0)
                        child_fail(report_fd, STEP_CONSOLE_SEND, 0, -r);
        } else {
                r = terminal_send_master(console_fd, master);
                if (r < 0)
                        child_fail(report_fd, STEP_CONSOLE_SEND, 0, -r);
                close(console_fd);      /* the engine may wait for its end, and init waits for start long */
        }
        close(master);
        if (terminal_child_become(slave) < 0)
                child_fail(report_fd, STEP_TERMINAL, 0, errno);
}
