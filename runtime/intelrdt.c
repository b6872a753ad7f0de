/* Shares of caches and memory bandwidth, by resctrl: a folder is a class of service, its "schemata" holds the shares and
 * its "tasks" the threads. There are a handful of classes in a machine, so one is made only where config.json asks.
 *
 * A build could otherwise take the share that an administrator keeps for somebody else by naming that class. A group that
 * exists is joined only if it carries our mark: those that we made do, and others where an administrator put it there. */
#include "runtime/intelrdt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"
#include "runtime/base/text.h"

#define RESCTRL_MAGIC 0x7655821         /* RDTGROUP_SUPER_MAGIC, linux/magic.h */
#define MARK_NAME "trusted.runb"
#define FILE_LIMIT_BYTES ((size_t)1 << 20)

/* ---- plan ---- */

static int find_mount(struct arena *arena, const char **ret_path, struct error *err)
{
        auto_fclose FILE *file = fopen("/proc/self/mountinfo", "re");
        auto_free char *line = NULL;
        size_t size = 0;

        if (file == NULL)
                return error_errno(err, errno, "open /proc/self/mountinfo");
        while (getline(&line, &size, file) >= 0) {
                char *tail = strstr(line, " - resctrl "), *rest = NULL, *word;
                size_t i = 0;

                if (tail == NULL)
                        continue;
                *tail = '\0';
                for (word = strtok_r(line, " ", &rest); word != NULL && i < 4; word = strtok_r(NULL, " ", &rest))
                        i++;
                if (word == NULL)
                        continue;
                *ret_path = arena_string(arena, text_unescape_octal(word));
                return *ret_path == NULL ? error_errno(err, ENOMEM, "linux.intelRdt") : 0;
        }
        return error_set(err, ENOTSUP, "linux.intelRdt: intelRdt is specified in config, but Intel RDT is not enabled: no resctrl "
                         "file system is mounted; mount -t resctrl resctrl /sys/fs/resctrl, or leave linux.intelRdt out");
}

/* Those lines of l3CacheSchema that memBwSchema does not replace, then that one. */
static int join_lines(const char *l3, const char *bandwidth, struct arena *arena, const char **ret_lines)
{
        auto_buffer struct text_buffer out = { 0 };
        auto_free char *copy = strdup(l3 == NULL ? "" : l3);
        char *rest = NULL;

        if (copy == NULL)
                return -ENOMEM;
        for (char *line = strtok_r(copy, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
                if (text_is_empty(bandwidth) || !text_starts_with(line, "MB:"))
                        text_addf(&out, "%s\n", line);
        if (!text_is_empty(bandwidth))
                text_addf(&out, "%s\n", bandwidth);
        *ret_lines = out.length == 0 ? NULL : arena_string(arena, out.text);
        return out.is_broken || (out.length > 0 && *ret_lines == NULL) ? -ENOMEM : 0;
}

int intelrdt_plan_make(const struct spec *spec, const char *id, struct arena *arena, struct intelrdt_plan *ret_plan,
                       struct error *err)
{
        auto_buffer struct text_buffer schemata = { 0 };
        struct intelrdt_plan plan = { .is_given = spec->linux_.intel_rdt.is_given };
        int r;

        if (!plan.is_given) {
                *ret_plan = plan;
                return 0;
        }
        r = find_mount(arena, &plan.root, err);
        if (r < 0)
                return r;
        plan.is_private = text_is_empty(spec->linux_.intel_rdt.clos_id);
        plan.group = plan.is_private ? id : spec->linux_.intel_rdt.clos_id;
        plan.monitor = spec->linux_.intel_rdt.enable_monitoring ? id : NULL;
        r = join_lines(spec->linux_.intel_rdt.l3_cache_schema, spec->linux_.intel_rdt.mem_bw_schema, arena, &plan.lines);
        for (size_t i = 0; i < spec->linux_.intel_rdt.n_schemata; i++)
                text_addf(&schemata, "%s\n", spec->linux_.intel_rdt.schemata[i]);
        if (r == 0 && schemata.length > 0)
                plan.schemata = arena_string(arena, schemata.text);
        if (r < 0 || schemata.is_broken || (schemata.length > 0 && plan.schemata == NULL))
                return error_errno(err, ENOMEM, "linux.intelRdt");
        *ret_plan = plan;
        return 0;
}

int intelrdt_root_open(const char *path, struct intelrdt_root *ret_root, struct error *err)
{
        auto_close int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct statfs fs;

        if (fd < 0 || fstatfs(fd, &fs) < 0)
                return error_errno(err, errno, "open %s", path);
        if (fs.f_type != RESCTRL_MAGIC)
                return error_set(err, ENODEV, "linux.intelRdt: %s is no resctrl file system (any more)", path);
        *ret_root = (struct intelrdt_root){ take_fd(&fd), O_WRONLY };
        return 0;
}

/* ---- groups ---- */

static bool is_default(const char *group)
{
        return strcmp(group, "/") == 0;
}

static int open_group(const struct intelrdt_root *root, const char *group)
{
        return is_default(group) ? fcntl(root->fd, F_DUPFD_CLOEXEC, 3) :
                                   openat(root->fd, group, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool has_mark(int fd)
{
        char name[64];

        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        return getxattr(name, MARK_NAME, NULL, 0) >= 0;
}

/* Where it cannot be written the group stays ours alone: nobody else joins it. */
static void set_mark(int fd)
{
        char name[64];

        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        setxattr(name, MARK_NAME, "own", 3, 0);
}

static int write_in(const struct intelrdt_root *root, int folder_fd, const char *file, const char *text)
{
        auto_close int fd = openat(folder_fd, file, root->open_flags | O_CLOEXEC | O_NOFOLLOW, 0600);

        return fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
}

static int write_shares(const struct intelrdt_root *root, int folder_fd, const char *group, const char *text,
                        struct error *err)
{
        auto_free char *status = NULL;
        int r = write_in(root, folder_fd, "schemata", text);

        if (r == 0)
                return 0;
        /* The kernel's own words, Linux 4.15. */
        if (fd_read_file(root->fd, "info/last_cmd_status", 4096, &status, NULL) == 0)
                status[strcspn(status, "\n")] = '\0';
        return error_errno(err, r, "linux.intelRdt: write \"%.*s\" to the schemata of \"%s\"%s%s", (int)strcspn(text, "\n"), text,
                           group, text_is_empty(status) ? "" : ": ", text_is_empty(status) ? "" : status);
}

/* The value of one cache or node in a line "   L3:0=fffff;1=f", NULL where it is not named. */
static const char *find_share(const char *shares, const char *resource, size_t length, const char *id, size_t id_length,
                              size_t *ret_length)
{
        for (const char *line = shares; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
                const char *p = line + strspn(line, " ");

                if (strncmp(p, resource, length) != 0 || p[length] != ':')
                        continue;
                for (p += length + 1; *p != '\n' && *p != '\0'; p += strcspn(p, ";\n"), p += *p == ';') {
                        p += strspn(p, " ");
                        if (strncmp(p, id, id_length) != 0 || p[id_length] != '=')
                                continue;
                        p += id_length + 1;
                        p += strspn(p, "0");
                        *ret_length = strcspn(p, ";\n ");
                        return p;
                }
        }
        return NULL;
}

/* The shares that @asked names are those that the group has: what others in it counted on is not changed. */
static bool is_same_shares(const char *asked, const char *shares)
{
        for (const char *line = asked; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
                const char *resource = line + strspn(line, " "), *p;
                size_t length = strcspn(resource, ":\n");

                if (*resource == '\n' || *resource == '\0')
                        continue;
                if (resource[length] != ':')
                        return false;
                for (p = resource + length + 1; *p != '\n' && *p != '\0'; p += strcspn(p, ";\n"), p += *p == ';') {
                        const char *id = p + strspn(p, " "), *value, *have;
                        size_t id_length = strcspn(id, "=;\n"), value_length, have_length;

                        if (id[id_length] != '=')
                                return false;
                        value = id + id_length + 1;
                        value += strspn(value, "0");
                        value_length = strcspn(value, ";\n ");
                        have = find_share(shares, resource, length, id, id_length, &have_length);
                        if (have == NULL || have_length != value_length || strncasecmp(have, value, have_length) != 0)
                                return false;
                }
        }
        return true;
}

static int check_existing(const struct intelrdt_plan *plan, int fd, struct error *err)
{
        auto_free char *shares = NULL;
        int r;

        if (plan->is_private)
                return error_set(err, EEXIST, "linux.intelRdt: the resctrl group \"%s\" exists already; remove %s/%s, or name the "
                                 "container otherwise", plan->group, plan->root, plan->group);
        if (is_default(plan->group))
                return 0;
        if (!has_mark(fd))
                return error_set(err, EPERM, "linux.intelRdt.closID: refused: the resctrl group \"%s\" was not made by this runtime; "
                                 "leave closID out for a group of the container's own, or let the administrator open it: "
                                 "setfattr -n " MARK_NAME " -v open %s/%s", plan->group, plan->root, plan->group);
        if (plan->lines == NULL && plan->schemata == NULL)
                return 0;
        r = fd_read_file(fd, "schemata", FILE_LIMIT_BYTES, &shares, NULL);
        if (r < 0)
                return error_errno(err, r, "linux.intelRdt: read the schemata of \"%s\"", plan->group);
        if ((plan->lines != NULL && !is_same_shares(plan->lines, shares)) ||
            (plan->schemata != NULL && !is_same_shares(plan->schemata, shares)))
                return error_set(err, EINVAL, "linux.intelRdt: the resctrl group \"%s\" exists with other shares than those asked "
                                 "for; ask for the same ones, for none, or name another closID", plan->group);
        return 0;
}

static int remove_monitor(int folder_fd, const char *monitor, struct error *err)
{
        auto_close int monitors_fd = openat(folder_fd, "mon_groups", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (monitor == NULL || monitors_fd < 0)
                return 0;
        if (unlinkat(monitors_fd, monitor, AT_REMOVEDIR) < 0 && errno != ENOENT)
                return error_errno(err, errno, "remove the resctrl monitoring group %s", monitor);
        return 0;
}

static int remove_group(const struct intelrdt_root *root, int fd, const char *group)
{
        if (root->open_flags & O_CREAT) {       /* a plain folder's files do not go with it */
                unlinkat(fd, "tasks", 0);
                unlinkat(fd, "schemata", 0);
        }
        return unlinkat(root->fd, group, AT_REMOVEDIR);
}

int intelrdt_open(const struct intelrdt_root *root, const char *group, const char *monitor, struct intelrdt_ready *ret_ready,
                  struct error *err)
{
        struct intelrdt_ready ready = { UNSET_FD, UNSET_FD };
        auto_close int fd = open_group(root, group);
        char name[300];

        if (fd < 0)
                return error_errno(err, errno, "linux.intelRdt: open the resctrl group \"%s\"", group);
        ready.tasks_fd = openat(fd, "tasks", root->open_flags | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (ready.tasks_fd < 0)
                return error_errno(err, errno, "linux.intelRdt.closID: \"%s\" is no group: open its tasks", group);
        if (monitor != NULL) {
                snprintf(name, sizeof name, "mon_groups/%s/tasks", monitor);
                ready.monitor_fd = openat(fd, name, root->open_flags | O_CLOEXEC | O_NOFOLLOW, 0600);
                if (ready.monitor_fd < 0) {
                        int r = error_errno(err, errno, "linux.intelRdt.enableMonitoring: open %s of \"%s\"", name, group);

                        intelrdt_ready_close(&ready);
                        return r;
                }
        }
        *ret_ready = ready;
        return 0;
}

/* The rest of prepare, once there is a folder. */
static int fill(const struct intelrdt_root *root, const struct intelrdt_plan *plan, int fd, bool was_made,
                struct intelrdt_ready *ready, struct error *err)
{
        int r = 0;

        if (was_made)
                set_mark(fd);
        else
                r = check_existing(plan, fd, err);
        if (r == 0 && was_made && plan->lines != NULL)
                r = write_shares(root, fd, plan->group, plan->lines, err);
        if (r == 0 && was_made && plan->schemata != NULL)
                r = write_shares(root, fd, plan->group, plan->schemata, err);
        if (r == 0 && plan->monitor != NULL) {
                auto_close int monitors_fd = openat(fd, "mon_groups", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

                if (monitors_fd < 0)
                        return error_set(err, ENOTSUP, "linux.intelRdt.enableMonitoring: this machine cannot monitor (no mon_groups "
                                         "in %s); leave it out", plan->root);
                if (mkdirat(monitors_fd, plan->monitor, 0755) < 0)
                        return error_errno(err, errno, "linux.intelRdt.enableMonitoring: make a monitoring group");
                r = intelrdt_open(root, plan->group, plan->monitor, ready, err);
                if (r < 0)
                        unlinkat(monitors_fd, plan->monitor, AT_REMOVEDIR);
                return r;
        }
        return r < 0 ? r : intelrdt_open(root, plan->group, NULL, ready, err);
}

int intelrdt_prepare(const struct intelrdt_root *root, const struct intelrdt_plan *plan, struct intelrdt_ready *ret_ready,
                     struct error *err)
{
        struct intelrdt_ready ready = { UNSET_FD, UNSET_FD };
        auto_close int fd = UNSET_FD;
        bool was_made = false;
        int r;

        /* runtime-spec: a class without shares is one that was configured before. */
        if (!is_default(plan->group) && (plan->is_private || plan->lines != NULL || plan->schemata != NULL)) {
                was_made = mkdirat(root->fd, plan->group, 0755) == 0;
                if (!was_made && errno == ENOSPC)
                        return error_set(err, ENOSPC, "linux.intelRdt: all classes of service of this machine are in use; leave "
                                         "linux.intelRdt out, or name the closID of one that this runtime made");
                if (!was_made && errno != EEXIST)
                        return error_errno(err, errno, "linux.intelRdt: make the resctrl group \"%s\"", plan->group);
        }
        fd = open_group(root, plan->group);
        if (fd < 0 && errno == ENOENT)
                return error_set(err, ENOENT, "linux.intelRdt.closID: there is no resctrl group \"%s\", and no shares are given to make "
                                 "one with; leave closID out, or give l3CacheSchema, memBwSchema or schemata", plan->group);
        if (fd < 0)
                r = error_errno(err, errno, "linux.intelRdt: open the resctrl group \"%s\"", plan->group);
        else
                r = fill(root, plan, fd, was_made, &ready, err);
        if (r < 0) {
                if (was_made)
                        remove_group(root, fd, plan->group);
                return r;
        }
        *ret_ready = ready;
        return 0;
}

static int add_task(int fd, pid_t pid)
{
        char text[16];

        /* One write: a part of a number is another process. */
        snprintf(text, sizeof text, "%d\n", pid);
        return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

int intelrdt_join(const struct intelrdt_ready *ready, pid_t pid, struct error *err)
{
        int r = ready->tasks_fd < 0 ? 0 : add_task(ready->tasks_fd, pid);

        /* A task is monitored by a group below the one that it is in: in this order. */
        if (r == 0 && ready->monitor_fd >= 0)
                r = add_task(ready->monitor_fd, pid);
        return r < 0 ? error_errno(err, r, "linux.intelRdt: put process %d into the resctrl group", pid) : 0;
}

void intelrdt_ready_close(struct intelrdt_ready *ready)
{
        auto_close_cleanup(&ready->tasks_fd);
        auto_close_cleanup(&ready->monitor_fd);
}

int intelrdt_undo(const struct intelrdt_root *root, const char *group, bool is_private, const char *monitor, struct error *err)
{
        auto_close int fd = open_group(root, group);
        auto_free char *tasks = NULL;
        int r;

        if (fd < 0)
                return errno == ENOENT ? 0 : error_errno(err, errno, "open the resctrl group \"%s\"", group);
        r = remove_monitor(fd, monitor, err);
        if (r < 0 || is_default(group))
                return r;
        /* Removing a group hands its tasks to the default one. */
        if (!is_private && (!has_mark(fd) || fd_read_file(fd, "tasks", FILE_LIMIT_BYTES, &tasks, NULL) < 0 || tasks[0] != '\0'))
                return 0;
        if (remove_group(root, fd, group) < 0 && errno != ENOENT)
                return error_errno(err, errno, "remove the resctrl group \"%s\"", group);
        return 0;
}

int intelrdt_update(const struct intelrdt_root *root, const char *group, const char *l3, const char *bandwidth,
                    struct error *err)
{
        auto_arena struct arena arena = { 0 };
        auto_close int fd = open_group(root, group);
        const char *lines;
        int r;

        if (fd < 0)
                return error_errno(err, errno, "open the resctrl group \"%s\"", group);
        r = join_lines(l3, bandwidth, &arena, &lines);
        if (r < 0)
                return error_errno(err, r, "--l3-cache-schema");
        return lines == NULL ? 0 : write_shares(root, fd, group, lines, err);
}
