/* config.md: the document as a whole. Bytes become nodes in an arena that is gone when this room is done, and nodes
 * become `struct spec`, which points into the bytes: one copy of them is all that stays. */
#include "oci-spec/rooms.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/auto.h"

/* sethostname(2): 64 bytes, without a final NUL. */
#define HOST_NAME_LIMIT 64

static const char *skip_number(const char *text)
{
        size_t n = strspn(text, "0123456789");

        /* SemVer 2.0.0, 2: "MUST NOT contain leading zeroes". */
        if (n == 0 || (n > 1 && text[0] == '0'))
                return NULL;
        return text + n;
}

/* SemVer 2.0.0, 9 and 10: identifiers of letters, digits and hyphens with dots between, none of them empty. */
static const char *skip_identifiers(const char *text)
{
        for (;;) {
                size_t n = strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");

                if (n == 0)
                        return NULL;
                text += n;
                if (*text != '.')
                        return text;
                text++;
        }
}

static bool is_semver(const char *text)
{
        for (unsigned i = 0; i < 3; i++) {
                if (i > 0 && *text++ != '.')
                        return false;
                text = skip_number(text);
                if (text == NULL)
                        return false;
        }
        if (*text == '-')
                text = skip_identifiers(text + 1);
        if (text != NULL && *text == '+')
                text = skip_identifiers(text + 1);
        return text != NULL && *text == '\0';
}

static int read_version(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        if (!is_semver(node->text))
                return reader_fail(reader, EINVAL, "%s is not a version of SemVer 2.0.0", READER_QUOTE(node->text));
        /* Any 1.x: a runtime that compared more closely broke on every engine's next release. */
        if (strncmp(node->text, "1.", 2) != 0)
                return reader_fail(reader, EINVAL, "%s is not supported, only 1.x is", READER_QUOTE(node->text));
        *(const char **)into = node->text;
        return 0;
}

static int read_host_name(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_text(reader, node, into);

        if (r == 0 && node->n > HOST_NAME_LIMIT)
                return reader_fail(reader, EINVAL, "%u bytes long; the kernel takes %d", node->n, HOST_NAME_LIMIT);
        return r;
}

static int read_root_path(struct reader *reader, const struct json_node *node, void *into)
{
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        if (node->n == 0)
                return reader_fail(reader, EINVAL, "is empty");
        *(const char **)into = node->text;
        return 0;
}

static int read_root(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_REQUIRED(struct spec, "path", root_path, read_root_path),
                RF_VALUE(struct spec, "readonly", is_root_readonly, reader_bool),
        };

        return reader_object(reader, node, fields, READER_COUNT(fields), into);
}

static int read_spec(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_REQUIRED(struct spec, "ociVersion", oci_version, read_version),
                RF_VALUE(struct spec, "hostname", hostname, read_host_name),
                RF_VALUE(struct spec, "domainname", domainname, read_host_name),
                RF_WHOLE_REQUIRED("root", read_root),
                RF_CLAIMED(struct spec, "process", process, has_process, spec_process_read),
                RF_ARRAY(struct spec, "mounts", mounts, n_mounts, spec_mounts_read),
                RF_WHOLE("hooks", spec_hooks_read),
                RF_MAP(struct spec, "annotations", annotations, n_annotations, reader_pair),
                RF_VALUE(struct spec, "linux", linux_, spec_linux_read),
        };

        return reader_object(reader, node, fields, READER_COUNT(fields), into);
}

/* "process (object, OPTIONAL)": what create applies where it is not there. */
static char *no_strings[] = { NULL };
#define NO_PROCESS { .process = { .cwd = "/", .args = no_strings, .env = no_strings } }

/* @text lies in @arena already and is used up. */
static int read_document(struct arena *arena, char *text, size_t length, const char *name, reader_function *read,
                         void *into, struct error *err)
{
        auto_arena struct arena nodes = { NULL };
        struct reader reader = { .arena = arena, .file = name, .err = err };
        const struct json_node *root;
        int r;

        if (length > SPEC_CONFIG_LIMIT_BYTES)
                return error_set(err, E2BIG, "%s: %zu bytes long, which is more than %zu MiB", name, length,
                                 SPEC_CONFIG_LIMIT_BYTES >> 20);
        r = json_parse_in_place(&nodes, text, length, name, &root, err);
        if (r < 0)
                return r;
        return read(&reader, root, into);
}

static int read_copy(struct arena *arena, const char *text, size_t length, const char *name, reader_function *read,
                     void *into, struct error *err)
{
        char *copy = NULL;

        if (length <= SPEC_CONFIG_LIMIT_BYTES) {
                copy = arena_string_n(arena, text, length);
                if (copy == NULL)
                        return error_set(err, ENOMEM, "%s: out of memory", name);
        }
        return read_document(arena, copy, length, name, read, into, err);
}

int spec_read(struct arena *arena, const char *text, size_t length, const char *name, struct spec *ret_spec,
              struct error *err)
{
        struct spec spec = NO_PROCESS;
        int r = read_copy(arena, text, length, name, read_spec, &spec, err);

        if (r == 0)
                *ret_spec = spec;
        return r;
}

int spec_read_process(struct arena *arena, const char *text, size_t length, const char *name,
                      struct spec_process *ret_process, struct error *err)
{
        struct spec_process process = { .cwd = NULL };
        int r = read_copy(arena, text, length, name, spec_process_read, &process, err);

        if (r == 0)
                *ret_process = process;
        return r;
}

int spec_read_resources(struct arena *arena, const char *text, size_t length, const char *name,
                        struct spec_resources *ret_resources, struct error *err)
{
        struct spec_resources resources = { .devices = NULL };
        int r = read_copy(arena, text, length, name, spec_resources_read, &resources, err);

        if (r == 0)
                *ret_resources = resources;
        return r;
}

static int read_file(struct arena *arena, int fd, const char *name, char **ret_text, size_t *ret_length,
                     struct error *err)
{
        struct stat status;
        size_t length = 0;
        char *text;
        ssize_t n;

        if (fstat(fd, &status) < 0)
                return error_errno(err, errno, "%s: stat", name);
        if (!S_ISREG(status.st_mode))
                return error_set(err, EINVAL, "%s: is not a regular file", name);
        if (status.st_size > (off_t)SPEC_CONFIG_LIMIT_BYTES)
                return error_set(err, E2BIG, "%s: %lld bytes long, which is more than %zu MiB", name,
                                 (long long)status.st_size, SPEC_CONFIG_LIMIT_BYTES >> 20);
        text = arena_alloc(arena, (size_t)status.st_size + 1);
        if (text == NULL)
                return error_set(err, ENOMEM, "%s: out of memory", name);
        /* One byte more than there should be: it tells a file that grows under our hands. */
        do {
                n = read(fd, text + length, (size_t)status.st_size + 1 - length);
                if (n > 0)
                        length += (size_t)n;
        } while ((n > 0 && length <= (size_t)status.st_size) || (n < 0 && errno == EINTR));
        if (n < 0)
                return error_errno(err, errno, "%s: read", name);
        if (length > (size_t)status.st_size)
                return error_set(err, EBUSY, "%s: was written to while it was read", name);
        text[length] = '\0';
        *ret_text = text;
        *ret_length = length;
        return 0;
}

static int read_at(struct arena *arena, int folder_fd, const char *name, struct spec *ret_spec, const char **ret_text,
                   size_t *ret_length, struct error *err)
{
        /* O_NONBLOCK: a FIFO in its place must not hang us. */
        auto_close int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct spec spec = NO_PROCESS;
        char *text = NULL, *kept = NULL;
        size_t length = 0;
        int r;

        if (fd < 0 && errno == ENOENT)
                return error_set(err, ENOENT, "JSON specification file %s not found%s", name,
                                 strcmp(name, "config.json") == 0 ? "; --bundle names the folder that holds it" : "");
        if (fd < 0)
                return error_errno(err, errno, "open %s", name);
        r = read_file(arena, fd, name, &text, &length, err);
        if (r < 0)
                return r;
        if (ret_text != NULL) {
                kept = arena_string_n(arena, text, length);
                if (kept == NULL)
                        return error_set(err, ENOMEM, "%s: out of memory", name);
        }
        r = read_document(arena, text, length, name, read_spec, &spec, err);
        if (r < 0)
                return r;
        *ret_spec = spec;
        if (ret_text != NULL)
                *ret_text = kept;
        if (ret_length != NULL)
                *ret_length = length;
        return 0;
}

int spec_read_bundle(struct arena *arena, int bundle_fd, struct spec *ret_spec, const char **ret_text,
                     size_t *ret_length, struct error *err)
{
        return read_at(arena, bundle_fd, "config.json", ret_spec, ret_text, ret_length, err);
}

int spec_read_file(struct arena *arena, const char *path, struct spec *ret_spec, const char **ret_text,
                   size_t *ret_length, struct error *err)
{
        return read_at(arena, AT_FDCWD, path, ret_spec, ret_text, ret_length, err);
}

const char *spec_annotation(const struct spec *spec, const char *key)
{
        for (size_t i = 0; i < spec->n_annotations; i++)
                if (strcmp(spec->annotations[i].key, key) == 0)
                        return spec->annotations[i].value;
        return NULL;
}

int spec_check_program(const struct spec *spec, const char *operation, struct error *err)
{
        if (!spec->has_process)
                return error_set(err, EINVAL,
                                 "cannot %s a container without process in its config.json: it has no program",
                                 operation);
        if (spec->process.n_args == 0)
                return error_set(err, EINVAL,
                                 "cannot %s a container without process.args in its config.json: it has no program",
                                 operation);
        return 0;
}
