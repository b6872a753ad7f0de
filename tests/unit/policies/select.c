/* Who chooses, in which order, and that nobody after the first can widen. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "policies/exceptions.h"
#include "policies/select.h"
#include "runtime/base/text.h"

static struct arena arena;
static struct policy_file file;
static struct policy policy;
static struct policy_request request;
static struct spec_pair annotations[2];
static struct error err;

static const char text[] =
        "{\"version\":1,\"revision\":\"7\",\"defaultProfile\":\"untrusted\",\"select\":{"
        "\"argv0\":{\"runb-branch\":\"branch\",\"runb-release\":\"release\"},"
        "\"match\":[{\"annotation\":{\"ns\":\"ci-release\",\"kind\":\"build\"},\"profile\":\"release\"},"
        "{\"annotation\":{\"ns\":\"ci-branch\"},\"profile\":\"branch\"}],"
        "\"annotation\":{\"key\":\"dev.runb.profile\",\"allow\":{\"branch\":[\"untrusted\"],\"untrusted\":[\"tiny\"]}}},"
        "\"ids\":{\"size\":131072},\"audit\":{\"path\":\"/var/log/a\"},"
        "\"profiles\":{\"tiny\":{\"limits\":{\"pids\":7}},\"branch\":{\"capabilities\":[\"CAP_CHOWN\",\"CAP_KILL\"]}},"
        "\"exceptions\":[{\"id\":\"EX-1\",\"profile\":\"branch\",\"allow\":[\"mount:/srv/x\"],\"expires\":\"2027-01-31\","
        "\"reason\":\"r\",\"approvedBy\":\"a\"},{\"id\":\"EX-2\",\"profile\":\"untrusted\",\"allow\":[\"mount:/srv/y\"],"
        "\"expires\":\"2027-01-31\",\"reason\":\"r\",\"approvedBy\":\"a\"}]}";

static void setup(void)
{
        request = (struct policy_request){ .argv0 = "/usr/bin/runb", .annotations = annotations,
                                           .now = 1801440000 - 1 /* 2027-01-31T23:59:59Z */ };
        cr_assert_eq(policy_file_read(&arena, text, strlen(text), "policy.json", &file, &err), 0, "%s", err.text);
}

static void teardown(void)
{
        arena_free(&arena);
}

TestSuite(policy_select, .init = setup, .fini = teardown);

static void annotate(const char *key, const char *value)
{
        annotations[request.n_annotations++] = (struct spec_pair){ key, value };
}

static void chooses(const char *name, const char *by)
{
        err = (struct error){ 0 };
        cr_assert_eq(policy_select(&file, &request, &arena, &policy, &err), 0, "%s", err.text);
        cr_assert_str_eq(policy.profile.name, name);
        cr_assert_str_eq(policy.chosen_by, by);
}

Test(policy_select, the_default_where_nobody_speaks)
{
        chooses("untrusted", "defaultProfile");
        cr_assert_str_eq(policy.revision, "7");
        cr_assert_eq(policy.ids_size, 131072);
        cr_assert_str_eq(policy.audit.path, "/var/log/a");
        cr_assert(policy.audit.is_required);
}

Test(policy_select, the_option_the_name_and_the_engine_instead_of_the_default)
{
        request.profile = "branch";
        chooses("branch", "--profile");
        request.profile = NULL;
        request.argv0 = "/usr/local/bin/runb-branch";
        chooses("branch", "select.argv0");
        request.argv0 = "runb";
        annotate("ns", "ci-branch");
        chooses("branch", "select.match");
}

Test(policy_select, all_annotations_of_a_match_are_needed)
{
        annotate("ns", "ci-release");
        chooses("untrusted", "defaultProfile");
        annotate("kind", "build");
        chooses("release", "select.match");
        annotations[1].value = "builds";
        chooses("untrusted", "defaultProfile");
}

Test(policy_select, whoever_comes_later_narrows)
{
        request.profile = "branch";
        request.argv0 = "runb-release";
        chooses("branch+release", "--profile and select.argv0");
        cr_assert_eq(policy.profile.rootfs, POLICY_ROOTFS_READONLY);
        cr_assert_eq(policy.profile.caps, 1u);  /* CAP_CHOWN: what both have */
        cr_assert_eq(policy.n_profile_names, 2);
        cr_assert_str_eq(policy.profile_names[0], "branch");
        cr_assert_str_eq(policy.profile_names[1], "release");
        request.profile = "release";
        chooses("release", "--profile and select.argv0");
}

Test(policy_select, users_go_along_the_routes_and_only_there)
{
        annotate("dev.runb.profile", "tiny");
        chooses("untrusted+tiny", "defaultProfile and the annotation");
        cr_assert_eq(policy.profile.limits[POLICY_LIMIT_PIDS].value, 7);
        annotations[0].value = "untrusted";
        chooses("untrusted", "defaultProfile");
        annotations[0].value = "branch";
        cr_assert_eq(policy_select(&file, &request, &arena, &policy, &err), -EPERM);
        cr_assert_str_eq(err.rule, "select.annotation");
        cr_assert_str_eq(err.text, "refused by profile \"untrusted\" (select.annotation): the annotation dev.runb.profile asks "
                         "for \"branch\", to which no route leads from here; drop the annotation, or ask for the route "
                         "(policy 7)");
        annotations[0].value = "";
        cr_assert_eq(policy_select(&file, &request, &arena, &policy, &err), -EPERM);
        request.profile = "branch";
        annotations[0].value = "untrusted";
        chooses("branch+untrusted", "--profile and the annotation");
        cr_assert_eq(policy.profile.caps & ~policy_file_profile(&file, "branch")->caps, 0);
}

Test(policy_select, an_unknown_profile_is_an_error_by_name)
{
        request.profile = "nightly";
        cr_assert_lt(policy_select(&file, &request, &arena, &policy, &err), 0);
        cr_assert_str_eq(err.text, "--profile: policy.json has no profile \"nightly\", only untrusted, branch, image-build, release, tiny");
        cr_assert_lt(policy_select(NULL, &request, &arena, &policy, &err), 0);
        cr_assert_not_null(strstr(err.text, "without a policy file there is only the profile \"untrusted\""));
}

Test(policy_select, without_a_file_the_builtin_policy_holds_whatever_users_write)
{
        annotate("dev.runb.profile", "branch");
        request.argv0 = "runb-branch";
        cr_assert_eq(policy_select(NULL, &request, &arena, &policy, &err), 0);
        cr_assert_eq(memcmp(&policy, policy_builtin(), sizeof policy), 0);
}

Test(policy_select, exceptions_hold_for_their_profile_until_their_day_ends)
{
        request.profile = "branch";
        chooses("branch", "--profile");
        cr_assert_eq(policy.n_exceptions, 1);
        cr_assert_not_null(policy_exceptions_find(&policy, "mount:/srv/x"));
        cr_assert_null(policy_exceptions_find(&policy, "mount:/srv/y"));
        cr_assert_null(policy_exceptions_find(&policy, "mount:/srv/x/z"));
        cr_assert_null(policy_exceptions_find(&policy, "hook:/srv/x"));
        request.now++;
        chooses("branch", "--profile");
        cr_assert_eq(policy.n_exceptions, 0);
}

Test(policy_select, what_was_narrowed_has_no_exceptions_of_one_alone)
{
        annotate("dev.runb.profile", "untrusted");
        request.profile = "branch";
        chooses("branch+untrusted", "--profile and the annotation");
        cr_assert_eq(policy.n_exceptions, 0);
}

/* ---- exceptions of several profiles ---- */

static struct policy both_of(const char *branch, const char *untrusted)
{
        static const char format[] =
                "{\"version\":1,\"revision\":\"7\",\"profiles\":{\"branch\":{},\"untrusted\":{}},\"exceptions\":["
                "{\"id\":\"EX-1\",\"profile\":\"branch\",\"allow\":[%s],\"expires\":\"2027-01-31\",\"reason\":\"r\",\"approvedBy\":\"a\"},"
                "{\"id\":\"EX-2\",\"profile\":\"untrusted\",\"allow\":[%s],\"expires\":\"2026-12-31\",\"reason\":\"r\",\"approvedBy\":\"a\"}]}";
        const char *document = arena_format(&arena, format, branch, untrusted);
        struct policy_file *two = arena_new(&arena, struct policy_file);
        struct policy chosen;

        cr_assert_eq(policy_file_read(&arena, document, strlen(document), "policy.json", two, &err), 0, "%s", err.text);
        cr_assert_eq(policy_select_again(two, "branch+untrusted", 1798700000 /* 2026-12-31 */, &arena, &chosen, &err), 0);
        return chosen;
}

Test(policy_select, what_was_narrowed_has_what_each_of_its_profiles_has)
{
        const struct policy_exception *found;
        uint32_t first, last;
        const char *token;

        policy = both_of("\"network.host\",\"uts.host\",\"mount:/srv/x\"", "\"uts.host\",\"mount:/srv/x\",\"pid.host\"");
        cr_assert_eq(policy.n_exceptions, 1);
        cr_assert_null(policy_exceptions_find(&policy, "network.host"));
        cr_assert_null(policy_exceptions_find(&policy, "pid.host"));
        cr_assert_not_null(policy_exceptions_find(&policy, "mount:/srv/x"));
        found = policy_exceptions_find(&policy, "uts.host");
        cr_assert_not_null(found);
        cr_assert_str_eq(found->id, "EX-1 and EX-2");
        cr_assert_str_eq(found->expires, "2026-12-31", "as long as both do");

        policy = both_of("\"ids:1000-1999\"", "\"ids:1500-2999\"");
        cr_assert_not_null(policy_exceptions_find_ids(&policy, 1500, 1999, &token));
        cr_assert(policy_exceptions_ids(token, &first, &last) && first == 1500 && last == 1999);
        cr_assert_null(policy_exceptions_find_ids(&policy, 1499, 1999, &token));
        cr_assert_null(policy_exceptions_find_ids(&policy, 1500, 2000, &token));
        cr_assert_eq(both_of("\"ids:1000-1499\"", "\"ids:1500-2999\"").n_exceptions, 0);
        cr_assert_eq(both_of("\"device:/dev/kvm\"", "\"mount:/dev/kvm\"").n_exceptions, 0);
}

/* What a container keeps of the file must lead to the same. */
Test(policy_select, what_is_kept_of_a_narrowed_one_has_the_same_exceptions)
{
        auto_buffer struct text_buffer kept = { 0 };
        struct policy_file again;
        struct policy created, narrowed;

        policy = both_of("\"network.host\",\"uts.host\"", "\"uts.host\"");
        policy_file_write_chosen(&policy, &kept);
        cr_assert_eq(policy_file_read(&arena, kept.text, kept.length, "kept", &again, &err), 0, "%s", err.text);
        cr_assert_eq(policy_select_again(&again, "branch+untrusted", 1798700000, &arena, &created, &err), 0);
        cr_assert_not_null(policy_exceptions_find(&created, "uts.host"));
        cr_assert_null(policy_exceptions_find(&created, "network.host"));
        cr_assert_eq(policy_narrow(&created, &policy, &arena, &narrowed, &err), 0);
        cr_assert_not_null(policy_exceptions_find(&narrowed, "uts.host"));
        cr_assert_eq(policy_select_again(&again, "branch+untrusted", 1798800000 /* 2027-01-01 */, &arena, &created, &err), 0);
        cr_assert_eq(created.n_exceptions, 0, "one of the two has ended");
}

Test(policy_select, the_way_that_is_known_is_run_and_no_other_link)
{
        const char *const tokens[] = { "mount:/var/run/docker.sock" };
        const struct policy_exception exception = { .id = "E", .allow = { tokens, 1 } };

        policy = (struct policy){ .exceptions = &exception, .n_exceptions = 1 };
        cr_assert_not_null(policy_exceptions_find(&policy, "mount:/run/docker.sock"));
        cr_assert_not_null(policy_exceptions_find(&policy, "mount:/var/run/docker.sock"));
        cr_assert_null(policy_exceptions_find(&policy, "hook:/run/docker.sock"));
        cr_assert_null(policy_exceptions_find(&policy, "mount:/run/docker.soc"));
}

Test(policy_select, a_container_keeps_its_ceiling_and_gets_todays)
{
        struct policy created, today, both;
        struct policy_file changed;
        const char *const looser =
                "{\"version\":1,\"revision\":\"8\",\"profiles\":{\"tiny\":{\"limits\":{\"pids\":9}},"
                "\"branch\":{\"capabilities\":[\"CAP_KILL\",\"CAP_SYS_ADMIN\"]}}}";

        cr_assert_eq(policy_file_read(&arena, looser, strlen(looser), "policy.json", &changed, &err), 0, "%s", err.text);
        cr_assert_eq(policy_select_again(&file, "branch", request.now, &arena, &created, &err), 0);
        cr_assert_eq(policy_select_again(&changed, "branch", request.now, &arena, &today, &err), 0);
        cr_assert_eq(policy_narrow(&created, &today, &arena, &both, &err), 0);
        cr_assert_str_eq(both.profile.name, "branch");
        cr_assert_str_eq(both.revision, "8");
        cr_assert_eq(both.profile.caps, 1u << 5 /* CAP_KILL: in both */);
        cr_assert_eq(both.n_exceptions, 0, "the exception has gone from today's");

        cr_assert_eq(policy_select_again(&file, "branch", request.now, &arena, &today, &err), 0);
        cr_assert_eq(policy_narrow(&created, &today, &arena, &both, &err), 0);
        cr_assert_eq(both.n_exceptions, 1);

        /* The profile has gone: the default stands in. */
        cr_assert_eq(policy_select_again(&file, "tiny+branch", request.now, &arena, &created, &err), 0);
        cr_assert_str_eq(created.profile.name, "tiny+branch");
        cr_assert_eq(policy_select_again(&changed, "nightly+tiny", request.now, &arena, &today, &err), 0);
        cr_assert_str_eq(today.profile.name, "untrusted+tiny");
        cr_assert_eq(today.profile.limits[POLICY_LIMIT_PIDS].value, 9);
}
