/* What a record of the audit log says. Names and digests: never the value of a variable of the environment, of an argument or
 * of an annotation that the policy does not name. */
#pragma once

#include "oci-spec/spec.h"
#include "runtime/audit.h"
#include "runtime/base/text.h"

/* Begins the members of a record: the times, the machine, the event. */
void audit_record_begin(struct text_buffer *members, const char *event);

/* The members of a record, for audit_log_add(). */
void audit_record_write(const struct policy *policy, const struct audit_record *record, struct text_buffer *members);

/* What evidence says in the same words. */
struct plan;
const char *audit_rootfs_kind(const struct plan *plan);
void audit_process_members(const struct spec_process *process, struct text_buffer *members);   /* ids, and the arguments by digest */
void audit_resources_members(const struct spec_resources *resources, struct text_buffer *members);
