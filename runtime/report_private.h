/* Between report.c and what looks at one matter each. */
#pragma once

#include "runtime/report.h"

#define REPORT_STATUS_LIMIT_BYTES ((size_t)1 << 20)
#define REPORT_MOUNTINFO_LIMIT_BYTES ((size_t)64 << 20)

/* A verdict; of one control no more than a handful are kept that do not hold. */
void report_add(struct report *report, const char *control, enum report_verdict verdict, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
/* The same where nothing was said of the control yet. */
void report_holds(struct report *report, const char *control, const char *format, ...) __attribute__((format(printf, 3, 4)));
const char *report_text(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "user", "mnt": the file below /proc/PID/ns. */
const char *report_ns_file(enum spec_ns kind);
/* The user namespace @fd is the build's, or lies in it. 1, 0 or a negative errno. */
int report_is_within(const struct report *report, int fd);
/* The profile lets the build make user namespaces. */
bool report_may_nest(const struct report *report);

/* "process 5 (sh)" */
const char *report_who(struct report *report, const struct report_process *process);

/* Before the processes are judged; and after, of those that are left: returns what was not read, and why; NULL: nothing. */
void report_expect_filters(struct report *report);
const char *report_look_filters(struct report *report);
void report_look_processes(struct report *report);
void report_judge_processes(struct report *report);
void report_look_namespaces(struct report *report);
void report_look_mounts(struct report *report);
void report_look_network(struct report *report);
/* Of a line of proc_pid_limits(5), "Max open files": UINT64_MAX where it is unlimited, 0 where there is none. */
uint64_t report_hard_limit(const char *text, const char *name);
/* Before the processes are judged by the profile's. */
void report_look_rlimits(struct report *report);
void report_look_limits(struct report *report);
