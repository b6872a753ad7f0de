/* The report as JSON. What the build could have written (names, mount points, labels) is escaped as any text. */
#include <stdio.h>
#include <string.h>

#include "runtime/report_private.h"

#define MOUNTS_MOST 2000        /* a build may have mounted a hundred thousand; the verdict is of all of them */

static void caps_member(struct text_buffer *out, const char *key, uint64_t set)
{
        text_add_list(out, key);
        for (int i = 0; i < 64; i++) {
                if ((set >> i & 1) == 0)
                        continue;
                text_add_key(out, NULL);
                if (spec_cap_name(i) != NULL)
                        text_add_json(out, spec_cap_name(i));
                else
                        text_addf(out, "\"%d\"", i);
        }
        text_add(out, "]");
}

static void ids_member(struct text_buffer *out, const char *key, const uint32_t ids[4])
{
        text_add_key(out, key);
        text_addf(out, "[%u,%u,%u,%u]", ids[0], ids[1], ids[2], ids[3]);
}

static void write_process(const struct report_process *process, struct text_buffer *out)
{
        text_add_object(out, NULL);
        text_add_key(out, "pid");
        text_addf(out, "%d", process->pid);
        if (process->thread != process->pid) {
                text_add_key(out, "thread");
                text_addf(out, "%d", process->thread);
        }
        text_add_member(out, "name", process->name);
        text_add_member(out, "state", (const char[]){ process->state, '\0' });
        text_add_flag(out, "isInCgroup", process->is_in_cgroup);
        if (!process->is_zombie) {
                ids_member(out, "uids", process->uids);
                ids_member(out, "gids", process->gids);
                text_add_member(out, "groups", process->groups);
                text_add_object(out, "capabilities");
                caps_member(out, "bounding", process->bounding);
                caps_member(out, "permitted", process->permitted);
                caps_member(out, "effective", process->effective);
                caps_member(out, "inheritable", process->inheritable);
                caps_member(out, "ambient", process->ambient);
                text_add(out, "}");
                text_add_flag(out, "noNewPrivs", process->no_new_privs == 1);
                text_add_key(out, "seccomp");
                text_addf(out, "{\"mode\":%d,\"filters\":%d", process->seccomp, process->filters);
                if (process->n_programs > 0) {
                        text_add_list(out, "programs");
                        for (size_t i = 0; i < process->n_programs; i++)
                                text_add_member(out, NULL, process->programs[i]->digest);
                        text_add(out, "]");
                }
                text_add(out, "}");
                text_add_object(out, "namespaces");
                for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS; kind++)
                        if (process->namespaces[kind] != 0)
                                text_add_number(out, spec_ns_name(kind), process->namespaces[kind]);
                text_add(out, "}");
                if (process->label != NULL)
                        text_add_member(out, "label", process->label);
        }
        text_add(out, "}");
}

static void write_filters(const struct report *report, struct text_buffer *out)
{
        text_add_list(out, "filters");
        for (size_t i = 0; i < report->n_filters; i++) {
                text_add_object(out, NULL);
                text_add_member(out, "digest", report->filters[i].digest);
                text_add_number(out, "instructions", report->filters[i].n_instructions);
                text_add_member(out, "whose", report->filters[i].whose);
                text_add(out, "}");
        }
        text_add(out, "]");
}

static void write_namespaces(const struct report *report, struct text_buffer *out)
{
        text_add_list(out, "namespaces");
        for (size_t i = 0; i < report->n_namespaces; i++) {
                const struct report_namespace *ns = &report->namespaces[i];

                text_add_object(out, NULL);
                text_add_member(out, "type", spec_ns_name(ns->kind));
                text_add_number(out, "inode", ns->inode);
                text_add_flag(out, "isHosts", ns->is_hosts);
                if (ns->owner_inode != 0)
                        text_add_number(out, ns->kind == SPEC_NS_USER ? "parent" : "owner", ns->owner_inode);
                if (ns->has_owner_uid)
                        text_add_number(out, "ownerUid", ns->owner_uid);
                text_add(out, "}");
        }
        text_add(out, "]");
}

static void write_mounts(const struct report *report, struct text_buffer *out)
{
        size_t n = 0;

        text_add_list(out, "mounts");
        for (size_t i = 0; i < report->n_mounts && n < MOUNTS_MOST; i++, n++) {
                const struct report_mount *mount = &report->mounts[i];

                text_add_object(out, NULL);
                text_add_member(out, "target", mount->target);
                text_add_member(out, "type", mount->fstype);
                text_add_member(out, "source", mount->source);
                text_add_member(out, "root", mount->root);
                text_add_member(out, "options", mount->options);
                if (mount->is_covered)
                        text_add_flag(out, "isCovered", true);
                text_add(out, "}");
        }
        text_add(out, "]");
        text_add_number(out, "mountCount", report->n_mounts);
}

static void write_network(const struct report *report, struct text_buffer *out)
{
        text_add_key(out, "network");
        text_add(out, "{\"tables\":[");
        for (size_t i = 0; i < report->n_tables; i++) {
                text_add_object(out, NULL);
                text_add_member(out, "family", report->tables[i].family);
                text_add_member(out, "name", report->tables[i].name);
                text_add_number(out, "chains", report->tables[i].n_chains);
                text_add_number(out, "rules", report->tables[i].n_rules);
                text_add(out, "}");
        }
        text_add(out, "]");
        text_add_flag(out, "isCounted", report->state->is_egress_counted);
        text_add(out, ",");
        egress_write_json(report->attempts, report->n_attempts, out);
        text_add(out, "}");
}

static void write_rest(const struct report *report, struct text_buffer *out)
{
        text_add_list(out, "limits");
        for (size_t i = 0; i < report->n_limits; i++) {
                text_add_object(out, NULL);
                text_add_member(out, "name", report->limits[i].name);
                text_add_member(out, "limit", report->limits[i].limit);
                text_add_member(out, "use", report->limits[i].use);
                text_add_member(out, "set", report->limits[i].wanted);
                text_add(out, "}");
        }
        text_add(out, "]");
        text_add_key(out, "landlock");
        text_addf(out, "{\"abstractScoped\":%s,\"tcpPortsLimited\":%s}", report->state->is_abstract_scoped ? "true" : "false",
                  report->state->tcp_ports.is_limited ? "true" : "false");
        text_add_list(out, "initDescriptors");
        for (size_t i = 0; i < report->n_fds; i++) {
                text_add_key(out, NULL);
                text_addf(out, "{\"fd\":%d,\"target\":", report->fds[i].number);
                text_add_json(out, report->fds[i].target == NULL ? "" : report->fds[i].target);
                text_add(out, "}");
        }
        text_add(out, "]");
}

void report_to_json(const struct report *report, struct text_buffer *out)
{
        const struct state *state = report->state;
        char now[40];

        text_time_now(now, sizeof now);
        text_add(out, "{");
        text_add_member(out, "id", state->id);
        text_add_member(out, "time", now);
        text_add_member(out, "status", state_status_name(report->status));
        text_add_member(out, "profile", state->profile);
        text_add_member(out, "chosenBy", state->chosen_by);
        text_add_member(out, "policy", state->policy_revision);
        if (state->policy_digest != NULL)
                text_add_member(out, "policyDigest", state->policy_digest);
        text_add_object(out, "idMaps");
        text_add_member(out, "uid", report->uid_map);
        text_add_member(out, "gid", report->gid_map);
        text_add(out, "}");
        write_namespaces(report, out);
        text_add_list(out, "processes");
        for (size_t i = 0; i < report->n_processes; i++)
                write_process(&report->processes[i], out);
        text_add(out, "]");
        text_add_number(out, "endedMeanwhile", report->n_ended);
        write_filters(report, out);
        write_mounts(report, out);
        write_network(report, out);
        write_rest(report, out);
        text_add_list(out, "notRead");
        for (const struct report_check *check = report->first; check != NULL; check = check->next)
                if (check->verdict == REPORT_UNREAD)
                        text_add_member(out, NULL, check->control);
        text_add(out, "]");
        text_add_list(out, "checks");
        for (const struct report_check *check = report->first; check != NULL; check = check->next) {
                text_add_object(out, NULL);
                text_add_member(out, "control", check->control);
                text_add_member(out, "verdict", report_verdict_name(check->verdict));
                text_add_member(out, "text", check->text);
                text_add(out, "}");
        }
        text_add(out, "]");
        text_add_member(out, "verdict", report->holds ? "holds" : "does not hold");
        text_add(out, "}\n");
}
