/* systemd makes the cgroup and says where it is, so the plan gets its folders only now: after the record that names the
 * unit, and before anything that needs them. */
#include "runtime/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/state.h"

#define DEVICES_LIMIT_BYTES ((size_t)1 << 20)

static int write_properties(const struct plan *plan, struct text_buffer *lines, struct error *err)
{
        const struct spec_resources *resources = &plan->spec->linux_.resources;
        auto_free char *majors = NULL;
        int r;

        systemd_properties_add_always(&plan->systemd, lines);
        r = systemd_properties_add(resources, plan->cgroups.is_v2, SYSTEMD_START, lines, err);
        if (r == 0 && !plan->cgroups.is_v2) {
                r = fd_read_file(AT_FDCWD, "/proc/devices", DEVICES_LIMIT_BYTES, &majors, NULL);
                if (r < 0)
                        return error_errno(err, r, "read /proc/devices");
                r = systemd_properties_add_devices(resources->devices, resources->n_devices, majors, lines, err);
        }
        for (size_t i = 0; i < plan->systemd.n_annotations && r == 0; i++)
                r = systemd_properties_add_annotation(plan->systemd.annotations[i].key, plan->systemd.annotations[i].value,
                                                      lines, err);
        if (r == 0 && lines->is_broken)
                return error_errno(err, ENOMEM, "unit \"%s\"", plan->systemd.unit);
        return r;
}

int scope_begin(struct plan *plan, struct arena *arena, struct systemd_scope *ret_scope, struct error *err)
{
        const struct spec_resources *demanded = plan->cgroups.demanded;
        auto_buffer struct text_buffer lines = { 0 };
        const char *cgroup;
        int r = write_properties(plan, &lines, err);

        if (r == 0)
                r = systemd_begin(&plan->systemd, &lines, arena, ret_scope, &cgroup, err);
        if (r == 0)
                r = cgroups_plan(cgroup, plan->id, &plan->spec->linux_.resources, plan->host.privilege != HOST_REAL_ROOT, arena,
                                 &plan->cgroups, err);
        if (r < 0)
                return r;
        plan->cgroups.demanded = demanded;
        plan->cgroups.is_given = true;
        if (plan->cgroups.is_disabled)
                return error_set(err, EACCES, "unit \"%s\": %s cannot be written: systemd has not delegated it",
                                 plan->systemd.unit, plan->cgroups.disabled_because);
        return 0;
}

bool scope_has_to_move(const char *bus, const char *const *paths, size_t n_paths, bool is_v2, struct cgroups_ready *ready)
{
        if (strcmp(bus, SYSTEMD_SYSTEM_BUS) == 0 || !is_v2 || n_paths != 1 || cgroups_can_enter(paths[0]))
                return false;
        auto_close_cleanup(&ready->v2_fd);
        ready->is_moved_in = true;
        return true;
}

int scope_complete(const struct plan *plan, struct systemd_scope *scope, struct error *err)
{
        auto_buffer struct text_buffer lines = { 0 };
        const struct cgroups_plan *cgroups = &plan->cgroups;
        bool is_group = cgroups->is_v2 && cgroups_has_oom_group(cgroups->paths, cgroups->n_paths);
        int r = systemd_properties_add(&plan->spec->linux_.resources, cgroups->is_v2, SYSTEMD_COMPLETE, &lines, err);

        if (r == 0)
                r = systemd_complete(scope, &lines, err);
        return r == 0 && is_group ? cgroups_set_oom_group(cgroups->paths, cgroups->n_paths, err) : r;
}

int scope_update(const struct state *state, const struct spec_resources *change, const struct spec_resources *earlier,
                 struct error *err)
{
        auto_buffer struct text_buffer lines = { 0 };
        struct error ignored = { 0 };
        bool is_group = state->is_cgroup2 && cgroups_has_oom_group(state->cgroups, state->n_cgroups);
        int r = systemd_properties_add(change, state->is_cgroup2, SYSTEMD_UPDATE, &lines, err);

        if (r == 0)
                r = systemd_set(state->systemd_bus, state->systemd_unit, &lines, err);
        /* Where systemd refused, too: it may have taken a part. */
        if (is_group && cgroups_set_oom_group(state->cgroups, state->n_cgroups, r == 0 ? err : &ignored) < 0 && r == 0)
                r = -err->code;
        if (r < 0 && cgroups_update(state->cgroups, state->n_cgroups, state->is_cgroup2, earlier, &ignored) < 0)
                log_warning("put the limits of %s back: %s", state->id, ignored.text);
        return r;
}
