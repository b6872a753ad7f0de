/* What was done to a log by a kill, a full disk or another hand, and setting it right: audit_log.c calls it under the lock. */
#pragma once

#include <sys/stat.h>

#include "runtime/audit_log.h"

/* Compares the log with where the chain stands. Afterwards log->bytes is its length, it ends with a line break or is empty, and
 * what was found, if anything, is a pending record of the event "recover". */
int audit_repair(struct audit_log *log, const struct stat *st, struct error *err);

/* The log becomes a rotated file, and an empty one begins with a pending record of the event "rotate". */
int audit_rotate(struct audit_log *log, struct error *err);

/* Removes what the last rotation said would go. */
void audit_rotate_finish(struct audit_log *log);

/* Opens the log for appending, after a look at whose it is. @flags: of open(2), besides. */
int audit_log_open_file(const char *path, int flags, int *ret_fd, struct stat *ret_st, struct error *err);
