/* What happened: the programs that runb let in, those that are there, and what the network counted. */
#include "runtime/evidence_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "runtime/audit_record.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/egress_control.h"
#include "runtime/report.h"

/* ---- network ---- */

static void add_counted(const struct egress_attempt *attempt, struct text_buffer *out)
{
        text_add_member(out, "verdict", attempt->is_refused ? "refused" : "passed");
        text_add_number(out, "packets", attempt->packets);
        text_add_number(out, "bytes", attempt->bytes);
        text_add(out, "}");
}

static void add_attempt(const struct egress_attempt *attempt, struct text_buffer *out)
{
        char address[INET6_ADDRSTRLEN] = "";

        inet_ntop(attempt->is_v6 ? AF_INET6 : AF_INET, attempt->address, address, sizeof address);
        text_add_object(out, NULL);
        text_add_member(out, "ip", address);
        if (attempt->name != NULL)
                text_add_member(out, "name", attempt->name);
        if (egress_protocol_name(attempt->protocol) != NULL)
                text_add_member(out, "protocol", egress_protocol_name(attempt->protocol));
        else
                text_add_number(out, "protocolNumber", attempt->protocol);
        if (attempt->port != 0)
                text_add_number(out, "port", attempt->port);
        add_counted(attempt, out);
}

/* Whole: the table counts, can be read, is what was installed, and had a place for each destination. */
static int read_network(const struct state_dir *dir, const struct state *state, struct arena *arena,
                        struct egress_attempt **ret_attempts, size_t *ret_n, bool *ret_is_whole)
{
        auto_close int fd = UNSET_FD;
        struct error why = { 0 };
        int r;

        if (!state->is_egress_counted)
                return -ENODATA;
        r = egress_open(dir, state, &fd, &why);
        if (r == 0)
                r = egress_read(fd, arena, ret_attempts, ret_n, &why);
        if (r < 0)
                return r;
        *ret_is_whole = state->egress_version == EGRESS_VERSION && egress_check_by(fd, dir, state, &why) == 0;
        /* Addresses do without. */
        egress_name_attempts(dir, state, arena, *ret_attempts, *ret_n, &why);
        return 0;
}

static void add_network(const struct state_dir *dir, const struct state *state, struct arena *arena, struct text_buffer *out,
                        struct evidence_completeness *completeness)
{
        struct egress_attempt *attempts = NULL;
        size_t n = 0, n_told = 0;
        bool has_rest = false;

        if (read_network(dir, state, arena, &attempts, &n, &completeness->has_network) < 0)
                n = 0;
        text_add_list(out, "network");
        for (size_t i = 0; i < n; i++) {
                if (attempts[i].is_rest) {
                        has_rest = true;
                } else if (n_told == EVIDENCE_ENTRIES_MOST) {
                        completeness->more_network++;
                } else {
                        add_attempt(&attempts[i], out);
                        n_told++;
                }
        }
        text_add(out, "]");
        if (has_rest) {
                completeness->has_network = false;
                text_add_list(out, "networkRest");      /* of destinations that the kernel's list had no place for */
                for (size_t i = 0; i < n; i++)
                        if (attempts[i].is_rest) {
                                text_add_object(out, NULL);
                                add_counted(&attempts[i], out);
                        }
                text_add(out, "]");
        }
        if (completeness->more_network > 0)
                completeness->has_network = false;
}

/* ---- processes ---- */

static int add_init(const struct state_dir *dir, const struct state *state, struct arena *arena, struct text_buffer *out)
{
        struct spec spec = { 0 };
        int r = spec_read_bundle(arena, dir->fd, &spec, NULL, NULL, NULL);

        if (r < 0)
                return r;
        text_add_object(out, NULL);
        text_add_member(out, "eventType", "start");
        audit_process_members(&spec.process, out);
        if (state->ended_ms > 0)
                text_add_number(out, "exitStatus", state->exit_status);
        text_add(out, "}");
        return 0;
}

static void add_execs(const struct state_dir *dir, const struct state *state, struct arena *arena, struct text_buffer *out,
                      struct evidence_completeness *completeness)
{
        struct evidence_execs execs = { 0 };

        completeness->has_execs = !state->is_started || add_init(dir, state, arena, out) == 0;
        if (evidence_read_execs(dir, arena, &execs, NULL) < 0) {
                completeness->has_execs = false;
                return;
        }
        for (size_t i = 0; i < execs.n; i++) {
                text_add_key(out, NULL);
                text_add(out, execs.lines[i]);
        }
        completeness->more_execs = execs.n_more;
        if (execs.n_more > 0 || !execs.is_whole)
                completeness->has_execs = false;
}

/* As the kernel has them now. */
static void add_running(const struct report *report, struct text_buffer *out, struct evidence_completeness *completeness)
{
        size_t n = 0;

        for (size_t i = 0; i < report->n_processes; i++) {
                const struct report_process *process = &report->processes[i];

                if (process->pid != process->thread)
                        continue;
                if (n++ >= EVIDENCE_ENTRIES_MOST) {
                        completeness->more_processes++;
                        continue;
                }
                text_add_object(out, NULL);
                text_add_member(out, "eventType", "running");
                text_add_member(out, "name", process->name);
                text_add_number(out, "pid", (uint64_t)process->pid);
                text_add_number(out, "seccompFilters", process->filters < 0 ? 0 : (uint64_t)process->filters);
                text_add_flag(out, "noNewPrivs", process->no_new_privs == 1);
                text_add(out, "}");
        }
}

void evidence_add_log(const struct state_dir *dir, const struct state *state, const struct report *report, struct arena *arena,
                      struct text_buffer *out, struct evidence_completeness *completeness)
{
        text_add_object(out, "monitorLog");
        text_add_list(out, "process");
        add_execs(dir, state, arena, out, completeness);
        if (report != NULL)
                add_running(report, out, completeness);
        text_add(out, "]");
        add_network(dir, state, arena, out, completeness);
        text_add(out, "}");
}
