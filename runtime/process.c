/* The parent's part: the environment with room for HOME, CPU masks, and failures put into words.
 *
 * The words are runc's, since docker and podman derive exit codes 126 and 127 from them. */
#include "runtime/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"

/* A list such as "0-3,7" (cpuset(7), "List format") as a mask. */
static int parse_cpu_list(const char *text, unsigned char *mask, size_t size, struct error *err)
{
        const char *p = text;
        char *end;

        while (*p != '\0') {
                unsigned long first, last;

                if (*p < '0' || *p > '9')
                        return error_set(err, EINVAL, "process.execCPUAffinity: \"%s\" is not a list of CPUs", text);
                first = strtoul(p, &end, 10);
                last = first;
                p = end;
                if (*p == '-') {
                        p++;
                        if (*p < '0' || *p > '9')
                                return error_set(err, EINVAL, "process.execCPUAffinity: \"%s\" is not a list of CPUs", text);
                        last = strtoul(p, &end, 10);
                        p = end;
                }
                if (last < first || last >= size * 8)
                        return error_set(err, EINVAL, "process.execCPUAffinity: \"%s\": CPU numbers go to %zu", text,
                                         size * 8 - 1);
                for (; first <= last; first++)
                        mask[first / 8] |= (unsigned char)(1u << first % 8);
                if (*p == ',')
                        p++;
                else if (*p != '\0')
                        return error_set(err, EINVAL, "process.execCPUAffinity: \"%s\" is not a list of CPUs", text);
        }
        return 0;
}

int process_plan_make(struct arena *arena, const struct spec_process *process, struct process_plan *ret_plan,
                      struct error *err)
{
        struct process_plan plan = { .process = process, .needs_home = true };
        size_t i;
        int r;

        plan.env = arena_array(arena, process->n_env + PROCESS_ENV_SPARE, sizeof *plan.env);
        if (plan.env == NULL)
                return error_errno(err, ENOMEM, "process.env");
        for (i = 0; i < process->n_env; i++) {
                plan.env[i] = process->env[i];
                /* As in Go's os.Setenv of a list: the last of several wins for PATH. */
                if (text_starts_with(process->env[i], "PATH="))
                        plan.path = process->env[i] + strlen("PATH=");
                if (text_starts_with(process->env[i], "HOME=") && process->env[i][strlen("HOME=")] != '\0')
                        plan.needs_home = false;
        }
        plan.n_env = process->n_env;
        if (process->affinity_final != NULL) {
                r = parse_cpu_list(process->affinity_final, plan.cpu_mask, sizeof plan.cpu_mask, err);
                if (r < 0)
                        return r;
                plan.has_affinity = true;
        }
        plan.can_set_groups = true;
        *ret_plan = plan;
        return 0;
}

int process_plan_memory_policy(struct process_plan *plan, const struct spec_memory_policy *policy, struct error *err)
{
        if (policy->nodes != NULL && !spec_mempolicy_nodes(policy->nodes, plan->memory_nodes))
                return error_set(err, EINVAL, "linux.memoryPolicy.nodes: \"%s\" is not a list of memory nodes", policy->nodes);
        plan->memory_policy = *policy;
        return 0;
}

int process_check_dumpable(struct error *err)
{
        auto_free char *text = NULL;
        int r = fd_read_file(AT_FDCWD, "/proc/sys/fs/suid_dumpable", 16, &text, NULL);

        if (r < 0)
                return error_errno(err, r, "read /proc/sys/fs/suid_dumpable");
        if (strcmp(text, "1\n") == 0)
                return error_set(err, ENOTSUP, "fs.suid_dumpable is 1: the build could trace the runtime while it enters; "
                                 "set it to 0 or 2");
        return 0;
}

void process_plan_add_env(struct process_plan *plan, const char *entry)
{
        if (entry != NULL && plan->n_env + 2 < plan->process->n_env + PROCESS_ENV_SPARE)
                plan->env[plan->n_env++] = (char *)(uintptr_t)entry;
}

int process_explain(const struct process_plan *plan, const struct child_message *message, struct error *err)
{
        const struct spec_process *process = plan->process;
        const char *program = process->n_args > 0 ? process->args[0] : "";
        const char *step = child_step_text(message->step);
        int error = message->error;

        switch ((enum child_step)message->step) {
        case STEP_LOOKUP_STAT:
                if (error == EACCES)
                        return error_set(err, error, "exec: \"%s\": permission denied", program);
                return error_errno(err, error, "exec: \"%s\": stat %s", program, program);
        case STEP_LOOKUP_PATH:
                return error_set(err, ENOENT, "exec: \"%s\": executable file not found in $PATH", program);
        case STEP_LOOKUP_SELF:
                return error_set(err, EACCES, "exec: \"%s\": permission denied (it is the runtime's own binary)", program);
        case STEP_EXEC:
                return error_errno(err, error, "exec %s", program);
        case STEP_CWD:
        case STEP_CWD_OUTSIDE:
                if (message->step == STEP_CWD_OUTSIDE)
                        return error_set(err, ENOENT, "chdir to cwd (\"%s\") set in config.json failed: "
                                         "the folder lies outside the rootfs", process->cwd);
                return error_errno(err, error, "chdir to cwd (\"%s\") set in config.json failed", process->cwd);
        case STEP_RLIMIT:
                if (message->index < process->n_rlimits)
                        return error_errno(err, error, "process.rlimits: error setting rlimit type %s to soft %llu, hard %llu",
                                           process->rlimits[message->index].name,
                                           (unsigned long long)process->rlimits[message->index].soft,
                                           (unsigned long long)process->rlimits[message->index].hard);
                return error_errno(err, error, "%s", step);
        case STEP_MEMORY_POLICY:
                if (error == EINVAL)
                        return error_set(err, error, "linux.memoryPolicy: this kernel does not take the mode with these flags, or "
                                         "the container has none of the nodes \"%s\" (see linux.resources.cpu.mems)",
                                         plan->memory_policy.nodes == NULL ? "" : plan->memory_policy.nodes);
                return error_errno(err, error, "linux.memoryPolicy");
        case STEP_UID:
                if (error == EINVAL)
                        return error_set(err, error, "process.user.uid: %u is not mapped in the user namespace",
                                         process->user.uid);
                return error_errno(err, error, "setresuid(%u)", process->user.uid);
        case STEP_GID:
                if (error == EINVAL)
                        return error_set(err, error, "process.user.gid: %u is not mapped in the user namespace",
                                         process->user.gid);
                return error_errno(err, error, "setresgid(%u)", process->user.gid);
        case STEP_GROUPS:
                if (error == EINVAL)
                        return error_set(err, error, "process.user.additionalGids: a group is not mapped in the user namespace");
                return error_errno(err, error, "process.user.additionalGids");
        case STEP_HOOK:
                if (message->index < plan->start_hooks.n) {
                        const struct hooks_outcome outcome = { .end = (enum hooks_end)(error >> 16), .value = error & 0xffff };

                        return hooks_describe(SPEC_HOOK_START_CONTAINER, message->index,
                                              &plan->start_hooks.hooks[message->index], &outcome, err);
                }
                return error_set(err, ECHILD, "%s #%u failed", step, message->index);
        case STEP_SECCOMP:
                return error_errno(err, error, "load the %s system call filter",
                                   message->index == 0 ? "policy's" : "engine's");
        default:
                /* The remaining steps need no more than their own words. */
                return error_errno(err, error, "%s", step);
        }
}
