#include "policies/paths.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mount.h>

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

TestSuite(policy_paths, .init = setup, .fini = teardown);

static void clean_is(const char *path, const char *wanted)
{
        cr_assert_str_eq(policy_paths_clean(&q.arena, path), wanted, "%s", path);
}

Test(policy_paths, cleans_by_the_letters)
{
        clean_is("/a/b", "/a/b");
        clean_is("//a///b/", "/a/b");
        clean_is("a/./b", "/a/b");
        clean_is("/a/../b", "/b");
        clean_is("/../../b", "/b");
        clean_is("/a/b/../../..", "/");
        clean_is("", "/");
        clean_is("/", "/");
        clean_is("/..a/.b", "/..a/.b");
}

Test(policy_paths, compares_by_component)
{
        cr_assert(policy_paths_is_in("/run/x", "/run"));
        cr_assert(policy_paths_is_in("/run", "/run"));
        cr_assert_not(policy_paths_is_in("/runx", "/run"));
        cr_assert(policy_paths_is_in("/anything", "/"));
        cr_assert_eq(policy_paths_depth_in("/a/b/c", "/a"), 2);
        cr_assert_eq(policy_paths_depth_in("/a", "/a"), 0);
        cr_assert_eq(policy_paths_depth_in("/ab", "/a"), -1);
        cr_assert_eq(policy_paths_depth_in("/a/b", "/"), 2);
        cr_assert_eq(policy_paths_depth_in("/", "/"), 0);
}

static bool holds(const char *const *paths, size_t n, const char *path)
{
        for (size_t i = 0; i < n; i++) {
                if (strcmp(paths[i], path) == 0)
                        return true;
        }
        return false;
}

Test(policy_paths, adds_the_usual_masks_to_the_engines)
{
        static const char *const asked[] = { "/proc/kcore", "/proc/mine" };
        const struct spec_linux *got = &q.sandbox.spec.linux_;

        q.spec.linux_.masked_paths = asked;
        q.spec.linux_.n_masked_paths = 2;
        request_passes(&q);
        cr_assert_eq(got->n_masked_paths, 15);
        cr_assert(holds(got->masked_paths, got->n_masked_paths, "/proc/mine"));
        cr_assert(holds(got->masked_paths, got->n_masked_paths, "/sys/firmware"));
        cr_assert(holds(got->masked_paths, got->n_masked_paths, "/proc/keys"));
        cr_assert(holds(got->readonly_paths, got->n_readonly_paths, "/proc/sys"));
        cr_assert(holds(got->readonly_paths, got->n_readonly_paths, "/proc/sysrq-trigger"));
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "paths"));
        /* The same request, with all of it: nothing to say. */
        q.spec.linux_.masked_paths = got->masked_paths;
        q.spec.linux_.n_masked_paths = got->n_masked_paths;
        q.spec.linux_.readonly_paths = got->readonly_paths;
        q.spec.linux_.n_readonly_paths = got->n_readonly_paths;
        {
                struct arena kept = q.arena;

                q.arena = (struct arena){ 0 };
                request_passes(&q);
                cr_assert_eq(got->n_masked_paths, 15);
                cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "paths"));
                arena_free(&kept);
        }
}

Test(policy_paths, refuses_a_folder_of_the_host_as_an_image)
{
        static const char *const folders[] = { "/", "/usr", "/home", "/proc/1/root", "/sys/fs" };

        for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
                q.host.rootfs_real_path = folders[i];
                request_is_refused(&q, "rootfs.host");
        }
        q.host.rootfs_real_path = "/home/ada/bundle/rootfs";
        request_passes(&q);
}

Test(policy_paths, refuses_to_show_mounts_to_the_host)
{
        q.spec.linux_.rootfs_propagation = MS_SHARED | MS_REC;
        request_is_refused(&q, "rootfs.propagation");
        q.spec.linux_.rootfs_propagation = MS_SLAVE | MS_REC;
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.linux_.rootfs_propagation, MS_SLAVE | MS_REC);
}

Test(policy_paths, refuses_a_cgroup_path_that_climbs)
{
        static const char *const bad[] = { "/docker/../x", "..", "../../system.slice", "a.slice:..:x", "/", "//", "/./" };
        static const char *const good[] = {
                "/docker/5f", "user.slice:libpod:5f", "relative/5f", "/a..b/c", "::5f",
        };

        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                q.spec.linux_.cgroups_path = bad[i];
                request_is_refused(&q, "cgroups.path");
        }
        for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
                q.spec.linux_.cgroups_path = good[i];
                request_passes(&q);
        }
}
