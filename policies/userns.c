/* Whose ids the build has.
 *
 * The engine's mapping is kept where there is one: it knows the ids of its volumes. Under real root no line of it may
 * name the host's root or one of the host's users, since whoever leaves the sandbox would be that user. Without a
 * mapping real root leases a range that is nobody's; everyone else has only ids that are the caller's already, and
 * repeats them. The build's processes have to exist in the map: saying so here is clearer than setuid's EINVAL
 * later. */
#include "policies/userns.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policies/judge.h"

/* Below lie the users of passwd(5), systemd's dynamic users and nobody; engines and kubelet map from here up. */
#define FIRST_ID_OF_NO_USER 65536u

/* 2^32-1 is "no change" for chown(2) and setuid(2). */
#define IDS_END UINT32_MAX

static const char *line_text(struct arena *arena, const struct spec_id_map *line)
{
        return arena_format(arena, "%u:%u:%u", line->inside, line->outside, line->size);
}

static bool is_in_map(const struct spec_id_map *map, size_t n, uint32_t id)
{
        for (size_t i = 0; i < n; i++) {
                if (id >= map[i].inside && id - map[i].inside < map[i].size)
                        return true;
        }
        return false;
}

static void judge_line(struct judge *judge, const char *property, const struct spec_id_map *line,
                       const struct host_ids *ids)
{
        const char *text = line_text(judge->arena, line), *exception;

        if (line->size == 0 || line->size > IDS_END - line->outside || line->size > IDS_END - line->inside) {
                judge_invalid(judge, "%s: %s is not a range of ids below 4294967295", property, text);
                return;
        }
        if (judge->host->privilege != HOST_REAL_ROOT) /* the kernel lets in what is the caller's own only */
                return;
        exception = arena_format(judge->arena, "ids:%u-%u", line->outside, line->outside + line->size - 1);
        if (line->outside == 0)
                judge_refuse(judge, "ids.root", property, text, NULL,
                             "%s maps %s, where the build's id %u is the host's root; map a range of /etc/subuid, or "
                             "leave the mapping out", property, text, line->inside);
        else if (((ids != NULL && ids->user != NULL) ||
                  (line->outside < FIRST_ID_OF_NO_USER && (ids == NULL || !ids->is_delegated))) &&
                 judge_excepts_ids(judge, "ids.users", property, line->outside, line->outside + line->size - 1))
                return;
        else if (ids != NULL && ids->user != NULL)
                judge_refuse(judge, "ids.users", property, text, exception,
                             "%s maps %s, which holds the host's \"%s\" (%u); map a range of /etc/subuid, or leave the "
                             "mapping out", property, text, ids->user, ids->id);
        else if (line->outside < FIRST_ID_OF_NO_USER && (ids == NULL || !ids->is_delegated))
                judge_refuse(judge, "ids.users", property, text, exception,
                             "%s maps %s, where ids below %u are those of the host's users; map a range of "
                             "/etc/subuid, or leave the mapping out", property, text, FIRST_ID_OF_NO_USER);
}

static int identity_of(struct judge *judge, const struct spec_id_map *map, size_t n, const struct spec_id_map **ret_map)
{
        struct spec_id_map *lines = arena_array(judge->arena, n, sizeof *lines);

        if (lines == NULL && n > 0)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                lines[i] =
                        (struct spec_id_map){ .inside = map[i].inside, .outside = map[i].inside, .size = map[i].size };
        *ret_map = lines;
        return 0;
}

static int use_identity(struct judge *judge, struct sandbox *sandbox, const struct spec_id_map *uid_map,
                        size_t n_uid_map, const struct spec_id_map *gid_map, size_t n_gid_map)
{
        int r;

        sandbox->ids = SANDBOX_IDS_IDENTITY;
        r = identity_of(judge, uid_map, n_uid_map, &sandbox->uid_map);
        if (r == 0)
                r = identity_of(judge, gid_map, n_gid_map, &sandbox->gid_map);
        sandbox->n_uid_map = n_uid_map;
        sandbox->n_gid_map = n_gid_map;
        return r;
}

/* A pod's user namespace: the build gets one of its own with the very same ids, seen from here. What the pod may not
 * have, its build may not either. Entering the pod's own would let its other processes into the build's, and one to one
 * counts in there only: from outside it would be the host's ids. */
static int use_joined(struct judge *judge, struct sandbox *sandbox)
{
        const struct host_namespace *fact = &judge->host->namespaces[SPEC_NS_USER];
        const char *path = sandbox->spec.linux_.namespaces[SPEC_NS_USER].path;

        if (fact->error != 0) {
                judge_invalid(judge, "linux.namespaces: look at user namespace %s: %s", path, error_text(fact->error));
                return 0;
        }
        if (judge->failure == 0 && (fact->n_uid_map == 0 || fact->n_gid_map == 0)) {
                judge_invalid(judge,
                              "linux.namespaces: user namespace %s maps no ids yet; write its uid_map and gid_map",
                              path);
                return 0;
        }
        for (size_t i = 0; i < fact->n_uid_map; i++)
                judge_line(judge, "linux.namespaces (user)", &fact->uid_map[i],
                           fact->uid_map_ids != NULL ? &fact->uid_map_ids[i] : NULL);
        for (size_t i = 0; i < fact->n_gid_map; i++)
                judge_line(judge, "linux.namespaces (user)", &fact->gid_map[i],
                           fact->gid_map_ids != NULL ? &fact->gid_map_ids[i] : NULL);
        if (judge->asked->linux_.n_uid_map > 0 || judge->asked->linux_.n_gid_map > 0)
                judge_record(judge, "ids", "linux.uidMappings", "a mapping of its own", "the joined namespace's");
        /* A plain user's pipeline runs in a namespace of the caller's ids, which is not entered yet: all of them are
         * the caller's, and which of them is what is left to say. */
        if (judge->host->privilege == HOST_PLAIN_USER)
                return use_identity(judge, sandbox, fact->uid_map, fact->n_uid_map, fact->gid_map, fact->n_gid_map);
        sandbox->ids = SANDBOX_IDS_ENGINE;
        sandbox->uid_map = fact->uid_map;
        sandbox->n_uid_map = fact->n_uid_map;
        sandbox->gid_map = fact->gid_map;
        sandbox->n_gid_map = fact->n_gid_map;
        return 0;
}

static int use_engine_map(struct judge *judge, struct sandbox *sandbox)
{
        const struct spec_linux *linux_ = &judge->asked->linux_;
        const struct host *host = judge->host;

        if (linux_->n_uid_map == 0 || linux_->n_gid_map == 0) {
                judge_invalid(judge, "linux.%s is given and linux.%s is not; a user namespace needs both",
                              linux_->n_uid_map > 0 ? "uidMappings" : "gidMappings",
                              linux_->n_uid_map > 0 ? "gidMappings" : "uidMappings");
                return 0;
        }
        for (size_t i = 0; i < linux_->n_uid_map; i++)
                judge_line(judge, "linux.uidMappings", &linux_->uid_map[i],
                           host->uid_map_ids != NULL ? &host->uid_map_ids[i] : NULL);
        for (size_t i = 0; i < linux_->n_gid_map; i++)
                judge_line(judge, "linux.gidMappings", &linux_->gid_map[i],
                           host->gid_map_ids != NULL ? &host->gid_map_ids[i] : NULL);

        /* Its lines count from outside the namespace that is entered first, where the caller is 0 and its subordinate
         * ids follow: what is left to say there is which of them the build has. */
        if (host->privilege == HOST_PLAIN_USER)
                return use_identity(judge, sandbox, linux_->uid_map, linux_->n_uid_map, linux_->gid_map,
                                    linux_->n_gid_map);

        sandbox->ids = SANDBOX_IDS_ENGINE;
        sandbox->uid_map = linux_->uid_map;
        sandbox->n_uid_map = linux_->n_uid_map;
        sandbox->gid_map = linux_->gid_map;
        sandbox->n_gid_map = linux_->n_gid_map;
        return 0;
}

static void judge_id(struct judge *judge, const struct sandbox *sandbox, const char *property, bool is_group,
                     uint32_t id)
{
        const struct spec_id_map *map = is_group ? sandbox->gid_map : sandbox->uid_map;
        size_t n = is_group ? sandbox->n_gid_map : sandbox->n_uid_map;

        if (sandbox->ids == SANDBOX_IDS_LEASE) {
                if (id >= sandbox->ids_size)
                        judge_invalid(judge, "%s: %u lies beyond the %u ids that a build has; let the engine map ids "
                                      "(--userns=auto:size=...)", property, id, sandbox->ids_size);
                return;
        }
        if (n > 0 && !is_in_map(map, n, id))
                judge_invalid(judge, "%s: %u is not in the map of the build's user namespace", property, id);
}

static void judge_process_ids(struct judge *judge, const struct sandbox *sandbox)
{
        const struct spec_user *user = &judge->asked->process.user;

        if (!judge->asked->has_process)
                return;
        judge_id(judge, sandbox, "process.user.uid", false, user->uid);
        judge_id(judge, sandbox, "process.user.gid", true, user->gid);
        for (size_t i = 0; i < user->n_groups; i++)
                judge_id(judge, sandbox, "process.user.additionalGids", true, user->groups[i]);
}

/* Which pod it belongs to, as the engines of Kubernetes say it. */
static void judge_group(struct judge *judge, struct sandbox *sandbox)
{
        static const char *const keys[] = { "io.kubernetes.cri.sandbox-id", "io.kubernetes.cri-o.SandboxID" };

        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
                const char *value = spec_annotation(judge->asked, keys[i]);

                if (value == NULL || value[0] == '\0')
                        continue;
                if (sandbox->group_key != NULL && strcmp(sandbox->group_key, value) != 0)
                        judge_refuse(judge, "ids.group", "annotations", value, NULL,
                                     "the annotations name two pods, %s and %s; keep the one that is meant",
                                     sandbox->group_key, value);
                sandbox->group_key = value;
        }
}

int policy_userns_judge(struct judge *judge, struct sandbox *sandbox)
{
        const struct spec_linux *linux_ = &sandbox->spec.linux_;
        const struct host *host = judge->host;
        bool is_mapped = linux_->n_uid_map > 0 || linux_->n_gid_map > 0;
        int r = 0;

        sandbox->ids_size = judge->policy->ids_size;
        judge_group(judge, sandbox);
        if (linux_->namespaces[SPEC_NS_USER].path != NULL) {
                r = use_joined(judge, sandbox);
        } else if (is_mapped) {
                r = use_engine_map(judge, sandbox);
        } else if (host->privilege == HOST_REAL_ROOT) {
                sandbox->ids = SANDBOX_IDS_LEASE;
                judge_tighten(judge, "ids", "linux.uidMappings", "the host's ids",
                              arena_format(judge->arena, "a private range of %u", sandbox->ids_size));
        } else {
                bool is_known = host->privilege == HOST_ENGINE_ROOT;

                r = use_identity(judge, sandbox, host->own_uid_map, is_known ? host->n_own_uid_map : 0,
                                 host->own_gid_map, is_known ? host->n_own_gid_map : 0);
        }
        if (r < 0)
                return r;
        sandbox->ids_user = judge->policy->subid_user;
        if (sandbox->ids_user != NULL && sandbox->ids != SANDBOX_IDS_LEASE)
                judge_record(judge, "ids.subidUser", "linux.uidMappings",
                             arena_format(judge->arena, "a range of %s", sandbox->ids_user),
                             "not needed: the ids are the engine's, or the caller's");
        judge_process_ids(judge, sandbox);
        return 0;
}
