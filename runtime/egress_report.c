/* What was counted, in words: for people, for programs and for the audit file. */
#include "runtime/egress_control.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/audit.h"
#include "runtime/base/auto.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/egress_names.h"
#include "runtime/egress_who.h"

const char *egress_protocol_name(uint8_t protocol)
{
        switch (protocol) {
        case IPPROTO_TCP: return "tcp";
        case IPPROTO_UDP: return "udp";
        case IPPROTO_ICMP: return "icmp";
        case IPPROTO_ICMPV6: return "icmpv6";
        case IPPROTO_SCTP: return "sctp";
        default: return NULL;
        }
}

static void protocol_text(uint8_t protocol, char *text, size_t size)
{
        const char *name = egress_protocol_name(protocol);

        if (name != NULL)
                snprintf(text, size, "%s", name);
        else
                snprintf(text, size, "%u", protocol);
}

void egress_attempt_text(const struct egress_attempt *attempt, char *ret_text, size_t size)
{
        char address[INET6_ADDRSTRLEN] = "?", protocol[16];
        int n;

        if (attempt->is_rest) {
                snprintf(ret_text, size, "more destinations");
                return;
        }
        inet_ntop(attempt->is_v6 ? AF_INET6 : AF_INET, attempt->address, address, sizeof address);
        protocol_text(attempt->protocol, protocol, sizeof protocol);
        n = attempt->port != 0 ? snprintf(ret_text, size, "%s %s %u", address, protocol, attempt->port) :
                                 snprintf(ret_text, size, "%s %s", address, protocol);
        if (attempt->name != NULL && n > 0 && (size_t)n < size)
                snprintf(ret_text + n, size - (size_t)n, " (%s)", attempt->name);
}

static void write_list(const struct egress_attempt *attempts, size_t n, bool is_refused, struct text_buffer *out)
{
        bool is_first = true;

        for (size_t i = 0; i < n; i++) {
                char address[INET6_ADDRSTRLEN] = "", protocol[16];

                if (attempts[i].is_refused != is_refused || attempts[i].is_rest)
                        continue;
                inet_ntop(attempts[i].is_v6 ? AF_INET6 : AF_INET, attempts[i].address, address, sizeof address);
                protocol_text(attempts[i].protocol, protocol, sizeof protocol);
                text_addf(out, "%s{\"address\":\"%s\",\"protocol\":\"%s\",\"port\":%u,\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64,
                          is_first ? "" : ",", address, protocol, attempts[i].port, attempts[i].packets, attempts[i].bytes);
                if (attempts[i].name != NULL) {
                        text_add(out, ",\"name\":");
                        text_add_json(out, attempts[i].name);
                }
                for (size_t k = 0; k < attempts[i].n_processes; k++) {
                        text_add(out, k == 0 ? ",\"processes\":[" : ",");
                        text_add_json(out, attempts[i].processes[k]);
                }
                text_add(out, attempts[i].n_processes > 0 ? "]}" : "}");
                is_first = false;
        }
}

static int compare_names(const void *a, const void *b)
{
        const struct egress_name *one = a, *other = b;
        int r = (int)one->is_v6 - (int)other->is_v6;

        return r == 0 ? memcmp(one->address, other->address, sizeof one->address) : r;
}

int egress_name_attempts(const struct state_dir *dir, const struct state *state, struct arena *arena,
                         struct egress_attempt *attempts, size_t n, struct error *err)
{
        struct egress_name *names;
        size_t n_names;
        int r = egress_names_read(dir, state, arena, &names, &n_names, err);

        if (r < 0 || n_names == 0)
                return r;
        qsort(names, n_names, sizeof *names, compare_names);
        for (size_t i = 0; i < n; i++) {
                struct egress_name wanted = { .is_v6 = attempts[i].is_v6 };
                const struct egress_name *found;

                memcpy(wanted.address, attempts[i].address, sizeof wanted.address);
                found = bsearch(&wanted, names, n_names, sizeof *names, compare_names);
                attempts[i].name = found != NULL ? found->name : NULL;
        }
        return 0;
}

void egress_write_json(const struct egress_attempt *attempts, size_t n, struct text_buffer *out)
{
        text_add(out, "\"refused\":[");
        write_list(attempts, n, true, out);
        text_add(out, "],\"passed\":[");
        write_list(attempts, n, false, out);
        text_add(out, "]");
        for (size_t i = 0; i < n; i++)
                if (attempts[i].is_rest)
                        text_addf(out, ",\"%s\":{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 "}",
                                  attempts[i].is_refused ? "refusedRest" : "passedRest", attempts[i].packets, attempts[i].bytes);
}

/* One question instead of a look at everything. */
static bool is_unchanged(const struct egress_end *end)
{
        return end->generation != 0 && egress_generation(end->fd) == end->generation;
}

static int tell_who(const struct egress_end *end, const struct state_dir *dir, const struct state *state, struct arena *arena,
                    struct egress_attempt *attempts, size_t n)
{
        auto_close int fd = UNSET_FD;

        if (n == 0)
                return 0;
        if (end->who_fd < 0)
                fd = egress_who_open(dir, state);
        return egress_who_tell(end->who_fd < 0 ? fd : end->who_fd, arena, attempts, n);
}

int egress_tell(const struct egress_end *end, bool has_log, const struct state_dir *dir, const struct state *state, struct arena *arena,
                struct egress_told *ret_told, struct error *err)
{
        struct egress_told told = { .findings = { .arena = arena } };
        struct error why = { 0 };
        int r = 0;

        *ret_told = told;
        if (has_log && state->egress_version == EGRESS_VERSION && !is_unchanged(end))
                r = egress_check_by(end->fd, dir, state, &why);
        if (r < 0 && why.rule != NULL)
                findings_add(&told.findings, FINDING_RECORDED, "linux.namespaces (network)", "egress", "the table as it was installed",
                             why.text);
        r = state->is_egress_counted ? egress_read(end->fd, arena, &told.attempts, &told.n, &why) : 0;
        if (r < 0) {
                log_warning("%s", why.text);
                return 0;
        }
        if (egress_name_attempts(dir, state, arena, told.attempts, told.n, &why) < 0)
                log_warning("%s", why.text);
        *ret_told = told;
        if (!has_log)
                return 0;
        if (tell_who(end, dir, state, arena, told.attempts, told.n) < 0)
                return error_errno(err, ENOMEM, "audit file");
        egress_write_json(told.attempts, told.n, &told.json);
        if (told.json.is_broken) {
                text_buffer_free(&told.json);
                return error_errno(err, ENOMEM, "audit file");
        }
        *ret_told = told;
        return 0;
}

void egress_told_record(const struct egress_told *told, const struct state *state, struct audit_record *ret_record)
{
        *ret_record = (struct audit_record){ .event = told->json.text != NULL ? "egress" : NULL, .id = state->id, .state = state,
                                             .findings = &told->findings, .more = told->json.text, .is_closing = true };
}

int egress_record(const struct egress_end *end, const struct policy *policy, const struct state_dir *dir, const struct state *state,
                  struct arena *arena, struct error *err)
{
        struct egress_told told;
        struct audit_record record;
        int r;

        if (policy->audit.path == NULL)
                return 0;
        r = egress_tell(end, true, dir, state, arena, &told, err);
        if (r < 0)
                return r;
        egress_told_record(&told, state, &record);
        if (record.event != NULL)
                r = audit_write(policy, &record, err);
        text_buffer_free(&told.json);
        return r;
}
