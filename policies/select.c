/* Chooses. Withstands a user who writes annotations into a request: they lead only along the administrator's routes,
 * and whatever was chosen by someone stronger stays a ceiling. */
#include "policies/select.h"

#include <errno.h>
#include <string.h>

#define CHOICES_MOST 8

struct choice {
        const struct policy_file *file;
        struct arena *arena;
        struct policy_profile profile;
        const char *names[CHOICES_MOST];
        size_t n;
        const char *by;
};

/* Narrows what is chosen by one more profile. */
static int choose(struct choice *choice, const struct policy_profile *profile, const char *by, struct error *err)
{
        struct policy_profile both;
        int r;

        if (choice->n == 0) {
                choice->profile = *profile;
                choice->by = by;
                choice->names[choice->n++] = profile->name;
                return 0;
        }
        choice->by = arena_format(choice->arena, "%s and %s", choice->by, by);
        if (choice->by == NULL)
                return error_errno(err, ENOMEM, "choosing a profile");
        for (size_t i = 0; i < choice->n; i++) {
                if (strcmp(choice->names[i], profile->name) == 0)
                        return 0;
        }
        if (choice->n == CHOICES_MOST)
                return error_set(err, EINVAL, "more than %d profiles are chosen for one container", CHOICES_MOST);
        r = policy_profile_meet(choice->arena, &choice->profile, profile, &both);
        if (r < 0)
                return error_errno(err, r, "choosing a profile");
        choice->profile = both;
        choice->names[choice->n++] = profile->name;
        return 0;
}

static const char *annotation_of(const struct policy_request *request, const char *key)
{
        for (size_t i = 0; i < request->n_annotations; i++) {
                if (strcmp(request->annotations[i].key, key) == 0)
                        return request->annotations[i].value;
        }
        return NULL;
}

static bool is_match(const struct policy_match *match, const struct policy_request *request)
{
        for (size_t i = 0; i < match->n_annotations; i++) {
                const char *value = annotation_of(request, match->annotations[i].key);

                if (value == NULL || strcmp(value, match->annotations[i].value) != 0)
                        return false;
        }
        return true;
}

static const char *last_component(const char *path)
{
        const char *slash = path != NULL ? strrchr(path, '/') : NULL;

        return slash != NULL ? slash + 1 : path;
}

/* What the administrator and the engine say. */
static int choose_strong(struct choice *choice, const struct policy_request *request, struct error *err)
{
        const struct policy_file *file = choice->file;
        const char *name = last_component(request->argv0);
        const struct policy_profile *profile;
        int r = 0;

        if (request->profile != NULL) {
                profile = policy_file_profile(file, request->profile);
                if (profile == NULL)
                        return error_set(err, EINVAL, "--profile: %s has no profile \"%.63s\"", file->name,
                                         request->profile);
                r = choose(choice, profile, "--profile", err);
        }
        for (size_t i = 0; i < file->select.n_argv0 && r == 0 && name != NULL; i++) {
                if (strcmp(file->select.argv0[i].key, name) == 0)
                        r = choose(choice, policy_file_profile(file, file->select.argv0[i].profile), "select.argv0", err);
        }
        for (size_t i = 0; i < file->select.n_matches && r == 0; i++) {
                if (is_match(&file->select.matches[i], request)) {
                        r = choose(choice, policy_file_profile(file, file->select.matches[i].profile), "select.match",
                                   err);
                        break;
                }
        }
        if (r == 0 && choice->n == 0)
                r = choose(choice, policy_file_profile(file, file->default_profile), "defaultProfile", err);
        return r;
}

static bool leads_to(const struct policy_file *file, const char *from, const char *to)
{
        for (size_t i = 0; i < file->select.n_annotation_allow; i++) {
                const struct policy_routes *routes = &file->select.annotation_allow[i];

                for (size_t j = 0; j < routes->profiles.n && strcmp(routes->key, from) == 0; j++) {
                        if (strcmp(routes->profiles.items[j], to) == 0)
                                return true;
                }
        }
        return false;
}

static int choose_by_user(struct choice *choice, const struct policy_request *request, struct error *err)
{
        const struct policy_file *file = choice->file;
        const char *key = file->select.annotation_key;
        const char *asked = key != NULL ? annotation_of(request, key) : NULL;
        const char *from = choice->names[choice->n - 1];

        if (asked == NULL || strcmp(asked, from) == 0)
                return 0;
        if (!leads_to(file, from, asked))
                return error_refuse(err, "select.annotation",
                                    "refused by profile \"%s\" (select.annotation): the annotation %s asks for \"%.63s\", "
                                    "to which no route leads from here; drop the annotation, or ask for the route "
                                    "(policy %s)", choice->profile.name, key, asked, file->revision);
        return choose(choice, policy_file_profile(file, asked), "the annotation", err);
}

/* An exception is one profile's: what was narrowed by another has none. */
static int find_exceptions(const struct choice *choice, int64_t now, struct policy *policy)
{
        const struct policy_file *file = choice->file;
        struct policy_exception *exceptions = arena_array(choice->arena, file->n_exceptions + 1, sizeof *exceptions);
        size_t n = 0;

        if (exceptions == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < file->n_exceptions && choice->n == 1; i++) {
                if (now < file->exceptions[i].ends_at && strcmp(file->exceptions[i].profile, choice->names[0]) == 0)
                        exceptions[n++] = file->exceptions[i];
        }
        policy->exceptions = exceptions;
        policy->n_exceptions = n;
        return 0;
}

static int conclude(struct choice *choice, int64_t now, struct policy *ret_policy, struct error *err)
{
        const struct policy_file *file = choice->file;
        struct policy policy = {
                .revision = file->revision,
                .profile = choice->profile,
                .chosen_by = choice->by,
                .ids_size = file->ids_size,
                .subid_user = file->subid_user,
                .audit = file->audit,
                .file = file,
        };
        const char **names = arena_array(choice->arena, choice->n, sizeof *names);

        if (names == NULL || find_exceptions(choice, now, &policy) < 0)
                return error_errno(err, ENOMEM, "choosing a profile");
        memcpy(names, choice->names, choice->n * sizeof *names);
        policy.profile_names = names;
        policy.n_profile_names = choice->n;
        *ret_policy = policy;
        return 0;
}

int policy_select(const struct policy_file *file, const struct policy_request *request, struct arena *arena,
                  struct policy *ret_policy, struct error *err)
{
        struct choice choice = { .file = file, .arena = arena };
        int r;

        if (file == NULL) {
                const struct policy *builtin = policy_builtin();

                if (request->profile != NULL && strcmp(request->profile, builtin->profile.name) != 0)
                        return error_set(err, EINVAL, "--profile: without a policy file there is only the profile \"%s\"; "
                                         "write /etc/runb/policy.json", builtin->profile.name);
                *ret_policy = *builtin;
                return 0;
        }
        r = choose_strong(&choice, request, err);
        if (r == 0)
                r = choose_by_user(&choice, request, err);
        return r < 0 ? r : conclude(&choice, request->now, ret_policy, err);
}

int policy_select_again(const struct policy_file *file, const char *name, int64_t now, struct arena *arena,
                        struct policy *ret_policy, struct error *err)
{
        struct choice choice = { .file = file, .arena = arena };
        int r = 0;

        if (file == NULL) {
                *ret_policy = *policy_builtin();
                return 0;
        }
        for (const char *at = name; *at != '\0' && r == 0;) {
                size_t length = strcspn(at, "+");
                const char *part = arena_string_n(arena, at, length);
                const struct policy_profile *profile;

                if (part == NULL)
                        return error_errno(err, ENOMEM, "choosing a profile");
                profile = policy_file_profile(file, part);
                r = choose(&choice, profile != NULL ? profile : policy_file_profile(file, file->default_profile),
                           "the container's", err);
                at += length + (at[length] == '+');
        }
        if (r == 0 && choice.n == 0)
                r = choose(&choice, policy_file_profile(file, file->default_profile), "defaultProfile", err);
        return r < 0 ? r : conclude(&choice, now, ret_policy, err);
}

/* Those of @today that @created has, too, and of them what both allow. */
static int both_exceptions(const struct policy *created, const struct policy *today, struct arena *arena,
                           struct policy *policy)
{
        struct policy_exception *exceptions = arena_array(arena, today->n_exceptions + 1, sizeof *exceptions);
        size_t n = 0;

        if (exceptions == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < today->n_exceptions; i++) {
                for (size_t j = 0; j < created->n_exceptions; j++) {
                        const struct policy_exception *a = &today->exceptions[i], *b = &created->exceptions[j];
                        const char **items;
                        size_t n_items = 0;

                        if (strcmp(a->id, b->id) != 0)
                                continue;
                        items = arena_array(arena, a->allow.n + 1, sizeof *items);
                        if (items == NULL)
                                return -ENOMEM;
                        for (size_t k = 0; k < a->allow.n; k++) {
                                for (size_t l = 0; l < b->allow.n; l++) {
                                        if (strcmp(a->allow.items[k], b->allow.items[l]) == 0) {
                                                items[n_items++] = a->allow.items[k];
                                                break;
                                        }
                                }
                        }
                        exceptions[n] = *a;
                        exceptions[n++].allow = (struct policy_texts){ items, n_items };
                }
        }
        policy->exceptions = exceptions;
        policy->n_exceptions = n;
        return 0;
}

int policy_narrow(const struct policy *created, const struct policy *today, struct arena *arena,
                  struct policy *ret_policy, struct error *err)
{
        struct policy policy = *today;
        int r = policy_profile_meet(arena, &created->profile, &today->profile, &policy.profile);

        if (r == 0)
                r = both_exceptions(created, today, arena, &policy);
        if (r < 0)
                return error_errno(err, r, "narrowing a profile");
        policy.profile.name = created->profile.name;
        policy.chosen_by = created->chosen_by;
        policy.profile_names = created->profile_names;
        policy.n_profile_names = created->n_profile_names;
        *ret_policy = policy;
        return 0;
}
