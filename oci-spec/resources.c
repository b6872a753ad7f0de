/* config-linux.md, "Control groups", for create and for update.
 *
 * Where engines write 0 for "not set" (docker's update sends every number of its own request, zeros included) and
 * runc takes it so, a 0 counts as absent here too: memory sizes, shares, quotas, periods and weights. 0 stays a value
 * for pids.limit, swappiness, burst, idle and the switches. */
#include "oci-spec/rooms.h"

#include <errno.h>
#include <string.h>

static int give(struct spec_number *number, int64_t value)
{
        *number = (struct spec_number){ .is_given = true, .value = value };
        return 0;
}

/* Bytes, or -1 for unlimited. */
static int read_size(struct reader *reader, const struct json_node *node, void *into)
{
        int64_t value;
        int r = reader_signed(reader, node, -1, INT64_MAX, &value);

        return r < 0 || value == 0 ? r : give(into, value);
}

static int read_positive(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t value;
        int r = reader_unsigned(reader, node, INT64_MAX, &value);

        return r < 0 || value == 0 ? r : give(into, (int64_t)value);
}

static int read_count(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t value;
        int r = reader_unsigned(reader, node, INT64_MAX, &value);

        return r < 0 ? r : give(into, (int64_t)value);
}

static int read_u32_number(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t value;
        int r = reader_unsigned(reader, node, UINT32_MAX, &value);

        return r < 0 || value == 0 ? r : give(into, (int64_t)value);
}

static int read_switch(struct reader *reader, const struct json_node *node, void *into)
{
        bool value;
        int r = reader_bool(reader, node, &value);

        return r < 0 ? r : give(into, value);
}

static int read_swappiness(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t value;
        int r = reader_expect(reader, node, JSON_NUMBER);

        if (r < 0)
                return r;
        /* docker's -1, "leave it", as an unsigned number and as it is. */
        if (strcmp(node->text, "18446744073709551615") == 0 || strcmp(node->text, "-1") == 0)
                return 0;
        r = reader_unsigned(reader, node, 100, &value);
        return r < 0 ? r : give(into, (int64_t)value);
}

/* cpu.cfs_quota_us and cpu.rt_runtime_us: negative ones mean no limit. */
static int read_quota(struct reader *reader, const struct json_node *node, void *into)
{
        int64_t value;
        int r = reader_signed(reader, node, INT64_MIN, INT64_MAX, &value);

        return r < 0 || value == 0 ? r : give(into, value < 0 ? -1 : value);
}

static int read_idle(struct reader *reader, const struct json_node *node, void *into)
{
        int64_t value;
        int r = reader_signed(reader, node, 0, 1, &value);

        return r < 0 ? r : give(into, value);
}

/* cgroup v1's blkio.weight. */
static int check_weight(struct reader *reader, const struct json_node *node, uint16_t *ret_weight)
{
        uint64_t value;
        int r = reader_unsigned(reader, node, 1000, &value);

        if (r < 0)
                return r;
        if (value > 0 && value < 10)
                return reader_fail(reader, EINVAL, "%llu is out of range (10 to 1000)", (unsigned long long)value);
        *ret_weight = (uint16_t)value;
        return 0;
}

static int read_weight(struct reader *reader, const struct json_node *node, void *into)
{
        uint16_t value = 0;
        int r = check_weight(reader, node, &value);

        return r < 0 || value == 0 ? r : give(into, value);
}

static int read_device_weight(struct reader *reader, const struct json_node *node, void *into)
{
        struct spec_block_device *device = into;
        int r = check_weight(reader, node, &device->weight);

        device->has_weight = device->weight != 0;
        return r;
}

static int read_device_leaf_weight(struct reader *reader, const struct json_node *node, void *into)
{
        struct spec_block_device *device = into;
        int r = check_weight(reader, node, &device->leaf_weight);

        device->has_leaf_weight = device->leaf_weight != 0;
        return r;
}

static int read_major(struct reader *reader, const struct json_node *node, void *into)
{
        return reader_signed(reader, node, 0, SPEC_MAJOR_HIGHEST, into);
}

static int read_minor(struct reader *reader, const struct json_node *node, void *into)
{
        return reader_signed(reader, node, 0, SPEC_MINOR_HIGHEST, into);
}

static int read_block_device(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_REQUIRED(struct spec_block_device, "major", major, read_major),
                RF_REQUIRED(struct spec_block_device, "minor", minor, read_minor),
                RF_WHOLE("weight", read_device_weight),
                RF_WHOLE("leafWeight", read_device_leaf_weight),
        };
        struct spec_block_device *device = into;
        int r = reader_object(reader, node, fields, READER_COUNT(fields), device);

        if (r < 0)
                return r;
        /* "You MUST specify at least one of weight or leafWeight". */
        if (!device->has_weight && !device->has_leaf_weight)
                return reader_fail(reader, EINVAL, "neither weight nor leafWeight is given");
        return 0;
}

static int read_block_rate(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_REQUIRED(struct spec_block_rate, "major", major, read_major),
                RF_REQUIRED(struct spec_block_rate, "minor", minor, read_minor),
                RF_REQUIRED(struct spec_block_rate, "rate", rate, reader_u64),
        };

        return reader_object(reader, node, fields, READER_COUNT(fields), into);
}

#define NUMBER(property, member, function) RF_VALUE(struct spec_resources, property, member, function)

static int read_memory(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                NUMBER("limit", memory.limit, read_size),
                NUMBER("reservation", memory.reservation, read_size),
                NUMBER("swap", memory.swap, read_size),
                NUMBER("kernel", memory.kernel, read_size),
                NUMBER("kernelTCP", memory.kernel_tcp, read_size),
                NUMBER("swappiness", memory.swappiness, read_swappiness),
                NUMBER("disableOOMKiller", memory.disable_oom_killer, read_switch),
                NUMBER("useHierarchy", memory.use_hierarchy, read_switch),
                NUMBER("checkBeforeUpdate", memory.check_before_update, read_switch),
        };

        return reader_object(reader, node, fields, READER_COUNT(fields), into);
}

static int read_cpu(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                NUMBER("shares", cpu.shares, read_positive),
                NUMBER("quota", cpu.quota_us, read_quota),
                NUMBER("period", cpu.period_us, read_positive),
                NUMBER("burst", cpu.burst_us, read_count),
                NUMBER("realtimeRuntime", cpu.rt_runtime_us, read_quota),
                NUMBER("realtimePeriod", cpu.rt_period_us, read_positive),
                NUMBER("idle", cpu.idle, read_idle),
                NUMBER("cpus", cpu.cpus, reader_text),
                NUMBER("mems", cpu.mems, reader_text),
        };

        return reader_object(reader, node, fields, READER_COUNT(fields), into);
}

static int read_pids_limit(struct reader *reader, const struct json_node *node, void *into)
{
        int64_t value;
        int r = reader_signed(reader, node, INT64_MIN, INT64_MAX, &value);

        return r < 0 ? r : give(into, value < 0 ? -1 : value);
}

static int read_pids(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                NUMBER("limit", pids_limit, read_pids_limit),
        };

        return reader_object(reader, node, fields, READER_COUNT(fields), into);
}

static int read_block(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                NUMBER("weight", block.weight, read_weight),
                NUMBER("leafWeight", block.leaf_weight, read_weight),
                RF_ARRAY(struct spec_resources, "weightDevice", block.devices, block.n_devices, read_block_device),
                RF_ARRAY(struct spec_resources, "throttleReadBpsDevice", block.read_bps, block.n_read_bps,
                         read_block_rate),
                RF_ARRAY(struct spec_resources, "throttleWriteBpsDevice", block.write_bps, block.n_write_bps,
                         read_block_rate),
                RF_ARRAY(struct spec_resources, "throttleReadIOPSDevice", block.read_iops, block.n_read_iops,
                         read_block_rate),
                RF_ARRAY(struct spec_resources, "throttleWriteIOPSDevice", block.write_iops, block.n_write_iops,
                         read_block_rate),
        };

        return reader_object(reader, node, fields, READER_COUNT(fields), into);
}

/* "<size><unit-prefix>B", part of a file name of the cgroup: hugetlb.2MB.limit_in_bytes. */
static int read_page_size(struct reader *reader, const struct json_node *node, void *into)
{
        const char *unit;
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        unit = node->text + strspn(node->text, "0123456789");
        if (node->text[0] < '1' || node->text[0] > '9' ||
            (strcmp(unit, "KB") != 0 && strcmp(unit, "MB") != 0 && strcmp(unit, "GB") != 0))
                return reader_fail(reader, EINVAL, "%s is not a page size such as \"2MB\" or \"1GB\"",
                                   READER_QUOTE(node->text));
        *(const char **)into = node->text;
        return 0;
}

static int read_huge_limit(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_REQUIRED(struct spec_huge_limit, "pageSize", page_size, read_page_size),
                RF_REQUIRED(struct spec_huge_limit, "limit", limit_bytes, reader_u64),
        };

        return reader_object(reader, node, fields, READER_COUNT(fields), into);
}

static int read_priority(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_REQUIRED(struct spec_name_priority, "name", name, reader_string),
                RF_REQUIRED(struct spec_name_priority, "priority", priority, reader_u32),
        };

        return reader_object(reader, node, fields, READER_COUNT(fields), into);
}

static int read_network(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                NUMBER("classID", network.class_id, read_u32_number),
                RF_ARRAY(struct spec_resources, "priorities", network.priorities, network.n_priorities,
                         read_priority),
        };

        return reader_object(reader, node, fields, READER_COUNT(fields), into);
}

static int read_rdma(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_CLAIMED(struct spec_rdma, "hcaHandles", handles, has_handles, reader_u32),
                RF_CLAIMED(struct spec_rdma, "hcaObjects", objects, has_objects, reader_u32),
        };
        struct spec_rdma *rdma = into;
        int r = reader_object(reader, node, fields, READER_COUNT(fields), rdma);

        if (r < 0)
                return r;
        rdma->device = node->key;
        /* "You MUST specify at least one of the hcaHandles or hcaObjects". */
        if (!rdma->has_handles && !rdma->has_objects)
                return reader_fail(reader, EINVAL, "neither hcaHandles nor hcaObjects is given");
        return 0;
}

/* The key is a file of the cgroup's folder, and must not name one elsewhere. */
static int read_unified(struct reader *reader, const struct json_node *node, void *into)
{
        const char *dot = strchr(node->key, '.');

        if (strchr(node->key, '/') != NULL || dot == NULL || dot == node->key || dot[1] == '\0')
                return reader_fail(reader, EINVAL, "the key is not of the form \"controller.parameter\"");
        return reader_pair(reader, node, into);
}

static const struct reader_field fields[] = {
        RF_ARRAY(struct spec_resources, "devices", devices, n_devices, spec_devices_read_rule),
        RF_WHOLE("memory", read_memory),
        RF_WHOLE("cpu", read_cpu),
        RF_WHOLE("pids", read_pids),
        RF_WHOLE("blockIO", read_block),
        RF_ARRAY(struct spec_resources, "hugepageLimits", huge, n_huge, read_huge_limit),
        RF_WHOLE("network", read_network),
        RF_MAP(struct spec_resources, "rdma", rdma, n_rdma, read_rdma),
        RF_MAP(struct spec_resources, "unified", unified, n_unified, read_unified),
};

int spec_resources_read(struct reader *reader, const struct json_node *node, void *into)
{
        return reader_object(reader, node, fields, READER_COUNT(fields), into);
}
