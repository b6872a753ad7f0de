/* The text of an overlay's options. The kernel prints them as the mounter gave them (names escaped by "\:" and "\\"),
 * then escapes blanks, commas and backslashes once more in octal; both are undone here, in that order. */
#include "runtime/restack_overlay.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/text.h"

/* "\040" and its like, in place. */
static void undo_octal(char *text)
{
        char *out = text;

        for (const char *in = text; *in != '\0'; in++) {
                if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' && in[3] >= '0' &&
                    in[3] <= '7') {
                        *out++ = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
                        in += 3;
                } else {
                        *out++ = *in;
                }
        }
        *out = '\0';
}

/* The overlay's own: a backslash takes the next byte as it is. In place. */
static void undo_backslash(char *text)
{
        char *out = text;

        for (const char *in = text; *in != '\0'; in++) {
                if (in[0] == '\\' && in[1] != '\0')
                        in++;
                *out++ = *in;
        }
        *out = '\0';
}

static int add_layer(struct restack_text *text, char *name, bool is_data, struct error *err)
{
        if (name[0] == '\0')
                return error_set(err, EINVAL, "an empty name among its lower layers");
        if (text->n_lower == sizeof text->lower / sizeof text->lower[0])
                return error_set(err, E2BIG, "more than %zu layers", text->n_lower);
        text->lower[text->n_lower++] = name;
        text->n_data += is_data;
        return 0;
}

static int split_lower(struct restack_text *text, char *value, struct error *err)
{
        bool is_data = false;
        char *name = value;
        int r;

        for (char *p = value;; p++) {
                if (p[0] == '\\' && p[1] != '\0') {
                        p++;
                        continue;
                }
                if (p[0] != ':' && p[0] != '\0')
                        continue;
                {
                        bool is_end = p[0] == '\0', starts_data = !is_end && p[1] == ':';

                        *p = '\0';
                        undo_backslash(name);
                        r = add_layer(text, name, is_data, err);
                        if (r < 0 || is_end)
                                return r;
                        if (starts_data) {      /* kernel docs, overlayfs, "Data-only lower layers" */
                                is_data = true;
                                p++;
                        }
                        name = p + 1;
                }
        }
}

/* The next option, ended with a NUL byte. SELinux quotes a context that has commas (security/selinux, show_sid()). */
static char *next_option(char **rest)
{
        char *option = *rest;
        bool is_quoted = false;

        if (option == NULL)
                return NULL;
        for (char *p = option; *p != '\0'; p++) {
                if (*p == '"')
                        is_quoted = !is_quoted;
                if (*p == ',' && !is_quoted) {
                        *p = '\0';
                        *rest = p + 1;
                        return option;
                }
        }
        *rest = NULL;
        return option;
}

static char *undo_quotes(char *value)
{
        size_t length = strlen(value);

        if (length < 2 || value[0] != '"' || value[length - 1] != '"')
                return value;
        value[length - 1] = '\0';
        return value + 1;
}

static bool may_be_kept(const char *key)
{
        static const char *const kept[] = {
                "metacopy", "redirect_dir", "xino", "uuid", "volatile", "userxattr", "verity", "context", "fscontext",
                "defcontext", "rootcontext",
        };

        for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
                if (strcmp(key, kept[i]) == 0)
                        return true;
        return false;
}

int restack_parse_options(struct arena *arena, const char *text, struct restack_text *ret_text, struct error *err)
{
        char *copy = arena_string(arena, text), *rest = copy, *value;
        const char *name;
        char *key;
        struct restack_text result = { .n_lower = 0 };
        int r;

        if (copy == NULL)
                return error_errno(err, ENOMEM, "options");
        while ((key = next_option(&rest)) != NULL) {
                value = strchr(key, '=');
                if (value != NULL)
                        *value++ = '\0';
                undo_octal(key);
                if (value != NULL)
                        undo_octal(value);
                r = 0;
                name = key;
                if (value != NULL && strcmp(key, "fsync") == 0 && strcmp(value, "volatile") == 0) {
                        name = "volatile";      /* Linux 6.18 shows the flag so */
                        value = NULL;
                }
                if (value != NULL && strcmp(key, "lowerdir") == 0) {
                        r = split_lower(&result, value, err);
                } else if (value != NULL && (strcmp(key, "lowerdir+") == 0 || strcmp(key, "datadir+") == 0)) {
                        r = add_layer(&result, value, key[0] == 'd', err);      /* not escaped, since it names one */
                } else if (value != NULL && strcmp(key, "upperdir") == 0) {
                        undo_backslash(value);
                        result.upper = value;
                } else if (may_be_kept(name)) {
                        if (result.n_options == sizeof result.options / sizeof result.options[0])
                                return error_set(err, E2BIG, "more than %zu options", result.n_options);
                        value = value == NULL ? NULL : undo_quotes(value);
                        result.options[result.n_options++] = (struct restack_option){ name, value };
                }
                if (r < 0)
                        return r;
        }
        if (result.n_lower == 0)
                return error_set(err, EINVAL, "no lower layer among its options");
        *ret_text = result;
        return 0;
}
