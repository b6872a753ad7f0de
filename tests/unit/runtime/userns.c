#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/fd.h"
#include "runtime/subid.h"
#include "runtime/userns.h"

Test(userns, translates_an_inside_id)
{
        const struct spec_id_map map[] = { { 0, 100000, 10 }, { 20, 4294967294u, 1 } };

        cr_expect_eq(userns_map_id(map, 2, 0), 100000);
        cr_expect_eq(userns_map_id(map, 2, 9), 100009);
        cr_expect_eq(userns_map_id(map, 2, 10), -1);
        cr_expect_eq(userns_map_id(map, 2, 20), 4294967294ll);
        cr_expect_eq(userns_map_id(map, 2, 4294967295u), -1);
        cr_expect_eq(userns_map_id(NULL, 0, 0), -1);
}

static struct error err;
static struct arena arena;
static struct subid_range *ranges;
static size_t n;

static int read_text(const char *text, const char *owner)
{
        char name[] = "/tmp/runb-subid-XXXXXX";
        int fd = mkstemp(name), r;

        cr_assert_eq(fd_write_all(fd, text, strlen(text)), 0);
        close(fd);
        r = subid_read(name, owner, &arena, &ranges, &n, &err);
        unlink(name);
        return r;
}

Test(subid, reads_every_line_that_can_be_understood)
{
        cr_assert_eq(read_text("# a comment\n\nada:100000:65536\nbob:x:1\n1000:200000:10:more\nlast:1:4294967294", NULL), 0);
        cr_assert_eq(n, 3);
        cr_expect_str_eq(ranges[0].owner, "ada");
        cr_expect_eq(ranges[0].first, 100000);
        cr_expect_eq(ranges[0].count, 65536);
        cr_expect_str_eq(ranges[1].owner, "1000");
        cr_expect_eq(ranges[2].count, 4294967294u);
}

Test(subid, an_owners_own_faults_are_errors)
{
        static const char *const faults[] = { "ada", "ada:", "ada:1", "ada:1:", "ada:-1:5", "ada:1:0", "ada:1:4294967295",
                                              "ada:4294967296:1", "ada: 1:1", "ada:0x10:1" };

        for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
                cr_expect_eq(read_text(faults[i], "ada"), -EINVAL, "%s", faults[i]);
                cr_expect_not_null(strstr(err.text, "line 1"));
                cr_expect_eq(read_text(faults[i], "bob"), 0, "%s", faults[i]);
                cr_expect_eq(n, 0, "%s", faults[i]);
        }
}

Test(subid, a_missing_file_is_an_empty_one)
{
        cr_expect_eq(subid_read("/nowhere/subuid", "ada", &arena, &ranges, &n, &err), 0);
        cr_expect_eq(n, 0);
}
