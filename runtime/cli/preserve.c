#include "runtime/cli/preserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "runtime/base/text.h"

static void close_others(unsigned first)
{
        int log = log_fd();

        if (log >= 0 && (unsigned)log >= first) {
                if ((unsigned)log > first)
                        close_range(first, (unsigned)log - 1, 0);
                first = (unsigned)log + 1;
        }
        close_range(first, ~0u, 0);
}

int preserve_check(uint32_t asked, unsigned *ret_n, unsigned *ret_listen, struct error *err)
{
        const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
        uint32_t listen = 0, owner = 0;

        if (!text_is_empty(fds) && !text_is_empty(pid) && text_to_u32(pid, &owner) == 0 &&
            owner == (uint32_t)getpid() && text_to_u32(fds, &listen) < 0)
                return error_set(err, EINVAL, "LISTEN_FDS=%s is no number", fds);
        if (listen > asked)
                asked = listen;
        if (asked > 4096)
                return error_set(err, EINVAL, "--preserve-fds %u: at most 4096", asked);
        for (uint32_t i = 0; i < asked; i++)
                if (fcntl(3 + (int)i, F_GETFD) < 0)
                        return error_errno(err, errno, "please check that preserved-fd %u (of %u) is present", i,
                                           asked);
        close_others(3 + asked);
        *ret_n = asked;
        *ret_listen = listen;
        return 0;
}
