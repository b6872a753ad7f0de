/* Which unit of which systemd a container's cgroup is. Nothing here talks to it. */
#include "runtime/systemd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SUFFIX ".scope"
#define SLICE ".slice"

/* systemd.unit(5): letters, digits, ":-_.\@", at most 255 bytes. A colon cannot be: it divides cgroupsPath. */
static bool is_unit_name(const char *name)
{
        size_t n = strlen(name);

        return n > 0 && n <= 255 && name[0] != '.' && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                            "0123456789-_.\\@") == n;
}

static bool ends_in(const char *text, const char *suffix)
{
        size_t n = strlen(text), m = strlen(suffix);

        return n > m && strcmp(text + n - m, suffix) == 0;
}

/* systemd.slice(5): dashes are the levels of the tree, so none is empty. "-.slice" is its root. */
static bool is_slice(const char *name)
{
        if (strcmp(name, "-" SLICE) == 0)
                return true;
        return is_unit_name(name) && ends_in(name, SLICE) && name[0] != '-' && strstr(name, "--") == NULL &&
               strstr(name, "-" SLICE) == NULL;
}

static int find_bus(struct arena *arena, const char **ret_bus, struct error *err)
{
        const char *address = getenv("DBUS_SESSION_BUS_ADDRESS"), *folder = getenv("XDG_RUNTIME_DIR");

        if (!text_is_empty(address))
                *ret_bus = arena_string(arena, address);
        else if (!text_is_empty(folder) && folder[0] == '/')
                *ret_bus = arena_format(arena, "unix:path=%s/bus", folder);
        else
                return error_set(err, ENOENT, "--systemd-cgroup: no bus of the user's systemd: set XDG_RUNTIME_DIR or "
                                 "DBUS_SESSION_BUS_ADDRESS as a login does (loginctl enable-linger USER starts one without), or "
                                 "set the engine's cgroup manager to cgroupfs");
        return *ret_bus == NULL ? error_errno(err, ENOMEM, "--systemd-cgroup") : 0;
}

int systemd_plan_make(const char *cgroups_path, const char *id, const char *root, bool is_user, struct arena *arena,
                      struct systemd_plan *ret_plan, struct error *err)
{
        struct systemd_plan plan = { .bus = SYSTEMD_SYSTEM_BUS };
        const char *slice = "", *prefix = "runb", *name = id;
        char *copy, *colon;
        int r = is_user ? find_bus(arena, &plan.bus, err) : 0;

        if (r < 0)
                return r;
        if (!text_is_empty(cgroups_path)) {
                copy = arena_string(arena, cgroups_path);
                if (copy == NULL)
                        return error_errno(err, ENOMEM, "linux.cgroupsPath");
                slice = copy;
                colon = strchr(copy, ':');
                prefix = colon == NULL ? NULL : colon + 1;
                name = prefix == NULL || strchr(prefix, ':') == NULL ? NULL : strchr(prefix, ':') + 1;
                if (name == NULL || strchr(name, ':') != NULL)
                        return error_set(err, EINVAL, "linux.cgroupsPath: expected cgroupsPath to be of format "
                                         "\"slice:prefix:name\" for systemd cgroups, got \"%s\" instead", cgroups_path);
                *colon = '\0';
                *strchr(prefix, ':') = '\0';
        }
        plan.slice = text_is_empty(slice) ? (is_user ? "user" SLICE : "system" SLICE) : slice;
        /* As in runc: a pod's own slice is made by the engine, and is no container. */
        plan.unit = arena_format(arena, "%s%s%s%s", prefix, text_is_empty(prefix) ? "" : "-", name,
                                 ends_in(name, SUFFIX) ? "" : SUFFIX);
        plan.description = arena_format(arena, "runb container %s of %s", id, root == NULL ? "" : root);
        if (plan.unit == NULL || plan.description == NULL)
                return error_errno(err, ENOMEM, "linux.cgroupsPath");
        if (!is_slice(plan.slice))
                return error_set(err, EINVAL, "linux.cgroupsPath: \"%s\" is no name of a slice of systemd", plan.slice);
        if (text_is_empty(name) || !is_unit_name(plan.unit))
                return error_set(err, EINVAL, "linux.cgroupsPath: \"%s\" is no name of a scope of systemd: letters, digits and "
                                 "-_.\\@ are, at most 255 of them", plan.unit);
        *ret_plan = plan;
        return 0;
}
