/* What the kernel answers about the egress table: read while a build shares the namespace, and compared with what was sent. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>

#include "runtime/netlink.h"

static const uint8_t *input;
static size_t left;

/* In the place of the socket: a datagram is two bytes of length and so many more. */
static ssize_t receive(int fd, void *bytes, size_t size)
{
        size_t n;

        (void)fd;
        if (left < 2) {
                errno = EPROTO;
                return -1;
        }
        n = input[0] | (size_t)input[1] << 8;
        input += 2;
        left -= 2;
        n = n > left ? left : n;
        n = n > size ? size : n;
        memcpy(bytes, input, n);
        input += n;
        left -= n;
        return (ssize_t)n;
}

static int send_nothing(int fd, const struct iovec *parts, size_t n_parts)
{
        (void)fd;
        (void)parts;
        (void)n_parts;
        return 0;
}
#define netlink_receive receive
#define netlink_send send_nothing
#include "runtime/egress_verify.c"

#include "runtime/egress_control.c"

/* What the sets have counted is what an attacker chose to try. */
static void read_counted(struct error *err)
{
        struct arena arena = { 0 };
        struct egress_attempt *attempts;
        size_t n = 0, n_rest = 0;

        if (egress_read(-1, &arena, &attempts, &n, err) == 0) {
                for (size_t i = 0; i < n; i++) {
                        char text[EGRESS_ATTEMPT_TEXT];

                        egress_attempt_text(&attempts[i], text, sizeof text);
                        must(i == 0 || attempts[i - 1].is_refused >= attempts[i].is_refused,
                             "those that were refused come first");
                        n_rest += attempts[i].is_rest;
                }
                must(n_rest <= 2, "there is one rest of each");
        }
        arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
        static struct egress_batch batch;
        static struct egress_reader reader;
        static const struct egress_range range = { .protocol_first = 6, .protocol_last = 6, .port_first = 1, .port_last = 9 };
        static const struct sandbox_egress rules = { .profile = "untrusted", .has_list = true, .is_counted = true, .ranges = &range, .n_ranges = 1 };
        struct netlink_attrs attrs;
        struct error err = { 0 };

        if (batch.length == 0)
                must(egress_prepare(&rules, &batch, &err) == 0, "there are rules");
        for (int question = 0; question < 5; question++) {
                input = bytes;
                left = length;
                reader.fd = -1;
                reader.header = NULL;
                reader.left = 0;
                if (question == 0 && read_one(&reader, NFT_MSG_NEWTABLE, &attrs) == 0)
                        (void)(is_table_same(attrs) && egress_compare_mark(&batch, attrs) == EGRESS_MARK_SAME);
                if (question == 1 && read_one(&reader, NFT_MSG_NEWCHAIN, &attrs) == 0) {
                        size_t at = 0;
                        struct netlink_attrs sent;

                        if (next_sent(&batch, &at, NFT_MSG_NEWCHAIN, NFTA_CHAIN_NAME, "output", &sent))
                                (void)is_chain_same(sent, attrs);
                }
                if (question == 4)
                        read_counted(&err);
                if (question == 3)
                        must(verify_elements(&reader, &batch, "allowed4", &err) != 0, "noise is not what was installed");
                if (question == 2)
                        must(verify_rules(&reader, &batch, "output", &err) != 0, "noise is not what was installed");
        }
        return 0;
}
