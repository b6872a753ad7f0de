/* One mount on its way through the rooms of policies/mounts*.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/judge.h"
#include "policies/sandbox.h"

struct mount_candidate {
        size_t index;                   /* in config.json */
        struct spec_mount mount;        /* as it will be */
        struct sandbox_bind verdict;
        const struct host_source *source;
        char asked[160], got[160];      /* what was changed, for the finding */
        bool is_dropped;
        bool is_device;                 /* a node that the build may open */
        bool is_kernels;                /* the host's own /proc, /sys or /dev/mqueue is bound: verdict.kernel_magic */
};

/* mounts.c */
void mounts_note(struct mount_candidate *c, const char *asked, const char *got);
const char *mounts_property(struct judge *judge, const struct mount_candidate *c);
/* No exception allows it. */
void mounts_refuse(struct judge *judge, const struct mount_candidate *c, const char *rule, const char *sentence);
void mounts_refuse_source(struct judge *judge, const struct mount_candidate *c, const char *rule, const char *sentence);
/* Sets flags, on the mounts below as well where there are any. */
void mounts_force(struct mount_candidate *c, uint64_t attrs);
bool mounts_is_one_of(const char *text, const char *const *list, size_t n);
#define IS_ONE_OF(text, list) mounts_is_one_of((text), (list), sizeof(list) / sizeof *(list))

/* mounts_sources.c: may the source of a bind be seen? Returns false when refused. */
bool mounts_judge_source(struct judge *judge, struct mount_candidate *c);
bool mounts_is_standard_device(const struct host_source *source);
bool mounts_is_of_etc(const struct host_source *source);

/* mounts_instead.c: return true where the mount has become another one (or none) and nothing is left to judge. */
bool mounts_drop_cgroup_bind(struct judge *judge, struct mount_candidate *c);
bool mounts_drop_trace_socket(struct judge *judge, struct mount_candidate *c);
bool mounts_replace_ipc_bind(struct judge *judge, const struct sandbox *sandbox, struct mount_candidate *c);
bool mounts_replace_shm_bind(struct judge *judge, const struct sandbox *sandbox, struct mount_candidate *c);
void mounts_replace_kernel_bind(struct judge *judge, const struct sandbox *sandbox, struct mount_candidate *c);
/* Where the namespace is the host's and the mounting one has no power over it: sets is_kernels. */
void mounts_bind_kernels(struct judge *judge, const struct sandbox *sandbox, struct mount_candidate *c);

/* mounts_ids.c */
bool mounts_is_readonly(const struct mount_candidate *c);
/* Would a build that has ids of its own be unable to write there? */
bool mounts_cannot_map(const struct judge *judge, const struct sandbox *sandbox, const struct mount_candidate *c);
bool mounts_leave_unmapped(struct judge *judge, const struct sandbox *sandbox, struct mount_candidate *c);
void mounts_judge_ids(struct judge *judge, const struct sandbox *sandbox, struct mount_candidate *c);
