/* config-linux.md, "Devices" and "Allowed Device list". */
#include "oci-spec/rooms.h"

#include <errno.h>
#include <sys/stat.h>

struct device {
        struct spec_device is;
        bool has_major, has_minor, has_uid, has_gid;
};

static int read_type(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name types[] = {
                { "c", S_IFCHR }, { "u", S_IFCHR }, { "b", S_IFBLK }, { "p", S_IFIFO },
        };
        int64_t value;
        int r = reader_one_of(reader, node, types, READER_COUNT(types), "a type of device (c, b, u or p)", &value);

        if (r == 0)
                *(mode_t *)into = (mode_t)value;
        return r;
}

static int read_major(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t value;
        int r = reader_unsigned(reader, node, SPEC_MAJOR_HIGHEST, &value);

        if (r == 0)
                *(uint32_t *)into = (uint32_t)value;
        return r;
}

static int read_minor(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t value;
        int r = reader_unsigned(reader, node, SPEC_MINOR_HIGHEST, &value);

        if (r == 0)
                *(uint32_t *)into = (uint32_t)value;
        return r;
}

static int read_mode(struct reader *reader, const struct json_node *node, void *into)
{
        uint32_t value;
        int r = reader_u32(reader, node, &value);

        /* Engines pass a Go os.FileMode or a st_mode, with type bits of either kind. */
        if (r == 0)
                *(mode_t *)into = (mode_t)(value & 0777);
        return r;
}

static const struct reader_field device_fields[] = {
        RF_REQUIRED(struct device, "type", is.type, read_type),
        RF_REQUIRED(struct device, "path", is.path, reader_absolute_path),
        RF_CLAIMED(struct device, "major", is.major, has_major, read_major),
        RF_CLAIMED(struct device, "minor", is.minor, has_minor, read_minor),
        RF_CLAIMED(struct device, "fileMode", is.mode, is.has_mode, read_mode),
        RF_CLAIMED(struct device, "uid", is.uid, has_uid, reader_id),
        RF_CLAIMED(struct device, "gid", is.gid, has_gid, reader_id),
};

int spec_devices_read(struct reader *reader, const struct json_node *node, void *into)
{
        struct device device = { .has_major = false };
        int r = reader_object(reader, node, device_fields, READER_COUNT(device_fields), &device);

        if (r < 0)
                return r;
        /* "REQUIRED unless type is p". */
        if (device.is.type != S_IFIFO && !device.has_major)
                return reader_fail_below(reader, "major", "is required and missing");
        if (device.is.type != S_IFIFO && !device.has_minor)
                return reader_fail_below(reader, "minor", "is required and missing");
        device.is.has_owner = device.has_uid || device.has_gid;
        *(struct spec_device *)into = device.is;
        return 0;
}

static int read_rule_type(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name types[] = { { "a", 'a' }, { "b", 'b' }, { "c", 'c' }, { "", 'a' } };
        int64_t value;
        int r = reader_one_of(reader, node, types, READER_COUNT(types), "a type of device rule (a, b or c)", &value);

        if (r == 0)
                *(char *)into = (char)value;
        return r;
}

static int read_rule_major(struct reader *reader, const struct json_node *node, void *into)
{
        return reader_signed(reader, node, -1, SPEC_MAJOR_HIGHEST, into);
}

static int read_rule_minor(struct reader *reader, const struct json_node *node, void *into)
{
        return reader_signed(reader, node, -1, SPEC_MINOR_HIGHEST, into);
}

static int read_access(struct reader *reader, const struct json_node *node, void *into)
{
        unsigned access = 0;
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        for (const char *c = node->text; *c != '\0'; c++) {
                if (*c == 'm')
                        access |= 1;
                else if (*c == 'r')
                        access |= 2;
                else if (*c == 'w')
                        access |= 4;
                else
                        return reader_fail(reader, EINVAL, "%s: letters other than r, w and m",
                                           READER_QUOTE(node->text));
        }
        /* As an absent one. */
        if (access != 0)
                *(unsigned *)into = access;
        return 0;
}

static const struct reader_field rule_fields[] = {
        RF_REQUIRED(struct spec_device_rule, "allow", is_allow, reader_bool),
        RF_VALUE(struct spec_device_rule, "type", type, read_rule_type),
        RF_VALUE(struct spec_device_rule, "major", major, read_rule_major),
        RF_VALUE(struct spec_device_rule, "minor", minor, read_rule_minor),
        RF_VALUE(struct spec_device_rule, "access", access, read_access),
};

int spec_devices_read_rule(struct reader *reader, const struct json_node *node, void *into)
{
        struct spec_device_rule *rule = into;

        *rule = (struct spec_device_rule){ .type = 'a', .major = -1, .minor = -1, .access = 1 | 2 | 4 };
        return reader_object(reader, node, rule_fields, READER_COUNT(rule_fields), rule);
}
