/* `runb egress`: what a container tried to reach, and what of it was let out. */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/base/auto.h"
#include "runtime/base/text.h"
#include "runtime/egress_control.h"
#include "runtime/egress_who.h"

/* A process calls itself what it likes: no terminal gets that as it is. */
static void write_name(const char *name, struct text_buffer *out)
{
        for (; *name != '\0'; name++)
                text_add_n(out, *name > ' ' && *name < 0x7f && *name != ',' ? name : "?", 1);
}

static void write_table(const struct egress_attempt *attempts, size_t n, struct text_buffer *out)
{
        char text[EGRESS_ATTEMPT_TEXT];

        text_addf(out, "%-9s%-52s%12s%14s\n", "VERDICT", "DESTINATION", "PACKETS", "BYTES");
        for (size_t i = 0; i < n; i++) {
                egress_attempt_text(&attempts[i], text, sizeof text);
                text_addf(out, "%-9s%-52s%12" PRIu64 "%14" PRIu64, attempts[i].is_refused ? "refused" : "passed", text,
                          attempts[i].packets, attempts[i].bytes);
                for (size_t k = 0; k < attempts[i].n_processes; k++) {
                        text_add(out, k == 0 ? "  by " : ", ");
                        write_name(attempts[i].processes[k], out);
                }
                text_add(out, "\n");
        }
}

static int show(struct cli *cli, const char *id, bool is_json, struct error *err)
{
        auto_state_dir struct state_dir dir = { 0 };
        auto_buffer struct text_buffer out = { 0 };
        auto_close int fd = UNSET_FD, who_fd = UNSET_FD;
        struct egress_attempt *attempts;
        struct state state;
        size_t n;
        int r = cli_find_container(cli, id, true, &dir, &state, err);

        if (r == 0 && state.egress_version == 0)
                r = error_set(err, ENODATA, "%s has no egress rules: it is in the host's network, by an exception", id);
        if (r == 0 && !state.is_egress_counted)
                r = error_set(err, ENODATA,
                              "nothing is counted for %s: its policy has neither an egress list nor an audit file, or "
                              "it has loopback alone",
                              id);
        if (r == 0)
                r = egress_open(&dir, &state, &fd, err);
        if (r == 0)
                r = egress_read(fd, cli->arena, &attempts, &n, err);
        if (r == 0)
                r = egress_name_attempts(&dir, &state, cli->arena, attempts, n, err);
        if (r == 0) {
                who_fd = egress_who_open(&dir, &state);
                if (egress_who_tell(who_fd, cli->arena, attempts, n) < 0)
                        r = error_errno(err, ENOMEM, "egress");
        }
        if (r < 0)
                return r;
        if (is_json) {
                text_add(&out, "{\"id\":");
                text_add_json(&out, id);
                text_add(&out, ",\"profile\":");
                text_add_json(&out, state.profile);
                text_add(&out, ",");
                egress_write_json(attempts, n, &out);
                text_add(&out, "}\n");
        } else {
                write_table(attempts, n, &out);
        }
        return cli_print(&out, err);
}

int cmd_egress(struct cli *cli, int argc, char **argv)
{
        const char *format = "table";
        const struct cli_option options[] = {
                { "format", 'f', CLI_STRING, &format, "table|json", "as a table, or as JSON" },
        };
        const struct cli_usage usage = {
                .synopsis = "egress [options] ID",
                .summary = "Prints what a container tried to reach: address, protocol, port and how much, first what "
                           "was refused. It is counted where the policy has an egress list or an audit file, and is "
                           "there as long as the network namespace is.",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
        };
        struct error err = { 0 };
        const char *id;
        bool is_json = false;
        int r = cli_parse_id(cli, &usage, argc, argv, &id, &err);

        if (r > 0)
                return 0;
        if (r == 0)
                r = cli_read_format(format, &is_json, &err);
        if (r == 0)
                r = show(cli, id, is_json, &err);
        return r < 0 ? cli_fail(&err, 1) : 0;
}
