/* Ids: user namespaces, ranges, and the file systems that have to show a build's ids as the disk's. The mounts are made
 * by the room that makes them for a build (runtime/restack.c), in a mount namespace that ends with the child. */
#include "runtime/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"
#include "runtime/leases.h"
#include "runtime/restack.h"
#include "runtime/subid.h"
#include "runtime/userns.h"

static int make_namespace(int *ret_fd, struct error *err)
{
        static const struct spec_id_map map = { 0, LEASE_FIRST, LEASE_UNIT };

        return userns_make(&map, 1, &map, 1, ret_fd, err);
}

/* ---- ids ---- */

static int try_user_namespace(const struct doctor *doctor, const char *argument, struct error *err)
{
        auto_close int fd = UNSET_FD;

        (void)argument;
        if (doctor->privilege == HOST_REAL_ROOT)
                return make_namespace(&fd, err);
        return unshare(CLONE_NEWUSER) < 0 ? error_errno(err, errno, "make a user namespace") : 0;
}

static bool sysctl_is(const char *path, const char *value)
{
        auto_free char *text = NULL;
        size_t length;

        if (fd_read_file(AT_FDCWD, path, 64, &text, &length) < 0)
                return false;
        text[strcspn(text, "\n")] = '\0';
        return strcmp(text, value) == 0;
}

static void look_at_namespaces(struct doctor *doctor)
{
        const char *remedy = "run a kernel with CONFIG_USER_NS";
        struct error err = { 0 };

        if (doctor_try(doctor, try_user_namespace, NULL, &err) == 0) {
                doctor_add(doctor, DOCTOR_OK, "ids.namespaces", "can be made", NULL, NULL);
                return;
        }
        if (sysctl_is("/proc/sys/user/max_user_namespaces", "0"))
                remedy = "sysctl user.max_user_namespaces=15000";
        else if (doctor->privilege == HOST_PLAIN_USER && userns_is_apparmors())
                remedy = "an AppArmor profile for runb that allows userns (contrib/apparmor/runb); on Ubuntu "
                         "sysctl kernel.apparmor_restrict_unprivileged_userns=0, too";
        else if (doctor->privilege == HOST_PLAIN_USER && sysctl_is("/proc/sys/kernel/unprivileged_userns_clone", "0"))
                remedy = "sysctl kernel.unprivileged_userns_clone=1";
        doctor_add(doctor, DOCTOR_MISSING, "ids.namespaces", err.text,
                   "a build cannot have ids of its own: every create is refused", remedy);
}

static uint64_t ids_of(struct doctor *doctor, const char *file, const char *owner, const char *number)
{
        struct subid_range *ranges = NULL;
        uint64_t most = 0;
        size_t n = 0;

        if (subid_read(file, NULL, doctor->arena, &ranges, &n, NULL) < 0)
                return 0;
        for (size_t i = 0; i < n; i++)
                if (((owner != NULL && strcmp(ranges[i].owner, owner) == 0) ||
                     (number != NULL && strcmp(ranges[i].owner, number) == 0)) &&
                    ranges[i].count > most)
                        most = ranges[i].count;
        return most;
}

static void look_at_ranges(struct doctor *doctor)
{
        uint64_t uids, gids;
        char number[16], found[160];

        if (doctor->privilege == HOST_ENGINE_ROOT) {
                doctor_add(doctor, DOCTOR_OK, "ids.ranges", "the engine's user namespace", NULL, NULL);
                return;
        }
        snprintf(number, sizeof number, "%u", getuid());
        if (doctor->privilege == HOST_REAL_ROOT) {
                const char *owner = doctor->subid_user != NULL ? doctor->subid_user : LEASE_OWNER;

                uids = ids_of(doctor, "/etc/subuid", owner, NULL);
                gids = ids_of(doctor, "/etc/subgid", owner, NULL);
                if ((uids == 0) != (gids == 0) || (uids > 0 && uids < LEASE_UNIT) || (gids > 0 && gids < LEASE_UNIT) ||
                    (uids == 0 && strcmp(owner, LEASE_OWNER) != 0)) {
                        snprintf(found, sizeof found, "%llu uids and %llu gids of %s in /etc/subuid and /etc/subgid",
                                 (unsigned long long)uids, (unsigned long long)gids, owner);
                        doctor_add(doctor, DOCTOR_MISSING, "ids.ranges", found, "no build gets a range of ids",
                                   doctor->subid_user != NULL ?
                                           "give the user that ids.subidUser of the policy file names whole ranges of 65536 in both "
                                           "files, or change the policy file" :
                                           "give " LEASE_OWNER " whole ranges of 65536 in both files, or none in either");
                } else if (uids > 0) {
                        uint64_t builds = (uids < gids ? uids : gids) / LEASE_UNIT;

                        snprintf(found, sizeof found, "of %s in /etc/subuid and /etc/subgid, for %llu builds at once", owner,
                                 (unsigned long long)builds);
                        doctor_add(doctor, DOCTOR_OK, "ids.ranges", found, NULL, NULL);
                } else {
                        snprintf(found, sizeof found, "from %u up", LEASE_FIRST);
                        doctor_add(doctor, DOCTOR_OK, "ids.ranges", found, NULL, NULL);
                }
                return;
        }
        uids = ids_of(doctor, "/etc/subuid", subid_user_name(doctor->arena, getuid()), number);
        gids = ids_of(doctor, "/etc/subgid", subid_user_name(doctor->arena, getuid()), number);
        snprintf(found, sizeof found, "%llu uids and %llu gids in /etc/subuid and /etc/subgid",
                 (unsigned long long)uids, (unsigned long long)gids);
        doctor_add(doctor, uids < LEASE_UNIT || gids < LEASE_UNIT ? DOCTOR_WEAKER : DOCTOR_OK, "ids.ranges", found,
                   "a build has too few ids: chown, useradd and packages with users of their own fail in it",
                   "give this user 65536 ids in /etc/subuid and /etc/subgid (usermod --add-subuids, --add-subgids) and "
                   "install "
                   "newuidmap and newgidmap");
}

void doctor_look_at_ids(struct doctor *doctor)
{
        look_at_namespaces(doctor);
        look_at_ranges(doctor);
}

/* ---- file systems ---- */

/* Gives @folder, which is the rootfs here, a range's ids as create does. */
static int map_folder(const char *folder, struct error *err)
{
        auto_arena struct arena arena = { 0 };
        auto_close int userns_fd = UNSET_FD, tree_fd = UNSET_FD;
        auto_free char *real = realpath(folder, NULL);
        struct restack_plan plan;
        struct stat st;
        int r = make_namespace(&userns_fd, err);

        if (r == 0 && real == NULL)
                r = error_errno(err, errno, "%s", folder);
        if (r == 0)
                r = restack_plan_make(&arena, &(struct restack_request){ .rootfs = real, .is_mapped = true, .token = "doctor" },
                                      &plan, err);
        if (r == 0)
                r = restack_prepare(&plan, userns_fd, LEASE_FIRST, LEASE_FIRST, &tree_fd, err);
        if (r < 0)
                return r;
        if (fstatat(tree_fd, "", &st, AT_EMPTY_PATH) < 0)
                return error_errno(err, errno, "look at it");
        return 0;
}

static int own_mounts(struct error *err)
{
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return error_errno(err, errno, "make a mount namespace");
        return 0;
}

static int try_map(const struct doctor *doctor, const char *folder, struct error *err)
{
        int r = own_mounts(err);

        (void)doctor;
        return r < 0 ? r : map_folder(folder, err);
}

/* An overlay as an engine mounts it, with the upper layer on a tmpfs; then the second one over the same layers, with a
 * range's ids, and a file made through it. @folder: the lower layer; NULL: on the tmpfs, too. */
static int try_overlay(const struct doctor *doctor, const char *folder, struct error *err)
{
        auto_arena struct arena arena = { 0 };
        auto_close int userns_fd = UNSET_FD, tree_fd = UNSET_FD, lower_fd = UNSET_FD, file_fd = UNSET_FD;
        struct restack_plan plan;
        char options[160];
        struct stat st;
        int r = own_mounts(err);

        (void)doctor;
        if (r < 0)
                return r;
        /* Before the tmpfs covers what it may lie below. */
        lower_fd = open(folder != NULL ? folder : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (lower_fd < 0)
                return error_errno(err, errno, "open %s", folder);
        if (mount("tmpfs", "/tmp", "tmpfs", 0, "mode=755,size=1m") < 0 || chdir("/tmp") < 0)
                return error_errno(err, errno, "mount a tmpfs");
        if (mkdir("lower", 0755) < 0 || mkdir("upper", 0755) < 0 || mkdir("work", 0755) < 0 ||
            mkdir("merged", 0755) < 0)
                return error_errno(err, errno, "make folders on a tmpfs");
        if (folder != NULL) /* a name without the characters that an overlay's options give a meaning */
                snprintf(options, sizeof options, "lowerdir=/proc/self/fd/%d,upperdir=/tmp/upper,workdir=/tmp/work",
                         lower_fd);
        else
                snprintf(options, sizeof options, "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work");
        if (folder != NULL && strpbrk(folder, ",:\\") == NULL)
                snprintf(options, sizeof options, "lowerdir=%.90s,upperdir=/tmp/upper,workdir=/tmp/work", folder);
        if (mount("overlay", "merged", "overlay", 0, options) < 0)
                return error_errno(err, errno, "mount an overlay");
        r = make_namespace(&userns_fd, err);
        if (r == 0)
                r = restack_plan_make(&arena, &(struct restack_request){ .rootfs = "/tmp/merged", .is_mapped = true,
                                                                      .token = "doctor" }, &plan, err);
        if (r == 0)
                r = restack_prepare(&plan, userns_fd, LEASE_FIRST, LEASE_FIRST, &tree_fd, err);
        if (r < 0)
                return r;
        if (!plan.is_overlay)
                return error_set(err, EPROTO, "the overlay was not seen as one");
        /* A new file belongs to the build's root, and on the disk to root. */
        if (setfsuid(LEASE_FIRST) < 0 || setfsgid(LEASE_FIRST) < 0)
                return error_errno(err, errno, "take an id of the range");
        file_fd = openat(tree_fd, "file", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
        if (file_fd < 0)
                return error_errno(err, errno, "make a file through the second overlay");
        if (stat("/tmp/upper/file", &st) < 0 || st.st_uid != 0 || st.st_gid != 0)
                return error_set(err, EPROTO, "a file of the build's root does not lie on the disk as root's");
        return 0;
}

/* Linux 6.15 takes layers by fd. Asking mounts nothing: the context goes with its fd. */
static bool takes_layers_by_fd(void)
{
        auto_close int fs_fd = fsopen("overlay", FSOPEN_CLOEXEC), folder_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

        return fs_fd >= 0 && folder_fd >= 0 && fsconfig(fs_fd, FSCONFIG_SET_FD, "lowerdir+", NULL, folder_fd) == 0;
}

static bool is_overlay(const char *folder)
{
        struct statfs fs;

        return statfs(folder, &fs) == 0 && (unsigned long)fs.f_type == OVERLAYFS_SUPER_MAGIC;
}

/* The nearest folder that is there: --root may not have been made yet. */
static const char *existing(struct doctor *doctor, const char *path)
{
        char *folder = arena_string(doctor->arena, path);

        while (folder != NULL && strlen(folder) > 1 && access(folder, F_OK) < 0)
                *(strrchr(folder, '/') == folder ? folder + 1 : strrchr(folder, '/')) = '\0';
        return folder;
}

static void look_at_folder(struct doctor *doctor, const char *folder, bool is_engines)
{
        char name[300];
        struct error err = { 0 };

        if (is_overlay(folder)) {
                snprintf(name, sizeof name, "overlay.restack %.200s", folder);
                doctor_add(doctor, is_engines ? DOCTOR_MISSING : DOCTOR_WEAKER, name, "an overlay itself",
                           "overlayfs takes no overlay as its upper layer, and no id map: engines that keep images "
                           "there are refused",
                           "put a local disk or a tmpfs there");
                return;
        }
        snprintf(name, sizeof name, "idmap %.200s", folder);
        if (doctor_try(doctor, try_map, folder, &err) < 0)
                doctor_add(doctor, is_engines ? DOCTOR_MISSING : DOCTOR_WEAKER, name, err.text,
                           "a rootfs or writable bind from there is refused unless the engine maps ids itself",
                           "use ext4, xfs, btrfs or (Linux 6.3) tmpfs there, or let the engine map ids (podman "
                           "--userns=auto, "
                           "Kubernetes hostUsers: false, docker userns-remap)");
        else
                doctor_add(doctor, DOCTOR_OK, name, "id-mapped mounts work", NULL, NULL);
        if (!is_engines)
                return;
        snprintf(name, sizeof name, "overlay.restack %.200s", folder);
        if (doctor_try(doctor, try_overlay, folder, &err) < 0)
                doctor_add(doctor, DOCTOR_MISSING, name, err.text,
                           "images there cannot be given a build's ids: create is refused",
                           "run Linux 5.19 or later with overlayfs, and keep images on ext4, xfs or btrfs");
        else
                doctor_add(doctor, DOCTOR_OK, name, "a layer there can be mounted again with a build's ids", NULL,
                           NULL);
}

void doctor_look_at_mounts(struct doctor *doctor)
{
        static const char *const engines[] = { "/var/lib/containers", "/var/lib/docker", "/var/lib/containerd" };
        struct error err = { 0 };
        const char *root;

        if (doctor->privilege != HOST_REAL_ROOT) {
                doctor_add(doctor, DOCTOR_OK, "idmap", "not needed: a plain user's ids are mapped one to one", NULL,
                           NULL);
                return;
        }
        if (doctor_try(doctor, try_overlay, NULL, &err) < 0)
                doctor_add(doctor, DOCTOR_MISSING, "overlay.restack", err.text,
                           "a build's image cannot be given its ids: engines "
                           "with overlay storage are refused",
                           "run Linux 5.19 or later (6.3 for layers on a tmpfs) with overlayfs");
        else
                doctor_add(doctor, DOCTOR_OK, "overlay.restack", "tried on a tmpfs", NULL, NULL);
        doctor_add(doctor, takes_layers_by_fd() ? DOCTOR_OK : DOCTOR_WEAKER, "overlay.layers_by_fd",
                   takes_layers_by_fd() ? "there" : "not there",
                   "a start takes a process more, and images with hundreds of layers are refused", "run Linux 6.15 or later");
        for (size_t i = 0; i < sizeof engines / sizeof *engines; i++)
                if (access(engines[i], F_OK) == 0)
                        look_at_folder(doctor, engines[i], true);
        root = existing(doctor, doctor->root);
        if (root != NULL)
                look_at_folder(doctor, root, false);
        look_at_folder(doctor, "/tmp", false);
}
