#include <linux/mount.h>

#include "tests/unit/oci-spec/check.h"

/* <sys/mount.h> and <linux/mount.h> clash in glibc 2.36; these are ABI. */
#define CHECK_SYNC 16ul
#define CHECK_MANDLOCK 64ul
#define CHECK_DIRSYNC 128ul
#define CHECK_SILENT 32768ul
#define CHECK_UNBINDABLE (1ul << 17)
#define CHECK_PRIVATE (1ul << 18)
#define CHECK_SLAVE (1ul << 19)
#define CHECK_SHARED (1ul << 20)
#define CHECK_I_VERSION (1ul << 23)
#define CHECK_LAZYTIME (1ul << 25)

static const struct spec_mount *good(const char *mount)
{
        static struct spec spec;
        char text[4096];

        snprintf(text, sizeof text, "\"mounts\": [%s]", mount);
        check_good(text, &spec);
        cr_assert_eq(spec.n_mounts, 1);
        return &spec.mounts[0];
}

static const struct spec_mount *with_options(const char *options)
{
        char text[2048];

        snprintf(text, sizeof text, "{\"destination\": \"/m\", \"type\": \"tmpfs\", \"options\": [%s]}", options);
        return good(text);
}

#define assert_refused(mount, sentence) assert_bad("\"mounts\": [" mount "]", "mounts[0]" sentence)

Test(mounts, a_target_is_all_that_is_required)
{
        const struct spec_mount *mount = good("{\"destination\": \"/m\"}");

        cr_assert_str_eq(mount->target, "/m");
        cr_assert_null(mount->source);
        cr_assert_null(mount->fstype);
        cr_assert_str_eq(mount->data, "");
        cr_assert_eq(mount->kind, SPEC_MOUNT_OTHER);
        assert_refused("{}", ".destination: is required and missing");
        assert_refused("{\"destination\": \"\"}", ".destination: is empty");
        assert_refused("{\"destination\": null}", ".destination: is required and missing");
        assert_refused("null", ": expected an object, found null");
        assert_refused("{\"destination\": \"/\", \"type\": 1}", ".type: expected a string, found a number");
        assert_refused("{\"destination\": \"/\", \"options\": \"ro\"}", ".options: expected an array, found a string");
        assert_refused("{\"destination\": \"/\", \"options\": [\"ro\", null]}",
                       ".options[1]: expected a string, found null");
}

Test(mounts, a_target_has_one_spelling)
{
        static const char *const spellings[][2] = {
                { "/", "/" }, { "//", "/" }, { "/.", "/" }, { "/..", "/" }, { ".", "/" }, { "..", "/" },
                { "proc", "/proc" }, { "./proc/", "/proc" }, { "/proc/", "/proc" }, { "//proc//sys", "/proc/sys" },
                { "/a/../proc", "/proc" }, { "/a/b/../../../proc/.", "/proc" }, { "/a/..b/...", "/a/..b/..." },
                { "a/b", "/a/b" }, { "../../etc", "/etc" },
        };
        char text[256];

        for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
                snprintf(text, sizeof text, "{\"destination\": \"%s\"}", spellings[i][0]);
                cr_assert_str_eq(good(text)->target, spellings[i][1]);
        }
}

Test(mounts, stay_in_the_listed_order)
{
        struct spec spec;

        check_good("\"mounts\": [{\"destination\": \"/b\"}, {\"destination\": \"/a\"}, {\"destination\": \"/b/c\"}]", &spec);
        cr_assert_eq(spec.n_mounts, 3);
        cr_assert_str_eq(spec.mounts[0].target, "/b");
        cr_assert_str_eq(spec.mounts[2].target, "/b/c");
}

Test(mounts, the_kind_is_the_type_unless_an_option_says_bind)
{
        static const struct { const char *type; enum spec_mount_kind kind; } kinds[] = {
                { "proc", SPEC_MOUNT_PROC }, { "sysfs", SPEC_MOUNT_SYSFS }, { "cgroup", SPEC_MOUNT_CGROUP },
                { "cgroup2", SPEC_MOUNT_CGROUP }, { "devpts", SPEC_MOUNT_DEVPTS }, { "mqueue", SPEC_MOUNT_MQUEUE },
                { "tmpfs", SPEC_MOUNT_TMPFS }, { "overlay", SPEC_MOUNT_OVERLAY }, { "ext4", SPEC_MOUNT_OTHER },
                { "", SPEC_MOUNT_OTHER }, { "none", SPEC_MOUNT_OTHER },
        };
        char text[256];

        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
                snprintf(text, sizeof text, "{\"destination\": \"/m\", \"type\": \"%s\"}", kinds[i].type);
                cr_assert_eq(good(text)->kind, kinds[i].kind, "%s", kinds[i].type);
                snprintf(text, sizeof text, "{\"destination\": \"/m\", \"source\": \"s\", \"type\": \"%s\","
                         "\"options\": [\"bind\"]}", kinds[i].type);
                cr_assert_eq(good(text)->kind, SPEC_MOUNT_BIND, "%s", kinds[i].type);
        }
        cr_assert_eq(good("{\"destination\": \"/m\", \"source\": \"/s\", \"type\": \"bind\"}")->kind, SPEC_MOUNT_BIND);
        cr_assert_not(good("{\"destination\": \"/m\", \"source\": \"/s\", \"options\": [\"bind\"]}")->is_recursive);
        cr_assert(good("{\"destination\": \"/m\", \"source\": \"/s\", \"options\": [\"rbind\"]}")->is_recursive);
        cr_assert_str_eq(good("{\"destination\": \"/m\", \"source\": \"rel/s\", \"options\": [\"rbind\"]}")->source, "rel/s");
        assert_refused("{\"destination\": \"/m\", \"options\": [\"bind\"]}",
                       ".source: is required for a bind and missing");
        good("{\"destination\": \"/m\", \"options\": [\"remount\", \"bind\", \"ro\"]}");
}

Test(mounts, options_of_this_mount)
{
        static const struct { const char *option, *opposite; uint64_t flag; } attributes[] = {
                { "ro", "rw", MOUNT_ATTR_RDONLY }, { "nosuid", "suid", MOUNT_ATTR_NOSUID },
                { "nodev", "dev", MOUNT_ATTR_NODEV }, { "noexec", "exec", MOUNT_ATTR_NOEXEC },
                { "nodiratime", "diratime", MOUNT_ATTR_NODIRATIME },
                { "nosymfollow", "symfollow", MOUNT_ATTR_NOSYMFOLLOW },
        };
        const struct spec_mount *mount;
        char text[128];

        for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
                snprintf(text, sizeof text, "\"%s\"", attributes[i].option);
                mount = with_options(text);
                cr_assert_eq(mount->attr_set, attributes[i].flag, "%s", text);
                cr_assert_eq(mount->attr_clear, 0, "%s", text);
                cr_assert_str_eq(mount->data, "", "%s", text);
                cr_assert_eq(mount->attr_set_recursive | mount->attr_clear_recursive, 0);
                snprintf(text, sizeof text, "\"%s\"", attributes[i].opposite);
                mount = with_options(text);
                cr_assert_eq(mount->attr_set, 0, "%s", text);
                cr_assert_eq(mount->attr_clear, attributes[i].flag, "%s", text);
                cr_assert_str_eq(mount->data, "", "%s", text);
                /* The later one counts. */
                snprintf(text, sizeof text, "\"%s\", \"%s\"", attributes[i].opposite, attributes[i].option);
                mount = with_options(text);
                cr_assert_eq(mount->attr_set, attributes[i].flag, "%s", text);
                cr_assert_eq(mount->attr_clear, 0, "%s", text);

                snprintf(text, sizeof text, "\"r%s\"", attributes[i].option);
                mount = with_options(text);
                cr_assert_eq(mount->attr_set_recursive, attributes[i].flag, "%s", text);
                cr_assert_eq(mount->attr_set | mount->attr_clear | mount->attr_clear_recursive, 0, "%s", text);
                cr_assert_str_eq(mount->data, "", "%s", text);
                snprintf(text, sizeof text, "\"r%s\"", attributes[i].opposite);
                mount = with_options(text);
                cr_assert_eq(mount->attr_clear_recursive, attributes[i].flag, "%s", text);
                cr_assert_eq(mount->attr_set | mount->attr_clear | mount->attr_set_recursive, 0, "%s", text);
        }
}

Test(mounts, access_times_are_one_field)
{
        static const struct { const char *options; uint64_t set; } times[] = {
                { "\"noatime\"", MOUNT_ATTR_NOATIME }, { "\"relatime\"", MOUNT_ATTR_RELATIME },
                { "\"strictatime\"", MOUNT_ATTR_STRICTATIME }, { "\"atime\"", 0 }, { "\"norelatime\"", 0 },
                { "\"nostrictatime\"", 0 }, { "\"noatime\", \"strictatime\"", MOUNT_ATTR_STRICTATIME },
                { "\"strictatime\", \"noatime\"", MOUNT_ATTR_NOATIME },
                { "\"noatime\", \"nostrictatime\"", MOUNT_ATTR_NOATIME }, { "\"noatime\", \"atime\"", 0 },
                { "\"strictatime\", \"relatime\"", 0 },
        };
        char text[128], *out;

        for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
                const struct spec_mount *mount = with_options(times[i].options);

                cr_assert_eq(mount->attr_set, times[i].set, "%s", times[i].options);
                cr_assert_eq(mount->attr_clear, MOUNT_ATTR__ATIME, "%s", times[i].options);
                /* The same with an r before each. */
                out = text;
                for (const char *c = times[i].options; *c != '\0'; c++) {
                        *out++ = *c;
                        if (*c == '"' && c[1] != ',' && c[1] != '\0')
                                *out++ = 'r';
                }
                *out = '\0';
                mount = with_options(text);
                cr_assert_eq(mount->attr_set_recursive, times[i].set, "%s", text);
                cr_assert_eq(mount->attr_clear_recursive, MOUNT_ATTR__ATIME, "%s", text);
                cr_assert_eq(mount->attr_set | mount->attr_clear, 0, "%s", text);
                cr_assert_str_eq(mount->data, "", "%s", text);
        }
}

Test(mounts, options_of_the_file_system)
{
        static const struct { const char *option; unsigned long set, clear; } supers[] = {
                { "sync", CHECK_SYNC, 0 }, { "async", 0, CHECK_SYNC }, { "dirsync", CHECK_DIRSYNC, 0 },
                { "lazytime", CHECK_LAZYTIME, 0 }, { "nolazytime", 0, CHECK_LAZYTIME },
                { "iversion", CHECK_I_VERSION, 0 }, { "noiversion", 0, CHECK_I_VERSION },
                { "mand", CHECK_MANDLOCK, 0 }, { "nomand", 0, CHECK_MANDLOCK },
                { "silent", CHECK_SILENT, 0 }, { "loud", 0, CHECK_SILENT }, { "defaults", 0, 0 },
        };
        char text[64];

        for (size_t i = 0; i < sizeof supers / sizeof supers[0]; i++) {
                const struct spec_mount *mount;

                snprintf(text, sizeof text, "\"%s\"", supers[i].option);
                mount = with_options(text);
                cr_assert_eq(mount->sb_flags, supers[i].set, "%s", text);
                cr_assert_eq(mount->sb_flags_clear, supers[i].clear, "%s", text);
                cr_assert_str_eq(mount->data, "", "%s", text);
                cr_assert_eq(mount->attr_set | mount->attr_clear, 0, "%s", text);
        }
        cr_assert_eq(with_options("\"sync\", \"async\"")->sb_flags, 0);
        cr_assert_eq(with_options("\"async\", \"sync\"")->sb_flags_clear, 0);
}

Test(mounts, propagation)
{
        static const struct { const char *option; unsigned long flag; } kinds[] = {
                { "private", CHECK_PRIVATE }, { "slave", CHECK_SLAVE }, { "shared", CHECK_SHARED },
                { "unbindable", CHECK_UNBINDABLE },
        };
        char text[64];

        cr_assert_eq(with_options("")->propagation, 0);
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
                const struct spec_mount *mount;

                snprintf(text, sizeof text, "\"%s\"", kinds[i].option);
                mount = with_options(text);
                cr_assert_eq(mount->propagation, kinds[i].flag);
                cr_assert_not(mount->is_propagation_recursive);
                snprintf(text, sizeof text, "\"r%s\"", kinds[i].option);
                mount = with_options(text);
                cr_assert_eq(mount->propagation, kinds[i].flag);
                cr_assert(mount->is_propagation_recursive);
        }
}

#define BIND "{\"destination\": \"/m\", \"source\": \"/s\", "

/* A policy that asks whether a mount is read-only gets the answer that the kernel will give. */
Test(mounts, recursive_options_have_the_last_word)
{
        const struct spec_mount *mount = good(BIND "\"options\": [\"rbind\", \"rro\", \"rw\", \"noatime\", \"ratime\"]}");

        cr_assert_eq(mount->attr_clear & MOUNT_ATTR_RDONLY, 0);
        cr_assert(mount->attr_set_recursive & MOUNT_ATTR_RDONLY);
        cr_assert_eq(mount->attr_set & MOUNT_ATTR__ATIME, 0);
        mount = good(BIND "\"options\": [\"rbind\", \"ro\", \"rrw\"]}");
        cr_assert_eq(mount->attr_set & MOUNT_ATTR_RDONLY, 0);
}

Test(mounts, options_of_the_runtime)
{
        cr_assert(with_options("\"remount\"")->is_remount);
        cr_assert(with_options("\"tmpcopyup\"")->is_tmpcopyup);
        cr_assert(with_options("\"copy-symlink\"")->is_copy_symlink);
        cr_assert(good(BIND "\"options\": [\"bind\", \"idmap\"]}")->is_idmap);
        cr_assert_not(good(BIND "\"options\": [\"bind\", \"idmap\"]}")->is_idmap_recursive);
        cr_assert(good(BIND "\"options\": [\"bind\", \"ridmap\"]}")->is_idmap);
        cr_assert(good(BIND "\"options\": [\"bind\", \"ridmap\"]}")->is_idmap_recursive);
        assert_refused("{\"destination\": \"/m\", \"type\": \"tmpfs\", \"options\": [\"idmap\"]}",
                       ".options: idmap and ridmap are for binds; drop the mappings");
        assert_refused(BIND "\"options\": [\"bind\", \"src-nofollow\"]}",
                       ".options[1]: \"src-nofollow\" is not supported: name the file that the link leads to");
        assert_refused(BIND "\"options\": [\"bind\", \"dest-nofollow\"]}",
                       ".options[1]: \"dest-nofollow\" is not supported: name the file that the link leads to");
        assert_refused("{\"destination\": \"/m\", \"options\": [\"ro\", \"idmap=uids=0-1-10\"]}",
                       ".options[1]: \"idmap=uids=0-1-10\" is not supported: give uidMappings and gidMappings");
}

Test(mounts, what_is_no_option_of_ours_is_the_file_systems)
{
        cr_assert_str_eq(with_options("\"nosuid\", \"mode=755\", \"ro\", \"size=65536k\", \"\", \"RO\", \"rorw\"")->data,
                         "mode=755,size=65536k,RO,rorw");
        cr_assert_str_eq(with_options("\"x\"")->data, "x");
        cr_assert_str_eq(with_options("\"ro\"")->data, "");
}

Test(mounts, id_maps_come_in_pairs)
{
        const struct spec_mount *mount =
                good(BIND "\"type\": \"bind\", \"uidMappings\": [{\"containerID\": 0, \"hostID\": 1000, \"size\": 1},"
                     "{\"containerID\": 1, \"hostID\": 100000, \"size\": 65535}], \"gidMappings\": [{\"containerID\": 0,"
                     "\"hostID\": 1000, \"size\": 4294966295}]}");

        cr_assert(mount->is_idmap);
        cr_assert_not(mount->is_idmap_recursive);
        cr_assert_eq(mount->n_uid_map, 2);
        cr_assert_eq(mount->uid_map[1].outside, 100000);
        cr_assert_eq(mount->gid_map[0].size, 4294966295u);
        cr_assert_not(good("{\"destination\": \"/m\", \"uidMappings\": [], \"gidMappings\": []}")->is_idmap);
        assert_refused(BIND "\"type\": \"bind\", \"uidMappings\": [{\"containerID\": 0, \"hostID\": 1, \"size\": 1}]}",
                       ".gidMappings: is required beside uidMappings and missing");
        assert_refused(BIND "\"type\": \"bind\", \"gidMappings\": [{\"containerID\": 0, \"hostID\": 1, \"size\": 1}]}",
                       ".uidMappings: is required beside gidMappings and missing");
}

Test(mounts, a_hundred_thousand_are_read)
{
        size_t size = 15 << 20, length = 0;
        char *text = malloc(size);
        struct spec spec;

        length += (size_t)snprintf(text, size, "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"mounts\":[");
        for (unsigned i = 0; i < 100000; i++)
                length += (size_t)snprintf(text + length, size - length,
                                           "%s{\"destination\":\"/m%u\",\"source\":\"/s\",\"type\":\"bind\","
                                           "\"options\":[\"rbind\",\"ro\",\"nosuid\"]}", i == 0 ? "" : ",", i);
        length += (size_t)snprintf(text + length, size - length, "]}");
        cr_assert_eq(spec_read(&check_arena, text, length, "config.json", &spec, &check_error), 0, "%s",
                     check_error.text);
        cr_assert_eq(spec.n_mounts, 100000);
        cr_assert_str_eq(spec.mounts[99999].target, "/m99999");
        free(text);
}
