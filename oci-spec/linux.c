/* config-linux.md: what belongs to no room of its own. */
#include "oci-spec/rooms.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>

static int read_seconds(struct reader *reader, const struct json_node *node, void *into)
{
        return reader_signed(reader, node, INT64_MIN, INT64_MAX, into);
}

static int read_nanoseconds(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t value;
        int r = reader_unsigned(reader, node, 999999999, &value);

        if (r == 0)
                *(uint32_t *)into = (uint32_t)value;
        return r;
}

struct offset {
        int64_t seconds;
        uint32_t nanoseconds;
};

static int read_offset(struct reader *reader, const struct json_node *node, struct offset *ret_offset)
{
        static const struct reader_field fields[] = {
                RF_VALUE(struct offset, "secs", seconds, read_seconds),
                RF_VALUE(struct offset, "nanosecs", nanoseconds, read_nanoseconds),
        };

        return reader_object(reader, node, fields, READER_COUNT(fields), ret_offset);
}

static int read_time_offsets(struct reader *reader, const struct json_node *node, void *into)
{
        struct spec_linux *linux_ = into;
        int r = reader_expect(reader, node, JSON_OBJECT);

        if (r < 0)
                return r;
        json_for_each(member, node) {
                struct reader_step step = { .up = reader->at, .name = member->key };
                struct offset offset = { 0 };

                if (member->type == JSON_NULL)
                        continue;
                reader->at = &step;
                /* time_namespaces(7) has these two. */
                if (strcmp(member->key, "monotonic") != 0 && strcmp(member->key, "boottime") != 0)
                        r = reader_fail(reader, EINVAL, "is not a clock with offsets (monotonic, boottime)");
                else
                        r = read_offset(reader, member, &offset);
                reader->at = step.up;
                if (r < 0)
                        return r;
                if (member->key[0] == 'm') {
                        linux_->monotonic.is_given = true;
                        linux_->monotonic.seconds = offset.seconds;
                        linux_->monotonic.nanoseconds = offset.nanoseconds;
                } else {
                        linux_->boottime.is_given = true;
                        linux_->boottime.seconds = offset.seconds;
                        linux_->boottime.nanoseconds = offset.nanoseconds;
                }
                linux_->has_time_offsets = true;
        }
        return 0;
}

/* A folder of resctrl, or "/" for the default class. */
static int read_clos_id(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_text(reader, node, into);

        if (r < 0 || node->n == 0 || strcmp(node->text, "/") == 0)
                return r;
        if (strpbrk(node->text, "/\n") != NULL || strcmp(node->text, ".") == 0 || strcmp(node->text, "..") == 0)
                return reader_fail(reader, EINVAL, "%s is not the name of a folder", READER_QUOTE(node->text));
        return 0;
}

static int read_schema_line(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_text(reader, node, into);

        if (r == 0 && strchr(node->text, '\n') != NULL)
                return reader_fail(reader, EINVAL, "must not contain a newline");
        return r;
}

static int read_bandwidth_schema(struct reader *reader, const struct json_node *node, void *into)
{
        int r = read_schema_line(reader, node, into);

        if (r == 0 && node->n > 0 && strncmp(node->text, "MB:", 3) != 0)
                return reader_fail(reader, EINVAL, "%s does not begin with \"MB:\"", READER_QUOTE(node->text));
        return r;
}

static int read_intel_rdt(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_VALUE(struct spec_linux, "closID", intel_rdt.clos_id, read_clos_id),
                RF_VALUE(struct spec_linux, "l3CacheSchema", intel_rdt.l3_cache_schema, reader_text),
                RF_VALUE(struct spec_linux, "memBwSchema", intel_rdt.mem_bw_schema, read_bandwidth_schema),
                RF_ARRAY(struct spec_linux, "schemata", intel_rdt.schemata, intel_rdt.n_schemata, read_schema_line),
                RF_VALUE(struct spec_linux, "enableMonitoring", intel_rdt.enable_monitoring, reader_bool),
        };
        struct spec_linux *linux_ = into;

        linux_->intel_rdt.is_given = true;
        return reader_object(reader, node, fields, READER_COUNT(fields), linux_);
}

static int read_propagation(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name names[] = {
                { "", 0 },
                { "private", MS_PRIVATE }, { "rprivate", MS_PRIVATE | MS_REC },
                { "slave", MS_SLAVE }, { "rslave", MS_SLAVE | MS_REC },
                { "shared", MS_SHARED }, { "rshared", MS_SHARED | MS_REC },
                { "unbindable", MS_UNBINDABLE }, { "runbindable", MS_UNBINDABLE | MS_REC },
        };
        int64_t value;
        int r = reader_one_of(reader, node, names, READER_COUNT(names),
                              "a propagation (private, slave, shared, unbindable)", &value);

        if (r == 0)
                *(unsigned long *)into = (unsigned long)value;
        return r;
}

static int read_domain(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name names[] = { { "LINUX", PER_LINUX }, { "LINUX32", PER_LINUX32 } };
        int64_t value;
        int r = reader_one_of(reader, node, names, READER_COUNT(names), "a domain (LINUX, LINUX32)", &value);

        if (r == 0)
                *(unsigned long *)into = (unsigned long)value;
        return r;
}

static int read_personality_flags(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t none;

        (void)into;
        /* "Currently no flag values are supported." */
        return reader_flags(reader, node, NULL, 0, "a flag: the runtime-spec has none", &none);
}

static int read_personality(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_REQUIRED(struct spec_linux, "domain", personality, read_domain),
                RF_WHOLE("flags", read_personality_flags),
        };
        struct spec_linux *linux_ = into;

        linux_->has_personality = true;
        return reader_object(reader, node, fields, READER_COUNT(fields), linux_);
}

static const struct reader_field fields[] = {
        RF_WHOLE("namespaces", spec_namespaces_read),
        RF_ARRAY(struct spec_linux, "uidMappings", uid_map, n_uid_map, spec_userns_read),
        RF_ARRAY(struct spec_linux, "gidMappings", gid_map, n_gid_map, spec_userns_read),
        RF_WHOLE("timeOffsets", read_time_offsets),
        RF_ARRAY(struct spec_linux, "devices", devices, n_devices, spec_devices_read),
        RF_MAP(struct spec_linux, "netDevices", net_devices, n_net_devices, spec_netdevices_read),
        RF_VALUE(struct spec_linux, "cgroupsPath", cgroups_path, reader_text),
        RF_VALUE(struct spec_linux, "resources", resources, spec_resources_read),
        RF_WHOLE("intelRdt", read_intel_rdt),
        RF_VALUE(struct spec_linux, "memoryPolicy", memory_policy, spec_mempolicy_read),
        RF_MAP(struct spec_linux, "sysctl", sysctl, n_sysctl, reader_pair),
        RF_VALUE(struct spec_linux, "seccomp", seccomp, spec_seccomp_read),
        RF_VALUE(struct spec_linux, "rootfsPropagation", rootfs_propagation, read_propagation),
        RF_ARRAY(struct spec_linux, "maskedPaths", masked_paths, n_masked_paths, reader_absolute_path),
        RF_ARRAY(struct spec_linux, "readonlyPaths", readonly_paths, n_readonly_paths, reader_absolute_path),
        RF_VALUE(struct spec_linux, "mountLabel", mount_label, reader_text),
        RF_WHOLE("personality", read_personality),
};

int spec_linux_read(struct reader *reader, const struct json_node *node, void *into)
{
        struct spec_linux *linux_ = into;
        int r = reader_object(reader, node, fields, READER_COUNT(fields), linux_);

        if (r < 0)
                return r;
        r = spec_userns_check(reader, "uidMappings", linux_->uid_map, linux_->n_uid_map);
        if (r < 0)
                return r;
        r = spec_userns_check(reader, "gidMappings", linux_->gid_map, linux_->n_gid_map);
        if (r < 0)
                return r;
        return spec_netdevices_check(reader, "netDevices", linux_->net_devices, linux_->n_net_devices);
}
