#include "tests/unit/oci-spec/check.h"

Test(config, reads_what_is_required_and_leaves_the_rest_absent)
{
        struct spec spec;

        check_good("", &spec);
        cr_assert_str_eq(spec.oci_version, "1.0.2");
        cr_assert_str_eq(spec.root_path, "rootfs");
        cr_assert_null(spec.hostname);
        cr_assert_not(spec.has_process);
        cr_assert_eq(spec.n_mounts, 0);
}

Test(config, names_the_property_and_both_types)
{
        assert_bad("\"process\": {\"cwd\": \"/\", \"user\": {\"uid\": \"0\", \"gid\": 0}}",
                   "process.user.uid: expected a number, found a string");
        assert_bad("\"process\": {\"cwd\": \"/\", \"user\": {\"uid\": 4294967295, \"gid\": 0}}",
                   "process.user.uid: 4294967295 is out of range (0 to 4294967294)");
        assert_bad("\"process\": {}", "process.cwd: is required and missing");
}
