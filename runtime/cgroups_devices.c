/* Which device nodes a container may open and make: devices.allow and devices.deny on v1, an eBPF program on v2.
 *
 * config-linux.md, "Allowed Device list": the rules apply in their order, to "nothing is allowed". The eBPF program
 * takes them from the last to the first, for each of read, write and mknod apart. v1 keeps a default with
 * exceptions and cannot hold every list: cutting /dev/kmsg out of an allowed "c 1:*" has no effect there, and
 * the kernel does not say so. Such a list is refused, since it would be weaker than it reads. */
#include "runtime/cgroups_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/auto.h"
#include "runtime/base/fd.h"

/* ---- the rules as v1 keeps them ---- */

static bool covers(int64_t wide, int64_t narrow)
{
        return wide == -1 || wide == narrow;
}

static bool overlaps(int64_t a, int64_t b)
{
        return a == -1 || b == -1 || a == b;
}

static void format_entry(const struct device_entry *entry, char *text, size_t size)
{
        char major[24] = "*", minor[24] = "*";

        if (entry->major != -1)
                snprintf(major, sizeof major, "%lld", (long long)entry->major);
        if (entry->minor != -1)
                snprintf(minor, sizeof minor, "%lld", (long long)entry->minor);
        snprintf(text, size, "%c %s:%s %s%s%s", entry->type, major, minor, entry->access & 2 ? "r" : "",
                 entry->access & 4 ? "w" : "", entry->access & 1 ? "m" : "");
}

static struct device_entry *find_entry(const struct device_list *list, const struct device_entry *like)
{
        for (size_t i = 0; i < list->n; i++)
                if (list->entries[i].type == like->type && list->entries[i].major == like->major &&
                    list->entries[i].minor == like->minor)
                        return &list->entries[i];
        return NULL;
}

static void add_exception(struct device_list *list, const struct device_entry *entry)
{
        struct device_entry *same = find_entry(list, entry);

        if (same != NULL)
                same->access |= entry->access;
        else
                list->entries[list->n++] = *entry;
}

/* Takes @entry out of the exceptions: what it covers goes, a wider one cannot be cut. */
static int drop_exception(struct device_list *list, const struct device_entry *entry, struct error *err)
{
        char text[80], other[80];
        size_t kept = 0;

        for (size_t i = 0; i < list->n; i++) {
                struct device_entry *old = &list->entries[i];

                if (old->type == entry->type && covers(entry->major, old->major) && covers(entry->minor, old->minor)) {
                        old->access &= ~entry->access;
                } else if (old->type == entry->type && overlaps(entry->major, old->major) &&
                           overlaps(entry->minor, old->minor) && (old->access & entry->access) != 0) {
                        format_entry(entry, text, sizeof text);
                        format_entry(old, other, sizeof other);
                        return error_set(err, EINVAL, "linux.resources.devices: cgroup v1 cannot take \"%s\" out of \"%s\"; list "
                                         "the single devices instead, or use cgroup v2", text, other);
                }
                if (old->access != 0)
                        list->entries[kept++] = *old;
        }
        list->n = kept;
        return 0;
}

int device_rule_check(const struct spec_device_rule *rule, size_t index, struct error *err)
{
        if ((rule->type != 'a' && rule->type != 'b' && rule->type != 'c') || rule->access > DEVICE_ACCESS_ALL)
                return error_set(err, EINVAL, "linux.resources.devices[%zu]: invalid type or access", index);
        if (rule->major < -1 || rule->major > UINT32_MAX || rule->minor < -1 || rule->minor > UINT32_MAX)
                return error_set(err, EINVAL, "linux.resources.devices[%zu]: invalid device number %lld:%lld", index,
                                 (long long)rule->major, (long long)rule->minor);
        return 0;
}

bool device_rule_is_everything(const struct spec_device_rule *rule)
{
        return rule->type == 'a' && rule->major == -1 && rule->minor == -1 && rule->access == DEVICE_ACCESS_ALL;
}

int device_list_make(const struct spec_device_rule *rules, size_t n_rules, struct arena *arena,
                     struct device_list *ret_list, struct error *err)
{
        struct device_list list = { .entries = arena_array(arena, 2 * n_rules + 1, sizeof *list.entries) };
        int r;

        if (list.entries == NULL)
                return error_errno(err, ENOMEM, "linux.resources.devices");
        for (size_t i = 0; i < n_rules; i++) {
                const struct spec_device_rule *rule = &rules[i];

                r = device_rule_check(rule, i, err);
                if (r < 0)
                        return r;
                if (device_rule_is_everything(rule)) {
                        list.is_default_allow = rule->is_allow;
                        list.n = 0;
                        continue;
                }
                if (rule->access == 0)
                        continue;
                for (const char *type = "bc"; *type != '\0'; type++) {
                        struct device_entry entry = { *type, rule->major, rule->minor, rule->access };

                        if (rule->type != 'a' && rule->type != *type)
                                continue;
                        if (rule->is_allow != list.is_default_allow) {
                                add_exception(&list, &entry);
                        } else {
                                r = drop_exception(&list, &entry, err);
                                if (r < 0)
                                        return r;
                        }
                }
        }
        *ret_list = list;
        return 0;
}

static bool parse_number(const char **text, int64_t *ret_value)
{
        char *end;

        if (**text == '*') {
                *ret_value = -1;
                (*text)++;
                return true;
        }
        *ret_value = strtoll(*text, &end, 10);
        if (end == *text || *ret_value < 0)
                return false;
        *text = end;
        return true;
}

int device_list_parse(const char *text, struct arena *arena, struct device_list *ret_list)
{
        struct device_list list = { 0 };
        size_t lines = 1;

        for (const char *p = text; *p != '\0'; p++)
                lines += *p == '\n';
        list.entries = arena_array(arena, 2 * lines + 1, sizeof *list.entries);
        if (list.entries == NULL)
                return -ENOMEM;
        /* "c 1:3 rwm" a line; "a *:* rwm" alone where everything is allowed. */
        for (const char *p = text; *p != '\0';) {
                struct device_entry entry = { .type = *p };

                if (entry.type != 'a' && entry.type != 'b' && entry.type != 'c')
                        return -EINVAL;
                if (*++p != ' ')
                        return -EINVAL;
                p++;
                if (!parse_number(&p, &entry.major) || *p++ != ':' || !parse_number(&p, &entry.minor) || *p++ != ' ')
                        return -EINVAL;
                for (; *p != '\n' && *p != '\0'; p++) {
                        if (*p != 'r' && *p != 'w' && *p != 'm')
                                return -EINVAL;
                        entry.access |= *p == 'r' ? 2u : *p == 'w' ? 4u : 1u;
                }
                p += *p == '\n';
                if (entry.type == 'a')
                        list.is_default_allow = true;
                else
                        list.entries[list.n++] = entry;
        }
        *ret_list = list;
        return 0;
}

bool device_list_equals(const struct device_list *a, const struct device_list *b)
{
        if (a->is_default_allow != b->is_default_allow || a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++) {
                const struct device_entry *other = find_entry(b, &a->entries[i]);

                if (other == NULL || other->access != a->entries[i].access)
                        return false;
        }
        return true;
}

/* ---- v1 ---- */

static int write_entry(const struct cgroup_folder *at, bool is_allow, const struct device_entry *entry, struct error *err)
{
        const char *file = is_allow ? "devices.allow" : "devices.deny";
        char text[80];
        int r;

        format_entry(entry, text, sizeof text);
        r = fd_write_file(at->fd, file, text);
        if (r == -EPERM)
                return error_errno(err, r, "linux.resources.devices: write %s to %s/%s (the cgroup above does not allow this "
                                   "device)", text, at->path, file);
        if (r < 0)
                return error_errno(err, r, "linux.resources.devices: write %s to %s/%s", text, at->path, file);
        return 0;
}

static int read_list(const struct cgroup_folder *at, struct arena *arena, struct device_list *ret_list, struct error *err)
{
        auto_free char *text = NULL;
        int r = cgroup_read(at, "devices.list", &text);

        if (r == 0)
                r = device_list_parse(text, arena, ret_list);
        return r < 0 ? error_errno(err, r, "read %s/devices.list", at->path) : 0;
}

static int set_v1(const struct cgroup_folder *at, const struct device_list *target, struct arena *arena, struct error *err)
{
        struct device_list now = { 0 };
        int r = read_list(at, arena, &now, err);

        if (r < 0)
                return r;
        if (cgroup_mark_read(at->fd) == CGROUP_MARK_SHARED && !device_list_equals(&now, target))
                return error_set(err, EBUSY, "linux.resources.devices: the container that shares cgroup %s has other device rules; "
                                 "give each a linux.cgroupsPath of its own", at->path);
        if (target->is_default_allow || now.is_default_allow) {
                /* From the start: deny everything first, so that nothing is open in between that ends closed. */
                r = cgroup_write(at, "devices", target->is_default_allow ? "devices.allow" : "devices.deny", "a", err);
                if (r < 0)
                        return r;
                now.n = 0;
        }
        for (size_t i = 0; i < now.n; i++) {
                const struct device_entry *wanted = find_entry(target, &now.entries[i]);
                struct device_entry gone = now.entries[i];

                gone.access &= wanted == NULL ? DEVICE_ACCESS_ALL : ~wanted->access;
                if (gone.access == 0)
                        continue;
                r = write_entry(at, target->is_default_allow, &gone, err);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < target->n; i++) {
                const struct device_entry *there = now.n == 0 ? NULL : find_entry(&now, &target->entries[i]);
                struct device_entry missing = target->entries[i];

                missing.access &= there == NULL ? DEVICE_ACCESS_ALL : ~there->access;
                if (missing.access == 0)
                        continue;
                r = write_entry(at, !target->is_default_allow, &missing, err);
                if (r < 0)
                        return r;
        }
        r = read_list(at, arena, &now, err);
        if (r < 0)
                return r;
        /* With everything allowed by default the kernel does not list the exceptions. */
        if (now.is_default_allow != target->is_default_allow ||
            (!target->is_default_allow && !device_list_equals(&now, target)))
                return error_set(err, EIO, "linux.resources.devices: %s/devices.list is not what was asked for", at->path);
        return 0;
}

/* user_namespaces(7): the initial one maps everything to itself. */
static bool is_in_user_namespace(void)
{
        auto_free char *text = NULL;
        unsigned long long inside, outside, size;

        return fd_read_file(AT_FDCWD, "/proc/self/uid_map", 65536, &text, NULL) < 0 ||
               sscanf(text, "%llu %llu %llu", &inside, &outside, &size) != 3 || inside != 0 || outside != 0 ||
               size != 4294967295ull;
}

int cgroups_set_devices(const struct cgroups_plan *plan, const struct spec_device_rule *rules, size_t n_rules,
                        struct error *err)
{
        auto_cgroup_set struct cgroup_set set = { 0 };
        auto_arena struct arena arena = { 0 };
        const struct cgroup_folder *at;
        struct device_list list;
        struct bpf_insn *program;
        size_t n;
        int r;

        if (plan->is_v2)
                r = device_program_make(rules, n_rules, &arena, &program, &n, err);
        else
                r = device_list_make(rules, n_rules, &arena, &list, err);
        if (r < 0)
                return r;
        r = cgroup_set_open(plan->paths, plan->n_paths, &set, err);
        if (r < 0)
                return r;
        if (!plan->is_v2) {
                at = cgroup_set_find(&set, "devices.list");
                if (is_in_user_namespace())
                        return 1;
                if (at == NULL)
                        return error_set(err, ENODEV, "linux.resources.devices: no cgroup v1 hierarchy with the devices controller "
                                         "is mounted, so that nothing would keep the container from the host's devices");
                return set_v1(at, &list, &arena, err);
        }
        if (set.n == 0)
                return is_in_user_namespace() ? 1 :
                       error_set(err, ENODEV, "linux.resources.devices: the container has no cgroup");
        auto_close int program_fd = device_program_load(program, n, NULL, 0);

        if (program_fd < 0) {
                if ((errno == EPERM || errno == EACCES) && is_in_user_namespace())
                        return 1;
                return error_errno(err, errno, "linux.resources.devices: load the eBPF program");
        }
        r = device_program_attach(&set.folders[0], program_fd, err);
        if (r == -EPERM && is_in_user_namespace())
                return 1;
        return r;
}
