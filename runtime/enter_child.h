/* The first steps that init and the process of exec share. System calls only. */
#pragma once

#include "runtime/cgroups.h"
#include "runtime/process.h"

/* Default dispositions and an empty mask, a session of its own, the cgroup, a private procfs, the oom score; then not
 * dumpable any more. Returns the procfs, which is the host's own where @is_host_pid and the caller can mount none. */
int enter_child_begin(const struct spec_process *process, const struct cgroups_ready *cgroups, bool is_host_pid, int report_fd);

/* Opens the terminal of the devpts below @root_fd and makes it ours; init binds it on /dev/console. Init's mounts are ours
 * still, exec's may be the build's: it has to have the build's ids and capabilities before.
 * @console_fd: UNSET_FD: the master goes to the parent. */
void enter_child_terminal(const struct process_plan *plan, int root_fd, int console_fd, int report_fd);

/* Writes a text to a file of the private procfs. -1 and errno. */
int enter_child_write(int proc_fd, const char *path, const char *text);
