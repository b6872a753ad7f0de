/* The policy file's reader: what it takes, what it refuses and with which words, and that what is written is read back. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "policies/file.h"
#include "runtime/base/text.h"

static struct arena arena;
static struct policy_file file;
static struct error err;

static void teardown(void)
{
        arena_free(&arena);
}

TestSuite(policy_file, .fini = teardown);

static int read_text(const char *text)
{
        err = (struct error){ 0 };
        return policy_file_read(&arena, text, strlen(text), "policy.json", &file, &err);
}

static void is_read(const char *text)
{
        cr_assert_eq(read_text(text), 0, "%s: %s", text, err.text);
}

/* @profile: the members of the profile "untrusted". */
static const struct policy_profile *untrusted(const char *profile)
{
        is_read(arena_format(&arena, "{\"version\":1,\"profiles\":{\"untrusted\":{%s}}}", profile));
        return policy_file_profile(&file, "untrusted");
}

static void is_refused(const char *text, const char *sentence)
{
        cr_assert_lt(read_text(text), 0, "%s was read", text);
        cr_assert_not_null(strstr(err.text, sentence), "\"%s\" is not in \"%s\"", sentence, err.text);
}

static void profile_is_refused(const char *profile, const char *sentence)
{
        is_refused(arena_format(&arena, "{\"version\":1,\"profiles\":{\"untrusted\":{%s}}}", profile),
                   arena_format(&arena, "policy.json: profiles.untrusted.%s", sentence));
}

Test(policy_file, the_shortest_one_is_the_builtin_profiles)
{
        is_read("{\"version\":1}");
        cr_assert_str_eq(file.default_profile, "untrusted");
        cr_assert_eq(file.n_profiles, 4);
        cr_assert_eq(policy_file_profile(&file, "release")->rootfs, POLICY_ROOTFS_READONLY);
        cr_assert_null(policy_file_profile(&file, "nightly"));
        cr_assert_null(file.audit.path);
}

Test(policy_file, a_version_is_wanted_and_no_other_one)
{
        is_refused("{}", "policy.json: version: is required and missing");
        is_refused("{\"version\":2}", "version: this runb reads version 1, not 2");
        is_refused("{\"version\":\"1\"}", "version: expected a number, found a string");
        is_refused("[]", "expected an object, found an array");
        is_refused("{\"version\":1} {}", "policy.json");
        is_refused("{\"version\":1,\"version\":1}", "policy.json");
}

Test(policy_file, unknown_keys_are_named_with_their_way)
{
        profile_is_refused("\"limits\":{\"wal\":\"30m\"}", "limits.wal: unknown key");
        profile_is_refused("\"seccomp\":{\"Base\":\"build\"}", "seccomp.Base: unknown key");
        is_refused("{\"version\":1,\"defaultprofile\":\"untrusted\"}", "policy.json: defaultprofile: unknown key");
        is_refused("{\"version\":1,\"\\u001b[2J\":1}", "policy.json: [\"?[2J\"]: unknown key");
}

Test(policy_file, null_is_no_way_to_leave_a_control_out)
{
        profile_is_refused("\"limits\":null", "limits: null is no value");
        profile_is_refused("\"capabilities\":[null]", "capabilities[0]: expected a string, found null");
        is_refused("{\"version\":1,\"select\":{\"match\":[{\"annotation\":{\"a\":null},\"profile\":\"release\"}]}}",
                   "at least one annotation");
        is_refused("{\"version\":1,\"select\":{\"argv0\":{\"runb\":null}}}", "null is no value");
}

Test(policy_file, a_profile_begins_with_the_builtin_one_and_replaces_members)
{
        const struct policy_profile *profile;

        is_read("{\"version\":1,\"profiles\":{\"release\":{\"limits\":{\"pids\":64}},\"nightly\":{\"rootfs\":\"read-only\"}}}");
        profile = policy_file_profile(&file, "release");
        cr_assert_eq(profile->rootfs, POLICY_ROOTFS_READONLY);
        cr_assert_eq(profile->limits[POLICY_LIMIT_PIDS].value, 64);
        cr_assert(profile->limits[POLICY_LIMIT_PIDS].is_demanded);
        cr_assert_eq(profile->limits[POLICY_LIMIT_WALL].value, 600);
        cr_assert_not(profile->limits[POLICY_LIMIT_WALL].is_demanded);
        profile = policy_file_profile(&file, "nightly");
        cr_assert_eq(profile->caps, policy_profile_builtin("untrusted")->caps);
        cr_assert_eq(profile->limits[POLICY_LIMIT_WALL].value, 1800);
        cr_assert_eq(file.n_profiles, 5);
}

Test(policy_file, numbers_have_units)
{
        const struct policy_profile *profile =
                untrusted("\"limits\":{\"wall\":\"2h\",\"grace\":\"1m\",\"memory\":\"4G\",\"swap\":0,\"cpus\":\"1.5\",\"core\":0,\"fsize\":\"999999T\"}");

        cr_assert_eq(profile->limits[POLICY_LIMIT_WALL].value, 7200);
        cr_assert_eq(profile->limits[POLICY_LIMIT_GRACE].value, 60);
        cr_assert_eq(profile->limits[POLICY_LIMIT_MEMORY].value, UINT64_C(4) << 30);
        cr_assert(profile->limits[POLICY_LIMIT_SWAP].is_set);
        cr_assert_eq(profile->limits[POLICY_LIMIT_SWAP].value, 0);
        cr_assert_eq(profile->limits[POLICY_LIMIT_CPUS].value, 1500);
        cr_assert_eq(profile->limits[POLICY_LIMIT_CORE].value, 1, "0 runs the host's helper, 1 does not");
        cr_assert_eq(profile->limits[POLICY_LIMIT_FSIZE].value, UINT64_C(999999) << 40);
}

Test(policy_file, values_that_are_none_are_refused_by_their_key)
{
        static const char *const bad[][2] = {
                { "\"limits\":{\"wall\":\"30\"}", "limits.wall: \"30\" is no duration" },
                { "\"limits\":{\"wall\":\"030m\"}", "limits.wall" },
                { "\"limits\":{\"wall\":1800}", "limits.wall: expected a string" },
                { "\"limits\":{\"wall\":\"30 m\"}", "limits.wall" },
                { "\"limits\":{\"wall\":\"1000000s\"}", "limits.wall" },
                { "\"limits\":{\"memory\":\"4g\"}", "limits.memory: \"4g\" is no size" },
                { "\"limits\":{\"memory\":\"4GB\"}", "limits.memory" },
                { "\"limits\":{\"memory\":0}", "limits.memory: 0 is out of range" },
                { "\"limits\":{\"memory\":-1}", "limits.memory" },
                { "\"limits\":{\"memory\":1e9}", "limits.memory" },
                { "\"limits\":{\"memory\":9007199254740993}", "limits.memory" },
                { "\"limits\":{\"swap\":0}", "limits.swap: counts from \"memory\"" },
                { "\"limits\":{\"grace\":\"5s\"}", "limits.grace: begins at the end of \"wall\"" },
                { "\"limits\":{\"wall\":\"5m\",\"grace\":5}", "limits.grace: expected a string" },
                { "\"limits\":{\"pids\":0}", "limits.pids: 0 is out of range" },
                { "\"limits\":{\"pids\":4194305}", "limits.pids" },
                { "\"limits\":{\"cpus\":1.5}", "limits.cpus" },
                { "\"limits\":{\"cpus\":\"0.0\"}", "limits.cpus" },
                { "\"limits\":{\"cpus\":0}", "limits.cpus" },
                { "\"limits\":{\"ioWeight\":10001}", "limits.ioWeight" },
                { "\"limits\":{\"nofile\":true}", "limits.nofile" },
                { "\"capabilities\":[\"CHOWN\"]", "capabilities[0]: there is no capability \"CHOWN\"" },
                { "\"capabilities\":[\"CAP_CHOWN\",\"CAP_CHOWN\"]", "capabilities[1]: CAP_CHOWN is there twice" },
                { "\"seccomp\":{\"base\":\"none\"}", "seccomp.base: \"none\" is not build" },
                { "\"seccomp\":{\"setuidFiles\":\"no\"}", "seccomp.setuidFiles" },
                { "\"rootfs\":\"ro\"", "rootfs: \"ro\" is not engine" },
                { "\"mounts\":{\"denySources\":[\"etc\"]}", "mounts.denySources[0]: \"etc\"" },
                { "\"mounts\":{\"denySources\":[\"/etc/../root\"]}", "mounts.denySources[0]" },
                { "\"mounts\":{\"denySources\":[\"/etc/\"]}", "mounts.denySources[0]" },
                { "\"mounts\":{\"denySources\":[\"//etc\"]}", "mounts.denySources[0]" },
                { "\"mounts\":{\"denySources\":[\"/a/**/b\"]}", "mounts.denySources[0]" },
                { "\"mounts\":{\"denySources\":[\"/a**\"]}", "mounts.denySources[0]" },
                { "\"mounts\":{\"sockets\":\"deny\"}", "mounts.sockets: \"deny\" is not refuse or allow" },
                { "\"devices\":[\"/dev/fuse\"]", "devices[0]: expected an object" },
                { "\"devices\":[{\"path\":\"/etc/x\",\"type\":\"c\",\"major\":1,\"minor\":1}]", "devices[0].path" },
                { "\"devices\":[{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":1}]", "devices[0].minor: is required" },
                { "\"egress\":{\"mode\":\"allow\"}", "egress.mode: \"allow\" is not deny or audit" },
                { "\"egress\":{\"allow\":[{\"host\":\"10.0.0.1\",\"ports\":[1]}]}", "egress.allow[0].host: \"10.0.0.1\" is no host" },
                { "\"egress\":{\"allow\":[{\"host\":\"-a\",\"ports\":[1]}]}", "egress.allow[0].host" },
                { "\"egress\":{\"allow\":[{\"host\":\"a..b\",\"ports\":[1]}]}", "egress.allow[0].host" },
                { "\"egress\":{\"allow\":[{\"host\":\"*.example.org\",\"ports\":[1]}]}", "egress.allow[0].host" },
                { "\"egress\":{\"allow\":[{\"cidr\":\"10.0.0.1\",\"ports\":[1]}]}", "egress.allow[0].cidr" },
                { "\"egress\":{\"allow\":[{\"cidr\":\"10.0.0.1/33\",\"ports\":[1]}]}", "egress.allow[0].cidr" },
                { "\"egress\":{\"allow\":[{\"cidr\":\"10.0.1/8\",\"ports\":[1]}]}", "egress.allow[0].cidr" },
                { "\"egress\":{\"allow\":[{\"cidr\":\"010.0.0.1/8\",\"ports\":[1]}]}", "egress.allow[0].cidr" },
                { "\"egress\":{\"allow\":[{\"cidr\":\"::ffff:10.0.0.1/128\",\"ports\":[1]}]}", "egress.allow[0].cidr" },
                { "\"egress\":{\"allow\":[{\"cidr\":\"10.0.0.0/8\",\"ports\":[]}]}", "egress.allow[0].ports" },
                { "\"egress\":{\"allow\":[{\"cidr\":\"10.0.0.0/8\",\"ports\":[0]}]}", "egress.allow[0].ports[0]" },
                { "\"egress\":{\"allow\":[{\"cidr\":\"10.0.0.0/8\",\"ports\":[65536]}]}", "egress.allow[0].ports[0]" },
                { "\"egress\":{\"allow\":[{\"cidr\":\"10.0.0.0/8\",\"ports\":[\"2-1\"]}]}", "egress.allow[0].ports[0]: \"2-1\" runs backwards" },
                { "\"egress\":{\"allow\":[{\"cidr\":\"10.0.0.0/8\",\"ports\":[\"0-1\"]}]}", "egress.allow[0].ports[0]" },
                { "\"egress\":{\"allow\":[{\"cidr\":\"10.0.0.0/8\",\"ports\":[\"1-65536\"]}]}", "egress.allow[0].ports[0]" },
                { "\"egress\":{\"allow\":[{\"cidr\":\"10.0.0.0/8\",\"ports\":[\"http\"]}]}", "egress.allow[0].ports[0]" },
                { "\"egress\":{\"allow\":[{\"cidr\":\"10.0.0.0/8\",\"ports\":[1],\"protocol\":\"sctp\"}]}",
                  "egress.allow[0].protocol: \"sctp\" is not tcp or udp; no other protocol is supported" },
                { "\"egress\":{\"allow\":[{\"cidr\":\"10.0.0.1/8\",\"ports\":[1]}]}", "egress.allow[0].cidr: \"10.0.0.1/8\" has bits" },
                { "\"egress\":{\"allow\":[{\"cidr\":\"fd00::1/127\",\"ports\":[1]}]}", "egress.allow[0].cidr" },
                { "\"egress\":{\"allow\":[{\"ports\":[1]}]}", "egress.allow[0]: one of" },
                { "\"egress\":{\"proxy\":\"proxy:3128\"}", "egress.proxy" },
                { "\"egress\":{\"proxy\":\"10.0.0.1\"}", "egress.proxy" },
                { "\"egress\":{\"proxy\":\"fd00::1:80\"}", "egress.proxy" },
                { "\"ingress\":\"all\"", "ingress" },
                { "\"landlock\":{\"tcpPorts\":1}", "landlock.tcpPorts" },
                { "\"landlock\":{\"ports\":true}", "landlock" },
                { "\"env\":{\"deny\":[\"A B\"]}", "env.deny[0]" },
                { "\"env\":{\"deny\":\"A\"}", "env.deny: expected an array" },
                { "\"env\":{\"onMatch\":\"warn\"}", "env.onMatch" },
                { "\"hooks\":{\"allowPaths\":[\"hooks.d/\"]}", "hooks.allowPaths[0]" },
                { "\"hooks\":{\"allowPaths\":[\"/\"]}", "hooks.allowPaths[0]" },
                { "\"evidence\":{\"outputs\":[\"/out\"]}", "evidence: \"folder\" is wanted" },
                { "\"evidence\":{\"folder\":\"evidence\"}", "evidence.folder" },
                { "\"evidence\":{\"folder\":\"/e\",\"outputs\":[\"/a/../b\"]}", "evidence.outputs[0]" },
        };

        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                profile_is_refused(bad[i][0], bad[i][1]);
}

Test(policy_file, values_at_their_edges_are_taken)
{
        const struct policy_profile *profile = untrusted(
                "\"mounts\":{\"denySources\":[\"/\",\"/**\",\"/a b/?x*/**\",\"/..a\"]},"
                "\"egress\":{\"allow\":[{\"cidr\":\"0.0.0.0/0\",\"ports\":[1,65535]},{\"cidr\":\"fd00::/8\",\"ports\":[443]},"
                "{\"host\":\"xn--a.1b\",\"ports\":[1,\"8000-8100\"],\"protocol\":\"udp\"}],\"proxy\":\"[fd00::1]:3128\"},"
                "\"hooks\":{\"allowPaths\":[\"/usr/libexec/oci/hooks.d/\",\"/usr/bin/x\"]}");

        cr_assert_eq(profile->mounts.deny.n, 4);
        cr_assert_eq(profile->n_egress_allow, 3);
        cr_assert_eq(profile->egress_allow[0].ports[1].last, 65535);
        cr_assert(profile->egress_allow[2].is_udp && profile->egress_allow[2].ports[1].first == 8000 &&
                  profile->egress_allow[2].ports[1].last == 8100);
        cr_assert(profile->hooks.is_limited);
}

Test(policy_file, dates_are_those_of_the_calendar)
{
#define EXCEPTION(date) "{\"version\":1,\"exceptions\":[{\"id\":\"EX-7\",\"profile\":\"branch\",\"allow\":[\"network.host\"]," \
        "\"expires\":\"" date "\",\"reason\":\"r\",\"approvedBy\":\"a\"}]}"
        is_read(EXCEPTION("2028-02-29"));
        is_read(EXCEPTION("2027-01-31"));
        cr_assert_eq(file.exceptions[0].ends_at, 1801440000);   /* 2027-02-01T00:00:00Z */
        is_refused(EXCEPTION("2027-02-29"), "exceptions[0].expires: \"2027-02-29\" is no date");
        is_refused(EXCEPTION("2100-02-29"), "no date");
        is_refused(EXCEPTION("2027-04-31"), "no date");
        is_refused(EXCEPTION("2027-13-01"), "no date");
        is_refused(EXCEPTION("2027-00-01"), "no date");
        is_refused(EXCEPTION("2027-1-1"), "no date");
        is_refused(EXCEPTION("2027-01-31T00:00:00Z"), "no date");
        is_refused(EXCEPTION(""), "no date");
        is_refused(EXCEPTION("1999-12-31"), "no date");
}

Test(policy_file, exceptions_are_whole_and_for_what_there_is)
{
#define ALLOW(token) "{\"version\":1,\"exceptions\":[{\"id\":\"EX-7\",\"profile\":\"branch\",\"allow\":[" token "]," \
        "\"expires\":\"2027-01-31\",\"reason\":\"r\",\"approvedBy\":\"a\"}]}"
        is_read(ALLOW("\"mount:/srv/x\",\"hook:/x\",\"device:/dev/fuse\",\"noNewPrivileges\""));
        is_refused(ALLOW(""), "exceptions[0].allow: at least one");
        is_read(ALLOW("\"capabilities.ambient\",\"mount.namespace\",\"rootfs.propagation\",\"ids:1-4294967294\""));
        is_refused(ALLOW("\"ids:0-5\""), "nothing that can be excepted");
        is_refused(ALLOW("\"ids:5-4\""), "nothing that can be excepted");
        is_refused(ALLOW("\"ids:5\""), "nothing that can be excepted");
        is_refused(ALLOW("\"ids:1-4294967295\""), "nothing that can be excepted");
        is_refused(ALLOW("\"seccomp\""), "exceptions[0].allow[0]: \"seccomp\" is nothing that can be excepted");
        is_refused(ALLOW("\"user.host\""), "nothing that can be excepted");
        is_refused(ALLOW("\"mount:srv\""), "nothing that can be excepted");
        is_refused(ALLOW("\"mount:/srv/../etc\""), "nothing that can be excepted");
        is_refused("{\"version\":1,\"exceptions\":[{\"id\":\"EX-7\"}]}", "exceptions[0].profile: is required and missing");
}

Test(policy_file, names_lead_somewhere)
{
        is_refused("{\"version\":1,\"defaultProfile\":\"nightly\"}", "defaultProfile: there is no profile \"nightly\"");
        is_refused("{\"version\":1,\"select\":{\"argv0\":{\"runb-x\":\"nightly\"}}}", "select.argv0: there is no profile");
        is_refused("{\"version\":1,\"select\":{\"match\":[{\"annotation\":{\"a\":\"b\"},\"profile\":\"nightly\"}]}}",
                   "select.match: there is no profile");
        is_refused("{\"version\":1,\"select\":{\"annotation\":{\"key\":\"k\",\"allow\":{\"branch\":[\"nightly\"]}}}}",
                   "select.annotation.allow: there is no profile");
        is_refused("{\"version\":1,\"select\":{\"match\":[{\"annotation\":{},\"profile\":\"release\"}]}}",
                   "without one every container would match");
        is_refused("{\"version\":1,\"profiles\":{\"Branch\":{}}}", "profiles.Branch: this is no name of a profile");
        is_refused("{\"version\":1,\"profiles\":{\"a+b\":{}}}", "no name of a profile");
}

Test(policy_file, too_long_a_text_is_not_parsed)
{
        static char text[POLICY_FILE_LIMIT_BYTES + 2];

        memset(text, ' ', sizeof text - 1);
        is_refused(text, "longer than 1048576 bytes");
}

/* Written, read and written again: the same text. */
static void round_trip(const struct policy_profile *profile)
{
        auto_buffer struct text_buffer first = { 0 }, second = { 0 };
        char *document;

        policy_file_write_profile(profile, "", &first);
        document = arena_format(&arena, "{\"version\":1,\"profiles\":{\"%s\":%s}}", profile->name, first.text);
        is_read(document);
        policy_file_write_profile(policy_file_profile(&file, profile->name), "", &second);
        cr_assert_str_eq(first.text, second.text);
}

Test(policy_file, what_is_written_is_read_back)
{
        size_t n;
        const struct policy_profile *builtins = policy_profile_builtins(&n);

        for (size_t i = 0; i < n; i++)
                round_trip(&builtins[i]);
        round_trip(untrusted(
                "\"capabilities\":[\"CAP_KILL\"],\"seccomp\":{\"base\":\"engine\",\"userNamespaces\":true,\"setuidFiles\":false},"
                "\"rootfs\":\"ephemeral\",\"mounts\":{\"denySources\":[\"/a\\\"b/**\"],\"sockets\":\"allow\",\"allow\":[\"/x\"]},"
                "\"devices\":[{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,\"minor\":229}],"
                "\"egress\":{\"mode\":\"audit\",\"allow\":[{\"host\":\"a.b\",\"ports\":[1,2]},{\"cidr\":\"::/0\",\"ports\":[3]}],"
                "\"proxy\":\"10.0.0.1:3128\"},\"ingress\":\"any\",\"limits\":{\"wall\":\"999999d\",\"memory\":\"999999T\","
                "\"swap\":\"3K\",\"pids\":1,\"cpus\":\"9999.999\",\"ioWeight\":1,\"nofile\":1,\"core\":\"1G\",\"fsize\":7,"
                "\"concurrent\":1,\"grace\":\"7s\"},\"env\":{\"deny\":[\"*_TOKEN\"],\"onMatch\":\"refuse\"},\"hooks\":{\"allowPaths\":[]}"));
}
