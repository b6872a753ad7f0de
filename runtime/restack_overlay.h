/* An overlay mount taken apart: its layers and options, from mountinfo. Only restack*.c include this. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/restack.h"

struct restack_layer {
        const char *path;               /* real path, absolute */
        size_t mount;                   /* index into mounts */
        dev_t device;                   /* what is found there must still be the same folder when it is mounted */
        ino_t inode;
};

/* One mount on which layers lie. */
struct restack_mount {
        int id;                         /* statx(2) stx_mnt_id */
        const char *folder;             /* the longest folder above all layers on it */
};

/* What is mounted below the rootfs. */
struct restack_submount {
        const char *path;               /* absolute */
        const char *below;              /* relative to the rootfs */
};

struct restack_option {
        const char *key, *value;        /* value NULL: a flag */
};

struct restack_overlay {
        const char *subfolder;          /* of the overlay, that is the rootfs; "/" nearly always */
        const struct restack_layer *lower; size_t n_lower;      /* topmost first */
        size_t n_data;                  /* of them, at the end: data-only layers */
        bool has_upper;                 /* the engine's; false too where its mount is read-only: then it is a lower one */
        struct restack_layer upper;
        const char *work;               /* ours; NULL without an upper layer */
        bool is_mapped;                 /* the layers' ids */
        uint64_t upper_bytes;           /* the size of an upper layer of our own; 0: none. Then has_upper is false */
        bool is_user_xattr;
        uint64_t attributes;            /* MOUNT_ATTR_* of the engine's mount */
        const struct restack_submount *submounts; size_t n_submounts;   /* no one before what it lies on */
        const struct restack_mount *mounts; size_t n_mounts;
        const struct restack_option *options; size_t n_options;
};

/* How to make the second overlay. Tests force each; restack_prepare() tries them in this order. */
enum restack_way {
        RESTACK_DETACHED,       /* over detached clones, lowerdir+ (Linux 6.15) */
        RESTACK_ATTACHED,       /* clones attached in a mount namespace of a helper process, mount(2) (Linux 5.19) */
};

/* Finds the mount of @rootfs_fd (O_PATH) in mountinfo and takes it apart; where it is not @is_stacked, the rootfs is the one
 * lower layer. */
int restack_overlay_plan(struct arena *arena, int rootfs_fd, const struct restack_request *request, bool is_stacked,
                         const struct restack_overlay **ret_overlay, struct error *err);

int restack_overlay_mount(const struct restack_overlay *overlay, enum restack_way way, int userns_fd, uid_t range_uid,
                          gid_t range_gid, int *ret_tree_fd, struct error *err);

/* Why a mount of @fd takes no id map (errno @code), and what helps. @what: the path to name. Returns -EOPNOTSUPP. */
int restack_refuse(int fd, const char *what, int code, struct error *err);

/* ---- the pure part: text of mountinfo ---- */

struct restack_text {
        const char *lower[512]; size_t n_lower, n_data;
        const char *upper;
        struct restack_option options[32]; size_t n_options;
};

/* Takes the super options of an overlay in /proc/self/mountinfo (proc_pid_mountinfo(5)) apart: octal escapes, the
 * overlay's own backslashes, "::" before data-only layers, lowerdir+ and datadir+. Only options that a second mount may
 * have are kept: never index=on and nfs_export=on, with which it fails. */
int restack_parse_options(struct arena *arena, const char *text, struct restack_text *ret_text, struct error *err);

/* Where the lower layers are called by the numbers of fds that the mounter had: puts the names from podman's storage in their
 * place. @ret_base: the folder that they count from. False where they are not, or no list of that length is there. */
bool restack_storage_name_layers(struct arena *arena, struct restack_text *text, const char **ret_base);
