#include <criterion/criterion.h>

#include "policies/patterns.h"

Test(policy_patterns, match_by_component)
{
        cr_assert(policy_patterns_match("/etc/**", "/etc"));
        cr_assert(policy_patterns_match("/etc/**", "/etc/a/b"));
        cr_assert_not(policy_patterns_match("/etc/**", "/etcetera"));
        cr_assert_not(policy_patterns_match("/etc", "/etc/a"));
        cr_assert(policy_patterns_match("/home/*/.ssh", "/home/ada/.ssh"));
        cr_assert_not(policy_patterns_match("/home/*/.ssh", "/home/ada/b/.ssh"));
        cr_assert_not(policy_patterns_match("/home/*", "/home"));
        cr_assert(policy_patterns_match("/**", "/"));
        cr_assert(policy_patterns_match("/**", "/x"));
        cr_assert(policy_patterns_match("/", "/"));
        cr_assert_not(policy_patterns_match("/", "/x"));
        cr_assert(policy_patterns_match("/a?c", "/abc"));
        cr_assert_not(policy_patterns_match("/a?c", "/a/c"));
        cr_assert(policy_patterns_match("/[ab]", "/[ab]"));
        cr_assert_not(policy_patterns_match("/[ab]", "/a"));
}

Test(policy_patterns, a_folder_reaches_what_lies_below)
{
        cr_assert(policy_patterns_reach("/srv/secret/**", "/srv"));
        cr_assert(policy_patterns_reach("/srv/secret/**", "/"));
        cr_assert(policy_patterns_reach("/home/*/.ssh", "/home/ada"));
        cr_assert(policy_patterns_reach("/srv/secret", "/srv/secret"));
        cr_assert_not(policy_patterns_reach("/srv/secret", "/srv/secret/x"));
        cr_assert_not(policy_patterns_reach("/srv/secret/**", "/srv/public"));
        cr_assert_not(policy_patterns_reach("/", "/srv"));
}

Test(policy_patterns, names_have_stars)
{
        cr_assert(policy_patterns_match_name("*_TOKEN", "GH_TOKEN"));
        cr_assert_not(policy_patterns_match_name("*_TOKEN", "TOKEN"));
        cr_assert(policy_patterns_match_name("*PASSWORD*", "PASSWORD"));
        cr_assert(policy_patterns_match_name("A?", "AB"));
        cr_assert_not(policy_patterns_match_name("A?", "A"));
        cr_assert(policy_patterns_match_name("*a*b*c", "xxaxxbxxbc"));
        cr_assert_not(policy_patterns_match_name("*a*b*c", "xxaxxbxxb"));
}
