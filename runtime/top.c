/* Each container is read by itself, so that one that is broken or just going takes none of the others along. */
#include "runtime/top.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/log.h"
#include "runtime/deadline.h"
#include "runtime/egress_control.h"
#include "runtime/leases.h"
#include "runtime/registry.h"
#include "runtime/stats_private.h"

#define PREFIX_LEAST 4u
#define NO_LIMIT (UINT64_MAX >> 2)      /* v1 shows the highest page count there is */

struct list {
        struct arena *arena;
        struct top_row *first, **last;
        const char *wanted;             /* only those whose id begins so; NULL: all */
};

static void read_cgroup(const struct state *state, struct arena *arena, struct top_row *row)
{
        auto_cgroup_set struct cgroup_set set = { 0 };
        struct stats stats = { 0 };

        if (state->n_cgroups == 0 || cgroup_set_open(state->cgroups, state->n_cgroups, &set, NULL) < 0 || set.n == 0 ||
            stats_read(state->cgroups, state->n_cgroups, state->is_cgroup2, arena, &stats, NULL) < 0)
                return;
        row->has_cpu = cgroup_set_find(&set, state->is_cgroup2 ? "cpu.stat" : "cpuacct.usage") != NULL;
        row->cpu_ns = stats.cpu.total_ns;
        row->has_memory = cgroup_set_find(&set, state->is_cgroup2 ? "memory.current" : "memory.usage_in_bytes") != NULL;
        row->memory_bytes = stats.memory.usage.usage;
        row->memory_limit = stats.memory.usage.limit >= NO_LIMIT ? 0 : stats.memory.usage.limit;
        row->has_pids = cgroup_set_find(&set, "pids.current") != NULL;
        row->pids = stats.pids.current;
        row->pids_limit = stats.pids.limit;
}

static void read_denied(const struct state_dir *dir, const struct state *state, struct arena *arena, struct top_row *row)
{
        auto_close int fd = UNSET_FD;
        struct egress_attempt *attempts;
        size_t n;

        if (!state->is_egress_counted || egress_open(dir, state, &fd, NULL) < 0 || egress_read(fd, arena, &attempts, &n, NULL) < 0)
                return;
        row->has_denied = true;
        for (size_t i = 0; i < n; i++)
                if (attempts[i].is_refused)
                        row->denied += attempts[i].packets;
}

static int add(struct list *list, const char *root, const char *id)
{
        auto_state_dir struct state_dir dir = { 0 };
        struct top_row *row;
        struct error err = { 0 };
        uint64_t now = deadline_now_ms();
        struct state state;
        int r;

        if (list->wanted != NULL && strcmp(id, list->wanted) != 0 &&
            (strlen(list->wanted) < PREFIX_LEAST || !text_starts_with(id, list->wanted)))
                return 0;
        for (row = list->first; row != NULL; row = row->next)
                if (strcmp(row->id, id) == 0 && strcmp(row->root, root) == 0)
                        return 0;
        r = state_open(root, id, true, &dir, &err);
        if (r == 0)
                r = state_read(&dir, list->arena, &state, &err);
        if (r < 0)
                log_debug("%s/%s: %s", root, id, err.text);
        /* Gone, or about to be made. */
        if (r == -ENOENT || r == -ENODATA)
                return 0;
        row = arena_new(list->arena, struct top_row);
        if (row == NULL)
                return -ENOMEM;
        if (r < 0) {
                *row = (struct top_row){ .root = arena_string(list->arena, root), .id = arena_string(list->arena, id),
                                         .profile = "", .status = STATE_STOPPED, .is_unreadable = true };
                if (row->root == NULL || row->id == NULL)
                        return -ENOMEM;
                *list->last = row;
                list->last = &row->next;
                return 0;
        }
        deadline_check(&dir, &state);
        *row = (struct top_row){
                .root = arena_string(list->arena, root), .id = arena_string(list->arena, id),
                .profile = state.profile == NULL ? "" : state.profile, .status = state_status(&state),
                .is_contained = state.contained != NULL, .has_deadline = state.deadline_ms != 0,
                .age_ms = now > state.created_ms ? now - state.created_ms : 0,
                .left_ms = (int64_t)state.deadline_ms - (int64_t)now,
        };
        if (row->root == NULL || row->id == NULL)
                return -ENOMEM;
        if (row->status != STATE_STOPPED)
                read_cgroup(&state, list->arena, row);
        read_denied(&dir, &state, list->arena, row);
        *list->last = row;
        list->last = &row->next;
        return 0;
}

static int add_listed(struct list *list, const char *folder, const char *name, struct error *err)
{
        struct registry_entry *entries;
        size_t n;
        int r = registry_read(folder, name, "", list->arena, &entries, &n, err);

        for (size_t i = 0; i < n && r == 0; i++)
                r = add(list, entries[i].root, entries[i].id);
        return r;
}

static int add_all(struct list *list, struct error *err)
{
        struct lease_holder *holders;
        char folder[PATH_MAX];
        unsigned n_freed;
        size_t n;
        int r = leases_folder(folder, sizeof folder, err);

        if (r == 0)
                r = leases_sweep(list->arena, &holders, &n, &n_freed, err);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = add(list, holders[i].root, holders[i].id);
        if (r == 0)
                r = add_listed(list, folder, REGISTRY_DEADLINES, err);
        if (r == 0)
                r = add_listed(list, folder, REGISTRY_SLOTS, err);
        return r;
}

static int find_all(const char *id, struct arena *arena, struct top_row **ret_rows, struct error *err)
{
        struct list list = { .arena = arena, .wanted = id };
        int r;

        list.last = &list.first;
        r = add_all(&list, err);
        *ret_rows = list.first;
        return r;
}

int top_find(const char *id, struct arena *arena, const char **ret_root, const char **ret_id, struct error *err)
{
        const struct top_row *found = NULL;
        struct top_row *rows;
        int r = find_all(id, arena, &rows, err);

        if (r < 0)
                return r;
        for (const struct top_row *row = rows; row != NULL; row = row->next) {
                if (found != NULL)
                        return error_set(err, ENOTUNIQ, "%s is %s of %s, and %s of %s: say which, with --root", id, found->id,
                                         found->root, row->id, row->root);
                found = row;
        }
        if (found == NULL)
                return error_set(err, ENOENT, "container does not exist");
        *ret_root = found->root;
        *ret_id = found->id;
        return 0;
}

int top_read(const char *root, bool is_all, struct arena *arena, struct top_row **ret_rows, struct error *err)
{
        struct list list = { .arena = arena };
        char *absolute = realpath(root, NULL);
        const char *const *ids;
        size_t n;
        int r;

        list.last = &list.first;
        r = state_list(root, arena, &ids, &n, err);
        /* As leases and the like name it, so that none is told twice. */
        for (size_t i = 0; r == 0 && i < n; i++)
                r = add(&list, absolute == NULL ? root : absolute, ids[i]);
        free(absolute);
        if (r == 0 && is_all)
                r = add_all(&list, err);
        if (r == -ENOMEM)
                return error_errno(err, r, "top");
        if (r < 0)
                return r;
        *ret_rows = list.first;
        return 0;
}

const char *top_status_name(const struct top_row *row)
{
        return row->is_unreadable ? "unreadable" : row->is_contained ? "contained" : state_status_name(row->status);
}

void top_to_json(const struct top_row *rows, struct text_buffer *out)
{
        char now[40];

        text_time_now(now, sizeof now);
        text_add(out, "{");
        text_add_member(out, "time", now);
        text_add_list(out, "containers");
        for (const struct top_row *row = rows; row != NULL; row = row->next) {
                text_add_object(out, NULL);
                text_add_member(out, "root", row->root);
                text_add_member(out, "id", row->id);
                text_add_member(out, "profile", row->profile);
                text_add_member(out, "status", row->is_unreadable ? top_status_name(row) : state_status_name(row->status));
                if (row->is_contained) {
                        text_add_flag(out, "contained", true);
                }
                text_add_number(out, "ageMs", row->age_ms);
                if (row->has_deadline) {
                        text_add_key(out, "leftMs");
                        text_addf(out, "%" PRId64, row->left_ms);
                }
                if (row->has_cpu)
                        text_add_number(out, "cpuNs", row->cpu_ns);
                if (row->has_memory)
                        text_add_number(out, "memoryBytes", row->memory_bytes);
                if (row->memory_limit != 0)
                        text_add_number(out, "memoryLimit", row->memory_limit);
                if (row->has_pids)
                        text_add_number(out, "pids", row->pids);
                if (row->pids_limit != 0)
                        text_add_number(out, "pidsLimit", row->pids_limit);
                if (row->has_denied)
                        text_add_number(out, "denied", row->denied);
                text_add(out, "}");
        }
        text_add(out, "]}\n");
}
