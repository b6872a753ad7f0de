/* How the rooms object. One sentence a refusal, one form for all of them, so that people can search for the rule and
 * engines see one line. */
#include "policies/judge.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "policies/exceptions.h"

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

void judge_refuse(struct judge *judge, const char *rule, const char *property, const char *asked, const char *exception,
                  const char *format, ...)
{
        char sentence[768];
        va_list args;

        findings_add(judge->findings, FINDING_REFUSED, property, rule, asked, "refused");
        va_start(args, format);
        vsnprintf(sentence, sizeof sentence, format, args);
        va_end(args);
        /* Of every refusal, for `check`; the first one is the error. */
        if (judge->findings->last != NULL) {
                const char *remedy = exception == NULL ? arena_string(judge->arena, sentence) :
                        arena_format(judge->arena, "%s, or ask for an exception \"%s\"", sentence, exception);

                judge->findings->last->remedy = remedy;
                judge->findings->is_broken |= remedy == NULL;
        }
        if (judge->failure < 0)
                return;
        if (exception != NULL)
                judge->failure = error_refuse(judge->err, rule,
                                              "refused by profile \"%s\" (%s): %s, or ask for an exception \"%s\" "
                                              "(policy %s)", judge->policy->profile.name, rule, sentence, exception,
                                              judge->policy->revision);
        else
                judge->failure = error_refuse(judge->err, rule, "refused by profile \"%s\" (%s): %s (policy %s)",
                                              judge->policy->profile.name, rule, sentence, judge->policy->revision);
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
