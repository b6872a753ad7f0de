/* How the rooms object. One sentence a refusal, one form for all of them, so that people can search for the rule and
 * engines see one line. */
#include "policies/judge.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "policies/exceptions.h"
#include "policies/file.h"

void judge_tighten(struct judge *judge, const char *rule, const char *property, const char *asked, const char *got)
{
        findings_add(judge->findings, FINDING_TIGHTENED, property, rule, asked, got);
}

void judge_record(struct judge *judge, const char *rule, const char *property, const char *asked, const char *got)
{
        findings_add(judge->findings, FINDING_RECORDED, property, rule, asked, got);
}

static void record(struct judge *judge, const char *rule, const char *property, const char *token,
                   const struct policy_exception *exception)
{
        findings_add(judge->findings, FINDING_ALLOWED, property, rule, token,
                     arena_format(judge->arena, "exception %s until %s", exception->id, exception->expires));
}

bool judge_excepts(struct judge *judge, const char *rule, const char *property, const char *token)
{
        const struct policy_exception *exception = token != NULL ? policy_exceptions_find(judge->policy, token) : NULL;

        if (exception == NULL)
                return false;
        record(judge, rule, property, token, exception);
        return true;
}

bool judge_excepts_ids(struct judge *judge, const char *rule, const char *property, uint32_t first, uint32_t last)
{
        const char *token;
        const struct policy_exception *exception = policy_exceptions_find_ids(judge->policy, first, last, &token);

        if (exception == NULL)
                return false;
        record(judge, rule, property, token, exception);
        return true;
}

/* What to ask the administrator for. One that is in the file and has ended is named, as whoever wrote it down will look
 * there. */
static void write_way(const struct policy *policy, const char *token, char *way, size_t size)
{
        size_t i;
        const struct policy_exception *ended = policy_exceptions_find_ended(policy, token, &i);

        if (ended != NULL)
                snprintf(way, size,
                         ", or have exception %s renewed, which ended with %s: exceptions[%zu].expires of %s",
                         ended->id, ended->expires, i, policy->file->name);
        else
                snprintf(way, size, ", or ask for an exception \"%s\"", token);
}

void judge_refuse(struct judge *judge, const char *rule, const char *property, const char *asked, const char *exception,
                  const char *format, ...)
{
        char sentence[768], way[384] = "";
        va_list args;

        findings_add(judge->findings, FINDING_REFUSED, property, rule, asked, "refused");
        va_start(args, format);
        vsnprintf(sentence, sizeof sentence, format, args);
        va_end(args);
        if (exception != NULL)
                write_way(judge->policy, exception, way, sizeof way);
        /* Of every refusal, for `check`; the first one is the error. */
        if (judge->findings->last != NULL) {
                const char *remedy = arena_format(judge->arena, "%s%s", sentence, way);

                judge->findings->last->remedy = remedy;
                judge->findings->is_broken |= remedy == NULL;
        }
        if (judge->failure == 0)
                judge->failure =
                        error_refuse(judge->err, rule, "refused by profile \"%s\" (%s): %s%s (policy %s)",
                                     judge->policy->profile.name, rule, sentence, way, judge->policy->revision);
}

void judge_invalid(struct judge *judge, const char *format, ...)
{
        char sentence[768];
        va_list args;

        if (judge->failure < 0)
                return;
        va_start(args, format);
        vsnprintf(sentence, sizeof sentence, format, args);
        va_end(args);
        /* Without a whole document to judge it is a process.json or resources, which the caller names. */
        judge->failure = error_set(judge->err, EINVAL, "%s%s", judge->asked != NULL ? "config.json: " : "", sentence);
}
