/* The attempts, by what they go for. Only selftest_*.c include this. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "runtime/selftest.h"

/* @ret_how: how it was refused, or what it got. In a process of its own. */
struct attempt {
        const char *name;
        enum selftest_verdict (*function)(const struct selftest_facts *facts, char *ret_how, size_t size);
};

/* False behind the last one. */
bool attempts_files(size_t i,
                    struct attempt *ret_attempt); /* mounts, procfs, sysfs, devices, cgroups, what was inherited */
bool attempts_kernel(size_t i, struct attempt *ret_attempt); /* capabilities, namespaces, system calls, processes */
bool attempts_network(size_t i, struct attempt *ret_attempt);

/* @result: of a system call that must fail. */
enum selftest_verdict attempt_refused(long result, char *ret_how, size_t size);
