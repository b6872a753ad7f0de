/* audit: what whoever answers for the log asks of it. Exit status: 0; 1 where verify finds that the log is not what was
 * written;
 * 2 after an error. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policies/file.h"
#include "runtime/audit_log.h"
#include "runtime/audit_snapshot.h"
#include "runtime/audit_verify.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/cli/audit_query.h"
#include "runtime/cli/cli.h"

#define KEY_LIMIT_BYTES 4096
/* So many problems are told; a file of something else is one on each line. */
#define TOLD 50

struct audit_options {
        const char *key, *head, *id, *event, *since, *profile, *format;
};

static int settings_of_policy(struct cli *cli, const struct policy_audit **ret_settings, struct error *err)
{
        const struct policy_file *file = NULL;
        int r = policy_load(&cli->policy, cli->arena, &file, err);

        if (r < 0)
                return r;
        if (file == NULL || file->audit.path == NULL)
                return error_set(err, ENOENT,
                                 "the policy has no audit section, which would name the log; see runb-policy.json(5)");
        *ret_settings = &file->audit;
        return 0;
}

static int open_snapshot(struct cli *cli, const char *path, struct audit_snapshot *ret_snapshot, struct error *err)
{
        const struct policy_audit *settings;
        int r;

        ret_snapshot->last_fd = UNSET_FD;
        if (path == NULL) {
                r = settings_of_policy(cli, &settings, err);
                if (r < 0)
                        return r;
                path = settings->path;
        }
        return audit_snapshot_open(path, cli->arena, ret_snapshot, err);
}

/* ---- init ---- */

static int init(struct cli *cli, struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };
        const struct policy_audit *settings;
        uint8_t key[AUDIT_KEY_LENGTH];
        char hex[SHA256_TEXT_SIZE];
        uint64_t sequence;
        int r = settings_of_policy(cli, &settings, err);

        if (r == 0)
                r = audit_log_begin_chain(settings, &sequence, key, err);
        if (r < 0)
                return r;
        sha256_text(key, hex);
        text_addf(&out, "runb-audit-key:%" PRIu64 ":%s\n", sequence, hex);
        r = cli_print(&out, err);
        explicit_bzero(key, sizeof key);
        explicit_bzero(hex, sizeof hex);
        if (out.text != NULL)
                explicit_bzero(out.text, out.length);
        if (r < 0)
                error_context(err,
                              "the key could not be handed out; move %s and all files beside it away, and begin anew",
                              settings->path);
        return r;
}

/* ---- verify ---- */

struct telling { struct text_buffer out; uint64_t n; };

static void tell(const struct audit_problem *problem, void *context)
{
        struct telling *telling = context;
        struct text_buffer *out = &telling->out;

        if (telling->n++ >= TOLD)
                return;
        if (problem->file != NULL)
                text_addf(out, "%s: line %" PRIu64, problem->file, problem->line);
        if (problem->sequence != 0)
                text_addf(out, problem->file != NULL ? " (sequence %" PRIu64 ")" : "sequence %" PRIu64,
                          problem->sequence);
        text_addf(out, "%s%s\n", problem->file != NULL || problem->sequence != 0 ? ": " : "", problem->text);
}

static int read_key(const char *path, struct audit_verifier *verifier, struct error *err)
{
        auto_free char *text = NULL;
        size_t length;
        int r;

        if (path == NULL)
                return 0;
        r = strcmp(path, "-") == 0 ? fd_read_all(STDIN_FILENO, KEY_LIMIT_BYTES, &text, &length) :
                                     fd_read_file(AT_FDCWD, path, KEY_LIMIT_BYTES, &text, &length);
        if (r < 0)
                return error_errno(err, r, "--key %s", path);
        r = audit_key_read(text, &verifier->key_sequence, verifier->key);
        explicit_bzero(text, length);
        if (r < 0)
                return error_set(err, EINVAL,
                                 "--key %s: is no key; it is one line that `runb audit init` printed, and begins with "
                                 "\"runb-audit-key:\"",
                                 path);
        if (!audit_mac_is_available())
                return error_set(err, ENOSYS, "--key %s: this runb was built without libsodium, and can check no MAC",
                                 path);
        verifier->has_key = true;
        return 0;
}

static void summarize(const struct audit_verifier *verifier, struct text_buffer *out)
{
        char hex[SHA256_TEXT_SIZE];

        if (verifier->n_problems > TOLD)
                text_addf(out, "and %" PRIu64 " more\n", verifier->n_problems - TOLD);
        if (verifier->has_half_line)
                text_add(out, "half a record stands at the end, as a writer that was killed leaves it; the next record "
                              "will tell\n");
        if (verifier->n_unnoted > 0)
                text_addf(out,
                          "the last %" PRIu64
                          " were written and not noted, as a writer that was killed leaves them; they are of the "
                          "chain\n",
                          verifier->n_unnoted);
        if (verifier->chain != NULL && verifier->chain->n_lost > 0)
                text_addf(out, "%" PRIu64 " records could not be written (%s), which the next record will tell\n",
                          verifier->chain->n_lost, error_text((int)verifier->chain->lost_errno));
        if (verifier->has_macs && !verifier->has_key)
                text_add(out, "the MACs were not checked: that takes --key\n");
        if (verifier->n_records == 0) {
                text_add(out, "there is no record\n");
                return;
        }
        sha256_text(verifier->head, hex);
        text_addf(out,
                  "%s: %" PRIu64 " records, %" PRIu64 " to %" PRIu64 ", %" PRIu64 " MACs checked; head %" PRIu64
                  ":%s\n",
                  verifier->n_problems == 0 ? "whole" : "NOT WHOLE", verifier->n_records, verifier->first_sequence,
                  verifier->sequence, verifier->n_macs, verifier->sequence, hex);
}

/* Returns 1 where the log is not what was written. */
static int verify(struct cli *cli, const char *path, const struct audit_options *options, struct error *err)
{
        auto_audit_snapshot struct audit_snapshot snapshot = { .last_fd = UNSET_FD };
        struct telling telling = { .n = 0 };
        struct audit_verifier verifier = { .tell = tell, .context = &telling };
        int r = read_key(options->key, &verifier, err);

        if (r == 0 && options->head != NULL) {
                verifier.has_anchor = true;
                if (audit_head_read(options->head, &verifier.anchor_sequence, verifier.anchor) < 0)
                        r = error_set(
                                err, EINVAL,
                                "--head %s: what `runb audit head` printed is wanted: a number, \":\" and 64 digits",
                                options->head);
        }
        if (r == 0)
                r = open_snapshot(cli, path, &snapshot, err);
        verifier.chain = snapshot.has_chain ? &snapshot.chain : NULL;
        verifier.is_part = snapshot.is_part;
        audit_verify_begin(&verifier);
        for (size_t i = 0; i < snapshot.n && r == 0; i++) {
                auto_close int opened = UNSET_FD;
                bool is_ours;
                int fd;

                r = audit_snapshot_file(&snapshot, i, &fd, &is_ours, err);
                if (r < 0)
                        break;
                if (!is_ours)
                        opened = fd;
                r = audit_verify_file(&verifier, fd, snapshot.files[i].path, snapshot.files[i].limit_bytes,
                                      i + 1 == snapshot.n);
                if (r < 0)
                        error_errno(err, r, "audit file %s", snapshot.files[i].path);
        }
        audit_verify_end(&verifier);
        if (r == 0) {
                summarize(&verifier, &telling.out);
                r = cli_print(&telling.out, err);
        }
        text_buffer_free(&telling.out);
        return r < 0 ? r : verifier.n_problems > 0;
}

/* ---- head, query ---- */

static int head(struct cli *cli, const char *path, struct error *err)
{
        auto_audit_snapshot struct audit_snapshot snapshot = { .last_fd = UNSET_FD };
        auto_buffer struct text_buffer out = { 0 };
        uint8_t hash[SHA256_LENGTH];
        char hex[SHA256_TEXT_SIZE];
        uint64_t sequence;
        int r = open_snapshot(cli, path, &snapshot, err);

        if (r == 0)
                r = audit_snapshot_head(&snapshot, &sequence, hash, err);
        if (r < 0)
                return r;
        sha256_text(hash, hex);
        text_addf(&out, "%" PRIu64 ":%s\n", sequence, hex);
        return cli_print(&out, err);
}

static int query(struct cli *cli, const char *path, const struct audit_options *options, struct error *err)
{
        auto_audit_snapshot struct audit_snapshot snapshot = { .last_fd = UNSET_FD };
        struct audit_query wanted = { options->id, options->event, options->profile, options->since, false };
        int r = cli_read_format(options->format, &wanted.is_json, err);

        if (r == 0)
                r = open_snapshot(cli, path, &snapshot, err);
        return r < 0 ? r : audit_query_run(cli, &snapshot, &wanted, err);
}

/* An option of another one of the four would be ignored. */
static int check_options(const char *what, const struct audit_options *options, struct error *err)
{
        bool is_query = strcmp(what, "query") == 0, is_verify = strcmp(what, "verify") == 0;

        if (!is_verify && (options->key != NULL || options->head != NULL))
                return error_set(err, EINVAL, "audit %s: --key and --head are verify's", what);
        if (!is_query && (options->id != NULL || options->event != NULL || options->since != NULL ||
                          options->profile != NULL || strcmp(options->format, "table") != 0))
                return error_set(err, EINVAL, "audit %s: --id, --event, --since, --profile and --format are query's",
                                 what);
        return 0;
}

int cmd_audit(struct cli *cli, int argc, char **argv)
{
        struct audit_options options = { .format = "table" };
        const struct cli_option list[] = {
                { "key", 0, CLI_STRING, &options.key, "FILE",
                  "verify: the key that init printed (\"-\": standard input); with it MACs are checked" },
                { "head", 0, CLI_STRING, &options.head, "HEAD",
                  "verify: a head that was noted elsewhere; its record must be there" },
                { "id", 0, CLI_STRING, &options.id, "ID", "query: of this container" },
                { "event", 0, CLI_STRING, &options.event, "EVENT", "query: of this event, as \"create\" or \"exit\"" },
                { "since", 0, CLI_STRING, &options.since, "TIME",
                  "query: from then on; \"2h\" ago, or a time (UTC) or its beginning" },
                { "profile", 0, CLI_STRING, &options.profile, "NAME", "query: of this profile" },
                { "format", 'f', CLI_STRING, &options.format, "table|json",
                  "query: as a table, or the records as they are" },
        };
        const struct cli_usage usage = {
                .synopsis = "audit init | verify [FILE] | head [FILE] | query [FILE]",
                .summary = "Begins the chain of MACs of the audit log and prints its first key, which is to be kept "
                           "elsewhere; checks a log (exit 1 where it is not what was written); prints the head to be "
                           "noted elsewhere; shows records. Without FILE it is the log of the policy. See "
                           "runb-audit(8).",
                .options = list,
                .n_options = sizeof list / sizeof list[0],
                .min_arguments = 1,
                .max_arguments = 2,
        };
        struct error err = { 0 };
        char **arguments;
        size_t n;
        int r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);

        if (r > 0)
                return 0;
        if (r < 0)
                return cli_fail(&err, 2);
        r = check_options(arguments[0], &options, &err);
        if (r < 0)
                return cli_fail(&err, 2);
        if (strcmp(arguments[0], "init") == 0 && n == 1)
                r = init(cli, &err);
        else if (strcmp(arguments[0], "verify") == 0)
                r = verify(cli, arguments[1], &options, &err);
        else if (strcmp(arguments[0], "head") == 0)
                r = head(cli, arguments[1], &err);
        else if (strcmp(arguments[0], "query") == 0)
                r = query(cli, arguments[1], &options, &err);
        else
                r = error_set(&err, EINVAL, "audit: init, verify [FILE], head [FILE] or query [FILE] is wanted");
        return r < 0 ? cli_fail(&err, 2) : r;
}
