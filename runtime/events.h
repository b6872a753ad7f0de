/* What happens to a container while it runs: statistics from time to time, and each time that it runs out of memory. */
#pragma once

#include <stdint.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/state.h"

/* Writes one event: a line of JSON. */
typedef int (*events_say)(const struct text_buffer *line, struct error *err);

/* The statistics of this moment. */
int events_say_stats(const struct state *state, events_say say, struct error *err);

/* Says statistics every @interval_ns and {"type":"oom","id":...} whenever the kernel kills for want of memory. Returns 0
 * when the container has ended, with what it died of said. */
int events_follow(const struct state *state, int64_t interval_ns, events_say say, struct error *err);
