/* Findings as a member of a JSON object, the same in each command that prints them. */
#include "policies/findings.h"
#include "runtime/base/text.h"
#include "runtime/cli/cli.h"

void cli_add_member(struct text_buffer *out, const char *name, const char *text)
{
        text_add_key(out, name);
        text_add_json(out, text != NULL ? text : "");
}

static void add_list(const struct finding *findings, struct text_buffer *out)
{
        for (const struct finding *finding = findings; finding != NULL; finding = finding->next) {
                text_add_object(out, NULL);
                cli_add_member(out, "action", finding_action_name(finding->action));
                cli_add_member(out, "property", finding->property);
                cli_add_member(out, "asked", finding->asked);
                cli_add_member(out, "got", finding->got);
                cli_add_member(out, "rule", finding->rule);
                if (finding->remedy != NULL)
                        cli_add_member(out, "remedy", finding->remedy);
                text_add(out, "}");
        }
}

void cli_add_findings(const struct finding *findings, const struct finding *more, struct text_buffer *out)
{
        text_add_list(out, "findings");
        add_list(findings, out);
        add_list(more, out);
        text_add(out, "]");
}
