/* The sentence for what init reports as a step, an index and an errno: it does not format, and has not the plan's names
 * at hand. */
#include "runtime/launch_work.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "runtime/base/text.h"
#include "runtime/launch_child.h"

#define MOMENT_MS 5000
#define STARTS_IN_BYTES ((int64_t)1 << 20)      /* tests/cli/limits.sh */

int launch_explain(struct launch_work *work, const struct child_message *message, struct error *err)
{
        const struct plan *plan = work->plan;
        const char *step = child_step_text(message->step);
        uint32_t i = message->index;

        switch ((enum child_step)message->step) {
        case STEP_MOUNT_TARGET:
        case STEP_MOUNT_TARGET_LINK:
        case STEP_MOUNT_MAKE:
        case STEP_MOUNT_PARAMETER:
        case STEP_MOUNT_LINK:
        case STEP_MOUNT_OPTION:
        case STEP_MOUNT_ATTACH:
        case STEP_MOUNT_COPYUP:
                if (i < plan->mounts.n) {
                        const struct spec_mount *mount = plan->mounts.mounts[i].mount;
                        const struct mount_option *option = NULL;

                        if (message->step == STEP_MOUNT_PARAMETER && message->value < plan->mounts.mounts[i].n_options)
                                option = &plan->mounts.mounts[i].options[message->value];
                        if (option != NULL)
                                return error_errno(err, message->error, "mounts[%u]: mount %s on %s: option %s%s%s", i,
                                                   text_is_empty(mount->fstype) ? "none" : mount->fstype, mount->target,
                                                   option->key, option->value != NULL ? "=" : "",
                                                   option->value != NULL ? option->value : "");
                        return error_errno(err, message->error, "mounts[%u]: mount %s (%s) on %s: %s", i,
                                           text_is_empty(mount->source) ? "none" : mount->source,
                                           text_is_empty(mount->fstype) ? "bind" : mount->fstype, mount->target, step);
                }
                break;
        case STEP_DEVICE:
        case STEP_DEVICE_OTHER:
                if (i < plan->devices.n)
                        return error_errno(err, message->error, "linux.devices[%u]: %s: %s", i,
                                           plan->devices.devices[i].path, step);
                break;
        case STEP_DEVICE_LINK:
                return error_errno(err, message->error, "%s: %s", step, devices_link_name(i));
        case STEP_SYSCTL:
                /* Not ENOENT's words, by which engines know a program that is not there. */
                if (i < plan->n_sysctls && message->error == ENOENT)
                        return error_set(err, ENOENT,
                                         "linux.sysctl: this kernel has no \"%s\" in the container's namespaces",
                                         plan->sysctls[i].key);
                if (i < plan->n_sysctls)
                        return error_errno(err, message->error, "linux.sysctl: write %s", plan->sysctls[i].key);
                break;
        case STEP_READONLY_PATH:
                if (i < plan->mounts.n_readonly)
                        return error_errno(err, message->error, "linux.readonlyPaths: %s", plan->mounts.readonly[i]);
                break;
        case STEP_MASKED_PATH:
        case STEP_MASK_NULL:
                if (i < plan->mounts.n_masked)
                        return error_errno(err, message->error, "linux.maskedPaths: %s: %s", plan->mounts.masked[i],
                                           step);
                break;
        case STEP_EGRESS:
                return egress_explain(message->error, err);
        case STEP_NS_JOIN:
                return error_errno(err, message->error, "linux.namespaces: %s (%s)", step,
                                   i < SPEC_NS_KINDS ? spec_ns_name((enum spec_ns)i) : "?");
        case STEP_CREATE_HOOK:
                return process_explain_hook(SPEC_HOOK_CREATE_CONTAINER, &plan->spec->hooks[SPEC_HOOK_CREATE_CONTAINER],
                                            message, err);
        default:
                return process_explain(&plan->process, message, err);
        }
        return error_errno(err, message->error, "%s", step);
}

/* Init ended without a word: killed, most likely for memory. */
int launch_explain_silence(struct launch_work *work, struct error *err)
{
        const struct spec_number *memory = &work->plan->spec->linux_.resources.memory.limit;
        struct pollfd event = { .fd = work->pidfd, .events = POLLIN };
        siginfo_t info = { 0 };

        /* Its end of the socket is closed before it has ended. */
        poll(&event, 1, MOMENT_MS);
        if (waitid(P_PIDFD, (id_t)work->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
                return error_set(err, ECHILD, "container init ended unexpectedly");
        if (info.si_status == SIGKILL && memory->is_given && memory->value > 0 && memory->value < STARTS_IN_BYTES)
                return error_set(err, ENOMEM,
                                 "linux.resources.memory.limit: %lld bytes are too few for a container to start: its "
                                 "init was killed; give it 1 MiB at least",
                                 (long long)memory->value);
        if (info.si_code != CLD_EXITED)
                return error_set(err, ECHILD, "container init was killed by signal %d%s", info.si_status,
                                 info.si_status == SIGKILL ? " (out of memory? see linux.resources.memory.limit)" : "");
        return error_set(err, ECHILD, "container init ended unexpectedly");
}
