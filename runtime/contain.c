/* The mark first: who comes later must not let go what is being held. Then the network, since a freeze can take a while; then the
 * freeze. A process that a kill -9 of ours left running in a closed network is held by calling contain again. */
#include "runtime/contain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "runtime/audit.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"
#include "runtime/cgroups.h"
#include "runtime/egress_control.h"
#include "runtime/egress_internal.h"
#include "runtime/restack.h"

#define STAT_LIMIT_BYTES ((size_t)4096)
#define STOP_TRIES 100u
#define BEFORE_EVERYTHING (-500)        /* conntrack is at -200, raw at -300 (linux/netfilter_ipv4.h) */

bool contain_is_marked(const struct state_dir *dir)
{
        return faccessat(dir->fd, CONTAIN_MARK, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int contain_refuse(const struct state *state, const char *what, struct error *err)
{
        return error_set(err, EBUSY, "cannot %s container %s: it is contained since %s; `runb contain --release` lets it go, `runb delete "
                         "--force --contained` gives it up", what, state->id, state->contained);
}

/* ---- the network ---- */

static void begin_message(struct netlink_writer *w, uint16_t type, uint16_t flags)
{
        egress_table_message(w, type, flags);
        netlink_attr_text(w, NFTA_TABLE_NAME, CONTAIN_TABLE);   /* the same number as NFTA_CHAIN_TABLE */
}

static void put_table(struct netlink_writer *w, uint16_t type, uint16_t flags)
{
        begin_message(w, type, flags);
        netlink_message_end(w);
}

static void put_chain(struct netlink_writer *w, const char *name, uint32_t hook)
{
        size_t at;

        begin_message(w, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
        netlink_attr_text(w, NFTA_CHAIN_NAME, name);
        at = netlink_nest(w, NFTA_CHAIN_HOOK);
        egress_attr_u32(w, NFTA_HOOK_HOOKNUM, hook);
        egress_attr_u32(w, NFTA_HOOK_PRIORITY, (uint32_t)BEFORE_EVERYTHING);
        netlink_nest_end(w, at);
        egress_attr_u32(w, NFTA_CHAIN_POLICY, NF_DROP);
        netlink_attr_text(w, NFTA_CHAIN_TYPE, "filter");
        netlink_message_end(w);
}

/* One transaction: an older table of that name is replaced. */
static int send_table(int fd, bool is_closed)
{
        char bytes[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
        struct netlink_writer w = { .bytes = bytes, .size = sizeof bytes };
        struct iovec part = { .iov_base = bytes };

        egress_message(&w, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
        netlink_message_end(&w);
        put_table(&w, NFT_MSG_NEWTABLE, NLM_F_CREATE);
        put_table(&w, NFT_MSG_DELTABLE, 0);
        if (is_closed) {
                put_table(&w, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
                put_chain(&w, "prerouting", NF_INET_PRE_ROUTING);
                put_chain(&w, "input", NF_INET_LOCAL_IN);
                put_chain(&w, "forward", NF_INET_FORWARD);
                put_chain(&w, "output", NF_INET_LOCAL_OUT);
                put_chain(&w, "postrouting", NF_INET_POST_ROUTING);
        }
        if (w.is_full)
                return -EMSGSIZE;
        ((struct nlmsghdr *)(void *)(w.bytes + w.message))->nlmsg_flags |= NLM_F_ACK;
        egress_message(&w, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
        netlink_message_end(&w);
        part.iov_len = w.length;
        return w.is_full ? -EMSGSIZE : netlink_call(fd, &part, 1) < 0 ? -errno : 0;
}

/* The record has no inode of a network that is not the container's own: by the exception network.host. */
static bool is_hosts_network(const struct state *state)
{
        static const char *const paths[] = { "/proc/self/ns/net", "/proc/1/ns/net" };
        struct stat st;

        for (size_t i = 0; i < 2; i++)
                if (stat(paths[i], &st) == 0 && st.st_ino == state->netns_inode)
                        return true;
        return state->netns_inode == 0;
}

/* @ret_tried: what was counted so far, as members of JSON. */
static int close_network(const struct state_dir *dir, const struct state *state, struct arena *arena, struct text_buffer *ret_tried,
                         struct error *err)
{
        auto_close int fd = UNSET_FD;
        struct egress_attempt *attempts;
        size_t n;
        int r;

        if (is_hosts_network(state))
                return error_set(err, EPERM, "%s is in the host's network, by an exception: that is not closed", state->id);
        r = egress_open(dir, state, &fd, err);
        if (r == -ESRCH)        /* nobody is in it any more */
                return 0;
        if (r < 0)
                return r;
        r = send_table(fd, true);
        if (r < 0)
                return error_errno(err, r, "close the network of %s", state->id);
        if (state->is_egress_counted && egress_read(fd, arena, &attempts, &n, NULL) == 0) {
                text_add(ret_tried, ",");
                egress_write_json(attempts, n, ret_tried);
        }
        return 0;
}

static int open_network(const struct state_dir *dir, const struct state *state, struct error *err)
{
        auto_close int fd = UNSET_FD;
        int r;

        if (is_hosts_network(state))
                return 0;
        r = egress_open(dir, state, &fd, err);
        if (r == -ESRCH)
                return 0;
        if (r == 0)
                r = send_table(fd, false);
        return r < 0 ? error_errno(err, r, "open the network of %s again", state->id) : 0;
}

void contain_undo(const struct state_dir *dir, const struct state *state)
{
        struct error err = { 0 };

        if (open_network(dir, state, &err) < 0)
                log_warning("%s", err.text);
}

/* ---- the processes ---- */

static bool is_stopped(pid_t pid)
{
        auto_free char *text = NULL;
        char path[32];
        const char *end;
        size_t length;

        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        if (fd_read_file(AT_FDCWD, path, STAT_LIMIT_BYTES, &text, &length) < 0)
                return true;            /* gone */
        end = strrchr(text, ')');       /* proc(5): the name before it may hold anything */
        return end != NULL && end[1] == ' ' && strchr("TtZX", end[2]) != NULL;
}

/* Every process of the pid namespace of init, which holds the namespace. Returns how many were not stopped yet; or a negative
 * errno. */
static int signal_all(const struct state *state, int signal_number)
{
        auto_closedir DIR *folder = opendir("/proc");
        const struct dirent *entry;
        struct stat wanted, st;
        char path[64];
        int n = 0;

        snprintf(path, sizeof path, "/proc/%d/ns/pid", state->init_pid);
        if (folder == NULL || stat(path, &wanted) < 0)
                return -errno;
        while ((entry = readdir(folder)) != NULL) {
                auto_close int pidfd = UNSET_FD;
                pid_t pid = atoi(entry->d_name);

                snprintf(path, sizeof path, "/proc/%d/ns/pid", pid);
                if (pid <= 0 || stat(path, &st) < 0 || st.st_ino != wanted.st_ino)
                        continue;
                pidfd = sys_pidfd_open(pid, 0);
                /* Looked at again: the pid may have become another's before it was held. */
                if (pidfd < 0 || stat(path, &st) < 0 || st.st_ino != wanted.st_ino)
                        continue;
                if (signal_number == SIGSTOP && is_stopped(pid))
                        continue;
                n++;
                if (sys_pidfd_send_signal(pidfd, signal_number) < 0 && errno != ESRCH)
                        return -errno;
        }
        return n;
}

/* Without a cgroup: by signals, which nothing inside can undo, as all of it stands still; a SIGCONT from the host would. */
static int stop(const struct state *state, bool is_stopping, struct error *err)
{
        const struct timespec pause = { 0, 20000000 };
        auto_close int pidfd = UNSET_FD;
        int r = -EBUSY;

        if (!state->has_own_pidns)
                return is_stopping ? error_set(err, ENODEV, "%s has neither a cgroup nor a pid namespace of its own, so nothing tells its "
                                               "processes from others; its network is closed", state->id) : 0;
        if (state_open_init(state, &pidfd) < 0)
                return 0;
        for (unsigned tries = 0; tries < STOP_TRIES && r != 0; tries++) {
                r = signal_all(state, is_stopping ? SIGSTOP : SIGCONT);
                if (r < 0)
                        return error_errno(err, r, "%s the processes of %s", is_stopping ? "stop" : "continue", state->id);
                if (!is_stopping)
                        return 0;
                if (r > 0)
                        nanosleep(&pause, NULL);
        }
        return r == 0 ? 0 : error_set(err, EBUSY, "the processes of %s do not stop; try again", state->id);
}

static int freeze(const struct state *state, bool is_frozen, struct error *err)
{
        if (state_status(state) == STATE_STOPPED)
                return 0;
        if (state->n_cgroups == 0)
                return stop(state, is_frozen, err);
        return cgroups_freeze(state->cgroups, state->n_cgroups, state->is_cgroup2, is_frozen, err);
}

/* ---- all of it ---- */

static int mark(const struct state_dir *dir, struct error *err)
{
        auto_close int fd = openat(dir->fd, CONTAIN_MARK, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        return fd < 0 ? error_errno(err, errno, "write %s/%s/" CONTAIN_MARK, dir->root, dir->id) : 0;
}

static int tell(const struct state *state, const char *event, const char *more, struct error *err)
{
        const struct audit_record record = { .event = event, .id = state->id, .state = state, .more = more, .is_closing = true };

        return audit_write_state(state, &record, err);
}

int contain_begin(struct state_dir *dir, struct state *state, const char *reason, struct arena *arena, struct error *err)
{
        auto_buffer struct text_buffer more = { 0 };
        struct error later = { 0 };
        char now[40];
        int r, first;

        if (state_status(state) == STATE_CREATING)
                return error_set(err, EBUSY, "container %s is being created; try again", state->id);
        r = mark(dir, err);
        if (r < 0)
                return r;
        if (state->contained == NULL) {
                text_time_now(now, sizeof now);
                state->contained = arena_string(arena, now);
                if (state->contained == NULL)
                        return error_errno(err, ENOMEM, "contain");
                r = state_write(dir, state, err);
                if (r < 0)
                        return r;
        }
        text_add(&more, "\"reason\":");
        text_add_json(&more, reason == NULL ? "" : reason);
        first = close_network(dir, state, arena, &more, err);
        r = freeze(state, true, first == 0 ? err : &later);
        if (first == 0)
                first = r;
        if (state->is_restacked && restack_refresh(state->rootfs, state->rootfs_device, &later) < 0)
                log_warning("the engine's view of the rootfs may be old: %s", later.text);
        text_addf(&more, ",\"complete\":%s", first == 0 ? "true" : "false");
        r = tell(state, "contain", more.is_broken ? NULL : more.text, first == 0 ? err : &later);
        return first < 0 ? first : r;
}

int contain_release(struct state_dir *dir, struct state *state, struct arena *arena, struct error *err)
{
        int r;

        (void)arena;
        if (state->contained == NULL && !contain_is_marked(dir))
                return error_set(err, EINVAL, "container %s is not contained", state->id);
        /* Before anything goes on: who asked for it must be known. */
        r = tell(state, "release", NULL, err);
        if (r == 0)
                r = open_network(dir, state, err);
        if (r == 0) {
                state->contained = NULL;
                r = state_write(dir, state, err);
        }
        if (r == 0)
                r = freeze(state, false, err);
        if (r < 0)
                return r;
        if (unlinkat(dir->fd, CONTAIN_MARK, 0) < 0 && errno != ENOENT)
                return error_errno(err, errno, "remove %s/%s/" CONTAIN_MARK, dir->root, dir->id);
        return 0;
}
