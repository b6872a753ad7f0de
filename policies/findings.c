/* The list of what policy changed. Texts are copied, so that a room can hand over what lies on its stack; when memory
 * runs out the list says so once, and harden() fails, since a sandbox with a finding missing must not be carried
 * out. */
#include "policies/findings.h"

#include <string.h>

static const char *copy(struct findings *findings, const char *text)
{
        char *copied = arena_string(findings->arena, text != NULL ? text : "");

        if (copied == NULL)
                findings->is_broken = true;
        return copied;
}

void findings_add(struct findings *findings, enum finding_action action, const char *property, const char *rule,
                  const char *asked, const char *got)
{
        struct finding *finding = arena_new(findings->arena, struct finding);

        if (finding == NULL) {
                findings->is_broken = true;
                return;
        }
        *finding = (struct finding){
                .property = copy(findings, property),
                .asked = copy(findings, asked),
                .got = copy(findings, got),
                .rule = copy(findings, rule),
                .action = action,
        };
        if (findings->last != NULL)
                findings->last->next = finding;
        else
                findings->first = finding;
        findings->last = finding;
        findings->n++;
}

const char *finding_action_name(enum finding_action action)
{
        switch (action) {
        case FINDING_TIGHTENED:
                return "tightened";
        case FINDING_REFUSED:
                return "refused";
        case FINDING_ALLOWED:
                return "allowed";
        case FINDING_RECORDED:
                return "recorded";
        }
        return "unknown";
}
