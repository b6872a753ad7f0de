/* What every room of this layer gets: the request, the law and the facts; and the two ways to object. */
#pragma once

#include "policies/findings.h"
#include "policies/host.h"
#include "policies/policy.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"

struct judge {
        const struct spec *asked;       /* NULL where a process or resources alone are judged */
        const struct policy *policy;
        const struct host *host;
        struct arena *arena;
        struct findings *findings;
        struct error *err;              /* holds the first refusal */
        int failure;                    /* 0, or the first refusal's negative errno */
};

/* A difference that the build very likely survives. */
void judge_tighten(struct judge *judge, const char *rule, const char *property, const char *asked, const char *got);
/* Nothing changes, but the audit should know. */
void judge_record(struct judge *judge, const char *rule, const char *property, const char *asked, const char *got);

/* A request that contradicts what a build may be and that an exception in force lets pass: recorded, with the
 * exception's id. @token: "mount:/srv/cache". Returns false where there is none; then it is judge_refuse()'s turn. */
bool judge_excepts(struct judge *judge, const char *rule, const char *property, const char *token);
/* The same of ids of the host: one exception must hold all of them. */
bool judge_excepts_ids(struct judge *judge, const char *rule, const char *property, uint32_t first, uint32_t last);

/* A request that contradicts what a build may be. The first one becomes the error; judging goes on, so that `check`
 * can name them all. @exception: what an administrator would be asked for, NULL: there is none.
 * @format: the sentence and its remedy: "/run/docker.sock is an engine socket; drop the mount". It avoids the words
 * that engines take for a missing or forbidden program ("no such file or directory", "permission denied"). */
void judge_refuse(struct judge *judge, const char *rule, const char *property, const char *asked, const char *exception,
                  const char *format, ...) __attribute__((format(printf, 6, 7)));

/* A request that no policy could carry out. The first one becomes the error, with EINVAL. */
void judge_invalid(struct judge *judge, const char *format, ...) __attribute__((format(printf, 2, 3)));
