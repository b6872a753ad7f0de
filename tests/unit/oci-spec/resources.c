#include "tests/unit/oci-spec/check.h"

static const struct spec_resources *good(const char *members)
{
        static struct spec_resources resources;
        char text[4096];

        snprintf(text, sizeof text, "{%s}", members);
        memset(&check_error, 0, sizeof check_error);
        cr_assert_eq(spec_read_resources(&check_arena, text, strlen(text), "resources", &resources, &check_error), 0,
                     "%s: %s", text, check_error.text);
        return &resources;
}

#define assert_refused(members, sentence) \
        assert_bad("\"linux\": {\"resources\": {" members "}}", "linux.resources." sentence)
#define assert_number(number, is) cr_assert((number).is_given && (number).value == (is))

Test(resources, nothing_is_required)
{
        const struct spec_resources *resources = good("");

        cr_assert_not(resources->memory.limit.is_given);
        cr_assert_not(resources->pids_limit.is_given);
        cr_assert_eq(resources->n_devices, 0);
        good("\"memory\": {}, \"cpu\": {}, \"pids\": {}, \"blockIO\": {}, \"network\": {}, \"unified\": {}, \"rdma\": {}");
        good("\"memory\": null, \"cpu\": null, \"devices\": null, \"unified\": null");
}

Test(resources, memory)
{
        const struct spec_resources *resources =
                good("\"memory\": {\"limit\": 9223372036854775807, \"reservation\": 1, \"swap\": -1, \"kernel\": 2,"
                     "\"kernelTCP\": 3, \"swappiness\": 0, \"disableOOMKiller\": true, \"useHierarchy\": false,"
                     "\"checkBeforeUpdate\": true}");

        assert_number(resources->memory.limit, INT64_MAX);
        assert_number(resources->memory.reservation, 1);
        assert_number(resources->memory.swap, -1);
        assert_number(resources->memory.kernel, 2);
        assert_number(resources->memory.kernel_tcp, 3);
        assert_number(resources->memory.swappiness, 0);
        assert_number(resources->memory.disable_oom_killer, 1);
        assert_number(resources->memory.use_hierarchy, 0);
        assert_number(resources->memory.check_before_update, 1);
        assert_refused("\"memory\": {\"limit\": -2}",
                       "memory.limit: -2 is out of range (-1 to 9223372036854775807)");
        assert_refused("\"memory\": {\"limit\": 9223372036854775808}",
                       "memory.limit: 9223372036854775808 is out of range (-1 to 9223372036854775807)");
        assert_refused("\"memory\": {\"limit\": \"1g\"}", "memory.limit: expected a number, found a string");
        assert_refused("\"memory\": {\"swappiness\": 101}", "memory.swappiness: 101 is out of range (0 to 100)");
        cr_assert_not(good("\"memory\": {\"swappiness\": 18446744073709551615}")->memory.swappiness.is_given);
        assert_refused("\"memory\": {\"disableOOMKiller\": 1}",
                       "memory.disableOOMKiller: expected a boolean, found a number");
}

Test(resources, zeros_of_engines_that_mean_nothing_count_as_absent)
{
        const struct spec_resources *resources =
                good("\"memory\": {\"limit\": 0, \"reservation\": 0, \"swap\": 0}, \"cpu\": {\"shares\": 0, \"quota\": 0,"
                     "\"period\": 0, \"cpus\": \"\", \"mems\": \"\"}, \"blockIO\": {\"weight\": 0}");

        cr_assert_not(resources->memory.limit.is_given);
        cr_assert_not(resources->memory.swap.is_given);
        cr_assert_not(resources->cpu.shares.is_given);
        cr_assert_not(resources->cpu.quota_us.is_given);
        cr_assert_not(resources->cpu.period_us.is_given);
        cr_assert_null(resources->cpu.cpus);
        cr_assert_not(resources->block.weight.is_given);
}

Test(resources, processors)
{
        const struct spec_resources *resources =
                good("\"cpu\": {\"shares\": 1024, \"quota\": -1, \"period\": 100000, \"burst\": 0, \"realtimeRuntime\": 950000,"
                     "\"realtimePeriod\": 1000000, \"cpus\": \"0-1\", \"mems\": \"0\", \"idle\": 1}");

        assert_number(resources->cpu.shares, 1024);
        assert_number(resources->cpu.quota_us, -1);
        assert_number(resources->cpu.period_us, 100000);
        assert_number(resources->cpu.burst_us, 0);
        assert_number(resources->cpu.rt_runtime_us, 950000);
        assert_number(resources->cpu.rt_period_us, 1000000);
        assert_number(resources->cpu.idle, 1);
        cr_assert_str_eq(resources->cpu.cpus, "0-1");
        cr_assert_str_eq(resources->cpu.mems, "0");
        assert_refused("\"cpu\": {\"shares\": -1}", "cpu.shares: -1 is out of range (0 to 9223372036854775807)");
        assert_refused("\"cpu\": {\"idle\": 2}", "cpu.idle: 2 is out of range (0 to 1)");
        assert_refused("\"cpu\": {\"cpus\": 0}", "cpu.cpus: expected a string, found a number");
        assert_refused("\"cpu\": {\"period\": 0.5}",
                       "cpu.period: expected a whole number without fraction or exponent, found 0.5");
}

Test(resources, processes)
{
        assert_number(good("\"pids\": {\"limit\": 0}")->pids_limit, 0);
        assert_number(good("\"pids\": {\"limit\": -1}")->pids_limit, -1);
        assert_number(good("\"pids\": {\"limit\": -5}")->pids_limit, -1);
        assert_number(good("\"pids\": {\"limit\": 2048}")->pids_limit, 2048);
        assert_refused("\"pids\": {\"limit\": []}", "pids.limit: expected a number, found an array");
        assert_refused("\"pids\": 5", "pids: expected an object, found a number");
}

Test(resources, device_rules)
{
        const struct spec_resources *resources =
                good("\"devices\": [{\"allow\": false, \"access\": \"rwm\"}, {\"allow\": true, \"type\": \"c\", \"major\": 1,"
                     "\"minor\": 3, \"access\": \"r\"}, {\"allow\": true, \"type\": \"b\", \"major\": -1, \"minor\": 4,"
                     "\"access\": \"wm\"}, {\"allow\": true, \"type\": \"a\"}]");
        const struct spec_device_rule *rules = resources->devices;

        cr_assert_eq(resources->n_devices, 4);
        cr_assert(!rules[0].is_allow && rules[0].type == 'a' && rules[0].major == -1 && rules[0].minor == -1 &&
                  rules[0].access == 7);
        cr_assert(rules[1].is_allow && rules[1].type == 'c' && rules[1].major == 1 && rules[1].minor == 3 &&
                  rules[1].access == 2);
        cr_assert(rules[2].type == 'b' && rules[2].major == -1 && rules[2].minor == 4 && rules[2].access == 5);
        cr_assert(rules[3].type == 'a' && rules[3].access == 7);
        assert_refused("\"devices\": [{}]", "devices[0].allow: is required and missing");
        assert_refused("\"devices\": [{\"allow\": 0}]", "devices[0].allow: expected a boolean, found a number");
        assert_refused("\"devices\": [{\"allow\": true, \"type\": \"d\"}]",
                       "devices[0].type: \"d\" is not a type of device rule (a, b or c)");
        assert_refused("\"devices\": [{\"allow\": true, \"access\": \"rwx\"}]",
                       "devices[0].access: \"rwx\": letters other than r, w and m");
        assert_refused("\"devices\": [{\"allow\": true, \"major\": -2}]",
                       "devices[0].major: -2 is out of range (-1 to 4095)");
        assert_refused("\"devices\": [{\"allow\": true, \"minor\": 1048576}]",
                       "devices[0].minor: 1048576 is out of range (-1 to 1048575)");
}

Test(resources, block_devices)
{
        const struct spec_resources *resources =
                good("\"blockIO\": {\"weight\": 10, \"leafWeight\": 1000, \"weightDevice\": [{\"major\": 8, \"minor\": 0,"
                     "\"weight\": 500}, {\"major\": 8, \"minor\": 16, \"leafWeight\": 300}],"
                     "\"throttleReadBpsDevice\": [{\"major\": 8, \"minor\": 0, \"rate\": 18446744073709551615}],"
                     "\"throttleWriteBpsDevice\": [{\"major\": 8, \"minor\": 0, \"rate\": 2}],"
                     "\"throttleReadIOPSDevice\": [{\"major\": 8, \"minor\": 0, \"rate\": 3}],"
                     "\"throttleWriteIOPSDevice\": [{\"major\": 8, \"minor\": 0, \"rate\": 4}]}");

        assert_number(resources->block.weight, 10);
        assert_number(resources->block.leaf_weight, 1000);
        cr_assert_eq(resources->block.n_devices, 2);
        cr_assert(resources->block.devices[0].has_weight && !resources->block.devices[0].has_leaf_weight);
        cr_assert_eq(resources->block.devices[1].leaf_weight, 300);
        cr_assert_eq(resources->block.read_bps[0].rate, UINT64_MAX);
        cr_assert_eq(resources->block.write_bps[0].rate, 2);
        cr_assert_eq(resources->block.read_iops[0].rate, 3);
        cr_assert_eq(resources->block.write_iops[0].rate, 4);
        assert_refused("\"blockIO\": {\"weight\": 9}", "blockIO.weight: 9 is out of range (10 to 1000)");
        assert_refused("\"blockIO\": {\"weight\": 65536}", "blockIO.weight: 65536 is out of range (0 to 1000)");
        assert_refused("\"blockIO\": {\"weightDevice\": [{\"major\": 8, \"minor\": 0}]}",
                       "blockIO.weightDevice[0]: neither weight nor leafWeight is given");
        assert_refused("\"blockIO\": {\"throttleReadBpsDevice\": [{\"major\": 8, \"minor\": 0}]}",
                       "blockIO.throttleReadBpsDevice[0].rate: is required and missing");
}

Test(resources, the_rest)
{
        const struct spec_resources *resources =
                good("\"hugepageLimits\": [{\"pageSize\": \"2MB\", \"limit\": 18446744073709551615}], \"network\": {\"classID\":"
                     "1048577, \"priorities\": [{\"name\": \"eth0\", \"priority\": 500}]}, \"rdma\": {\"mlx5_1\":"
                     "{\"hcaHandles\": 3, \"hcaObjects\": 4294967295}, \"mlx4_0\": {\"hcaObjects\": 1}}, \"unified\":"
                     "{\"memory.high\": \"1\", \"io.max\": \"8:0 rbps=1\"}");

        cr_assert_str_eq(resources->huge[0].page_size, "2MB");
        cr_assert_eq(resources->huge[0].limit_bytes, UINT64_MAX);
        assert_number(resources->network.class_id, 1048577);
        cr_assert_str_eq(resources->network.priorities[0].name, "eth0");
        cr_assert_eq(resources->network.priorities[0].priority, 500);
        cr_assert_eq(resources->n_rdma, 2);
        cr_assert_str_eq(resources->rdma[0].device, "mlx5_1");
        cr_assert_eq(resources->rdma[0].objects, UINT32_MAX);
        cr_assert_not(resources->rdma[1].has_handles);
        cr_assert_eq(resources->n_unified, 2);
        cr_assert_str_eq(resources->unified[1].key, "io.max");
        cr_assert_str_eq(resources->unified[1].value, "8:0 rbps=1");
        assert_refused("\"hugepageLimits\": [{\"pageSize\": \"2M\", \"limit\": 1}]",
                       "hugepageLimits[0].pageSize: \"2M\" is not a page size such as \"2MB\" or \"1GB\"");
        assert_refused("\"hugepageLimits\": [{\"pageSize\": \"../x\", \"limit\": 1}]",
                       "hugepageLimits[0].pageSize: \"../x\" is not a page size such as \"2MB\" or \"1GB\"");
        assert_refused("\"network\": {\"classID\": 4294967296}",
                       "network.classID: 4294967296 is out of range (0 to 4294967295)");
        assert_refused("\"rdma\": {\"mlx5_1\": {}}", "rdma[\"mlx5_1\"]: neither hcaHandles nor hcaObjects is given");
        assert_refused("\"unified\": {\"../cgroup.procs\": \"1\"}",
                       "unified[\"../cgroup.procs\"]: the key is not of the form \"controller.parameter\"");
        assert_refused("\"unified\": {\"memory\": \"1\"}",
                       "unified[\"memory\"]: the key is not of the form \"controller.parameter\"");
        assert_refused("\"unified\": {\"memory.max\": 1}", "unified[\"memory.max\"]: expected a string, found a number");
}

Test(resources, of_update_are_read_alone)
{
        struct spec_resources resources;

        cr_assert_eq(spec_read_resources(&check_arena, "[]", 2, "stdin", &resources, &check_error), -EINVAL);
        cr_assert_str_eq(check_error.text, "stdin: expected an object, found an array");
}
