#include "runtime/lsm.h"

#include <errno.h>
#include <string.h>

#include "runtime/apparmor.h"
#include "runtime/base/text.h"
#include "runtime/selinux.h"

static int add(struct arena *arena, struct process_plan *plan, const char *file, const char *prefix, const char *label,
               struct error *err)
{
        const char *text = arena_format(arena, "%s%s", prefix, label);

        if (text == NULL)
                return error_errno(err, ENOMEM, "%s", label);
        plan->labels[plan->n_labels++] = (struct process_label){ file, text };
        return 0;
}

int lsm_plan(struct arena *arena, const struct spec_process *process, struct process_plan *plan, struct error *err)
{
        int r;

        plan->n_labels = 0;
        if (!text_is_empty(process->apparmor_profile) && strcmp(process->apparmor_profile, "unconfined") != 0) {
                r = apparmor_check(process->apparmor_profile, err);
                if (r == 0)
                        r = add(arena, plan, "self/attr/apparmor/exec", "exec ", process->apparmor_profile, err);
                if (r < 0)
                        return error_context(err, "process.apparmorProfile");
        }
        if (!text_is_empty(process->selinux_label)) {
                r = selinux_check(process->selinux_label, err);
                if (r == 0)
                        r = add(arena, plan, "self/attr/exec", "", process->selinux_label, err);
                if (r < 0)
                        return error_context(err, "process.selinuxLabel");
        }
        return 0;
}

int lsm_check_mount_label(const char *label, struct error *err)
{
        if (text_is_empty(label) || selinux_check(label, err) == 0)
                return 0;
        return error_context(err, "linux.mountLabel");
}
