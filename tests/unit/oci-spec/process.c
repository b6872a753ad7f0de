#include <sched.h>
#include <sys/resource.h>

#include "tests/unit/oci-spec/check.h"

static const struct spec_process *good(const char *members)
{
        static struct spec spec;
        char text[4096];

        snprintf(text, sizeof text, "\"process\": {\"cwd\": \"/\"%s%s}", members[0] == '\0' ? "" : ", ", members);
        check_good(text, &spec);
        cr_assert(spec.has_process);
        return &spec.process;
}

static const char *bad(const char *members)
{
        char text[4096];

        snprintf(text, sizeof text, "\"process\": {\"cwd\": \"/\", %s}", members);
        return check_bad(text);
}

#define assert_refused(members, sentence) cr_assert_str_eq(bad(members), "process." sentence)

Test(process, needs_only_a_folder)
{
        const struct spec_process *process = good("");

        cr_assert_str_eq(process->cwd, "/");
        cr_assert_eq(process->n_args, 0);
        cr_assert_null(process->args[0]);
        cr_assert_null(process->env[0]);
        cr_assert_not(process->is_terminal);
        cr_assert_not(process->has_oom_score_adj);
        cr_assert_not(process->has_io_priority);
        cr_assert_not(process->user.has_umask);
        cr_assert_not(process->caps.is_given);
        cr_assert_not(process->scheduler.is_given);
        cr_assert_null(process->apparmor_profile);
}

Test(process, null_counts_as_absent)
{
        const struct spec_process *process =
                good("\"terminal\": null, \"consoleSize\": null, \"env\": null, \"args\": null, \"user\": null,"
                     "\"rlimits\": null, \"capabilities\": null, \"noNewPrivileges\": null, \"oomScoreAdj\": null,"
                     "\"apparmorProfile\": null, \"selinuxLabel\": null, \"scheduler\": null, \"ioPriority\": null,"
                     "\"execCPUAffinity\": null");

        cr_assert_not(process->caps.is_given);
        cr_assert_not(process->has_oom_score_adj);
        assert_bad("\"process\": {\"cwd\": null}", "process.cwd: is required and missing");
}

Test(process, the_folder_is_absolute)
{
        assert_bad("\"process\": {\"cwd\": \"tmp\"}", "process.cwd: \"tmp\" is not an absolute path");
        assert_bad("\"process\": {\"cwd\": \"\"}", "process.cwd: \"\" is not an absolute path");
        assert_bad("\"process\": {\"cwd\": 1}", "process.cwd: expected a string, found a number");
        assert_bad("\"process\": []", "process: expected an object, found an array");
        assert_bad("\"process\": {\"Cwd\": \"/\"}", "process.cwd: is required and missing");
}

Test(process, args_have_at_least_one_entry)
{
        const struct spec_process *process = good("\"args\": [\"sh\", \"-c\", \"\"]");

        cr_assert_eq(process->n_args, 3);
        cr_assert_str_eq(process->args[0], "sh");
        cr_assert_str_eq(process->args[2], "");
        cr_assert_null(process->args[3]);
        assert_refused("\"args\": []", "args: must not be empty");
        assert_refused("\"args\": \"sh\"", "args: expected an array, found a string");
        assert_refused("\"args\": [\"sh\", 1]", "args[1]: expected a string, found a number");
        assert_refused("\"args\": [null]", "args[0]: expected a string, found null");
}

Test(process, an_environment_is_of_names_and_values)
{
        const struct spec_process *process = good("\"env\": [\"A=1\", \"B=\", \"C=x=y\"]");

        cr_assert_eq(process->n_env, 3);
        cr_assert_str_eq(process->env[2], "C=x=y");
        cr_assert_null(process->env[3]);
        assert_refused("\"env\": [\"A=1\", \"SECRET\"]", "env[1]: invalid environment variable: missing '='");
        assert_refused("\"env\": [\"=1\"]", "env[0]: invalid environment variable: the name is empty");
        assert_refused("\"env\": [\"\"]", "env[0]: invalid environment variable: missing '='");
        assert_refused("\"env\": {\"A\": \"1\"}", "env: expected an array, found an object");
}

Test(process, of_a_variable_given_twice_the_last_value_counts)
{
        const struct spec_process *process = good("\"env\": [\"PATH=/a\", \"AB=1\", \"A=0\", \"PATH=/b\", \"A=2\","
                                                  "\"PATH=/c\", \"Z=\"]");

        cr_assert_eq(process->n_env, 4);
        cr_assert_str_eq(process->env[0], "PATH=/c");
        cr_assert_str_eq(process->env[1], "AB=1");
        cr_assert_str_eq(process->env[2], "A=2");
        cr_assert_str_eq(process->env[3], "Z=");
        cr_assert_null(process->env[4]);
}

Test(process, ids_are_exact)
{
        const struct spec_process *process = good("\"user\": {\"uid\": 4294967294, \"gid\": 1000, \"umask\": 18,"
                                                  "\"additionalGids\": [0, 10, 4294967294], \"username\": \"x\"}");

        cr_assert_eq(process->user.uid, 4294967294u);
        cr_assert_eq(process->user.gid, 1000);
        cr_assert(process->user.has_umask);
        cr_assert_eq(process->user.umask, 022);
        cr_assert_eq(process->user.n_groups, 3);
        cr_assert_eq(process->user.groups[2], 4294967294u);
        assert_refused("\"user\": {\"gid\": 0}", "user.uid: is required and missing");
        assert_refused("\"user\": {\"uid\": 0}", "user.gid: is required and missing");
        assert_refused("\"user\": {\"uid\": [], \"gid\": 0}", "user.uid: expected a number, found an array");
        assert_refused("\"user\": {\"uid\": true, \"gid\": 0}", "user.uid: expected a number, found a boolean");
        assert_refused("\"user\": {\"uid\": 0, \"gid\": 4294967296}",
                       "user.gid: 4294967296 is out of range (0 to 4294967294)");
        assert_refused("\"user\": {\"uid\": -1, \"gid\": 0}", "user.uid: -1 is out of range (0 to 4294967294)");
        assert_refused("\"user\": {\"uid\": 18446744073709551616, \"gid\": 0}",
                       "user.uid: 18446744073709551616 is out of range (0 to 4294967294)");
        assert_refused("\"user\": {\"uid\": 1.0, \"gid\": 0}",
                       "user.uid: expected a whole number without fraction or exponent, found 1.0");
        assert_refused("\"user\": {\"uid\": 1e3, \"gid\": 0}",
                       "user.uid: expected a whole number without fraction or exponent, found 1e3");
        assert_refused("\"user\": {\"uid\": -1.5, \"gid\": 0}",
                       "user.uid: expected a whole number without fraction or exponent, found -1.5");
        assert_refused("\"user\": {\"uid\": 0, \"gid\": 0, \"additionalGids\": [1, 4294967295]}",
                       "user.additionalGids[1]: 4294967295 is out of range (0 to 4294967294)");
        assert_refused("\"user\": {\"uid\": 0, \"gid\": 0, \"umask\": 512}", "user.umask: 512 is out of range (0 to 511)");
}

Test(process, the_size_of_a_terminal_needs_a_terminal)
{
        const struct spec_process *process =
                good("\"terminal\": true, \"consoleSize\": {\"height\": 24, \"width\": 65535}");

        cr_assert(process->is_terminal && process->has_console_size);
        cr_assert_eq(process->console_rows, 24);
        cr_assert_eq(process->console_columns, 65535);
        cr_assert_not(good("\"consoleSize\": {\"height\": 24, \"width\": 80}")->has_console_size);
        assert_refused("\"consoleSize\": {\"height\": 65536, \"width\": 1}",
                       "consoleSize.height: 65536 is out of range (0 to 65535)");
        assert_refused("\"consoleSize\": {\"height\": 1}", "consoleSize.width: is required and missing");
        assert_refused("\"terminal\": 1", "terminal: expected a boolean, found a number");
}

Test(process, rlimits_are_known_and_given_once)
{
        const struct spec_process *process =
                good("\"rlimits\": [{\"type\": \"RLIMIT_NOFILE\", \"soft\": 1024, \"hard\": 4096},"
                     "{\"type\": \"RLIMIT_CORE\", \"soft\": 18446744073709551615, \"hard\": 18446744073709551615}]");

        cr_assert_eq(process->n_rlimits, 2);
        cr_assert_eq(process->rlimits[0].resource, RLIMIT_NOFILE);
        cr_assert_str_eq(process->rlimits[0].name, "RLIMIT_NOFILE");
        cr_assert_eq(process->rlimits[0].soft, 1024);
        cr_assert_eq(process->rlimits[0].hard, 4096);
        cr_assert_eq(process->rlimits[1].hard, RLIM_INFINITY);
        assert_refused("\"rlimits\": [{\"type\": \"RLIMIT_CPU\", \"soft\": 1, \"hard\": 1},"
                       "{\"type\": \"RLIMIT_CPU\", \"soft\": 1, \"hard\": 1}]", "rlimits: RLIMIT_CPU is given twice");
        assert_refused("\"rlimits\": [{\"type\": \"RLIMIT_FOO\", \"soft\": 1, \"hard\": 1}]",
                       "rlimits[0].type: \"RLIMIT_FOO\" is not a limit of getrlimit(2)");
        assert_refused("\"rlimits\": [{\"type\": 7, \"soft\": 1, \"hard\": 1}]",
                       "rlimits[0].type: expected a string, found a number");
        assert_refused("\"rlimits\": [{\"type\": \"RLIMIT_CPU\", \"hard\": 1}]",
                       "rlimits[0].soft: is required and missing");
        assert_refused("\"rlimits\": [{\"soft\": 1, \"hard\": 1}]", "rlimits[0].type: is required and missing");
        assert_refused("\"rlimits\": [{\"type\": \"RLIMIT_CPU\", \"soft\": 2, \"hard\": 1}]",
                       "rlimits[0].soft: 2 is above the hard limit of 1");
        assert_refused("\"rlimits\": [{\"type\": \"RLIMIT_CPU\", \"soft\": -1, \"hard\": 1}]",
                       "rlimits[0].soft: -1 is out of range (0 to 18446744073709551615)");
}

Test(process, takes_all_sixteen_rlimits)
{
        static const char *const names[] = { "AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE",
                                             "NICE", "NOFILE", "NPROC", "RSS", "RTPRIO", "RTTIME", "SIGPENDING",
                                             "STACK" };
        char text[256];

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                snprintf(text, sizeof text, "\"rlimits\": [{\"type\": \"RLIMIT_%s\", \"soft\": 0, \"hard\": 0}]", names[i]);
                good(text);
        }
}

Test(process, capabilities_are_bits_and_unknown_ones_are_kept_for_a_warning)
{
        const struct spec_process *process =
                good("\"capabilities\": {\"bounding\": [\"CAP_CHOWN\", \"CAP_NEXT_YEAR\"], \"effective\": [\"CAP_KILL\","
                     "\"CAP_NEXT_YEAR\", \"cap_chown\", \"40\"], \"permitted\": [\"CAP_CHECKPOINT_RESTORE\"],"
                     "\"inheritable\": [], \"ambient\": null}");
        const struct spec_caps *caps = &process->caps;

        cr_assert(caps->is_given);
        cr_assert_eq(caps->bounding, 1u);
        cr_assert_eq(caps->effective, 1u << 5);
        cr_assert_eq(caps->permitted, UINT64_C(1) << 40);
        cr_assert_eq(caps->inheritable, 0);
        cr_assert_eq(caps->ambient, 0);
        cr_assert_eq(caps->n_unknown, 3, "each once");
        cr_assert_str_eq(caps->unknown[0], "CAP_NEXT_YEAR");
        cr_assert_str_eq(caps->unknown[1], "cap_chown");
        cr_assert(good("\"capabilities\": {}")->caps.is_given);
        assert_refused("\"capabilities\": [\"CAP_CHOWN\"]", "capabilities: expected an object, found an array");
        assert_refused("\"capabilities\": {\"ambient\": [\"CAP_CHOWN\", 0]}",
                       "capabilities.ambient[1]: expected a string, found a number");
}

Test(process, a_capabilitys_name_and_number_agree)
{
        int number;

        for (number = 0; spec_cap_name(number) != NULL; number++)
                cr_assert_eq(spec_cap_number(spec_cap_name(number)), number);
        cr_assert_geq(number, 41);
        cr_assert_null(spec_cap_name(-1));
        cr_assert_str_eq(spec_cap_name(0), "CAP_CHOWN");
        cr_assert_str_eq(spec_cap_name(21), "CAP_SYS_ADMIN");
        cr_assert_str_eq(spec_cap_name(38), "CAP_PERFMON");
        cr_assert_eq(spec_cap_number("CAP_FOO"), -EINVAL);
        cr_assert_eq(spec_cap_number(""), -EINVAL);
}

Test(process, small_members)
{
        const struct spec_process *process =
                good("\"noNewPrivileges\": true, \"oomScoreAdj\": -1000, \"apparmorProfile\": \"p\","
                     "\"selinuxLabel\": \"l\", \"ioPriority\": {\"class\": \"IOPRIO_CLASS_BE\", \"priority\": 4},"
                     "\"execCPUAffinity\": {\"initial\": \"0-3,7\", \"final\": \"1\"}");

        cr_assert(process->no_new_privileges);
        cr_assert(process->has_oom_score_adj);
        cr_assert_eq(process->oom_score_adj, -1000);
        cr_assert_str_eq(process->apparmor_profile, "p");
        cr_assert_str_eq(process->selinux_label, "l");
        cr_assert(process->has_io_priority);
        cr_assert_eq(process->io_priority, 2 << 13 | 4);
        cr_assert_str_eq(process->affinity_initial, "0-3,7");
        cr_assert_str_eq(process->affinity_final, "1");
        cr_assert(good("\"oomScoreAdj\": 0")->has_oom_score_adj);
        cr_assert_null(good("\"apparmorProfile\": \"\"")->apparmor_profile, "as Go's omitempty has it");
        assert_refused("\"oomScoreAdj\": 1001", "oomScoreAdj: 1001 is out of range (-1000 to 1000)");
        assert_refused("\"oomScoreAdj\": -1001", "oomScoreAdj: -1001 is out of range (-1000 to 1000)");
        assert_refused("\"noNewPrivileges\": \"true\"", "noNewPrivileges: expected a boolean, found a string");
        assert_refused("\"apparmorProfile\": 1", "apparmorProfile: expected a string, found a number");
        assert_refused("\"ioPriority\": {\"class\": \"BE\", \"priority\": 4}",
                       "ioPriority.class: \"BE\" is not a class of ioprio_set(2)");
        assert_refused("\"ioPriority\": {\"class\": \"IOPRIO_CLASS_RT\", \"priority\": 8}",
                       "ioPriority.priority: 8 is out of range (0 to 7)");
        assert_refused("\"execCPUAffinity\": {\"final\": \"3-1\"}", "execCPUAffinity.final: \"3-1\" is not a list of processors such as \"0-3,7\"");
        assert_refused("\"execCPUAffinity\": {\"final\": \"1,\"}", "execCPUAffinity.final: \"1,\" is not a list of processors such as \"0-3,7\"");
        assert_refused("\"execCPUAffinity\": {\"final\": \"0-8192\"}",
                       "execCPUAffinity.final: \"0-8192\": processors are numbered 0 to 8191");
        assert_refused("\"execCPUAffinity\": {\"initial\": \"all\"}",
                       "execCPUAffinity.initial: \"all\" is not a list of processors such as \"0-3,7\"");
}

Test(process, schedulers_are_checked_before_the_kernel_does)
{
        const struct spec_process *process =
                good("\"scheduler\": {\"policy\": \"SCHED_FIFO\", \"priority\": 10, \"nice\": -20,"
                     "\"flags\": [\"SCHED_FLAG_RESET_ON_FORK\", \"SCHED_FLAG_UTIL_CLAMP_MAX\"]}");

        cr_assert(process->scheduler.is_given);
        cr_assert_eq(process->scheduler.policy, SCHED_FIFO);
        cr_assert_eq(process->scheduler.priority, 10);
        cr_assert_eq(process->scheduler.nice, -20);
        cr_assert_eq(process->scheduler.flags, 0x41);
        process = good("\"scheduler\": {\"policy\": \"SCHED_DEADLINE\", \"runtime\": 1, \"deadline\": 2,"
                       "\"period\": 18446744073709551615}");
        cr_assert_eq(process->scheduler.period_ns, UINT64_MAX);
        good("\"scheduler\": {\"policy\": \"SCHED_BATCH\"}");
        assert_refused("\"scheduler\": {}", "scheduler.policy: is required and missing");
        assert_refused("\"scheduler\": {\"policy\": \"FIFO\"}", "scheduler.policy: \"FIFO\" is not a policy of sched(7)");
        assert_refused("\"scheduler\": {\"policy\": \"SCHED_OTHER\", \"nice\": 20}",
                       "scheduler.nice: 20 is out of range (-20 to 19)");
        assert_refused("\"scheduler\": {\"policy\": \"SCHED_OTHER\", \"priority\": 1}",
                       "scheduler.priority: only SCHED_FIFO and SCHED_RR have one");
        assert_refused("\"scheduler\": {\"policy\": \"SCHED_RR\"}", "scheduler.priority: 0 is out of range (1 to 99)");
        assert_refused("\"scheduler\": {\"policy\": \"SCHED_RR\", \"priority\": 2147483648}",
                       "scheduler.priority: 2147483648 is out of range (-2147483648 to 2147483647)");
        assert_refused("\"scheduler\": {\"policy\": \"SCHED_OTHER\", \"runtime\": 1}",
                       "scheduler: only SCHED_DEADLINE has runtime, deadline and period");
        assert_refused("\"scheduler\": {\"policy\": \"SCHED_ISO\"}", "scheduler.policy: no Linux has SCHED_ISO; use SCHED_OTHER or another of sched(7)");
        assert_refused("\"scheduler\": {\"policy\": \"SCHED_DEADLINE\"}", "scheduler: SCHED_DEADLINE asks for 0 < runtime <= deadline <= period");
        assert_refused("\"scheduler\": {\"policy\": \"SCHED_DEADLINE\", \"runtime\": 3, \"deadline\": 2}",
                       "scheduler: SCHED_DEADLINE asks for 0 < runtime <= deadline <= period");
        good("\"scheduler\": {\"policy\": \"SCHED_DEADLINE\", \"runtime\": 2, \"deadline\": 2}");
        assert_refused("\"scheduler\": {\"policy\": \"SCHED_DEADLINE\", \"runtime\": 1, \"deadline\": 3, \"period\": 2}",
                       "scheduler: SCHED_DEADLINE asks for 0 < runtime <= deadline <= period");
        assert_refused("\"scheduler\": {\"policy\": \"SCHED_OTHER\", \"flags\": [\"X\"]}",
                       "scheduler.flags[0]: \"X\" is not a flag of sched_setattr(2)");
}

Test(process, of_exec_is_read_alone)
{
        struct spec_process process;
        const char *text = "{\"cwd\": \"/\", \"args\": [\"true\"], \"user\": {\"uid\": 1, \"gid\": 2}}";

        cr_assert_eq(spec_read_process(&check_arena, text, strlen(text), "process.json", &process, &check_error), 0);
        cr_assert_str_eq(process.args[0], "true");
        cr_assert_eq(process.user.gid, 2);
        text = "{\"cwd\": \"/\", \"user\": {\"uid\": \"0\"}}";
        cr_assert_eq(spec_read_process(&check_arena, text, strlen(text), "process.json", &process, &check_error),
                     -EINVAL);
        cr_assert_str_eq(check_error.text, "process.json: user.uid: expected a number, found a string");
        cr_assert_eq(spec_read_process(&check_arena, "null", 4, "process.json", &process, &check_error), -EINVAL);
        cr_assert_str_eq(check_error.text, "process.json: expected an object, found null");
}

Test(process, a_hundred_thousand_variables_are_not_compared_each_with_each)
{
        size_t size = 8 << 20, length = 0;
        char *text = malloc(size);
        struct spec_process process;

        length += (size_t)snprintf(text, size, "{\"cwd\": \"/\", \"env\": [\"A=0\"");
        for (unsigned i = 0; i < 100000; i++)
                length += (size_t)snprintf(text + length, size - length, ", \"V%u=%u\"", i % 50000, i);
        length += (size_t)snprintf(text + length, size - length, "]}");
        cr_assert_eq(spec_read_process(&check_arena, text, length, "p", &process, &check_error), 0);
        cr_assert_eq(process.n_env, 50001);
        cr_assert_str_eq(process.env[1], "V0=50000");
        cr_assert_str_eq(process.env[50000], "V49999=99999");
        free(text);
}

Test(spec_process, lists_of_processors_become_masks)
{
        unsigned char mask[2] = { 0 };

        cr_assert_eq(spec_cpus_parse("0-2,9,15", mask, sizeof mask), 0);
        cr_assert_eq(mask[0], 0x07);
        cr_assert_eq(mask[1], 0x82);
        cr_assert_eq(spec_cpus_parse("16", mask, sizeof mask), -ERANGE);
        cr_assert_eq(spec_cpus_parse("99999999999999999999999", mask, sizeof mask), -ERANGE);
        cr_assert_eq(spec_cpus_parse("", mask, sizeof mask), -EINVAL);
        cr_assert_eq(spec_cpus_parse("1 2", mask, sizeof mask), -EINVAL);
        cr_assert_eq(spec_cpus_parse("-1", mask, sizeof mask), -EINVAL);
}
