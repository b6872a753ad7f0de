/* What a statement is about: what the build made; else the image, where the engine names it by digest; else the configuration of the
 * container, since in-toto wants a subject (Statement v1: each with a digest). Which of the three it is, is said in `completeness`. */
#include "runtime/evidence_private.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "oci-spec/canonical.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sha256.h"

#define HEX_LENGTH 64u

void evidence_sum(const void *bytes, size_t length, char ret_text[65])
{
        uint8_t sum[SHA256_LENGTH];

        sha256_of(bytes, length, sum);
        sha256_text(sum, ret_text);
}

void evidence_add_digest(struct text_buffer *out, const char *sha256)
{
        text_add_object(out, "digest");
        text_add_member(out, "sha256", sha256);
        text_add(out, "}");
}

static void open_subject(struct text_buffer *out, const char *name, const char *sha256)
{
        text_add_object(out, NULL);
        text_add_member(out, "name", name);
        evidence_add_digest(out, sha256);
}

/* 64 hexadecimal digits to the end, alone or behind "sha256:"; NULL. */
static const char *find_digest(struct arena *arena, const char *value)
{
        const char *at = strstr(value, "sha256:");
        size_t n = 0;

        at = at != NULL ? at + strlen("sha256:") : value;
        while (isdigit((unsigned char)at[n]) || (at[n] >= 'a' && at[n] <= 'f'))
                n++;
        return n == HEX_LENGTH && at[n] == '\0' ? arena_string_n(arena, at, n) : NULL;
}

static const char *annotation(const struct state *state, const char *key)
{
        for (size_t i = 0; i < state->n_annotations; i++)
                if (strcmp(state->annotations[i].key, key) == 0)
                        return state->annotations[i].value;
        return NULL;
}

/* Where these two alone put a container. No annotation tells: podman hands on what the maker of an image wrote into its manifest, and
 * lets it stand in for its own, "io.container.manager" among them. */
static bool is_containerd_cri(const struct state *state)
{
        const char *end = strrchr(state->bundle, '/');
        const size_t namespace = strlen("/k8s.io");

        return end != NULL && strcmp(end + 1, state->id) == 0 && (size_t)(end - state->bundle) >= namespace &&
               strncmp(end - namespace, "/k8s.io", namespace) == 0;
}

static bool is_crio(const struct state *state, const struct spec *spec)
{
        const size_t length = spec->linux_.cgroups_path != NULL ? strlen(spec->linux_.cgroups_path) : 0, id = strlen(state->id);
        const char *end;

        if (length < id + strlen("/crio-") || strcmp(spec->linux_.cgroups_path + length - id, state->id) != 0)
                return false;
        /* By cgroupfs or by systemd, whose slice stands before the first colon. */
        end = spec->linux_.cgroups_path + length - id - strlen("/crio-");
        return strncmp(end, "/crio-", strlen("/crio-")) == 0 || strncmp(end, ":crio:", strlen(":crio:")) == 0;
}

static bool add_image_of(const struct state *state, const char *const *keys, struct arena *arena, struct text_buffer *out)
{
        for (; *keys != NULL; keys++) {
                const char *value = annotation(state, *keys), *sha256 = value != NULL ? find_digest(arena, value) : NULL;

                if (sha256 == NULL)
                        continue;
                open_subject(out, value, sha256);
                text_add(out, "}");
                return true;
        }
        return false;
}

static bool add_image(const struct evidence_wanted *wanted, struct arena *arena, struct text_buffer *out)
{
        static const char *const containerd[] = { "io.kubernetes.cri.image-name", NULL };
        static const char *const crio[] = { "io.kubernetes.cri-o.ImageRef", "io.kubernetes.cri-o.SomeNameOfTheImage",
                                            "io.kubernetes.cri-o.ImageName", NULL };
        struct spec spec = { 0 };

        if (is_containerd_cri(wanted->state))
                return add_image_of(wanted->state, containerd, arena, out);
        if (spec_read_bundle(arena, wanted->dir->fd, &spec, NULL, NULL, NULL) < 0 || !is_crio(wanted->state, &spec))
                return false;
        return add_image_of(wanted->state, crio, arena, out);
}

static int add_configuration(const struct state_dir *dir, struct arena *arena, struct text_buffer *out, struct error *err)
{
        auto_buffer struct text_buffer canonical = { 0 };
        auto_free char *text = NULL;
        const struct json_node *root;
        char sum[SHA256_TEXT_SIZE];
        size_t length;
        int r = fd_read_file(dir->fd, "config.json", SPEC_CONFIG_LIMIT_BYTES, &text, &length);

        if (r < 0)
                return error_errno(err, r, "read %s/%s/config.json", dir->root, dir->id);
        r = json_parse_in_place(arena, text, length, "config.json", &root, err);
        if (r < 0)
                return r;
        r = json_write_canonical(root, &canonical);
        if (r < 0 || canonical.is_broken)
                return error_errno(err, r < 0 ? r : ENOMEM, "%s/%s/config.json", dir->root, dir->id);
        evidence_sum(canonical.text, canonical.length, sum);
        open_subject(out, "config.json", sum);
        text_add_object(out, "annotations");
        text_add_member(out, "canonicalization", "RFC 8785");
        text_add(out, "}}");
        return 0;
}

/* Returns 1 where there is none to tell of. */
static int add_outputs(const struct evidence_wanted *wanted, const struct policy *policy, struct arena *arena, struct text_buffer *out,
                       struct evidence_about *about, struct error *err)
{
        struct evidence_outputs outputs;
        struct error why = { 0 };
        int r;

        if (wanted->n_outputs == 0)
                return 1;
        r = evidence_hash_outputs(wanted, policy, arena, &outputs, wanted->is_lenient ? &why : err);
        if (r < 0 && wanted->is_lenient) {
                about->why = arena_string(arena, why.text);
                return about->why == NULL ? error_errno(err, ENOMEM, "evidence") : 1;
        }
        if (r < 0)
                return r;
        if (outputs.n == 0 && !wanted->is_lenient)
                return error_set(err, ENOENT, "the outputs hold no regular file");
        about->missing = outputs.missing;
        about->n_missing = outputs.n_missing;
        for (size_t i = 0; i < outputs.n; i++) {
                open_subject(out, outputs.subjects[i].name, outputs.subjects[i].sha256);
                text_add(out, "}");
        }
        return outputs.n == 0;
}

int evidence_add_subjects(const struct evidence_wanted *wanted, const struct policy *policy, struct arena *arena,
                          struct text_buffer *out, struct evidence_about *ret_about, struct error *err)
{
        struct evidence_about about = { .kind = "outputs" };
        int r = add_outputs(wanted, policy, arena, out, &about, err);

        if (r > 0) {
                r = 0;
                about.kind = "image";
                if (!add_image(wanted, arena, out)) {
                        about.kind = "configuration";
                        r = add_configuration(wanted->dir, arena, out, err);
                }
        }
        *ret_about = about;
        return r;
}
