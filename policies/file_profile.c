/* One profile of the policy file: every member replaces what the profile began with. */
#include "policies/file_private.h"
#include "policies/systemd.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define FIELDS(list) (list), READER_COUNT(list)

/* Words into an enum, with the type that C gives it. */
static int read_word(struct reader *reader, const struct json_node *node, const struct reader_name *names, size_t n,
                     const char *what, unsigned *into)
{
        int64_t value;
        int r = reader_one_of(reader, node, names, n, what, &value);

        if (r == 0)
                *into = (unsigned)value;
        return r;
}

static int read_caps(struct reader *reader, const struct json_node *node, void *into)
{
        struct policy_profile *profile = into;
        uint64_t caps = 0;
        int r = reader_expect(reader, node, JSON_ARRAY);

        if (r < 0)
                return r;
        json_for_each(child, node) {
                struct reader_step step = { .up = reader->at, .index = (size_t)__builtin_popcountll(caps) };
                int number;

                reader->at = &step;
                r = reader_expect(reader, child, JSON_STRING);
                number = r == 0 ? spec_cap_number(child->text) : -1;
                if (r == 0 && number < 0)
                        r = reader_fail(reader, EINVAL, "there is no capability %s", READER_QUOTE(child->text));
                if (r == 0 && (caps & UINT64_C(1) << number))
                        r = reader_fail(reader, EINVAL, "%s is there twice", child->text);
                reader->at = step.up;
                if (r < 0)
                        return r;
                caps |= UINT64_C(1) << number;
        }
        profile->caps = caps;
        return 0;
}

/* ---- seccomp, rootfs ---- */

static int read_base(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name names[] = {
                { "build", POLICY_SECCOMP_BASE_BUILD },
                { "engine", POLICY_SECCOMP_BASE_ENGINE },
                { "image-build", POLICY_SECCOMP_BASE_IMAGE_BUILD },
        };

        return read_word(reader, node, FIELDS(names), "build, engine or image-build", into);
}

static int read_seccomp(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_VALUE(struct policy_profile, "base", seccomp_base, read_base),
                RF_VALUE(struct policy_profile, "userNamespaces", seccomp_user_namespaces, reader_bool),
                RF_VALUE(struct policy_profile, "setuidFiles", seccomp_setuid_files, reader_bool),
                RF_VALUE(struct policy_profile, "explain", seccomp_explain, reader_bool),
        };

        return policy_read_object(reader, node, FIELDS(fields), into);
}

static int read_rootfs(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name names[] = {
                { "engine", POLICY_ROOTFS_ENGINE },
                { "ephemeral", POLICY_ROOTFS_EPHEMERAL },
                { "read-only", POLICY_ROOTFS_READONLY },
        };

        return read_word(reader, node, FIELDS(names), "engine, ephemeral or read-only", into);
}

/* ---- mounts, devices ---- */

static int read_patterns(struct reader *reader, const struct json_node *node, void *into)
{
        return policy_read_texts(reader, node, policy_read_path_pattern, into);
}

static int read_sockets(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name names[] = {
                { "refuse", POLICY_SOCKETS_REFUSE }, { "allow", POLICY_SOCKETS_ALLOW },
        };

        return read_word(reader, node, FIELDS(names), "refuse or allow", into);
}

static int read_mounts(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_VALUE(struct policy_mounts, "denySources", deny, read_patterns),
                RF_VALUE(struct policy_mounts, "sockets", sockets, read_sockets),
                RF_VALUE(struct policy_mounts, "allow", allow, read_patterns),
        };

        return policy_read_object(reader, node, FIELDS(fields), into);
}

static int read_device_type(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name names[] = { { "c", S_IFCHR }, { "b", S_IFBLK } };

        return read_word(reader, node, FIELDS(names), "c or b", into);
}

static int read_device(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_REQUIRED(struct policy_device, "path", path, policy_read_path),
                RF_REQUIRED(struct policy_device, "type", type, read_device_type),
                RF_REQUIRED(struct policy_device, "major", major, reader_u32),
                RF_REQUIRED(struct policy_device, "minor", minor, reader_u32),
        };
        struct policy_device *device = into;
        int r = policy_read_object(reader, node, FIELDS(fields), device);

        if (r == 0 && strncmp(device->path, "/dev/", 5) != 0)
                r = reader_fail_below(reader, "path", "%s does not lie in /dev", READER_QUOTE(device->path));
        return r;
}

/* ---- the network ---- */

static int read_mode(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name names[] = {
                { "deny", POLICY_EGRESS_DENY }, { "audit", POLICY_EGRESS_AUDIT },
        };

        return read_word(reader, node, FIELDS(names), "deny or audit", into);
}

static int read_port(struct reader *reader, const struct json_node *node, void *into)
{
        struct policy_ports *ports = into;
        int r;

        if (node->type == JSON_STRING)
                return policy_read_port_range(reader, node, ports);
        r = reader_u16(reader, node, &ports->first);
        if (r == 0 && ports->first == 0)
                r = reader_fail(reader, EINVAL, "0 is out of range (1 to 65535)");
        ports->last = ports->first;
        return r;
}

static int read_protocol(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name names[] = { { "tcp", false }, { "udp", true } };
        unsigned is_udp = 0;
        int r = read_word(reader, node, FIELDS(names), "tcp or udp; no other protocol is supported", &is_udp);

        *(bool *)into = is_udp != 0;
        return r;
}

static int read_destination(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_VALUE(struct policy_destination, "host", host, policy_read_host),
                RF_VALUE(struct policy_destination, "cidr", cidr, policy_read_cidr),
                RF_ARRAY(struct policy_destination, "ports", ports, n_ports, read_port),
                RF_VALUE(struct policy_destination, "protocol", is_udp, read_protocol),
        };
        struct policy_destination *destination = into;
        int r = policy_read_object(reader, node, FIELDS(fields), destination);

        if (r < 0)
                return r;
        if ((destination->host == NULL) == (destination->cidr == NULL))
                return reader_fail(reader, EINVAL, "one of \"host\" and \"cidr\" is wanted");
        if (destination->n_ports == 0)
                return reader_fail_below(reader, "ports", "at least one port is wanted");
        return 0;
}

static int read_egress(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_VALUE(struct policy_profile, "mode", egress_mode, read_mode),
                RF_ARRAY(struct policy_profile, "allow", egress_allow, n_egress_allow, read_destination),
                RF_VALUE(struct policy_profile, "proxy", egress_proxy, policy_read_proxy),
        };

        return policy_read_object(reader, node, FIELDS(fields), into);
}

static int read_ingress(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name names[] = {
                { "established", POLICY_INGRESS_ESTABLISHED }, { "any", POLICY_INGRESS_ANY },
        };

        return read_word(reader, node, FIELDS(names), "established or any", into);
}

static int read_landlock(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_VALUE(struct policy_profile, "tcpPorts", landlock_tcp_ports, reader_bool),
        };

        return policy_read_object(reader, node, FIELDS(fields), into);
}

/* ---- limits ---- */

static int read_number(struct reader *reader, const struct json_node *node, uint64_t most, uint64_t *into)
{
        int r = reader_unsigned(reader, node, most, into);

        if (r == 0 && *into == 0)
                r = reader_fail(reader, EINVAL, "0 is out of range (1 to %llu)", (unsigned long long)most);
        return r;
}

static int read_pids(struct reader *reader, const struct json_node *node, void *into)
{
        return read_number(reader, node, 4194304, into);        /* PID_MAX_LIMIT */
}

static int read_weight(struct reader *reader, const struct json_node *node, void *into)
{
        return read_number(reader, node, 10000, into);
}

static int read_nofile(struct reader *reader, const struct json_node *node, void *into)
{
        return read_number(reader, node, 1048576, into);        /* fs.nr_open as the kernel sets it */
}

static int read_concurrent(struct reader *reader, const struct json_node *node, void *into)
{
        return read_number(reader, node, 65536, into);
}

static int read_memory(struct reader *reader, const struct json_node *node, void *into)
{
        int r = policy_read_size(reader, node, into);

        if (r == 0 && *(uint64_t *)into == 0)
                r = reader_fail(reader, EINVAL, "0 is out of range");
        return r;
}

/* core(5): with a piped core_pattern a limit of 0 still runs the host's helper as root; 1 does not. */
static int read_core(struct reader *reader, const struct json_node *node, void *into)
{
        int r = policy_read_size(reader, node, into);

        if (r == 0 && *(uint64_t *)into == 0)
                *(uint64_t *)into = 1;
        return r;
}

#define LIMIT(name_, which, function) \
        { .name = name_, .read = function, .claim = which * sizeof(struct policy_limit_value) + \
          offsetof(struct policy_limit_value, is_set), \
          .offset = which * sizeof(struct policy_limit_value) + offsetof(struct policy_limit_value, value) }

static int read_limits(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                LIMIT("wall", POLICY_LIMIT_WALL, policy_read_duration),
                LIMIT("memory", POLICY_LIMIT_MEMORY, read_memory),
                LIMIT("swap", POLICY_LIMIT_SWAP, policy_read_size),
                LIMIT("pids", POLICY_LIMIT_PIDS, read_pids),
                LIMIT("cpus", POLICY_LIMIT_CPUS, policy_read_cpus),
                LIMIT("ioWeight", POLICY_LIMIT_IO_WEIGHT, read_weight),
                LIMIT("nofile", POLICY_LIMIT_NOFILE, read_nofile),
                LIMIT("core", POLICY_LIMIT_CORE, read_core),
                LIMIT("fsize", POLICY_LIMIT_FSIZE, policy_read_size),
                LIMIT("scratch", POLICY_LIMIT_SCRATCH, read_memory),
                LIMIT("concurrent", POLICY_LIMIT_CONCURRENT, read_concurrent),
                LIMIT("grace", POLICY_LIMIT_GRACE, policy_read_duration),
        };
        struct policy_limit_value *limits = into;
        int r = policy_read_object(reader, node, FIELDS(fields), limits);

        for (size_t i = 0; i < POLICY_LIMITS && r == 0; i++) {
                if (json_member(node, policy_limit_name(i)) != NULL)
                        limits[i].is_demanded = true;
        }
        if (r == 0 && json_member(node, "swap") != NULL && json_member(node, "memory") == NULL)
                r = reader_fail_below(reader, "swap", "counts from \"memory\": say both");
        if (r == 0 && json_member(node, "grace") != NULL && json_member(node, "wall") == NULL)
                r = reader_fail_below(reader, "grace", "begins at the end of \"wall\": say both");
        return r;
}

/* ---- env, hooks ---- */

static int read_env_deny(struct reader *reader, const struct json_node *node, void *into)
{
        return policy_read_texts(reader, node, policy_read_name_pattern, into);
}

static int read_on_match(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name names[] = { { "strip", POLICY_ENV_STRIP }, { "refuse", POLICY_ENV_REFUSE } };

        return read_word(reader, node, FIELDS(names), "strip or refuse", into);
}

static int read_env(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_VALUE(struct policy_profile, "deny", env_deny, read_env_deny),
                RF_VALUE(struct policy_profile, "onMatch", env_on_match, read_on_match),
        };

        return policy_read_object(reader, node, FIELDS(fields), into);
}

static int read_allow_paths(struct reader *reader, const struct json_node *node, void *into)
{
        return policy_read_texts(reader, node, policy_read_hook_path, into);
}

static int read_hooks(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_CLAIMED(struct policy_hooks, "allowPaths", allow_paths, is_limited, read_allow_paths),
        };

        return policy_read_object(reader, node, FIELDS(fields), into);
}

/* ---- evidence ---- */

static int read_outputs(struct reader *reader, const struct json_node *node, void *into)
{
        return policy_read_texts(reader, node, policy_read_hook_path, into);
}

static int read_evidence(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_VALUE(struct policy_evidence, "folder", folder, policy_read_hook_path),
                RF_VALUE(struct policy_evidence, "outputs", outputs, read_outputs),
                RF_VALUE(struct policy_evidence, "signer", signer, policy_read_hook_path),
        };
        struct policy_evidence *evidence = into;
        int r = policy_read_object(reader, node, FIELDS(fields), evidence);

        if (r == 0 && evidence->folder == NULL)
                r = reader_fail(reader, EINVAL, "\"folder\" is wanted: where the statements are written to");
        return r;
}

/* ---- systemd ---- */

static int read_property(struct reader *reader, const struct json_node *node, void *into)
{
        int r = policy_read_property(reader, node, into);

        if (r == 0 && !policy_systemd_may_list(node->text))
                r = reader_fail(reader, EINVAL,
                                "%s is not for annotations to set: runb holds limits, devices and the place of a "
                                "container itself",
                                READER_QUOTE(node->text));
        return r;
}

static int read_properties(struct reader *reader, const struct json_node *node, void *into)
{
        return policy_read_texts(reader, node, read_property, into);
}

static int read_systemd(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_VALUE(struct policy_profile, "properties", systemd_properties, read_properties),
        };

        return policy_read_object(reader, node, FIELDS(fields), into);
}

int policy_read_profile(struct reader *reader, const struct json_node *node, struct policy_profile *profile)
{
        static const struct reader_field fields[] = {
                RF_WHOLE("capabilities", read_caps),
                RF_WHOLE("seccomp", read_seccomp),
                RF_VALUE(struct policy_profile, "rootfs", rootfs, read_rootfs),
                RF_VALUE(struct policy_profile, "mounts", mounts, read_mounts),
                RF_ARRAY(struct policy_profile, "devices", devices, n_devices, read_device),
                RF_WHOLE("egress", read_egress),
                RF_VALUE(struct policy_profile, "ingress", ingress, read_ingress),
                RF_WHOLE("landlock", read_landlock),
                RF_VALUE(struct policy_profile, "limits", limits, read_limits),
                RF_WHOLE("env", read_env),
                RF_VALUE(struct policy_profile, "hooks", hooks, read_hooks),
                RF_VALUE(struct policy_profile, "evidence", evidence, read_evidence),
                RF_WHOLE("systemd", read_systemd),
                RF_VALUE(struct policy_profile, "cgroupParent", cgroup_parent, policy_read_path),
        };

        return policy_read_object(reader, node, FIELDS(fields), profile);
}
