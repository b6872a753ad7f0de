/* Judges mounts one by one, in this order: may this kind be at this target; may this source be seen at all
 * (mounts_sources.c); is there something of the build's own to show instead (mounts_instead.c); which flags does it
 * get; and, for binds of a build with a leased range, whose ids its files have (mounts_ids.c). */
#include "policies/mounts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "policies/exceptions.h"
#include "policies/mounts_private.h"
#include "policies/paths.h"
#include "policies/rootfs.h"
#include "runtime/base/text.h"

#define TERMINALS_MOST 128

void mounts_note(struct mount_candidate *c, const char *asked, const char *got)
{
        size_t a = strlen(c->asked), g = strlen(c->got);

        snprintf(c->asked + a, sizeof c->asked - a, "%s%s", a > 0 ? "," : "", asked);
        snprintf(c->got + g, sizeof c->got - g, "%s%s", g > 0 ? "," : "", got);
}

const char *mounts_property(struct judge *judge, const struct mount_candidate *c)
{
        return arena_format(judge->arena, "mounts[%zu] (%s)", c->index, c->mount.target);
}

/* A mount that no exception allows. */
void mounts_refuse(struct judge *judge, const struct mount_candidate *c, const char *rule, const char *sentence)
{
        judge_refuse(judge, rule, mounts_property(judge, c), c->mount.fstype, NULL, "%s", sentence);
}

void mounts_refuse_source(struct judge *judge, const struct mount_candidate *c, const char *rule, const char *sentence)
{
        const char *source = c->mount.source != NULL ? c->mount.source : "";
        const char *real_path = c->source != NULL ? c->source->real_path : NULL;

        /* Exceptions name the file and not a link that leads to it. */
        if (real_path != NULL && strcmp(policy_exceptions_real(source), real_path) == 0)
                real_path = source;
        judge_refuse(judge, rule, mounts_property(judge, c), source,
                     arena_format(judge->arena, "mount:%s", real_path != NULL ? real_path : source), "%s", sentence);
}

/* Words of the flags in the order in which they are told. */
static const struct {
        uint64_t attr;
        const char *asked, *got;
} attr_words[] = {
        { MOUNT_ATTR_RDONLY, "rw", "ro" },
        { MOUNT_ATTR_NOSUID, "suid", "nosuid" },
        { MOUNT_ATTR_NODEV, "dev", "nodev" },
        { MOUNT_ATTR_NOEXEC, "exec", "noexec" },
};

/* Sets flags, on the mounts below as well where there are any. */
void mounts_force(struct mount_candidate *c, uint64_t attrs)
{
        for (size_t i = 0; i < sizeof attr_words / sizeof *attr_words; i++) {
                if ((attrs & attr_words[i].attr) && !(c->mount.attr_set & attr_words[i].attr) &&
                    !(c->mount.attr_set_recursive & attr_words[i].attr))
                        mounts_note(c, attr_words[i].asked, attr_words[i].got);
        }
        c->mount.attr_set |= attrs;
        c->mount.attr_clear &= ~attrs;
        c->mount.attr_clear_recursive &= ~attrs;
        if (c->mount.is_recursive)
                c->mount.attr_set_recursive |= attrs;
}

bool mounts_is_one_of(const char *text, const char *const *list, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (strcmp(text, list[i]) == 0)
                        return true;
        }
        return false;
}

/* ---- where ---- */

/* What container hosts lay over procfs (lxcfs), and nothing that a runtime writes to or a program trusts. */
static const char *const proc_binds[] = {
        "/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo",
        "/proc/slabinfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
};

bool policy_mounts_covers_proc(const char *target)
{
        return IS_ONE_OF(target, proc_binds);
}

/* Returns false when refused. */
static bool judge_target(struct judge *judge, const struct mount_candidate *c)
{
        const char *target = c->mount.target;
        const char *only = NULL;
        enum spec_mount_kind kind = c->mount.kind;

        if (strcmp(target, "/") == 0) {
                mounts_refuse(judge, c, "mounts.targets", "a mount over / would hide the rootfs; use root.path");
                return false;
        }
        if (policy_paths_is_in(target, "/proc") && !(kind == SPEC_MOUNT_PROC && strcmp(target, "/proc") == 0) &&
            !(c->mount.is_remount && strcmp(target, "/proc") == 0) &&
            !(kind == SPEC_MOUNT_BIND && policy_mounts_covers_proc(target))) {
                mounts_refuse(judge, c, "mounts.proc",
                       arena_format(judge->arena, "a mount at %s would stand in for the kernel's files; drop the mount",
                                    target));
                return false;
        }
        switch (kind) {
        case SPEC_MOUNT_PROC:
                only = "/proc";
                break;
        case SPEC_MOUNT_SYSFS:
                only = "/sys";
                break;
        case SPEC_MOUNT_DEVPTS:
                only = "/dev/pts";
                break;
        case SPEC_MOUNT_MQUEUE:
                only = "/dev/mqueue";
                break;
        case SPEC_MOUNT_CGROUP:
                if (policy_paths_is_in(target, "/sys/fs/cgroup"))
                        return true;
                only = "/sys/fs/cgroup";
                break;
        case SPEC_MOUNT_BIND:
        case SPEC_MOUNT_OVERLAY:
                if (strcmp(target, "/dev") != 0 && strcmp(target, "/sys") != 0)
                        return true;
                if (c->mount.is_remount)
                        return true;
                mounts_refuse(judge, c, "mounts.targets",
                       arena_format(judge->arena, "a folder of the host cannot stand in for the build's %s; drop the "
                                    "mount", target));
                return false;
        case SPEC_MOUNT_TMPFS:
        case SPEC_MOUNT_OTHER:
                return true;
        }
        if (strcmp(target, only) == 0)
                return true;
        mounts_refuse(judge, c, "mounts.targets",
               arena_format(judge->arena, "a mount of type %s belongs at %s, not at %s; drop the mount",
                            c->mount.fstype != NULL ? c->mount.fstype : "none", only, target));
        return false;
}

/* ---- how ---- */

/* Kept off the mount and told: what would be read by nobody. */
static void drop_file_system_options(struct judge *judge, struct mount_candidate *c, const char *instead)
{
        static const struct {
                unsigned long flag;
                const char *set, *clear;
        } words[] = {
                { MS_SYNCHRONOUS, "sync", "async" },       { MS_DIRSYNC, "dirsync", NULL },
                { MS_MANDLOCK, "mand", "nomand" },         { MS_I_VERSION, "iversion", "noiversion" },
                { MS_LAZYTIME, "lazytime", "nolazytime" },
        };
        char asked[160] = "";
        size_t length = 0;

        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
                const char *word = c->mount.sb_flags & words[i].flag         ? words[i].set
                                   : c->mount.sb_flags_clear & words[i].flag ? words[i].clear
                                                                             : NULL;

                if (word != NULL)
                        length += (size_t)snprintf(asked + length, sizeof asked - length, "%s%s", length > 0 ? "," : "",
                                                   word);
        }
        if (c->mount.data != NULL && c->mount.data[0] != '\0')
                snprintf(asked + length, sizeof asked - length, "%s%.80s", length > 0 ? "," : "", c->mount.data);
        if (c->mount.is_tmpcopyup)
                snprintf(asked + strlen(asked), sizeof asked - strlen(asked), "%stmpcopyup",
                         asked[0] != '\0' ? "," : "");
        if (asked[0] != '\0')
                judge_record(judge, "mounts.options", mounts_property(judge, c), asked, instead);
        c->mount.sb_flags = c->mount.sb_flags_clear = 0;
        c->mount.data = "";
        c->mount.is_tmpcopyup = false;
}

static void judge_propagation(struct mount_candidate *c)
{
        if (c->mount.propagation & MS_SHARED) {
                mounts_note(c, "shared", "private");
                c->mount.propagation = MS_PRIVATE;
        }
}

static void judge_bind(struct judge *judge, const struct sandbox *sandbox, struct mount_candidate *c)
{
        if (mounts_replace_ipc_bind(judge, sandbox, c) || mounts_drop_cgroup_bind(judge, c))
                return;
        /* mount(2), MS_BIND: "the remaining bits are ignored"; the file system is the host's. */
        drop_file_system_options(judge, c, "left as the file system has it: it is the host's");
        /* A link is a text, and where it leads counts inside the container. */
        if (c->mount.is_copy_symlink && c->source != NULL && c->source->link != NULL) {
                c->verdict.link = c->source->link;
                return;
        }
        if (!mounts_judge_source(judge, c) || mounts_replace_shm_bind(judge, sandbox, c))
                return;
        /* A device node behind nodev cannot be opened. */
        if (c->is_device)
                mounts_force(c, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
        else
                mounts_force(c, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
        if (c->source->error == 0) {
                c->verdict.is_source_known = true;
                c->verdict.source_device = c->source->device;
                c->verdict.source_inode = c->source->inode;
                if (mounts_is_of_etc(c->source))
                        mounts_force(c, MOUNT_ATTR_RDONLY);
        }
        if (!mounts_leave_unmapped(judge, sandbox, c))
                mounts_judge_ids(judge, sandbox, c);
}

/* All terminals of the machine come out of one store, of which 1,024 are kept for the host's own devpts
 * (kernel.pty.max, kernel.pty.reserve): one build would take the rest, and nobody else's exec -t would get one. A
 * remount that does not name the limit takes it away (fs/devpts/inode.c, parse_mount_options()). */
static int limit_terminals(struct judge *judge, struct mount_candidate *c)
{
        const char *kept = "";
        char *data = arena_string(judge->arena, c->mount.data == NULL ? "" : c->mount.data), *rest = NULL;
        uint32_t most = TERMINALS_MOST, asked;

        if (data == NULL)
                return -ENOMEM;
        for (char *part = strtok_r(data, ",", &rest); part != NULL; part = strtok_r(NULL, ",", &rest)) {
                if (!text_starts_with(part, "max=") || text_to_u32(part + strlen("max="), &asked) < 0) {
                        kept = arena_format(judge->arena, "%s%s,", kept, part);
                        if (kept == NULL)
                                return -ENOMEM;
                        continue;
                }
                most = asked < TERMINALS_MOST ? asked : TERMINALS_MOST;
                if (asked > TERMINALS_MOST)
                        mounts_note(c, "more terminals", "as many terminals as a build may have");
        }
        c->mount.data = arena_format(judge->arena, "%smax=%u", kept, most);
        return c->mount.data == NULL ? -ENOMEM : 0;
}

/* What an earlier entry mounted at the same place; NULL: nothing. */
static const struct spec_mount *find_mounted(const struct spec_mount *mounts, size_t n, const char *target)
{
        while (n-- > 0) {
                if (!mounts[n].is_remount && strcmp(mounts[n].target, target) == 0)
                        return &mounts[n];
        }
        return NULL;
}

/* Without "bind" the file system's own options change: for everybody who has it mounted. */
static void judge_reconfiguration(struct judge *judge, struct mount_candidate *c, const struct spec_mount *mounts,
                                  size_t n)
{
        unsigned long known = MS_SYNCHRONOUS | MS_DIRSYNC | MS_MANDLOCK | MS_I_VERSION | MS_LAZYTIME;
        const struct spec_mount *mounted;

        if (((c->mount.sb_flags | c->mount.sb_flags_clear) & known) == 0 &&
            (c->mount.data == NULL || c->mount.data[0] == '\0'))
                return;
        if (c->mount.kind == SPEC_MOUNT_BIND) {
                drop_file_system_options(judge, c, "left as the file system has it: a bind has its own flags only");
                return;
        }
        mounted = find_mounted(mounts, n, c->mount.target);
        if (mounted == NULL || (mounted->kind != SPEC_MOUNT_TMPFS && mounted->kind != SPEC_MOUNT_DEVPTS &&
                                mounted->kind != SPEC_MOUNT_PROC)) {
                mounts_refuse(judge, c, "mounts.remount",
                              arena_format(judge->arena,
                                           "a remount would change the options of the file system at %s, which others "
                                           "have mounted as well; drop them, or add \"bind\"",
                                           c->mount.target));
                return;
        }
        c->mount.kind = mounted->kind;
        c->verdict.is_file_system_changed = true;
}

/* remount: flags of what an earlier entry mounted. It may add to them and not take away. */
static void judge_remount(struct mount_candidate *c)
{
        uint64_t kept = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

        if ((c->mount.attr_clear | c->mount.attr_clear_recursive) & kept)
                mounts_note(c, "flags taken away", "kept");
        c->mount.attr_clear &= ~kept;
        c->mount.attr_clear_recursive &= ~kept;
        mounts_force(c,
              policy_paths_is_in(c->mount.target, "/dev") ? MOUNT_ATTR_NOSUID : MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

/* @mounts: those before it, as judged. */
static int judge_one(struct judge *judge, const struct sandbox *sandbox, const struct spec_mount *mounts, size_t n,
                      struct mount_candidate *c)
{
        mounts_replace_kernel_bind(judge, sandbox, c);
        mounts_bind_kernels(judge, sandbox, c);
        if (c->is_kernels || !judge_target(judge, c))
                return 0;
        judge_propagation(c);
        if (c->mount.is_remount) {
                judge_reconfiguration(judge, c, mounts, n);
                judge_remount(c);
                if (!c->verdict.is_file_system_changed || c->mount.kind != SPEC_MOUNT_DEVPTS)
                        return 0;
                return limit_terminals(judge, c);
        }
        if (c->mount.is_tmpcopyup && c->mount.kind != SPEC_MOUNT_TMPFS && c->mount.kind != SPEC_MOUNT_BIND) {
                judge_record(judge, "mounts.options", mounts_property(judge, c), "tmpcopyup",
                             "left out: for a tmpfs only");
                c->mount.is_tmpcopyup = false;
        }
        switch (c->mount.kind) {
        case SPEC_MOUNT_BIND:
                judge_bind(judge, sandbox, c);
                return 0;
        case SPEC_MOUNT_PROC:
        case SPEC_MOUNT_MQUEUE:
                mounts_force(c, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
                return 0;
        case SPEC_MOUNT_CGROUP:
                /* cgroups(7): on the unified hierarchy they count in the initial namespace only; v1 is bound. */
                drop_file_system_options(judge, c, "left as the host has it");
                mounts_force(c, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
                return 0;
        case SPEC_MOUNT_SYSFS:
                mounts_force(c, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
                return 0;
        case SPEC_MOUNT_DEVPTS: /* its nodes are terminals, made for this mount alone */
                mounts_force(c, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
                return limit_terminals(judge, c);
        case SPEC_MOUNT_TMPFS:
                mounts_force(c, strcmp(c->mount.target, "/dev") == 0 ? MOUNT_ATTR_NOSUID
                                                              : MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
                return 0;
        case SPEC_MOUNT_OVERLAY:
                mounts_refuse(judge, c, "mounts.types",
                       arena_format(judge->arena, "an overlay at %s would show folders of the host that no rule has "
                                    "looked at; mount a volume without :O", c->mount.target));
                return 0;
        case SPEC_MOUNT_OTHER:
                mounts_refuse(judge, c, "mounts.types",
                       arena_format(judge->arena,
                                    "a mount of type \"%s\" at %s is none that a build needs; drop the mount",
                                    c->mount.fstype != NULL ? c->mount.fstype : "", c->mount.target));
                return 0;
        }
        return 0;
}

static bool has_dev(const struct spec *spec)
{
        for (size_t i = 0; i < spec->n_mounts; i++) {
                if (strcmp(spec->mounts[i].target, "/dev") == 0 && !spec->mounts[i].is_remount)
                        return true;
        }
        return false;
}

#define MADE_HERE (1 + POLICY_ROOTFS_MOUNTS)

int policy_mounts_judge(struct judge *judge, struct sandbox *sandbox)
{
        const struct spec *asked = judge->asked;
        struct spec_mount *mounts = arena_array(judge->arena, asked->n_mounts + MADE_HERE, sizeof *mounts);
        struct sandbox_bind *verdicts = arena_array(judge->arena, asked->n_mounts + MADE_HERE, sizeof *verdicts);
        size_t n = 0;

        if (mounts == NULL || verdicts == NULL)
                return -ENOMEM;

        /* The rootfs is nodev: without a /dev of its own a build has no device at all. First, so that the listed ones
         * lie in it. */
        if (!has_dev(asked)) {
                mounts[n++] = (struct spec_mount){
                        .kind = SPEC_MOUNT_TMPFS, .target = "/dev", .source = "tmpfs", .fstype = "tmpfs",
                        .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME, .attr_clear = MOUNT_ATTR__ATIME,
                        .data = "mode=755,size=65536k",
                };
                judge_tighten(judge, "mounts.dev", "mounts (/dev)", "the image's", "a tmpfs with the standard devices");
        }
        n += policy_rootfs_add_mounts(judge, &mounts[n]);
        for (size_t i = 0; i < asked->n_mounts; i++) {
                struct mount_candidate c = {
                        .index = i,
                        .mount = asked->mounts[i],
                        .source = judge->host->sources != NULL ? &judge->host->sources[i] : NULL,
                };

                c.mount.target = policy_paths_clean(judge->arena, c.mount.target);
                if (c.mount.target == NULL)
                        return -ENOMEM;
                if (judge_one(judge, sandbox, mounts, n, &c) < 0)
                        return -ENOMEM;
                if (c.asked[0] != '\0')
                        judge_tighten(judge, "mounts.flags", mounts_property(judge, &c), c.asked, c.got);
                if (c.is_dropped)
                        continue;
                mounts[n] = c.mount;
                verdicts[n++] = c.verdict;
        }
        sandbox->spec.mounts = mounts;
        sandbox->spec.n_mounts = n;
        sandbox->binds = verdicts;
        return 0;
}
