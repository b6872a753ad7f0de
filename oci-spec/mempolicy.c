/* config-linux.md, "Memory policy": what set_mempolicy(2) is asked for. What that call would answer with a bare EINVAL
 * whatever the machine is said here; which nodes there are, the kernel knows. */
#include "oci-spec/rooms.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <string.h>

/* Younger than some headers. */
#define FLAG_STATIC_NODES (1u << 15)
#define FLAG_RELATIVE_NODES (1u << 14)
#define FLAG_NUMA_BALANCING (1u << 13)

static const struct reader_name modes[] = {
        /* <linux/mempolicy.h>; sorted, for features. */
        { "MPOL_BIND", MPOL_BIND }, { "MPOL_DEFAULT", MPOL_DEFAULT }, { "MPOL_INTERLEAVE", MPOL_INTERLEAVE },
        { "MPOL_LOCAL", MPOL_LOCAL }, { "MPOL_PREFERRED", MPOL_PREFERRED }, { "MPOL_PREFERRED_MANY", 5 },
        { "MPOL_WEIGHTED_INTERLEAVE", 6 },
};

static const struct reader_name flags[] = {
        { "MPOL_F_NUMA_BALANCING", FLAG_NUMA_BALANCING }, { "MPOL_F_RELATIVE_NODES", FLAG_RELATIVE_NODES },
        { "MPOL_F_STATIC_NODES", FLAG_STATIC_NODES },
};

const char *spec_mempolicy_mode(size_t index)
{
        return index < READER_COUNT(modes) ? modes[index].name : NULL;
}

const char *spec_mempolicy_flag(size_t index)
{
        return index < READER_COUNT(flags) ? flags[index].name : NULL;
}

static int read_mode(struct reader *reader, const struct json_node *node, void *into)
{
        int64_t value;
        int r = reader_one_of(reader, node, modes, READER_COUNT(modes), "a mode of set_mempolicy(2)", &value);

        if (r == 0)
                *(uint32_t *)into = (uint32_t)value;
        return r;
}

static int read_flags(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t value;
        int r = reader_flags(reader, node, flags, READER_COUNT(flags), "a flag of set_mempolicy(2)", &value);

        if (r == 0)
                *(uint32_t *)into = (uint32_t)value;
        return r;
}

/* A number at *@at, which moves behind it. */
static bool take_node(const char **at, unsigned *ret_node)
{
        unsigned node = 0;
        const char *p = *at;

        for (; *p >= '0' && *p <= '9'; p++) {
                node = node * 10 + (unsigned)(*p - '0');
                if (node >= SPEC_NODES_LIMIT)
                        return false;
        }
        if (p == *at)
                return false;
        *at = p;
        *ret_node = node;
        return true;
}

bool spec_mempolicy_nodes(const char *text, uint64_t ret_mask[SPEC_NODES_LIMIT / 64])
{
        uint64_t mask[SPEC_NODES_LIMIT / 64] = { 0 };
        unsigned first, last;

        for (const char *p = text; *p != '\0';) {
                if (!take_node(&p, &first))
                        return false;
                last = first;
                if (*p == '-' && (p++, !take_node(&p, &last) || last < first))
                        return false;
                for (unsigned i = first; i <= last; i++)
                        mask[i / 64] |= UINT64_C(1) << i % 64;
                if (*p == ',' && p[1] != '\0')
                        p++;
                else if (*p != '\0')
                        return false;
        }
        memcpy(ret_mask, mask, sizeof mask);
        return true;
}

static int read_nodes(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t mask[SPEC_NODES_LIMIT / 64];
        int r = reader_text(reader, node, into);

        if (r == 0 && !spec_mempolicy_nodes(node->text, mask))
                return reader_fail(reader, EINVAL, "%s is not a list of memory nodes (\"0-3,7\", up to %d)",
                                   READER_QUOTE(node->text), SPEC_NODES_LIMIT - 1);
        return r;
}

static int check(struct reader *reader, const struct spec_memory_policy *policy)
{
        switch (policy->mode) {
        case MPOL_DEFAULT:
        case MPOL_LOCAL:
                if (policy->nodes != NULL)
                        return reader_fail_below(reader, "nodes", "this mode takes none; leave them out");
                break;
        case MPOL_PREFERRED:
                break;
        default:
                if (policy->nodes == NULL)
                        return reader_fail_below(reader, "nodes", "missing: this mode takes at least one node");
        }
        if ((policy->flags & FLAG_STATIC_NODES) && (policy->flags & FLAG_RELATIVE_NODES))
                return reader_fail_below(reader, "flags",
                                         "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other");
        return 0;
}

int spec_mempolicy_read(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_REQUIRED(struct spec_memory_policy, "mode", mode, read_mode),
                RF_VALUE(struct spec_memory_policy, "nodes", nodes, read_nodes),
                RF_VALUE(struct spec_memory_policy, "flags", flags, read_flags),
        };
        struct spec_memory_policy *policy = into;
        int r = reader_object(reader, node, fields, READER_COUNT(fields), policy);

        if (r < 0)
                return r;
        policy->is_given = true;
        return check(reader, policy);
}
