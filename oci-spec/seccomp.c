/* config-linux.md, "Seccomp". The filter of the engine is only ever stacked below the policy's, so nothing here can
 * loosen anything; but a value that is not understood is an error, since a rule left out would change the filter. */
#include "oci-spec/rooms.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The kernel's MAX_ERRNO: seccomp(2) cuts a larger SECCOMP_RET_DATA down to it. */
#define ERRNO_HIGHEST 4095

static int read_action(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name names[] = {
                { "SCMP_ACT_ALLOW", SPEC_SECCOMP_ALLOW },
                { "SCMP_ACT_ERRNO", SPEC_SECCOMP_ERRNO },
                { "SCMP_ACT_KILL", SPEC_SECCOMP_KILL_THREAD },
                { "SCMP_ACT_KILL_THREAD", SPEC_SECCOMP_KILL_THREAD },
                { "SCMP_ACT_KILL_PROCESS", SPEC_SECCOMP_KILL_PROCESS },
                { "SCMP_ACT_TRAP", SPEC_SECCOMP_TRAP },
                { "SCMP_ACT_TRACE", SPEC_SECCOMP_TRACE },
                { "SCMP_ACT_LOG", SPEC_SECCOMP_LOG },
                { "SCMP_ACT_NOTIFY", SPEC_SECCOMP_NOTIFY },
        };
        int64_t value;
        int r = reader_one_of(reader, node, names, READER_COUNT(names), "an action of seccomp", &value);

        if (r == 0)
                *(int *)into = (int)value;
        return r;
}

static int read_architecture(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name names[] = {
                { "SCMP_ARCH_X86", 0 }, { "SCMP_ARCH_X86_64", 0 }, { "SCMP_ARCH_X32", 0 }, { "SCMP_ARCH_ARM", 0 },
                { "SCMP_ARCH_AARCH64", 0 }, { "SCMP_ARCH_MIPS", 0 }, { "SCMP_ARCH_MIPS64", 0 },
                { "SCMP_ARCH_MIPS64N32", 0 }, { "SCMP_ARCH_MIPSEL", 0 }, { "SCMP_ARCH_MIPSEL64", 0 },
                { "SCMP_ARCH_MIPSEL64N32", 0 }, { "SCMP_ARCH_PPC", 0 }, { "SCMP_ARCH_PPC64", 0 },
                { "SCMP_ARCH_PPC64LE", 0 }, { "SCMP_ARCH_S390", 0 }, { "SCMP_ARCH_S390X", 0 },
                { "SCMP_ARCH_PARISC", 0 }, { "SCMP_ARCH_PARISC64", 0 }, { "SCMP_ARCH_RISCV64", 0 },
                { "SCMP_ARCH_LOONGARCH64", 0 }, { "SCMP_ARCH_M68K", 0 }, { "SCMP_ARCH_SH", 0 },
                { "SCMP_ARCH_SHEB", 0 },
        };
        int64_t value;
        int r = reader_one_of(reader, node, names, READER_COUNT(names), "an architecture of seccomp", &value);

        if (r == 0)
                *(const char **)into = node->text;
        return r;
}

static int read_flags(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name names[] = {
                { "SECCOMP_FILTER_FLAG_TSYNC", SPEC_SECCOMP_FLAG_TSYNC },
                { "SECCOMP_FILTER_FLAG_LOG", SPEC_SECCOMP_FLAG_LOG },
                { "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SPEC_SECCOMP_FLAG_SPEC_ALLOW },
                { "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SPEC_SECCOMP_FLAG_WAIT_KILLABLE },
        };
        uint64_t flags;
        int r = reader_flags(reader, node, names, READER_COUNT(names), "a flag of seccomp(2)", &flags);

        if (r == 0)
                *(unsigned *)into = (unsigned)flags;
        return r;
}

static int read_index(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t value;
        int r = reader_unsigned(reader, node, 5, &value);

        if (r == 0)
                *(unsigned *)into = (unsigned)value;
        return r;
}

static int read_operator(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name names[] = {
                { "SCMP_CMP_NE", SPEC_SECCOMP_NE }, { "SCMP_CMP_LT", SPEC_SECCOMP_LT },
                { "SCMP_CMP_LE", SPEC_SECCOMP_LE }, { "SCMP_CMP_EQ", SPEC_SECCOMP_EQ },
                { "SCMP_CMP_GE", SPEC_SECCOMP_GE }, { "SCMP_CMP_GT", SPEC_SECCOMP_GT },
                { "SCMP_CMP_MASKED_EQ", SPEC_SECCOMP_MASKED_EQ },
        };
        int64_t value;
        int r = reader_one_of(reader, node, names, READER_COUNT(names), "a comparison of seccomp", &value);

        if (r == 0)
                *(int *)into = (int)value;
        return r;
}

static int read_arg(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_REQUIRED(struct spec_seccomp_arg, "index", index, read_index),
                RF_REQUIRED(struct spec_seccomp_arg, "value", value, reader_u64),
                RF_VALUE(struct spec_seccomp_arg, "valueTwo", value_two, reader_u64),
                RF_REQUIRED(struct spec_seccomp_arg, "op", op, read_operator),
        };

        return reader_object(reader, node, fields, READER_COUNT(fields), into);
}

static int check_errno(struct reader *reader, const char *property, int action, bool is_given, uint32_t value)
{
        if (!is_given)
                return 0;
        /* "If the action does not support errno codes, the runtime MUST generate an error." */
        if (action != SPEC_SECCOMP_ERRNO && action != SPEC_SECCOMP_TRACE)
                return reader_fail_below(reader, property, "only SCMP_ACT_ERRNO and SCMP_ACT_TRACE take one");
        /* SCMP_ACT_TRACE passes 16 bits to the tracer. */
        if (value > (action == SPEC_SECCOMP_ERRNO ? ERRNO_HIGHEST : UINT16_MAX))
                return reader_fail_below(reader, property, "%u is out of range (0 to %d)", value,
                                         action == SPEC_SECCOMP_ERRNO ? ERRNO_HIGHEST : UINT16_MAX);
        return 0;
}

static int read_rule(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_ARRAY(struct spec_seccomp_rule, "names", names, n_names, reader_string),
                RF_REQUIRED(struct spec_seccomp_rule, "action", action, read_action),
                RF_CLAIMED(struct spec_seccomp_rule, "errnoRet", errno_ret, has_errno, reader_u32),
                RF_ARRAY(struct spec_seccomp_rule, "args", args, n_args, read_arg),
        };
        struct spec_seccomp_rule *rule = into;
        int r = reader_object(reader, node, fields, READER_COUNT(fields), rule);

        if (r < 0)
                return r;
        /* "names: (array of strings, REQUIRED) ... MUST contain at least one entry". */
        if (rule->n_names == 0)
                return reader_fail_below(reader, "names", "is required and missing or empty");
        return check_errno(reader, "errnoRet", rule->action, rule->has_errno, rule->errno_ret);
}

static const struct reader_field fields[] = {
        RF_REQUIRED(struct spec_seccomp, "defaultAction", default_action, read_action),
        RF_CLAIMED(struct spec_seccomp, "defaultErrnoRet", default_errno, has_default_errno, reader_u32),
        RF_ARRAY(struct spec_seccomp, "architectures", architectures, n_architectures, read_architecture),
        RF_VALUE(struct spec_seccomp, "flags", flags, read_flags),
        RF_VALUE(struct spec_seccomp, "listenerPath", listener_path, reader_text),
        RF_VALUE(struct spec_seccomp, "listenerMetadata", listener_metadata, reader_text),
        RF_ARRAY(struct spec_seccomp, "syscalls", rules, n_rules, read_rule),
};

bool spec_seccomp_notifies(const struct spec_seccomp *seccomp)
{
        for (size_t i = 0; i < seccomp->n_rules; i++)
                if (seccomp->rules[i].action == SPEC_SECCOMP_NOTIFY)
                        return true;
        return false;
}

static int fail_write(struct reader *reader, size_t i, size_t j)
{
        char property[64];

        snprintf(property, sizeof property, "syscalls[%zu].names[%zu]", i, j);
        return reader_fail_below(reader, property, "write cannot have SCMP_ACT_NOTIFY");
}

/* What runc refuses too: before the agent can answer, a process has to become the build, and needs more than an agent
 * can be asked for; and its runtime, as others, may have to write. */
static int check_notify(struct reader *reader, const struct spec_seccomp *seccomp)
{
        if (seccomp->default_action == SPEC_SECCOMP_NOTIFY)
                return reader_fail_below(reader, "defaultAction",
                                         "SCMP_ACT_NOTIFY is for rules only; name the system calls in syscalls");
        for (size_t i = 0; i < seccomp->n_rules; i++) {
                const struct spec_seccomp_rule *rule = &seccomp->rules[i];

                for (size_t j = 0; j < rule->n_names; j++)
                        if (rule->action == SPEC_SECCOMP_NOTIFY && strcmp(rule->names[j], "write") == 0)
                                return fail_write(reader, i, j);
        }
        if (!spec_seccomp_notifies(seccomp))
                return 0;
        if (seccomp->listener_path == NULL)
                return reader_fail_below(reader, "listenerPath", "is required for SCMP_ACT_NOTIFY");
        if (seccomp->listener_path[0] != '/')
                return reader_fail_below(reader, "listenerPath", "must be an absolute path");
        return 0;
}

int spec_seccomp_read(struct reader *reader, const struct json_node *node, void *into)
{
        struct spec_seccomp *seccomp = into;
        int r = reader_object(reader, node, fields, READER_COUNT(fields), seccomp);

        if (r < 0)
                return r;
        if (seccomp->listener_metadata != NULL && seccomp->listener_path == NULL)
                return reader_fail_below(reader, "listenerMetadata", "is given without listenerPath");
        seccomp->is_given = true;
        r = check_notify(reader, seccomp);
        if (r < 0)
                return r;
        return check_errno(reader, "defaultErrnoRet", seccomp->default_action, seccomp->has_default_errno,
                           seccomp->default_errno);
}
