/* Labels of the security modules: AppArmor's profile and SELinux's context of the processes in a sandbox.
 *
 * The parent checks that the module is there and knows the label, with its library loaded only now; the child writes
 * the label through the private procfs. A label that cannot be set is an error, never left out. */
#pragma once

#include "oci-spec/spec.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/process.h"

/* linux.mountLabel: that SELinux is there and knows it. Absent: nothing is asked. */
int lsm_check_mount_label(const char *label, struct error *err);

/* Fills in plan->labels. "unconfined" and an empty AppArmor profile mean none. */
int lsm_plan(struct arena *arena, const struct spec_process *process, struct process_plan *plan, struct error *err);
