/* What is opened, mounted aside and compiled for a container while nothing of it runs. */
#include "runtime/launch_work.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hooks/hooks.h"
#include "runtime/base/auto.h"
#include "runtime/base/text.h"
#include "runtime/denials.h"
#include "runtime/listener.h"
#include "runtime/scope.h"

/* For who asks later whether they are still what the processes have (report.h). */
static int note_filter(struct launch_work *work, const struct seccomp_filter *filter, const char **ret_digest,
                       struct error *err)
{
        char digest[SECCOMP_DIGEST_SIZE];

        if (filter->code == NULL)
                return 0;
        seccomp_filter_digest(filter, digest);
        *ret_digest = arena_string(work->arena, digest);
        return *ret_digest == NULL ? error_errno(err, ENOMEM, "linux.seccomp") : 0;
}

static int prepare_filters(struct launch_work *work, struct error *err)
{
        const struct sandbox *sandbox = &work->plan->sandbox;
        const struct policy_seccomp_choice choice = {
                .base = sandbox->seccomp_base, .user_namespaces = sandbox->seccomp_user_namespaces,
                .setuid_files = sandbox->seccomp_setuid_files, .tcp_ports = sandbox->tcp_ports.is_limited,
        };
        struct process_ready *process = &work->ready.process;
        char cache[PATH_MAX];
        int r;

        if ((size_t)snprintf(cache, sizeof cache, "%s/seccomp", work->state.host_folder) >= sizeof cache)
                return error_errno(err, ENAMETOOLONG, "%s", work->state.host_folder);
        r = seccomp_prepare_build(&choice, cache, &process->filters[0], err);
        if (r == 0)
                r = seccomp_prepare_engine(&sandbox->spec.linux_.seccomp, cache, &process->filters[1], err);
        if (r == 0 && sandbox->seccomp_explain)
                r = denials_merge(&process->filters[0], &process->filters[1], err);
        /* For exec, which loads the very filters that init got. */
        if (r == 0)
                r = seccomp_filter_save(&process->filters[0], work->dir.fd, "seccomp-policy.bpf", err);
        if (r == 0 && process->filters[1].code != NULL)
                r = seccomp_filter_save(&process->filters[1], work->dir.fd, "seccomp-engine.bpf", err);
        if (r == 0)
                r = note_filter(work, &process->filters[0], &work->state.seccomp_digest, err);
        if (r == 0)
                r = note_filter(work, &process->filters[1], &work->state.seccomp_engine_digest, err);
        if (r == 0 && listener_is_wanted(&process->filters[1]) && !work->request->is_run)
                r = listener_bind(work->dir.fd, &process->listener_fd, err);
        return r;
}

static int prepare_fifo(struct launch_work *work, struct error *err)
{
        if (work->request->is_run)
                return 0;
        /* Writable for the build's root, which nobody on the host is: the folder above bars everybody else. */
        if (mkfifoat(work->dir.fd, "exec.fifo", 0622) < 0 || fchmodat(work->dir.fd, "exec.fifo", 0622, 0) < 0)
                return error_errno(err, errno, "make %s/%s/exec.fifo", work->dir.root, work->dir.id);
        work->ready.process.fifo_fd = openat(work->dir.fd, "exec.fifo", O_PATH | O_CLOEXEC | O_NOFOLLOW);
        if (work->ready.process.fifo_fd < 0)
                return error_errno(err, errno, "open %s/%s/exec.fifo", work->dir.root, work->dir.id);
        return 0;
}

/* The state for hooks that init runs. */
static int make_inner_state(struct launch_work *work, enum state_status status, const char **ret_text,
                            size_t *ret_length, struct error *err)
{
        auto_buffer struct text_buffer buffer = { 0 };
        struct state seen = work->state;
        const char *text;

        seen.init_pid = seen.has_own_pidns ? 1 : 0;     /* as the hook itself sees init */
        state_to_oci(&seen, status, true, &buffer);
        text = buffer.is_broken ? NULL : arena_string(work->arena, buffer.text);
        if (text == NULL)
                return error_errno(err, ENOMEM, "hooks");
        *ret_text = text;
        *ret_length = strlen(text);
        return 0;
}

static int prepare_inner_hooks(struct launch_work *work, struct error *err)
{
        struct process_plan *process = &work->plan->process;
        struct create_hooks_ready *create = &work->ready.create_hooks;
        int r = 0;

        create->fds = work->hook_fds[SPEC_HOOK_CREATE_CONTAINER];
        if (work->plan->spec->hooks[SPEC_HOOK_CREATE_CONTAINER].n > 0)
                r = make_inner_state(work, STATE_CREATING, &create->state, &create->state_length, err);
        if (r == 0 && process->start_hooks.n > 0)
                r = make_inner_state(work, STATE_CREATED, &process->hook_state, &process->hook_state_length, err);
        return r;
}

static void record_left_out(struct launch_work *work)
{
        const struct cgroups_ready *cgroups = &work->ready.cgroups;

        for (size_t i = 0; i < cgroups->n_left_out; i++)
                findings_add(&work->plan->findings, FINDING_RECORDED, "linux.resources", "limits", cgroups->left_out[i],
                             work->plan->cgroups.is_disabled && work->plan->cgroups.disabled_because == NULL ?
                                     "left out: --cgroup-manager disabled makes no cgroup for it" :
                                     "left out: this host has no controller for it");
        work->state.findings = work->plan->findings.first;
        work->state.n_findings = work->plan->findings.n;
}

static int prepare_shares(struct launch_work *work, struct error *err)
{
        const struct intelrdt_plan *plan = &work->plan->intelrdt;
        struct intelrdt_root root;
        int r;

        if (!plan->is_given)
                return 0;
        r = intelrdt_root_open(plan->root, &root, err);
        if (r < 0)
                return r;
        r = intelrdt_prepare(&root, plan, &work->rdt, err);
        auto_close_cleanup(&root.fd);
        /* It took back what it made; what else is there of that name is not ours. */
        if (r < 0)
                work->state.rdt_group = NULL;
        return r;
}

/* Policy judged a file: a name in /proc can lead to another one by now. */
static int prepare_hooks(struct launch_work *work, enum spec_hook_kind kind, struct error *err)
{
        const struct spec_hook_list *list = &work->plan->spec->hooks[kind];
        const struct host_hook *facts = work->plan->host.hooks[kind];
        int r = hooks_prepare(work->arena, list, kind, &work->hook_fds[kind], err);
        struct stat st;

        for (size_t i = 0; i < list->n && r == 0; i++)
                if (facts != NULL && facts[i].device != 0 &&
                    (fstat(work->hook_fds[kind][i], &st) < 0 || st.st_dev != facts[i].device ||
                     st.st_ino != facts[i].inode))
                        r = error_set(err, ESTALE, "hooks.%s[%zu].path: %s became another file while the container was "
                                      "made; try again", spec_hook_name(kind), i, list->hooks[i].path);
        return r;
}

int launch_prepare(struct launch_work *work, struct error *err)
{
        struct plan *plan = work->plan;
        struct launch_ready *ready = &work->ready;
        const struct spec *spec = plan->spec;
        /* Others live in a mount namespace that is joined, and would see it. */
        const bool has_shelf = plan->namespaces.paths[SPEC_NS_MOUNT] == NULL && strcmp(plan->rootfs, "/") != 0;
        const struct mounts_shelf shelf = { has_shelf ? work->dir.root_fd : UNSET_FD, plan->id, "config.json",
                                            plan->devices.is_bound };
        int r;

        r = restack_prepare(&plan->restack, work->userns_fd, plan->mounts.root_uid, plan->mounts.root_gid,
                            &ready->root_fd, err);
        if (r < 0)
                return r;
        /* Without a cgroup too: limits that somebody asked for are an error then. */
        r = cgroups_prepare(&plan->cgroups, plan->host.privilege != HOST_REAL_ROOT, &ready->cgroups, err);
        if (r < 0)
                return r;
        record_left_out(work);
        if (plan->systemd.unit != NULL)
                scope_has_to_move(plan->systemd.bus, plan->cgroups.paths, plan->cgroups.n_paths, plan->cgroups.is_v2,
                                  &ready->cgroups);
        if (!plan->cgroups.is_disabled) {
                r = cgroups_set_devices(&plan->cgroups, spec->linux_.resources.devices,
                                        spec->linux_.resources.n_devices, err);
                if (r < 0)
                        return r;
                if (ready->cgroups.was_there) {
                        /* Shared by several containers (buildah --cgroup-parent): not ours to remove. */
                        work->state.is_cgroup_shared = true;
                        r = launch_record(work, err);
                        if (r < 0)
                                return r;
                }
        }
        r = prepare_shares(work, err);
        if (r == 0)
                r = mounts_prepare(work->arena, &plan->mounts, work->userns_fd, &shelf, &ready->mounts, err);
        if (r == 0)
                r = devices_prepare(work->arena, &plan->devices, &ready->devices, err);
        if (r == 0)
                r = prepare_filters(work, err);
        if (r == 0 && plan->sandbox.egress_deny)
                r = egress_prepare(&plan->sandbox.egress, &ready->egress, err);
        for (enum spec_hook_kind kind = 0; kind < SPEC_HOOK_KINDS && r == 0; kind++)
                if (kind == SPEC_HOOK_PRESTART || kind == SPEC_HOOK_CREATE_RUNTIME ||
                    kind == SPEC_HOOK_CREATE_CONTAINER)
                        r = prepare_hooks(work, kind, err);
        if (r == 0)
                r = prepare_inner_hooks(work, err);
        if (r == 0)
                r = prepare_fifo(work, err);
        if (r < 0)
                return r;
        ready->process.self_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
        if (ready->process.self_fd < 0)
                return error_errno(err, errno, "open /proc/self/exe");
        return 0;
}
