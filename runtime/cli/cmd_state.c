/* `runb state`: the OCI state on stdout. buildah polls it ten times a second, BuildKit and CRI-O parse stdout and
 * stderr together: nothing but the document may be printed, and nobody is waited for. What policy has found is told to
 * who asks for it. */
#include "runtime/cli/cli.h"

#include <string.h>

#include "runtime/base/text.h"
#include "runtime/denials.h"
#include "runtime/state.h"

/* What was found when it was made, and the calls that its filters have refused since. */
static int add_findings(struct cli *cli, const struct state_dir *dir, const struct state *state,
                        struct text_buffer *out, struct error *err)
{
        struct findings refused = { .arena = cli->arena };
        struct denials denials = { 0 };
        int r = state->is_explained ? denials_read(dir->fd, cli->arena, &denials, err) : 0;

        if (r < 0)
                return r;
        denials_to_findings(&denials, state->profile, &refused);
        out->is_broken |= refused.is_broken;
        cli_add_member(out, "profile", state->profile);
        cli_add_member(out, "profileChosenBy", state->chosen_by);
        cli_add_member(out, "policyRevision", state->policy_revision);
        cli_add_findings(state->findings, refused.first, out);
        return 0;
}

static int print_state(struct cli *cli, const char *id, bool has_findings, struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };
        auto_state_dir struct state_dir dir = { 0 };
        struct state state;
        int r;

        r = cli_open_container(cli, id, true, &dir, &state, err);
        if (r < 0)
                return r;
        if (has_findings) {
                state_to_oci_line(&state, state_status(&state), &out);
                if (out.length > 0 && out.text[out.length - 1] == '}')
                        out.length--;
                r = add_findings(cli, &dir, &state, &out, err);
                if (r < 0)
                        return r;
                text_add(&out, "}\n");
        } else {
                state_to_oci(&state, state_status(&state), false, &out);
                text_add(&out, "\n");
        }
        return cli_print(&out, err);
}

int cmd_state(struct cli *cli, int argc, char **argv)
{
        bool has_findings = false;
        const struct cli_option options[] = {
                { "findings", 0, CLI_FLAG, &has_findings, NULL,
                  "with what policy changed, and the system calls that were refused where they are counted" },
        };
        const struct cli_usage usage = {
                .synopsis = "state [options] ID",
                .summary = "Prints what a container is doing, as the OCI state in JSON.",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
        };
        struct error err = { 0 };
        const char *id;
        int r;

        r = cli_parse_id(cli, &usage, argc, argv, &id, &err);
        if (r != 0)
                return r > 0 ? 0 : cli_fail(&err, 1);
        return print_state(cli, id, has_findings, &err) < 0 ? cli_fail(&err, 1) : 0;
}
