/* The end of a container, in an order that can be begun anew at any point.
 *
 * Processes first, and nothing else before they are gone: their ids may go to another build only afterwards. Init is
 * waited for by its pidfd; as the first process of a pid namespace it ends last (pid_namespaces(7)). Then the cgroups,
 * which tell of processes that were not in that namespace; then what lies on disk; the record last, since it is what
 * names all the rest. */
#include "runtime/delete.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "hooks/hooks.h"
#include "oci-spec/spec.h"
#include "runtime/audit.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"
#include "runtime/cgroups.h"
#include "runtime/concurrent.h"
#include "runtime/contain.h"
#include "runtime/deadline.h"
#include "runtime/denials.h"
#include "runtime/egress_control.h"
#include "runtime/egress_who.h"
#include "runtime/ending.h"
#include "runtime/evidence.h"
#include "runtime/host.h"
#include "runtime/intelrdt.h"
#include "runtime/leases.h"
#include "runtime/policy.h"
#include "runtime/restack.h"
#include "runtime/systemd.h"

/* A process that does not end within this after SIGKILL hangs in the kernel. */
#define PATIENCE_MS 30000

static int kill_init(int pidfd, const struct state *state, struct error *err)
{
        if (sys_pidfd_send_signal(pidfd, SIGKILL) < 0 && errno != ESRCH)
                return error_errno(err, errno, "kill container init (process %d)", state->init_pid);
        return 0;
}

/* What shares its cgroup with others must not take them along, the keeper of its numbers neither; there the pid namespace
 * ends with init. */
static int kill_others(const struct state *state, struct error *err)
{
        if (state->n_cgroups == 0)
                return 0;
        if (!state->is_cgroup_shared && !state->is_usage_kept)
                return cgroups_kill(state->cgroups, state->n_cgroups, state->is_cgroup2, SIGKILL, err);
        /* cgroup v1: a frozen process ends only when it is thawed. */
        if (cgroups_is_frozen(state->cgroups, state->n_cgroups, state->is_cgroup2) == 1)
                return cgroups_freeze(state->cgroups, state->n_cgroups, state->is_cgroup2, false, err);
        return 0;
}

int delete_kill(const struct state *state, struct error *err)
{
        auto_close int pidfd = UNSET_FD;
        struct error more;
        int r = 0, other;

        if (state_open_init(state, &pidfd) == 0)
                r = kill_init(pidfd, state, err);
        other = kill_others(state, r == 0 ? err : &more);
        return r < 0 ? r : other;
}

static int wait_for_end(int pidfd, const struct state *state, struct error *err)
{
        struct pollfd event = { .fd = pidfd, .events = POLLIN };
        struct timespec now;
        int64_t end, left;
        int r;

        clock_gettime(CLOCK_MONOTONIC, &now);
        end = now.tv_sec * 1000 + now.tv_nsec / 1000000 + PATIENCE_MS;
        for (;;) {
                clock_gettime(CLOCK_MONOTONIC, &now);
                left = end - (now.tv_sec * 1000 + now.tv_nsec / 1000000);
                r = poll(&event, 1, left > 0 ? (int)left : 0);
                if (r > 0)
                        return 0;
                if (r < 0 && errno != EINTR)
                        return error_errno(err, errno, "wait for container init");
                if (r == 0)
                        return error_set(err, EBUSY,
                                         "container init (process %d) does not end, %d seconds after SIGKILL",
                                         state->init_pid, PATIENCE_MS / 1000);
        }
}

/* Returns when init has ended, and with it its pid namespace. */
static int end_init(const struct state *state, struct error *err)
{
        auto_close int pidfd = UNSET_FD;
        int r;

        if (state_open_init(state, &pidfd) == 0) {
                r = kill_init(pidfd, state, err);
                if (r == 0)
                        r = kill_others(state, err);
                if (r == 0)
                        r = wait_for_end(pidfd, state, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Returns when no process of the container is left, and its cgroups neither. */
static int end_cgroups(const struct state *state, struct error *err)
{
        int r;

        /* systemd removes the folder that it made; what is left are those of controllers that it does not know. */
        if (state->systemd_unit != NULL) {
                r = systemd_stop(state->systemd_bus, state->systemd_unit, state->systemd_description, err);

                if (r < 0)
                        return r;
        }
        if (state->n_cgroups == 0)
                return 0;
        r = cgroups_remove(state->cgroups, state->n_cgroups, state->is_cgroup2, err);
        if (r == 0 && state->is_cgroup_grouped)
                cgroups_remove_groups(state->cgroups, state->n_cgroups);
        return r;
}

/* create has judged what their names led to then. Those that lead to something else by now are left out. */
static int open_poststop(struct arena *arena, struct spec_hook_list *list, int **ret_fds, struct error *err)
{
        struct spec_hook *hooks = arena_array(arena, list->n, sizeof *hooks);
        int *fds = arena_array(arena, list->n, sizeof *fds);

        if (hooks == NULL || fds == NULL)
                return error_errno(err, ENOMEM, "poststop hooks");
        for (size_t i = 0; i < list->n; i++) {
                hooks[i] = list->hooks[i];
                fds[i] = open(hooks[i].path, O_PATH | O_CLOEXEC);
                if (fds[i] >= 0 && host_is_root_only_file(arena, fds[i]))
                        continue;
                if (fds[i] < 0)
                        log_warning("poststop hook #%zu: open %s: %s; the other hooks go on", i, hooks[i].path,
                                    error_text(errno));
                else
                        log_warning("poststop hook #%zu: %s can be written by others than root by now, or lies in "
                                    "another mount namespace, and is not run; the other hooks go on", i, hooks[i].path);
                auto_close_cleanup(&fds[i]);
                hooks[i].path = NULL;
        }
        list->hooks = hooks;
        *ret_fds = fds;
        return 0;
}

/* config.json as it was at create. Most containers have no poststop hook, and then it is not parsed: the member's name
 * is in the text as it is, or as an escape. */
static int run_poststop(const struct state_dir *dir, const struct state *state, struct error *err)
{
        auto_arena struct arena arena = { 0 };
        auto_buffer struct text_buffer json = { 0 };
        auto_free char *text = NULL;
        struct spec spec;
        int *fds = NULL, r;
        size_t length;

        r = fd_read_file(dir->fd, "config.json", SPEC_CONFIG_LIMIT_BYTES, &text, &length);
        if (r == -ENOENT)
                return 0;       /* killed before it was written: no hook of its has run */
        if (r < 0)
                return error_errno(err, r, "read %s/%s/config.json", dir->root, dir->id);
        if (strstr(text, "poststop") == NULL && strstr(text, "\\u") == NULL)
                return 0;
        r = spec_read(&arena, text, length, "config.json", &spec, err);
        if (r < 0)
                return r;
        if (spec.hooks[SPEC_HOOK_POSTSTOP].n == 0)
                return 0;
        state_to_oci(state, STATE_STOPPED, true, &json);
        if (json.is_broken)
                return error_errno(err, ENOMEM, "poststop hooks");
        r = open_poststop(&arena, &spec.hooks[SPEC_HOOK_POSTSTOP], &fds, err);
        if (r == 0)
                r = hooks_run(&spec.hooks[SPEC_HOOK_POSTSTOP], SPEC_HOOK_POSTSTOP, fds, json.text, false, err);
        hooks_close(fds, spec.hooks[SPEC_HOOK_POSTSTOP].n);
        return r;
}

/* Once no process is left. Unmounted meanwhile: the groups went with it. */
static int undo_shares(const struct state *state, struct error *err)
{
        struct intelrdt_root root;
        int r;

        if (state->rdt_root == NULL || state->rdt_group == NULL || intelrdt_root_open(state->rdt_root, &root, err) < 0)
                return 0;
        r = intelrdt_undo(&root, state->rdt_group, state->is_rdt_private, state->is_rdt_monitored ? state->id : NULL, err);
        close(root.fd);
        return r;
}

/* Before the record goes, which names who wants to know. */
static void tell_denials(const struct state_dir *dir, const struct state *state)
{
        auto_arena struct arena arena = { 0 };
        struct findings findings = { .arena = &arena };
        const struct audit_record record = { .event = "denials", .id = dir->id, .findings = &findings, .is_closing = true };
        struct denials denials;
        struct error err = { 0 };

        /* Whoever deletes cannot be refused for that. */
        denials_wait(dir->fd);
        if (denials_read(dir->fd, &arena, &denials, &err) < 0) {
                log_warning("what was refused to %s: %s", dir->id, err.text);
                return;
        }
        denials_to_findings(&denials, state->profile, &findings);
        if (findings.n > 0)
                audit_write_state(state, &record, &err);
        if (err.code != 0)
                log_warning("%s", err.text);
}

/* The counters end with the network namespace, which the socket keeps. */
static int open_counters(const struct state_dir *dir, const struct state *state)
{
        struct error why = { 0 };
        int fd = UNSET_FD;

        if (state->is_egress_counted && state->is_created && state->policy_digest != NULL && egress_open(dir, state, &fd, &why) < 0)
                log_debug("%s", why.text);
        return fd;
}

static void record_counters(int fd, int who_fd, const struct state_dir *dir, const struct state *state)
{
        auto_arena struct arena arena = { 0 };
        const struct egress_end end = { .fd = fd, .who_fd = who_fd };
        struct error why = { 0 };
        struct policy policy;

        if (fd >= 0 && (policy_kept(dir, state, &arena, &policy, &why) < 0 ||
                        egress_record(&end, &policy, dir, state, &arena, &why) < 0))
                log_warning("%s", why.text);
}

int delete_undo(struct state_dir *dir, const struct state *state, struct audit_record *first_record, struct error *err)
{
        auto_close int counters = open_counters(dir, state), who = counters < 0 ? UNSET_FD : egress_who_open(dir, state);
        struct ending ending;
        struct error more = { 0 };
        int r, first = 0;

        r = end_init(state, err);
        if (r < 0)
                return r;
        ending_read(dir, state, &ending);
        r = end_cgroups(state, err);
        if (r < 0)
                return r;
        record_counters(counters, who, dir, state);
        auto_close_cleanup(&counters);
        /* While its network namespace and its files are there. */
        if (state->has_evidence && state->is_created)
                evidence_keep(dir, state);
        if (state->is_egress_counted) {
                r = egress_unpin(dir, err);
                if (r < 0)
                        return r;
                egress_who_undo(dir);
        }
        log_debug("%s: no process is left, its cgroup is gone", dir->id);
        if (state->is_explained && state->audit_path != NULL)
                tell_denials(dir, state);
        /* The engine shows what it likes by now, perhaps nothing: no reason to keep the container. */
        if (state->is_restacked && restack_refresh(state->rootfs, state->rootfs_device, &more) < 0)
                log_warning("refresh the engine's view of %s: %s", state->rootfs, more.text);
        if (state->overlay_work != NULL)
                first = restack_undo(state->overlay_work, err);
        r = undo_shares(state, first == 0 ? err : &more);
        if (r < 0 && first == 0)
                first = r;
        r = leases_free(dir->root, dir->id, first == 0 ? err : &more);
        if (r < 0 && first == 0)
                first = r;
        r = deadline_undo(dir, state, first == 0 ? err : &more);
        if (r < 0 && first == 0)
                first = r;
        r = concurrent_free(dir, state, first == 0 ? err : &more);
        if (r < 0 && first == 0)
                first = r;
        if (first < 0)
                return first;
        log_debug("%s: its ids are free again", dir->id);
        /* runtime-spec, runtime.md "Lifecycle": after the container is destroyed, errors are warnings. */
        if (run_poststop(dir, state, &more) < 0)
                log_warning("poststop hooks of %s: %s", dir->id, more.text);
        first = ending_audit(state, &ending, first_record, err);
        r = state_remove(dir, first == 0 ? err : &more);
        return first < 0 ? first : r;
}

/* A folder whose creator was killed before it wrote a record, hence before it made anything but a lease's link; or one that
 * somebody has removed by rm -r but for the mount in it, which rm cannot take (EBUSY). */
static int undo_without_record(struct state_dir *dir, struct error *err)
{
        bool was_more = egress_is_pinned(dir);
        int r = egress_unpin(dir, err);

        if (r == 0)
                r = leases_free(dir->root, dir->id, err);
        if (r == 0)
                r = state_remove(dir, err);
        if (r == 0 && was_more)
                log_warning_to_caller("%s had no record any more: somebody removed it by hand. Processes of it that may be left, "
                                      "and their cgroup, are not known and not ended", dir->id);
        return r;
}

static int delete_locked(struct state_dir *dir, bool is_forced, bool gives_up, struct arena *arena, struct error *err)
{
        struct state state;
        enum state_status status;
        int r;

        r = state_read(dir, arena, &state, err);
        if (r == -ENODATA)
                return undo_without_record(dir, err);
        if (r < 0)
                return r;
        /* By force, too: engines remove everything so. */
        if (state.contained != NULL && !gives_up)
                return contain_refuse(&state, "delete", err);
        deadline_check(dir, &state);
        status = state_status(&state);
        /* `created` goes as in runc, though the specification asks for `stopped`. */
        if (!is_forced && status != STATE_STOPPED && status != STATE_CREATED)
                return error_set(err, EBUSY, "cannot delete container %s that is not stopped: %s", dir->id,
                                 state_status_name(status));
        if (state.contained != NULL)
                contain_undo(dir, &state);
        return delete_undo(dir, &state, NULL, err);
}

int delete_container(const char *root, const char *id, bool is_forced, bool gives_up, struct arena *arena, struct error *err)
{
        auto_state_dir struct state_dir dir = { 0 };
        struct state state;
        int r;

        r = state_open(root, id, true, &dir, err);
        /* Whoever holds the lock may be waiting for the container: a create, a start, an exec. */
        if (r == 0 && is_forced && state_read(&dir, arena, &state, NULL) == 0 && state_status(&state) != STATE_STOPPED &&
            (gives_up || (state.contained == NULL && !contain_is_marked(&dir))))
                delete_kill(&state, NULL);
        if (r == 0)
                r = state_lock(&dir, err);
        if (r == 0)
                r = delete_locked(&dir, is_forced, gives_up, arena, err);
        /* Engines delete by force what was never created, and twice. */
        return r == -ENOENT && is_forced ? 0 : r;
}
