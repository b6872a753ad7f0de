/* The whole policy file: its members, and that every name in it means something. A name that leads nowhere is refused
 * like any other typing error: a route to a profile that is not there would else be found out by the first build. */
#include "policies/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policies/file_private.h"

#define FIELDS(list) (list), READER_COUNT(list)

static int read_version(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t version;
        int r = reader_unsigned(reader, node, UINT32_MAX, &version);

        (void)into;
        if (r == 0 && version != POLICY_FILE_VERSION)
                r = reader_fail(reader, EINVAL, "this runb reads version %d, not %llu", POLICY_FILE_VERSION,
                                (unsigned long long)version);
        return r;
}

/* ---- select ---- */

static int read_route(struct reader *reader, const struct json_node *node, void *into)
{
        struct policy_route *route = into;

        if (node->key[0] == '\0' || strchr(node->key, '/') != NULL || strlen(node->key) > 255)
                return reader_fail(reader, EINVAL,
                                   "the last component of a program's path is wanted, as \"runb-branch\"");
        route->key = node->key;
        return policy_read_profile_name(reader, node, &route->profile);
}

static int read_match_profile(struct reader *reader, const struct json_node *node, void *into)
{
        return policy_read_profile_name(reader, node, into);
}

static int read_match(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_MAP(struct policy_match, "annotation", annotations, n_annotations, reader_pair),
                RF_REQUIRED(struct policy_match, "profile", profile, read_match_profile),
        };
        struct policy_match *match = into;
        const struct json_node *annotation;
        int r = policy_read_object(reader, node, FIELDS(fields), match);

        if (r < 0)
                return r;
        annotation = json_member(node, "annotation");
        /* reader_children() skips null; a value that vanishes would let more match. */
        if (match->n_annotations == 0 || match->n_annotations != annotation->n)
                return reader_fail_below(reader, "annotation", "at least one annotation with a string as its value is "
                                         "wanted: without one every container would match");
        return 0;
}

static int read_names(struct reader *reader, const struct json_node *node, void *into)
{
        struct policy_routes *routes = into;

        if (!policy_is_profile_name(node->key))
                return reader_fail(reader, EINVAL, "%s is no name of a profile", READER_QUOTE(node->key));
        routes->key = node->key;
        return policy_read_texts(reader, node, policy_read_profile_name, &routes->profiles);
}

/* Maps: as RF_MAP, but null is refused, since what it takes away could be a route to something stricter. */
static int read_map(struct reader *reader, const struct json_node *node, reader_function *read, size_t item_size,
                    void **ret_items, size_t *ret_n)
{
        int r = reader_children(reader, node, READER_MAP, read, item_size, ret_items, ret_n);

        if (r == 0 && *ret_n != node->n)
                r = reader_fail(reader, EINVAL, "null is no value here; leave the key out");
        return r;
}

static int read_argv0(struct reader *reader, const struct json_node *node, void *into)
{
        struct policy_file *file = into;
        void *items;
        int r = read_map(reader, node, read_route, sizeof(struct policy_route), &items, &file->select.n_argv0);

        if (r == 0)
                file->select.argv0 = items;
        return r;
}

static int read_annotation_allow(struct reader *reader, const struct json_node *node, void *into)
{
        struct policy_file *file = into;
        void *items;
        int r = read_map(reader, node, read_names, sizeof(struct policy_routes), &items,
                         &file->select.n_annotation_allow);

        if (r == 0)
                file->select.annotation_allow = items;
        return r;
}

static int read_annotation_key(struct reader *reader, const struct json_node *node, void *into)
{
        struct policy_file *file = into;
        int r = reader_expect(reader, node, JSON_STRING);

        if (r == 0 && (node->n == 0 || node->n > 255))
                r = reader_fail(reader, EINVAL, "the name of an annotation is wanted");
        if (r == 0)
                file->select.annotation_key = node->text;
        return r;
}

static int read_annotation(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_WHOLE_REQUIRED("key", read_annotation_key),
                RF_WHOLE_REQUIRED("allow", read_annotation_allow),
        };

        return policy_read_object(reader, node, FIELDS(fields), into);
}

static int read_select(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_WHOLE("argv0", read_argv0),
                RF_ARRAY(struct policy_file, "match", select.matches, select.n_matches, read_match),
                RF_WHOLE("annotation", read_annotation),
        };

        return policy_read_object(reader, node, FIELDS(fields), into);
}

/* ---- ids ---- */

static int read_user(struct reader *reader, const struct json_node *node, void *into)
{
        size_t n;
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        n = strspn(node->text, "abcdefghijklmnopqrstuvwxyz0123456789_-");
        if (node->n == 0 || node->n > 32 || n != node->n || (node->text[0] >= '0' && node->text[0] <= '9') ||
            node->text[0] == '-')
                return reader_fail(reader, EINVAL, "%s is no name of a user", READER_QUOTE(node->text));
        *(const char **)into = node->text;
        return 0;
}

#define IDS_LEAST 1024u
#define IDS_MOST (1u << 24)

static int read_ids_size(struct reader *reader, const struct json_node *node, void *into)
{
        uint64_t size = 0;
        int r = reader_unsigned(reader, node, IDS_MOST, &size);

        if (r == 0 && size < IDS_LEAST)
                r = reader_fail(reader, EINVAL, "%llu is out of range (%u to %u)", (unsigned long long)size, IDS_LEAST,
                                IDS_MOST);
        if (r == 0)
                *(uint32_t *)into = (uint32_t)size;
        return r;
}

static int read_ids(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_VALUE(struct policy_file, "subidUser", subid_user, read_user),
                RF_VALUE(struct policy_file, "size", ids_size, read_ids_size),
        };

        return policy_read_object(reader, node, FIELDS(fields), into);
}

/* ---- profiles ---- */

static int read_profiles(struct reader *reader, const struct json_node *node, void *into)
{
        struct policy_file *file = into;
        struct policy_profile *profiles;
        const struct policy_profile *builtins;
        size_t n_builtins, n;
        int r = reader_expect(reader, node, JSON_OBJECT);

        if (r < 0)
                return r;
        builtins = policy_profile_builtins(&n_builtins);
        profiles = arena_array(reader->arena, n_builtins + node->n, sizeof *profiles);
        if (profiles == NULL)
                return reader_fail_no_memory(reader);
        memcpy(profiles, builtins, n_builtins * sizeof *profiles);
        n = n_builtins;
        json_for_each(member, node) {
                struct reader_step step = policy_step_to(reader, member);
                const struct reader_step *up = reader->at;
                struct policy_profile profile, *at = NULL;

                reader->at = &step;
                for (size_t i = 0; i < n_builtins; i++) {
                        if (strcmp(profiles[i].name, member->key) == 0)
                                at = &profiles[i];
                }
                profile = at != NULL ? *at : *policy_profile_builtin("untrusted");
                profile.name = member->key;
                r = policy_is_profile_name(member->key) ?
                            policy_read_profile(reader, member, &profile) :
                            reader_fail(reader, EINVAL,
                                        "this is no name of a profile: lower-case letters, digits and \"-\" are "
                                        "wanted");
                reader->at = up;
                if (r < 0)
                        return r;
                *(at != NULL ? at : &profiles[n++]) = profile;
        }
        file->profiles = profiles;
        file->n_profiles = n;
        return 0;
}

const struct policy_profile *policy_file_profile(const struct policy_file *file, const char *name)
{
        for (size_t i = 0; i < file->n_profiles; i++) {
                if (strcmp(file->profiles[i].name, name) == 0)
                        return &file->profiles[i];
        }
        return NULL;
}

/* ---- exceptions ---- */

static int read_tokens(struct reader *reader, const struct json_node *node, void *into)
{
        int r = policy_read_texts(reader, node, policy_read_exception_token, into);

        if (r == 0 && node->n == 0)
                r = reader_fail(reader, EINVAL, "at least one thing to allow is wanted");
        return r;
}

static int read_expires(struct reader *reader, const struct json_node *node, void *into)
{
        struct policy_exception *exception = into;

        return policy_read_date(reader, node, &exception->expires, &exception->ends_at);
}

static int read_exception(struct reader *reader, const struct json_node *node, void *into)
{
        static const struct reader_field fields[] = {
                RF_REQUIRED(struct policy_exception, "id", id, policy_read_id),
                RF_REQUIRED(struct policy_exception, "profile", profile, policy_read_profile_name),
                RF_REQUIRED(struct policy_exception, "allow", allow, read_tokens),
                RF_WHOLE_REQUIRED("expires", read_expires),
                RF_REQUIRED(struct policy_exception, "reason", reason, policy_read_sentence),
                RF_REQUIRED(struct policy_exception, "approvedBy", approved_by, policy_read_sentence),
        };

        return policy_read_object(reader, node, FIELDS(fields), into);
}

/* ---- the whole ---- */

const char *policy_file_list(const struct policy_file *file, struct policy_names *names)
{
        size_t used = 0;

        names->text[0] = '\0';
        for (size_t i = 0; i < file->n_profiles && used < sizeof names->text; i++)
                used += (size_t)snprintf(names->text + used, sizeof names->text - used, "%s%s", i == 0 ? "" : ", ",
                                         file->profiles[i].name);
        return names->text;
}

static int fail_name(const struct policy_file *file, const char *where, const char *name, struct error *err)
{
        struct policy_names names;

        return error_set(err, EINVAL, "%s: %s: there is no profile \"%s\", only %s", file->name, where, name,
                         policy_file_list(file, &names));
}

/* Every profile that is named is there, and no exception has another one's id. */
static int check_names(const struct policy_file *file, struct error *err)
{
        if (policy_file_profile(file, file->default_profile) == NULL)
                return fail_name(file, "defaultProfile", file->default_profile, err);
        for (size_t i = 0; i < file->select.n_argv0; i++) {
                if (policy_file_profile(file, file->select.argv0[i].profile) == NULL)
                        return fail_name(file, "select.argv0", file->select.argv0[i].profile, err);
        }
        for (size_t i = 0; i < file->select.n_matches; i++) {
                if (policy_file_profile(file, file->select.matches[i].profile) == NULL)
                        return fail_name(file, "select.match", file->select.matches[i].profile, err);
        }
        for (size_t i = 0; i < file->select.n_annotation_allow; i++) {
                const struct policy_routes *routes = &file->select.annotation_allow[i];

                if (policy_file_profile(file, routes->key) == NULL)
                        return fail_name(file, "select.annotation.allow", routes->key, err);
                for (size_t j = 0; j < routes->profiles.n; j++) {
                        if (policy_file_profile(file, routes->profiles.items[j]) == NULL)
                                return fail_name(file, "select.annotation.allow", routes->profiles.items[j], err);
                }
        }
        for (size_t i = 0; i < file->n_exceptions; i++) {
                if (policy_file_profile(file, file->exceptions[i].profile) == NULL)
                        return fail_name(file, "exceptions", file->exceptions[i].profile, err);
                for (size_t j = 0; j < i; j++) {
                        if (strcmp(file->exceptions[i].id, file->exceptions[j].id) == 0)
                                return error_set(err, EINVAL,
                                                 "%s: exceptions[%zu].id: \"%s\" is exceptions[%zu]'s, too", file->name,
                                                 i, file->exceptions[i].id, j);
                }
        }
        return 0;
}

int policy_file_read(struct arena *arena, const char *text, size_t length, const char *name,
                     struct policy_file *ret_file, struct error *err)
{
        static const struct reader_field fields[] = {
                RF_WHOLE_REQUIRED("version", read_version),
                RF_VALUE(struct policy_file, "revision", revision, policy_read_id),
                RF_VALUE(struct policy_file, "defaultProfile", default_profile, policy_read_profile_name),
                RF_WHOLE("select", read_select),
                RF_WHOLE("ids", read_ids),
                RF_VALUE(struct policy_file, "audit", audit, policy_read_audit),
                RF_WHOLE("profiles", read_profiles),
                RF_ARRAY(struct policy_file, "exceptions", exceptions, n_exceptions, read_exception),
        };
        struct reader reader = { .arena = arena, .file = name, .err = err };
        struct policy_file file = {
                .name = name,
                .revision = "unversioned",
                .default_profile = "untrusted",
                .ids_size = policy_builtin()->ids_size,
        };
        const struct json_node *root;
        int r;

        if (length > POLICY_FILE_LIMIT_BYTES)
                return error_set(err, E2BIG, "%s: longer than %zu bytes", name, POLICY_FILE_LIMIT_BYTES);
        file.profiles = policy_profile_builtins(&file.n_profiles);
        r = json_parse(arena, text, length, name, &root, err);
        if (r == 0)
                r = policy_read_object(&reader, root, FIELDS(fields), &file);
        if (r == 0)
                r = check_names(&file, err);
        if (r == 0)
                *ret_file = file;
        return r;
}
