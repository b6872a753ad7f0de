/* The egress room by hand, for egress.sh, in the caller's network namespace:
 *   egress_tool up | install | verify ...   verify: exit 0 when the table holds, 1 when not (says why), 2: not known
 *   in the environment: PROFILE, and ALLOW="10.0.0.0/8:6:80-90 ..." (protocol by number), which must not overlap */
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "policies/egress_ranges.h"
#include "runtime/egress.h"
#include "runtime/egress_control.h"
#include "runtime/netlink.h"

static double now_us(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int say(const char *text)
{
        puts(text);
        return 0;
}

static int say_errno(void)
{
        return say(strerrorname_np(errno));
}

static void read_rules(struct sandbox_egress *rules)
{
        static struct egress_range ranges[20000];
        char *allow = getenv("ALLOW"), *one, *at;

        rules->profile = getenv("PROFILE") != NULL ? getenv("PROFILE") : "untrusted";
        rules->ranges = ranges;
        while ((one = strsep(&allow, " ")) != NULL) {
                struct egress_range *range = &ranges[rules->n_ranges];
                uint16_t first, last;

                rules->has_list = rules->is_counted = true;
                at = strrchr(one, '-');
                if (at == NULL)
                        continue;
                last = (uint16_t)atoi(at + 1);
                at = strrchr(one, ':');
                first = (uint16_t)atoi(at + 1);
                *at = '\0';
                at = strrchr(one, ':');
                *at = '\0';
                if (!egress_range_of_cidr(one, range))
                        exit(2);
                range->protocol_first = range->protocol_last = (uint8_t)atoi(at + 1);
                range->port_first = first;
                range->port_last = last;
                rules->n_ranges++;
        }
}

static int verify(const struct sandbox_egress *rules, struct error *err)
{
        struct egress_batch batch;
        int fd = netlink_open(NETLINK_NETFILTER), r = egress_prepare(rules, &batch, err);

        if (r == 0)
                r = egress_verify(fd, &batch, err);
        egress_batch_free(&batch);
        close(fd);
        return r;
}

static int take_over(const struct sandbox_egress *rules, struct egress_batch *batch, struct error *err)
{
        struct stat st;
        bool is_joined;
        int fd = netlink_open(NETLINK_NETFILTER), r;

        if (stat("/proc/self/ns/net", &st) < 0)
                return -errno;
        r = egress_take_over(fd, rules, st.st_ino, getpid(), batch, &is_joined, err);
        close(fd);
        return r;
}

int main(int argc, char **argv)
{
        struct sandbox_egress rules = { 0 };
        struct egress_batch batch = { 0 };
        struct error err = { 0 };
        double start;
        int r;

        read_rules(&rules);
        for (int i = 1; i < argc; i++) {
                start = now_us();
                if (strcmp(argv[i], "up") == 0) {
                        if (egress_child_loopback_up() < 0) {
                                say_errno();
                                return 2;
                        }
                } else if (strcmp(argv[i], "install") == 0) {
                        if (egress_prepare(&rules, &batch, &err) < 0) {
                                say(err.text);
                                return 2;
                        }
                        r = egress_child_install(&batch, NULL);
                        if (r < 0 && errno == EEXIST)
                                r = take_over(&rules, &batch, &err);
                        else if (r < 0)
                                error_set(&err, errno, "%s", strerrorname_np(errno));
                        if (r < 0) {
                                say(err.text);
                                return 2;
                        }
                        egress_batch_free(&batch);
                } else if (strcmp(argv[i], "verify") == 0) {
                        r = verify(&rules, &err);
                        if (r < 1) {
                                say(err.text);
                                return r == 0 ? 1 : 2;
                        }
                } else {
                        return 2;
                }
                fprintf(stderr, "# %s: %.0f us\n", argv[i], now_us() - start);
        }
        return 0;
}
