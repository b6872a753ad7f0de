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
        struct sha256 sha256;

        sha256_begin(&sha256);
        sha256_add(&sha256, bytes, length);
        sha256_end(&sha256, sum);
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

/* As CRI-O and containerd's CRI have them. podman hands on what the image's maker wrote into its manifest as annotations, these too:
 * it says "libpod" of itself, and then they prove nothing. */
static bool add_image(const struct state *state, struct arena *arena, struct text_buffer *out)
{
        static const char *const keys[] = { "io.kubernetes.cri-o.ImageRef", "io.kubernetes.cri-o.SomeNameOfTheImage",
                                            "io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName" };
        const char *manager = annotation(state, "io.container.manager");

        if (manager != NULL && strcmp(manager, "cri-o") != 0)
                return false;
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
                const char *value = annotation(state, keys[i]), *sha256 = value != NULL ? find_digest(arena, value) : NULL;

                if (sha256 == NULL)
                        continue;
                open_subject(out, value, sha256);
                text_add(out, "}");
                return true;
        }
        return false;
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

int evidence_add_subjects(const struct evidence_wanted *wanted, const struct policy *policy, struct arena *arena,
                          struct text_buffer *out, const char **ret_kind, struct error *err)
{
        struct evidence_subject *subjects;
        size_t n;
        int r;

        if (wanted->n_outputs == 0) {
                *ret_kind = "image";
                if (add_image(wanted->state, arena, out))
                        return 0;
                *ret_kind = "configuration";
                return add_configuration(wanted->dir, arena, out, err);
        }
        r = evidence_hash_outputs(wanted, policy, arena, &subjects, &n, err);
        if (r < 0)
                return r;
        if (n == 0)
                return error_set(err, ENOENT, "the outputs hold no regular file");
        for (size_t i = 0; i < n; i++) {
                open_subject(out, subjects[i].name, subjects[i].sha256);
                text_add(out, "}");
        }
        *ret_kind = "outputs";
        return 0;
}
