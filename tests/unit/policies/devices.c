#include "policies/devices.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/policies/request.h"

static struct request q;

static void setup(void)
{
        request_init(&q);
}

static void teardown(void)
{
        request_free(&q);
}

TestSuite(policy_devices, .init = setup, .fini = teardown);

static void ask_node(const struct spec_device *device)
{
        q.spec.linux_.devices = device;
        q.spec.linux_.n_devices = 1;
}

static void ask_rules(const struct spec_device_rule *rules, size_t n)
{
        q.spec.linux_.resources.devices = rules;
        q.spec.linux_.resources.n_devices = n;
}

Test(policy_devices, fills_in_the_six)
{
        static const char *const paths[] = { "/dev/null",   "/dev/zero",    "/dev/full",
                                             "/dev/random", "/dev/urandom", "/dev/tty" };

        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.linux_.n_devices, 6);
        for (size_t i = 0; i < 6; i++) {
                cr_assert_str_eq(q.sandbox.spec.linux_.devices[i].path, paths[i]);
                cr_assert(q.sandbox.spec.linux_.devices[i].has_mode);
                cr_assert_eq(q.sandbox.spec.linux_.devices[i].mode, 0666);
        }
}

Test(policy_devices, refuses_others)
{
        static const struct spec_device fuse = { .type = S_IFCHR, .path = "/dev/fuse", .major = 10, .minor = 229 };
        static const struct spec_device disk = { .type = S_IFBLK, .path = "/dev/null", .major = 1, .minor = 3 };

        ask_node(&fuse);
        request_is_refused(&q, "devices");
        cr_assert_not_null(strstr(q.err.text, "list it in the profile's \"devices\""), "%s", q.err.text);
        ask_node(&disk);
        request_is_refused(&q, "devices");
}

Test(policy_devices, takes_a_standard_one_under_another_name)
{
        static const struct spec_device sink = { .type = S_IFCHR, .path = "/dev//sink", .major = 1, .minor = 3 };
        static const struct spec_device outside = { .type = S_IFCHR, .path = "/opt/null", .major = 1, .minor = 3 };
        static const struct spec_device disguise = { .type = S_IFCHR, .path = "/dev/null", .major = 1, .minor = 5 };
        static const struct spec_device ptmx = { .type = S_IFCHR, .path = "/dev/ptmx", .major = 5, .minor = 2 };

        ask_node(&sink);
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.linux_.n_devices, 7);
        cr_assert_str_eq(q.sandbox.spec.linux_.devices[6].path, "/dev/sink");
        ask_node(&outside);
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.linux_.n_devices, 6, "only /dev holds devices");
        ask_node(&disguise);
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.linux_.n_devices, 6);
        cr_assert_eq(q.sandbox.spec.linux_.devices[0].minor, 3, "null is null");
        ask_node(&ptmx);
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.linux_.n_devices, 6, "the terminal's room makes it");
}

Test(policy_devices, rules_begin_with_denying_everything)
{
        const struct spec_resources *got = &q.sandbox.spec.linux_.resources;

        request_passes(&q);
        cr_assert_not(got->devices[0].is_allow);
        cr_assert_eq(got->devices[0].type, 'a');
        cr_assert_eq(got->devices[0].access, 7);
        for (size_t i = 1; i < got->n_devices; i++) {
                cr_assert(got->devices[i].is_allow);
                cr_assert_eq(got->devices[i].type, 'c');
                cr_assert_neq(got->devices[i].major, -1);
        }
}

Test(policy_devices, wider_rules_are_dropped_and_told)
{
        static const struct spec_device_rule docker[] = {
                { .is_allow = false, .type = 'a', .major = -1, .minor = -1, .access = 7 },
                { .is_allow = true, .type = 'c', .major = 1, .minor = 3, .access = 7 },
                { .is_allow = true, .type = 'c', .major = 136, .minor = -1, .access = 7 },
                { .is_allow = true, .type = 'c', .major = -1, .minor = -1, .access = 1 },
                { .is_allow = true, .type = 'c', .major = 10, .minor = 200, .access = 7 },
        };
        const struct finding *finding;

        ask_rules(docker, 3);
        request_passes(&q);
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "devices"));
        ask_rules(docker, 5);
        request_passes(&q);
        finding = request_finding(&q, FINDING_TIGHTENED, "devices");
        cr_assert_not_null(finding);
        cr_assert_str_eq(finding->asked, "c *:* m, c 10:200 rwm");
        for (size_t i = 0; i < q.sandbox.spec.linux_.resources.n_devices; i++)
                cr_assert_neq(q.sandbox.spec.linux_.resources.devices[i].major, 10);
}

static const struct policy_device fuse = { "/dev/fuse", S_IFCHR, 10, 229 };

static const struct spec_device_rule *rule_for(int64_t major, int64_t minor)
{
        const struct spec_resources *got = &q.sandbox.spec.linux_.resources;

        for (size_t i = 0; i < got->n_devices; i++) {
                if (got->devices[i].major == major && got->devices[i].minor == minor)
                        return &got->devices[i];
        }
        return NULL;
}

Test(policy_devices, one_of_the_profile_s_list_is_there_where_the_engine_asks_for_it)
{
        const struct spec_device node = { .type = S_IFCHR, .path = "/dev/fuse", .major = 10, .minor = 229 };
        const struct spec_device other = { .type = S_IFCHR, .path = "/dev/tun", .major = 10, .minor = 200 };
        static const struct spec_device_rule rules[] = {
                { .is_allow = false, .type = 'a', .major = -1, .minor = -1, .access = 7 },
                { .is_allow = true, .type = 'c', .major = 10, .minor = 229, .access = 6 },
        };
        static const struct spec_device_rule taken_back[] = {
                { .is_allow = true, .type = 'c', .major = 10, .minor = -1, .access = 7 },
                { .is_allow = false, .type = 'c', .major = 10, .minor = 229, .access = 4 },
        };

        q.policy.profile.devices = &fuse;
        q.policy.profile.n_devices = 1;
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.linux_.n_devices, 6, "nobody asks");
        cr_assert_null(rule_for(10, 229));

        ask_node(&node);
        ask_rules(rules, 2);
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.linux_.n_devices, 7);
        cr_assert_str_eq(q.sandbox.spec.linux_.devices[6].path, "/dev/fuse");
        cr_assert_eq(rule_for(10, 229)->access, 7);
        cr_assert(rule_for(10, 229)->is_allow);
        cr_assert_not_null(request_finding(&q, FINDING_RECORDED, "devices"));
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "devices"));

        ask_rules(taken_back, 2);
        request_passes(&q);
        cr_assert_eq(rule_for(10, 229)->access, 3, "no more than asked");
        cr_assert_null(rule_for(10, -1));

        ask_node(&other);
        request_is_refused(&q, "devices");
        ask_node(&node);
        q.policy.profile.n_devices = 0;
        request_is_refused(&q, "devices");
}

Test(policy_devices, those_of_the_profile_s_list_open_as_asked_and_are_made_where_asked)
{
        static const struct policy_device disk = { "/dev/sda", S_IFBLK, 8, 0 };
        const struct spec_device node = { .type = S_IFBLK, .path = "/dev/sda", .major = 8, .minor = 0 };
        static const struct spec_device_rule rules[] = {
                { .is_allow = false, .type = 'a', .major = -1, .minor = -1, .access = 7 },
                { .is_allow = true, .type = 'b', .major = 8, .minor = 0, .access = 2 },
        };
        const struct spec_resources *got = &q.sandbox.spec.linux_.resources;

        q.policy.profile.devices = &disk;
        q.policy.profile.n_devices = 1;
        ask_rules(rules, 2);
        request_passes(&q);
        cr_assert_eq(rule_for(8, 0)->access, 2, "no node");
        cr_assert_not(got->devices[0].is_allow);
        cr_assert_eq(got->devices[1].major, 8, "first");
        cr_assert_not_null(rule_for(1, 3));
        ask_node(&node);
        ask_rules(rules, 1);
        request_passes(&q);
        cr_assert_eq(rule_for(8, 0)->access, 1, "made, and not opened");
}

Test(policy_devices, refuses_the_shape_of_privileged)
{
        static const struct spec_device_rule all = {
                .is_allow = true, .type = 'a', .major = -1, .minor = -1, .access = 7
        };

        ask_rules(&all, 1);
        request_is_refused(&q, "devices");
        cr_assert_not_null(strstr(q.err.text, "--privileged"), "%s", q.err.text);
}
