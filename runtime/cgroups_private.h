/* What the files of the cgroups room share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/bpf.h>

#include "oci-spec/spec.h"
#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "runtime/cgroups.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_FILE_LIMIT_BYTES ((size_t)16 << 20)

/* ---- cgroups_values.c: conversions, pure ---- */

/* "/a//b/./c" -> "a/b/c". ".." and the root itself are refused. @ret_path: in the arena. */
int cgroups_normalise(const char *path, struct arena *arena, const char **ret_path, struct error *err);
bool cgroups_is_systemd_triple(const char *path);
/* The path of ours in @self_cgroup (/proc/self/cgroup) for the hierarchy that holds @controller ("" is v2, named ones
 * are "name=x"), or NULL. */
const char *cgroups_own_path(const char *self_cgroup, const char *controller, struct arena *arena);
/* @path without the leading components of @root; NULL when it does not lie there. */
const char *cgroups_below(const char *path, const char *root);

/* cpu.shares (2..262144, 1024) to cpu.weight (1..10000, 100): the quadratic curve through the three points that runc
 * 1.3.2 and crun 1.23 have. 0 stays 0. */
uint64_t cgroups_weight_from_shares(uint64_t shares);
/* blkio.weight (10..1000) to io.weight (1..10000), linear. */
uint64_t cgroups_io_weight(uint64_t blkio_weight);
/* memory+swap of v1 to swap alone of v2. Both: 0 not given, -1 unlimited. @ret_is_given: write it. */
int cgroups_swap_only(int64_t memory, int64_t memory_and_swap, bool *ret_is_given, int64_t *ret_swap, struct error *err);

#define CGROUP_GROUP_PREFIX "runb."     /* containers' own begin with "runb-" */

/* ---- folders ---- */

/* What stood in the files that an update has written so far. */
struct cgroup_journal {
        struct { const struct cgroup_folder *at; char file[64]; char *old; } entries[64];
        size_t n;
};

#define CGROUP_OOM_GROUP "memory.oom.group"

/* Below a container's folder: of the process that notes what it has used (keeper.h), which is none of the container's. */
#define CGROUP_KEEPER "runb-keeper"

/* What the files are to hold, where it is only asked and not written: for who compares. A list, in the order of the writes. */
struct cgroup_wish { const struct cgroup_folder *at; const char *file, *value; struct cgroup_wish *next; };
struct cgroup_wishes { struct arena *arena; struct cgroup_wish *first, *last; };
/* @text, of the file that the wish is about, lets more through than the wish does: a higher limit or weight, or none. What can be
 * compared by equality alone is weaker where it differs. */
bool cgroup_wish_is_weaker(const char *file, const char *wanted, const char *text);

struct cgroup_folder {
        const char *path;
        int fd;                 /* O_PATH */
        bool is_v2;
        struct cgroup_journal *journal; /* NULL: none is kept */
        struct cgroup_wishes *wishes;   /* NULL: cgroup_write() writes */
};

struct cgroup_set {
        struct cgroup_folder folders[CGROUPS_MAX];
        size_t n;
};

/* Writes back what was there, the last one first. */
void cgroup_journal_undo(const struct cgroup_journal *journal);
void cgroup_journal_end(struct cgroup_journal *journal);
/* -EINVAL where @fd is no cgroup. */
int cgroup_check_folder(int fd, const char *path, bool *ret_is_v2, struct error *err);
/* Opens those that exist; no link is followed, and a path that is no cgroup, or a hierarchy's root, is an error. */
int cgroup_set_open(const char *const *paths, size_t n_paths, struct cgroup_set *ret_set, struct error *err);
void cgroup_set_close(struct cgroup_set *set);
/* O_PATH, without following a link; with @dir_fd (else AT_FDCWD) never out of it. */
int cgroup_open_folder(int dir_fd, const char *path);
/* Replaces each folder by the sub-cgroup that cgroups_open()'s @subs name. */
int cgroup_set_enter_subs(struct cgroup_set *set, bool is_v2, const char *const *subs, size_t n_subs, struct error *err);
#define auto_cgroup_set __attribute__((cleanup(cgroup_set_close)))
/* The first folder that has @file, v1 before v2; NULL. */
const struct cgroup_folder *cgroup_set_find(const struct cgroup_set *set, const char *file);

/* Whose a folder is: an extended attribute of the folder itself, so that it dies with it. */
enum cgroup_mark {
        CGROUP_MARK_NONE,       /* nobody of ours came by, or was killed before it could say so */
        CGROUP_MARK_OWN,        /* made by a container of ours, and its alone */
        CGROUP_MARK_SHARED,     /* made by a container of ours, and a second one was given it while the first lived */
        CGROUP_MARK_FOREIGN,    /* was there before the first of ours: an administrator's or another runtime's */
        CGROUP_MARK_UNKNOWN,    /* no attributes here (v1 in a user namespace before Linux 6.6) */
};
enum cgroup_mark cgroup_mark_read(int fd);
void cgroup_mark_write(int fd, enum cgroup_mark mark);
/* Has processes, in it or below. */
bool cgroup_is_populated(const struct cgroup_folder *folder);
bool cgroup_has_file(int fd, const char *file);
/* A folder that was there, frozen and empty (a paused container that died): what joins it would hang for ever. */
int cgroup_thaw_leftover(const struct cgroup_folder *folder, struct error *err);
/* @word stands in the blank-separated @list. */
bool cgroup_list_has(const char *list, const char *word);

/* @property: "memory.limit", put after "linux.resources." in errors. Returns 0 or a negative errno. */
int cgroup_write(const struct cgroup_folder *folder, const char *property, const char *file, const char *value,
                 struct error *err);
int cgroup_write_number(const struct cgroup_folder *folder, const char *property, const char *file, int64_t value,
                        struct error *err);
int cgroup_read(const struct cgroup_folder *folder, const char *file, char **ret_text);
int cgroup_read_number(const struct cgroup_folder *folder, const char *file, uint64_t *ret_value);

static inline bool number_is_set(struct spec_number number)
{
        return number.is_given && number.value != 0;
}

/* ---- limits ---- */

enum cgroup_group { GROUP_PIDS, GROUP_MEMORY, GROUP_CPU, GROUP_CPUSET, GROUP_IO, GROUP_HUGETLB, GROUP_NET_CLS,
                    GROUP_NET_PRIO, GROUP_RDMA, GROUPS };

struct cgroup_limits {
        const struct spec_resources *resources;
        const struct spec_resources *demanded;  /* see struct cgroups_plan; NULL: all */
        const struct cgroup_folder *at[GROUPS]; /* the folder of the group's controller; NULL: none here */
        const struct cgroup_folder *unified;    /* v2's folder */
        struct cgroups_ready *ready;            /* where to note what was left out; NULL: nothing may be */
};

bool cgroup_group_is_asked(const struct spec_resources *resources, enum cgroup_group group);
/* By a file of unified, too: policy turns those into typed properties. */
bool cgroup_group_is_demanded(const struct spec_resources *demanded, enum cgroup_group group);
const char *cgroup_group_name(enum cgroup_group group);         /* "memory", the controller's name on v2 */
bool cgroup_asks_for_anything(const struct spec_resources *resources);
/* @demanded, @ready: as in struct cgroup_limits. */
int cgroup_write_limits(const struct cgroup_set *set, bool is_v2, const struct spec_resources *resources,
                        const struct spec_resources *demanded, struct cgroups_ready *ready, struct error *err);
/* Notes a limit that may be left out. Returns false when it was demanded. */
bool cgroup_leave_out(struct cgroup_limits *limits, const char *name, bool is_demanded);

int cgroup_v1_find(const struct cgroup_set *set, struct cgroup_limits *limits, struct error *err);
int cgroup_v1_write(struct cgroup_limits *limits, struct error *err);
/* A new cpuset is empty and takes no process: it gets the CPUs and memory nodes of the one above. */
int cgroup_v1_fill_cpuset(int parent_fd, const struct cgroup_folder *folder, struct error *err);

/* memory.checkBeforeUpdate: -EBUSY where more than @limit is in use already. */
int cgroup_check_usage(const struct cgroup_folder *at, const char *file, int64_t limit, struct error *err);
/* In v1's names or in v2's: hugetlb and rdma can be in either tree. */
int cgroup_write_huge(const struct cgroup_folder *at, const struct spec_resources *resources, struct error *err);
int cgroup_write_rdma(const struct cgroup_folder *at, const struct spec_resources *resources, struct error *err);

int cgroup_v2_find(const struct cgroup_set *set, struct cgroup_limits *limits, struct error *err);
int cgroup_v2_write(struct cgroup_limits *limits, struct error *err);
/* Passes every controller on to the cgroups below; what the kernel refuses shows when a limit needs it. */
void cgroup_v2_enable(int fd, const char *only);
/* An "invalid" or threaded cgroup takes thread-aware controllers only (cgroups(7), "Thread mode"). */
int cgroup_v2_check_type(const struct cgroup_folder *folder, const struct spec_resources *resources, struct error *err);

/* ---- cgroups_devices.c ---- */

#define DEVICE_ACCESS_ALL 7u

/* One entry of v1's devices.list. */
struct device_entry {
        char type;              /* 'b' or 'c' */
        int64_t major, minor;   /* -1: any */
        unsigned access;        /* as spec_device_rule */
};

/* The rules folded in order to a default and its exceptions, as v1 keeps them. */
struct device_list {
        bool is_default_allow;
        struct device_entry *entries;
        size_t n;
};
int device_list_make(const struct spec_device_rule *rules, size_t n_rules, struct arena *arena,
                     struct device_list *ret_list, struct error *err);
int device_list_parse(const char *text, struct arena *arena, struct device_list *ret_list);
bool device_list_equals(const struct device_list *a, const struct device_list *b);

int device_rule_check(const struct spec_device_rule *rule, size_t index, struct error *err);
bool device_rule_is_everything(const struct spec_device_rule *rule);

/* Returns the program's fd; -1 and errno. */
int device_program_load(const struct bpf_insn *program, size_t n, char *log, size_t log_size);
/* One of the programs of the cgroup is the very one of @program_fd (bpf_prog_info.tag). 1, 0 or a negative errno.
 * @ret_n: how many there are. */
int device_program_is_attached(const struct cgroup_folder *at, int program_fd, unsigned *ret_n);
int device_program_attach(const struct cgroup_folder *at, int program_fd, struct error *err);
/* The eBPF program: the last rule that matches decides, for each of read, write and mknod apart. */
int device_program_make(const struct spec_device_rule *rules, size_t n_rules, struct arena *arena,
                        struct bpf_insn **ret_program, size_t *ret_n, struct error *err);
