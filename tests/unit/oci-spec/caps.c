#include <criterion/criterion.h>
#include <strings.h>
#include <sys/capability.h>

#include "oci-spec/spec.h"

/* libcap's own names are those of <linux/capability.h>, in lower case. */
Test(caps, have_the_names_and_numbers_that_libcap_knows)
{
        int number;

        for (number = 0; number < cap_max_bits(); number++) {
                char *judge = cap_to_name(number);
                const char *name = spec_cap_name(number);
                cap_value_t judged = -1;

                /* cap_to_name(3): a number where it knows no name. */
                if (cap_from_name(judge, &judged) < 0 || judge[0] < 'a') {
                        cap_free(judge);
                        break;
                }
                cr_assert_not_null(name, "%s (%d) has no name here", judge, number);
                cr_assert_eq(strcasecmp(name, judge), 0, "%d is %s for libcap, %s here", number, judge, name);
                cr_assert_eq(judged, number);
                cr_assert_eq(spec_cap_number(name), number, "%s", name);
                cap_free(judge);
        }
        /* CAP_CHECKPOINT_RESTORE of Linux 5.9 is in every libcap that we build with. */
        cr_assert_gt(number, CAP_CHECKPOINT_RESTORE);
}

Test(caps, with_other_names_are_none)
{
        cr_assert_lt(spec_cap_number("cap_chown"), 0);
        cr_assert_lt(spec_cap_number("CHOWN"), 0);
        cr_assert_lt(spec_cap_number("0"), 0);
        cr_assert_lt(spec_cap_number(""), 0);
        cr_assert_null(spec_cap_name(-1));
        cr_assert_null(spec_cap_name(64));
}
