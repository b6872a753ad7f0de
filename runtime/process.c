/* The parent's part: the environment with room for HOME, masks of processors, and failures put into words.
 *
 * The words are runc's, since docker and podman derive exit codes 126 and 127 from them. */
#include "runtime/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"

int process_plan_make(struct arena *arena, const struct spec_process *process, struct process_plan *ret_plan,
                      struct error *err)
{
        struct process_plan plan = { .process = process, .needs_home = true };
        size_t i;

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

static int make_mask(struct arena *arena, const char *name, const char *list, const unsigned char **ret_mask,
                     struct error *err)
{
        unsigned char *mask;
        int r;

        if (list == NULL)
                return 0;
        mask = arena_array(arena, SPEC_CPUS_BYTES, sizeof *mask);
        if (mask == NULL)
                return error_errno(err, ENOMEM, "process.execCPUAffinity.%s", name);
        r = spec_cpus_parse(list, mask, SPEC_CPUS_BYTES);
        if (r < 0)
                return error_errno(err, r, "process.execCPUAffinity.%s: \"%s\"", name, list);
        *ret_mask = mask;
        return 0;
}

int process_plan_affinity(struct arena *arena, struct process_plan *plan, struct error *err)
{
        int r = make_mask(arena, "initial", plan->process->affinity_initial, &plan->initial_cpus, err);

        return r < 0 ? r : make_mask(arena, "final", plan->process->affinity_final, &plan->final_cpus, err);
}

int process_set_initial_affinity(const struct process_plan *plan, struct error *err)
{
        if (plan->initial_cpus != NULL && syscall(SYS_sched_setaffinity, 0, SPEC_CPUS_BYTES, plan->initial_cpus) < 0)
                return error_errno(err, errno, "process.execCPUAffinity.initial: \"%s\": sched_setaffinity",
                                   plan->process->affinity_initial);
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

int process_explain_hook(enum spec_hook_kind kind, const struct spec_hook_list *hooks, const struct child_message *message,
                         struct error *err)
{
        const struct hooks_outcome outcome = { .end = (enum hooks_end)(message->error >> 16), .value = message->error & 0xffff };

        if (message->index >= hooks->n)
                return error_set(err, ECHILD, "%s #%u failed", child_step_text(message->step), message->index);
        return hooks_describe(kind, message->index, &hooks->hooks[message->index], &outcome, err);
}

/* A limit that may not be set is one above what we have: the child had our limits. */
static int explain_rlimit(const struct spec_rlimit *limit, int error, struct error *err)
{
        const unsigned long long soft = limit->soft, hard = limit->hard;
        struct rlimit ours;

        if (error != EPERM || getrlimit((__rlimit_resource_t)limit->resource, &ours) < 0)
                return error_errno(err, error, "process.rlimits: error setting rlimit type %s to soft %llu, hard %llu",
                                   limit->name, soft, hard);
        /* setrlimit(2): not even root exceeds fs.nr_open. */
        if (ours.rlim_max >= limit->hard)
                return error_set(err, error, "process.rlimits: error setting rlimit type %s to soft %llu, hard %llu: more than "
                                 "fs.nr_open; lower it", limit->name, soft, hard);
        return error_set(err, error, "process.rlimits: error setting rlimit type %s to soft %llu, hard %llu: the runtime's caller "
                         "has a hard limit of %llu and no CAP_SYS_RESOURCE to raise it; lower the limit, or start the engine with "
                         "a higher one", limit->name, soft, hard, (unsigned long long)ours.rlim_max);
}

/* The kernel looks an AppArmor profile up when it is set; and an SELinux policy says who may become what. */
static int explain_label(const struct process_plan *plan, uint32_t index, int error, struct error *err)
{
        const struct process_label *label = index < plan->n_labels ? &plan->labels[index] : NULL;

        if (label == NULL || strcmp(label->file, "self/attr/apparmor/exec") != 0)
                return error_errno(err, error, "process.selinuxLabel: set %s", label == NULL ? "the security label" : label->text);
        /* Not that errno's own words: engines take "no such file" for a missing program. */
        if (error == ENOENT)
                return error_set(err, EINVAL, "process.apparmorProfile: apparmor failed to apply profile: %s is not loaded; load it "
                                 "(apparmor_parser -r FILE), or name another", plan->process->apparmor_profile);
        return error_errno(err, error, "process.apparmorProfile: apparmor failed to apply profile %s",
                           plan->process->apparmor_profile);
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
        case STEP_LSM:
                return explain_label(plan, message->index, error, err);
        case STEP_CWD_MAKE:
                return error_errno(err, error, "process.cwd: make the working folder %s", process->cwd);
        case STEP_EXEC:
                if (error == E2BIG)
                        return error_set(err, error, "exec %s: process.args and process.env are more than the kernel takes "
                                         "(execve(2), E2BIG); shorten them", program);
                return error_errno(err, error, "exec %s", program);
        case STEP_CWD:
        case STEP_CWD_OUTSIDE:
                if (message->step == STEP_CWD_OUTSIDE)
                        return error_set(err, ENOENT, "chdir to cwd (\"%s\") set in config.json failed: "
                                         "the folder lies outside the rootfs", process->cwd);
                return error_errno(err, error, "chdir to cwd (\"%s\") set in config.json failed", process->cwd);
        case STEP_RLIMIT:
                if (message->index < process->n_rlimits)
                        return explain_rlimit(&process->rlimits[message->index], error, err);
                return error_errno(err, error, "%s", step);
        case STEP_MEMORY_POLICY:
                if (error == EINVAL)
                        return error_set(err, error, "linux.memoryPolicy: this kernel does not take the mode with these flags, or "
                                         "the container has none of the nodes \"%s\" (see linux.resources.cpu.mems)",
                                         plan->memory_policy.nodes == NULL ? "" : plan->memory_policy.nodes);
                return error_errno(err, error, "linux.memoryPolicy");
        case STEP_OOM_SCORE:
                if (error == EACCES)
                        return error_set(err, error, "process.oomScoreAdj: %d is below what the runtime's caller may set without "
                                         "CAP_SYS_RESOURCE; raise it, or leave it out", process->oom_score_adj);
                return error_errno(err, error, "process.oomScoreAdj: write %d", process->oom_score_adj);
        case STEP_SCHEDULER:
                if (error == EPERM)
                        return error_set(err, error, "process.scheduler: more than the runtime's caller may set without "
                                         "CAP_SYS_NICE; leave it out, or ask for less");
                return error_errno(err, error, "process.scheduler: sched_setattr");
        case STEP_IO_PRIORITY:
                if (error == EPERM)
                        return error_set(err, error, "process.ioPriority: IOPRIO_CLASS_RT asks for CAP_SYS_NICE; use another class");
                return error_errno(err, error, "process.ioPriority: ioprio_set");
        case STEP_AFFINITY:
                if (error == EINVAL)
                        return error_set(err, error, "process.execCPUAffinity.final: none of the processors \"%s\" is in the "
                                         "container's cpuset", process->affinity_final);
                return error_errno(err, error, "process.execCPUAffinity.final: \"%s\": sched_setaffinity",
                                   process->affinity_final);
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
                return process_explain_hook(SPEC_HOOK_START_CONTAINER, &plan->start_hooks, message, err);
        case STEP_SECCOMP:
                return error_errno(err, error, "load the %s system call filter",
                                   message->index == 0 ? "policy's" : "engine's");
        default:
                /* The remaining steps need no more than their own words. */
                return error_errno(err, error, "%s", step);
        }
}
