/* A network namespace that has a table of ours already: the pod's, which other containers live by, or what the last step of
 * an engine that pools its namespaces has left.
 *
 * Where nobody of ours lives in it, the table is replaced whatever it says. Where somebody does:
 *   - rules of another profile, or of a policy file that has changed since, are refused: replacing them would open to one
 *     what it was refused, or close what it was promised;
 *   - the same rules stay, with what they have counted;
 *   - the same rules with another list (host names that have got other addresses) become those with both lists, as the
 *     addresses of the first one are in its /etc/hosts for good.
 *
 * Each change names the generation of the rules by which it was judged, and is judged again where the kernel has another one
 * by now: two creations at once cannot both find the namespace free. */
#include "runtime/egress_control.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policies/egress_ranges.h"
#include "runtime/base/auto.h"
#include "runtime/base/log.h"
#include "runtime/egress_internal.h"

#define TRIES 8

/* ---- who lives there ---- */

/* A build's init is in a user namespace of its own; until it enters that, it is this program. Whatever else an engine has
 * in there (pasta, slirp4netns) is neither. */
static bool is_ours(int proc_fd, const char *pid, uint64_t netns, const struct stat *own_userns, const struct stat *own_program)
{
        char path[64];
        struct stat st;

        snprintf(path, sizeof path, "%.20s/ns/net", pid);
        if (fstatat(proc_fd, path, &st, 0) < 0 || st.st_ino != netns)
                return false;
        snprintf(path, sizeof path, "%.20s/ns/user", pid);
        if (fstatat(proc_fd, path, &st, 0) == 0 && st.st_ino != own_userns->st_ino)
                return true;
        snprintf(path, sizeof path, "%.20s/exe", pid);
        return fstatat(proc_fd, path, &st, 0) == 0 && st.st_dev == own_program->st_dev && st.st_ino == own_program->st_ino;
}

/* @init: of the one that asks. Returns 0, 1 or a negative errno. */
static int lives_somebody(uint64_t netns, pid_t init)
{
        struct stat own_userns, own_program;
        DIR *proc = opendir("/proc");
        const struct dirent *entry;
        bool is_found = false;

        if (proc == NULL)
                return -errno;
        if (stat("/proc/self/ns/user", &own_userns) < 0 || stat("/proc/self/exe", &own_program) < 0) {
                closedir(proc);
                return -ESRCH;
        }
        while (!is_found && (entry = readdir(proc)) != NULL) {
                const pid_t pid = atoi(entry->d_name);

                if (pid > 0 && pid != init && pid != getpid())
                        is_found = is_ours(dirfd(proc), entry->d_name, netns, &own_userns, &own_program);
        }
        closedir(proc);
        return is_found;
}

/* ---- what is there ---- */

static int read_generation(struct egress_reader *reader, uint32_t *ret_generation)
{
        struct netlink_attrs attrs, value;
        int r = egress_ask_generation(reader);

        if (r == 0)
                r = egress_next_answer(reader);
        if (r <= 0)
                return r < 0 ? r : -EPROTO;
        if (!egress_message_attrs(reader->header, NFT_MSG_NEWGEN, &attrs) || !netlink_find_attr(attrs, NFTA_GEN_ID, &value) ||
            value.length != sizeof *ret_generation)
                return -EPROTO;
        memcpy(ret_generation, value.bytes, sizeof *ret_generation);   /* as it goes back */
        return 0;
}

uint32_t egress_generation(int fd)
{
        struct egress_reader reader = { .fd = fd };
        uint32_t generation;

        return read_generation(&reader, &generation) < 0 ? 0 : generation;
}

static int read_mark(struct egress_reader *reader, const struct egress_batch *batch, enum egress_mark *ret_mark)
{
        struct netlink_attrs attrs;
        int r = egress_ask(reader, NFT_MSG_GETTABLE, 0, NULL);

        if (r == 0)
                r = egress_next_answer(reader);
        if (r <= 0)
                return r < 0 ? r : -EPROTO;
        if (!egress_message_attrs(reader->header, NFT_MSG_NEWTABLE, &attrs))
                return -EPROTO;
        *ret_mark = egress_compare_mark(batch, attrs);
        return 0;
}

static egress_address read_address(const char *bytes, size_t length)
{
        egress_address address = 0;

        for (size_t i = 0; i < length; i++)
                address = address << 8 | (unsigned char)bytes[i];
        return address;
}

static int add_elements(struct netlink_attrs message, bool is_v6, struct egress_ranges *ranges)
{
        const size_t address = is_v6 ? 16 : 4;
        struct netlink_attrs list, element, key, from, to;
        struct nlattr header;
        int r = 0;

        if (!netlink_find_attr(message, NFTA_SET_ELEM_LIST_ELEMENTS, &list))
                return 0;
        while (r == 0 && netlink_next_attr(&list, &header, &element)) {
                struct egress_range range = { .is_v6 = is_v6 };

                if (!netlink_find_attr(element, NFTA_SET_ELEM_KEY, &key) || !netlink_find_attr(key, NFTA_DATA_VALUE, &from) ||
                    !netlink_find_attr(element, NFTA_SET_ELEM_KEY_END, &key) || !netlink_find_attr(key, NFTA_DATA_VALUE, &to) ||
                    from.length != address + 8 || to.length != address + 8)
                        return -EPROTO;
                range.first = read_address(from.bytes, address);
                range.last = read_address(to.bytes, address);
                range.protocol_first = (uint8_t)from.bytes[address];
                range.protocol_last = (uint8_t)to.bytes[address];
                range.port_first = (uint16_t)read_address(from.bytes + address + 4, 2);
                range.port_last = (uint16_t)read_address(to.bytes + address + 4, 2);
                r = egress_ranges_add(ranges, &range);
        }
        return r;
}

/* The list of @rules with that of the table; the batch for both. */
static int join_lists(struct egress_reader *reader, const struct sandbox_egress *rules, struct egress_batch *batch,
                      struct error *err)
{
        auto_arena struct arena arena = { 0 };
        struct egress_ranges ranges = { .arena = &arena };
        struct sandbox_egress both = *rules;
        struct egress_batch joined;
        struct netlink_attrs message;
        int r = 0;

        for (size_t i = 0; i < rules->n_ranges && r == 0; i++)
                r = egress_ranges_add(&ranges, &rules->ranges[i]);
        for (enum egress_set set = EGRESS_ALLOWED_4; set < EGRESS_SETS && r == 0; set++) {
                r = egress_ask(reader, NFT_MSG_GETSETELEM, NLM_F_DUMP, egress_set_name(set));
                while (r == 0 && (r = egress_next_answer(reader)) > 0)
                        r = egress_message_attrs(reader->header, NFT_MSG_NEWSETELEM, &message) ?
                                    add_elements(message, set == EGRESS_ALLOWED_6, &ranges) : -EPROTO;
        }
        if (r == 0)
                r = egress_ranges_normalize(&ranges);
        if (r < 0)
                return r;
        if (ranges.n > EGRESS_MAX_RANGES)
                return error_set(err, E2BIG, "egress.allow: the lists of the pod's containers come to more than %d ranges",
                                 EGRESS_MAX_RANGES);
        both.ranges = ranges.items;
        both.n_ranges = ranges.n;
        r = egress_prepare(&both, &joined, err);
        if (r < 0)
                return r;
        egress_batch_free(batch);
        *batch = joined;
        return 0;
}

/* Sends the whole batch for just that generation; ERESTART: there is another one by now. */
static int replace(int fd, const struct egress_batch *batch, uint32_t generation)
{
        char head[64] __attribute__((aligned(NLMSG_ALIGNTO)));
        struct netlink_writer w = { .bytes = head, .size = sizeof head };
        struct iovec parts[] = { { .iov_base = head },
                                 { (char *)batch->bytes + batch->head_length, batch->length - batch->head_length } };

        egress_message(&w, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
        netlink_attr(&w, NFNL_BATCH_GENID, &generation, sizeof generation);
        netlink_message_end(&w);
        parts[0].iov_len = w.length;
        if (egress_child_make_room(fd, batch->length + sizeof head) < 0 || netlink_call(fd, parts, 2) < 0)
                return -errno;
        return 0;
}

static int refuse(const struct sandbox_egress *rules, struct error *err)
{
        return error_refuse(err, "egress", "the network namespace has the egress rules of another profile than \"%s\", or of "
                            "another version of it, and a container lives by them; give this one a network namespace of its "
                            "own, or the same profile", rules->profile);
}

/* -EINTR, -ERESTART: something has changed meanwhile. */
static int take_once(struct egress_reader *reader, const struct sandbox_egress *rules, uint64_t netns, pid_t init,
                     struct egress_batch *batch, bool *ret_is_joined, struct error *err)
{
        enum egress_mark mark = EGRESS_MARK_OTHER;
        uint32_t generation = 0;
        bool is_inhabited = false;
        struct error why = { 0 };
        int r = read_generation(reader, &generation);

        if (r == 0)
                r = read_mark(reader, batch, &mark);
        if (r == -ENOENT)       /* gone by now: the batch makes it anew */
                return replace(reader->fd, batch, generation);
        if (r < 0)
                return r;
        /* Without counters the same rules are as good as new ones. */
        if (mark != EGRESS_MARK_SAME || rules->is_counted) {
                r = lives_somebody(netns, init);
                if (r < 0)
                        return error_errno(err, r, "egress: who lives in the network namespace");
                is_inhabited = r > 0;
        }
        if (is_inhabited && mark == EGRESS_MARK_OTHER)
                return refuse(rules, err);
        if (mark == EGRESS_MARK_SAME && (is_inhabited || !rules->is_counted)) {
                r = egress_verify(reader->fd, batch, &why);
                if (r > 0)
                        return 0;
                if (r < 0)
                        return error_set(err, why.code, "%s", why.text);
                log_debug("%s; it is replaced", why.text);
        }
        if (is_inhabited && mark == EGRESS_MARK_SAME_RULES) {
                r = join_lists(reader, rules, batch, err);
                if (r < 0)
                        return r;
                *ret_is_joined = true;
        }
        return replace(reader->fd, batch, generation);
}

int egress_take_over(int fd, const struct sandbox_egress *rules, uint64_t netns, pid_t init, struct egress_batch *batch,
                     bool *ret_is_joined, struct error *err)
{
        struct egress_reader reader = { .fd = fd };
        int r = -EINTR;

        *ret_is_joined = false;
        for (unsigned tries = 0; (r == -EINTR || r == -ERESTART) && tries < TRIES; tries++)
                r = take_once(&reader, rules, netns, init, batch, ret_is_joined, err);
        if (r < 0 && err->code == 0)
                return error_errno(err, r, "egress: take over the table inet " EGRESS_TABLE " of the network namespace");
        return r;
}
