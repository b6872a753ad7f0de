/* The way into the network namespace of a container that is there, for a netlink socket: the kernel asks for power over
 * the namespace of the socket, so nothing else has to be done in there.
 *
 * Real root goes there and comes back. Whoever is root of a user namespace only could not come back, as the namespace it
 * came from is not its own: a child goes, and sends the socket.
 *
 * Its counters go with it, and it goes with its last process, or when an engine takes its network down before it calls
 * delete (podman does): so where something is counted, the namespace is pinned by a mount in the container's folder, from
 * create to delete. Whatever kill -9 leaves of that, delete finds by its name. */
#include "runtime/egress_control.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/host.h"
#include "runtime/mounts.h"
#include "runtime/netlink.h"
#include "runtime/userns.h"

#define PIN "netns"

void egress_pin(const struct state_dir *dir, const struct state *state)
{
        char path[64];
        int r;

        if (!state->is_egress_counted || state->is_userns_nested)       /* a plain user has no mounts that stay */
                return;
        snprintf(path, sizeof path, "/proc/%d/ns/net", state->init_pid);
        r = mounts_pin_namespace(path, dir->fd, PIN);
        if (r < 0)
                log_debug("%s: its network namespace cannot be pinned (%s): what it counts is only there as long as that is", dir->id,
                          error_text(r));
}

bool egress_is_pinned(const struct state_dir *dir)
{
        return faccessat(dir->fd, PIN, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int egress_unpin(const struct state_dir *dir, struct error *err)
{
        int r = mounts_unpin_namespace(dir->fd, PIN);

        return r < 0 ? error_errno(err, r, "unmount %s/%s/" PIN, dir->root, dir->id) : 0;
}

static bool is_namespace(int fd)
{
        struct statfs fs;

        return fstatfs(fd, &fs) == 0 && fs.f_type == NSFS_MAGIC;
}

static int open_namespace(const struct state_dir *dir, const struct state *state, int *ret_fd)
{
        auto_close int pidfd = UNSET_FD, fd = UNSET_FD;
        char path[64];
        struct stat st;

        if (state->init_pid > 0 && state_open_init(state, &pidfd) == 0) {
                snprintf(path, sizeof path, "/proc/%d/ns/net", state->init_pid);
                fd = open(path, O_RDONLY | O_CLOEXEC);
        }
        /* In image-build init may be in one of its own by now. */
        if (fd >= 0 && state->netns_inode != 0 && (fstat(fd, &st) < 0 || st.st_ino != state->netns_inode))
                auto_close_cleanup(&fd);
        /* Ours, or the engine's, which last longer than its processes. */
        if (fd < 0)
                fd = openat(dir->fd, PIN, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 && fstat(fd, &st) == 0 && !is_namespace(fd))
                auto_close_cleanup(&fd);        /* the file without its mount, which another mount namespace has */
        if (fd < 0 && state->network_path != NULL)
                fd = open(state->network_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -ESRCH;
        /* Another one can be there by now. */
        if (state->netns_inode != 0 && st.st_ino != state->netns_inode)
                return -ESRCH;
        *ret_fd = take_fd(&fd);
        return 0;
}

static int go_and_come_back(const struct state_dir *dir, const struct state *state, int *ret_fd)
{
        auto_close int there = UNSET_FD, here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        int r = here < 0 ? -errno : open_namespace(dir, state, &there);

        if (r < 0)
                return r;
        if (setns(there, CLONE_NEWNET) < 0)
                return -errno;
        *ret_fd = netlink_open(NETLINK_NETFILTER);
        r = *ret_fd < 0 ? -errno : 0;
        /* Nothing may go on in the build's namespace that believes to be in ours. */
        if (setns(here, CLONE_NEWNET) < 0)
                abort();
        return r;
}

static int go_for_it(const struct state_dir *dir, const struct state *state)
{
        auto_close int userns = UNSET_FD, there = UNSET_FD;
        char path[64];
        int r, fd;

        if (state->is_userns_nested) {
                snprintf(path, sizeof path, "/proc/%d/ns/user", state->init_pid);
                userns = open(path, O_RDONLY | O_CLOEXEC);
                if (userns < 0)
                        return -ESRCH;
                r = userns_enter_parent_of(userns, NULL);
                if (r < 0)
                        return r;
        }
        r = open_namespace(dir, state, &there);
        if (r < 0)
                return r;
        if (setns(there, CLONE_NEWNET) < 0)
                return -errno;
        fd = netlink_open(NETLINK_NETFILTER);
        return fd < 0 ? -errno : fd;
}

static int send_somebody(const struct state_dir *dir, const struct state *state, int *ret_fd)
{
        int pair[2], r = 0, status;
        ssize_t n;
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        pid = fork();
        if (pid == 0) {
                r = go_for_it(dir, state);
                if (r >= 0)
                        fd_send(pair[1], r, &(int){ 0 }, sizeof(int));
                else if (write(pair[1], &r, sizeof r) < 0)
                        _exit(1);
                _exit(0);
        }
        close(pair[1]);
        if (pid < 0) {
                close(pair[0]);
                return -EAGAIN;
        }
        n = fd_receive(pair[0], &r, sizeof r, ret_fd);
        close(pair[0]);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (n != (ssize_t)sizeof r)
                return n < 0 ? (int)n : -ECHILD;
        return r < 0 ? r : *ret_fd < 0 ? -EPROTO : 0;
}

int egress_open(const struct state_dir *dir, const struct state *state, int *ret_fd, struct error *err)
{
        int r = host_privilege() == HOST_REAL_ROOT ? go_and_come_back(dir, state, ret_fd) : send_somebody(dir, state, ret_fd);

        if (r == -ESRCH)
                return error_set(err, ESRCH, "the network namespace of %s has ended with it", state->id);
        return r < 0 ? error_errno(err, r, "egress: open the network namespace of %s", state->id) : 0;
}
