/* Laying one set of limits over another, and writing it down. Pure. */
#include "runtime/resources.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static void merge_number(struct spec_number *into, struct spec_number change)
{
        if (change.is_given)
                *into = change;
}

/* Where a zero means "leave as is". */
static void merge_limit(struct spec_number *into, struct spec_number change)
{
        if (change.is_given && change.value != 0)
                *into = change;
}

static void merge_text(const char **into, const char *change)
{
        if (!text_is_empty(change))
                *into = change;
}

/* Copies both arrays into one; a member of the second takes the place of the one that @is_same finds in the first. */
static void *merge_array(struct arena *arena, const void *base, size_t n_base, const void *change, size_t n_change, size_t size,
                         bool (*is_same)(const void *, const void *), size_t *ret_n)
{
        char *out = arena_array(arena, n_base + n_change + 1, size);
        size_t n = n_base;

        if (out == NULL)
                return NULL;
        if (n_base > 0)
                memcpy(out, base, n_base * size);
        for (size_t i = 0; i < n_change; i++) {
                const char *member = (const char *)change + i * size;
                size_t at = 0;

                while (at < n && !is_same(out + at * size, member))
                        at++;
                memcpy(out + at * size, member, size);
                n += at == n;
        }
        *ret_n = n;
        return out;
}

static bool is_same_device(const void *a, const void *b)
{
        const struct spec_block_device *x = a, *y = b;

        return x->major == y->major && x->minor == y->minor;
}

static bool is_same_rate(const void *a, const void *b)
{
        const struct spec_block_rate *x = a, *y = b;

        return x->major == y->major && x->minor == y->minor;
}

static bool is_same_page_size(const void *a, const void *b)
{
        return strcmp(((const struct spec_huge_limit *)a)->page_size, ((const struct spec_huge_limit *)b)->page_size) == 0;
}

static bool is_same_interface(const void *a, const void *b)
{
        return strcmp(((const struct spec_name_priority *)a)->name, ((const struct spec_name_priority *)b)->name) == 0;
}

static bool is_same_rdma(const void *a, const void *b)
{
        return strcmp(((const struct spec_rdma *)a)->device, ((const struct spec_rdma *)b)->device) == 0;
}

static bool is_same_key(const void *a, const void *b)
{
        return strcmp(((const struct spec_pair *)a)->key, ((const struct spec_pair *)b)->key) == 0;
}

#define MERGE(array, count, is_same) \
        do { \
                out.array = merge_array(arena, base->array, base->count, change->array, change->count, sizeof *out.array, \
                                        is_same, &out.count); \
                if (out.array == NULL) \
                        return error_errno(err, ENOMEM, "linux.resources"); \
        } while (0)

int resources_merge(const struct spec_resources *base, const struct spec_resources *change, struct arena *arena,
                    struct spec_resources *ret_merged, struct error *err)
{
        struct spec_resources out = *base;

        merge_limit(&out.memory.limit, change->memory.limit);
        merge_limit(&out.memory.reservation, change->memory.reservation);
        merge_limit(&out.memory.swap, change->memory.swap);
        merge_limit(&out.memory.kernel, change->memory.kernel);
        merge_limit(&out.memory.kernel_tcp, change->memory.kernel_tcp);
        merge_number(&out.memory.swappiness, change->memory.swappiness);
        merge_number(&out.memory.disable_oom_killer, change->memory.disable_oom_killer);
        merge_number(&out.memory.use_hierarchy, change->memory.use_hierarchy);
        merge_number(&out.memory.check_before_update, change->memory.check_before_update);
        merge_limit(&out.cpu.shares, change->cpu.shares);
        merge_limit(&out.cpu.quota_us, change->cpu.quota_us);
        merge_limit(&out.cpu.period_us, change->cpu.period_us);
        merge_number(&out.cpu.burst_us, change->cpu.burst_us);
        merge_limit(&out.cpu.rt_runtime_us, change->cpu.rt_runtime_us);
        merge_limit(&out.cpu.rt_period_us, change->cpu.rt_period_us);
        merge_number(&out.cpu.idle, change->cpu.idle);
        merge_text(&out.cpu.cpus, change->cpu.cpus);
        merge_text(&out.cpu.mems, change->cpu.mems);
        merge_limit(&out.pids_limit, change->pids_limit);
        merge_limit(&out.block.weight, change->block.weight);
        merge_limit(&out.block.leaf_weight, change->block.leaf_weight);
        merge_limit(&out.network.class_id, change->network.class_id);
        MERGE(block.devices, block.n_devices, is_same_device);
        MERGE(block.read_bps, block.n_read_bps, is_same_rate);
        MERGE(block.write_bps, block.n_write_bps, is_same_rate);
        MERGE(block.read_iops, block.n_read_iops, is_same_rate);
        MERGE(block.write_iops, block.n_write_iops, is_same_rate);
        MERGE(huge, n_huge, is_same_page_size);
        MERGE(network.priorities, network.n_priorities, is_same_interface);
        MERGE(rdma, n_rdma, is_same_rdma);
        MERGE(unified, n_unified, is_same_key);
        *ret_merged = out;
        return 0;
}

/* ---- JSON ---- */

static void add_number(struct text_buffer *buffer, const char *key, struct spec_number number)
{
        if (!number.is_given)
                return;
        text_add_key(buffer, key);
        text_addf(buffer, "%lld", (long long)number.value);
}

static void add_switch(struct text_buffer *buffer, const char *key, struct spec_number number)
{
        if (!number.is_given)
                return;
        text_add_flag(buffer, key, number.value != 0);
}

static void add_string(struct text_buffer *buffer, const char *key, const char *value)
{
        if (text_is_empty(value))
                return;
        text_add_key(buffer, key);
        text_add_json(buffer, value);
}

static void add_rates(struct text_buffer *buffer, const char *key, const struct spec_block_rate *rates, size_t n)
{
        if (n == 0)
                return;
        text_add_list(buffer, key);
        for (size_t i = 0; i < n; i++) {
                text_add_key(buffer, NULL);
                text_addf(buffer, "{\"major\":%lld,\"minor\":%lld,\"rate\":%llu}", (long long)rates[i].major,
                          (long long)rates[i].minor, (unsigned long long)rates[i].rate);
        }
        text_add(buffer, "]");
}

static void add_block(struct text_buffer *buffer, const struct spec_resources *r)
{
        text_add_object(buffer, "blockIO");
        add_number(buffer, "weight", r->block.weight);
        add_number(buffer, "leafWeight", r->block.leaf_weight);
        if (r->block.n_devices > 0) {
                text_add_list(buffer, "weightDevice");
                for (size_t i = 0; i < r->block.n_devices; i++) {
                        const struct spec_block_device *device = &r->block.devices[i];

                        text_add_key(buffer, NULL);
                        text_addf(buffer, "{\"major\":%lld,\"minor\":%lld", (long long)device->major, (long long)device->minor);
                        if (device->has_weight)
                                text_addf(buffer, ",\"weight\":%u", device->weight);
                        if (device->has_leaf_weight)
                                text_addf(buffer, ",\"leafWeight\":%u", device->leaf_weight);
                        text_add(buffer, "}");
                }
                text_add(buffer, "]");
        }
        add_rates(buffer, "throttleReadBpsDevice", r->block.read_bps, r->block.n_read_bps);
        add_rates(buffer, "throttleWriteBpsDevice", r->block.write_bps, r->block.n_write_bps);
        add_rates(buffer, "throttleReadIOPSDevice", r->block.read_iops, r->block.n_read_iops);
        add_rates(buffer, "throttleWriteIOPSDevice", r->block.write_iops, r->block.n_write_iops);
        text_add(buffer, "}");
}

static void add_rdma(struct text_buffer *buffer, const struct spec_resources *r)
{
        text_add_object(buffer, "rdma");
        for (size_t i = 0; i < r->n_rdma; i++) {
                text_add_object(buffer, r->rdma[i].device);
                if (r->rdma[i].has_handles) {
                        text_add_key(buffer, "hcaHandles");
                        text_addf(buffer, "%u", r->rdma[i].handles);
                }
                if (r->rdma[i].has_objects) {
                        text_add_key(buffer, "hcaObjects");
                        text_addf(buffer, "%u", r->rdma[i].objects);
                }
                text_add(buffer, "}");
        }
        text_add(buffer, "}");
}

void resources_to_json(const struct spec_resources *r, struct text_buffer *buffer)
{
        text_add(buffer, "{");
        text_add_object(buffer, "memory");
        add_number(buffer, "limit", r->memory.limit);
        add_number(buffer, "reservation", r->memory.reservation);
        add_number(buffer, "swap", r->memory.swap);
        add_number(buffer, "kernel", r->memory.kernel);
        add_number(buffer, "kernelTCP", r->memory.kernel_tcp);
        if (r->memory.swappiness.value != -1)
                add_number(buffer, "swappiness", r->memory.swappiness);
        add_switch(buffer, "disableOOMKiller", r->memory.disable_oom_killer);
        add_switch(buffer, "useHierarchy", r->memory.use_hierarchy);
        add_switch(buffer, "checkBeforeUpdate", r->memory.check_before_update);
        text_add(buffer, "}");
        text_add_object(buffer, "cpu");
        add_number(buffer, "shares", r->cpu.shares);
        add_number(buffer, "quota", r->cpu.quota_us);
        add_number(buffer, "period", r->cpu.period_us);
        add_number(buffer, "burst", r->cpu.burst_us);
        add_number(buffer, "realtimeRuntime", r->cpu.rt_runtime_us);
        add_number(buffer, "realtimePeriod", r->cpu.rt_period_us);
        add_number(buffer, "idle", r->cpu.idle);
        add_string(buffer, "cpus", r->cpu.cpus);
        add_string(buffer, "mems", r->cpu.mems);
        text_add(buffer, "}");
        if (r->pids_limit.is_given) {
                text_add_object(buffer, "pids");
                add_number(buffer, "limit", r->pids_limit);
                text_add(buffer, "}");
        }
        add_block(buffer, r);
        if (r->n_huge > 0) {
                text_add_list(buffer, "hugepageLimits");
                for (size_t i = 0; i < r->n_huge; i++) {
                        text_add_object(buffer, NULL);
                        add_string(buffer, "pageSize", r->huge[i].page_size);
                        text_add_key(buffer, "limit");
                        text_addf(buffer, "%llu}", (unsigned long long)r->huge[i].limit_bytes);
                }
                text_add(buffer, "]");
        }
        text_add_object(buffer, "network");
        add_number(buffer, "classID", r->network.class_id);
        if (r->network.n_priorities > 0) {
                text_add_list(buffer, "priorities");
                for (size_t i = 0; i < r->network.n_priorities; i++) {
                        text_add_object(buffer, NULL);
                        add_string(buffer, "name", r->network.priorities[i].name);
                        text_add_key(buffer, "priority");
                        text_addf(buffer, "%u}", r->network.priorities[i].priority);
                }
                text_add(buffer, "]");
        }
        text_add(buffer, "}");
        if (r->n_rdma > 0)
                add_rdma(buffer, r);
        if (r->n_unified > 0) {
                text_add_object(buffer, "unified");
                for (size_t i = 0; i < r->n_unified; i++) {
                        text_add_key(buffer, r->unified[i].key);
                        text_add_json(buffer, r->unified[i].value);
                }
                text_add(buffer, "}");
        }
        text_add(buffer, "}\n");
}

/* ---- sizes ---- */

int resources_parse_size(const char *text, int64_t *ret_bytes)
{
        static const char units[] = "kmgtp";
        unsigned __int128 bytes = 0, part = 0, scale = 1;
        const char *p = text, *unit;
        unsigned shift = 0;
        bool has_digits = false;

        for (; *p >= '0' && *p <= '9'; p++, has_digits = true) {
                bytes = bytes * 10 + (unsigned)(*p - '0');
                if (bytes > INT64_MAX)
                        return -EINVAL;
        }
        if (*p == '.' && has_digits) {
                for (p++; *p >= '0' && *p <= '9'; p++) {
                        /* Nine digits are more than any unit can tell. */
                        if (scale < 1000000000) {
                                part = part * 10 + (unsigned)(*p - '0');
                                scale *= 10;
                        }
                }
                if (p[-1] == '.')
                        return -EINVAL;
        }
        if (!has_digits)
                return -EINVAL;
        if (*p == ' ')
                p++;
        unit = *p == '\0' ? NULL : strchr(units, *p | 0x20);
        if (unit != NULL) {
                shift = 10 * (unsigned)(unit - units + 1);
                p++;
                if (*p == 'i' || *p == 'I') {
                        p++;
                        if (*p != 'b' && *p != 'B')
                                return -EINVAL;
                }
        }
        if (*p == 'b' || *p == 'B')
                p++;
        if (*p != '\0')
                return -EINVAL;
        bytes = (bytes << shift) + (part << shift) / scale;
        if (bytes > INT64_MAX)
                return -EINVAL;
        *ret_bytes = (int64_t)bytes;
        return 0;
}
