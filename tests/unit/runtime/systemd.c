#include "runtime/systemd.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/auto.h"

static void want_plan(const char *path, const char *unit, const char *slice)
{
        auto_arena struct arena arena = { 0 };
        struct systemd_plan plan;
        struct error err = { 0 };

        cr_assert(systemd_plan_make(path, "abc", "/run/x", false, &arena, &plan, &err) == 0, "%s: %s", path, err.text);
        cr_assert_str_eq(plan.unit, unit);
        cr_assert_str_eq(plan.slice, slice);
        cr_assert_str_eq(plan.bus, SYSTEMD_SYSTEM_BUS);
}

Test(systemd, names_a_unit_as_runc_does)
{
        want_plan("machine.slice:libpod:1f", "libpod-1f.scope", "machine.slice");
        want_plan(":crio:x", "crio-x.scope", "system.slice");
        want_plan("kubepods-besteffort-pod1.slice:cri-containerd:2", "cri-containerd-2.scope", "kubepods-besteffort-pod1.slice");
        want_plan("-.slice::x", "x.scope", "-.slice");
        want_plan(NULL, "runb-abc.scope", "system.slice");
        want_plan("", "runb-abc.scope", "system.slice");
}

Test(systemd, refuses_what_is_no_name_of_a_unit)
{
        static const char *const paths[] = { "/a/b", "a:b", "a.slice:b:c:d", "a:b:c", "a/b.slice:b:c", "a.slice:b:", "a.slice:b:c/d",
                                             "a.slice:b:c\nd", "a.slice:b:c\td", "--.slice:b:c", "a-.slice:b:c", ".slice:b:c" };
        auto_arena struct arena arena = { 0 };
        struct systemd_plan plan;
        struct error err;

        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
                err = (struct error){ 0 };
                cr_assert(systemd_plan_make(paths[i], "abc", "/r", false, &arena, &plan, &err) == -EINVAL, "%s", paths[i]);
                cr_assert(strstr(err.text, "linux.cgroupsPath") != NULL, "%s", err.text);
        }
}

Test(systemd, a_users_container_is_asked_of_the_users_bus)
{
        auto_arena struct arena arena = { 0 };
        struct systemd_plan plan;
        struct error err = { 0 };

        unsetenv("DBUS_SESSION_BUS_ADDRESS");
        unsetenv("XDG_RUNTIME_DIR");
        cr_assert(systemd_plan_make(NULL, "abc", "/r", true, &arena, &plan, &err) == -ENOENT);
        cr_assert(strstr(err.text, "XDG_RUNTIME_DIR") != NULL);
        setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
        cr_assert(systemd_plan_make(NULL, "abc", "/r", true, &arena, &plan, &err) == 0);
        cr_assert_str_eq(plan.bus, "unix:path=/run/user/7/bus");
        cr_assert_str_eq(plan.slice, "user.slice");
        setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/x", 1);
        cr_assert(systemd_plan_make(NULL, "abc", "/r", true, &arena, &plan, &err) == 0);
        cr_assert_str_eq(plan.bus, "unix:path=/x");
}

static struct spec_number number(int64_t value)
{
        return (struct spec_number){ .is_given = true, .value = value };
}

static void want_lines(const struct spec_resources *resources, bool is_v2, enum systemd_moment moment, const char *expected)
{
        auto_buffer struct text_buffer out = { 0 };
        struct error err = { 0 };

        cr_assert(systemd_properties_add(resources, is_v2, moment, &out, &err) == 0, "%s", err.text);
        cr_assert_str_eq(out.text == NULL ? "" : out.text, expected);
}

Test(systemd, limits_become_properties)
{
        struct spec_resources r = { 0 };

        r.memory.limit = number(1048576);
        r.memory.swap = number(3145728);
        r.cpu.quota_us = number(12345);
        r.cpu.period_us = number(50000);
        r.cpu.cpus = "0-1";
        r.pids_limit = number(5);
        want_lines(&r, true, SYSTEMD_START, "MemoryMax\tt\t1048576\nMemorySwapMax\tt\t2097152\nCPUQuotaPeriodUSec\tt\t50000\n"
                                            "CPUQuotaPerSecUSec\tt\t250000\nAllowedCPUs\tay\t0-1\n");
        want_lines(&r, false, SYSTEMD_START, "MemoryMax\tt\t1048576\nCPUQuotaPeriodUSec\tt\t50000\nCPUQuotaPerSecUSec\tt\t250000\n");
        want_lines(&r, true, SYSTEMD_COMPLETE, "TasksMax\tt\t5\n");
}

Test(systemd, minus_one_is_infinity_and_zero_says_nothing)
{
        struct spec_resources r = { 0 };

        r.memory.limit = number(0);
        r.cpu.quota_us = number(0);
        r.cpu.shares = number(0);
        r.pids_limit = number(0);
        r.block.weight = number(0);
        want_lines(&r, true, SYSTEMD_UPDATE, "");
        want_lines(&r, true, SYSTEMD_COMPLETE, "TasksMax\tt\t1\n");
        r.memory.limit = number(-1);
        r.cpu.quota_us = number(-1);
        r.pids_limit = number(-1);
        want_lines(&r, false, SYSTEMD_UPDATE, "TasksMax\tt\t18446744073709551615\nMemoryMax\tt\t18446744073709551615\n"
                                              "CPUQuotaPerSecUSec\tt\t18446744073709551615\n");
}

static const char majors[] = "Character devices:\n  1 mem\n  5 /dev/tty\n136 pts\n\nBlock devices:\n  8 sd\n";

Test(systemd, device_rules_become_an_allow_list)
{
        const struct spec_device_rule rules[] = {
                { .is_allow = false, .type = 'a', .major = -1, .minor = -1, .access = 7 },
                { .is_allow = true, .type = 'c', .major = -1, .minor = -1, .access = 1 },
                { .is_allow = true, .type = 'c', .major = 1, .minor = 3, .access = 7 },
                { .is_allow = true, .type = 'c', .major = 136, .minor = -1, .access = 6 },
                { .is_allow = true, .type = 'b', .major = 8, .minor = -1, .access = 2 },
                { .is_allow = true, .type = 'b', .major = 9, .minor = -1, .access = 2 },
        };
        auto_buffer struct text_buffer out = { 0 };
        struct error err = { 0 };

        cr_assert(systemd_properties_add_devices(rules, sizeof rules / sizeof *rules, majors, &out, &err) == 0, "%s", err.text);
        cr_assert_str_eq(out.text, "DevicePolicy\ts\tstrict\nDeviceAllow\ta(ss)\tchar-*\tm\t/dev/char/1:3\trwm\tchar-pts\trw\t"
                                   "block-sd\tr\n");
}

Test(systemd, device_rules_that_systemd_cannot_hold_are_refused)
{
        const struct spec_device_rule all = { .is_allow = true, .type = 'a', .major = -1, .minor = -1, .access = 7 };
        const struct spec_device_rule minor = { .is_allow = true, .type = 'c', .major = -1, .minor = 3, .access = 7 };
        auto_buffer struct text_buffer out = { 0 };
        struct error err = { 0 };

        cr_assert(systemd_properties_add_devices(&all, 1, majors, &out, &err) == -EOPNOTSUPP);
        cr_assert(systemd_properties_add_devices(&minor, 1, majors, &out, &err) == -EOPNOTSUPP);
}

Test(systemd, annotations_are_read_in_gvariants_text_format)
{
        static const struct { const char *name, *value, *line; } cases[] = {
                { "TimeoutStopUSec", "uint64 5000000", "TimeoutStopUSec\tt\t5000000\n" },
                { "TimeoutStopSec", "10", "TimeoutStopUSec\tt\t10000000\n" },
                { "KillSignal", "37", "KillSignal\ti\t37\n" },
                { "SendSIGHUP", "true", "SendSIGHUP\tb\ttrue\n" },
                { "CollectMode", "'inactive'", "CollectMode\ts\tinactive\n" },
                { "After", "['crio.service', \"x.service\"]", "After\tas\tcrio.service\tx.service\n" },
                { "After", "[]", "After\tas\n" },
        };
        static const struct { const char *name, *value; } wrong[] = {
                { "After", "['a'" }, { "After", "['a\tb']" }, { "After", "['a'] x" }, { "X", "" }, { "X", "-" }, { "X", "uint64 -1" },
                { "X", "uint64 18446744073709551616" }, { "X", "byte 256" }, { "X", "4294967296" }, { "X", "'a\nb'" }, { "X", "nan" },
                { "", "1" }, { "A B", "1" }, { "A\tB", "1" }, { "TimeoutStopSec", "-1" }, { "X", "'a" },
        };
        struct error err = { 0 };

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                auto_buffer struct text_buffer out = { 0 };

                cr_assert(systemd_properties_add_annotation(cases[i].name, cases[i].value, &out, &err) == 0, "%s", err.text);
                cr_assert_str_eq(out.text, cases[i].line);
        }
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                auto_buffer struct text_buffer out = { 0 };

                cr_assert(systemd_properties_add_annotation(wrong[i].name, wrong[i].value, &out, &err) == -EINVAL, "%s",
                          wrong[i].value);
        }
}

/* Of a line that is cut the rest would be a property of its own: "Slice", say. */
Test(systemd, a_long_annotation_is_refused)
{
        auto_buffer struct text_buffer out = { 0 };
        char value[20000];
        struct error err = { 0 };

        memset(value, 'a', sizeof value);
        memcpy(value, "['", 2);
        strcpy(value + sizeof value - 40, "', 'Slice', 's', 'evil.slice']");
        cr_assert(systemd_properties_add_annotation("After", value, &out, &err) == -E2BIG);
        cr_assert(strstr(err.text, "org.systemd.property.After: is longer than 16384 bytes") != NULL, "%s", err.text);
}
