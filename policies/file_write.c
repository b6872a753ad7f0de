/* Profiles as the file writes them, every member said: what is shown, compared, digested and kept with a container. */
#include "policies/file.h"

#include <string.h>
#include <sys/stat.h>

#include "runtime/base/text.h"

/* { "key": , a line each, at a depth. */
struct writer {
        struct text_buffer *out;
        const char *indent;
        bool is_first;
};

static void key(struct writer *writer, const char *name)
{
        text_addf(writer->out, "%s\n%s  ", writer->is_first ? "{" : ",", writer->indent);
        text_add_json(writer->out, name);
        text_add(writer->out, ": ");
        writer->is_first = false;
}

static void texts(struct text_buffer *out, const struct policy_texts *list)
{
        text_add(out, "[");
        for (size_t i = 0; i < list->n; i++) {
                text_add(out, i > 0 ? ", " : "");
                text_add_json(out, list->items[i]);
        }
        text_add(out, "]");
}

static void write_caps(uint64_t caps, struct text_buffer *out)
{
        bool is_first = true;

        text_add(out, "[");
        for (int number = 0; number < 64; number++) {
                const char *name = caps & UINT64_C(1) << number ? spec_cap_name(number) : NULL;

                if (name == NULL)
                        continue;
                text_addf(out, "%s\"%s\"", is_first ? "" : ", ", name);
                is_first = false;
        }
        text_add(out, "]");
}

static const char *truth(bool value)
{
        return value ? "true" : "false";
}

static const char *base_name(enum policy_seccomp_base base)
{
        switch (base) {
        case POLICY_SECCOMP_BASE_BUILD:
                return "build";
        case POLICY_SECCOMP_BASE_ENGINE:
                return "engine";
        case POLICY_SECCOMP_BASE_IMAGE_BUILD:
                return "image-build";
        }
        return "build";
}

const char *policy_rootfs_name(enum policy_rootfs rootfs)
{
        switch (rootfs) {
        case POLICY_ROOTFS_ENGINE:
                return "engine";
        case POLICY_ROOTFS_EPHEMERAL:
                return "ephemeral";
        case POLICY_ROOTFS_READONLY:
                return "read-only";
        }
        return "read-only";
}

static void write_devices(const struct policy_profile *profile, struct text_buffer *out)
{
        text_add(out, "[");
        for (size_t i = 0; i < profile->n_devices; i++) {
                const struct policy_device *device = &profile->devices[i];

                text_add(out, i > 0 ? ", { \"path\": " : "{ \"path\": ");
                text_add_json(out, device->path);
                text_addf(out, ", \"type\": \"%s\", \"major\": %u, \"minor\": %u }",
                          device->type == S_IFBLK ? "b" : "c", device->major, device->minor);
        }
        text_add(out, "]");
}

static void write_ports(const struct policy_ports *ports, bool is_next, struct text_buffer *out)
{
        if (ports->first == ports->last)
                text_addf(out, "%s%u", is_next ? ", " : "", ports->first);
        else
                text_addf(out, "%s\"%u-%u\"", is_next ? ", " : "", ports->first, ports->last);
}

void policy_file_write_egress(const struct policy_profile *profile, struct text_buffer *out)
{
        text_addf(out, "{ \"mode\": \"%s\", \"allow\": [",
                  profile->egress_mode == POLICY_EGRESS_DENY ? "deny" : "audit");
        for (size_t i = 0; i < profile->n_egress_allow; i++) {
                const struct policy_destination *destination = &profile->egress_allow[i];

                text_addf(out, "%s{ \"%s\": ", i > 0 ? ", " : "", destination->host != NULL ? "host" : "cidr");
                text_add_json(out, destination->host != NULL ? destination->host : destination->cidr);
                text_add(out, ", \"ports\": [");
                for (size_t j = 0; j < destination->n_ports; j++)
                        write_ports(&destination->ports[j], j > 0, out);
                text_add(out, destination->is_udp ? "], \"protocol\": \"udp\" }" : "] }");
        }
        text_add(out, "]");
        if (profile->egress_proxy != NULL) {
                text_add(out, ", \"proxy\": ");
                text_add_json(out, profile->egress_proxy);
        }
        text_add(out, " }");
}

static void write_limit(enum policy_limit limit, uint64_t value, struct text_buffer *out)
{
        static const struct { uint64_t seconds; char unit; } units[] = {
                { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' },
        };

        switch (limit) {
        case POLICY_LIMIT_WALL:
        case POLICY_LIMIT_GRACE:
                for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
                        if (value % units[i].seconds != 0)
                                continue;
                        text_addf(out, "\"%llu%c\"", (unsigned long long)(value / units[i].seconds), units[i].unit);
                        return;
                }
                return;
        case POLICY_LIMIT_CPUS:
                if (value % 1000 == 0 && value <= 8192 * 1000)
                        text_addf(out, "%llu", (unsigned long long)(value / 1000));
                else
                        text_addf(out, "\"%llu.%03llu\"", (unsigned long long)(value / 1000),
                                  (unsigned long long)(value % 1000));
                return;
        case POLICY_LIMIT_MEMORY:
        case POLICY_LIMIT_SWAP:
        case POLICY_LIMIT_CORE:
        case POLICY_LIMIT_FSIZE:
        case POLICY_LIMIT_SCRATCH:
                if (value > UINT64_C(1) << 53) { /* only "T" leads there */
                        text_addf(out, "\"%lluT\"", (unsigned long long)(value >> 40));
                        return;
                }
                break;
        case POLICY_LIMIT_PIDS:
        case POLICY_LIMIT_IO_WEIGHT:
        case POLICY_LIMIT_NOFILE:
        case POLICY_LIMIT_CONCURRENT:
        case POLICY_LIMITS:
                break;
        }
        text_addf(out, "%llu", (unsigned long long)value);
}

static void write_limits(const struct policy_profile *profile, struct text_buffer *out)
{
        bool is_first = true;

        text_add(out, "{");
        for (enum policy_limit limit = 0; limit < POLICY_LIMITS; limit++) {
                if (!profile->limits[limit].is_set)
                        continue;
                text_addf(out, "%s \"%s\": ", is_first ? "" : ",", policy_limit_name(limit));
                write_limit(limit, profile->limits[limit].value, out);
                is_first = false;
        }
        text_add(out, is_first ? "}" : " }");
}

void policy_file_write_profile(const struct policy_profile *profile, const char *indent, struct text_buffer *out)
{
        struct writer writer = { .out = out, .indent = indent, .is_first = true };

        key(&writer, "capabilities");
        write_caps(profile->caps, out);
        key(&writer, "seccomp");
        text_addf(out, "{ \"base\": \"%s\", \"userNamespaces\": %s, \"setuidFiles\": %s%s }",
                  base_name(profile->seccomp_base), truth(profile->seccomp_user_namespaces),
                  truth(profile->seccomp_setuid_files), profile->seccomp_explain ? ", \"explain\": true" : "");
        key(&writer, "rootfs");
        text_addf(out, "\"%s\"", policy_rootfs_name(profile->rootfs));
        key(&writer, "mounts");
        text_add(out, "{ \"denySources\": ");
        texts(out, &profile->mounts.deny);
        text_addf(out, ", \"sockets\": \"%s\", \"allow\": ",
                  profile->mounts.sockets == POLICY_SOCKETS_REFUSE ? "refuse" : "allow");
        texts(out, &profile->mounts.allow);
        text_add(out, " }");
        key(&writer, "devices");
        write_devices(profile, out);
        key(&writer, "egress");
        policy_file_write_egress(profile, out);
        key(&writer, "ingress");
        text_addf(out, "\"%s\"", profile->ingress == POLICY_INGRESS_ESTABLISHED ? "established" : "any");
        key(&writer, "landlock");
        text_addf(out, "{ \"tcpPorts\": %s }", truth(profile->landlock_tcp_ports));
        key(&writer, "limits");
        write_limits(profile, out);
        key(&writer, "env");
        text_add(out, "{ \"deny\": ");
        texts(out, &profile->env_deny);
        text_addf(out, ", \"onMatch\": \"%s\" }", profile->env_on_match == POLICY_ENV_REFUSE ? "refuse" : "strip");
        key(&writer, "hooks");
        if (profile->hooks.is_limited) {
                text_add(out, "{ \"allowPaths\": ");
                texts(out, &profile->hooks.allow_paths);
                text_add(out, " }");
        } else {
                text_add(out, "{}");
        }
        if (profile->evidence.folder != NULL) {
                key(&writer, "evidence");
                text_add(out, "{ \"folder\": ");
                text_add_json(out, profile->evidence.folder);
                text_add(out, ", \"outputs\": ");
                texts(out, &profile->evidence.outputs);
                if (profile->evidence.signer != NULL) {
                        text_add(out, ", \"signer\": ");
                        text_add_json(out, profile->evidence.signer);
                }
                text_add(out, " }");
        }
        key(&writer, "systemd");
        text_add(out, "{ \"properties\": ");
        texts(out, &profile->systemd_properties);
        text_add(out, " }");
        if (profile->cgroup_parent != NULL) {
                key(&writer, "cgroupParent");
                text_add_json(out, profile->cgroup_parent);
        }
        text_addf(out, "\n%s}", indent);
}

static void write_exception(const struct policy_exception *exception, struct text_buffer *out)
{
        const struct { const char *name, *value; } members[] = {
                { "id", exception->id },           { "profile", exception->profile },
                { "expires", exception->expires }, { "reason", exception->reason },
                { "approvedBy", exception->approved_by },
        };

        text_add(out, "{ \"allow\": ");
        texts(out, &exception->allow);
        for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
                text_addf(out, ", \"%s\": ", members[i].name);
                text_add_json(out, members[i].value);
        }
        text_add(out, " }");
}

void policy_file_write_chosen(const struct policy *policy, struct text_buffer *out)
{
        text_addf(out, "{\n  \"version\": %d,\n  \"revision\": ", POLICY_FILE_VERSION);
        text_add_json(out, policy->revision);
        if (policy->audit.path != NULL) {
                text_add(out, ",\n  \"audit\": ");
                policy_file_write_audit(&policy->audit, false, out);
        }
        text_add(out, ",\n  \"profiles\": {");
        for (size_t i = 0; i < policy->n_profile_names; i++) {
                text_add(out, i > 0 ? ",\n    " : "\n    ");
                text_add_json(out, policy->profile_names[i]);
                text_add(out, ": ");
                policy_file_write_profile(policy_file_profile(policy->file, policy->profile_names[i]), "    ", out);
        }
        text_add(out, "\n  },\n  \"exceptions\": [");
        for (size_t i = 0; i < policy->n_sources; i++) {
                text_add(out, i > 0 ? ",\n    " : "\n    ");
                write_exception(&policy->sources[i], out);
        }
        text_add(out, policy->n_sources > 0 ? "\n  ]\n}\n" : "]\n}\n");
}

/* ---- line by line ---- */

static void line(struct text_buffer *out, const char *way, const char *value)
{
        text_addf(out, "%s: ", way);
        text_add_json(out, value);
        text_add(out, "\n");
}

static void write_profile_lines(const struct policy_profile *profile, struct text_buffer *out)
{
        auto_buffer struct text_buffer text = { 0 };
        const char *at;

        policy_file_write_profile(profile, "", &text);
        if (text.is_broken) {
                out->is_broken = true;
                return;
        }
        /* Each member is a line of two blanks, a key in quotes, a value and mostly a comma. */
        for (at = strchr(text.text, '\n'); at != NULL && at[1] == ' '; at = strchr(at + 1, '\n')) {
                const char *key_at = at + strlen("\n  \""), *value = strstr(key_at, "\": ") + strlen("\": ");
                size_t length = strcspn(value, "\n");

                text_addf(out, "profiles.%s.%.*s: ", profile->name, (int)strcspn(key_at, "\""), key_at);
                text_add_n(out, value, length - (value[length - 1] == ','));
                text_add(out, "\n");
        }
}

void policy_file_write_lines(const struct policy_file *file, struct text_buffer *out)
{
        line(out, "revision", file->revision);
        line(out, "defaultProfile", file->default_profile);
        for (size_t i = 0; i < file->select.n_argv0; i++) {
                text_addf(out, "select.argv0.%s: ", file->select.argv0[i].key);
                text_add_json(out, file->select.argv0[i].profile);
                text_add(out, "\n");
        }
        for (size_t i = 0; i < file->select.n_matches; i++) {
                const struct policy_match *match = &file->select.matches[i];

                text_addf(out, "select.match[%zu]: {", i);
                for (size_t j = 0; j < match->n_annotations; j++) {
                        text_add(out, j > 0 ? ", " : " ");
                        text_add_json(out, match->annotations[j].key);
                        text_add(out, ": ");
                        text_add_json(out, match->annotations[j].value);
                }
                text_addf(out, " } to \"%s\"\n", match->profile);
        }
        if (file->select.annotation_key != NULL)
                line(out, "select.annotation.key", file->select.annotation_key);
        for (size_t i = 0; i < file->select.n_annotation_allow; i++) {
                text_addf(out, "select.annotation.allow.%s: ", file->select.annotation_allow[i].key);
                texts(out, &file->select.annotation_allow[i].profiles);
                text_add(out, "\n");
        }
        if (file->subid_user != NULL)
                line(out, "ids.subidUser", file->subid_user);
        text_addf(out, "ids.size: %u\n", file->ids_size);
        if (file->audit.path != NULL)
                policy_file_write_audit(&file->audit, true, out);
        for (size_t i = 0; i < file->n_profiles; i++)
                write_profile_lines(&file->profiles[i], out);
        for (size_t i = 0; i < file->n_exceptions; i++) {
                text_addf(out, "exceptions.%s: ", file->exceptions[i].id);
                write_exception(&file->exceptions[i], out);
                text_add(out, "\n");
        }
}
