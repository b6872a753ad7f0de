/* check: what create would make of a config.json, without making it. The same way from the bundle to the plan, and no
 * step behind it: no state, lease, cgroup, mount or record of the audit. */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/text.h"
#include "runtime/cli/table.h"
#include "runtime/leases.h"
#include "runtime/plan.h"
#include "runtime/state.h"
#include "runtime/userns.h"

#define EXIT_INVALID 1
#define EXIT_REFUSED 3

struct check {
        struct plan *plan;
        struct error verdict; /* code 0: it runs */
        size_t n[FINDING_RECORDED + 1];
};

static bool is_refused(const struct check *check)
{
        return check->n[FINDING_REFUSED] > 0 || check->verdict.rule != NULL;
}

static const char *verdict_name(const struct check *check)
{
        return is_refused(check) ? "refused" : check->verdict.code != 0 ? "invalid" : "runs";
}

static int judge(const struct cli *cli, const struct plan_request *request, struct check *check, struct error *err)
{
        struct plan *plan = check->plan;
        int r = state_check_id(request->id, err);

        /* As create does: a plain user's container is judged by what root of his own user namespace may do. It is this
         * process alone that is in there. */
        if (r == 0 && geteuid() != 0) {
                r = userns_enter_rootless(err);
                if (r == 0 && unshare(CLONE_NEWNS) < 0)
                        r = userns_explain_refusal(errno, "make a mount namespace", err);
        }
        if (r < 0)
                return r;
        r = plan_make(request, cli->arena, plan, &check->verdict);
        /* Which range it gets is decided under the lock of the leases; the rest is the same for each of them. */
        if (r == 0)
                r = plan_set_ids(plan, cli->arena, LEASE_FIRST, plan->sandbox.ids_size, &check->verdict);
        if (r == 0 && plan->sandbox.ids == SANDBOX_IDS_LEASE)
                r = leases_check(plan->sandbox.ids_user, plan->sandbox.ids_size, &check->verdict);
        if (r < 0 && check->verdict.code == 0)
                error_errno(&check->verdict, r, "judging config.json");
        for (const struct finding *finding = plan->findings.first; finding != NULL; finding = finding->next)
                check->n[finding->action]++;
        return 0;
}

static void member(struct text_buffer *out, const char *name, const char *text)
{
        if (text == NULL) /* it was not found out before the end */
                return;
        text_add_key(out, name);
        text_add_json(out, text);
}

static void write_json(const struct check *check, struct text_buffer *out)
{
        const struct plan *plan = check->plan;

        text_add(out, "{");
        member(out, "verdict", verdict_name(check));
        member(out, "id", plan->id);
        member(out, "bundle", plan->bundle);
        member(out, "profile", plan->policy.profile.name);
        member(out, "profileChosenBy", plan->policy.chosen_by);
        member(out, "policyRevision", plan->policy.revision);
        if (check->verdict.code != 0)
                member(out, "error", check->verdict.text);
        cli_add_findings(plan->findings.first, NULL, out);
        text_add(out, "}\n");
}

static enum table_colour colour_of(enum finding_action action)
{
        switch (action) {
        case FINDING_TIGHTENED:
        case FINDING_ALLOWED:
                return TABLE_YELLOW;
        case FINDING_REFUSED:
                return TABLE_RED;
        case FINDING_RECORDED:
                return TABLE_PLAIN;
        }
        return TABLE_PLAIN;
}

/* Whole, whatever the terminal's width: a remedy that is cut is none. */
static void write_sentence(struct arena *arena, const char *head, const char *text, struct text_buffer *out)
{
        struct table table = { .arena = arena, .n_columns = 2 };
        const char *cells[] = { head, text };

        table_add(&table, TABLE_PLAIN, cells);
        table_write(&table, 0, false, out);
}

static void write_table(const struct cli *cli, const struct check *check, struct text_buffer *out)
{
        static const char *const head[] = { "ACTION", "PROPERTY", "ASKED", "GETS", "RULE" };
        const struct plan *plan = check->plan;
        struct table table = { .arena = cli->arena, .n_columns = 5 };
        bool has_any = plan->findings.n > 0;

        if (has_any)
                table_add(&table, TABLE_PLAIN, head);
        for (const struct finding *finding = plan->findings.first; finding != NULL; finding = finding->next) {
                const char *cells[] = { finding_action_name(finding->action), finding->property, finding->asked,
                                        finding->got, finding->rule };

                table_add(&table, colour_of(finding->action), cells);
        }
        table_write(&table, table_width(), table_has_colours(), out);
        text_add(out, has_any ? "\n" : "");
        for (const struct finding *finding = plan->findings.first; finding != NULL; finding = finding->next)
                if (finding->remedy != NULL)
                        write_sentence(cli->arena,
                                       "refused:", arena_format(cli->arena, "(%s) %s", finding->rule, finding->remedy),
                                       out);
        if (check->verdict.code != 0 && !is_refused(check))
                write_sentence(cli->arena, "invalid:", check->verdict.text, out);
        if (plan->policy.profile.name != NULL)
                text_addf(out,
                          "%s under profile \"%s\" (policy %s): %zu refused, %zu tightened, %zu allowed by exception, "
                          "%zu recorded\n",
                          verdict_name(check), plan->policy.profile.name, plan->policy.revision,
                          check->n[FINDING_REFUSED], check->n[FINDING_TIGHTENED], check->n[FINDING_ALLOWED],
                          check->n[FINDING_RECORDED]);
        else
                text_addf(out, "%s\n", verdict_name(check));
}

int cmd_check(struct cli *cli, int argc, char **argv)
{
        const char *bundle = ".", *config = NULL, *profile = NULL, *format = "table";
        const struct cli_option options[] = {
                { "bundle", 'b', CLI_STRING, &bundle, "DIR",
                  "folder that holds config.json (default: the working folder)" },
                { "config", 'f', CLI_STRING, &config, "FILE", "read FILE instead of the bundle's config.json" },
                { "profile", 0, CLI_STRING, &profile, "NAME", "as the global option" },
                { "format", 0, CLI_STRING, &format, "FORMAT", "table (default) or json" },
        };
        const struct cli_usage usage = {
                .synopsis = "check [options] [ID]",
                .summary = "Tells what create would make of a config.json, and makes nothing: each thing that policy "
                           "changes or "
                           "refuses. Exit status: 0 it runs, 3 it is refused, 1 it is invalid.",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
                .max_arguments = 1,
        };
        struct check check = { .plan = arena_new(cli->arena, struct plan) };
        auto_buffer struct text_buffer out = { 0 };
        struct plan_request request;
        struct error err = { 0 };
        char **arguments;
        bool is_json;
        size_t n;
        int r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);

        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, EXIT_INVALID);
        r = cli_read_format(format, &is_json, &err);
        if (r == 0 && check.plan == NULL)
                r = error_errno(&err, ENOMEM, "plan");
        request = (struct plan_request){ n > 0 ? arguments[0] : "check", text_is_empty(bundle) ? "." : bundle,
                                         cli->is_cgroup_disabled, cli->policy, .root = cli->root, .config = config,
                                         .is_systemd_cgroup = cli->is_systemd_cgroup };
        if (profile != NULL)
                request.policy.profile = profile;
        if (r == 0)
                r = judge(cli, &request, &check, &err);
        if (r < 0)
                return cli_fail(&err, EXIT_INVALID);
        if (is_json)
                write_json(&check, &out);
        else
                write_table(cli, &check, &out);
        if (cli_print(&out, &err) < 0)
                return cli_fail(&err, EXIT_INVALID);
        return is_refused(&check) ? EXIT_REFUSED : check.verdict.code != 0 ? EXIT_INVALID : 0;
}
