/* Making the second overlay. Its mounter has fsuid and fsgid in the range (else the kernel cannot make the work
 * folder's contents, EOVERFLOW) and only the capabilities that overlayfs uses on the mounter's behalf afterwards:
 * it keeps these credentials for every access to the layers. */
#include "runtime/restack_overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/log.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"

/* ---- the mounter's credentials ---- */

struct credentials {
        struct __user_cap_data_struct caps[2];
        uid_t fsuid;
        gid_t fsgid;
};

static int set_caps(const struct __user_cap_data_struct caps[2])
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

        return syscall(SYS_capset, &header, caps) < 0 ? -errno : 0;
}

static int become_again(const struct credentials *before, struct error *err)
{
        int r;

        setfsuid(before->fsuid);
        setfsgid(before->fsgid);
        r = set_caps(before->caps);
        if (r == 0 && ((uid_t)setfsuid((uid_t)-1) != before->fsuid || (gid_t)setfsgid((gid_t)-1) != before->fsgid))
                r = -EPERM;
        return r < 0 ? error_errno(err, r, "take back the credentials") : 0;
}

static int become_mounter(uid_t uid, gid_t gid, struct credentials *ret_before, struct error *err)
{
        const uint32_t needed = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER | 1u << CAP_FSETID |
                                1u << CAP_MKNOD | 1u << CAP_SYS_ADMIN | 1u << CAP_SETFCAP;
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct caps[2];
        int r;

        if (syscall(SYS_capget, &header, ret_before->caps) < 0)
                return error_errno(err, errno, "capget");
        ret_before->fsgid = (gid_t)setfsgid(gid);
        ret_before->fsuid = (uid_t)setfsuid(uid);
        if ((uid_t)setfsuid((uid_t)-1) != uid || (gid_t)setfsgid((gid_t)-1) != gid) {
                become_again(ret_before, NULL);
                return error_set(err, EPERM, "cannot take the ids %u:%u for file access", uid, gid);
        }
        memcpy(caps, ret_before->caps, sizeof caps);
        caps[0].effective = needed;
        caps[1].effective = 0;
        r = set_caps(caps);
        if (r < 0)
                become_again(ret_before, NULL);
        return r < 0 ? error_errno(err, r, "capset") : 0;
}

/* ---- layers by fd ---- */

struct fds {
        int *lower;                     /* O_PATH */
        size_t n_lower;
        int upper, work;
        int scratch;                    /* the tmpfs of our own upper layer */
        int *clones;
        size_t n_clones;
        int *submounts;
        size_t n_submounts;
};

static void fds_close(struct fds *fds)
{
        for (size_t i = 0; i < fds->n_lower; i++)
                auto_close_cleanup(&fds->lower[i]);
        for (size_t i = 0; i < fds->n_clones; i++)
                auto_close_cleanup(&fds->clones[i]);
        for (size_t i = 0; i < fds->n_submounts; i++)
                auto_close_cleanup(&fds->submounts[i]);
        auto_close_cleanup(&fds->upper);
        auto_close_cleanup(&fds->work);
        auto_close_cleanup(&fds->scratch);
        free(fds->submounts);
        free(fds->lower);
        free(fds->clones);
        *fds = (struct fds){ .upper = UNSET_FD, .work = UNSET_FD, .scratch = UNSET_FD };
}

static int make_clones(const struct restack_overlay *overlay, int userns_fd, struct fds *fds, struct error *err)
{
        struct mount_attr attr = { .attr_set = overlay->is_mapped ? MOUNT_ATTR_IDMAP : 0, .propagation = MS_PRIVATE,
                                   .userns_fd = overlay->is_mapped ? (uint64_t)(unsigned)userns_fd : 0 };

        fds->clones = calloc(overlay->n_mounts, sizeof *fds->clones);
        if (fds->clones == NULL)
                return error_errno(err, ENOMEM, "layers");
        for (fds->n_clones = 0; fds->n_clones < overlay->n_mounts; fds->n_clones++) {
                const char *folder = overlay->mounts[fds->n_clones].folder;
                int fd = open_tree(AT_FDCWD, folder, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

                if (fd < 0)
                        return error_errno(err, errno, "clone the mount of %s", folder);
                fds->clones[fds->n_clones] = fd;
                if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0) {
                        int error = errno;

                        fds->n_clones++;
                        return restack_refuse(fd, folder, error, err);
                }
        }
        return 0;
}

/* What the engine mounted below the rootfs, id-mapped where that can be; the others' owners show as nobody. */
static int clone_submounts(const struct restack_overlay *overlay, int userns_fd, struct fds *fds, struct error *err)
{
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)(unsigned)userns_fd };
        struct mount_attr readonly = { .attr_set = MOUNT_ATTR_RDONLY };

        if (overlay->n_submounts == 0)
                return 0;
        fds->submounts = calloc(overlay->n_submounts, sizeof *fds->submounts);
        if (fds->submounts == NULL)
                return error_errno(err, ENOMEM, "mounts below it");
        for (; fds->n_submounts < overlay->n_submounts; fds->n_submounts++) {
                const char *path = overlay->submounts[fds->n_submounts].path;
                int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);

                fds->submounts[fds->n_submounts] = fd;
                /* Covered by another one, in which there is no such place: nobody sees it. */
                if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
                        continue;
                if (fd < 0)
                        return error_errno(err, errno, "clone the mount of %s", path);
                if (overlay->is_mapped && mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
                        log_debug("%s cannot map ids; its files belong to nobody in the container", path);
                /* They are the engine's tree, too, and no layer of ours lies over them. */
                if (overlay->upper_bytes > 0 && mount_setattr(fd, "", AT_EMPTY_PATH, &readonly, sizeof readonly) < 0)
                        return error_errno(err, errno, "make the mount of %s read-only", path);
        }
        return 0;
}

/* From the whole overlay to the rootfs, which may be a folder of it, with what was mounted below the engine's. */
static int cut_tree(const struct restack_overlay *overlay, const struct fds *fds, int overlay_fd, int *ret_tree_fd,
                    struct error *err)
{
        const uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
        const char *folder = overlay->subfolder[1] == '\0' ? "." : overlay->subfolder + 1;
        auto_close int root = sys_openat2(overlay_fd, folder, O_PATH | O_DIRECTORY, 0, resolve);
        int tree_fd;

        if (root < 0)
                return error_errno(err, errno, "open %s of the new overlay", folder);
        for (size_t i = 0; i < fds->n_submounts; i++) {
                const char *below = overlay->submounts[i].below;
                auto_close int at = UNSET_FD;

                if (fds->submounts[i] < 0)
                        continue;
                at = sys_openat2(root, below, O_PATH, 0, resolve);
                if (at < 0 || move_mount(fds->submounts[i], "", at, "",
                                         MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
                        return error_errno(err, errno, "mount %s on the new overlay", below);
        }
        tree_fd = open_tree(root, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
        if (tree_fd < 0)
                return error_errno(err, errno, "clone the new overlay");
        *ret_tree_fd = tree_fd;
        return 0;
}

/* Opens @path by way of the clone of its mount. */
static int open_layer(const struct restack_overlay *overlay, const struct fds *fds, const char *path, size_t mount,
                      int *ret_fd, struct error *err)
{
        const char *folder = overlay->mounts[mount].folder;
        const char *below = path + (strcmp(folder, "/") == 0 ? 0 : strlen(folder));
        const char *name = below[0] == '/' && below[1] != '\0' ? below + 1 : ".";
        int fd = sys_openat2(fds->clones[mount], name, O_PATH | O_DIRECTORY, 0,
                             RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);

        if (fd < 0)
                return error_errno(err, errno, "open the layer %s", path);
        *ret_fd = fd;
        return 0;
}

/* The same folder as when the plan was made. */
static int open_known(const struct restack_overlay *overlay, const struct fds *fds, const struct restack_layer *layer,
                      int *ret_fd, struct error *err)
{
        auto_close int fd = UNSET_FD;
        struct stat st;
        int r = open_layer(overlay, fds, layer->path, layer->mount, &fd, err);

        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return error_errno(err, errno, "stat the layer %s", layer->path);
        if (st.st_dev != layer->device || st.st_ino != layer->inode)
                return error_set(err, ESTALE, "the layer %s was replaced meanwhile, or is covered by another mount",
                                 layer->path);
        *ret_fd = take_fd(&fd);
        return 0;
}

/* ---- an upper layer of our own ---- */

/* Memory of the build's own cgroup, since that is who fills it (kernel docs, cgroup-v2, "memory"); it has no name anywhere,
 * so nothing is left of it after a kill at any moment. */
static int make_scratch(const struct restack_overlay *overlay, int *ret_fd, struct error *err)
{
        auto_close int fs_fd = fsopen("tmpfs", FSOPEN_CLOEXEC);
        uint64_t inodes = overlay->upper_bytes / 4096;
        char size[24], nr_inodes[24];
        int fd;

        snprintf(size, sizeof size, "%llu", (unsigned long long)overlay->upper_bytes);
        snprintf(nr_inodes, sizeof nr_inodes, "%llu", (unsigned long long)(inodes < 1024 ? 1024 : inodes));
        if (fs_fd < 0 || fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", "runb-upper", 0) < 0 ||
            fsconfig(fs_fd, FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
            fsconfig(fs_fd, FSCONFIG_SET_STRING, "nr_inodes", nr_inodes, 0) < 0 ||
            fsconfig(fs_fd, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
            fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return error_errno(err, errno, "make a tmpfs of %s bytes for the upper layer", size);
        fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
        if (fd < 0)
                return error_errno(err, errno, "make a tmpfs of %s bytes for the upper layer", size);
        *ret_fd = fd;
        return 0;
}

/* The root of an overlay is its upper layer's: mode and owner as the image has them. */
static int make_upper(const struct restack_overlay *overlay, struct fds *fds, struct error *err)
{
        struct stat st;

        if (mkdirat(fds->scratch, "upper", 0755) < 0 || mkdirat(fds->scratch, "work", 0755) < 0)
                return error_errno(err, errno, "make the folders of the upper layer");
        fds->upper = openat(fds->scratch, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fds->work = openat(fds->scratch, "work", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fds->upper < 0 || fds->work < 0)
                return error_errno(err, errno, "open the folders of the upper layer");
        if (fstat(fds->lower[0], &st) < 0 || fchown(fds->upper, st.st_uid, st.st_gid) < 0 ||
            fchmod(fds->upper, st.st_mode & 07777) < 0)
                return error_errno(err, errno, "give the upper layer the owner of the rootfs");
        /* Without them overlayfs would mount all the same, and fail at folders that replace others. */
        if (overlay->is_user_xattr && (fsetxattr(fds->upper, "user.runb", "", 0, 0) < 0 ||
                                       fremovexattr(fds->upper, "user.runb") < 0))
                return error_set(err, EOPNOTSUPP, "an upper layer of its own in a user namespace needs user attributes on tmpfs, "
                                 "which Linux 6.6 has (%s): use rootfs \"engine\" in the profile", error_text(errno));
        return 0;
}

static int open_layers(const struct restack_overlay *overlay, struct fds *fds, struct error *err)
{
        int r = 0;

        fds->lower = calloc(overlay->n_lower, sizeof *fds->lower);
        if (fds->lower == NULL)
                return error_errno(err, ENOMEM, "layers");
        for (fds->n_lower = 0; fds->n_lower < overlay->n_lower; fds->n_lower++) {
                r = open_known(overlay, fds, &overlay->lower[fds->n_lower], &fds->lower[fds->n_lower], err);
                if (r < 0)
                        return r;
        }
        if (overlay->upper_bytes > 0)
                return make_upper(overlay, fds, err);
        if (!overlay->has_upper)
                return 0;
        r = open_known(overlay, fds, &overlay->upper, &fds->upper, err);
        return r < 0 ? r : open_layer(overlay, fds, overlay->work, overlay->upper.mount, &fds->work, err);
}

/* ---- Linux 6.15: over detached clones ---- */

static int set_fd(int fs_fd, const char *key, int fd, struct error *err)
{
        char path[32];

        /* A name that is always short: a value of fsconfig(2) holds 255 bytes. */
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (fsconfig(fs_fd, FSCONFIG_SET_STRING, key, path, 0) < 0)
                return error_errno(err, errno, "overlay option %s", key);
        return 0;
}

/* What the kernel says of a failure, "e overlay: why", comes from the context's fd. */
static int fail_with_words(int fs_fd, int code, const char *doing, struct error *err)
{
        char words[256];
        ssize_t n = read(fs_fd, words, sizeof words - 1);

        while (n > 0 && words[n - 1] == '\n')
                n--;
        if (n <= 2)
                return error_errno(err, code, "%s", doing);
        words[n] = '\0';
        return error_errno(err, code, "%s (%s)", doing, words + 2);
}

static int mount_detached(const struct restack_overlay *overlay, const struct fds *fds, int *ret_tree_fd,
                          struct error *err)
{
        auto_close int fs_fd = fsopen("overlay", FSOPEN_CLOEXEC);
        int r = 0, tree_fd;

        if (fs_fd < 0)
                return error_errno(err, errno, "fsopen overlay");
        if (fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", "overlay", 0) < 0)
                return error_errno(err, errno, "overlay source");
        for (size_t i = 0; i < fds->n_lower && r == 0; i++)
                r = set_fd(fs_fd, i < fds->n_lower - overlay->n_data ? "lowerdir+" : "datadir+", fds->lower[i], err);
        if (r == 0 && fds->upper >= 0)
                r = set_fd(fs_fd, "upperdir", fds->upper, err);
        if (r == 0 && fds->upper >= 0)
                r = set_fd(fs_fd, "workdir", fds->work, err);
        if (r < 0)
                return r;
        if (overlay->is_user_xattr && fsconfig(fs_fd, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
                return error_errno(err, errno, "overlay option userxattr");
        /* Off also where the kernel has them on by default: with them the second mount of an upper layer fails. */
        if (fsconfig(fs_fd, FSCONFIG_SET_STRING, "nfs_export", "off", 0) < 0 ||
            fsconfig(fs_fd, FSCONFIG_SET_STRING, "index", "off", 0) < 0)
                return error_errno(err, errno, "overlay options index=off and nfs_export=off");
        for (size_t i = 0; i < overlay->n_options; i++) {
                const struct restack_option *option = &overlay->options[i];

                if (fsconfig(fs_fd, option->value == NULL ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, option->key,
                             option->value, 0) < 0)
                        return error_errno(err, errno, "overlay option %s", option->key);
        }
        if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return fail_with_words(fs_fd, errno, "mount the overlay again", err);
        tree_fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
        if (tree_fd < 0)
                return error_errno(err, errno, "mount the overlay again");
        *ret_tree_fd = tree_fd;
        return 0;
}

/* ---- Linux 5.19: in a helper's mount namespace ---- */

/* SELinux takes a context with commas in quotes. */
static void add_option(struct text_buffer *data, const struct restack_option *option)
{
        text_addf(data, ",%s", option->key);
        if (option->value != NULL)
                text_addf(data, strchr(option->value, ',') != NULL ? "=\"%s\"" : "=%s", option->value);
}

static int build_data(const struct restack_overlay *overlay, const struct fds *fds, struct text_buffer *data,
                      struct error *err)
{
        /* Relative to /proc/self/fd, so that hundreds of layers fit into the page that mount(2) takes. */
        text_add(data, "nfs_export=off,index=off,lowerdir=");
        for (size_t i = 0; i < fds->n_lower; i++)
                text_addf(data, "%s%d", i == 0 ? "" : i < fds->n_lower - overlay->n_data ? ":" : "::", fds->lower[i]);
        if (overlay->is_user_xattr)
                text_add(data, ",userxattr");
        if (fds->upper >= 0)
                text_addf(data, ",upperdir=%d,workdir=%d", fds->upper, fds->work);
        for (size_t i = 0; i < overlay->n_options; i++)
                add_option(data, &overlay->options[i]);
        if (data->is_broken)
                return error_errno(err, ENOMEM, "overlay options");
        if (data->length >= (size_t)sysconf(_SC_PAGESIZE))
                return error_set(err, E2BIG, "%zu layers are more than mount(2) of this kernel takes; Linux 6.15 takes "
                                 "500", overlay->n_lower);
        return 0;
}

static int mount_in_namespace(const struct restack_overlay *overlay, struct fds *fds, int *ret_tree_fd,
                              struct error *err)
{
        auto_buffer struct text_buffer data = { 0 };
        auto_close int overlay_fd = UNSET_FD;
        struct statfs fs;
        int r;

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return error_errno(err, errno, "make a mount namespace for the overlay");
        /* They need to be attached, and are reached by their fds. */
        for (size_t i = 0; i < overlay->n_mounts; i++)
                if (move_mount(fds->clones[i], "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
                        return error_errno(err, errno, "attach the clone of %s", overlay->mounts[i].folder);
        if (fds->scratch >= 0 && move_mount(fds->scratch, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
                return error_errno(err, errno, "attach the upper layer");
        r = open_layers(overlay, fds, err);
        if (r == 0)
                r = build_data(overlay, fds, &data, err);
        if (r < 0)
                return r;
        if (chdir("/proc/self/fd") < 0)
                return error_errno(err, errno, "chdir to /proc/self/fd");
        /* Any folder will do but "/": its name leads to what lies below the mounts on it. */
        if (mount("overlay", "/proc", "overlay", MS_NODEV | (fds->upper >= 0 ? 0 : MS_RDONLY), data.text) < 0)
                return error_errno(err, errno, "mount the overlay again");
        overlay_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (overlay_fd < 0 || fstatfs(overlay_fd, &fs) < 0)
                return error_errno(err, errno, "open the overlay");
        if ((unsigned long)fs.f_type != OVERLAYFS_SUPER_MAGIC)
                return error_set(err, EPROTO, "the new overlay is not where it was mounted");
        return cut_tree(overlay, fds, overlay_fd, ret_tree_fd, err);
}

/* In a helper process, since our own mount namespace must stay what it is. The tree comes back by SCM_RIGHTS. */
static int mount_attached(const struct restack_overlay *overlay, struct fds *fds, int *ret_tree_fd, struct error *err)
{
        auto_close int ours = UNSET_FD;
        struct error answer = { 0 };
        int pair[2], tree_fd = UNSET_FD, r;
        pid_t pid;
        ssize_t n;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return error_errno(err, errno, "make a socket pair");
        ours = pair[0];
        pid = fork();
        if (pid < 0) {
                close(pair[1]);
                return error_errno(err, errno, "fork");
        }
        if (pid == 0) {
                r = mount_in_namespace(overlay, fds, &tree_fd, &answer);
                if (r == 0)
                        fd_send(pair[1], tree_fd, &answer, sizeof answer);
                else if (write(pair[1], &answer, sizeof answer) < 0)
                        _exit(2);
                _exit(0);
        }
        close(pair[1]);
        n = fd_receive(ours, &answer, sizeof answer, &tree_fd);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        if (n != (ssize_t)sizeof answer)
                return error_set(err, ECHILD, "the process that mounts the overlay ended unexpectedly");
        if (tree_fd < 0) {
                if (err != NULL)
                        *err = answer;
                return answer.code > 0 ? -answer.code : -EPROTO;
        }
        *ret_tree_fd = tree_fd;
        return 0;
}

static int mount_and_cut(const struct restack_overlay *overlay, struct fds *fds, int *ret_tree_fd, struct error *err)
{
        auto_close int overlay_fd = UNSET_FD;
        int r = mount_detached(overlay, fds, &overlay_fd, err);

        if (r == 0 && overlay->subfolder[1] == '\0' && fds->n_submounts == 0)
                *ret_tree_fd = take_fd(&overlay_fd);
        else if (r == 0)
                r = cut_tree(overlay, fds, overlay_fd, ret_tree_fd, err);
        return r;
}

/* Private, with the flags that the engine's mount has; image layers can hold device nodes. */
static int set_flags(const struct restack_overlay *overlay, int tree_fd, struct error *err)
{
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_NODEV | overlay->attributes, .propagation = MS_PRIVATE };

        /* mount_setattr(2): access time values exclude each other, so the field is cleared before one is set. */
        if ((attr.attr_set & MOUNT_ATTR__ATIME) != 0)
                attr.attr_clr = MOUNT_ATTR__ATIME;
        if (mount_setattr(tree_fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
                return error_errno(err, errno, "set the flags of the new overlay");
        attr = (struct mount_attr){ .attr_set = MOUNT_ATTR_NODEV, .propagation = MS_PRIVATE };
        if (overlay->n_submounts > 0 &&
            mount_setattr(tree_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
                return error_errno(err, errno, "set the flags of the mounts below the new overlay");
        return 0;
}

int restack_overlay_mount(const struct restack_overlay *overlay, enum restack_way way, int userns_fd, uid_t range_uid,
                          gid_t range_gid, int *ret_tree_fd, struct error *err)
{
        __attribute__((cleanup(fds_close))) struct fds fds = { .upper = UNSET_FD, .work = UNSET_FD, .scratch = UNSET_FD };
        auto_close int tree_fd = UNSET_FD;
        struct credentials before;
        struct error ignored;
        int r;

        r = make_clones(overlay, userns_fd, &fds, err);
        if (r == 0)
                r = clone_submounts(overlay, userns_fd, &fds, err);
        if (r == 0 && overlay->upper_bytes > 0)
                r = make_scratch(overlay, &fds.scratch, err);
        if (r == 0 && way == RESTACK_DETACHED)
                r = open_layers(overlay, &fds, err);
        if (r == 0)
                r = become_mounter(range_uid, range_gid, &before, err);
        if (r < 0)
                return r;
        r = way == RESTACK_DETACHED ? mount_and_cut(overlay, &fds, &tree_fd, err)
                                    : mount_attached(overlay, &fds, &tree_fd, err);
        if (become_again(&before, r == 0 ? err : &ignored) < 0)
                return r == 0 ? -EPERM : r;
        if (r == 0)
                r = set_flags(overlay, tree_fd, err);
        if (r == 0)
                *ret_tree_fd = take_fd(&tree_fd);
        return r;
}
