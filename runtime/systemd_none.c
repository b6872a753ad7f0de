/* A build without libsystemd. */
#include "runtime/systemd.h"

#include <errno.h>

static int refuse(struct error *err)
{
        return error_set(err, EOPNOTSUPP, "--systemd-cgroup: this runb was built without it (configure --with-systemd, which wants "
                         "libsystemd-dev); set the engine's cgroup driver to cgroupfs (podman and buildah: cgroup_manager = "
                         "\"cgroupfs\" in containers.conf; containerd: SystemdCgroup = false; docker: --exec-opt "
                         "native.cgroupdriver=cgroupfs; CRI-O: cgroup_manager = \"cgroupfs\")");
}

bool systemd_is_supported(void)
{
        return false;
}

int systemd_begin(const struct systemd_plan *plan, const struct text_buffer *properties, struct arena *arena,
                  struct systemd_scope *ret_scope, const char **ret_cgroup, struct error *err)
{
        (void)plan; (void)properties; (void)arena; (void)ret_scope; (void)ret_cgroup;
        return refuse(err);
}

int systemd_complete(struct systemd_scope *scope, const struct text_buffer *properties, struct error *err)
{
        (void)scope; (void)properties;
        return refuse(err);
}

int systemd_attach(struct systemd_scope *scope, pid_t pid, const char *below, struct error *err)
{
        (void)scope; (void)pid; (void)below;
        return refuse(err);
}

int systemd_attach_begin(const char *bus, const char *unit, struct systemd_scope *ret_scope, struct error *err)
{
        (void)bus; (void)unit; (void)ret_scope;
        return refuse(err);
}

void systemd_scope_close(struct systemd_scope *scope)
{
        (void)scope;
}

int systemd_set(const char *bus, const char *unit, const struct text_buffer *properties, struct error *err)
{
        (void)bus; (void)unit; (void)properties;
        return refuse(err);
}

int systemd_stop(const char *bus, const char *unit, const char *description, struct error *err)
{
        (void)bus; (void)unit; (void)description;
        return refuse(err);
}
