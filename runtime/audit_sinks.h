/* Where else records go: to journald and to a datagram socket of the administrator's. */
#pragma once

#include <stddef.h>

#include "policies/policy.h"
#include "runtime/base/error.h"

/* @lines: whole records with their line breaks. A receiver that takes nothing is waited for a second. */
int audit_sinks_send(const struct policy_audit *settings, const char *lines, size_t length, struct error *err);

/* To the host's system log, for whoever looks after it: what a call that succeeds may say nowhere else. Nothing where nobody listens. */
void audit_sinks_alarm(const char *text);
