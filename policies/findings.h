/* What policy made of a request: one finding for each difference between what was asked and what it gets. */
#pragma once

#include <stddef.h>

#include "runtime/base/arena.h"

enum finding_action { FINDING_TIGHTENED, FINDING_REFUSED, FINDING_ALLOWED, FINDING_RECORDED };

/* Texts live in the arena. Never a value of an environment variable or an argument. */
struct finding {
        const char *property;   /* "process.capabilities.bounding" */
        const char *asked;
        const char *got;
        const char *rule;       /* "capabilities" */
        enum finding_action action;
        struct finding *next;
};

struct findings {
        struct arena *arena;
        struct finding *first, *last;
        size_t n;
};

void findings_add(struct findings *findings, enum finding_action action, const char *property, const char *rule,
                  const char *asked, const char *got);
const char *finding_action_name(enum finding_action action);    /* "tightened" */
