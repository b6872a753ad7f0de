/* The statement of a container that is being deleted, for the profile's folder. Its processes have ended, its files and its network
 * namespace are still there. Nobody can be refused a delete for it: what fails is told to the log, or else to the
 * caller, and to the audit log. */
#include "runtime/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/audit.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/sha256.h"
#include "runtime/host.h"

/* To read what was made: an engine waits for the delete. */
#define OUTPUTS_MS 60000

static void tell(const struct state *state, const char *path, const struct text_buffer *written, const char *why,
                 const struct error *failure)
{
        auto_buffer struct text_buffer more = { 0 };
        const struct audit_record record = { .event = "evidence", .id = state->id, .state = state, .is_closing = true };
        struct audit_record whole = record;
        uint8_t digest[SHA256_LENGTH];
        char text[SHA256_TEXT_SIZE];
        struct sha256 sha256;
        struct error err = { 0 };

        if (failure != NULL) {
                text_add(&more, "\"failed\":");
                text_add_json(&more, failure->text);
        } else {
                sha256_begin(&sha256);
                sha256_add(&sha256, written->text, written->length);
                sha256_end(&sha256, digest);
                sha256_text(digest, text);
                text_add(&more, "\"file\":");
                text_add_json(&more, path);
                text_addf(&more, ",\"sha256\":\"%s\"", text);
                if (why != NULL)
                        text_add_member(&more, "outputsFailed", why);
        }
        whole.more = more.is_broken ? NULL : more.text;
        if (audit_write_state(state, &whole, &err) < 0)
                log_warning("%s", err.text);
}

static int make(const struct state_dir *dir, const struct state *state, const struct policy_evidence *wanted, struct arena *arena,
                const char *path, struct text_buffer *out, const char **ret_why, struct error *err)
{
        const struct evidence_signer signer = { .program = wanted->signer };
        auto_buffer struct text_buffer statement = { 0 };
        const struct evidence_wanted what = { .dir = dir, .state = state, .outputs = wanted->outputs.items,
                                              .n_outputs = wanted->outputs.n, .patience_ms = OUTPUTS_MS, .is_lenient = true };
        struct stat st;
        int r;

        /* What everybody may replace proves nothing. */
        if (stat(wanted->folder, &st) < 0)
                return error_errno(err, errno, "evidence.folder %s", wanted->folder);
        if (st.st_mode & S_IWOTH)
                return error_set(err, EPERM, "evidence.folder %s: every user may write to it; `chmod o-w` it", wanted->folder);
        /* Whoever can lead the way elsewhere has root write there. */
        if (!host_is_root_only(wanted->folder, host_privilege()))
                return error_set(err, EPERM, "evidence.folder %s: it, or a folder above it, is not root's alone", wanted->folder);
        if (wanted->signer != NULL && !host_is_root_only(wanted->signer, host_privilege()))
                return error_set(err, EPERM, "evidence.signer %s: it, or a folder above it, is not root's alone, and it is to be run by root",
                                 wanted->signer);
        r = evidence_make(&what, arena, &statement, ret_why, err);
        if (r < 0)
                return r;
        if (wanted->signer != NULL)
                r = evidence_sign(&signer, statement.text, statement.length, out, err);
        else
                text_add_n(out, statement.text, statement.length);
        text_add(out, "\n");
        if (r == 0 && out->is_broken)
                r = error_errno(err, ENOMEM, "evidence");
        if (r == 0)
                r = fd_replace_file_synced(AT_FDCWD, path, out->text, out->length, 0644);
        return r < 0 && err->code == 0 ? error_errno(err, r, "write %s", path) : r;
}

void evidence_keep(const struct state_dir *dir, const struct state *state)
{
        auto_arena struct arena arena = { 0 };
        auto_buffer struct text_buffer out = { 0 };
        struct policy policy;
        struct error err = { 0 };
        const char *path = NULL, *why = NULL;
        int r = policy_kept(dir, state, &arena, &policy, &err);

        if (r == 0 && policy.profile.evidence.folder == NULL)
                return;
        if (r == 0) {
                /* Names of the file system have an end, ids have it at the same length. */
                path = arena_format(&arena, "%s/%.160s-%s.json", policy.profile.evidence.folder, state->id, state->created);
                r = path == NULL ? error_errno(&err, ENOMEM, "evidence") :
                                   make(dir, state, &policy.profile.evidence, &arena, path, &out, &why, &err);
        }
        if (r < 0)
                log_warning_to_caller("%s: no evidence of it is kept: %s", state->id, err.text);
        else if (why != NULL)
                log_warning_to_caller("%s: what it made is not in its evidence: %s", state->id, why);
        tell(state, path, &out, why, r < 0 ? &err : NULL);
}
