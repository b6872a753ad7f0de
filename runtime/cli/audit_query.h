/* `runb audit query`: which records, and how they are shown. */
#pragma once

#include "runtime/audit_snapshot.h"
#include "runtime/cli/cli.h"

struct audit_query {
        const char *id, *event, *profile;       /* NULL: any */
        const char *since; /* "2026-11-21T10:00:00Z", or shorter; a duration back from now: "2h"; NULL: any */
        bool is_json;
};

int audit_query_run(struct cli *cli, const struct audit_snapshot *snapshot, const struct audit_query *query,
                    struct error *err);
