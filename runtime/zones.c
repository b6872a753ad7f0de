/* The owner is found by the inode: of each container's init, what /proc/PID/ns says. Where an engine of Kubernetes says which
 * container the pod's sandbox is, that one is looked at first, and it is the one; else those of the caller's state folder,
 * then those that the lists of the host's folder name. Records are read without their locks, as each is replaced whole.
 *
 * A network namespace is not looked for so, since engines name one for most of their containers: the lists of leases know it
 * by its inode, and the containers that share it are looked at first for the other namespaces, too.
 *
 * A namespace in which none of our containers lives is the engine's own or another program's: it is nobody's zone. Network
 * namespaces are looked at by the egress rules that are in them, too (egress_take.c), so that two creations at once cannot
 * both find one empty. */
#include "runtime/zones.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/leases.h"
#include "runtime/registry.h"
#include "runtime/state.h"

struct search {
        struct arena *arena;
        struct host *host;
        bool is_wanted[SPEC_NS_KINDS];
        size_t n_wanted;
};

static const char *const files[SPEC_NS_KINDS] = {
        [SPEC_NS_USER] = "user", [SPEC_NS_MOUNT] = "mnt", [SPEC_NS_PID] = "pid",       [SPEC_NS_NET] = "net",
        [SPEC_NS_IPC] = "ipc",   [SPEC_NS_UTS] = "uts",   [SPEC_NS_CGROUP] = "cgroup", [SPEC_NS_TIME] = "time",
};

static bool lives_in(const struct state *state, enum spec_ns kind, uint64_t inode)
{
        char path[64];
        struct stat st;

        /* Its init may be in one of its own by now. */
        if (kind == SPEC_NS_USER && state->userns_inode == inode)
                return true;
        /* Nor does init's own tell that all others have left, nor that of a process's first thread that the rest have. */
        if (kind == SPEC_NS_NET && state->netns_inode == inode)
                return true;
        snprintf(path, sizeof path, "/proc/%d/ns/%s", state->init_pid, files[kind]);
        return stat(path, &st) == 0 && st.st_ino == inode;
}

static int look_at(struct search *search, const char *root, const char *id)
{
        auto_arena struct arena arena = { 0 };
        auto_state_dir struct state_dir dir = { 0 };
        auto_close int pidfd = UNSET_FD;
        struct state state;

        /* One that cannot be read is being made or removed, or is no container. */
        if (state_open(root, id, true, &dir, NULL) < 0 || state_read(&dir, &arena, &state, NULL) < 0 ||
            state.profile == NULL || state_open_init(&state, &pidfd) < 0)
                return 0;
        for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS; kind++) {
                struct host_namespace *fact = &search->host->namespaces[kind];

                if (!search->is_wanted[kind] || !lives_in(&state, kind, fact->inode))
                        continue;
                fact->container = arena_string(search->arena, id);
                fact->profile = arena_string(search->arena, state.profile);
                if (fact->container == NULL || fact->profile == NULL)
                        return -ENOMEM;
                search->is_wanted[kind] = false;
                search->n_wanted--;
        }
        return 0;
}

/* Of the caller's engine. */
static int look_at_root(struct search *search, const char *root)
{
        const char *const *ids;
        size_t n;
        int r = 0;

        if (state_list(root, search->arena, &ids, &n, NULL) < 0)
                return 0;
        for (size_t i = 0; i < n && r == 0 && search->n_wanted > 0; i++)
                r = look_at(search, root, ids[i]);
        return r;
}

/* Of others: who has a range of ids, is counted or has a deadline. */
static int look_at_host(struct search *search, struct error *err)
{
        static const char *const lists[] = { REGISTRY_SLOTS, REGISTRY_DEADLINES };
        struct lease_holder *holders;
        struct registry_entry *entries;
        const char *folder;
        size_t n;
        int r = state_runtime_folder(search->arena, &folder, err);

        if (r == 0)
                r = leases_list(folder, search->arena, &holders, &n, err);
        for (size_t i = 0; r == 0 && i < n && search->n_wanted > 0; i++)
                r = look_at(search, holders[i].root, holders[i].id);
        for (size_t list = 0; list < 2 && r == 0 && search->n_wanted > 0; list++) {
                r = registry_read(folder, lists[list], "", search->arena, &entries, &n, err);
                for (size_t i = 0; r == 0 && i < n && search->n_wanted > 0; i++)
                        r = look_at(search, entries[i].root, entries[i].id);
        }
        return r;
}

/* Containers without a range of ours (the engine mapped their ids) are not in the lists: theirs is known by its egress rules. */
static int look_at_network(struct search *search, struct error *err)
{
        struct lease_holder *holders;
        const char *folder;
        size_t n;
        int r = state_runtime_folder(search->arena, &folder, err);

        if (r == 0)
                r = leases_list_network(folder, search->host->namespaces[SPEC_NS_NET].inode, search->arena, &holders, &n, err);
        for (size_t i = 0; r == 0 && i < n && search->n_wanted > 0; i++)
                r = look_at(search, holders[i].root, holders[i].id);
        if (search->is_wanted[SPEC_NS_NET]) {
                search->is_wanted[SPEC_NS_NET] = false;
                search->n_wanted--;
        }
        return r;
}

int zones_gather(const char *root, const struct spec *spec, struct arena *arena, struct host *host, struct error *err)
{
        static const char *const keys[] = { "io.kubernetes.cri.sandbox-id", "io.kubernetes.cri-o.SandboxID" };
        struct search search = { .arena = arena, .host = host };
        int r = 0;

        for (enum spec_ns kind = 0; kind < SPEC_NS_KINDS; kind++) {
                const struct host_namespace *fact = &host->namespaces[kind];

                search.is_wanted[kind] = spec->linux_.namespaces[kind].path != NULL && fact->error == 0 &&
                                         fact->is_right_type && !fact->is_host;
                search.n_wanted += search.is_wanted[kind];
        }
        for (size_t i = 0; i < 2 && r == 0 && search.n_wanted > 0; i++) {
                const char *sandbox = spec_annotation(spec, keys[i]);

                if (sandbox != NULL)
                        r = look_at(&search, root, sandbox);
        }
        if (r == 0 && search.is_wanted[SPEC_NS_NET])
                r = look_at_network(&search, err);
        if (r == 0 && search.n_wanted > 0)
                r = look_at_root(&search, root);
        if (r == 0 && search.n_wanted > 0)
                r = look_at_host(&search, err);
        return r == -ENOMEM ? error_errno(err, r, "looking whose the namespaces are") : r;
}
