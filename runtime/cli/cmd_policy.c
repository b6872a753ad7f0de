/* policy: what an administrator asks of the policy file, without making a container. show tells what holds here, lint
 * and diff look at files before they are put in place, so whose they are does not matter to those two. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/audit_log.h"
#include "runtime/cli/cli.h"
#include "runtime/egress_learn.h"
#include "runtime/policy.h"

struct learn_options {
        struct cli_strings ids, hosts;
        bool has_refused;
};

static const char schema[] =
#include "policies/runb-policy.schema.inc"
        ;

static int read_candidate(const char *path, struct arena *arena, struct policy_file *ret_file, struct error *err)
{
        auto_free char *text = NULL;
        size_t length;
        int r = fd_read_file(AT_FDCWD, path, POLICY_FILE_LIMIT_BYTES, &text, &length);

        if (r == -EFBIG)
                return error_set(err, EFBIG, "%s: longer than %zu bytes", path, POLICY_FILE_LIMIT_BYTES);
        if (r < 0)
                return error_errno(err, r, "read %s", path);
        return policy_file_read(arena, text, length, path, ret_file, err);
}

/* ---- show ---- */

static int show(struct cli *cli, struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };
        const struct policy_file *file = NULL;
        int r = policy_load(&cli->policy, cli->arena, &file, err);

        if (r < 0)
                return r;
        if (file == NULL) {
                text_add(&out, "# no " POLICY_PATH ": the built-in policy\nprofile untrusted ");
                policy_file_write_profile(&policy_builtin()->profile, "", &out);
                text_add(&out, "\n");
        } else {
                text_addf(&out, "# %s\n", file->name);
                policy_file_write_lines(file, &out);
        }
        return cli_print(&out, err);
}

/* ---- lint ---- */

static void lint_exceptions(const struct policy_file *file, const char *path, struct text_buffer *out)
{
        int64_t now = time(NULL);

        for (size_t i = 0; i < file->n_exceptions; i++) {
                const struct policy_exception *exception = &file->exceptions[i];

                if (now >= exception->ends_at)
                        text_addf(out, "%s: exceptions[%zu]: %s ended with %s\n", path, i, exception->id,
                                  exception->expires);
        }
}

static int lint(struct cli *cli, const char *path, struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };
        struct policy_file file;
        int r = read_candidate(path, cli->arena, &file, err);

        if (r < 0)
                return r;
        lint_exceptions(&file, path, &out);
        text_addf(&out, "%s: revision %s is in order\n", path, file.revision);
        return cli_print(&out, err);
}

/* ---- diff ---- */

static const char *line_end(const char *line)
{
        return line + strcspn(line, "\n");
}

/* The line of @text with the same way, NULL: there is none. */
static const char *find_way(const char *text, const char *line)
{
        size_t length = (size_t)(strstr(line, ": ") - line) + 2;

        for (const char *at = text; *at != '\0'; at = line_end(at) + 1) {
                if (strncmp(at, line, length) == 0)
                        return at;
        }
        return NULL;
}

static void compare(const char *old, const char *new, struct text_buffer *out)
{
        for (const char *at = old; *at != '\0'; at = line_end(at) + 1) {
                const char *other = find_way(new, at);
                size_t length = (size_t)(line_end(at) - at);

                if (other != NULL && (size_t)(line_end(other) - other) == length && strncmp(at, other, length) == 0)
                        continue;
                text_addf(out, "-%.*s\n", (int)length, at);
                if (other != NULL)
                        text_addf(out, "+%.*s\n", (int)(line_end(other) - other), other);
        }
        for (const char *at = new; *at != '\0'; at = line_end(at) + 1) {
                if (find_way(old, at) == NULL)
                        text_addf(out, "+%.*s\n", (int)(line_end(at) - at), at);
        }
}

/* Returns 1 where they differ. */
static int diff(struct cli *cli, const char *old_path, const char *new_path, struct error *err)
{
        auto_buffer struct text_buffer old = { 0 }, new = { 0 }, out = { 0 };
        struct policy_file old_file, new_file;
        int r = read_candidate(old_path, cli->arena, &old_file, err);

        if (r == 0)
                r = read_candidate(new_path, cli->arena, &new_file, err);
        if (r < 0)
                return r;
        policy_file_write_lines(&old_file, &old);
        policy_file_write_lines(&new_file, &new);
        if (old.is_broken || new.is_broken)
                return error_errno(err, ENOMEM, "compare");
        compare(old.text, new.text, &out);
        r = out.length > 0 ? 1 : 0;
        return r > 0 && cli_print(&out, err) < 0 ? -err->code : r;
}

static int print_schema(struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };

        text_add(&out, schema);
        return cli_print(&out, err);
}

/* ---- learn ---- */

/* The log of the policy that holds here, with its rotated files. */
static int find_log(struct cli *cli, const char ***ret_paths, size_t *ret_n, struct error *err)
{
        const struct policy_file *file = NULL;
        struct audit_file *files;
        size_t n;
        int r = policy_load(&cli->policy, cli->arena, &file, err);

        if (r < 0)
                return r;
        if (file == NULL || file->audit.path == NULL)
                return error_set(err, EINVAL, "policy learn: the policy that holds here has no audit file; name one");
        r = audit_log_files(file->audit.path, cli->arena, &files, &n, err);
        if (r < 0)
                return r;
        *ret_paths = arena_array(cli->arena, n + 1, sizeof **ret_paths);
        if (*ret_paths == NULL)
                return error_errno(err, ENOMEM, "policy learn");
        for (size_t i = 0; i < n; i++)
                (*ret_paths)[i] = files[i].path;
        *ret_n = n;
        return 0;
}

static int learn(struct cli *cli, const struct learn_options *options, const char **paths, size_t n, struct error *err)
{
        auto_buffer struct text_buffer out = { 0 }, left_out = { 0 };
        struct egress_learn learn = {
                .arena = cli->arena,
                .ids = options->ids.values,
                .n_ids = options->ids.n,
                .has_refused = options->has_refused,
                .left_out = &left_out,
        };
        int r = n > 0 ? 0 : find_log(cli, &paths, &n, err);

        for (size_t i = 0; i < n && r == 0; i++)
                r = egress_learn_read(&learn, paths[i], err);
        if (r == 0 && learn.n_records == 0)
                r = error_set(
                        err, ENODATA,
                        "policy learn: no record of the event egress%s in %s; a profile with egress.mode audit and an "
                        "audit file make them, when a container is deleted",
                        options->ids.n > 0 ? " of that container" : "", n > 0 ? paths[n - 1] : "the audit file");
        if (r == 0 && options->hosts.n > 0)
                r = egress_learn_name(&learn, options->hosts.values, options->hosts.n, err);
        if (r == 0)
                r = egress_learn_write(&learn, &out, err);
        if (r < 0)
                return r;
        if (learn.n_bad_lines > 0)
                text_addf(&left_out, "left out: %zu lines that are no whole records\n", learn.n_bad_lines);
        if (left_out.length > 0)
                fputs(left_out.text, stderr);
        return cli_print(&out, err);
}

int cmd_policy(struct cli *cli, int argc, char **argv)
{
        struct learn_options options = { 0 };
        const struct cli_option list[] = {
                { "id", 0, CLI_STRINGS, &options.ids, "ID", "learn: from the records of this container" },
                { "host", 0, CLI_STRINGS, &options.hosts, "NAME", "learn: list addresses of this host name by it" },
                { "refused", 0, CLI_FLAG, &options.has_refused, NULL, "learn: list what was refused, too" },
        };
        const struct cli_usage usage = {
                .synopsis = "policy show | lint FILE | diff OLD NEW | schema | learn [options] [AUDITFILE...]",
                .summary = "Shows the policy that holds here, checks a file, compares two (exit 1 where they differ), "
                           "prints the JSON Schema of the file, or makes an egress list of what was let out "
                           "(egress.mode audit); see runb-policy.json(5).",
                .options = list,
                .n_options = sizeof list / sizeof list[0],
                .min_arguments = 1,
                .max_arguments = SIZE_MAX,
        };
        struct error err = { 0 };
        char **arguments;
        size_t n;
        int r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);

        if (r > 0)
                return 0;
        if (r < 0)
                return cli_fail(&err, 2);
        if (strcmp(arguments[0], "learn") != 0 && (options.ids.n > 0 || options.hosts.n > 0 || options.has_refused))
                r = error_set(&err, EINVAL, "policy %s: --id, --host and --refused are options of learn", arguments[0]);
        else if (strcmp(arguments[0], "show") == 0 && n == 1)
                r = show(cli, &err);
        else if (strcmp(arguments[0], "lint") == 0 && n == 2)
                r = lint(cli, arguments[1], &err);
        else if (strcmp(arguments[0], "diff") == 0 && n == 3)
                r = diff(cli, arguments[1], arguments[2], &err);
        else if (strcmp(arguments[0], "schema") == 0 && n == 1)
                r = print_schema(&err);
        else if (strcmp(arguments[0], "learn") == 0)
                r = learn(cli, &options, (const char **)arguments + 1, n - 1, &err);
        else
                r = error_set(&err, EINVAL, "policy: show, lint FILE, diff OLD NEW, schema or learn is wanted");
        return r < 0 ? cli_fail(&err, 2) : r;
}
