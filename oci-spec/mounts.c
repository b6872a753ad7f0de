/* config.md, "Mounts" and "Linux mount options": every option of the table becomes flags of the new mount API
 * (mount_setattr(2), fsmount(2)); what the table does not have is for the file system and goes to data.
 *
 * Options count in the order in which they stand, a later one against an earlier one, as with mount(8). */
#include "oci-spec/rooms.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

/* <linux/mount.h> cannot be included beside glibc 2.36's <sys/mount.h> everywhere; the values are ABI. */
#ifndef MOUNT_ATTR_RDONLY
#define MOUNT_ATTR_RDONLY 0x00000001
#define MOUNT_ATTR_NOSUID 0x00000002
#define MOUNT_ATTR_NODEV 0x00000004
#define MOUNT_ATTR_NOEXEC 0x00000008
#define MOUNT_ATTR__ATIME 0x00000070
#define MOUNT_ATTR_RELATIME 0x00000000
#define MOUNT_ATTR_NOATIME 0x00000010
#define MOUNT_ATTR_STRICTATIME 0x00000020
#define MOUNT_ATTR_NODIRATIME 0x00000080
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
#ifndef MS_LAZYTIME
#define MS_LAZYTIME (1 << 25)
#endif

enum effect {
        NOTHING,
        SET, CLEAR,             /* an attribute of the mount */
        SET_BELOW, CLEAR_BELOW, /* the same of every mount below, too */
        SUPER_SET, SUPER_CLEAR, /* a flag of the file system */
        PROPAGATION,
        BIND, BIND_BELOW, REMOUNT, IDMAP, IDMAP_BELOW, COPY_UP, COPY_SYMLINK,
};

struct option {
        const char *name;
        enum effect effect;
        uint32_t flags;
};

/* Sorted by name, for bsearch(3). */
static const struct option options[] = {
        { "async", SUPER_CLEAR, MS_SYNCHRONOUS },
        { "atime", CLEAR, MOUNT_ATTR_NOATIME },
        { "bind", BIND, 0 },
        { "copy-symlink", COPY_SYMLINK, 0 },
        { "defaults", NOTHING, 0 },
        { "dev", CLEAR, MOUNT_ATTR_NODEV },
        { "diratime", CLEAR, MOUNT_ATTR_NODIRATIME },
        { "dirsync", SUPER_SET, MS_DIRSYNC },
        { "exec", CLEAR, MOUNT_ATTR_NOEXEC },
        { "idmap", IDMAP, 0 },
        { "iversion", SUPER_SET, MS_I_VERSION },
        { "lazytime", SUPER_SET, MS_LAZYTIME },
        { "loud", SUPER_CLEAR, MS_SILENT },
        { "mand", SUPER_SET, MS_MANDLOCK },
        { "noatime", SET, MOUNT_ATTR_NOATIME },
        { "nodev", SET, MOUNT_ATTR_NODEV },
        { "nodiratime", SET, MOUNT_ATTR_NODIRATIME },
        { "noexec", SET, MOUNT_ATTR_NOEXEC },
        { "noiversion", SUPER_CLEAR, MS_I_VERSION },
        { "nolazytime", SUPER_CLEAR, MS_LAZYTIME },
        { "nomand", SUPER_CLEAR, MS_MANDLOCK },
        { "norelatime", CLEAR, MOUNT_ATTR_RELATIME },
        { "nostrictatime", CLEAR, MOUNT_ATTR_STRICTATIME },
        { "nosuid", SET, MOUNT_ATTR_NOSUID },
        { "nosymfollow", SET, MOUNT_ATTR_NOSYMFOLLOW },
        { "private", PROPAGATION, MS_PRIVATE },
        { "ratime", CLEAR_BELOW, MOUNT_ATTR_NOATIME },
        { "rbind", BIND_BELOW, 0 },
        { "rdev", CLEAR_BELOW, MOUNT_ATTR_NODEV },
        { "rdiratime", CLEAR_BELOW, MOUNT_ATTR_NODIRATIME },
        { "relatime", SET, MOUNT_ATTR_RELATIME },
        { "remount", REMOUNT, 0 },
        { "rexec", CLEAR_BELOW, MOUNT_ATTR_NOEXEC },
        { "ridmap", IDMAP_BELOW, 0 },
        { "rnoatime", SET_BELOW, MOUNT_ATTR_NOATIME },
        { "rnodev", SET_BELOW, MOUNT_ATTR_NODEV },
        { "rnodiratime", SET_BELOW, MOUNT_ATTR_NODIRATIME },
        { "rnoexec", SET_BELOW, MOUNT_ATTR_NOEXEC },
        { "rnorelatime", CLEAR_BELOW, MOUNT_ATTR_RELATIME },
        { "rnostrictatime", CLEAR_BELOW, MOUNT_ATTR_STRICTATIME },
        { "rnosuid", SET_BELOW, MOUNT_ATTR_NOSUID },
        { "rnosymfollow", SET_BELOW, MOUNT_ATTR_NOSYMFOLLOW },
        { "ro", SET, MOUNT_ATTR_RDONLY },
        { "rprivate", PROPAGATION, MS_PRIVATE | MS_REC },
        { "rrelatime", SET_BELOW, MOUNT_ATTR_RELATIME },
        { "rro", SET_BELOW, MOUNT_ATTR_RDONLY },
        { "rrw", CLEAR_BELOW, MOUNT_ATTR_RDONLY },
        { "rshared", PROPAGATION, MS_SHARED | MS_REC },
        { "rslave", PROPAGATION, MS_SLAVE | MS_REC },
        { "rstrictatime", SET_BELOW, MOUNT_ATTR_STRICTATIME },
        { "rsuid", CLEAR_BELOW, MOUNT_ATTR_NOSUID },
        { "rsymfollow", CLEAR_BELOW, MOUNT_ATTR_NOSYMFOLLOW },
        { "runbindable", PROPAGATION, MS_UNBINDABLE | MS_REC },
        { "rw", CLEAR, MOUNT_ATTR_RDONLY },
        { "shared", PROPAGATION, MS_SHARED },
        { "silent", SUPER_SET, MS_SILENT },
        { "slave", PROPAGATION, MS_SLAVE },
        { "strictatime", SET, MOUNT_ATTR_STRICTATIME },
        { "suid", CLEAR, MOUNT_ATTR_NOSUID },
        { "symfollow", CLEAR, MOUNT_ATTR_NOSYMFOLLOW },
        { "sync", SUPER_SET, MS_SYNCHRONOUS },
        { "tmpcopyup", COPY_UP, 0 },
        { "unbindable", PROPAGATION, MS_UNBINDABLE },
};

const char *spec_mount_option(size_t index)
{
        return index < READER_COUNT(options) ? options[index].name : NULL;
}

static const struct option *find_option(const char *name)
{
        size_t low = 0, high = READER_COUNT(options);

        while (low < high) {
                size_t middle = (low + high) / 2;
                int r = strcmp(name, options[middle].name);

                if (r == 0)
                        return &options[middle];
                if (r < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return NULL;
}

/* mount_setattr(2): the access times are one field of three values; to change it all of its bits must be cleared.
 * RELATIME is 0, so setting it is clearing the others. */
static void set_attr(uint64_t *set, uint64_t *clear, uint64_t flag)
{
        if ((flag & ~(uint64_t)MOUNT_ATTR__ATIME) == 0) {
                *set &= ~(uint64_t)MOUNT_ATTR__ATIME;
                *clear |= MOUNT_ATTR__ATIME;
        } else {
                *clear &= ~flag;
        }
        *set |= flag;
}

static void clear_attr(uint64_t *set, uint64_t *clear, uint64_t flag)
{
        *set &= ~flag;
        *clear |= (flag & ~(uint64_t)MOUNT_ATTR__ATIME) == 0 ? (uint64_t)MOUNT_ATTR__ATIME : flag;
}

static int apply_option(struct reader *reader, struct spec_mount *mount, const char *name, bool *ret_is_data)
{
        const struct option *option = find_option(name);

        *ret_is_data = false;
        if (option == NULL) {
                /* crun's own. As data it would reach no file system: ids that are not mapped as asked. */
                if (strncmp(name, "idmap=", 6) == 0 || strncmp(name, "ridmap=", 7) == 0)
                        return reader_fail(reader, EINVAL, "%s is not supported: give uidMappings and gidMappings",
                                           READER_QUOTE(name));
                /* crun's as well. A link that is not followed here would be followed in silence. */
                if (strcmp(name, "src-nofollow") == 0 || strcmp(name, "dest-nofollow") == 0)
                        return reader_fail(reader, EINVAL, "%s is not supported: name the file that the link leads to",
                                           READER_QUOTE(name));
                *ret_is_data = name[0] != '\0';
                return 0;
        }
        switch (option->effect) {
        case NOTHING:
                break;
        case SET:
                set_attr(&mount->attr_set, &mount->attr_clear, option->flags);
                break;
        case CLEAR:
                clear_attr(&mount->attr_set, &mount->attr_clear, option->flags);
                break;
        case SET_BELOW:
                set_attr(&mount->attr_set_recursive, &mount->attr_clear_recursive, option->flags);
                break;
        case CLEAR_BELOW:
                clear_attr(&mount->attr_set_recursive, &mount->attr_clear_recursive, option->flags);
                break;
        case SUPER_SET:
                mount->sb_flags |= option->flags;
                mount->sb_flags_clear &= ~(unsigned long)option->flags;
                break;
        case SUPER_CLEAR:
                mount->sb_flags &= ~(unsigned long)option->flags;
                mount->sb_flags_clear |= option->flags;
                break;
        case PROPAGATION:
                mount->propagation = option->flags & ~(unsigned long)MS_REC;
                mount->is_propagation_recursive = (option->flags & MS_REC) != 0;
                break;
        case BIND:
                mount->kind = SPEC_MOUNT_BIND;
                break;
        case BIND_BELOW:
                mount->kind = SPEC_MOUNT_BIND;
                mount->is_recursive = true;
                break;
        case REMOUNT:
                mount->is_remount = true;
                break;
        case IDMAP:
                mount->is_idmap = true;
                mount->is_idmap_recursive = false;
                break;
        case IDMAP_BELOW:
                mount->is_idmap = true;
                mount->is_idmap_recursive = true;
                break;
        case COPY_UP:
                mount->is_tmpcopyup = true;
                break;
        case COPY_SYMLINK:
                mount->is_copy_symlink = true;
                break;
        }
        return 0;
}

static int read_options(struct reader *reader, const struct json_node *node, void *into)
{
        struct spec_mount *mount = into;
        struct reader_step step = { .up = reader->at };
        char *data = NULL, *end = NULL;
        bool is_data = false;
        int r = reader_expect(reader, node, JSON_ARRAY);

        if (r < 0)
                return r;
        json_for_each(child, node) {
                reader->at = &step;
                r = reader_expect(reader, child, JSON_STRING);
                if (r == 0)
                        r = apply_option(reader, mount, child->text, &is_data);
                reader->at = step.up;
                if (r < 0)
                        return r;
                step.index++;
                if (!is_data)
                        continue;
                if (data == NULL) {
                        size_t length = 1;

                        for (const struct json_node *rest = child; rest != NULL; rest = rest->next)
                                length += (size_t)rest->n + 1;
                        data = end = arena_alloc(reader->arena, length);
                        if (data == NULL)
                                return reader_fail_no_memory(reader);
                } else {
                        *end++ = ',';
                }
                memcpy(end, child->text, child->n);
                end += child->n;
        }
        if (data != NULL)
                mount->data = data;
        return 0;
}

/* Absolute, with "//", "." and ".." resolved as text, so that whoever compares targets compares one spelling. Links
 * are no affair of a text: the target is opened inside the rootfs, whatever it leads through. */
static int read_target(struct reader *reader, const struct json_node *node, void *into)
{
        const char *in, *part;
        char *target, *out;
        size_t length;
        int r = reader_expect(reader, node, JSON_STRING);

        if (r < 0)
                return r;
        if (node->n == 0)
                return reader_fail(reader, EINVAL, "is empty");
        /* "If the value is relative, it is relative to /" (deprecated, but it still counts). */
        target = out = arena_alloc(reader->arena, (size_t)node->n + 2);
        if (target == NULL)
                return reader_fail_no_memory(reader);
        for (in = node->text; *in != '\0';) {
                while (*in == '/')
                        in++;
                part = in;
                while (*in != '\0' && *in != '/')
                        in++;
                length = (size_t)(in - part);
                if (length == 0 || (length == 1 && part[0] == '.'))
                        continue;
                if (length == 2 && part[0] == '.' && part[1] == '.') {
                        while (out > target && *--out != '/')
                                ;
                        continue;
                }
                *out++ = '/';
                memcpy(out, part, length);
                out += length;
        }
        if (out == target)
                *out++ = '/';
        *out = '\0';
        *(const char **)into = target;
        return 0;
}

/* The recursive options have the last word, as with runc: "rro,rw" leaves nothing writable. After this, no flag is both
 * asked for and taken away, so whoever asks whether a mount is read-only gets one answer. */
static void settle_attrs(struct spec_mount *mount)
{
        uint64_t set = mount->attr_set_recursive, clear = mount->attr_clear_recursive;

        mount->attr_set &= ~clear;
        mount->attr_clear &= ~set;
        if ((set | clear) & MOUNT_ATTR__ATIME)
                mount->attr_clear &= ~(uint64_t)MOUNT_ATTR__ATIME;
}

static enum spec_mount_kind kind_of(const char *fstype)
{
        static const struct reader_name kinds[] = {
                { "bind", SPEC_MOUNT_BIND }, { "proc", SPEC_MOUNT_PROC }, { "sysfs", SPEC_MOUNT_SYSFS },
                { "cgroup", SPEC_MOUNT_CGROUP }, { "cgroup2", SPEC_MOUNT_CGROUP }, { "devpts", SPEC_MOUNT_DEVPTS },
                { "mqueue", SPEC_MOUNT_MQUEUE }, { "tmpfs", SPEC_MOUNT_TMPFS }, { "overlay", SPEC_MOUNT_OVERLAY },
        };

        for (size_t i = 0; fstype != NULL && i < READER_COUNT(kinds); i++)
                if (strcmp(fstype, kinds[i].name) == 0)
                        return (enum spec_mount_kind)kinds[i].value;
        return SPEC_MOUNT_OTHER;
}

static const struct reader_field fields[] = {
        RF_REQUIRED(struct spec_mount, "destination", target, read_target),
        RF_VALUE(struct spec_mount, "source", source, reader_text),
        RF_VALUE(struct spec_mount, "type", fstype, reader_text),
        RF_WHOLE("options", read_options),
        RF_ARRAY(struct spec_mount, "uidMappings", uid_map, n_uid_map, spec_userns_read),
        RF_ARRAY(struct spec_mount, "gidMappings", gid_map, n_gid_map, spec_userns_read),
};

int spec_mounts_read(struct reader *reader, const struct json_node *node, void *into)
{
        struct spec_mount *mount = into;
        int r;

        mount->kind = SPEC_MOUNT_OTHER;
        mount->data = "";
        r = reader_object(reader, node, fields, READER_COUNT(fields), mount);
        if (r < 0)
                return r;
        /* bind and rbind have set theirs. */
        if (mount->kind == SPEC_MOUNT_OTHER)
                mount->kind = kind_of(mount->fstype);
        if (mount->kind == SPEC_MOUNT_BIND && !mount->is_remount && mount->source == NULL)
                return reader_fail_below(reader, "source", "is required for a bind and missing");
        settle_attrs(mount);
        if (mount->n_uid_map > 0 && mount->n_gid_map == 0)
                return reader_fail_below(reader, "gidMappings", "is required beside uidMappings and missing");
        if (mount->n_gid_map > 0 && mount->n_uid_map == 0)
                return reader_fail_below(reader, "uidMappings", "is required beside gidMappings and missing");
        if (mount->n_uid_map > 0)
                mount->is_idmap = true;
        /* mount_setattr(2), MOUNT_ATTR_IDMAP: only for a mount that is not attached yet. A new file system takes owners
         * by its own options. */
        if (mount->is_idmap && (mount->kind != SPEC_MOUNT_BIND || mount->is_remount))
                return reader_fail_below(reader, "options", "idmap and ridmap are for binds; drop the mappings");
        r = spec_userns_check(reader, "uidMappings", mount->uid_map, mount->n_uid_map);
        if (r < 0)
                return r;
        return spec_userns_check(reader, "gidMappings", mount->gid_map, mount->n_gid_map);
}
