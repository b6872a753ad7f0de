/* Chooses. Withstands a user who writes annotations into a request: they lead only along the administrator's routes,
 * and whatever was chosen by someone stronger stays a ceiling. */
#include "policies/select.h"

#include <errno.h>
#include <string.h>

#include "policies/exceptions.h"

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
        struct policy_names names;
        int r = 0;

        if (request->profile != NULL) {
                profile = policy_file_profile(file, request->profile);
                if (profile == NULL)
                        return error_set(err, EINVAL, "--profile: %s has no profile \"%.63s\", only %s", file->name,
                                         request->profile, policy_file_list(file, &names));
                r = choose(choice, profile, "--profile", err);
        }
        for (size_t i = 0; i < file->select.n_argv0 && r == 0 && name != NULL; i++) {
                if (strcmp(file->select.argv0[i].key, name) == 0)
                        r = choose(choice, policy_file_profile(file, file->select.argv0[i].profile), "select.argv0",
                                   err);
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
                return error_refuse(
                        err, "select.annotation",
                        "refused by profile \"%s\" (select.annotation): the annotation %s asks for \"%.63s\", to which "
                        "no route leads from here; drop the annotation, or ask for the route (policy %s)",
                        choice->profile.name, key, asked, file->revision);
        return choose(choice, policy_file_profile(file, asked), "the annotation", err);
}

/* What two exceptions both let pass, and as long as both do. Returns 1, 0 where that is nothing, or -ENOMEM. */
static int meet_exceptions(struct arena *arena, const struct policy_exception *a, const struct policy_exception *b,
                           struct policy_exception *ret_exception)
{
        const char **items = arena_array(arena, a->allow.n * b->allow.n + 1, sizeof *items);
        size_t n = 0;

        if (items == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < a->allow.n; i++) {
                for (size_t j = 0; j < b->allow.n; j++) {
                        const char *token = policy_exceptions_meet(arena, a->allow.items[i], b->allow.items[j]);

                        if (token != NULL)
                                items[n++] = token;
                }
        }
        if (n == 0)
                return 0;
        *ret_exception = a->ends_at <= b->ends_at ? *a : *b;
        ret_exception->id = strcmp(a->id, b->id) == 0 ? a->id : arena_format(arena, "%s and %s", a->id, b->id);
        ret_exception->allow = (struct policy_texts){ items, n };
        return ret_exception->id == NULL ? -ENOMEM : 1;
}

struct exceptions { struct policy_exception *items; size_t n; };

/* Every pair's. */
static int meet_all(struct arena *arena, const struct exceptions *a, const struct exceptions *b,
                    struct exceptions *ret_all)
{
        struct exceptions all = { arena_array(arena, a->n * b->n + 1, sizeof *all.items), 0 };

        if (all.items == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < a->n; i++) {
                for (size_t j = 0; j < b->n; j++) {
                        int r = meet_exceptions(arena, &a->items[i], &b->items[j], &all.items[all.n]);

                        if (r < 0)
                                return r;
                        all.n += (size_t)r;
                }
        }
        *ret_all = all;
        return 0;
}

static int in_force(const struct choice *choice, const char *profile, int64_t now, struct exceptions *ret_exceptions)
{
        const struct policy_file *file = choice->file;
        struct exceptions found = { arena_array(choice->arena, file->n_exceptions + 1, sizeof *found.items), 0 };

        if (found.items == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < file->n_exceptions; i++) {
                if (now < file->exceptions[i].ends_at && strcmp(file->exceptions[i].profile, profile) == 0)
                        found.items[found.n++] = file->exceptions[i];
        }
        *ret_exceptions = found;
        return 0;
}

/* An exception is one profile's. What was narrowed by another has those that both have, so that it gets no more than by
 * either of them alone. */
static int find_exceptions(const struct choice *choice, int64_t now, struct policy *policy)
{
        struct policy_exception *sources = arena_array(choice->arena, choice->file->n_exceptions + 1, sizeof *sources);
        struct exceptions all = { NULL, 0 }, of_one;
        int r = sources == NULL ? -ENOMEM : 0;

        policy->n_sources = 0;
        for (size_t i = 0; i < choice->n && r == 0; i++) {
                r = in_force(choice, choice->names[i], now, &of_one);
                if (r == 0 && of_one.n > 0)
                        memcpy(sources + policy->n_sources, of_one.items, of_one.n * sizeof *sources);
                policy->n_sources += r == 0 ? of_one.n : 0;
                if (r == 0 && i == 0)
                        all = of_one;
                else if (r == 0)
                        r = meet_all(choice->arena, &all, &of_one, &all);
        }
        policy->sources = sources;
        policy->exceptions = all.items;
        policy->n_exceptions = all.n;
        return r;
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
                .judged_at = now,
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
                        return error_set(err, EINVAL,
                                         "--profile: without a policy file there is only the profile \"%s\"; write "
                                         "/etc/runb/policy.json",
                                         builtin->profile.name);
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
static int same_exceptions(const struct policy *created, const struct policy *today, struct arena *arena,
                           struct policy *policy)
{
        struct policy_exception *exceptions = arena_array(arena, today->n_exceptions + 1, sizeof *exceptions);
        size_t n = 0;

        if (exceptions == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < today->n_exceptions; i++) {
                for (size_t j = 0; j < created->n_exceptions; j++) {
                        int r = strcmp(today->exceptions[i].id, created->exceptions[j].id) != 0 ?
                                        0 :
                                        meet_exceptions(arena, &today->exceptions[i], &created->exceptions[j],
                                                        &exceptions[n]);

                        if (r < 0)
                                return r;
                        if (r > 0) {
                                n++;
                                break;
                        }
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
                r = same_exceptions(created, today, arena, &policy);
        if (r < 0)
                return error_errno(err, r, "narrowing a profile");
        policy.profile.name = created->profile.name;
        policy.chosen_by = created->chosen_by;
        policy.profile_names = created->profile_names;
        policy.n_profile_names = created->n_profile_names;
        *ret_policy = policy;
        return 0;
}
