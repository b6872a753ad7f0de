/* The container's cgroup as a transient scope of systemd (--systemd-cgroup), asked for through the helper program
 * runb-systemd (helpers/runb_systemd.c). systemd(1) gives the folder and keeps the limits it knows of in its own record, so
 * that they outlive a daemon-reload; the cgroups room writes all of them into the folder's files, as it does without. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "oci-spec/spec.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

/* The bus that is every service's: root's containers belong to the system's own systemd. */
#define SYSTEMD_SYSTEM_BUS "system"

struct systemd_plan {
        const char *unit;               /* "libpod-abc.scope"; NULL: not by systemd */
        const char *slice;              /* "machine.slice" */
        const char *description;        /* names the container and its state folder: the unit is ours where it has this */
        const char *bus;                /* SYSTEMD_SYSTEM_BUS, or the address of the user's */
        const struct spec_pair *annotations; size_t n_annotations;      /* org.systemd.property.*, as the policy lets them */
};

/* Reads linux.cgroupsPath as runc does: "slice:prefix:name"; NULL or empty: system.slice (a user's: user.slice) and
 * "runb-ID.scope". @is_user: ask the user's systemd, by DBUS_SESSION_BUS_ADDRESS or XDG_RUNTIME_DIR. Pure, but for those two. */
int systemd_plan_make(const char *cgroups_path, const char *id, const char *root, bool is_user, struct arena *arena,
                      struct systemd_plan *ret_plan, struct error *err);

/* A helper that waits for the second half of a start. Zeros: none. */
struct systemd_scope {
        pid_t pid;
        int to_fd, from_fd;
};
#define SYSTEMD_SCOPE_NONE { 0, -EBADF, -EBADF }

/* Starts the scope with a placeholder process in it. @properties: lines of systemd_properties_add().
 * @ret_cgroup: its folder below each hierarchy's mount, "/machine.slice/libpod-abc.scope", in the arena. Where we end before
 * systemd_complete(), so does the scope. */
int systemd_begin(const struct systemd_plan *plan, const struct text_buffer *properties, struct arena *arena,
                  struct systemd_scope *ret_scope, const char **ret_cgroup, struct error *err);
/* Once init is in the cgroup: the placeholder goes, and then what would not have left room for it (TasksMax) is set. */
int systemd_complete(struct systemd_scope *scope, const struct text_buffer *properties, struct error *err);
/* Has systemd move @pid into the scope, for a caller in whose cgroup the kernel lets it not be done by himself: between
 * systemd_begin() and systemd_complete(), or after systemd_attach_begin(). @below: "", or a cgroup in it, "/name". */
int systemd_attach(struct systemd_scope *scope, pid_t pid, const char *below, struct error *err);
/* A helper for one such call, on a scope that is running. */
int systemd_attach_begin(const char *bus, const char *unit, struct systemd_scope *ret_scope, struct error *err);
/* Without systemd_complete() after systemd_begin(): the scope is stopped. */
void systemd_scope_close(struct systemd_scope *scope);

/* Changes a running scope's properties, for as long as it lives. */
int systemd_set(const char *bus, const char *unit, const struct text_buffer *properties, struct error *err);
/* Stops it, whatever is left in it, and waits. One that is gone, or has another description, is left alone: success. */
int systemd_stop(const char *bus, const char *unit, const char *description, struct error *err);

/* True in a build that has the helper. */
bool systemd_is_supported(void);

/* ---- systemd_properties.c: pure ---- */

enum systemd_moment { SYSTEMD_START, SYSTEMD_COMPLETE, SYSTEMD_UPDATE };

/* Adds the lines for the limits that systemd knows of; -1 is its "infinity", 0 says nothing. @moment: TasksMax is no part of
 * START. */
int systemd_properties_add(const struct spec_resources *resources, bool is_v2, enum systemd_moment moment,
                           struct text_buffer *out, struct error *err);
/* Device rules, for cgroup v1 only: there systemd writes devices.list itself, and would open it again at a reload. On v2 our
 * program stays attached whatever it does. @majors: /proc/devices. */
int systemd_properties_add_devices(const struct spec_device_rule *rules, size_t n_rules, const char *majors,
                                   struct text_buffer *out, struct error *err);
/* An annotation's value, in GVariant's text format as runc reads it: true, 'text', uint64 5, ['a', 'b']. @name: without
 * "org.systemd.property."; one that ends in "Sec" is in seconds and becomes "USec". */
int systemd_properties_add_annotation(const char *name, const char *value, struct text_buffer *out, struct error *err);
/* What each scope of ours has. */
void systemd_properties_add_always(const struct systemd_plan *plan, struct text_buffer *out);
