/* config.md, "Process": config.json's process and the process.json of exec, which are one and the same.
 *
 * Values of args and env stay out of every error text: they may be secrets, and error texts end up in logs. */
#include "oci-spec/rooms.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* <linux/ioprio.h> */
#define IOPRIO_SHIFT 13

/* <linux/sched.h>: "SCHED_ISO: reserved but not implemented yet". */
#define SCHED_ISO 4

#ifndef RLIMIT_RTTIME
#define RLIMIT_RTTIME 15
#endif

static const struct reader_name rlimit_names[] = {
        { "RLIMIT_AS", RLIMIT_AS }, { "RLIMIT_CORE", RLIMIT_CORE }, { "RLIMIT_CPU", RLIMIT_CPU },
        { "RLIMIT_DATA", RLIMIT_DATA }, { "RLIMIT_FSIZE", RLIMIT_FSIZE }, { "RLIMIT_LOCKS", RLIMIT_LOCKS },
        { "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK }, { "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE }, { "RLIMIT_NICE", RLIMIT_NICE },
        { "RLIMIT_NOFILE", RLIMIT_NOFILE }, { "RLIMIT_NPROC", RLIMIT_NPROC }, { "RLIMIT_RSS", RLIMIT_RSS },
        { "RLIMIT_RTPRIO", RLIMIT_RTPRIO }, { "RLIMIT_RTTIME", RLIMIT_RTTIME },
        { "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING }, { "RLIMIT_STACK", RLIMIT_STACK },
};

static int read_rlimit_type(struct reader *reader, const struct json_node *node, void *into)
{
        struct spec_rlimit *limit = into;
        int64_t value;
        int r = reader_one_of(reader, node, rlimit_names, READER_COUNT(rlimit_names), "a limit of getrlimit(2)",
                              &value);

        if (r == 0) {
                limit->resource = (int)value;
                limit->name = node->text;
        }
        return r;
}

static int read_rlimit(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_WHOLE_REQUIRED("type", read_rlimit_type),
                RF_REQUIRED(struct spec_rlimit, "soft", soft, reader_u64),
                RF_REQUIRED(struct spec_rlimit, "hard", hard, reader_u64),
        };
        struct spec_rlimit *limit = into;
        int r = reader_object(reader, node, fields, READER_COUNT(fields), limit);

        if (r < 0)
                return r;
        if (limit->soft > limit->hard)
                return reader_fail_below(reader, "soft", "%llu is above the hard limit of %llu",
                                         (unsigned long long)limit->soft, (unsigned long long)limit->hard);
        return 0;
}

static int read_umask(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t value;
        int r = reader_unsigned(reader, node, 0777, &value);

        if (r == 0)
                *(uint32_t *)into = (uint32_t)value;
        return r;
}

static int read_user(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_REQUIRED(struct spec_user, "uid", uid, reader_id),
                RF_REQUIRED(struct spec_user, "gid", gid, reader_id),
                RF_CLAIMED(struct spec_user, "umask", umask, has_umask, read_umask),
                RF_ARRAY(struct spec_user, "additionalGids", groups, n_groups, reader_id),
        };
        const struct spec_user *user = into;
        int r = reader_object(reader, node, fields, READER_COUNT(fields), into);

        /* setgroups(2): EINVAL, as for a group that is not mapped. */
        if (r == 0 && user->n_groups > NGROUPS_MAX)
                return reader_fail_below(reader, "additionalGids", "%zu groups; the kernel takes %d", user->n_groups,
                                         NGROUPS_MAX);
        return r;
}

static int read_console_size(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_REQUIRED(struct spec_process, "height", console_rows, reader_u16),
                RF_REQUIRED(struct spec_process, "width", console_columns, reader_u16),
        };
        struct spec_process *process = into;

        process->has_console_size = true;
        return reader_object(reader, node, fields, READER_COUNT(fields), process);
}

static int read_args(struct reader *reader, const struct json_node *node, void *into)
{
        struct spec_process *process = into;
        char **args;
        int r = reader_strings(reader, node, &args, &process->n_args);

        if (r < 0)
                return r;
        /* "This specification extends the IEEE standard in that at least one entry is REQUIRED". */
        if (process->n_args == 0)
                return reader_fail(reader, EINVAL, "must not be empty");
        process->args = args;
        return 0;
}

struct variable {
        char *text;
        size_t length;  /* of the name */
        size_t index;
};

static int compare_variables(const void *a_, const void *b_)
{
        const struct variable *a = a_, *b = b_;
        int r;

        if (a->length != b->length)
                return a->length < b->length ? -1 : 1;
        r = memcmp(a->text, b->text, a->length);
        if (r != 0)
                return r;
        return a->index < b->index ? -1 : 1;
}

/* Of a name given twice the last value counts, at the place of the first: so runc has it, by way of setenv(3), and
 * engines append a user's variables to the image's. getenv(3) inside would find the first one. */
static int keep_last(struct reader *reader, char **env, size_t *n)
{
        struct variable *variables = reallocarray(NULL, *n, sizeof *variables);
        size_t kept = 0, i;

        if (variables == NULL)
                return reader_fail_no_memory(reader);
        for (i = 0; i < *n; i++)
                variables[i] = (struct variable){ env[i], (size_t)(strchr(env[i], '=') - env[i]), i };
        qsort(variables, *n, sizeof *variables, compare_variables);
        for (i = 1; i < *n; i++) {
                const struct variable *before = &variables[i - 1], *this = &variables[i];

                if (before->length != this->length || memcmp(before->text, this->text, this->length) != 0)
                        continue;
                env[before->index] = this->text;
                env[this->index] = NULL;
                variables[i].index = before->index;
        }
        free(variables);
        for (i = 0; i < *n; i++)
                if (env[i] != NULL)
                        env[kept++] = env[i];
        env[kept] = NULL;
        *n = kept;
        return 0;
}

static int read_env(struct reader *reader, const struct json_node *node, void *into)
{
        struct spec_process *process = into;
        char **env;
        int r = reader_strings(reader, node, &env, &process->n_env);

        if (r < 0)
                return r;
        /* Both are errors of runc's, too. */
        for (size_t i = 0; i < process->n_env; i++) {
                struct reader_step step = { .up = reader->at, .index = i };

                if (env[i][0] != '=' && strchr(env[i], '=') != NULL)
                        continue;
                reader->at = &step;
                r = reader_fail(reader, EINVAL, env[i][0] == '=' ? "invalid environment variable: the name is empty"
                                                                 : "invalid environment variable: missing '='");
                reader->at = step.up;
                return r;
        }
        if (process->n_env > 1) {
                r = keep_last(reader, env, &process->n_env);
                if (r < 0)
                        return r;
        }
        process->env = env;
        return 0;
}

static int read_oom_score(struct reader *reader, const struct json_node *node, void *into)
{
        int64_t value;
        int r = reader_signed(reader, node, -1000, 1000, &value);

        if (r == 0)
                *(int *)into = (int)value;
        return r;
}

static int read_policy(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name names[] = {
                { "SCHED_OTHER", SCHED_OTHER }, { "SCHED_FIFO", SCHED_FIFO }, { "SCHED_RR", SCHED_RR },
                { "SCHED_BATCH", SCHED_BATCH }, { "SCHED_ISO", SCHED_ISO },
                { "SCHED_IDLE", SCHED_IDLE }, { "SCHED_DEADLINE", 6 },
        };
        int64_t value;
        int r = reader_one_of(reader, node, names, READER_COUNT(names), "a policy of sched(7)", &value);

        if (r == 0)
                *(int *)into = (int)value;
        return r;
}

static int read_scheduler_flags(struct reader *reader, const struct json_node *node, void *into)
{
        /* <linux/sched.h> */
        static const struct reader_name names[] = {
                { "SCHED_FLAG_RESET_ON_FORK", 0x01 }, { "SCHED_FLAG_RECLAIM", 0x02 }, { "SCHED_FLAG_DL_OVERRUN", 0x04 },
                { "SCHED_FLAG_KEEP_POLICY", 0x08 }, { "SCHED_FLAG_KEEP_PARAMS", 0x10 },
                { "SCHED_FLAG_UTIL_CLAMP_MIN", 0x20 }, { "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 },
        };

        return reader_flags(reader, node, names, READER_COUNT(names), "a flag of sched_setattr(2)", into);
}

static int read_nice(struct reader *reader, const struct json_node *node, void *into)
{
        int64_t value;
        int r = reader_signed(reader, node, -20, 19, &value);

        if (r == 0)
                *(int32_t *)into = (int32_t)value;
        return r;
}

static int read_scheduler(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_REQUIRED(struct spec_scheduler, "policy", policy, read_policy),
                RF_VALUE(struct spec_scheduler, "nice", nice, read_nice),
                RF_VALUE(struct spec_scheduler, "priority", priority, reader_i32),
                RF_VALUE(struct spec_scheduler, "flags", flags, read_scheduler_flags),
                RF_VALUE(struct spec_scheduler, "runtime", runtime_ns, reader_u64),
                RF_VALUE(struct spec_scheduler, "deadline", deadline_ns, reader_u64),
                RF_VALUE(struct spec_scheduler, "period", period_ns, reader_u64),
        };
        struct spec_scheduler *scheduler = into;
        int r = reader_object(reader, node, fields, READER_COUNT(fields), scheduler);

        if (r < 0)
                return r;
        if (scheduler->policy == SCHED_ISO)
                return reader_fail_below(reader, "policy",
                                         "no Linux has SCHED_ISO; use SCHED_OTHER or another of sched(7)");
        /* sched_setattr(2) would say EINVAL, long after the container has begun. */
        if (scheduler->priority != 0 && scheduler->policy != SCHED_FIFO && scheduler->policy != SCHED_RR)
                return reader_fail_below(reader, "priority", "only SCHED_FIFO and SCHED_RR have one");
        if ((scheduler->policy == SCHED_FIFO || scheduler->policy == SCHED_RR) &&
            (scheduler->priority < 1 || scheduler->priority > 99))
                return reader_fail_below(reader, "priority", "%d is out of range (1 to 99)", scheduler->priority);
        if (scheduler->policy != 6 &&
            (scheduler->runtime_ns != 0 || scheduler->deadline_ns != 0 || scheduler->period_ns != 0))
                return reader_fail(reader, EINVAL, "only SCHED_DEADLINE has runtime, deadline and period");
        /* sched(7): runtime <= deadline <= period, and a period of 0 is the deadline. */
        if (scheduler->policy == 6 &&
            (scheduler->runtime_ns == 0 || scheduler->deadline_ns < scheduler->runtime_ns ||
             (scheduler->period_ns != 0 && scheduler->period_ns < scheduler->deadline_ns)))
                return reader_fail(reader, EINVAL, "SCHED_DEADLINE asks for 0 < runtime <= deadline <= period");
        scheduler->is_given = true;
        return 0;
}

struct io_priority {
        int64_t class, level;
};

static int read_io_class(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_name names[] = {
                { "IOPRIO_CLASS_RT", 1 }, { "IOPRIO_CLASS_BE", 2 }, { "IOPRIO_CLASS_IDLE", 3 },
        };

        return reader_one_of(reader, node, names, READER_COUNT(names), "a class of ioprio_set(2)", into);
}

static int read_io_level(struct reader *reader, const struct json_node *node, void *into)
{
        return reader_signed(reader, node, 0, 7, into);
}

static int read_io_priority(struct reader *reader, const struct json_node *node, void *into)
{
        /* Without a priority: 0, as the schema has it. */
        static const struct reader_field fields[] = {
                RF_REQUIRED(struct io_priority, "class", class, read_io_class),
                RF_VALUE(struct io_priority, "priority", level, read_io_level),
        };
        struct io_priority priority = { 0 };
        int r = reader_object(reader, node, fields, READER_COUNT(fields), &priority);

        if (r == 0)
                *(int *)into = (int)(priority.class << IOPRIO_SHIFT | priority.level);
        return r;
}

static int read_cpu_list(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_text(reader, node, into);

        if (r < 0 || node->n == 0)
                return r;
        r = spec_cpus_parse(node->text, NULL, SPEC_CPUS_BYTES);
        if (r == -ERANGE)
                return reader_fail(reader, EINVAL, "%s: processors are numbered 0 to %u", READER_QUOTE(node->text),
                                   SPEC_CPUS_BYTES * 8 - 1);
        if (r < 0)
                return reader_fail(reader, EINVAL, "%s is not a list of processors such as \"0-3,7\"",
                                   READER_QUOTE(node->text));
        return 0;
}

static int read_affinity(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_VALUE(struct spec_process, "initial", affinity_initial, read_cpu_list),
                RF_VALUE(struct spec_process, "final", affinity_final, read_cpu_list),
        };

        return reader_object(reader, node, fields, READER_COUNT(fields), into);
}

static const struct reader_field fields[] = {
        RF_VALUE(struct spec_process, "terminal", is_terminal, reader_bool),
        RF_WHOLE("consoleSize", read_console_size),
        RF_REQUIRED(struct spec_process, "cwd", cwd, reader_absolute_path),
        RF_WHOLE("env", read_env),
        RF_WHOLE("args", read_args),
        RF_VALUE(struct spec_process, "user", user, read_user),
        RF_ARRAY(struct spec_process, "rlimits", rlimits, n_rlimits, read_rlimit),
        RF_VALUE(struct spec_process, "capabilities", caps, spec_caps_read),
        RF_VALUE(struct spec_process, "noNewPrivileges", no_new_privileges, reader_bool),
        RF_CLAIMED(struct spec_process, "oomScoreAdj", oom_score_adj, has_oom_score_adj, read_oom_score),
        RF_VALUE(struct spec_process, "apparmorProfile", apparmor_profile, reader_text),
        RF_VALUE(struct spec_process, "selinuxLabel", selinux_label, reader_text),
        RF_VALUE(struct spec_process, "scheduler", scheduler, read_scheduler),
        RF_CLAIMED(struct spec_process, "ioPriority", io_priority, has_io_priority, read_io_priority),
        RF_WHOLE("execCPUAffinity", read_affinity),
};

int spec_process_read(struct reader *reader, const struct json_node *node, void *into)
{
        static char *nothing[] = { NULL };
        struct spec_process *process = into;
        unsigned seen = 0;
        int r = reader_object(reader, node, fields, READER_COUNT(fields), process);

        if (r < 0)
                return r;
        if (process->env == NULL)
                process->env = nothing;
        if (process->args == NULL)
                process->args = nothing;
        /* "consoleSize MUST be ignored if terminal is false". */
        if (!process->is_terminal)
                process->has_console_size = false;
        for (size_t i = 0; i < process->n_rlimits; i++) {
                /* "If rlimits contains duplicated entries with same type, the runtime MUST generate an error." */
                if ((seen & 1u << process->rlimits[i].resource) != 0)
                        return reader_fail_below(reader, "rlimits", "%s is given twice", process->rlimits[i].name);
                seen |= 1u << process->rlimits[i].resource;
        }
        return 0;
}
