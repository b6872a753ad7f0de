#include "runtime/host.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/fd.h"
#include "tests/unit/fork.h"

static char folder[] = "/tmp/runb-host.XXXXXX";
static struct arena arena;
static struct spec spec;
static struct spec_mount mounts[4];
static struct host host;

static void setup(void)
{
        struct error err = { 0 };
        char real[PATH_MAX];

        cr_assert_not_null(mkdtemp(folder));
        cr_assert_not_null(realpath(folder, real));
        cr_assert_str_eq(real, folder);
        cr_assert_eq(chmod(folder, 0755), 0);
        cr_assert_eq(fd_make_folders(arena_format(&arena, "%s/rootfs", folder), 0755), 0, "%s", err.text);
        spec = (struct spec){ .root_path = "rootfs", .mounts = mounts };
}

static void teardown(void)
{
        fd_remove_tree(AT_FDCWD, folder);
        arena_free(&arena);
}

TestSuite(host, .init = setup, .fini = teardown);

static const char *in_folder(const char *name)
{
        return arena_format(&arena, "%s/%s", folder, name);
}

static void gather(void)
{
        struct error err = { 0 };

        cr_assert_eq(host_gather(&spec, folder, &arena, &host, &err), 0, "%s", err.text);
}

static const struct host_source *look_at(const char *source)
{
        mounts[0] = (struct spec_mount){ .kind = SPEC_MOUNT_BIND, .target = "/x", .source = source, .data = "" };
        spec.n_mounts = 1;
        gather();
        cr_assert(host.sources[0].is_known);
        return &host.sources[0];
}

static void make_file(const char *path)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

        cr_assert_geq(fd, 0, "%s", path);
        close(fd);
}

Test(host, knows_its_caller_and_kernel)
{
        gather();
        cr_assert_eq(host.privilege, host_privilege());
        cr_assert_geq(host.kernel_major, 5);
        cr_assert_geq(host.n_own_uid_map, 1);
        cr_assert_geq(host.n_own_gid_map, 1);
        cr_assert(host.has_seccomp);
        if (geteuid() != 0)
                cr_assert_eq(host.privilege, HOST_PLAIN_USER);
}

Test(host, knows_the_rootfs_relative_to_the_bundle)
{
        gather();
        cr_assert_eq(host.rootfs_error, 0);
        cr_assert_str_eq(host.rootfs_real_path, in_folder("rootfs"));
        spec.root_path = "elsewhere";
        gather();
        cr_assert_eq(host.rootfs_error, ENOENT);
        cr_assert_null(host.rootfs_real_path);
}

Test(host, follows_links_to_what_is_there)
{
        const struct host_source *source;

        make_file(in_folder("file"));
        cr_assert_eq(symlink("file", in_folder("link")), 0);
        source = look_at("link");
        cr_assert_eq(source->error, 0);
        cr_assert_str_eq(source->real_path, in_folder("file"));
        cr_assert(S_ISREG(source->mode));
        cr_assert_eq(source->uid, geteuid());
        cr_assert_neq(source->inode, 0);
}

Test(host, records_what_is_missing)
{
        cr_assert_eq(look_at("/nowhere/at/all")->error, ENOENT);
}

Test(host, a_fifo_does_not_hold_it, .timeout = 5)
{
        cr_assert_eq(mkfifo(in_folder("fifo"), 0600), 0);
        cr_assert(S_ISFIFO(look_at("fifo")->mode));
}

Test(host, sees_sockets_and_folders_that_hold_an_engines)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        cr_assert_eq(mkdir(in_folder("run"), 0755), 0);
        make_file(in_folder("run/podman.sock"));
        cr_assert_null(look_at("run")->engine_socket, "a file of that name is none");
        snprintf(address.sun_path, sizeof address.sun_path, "%s", in_folder("run/docker.sock"));
        cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
        cr_assert_str_eq(look_at("run")->engine_socket, "docker.sock");
        cr_assert(S_ISSOCK(look_at("run/docker.sock")->mode));
        close(fd);
}

Test(host, other_mounts_and_remounts_are_not_looked_at)
{
        mounts[0] = (struct spec_mount){ .kind = SPEC_MOUNT_TMPFS, .target = "/x", .source = "/etc", .data = "" };
        mounts[1] = (struct spec_mount){
                .kind = SPEC_MOUNT_BIND, .is_remount = true, .target = "/x", .source = "/etc", .data = ""
        };
        spec.n_mounts = 2;
        gather();
        cr_assert_not(host.sources[0].is_known);
        cr_assert_not(host.sources[1].is_known);
}

static void needs_root(void)
{
        if (host_privilege() != HOST_REAL_ROOT)
                cr_skip_test("needs root of the initial user namespace");
}

/* A folder whose /tmp is no nosuid mount, or the question is not asked. */
static void needs_suid_folder(void)
{
        needs_root();
        if (look_at("rootfs")->mount_flags & 2 /* ST_NOSUID */)
                cr_skip_test("needs a /tmp without nosuid");
}

Test(host, tells_private_folders_from_open_ones)
{
        needs_suid_folder();
        cr_assert_eq(fd_make_folders(in_folder("storage/volumes/v"), 0755), 0);
        cr_assert_not(look_at("storage/volumes/v")->is_private_folder);
        cr_assert_eq(chmod(in_folder("storage"), 0700), 0);
        cr_assert(look_at("storage/volumes/v")->is_private_folder);
        cr_assert_eq(chmod(in_folder("storage"), 0710), 0);
        cr_assert(look_at("storage/volumes/v")->is_private_folder, "the group is root's");
        cr_assert_eq(chown(in_folder("storage"), 0, 1000), 0);
        cr_assert_not(look_at("storage/volumes/v")->is_private_folder, "a group gets in");
        cr_assert_eq(chown(in_folder("storage"), 1000, 0), 0);
        cr_assert_eq(chmod(in_folder("storage"), 0700), 0);
        cr_assert_not(look_at("storage/volumes/v")->is_private_folder, "its owner gets in");
        cr_assert_eq(chmod(in_folder("storage/volumes/v"), 0700), 0);
        cr_assert(look_at("storage/volumes/v")->is_private_folder, "itself");
}

/* buildah: BUNDLE/mnt/buildah-bind-target-0 is a bind of the volume. */
Test(host, a_bind_in_a_private_folder_is_as_open_as_its_origin)
{
        const struct host_source *source;

        needs_suid_folder();
        cr_assert_eq(fd_make_folders(in_folder("open/volume/sub"), 0755), 0);
        cr_assert_eq(fd_make_folders(in_folder("private/target"), 0755), 0);
        cr_assert_eq(chmod(in_folder("private"), 0700), 0);
        cr_assert(look_at("private/target")->is_private_folder);
        cr_assert_eq(unshare(CLONE_NEWNS), 0);
        cr_assert_eq(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL), 0);
        cr_assert_eq(mount(in_folder("open/volume"), in_folder("private/target"), NULL, MS_BIND, NULL), 0);

        source = look_at("private/target");
        cr_assert_not_null(source->origin_path);
        cr_assert_str_eq(source->origin_path, in_folder("open/volume"));
        cr_assert_not(source->is_private_folder);
        source = look_at("private/target/sub");
        cr_assert_str_eq(source->origin_path, in_folder("open/volume/sub"));
        cr_assert_not(source->is_private_folder);
        cr_assert_eq(chmod(in_folder("open"), 0700), 0);
        cr_assert(look_at("private/target/sub")->is_private_folder);

        /* What hides the origin does not make it private. */
        cr_assert_eq(chmod(in_folder("open"), 0755), 0);
        cr_assert_eq(mount("tmpfs", in_folder("open"), "tmpfs", 0, NULL), 0);
        source = look_at("private/target");
        cr_assert_null(source->origin_path);
        cr_assert_not(source->is_private_folder);
        umount2(in_folder("open"), MNT_DETACH);
        umount2(in_folder("private/target"), MNT_DETACH);
}

Test(host, a_file_system_of_its_own_lies_where_it_is_mounted)
{
        needs_suid_folder();
        cr_assert_eq(fd_make_folders(in_folder("private/disk"), 0755), 0);
        cr_assert_eq(chmod(in_folder("private"), 0700), 0);
        cr_assert_eq(unshare(CLONE_NEWNS), 0);
        cr_assert_eq(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL), 0);
        cr_assert_eq(mount("tmpfs", in_folder("private/disk"), "tmpfs", 0, "mode=755"), 0);
        cr_assert_null(look_at("private/disk")->origin_path);
        cr_assert(look_at("private/disk")->is_private_folder);
        umount2(in_folder("private/disk"), MNT_DETACH);
}

/* ---- hooks ---- */

static const struct host_hook *look_at_hook(const char *path)
{
        static struct spec_hook hook;

        hook = (struct spec_hook){ .path = path };
        spec.hooks[SPEC_HOOK_PRESTART] = (struct spec_hook_list){ &hook, 1 };
        gather();
        return &host.hooks[SPEC_HOOK_PRESTART][0];
}

Test(host, a_hook_of_the_system_is_roots_alone)
{
        const struct host_hook *fact = look_at_hook("/bin/sh");

        cr_assert_eq(fact->error, 0);
        cr_assert(fact->is_root_only);
        cr_assert_not(fact->is_in_rootfs);
        cr_assert_eq(fact->real_path[0], '/');
}

Test(host, a_hook_by_a_magic_link_is_what_it_leads_to)
{
        const struct host_hook *fact = look_at_hook("/proc/self/exe");

        cr_assert_eq(fact->error, 0);
        cr_assert_null(strstr(fact->real_path, "/proc/"), "%s", fact->real_path);
}

Test(host, a_hook_that_others_can_write_is_seen)
{
        needs_root();
        cr_assert_eq(mkdir(in_folder("hooks"), 0755), 0);
        make_file(in_folder("hooks/h"));
        cr_assert(look_at_hook(in_folder("hooks/h"))->is_root_only, "/tmp is sticky, and what is in it root's");
        cr_assert_eq(chmod(in_folder("hooks/h"), 0666), 0);
        cr_assert_not(look_at_hook(in_folder("hooks/h"))->is_root_only);
        cr_assert_eq(chmod(in_folder("hooks/h"), 0755), 0);
        cr_assert_eq(chown(in_folder("hooks/h"), 1000, 0), 0);
        cr_assert_not(look_at_hook(in_folder("hooks/h"))->is_root_only);
        cr_assert_eq(chown(in_folder("hooks/h"), 0, 0), 0);
        cr_assert_eq(chmod(in_folder("hooks"), 0777), 0);
        cr_assert_not(look_at_hook(in_folder("hooks/h"))->is_root_only, "its folder");
        cr_assert_eq(chmod(in_folder("hooks"), 0755), 0);
        cr_assert(look_at_hook(in_folder("hooks/missing"))->is_root_only);
        cr_assert_eq(look_at_hook(in_folder("hooks/missing"))->error, ENOENT);
        cr_assert_not(look_at_hook("/tmp/runb-nobody-has-this")->is_root_only, "anyone could make it");
}

Test(host, a_hook_in_the_rootfs_or_a_writable_bind_is_seen)
{
        make_file(in_folder("rootfs/h"));
        cr_assert(look_at_hook(in_folder("rootfs/h"))->is_in_rootfs);
        cr_assert_eq(mkdir(in_folder("bound"), 0755), 0);
        make_file(in_folder("bound/h"));
        cr_assert_not(look_at_hook(in_folder("bound/h"))->is_in_rootfs);
        mounts[0] = (struct spec_mount){ .kind = SPEC_MOUNT_BIND, .target = "/x", .source = "bound", .data = "" };
        spec.n_mounts = 1;
        cr_assert(look_at_hook(in_folder("bound/h"))->is_in_rootfs);
        mounts[0].attr_set = MOUNT_ATTR_RDONLY;
        cr_assert_not(look_at_hook(in_folder("bound/h"))->is_in_rootfs);
}

/* ---- namespaces ---- */

static const struct host_namespace *look_at_ns(enum spec_ns kind, const char *path)
{
        memset(spec.linux_.namespaces, 0, sizeof spec.linux_.namespaces);
        spec.linux_.namespaces[kind] = (struct spec_namespace){ .is_given = true, .path = path };
        gather();
        cr_assert(host.namespaces[kind].is_known);
        return &host.namespaces[kind];
}

Test(host, knows_its_own_namespaces)
{
        const struct host_namespace *fact = look_at_ns(SPEC_NS_NET, "/proc/self/ns/net");

        cr_assert_eq(fact->error, 0);
        cr_assert(fact->is_right_type);
        cr_assert(fact->is_host);
        cr_assert_neq(fact->inode, 0);
        cr_assert(look_at_ns(SPEC_NS_USER, "/proc/self/ns/user")->is_host);
}

Test(host, tells_one_type_from_another_and_from_a_file, .timeout = 5)
{
        cr_assert_not(look_at_ns(SPEC_NS_NET, "/proc/self/ns/uts")->is_right_type);
        cr_assert_not(look_at_ns(SPEC_NS_NET, "/etc/passwd")->is_right_type);
        cr_assert_eq(look_at_ns(SPEC_NS_NET, "/nowhere")->error, ENOENT);
        cr_assert_eq(mkfifo(in_folder("fifo"), 0600), 0);
        cr_assert_not(look_at_ns(SPEC_NS_NET, in_folder("fifo"))->is_right_type);
}

/* A process in namespaces of its own, until the pipe is closed. */
static pid_t park(int flags, int *ret_hold)
{
        int hold[2], ready[2];
        char byte = 0;
        pid_t pid;

        cr_assert_eq(pipe2(hold, O_CLOEXEC), 0);
        cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
        pid = test_fork();
        if (pid == 0) {
                close(hold[1]);
                if (unshare(flags) < 0)
                        _exit(1);
                (void)!write(ready[1], &byte, 1);
                (void)!read(hold[0], &byte, 1);
                _exit(0);
        }
        close(hold[0]);
        close(ready[1]);
        if (read(ready[0], &byte, 1) != 1) {
                waitpid(pid, NULL, 0);
                cr_skip_test("needs the right to make namespaces");
        }
        close(ready[0]);
        *ret_hold = hold[1];
        return pid;
}

Test(host, another_namespace_is_not_the_hosts)
{
        int hold;
        pid_t pid;

        needs_root();
        pid = park(CLONE_NEWUTS, &hold);
        cr_assert(look_at_ns(SPEC_NS_UTS, arena_format(&arena, "/proc/%d/ns/uts", pid))->error == 0);
        cr_assert_not(host.namespaces[SPEC_NS_UTS].is_host);
        close(hold);
        waitpid(pid, NULL, 0);
}

Test(host, reads_the_maps_of_a_user_namespace_by_process_and_by_file)
{
        const struct host_namespace *fact;
        const char *path, *pinned = in_folder("userns");
        int hold;
        pid_t pid;

        needs_root();
        pid = park(CLONE_NEWUSER | CLONE_NEWUTS, &hold);
        cr_assert_eq(fd_write_file(AT_FDCWD, arena_format(&arena, "/proc/%d/uid_map", pid), "0 300000 1000\n"), 0);
        cr_assert_eq(fd_write_file(AT_FDCWD, arena_format(&arena, "/proc/%d/gid_map", pid), "0 400000 1000\n"), 0);

        path = arena_format(&arena, "/proc/%d/ns/user", pid);
        for (int round = 0; round < 2; round++) {
                fact = look_at_ns(SPEC_NS_USER, path);
                cr_assert_eq(fact->error, 0);
                cr_assert_not(fact->is_host);
                cr_assert_eq(fact->n_uid_map, 1);
                cr_assert_eq(fact->uid_map[0].outside, 300000);
                cr_assert_eq(fact->gid_map[0].outside, 400000);
                cr_assert_eq(fact->gid_map[0].size, 1000);
                if (round > 0)
                        break;
                /* A file, as engines pin them: nothing names a process any more. */
                make_file(pinned);
                cr_assert_eq(unshare(CLONE_NEWNS), 0);
                cr_assert_eq(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL), 0);
                cr_assert_eq(mount(path, pinned, NULL, MS_BIND, NULL), 0);
                path = pinned;
        }
        umount2(pinned, MNT_DETACH);
        close(hold);
        waitpid(pid, NULL, 0);
}

/* ---- users ---- */

Test(host, finds_the_hosts_users_in_the_engines_map)
{
        static const struct spec_id_map map[] = { { 0, 4000000000u, 10 }, { 10, 0, 1 } };

        needs_root();
        spec.linux_.uid_map = spec.linux_.gid_map = map;
        spec.linux_.n_uid_map = spec.linux_.n_gid_map = 2;
        gather();
        cr_assert_null(host.uid_map_ids[0].user);
        cr_assert_not(host.uid_map_ids[0].is_delegated);
        cr_assert_str_eq(host.uid_map_ids[1].user, "root");
        cr_assert_str_eq(host.gid_map_ids[1].user, "root");
}
