/* The sets of the table: what may go out, as ranges of address, protocol and port (the kernel's "pipapo" sets, made for
 * ranges of several fields), and what did or was refused, as hashed sets that rules add to.
 *
 * A set of ranges must not have two elements that overlap (the kernel says EEXIST or ENOTEMPTY): policies/egress_ranges.c
 * has made them disjoint. */
#include "runtime/egress_internal.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>

/* nft(8)'s numbers of types (libnftables, datatype.h), so that it prints the sets as people read them: six bits each. */
#define TYPE_IPADDR 7
#define TYPE_IP6ADDR 8
#define TYPE_PROTOCOL 12
#define TYPE_SERVICE 13
#define KEY_TYPE(address) ((address) << 12 | TYPE_PROTOCOL << 6 | TYPE_SERVICE)

/* What one build can make the kernel remember. */
#define ATTEMPTS 4096
/* The kernel makes its table for as many as a set is declared to hold, zeroes it and walks it to the end: 64 KiB each for 4096, at
 * every start of a container, and most builds try nothing. From Linux 6.5 on (nf_tables_newset()) the size is that of the last
 * message; the table grows by itself. An older kernel takes the first one, and keeps to it. */
#define ATTEMPTS_EXPECTED 64

/* An attribute's length is 16 bits: a message holds as many elements as fit into a list of this size. */
#define LIST_BYTES 60000
/* Element, two keys, each in two more attributes. */
#define ELEMENT_BYTES(key) (NLA_HDRLEN + 2 * (2 * NLA_HDRLEN + (size_t)(key)))
#define MESSAGE_BYTES 128

static const struct {
        const char *name;
        bool is_v6, is_counted;
} sets[EGRESS_SETS] = {
        [EGRESS_REFUSED_4] = { "refused4", false, true }, [EGRESS_REFUSED_6] = { "refused6", true, true },
        [EGRESS_PASSED_4] = { "passed4", false, true },   [EGRESS_PASSED_6] = { "passed6", true, true },
        [EGRESS_ALLOWED_4] = { "allowed4", false, false }, [EGRESS_ALLOWED_6] = { "allowed6", true, false },
};

const char *egress_set_name(enum egress_set set)
{
        return sets[set].name;
}

static void put_field(struct netlink_writer *w, uint32_t length)
{
        size_t at = netlink_nest(w, NFTA_LIST_ELEM);

        egress_attr_u32(w, NFTA_SET_FIELD_LEN, length);
        netlink_nest_end(w, at);
}

/* @n: how many elements, where the kernel fills it. */
static void put_set(struct netlink_writer *w, enum egress_set set, uint32_t n)
{
        const uint32_t address = sets[set].is_v6 ? 16 : 4;
        size_t about, fields;

        egress_table_message(w, NFT_MSG_NEWSET, NLM_F_CREATE);
        netlink_attr_text(w, NFTA_SET_TABLE, EGRESS_TABLE);
        netlink_attr_text(w, NFTA_SET_NAME, sets[set].name);
        egress_attr_u32(w, NFTA_SET_FLAGS, sets[set].is_counted ? NFT_SET_EVAL : NFT_SET_INTERVAL | NFT_SET_CONCAT);
        egress_attr_u32(w, NFTA_SET_KEY_TYPE, KEY_TYPE(sets[set].is_v6 ? TYPE_IP6ADDR : TYPE_IPADDR));
        egress_attr_u32(w, NFTA_SET_KEY_LEN, sets[set].is_v6 ? EGRESS_KEY_6 : EGRESS_KEY_4);
        egress_attr_u32(w, NFTA_SET_ID, set + 1u);
        about = netlink_nest(w, NFTA_SET_DESC);
        if (sets[set].is_counted) {
                egress_attr_u32(w, NFTA_SET_DESC_SIZE, n);
        } else {
                fields = netlink_nest(w, NFTA_SET_DESC_CONCAT);
                put_field(w, address);
                put_field(w, sizeof(uint8_t));
                put_field(w, sizeof(uint16_t));
                netlink_nest_end(w, fields);
        }
        netlink_nest_end(w, about);
        netlink_message_end(w);
}

void egress_put_sets(struct netlink_writer *w, const struct sandbox_egress *rules)
{
        for (enum egress_set set = 0; set < EGRESS_SETS; set++) {
                if (!rules->has_list && (!rules->is_counted || set >= EGRESS_PASSED_4))
                        continue;
                if (rules->can_resize && sets[set].is_counted)
                        put_set(w, set, ATTEMPTS_EXPECTED);
                put_set(w, set, ATTEMPTS);
        }
}

static size_t element_bytes(bool is_v6)
{
        return ELEMENT_BYTES(is_v6 ? EGRESS_KEY_6 : EGRESS_KEY_4);
}

size_t egress_elements_size(const struct sandbox_egress *rules)
{
        size_t bytes = 2 * MESSAGE_BYTES;

        for (size_t i = 0; i < rules->n_ranges; i++)
                bytes += element_bytes(rules->ranges[i].is_v6);
        return bytes + bytes / LIST_BYTES * MESSAGE_BYTES;
}

/* As the registers hold them: the address, then protocol and port at the beginning of four bytes each. */
static void put_key(struct netlink_writer *w, uint16_t type, bool is_v6, egress_address address, uint8_t protocol, uint16_t port)
{
        const size_t length = is_v6 ? 16 : 4;
        uint8_t key[EGRESS_KEY_6] = { 0 };
        size_t at;

        for (size_t i = 0; i < length; i++)
                key[i] = (uint8_t)(address >> (8 * (length - 1 - i)));
        key[length] = protocol;
        key[length + 4] = (uint8_t)(port >> 8);
        key[length + 5] = (uint8_t)port;
        at = netlink_nest(w, type);
        netlink_attr(w, NFTA_DATA_VALUE, key, length + 8);
        netlink_nest_end(w, at);
}

static void put_elements_of(struct netlink_writer *w, const struct sandbox_egress *rules, enum egress_set set)
{
        const bool is_v6 = sets[set].is_v6;
        size_t list = 0;
        bool is_open = false;

        for (size_t i = 0; i < rules->n_ranges; i++) {
                const struct egress_range *range = &rules->ranges[i];
                size_t element;

                if (range->is_v6 != is_v6)
                        continue;
                if (is_open && w->length - list > LIST_BYTES - element_bytes(is_v6)) {
                        netlink_nest_end(w, list);
                        netlink_message_end(w);
                        is_open = false;
                }
                if (!is_open) {
                        egress_table_message(w, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL);
                        netlink_attr_text(w, NFTA_SET_ELEM_LIST_TABLE, EGRESS_TABLE);
                        netlink_attr_text(w, NFTA_SET_ELEM_LIST_SET, sets[set].name);
                        list = netlink_nest(w, NFTA_SET_ELEM_LIST_ELEMENTS);
                        is_open = true;
                }
                element = netlink_nest(w, NFTA_LIST_ELEM);
                put_key(w, NFTA_SET_ELEM_KEY, is_v6, range->first, range->protocol_first, range->port_first);
                put_key(w, NFTA_SET_ELEM_KEY_END, is_v6, range->last, range->protocol_last, range->port_last);
                netlink_nest_end(w, element);
        }
        if (is_open) {
                netlink_nest_end(w, list);
                netlink_message_end(w);
        }
}

void egress_put_elements(struct netlink_writer *w, const struct sandbox_egress *rules)
{
        put_elements_of(w, rules, EGRESS_ALLOWED_4);
        put_elements_of(w, rules, EGRESS_ALLOWED_6);
}
