#include "tests/unit/oci-spec/check.h"

Test(hooks, of_all_six_kinds)
{
        char text[256];
        struct spec spec;

        for (int kind = 0; kind < SPEC_HOOK_KINDS; kind++) {
                snprintf(text, sizeof text, "\"hooks\": {\"%s\": [{\"path\": \"/bin/h\"}, {\"path\": \"/bin/i\"}]}",
                         spec_hook_name((enum spec_hook_kind)kind));
                check_good(text, &spec);
                for (int other = 0; other < SPEC_HOOK_KINDS; other++)
                        cr_assert_eq(spec.hooks[other].n, other == kind ? 2 : 0);
                cr_assert_str_eq(spec.hooks[kind].hooks[1].path, "/bin/i");
        }
        cr_assert_str_eq(spec_hook_name(SPEC_HOOK_CREATE_RUNTIME), "createRuntime");
}

Test(hooks, have_arguments_environment_and_time)
{
        struct spec spec;
        const struct spec_hook *hook;

        check_good("\"hooks\": {\"prestart\": [{\"path\": \"/h\", \"args\": [\"h\", \"-x\"], \"env\": [\"A=1\"],"
                   "\"timeout\": 30}, {\"path\": \"/i\", \"args\": [], \"env\": null}]}", &spec);
        hook = &spec.hooks[SPEC_HOOK_PRESTART].hooks[0];
        cr_assert_str_eq(hook->args[0], "h");
        cr_assert_str_eq(hook->args[1], "-x");
        cr_assert_null(hook->args[2]);
        cr_assert_str_eq(hook->env[0], "A=1");
        cr_assert_null(hook->env[1]);
        cr_assert_eq(hook->timeout_seconds, 30);
        hook++;
        cr_assert_str_eq(hook->args[0], "/i", "the path, where none are given");
        cr_assert_null(hook->args[1]);
        cr_assert_null(hook->env[0]);
        cr_assert_eq(hook->timeout_seconds, 0);
}

Test(hooks, refuse_relative_paths_and_times_that_are_none)
{
        assert_bad("\"hooks\": {\"poststop\": [{\"path\": \"h\"}]}",
                   "hooks.poststop[0].path: \"h\" is not an absolute path");
        assert_bad("\"hooks\": {\"poststop\": [{}]}", "hooks.poststop[0].path: is required and missing");
        assert_bad("\"hooks\": {\"poststart\": [{\"path\": \"/h\"}, {\"path\": \"/h\", \"timeout\": 0}]}",
                   "hooks.poststart[1].timeout: 0 is out of range (1 to 9223372036854775807)");
        assert_bad("\"hooks\": {\"poststart\": [{\"path\": \"/h\", \"timeout\": -1}]}",
                   "hooks.poststart[0].timeout: -1 is out of range (1 to 9223372036854775807)");
        assert_bad("\"hooks\": {\"createRuntime\": {\"path\": \"/h\"}}",
                   "hooks.createRuntime: expected an array, found an object");
        assert_bad("\"hooks\": {\"createRuntime\": [{\"path\": \"/h\", \"args\": [1]}]}",
                   "hooks.createRuntime[0].args[0]: expected a string, found a number");
        assert_bad("\"hooks\": []", "hooks: expected an object, found an array");
}
