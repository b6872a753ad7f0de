/* Device rules. */
#include "tests/sandbox/cgroups_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int answer(const struct box *box, const char *path, int flags)
{
        struct opening opening = { path, flags };
        int status;
        pid_t pid = spawn(&box->ready, try_open, &opening);

        return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

int device_rules_hold(void)
{
        const struct spec_device_rule read_null[] = { { false, 'a', -1, -1, 7 }, { true, 'c', 1, 3, 2 } };
        const struct spec_device_rule both[] = { { false, 'a', -1, -1, 7 }, { true, 'c', 1, 3, 6 }, { true, 'c', 1, 5, 2 } };
        const struct spec_device_rule hole[] = { { true, 'c', 1, -1, 7 }, { false, 'c', 1, 5, 7 } };
        auto_box struct box box = { 0 };
        struct error err = { 0 };

        want_ok(box_make(&box, "/t/devices", &no_limits, &err));
        want(answer(&box, "/dev/zero", O_RDONLY) == 0);
        want_ok(cgroups_set_devices(&box.plan, read_null, 2, &err));
        want(answer(&box, "/dev/null", O_RDONLY) == 0);
        want(answer(&box, "/dev/null", O_RDWR) == 1);
        want(answer(&box, "/dev/zero", O_RDONLY) == 1);
        want_ok(cgroups_set_devices(&box.plan, both, 3, &err));
        want(answer(&box, "/dev/null", O_RDWR) == 0);
        want(answer(&box, "/dev/zero", O_RDONLY) == 0);
        want(answer(&box, "/dev/zero", O_WRONLY) == 1);
        want(answer(&box, "/dev/full", O_RDONLY) == 1);
        want_ok(cgroups_set_devices(&box.plan, both, 3, &err));
        want(answer(&box, "/dev/null", O_RDWR) == 0);
        if (box.plan.is_v2) {
                want_ok(cgroups_set_devices(&box.plan, hole, 2, &err));
                want(answer(&box, "/dev/null", O_RDWR) == 0);
                want(answer(&box, "/dev/zero", O_RDONLY) == 1);
        } else {
                want_error(cgroups_set_devices(&box.plan, hole, 2, &err), "cannot take");
        }
        want_ok(cgroups_set_devices(&box.plan, read_null, 2, &err));
        want(answer(&box, "/dev/null", O_RDWR) == 1);
        return 0;
}

/* The kernel's verifier gives up after a million steps; a program that made it tell paths apart failed from 300 rules on. */
int many_device_rules_load(void)
{
        static struct spec_device_rule rules[2001];
        auto_box struct box box = { 0 };
        struct error err = { 0 };
        struct timespec start, end;

        if (!is_v2())
                return skip("cgroup v2 only");
        for (unsigned i = 0; i < 2000; i++)
                rules[i] = (struct spec_device_rule){ i % 7 != 0, "cb"[i % 2], i % 5 != 0 ? (int64_t)i + 10 : -1,
                                                      i % 4 != 0 ? (int64_t)i * 3 + 10 : -1, i % 7 + 1 };
        rules[2000] = (struct spec_device_rule){ true, 'c', 1, 3, 6 };
        want_ok(box_make(&box, "/t/manyrules", &no_limits, &err));
        clock_gettime(CLOCK_MONOTONIC, &start);
        want_ok(cgroups_set_devices(&box.plan, rules, 2001, &err));
        clock_gettime(CLOCK_MONOTONIC, &end);
        want(end.tv_sec - start.tv_sec < 2);
        want(answer(&box, "/dev/null", O_RDWR) == 0);
        return 0;
}

int a_restricted_parent_is_not_widened(void)
{
        const struct spec_device_rule null[] = { { true, 'c', 1, 3, 7 } };
        const struct spec_device_rule zero[] = { { true, 'c', 1, 5, 7 } };
        auto_box struct box above = { 0 };
        auto_box struct box box = { 0 };
        struct error err = { 0 };

        want_ok(box_make(&above, "/t/restricted", &no_limits, &err));
        want_ok(cgroups_set_devices(&above.plan, null, 1, &err));
        want_ok(box_make(&box, "/t/restricted/below", &no_limits, &err));
        if (box.plan.is_v2) {
                want_ok(cgroups_set_devices(&box.plan, zero, 1, &err));
                want(answer(&box, "/dev/zero", O_RDONLY) == 1);
        } else {
                want_error(cgroups_set_devices(&box.plan, zero, 1, &err), "the cgroup above does not allow this device");
        }
        return 0;
}
