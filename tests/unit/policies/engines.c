/* What engines send for an ordinary container, in their order and spelling: none of it may be refused, and what is
 * tightened is told. */
#include <criterion/criterion.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

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

TestSuite(policy_engines, .init = setup, .fini = teardown);

/* Judges a document that is written with ' for ", on a host where every bind's source is a root-owned file of a
 * private folder. */
static void send(const char *document)
{
        static struct arena arena;
        static char text[1 << 16];
        size_t length = strlen(document);
        int r;

        cr_assert_lt(length, sizeof text);
        for (size_t i = 0; i <= length; i++)
                text[i] = document[i] == '\'' ? '"' : document[i];
        r = spec_read(&arena, text, length, "config.json", &q.spec, &q.err);
        cr_assert_eq(r, 0, "%s", q.err.text);
        cr_assert_leq(q.spec.n_mounts, REQUEST_MOUNTS);
        memcpy(q.mounts, q.spec.mounts, q.spec.n_mounts * sizeof *q.mounts);
        memset(q.sources, 0, sizeof q.sources);
        for (size_t i = 0; i < q.spec.n_mounts; i++) {
                if (q.mounts[i].kind == SPEC_MOUNT_BIND)
                        q.sources[i] = (struct host_source){
                                .is_known = true, .real_path = q.mounts[i].source, .mode = S_IFREG | 0644,
                                .fs_magic = EXT4_SUPER_MAGIC, .is_private_folder = true,
                        };
        }
}

#define CAPS(list) "'bounding': [" list "], 'effective': [" list "], 'permitted': [" list "]"
#define DOCKER_CAPS "'CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FSETID', 'CAP_FOWNER', 'CAP_MKNOD', 'CAP_NET_RAW', 'CAP_SETGID', " \
                    "'CAP_SETUID', 'CAP_SETFCAP', 'CAP_SETPCAP', 'CAP_NET_BIND_SERVICE', 'CAP_SYS_CHROOT', 'CAP_KILL', 'CAP_AUDIT_WRITE'"

Test(policy_engines, podman)
{
        send("{'ociVersion': '1.0.2-dev', 'root': {'path': '/var/lib/containers/storage/overlay/5f/merged'}, 'hostname': '5f',"
             "'process': {'user': {'uid': 0, 'gid': 0, 'umask': 18}, 'args': ['sh'], 'env': ['PATH=/bin'], 'cwd': '/',"
             "  'capabilities': {" CAPS(DOCKER_CAPS) "}, 'oomScoreAdj': 0},"
             "'mounts': ["
             " {'destination': '/proc', 'type': 'proc', 'source': 'proc', 'options': ['nosuid', 'noexec', 'nodev']},"
             " {'destination': '/dev', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['nosuid', 'noexec', 'strictatime', 'mode=755', 'size=65536k']},"
             " {'destination': '/sys', 'type': 'sysfs', 'source': 'sysfs', 'options': ['nosuid', 'noexec', 'nodev', 'ro']},"
             " {'destination': '/dev/pts', 'type': 'devpts', 'source': 'devpts', 'options': ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']},"
             " {'destination': '/dev/mqueue', 'type': 'mqueue', 'source': 'mqueue', 'options': ['nosuid', 'noexec', 'nodev']},"
             " {'destination': '/etc/hosts', 'type': 'bind', 'source': '/run/containers/storage/overlay-containers/5f/userdata/hosts', 'options': ['bind', 'rprivate']},"
             " {'destination': '/dev/shm', 'type': 'bind', 'source': '/var/lib/containers/storage/overlay-containers/5f/userdata/shm', 'options': ['bind', 'rprivate', 'nosuid', 'noexec', 'nodev']},"
             " {'destination': '/cache', 'type': 'bind', 'source': '/var/lib/containers/storage/volumes/cache/_data', 'options': ['rw', 'rprivate', 'nosuid', 'nodev', 'rbind']},"
             " {'destination': '/tmp', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['rw', 'rprivate', 'nosuid', 'nodev', 'tmpcopyup']},"
             " {'destination': '/sys/fs/cgroup', 'type': 'cgroup', 'source': 'cgroup', 'options': ['rprivate', 'nosuid', 'noexec', 'nodev', 'relatime', 'ro']}],"
             "'annotations': {'io.container.manager': 'libpod'},"
             "'linux': {'cgroupsPath': '/libpod_parent/libpod-5f', 'resources': {'devices': [{'allow': false, 'access': 'rwm'}], 'pids': {'limit': 2048}},"
             " 'namespaces': [{'type': 'pid'}, {'type': 'network', 'path': '/run/netns/netns-1'}, {'type': 'ipc'}, {'type': 'uts'}, {'type': 'mount'}],"
             " 'maskedPaths': ['/proc/acpi', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list', '/proc/timer_stats', '/proc/sched_debug', '/proc/scsi', '/sys/firmware', '/sys/fs/selinux', '/sys/dev/block'],"
             " 'readonlyPaths': ['/proc/asound', '/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']}}");
        request_passes(&q);
        cr_assert_eq(q.sandbox.ids, SANDBOX_IDS_LEASE);
        cr_assert_eq(q.sandbox.spec.linux_.resources.pids_limit.value, 2048);
        cr_assert_eq(request_bind_at(&q, "/cache")->ids, SANDBOX_BIND_ROOT);
        cr_assert_str_eq(q.sandbox.spec.linux_.namespaces[SPEC_NS_NET].path, "/run/netns/netns-1");
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "limits.pids"));
}

Test(policy_engines, buildah)
{
        send("{'ociVersion': '1.0.2-dev', 'root': {'path': '/var/tmp/buildah1/mnt/rootfs'}, 'hostname': 'b',"
             "'process': {'user': {'uid': 0, 'gid': 0}, 'args': ['/bin/sh', '-c', 'true'], 'env': ['PATH=/bin'], 'cwd': '/',"
             "  'capabilities': {" CAPS(DOCKER_CAPS) ", 'ambient': [" DOCKER_CAPS "]}, 'rlimits': [{'type': 'RLIMIT_NOFILE', 'hard': 1024, 'soft': 1024}]},"
             "'mounts': ["
             " {'destination': '/c', 'type': 'bind', 'source': '/var/tmp/buildah1/mnt/buildah-bind-target-0', 'options': ['shared', 'rw', 'bind', 'rbind']},"
             " {'destination': '/v', 'type': 'bind', 'source': '/var/tmp/buildah1/mnt/buildah-bind-target-1', 'options': ['', 'rw', 'private', 'rbind']},"
             " {'destination': '/proc', 'type': 'proc', 'source': 'proc', 'options': ['nosuid', 'noexec', 'nodev']},"
             " {'destination': '/dev', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['nosuid', 'noexec', 'strictatime', 'mode=755', 'size=65536k']},"
             " {'destination': '/sys', 'type': 'sysfs', 'source': 'sysfs', 'options': ['nosuid', 'noexec', 'nodev', 'ro']},"
             " {'destination': '/etc/hostname', 'type': 'bind', 'source': '/var/tmp/buildah1/hostname', 'options': ['rbind']},"
             " {'destination': '/run/secrets/s', 'type': 'bind', 'source': '/var/tmp/buildah1/mnt/buildah-bind-target-9', 'options': ['bind', 'rprivate', 'ro']},"
             " {'destination': '/dev/shm', 'type': 'tmpfs', 'source': 'shm', 'options': ['private', 'nodev', 'noexec', 'nosuid', 'mode=1777', 'size=65536k']},"
             " {'destination': '/sys/fs/cgroup', 'type': 'cgroup', 'source': 'cgroup', 'options': ['rprivate', 'nosuid', 'noexec', 'nodev', 'relatime', 'rw']}],"
             "'linux': {'resources': {'devices': [{'allow': false, 'access': 'rwm'}]}, 'sysctl': {'net.ipv4.ping_group_range': '0 0'},"
             " 'namespaces': [{'type': 'pid'}, {'type': 'network'}, {'type': 'ipc'}, {'type': 'uts'}, {'type': 'mount'}]}}");
        q.host.rootfs_real_path = "/var/tmp/buildah1/mnt/rootfs";
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.process.caps.ambient, 0);
        cr_assert_eq(request_mount_at(&q, "/c")->propagation, MS_PRIVATE);
        cr_assert(request_mount_at(&q, "/sys/fs/cgroup")->attr_set & MOUNT_ATTR_RDONLY);
        cr_assert_eq(request_bind_at(&q, "/v")->ids, SANDBOX_BIND_ROOT);
        /* A volume of someone's, with his folder behind buildah's bind. */
        q.sources[1].origin_path = "/home/ada/src";
        q.sources[1].is_private_folder = false;
        q.sources[1].uid = q.sources[1].gid = 1000;
        request_passes(&q);
        cr_assert_eq(request_bind_at(&q, "/v")->ids, SANDBOX_BIND_OWNER);
}

Test(policy_engines, docker)
{
        static const struct host_hook dockerd = { .is_root_only = true, .real_path = "/usr/sbin/dockerd" };

        send("{'ociVersion': '1.0.2-dev', 'root': {'path': '/var/lib/docker/overlay2/5f/merged'}, 'hostname': 'd',"
             "'process': {'user': {'uid': 0, 'gid': 0}, 'args': ['sh'], 'env': ['PATH=/bin'], 'cwd': '/',"
             "  'capabilities': {" CAPS(DOCKER_CAPS) "}, 'oomScoreAdj': 0},"
             "'mounts': ["
             " {'destination': '/proc', 'type': 'proc', 'source': 'proc', 'options': ['nosuid', 'noexec', 'nodev']},"
             " {'destination': '/dev', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['nosuid', 'strictatime', 'mode=755', 'size=65536k']},"
             " {'destination': '/dev/pts', 'type': 'devpts', 'source': 'devpts', 'options': ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']},"
             " {'destination': '/sys', 'type': 'sysfs', 'source': 'sysfs', 'options': ['nosuid', 'noexec', 'nodev', 'ro']},"
             " {'destination': '/sys/fs/cgroup', 'type': 'cgroup', 'source': 'cgroup', 'options': ['ro', 'nosuid', 'noexec', 'nodev']},"
             " {'destination': '/dev/shm', 'type': 'tmpfs', 'source': 'shm', 'options': ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=67108864']},"
             " {'destination': '/sbin/docker-init', 'type': 'bind', 'source': '/usr/bin/docker-init', 'options': ['bind', 'ro']},"
             " {'destination': '/n', 'type': 'bind', 'source': '/var/lib/docker/volumes/nv/_data', 'options': ['rbind']},"
             " {'destination': '/etc/resolv.conf', 'type': 'bind', 'source': '/var/lib/docker/containers/5f/resolv.conf', 'options': ['rbind', 'rprivate']}],"
             "'hooks': {'prestart': [{'path': '/proc/2596/exe', 'args': ['libnetwork-setkey', '5f']}]},"
             "'linux': {'cgroupsPath': '/docker/5f', 'sysctl': {'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': '0 2147483647'},"
             " 'resources': {'devices': [{'allow': false, 'access': 'rwm'}, {'allow': true, 'type': 'c', 'major': 1, 'minor': 5, 'access': 'rwm'},"
             "   {'allow': true, 'type': 'c', 'major': 5, 'minor': 1, 'access': 'rwm'}, {'allow': false, 'type': 'c', 'major': 10, 'minor': 229, 'access': 'rwm'}],"
             "   'pids': {'limit': 0}},"
             " 'namespaces': [{'type': 'mount'}, {'type': 'network'}, {'type': 'uts'}, {'type': 'pid'}, {'type': 'ipc'}, {'type': 'time'}]}}");
        q.host.hooks[SPEC_HOOK_PRESTART] = &dockerd;
        request_passes(&q);
        cr_assert_eq(q.sandbox.spec.hooks[SPEC_HOOK_PRESTART].n, 1);
        cr_assert(q.sandbox.spec.linux_.namespaces[SPEC_NS_TIME].is_given);
        cr_assert_eq(q.sandbox.spec.linux_.resources.pids_limit.value, 4096);
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "devices"), "docker's list holds nothing wider");
}

Test(policy_engines, containerd)
{
        send("{'ociVersion': '1.0.2-dev', 'root': {'path': 'rootfs'},"
             "'process': {'user': {'uid': 0, 'gid': 0, 'additionalGids': [0, 10]}, 'args': ['sh'], 'env': ['PATH=/bin'], 'cwd': '/',"
             "  'capabilities': {" CAPS(DOCKER_CAPS) "}, 'noNewPrivileges': true, 'rlimits': [{'type': 'RLIMIT_NOFILE', 'hard': 1024, 'soft': 1024}]},"
             "'mounts': ["
             " {'destination': '/proc', 'type': 'proc', 'source': 'proc', 'options': ['nosuid', 'noexec', 'nodev']},"
             " {'destination': '/dev', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['nosuid', 'strictatime', 'mode=755', 'size=65536k']},"
             " {'destination': '/run', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['nosuid', 'strictatime', 'mode=755', 'size=65536k']},"
             " {'destination': '/sys/fs/cgroup', 'type': 'cgroup', 'source': 'cgroup', 'options': ['nosuid', 'noexec', 'nodev', 'relatime', 'ro']}],"
             "'annotations': {'io.kubernetes.cri.sandbox-id': 'pod7', 'io.kubernetes.cri.container-type': 'container'},"
             "'linux': {'cgroupsPath': 'kubepods-pod7.slice:cri-containerd:c1', 'resources': {'devices': [{'allow': false, 'access': 'rwm'}], 'cpu': {'shares': 2}},"
             " 'namespaces': [{'type': 'pid'}, {'type': 'ipc', 'path': '/proc/9/ns/ipc'}, {'type': 'uts', 'path': '/proc/9/ns/uts'}, {'type': 'mount'},"
             "   {'type': 'network', 'path': '/proc/9/ns/net'}]}}");
        request_passes(&q);
        cr_assert_str_eq(q.sandbox.group_key, "pod7");
        cr_assert_str_eq(q.sandbox.spec.linux_.namespaces[SPEC_NS_IPC].path, "/proc/9/ns/ipc");
        cr_assert_null(request_finding(&q, FINDING_TIGHTENED, "noNewPrivileges"));
}
