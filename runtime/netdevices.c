/* Moves network devices from the caller's network namespace to the container's, by rtnetlink(7).
 *
 * The parent does it, since it can put a failure into words and can take the move back; init hands it the namespace and a
 * socket that was made inside, so nobody has to change namespaces for it. When that happens the egress rules are there
 * already: no device is ever in the namespace without them.
 *
 * A device keeps what the kernel keeps (hardware address, MTU, queues). Addresses it drops at the move; those that are
 * permanent and of global scope are read before and added again. Once the container is created the device is the
 * namespace's: the specification forbids to take it out, and the kernel gives physical ones back to the initial
 * namespace and destroys the others. A creation that fails is to leave nothing behind, so it gives them back. */
#include "runtime/netdevices.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>

#include "runtime/netlink.h"

#define ADDRESS_BYTES 32        /* MAX_ADDR_LEN of the kernel */
#define INDEX_TRIES 65536

/* What of an address is a property of it, and no state of the kernel's: tentative, deprecated, secondary, temporary. */
#define KEPT_FLAGS (IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)

struct address_part { size_t length; char bytes[ADDRESS_BYTES]; };

struct address {
        struct ifaddrmsg header;
        struct address_part local, peer, broadcast, priority;
        uint32_t flags;
        struct address *next;
};

struct link {
        int index;
        bool is_up;
        char name[IFNAMSIZ];
};

struct netdevices_moved {
        struct link before;
        int index;                      /* in the container's namespace */
        struct address *addresses;
        struct netdevices_moved *next;
};

/* ---- questions ---- */

static int ask(int fd, struct netlink_writer *w)
{
        struct iovec part = { w->bytes, w->length };

        return netlink_send(fd, &part, 1) < 0 ? -errno : 0;
}

static int call(int fd, struct netlink_writer *w)
{
        struct iovec part = { w->bytes, w->length };

        if (w->is_full)
                return -E2BIG;
        return netlink_call(fd, &part, 1) < 0 ? -errno : 0;
}

static struct ifinfomsg *link_message(struct netlink_writer *w, uint16_t type, uint16_t flags, int index)
{
        struct ifinfomsg *link;

        netlink_message(w, type, NLM_F_REQUEST | flags);
        link = netlink_put(w, sizeof *link);
        link->ifi_index = index;        /* the first of a buffer that holds much more */
        return link;
}

static int error_of(const struct nlmsghdr *header)
{
        const struct nlmsgerr *error = NLMSG_DATA(header);

        return header->nlmsg_len < NLMSG_LENGTH(sizeof *error) || error->error >= 0 ? -EPROTO : error->error;
}

/* By name, or by @index where @name is NULL. -ENODEV: there is none. */
static int find_link(int fd, const char *name, int index, struct link *ret_link)
{
        char bytes[512] __attribute__((aligned(NLMSG_ALIGNTO)));
        char answer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
        struct netlink_writer w = { .bytes = bytes, .size = sizeof bytes };
        const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
        struct netlink_attrs attrs, text;
        const uint32_t mask = RTEXT_FILTER_SKIP_STATS;
        const struct ifinfomsg *found;
        ssize_t n;
        int r;

        link_message(&w, RTM_GETLINK, 0, index);
        if (name != NULL)
                netlink_attr_text(&w, IFLA_IFNAME, name);
        netlink_attr(&w, IFLA_EXT_MASK, &mask, sizeof mask);
        netlink_message_end(&w);
        r = ask(fd, &w);
        if (r < 0)
                return r;
        n = netlink_receive(fd, answer, sizeof answer);
        if (n < 0)
                return -errno;
        if (!NLMSG_OK(header, (size_t)n))
                return -EPROTO;
        if (header->nlmsg_type == NLMSG_ERROR)
                return error_of(header);
        if (header->nlmsg_type != RTM_NEWLINK || header->nlmsg_len < NLMSG_LENGTH(sizeof *found))
                return -EPROTO;
        found = NLMSG_DATA(header);
        attrs = (struct netlink_attrs){ answer + NLMSG_SPACE(sizeof *found), header->nlmsg_len - NLMSG_SPACE(sizeof *found) };
        if (!netlink_find_attr(attrs, IFLA_IFNAME, &text) || text.length == 0 || text.length > IFNAMSIZ)
                return -EPROTO;
        *ret_link = (struct link){ .index = found->ifi_index, .is_up = found->ifi_flags & IFF_UP };
        memcpy(ret_link->name, text.bytes, text.length);
        ret_link->name[text.length - 1] = '\0';
        return 0;
}

static void take_part(struct netlink_attrs attrs, uint16_t type, struct address_part *ret_part)
{
        struct netlink_attrs value;

        if (!netlink_find_attr(attrs, type, &value) || value.length > sizeof ret_part->bytes)
                return;
        memcpy(ret_part->bytes, value.bytes, value.length);
        ret_part->length = value.length;
}

/* RFC 3549, 2.3.3.2: of those alone the specification speaks. */
static int take_address(struct arena *arena, const struct nlmsghdr *header, int index, struct address **list)
{
        const struct ifaddrmsg *found = NLMSG_DATA(header);
        struct netlink_attrs attrs, value;
        struct address *address;
        uint32_t flags;

        if (header->nlmsg_type != RTM_NEWADDR || header->nlmsg_len < NLMSG_LENGTH(sizeof *found))
                return -EPROTO;
        if (found->ifa_index != (uint32_t)index || found->ifa_scope != RT_SCOPE_UNIVERSE)
                return 0;
        attrs = (struct netlink_attrs){ (const char *)header + NLMSG_SPACE(sizeof *found),
                                        header->nlmsg_len - NLMSG_SPACE(sizeof *found) };
        flags = found->ifa_flags;
        if (netlink_find_attr(attrs, IFA_FLAGS, &value) && value.length == sizeof flags)
                memcpy(&flags, value.bytes, sizeof flags);
        if (!(flags & IFA_F_PERMANENT))
                return 0;
        address = arena_new(arena, struct address);
        if (address == NULL)
                return -ENOMEM;
        *address = (struct address){ .header = *found, .flags = flags & KEPT_FLAGS };
        take_part(attrs, IFA_LOCAL, &address->local);
        take_part(attrs, IFA_ADDRESS, &address->peer);
        take_part(attrs, IFA_BROADCAST, &address->broadcast);
        take_part(attrs, IFA_RT_PRIORITY, &address->priority);
        /* In their order: the first one of a network is its primary, which the kernel sends from. */
        while (*list != NULL)
                list = &(*list)->next;
        *list = address;
        return 0;
}

static int find_addresses_once(struct arena *arena, int fd, int index, struct address **ret_list)
{
        char bytes[128] __attribute__((aligned(NLMSG_ALIGNTO)));
        char answer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
        struct netlink_writer w = { .bytes = bytes, .size = sizeof bytes };
        struct address *list = NULL;
        bool is_interrupted = false;
        ssize_t n;
        int r;

        netlink_message(&w, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP);
        netlink_put(&w, sizeof(struct ifaddrmsg));
        netlink_message_end(&w);
        r = ask(fd, &w);
        if (r < 0)
                return r;
        for (;;) {
                const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
                size_t left;

                n = netlink_receive(fd, answer, sizeof answer);
                if (n < 0)
                        return -errno;
                for (left = (size_t)n; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
                        /* netlink(7): addresses changed while they were listed. Read to the end, then once more. */
                        is_interrupted |= (header->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
                        if (header->nlmsg_type == NLMSG_ERROR)
                                return error_of(header);
                        if (header->nlmsg_type == NLMSG_DONE) {
                                *ret_list = list;
                                return is_interrupted ? -EINTR : 0;
                        }
                        r = take_address(arena, header, index, &list);
                        if (r < 0)
                                return r;
                }
        }
}

static int find_addresses(struct arena *arena, int fd, int index, struct address **ret_list)
{
        int r = -EINTR;

        for (unsigned tries = 0; r == -EINTR && tries < 8; tries++)
                r = find_addresses_once(arena, fd, index, ret_list);
        return r;
}

/* ---- changes ---- */

/* To the namespace @ns_fd under @name, which may end with %d. @index: there; asked for, so that it is found again. */
static int send_away(int fd, int from_index, const char *name, int ns_fd, int index)
{
        char bytes[512] __attribute__((aligned(NLMSG_ALIGNTO)));
        struct netlink_writer w = { .bytes = bytes, .size = sizeof bytes };
        const uint32_t ns = (uint32_t)ns_fd;

        link_message(&w, RTM_NEWLINK, NLM_F_ACK, from_index);
        netlink_attr_text(&w, IFLA_IFNAME, name);
        netlink_attr(&w, IFLA_NET_NS_FD, &ns, sizeof ns);
        netlink_attr(&w, IFLA_NEW_IFINDEX, &index, sizeof index);
        netlink_message_end(&w);
        return call(fd, &w);
}

/* With the index that it has, or the next one that is free there. */
static int send_away_anywhere(int fd, int from_index, const char *name, int ns_fd, int *ret_index)
{
        int index = from_index, r = -EBUSY;

        for (unsigned tries = 0; r == -EBUSY && tries < INDEX_TRIES; tries++, index = index == INT32_MAX ? 2 : index + 1) {
                *ret_index = index;
                r = send_away(fd, from_index, name, ns_fd, index);
        }
        return r;
}

static int set_up(int fd, int index)
{
        char bytes[128] __attribute__((aligned(NLMSG_ALIGNTO)));
        struct netlink_writer w = { .bytes = bytes, .size = sizeof bytes };
        struct ifinfomsg *link = link_message(&w, RTM_NEWLINK, NLM_F_ACK, index);

        link->ifi_flags = link->ifi_change = IFF_UP;
        netlink_message_end(&w);
        return call(fd, &w);
}

static void put_part(struct netlink_writer *w, uint16_t type, const struct address_part *part)
{
        if (part->length > 0)
                netlink_attr(w, type, part->bytes, part->length);
}

static int add_address(int fd, int index, const struct address *address)
{
        char bytes[512] __attribute__((aligned(NLMSG_ALIGNTO)));
        struct netlink_writer w = { .bytes = bytes, .size = sizeof bytes };
        struct ifaddrmsg *header;

        netlink_message(&w, RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
        header = netlink_put(&w, sizeof *header);
        *header = address->header;
        header->ifa_index = (uint32_t)index;
        header->ifa_flags = (uint8_t)address->flags;
        /* No label: it begins with the device's name, which may be another one now. */
        put_part(&w, IFA_LOCAL, &address->local);
        put_part(&w, IFA_ADDRESS, &address->peer);
        put_part(&w, IFA_BROADCAST, &address->broadcast);
        put_part(&w, IFA_RT_PRIORITY, &address->priority);
        netlink_attr(&w, IFA_FLAGS, &address->flags, sizeof address->flags);
        netlink_message_end(&w);
        return call(fd, &w);
}

static int add_addresses(int fd, int index, const struct address *address)
{
        int r = 0;

        for (; address != NULL && r == 0; address = address->next)
                r = add_address(fd, index, address);
        return r;
}

/* ---- the whole ---- */

static int move_error(int r, const struct spec_net_device *device, const char *name, struct error *err)
{
        switch (-r) {
        case EEXIST:
                return error_set(err, EEXIST, "linux.netDevices[\"%s\"]: the container's network namespace has a device \"%s\" "
                                 "already; give another name, or a template that ends with %%d", device->name, name);
        case EINVAL:
        case EOPNOTSUPP:
                return error_set(err, -r, "linux.netDevices[\"%s\"]: the kernel does not let this device go to another network "
                                 "namespace; name one that can be moved", device->name);
        case EPERM:
                return error_set(err, EPERM, "linux.netDevices[\"%s\"]: moving it takes CAP_NET_ADMIN over the caller's network "
                                 "namespace, which a rootless caller has not; run as root, or drop it", device->name);
        default:
                return error_errno(err, r, "linux.netDevices[\"%s\"]: move it to the container as \"%s\"", device->name, name);
        }
}

static int move(struct arena *arena, const struct spec_net_device *device, struct netdevices *devices, struct error *err)
{
        const char *name = device->new_name != NULL ? device->new_name : device->name;
        struct netdevices_moved *moved = arena_new(arena, struct netdevices_moved);
        struct link other;
        int r;

        if (moved == NULL)
                return error_errno(err, ENOMEM, "linux.netDevices");
        *moved = (struct netdevices_moved){ 0 };
        r = find_link(devices->own_fd, device->name, 0, &moved->before);
        if (r == -ENODEV)
                return error_set(err, ENODEV, "linux.netDevices[\"%s\"]: the caller's network namespace has no such device",
                                 device->name);
        if (r == 0)
                r = find_addresses(arena, devices->own_fd, moved->before.index, &moved->addresses);
        if (r < 0)
                return error_errno(err, r, "linux.netDevices[\"%s\"]: look at it", device->name);
        if (strchr(name, '%') == NULL && find_link(devices->route_fd, name, 0, &other) == 0)
                return move_error(-EEXIST, device, name, err);
        r = send_away_anywhere(devices->own_fd, moved->before.index, name, devices->ns_fd, &moved->index);
        /* It renames after it has moved, so a failure can be one of the second half. */
        if (r == 0 || (find_link(devices->own_fd, NULL, moved->before.index, &other) == -ENODEV &&
                       find_link(devices->route_fd, NULL, moved->index, &other) == 0)) {
                moved->next = devices->moved;
                devices->moved = moved;
        }
        if (r < 0)
                return move_error(r, device, name, err);
        r = add_addresses(devices->route_fd, moved->index, moved->addresses);
        if (r < 0)
                return error_errno(err, r, "linux.netDevices[\"%s\"]: give it its addresses again", device->name);
        r = set_up(devices->route_fd, moved->index);
        if (r < 0)
                return error_errno(err, r, "linux.netDevices[\"%s\"]: set it up", device->name);
        return 0;
}

int netdevices_move(struct arena *arena, const struct spec_net_device *list, size_t n, struct netdevices *devices,
                    struct error *err)
{
        int r = 0;

        devices->own_fd = netlink_open(NETLINK_ROUTE);
        devices->own_ns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (devices->own_fd < 0 || devices->own_ns_fd < 0)
                return error_errno(err, errno, "linux.netDevices: open our own network namespace");
        for (size_t i = 0; i < n && r == 0; i++)
                r = move(arena, &list[i], devices, err);
        return r;
}

int netdevices_undo(struct netdevices *devices, struct error *err)
{
        int first = 0, index, r;

        for (struct netdevices_moved *moved = devices->moved; moved != NULL; moved = moved->next) {
                r = send_away_anywhere(devices->route_fd, moved->index, moved->before.name, devices->own_ns_fd, &index);
                if (r == 0)
                        r = add_addresses(devices->own_fd, index, moved->addresses);
                if (r == 0 && moved->before.is_up)
                        r = set_up(devices->own_fd, index);
                if (r < 0 && first == 0)
                        first = error_errno(err, r, "give network device %s back", moved->before.name);
        }
        devices->moved = NULL;
        return first;
}

void netdevices_close(struct netdevices *devices)
{
        auto_close_cleanup(&devices->own_ns_fd);
        auto_close_cleanup(&devices->own_fd);
        auto_close_cleanup(&devices->ns_fd);
        auto_close_cleanup(&devices->route_fd);
}
