/* The parent's part: ids translated, the host's nodes opened and checked. */
#include "runtime/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/mounts.h"
#include "runtime/userns.h"

int devices_plan_make(struct arena *arena, const struct spec *spec, const struct spec_id_map *uid_map, size_t n_uid_map,
                      const struct spec_id_map *gid_map, size_t n_gid_map, bool is_bound, struct devices_plan *ret_plan,
                      struct error *err)
{
        size_t n = spec->linux_.n_devices;
        struct device_plan *devices = arena_array(arena, n, sizeof *devices);

        if (devices == NULL)
                return error_errno(err, ENOMEM, "linux.devices");
        for (size_t i = 0; i < n; i++) {
                const struct spec_device *device = &spec->linux_.devices[i];
                int64_t uid = userns_map_id(uid_map, n_uid_map, device->has_owner ? device->uid : 0);
                int64_t gid = userns_map_id(gid_map, n_gid_map, device->has_owner ? device->gid : 0);

                if (uid < 0 || gid < 0)
                        return error_set(err, EINVAL, "linux.devices[%zu]: owner %u:%u of %s is not mapped in the user namespace",
                                         i, device->uid, device->gid, device->path);
                devices[i] = (struct device_plan){
                        .path = device->path,
                        .mode = device->type | (device->has_mode ? device->mode & 07777 : 0666),
                        .device = makedev(device->major, device->minor),
                        .uid = (uint32_t)uid,
                        .gid = (uint32_t)gid,
                };
        }
        *ret_plan = (struct devices_plan){ .devices = devices, .n = n, .is_bound = is_bound };
        for (size_t i = 0; i < spec->n_mounts; i++)
                if (strcmp(spec->mounts[i].target, "/proc") == 0)
                        ret_plan->has_proc = spec->mounts[i].kind == SPEC_MOUNT_PROC || (spec->mounts[i].kind == SPEC_MOUNT_BIND &&
                                             spec->mounts[i].source != NULL && strcmp(spec->mounts[i].source, "/proc") == 0);
        return 0;
}

int devices_prepare(struct arena *arena, const struct devices_plan *plan, struct devices_ready *ret_ready, struct error *err)
{
        struct devices_ready ready = { .fds = arena_array(arena, plan->n, sizeof(int)), .n = plan->n };
        struct stat st;
        int r = 0;

        if (ready.fds == NULL)
                return error_errno(err, ENOMEM, "linux.devices");
        for (size_t i = 0; i < plan->n; i++)
                ready.fds[i] = UNSET_FD;
        for (size_t i = 0; i < plan->n && plan->is_bound && r == 0; i++) {
                const struct device_plan *device = &plan->devices[i];
                auto_close int node = UNSET_FD;

                if (S_ISFIFO(device->mode))     /* anybody can make one */
                        continue;
                node = open(device->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
                if (node < 0 || fstat(node, &st) < 0)
                        r = error_errno(err, errno, "linux.devices[%zu]: open %s of the host", i, device->path);
                else if ((st.st_mode & S_IFMT) != (device->mode & S_IFMT) || st.st_rdev != device->device)
                        r = error_set(err, EINVAL, "linux.devices[%zu]: %s of the host is not the device %u:%u", i,
                                      device->path, major(device->device), minor(device->device));
                else if ((ready.fds[i] = mounts_clone(node)) < 0)
                        r = error_errno(err, errno, "linux.devices[%zu]: clone the mount of %s", i, device->path);
        }
        if (r < 0) {
                devices_ready_close(&ready);
                return r;
        }
        *ret_ready = ready;
        return 0;
}

void devices_ready_close(struct devices_ready *ready)
{
        for (size_t i = 0; i < ready->n; i++)
                auto_close_cleanup(&ready->fds[i]);
        ready->n = 0;
}
