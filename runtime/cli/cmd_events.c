/* `runb events`: what a container uses, and when it runs out of memory, as lines of JSON that go-runc reads. */
#include "runtime/cli/cli.h"

#include <errno.h>

#include "runtime/base/text.h"
#include "runtime/events.h"
#include "runtime/state.h"

#define DEFAULT_INTERVAL "5s"

static int read_interval(const char *text, int64_t *ret_ns, struct error *err)
{
        if (text_to_duration(text, ret_ns) < 0)
                return error_set(err, EINVAL,
                                 "invalid value \"%s\" for flag -interval: give a duration with its unit, such as 5s, "
                                 "500ms or 1m30s",
                                 text);
        if (*ret_ns <= 0)
                return error_set(err, EINVAL, "duration interval must be greater than 0");
        return 0;
}

static int show_events(struct cli *cli, const char *id, const char *interval, bool is_once, struct error *err)
{
        auto_state_dir struct state_dir dir = { 0 };
        struct state state;
        int64_t interval_ns;
        int r;

        r = read_interval(interval, &interval_ns, err);
        if (r == 0)
                r = cli_open_container(cli, id, true, &dir, &state, err);
        if (r < 0)
                return r;
        switch (state_status(&state)) {
        case STATE_CREATED:
        case STATE_RUNNING:
        case STATE_PAUSED:
                break;
        case STATE_CREATING:
        case STATE_STOPPED:
                return error_set(err, ESRCH, "container with id %s is not running", id);
        }
        return is_once ? events_say_stats(&state, cli_print, err) : events_follow(&state, interval_ns, cli_print, err);
}

int cmd_events(struct cli *cli, int argc, char **argv)
{
        const char *interval = DEFAULT_INTERVAL;
        bool is_once = false;
        const struct cli_option options[] = {
                { "interval", 0, CLI_STRING, &interval, "DURATION",
                  "time between two statistics, such as 500ms or 1m30s (default: " DEFAULT_INTERVAL ")" },
                { "stats", 0, CLI_FLAG, &is_once, NULL, "print the statistics of this moment once and end" },
        };
        const struct cli_usage usage = {
                .synopsis = "events [options] ID",
                .summary = "Prints what a container uses (time, memory, processes, block devices) from time to time, "
                           "and each time that it runs out of memory, one JSON object a line, until the container "
                           "ends.",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
        };
        struct error err = { 0 };
        const char *id;
        int r;

        r = cli_parse_id(cli, &usage, argc, argv, &id, &err);
        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, 1);
        return show_events(cli, id, interval, is_once, &err) < 0 ? cli_fail(&err, 1) : 0;
}
