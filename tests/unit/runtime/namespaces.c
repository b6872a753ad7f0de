#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/namespaces.h"

Test(namespaces, what_is_joined_is_what_was_judged)
{
        struct namespaces_plan plan = { .paths[SPEC_NS_NET] = "/proc/self/ns/net" };
        struct namespaces_ready ready;
        struct error err = { 0 };
        struct stat st;

        cr_assert_eq(stat("/proc/self/ns/net", &st), 0);
        plan.inodes[SPEC_NS_NET] = st.st_ino;
        cr_assert_eq(namespaces_prepare(&plan, &ready, &err), 0, "%s", err.text);
        namespaces_ready_close(&ready);
        /* Another one took its place; or there was nothing, which nobody judged. */
        plan.inodes[SPEC_NS_NET] = st.st_ino + 1;
        cr_assert_eq(namespaces_prepare(&plan, &ready, &err), -ESTALE);
        cr_assert(strstr(err.text, "/proc/self/ns/net is another file") != NULL, "%s", err.text);
        plan.inodes[SPEC_NS_NET] = 0;
        cr_assert_eq(namespaces_prepare(&plan, &ready, &err), -ESTALE);
}
