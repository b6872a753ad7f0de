/* The records of the event "egress", as egress_report.c writes them, are read back, sorted and joined to entries of a policy's
 * list: a host name where the record has one, else one address; the ports of each together.
 *
 * What an entry cannot say is left out and told: protocols without ports; what is closed always; and the name servers that
 * audit mode lets a build ask, as the DNS is closed otherwise. The file comes from whoever may write it, so nothing is
 * printed that is not an address, a number, or a name made of a host name's characters. */
#include "runtime/egress_learn.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "oci-spec/json.h"
#include "policies/egress.h"
#include "policies/file.h"
#include "runtime/base/auto.h"
#include "runtime/resolve.h"

#define DNS_PORT 53

struct egress_learnt {
        const char *profile;
        const char *host;               /* NULL: by its address */
        struct host_address address;
        bool is_udp;
        uint16_t port;
};

static bool is_wanted(const struct egress_learn *learn, const char *id)
{
        for (size_t i = 0; i < learn->n_ids; i++)
                if (id != NULL && strcmp(learn->ids[i], id) == 0)
                        return true;
        return learn->n_ids == 0;
}

static const char *text_of(const struct json_node *object, const char *key)
{
        const struct json_node *node = json_member(object, key);

        return node != NULL && node->type == JSON_STRING ? node->text : NULL;
}

static bool is_host_name(const char *name)
{
        if (name == NULL || name[0] == '\0' || strlen(name) > 253)
                return false;
        for (const char *at = name; *at != '\0'; at++)
                if (!isalnum((unsigned char)*at) && *at != '-' && *at != '.' && *at != '_')
                        return false;
        return true;
}

/* "branch+untrusted" was branch, narrowed by the other. */
static const char *profile_of(struct arena *arena, const char *text)
{
        char *name = arena_string_n(arena, text, strcspn(text, "+"));

        return name == NULL || policy_is_profile_name(name) ? name : "untrusted";
}

static void leave_out(struct egress_learn *learn, const struct host_address *address, const char *protocol, uint16_t port,
                      const char *why)
{
        char text[INET6_ADDRSTRLEN] = "", line[256];

        inet_ntop(address->is_v6 ? AF_INET6 : AF_INET, address->bytes, text, sizeof text);
        snprintf(line, sizeof line, "left out: %s %.16s %u: %s\n", text, protocol, port, why);
        /* The same once. */
        if (learn->left_out->text == NULL || strstr(learn->left_out->text, line) == NULL)
                text_add(learn->left_out, line);
}

static int add(struct egress_learn *learn, const struct egress_learnt *item)
{
        if (learn->n == learn->room) {
                size_t room = learn->room == 0 ? 256 : 2 * learn->room;
                struct egress_learnt *items = arena_array(learn->arena, room, sizeof *items);

                if (items == NULL)
                        return -ENOMEM;
                if (learn->n > 0)
                        memcpy(items, learn->items, learn->n * sizeof *items);
                learn->items = items;
                learn->room = room;
        }
        learn->items[learn->n++] = *item;
        return 0;
}

/* False where it is no destination at all. */
static int add_destination(struct egress_learn *learn, const char *profile, const struct json_node *node)
{
        const char *address = text_of(node, "address"), *protocol = text_of(node, "protocol"), *name = text_of(node, "name");
        const struct json_node *number = json_member(node, "port");
        struct egress_learnt item = { .profile = profile };
        uint64_t port = 0;

        item.address.is_v6 = address != NULL && strchr(address, ':') != NULL;
        if (address == NULL || protocol == NULL || number == NULL || json_to_u64(number, &port) < 0 || port > UINT16_MAX ||
            inet_pton(item.address.is_v6 ? AF_INET6 : AF_INET, address, item.address.bytes) != 1)
                return -EINVAL;
        for (const char *at = protocol; *at != '\0'; at++)
                if (!isalnum((unsigned char)*at))
                        return -EINVAL;
        item.port = (uint16_t)port;
        item.is_udp = strcmp(protocol, "udp") == 0;
        if ((!item.is_udp && strcmp(protocol, "tcp") != 0) || port == 0) {
                leave_out(learn, &item.address, protocol, item.port, "a list has TCP and UDP only");
                return 0;
        }
        if (port == DNS_PORT) {
                leave_out(learn, &item.address, protocol, item.port,
                          "the DNS is closed; list the host names that were asked for, or add them here with --host");
                return 0;
        }
        switch (policy_egress_kind(&item.address)) {
        case POLICY_EGRESS_CLOSED:
                leave_out(learn, &item.address, protocol, item.port, "it is closed always");
                return 0;
        case POLICY_EGRESS_PRIVATE:     /* by its name alone it would stay closed */
                break;
        case POLICY_EGRESS_PUBLIC:
                if (!is_host_name(name))
                        break;
                item.host = arena_string(learn->arena, name);
                if (item.host == NULL)
                        return -ENOMEM;
                break;
        }
        return add(learn, &item);
}

static int add_list(struct egress_learn *learn, const char *profile, const struct json_node *record, const char *key)
{
        const struct json_node *list = json_member(record, key);
        int r = 0;

        if (list == NULL || list->type != JSON_ARRAY)
                return -EINVAL;
        json_for_each(node, list) {
                r = add_destination(learn, profile, node);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void tell_rest(struct egress_learn *learn, const struct json_node *record, const char *key, const char *what)
{
        const struct json_node *number = json_member(json_member(record, key), "packets");
        const char *id = text_of(record, "id");
        uint64_t packets = 0;

        if (number == NULL || json_to_u64(number, &packets) < 0)
                return;
        text_add(learn->left_out, "left out: of ");
        text_add_json(learn->left_out, id != NULL ? id : "");
        text_addf(learn->left_out, ", %" PRIu64 " packets that %s, to destinations that found no place in the record\n",
                  packets, what);
}

static int add_record(struct egress_learn *learn, const char *path, char *line, size_t length)
{
        auto_arena struct arena arena = { 0 };
        const struct json_node *record;
        const char *event, *profile;
        int r = json_parse_in_place(&arena, line, length, path, &record, NULL);

        if (r < 0)
                return r;
        event = text_of(record, "event");
        profile = text_of(record, "profile");
        if (event == NULL || strcmp(event, "egress") != 0 || !is_wanted(learn, text_of(record, "id")))
                return 0;
        profile = profile_of(learn->arena, profile != NULL ? profile : "untrusted");
        if (profile == NULL)
                return -ENOMEM;
        learn->n_records++;
        r = add_list(learn, profile, record, "passed");
        tell_rest(learn, record, "passedRest", "passed");
        if (r < 0 || !learn->has_refused)
                return r;
        tell_rest(learn, record, "refusedRest", "were refused");
        return add_list(learn, profile, record, "refused");
}

int egress_learn_read(struct egress_learn *learn, const char *path, struct error *err)
{
        FILE *file = fopen(path, "re");
        auto_free char *line = NULL;
        size_t size = 0;
        ssize_t n;
        int r = 0;

        if (file == NULL)
                return error_errno(err, errno, "read %s", path);
        while (r != -ENOMEM && (n = getline(&line, &size, file)) > 0) {
                if (strstr(line, "\"egress\"") == NULL)
                        continue;
                r = add_record(learn, path, line, (size_t)n);
                learn->n_bad_lines += r < 0;
        }
        if (r != -ENOMEM && ferror(file))
                r = error_errno(err, errno, "read %s", path);
        else
                r = r == -ENOMEM ? error_errno(err, ENOMEM, "read %s", path) : 0;
        fclose(file);
        return r;
}

/* Of IPv4 only four bytes are anything. */
static bool is_same_address(const struct host_address *a, const struct host_address *b)
{
        return a->is_v6 == b->is_v6 && memcmp(a->bytes, b->bytes, a->is_v6 ? 16 : 4) == 0;
}

static void name_those_at(struct egress_learn *learn, const struct host_address *address, const char *name)
{
        if (policy_egress_kind(address) != POLICY_EGRESS_PUBLIC)        /* by its name alone it would stay closed */
                return;
        for (size_t i = 0; i < learn->n; i++)
                if (learn->items[i].host == NULL && is_same_address(&learn->items[i].address, address))
                        learn->items[i].host = name;
}

int egress_learn_name(struct egress_learn *learn, const char *const *names, size_t n, struct error *err)
{
        struct host_name *found = arena_array(learn->arena, n + 1, sizeof *found);
        int r;

        if (found == NULL)
                return error_errno(err, ENOMEM, "host names");
        for (size_t i = 0; i < n; i++)
                if (!is_host_name(names[i]))
                        return error_set(err, EINVAL, "--host %s: is no host name", names[i]);
        r = resolve_names(learn->arena, names, n, found, err);
        for (size_t i = 0; i < n && r == 0; i++) {
                if (found[i].n == 0)
                        text_addf(learn->left_out, "--host %s: has no address that could be found out (%s)\n", names[i],
                                  found[i].why != NULL ? found[i].why : "nobody was asked");
                for (size_t k = 0; k < found[i].n; k++)
                        name_those_at(learn, &found[i].addresses[k], names[i]);
        }
        return r;
}

static int compare_destinations(const struct egress_learnt *one, const struct egress_learnt *other)
{
        int r = strcmp(one->profile, other->profile);

        if (r == 0)     /* host names first */
                r = (one->host == NULL) - (other->host == NULL);
        if (r == 0 && one->host != NULL)
                r = strcmp(one->host, other->host);
        if (r == 0 && one->host == NULL)
                r = (int)one->address.is_v6 - (int)other->address.is_v6;
        if (r == 0 && one->host == NULL)
                r = memcmp(one->address.bytes, other->address.bytes, sizeof one->address.bytes);
        return r == 0 ? (int)one->is_udp - (int)other->is_udp : r;
}

static int compare(const void *a, const void *b)
{
        const struct egress_learnt *one = a, *other = b;
        int r = compare_destinations(one, other);

        return r == 0 ? (int)one->port - (int)other->port : r;
}

/* The entry that begins with @first. Returns how many items it is made of. */
static size_t write_entry(const struct egress_learnt *first, size_t n, struct text_buffer *out)
{
        char address[INET6_ADDRSTRLEN] = "";
        size_t n_same = 1, i = 0;

        while (n_same < n && compare_destinations(first, &first[n_same]) == 0)
                n_same++;
        inet_ntop(first->address.is_v6 ? AF_INET6 : AF_INET, first->address.bytes, address, sizeof address);
        if (first->host != NULL)
                text_addf(out, "          { \"host\": \"%s\", \"ports\": [", first->host);
        else
                text_addf(out, "          { \"cidr\": \"%s/%d\", \"ports\": [", address, first->address.is_v6 ? 128 : 32);
        while (i < n_same) {
                size_t last = i;

                while (last + 1 < n_same && first[last + 1].port - first[last].port <= 1)
                        last++;
                text_add(out, i == 0 ? "" : ", ");
                if (first[i].port == first[last].port)
                        text_addf(out, "%u", first[i].port);
                else
                        text_addf(out, "\"%u-%u\"", first[i].port, first[last].port);
                i = last + 1;
        }
        text_add(out, first->is_udp ? "], \"protocol\": \"udp\" }" : "] }");
        return n_same;
}

int egress_learn_write(struct egress_learn *learn, struct text_buffer *out, struct error *err)
{
        const char *profile = NULL;
        time_t now = time(NULL);
        struct tm utc;
        char today[16] = "";

        if (learn->n > 0)
                qsort(learn->items, learn->n, sizeof *learn->items, compare);
        if (gmtime_r(&now, &utc) != NULL)
                strftime(today, sizeof today, "%Y-%m-%d", &utc);
        text_addf(out, "{\n  \"version\": 1,\n  \"revision\": \"learnt-%s\",\n  \"profiles\": {\n", today);
        for (size_t i = 0; i < learn->n;) {
                if (profile == NULL || strcmp(profile, learn->items[i].profile) != 0) {
                        text_add(out, profile == NULL ? "" : "\n        ]\n      }\n    },\n");
                        profile = learn->items[i].profile;
                        text_addf(out, "    \"%s\": {\n      \"egress\": {\n", profile);
                        text_add(out, "        \"mode\": \"deny\",\n        \"allow\": [\n");
                } else {
                        text_add(out, ",\n");
                }
                i += write_entry(&learn->items[i], learn->n - i, out);
        }
        text_add(out, profile == NULL ? "    \"untrusted\": { \"egress\": { \"mode\": \"deny\", \"allow\": [] } }\n  }\n}\n" :
                                        "\n        ]\n      }\n    }\n  }\n}\n");
        return out->is_broken ? error_errno(err, ENOMEM, "write the list") : 0;
}
