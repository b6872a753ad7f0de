/* Goes by the lists of the host's folder: containers with a deadline, containers that are counted, leases. An id whose range
 * is freed was looked at twice: nothing of the container lives by its record, which is locked meanwhile, and no process on
 * the host has an id of the range. */
#include "runtime/reap.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "runtime/base/auto.h"
#include "runtime/base/text.h"
#include "runtime/concurrent.h"
#include "runtime/deadline.h"
#include "runtime/leases.h"
#include "runtime/registry.h"
#include "runtime/state.h"

struct reaper {
        char folder[PATH_MAX];
        struct arena *arena;
        void (*say)(const char *line, void *context);
        void *context;
        struct error *err;
        int first;
};

static void say(struct reaper *reaper, const char *root, const char *id, const char *what)
{
        const char *line = arena_format(reaper->arena, "%s/%s: %s", root, id, what);

        if (line != NULL)
                reaper->say(line, reaper->context);
}

static void fail(struct reaper *reaper, int r, const struct error *err)
{
        if (reaper->first < 0)
                return;
        reaper->first = r;
        *reaper->err = *err;
}

/* Returns 1 where there is such a container, 0 where there is none (any more). */
static int open_one(struct reaper *reaper, const char *root, const char *id, bool is_shared, struct arena *arena,
                    struct state_dir *ret_dir, struct state *ret_state)
{
        struct error err = { 0 };
        int r = state_open(root, id, is_shared, ret_dir, &err);

        if (r == 0)
                r = state_read(ret_dir, arena, ret_state, &err);
        if (r == -ENOENT || r == -ENODATA)
                return 0;
        if (r < 0) {
                error_context(&err, "%s/%s", root, id);
                fail(reaper, r, &err);
        }
        return r < 0 ? r : 1;
}

/* As open_one(): it may be created anew by the same name meanwhile, which puts it on the list before init may go on. */
static int strike_off(struct reaper *reaper, const struct registry_entry *entry, struct arena *arena,
                      struct state_dir *ret_dir, struct state *ret_state)
{
        struct error err = { 0 };
        int r, added;

        registry_drop(reaper->folder, REGISTRY_DEADLINES, entry->name);
        r = open_one(reaper, entry->root, entry->id, true, arena, ret_dir, ret_state);
        if (r <= 0 || ret_state->deadline_ms == 0)
                return r < 0 ? r : 0;
        added = registry_add(reaper->folder, REGISTRY_DEADLINES, "", entry->root, entry->id, &err);
        if (added < 0)
                fail(reaper, added, &err);
        return 1;
}

static void end_overdue(struct reaper *reaper)
{
        struct registry_entry *entries;
        struct error err = { 0 };
        size_t n;
        int r = registry_read(reaper->folder, REGISTRY_DEADLINES, "", reaper->arena, &entries, &n, &err);

        if (r < 0)
                fail(reaper, r, &err);
        for (size_t i = 0; i < n; i++) {
                auto_arena struct arena arena = { 0 };
                auto_state_dir struct state_dir dir = { 0 };
                struct state state;

                r = open_one(reaper, entries[i].root, entries[i].id, true, &arena, &dir, &state);
                if (r == 0)
                        r = strike_off(reaper, &entries[i], &arena, &dir, &state);
                if (r <= 0)
                        continue;
                r = deadline_reap(&dir, &state);
                if (r == 1)
                        say(reaper, dir.root, dir.id, "its deadline had passed; it is ended");
                else if (r == 2)
                        say(reaper, dir.root, dir.id, "nothing watched its deadline any more; there is a new guard");
        }
}

static void free_ids(struct reaper *reaper)
{
        struct lease_holder *holders = NULL;
        struct error err = { 0 };
        unsigned n_freed = 0;
        size_t n = 0;
        int r = leases_sweep(reaper->arena, &holders, &n, &n_freed, &err);

        if (r < 0)
                fail(reaper, r, &err);
        if (n_freed > 0)
                reaper->say(arena_format(reaper->arena, "%u range%s of ids of containers that are gone: free", n_freed,
                                         n_freed == 1 ? "" : "s"), reaper->context);
        for (size_t i = 0; i < n; i++) {
                auto_arena struct arena arena = { 0 };
                auto_state_dir struct state_dir dir = { 0 };
                struct state state;

                /* First as a reader: the lock of one that is at work may be held for long. */
                if (open_one(reaper, holders[i].root, holders[i].id, true, &arena, &dir, &state) <= 0 ||
                    state_status(&state) != STATE_STOPPED || lease_is_populated(holders[i].base, holders[i].size))
                        continue;
                r = state_lock(&dir, &err);
                if (r == 0 && state_read(&dir, &arena, &state, NULL) == 0 && state_status(&state) == STATE_STOPPED &&
                    !lease_is_populated(holders[i].base, holders[i].size)) {
                        r = leases_free(dir.root, dir.id, &err);
                        if (r == 0)
                                say(reaper, dir.root, dir.id, "has ended; its ids are free");
                }
                if (r < 0 && r != -ENOENT)
                        fail(reaper, r, &err);
        }
}

int reap_all(struct arena *arena, void (*say_line)(const char *line, void *context), void *context, struct error *err)
{
        struct reaper reaper = { .arena = arena, .say = say_line, .context = context, .err = err };
        struct error more = { 0 };
        int r = leases_folder(reaper.folder, sizeof reaper.folder, err);

        if (r < 0)
                return r;
        end_overdue(&reaper);
        r = concurrent_sweep(reaper.folder, &more);
        if (r < 0)
                fail(&reaper, r, &more);
        free_ids(&reaper);
        return reaper.first;
}
