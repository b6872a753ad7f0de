/* The lines of --debug. Nothing is formatted without it. */
#pragma once

#include "runtime/plan.h"

/* What was decided before ids are taken. */
void trace_plan(const struct plan *plan);
/* Which ids it got, and what depends on them: after plan_set_ids(). */
void trace_ids(const struct plan *plan);
/* What policy made of a request. */
void trace_findings(const struct findings *findings);
