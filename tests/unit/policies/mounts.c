#include <criterion/criterion.h>
#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "tests/unit/policies/request.h"

static struct request q;

static void setup(void)
{
        request_init(&q);
}

static void teardown(void)
{
        request_free(&q);
}

TestSuite(policy_mounts, .init = setup, .fini = teardown);

/* One bind, judged alone. */
static struct host_source *bind_only(const char *source)
{
        request_free(&q);
        request_init(&q);
        return request_bind(&q, source, "/work");
}

static uint64_t flags_at(const char *target)
{
        return request_mount_at(&q, target)->attr_set;
}

/* ---- flags ---- */

Test(policy_mounts, binds_become_nosuid_and_nodev_with_what_lies_below)
{
        request_bind(&q, "/srv/src", "/work");
        request_last(&q)->attr_clear = MOUNT_ATTR_NOSUID;
        request_last(&q)->attr_clear_recursive = MOUNT_ATTR_NODEV;
        request_passes(&q);
        cr_assert_eq(flags_at("/work") & 6, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
        cr_assert_eq(request_mount_at(&q, "/work")->attr_set_recursive & 6, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
        cr_assert_eq(request_mount_at(&q, "/work")->attr_clear, 0);
        cr_assert_eq(request_mount_at(&q, "/work")->attr_clear_recursive, 0);
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "mounts.flags"));
}

Test(policy_mounts, says_nothing_when_the_flags_are_there)
{
        request_bind(&q, "/srv/src", "/work");
        request_last(&q)->attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
        request_passes(&q);
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "mounts.flags"));
        cr_assert_not(flags_at("/work") & MOUNT_ATTR_RDONLY);
}

Test(policy_mounts, tmpfs_holds_no_devices_but_dev_does)
{
        request_mount(&q, SPEC_MOUNT_TMPFS, "/tmp");
        request_passes(&q);
        cr_assert_eq(flags_at("/tmp"), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
        cr_assert_eq(flags_at("/dev"), MOUNT_ATTR_NOSUID);
        cr_assert_eq(flags_at("/dev/pts"), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
}

Test(policy_mounts, sysfs_and_cgroups_are_readonly)
{
        q.mounts[2].attr_set = q.mounts[5].attr_set = 0;
        request_passes(&q);
        cr_assert(flags_at("/sys") & MOUNT_ATTR_RDONLY);
        cr_assert(flags_at("/sys/fs/cgroup") & MOUNT_ATTR_RDONLY);
}

Test(policy_mounts, shared_propagation_becomes_private_and_slave_stays)
{
        request_bind(&q, "/srv/a", "/a");
        request_last(&q)->propagation = MS_SHARED;
        request_bind(&q, "/srv/b", "/b");
        request_last(&q)->propagation = MS_SLAVE;
        request_passes(&q);
        cr_assert_eq(request_mount_at(&q, "/a")->propagation, MS_PRIVATE);
        cr_assert_eq(request_mount_at(&q, "/b")->propagation, MS_SLAVE);
}

Test(policy_mounts, a_remount_takes_no_protection_away)
{
        struct spec_mount *mount = request_mount(&q, SPEC_MOUNT_BIND, "/sys");

        mount->is_remount = true;
        mount->attr_clear = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
        request_passes(&q);
        cr_assert_eq(request_mount_at(&q, "/sys")->attr_clear, 0);
        request_last(&q)->attr_clear = 0;
        request_last(&q)->attr_set = MOUNT_ATTR_RDONLY;
        request_passes(&q);
        cr_assert(flags_at("/sys") & MOUNT_ATTR_RDONLY);
}

Test(policy_mounts, adds_dev_first_where_there_is_none)
{
        q.mounts[1].target = "/scratch";
        request_passes(&q);
        cr_assert_str_eq(q.sandbox.spec.mounts[0].target, "/dev");
        cr_assert_eq(q.sandbox.spec.mounts[0].kind, SPEC_MOUNT_TMPFS);
        cr_assert_eq(q.sandbox.spec.n_mounts, q.spec.n_mounts + 1);
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "mounts.dev"));
}

/* ---- targets ---- */

Test(policy_mounts, refuses_anything_over_proc)
{
        static const char *const targets[] = { "/proc/self", "/proc/sys/kernel", "/proc/../proc/1", "//proc//acpi/" };

        for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
                request_init(&q);
                request_bind(&q, "/srv/fake", targets[i]);
                request_is_refused(&q, "mounts.proc");
                request_init(&q);
                request_mount(&q, SPEC_MOUNT_TMPFS, targets[i]);
                request_is_refused(&q, "mounts.proc");
        }
        request_init(&q);
        request_bind(&q, "/srv/fake", "/proc");
        request_is_refused(&q, "mounts.proc");
}

Test(policy_mounts, lets_lxcfs_lie_over_its_files)
{
        struct host_source *source = request_bind(&q, "/var/lib/lxcfs/proc/meminfo", "/proc/meminfo");

        source->mode = S_IFREG | 0444;
        source->fs_magic = 0x65735546; /* FUSE_SUPER_MAGIC */
        request_passes(&q);
        request_mount(&q, SPEC_MOUNT_TMPFS, "/procfs");
        request_passes(&q);
}

Test(policy_mounts, refuses_kernel_views_in_other_places)
{
        request_mount(&q, SPEC_MOUNT_PROC, "/tmp/p");
        request_is_refused(&q, "mounts.targets");
        request_init(&q);
        request_mount(&q, SPEC_MOUNT_SYSFS, "/tmp/s");
        request_is_refused(&q, "mounts.targets");
        request_init(&q);
        request_mount(&q, SPEC_MOUNT_CGROUP, "/tmp/c");
        request_is_refused(&q, "mounts.targets");
        request_init(&q);
        request_mount(&q, SPEC_MOUNT_CGROUP, "/sys/fs/cgroup/systemd");
        request_passes(&q);
}

Test(policy_mounts, refuses_to_lay_a_folder_over_the_root_or_dev)
{
        request_bind(&q, "/srv/a", "/");
        request_is_refused(&q, "mounts.targets");
        request_init(&q);
        request_bind(&q, "/srv/a", "/dev/");
        request_is_refused(&q, "mounts.targets");
        request_init(&q);
        request_bind(&q, "/srv/a", "/devel");
        request_passes(&q);
}

Test(policy_mounts, refuses_types_by_name)
{
        request_mount(&q, SPEC_MOUNT_OTHER, "/x")->fstype = "debugfs";
        request_is_refused(&q, "mounts.types");
        cr_assert_not_null(strstr(q.err.text, "\"debugfs\""));
        request_init(&q);
        request_mount(&q, SPEC_MOUNT_OVERLAY, "/x")->data = "lowerdir=/etc";
        request_is_refused(&q, "mounts.types");
}

/* ---- sources ---- */

Test(policy_mounts, refuses_sockets_and_names_an_engines)
{
        bind_only("/run/docker.sock")->mode = S_IFSOCK | 0660;
        request_last(&q)->source = "/var/run/docker.sock";
        request_is_refused(&q, "mounts.sockets");
        cr_assert_str_eq(q.err.text,
                         "refused by profile \"untrusted\" (mounts.sockets): /var/run/docker.sock is an engine socket; "
                         "drop the mount, or ask for an exception \"mount:/var/run/docker.sock\" (policy built-in)");
        bind_only("/srv/agent")->mode = S_IFSOCK | 0600;
        request_is_refused(&q, "mounts.sockets");
}

Test(policy_mounts, leaves_out_the_socket_where_buildkit_takes_traces)
{
        bind_only("/run/buildkit/otel-grpc.sock")->mode = S_IFSOCK | 0600;
        request_last(&q)->target = "/dev/otel-grpc.sock";
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.n_mounts, q.spec.n_mounts - 1);
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "mounts.sockets"));
        /* a folder in its place is judged as any other */
        bind_only("/run/docker")->engine_socket = "docker.sock";
        request_last(&q)->target = "/dev/otel-grpc.sock";
        request_is_refused(&q, "mounts.sockets");
}

Test(policy_mounts, refuses_a_folder_with_an_engine_socket_in_it)
{
        bind_only("/srv/ci")->engine_socket = "docker.sock";
        request_is_refused(&q, "mounts.sockets");
        bind_only("/srv/ci");
        request_passes(&q);
}

Test(policy_mounts, lets_no_build_have_all_terminals_of_the_machine)
{
        static const struct { const char *asked, *got; } options[] = {
                { "", "max=128" },
                { NULL, "max=128" },
                { "gid=5,mode=0620", "gid=5,mode=0620,max=128" },
                { "max=7,gid=5", "gid=5,max=7" },
                { "max=4096", "max=128" },
                { "max=1,max=0x1000", "max=0x1000,max=1" },     /* the kernel takes the last, and hexadecimal numbers */
        };

        for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
                request_free(&q);
                request_init(&q);
                for (size_t j = 0; j < q.spec.n_mounts; j++)
                        if (q.mounts[j].kind == SPEC_MOUNT_DEVPTS)
                                q.mounts[j].data = options[i].asked;
                request_passes(&q);
                for (size_t j = 0; j < q.sandbox.spec.n_mounts; j++)
                        if (q.sandbox.spec.mounts[j].kind == SPEC_MOUNT_DEVPTS)
                                cr_assert_str_eq(q.sandbox.spec.mounts[j].data, options[i].got);
        }
        request_free(&q);
        request_init(&q);
        *request_mount(&q, SPEC_MOUNT_DEVPTS, "/dev/pts") = (struct spec_mount){
                .kind = SPEC_MOUNT_DEVPTS, .target = "/dev/pts", .source = "devpts", .fstype = "devpts", .is_remount = true,
                .data = "mode=0620",
        };
        request_passes(&q);
        cr_assert_str_eq(q.sandbox.spec.mounts[q.sandbox.spec.n_mounts - 1].data, "mode=0620,max=128");
}

Test(policy_mounts, refuses_a_folder_whose_mounts_below_no_build_may_see)
{
        bind_only("/srv/chroot")->below_view = "/srv/chroot/proc";
        request_is_refused(&q, "mounts.sources");
        bind_only("/srv/chroot")->below_socket = "/srv/chroot/run";
        request_is_refused(&q, "mounts.sockets");
        bind_only("/srv/chroot");
        request_passes(&q);
}

Test(policy_mounts, refuses_what_is_the_hosts_own)
{
        static const char *const sources[] = {
                "/",
                "/etc",
                "/home",
                "/home/ada",
                "/root",
                "/root/.bashrc",
                "/run",
                "/run/user/1000",
                "/var",
                "/var/lib",
                "/var/lib/docker",
                "/var/lib/docker/volumes",
                "/var/lib/containers/storage",
                "/run/runb/leases",
                "/run/containerd/runc/default",
                "/boot/vmlinuz",
                "/dev/pts",
                "/dev",
                "/home/ada/.ssh",
                "/srv/x/.aws/credentials",
                "/var/lib/kubelet/pki/kubelet.key",
                "/run/dbus",
                "/srv/engine",
                "/srv",
        };

        for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
                bind_only(sources[i]);
                request_is_refused(&q, "mounts.sources");
        }
}

Test(policy_mounts, lets_engines_hand_over_their_own_files)
{
        static const char *const sources[] = {
                "/run/containers/storage/overlay-containers/5f/userdata/hosts",
                "/var/lib/containers/storage/overlay-containers/5f/userdata/shm",
                "/var/lib/containers/storage/volumes/cache/_data",
                "/var/lib/docker/containers/5f/resolv.conf", "/var/lib/docker/volumes/cache/_data",
                "/var/lib/docker/buildkit/executor/hosts",
                "/run/containerd/io.containerd.grpc.v1.cri/sandboxes/5f/shm",
                "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/5f/hostname",
                "/var/lib/kubelet/pods/7a/volumes/kubernetes.io~empty-dir/e", "/usr/libexec/podman/catatonit",
                "/var/tmp/buildah123/hostname", "/run/user/1000/containers/overlay-containers/5f/userdata/hosts",
                "/home/ada/src", "/srv/engine/other", "/dev/shm/scratch", "/rootfs-of-mine", "/etcetera", "/srv/a.ssh",
        };

        for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
                bind_only(sources[i]);
                request_passes(&q);
                cr_assert_not(flags_at("/work") & MOUNT_ATTR_RDONLY, "%s", sources[i]);
        }
}

Test(policy_mounts, judges_a_source_by_every_place_where_it_lies)
{
        bind_only("/var/tmp/buildah1/mnt/buildah-bind-target-0")->origin_path = "/root/keys";
        request_is_refused(&q, "mounts.sources");
        bind_only("/var/tmp/buildah1/mnt/buildah-bind-target-0")->origin_path = "/srv/src";
        request_passes(&q);
}

Test(policy_mounts, refuses_views_of_the_kernel_wherever_they_are)
{
        static const long magics[] = { PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP2_SUPER_MAGIC, NSFS_MAGIC, DEBUGFS_MAGIC };

        for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
                bind_only("/srv/view")->fs_magic = magics[i];
                request_is_refused(&q, "mounts.sources");
        }
}

Test(policy_mounts, etc_is_what_every_user_may_read_and_no_more)
{
        struct host_source *source = bind_only("/etc/ssl/certs");

        request_passes(&q);
        cr_assert(flags_at("/work") & MOUNT_ATTR_RDONLY);
        cr_assert_eq(request_bind_at(&q, "/work")->ids, SANDBOX_BIND_PLAIN, "private files below stay private");
        source->mode = S_IFDIR | 0710;
        request_is_refused(&q, "mounts.sources");
        bind_only("/etc/shadow")->mode = S_IFREG | 0640;
        request_is_refused(&q, "mounts.sources");
        bind_only("/etc/localtime")->mode = S_IFREG | 0644;
        request_passes(&q);
}

Test(policy_mounts, standard_devices_may_be_bound_and_work)
{
        struct host_source *source = request_bind(&q, "/dev/null", "/dev/null");

        source->mode = S_IFCHR | 0666;
        source->rdev = makedev(1, 3);
        request_passes(&q);
        cr_assert_not(flags_at("/dev/null") & MOUNT_ATTR_NODEV, "nodev would make it useless");
        cr_assert(flags_at("/dev/null") & MOUNT_ATTR_NOSUID);
        cr_assert(flags_at("/dev/null") & MOUNT_ATTR_NOEXEC);
        source->rdev = makedev(10, 229);
        request_is_refused(&q, "devices");
        source->mode = S_IFBLK | 0660;
        source->rdev = makedev(1, 3);
        request_is_refused(&q, "devices");
}

Test(policy_mounts, a_source_that_nobody_looked_at_is_refused)
{
        bind_only("/srv/src")->is_known = false;
        request_is_refused(&q, "mounts.sources");
}

Test(policy_mounts, a_missing_source_is_left_to_whoever_opens_it)
{
        *bind_only("/srv/gone") = (struct host_source){ .is_known = true, .error = ENOENT };
        request_passes(&q);
        cr_assert_not(request_bind_at(&q, "/work")->is_source_known);
}

Test(policy_mounts, names_the_file_that_was_judged)
{
        bind_only("/srv/src");
        request_passes(&q);
        cr_assert(request_bind_at(&q, "/work")->is_source_known);
        cr_assert_eq(request_bind_at(&q, "/work")->source_device, 5);
        cr_assert_eq(request_bind_at(&q, "/work")->source_inode, 9);
}

Test(policy_mounts, ipc_of_the_host_becomes_the_builds_own)
{
        struct host_source *source = request_bind(&q, "/dev/shm", "/dev/shm");

        source->fs_magic = TMPFS_MAGIC;
        request_passes(&q);
        cr_assert_eq(request_mount_at(&q, "/dev/shm")->kind, SPEC_MOUNT_TMPFS);
        request_last(&q)->target = "/mnt";
        request_is_refused(&q, "mounts.sources");
}

Test(policy_mounts, shared_memory_becomes_the_builds_own_where_tmpfs_cannot_map_ids)
{
        struct host_source *source = request_bind(&q, "/srv/engine/userdata/shm", "/dev/shm");

        source->fs_magic = TMPFS_MAGIC;
        source->fs_bytes = 65536000;
        request_passes(&q);
        cr_assert_eq(request_mount_at(&q, "/dev/shm")->kind, SPEC_MOUNT_BIND);
        q.host.can_map_tmpfs = false;
        request_passes(&q);
        cr_assert_eq(request_mount_at(&q, "/dev/shm")->kind, SPEC_MOUNT_TMPFS);
        cr_assert_str_eq(request_mount_at(&q, "/dev/shm")->data, "mode=1777,size=65536000");
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "mounts.ipc"));
        source->fs_magic = EXT4_SUPER_MAGIC;
        request_passes(&q);
        cr_assert_eq(request_mount_at(&q, "/dev/shm")->kind, SPEC_MOUNT_BIND);
        source->fs_magic = TMPFS_MAGIC;
        request_last(&q)->target = "/elsewhere";
        request_passes(&q);
        cr_assert_eq(request_mount_at(&q, "/elsewhere")->kind, SPEC_MOUNT_BIND);
}

Test(policy_mounts, a_source_that_is_not_for_builds_stays_refused_at_dev_shm)
{
        request_bind(&q, "/root/keys", "/dev/shm")->fs_magic = TMPFS_MAGIC;
        q.host.can_map_tmpfs = false;
        request_is_refused(&q, "mounts.sources");
}

Test(policy_mounts, the_engines_files_are_readonly_where_tmpfs_cannot_map_ids)
{
        struct host_source *source = request_bind(&q, "/run/engine/userdata/hosts", "/etc/hosts");

        source->mode = S_IFREG | 0644;
        source->fs_magic = TMPFS_MAGIC;
        request_passes(&q);
        cr_assert_not(flags_at("/etc/hosts") & MOUNT_ATTR_RDONLY);
        q.host.can_map_tmpfs = false;
        request_passes(&q);
        cr_assert(flags_at("/etc/hosts") & MOUNT_ATTR_RDONLY);
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "mounts.ids"));
        request_last(&q)->target = "/work";
        request_passes(&q);
        cr_assert_not(flags_at("/work") & MOUNT_ATTR_RDONLY);
}

Test(policy_mounts, the_folder_of_secrets_is_nobodys_where_tmpfs_cannot_map_ids)
{
        struct host_source *source = request_bind(&q, "/run/engine/userdata/run/secrets", "/run/secrets");

        source->fs_magic = TMPFS_MAGIC;
        q.host.can_map_tmpfs = false;
        request_passes(&q);
        cr_assert_eq(request_bind_at(&q, "/run/secrets")->ids, SANDBOX_BIND_PLAIN);
        cr_assert_not(flags_at("/run/secrets") & MOUNT_ATTR_RDONLY);
        source->mode = S_IFDIR | 0777; /* anybody could leave a file there */
        request_passes(&q);
        cr_assert_eq(request_bind_at(&q, "/run/secrets")->ids, SANDBOX_BIND_ROOT);
}

Test(policy_mounts, a_bind_of_the_cgroups_is_left_out)
{
        struct host_source *source = request_bind(&q, "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/systemd");

        source->fs_magic = CGROUP_SUPER_MAGIC;
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.n_mounts, q.spec.n_mounts - 1);
        request_last(&q)->target = "/mnt";
        request_is_refused(&q, "mounts.sources");
}

/* ---- ids ---- */

Test(policy_mounts, the_builds_root_is_the_disks_root_in_private_folders)
{
        bind_only("/var/lib/docker/volumes/v/_data");
        request_passes(&q);
        cr_assert_eq(request_bind_at(&q, "/work")->ids, SANDBOX_BIND_ROOT);
        cr_assert(request_bind_at(&q, "/work")->is_ids_recursive);
        cr_assert(request_bind_at(&q, "/work")->is_ids_wanted);
}

Test(policy_mounts, the_builds_root_is_the_disks_root_behind_nosuid_but_not_below)
{
        struct host_source *source = bind_only("/run/scratch");

        source->is_private_folder = false;
        source->mount_flags = ST_NOSUID;
        request_passes(&q);
        cr_assert_eq(request_bind_at(&q, "/work")->ids, SANDBOX_BIND_ROOT);
        cr_assert_not(request_bind_at(&q, "/work")->is_ids_recursive, "a mount below may not be nosuid");
        cr_assert_not(flags_at("/work") & MOUNT_ATTR_RDONLY);
}

Test(policy_mounts, the_builds_root_is_the_owner_of_an_open_folder)
{
        struct host_source *source = bind_only("/home/ada/src");

        source->is_private_folder = false;
        source->uid = 1000;
        source->gid = 100;
        request_passes(&q);
        cr_assert_eq(request_bind_at(&q, "/work")->ids, SANDBOX_BIND_OWNER);
        cr_assert_eq(request_bind_at(&q, "/work")->owner_uid, 1000);
        cr_assert_eq(request_bind_at(&q, "/work")->owner_gid, 100);
        cr_assert_not(flags_at("/work") & MOUNT_ATTR_RDONLY);
}

Test(policy_mounts, an_open_folder_of_the_hosts_root_is_readonly)
{
        bind_only("/srv/open")->is_private_folder = false;
        request_passes(&q);
        cr_assert_eq(request_bind_at(&q, "/work")->ids, SANDBOX_BIND_ROOT);
        cr_assert(flags_at("/work") & MOUNT_ATTR_RDONLY);
        cr_assert(request_mount_at(&q, "/work")->attr_set_recursive & MOUNT_ATTR_RDONLY);
        cr_assert_not(request_bind_at(&q, "/work")->is_ids_wanted);
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "mounts.ids"));
}

Test(policy_mounts, a_readonly_bind_shows_the_disks_ids)
{
        bind_only("/srv/open")->is_private_folder = false;
        request_last(&q)->attr_set = MOUNT_ATTR_RDONLY;
        request_passes(&q);
        cr_assert_eq(request_bind_at(&q, "/work")->ids, SANDBOX_BIND_ROOT);
        cr_assert_not(request_bind_at(&q, "/work")->is_ids_recursive, "ro leaves what lies below writable");
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "mounts.ids"));
}

Test(policy_mounts, the_group_root_of_an_owner_is_his_own_matter)
{
        struct host_source *source = bind_only("/srv/open");

        source->is_private_folder = false;
        source->uid = 1000;
        source->gid = 0;
        request_passes(&q);
        cr_assert(request_bind_at(&q, "/work")->ids != SANDBOX_BIND_OWNER ||
                          request_bind_at(&q, "/work")->owner_gid != 0,
                  "a setgid root file could be left there");
}

Test(policy_mounts, an_engines_map_needs_no_id_maps_of_ours)
{
        static const struct spec_id_map map[] = { { 0, 100000, 65536 } };

        bind_only("/srv/open")->is_private_folder = false;
        q.spec.linux_.namespaces[SPEC_NS_USER].is_given = true;
        q.spec.linux_.uid_map = q.spec.linux_.gid_map = map;
        q.spec.linux_.n_uid_map = q.spec.linux_.n_gid_map = 1;
        request_passes(&q);
        cr_assert_eq(request_bind_at(&q, "/work")->ids, SANDBOX_BIND_PLAIN);
        cr_assert_not(flags_at("/work") & MOUNT_ATTR_RDONLY);
        /* Mapped by the engine, the build's root writes as the disk's root, as it would by ours. */
        request_last(&q)->is_idmap = true;
        request_last(&q)->uid_map = request_last(&q)->gid_map = map;
        request_last(&q)->n_uid_map = request_last(&q)->n_gid_map = 1;
        request_passes(&q);
        cr_assert(flags_at("/work") & MOUNT_ATTR_RDONLY);
        q.sources[q.spec.n_mounts - 1].is_private_folder = true;
        request_passes(&q);
        cr_assert_not(flags_at("/work") & MOUNT_ATTR_RDONLY);
}

Test(policy_mounts, a_map_of_the_engines_leads_to_ids_of_the_container_only)
{
        static const struct spec_id_map own[] = { { 0, 100000, 1000 }, { 1000, 101000, 1000 } };
        static const struct spec_id_map good[] = { { 0, 100500, 1000 } }, low[] = { { 0, 99999, 2 } }, high[] = { { 0, 101999, 2 } };

        bind_only("/srv/src");
        q.spec.linux_.namespaces[SPEC_NS_USER].is_given = true;
        q.spec.linux_.uid_map = q.spec.linux_.gid_map = own;
        q.spec.linux_.n_uid_map = q.spec.linux_.n_gid_map = 2;
        request_last(&q)->is_idmap = true;
        request_passes(&q);
        cr_assert_eq(request_bind_at(&q, "/work")->ids, SANDBOX_BIND_ROOT);
        cr_assert(request_bind_at(&q, "/work")->is_ids_wanted);
        request_last(&q)->n_uid_map = request_last(&q)->n_gid_map = 1;
        request_last(&q)->uid_map = request_last(&q)->gid_map = good;
        request_passes(&q);
        cr_assert_eq(request_bind_at(&q, "/work")->ids, SANDBOX_BIND_MAPPED);
        request_last(&q)->uid_map = low;
        request_is_refused(&q, "mounts.ids");
        request_last(&q)->uid_map = good;
        request_last(&q)->gid_map = high;
        request_is_refused(&q, "mounts.ids");
}

Test(policy_mounts, a_map_without_one_of_the_engines_leads_to_the_builds_ids)
{
        static const struct spec_id_map map[] = { { 33, 65535, 1 } }, beyond[] = { { 33, 65535, 2 } };
        struct host_source *source = bind_only("/srv/src");

        request_last(&q)->is_idmap = true;
        request_last(&q)->uid_map = request_last(&q)->gid_map = map;
        request_last(&q)->n_uid_map = request_last(&q)->n_gid_map = 1;
        request_passes(&q);
        cr_assert_eq(request_bind_at(&q, "/work")->ids, SANDBOX_BIND_MAPPED);
        cr_assert_not(flags_at("/work") & MOUNT_ATTR_RDONLY);
        /* What user 33 of the host could run there, others could, too. */
        source->is_private_folder = false;
        request_passes(&q);
        cr_assert(flags_at("/work") & MOUNT_ATTR_RDONLY);
        source->uid = source->gid = 33;
        request_passes(&q);
        cr_assert_not(flags_at("/work") & MOUNT_ATTR_RDONLY);
        request_last(&q)->gid_map = beyond;
        request_is_refused(&q, "mounts.ids");
}

/* Root of a user namespace counts by that namespace's own numbers. */
Test(policy_mounts, a_map_leads_to_ids_that_a_rootless_engines_namespace_has)
{
        static const struct spec_id_map own[] = { { 0, 1000, 1 }, { 1, 100000, 65536 } };
        static const struct spec_id_map good[] = { { 0, 1, 65536 } }, outside[] = { { 0, 100000, 1 } }, beyond[] = { { 0, 65537, 1 } };

        bind_only("/srv/src");
        q.host.privilege = HOST_ENGINE_ROOT;
        q.host.own_uid_map = q.host.own_gid_map = own;
        q.host.n_own_uid_map = q.host.n_own_gid_map = 2;
        request_last(&q)->is_idmap = true;
        request_last(&q)->uid_map = request_last(&q)->gid_map = good;
        request_last(&q)->n_uid_map = request_last(&q)->n_gid_map = 1;
        request_passes(&q);
        cr_assert_eq(request_bind_at(&q, "/work")->ids, SANDBOX_BIND_MAPPED);
        request_last(&q)->uid_map = outside;
        request_is_refused(&q, "mounts.ids");
        request_last(&q)->uid_map = beyond;
        request_is_refused(&q, "mounts.ids");
}

/* The container's own map, said again, is none of the mount's. */
Test(policy_mounts, the_containers_own_map_is_told_from_others)
{
        static const struct spec_id_map own[] = { { 0, 100000, 1000 }, { 1000, 101000, 1000 } };
        static const struct spec_id_map moved[] = { { 0, 100000, 1000 }, { 1001, 101000, 999 } };
        static const struct spec_id_map shorter[] = { { 0, 100000, 1000 }, { 1000, 101000, 999 } };
        static const struct spec_id_map elsewhere[] = { { 0, 101000, 1000 }, { 1000, 100000, 1000 } };
        static const struct spec_id_map *const others[] = { moved, shorter, elsewhere };

        bind_only("/srv/src");
        q.spec.linux_.namespaces[SPEC_NS_USER].is_given = true;
        q.spec.linux_.uid_map = q.spec.linux_.gid_map = own;
        q.spec.linux_.n_uid_map = q.spec.linux_.n_gid_map = 2;
        request_last(&q)->is_idmap = true;
        request_last(&q)->uid_map = request_last(&q)->gid_map = own;
        request_last(&q)->n_uid_map = request_last(&q)->n_gid_map = 2;
        request_passes(&q);
        cr_assert_eq(request_bind_at(&q, "/work")->ids, SANDBOX_BIND_ROOT);
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
                request_last(&q)->uid_map = others[i];
                request_passes(&q);
                cr_assert_eq(request_bind_at(&q, "/work")->ids, SANDBOX_BIND_MAPPED, "%zu", i);
        }
}

Test(policy_mounts, options_of_a_file_system_do_not_reach_the_hosts)
{
        bind_only("/srv/src");
        request_last(&q)->sb_flags = MS_SYNCHRONOUS | MS_LAZYTIME;
        request_last(&q)->sb_flags_clear = MS_DIRSYNC;
        request_last(&q)->data = "size=1g";
        request_passes(&q);
        cr_assert_eq(request_mount_at(&q, "/work")->sb_flags, 0);
        cr_assert_eq(request_mount_at(&q, "/work")->sb_flags_clear, 0);
        cr_assert_str_eq(request_mount_at(&q, "/work")->data, "");
}

/* ---- the kernel's file systems ---- */

Test(policy_mounts, a_bind_of_the_hosts_sysfs_becomes_the_builds_own)
{
        struct host_source *source;

        source = request_bind(&q, "/sys", "/sys");
        source->fs_magic = SYSFS_MAGIC;
        request_passes(&q);
        for (size_t i = 0; i < q.sandbox.spec.n_mounts; i++)
                if (strcmp(q.sandbox.spec.mounts[i].target, "/sys") == 0) {
                        cr_assert_eq(q.sandbox.spec.mounts[i].kind, SPEC_MOUNT_SYSFS);
                        cr_assert(q.sandbox.spec.mounts[i].attr_set & MOUNT_ATTR_RDONLY);
                }
        cr_assert_not_null(request_finding(&q, FINDING_TIGHTENED, "mounts.kernel"));
}

Test(policy_mounts, a_folder_that_is_no_sysfs_cannot_stand_in_for_it)
{
        request_bind(&q, "/srv/sys", "/sys");
        request_is_refused(&q, "mounts.targets");
}
