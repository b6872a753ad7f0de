/* The record of a container and the locks around it.
 *
 * Everything that a container owns is named in ROOT/<id>/state.json before it is made, so that whatever a kill -9
 * leaves can be found and undone. The file is replaced by rename(2): readers, who take no lock, see the old record or
 * the whole new one. Writers hold a lock on ROOT/<id>/lock; it belongs to the process alone, so no init or hook keeps
 * it.
 *
 * Withstands: ids that are paths ("..", "a/b"), links in the place of a container's folder, a ROOT that somebody else
 * owns or may write to, and pids that have been used again. */
#include "runtime/state.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "oci-spec/json.h"
#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/sys.h"
#include "runtime/base/text.h"
#include "runtime/cgroups.h"
#include "runtime/lock.h"
#include "runtime/userns.h"

/* A command that holds a container's lock for longer hangs: in a hook without a time limit, or stopped. */
#define LOCK_TIMEOUT_MS 30000
#define STATE_LIMIT_BYTES ((size_t)16 << 20)

/* ---- where ---- */

int state_runtime_folder(struct arena *arena, const char **ret_folder, struct error *err)
{
        const char *folder = getenv("XDG_RUNTIME_DIR");

        /* The host's root keeps to /run, since engines run some commands with the variable and others without it. */
        if (text_is_empty(folder) || (geteuid() == 0 && userns_is_initial())) {
                *ret_folder = "/run/runb";
                return 0;
        }
        if (folder[0] != '/')
                return error_set(err, EINVAL, "XDG_RUNTIME_DIR is \"%s\", which is not an absolute path", folder);
        *ret_folder = arena_format(arena, "%s/runb", folder);
        return *ret_folder != NULL ? 0 : error_errno(err, ENOMEM, "XDG_RUNTIME_DIR");
}

int state_default_root(struct arena *arena, const char **ret_root, struct error *err)
{
        const char *folder;
        int r;

        r = state_runtime_folder(arena, &folder, err);
        if (r < 0)
                return r;
        *ret_root = arena_format(arena, "%s/containers", folder);
        return *ret_root != NULL ? 0 : error_errno(err, ENOMEM, "the state folder");
}

int state_check_id(const char *id, struct error *err)
{
        static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
        size_t length = id == NULL ? 0 : strlen(id);

        /* Not quoted in full: an id comes from whoever asks. */
        if (length == 0)
                return error_set(err, EINVAL, "invalid container id: it is empty");
        if (length > 255)
                return error_set(err, EINVAL, "invalid container id: %zu bytes are more than 255", length);
        if (strchr(word, id[0]) == NULL)
                return error_set(err, EINVAL, "invalid container id: it has to begin with a letter, a digit or _");
        for (const char *p = id; *p != '\0'; p++)
                if (strchr(word, *p) == NULL && strchr(".+-", *p) == NULL)
                        return error_set(err, EINVAL,
                                         "invalid container id: only letters, digits and _ . + - may be in it");
        return 0;
}

/* Refuses a folder in which somebody else could have put, or can exchange, a container's folder. */
static int check_root(const char *root, int root_fd, struct error *err)
{
        struct stat st;

        if (fstat(root_fd, &st) < 0)
                return error_errno(err, errno, "state folder %s", root);
        if (st.st_uid != geteuid())
                return error_set(err, EPERM,
                                 "state folder %s belongs to user %u and not to the caller (user %u): choose another "
                                 "with --root", root, st.st_uid, geteuid());
        if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (st.st_mode & S_ISVTX) == 0)
                return error_set(err, EPERM,
                                 "state folder %s may be written by others (mode %04o): chmod 0700 it, or choose "
                                 "another with --root", root, st.st_mode & 07777);
        return 0;
}

static int open_root(const char *root, int *ret_fd, struct error *err)
{
        auto_close int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r;

        if (fd < 0)
                return error_errno(err, errno, "state folder %s", root);
        r = check_root(root, fd, err);
        if (r < 0)
                return r;
        *ret_fd = take_fd(&fd);
        return 0;
}

static int make_root(const char *root, struct error *err)
{
        char parent[PATH_MAX];
        char *slash;
        int r;

        if (strlen(root) >= sizeof parent)
                return error_errno(err, ENAMETOOLONG, "state folder");
        strcpy(parent, root);
        for (size_t end = strlen(parent); end > 1 && parent[end - 1] == '/'; end--)
                parent[end - 1] = '\0';
        slash = strrchr(parent, '/');
        if (slash != NULL && slash != parent) {
                *slash = '\0';
                r = fd_make_folders(parent, 0711);
                if (r < 0)
                        return error_errno(err, r, "make state folder %s", root);
        }
        if (mkdir(root, 0700) < 0 && errno != EEXIST)
                return error_errno(err, errno, "make state folder %s", root);
        /* XDG base directory specification: what shall survive the clean-up of $XDG_RUNTIME_DIR has the sticky bit. */
        if (geteuid() != 0 || !userns_is_initial())
                chmod(root, 01700);
        return 0;
}

/* ---- locks ---- */

static int lock_error(const char *id, int code, pid_t holder, struct error *err)
{
        if (code == -ETIMEDOUT && holder > 0)
                return error_set(err, EBUSY,
                                 "container %s is locked by process %d, which has not let go for %d seconds", id,
                                 holder, LOCK_TIMEOUT_MS / 1000);
        if (code == -ETIMEDOUT)
                return error_set(err, EBUSY, "container %s is locked by a process that is not seen from here", id);
        return error_errno(err, code, "lock container %s", id);
}

int state_lock(struct state_dir *dir, struct error *err)
{
        struct stat st;
        pid_t holder = 0;
        int r;

        if (dir->lock_fd < 0) {
                dir->lock_fd = openat(dir->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
                if (dir->lock_fd < 0 && errno == ENOENT)        /* the folder has been removed */
                        return error_set(err, ENOENT, "container does not exist");
                if (dir->lock_fd < 0)
                        return error_errno(err, errno, "lock container %s", dir->id);
        }
        r = lock_take(dir->lock_fd, true, LOCK_TIMEOUT_MS, &holder);
        if (r < 0)
                return lock_error(dir->id, r, holder, err);
        /* Whoever held it may have been deleting. */
        if (fstat(dir->lock_fd, &st) < 0 || st.st_nlink == 0) {
                lock_release(dir->lock_fd);
                return error_set(err, ENOENT, "container does not exist");
        }
        return 0;
}

void state_unlock(struct state_dir *dir)
{
        if (dir->lock_fd >= 0)
                lock_release(dir->lock_fd);
}

void state_dir_close(struct state_dir *dir)
{
        if (dir->id == NULL)
                return;
        auto_close_cleanup(&dir->lock_fd);
        auto_close_cleanup(&dir->fd);
        auto_close_cleanup(&dir->root_fd);
        dir->id = NULL;
}

/* Opens ROOT/<id> itself, never what a link in its place names. */
static int open_folder(int root_fd, const char *id)
{
        struct stat st;
        auto_close int fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid())
                return -EPERM;
        return take_fd(&fd);
}

int state_create(const char *root, const char *id, struct state_dir *ret_dir, struct error *err)
{
        auto_state_dir struct state_dir dir = { .root = root, .id = id, .root_fd = UNSET_FD, .fd = UNSET_FD,
                                                .lock_fd = UNSET_FD };
        int r;

        r = state_check_id(id, err);
        if (r < 0)
                return r;
        dir.root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir.root_fd < 0 && errno == ENOENT) {
                r = make_root(root, err);
                if (r < 0)
                        return r;
                dir.root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
        if (dir.root_fd < 0)
                return error_errno(err, errno, "state folder %s", root);
        r = check_root(root, dir.root_fd, err);
        if (r < 0)
                return r;
        if (mkdirat(dir.root_fd, id, 0700) < 0) {
                if (errno == EEXIST)
                        return error_set(err, EEXIST, "container with given ID already exists");
                return error_errno(err, errno, "make %s/%s", root, id);
        }
        dir.fd = open_folder(dir.root_fd, id);
        if (dir.fd < 0)
                r = error_errno(err, dir.fd, "open %s/%s", root, id);
        else
                r = state_lock(&dir, err);
        if (r < 0) {
                /* A delete --force that came between has removed it: that is its right. */
                fd_remove_tree(dir.root_fd, id);
                return r;
        }
        *ret_dir = dir;
        dir.id = NULL;
        return 0;
}

int state_open(const char *root, const char *id, bool is_shared, struct state_dir *ret_dir, struct error *err)
{
        auto_state_dir struct state_dir dir = { .root = root, .id = id, .root_fd = UNSET_FD, .fd = UNSET_FD,
                                                .lock_fd = UNSET_FD };
        int r;

        r = state_check_id(id, err);
        if (r < 0)
                return r;
        r = open_root(root, &dir.root_fd, err);
        if (r == -ENOENT)
                return error_set(err, ENOENT, "container does not exist");
        if (r < 0)
                return r;
        dir.fd = open_folder(dir.root_fd, id);
        if (dir.fd == -ENOENT)
                return error_set(err, ENOENT, "container does not exist");
        if (dir.fd == -EPERM)
                return error_set(err, EPERM, "%s/%s belongs to another user", root, id);
        if (dir.fd == -ELOOP || dir.fd == -ENOTDIR)
                return error_set(err, ENOTDIR, "%s/%s is not a folder", root, id);
        if (dir.fd < 0)
                return error_errno(err, dir.fd, "open %s/%s", root, id);
        if (!is_shared) {
                r = state_lock(&dir, err);
                if (r < 0)
                        return r;
        }
        *ret_dir = dir;
        dir.id = NULL;
        return 0;
}

int state_remove(struct state_dir *dir, struct error *err)
{
        int r = 0;

        /* Whoever opens the folder while it is being emptied may put a new lock into it. */
        for (unsigned tries = 0; tries < 16; tries++) {
                r = fd_remove_tree(dir->root_fd, dir->id);
                if (r != -ENOTEMPTY)
                        break;
        }
        return r < 0 ? error_errno(err, r, "remove %s/%s", dir->root, dir->id) : 0;
}

static int compare_ids(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int state_list(const char *root, struct arena *arena, const char *const **ret_ids, size_t *ret_n, struct error *err)
{
        auto_closedir DIR *dir = NULL;
        struct dirent *entry;
        const char **ids = NULL, **larger;
        size_t n = 0, size = 0;
        int fd, r;

        *ret_ids = NULL;
        *ret_n = 0;
        r = open_root(root, &fd, err);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        dir = fdopendir(fd);
        if (dir == NULL) {
                close(fd);
                return error_errno(err, ENOMEM, "state folder %s", root);
        }
        while ((entry = readdir(dir)) != NULL) {
                if (state_check_id(entry->d_name, NULL) < 0)
                        continue;
                if (n == size) {
                        size = size == 0 ? 64 : size * 2;
                        larger = arena_array(arena, size, sizeof *larger);
                        if (larger == NULL)
                                return error_errno(err, ENOMEM, "state folder %s", root);
                        if (n > 0)
                                memcpy(larger, ids, n * sizeof *ids);
                        ids = larger;
                }
                ids[n] = arena_string(arena, entry->d_name);
                if (ids[n++] == NULL)
                        return error_errno(err, ENOMEM, "state folder %s", root);
        }
        if (n > 0)
                qsort(ids, n, sizeof *ids, compare_ids);
        *ret_ids = ids;
        *ret_n = n;
        return 0;
}

/* ---- the record ---- */

/* One table for both directions, so that what is written is what is read. */
enum field_kind { FIELD_TEXT, FIELD_BOOL, FIELD_U32, FIELD_U64, FIELD_PID, FIELD_DEV };

static const struct field {
        const char *name;
        enum field_kind kind;
        size_t offset;
} fields[] = {
        { "ociVersion", FIELD_TEXT, offsetof(struct state, oci_version) },
        { "id", FIELD_TEXT, offsetof(struct state, id) },
        { "bundle", FIELD_TEXT, offsetof(struct state, bundle) },
        { "rootfs", FIELD_TEXT, offsetof(struct state, rootfs) },
        { "created", FIELD_TEXT, offsetof(struct state, created) },
        { "owner", FIELD_TEXT, offsetof(struct state, owner) },
        { "ownerUid", FIELD_U32, offsetof(struct state, owner_uid) },
        { "initPid", FIELD_PID, offsetof(struct state, init_pid) },
        { "initStartTime", FIELD_U64, offsetof(struct state, init_start_time) },
        { "creatorPid", FIELD_PID, offsetof(struct state, creator_pid) },
        { "creatorStartTime", FIELD_U64, offsetof(struct state, creator_start_time) },
        { "isCreated", FIELD_BOOL, offsetof(struct state, is_created) },
        { "isStarted", FIELD_BOOL, offsetof(struct state, is_started) },
        { "isCgroup2", FIELD_BOOL, offsetof(struct state, is_cgroup2) },
        { "isCgroupShared", FIELD_BOOL, offsetof(struct state, is_cgroup_shared) },
        { "leaseBase", FIELD_U32, offsetof(struct state, lease_base) },
        { "leaseSize", FIELD_U32, offsetof(struct state, lease_size) },
        { "hostFolder", FIELD_TEXT, offsetof(struct state, host_folder) },
        { "overlayWork", FIELD_TEXT, offsetof(struct state, overlay_work) },
        { "rdtRoot", FIELD_TEXT, offsetof(struct state, rdt_root) },
        { "rdtGroup", FIELD_TEXT, offsetof(struct state, rdt_group) },
        { "isRdtPrivate", FIELD_BOOL, offsetof(struct state, is_rdt_private) },
        { "isRdtMonitored", FIELD_BOOL, offsetof(struct state, is_rdt_monitored) },
        { "rootfsDevice", FIELD_DEV, offsetof(struct state, rootfs_device) },
        { "isRestacked", FIELD_BOOL, offsetof(struct state, is_restacked) },
        { "netnsInode", FIELD_U64, offsetof(struct state, netns_inode) },
        { "isAbstractScoped", FIELD_BOOL, offsetof(struct state, is_abstract_scoped) },
        { "hasOwnPidns", FIELD_BOOL, offsetof(struct state, has_own_pidns) },
        { "isUsernsNested", FIELD_BOOL, offsetof(struct state, is_userns_nested) },
        { "apparmorProfile", FIELD_TEXT, offsetof(struct state, apparmor_profile) },
        { "selinuxLabel", FIELD_TEXT, offsetof(struct state, selinux_label) },
        { "hasMemoryPolicy", FIELD_BOOL, offsetof(struct state, memory_policy.is_given) },
        { "memoryPolicyMode", FIELD_U32, offsetof(struct state, memory_policy.mode) },
        { "memoryPolicyFlags", FIELD_U32, offsetof(struct state, memory_policy.flags) },
        { "memoryPolicyNodes", FIELD_TEXT, offsetof(struct state, memory_policy.nodes) },
        { "execInherits", FIELD_U32, offsetof(struct state, exec_inherits) },
        { "profile", FIELD_TEXT, offsetof(struct state, profile) },
        { "policyDigest", FIELD_TEXT, offsetof(struct state, policy_digest) },
        { "profileChosenBy", FIELD_TEXT, offsetof(struct state, chosen_by) },
        { "policyRevision", FIELD_TEXT, offsetof(struct state, policy_revision) },
};

static void write_field(const struct field *field, const struct state *state, struct text_buffer *out)
{
        const void *at = (const char *)state + field->offset;

        switch (field->kind) {
        case FIELD_TEXT:
                if (*(const char *const *)at == NULL)
                        return;
                text_addf(out, "\"%s\":", field->name);
                text_add_json(out, *(const char *const *)at);
                break;
        case FIELD_BOOL:
                text_addf(out, "\"%s\":%s", field->name, *(const bool *)at ? "true" : "false");
                break;
        case FIELD_U32:
                text_addf(out, "\"%s\":%" PRIu32, field->name, *(const uint32_t *)at);
                break;
        case FIELD_U64:
                text_addf(out, "\"%s\":%" PRIu64, field->name, *(const uint64_t *)at);
                break;
        case FIELD_PID:
                text_addf(out, "\"%s\":%d", field->name, (int)*(const pid_t *)at);
                break;
        case FIELD_DEV:
                text_addf(out, "\"%s\":%ju", field->name, (uintmax_t)*(const dev_t *)at);
                break;
        }
        text_add(out, ",\n");
}

static void write_maps(const char *name, const struct spec_id_map *map, size_t n, struct text_buffer *out)
{
        text_addf(out, "\"%s\":[", name);
        for (size_t i = 0; i < n; i++)
                text_addf(out, "%s[%u,%u,%u]", i == 0 ? "" : ",", map[i].inside, map[i].outside, map[i].size);
        text_add(out, "],\n");
}

static void write_pairs(const struct spec_pair *pairs, size_t n, struct text_buffer *out)
{
        text_add(out, "\"annotations\":[");
        for (size_t i = 0; i < n; i++) {
                text_add(out, i == 0 ? "[" : ",[");
                text_add_json(out, pairs[i].key);
                text_add(out, ",");
                text_add_json(out, pairs[i].value);
                text_add(out, "]");
        }
        text_add(out, "],\n");
}

static void write_optional(const char *name, const char *text, struct text_buffer *out)
{
        if (text == NULL)
                return;
        text_addf(out, ",\"%s\":", name);
        text_add_json(out, text);
}

static void write_findings(const struct finding *finding, struct text_buffer *out)
{
        text_add(out, "\"findings\":[");
        for (bool is_first = true; finding != NULL; finding = finding->next, is_first = false) {
                text_addf(out, "%s{\"action\":%d", is_first ? "" : ",\n", (int)finding->action);
                write_optional("property", finding->property, out);
                write_optional("asked", finding->asked, out);
                write_optional("got", finding->got, out);
                write_optional("rule", finding->rule, out);
                text_add(out, "}");
        }
        text_add(out, "]\n");
}

int state_write(const struct state_dir *dir, const struct state *state, struct error *err)
{
        auto_buffer struct text_buffer out = { 0 };
        int r;

        text_add(&out, "{");
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
                write_field(&fields[i], state, &out);
        text_add(&out, "\"cgroups\":[");
        for (size_t i = 0; i < state->n_cgroups; i++) {
                text_add(&out, i == 0 ? "" : ",");
                text_add_json(&out, state->cgroups[i]);
        }
        text_add(&out, "],\n");
        write_maps("uidMap", state->uid_map, state->n_uid_map, &out);
        write_maps("gidMap", state->gid_map, state->n_gid_map, &out);
        write_pairs(state->annotations, state->n_annotations, &out);
        write_findings(state->findings, &out);
        text_add(&out, "}\n");
        if (out.is_broken)
                return error_errno(err, ENOMEM, "write %s/%s/state.json", dir->root, dir->id);
        r = fd_replace_file(dir->fd, "state.json", out.text, out.length, 0600);
        return r < 0 ? error_errno(err, r, "write %s/%s/state.json", dir->root, dir->id) : 0;
}

static int read_text(const struct json_node *node, const char **ret_text)
{
        if (node == NULL)
                return 0;
        if (node->type != JSON_STRING)
                return -EINVAL;
        *ret_text = node->text;
        return 0;
}

static int read_u64(const struct json_node *node, uint64_t limit, uint64_t *ret_value)
{
        uint64_t value;
        int r = json_to_u64(node, &value);

        if (r < 0)
                return r;
        if (value > limit)
                return -ERANGE;
        *ret_value = value;
        return 0;
}

static int read_field(const struct field *field, const struct json_node *node, struct state *state)
{
        void *at = (char *)state + field->offset;
        uint64_t value;
        int r = 0;

        if (node == NULL)
                return 0;
        switch (field->kind) {
        case FIELD_TEXT:
                return read_text(node, at);
        case FIELD_BOOL:
                if (node->type != JSON_TRUE && node->type != JSON_FALSE)
                        return -EINVAL;
                *(bool *)at = node->type == JSON_TRUE;
                return 0;
        case FIELD_U32:
                r = read_u64(node, UINT32_MAX, &value);
                if (r == 0)
                        *(uint32_t *)at = (uint32_t)value;
                return r;
        case FIELD_U64:
                return read_u64(node, UINT64_MAX, at);
        case FIELD_PID:
                r = read_u64(node, INT32_MAX, &value);
                if (r == 0)
                        *(pid_t *)at = (pid_t)value;
                return r;
        case FIELD_DEV:
                r = read_u64(node, UINT64_MAX, &value);
                if (r == 0)
                        *(dev_t *)at = (dev_t)value;
                return r;
        }
        return -EINVAL;
}

static int read_maps(const struct json_node *node, struct arena *arena, const struct spec_id_map **ret_map, size_t *ret_n)
{
        struct spec_id_map *map;
        size_t n = 0;

        if (node == NULL)
                return 0;
        if (node->type != JSON_ARRAY)
                return -EINVAL;
        map = arena_array(arena, node->n + 1, sizeof *map);
        if (map == NULL)
                return -ENOMEM;
        json_for_each(line, node) {
                uint64_t values[3];
                size_t i = 0;

                if (line->type != JSON_ARRAY || line->n != 3)
                        return -EINVAL;
                json_for_each(number, line)
                        if (read_u64(number, UINT32_MAX, &values[i++]) < 0)
                                return -EINVAL;
                map[n++] = (struct spec_id_map){ .inside = (uint32_t)values[0], .outside = (uint32_t)values[1],
                                                 .size = (uint32_t)values[2] };
        }
        *ret_map = map;
        *ret_n = n;
        return 0;
}

static int read_pairs(const struct json_node *node, struct arena *arena, struct state *state)
{
        struct spec_pair *pairs;
        size_t n = 0;

        if (node == NULL)
                return 0;
        if (node->type != JSON_ARRAY)
                return -EINVAL;
        pairs = arena_array(arena, node->n + 1, sizeof *pairs);
        if (pairs == NULL)
                return -ENOMEM;
        json_for_each(pair, node) {
                if (pair->type != JSON_ARRAY || pair->n != 2 || pair->first->type != JSON_STRING ||
                    pair->first->next->type != JSON_STRING)
                        return -EINVAL;
                pairs[n++] = (struct spec_pair){ .key = pair->first->text, .value = pair->first->next->text };
        }
        state->annotations = pairs;
        state->n_annotations = n;
        return 0;
}

static int read_texts(const struct json_node *node, struct arena *arena, const char *const **ret_texts, size_t *ret_n)
{
        const char **texts;
        size_t n = 0;

        if (node == NULL)
                return 0;
        if (node->type != JSON_ARRAY)
                return -EINVAL;
        texts = arena_array(arena, node->n + 1, sizeof *texts);
        if (texts == NULL)
                return -ENOMEM;
        json_for_each(text, node) {
                if (text->type != JSON_STRING)
                        return -EINVAL;
                texts[n++] = text->text;
        }
        *ret_texts = texts;
        *ret_n = n;
        return 0;
}

static int read_findings(const struct json_node *node, struct arena *arena, struct state *state)
{
        struct finding *findings;
        uint64_t action;
        size_t n = 0;

        if (node == NULL)
                return 0;
        if (node->type != JSON_ARRAY)
                return -EINVAL;
        findings = arena_array(arena, node->n + 1, sizeof *findings);
        if (findings == NULL)
                return -ENOMEM;
        json_for_each(one, node) {
                struct finding *finding = &findings[n++];

                if (read_text(json_member(one, "property"), &finding->property) < 0 ||
                    read_text(json_member(one, "asked"), &finding->asked) < 0 ||
                    read_text(json_member(one, "got"), &finding->got) < 0 ||
                    read_text(json_member(one, "rule"), &finding->rule) < 0 ||
                    json_member(one, "action") == NULL ||
                    read_u64(json_member(one, "action"), FINDING_RECORDED, &action) < 0)
                        return -EINVAL;
                finding->action = (enum finding_action)action;
                if (n > 1)
                        findings[n - 2].next = finding;
        }
        state->findings = n > 0 ? findings : NULL;
        state->n_findings = n;
        return 0;
}

int state_read(const struct state_dir *dir, struct arena *arena, struct state *ret_state, struct error *err)
{
        const struct json_node *root;
        struct state state = { 0 };
        auto_free char *text = NULL;
        auto_free char *name = NULL;
        size_t length;
        int r;

        r = fd_read_file(dir->fd, "state.json", STATE_LIMIT_BYTES, &text, &length);
        if (r == -ENOENT)
                return error_set(err, ENODATA,
                                 "container %s was never finished: delete --force removes what is left of it",
                                 dir->id);
        if (r == 0 && asprintf(&name, "%s/%s/state.json", dir->root, dir->id) < 0)
                r = -ENOMEM;
        if (r < 0)
                return error_errno(err, r, "read %s/%s/state.json", dir->root, dir->id);
        r = json_parse(arena, text, length, name, &root, err);
        if (r < 0)
                return r;
        if (root->type != JSON_OBJECT)
                return error_set(err, EINVAL, "%s is not an object", name);
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
                if (read_field(&fields[i], json_member(root, fields[i].name), &state) < 0)
                        return error_set(err, EINVAL, "%s: %s is not what was written", name, fields[i].name);
        r = read_texts(json_member(root, "cgroups"), arena, &state.cgroups, &state.n_cgroups);
        if (r == 0)
                r = read_maps(json_member(root, "uidMap"), arena, &state.uid_map, &state.n_uid_map);
        if (r == 0)
                r = read_maps(json_member(root, "gidMap"), arena, &state.gid_map, &state.n_gid_map);
        if (r == 0)
                r = read_pairs(json_member(root, "annotations"), arena, &state);
        if (r == 0)
                r = read_findings(json_member(root, "findings"), arena, &state);
        if (r < 0)
                return error_errno(err, r, "%s", name);
        if (state.id == NULL || strcmp(state.id, dir->id) != 0)
                return error_set(err, EINVAL, "%s is the record of another container", name);
        *ret_state = state;
        return 0;
}

/* ---- the kernel's side ---- */

int state_process_start_time(pid_t pid, uint64_t *ret_start_time, bool *ret_is_zombie)
{
        char path[32], text[1024];
        auto_close int fd = UNSET_FD;
        uint64_t value;
        ssize_t length;
        char *p, *end;
        char status;

        if (pid <= 0)
                return -ESRCH;
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        do
                length = read(fd, text, sizeof text - 1);
        while (length < 0 && errno == EINTR);
        if (length < 0)
                return -errno;          /* ESRCH: it went between the two */
        text[length] = '\0';
        /* proc(5): the name, field 2, may hold anything, ")" and blanks too. */
        p = strrchr(text, ')');
        if (p == NULL || p[1] != ' ' || p[2] == '\0')
                return -EPROTO;
        status = p[2];
        p += 2;
        for (unsigned field = 3; field < 22; field++) {
                p = strchr(p, ' ');
                if (p == NULL)
                        return -EPROTO;
                p++;
        }
        end = strchr(p, ' ');
        if (end == NULL)
                return -EPROTO;
        *end = '\0';
        if (text_to_u64(p, &value) < 0)
                return -EPROTO;
        *ret_start_time = value;
        *ret_is_zombie = status == 'Z' || status == 'X' || status == 'x';
        return 0;
}

static bool is_alive(pid_t pid, uint64_t start_time)
{
        uint64_t now;
        bool is_zombie;

        return pid > 0 && state_process_start_time(pid, &now, &is_zombie) == 0 && now == start_time && !is_zombie;
}

int state_open_init(const struct state *state, int *ret_pidfd)
{
        auto_close int fd = UNSET_FD;

        if (state->init_pid <= 0)
                return -ESRCH;
        fd = sys_pidfd_open(state->init_pid, 0);
        if (fd < 0)
                return -errno;
        /* Looked at after the fd is there: from here on the pid cannot become somebody else's under it. */
        if (!is_alive(state->init_pid, state->init_start_time))
                return -ESRCH;
        *ret_pidfd = take_fd(&fd);
        return 0;
}

int state_set_creator(struct state *state, struct error *err)
{
        bool is_zombie;
        int r;

        state->creator_pid = getpid();
        r = state_process_start_time(state->creator_pid, &state->creator_start_time, &is_zombie);
        return r < 0 ? error_errno(err, r, "read /proc/self/stat (is /proc mounted?)") : 0;
}

enum state_status state_status(const struct state *state)
{
        if (!is_alive(state->init_pid, state->init_start_time)) {
                /* No init yet: being created, as long as there is somebody who does it. */
                if (state->init_pid == 0 && is_alive(state->creator_pid, state->creator_start_time))
                        return STATE_CREATING;
                return STATE_STOPPED;
        }
        if (!state->is_created)
                return STATE_CREATING;
        if (state->n_cgroups > 0 && cgroups_is_frozen(state->cgroups, state->n_cgroups, state->is_cgroup2) == 1)
                return STATE_PAUSED;
        return state->is_started ? STATE_RUNNING : STATE_CREATED;
}

const char *state_status_name(enum state_status status)
{
        switch (status) {
        case STATE_CREATING:
                return "creating";
        case STATE_CREATED:
                return "created";
        case STATE_RUNNING:
                return "running";
        case STATE_PAUSED:
                return "paused";
        case STATE_STOPPED:
                return "stopped";
        }
        return "unknown";
}

/* ---- what others read ---- */

/* One object, in one line or indented as Go's encoder does. */
struct printer {
        struct text_buffer *buffer;
        bool is_indented;
        bool has_member;
};

static void add_key(struct printer *printer, const char *key, const char *indent)
{
        text_add(printer->buffer, printer->has_member ? "," : "");
        if (printer->is_indented)
                text_addf(printer->buffer, "\n%s", indent);
        text_add_json(printer->buffer, key);
        text_add(printer->buffer, printer->is_indented ? ": " : ":");
        printer->has_member = true;
}

static void add_text(struct printer *printer, const char *key, const char *value)
{
        add_key(printer, key, "  ");
        text_add_json(printer->buffer, value == NULL ? "" : value);
}

static void add_pid(struct printer *printer, pid_t pid)
{
        add_key(printer, "pid", "  ");
        text_addf(printer->buffer, "%d", (int)pid);
}

static void add_annotations(struct printer *printer, const struct state *state)
{
        if (state->n_annotations == 0)
                return;
        add_key(printer, "annotations", "  ");
        text_add(printer->buffer, "{");
        printer->has_member = false;
        for (size_t i = 0; i < state->n_annotations; i++) {
                add_key(printer, state->annotations[i].key, "    ");
                text_add_json(printer->buffer, state->annotations[i].value);
        }
        text_add(printer->buffer, printer->is_indented ? "\n  }" : "}");
        printer->has_member = true;
}

static pid_t shown_pid(const struct state *state, enum state_status status)
{
        return status == STATE_STOPPED ? 0 : state->init_pid;
}

/* runc's members, in runc's order. */
static void add_like_runc(struct printer *printer, const struct state *state, enum state_status status)
{
        text_add(printer->buffer, "{");
        add_text(printer, "ociVersion", state->oci_version);
        add_text(printer, "id", state->id);
        add_pid(printer, shown_pid(state, status));
        add_text(printer, "status", state_status_name(status));
        add_text(printer, "bundle", state->bundle);
        add_text(printer, "rootfs", state->rootfs);
        add_text(printer, "created", state->created);
        add_annotations(printer, state);
        add_text(printer, "owner", state->owner);
        text_add(printer->buffer, printer->is_indented ? "\n}" : "}");
}

void state_to_oci_line(const struct state *state, enum state_status status, struct text_buffer *buffer)
{
        struct printer printer = { .buffer = buffer };

        add_like_runc(&printer, state, status);
}

void state_to_oci(const struct state *state, enum state_status status, bool is_for_hooks, struct text_buffer *buffer)
{
        struct printer printer = { .buffer = buffer, .is_indented = !is_for_hooks };

        if (!is_for_hooks) {
                add_like_runc(&printer, state, status);
                return;
        }
        text_add(buffer, "{");
        add_text(&printer, "ociVersion", state->oci_version);
        add_text(&printer, "id", state->id);
        add_text(&printer, "status", state_status_name(status));
        /* runtime-spec, runtime.md "State": required while created or running, absent where there is no process. */
        if (shown_pid(state, status) > 0)
                add_pid(&printer, shown_pid(state, status));
        add_text(&printer, "bundle", state->bundle);
        add_annotations(&printer, state);
        text_add(buffer, "}");
}
