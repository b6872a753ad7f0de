/* By libc's own table of names. Real-time names count from libc's SIGRTMIN, as in kill(1); numbers are the kernel's. */
#include "runtime/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/text.h"

/* Linux: _NSIG. */
#define SIGNAL_MAX 64u

static const struct {
        const char *name;
        int number;
} others[] = { { "IOT", SIGIOT }, { "CLD", SIGCHLD }, { "IO", SIGIO }, { "UNUSED", SIGSYS }, { "INFO", SIGPWR } };

/* "RTMIN", "RTMIN+n", "RTMAX", "RTMAX-n". Returns 0 for anything else. */
static int parse_real_time(const char *name)
{
        int first = SIGRTMIN, last = SIGRTMAX;
        bool from_first = strncasecmp(name, "RTMIN", 5) == 0;
        uint32_t distance = 0;

        if (!from_first && strncasecmp(name, "RTMAX", 5) != 0)
                return 0;
        name += 5;
        if (*name != '\0' && (*name != (from_first ? '+' : '-') || text_to_u32(name + 1, &distance) < 0))
                return 0;
        if (distance > (uint32_t)(last - first))
                return 0;
        return from_first ? first + (int)distance : last - (int)distance;
}

static int parse_name(const char *name)
{
        if (strncasecmp(name, "SIG", 3) == 0)
                name += 3;
        for (int number = 1; number < 32; number++) {
                const char *known = sigabbrev_np(number);

                if (known != NULL && strcasecmp(name, known) == 0)
                        return number;
        }
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
                if (strcasecmp(name, others[i].name) == 0)
                        return others[i].number;
        return parse_real_time(name);
}

int signals_parse(const char *text, int *ret_signal, struct error *err)
{
        uint32_t number;

        if (text_to_u32(text, &number) == 0 && number <= SIGNAL_MAX) {
                *ret_signal = (int)number;
                return 0;
        }
        number = (uint32_t)parse_name(text);
        if (number == 0)
                return error_set(err, EINVAL, "unknown signal \"%.64s\"", text);
        *ret_signal = (int)number;
        return 0;
}
