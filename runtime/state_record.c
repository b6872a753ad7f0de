/* state.json: written whole, read strictly. What a member is called and where it goes is one table for both ways. */
#include "runtime/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "oci-spec/json.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"

#define STATE_LIMIT_BYTES ((size_t)16 << 20)

/* One table for both directions, so that what is written is what is read. */
enum field_kind { FIELD_TEXT, FIELD_BOOL, FIELD_U32, FIELD_U64, FIELD_PID, FIELD_DEV };

static const struct field {
        const char *name;
        enum field_kind kind;
        size_t offset;
} fields[] = {
        { "ociVersion", FIELD_TEXT, offsetof(struct state, oci_version) },
        { "id", FIELD_TEXT, offsetof(struct state, id) },
        { "bundle", FIELD_TEXT, offsetof(struct state, bundle) },
        { "rootfs", FIELD_TEXT, offsetof(struct state, rootfs) },
        { "created", FIELD_TEXT, offsetof(struct state, created) },
        { "owner", FIELD_TEXT, offsetof(struct state, owner) },
        { "ownerUid", FIELD_U32, offsetof(struct state, owner_uid) },
        { "initPid", FIELD_PID, offsetof(struct state, init_pid) },
        { "initStartTime", FIELD_U64, offsetof(struct state, init_start_time) },
        { "creatorPid", FIELD_PID, offsetof(struct state, creator_pid) },
        { "creatorStartTime", FIELD_U64, offsetof(struct state, creator_start_time) },
        { "isCreated", FIELD_BOOL, offsetof(struct state, is_created) },
        { "isStarted", FIELD_BOOL, offsetof(struct state, is_started) },
        { "isCgroup2", FIELD_BOOL, offsetof(struct state, is_cgroup2) },
        { "systemdUnit", FIELD_TEXT, offsetof(struct state, systemd_unit) },
        { "systemdBus", FIELD_TEXT, offsetof(struct state, systemd_bus) },
        { "systemdDescription", FIELD_TEXT, offsetof(struct state, systemd_description) },
        { "isCgroupGrouped", FIELD_BOOL, offsetof(struct state, is_cgroup_grouped) },
        { "isCgroupShared", FIELD_BOOL, offsetof(struct state, is_cgroup_shared) },
        { "leaseBase", FIELD_U32, offsetof(struct state, lease_base) },
        { "leaseSize", FIELD_U32, offsetof(struct state, lease_size) },
        { "hostFolder", FIELD_TEXT, offsetof(struct state, host_folder) },
        { "overlayWork", FIELD_TEXT, offsetof(struct state, overlay_work) },
        { "rdtRoot", FIELD_TEXT, offsetof(struct state, rdt_root) },
        { "rdtGroup", FIELD_TEXT, offsetof(struct state, rdt_group) },
        { "isRdtPrivate", FIELD_BOOL, offsetof(struct state, is_rdt_private) },
        { "isRdtMonitored", FIELD_BOOL, offsetof(struct state, is_rdt_monitored) },
        { "rootfsDevice", FIELD_DEV, offsetof(struct state, rootfs_device) },
        { "isRestacked", FIELD_BOOL, offsetof(struct state, is_restacked) },
        { "netnsInode", FIELD_U64, offsetof(struct state, netns_inode) },
        { "networkPath", FIELD_TEXT, offsetof(struct state, network_path) },
        { "hasEgressRules", FIELD_BOOL, offsetof(struct state, has_egress_rules) },
        { "isEgressCounted", FIELD_BOOL, offsetof(struct state, is_egress_counted) },
        { "egressNamesLength", FIELD_U64, offsetof(struct state, egress_names_length) },
        { "egressVersion", FIELD_U32, offsetof(struct state, egress_version) },
        { "usernsInode", FIELD_U64, offsetof(struct state, userns_inode) },
        { "isAbstractScoped", FIELD_BOOL, offsetof(struct state, is_abstract_scoped) },
        { "isTcpLimited", FIELD_BOOL, offsetof(struct state, tcp_ports.is_limited) },
        { "hasOwnPidns", FIELD_BOOL, offsetof(struct state, has_own_pidns) },
        { "isUsageKept", FIELD_BOOL, offsetof(struct state, is_usage_kept) },
        { "isUsernsNested", FIELD_BOOL, offsetof(struct state, is_userns_nested) },
        { "apparmorProfile", FIELD_TEXT, offsetof(struct state, apparmor_profile) },
        { "selinuxLabel", FIELD_TEXT, offsetof(struct state, selinux_label) },
        { "hasMemoryPolicy", FIELD_BOOL, offsetof(struct state, memory_policy.is_given) },
        { "memoryPolicyMode", FIELD_U32, offsetof(struct state, memory_policy.mode) },
        { "memoryPolicyFlags", FIELD_U32, offsetof(struct state, memory_policy.flags) },
        { "memoryPolicyNodes", FIELD_TEXT, offsetof(struct state, memory_policy.nodes) },
        { "auditPath", FIELD_TEXT, offsetof(struct state, audit_path) },
        { "isAuditRequired", FIELD_BOOL, offsetof(struct state, is_audit_required) },
        { "isAuditSynced", FIELD_BOOL, offsetof(struct state, is_audit_synced) },
        { "isAuditChained", FIELD_BOOL, offsetof(struct state, is_audit_chained) },
        { "isAuditJournald", FIELD_BOOL, offsetof(struct state, is_audit_journald) },
        { "auditMaxBytes", FIELD_U64, offsetof(struct state, audit_max_bytes) },
        { "auditKeep", FIELD_U32, offsetof(struct state, audit_keep) },
        { "auditSocket", FIELD_TEXT, offsetof(struct state, audit_socket) },
        { "policyFileDigest", FIELD_TEXT, offsetof(struct state, policy_file_digest) },
        { "seccompDigest", FIELD_TEXT, offsetof(struct state, seccomp_digest) },
        { "seccompEngineDigest", FIELD_TEXT, offsetof(struct state, seccomp_engine_digest) },
        { "isExplained", FIELD_BOOL, offsetof(struct state, is_explained) },
        { "execInherits", FIELD_U32, offsetof(struct state, exec_inherits) },
        { "profile", FIELD_TEXT, offsetof(struct state, profile) },
        { "policyDigest", FIELD_TEXT, offsetof(struct state, policy_digest) },
        { "profileChosenBy", FIELD_TEXT, offsetof(struct state, chosen_by) },
        { "policyRevision", FIELD_TEXT, offsetof(struct state, policy_revision) },
        { "createdMs", FIELD_U64, offsetof(struct state, created_ms) },
        { "deadlineMs", FIELD_U64, offsetof(struct state, deadline_ms) },
        { "graceMs", FIELD_U64, offsetof(struct state, grace_ms) },
        { "endedMs", FIELD_U64, offsetof(struct state, ended_ms) },
        { "exitStatus", FIELD_U32, offsetof(struct state, exit_status) },
        { "hasEvidence", FIELD_BOOL, offsetof(struct state, has_evidence) },
        { "contained", FIELD_TEXT, offsetof(struct state, contained) },
        { "isCounted", FIELD_BOOL, offsetof(struct state, is_counted) },
};

static void write_field(const struct field *field, const struct state *state, struct text_buffer *out)
{
        const void *at = (const char *)state + field->offset;

        switch (field->kind) {
        case FIELD_TEXT:
                if (*(const char *const *)at == NULL)
                        return;
                text_addf(out, "\"%s\":", field->name);
                text_add_json(out, *(const char *const *)at);
                break;
        case FIELD_BOOL:
                text_addf(out, "\"%s\":%s", field->name, *(const bool *)at ? "true" : "false");
                break;
        case FIELD_U32:
                text_addf(out, "\"%s\":%" PRIu32, field->name, *(const uint32_t *)at);
                break;
        case FIELD_U64:
                text_addf(out, "\"%s\":%" PRIu64, field->name, *(const uint64_t *)at);
                break;
        case FIELD_PID:
                text_addf(out, "\"%s\":%d", field->name, (int)*(const pid_t *)at);
                break;
        case FIELD_DEV:
                text_addf(out, "\"%s\":%ju", field->name, (uintmax_t)*(const dev_t *)at);
                break;
        }
        text_add(out, ",\n");
}

static void write_maps(const char *name, const struct spec_id_map *map, size_t n, struct text_buffer *out)
{
        text_addf(out, "\"%s\":[", name);
        for (size_t i = 0; i < n; i++)
                text_addf(out, "%s[%u,%u,%u]", i == 0 ? "" : ",", map[i].inside, map[i].outside, map[i].size);
        text_add(out, "],\n");
}

static void write_ports(const struct sandbox_tcp_ports *ports, struct text_buffer *out)
{
        if (!ports->is_limited)
                return;
        text_add(out, "\"tcpPorts\":[");
        for (size_t i = 0; i < ports->n; i++)
                text_addf(out, "%s[%u,%u]", i == 0 ? "" : ",", ports->items[i].first, ports->items[i].last);
        text_add(out, "],\n");
}

static void write_pairs(const struct spec_pair *pairs, size_t n, struct text_buffer *out)
{
        text_add(out, "\"annotations\":[");
        for (size_t i = 0; i < n; i++) {
                text_add(out, i == 0 ? "[" : ",[");
                text_add_json(out, pairs[i].key);
                text_add(out, ",");
                text_add_json(out, pairs[i].value);
                text_add(out, "]");
        }
        text_add(out, "],\n");
}

static void write_optional(const char *name, const char *text, struct text_buffer *out)
{
        if (text == NULL)
                return;
        text_addf(out, ",\"%s\":", name);
        text_add_json(out, text);
}

static void write_findings(const struct finding *finding, struct text_buffer *out)
{
        text_add(out, "\"findings\":[");
        for (bool is_first = true; finding != NULL; finding = finding->next, is_first = false) {
                text_addf(out, "%s{\"action\":%d", is_first ? "" : ",\n", (int)finding->action);
                write_optional("property", finding->property, out);
                write_optional("asked", finding->asked, out);
                write_optional("got", finding->got, out);
                write_optional("rule", finding->rule, out);
                text_add(out, "}");
        }
        text_add(out, "]\n");
}

int state_write(const struct state_dir *dir, const struct state *state, struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };
        int r;

        text_add(&out, "{");
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
                write_field(&fields[i], state, &out);
        text_add(&out, "\"cgroups\":[");
        for (size_t i = 0; i < state->n_cgroups; i++) {
                text_add(&out, i == 0 ? "" : ",");
                text_add_json(&out, state->cgroups[i]);
        }
        text_add(&out, "],\n");
        write_maps("uidMap", state->uid_map, state->n_uid_map, &out);
        write_maps("gidMap", state->gid_map, state->n_gid_map, &out);
        write_ports(&state->tcp_ports, &out);
        write_pairs(state->annotations, state->n_annotations, &out);
        write_findings(state->findings, &out);
        text_add(&out, "}\n");
        if (out.is_broken)
                return error_errno(err, ENOMEM, "write %s/%s/state.json", dir->root, dir->id);
        r = fd_replace_file(dir->fd, "state.json", out.text, out.length, 0600);
        return r < 0 ? error_errno(err, r, "write %s/%s/state.json", dir->root, dir->id) : 0;
}

static int read_text(const struct json_node *node, const char **ret_text)
{
        if (node == NULL)
                return 0;
        if (node->type != JSON_STRING)
                return -EINVAL;
        *ret_text = node->text;
        return 0;
}

static int read_u64(const struct json_node *node, uint64_t limit, uint64_t *ret_value)
{
        uint64_t value;
        int r = json_to_u64(node, &value);

        if (r < 0)
                return r;
        if (value > limit)
                return -ERANGE;
        *ret_value = value;
        return 0;
}

static int read_field(const struct field *field, const struct json_node *node, struct state *state)
{
        void *at = (char *)state + field->offset;
        uint64_t value;
        int r = 0;

        if (node == NULL)
                return 0;
        switch (field->kind) {
        case FIELD_TEXT:
                return read_text(node, at);
        case FIELD_BOOL:
                if (node->type != JSON_TRUE && node->type != JSON_FALSE)
                        return -EINVAL;
                *(bool *)at = node->type == JSON_TRUE;
                return 0;
        case FIELD_U32:
                r = read_u64(node, UINT32_MAX, &value);
                if (r == 0)
                        *(uint32_t *)at = (uint32_t)value;
                return r;
        case FIELD_U64:
                return read_u64(node, UINT64_MAX, at);
        case FIELD_PID:
                r = read_u64(node, INT32_MAX, &value);
                if (r == 0)
                        *(pid_t *)at = (pid_t)value;
                return r;
        case FIELD_DEV:
                r = read_u64(node, UINT64_MAX, &value);
                if (r == 0)
                        *(dev_t *)at = (dev_t)value;
                return r;
        }
        return -EINVAL;
}

/* Room for an array's items. 1, 0 where there is no array, or a negative errno. */
static int begin_list(const struct json_node *node, struct arena *arena, size_t item_size, void **ret_items)
{
        if (node == NULL)
                return 0;
        if (node->type != JSON_ARRAY)
                return -EINVAL;
        *ret_items = arena_array(arena, node->n + 1, item_size);
        return *ret_items == NULL ? -ENOMEM : 1;
}

static int read_maps(const struct json_node *node, struct arena *arena, const struct spec_id_map **ret_map, size_t *ret_n)
{
        struct spec_id_map *map;
        size_t n = 0;
        void *items;
        int r = begin_list(node, arena, sizeof *map, &items);

        if (r <= 0)
                return r;
        map = items;
        json_for_each(line, node) {
                uint64_t values[3];
                size_t i = 0;

                if (line->type != JSON_ARRAY || line->n != 3)
                        return -EINVAL;
                json_for_each(number, line)
                        if (read_u64(number, UINT32_MAX, &values[i++]) < 0)
                                return -EINVAL;
                map[n++] = (struct spec_id_map){ .inside = (uint32_t)values[0], .outside = (uint32_t)values[1],
                                                 .size = (uint32_t)values[2] };
        }
        *ret_map = map;
        *ret_n = n;
        return 0;
}

static int read_ports(const struct json_node *node, struct arena *arena, struct sandbox_tcp_ports *tcp_ports)
{
        struct policy_ports *ports;
        size_t n = 0;
        void *items;
        int r = begin_list(node, arena, sizeof *ports, &items);

        if (r <= 0)
                return r;
        ports = items;
        json_for_each(range, node) {
                uint64_t first, last;

                if (range->type != JSON_ARRAY || range->n != 2 || read_u64(range->first, UINT16_MAX, &first) < 0 ||
                    read_u64(range->first->next, UINT16_MAX, &last) < 0 || first > last)
                        return -EINVAL;
                ports[n++] = (struct policy_ports){ (uint16_t)first, (uint16_t)last };
        }
        tcp_ports->items = ports;
        tcp_ports->n = n;
        return 0;
}

static int read_pairs(const struct json_node *node, struct arena *arena, struct state *state)
{
        struct spec_pair *pairs;
        size_t n = 0;
        void *items;
        int r = begin_list(node, arena, sizeof *pairs, &items);

        if (r <= 0)
                return r;
        pairs = items;
        json_for_each(pair, node) {
                if (pair->type != JSON_ARRAY || pair->n != 2 || pair->first->type != JSON_STRING ||
                    pair->first->next->type != JSON_STRING)
                        return -EINVAL;
                pairs[n++] = (struct spec_pair){ .key = pair->first->text, .value = pair->first->next->text };
        }
        state->annotations = pairs;
        state->n_annotations = n;
        return 0;
}

static int read_texts(const struct json_node *node, struct arena *arena, const char *const **ret_texts, size_t *ret_n)
{
        const char **texts;
        size_t n = 0;
        void *items;
        int r = begin_list(node, arena, sizeof *texts, &items);

        if (r <= 0)
                return r;
        texts = items;
        json_for_each(text, node) {
                if (text->type != JSON_STRING)
                        return -EINVAL;
                texts[n++] = text->text;
        }
        *ret_texts = texts;
        *ret_n = n;
        return 0;
}

static int read_findings(const struct json_node *node, struct arena *arena, struct state *state)
{
        struct finding *findings;
        uint64_t action;
        size_t n = 0;
        void *items;
        int r = begin_list(node, arena, sizeof *findings, &items);

        if (r <= 0)
                return r;
        findings = items;
        json_for_each(one, node) {
                struct finding *finding = &findings[n++];

                if (read_text(json_member(one, "property"), &finding->property) < 0 ||
                    read_text(json_member(one, "asked"), &finding->asked) < 0 ||
                    read_text(json_member(one, "got"), &finding->got) < 0 ||
                    read_text(json_member(one, "rule"), &finding->rule) < 0 ||
                    json_member(one, "action") == NULL ||
                    read_u64(json_member(one, "action"), FINDING_RECORDED, &action) < 0)
                        return -EINVAL;
                finding->action = (enum finding_action)action;
                if (n > 1)
                        findings[n - 2].next = finding;
        }
        state->findings = n > 0 ? findings : NULL;
        state->n_findings = n;
        return 0;
}

int state_read(const struct state_dir *dir, struct arena *arena, struct state *ret_state, struct error *err)
{
        const struct json_node *root;
        struct state state = { 0 };
        auto_free char *text = NULL;
        auto_free char *name = NULL;
        size_t length;
        int r;

        r = fd_read_file(dir->fd, "state.json", STATE_LIMIT_BYTES, &text, &length);
        if (r == -ENOENT)
                return error_set(err, ENODATA,
                                 "container %s was never finished: delete --force removes what is left of it",
                                 dir->id);
        if (r == 0 && asprintf(&name, "%s/%s/state.json", dir->root, dir->id) < 0)
                r = -ENOMEM;
        if (r < 0)
                return error_errno(err, r, "read %s/%s/state.json", dir->root, dir->id);
        r = json_parse(arena, text, length, name, &root, err);
        if (r < 0)
                return r;
        if (root->type != JSON_OBJECT)
                return error_set(err, EINVAL, "%s is not an object", name);
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
                if (read_field(&fields[i], json_member(root, fields[i].name), &state) < 0)
                        return error_set(err, EINVAL, "%s: %s is not what was written", name, fields[i].name);
        r = read_texts(json_member(root, "cgroups"), arena, &state.cgroups, &state.n_cgroups);
        if (r == 0)
                r = read_maps(json_member(root, "uidMap"), arena, &state.uid_map, &state.n_uid_map);
        if (r == 0)
                r = read_maps(json_member(root, "gidMap"), arena, &state.gid_map, &state.n_gid_map);
        if (r == 0)
                r = read_ports(json_member(root, "tcpPorts"), arena, &state.tcp_ports);
        if (r == 0)
                r = read_pairs(json_member(root, "annotations"), arena, &state);
        if (r == 0)
                r = read_findings(json_member(root, "findings"), arena, &state);
        if (r < 0)
                return error_errno(err, r, "%s", name);
        if (state.id == NULL || strcmp(state.id, dir->id) != 0)
                return error_set(err, EINVAL, "%s is the record of another container", name);
        state.is_deadline_over = state.deadline_ms != 0 && faccessat(dir->fd, STATE_DEADLINE_MARK, F_OK, 0) == 0;
        *ret_state = state;
        return 0;
}
