/* LISTEN_FDS of the caller's environment, and --preserve-fds. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void close_nothing(unsigned first, unsigned last, int flags)
{
        (void)first;
        (void)last;
        (void)flags;
}
#define close_range close_nothing
#define fcntl(fd, command) ((fd) < 40 ? 0 : (errno = EBADF, -1))
#include "runtime/cli/preserve.c"

#include "runtime/base/auto.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
        auto_free char *text = fuzz_text(bytes, length);
        char pid[16], *colon = strchr(text, ':');
        unsigned n = 0, listen = 0;
        struct error err = { 0 };
        uint32_t asked = 0;

        if (colon != NULL) {
                *colon = '\0';
                if (text_to_u32(colon + 1, &asked) < 0)
                        asked = 0;
        }
        snprintf(pid, sizeof pid, "%d", getpid());
        setenv("LISTEN_FDS", text, 1);
        setenv("LISTEN_PID", pid, 1);
        if (preserve_check(asked, &n, &listen, &err) < 0) {
                must(err.text[0] != '\0', "there is a reason");
                return 0;
        }
        must(n <= 37 && listen <= n && n >= asked, "what is passed on was there and asked for");
        return 0;
}
