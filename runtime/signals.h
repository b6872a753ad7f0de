/* Names of signals, as `kill` takes them. */
#pragma once

#include "runtime/base/error.h"

/* "9", "KILL", "SIGKILL", "sigkill", "RTMIN+3", "SIGRTMAX-1", "0"; numbers from 0 to 64 as the kernel counts them. An
 * unknown one is an error in runc's words: unknown signal "X". Source: signal(7). */
int signals_parse(const char *text, int *ret_signal, struct error *err);
