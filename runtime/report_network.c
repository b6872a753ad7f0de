/* The nftables tables of the container's network namespace, whether the one that create installed is as it was, and what has been
 * counted in it. Other tables are named and not judged, as engines have some of their own: none of them can accept what ours
 * rejects, since a packet passes only where every table accepts it; but one of the host's root that translates destinations
 * behind ours sends elsewhere what ours lets pass. */
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/egress_internal.h"
#include "runtime/report_private.h"

#define TABLES_MOST 64
#define TRIES 8u

static const char *family_name(uint8_t family)
{
        switch (family) {
        case NFPROTO_INET: return "inet";
        case NFPROTO_IPV4: return "ip";
        case NFPROTO_IPV6: return "ip6";
        case NFPROTO_ARP: return "arp";
        case NFPROTO_BRIDGE: return "bridge";
        case NFPROTO_NETDEV: return "netdev";
        default: return "?";
        }
}

static struct report_table *find_table(struct report *report, const char *family, const char *name)
{
        for (size_t i = 0; i < report->n_tables; i++)
                if (strcmp(report->tables[i].family, family) == 0 && strcmp(report->tables[i].name, name) == 0)
                        return &report->tables[i];
        return NULL;
}

/* What else is in our table: egress_check_by() looks at those that belong there. */
static bool is_own_chain(const char *name)
{
        static const char *const names[] = { "output", "forward", "input", EGRESS_REFUSED, EGRESS_PASSED };

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (strcmp(name, names[i]) == 0)
                        return true;
        return false;
}

static void note_chain(struct report *report, struct report_table *table, struct netlink_attrs attrs)
{
        struct netlink_attrs name;
        const char *text;

        table->n_chains++;
        if (!table->is_own || !netlink_find_attr(attrs, NFTA_CHAIN_NAME, &name) || name.length == 0)
                return;
        text = arena_string_n(report->arena, name.bytes, strnlen(name.bytes, name.length));
        if (text == NULL)
                report->is_broken = true;
        else if (!is_own_chain(text))
                table->foreign = text;
}

static void count_one(struct report *report, const struct nlmsghdr *header, uint16_t type)
{
        const struct nfgenmsg *general = NLMSG_DATA(header);
        struct netlink_attrs attrs, name;
        struct report_table *table;
        const char *family, *text;

        /* The same number in all three: the table's name. */
        if (!egress_message_attrs(header, type, &attrs) || !netlink_find_attr(attrs, NFTA_TABLE_NAME, &name) || name.length == 0)
                return;
        family = family_name(general->nfgen_family);
        text = arena_string_n(report->arena, name.bytes, strnlen(name.bytes, name.length));
        if (text == NULL)
                return;
        table = find_table(report, family, text);
        if (table == NULL && type == NFT_MSG_NEWTABLE && report->n_tables < TABLES_MOST) {
                table = &report->tables[report->n_tables++];
                *table = (struct report_table){ .family = family, .name = text,
                                                .is_own = strcmp(family, "inet") == 0 && strcmp(text, EGRESS_TABLE) == 0 };
        } else if (table != NULL && type == NFT_MSG_NEWCHAIN) {
                note_chain(report, table, attrs);
        } else if (table != NULL && type == NFT_MSG_NEWRULE) {
                table->n_rules++;
        }
}

static int dump(struct report *report, int fd, uint16_t question, uint16_t answer)
{
        char bytes[64] __attribute__((aligned(NLMSG_ALIGNTO)));
        struct netlink_writer w = { .bytes = bytes, .size = sizeof bytes };
        struct egress_reader reader = { .fd = fd };
        struct iovec part = { .iov_base = bytes };
        int r;

        egress_message(&w, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | question), NLM_F_DUMP, NFPROTO_UNSPEC, 0);
        netlink_message_end(&w);
        part.iov_len = w.length;
        if (netlink_send(fd, &part, 1) < 0)
                return -errno;
        while ((r = egress_next_answer(&reader)) > 0)
                count_one(report, reader.header, answer);
        return r;
}

static int look_tables(struct report *report, int fd)
{
        int r = -EINTR;

        report->tables = arena_array(report->arena, TABLES_MOST, sizeof *report->tables);
        if (report->tables == NULL)
                return -ENOMEM;
        for (unsigned tries = 0; tries < TRIES && r == -EINTR; tries++) {
                report->n_tables = 0;
                r = dump(report, fd, NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE);
                if (r == 0)
                        r = dump(report, fd, NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN);
                if (r == 0)
                        r = dump(report, fd, NFT_MSG_GETRULE, NFT_MSG_NEWRULE);
        }
        report->has_tables = r == 0;
        return r;
}

void report_look_network(struct report *report)
{
        const struct state *state = report->state;
        auto_close int fd = UNSET_FD;
        struct error err = { 0 };
        int r;

        if (report->has_sandbox && !report->sandbox.egress_deny) {
                report_add(report, "network", REPORT_HOLDS, "the host's, by an exception: nothing is held back");
                return;
        }
        r = egress_open(report->dir, state, &fd, &err);
        if (r < 0) {
                report_add(report, "network", REPORT_UNKNOWN, "%s", err.text);
                return;
        }
        r = look_tables(report, fd);
        if (r < 0)
                report_add(report, "network", REPORT_UNKNOWN, "the tables of the network namespace: %s", error_text(r));
        if (state->is_egress_counted && egress_read(fd, report->arena, &report->attempts, &report->n_attempts, &err) < 0)
                report->n_attempts = 0; /* the table is gone: said next */
        egress_name_attempts(report->dir, state, report->arena, report->attempts, report->n_attempts, NULL);
        if (state->egress_version != EGRESS_VERSION)
                report_add(report, "network", REPORT_UNKNOWN, "the container was made by a version of runb whose table was another");
        else if (egress_check_by(fd, report->dir, state, &err) < 0)
                report_add(report, "network", REPORT_WEAKENED, "%s", err.text);
        for (size_t i = 0; i < report->n_tables; i++)
                if (report->tables[i].foreign != NULL)
                        report_add(report, "network", REPORT_WEAKENED, "the table inet " EGRESS_TABLE " has a chain %s, which create did "
                                   "not make", report->tables[i].foreign);
        for (size_t i = 0; i < report->n_tables; i++)
                if (report->tables[i].is_own)
                        report_holds(report, "network", "table inet " EGRESS_TABLE ", %zu chains and %zu rules, as it was installed",
                                     report->tables[i].n_chains, report->tables[i].n_rules);
}
