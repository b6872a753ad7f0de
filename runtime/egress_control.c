/* The table of a container that is there: what it should be, what it is, and what it has counted. */
#include "runtime/egress_control.h"

#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/egress_internal.h"

#define KEPT_FILE "egress.nft"
#define KEPT_LIMIT_BYTES ((size_t)64 << 20)

struct kept {
        uint64_t head_length, remove_length;
};

int egress_keep(const struct state_dir *dir, const struct egress_batch *batch, struct error *err)
{
        const struct kept kept = { batch->head_length, batch->remove_length };
        auto_free char *bytes = malloc(sizeof kept + batch->length);
        int r;

        if (bytes == NULL)
                return error_errno(err, ENOMEM, "egress rules");
        memcpy(bytes, &kept, sizeof kept);
        memcpy(bytes + sizeof kept, batch->bytes, batch->length);
        r = fd_replace_file(dir->fd, KEPT_FILE, bytes, sizeof kept + batch->length, 0600);
        return r < 0 ? error_errno(err, r, "write %s/%s/" KEPT_FILE, dir->root, dir->id) : 0;
}

/* What was installed: what is kept, or what every container without a list gets. */
static int expected(const struct state_dir *dir, const struct state *state, struct egress_batch *ret_batch, struct error *err)
{
        const struct sandbox_egress rules = { .profile = state->profile };
        auto_free char *bytes = NULL;
        struct kept kept;
        size_t length;
        int r;

        if (!state->has_egress_rules)
                return egress_prepare(&rules, ret_batch, err);
        r = fd_read_file(dir->fd, KEPT_FILE, KEPT_LIMIT_BYTES, &bytes, &length);
        if (r < 0)
                return error_errno(err, r, "read %s/%s/" KEPT_FILE, dir->root, dir->id);
        if (length < sizeof kept)
                return error_set(err, EINVAL, "%s/%s/" KEPT_FILE " is cut; delete the container", dir->root, dir->id);
        memcpy(&kept, bytes, sizeof kept);
        length -= sizeof kept;
        if (kept.head_length > length || kept.remove_length > length - kept.head_length)
                return error_set(err, EINVAL, "%s/%s/" KEPT_FILE " is damaged; delete the container", dir->root, dir->id);
        memmove(bytes, bytes + sizeof kept, length);
        *ret_batch = (struct egress_batch){ take_pointer(bytes), length, kept.head_length, kept.remove_length };
        return 0;
}

int egress_check_by(int fd, const struct state_dir *dir, const struct state *state, struct error *err)
{
        __attribute__((cleanup(egress_batch_free))) struct egress_batch batch = { 0 };
        struct error why = { 0 };
        int r = expected(dir, state, &batch, err);

        if (r < 0)
                return r;
        r = egress_verify(fd, &batch, &why);
        if (r > 0)
                return 0;
        return error_refuse(err, "egress", "%s; nothing more is started in it: delete the container", why.text);
}

int egress_check(const struct state_dir *dir, const struct state *state, struct error *err)
{
        auto_close int fd = UNSET_FD;
        int r;

        if (state->egress_version != EGRESS_VERSION)    /* made by another version, whose table was another */
                return 0;
        r = egress_open(dir, state, &fd, err);
        return r < 0 ? r : egress_check_by(fd, dir, state, err);
}

/* ---- what was counted ---- */

struct list {
        struct arena *arena;
        struct egress_attempt *items;
        size_t n, room;
};

static int add_attempt(struct list *list, const struct egress_attempt *attempt)
{
        if (list->n == list->room) {
                size_t room = list->room == 0 ? 64 : 2 * list->room;
                struct egress_attempt *items = arena_array(list->arena, room, sizeof *items);

                if (items == NULL)
                        return -ENOMEM;
                if (list->n > 0)
                        memcpy(items, list->items, list->n * sizeof *items);
                list->items = items;
                list->room = room;
        }
        list->items[list->n++] = *attempt;
        return 0;
}

static uint64_t read_u64(struct netlink_attrs from, uint16_t type)
{
        struct netlink_attrs value;
        uint64_t wire = 0;

        if (netlink_find_attr(from, type, &value) && value.length == sizeof wire)
                memcpy(&wire, value.bytes, sizeof wire);
        return be64toh(wire);
}

/* Which groups an interface listens to is the kernel's own report, for bridges and routers (IGMPv3, RFC 3376; MLDv2, RFC 3810),
 * sent whenever an interface comes up. Refused as everything, but its destination tells nothing. */
static bool is_group_report(const struct egress_attempt *attempt)
{
        static const unsigned char v4[4] = { 224, 0, 0, 22 }, v6[16] = { 0xff, 0x02, [15] = 0x16 };

        return attempt->is_v6 ? attempt->protocol == IPPROTO_ICMPV6 && memcmp(attempt->address, v6, sizeof v6) == 0 :
                                attempt->protocol == IPPROTO_IGMP && memcmp(attempt->address, v4, sizeof v4) == 0;
}

static int read_elements(struct netlink_attrs message, enum egress_set set, struct list *list)
{
        const bool is_v6 = set == EGRESS_REFUSED_6 || set == EGRESS_PASSED_6;
        const size_t length = is_v6 ? 16 : 4;
        struct netlink_attrs elements, element, key, value, counter, data;
        struct nlattr header;
        int r = 0;

        if (!netlink_find_attr(message, NFTA_SET_ELEM_LIST_ELEMENTS, &elements))
                return 0;
        while (r == 0 && netlink_next_attr(&elements, &header, &element)) {
                struct egress_attempt attempt = { .is_refused = set < EGRESS_PASSED_4, .is_v6 = is_v6 };

                if (!netlink_find_attr(element, NFTA_SET_ELEM_KEY, &key) || !netlink_find_attr(key, NFTA_DATA_VALUE, &value) ||
                    value.length != length + 8)
                        return -EPROTO;
                memcpy(attempt.address, value.bytes, length);
                attempt.protocol = (uint8_t)value.bytes[length];
                attempt.port = (uint16_t)((unsigned char)value.bytes[length + 4] << 8 | (unsigned char)value.bytes[length + 5]);
                if (netlink_find_attr(element, NFTA_SET_ELEM_EXPR, &counter) && netlink_find_attr(counter, NFTA_EXPR_DATA, &data)) {
                        attempt.packets = read_u64(data, NFTA_COUNTER_PACKETS);
                        attempt.bytes = read_u64(data, NFTA_COUNTER_BYTES);
                }
                if (!is_group_report(&attempt))
                        r = add_attempt(list, &attempt);
        }
        return r;
}

static int compare_attempts(const void *a, const void *b)
{
        const struct egress_attempt *one = a, *other = b;
        int r = (int)other->is_refused - (int)one->is_refused;

        if (r == 0)
                r = (int)one->is_rest - (int)other->is_rest;
        if (r == 0)
                r = (int)one->is_v6 - (int)other->is_v6;
        if (r == 0)
                r = memcmp(one->address, other->address, sizeof one->address);
        if (r == 0)
                r = (int)one->protocol - (int)other->protocol;
        return r == 0 ? (int)one->port - (int)other->port : r;
}

/* What found no place in a full set: the counter of the chain's last rule. */
static int read_rest(struct egress_reader *reader, const char *chain, struct list *list)
{
        struct egress_attempt rest = { .is_refused = strcmp(chain, EGRESS_REFUSED) == 0, .is_rest = true };
        struct netlink_attrs message, rule, expression, name, data;
        struct nlattr header;
        int r = egress_ask(reader, NFT_MSG_GETRULE, NLM_F_DUMP, chain);

        while (r == 0 && (r = egress_next_answer(reader)) > 0) {
                r = 0;
                if (!egress_message_attrs(reader->header, NFT_MSG_NEWRULE, &message) ||
                    !netlink_find_attr(message, NFTA_RULE_EXPRESSIONS, &rule))
                        return -EPROTO;
                while (netlink_next_attr(&rule, &header, &expression)) {
                        if (!netlink_find_attr(expression, NFTA_EXPR_NAME, &name) || name.length != sizeof "counter" ||
                            memcmp(name.bytes, "counter", sizeof "counter") != 0 ||
                            !netlink_find_attr(expression, NFTA_EXPR_DATA, &data))
                                continue;
                        rest.packets += read_u64(data, NFTA_COUNTER_PACKETS);
                        rest.bytes += read_u64(data, NFTA_COUNTER_BYTES);
                }
        }
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        return rest.packets > 0 ? add_attempt(list, &rest) : 0;
}

/* Again from the beginning where the kernel says that it changed meanwhile. */
static int read_once(struct egress_reader *reader, struct list *list)
{
        struct netlink_attrs message;
        bool has_list = true;
        int r = 0;

        list->n = 0;
        for (enum egress_set set = 0; set < EGRESS_ALLOWED_4; set++) {
                r = egress_ask(reader, NFT_MSG_GETSETELEM, NLM_F_DUMP, egress_set_name(set));
                while (r == 0 && (r = egress_next_answer(reader)) > 0)
                        r = egress_message_attrs(reader->header, NFT_MSG_NEWSETELEM, &message) ?
                                    read_elements(message, set, list) : -EPROTO;
                if (r == -ENOENT && set == EGRESS_PASSED_4) {   /* both, and their chain, are there with a list only */
                        has_list = false;
                        break;
                }
                if (r == -ENOENT)       /* not counted */
                        r = 0;
                if (r < 0)
                        return r;
        }
        r = read_rest(reader, EGRESS_REFUSED, list);
        return r < 0 || !has_list ? r : read_rest(reader, EGRESS_PASSED, list);
}

int egress_read(int fd, struct arena *arena, struct egress_attempt **ret_attempts, size_t *ret_n, struct error *err)
{
        struct egress_reader reader = { .fd = fd };
        struct list list = { .arena = arena };
        int r = -EINTR;

        for (unsigned tries = 0; tries < 8 && r == -EINTR; tries++)
                r = read_once(&reader, &list);
        if (r < 0)
                return error_errno(err, r, "egress: reading what was counted");
        if (list.n > 0)
                qsort(list.items, list.n, sizeof *list.items, compare_attempts);
        *ret_attempts = list.items;
        *ret_n = list.n;
        return 0;
}
