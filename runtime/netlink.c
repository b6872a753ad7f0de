/* Netlink messages, written and read: netlink(7). No library: what is sent is a few attributes, and reading them back needs
 * bounds checks that are better seen here. No heap. */
#include "runtime/netlink.h"

#include <linux/netlink.h>
#include <string.h>

void *netlink_put(struct netlink_writer *w, size_t length)
{
        size_t aligned = NLMSG_ALIGN(length);
        char *at = w->bytes + w->length;

        if (w->is_full || aligned > w->size - w->length) {
                w->is_full = true;
                return NULL;
        }
        memset(at, 0, aligned);
        w->length += aligned;
        return at;
}

void netlink_attr(struct netlink_writer *w, uint16_t type, const void *value, size_t length)
{
        struct nlattr *attribute = netlink_put(w, NLA_HDRLEN + length);

        if (attribute == NULL)
                return;
        attribute->nla_type = type;
        attribute->nla_len = (uint16_t)(NLA_HDRLEN + length);
        memcpy((char *)attribute + NLA_HDRLEN, value, length);
}

void netlink_attr_text(struct netlink_writer *w, uint16_t type, const char *text)
{
        netlink_attr(w, type, text, strlen(text) + 1);
}

size_t netlink_nest(struct netlink_writer *w, uint16_t type)
{
        size_t at = w->length;
        struct nlattr *attribute = netlink_put(w, NLA_HDRLEN);

        if (attribute != NULL)
                attribute->nla_type = type | NLA_F_NESTED;
        return at;
}

void netlink_nest_end(struct netlink_writer *w, size_t at)
{
        if (!w->is_full)
                ((struct nlattr *)(w->bytes + at))->nla_len = (uint16_t)(w->length - at);
}

void netlink_message(struct netlink_writer *w, uint16_t type, uint16_t flags)
{
        struct nlmsghdr *header;

        w->message = w->length;
        header = netlink_put(w, sizeof *header);
        if (header == NULL)
                return;
        header->nlmsg_type = type;
        header->nlmsg_flags = flags;
        header->nlmsg_seq = w->sequence++;
}

void netlink_message_end(struct netlink_writer *w)
{
        if (!w->is_full)
                ((struct nlmsghdr *)(w->bytes + w->message))->nlmsg_len = (uint32_t)(w->length - w->message);
}

bool netlink_next_attr(struct netlink_attrs *attrs, struct nlattr *ret_header, struct netlink_attrs *ret_value)
{
        size_t step;

        if (attrs->length < NLA_HDRLEN)
                return false;
        memcpy(ret_header, attrs->bytes, sizeof *ret_header);
        if (ret_header->nla_len < NLA_HDRLEN || ret_header->nla_len > attrs->length)
                return false;
        *ret_value = (struct netlink_attrs){ attrs->bytes + NLA_HDRLEN, ret_header->nla_len - NLA_HDRLEN };
        step = NLMSG_ALIGN((size_t)ret_header->nla_len);
        if (step > attrs->length)
                step = attrs->length;
        attrs->bytes += step;
        attrs->length -= step;
        return true;
}

bool netlink_find_attr(struct netlink_attrs attrs, uint16_t type, struct netlink_attrs *ret_value)
{
        struct nlattr header;
        struct netlink_attrs value;

        while (netlink_next_attr(&attrs, &header, &value)) {
                if ((header.nla_type & NLA_TYPE_MASK) == type) {
                        *ret_value = value;
                        return true;
                }
        }
        return false;
}
