/* Laying limits over one another, and what update writes down. */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "runtime/resources.h"

static struct spec_resources read_text(struct arena *arena, const char *text)
{
        struct spec_resources out = { 0 };
        struct error err = { 0 };

        cr_assert_eq(spec_read_resources(arena, text, strlen(text), "test", &out, &err), 0, "%s", err.text);
        return out;
}

static void merges_to(const char *base, const char *change, const char *wanted)
{
        struct arena arena = { 0 };
        struct spec_resources a = read_text(&arena, base), b = read_text(&arena, change), merged;
        struct text_buffer buffer = { 0 };

        cr_assert_eq(resources_merge(&a, &b, &arena, &merged, NULL), 0);
        resources_to_json(&merged, &buffer);
        cr_assert_str_eq(buffer.text, wanted);
        text_buffer_free(&buffer);
        arena_free(&arena);
}

Test(resources, zeros_of_docker_leave_everything_as_it_is)
{
        merges_to("{\"memory\":{\"limit\":100,\"swap\":200},\"cpu\":{\"shares\":5},\"pids\":{\"limit\":7}}",
                  "{\"memory\":{\"limit\":0,\"reservation\":0,\"swap\":0,\"kernel\":0},"
                  "\"cpu\":{\"shares\":0,\"quota\":0,\"period\":0},\"pids\":{\"limit\":0},\"blockIO\":{\"weight\":0}}",
                  "{\"memory\":{\"limit\":100,\"swap\":200},\"cpu\":{\"shares\":5},\"pids\":{\"limit\":7},\"blockIO\":{},"
                  "\"network\":{}}\n");
}

Test(resources, what_is_given_takes_the_place_of_what_was)
{
        merges_to("{\"memory\":{\"limit\":100},\"cpu\":{\"cpus\":\"0-1\",\"idle\":1},\"pids\":{\"limit\":7}}",
                  "{\"memory\":{\"limit\":-1},\"cpu\":{\"cpus\":\"1\",\"mems\":\"0\",\"idle\":0},\"pids\":{\"limit\":-1}}",
                  "{\"memory\":{\"limit\":-1},\"cpu\":{\"idle\":0,\"cpus\":\"1\",\"mems\":\"0\"},\"pids\":{\"limit\":-1},"
                  "\"blockIO\":{},\"network\":{}}\n");
}

Test(resources, lists_are_merged_by_their_key)
{
        merges_to("{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":1},{\"major\":8,\"minor\":16,"
                  "\"rate\":2}]},\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":1}],\"unified\":{\"memory.high\":\"1\"},"
                  "\"rdma\":{\"mlx\":{\"hcaHandles\":3}},\"network\":{\"priorities\":[{\"name\":\"lo\",\"priority\":1}]}}",
                  "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":16,\"rate\":5}]},"
                  "\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":9},{\"pageSize\":\"1GB\",\"limit\":4}],"
                  "\"unified\":{\"memory.high\":\"2\",\"io.max\":\"8:0 rbps=1\"}}",
                  "{\"memory\":{},\"cpu\":{},\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":1},"
                  "{\"major\":8,\"minor\":16,\"rate\":5}]},\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":9},"
                  "{\"pageSize\":\"1GB\",\"limit\":4}],\"network\":{\"priorities\":[{\"name\":\"lo\",\"priority\":1}]},"
                  "\"rdma\":{\"mlx\":{\"hcaHandles\":3}},\"unified\":{\"memory.high\":\"2\",\"io.max\":\"8:0 rbps=1\"}}\n");
}

Test(resources, what_was_written_reads_back_the_same)
{
        static const char everything[] =
                "{\"memory\":{\"limit\":1,\"reservation\":2,\"swap\":3,\"kernel\":4,\"kernelTCP\":5,\"swappiness\":6,"
                "\"disableOOMKiller\":true,\"useHierarchy\":false,\"checkBeforeUpdate\":true},"
                "\"cpu\":{\"shares\":1,\"quota\":-1,\"period\":3,\"burst\":0,\"realtimeRuntime\":5,\"realtimePeriod\":6,"
                "\"idle\":1,\"cpus\":\"0\",\"mems\":\"0\"},\"pids\":{\"limit\":5},"
                "\"blockIO\":{\"weight\":10,\"leafWeight\":20,\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":30,"
                "\"leafWeight\":40}],\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":0,\"rate\":18446744073709551615}]},"
                "\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":18446744073709551615}],"
                "\"network\":{\"classID\":4294967295,\"priorities\":[{\"name\":\"eth\\\"0\",\"priority\":1}]},"
                "\"rdma\":{\"a\":{\"hcaHandles\":1,\"hcaObjects\":2}},\"unified\":{\"a.b\":\"c\\nd\"}}\n";

        merges_to(everything, "{}", everything);
        merges_to("{}", everything, everything);
}

Test(resources, sizes_have_units_of_1024)
{
        static const struct { const char *text; int64_t bytes; } good[] = {
                { "0", 0 }, { "1024", 1024 }, { "64M", 64 << 20 }, { "64m", 64 << 20 }, { "64MB", 64 << 20 },
                { "64MiB", 64 << 20 }, { "1.5k", 1536 }, { "1g", 1 << 30 }, { "2 T", 2ll << 40 }, { "10b", 10 },
                { "0.5GiB", 1 << 29 }, { "9223372036854775807", INT64_MAX },
        };
        static const char *const bad[] = { "", "-1", "k", "1x", "1Mi", "1.k", ".5k", "1kk", "64 MB ", "9223372036854775808",
                                           "9000000000G", "0x10", "1e3", "1  k", "+1" };
        int64_t bytes;

        for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
                cr_assert_eq(resources_parse_size(good[i].text, &bytes), 0, "%s", good[i].text);
                cr_assert_eq(bytes, good[i].bytes, "%s", good[i].text);
        }
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                cr_assert_eq(resources_parse_size(bad[i], &bytes), -EINVAL, "%s", bad[i]);
}
