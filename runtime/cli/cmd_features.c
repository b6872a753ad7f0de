/* What this runtime can do, as features.md and features-linux.md of the runtime-spec lay it out.
 *
 * Engines decide by it: containerd and CRI-O allow Kubernetes' hostUsers: false only where the user namespace and
 * idmap are listed, and recursive read-only mounts only where rro is. So nothing is listed that a create would refuse.
 * CRI-O reads stdout and stderr together: a warning here would break the document. */
#include "runtime/cli/cli.h"

#include <seccomp.h>
#include <stdio.h>
#include <string.h>

#include "oci-spec/spec.h"
#include "runtime/base/text.h"
#include "runtime/systemd.h"

#ifdef HAVE_SELINUX
#define SELINUX_ENABLED "true"
#else
#define SELINUX_ENABLED "false"
#endif
#ifdef HAVE_APPARMOR
#define APPARMOR_ENABLED "true"
#else
#define APPARMOR_ENABLED "false"
#endif

/* One JSON string of an array, a line each. */
static void add_item(struct text_buffer *out, const char *indent, const char *text, bool *is_first)
{
        text_addf(out, "%s\n%s", *is_first ? "" : ",", indent);
        text_add_json(out, text);
        *is_first = false;
}

static void add_list(struct text_buffer *out, const char *indent, const char *name, const char *const *items)
{
        bool is_first = true;
        char deeper[64];

        text_addf(out, "%s\"%s\": [", indent, name);
        snprintf(deeper, sizeof deeper, "%s    ", indent);
        for (; *items != NULL; items++)
                add_item(out, deeper, *items, &is_first);
        text_addf(out, "\n%s]", indent);
}

static void add_hooks(struct text_buffer *out)
{
        const char *names[SPEC_HOOK_KINDS + 1] = { NULL };

        for (int kind = 0; kind < SPEC_HOOK_KINDS; kind++)
                names[kind] = spec_hook_name((enum spec_hook_kind)kind);
        add_list(out, "    ", "hooks", names);
}

static void add_mount_options(struct text_buffer *out)
{
        bool is_first = true;
        const char *name;

        text_add(out, "    \"mountOptions\": [");
        for (size_t i = 0; (name = spec_mount_option(i)) != NULL; i++)
                add_item(out, "        ", name, &is_first);
        text_add(out, "\n    ]");
}

static void add_namespaces(struct text_buffer *out)
{
        static const enum spec_ns sorted[] = { SPEC_NS_CGROUP, SPEC_NS_IPC, SPEC_NS_MOUNT, SPEC_NS_NET,
                                               SPEC_NS_PID, SPEC_NS_TIME, SPEC_NS_USER, SPEC_NS_UTS };
        const char *names[sizeof sorted / sizeof sorted[0] + 1] = { NULL };

        for (size_t i = 0; i < sizeof sorted / sizeof sorted[0]; i++)
                names[i] = spec_ns_name(sorted[i]);
        add_list(out, "        ", "namespaces", names);
}

static void add_capabilities(struct text_buffer *out)
{
        bool is_first = true;
        const char *name;

        text_add(out, "        \"capabilities\": [");
        for (int number = 0; (name = spec_cap_name(number)) != NULL; number++)
                add_item(out, "            ", name, &is_first);
        text_add(out, "\n        ]");
}

/* Those of the runtime-spec that the libseccomp in use knows. */
static void add_architectures(struct text_buffer *out)
{
        static const struct {
                const char *spec, *library;
        } names[] = {
                { "SCMP_ARCH_AARCH64", "aarch64" }, { "SCMP_ARCH_ARM", "arm" },
                { "SCMP_ARCH_LOONGARCH64", "loongarch64" }, { "SCMP_ARCH_M68K", "m68k" },
                { "SCMP_ARCH_MIPS", "mips" }, { "SCMP_ARCH_MIPS64", "mips64" },
                { "SCMP_ARCH_MIPS64N32", "mips64n32" }, { "SCMP_ARCH_MIPSEL", "mipsel" },
                { "SCMP_ARCH_MIPSEL64", "mipsel64" }, { "SCMP_ARCH_MIPSEL64N32", "mipsel64n32" },
                { "SCMP_ARCH_PARISC", "parisc" }, { "SCMP_ARCH_PARISC64", "parisc64" },
                { "SCMP_ARCH_PPC", "ppc" }, { "SCMP_ARCH_PPC64", "ppc64" }, { "SCMP_ARCH_PPC64LE", "ppc64le" },
                { "SCMP_ARCH_RISCV64", "riscv64" }, { "SCMP_ARCH_S390", "s390" }, { "SCMP_ARCH_S390X", "s390x" },
                { "SCMP_ARCH_SH", "sh" }, { "SCMP_ARCH_SHEB", "sheb" }, { "SCMP_ARCH_X32", "x32" },
                { "SCMP_ARCH_X86", "x86" }, { "SCMP_ARCH_X86_64", "x86_64" },
        };
        bool is_first = true;

        text_add(out, "            \"archs\": [");
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                if (seccomp_arch_resolve_name(names[i].library) != 0)
                        add_item(out, "                ", names[i].spec, &is_first);
        }
        text_add(out, "\n            ]");
}

static void add_seccomp(struct text_buffer *out)
{
        static const char *const actions[] = { "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL",
                                               "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
                                               "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP", NULL };
        static const char *const operators[] = { "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE",
                                                 "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE", NULL };
        static const char *const known[] = { "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
                                             "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
                                             NULL };
        static const char *const supported[] = { "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
                                                 "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
                                                 NULL };

        text_add(out, "        \"seccomp\": {\n            \"enabled\": true,\n");
        add_list(out, "            ", "actions", actions);
        text_add(out, ",\n");
        add_list(out, "            ", "operators", operators);
        text_add(out, ",\n");
        add_architectures(out);
        text_add(out, ",\n");
        add_list(out, "            ", "knownFlags", known);
        text_add(out, ",\n");
        add_list(out, "            ", "supportedFlags", supported);
        text_add(out, "\n        }");
}

static void add_memory_policy(struct text_buffer *out)
{
        bool is_first = true;
        const char *name;

        text_add(out, "        \"memoryPolicy\": {\n            \"modes\": [");
        for (size_t i = 0; (name = spec_mempolicy_mode(i)) != NULL; i++)
                add_item(out, "                ", name, &is_first);
        text_add(out, "\n            ],\n            \"flags\": [");
        is_first = true;
        for (size_t i = 0; (name = spec_mempolicy_flag(i)) != NULL; i++)
                add_item(out, "                ", name, &is_first);
        text_add(out, "\n            ]\n        }");
}

/* Rooms that have nothing to list, in words of JSON. */
static void add_cgroup(struct text_buffer *out)
{
        const char *systemd = systemd_is_supported() ? "true" : "false";

        text_addf(out, "        \"cgroup\": {\n            \"v1\": true,\n            \"v2\": true,\n"
                       "            \"systemd\": %s,\n            \"systemdUser\": %s,\n"
                       "            \"rdma\": true\n        }", systemd, systemd);
}

static void add_apparmor(struct text_buffer *out)
{
        text_add(out, "        \"apparmor\": {\n            \"enabled\": " APPARMOR_ENABLED "\n        }");
}

static void add_selinux(struct text_buffer *out)
{
        text_add(out, "        \"selinux\": {\n            \"enabled\": " SELINUX_ENABLED "\n        }");
}

static void add_intel_rdt(struct text_buffer *out)
{
        text_add(out, "        \"intelRdt\": {\n            \"enabled\": true,\n            \"schemata\": true,\n"
                      "            \"monitoring\": true\n        }");
}

static void add_mount_extensions(struct text_buffer *out)
{
        text_add(out, "        \"mountExtensions\": {\n            \"idmap\": {\n                \"enabled\": true\n"
                      "            }\n        }");
}

static void add_net_devices(struct text_buffer *out)
{
        text_add(out, "        \"netDevices\": {\n            \"enabled\": true\n        }");
}

/* The object linux: a part for each room, which says what it does. */
static void (*const linux_parts[])(struct text_buffer *out) = {
        add_namespaces, add_capabilities, add_cgroup,        add_seccomp,          add_apparmor,
        add_selinux,    add_intel_rdt,    add_memory_policy, add_mount_extensions, add_net_devices,
};

/* Those that change what a container is: which pod it belongs to, hence whose ids it has; and what a policy file
 * chooses a profile by, where it uses our own prefix (it may name any other annotation, too). */
static const char *const unsafe_annotations[] = {
        "dev.runb.", "io.kubernetes.cri-o.SandboxID", "io.kubernetes.cri.sandbox-id", "org.systemd.property.", NULL
};

static void add_annotations(struct text_buffer *out)
{
        const struct scmp_version *version = seccomp_version();

        text_add(out, "    \"annotations\": {\n        \"dev.runb.commit\": ");
        text_add_json(out, RUNB_COMMIT);
        text_add(out, ",\n        \"dev.runb.version\": ");
        text_add_json(out, PACKAGE_VERSION);
        if (version != NULL)
                text_addf(out, ",\n        \"io.github.seccomp.libseccomp.version\": \"%u.%u.%u\"", version->major,
                          version->minor, version->micro);
        text_add(out, ",\n        \"org.opencontainers.runc.checkpoint.enabled\": \"false\"\n    }");
}

int cmd_features(struct cli *cli, int argc, char **argv)
{
        const struct cli_usage usage = {
                .synopsis = "features",
                .summary = "Prints what this runtime can do as one JSON document (features.md of the runtime-spec). "
                           "Needs no privilege.",
        };
        auto_buffer struct text_buffer out = { 0 };
        struct error err = { 0 };
        char **arguments;
        size_t n;
        int r;

        r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);
        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, 1);

        text_add(&out, "{\n    \"ociVersionMin\": \"1.0.0\",\n    \"ociVersionMax\": \"" CLI_SPEC_VERSION "\",\n");
        add_hooks(&out);
        text_add(&out, ",\n");
        add_mount_options(&out);
        text_add(&out, ",\n    \"linux\": {\n");
        for (size_t i = 0; i < sizeof linux_parts / sizeof linux_parts[0]; i++) {
                text_add(&out, i == 0 ? "" : ",\n");
                linux_parts[i](&out);
        }
        text_add(&out, "\n    },\n");
        add_annotations(&out);
        text_add(&out, ",\n");
        add_list(&out, "    ", "potentiallyUnsafeConfigAnnotations", unsafe_annotations);
        text_add(&out, "\n}\n");
        return cli_print(&out, &err) < 0 ? cli_fail(&err, 1) : 0;
}
