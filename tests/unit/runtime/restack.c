/* The options of an overlay, as mountinfo shows them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "runtime/restack_overlay.h"

static struct arena arena;
static struct restack_text got;
static struct error err;

static int parse(const char *text)
{
        arena_free(&arena);
        return restack_parse_options(&arena, text, &got, &err);
}

Test(restack, undoes_octal_escapes_and_then_the_overlays_own)
{
        /* What Linux 6.18 shows for the folders "a:b,c d" and "/u\v". */
        cr_assert_eq(parse("rw,lowerdir=/l1:/a\\134:b\\134\\054c\\040d,upperdir=/u\\134\\134v,workdir=/w"), 0);
        cr_assert_eq(got.n_lower, 2);
        cr_assert_str_eq(got.lower[0], "/l1");
        cr_assert_str_eq(got.lower[1], "/a:b,c d");
        cr_assert_str_eq(got.upper, "/u\\v");
        cr_assert_eq(got.n_data, 0);
}

Test(restack, knows_data_only_layers_in_both_spellings)
{
        cr_assert_eq(parse("ro,lowerdir=/l1:/l2::/d1::/d2"), 0);
        cr_assert_eq(got.n_lower, 4);
        cr_assert_eq(got.n_data, 2);
        cr_assert_str_eq(got.lower[3], "/d2");
        cr_assert_eq(parse("ro,lowerdir+=/a\\134b,lowerdir+=/c:d,datadir+=/e"), 0);
        cr_assert_eq(got.n_lower, 3);
        cr_assert_eq(got.n_data, 1);
        cr_assert_str_eq(got.lower[0], "/a\\b", "a name of its own has no escapes");
        cr_assert_str_eq(got.lower[1], "/c:d");
}

Test(restack, keeps_what_a_second_mount_may_have)
{
        cr_assert_eq(parse("rw,context=\"u:r:t:s0:c1,c2\",lowerdir=/l,upperdir=/u,workdir=/w,index=on,nfs_export=on,redirect_dir=on,"
                           "xino=off,metacopy=on,fsync=volatile"), 0);
        cr_assert_eq(got.n_options, 5);
        cr_assert_str_eq(got.options[0].key, "context");
        cr_assert_str_eq(got.options[0].value, "u:r:t:s0:c1,c2");
        cr_assert_str_eq(got.options[1].key, "redirect_dir");
        cr_assert_str_eq(got.options[4].key, "volatile");
        cr_assert_null(got.options[4].value);
        cr_assert_eq(parse("rw,lowerdir=/l,upperdir=/u,workdir=/w,volatile"), 0);
        cr_assert_str_eq(got.options[0].key, "volatile");
}

Test(restack, refuses_what_it_does_not_understand)
{
        static char many[501 * 3 + 100];
        size_t at = 0;

        cr_assert_eq(parse("rw"), -EINVAL);
        cr_assert_eq(parse(""), -EINVAL);
        cr_assert_eq(parse("lowerdir="), -EINVAL);
        cr_assert_eq(parse("lowerdir=/a:"), -EINVAL);
        cr_assert_eq(parse("lowerdir=:/a"), -EINVAL);
        cr_assert_eq(parse("lowerdir=/a::"), -EINVAL);
        cr_assert_eq(parse("lowerdir=/a\\134"), 0, "a backslash at the end is itself");
        at += (size_t)sprintf(many, "lowerdir=/a");
        for (int i = 0; i < 499; i++)
                at += (size_t)sprintf(many + at, ":/a");
        cr_assert_eq(parse(many), 0, "overlayfs's own limit is 500");
}
