/* `runb evidence`: an in-toto statement about what a build made and the sandbox that it was made in, signed by somebody
 * else. */
#include "runtime/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/deadline.h"
#include "runtime/evidence.h"

struct request {
        struct cli_strings outputs;
        struct evidence_signer signer;
        const char *file;
        bool is_builder;
};

static int finish(const struct request *request, const struct text_buffer *statement, struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };
        struct stat st;
        int r = 0;

        if (request->signer.program != NULL || request->signer.socket != NULL)
                r = evidence_sign(&request->signer, statement->text, statement->length, &out, err);
        else
                text_add_n(&out, statement->text, statement->length);
        text_add(&out, "\n");
        if (r == 0 && out.is_broken)
                r = error_errno(err, ENOMEM, "evidence");
        if (r < 0)
                return r;
        if (request->file == NULL)
                return cli_print(&out, err);
        /* A rename would put a file in the place of /dev/null. */
        if (lstat(request->file, &st) == 0 && !S_ISREG(st.st_mode))
                return error_set(err, EEXIST, "--file %s is there, and no regular file", request->file);
        r = fd_replace_file_synced(AT_FDCWD, request->file, out.text, out.length, 0644);
        return r < 0 ? error_errno(err, r, "--file %s", request->file) : 0;
}

static int make(struct cli *cli, const char *id, const struct request *request, struct error *err)
{
        auto_buffer struct text_buffer statement = { 0 };
        auto_state_dir struct state_dir dir = { 0 };
        struct state state;
        int r;

        if (request->is_builder) {
                r = evidence_make_builder(&cli->policy, cli->arena, &statement, err);
                return r < 0 ? r : finish(request, &statement, err);
        }
        r = cli_open_container(cli, id, true, &dir, &state, err);
        if (r < 0)
                return r;
        deadline_check(&dir, &state);
        r = evidence_make(&(struct evidence_wanted){ .dir = &dir,
                                                     .state = &state,
                                                     .outputs = request->outputs.values,
                                                     .n_outputs = request->outputs.n },
                          cli->arena, &statement, NULL, err);
        return r < 0 ? r : finish(request, &statement, err);
}

int cmd_evidence(struct cli *cli, int argc, char **argv)
{
        struct request request = { 0 };
        const struct cli_option options[] = {
                { "output", 'o', CLI_STRINGS, &request.outputs, "PATH",
                  "what the build made: a file, or a folder, of the container; may be "
                  "repeated" },
                { "signer", 0, CLI_STRING, &request.signer.program, "FILE",
                  "a program that signs: gets what is to be signed on its standard "
                  "input, answers with the key's id and the signature in base64, a line each" },
                { "signer-socket", 0, CLI_STRING, &request.signer.socket, "PATH", "the same by a unix stream socket" },
                { "file", 0, CLI_STRING, &request.file, "FILE", "write to FILE instead of standard output" },
                { "builder", 0, CLI_FLAG, &request.is_builder, NULL,
                  "no container: what is true of each build of the profile, for "
                  "BuildKit's provenanceEnvDir" },
        };
        const struct cli_usage usage = {
                .synopsis = "evidence [options] ID | evidence --builder",
                .summary = "Prints an in-toto statement about what a build made (or else about its image) and the "
                           "sandbox that it ran in; with a signer in a DSSE envelope.",
                .options = options,
                .n_options = sizeof options / sizeof options[0],
                .max_arguments = 1,
        };
        struct error err = { 0 };
        char **arguments;
        size_t n;
        int r = cli_parse(cli, &usage, argc, argv, &arguments, &n, &err);

        if (r > 0)
                return 0;
        if (r == 0 && (n == 1) == request.is_builder)
                r = error_set(&err, EINVAL,
                              request.is_builder ? "evidence --builder is about no container: leave the id out" :
                                                   "evidence: the id of a container is wanted, or --builder");
        if (r == 0 && request.signer.program != NULL && request.signer.socket != NULL)
                r = error_set(&err, EINVAL, "--signer and --signer-socket: one of them signs");
        if (r == 0 && request.is_builder &&
            (request.outputs.n > 0 || request.signer.program != NULL || request.signer.socket != NULL))
                r = error_set(&err, EINVAL, "evidence --builder takes no --output and is not signed");
        if (r == 0)
                r = make(cli, arguments[0], &request, &err);
        return r < 0 ? cli_fail(&err, 1) : 0;
}
