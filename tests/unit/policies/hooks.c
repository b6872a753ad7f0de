#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/unit/policies/request.h"

static struct request q;
static const struct spec_hook hook = { .path = "/usr/libexec/oci/hook" };
static struct host_hook fact;

static void setup(void)
{
        request_init(&q);
        fact = (struct host_hook){ .is_root_only = true, .real_path = hook.path };
}

static void teardown(void)
{
        request_free(&q);
}

TestSuite(policy_hooks, .init = setup, .fini = teardown);

static void ask(enum spec_hook_kind kind)
{
        memset(q.spec.hooks, 0, sizeof q.spec.hooks);
        q.spec.hooks[kind] = (struct spec_hook_list){ &hook, 1 };
        q.host.hooks[kind] = &fact;
}

static const enum spec_hook_kind of_the_host[] = {
        SPEC_HOOK_PRESTART, SPEC_HOOK_CREATE_RUNTIME, SPEC_HOOK_POSTSTART, SPEC_HOOK_POSTSTOP,
};

Test(policy_hooks, runs_what_only_root_can_write)
{
        for (size_t i = 0; i < 4; i++) {
                ask(of_the_host[i]);
                request_passes(&q);
                cr_assert_eq(q.sandbox.spec.hooks[of_the_host[i]].n, 1);
        }
}

Test(policy_hooks, refuses_what_others_can_write)
{
        fact.is_root_only = false;
        for (size_t i = 0; i < 4; i++) {
                ask(of_the_host[i]);
                request_is_refused(&q, "hooks");
        }
}

Test(policy_hooks, refuses_what_the_build_can_write)
{
        fact.is_in_rootfs = true;
        for (size_t i = 0; i < 4; i++) {
                ask(of_the_host[i]);
                request_is_refused(&q, "hooks");
        }
}

Test(policy_hooks, a_missing_one_is_left_to_whoever_opens_it_where_only_root_can_make_it)
{
        fact = (struct host_hook){ .error = ENOENT, .is_root_only = true };
        ask(SPEC_HOOK_POSTSTOP);
        request_passes(&q);
        fact.is_root_only = false;
        request_is_refused(&q, "hooks");
}

Test(policy_hooks, one_that_nobody_looked_at_is_refused)
{
        ask(SPEC_HOOK_PRESTART);
        q.host.hooks[SPEC_HOOK_PRESTART] = NULL;
        request_is_refused(&q, "hooks");
}

Test(policy_hooks, refuses_create_container_hooks)
{
        ask(SPEC_HOOK_CREATE_CONTAINER);
        request_is_refused(&q, "hooks.createContainer");
        q.policy.profile.allow_create_container_hooks = true;
        request_passes(&q);
        fact.is_in_rootfs = true;
        request_is_refused(&q, "hooks");
}

Test(policy_hooks, start_container_hooks_are_the_builds_own_programs)
{
        ask(SPEC_HOOK_START_CONTAINER);
        q.host.hooks[SPEC_HOOK_START_CONTAINER] = NULL;
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.hooks[SPEC_HOOK_START_CONTAINER].n, 1);
}
