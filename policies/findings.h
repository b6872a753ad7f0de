/* What policy made of a request: one finding for each difference between what was asked and what it gets. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/arena.h"

enum finding_action {
        FINDING_TIGHTENED,      /* got is less than asked */
        FINDING_REFUSED,        /* nothing was made */
        FINDING_ALLOWED,        /* by an exception */
        FINDING_RECORDED,       /* nothing changed for the build, but it should be known */
};

/* Texts live in the arena. Never a value of an environment variable or an argument. */
struct finding {
        const char *property;   /* "process.capabilities.bounding" */
        const char *asked;
        const char *got;
        const char *rule;       /* "capabilities" */
        const char *remedy;     /* of a refusal: the sentence, with what to do; else NULL */
        enum finding_action action;
        struct finding *next;
};

/* Zeros and an arena to begin with. */
struct findings {
        struct arena *arena;
        struct finding *first, *last;
        size_t n;
        bool is_broken;         /* memory ran out: the list is not whole */
};

/* Appends a finding; the texts are copied into the arena, NULL counts as "". */
void findings_add(struct findings *findings, enum finding_action action, const char *property, const char *rule,
                  const char *asked, const char *got);
const char *finding_action_name(enum finding_action action);    /* "tightened" */
