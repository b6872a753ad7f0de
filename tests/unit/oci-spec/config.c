#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "tests/unit/oci-spec/check.h"

static int read_text(const char *text, struct spec *ret_spec)
{
        memset(&check_error, 0, sizeof check_error);
        return spec_read(&check_arena, text, strlen(text), "config.json", ret_spec, &check_error);
}

Test(config, reads_what_is_required_and_leaves_the_rest_absent)
{
        struct spec spec;

        check_good("", &spec);
        cr_assert_str_eq(spec.oci_version, "1.0.2");
        cr_assert_str_eq(spec.root_path, "rootfs");
        cr_assert_null(spec.hostname);
        cr_assert_not(spec.has_process);
        cr_assert_not(spec.is_root_readonly);
        cr_assert_eq(spec.n_mounts, 0);
        cr_assert_eq(spec.n_annotations, 0);
}

Test(config, any_version_1_is_ours)
{
        static const char *const good[] = { "1.0.0", "1.0.2-dev", "1.3.0", "1.1.0+dev", "1.0.0-rc5-dev", "1.99.7-a.b+c.d" };
        static const char *const bad[] = { "0.1.0", "2.0.0", "1", "1.0", "1.0.", "1.0.0-", "1.0.0+", "1.00.0", "01.0.0",
                                           "v1.0.0", "1.0.0 ", "1.0.0.0", "", "1.0.0-a..b", "10.0.0", "1.0.x" };
        struct spec spec;
        char text[128];

        for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
                snprintf(text, sizeof text, "{\"ociVersion\": \"%s\", \"root\": {\"path\": \"r\"}}", good[i]);
                cr_assert_eq(read_text(text, &spec), 0, "%s", good[i]);
                cr_assert_str_eq(spec.oci_version, good[i]);
        }
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                snprintf(text, sizeof text, "{\"ociVersion\": \"%s\", \"root\": {\"path\": \"r\"}}", bad[i]);
                cr_assert_eq(read_text(text, &spec), -EINVAL, "%s", bad[i]);
        }
        cr_assert_str_eq(check_error.text, "config.json: ociVersion: \"1.0.x\" is not a version of SemVer 2.0.0");
        cr_assert_lt(read_text("{\"ociVersion\": \"2.0.0\"}", &spec), 0);
        cr_assert_str_eq(check_error.text, "config.json: ociVersion: \"2.0.0\" is not supported, only 1.x is");
}

Test(config, required_members_are_required)
{
        struct spec spec;

        cr_assert_lt(read_text("{\"root\": {\"path\": \"r\"}}", &spec), 0);
        cr_assert_str_eq(check_error.text, "config.json: ociVersion: is required and missing");
        cr_assert_lt(read_text("{\"ociVersion\": \"1.0.0\"}", &spec), 0);
        cr_assert_str_eq(check_error.text, "config.json: root: is required and missing");
        cr_assert_lt(read_text("{\"ociVersion\": \"1.0.0\", \"root\": null}", &spec), 0);
        cr_assert_str_eq(check_error.text, "config.json: root: is required and missing");
        cr_assert_lt(read_text("{\"ociVersion\": \"1.0.0\", \"root\": {}}", &spec), 0);
        cr_assert_str_eq(check_error.text, "config.json: root.path: is required and missing");
        cr_assert_lt(read_text("{\"ociVersion\": \"1.0.0\", \"root\": {\"path\": \"\"}}", &spec), 0);
        cr_assert_str_eq(check_error.text, "config.json: root.path: is empty");
        cr_assert_lt(read_text("{\"ociVersion\": \"1.0.0\", \"root\": \"r\"}", &spec), 0);
        cr_assert_str_eq(check_error.text, "config.json: root: expected an object, found a string");
        cr_assert_lt(read_text("{\"ociVersion\": 1.0, \"root\": {\"path\": \"r\"}}", &spec), 0);
        cr_assert_str_eq(check_error.text, "config.json: ociVersion: expected a string, found a number");
        cr_assert_lt(read_text("null", &spec), 0);
        cr_assert_str_eq(check_error.text, "config.json: expected an object, found null");
        cr_assert_lt(read_text("[]", &spec), 0);
        cr_assert_lt(read_text("7", &spec), 0);
}

Test(config, a_failure_leaves_the_value_alone)
{
        struct spec spec = { .hostname = "untouched" };

        cr_assert_lt(read_text("{\"ociVersion\": \"1.0.0\", \"hostname\": \"new\"}", &spec), 0);
        cr_assert_str_eq(spec.hostname, "untouched");
}

Test(config, unknown_properties_are_ignored_whatever_they_hold)
{
        struct spec spec;

        check_good("\"windows\": {\"layerFolders\": 7}, \"Hostname\": 1, \"x\": [[[{\"y\": 1e999}]]], \"vm\": null", &spec);
        cr_assert_null(spec.hostname, "names are exact");
}

Test(config, small_members)
{
        struct spec spec;

        check_good("\"hostname\": \"h\", \"domainname\": \"d\", \"annotations\": {\"a\": \"1\", \"b.c/d\": \"\", \"e\": null}", &spec);
        cr_assert_str_eq(spec.hostname, "h");
        cr_assert_str_eq(spec.domainname, "d");
        cr_assert_eq(spec.n_annotations, 2);
        cr_assert_str_eq(spec_annotation(&spec, "a"), "1");
        cr_assert_str_eq(spec_annotation(&spec, "b.c/d"), "");
        cr_assert_null(spec_annotation(&spec, "e"));
        check_good("\"hostname\": \"\"", &spec);
        cr_assert_null(spec.hostname);
        assert_bad("\"annotations\": {\"\": \"1\"}", "annotations[\"\"]: the key is empty");
        assert_bad("\"annotations\": {\"a\": 1}", "annotations[\"a\"]: expected a string, found a number");
        assert_bad("\"annotations\": [\"a=1\"]", "annotations: expected an object, found an array");
        assert_bad("\"hostname\": \"65-bytes-of-a-name-that-sethostname-will-not-take-even-if-asked-t\"",
                   "hostname: 65 bytes long; the kernel takes 64");
        assert_bad("\"root\": {\"path\": \"x\"}", "line 1 (byte 74): the object that ends here has the member \"root\" twice");
}

Test(config, root_may_be_read_only)
{
        struct spec spec;

        cr_assert_eq(read_text("{\"ociVersion\": \"1.0.0\", \"root\": {\"path\": \"/r\", \"readonly\": true}}", &spec), 0);
        cr_assert(spec.is_root_readonly);
        cr_assert_lt(read_text("{\"ociVersion\": \"1.0.0\", \"root\": {\"path\": \"/r\", \"readonly\": \"yes\"}}", &spec), 0);
        cr_assert_str_eq(check_error.text, "config.json: root.readonly: expected a boolean, found a string");
}

Test(config, a_hostile_text_stays_on_one_line_and_short)
{
        const char *text = check_bad("\"annotations\": {\"\\n\\u001b]0;x\\u0007 ...........................................................................................................................................\": 1}");

        cr_assert_null(strpbrk(text, "\n\033\007"));
        cr_assert_lt(strlen(text), 250);
}

Test(config, a_cut_document_is_an_error_wherever_it_is_cut)
{
        static const char whole[] = "{\"ociVersion\": \"1.0.0\", \"root\": {\"path\": \"r\"}, \"process\": {\"cwd\": \"/\", \"user\":"
                                    "{\"uid\": 0, \"gid\": 10}, \"args\": [\"a\\u0041\"]}, \"hooks\": {}}";
        struct spec spec;

        cr_assert_eq(spec_read(&check_arena, whole, sizeof whole - 1, "c", &spec, &check_error), 0);
        for (size_t length = 0; length < sizeof whole - 1; length++)
                cr_assert_lt(spec_read(&check_arena, whole, length, "c", &spec, &check_error), 0, "%zu", length);
}

Test(config, a_document_over_the_limit_is_not_looked_at)
{
        size_t length = SPEC_CONFIG_LIMIT_BYTES + 1;
        char *text = calloc(1, length);
        struct spec spec;

        cr_assert_eq(spec_read(&check_arena, text, length, "config.json", &spec, &check_error), -E2BIG);
        cr_assert_str_eq(check_error.text, "config.json: 16777217 bytes long, which is more than 16 MiB");
        cr_assert_null(check_arena.blocks);
        free(text);
}

Test(config, a_string_of_ten_megabytes_is_no_worse_than_a_short_one)
{
        size_t size = 11 << 20, length;
        char *text = malloc(size);
        struct spec spec;

        length = (size_t)snprintf(text, size, "{\"ociVersion\": \"1.0.0\", \"root\": {\"path\": \"r\"}, \"hostname\": \"");
        memset(text + length, 'a', 10 << 20);
        length += 10 << 20;
        strcpy(text + length, "\"}");
        cr_assert_eq(spec_read(&check_arena, text, length + 2, "config.json", &spec, &check_error), -EINVAL);
        cr_assert_str_eq(check_error.text, "config.json: hostname: 10485760 bytes long; the kernel takes 64");
        free(text);
}

Test(config, a_hundred_thousand_annotations_are_not_compared_each_with_each)
{
        size_t size = 8 << 20, length;
        char *text = malloc(size);
        struct timespec begin, end;
        struct spec spec;

        length = (size_t)snprintf(text, size, "{\"ociVersion\": \"1.0.0\", \"root\": {\"path\": \"r\"}, \"annotations\": {\"a\": \"\"");
        for (unsigned i = 0; i < 100000; i++)
                length += (size_t)snprintf(text + length, size - length, ", \"some.long.prefix.of.a.key/%u\": \"%u\"", i, i);
        strcpy(text + length, "}}");
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
        cr_assert_eq(spec_read(&check_arena, text, length + 2, "config.json", &spec, &check_error), 0);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
        cr_assert_eq(spec.n_annotations, 100001);
        /* About 0.1 s here; each with each would be five thousand million comparisons. */
        cr_assert_lt(end.tv_sec - begin.tv_sec, 10);
        free(text);
}

/* ---- the file ---- */

static char folder[] = "/tmp/runb-config-XXXXXX";
static int folder_fd;

static void make_folder(void)
{
        cr_assert_not_null(mkdtemp(folder));
        folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(folder_fd, 0);
}

static void remove_folder(void)
{
        close(folder_fd);
        fd_remove_tree(AT_FDCWD, folder);
}

static void write_config(const char *text)
{
        auto_close int fd = openat(folder_fd, "config.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        cr_assert_eq(fd_write_all(fd, text, strlen(text)), 0);
}

static int read_bundle(struct spec *ret_spec, const char **ret_text, size_t *ret_length)
{
        memset(&check_error, 0, sizeof check_error);
        return spec_read_bundle(&check_arena, folder_fd, ret_spec, ret_text, ret_length, &check_error);
}

Test(config_file, is_read_and_its_bytes_kept_as_they_were, .init = make_folder, .fini = remove_folder)
{
        const char *whole = "{\"ociVersion\": \"1.0.0\",\n \"root\": {\"path\": \"a\\u0062\"}}\n", *text = NULL;
        struct spec spec;
        size_t length = 0;

        write_config(whole);
        cr_assert_eq(read_bundle(&spec, &text, &length), 0, "%s", check_error.text);
        cr_assert_str_eq(spec.root_path, "ab");
        cr_assert_eq(length, strlen(whole));
        cr_assert_arr_eq(text, whole, length);
        cr_assert_eq(read_bundle(&spec, NULL, NULL), 0);
        cr_assert_str_eq(spec.root_path, "ab");
}

Test(config_file, that_is_missing_is_named_as_runc_does, .init = make_folder, .fini = remove_folder)
{
        struct spec spec;

        cr_assert_eq(read_bundle(&spec, NULL, NULL), -ENOENT);
        cr_assert_str_eq(check_error.text, "JSON specification file config.json not found; "
                         "--bundle names the folder that holds it");
}

Test(config_file, that_is_empty_or_not_json, .init = make_folder, .fini = remove_folder)
{
        struct spec spec;

        write_config("");
        cr_assert_eq(read_bundle(&spec, NULL, NULL), -EINVAL);
        cr_assert_str_eq(check_error.text, "config.json: is empty");
        write_config("ociVersion: 1.0.0\n");
        cr_assert_eq(read_bundle(&spec, NULL, NULL), -EINVAL);
        cr_assert_eq(strncmp(check_error.text, "config.json: line 1 (byte ", 26), 0, "%s", check_error.text);
}

Test(config_file, that_is_too_large_is_not_read, .init = make_folder, .fini = remove_folder)
{
        struct spec spec;

        write_config("{}");
        cr_assert_eq(truncate(strcat(strcpy((char[64]){ 0 }, folder), "/config.json"), 1 << 30), 0);
        cr_assert_eq(read_bundle(&spec, NULL, NULL), -E2BIG);
        cr_assert_str_eq(check_error.text, "config.json: 1073741824 bytes long, which is more than 16 MiB");
        cr_assert_null(check_arena.blocks);
}

Test(config_file, that_is_no_file_neither_hangs_nor_crashes, .init = make_folder, .fini = remove_folder)
{
        struct spec spec;

        cr_assert_eq(mkfifoat(folder_fd, "config.json", 0600), 0);
        cr_assert_eq(read_bundle(&spec, NULL, NULL), -EINVAL);
        cr_assert_str_eq(check_error.text, "config.json: is not a regular file");
        cr_assert_eq(unlinkat(folder_fd, "config.json", 0), 0);
        cr_assert_eq(mkdirat(folder_fd, "config.json", 0700), 0);
        cr_assert_eq(read_bundle(&spec, NULL, NULL), -EINVAL);
}
